#!/usr/bin/env bash
# test_predict_many.sh: tarn predict of all files of a folder or an archive: a line each with its name, those that are broken told and
# counted, whatever the model reads.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"

lines() { # N: so many lines were printed
    [ "$(wc -l <out.txt)" = "$1" ] || say "$1 lines are due, printed were: $(cat out.txt)"
}

# --- pictures: 8 x 8 pixels of one grey
picture() {
    mkdir -p "$(dirname "$1")"
    { echo "P2 8 8 255" && for _ in $(seq 64); do echo "$2"; done; } >"$1"
}
for i in 1 2 3 4 5 6; do
    picture "set/dark/$i.pgm" $((i * 8))
    picture "set/light/$i.pgm" $((250 - i * 8))
done
cat >pictures.yaml <<'YAML'
tarn: 1
model: {layers: [flatten, {linear: 2}]}
data: {name: pictures, path: set, channels: 1, shuffle: true}
train: {epochs: 12, batch: 4, lr: 0.02}
output: {report: false, plots: false}
YAML
runs 0 train pictures.yaml
mkdir -p new/more
cp set/dark/1.pgm new/b.pgm
cp set/light/1.pgm new/more/a.pgm
cp set/light/2.pgm new/c.PGM
echo "what this is" >new/README.txt
runs 0 predict runs/pictures-001 new
lines 3
prints "new/b.pgm: dark (" "new/c.PGM: light (" "new/more/a.pgm: light ("
says "new: 1 of its 4 files are none that the model reads"
cp out.txt plain.txt
runs 0 predict runs/pictures-001 new/b.pgm new/c.PGM new/more/a.pgm
cmp -s out.txt plain.txt || say "a folder's pictures are predicted otherwise than by themselves: $(cat out.txt)"
runs 0 predict runs/pictures-001 new --json
lines 3
is_json
prints '{"file":"new/more/a.pgm","label":"light"'
tar cf new.tar new
runs 0 predict runs/pictures-001 new.tar
sed 's|^new/|new.tar!new/|' plain.txt | cmp -s - out.txt || say "of an archive come: $(cat out.txt)"
if "$TARN" --version | grep -q zlib; then
    tar czf new.tar.gz new
    runs 0 predict runs/pictures-001 new.tar.gz
    lines 3
    prints "new.tar.gz!new/more/a.pgm: light ("
fi
# one that is cut, a link that leads nowhere: told, counted, and the status is not 0
echo "P2 8 8 255 1 2" >new/a.pgm
ln -s nowhere new/d.pgm
runs 1 predict runs/pictures-001 new set/dark/2.pgm
lines 4
says "new/a.pgm is a damaged PNM picture" "new/d.pgm" "new: 2 of 5 files could not be predicted"
prints "set/dark/2.pgm: dark ("
mkdir none && echo nothing >none/a.txt
runs 1 predict runs/pictures-001 none
says "none: none of its 1 files has a name that ends as those that the model reads"
runs 1 predict runs/pictures-001 nowhere.tar
says "nowhere.tar"
head -c 700 new.tar >cut.tar
runs 1 predict runs/pictures-001 cut.tar
says "cut.tar"

# --- masks lie in folders as their pictures do
if "$TARN" --version | grep -q libpng; then
    mkdir masks
    for i in 1 2 3 4 5 6; do picture masks/$i.pgm $((i % 2)) && picture maskset/$i.pgm $((i % 2 * 200)); done
    cat >masks.yaml <<'YAML'
tarn: 1
model: {layers: [{conv2d: {units: 2, kernel: 1}}, pixels]}
data: {name: masks, path: maskset, masks: masks, channels: 1, class_count: 2}
train: {epochs: 1, batch: 2}
output: {report: false, plots: false}
YAML
    runs 0 train masks.yaml
    rm -f new/a.pgm new/d.pgm
    cp set/dark/3.pgm new/more/b.pgm
    runs 0 predict runs/masks-001 new --to out
    prints "new/b.pgm: out/b.mask.png:" "new/more/b.pgm: out/more/b.mask.png:"
    if [ ! -s out/more/a.mask.png ] || [ ! -s out/c.mask.png ]; then
        say "masks of a folder are not where they should be: $(find out)"
    fi
    cp new/b.pgm new/b.ppm
    runs 1 predict runs/masks-001 new --to twice
    says "the mask of new/b.ppm would take the place of that of new/b.pgm" "new: 1 of 5 files could not be predicted"
    rm new/b.ppm
