#!/usr/bin/env bash
# Keeps what this release speaks, for the releases after it: tests/golden/proto/keep.sh VERSION, once, when VERSION is tagged.
# tests/rpc/neighbour_test.cc speaks each of these files to the server of today.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
version=${1:?usage: keep.sh VERSION}
out=$here/$version.binpb
[ ! -e "$out" ] || { echo "keep.sh: $out is there; what a release spoke does not change" >&2; exit 2; }
cd "$root/proto"
protoc -I . --include_imports --descriptor_set_out="$out" gofarm/v1/*.proto
echo "$out"
