#!/usr/bin/env bash
# test_graph_recipes.sh: graphs whose table of nodes does not say what nodes are for: fractions and folds of the recipe cut those that have a
# label, class by class, as they cut rows and pictures; the run's record, `tarn eval` and `--resume` hold to it. What is refused.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"
# 400 nodes of three classes, of which each tenth has no label: 120 labelled ones of each class. Neighbours are mostly of one's own.
awk 'BEGIN {
    print "node,label,a,b,c" >"nodes.csv"
    print "u,v" >"edges.csv"
    for (i = 0; i < 400; i++) {
        s = (s * 1103515245 + 12345) % 2147483648
        printf "%d,%s,%d,%d,%d\n", i, i % 10 == 9 ? "" : substr("xyz", i % 3 + 1, 1), (i % 3 == 0) + int(s / 1000) % 3,
            (i % 3 == 1) + int(s / 7000) % 3, (i % 3 == 2) + int(s / 50000) % 3 >"nodes.csv"
        for (k = 1; i < 399 && k <= 8; k++) {
            s = (s * 1103515245 + 12345) % 2147483648
            print i "," (k < 7 ? (i + 3 * (int(s / 3000) % 130)) % 399 : int(s / 3000) % 399) >"edges.csv"
        }
    }
}'
cat >r.yaml <<'YAML'
tarn: 1
name: g
model: {layers: [{gcn: {units: 8, name: one}}, relu, {batch_norm1d: {name: n}}, {gcn: {units: 3, name: two}}]}
data: {name: graph, nodes: nodes.csv, edges: edges.csv}
train: {epochs: 20, batch: 25, optimizer: adam, lr: 0.02}
output: {folder: runs, report: false, plots: false}
YAML
record() { # RUN TEXT: what its split.json begins with
    [[ "$(cat "runs/$1/split.json")" == "$2"* ]] || say "$1: $(cat "runs/$1/split.json") does not begin with $2"
}
sum_of() { sed 's/.*"checksum":"\([0-9a-f]*\)".*/\1/' "runs/$1/split.json"; }
differ() { [ "$(printf '%s\n' "$@" | sort -u | wc -l)" = $# ] || say "the same nodes in other parts: $*"; }

cut="data.val_fraction=0.25 data.test_fraction=0.15"
# shellcheck disable=SC2086
runs 0 train r.yaml $cut
record g-001 '{"train":216,"valid":90,"test":54,'
prints "on 90 validation samples"
runs 0 eval runs/g-001
prints "54 samples"
awk '/^[xyz] / { n++; bad += $NF != 18 } END { exit !(n == 3 && !bad) }' out.txt || say "not 18 test nodes of each class: $(cat out.txt)"
awk -v got="$(sed -n 's/.*accuracy \([0-9.]*\)%.*/\1/p' out.txt)" 'BEGIN { exit !(got >= 85) }' || say "$(head -n 1 out.txt)"

# The same nodes by drawn neighbourhoods, others by another seed or without regard to classes.
# shellcheck disable=SC2086
{
    runs 0 train r.yaml $cut train.epochs=1 "data.num_neighbors=[5, 3]"
    runs 0 train r.yaml $cut train.epochs=1 seed=2
    runs 0 train r.yaml $cut train.epochs=1 data.stratify=false
}
[ "$(sum_of g-001)" = "$(sum_of g-002)" ] || say "neighbourhoods change the parts"
differ "$(sum_of g-001)" "$(sum_of g-003)" "$(sum_of g-004)"

# Four folds, each with a fourth of every class.
for fold in 0 1 2 3; do
    runs 0 train r.yaml data.folds=4 data.fold=$fold train.epochs=1 output.folder=folds
    prints "on 90 validation samples"
    mv folds/g-00$((fold + 1)) runs/fold$fold
    mkdir folds/g-00$((fold + 1))
    record fold$fold '{"train":270,"valid":90,"test":0,'
done
differ "$(sum_of fold0)" "$(sum_of fold1)" "$(sum_of fold2)" "$(sum_of fold3)"

# Stopped and gone on with: the same nodes, the same bits.
runs 0 train r.yaml data.val_fraction=0.25 train.epochs=4 output.folder=whole
runs 0 train r.yaml data.val_fraction=0.25 train.epochs=2 output.folder=half
sed -i 's/epochs: 2$/epochs: 4/' half/g-001/recipe.yaml
runs 0 train --resume half/g-001
cmp -s whole/g-001/model.safetensors half/g-001/model.safetensors || say "stopped and resumed, another model"

awk -F, -v OFS=, 'NR == 1 { $2 = "label,split" } NR > 1 { $2 = $2 (NR % 2 ? ",train" : ",val") } { print }' nodes.csv >said.csv
wrong "'data' has split and val_fraction; only one of them" data.nodes=said.csv data.split=split data.val_fraction=0.1
wrong "said.csv: its column \"split\" says what nodes are for, and so does data.val_fraction" data.nodes=said.csv data.val_fraction=0.1
wrong "and so does data.test_fraction" data.nodes=said.csv data.test_fraction=0.1
wrong "leave nothing to train on" data.val_fraction=0.5 data.test_fraction=0.5
wrong "data.val_fraction is 0.001: of 360 nodes with a label none falls to it" data.val_fraction=0.001
awk -F, -v OFS=, 'NR > 1 { $2 = "" } { print }' nodes.csv >mute.csv
wrong "mute.csv: no node has a label" data.nodes=mute.csv data.val_fraction=0.1
finish
