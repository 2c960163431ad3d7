#!/usr/bin/env python3
"""Makes layers.safetensors: attention, Transformer and recurrent layers as PyTorch's modules compute them.

Usage: make_layers.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

For each case C in the metadata's "cases", the module being called m:
    C.in.NAME       inputs
    C.state.m.P     parameters, under the module's names
    C.out.K         outputs
    C.gout.K        what arrives at each
    C.grad.m.P      the gradient of sum(out * gout) for each parameter
    C.gin.NAME      and for each input of floats
    C.after.m.B     buffers after the call, of cases that are called train_...
All is computed in float64 and rounded to float32.
"""
import math
import os
import sys

import torch
from torch import nn

from golden_cases import random
from golden_file import save_file
from make_sequence import t5_buckets

TENSORS, CASES = {}, []


def keep(name, x):
    x = x.detach()
    TENSORS[name] = (x.float() if x.is_floating_point() else x).contiguous().clone()


def case(name, module, call, **inputs):
    CASES.append(name)
    training = name.startswith("train_")
    module.train(training)
    with torch.no_grad():
        for key, p in module.named_parameters():
            p.copy_(random(f"{name} {key}", *p.shape) * (0.3 if p.dim() > 1 else 0.1) + (1 if "norm" in key and "weight" in key else 0))
            keep(f"{name}.state.m.{key}", p)
        for key, b in module.named_buffers():
            if b.is_floating_point():
                b.copy_(nn.functional.normalize(random(f"{name} {key}", *b.shape), dim=0).abs())
            keep(f"{name}.state.m.{key}", b)
    module.double()
    for key, x in inputs.items():
        keep(f"{name}.in.{key}", x)
    leaves = {k: x.double().requires_grad_() if x.is_floating_point() else x for k, x in inputs.items()}
    floats = [k for k, x in leaves.items() if x.is_floating_point()]
    outs = call(module, **leaves)
    gouts = [random(f"{name} gout {i}", *y.shape) for i, y in enumerate(outs)]
    params = dict(module.named_parameters())
    wanted = list(params.values()) + [leaves[k] for k in floats]
    grads = torch.autograd.grad(sum((y * g.double()).sum() for y, g in zip(outs, gouts)), wanted, allow_unused=True) if wanted else []
    for key, g in zip(floats, grads[len(params):]):
        keep(f"{name}.gin.{key}", torch.zeros_like(leaves[key]) if g is None else g)
    for i, (y, g) in enumerate(zip(outs, gouts)):
        keep(f"{name}.out.{i}", y)
        keep(f"{name}.gout.{i}", g)
    for key, g in zip(params, grads):
        keep(f"{name}.grad.m.{key}", torch.zeros_like(params[key]) if g is None else g)
    for key, b in module.named_buffers():
        if training:
            keep(f"{name}.after.m.{key}", b)


def attention():
    x, y = random("x", 2, 5, 8), random("y", 2, 7, 8)
    seen = torch.arange(7)[None, :] < torch.tensor([7, 4])[:, None]
    case("mha", nn.MultiheadAttention(8, 2, batch_first=True), lambda m, x: m(x, x, x), x=x)
    case("mha_cross", nn.MultiheadAttention(8, 2, batch_first=True),
         lambda m, x, y, seen: m(x, y, y, key_padding_mask=~seen, average_attn_weights=False), x=x, y=y, seen=seen)
    seen_by = random("mask of each head", 2, 2, 5, 5)
    case("mha_added", nn.MultiheadAttention(8, 2, batch_first=True, bias=False),
         lambda m, x, mask: m(x, x, x, attn_mask=mask.reshape(4, 5, 5)), x=x, mask=seen_by)
    band = torch.ones(5, 5).tril().bool()
    case("mha_causal", nn.MultiheadAttention(8, 4, batch_first=True), lambda m, x: (m(x, x, x, attn_mask=~band, need_weights=False)[0],), x=x)
    case("mha_sizes", nn.MultiheadAttention(8, 2, batch_first=True, kdim=6, vdim=3), lambda m, x, k, v: (m(x, k, v)[0],), x=x,
         k=random("k", 2, 7, 6), v=random("v", 2, 7, 3))
    for first in (False, True):
        tag = "pre" if first else "post"
        options = dict(d_model=8, nhead=2, dim_feedforward=12, dropout=0.0, batch_first=True, norm_first=first)
        case(f"encoder_{tag}", nn.TransformerEncoderLayer(activation="gelu" if first else "relu", **options),
             lambda m, y: (m(y),), y=y)
        causal = nn.Transformer.generate_square_subsequent_mask(5).double()
        case(f"decoder_{tag}", nn.TransformerDecoderLayer(**options),
             lambda m, x, y, seen: (m(x, y, tgt_mask=causal, memory_key_padding_mask=~seen),), x=x, y=y, seen=seen)
        stack = nn.TransformerDecoder(nn.TransformerDecoderLayer(**options), 2, norm=nn.LayerNorm(8) if first else None)
        case(f"decoder_stack_{tag}", stack,
             lambda m, x, y, seen: (m(x, y, tgt_mask=causal, memory_key_padding_mask=~seen),), x=x, y=y, seen=seen)
        case(f"transformer_{tag}", nn.Transformer(num_encoder_layers=2, num_decoder_layers=2, **options),
             lambda m, y, x, seen: (m(y, x, tgt_mask=causal, src_key_padding_mask=~seen, memory_key_padding_mask=~seen),), y=y, x=x, seen=seen)


