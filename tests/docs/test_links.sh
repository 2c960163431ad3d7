#!/usr/bin/env bash
# test_links.sh: what the documents point to is there: relative links, and the paths that they name in backquotes.
# labels: release
set -euo pipefail
cd "${SRC:-$(dirname "$0")/../..}"
bad=0
count=0
# shellcheck disable=SC2016 # the backquotes are those of the documents
for document in *.md docs/*.md bench/*.md tests/*/*.md recipes/*.md examples/*.md; do
    [ -f "$document" ] || continue
    folder=$(dirname "$document")
    while IFS= read -r target; do
        [[ ! $target =~ ^https?$ ]] || continue
        count=$((count + 1))
        [ -e "$folder/$target" ] || { echo "FAILED: $document links to $target, which is not there" && bad=1; }
    done < <(grep -oE '\]\([^)#:]+' "$document" | sed 's/^](//')
    while IFS= read -r path; do
        [[ $path != *NAME* ]] || continue
        count=$((count + 1))
        [ -e "$path" ] || { echo "FAILED: $document names $path, which is not there" && bad=1; }
    done < <(grep -oE '`(src|tests|include|cli|recipes|examples|cmake)/[A-Za-z0-9_./-]*`' "$document" | tr -d '`')
done
echo "$count links and paths in the documents"
exit "$bad"
