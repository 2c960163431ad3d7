#!/usr/bin/env bash
# test_relative.sh: paths in a recipe begin at the recipe's folder, wherever the program runs, whatever the key: trained from another folder,
# evaluated from a third by the recipe of the run.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"
mkdir -p home/data/p home/data/m other third
# npy FILE TYPE SHAPE: its head, 128 bytes; values follow by standard input.
npy() {
    { printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '$2', 'fortran_order': False, 'shape': ($3,), }" && cat; } >"home/data/$1.npy"
}
# idx FILE DIMS...: the head of unsigned bytes; values follow.
idx() {
    local file=$1 n
    shift
    {
        printf '%b' "\\0000\\0000\\0010\\0$(printf %03o $#)"
        for n; do printf '%b' "\\0000\\0000\\0000\\0$(printf %03o "$n")"; done
        cat
    } >"home/data/$file"
}
bytes() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "%c", 33 + i * i % 90 }'; }
labels() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "%c", 1 + i % 2 }'; }
bytes 384 | npy x '|u1' '24, 4, 4'
labels 24 | npy y '|u1' 24
awk 'BEGIN { for (i = 0; i < 24; i++) printf "%c", 1 + int(i / 2) }' | npy g '|u1' 24
bytes 384 | idx x.idx 24 4 4
labels 24 | idx y.idx 24
for i in $(seq 10 33); do
    { printf 'P5 4 4 255\n' && bytes 16 | tr '!-z' "$(printf '\\%03o' "$i")-z"; } >"home/data/p/$i.pgm"
    { printf 'P5 4 4 1\n' && printf '\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1'; } >"home/data/m/$i.pgm"
    echo "$i.pgm,$((i % 2))"
done >home/data/list.csv
awk 'BEGIN { print "node,label,split,f"; for (i = 0; i < 30; i++) print i "," i % 2 "," (i % 3 ? "train" : "val") "," i }' >home/data/nodes.csv
awk 'BEGIN { print "node,f"; for (i = 0; i < 30; i++) print i "," i * i }' >home/data/features.csv
awk 'BEGIN { print "from,to"; for (i = 0; i < 30; i++) print i "," (i + 1) % 30 }' >home/data/edges.csv
for i in $(seq 60); do echo "a text of number $i"; done | tee home/data/target.txt >home/data/source.txt

# recipe NAME LAYERS DATA: in the folder home; trained, evaluated.
trains() {
    printf 'tarn: 1\nmodel: {layers: [%s]}\ndata: {%s}\ntrain: {epochs: 1, batch: 8}\noutput: {folder: runs, report: false}\n' "$2" "$3" >"home/$1.yaml"
    cd other || exit 1
    runs 0 train "../home/$1.yaml"
    cd ../third || exit 1
    runs 0 eval "../home/runs/$1-001"
    cd .. || exit 1
}
trains arrays "flatten, {linear: 3}" "name: arrays, path: data/x.npy, y: data/y.npy, val_path: data/x.npy, val_y: data/y.npy, test_path: data/x.npy, test_y: data/y.npy"
trains grouped "flatten, {linear: 3}" "name: arrays, path: data/x.npy, y: data/y.npy, group: data/g.npy, val_fraction: 0.3"
trains timed "flatten, {linear: 3}" "name: arrays, path: data/x.npy, y: data/y.npy, time: data/g.npy, val_fraction: 0.3"
trains idx "flatten, {linear: 3}" "name: idx, images: data/x.idx, labels: data/y.idx, val_images: data/x.idx, val_labels: data/y.idx, test_images: data/x.idx, test_labels: data/y.idx"
trains list "flatten, {linear: 2}" "name: pictures, path: data/p, list: data/list.csv, val_list: data/list.csv, test_path: data/p, test_list: data/list.csv"
trains masks "{conv2d: {units: 2, kernel: 1}}, pixels" "name: masks, path: data/p, masks: data/m, val_path: data/p, val_masks: data/m, class_count: 2"
trains graph "{gcn: 2}" "name: graph, nodes: data/nodes.csv, edges: data/edges.csv, features: data/features.csv"
if "$TARN" --version | grep -q utf8proc; then
    trains corpus "{embedding: {rows: 40, units: 4}}, {gru: {units: 4, steps: true}}, {linear: 40}" "name: corpus, path: data/source.txt, val_path: data/target.txt, tokenizer: characters, length: 8"
fi
# An override's path begins where the program runs.
runs 0 train home/arrays.yaml data.path=home/data/x.npy data.y=home/data/y.npy
runs 1 train home/arrays.yaml data.y=data/y.npy
says "data/y.npy"
finish
