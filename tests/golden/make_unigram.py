"""Writes unigram_1000.tsv and unigram_5000.tsv: what UnigramTrainer of the `tokenizers` library (0.23.3) learns from tiny Shakespeare, each
line with its end one text. A line of a file: an entry's bytes in hexadecimal, its score. Lines go by bytes, so that the library's order of
equal scores, which depends on a hash table, does not matter.

    python3 make_unigram.py .../tinyshakespeare.txt [FOLDER]
"""
import json
import os
import sys

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

SPECIALS = ["<unk>", "<pad>", "<s>", "</s>"]


def learn(lines, size):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=size, unk_token="<unk>", special_tokens=SPECIALS, show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    return json.loads(tokenizer.to_str())["model"]["vocab"]


def main():
    folder = sys.argv[2] if len(sys.argv) > 2 else os.path.dirname(os.path.abspath(__file__))
    with open(sys.argv[1], encoding="utf8", newline="") as file:
        lines = file.read().splitlines(True)
    for size in (1000, 5000):
        entries = sorted((text.encode(), score) for text, score in learn(lines, size) if text not in SPECIALS)
        with open(os.path.join(folder, f"unigram_{size}.tsv"), "w", encoding="ascii") as file:
            file.writelines(f"{text.hex()}\t{score:.8f}\n" for text, score in entries)


if __name__ == "__main__":
    main()
