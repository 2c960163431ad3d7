#!/usr/bin/env python3
"""The peer of bench_pictures: a PyTorch DataLoader with torchvision's transforms (where it cannot be imported, the same calls of Pillow
and PyTorch that they consist of).

    pictures.py make FOLDER PHOTO...        512 JPEGs of 500 x 375 cut from photographs, in two classes
    pictures.py run FOLDER [size [workers [seconds]]]
"""
import math
import os
import random
import sys
import time

import numpy as np
import torch
from PIL import Image

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def make(folder, photos):
    rng = random.Random(1)
    pictures = [Image.open(p).convert("RGB") for p in photos]
    for i in range(512):
        p = pictures[i % len(pictures)]
        w = rng.randint(int(0.6 * min(p.width, p.height * 4 / 3)), int(min(p.width, p.height * 4 / 3)))
        h = w * 3 // 4
        x, y = rng.randint(0, p.width - w), rng.randint(0, p.height - h)
        name = os.path.join(folder, "ab"[i % 2], f"{i:04}.jpg")
        os.makedirs(os.path.dirname(name), exist_ok=True)
        p.crop((x, y, x + w, y + h)).resize((500, 375), Image.Resampling.BICUBIC).save(name, quality=90)


class Plain:
    """RandomResizedCrop (or RandomCrop with padding 4), RandomHorizontalFlip, ToTensor, Normalize, on Pillow and PyTorch."""

    def __init__(self, size):
        self.size = size
        self.mean, self.std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))

    def crop(self, p):
        for _ in range(10):
            area = p.width * p.height * random.uniform(0.08, 1)
            ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= p.width and 0 < h <= p.height:
                x, y = random.randint(0, p.width - w), random.randint(0, p.height - h)
                return p.crop((x, y, x + w, y + h)).resize((self.size, self.size), Image.Resampling.BILINEAR)
        return p.resize((self.size, self.size), Image.Resampling.BILINEAR)

    def small(self, p):
        q = Image.new("RGB", (p.width + 8, p.height + 8))
        q.paste(p, (4, 4))
        x, y = random.randint(0, 8), random.randint(0, 8)
        return q.crop((x, y, x + self.size, y + self.size))

    def __call__(self, p):
        p = self.small(p) if self.size == 32 else self.crop(p)
        if random.random() < 0.5:
            p = p.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        t = torch.from_numpy(np.array(p, copy=True)).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        return t.sub_(self.mean).div_(self.std)


def transform(size):
    try:
        from torchvision import transforms as t
    except (ImportError, RuntimeError):
        return "Pillow", Plain(size)
    crop = t.RandomCrop(32, padding=4) if size == 32 else t.RandomResizedCrop(size)
    return "torchvision", t.Compose([crop, t.RandomHorizontalFlip(), t.ToTensor(), t.Normalize(MEAN, STD)])


class Folder(torch.utils.data.Dataset):
    def __init__(self, folder, change):
        classes = sorted(os.listdir(folder))
        self.files = [(os.path.join(folder, c, f), i) for i, c in enumerate(classes) for f in sorted(os.listdir(os.path.join(folder, c)))]
        self.change = change

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        path, label = self.files[i]
        with open(path, "rb") as file:
            return self.change(Image.open(file).convert("RGB")), label


def run(folder, size=224, workers=2, seconds=8):
    what, change = transform(size)
    loader = torch.utils.data.DataLoader(Folder(folder, change), batch_size=64, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    next(iter(loader))
    begin = start = time.perf_counter()
    n = counted = 0
    best = 0.0
    while time.perf_counter() - begin < seconds:
        for x, _ in loader:
            n += len(x)
            if n - counted >= 512:
                now = time.perf_counter()
                best, counted, start = max(best, (n - counted) / (now - start)), n, now
            if time.perf_counter() - begin >= seconds:
                break
    print(f"{n / (time.perf_counter() - begin):.0f} pictures/s, best stretch of 512 {best:.0f} (DataLoader with {what})")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3:])
    else:
        run(sys.argv[2], *(int(v) for v in sys.argv[3:]))
