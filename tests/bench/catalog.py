#!/usr/bin/env python3
"""Benchmark of the catalog's index against what PostgreSQL does alone with the same rows, in one run; prints a table.

catalog.py [--lines N] [--folder DIR] [--runs N] [--scale LINES] [--modules]
catalog.py --dispatch [--lines N] [--folder DIR]
  landing     JSONL into the landing table, against \\copy (format binary) of the same rows into a logged table
  queryable   a file to unique modules and versions with all indexes, against \\copy of presorted rows plus the same keys
  landed      landing and keying, as pages of the index come
  server      `gofarm catalog run index --wait` against an index server on this machine, without a budget, against the same
  delta       a known day of 145,000 lines again, against \\copy of them into a logged table without keys
With --scale also a farm whose index server has so many lines: time, memory of the coordinator, bytes of a version row; and with
--modules the tables of a farm in which a third of its modules went through all stages: time of status, funnel, search and of a claim.
With --dispatch only this: how long a worker's free slot waits for its next job, with jobs queued, while a back-fill of so many lines
runs and without it.
PostgreSQL is a private one with the settings of `gofarm up`. Nothing here is a test: it never fails on a slow machine.
"""
import argparse
import glob
import json
import os
import pathlib
import pwd
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

from bench import go_settings

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = pathlib.Path(os.environ.get("GOFARM_CATALOG_BENCH", ROOT / "build/release/tests/bench/catalog_bench"))
BIN = pathlib.Path(os.environ.get("GOFARM_BIN_DIR", ROOT / "build/bin"))
DAY = 145_000
# As cli/embedded/postgres.cc writes them.
SETTINGS = ["listen_addresses=", "shared_buffers=64MB", "dynamic_shared_memory_type=mmap", "huge_pages=off", "wal_level=minimal",
            "max_wal_senders=0", "min_wal_size=80MB", "max_wal_size=2GB", "wal_compression=on", "checkpoint_timeout=10min",
            "autovacuum_naptime=15s", "jit=off", "max_connections=60"]


class Server:
    def __init__(self, folder):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pg-", dir=folder))
        self.bin = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        self.databases = 0

    def as_user(self, argv):
        """PostgreSQL refuses root: there it runs in a user namespace, as in tests/support/pg_fixture.cc."""
        if os.geteuid() != 0:
            return argv
        try:
            who = pwd.getpwnam("postgres").pw_uid
        except KeyError:
            who = 65534
        return ["bwrap", "--unshare-user", "--uid", str(who), "--gid", str(who), "--die-with-parent", "--dev-bind", "/", "/"] + argv

    def __enter__(self):
        data = self.folder / "data"
        subprocess.run(self.as_user([str(self.bin / "initdb"), "-D", str(data), "-U", "gofarm", "--auth=trust", "-E", "UTF8", "--locale=C"]),
                       check=True, capture_output=True)
        options = [part for setting in SETTINGS for part in ("-c", setting)]
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(self.as_user([str(self.bin / "postgres"), "-D", str(data), "-k", str(self.folder)] + options),
                                        stdout=self.log, stderr=self.log)
        while subprocess.run([self.bin / "pg_isready", "-q", "-h", self.folder], check=False).returncode:
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        pid = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGINT)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new(self):
        self.databases += 1
        name = f"b{self.databases}"
        self.psql("postgres", f"CREATE DATABASE {name}")
        return name

    def drop(self, name):
        self.psql("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name):
        return f"host={self.folder} user=gofarm dbname={name}"

    def psql(self, name, *statements):
        """Answers the last statement's text."""
        words = [part for statement in statements for part in ("-c", statement)]
        return subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.url(name)] + words, check=True, capture_output=True,
                              text=True).stdout.strip()

    def timed(self, name, *statements):
        began = time.monotonic()
        self.psql(name, *statements)
        return time.monotonic() - began

    def settle(self):
        """What one measurement left to be written does not count for the next."""
        self.psql("postgres", "CHECKPOINT")


