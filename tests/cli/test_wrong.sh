#!/usr/bin/env bash
# test_wrong.sh: whatever is wrong, the program says a sentence with the words that matter, ends with a status that is not 0, and
# nothing that was there before is lost.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
tiny_recipe

# refused WORDS... -- ARGUMENTS...: the arguments are refused with these words, and no run folder is left.
refused() {
    local words=()
    while [ "$1" != -- ]; do
        words+=("$1")
        shift
    done
    shift
    runs 1 "$@"
    says "${words[@]}"
    [ ! -e runs ] || [ -z "$(ls -A runs)" ] || say "tarn $*: leaves a run folder: $(ls runs)"
}

# recipe SED-SCRIPT: wrong.yaml is tiny.yaml with a change.
recipe() {
    sed "$1" tiny.yaml >wrong.yaml
}

# --- recipes: file, line, key, what may have been meant
recipe 's/batch: 32/btach: 32/'
refused wrong.yaml:13 btach "did you mean 'batch'" -- train wrong.yaml
recipe 's/kernel: 5/kernle: 5/'
refused wrong.yaml:5 kernle "did you mean 'kernel'" -- train wrong.yaml
recipe 's/- relu/- rellu/'
refused wrong.yaml:7 rellu "did you mean 'relu'" -- train wrong.yaml
recipe 's/^model:/model: mnist_cn/; /^  layers/d; /^    -/d'
refused wrong.yaml:3 mnist_cn "did you mean 'mnist_cnn'?" "tarn help models" -- train wrong.yaml
refused "override 'model=foo'" "no model 'foo' in the zoo; \`tarn help models\`" -- train wrong.yaml model=foo
refused "override 'model=unet'" "the model unet" "f32[batch,1,28,28]" concat "f32[batch,256,2,2]" -- train wrong.yaml model=unet
recipe 's/^model:/model: {name: mlp, units: 5}/; /^  layers/d; /^    -/d'
refused wrong.yaml:3 mlp units -- train wrong.yaml
recipe 's/batch: 32/batch: many/'
refused wrong.yaml:13 train.batch many -- train wrong.yaml
recipe 's/lr: 0.01/lr: .nan/'
refused wrong.yaml:13 train.lr -- train wrong.yaml
recipe 's/lr: 0.01/lr: 0.01, momentum: 0.9/'
refused wrong.yaml:13 momentum "does nothing" adam -- train wrong.yaml
recipe 's/workers: 1/val_fraction: 0.1/'
refused wrong.yaml:12 val_fraction "does nothing" -- train wrong.yaml
recipe 's/linear: 10/linear: [10/'
refused wrong.yaml -- train wrong.yaml
recipe 's/tarn: 1/tarn: 2/'
refused wrong.yaml:1 "version 2" -- train wrong.yaml
recipe 's/^tarn: 1//'
refused tarn -- train wrong.yaml
refused train.lr nan -- train tiny.yaml train.lr=nan
refused train.lr inf -- train tiny.yaml train.lr=inf
refused train.lr -1 -- train tiny.yaml train.lr=-1
refused train.lr "above 0" -- train tiny.yaml train.lr=0 # it would mean the usual one
refused "did you mean 'train.lr'?" -- train tiny.yaml lr=0.1
refused "did you mean 'output.report'?" -- train tiny.yaml report=false
refused "must be usable in the name of a folder" -- train tiny.yaml name=$'a\nb'
refused train.epoch "did you mean 'epochs'" -- train tiny.yaml train.epoch=3
refused 'train.epoch=' "no key 'epoch'" -- train tiny.yaml train.epoch=
refused "more steps than can be counted" -- train tiny.yaml data.train_count=9223372036854775807 train.epochs=1000
refused model.layers.9 -- train tiny.yaml model.layers.9.units=3
refused nothere.yaml -- train nothere.yaml
refused folder -- train .
head -c 3000 "$TARN" >binary.yaml
refused binary.yaml -- train binary.yaml

# --- shapes: operator, place, both shapes
recipe 's/- linear: 10/- linear: 10\n    - conv2d: {units: 3, kernel: 3}/'
refused wrong.yaml:12 conv2d "f32[batch,10]" "f32[3,10,3,3]" -- train wrong.yaml
recipe 's/- linear: 10/- concat: before\n    - linear: 10/'
refused wrong.yaml concat "no layer before this one has the name 'before'" -- train wrong.yaml
recipe 's/- linear: 10/- recompute: 2\n    - linear: 10/'
refused wrong.yaml recompute "2 layers are to be computed again; 1 follow" -- train wrong.yaml
recipe 's/- linear: 10/- recompute: 2\n    - recompute: 1\n    - linear: 10/'
refused wrong.yaml recompute "has 2 layers left; blocks do not nest" -- train wrong.yaml
recipe 's/kernel: 5, stride: 2/kernel: 40/'
refused wrong.yaml:5 conv2d 40 28 -- train wrong.yaml
refused "[1,28,28]" "model.input is [1,14,14]" "take model.input out" -- train tiny.yaml "model.input=[1,14,14]"
refused tiny.yaml:11 "10 classes" "5 outputs" -- train tiny.yaml model.layers.6.units=5

