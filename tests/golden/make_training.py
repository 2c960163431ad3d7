#!/usr/bin/env python3
"""Makes mlp.safetensors, cnn.safetensors and norm.safetensors: short trainings by PyTorch that Tarn must follow.

Usage: make_training.py [FOLDER]      (PyTorch 2.x; the files are committed, so users never run this)

Each file holds one net and the data that every variant of its training sees:
    inputs            u8  [batches, rows, ...]   the net's input is inputs[k] / 255 in float32
    labels            i64 [batches, rows]        step i (from 0) uses batch i % batches; the loss is the mean cross entropy
    initial.NAME      f32                        the state before the first step, under PyTorch's names
and for each variant V in the metadata's "variants" (words separated by spaces):
    V.loss            f64 [100]                  the loss of each step, before its update
    V.after10.NAME    f32                        the state after 10 steps: parameters and running statistics
The metadata holds the rest as plain text: "V.optimizer" (sgd, adam, adamw), "V.lr", "V.momentum", "V.nesterov" (true or
false), "V.weight_decay", "V.betas" (two numbers), "V.eps"; "layers" says what the net is, "threads" is 1.

"V.loss_error" and "V.state_error" say how far rounding alone carries a run: the largest relative difference of a loss and
the largest difference of a weight between PyTorch's float32 run, the same run in float64, and float32 runs from weights
that were moved in their last places. Some starts are chaotic (a unit that wakes up late, a sum that crosses the
kink of a relu); the seed of each net is the first one for which all variants are calm, so that a comparison tests the
program that follows and not its luck.
"""
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

from golden_file import save_file

STEPS, SNAPSHOT, BATCHES = 100, 10, 8


