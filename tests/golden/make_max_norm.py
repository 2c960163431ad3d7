#!/usr/bin/env python3
"""Makes max_norm.safetensors: embeddings whose rows PyTorch cuts in the table itself, over several steps of training.

Usage: make_max_norm.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

For each variant V, "embedding" and "bag" (of sums), with "sgd" and "adam", a table [9, 4] trains for STEPS steps; the loss of step i is
mean((m(index[i]) - target[i])^2):
    V.index i64 [STEPS, 3, 2], V.target f32, V.initial f32 [9, 4], V.loss f32 [STEPS], V.after f32 [STEPS, 9, 4]
"""
import os
import sys

import torch
from torch import nn

from golden_cases import random
from golden_file import save_file

STEPS, TENSORS = 6, {}


def train(name, m, optimizer, bag):
    generator = torch.Generator().manual_seed(len(name))
    index = torch.randint(9, (STEPS, 3, 2), generator=generator)
    target = 3 * random(name, STEPS, *((3, 4) if bag else (3, 2, 4)))
    with torch.no_grad():
        m.weight.copy_(random(name + " weight", 9, 4))
    TENSORS.update({f"{name}.index": index, f"{name}.target": target, f"{name}.initial": m.weight.detach().clone()})
    opt = optimizer(m.parameters())
    loss, after = torch.zeros(STEPS), torch.zeros(STEPS, 9, 4)
    for i in range(STEPS):
        opt.zero_grad()
        e = ((m(index[i]) - target[i]) ** 2).mean()
        e.backward()
        opt.step()
        loss[i], after[i] = e.item(), m.weight.detach()
    TENSORS.update({f"{name}.loss": loss, f"{name}.after": after})


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for kind, optimizer in (("sgd", lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9)), ("adam", lambda p: torch.optim.Adam(p, lr=0.5))):
        train(f"embedding.{kind}", nn.Embedding(9, 4, max_norm=1.2), optimizer, False)
        train(f"bag.{kind}", nn.EmbeddingBag(9, 4, max_norm=1.2, mode="sum"), optimizer, True)
    path = os.path.join(folder, "max_norm.safetensors")
    save_file(TENSORS, path, metadata={"made_by": f"tests/golden/make_max_norm.py with PyTorch {torch.__version__}"})
    print(f"{path}: {os.path.getsize(path)} bytes")


main()
