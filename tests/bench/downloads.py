#!/usr/bin/env python3
"""Benchmark of the listener for everybody: many downloads at once of published programs, beside nginx with the same files in
the same run; prints a table.

downloads.py [--downloads N] [--files N] [--mb N] [--runs N]
  The farm is a real one without workers: its database says of random files that they are published, so that each request is
  looked up as any other. Runs of the two take turns. nginx is that of `bash deploy/setup/setup.sh bench`.
Nothing here is a test.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GOFARM_BIN_DIR", ROOT / "build/bin"))
BENCH = pathlib.Path(os.environ.get("GOFARM_DOWNLOADS_BENCH", ROOT / "build/release/tests/bench/downloads_bench"))
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
HERTZ = os.sysconf("SC_CLK_TCK")
GOAL = 1.5
# Debian's own nginx.conf has sendfile and tcp_nopush on.
NGINX_CONF = """
daemon off; pid {top}/nginx.pid; error_log {top}/nginx.log; worker_processes auto; worker_rlimit_nofile 16384; {user}
events {{ worker_connections 8192; }}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path {top}/tmp1; proxy_temp_path {top}/tmp2; fastcgi_temp_path {top}/tmp3; uwsgi_temp_path {top}/tmp4; scgi_temp_path {top}/tmp5;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {top}/www; }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu(pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / HERTZ
    return total


class Farm:
    def __init__(self, top, paths):
        self.top, self.paths, self.port = top, paths, free_port()
        self.env = {**os.environ, "GOFARM_DIR": str(top / "farm"), "GOFARM_CACHE_DIR": str(top / "cache"), "GOFARM_SERVER": ""}

    def __enter__(self):
        self.call("up", "--workers", "0", "--public-listen", f"127.0.0.1:{self.port}", "--public-url", "https://bench.invalid")
        self.pids = [json.loads(self.call("status", "--output", "json"))["coordinator"]["pid"]]
        rows = []
        for number, path in enumerate(self.paths, 1):
            sha256, folder = path.name, self.top / "farm/data/blobs" / path.name[:2]
            folder.mkdir(parents=True, exist_ok=True)
            os.link(path, folder / sha256[2:])
            rows.append(f"INSERT INTO executables (token, import_path, job_id, name, size, sha256, blake3, main_version, go_version) VALUES"
                        f" ({number}, 'bench.invalid/m', {number}, 'm', {path.stat().st_size}, '{sha256}', '{sha256}', '', 'go1');"
                        f"INSERT INTO releases (module, version, import_path, target, token) VALUES ('bench.invalid/m{number}', 'v1.0.0', 'bench.invalid/m', 1, {number});")
        self.sql("SET session_replication_role = replica;" + "".join(rows))  # there are no jobs behind them
        return self

    def __exit__(self, *_):
        subprocess.run([BIN / "gofarm", "down"], env=self.env, capture_output=True, check=False)

    def sql(self, text):
        url = next(line.split('"')[1] for line in (self.top / "farm/coordinator.toml").read_text().splitlines() if line.startswith("database_url"))
        subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", url], input=text, text=True, check=True)

    def call(self, *words):
        done = subprocess.run([BIN / "gofarm", *words], env=self.env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"gofarm {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout


class Nginx:
    def __init__(self, top):
        self.top, self.port = top, free_port()

    def __enter__(self):
        conf = self.top / "nginx.conf"
        conf.write_text(NGINX_CONF.format(top=self.top, port=self.port, user="user root;" if os.geteuid() == 0 else ""))
        self.process = subprocess.Popen([NGINX, "-c", conf, "-p", self.top, "-e", self.top / "nginx.log"])
        for _ in range(200):
            if self.process.poll() is not None:
                sys.exit(f"nginx ended: {(self.top / 'nginx.log').read_text()}")
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.05)
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=True).stdout
        self.pids = [int(pid) for pid in children.split()]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def measure(server, downloads, paths):
    before = cpu(server.pids)
    done = subprocess.run([BENCH, str(server.port), str(downloads), *paths], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    result = json.loads(done.stdout)
    return {**result, "cpu": cpu(server.pids) - before}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--downloads", type=int, default=1000)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--mb", type=float, default=7)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    if NGINX is None:
        sys.exit("there is no nginx; `bash deploy/setup/setup.sh bench` installs it")
    top = pathlib.Path(tempfile.mkdtemp(prefix="gofarm-downloads-", dir=os.environ.get("GOFARM_BENCH_DIR", "/tmp")))
    try:
        folder = top / "www/blobs/sha256"
        folder.mkdir(parents=True)
        for _ in range(args.files):
            data = os.urandom(int(args.mb * 1e6))
            (folder / hashlib.sha256(data).hexdigest()).write_bytes(data)
        files = sorted(folder.iterdir())
        paths = [f"/blobs/sha256/{path.name}" for path in files]
        with Farm(top, files) as farm, Nginx(top) as nginx:
            for server in (farm, nginx):
                with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{paths[0]}") as answer:
                    if hashlib.sha256(answer.read()).hexdigest() != files[0].name:
                        sys.exit("other bytes came than were published")
            runs = {"farm": [], "nginx": []}
            for run in range(args.runs + 1):  # the first warms up
                for name, server in (("farm", farm), ("nginx", nginx)):
                    result = measure(server, args.downloads, paths)
                    if run > 0:
                        runs[name].append(result)
        middle = lambda name, key: statistics.median(r[key] for r in runs[name])
        print(f"{args.downloads} downloads at once of {args.files} files of {args.mb:g} MB, median of {args.runs} runs\n")
        print("| | gofarm | nginx | ratio |\n|---|---|---|---|")
        for text, key in (("seconds until the last one is done", "seconds"), ("seconds until the last one has its first byte", "last_first_byte_seconds"),
                          ("CPU seconds of the server", "cpu")):
            ours, theirs = middle("farm", key), middle("nginx", key)
            print(f"| {text} | {ours:.3f} | {theirs:.3f} | {ours / theirs if theirs else float('nan'):.2f} |")
        ratio = middle("farm", "seconds") / middle("nginx", "seconds")
        print(f"\nGoal: at most {GOAL} times nginx: {'met' if ratio <= GOAL else 'not met'} ({ratio:.2f})")
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
