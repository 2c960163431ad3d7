#!/usr/bin/env bash
# test_bench.sh: the program's side of the benchmark's protocol (bench/README.md) for every row, small, with data as the harness
# makes them; figures for people; the harness itself, with the program as its own peer. What is fast is not looked at here.
# labels: release slow
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"

runs 0 bench mlp_forward --threads 1
grep -qE '^mlp_forward +[0-9.]+ ms a forward' out.txt || say "bench mlp_forward prints $(cat out.txt)"
runs 0 bench mlp_train --json --threads 1 --precision bf16
is_json
runs 1 bench mlp_train --precision f99
says f99 bf16
runs 0 bench mlp_train --threads 1 --optimizer lion
runs 1 bench mlp_train --optimizer loin
says loin rmsprop
runs 1 bench nonsense
says nonsense mlp_train_sgd resnet50_forward startup
runs 2 bench mlp_train --serve
says "usage: tarn bench"
runs 2 bench mlp_train --list

[ -n "$(command -v python3)" ] || skip "python3, which the harness of the benchmark needs, is not here"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$SRC/bench/harness
if [ -x "$SRC/build/release/bench_limits" ]; then # a row in bf16, which looks for its form in f32 among the results of this processor
    "$SRC/bench/bench" --no-peers --no-files --quick --tarn "$TARN" mlp_train_bf16 >out.txt 2>err.txt || say "bench/bench: $(tail -n 3 err.txt)"
    prints "MLP 784-128-10, training step, batch 64, Adam, bf16"
fi
runs 0 bench --list --json
python3 - <<'PY' || say "the program and the harness do not have the same rows"
import json, rows
listed = [json.loads(line) for line in open("out.txt")]
ours = [{"row": r.name, "title": r.title, "net": r.net, "sample": list(r.sample), "classes": r.classes, "loss": r.loss,
         "batch": r.batch, "optimizer": r.optimizer, "lr": r.lr, "momentum": r.momentum, "tokens": r.tokens, "parameters": r.parameters,
         "limit_mb": r.limit_mb}
        for r in rows.ALL if not r.half]
for a, b in zip(listed, ours):
    assert a == b, (a, b)
assert len(listed) == len(ours)
PY

python3 -c '
import data, rows
for row in rows.ALL:
    if not row.half or not row.graph.has_batch_norm:
        print(row.name, data.make(rows.tiny(row), "."))' >rows.txt || say "the harness makes no data"

# talk ROW FILE COMMANDS [THREADS]: answers in out.txt.
talk() {
    printf "%b" "$3" | "$TARN" bench "$1" --serve --data "$2" --threads "${4:-2}" >out.txt 2>err.txt || say "$1: $(cat err.txt)"
}
steps() {
    python3 - "$1" <<'PY' || say "$1: not what is due: $(head -c 600 out.txt)"
import json, math, sys, rows
row = rows.tiny({r.name: r for r in rows.ALL}[sys.argv[1]])
hello, setup, first, second, profile, again, restarted = (json.loads(line) for line in open("out.txt"))
assert hello["name"] == "Tarn" and hello["isa"] and "version" in hello, hello
assert setup["first_step_seconds"] > 0 and (setup["state_bytes"] > 0 or not row.graph or not row.graph.parameters) and setup["nodes"] > 0, setup
assert "error" not in again, again
assert len(first["seconds"]) == 3 and len(second["seconds"]) == 2 and all(s > 0 for s in first["seconds"])
assert 0 < len(profile["nodes"]) <= profile["count"] and profile["seconds"] > 0, profile
assert all(n["node"] and n["kernel"] and n["seconds"] >= 0 for n in profile["nodes"]), profile
if row.train:
    losses = first["losses"] + second["losses"]
    assert len(losses) == 5 and all(math.isfinite(x) for x in losses), losses
    due = {"cross_entropy": math.log(row.classes), "next_token": math.log(row.classes), "bce_with_logits": math.log(2), "vae": 784 * math.log(2),
           "gan": 3 * math.log(2)}[row.loss]
    assert 0.7 * due < losses[0] < 1.7 * due, losses
    assert restarted["losses"] == first["losses"], "setup does not go back to the first weights"
else:
    assert all(math.isfinite(x) for x in first["outputs"])
    assert len(first["outputs"]) == (16 if row.parameters else min(row.classes, 4096)) and "outputs" not in second
    assert restarted["outputs"] == first["outputs"]
PY
}
while read -r row file; do
    if [ "$row" = startup ]; then
        runs 0 bench startup --data "$file" --threads 1
        grep -qxE '\{"class":[0-9]\}' out.txt || say "startup prints $(cat out.txt)"
        continue
    fi
    case $row in
    resnet* | mobilenet* | squeezenet* | yolov3* | unet* | dcgan*) # long: that they start and give something is enough
        talk "$row" "$file" 'setup\nrun 1\nquit\n' 1
        grep -qE '"(losses|outputs)":\[-?[0-9]' out.txt || say "$row answers $(head -c 600 out.txt)"
        ;;
    *)
        talk "$row" "$file" 'hello\nsetup\nrun 3\nrun 2\nprofile 2\nsetup\nrun 3\nquit\n'
        steps "$row"
        ;;
    esac
