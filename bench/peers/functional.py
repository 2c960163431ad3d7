"""What JAX and TensorFlow share as peers: the layers of a net as functions of values, in what both name alike, and the losses. Pictures
lie with their channels last, as both like it best. Where the libraries differ, in convolutions, pooling, chance and loops, their
subclasses have it."""
import json
import time

import numpy as np

import server

PATIENCE = 15  # seconds to a first step beyond which no other way is tried


def mel_bank(n, mels):
    """Triangles, equally far apart in mels, of n frequencies up to 8000 Hz."""
    corner = 700 * (10**(np.linspace(0, 2595 * np.log10(1 + 8000 / 700), mels + 2) / 2595) - 1)
    away = corner[None, :] - np.linspace(0, 8000, n)[:, None]
    wide = corner[1:] - corner[:-1]
    return np.minimum(-away[:, :-2] / wide[:-1], away[:, 2:] / wide[1:]).clip(min=0).astype(np.float32)


def neighbours_of(n, edges):
    """[n, edges]: whom each node listens to; pytorch_net.py and cli/bench_nets.c have the same ones."""
    to, j = np.arange(n)[:, None], np.arange(edges)[None, :]
    return (to * (j * 31 + 1) + j * 977) % n


def arrange(net, weights):
    """PyTorch's weights as these libraries want them: of linear layers [in, out], of convolutions [height, width, in, out], of transposed
    ones [height, width, out, in]; and what reads a flattened picture in the order in which it lies here."""
    flat = {}  # value: the picture that it was
    for node in net.nodes:
        source, name = net.shapes[node.inputs[0]], f"{node.name}.weight"
        if node.kind == "flatten" and len(source) == 3:
            flat[node.output] = source
        elif node.kind in ("relu", "dropout") and node.inputs[0] in flat:
            flat[node.output] = flat[node.inputs[0]]
        elif node.kind == "linear":
            w = weights[name]
            if node.inputs[0] in flat:
                w = w.reshape(-1, *flat[node.inputs[0]]).transpose(0, 2, 3, 1).reshape(w.shape)
            weights[name] = np.ascontiguousarray(w.T)
        elif node.name == "rnn":
            for part in weights:
                if part.startswith("rnn.weight"):
                    weights[part] = np.ascontiguousarray(weights[part].T)
        elif node.kind in ("conv", "conv_transpose"):
            weights[name] = weights[name].transpose(2, 3, 1, 0).copy()
    return weights


