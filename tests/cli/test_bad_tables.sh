#!/usr/bin/env bash
# test_bad_tables.sh: tables with faults: what is left out, assumed or refused is said, with its place.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
awk 'BEGIN { print "x,c,y"; for (i = 0; i < 60; i++) print i "," (i % 3 ? "red" : "blue") "," (i % 2 ? "yes" : "no") }' >good.csv
cat >r.yaml <<'YAML'
tarn: 1
name: b
model: {layers: [{linear: 2}]}
data: {name: table, path: good.csv, target: y, val_fraction: 0.2}
train: {epochs: 1, batch: 16}
output: {folder: runs, report: false, plots: false}
YAML
wrong() { # SENTENCE OVERRIDES...
    local sentence=$1
    shift
    runs 1 train r.yaml "$@"
    says "$sentence"
}

# The types that were inferred are stated, and what is left out is never left out silently.
runs 0 train r.yaml
says "good.csv: 60 rows of 3 columns: integer: x; category: c, y"
sed '5s/$/,1,2/;9s/,red,yes//' good.csv >ragged.csv
wrong "ragged.csv:5:" data.path=ragged.csv
runs 0 train r.yaml data.path=ragged.csv data.bad=skip
says "ragged.csv: 2 rows skipped and 0 values taken as missing" "skipped: ragged.csv:5:" "skipped: ragged.csv:9:"
sed '7s/^[0-9]*/much/' good.csv >word.csv
runs 0 train r.yaml data.path=word.csv data.bad=missing data.numbers=x
says "0 rows skipped and 1 value taken as missing" 'word.csv:7:1: column "x": "much" is not of the type number'

finish
