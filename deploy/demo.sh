#!/usr/bin/env bash
# Sets up gofarm on a bare machine and runs the main job in a private farm: first three real Go modules for four targets,
# then the catalog: a module index of a million lines, from which the farm finds out by itself what to build; then what was
# built is published to a registry and an index, verified without the farm, and installed.
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
    on this machine like everything that the stages ask), select from it, and build what was selected
  - publish all of it to a registry on this machine (below $farm), verify and install programs from it, and stop the farm
EOT
bash deploy/setup/check.sh room "$root/build" 1 "$GOFARM_CACHE_DIR" 5
bash deploy/setup/setup.sh build run demo
bash deploy/setup/check.sh sandbox
bash deploy/setup/build.sh release gofarm gofarm-coordinator gofarm-worker
export PATH=$root/build/bin:$PATH GOFARM_DIR=$farm
unset GOFARM_SERVER

upstream= registry=
stop() { rc=$?; for p in $upstream $registry; do kill "$p" 2>/dev/null || true; done; gofarm down >/dev/null 2>&1 || true; [ $rc -eq 0 ] || echo "demo: stopped with an error; logs are in $farm/logs" >&2; exit $rc; }
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
echo

# ---- third act: publishing ----------------------------------------------------------------------------------------------
# The registry keeps its port and its files, so that a second run of this script finds there what the first one pushed.
act3=$(date +%s)
public=$farm/public
mkdir -p "$public"
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port=$(cat "$public/port" 2>/dev/null || true)
until [ -n "$port" ] && port_is_free "$port"; do port=$((20000 + RANDOM % 12000)); done
echo "$port" >"$public/port"
printf 'version: 0.1\nlog: {accesslog: {disabled: false}}\nstorage: {filesystem: {rootdirectory: "%s"}, delete: {enabled: true}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
  "$public/registry" "$port" >"$public/registry.yml"
docker-registry serve "$public/registry.yml" >"$public/registry.log" 2>&1 &
registry=$!
for _ in $(seq 200); do ! curl -sf "http://127.0.0.1:$port/v2/" >"$public/answer" || break; sleep 0.1; done
curl -sf "http://127.0.0.1:$port/v2/" >"$public/answer" || die "the registry did not start: $(tail -1 "$public/registry.log")"
GOFARM_PUBLISH_REGISTRY=http://127.0.0.1:$port/gofarm gofarm up --workers 1
say "publishing to a registry and to the signed index"
settled() { gofarm publish status --output json >"$public/status.json" && jq -e '.pending == 0 and .failed == 0 and .published > 0' "$public/status.json" >/dev/null; }
for _ in $(seq 600); do ! settled || break; sleep 0.5; done
settled || die "not everything was published; see: gofarm publish list (logs in $farm/logs)"
gofarm publish status
pushed=$(grep -cE '"PUT [^"]*/manifests/' "$public/registry.log" || true)
say "manifests pushed to the registry in this run: $pushed"

# Whoever has the public keys verifies without the farm.
http=$(gofarm status --output json | jq -r .http_url)
key=$(gofarm keys show --output json | jq -r .minisign_public_key)
gofarm keys show --public >"$public/provenance.pem"
rm -rf "$public/export"
gofarm artifact export --batch "$(jq -r .id "$farm/batch.json")" "$public/export" >/dev/null
hey=$(echo "$public/export"/github.com/rakyll/hey@*/x86_64/hey)
gofarm verify "$hey" --offline --key "$public/provenance.pem" --key "$key"
cp -r "$(dirname "$hey")" "$public/export/changed"
printf x | dd of="$public/export/changed/hey" bs=1 seek=5000 conv=notrunc 2>/dev/null
if gofarm verify "$public/export/changed/hey" --offline --key "$public/provenance.pem" --key "$key" >"$public/refusal" 2>&1; then
  die "a program with a changed byte was verified"
fi
say "a program with a changed byte is refused: $(tail -1 "$public/refusal")"

# Whoever has neither the farm nor its client installs by one line of shell.
rm -rf "$public/home" "$public/bin"
mkdir -p "$public/home"
curl -sS "$http/i/github.com/itchyny/gojq" | env -i HOME="$public/home" PATH=/usr/bin:/bin sh || die "the script that installs gojq failed"
gofarm install --index "$http/index" --key "$key" --dir "$public/bin" github.com/itchyny/gojq github.com/BurntSushi/toml/cmd/tomlv
for gojq in "$public/home/.local/bin/gojq" "$public/bin/gojq"; do
  [ "$(echo '{"runs": "yes"}' | "$gojq" -r .runs)" = yes ] || die "$gojq does not run"
done
say "gojq was installed by a line of shell and by gofarm install, and runs"
act3=$(($(date +%s) - act3))
gofarm down
kill "$registry" 2>/dev/null || true
registry=
trap - EXIT
programs=$(jq '[.[].executables[]] | length' "$farm/jobs.json")
say "to delete everything: rm -rf $root/build $GOFARM_CACHE_DIR"
say "the catalog chose $selected of $(jq .modules "$catalog/truth.json") modules by itself; $built executables of $found modules, in $act2 s"
say "published: $(jq .published "$public/status.json") rows at the index and the registry, verified and installed, in $act3 s"
say "done: $jobs jobs, $programs static PIE executables for 4 targets, all run, in $(($(date +%s) - start)) s"
