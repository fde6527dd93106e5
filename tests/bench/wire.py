#!/usr/bin/env python3
"""Benchmark of what other hosts cost the coordinator: each figure over TLS beside the same over its plain unix socket, in one run;
prints a table.

wire.py [--jobs N] [--log-mb N] [--workers N] [--idle-seconds N]
  dispatch  jobs ended a second by simulated workers that build nothing; also while 64 others watch the batch
  logs      MB a second of logs through the coordinator into its store, and its CPU seconds a GB
  idle      simulated workers that are connected and beat: CPU share and memory of the coordinator
Nothing here is a test.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GOFARM_BIN_DIR", ROOT / "build/bin"))
BENCH = pathlib.Path(os.environ.get("GOFARM_WIRE_BENCH", ROOT / "build/release/tests/bench/wire_bench"))
WATCHES = 64
HERTZ = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Farm:
    """Embedded, without workers, open over TLS on loopback."""

    def __enter__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="gofarm-wire-"))
        self.env = {**os.environ, "GOFARM_DIR": str(self.top / "farm"), "GOFARM_CACHE_DIR": str(self.top / "cache"), "GOFARM_SERVER": ""}
        self.call("up", "--workers", "0", "--listen", f"127.0.0.1:{free_port()}")
        self.status = json.loads(self.call("status", "--output", "json"))
        self.pid = self.status["coordinator"]["pid"]
        return self

    def __exit__(self, *_):
        subprocess.run([BIN / "gofarm", "down"], env=self.env, capture_output=True, check=False)
        shutil.rmtree(self.top, ignore_errors=True)

    def call(self, *words):
        done = subprocess.run([BIN / "gofarm", *words], env=self.env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"gofarm {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def server(self, tls, uses):
        if not tls:
            return self.status["grpc_address"]
        token = json.loads(self.call("token", "create", "--role", "worker", "--uses", str(uses), "--output", "json"))
        return f"join:{token['join']}"

    def submit(self, name, jobs):
        path = self.top / f"{name}.list"
        path.write_text("".join(f"bench.invalid/{name}/m{i}@v1.0.0\n" for i in range(jobs)))
        return json.loads(self.call("submit", "--file", str(path), "--target", "x86_64", "--output", "json"))["id"]

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / HERTZ

    def memory_mb(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0


def bench(*words):
    done = subprocess.run([BENCH, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{BENCH.name} {words[0]}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def dispatch(tls, jobs, watches=0):
    with Farm() as farm:
        batch = farm.submit("d", jobs)
        watching = subprocess.Popen([BENCH, "watch", farm.server(False, 1), str(watches), str(batch)], stdout=subprocess.PIPE) if watches else None
        before = farm.cpu()
        rate = bench("dispatch", farm.server(tls, 16), 16, 8, jobs)["completions_per_second"]
        used = (farm.cpu() - before) / jobs * 1000
        if watching is not None and watching.wait(60) != 0:
            sys.exit("wire_bench watch failed")
        return rate, used


def logs(tls, megabytes):
    workers = max(1, megabytes // 16)
    with Farm() as farm:
        farm.submit("l", workers)
        server = farm.server(tls, workers)
        before = farm.cpu()
        speed = bench("logs", server, workers, 15 << 20)["mb_per_second"]
        return speed, (farm.cpu() - before) / (workers * (15 << 20) / 1e9)


def idle(tls, workers, seconds):
    with Farm() as farm:
        empty = farm.memory_mb()
        process = subprocess.Popen([BENCH, "idle", farm.server(tls, workers), str(workers), str(seconds + 20)], stdout=subprocess.PIPE, text=True)
        joined = json.loads(process.stdout.readline())["seconds"]
        time.sleep(5)
        before, start = farm.cpu(), time.monotonic()
        time.sleep(seconds)
        share = (farm.cpu() - before) / (time.monotonic() - start) * 100
        memory = farm.memory_mb() - empty
        process.terminate()
        process.wait()
        return joined, share, memory


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=4000)
    parser.add_argument("--log-mb", type=int, default=480)
    parser.add_argument("--workers", type=int, default=500)
    parser.add_argument("--idle-seconds", type=int, default=30)
    args = parser.parse_args()
    plain, tls = dispatch(False, args.jobs), dispatch(True, args.jobs)
    print(f"| | plain socket | TLS | ratio |\n|---|---|---|---|")
    print(f"| jobs ended a second ({args.jobs} jobs, 16 workers of 8 slots) | {plain[0]:.0f} | {tls[0]:.0f} | {tls[0] / plain[0]:.2f} |")
    print(f"| CPU milliseconds of the coordinator a job | {plain[1]:.2f} | {tls[1]:.2f} | {tls[1] / plain[1]:.2f} |")
    watched = dispatch(False, args.jobs, WATCHES)
    print(f"| the same while {WATCHES} watch the batch, beside none | {plain[0]:.0f} | {watched[0]:.0f} watched | {watched[0] / plain[0]:.2f} |")
    plain, tls = logs(False, args.log_mb), logs(True, args.log_mb)
    print(f"| MB of logs a second into the store | {plain[0]:.0f} | {tls[0]:.0f} | {tls[0] / plain[0]:.2f} |")
    print(f"| CPU seconds of the coordinator a GB of logs | {plain[1]:.2f} | {tls[1]:.2f} | {tls[1] / plain[1]:.2f} |")
    plain, tls = idle(False, args.workers, args.idle_seconds), idle(True, args.workers, args.idle_seconds)
    print(f"| {args.workers} idle workers: CPU share of one core | {plain[1]:.1f} % | {tls[1]:.1f} % | |")
    print(f"| the same: memory | {plain[2]:.0f} MB | {tls[2]:.0f} MB | |")
    print(f"| the same: until all were in | {plain[0]:.1f} s | {tls[0]:.1f} s | |")


if __name__ == "__main__":
    main()
