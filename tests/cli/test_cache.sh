#!/usr/bin/env bash
# test_cache.sh: data.cache of recipes: the same model to the bit whatever is kept, for pictures and tables; damage is told; what says nothing is
# refused.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"

for i in 1 2 3 4 5 6 7 8 9; do
    mkdir -p set/dark set/light
    { echo "P2 8 8 255" && for k in $(seq 64); do echo $((i * 8 + k % 5)); done; } >"set/dark/$i.pgm"
    { echo "P2 8 8 255" && for k in $(seq 64); do echo $((240 - i * 8 + k % 5)); done; } >"set/light/$i.pgm"
done
cat >pictures.yaml <<'YAML'
tarn: 1
name: p
model: {layers: [flatten, linear: 2]}
data:
  name: pictures
  path: set
  channels: 1
  val_fraction: 0.25
  transforms: [random_crop height=8 width=8 padding=1, flip_horizontal]
train: {epochs: 4, batch: 4, lr: 0.02}
YAML
awk 'BEGIN { print "size,colour,kind"; for (i = 0; i < 9000; i++) printf "%d,%s,%s\n", i % 97, i % 3 ? "red" : "blue", (i % 97 > 48) ? "yes" : "no" }' >t.csv
cat >table.yaml <<'YAML'
tarn: 1
name: t
model: {layers: [{linear: 4}, relu, {linear: 2}]}
data: {name: table, path: t.csv, target: kind, val_fraction: 0.25}
train: {epochs: 2, batch: 64, optimizer: adam, lr: 0.02}
YAML

# tensors FOLDER: a sum of the model's tensors; its metadata has times and the recipe.
tensors() {
    tail -c 100 "$1"/model*.safetensors | cksum
}
for kind in pictures table; do
    letter=${kind:0:1}
    runs 0 train $kind.yaml output.folder=$kind-none
    want=$(tensors "$kind-none/$letter-001")
    for way in cache=memory "cache=disk data.cache_folder=kept-$kind" "cache=disk data.cache_folder=kept-$kind" \
        "cache=auto data.cache_limit=1 data.cache_folder=kept-$kind"; do
        rm -rf again
        # shellcheck disable=SC2086
        runs 0 train $kind.yaml data.$way output.folder=again
        [ "$(tensors "again/$letter-001")" = "$want" ] || say "$kind, $way: another model"
    done
    [ "$(find kept-$kind -type f | wc -l)" -ge 1 ] || say "nothing is kept in kept-$kind"
    for f in "kept-$kind"/*; do
        printf xyz | dd of="$f" bs=1 seek=70 conv=notrunc 2>/dev/null
    done
    rm -rf again
    runs 0 train $kind.yaml data.cache=disk data.cache_folder=kept-$kind output.folder=again
    grep -q "is damaged.*made anew" out.txt err.txt || say "$kind: the damage is not told"
    [ "$(tensors "again/$letter-001")" = "$want" ] || say "$kind: another model after damage"
done

runs 1 train pictures.yaml data.cache=disk
says "say in cache_folder where"
runs 1 train pictures.yaml data.cache=auto
says "say in cache_limit"
runs 1 train pictures.yaml data.cache_folder=x
says "cache is none"
runs 1 train pictures.yaml data.name=mnist data.cache=memory data.path= data.channels= data.transforms= data.folder=x
says "data.cache does nothing when data.name is mnist"
finish
