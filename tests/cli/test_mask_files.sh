#!/usr/bin/env bash
# test_mask_files.sh: masks in every form they come in, and in forms that are none: what data check counts of them and says, and that
# training says the same of each by its name, or leaves it out with on_error: skip. The mask is 0 1 2 0, 1 1 2 2, 0 0 0 0: half of the
# pixels are of class 0, a quarter of 1 and of 2.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libpng || skip "masks are PNG, which needs libpng"

# put NAME MASK: a picture of 4 x 3 and its mask, from base64.
put() {
    printf 'P3 4 3 255 %s\n' "$(seq -s ' ' $((++count)) $((count + 35)))" >"set/train/images/${1%.*}.ppm"
    base64 -d >"set/masks/train/$1" <<<"$2"
}
count=0
mkdir -p set/train/images set/masks/train
PNG=iVBORw0KGgoAAAANSUhEUgAAAAQAAAAD # the beginning of each
plain=${PNG}CAAAAACRn/EaAAAAFklEQVR4nAXBAQEAAACCIOz/6ICmBBwATgAHXROETgAAAABJRU5ErkJggg==
put grey.png $plain
put deep.png ${PNG}EAAAAADBDy1ZAAAAGUlEQVR4nEXBsQEAAAjDIOL/R3cUIEdC3gAAigAHzvfUJAAAAABJRU5ErkJggg==
put palette.png ${PNG}AgMAAADJmkZVAAAACVBMVEX/AAAA/wAAAP8tSs2KAAAADklEQVR4nGOQYHJiYAAAAUwAXZw+4aAAAAAASUVORK5CYII=
put opaque.png ${PNG}CAQAAAAe/WZNAAAAGklEQVR4nAXBgQEAAATAoOb/m1G5ZE1g5IAHNHADBrPaHR8AAAAASUVORK5CYII=
put three.png ${PNG}CAIAAAA7ljmRAAAAGUlEQVR4nGNgYGBgZGRkYmKCMBghFAMaAAAB3wARv02AnAAAAABJRU5ErkJggg==
put entries.bmp Qk1OAAAAAAAAAEIAAAAoAAAABAAAAAMAAAABAAgAAAAAAAwAAADEDgAAxA4AAAMAAAADAAAAAAD/AAD/AAD/AAAAAAAAAAEBAgIAAQIA
put text.pgm ""
echo "P2 4 3 2  0 1 2 0  1 1 2 2  0 0 0 0" >set/masks/train/text.pgm # 2 is white, and stays 2
shares() {
    prints "    0                       50.000% of pixels" "    1                       25.000% of pixels" "    2                       25.000% of pixels"
}
runs 0 data check set
prints "pictures       7 (train 7)" "masks          7 (train 7)" "classes of a mask 3 to 3"
shares
grep -q "cannot be read\|^notes\|^classes: " out.txt && say "good masks are not good: $(cat out.txt)"
runs 0 data check set --html page.html
grep -q "Classes of masks" page.html || say "the page has no classes of masks"
tar cf set.tar set
runs 0 data check set.tar
shares

