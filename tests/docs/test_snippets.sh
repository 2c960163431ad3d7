#!/usr/bin/env bash
# test_snippets.sh: every C program in the documents compiles, and runs: blocks that begin with ```c. A block with a main is
# linked with the library and run in an empty folder; one without is compiled. ```c fragment marks what cannot stand alone.
# labels: release
set -euo pipefail
: "${SRC:?the source folder}" "${BUILD:?the build folder}"
TMP=${TMP:-$(mktemp -d)}
cc=${CC:-cc}
documents=()
for document in "$SRC"/*.md "$SRC"/docs/*.md "$SRC"/recipes/*.md "$SRC"/examples/*.md; do
    [ ! -f "$document" ] || documents+=("$document")
done

# One file for each block, NAME_LINE.c, which begins with a #line so that errors point into the document.
mkdir -p "$TMP/blocks"
awk -v out="$TMP/blocks/" '
FNR == 1 { file = "" }
/^```/ && file != "" { close(file); file = ""; next }
/^```c[ \t]*$/ {
    name = FILENAME; sub(/.*\//, "", name); sub(/\.md$/, "", name)
    file = out name "_" FNR ".c"
    printf "#line %d \"%s\"\n", FNR + 1, FILENAME > file
    next
}
file != "" { print > file }' "${documents[@]}"

bad=0 count=0
for block in "$TMP"/blocks/*.c; do
    [ -f "$block" ] || continue
    name=$(basename "$block" .c)
    count=$((count + 1))
    flags=(-std=c17 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror "-I$SRC/include")
    if ! grep -q '[^a-z_]main(' "$block"; then
        "$cc" "${flags[@]}" -fsyntax-only "$block" || { echo "FAILED: $name does not compile" && bad=1; }
        continue
    fi
    if ! "$cc" "${flags[@]}" "$block" -o "$TMP/$name" "-L$BUILD" -ltarn -lm "-Wl,-rpath,$BUILD"; then
        echo "FAILED: $name does not compile"
        bad=1
        continue
    fi
    mkdir "$TMP/$name.run"
    if ! (cd "$TMP/$name.run" && timeout 120 "../$name" >../out 2>&1); then
        echo "FAILED: $name:"
        cat "$TMP/out"
        bad=1
    fi
done
echo "$count programs in the documents"
exit "$bad"
