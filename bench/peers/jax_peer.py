"""JAX as a peer, for the nets whose layers it has here: the whole step jitted, its state donated. f32 alone."""
import sys
import time

import server


class Layers:
    """The layers as functions of values; what running statistics become is gathered in `moved`."""

    def __init__(self, weights, training, key):
        import jax
        self.jax, self.np, self.weights, self.training, self.key, self.moved = jax, jax.numpy, weights, training, key, {}

    def linear(self, node, x):
        return x @ self.weights[f"{node.name}.weight"].T + self.weights[f"{node.name}.bias"]

    def conv(self, node, x):
        o = node.options
        y = self.jax.lax.conv_general_dilated(x, self.weights[f"{node.name}.weight"], o["stride"], [(p, p) for p in o["padding"]],
                                              dimension_numbers=("NCHW", "OIHW", "NCHW"), feature_group_count=o["groups"])
        return y + self.weights[f"{node.name}.bias"][:, None, None] if o["bias"] else y

    def batch_norm(self, node, x):
        weight, bias, mean, var = (self.weights[f"{node.name}.{p}"] for p in ("weight", "bias", "running_mean", "running_var"))
        if self.training:
            n = x.size // x.shape[1]
            of_batch, spread = x.mean((0, 2, 3)), x.var((0, 2, 3))
            self.moved[f"{node.name}.running_mean"] = 0.9 * mean + 0.1 * of_batch
            self.moved[f"{node.name}.running_var"] = 0.9 * var + 0.1 * spread * n / (n - 1)
            mean, var = of_batch, spread
        scale = weight * self.jax.lax.rsqrt(var + 1e-5)
        return x * scale[:, None, None] + (bias - mean * scale)[:, None, None]

    def relu(self, node, x):
        return self.jax.nn.relu(x)

    def relu6(self, node, x):
        return self.jax.nn.relu6(x)

    def leaky_relu(self, node, x):
        return self.jax.nn.leaky_relu(x, node.options["slope"])

    def add(self, node, x, y):
        return x + y

    def concat(self, node, *x):
        return self.np.concatenate(x, 1)

    def max_pool(self, node, x):
        o = node.options
        padding = [(0, 0), (0, 0)]
        for size, out, k, s, p in zip(x.shape[2:], node.shape[1:], o["kernel"], o["stride"], o["padding"]):
            padding.append((p, max(0, (out - 1) * s + k - size - p)))
        return self.jax.lax.reduce_window(x, -self.np.inf, self.jax.lax.max, (1, 1, *o["kernel"]), (1, 1, *o["stride"]), padding)

    def mean(self, node, x):
        return x.mean((2, 3))

    def flatten(self, node, x):
        return x.reshape(x.shape[0], -1)

    def dropout(self, node, x):
        if not self.training:
            return x
        self.key, one = self.jax.random.split(self.key)
        keep = 1 - node.options["rate"]
        return self.np.where(self.jax.random.bernoulli(one, keep, x.shape), x / keep, 0)

    def __call__(self, net, x):
        values = {0: x}
        for node in net.nodes:
            values[node.output] = getattr(self, node.kind)(node, *(values[i] for i in node.inputs))
        return values[net.outputs[0]]


KINDS = {name for name in vars(Layers) if not name.startswith("_")}
LOSSES = ("", "cross_entropy", "bce_with_logits")


def takes(metadata, net):
    return (metadata["precision"] == "f32" and metadata["loss"] in LOSSES and metadata["optimizer"] in ("", "sgd", "adam", "adamw") and
            int(metadata["parameters"]) == 0 and not net.parts and all(n.kind in KINDS for n in net.nodes))