# --- layers that do not fit: file and line, operator, shapes, what to do
layers() {
    sed "s/^    - .*//; s/^  layers:/  layers: $1/" tiny.yaml >wrong.yaml
}
layers '[{conv2d: {units: 4, kernel: 3}}, relu, {linear: 10}]'
refused wrong.yaml:4 "linear, the last layer" "[batch, classes]" "f32[batch,4,26,10]" "flatten or global_avg_pool" -- train wrong.yaml
refused wrong.yaml:4 "flatten or global_avg_pool" -- show wrong.yaml
layers '[{conv2d: {units: 4, kernel: 3}}, {lstm: 8}, {linear: 10}]'
refused wrong.yaml:4 lstm "f32[batch,4,26,26]" "[steps, features]" reshape -- train wrong.yaml
layers '[flatten, {conv2d: {units: 4, kernel: 3}}, {linear: 10}]'
refused wrong.yaml:4 conv2d "f32[batch,784]" "before the layer that flattens" -- train wrong.yaml
layers '[{conv1d: {units: 4, kernel: 3}}, flatten, {linear: 10}]'
refused wrong.yaml:4 conv1d "f32[batch,1,28,28]" "for pictures there are conv2d" -- train wrong.yaml
layers '[{max_pool2d: 40}, flatten, {linear: 10}]'
refused wrong.yaml:4 max_pool2d "f32[batch,1,28,28]" "smaller kernel" -- train wrong.yaml
layers '[{conv2d: {units: 4, kernel: 3}}, {conv2d: {units: 6, kernel: 3, groups: 4}}, flatten, {linear: 10}]'
refused wrong.yaml:4 conv2d "node 'conv2.conv2d'" "x f32[batch,4,26,26], w f32[6,1,3,3]" "groups must divide" -- train wrong.yaml
layers '[{conv2d: {units: 6, kernel: 3, name: a}}, {conv2d: {units: 6, kernel: 3}}, {add: [a]}, flatten, {linear: 10}]'
refused wrong.yaml:4 "node 'add'" "a f32[batch,6,24,24], b f32[batch,6,26,26]" "padding" -- train wrong.yaml
layers '[{reshape: [27, 28]}, {linear: 10}]'
refused wrong.yaml:4 reshape "756 elements" 784 "f32[batch,1,28,28]" -- train wrong.yaml
layers '[{add: [there]}, flatten, {linear: 10}]'
refused wrong.yaml:4 add "the name 'there'" -- train wrong.yaml
grep -q "same sizes" err.txt && say "advice on sizes where a name is missing: $(cat err.txt)"
layers '[batch_norm, {conv2d: {units: 4, kernel: 3}}, flatten, {linear: 10}]'
refused wrong.yaml:4 "did you mean 'batch_norm2d'?" -- train wrong.yaml
layers '[{conv1d: {units: 4, kernel: 3}}, {conv2d: 4}, batchnorm, {conv1d: 4}]'
refused wrong.yaml:4 "did you mean 'batch_norm2d'?" -- train wrong.yaml
layers '[flatten, batch_norm, {linear: 10}]'
refused wrong.yaml:4 "did you mean 'batch_norm1d'?" -- train wrong.yaml
layers '[MaxPool2d: 2, flatten, {linear: 10}]'
refused wrong.yaml:4 "did you mean 'max_pool2d'?" -- train wrong.yaml

# --- sizes
refused 10000 256 -- train tiny.yaml train.batch=10000
refused step needs 1024 -- train tiny.yaml train.memory_limit=1KB
grep -qE "needs [0-9]{5,} bytes" err.txt || say "it is not said how much memory is needed: $(cat err.txt)"
refused threads -- train tiny.yaml train.threads=100000
cat >wrong.yaml <<'YAML'
tarn: 1
model: {layers: [{conv2d: {units: 524288, kernel: 1}}, {conv2d: {units: 524288, kernel: 4096, padding: 4096}}, global_avg_pool]}
data: {name: digits, train_count: 64, val_count: 16}
YAML
refused conv2.weight "f32[524288,524288,4096,4096]" "larger than memory" -- show wrong.yaml # 2^64 bytes

