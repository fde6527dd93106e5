#!/usr/bin/env bash
# Installs the verifiers of tests/npm, pinned by its lock file, into OUT: npm.sh OUT. Nothing when they are there already. From the
# registry that npm is configured for; no script of a package is run.
set -euo pipefail
[ $# -eq 1 ] || { echo "npm.sh: usage: npm.sh OUT" >&2; exit 2; }
out=$1
source=$(cd "$(dirname "$0")/../../tests/npm" && pwd)
for program in node npm; do
  command -v $program >/dev/null || { echo "npm.sh: $program is missing; run: bash deploy/setup/setup.sh test" >&2; exit 1; }
done
# Written last: an interrupted installation would pass for a whole one.
stamp=$out/installed
if cmp -s "$source/package-lock.json" "$stamp"; then exit 0; fi
mkdir -p "$out"
rm -f "$stamp"
cp "$source/package.json" "$source/package-lock.json" "$out/"
# What is optional needs a compiler, and serves XML only.
(cd "$out" && npm ci --omit=optional --ignore-scripts --no-audit --no-fund --fetch-retries=5 >log 2>&1) || {
  tail -5 "$out/log" >&2
  echo "npm.sh: npm ci of tests/npm failed; check the registry that npm uses and try again" >&2
  exit 1
}
cp "$source/package-lock.json" "$stamp"
