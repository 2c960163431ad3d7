"""TensorFlow as a peer: the whole step as a tf.function, run by TensorFlow's own graph executor with oneDNN's kernels or compiled by
XLA, whichever is faster; its fused optimizers and LSTM; forwards of convolutions frozen. Rows in bf16 do what Keras's policy mixed_bfloat16 does: what
lies between layers is bf16, weights are f32 and rounded where they are used."""
import os
import sys

import functional
import server


class Names:
    """TensorFlow's functions by the names that jax.numpy has for them."""

    def __init__(self, tf):
        self.tf, self.log, self.real, self.imag, self.asarray = tf, tf.math.log, tf.math.real, tf.math.imag, tf.constant

    def __getattr__(self, name):
        return getattr(self.tf, name)


class Layers(functional.Layers):
    def __init__(self, tf, weights, training, half, compiled):
        super().__init__(Names(tf), tf.nn, weights, training, tf.bfloat16 if half else None)
        self.tf, self.compiled = tf, compiled

    def cast(self, x, kind):
        return self.tf.cast(x, kind)

    def average(self, x, axis=None, keep=False):
        return self.tf.reduce_mean(x, axis, keep)

    def join(self, parts, axis):
        return self.tf.concat(parts, axis)

    def rows(self, table, at):
        """The gradient of a table is made whole at once, not as a list of rows."""
        tf, count = self.tf, table.shape[0]

        @tf.custom_gradient
        def look_up(table):
            def back(dy):
                return tf.math.unsorted_segment_sum(tf.reshape(dy, (-1, dy.shape[-1])), tf.reshape(at, (-1,)), count)
            return tf.gather(table, at), back
        return look_up(tf.convert_to_tensor(table))

    def embedding(self, node, x):
        if node.options["sparse"]:  # rows are what the optimizer wants
            return self.narrow(self.tf.gather(self.weights[f"{node.name}.weight"], x))
        return super().embedding(node, x)

    def columns(self, x, at):
        return self.tf.gather(x, at, axis=1)

    def transform(self, x, real):
        return self.tf.signal.rfft(x) if real else self.tf.signal.fft(x)

    def complex(self, x, y):
        return self.tf.complex(x, y)

    def normal(self, shape):
        return self.tf.random.normal(shape)

    def drop(self, x, rate):
        return self.nn.dropout(x, rate)

    def scan(self, cell, state, given):
        tf, steps = self.tf, given.shape[0]
        given = tf.TensorArray(given.dtype, steps, element_shape=given.shape[1:]).unstack(given)
        made = tf.TensorArray(state[0].dtype, steps, element_shape=state[0].shape)

        def step(i, made, *state):
            state = cell(state, given.read(i))
            return i + 1, made.write(i, state[0]), *state
        _, made, *_ = tf.while_loop(lambda i, *_: i < steps, step, (0, made, *state), maximum_iterations=steps)
        return tf.reshape(made.stack(), (steps, *state[0].shape))

    def lstm_layer(self, i, x, units):
        """All steps as one operator, where there is one: in f32, in TensorFlow's own executor."""
        if self.half or self.compiled:
            return super().lstm_layer(i, x, units)
        tf = self.tf
        w, b, u, c = (self.weight(name) for name in self.of_layer(i))
        zero, none = tf.zeros((x.shape[1], units)), tf.zeros((units,))
        return tf.raw_ops.BlockLSTMV2(seq_len_max=tf.constant(x.shape[0], tf.int64), x=x, cs_prev=zero, h_prev=zero,
                                      w=tf.concat([w, u], 0), wci=none, wcf=none, wco=none, b=b + c).h

    def around(self, node, x):
        """How a convolution names its padding; `SAME` where that is what it is."""
        o = node.options
        if all(s == 1 and 2 * p == k - 1 for s, p, k in zip(o["stride"], o["padding"], o["kernel"])):
            return "SAME"
        return [[0, 0], *([p, p] for p in o["padding"]), [0, 0]] if any(o["padding"]) else "VALID"

    def conv(self, node, x):
        o, w, stride = node.options, self.weight(f"{node.name}.weight"), (1, *node.options["stride"], 1)
        if o["groups"] > 1:  # as many as channels
            w = self.tf.reshape(w, (*o["kernel"], o["groups"], -1))
            y = self.nn.depthwise_conv2d(x, w, stride, self.around(node, x))
        else:
            y = self.nn.conv2d(x, w, stride, self.around(node, x))
        return self.nn.bias_add(y, self.weight(f"{node.name}.bias")) if o["bias"] else y

    def conv_transpose(self, node, x):
        o, shape = node.options, (x.shape[0], *node.shape[1:], node.shape[0])
        around = [[0, 0], [o["padding"]] * 2, [o["padding"]] * 2, [0, 0]] if o["padding"] else "VALID"
        y = self.nn.conv2d_transpose(x, self.weight(f"{node.name}.weight"), shape, o["stride"], around)
        return self.nn.bias_add(y, self.weight(f"{node.name}.bias")) if o["bias"] else y

    def batch_norm(self, node, x):
        weight, bias, mean, var = (self.weights[f"{node.name}.{p}"] for p in ("weight", "bias", "running_mean", "running_var"))
        y = self.tf.raw_ops.FusedBatchNormV3(x=x, scale=weight, offset=bias, mean=mean, variance=var, epsilon=1e-5,
                                             exponential_avg_factor=0.1, is_training=self.training)
        if self.training:
            self.moved[f"{node.name}.running_mean"], self.moved[f"{node.name}.running_var"] = y.batch_mean, y.batch_variance
        return y.y

    def max_pool(self, node, x):
        o, padding = node.options, [(0, 0)]
        for size, out, k, s, p in zip(x.shape[1:], node.shape[1:], o["kernel"], o["stride"], o["padding"]):
            padding.append((p, max(0, (out - 1) * s + k - size - p)))
        if any(b for _, b in padding):
            x = self.tf.pad(x, [*padding, (0, 0)], constant_values=x.dtype.min)
        return self.nn.max_pool2d(x, o["kernel"], o["stride"], "VALID")

    def entropy(self, y, target):
        return self.tf.reduce_mean(self.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=y))


