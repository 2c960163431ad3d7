"""The data that all programs of a row share: batches and first weights, as a safetensors file."""
import array
import json
import math
import os
import random
import struct
import subprocess
import zlib
from itertools import repeat

BATCHES = 16
MOST_BYTES = 32 << 20  # of all batches as floats, beyond the second one: big pictures would fill the memory that is measured
VERSION = 4  # raise it when the contents change and nothing in the row does


def uniform(generator, n, bound):
    """n floats in +-bound, of 65,536 different ones: made quickly."""
    if n < 65536:
        return array.array("f", (bound * (i / 32768 - 1) for i in array.array("H", generator.randbytes(2 * n)))).tobytes()
    table = [bound * (i / 32768 - 1) for i in range(65536)]
    return array.array("f", map(table.__getitem__, array.array("H", generator.randbytes(2 * n)))).tobytes()


def make_inputs(generator, n, size, classes):
    """Bytes: a pattern for each class, half drowned in noise."""
    mask = int.from_bytes(b"\x7f" * size, "little")

    def half():
        return int.from_bytes(generator.randbytes(size), "little") >> 1 & mask

    patterns = [half() for _ in range(min(classes, 16))]
    labels = [generator.randrange(classes) for _ in range(n)]
    pixels = bytearray()
    for label in labels:
        pixels += (patterns[label % len(patterns)] + half()).to_bytes(size, "little")
    return bytes(pixels), labels


def numbers(values):
    return struct.pack(f"<{len(values)}q", *values)


def tensors_of(row):
    if row.parameters:
        return
    generator = random.Random(f"{row.net} {row.batch}")
    size = math.prod(row.sample)
    # a graph that is trained whole is the same in each step; other batches differ
    batches = 1 if row.net.startswith("gcn") else max(2, min(BATCHES, MOST_BYTES // (4 * size * row.batch)))
    if row.tokens:
        yield "inputs", "I64", [batches, row.batch, *row.sample], numbers(
            [generator.randrange(1, row.tokens) for _ in range(batches * row.batch * size)])
        places = list(row.sample) if row.loss == "next_token" else []
        yield "labels", "I64", [batches, row.batch, *places], numbers(
            [generator.randrange(row.classes) for _ in range(batches * row.batch * math.prod(places))])
    else:
        pixels, labels = make_inputs(generator, batches * row.batch, size, row.classes)
        yield "inputs", "U8", [batches, row.batch, *row.sample], pixels
        yield "labels", "I64", [batches, row.batch], numbers(labels)
    for p in row.graph.parameters:
        values = uniform(generator, p.count, p.bound) if p.bound else array.array("f", repeat(p.value, p.count)).tobytes()
        yield p.name, "F32", list(p.shape), values


def sets_folder(root):
    """Where known sets are: $TARN_DATA, or shared/data beside the repository."""
    return os.environ.get("TARN_DATA") or os.path.join(os.path.dirname(root), "shared", "data")


def make_folder(root, folder, python):
    """The folder that the rows about data share, and how many things their steps have; made unless it is there."""
    path = os.path.join(folder, "data-rows-1")
    counts = os.path.join(path, "counts.json")
    if not os.path.exists(counts):
        program = os.path.join(root, "bench", "peers", "data_make.py")
        subprocess.run([python, "-B", program, sets_folder(root), path], check=True)
    with open(counts, encoding="utf-8") as file:
        return path, json.load(file)


def make(row, folder):
    """The file's path; made unless it is there."""
    metadata = {"row": row.name, "net": row.net, "batch": str(row.batch), "loss": row.loss, "optimizer": row.optimizer,
                "lr": repr(row.lr), "momentum": repr(row.momentum), "classes": str(row.classes),
                "parameters": str(row.parameters), "precision": row.precision}
    if row.limit_mb:
        metadata["limit_mb"] = str(row.limit_mb)
    known = zlib.crc32(repr([VERSION, row.sample, metadata]).encode())
    path = os.path.join(folder, f"{row.name}-{known:08x}.safetensors")
    if os.path.exists(path):
        return path
    os.makedirs(folder, exist_ok=True)
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
