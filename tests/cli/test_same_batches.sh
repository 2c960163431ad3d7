#!/usr/bin/env bash
# test_same_batches.sh: of every kind of data: the same batches, and so the same model bit for bit, with 0, 1, 2 and 7 workers, and after a
# run that was stopped within an epoch, resumed by another number of them. Sets are made here, small; steps that depend on chance among them.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"

bytes() { awk -v n="$1" -v s="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%c", 33 + (i * i * s + 7 * i) % 90 }'; }
octal() { printf '%b' "\\0$(printf %03o "$1")"; }
idx() { # FILE DIMS...
    local file=$1 n
    shift
    {
        printf '%b' '\0000\0000\0010' && octal "$#"
        for n; do printf '%b' '\0000\0000\0000' && octal "$n"; done
        cat
    } >"$file"
}
npy() { printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': ($1,), }" && cat; } # DIMS
labels() { awk 'BEGIN { for (i = 0; i < 40; i++) printf "%c", 1 + i % 2 }'; }
mkdir -p p/a p/b m/a m/b yolo shard sound/a sound/b texts/a texts/b cifar
bytes 2560 1 | idx x.idx 40 8 8
labels | idx y.idx 40
bytes 2560 1 | npy "40, 8, 8" >x.npy
labels | npy 40 >y.npy
for i in $(seq 10 49); do
    k=a
    [ $((i % 2)) = 0 ] || k=b
    { printf 'P6 8 8 255\n' && bytes 192 "$i"; } >"p/$k/$i.ppm"
    { printf 'P5 8 8 255\n' && for _ in $(seq 32); do printf '%b' '\0000\0001'; done; } >"m/$k/$i.pgm"
    cp "p/$k/$i.ppm" yolo && echo "$((i % 2)) 0.5 0.5 0.4 0.$((i % 3 + 3))" >"yolo/$i.txt"
    cp "p/$k/$i.ppm" shard && echo $((i % 2)) >"shard/$i.cls"
    { printf 'RIFF\104\003\000\000WAVEfmt \020\000\000\000\001\000\001\000\100\037\000\000\200\076\000\000\002\000\020\000data\040\003\000\000' && bytes 800 "$i"; } >"sound/$k/$i.wav"
    echo "a text of number $i and $((i * i)) more, kind $k" >"texts/$k/$i.txt"
    octal $((i % 10)) && bytes 3072 "$i"
done >cifar/data_batch_1.bin
for i in 2 3 4 5; do cp cifar/data_batch_1.bin "cifar/data_batch_$i.bin"; done
cp cifar/data_batch_1.bin cifar/test_batch.bin
awk 'BEGIN { print "x,c,text,y"; for (i = 0; i < 40; i++) print i * i % 17 "," (i % 3 ? "red" : "blue") ",a text of " i " and " i * i "," (i % 2 ? "yes" : "no") }' >t.csv
cut -d , -f 1,2,4 t.csv >numbers.csv
awk 'BEGIN { for (i = 0; i < 40; i++) print "a line of " i " and " i * i "\tthe other of " i * 3 }' >pairs.tsv
awk 'BEGIN { print "t,v"; for (i = 0; i < 60; i++) print i "," sin(i) }' >s.csv
awk 'BEGIN { print "node,label,split,f"; for (i = 0; i < 40; i++) print i "," i % 2 "," (i % 4 ? "train" : "val") "," i }' >nodes.csv
awk 'BEGIN { print "from,to"; for (i = 0; i < 40; i++) for (k = 1; k < 6; k++) print i "," (i * k + k) % 40 }' >edges.csv

# kind NAME LAYERS DATA [TRAIN]
kind() {
    local workers runs=runs-$1 epochs=0 pid
    local model=$1-001/model.safetensors
    printf 'tarn: 1\nname: %s\nmodel: {layers: [%s]}\ndata: {%s}\ntrain: {epochs: 3, batch: 4, lr: 0.001, threads: 1%s}\noutput: {report: false, plots: false}\n' \
        "$1" "$2" "$3" "${4:+, $4}" >"$1.yaml"
    runs 0 train "$1.yaml" output.folder="$runs/w0" data.workers=0
    [ -s "$runs/w0/$model" ] || return
    for workers in 1 2 7; do
        runs 0 train "$1.yaml" output.folder="$runs/w$workers" data.workers="$workers"
        cmp -s "$runs/w0/$model" "$runs/w$workers/$model" || say "$1: $workers workers train another model"
    done
    "$TARN" train "$1.yaml" output.folder="$runs/s" data.workers=2 train.epochs=100000 train.checkpoint_every=1 >bg.out 2>bg.err </dev/null &
    pid=$!
    for _ in $(seq 500); do
        [ -e "$runs/s/$1-001/last.safetensors" ] && break
        sleep 0.02
    done
    kill -INT "$pid"
    wait "$pid"
    [ -e "$runs/s/$1-001/metrics.jsonl" ] && epochs=$(wc -l <"$runs/s/$1-001/metrics.jsonl")
    epochs=$((epochs + 2)) # those that were begun, and one more
    sed -i "s/epochs: 100000/epochs: $epochs/; s/workers: 2/workers: 3/" "$runs/s/$1-001/recipe.yaml"
    runs 0 train --resume "$runs/s/$1-001"
    runs 0 train "$1.yaml" output.folder="$runs/whole" train.epochs="$epochs"
    cmp -s "$runs/whole/$model" "$runs/s/$model" || say "$1: stopped and resumed, another model"
}
steps="transforms: [random_crop height=8 width=8 padding=2, flip_horizontal, colour_jitter brightness=0.3]"
flat="flatten, {linear: 2}"
kind digits "flatten, {linear: 10}" "name: digits, train_count: 40, val_count: 8"
kind arrays "flatten, {linear: 3}" "name: arrays, path: x.npy, y: y.npy, val_fraction: 0.2"
kind idx "flatten, {linear: 3}" "name: idx, images: x.idx, labels: y.idx, val_fraction: 0.2"
kind pictures "$flat" "name: pictures, path: p, val_fraction: 0.2, $steps"
kind mixed "$flat" "name: pictures, path: p, val_fraction: 0.2, mixup: 0.2, $steps"
kind masks "{conv2d: {units: 2, kernel: 1}}, pixels" "name: masks, path: p, masks: m, class_count: 2, val_fraction: 0.2, transforms: [flip_horizontal]"
kind boxes "{conv2d: {units: 4, kernel: 3, padding: 1}}, {max_pool2d: {kernel: 2, name: fine}}, {boxes: {from: [fine]}}" \
    "name: boxes, format: yolo, path: yolo, height: 8, width: 8, classes: [a, b], transforms: [mosaic height=8 width=8 probability=0.5, flip_horizontal]" "loss: boxes"
if command -v tar >/dev/null; then
    tar cf shard.tar -C shard .
    kind shards "$flat" "name: shards, paths: [shard.tar], $steps"
fi
kind cifar "flatten, {linear: 10}" "name: cifar, path: cifar, transforms: [flip_horizontal]"
kind table "{linear: 2}" "name: table, path: numbers.csv, target: y, val_fraction: 0.2"
kind series "flatten, {linear: 1}, {reshape: [1, 1]}" "name: series, path: s.csv, time: t, length: 4, horizon: 1, val_fraction: 0.2" "loss: mse"
kind graph "{sage: 4}, relu, {sage: 2}" "name: graph, nodes: nodes.csv, edges: edges.csv, num_neighbors: [3, 2]"
translator="{embedding: {rows: 90, units: 8}}, positions, {transformer_encoder: {heads: 2, feed_forward: 8, dropout: 0.1, padding: 0}}, "
translator+="{transformer_decoder: {rows: 90, heads: 2, feed_forward: 8, dropout: 0.1, padding: 0}}, {linear: 90}"
if "$TARN" --version | grep -q utf8proc; then
    kind pairs "$translator" "name: pairs, path: pairs.tsv, header: no, delimiter: tab, source: column_1, target: column_2, target_tokenizer: words, length: 9, target_length: 9, val_fraction: 0.2"
fi
if "$TARN" --version | grep -q libsndfile; then
    kind sound "{linear: 2}" "name: sound, path: sound, seconds: 0.05, val_fraction: 0.2"
fi
if "$TARN" --version | grep -q utf8proc; then
    embedded="{embedding: {rows: 60, units: 4}}, {gru: {units: 4}}, {linear: 2}"
    kind text "$embedded" "name: text, path: t.csv, text: text, target: y, tokenizer: characters, val_fraction: 0.2"
    kind text_folders "$embedded" "name: text_folders, path: texts, tokenizer: characters, val_fraction: 0.2"
    kind corpus "{embedding: {rows: 60, units: 4}}, {gru: {units: 4, steps: true}}, {linear: 60}" "name: corpus, path: pairs.tsv, tokenizer: characters, length: 8, val_fraction: 0.2"
fi
finish
