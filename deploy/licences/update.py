#!/usr/bin/env python3
"""Makes common/licences/spdx/spdx.txt: the texts of the SPDX licence list that detection compares with, from the npm package
spdx-license-list in the version below, as base64 of zstd of JSON. Same input, same bytes. Run: deploy/licences/update.py [--check]
(--check: says whether the file is what this would write). Needs npm and zstd (Debian: npm, zstd)."""
import base64
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

VERSION = "6.12.0"
SHA512 = "sha512-+nUYqm3aZMSHbjsthK+i/HHI2okTElCvqwUd4k8QcSk+FTGgjq+fsdFj2wZOaX6XmR2JdWhf/NeflNnvKOjcnQ=="
# Ids that SPDX deprecated, with a text of their own: the id that stands for them now, or "" for none.
DEPRECATED = {"BSD-2-Clause-FreeBSD": "BSD-2-Clause-Views", "BSD-2-Clause-NetBSD": "BSD-2-Clause", "bzip2-1.0.5": "bzip2-1.0.6",
              "Nunit": "", "eCos-2.0": "", "wxWindows": ""}
OUT = pathlib.Path(__file__).resolve().parents[2] / "common/licences/spdx/spdx.txt"
LINE = 120


def package(folder):
    """The unpacked package; npm refuses an archive with another digest than the registry names, this one than ours."""
    answer = subprocess.run(["npm", "pack", "--json", f"spdx-license-list@{VERSION}"], cwd=folder, check=True,
                            capture_output=True, text=True).stdout
    packed = json.loads(answer)[0]
    if packed["integrity"] != SHA512:
        sys.exit(f"update.py: spdx-license-list@{VERSION} has digest {packed['integrity']}, expected {SHA512}")
    with tarfile.open(pathlib.Path(folder) / packed["filename"]) as archive:
        for member in archive.getmembers():
            found = re.fullmatch(r"package/licenses/([A-Za-z0-9.+-]+)\.json", member.name)
            if found:
                yield found.group(1), json.load(archive.extractfile(member))


def preferred(ids):
    """Of ids with one text: GNU's -only form (the text alone grants no later version), else the shortest."""
    return min(ids, key=lambda i: (not i.endswith("-only"), "invariants" in i, len(i), i))


def document(licences):
    same = {}
    for name, licence in licences:
        # Forms that SPDX deprecated in favour of operators ("GPL-2.0+", "GPL-2.0-with-...").
        if name.endswith("+") or re.match(r"L?GPL-\d\.\d-with-", name) or name in DEPRECATED:
            continue
        words = re.sub(r"\W+", " ", licence["licenseText"].lower()).strip()
        same.setdefault(words, []).append((name, licence))
    rows = []
    for group in same.values():
        chosen = preferred([name for name, _ in group])
        licence = dict(group)[chosen]
        rows.append({"id": chosen, "name": licence["name"], "osi": bool(licence["osiApproved"]),
                     "aliases": sorted([n for n, _ in group if n != chosen] + [o for o in DEPRECATED if DEPRECATED[o] == chosen]),
                     "text": re.sub(r"[ \t]+", " ", licence["licenseText"])})
    rows.sort(key=lambda row: row["id"])
    return json.dumps({"list": f"spdx-license-list {VERSION}", "licences": rows}, ensure_ascii=False, indent=0)


def main():
    with tempfile.TemporaryDirectory() as folder:
        text = document(package(folder))
    packed = subprocess.run(["zstd", "--ultra", "-22", "--no-check", "-c"], input=text.encode(), check=True,
                            capture_output=True).stdout
    coded = base64.b64encode(packed).decode()
    lines = "\n".join(coded[i:i + LINE] for i in range(0, len(coded), LINE)) + "\n"
    if "--check" in sys.argv[1:]:
        if OUT.read_text() != lines:
            sys.exit(f"update.py: {OUT} is not what spdx-license-list {VERSION} gives; run deploy/licences/update.py")
        return
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(lines)
    print(f"update.py: wrote {OUT}, {len(lines)} bytes of {len(text.encode())}")


if __name__ == "__main__":
    main()
