#!/usr/bin/env python3
"""Benchmark of the operators' page: the first byte of each page, and the whole page, with many jobs in the database, and of
what Prometheus asks for; prints a table.

page.py [--jobs N] [--runs N]
  The farm is a real one without workers. Half of the jobs are of one batch, which has not ended, the others of batches of a
  hundred; every seventh failed. Each page is asked for over a new connection, `runs` times, the pages taking turns.
CPU of 200 followers of a log: `page_site_test`, T(TwoHundredFollowersCostLessThanATenthOfACore). Nothing here is a test.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import http.client
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GOFARM_BIN_DIR", ROOT / "build/bin"))
GOAL_S = 0.05
ROWS = """
SET session_replication_role = replica;
INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, state, ended_at, result_token, failure_class, failure_detail)
SELECT lpad(to_hex(i), 64, '0'), 1, 'bench.invalid/m' || i / 4, 'v1.0.0', 1 + i % 4, (SELECT max(name) FROM toolsets),
       CASE WHEN i % 7 = 0 THEN 6 WHEN i <= {half} AND i % 3 = 0 THEN 1 ELSE 3 END, CASE WHEN i <= {half} AND i % 3 = 0 AND i % 7 > 0 THEN NULL ELSE now() END, i,
       CASE WHEN i % 7 = 0 THEN 6 ELSE 0 END,
       CASE WHEN i % 7 = 0 THEN '# bench.invalid/m' || E'\\n' || 'cmd/x/f' || i || '.go:12:3: undefined: name' || i % 50 || repeat(' more', 100) ELSE '' END
  FROM generate_series(1, {jobs}) AS i;
INSERT INTO batches (request_id, name, submitter) SELECT 'bench' || i, 'batch ' || i, 'bench' FROM generate_series(1, {batches}) AS i;
INSERT INTO batch_jobs SELECT CASE WHEN id <= {half} THEN {batches} ELSE (id - {half} - 1) / 100 + 1 END, id FROM jobs;
ANALYZE;
"""


class Farm:
    def __init__(self, top):
        self.top = top
        self.env = {**os.environ, "GOFARM_DIR": str(top / "farm"), "GOFARM_CACHE_DIR": str(top / "cache"), "GOFARM_SERVER": ""}

    def __enter__(self):
        self.call("up", "--workers", "0")
        self.url = json.loads(self.call("status", "--output", "json"))["http_url"]
        return self

    def __exit__(self, *_):
        subprocess.run([BIN / "gofarm", "down"], env=self.env, capture_output=True, check=False)

    def call(self, *words):
        done = subprocess.run([BIN / "gofarm", *words], env=self.env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"gofarm {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def sql(self, text):
        url = next(line.split('"')[1] for line in (self.top / "farm/coordinator.toml").read_text().splitlines() if line.startswith("database_url"))
        subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", url], input=text, text=True, check=True)

    def ask(self, path):
        """Seconds until the first byte of the answer's body, until its last, and its size."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=60)
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read(1)
        first = time.perf_counter() - began
        size = len(answer.read()) + 1
        whole = time.perf_counter() - began
        connection.close()
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status}")
        return first, whole, size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=70_000)
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    half, batches = args.jobs // 2, args.jobs // 200 + 2
    with tempfile.TemporaryDirectory(prefix="gofarm-page-", dir=os.environ.get("GOFARM_BENCH_DIR", "/tmp")) as top, Farm(pathlib.Path(top)) as farm:
        farm.sql(ROWS.format(jobs=args.jobs, half=half, batches=batches))
        paths = ["/", f"/batches/{batches}", f"/batches/{batches}?state=failed", f"/batches/{batches}?after={half - 500}", "/batches/1", "/jobs/7",
                 "/workers", "/failures", f"/failures?batch={batches}", "/catalog", f"/api/batches/{batches}", "/metrics"]
        seen = {path: [] for path in paths}
        for _ in range(args.runs):
            for path in paths:
                seen[path].append(farm.ask(path))
            time.sleep(1.1)  # so that nothing of the run before is kept, but for what is kept for longer
    print(f"{args.jobs} jobs, {half} of them in one batch that has not ended; {args.runs} runs, milliseconds\n")
    print("| page | first byte: first / median / longest | whole: first / median / longest | KiB |\n|---|---|---|---|")
    late = []
    for path, runs in seen.items():
        cells = []
        for column in (0, 1):
            values = [run[column] * 1000 for run in runs]
            cells.append(f"{values[0]:.1f} / {statistics.median(values):.1f} / {max(values):.1f}")
        print(f"| `{path}` | {cells[0]} | {cells[1]} | {runs[0][2] / 1024:.0f} |")
        if not path.startswith("/api") and statistics.median(run[0] for run in runs) > GOAL_S:
            late.append(path)
    print(f"\nGoal: the first byte within {GOAL_S * 1000:.0f} ms: {'met' if not late else 'not met by ' + ', '.join(late)}")


if __name__ == "__main__":
    main()
