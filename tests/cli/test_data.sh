#!/usr/bin/env bash
# test_data.sh: tarn data: a folder with everything that can be wrong, checked; sets fetched from mirrors.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"

# ppm FILE SEED: a picture of 16 x 12, as plain text.
ppm() {
    local i
    {
        echo "P3 16 12 255"
        for ((i = 0; i < 16 * 12 * 3; i++)); do echo $(((i * i * $2 + 7 * i + $2) % 256)); done
    } >"$1"
}

# --- pictures: a cut one, an equal one in another part, one in two classes, a class without pictures
mkdir -p set/train/cat set/train/dog set/train/cow set/test/cat set/test/dog
for i in 1 2 3; do
    ppm set/train/cat/$i.ppm $i
    ppm set/train/dog/$i.ppm $((10 + i))
done
ppm set/test/dog/1.ppm 31
cp set/train/cat/1.ppm set/test/cat/1.ppm
cp set/train/cat/2.ppm set/train/dog/4.ppm
head -c 300 set/train/cat/3.ppm >set/train/cat/cut.ppm
echo notes >set/README
runs 0 data check set
prints "pictures       9 (train 7, test 2)" "classes: 3" "cannot be read: 1" "set/train/cat/cut.ppm: " \
    "in two parts (leaks): 1" "set/train/cat/1.ppm  =  set/test/cat/1.ppm" "in two classes: 1" "equal to an earlier one: 2" \
    'the class "cow" has no sample' "1 files that are no samples" "width          16 to 16"
runs 0 data check set --json
is_json
prints '"total":1,"files":[{"path":"set/train/cat/cut.ppm"'
runs 0 data check set --html page.html
grep -q 'data:image/png' page.html || say "the page has no pictures"
[ "$(grep -c 'class="histogram"' page.html)" = 3 ] || say "the page has no histogram of each channel"
grep -q 'cut.ppm' page.html || say "the page does not name the cut picture"
(cd set && tar cf ../set.tar train test)
runs 0 data check set.tar
prints "pictures       9 (train 7, test 2)" "set.tar!train/cat/cut.ppm"

mkdir shards
mv set.tar shards/
head -c 700 shards/set.tar >shards/broken.tar
runs 0 data check shards
prints "pictures       9 (train 7, test 2)" "cannot be read: 2" "shards/broken.tar: "

# a name that would break the line and steer the terminal
mkdir -p steer/a
head -c 300 set/train/cat/1.ppm >steer/a/$'one\ntwo\e[31m.ppm'
cp set/train/cat/1.ppm steer/a
runs 0 data check steer
prints "pictures       1" "cannot be read: 1" "steer/a/one?two?[31m.ppm: is a damaged"

# a JPEG that ends in the middle, if there is one
jpeg=${TARN_DATA:-$SRC/../shared/data}/yolo/dog.jpg
if [ -r "$jpeg" ] && [[ $("$TARN" --version) == *jpeg* ]]; then
    mkdir -p photos/a
    cp "$jpeg" photos/a/whole.jpg
    head -c 50000 "$jpeg" >photos/a/cut.jpg
    runs 0 data check photos
    prints "cannot be read: 1" "photos/a/cut.jpg: "
else
    echo "test_data.sh: no JPEG to cut, or no libjpeg: that part is left out" >&2
fi

# --- tables, texts
mkdir tables
printf 'age,label\n30,1\n40,0\n30,1\n50,1,9\n' >tables/train.csv
printf 'age,label\n40,0\n60,1\n' >tables/test.csv
runs 0 data check tables
prints "rows of tables 5 (train 3, test 2)" "in two parts (leaks): 1" "cannot be read: 1" "train.csv" "classes: 2"
runs 0 data check tables --json
is_json
prints '"name":"age","type":"integer","count":3,"missing":0,"distinct":2,' '"bins":[2,0,0,0,0,0,0,0,0,0,1]'
runs 0 data check tables --html page.html
[ "$(grep -c 'class="histogram"' page.html)" = 4 ] || say "the page has no histogram of each column"
grep -q '<title>30: 2</title>' page.html || say "the page does not say what a bar is"
printf 'one\ntwo\none\n\377\n' >words.txt
runs 0 data check words.txt
prints "lines of text  3" "words.txt:4: this line is not UTF-8" "equal to an earlier one: 1"
printf '\0\0\010\001\0\0\0\003\001\002\001' >train-labels-idx1-ubyte
runs 0 data check train-labels-idx1-ubyte
prints "classes: 2"

cp train-labels-idx1-ubyte labels.idx1
runs 0 data check labels.idx1
prints "classes: 2"

