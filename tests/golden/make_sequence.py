#!/usr/bin/env python3
"""Makes sequence.safetensors: what PyTorch gives for normalisation, embedding, attention and recurrent operators.

Usage: make_sequence.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

Each case names Tarn's operator and its arguments. golden_cases.py says how the file is laid out.
"""
import os
import sys

import torch
from torch.nn import functional as F

from golden_cases import case, random, save


def norms():
    x, w, b = random("norm", 3, 4, 5), random("norm w", 5), random("norm b", 5)
    case("layer_norm", lambda x, w, b, **o: F.layer_norm(x, (5,), w, b, **o), [x, w, b], tarn="layer_norm", second=True)
    case("layer_norm", lambda x, **o: F.layer_norm(x, (4, 5), **o), [x], tarn="layer_norm axes=2 eps=0.01", eps=0.01)
    case("layer_norm", lambda x, w, b: F.layer_norm(x, (4, 5), w, b), [x * 100 + 1000, random("norm v", 4, 5), random("norm c", 4, 5)],
         "far from 0", tarn="layer_norm axes=2")
    case("rms_norm", lambda x, w, **o: F.rms_norm(x, (5,), w, **o), [x, w], tarn="rms_norm eps=1e-5", second=True, eps=1e-5)
    case("rms_norm", lambda x, **o: F.rms_norm(x, (4, 5), **o), [x], tarn="rms_norm axes=2 eps=0.01", eps=0.01)
    y, w, b = random("group", 2, 6, 3, 4), random("group w", 6), random("group b", 6)
    for groups in (1, 2, 6):
        case("group_norm", lambda x, w, b, num_groups: F.group_norm(x, num_groups, w, b), [y, w, b], tarn=f"group_norm groups={groups}",
             second=groups == 2, num_groups=groups)
    case("group_norm", lambda x, **o: F.group_norm(x, **o), [random("group", 3, 4)], tarn="group_norm groups=2 eps=0.1", num_groups=2, eps=0.1)
    case("instance_norm", lambda x, w, b: F.instance_norm(x, weight=w, bias=b), [y, w, b], tarn="group_norm groups=0")
    case("instance_norm", F.instance_norm, [random("group", 3, 4, 5)], tarn="group_norm groups=0")


def embeddings():
    table, index = random("table", 7, 3), torch.tensor([[0, 6, 2, 2], [1, 2, 6, 5]])
    case("embedding", lambda w, i: F.embedding(i, w), [table, index], tarn="embedding", second=True)
    case("embedding", lambda w, i: F.embedding(i, w, padding_idx=2), [table, index], "no gradient for padding",
         tarn="embedding padding_index=2")
    case("embedding", lambda w, i: F.embedding(i, w), [table, torch.tensor(3, dtype=torch.int32)], tarn="embedding")
    for mode in ("sum", "mean", "max"):
        case("embedding_bag", lambda w, i, mode: F.embedding_bag(i, w, mode=mode), [table, index], tarn=f"embedding_bag mode={mode}", mode=mode)
        case("embedding_bag", lambda w, i, mode: F.embedding_bag(i, w, mode=mode, padding_idx=2), [table, index],
             tarn=f"embedding_bag mode={mode} padding_index=2", mode=mode)
        case("embedding_bag", lambda w, i, o, mode: F.embedding_bag(i, w, o, mode=mode), [table, index.reshape(-1), torch.tensor([0, 3, 3, 7])],
             "an empty bag", tarn=f"embedding_bag mode={mode}", mode=mode)
    case("embedding_bag", lambda w, i, o, by: F.embedding_bag(i, w, mode="sum", per_sample_weights=by), [table, index, None, random("by", 2, 4)],
         tarn="embedding_bag mode=sum")


