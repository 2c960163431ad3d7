#!/usr/bin/env python3
"""Makes sam.safetensors: 15 steps of sharpness-aware minimisation (Foret et al. 2021, algorithm 1), with PyTorch's gradients and optimizers.

Usage: make_sam.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

A net of one hidden layer of tanh, w1 [8, 4], b1 [8], w2 [2, 8], b2 [2], and the mean square of what it is beside y. Step i has x[i] and y[i].
For each variant V in the metadata's "variants", whose text is "RHO RATE OPTIMIZER":
    V.loss          f64 [15]   before each step, at the weights themselves
    V.after15.NAME  f32        weights in the end; all begin from initial.NAME
    V.wide.NAME     f64        the same in f64 throughout, with the rate as f32 holds it
"""
import os
import sys

import torch
from torch.nn import functional as F

from golden_file import save_file

STEPS, ROWS = 15, 6
SHAPES = {"w1": (8, 4), "b1": (8,), "w2": (2, 8), "b2": (2,)}
VARIANTS = {"small": (0.05, 0.1, "sgd"), "large": (0.5, 0.1, "sgd"), "adam": (0.2, 0.02, "adam")}


def run(initial, x, y, rho, rate, kind):
    w = {k: v.clone().requires_grad_() for k, v in initial.items()}
    make = {"sgd": lambda p: torch.optim.SGD(p, lr=rate, momentum=0.9, foreach=False),
            "adam": lambda p: torch.optim.Adam(p, lr=rate, foreach=False)}[kind]
    optimizer, losses = make(list(w.values())), []

    def slopes(at, i):
        loss = F.mse_loss(F.linear(torch.tanh(F.linear(x[i], at["w1"], at["b1"])), at["w2"], at["b2"]), y[i])
        return loss, torch.autograd.grad(loss, list(at.values()))

    for i in range(STEPS):
        loss, here = slopes(w, i)
        length = torch.sqrt(sum((g**2).sum() for g in here)) + 1e-12
        there = {k: (v.detach() + rho * g / length).requires_grad_() for (k, v), g in zip(w.items(), here)}
        for v, g in zip(w.values(), slopes(there, i)[1]):
            v.grad = g
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64), {k: v.detach() for k, v in w.items()}


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    generator = torch.Generator().manual_seed(11)
    initial = {k: 0.6 * torch.randn(s, generator=generator) for k, s in SHAPES.items()}
    x, y = torch.randn(STEPS, ROWS, 4, generator=generator), torch.randn(STEPS, ROWS, 2, generator=generator)
    tensors = {"x": x, "y": y} | {f"initial.{k}": v for k, v in initial.items()}
    notes = {"made_by": f"tests/golden/make_sam.py with PyTorch {torch.__version__}", "variants": " ".join(VARIANTS)}
    for name, (rho, rate, kind) in VARIANTS.items():
        notes[name] = f"{rho} {rate} {kind}"
        tensors[f"{name}.loss"], after = run(initial, x, y, rho, rate, kind)
        tensors |= {f"{name}.after{STEPS}.{k}": v for k, v in after.items()}
        rate = torch.tensor(rate, dtype=torch.float32).item()
        after = run({k: v.double() for k, v in initial.items()}, x.double(), y.double(), rho, rate, kind)[1]
        tensors |= {f"{name}.wide.{k}": v for k, v in after.items()}
    path = os.path.join(folder, "sam.safetensors")
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata=notes)
    print(f"{path}: {os.path.getsize(path)} bytes")


main()
