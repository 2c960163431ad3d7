#!/usr/bin/env python3
"""Writes policy.safetensors: what torchvision's RandAugment and AutoAugment make of one small picture, operation by operation.

"picture" is u8 [23, 31, 3]. "space/BINS" is f64 [15, BINS]: the magnitudes of all operations in the order of NAMES, 0 where there are none.
"policy/imagenet" and "policy/cifar10" are i64 [25, 2, 3]: operation, probability in tenths, magnitude of 10 (-1: none).
"OPERATION/BIN/SIGN/FILTER" is u8 [23, 31, 3], BIN being one of 31. Made with torchvision 0.28 and Pillow 13.0.
"""
import os

import numpy as np
import torch

# A torchvision without its compiled operators will do: nothing here needs them.
try:
    import torchvision
except RuntimeError:
    library = torch.library.Library("torchvision", "DEF")
    register = torch.library.register_fake
    torch.library.register_fake = lambda name, *a, **k: (lambda f: f) if str(name).startswith("torchvision::") else register(name, *a, **k)
    import torchvision
from PIL import Image
from torchvision.transforms import InterpolationMode, autoaugment

from golden_file import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTH, HEIGHT = 31, 23
NAMES = ["Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness", "Posterize",
         "Solarize", "AutoContrast", "Equalize", "Invert"]
BINS = (31, 10, 9, 2)
FILTERS = {"nearest": InterpolationMode.NEAREST, "bilinear": InterpolationMode.BILINEAR}


def make_picture():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    rng = np.random.default_rng(2)
    planes = [120 + 70 * np.sin(x / 5 + c) * np.cos(y / (4 + c)) + 15 * rng.standard_normal(x.shape) for c in range(3)]
    a = np.stack(planes, -1)
    a[5:12, 6:15] = [220, 50, 70]
    return np.clip(a, 0, 255).astype(np.uint8)


def space(bins):
    both = {**autoaugment.AutoAugment()._augmentation_space(bins, (HEIGHT, WIDTH)),
            **autoaugment.RandAugment()._augmentation_space(bins, (HEIGHT, WIDTH))}
    rows = [both.get(name, (torch.tensor(0.0), False))[0].double() for name in NAMES]
    return torch.stack([r if r.ndim else r.expand(bins) for r in rows]), [both.get(name, (0, False))[1] for name in NAMES]


def policy(which):
    pairs = autoaugment.AutoAugment(which).policies
    return torch.tensor([[[NAMES.index(n), round(10 * p), -1 if m is None else m] for n, p, m in pair] for pair in pairs])


def main():
    array = make_picture()
    picture = Image.fromarray(array)
    out = {"picture": torch.from_numpy(array)}
    for bins in BINS:
        out[f"space/{bins}"] = space(bins)[0]
    out["policy/imagenet"] = policy(autoaugment.AutoAugmentPolicy.IMAGENET)
    out["policy/cifar10"] = policy(autoaugment.AutoAugmentPolicy.CIFAR10)
    magnitudes, signed = space(31)
    for k, name in enumerate(NAMES):
        plain = k == 0 or k >= NAMES.index("AutoContrast")
        moves = 1 <= k <= NAMES.index("Rotate")
        for bin in (0,) if plain else (9, 30):
            for sign in (1, -1) if signed[k] else (1,):
                for text, filter in FILTERS.items() if moves else [("nearest", FILTERS["nearest"])]:
                    made = autoaugment._apply_op(picture, name, sign * float(magnitudes[k][bin]), filter, None)
                    out[f"{name}/{bin}/{'+' if sign > 0 else '-'}/{text}"] = torch.from_numpy(np.array(made))
    save_file(out, os.path.join(HERE, "policy.safetensors"), {"made_by": "make_policy.py", "torchvision": torchvision.__version__})


main()
