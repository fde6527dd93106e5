#!/usr/bin/env python3
"""Checks the shape of the source tree: who may include whom, one home per library, no dead files, SQL only in named files,
and nothing that belongs to one machine. Run: check_tree.py ROOT [--self-test]; prints each fault with file and line."""
import pathlib
import re
import subprocess
import sys

# Folder -> what it may include besides itself. "x/*" = every folder below x. A longer prefix wins.
COMMON = ["common/*"]
PROTO = ["proto"]
MAY = {
    "common/base": [],
    "common/vocab": ["common/base"],
    "common/digest": ["common/base"],
    "common/elf": ["common/base", "common/vocab"],
    "common/gomod": ["common/base"],
    "common/json": ["common/base"],
    # json: a detection's own form; process: the parser runs in a child.
    "common/godetect": ["common/base", "common/vocab", "common/gomod", "common/io", "common/json", "common/process"],
    "common/catalog": ["common/base", "common/json", "common/vocab"],
    # What coordinator and clients share about what is published.
    "common/publish": ["common/base", "common/digest", "common/gomod", "common/json"],
    "common/pki": ["common/base", "common/digest", "common/io", "common/vocab"],
    # elf: an SBOM is made of an executable's build info.
    "common/attest": ["common/base", "common/digest", "common/elf", "common/io", "common/json", "common/pki", "common/vocab"],
    "common/sync": ["common/base", "common/obs"],
    "common/io": ["common/base", "common/obs", "common/sync"],
    "common/licences": ["common/base", "common/digest", "common/io", "common/json"],
    "common/goproxy": ["common/base", "common/gomod", "common/io", "common/json"],
    "common/process": ["common/base", "common/io", "common/sync"],
    # metrics: the forms in which a scrape is answered.
    "common/http": ["common/base", "common/digest", "common/io", "common/metrics", "common/obs", "common/pki", "common/sync"],
    # Where the archives of toolchains come from, for coordinator and worker.
    "common/archives": ["common/base", "common/digest", "common/gomod", "common/goproxy", "common/io", "common/process",
                        "common/vocab"],
    "common/obs": ["common/base"],
    # process: what a program shows of itself.
    "common/metrics": ["common/base", "common/process"],
    # vocab: the pins of deploy/toolsets.toml are read straight into the type every side uses.
    "common/config": ["common/base", "common/obs", "common/vocab"] + PROTO,
    "common/rpc": ["common/base", "common/json", "common/obs", "common/pki", "common/sync", "common/vocab"] + PROTO,
    "common/wire": ["common/base", "common/vocab"] + PROTO,
    # What command line and page show of the protocol's messages, above all as JSON.
    "common/shapes": ["common/base", "common/json", "common/vocab"] + PROTO,
    "coordinator/domain": ["common/base", "common/vocab", "common/digest", "common/gomod",
                           "common/catalog"],
    "coordinator/store": ["coordinator/domain", "coordinator/sql"] + COMMON,
    "coordinator/blob": COMMON,
    "coordinator/oci": COMMON,
    "coordinator/service": ["coordinator/domain", "coordinator/store", "coordinator/blob"] + COMMON,
    "coordinator/catalog": ["coordinator/domain", "coordinator/store", "coordinator/service"] + COMMON,
    "coordinator/publish": ["coordinator/domain", "coordinator/store", "coordinator/blob", "coordinator/oci"] + COMMON,
    # Tells of batches, as the store has them; asks nothing of the services.
    "coordinator/webhook": ["coordinator/domain", "coordinator/store"] + COMMON,
    # What people read over HTTP, as pure functions; the routes are the app's.
    "coordinator/web": COMMON,
    # The operators' page, likewise pure: of the protocol's messages, as command line and API show them.
    "coordinator/page": ["coordinator/domain", "coordinator/web"] + COMMON + PROTO,
    "coordinator/rpc": ["coordinator/service", "coordinator/catalog", "coordinator/domain", "coordinator/blob",
                        "coordinator/publish"] + PROTO + COMMON,
    # What those see who watch the farm.
    "coordinator/watch": ["coordinator/domain", "coordinator/store", "coordinator/service"] + COMMON,
    "coordinator": ["coordinator/*"] + COMMON + PROTO,
    "worker/exec": COMMON,
    "worker/fetch": ["worker/exec"] + COMMON,
    "worker/build": ["worker/fetch", "worker/exec"] + COMMON,
    "worker/upload": COMMON + PROTO,
    # What those see who watch this worker.
    "worker/watch": ["worker/build"] + COMMON,
    "worker/agent": ["worker/*"] + COMMON + PROTO,
    "worker": ["worker/*"] + COMMON + PROTO,
    "cli": ["cli/dashboards", "cli/embedded", "cli/install"] + PROTO + COMMON,
    # Draws what Prometheus answers; needs no farm.
    "cli/dashboards": COMMON,
    "cli/embedded": PROTO + COMMON,
    # Needs no farm: what it asks of one comes in by values.
    "cli/install": COMMON,
}
# A library's headers -> folders that may name them.
HOMES = {
    r"pqxx/": ["coordinator/store"],
    r"curl/": ["common/io"],
    r"archive(_entry)?\.h": ["common/io"],
    r"zlib\.h": ["common/io"],
    r"zstd\.h": ["common/io"],
    r"tree_sitter/": ["common/godetect"],
    r"prometheus/": ["common/metrics"],
    r"spdlog/": ["common/obs"],
    r"toml\+\+/": ["common/config"],
    r"openssl/": ["common/digest", "common/pki"],
    r"blake3\.h": ["common/digest"],
    r"libpq-fe\.h": ["coordinator/store"],
    r"simdjson": ["common/json", "coordinator/catalog"],
    r"boost/beast": ["common/http"],
    r"boost/asio": ["common/http"],
    r"grpcpp/": ["common/rpc", "coordinator/rpc", "worker/agent", "worker/upload", "cli"],
    r"CLI/": ["cli", "coordinator", "worker"],
}
# What goes by the wall clock; common/base/clock.h and common/sync/wait.h have what is meant instead.
WALL_CLOCK = re.compile(r"absl::Now\(|GetCurrentTimeNanos|system_clock|absl::ToChronoTime|CLOCK_REALTIME|gettimeofday|\btime\(nullptr\)|"
                        r"\b(Await|Wait|WaitForNotification|LockWhen)With(Timeout|Deadline)\(")
