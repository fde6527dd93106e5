#!/usr/bin/env bash
# Sets up gofarm on a bare machine and runs the main job: three real Go modules for four targets, in a private farm.
# Writes only below this clone and one cache folder; run it again at any time.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
export GOFARM_CACHE_DIR=${GOFARM_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/gofarm}
farm=$root/build/demo
modules=(github.com/BurntSushi/toml@v1.6.0 github.com/rakyll/hey@v0.1.5 github.com/itchyny/gojq@v0.12.17)
start=$(date +%s)
say() { echo "demo: $*"; }
die() { echo "demo: $*" >&2; exit 1; }

cat <<EOT
demo: this will
  - install missing packages of the distribution (compiler, gRPC, PostgreSQL, bubblewrap, qemu-user ...; with sudo unless root)
  - build gofarm in $root/build (10 minutes on 2 cores the first time, about 1 GB)
  - download Go, zig and three modules (about 250 MB) and prepare them for four targets in $GOFARM_CACHE_DIR (about 4 GB)
  - build three modules for x86_64, aarch64, riscv64 and loongarch64 in a private farm under $farm, and stop the farm
EOT
bash deploy/setup/check.sh room "$root/build" 1 "$GOFARM_CACHE_DIR" 5
bash deploy/setup/setup.sh build run
bash deploy/setup/check.sh sandbox
bash deploy/setup/build.sh release gofarm gofarm-coordinator gofarm-worker
export PATH=$root/build/bin:$PATH GOFARM_DIR=$farm
unset GOFARM_SERVER

stop() { rc=$?; gofarm down >/dev/null 2>&1 || true; [ $rc -eq 0 ] || echo "demo: stopped with an error; logs are in $farm/logs" >&2; exit $rc; }
trap stop EXIT
trap 'exit 130' INT TERM
gofarm up --workers 1
say "submitting ${modules[*]} for four targets"
gofarm submit --force --name demo --wait --output json "${modules[@]}" >"$farm/batch.json" || die "not every job was built; see: gofarm batch show (logs in $farm/logs)"
id=$(jq -r .id "$farm/batch.json")
gofarm job list --batch "$id" --output json >"$farm/jobs.json"
jobs=$(jq length "$farm/jobs.json")
[ "$jobs" -ge 12 ] || die "$jobs jobs instead of at least 12"

echo
{
  printf 'MODULE\tPROGRAM\tTARGET\tSIZE\tSHA-256\tSECONDS\n'
  jq -r '.[] | . as $j | ($j.attempts[-1].phases | [.[]] | add * 10 | round / 10) as $s |
    .executables[] | [.module + "@" + .version, .name, .target, .size, .sha256, $s] | @tsv' "$farm/jobs.json" | sort
} | column -t -s "$(printf '\t')"
echo

native=$(uname -m)
for target in x86_64 aarch64 riscv64 loongarch64; do
  sha=$(jq -r --arg t "$target" '[.[] | .executables[] | select(.target == $t and .name == "gojq")][0].sha256' "$farm/jobs.json")
  mkdir -p "$farm/run/$target"
  gofarm artifact get "$sha" -o "$farm/run/$target/gojq" >/dev/null
  chmod +x "$farm/run/$target/gojq"
  run=("$farm/run/$target/gojq")
  if [ "$target" != "$native" ]; then
    emulator=$(command -v "qemu-$target" || command -v "qemu-$target-static") || die "no qemu-user for $target"
    run=("$emulator" "${run[@]}")
  fi
  answer=$(echo '{"builds": "everywhere"}' | "${run[@]}" -r .builds) || die "gojq for $target did not run"
  [ "$answer" = everywhere ] || die "gojq for $target answered '$answer'"
  say "gojq for $target runs ($([ "$target" = "$native" ] && echo natively || echo "under $(basename "$emulator")"))"
done
gofarm down
trap - EXIT
programs=$(jq '[.[].executables[]] | length' "$farm/jobs.json")
say "to delete everything: rm -rf $root/build $GOFARM_CACHE_DIR"
say "done: $jobs jobs, $programs static PIE executables for 4 targets, all run, in $(($(date +%s) - start)) s"
