#!/usr/bin/env bash
# test_text_recipes.sh: recipes on small texts that are made here: folders by class, masked and next tokens, what is unknown; and the
# sentences for what is wrong.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q utf8proc || skip "tokenizers need utf8proc, which is not built in"

# texts FOLDER N: N texts each of two classes that differ by a word
texts() {
    mkdir -p "$1/glad" "$1/sad"
    for ((i = 0; i < $2; i++)); do
        echo "the day was long and $((i % 7)) friends came, what a wonderful feast $((i % 5))" >"$1/glad/$i.txt"
        echo "the day was long and $((i % 7)) friends left, what a terrible storm $((i % 5))" >"$1/sad/$i.txt"
    done
}
texts set/train 40
texts set/more 10
cat >r.yaml <<'YAML'
tarn: 1
name: t
model: {layers: [{embedding: {rows: 400, units: 8}}, mean_steps, {linear: 2}]}
data: {name: text_folders, path: set, under: train}
train: {epochs: 6, batch: 8, optimizer: adam, lr: 0.03}
output: {folder: runs}
YAML
wins() { # ACCURACY OVERRIDES...: of validation, at least
    local goal=$1
    shift
    rm -rf runs
    runs 0 train r.yaml "$@"
    awk -v got="$(sed -n 's/^best model: accuracy \([0-9.]*\)%.*/\1/p' out.txt)" -v goal="$goal" 'BEGIN { exit !(got >= goal) }' ||
        say "$*: not $goal%: $(tail -3 out.txt err.txt)"
}
wins 100 data.val_fraction=0.25 data.test_fraction=0.25
prints "on 20 validation samples"
runs 0 eval runs/t-001
prints "20 samples"
printf 'a wonderful\n\nfeast\n' >glad.txt # a file is one text, as those that it was trained on
echo 'a terrible storm' >sad.txt
: >empty.txt
runs 0 predict runs/t-001 glad.txt sad.txt empty.txt
prints "glad.txt: glad" "sad.txt: sad" "empty.txt: "
[ "$(wc -l <out.txt)" = 3 ] || say "not an answer for each file: $(cat out.txt)"
printf 'a wonderful feast\na terr\xffible storm\n' >broken.txt
runs 1 predict runs/t-001 broken.txt
says "broken.txt:2:7: the byte 0xFF is not UTF-8"
wins 100 data.val_under=more data.test_path=set/more
prints "on 20 validation samples"
for kind in characters bpe wordpiece unigram; do
    wins 90 data.val_fraction=0.25 data.tokenizer="$kind" data.length=80 data.truncate_left=true train.epochs=20
done
wins 90 data.val_fraction=0.25 data.tokenizer=characters data.byte_fallback=true train.epochs=20
wins 90 data.val_fraction=0.25 data.tokenizer=unigram data.byte_fallback=true train.epochs=20

# The same inside of an archive, and by any number of workers.
tar -czf set.tar.gz set
wins 100 data.path=set.tar.gz data.under=set/train data.val_fraction=0.25
cp runs/t-001/metrics.jsonl want.jsonl
for workers in 1 2 7; do
    wins 100 data.val_fraction=0.25 data.workers=$workers
    for key in loss val_loss; do
        [ "$(grep -o "\"$key\":[^,}]*" want.jsonl)" = "$(grep -o "\"$key\":[^,}]*" runs/t-001/metrics.jsonl)" ] ||
            say "$workers workers give other batches"
    done
done

# A row for every token: what lacks them is said before training, with both sizes.
rm -rf runs
runs 1 train r.yaml model.layers.0.embedding.rows=20
says "r.yaml:3: embedding: rows: 20 are too few for the tokenizer of the data, which has " "set rows of this layer to "

# What was hidden is said again; the next word too.
masked="{layers: [{embedding: {rows: 400, units: 16}}, positions, {transformer_encoder: {heads: 2, feed_forward: 32, dropout: 0}}, {linear: 400}]}"
for kind in words characters bpe wordpiece unigram; do
    rm -rf runs
    runs 0 train r.yaml model="$masked" data.task=masked data.tokenizer=$kind data.val_fraction=0.25 data.length=100 train.epochs=1
    prints "validation loss"
done
rm -rf runs
runs 0 train r.yaml model="$masked" data.task=masked data.val_fraction=0.25 train.epochs=40
awk -v got="$(sed -n 's/^best model: accuracy \([0-9.]*\)%.*/\1/p' out.txt)" 'BEGIN { exit !(got >= 60) }' ||
    say "hidden words are not found: $(tail -3 out.txt)"
