#!/usr/bin/env bash
# test_masks_boxes.sh: the kinds of data masks, boxes and shards in recipes, on pictures made here: training, figures, predictions,
# the same model for any number of workers and after a stop within an epoch, and what is said when something is wrong.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"
"$TARN" --version | grep -q libpng || skip "the pictures are PNG, which needs libpng"
draw=$(dirname "$TARN")/examples/draw_shapes
[ -x "$draw" ] || skip "there is no program $draw"
"$draw" shapes 24 32 || say "draw_shapes failed"

# same_model RECIPE NAME: by 0, 1, 2 and 7 workers; the first is in NAME0.
same_model() {
    local workers
    for workers in 0 1 2 7; do
        runs 0 train "$1.yaml" output.folder="$2$workers" data.workers="$workers" train.threads=1
        cmp -s "${2}0/$1-001/model.safetensors" "$2$workers/$1-001/model.safetensors" ||
            say "$1: $workers workers train another model"
    done
}
# goes_on RECIPE NAME SENTENCE: one sample is bad, so that the run fails within its first epoch; once `mend` was called it goes on as if
# nothing had been.
goes_on() {
    runs 1 train "$1.yaml" output.folder="$2s" train.threads=1 data.workers=2 train.checkpoint_every=1
    says "$3"
    [ -s "$2s/$1-001/last.safetensors" ] || say "$1: it failed before the first checkpoint"
    [ -s "$2s/$1-001/metrics.jsonl" ] && say "$1: it failed after the first epoch"
    mend
    runs 0 train --resume "$2s/$1-001"
    cmp -s "${2}0/$1-001/model.safetensors" "$2s/$1-001/model.safetensors" || say "$1: stopped and resumed, another model"
}

cat >masks.yaml <<'YAML'
tarn: 1
model:
  layers: [{conv2d: {units: 4, kernel: 3, padding: 1}}, relu, {conv2d: {units: 4, kernel: 1}}, pixels]
data:
  name: masks
  path: shapes
  under: train/images
  masks_under: masks/train
  val_under: val/images
  val_masks_under: masks/val
  classes: [ground, disc, square, triangle]
  transforms: [flip_horizontal, random_crop height=32 width=32 padding=2]
train: {epochs: 2, batch: 8, lr: 0.01, early_stopping: {metric: iou}}
YAML
runs 0 train masks.yaml output.folder=m
prints "mean IoU 0."
runs 0 eval m/masks-001
prints "mean IoU 0." "triangle"
runs 0 eval m/masks-001 --json
is_json
prints '"mean_iou":0.'
mkdir out
runs 0 predict m/masks-001 shapes/val/images/00001.png --to out
prints "shapes/val/images/00001.png: out/00001.mask.png: ground ("
runs 0 predict m/masks-001 shapes/val/images/00001.png --json
is_json
prints '"mask":"./00001.mask.png"'
cmp -s 00001.mask.png out/00001.mask.png || say "the mask is another one"
# What was predicted is a mask again, of the same size.
mkdir -p again/images again/masks && cp shapes/val/images/00001.png again/images && cp 00001.mask.png again/masks/00001.png
runs 0 eval m/masks-001 data.path=again data.val_under=images data.val_masks_under=masks data.under=images data.masks_under=masks
prints "accuracy 100.00%"
runs 1 predict m/masks-001 shapes/val/images/00001.png again/images/00001.png # one mask for two pictures
says "the mask of again/images/00001.png would take the place of that of shapes/val/images/00001.png"
runs 0 predict m/masks-001 shapes/val/images/00001.png --to made # the folder is made, but none above it
cmp -s 00001.mask.png made/00001.mask.png || say "the mask in the folder that was made is another one"
runs 1 predict m/masks-001 shapes/val/images/00001.png --to no/where
says "the folder no/where cannot be made"

same_model masks m
cp shapes/masks/train/00004.png good.png
mend() { mv good.png shapes/masks/train/00004.png; }
echo "no picture" >shapes/masks/train/00004.png
goes_on masks m "shapes/masks/train/00004.png"

runs 1 train masks.yaml data.classes=
says "needs classes, the names of the classes from 0, or class_count, how many there are; it has neither"
runs 1 train masks.yaml data.class_count=4
says "it has both"
runs 1 train masks.yaml data.masks_under=
says "needs masks or masks_under"
runs 1 train masks.yaml data.classes='[ground, disc]'
says "shapes/masks/train/" ".png: the mask has a pixel of class" "there are the classes 0 to 1"
if command -v tar >/dev/null; then
    tar cf shapes.tar -C shapes .
    runs 1 train masks.yaml data.path=shapes.tar data.classes='[ground, disc]'
    says "shapes.tar!masks/train/" ".png: the mask has a pixel of class"
