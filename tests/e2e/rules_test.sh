#!/usr/bin/env bash
# Rules, their unit tests, and the configurations of Prometheus and Alertmanager, by promtool and amtool: rules_test.sh SOURCE.
# Every alert has severity, team, a link to its runbook, and both tests.
set -euo pipefail
cd "$1/deploy"
fail() { echo "rules_test.sh: $*" >&2; exit 1; }
for tool in promtool amtool; do
  command -v $tool >/dev/null || fail "$tool is missing; run: bash deploy/setup/setup.sh test"
done
promtool check rules prometheus/*.rules.yml
promtool test rules prometheus/tests/*.yml
promtool check config --syntax-only prometheus/prometheus.yml
amtool check-config alertmanager/alertmanager.yml
alerts=$(sed -n 's/^ *- alert: *//p' prometheus/*.rules.yml)
[ "$(wc -l <<<"$alerts")" -ge 12 ] || fail "fewer than twelve alerts"
for alert in $alerts; do
  rule=$(awk -v name="$alert" '/- alert:/ {on = $3 == name} on' prometheus/*.rules.yml)
  grep -qE 'labels: \{severity: (critical|warning), team: [a-z]+\}' <<<"$rule" || fail "$alert: severity or team"
  grep -qF "{{ \$externalLabels.gofarm_url }}/runbooks/$alert'" <<<"$rule" || fail "$alert: no link to its runbook"
  [ -f "../docs/runbooks/$alert.md" ] || fail "$alert: no runbook"
  grep -qF "name: $alert fires" prometheus/tests/*.yml || fail "$alert: no test that it fires"
  grep -qF "name: $alert does not fire" prometheus/tests/*.yml || fail "$alert: no test that it does not fire"
done
# What an inhibition names is there.
for name in $(grep -oE 'Gofarm[A-Za-z]*\(?[A-Za-z.+|]*\)?' alertmanager/alertmanager.yml | sort -u); do
  grep -qE "^($name)$" <<<"$alerts" || fail "alertmanager.yml names $name, which is no alert"
done
# What is provisioned is there, by the paths that the containers see, and every image has its version.
python3 - <<'P'
import os
import yaml
compose = yaml.safe_load(open("compose.yaml"))
inside = {}
for name, service in compose["services"].items():
    assert ":" in service["image"] and not service["image"].endswith(":latest"), f"{name}: no version of its image"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"]), f"{name}: listens beyond this machine"
    for volume in service["volumes"]:
        source, target = volume.replace(":ro", "").rsplit(":", 1)
        if source.startswith("./"):
            assert os.path.exists(source), f"{name}: {source} is not there"
            inside[target] = source
provider = yaml.safe_load(open("grafana/provisioning/dashboards/gofarm.yml"))["providers"][0]
assert inside[provider["options"]["path"]] == "./grafana/dashboards", "dashboards are looked for elsewhere"
source = yaml.safe_load(open("grafana/provisioning/datasources/gofarm.yml"))["datasources"][0]
assert source["url"] == "http://prometheus:9090" and "prometheus" in compose["services"], "no such Prometheus"
prometheus = yaml.safe_load(open("prometheus/prometheus.yml"))
rules = os.path.dirname(prometheus["rule_files"][0])
assert any(target.startswith(rules) for target in inside), "no rules where they are looked for"
assert prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]
print("compose.yaml and what it provisions fit together")
P