class Optimizer:
    """PyTorch's optimizers by TensorFlow's fused operators."""

    def __init__(self, tf, metadata, variables):
        self.tf, self.m, self.lr = tf, metadata, float(metadata["lr"])
        self.powers = [tf.Variable(b) for b in (0.9, 0.999)]
        count = 1 if metadata["optimizer"] == "sgd" else 2
        self.slots = {v.ref(): [tf.Variable(tf.zeros_like(v)) for _ in range(count)] for v in variables}

    def apply(self, pairs):
        epsilon = 1e-8 * self.tf.sqrt(1 - self.powers[1])  # it is added to another root here
        for variable, gradient in pairs:
            slots = self.slots[variable.ref()]
            if self.m["optimizer"] == "sgd":
                self.tf.raw_ops.ResourceApplyKerasMomentum(var=variable.handle, accum=slots[0].handle, lr=self.lr, grad=gradient,
                                                           momentum=float(self.m["momentum"]))
            elif isinstance(gradient, self.tf.IndexedSlices):
                self.apply_rows(variable, slots, gradient, epsilon)
            else:
                if self.m["optimizer"] == "adamw":
                    variable.assign_sub(variable * (self.lr * 0.01))
                self.tf.raw_ops.ResourceApplyAdam(var=variable.handle, m=slots[0].handle, v=slots[1].handle, lr=self.lr, beta1=0.9,
                                                  beta2=0.999, beta1_power=self.powers[0], beta2_power=self.powers[1],
                                                  epsilon=epsilon, grad=gradient)
        for power, b in zip(self.powers, (0.9, 0.999)):
            power.assign(power * b)

    def apply_rows(self, variable, slots, gradient, epsilon):
        """Adam of the rows that are used, each once."""
        tf = self.tf
        at, place = tf.unique(gradient.indices)
        g = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(at))
        mean, square = 0.9 * tf.gather(slots[0], at) + 0.1 * g, 0.999 * tf.gather(slots[1], at) + 0.001 * g * g
        for slot, value in zip(slots, (mean, square)):
            slot.scatter_update(tf.IndexedSlices(value, at))
        rate = self.lr * tf.sqrt(1 - self.powers[1]) / (1 - self.powers[0])
        variable.scatter_sub(tf.IndexedSlices(rate * mean / (tf.sqrt(square) + epsilon), at))


def import_tensorflow(threads):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


