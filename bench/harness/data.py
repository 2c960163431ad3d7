"""The data that all programs of a row share: batches and first weights, as a safetensors file."""
import array
import json
import os
import random
import struct
from itertools import repeat

BATCHES = 16
MOST_BYTES = 32 << 20  # of all batches as floats, beyond the second one: big pictures would fill the memory that is measured
VERSION = 3  # a part of the file's name: raise it when the contents change


def uniform(generator, n, bound):
    """n floats in +-bound, of 65,536 different ones: made quickly."""
    table = [bound * (i / 32768 - 1) for i in range(65536)]
    return array.array("f", map(table.__getitem__, array.array("H", generator.randbytes(2 * n)))).tobytes()


def make_inputs(generator, n, size, classes):
    """Bytes: a pattern for each class, half drowned in noise."""
    patterns = [int.from_bytes(generator.randbytes(size), "little") >> 1 & int.from_bytes(b"\x7f" * size, "little")
                for _ in range(min(classes, 16))]
    mask = int.from_bytes(b"\x7f" * size, "little")
    labels = [generator.randrange(classes) for _ in range(n)]
    pixels = bytearray()
    for label in labels:
        noise = int.from_bytes(generator.randbytes(size), "little") >> 1 & mask
        pixels += (patterns[label % len(patterns)] + noise).to_bytes(size, "little")
    return bytes(pixels), labels


def tensors_of(row):
    if row.parameters:
        return
    generator = random.Random(f"{row.net} {row.batch}")
    size = 1
    for n in row.sample:
        size *= n
    batches = max(2, min(BATCHES, MOST_BYTES // (4 * size * row.batch)))
    pixels, labels = make_inputs(generator, batches * row.batch, size, row.classes)
    yield "inputs", "U8", [batches, row.batch, *row.sample], pixels
    yield "labels", "I64", [batches, row.batch], struct.pack(f"<{len(labels)}q", *labels)
    for p in row.graph.parameters:
        values = uniform(generator, p.count, p.bound) if p.bound else array.array("f", repeat(p.value, p.count)).tobytes()
        yield p.name, "F32", list(p.shape), values


def make(row, folder):
    """The file's path; made unless it is there."""
    path = os.path.join(folder, f"{row.name}-{VERSION}.safetensors")
    if os.path.exists(path):
        return path
    os.makedirs(folder, exist_ok=True)
    metadata = {"row": row.name, "net": row.net, "batch": str(row.batch), "loss": row.loss, "optimizer": row.optimizer,
                "lr": repr(row.lr), "momentum": repr(row.momentum), "classes": str(row.classes),
                "parameters": str(row.parameters), "precision": row.precision}
    header, data = {"__metadata__": metadata}, bytearray()
    for name, dtype, shape, raw in tensors_of(row):
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".tmp", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.write(data)
    os.replace(path + ".tmp", path)
    return path
