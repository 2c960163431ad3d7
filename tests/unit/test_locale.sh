#!/usr/bin/env bash
# test_locale.sh: files, sentences and pictures are the same under a locale whose decimal sign is a comma. Makes such a
# locale, and runs under it again the tests of everything that reads or writes numbers as text.
set -euo pipefail
: "${BUILD:?the build folder}" "${SRC:?the source folder}" "${TMP:?an empty folder}"
cat >"$TMP/comma" <<'EOT'
comment_char %
escape_char /
LC_NUMERIC
decimal_point ","
thousands_sep "."
grouping 3;3
END LC_NUMERIC
EOT
localedef -c -i "$TMP/comma" "$TMP/xx_XX" >"$TMP/log" 2>&1 || true # it warns of every category that is not there
if [ ! -e "$TMP/xx_XX/LC_NUMERIC" ]; then
    tail -n 3 "$TMP/log"
    echo "SKIPPED: localedef made no locale; Debian package locales"
    exit 77
fi
export LOCPATH=$TMP TARN_TEST_LOCALE=xx_XX
cd "$SRC"

count=0
for name in number error str json yaml recipe safetensors plot print dot metrics curves report options schema; do
    program=$BUILD/tests/test_$name
    [ -x "$program" ] || continue
    if ! "$program" >"$TMP/out" 2>&1; then
        cat "$TMP/out"
        echo "FAILED: test_$name under a locale with decimal commas"
        exit 1
    fi
    count=$((count + 1))
done
if [ "$count" = 0 ]; then
    echo "SKIPPED: no test programs in this build"
    exit 77
fi
echo "$count test programs pass under a locale with decimal commas"
