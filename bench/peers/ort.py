"""ONNX Runtime as a peer, for forwards: all graph optimizations, and the faster of one thread and all threads."""
import json
import os
import subprocess
import sys
import time

import server


class Model:
    """The net as ONNX nodes, with ONNX Runtime's own operators for attention and GELU, which are its fastest."""

    def __init__(self, net, weights, batch):
        import numpy as np
        from onnx import helper
        self.np, self.helper, self.net, self.nodes, self.batch = np, helper, net, [], batch
        self.kept = {}  # what goes in again as it came out: name of the input: (of the output, shape)
        self.constants = {**weights, "zero": np.array(0, np.float32), "six": np.array(6, np.float32)}
        for node in net.nodes:
            self.convert(node)

    def put(self, kind, x, y, **options):
        if kind in ("Gelu", "FastGelu", "MultiHeadAttention"):
            options["domain"] = "com.microsoft"
        self.nodes.append(self.helper.make_node(kind, x, y if isinstance(y, list) else [y], **options))

    def constant(self, name, value):
        self.constants[name] = self.np.array(value, order="C")
        return name

    def times(self, x, y, matrix, bias=None):
        """x times a matrix that lies as [in, out], plus a bias."""
        self.put("MatMul", [x, matrix], f"{y}_product" if bias else y)
        if bias:
            self.put("Add", [f"{y}_product", bias], y)

    def convert(self, node):
        method = getattr(self, node.kind, None)
        x, y, o = [f"v{i}" for i in node.inputs], f"v{node.output}", node.options
        if method:
            method(node, x, y, o)
        else:
            kinds = {"relu": "Relu", "add": "Add", "flatten": "Flatten", "dropout": "Identity", "tanh": "Tanh"}
            self.put(kinds[node.kind], x, y)

    def linear(self, node, x, y, o):
        name = node.name
        if len(node.shape) == 1:
            self.put("Gemm", [*x, f"{name}.weight", f"{name}.bias"], y, transB=1)
        else:
            self.times(x[0], y, self.constant(f"{name}.weight^T", self.constants.pop(f"{name}.weight").T), f"{name}.bias")

    def linear_in_out(self, node, x, y, o):
        self.times(x[0], y, f"{node.name}.weight", f"{node.name}.bias")

    def head(self, node, x, y, o):
        self.times(x[0], y, self.constant(f"{y}.table", self.constants[f"{o['table']}.weight"].T))

    def embedding(self, node, x, y, o):
        self.put("Gather", [f"{node.name}.weight", *x], y)

    def places(self, node, x, y, o):
        table = self.constants.pop(f"{node.name}.weight")
        rows = table[o["start"]] if o["one"] else table[o["start"]:o["start"] + node.shape[0]]
        self.put("Add", [*x, self.constant(f"{node.name}.rows", rows)], y)

    def layer_norm(self, node, x, y, o):
        self.put("LayerNormalization", [*x, f"{node.name}.weight", f"{node.name}.bias"], y, epsilon=o["eps"])

    def gelu(self, node, x, y, o):
        self.put("FastGelu" if o["tanh"] else "Gelu", x, y)

    def attention(self, node, x, y, o):
        parts = [f"{y}_{part}" for part in "qkv"]
        self.put("Split", [*x, self.constant(f"{y}_sizes", self.np.full(3, node.shape[1], self.np.int64))], parts, axis=-1)
        self.put("MultiHeadAttention", parts, y, num_heads=o["heads"], unidirectional=int(o["causal"]))

    def attention_step(self, node, x, y, o):
        parts = [f"{y}_{part}" for part in "qkv"]
        past = [self.constant(name, self.constants.pop(name)[:, :, :o["past"]]) for name in o["parameters"]]
        self.put("Split", [*x, self.constant(f"{y}_sizes", self.np.full(3, node.shape[1], self.np.int64))], parts, axis=-1)
        self.put("MultiHeadAttention", [*parts, "", "", "", *past], [y, f"{y}_keys", f"{y}_values"], num_heads=o["heads"])

    def attend(self, node, x, y, o):
        self.put("MultiHeadAttention", x, y, num_heads=o["heads"])

    def lstm_step(self, node, x, y, o):
        units, at = o["units"], f"{y}_x"
        order = self.np.r_[0:units, 3 * units:4 * units, units:3 * units]  # input, output, forget, cell
        self.put("Unsqueeze", [*x, self.constant(f"{y}_0", self.np.array([0], self.np.int64))], at)
        for i in range(o["layers"]):
            given = {part: self.constants.pop(f"rnn.{part}_l{i}")[order] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
            weights = [self.constant(f"{y}_{part}_{i}", given[part][None]) for part in ("weight_ih", "weight_hh")]
            bias = self.constant(f"{y}_bias_{i}", self.np.concatenate([given["bias_ih"], given["bias_hh"]])[None])
            for part in "hc":
                self.kept[f"{part}{i}"] = f"{part}{i}_next", [1, self.batch, units]
            self.put("LSTM", [at, *weights, bias, "", f"h{i}", f"c{i}"], ["", f"h{i}_next", f"c{i}_next"], hidden_size=units)
            at = f"h{i}_next"
        self.put("Squeeze", [at, f"{y}_0"], y)

    def pick(self, x, y, place):
        self.put("Gather", [*x, self.constant(f"{y}_place", self.np.array(place, self.np.int64))], y, axis=1)

    def first(self, node, x, y, o):
        self.pick(x, y, 0)

    def last(self, node, x, y, o):
        self.pick(x, y, self.net.shapes[node.inputs[0]][0] - 1)

    def conv(self, node, x, y, o):
        bias = [f"{node.name}.bias"] if o["bias"] else []
        self.put("Conv", [*x, f"{node.name}.weight", *bias], y, kernel_shape=o["kernel"], strides=o["stride"],
                 pads=[*o["padding"], *o["padding"]], group=o["groups"])

    def batch_norm(self, node, x, y, o):
        names = [f"{node.name}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        self.put("BatchNormalization", [*x, *names], y, epsilon=1e-5)

    def relu6(self, node, x, y, o):
        self.put("Clip", [*x, "zero", "six"], y)

    def max_pool(self, node, x, y, o):
        self.put("MaxPool", x, y, kernel_shape=o["kernel"], strides=o["stride"], pads=[*o["padding"], *o["padding"]],
                 ceil_mode=int(o["ceil"]))

    def leaky_relu(self, node, x, y, o):
        self.put("LeakyRelu", x, y, alpha=o["slope"])

    def concat(self, node, x, y, o):
        self.put("Concat", x, y, axis=1)

    def twice(self, node, x, y, o):
        scales = self.constant(f"{y}_scales", self.np.array([1, 1, 2, 2], self.np.float32))
        self.put("Resize", [*x, "", scales], y, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    def boxes(self, node, x, y, o):
        (c, h, w), anchors = self.net.shapes[node.inputs[0]], o["anchors"]
        shapes = {f"{y}_a": [-1, anchors, c // anchors, h, w], f"{y}_b": [-1, anchors * h * w, c // anchors]}
        for name, shape in shapes.items():
            self.constant(name, self.np.array(shape, self.np.int64))
        self.put("Reshape", [*x, f"{y}_a"], f"{y}_parts")
        self.put("Transpose", [f"{y}_parts"], f"{y}_turned", perm=[0, 1, 3, 4, 2])
        self.put("Reshape", [f"{y}_turned", f"{y}_b"], y)

    def mean(self, node, x, y, o):
        self.put("ReduceMean", x, y, axes=[2, 3], keepdims=0)


def make_model(net, weights, inputs, path):
    """The net as a file for batches as these."""
    from onnx import TensorProto, helper, numpy_helper, save_model
    output, batch = net.outputs[0], inputs.shape[1]
    made, value = Model(net, weights, batch), helper.make_tensor_value_info
    kind = TensorProto.INT64 if inputs.dtype == "int64" else TensorProto.FLOAT
    takes, gives = [value("v0", kind, [batch, *net.sample])], [value(f"v{output}", TensorProto.FLOAT, [batch, *net.shapes[output]])]
    for name, (after, shape) in made.kept.items():
        takes.append(value(name, TensorProto.FLOAT, shape))
        gives.append(value(after, TensorProto.FLOAT, shape))
    graph = helper.make_graph(made.nodes, "net", takes, gives,
                              [numpy_helper.from_array(w, name) for name, w in made.constants.items()])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    save_model(helper.make_model(graph, opset_imports=opsets, ir_version=8), path + ".tmp")
    os.replace(path + ".tmp", path)


def model_file(data):
    """The model beside its data, which a user has already; made by another process, whose memory does not count."""
    path = data + ".onnx"
    if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(data):
        subprocess.run([sys.executable, "-B", os.path.abspath(__file__), "make", "--data", data], check=True, stdout=sys.stderr)
    return path


def make_file(data):
    import numpy as np
    file = server.File(data, server.numpy_copier(np))
    weights = {name: w for name, w in file.tensors.items() if name not in ("inputs", "labels")}
    make_model(file.net(), weights, file.tensors["inputs"], data + ".onnx")


def make_session(path, threads):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Peer:
    def __init__(self, options):
        self.options = options

    def hello(self):
        import onnxruntime as ort
        return {"name": "ONNX Runtime", "version": ort.__version__, "isa": None, "details": ""}

    def setup(self):
        import numpy as np
        if server.File(self.options.data, server.numpy_copier(np)).net().sounds:
            sys.exit(3)
        path = model_file(self.options.data)
        inputs = server.File(self.options.data, server.numpy_copier(np)).tensors["inputs"]
        self.batches = [x if x.dtype == np.int64 else np.ascontiguousarray(x.astype(np.float32) / np.float32(255)) for x in inputs]
        times, first = {}, None
        for threads in sorted({1, self.options.threads}, reverse=True):
            begin = time.perf_counter()
            self.begin(path, threads)
            self.timed(1)
            first = first or time.perf_counter() - begin
            times[threads] = self.several()
            self.session = None  # before the next one, so that its memory does not count
        best = min(times, key=times.get)
        self.begin(path, best)
        return {"details": f"{best} thread{'s' if best > 1 else ''}, f32", "first_step_seconds": first}

    def begin(self, path, threads):
        import numpy as np
        self.session, self.at = make_session(path, threads), 0
        self.kept = {i.name: np.zeros(i.shape, np.float32) for i in self.session.get_inputs()[1:]}

    def several(self):
        """The median of some runs that take half a second together."""
        seconds = []
        while len(seconds) < 3 or (len(seconds) < 200 and sum(seconds) < 0.5):
            seconds += self.timed(1)[0]
        return sorted(seconds)[len(seconds) // 2]

    def timed(self, n):
        seconds, first, clock, call = [], None, time.perf_counter, self.session.run
        for _ in range(n):
            feed = {"v0": self.batches[self.at % len(self.batches)], **self.kept}
            begin = clock()
            result = call(None, feed)
            seconds.append(clock() - begin)
            self.kept = dict(zip(self.kept, result[1:]))
            first = result[0] if first is None else first
            self.at += 1
        return seconds, first

    def run(self, n):
        seconds, first = self.timed(n)
        return {"seconds": seconds, "outputs": first[0].flatten()[:server.OUTPUTS].tolist()} if self.at == n else {"seconds": seconds}


def first_prediction(options):
    """Start-up. The model's file is made in the run that is not counted."""
    import numpy as np
    session = make_session(model_file(options.data), options.threads)
    x = server.File(options.data, server.numpy_copier(np)).tensors["inputs"][0]
    y = session.run(None, {"v0": x.astype(np.float32) / np.float32(255)})[0]
    print(json.dumps({"class": int(y.argmax())}), flush=True)


def main():
    options = server.arguments()
    if options.row == "make":
        make_file(options.data)
    elif options.row == "startup":
        first_prediction(options)
    else:
        server.serve(Peer(options))


if __name__ == "__main__":
    sys.exit(main())
