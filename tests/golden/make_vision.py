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
    case("avg_pool3d", F.avg_pool3d, [body], kernel_size=[2, 2, 3], divisor_override=5)
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


# ---- sampling -----------------------------------------------------------------------------------------------------------

def at_points(picture, y, x):
    """A picture [C, H, W] between its pixels, as roi_align reads it; y and x are tensors of one shape."""
    _, h, w = picture.shape
    inside = ((y >= -1) & (y <= h) & (x >= -1) & (x <= w)).to(picture.dtype)
    y, x = y.clamp(0, h - 1), x.clamp(0, w - 1)
    top, left = y.floor().long(), x.floor().long()
    bottom, right = (top + 1).clamp(max=h - 1), (left + 1).clamp(max=w - 1)
    down, across = y - top, x - left
    return inside * (picture[:, top, left] * (1 - down) * (1 - across) + picture[:, top, right] * (1 - down) * across +
                     picture[:, bottom, left] * down * (1 - across) + picture[:, bottom, right] * down * across)


def roi_align(x, rois, output_size, spatial_scale, sampling_ratio, aligned):
    """He et al. 2017, as torchvision.ops.roi_align."""
    results = []
    for roi in rois.tolist():
        offset = 0.5 if aligned else 0.0
        left, top, right, bottom = (v * spatial_scale - offset for v in roi[1:])
        width, height = (right - left, bottom - top) if aligned else (max(right - left, 1.0), max(bottom - top, 1.0))
        bin_h, bin_w = height / output_size[0], width / output_size[1]
        n_h, n_w = (sampling_ratio, sampling_ratio) if sampling_ratio > 0 else (max(-int(-bin_h // 1), 1), max(-int(-bin_w // 1), 1))
        y = top + (torch.arange(output_size[0]).reshape(-1, 1) + (torch.arange(n_h).double() + 0.5) / n_h) * bin_h
        x_at = left + (torch.arange(output_size[1]).reshape(-1, 1) + (torch.arange(n_w).double() + 0.5) / n_w) * bin_w
        y, x_at = torch.broadcast_tensors(y[:, None, :, None], x_at[None, :, None, :])
        results.append(at_points(x[int(roi[0])], y, x_at).mean((-2, -1)))
    return torch.stack(results)


def roi_pool(x, rois, output_size, spatial_scale):
    """Girshick 2015, as torchvision.ops.roi_pool."""
    def nearest(v):
        return int(abs(v) + 0.5) * (1 if v >= 0 else -1)

    def limits(start, size, parts, most):
        for p in range(parts):
            low, high = p * size // parts + start, -(-(p + 1) * size // parts) + start
            yield min(max(low, 0), most), min(max(high, 0), most)

    results = []
    for roi in rois.tolist():
        left, top, right, bottom = (nearest(v * spatial_scale) for v in roi[1:])
        picture, rows = x[int(roi[0])], []
        for y0, y1 in limits(top, max(bottom - top + 1, 1), output_size[0], x.shape[2]):
            for x0, x1 in limits(left, max(right - left + 1, 1), output_size[1], x.shape[3]):
                rows.append(picture[:, y0:y1, x0:x1].amax((1, 2)) if y1 > y0 and x1 > x0 else picture.new_zeros(len(picture)))
        results.append(torch.stack(rows, 1).reshape(-1, *output_size))
    return torch.stack(results)


def nms(boxes, scores, iou, bound):
    """As torchvision.ops.nms, the first `bound` of them."""
    kept = []
    for i in scores.argsort(descending=True, stable=True).tolist():
        def shares(k):
            low, high = torch.maximum(boxes[i, :2], boxes[k, :2]), torch.minimum(boxes[i, 2:], boxes[k, 2:])
            both = (high - low).clamp(min=0).prod()
            return both / ((boxes[i, 2:] - boxes[i, :2]).prod() + (boxes[k, 2:] - boxes[k, :2]).prod() - both) > iou
        if not any(shares(k) for k in kept):
            kept.append(i)
    kept = kept[:bound]
    return torch.tensor(kept + [-1] * (bound - len(kept))), torch.tensor(len(kept))


def sampling():
    x, grid = random("sample", 2, 3, 5, 4), random("grid", 2, 3, 4, 2) * 0.9
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            for align in (False, True):
                case("grid_sample", F.grid_sample, [x, grid], mode=mode, padding_mode=padding, align_corners=align)
    body = [random("sample body", 1, 2, 3, 4, 3), random("grid body", 1, 2, 2, 3, 3)]
    for mode, padding, align in (("bilinear", "zeros", False), ("bilinear", "reflection", True), ("nearest", "border", False)):
        case("grid_sample", F.grid_sample, body, mode=mode, padding_mode=padding, align_corners=align)
    case("grid_sample", F.grid_sample, [x, grid * 5], "far outside", mode="bilinear", padding_mode="reflection", align_corners=False)
    for align in (False, True):
        case("affine_grid", F.affine_grid, [random("theta", 2, 2, 3)], size=[2, 1, 3, 4], align_corners=align)
        case("affine_grid", F.affine_grid, [random("theta", 2, 3, 4)], size=[2, 1, 3, 2, 4], align_corners=align)
    picture = random("regions", 2, 3, 8, 9)
    rois = torch.tensor([[0, 0.5, 1, 6.5, 7], [1, 2, 2, 3, 2.5], [0, -3, -2, 4, 5], [1, 5, 4, 12, 11], [1, 1, 0, 8, 7.75]])
    double = torch.cat([rois[:, :1], rois[:, 1:] * 2], 1)
    for ratio in (2, 0):
        for aligned in (False, True):
            case("roi_align", lambda x, r, **o: roi_align(x, r.detach(), **o), [picture, rois], output_size=[3, 2], spatial_scale=1.0,
                 sampling_ratio=ratio, aligned=aligned)
    case("roi_align", lambda x, r, **o: roi_align(x, r.detach(), **o), [picture, double], output_size=[2, 2], spatial_scale=0.5,
         sampling_ratio=3, aligned=True)
    case("roi_pool", lambda x, r, **o: roi_pool(x, r.detach(), **o), [picture, rois], output_size=[3, 2], spatial_scale=1.0)
    case("roi_pool", lambda x, r, **o: roi_pool(x, r.detach(), **o), [picture, double], output_size=[2, 2], spatial_scale=0.5)
    corner = random("corner", 12, 2)
    boxes = torch.cat([corner, corner + random("extent", 12, 2).abs() + 0.5], 1)
    for iou, bound in ((0.1, 12), (0.3, 12), (0.5, 4)):
        case("nms", nms, [boxes, random("scores", 12)], grad=False, iou=iou, bound=bound)
    case("detach", lambda x: x.detach() * 1, [random("detach", 3)], grad=False, tarn="detach")


# ---- windows that are moved ---------------------------------------------------------------------------------------------

def deform_conv2d(x, offset, mask, weight, bias, stride, padding, dilation):
    """Zhu et al. 2019, as torchvision.ops.deform_conv2d: what is outside is 0."""
    n, channels, h, w = x.shape
    out, each, kh, kw = weight.shape
    height, width = ((size + 2 * p - d * (k - 1) - 1) // s + 1
                     for size, p, d, k, s in zip((h, w), padding, dilation, (kh, kw), stride))
    groups, shares = channels // each, offset.shape[1] // (2 * kh * kw)
    offset = offset.reshape(n, shares, kh, kw, 2, height, width)
    mask = torch.ones(n, shares, kh, kw, height, width).double() if mask is None else mask.reshape(n, shares, kh, kw, height, width)
    read = []
    for c in range(channels):
        share = c // (channels // shares)
        y = offset[:, share, :, :, 0] + torch.arange(kh).reshape(-1, 1, 1, 1) * dilation[0] + torch.arange(height).reshape(-1, 1) * stride[0] - padding[0]
        at = offset[:, share, :, :, 1] + torch.arange(kw).reshape(-1, 1, 1) * dilation[1] + torch.arange(width) * stride[1] - padding[1]
        total = 0
        for dy in (0, 1):
            for dx in (0, 1):
                row, column = y.floor() + dy, at.floor() + dx
                inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
                pixel = x[torch.arange(n).reshape(-1, 1, 1, 1, 1), c, row.clamp(0, h - 1).long(), column.clamp(0, w - 1).long()]
                total = total + inside * pixel * (1 - (y - row).abs()) * (1 - (at - column).abs())
        read.append(total * mask[:, share])
    read = torch.stack(read, 1).reshape(n, groups, each, kh, kw, height, width)
    result = torch.einsum("ngcijhw,gocij->ngohw", read, weight.reshape(groups, out // groups, each, kh, kw))
    result = result.reshape(n, out, height, width)
    return result if bias is None else result + bias.reshape(-1, 1, 1)


def moved():
    def deform(x, w, shares, masked, bias, stride=(1, 1), padding=(0, 0), dilation=(1, 1), second=False):
        size = [(a + 2 * p - d * (k - 1) - 1) // s + 1 for a, p, d, k, s in zip(x[2:], padding, dilation, w[2:], stride)]
        places = shares * w[2] * w[3]
        case("deform_conv2d", deform_conv2d, [
            random("deform x", *x), random("deform offset", x[0], 2 * places, *size) * 1.5,
            random("deform mask", x[0], places, *size) if masked else None, random("deform w", *w), random("deform b", w[0]) if bias else None
        ], second=second, stride=list(stride), padding=list(padding), dilation=list(dilation))

    deform((2, 2, 4, 5), (3, 2, 2, 2), 1, True, True)
    deform((1, 4, 5, 6), (4, 2, 3, 2), 2, True, False, stride=(2, 1), padding=(1, 2), dilation=(1, 2))
    deform((2, 3, 4, 4), (3, 1, 3, 3), 3, False, True, padding=(1, 1))
    picture, body = random("fractional", 2, 3, 9, 7), random("fractional body", 1, 2, 6, 7, 8)
    for kernel, size in (([2, 2], [5, 4]), ([3, 2], [4, 6]), ([2, 3], [1, 5]), ([1, 1], [9, 7])):
        case("fractional_max_pool", lambda x, s, kernel_size, output_size: F.fractional_max_pool2d(
            x, kernel_size, output_size, _random_samples=s.detach(), return_indices=True),
             [picture, torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(1))], kernel_size=kernel, output_size=size)
    case("fractional_max_pool", lambda x, s, kernel_size, output_size: F.fractional_max_pool3d(
        x, kernel_size, output_size, _random_samples=s.detach(), return_indices=True),
         [body, torch.rand(1, 2, 3, generator=torch.Generator().manual_seed(2))], kernel_size=[2, 3, 2], output_size=[4, 3, 5])
    case("rrelu", F.rrelu, [random("rrelu", 2, 5)], lower=0.1, upper=0.4)


# ---- norms ----------------------------------------------------------------------------------------------------------------

def norms():
    for size in (1, 3, 4):
        case("local_response_norm", F.local_response_norm, [random("lrn", 2, 5, 3, 2)], size=size, alpha=0.3, beta=0.75, k=2.0)
    case("local_response_norm", F.local_response_norm, [random("lrn", 2, 6, 4)], size=5, alpha=1e-4, beta=0.75, k=1.0)
    case("bilinear", F.bilinear, [random("a", 4, 3), random("b", 4, 2), random("w", 5, 3, 2), random("bias", 5)])
    case("bilinear", F.bilinear, [random("a", 2, 3, 3), random("b", 2, 3, 2), random("w", 5, 3, 2)])
    case("weight_norm", lambda v, g, dim: torch._weight_norm(v, g, dim), [random("v", 4, 3, 2), random("g", 4, 1, 1)], dim=0)
    case("weight_norm", lambda v, g, dim: v * (g / v.norm(dim=(0, 2), keepdim=True)), [random("v", 4, 3, 2), random("g", 1, 3, 1)], dim=1)


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for group in (convolutions, pooling, sizes, sampling, moved, norms):
        group()
    save(os.path.join(folder, "vision.safetensors"), os.path.basename(__file__))


main()
