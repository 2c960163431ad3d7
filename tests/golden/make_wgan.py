#!/usr/bin/env python3
"""Makes wgan.safetensors: 50 steps of a Wasserstein GAN with gradient penalty, as PyTorch takes them.

Usage: make_wgan.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

Step i updates the critic from real[i], z[i, 0] and mix[i], and then the generator from z[i, 1]. initial.NAME are the weights before the first
step; both nets have one hidden layer of tanh: g.w1 [12, 4], g.b1, g.w2 [2, 12], g.b2 and c.w1 [12, 2], c.b1, c.w2 [1, 12], c.b2.
    loss         f64 [50, 2]   of critic and generator, each before its update
    after50.NAME f32           weights in the end
Both have Adam with a rate of 0.005 and betas 0.5 and 0.9; the penalty counts ten times (Gulrajani et al. 2017, algorithm 1).
"""
import os
import sys

import torch

from golden_file import save_file

STEPS, ROWS = 50, 16
SHAPES = {"g.w1": (12, 4), "g.b1": (12,), "g.w2": (2, 12), "g.b2": (2,), "c.w1": (12, 2), "c.b1": (12,), "c.w2": (1, 12), "c.b2": (1,)}


def net(w, which, x):
    hidden = torch.tanh(x @ w[which + ".w1"].T + w[which + ".b1"])
    return hidden @ w[which + ".w2"].T + w[which + ".b2"]


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    generator = torch.Generator().manual_seed(3)
    w = {k: (0.5 * torch.randn(s, generator=generator)).requires_grad_() for k, s in SHAPES.items()}
    angle = 6.2831853 * torch.rand(STEPS, ROWS, 1, generator=generator)
    real = torch.cat([torch.cos(angle), torch.sin(angle)], 2)
    z = torch.randn(STEPS, 2, ROWS, 4, generator=generator)
    mix = torch.rand(STEPS, ROWS, 1, generator=generator)
    tensors = {"real": real, "z": z, "mix": mix} | {f"initial.{k}": v.detach().clone() for k, v in w.items()}
    optimizers = {k: torch.optim.Adam([v for n, v in w.items() if n.startswith(k)], lr=0.005, betas=(0.5, 0.9), foreach=False)
                  for k in "cg"}
    losses = torch.zeros(STEPS, 2, dtype=torch.float64)
    for i in range(STEPS):
        fake = net(w, "g", z[i, 0]).detach()
        between = (mix[i] * real[i] + (1 - mix[i]) * fake).requires_grad_()
        slope, = torch.autograd.grad(net(w, "c", between).sum(), between, create_graph=True)
        critic = net(w, "c", fake).mean() - net(w, "c", real[i]).mean() + 10 * ((slope.norm(dim=1) - 1)**2).mean()
        for which, loss in (("c", lambda: critic), ("g", lambda: -net(w, "c", net(w, "g", z[i, 1])).mean())):
            value = loss()
            for v in w.values():
                v.grad = None
            value.backward()
            optimizers[which].step()
            losses[i, "cg".index(which)] = value.item()
    tensors["loss"] = losses
    tensors |= {f"after{STEPS}.{k}": v.detach().clone() for k, v in w.items()}
    path = os.path.join(folder, "wgan.safetensors")
    save_file({k: v.contiguous() for k, v in tensors.items()}, path,
              metadata={"made_by": f"tests/golden/make_wgan.py with PyTorch {torch.__version__}"})
    print(f"{path}: {os.path.getsize(path)} bytes; losses {losses[0].tolist()} to {losses[-1].tolist()}")


main()
