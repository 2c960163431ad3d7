#!/usr/bin/env bash
# test_kill.sh: a run that is killed with SIGKILL at random moments, 20 times, and resumed each time ends with weights bit for
# bit equal to those of a run that nobody disturbed; and two undisturbed runs are bit for bit equal. Two trainings between
# them have all that a checkpoint must keep: slots of Adam and of momentum, statistics of batch norm, dropout, moved pictures,
# summed gradients, schedules, early stopping. KILL_SEED repeats the moments, KILL_COUNT makes them more.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
KILL_COUNT=${KILL_COUNT:-20}
KILL_SEED=${KILL_SEED:-$$}
RANDOM=$KILL_SEED
echo "KILL_SEED=$KILL_SEED"
tiny_recipe
adam=(data.train_count=128 data.val_count=32 train.epochs=6 train.checkpoint_every=1 train.schedule=cosine
    data.augment.move=2 data.augment.rotate=10)
sgd=(data.train_count=128 data.val_count=32 train.epochs=8 train.checkpoint_every=2 train.optimizer=sgd
    train.momentum=0.9 train.nesterov=true train.accumulate=3 train.schedule.kind=plateau train.schedule.patience=0
    train.schedule.factor=0.5 train.early_stopping.patience=5 train.clip_norm=1 data.workers=2 train.threads=2)

# The tensors of a safetensors file without its header, in which seconds stand.
tensors() {
    local header
    header=$(od -An -tu8 -N8 "$1")
    tail -c +$((header + 9)) "$1"
}

same() {
    cmp "$1/model.safetensors" "$2/model.safetensors" || say "$3: the best models differ"
    tensors "$1/last.safetensors" | cmp - <(tensors "$2/last.safetensors") || say "$3: the last states differ"
    [ "$(grep -c . "$1/metrics.jsonl")" = "$(grep -c . "$2/metrics.jsonl")" ] || say "$3: the histories differ"
    for key in loss val_loss lr grad_norm; do
        [ "$(grep -o "\"$key\":[^,]*" "$1/metrics.jsonl")" = "$(grep -o "\"$key\":[^,]*" "$2/metrics.jsonl")" ] ||
            say "$3: the histories differ in $key"
    done
}

now() {
    date +%s%N
}

# options NAME: the training of that name in ${options[@]}.
options() {
    if [ "$1" = adam ]; then options=("${adam[@]}"); else options=("${sgd[@]}"); fi
}

# killed NAME COUNT: trains into NAME-killed again and again, killed after a random part of the time $took; started anew when it ends.
killed() {
    local name=$1 kills=0 folder="" runs=0 pid got
    while [ $kills -lt "$2" ]; do
        if [ -z "$folder" ]; then
            runs=$((runs + 1))
            "$TARN" train tiny.yaml "${options[@]}" output.folder="$name-killed" >out.txt 2>err.txt &
            folder=$name-killed/tiny-$(printf %03d $runs)
        else
            "$TARN" train --resume "$folder" >out.txt 2>err.txt &
        fi
        pid=$!
        # a third of an undisturbed run at most, so that most runs are killed several times
        sleep "$(printf %.3f "$((took * (RANDOM % 1000) / 3000000000))e-3")"
        if kill -KILL $pid 2>/dev/null; then
            kills=$((kills + 1))
        fi
        got=0
        wait $pid 2>/dev/null || got=$?
        if [ $got = 0 ]; then
            same "$name/tiny-001" "$folder" "$name, killed"
            folder=""
        elif [ $got != 137 ]; then
            say "$name: a killed run cannot go on: $(cat err.txt)"
            folder=""
        elif [ ! -e "$folder/recipe.yaml" ]; then # killed before it had begun
            rm -rf "$folder"
            folder=""
            runs=$((runs - 1))
        fi
    done
    if [ -n "$folder" ]; then
        runs 0 train --resume "$folder"
        same "$name/tiny-001" "$folder" "$name, killed and resumed"
        for file in "$folder"/*.tmp; do
            [ ! -e "$file" ] || say "$name: $file was left behind"
        done
    fi
    echo "$name: $kills kills, $runs runs"
}

for name in adam sgd; do
    options $name
    start=$(now)
    runs 0 train tiny.yaml "${options[@]}" output.folder=$name
    took=$(($(now) - start))
    runs 0 train tiny.yaml "${options[@]}" output.folder=$name
    same $name/tiny-001 $name/tiny-002 "$name, two runs"
    killed $name $((KILL_COUNT / 2))
done
finish
