#!/usr/bin/env python3
"""Benchmark of the detector over a module proxy with a round trip of 50 ms, against downloading each zip whole and parsing every Go
file of it; prints a table.

detect.py [--cache DIR] [--round-trip S] [--zips N]
The zips are those that building the corpus leaves in the module cache (GOFARM_CACHE_DIR). Nothing here is a test.
"""
import argparse
import json
import os
import pathlib
import re
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = pathlib.Path(os.environ.get("GOFARM_DETECT_BENCH", ROOT / "build/release/tests/bench/detect_bench"))
MODULES_OF_A_RUN = 250_000
BIG = 2 << 20


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    files, round_trip = [], 0.05

    def log_message(self, *args):
        pass

    def do_GET(self):
        time.sleep(self.round_trip)
        body = self.files[int(self.path.lstrip("/"))].read_bytes()
        size = len(body)
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not wanted:
            return self.answer(200, body)
        first, last = wanted.groups()
        if first:
            begin, end = int(first), min(int(last or size - 1), size - 1)
        else:
            begin, end = max(size - int(last), 0), size - 1
        if begin > end:
            return self.answer(416, b"", f"bytes */{size}")
        self.answer(206, body[begin:end + 1], f"bytes {begin}-{end}/{size}")

    def answer(self, status, body, content_range=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body)


def unescape(text):
    return re.sub("!([a-z])", lambda m: m.group(1).upper(), text)


def zips_of(cache):
    found = {}
    for download in cache.glob("**/cache/download"):
        for path in download.rglob("@v/*.zip"):
            module = unescape(str(path.relative_to(download)).split("/@v/")[0])
            # Made by tests, and toolchains, which are no modules.
            if ".example" in module or module.startswith("golang.org/toolchain") or module.split("/")[0].endswith((".test", ".example")):
                continue
            found.setdefault((module, unescape(path.stem)), path)
    return sorted((m, v, p) for (m, v), p in found.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", default=os.environ.get("GOFARM_CACHE_DIR", os.path.expanduser("~/.cache/gofarm")))
    parser.add_argument("--round-trip", type=float, default=0.05)
    parser.add_argument("--zips", type=int, default=0)
    arguments = parser.parse_args()
    zips = zips_of(pathlib.Path(arguments.cache))
    if arguments.zips:
        zips = zips[:: max(len(zips) // arguments.zips, 1)]
    if not zips:
        sys.exit(f"no zips in {arguments.cache}: build the corpus first (tests/run.sh)")
    Handler.files, Handler.round_trip = [p for _, _, p in zips], arguments.round_trip
    socketserver.TCPServer.request_queue_size = 64
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.NamedTemporaryFile("w", suffix=".list") as listed:
        for number, (module, version, _) in enumerate(zips):
            listed.write(f"{module} {version} {number}\n")
        listed.flush()
        done = subprocess.run([BENCH, f"http://127.0.0.1:{server.server_address[1]}", listed.name], check=True, capture_output=True, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row, (_, _, path) in zip(rows, zips):
        row["size"] = path.stat().st_size
    if os.environ.get("GOFARM_BENCH_ROWS"):
        print(json.dumps(rows))
    report(rows, arguments.round_trip)


def report(rows, round_trip):
    def total(group, how, what):
        return sum(row[how][what] for row in group)

    big = [row for row in rows if row["size"] >= BIG]
    print(f"{len(rows)} zips, {sum(r['size'] for r in rows) / 1e6:.0f} MB, {len(big)} of 2 MB and more; round trip {round_trip * 1000:.0f} ms; "
          f"load {os.getloadavg()[0]:.1f}")
    for row in rows:
        if not row["equal"]:
            print(f"NOT EQUAL: {row['module']}")
    print("| zips | bytes: whole / ranges | seconds: whole and full parse / ranges | CPU: full parse / ranges |\n|---|---|---|---|")
    for name, group in (("all", rows), ("2 MB and more", big), ("smaller", [r for r in rows if r["size"] < BIG])):
        if not group:
            continue
        cells = []
        for what in ("bytes", "seconds", "cpu"):
            theirs, ours = total(group, "whole", what), total(group, "ranges", what)
            unit = (f"{theirs / 1e6:.1f} / {ours / 1e6:.1f} MB" if what == "bytes" else f"{theirs:.1f} / {ours:.1f} s")
            cells.append(f"{unit} = {theirs / max(ours, 1e-9):.1f}")
        print(f"| {name} | {' | '.join(cells)} |")
    if big:
        for what in ("bytes", "seconds"):
            worst = min(big, key=lambda r: r["whole"][what] / max(r["ranges"][what], 1e-9))
            print(f"2 MB and more, least gain in {what}: {worst['whole'][what] / max(worst['ranges'][what], 1e-9):.1f} ({worst['module']})")
    most = max(rows, key=lambda r: r["ranges"]["bytes"] / r["size"])
    slowest = max(rows, key=lambda r: r["ranges"]["seconds"] - r["whole"]["seconds"])
    print(f"most bytes of a zip: {most['ranges']['bytes'] / most['size']:.2f} of its size ({most['module']}, {most['size']} bytes)")
    print(f"slowest beside whole: {1000 * (slowest['ranges']['seconds'] - slowest['whole']['seconds']):+.0f} ms ({slowest['module']})")
    share = MODULES_OF_A_RUN / len(rows)
    requests = total(rows, "ranges", "requests") * share
    print(f"{MODULES_OF_A_RUN:,} modules like these: {total(rows, 'ranges', 'cpu') * share / 3600:.1f} hours of one core, {requests / 50 / 3600:.1f} hours "
          f"at 50 requests a second, {total(rows, 'ranges', 'bytes') * share / 1e9:.0f} GB; rounds a module: "
          f"{statistics.mean(r['ranges']['rounds'] for r in rows):.1f}")


if __name__ == "__main__":
    main()
