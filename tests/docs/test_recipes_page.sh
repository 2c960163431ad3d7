#!/usr/bin/env bash
# test_recipes_page.sh: docs/recipes.md ends in what `tarn help --markdown` prints, its tables of models and of kinds of data
# name all there are, and every whole recipe in a document (a ```yaml block that begins with "tarn:") can be built.
# With the argument --write the end of the page is written anew:  bash tests/docs/test_recipes_page.sh --write
set -euo pipefail
SRC=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
TARN=$(realpath "${TARN:-$SRC/build/release/tarn}")
TMP=${TMP:-$(mktemp -d)}
page=$SRC/docs/recipes.md mark='<!-- tarn help --markdown -->'
[ -x "$TARN" ] || { echo "SKIPPED: there is no program $TARN" && exit 77; }

sed "/^$mark\$/q" "$page" >"$TMP/page"
"$TARN" help --markdown >>"$TMP/page"
if [ "${1:-}" = --write ]; then
    cp "$TMP/page" "$page"
    exit
fi
bad=0
if ! diff "$page" "$TMP/page" >"$TMP/diff"; then
    head -n 20 "$TMP/diff"
    echo "FAILED: docs/recipes.md is not what the tables say; run bash tests/docs/test_recipes_page.sh --write"
    bad=1
fi
while read -r name _; do
    grep -q "^| \`$name\` |" "$page" || { echo "FAILED: docs/recipes.md does not name the model $name" && bad=1; }
done < <("$TARN" help models)
# shellcheck disable=SC2016 # the backquotes are the table's
while read -r name; do
    grep -q "^| \`$name\` | [^|]*[a-z][^|]* | [^|]* |$" "$page" ||
        { echo "FAILED: the table under \"Data\" of docs/recipes.md does not name the kind $name" && bad=1; }
done < <("$TARN" help data --markdown | sed -n 's/^| `\([a-z_]*\)` | [^|]* |$/\1/p')

if ! "$TARN" --version | grep -q libyaml; then
    echo "the recipes in the documents were not built: no libyaml"
    exit "$bad"
fi
awk -v out="$TMP/" '
FNR == 1 { file = "" }
/^```/ && file != "" { close(file); file = ""; next }
/^```yaml$/ { fresh = 1; next }
fresh { fresh = 0; if (/^tarn:/) { name = FILENAME; sub(/.*\//, "", name); sub(/\.md$/, "", name); file = out name "_" FNR ".yaml" } }
file != "" { print > file }' "$SRC"/*.md "$SRC"/docs/*.md
count=0
for recipe in "$TMP"/*.yaml; do
    [ -f "$recipe" ] || continue
    count=$((count + 1))
    "$TARN" show "$recipe" >"$TMP/out" 2>&1 || { echo "FAILED: $(basename "$recipe"): $(cat "$TMP/out")" && bad=1; }
done
echo "$count recipes in the documents"
exit "$bad"
