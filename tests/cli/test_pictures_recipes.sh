#!/usr/bin/env bash
# test_pictures_recipes.sh: the kinds of data pictures, arrays and cifar in recipes, on sets made here: transforms, mixing, validation cut
# off, and what is said when something is wrong.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"

# picture FILE SHADE: 8 x 8 pixels of one grey
picture() {
    mkdir -p "$(dirname "$1")"
    { echo "P2 8 8 255" && for _ in $(seq 64); do echo "$2"; done; } >"$1"
}
for i in 1 2 3 4 5 6 7 8 9; do
    picture "set/train/dark/$i.pgm" $((i * 8))
    picture "set/train/light/$i.pgm" $((250 - i * 8))
done
picture set/test/dark/1.pgm 20
picture set/test/light/1.pgm 230
cat >recipe.yaml <<'YAML'
tarn: 1
model:
  layers: [flatten, linear: 2]
data:
  name: pictures
  path: set
  under: train
  channels: 1
  transforms:
    - random_crop height=8 width=8 padding=1
    - flip_horizontal
train: {epochs: 12, batch: 4, lr: 0.02}
YAML

runs 0 train recipe.yaml data.val_under=test output.folder=a
prints "accuracy 100.00%"
runs 0 train recipe.yaml data.val_fraction=0.25 data.mixup=0.2 data.test_under=test output.folder=b
runs 0 eval b/recipe-001
prints "dark"
runs 0 predict b/recipe-001 set/test/light/1.pgm
prints "light"
# a broken first picture, where the first tells the size: it ends the run, or is told and left out
cp -r set hurt && echo "P2 8 8 255" >hurt/train/dark/0.pgm
runs 1 train recipe.yaml data.path=hurt output.folder=hurt1
says "hurt/train/dark/0.pgm"
runs 0 train recipe.yaml data.path=hurt data.on_error=skip output.folder=hurt2
says "left out: sample 0: hurt/train/dark/0.pgm"
prints "  left out 1  "
# ... also all of a batch, each by its name, and those of validation and test; counts stand in all figures
for i in 1 2 3; do echo "P2 8 8 255" >hurt/train/light/$i.pgm; done
echo "P2 8 8 255" >hurt/test/light/1.pgm
for i in 2 3; do picture hurt/test/light/$i.pgm 230; done
for batch in 1 9; do
    for accumulate in 1 3; do
        runs 0 train recipe.yaml data.path=hurt data.val_under=test data.on_error=skip output.folder=hurt4 data.shuffle=false \
            train.batch=$batch train.accumulate=$accumulate
        says "hurt/train/dark/0.pgm" "left out: sample 10: hurt/train/light/1.pgm" "left out: sample 11: hurt/train/light/2.pgm" \
            "left out: sample 12: hurt/train/light/3.pgm" "left out of validation: sample 1: hurt/test/light/1.pgm"
        prints "  left out 4 and of validation 1  " "on 3 validation samples"
        [ "$(grep -c 'left out' err.txt)" = 5 ] || say "what is left out is not told once"
    done
done
grep -q '"skipped":4,"val_skipped":1' hurt4/recipe-001/metrics.jsonl || say "metrics.jsonl has no count of what was left out"
grep -q 'left out of validation' hurt4/recipe-001/report.html || say "the page has no count of what was left out"
runs 0 eval hurt4/recipe-001
says "left out of evaluation: sample 1: " "/hurt/test/light/1.pgm"
prints "3 samples (1 left out), loss"
runs 0 eval hurt4/recipe-001 --json
prints '{"samples":3,"skipped":1,"loss":'
runs 0 train recipe.yaml data.path=hurt data.val_under=test data.on_error=skip output.folder=hurt5 --json
prints '"skipped":4,"val_skipped":1'
rm hurt/train/dark/0.pgm hurt/train/light/[123].pgm
runs 1 train recipe.yaml data.path=hurt data.val_under=test output.folder=hurt7
says "validation: sample 1: hurt/test/light/1.pgm"
runs 1 eval hurt4/recipe-001 data.on_error=fail
says "evaluation: sample 1: " "/hurt/test/light/1.pgm"
# a line of a list without its picture, a link that leads nowhere: the same
printf '%s\n' dark/1.pgm,dark dark/99.pgm,dark light/5.pgm,light light/6.pgm,light >list.csv
runs 1 train recipe.yaml data.list=list.csv output.folder=list1
says 'list.csv:2: there is no picture "dark/99.pgm"'
runs 0 train recipe.yaml data.list=list.csv data.on_error=skip output.folder=list2 train.batch=1
says 'left out: sample 1: ' 'list.csv:2: there is no picture "dark/99.pgm"'
prints "  left out 1  "
ln -s nowhere hurt/train/light/2.pgm && ln -s nowhere hurt/train/light/README
runs 1 train recipe.yaml data.path=hurt output.folder=hurt8
says "hurt/train/light/2.pgm"
runs 0 train recipe.yaml data.path=hurt data.on_error=skip output.folder=hurt9
says "left out: sample " "hurt/train/light/2.pgm"
prints "  left out 1  "
runs 0 data check hurt/train
prints "light/2.pgm"
# cross-validation: 18 pictures in three folds, each of both classes; the run folder says which
for fold in 0 1 2; do
    runs 0 train recipe.yaml data.folds=3 data.fold=$fold output.folder=fold$fold
    grep 'validation loss' out.txt >"fold$fold.txt"
    grep -q "fold: $fold" fold$fold/recipe-001/recipe.yaml || say "the run folder does not say which fold it was"
