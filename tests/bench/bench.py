#!/usr/bin/env python3
"""Benchmarks of the main job, each as a ratio to a baseline measured in the same run; writes docs/performance.md.

bench.py [build] [next] [source] [overhead] [seed] [--table FILE] [--out FILE] [--runs N]
  build     the farm over std and zig seeds against the reference recipe (empty caches, go.sum removed, tidy, then
            `go build -a` for each program in turn), x86_64; also the module's second build with its own packages warm, its
            next version after the one before, and a module that must be built in source variant, byte by byte
  overhead  a warm job through the farm minus the same `go install` by hand, median
  seed      seeds of four targets from nothing, without the downloads, and what the next 20 jobs compile of std and musl
Toolchains are taken from GOFARM_CACHE_DIR when they are there. Nothing here is a test: it never fails on a slow machine.
"""
import argparse
import hashlib
import json
import math
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = "## bench/catalog"
BIN = pathlib.Path(os.environ.get("GOFARM_BIN_DIR", ROOT / "build/bin"))
CACHE = pathlib.Path(os.environ.get("GOFARM_CACHE_DIR", pathlib.Path.home() / ".cache/gofarm"))
CFLAGS = "-O2 -flto=auto -fPIE -fpie -static -w -pipe"
LDFLAGS = "-s -w -buildid= -linkmode=external -extldflags '-s -w -static-pie -Wl,--build-id=none'"
FLAGS = ["-trimpath", "-buildmode=pie", "-buildvcs=false", "-tags", "netgo,osusergo", "-ldflags", LDFLAGS]
# One version and its next. Some kept the versions of what they link, some raised them: the compiled packages tell.
STEPS = [("github.com/BurntSushi/toml", "v1.5.0", "v1.6.0"), ("github.com/itchyny/gojq", "v0.12.16", "v0.12.17"),
         ("github.com/tsenart/vegeta/v12", "v12.11.3", "v12.12.0"), ("github.com/google/gops", "v0.3.13", "v0.3.14"),
         ("filippo.io/age", "v1.3.0", "v1.3.1"), ("github.com/Masterminds/glide", "v0.13.1", "v0.13.2"), ("github.com/rakyll/hey", "v0.1.4", "v0.1.5")]
SEEDED = ["github.com/BurntSushi/toml@v1.6.0", "github.com/rakyll/hey@v0.1.5", "github.com/Masterminds/glide@v0.13.2",
          "github.com/itchyny/gojq@v0.12.17", "github.com/hashicorp/go-plugin@v1.6.3"]
REPLACED = "bench.invalid/hey"  # hey under another name, with a replace line: `go install` refuses it by design
SMALL = ["github.com/BurntSushi/toml@v1.6.0", "github.com/rakyll/hey@v0.1.5", "filippo.io/age@v1.3.2"]


def geometric_mean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values))