# What is none, or does not belong.
cp -r set bad
mv set good && mv bad set
put wide.png ${PNG}EAAAAADBDy1ZAAAAGklEQVR4nGNg1GFgZGBiYGBkYGRgYGBkQAAABPAANKEhyx4AAAAASUVORK5CYII=
put clear.png ${PNG}CAQAAAAe/WZNAAAAGklEQVR4nAXBgQEAAATAoOb/m1G5ZE3EyAEPNH4DBw3FNqEAAAAASUVORK5CYII=
put coloured.png ${PNG}CAIAAAA7ljmRAAAAIElEQVR4nEXHoQEAAAjDsHaPc/oQCOICoCYBok4L3N8CNd4CklsyNXUAAAAASUVORK5CYII=
put lossy.jpg /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAADAAQBAREA
put big.pgm ""
echo "P2 4 3 1000  0 1 2 0  1 1 2 2  0 0 0 256" >set/masks/train/big.pgm
put small.pgm ""
echo "P2 4 2 2  0 1 2 0  1 1 2 2" >set/masks/train/small.pgm
put cut.png $plain
head -c 50 good/masks/train/grey.png >set/masks/train/cut.png
put none.png ""
put twice.pgm ""
cp good/masks/train/grey.png set/masks/train/twice.png
cp good/masks/train/text.pgm set/masks/train/twice.pgm
put more.pgm ""
echo "P2 4 3 255  0 1 2 7  1 1 2 2  0 0 0 255" >set/masks/train/more.pgm
put away.pgm ""
rm set/masks/train/away.pgm
cp good/masks/train/grey.png set/masks/train/lost.png
none="no mask of class numbers, 0 to 255 in grey or as entries of a palette: "
runs 0 data check set
prints "cannot be read: 9" "train/wide.png: is ${none}it has the value 300" "train/clear.png: is ${none}pixels are transparent" \
    "train/coloured.png: is ${none}it is coloured (red 128, green 0, blue 0)" "train/lossy.jpg: is ${none}JPEG does not keep numbers" \
    "train/big.pgm: is ${none}it has the value 256" "train/small.pgm: this mask has 4 x 2 pixels, its picture 4 x 3" \
    "train/cut.png: is a damaged PNG" "train/none.png: " "train/twice.png: masks/train/twice.pgm is a mask of the same picture" \
    "1 picture has no mask: train/images/away.ppm" "1 mask belongs to no picture: masks/train/lost.png" \
    "  7                " "255 (does not count)" "class_count: 8"
runs 0 data check set --json
is_json
prints '"masks":{"none":0,"train":12' '{"class":255,"pixels":1,"masks":{"none":0,"train":1'
printf 'ground\ndisc\nsquare\nbird\n' >set/classes.txt
runs 0 data check set
prints "cannot be read: 10" "train/more.pgm: 1 pixel is of class 7; names are there of the classes 0 to 3" "no pixel has the class 3 (bird)"

mkdir -p two/images two/masks
cp good/train/images/grey.ppm two/images/1.ppm
echo "P1 4 3 0 0 1 1 0 0 1 1 0 0 0 0" >two/masks/1.pbm
runs 0 data check two
prints "    1                       33.333% of pixels"
echo "P2 4 3 255  0 0 0 0  255 255 255 255  0 0 0 0" >two/masks/1.pgm && rm two/masks/1.pbm
runs 0 data check two
prints "masks have one class and 255, which stands for pixels that do not count"

"$TARN" --version | grep -q libyaml || { echo "test_mask_files.sh: no libyaml: recipes are left out" >&2 && finish; }
cat >masks.yaml <<'YAML'
tarn: 1
model: {layers: [{conv2d: {units: 3, kernel: 3, padding: 1}}, pixels]}
data: {name: masks, path: set, under: train/images, masks_under: masks/train, class_count: 3, on_error: skip}
train: {epochs: 1, batch: 2}
YAML
runs 0 train masks.yaml data.path=good
grep -q "left out" out.txt && say "good masks are left out: $(cat err.txt)"
runs 0 train masks.yaml
prints "left out 11"
says "wide.png is ${none}it has the value 300" "clear.png is ${none}pixels" "coloured.png is ${none}it is" "lossy.jpg is ${none}JPEG" "big.pgm is ${none}it" \
    "small.pgm: this mask has 4 x 2 pixels, its picture 4 x 3" "cut.png is a damaged PNG" "none.png" \
    "twice.ppm: this picture has several masks: twice.pgm and twice.png" "more.pgm: the mask has a pixel of class 7" \
    "away.ppm: there is no mask for this picture"
# Each alone stops a run that may skip nothing, by its name.
for name in wide clear coloured lossy big small cut none twice more away; do
    rm -rf one && cp -r good one
    cp set/train/images/$name.ppm one/train/images
    for mask in set/masks/train/"$name".*; do
        if [ -e "$mask" ]; then cp "$mask" one/masks/train; fi
    done
    runs 1 train masks.yaml data.path=one data.on_error=
    says "one/" "/$name."
done
finish