# --- data files
refused data.folder -- train tiny.yaml data.name=mnist data.train_count= data.val_count=
refused "override 'data.folder=nowhere': data.folder: there is no folder nowhere" -- train tiny.yaml data.name=mnist data.folder=nowhere data.train_count= data.val_count=
idx="data.name=idx data.images=x.idx data.labels=y.idx data.train_count= data.val_count= train.batch=2"
good() {
    { printf '\0\0\010\003\0\0\0\004\0\0\0\034\0\0\0\034'; head -c 3136 /dev/zero; } >x.idx
    printf '\0\0\010\001\0\0\0\004\0\001\002\003' >y.idx
}
good
# shellcheck disable=SC2086
runs 0 train tiny.yaml $idx train.epochs=1
rm -r runs
head -c 3000 x.idx >short && mv short x.idx
# shellcheck disable=SC2086
refused x.idx -- train tiny.yaml $idx
good
printf more >>x.idx
# shellcheck disable=SC2086
refused x.idx -- train tiny.yaml $idx
good
printf '\0\0\010\003\177\377\377\377\177\377\377\377\177\377\377\377' >x.idx
# shellcheck disable=SC2086
refused x.idx -- train tiny.yaml $idx
good
printf '\0\0\010\001\0\0\0\003\0\001\002' >y.idx
# shellcheck disable=SC2086
refused 3 4 -- train tiny.yaml $idx
good
printf '\0\0\010\001\0\0\0\004\0\001\002\063' >y.idx # label 51: 52 classes
# shellcheck disable=SC2086
refused "52 classes" "10 outputs" -- train tiny.yaml $idx
good
# shellcheck disable=SC2086
refused "cross entropy" "class numbers" u8 28 -- train tiny.yaml $idx data.labels=x.idx
: >y.idx
# shellcheck disable=SC2086
refused y.idx -- train tiny.yaml $idx

# A number of samples that there is not, a part of them that is none.
good
# shellcheck disable=SC2086
refused data.train_count 5 "only 4" -- train tiny.yaml $idx data.train_count=5
# shellcheck disable=SC2086
refused data.val_fraction "of 4 samples none" -- train tiny.yaml $idx data.val_fraction=0.01

# --- losses and targets that do not go together, one value to take a variance of
recipe 's/- linear: 10/- linear: 10\n    - softmax/'
refused wrong.yaml:14 cross_entropy "take out the last layer, softmax" -- train wrong.yaml
refused nll log_softmax cross_entropy -- train tiny.yaml train.loss=nll
refused bce sigmoid bce_with_logits -- train tiny.yaml train.loss=bce
refused "10 classes" cross_entropy -- train tiny.yaml train.loss=mse
{ printf '\0\0\015\001\0\0\0\004'; head -c 16 /dev/zero; } >y.idx
# shellcheck disable=SC2086
refused "class numbers" f32 mse -- train tiny.yaml $idx
# shellcheck disable=SC2086
refused "targets 'y' f32[]" "f32[batch,10]" -- train tiny.yaml $idx train.loss=mse
sed 's/^    - .*//; s/^  layers:/  layers: [flatten, batch_norm1d, {linear: 10}]/' tiny.yaml >wrong.yaml
refused batch_norm "one value" 257 "batches of 32" drop_last -- train wrong.yaml data.train_count=257

# --- digits to try the model on are looked for before it is trained
refused nowhere "--data" -- train tiny.yaml --data nowhere
mkdir empty
refused empty "--data" -- train tiny.yaml --data empty

# --- models and pictures
runs 1 eval runs/nothing
says "there is no run folder or model file runs/nothing" "tarn train RECIPE"
runs 1 predict nothing "$SRC/tests/cli/seven.png"
says "there is no run folder or model file nothing"
runs 1 eval tiny.yaml
says "tiny.yaml is a recipe" "tarn train tiny.yaml"
printf 'tarn: 1\nmodel: mlp\ndata:\n  name: idx\n  images: there.idx\n  labels: y.idx\n' >wrong.yaml
refused "wrong.yaml:5: data.images: cannot open" there.idx -- train wrong.yaml
runs 1 eval empty
says "empty is no run folder" "model.safetensors"
runs 0 train tiny.yaml
model=runs/tiny-001/model.safetensors
sum=$(cksum $model)
for n in 0 7 8 100 5000 $(($(wc -c <$model) - 1)); do
    head -c "$n" $model >cut.safetensors
    runs 1 predict cut.safetensors "$SRC/tests/cli/seven.png"
    says cut.safetensors
