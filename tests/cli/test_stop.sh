#!/usr/bin/env bash
# test_stop.sh: a run that is stopped by Ctrl-C saves where it is, exits with 130 and goes on later as if nothing had been; two
# processes never write into one run folder.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
tiny_recipe
long=(train.epochs=1000 train.checkpoint_every=1)

# start FOLDER ARGUMENTS...: training in the background, waited for until it has saved something; its process is $pid.
start() {
    local folder=$1
    shift
    "$TARN" "$@" >bg.out 2>bg.err </dev/null &
    pid=$!
    for _ in $(seq 600); do
        [ -e "$folder/last.safetensors" ] && return
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    say "nothing was saved in $folder: $(cat bg.out bg.err)"
}

# stop SIGNAL: exit status in $got.
stop() {
    got=0
    kill -s "$1" $pid
    wait $pid || got=$?
}

for signal in INT TERM HUP; do
    rm -rf runs
    start runs/tiny-001 train tiny.yaml "${long[@]}"
    runs 1 train --resume runs/tiny-001
    says "runs/tiny-001" "another process"
    runs 0 train tiny.yaml train.epochs=1
    prints "runs/tiny-002"
    stop $signal
    [ $got = 130 ] || say "after SIG$signal the exit status is $got: $(cat bg.err)"
    grep -q "go on with: tarn train --resume runs/tiny-001" bg.err || say "SIG$signal: it is not said how to go on: $(cat bg.err)"
    ls runs/tiny-001/*.tmp >/dev/null 2>&1 && say "SIG$signal: a half written file is left"
done

# It goes on where it was; enough is enough after three epochs more.
last=$(wc -l <runs/tiny-001/metrics.jsonl)
sed -i "s/epochs: 1000/epochs: $((last + 2))/" runs/tiny-001/recipe.yaml
runs 0 train --resume runs/tiny-001
[ "$(wc -l <runs/tiny-001/metrics.jsonl)" = $((last + 2)) ] || say "resumed, but the history is $(cat runs/tiny-001/metrics.jsonl)"
runs 0 train tiny.yaml train.epochs=$((last + 2))
cmp runs/tiny-001/model.safetensors runs/tiny-003/model.safetensors || say "stopped and resumed, another model"

# A run that is finished stays as it is.
sum=$(cksum runs/tiny-001/model.safetensors)
runs 0 train --resume runs/tiny-001
[ "$sum" = "$(cksum runs/tiny-001/model.safetensors)" ] || say "resuming a finished run changed it"
says "last.safetensors: the run was finished after $((last + 2)) of $((last + 2)) epochs"
runs 0 train --isa portable --resume runs/tiny-001
says "goes on with portable"
runs 1 train --resume nowhere
says "nowhere"

# A reader of the output that is gone stops it, too, and it is saved; nohup keeps a closed terminal from stopping it.
rm -rf runs
status=0
"$TARN" train tiny.yaml train.epochs=1000 2>bg.err | head -n 1 >bg.out || status=${PIPESTATUS[0]}
[ "$status" = 130 ] || say "without a reader the exit status is $status: $(cat bg.err)"
grep -q "go on with: tarn train --resume runs/tiny-001" bg.err || say "without a reader: $(cat bg.err)"
[ -s runs/tiny-001/last.safetensors ] || say "without a reader nothing is saved"
rm -rf runs
start runs/tiny-001 train tiny.yaml "${long[@]}"
stop INT
(
    trap '' HUP
    sed -i 's/epochs: 1000/epochs: 40/' runs/tiny-001/recipe.yaml
    exec "$TARN" train --resume runs/tiny-001 >bg.out 2>bg.err
) &
pid=$!
sleep 0.1
got=0
kill -s HUP $pid
wait $pid || got=$?
[ "$got" = 0 ] || say "under nohup SIGHUP ends it with $got: $(cat bg.err)"
finish
