#!/usr/bin/env bash
# test_bad_tables.sh: tables with faults: what is left out, assumed or refused is said, with its place.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"
awk 'BEGIN { print "x,c,y"; for (i = 0; i < 60; i++) print i "," (i % 3 ? "red" : "blue") "," (i % 2 ? "yes" : "no") }' >good.csv
cat >r.yaml <<'YAML'
tarn: 1
name: b
model: {layers: [{linear: 2}]}
data: {name: table, path: good.csv, target: y, val_fraction: 0.2}
train: {epochs: 1, batch: 16}
output: {folder: runs, report: false, plots: false}
YAML

# The types that were inferred are stated, and what is left out is never left out silently.
runs 0 train r.yaml
says "good.csv: 60 rows of 3 columns: integer: x; category: c, y"
sed '5s/$/,1,2/;9s/,red,yes//' good.csv >ragged.csv
wrong "ragged.csv:5:" data.path=ragged.csv
runs 0 train r.yaml data.path=ragged.csv data.bad=skip
says "ragged.csv: 2 rows skipped and 0 values taken as missing" "skipped: ragged.csv:5:" "skipped: ragged.csv:9:"
# ... and is in the run's record, on its page and in its JSON
runs 0 train r.yaml data.path=ragged.csv data.bad=skip output.folder=told output.report=true --json
prints '"folder":"told/b-001","bad_rows":2,"bad_values":0,'
grep -q '"bad_rows":2,"checksum"' told/b-001/split.json || say "split.json tells: $(cat told/b-001/split.json)"
grep -q 'rows left out (data.bad)' told/b-001/report.html || say "the page has no count of the rows that were left out"
sed '7s/^[0-9]*/much/' good.csv >word.csv
runs 0 train r.yaml data.path=word.csv data.bad=missing data.numbers=x
says "0 rows skipped and 1 value taken as missing" 'word.csv:7:1: column "x": "much" is not of the type number'

# One word among numbers makes the column one of words: never silently.
sed '7s/^[0-9]*/much/' good.csv >word.csv
runs 0 train r.yaml data.path=word.csv
says 'doubtful: word.csv:7:1: column "x": "much" is no number, but 59 other cells are'
runs 0 train r.yaml data.path=word.csv data.words=x
grep -q doubtful err.txt && say "a type that is told is in no doubt: $(cat err.txt)"
awk 'BEGIN { print "t,a,b"; for (i = 0; i < 80; i++) print i "," (i == 50 ? "zz" : i / 7) "," i / 3 }' >s.csv
runs 0 train r.yaml data="{name: series, path: s.csv, time: t, length: 4, horizon: 1, channels_first: true, val_fraction: 0.2}" train.loss=mse model="{layers: [{linear: 1}]}"
says 'doubtful: s.csv:52:4: column "a": "zz" is no number'
awk 'BEGIN { print "node,label,split,f,g"; for (i = 0; i < 60; i++) print "n" i "," (i % 2 ? "a" : "b") "," (i % 3 ? "train" : "val") "," (i == 9 ? "abc" : i) "," i % 7 }' >nodes.csv
awk 'BEGIN { print "from,to"; for (i = 0; i < 60; i++) print "n" i ",n" (i + 1) % 60 }' >edges.csv
runs 0 train r.yaml data="{name: graph, nodes: nodes.csv, edges: edges.csv}" model="{layers: [{sage: 2}]}"
says 'doubtful: nodes.csv:11:10: column "f": "abc" is no number'

# Infinities count as missing, which is said; a table of a header alone has nothing to learn from.
sed '9s/^[0-9]*/inf/' good.csv >inf.csv
runs 0 train r.yaml data.path=inf.csv
says 'doubtful: inf.csv: row 8: column "x" is infinite there, which counts as missing'
sed -i '12s/^[0-9]*/-inf/' inf.csv # on disk, made and found again, the same
for _ in made found; do
    runs 0 train r.yaml data.path=inf.csv data.cache=disk data.cache_folder=kept
    says 'doubtful: inf.csv: row 8: column "x" is infinite there and in other rows, which counts as missing'