class Peer(functional.Peer):
    def __init__(self, options):
        super().__init__(options)
        self.tf = import_tensorflow(options.threads)
        self.ways = ("graph",) if options.mode == "brief" else ("graph", "XLA")

    def hello(self):
        return {"name": "TensorFlow", "version": self.tf.__version__, "isa": None, "details": f"{self.options.threads} threads"}

    def takes(self):
        if self.metadata["optimizer"] == "sparse_adam":
            self.ways = ("graph",)  # XLA knows no lists of rows of unknown length
        return True

    def convert(self, array):
        return self.tf.constant(array)

    def function(self, call):
        return self.tf.function(call, jit_compile=self.compiled, autograph=False)

    def layers(self, weights, training):
        return Layers(self.tf, weights, training, self.half, self.compiled)

    def build(self, way):
        tf = self.tf
        tf.random.set_seed(1)
        self.compiled, self.at, self.step, self.weights_there = way == "XLA", 0, None, None
        if self.net is None:
            self.build_update()
            return
        names = {p.name for p in self.net.parameters if p.trained}
        self.weights_there = {n: tf.Variable(w, trainable=n in names) for n, w in self.weights.items()}
        if not self.metadata["loss"]:
            self.build_forward()
        elif self.net.parts:
            self.build_gan()
        else:
            self.build_training()

    def build_training(self):
        tf, weights, loss = self.tf, self.weights_there, self.metadata["loss"]
        trained = [v for v in weights.values() if v.trainable]
        optimizer = Optimizer(tf, self.metadata, trained)

        def training_step(x, target):
            with tf.GradientTape() as tape:
                layers = self.layers(weights, True)
                result = getattr(layers, loss)(layers(self.net, x), x, target)
            optimizer.apply(zip(trained, tape.gradient(result, trained)))
            for name, value in layers.moved.items():
                weights[name].assign(value)
            return result
        call = self.function(training_step)
        self.step = lambda i: float(call(self.batches[i], self.targets[i]))

    def build_gan(self):
        """The critic's update, then the generator's, each with noise of its own; gradients of that one's parameters alone."""
        tf, parts, softplus = self.tf, self.net.parts, self.tf.nn.softplus
        weights = {key: functional.part_of(self.weights_there, key) for key in parts}
        trained = {key: [v for v in w.values() if v.trainable] for key, w in weights.items()}
        optimizers = {key: Optimizer(tf, self.metadata, v) for key, v in trained.items()}

        def run(key, x):
            return self.layers(weights[key], True)(parts[key], x)[0]

        def made():
            return run("g", tf.random.normal(self.noise_shape(parts["g"])))

        def told(x):
            """The tape begins behind the generator, whose variables it need not watch."""
            fake = made()
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(trained["d"])
                return tf.reduce_mean(softplus(-run("d", x))) + tf.reduce_mean(softplus(run("d", fake))), tape

        def taken(x):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(trained["g"])
                return tf.reduce_mean(softplus(-run("d", made()))), tape

        def gan_step(x):
            total = 0.0
            for key, function in (("d", told), ("g", taken)):
                loss, tape = function(x)
                optimizers[key].apply(zip(trained[key], tape.gradient(loss, trained[key])))
                total += loss
            return total
        call = self.function(gan_step)
        self.step = lambda i: float(call(self.batches[i]))

    def build_forward(self):
        tf, weights = self.tf, self.weights_there
        kept = [n for n in weights if n.startswith("state.")]

        def forward(x):
            layers = self.layers(weights, False)
            y = layers(self.net, x)[0]
            for name in kept:
                weights[name].assign(layers.moved[name])
            return y
        call = self.function(forward)
        if not self.compiled and self.net.is_convolutional:  # so that what lies behind convolutions is folded into them
            from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
            frozen = convert_variables_to_constants_v2(call.get_concrete_function(self.batches[0]))
            self.step = lambda i: frozen(self.batches[i])[0].numpy()
            return
        self.step = lambda i: call(self.batches[i]).numpy()

    def build_update(self):
        tf = self.tf
        value, gradient = functional.pieces(int(self.metadata["parameters"]))
        self.pieces = [tf.Variable(value) for _ in range(server.UPDATE_PIECES)]
        grads = [tf.constant(gradient) for _ in self.pieces]
        optimizer = Optimizer(tf, self.metadata, self.pieces)

        def update(*grads):
            optimizer.apply(zip(self.pieces, grads))
            return self.pieces[-1][0]
        call = self.function(update)
        self.step = lambda i: float(call(*grads))

    def updated(self):
        return self.pieces[0][:server.UPDATED].numpy().tolist()


if __name__ == "__main__":
    sys.exit(functional.main(Peer, mode=["all", "brief"]))
