#!/usr/bin/env bash
# test_headers.sh: every public header compiles by itself, as C17 and as C++20, with strict warnings; option structs in place
# work in both languages; and the umbrella <tarn/tarn.h> has them all.
# labels: release
set -euo pipefail
cd "${SRC:-$(dirname "$0")/../..}"
TMP=${TMP:-$(mktemp -d)}
cc=${CC:-cc}
cxx=
for candidate in "${CXX:-c++}" g++ clang++ clang++-14; do
    if command -v "$candidate" >/dev/null; then
        cxx=$candidate
        break
    fi
done
warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-missing-field-initializers -Werror -fsyntax-only -Iinclude)
bad=0

compile() { # compile TEXT NAME: as C, and as C++ where there is a compiler
    printf '%s\n' "$1" >"$TMP/$2.c"
    cp "$TMP/$2.c" "$TMP/$2.cpp"
    if ! "$cc" -std=c17 -Wstrict-prototypes "${warnings[@]}" "$TMP/$2.c"; then
        echo "FAILED: $2 as C17"
        bad=1
    fi
    if [ -n "$cxx" ] && ! "$cxx" -std=c++20 "${warnings[@]}" "$TMP/$2.cpp"; then
        echo "FAILED: $2 as C++20"
        bad=1
    fi
}

count=0
for header in include/tarn/*.h; do
    name=$(basename "$header" .h)
    # Twice, for the include guard.
    compile "#include <tarn/$name.h>"$'\n'"#include <tarn/$name.h>" "$name"
    if [ "$name" != tarn ] && ! grep -qxF "#include <tarn/$name.h>" include/tarn/tarn.h; then
        echo "FAILED: include/tarn/tarn.h lacks #include <tarn/$name.h>"
        bad=1
    fi
    count=$((count + 1))
done
compile '#include <tarn/tarn.h>
tn_context *make(void);
tn_context *make(void)
{
    return tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
}' options
[ -n "$cxx" ] || echo "SKIPPED: no C++ compiler, so the headers were compiled as C only; Debian package g++"
[ "$bad" = 0 ] && echo "$count headers compile"
exit "$bad"
