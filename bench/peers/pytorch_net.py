"""A net of the benchmark as a PyTorch module, as one would write it by hand: layers with PyTorch's names as members, and a
forward whose source is made from the list of nodes."""
import math

import torch
from torch import nn
from torch.nn import functional as F

LAYERS = {
    "linear": lambda o: nn.Linear(o["width"], o["units"]),
    "conv": lambda o: nn.Conv2d(o["width"], o["units"], o["kernel"], o["stride"], o["padding"], groups=o["groups"], bias=o["bias"]),
    "conv_transpose": lambda o: nn.ConvTranspose2d(o["width"], o["units"], o["kernel"], o["stride"], o["padding"], bias=o["bias"]),
    "batch_norm": lambda o: nn.BatchNorm2d(o["units"]),
    "lstm": lambda o: nn.LSTM(o["width"], o["units"], o["layers"], batch_first=True),
    "lstm_step": lambda o: nn.LSTM(o["width"], o["units"], o["layers"], batch_first=True),
    "gru": lambda o: nn.GRU(o["width"], o["units"], o["layers"], batch_first=True),
    "layer_norm": lambda o: nn.LayerNorm(o["units"], eps=o["eps"]),
    "linear_in_out": lambda o: LinearInOut(o["width"], o["units"]),
    "embedding": lambda o: nn.Embedding(o["rows"], o["units"], sparse=o["sparse"]),
    "places": lambda o: nn.Embedding(o["rows"], o["units"]),
}


class LinearInOut(nn.Module):
    """GPT-2's layers in Hugging Face's Transformers."""

    def __init__(self, width, units):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(width, units)), nn.Parameter(torch.empty(units))

    def forward(self, x):
        return torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], -1)


