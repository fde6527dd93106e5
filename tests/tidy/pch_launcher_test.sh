#!/usr/bin/env bash
# cmake/pch_launcher.sh: a precompiled header that is made again is gone before its maker looks; nothing else is.
set -euo pipefail
launcher=$(cd "$(dirname "$0")/../.." && pwd)/cmake/pch_launcher.sh
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
cd "$top"
die() { echo "pch_launcher_test: $1" >&2; exit 1; }
touch a.gch b.o c.gch
sh "$launcher" sh -c '[ ! -e a.gch ] && [ -e b.o ] && [ -e c.gch ] && [ "$*" = "-o a.gch -MF a.gch.d -c c.gch" ]' maker -o a.gch -MF a.gch.d -c c.gch ||
  die "the old header was there, or another file was not, or the arguments changed"
sh "$launcher" sh -c '[ -e b.o ]' maker -c x.cc -o b.o || die "an object was removed"
rc=0; sh "$launcher" sh -c 'exit 3' maker -o a.gch || rc=$?
[ $rc -eq 3 ] || die "exit code $rc in place of 3"
