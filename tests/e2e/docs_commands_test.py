#!/usr/bin/env python3
"""Holds what docs/ and README.md tell people to type against the programs: docs_commands_test.py SOURCE_DIR BIN_DIR

  docs/cli.md             each verb of its list is there, and each option belongs to it.
  `gofarm ...` in texts   the same.
  runbooks and others     each command that only looks is run on a farm over TLS with one worker, and succeeds.
docs/tutorial.md is tutorial_test's, the README's first block is the demo. A verb, an option and a command that are none are found as
well (the control).
"""
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

LOOKED_AT = ["docs/runbooks/*.md", "docs/watching.md", "docs/metrics.md", "docs/hosts.md", "docs/webhooks.md", "docs/catalog.md"]
# What stands in the documents for something of the reader's own.
MEANT = {"NAME": "worker-1"}
NOT_RUN = {
    "catalog run": "asks the module index", "catalog import": "asks hosts of others", "catalog select": "wants a catalog that is filled: catalog_test",
    "catalog why": "wants a module of the index: catalog_test", "report dashboards": "wants a Prometheus: dashboards_test", "login": "hosts_test",
    "up": "this farm is up", "submit": "hosts_test", "worker drain": "worker-7 is another host", "worker undrain": "worker-7 is another host",
}
PROMPT = re.compile(r"^(?:[a-z]+\$ )?(?:[A-Z_]+=\S+ )*gofarm (.*)$")
faults, helps = [], {}


def run(*words):
    return subprocess.run(["gofarm", *words], capture_output=True, text=True, timeout=120)


def help_of(verbs):
    if verbs not in helps:
        helps[verbs] = run(*verbs, "--help").stdout
    return helps[verbs]


def check(place, verbs, options):
    """`verbs`: from the first word on all that look like verbs, so that the last ones may be values."""
    text = help_of(tuple(verbs))
    usage = re.search(r"^Usage: gofarm((?: [a-z]+)*)(.*)$", text, re.M)
    if usage is None:
        faults.append(f"{place}: gofarm {' '.join(verbs)}: no such verb")
        return
    known = usage.group(1).split()
    if len(known) < len(verbs) and "SUBCOMMAND" in usage.group(2) or verbs and not known:
        faults.append(f"{place}: gofarm {' '.join(verbs)}: gofarm {' '.join(known)} has no such verb")
    for option in options:
        if not re.search(re.escape(option) + r"\b", text + help_of(())):
            faults.append(f"{place}: gofarm {' '.join(known)} has no {option}")


def parts_of(line):
    """Of a line of docs/cli.md: what stands between bars outside of brackets."""
    parts, depth = [""], 0
    for i, letter in enumerate(line):
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if depth == 0 and line[i:i + 3] == " | ":
            parts.append("")
        parts[-1] += letter
    return [part.lstrip("| ") for part in parts]


def verbs_of(words):
    verbs = []
    for word in words:
        if not re.fullmatch(r"[a-z]+(\|[a-z]+)*", word):
            break
        verbs.append(word.split("|"))
    return verbs


def options_of(text):
    return re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)


def check_list(place, line):
    base = None
    for part in parts_of(line.removeprefix("gofarm ")):
        verbs = verbs_of(part.split())
        if base is None:
            base = [alternatives[0] for alternatives in verbs[:-1]]
        else:
            verbs = [[verb] for verb in base] + verbs
        every = [[]]
        for alternatives in verbs:
            every = [[*before, one] for before in every for one in alternatives]
        for one in every:
            check(place, one, [])
        # An option may belong to some of the verbs that stand together.
        for option in options_of(part):
            if not any(re.search(re.escape(option) + r"\b", help_of(tuple(one)) + help_of(())) for one in every):
                faults.append(f"{place}: none of {every} has {option}")


def blocks_of(text):
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip().startswith("```"):
            inside = not inside
        elif inside:
            yield number, line.strip()


def look_at_texts(source):
    spans = 0
    for file in [source / "README.md", source / "ARCHITECTURE.md", *sorted((source / "docs").rglob("*.md"))]:
        name = str(file.relative_to(source))
        text = file.read_text()
        for match in re.finditer(r"`gofarm ([^`\n]+)`", text):
            spans += 1
            words = match.group(1).replace("/", "|").split()
            for one in verbs_of(words)[:1] or [[""]]:
                for first in one:
                    rest = [alternatives[0] for alternatives in verbs_of(words)[1:]]
                    if first:
                        check(name, [first, *rest], options_of(match.group(1)))
        if name == "docs/cli.md":
            for number, line in blocks_of(text):
                if line.startswith("gofarm ") and "&&" not in line:
                    check_list(f"{name}:{number}", line)
    if spans < 50:
        sys.exit(f"only {spans} commands were found in texts")


def commands(source):
    for pattern in LOOKED_AT:
        for file in sorted(source.glob(pattern)):
            for number, line in blocks_of(file.read_text()):
                match = PROMPT.match(line)
                if match:
                    # Aligned remarks stand two blanks behind the command, those of a shell behind #.
                    yield f"{file.relative_to(source)}:{number}", re.split(r"  +|\s#|\s[|>&]", match.group(1))[0].split()


def look_on_a_farm(source, top):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    up = run("up", "--workers", "1", "--listen", address, "--public-name", "localhost")
    if up.returncode != 0:
        sys.exit(f"gofarm up: {up.stderr}")
    ran = 0
    try:
        for place, words in commands(source):
            verbs = " ".join(word for alternatives in verbs_of(words) for word in alternatives)
            check(place, verbs.split(), options_of(" ".join(words)))
            if any(verbs == skipped or verbs.startswith(skipped + " ") for skipped in NOT_RUN):
                continue
            answer = run(*(MEANT.get(word, word) for word in words))
            ran += 1
            if answer.returncode != 0:
                faults.append(f"{place}: gofarm {' '.join(words)} ended with {answer.returncode}: {answer.stderr.strip()}")
    finally:
        run("down")
    if ran < 25:
        sys.exit(f"only {ran} commands were run")
    return ran


def main():
    source = pathlib.Path(sys.argv[1])
    os.environ["PATH"] = sys.argv[2] + os.pathsep + os.environ["PATH"]
    with tempfile.TemporaryDirectory(prefix="gofarm-docs-", dir="/tmp") as top:
        os.environ.update(GOFARM_DIR=top + "/farm", XDG_CONFIG_HOME=top + "/config", GOFARM_SERVER="")
        os.environ.pop("GOFARM_FARM", None)
        check("control", ["frobnicate"], [])
        check("control", ["batch", "frobnicate"], [])
        check("control", ["batch", "show"], ["--frob"])
        check_list("control", "gofarm batch list | frob ID | retry ID --frob")
        if len(faults) != 5:
            sys.exit(f"the control found {faults}")
        faults.clear()
        look_at_texts(source)
        ran = look_on_a_farm(source, top)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{ran} commands were run, {len(helps)} verbs looked up, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
