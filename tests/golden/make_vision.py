#!/usr/bin/env python3
"""Makes vision.safetensors: what PyTorch gives for convolutions, pooling and whatever else is done with pictures.

Usage: make_vision.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

golden_cases.py says how the file is laid out.
"""
import os
import sys

import torch
from torch.nn import functional as F

from golden_cases import case, random, save


# ---- convolutions -----------------------------------------------------------------------------------------------------

def convolutions():
    def conv(op, x, w, bias=True, transposed=False, second=False, **options):
        groups = options.get("groups", 1)
        outputs = w[1] * groups if transposed else w[0]
        inputs = [random(f"{op} x", *x), random(f"{op} w", *w)] + ([random(f"{op} b", outputs)] if bias else [])
        name = {"tarn": f"conv_transpose2d {arguments(options)}"} if op == "conv_transpose2d" else {}
        case(op, getattr(F, op), inputs, second=second, **name, **options)

    def arguments(options):
        return " ".join(f"{k}={','.join(map(str, v)) if isinstance(v, list) else v}" for k, v in options.items())

    conv("conv1d", (2, 3, 8), (4, 3, 3), second=True)
    conv("conv1d", (2, 4, 9), (6, 2, 3), stride=[2], padding=[1], dilation=[2], groups=2)
    for kernel in (3, 4):
        conv("conv1d", (2, 3, 7), (2, 3, kernel), bias=False, padding="same", dilation=[2])
    conv("conv2d", (1, 3, 5, 6), (2, 3, 3, 2), padding="same", dilation=[1, 3])
    conv("conv3d", (2, 3, 4, 5, 4), (4, 3, 3, 3, 2), second=True)
    conv("conv3d", (1, 3, 5, 4, 4), (2, 3, 1, 2, 2), bias=False)
    conv("conv3d", (2, 4, 6, 5, 4), (6, 2, 2, 3, 2), stride=[2, 1, 1], padding=[1, 0, 1], dilation=[2, 1, 2], groups=2)
    conv("conv3d", (1, 2, 3, 4, 3), (2, 2, 3, 2, 3), padding="same")
    conv("conv_transpose1d", (2, 3, 5), (3, 4, 3), transposed=True)
    conv("conv_transpose1d", (2, 4, 5), (4, 3, 4), transposed=True, stride=[3], padding=[2], output_padding=[1], groups=2)
    conv("conv_transpose2d", (2, 3, 4, 5), (3, 4, 3, 2), transposed=True, second=True)
    conv("conv_transpose2d", (2, 4, 4, 3), (4, 3, 4, 4), transposed=True, stride=[2, 2], padding=[1, 1], groups=2)
    conv("conv_transpose2d", (1, 2, 3, 4), (2, 3, 3, 2), bias=False, transposed=True, stride=[2, 3], padding=[1, 0], output_padding=[1, 2],
         dilation=[2, 1])
    conv("conv_transpose2d", (1, 2, 3, 4), (2, 3, 3, 2), transposed=True, dilation=[3, 4], output_padding=[2, 3], padding=[1, 0])
    conv("conv_transpose3d", (2, 3, 3, 2, 3), (3, 4, 3, 2, 2), transposed=True)
    conv("conv_transpose3d", (1, 4, 3, 2, 3), (4, 1, 3, 2, 2), bias=False, transposed=True, stride=[2, 1, 3], padding=[1, 0, 1],
         output_padding=[1, 0, 2], dilation=[1, 2, 1], groups=2)


# ---- pooling ------------------------------------------------------------------------------------------------------------

