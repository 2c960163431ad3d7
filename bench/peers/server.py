"""What the peers share: the protocol (it reads commands, answers with lines of JSON; see bench/README.md), and data files."""
import argparse
import json
import math
import mmap
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "harness"))
import nets  # pylint: disable=wrong-import-position

SIZES = {"U8": 1, "I64": 8, "F32": 4}
OUTPUTS = 4096  # of a forward's first sample, at most
UPDATE_PIECES, PATTERN, UPDATED = 25, 1000, 16  # of a row that updates parameters alone; cli/bench_work.c has the same


def arguments(**modes):
    p = argparse.ArgumentParser()
    p.add_argument("row")
    p.add_argument("--data", required=True)
    p.add_argument("--threads", type=int, default=2)
    for name, choices in modes.items():
        p.add_argument(f"--{name}", choices=choices, default=choices[0])
    return p.parse_args()


def copier(kinds, from_buffer):
    """What File makes its tensors with: kinds are the dtypes of a library, from_buffer copies so many numbers from a buffer."""
    def make(buffer, offset, dtype, shape):
        return from_buffer(buffer, kinds[dtype], math.prod(shape), offset).reshape(shape)
    return make


def numpy_copier(np):
    return copier({"U8": np.uint8, "I64": np.int64, "F32": np.float32}, lambda *a: np.frombuffer(*a).copy())


class File:
    """A data file: metadata, and tensors that make(buffer, dtype, shape) copies out of it, so that it need not stay."""

    def __init__(self, path, make):
        with open(path, "rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(length))
            self.metadata = header.pop("__metadata__")
            self.tensors = {}
            if not header:
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as bytes_of_file:
                for name, t in header.items():
                    begin = 8 + length + t["data_offsets"][0]
                    self.tensors[name] = make(bytes_of_file, begin, t["dtype"], t["shape"])

    def net(self):
        m = self.metadata
        sample = self.tensors["inputs"].shape[2:]
        return nets.make(m["net"], tuple(sample), int(m["classes"]))


def several(timed):
    """Times of up to 20 steps, of at most half a second together once there are two; timed(1)[0] has that of one."""
    seconds = []
    while len(seconds) < 2 or (len(seconds) < 20 and sum(seconds) < 0.5):
        seconds += timed(1)[0]
    return seconds


def serve(program):
    """program has hello(), setup() and run(n), which return what is to be answered."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        if words[0] == "quit":
            return
        try:
            if words[0] == "hello":
                answer = program.hello()
            elif words[0] == "setup":
                answer = program.setup()
            elif words[0] == "run":
                answer = program.run(int(words[1]))
            else:
                answer = {"error": f"unknown command {words[0]!r}"}
        except Exception as error:  # the harness shows it; the log has the rest
            import traceback
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()
