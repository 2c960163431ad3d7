#!/usr/bin/env bash
# test_sound_recipes.sh: recipes on sounds: what is cut off is refused or left out and counted, patterns that leave nothing are named.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"
"$TARN" --version | grep -q libsndfile || skip "sounds need libsndfile"

# wave NAME BYTES: 0.05 s at 8000 Hz (16 bits: 800 bytes of samples), of which BYTES are written, header included.
wave() {
    mkdir -p "$(dirname "$1")"
    {
        printf 'RIFF\104\003\000\000WAVEfmt \020\000\000\000\001\000\001\000\100\037\000\000\200\076\000\000\002\000\020\000data\040\003\000\000'
        for _ in $(seq 100); do printf '\000\020\000\040\000\360\000\340'; done
    } | head -c "$2" >"$1"
}
for i in 1 2 3 4 5 6 7 8; do
    wave "set/cat/$i.wav" 844
    wave "set/dog/$i.wav" 844
done
wave set/cat/3.wav 500
cat >r.yaml <<'YAML'
tarn: 1
name: s
model: {layers: [{linear: 2}]}
data: {name: sound, path: set, seconds: 0.05, val: '/[78]'}
train: {epochs: 2, batch: 4}
output: {folder: runs, report: false, plots: false}
YAML
runs 0 data check set
prints "cannot be read: 1" "set/cat/3.wav: is cut off: it says that there are more samples"
runs 1 train r.yaml
says "epoch 1, batch " ", sample 2: set/cat/3.wav is cut off: it says that there are more samples"
runs 0 train r.yaml data.on_error=skip
says "set/cat/3.wav is cut off"
prints "left out 1"

# Samples of floating point that are no numbers are a fault of the file, not of the run.
cp -r set odd
{
    printf 'RIFF\144\006\000\000WAVEfmt \020\000\000\000\003\000\001\000\100\037\000\000\000\175\000\000\004\000\040\000data\100\006\000\000'
    for _ in $(seq 399); do printf '\000\000\000\077'; done
    printf '\000\000\300\177'
} >odd/cat/3.wav
runs 0 data check odd
prints "cannot be read: 1" "odd/cat/3.wav: sample 399 is a NaN"
runs 1 train r.yaml data.path=odd
says "odd/cat/3.wav: sample 399 is a NaN"
runs 0 train r.yaml data.path=odd data.on_error=skip
prints "left out 1"

# Sentences name the key and the pattern.
runs 1 train r.yaml data.val='('
says "r.yaml:4:" "val: '(' is no regular expression"
runs 1 train r.yaml data.val=bird
says "set holds 16 sounds, but the name of none matches 'bird'"
runs 1 train r.yaml data.val=wav
says "set holds 16 sounds, but the names of all match 'wav', which leaves them out"
mkdir set/bird
runs 1 train r.yaml data.on_error=skip
says 'set: the folder "bird" would be a class, but there is no sound in it'
runs 0 train r.yaml data.on_error=skip data.except=^bird
finish
