"""The rows of the benchmark: what is run, how much arithmetic it is, how many bytes it must move. cli/bench_rows.c has the
same ones for those who have no peers; a test holds the two to each other."""
from dataclasses import dataclass, replace
from functools import cached_property

import nets

# Bytes that an update moves for each parameter: weight read and written, slots read and written.
UPDATE = {"sgd": 16, "adam": 24, "adamw": 24}


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    net: str = ""  # layers, or a model; see nets.py
    sample: tuple = (784,)
    batch: int = 1
    optimizer: str = ""  # empty: forward only
    lr: float = 0.0
    momentum: float = 0.0
    loss: str = ""  # empty: forward only
    classes: int = 10
    parameters: int = 0  # not 0: no net; the optimizer's update alone, of so many
    precision: str = "f32"
    goal: float = 1.0  # the ratio that the project set itself
    parts: int = 0  # not 0: the time is of so many things at once, and shown for each

    @property
    def train(self):
        return bool(self.loss)

    @cached_property
    def graph(self):
        return nets.make(self.net, self.sample) if self.net else None

    @property
    def random(self):
        """Losses depend on random numbers, which programs draw each in their own way."""
        return self.train and self.graph.has_dropout

    def flops(self):
        """Multiply-adds of products and convolutions, twice; inputs of the net have no gradient. An update is 14 a parameter."""
        if self.parameters:
            return 14 * self.parameters
        return self.batch * sum(f * (3 if needs else 2) if self.train else f for f, needs in self.graph.products())

    def bytes(self):
        """Parameters once a step (and their update), what must be written once forward and once backward, the input."""
        if self.parameters:
            return (UPDATE[self.optimizer] + 4) * self.parameters
        inputs, written = 1, 4 * self.batch * self.graph.written()
        for n in self.sample:
            inputs *= n
        return 4 * self.batch * inputs + written * (2 if self.train else 1) + UPDATE.get(self.optimizer, 4) * self.graph.trained()


MLP = "linear 128, relu, linear 10"
MLP_WIDE = "linear 512, relu, linear 512, relu, linear 10"
MLP_FRAUD = "linear 64, relu, linear 32, relu, linear 1"
MNIST_CNN = "conv 32 3, relu, conv 64 3, relu, max_pool 2, dropout 0.25, flatten, linear 128, relu, dropout 0.5, linear 10"
DIGIT = (1, 28, 28)
SMALL, FORWARD = 3.0, 1.0


def train(name, title, net, sample, batch, optimizer="adamw", lr=1e-3, **more):
    return Row(name, title, net, sample, batch, optimizer, lr, **{"loss": "cross_entropy", **more})


ROWS = [
    train("mlp_train", "MLP 784-128-10, training step, batch 64, Adam", MLP, (784,), 64, "adam", goal=SMALL),
    train("mlp_train_sgd", "MLP 784-128-10, training step, batch 64, SGD", MLP, (784,), 64, "sgd", 0.05, momentum=0.9,
          goal=SMALL),
    train("mlp_fraud_train", "MLP 30-64-32-1, training step, batch 2048, AdamW", MLP_FRAUD, (30,), 2048,
          loss="bce_with_logits", classes=2, goal=SMALL),
    train("mlp_wide_train", "MLP 784-512-512-10, training step, batch 128, AdamW", MLP_WIDE, (784,), 128, goal=SMALL),
    train("mnist_cnn_train", "MNIST CNN, training step, batch 64, Adam", MNIST_CNN, DIGIT, 64, "adam", goal=SMALL),
    train("vae_train", "VAE 784-400-20, training step, batch 128, Adam", "vae 400 20", (784,), 128, "adam", loss="vae"),
    Row("adam_update", "Adam, update of 100 million parameters", optimizer="adam", lr=1e-2, sample=(1,), classes=1,
        parameters=100_000_000),
    Row("adamw_update", "AdamW, update of 100 million parameters", optimizer="adamw", lr=1e-2, sample=(1,), classes=1,
        parameters=100_000_000),
    Row("mlp_forward", "MLP 784-128-10, forward, one sample", MLP, goal=5.0),
    Row("mlp_forward_b256", "MLP 784-128-10, forward, batch 256", MLP, batch=256),
    Row("mnist_cnn_forward", "MNIST CNN, forward, one sample", MNIST_CNN, DIGIT, goal=5.0),
    Row("mnist_cnn_forward_b64", "MNIST CNN, forward, batch 64", MNIST_CNN, DIGIT, 64),
    Row("chain_forward", "chain of 200 layers of 8 units, forward, one sample", "200 linear 8", (8,), classes=8, parts=200),
]
STARTUP = Row("startup", "MLP 784-128-10, from process start to the first prediction", MLP, goal=30.0)
ALL = [*ROWS, STARTUP]


def variant(row, **changes):
    """A row with other sizes, under a name that says which."""
    return replace(row, name="_".join([row.name, *(f"{k}{v}" for k, v in changes.items() if k != "sample")]), **changes)


def tiny(row):
    """The same work, small: for tests of everything but speed."""
    sample = (row.sample[0], *(min(s, 64) for s in row.sample[1:]))
    return replace(row, batch=min(row.batch, 2), sample=sample, parameters=min(row.parameters, 1000))
