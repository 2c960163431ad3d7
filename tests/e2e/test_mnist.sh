#!/usr/bin/env bash
# test_mnist.sh: the recipes for MNIST on the real digits, from $TARN_DATA/mnist or ../shared/data/mnist beside the checkout.
# Usually the smaller two on a part of the digits, in seconds; with TARN_LONG=1 all three to the end, some minutes:
# softmax regression 92%, the MLP 97.5%, the convolutional net 99.0% of the 10,000 test digits. Learning is slow under
# sanitizers, so:
# labels: release slow
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
mnist=${TARN_DATA:-$SRC/../shared/data}/mnist
[ -e "$mnist/train-images-idx3-ubyte.gz" ] || [ -e "$mnist/train-images-idx3-ubyte" ] ||
    skip "there is no MNIST in $mnist; set TARN_DATA to the folder that has it in mnist/"
"$TARN" --version | grep -q zlib || [ -e "$mnist/train-images-idx3-ubyte" ] || skip "MNIST is packed and zlib is not built in"

# reaches NET PERCENT ARGUMENTS...: trains recipes/mnist_NET.yaml; the best model, which is chosen on training digits that are held out, must be
# right that often on the test digits.
reaches() {
    local net=$1 goal=$2
    shift 2
    SECONDS=0
    runs 0 train "$SRC/recipes/mnist_$net.yaml" data.folder="$mnist" output.folder=runs "$@"
    local got
    grep -q "^best model: .* validation samples" out.txt || say "mnist_$net: nothing is held out: $(cat out.txt)"
    runs 0 eval "runs/mnist-$net-001"
    prints "10000 samples"
    got=$(sed -n 's/^10000 samples.*, accuracy \([0-9.]*\)%.*/\1/p' out.txt)
    echo "mnist_$net $*: $got% in $SECONDS s"
    awk -v got="${got:-0}" -v goal="$goal" 'BEGIN { exit !(got >= goal) }' || say "mnist_$net: $got%, not $goal%: $(cat out.txt)"
}

if [ "${TARN_LONG:-0}" = 1 ]; then
    reaches softmax 92
    reaches mlp 97.5
    reaches cnn 99
else
    reaches softmax 87 train.epochs=2 data.train_count=10000 train.threads=1
    reaches mlp 93 train.epochs=3 data.train_count=20000 train.threads=1
fi
run=runs/mnist-mlp-001

# The run, its model file with the recipe, and a digit.
runs 0 eval $run
prints "10000 samples"
line=$(head -1 out.txt)
runs 0 eval $run/model.safetensors "$SRC/recipes/mnist_mlp.yaml" data.folder="$mnist"
[ "$(head -1 out.txt)" = "$line" ] || say "a run and its model file evaluate differently: $line, $(cat out.txt)"
images=$(echo "$mnist"/t10k-images-idx3-ubyte*)
runs 0 predict $run "$images:0" "$images:1" "$images:2"
# what the first digits of the test set are
i=0
for label in 7 2 1; do
    grep -qF "$images:$i: $label (" out.txt || say "digit $i is a $label: $(cat out.txt)"
    i=$((i + 1))
done
finish