WALL_CLOCK_HOME = "common/base/clock.cc"
PRODUCT = ("common/", "coordinator/", "worker/", "cli/")
SOURCE = (".h", ".cc", ".c")
TEXT = SOURCE + (".py", ".sh", ".sql", ".md", ".proto", ".txt", ".cmake", ".toml", ".json", ".service", ".yaml", ".yml")
LINES_MAX = 600


def folder_of(path):
    """The longest key of MAY that holds `path`."""
    best = None
    for key in MAY:
        if path == key or path.startswith(key + "/"):
            if best is None or len(key) > len(best):
                best = key
    return best


def allowed(here, target):
    for entry in MAY[here] + [here]:
        if entry.endswith("/*"):
            if target.startswith(entry[:-1]):
                return True
        elif target == entry or target.startswith(entry + "/"):
            return True
    return False


def check_includes(name, lines):
    here = folder_of(name)
    faults = []
    if here is None:
        return faults
    for number, line in enumerate(lines, 1):
        m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if not m:
            continue
        inc = m.group(2)
        top = inc.split("/")[0]
        if top == "tests":
            faults.append((name, number, f"includes {inc}: tests are included by nobody"))
        elif top in ("common", "coordinator", "worker", "cli"):
            target = str(pathlib.PurePosixPath(inc).parent)
            if target in ("coordinator", "worker") and here not in ("coordinator", "worker"):
                faults.append((name, number, f"includes {inc}: only main may include app"))
            elif not allowed(here, target):
                faults.append((name, number, f"{here} may not include {inc}"))
        elif inc.startswith("gofarm/v1/") and not allowed(here, "proto"):
            faults.append((name, number, f"{here} may not include generated {inc}"))
        else:
            for pattern, homes in HOMES.items():
                if re.match(pattern, inc) and not any(here == h or here.startswith(h + "/") for h in homes):
                    faults.append((name, number, f"{inc} has its home in {', '.join(homes)}, not in {here}"))
    return faults


