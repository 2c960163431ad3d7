#!/usr/bin/env bash
# test_neighbours.sh: recipes of graphs with num_neighbors, on a small graph that is made here: what is learned, that validation,
# `tarn eval` and `tarn predict` see the whole graph, that a run that was stopped goes on to the same bits, and what is refused.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"
# Neighbours are mostly of one's own kind; what a node's own features say is mostly noise. Node 399 has no neighbours.
awk 'BEGIN {
    print "node,label,split,a,b,c" >"nodes.csv"
    print "u,v" >"edges.csv"
    for (i = 0; i < 400; i++) {
        s = (s * 1103515245 + 12345) % 2147483648
        printf "%d,%s,%s,%d,%d,%d\n", i, substr("xyz", i % 3 + 1, 1), i % 4 == 0 ? "test" : i % 4 == 1 ? "val" : "train",
            (i % 3 == 0) + int(s / 1000) % 3, (i % 3 == 1) + int(s / 7000) % 3, (i % 3 == 2) + int(s / 50000) % 3 >"nodes.csv"
        for (k = 1; i < 399 && k <= 8; k++) {
            s = (s * 1103515245 + 12345) % 2147483648
            v = k < 7 ? (i + 3 * (int(s / 3000) % 130)) % 399 : int(s / 3000) % 399
            print i "," v >"edges.csv"
        }
    }
}'
cat >r.yaml <<'YAML'
tarn: 1
name: g
model: {layers: [{gcn: {units: 8, name: one}}, relu, {batch_norm1d: {name: n}}, {gcn: {units: 3, name: two}}]}
data: {name: graph, nodes: nodes.csv, edges: edges.csv, num_neighbors: [5, 3]}
train: {epochs: 30, batch: 25, optimizer: adam, lr: 0.02}
output: {folder: runs, report: false, plots: false}
YAML
for layer in gcn sage "gat"; do
    rm -rf runs
    runs 0 train r.yaml "model={layers: [{$layer: {units: 8, name: one}}, relu, {batch_norm1d: {name: n}}, {$layer: {units: 3, name: two}}]}"
    runs 0 eval runs/g-001
    awk -v got="$(sed -n 's/.*accuracy \([0-9.]*\)%.*/\1/p' out.txt)" 'BEGIN { exit !(got >= 85) }' || say "$layer: $(head -n 1 out.txt)"
    prints "100 samples"
done
runs 0 predict runs/g-001 0 399
[ "$(grep -c '%' out.txt)" = 2 ] || say "two nodes give two predictions: $(cat out.txt)"
runs 1 predict runs/g-001 400 nodes.csv -1
says "400: index_select" "out of range" "nodes.csv: this model tells nodes of a graph"

# Any number of workers, stopped and gone on with or not: the same model.
rm -rf runs
runs 0 train r.yaml train.epochs=4 data.workers=0
runs 0 train r.yaml train.epochs=4 data.workers=3
cmp -s runs/g-001/model.safetensors runs/g-002/model.safetensors || say "workers change the model"
runs 0 train r.yaml train.epochs=2
sed -i 's/epochs: 2$/epochs: 4/' runs/g-003/recipe.yaml
runs 0 train --resume runs/g-003
cmp -s runs/g-001/model.safetensors runs/g-003/model.safetensors || say "stopped and resumed, another model"

wrong "num_neighbors" "data.num_neighbors=[-2, 3]"
wrong "data.num_neighbors: number 2 is 0" "data.num_neighbors=[5, 0]"
wrong "data.num_neighbors has 1 numbers, and the model 2 layers along edges" "data.num_neighbors=[5]"
wrong "data.num_neighbors has 3 numbers, and the model 2 layers along edges" "data.num_neighbors=[5, 5, 5]"
wrong "a batch of 1000 samples is larger than the data set, which has 200" train.batch=1000
sed 's/train/none/' nodes.csv >nobody.csv
wrong "nobody.csv: no node is for training" data.nodes=nobody.csv
sed '5s/[0-9]*$/nan/' nodes.csv >nan.csv
wrong 'nan.csv: row 4 of the table of nodes, column "c": the value is missing' data.nodes=nan.csv
finish
