#!/usr/bin/env bash
# test_tables.sh: recipes on real tables, from $TARN_DATA or ../shared/data beside the checkout: credit card default to an area under
# the ROC curve of 0.77 on rows that nothing was fitted on, ETTh1's next 96 hours to an error below 0.42, Cora's
# test papers to 80% at least (82.2% is the mean of five seeds, 82.4% on drawn neighbours). Learning is slow under sanitizers, so:
# labels: release slow
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
data=${TARN_DATA:-$SRC/../shared/data}
[ -d "$data/credit" ] || skip "there is no folder $data/credit; set TARN_DATA to the folder that has it"
"$TARN" --version | grep -q zlib || skip "the tables are packed and zlib is not built in"

# at_least WHAT GOT GOAL
at_least() {
    echo "$1: $2"
    awk -v got="${2:-0}" -v goal="$3" 'BEGIN { exit !(got >= goal) }' || say "$1 is $2, not $3: $(cat out.txt)"
}

runs 0 train "$SRC/recipes/credit.yaml" data.path="$data/credit/default-of-credit-card-clients.csv.gz" output.folder=runs
runs 0 eval runs/credit-001
at_least "credit: AUC" "$(sed -n 's/.*AUC \([0-9.]*\).*/\1/p' out.txt)" 0.77
zcat "$data/credit/default-of-credit-card-clients.csv.gz" | head -n 4 | cut -d, -f1-24 >in.csv
runs 0 predict runs/credit-001 in.csv
[ "$(grep -c '%' out.txt)" = 3 ] || say "three rows give three predictions: $(cat out.txt)"

runs 0 train "$SRC/recipes/ett.yaml" data.path="$data/ett/ETTh1.csv" output.folder=runs
runs 0 eval runs/ett-001
at_least "ett: 1 - error" "$(sed -n 's/.*loss \([0-9.]*\).*/\1/p' out.txt | awk '{ print 1 - $1 }')" 0.58

runs 0 train "$SRC/recipes/cora.yaml" data.nodes="$data/cora/nodes.csv" data.edges="$data/cora/edges.csv" \
    data.features="$data/cora/features.csv.gz" output.folder=runs
runs 0 eval runs/cora-001
at_least "cora: accuracy" "$(sed -n 's/.*accuracy \([0-9.]*\)%.*/\1/p' out.txt)" 80

runs 0 train "$SRC/recipes/cora_sampled.yaml" data.nodes="$data/cora/nodes.csv" data.edges="$data/cora/edges.csv" \
    data.features="$data/cora/features.csv.gz" output.folder=runs
runs 0 eval runs/cora_sampled-001
at_least "cora, drawn neighbours: accuracy" "$(sed -n 's/.*accuracy \([0-9.]*\)%.*/\1/p' out.txt)" 80
finish
