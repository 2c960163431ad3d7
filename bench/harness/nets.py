"""The nets of the benchmark, each described once: from this come the weights, the counts of arithmetic and bytes, and the
peers' nets in their own languages. Tarn builds its own from the same text; names and shapes of the parameters must agree.

A net is a list of nodes over numbered values; value 0 is the input. Shapes are those of one sample.
"""
import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    kind: str  # conv, linear, batch_norm, relu, relu6, max_pool, mean, flatten, dropout, add, sample
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
        fan = c // groups * kernel * kernel
        self.parameter(f"{name}.weight", (channels, c // groups, kernel, kernel), fan ** -0.5 if bias else (6 / fan) ** 0.5)
        if bias:
            self.parameter(f"{name}.bias", (channels,), fan ** -0.5)
        side = [(s + 2 * padding - kernel) // stride + 1 for s in (h, w)]
        return self.node("conv", [x], (channels, *side), name, width=c, units=channels, kernel=kernel, stride=stride,
                         padding=padding, groups=groups, bias=bias)

    def batch_norm(self, x, name):
        c = self.shapes[x][0]
        for part, value, trained in (("weight", 1.0, True), ("bias", 0.0, True), ("running_mean", 0.0, False),
                                     ("running_var", 1.0, False)):
            self.parameter(f"{name}.{part}", (c,), 0.0, value, trained)
        return self.node("batch_norm", [x], self.shapes[x], name, units=c)

    def relu(self, x):
        return self.node("relu", [x], self.shapes[x])

    def relu6(self, x):
        return self.node("relu6", [x], self.shapes[x])

    def add(self, x, y):
        return self.node("add", [x, y], self.shapes[x])

    def max_pool(self, x, kernel, stride=None, padding=0):
        c, h, w = self.shapes[x]
        stride = stride or kernel
        side = [(s + 2 * padding - kernel) // stride + 1 for s in (h, w)]
        return self.node("max_pool", [x], (c, *side), kernel=kernel, stride=stride, padding=padding)

    def mean(self, x):
        """Of each channel over the whole picture."""
        return self.node("mean", [x], self.shapes[x][:1])

    def flatten(self, x):
        return self.node("flatten", [x], (math.prod(self.shapes[x]),))

    def dropout(self, x, rate):
        return self.node("dropout", [x], self.shapes[x], rate=rate)

    # counts -------------------------------------------------------------------------------------------------------------

    @property
    def has_dropout(self):
        return any(n.kind in ("dropout", "sample") for n in self.nodes)

    @property
    def has_batch_norm(self):
        return any(n.kind == "batch_norm" for n in self.nodes)

    @property
    def is_convolutional(self):
        return any(n.kind == "conv" for n in self.nodes)

    def trained(self):
        return sum(p.count for p in self.parameters if p.trained)

    def products(self):
        """(operations of one forward of one sample, whether a gradient of its input is needed) for each product."""
        needs = {0: False}
        for n in self.nodes:
            if n.kind == "conv":
                o = n.options
                yield 2 * math.prod(n.shape) * o["width"] // o["groups"] * o["kernel"] ** 2, needs[n.inputs[0]]
            elif n.kind == "linear":
                yield 2 * n.options["width"] * math.prod(n.shape), needs[n.inputs[0]]
            needs[n.output] = bool(n.name) or any(needs[i] for i in n.inputs)

    def written(self):
        """Values that must be written for one sample: what products, pooling and additions give; the rest can be fused."""
        return sum(math.prod(n.shape) for n in self.nodes if n.kind in ("conv", "linear", "max_pool", "mean", "add"))


# ---- a list of layers --------------------------------------------------------------------------------------------------------


def parse_layers(net, text):
    """"linear 64, relu, conv 32 3, max_pool 2, dropout 0.25, flatten", each with a number of times before it if not once."""
    x, counts = 0, {"linear": 0, "conv": 0}
    for part in text.split(","):
        words = part.split()
        times = int(words.pop(0)) if words[0].isdigit() else 1
        kind, numbers = words[0], [float(w) for w in words[1:]]
        for _ in range(times):
            if kind in counts:
                counts[kind] += 1
                name = f"{'fc' if kind == 'linear' else kind}{counts[kind]}"
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


ZOO = {}


def make(text, sample):
    net = Net(text, sample)
    words = text.split()
    if words[0] == "vae":
        net.outputs = vae(net, int(words[1]), int(words[2]))
    elif words[0] in ZOO:
        net.outputs = [ZOO[words[0]](net, dict(w.split("=") for w in words[1:]))]
    else:
        net.outputs = [parse_layers(net, text)]
    return net
