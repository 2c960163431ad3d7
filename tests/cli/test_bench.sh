#!/usr/bin/env bash
# test_bench.sh: the program's side of the benchmark's protocol (bench/README.md), with data as the harness makes them; figures
# for people. What is fast is not looked at here.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"

runs 0 bench mlp_forward --threads 1
grep -qE '^mlp_forward +[0-9.]+ ms a prediction' out.txt || say "bench mlp_forward prints $(cat out.txt)"
runs 1 bench nonsense
says nonsense mlp_train_sgd startup
runs 2 bench mlp_train --serve
says "usage: tarn bench"

[ -n "$(command -v python3)" ] || skip "python3, which makes the data of the benchmark, is not here"
make_data() {
    PYTHONDONTWRITEBYTECODE=1 python3 -c '
import sys
sys.path.insert(0, sys.argv[1] + "/bench/harness")
import data, rows
for row in rows.ROWS + [rows.STARTUP]:
    print(row.name, data.make(row, "."))' "$SRC"
}
make_data >rows.txt || say "the harness makes no data"

# talk ROW FILE COMMANDS: answers in out.txt.
talk() {
    printf "%b" "$3" | "$TARN" bench "$1" --serve --data "$2" --threads 2 >out.txt 2>err.txt || say "$1: $(cat err.txt)"
}
steps() {
    python3 - "$1" "$2" <<'PY' || say "$1: not what is due: $(head -c 600 out.txt)"
import json, math, sys
row, file = sys.argv[1:]
answers = [json.loads(line) for line in open("out.txt")]
hello, setup, first, second, again, restarted = answers
assert hello["name"] == "Tarn" and hello["isa"] and "version" in hello, hello
assert "error" not in setup and "error" not in again, setup
assert len(first["seconds"]) == 3 and len(second["seconds"]) == 2 and all(s > 0 for s in first["seconds"])
if "train" in row:
    losses = first["losses"] + second["losses"]
    assert len(losses) == 5 and all(math.isfinite(x) for x in losses), losses
    assert abs(losses[0] - math.log(10)) < 0.3, losses
    assert restarted["losses"] == first["losses"], "setup does not go back to the first weights"
else:
    assert len(first["outputs"]) == 10 and "outputs" not in second and restarted["outputs"] == first["outputs"]
PY
}
while read -r row file; do
    if [ "$row" = startup ]; then
        runs 0 bench startup --data "$file" --threads 1
        grep -qxE '\{"class":[0-9]\}' out.txt || say "startup prints $(cat out.txt)"
        continue
    fi
    talk "$row" "$file" 'hello\nsetup\nrun 3\nrun 2\nsetup\nrun 3\nquit\n'
    steps "$row" "$file"
done <rows.txt

talk mlp_train nowhere 'hello\nsetup\nrun 1\nnonsense\nquit\n'
[ "$(grep -c '^{"error":"' out.txt)" = 3 ] || say "errors are not told: $(cat out.txt)"
printf 'hello\nsetup\n' | "$TARN" bench some_other_row --serve --data "$file" >out.txt 2>&1
[ $? = 3 ] || say "a row that is not done must end with status 3"
finish