fi
runs 1 train masks.yaml data.val_fraction=0.2
says "only one of them can say what is validated on"
runs 1 train masks.yaml train.early_stopping.metric=map
says "early stopping watches map, but there is no validation set with boxes"
sed 's/, pixels\]/]/' masks.yaml >wrong.yaml
runs 1 train wrong.yaml
says "end in the layer pixels"
sed 's/kernel: 3, padding: 1/kernel: 3/' masks.yaml >wrong.yaml
runs 1 train wrong.yaml
says "the data have a class for each of 1024 places, and the model scores for 900"
runs 1 train masks.yaml data.channels=2
says "channels 2; 1 is grey, 3 is colour"
cp shapes/masks/val/00004.png good4.png
rm shapes/masks/val/0000[34].png
runs 1 train masks.yaml
says "00003.png: there is no mask for this picture, and so it is with 1 other"
cp good4.png shapes/masks/val/00004.png
runs 1 train masks.yaml
says "there is no mask for this picture" "00003.png"
runs 0 train masks.yaml data.on_error=skip output.folder=nomask
says "left out of validation: sample 3: " "00003.png: there is no mask for this picture"
prints "and of validation 1  "

cat >boxes.yaml <<'YAML'
tarn: 1
model:
  layers:
    - conv2d: {units: 4, kernel: 3, padding: 1}
    - relu
    - max_pool2d: {kernel: 4, name: fine}
    - max_pool2d: 2
    - boxes: {from: [fine, coarse]}
data:
  name: boxes
  path: shapes
  under: train
  val_under: val
  height: 32
  width: 32
  classes: [disc, square, triangle]
  transforms: [mosaic height=32 width=32 probability=0.5, flip_horizontal]
train: {loss: boxes, epochs: 2, batch: 8, lr: 0.01, early_stopping: {metric: map}}
output: {report: true}
YAML
sed -i 's/max_pool2d: 2$/max_pool2d: {kernel: 2, name: coarse}/' boxes.yaml
same_model boxes b
prints "mAP@0.5 0."
runs 0 eval b0/boxes-001
prints "mAP@0.5 0." "mAP@0.5:0.95 0."
runs 0 eval b0/boxes-001 --json
is_json
prints '"map50":0' # two epochs find little, by some seeds nothing
runs 0 predict b0/boxes-001 shapes/val/images/00001.png
prints "00001.png:"
runs 0 predict b0/boxes-001 shapes/val/images/00001.png --json
is_json
prints '"boxes":['

runs 1 train boxes.yaml train.loss=cross_entropy train.early_stopping.metric=loss
says "the data have boxes; the loss for them is boxes"
runs 1 train boxes.yaml train.loss=mse train.early_stopping.metric=loss
says "this loss takes numbers. Use boxes"
runs 1 train boxes.yaml data.format=coco
says "the format coco needs annotations"
runs 1 train boxes.yaml data.annotations=a.json
says "'data' has annotations, which only the format coco has"
runs 1 train boxes.yaml data.classes='[disc, square]'
says ".txt:" " is not a class; classes are 0 to 1"
runs 1 train masks.yaml train.loss=boxes data.val_under= data.val_masks_under= train.early_stopping.metric=loss
says "the loss boxes needs data with boxes"
sed 's/- boxes: .*/- flatten/' boxes.yaml >wrong.yaml
runs 1 train wrong.yaml
says "needs a model that ends in the layer boxes"
sed 's/\[fine, coarse\]/[fine, none]/' boxes.yaml >wrong.yaml
runs 1 train wrong.yaml
says "no layer before this one has the name 'none'"
echo "0 0.5 much 0.1 0.1" >shapes/train/labels/00002.txt
runs 1 train boxes.yaml
says 'labels/00002.txt:1: "much" is no number'
echo "0 0.5 0.5 1.9 0.1" >shapes/train/labels/00003.txt
runs 0 train boxes.yaml data.on_error=skip output.folder=nobox 'data.transforms=[flip_horizontal]'
says 'labels/00002.txt:1: "much" is no number' "labels/00003.txt:1: a box of 1.9 x 0.1; its sides are parts"
prints "  left out 2  "

