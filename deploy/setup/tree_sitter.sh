#!/usr/bin/env bash
# Unpacks the C sources of the tree-sitter runtime (OUT/runtime) and of its Go grammar (OUT/go) from their source distributions on
# PyPI, each pinned by its SHA-256: the runtime of Debian 12 ends the process on deep nesting, and the grammar is packaged nowhere else.
set -euo pipefail
out=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$out.new"' EXIT
command -v python3 >/dev/null || { echo "tree_sitter.sh: python3 is missing; run: bash deploy/setup/setup.sh build" >&2; exit 1; }
python3 -m pip --version >/dev/null 2>&1 || { echo "tree_sitter.sh: python3-pip is missing; run: bash deploy/setup/setup.sh build" >&2; exit 1; }

# pip refuses an archive with another digest before it looks inside.
cat >"$tmp/pins" <<'PINS'
tree-sitter==0.23.2 --hash=sha256:66bae8dd47f1fed7bdef816115146d3a41c39b5c482d7bad36d9ba1def088450
tree-sitter-go==0.23.4 --hash=sha256:0ebff99820657066bec21690623a14c74d9e57a903f95f0837be112ddadf1a52
PINS
python3 -m pip download -q --disable-pip-version-check --retries 5 --no-deps --no-binary tree-sitter,tree-sitter-go --require-hashes \
  -r "$tmp/pins" -d "$tmp" >"$tmp/log" 2>&1 || { tail -5 "$tmp/log" >&2; echo "tree_sitter.sh: pip download of tree-sitter 0.23.2 and tree-sitter-go 0.23.4 failed; check the package index that pip uses and try again" >&2; exit 1; }

# All or nothing: an interrupted copy would pass for a whole one the next time.
rm -rf "$out" "$out.new"
mkdir -p "$out.new"
tar -xzf "$tmp"/tree-sitter-0.23.2.tar.gz -C "$tmp"
tar -xzf "$tmp"/tree_sitter_go-0.23.4.tar.gz -C "$tmp"
cp -r "$tmp/tree-sitter-0.23.2/tree_sitter/core/lib" "$out.new/runtime"
cp -r "$tmp/tree_sitter_go-0.23.4/src" "$out.new/go"
# The grammar's archive lacks the header that its parser.c includes; the runtime has the same one.
mkdir -p "$out.new/go/tree_sitter"
cp "$out.new/runtime/src/parser.h" "$out.new/go/tree_sitter/parser.h"
cat "$tmp/tree-sitter-0.23.2/LICENSE" "$tmp/tree_sitter_go-0.23.4/LICENSE" >"$out.new/LICENCE"
for f in runtime/include/tree_sitter/api.h runtime/src/lib.c go/parser.c go/tree_sitter/parser.h; do
  [ -f "$out.new/$f" ] || { echo "tree_sitter.sh: the archives hold no $f" >&2; exit 1; }
done
mv "$out.new" "$out"
