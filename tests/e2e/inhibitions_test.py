#!/usr/bin/env python3
"""What Alertmanager leaves unsaid: inhibitions_test.py SOURCE. A real prometheus-alertmanager with deploy/alertmanager's
configuration, only quicker, is told a cause and all that follows from it at once; it must notify the cause alone. A control
shows that what follows is notified without its cause."""
import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

SOURCE = pathlib.Path(sys.argv[1])
RULES = (SOURCE / "deploy/prometheus/gofarm.rules.yml").read_text()
LABELS = {name: {"alertname": name, "severity": severity, "team": team}
          for name, severity, team in re.findall(r"- alert: (\w+).*?labels: \{severity: (\w+), team: (\w+)\}", RULES, re.S)}
QUEUE = {"GofarmNoWorkerForTarget", "GofarmQueueStandsStill", "GofarmLeasesExpire"}
FED = {"GofarmStageStuck", "GofarmCursorStalled", "GofarmOutboxOld"}
# Cause, and what follows from it.
CASES = {
    "GofarmCoordinatorDown": set(LABELS) - {"GofarmCoordinatorDown"},
    "GofarmDatabaseFails": QUEUE | FED | {"GofarmLeaderMissing", "GofarmLeaderFlapping", "GofarmDatabaseSlow"},
    "GofarmLeaderMissing": QUEUE | FED | {"GofarmLeaderFlapping"},
    "GofarmWorkersWithoutRoom": {"GofarmWorkerDiskLow", "GofarmNoWorkerForTarget", "GofarmQueueStandsStill"},
    "GofarmDataDiskLow": {"GofarmStageStuck", "GofarmCursorStalled"},
    "GofarmDatabaseSlow": {"GofarmStageStuck"},
}
# Never silent because of another, but for a coordinator that is down.
ALONE = {"GofarmCertificateEnds", "GofarmClockSkew", "GofarmRegistryRefuses", "GofarmFailuresJump", "GofarmDataDiskLow"}
QUICK, NOTIFIED_MAX = 2, 30

notified = {}
lock = threading.Lock()


class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with lock:
            for alert in body["alerts"]:
                if alert["status"] == "firing":
                    notified.setdefault(alert["labels"]["case"], {})[alert["labels"]["alertname"]] = self.path
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def seen(case):
    with lock:
        return dict(notified.get(case, {}))


def main():
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    config = (SOURCE / "deploy/alertmanager/alertmanager.yml").read_text()
    config = config.replace("127.0.0.1:9099", f"127.0.0.1:{sink.server_port}")
    config = re.sub(r"group_(wait|interval): \w+", rf"group_\1: {QUICK}s", config)
    # Each case for itself: an alert of one is no cause in another.
    config = config.replace("group_by: [alertname]", "group_by: [alertname, case]")
    config = re.sub(r"(  - source_matchers:)", r"  - equal: [case]\n    source_matchers:", config)
    faults = []
    with tempfile.TemporaryDirectory(prefix="gofarm-inhibitions-") as folder:
        path = pathlib.Path(folder) / "alertmanager.yml"
        path.write_text(config)
        with open(f"{folder}/log", "w") as log:
            server = subprocess.Popen(["prometheus-alertmanager", f"--config.file={path}", f"--storage.path={folder}/data",
                                       "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="], stderr=log)
        try:
            address = None
            for _ in range(600):
                found = re.search(r'msg="Listening on" address=(\S+)', pathlib.Path(f"{folder}/log").read_text())
                if found:
                    address = found[1]
                    break
                time.sleep(0.1)
            if address is None:
                sys.exit("prometheus-alertmanager does not listen: " + pathlib.Path(f"{folder}/log").read_text())
            cases = {cause: {cause} | follows for cause, follows in CASES.items()}
            cases["all but the causes"] = QUEUE | FED | {"GofarmLeaderFlapping"}
            cases["alone"] = ALONE | {"GofarmDatabaseFails", "GofarmLeaderMissing", "GofarmWorkersWithoutRoom"}
            alerts = [dict(labels=dict(LABELS[name], case=case), annotations={"summary": name})
                      for case, names in cases.items() for name in names]
            urllib.request.urlopen(urllib.request.Request(f"http://{address}/api/v2/alerts", json.dumps(alerts).encode(),
                                                          {"Content-Type": "application/json"}))
            wanted = {cause: {cause} for cause in CASES}
            wanted["all but the causes"] = cases["all but the causes"]
            wanted["alone"] = cases["alone"] - {"GofarmLeaderMissing"}
            end = time.monotonic() + NOTIFIED_MAX
            while time.monotonic() < end and any(not wanted[c] <= set(seen(c)) for c in wanted):
                time.sleep(0.2)
            time.sleep(3 * QUICK)  # what is notified wrongly comes too
            for case, names in wanted.items():
                if set(seen(case)) != names:
                    faults.append(f"{case}: notified {sorted(seen(case))}, wanted {sorted(names)}")
            paths = seen("alone")
            if paths.get("GofarmRegistryRefuses") != "/publishing" or paths.get("GofarmClockSkew") != "/operators":
                faults.append(f"not where the team looks: {paths}")
        finally:
            server.kill()
            server.wait()
    for fault in faults:
        print(fault)
    print(f"{len(CASES)} causes, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
