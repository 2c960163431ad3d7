"""GPT-2's tokenizer by the `tokenizers` library (pip install tokenizers) on one core: what bench_tokenize (bench/micro/tokenize.c) is measured beside.

    TOKENIZERS_PARALLELISM=false taskset -c 0 python bench/peers/tokenize_hf.py FOLDER TEXT [MEGABYTES]
"""

import os
import sys
import time

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: E402


def fastest(times, work):
    best = 1e9
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def load(folder):
    tokenizer = Tokenizer(models.BPE.from_file(folder + "/vocab.json", folder + "/merges.txt"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def main():
    folder, path = sys.argv[1:3]
    data = open(path, encoding="utf-8").read()
    size = len(data.encode())
    copies = ((int(sys.argv[3]) if len(sys.argv) > 3 else 20) << 20) // size + 1
    seconds, tokenizer = fastest(3, lambda: load(folder))
    # One long text, and its lines: the library caches pieces, and is faster on short texts than on a long one.
    whole, ids = fastest(3, lambda: tokenizer.encode(data).ids)
    lines = (data * min(copies, 4)).splitlines(keepends=True)
    short, _ = fastest(2, lambda: tokenizer.encode_batch_fast(lines, add_special_tokens=False))
    print(f"load {1e3 * seconds:.1f} ms; {size} bytes give {len(ids)} ids; one text {size / whole / 1e6:.1f} MB/s; "
          f"lines {size * min(copies, 4) / short / 1e6:.1f} MB/s")


if __name__ == "__main__":
    main()
