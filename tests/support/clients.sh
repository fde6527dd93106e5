#!/usr/bin/env bash
# Builds what others use to check and install what a farm publishes: clients.sh cosign|soar DIR. Prints the program's path; builds it
# only once. cosign takes Go and its module proxy, soar Rust 1.93 and its registry of crates; each takes some minutes.
set -euo pipefail
what=${1:-} dir=${2:-}
die() { echo "clients.sh: $*" >&2; exit 1; }
[ -n "$dir" ] || die "which program, and into which folder?"
mkdir -p "$dir"
case $what in
  cosign)
    version=v3.1.3
    [ -x "$dir/cosign-$version" ] || {
      GOBIN=$dir go install "github.com/sigstore/cosign/v3/cmd/cosign@$version" >&2
      mv "$dir/cosign" "$dir/cosign-$version"
    }
    echo "$dir/cosign-$version"
    ;;
  soar)
    version=0.14.0
    [ -x "$dir/soar-$version" ] || {
      cargo=$(command -v cargo || true)
      [ -n "$cargo" ] || die "no cargo; setup.sh full installs one where the distribution has it"
      "$cargo" install --quiet --root "$dir/soar.new" "soar-cli@$version" >&2
      mv "$dir/soar.new/bin/soar" "$dir/soar-$version"
      rm -rf "$dir/soar.new"
    }
    echo "$dir/soar-$version"
    ;;
  *) die "unknown program '$what'" ;;
esac