# --- boxes: YOLO's in folders side by side and beside the pictures, VOC's and COCO's; captions are none
mkdir -p yolo/images/train yolo/labels/train
ppm yolo/images/train/1.ppm 5
echo "0 0.5 0.5 0.2 0.2" >yolo/labels/train/1.txt
runs 0 data check yolo
prints "pictures       1 (train 1)" "boxes          1 (train 1)" "width of a box 3.2 to 3.2" "  0                     train 1"
grep -q "^  images\|^  labels" out.txt && say "folders of boxes are taken for classes: $(cat out.txt)"
mkdir beside
for i in 1 2 3 4; do ppm beside/$i.ppm $i; done
echo "0 0.5 0.5 0.2 0.2" >beside/1.txt
printf '1 0.9 0.5 0.5 0.5\n0 0.1 0.1 0.1 0\n' >beside/2.txt
printf '0 0.5 0.5 0.1 0.1\n0 0.5 x\n' >beside/3.txt
printf 'cat\ndog\nfox\n' >beside/classes.txt
runs 0 data check beside
prints "boxes          3" "boxes of a picture 1 to 2" "  cat                   2" "  dog                   1" "cannot be read: 1" \
    'beside/3.txt:2: "x" is no number' "outside of their picture, or have no area: 2" \
    "beside/2.txt: box 1 (dog), from 10.4, 3 to 18.4, 9, reaches out of its picture of 16 x 12" \
    "beside/2.txt: box 2 (cat) has no area" "of 1 picture no boxes are told: 4.ppm"
