#!/usr/bin/env bash
# test_sizes.sh: no file of ours is longer than 1,000 lines; functions longer than 80 lines are named, which is a nudge only.
# labels: release
set -euo pipefail
cd "${SRC:-$(dirname "$0")/../..}"
folders=()
for folder in src include cli tests bench examples cmake; do
    [ ! -d "$folder" ] || folders+=("$folder")
done
mapfile -t files < <(find "${folders[@]}" -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.cmake' \) | sort)
bad=0
for file in "${files[@]}"; do
    lines=$(wc -l <"$file")
    if [ "$lines" -gt 1000 ]; then
        echo "$file: $lines lines, more than 1,000: cut it in two"
        bad=1
    fi
done
# shellcheck disable=SC2016 # $ is awk's
printf '%s\0' "${files[@]}" | grep -z '\.c$' | xargs -0 awk '
FNR == 1 { start = 0 }
/^{/ { start = FNR; name = before }
/^}/ { if (start && FNR - start > 80) printf "note: %s:%d: %d lines: %s\n", FILENAME, start, FNR - start, name; start = 0 }
{ before = $0 }'
exit "$bad"