def recurrent():
    x, lengths = random("seq", 5, 3, 4), torch.tensor([5, 2, 4])
    h, c = random("h", 4, 3, 6), random("c", 4, 3, 6)

    def packed(m, x, *state):
        p = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        y, s = m(p, *state)
        return (nn.utils.rnn.pad_packed_sequence(y, total_length=5)[0], *(s if isinstance(s, tuple) else (s,)))

    def flat(m, x, *state):
        y, s = m(x, *state)
        return (y, *(s if isinstance(s, tuple) else (s,)))

    case("lstm", nn.LSTM(4, 6), flat, x=x)
    case("lstm_all", nn.LSTM(4, 6, num_layers=2, bidirectional=True), lambda m, x, lengths, h, c: packed(m, x, (h, c)), x=x, lengths=lengths,
         h=h, c=c)
    case("gru", nn.GRU(4, 6, batch_first=True), flat, x=x.transpose(0, 1).contiguous())
    case("gru_all", nn.GRU(4, 6, num_layers=2, bidirectional=True), lambda m, x, lengths, h: packed(m, x, h), x=x, lengths=lengths, h=h)
    case("rnn_relu", nn.RNN(4, 6, nonlinearity="relu", bias=False), flat, x=x)
    case("rnn_all", nn.RNN(4, 6, num_layers=2, bidirectional=True), lambda m, x, lengths, h: packed(m, x, h), x=x, lengths=lengths, h=h)
    case("lstm_cell", nn.LSTMCell(4, 6), lambda m, x, h, c: m(x, (h, c)), x=x[0], h=h[0], c=c[0])
    case("gru_cell", nn.GRUCell(4, 6), lambda m, x, h: (m(x, h),), x=x[0], h=h[0])
    case("rnn_cell", nn.RNNCell(4, 6), lambda m, x, h: (m(x, h),), x=x[0], h=h[0])
    case("rnn_cell_relu", nn.RNNCell(4, 6, bias=False, nonlinearity="relu"), lambda m, x, h: (m(x, h),), x=x[0], h=h[0])
    case("lstm_first", nn.LSTM(4, 6, num_layers=2, bias=False, batch_first=True), flat, x=x.transpose(0, 1).contiguous())
    case("gru_plain", nn.GRU(4, 6, bias=False, bidirectional=True), flat, x=x)

    case("lstm_projected", nn.LSTM(4, 6, num_layers=2, bidirectional=True, proj_size=3), lambda m, x, lengths, h, c: packed(m, x, (h, c)), x=x,
         lengths=lengths, h=random("projected", 4, 3, 3), c=c)
    case("lstm_projected_plain", nn.LSTM(4, 6, bias=False, proj_size=2), flat, x=x)
    sequence = PeepholeSequence(4, 6)
    case("peephole", sequence, lambda m, x: m(x), x=x)
    case("peephole_all", PeepholeSequence(4, 6, layers=2, bidirectional=True), lambda m, x, lengths, h, c: m(x, lengths, h, c), x=x, lengths=lengths,
         h=h, c=c)
    case("peephole_projected", PeepholeSequence(4, 6, bidirectional=True, projection=4), lambda m, x, lengths, h, c: m(x, lengths, h, c), x=x,
         lengths=lengths, h=random("peephole projected", 2, 3, 4), c=c[:2])
    case("peephole_cell", Peephole(4, 6), lambda m, x, h, c: m(x, h, c), x=x[0], h=h[0], c=c[0])


