#!/usr/bin/env bash
# Sets up and passes the tests: tests/run.sh [--full] [--only REGEX]
#   without --full: one GCC build, unit tests (also under asan and ubsan), store, gRPC, simulation, sandbox and end-to-end tests, a minute of chaos
#   --full: also clang with -Wthread-safety, clang-tidy, the thread sanitizer, the whole table of modules, a submission of 100,000 lines, the
#           programs of the last release, a static worker of another machine, cosign and soar, ten minutes of chaos, benchmarks; takes hours
#   --only: the tests whose names match; clang and benchmarks are left out then
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
full="" only="" usage="tests/run.sh: see tests/run.sh --help"
while [ $# -gt 0 ]; do
  case $1 in
    --full) full=yes ;;
    --only) [ -n "${2:-}" ] || { echo "tests/run.sh: --only needs a regular expression" >&2; exit 2; }; only=$2; shift ;;
    -h | --help) sed -n '2,6s/^# //p' "$0"; exit 0 ;;
    *) echo "tests/run.sh: unknown argument $1" >&2; echo "$usage" >&2; exit 2 ;;
  esac
  shift
done
start=$(date +%s)
phase() { echo "== $* ($((($(date +%s) - start) / 60)) min gone)"; }
die() { echo "tests/run.sh: $*" >&2; exit 1; }
export GOFARM_CACHE_DIR=${GOFARM_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/gofarm}
export GOFARM_SOURCE_DIR=$root

cat <<EOT
tests/run.sh: this will
  - install missing packages of the distribution (compiler, gRPC, PostgreSQL, bubblewrap, qemu-user ...; with sudo unless root)
  - build into $root/build (twice, once with sanitizers: up to an hour on 2 cores the first time, 11 GB)
  - download Go, zig, a few modules and verifiers from npm (about 300 MB once) and use $GOFARM_CACHE_DIR (up to 6 GB)
EOT
[ -z "$full" ] || cat <<EOT
  - with --full: install clang too, build twice more (clang, thread sanitizer with an Abseil of its own: 12 GB), download all
    modules of the table with what they import (about 2 GB), and build them all with and without the farm: some hours
EOT
echo "Run it again at any time; it goes on where it was."
build_gb=12 cache_gb=6
[ -z "$full" ] || build_gb=24 cache_gb=12
bash deploy/setup/check.sh room "$root/build" $build_gb "$GOFARM_CACHE_DIR" $cache_gb
phase packages
# shellcheck disable=SC2086
bash deploy/setup/setup.sh build run test ${full:+full static}
bash deploy/setup/check.sh sandbox
phase "build (GCC)"
bash deploy/setup/build.sh release
# A first Go for the tests that build small programs; on a machine without Go it comes into the cache folder.
GOFARM_TEST_GO=$(build/bin/gofarm-worker toolchain bootstrap --cache-dir "$GOFARM_CACHE_DIR")
export GOFARM_TEST_GO
# The last one on PATH: a toolset that names no first Go of its own is installed by means of it, and `go env` tells the proxy.
export PATH=$PATH:${GOFARM_TEST_GO%/*}
phase "include table, dead files, SQL, format"
python3 tests/tidy/check_tree.py "$root"
bash tests/tidy/check_format.sh

# Whether any test of this name has the label (of the release build, which knows them all).
some() { [ -n "$(ctest --test-dir build/release -N "$@" ${only:+-R "$only"} | grep '^ *Test *#')" ]; }
run() { ctest --test-dir "build/$1" -j2 --output-on-failure --no-tests=error ${only:+-R "$only"} "${@:2}"; }
left_out=()  # labels
[ -n "$full" ] || left_out+=(full)
without() { local all; all=$(IFS='|'; echo "${left_out[*]}"); echo "${all:-^$}"; }
some -LE "$(without)" || die "no test matches '$only'$([ -n "$full" ] || ! some || echo ' without --full')"

# Since 2023 Abseil's containers have another layout under asan than in the distribution's libraries.
if some -L sanitize && [ "$(pkg-config --modversion absl_base)" -gt 20230000 ]; then
  echo "tests/run.sh: left out: the tests under asan and ubsan, which this distribution's Abseil does not allow (Debian 12's does)"
elif some -L sanitize; then
  phase "unit tests under address and undefined-behaviour sanitizers"
  bash deploy/setup/build.sh asan-ubsan sanitizer_tests
  run asan-ubsan -L sanitize
fi
if [ -n "$full" ]; then
  if [ -z "$only" ]; then
    phase "clang with thread-safety analysis"
    bash deploy/setup/build.sh clang
    phase "clang-tidy"
    bash tests/tidy/clang_tidy.sh
  fi
  if some -L threads; then
    phase "thread sanitizer"
    bash deploy/setup/build.sh tsan thread_sanitizer_tests
    run tsan -L threads
  fi
fi
if [ -n "$full" ] && some -L release; then
  # Of the commits before this one: a release is no neighbour of itself.
  if release=$(git describe --tags --match 'v[0-9]*' --abbrev=0 HEAD~1 2>/dev/null); then
    phase "build of the last release, $release"
    git worktree prune
    [ -d build/last-release ] || git worktree add --detach build/last-release "$release"
    git -C build/last-release checkout -q --detach "$release"
    (cd build/last-release && bash deploy/setup/build.sh release gofarm gofarm-coordinator gofarm-worker)
    export GOFARM_RELEASE_BIN_DIR=$root/build/last-release/build/bin
  else
    echo "tests/run.sh: left out: release_test, as there is no tag of a release"
    left_out+=(release)
  fi
fi
if [ -n "$full" ] && some -L 'clients|soar'; then
  phase "programs of others that take what is published"
  GOFARM_TEST_COSIGN=$(bash tests/support/clients.sh cosign "$GOFARM_CACHE_DIR/clients")
  if ! GOFARM_TEST_SOAR=$(bash tests/support/clients.sh soar "$GOFARM_CACHE_DIR/clients"); then
    echo "tests/run.sh: left out: soar_test, as this system's Rust does not build soar (Debian 12's does)"
    left_out+=(soar)
  fi
  export GOFARM_TEST_COSIGN GOFARM_TEST_SOAR
fi
if some -L browser && ! command -v chromium >/dev/null; then
  echo "tests/run.sh: left out: page_test and dashboards_test, as this system has no package chromium (Debian has)"
  left_out+=(browser)
fi
phase "all tests"
run release -LE "$(without)"
if [ -n "$full" ] && [ -z "$only" ]; then
  phase benchmarks
  bash tests/bench/run.sh --full
fi
echo "tests/run.sh: all passed in $(($(date +%s) - start)) s"
