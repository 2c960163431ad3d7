"""Makes the folder that the rows about data share: data_make.py SETS FOLDER, from the known sets below SETS ($TARN_DATA). Needs Pillow
for what holds pictures; sets that are not there are left out, and so are the rows that need them."""
import collections
import gzip
import io
import json
import os
import random
import re
import shutil
import sys
import tarfile

PHOTOS, CIFAR_TRAIN, CIFAR_TEST = 512, 10000, 2000


def make_photos(sets, folder):
    from PIL import Image
    rng = random.Random(1)
    names = sorted(n for n in os.listdir(f"{sets}/yolo") if n.endswith(".jpg"))
    pictures = [Image.open(f"{sets}/yolo/{n}").convert("RGB") for n in names]
    for i in range(PHOTOS):
        p = pictures[i % len(pictures)]
        w = rng.randint(int(0.6 * min(p.width, p.height * 4 / 3)), int(min(p.width, p.height * 4 / 3)))
        h = w * 3 // 4
        x, y = rng.randint(0, p.width - w), rng.randint(0, p.height - h)
        name = f"{folder}/photos/{'ab'[i % 2]}/{i:04}.jpg"
        os.makedirs(os.path.dirname(name), exist_ok=True)
        p.crop((x, y, x + w, y + h)).resize((500, 375), Image.Resampling.BICUBIC).save(name, quality=90)


def cifar_pictures(sets, part, count):
    """Class and picture, classes in turn."""
    from PIL import Image
    with tarfile.open(f"{sets}/cifar10/cifar10-jpg.tar.gz") as tar:
        members = [m for m in tar if m.isfile() and f"{part}/" in m.name]
        classes = sorted({os.path.basename(os.path.dirname(m.name)) for m in members})
        left = {c: count // len(classes) for c in classes}
        for m in members:
            c = os.path.basename(os.path.dirname(m.name))
            if left[c] > 0:
                left[c] -= 1
                yield classes.index(c), c, Image.open(io.BytesIO(tar.extractfile(m).read())).convert("RGB")


def binary(label, picture):
    r, g, b = picture.split()
    return bytes([label]) + r.tobytes() + g.tobytes() + b.tobytes()


def make_cifar(sets, folder):
    out = f"{folder}/cifar-10-batches-bin"
    os.makedirs(out, exist_ok=True)
    train, names = [], {}
    with tarfile.open(f"{folder}/cifar.tar.gz", "w:gz") as tar:
        for i, (label, name, picture) in enumerate(cifar_pictures(sets, "train", CIFAR_TRAIN)):
            names[label] = name
            train.append(binary(label, picture))
            png = io.BytesIO()
            picture.save(png, "png")
            path = f"{folder}/cifar/{name}/{i:05}.png"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(png.getvalue())
            info = tarfile.TarInfo(f"{name}/{i:05}.png")
            info.size = len(png.getvalue())
            tar.addfile(info, io.BytesIO(png.getvalue()))
    random.Random(1).shuffle(train)
    for k in range(5):
        with open(f"{out}/data_batch_{k + 1}.bin", "wb") as f:
            f.write(b"".join(train[k::5]))
    with open(f"{out}/test_batch.bin", "wb") as f:
        f.write(b"".join(binary(label, p) for label, _, p in cifar_pictures(sets, "test", CIFAR_TEST)))
    with open(f"{out}/batches.meta.txt", "w", encoding="utf-8") as f:
        f.write("".join(names[k] + "\n" for k in sorted(names)))


def lines_of(path):
    with open(path, "rb") as f:
        data = f.read()
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode().rstrip("\n").split("\n")


def make_tables(sets, folder):
    counts = {}
    credit = next(f"{sets}/credit/{n}" for n in sorted(os.listdir(f"{sets}/credit")) if n.endswith(".csv.gz"))
    for name, path, times in (("integers", credit, 20), ("floats", f"{sets}/ett/ETTh1.csv", 30)):
        header, *rows = lines_of(path)
        counts["data_csv_" + name] = len(rows) * times
        with open(f"{folder}/{name}.csv", "w", encoding="utf-8") as f:
            f.write("\n".join([header] + rows * times) + "\n")
    counts["data_csv_gz"] = counts["data_csv_floats"]
    with open(f"{folder}/floats.csv", "rb") as f, gzip.open(f"{folder}/floats.csv.gz", "wb", 6) as g:
        shutil.copyfileobj(f, g)
    rows = [",".join('"' + cell.replace('"', '""') + '"' for cell in line.split("\t")) for line in lines_of(f"{sets}/eng-cmn/cmn.txt.gz")]
    counts["data_csv_texts"] = len(rows) * 10
    with open(f"{folder}/texts.csv", "w", encoding="utf-8") as f:
        f.write("en,zh,by\n" + "\n".join(rows * 10) + "\n")
    return counts


def make_texts(sets, folder):
    with open(f"{sets}/text/tinyshakespeare.txt", encoding="utf-8") as f:
        text = f.read()
    with open(f"{folder}/text.txt", "w", encoding="utf-8") as f:
        f.write(text * 4)
    for name in ("vocab.json", "merges.txt"):
        shutil.copyfile(f"{sets}/gpt2-bpe/{name}", f"{folder}/{name}")
    words = collections.Counter(re.findall("[a-z]+", text.lower()))
    ends = collections.Counter(w[-n:] for w in words for n in (2, 3, 4) if len(w) > n)
    chars = sorted({c for c in text.lower() if not c.isspace()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *chars, *("##" + c for c in chars), *(w for w, _ in words.most_common(5000) if len(w) > 1),
              *("##" + e for e, _ in ends.most_common(2000))]
    with open(f"{folder}/vocab.txt", "w", encoding="utf-8") as f:
        f.write("".join(p + "\n" for p in pieces))
    return {"data_gpt2": len((text * 4).encode()), "data_wordpiece": len((text * 4).encode())}


def make_sounds(sets, folder):
    with tarfile.open(f"{sets}/speech-digits/fsdd.tar") as tar:
        for m in tar:
            if m.isfile() and m.name.endswith(".wav"):
                name = os.path.basename(m.name)
                path = f"{folder}/sounds/{name[0]}/{name}"
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as f:
                    f.write(tar.extractfile(m).read())


def main():
    sets, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    counts = {}
    for make in (make_photos, make_cifar, make_tables, make_texts, make_sounds):
        try:
            counts.update(make(sets, folder) or {})
        except (OSError, ImportError, StopIteration) as why:
            print(f"{make.__name__}: {why}", file=sys.stderr)
    with open(f"{folder}/counts.json", "w", encoding="utf-8") as f:
        json.dump(counts, f)


main()
