#!/usr/bin/env bash
# test_install.sh: installs this build into an empty folder, moves it, and builds the outside program against it four ways:
# pkg-config and CMake, shared and static.
# labels: release
set -euo pipefail
: "${SRC:?the source folder}" "${BUILD:?the build folder}"
work=${TMP:?an empty folder}
cc=${CC:-cc}

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

cmake --install "$BUILD" --prefix "$work/first" >"$work/install.log" || { cat "$work/install.log"; fail "cmake --install"; }
mv "$work/first" "$work/prefix" # the installed tree may be moved
prefix=$work/prefix
lib=$(dirname "$(find "$prefix" -name libtarn.a)")
for file in "$lib/libtarn.so" "$lib/pkgconfig/tarn.pc" "$prefix/include/tarn/tarn.h" "$prefix/share/doc/tarn/LICENSE"; do
    [ -e "$file" ] || fail "${file#"$prefix/"} was not installed"
done
if [ -x "$BUILD/tarn" ]; then
    env -i "$prefix/bin/tarn" --version >"$work/out" || fail "the installed tarn does not start"
fi

check() { # check NAME PROGRAM: it runs, with or without the shared library as its name says
    local out needs
    out=$(env -i LD_LIBRARY_PATH="$lib" "$2") || fail "$1: the program failed: $out"
    case $out in consumer:*) ;; *) fail "$1: the program printed '$out'" ;; esac
    needs=$(ldd "$2")
    case $1 in
    *static) [[ $needs != *libtarn* ]] || fail "$1 is not static: $needs" ;;
    *shared) [[ $needs == *libtarn.so* ]] || fail "$1 is not shared: $needs" ;;
    esac
    echo "ok: $1"
}

export PKG_CONFIG_PATH=$lib/pkgconfig
read -ra cflags <<<"$(pkg-config --cflags tarn)"
read -ra shared <<<"$(pkg-config --libs tarn)"
static_text=$(pkg-config --static --libs tarn)
read -ra static <<<"${static_text/-ltarn/-l:libtarn.a}"
"$cc" -std=c17 "${cflags[@]}" "$SRC/tests/consumer/consumer.c" -o "$work/pc_shared" "${shared[@]}"
check pkg-config-shared "$work/pc_shared"
"$cc" -std=c17 "${cflags[@]}" "$SRC/tests/consumer/consumer.c" -o "$work/pc_static" "${static[@]}"
check pkg-config-static "$work/pc_static"

cp -r "$SRC/tests/consumer" "$work/outside"
if command -v ninja >/dev/null; then
    export CMAKE_GENERATOR=Ninja # a machine that builds Tarn need not have make
fi
if ! { cmake -S "$work/outside" -B "$work/outside/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" &&
    cmake --build "$work/outside/build"; } >"$work/cmake.log" 2>&1; then
    cat "$work/cmake.log"
    fail "the outside CMake project"
fi
check cmake-shared "$work/outside/build/consumer_shared"
check cmake-static "$work/outside/build/consumer_static"