class Peephole(nn.LSTMCell):
    """Gers and Schmidhuber 2000; the recurrent weights are LSTMCell's."""

    def __init__(self, n_in, units):
        super().__init__(n_in, units)
        self.weight_ci, self.weight_cf, self.weight_co = (nn.Parameter(torch.zeros(units)) for _ in range(3))

    def forward(self, x, h, c):
        i, f, g, o = (x @ self.weight_ih.T + self.bias_ih + h @ self.weight_hh.T + self.bias_hh).chunk(4, -1)
        new = (f + self.weight_cf * c).sigmoid() * c + (i + self.weight_ci * c).sigmoid() * g.tanh()
        return (o + self.weight_co * new).sigmoid() * new.tanh(), new


class PeepholeSequence(nn.Module):
    """Layers and directions of Peephole's step, row by row of a length of its own."""

    def __init__(self, n_in, units, layers=1, bidirectional=False, projection=0):
        super().__init__()
        self.units, self.layers, self.ways, self.out = units, layers, ["", "_reverse"][:1 + bidirectional], projection or units
        for layer in range(layers):
            wide = n_in if layer == 0 else self.out * len(self.ways)
            for way in self.ways:
                shapes = {"weight_ih": (4 * units, wide), "weight_hh": (4 * units, self.out), "bias_ih": (4 * units,), "bias_hh": (4 * units,)}
                shapes |= {"weight_hr": (projection, units)} if projection else {}
                shapes |= {f"weight_c{k}": (units,) for k in "ifo"}
                for key, shape in shapes.items():
                    self.register_parameter(f"{key}_l{layer}{way}", nn.Parameter(torch.zeros(shape)))

    def row(self, x, suffix, h, c):
        p = {k[:-len(suffix)]: v for k, v in self.named_parameters() if k.endswith(suffix)}
        ys = []
        for step in reversed(x) if "reverse" in suffix else x:
            i, f, g, o = (p["weight_ih"] @ step + p["bias_ih"] + p["weight_hh"] @ h + p["bias_hh"]).chunk(4)
            new = (f + p["weight_cf"] * c).sigmoid() * c + (i + p["weight_ci"] * c).sigmoid() * g.tanh()
            h, c = (o + p["weight_co"] * new).sigmoid() * new.tanh(), new
            h = p["weight_hr"] @ h if "weight_hr" in p else h
            ys.append(h)
        return torch.stack(ys[::-1] if "reverse" in suffix else ys), h, c

    def forward(self, x, lengths=None, h=None, c=None):
        rows, (steps, batch) = [], x.shape[:2]
        h = x.new_zeros(self.layers * len(self.ways), batch, self.out) if h is None else h
        c = x.new_zeros(self.layers * len(self.ways), batch, self.units) if c is None else c
        for b in range(batch):
            y, hs, cs = x[:steps if lengths is None else lengths[b], b], [], []
            for layer in range(self.layers):
                parts = [self.row(y, f"_l{layer}{way}", h[len(hs) + k, b], c[len(cs) + k, b]) for k, way in enumerate(self.ways)]
                y, hs, cs = torch.cat([p[0] for p in parts], -1), hs + [p[1] for p in parts], cs + [p[2] for p in parts]
            rows.append((torch.cat([y, y.new_zeros(steps - len(y), y.shape[1])]), torch.stack(hs), torch.stack(cs)))
        return tuple(torch.stack(part, 1) for part in zip(*rows))


