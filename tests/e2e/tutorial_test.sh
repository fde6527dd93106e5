#!/usr/bin/env bash
# Runs every command of docs/tutorial.md on a farm of its own: tutorial_test.sh SOURCE_DIR BIN_DIR. A page whose command fails is
# found as well (the control).
set -euo pipefail
source_dir=$1 PATH=$2:$PATH
top=$(mktemp -d /tmp/gofarm-tutorial-XXXXXX)
export GOFARM_DIR=$top/farm XDG_CONFIG_HOME=$top/config
unset GOFARM_SERVER GOFARM_FARM
trap 'gofarm down --dir "$top/farm" >/dev/null 2>&1 || true; rm -rf "$top"' EXIT
printf 'x\n\n```sh\ntrue\n```\n\n```sh\nfalse | cat\n```\n' >"$top/wrong.md"
if python3 "$source_dir/tests/support/run_doc.py" "$top/wrong.md" 2>"$top/err"; then echo "a command that fails was passed over" && exit 1; fi
grep -q "wrong.md:7: failed with 1" "$top/err"
python3 "$source_dir/tests/support/run_doc.py" "$source_dir/docs/tutorial.md"
[ ! -e "$GOFARM_DIR" ] || { echo "the tutorial leaves its farm behind" && exit 1; }
