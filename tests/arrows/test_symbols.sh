#!/usr/bin/env bash
# test_symbols.sh: what the libraries export, call and keep.
#   1. libtarn.so exports names that begin with tn_ and no others.
#   2. libtarn.a calls nothing that a library must not: it never ends the process, prints to the standard streams, or reads
#      the environment or the locale (as strtod and isalpha do).
#   3. libtarn.a has no writable global variables.
# tests/arrows/symbols.allow lists the exceptions, each with its reason. labels: release
set -euo pipefail
: "${SRC:?the source folder}" "${BUILD:?the build folder}"
TMP=${TMP:-$(mktemp -d)}
export LC_ALL=C
bad=0

# allowed OBJECT NAME: is there a line "OBJECT NAME reason" (OBJECT without .c.o)?
allowed() {
    grep -qE "^${1//./\\.} ${2//./\\.} [^ ]" "$SRC/tests/arrows/symbols.allow"
}

nm -D --defined-only "$BUILD/libtarn.so" | awk '{print $NF}' | grep -v '^tn_' >"$TMP/exports" || true
if [ -s "$TMP/exports" ]; then
    echo "libtarn.so exports names that do not begin with tn_; make them static, or hidden:"
    cat "$TMP/exports"
    bad=1
fi

forbidden='exit _exit _Exit quick_exit atexit on_exit abort __assert_fail raise kill
getenv secure_getenv __secure_getenv setenv putenv unsetenv clearenv environ
setlocale uselocale localeconv nl_langinfo
printf vprintf puts putchar perror psignal stdout stderr stdin __printf_chk __vprintf_chk
fork vfork system popen execv execve execvp execl execlp posix_spawn chdir umask signal sigaction alarm
strtod strtof strtold atof strcoll strxfrm strftime mbstowcs mbtowc
toupper tolower isalpha isspace __ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc strcasecmp strncasecmp
rand srand random srandom drand48 lrand48 strtok localtime gmtime asctime ctime tmpnam gets readdir64_r'
tr -s "[:space:]" "\n" <<<"$forbidden" | sort >"$TMP/forbidden"
nm -A -u "$BUILD/libtarn.a" 2>/dev/null | sed -E 's/^[^:]*:([^:]*)\.c\.o: +[A-Za-z] ([^@]*).*/\1 \2/' | sort -u >"$TMP/calls"
while read -r object name; do
    if grep -qxF -- "$name" "$TMP/forbidden" && ! allowed "$object" "$name"; then
        echo "$object.c refers to $name, which a library must not"
        bad=1
    fi
done < <(grep -wFf "$TMP/forbidden" "$TMP/calls")

# Sections, not nm's letters, tell constant tables that need relocation (.data.rel.ro) from variables.
objdump -t "$BUILD/libtarn.a" 2>/dev/null | awk '
/file format/ { object = $1; sub(/:$/, "", object); sub(/\.c\.o$/, "", object) }
{
    for (i = 1; i <= NF; i++)
        if ($i ~ /^\.(data|bss|tdata|tbss)(\.|$)/ && $i !~ /^\.data\.rel\.ro/ && $NF != $i || $i == "*COM*")
            print object, $NF
}' | sed -E 's/ ([^ ]*)\.[0-9]+$/ \1/' | sort -u >"$TMP/variables"
while read -r object name; do
    if ! allowed "$object" "$name"; then
        echo "$object.c has the writable global variable $name; the library keeps no global state"
        bad=1
    fi
done <"$TMP/variables"

[ "$bad" = 0 ] && echo "$(nm -D --defined-only "$BUILD/libtarn.so" | wc -l) exported names, $(wc -l <"$TMP/calls") references, all as they should be"
exit "$bad"
