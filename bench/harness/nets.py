"""The nets of the benchmark, each described once: from this come the weights, the counts of arithmetic and bytes, and the
peers' nets in their own languages. Tarn builds its own from the same text; names and shapes of the parameters must agree.

A net is a list of nodes over numbered values; value 0 is the input. Shapes are those of one sample.
"""
import math
from dataclasses import dataclass, field


WRITTEN = ("conv", "linear", "linear_in_out", "head", "lstm", "lstm_step", "gru", "attention", "attention_step", "attend", "neighbours", "max_pool", "mean", "add",
           "embedding", "concat", "twice", "conv_transpose", "log_mel", "fft")


def transform(n):
    """Operations of a Fourier transform of n complex numbers, as they are usually counted; of real ones it is half."""
    return int(5 * n * math.log2(n))


@dataclass(frozen=True)
class Node:
    kind: str  # of the layers below
    name: str  # of its parameters, as PyTorch would call them; "" without any
    inputs: tuple
    output: int
    shape: tuple  # of the output
    options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Parameter:
    name: str
    shape: tuple
    bound: float  # first values are uniform in +-bound; 0: all `value`
    value: float = 0.0
    trained: bool = True

    @property
    def count(self):
        return math.prod(self.shape)


class Net:
    def __init__(self, text, sample):
        self.text, self.sample = text, tuple(sample)
        self.nodes, self.shapes, self.parameters = [], [self.sample], []
        self.outputs = []
        self.parts = {}  # nets that are trained in turn

    def node(self, kind, inputs, shape, name="", **options):
        self.shapes.append(tuple(shape))
        self.nodes.append(Node(kind, name, tuple(inputs), len(self.shapes) - 1, tuple(shape), options))
        return len(self.shapes) - 1

    def parameter(self, name, shape, bound, value=0.0, trained=True):
        self.parameters.append(Parameter(name, tuple(shape), bound, value, trained))

    # layers -------------------------------------------------------------------------------------------------------------

    def linear(self, x, name, units):
        n = self.shapes[x][-1]
        self.parameter(f"{name}.weight", (units, n), n ** -0.5)
        self.parameter(f"{name}.bias", (units,), n ** -0.5)
        return self.node("linear", [x], (*self.shapes[x][:-1], units), name, width=n, units=units)

    def conv(self, x, name, channels, kernel, stride=1, padding=0, groups=1, bias=True):
        c, h, w = self.shapes[x]
        kernels, strides, paddings = self.windows(h, kernel, stride, padding)
        fan = c // groups * math.prod(kernels)
        self.parameter(f"{name}.weight", (channels, c // groups, *kernels), fan ** -0.5 if bias else (6 / fan) ** 0.5)
        if bias:
            self.parameter(f"{name}.bias", (channels,), fan ** -0.5)
        side = [(s + 2 * p - k) // t + 1 for s, k, t, p in zip((h, w), kernels, strides, paddings)]
        return self.node("conv", [x], (channels, *side), name, width=c, units=channels, kernel=kernels, stride=strides,
                         padding=paddings, groups=groups, bias=bias)

    @staticmethod
    def windows(height, *sizes):
        """Each size down and across. Of pictures one pixel high the windows are so too: those are signals over time."""
        for i, size in enumerate(sizes):
            yield (((1, 1, 0)[i], size) if height == 1 else (size, size))

    def batch_norm(self, x, name):
        c = self.shapes[x][0]
        for part, value, trained in (("weight", 1.0, True), ("bias", 0.0, True), ("running_mean", 0.0, False),
                                     ("running_var", 1.0, False)):
            self.parameter(f"{name}.{part}", (c,), 0.0, value, trained)
        return self.node("batch_norm", [x], self.shapes[x], name, units=c)

    def layer_norm(self, x, name, eps=1e-5):
        c = self.shapes[x][-1]
        self.parameter(f"{name}.weight", (c,), 0.0, 1.0)
        self.parameter(f"{name}.bias", (c,), 0.0)
        return self.node("layer_norm", [x], self.shapes[x], name, units=c, eps=eps)

    def linear_in_out(self, x, name, units):
        """A linear layer whose weight is [in, out], as GPT-2's are."""
        n = self.shapes[x][-1]
        self.parameter(f"{name}.weight", (n, units), 0.035)
        self.parameter(f"{name}.bias", (units,), 0.0)
        return self.node("linear_in_out", [x], (*self.shapes[x][:-1], units), name, width=n, units=units)

    def embedding(self, x, name, rows, width, sparse=False):
        """Of numbers, which the input is. Sparse: training touches no rows but those that are used."""
        self.parameter(f"{name}.weight", (rows, width), 0.035)
        return self.node("embedding", [x], (*self.shapes[x], width), name, rows=rows, units=width, sparse=sparse)

    def column(self, x, at):
        return self.node("column", [x], (), at=at)

    def places(self, x, name, rows, start=0, one=False):
        """What a table says about each place is added: its rows from `start` on, or one of them to all."""
        width = self.shapes[x][-1]
        self.parameter(f"{name}.weight", (rows, width), 0.035)
        return self.node("places", [x], self.shapes[x], name, rows=rows, units=width, start=start, one=one)

    def head(self, x, table):
        """Scores of all rows of an embedding's table."""
        node = next(n for n in self.nodes if n.name == table)
        rows, width = node.options["rows"], node.options["units"]
        return self.node("head", [x], (*self.shapes[x][:-1], rows), table=table, width=width)

    def tokens(self, x, token, position):
        """A picture's pixels as vectors, behind one that is learned, and where each is added."""
        c, places = self.shapes[x][0], math.prod(self.shapes[x][1:]) + 1
        self.parameter(token, (1, 1, c), 0.02)
        self.parameter(position, (1, places, c), 0.02)
        return self.node("tokens", [x], (places, c), parameters={token: (1, 1, c), position: (1, places, c)})

    def gelu(self, x, tanh=False):
        return self.node("gelu", [x], self.shapes[x], tanh=tanh)

    def first(self, x):
        return self.node("first", [x], self.shapes[x][1:])

    def neighbours(self, x, edges):
        """The mean over so many neighbours; the samples of a batch are the nodes."""
        return self.node("neighbours", [x], self.shapes[x], edges=edges)

    def attention(self, qkv, heads, rate, causal=False):
        """Of queries, keys and values that lie side by side."""
        places, width = self.shapes[qkv]
        return self.node("attention", [qkv], (places, width // 3), heads=heads, rate=rate, causal=causal)

    def attention_step(self, qkv, number, heads, past):
        """Of one token and `past` others, whose keys and values are kept, with room for some more."""
        width = self.shapes[qkv][-1] // 3
        names = f"cache_keys_{number}", f"cache_values_{number}"
        shape = (1, heads, past + 32, width // heads)
        for name in names:
            self.parameter(name, shape, 0.5)
        return self.node("attention_step", [qkv], (1, width), heads=heads, past=past, parameters={name: shape for name in names})

    def attend(self, q, k, v, heads, rate):
        return self.node("attend", [q, k, v], self.shapes[q], heads=heads, rate=rate)

    def recurrent(self, x, kind, layers, width):
        """Over all steps; "lstm_step": over one, from the state that the one before left."""
        n, one = self.shapes[x][-1], kind == "lstm_step"
        rows, bound, o = {"lstm": 4, "lstm_step": 4, "gru": 3}[kind] * width, width ** -0.5, {"width": n, "units": width, "layers": layers}
        for i in range(layers):
            for part, shape in (("weight_ih", (rows, width if i else n)), ("weight_hh", (rows, width)), ("bias_ih", (rows,)),
                                ("bias_hh", (rows,))):
                self.parameter(f"rnn.{part}_l{i}", shape, bound)
        return self.node(kind, [x], (*self.shapes[x][:-1], width), "rnn", one=one, **o)

    def last(self, x):
        return self.node("last", [x], self.shapes[x][1:])

    def places_mean(self, x):
        return self.node("places_mean", [x], self.shapes[x][1:])

    def relu(self, x):
        return self.node("relu", [x], self.shapes[x])

    def relu6(self, x):
        return self.node("relu6", [x], self.shapes[x])

    def leaky_relu(self, x, slope=0.2):
        return self.node("leaky_relu", [x], self.shapes[x], slope=slope)

    def tanh(self, x):
        return self.node("tanh", [x], self.shapes[x])

    def add(self, x, y):
        return self.node("add", [x, y], self.shapes[x])

    def max_pool(self, x, kernel, stride=None, padding=0, ceil=False):
        c, h, w = self.shapes[x]
        kernels, strides, paddings = self.windows(h, kernel, stride or kernel, padding)
        side = [(s + 2 * p - k + (t - 1) * ceil) // t + 1 for s, k, t, p in zip((h, w), kernels, strides, paddings)]
        return self.node("max_pool", [x], (c, *side), kernel=kernels, stride=strides, padding=paddings, ceil=ceil)

    def concat(self, *parts):
        """Of channels, or of rows."""
        shape = self.shapes[parts[0]]
        return self.node("concat", parts, (sum(self.shapes[p][0] for p in parts), *shape[1:]))

    def twice(self, x):
        """Each pixel four times."""
        c, h, w = self.shapes[x]
        return self.node("twice", [x], (c, 2 * h, 2 * w))

    def conv_transpose(self, x, name, channels, kernel, stride, padding=0, bias=True):
        c, h, w = self.shapes[x]
        fan = channels * kernel * kernel
        self.parameter(f"{name}.weight", (c, channels, kernel, kernel), fan ** -0.5)
        if bias:
            self.parameter(f"{name}.bias", (channels,), fan ** -0.5)
        side = [(s - 1) * stride - 2 * padding + kernel for s in (h, w)]
        return self.node("conv_transpose", [x], (channels, *side), name, width=c, units=channels, kernel=kernel, stride=stride,
                         padding=padding, bias=bias)

    def boxes(self, x, anchors):
        """[anchors * values, H, W] to [anchors * H * W, values]."""
        c, h, w = self.shapes[x]
        return self.node("boxes", [x], (anchors * h * w, c // anchors), anchors=anchors)

    def mean(self, x):
        """Of each channel over the whole picture."""
        return self.node("mean", [x], self.shapes[x][:1])

    def flatten(self, x):
        return self.node("flatten", [x], (math.prod(self.shapes[x]),))

    def log_mel(self, x, hop, mels):
        """Of a second of sound, in frames of 400 samples."""
        samples = self.shapes[x][0]
        return self.node("log_mel", [x], (mels, samples // hop + 1), hop=hop, mels=mels, samples=samples)

    def fft(self, x):
        """Of complex numbers, which lie as pairs."""
        return self.node("fft", [x], self.shapes[x])

    def dropout(self, x, rate):
        return self.node("dropout", [x], self.shapes[x], rate=rate)

    # counts -------------------------------------------------------------------------------------------------------------

    @property
    def has_dropout(self):
        return bool(self.parts) or any(n.kind in ("dropout", "sample") for n in self.nodes)

    @property
    def has_batch_norm(self):
        return any(n.kind == "batch_norm" for part in (self, *self.parts.values()) for n in part.nodes)

    @property
    def is_convolutional(self):
        return any(n.kind == "conv" for part in (self, *self.parts.values()) for n in part.nodes)

    def trained(self):
        """Parameters that a sample of one would move, of the tables that training goes over by rows, and all others."""
        tables = {f"{n.name}.weight": n for n in self.nodes if n.kind == "embedding" and n.options["sparse"]}
        return (sum(n.options["units"] * math.prod(self.shapes[n.inputs[0]]) for n in tables.values()),
                sum(p.count for p in self.parameters if p.trained and p.name not in tables))

    def products(self):
        """(operations of one forward of one sample, whether a gradient of its input is needed) for each product."""
        needs = {0: False}
        for n in self.nodes:
            if n.kind == "conv":
                o = n.options
                yield 2 * math.prod(n.shape) * o["width"] // o["groups"] * math.prod(o["kernel"]), needs[n.inputs[0]]
            elif n.kind == "conv_transpose":
                o = n.options
                yield 2 * math.prod(n.shape) * o["width"] * o["kernel"] ** 2 // o["stride"] ** 2, needs[n.inputs[0]]
            elif n.kind in ("linear", "linear_in_out", "head"):
                yield 2 * n.options["width"] * math.prod(n.shape), needs[n.inputs[0]]
            elif n.name == "rnn":
                o, rows = n.options, math.prod(n.shape) * (3 if n.kind == "gru" else 4)
                for i in range(o["layers"]):
                    yield 2 * rows * (o["units"] if i else o["width"]), i > 0 or needs[n.inputs[0]]
                    yield 2 * rows * o["units"], True
            elif n.kind == "fft":
                yield transform(math.prod(n.shape) // 2), False
            elif n.kind == "log_mel":
                yield n.shape[1] * (transform(400) // 2 + 2 * 201 * n.shape[0]), False
            elif n.kind == "neighbours":
                yield n.options["edges"] * math.prod(n.shape), False  # additions, once forward and once backward
            elif n.kind == "attention_step":
                yield 4 * (n.options["past"] + 1) * math.prod(n.shape), True
            elif n.kind in ("attention", "attend"):
                yield 4 * n.shape[0] * math.prod(n.shape), True
            needs[n.output] = bool(n.name) or any(needs[i] for i in n.inputs)

    def gan_counts(self):
        """(operations, values written) of both updates for one sample. The critic's: a forward of the generator, two of the
        critic with gradients of its weights; the generator's: forwards of both, through the critic only gradients of data."""
        (g, g_first), (d, d_first) = ((sum(f), f[0]) for f in ([f for f, _ in self.parts[k].products()] for k in "gd"))
        made, told = (self.parts[k].written() for k in "gd")
        return 4 * g + 8 * d - 2 * d_first - g_first, 3 * made + 6 * told

    @property
    def sounds(self):
        """Has Fourier transforms, which not all peers take part in."""
        return any(n.kind in ("log_mel", "fft") for n in self.nodes)

    def written(self):
        """Values that must be written for one sample: what products, pooling and additions give; the rest can be fused."""
        return sum(math.prod(n.shape) * n.options.get("layers", 1) for n in self.nodes if n.kind in WRITTEN)


# ---- a list of layers --------------------------------------------------------------------------------------------------------


def parse_layers(net, text):
    """"linear 64, relu, conv 32 3, max_pool 2, dropout 0.25, flatten", each with a number of times before it if not once."""
    x, counts, short = 0, {"linear": 0, "conv": 0, "batch_norm": 0}, {"linear": "fc", "batch_norm": "bn"}
    for part in text.split(","):
        words = part.split()
        times = int(words.pop(0)) if words[0].isdigit() else 1
        kind, numbers = words[0], [float(w) for w in words[1:]]
        for _ in range(times):
            if kind in counts:
                counts[kind] += 1
                name = f"{short.get(kind, kind)}{counts[kind]}"
                x = getattr(net, kind)(x, name, *(int(n) for n in numbers))
            elif kind == "dropout":
                x = net.dropout(x, *numbers)
            else:
                x = getattr(net, kind)(x, *(int(n) for n in numbers))
    return x


def vae(net, hidden, latent):
    """The autoencoder's loss needs its mean and variance too."""
    h = net.relu(net.linear(0, "fc1", hidden))
    mean, logvar = net.linear(h, "fc21", latent), net.linear(h, "fc22", latent)
    z = net.node("sample", [mean, logvar], net.shapes[mean])
    y = net.linear(net.relu(net.linear(z, "fc3", hidden)), "fc4", net.sample[0])
    return [y, mean, logvar]


def conv_norm(net, x, conv, norm, channels, kernel=1, stride=1, groups=1):
    return net.batch_norm(net.conv(x, conv, channels, kernel, stride, kernel // 2, groups, bias=False), norm)


def residual(net, x, name, width, stride, bottleneck):
    channels, skip = width * (4 if bottleneck else 1), x
    if stride != 1 or net.shapes[x][0] != channels:
        skip = conv_norm(net, x, f"{name}.downsample.0", f"{name}.downsample.1", channels, 1, stride)
    parts = [(width, 1, 1), (width, 3, stride), (channels, 1, 1)] if bottleneck else [(width, 3, stride), (channels, 3, 1)]
    y = x
    for i, part in enumerate(parts, 1):
        y = conv_norm(net, y, f"{name}.conv{i}", f"{name}.bn{i}", *part)
        if i < len(parts):
            y = net.relu(y)
    return net.relu(net.add(y, skip))


def resnet(blocks, bottleneck):
    """Pictures of at most 64 x 64 enter by a 3x3 convolution and no pooling, as usual for CIFAR."""
    def build(net, classes):
        small = max(net.sample[1:]) <= 64
        x = net.relu(conv_norm(net, 0, "conv1", "bn1", 64, 3 if small else 7, 1 if small else 2))
        if not small:
            x = net.max_pool(x, 3, 2, 1)
        for level, count in enumerate(blocks):
            for i in range(count):
                x = residual(net, x, f"layer{level + 1}.{i}", 64 << level, 2 if level and not i else 1, bottleneck)
        return net.linear(net.mean(x), "fc", classes)
    return build


def inverted_residual(net, x, name, widen, channels, stride):
    width, y, part = net.shapes[x][0], x, 0
    if widen != 1:
        y, part = net.relu6(conv_norm(net, y, f"{name}.conv.0.0", f"{name}.conv.0.1", width * widen)), 1
    wide = width * widen
    y = net.relu6(conv_norm(net, y, f"{name}.conv.{part}.0", f"{name}.conv.{part}.1", wide, 3, stride, wide))
    y = conv_norm(net, y, f"{name}.conv.{part + 1}", f"{name}.conv.{part + 2}", channels)
    return net.add(x, y) if stride == 1 and width == channels else y


def mobilenet_v2(net, classes):
    levels = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    x, number = net.relu6(conv_norm(net, 0, "features.0.0", "features.0.1", 32, 3, 2)), 1
    for widen, channels, count, stride in levels:
        for i in range(count):
            x = inverted_residual(net, x, f"features.{number}", widen, channels, 1 if i else stride)
            number += 1
    x = net.relu6(conv_norm(net, x, "features.18.0", "features.18.1", 1280))
    return net.linear(net.dropout(net.mean(x), 0.2), "classifier.1", classes)


def squeezenet(net, classes):
    x = net.relu(net.conv(0, "features.0", 64, 3, 2))
    for number, narrow, wide in ((2, 0, 0), (3, 16, 64), (4, 16, 64), (5, 0, 0), (6, 32, 128), (7, 32, 128), (8, 0, 0),
                                 (9, 48, 192), (10, 48, 192), (11, 64, 256), (12, 64, 256)):
        name = f"features.{number}"
        if not wide:
            x = net.max_pool(x, 3, 2, ceil=True)
            continue
        y = net.relu(net.conv(x, f"{name}.squeeze", narrow, 1))
        x = net.concat(net.relu(net.conv(y, f"{name}.expand1x1", wide, 1)), net.relu(net.conv(y, f"{name}.expand3x3", wide, 3, 1, 1)))
    return net.mean(net.relu(net.conv(net.dropout(x, 0.5), "classifier.1", classes, 1)))


class Yolo:
    """YOLOv3 by the numbers of its configuration file."""

    def __init__(self, net, classes):
        self.net, self.classes, self.number = net, classes, 0
        x = self.level(self.level(self.conv(0, 32, 3), 64, 1), 128, 2)
        fine = self.level(x, 256, 8)
        middle = self.level(fine, 512, 8)
        x, first = self.boxes(self.level(middle, 1024, 4), 512)
        x, second = self.boxes(self.widen(x, 256, middle), 256)
        _, third = self.boxes(self.widen(x, 128, fine), 128)
        self.output = net.concat(first, second, third)

    def conv(self, x, channels, kernel, stride=1):
        name = f"module_list.{self.number}"
        self.number += 1
        return self.net.leaky_relu(conv_norm(self.net, x, f"{name}.Conv2d", f"{name}.BatchNorm2d", channels, kernel, stride), 0.1)

    def level(self, x, channels, times):
        x = self.conv(x, channels, 3, 2)
        for _ in range(times):
            x = self.net.add(x, self.conv(self.conv(x, channels // 2, 1), channels, 3))
            self.number += 1
        return x

    def boxes(self, x, channels):
        for i in range(5):
            x = self.conv(x, *((2 * channels, 3) if i % 2 else (channels, 1)))
        y = self.conv(x, 2 * channels, 3)
        y = self.net.boxes(self.net.conv(y, f"module_list.{self.number}.Conv2d", 3 * (5 + self.classes), 1), 3)
        self.number += 3
        return x, y

    def widen(self, x, channels, beside):
        x = self.net.concat(self.net.twice(self.conv(x, channels, 1)), beside)
        self.number += 2
        return x


def unet(net, classes):
    def pair(x, scope, part, channels):
        for i in (1, 2):
            x = net.relu(conv_norm(net, x, f"{scope}.{part}conv{i}", f"{scope}.{part}norm{i}", channels, 3))
        return x

    x, kept = 0, []
    for i in range(4):
        kept.append(pair(x, f"encoder{i + 1}", f"enc{i + 1}", 32 << i))
        x = net.max_pool(kept[-1], 2)
    x = pair(x, "bottleneck", "bottleneck", 512)
    for i in (3, 2, 1, 0):
        x = net.concat(net.conv_transpose(x, f"upconv{i + 1}", 32 << i, 2, 2), kept[i])
        x = pair(x, f"decoder{i + 1}", f"dec{i + 1}", 32 << i)
    return net.conv(x, "conv", classes, 1)


def listed(text):
    """A model whose list of layers ends with one for the classes."""
    return lambda net, classes: parse_layers(net, f"{text}, linear {classes}")


def encoder(net, layers, heads, hidden, classes):
    x, width, rate = 0, net.sample[-1], 0.1
    for i in range(layers):
        name = f"layers.{i}"
        y = net.attention(net.linear(x, f"{name}.self_attn.in_proj", 3 * width), heads, rate)
        y = net.dropout(net.linear(y, f"{name}.self_attn.out_proj", width), rate)
        x = net.layer_norm(net.add(x, y), f"{name}.norm1")
        y = net.dropout(net.relu(net.linear(x, f"{name}.linear1", hidden)), rate)
        y = net.dropout(net.linear(y, f"{name}.linear2", width), rate)
        x = net.layer_norm(net.add(x, y), f"{name}.norm2")
    return net.linear(net.places_mean(x), "fc", classes)


def recommender(net, rows, width):
    """Two tables, of users and of things, and a net that says whether they go together."""
    both = [net.embedding(net.column(0, i), f"tables.{i}", rows, width, sparse=True) for i in range(2)]
    x = net.relu(net.linear(net.concat(*both), "fc1", 128))
    return net.linear(net.relu(net.linear(x, "fc2", 64)), "fc3", 1)


def bert(net, layers, width, heads, classes):
    """Devlin et al. 2018, a classifier of texts."""
    eps, rate, e = 1e-12, 0.1, "bert.embeddings"
    x = net.embedding(0, f"{e}.word_embeddings", 30522, width)
    x = net.places(net.places(x, f"{e}.position_embeddings", 512), f"{e}.token_type_embeddings", 2, one=True)
    x = net.dropout(net.layer_norm(x, f"{e}.LayerNorm", eps), rate)
    for i in range(layers):
        name = f"bert.encoder.layer.{i}"
        y = net.attend(*(net.linear(x, f"{name}.attention.self.{part}", width) for part in ("query", "key", "value")), heads, rate)
        y = net.dropout(net.linear(y, f"{name}.attention.output.dense", width), rate)
        x = net.layer_norm(net.add(x, y), f"{name}.attention.output.LayerNorm", eps)
        y = net.gelu(net.linear(x, f"{name}.intermediate.dense", 4 * width))
        y = net.dropout(net.linear(y, f"{name}.output.dense", width), rate)
        x = net.layer_norm(net.add(x, y), f"{name}.output.LayerNorm", eps)
    x = net.tanh(net.linear(net.first(x), "bert.pooler.dense", width))
    return net.linear(net.dropout(x, rate), "classifier", classes)


def gpt2(net, layers, width, heads, past, last, classes):
    """Radford et al. 2019: the scores of the next token at each place, or at the last one alone; with `past`, of one token behind so many."""
    rate = 0.1
    x = net.embedding(0, "transformer.wte", classes, width)
    x = net.dropout(net.places(x, "transformer.wpe", 1024, past), rate)
    for i in range(layers):
        name = f"transformer.h.{i}"
        y = net.linear_in_out(net.layer_norm(x, f"{name}.ln_1"), f"{name}.attn.c_attn", 3 * width)
        y = net.attention_step(y, i, heads, past) if past else net.attention(y, heads, rate, causal=True)
        y = net.linear_in_out(y, f"{name}.attn.c_proj", width)
        x = net.add(x, net.dropout(y, rate))
        y = net.gelu(net.linear_in_out(net.layer_norm(x, f"{name}.ln_2"), f"{name}.mlp.c_fc", 4 * width), tanh=True)
        x = net.add(x, net.dropout(net.linear_in_out(y, f"{name}.mlp.c_proj", width), rate))
    x = net.layer_norm(x, "transformer.ln_f")
    return net.head(net.last(x) if last else x, "transformer.wte")


def vit(net, layers, heads, width, classes):
    x = net.tokens(net.conv(0, "patch_embed.proj", width, 16, 16), "cls_token", "pos_embed")
    for i in range(layers):
        name = f"blocks.{i}"
        y = net.linear(net.layer_norm(x, f"{name}.norm1"), f"{name}.attn.qkv", 3 * width)
        x = net.add(x, net.linear(net.attention(y, heads, 0.0), f"{name}.attn.proj", width))
        y = net.gelu(net.linear(net.layer_norm(x, f"{name}.norm2"), f"{name}.mlp.fc1", 4 * width))
        x = net.add(x, net.linear(y, f"{name}.mlp.fc2", width))
    return net.linear(net.first(net.layer_norm(x, "norm")), "head", classes)


def gan(net):
    """A generator and its critic."""
    for key, sample, text in (("g", (100,), "linear 256, leaky_relu, linear 512, leaky_relu, linear {}, tanh".format(*net.sample)),
                              ("d", net.sample, "linear 512, leaky_relu, linear 256, leaky_relu, linear 1")):
        part = net.parts[key] = make(text, sample, 1)
        for p in part.parameters:
            net.parameter(f"{key}.{p.name}", p.shape, p.bound)
    return []


def dcgan(net):
    """A generator of pictures and its critic, as in PyTorch's example."""
    colours = net.sample[0]
    make, tell = net.parts["g"], net.parts["d"] = Net("", (100, 1, 1)), Net("", net.sample)
    x, number = 0, 0
    for i, channels in enumerate((512, 256, 128, 64, colours)):
        x = make.conv_transpose(x, f"main.{number}", channels, 4, 2 if i else 1, 1 if i else 0, bias=False)
        if i < 4:
            x = make.relu(make.batch_norm(x, f"main.{number + 1}"))
            number += 3
    make.outputs = [make.tanh(x)]
    x, number = 0, 0
    for i, channels in enumerate((64, 128, 256, 512, 1)):
        x = tell.conv(x, f"main.{number}", channels, 4, 2 if i < 4 else 1, 1 if i < 4 else 0, bias=False)
        if 0 < i < 4:
            x = tell.batch_norm(x, f"main.{number + 1}")
        number += 3 if i else 2
        x = tell.leaky_relu(x) if i < 4 else x
    tell.outputs = [x]
    for key, part in net.parts.items():
        for p in part.parameters:
            bound = 0.035 if p.bound else 0.0
            net.parameter(f"{key}.{p.name}", p.shape, bound, p.value, p.trained)
    return []


# Tarn's models.
ZOO = {
    "mlp": listed("flatten, linear 128, relu"),
    "mnist_cnn": listed("conv 32 3, relu, conv 64 3, relu, max_pool 2, dropout 0.25, flatten, linear 128, relu, dropout 0.5"),
    "cifar_cnn": listed("conv 32 3, relu, max_pool 2, conv 64 3, relu, max_pool 2, conv 64 3, relu, flatten, linear 64, relu"),
    "resnet18": resnet((2, 2, 2, 2), False),
    "resnet50": resnet((3, 4, 6, 3), True),
    "mobilenet_v2": mobilenet_v2,
    "squeezenet": squeezenet,
    "yolov3": lambda net, classes: Yolo(net, classes).output,
    "unet": unet,
}


def make(text, sample, classes):
    net = Net(text, sample)
    words = text.split()
    if words[0] == "vae":
        net.outputs = vae(net, int(words[1]), int(words[2]))
    elif words[0] in ("lstm", "gru"):
        net.outputs = [net.linear(net.last(net.recurrent(0, words[0], int(words[1]), int(words[2]))), "fc", classes)]
    elif words[0] == "lstm_step":
        net.outputs = [net.linear(net.recurrent(0, words[0], int(words[1]), int(words[2])), "fc", classes)]
    elif words[0] == "recommender":
        net.outputs = [recommender(net, int(words[1]), int(words[2]))]
    elif words[0] == "bert":
        net.outputs = [bert(net, *(int(w) for w in words[1:]), classes)]
    elif words[0] in ("gpt2", "gpt2_last", "gpt2_step"):
        layers, width, heads, past = (int(w) for w in [*words[1:], 0][:4])
        net.outputs = [gpt2(net, layers, width, heads, past, words[0] != "gpt2", classes)]
    elif words[0] == "encoder":
        net.outputs = [encoder(net, *(int(w) for w in words[1:]), classes)]
    elif words[0] == "gcn":
        hidden, edges = int(words[1]), int(words[2])
        x = net.relu(net.neighbours(net.linear(0, "fc1", hidden), edges))
        net.outputs = [net.neighbours(net.linear(x, "fc2", classes), edges)]
    elif words[0] == "vit":
        net.outputs = [vit(net, *(int(w) for w in words[1:]), classes)]
    elif text in ("gan", "dcgan"):
        net.outputs = gan(net) if text == "gan" else dcgan(net)
    elif text in ZOO:
        net.outputs = [ZOO[text](net, classes)]
    else:
        net.outputs = [parse_layers(net, text)]
    return net
