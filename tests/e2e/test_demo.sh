#!/usr/bin/env bash
# test_demo.sh: what `./run demo` does, by the script itself: recipes/demo.yaml reaches 98% of generated digits that it has not
# seen, in less than two minutes, and where MNIST is, 90% of real digits. The other verbs: help, one that is unknown, and what
# is said where nothing can be installed.
# labels: release slow
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"

# A checkout that is built already: tools that have nothing to do stand before the real ones, so that nothing is installed.
mkdir -p checkout/build/release bin
cp "$SRC/run" checkout/
ln -s "$SRC/recipes" checkout/recipes
ln -s "$TARN" checkout/build/release/tarn
for tool in cc cmake ninja pkg-config; do
    printf '#!/bin/sh\nexit 0\n' >bin/$tool
done
printf '#!/bin/sh\necho " installed "\n' >bin/dpkg-query
chmod +x bin/*
mnist=${TARN_DATA:-$SRC/../shared/data}
[ ! -d "$mnist" ] || mnist=$(cd "$mnist" && pwd)

# verb ARGUMENTS...: ./run with them, its output in demo.txt.
verb() {
    PATH=$PWD/bin:$PATH TARN_DATA=$mnist checkout/run "$@" >demo.txt 2>&1 </dev/null
}

verb help || say "./run help fails"
for word in demo test bench lint install clean help; do
    grep -qE "^  $word " demo.txt || say "./run help does not name $word"
done
verb nonsense && say "an unknown verb is taken"
grep -q "unknown verb 'nonsense'" demo.txt || say "an unknown verb is not named: $(cat demo.txt)"
sed '/^is_debian_12() {/a return 1' "$SRC/run" >checkout/elsewhere # as on another system that lacks a tool
mkdir few
for tool in bash dirname nproc cc cmake; do
    ln -s "$(command -v $tool)" few/$tool
done
PATH=$PWD/few bash checkout/elsewhere demo >demo.txt 2>&1 </dev/null && say "without tools ./run demo does not fail"
grep -q "ninja pkg-config. This is not Debian 12" demo.txt || say "what is missing is not named: $(cat demo.txt)"

# percent LINE: the accuracy in the line that begins so.
percent() {
    sed -n "/$1/s/.*accuracy \([0-9.]*\)%.*/\1/p" demo.txt | tail -n 1
}
reaches() { # reaches WHAT GOT GOAL
    echo "$1: ${2:-nothing}%"
    awk -v got="${2:-0}" -v goal="$3" 'BEGIN { exit !(got >= goal) }' || say "$1: ${2:-nothing}%, not $3%: $(cat demo.txt)"
}

mkdir -p checkout/runs/demo-001 checkout/runs/demo-003 # others' runs: it finds its own
SECONDS=0
verb demo || say "./run demo fails: $(cat demo.txt)"
[ $SECONDS -lt 120 ] || say "./run demo takes $SECONDS s"
grep -q "^run folder: runs/demo-002 " demo.txt || say "./run demo does not say where its run is: $(cat demo.txt)"
reaches "generated digits" "$(percent '^best model:')" 98
if [ -e "$mnist/mnist/t10k-images-idx3-ubyte.gz" ] && "$TARN" --version | grep -q zlib; then
    reaches "real digits" "$(percent '^10000 samples')" 90
    grep -q 't10k-images-idx3-ubyte.gz:0: 7 ' demo.txt || say "the first real digit is a 7: $(cat demo.txt)"
else
    echo "SKIPPED: real digits: there is no MNIST in $mnist/mnist; set TARN_DATA to the folder that has it in mnist/" >&2
fi
finish
