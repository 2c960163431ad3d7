"""The rows of the benchmark: what is run, how much arithmetic it is, how many bytes it must move."""
from dataclasses import dataclass

# Layers as (kind, input channels, output channels, kernel, output side); what counts for FLOPs and bytes.
NETS = {
    "mlp": [("fc1", 784, 128, 1, 1), ("fc2", 128, 10, 1, 1)],
    "cnn": [("conv1", 1, 32, 3, 26), ("conv2", 32, 64, 3, 24), ("fc1", 9216, 128, 1, 1), ("fc2", 128, 10, 1, 1)],
}
INPUT = {"mlp": (784,), "cnn": (1, 28, 28)}
# Bytes that an update moves for each parameter: weight read and written, slots read and written.
UPDATE = {"sgd": 16, "adam": 24}


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    net: str
    batch: int
    optimizer: str = ""  # empty: forward only
    lr: float = 0.0
    momentum: float = 0.0
    dropout: bool = False
    goal: float = 1.0  # the ratio that the project set itself

    @property
    def train(self):
        return bool(self.optimizer)

    def parameters(self):
        return sum(c_out * (c_in * k * k + 1) for _, c_in, c_out, k, _ in NETS[self.net])

    def flops(self):
        """Multiply-adds of products and convolutions, twice; the first layer has no gradient of its input."""
        total = 0
        for i, (_, c_in, c_out, k, side) in enumerate(NETS[self.net]):
            forward = 2 * self.batch * side * side * c_in * k * k * c_out
            total += forward * (1 if not self.train else 2 if i == 0 else 3)
        return total

    def bytes(self):
        """Parameters once a step (and their update), each layer's output once forward and once backward, the input."""
        layers = NETS[self.net]
        outputs = 4 * self.batch * sum(c_out * side * side for _, _, c_out, _, side in layers)
        inputs = 4 * self.batch * 784
        update = UPDATE.get(self.optimizer, 4) * self.parameters()
        return inputs + outputs * (2 if self.train else 1) + update


ROWS = [
    Row("mnist_cnn_train", "MNIST CNN, training step, batch 64, Adam", "cnn", 64, "adam", 1e-3, dropout=True),
    Row("mnist_cnn_forward", "MNIST CNN, forward, one sample", "cnn", 1, goal=5.0),
    Row("mlp_train", "MLP 784-128-10, training step, batch 64, Adam", "mlp", 64, "adam", 1e-3, goal=3.0),
    Row("mlp_train_sgd", "MLP 784-128-10, training step, batch 64, SGD", "mlp", 64, "sgd", 0.05, 0.9, goal=3.0),
    Row("mlp_forward", "MLP 784-128-10, forward, one sample", "mlp", 1, goal=5.0),
]
STARTUP = Row("startup", "MLP 784-128-10, from process start to the first prediction", "mlp", 1, goal=30.0)
