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


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    norms()
    embeddings()
    save(os.path.join(folder, "sequence.safetensors"), os.path.basename(__file__))
