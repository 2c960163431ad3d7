#!/usr/bin/env bash
# test_commands.sh: the program from one end to the other: train, eval, predict, show, help; what is on a screen, what as JSON;
# exit statuses; run folders.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
tiny_recipe

# --- without and with too much to do
runs 0
prints "tarn train RECIPE" "tarn predict"
runs 0 --version
grep -qE '^tarn [0-9]+\.[0-9]+\.[0-9]+ \(' out.txt || say "--version prints $(cat out.txt)"
runs 0 --help
runs 2 nonsense
says "nonsense" "tarn help"
for command in train eval predict show; do
    runs 2 $command
    says "usage: tarn $command"
    runs 0 help $command
    prints "usage: tarn $command"
    runs 2 $command --nonsense
    says "--nonsense"
done
for command in train eval predict show profile bench tokenize data help; do
    for option in --help -h; do
        runs 0 $command $option
        prints "usage: tarn $command" "--threads N"
        [ ! -s err.txt ] || say "$command $option says: $(cat err.txt)"
    done
done
runs 0 train tiny.yaml train.epochs=1 --help # wherever it stands
prints "usage: tarn train" "--resume RUN"
[ ! -e runs ] || say "help trains"
runs 2 train tiny.yaml --dot
says "tarn train has no option --dot"
runs 2 train tiny.yaml --threads many
says "many" "1 to 1024"
runs 2 train tiny.yaml --isa neon
says "neon" "portable, avx2, avx512"
runs 2 train tiny.yaml --resume
says "--resume needs a value; see \`tarn train --help\`"
runs 2 train tiny.yaml --json=3
says "--json=3: this option takes no value"
runs 2 train tiny.yaml -v
says "tarn train has no option -v"
for topic in recipe model layers data train output models linear conv2d softmax; do
    runs 0 help $topic
    [ -s out.txt ] || say "help $topic is empty"
done
runs 0 help data # both a command and a part of a recipe
prints "usage: tarn data check" text_folders val_fraction
runs 0 help models
prints mnist_cnn softmax_regression
runs 0 help --markdown
prints "train"
runs 1 help nonsense
says "nonsense"
if [ -w /dev/full ]; then
    "$TARN" help >/dev/full 2>err.txt && say "a full disk under the output is not noticed"
    says "cannot write"
fi

# --- train: plain lines, since this is no terminal
runs 0 train tiny.yaml output.report=true output.plots=true
[ "$(grep -c '^epoch [12]/2 ' out.txt)" = 2 ] || say "not a line an epoch: $(cat out.txt)"
grep -q $'[\r\x1b]' out.txt && say "a bar is drawn into a file"
prints "best model: accuracy" "run folder: runs/tiny-001"
for file in recipe.yaml model.safetensors last.safetensors metrics.jsonl report.html curves.svg confusion.svg; do
    [ -s runs/tiny-001/$file ] || say "there is no $file in the run folder"
done
cp runs/tiny-001/metrics.jsonl out.txt
is_json
[ "$(wc -l <out.txt)" = 2 ] || say "metrics.jsonl has not a line an epoch"