done <rows.txt

talk mlp_train nowhere 'hello\nsetup\nrun 1\nprofile 1\nnonsense\nquit\n'
[ "$(grep -c '^{"error":"' out.txt)" = 4 ] || say "errors are not told: $(cat out.txt)"
python3 - <<'PY' || say "no wrong data"
import data, rows
row = rows.tiny(rows.ROWS[0])
contents = open(data.make(row, "."), "rb").read()
open("weights.safetensors", "wb").write(contents.replace(b'"fc2.bias"', b'"fc3.bias"'))
open("net.safetensors", "wb").write(contents.replace(b'"net": "mlp"', b'"net": "pml"'))
open("precision.safetensors", "wb").write(contents.replace(b'"f32"}', b'"f99"}'))
PY
for wrong in weights:fc3.bias net:pml precision:f99; do
    talk mlp_train "${wrong%:*}.safetensors" 'setup\nquit\n'
    grep -q "^{\"error\":\".*${wrong#*:}" out.txt || say "wrong ${wrong%:*} are answered with $(cat out.txt)"
done

# The harness: rounds, comparison, page and pictures.
python3 - "$TARN" <<'PY' || say "the harness fails"
import os, sys
import data_rows, extras, measure, picture, precision, programs, report, rows, tried

class Options:
    cache, logs, threads, rounds, seconds, warm, quick = ".", ".", 1, 2, 0.01, 0.01, True
    root, peers_python = os.environ["SRC"], "none"
    near = staticmethod(lambda: None)

# A round is repeated where the processors were far from each other before or meanwhile, twice at most.
class Rounds:
    def __init__(self):
        self.rounds, self.far = [], 0
for said, far, runs in (((None,) * 3, 0, 1), ((True,) * 3, 0, 1), ((True, False, True, True, True), 0, 2),
                        ((False, True, True, True, True), 0, 2), ((False,) * 8, 1, 3)):
    said, ran, p = iter(said), [], Rounds()
    measure.turn(p, lambda: ran.append(0) or [1.0], lambda: next(said), 0)
    assert (p.far, len(ran), p.rounds) == (far, runs, [[1.0]]), (p.far, ran)

command = lambda row: [sys.argv[1], "bench", row] + ([] if row == "startup" else ["--serve"])
kinds = [programs.Kind("tarn", command, True), programs.Kind("pytorch_eager", command)]
machine = {"processor": "one", "instruction_sets": ["two"], "threads": 1, "pinned_to": [0], "system": "three",
           "limits": {"f32_gflops": 100.0, "bf16_gflops": 100.0, "copy_gbytes_per_second": 10.0, "isa": "avx2"}}
results = {}
for row in rows.ALL:
    if row.name in ("mlp_train", "mlp_forward", "adam_update", "startup"):
        run = measure.run_startup if row is rows.STARTUP else measure.run_row
        r = run(rows.tiny(row), kinds, Options, machine)
        assert r["ratio"] > 0 and not r["failures"] and not any(p.get("disagrees") for p in r["programs"].values()), r
        assert r["row"] == "startup" or (r["profile"]["nodes"] and r["bound"]["share"] > 0), r
        r["reached"] = False
        results[row.name] = {**r, "machine": machine, "date": "today"}
extras.SCALED, extras.CURVES = ["mlp_train"], [("mlp_train", "batch", (1, 2)), ("mlp_train", "depth", (1, 2))]
results["scaling"] = {**extras.run_scaling(kinds, Options, machine), "machine": machine}
results["curves"] = {**extras.run_curves(kinds, Options, machine), "machine": machine}
of_data = []
if os.path.exists(os.environ["BUILD"] + "/bench_data"): # a small table, and the program as its own peer
    os.makedirs("data/data-rows-1")
    with open("data/data-rows-1/integers.csv", "w", encoding="utf-8") as f:
        f.write("a,b\n" + "".join(f"{i},{-i}\n" for i in range(100)))
    with open("data/data-rows-1/counts.json", "w", encoding="utf-8") as f:
        f.write('{"data_csv_integers": 100}')
    row = next(r for r in data_rows.DATA if r.name == "data_csv_integers")
    tarn = programs.data_kinds(os.environ["BUILD"], None)[0]
    pair = [tarn, programs.Kind("pandas", tarn.command)]
    r = measure.run_data(row, pair, Options)
    assert r["ratios"]["pandas"] > 0 and not r["failures"] and r["count"] == 100 and r["programs"]["tarn"]["outputs"] == [100, 2], r
    r["ratios"]["pandas"] = 1.5
    of_data = [{**r, "machine": machine, "date": "today"}]
# Three seeds in both precisions: a difference within their spread, and one beyond it.
def seeds(*values):
    return [{"seed": i % 3 + 1, "precision": ("f32", "bf16")[i // 3], "value": v} for i, v in enumerate(values)]
for row, runs, within in ((precision.PRECISION[0], seeds(0.98, 0.99, 0.985, 0.981, 0.989, 0.984), True),
                          (precision.PRECISION[1], seeds(0.50, 0.51, 0.505, 0.40, 0.41, 0.405), False)):
    r = {"row": row.name, "title": row.title, "metric": row.metric, "said": row.said, "runs": runs, **precision.judge(runs)}
    assert r["within"] is within, r
    results[row.name] = r
assert set(tried.TRIED) <= {r.name for r in rows.ALL}, "what was tried is told of rows that are not there"
tried.TRIED["mlp_train"] = "nothing yet"
page = "\n".join(report.page(results, [results[r.name] for r in rows.ALL if r.name in results], of_data))
assert not of_data or ("1.50x pandas (goal 2x)" in page and "rows/s" in page), page
for words in ("## What falls short", "Where Tarn's time goes", "fc1.linear", "## What is not there yet", "From one thread to all",
              "What was tried: nothing yet", "98.50% (98.00%, 99.00%, 98.50%)", "| -10.00% |"):
    assert words in page, words
for svg in (picture.bars([r for r in results.values() if "programs" in r]), picture.curves(results["curves"]["rows"])):
    assert svg.startswith("<svg") and "Tarn" in svg
os.environ["TARN_BENCH_TF_PYTHON"] = os.environ["TARN_BENCH_JAX_PYTHON"] = "some/python"
keys = {k.key: k for k in programs.kinds(sys.argv[1], "some/python", lambda row: not row.half)}
assert list(keys) == ["tarn", "pytorch_eager", "pytorch_compiled", "onnxruntime", "tensorflow", "jax"], keys
assert "brief" in keys["tensorflow"].command("mlp_train_bf16") and "all" in keys["tensorflow"].command("mlp_train")
assert set(keys) == set(picture.ORDER)
a = {"first_losses": [2.0, 1.0], "outputs": [], "name": "a"}
assert measure.disagreement(rows.ROWS[0], {**a, "first_losses": [2.1, 1.0]}, a)
assert measure.disagreement(rows.ROWS[0], {**a, "first_losses": [2.0, 1.2]}, a)
assert not measure.disagreement(rows.ROWS[0], {**a, "first_losses": [2.0, 1.001]}, a)
PY
finish