def bench(*args):
    done = subprocess.run([BENCH, *map(str, args)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"catalog_bench {args[0]}: {done.stderr}")
    return json.loads(done.stdout)


BARE = "CREATE TABLE bare (path text COLLATE \"C\" NOT NULL, version text COLLATE \"C\" NOT NULL, indexed_at timestamptz NOT NULL)"
TABLES = """CREATE TABLE modules (id integer NOT NULL, versions integer NOT NULL, latest_indexed_at timestamptz NOT NULL,
  first_indexed_at timestamptz NOT NULL, last_indexed_at timestamptz NOT NULL, revision bigint NOT NULL,
  path text COLLATE "C" NOT NULL, latest text COLLATE "C" NOT NULL);
CREATE TABLE versions (indexed_at timestamptz NOT NULL, module_id integer NOT NULL, version text COLLATE "C" NOT NULL)"""
KEYS = """ALTER TABLE versions ADD PRIMARY KEY (module_id, version); ALTER TABLE modules ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX ON modules (path); CREATE INDEX ON modules (revision)"""


def copy_bare(server, folder):
    name = server.new()
    server.psql(name, BARE)
    server.settle()
    seconds = server.timed(name, f"\\copy bare from '{folder}/landing.bin' (format binary)")
    server.drop(name)
    return seconds


def copy_keyed(server, folder):
    name = server.new()
    server.psql(name, TABLES)
    server.settle()
    seconds = server.timed(name, f"\\copy versions from '{folder}/versions.bin' (format binary)",
                           f"\\copy modules from '{folder}/modules.bin' (format binary)", KEYS)
    server.drop(name)
    return seconds


class IndexServer:
    """The lines of a file as the public index serves them."""

    def __init__(self, lines):
        self.process = subprocess.Popen([BENCH, "serve", lines], stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Farm:
    """A farm of `gofarm up` that follows an index server and asks nothing else."""

    def __init__(self, folder, index_url, **environment):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="farm-", dir=folder))
        self.environment = {**os.environ, **environment, "GOFARM_DIR": str(self.folder / "farm"), "GOFARM_CATALOG_INDEX_URL": index_url,
                            "GOFARM_CATALOG_INDEX_SINCE": "2024-02-01T00:00:00Z", "NO_COLOR": "1"}
        self.environment.pop("GOFARM_SERVER", None)

    def __enter__(self):
        self.gofarm("up", "--workers", "1")
        self.status = json.loads(self.gofarm("status", "--output", "json"))
        # Budgets are taken up from the file within some seconds.
        with open(self.folder / "farm/coordinator.toml", "a") as config:
            config.write("\n[catalog.budgets.index]\nper_second = 0\nconcurrent = 30\n")
        time.sleep(8)
        # A worker that makes its seeds takes both processors.
        while any(s["state"] not in ("ready", "failed") for w in json.loads(self.gofarm("status", "--output", "json"))["workers"] for s in w["seeding"]):
            time.sleep(1)
        return self

    def __exit__(self, *_):
        self.gofarm("down")
        shutil.rmtree(self.folder, ignore_errors=True)

    def gofarm(self, *args):
        done = subprocess.run([BIN / "gofarm", *args], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"gofarm {' '.join(args)}: {done.stderr}")
        return done.stdout

    def timed(self, *args):
        began = time.monotonic()
        self.gofarm(*args)
        return time.monotonic() - began

    def peak_mb(self):
        with open(f"/proc/{self.status['coordinator']['pid']}/status") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    def psql(self, *statements):
        words = [part for statement in statements for part in ("-c", statement)]
        return subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.folder / "farm/run", "-U", "gofarm", "-d", "gofarm"] + words,
                              check=True, capture_output=True, text=True).stdout.strip()


def from_server(folder, lines, versions):
    """Seconds from `catalog run` to everything queryable, and the coordinator's peak in MB."""
    with IndexServer(lines) as server, Farm(folder, server.url) as farm:
        seconds = farm.timed("catalog", "run", "index", "--wait")
        stats = json.loads(farm.gofarm("catalog", "stats", "--output", "json"))
        assert stats["versions"] == versions, (stats, versions)
        return seconds, farm.peak_mb()


# A third of the modules is eligible, and of these the shares of the reference's run passed each stage.
MODULES = """
INSERT INTO catalog_work (stage, module_id, stage_version, due_at)
  SELECT s, id, 1, now() + interval '7 days' * random() FROM catalog_modules, generate_series(2, 3) AS s WHERE id % 3 = 0;
INSERT INTO catalog_work (stage, module_id, stage_version, due_at)
  SELECT 4, id, 1, 'infinity' FROM catalog_modules WHERE id % 6 = 0;
INSERT INTO catalog_enrichment (module_id, repository, known, stars, license, description, document, checked_at, revision)
  SELECT id, path, id % 9 <> 0, (1 / (0.0001 + random()))::int % 50000, 'MIT', 'what ' || path || ' does', '{}', now(), id
  FROM catalog_modules WHERE id % 3 = 0;
INSERT INTO catalog_reach (module_id, version, state, checked_at, revision)
  SELECT id, latest, CASE WHEN id % 6 = 0 THEN 1 ELSE 2 END, now(), id FROM catalog_modules WHERE id % 3 = 0;
INSERT INTO catalog_detections (module_id, version, programs, targets, words, document, checked_at, revision)
  SELECT id, latest, (id % 18 = 0)::int, CASE WHEN id % 18 = 0 THEN 15 ELSE 0 END, split_part(path, '/', 3), '{}', now(), id
  FROM catalog_modules WHERE id % 6 = 0;
INSERT INTO catalog_decisions (module_id, version, selected, reason, decided_at)
  SELECT id, latest, id % 72 = 0, 'by the bench', now() FROM catalog_modules WHERE id % 18 = 0;
INSERT INTO catalog_search (module_id, words)
  SELECT id, to_tsvector('simple', translate(path, '/-.', '   ')) FROM catalog_modules WHERE id % 3 = 0;
VACUUM ANALYZE;
"""


