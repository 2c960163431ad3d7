"""What is measured besides rows of one size: scaling with threads, cost against batch, depth and length, what is installed."""
import json
import os
import subprocess
import tempfile

import measure
from rows import ROWS, variant

ROW = {r.name: r for r in ROWS}
SCALED = ["mlp_wide_train", "mnist_cnn_train", "cifar_cnn_train", "lstm_train", "encoder_train", "mnist_cnn_forward_b64",
          "resnet50_forward", "minilm_forward"]
CURVES = [("mlp_train", "batch", (1, 4, 16, 64, 256)), ("mnist_cnn_train", "batch", (1, 4, 16, 64)),
          ("mlp_train", "depth", (1, 4, 16, 64)), ("minilm_forward", "sequence", (8, 32, 128, 512)),
          ("lstm_train", "sequence", (10, 40, 160))]
COMPARED = ("tarn", "pytorch_eager")


class Options:
    """The run's options, but for a few."""

    def __init__(self, options, **changes):
        self.__dict__.update(vars(options), **changes)


def brief(result):
    keys = ("median_seconds", "min_seconds", "max_seconds", "peak_bytes", "disagrees")
    return {"failures": result["failures"],
            "programs": {k: {x: p[x] for x in keys if x in p} for k, p in result["programs"].items()}}


def run_scaling(kinds, options, machine):
    """The same rows on one thread and on all."""
    kinds, found = [k for k in kinds if k.key in COMPARED], []
    for name in SCALED:
        per_threads = {}
        for threads in sorted({1, options.threads}):
            less = Options(options, threads=threads, rounds=min(2, options.rounds))
            per_threads[str(threads)] = brief(measure.run_row(ROW[name], kinds, less, machine))
        found.append({"row": name, "title": ROW[name].title, "threads": per_threads})
    return {"row": "scaling", "title": "scaling with threads", "rows": found}


def sized(row, axis, size):
    """The row with that batch, or as many layers of 128 units before the last one."""
    if axis == "batch":
        return variant(row, batch=size)
    if axis == "sequence":
        return variant(row, name=f"{row.name}_t{size}", sample=(size, *row.sample[1:]))
    return variant(row, name=f"{row.name}_depth{size}", net=f"{size} linear 128, linear 10")


def run_curves(kinds, options, machine):
    """The same work in several sizes."""
    kinds, found = [k for k in kinds if k.key in COMPARED], []
    less = Options(options, rounds=1)
    for name, axis, sizes in CURVES:
        points = {str(size): brief(measure.run_row(sized(ROW[name], axis, size), kinds, less, machine)) for size in sizes}
        title = "linear layers of 128 units, training step, batch 64, Adam" if axis == "depth" else ROW[name].title
        found.append({"row": name, "title": title, "axis": axis, "points": points})
    return {"row": "curves", "title": "cost against batch, depth and length", "rows": found}


def folder_bytes(path):
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            full = os.path.join(folder, name)
            if not os.path.islink(full):
                total += os.path.getsize(full)
    return total


def installed_tarn(build):
    """Bytes of what `cmake --install` puts in place, and of its files that run; None when there is nothing to install."""
    with tempfile.TemporaryDirectory() as prefix:
        done = subprocess.run(["cmake", "--install", build, "--prefix", prefix], capture_output=True, check=False)
        if done.returncode != 0:
            return None
        files = {}
        for folder, _, names in os.walk(prefix):
            for name in names:
                full = os.path.join(folder, name)
                if name == "tarn" or (".so" in name and not os.path.islink(full)) or name.endswith(".a"):
                    files[os.path.relpath(full, prefix)] = os.path.getsize(full)
        return {"bytes": folder_bytes(prefix), "files": files}


def installed_peers(python, names):
    """Bytes of the folders of packages that an interpreter has."""
    program = ("import json, os, sys, importlib.util as u\n"
               "def f(n):\n"
               "    s = u.find_spec(n)\n"
               "    return os.path.dirname(s.origin) if s and s.origin else None\n"
               "print(json.dumps({n: f(n) for n in sys.argv[1:]}))")
    done = subprocess.run([python, "-c", program, *names], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return {}
    return {name: folder_bytes(path) for name, path in json.loads(done.stdout).items() if path}


def run_size(options, build):
    """The peers' packages, and those that they cannot do without here."""
    peers, python = {}, options.peers_python
    if python != "none" and not options.no_peers:
        peers = installed_peers(python, ["torch", "onnxruntime", "numpy"])
        for variable, names in (("TARN_BENCH_TF_PYTHON", ["tensorflow", "keras"]), ("TARN_BENCH_JAX_PYTHON", ["jax", "jaxlib"])):
            if os.environ.get(variable):
                peers.update(installed_peers(os.environ[variable], names))
    return {"row": "size", "title": "what is installed", "tarn": installed_tarn(build), "peers": peers}
