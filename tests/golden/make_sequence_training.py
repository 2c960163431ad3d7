#!/usr/bin/env python3
"""Makes sequence_training.safetensors: short trainings of nets for sequences that Tarn must follow.

Usage: make_sequence_training.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

For each net N (lstm_attention, transformer): N.in.NAME inputs [BATCHES, ...], N.initial.P parameters before the first step,
N.loss f64 [STEPS]: the loss before each step of SGD with rate LR and momentum 0.9; step i uses batch i % BATCHES. In float64.
"""
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

from golden_cases import random
from golden_file import save_file

STEPS, BATCHES, ROWS, LR, WORDS = 50, 4, 6, 0.02, 13
TENSORS = {}


class LstmAttention(nn.Module):
    """The last state asks all states, of rows of different lengths."""

    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.fc = nn.Embedding(WORDS, 8), nn.LSTM(8, 12, batch_first=True), nn.Linear(24, 3)

    def forward(self, tokens, lengths, target):
        p = nn.utils.rnn.pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        y, (h, _) = self.lstm(p)
        y = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=tokens.shape[1])[0]
        seen = torch.arange(tokens.shape[1])[None, :] < lengths[:, None]
        context = F.scaled_dot_product_attention(h[0][:, None], y, y, seen[:, None])[:, 0]
        return F.cross_entropy(self.fc(torch.cat((context, h[0]), -1)), target)


class Translation(nn.Module):
    """Encoder and decoder; the source has padding."""

    def __init__(self):
        super().__init__()
        self.embedding, self.fc = nn.Embedding(WORDS, 16), nn.Linear(16, WORDS)
        self.m = nn.Transformer(16, 4, 2, 2, 32, 0.0, batch_first=True, norm_first=True)

    def forward(self, tokens, lengths, target):
        n = target.shape[1] - 1
        seen = torch.arange(tokens.shape[1])[None, :] < lengths[:, None]
        angle = lambda k: torch.arange(k)[:, None] * 10000.0**(-torch.arange(0, 16, 2).double() / 16)
        place = lambda k: torch.stack((angle(k).sin(), angle(k).cos()), -1).flatten(1)
        y = self.m(self.embedding(tokens) + place(tokens.shape[1]), self.embedding(target[:, :-1]) + place(n),
                   tgt_mask=nn.Transformer.generate_square_subsequent_mask(n).double(), src_key_padding_mask=~seen,
                   memory_key_padding_mask=~seen)
        return F.cross_entropy(self.fc(y).flatten(0, 1), target[:, 1:].flatten())


def run(name, net, **inputs):
    for key, x in inputs.items():
        TENSORS[f"{name}.in.{key}"] = x
    with torch.no_grad():
        for key, p in net.named_parameters():
            p.copy_(random(f"{name} {key}", *p.shape) * (0.3 if p.dim() > 1 else 0.1) + (1 if "norm" in key and "weight" in key else 0))
            TENSORS[f"{name}.initial.{key}"] = p.detach().clone()
    net.double()
    optimizer, losses = torch.optim.SGD(net.parameters(), LR, 0.9), []
    for i in range(STEPS):
        loss = net(*(x[i % BATCHES] for x in inputs.values()))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    TENSORS[f"{name}.loss"] = torch.tensor(losses, dtype=torch.float64)
    print(name, losses[0], losses[-1])


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    generator = torch.Generator().manual_seed(5)
    whole = lambda high, *shape: torch.randint(0, high, shape, generator=generator)
    tokens, lengths = whole(WORDS, BATCHES, ROWS, 9), whole(7, BATCHES, ROWS) + 3
    run("lstm_attention", LstmAttention(), tokens=tokens, lengths=lengths, target=whole(3, BATCHES, ROWS))
    run("transformer", Translation(), tokens=tokens, lengths=lengths, target=whole(WORDS, BATCHES, ROWS, 8))
    save_file(TENSORS, os.path.join(folder, "sequence_training.safetensors"),
              metadata={"made_by": f"tests/golden/make_sequence_training.py with PyTorch {torch.__version__}", "lr": str(LR)})
