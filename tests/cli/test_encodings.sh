#!/usr/bin/env bash
# test_encodings.sh: texts in files that are packed, in UTF-16, in no encoding or no texts at all: what training reads is text, or a sentence
# says what it is.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"

# ASCII as UTF-16, little-endian without a mark.
utf16() { tr '\n' '|' | sed 's/./&\x00/g' | tr '|' '\n'; }
marked() {
    printf '\377\376'
    utf16
}
history() { # the losses of the one run there is, which goes
    grep -ohE '"(val_)?loss":[^,]*' runs/*/metrics.jsonl
    rm -rf runs
}
same() { # WHAT: the run's history is that of want.jsonl
    history | cmp -s - want.jsonl || say "$1: trained to other figures"
}
keep() {
    history >want.jsonl
}

for _ in $(seq 30); do echo "the big dog runs over the small hill and sleeps"; done >plain.txt
cat >r.yaml <<'YAML'
tarn: 1
name: t
model: {layers: [{embedding: {rows: 300, units: 8}}, {lstm: {units: 8, steps: true}}, {linear: 300}]}
data: {name: corpus, path: plain.txt, length: 16, val_fraction: 0.2}
train: {epochs: 1, batch: 8}
output: {folder: runs, report: false, plots: false}
YAML

# A corpus.
runs 0 train r.yaml
keep
marked <plain.txt >wide.txt
utf16 <plain.txt >bare.txt
{
    printf '\357\273\277'
    cat plain.txt
} >mark.txt
for file in wide bare mark; do
    runs 0 train r.yaml data.path=$file.txt
    same "corpus, $file"
done
if "$TARN" --version | grep -q zlib; then
    gzip -c wide.txt >packed.txt
    runs 0 train r.yaml data.path=packed.txt
    same "corpus, packed"
    head -c 60 packed.txt >cut.gz
    runs 1 train r.yaml data.path=cut.gz
    says "cut.gz"
fi
sed '7s/dog/d\xf6g/' plain.txt >latin.txt
sed '7s/dog/d\x00g/' plain.txt >zero.txt
: >empty.txt
for tokenizer in characters bpe; do
    runs 1 train r.yaml data.path=latin.txt data.tokenizer=$tokenizer
    says "latin.txt:7:10: the byte 0xF6 is not UTF-8" "iconv -f LATIN1 -t UTF-8"
done
runs 1 train r.yaml data.path=zero.txt
says "zero.txt:7:10: the byte 0x00 is in no text"
runs 1 train r.yaml data.val_fraction= data.val_path=latin.txt
says "latin.txt:7:10:"
runs 1 train r.yaml data.path=empty.txt
says "empty.txt holds no text"
runs 1 train r.yaml data.path=.
says "."
{
    marked <plain.txt
    printf x
} >odd.txt
runs 1 train r.yaml data.path=odd.txt
says "odd.txt: in UTF-16 the number of bytes is even"
runs 1 tokenize --train bpe out.json latin.txt
says "latin.txt:7:10:"
runs 0 tokenize --train words want.json plain.txt
runs 0 tokenize --train words got.json wide.txt
cmp -s want.json got.json || say "UTF-16 gives another tokenizer"

# Texts in folders by class: some may be left out, by name.
for i in 1 2 3 4 5 6; do
    mkdir -p set/a set/b
    sed -n "${i}p" plain.txt >set/a/$i.txt
    echo "a cat $i sits here" >set/b/$i.txt
done
texts="data={name: text_folders, path: set, val_fraction: 0.3}"
model="model={layers: [{embedding: {rows: 40, units: 8}}, {lstm: 8}, {linear: 2}]}"
runs 0 train r.yaml "$texts" "$model"
keep
marked <set/a/3.txt >wide.txt && mv wide.txt set/a/3.txt
if "$TARN" --version | grep -q zlib; then
    gzip set/b/2.txt
fi
runs 0 train r.yaml "$texts" "$model"
same "folders, UTF-16 and packed"
printf 'b\xf6se\n' >set/b/7.txt
runs 1 train r.yaml "$texts" "$model"
says "set/b/7.txt:1:2: the byte 0xF6 is not UTF-8"
runs 0 train r.yaml "$texts" "$model" data.on_error=skip
says "left out: set/b/7.txt:1:2: the byte 0xF6 is not UTF-8" "1 of 13 texts cannot be read and are left out"
same "folders, one left out"
runs 0 data check set
prints "set/b/7.txt:1:2: the byte 0xF6 is not UTF-8" "cannot be read: 1"
runs 1 predict runs/none set/b/7.txt

# Lines of two files.
seq -f 'w%g here' 40 >from.txt
seq -f 'v%g' 40 >to.txt
lines="data={name: pairs, path: from.txt, target_path: to.txt, target_tokenizer: words, length: 8, target_length: 8, val_fraction: 0.2}"
model="model={layers: [{embedding: {rows: 80, units: 8}}, {transformer_decoder: {rows: 80, heads: 2, layers: 1, feed_forward: 8}}, {linear: 80}]}"
runs 0 train r.yaml "$lines" "$model"
keep
marked <to.txt >wide.txt
runs 0 train r.yaml "$lines" "$model" data.target_path=wide.txt
same "pairs, UTF-16"
sed '9s/v/\xe4/' to.txt >latin.txt
runs 1 train r.yaml "$lines" "$model" data.target_path=latin.txt
says "latin.txt:9:1: the byte 0xE4 is not UTF-8"
runs 0 train r.yaml "$lines" "$model" data.target_path=latin.txt data.encoding=latin1
runs 0 train r.yaml "$lines" "$model" data.target_path=latin.txt data.on_error=skip
says "left out: latin.txt:9:1: the byte 0xE4 is not UTF-8" "1 pairs have an empty side and are left out"
sed '9s/here/\x00/' from.txt >zero.txt
runs 1 train r.yaml "$lines" "$model" data.path=zero.txt
says "zero.txt:9:4: the byte 0x00 is in no text"
finish