def attention():
    sdpa = F.scaled_dot_product_attention
    q, k, v = random("q", 2, 3, 5, 4), random("k", 2, 3, 7, 4), random("v", 2, 3, 7, 6)
    case("scaled_dot_product_attention", sdpa, [q, k, v], tarn="attention", second=True)
    case("scaled_dot_product_attention", sdpa, [q, k, v], tarn="attention scale=0.7", scale=0.7)
    case("scaled_dot_product_attention", sdpa, [q, k, v], "positions from the start", tarn="attention causal=true", is_causal=True)
    mask = random("mask", 2, 1, 5, 7) > -0.5
    mask[..., 0] = True
    case("scaled_dot_product_attention", sdpa, [q, k, v, mask], "bool mask", tarn="attention")
    case("scaled_dot_product_attention", sdpa, [q, k, v, random("bias", 3, 1, 7)], "mask with a gradient", tarn="attention")
    padding = torch.arange(7)[None, None, None, :] < torch.tensor([7, 3])[:, None, None, None]
    case("scaled_dot_product_attention", sdpa, [q, k, v, padding], "key padding", tarn="attention")
    case("scaled_dot_product_attention", lambda *x: sdpa(*x, enable_gqa=True), [random("q", 2, 6, 5, 4), k, v], "grouped queries",
         tarn="attention")
    i, j = torch.arange(5)[:, None] + 2, torch.arange(7)[None, :]
    band = (j <= i) & (i - j < 3)
    case("scaled_dot_product_attention", lambda q, k, v: sdpa(q, k, v, band), [q, k, v], "sliding window, from the end",
         tarn="attention causal=true from_end=true window=3")
    case("scaled_dot_product_attention", sdpa, [random("q", 90, 8), random("k", 140, 8), random("v", 140, 40)], "several blocks",
         tarn="attention causal=true", is_causal=True)


def rotate(x, at):
    half = x.shape[-1] // 2
    angle = (torch.arange(x.shape[-2]) + at)[:, None] * 10000.0**(-torch.arange(half).double() / half)
    a, b, c, s = x[..., :half], x[..., half:], angle.cos(), angle.sin()
    return torch.cat((a * c - b * s, b * c + a * s), -1)


def t5_buckets(queries, keys, causal, buckets, most):
    """As Hugging Face's T5Attention._relative_position_bucket."""
    away = torch.arange(keys)[None, :] - torch.arange(queries)[:, None]
    first = torch.zeros_like(away)
    if causal:
        away = -torch.min(away, torch.zeros_like(away))
    else:
        buckets //= 2
        first, away = (away > 0).long() * buckets, away.abs()
    exact = buckets // 2
    far = exact + (torch.log(away.float() / exact) / torch.log(torch.tensor(most / exact)) * (buckets - exact)).long()
    return first + torch.where(away < exact, away, far.clamp(max=buckets - 1))


def positions():
    for at in (0, 3):
        case("rotary", lambda x, at=at: rotate(x, at), [random("rotary", 2, 5, 6)], second=True, at=at)
    angle = torch.arange(7)[:, None] * 10000.0**(-torch.arange(0, 6, 2).double() / 6)
    case("sinusoids", lambda **o: torch.stack((angle.sin(), angle.cos()), -1).flatten(1), [], grad=False, n=7, features=6)
    for heads, slopes in ((8, [2.0**-i for i in range(1, 9)]), (3, [2.0**-4, 2.0**-8, 2.0**-2])):
        case("alibi", lambda s=slopes, **o: torch.tensor(s)[:, None, None] * (torch.arange(5) - 4), [], "as the paper's code for heads that are no "
             "power of two", grad=False, heads=heads, keys=5)
    for causal in (False, True):
        case("relative_buckets", lambda **o: t5_buckets(o["queries"], o["keys"], o["causal"], 32, 128), [], grad=False, queries=20, keys=300, causal=causal)


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    norms()
    embeddings()
    attention()
    positions()
    save(os.path.join(folder, "sequence.safetensors"), os.path.basename(__file__))