class Mixture(nn.Module):
    """A mixture of experts, token by token; `before` shows the gradient that arrives at its input."""

    def __init__(self, features, hidden, experts, top, capacity, normalize=False, drop=False):
        super().__init__()
        self.top, self.capacity, self.normalize, self.drop = top, capacity, normalize, drop
        self.before, self.moe = nn.Linear(features, features), nn.Module()
        self.moe.router, e = nn.Linear(features, experts, bias=False), nn.Module()
        e.weight1, e.bias1 = nn.Parameter(torch.zeros(experts, hidden, features)), nn.Parameter(torch.zeros(experts, hidden))
        e.weight2, e.bias2 = nn.Parameter(torch.zeros(experts, features, hidden)), nn.Parameter(torch.zeros(experts, features))
        self.moe.experts = e

    def forward(self, x):
        x = self.before(x)
        tokens, e = x.flatten(0, -2), self.moe.experts
        p = self.moe.router(tokens).softmax(-1)
        gates, chosen = p.topk(self.top)
        if self.normalize:
            gates = gates / gates.sum(-1, keepdim=True)
        n = p.shape[1]
        left = [min(len(tokens), math.ceil(self.capacity * len(tokens) * self.top / n)) if math.isfinite(self.capacity) else len(tokens)] * n
        y, dropped = [None] * len(tokens), 0
        for k in range(self.top):
            for t, token in enumerate(tokens):
                i = chosen[t, k].item()
                if left[i] == 0:
                    dropped += 1
                    continue
                left[i] -= 1
                part = gates[t, k] * (e.weight2[i] @ (e.weight1[i] @ token + e.bias1[i]).relu() + e.bias2[i])
                y[t] = part if y[t] is None else y[t] + part
        y = torch.stack([(0 * x if self.drop else x) if part is None else part for x, part in zip(tokens, y)])
        share = nn.functional.one_hot(chosen[:, 0], n).double().mean(0)
        return y.reshape(x.shape), n * (share * p.mean(0)).sum(), torch.tensor(dropped / chosen.numel(), dtype=torch.float64)


def mixtures():
    x = random("tokens", 2, 7, 5)
    case("moe_switch", Mixture(5, 6, 3, 1, 0.5), lambda m, x: m(x), x=x)
    case("moe_two", Mixture(5, 6, 4, 2, 0.4, normalize=True, drop=True), lambda m, x: m(x), x=x)
    case("moe_all", Mixture(5, 6, 4, 2, math.inf), lambda m, x: m(x), x=x)


def embeddings():
    index = torch.tensor([[0, 6, 2, 2], [1, 2, 6, 5]])
    case("embedding_cut", nn.Embedding(7, 3, padding_idx=2, max_norm=0.4), lambda m, i: (m(i),), i=index)
    case("embedding_cut_1", nn.Embedding(7, 3, max_norm=0.5, norm_type=1), lambda m, i: (m(i),), i=index)


def adaptive():
    x, target = random("adaptive x", 6, 9), torch.tensor([0, 11, 3, 4, 7, 2])
    case("adaptive", nn.AdaptiveLogSoftmaxWithLoss(9, 12, [4, 7], div_value=2.0),
         lambda m, x, target: (*m(x, target), m.log_prob(x)), x=x, target=target)
    case("adaptive_bias", nn.AdaptiveLogSoftmaxWithLoss(9, 12, [5], head_bias=True),
         lambda m, x: (m.log_prob(x), m.predict(x).double()), x=x * 3)
    case("adaptive_row", nn.AdaptiveLogSoftmaxWithLoss(9, 12, [1, 4], div_value=1.5),
         lambda m, x, target: tuple(m(x, target)), x=x[0], target=target[1])


class Conv1D(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(n_in, n_out)), nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias


class GPT2(nn.Module):
    """As Hugging Face's GPT2LMHeadModel: names and formulas."""

    def __init__(self, words, places, width, heads, layers):
        super().__init__()
        self.heads = heads
        t = self.transformer = nn.Module()
        t.wte, t.wpe = nn.Embedding(words, width), nn.Embedding(places, width)
        t.h = nn.ModuleList()
        for _ in range(layers):
            block = nn.Module()
            block.ln_1, block.ln_2, block.attn, block.mlp = nn.LayerNorm(width), nn.LayerNorm(width), nn.Module(), nn.Module()
            block.attn.c_attn, block.attn.c_proj = Conv1D(width, 3 * width), Conv1D(width, width)
            block.mlp.c_fc, block.mlp.c_proj = Conv1D(width, 4 * width), Conv1D(4 * width, width)
            t.h.append(block)
        t.ln_f = nn.LayerNorm(width)

    def forward(self, tokens):
        t, n = self.transformer, tokens.shape[1]
        x = t.wte(tokens) + t.wpe(torch.arange(n))
        for block in t.h:
            q, k, v = (p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in block.attn.c_attn(block.ln_1(x)).chunk(3, -1))
            s = (q @ k.transpose(-1, -2) / q.shape[-1]**0.5).masked_fill(torch.ones(n, n).triu(1) > 0, -torch.inf)
            x = x + block.attn.c_proj((s.softmax(-1) @ v).transpose(1, 2).flatten(2))
            x = x + block.mlp.c_proj(nn.functional.gelu(block.mlp.c_fc(block.ln_2(x)), approximate="tanh"))
        return (t.ln_f(x) @ t.wte.weight.T,)


class Bert(nn.Module):
    """As Hugging Face's BertModel: names and formulas; the first token behind the pooler, and all tokens."""

    def __init__(self, words, places, kinds, width, heads, layers, hidden):
        super().__init__()

        def module(**parts):
            m = nn.Module()
            for name, part in parts.items():
                setattr(m, name, part)
            return m

        def norm():
            return nn.LayerNorm(width, eps=1e-12)

        self.heads = heads
        self.embeddings = module(word_embeddings=nn.Embedding(words, width), position_embeddings=nn.Embedding(places, width),
                                 token_type_embeddings=nn.Embedding(kinds, width), LayerNorm=norm())
        blocks = []
        for _ in range(layers):
            query = module(**{n: nn.Linear(width, width) for n in ("query", "key", "value")})
            after = module(dense=nn.Linear(width, width), LayerNorm=norm())
            blocks.append(module(attention=module(self=query, output=after), intermediate=module(dense=nn.Linear(width, hidden)),
                                 output=module(dense=nn.Linear(hidden, width), LayerNorm=norm())))
        self.encoder = module(layer=nn.ModuleList(blocks))
        self.pooler = module(dense=nn.Linear(width, width))

    def forward(self, tokens, kinds):
        e, seen = self.embeddings, (tokens != 0)[:, None, None]
        x = e.word_embeddings(tokens) + e.position_embeddings(torch.arange(tokens.shape[1])) + e.token_type_embeddings(kinds)
        x = e.LayerNorm(x)
        for block in self.encoder.layer:
            a = block.attention
            q, k, v = (getattr(a.self, n)(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for n in ("query", "key", "value"))
            s = (q @ k.transpose(-1, -2) / q.shape[-1]**0.5).masked_fill(~seen, -torch.inf)
            x = a.output.LayerNorm(x + a.output.dense((s.softmax(-1) @ v).transpose(1, 2).flatten(2)))
            y = nn.functional.gelu(block.intermediate.dense(x))
            x = block.output.LayerNorm(x + block.output.dense(y))
        return (torch.tanh(self.pooler.dense(x[:, 0])),)


def models():
    case("bert", Bert(11, 9, 2, 8, 2, 2, 12), lambda m, tokens, kinds: m(tokens, kinds),
         tokens=torch.tensor([[3, 1, 4, 1, 5, 0], [2, 6, 5, 3, 10, 7]]), kinds=torch.tensor([[0, 0, 1, 1, 1, 0], [0, 1, 1, 1, 1, 1]]))
    case("gpt2", GPT2(11, 9, 8, 2, 2), lambda m, tokens: m(tokens), tokens=torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 10, 0]]))