class Farm:
    """A private farm over a cache folder of its own, which starts with the toolchains of CACHE and, on wish, its seeds."""

    def __init__(self, with_seeds, **environment):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="gofarm-bench-", dir=os.environ.get("GOFARM_BENCH_DIR", "/tmp")))
        self.cache = self.top / "cache"
        self.cache.mkdir()
        for part in ["toolchains"] + (["seeds"] if with_seeds else []):
            if (CACHE / part).is_dir():
                subprocess.run(["cp", "-a", str(CACHE / part), str(self.cache / part)], check=True)
        self.env = {**os.environ, "GOFARM_DIR": str(self.top / "farm"), "GOFARM_CACHE_DIR": str(self.cache), "GOFARM_SERVER": "", **environment}

    def __enter__(self):
        self.call("up", "--workers", "1")
        return self

    def __exit__(self, *_):
        subprocess.run([BIN / "gofarm", "down"], env=self.env, capture_output=True, check=False)
        subprocess.run(["chmod", "-R", "u+w", str(self.top)], check=False)
        shutil.rmtree(self.top, ignore_errors=True)

    def call(self, *args, check=True):
        done = subprocess.run([BIN / "gofarm", *args], env=self.env, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            sys.exit(f"gofarm {' '.join(args)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def json(self, *args, check=True):
        return json.loads(self.call(*args, "--output", "json", check=check))

    def readiness(self):
        return {r["target"]: r for w in self.json("worker", "list") for r in w.get("readiness", [])}

    def wait_seeded(self, targets):
        while True:
            now = self.readiness()
            if all(now.get(t, {}).get("state") == "ready" for t in targets):
                return now
            if any(r["state"] == "failed" for r in now.values()):
                sys.exit(f"seeding failed: {now}")
            time.sleep(0.5)

    def jobs(self, specs, target="x86_64"):
        """One batch of them all, ended: its jobs by MODULE@VERSION."""
        batch = self.json("submit", "--force", "--wait", "--target", target, *specs, check=False)
        return {f"{j['module']}@{j['version']}": j for j in self.json("job", "list", "--batch", str(batch["id"]))}

    def job(self, spec, target="x86_64"):
        return self.jobs([spec], target)[spec]

    def tools(self):
        found = {t["kind"]: t["path"] for w in self.json("worker", "list") for t in w["toolchains"]}
        return found["go"], found["zig"]


def seconds_between(a, b):
    parse = lambda t: time.mktime(time.strptime(t[:19], "%Y-%m-%dT%H:%M:%S")) + float("0" + (t[19:-1] or ".0"))
    return parse(b) - parse(a)


def environment(go, zig, home, cache, mod, goarch="amd64", target="x86_64"):
    return {
        "PATH": f"{pathlib.Path(go).parent}:/usr/bin:/bin", "HOME": str(home), "GOENV": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "",
        "GOPATH": str(home / "gopath"), "GOCACHE": str(cache / "go"), "GOMODCACHE": str(mod), "GOOS": "linux", "GOARCH": goarch,
        "CGO_ENABLED": "1", "CC": f"{zig} cc -target {target}-linux-musl", "CXX": f"{zig} c++ -target {target}-linux-musl",
        "CGO_CFLAGS": CFLAGS, "CGO_CXXFLAGS": CFLAGS, "ZIG_GLOBAL_CACHE_DIR": str(cache / "zig"), "ZIG_LOCAL_CACHE_DIR": str(cache / "zig"),
        **{k: v for k, v in go_settings().items()},
    }


def some_go():
    """A Go of this machine, else the one that the worker brings."""
    return os.environ.get("GOFARM_TEST_GO") or subprocess.run(
        [BIN / "gofarm-worker", "toolchain", "bootstrap", "--cache-dir", CACHE], capture_output=True, text=True, check=True).stdout.strip()


GO_SETTINGS = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE")


def go_settings():
    out = {}
    for name in GO_SETTINGS:
        value = os.environ.get(name)
        if value is None:
            value = subprocess.run([some_go(), "env", name], capture_output=True, text=True, check=False).stdout.strip()
        if value:
            out[name] = value
    return out


def timed(argv, env, cwd):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(argv, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def reference(farm, spec, job):
    """The reference recipe on the module of a job, for the programs that the farm built: seconds, CPU seconds, SHA-256 by import
    path. None when farm or recipe did not build them: a time without a result is no baseline. The downloads are done before the
    clock starts."""
    programs = sorted({e["import_path"] for e in job["executables"]})
    if not programs:
        return None
    module, _ = spec.split("@")
    go, zig = farm.tools()
    work = pathlib.Path(tempfile.mkdtemp(prefix="ref-", dir=farm.top))
    mod = farm.cache / "mod"
    env = {**environment(go, zig, work / "home", work / "cache", mod), **{k: v for k, v in farm.env.items() if k in GO_SETTINGS}}
    (work / "home").mkdir()
    info = json.loads(subprocess.run([go, "mod", "download", "-json", spec], env=env, cwd=work, capture_output=True, text=True, check=True).stdout)
    subprocess.run(["cp", "-r", info["Dir"], str(work / "src")], check=True)
    subprocess.run(["chmod", "-R", "u+w", str(work / "src")], check=True)
    (work / "src/go.sum").unlink(missing_ok=True)
    if not (work / "src/go.mod").exists():
        subprocess.run([go, "mod", "init", module], env=env, cwd=work / "src", capture_output=True, check=True)
    subprocess.run([go, "mod", "tidy"], env=env, cwd=work / "src", capture_output=True, check=False)  # fetches; not timed
    (work / "src/go.sum").unlink(missing_ok=True)
    shutil.rmtree(work / "cache", ignore_errors=True)
    wall = cpu = 0.0
    digests = {}
    _, w, c = timed([go, "mod", "tidy"], env, work / "src")
    wall, cpu = wall + w, cpu + c
    for path in programs:
        rel = "./" + path[len(module):].lstrip("/")
        out = work / "out" / str(len(digests))
        done, w, c = timed([go, "build", "-a", "-v", "-x", *FLAGS, "-o", str(out), rel], env, work / "src")
        wall, cpu = wall + w, cpu + c
        digests[path] = hashlib.sha256(out.read_bytes()).hexdigest() if done.returncode == 0 and out.is_file() else None
    subprocess.run(["chmod", "-R", "u+w", str(work)], check=False)
    shutil.rmtree(work, ignore_errors=True)
    return (wall, cpu, digests) if all(digests.values()) else None


def busy(job):
    """Seconds and CPU seconds of the attempt without the fetch: the reference's downloads are left out too."""
    attempt = job["attempts"][-1]
    return sum(v for k, v in attempt["phases"].items() if k not in ("fetch", "seed")), attempt["cpu_seconds"]


def bench_build(specs):
    rows, left_out = [], []
    with Farm(with_seeds=True) as farm:
        farm.wait_seeded(["x86_64"])
        for spec in specs:
            first, second = farm.job(spec), farm.job(spec)
            ref = reference(farm, spec, first)
            if ref is None:
                left_out.append(spec)
                print(f"build: {spec}: {first['state']} by the farm, left out: no baseline", flush=True)
                continue
            ref_wall, ref_cpu, digests = ref
            (w1, c1), (w2, c2) = busy(first), busy(second)
            rows.append((spec, len(digests), ref_wall, w1, w2, ref_cpu, c1, c2))
            print(f"build: {spec}: reference {ref_wall:.1f} s, farm {w1:.2f} s ({ref_wall / w1:.1f}x), warm {w2:.2f} s ({ref_wall / w2:.1f}x); "
                  f"CPU {ref_cpu:.1f} / {c1:.2f} / {c2:.2f} s", flush=True)
    out = ["| module | programs | reference s | farm, seeds only s | ratio | farm, own packages warm s | ratio | CPU ratio, seeds | CPU ratio, warm |",
           "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for spec, n, rw, w1, w2, rc, c1, c2 in rows:
        out.append(f"| {spec} | {n} | {rw:.1f} | {w1:.2f} | {rw / w1:.1f} | {w2:.2f} | {rw / w2:.1f} | {rc / c1:.1f} | {rc / c2:.1f} |")
    g = [geometric_mean([r[2] / r[3] for r in rows]), geometric_mean([r[2] / r[4] for r in rows]),
         geometric_mean([r[5] / r[6] for r in rows]), geometric_mean([r[5] / r[7] for r in rows])]
    totals = [sum(r[5] for r in rows) / sum(r[6] for r in rows), sum(r[5] for r in rows) / sum(r[7] for r in rows)]
    line = (f"geometric mean: {g[0]:.1f}x over seeds, {g[1]:.1f}x with its own packages warm; CPU time {g[2]:.1f}x and {g[3]:.1f}x; "
            f"total CPU {totals[0]:.1f}x and {totals[1]:.1f}x")
    small = [r for r in rows if r[0] in SMALL]
    if len(rows) > len(small) > 0:
        line += (f". Toml, hey and age alone: {geometric_mean([r[2] / r[3] for r in small]):.1f}x over seeds, "
                 f"{geometric_mean([r[2] / r[4] for r in small]):.1f}x warm")
    if left_out:
        line += f". Left out, since the farm or the reference recipe does not build them: {', '.join(left_out)}"
    print(f"build: {line}", flush=True)
    return ["## bench/build: the farm against the reference recipe (x86_64)", "", *out, "", line[0].upper() + line[1:] + "."]


def compiled(farm, job):
    """Import paths that go compiled for this job, as its log names them."""
    lines = [l.split("|", 1)[1].strip() for l in farm.call("job", "log", str(job["id"])).splitlines() if l.startswith("build/") and "|" in l]
    return [l for l in lines if l and " " not in l]


def side_by_side():
    """CPU seconds of each next version in a farm whose slots are all busy, as they are in a run: a job alone on its worker has every
    core and pays for that speed with CPU time."""
    with Farm(with_seeds=True) as farm:
        farm.wait_seeded(["x86_64"])
        farm.jobs([f"{module}@{before}" for module, before, _ in STEPS])
        return {spec: busy(job)[1] for spec, job in farm.jobs([f"{module}@{after}" for module, _, after in STEPS]).items() if job["executables"]}


def next_summary(name, rows):
    """Rows of seconds: reference, its CPU, farm, its CPU alone, its CPU side by side."""
    if not rows:
        return f"{name}: none"
    mean = lambda over, under: geometric_mean([r[over] / r[under] for r in rows])
    total = lambda over, under: sum(r[over] for r in rows) / sum(r[under] for r in rows)
    return (f"{name}: geometric mean {mean(0, 2):.1f}x in wall time, {mean(1, 3):.1f}x in CPU time alone and {mean(1, 4):.1f}x side by side; "
            f"total CPU {total(1, 3):.1f}x and {total(1, 4):.1f}x")


def bench_next():
    """A module's next version: the farm has built the one before, so what both link stands in its cache."""
    kept, raised = [], []
    out = ["| module | built before | next | own packages compiled | others | reference s | farm s | ratio | CPU ratio, alone | CPU ratio, side by side |",
           "|---|---|---|---:|---:|---:|---:|---:|---:|---:|"]
    beside = side_by_side()
    with Farm(with_seeds=True) as farm:
        farm.wait_seeded(["x86_64"])
        for module, before, after in STEPS:
            spec = f"{module}@{after}"
            farm.job(f"{module}@{before}")
            job = farm.job(spec)
            packages = compiled(farm, job)
            own = sum(path == module or path.startswith(module + "/") for path in packages)
            ref = reference(farm, spec, job)
            if ref is None or spec not in beside:
                print(f"next: {module} {after}: {job['state']} by the farm, left out: no baseline", flush=True)
                continue
            (wall, cpu), (ref_wall, ref_cpu, _) = busy(job), ref
            (raised if len(packages) > own else kept).append((ref_wall, ref_cpu, wall, cpu, beside[spec]))
            out.append(f"| {module} | {before} | {after} | {own} | {len(packages) - own} | {ref_wall:.1f} | {wall:.2f} | {ref_wall / wall:.1f} | "
                       f"{ref_cpu / cpu:.1f} | {ref_cpu / beside[spec]:.1f} |")
            print(f"next: {module} {after} after {before}: {own} own and {len(packages) - own} other packages compiled, reference {ref_wall:.1f} s, "
                  f"farm {wall:.2f} s ({ref_wall / wall:.1f}x); CPU {ref_cpu / cpu:.1f}x alone, {ref_cpu / beside[spec]:.1f}x side by side", flush=True)
    line = f"{next_summary('Where the dependencies stood in the cache', kept)}. {next_summary('Where the next version raised them', raised)}."
    print(f"next: {line}", flush=True)
    return ["## bench/next: a module's next version against the reference recipe (x86_64)", "", *out, "", line]


def replaced_module(proxy, source):
    """A module proxy folder with hey's source as REPLACED v0.1.5, whose go.mod replaces golang.org/x/text by the version it requires anyway."""
    folder = proxy / REPLACED / "@v"
    folder.mkdir(parents=True)
    text = (source / "go.mod").read_text().replace("module github.com/rakyll/hey", f"module {REPLACED}", 1)
    words = next(l.split() for l in text.splitlines() if "golang.org/x/text" in l)
    required = words[words.index("golang.org/x/text") + 1]
    text += f"\nreplace golang.org/x/text => golang.org/x/text {required}\n"
    with zipfile.ZipFile(folder / "v0.1.5.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for file in sorted(f for f in source.rglob("*") if f.is_file()):
            name = file.relative_to(source).as_posix()
            data = text.encode() if name == "go.mod" else file.read_bytes().replace(b"github.com/rakyll/hey/", REPLACED.encode() + b"/")
            z.writestr(f"{REPLACED}@v0.1.5/{name}", data)
    (folder / "v0.1.5.mod").write_text(text)
    (folder / "v0.1.5.info").write_text(json.dumps({"Version": "v0.1.5", "Time": "2024-01-01T00:00:00Z"}))
    (folder / "list").write_text("v0.1.5\n")


def bench_source():
    """A module that is built in source variant: as fast as the others, and the bytes of the reference recipe."""
    work = pathlib.Path(tempfile.mkdtemp(prefix="gofarm-bench-proxy-"))
    try:
        settings = go_settings()
        env = {**os.environ, "GOPATH": str(work / "go"), "GOFLAGS": "-modcacherw", **settings}
        hey = json.loads(subprocess.run([some_go(), "mod", "download", "-json", SMALL[1]], env=env, cwd=work, capture_output=True, text=True, check=True).stdout)
        replaced_module(work / "proxy", pathlib.Path(hey["Dir"]))
        proxy = f"file://{work}/proxy," + settings.get("GOPROXY", "off")
        with Farm(with_seeds=True, GOPROXY=proxy, GONOSUMDB="bench.invalid") as farm:
            farm.wait_seeded(["x86_64"])
            job = farm.job(f"{REPLACED}@v0.1.5")
            variants = [v["variant"] for v in job["attempts"][-1]["variants"]]
            mine = {e["import_path"]: e["sha256"] for e in job["executables"]}
            wall, _ = busy(job)
            ref = reference(farm, f"{REPLACED}@v0.1.5", job)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if ref is None:
        sys.exit(f"source: hey with a replace line: {job['state']} by the farm, no baseline")
    ref_wall, _, theirs = ref
    equal = mine == theirs
    line = (f"hey with a replace line ({', '.join(variants)} variant): {'the same bytes' if equal else 'OTHER BYTES'} as the reference recipe's, SHA-256 "
            f"{', '.join(mine.values())}; {ref_wall:.1f} s / {wall:.2f} s = {ref_wall / wall:.1f}x")
    print(f"source: {line}", flush=True)
    return ["## bench/source: a module in source variant", "", line[0].upper() + line[1:] + "."]


def bench_overhead(runs):
    spec = SMALL[1]
    with Farm(with_seeds=True) as farm:
        farm.wait_seeded(["x86_64"])
        farm.job(spec)
        farm.job(spec)
        go, zig = farm.tools()
        work = farm.top / "by-hand"
        (work / "home").mkdir(parents=True)
        env = environment(go, zig, work / "home", work / "cache", farm.cache / "mod")
        # By hand from the same module cache and without the network, as the farm's build does it.
        env.update(GOPROXY=f"file://{farm.cache}/mod/cache/download", GOSUMDB="off")
        argv = [go, "install", *FLAGS, spec]
        subprocess.run(argv, env=env, cwd=work, capture_output=True, check=True)
        deltas, hands, farms = [], [], []
        for _ in range(runs):
            job = farm.job(spec)
            through = seconds_between(job["created_at"], job["attempts"][-1]["ended_at"])
            _, by_hand, _ = timed(argv, env, work)
            deltas.append(through - by_hand)
            hands.append(by_hand)
            farms.append(through)
    line = (f"median {statistics.median(deltas):.3f} s over {runs} runs (farm {statistics.median(farms):.3f} s from submission to the end, "
            f"by hand {statistics.median(hands):.3f} s)")
    print(f"overhead: {line}", flush=True)
    return ["## bench/overhead: a warm job through the farm minus the same `go install` by hand", "", f"{spec}: {line}."]


def is_std(package):
    """Go's own rule: the first element of a path outside std has a dot."""
    return "." not in package.split("/")[0]


def bench_seed():
    targets = ["x86_64", "aarch64", "riscv64", "loongarch64"]
    with Farm(with_seeds=False) as farm:
        start = time.monotonic()
        ready = farm.wait_seeded(targets)
        total = time.monotonic() - start
        each = ", ".join(f"{t} {r['seconds']:.0f} s" for t, r in sorted(ready.items()))
        again, jobs, warm = [], 0, []
        for spec in SEEDED:
            for target in targets:
                job = farm.job(spec, target)
                jobs += 1
                again += [path for path in compiled(farm, job) if is_std(path)]
                # Without its own packages to compile, a job that made musl and compiler-rt anew would show it.
                warm.append(max(farm.job(spec, target)["attempts"][-1]["cpu_seconds"] / max(1, len(job["executables"])), 0))
    line = (f"{total:.0f} s for four targets ({each}); {len(again)} packages of std compiled again in the next {jobs} jobs; built once more, with "
            f"nothing left to compile but musl if it were gone, they took at most {max(warm):.1f} CPU s a program")
    print(f"seed: {line}", flush=True)
    return ["## bench/seed: four targets from nothing, without the downloads", "", line + "."]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", nargs="*", help="which benches; all when none is named")
    p.add_argument("--table", help="modules.tsv: bench/build over all of its modules that have programs for x86_64")
    p.add_argument("--out", help="where the report goes; docs/performance.md when all benches run, else nowhere")
    p.add_argument("--runs", type=int, default=11)
    a = p.parse_args()
    out = a.out or (None if a.what else ROOT / "docs/performance.md")
    specs = SMALL
    if a.table:
        rows = [l.split("\t") for l in open(a.table).read().splitlines()[1:]]
        specs = [f"{r[0]}@{r[1]}" for r in rows if r[2] != "0"]
    cpu = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown CPU")
    text = ["# Performance", "", f"Made by `tests/bench/run.sh` on {os.cpu_count()} cores ({cpu}), {time.strftime('%Y-%m-%d')}. Every figure stands "
            "beside its baseline, measured in the same run; seconds depend on the machine, ratios much less.", ""]
    # The catalog's benches (catalog.py, detect.py) are run by hand; their figures stay.
    kept = pathlib.Path(out).read_text() if out and pathlib.Path(out).exists() else ""
    kept = kept[kept.index(KEPT):] if KEPT in kept else ""
    for what in a.what or ["build", "next", "source", "overhead", "seed"]:
        text += {"build": lambda: bench_build(specs), "next": bench_next, "source": bench_source, "overhead": lambda: bench_overhead(a.runs), "seed": bench_seed}[what]() + [""]
        if out:
            pathlib.Path(out).write_text("\n".join(text) + kept)
    if out:
        print(f"bench: written to {out}")


if __name__ == "__main__":
    main()
