#!/usr/bin/env bash
# test_table_recipes.sh: recipes on small tables that are made here: how rows are cut, what is fitted, what is predicted, and the sentences
# for what is wrong.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
awk 'BEGIN {
    print "id,house,day,colour,size,kind,part,price"
    for (i = 0; i < 400; i++) {
        c = i % 3; s = (i * 37) % 100; k = c == 1 || s > 60 ? "yes" : "no"
        printf "%d,h%d,2020-%02d-%02d,%s,%s,%s,%s,%.2f\n", i, i / 10, 1 + i % 12, 1 + i % 28, c == 0 ? "red" : c == 1 ? "blue" : "", s % 10 ? s : "NA",
            k, i % 4 == 0 ? "test" : i % 4 == 1 ? "val" : "train", 3 * s + 100 * c }
}' >t.csv
cat >r.yaml <<'YAML'
tarn: 1
name: t
model: {layers: [{linear: 16}, relu, {linear: 2}]}
data: {name: table, path: t.csv, target: kind, drop: [id, part, price, house, day]}
train: {epochs: 12, batch: 20, optimizer: adam, lr: 0.02}
output: {folder: runs}
YAML
learns() { # GOAL OVERRIDES...: the validation accuracy
    local goal=$1
    shift
    rm -rf runs
    runs 0 train r.yaml "$@"
    awk -v got="$(sed -n 's/^best model: accuracy \([0-9.]*\)%.*/\1/p' out.txt)" -v goal="$goal" 'BEGIN { exit !(got >= goal) }' ||
        say "$*: not $goal%: $(tail -3 out.txt)"
}
learns 90 data.val_fraction=0.25
prints "on 99 validation samples"
learns 85 data.val_fraction=0.2 data.test_fraction=0.2 data.group=house data.balance=over
runs 0 eval runs/t-001
prints "80 samples"
learns 85 data.folds=4 data.fold=3 data.quantile=size
prints "on 99 validation samples"
learns 85 data.val_fraction=0.25 data.time=day data.log=size data.median=size data.indicator=size data.hash=colour data.buckets=4
learns 85 data.split=part
prints "on 100 validation samples"
printf 'size,colour\n90,green\n1,blue\n,\n' >in.csv
runs 0 predict runs/t-001 in.csv
[ "$(grep -c '^in.csv:' out.txt)" = 3 ] || say "three rows give three predictions: $(cat out.txt)"
prints "in.csv:1: yes"
printf '{"size": 90, "colour": "red"}\n' >in.jsonl
runs 0 predict runs/t-001 in.jsonl
prints "in.jsonl: yes"

# Codes are embedded; what training did not have has a code of its own.
learns 90 model="{layers: [{embed_codes: 4}, {linear: 16}, relu, {linear: 2}]}" data.codes=colour data.val_fraction=0.25
runs 0 predict runs/t-001 in.csv

# A number is learned standardized and predicted in its units.
rm -rf runs
runs 0 train r.yaml model="{layers: [{linear: 1}]}" data.target=price data.drop="[id, part, kind, house, day]" data.val_fraction=0.25 train.epochs=60 train.loss=mse
printf 'size,colour\n50,blue\n' >in.csv
runs 0 predict runs/t-001 in.csv
awk '{ if ($2 < 200 || $2 > 300) exit 1 }' out.txt || say "the price of 50, blue is about 250: $(cat out.txt)"

wrong 'no column "knid"' data.target=knid
wrong 'no column "colur"' data.one_hot=colur
wrong 'stands under standardize and under log' data.standardize=size data.log=size
wrong 'there are two folds at least' data.folds=3 data.fold=3
wrong 'data.folds is 401, but the 400 rows of the table fill 400 of them only' data.folds=401 data.stratify=false
wrong 'data.folds is 401, but the 400 rows of the table fill ' data.folds=401
wrong 'data.folds is 50, but the 400 rows of the table, whose groups stay together, fill 40 of them only' data.folds=50 data.group=house
wrong 'folds and val_fraction' data.folds=3 data.val_fraction=0.2
wrong 'leave nothing to train on' data.val_fraction=0.6 data.test_fraction=0.5
wrong 'nothing is left to train on, of 400 samples' data.val_fraction=0.9999 # and not: all rows
wrong 'column "colour" is category' data.time=colour data.test_fraction=0.1
wrong 'time, but nothing is cut' data.time=day
wrong 'says train' data.split=colour
wrong 'is not of the type number that was told' data.numbers=house
wrong 'nosuch.csv' data.path=nosuch.csv
awk 'BEGIN { print "a,k"; for (i = 0; i < 60; i++) print (i == 5 ? "-1e308" : i == 6 ? "1e308" : i) "," (i % 2 ? "yes" : "no") }' >huge.csv
runs 0 train r.yaml data="{name: table, path: huge.csv, target: k, val_fraction: 0.2}" name=huge # its squares are no numbers
runs 0 eval runs/huge-001
wrong 'column "a" are too large to be brought to a scale' data="{name: table, path: huge.csv, target: k, val_fraction: 0.2, min_max: [a]}"
wrong 'the numbers of the target "a" are too large for f32' data="{name: table, path: huge.csv, target: a, number: true, val_fraction: 0.2}" train.loss=mse
wrong 'column "a" are too large to be brought to a scale' data="{name: series, path: huge.csv, columns: [a], length: 4, horizon: 1, val_fraction: 0.2}"
printf 'a,b\n1,2\n3\n' >bad.csv
wrong 'bad.csv:3:1: this row has 1 cell' data.path=bad.csv data.target=b data.drop=
wrong 'codes are columns of a table' model="{layers: [{linear: 3}, {embed_codes: 2}]}"
wrong 'there are no edges to follow' model="{layers: [{gcn: 2}]}"
finish
