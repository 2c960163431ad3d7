"""JAX as a peer: the whole step jitted, its state donated. Rows in bf16 round weights and what lies between layers."""
import sys

import functional
import server


class Layers(functional.Layers):
    def __init__(self, jax, weights, training, half, key):
        super().__init__(jax.numpy, jax.nn, weights, training, jax.numpy.bfloat16 if half else None)
        self.jax, self.key = jax, key

    def cast(self, x, kind):
        return x.astype(kind)

    def average(self, x, axis=None, keep=False):
        return self.m.mean(x, axis, keepdims=keep)

    def join(self, parts, axis):
        return self.m.concatenate(parts, axis)

    def rows(self, table, at):
        return self.m.take(table, at, axis=0)

    def columns(self, x, at):
        return self.m.take(x, at, axis=1)

    def transform(self, x, real):
        return self.m.fft.rfft(x) if real else self.m.fft.fft(x)

    def complex(self, x, y):
        return self.jax.lax.complex(x, y)

    def chance(self):
        self.key, one = self.jax.random.split(self.key)
        return one

    def normal(self, shape):
        return self.jax.random.normal(self.chance(), shape)

    def drop(self, x, rate):
        return self.m.where(self.jax.random.bernoulli(self.chance(), 1 - rate, x.shape), x / (1 - rate), 0)

    def scan(self, cell, state, given):
        def step(state, at):
            state = cell(state, at)
            return state, state[0]
        return self.jax.lax.scan(step, state, given)[1]

    def conv(self, node, x):
        o = node.options
        y = self.jax.lax.conv_general_dilated(x, self.weight(f"{node.name}.weight"), o["stride"], [(p, p) for p in o["padding"]],
                                              dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=o["groups"])
        return y + self.weight(f"{node.name}.bias") if o["bias"] else y

    def conv_transpose(self, node, x):
        o = node.options
        around = o["kernel"] - 1 - o["padding"]
        y = self.jax.lax.conv_transpose(x, self.weight(f"{node.name}.weight"), (o["stride"],) * 2, [(around, around)] * 2,
                                        dimension_numbers=("NHWC", "HWIO", "NHWC"), transpose_kernel=True)
        return y + self.weight(f"{node.name}.bias") if o["bias"] else y

    def batch_norm(self, node, x):
        weight, bias, mean, var = (self.weights[f"{node.name}.{p}"] for p in ("weight", "bias", "running_mean", "running_var"))
        x = self.wide(x)
        if self.training:
            n = x.size // x.shape[3]
            of_batch, spread = x.mean((0, 1, 2)), x.var((0, 1, 2))
            self.moved[f"{node.name}.running_mean"] = 0.9 * mean + 0.1 * of_batch
            self.moved[f"{node.name}.running_var"] = 0.9 * var + 0.1 * spread * n / (n - 1)
            mean, var = of_batch, spread
        scale = weight * self.jax.lax.rsqrt(var + 1e-5)
        return self.narrow(x * scale + (bias - mean * scale))

    def max_pool(self, node, x):
        o, padding = node.options, [(0, 0)]
        for size, out, k, s, p in zip(x.shape[1:], node.shape[1:], o["kernel"], o["stride"], o["padding"]):
            padding.append((p, max(0, (out - 1) * s + k - size - p)))
        return self.jax.lax.reduce_window(x, -self.m.inf, self.jax.lax.max, (1, *o["kernel"], 1), (1, *o["stride"], 1), [*padding, (0, 0)])

    def entropy(self, y, target):
        return -self.m.take_along_axis(self.nn.log_softmax(y), target[:, None], 1).mean()


