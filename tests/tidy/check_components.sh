#!/usr/bin/env bash
# Worker and CLI need nothing of what only the coordinator or the tests need: check_components.sh SOURCE_DIR BIN_DIR
#   - they are configured on their own with these packages hidden (the control: the coordinator is not);
#   - the programs in BIN_DIR are not linked with their libraries.
set -euo pipefail
source_dir=$1 bin_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "check_components: $*" >&2; exit 1; }

cat >"$work/pkg-config" <<'EOT'
#!/bin/sh
case "$*" in *libpqxx*) exit 1 ;; esac
exec pkg-config "$@"
EOT
chmod +x "$work/pkg-config"
configure() {
  local components=$1 hidden=() package
  shift
  for package in prometheus-cpp GTest "$@"; do hidden+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"); done
  rm -rf "$work/build"
  cmake -S "$source_dir" -B "$work/build" -G Ninja "-DGOFARM_COMPONENTS=$components" "${hidden[@]}" \
    "-DPKG_CONFIG_EXECUTABLE=$work/pkg-config" >"$work/log" 2>&1
}
configure "worker;cli" || { tail -20 "$work/log" >&2; fail "worker and CLI ask for a package that only others need"; }
configure cli LibArchive || { tail -20 "$work/log" >&2; fail "the CLI asks for a package that only others need"; }
if configure coordinator; then fail "the coordinator is configured without its packages, so the packages are not hidden"; fi

links() { readelf -d "$bin_dir/$1" | grep -E "NEEDED.*\[($2)" >&2; }
others='libpqxx|libprometheus|libpq\.|libgtest|libgmock'
if links gofarm-worker "$others"; then fail "gofarm-worker is linked with what only others need"; fi
if links gofarm "$others|libarchive"; then fail "gofarm is linked with what only others need"; fi
links gofarm-coordinator libpqxx 2>/dev/null || fail "gofarm-coordinator is not linked with libpqxx, so this looks at nothing"
echo "check_components: worker and CLI need no more than is theirs"
