#!/usr/bin/env bash
# test_pictures.sh: recipes on real pictures, from $TARN_DATA or ../shared/data beside the checkout: PneumoniaMNIST from its .npz to 85% of
# the test pictures; an epoch of CIFAR-10 from its .tar.gz, with random crops and flips. Learning is slow under sanitizers, so:
# labels: release slow
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
data=${TARN_DATA:-$SRC/../shared/data}
[ -d "$data/pneumonia-mnist" ] || skip "there is no folder $data/pneumonia-mnist; set TARN_DATA to the folder that has it"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"

# at_least WHAT GOT GOAL
at_least() {
    echo "$1: $2"
    awk -v got="${2:-0}" -v goal="$3" 'BEGIN { exit !(got >= goal) }' || say "$1 is $2, not $3: $(cat out.txt)"
}

runs 0 train "$SRC/recipes/pneumonia.yaml" data.path="$data/pneumonia-mnist/pneumoniamnist.npz" output.folder=runs
runs 0 eval runs/pneumonia-001
at_least "pneumonia: % right" "$(sed -n 's/.*accuracy \([0-9.]*\)%.*/\1/p' out.txt | head -n 1)" 85

if [ -f "$data/cifar10/cifar10-jpg.tar.gz" ] && "$TARN" --version | grep -q zlib && "$TARN" --version | grep -q libjpeg; then
    runs 0 train "$SRC/recipes/cifar10.yaml" data.path="$data/cifar10/cifar10-jpg.tar.gz" \
        train.epochs=1 train.warmup_steps=100 output.folder=runs
    at_least "CIFAR-10, one epoch: % right" "$(sed -n 's/^best model: accuracy \([0-9.]*\)%.*/\1/p' out.txt)" 50
fi
finish