def stages_at_scale(farm):
    began = time.monotonic()
    farm.psql(*(part for part in MODULES.split(";\n") if part.strip()))
    print(f"  tables of all stages filled in {time.monotonic() - began:.0f} s", flush=True)
    farm.gofarm("catalog", "status")  # counts once
    for what, words in (("status", ["status"]), ("funnel", ["funnel"]), ("search", ["search", "project", "21"]), ("show", None), ("stats", ["stats"])):
        words = words or ["show", farm.psql("SELECT path FROM catalog_modules WHERE id % 18 = 0 ORDER BY id DESC LIMIT 1")]
        times = [farm.timed("catalog", *words) for _ in range(11)]
        print(f"  catalog {what}: {statistics.median(times) * 1000:.0f} ms (longest {max(times) * 1000:.0f} ms, process and connection included)", flush=True)
    plan = farm.psql("EXPLAIN (ANALYZE, FORMAT JSON) SELECT module_id FROM catalog_work WHERE stage = 3 AND stage_version = 1 AND due_at <= now() "
                     "+ interval '1 day' ORDER BY due_at LIMIT 250")
    print(f"  what a claim looks for: {json.loads(plan)[0]['Execution Time']:.1f} ms", flush=True)


def dead_rows(server, name):
    time.sleep(1.5)  # the server tells its statistics once a second
    return int(server.psql(name, "SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables WHERE relname IN "
                                 "('catalog_versions', 'catalog_modules', 'catalog_known_lines') OR relname LIKE 'catalog_landing_%'"))


def at_scale(folder, arguments):
    lines = folder / "scale.jsonl"
    made = bench("generate", arguments.scale, lines)
    with IndexServer(lines) as server, Farm(folder, server.url) as farm:
        lines.unlink()  # the server has it in memory
        seconds = farm.timed("catalog", "run", "index", "--wait")
        stats = json.loads(farm.gofarm("catalog", "stats", "--output", "json"))
        print(f"{made['lines']:,} lines from a server in {seconds:.0f} s: {stats['versions']:,} versions of {stats['modules']:,} modules; "
              f"peak memory of the coordinator {farm.peak_mb():.0f} MB; {stats['bytes'] / stats['versions']:.0f} bytes a version", flush=True)
        if arguments.modules:
            stages_at_scale(farm)


LIBRARIES = 150