def pooling():
    line, picture, body = random("pool line", 2, 3, 9), random("pool picture", 2, 2, 7, 6), random("pool body", 2, 2, 5, 4, 6)
    plain = ((line, dict(kernel_size=[3])), (line, dict(kernel_size=[3], stride=[2], padding=[1], ceil_mode=True)),
             (body, dict(kernel_size=[2, 2, 3])), (body, dict(kernel_size=[3, 2, 3], stride=[2, 1, 2], padding=[1, 0, 1], ceil_mode=True)))
    for x, options in plain:
        n = len(options["kernel_size"])
        case(f"max_pool{n}d", getattr(F, f"max_pool{n}d"), [x], **options)
        case(f"avg_pool{n}d", getattr(F, f"avg_pool{n}d"), [x], **options)
        case(f"avg_pool{n}d", getattr(F, f"avg_pool{n}d"), [x], count_include_pad=False, **options)
    ties = (random("ties", 1, 2, 4, 4, 4) * 2).round()
    case("max_pool3d", F.max_pool3d, [ties], "the first of equals takes the gradient", kernel_size=[2, 3, 2], stride=[1, 1, 2])
    case("max_pool1d", F.max_pool1d, [line], kernel_size=[2], dilation=[3], stride=[1])
    for x in (line, picture, body):
        n = x.dim() - 2
        for p in (1.0, 2.0, 3.0):
            call = (lambda x, norm_type, kernel_size, stride: F.lp_pool1d(x, norm_type, kernel_size[0], stride[0])) if n == 1 else getattr(
                F, f"lp_pool{n}d")
            case("lp_pool", call, [x.abs() + 0.1 if p == 3 else x], norm_type=p, kernel_size=[2] * n, stride=[1] + [2] * (n - 1))
        pool = getattr(F, f"max_pool{n}d")
        options = dict(kernel_size=[3] + [2] * (n - 1), stride=[2] * n, padding=[1] + [0] * (n - 1))
        case("max_pool_index", lambda x, **o: pool(x, return_indices=True, **o), [x], **options)
        y, index = pool(x, return_indices=True, kernel_size=2)
        case("max_unpool", lambda y, i, output_size: getattr(F, f"max_unpool{n}d")(y, i, 2, output_size=output_size), [y, index],
             output_size=list(x.shape[2:]))
        for size in ([1] * n, [3] * n, list(x.shape[2:])[:-1] + [2], [7] * n):
            case("adaptive_max_pool", getattr(F, f"adaptive_max_pool{n}d"), [x], output_size=size)


# ---- other sizes ------------------------------------------------------------------------------------------------------

def sizes():
    line, picture, body = random("line", 2, 3, 7), random("picture", 2, 3, 5, 6), random("body", 1, 2, 3, 4, 5)

    def resize(x, **options):
        case("interpolate", F.interpolate, [x], **options)

    for mode in ("nearest", "nearest-exact", "area", "linear"):
        resize(line, mode=mode, size=[11])
        resize(line, mode=mode, size=[3])
    resize(line, mode="nearest", scale_factor=[1.7])
    resize(line, mode="linear", scale_factor=[1.7])
    resize(line, mode="linear", size=[10], align_corners=True)
    resize(line, mode="linear", size=[1], align_corners=True)
    for mode in ("nearest", "nearest-exact", "area", "bilinear", "bicubic"):
        resize(picture, mode=mode, scale_factor=[2.0, 2.0])
        resize(picture, mode=mode, size=[3, 8])
    for mode in ("bilinear", "bicubic"):
        resize(picture, mode=mode, scale_factor=[1.6, 0.7])
        resize(picture, mode=mode, size=[8, 4], align_corners=True)
        for antialias in (dict(size=[2, 3]), dict(size=[9, 4]), dict(scale_factor=[0.4, 0.6]), dict(size=[3, 3], align_corners=True)):
            resize(picture, mode=mode, antialias=True, **antialias)
    for mode in ("nearest", "area", "trilinear"):
        resize(body, mode=mode, size=[4, 3, 7])
    resize(body, mode="trilinear", size=[2, 5, 6], align_corners=True)
    case("resize", lambda x, size: F.interpolate(x, size=size, mode="linear"), [line], tarn="resize axis=2 size=9 mode=linear", second=True, size=9)
    for x, size in ((line, [3]), (picture, [1, 1]), (picture, [3, 7]), (body, [2, 4, 3])):
        case("adaptive_avg_pool", getattr(F, f"adaptive_avg_pool{len(size)}d"), [x], output_size=size)
    case("pixel_shuffle", F.pixel_shuffle, [random("shuffle", 2, 12, 2, 3)], upscale_factor=2)
    case("pixel_unshuffle", F.pixel_unshuffle, [random("unshuffle", 2, 2, 6, 3)], downscale_factor=3)


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for group in (convolutions, pooling, sizes):
        group()
    save(os.path.join(folder, "vision.safetensors"), os.path.basename(__file__))


main()
