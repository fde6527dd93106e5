#!/usr/bin/env python3
"""Finds tests that would pass on wrong code: a mutation run, started by hand.

  mutate.py GROUP [--list] [--quick] [--only REGEX] [--keep DIR]     GROUP: domain or build

Every mutant deletes one statement or negates one condition of the group's sources. All mutants are compiled into one
copy of the tree and chosen at run time by the environment variable GOFARM_MUTANT, so that a run costs one build and one
start of the test programs for each mutant. Prints the mutants that no test notices, with file and line, and exits 1
when there are any that are not listed as equivalent in tests/tidy/mutants_that_change_nothing.txt."""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EQUIVALENT = ROOT / "tests/tidy/mutants_that_change_nothing.txt"
GROUPS = {
    # Sources (globs), quick test programs, and slow ones that only survivors of the quick ones are shown to.
    "domain": (["coordinator/domain/*.cc"], ["coordinator_domain_test", "coordinator_dispatch_test"], ["sim_test"]),
    "build": (
        ["worker/build/rules.cc", "worker/build/classify.cc", "worker/build/plan.cc", "worker/build/recipe.cc",
         "worker/build/log_lines.cc", "worker/build/verify.cc"],
        ["build_rules_test", "build_classify_test", "build_plan_test", "build_log_lines_test", "build_verify_test"],
        []),
}
# A mutant may make a program run without end, and that is noticed too; a busy machine must not pass for one.
RUN_SECONDS_MAX = 240
SLOW_SECONDS_MAX = 600
KEYWORDS = {"return", "if", "else", "for", "while", "switch", "case", "default", "break", "continue", "do", "using",
            "namespace", "const", "constexpr", "static", "struct", "class", "enum", "template", "typename", "public",
            "private", "protected", "friend", "throw", "delete", "goto", "auto", "explicit", "virtual", "operator",
            "GOFARM_ASSIGN_OR_RETURN", "GOFARM_ASSIGN_OR_RETURN_CTX", "static_assert",
            # It guards against what cannot happen, so no test can ask for it.
            "GOFARM_CHECK"}
SWITCH = "gofarm_mutant_is"
PRELUDE = f"""#include <cstdlib>
namespace {{
inline bool {SWITCH}(int n) {{
  static const char* const chosen = std::getenv("GOFARM_MUTANT");
  static const int number = chosen == nullptr ? 0 : std::atoi(chosen);
  return number == n;
}}
}}  // namespace
"""


def blank_literals(text):
    """The same text with the inside of comments, strings and characters as blanks: positions stay."""
    out = list(text)
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)
    for m in pattern.finditer(text):
        for i in range(m.start(), m.end()):
            if out[i] != "\n":
                out[i] = "_" if text[m.start()] not in "/" else " "
    return "".join(out)


def matching(text, start, opening, closing):
    depth = 0
    for i in range(start, len(text)):
        if text[i] == opening:
            depth += 1
        elif text[i] == closing:
            depth -= 1
            if depth == 0:
                return i
    return -1


def conditions(bare):
    """(start, end) of the conditions of if and while that are plain expressions."""
    for m in re.finditer(r"\b(if|while)\s*\(", bare):
        if re.search(r"constexpr\s*$", bare[:m.start()]) or bare[m.start():].startswith("if constexpr"):
            continue
        opening = m.end() - 1
        end = matching(bare, opening, "(", ")")
        if end < 0:
            continue
        start = opening + 1
        depth = 0
        for i in range(start, end):
            depth += (bare[i] in "([{") - (bare[i] in ")]}")
            if bare[i] == ";" and depth == 0:
                start = i + 1
        inside = bare[start:end]
        # A declaration in the condition: `if (const auto x = f())`.
        if re.match(r"\s*(const\s+)?[\w:<>,\s*&]+\s[*&]?\w+\s*=[^=]", inside) and not re.match(r"\s*[\w.\->]+\s*=[^=]", inside):
            continue
        yield start, end


STATEMENT = re.compile(r"(\+\+|--|\*|\(void\))?[A-Za-z_]\w*(::\w+|\.\w+|->\w+|\[[^\];]*\])*\s*(\(|=[^=]|\+=|-=|\|=|&=|\+\+|--)")


def statements(bare):
    """(start, end) of expression statements, the semicolon included."""
    # A statement begins after one of ; { } ) or else, and never inside parentheses or a class body's declarations.
    paren = 0
    begin_ok = False
    i = 0
    while i < len(bare):
        c = bare[i]
        if c in "([":
            paren += 1
            begin_ok = False
        elif c in ")]":
            paren -= 1
            begin_ok = paren == 0
        elif c in ";{}":
            begin_ok = paren == 0
        elif c.isspace():
            pass
        elif bare.startswith("else", i) and not bare[i + 4].isalnum():
            i += 3
            begin_ok = True
        else:
            if begin_ok and paren == 0:
                m = STATEMENT.match(bare, i)
                word = re.match(r"\w+", bare[i:])
                if m and (not word or word.group(0) not in KEYWORDS):
                    depth = 0
                    for j in range(i, len(bare)):
                        depth += (bare[j] in "([{") - (bare[j] in ")]}")
                        if depth < 0:
                            break
                        if bare[j] == ";" and depth == 0:
                            yield i, j + 1
                            break
            begin_ok = False
        i += 1


