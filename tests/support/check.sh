# shellcheck shell=bash
# check.sh: what the scripts that run the program share; sourced. $TARN is the program, $SRC the source folder. A failed check
# says what was wrong and the script goes on; the last line of a script is `finish`.
: "${TARN:?the program}" "${SRC:?the source folder}"
bad=0

say() {
    echo "$(basename "$0"): $*" >&2
    bad=1
}

finish() {
    exit "$bad"
}

# skip REASON: ends a test that cannot run here, or not further, loudly. What was found wrong before stays wrong.
skip() {
    echo "SKIPPED: $(basename "$0"): $*" >&2
    [ "$bad" = 0 ] || exit "$bad"
    exit 77
}

# runs STATUS ARGUMENTS...: runs the program, its outputs in out.txt and err.txt, and checks its exit status.
runs() {
    local want=$1 got=0
    shift
    "$TARN" "$@" >out.txt 2>err.txt </dev/null || got=$?
    [ "$got" = "$want" ] || say "tarn $*: exit status $got, not $want: $(tail -n 3 out.txt err.txt)"
    if [ "$want" != 0 ] && [ "$want" != 130 ] && ! [ -s err.txt ]; then
        say "tarn $*: failed without a word"
    fi
}

# says WORD...: the last run said each of these (fixed strings) on standard error; prints: on standard output.
says() {
    local word
    for word; do
        grep -qF -- "$word" err.txt || say "nothing about '$word' is said in: $(cat err.txt)"
    done
}
prints() {
    local word
    for word; do
        grep -qF -- "$word" out.txt || say "'$word' is not printed in: $(cat out.txt)"
    done
}

# Every line of out.txt is JSON, as far as there is something here that can tell.
is_json() {
    if command -v python3 >/dev/null; then
        python3 -c 'import json, sys
for line in open(sys.argv[1]): json.loads(line)' out.txt || say "not JSON: $(cat out.txt)"
    elif command -v jq >/dev/null; then
        jq . out.txt >/dev/null || say "not JSON: $(cat out.txt)"
    elif grep -qv '^{.*}$' out.txt; then
        say "not JSON: $(cat out.txt)"
    fi
}

# wrong SENTENCE OVERRIDES...: training r.yaml with these is refused, and says so.
wrong() {
    local sentence=$1
    shift
    runs 1 train r.yaml "$@"
    says "$sentence"
}

# tiny_recipe [LINE...]: tiny.yaml, a net with all that has state, on a few generated digits; trained in a second.
tiny_recipe() {
    cat >tiny.yaml <<'YAML'
tarn: 1
name: tiny
model:
  layers:
    - conv2d: {units: 4, kernel: 5, stride: 2}
    - batch_norm2d
    - relu
    - max_pool2d: 2
    - flatten
    - dropout: 0.2
    - linear: 10
data: {name: digits, train_count: 256, val_count: 64, workers: 1}
train: {epochs: 2, batch: 32, lr: 0.01, threads: 1}
output: {folder: runs, report: false, plots: false}
YAML
}
