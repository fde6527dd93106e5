#!/usr/bin/env bash
# Unpacks the official BLAKE3 C sources (folder c/ of the crate in the distribution's librust-blake3-dev) into the folder given.
set -euo pipefail
out=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$out.new"' EXIT
chmod 755 "$tmp"
cd "$tmp"
apt-get -q download librust-blake3-dev >/dev/null || { echo "blake3.sh: apt-get download librust-blake3-dev failed; run apt-get update and try again" >&2; exit 1; }
dpkg -x librust-blake3-dev_*.deb x
src=$(dirname "$(find x -path '*/c/blake3.c' | head -1)")
[ -f "$src/blake3.c" ] || { echo "blake3.sh: the package holds no c/blake3.c" >&2; exit 1; }
# All or nothing: an interrupted copy would pass for a whole one the next time.
rm -rf "$out" "$out.new"
mkdir -p "$out.new"
cp "$src"/*.c "$src"/*.h "$out.new"/
cp x/usr/share/doc/librust-blake3-dev/copyright "$out.new/LICENCE"
mv "$out.new" "$out"
