#!/usr/bin/env bash
# test_large_graph.sh: a made-up graph of 200,000 nodes and 2 million edges, whose 20,000 training nodes are learned from in neighbourhoods
# (num_neighbors): in 200 MB for what runs, of which validation on the whole graph takes 140 and a step 44. Steps on the whole graph,
# which take 267 MB, are refused there. Half of the edges are within a class; 79% of the validation nodes are told after two epochs.
# labels: release slow
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"
awk 'function draw(n) { s = (s * 16807) % 2147483647; return int(s / 2147483647 * n) }
BEGIN {
    s = 7; n = 200000
    head = "node,label,split"
    for (f = 0; f < 32; f++) head = head ",f" f
    print head >"nodes.csv"
    for (i = 0; i < n; i++) {
        p = draw(20)
        line = i ",c" i % 10 "," (p < 2 ? "train" : p < 4 ? "val" : "test")
        for (f = 0; f < 32; f++) line = line "," (f == i % 10 ? 2 : 0) + draw(9) - 4
        print line >"nodes.csv"
    }
    print "u,v" >"edges.csv"
    for (e = 0; e < 2000000; e++) {
        u = draw(n)
        print u "," (draw(2) ? draw(n) : u % 10 + 10 * draw(n / 10)) >"edges.csv"
    }
}'
cat >r.yaml <<'YAML'
tarn: 1
name: large
model: {layers: [{sage: {units: 64, name: one}}, relu, {sage: {units: 10, name: two}}]}
data: {name: graph, nodes: nodes.csv, edges: edges.csv, num_neighbors: [10, 5]}
train: {epochs: 2, batch: 512, optimizer: adam, lr: 0.01, memory_limit: 200000000}
output: {folder: runs, report: false, plots: false}
YAML
runs 0 train r.yaml
accuracy=$(sed -n 's/^best model: accuracy \([0-9.]*\)%.*/\1/p' out.txt)
echo "large graph: accuracy $accuracy"
awk -v got="${accuracy:-0}" 'BEGIN { exit !(got >= 70) }' || say "an accuracy of $accuracy%: $(tail -n 3 out.txt)"
grep -v '^data:' r.yaml >whole.yaml
echo 'data: {name: graph, nodes: nodes.csv, edges: edges.csv}' >>whole.yaml
runs 1 train whole.yaml
says "the entry 'step' needs" "the limit is 200000000"
finish
