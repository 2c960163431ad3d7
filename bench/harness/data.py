"""The data that all programs of a row share: batches and first weights, as a safetensors file."""
import array
import json
import os
import random
import struct

from rows import INPUT, NETS

BATCHES = 16
VERSION = 1  # a part of the file's name: raise it when the contents change


def uniform(generator, n, bound):
    return array.array("f", (generator.uniform(-bound, bound) for _ in range(n))).tobytes()


def make_inputs(generator, n):
    """Pictures of 784 bytes: a pattern for each of ten classes, half drowned in noise."""
    patterns = [generator.randbytes(784) for _ in range(10)]
    labels = [generator.randrange(10) for _ in range(n)]
    pixels = bytearray()
    for label in labels:
        noise = generator.randbytes(784)
        pixels += bytes((p + q) >> 1 for p, q in zip(patterns[label], noise))
    return bytes(pixels), labels


def tensors_of(row):
    generator = random.Random(f"{row.net} {row.batch}")
    pixels, labels = make_inputs(generator, BATCHES * row.batch)
    yield "inputs", "U8", [BATCHES, row.batch, *INPUT[row.net]], pixels
    yield "labels", "I64", [BATCHES, row.batch], struct.pack(f"<{len(labels)}q", *labels)
    for name, c_in, c_out, k, _ in NETS[row.net]:
        bound = (c_in * k * k) ** -0.5
        shape = [c_out, c_in, k, k] if name.startswith("conv") else [c_out, c_in]
        yield f"{name}.weight", "F32", shape, uniform(generator, c_out * c_in * k * k, bound)
        yield f"{name}.bias", "F32", [c_out], uniform(generator, c_out, bound)


def make(row, folder):
    """The file's path; made unless it is there."""
    path = os.path.join(folder, f"{row.name}-{VERSION}.safetensors")
    if os.path.exists(path):
        return path
    os.makedirs(folder, exist_ok=True)
    metadata = {"row": row.name, "net": row.net, "batch": str(row.batch), "optimizer": row.optimizer, "lr": repr(row.lr),
                "momentum": repr(row.momentum)}
    header, data = {"__metadata__": metadata}, bytearray()
    for name, dtype, shape, raw in tensors_of(row):
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".tmp", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    os.replace(path + ".tmp", path)
    return path
