#!/usr/bin/env bash
# lint.sh: what `./run lint` checks: formatting, opening comments and include guards, shell scripts, and cppcheck over the
# whole source as the release build compiles it. Every finding is an error.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
JOBS=$(nproc 2>/dev/null || echo 2)
bad=0

mapfile -t sources < <(find src include cli tests bench examples -type f -name '*.[ch]' 2>/dev/null | sort)
mapfile -t scripts < <(find . -path ./build -prune -o -path ./.git -prune -o -type f \( -name '*.sh' -o -name run -o -name bench \) -print | sort)

fail() {
    echo "FAILED: $*"
    bad=$((bad + 1))
}

format() {
    local tool
    tool=$(command -v clang-format-14 || command -v clang-format) || {
        echo "SKIPPED: formatting; clang-format is not there (Debian package clang-format-14)"
        return
    }
    local wrong
    wrong=$(printf '%s\0' "${sources[@]}" | xargs -0 -P "$JOBS" -n 16 "$tool" --dry-run -Werror --style=file 2>&1 |
        sed -n 's/^\([^: ]*\):[0-9]*:.*/\1/p' | sort -u)
    if [ -n "$wrong" ]; then
        fail "formatting; this puts it right: $(basename "$tool") -i ${wrong//$'\n'/ }"
    fi
}

# Every source opens with a comment, outside of tests/ one that names it; every header has a guard that ends in its own name
# and is nobody else's, unless that comment says that there is no include guard, and so why.
openings() {
    awk '
    function stem(path) { sub(/.*\//, "", path); sub(/\.(tile|amx)?\.?[ch]$/, "", path); return path }
    function complain(why) { print FILENAME ": " why; bad = 1 }
    FNR == 1 {
        name = stem(FILENAME); guard = ""; header = FILENAME ~ /\.h$/; opening = 1
        if (index($0, "/*") != 1 || (FILENAME !~ /^tests\// && !index($0, name))) complain("open with a comment \"/* " name "...: what the file is\"")
    }
    opening && /no include guard/ { header = 0 }
    opening && /\*\// { opening = 0 }
    header && guard == "" && /^#/ {
        guard = $2
        end = toupper(name) "_H"; gsub(/[^A-Z0-9_]/, "_", end)
        if ($1 != "#ifndef" || substr(guard, length(guard) - length(end) + 1) != end)
            complain("the first directive of a header is its include guard, #ifndef ..." end)
        else if (guard in owner) complain("the include guard " guard " is that of " owner[guard] " too")
        owner[guard] = FILENAME
    }
    END { exit bad }' "${sources[@]}" || fail "opening comments and include guards"
}

shell() {
    if ! command -v shellcheck >/dev/null; then
        echo "SKIPPED: shell scripts; shellcheck is not there (Debian package shellcheck)"
        return
    fi
    local script shells=()
    for script in "${scripts[@]}"; do
        case $(head -n 1 "$script") in '#!'*sh) shells+=("$script") ;; esac
    done
    shellcheck "${shells[@]}" || fail "shell scripts"
}

# One run over the compile commands: each file with the definitions that it is really compiled with.
static_analysis() {
    if ! command -v cppcheck >/dev/null; then
        echo "SKIPPED: cppcheck is not there (Debian package cppcheck)"
        return
    fi
    local dir=build/lint
    mkdir -p "$dir/cppcheck"
    if ! cmake --preset release -B "$dir" >"$dir/configure.log" 2>&1; then
        cat "$dir/configure.log"
        fail "configuring"
        return
    fi
    # Its exit status leaves out what it finds across files, so that any output counts.
    if ! cppcheck --project="$dir/compile_commands.json" --cppcheck-build-dir="$dir/cppcheck" -j "$JOBS" --quiet \
        --enable=warning,portability --inline-suppr --suppressions-list=tests/lint/cppcheck.suppress --std=c11 \
        --library=posix --error-exitcode=1 --template='{file}:{line}: {severity}: {message} [{id}]' \
        >"$dir/cppcheck.log" 2>&1 || [ -s "$dir/cppcheck.log" ]; then
        cat "$dir/cppcheck.log"
        fail "cppcheck"
    fi
}

format
openings
shell
static_analysis
if [ "$bad" = 0 ]; then
    echo "lint: ${#sources[@]} sources and ${#scripts[@]} scripts are clean"
fi
[ "$bad" = 0 ]
