#!/usr/bin/env bash
# test_checks.sh: a check that cannot fail is none. Gives the other checks of this folder a tree and a library with one wrong
# thing of each kind, and demands that each is named.
# labels: release
set -euo pipefail
: "${SRC:?the source folder}" "${TMP:?an empty folder}"
cc=${CC:-cc}
bad=0

demand() { # demand LOG TEXT...: the log has each of these
    local log=$1 text
    shift
    for text in "$@"; do
        if ! grep -qF -- "$text" "$log"; then
            echo "FAILED: nobody complained about: $text"
            bad=1
        fi
    done
}

red() { # red LOG SCRIPT [VARIABLE=VALUE...]: the script fails
    local log=$1 script=$SRC/tests/arrows/$2
    shift 2
    if env "$@" bash "$script" >"$log" 2>&1; then
        echo "FAILED: ${script##*/} found nothing wrong"
        bad=1
    fi
}

tree=$TMP/tree
mkdir -p "$tree"/src/{base,op,pass,cpu,nn,train,serve} "$tree"/{cli,include/tarn,tests/arrows}
put() { # put FILE INCLUDE...
    local file=$1
    shift
    printf '#include %s\n' "$@" >"$tree/$file"
}
put src/base/a.c '"graph/x.h"' '<tarn/nn.h>'
put src/op/a.c '"base/x.h"' '"op/x.h"' '"op_list.h"' '"cpu_list.h"'
put src/pass/a.c '"op/x.h"' '"cpu/x.h"' '<tarn/tarn.h>'
put src/cpu/a.c '"program/backend.h"' '"program/compile.h"' '"op/x.h"'
put src/nn/a.c '"pass/x.h"' '"train/x.h"' '"bare.h"'
put src/train/a.c '"serve/x.h"' '"data/x.h"' '<png.h>'
put cli/a.c '<tarn/tarn.h>' '<unistd.h>' '"cli/own.h"' '"base/str.h"' '<yaml.h>'
put include/tarn/y.h '<stdio.h>' '<stdint.h>' '"core.h"'
red "$TMP/arrows.log" test_arrows.sh SRC="$tree"
demand "$TMP/arrows.log" src/base/a.c:1 src/base/a.c:2 src/op/a.c:4 src/pass/a.c:2 src/pass/a.c:3 src/cpu/a.c:2 src/nn/a.c:2 \
    src/nn/a.c:3 src/train/a.c:1 cli/a.c:4 cli/a.c:5 include/tarn/y.h:1 include/tarn/y.h:3 '13 wrong arrows'

printf 'void f(char *b, double x)\n{\n    snprintf(b, 9,\n             "%%d %%5.2f", 1, x);\n}\n' >"$tree/src/base/b.c"
printf 'void f(char *b)\n{\n    snprintf(b, 9, "%%d %%%% free", 1);\n}\n' >"$tree/src/base/c.c"
red "$TMP/texts.log" test_texts.sh SRC="$tree"
demand "$TMP/texts.log" src/base/b.c:3
if grep -F src/base/c.c "$TMP/texts.log"; then bad=1; fi
yes 'int a;' 2>/dev/null | head -n 1001 >"$tree/src/base/long.c" || true
red "$TMP/sizes.log" test_sizes.sh SRC="$tree"
demand "$TMP/sizes.log" src/base/long.c

# A library with a variable, a tn_-less export, and calls that a library must not make.
mkdir "$TMP/lib"
cat >"$TMP/lib/bad.c" <<'EOT'
#include <stdio.h>
#include <stdlib.h>
int loud(int i);
static const char *const names[] = {"a", "b"};
static int hidden = 3;
int loud(int i)
{
    static int calls;
    printf("%s %d %d\n", names[i], hidden++, calls++);
    return getenv("X") ? atoi("1") : 0;
}
EOT
"$cc" -fPIC -O2 -c "$TMP/lib/bad.c" -o "$TMP/lib/bad.c.o"
ar rc "$TMP/lib/libtarn.a" "$TMP/lib/bad.c.o"
"$cc" -shared -o "$TMP/lib/libtarn.so" "$TMP/lib/bad.c.o"
mkdir "$TMP/symbols"
red "$TMP/symbols.log" test_symbols.sh BUILD="$TMP/lib" TMP="$TMP/symbols"
demand "$TMP/symbols.log" loud 'refers to getenv' 'refers to printf' 'variable hidden' 'variable calls'
[ "$(grep -c variable "$TMP/symbols.log")" = 2 ] || { echo "FAILED: a constant was taken for a variable" && bad=1; }

[ "$bad" = 0 ] && echo "each wrong thing was named"
exit "$bad"
