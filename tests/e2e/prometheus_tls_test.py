#!/usr/bin/env python3
"""deploy/prometheus/prometheus.yml as it stands, names of hosts and files aside, scrapes a farm over TLS:
prometheus_tls_test.py SOURCE_DIR BIN_DIR

  by the certificate of a viewer, as `gofarm login` keeps it; by a token; the workers' own listener by the file that
  `gofarm worker targets --prometheus` writes. Who shows neither gets nothing (the control).
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

PATIENCE_S = 60
TOKEN, WORKER_TOKEN = "coordinator-word-1234", "worker-word-12345678"


def until(what, holds):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        value = holds()
        if value:
            return value
        time.sleep(0.2)
    sys.exit(f"{what} did not come within {PATIENCE_S} s")


def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def gofarm(*words):
    answer = subprocess.run(["gofarm", *words], capture_output=True, text=True, timeout=120)
    if answer.returncode != 0:
        sys.exit(f"gofarm {' '.join(words)}: {answer.stderr}")
    return answer.stdout


def configure(farm, part, lines):
    """These lines in the part's configuration, which it reads when its supervisor starts it again. Gives what was there."""
    name = "coordinator" if part == "coordinator" else "worker-1"
    file = farm / f"{name}.toml"
    before = file.read_text()
    file.write_text("".join(line + "\n" for line in lines) + before)
    state = json.loads((farm / "farm.json").read_text())
    pid = state["coordinator"]["pid"] if part == "coordinator" else state["workers"][0]["pid"]
    os.kill(pid, signal.SIGTERM)
    until(f"another {part}", lambda: not pathlib.Path(f"/proc/{pid}").exists())
    return file, before


class Prometheus:
    def __init__(self, top, text):
        folder = pathlib.Path(tempfile.mkdtemp(dir=top))
        (folder / "prometheus.yml").write_text(text)
        self.log = folder / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                                             "--web.listen-address=127.0.0.1:0"], stderr=log)
        found = until("Prometheus", lambda: re.search(r'msg="Listening on" address=(\S+)', self.log.read_text()))
        self.url = f"http://{found[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def up(self, job):
        """Of the one target of the job; None: it was not scraped yet."""
        try:
            query = urllib.parse.urlencode({"query": f'up{{job="{job}"}}'})
            result = json.load(urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=10))["data"]["result"]
        except (urllib.error.URLError, KeyError, ValueError):
            return None  # not ready yet
        return result[0]["value"][1] if result else None

    def expect(self, job, value):
        until(f"up of {job} at {value} (see {self.log.read_text()[-2000:]})", lambda: self.up(job) == value)


def main():
    source = pathlib.Path(sys.argv[1])
    os.environ["PATH"] = sys.argv[2] + os.pathsep + os.environ["PATH"]
    with tempfile.TemporaryDirectory(prefix="gofarm-prometheus-", dir="/tmp") as name:
        top = pathlib.Path(name)
        os.environ.update(GOFARM_DIR=f"{top}/farm", XDG_CONFIG_HOME=f"{top}/config", GOFARM_SERVER="")
        os.environ.pop("GOFARM_FARM", None)
        gofarm("up", "--workers", "1", "--listen", f"127.0.0.1:{port()}", "--public-name", "localhost")
        try:
            look(source, top)
        finally:
            gofarm("down")


def look(source, top):
    farm, https, worker_http = top / "farm", port(), port()
    (top / "token").write_text(TOKEN)
    (top / "worker-token").write_text(WORKER_TOKEN)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", top / "worker.key",
                    "-out", top / "worker.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, stderr=subprocess.DEVNULL)
    configure(farm, "worker", [f'http = "127.0.0.1:{worker_http}"', f'http_certificate = "{top}/worker.pem"', f'http_key = "{top}/worker.key"',
                               f'http_token_file = "{top}/worker-token"', f'scrape_address = "localhost:{worker_http}"'])
    file, before = configure(farm, "coordinator", [f'http_tls = "127.0.0.1:{https}"', 'http_auth = "certificate"'])
    until("the farm", lambda: subprocess.run(["gofarm", "batch", "list"], capture_output=True).returncode == 0)
    join = json.loads(gofarm("token", "create", "--role", "viewer", "--name", "prometheus", "--output", "json"))["join"]
    gofarm("login", join, "--name", "prometheus")
    farm_id = json.loads(gofarm("whoami", "--farm", "prometheus", "--output", "json"))["farm"]
    identity = top / "config/gofarm/farms/prometheus/current"
    until("the worker's address", lambda: json.loads(gofarm("worker", "targets", "--prometheus")))
    (top / "workers.json").write_text(gofarm("worker", "targets", "--prometheus"))

    text = (source / "deploy/prometheus/prometheus.yml").read_text()
    for said, here in [("_interval: 15s", "_interval: 1s"), ("https://farm.example.org:7444", f"https://127.0.0.1:{https}"),
                       ("/etc/prometheus/gofarm/*.rules.yml", f"{source}/deploy/prometheus/*.rules.yml"), ("alertmanager:9093", "127.0.0.1:9"),
                       ("/etc/prometheus/gofarm/farm/", f"{identity}/"), ("FARM_ID", farm_id), ("'farm.example.org:7444'", f"'127.0.0.1:{https}'"),
                       ("/etc/prometheus/gofarm/workers-ca.pem", f"{top}/worker.pem"), ("/etc/prometheus/gofarm/workers.json", f"{top}/workers.json"),
                       ("/etc/prometheus/gofarm/worker-token", f"{top}/worker-token"), ("/etc/prometheus/gofarm/token", f"{top}/token")]:
        if said not in text:
            sys.exit(f"deploy/prometheus/prometheus.yml says no {said}")
        text = text.replace(said, here)
    with_workers = re.sub(r"^  # (- job_name: gofarm-workers\n(?:  #   .*\n?)*)", lambda m: "  " + m[1].replace("\n  # ", "\n  "), text, flags=re.M)
    with_token = re.sub(r"^ *(cert|key)_file: .*\n", "", text, flags=re.M).replace("# authorization:", "authorization:")
    if with_workers == text or with_token == text:
        sys.exit("deploy/prometheus/prometheus.yml has other lines than this test knows")

    with Prometheus(top, with_workers) as prometheus:
        prometheus.expect("gofarm", "1")
        prometheus.expect("gofarm-workers", "1")
    with Prometheus(top, with_token) as prometheus:
        prometheus.expect("gofarm", "0")  # a token is no certificate
    file.write_text(before)
    configure(farm, "coordinator", [f'http_tls = "127.0.0.1:{https}"', f'http_auth = "token:{top}/token"'])
    with Prometheus(top, with_token) as prometheus:
        prometheus.expect("gofarm", "1")
    with Prometheus(top, with_token.replace(f"{top}/token", f"{top}/worker-token")) as prometheus:
        prometheus.expect("gofarm", "0")
    print("a farm over TLS was scraped by a certificate, by a token, and its worker by a token")


if __name__ == "__main__":
    main()