done
cmp -s fold0.txt fold1.txt && say "two folds are validated alike"
# groups and the test cut off, in the run's record; a warning where the data are others when it is evaluated or goes on
cp -r set grown
runs 0 train recipe.yaml data.path=grown data.val_fraction=0.25 data.test_fraction=0.25 "data.group='([0-9])[.]pgm'" output.folder=grow
grep -q '^{"train":[0-9]*,"valid":[46],"test":[46],"seed":1,"val_fraction":0.25,"test_fraction":0.25,"group":' grow/recipe-001/split.json ||
    say "split.json tells: $(cat grow/recipe-001/split.json)"
runs 0 eval grow/recipe-001
nothing=$(cat err.txt)
[ -z "$nothing" ] || say "the parts are as they were, but: $nothing"
picture grown/train/dark/0.pgm 9
runs 0 eval grow/recipe-001
says "grow/recipe-001/split.json tells of other parts than these" "may be among those for validation or test"
runs 0 train --resume grow/recipe-001
says "tells of other parts"
runs 1 train recipe.yaml data.folds=3 data.val_under=test
says "validation pictures and folds; only one of them"
runs 1 train recipe.yaml data.folds=3 data.val_fraction=0.2
says "folds and val_fraction; only one of them"
runs 1 train recipe.yaml data.folds=3 data.fold=3
says "there are two folds at least, numbered from 0"
runs 1 train recipe.yaml data.folds=19
says "19"

if command -v tar >/dev/null && tar cf set.tar set 2>/dev/null; then
    runs 0 train recipe.yaml data.path=set.tar data.under=set/train data.val_under=set/test output.folder=c
    prints "accuracy 100.00%"
fi

# 16 bits a value: what differs by less than one of 255 can be learned; prediction sees as much
if command -v python3 >/dev/null; then
    python3 - <<'PY'
import os, struct, zlib
def png(path, value):
    rows = b"".join(b"\0" + struct.pack(">8H", *[value] * 8) for _ in range(8))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", 8, 8, 16, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
for i in range(8):
    png(f"wide/low/{i}.png", 32896 - 100 + i)
    png(f"wide/high/{i}.png", 32896 + 100 - i)
PY
    cat >wide.yaml <<'YAML'
tarn: 1
model: {layers: [flatten, linear: 2]}
data:
  name: pictures
  path: wide
  bits: 16
  channels: 1
  normalize: {mean: [0.501961], std: [0.0015]}
train: {epochs: 30, batch: 4, lr: 0.02}
YAML
    runs 0 train wide.yaml data.val_path=wide output.folder=w
    prints "accuracy 100.00%"
    runs 0 predict w/wide-001 wide/high/3.png
    prints "3.png: high ("
    runs 0 predict w/wide-001 wide/low/3.png
    prints "3.png: low ("
    runs 0 train wide.yaml data.val_path=wide data.bits=8 output.folder=w
    prints "accuracy 50.00%"
    runs 1 train wide.yaml data.transforms='[flip_horizontal]'
    says "bits 16 and transforms"
fi

runs 1 train recipe.yaml data.under=trian
says 'no files in a folder "trian"; at its top there are: '
sed 's/flip_horizontal/flip_horizontaly/' recipe.yaml >wrong.yaml
runs 1 train wrong.yaml
says "wrong.yaml:"
says 'there is no step "flip_horizontaly"; did you mean "flip_horizontal"?'
runs 1 train recipe.yaml data.height=8
says "height without width"
runs 1 train recipe.yaml data.val_under=test data.val_fraction=0.2
says "only one of them can say what is validated on"
mkdir set/train/empty
runs 1 train recipe.yaml data.val_under=test
says 'the folder "empty" would be a class, but there is no picture in it'
rmdir set/train/empty
echo "P2 8 8 255 1 2 3" >set/train/dark/3.pgm
runs 1 train recipe.yaml data.val_under=test output.folder=d
says "set/train/dark/3.pgm is a damaged PNM picture"

# CIFAR's records of 3073 bytes, all of class 0
mkdir cifar
for k in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
    head -c $((3073 * 8)) /dev/zero >"cifar/$k.bin"
done
cat >cifar.yaml <<'YAML'
tarn: 1
model:
  layers: [flatten, linear: 10]
data:
  name: cifar
  path: cifar
  transforms: [randaugment]
  cutmix: 1
train: {epochs: 1, batch: 8}
YAML
runs 0 train cifar.yaml output.folder=e
runs 0 train cifar.yaml data.val_fraction=0.5 output.folder=f
rm cifar/test_batch.bin
runs 1 train cifar.yaml output.folder=g
says "holds no file test_batch.bin"
finish
