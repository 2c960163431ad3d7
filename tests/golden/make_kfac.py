#!/usr/bin/env python3
"""Makes kfac.safetensors: K-FAC on a small net, step by step.

Usage: make_kfac.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

The net: x[B, 2, 6, 5], a convolution conv of 3 kernels 3x2 (stride 2, 1, padding 1, 0) without bias, tanh, flattened, linear layers
fc1 and fc2 with tanh between them, cross entropy of 4 classes. Step i (from 0) has x.i and target.i. For each variant V of the
metadata's "variants": "V" are its options, and V.afterN.NAME the parameters after N steps.

Written from the papers in float64: Martens and Grosse 2015, sections 3, 5 and 6.3, Grosse and Martens 2016, section 3, and Ba,
Grosse, Martens 2017, section 5. What layers take and what arrives at their results is got by hooks, so that nothing but the
equations is common with Tarn's.
"""
import math
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

from golden_file import save_file

STEPS, SNAPSHOTS, BATCH = 12, (1, 2, 5, 12), 7
VARIANTS = {
    "kfac": dict(lr=0.05, refresh=1, kl_clip=0.0, eps=0.1),
    "kfac_clip": dict(lr=0.3, refresh=1, kl_clip=0.01, eps=0.03, momentum=0.5, weight_decay=0.1),
    "kfac_every": dict(lr=0.05, refresh=3, kl_clip=1.0, eps=0.1, beta2=0.6),
}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0), bias=False)
        self.fc1, self.fc2 = nn.Linear(3 * 3 * 4, 5), nn.Linear(5, 4)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(torch.tanh(self.conv(x)).flatten(1))))


def factors(layer, x, slope):
    """Sums over samples and places of the inputs' and the slopes' outer products, as means over samples; slopes of one sample."""
    n = x.shape[0]
    slope = slope * n  # the loss is a mean
    if isinstance(layer, nn.Conv2d):
        columns = F.unfold(x, layer.kernel_size, padding=layer.padding, stride=layer.stride)  # [N, inputs, places]
        places = columns.shape[2]
        a = sum(c @ c.T for c in columns) / n
        g = sum(s.flatten(1) @ s.flatten(1).T for s in slope) / (n * places)
    else:
        x = torch.cat([x, torch.ones(n, 1, dtype=x.dtype)], 1)
        a = sum(torch.outer(v, v) for v in x) / n
        g = sum(torch.outer(v, v) for v in slope) / n
    return a, g


def train(net, batches, lr, refresh, kl_clip, eps, momentum=0.9, weight_decay=0.0, beta2=0.95):
    layers, seen, state, snapshots = [net.conv, net.fc1, net.fc2], {}, {}, {}
    for layer in layers:
        layer.register_forward_hook(lambda m, args, out: seen.update({m: (args[0].detach(), out)}) or out.retain_grad())
    for t, (x, target) in enumerate(batches, 1):
        net.zero_grad()
        F.cross_entropy(net(x.double()), target).backward()
        ways, change = {}, 0.0
        for layer in layers:
            s, (taken, out) = state.setdefault(layer, {}), seen[layer]
            a, g = factors(layer, taken, out.grad)
            keep = min(1 - 1 / t, beta2)
            s["a"], s["g"] = keep * s.get("a", 0) + (1 - keep) * a, keep * s.get("g", 0) + (1 - keep) * g
            if (t - 1) % refresh == 0:
                pi = math.sqrt((s["a"].trace() / len(a)) / (s["g"].trace() / len(g)))
                s["ai"] = torch.linalg.inv(s["a"] + pi * math.sqrt(eps) * torch.eye(len(a), dtype=a.dtype))
                s["gi"] = torch.linalg.inv(s["g"] + math.sqrt(eps) / pi * torch.eye(len(g), dtype=g.dtype))
            d = layer.weight.grad.flatten(1)
            d = torch.cat([d, layer.bias.grad.unsqueeze(1)], 1) if layer.bias is not None else d
            ways[layer] = s["gi"] @ d @ s["ai"]
            change += (ways[layer] * d).sum().item() * lr**2
        short = min(1.0, math.sqrt(kl_clip / change)) if kl_clip > 0 else 1.0
        with torch.no_grad():
            for layer, way in ways.items():
                parts = {"weight": way if layer.bias is None else way[:, :-1]} | ({} if layer.bias is None else {"bias": way[:, -1]})
                for name, part in parts.items():
                    w, key = getattr(layer, name), "m_" + name
                    state[layer][key] = momentum * state[layer].get(key, 0) + short * part.reshape(w.shape)
                    w.mul_(1 - lr * weight_decay).sub_(lr * state[layer][key])
        if t in SNAPSHOTS:
            snapshots.update({f"after{t}.{k}": v.detach().float() for k, v in net.named_parameters()})
    wide = {f"wide.{k}": v.detach().clone() for k, v in net.named_parameters()}
    return snapshots, wide


def main():
    torch.set_num_threads(1)
    torch.manual_seed(3)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    net = Net()
    initial = {k: v.detach().clone() for k, v in net.named_parameters()}
    batches = [(torch.randn(BATCH, 2, 6, 5), torch.randint(4, (BATCH,))) for _ in range(STEPS)]
    tensors = {f"initial.{k}": v for k, v in initial.items()}
    for i, (x, target) in enumerate(batches):
        tensors |= {f"x.{i}": x, f"target.{i}": target}
    notes = {"made_by": f"tests/golden/make_kfac.py with PyTorch {torch.__version__}", "variants": " ".join(VARIANTS)}
    for name, options in VARIANTS.items():
        notes[name] = " ".join(f"{k}={v!r}" for k, v in options.items())
        rate = torch.tensor(options["lr"], dtype=torch.float32).item()
        for wide, lr in enumerate((options["lr"], rate)):
            net = Net().double()
            net.load_state_dict({k: v.double() for k, v in initial.items()})
            tensors |= {f"{name}.{k}": v for k, v in train(net, batches, **options | {"lr": lr})[wide].items()}
    path = os.path.join(folder, "kfac.safetensors")
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata=notes)
    print(f"{path}: {os.path.getsize(path)} bytes")


main()
