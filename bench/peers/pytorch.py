"""PyTorch as a peer, eager or compiled, at its best: fused optimizers, the faster of the two memory layouts, denormals
flushed, no gradients in forwards, weights frozen in compiled forwards."""
import json
import sys
import time

import server

PATIENCE = 15  # seconds to a first step beyond which the other layout is not tried


def copier(torch):
    return server.copier({"U8": torch.uint8, "I64": torch.int64, "F32": torch.float32},
                         lambda buffer, kind, n, at: torch.frombuffer(buffer, dtype=kind, count=n, offset=at).clone())


def loss_function(name, torch):
    F = torch.nn.functional
    if name == "cross_entropy":
        return lambda y, x, target: F.cross_entropy(y, target)
    if name == "next_token":
        return lambda y, x, target: F.cross_entropy(y.flatten(0, 1), target.flatten())
    if name == "mask":
        return lambda y, x, target: F.binary_cross_entropy_with_logits(y, x[:, :1])
    if name == "bce_with_logits":
        return lambda y, x, target: F.binary_cross_entropy_with_logits(y, target)

    def vae(outputs, x, _):
        y, mean, logvar = outputs
        picture = F.binary_cross_entropy_with_logits(y, x, reduction="sum")
        return (picture - 0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())) / x.shape[0]
    return vae


class Both:
    """Two optimizers as one."""

    def __init__(self, *parts):
        self.parts = parts

    def zero_grad(self, set_to_none):
        for part in self.parts:
            part.zero_grad(set_to_none)

    def step(self):
        for part in self.parts:
            part.step()


