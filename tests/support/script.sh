#!/usr/bin/env bash
# script.sh SCRIPT: runs one test script in an empty folder of its own, $TMP, that is removed afterwards.
set -euo pipefail
TMP=$(mktemp -d "${TMPDIR:-/tmp}/tarn-test.XXXXXX")
export TMP
trap 'chmod -R u+rwX "$TMP" 2>/dev/null || true; rm -rf "$TMP"' EXIT
cd "$TMP"
status=0
bash "$1" || status=$?
exit "$status"
