#!/usr/bin/env bash
# Every C and C++ source is as .clang-format says. Only the clang-format of Debian 12 counts, since versions differ:
# where it is not to be had this says so and passes. check_format.sh [--fix]
set -euo pipefail
cd "$(dirname "$0")/../.."
format=$(command -v clang-format-14 || true)
if [ -z "$format" ]; then
  echo "check_format: left out: this system has no clang-format-14 (Debian 12 has)"
  exit 0
fi
how=(--dry-run -Werror)
[ "${1:-}" != --fix ] || how=(-i)
git ls-files -z '*.h' '*.cc' '*.c' | xargs -0 -P "$(nproc)" -n 40 "$format" "${how[@]}" ||
  { echo "check_format: run tests/tidy/check_format.sh --fix" >&2; exit 1; }
echo "check_format: all sources are as .clang-format says"
