#!/usr/bin/env bash
# The checks of .clang-tidy over the product's sources: clang_tidy.sh [REGEX]. Needs the clang build
# (deploy/setup/build.sh clang), whose compile commands it reads; only sources whose path matches REGEX.
set -euo pipefail
cd "$(dirname "$0")/../.."
tidy=$(command -v clang-tidy-14 || command -v clang-tidy || true)
[ -n "$tidy" ] || { echo "clang_tidy: there is no clang-tidy; deploy/setup/setup.sh full installs it" >&2; exit 1; }
[ -f build/clang/compile_commands.json ] || { echo "clang_tidy: deploy/setup/build.sh clang first" >&2; exit 1; }
git ls-files -z 'common/*.cc' 'coordinator/*.cc' 'worker/*.cc' 'cli/*.cc' | grep -zE "${1:-.}" |
  xargs -0 -P "$(nproc)" -n 1 "$tidy" -p build/clang --quiet 2>/dev/null ||
  { echo "clang_tidy: see above" >&2; exit 1; }
echo "clang_tidy: no fault"