def attention(x, heads, rate, causal):
    n, places, width = x.shape
    q, k, v = x.view(n, places, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4)
    y = F.scaled_dot_product_attention(q, k, v, dropout_p=rate, is_causal=causal)
    return y.transpose(1, 2).reshape(n, places, width // 3)


def attention_step(x, keys, values, heads, past):
    n, _, width = x.shape
    q, k, v = x.view(n, 1, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4)
    keys[:, :, past:past + 1], values[:, :, past:past + 1] = k, v
    y = F.scaled_dot_product_attention(q, keys[:, :, :past + 1], values[:, :, :past + 1])
    return y.transpose(1, 2).reshape(n, 1, width // 3)


def attend(q, k, v, heads, rate):
    n, places, width = q.shape
    q, k, v = (x.view(n, places, heads, width // heads).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, dropout_p=rate).transpose(1, 2).reshape(n, places, width)


def lstm_step(net, x):
    """One step from the state that the one before left."""
    y, net.state = net.rnn(x.unsqueeze(1), net.state)
    return y.squeeze(1)


MELS = {}


def mel_bank(n, mels):
    """Triangles, equally far apart in mels, of n frequencies up to 8000 Hz."""
    corner = 700 * (10**(torch.linspace(0, 2595 * math.log10(1 + 8000 / 700), mels + 2, dtype=torch.float64) / 2595) - 1)
    away = corner[None, :] - torch.linspace(0, 8000, n, dtype=torch.float64)[:, None]
    wide = corner[1:] - corner[:-1]
    return torch.minimum(-away[:, :-2] / wide[:-1], away[:, 2:] / wide[1:]).clamp(min=0).float()


def log_mel(x, hop, mels):
    if mels not in MELS:
        MELS[mels] = torch.hann_window(400), mel_bank(201, mels)
    window, bank = MELS[mels]
    y = torch.stft(x, 400, hop, 400, window, return_complex=True)
    y = (y.real.square() + y.imag.square()).transpose(1, 2) @ bank
    return (y + 1e-6).log().transpose(1, 2)


EDGES = {}


class Propagate(torch.autograd.Function):
    """A sparse matrix times x; its transpose is kept for the gradient, which PyTorch's own would make anew each time. Rows that are gathered
    and added (index_select, index_add) take five times as long here."""

    @staticmethod
    def forward(ctx, x, matrix, transposed):
        ctx.transposed = transposed
        return Propagate.product(matrix, x)

    @staticmethod
    def backward(ctx, *grads):
        return Propagate.product(ctx.transposed, grads[0]), None, None

    @staticmethod
    def product(matrix, x):
        with torch.autocast("cpu", enabled=False):  # there are none of bf16
            return (matrix @ x.float()).to(x.dtype)


def neighbours(x, edges):
    """The mean over neighbours; cli/bench_nets.c has the same edges."""
    n = x.shape[0]
    if (n, edges) not in EDGES:
        k = torch.arange(n * edges)
        to, j = k // edges, k % edges
        source = (to * (j * 31 + 1) + j * 977) % n
        order = torch.argsort(source, stable=True)
        first = torch.searchsorted(source[order], torch.arange(n + 1))
        ones = torch.full((n * edges,), 1 / edges)
        EDGES[n, edges] = (torch.sparse_csr_tensor(torch.arange(n + 1) * edges, source, ones, size=(n, n)),
                           torch.sparse_csr_tensor(first, to[order], ones, size=(n, n)))
    return Propagate.apply(x, *EDGES[n, edges])


def member(name):
    return name.replace(".", "_")


def expression(net, node, single):
    """The line of the forward that makes the node's value."""
    x, o = [f"v{i}" for i in node.inputs], node.options
    inplace = ", inplace=True" if node.inputs[0] in single else ""
    if node.kind == "lstm_step":
        return f"lstm_step(self, {x[0]})"
    if node.name == "rnn":
        return f"self.rnn({x[0]})[0]"
    if node.kind == "places":
        rows = f"{o['start']}" if o["one"] else f"{o['start']}:{o['start'] + node.shape[0]}"
        return f"{x[0]} + self.{member(node.name)}.weight[{rows}]"
    if node.name:
        return f"self.{member(node.name)}({x[0]})"
    if node.kind == "head":
        return f"F.linear({x[0]}, self.{member(o['table'])}.weight)"
    if node.kind in ("relu", "relu6"):
        return f"F.{node.kind}({x[0]}{inplace})"
    if node.kind == "leaky_relu":
        return f"F.leaky_relu({x[0]}, {o['slope']}{inplace})"
    if node.kind == "tanh":
        return f"torch.tanh({x[0]})"
    if node.kind == "add":
        return f"{x[0]} + {x[1]}"
    if node.kind == "max_pool":
        return f"F.max_pool2d({x[0]}, {o['kernel']}, {o['stride']}, {o['padding']}, ceil_mode={o['ceil']})"
    if node.kind == "column":
        return f"{x[0]}[:, {o['at']}]"
    if node.kind == "concat":
        return f"torch.cat([{', '.join(x)}], 1)"
    if node.kind == "twice":
        return f"F.interpolate({x[0]}, scale_factor=2, mode='nearest')"
    if node.kind == "boxes":
        return f"{x[0]}.unflatten(1, ({o['anchors']}, -1)).permute(0, 1, 3, 4, 2).flatten(1, 3)"
    if node.kind == "attention":
        return f"attention({x[0]}, {o['heads']}, {o['rate']} if self.training else 0.0, {o['causal']})"
    if node.kind == "attention_step":
        keys, values = (f"self.{member(p)}" for p in o["parameters"])
        return f"attention_step({x[0]}, {keys}, {values}, {o['heads']}, {o['past']})"
    if node.kind == "attend":
        return f"attend({x[0]}, {x[1]}, {x[2]}, {o['heads']}, {o['rate']} if self.training else 0.0)"
    if node.kind == "tokens":
        token, position = (f"self.{member(p)}" for p in o["parameters"])
        return f"torch.cat([{token}.expand({x[0]}.shape[0], -1, -1), {x[0]}.flatten(2).transpose(1, 2)], 1) + {position}"
    if node.kind == "first":
        return f"{x[0]}[:, 0]"
    if node.kind == "gelu":
        return f"F.gelu({x[0]}, approximate={'tanh' if o['tanh'] else 'none'!r})"
    if node.kind == "neighbours":
        return f"neighbours({x[0]}, {o['edges']})"
    if node.kind == "last":
        return f"{x[0]}[:, -1]"
    if node.kind == "places_mean":
        return f"{x[0]}.mean(1)"
    if node.kind == "log_mel":
        return f"log_mel({x[0]}, {o['hop']}, {o['mels']})"
    if node.kind == "fft":
        return f"torch.view_as_real(torch.fft.fft(torch.view_as_complex({x[0]}.unflatten(1, (-1, 2))))).flatten(1)"
    if node.kind == "mean":
        return f"F.adaptive_avg_pool2d({x[0]}, 1).flatten(1)"
    if node.kind == "flatten":
        return f"{x[0]}.flatten(1)"
    if node.kind == "dropout":
        return f"F.dropout({x[0]}, {o['rate']}, self.training)"
    if node.kind == "sample":
        return f"{x[0]} + torch.randn_like({x[1]}) * torch.exp(0.5 * {x[1]}) if self.training else {x[0]}"
    raise ValueError(node.kind)


def alone(net):
    """Values of products, norms and additions with one user: an activation may be written over them."""
    users = {}
    for node in net.nodes:
        for i in node.inputs:
            users[i] = users.get(i, 0) + 1
    return {n.output for n in net.nodes if n.kind in ("linear", "conv", "batch_norm", "add") and users.get(n.output) == 1}


def make(net):
    single = alone(net)
    lines = [f"    v{n.output} = {expression(net, n, single)}" for n in net.nodes]
    source = "\n".join(["def forward(self, v0):", *lines, "    return " + ", ".join(f"v{i}" for i in net.outputs)])
    space = {"F": F, "torch": torch, "attention": attention, "attend": attend, "neighbours": neighbours, "log_mel": log_mel,
             "attention_step": attention_step, "lstm_step": lstm_step}
    exec(compile(source, "net", "exec"), space)  # pylint: disable=exec-used

    class Net(nn.Module):
        forward = space["forward"]

    module = Net()
    for node in net.nodes:
        if node.name:
            setattr(module, member(node.name), LAYERS[node.kind](node.options))
        for name, shape in node.options.get("parameters", {}).items():
            setattr(module, member(name), nn.Parameter(torch.empty(shape)))
    return module


def load(module, weights):
    """weights by PyTorch's names; every parameter must be among them."""
    state = {}
    for name, w in weights.items():
        layer, dot, part = name.rpartition(".")
        state[member(layer) + dot + part] = w
    module.state = None
    missing, unexpected = module.load_state_dict(state, strict=False)
    wrong = [n for n in missing if not n.endswith("num_batches_tracked")] + unexpected
    if wrong:
        raise ValueError(f"the data file and the net do not agree about {wrong[0]}")
