"""Whether training in bf16 ends where training in f32 does: recipes run to their end in both, from several seeds, and what they reach on
test data. Only run when it is asked for: it takes long, and says nothing about speed."""
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass

import data
from programs import Failed

SEEDS = (1, 2, 3)
STUDENT = {2: 4.303, 3: 2.776, 4: 2.447, 5: 2.306}  # by seeds: 95% of Student's t with 2 * seeds - 2 degrees of freedom
PRECISIONS = ("f32", "bf16")


@dataclass(frozen=True)
class PrecisionRow:
    name: str
    title: str
    recipe: str  # below recipes/
    given: tuple  # the recipe's key of its data, and where it lies below the folder of known sets
    settings: tuple  # what differs from the recipe
    metric: str  # of `tarn eval --json`
    said: str  # what that is

    half = False


PRECISION = [
    PrecisionRow("precision_mnist_cnn", "MNIST CNN, 2 epochs of all 60,000 digits, batch 64", "mnist_cnn.yaml", ("data.folder", "mnist"),
                 ("train.epochs=2", "data.val_fraction=0"), "accuracy", "accuracy on 10,000 test digits"),
    PrecisionRow("precision_resnet18", "ResNet-18 on CIFAR-10, 80 steps: 10,240 pictures once, batch 128", "cifar10.yaml",
                 ("data.path", "cifar10/cifar10-jpg.tar.gz"),
                 ("model=resnet18", "data.train_count=10240", "data.val_count=2000", "train.epochs=1", "train.lr=0.002",
                  "train.warmup_steps=20"), "accuracy", "accuracy on 2,000 test pictures"),
    PrecisionRow("precision_transformer", "character Transformer on tiny Shakespeare, 1 epoch: 245 steps, batch 32",
                 "shakespeare_transformer.yaml", ("data.path", "text/tinyshakespeare.txt"), ("train.epochs=1",), "loss",
                 "nats a character on the last tenth of the text"),
]


def asked(command):
    """The last line of what tarn answers, which is JSON."""
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"'{' '.join(command)}' ended with status {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_once(row, options, seed, precision):
    recipe = os.path.join(options.root, "recipes", row.recipe)
    key, where = row.given
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"{key}={os.path.join(data.sets_folder(options.root), where)}", *row.settings, f"seed={seed}",
                    f"train.precision={precision}", f"train.threads={options.threads}", f"output.folder={folder}", "output.report=false",
                    "output.plots=false"]
        begin = time.monotonic()
        trained = asked([options.tarn, "train", recipe, *settings])
        tested = asked([options.tarn, "eval", trained["folder"]])
    return {"seed": seed, "precision": precision, "value": tested[row.metric], "loss": tested["loss"], "samples": tested["samples"],
            "seconds": round(time.monotonic() - begin, 1)}


def judge(runs):
    """Means, the spread of the seeds, and whether the means are as near to each other as chance leaves them."""
    values = {p: [r["value"] for r in runs if r["precision"] == p] for p in PRECISIONS}
    n = min(len(v) for v in values.values())
    of = {p: {"mean": statistics.fmean(v), "deviation": statistics.stdev(v)} for p, v in values.items()}
    difference = of["bf16"]["mean"] - of["f32"]["mean"]
    noise = STUDENT[n] * (sum(f["deviation"] ** 2 for f in of.values()) / n) ** 0.5
    return {"of": of, "difference": difference, "noise": noise, "within": abs(difference) <= noise}


def run(row, options):
    runs = []
    for seed in SEEDS:
        for precision in PRECISIONS:
            runs.append(run_once(row, options, seed, precision))
            print(f"  {row.name}, seed {seed}, {precision}: {runs[-1]['value']:.4f} in {runs[-1]['seconds']:.0f} s", flush=True)
    return {"row": row.name, "title": row.title, "recipe": row.recipe, "settings": list(row.settings), "metric": row.metric,
            "said": row.said, "threads": options.threads, "runs": runs, **judge(runs)}


# ---- on the page -------------------------------------------------------------------------------------------------------------


def shown(result, value, signed=False):
    sign = "+" if signed else ""
    return f"{100 * value:{sign}.2f}%" if result["metric"] == "accuracy" else f"{value:{sign}.4f}"


def lines(results):
    """A line of the table for each result."""
    for r in results:
        words = [r["title"], r["said"]]
        for p in PRECISIONS:
            seeds = ", ".join(shown(r, x["value"]) for x in r["runs"] if x["precision"] == p)
            words.append(f"{shown(r, r['of'][p]['mean'])} ({seeds})")
        yield [*words, shown(r, r["difference"], True), shown(r, r["noise"]), "**yes**" if r["within"] else "no"]


HEAD = ["what is trained", "measured", "f32: mean (seeds)", "bf16: mean (seeds)", "difference", "noise", "within noise"]
