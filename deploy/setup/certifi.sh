#!/usr/bin/env bash
# Unpacks the root certificates of PyPI's certifi (OUT/cacert.pem), pinned by the wheel's SHA-256: they go into every image that the
# farm publishes, so they must not depend on the machine that builds the coordinator.
set -euo pipefail
out=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$out.new"' EXIT
python3 -m pip --version >/dev/null 2>&1 || { echo "certifi.sh: python3-pip is missing; run: bash deploy/setup/setup.sh build" >&2; exit 1; }

# pip refuses an archive with another digest before it looks inside.
cat >"$tmp/pins" <<'PINS'
certifi==2026.10.19.post1 --hash=sha256:1324c476b4811eff41a8bc2122cd0bbd4d9c7234c725446d99ab1612b3a7fdd2
PINS
python3 -m pip download -q --disable-pip-version-check --retries 5 --no-deps --only-binary certifi --require-hashes \
  -r "$tmp/pins" -d "$tmp" >"$tmp/log" 2>&1 || { tail -5 "$tmp/log" >&2; echo "certifi.sh: pip download of certifi failed; check the package index that pip uses and try again" >&2; exit 1; }

# All or nothing: an interrupted copy would pass for a whole one the next time.
rm -rf "$out" "$out.new"
mkdir -p "$out.new"
python3 -m zipfile -e "$tmp"/certifi-*.whl "$tmp/wheel"
cp "$tmp/wheel/certifi/cacert.pem" "$out.new/cacert.pem"
cp "$tmp"/wheel/certifi-*.dist-info/licenses/LICENSE "$out.new/LICENCE"
mv "$out.new" "$out"
