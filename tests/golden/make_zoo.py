#!/usr/bin/env python3
"""Makes zoo.safetensors: what PyTorch gives for the convolutional models of the zoo.

Usage: make_zoo.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

The models are written here under torchvision's parameter names. Weights and data would be large, so both sides make them by
`fill` (fill_of in test_zoo.c is the same). For each MODEL.CASE in the metadata's "cases":
    eval     f32 [rows, 10]   the output that does not train
    loss     f64 [STEPS]      mean cross entropy before each step of plain SGD with the rate "rate", in training mode; not
                              where there is dropout. Deep nets want small rates, or rounding decides
"shape" is the batch in the metadata; labels are row % 10. All is computed in float64.
"""
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

from golden_file import save_file

STEPS, CLASSES = 3, 10


def fill(name, count):
    """Numbers in [-0.5, 0.5) that depend on the name and the place."""
    seed = 2166136261
    for c in name.encode():
        seed = (seed ^ c) * 16777619 % 2**32
    u = (torch.arange(count, dtype=torch.int64) * 2654435761 + seed) % 2**32
    u = (u ^ (u >> 15)) * 2246822519 % 2**32
    u = u ^ (u >> 13)
    return (u >> 8).double() / 2**24 - 0.5


def fill_state(net):
    for name, t in net.state_dict().items():
        if t.dim() == 0:
            continue
        v = fill(name, t.numel()).reshape(t.shape)
        if t.dim() > 1:
            v = v * 2 * (6 / t[0].numel())**0.5
        elif name.endswith("running_var"):
            v = 1 + v * 0.5
        elif name.endswith("weight"):
            v = 1 + v * 0.2
        else:
            v = v * 0.2
        t.copy_(v.float())


class CifarCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(3, 32, 3), nn.Conv2d(32, 64, 3), nn.Conv2d(64, 64, 3)
        self.fc1, self.fc2 = nn.Linear(1024, 64), nn.Linear(64, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(F.relu(self.conv3(x)).flatten(1))))


class Block(nn.Module):
    def __init__(self, c_in, width, stride, bottleneck):
        super().__init__()
        c_out = 4 * width if bottleneck else width
        sizes = [(c_in, width, 1, 1), (width, width, 3, stride), (width, c_out, 1, 1)]
        if not bottleneck:
            sizes = [(c_in, width, 3, stride), (width, width, 3, 1)]
        for i, (a, b, k, s) in enumerate(sizes, 1):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, k, s, k // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(b))
        self.last, self.downsample = len(sizes), None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x):
        y = x
        for i in range(1, self.last + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = F.relu(y) if i < self.last else y
        return F.relu(y + (self.downsample(x) if self.downsample else x))


class ResNet(nn.Module):
    def __init__(self, blocks, bottleneck, small):
        super().__init__()
        self.small, c = small, 64
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False) if small else nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        for level, n in enumerate(blocks):
            width, layers = 64 << level, []
            for i in range(n):
                layers.append(Block(c, width, 2 if level and not i else 1, bottleneck))
                c = 4 * width if bottleneck else width
            setattr(self, f"layer{level + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(c, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = x if self.small else F.max_pool2d(x, 3, 2, 1)
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


def conv_norm(a, b, k, s, groups=1):
    return nn.Sequential(nn.Conv2d(a, b, k, s, k // 2, groups=groups, bias=False), nn.BatchNorm2d(b), nn.ReLU6())


class InvertedResidual(nn.Module):
    def __init__(self, a, b, stride, widen):
        super().__init__()
        wide = a * widen
        self.skip = stride == 1 and a == b
        layers = [conv_norm(a, wide, 1, 1)] if widen != 1 else []
        self.conv = nn.Sequential(*layers, conv_norm(wide, wide, 3, stride, wide), nn.Conv2d(wide, b, 1, bias=False),
                                  nn.BatchNorm2d(b))

    def forward(self, x):
        return x + self.conv(x) if self.skip else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        layers, c = [conv_norm(3, 32, 3, 2)], 32
        for widen, b, n, s in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                               (6, 320, 1, 1)]:
            for i in range(n):
                layers.append(InvertedResidual(c, b, 1 if i else s, widen))
                c = b
        self.features = nn.Sequential(*layers, conv_norm(c, 1280, 1, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, CLASSES))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


CASES = {
    "cifar_cnn.small": (CifarCnn, (4, 3, 32, 32), 1e-3),
    "resnet18.small": (lambda: ResNet([2, 2, 2, 2], False, True), (8, 3, 16, 16), 2e-5),
    "resnet18.large": (lambda: ResNet([2, 2, 2, 2], False, False), (4, 3, 70, 66), 2e-5),
    "resnet50.large": (lambda: ResNet([3, 4, 6, 3], True, False), (4, 3, 72, 72), 2e-7),
    "mobilenet_v2.small": (MobileNetV2, (8, 3, 64, 64), 0.0),
}


def run(make, shape, rate, dtype):
    net = make()
    with torch.no_grad():
        fill_state(net)
    net = net.to(dtype)
    x = fill("x", torch.Size(shape).numel()).reshape(shape).float().to(dtype)
    y = torch.arange(shape[0]) % CLASSES
    out = net.eval()(x).detach()
    net.train()
    sgd, losses = torch.optim.SGD(net.parameters(), lr=rate), []
    for _ in range(STEPS):
        loss = F.cross_entropy(net(x), y)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    return out, torch.tensor(losses, dtype=torch.float64)


def main():
    torch.manual_seed(0)
    tensors, metadata = {}, {"cases": " ".join(CASES)}
    for name, (make, shape, rate) in CASES.items():
        out, losses = run(make, shape, rate, torch.float64)
        out32, losses32 = run(make, shape, rate, torch.float32)
        print(name, losses.tolist(), "errors of float32:", ((out32 - out).abs().max() / out.abs().max()).item(),
              ((losses32 - losses).abs() / losses).max().item())
        tensors[name + ".eval"] = out.float()
        if not name.startswith("mobilenet"):
            tensors[name + ".loss"] = losses
        metadata[name + ".shape"] = " ".join(map(str, shape))
        metadata[name + ".rate"] = repr(rate)
    save_file(tensors, os.path.join(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(__file__), "zoo.safetensors"), metadata)


main()
