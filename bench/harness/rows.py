"""The rows of the benchmark: what is run, how much arithmetic it is, how many bytes it must move. cli/bench_rows.c has the
same ones for those who have no peers; a test holds the two to each other."""
import math
from dataclasses import dataclass, replace
from functools import cached_property

import nets

# Bytes that an update moves for each parameter: weight read and written, slots read and written.
UPDATE = {"sgd": 16, "adam": 24, "adamw": 24, "sparse_adam": 24}


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
    tokens: int = 0  # not 0: inputs are numbers below it
    parameters: int = 0  # not 0: no net; the optimizer's update alone, of so many
    limit_mb: int = 0  # of the values of Tarn's step: what is above it is computed again; peers have no such limit
    precision: str = "f32"
    goal: float = 1.0  # the ratio to PyTorch that the project set itself; to every other peer it is 1
    parts: int = 0  # not 0: the time is of so many things at once, and shown for each

    bounded = True  # by arithmetic and memory

    @property
    def train(self):
        return bool(self.loss)

    @cached_property
    def graph(self):
        return nets.make(self.net, self.sample, self.classes) if self.net else None

    @property
    def random(self):
        """Losses depend on random numbers, which programs draw each in their own way."""
        return self.train and self.graph.has_dropout

    @property
    def tolerance(self):
        """By how much mean losses of first steps may differ: rounding grows in deep nets with batch norm."""
        return 0.1 if self.random else 0.05 if self.graph.has_batch_norm or self.half else 0.01

    @property
    def half(self):
        return self.precision != "f32"

    def flops(self):
        """Multiply-adds of products and convolutions, twice; inputs of the net have no gradient. An update is 14 a parameter."""
        if self.parameters:
            return 14 * self.parameters
        if self.graph.parts:
            return self.batch * self.graph.gan_counts()[0]
        return self.batch * sum(f * (3 if needs else 2) if self.train else f for f, needs in self.graph.products())

    def bytes(self):
        """Parameters once a step (and their update), what must be written once forward and once backward, the input."""
        if self.parameters:
            return (UPDATE[self.optimizer] + 4) * self.parameters
        if self.graph.parts:
            written = 2 * self.batch * self.graph.gan_counts()[1]
        else:
            written = 4 * self.batch * self.graph.written()
        rows, others = self.graph.trained()
        return (4 * self.batch * math.prod(self.sample) + written * (2 if self.train else 1) +
                UPDATE.get(self.optimizer, 4) * (self.batch * rows + others))


MLP_WIDE = "linear 512, relu, linear 512, relu, linear 10"
MLP_FRAUD = "linear 64, relu, linear 32, relu, linear 1"
SPEECH = ("conv 128 80 16, batch_norm, relu, max_pool 4, conv 128 3, batch_norm, relu, max_pool 4, "
          "conv 256 3, batch_norm, relu, max_pool 4, conv 256 3, batch_norm, relu, max_pool 4, mean, linear 35")
BERT, MINILM, GPT2 = "bert 12 768 12", "bert 6 384 12", "gpt2 12 768 12"
WORDS = {"classes": 50257, "tokens": 50257}
DIGIT, CIFAR, IMAGENET, MOBILE = (1, 28, 28), (3, 32, 32), (3, 224, 224), (3, 160, 160)
SMALL = 3.0  # the goal of small nets


def train(name, title, net, sample, batch, optimizer="adamw", lr=1e-3, **more):
    return Row(name, title, net, sample, batch, optimizer, lr, **{"loss": "cross_entropy", **more})


