#!/usr/bin/env bash
# test_series_recipes.sh: recipes on small series that are made here: files of their own for validation and test, series that are scaled each
# by itself and predicted in their own units; and the sentences for what is wrong.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"

# series FILE FROM TO: waves of very different sizes, told apart by "who"
series() {
    awk -v from="$2" -v to="$3" 'BEGIN {
        print "t,who,v"
        for (i = from; i < to; i++) {
            s = sin(i * 0.5)
            printf "%d,small,%.5f\n%d,large,%.3f\n", i, 2 + s, i, 5000 + 1000 * s
        }
    }' >"$1"
}
series train.csv 0 200
series val.csv 200 260
series test.csv 260 300
cat >r.yaml <<'YAML'
tarn: 1
name: t
model: {layers: [flatten, {linear: 2}, {reshape: [2, 1]}]}
data: {name: series, path: train.csv, time: t, id: who, columns: [v], length: 12, horizon: 2, scale: each}
train: {epochs: 40, batch: 16, optimizer: adam, lr: 0.02, loss: mse}
output: {folder: runs}
YAML
runs 0 train r.yaml data.val_path=val.csv data.test_path=test.csv
loss=$(sed -n 's/.*validation loss \([0-9.]*\).*/\1/p' out.txt | tail -n 1)
awk -v got="$loss" 'BEGIN { exit !(got < 0.05) }' || say "the waves are not learned: $(tail -2 out.txt)"
runs 0 eval runs/t-001
prints "54 samples"
series next.csv 280 300
runs 0 predict runs/t-001 next.csv
# sin(150) is -0.7149, sin(150.5) -0.2921; series come in the order of the file
awk '{ print }
     /:0:/ { ok += ($2 > 1.1 && $2 < 1.5) + ($3 > 1.5 && $3 < 1.9) }
     /:1:/ { ok += ($2 > 4100 && $2 < 4500) + ($3 > 4500 && $3 < 4900) }
     END { exit !(ok == 4) }' out.txt >shown.txt || say "series are not predicted in their own units: $(cat shown.txt)"
for scale in all none; do
    rm -rf runs
    runs 0 train r.yaml data.val_path=val.csv data.scale=$scale train.epochs=1
    runs 0 predict runs/t-001 next.csv
done
for workers in 0 1 2 7; do
    rm -rf runs
    runs 0 train r.yaml data.val_path=val.csv data.workers=$workers train.epochs=2
    grep -o '"\(val_\)\?loss":[^,}]*' runs/t-001/metrics.jsonl >"$workers.txt"
    cmp -s 0.txt "$workers.txt" || say "$workers workers give other batches"
done
rm -rf runs
runs 0 train r.yaml data.val_path=val.csv data.test_fraction=0.2 train.epochs=1
runs 0 eval runs/t-001

wrong() { # SENTENCE OVERRIDES...
    local sentence=$1
    shift
    rm -rf runs
    runs 1 train r.yaml "$@"
    says "$sentence"
}
# Times that lie farther apart than usual are told: windows go across them.
awk 'BEGIN { print "t,v"; for (i = 0; i < 60; i++) { d = i + (i > 20) * 3; printf "2020-01-%02d %02d:00:00,%d\n", 1 + int(d / 24), d % 24, i } }' >gap.csv
runs 0 train r.yaml data="{name: series, path: gap.csv, time: t, columns: [v], length: 12, horizon: 2}" train.epochs=1
says "doubtful: gap.csv: rows 21 and 22 are 4 h apart, where 1 h is usual; windows go across such gaps"
series short.csv 0 5
echo "t,who,w" >other.csv
echo "1,a,2" >>other.csv
: >empty.csv
wrong 'val_path and val_fraction' data.val_path=val.csv data.val_fraction=0.1
wrong 'val_path and val_rows' data.val_path=val.csv data.train_rows=50 data.val_rows=20
wrong 'test_path and test_fraction' data.test_path=val.csv data.test_fraction=0.1
wrong 'test_path and test_rows' data.test_path=val.csv data.train_rows=50 data.test_rows=20
wrong 'short.csv: no window of 12 rows' data.val_path=short.csv
wrong 'other.csv has no column "v"' data.val_path=other.csv
wrong 'empty.csv' data.val_path=empty.csv
wrong 'nosuch.csv' data.test_path=nosuch.csv
finish