# --- numbered folders, never overwritten
sum=$(cksum runs/tiny-001/*)
runs 0 train tiny.yaml --json train.epochs=1 output.report=false
is_json
prints '"epoch":1' '"val_accuracy":' '"folder":"runs/tiny-002"'
[ -d runs/tiny-002 ] || say "the second run has no folder"
[ ! -e runs/tiny-002/report.html ] || say "a report that was not asked for"
[ "$sum" = "$(cksum runs/tiny-001/*)" ] || say "the second run changed the first"
grep -q 'epochs: 1$' runs/tiny-002/recipe.yaml || say "an override is not in the run's recipe"

# --- what stops early says so
runs 0 train tiny.yaml train.epochs=30 train.early_stopping.patience=1 train.early_stopping.min_delta=100 output.folder=early
prints "stopped early after epoch 3 of 30"

# --- the run's recipe alone gives the same run again
runs 0 train runs/tiny-001/recipe.yaml
cmp runs/tiny-001/model.safetensors runs/tiny-003/model.safetensors || say "the same recipe, another model"

# --- eval
runs 0 eval runs/tiny-001
prints "64 samples" "accuracy" "precision"
accuracy=$(sed -n 's/.*accuracy \([0-9.]*\)%.*/\1/p' out.txt)
grep -q "accuracy $accuracy%" <("$TARN" eval runs/tiny-001/model.safetensors tiny.yaml) ||
    say "a run and its model file evaluate differently"
runs 0 eval runs/tiny-001 data.val_count=32 --json
is_json
prints '"samples":32'
says "runs/tiny-001/split.json tells of other parts"
mkdir digits # of other data nothing is said
for part in train t10k; do
    { printf '\0\0\010\003\0\0\0\002\0\0\0\034\0\0\0\034'; head -c 1568 /dev/zero; } >digits/$part-images-idx3-ubyte
    printf '\0\0\010\001\0\0\0\002\0\011' >digits/$part-labels-idx1-ubyte
done
runs 0 eval runs/tiny-001 data.name=mnist data.folder=digits data.train_count=0 data.val_count=0
prints "2 samples"
[ ! -s err.txt ] || say "an evaluation on other data says: $(cat err.txt)"
runs 1 eval runs/tiny-001/model.safetensors
says "recipe"
mkdir bare
cp runs/tiny-001/model.safetensors bare/
runs 1 eval bare
says "bare is a model without the recipe of its run" "tarn eval bare RECIPE"

# --- predict: a picture, an entry of an IDX file
runs 0 predict runs/tiny-001 "$SRC/tests/cli/seven.png"
grep -qE 'seven.png: [0-9] \([0-9.]+%\), [0-9] ' out.txt || say "predict prints $(cat out.txt)"
runs 0 predict runs/tiny-001/model.safetensors "$SRC/tests/cli/seven.png" --json
is_json
prints '"label":"' '"scores":['
# two entries: black, and grey
{ printf '\0\0\010\003\0\0\0\002\0\0\0\034\0\0\0\034'; head -c 784 /dev/zero; head -c 784 /dev/zero | tr '\0' '\200'; } >two.idx
runs 0 predict runs/tiny-001 two.idx:0 two.idx:1
[ "$(grep -c '^two.idx:[01]: ' out.txt)" = 2 ] || say "two entries, but: $(cat out.txt)"
runs 1 predict runs/tiny-001 two.idx:2 two.idx:1
says "two.idx" "2 entries, 0 to 1" "no entry '2'"
prints "two.idx:1: "
for entry in -1 three 99999999999999999999 ''; do
    runs 1 predict runs/tiny-001 "two.idx:$entry"
    says "two.idx has 2 entries, 0 to 1" "no entry '$entry'"
done
cp two.idx two:1 # a name as it is
runs 0 predict runs/tiny-001 two:1:0
runs 1 predict runs/tiny-001 two.idx
says "two.idx:0"
{ printf '\0\0\010\001\0\0\0\002'; printf '\1\2'; } >labels.idx
runs 1 predict runs/tiny-001 labels.idx:0
says "u8[]" "u8[1,28,28]"
cp "$SRC/tests/cli/seven.png" $'any\xff\x1bname.png'
runs 0 predict runs/tiny-001 --json $'any\xff\x1bname.png'
is_json
prints 'any\ufffd\u001bname.png'
runs 2 predict runs/tiny-001 ''
says "argument 2 of \`tarn predict\` is empty"
cp "$SRC/tests/cli/seven.png" a=b.png
runs 0 predict runs/tiny-001 a=b.png

# --- profile: the shares of the time are parts of one whole
runs 0 profile tiny.yaml --json --batch 2
is_json
sed 's/.*"time_percent":\([0-9.]*\).*/\1/' out.txt | awk '{ s += $1; most = $1 > most ? $1 : most } END { exit !(s > 195 && s < 205 && most <= 100) }' ||
    say "shares of a prediction's time and of a step's are not 100% each: $(cat out.txt)"
runs 0 profile tiny.yaml --batch 2
[ "$(grep -cE '^ +[0-9.]+ +100\.0%.* in all$' out.txt)" = 2 ] || say "no sums: $(cat out.txt)"

# --- show
for what in runs/tiny-001 runs/tiny-001/model.safetensors tiny.yaml; do
    runs 0 show $what
    prints "f32[batch,1,28,28]" "1562 parameters are trained; 9 values of statistics" "memory plan" "batch 64"
    grep -qE "^conv1 +conv2d +f32\[1,4,12,12\] +104 +29376 +5856$" out.txt || say "no row of conv1: $(cat out.txt)"
    [ "$(grep -cE '^(conv1|bn1|relu|max_pool2d|flatten|dropout|fc1) +[a-z0-9_]+ +f32' out.txt)" = 7 ] ||
        say "not a row for each of 7 layers: $(cat out.txt)"
    grep -qE '^total +1562 ' out.txt || say "no sum: $(cat out.txt)"
    runs 0 show $what --parameters --steps
    prints "conv1.weight" "bn1.running_mean" "fc1.bias"
    grep -qE "^conv1.* f32\[1,4,12,12\] +104 +[0-9]+ +[0-9]+ +[0-9]+$" out.txt || say "no step of conv1: $(cat out.txt)"
done
prints "training, a step:"
sed '/^    -/d; s/^  layers:/  layers: [{reshape: [28, 28]}, {transformer_encoder: {heads: 2, layers: 2, feed_forward: 8}}, mean_steps, {linear: 10}]/' tiny.yaml >nested.yaml
runs 0 show nested.yaml
grep -qE '^      encoder1\.layers\.0\.linear1 +linear +f32\[1,28,8\] +232 ' out.txt || say "no rows in layers: $(cat out.txt)"
runs 0 show nested.yaml --depth 1
grep -q 'linear1' out.txt && say "rows below depth 1: $(cat out.txt)"
grep -qE '^encoder1 +transformer_encoder +f32\[1,28,28\] ' out.txt || say "no row of the encoder: $(cat out.txt)"
runs 2 show nested.yaml --depth 0
says "--depth is '0'"

# --- values computed again: for a memory limit, by a block of layers; the model is the same
sed 's/^    - relu/&\n    - conv2d: {units: 4, kernel: 3, padding: 1}\n    - gelu\n    - conv2d: {units: 4, kernel: 3, padding: 1}\n    - gelu/
    s/batch: 32/batch: 128/' tiny.yaml >deep.yaml
losses() {
    sed 's/.*"loss":\([0-9.e+-]*\).*"val_loss":\([0-9.e+-]*\).*/\1 \2/' "$1/metrics.jsonl"
}
runs 0 show deep.yaml
size=$(sed -n 's/^ *training, a step:.* buffer \([0-9]*\) bytes.* scratch \([0-9]*\),.*/\1 + \2/p' out.txt)
limit=$(((size) * 9 / 10))
runs 0 train deep.yaml output.folder=kept
runs 0 show deep.yaml train.memory_limit=$limit
prints "operators run twice" "MB of buffer instead of"
runs 0 train deep.yaml train.memory_limit=$limit output.folder=limited
prints "operators run twice"
sed 's/^    - batch_norm2d/    - recompute: 6\n&/' deep.yaml >block.yaml
runs 0 train block.yaml output.folder=block
prints "operators run twice"
for folder in limited block; do
    [ "$(losses kept/tiny-001)" = "$(losses $folder/tiny-001)" ] || say "with values computed again, other losses: $folder"
done
# --- recurrent nets with a projection, mixtures of experts, L-BFGS
sed '/^    -/d; s/^  layers:/  layers: [{reshape: [28, 28]}, {lstm: {units: 16, projection: 8, steps: true}}, {mixture_of_experts: {experts: 4, top: 2, hidden: 8}}, mean_steps, {mixture_of_experts: 3}, {linear: 10}]/' tiny.yaml >experts.yaml
runs 0 train experts.yaml
runs 0 show experts.yaml --parameters
prints "lstm1.weight_hr_l0" "experts1.router.weight" "experts2.experts.weight1"
runs 0 train tiny.yaml train.optimizer=lbfgs train.batch=256 train.lr=1 train.epochs=2 output.folder=second
prints "epoch 2/2"
runs 1 train tiny.yaml train.optimizer=lbfgs train.accumulate=2
says "train.accumulate does nothing when train.optimizer is lbfgs"
runs 1 train tiny.yaml train.memory_limit=1000
says "the limit is 1000"
runs 0 show runs/tiny-001 --dot
head -1 out.txt | grep -q '^digraph' || say "show --dot prints $(head -1 out.txt)"
tail -1 out.txt | grep -q '^}' || say "show --dot ends with $(tail -1 out.txt)"

# --- a terminal has a bar (script, of util-linux, makes one)
if ! script -qec true typescript >/dev/null 2>&1 </dev/null; then
    echo "SKIPPED: the bar on a terminal, as no terminal can be made here (script, /dev/pts)"
else
    script -qec "'$TARN' train tiny.yaml" typescript >/dev/null </dev/null || say "training on a terminal failed"
    grep -q '^.*epoch 1/2 ' typescript || say "no epochs on a terminal: $(cat typescript)"
    bars() { # bars COLUMNS: no bar is longer than the terminal is wide, as only one line can be drawn over
        script -qec "stty cols $1; '$TARN' train tiny.yaml data.train_count=150000 train.epochs=1" typescript >/dev/null </dev/null
        tr '\r' '\n' <typescript | sed -n 's/\x1b\[K$//; /^epoch 1\/1 .*left$\|^epoch 1\/1 \[\|^epoch 1\/1 [0-9]*\//p' >bars.txt
        [ -s bars.txt ] || say "no bar on a terminal of $1 columns: $(cat -v typescript)"
        awk -v most="$1" 'length($0) >= most { exit 1 }' bars.txt || say "bars of more than $1 columns: $(cat bars.txt)"
    }
    bars 60
    bars 80
    bars 120
    grep -q '\[[#.]*\]' bars.txt || say "no bar on a wide terminal: $(cat bars.txt)"
    script -qec "TERM=dumb '$TARN' train tiny.yaml" typescript >/dev/null </dev/null || say "training on a dumb terminal failed"
    grep -q $'\x1b' typescript && say "a terminal that cannot draw is drawn on: $(cat -v typescript)"
fi
finish