ROWS = [
    train("mlp_train", "MLP 784-128-10, training step, batch 64, Adam", "mlp", (784,), 64, "adam", goal=SMALL),
    train("mlp_train_sgd", "MLP 784-128-10, training step, batch 64, SGD", "mlp", (784,), 64, "sgd", 0.05, momentum=0.9,
          goal=SMALL),
    train("mlp_fraud_train", "MLP 30-64-32-1, training step, batch 2048, AdamW", MLP_FRAUD, (30,), 2048,
          loss="bce_with_logits", classes=2, goal=SMALL),
    train("mlp_wide_train", "MLP 784-512-512-10, training step, batch 128, AdamW", MLP_WIDE, (784,), 128, goal=SMALL),
    train("mnist_cnn_train", "MNIST CNN, training step, batch 64, Adam", "mnist_cnn", DIGIT, 64, "adam", goal=SMALL),
    train("cifar_cnn_train", "CIFAR CNN, training step, batch 64, AdamW", "cifar_cnn", CIFAR, 64),
    train("resnet18_train", "ResNet-18, 32x32, training step, batch 128, AdamW", "resnet18", CIFAR, 128),
    train("resnet50_train", "ResNet-50, 224x224, training step, batch 16, AdamW", "resnet50", IMAGENET, 16, lr=1e-4, classes=1000,
          limit_mb=1050),
    train("mobilenet_v2_train", "MobileNetV2, 160x160, training step, batch 16, AdamW", "mobilenet_v2", MOBILE, 16, lr=1e-4,
          classes=1000),
    train("unet_train", "U-Net, 128x128, training step, batch 8, AdamW", "unet", (3, 128, 128), 8, lr=1e-4, loss="mask", classes=1),
    train("vae_train", "VAE 784-400-20, training step, batch 128, Adam", "vae 400 20", (784,), 128, "adam", loss="vae"),
    train("speech_train", "Conv1D on 8,000 samples of speech, training step, batch 32, AdamW", SPEECH, (1, 1, 8000), 32, classes=35),
    train("lstm_train", "LSTM 2x256, T=100, training step, batch 64, AdamW", "lstm 2 256", (100, 64), 64),
    train("lstm_train_b1", "LSTM 2x256, T=100, training step, one sequence, AdamW", "lstm 2 256", (100, 64), 1, goal=SMALL),
    train("gru_train", "GRU 2x256, T=100, training step, batch 64, AdamW", "gru 2 256", (100, 64), 64),
    train("encoder_train", "Transformer encoder 4x256, T=128, training step, batch 32, AdamW", "encoder 4 8 1024", (128, 256), 32,
          lr=1e-4),
    train("vit_tiny_train", "ViT-Tiny, 224x224, training step, batch 8, AdamW", "vit 12 3 192", IMAGENET, 8, lr=1e-4, classes=1000),
    train("bert_train", "BERT-base, T=128, training step, batch 8, AdamW", BERT, (128,), 8, lr=5e-5, classes=2, tokens=30522),
    train("gpt2_train", "GPT-2 124M, T=64, training step, batch 4, AdamW", GPT2, (64,), 4, lr=1e-4, loss="next_token", **WORDS),
    train("gpt2_train_t256", "GPT-2 124M, T=256, training step, batch 4, AdamW", GPT2, (256,), 4, lr=1e-4, loss="next_token",
          limit_mb=760, **WORDS),
    train("gcn_train", "GCN of Cora's size, training step, 2,708 nodes, Adam", "gcn 16 5", (1433,), 2708, "adam", 1e-3, classes=7,
          goal=SMALL),
    train("gan_train", "MLP GAN, training step of both nets, batch 128, Adam", "gan", (784,), 128, "adam", 2e-4, loss="gan",
          goal=SMALL),
    train("recommender_train", "recommender, 2 tables of 1M x 32, training step, batch 4096, Adam on used rows",
          "recommender 1000000 32", (2,), 4096, "sparse_adam", loss="bce_with_logits", classes=2, tokens=1000000),
    train("dcgan_train", "DCGAN, 64x64, training step of both nets, batch 64, Adam", "dcgan", (3, 64, 64), 64, "adam", 2e-4, loss="gan"),
    Row("adam_update", "Adam, update of 100 million parameters", optimizer="adam", lr=1e-2, sample=(1,), classes=1,
        parameters=100_000_000),
    Row("adamw_update", "AdamW, update of 100 million parameters", optimizer="adamw", lr=1e-2, sample=(1,), classes=1,
        parameters=100_000_000),
    Row("mlp_forward", "MLP 784-128-10, forward, one sample", "mlp", goal=5.0),
    Row("mlp_forward_b256", "MLP 784-128-10, forward, batch 256", "mlp", batch=256),
    Row("mnist_cnn_forward", "MNIST CNN, forward, one sample", "mnist_cnn", DIGIT, goal=5.0),
    Row("mnist_cnn_forward_b64", "MNIST CNN, forward, batch 64", "mnist_cnn", DIGIT, 64),
    Row("resnet50_forward", "ResNet-50, 224x224, forward, one sample", "resnet50", IMAGENET, classes=1000),
    Row("resnet50_forward_b8", "ResNet-50, 224x224, forward, batch 8", "resnet50", IMAGENET, 8, classes=1000),
    Row("mobilenet_v2_forward", "MobileNetV2, 160x160, forward, one sample", "mobilenet_v2", MOBILE, classes=1000),
    Row("mobilenet_v2_forward_b16", "MobileNetV2, 160x160, forward, batch 16", "mobilenet_v2", MOBILE, 16, classes=1000),
    Row("squeezenet_forward", "SqueezeNet 1.1, 224x224, forward, one sample", "squeezenet", IMAGENET, classes=1000),
    Row("squeezenet_forward_b16", "SqueezeNet 1.1, 224x224, forward, batch 16", "squeezenet", IMAGENET, 16, classes=1000),
    Row("yolov3_forward", "YOLOv3, 416x416, forward, one sample", "yolov3", (3, 416, 416), classes=80),
    Row("yolov3_forward_b4", "YOLOv3, 416x416, forward, batch 4", "yolov3", (3, 416, 416), 4, classes=80),
    Row("lstm_step", "LSTM 2x256, one step of one sequence, state kept", "lstm_step 2 256", (64,)),
    Row("lstm_step_b64", "LSTM 2x256, one step of 64 sequences, state kept", "lstm_step 2 256", (64,), 64),
    Row("bert_forward", "BERT-base, T=128, forward, one sample", BERT, (128,), classes=2, tokens=30522),
    Row("bert_forward_b8", "BERT-base, T=128, forward, batch 8", BERT, (128,), 8, classes=2, tokens=30522),
    Row("minilm_forward", "MiniLM, T=64, forward, one sample", MINILM, (64,), classes=2, tokens=30522),
    Row("minilm_forward_b32", "MiniLM, T=64, forward, batch 32", MINILM, (64,), 32, classes=2, tokens=30522),
    Row("gpt2_prefill", "GPT-2 124M, prefill of 256 tokens", "gpt2_last 12 768 12", (256,), **WORDS),
    Row("gpt2_step", "GPT-2 124M, one token behind 256 others, keys and values kept", "gpt2_step 12 768 12 256", (1,), **WORDS),
    Row("log_mel", "log-mel spectrogram of a second of sound, 80 mels, one signal", "log_mel 160 80, flatten", (16000,), classes=8080),
    Row("log_mel_b16", "log-mel spectrogram of a second of sound, 80 mels, batch 16", "log_mel 160 80, flatten", (16000,), 16, classes=8080),
    Row("fft_1024", "Fourier transforms of 1,024 complex numbers, batch 64", "fft", (2048,), 64, classes=2048),
    Row("chain_forward", "node of a chain of 200 layers of 8 units, forward, one sample", "200 linear 8", (8,), classes=8, parts=200),
]
NOT_HALVED = ("log_mel", "log_mel_b16", "fft_1024", "chain_forward")  # they multiply nothing worth rounding


