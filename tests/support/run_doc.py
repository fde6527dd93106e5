"""Runs the ```sh blocks of a page in order, in one shell that ends with the first command that fails: run_doc.py PAGE. Blocks
without a language are shown only. Prints what ran; exit code 1 names the block that failed."""
import re
import subprocess
import sys


def blocks(text):
    """[(line, commands)] of the page's sh blocks."""
    found, at, lines = [], None, []
    for number, line in enumerate(text.splitlines(), 1):
        if at is None and re.fullmatch(r"```sh\s*", line):
            at, lines = number, []
        elif at is not None and line.startswith("```"):
            found.append((at, "\n".join(lines)))
            at = None
        elif at is not None:
            lines.append(line)
    if at is not None:
        sys.exit("the block at line %d does not end" % at)
    return found


def main():
    page = sys.argv[1]
    found = blocks(open(page, encoding="utf-8").read())
    if not found:
        sys.exit("%s has no sh block" % page)
    script = ["set -eu -o pipefail", "at=0", "trap 'status=$?; [ $status = 0 ] || echo \"%s:$at: failed with $status\" >&2' EXIT" % page]
    for line, commands in found:
        script += ["at=%d" % line, commands]
    done = subprocess.run(["bash", "-c", "\n".join(script)], stdin=subprocess.DEVNULL, check=False)
    print("%d blocks of %s, exit code %d" % (len(found), page, done.returncode))
    return 0 if done.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
