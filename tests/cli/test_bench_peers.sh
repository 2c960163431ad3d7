# test_bench_peers.sh: the benchmark's peers compute what Tarn computes: small rows, a few steps, each peer whose interpreter a variable
# names (TARN_BENCH_PYTHON, TARN_BENCH_TF_PYTHON, TARN_BENCH_JAX_PYTHON). How fast they are is not looked at here.
# labels: release slow
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"

[ -n "$(command -v python3)" ] || skip "python3, which the harness of the benchmark needs, is not here"
[ -n "${TARN_BENCH_PYTHON:-}${TARN_BENCH_TF_PYTHON:-}${TARN_BENCH_JAX_PYTHON:-}" ] ||
    skip "no interpreter that has a peer is named; bench/README.md lists the variables"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$SRC/bench/harness
python3 - "$TARN" <<'PY' || say "a peer does not compute what Tarn computes"
import os, sys
import data, measure, programs, rows

BY_NAME = {r.name: r for r in rows.ALL}
NAMES = ("mnist_cnn_train", "gan_train", "lstm_train", "gru_train", "bert_train", "lstm_step", "gpt2_step", "adamw_update",
         "mnist_cnn_train_bf16", "minilm_forward_bf16")
torch = os.environ.get("TARN_BENCH_PYTHON")
kinds = [k for k in programs.kinds(sys.argv[1], torch or "none", lambda row: False)]
if not torch:
    kinds += programs.others(lambda row: False)
wrong = []
for name in NAMES:
    row, found = rows.tiny(BY_NAME[name]), {}
    for kind in kinds:
        if not kind.takes(row):
            continue
        with open(f"{name}.{kind.key}.log", "w", encoding="utf-8") as log:
            try:
                program = programs.Program(kind, row, data.make(row, "."), 1, log)
                program.rounds = [program.run(4)]
                found[kind.key] = measure.figures(program)
                program.close()
            except programs.NotThisRow:
                pass
            except programs.Failed as reason:
                wrong.append(f"{name}: {kind.key}: {reason}")
    for key, f in found.items():
        said = key != "tarn" and measure.disagreement(row, f, found["tarn"])
        if said:
            wrong.append(f"{name}: {key}: {said}")
    print(name, *found)
print(*wrong, sep="\n", file=sys.stderr)
sys.exit(bool(wrong))
PY
finish
