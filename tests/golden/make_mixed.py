#!/usr/bin/env python3
"""Makes mixed.safetensors: trainings in mixed precision by PyTorch that Tarn must follow: weights in f32, and what layers multiply,
their results and what comes back through them in f16 or bf16.

Usage: make_mixed.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

Nets, batches and initial weights are those of mlp.safetensors and cnn.safetensors (make_training.py), which must lie in the folder.
Every layer casts its input, weight and bias to the narrow type; scores are cast to f32 before the cross entropy. In f16 the loss is
multiplied by 1024 before gradients are taken, and these are divided by it in f32. For each run R in the metadata's "runs", "mlp_bf16_sgd"
and so on:
    R.loss            f64 [50]     the loss of each step, before its update
    R.after10.NAME    f32          of the mlp: the weights after 10 steps
"R.loss_error" says how far rounding alone carries a run: the largest relative difference of a loss between runs from weights that were
moved in their last places of f32. The runs of f32 are in those files; these differ from them by up to "R.from_f32".
"""
import os
import sys

import torch
from torch.nn import functional as F

from golden_file import save_file

STEPS, SNAPSHOT, SCALE = 50, 10, 1024.0
NARROW = {"bf16": torch.bfloat16, "f16": torch.float16}
OPTIMIZERS = {"sgd": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, foreach=False),
              "adam": lambda p: torch.optim.Adam(p, lr=1e-3, foreach=False)}


def linear(x, w, name, dtype):
    return F.linear(x.to(dtype), w[name + ".weight"].to(dtype), w[name + ".bias"].to(dtype))


def conv2d(x, w, name, dtype):
    return F.conv2d(x.to(dtype), w[name + ".weight"].to(dtype), w[name + ".bias"].to(dtype))


def mlp(x, w, dtype):
    return linear(F.relu(linear(x, w, "fc1", dtype)), w, "fc2", dtype)


def cnn(x, w, dtype):
    x = F.relu(conv2d(F.relu(conv2d(x, w, "conv1", dtype)), w, "conv2", dtype))
    x = F.relu(linear(F.max_pool2d(x, 2).flatten(1), w, "fc1", dtype))
    return linear(x, w, "fc2", dtype)


NETS = {"mlp": mlp, "cnn": cnn}


def read(path):
    from safetensors.torch import load_file
    got = load_file(path)
    return got["inputs"], got["labels"], {k[8:]: v for k, v in got.items() if k.startswith("initial.")}


def train(net, data, narrow, optimizer, moved=None):
    inputs, labels, initial = data
    w = {k: v.clone() if moved is None else v * (1 + 3e-7 * (2 * torch.rand(v.shape, generator=moved) - 1)) for k, v in initial.items()}
    for v in w.values():
        v.requires_grad_(True)
    rule, scale = OPTIMIZERS[optimizer](list(w.values())), SCALE if narrow == torch.float16 else 1.0
    losses, snapshot = [], None
    for step in range(STEPS):
        x = inputs[step % len(inputs)].to(torch.float32) / 255
        loss = F.cross_entropy(NETS[net](x, w, narrow).float(), labels[step % len(inputs)])
        losses.append(loss.item())
        rule.zero_grad()
        (loss * scale).backward()
        for v in w.values():
            v.grad /= scale
        rule.step()
        if step + 1 == SNAPSHOT:
            snapshot = {k: v.detach().clone() for k, v in w.items()}
    return torch.tensor(losses, dtype=torch.float64), snapshot


def worst(a, b):
    return ((a - b) / b).abs().max().item()


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    tensors, notes = {}, {"made_by": f"tests/golden/make_mixed.py with PyTorch {torch.__version__}", "scale": repr(SCALE)}
    for net in NETS:
        data = read(os.path.join(folder, net + ".safetensors"))
        for name, narrow in NARROW.items():
            for optimizer in OPTIMIZERS:
                run = f"{net}_{name}_{optimizer}"
                loss, state = train(net, data, narrow, optimizer)
                generator = torch.Generator().manual_seed(1)
                error = max(worst(train(net, data, narrow, optimizer, generator)[0], loss) for _ in range(4))
                away = worst(train(net, data, torch.float32, optimizer)[0], loss)
                tensors[run + ".loss"] = loss
                if net == "mlp":
                    tensors.update({f"{run}.after{SNAPSHOT}.{k}": v for k, v in state.items()})
                notes["runs"] = notes.get("runs", "") + (" " if "runs" in notes else "") + run
                notes[run + ".loss_error"], notes[run + ".from_f32"] = f"{error:.1e}", f"{away:.1e}"
                print(f"{run:14} loss {loss[0]:.4f} -> {loss[-8:].mean():.4f}   rounding {error:.1e}, from f32 {away:.1e}")
    path = os.path.join(folder, "mixed.safetensors")
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata=notes)
    print(f"{path}: {os.path.getsize(path)} bytes")


main()