def in_function(bare, position):
    """Whether the innermost open brace before `position` belongs to a function body or a block of one."""
    depth = 0
    for i in range(position - 1, -1, -1):
        if bare[i] == "}":
            depth += 1
        elif bare[i] == "{":
            if depth == 0:
                head = bare[max(0, i - 300):i].rstrip()
                if re.search(r"(struct|class|enum|namespace)\b[^;{}()]*$", head):
                    return False
                return bool(re.search(r"(\)|else|do|const|override|noexcept|->\s*[\w:<>*&\s]+|:)$", head)) or head.endswith("]")
            depth -= 1
    return False


def instrument(path, first):
    """The instrumented text of a source and its mutants: [(number, line, what)]."""
    text = path.read_text()
    bare = blank_literals(text)
    edits = []
    for start, end in conditions(bare):
        edits.append((start, end, "negated"))
    for start, end in statements(bare):
        if in_function(bare, start):
            edits.append((start, end, "deleted"))
    edits.sort()
    mutants = []
    inserts = []
    for number, (start, end, what) in enumerate(edits, first):
        line = text.count("\n", 0, start) + 1
        shown = " ".join(text[start:end].split())
        mutants.append((number, f"{path.relative_to(path.parents[2])}", line, what, shown[:110]))
        if what == "negated":
            inserts.append((start, 1, f"{SWITCH}({number}) != static_cast<bool>("))
            inserts.append((end, -1, ")"))
        else:
            inserts.append((start, 1, f"{{ if (!{SWITCH}({number})) {{ "))
            inserts.append((end, -1, " } }"))
    # Ends come before beginnings at one place; inner ends before outer ones, outer beginnings before inner ones.
    inserts.sort(key=lambda x: (x[0], x[1]))
    out = []
    last = 0
    for position, _, piece in inserts:
        out.append(text[last:position])
        out.append(piece)
        last = position
    out.append(text[last:])
    return PRELUDE + f'#line 1 "{path.name}"\n' + "".join(out), mutants


OUT_OF_TIME = set()  # numbers of mutants


def run(program, number, seconds):
    """True when the program fails with this mutant."""
    env = dict(os.environ, GOFARM_MUTANT=str(number), GTEST_FAIL_FAST="1", GTEST_BRIEF="1")
    try:
        done = subprocess.run([program], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        OUT_OF_TIME.add(number)
        return True
    return done.returncode != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", choices=sorted(GROUPS))
    parser.add_argument("--list", action="store_true", help="only list the mutants")
    parser.add_argument("--quick", action="store_true", help="without the slow test programs")
    parser.add_argument("--only", default="", help="only mutants whose file matches")
    parser.add_argument("--keep", default=str(ROOT / "build/mutate"), help="folder of the copy and its build")
    args = parser.parse_args()
    globs, quick, slow = GROUPS[args.group]
    slow = [] if args.quick else slow

    copy = pathlib.Path(args.keep) / "src"
    shutil.rmtree(copy, ignore_errors=True)
    names = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True).stdout.decode().split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    mutants = []
    for pattern in globs:
        for path in sorted(copy.glob(pattern)):
            if not re.search(args.only, str(path)):
                continue
            text, found = instrument(path, len(mutants) + 1)
            path.write_text(text)
            mutants += found
    print(f"mutate: {len(mutants)} mutants of {args.group}", flush=True)
    if args.list:
        for number, name, line, what, shown in mutants:
            print(f"{number} {name}:{line}: {what}: {shown}")
        return 0

    build = pathlib.Path(args.keep) / "build"
    (copy / "build").mkdir(exist_ok=True)
    if (ROOT / "build/deps").is_dir() and not (copy / "build/deps").exists():
        (copy / "build/deps").symlink_to(ROOT / "build/deps")
    flags = "-w"
    subprocess.run(["cmake", "-S", str(copy), "-B", str(build), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0",
                    f"-DCMAKE_CXX_FLAGS={flags}", "-DGOFARM_WERROR=OFF", "-DGOFARM_LINKER=mold", "-DGOFARM_BENCH=OFF"],
                   stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["ninja", "-C", str(build), *quick, *slow], check=True, stdout=subprocess.DEVNULL)
    programs = {name: next(p for p in build.rglob(name) if p.is_file() and os.access(p, os.X_OK)) for name in quick + slow}

    for name in quick + slow:
        if run(programs[name], 0, SLOW_SECONDS_MAX):
            print(f"mutate: {name} fails without a mutant")
            return 2
    known = set()
    if EQUIVALENT.exists():
        known = {line.split(" # ")[0].strip() for line in EQUIVALENT.read_text().splitlines() if line and not line.startswith("#")}

    def survives(mutant):
        number = mutant[0]
        return not any(run(programs[name], number, RUN_SECONDS_MAX) for name in quick) and \
            not any(run(programs[name], number, SLOW_SECONDS_MAX) for name in slow)

    left = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, lives in zip(mutants, pool.map(survives, mutants)):
            if lives:
                _, name, line, what, shown = mutant
                if f"{name}: {what}: {shown}" not in known:
                    left.append(mutant)
                    print(f"{name}:{line}: {what}: {shown}", flush=True)
    for number, name, line, what, shown in mutants:
        if number in OUT_OF_TIME:
            print(f"mutate: noticed only by a test that ran out of time: {name}:{line}: {what}: {shown}")
    print(f"mutate: {len(left)} of {len(mutants)} mutants are noticed by no test")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
