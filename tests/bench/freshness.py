#!/usr/bin/env python3
"""Benchmark of automatic updates: seconds from a version's line in the module index to the moment when the published index shows it
for four targets, so that anybody can install it. The module's dependency, the toolchains and std are warm, as they are in a farm that
published the version before. The outside services are tests/support/upstream.py; prints one table.

freshness.py [--versions N]
Nothing here is a test: it never fails on a slow machine.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from bench import Farm

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = "fresh.example.org/tool"
DEPENDENCY = ("github.com/BurntSushi/toml", "v1.6.0")
HOSTS = ("x86_64-Linux", "aarch64-Linux", "riscv64-Linux", "loongarch64-Linux")
LIMIT = 900
MAIN = """package main

import (
\t"fmt"

\t"github.com/BurntSushi/toml"
)

func main() {
\tvar into map[string]any
\t_, err := toml.Decode("a = 1", &into)
\tfmt.Println("%s", into, err)
}
"""


class Services:
    def __init__(self, folder):
        table = folder / "modules.tsv"
        table.write_text("module\tversion\tx86_64\n%s\t%s\t3\n" % DEPENDENCY)
        words = ["--modules", "20", "--lines", "60", "--eligible", "4", "--calm", "--table", str(table)]
        self.process = subprocess.Popen([sys.executable, ROOT / "tests/support/upstream.py", *words], stdout=subprocess.PIPE, text=True)
        self.url = "http://127.0.0.1:" + self.process.stdout.readline().split()[1]
        self.licence = (ROOT / "tests/support/mit.txt").read_text()

    def publish(self, version):
        go_mod = "module %s\n\ngo 1.21\n\nrequire %s %s\n" % (MODULE, *DEPENDENCY)
        body = {"path": MODULE, "version": version, "files": {"go.mod": go_mod, "main.go": MAIN % version, "LICENSE": self.licence}}
        urllib.request.urlopen(urllib.request.Request(self.url + "/control/publish", json.dumps(body).encode())).read()

    def environment(self):
        catalog = {"INDEX_URL": "index", "DEPSDEV_URL": "depsdev", "GITHUB_URL": "github", "PKGSITE_URL": "pkgsite"}
        return {"GOPROXY": self.url + "/proxy", "GOSUMDB": "off", "GOFARM_CATALOG_UPDATES_DELAY": "0s",
                **{"GOFARM_CATALOG_" + name: "%s/%s" % (self.url, path) for name, path in catalog.items()}}


def shown(http, version):
    for host in HOSTS:
        try:
            with urllib.request.urlopen("%s/index/%s.json" % (http, host)) as answer:
                if ('Module: %s@%s"' % (MODULE, version)) not in answer.read().decode():
                    return False
        except OSError:
            return False
    return True


def wait_shown(http, version):
    began = time.monotonic()
    while not shown(http, version):
        if time.monotonic() - began > LIMIT:
            sys.exit("%s is not shown after %d s" % (version, LIMIT))
        time.sleep(0.2)
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gofarm-freshness-") as folder:
        services = Services(pathlib.Path(folder))
        try:
            with Farm(True, **services.environment()) as farm:
                http = farm.json("status")["http_url"]
                services.publish("v1.0.0")
                farm.call("submit", "--wait", MODULE + "@v1.0.0")
                wait_shown(http, "v1.0.0")
                farm.call("catalog", "run")
                took = []
                for i in range(1, options.versions + 1):
                    version = "v1.%d.0" % i
                    services.publish(version)
                    took.append(wait_shown(http, version))
        finally:
            services.process.terminate()
            services.process.wait()
    print("| versions | median | fastest | slowest |")
    print("|---|---|---|---|")
    print("| %d | %.1f s | %.1f s | %.1f s |" % (len(took), statistics.median(took), min(took), max(took)))


if __name__ == "__main__":
    main()
