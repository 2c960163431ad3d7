#!/usr/bin/env bash
# test_pairs_recipes.sh: recipes on small pairs that are made here: columns and lines, an encoder and a decoder that learn to say a sentence
# backwards in other words, what `tarn predict` says; and the sentences for what is wrong.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q utf8proc || skip "tokenizers need utf8proc, which is not built in"

# Three words, each of five, and the same in capitals the other way round.
awk 'BEGIN {
    split("red blue green black white", c); split("cat dog fox hen owl", a); split("runs sings sleeps eats sees", v)
    for (i = 0; i < 125; i++) {
        x = c[1 + i % 5]; y = a[1 + int(i / 5) % 5]; z = v[1 + int(i / 25)]
        print x " " y " " z >"all.src"; print toupper(z) " " toupper(y) " " toupper(x) >"all.dst"
        print x " " y " " z "\t" toupper(z) " " toupper(y) " " toupper(x) >"all.tsv"
        print "{\"en\": \"" x " " y " " z "\", \"xx\": \"" toupper(z) " " toupper(y) " " toupper(x) "\"}" >"all.jsonl"
    }
}'
cat >r.yaml <<'YAML'
tarn: 1
name: t
model:
  layers:
    - embedding: {rows: 40, units: 32}
    - positions
    - transformer_encoder: {heads: 2, feed_forward: 64, dropout: 0, norm_first: true, padding: 0}
    - transformer_decoder: {rows: 40, heads: 2, feed_forward: 64, dropout: 0, norm_first: true, padding: 0}
    - linear: 40
data: {name: pairs, path: all.tsv, header: no, delimiter: tab, source: column_1, target: column_2, target_tokenizer: words, length: 6, target_length: 6}
train: {epochs: 40, batch: 25, optimizer: adam, lr: 0.005}
output: {folder: runs}
YAML
says_it() { # OVERRIDES...: trains, evaluates, translates
    rm -rf runs
    runs 0 train r.yaml "$@"
    runs 0 eval runs/t-001
    prints "perplexity"
    awk -v got="$(sed -n 's/.*perplexity \([0-9.]*\).*/\1/p' out.txt)" 'BEGIN { exit !(got < 1.5) }' || say "$*: $(head -n 1 out.txt)"
    printf 'red fox sings\n\nwhite owl runs\n' >lines.txt
    runs 0 predict runs/t-001 lines.txt
    prints "lines.txt:0: SINGS FOX RED" "lines.txt:2: RUNS OWL WHITE"
}
says_it data.val_fraction=0.2
runs 0 predict runs/t-001 lines.txt --json
prints '{"file":"lines.txt:0","text":"SINGS FOX RED"}'
runs 0 show runs/t-001
prints "decoder1"
says_it data="{name: pairs, path: all.jsonl, source: en, target: xx, target_tokenizer: words, val_fraction: 0.2, test_fraction: 0.1, length: 6, target_length: 6}" train.accumulate=2
says_it data="{name: pairs, path: all.src, target_path: all.dst, target_tokenizer: words, val_fraction: 0.2, length: 6, target_length: 6}"
says_it data="{name: pairs, path: all.src, target_path: all.dst, target_tokenizer: words, val_path: all.src, val_target_path: all.dst, length: 6, target_length: 6}"

# Every tokenizer has the tokens that pairs need; batches by length, the same for any number of workers; a run goes on.
for kind in characters bpe unigram wordpiece words; do
    rm -rf runs
    runs 0 train r.yaml model.layers.0.embedding.rows=400 model.layers.3.transformer_decoder.rows=400 model.layers.4.linear=400 \
        data.tokenizer=$kind data.target_tokenizer=$kind data.length=40 data.target_length=40 data.val_fraction=0.2 train.epochs=1
done
for workers in 0 1 2 7; do
    rm -rf runs
    runs 0 train r.yaml data.tokenizer=characters model.layers.0.embedding.rows=60 data.length=30 data.val_fraction=0.2 data.bucket=2 \
        data.workers=$workers train.epochs=2
    grep -o '"\(val_\)\?loss":[^,}]*' runs/t-001/metrics.jsonl >"$workers.txt"
    cmp -s 0.txt "$workers.txt" || say "$workers workers give other batches"
done

# Odd ones: an empty side is left out, bytes that are no UTF-8, one long line, a single pair.
{
    cat all.src
    printf '\n\xff\xfe\n'
    head -c 100000 /dev/zero | tr '\0' 'x'
    echo
} >odd.src
{
    cat all.dst
    printf 'EMPTY\nBYTES\nLONG\n'
} >odd.dst
rm -rf runs
runs 0 train r.yaml data="{name: pairs, path: odd.src, target_path: odd.dst, target_tokenizer: words, bad: skip}" train.epochs=1
says "left out: odd.src:127:1: the byte 0xFF is not UTF-8" "2 pairs have an empty side"
head -n 1 all.tsv >one.tsv
rm -rf runs
runs 0 train r.yaml data.path=one.tsv train.batch=1 train.epochs=1

wrong() { # SENTENCE OVERRIDES...
    local sentence=$1
    shift
    rm -rf runs
    runs 1 train r.yaml "$@"
    says "$sentence"
}
: >empty.src
: >empty.dst
head -n 9 all.dst >short.dst
plain="{name: pairs, path: all.src, target_path: all.dst}"
wrong 'needs source and target' data="{name: pairs, path: all.tsv}"
wrong 'a key that is for columns' data="$plain" data.group=x
wrong 'lacks its counterpart' data="$plain" data.val_path=all.src
wrong 'without target_path' data.val_target_path=all.dst
wrong 'all.src has 125 lines and short.dst 9' data="{name: pairs, path: all.src, target_path: short.dst}"
wrong 'no pairs to train on' data="{name: pairs, path: empty.src, target_path: empty.dst}"
wrong 'data.source: the table has no column "column_9"' data.source=column_9
wrong 'data.target: the table has no column "column_9"' data.target=column_9
wrong 'needs the layer transformer_decoder' model="{layers: [{embedding: {rows: 40, units: 8}}, {linear: 40}]}"
wrong 'data of the kind pairs alone have' data="{name: corpus, path: all.src, tokenizer: words, length: 8}"
wrong 'has one decoder' model="{layers: [{embedding: {rows: 40, units: 8}}, {transformer_decoder: {rows: 40, heads: 2}}, {transformer_decoder: {rows: 40, heads: 2}}, {linear: 40}]}"
wrong "embedding: rows: 5 are too few for the source's tokenizer of the data, which has " model.layers.0.embedding.rows=5
wrong "transformer_decoder: rows: 6 are too few for the target's tokenizer of the data, which has " model.layers.3.transformer_decoder.rows=6
wrong 'make its last layer larger' model.layers.4.linear=10
wrong 'nosuch' data.path=nosuch.tsv
wrong 'leave nothing to train on' data="$plain" data.val_fraction=0.6 data.test_fraction=0.5
wrong 'nothing is left to train on' data="$plain" data.val_fraction=0.9999
finish
