#!/usr/bin/env bash
# Sets up and passes the tests: tests/run.sh [--full] [--only REGEX]
#   without --full: one GCC build, unit tests (also under asan and ubsan), store, gRPC, simulation, sandbox and end-to-end tests
#   --full: also clang with -Wthread-safety, tsan, the whole table of modules, a submission of 100,000 lines, benchmarks
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
full="" only="."
while [ $# -gt 0 ]; do
  case $1 in
    --full) full=yes ;;
    --only) only=$2; shift ;;
    -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
    *) echo "tests/run.sh: unknown argument $1; see --help" >&2; exit 2 ;;
  esac
  shift
done
start=$(date +%s)
phase() { echo "== $* ($((($(date +%s) - start) / 60)) min gone)"; }
export GOFARM_CACHE_DIR=${GOFARM_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/gofarm}
export GOFARM_SOURCE_DIR=$root

echo "tests/run.sh installs missing packages, builds into build/, downloads Go, zig and a few modules (about 300 MB once)"
echo "and uses $GOFARM_CACHE_DIR (up to 6 GB). Run it again at any time; it goes on where it was."
phase packages
bash deploy/setup/setup.sh build run test
phase "build (GCC)"
bash deploy/setup/build.sh release
# A first Go for the tests that build small programs; on a machine without Go it comes into the cache folder.
GOFARM_TEST_GO=$(build/bin/gofarm-worker toolchain bootstrap --cache-dir "$GOFARM_CACHE_DIR")
export GOFARM_TEST_GO
phase "include table, dead files, SQL"
python3 tests/tidy/check_tree.py "$root"
phase "unit tests under address and undefined-behaviour sanitizers"
bash deploy/setup/build.sh asan-ubsan sanitizer_tests
ctest --test-dir build/asan-ubsan -L sanitize -j2 --output-on-failure --no-tests=error -R "$only"
if [ -n "$full" ]; then
  phase "clang with thread-safety analysis"
  bash deploy/setup/setup.sh full
  bash deploy/setup/build.sh clang
  phase "thread sanitizer"
  bash deploy/setup/build.sh tsan sanitizer_tests
  ctest --test-dir build/tsan -L sanitize -j2 --output-on-failure --no-tests=error -R "$only"
  export GOFARM_TEST_FULL=1
fi
phase "all tests"
ctest --test-dir build/release -j2 --output-on-failure --no-tests=error -R "$only" $([ -n "$full" ] && echo "" || echo "-LE full")
if [ -n "$full" ]; then
  phase benchmarks
  bash tests/bench/run.sh --full
fi
echo "tests/run.sh: all passed in $(($(date +%s) - start)) s"
