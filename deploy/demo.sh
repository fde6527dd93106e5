#!/usr/bin/env bash
# Sets up gofarm on a bare machine and runs the main job in a private farm: first three real Go modules for four targets,
# then the catalog: a module index of a million lines, from which the farm finds out by itself what to build.
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
  - build three modules for x86_64, aarch64, riscv64 and loongarch64 in a private farm under $farm
  - fill the farm's catalog from an index of a million lines (400 MB under $farm; made up but for four modules, and served
    on this machine like everything that the stages ask), select from it, build what was selected, and stop the farm
EOT
bash deploy/setup/check.sh room "$root/build" 1 "$GOFARM_CACHE_DIR" 5
bash deploy/setup/setup.sh build run
bash deploy/setup/check.sh sandbox
bash deploy/setup/build.sh release gofarm gofarm-coordinator gofarm-worker
export PATH=$root/build/bin:$PATH GOFARM_DIR=$farm
unset GOFARM_SERVER

upstream=
stop() { rc=$?; [ -z "$upstream" ] || kill "$upstream" 2>/dev/null || true; gofarm down >/dev/null 2>&1 || true; [ $rc -eq 0 ] || echo "demo: stopped with an error; logs are in $farm/logs" >&2; exit $rc; }
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
echo

# ---- second act: the catalog --------------------------------------------------------------------------------------------
# The outside services stand on this machine; their front of the module proxy hands on the four real modules alone.
act2=$(date +%s)
catalog=$farm/catalog
mkdir -p "$catalog"
grep -E '^module|BurntSushi/toml|rakyll/hey|gojq	v0.12.17|spf13/pflag' tests/e2e/modules.tsv >"$catalog/modules.tsv"
world=(--table "$catalog/modules.tsv" --modules 80000 --lines 1000000 --eligible 1990 --starred 8 --calm)
if [ ! -s "$catalog/index.jsonl" ] || [ "$(cat "$catalog/world" 2>/dev/null)" != "${world[*]} $(cksum <tests/support/upstream_data.py)" ]; then
  say "making up an index of a million lines"
  python3 tests/support/upstream.py "${world[@]}" --jsonl "$catalog/index.jsonl" 2>"$catalog/truth.json" || die "no index: $(tail -1 "$catalog/truth.json")"
  echo "${world[*]} $(cksum <tests/support/upstream_data.py)" >"$catalog/world"
fi
python3 tests/support/upstream.py "${world[@]}" >"$catalog/upstream.log" 2>&1 &
upstream=$!
for _ in $(seq 200); do grep -q '^ready' "$catalog/upstream.log" && break; sleep 0.1; done
url=http://127.0.0.1:$(awk '/^ready/ {print $2}' "$catalog/upstream.log")
[ "$url" != http://127.0.0.1: ] || die "the services did not start: $(tail -1 "$catalog/upstream.log")"
printf upstream-token >"$catalog/token"
chmod 600 "$catalog/token"
services() {
  # No checksum database knows made-up modules. The index is followed from its last days on; what lies before comes from the file.
  GOPROXY=$url/proxy GOSUMDB=off GOFARM_CATALOG_INDEX_URL=$url/index GOFARM_CATALOG_DEPSDEV_URL=$url/depsdev \
    GOFARM_CATALOG_GITHUB_URL=$url/github GOFARM_CATALOG_PKGSITE_URL=$url/pkgsite GOFARM_CATALOG_GITHUB_TOKEN_FILE=$catalog/token \
    GOFARM_CATALOG_ELIGIBLE_SINCE=2024-01-01T00:00:00Z GOFARM_CATALOG_INDEX_SINCE=2026-10-30T00:00:00Z "$@"
}
services gofarm up --workers 1
say "reading $(wc -l <"$catalog/index.jsonl") lines of the module index"
gofarm catalog ingest "$catalog/index.jsonl"
say "running the stages: index, enrich, reach, detect, select"
gofarm catalog run --wait || die "the stages did not end; see: gofarm catalog status (logs in $farm/logs)"
gofarm catalog funnel
gofarm catalog show github.com/itchyny/gojq
gofarm catalog why github.com/spf13/pflag
say "selecting, and building what was selected"
gofarm catalog select --submit --name catalog --output json >"$catalog/selection.json"
selected=$(jq -r '.modules' "$catalog/selection.json")
# A run before this one submitted the same versions: its batch is looked at again.
id=$(jq -r .batch_id "$catalog/selection.json")
[ "$id" != 0 ] || id=$(gofarm batch list --output json | jq '[.[] | select(.name == "catalog") | .id] | max')
gofarm batch watch "$id" || die "not every job of the selection was built; see: gofarm batch show $id (logs in $farm/logs)"
gofarm job list --batch "$id" --output json >"$catalog/jobs.json"
found=$(jq '[.[] | select(.state == "built") | .module] | unique | length' "$catalog/jobs.json")
[ "$found" -ge 6 ] || die "$found modules of the catalog were built instead of at least 6"
built=$(jq '[.[].executables[]] | length' "$catalog/jobs.json")
act2=$(($(date +%s) - act2))
gofarm down
kill "$upstream" 2>/dev/null || true
upstream=
trap - EXIT
programs=$(jq '[.[].executables[]] | length' "$farm/jobs.json")
say "to delete everything: rm -rf $root/build $GOFARM_CACHE_DIR"
say "the catalog chose $selected of $(jq .modules "$catalog/truth.json") modules by itself; $built executables of $found modules, in $act2 s"
say "done: $jobs jobs, $programs static PIE executables for 4 targets, all run, in $(($(date +%s) - start)) s"