class Peer(functional.Peer):
    def __init__(self, options):
        super().__init__(options)
        import jax
        self.jax = jax

    def hello(self):
        return {"name": "JAX", "version": self.jax.__version__, "isa": None, "details": f"{self.options.threads} processors"}

    def takes(self):
        return self.metadata["optimizer"] != "sparse_adam"  # there is none that leaves unused rows alone

    def convert(self, array):
        return self.jax.numpy.array(array)

    def update(self, w, g, slots, t):
        """SGD with momentum, Adam, AdamW as PyTorch's."""
        m = self.metadata
        lr = float(m["lr"])
        if m["optimizer"] == "sgd":
            buffer = float(m["momentum"]) * slots[0] + g
            return w - lr * buffer, (buffer,)
        if m["optimizer"] == "adamw":
            w = w * (1 - lr * 0.01)
        mean, square = 0.9 * slots[0] + 0.1 * g, 0.999 * slots[1] + 0.001 * g * g
        root = self.jax.numpy.sqrt
        return w - lr / (1 - 0.9 ** t) * mean / (root(square) / root(1 - 0.999 ** t) + 1e-8), (mean, square)

    def updates(self, weights, grads, slots, t):
        new = {n: self.update(weights[n], g, slots[n], t) for n, g in grads.items()}
        return {**weights, **{n: p[0] for n, p in new.items()}}, {**slots, **{n: p[1] for n, p in new.items()}}

    def layers(self, weights, training, key):
        return Layers(self.jax, weights, training, self.half, key)

    def training_step(self, state, x, target):
        trained, kept, slots, t, key = state
        key, one = self.jax.random.split(key)

        def total(w):
            layers = self.layers({**w, **kept}, True, one)
            return getattr(layers, self.metadata["loss"])(layers(self.net, x), x, target), layers.moved

        (loss, moved), grads = self.jax.value_and_grad(total, has_aux=True)(trained)
        trained, slots = self.updates(trained, grads, slots, t + 1)
        return (trained, {**kept, **moved}, slots, t + 1, key), loss

    def gan_step(self, state, x, target):
        """The critic's update, then the generator's, each with noise of its own; gradients of that one's parameters alone."""
        trained, kept, slots, t, key = state
        key, *keys = self.jax.random.split(key, 3)
        make, tell = self.net.parts["g"], self.net.parts["d"]
        loss = 0

        def run(part, name, w, x):
            return self.layers(functional.part_of({**w, **kept}, name), True, None)(part, x)[0]

        def noise(key):
            return self.jax.random.normal(key, self.noise_shape(make))

        def told(own, w):
            made = run(make, "g", w, noise(keys[0]))
            softplus, critic = self.jax.nn.softplus, {**w, **own}
            return softplus(-run(tell, "d", critic, x)).mean() + softplus(run(tell, "d", critic, made)).mean()

        def taken(own, w):
            return self.jax.nn.softplus(-run(tell, "d", w, run(make, "g", {**w, **own}, noise(keys[1])))).mean()

        for key_of, function in (("d.", told), ("g.", taken)):
            own = {n: w for n, w in trained.items() if n.startswith(key_of)}
            one, grads = self.jax.value_and_grad(function)(own, trained)
            trained, slots = self.updates(trained, grads, slots, t + 1)
            loss += one
        return (trained, kept, slots, t + 1, key), loss

    def build(self, way):
        np, jax = self.jax.numpy, self.jax
        self.at = 0
        if self.net is None:
            self.build_update()
            return
        names = {p.name for p in self.net.parameters if p.trained}
        trained = {n: np.array(w) for n, w in self.weights.items() if n in names}
        kept = {n: np.array(w) for n, w in self.weights.items() if n not in names}
        if not self.metadata["loss"]:
            self.build_forward(trained, kept)
            return
        self.state = trained, kept, self.slots(trained), np.zeros(()), jax.random.key(1, impl="rbg")
        call = jax.jit(self.gan_step if self.net.parts else self.training_step, donate_argnums=0)

        def step(i):
            self.state, loss = call(self.state, self.batches[i], self.targets[i])
            return float(loss)
        self.step = step

    def slots(self, trained):
        count = 1 if self.metadata["optimizer"] == "sgd" else 2
        return {n: tuple(self.jax.numpy.zeros_like(w) for _ in range(count)) for n, w in trained.items()}

    def build_forward(self, trained, kept):
        def forward(state, rest, x):
            layers = self.layers({**rest, **state}, False, None)
            return layers(self.net, x)[0], layers.moved
        self.state = {n: w for n, w in kept.items() if n.startswith("state.")}
        rest, call = {n: w for n, w in {**trained, **kept}.items() if n not in self.state}, self.jax.jit(forward)

        def step(i):
            y, self.state = call(self.state, rest, self.batches[i])
            return y.block_until_ready()
        self.step = step

    def build_update(self):
        np = self.jax.numpy
        value, gradient = functional.pieces(int(self.metadata["parameters"]))
        names = range(server.UPDATE_PIECES)
        grads, weights = {n: np.array(gradient) for n in names}, {n: np.array(value) for n in names}
        self.state = weights, self.slots(weights), np.zeros(())

        def update(state, grads):
            return (*self.updates(state[0], grads, state[1], state[2] + 1), state[2] + 1)
        call = self.jax.jit(update, donate_argnums=0)

        def step(i):
            self.state = self.jax.block_until_ready(call(self.state, grads))
        self.step = step

    def updated(self):
        return self.state[0][0][:server.UPDATED].tolist()


if __name__ == "__main__":
    sys.exit(functional.main(Peer))
