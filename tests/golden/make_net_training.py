#!/usr/bin/env python3
"""Makes net_training.safetensors: short trainings of a mixture of experts, a U-Net and a vision Transformer that Tarn must follow.

Usage: make_net_training.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

Its tensors are named as those of sequence_training.safetensors; inputs are x and target.
"""
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

from golden_cases import random
from golden_file import save_file
from make_sequence_training import BATCHES, LR, ROWS, TENSORS, run


class Experts(nn.Module):
    def __init__(self, n, features, hidden):
        super().__init__()
        self.weight1, self.bias1 = nn.Parameter(torch.zeros(n, hidden, features)), nn.Parameter(torch.zeros(n, hidden))
        self.weight2, self.bias2 = nn.Parameter(torch.zeros(n, features, hidden)), nn.Parameter(torch.zeros(n, features))

    def forward(self, x):
        y = torch.einsum("nf,ehf->neh", x, self.weight1) + self.bias1
        return torch.einsum("neh,efh->nef", y.relu(), self.weight2) + self.bias2


class Mixture(nn.Module):
    """The two best of four experts for each token, weights that add up to 1, and the loss that balances (Fedus et al. 2021)."""

    def __init__(self):
        super().__init__()
        self.router, self.experts = nn.Linear(12, 4, bias=False), Experts(4, 12, 10)

    def forward(self, x):
        p = self.router(x).softmax(-1)
        gate, index = p.topk(2)
        gate = gate / gate.sum(-1, keepdim=True)
        y = (self.experts(x).gather(1, index[:, :, None].expand(-1, -1, 12)) * gate[:, :, None]).sum(1)
        return y, 4 * (F.one_hot(index[:, 0], 4).double().mean(0) * p.mean(0)).sum()


class MixtureNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.m, self.last = nn.Linear(8, 12), Mixture(), nn.Linear(12, 3)

    def forward(self, x, target):
        h = self.first(x).tanh()
        y, balance = self.m(h)
        return F.cross_entropy(self.last(h + y), target) + 0.01 * balance


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(2, 8, 3, padding=1), nn.GroupNorm(4, 8)
        self.conv2, self.norm2 = nn.Conv2d(8, 12, 3, padding=1), nn.GroupNorm(3, 12)
        self.up = nn.ConvTranspose2d(12, 8, 2, stride=2)
        self.conv3, self.norm3, self.last = nn.Conv2d(16, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.Conv2d(8, 3, 1)

    def forward(self, x, target):
        high = self.norm1(self.conv1(x)).relu()
        low = self.norm2(self.conv2(F.max_pool2d(high, 2))).relu()
        y = self.norm3(self.conv3(torch.cat((self.up(low), high), 1))).relu()
        return F.cross_entropy(self.last(y), target)


class VisionTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, stride=4)
        self.first, self.places = nn.Parameter(torch.zeros(1, 1, 16)), nn.Parameter(torch.zeros(1, 17, 16))
        layer = nn.TransformerEncoderLayer(16, 4, 32, 0.0, "gelu", batch_first=True, norm_first=True)
        self.m, self.last = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False), nn.Linear(16, 3)

    def forward(self, x, target):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.first.expand(x.shape[0], -1, -1), x), 1) + self.places
        return F.cross_entropy(self.last(self.m(x)[:, 0]), target)


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    generator = torch.Generator().manual_seed(7)
    whole = lambda high, *shape: torch.randint(0, high, shape, generator=generator)
    pictures = lambda name, *shape: random(name, BATCHES, *shape).float().double()
    run("mixture", MixtureNet(), x=pictures("mixture x", 4 * ROWS, 8), target=whole(3, BATCHES, 4 * ROWS))
    run("unet", UNet(), x=pictures("unet x", 3, 2, 8, 8), target=whole(3, BATCHES, 3, 8, 8))
    run("vit", VisionTransformer(), x=pictures("vit x", ROWS, 3, 16, 16), target=whole(3, BATCHES, ROWS))
    tensors = {k: v.float() if v.is_floating_point() and not k.endswith(".loss") else v for k, v in TENSORS.items()}
    save_file(tensors, os.path.join(folder, "net_training.safetensors"),
              metadata={"made_by": f"tests/golden/make_net_training.py with PyTorch {torch.__version__}", "lr": str(LR)})