def in_bf16(row):
    """The same in bf16. The count of bytes stays: weights, updates and the batch are f32 for all."""
    return replace(row, name=f"{row.name}_bf16", title=f"{row.title}, bf16", precision="bf16")


BF16 = [in_bf16(r) for r in ROWS if r.net and r.name not in NOT_HALVED]
STARTUP = Row("startup", "MLP 784-128-10, from process start to the first prediction", "mlp", goal=30.0)
ALL = [*ROWS, *BF16, STARTUP]


def variant(row, name=None, **changes):
    """A row with other sizes, under a name that says which."""
    return replace(row, name=name or "_".join([row.name, *(f"{k}{v}" for k, v in changes.items())]), **changes)


def tiny(row):
    """The same work, small: for tests of everything but speed. ResNets have their usual form above 64 pixels."""
    small = row
    if row.net.startswith("vit"):
        small = replace(row, sample=(3, 32, 32))
    if row.graph and row.graph.has_batch_norm and row.sample[1] > 1:
        large = 64 if row.net in ("unet", "yolov3") else 65
        small = replace(row, sample=(row.sample[0], *(large if s > 64 else 16 for s in row.sample[1:])))
    if len(row.sample) == 2:
        small = replace(row, sample=(8, row.sample[1]))
    if row.net == "dcgan":
        small = row
    if row.net.startswith("recommender"):
        return replace(row, net="recommender 100 4", tokens=100, batch=6)
    if row.tokens:
        kind, *_ = row.net.split()
        words = {"classes": 97, "tokens": 97} if row.classes == row.tokens else {}
        step = kind == "gpt2_step"
        small = replace(row, net=f"{kind} 2 24 2" + " 5" * step, sample=(1 if step else 8,), **words)
    return replace(small, batch=min(row.batch, 2), parameters=min(row.parameters, 1000))


# What is to be measured and cannot be yet: Tarn has not got what it needs.
ABSENT = [
    ("int8 forwards", "no quantisation"),
]