rm -rf runs
runs 0 train r.yaml model="$masked" data.task=next data.val_fraction=0.25 train.epochs=2
cat set/train/*/*.txt >corpus.txt
for task in next masked; do
    rm -rf runs
    runs 0 train r.yaml model="$masked" data="{name: corpus, path: corpus.txt, tokenizer: words, length: 20, val_fraction: 0.2, task: $task}" train.epochs=2
    prints "validation loss"
done

# Models of language say the likeliest tokens, on lines of any length.
for _ in $(seq 60); do echo "the big dog runs over the small hill and the small cat sleeps"; done >said.txt
data="{name: corpus, path: said.txt, tokenizer: words, length: 24, val_fraction: 0.1"
lstm="{layers: [{embedding: {rows: 60, units: 24}}, {lstm: {units: 32, bidirectional: true, steps: true}}, {linear: 60}]}"
rm -rf runs
runs 0 train r.yaml model="$lstm" data="$data, task: masked}" train.epochs=60 train.lr=0.02
printf 'the big <mask> runs over\nover the small hill <mask> the small <mask> sleeps\nthe big dog\n' >hidden.txt
runs 1 predict runs/t-001 hidden.txt
says "hidden.txt:2: nothing is hidden here: this model says what stands in place of <mask>"
prints 'hidden.txt:0: "dog" (' 'hidden.txt:1: "and" ('
grep -q '; "cat" (' out.txt || say "the second hidden token is not said: $(cat out.txt)"
runs 1 predict runs/t-001 hidden.txt --json
is_json
prints '{"file":"hidden.txt:0","masks":[{"place":2,"tokens":[{"token":"dog","id":'
rm -rf runs
runs 0 train r.yaml model="${lstm/bidirectional: true, }" data="$data, task: next}" train.epochs=30 train.lr=0.02
runs 0 predict runs/t-001 hidden.txt
prints 'hidden.txt:2: "runs" ('

# Tokens on disk are those in memory.
rm -rf runs
runs 0 train r.yaml model="$lstm" data="$data, task: next}" train.epochs=2
cp runs/t-001/metrics.jsonl want.jsonl
rm -rf runs
runs 0 train r.yaml model="$lstm" data="$data, task: next, cache: disk, cache_folder: tokens}" train.epochs=2
for key in loss val_loss; do
    [ "$(grep -o "\"$key\":[^,}]*" want.jsonl)" = "$(grep -o "\"$key\":[^,}]*" runs/t-001/metrics.jsonl)" ] ||
        say "tokens on disk give other batches"
done
[ -z "$(ls tokens)" ] || say "tokens are left on disk: $(ls tokens)"

# Of a large vocabulary no confusion matrix is kept; what comes from it is.
rm -rf runs
runs 0 train r.yaml model="{layers: [{embedding: {rows: 400, units: 4}}, {linear: 2000}]}" data="$data, task: next}" train.epochs=1
prints "macro F1"
grep -q "There are 2000 classes: above 1024 no confusion matrix is kept" runs/t-001/report.html || say "the report does not say that there is no matrix"
[ -e runs/t-001/confusion.svg ] && say "2000 classes have a picture of their matrix"
runs 0 eval runs/t-001
prints "macro F1" "of 2000 classes none is kept"

# Odd texts: empty, not UTF-8, one long line.
mkdir -p odd/a odd/b
: >odd/a/empty.txt
printf '\xff\x80 wonderful' >odd/a/bytes.txt
head -c 300000 /dev/zero | tr '\0' 'x' >odd/b/long.txt
rm -rf runs
runs 1 train r.yaml data="{name: text_folders, path: odd, length: 16}" train.batch=2 train.epochs=1
says "odd/a/bytes.txt:1:1: the byte 0xFF is not UTF-8"
runs 0 train r.yaml data="{name: text_folders, path: odd, length: 16, on_error: skip}" train.batch=2 train.epochs=1
says "left out: odd/a/bytes.txt:1:1: the byte 0xFF is not UTF-8" "1 of 3 texts cannot be read"

mkdir -p none empty/a loose/a part/a part/b
echo x >loose/x.txt
echo x >part/a/x.txt
wrong 'none' data.path=none data.under=
wrong 'empty' data.path=empty data.under=
wrong 'lies in no folder' data.path=loose data.under=
wrong 'the folder "b" holds no .txt file' data.path=part data.under=
wrong 'nosuch' data.path=nosuch
mkdir -p one/glad
echo "one text" >one/glad/1.txt
wrong 'the class "sad" has no training text' data="{name: text_folders, path: one, val_path: set/more}"
wrong 'only one of them can say what is validated on' data.val_under=more data.val_fraction=0.1
wrong 'only one of them can say what is tested on' data.test_under=more data.test_fraction=0.1
wrong 'leave nothing to train on' data.val_fraction=0.6 data.test_fraction=0.5
wrong 'nothing is left to train on' data.val_fraction=0.9999
wrong 'to bpe nothing is unknown' data.tokenizer=bpe data.byte_fallback=true
wrong 'for unigram and characters' data.byte_fallback=true
wrong 'no room beside those of 256 bytes' data.byte_fallback=true data.tokenizer=characters data.vocabulary=200
wrong 'a window of 9000 needs 9000' data="{name: corpus, path: corpus.txt, tokenizer: words, length: 9000, task: masked}"
finish