class Peer:
    def __init__(self, options):
        import torch
        self.torch, self.options = torch, options
        self.layout = None  # of the net that is there
        torch.set_num_threads(options.threads)
        torch.set_flush_denormal(True)

    def hello(self):
        t = self.torch
        return {"name": "PyTorch " + self.options.mode, "version": t.__version__, "isa": t.backends.cpu.get_cpu_capability(),
                "details": f"{t.get_num_threads()} threads"}

    def autocast(self):
        return self.torch.autocast("cpu", dtype=self.torch.bfloat16, enabled=self.metadata["precision"] == "bf16")

    def optimizer(self, parameters):
        t, m = self.torch.optim, self.metadata
        if m["optimizer"] == "sparse_adam":
            parameters = dict(self.module.named_parameters())
            tables = [p for name, p in parameters.items() if name.startswith("tables")]
            others = [p for name, p in parameters.items() if not name.startswith("tables")]
            return Both(t.SparseAdam(tables, lr=float(m["lr"])), t.Adam(others, lr=float(m["lr"]), fused=True))
        if m["optimizer"] == "sgd":
            return t.SGD(parameters, lr=float(m["lr"]), momentum=float(m["momentum"]), fused=True)
        return {"adam": t.Adam, "adamw": t.AdamW}[m["optimizer"]](parameters, lr=float(m["lr"]), fused=True)

    def build(self, layout):
        """What a step is, with the first weights, ready for step 0. A net that has this layout already is used again: what
        was compiled for it stays."""
        import pytorch_net
        t = self.torch
        t.manual_seed(1)
        self.step, self.at = None, 0
        if int(self.metadata["parameters"]):
            self.build_update(int(self.metadata["parameters"]))
            return
        if self.net.parts:
            self.batches = [x.to(t.float32) / 255 for x in self.inputs]
            if self.inputs.dim() == 5:
                self.batches = [x.to(memory_format=layout) for x in self.batches]
            self.build_gan(layout)
            return
        if self.layout is not layout:
            self.layout, self.module, self.function = layout, None, None
            self.module = pytorch_net.make(self.net).to(memory_format=layout)
            self.batches = list(self.inputs) if self.inputs.dtype == t.int64 else [x.to(t.float32) / 255 for x in self.inputs]
            if self.inputs.dim() == 5:
                self.batches = [x.to(memory_format=layout) for x in self.batches]
        pytorch_net.load(self.module, self.weights)
        if self.metadata["loss"]:
            self.build_training(self.module.train())
        else:
            self.build_forward(self.module.eval())

    def build_training(self, net):
        optimizer, criterion = self.optimizer(net.parameters()), loss_function(self.metadata["loss"], self.torch)
        targets = list(self.labels)
        if self.metadata["loss"] == "bce_with_logits":
            targets = [y.to(self.torch.float32).unsqueeze(1) for y in targets]
        if self.function is None:
            def loss_of(x, y):
                return criterion(net(x), x, y)
            self.function = self.torch.compile(loss_of) if self.options.mode == "compiled" else loss_of
        loss_of, half = self.function, self.metadata["precision"] == "bf16"

        def step(i):
            if half:
                with self.autocast():
                    loss = loss_of(self.batches[i], targets[i])
            else:
                loss = loss_of(self.batches[i], targets[i])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss.item()

        self.step = step

    def build_forward(self, net):
        if self.options.mode == "compiled":
            import torch._inductor.config
            torch._inductor.config.freezing = True
            net = self.function = self.torch.compile(net) if self.function is None else self.function
        half = self.metadata["precision"] == "bf16"

        def step(i):
            if half:
                with self.autocast():
                    return net(self.batches[i])
            return net(self.batches[i])

        self.step = step

    def build_gan(self, layout):
        """The critic's update, then the generator's, each with noise of its own; gradients of that one's parameters alone."""
        import pytorch_net
        t, F, nets = self.torch, self.torch.nn.functional, {}
        for key, part in self.net.parts.items():
            nets[key] = pytorch_net.make(part).to(memory_format=layout)
            pytorch_net.load(nets[key], {n[2:]: w for n, w in self.weights.items() if n.startswith(key + ".")})
        make, tell = nets["g"], nets["d"]
        parameters = {key: list(net.parameters()) for key, net in nets.items()}
        optimizers = {key: self.optimizer(parameters[key]) for key in nets}
        noise = (self.inputs.shape[1], *self.net.parts["g"].sample)

        def told(x, z):
            with t.no_grad():
                made = make(z)
            return F.softplus(-tell(x)).mean() + F.softplus(tell(made)).mean()

        def taken(z):
            return F.softplus(-tell(make(z))).mean()

        if self.options.mode == "compiled":
            told, taken = t.compile(told), t.compile(taken)

        half = self.autocast()

        def update(key, loss, *given):
            with half:
                loss = loss(*given)
            optimizers[key].zero_grad(set_to_none=True)
            loss.backward(inputs=parameters[key])
            optimizers[key].step()
            return loss

        def step(i):
            critic = update("d", told, self.batches[i], t.randn(noise))
            generator = update("g", taken, t.randn(noise))
            return critic.item() + generator.item()

        self.step = step

    def build_update(self, count):
        t, n = self.torch, count // server.UPDATE_PIECES
        pattern = (t.arange(n) % server.PATTERN).to(t.float32) - server.PATTERN / 2
        self.updated, self.batches = [], [None]
        for _ in range(server.UPDATE_PIECES):
            p = t.nn.Parameter(pattern / (2 * server.PATTERN))
            p.grad = pattern / server.PATTERN
            self.updated.append(p)
        optimizer = self.optimizer(self.updated)
        update = t.compile(optimizer.step) if self.options.mode == "compiled" else optimizer.step
        self.step = lambda i: update()

    def timed(self, n):
        seconds, results, clock = [], [], time.perf_counter
        forward = not self.metadata["optimizer"]
        with self.torch.inference_mode(forward):
            for _ in range(n):
                i = self.at % len(self.batches)
                begin = clock()
                result = self.step(i)
                seconds.append(clock() - begin)
                if not forward or not results:
                    results.append(result)
                self.at += 1
        return seconds, results

    def setup(self):
        """The first step is timed from building the net to its end, compiling included."""
        t = self.torch
        file = server.File(self.options.data, copier(t))
        self.metadata = file.metadata
        layouts = {"contiguous": t.contiguous_format}
        if not int(self.metadata["parameters"]):
            self.net = file.net()
            self.inputs, self.labels = file.tensors.pop("inputs"), file.tensors.pop("labels")
            self.weights = file.tensors
            if self.net.is_convolutional:
                layouts = {"channels_last": t.channels_last, **layouts}
        del file
        times, first = {}, None
        for name, layout in layouts.items():
            begin = time.perf_counter()
            self.build(layout)
            self.timed(1)
            first = first or time.perf_counter() - begin
            if len(layouts) == 1 or (first > PATIENCE and not times):
                times[name] = 0  # there is one, or trying another would take too long
                break
            times[name] = min(server.several(self.timed))
        best = min(times, key=times.get)
        self.build(layouts[best])
        return {"details": best if len(layouts) > 1 else "", "first_step_seconds": first}

    def run(self, n):
        first = self.at == 0
        seconds, results = self.timed(n)
        if self.metadata["loss"]:
            return {"seconds": seconds, "losses": results}
        if not first:
            return {"seconds": seconds}
        if self.metadata["optimizer"]:
            return {"seconds": seconds, "outputs": self.updated[0].detach()[:server.UPDATED].tolist()}
        return {"seconds": seconds, "outputs": results[0][0].flatten()[:server.OUTPUTS].tolist()}


def first_prediction(options):
    """Start-up: what a program does that answers one question and ends."""
    import torch
    import pytorch_net
    torch.set_num_threads(options.threads)
    file = server.File(options.data, copier(torch))
    net = file.net()
    x = file.tensors.pop("inputs")[0].to(torch.float32) / 255
    del file.tensors["labels"]
    module = pytorch_net.make(net)
    pytorch_net.load(module, file.tensors)
    with torch.inference_mode():
        print(json.dumps({"class": int(module.eval()(x).argmax(1)[0])}), flush=True)


def main():
    options = server.arguments(mode=["eager", "compiled"])
    if options.row == "startup":
        first_prediction(options)
    else:
        server.serve(Peer(options))


if __name__ == "__main__":
    sys.exit(main())