class Mlp(nn.Module):
    layers = "flatten, fc1 = linear(64, 32), relu, fc2 = linear(32, 10)"
    shape, rows = (64,), 32

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(64, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


class Cnn(nn.Module):
    layers = ("conv1 = conv2d(1, 8, 3), relu, conv2 = conv2d(8, 16, 3), relu, max_pool2d(2), flatten, "
              "fc1 = linear(256, 32), relu, fc2 = linear(32, 10)")
    shape, rows = (1, 12, 12), 8

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 16, 3)
        self.fc1, self.fc2 = nn.Linear(256, 32), nn.Linear(32, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Norm(nn.Module):
    # No bias in front of a batch norm: its gradient is zero but for rounding, which Adam would blow up to whole steps.
    layers = ("conv1 = conv2d(1, 4, 3, padding 1, no bias), bn1 = batch_norm(4), relu, "
              "conv2 = conv2d(4, 8, 3, stride 2, no bias), bn2 = batch_norm(8), relu, avg_pool2d(2, stride 1), flatten, "
              "fc1 = linear(32, 24, no bias), bn3 = batch_norm(24), relu, fc2 = linear(24, 10)")
    shape, rows = (1, 8, 8), 16

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8)
        self.fc1, self.bn3 = nn.Linear(32, 24, bias=False), nn.BatchNorm1d(24)
        self.fc2 = nn.Linear(24, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.avg_pool2d(x, 2, stride=1).flatten(1)
        return self.fc2(F.relu(self.bn3(self.fc1(x))))


SGD = dict(optimizer="sgd", lr=0.02, momentum=0.9, nesterov=False, weight_decay=0.0)
ADAM = dict(optimizer="adam", lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
VARIANTS = {
    "sgd": SGD,
    "sgd_nesterov": dict(SGD, nesterov=True),
    "sgd_decay": dict(SGD, weight_decay=1e-2),
    "sgd_plain": dict(SGD, momentum=0.0, lr=0.1),
    "adam": ADAM,
    "adam_decay": dict(ADAM, weight_decay=1e-2),
    "adamw": dict(ADAM, optimizer="adamw", weight_decay=1e-1),
}
WANTED = {
    "mlp": (Mlp, ["sgd", "sgd_nesterov", "sgd_decay", "sgd_plain", "adam", "adam_decay", "adamw"]),
    "cnn": (Cnn, ["sgd", "sgd_nesterov", "sgd_decay", "adam"]),
    "norm": (Norm, ["sgd", "sgd_decay", "adam", "adamw"]),  # small: each relu's kink near a value is a chance of chaos
}


def make_data(model, generator):
    """Blurred random patterns, one per class, with noise in pixels and in labels, so that the loss falls but not to 0."""
    side = 8 if len(model.shape) == 1 else model.shape[-1]
    patterns = torch.rand(10, 1, 4, 4, generator=generator)
    patterns = F.interpolate(patterns, size=(side, side), mode="bilinear", align_corners=True)
    labels = torch.randint(0, 10, (BATCHES, model.rows), generator=generator)
    pixels = patterns[labels.flatten()] + 0.35 * torch.randn(BATCHES * model.rows, 1, side, side, generator=generator)
    inputs = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).reshape(BATCHES, model.rows, *model.shape)
    wrong = torch.rand(labels.shape, generator=generator) < 0.15
    labels = torch.where(wrong, torch.randint(0, 10, labels.shape, generator=generator), labels)
    return inputs, labels


def make_optimizer(parameters, o):
    if o["optimizer"] == "sgd":
        return torch.optim.SGD(parameters, lr=o["lr"], momentum=o["momentum"], nesterov=o["nesterov"],
                               weight_decay=o["weight_decay"], foreach=False)
    kind = torch.optim.Adam if o["optimizer"] == "adam" else torch.optim.AdamW
    return kind(parameters, lr=o["lr"], betas=o["betas"], eps=o["eps"], weight_decay=o["weight_decay"], foreach=False)


def state_of(model):
    return {k: v.detach().clone() for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def train(kind, initial, inputs, labels, options, dtype):
    model = kind()
    model.load_state_dict(initial, strict=False)
    model = model.to(dtype).train()
    optimizer = make_optimizer(model.parameters(), options)
    losses, snapshot = [], None
    for step in range(STEPS):
        x = (inputs[step % BATCHES].to(torch.float32) / 255).to(dtype)
        loss = F.cross_entropy(model(x), labels[step % BATCHES])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step + 1 == SNAPSHOT:
            snapshot = state_of(model)
    return torch.tensor(losses, dtype=torch.float64), snapshot


def moved(initial, generator):
    """The weights, each off by a few units in its last place."""
    return {k: v * (1 + 3e-7 * (2 * torch.rand(v.shape, generator=generator) - 1)) for k, v in initial.items()}


def errors_of(kind, initial, inputs, labels, options, loss, state):
    generator = torch.Generator().manual_seed(1)
    runs = [train(kind, initial, inputs, labels, options, torch.float64)]
    runs += [train(kind, moved(initial, generator), inputs, labels, options, torch.float32) for _ in range(8)]
    loss_error = max(((loss - other) / other).abs().max().item() for other, _ in runs)
    state_error = max((state[k] - other[k]).abs().max().item() for _, other in runs for k in state)
    return loss_error, state_error


def text_of(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return " ".join(repr(v) for v in value)
    return value if isinstance(value, str) else repr(value)


def make_with(name, seed):
    """The file's contents for one seed, or None where rounding decides."""
    kind, variants = WANTED[name]
    torch.manual_seed(seed)
    initial = state_of(kind())
    inputs, labels = make_data(kind, torch.Generator().manual_seed(seed))
    tensors = {"inputs": inputs, "labels": labels}
    tensors.update({f"initial.{k}": v for k, v in initial.items()})
    notes = {"made_by": f"tests/golden/make_training.py with PyTorch {torch.__version__}", "model": name,
             "layers": kind.layers, "variants": " ".join(variants), "steps": str(STEPS), "threads": "1", "seed": str(seed)}
    for variant in variants:
        options = VARIANTS[variant]
        loss, state = train(kind, initial, inputs, labels, options, torch.float32)
        loss_error, state_error = errors_of(kind, initial, inputs, labels, options, loss, state)
        if loss_error > 2e-5 or state_error > 2e-6:
            print(f"{name} seed {seed}: {variant} is off by {loss_error:.1e} and {state_error:.1e}: next seed")
            return None
        tensors[f"{variant}.loss"] = loss
        tensors.update({f"{variant}.after{SNAPSHOT}.{k}": v for k, v in state.items()})
        notes.update({f"{variant}.{k}": text_of(v) for k, v in options.items()})
        notes[f"{variant}.loss_error"], notes[f"{variant}.state_error"] = f"{loss_error:.1e}", f"{state_error:.1e}"
        print(f"{name:5} {variant:13} loss {loss[0]:.4f} -> {loss[-8:].mean():.4f}   rounding: "
              f"losses {loss_error:.1e}, weights after {SNAPSHOT} steps {state_error:.1e}")
    return tensors, notes


def make(name, folder):
    found = next(filter(None, (make_with(name, seed) for seed in range(1, 100))))
    path = os.path.join(folder, name + ".safetensors")
    save_file({k: v.contiguous() for k, v in found[0].items()}, path, metadata=found[1])
    print(f"{path}: {os.path.getsize(path)} bytes")


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for name in WANTED:
        make(name, folder)


main()