done
[ -n "$(ls kept)" ] || say "nothing was kept on disk"
tr '\n' '\r' <good.csv >cr.csv
wrong "cr.csv: its lines end in carriage returns alone" data.path=cr.csv
head -n 1 good.csv >head.csv
wrong "there are no samples: what was read is empty but for its header" data.path=head.csv

# Sentences name the file, and the row that is wrong.
sed '9s/yes$/perhaps/' good.csv >val.csv
wrong 'val.csv: row 8: "y" is "perhaps"' data.val_path=val.csv data.val_fraction=
sed '9s/no$//;9s/yes$//' good.csv >hole.csv
wrong 'hole.csv: row 8 has no "y", which is the target' data.path=hole.csv
wrong 'row 6: column "x"' data.path=word.csv data.min_max=x
awk 'BEGIN { print "t,a"; for (i = 0; i < 80; i++) print (i == 70 ? "never" : "2020-01-01 00:00:" 10 + i % 50) "," i / 7 }' >s2.csv
wrong 's2.csv: row 71: the time "t" is missing, or is no time' data="{name: series, path: s2.csv, time: t, length: 4, horizon: 1}" train.loss=mse

# What says nothing is refused.
wrong 'val_path and val_fraction' data.val_path=good.csv
wrong 'split and val_fraction' data.split=c
wrong 'test_path and test_fraction' data.test_path=good.csv data.test_fraction=0.1

# What a model predicts from is read by the types it was trained on: the wrong cell is blamed, and not the first row.
rm -rf runs
runs 0 train r.yaml
sed '1q;' good.csv >in.csv
printf '4,red,no\n5,blue,no\nmuch,red,no\n6,red,no\n' >>in.csv
runs 1 predict runs/b-001 in.csv
says 'in.csv:4:1: column "x": "much" is not of the type number'
printf 'x,c\n1.5,red\n' >in.csv
runs 0 predict runs/b-001 in.csv
awk 'BEGIN { print "zip,y"; for (i = 0; i < 60; i++) print (i % 2 ? "007,yes" : "b8,no") }' >zip.csv
rm -rf runs
runs 0 train r.yaml data.path=zip.csv train.epochs=20
printf 'zip\n007\n' >in.csv
runs 0 predict runs/b-001 in.csv
prints "in.csv: yes"

# Trained on a database, it predicts from files; texts that are dates are dates there too.
if ! command -v sqlite3 >/dev/null || ! sqlite3 one.db "create table t(a integer);" ||
    "$TARN" train r.yaml data.path=one.db data.query="select * from t" 2>&1 | grep -q "without SQLite"; then
    echo "SKIPPED: test_bad_tables.sh, databases: no sqlite3, or a build without SQLite" >&2
else
    awk 'BEGIN { print "create table t(d text, v real, y text);"; for (i = 0; i < 60; i++) printf "insert into t values(\x272020-01-%02d\x27,%d,\x27%s\x27);\n", 1 + i % 28, i, i % 2 ? "yes" : "no" }' | sqlite3 t.db
    rm -rf runs
    runs 0 train r.yaml data.path=t.db data.query="select * from t" data.date=d
    says "time: d"
    printf 'd,v\n2020-01-02,5\n' >in.csv
    runs 0 predict runs/b-001 in.csv
    printf 'd\tv\n2020-01-02\t5\n2020-01-03\t5\n' >in.tsv
    runs 0 predict runs/b-001 in.tsv
    runs 1 predict runs/b-001 t.db
    says "SQLite"
fi

# A database without a query.
printf 'SQLite format 3\0%100s' '' >some.db
wrong 'some.db is an SQLite database, which is read by a query (in a recipe data.query' data.path=some.db

finish