fi

# --- tables: the rows of each file
awk 'BEGIN { print "x,y"; for (i = 0; i < 60; i++) print i "," (i % 2 ? "yes" : "no") }' >t.csv
cat >table.yaml <<'YAML'
tarn: 1
model: {layers: [{linear: 2}]}
data: {name: table, path: t.csv, target: y}
train: {epochs: 1, batch: 16}
output: {report: false, plots: false}
YAML
runs 0 train table.yaml
mkdir tables
printf 'x\n1\n2\n' >tables/a.csv
printf '{"x": 3}\n' >tables/b.jsonl
printf 'z\n1\n' >tables/c.csv
runs 1 predict runs/table-001 tables
lines 3
prints "tables/a.csv:0: " "tables/a.csv:1: " "tables/b.jsonl: "
says "tables/c.csv" "tables: 1 of 3 files could not be predicted"

# --- sounds: 16 bits, one channel, 8000 a second
wav() { # FILE AMPLITUDE
    { printf 'RIFF\144\006\0\0WAVEfmt \020\0\0\0\001\0\001\0\100\037\0\0\200\076\0\0\002\0\020\0data\100\006\0\0' &&
        awk -v a="$2" 'BEGIN { for (i = 0; i < 800; i++) printf "%c%c", 65, (i % 8 < 4 ? a : 1) }'; } >"$1"
}
if "$TARN" --version | grep -q sndfile; then
    mkdir -p sounds/soft sounds/loud
    for i in 1 2 3 4; do wav sounds/soft/$i.wav $((i + 1)) && wav sounds/loud/$i.wav $((80 + i)); done
    cat >sound.yaml <<'YAML'
tarn: 1
model: {layers: [{linear: 2}]}
data: {name: sound, path: sounds, seconds: 0.1}
train: {epochs: 20, batch: 4, lr: 0.01}
output: {report: false, plots: false}
YAML
    runs 0 train sound.yaml
    tar cf sounds.tar sounds
    runs 0 predict runs/sound-001 sounds.tar
    lines 8
    prints "sounds.tar!sounds/soft/1.wav: soft (" "sounds.tar!sounds/loud/4.wav: loud ("
    head -c 20 sounds/soft/1.wav >sounds/soft/cut.wav
    runs 1 predict runs/sound-001 sounds --json
    lines 8
    is_json
    says "sounds/soft/cut.wav" "sounds: 1 of 9 files could not be predicted"
fi

# --- texts in folders: a file is one text, as in training
if "$TARN" --version | grep -q utf8proc; then
    mkdir -p texts/good texts/bad
    for i in 1 2 3 4 5 6; do
        printf 'a fine and\nwonderful day %s\n' $i >texts/good/$i.txt
        printf 'a foul and\nterrible day %s\n' $i >texts/bad/$i.txt
    done
    cat >texts.yaml <<'YAML'
tarn: 1
model: {layers: [{embedding: {rows: 400, units: 8}}, mean_steps, {linear: 2}]}
data: {name: text_folders, path: texts}
train: {epochs: 20, batch: 4, lr: 0.03}
output: {report: false, plots: false}
YAML
    runs 0 train texts.yaml
    runs 0 predict runs/texts-001 texts
    lines 12
    prints "texts/bad/1.txt: bad (" "texts/good/6.txt: good ("
    printf 'wonderful\377' >texts/good/7.txt
    runs 1 predict runs/texts-001 texts
    lines 12
    says "texts/good/7.txt" "is not UTF-8" "texts: 1 of 13 files could not be predicted"
fi
finish