# COCO: the same pictures for both parts, a file for each; names and numbers are the file's.
if "$TARN" --version | grep -q jansson; then
    for k in a b; do
        cat >"$k.json" <<'JSON'
{"images": [{"id": 1, "file_name": "00000.png"}, {"id": 2, "file_name": "00001.png"}],
 "categories": [{"id": 5, "name": "thing"}],
 "annotations": [{"image_id": 1, "category_id": 5, "bbox": [2, 3, 10, 12]}]}
JSON
    done
    sed 's/classes: .*/format: coco/; s/under: .*//; s/val_//; s/path: shapes/path: shapes\/val\/images/' boxes.yaml >coco.yaml
    runs 0 train coco.yaml data.annotations=a.json data.val_annotations=b.json train.batch=2 output.folder=c
    prints "mAP@0.5 0."
    runs 1 train coco.yaml data.annotations=none.json
    says "none.json"
    sed 's/0000/gone/g; s/{"id": 2,/{"id": 3, "file_name": "here.png"}, {"id": 2,/' a.json >gone.json
    runs 1 train coco.yaml data.annotations=gone.json
    says 'gone.json: there is no picture "gone0.png", and so it is with 2 others'
    mkdir -p told/val/images && cp shapes/val/images/0000[01].png told/val/images && cp a.json told && cp gone.json told
    runs 0 data check told
    prints "cannot be read: 1" 'gone.json: there is no picture "gone0.png" (3 of its 3 pictures are not there)'
fi
if "$TARN" --version | grep -q expat; then
    mkdir -p voc/JPEGImages voc/Annotations
    for k in 0 1; do
        cp "shapes/val/images/0000$k.png" voc/JPEGImages
        echo "<annotation><object><name>thing</name><bndbox><xmin>3</xmin><ymin>3</ymin><xmax>20</xmax><ymax>20</ymax>" \
            "</bndbox></object></annotation>" >"voc/Annotations/0000$k.xml"
    done
    sed 's/classes: .*/format: voc/; s/under: .*//; s/val_//; s/path: shapes/path: voc/' boxes.yaml >voc.yaml
    runs 0 train voc.yaml data.val_path=voc train.batch=2 output.folder=v
    prints "mAP@0.5 0."
fi

# Shards
if command -v tar >/dev/null; then
    mkdir s && for i in 0 1 2 3 4 5 6 7; do
        cp shapes/train/images/0000$i.png s && echo $((i % 2)) >s/0000$i.cls
    done
    tar cf one.tar -C s 00000.png 00000.cls 00001.png 00001.cls 00002.png 00002.cls 00003.png 00003.cls
    tar cf two.tar -C s 00004.png 00004.cls 00005.png 00005.cls
    tar cf val.tar -C s 00006.png 00006.cls 00007.png 00007.cls
    cat >shards.yaml <<'YAML'
tarn: 1
model: {layers: [flatten, linear: 2]}
data:
  name: shards
  paths: [one.tar, two.tar]
  val_paths: val.tar
  transforms: [flip_horizontal]
train: {epochs: 1, batch: 2}
YAML
    runs 0 train shards.yaml output.folder=s
    prints "on 2 validation samples"
    same_model shards t
    cp one.tar good.tar && mkdir cut && cp s/*.png s/*.cls cut && echo "no picture" >cut/00001.png
    tar cf one.tar -C cut 00000.png 00000.cls 00001.png 00001.cls 00002.png 00002.cls 00003.png 00003.cls
    mend() { mv good.tar one.tar; }
    goes_on shards t "one.tar!00001.png"
    runs 0 train shards.yaml data.val_paths= data.val_fraction=0.5 data.mixup=0.2 output.folder=s
    prints "on 2 validation samples"
    (mkdir -p elsewhere && cd elsewhere && runs 0 eval ../s/shards-001 && prints "2 samples" && exit "$bad") || bad=1
    runs 0 train shards.yaml data.classes='[zero, one]' output.folder=s
    runs 0 predict s/shards-003 shapes/val/images/00001.png
    prints "zero ("
    runs 1 train shards.yaml data.paths='[one.tar, three.tar]'
    says "three.tar"
    echo "many" >s/00004.cls && tar cf two.tar -C s 00004.png 00004.cls
    runs 1 train shards.yaml
    says 'two.tar!00004.cls: the label "many" is not a'
    runs 1 train shards.yaml data.val_fraction=0.2
    says "only one of them can say what is validated on"
fi
finish
