#!/usr/bin/env python3
"""Writes pictures.safetensors: what Pillow, OpenCV and PyTorch make of one small picture, for the transforms of tarn/picture.h.

"picture" is u8 [37, 53, 3]; every other tensor is named after what was done to it ("KIND/PARAMETERS"), u8 [h, w, 3].
Made with Pillow 13.0, OpenCV 5.0, PyTorch 2.13 and torchvision's definition of affine maps.
"""
import math
import os

import cv2
import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps

from golden_file import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTH, HEIGHT = 53, 37


def make_picture():
    """Waves of different lengths, a sharp edge and some noise: all that filters and colours may stumble over."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    rng = np.random.default_rng(1)
    planes = [127 + 100 * np.sin(x / 7 + c) * np.cos(y / (5 + c)) + 20 * rng.standard_normal(x.shape) for c in range(3)]
    a = np.stack(planes, -1)
    a[8:20, 10:25] = [250, 30, 60]
    a[25:30, 30:50] = [90, 90, 90]
    return np.clip(a, 0, 255).astype(np.uint8)


def hue(picture, turn):
    h, s, v = picture.convert("HSV").split()
    h = Image.fromarray((np.array(h).astype(np.int32) + int(turn * 255)).astype(np.uint8), "L")
    return Image.merge("HSV", (h, s, v)).convert("RGB")


def affine(picture, degrees, dx, dy, scale, shear_x, shear_y, filter):
    """The inverse map as torchvision computes it."""
    r, sx, sy = (math.radians(v) for v in (degrees, shear_x, shear_y))
    cx, cy = WIDTH / 2, HEIGHT / 2
    a, b = math.cos(r - sy) / math.cos(sy), -math.cos(r - sy) * math.tan(sx) / math.cos(sy) - math.sin(r)
    c, d = math.sin(r - sy) / math.cos(sy), -math.sin(r - sy) * math.tan(sx) / math.cos(sy) + math.cos(r)
    m = [d / scale, -b / scale, 0, -c / scale, a / scale, 0]
    m[2] += m[0] * (-cx - dx) + m[1] * (-cy - dy) + cx
    m[5] += m[3] * (-cx - dx) + m[4] * (-cy - dy) + cy
    return picture.transform((WIDTH, HEIGHT), Image.Transform.AFFINE, m, filter)


def plain(array, size, mode):
    t = torch.from_numpy(array).permute(2, 0, 1)[None].float()
    out = torch.nn.functional.interpolate(t, size=size, mode=mode, align_corners=False)
    return out.round().clamp(0, 255).to(torch.uint8)[0].permute(1, 2, 0).numpy()


def main():
    array = make_picture()
    p = Image.fromarray(array)
    out = {"picture": array}
    filters = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    sizes = [(24, 31), (61, 80), (9, 100), (1, 1)]
    for h, w in sizes:
        for name, filter in filters.items():
            out[f"resize/{name}/{h}x{w}"] = np.array(p.resize((w, h), filter))
        for name in ("bilinear", "bicubic"):
            out[f"resize_plain/{name}/{h}x{w}"] = plain(array, (h, w), name)
    for f in (0, 0.6, 1.7):
        out[f"brightness/{f}"] = np.array(ImageEnhance.Brightness(p).enhance(f))
        out[f"contrast/{f}"] = np.array(ImageEnhance.Contrast(p).enhance(f))
        out[f"saturation/{f}"] = np.array(ImageEnhance.Color(p).enhance(f))
        out[f"sharpness/{f}"] = np.array(ImageEnhance.Sharpness(p).enhance(f))
    for turn in (0.1, -0.3, 0.5):
        out[f"hue/{turn}"] = np.array(hue(p, turn))
    out["grey/0"] = np.array(ImageOps.grayscale(p).convert("RGB"))
    out["invert/0"] = np.array(ImageOps.invert(p))
    out["posterize/3"] = np.array(ImageOps.posterize(p, 3))
    out["solarize/100"] = np.array(ImageOps.solarize(p, 100))
    out["autocontrast/0"] = np.array(ImageOps.autocontrast(p.point(lambda v: 40 + v // 2)))
    out["equalize/0"] = np.array(ImageOps.equalize(p))
    out["blur/5"] = cv2.GaussianBlur(array, (5, 5), 1.3, borderType=cv2.BORDER_REFLECT_101)
    out["blur/9"] = cv2.GaussianBlur(array, (9, 9), 2.5, borderType=cv2.BORDER_REFLECT_101)
    for name, filter in filters.items():
        out[f"rotate/{name}"] = np.array(p.rotate(17, filter))
        out[f"affine/{name}"] = np.array(affine(p, 20, 3, -2, 1.2, 5, -3, filter))
        coefficients = (1.1, 0.05, -3, 0.02, 0.95, 1.5, 0.001, 0.002)
        out[f"perspective/{name}"] = np.array(p.transform((WIDTH, HEIGHT), Image.Transform.PERSPECTIVE, coefficients, filter))
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in out.items()}
    save_file(tensors, os.path.join(HERE, "pictures.safetensors"), {"made_by": "make_pictures.py"})


main()
