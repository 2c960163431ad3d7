#!/usr/bin/env bash
# test_text.sh: recipes on real text, from $TARN_DATA or ../shared/data beside the checkout: SST-2's sentences, whose model then reads lines
# of text as they are; tiny Shakespeare by its characters, a first epoch. Learning is slow under sanitizers, so:
# labels: release slow
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
data=${TARN_DATA:-$SRC/../shared/data}
[ -d "$data/sst2" ] || skip "there is no folder $data/sst2; set TARN_DATA to the folder that has it"
"$TARN" --version | grep -q utf8proc || skip "tokenizers need utf8proc, which is not built in"

# at_least WHAT GOT GOAL
at_least() {
    echo "$1: $2"
    awk -v got="${2:-0}" -v goal="$3" 'BEGIN { exit !(got >= goal) }' || say "$1 is $2, not $3: $(cat out.txt)"
}

runs 0 train "$SRC/recipes/sst2.yaml" data.path="$data/sst2/train.tsv" data.val_path="$data/sst2/dev.tsv" \
    data.test_path="$data/sst2/test.tsv" output.folder=runs
runs 0 eval runs/sst2-001
at_least "sst2: accuracy" "$(sed -n 's/.*accuracy \([0-9.]*\)%.*/\1/p' out.txt | head -n 1)" 80
printf 'a wonderful , moving film\nthe worst and most boring mess of the year\n' >lines.txt
runs 0 predict runs/sst2-001 lines.txt
[ "$(sed 's/^[^ ]* \([01]\).*/\1/' out.txt | tr '\n' ' ')" = "1 0 " ] || say "two lines give good and bad: $(cat out.txt)"

runs 0 train "$SRC/recipes/shakespeare.yaml" data.path="$data/text/tinyshakespeare.txt" output.folder=runs train.epochs=1
at_least "shakespeare: 10 - loss" "$(sed -n 's/.*validation loss \([0-9.]*\).*/\1/p' out.txt | awk '{ print 10 - $1 }')" 7.9
finish