def check_text(name, lines):
    faults = []
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX)\b", line) and name != "tests/tidy/check_tree.py":
            faults.append((name, number, "what is unfinished goes into docs/roadmap.md or an issue"))
        if name.startswith(PRODUCT) and name.endswith(SOURCE) and name != WALL_CLOCK_HOME and WALL_CLOCK.search(line):
            faults.append((name, number, "goes by the wall clock: SteadyNow(), sync::AwaitUntil or, for a stamp, WallNow()"))
        if name.startswith("coordinator/") and name.endswith((".cc", ".h")):
            if re.search(r'"\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b', line):
                faults.append((name, number, "SQL lives in coordinator/sql/*.sql"))
        if name.startswith("coordinator/rpc/") and name.endswith(SOURCE) and re.search(r"\bstore::", line):
            faults.append((name, number, "handlers call services, which take and return domain types"))
    if name.endswith(SOURCE + (".py", ".sh")) and len(lines) > LINES_MAX:
        faults.append((name, LINES_MAX, f"{len(lines)} lines: more than one idea in a file ({LINES_MAX} at most)"))
    return faults


def check_dead(root, names):
    """Every source is named by a CMakeLists.txt, every header is included, every .sql is used."""
    faults = []
    build = "\n".join((root / n).read_text() for n in names if n.endswith(("CMakeLists.txt", ".cmake")))
    code = "\n".join((root / n).read_text(errors="replace") for n in names if n.endswith(SOURCE))
    for n in names:
        base = n.rsplit("/", 1)[-1]
        if n.endswith((".cc", ".c")) and base not in build:
            faults.append((n, 1, "no CMakeLists.txt names this source"))
        if n.endswith(".h") and f'"{n}"' not in code:
            faults.append((n, 1, "no source includes this header"))
        if n.startswith("coordinator/sql/") and n.endswith(".sql"):
            stem = base[:-4]
            if not re.search(r"\b" + stem + r"\b", code):
                faults.append((n, 1, "no store uses this statement"))
    return faults


def tracked(root):
    out = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, check=False)
    if out.returncode == 0 and out.stdout:
        return [n for n in out.stdout.decode().split("\0") if n and (root / n).is_file()]
    return [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and "build" not in p.parts]


def self_test():
    bad = [
        ("coordinator/domain/x.cc", '#include "coordinator/store/pool.h"'),
        ("coordinator/domain/x.cc", "#include <pqxx/pqxx>"),
        ("worker/exec/x.cc", '#include "worker/build/plan.h"'),
        ("worker/build/x.h", '#include "gofarm/v1/worker.pb.h"'),
        ("cli/x.cc", '#include "coordinator/domain/job.h"'),
        ("common/base/x.h", '#include "common/obs/log.h"'),
        ("coordinator/rpc/x.cc", '#include "coordinator/store/pool.h"'),
        ("coordinator/web/x.cc", '#include "coordinator/service/query_service.h"'),
        ("common/io/x.cc", '#include "tests/support/fake_clock.h"'),
    ]
    good = [
        ("coordinator/rpc/x.cc", '#include "coordinator/service/batch_service.h"'),
        ("worker/agent/x.cc", '#include "worker/build/runner.h"'),
        ("coordinator/store/x.cc", "#include <pqxx/pqxx>"),
    ]
    for name, line in bad:
        if not check_includes(name, [line]):
            return f"the include table lets {name} say {line}"
    for name, line in good:
        if check_includes(name, [line]):
            return f"the include table forbids {name} to say {line}"
    if not check_text("coordinator/store/x.cc", ['  txn.exec("SELECT 1 FROM jobs");']):
        return "SQL in code is not seen"
    for line in ("  const absl::Time now = absl::Now();", "  mutex_.AwaitWithTimeout(absl::Condition(&done), kLimit);"):
        if not check_text("worker/build/x.cc", [line]) or check_text("tests/unit/x.cc", [line]):
            return f"the wall clock is not seen in {line}"
    if not check_text("coordinator/rpc/x.cc", ["  store::JobFilter filter;"]):
        return "a handler that names the store is not seen"
    return None


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    fault = self_test()
    if fault:
        print(f"check_tree: {fault}")
        return 1
    names = tracked(root)
    faults = []
    for n in names:
        if not n.endswith(TEXT):
            continue
        lines = (root / n).read_text(errors="replace").splitlines()
        faults += check_text(n, lines)
        if n.endswith(SOURCE):
            faults += check_includes(n, lines)
    faults += check_dead(root, names)
    for name, number, what in faults:
        print(f"{name}:{number}: {what}")
    print(f"check_tree: {len(names)} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