done
{ printf '\377\377\377\377\377\377\377\177'; tail -c +9 $model; } >lying.safetensors
runs 1 predict lying.safetensors "$SRC/tests/cli/seven.png"
says lying.safetensors
cp $model nan.safetensors
printf '\1' | dd of=nan.safetensors bs=1 seek=$(($(wc -c <$model) - 9)) conv=notrunc 2>/dev/null
runs 1 predict nan.safetensors "$SRC/tests/cli/seven.png"
says nan.safetensors "is damaged" checksum
sed 's/tarn.checksum/tarn.nochecks/' $model >nan.safetensors # as if others had written it
printf '\0\0\300\177' | dd of=nan.safetensors bs=1 seek=$(($(wc -c <$model) - 4)) conv=notrunc 2>/dev/null
runs 1 predict nan.safetensors "$SRC/tests/cli/seven.png"
says seven.png "not a number"
sed 's/conv2d/conv2x/g; s/tarn.checksum/tarn.nochecks/' $model >other.safetensors
runs 1 predict other.safetensors "$SRC/tests/cli/seven.png"
says other.safetensors conv2x
runs 1 predict $model tiny.yaml
says tiny.yaml picture
runs 1 predict $model nothere.png
says nothere.png
head -c 100 "$SRC/tests/cli/seven.png" >cut.png
runs 1 predict $model cut.png
says cut.png
runs 1 predict nothere "$SRC/tests/cli/seven.png"
says nothere
runs 1 eval $model nothere.yaml
says nothere.yaml
runs 1 show tiny.png
says tiny.png

# --- a run that goes wrong: the node that made the first NaN or infinity; the weights of before are kept
runs 1 train tiny.yaml train.lr=1e30
says "epoch 1" "not finite" "node '" "bn1"
[ -s runs/tiny-002/last.safetensors ] || say "the state before the NaN is not kept"

# --- what is not said again when a run goes on
runs 2 train --resume runs/tiny-001 train.epochs=3
says "train.epochs=3" "runs/tiny-001/recipe.yaml" "tarn train runs/tiny-001/recipe.yaml train.epochs=3"
runs 2 train tiny.yaml --resume runs/tiny-001
says "leave tiny.yaml out"
runs 2 train tiny.yaml wrong.yaml
says "wrong.yaml: one recipe is trained at a time"
runs 1 train --resume runs
says "runs is no run folder" "recipe.yaml"
runs 1 train --resume runs/nothing
says "there is no run folder runs/nothing"
mkdir runs/early # killed before the first epoch was done
cp runs/tiny-001/recipe.yaml runs/tiny-001/last.safetensors runs/early
runs 1 eval runs/early
says "no model.safetensors yet" "tarn train --resume runs/early"

# --- checkpoints
cp -r runs/tiny-001 runs/broken
head -c 6000 runs/tiny-001/last.safetensors >runs/broken/last.safetensors
before=$(cksum runs/broken/*)
runs 1 train --resume runs/broken
says runs/broken/last.safetensors
[ "$before" = "$(cksum runs/broken/*)" ] || say "a resume that failed changed the run"
cp $model runs/broken/last.safetensors
runs 1 train --resume runs/broken
says runs/broken/last.safetensors "no checkpoint"
cp runs/tiny-001/last.safetensors runs/broken/
sed -i 's/batch: 32/batch: 16/' runs/broken/recipe.yaml
runs 1 train --resume runs/broken
says "batches of 32" "same data and settings"

# Without its last checkpoint a run with a history is not begun anew over its best model.
rm runs/broken/last.safetensors
before=$(cksum runs/broken/*)
runs 1 train --resume runs/broken
says "no last.safetensors" "2 epochs" runs/broken/recipe.yaml
[ "$before" = "$(cksum runs/broken/*)" ] || say "a resume that was refused changed the run"

# --- where nothing can be written
: >file
runs 1 train tiny.yaml output.folder=file/runs
says file
if [ "$(id -u)" != 0 ]; then
    mkdir locked
    chmod a-w locked
    runs 1 train tiny.yaml output.folder=locked
    says locked
else
    echo "as root every folder can be written: not tried" >&2
fi

# A full disk: here a limit to the size of files, with the signal off that would end the process. 16 KB do not hold the model.
full() {
    (
        trap '' XFSZ
        ulimit -f "$1"
        exec "$TARN" "${@:2}" >out.txt 2>err.txt
    )
}
full 16 train tiny.yaml && say "a full disk is not noticed"
says "cannot write" safetensors
cp -r runs/tiny-001 runs/kept
sed -i 's/epochs: 2/epochs: 4/' runs/kept/recipe.yaml
before=$(cksum runs/kept/last.safetensors)
full 16 train --resume runs/kept && say "a full disk is not noticed by a resumed run"
says "cannot write"
[ "$before" = "$(cksum runs/kept/last.safetensors)" ] || say "a full disk cost a checkpoint"
for file in runs/kept/*.tmp; do
    [ ! -e "$file" ] || say "a full disk leaves $file"
done
runs 0 train --resume runs/kept

[ "$sum" = "$(cksum $model)" ] || say "the first model is not what it was"
finish
