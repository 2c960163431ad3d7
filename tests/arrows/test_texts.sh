#!/usr/bin/env bash
# test_texts.sh: texts with numbers in them do not depend on the locale. In src/, a %e, %f, %g or %a belongs to base_print and
# what stands on it (base_fail, base_str_printf, ...), never to printf's own family; see base/number.h.
# labels: release
set -euo pipefail
cd "${SRC:-$(dirname "$0")/../..}"
mapfile -t files < <(find src -name '*.[ch]' ! -path src/base/number.c | sort)
awk '
FNR == 1 { open = 0 }
/(^|[^a-z_])(v?s?n?printf|v?[fd]printf|[fs]?scanf)[(]/ { open = 1; start = FNR; text = "" }
open {
    text = text $0
    if ($0 ~ /;[ \t]*$/) {
        open = 0
        gsub(/%%/, "", text)
        if (text ~ /%[-+ #0-9.*]*l?[aefgAEFG]/) {
            printf "%s:%d: a floating-point number through printf or scanf; use base_print, base_parse_f64\n", FILENAME, start
            bad = 1
        }
    }
}
END { exit bad }' "${files[@]}"