class Layers:
    """The layers as functions of values. `library` is jax.numpy or tensorflow, `nn` what it has for nets. What running statistics and
    states become is gathered in `moved`. With `half` set all values between layers are so, but for statistics and losses."""

    def __init__(self, library, nn, weights, training, half=None):
        self.m, self.nn, self.weights, self.training, self.half, self.moved = library, nn, weights, training, half, {}

    def __call__(self, net, x):
        values = {0: self.narrow(x)}
        for node in net.nodes:
            values[node.output] = getattr(self, node.kind)(node, *(values[i] for i in node.inputs))
        return [self.wide(values[o]) for o in net.outputs]

    def narrow(self, x):
        """Numbers as they lie between layers."""
        return self.cast(x, self.half) if self.half and x.dtype == self.m.float32 else x

    def wide(self, x):
        return self.cast(x, self.m.float32) if self.half else x

    def weight(self, name):
        return self.narrow(self.weights[name])

    # ---- products --------------------------------------------------------------------------------------------------------

    def product(self, x, weight, bias=None):
        y = self.m.matmul(self.m.reshape(x, (-1, x.shape[-1])), self.weight(weight))
        y = y if bias is None else y + self.weight(bias)
        return self.m.reshape(y, (*x.shape[:-1], y.shape[-1]))

    def linear(self, node, x):
        return self.product(x, f"{node.name}.weight", f"{node.name}.bias")

    linear_in_out = linear

    def head(self, node, x):
        return self.m.einsum("...c,vc->...v", x, self.weight(f"{node.options['table']}.weight"))

    # ---- element by element ----------------------------------------------------------------------------------------------

    def relu(self, node, x):
        return self.nn.relu(x)

    def relu6(self, node, x):
        return self.nn.relu6(x)

    def leaky_relu(self, node, x):
        return self.nn.leaky_relu(x, node.options["slope"])

    def gelu(self, node, x):
        return self.nn.gelu(x, approximate=node.options["tanh"])

    def tanh(self, node, x):
        return self.m.tanh(x)

    def add(self, node, x, y):
        return x + y

    def dropout(self, node, x):
        return self.drop(x, node.options["rate"]) if self.training else x

    def sample(self, node, mean, logvar):
        return mean + self.narrow(self.normal(mean.shape)) * self.m.exp(0.5 * logvar) if self.training else mean

    # ---- shapes ----------------------------------------------------------------------------------------------------------

    def concat(self, node, *x):
        return self.join(x, 3 if len(x[0].shape) == 4 else 1)

    def flatten(self, node, x):
        return self.m.reshape(x, (x.shape[0], -1))

    def mean(self, node, x):
        return self.average(x, (1, 2))

    def twice(self, node, x):
        return self.m.repeat(self.m.repeat(x, 2, axis=1), 2, axis=2)

    def first(self, node, x):
        return x[:, 0]

    def last(self, node, x):
        return x[:, -1]

    def column(self, node, x):
        return x[:, node.options["at"]]

    def places_mean(self, node, x):
        return self.average(x, 1)

    def boxes(self, node, x):
        (n, height, width, values), anchors = x.shape, node.options["anchors"]
        x = self.m.reshape(x, (n, height, width, anchors, values // anchors))
        return self.m.reshape(self.m.transpose(x, (0, 3, 1, 2, 4)), (n, -1, values // anchors))

    # ---- words, places, nodes --------------------------------------------------------------------------------------------

    def embedding(self, node, x):
        return self.narrow(self.rows(self.weights[f"{node.name}.weight"], x))

    def places(self, node, x):
        o, table = node.options, self.weights[f"{node.name}.weight"]
        return x + self.narrow(table[o["start"]] if o["one"] else table[o["start"]:o["start"] + node.shape[0]])

    def tokens(self, node, x):
        token, position = (self.weight(p) for p in node.options["parameters"])
        n, channels = x.shape[0], x.shape[3]
        x = self.m.reshape(x, (n, -1, channels))
        return self.join([self.m.broadcast_to(token, (n, 1, channels)), x], 1) + position

    def neighbours(self, node, x):
        return self.average(self.rows(x, neighbours_of(x.shape[0], node.options["edges"])), 1)

    def layer_norm(self, node, x):
        x = self.wide(x)
        x = x - self.average(x, -1, True)
        scale = (self.average(x * x, -1, True) + node.options["eps"]) ** -0.5
        return self.narrow(x * scale * self.weights[f"{node.name}.weight"] + self.weights[f"{node.name}.bias"])

    # ---- attention -------------------------------------------------------------------------------------------------------

    def attention(self, node, x):
        return self.attend(node, *self.m.split(x, 3, -1))

    def attend(self, node, q, k, v):
        o, (n, places, width) = node.options, q.shape
        q, k, v = (self.m.reshape(x, (n, places, o["heads"], -1)) for x in (q, k, v))
        scores = self.m.einsum("nqhd,nkhd->nhqk", q * (width // o["heads"]) ** -0.5, k)
        if o.get("causal"):
            scores = scores + self.narrow(self.m.asarray(np.triu(np.full((places, places), -1e9, np.float32), 1)))
        scores = self.nn.softmax(scores)
        if self.training and o["rate"]:
            scores = self.drop(scores, o["rate"])
        return self.m.reshape(self.m.einsum("nhqk,nkhd->nqhd", scores, v), (n, places, width))

    def attention_step(self, node, x):
        o, n = node.options, x.shape[0]
        q, k, v = (self.m.reshape(part, (n, o["heads"], 1, -1)) for part in self.m.split(x, 3, -1))
        keys, values = (self.join([self.weight(name)[:, :, :o["past"]], new], 2) for name, new in zip(o["parameters"], (k, v)))
        scores = self.nn.softmax(self.m.einsum("nhqd,nhkd->nhqk", q * q.shape[-1] ** -0.5, keys))
        return self.m.reshape(self.m.einsum("nhqk,nhkd->nhqd", scores, values), (n, 1, -1))

    # ---- recurrent -------------------------------------------------------------------------------------------------------

    def of_layer(self, i):
        return [f"rnn.{part}_l{i}" for part in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")]

    def lstm_cell(self, gates, c):
        i, f, g, o = self.m.split(gates, 4, -1)
        c = self.nn.sigmoid(f) * c + self.nn.sigmoid(i) * self.m.tanh(g)
        return self.nn.sigmoid(o) * self.m.tanh(c), c

    def lstm_layer(self, i, x, units):
        """Of time-major x. The product with the input is made for all steps at once."""
        w, b, u, c = self.of_layer(i)
        given = self.product(x, w, b) + self.weight(c)
        zero, u = self.m.zeros((x.shape[1], units), x.dtype), self.weight(u)
        return self.scan(lambda state, at: self.lstm_cell(at + self.m.matmul(state[0], u), state[1]), (zero, zero), given)

    def gru_layer(self, i, x, units):
        w, b, u, c = self.of_layer(i)
        zero, u, c = self.m.zeros((x.shape[1], units), x.dtype), self.weight(u), self.weight(c)

        def cell(state, at):
            h, = state
            (r, z, n), (hr, hz, hn) = self.m.split(at, 3, -1), self.m.split(self.m.matmul(h, u) + c, 3, -1)
            z = self.nn.sigmoid(z + hz)
            return ((1 - z) * self.m.tanh(n + self.nn.sigmoid(r + hr) * hn) + z * h,)
        return self.scan(cell, (zero,), self.product(x, w, b))

    def recurrent(self, node, x, layer):
        x = self.m.transpose(x, (1, 0, 2))
        for i in range(node.options["layers"]):
            x = layer(i, x, node.options["units"])
        return self.m.transpose(x, (1, 0, 2))

    def lstm(self, node, x):
        return self.recurrent(node, x, self.lstm_layer)

    def gru(self, node, x):
        return self.recurrent(node, x, self.gru_layer)

    def lstm_step(self, node, x):
        for i in range(node.options["layers"]):
            w, b, u, c = self.of_layer(i)
            gates = self.product(x, w, b) + self.product(self.weight(f"state.h{i}"), u, c)
            x, cell = self.lstm_cell(gates, self.weight(f"state.c{i}"))
            self.moved[f"state.h{i}"], self.moved[f"state.c{i}"] = self.wide(x), self.wide(cell)
        return x

    # ---- sounds ----------------------------------------------------------------------------------------------------------

    def log_mel(self, node, x):
        o, window = node.options, np.hanning(401)[:400].astype(np.float32)
        x = self.m.pad(x, ((0, 0), (200, 200)), mode="reflect")
        at = np.arange(0, o["samples"] + 1, o["hop"])[:, None] + np.arange(400)[None, :]
        power = self.m.abs(self.transform(self.columns(x, at) * window, True)) ** 2
        return self.m.transpose(self.m.log(self.m.matmul(power, mel_bank(201, o["mels"])) + 1e-6), (0, 2, 1))

    def fft(self, node, x):
        y = self.transform(self.complex(x[:, ::2], x[:, 1::2]), False)
        return self.m.reshape(self.m.stack([self.m.real(y), self.m.imag(y)], -1), x.shape)

    # ---- losses ----------------------------------------------------------------------------------------------------------

    def cross_entropy(self, outputs, x, target):
        return self.entropy(outputs[0], target)

    def next_token(self, outputs, x, target):
        return self.entropy(self.m.reshape(outputs[0], (-1, outputs[0].shape[-1])), self.m.reshape(target, (-1,)))

    def bce_with_logits(self, outputs, x, target):
        y = outputs[0][:, 0]
        return self.average(self.nn.softplus(y) - y * target)

    def mask(self, outputs, x, target):
        return self.average(self.nn.softplus(outputs[0]) - outputs[0] * x[..., :1])

    def vae(self, outputs, x, target):
        y, mean, logvar = outputs
        each = self.average(self.nn.softplus(y) - y * x) * y.shape[1]
        return each - 0.5 * self.average(1 + logvar - mean ** 2 - self.m.exp(logvar)) * mean.shape[1]


def begin_state(net, batch):
    """What a forward leaves to the next one, at first: zeros."""
    steps = [n for n in net.nodes if n.kind == "lstm_step"]
    return {f"state.{part}{i}": np.zeros((batch, n.options["units"]), np.float32)
            for n in steps for i in range(n.options["layers"]) for part in "hc"}


def part_of(values, key):
    """Those of one of two nets, whose names begin with its key."""
    return {n[2:]: v for n, v in values.items() if n.startswith(f"{key}.")}


def pieces(count):
    """What a row that updates parameters alone has, each so often: (values, gradients)."""
    pattern = (np.arange(count // server.UPDATE_PIECES) % server.PATTERN).astype(np.float32) - server.PATTERN / 2
    return pattern / (2 * server.PATTERN), pattern / server.PATTERN


class Peer:
    """A peer that has build(way), which makes self.step(i) from the first weights; `ways` are tried, and the fastest stays."""

    ways = ("",)

    def __init__(self, options):
        self.options, self.at = options, 0

    def takes(self):
        return True

    def convert(self, array):
        """A NumPy array as one of the library's."""
        raise NotImplementedError

    def load(self):
        """False: this row is not one of ours."""
        file = server.File(self.options.data, server.numpy_copier(np))
        self.metadata, self.net, self.weights = file.metadata, None, {}
        self.batches, self.targets = [None], [None]
        self.half = self.metadata["precision"] == "bf16"
        if int(self.metadata["parameters"]):
            return self.takes()
        self.net = file.net()
        inputs, labels, self.weights = file.tensors.pop("inputs"), file.tensors.pop("labels"), file.tensors
        if not self.takes():
            return False
        self.batch = inputs.shape[1]
        for key, part in self.net.parts.items():
            self.weights.update({f"{key}.{n}": w for n, w in arrange(part, part_of(self.weights, key)).items()})
        self.weights = {**arrange(self.net, self.weights), **begin_state(self.net, self.batch)}
        self.batches = [self.convert(self.picture(x)) for x in inputs]
        kind = np.float32 if self.metadata["loss"] == "bce_with_logits" else np.int32
        self.targets = [self.convert(y.astype(kind)) for y in labels]
        return True

    def picture(self, x):
        if x.dtype == np.int64:
            return x.astype(np.int32)
        x = x.astype(np.float32) / np.float32(255)
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if x.ndim == 4 else x

    def noise_shape(self, part):
        sample = part.sample
        return (self.batch, *sample[1:], sample[0]) if len(sample) == 3 else (self.batch, *sample)

    def setup(self):
        """The first step is timed from building the net to its end, compiling included."""
        if not self.load():
            raise SystemExit(3)
        times, first, ways = {}, None, self.ways
        for way in ways:
            begin = time.perf_counter()
            self.build(way)
            self.timed(1)
            first = first or time.perf_counter() - begin
            if len(ways) == 1:
                break
            times[way] = min(server.several(self.timed))
            if first > PATIENCE:
                break
        best = min(times, key=times.get) if times else ways[0]
        self.build(best)
        return {"details": best, "first_step_seconds": first}

    def timed(self, n):
        seconds, results, clock = [], [], time.perf_counter
        for _ in range(n):
            i = self.at % len(self.batches)
            begin = clock()
            result = self.step(i)
            seconds.append(clock() - begin)
            if self.metadata["loss"] or not results:
                results.append(result)
            self.at += 1
        return seconds, results

    def run(self, n):
        first = self.at == 0
        seconds, results = self.timed(n)
        if self.metadata["loss"]:
            return {"seconds": seconds, "losses": results}
        return {"seconds": seconds, **({"outputs": self.outputs(results[0])} if first else {})}

    def outputs(self, result):
        if self.metadata["optimizer"]:
            return self.updated()
        return np.asarray(result)[0].flatten()[:server.OUTPUTS].tolist()


def first_prediction(peer):
    """Start-up: what a program does that answers one question and ends."""
    peer.load()
    peer.build(peer.ways[0])
    print(json.dumps({"class": int(np.asarray(peer.step(0)).argmax(1)[0])}), flush=True)


def main(kind, **modes):
    """What a peer's program does; kind: its class."""
    options = server.arguments(**modes)
    if options.row == "startup":
        first_prediction(kind(options))
    else:
        server.serve(kind(options))