class Peer:
    def __init__(self, options):
        import jax
        self.jax, self.options = jax, options

    def hello(self):
        return {"name": "JAX", "version": self.jax.__version__, "isa": None, "details": f"{self.options.threads} processors"}

    def loss(self, y, target):
        np, nn = self.jax.numpy, self.jax.nn
        if self.metadata["loss"] == "bce_with_logits":
            return (nn.softplus(y[:, 0]) - y[:, 0] * target).mean()
        return -np.take_along_axis(nn.log_softmax(y), target[:, None], 1).mean()

    def update(self, w, g, slots, t):
        """SGD with momentum, Adam, AdamW as PyTorch's."""
        np, m = self.jax.numpy, self.metadata
        lr = float(m["lr"])
        if m["optimizer"] == "sgd":
            buffer = float(m["momentum"]) * slots[0] + g
            return w - lr * buffer, (buffer,)
        if m["optimizer"] == "adamw":
            w = w * (1 - lr * 0.01)
        mean, square = 0.9 * slots[0] + 0.1 * g, 0.999 * slots[1] + 0.001 * g * g
        return w - lr / (1 - 0.9 ** t) * mean / (np.sqrt(square) / np.sqrt(1 - 0.999 ** t) + 1e-8), (mean, square)

    def training_step(self, state, x, target):
        trained, kept, slots, t, key = state
        key, one = self.jax.random.split(key)

        def total(w):
            layers = Layers({**w, **kept}, True, one)
            return self.loss(layers(self.net, x), target), layers.moved

        (loss, moved), grads = self.jax.value_and_grad(total, has_aux=True)(trained)
        t = t + 1
        new = {n: self.update(w, grads[n], slots[n], t) for n, w in trained.items()}
        return ({n: p[0] for n, p in new.items()}, {**kept, **moved}, {n: p[1] for n, p in new.items()}, t, key), loss

    def build(self):
        np, jax = self.jax.numpy, self.jax
        names = {p.name for p in self.net.parameters if p.trained}
        trained = {n: np.array(w) for n, w in self.weights.items() if n in names}
        kept = {n: np.array(w) for n, w in self.weights.items() if n not in names}
        self.at = 0
        if not self.metadata["loss"]:
            call = jax.jit(lambda w, x: Layers(w, False, None)(self.net, x))
            everything = {**trained, **kept}
            self.step = lambda i: call(everything, self.batches[i]).block_until_ready()
            return
        count = 1 if self.metadata["optimizer"] == "sgd" else 2
        slots = {n: tuple(np.zeros_like(w) for _ in range(count)) for n, w in trained.items()}
        self.state = trained, kept, slots, np.zeros(()), jax.random.key(1)
        call = jax.jit(self.training_step, donate_argnums=0)

        def step(i):
            self.state, loss = call(self.state, self.batches[i], self.targets[i])
            return float(loss)
        self.step = step

    def timed(self, n):
        seconds, results, clock = [], [], time.perf_counter
        for _ in range(n):
            i = self.at % len(self.batches)
            begin = clock()
            results.append(self.step(i))
            seconds.append(clock() - begin)
            self.at += 1
        return seconds, results

    def setup(self):
        import numpy
        np = self.jax.numpy
        file = server.File(self.options.data, server.numpy_copier(numpy))
        self.metadata, self.net = file.metadata, file.net() if file.tensors else None
        if not takes(self.metadata, self.net):
            sys.exit(3)
        inputs, labels = file.tensors.pop("inputs"), file.tensors.pop("labels")
        self.weights = file.tensors
        self.batches = [np.array(x.astype(numpy.float32) / numpy.float32(255)) for x in inputs]
        self.targets = [np.array(y.astype(numpy.float32 if self.metadata["loss"] == "bce_with_logits" else numpy.int32)) for y in labels]
        begin = time.perf_counter()
        self.build()
        self.timed(1)
        first = time.perf_counter() - begin
        self.build()
        return {"details": "", "first_step_seconds": first}

    def run(self, n):
        first = self.at == 0
        seconds, results = self.timed(n)
        if self.metadata["loss"]:
            return {"seconds": seconds, "losses": results}
        if not first:
            return {"seconds": seconds}
        return {"seconds": seconds, "outputs": results[0][0].flatten()[:server.OUTPUTS].tolist()}


if __name__ == "__main__":
    sys.exit(server.serve(Peer(server.arguments())))
