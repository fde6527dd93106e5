#!/usr/bin/env bash
# Configures and builds: build.sh PRESET [TARGET...]. Prints steps done and time left, and what failed when it failed.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
preset=${1:-release}
shift || true
cd "$root"
log=build/$preset.log
mkdir -p build
: >"$log"
extra=()
# Distributions without clang 14 have a newer one under its plain name.
[ "$preset" != clang ] || command -v clang++-14 >/dev/null || extra=(-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++)
if ! cmake --preset "$preset" "${extra[@]}" >>"$log" 2>&1; then
  tail -20 "$log" >&2
  echo "build: configuring failed; the whole log is $log" >&2
  exit 1
fi
start=$(date +%s)
targets=()
[ $# -eq 0 ] || targets=(--target "$@")
show() {
  local line shown=0 now gone left
  while IFS= read -r line; do
    [[ $line =~ ^\[([1-9][0-9]*)/([0-9]+)\] ]] || continue
    now=$(date +%s)
    [ $((now - shown)) -ge 10 ] || [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ] || continue
    shown=$now gone=$((now - start))
    left=$((gone * (BASH_REMATCH[2] - BASH_REMATCH[1]) / BASH_REMATCH[1]))
    printf 'build: step %d of %d, %d:%02d gone, about %d:%02d left\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" $((gone / 60)) $((gone % 60)) $((left / 60)) $((left % 60))
  done
}
set +e
cmake --build --preset "$preset" "${targets[@]}" 2>&1 | tee -a "$log" | show
rc=${PIPESTATUS[0]}
set -e
if [ "$rc" -ne 0 ]; then
  # What came after the first step that failed, without its command; a linker may say "fatal" only.
  awk '/^FAILED: / {found = 1; print; getline; next} found {print substr($0, 1, 400)}' "$log" | head -40 >&2
  grep -q '^FAILED: ' "$log" || tail -20 "$log" >&2
  echo "build: failed; the whole log is $log" >&2
  exit 1
fi
echo "build: $preset is built in $(($(date +%s) - start)) s"