grep -q "lines of text" out.txt && say "boxes are lines of text: $(cat out.txt)"
runs 0 data check beside --json
is_json
prints '"outside":{"total":2,"boxes":[{"path":"beside/2.txt"' '"boxes":{"none":3'
runs 0 data check beside --html page.html
grep -q 'reaches out of its picture' page.html || say "the page does not name the box that is outside"
mkdir captions
ppm captions/1.ppm 1
echo "a cat on a mat" >captions/1.txt
runs 0 data check captions
prints "lines of text  1"
if "$TARN" --version | grep -q jansson; then
    mkdir -p coco/train2017 coco/annotations
    for i in 1 2 3; do ppm coco/train2017/$i.ppm $i; done
    cat >coco/annotations/instances_train2017.json <<'JSON'
{"images": [{"id": 1, "file_name": "1.ppm"}, {"id": 2, "file_name": "2.ppm"}],
 "categories": [{"id": 1, "name": "cat"}, {"id": 7, "name": "dog"}],
 "annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 1, 5, 5]}, {"image_id": 2, "category_id": 7, "bbox": [10, 1, 9, 5]}]}
JSON
    tar cf coco.tar coco
    for set in coco coco.tar; do
        runs 0 data check $set
        prints "pictures       3 (train 3)" "boxes          2 (train 2)" "  dog                   train 2" 'the class "cat" has no sample' \
            "train2017/2.ppm: box 1 (dog), from 10, 1 to 19, 6, reaches out" "of 1 picture no boxes are told: "
    done
    echo '{"images": [{"id": 1}], "annotations": [], "categories": []}' >coco/annotations/more.json
    runs 0 data check coco
    prints "coco/annotations/more.json: " "boxes          2 (train 2)"
fi
if "$TARN" --version | grep -q expat; then
    mkdir -p voc/JPEGImages voc/Annotations
    for i in 1 2; do ppm voc/JPEGImages/$i.ppm $i; done
    echo '<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>40</xmax><ymax>12</ymax></bndbox>' \
        '</object></annotation>' >voc/Annotations/1.xml
    echo '<annotation><object>' >voc/Annotations/2.xml
    echo '<annotation/>' >voc/Annotations/3.xml
    runs 0 data check voc
    prints "  cat                   1" "voc/Annotations/1.xml: box 1 (cat), from 0, 0 to 40, 12, reaches out" \
        "voc/Annotations/2.xml:2: this is not XML" "1 file of boxes belongs to no picture: Annotations/3.xml"
fi

# --- CIFAR's binary form: records of a class and 3072 bytes; one that is cut, one of a class that is not there, one in both parts
record() { # CLASS SEED
    # shellcheck disable=SC2059
    printf "\\$(printf %03o "$1")"
    awk -v s="$2" 'BEGIN { for (i = 0; i < 3072; i++) printf "%c", (i * i * s + 7 * i) % 94 + 33 }'
}
mkdir cifar
{ record 0 1 && record 1 2 && record 1 3; } >cifar/data_batch_1.bin
{ record 1 2 && record 11 4 && echo x; } >cifar/test_batch.bin
printf 'airplane\nautomobile\nbird\n\n' >cifar/batches.meta.txt
runs 0 data check cifar
prints "pictures       4 (train 3, test 1)" "  automobile            train 2  test 1" "width          32 to 32" "in two parts (leaks): 1" \
    "cifar/test_batch.bin: picture 0  =  cifar/data_batch_1.bin: picture 1" "cifar/test_batch.bin: picture 1 has the class 11; there are 10" \
    "are not a whole number of records of 3073: is it cut off?" "  red                      channel"

# --- lines of the same words; rows that are equal but for their class
printf 'A cat, on a mat.\na cat on a mat\na cat on a\n...\n' >near.txt
runs 0 data check near.txt
prints "look alike: 1" "near.txt: line 2  =  near.txt: line 1"
printf 'a,b,label\n1,2,x\n1,2,y\n3,4,x\n3,4,x\n' >clash.csv
runs 0 data check clash.csv
prints "in two classes: 1" "clash.csv: row 2  =  clash.csv: row 1" "equal to an earlier one: 1"

mkdir -p texts/train/pos texts/train/neg
printf 'good\nfilm\n' | tee texts/train/pos/1.txt >texts/train/neg/1.txt
echo bad >texts/train/neg/2.txt
printf '\377' >texts/train/neg/3.txt
runs 0 data check texts
prints "texts          3 (train 3)" "classes: 2" "in two classes: 1" "cannot be read: 1" "bytes of a text 4 to 10"
grep -q "notes" out.txt && say "texts of classes are noted one by one: $(cat out.txt)"

# --- what is refused
mkdir empty
runs 1 data check empty
runs 1 data check nowhere
runs 2 data
says "usage: tarn data"
runs 2 data check
runs 1 data info nothing
says "nothing" "tarn data list"

# --- known sets
runs 0 data list
prints mnist cifar10 tinyshakespeare credit-default
runs 0 data info cora
prints "licence" "not verified"
unset TARN_DATA
runs 1 data get tinyshakespeare
says "TARN_DATA"

# --- fetching from a mirror: a wrong file is not kept
mkdir -p mirror/text
echo "to be" >mirror/text/tinyshakespeare.txt
runs 1 data get tinyshakespeare --from mirror --to got
says "checksum is wrong"
[ -z "$(ls got/text)" ] || say "a wrong file was left: $(ls got/text)"
runs 1 data get etth1 --from mirror --to got
says "has no ETTh1.csv"
# of a set without checksums all is taken, and that is said; what is there already stays; what was begun is gone on with
mkdir -p mirror/cora
seq 1 30000 >mirror/cora/cora.tgz
mkdir -p got/cora
head -c 40000 mirror/cora/cora.tgz >got/cora/cora.tgz.part
runs 0 data get cora --from "file:$PWD/mirror" --to got
prints "not verified" "licence"
cmp -s mirror/cora/cora.tgz got/cora/cora.tgz || say "what was gone on with differs"
[ ! -e got/cora/cora.tgz.part ] || say "the part was left"
runs 0 data get cora --from mirror --to got
prints "there already"

# --- archives may be unpacked beside: what is above the folder stays where it is, a broken archive is told and leaves what was there
if "$TARN" --version | grep -q zlib; then
    mkdir -p set/cora/deep && echo nodes >set/cora/cora.content && seq 1 5000 >set/cora/deep/cora.cites && echo out >outside
    tar -C set -P -czf packed.tgz cora ../outside
    mkdir -p tgz && cp packed.tgz tgz/cora.tgz
    runs 0 data get cora --from tgz --to new --unpack
    prints "new/cora/cora.tgz: 2 files unpacked"
    cmp -s set/cora/cora.content new/cora/cora/cora.content || say "an unpacked file differs"
    cmp -s set/cora/deep/cora.cites new/cora/cora/deep/cora.cites || say "an unpacked file below another folder differs"
    find new -name '*.part' -o -name outside | grep . && say "there is more than what was packed"
    runs 0 data get cora --from tgz --to new --unpack
    prints "there already" "2 files unpacked"
    head -c 100 packed.tgz >tgz/cora.tgz
    runs 1 data get cora --from tgz --to broken --unpack
    says "cora.tgz"
    runs 0 data get cora --from mirror --to plain
    [ "$(ls plain/cora)" = cora.tgz ] || say "an archive was unpacked unasked"
fi

# --- every listed set, from a folder and from a file: address: files that are not the right ones are refused, or told as not verified
"$TARN" data list >list.txt
while read -r name _; do
    runs 0 data info "$name"
    prints home licence folder
    sed -n '/^or, from a mirror/q; /^folder/,$p' out.txt | grep -E '^[^ ]+$' >files.txt
    [ -s files.txt ] || say "$name has no files"
    folder=$(awk '$1 == "folder" { print $2 }' out.txt)
    mkdir -p "all/$folder"
    while read -r file; do echo "not $file" >"all/$folder/$file"; done <files.txt
    for from in all "file:$PWD/all"; do
        rm -rf taken && mkdir taken
        got=0
        "$TARN" data get "$name" --from "$from" --to taken >out.txt 2>err.txt </dev/null || got=$?
        if [ "$got" = 0 ]; then
            prints "not verified"
        else
            says "checksum is wrong"
        fi
        [ -z "$(find taken -name '*.part')" ] || say "$name: a part was left"
    done
done <list.txt
# nobody answers
runs 1 data get cora --from http://127.0.0.1:9/none --to taken
runs 1 data get cora --from http://127.0.0.1:9/none// --to taken
grep -qF "none//" err.txt && say "the address has two slashes: $(cat err.txt)"
grep -qiE "connect|Debian package libcurl4" err.txt || say "no word about the network: $(cat err.txt)"

# --- sets by name
TARN_DATA=$PWD/got runs 0 data check set:cora
prints "got/cora/cora.tgz: 1 files"
TARN_DATA=$PWD/got runs 1 data check set:cifar10
says "tarn data get cifar10"
runs 1 data check set:cora
says "TARN_DATA"
by_recipes() {
tiny_recipe
TARN_DATA=$PWD/got runs 1 train tiny.yaml data.name=mnist data.folder=set:nothing
says "no known set 'nothing'"
TARN_DATA=$PWD/got runs 1 train tiny.yaml data.name=mnist data.folder=set:mnist
says "mnist" "tarn data get mnist"

# In recipes too, in lists too; the run folder has the places.
mkdir -p known/text known/mnist sub
for _ in $(seq 200); do echo "to be or not to be, that is the question"; done >known/text/tinyshakespeare.txt
cat >sub/corpus.yaml <<'YAML'
tarn: 1
model: {layers: [{embedding: {rows: 40, units: 8}}, {gru: {units: 8, steps: true}}, {linear: 40}]}
data: {name: corpus, path: "set:tinyshakespeare", tokenizer: characters, length: 8, val_fraction: 0.2}
train: {epochs: 1, batch: 16}
YAML
runs 1 train sub/corpus.yaml
says "set:tinyshakespeare is looked for in the folder that the variable TARN_DATA names"
TARN_DATA=known runs 0 train sub/corpus.yaml output.folder=k
grep -qF "path: $PWD/known/text/tinyshakespeare.txt" k/corpus-001/recipe.yaml || say "the run's recipe has no place"
runs 0 eval k/corpus-001
TARN_DATA=known runs 0 show sub/corpus.yaml
TARN_DATA=known runs 0 train sub/corpus.yaml data.path=set:tinyshakespeare/tinyshakespeare.txt output.folder=k
cat >sub/shards.yaml <<'YAML'
tarn: 1
model: {layers: [flatten, linear: 2]}
data: {name: shards, paths: ["set:mnist/none.tar"]}
YAML
TARN_DATA=known runs 1 train sub/shards.yaml
says "known/mnist/none.tar is not there; \`tarn data get mnist\` fetches it"
}
if "$TARN" --version | grep -q libyaml; then by_recipes; else echo "test_data.sh: no libyaml: recipes are left out" >&2; fi

real=$SRC/../shared/data
if [ -r "$real/text/tinyshakespeare.txt" ]; then
    mkdir -p got/text
    head -c 500000 "$real/text/tinyshakespeare.txt" >got/text/tinyshakespeare.txt.part
    TARN_DATA=$PWD/got runs 0 data get tinyshakespeare --from "$real"
    prints ": verified"
    TARN_DATA=$PWD/got runs 0 data get sst2 --from "file://$(cd "$real" && pwd)"
    prints "train.tsv: verified"
    runs 0 data check got/sst2
    prints "rows of tables 9613"
    TARN_DATA=$PWD/got runs 0 data get eng-cmn --from "$real"
    prints "cmn.txt.gz: verified"
    if "$TARN" --version | grep -q zlib; then
        TARN_DATA=$real runs 0 data check set:eng-cmn
    else
        TARN_DATA=$real runs 1 data check set:eng-cmn
        says "cmn.txt.gz is packed with gzip, and this build is without zlib"
    fi
else
    echo "test_data.sh: no data pack: real sets are left out" >&2
fi
finish