def convolutions():
    line, picture, body = random("line", 2, 4, 6), random("picture", 2, 4, 5, 4), random("body", 1, 4, 3, 4, 3)
    case("conv1d", nn.Conv1d(4, 6, 3, padding=1, groups=2), lambda m, x: (m(x),), x=line)
    case("conv3d", nn.Conv3d(4, 2, (2, 3, 1)), lambda m, x: (m(x),), x=body)
    case("conv_transpose1d", nn.ConvTranspose1d(4, 6, 4, stride=2, groups=2), lambda m, x: (m(x),), x=line)
    case("conv_transpose2d", nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), lambda m, x: (m(x),), x=picture)
    case("conv_transpose3d", nn.ConvTranspose3d(4, 2, 2, stride=2), lambda m, x: (m(x),), x=body)
    case("conv2d_reflect", nn.Conv2d(4, 3, 3, padding=(2, 1), padding_mode="reflect"), lambda m, x: (m(x),), x=picture)
    case("conv1d_circular", nn.Conv1d(4, 3, 4, padding="same", padding_mode="circular"), lambda m, x: (m(x),), x=line)
    case("conv3d_replicate", nn.Conv3d(4, 3, 3, padding=1, padding_mode="replicate"), lambda m, x: (m(x),), x=body)
    by = nn.utils.parametrizations
    case("weight_norm", by.weight_norm(nn.Conv2d(4, 3, 3)), lambda m, x: (m(x),), x=picture)
    case("weight_norm_linear", by.weight_norm(nn.Linear(4, 5)), lambda m, x: (m(x),), x=picture)
    for name in ("spectral_norm", "train_spectral_norm"):
        case(name, by.spectral_norm(nn.Conv2d(4, 3, 3)), lambda m, x: (m(x),), x=picture)
        case(f"{name}_transposed", by.spectral_norm(nn.ConvTranspose2d(4, 3, 2)), lambda m, x: (m(x),), x=picture)
    case("bilinear", nn.Bilinear(4, 3, 5), lambda m, x, y: (m(x, y),), x=picture, y=random("other", 2, 4, 5, 3))
    case("train_batch_norm3d", nn.BatchNorm3d(4, momentum=None), lambda m, x: (m(x),), x=body)
    case("train_batch_norm_frozen", nn.BatchNorm2d(4), lambda m, x: (nn.functional.batch_norm(
        x, m.running_mean, m.running_var, m.weight, m.bias, False),), x=picture)
    case("train_instance_norm", nn.InstanceNorm1d(4, affine=True, track_running_stats=True), lambda m, x: (m(x),), x=line)
    case("train_batch_norm1d", nn.BatchNorm1d(4), lambda m, x: (m(x),), x=line)


class Places(nn.Module):
    def __init__(self, places, features):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(places, features))

    def forward(self, x):
        return x + self.weight[:x.shape[-2]]


class Relative(nn.Module):
    """T5's learned bias, [heads, queries, keys]."""

    def __init__(self, heads, causal):
        super().__init__()
        self.weight, self.causal = nn.Parameter(torch.zeros(32, heads)), causal

    def forward(self):
        return self.weight[t5_buckets(6, 150, self.causal, 32, 128)].permute(2, 0, 1)


def small_layers():
    x = random("small", 2, 6, 5, 4)
    for name, module in (("layer_norm", nn.LayerNorm((5, 4), eps=1e-3)), ("layer_norm_no_bias", nn.LayerNorm(4, bias=False)),
                         ("rms_norm", nn.RMSNorm((5, 4))), ("group_norm", nn.GroupNorm(3, 6)),
                         ("instance_norm", nn.InstanceNorm2d(6, eps=1e-2, affine=True)), ("prelu", nn.PReLU(6)), ("prelu_one", nn.PReLU()),
                         ("places", Places(9, 4))):
        case(name, module, lambda m, x: (m(x),), x=x)
    case("instance_norm_plain", nn.InstanceNorm2d(6), lambda m, x: (m(x),), x=x)
    case("conv2d_rect", nn.Conv2d(6, 8, (3, 1), stride=2, padding=1, groups=2), lambda m, x: (m(x),), x=x)
    for causal in (False, True):
        case("relative_causal" if causal else "relative", Relative(2, causal), lambda m: (m(),))


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    attention()
    recurrent()
    models()
    convolutions()
    mixtures()
    embeddings()
    adaptive()
    small_layers()
    path = os.path.join(folder, "layers.safetensors")
    save_file(TENSORS, path, metadata={"made_by": f"tests/golden/make_layers.py with PyTorch {torch.__version__}", "cases": " ".join(CASES)})
    print(f"{path}: {len(CASES)} cases, {os.path.getsize(path)} bytes")
