#!/usr/bin/env bash
# Runs the benchmarks with build/bin and writes docs/performance.md: tests/bench/run.sh [--full]; --full takes the whole table.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
args=()
[ "${1:-}" != --full ] || args=(--table "$root/tests/e2e/modules.tsv")
exec python3 "$root/tests/bench/bench.py" "${args[@]}"