def libraries(proxy):
    """A module proxy folder with modules that hold no program: their jobs are the dispatcher's work and little else."""
    specs = []
    for number in range(LIBRARIES):
        module = f"bench.invalid/library/n{number}"
        folder = proxy / module / "@v"
        folder.mkdir(parents=True)
        go_mod = f"module {module}\n\ngo 1.21\n"
        with zipfile.ZipFile(folder / "v0.1.0.zip", "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr(f"{module}@v0.1.0/go.mod", go_mod)
            z.writestr(f"{module}@v0.1.0/library.go", "package library\n")
        (folder / "v0.1.0.mod").write_text(go_mod)
        (folder / "v0.1.0.info").write_text(json.dumps({"Version": "v0.1.0", "Time": "2024-01-01T00:00:00Z"}))
        (folder / "list").write_text("v0.1.0\n")
        specs.append(f"{module}@v0.1.0")
    return specs


def slot_waits(farm, specs):
    """Seconds from each attempt's end to the start of the attempt that took its slot, by the database's clock."""
    batch = json.loads(farm.gofarm("submit", "--force", "--wait", "--output", "json", *specs))
    assert batch["jobs"]["nothing_to_build"] == 4 * len(specs), batch
    times = farm.psql("SELECT extract(epoch FROM a.started_at), extract(epoch FROM a.ended_at) FROM attempts a JOIN batch_jobs b USING (job_id) "
                      f"WHERE b.batch_id = {batch['id']}")
    started, ended = (sorted(float(line.split("|")[i]) for line in times.splitlines()) for i in (0, 1))
    slots = next(i for i, start in enumerate(started) if start > ended[0])
    return [start - end for start, end in zip(started[slots:], ended)], ended[-1] - started[0]


def dispatch(folder, lines):
    specs = libraries(folder / "proxy")
    proxy = f"file://{folder}/proxy," + go_settings().get("GOPROXY", "off")  # seeds may need the other
    with IndexServer(lines) as server, Farm(folder, server.url, GOPROXY=proxy, GONOSUMDB="bench.invalid") as farm:
        slot_waits(farm, specs)  # listings and caches
        rows = []
        for what in ("without", "during a back-fill"):
            if rows:
                farm.gofarm("catalog", "run", "index")
            waits, seconds = slot_waits(farm, specs)
            stage = next(s for s in json.loads(farm.gofarm("catalog", "status", "--output", "json"))["stages"] if s["name"] == "index")
            cuts = statistics.quantiles(waits, n=100)
            rows.append(cuts[98])
            print(f"  {what}: {len(waits)} waits, median {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms, longest {max(waits) * 1000:.0f} ms; "
                  f"all jobs in {seconds:.1f} s; index: {stage['state']}, {stage['done']:,} lines done, {stage['rate']:,.0f} a second", flush=True)
        stats = json.loads(farm.gofarm("catalog", "stats", "--output", "json"))
        began = time.monotonic()
        farm.gofarm("catalog", "run", "index", "--wait")
        print(f"  p99 during a back-fill is {rows[1] / rows[0]:.2f} of that without; at its end {stats['versions']:,} versions were queryable, "
              f"the rest of the back-fill took {time.monotonic() - began:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--folder", default="/tmp")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=int, default=0)
    parser.add_argument("--modules", action="store_true")
    parser.add_argument("--dispatch", action="store_true")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gofarm-catalog-bench-", dir=arguments.folder))
    try:
        lines = folder / "lines.jsonl"
        made = bench("generate", arguments.lines, lines)
        if arguments.dispatch:
            dispatch(folder, lines)
            return
        encoded = bench("encode", lines, folder)
        day = folder / "day"
        day.mkdir()
        with open(lines, "rb") as source, open(day / "lines.jsonl", "wb") as out:
            for number, line in enumerate(source):
                if number >= arguments.lines - DAY:
                    out.write(line)
        bench("encode", day / "lines.jsonl", day)
        print(f"{made['lines']:,} lines, {encoded['versions']:,} versions of {encoded['modules']:,} modules; {os.cpu_count()} processors; "
              f"load {os.getloadavg()[0]:.1f}")
        print(json.dumps(bench("parse", lines)))
        columns = {}
        peak = 0
        with Server(folder) as server:
            for _ in range(arguments.runs):
                def measured(what, ours, theirs):
                    columns.setdefault(what, []).append((ours, theirs))
                    print(f"  {what}: {ours:.2f} s, PostgreSQL alone {theirs:.2f} s, ratio {ours / theirs:.2f}; load {os.getloadavg()[0]:.1f}",
                          flush=True)
                bare, keyed = copy_bare(server, folder), copy_keyed(server, folder)
                name = server.new()
                server.settle()
                landed = bench("land", server.url(name), lines)
                measured("landing", landed["seconds"], bare)
                key = bench("key", server.url(name), folder)
                measured("landed", landed["seconds"] + key["seconds"], keyed)
                server.drop(name)
                name = server.new()
                server.settle()
                ingest = bench("ingest", server.url(name), lines, folder)
                assert ingest["stored"] == encoded["versions"] == int(server.psql(name, "SELECT count(*) FROM catalog_versions")), ingest
                measured("queryable", ingest["seconds"], (keyed + copy_keyed(server, folder)) / 2)
                peak = max(peak, ingest["peak_mb"], key["peak_mb"])
                seconds, megabytes = from_server(folder, lines, encoded["versions"])
                measured("server", seconds, copy_keyed(server, folder))
                peak = max(peak, megabytes)
                server.settle()
                again = bench("ingest", server.url(name), day / "lines.jsonl", folder)
                assert again["stored"] == 0 and again["known"] == DAY, again
                measured("delta", again["seconds"], copy_bare(server, day))
                print(f"  dead rows: {dead_rows(server, name)}; " + server.psql(
                    name, "SELECT string_agg(relname || ' ' || pg_size_pretty(pg_total_relation_size(oid)), ', ' ORDER BY relname) FROM pg_class "
                          "WHERE relkind = 'r' AND relname LIKE 'catalog_%' AND pg_total_relation_size(oid) > 1e6"))
                server.drop(name)
        print("| measure | gofarm, s | PostgreSQL alone, s | ratio |\n|---|---|---|---|")
        for what, pairs in columns.items():
            ours, theirs = (statistics.median(p[i] for p in pairs) for i in (0, 1))
            print(f"| {what} | {ours:.2f} | {theirs:.2f} | {statistics.median(a / b for a, b in pairs):.2f} |")
        print(f"peak memory {peak:.0f} MB")
        if arguments.scale:
            at_scale(folder, arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
