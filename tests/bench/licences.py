#!/usr/bin/env python3
"""Compares what common/licences finds in the licence files of the table's modules with what google/licensecheck v0.3.1 finds, the
detector of pkg.go.dev. Prints the agreement in percent over files and fails on a difference that EXPLAINED does not name.

licences.py LICENCES_TOOL [--table TSV] [--cache DIR]
Needs Go and the module proxy that `go env GOPROXY` names; downloads the zips of the table's modules, not of what they import. With
--cache it downloads none and takes every module that is unpacked in that module cache."""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
GO = os.environ.get("GOFARM_TEST_GO") or "go"
# What IsLicenceName of common/gomod takes.
NAME = re.compile(r"(LICEN[SC]E|COPYING|COPYRIGHT|NOTICE|UNLICENSE|PATENTS|MIT-LICENSE|APACHE-LICENSE)", re.I)
FILE_MAX = 1 << 20
# What licensecheck names and we do not: why.
EXPLAINED = {"GooglePatentsFile": "a grant of patents that goes with Go's BSD-3-Clause; it is no licence of the SPDX list"}


def zips(table):
    """Module, version and zip of every module of the table that its proxy has."""
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:] if line]
    for module, version in sorted({(row[0], row[1]) for row in rows if "source_unavailable" not in row[6]}):
        # Outside of any module, so that nothing but this zip is asked for.
        answer = subprocess.run([GO, "mod", "download", "-json", f"{module}@{version}"], cwd=tempfile.gettempdir(),
                                capture_output=True, text=True, env={**os.environ, "GOFLAGS": "", "GOWORK": "off"})
        found = json.loads(answer.stdout or "{}")
        if not found.get("Zip"):
            sys.exit(f"licences.py: go mod download {module}@{version}: {found.get('Error') or answer.stderr}")
        yield module, version, found["Zip"]


def unpack(module, version, archive, folder):
    """Licence files of the zip, below `folder`: path on disk and name inside the module."""
    with zipfile.ZipFile(archive) as opened:
        prefix = f"{module}@{version}/"
        for info in opened.infolist():
            name = info.filename[len(prefix):]
            base = name.rsplit("/", 1)[-1]
            if NAME.match(base) and not base.lower().endswith(".go") and info.file_size <= FILE_MAX:
                path = folder / f"{len(list(folder.iterdir()))}"
                path.write_bytes(opened.read(info))
                yield str(path), name


def unpacked(cache):
    """Path, module and name of every licence file in the module cache."""
    for folder, folders, names in os.walk(cache):
        folders[:] = sorted(f for f in folders if pathlib.Path(folder, f) != cache / "cache")
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if NAME.match(name) and not name.lower().endswith(".go") and path.stat().st_size <= FILE_MAX:
                inside = str(path.relative_to(cache))
                found = re.match(r"(.*?@[^/]+)/(.*)", inside)
                if found:
                    yield str(path), found.group(1), found.group(2)


def ask(command, paths, cwd=None):
    out = subprocess.run(command, input="\n".join(paths) + "\n", capture_output=True, text=True, check=True, cwd=cwd).stdout
    return {answer["path"]: answer for answer in map(json.loads, out.splitlines())}


def common(identifier):
    """licensecheck names the text of a GNU licence without saying which versions it grants."""
    return re.sub(r"^(A?L?GPL-\d\.\d|GFDL-\d\.\d)-(only|or-later)$", r"\1", identifier)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("--table", type=pathlib.Path, default=HERE.parent / "e2e/modules.tsv")
    parser.add_argument("--cache", type=pathlib.Path)
    args = parser.parse_args()
    tool = str(pathlib.Path(args.tool).resolve())
    with tempfile.TemporaryDirectory(prefix="gofarm-licences-") as folder:
        texts = pathlib.Path(folder) / "texts"
        texts.mkdir()
        files = {}
        if args.cache:
            for path, module, name in unpacked(args.cache):
                files[path] = (module, name)
        else:
            for module, version, archive in zips(args.table):
                for path, name in unpack(module, version, archive, texts):
                    files[path] = (f"{module}@{version}", name)
        checker = str(pathlib.Path(folder) / "licencecheck")
        subprocess.run([GO, "build", "-o", checker, "."], cwd=HERE / "licencecheck", check=True,
                       env={**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off"})
        ours, theirs = ask([tool], list(files)), ask([checker], list(files))
    same, explained, unexplained = 0, collections.Counter(), []
    for path, (module, name) in files.items():
        mine = sorted({common(hit["id"]) for hit in ours[path]["hits"] if hit["kind"] != "named"})
        other = sorted({common(match["id"]) for match in theirs[path]["matches"] if not match["is_url"]})
        if mine == other:
            same += 1
            continue
        reasons = {EXPLAINED.get(identifier) for identifier in set(mine) ^ set(other)}
        if None not in reasons:
            explained.update(reasons)
            continue
        print(f"{module} {name}: ours {mine or 'none'}, licensecheck {other or 'none'}: not explained")
        unexplained.append(name)
    for why, files_of in explained.items():
        print(f"licences: {files_of} files differ: {why}")
    slowest = max(answer["milliseconds"] for answer in ours.values())
    print(f"licences: {same} of {len(files)} files of {len({m for m, _ in files.values()})} modules agree ({100 * same / len(files):.1f} %); "
          f"the slowest took {slowest:.1f} ms")
    if unexplained:
        sys.exit(f"licences.py: {len(unexplained)} differences that nobody explained")


if __name__ == "__main__":
    main()
