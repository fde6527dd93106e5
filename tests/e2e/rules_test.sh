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
