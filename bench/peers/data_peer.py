"""Other libraries on the rows about data: data_peer.py PEER ROW --data FOLDER --threads N, with the protocol of bench/README.md. PEER is
torchvision or pillow_simd (PyTorch's DataLoader; the first with torchvision's transforms, the second with the same calls of Pillow-SIMD and
PyTorch that they consist of), tf_data, pandas, pyarrow, tokenizers, librosa, torch_stft."""
import collections
import math
import os
import random
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import server  # noqa: E402

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH, AHEAD, RATE, MELS, HOP, N_FFT = 64, 4, 8000, 40, 80, 256
TABLES = {"data_csv_integers": "integers.csv", "data_csv_floats": "floats.csv", "data_csv_texts": "texts.csv", "data_csv_gz": "floats.csv.gz"}


class Endless:
    """A loader's batches, epoch after epoch."""

    def __init__(self, loader):
        self.loader, self.at = loader, iter(loader)

    def next(self):
        while True:
            for batch in self.at:
                return batch
            self.at = iter(self.loader)


class Loading:
    """Steps are batches, which come in bursts: each counts as the mean. What was made ahead while others ran is not counted."""

    def run(self, n):
        for _ in range(self.ahead):
            self.step()
        begin, counted = time.perf_counter(), max(n, AHEAD)
        for _ in range(counted):
            self.step()
        return [(time.perf_counter() - begin) / counted] * n


class Reading:
    """Steps are timed one by one."""

    def run(self, n):
        seconds = []
        for _ in range(n):
            begin = time.perf_counter()
            self.step()
            seconds.append(time.perf_counter() - begin)
        return seconds


# ---- pictures ------------------------------------------------------------------------------------------------------------


def files_of(folder):
    classes = sorted(os.listdir(folder))
    return [(os.path.join(folder, c, f), i) for i, c in enumerate(classes) for f in sorted(os.listdir(os.path.join(folder, c)))]


def cifar_arrays(folder):
    import numpy as np
    rows = [np.fromfile(f"{folder}/cifar-10-batches-bin/data_batch_{k}.bin", np.uint8).reshape(-1, 3073) for k in range(1, 6)]
    rows = np.concatenate(rows)
    return np.ascontiguousarray(rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), rows[:, 0].astype(np.int64)


class Plain:
    """RandomResizedCrop (or RandomCrop with padding 4), RandomHorizontalFlip, ToTensor, Normalize: what torchvision does, by hand."""

    def __init__(self, size):
        import numpy as np
        import torch
        from PIL import Image
        self.size, self.np, self.torch, self.image = size, np, torch, Image
        self.mean, self.std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))

    def crop(self, p):
        size = (self.size, self.size)
        for _ in range(10):
            area = p.width * p.height * random.uniform(0.08, 1)
            ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= p.width and 0 < h <= p.height:
                x, y = random.randint(0, p.width - w), random.randint(0, p.height - h)
                return p.crop((x, y, x + w, y + h)).resize(size, self.image.Resampling.BILINEAR)
        return p.resize(size, self.image.Resampling.BILINEAR)

    def small(self, p):
        q = self.image.new("RGB", (p.width + 8, p.height + 8))
        q.paste(p, (4, 4))
        x, y = random.randint(0, 8), random.randint(0, 8)
        return q.crop((x, y, x + self.size, y + self.size))

    def __call__(self, p):
        p = self.small(p) if self.size == 32 else self.crop(p)
        if random.random() < 0.5:
            p = p.transpose(self.image.Transpose.FLIP_LEFT_RIGHT)
        t = self.torch.from_numpy(self.np.array(p, copy=True)).permute(2, 0, 1).contiguous().to(self.torch.float32).div(255)
        return t.sub_(self.mean).div_(self.std)


def import_torchvision():
    """Wheels for GPUs lack their library where there is none: the two operators that torchvision asks for are declared then; its transforms of
    Pillow's pictures do not use them."""
    import torch
    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        for name in [m for m in sys.modules if m.startswith("torchvision")]:
            del sys.modules[name]
        import torchvision
        torchvision.tarn_library = library
    return torchvision


class Torch(Loading):
    def __init__(self, options, simd):
        import PIL
        import torch
        self.options, self.torch, self.simd = options, torch, simd
        if simd:
            self.version, said = PIL.__version__, "Pillow-SIMD by hand"
        else:
            vision = import_torchvision()
            self.version, said = vision.__version__, f"Pillow {PIL.__version__}"
        self.details = f"PyTorch {torch.__version__}, {said}, {options.threads} workers"

    def change(self, size):
        if self.simd:
            return Plain(size)
        t = import_torchvision().transforms
        crop = t.RandomCrop(32, padding=4) if size == 32 else t.RandomResizedCrop(size)
        return t.Compose([crop, t.RandomHorizontalFlip(), t.ToTensor(), t.Normalize(MEAN, STD)])

    def setup(self):
        from PIL import Image
        row, folder = self.options.row, self.options.data
        change = self.change(32 if "cifar" in row else 224)
        if row == "data_cifar_binary":
            pixels, labels = cifar_arrays(folder)
            count, get = len(pixels), lambda i: (change(Image.fromarray(pixels[i])), int(labels[i]))
        else:
            files = files_of(folder + ("/cifar" if "cifar" in row else "/photos"))

            def get(i):
                with open(files[i][0], "rb") as file:
                    return change(Image.open(file).convert("RGB")), files[i][1]
            count = len(files)

        class Set(self.torch.utils.data.Dataset):
            def __len__(self):
                return count

            def __getitem__(self, i):
                return get(i)
        workers = self.options.threads
        self.ahead = 2 * workers
        self.batches = Endless(self.torch.utils.data.DataLoader(Set(), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=workers,
                                                                persistent_workers=True, prefetch_factor=2))
        x = self.batches.next()[0]
        self.outputs = [float(x.mean()), float(x.square().mean())]

    def step(self):
        self.batches.next()


class TensorFlow(Loading):
    def __init__(self, options):
        import tensorflow as tf
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
        self.options, self.tf, self.version, self.details, self.ahead = options, tf, tf.__version__, f"{options.threads} calls in parallel", 2 * AHEAD

    def finish(self, p, size):
        tf = self.tf
        if size == 32:
            p = tf.image.random_crop(tf.image.resize_with_crop_or_pad(p, 40, 40), (32, 32, 3))
        p = tf.image.random_flip_left_right(p)
        return (tf.cast(p, tf.float32) / 255 - MEAN) / STD

    def photo(self, path, label):
        tf = self.tf
        data = tf.io.read_file(path)
        shape = tf.image.extract_jpeg_shape(data)
        begin, extent, _ = tf.image.sample_distorted_bounding_box(
            shape, tf.zeros((1, 0, 4)), area_range=(0.08, 1), aspect_ratio_range=(3 / 4, 4 / 3), use_image_if_no_bounding_boxes=True)
        window = tf.stack([begin[0], begin[1], extent[0], extent[1]])
        p = tf.image.resize(tf.image.decode_and_crop_jpeg(data, window, channels=3), (224, 224), antialias=True)
        return self.finish(p, 224), label

    def png(self, path, label):
        tf = self.tf
        p = tf.io.decode_png(tf.io.read_file(path), channels=3)
        return self.finish(tf.ensure_shape(p, (32, 32, 3)), 32), label

    def setup(self):
        row, folder = self.options.row, self.options.data
        if row == "data_cifar_binary":
            sources, change = cifar_arrays(folder), lambda p, y: (self.finish(p, 32), y)
        else:
            files = files_of(folder + ("/cifar" if "cifar" in row else "/photos"))
            sources, change = ([f for f, _ in files], [y for _, y in files]), self.png if "cifar" in row else self.photo
        data = self.tf.data.Dataset.from_tensor_slices(sources).shuffle(len(sources[0]))
        options = self.tf.data.Options()
        options.threading.private_threadpool_size = self.options.threads
        data = data.map(change, num_parallel_calls=self.options.threads, deterministic=False).batch(BATCH, drop_remainder=True)
        self.batches = Endless(data.prefetch(AHEAD).with_options(options))
        x = self.batches.next()[0].numpy()
        self.outputs = [float(x.mean()), float((x * x).mean())]

    def step(self):
        self.batches.next()


# ---- tables --------------------------------------------------------------------------------------------------------------


class Pandas(Reading):
    def __init__(self, options):
        import pandas
        self.options, self.pandas, self.version, self.details = options, pandas, pandas.__version__, "read_csv, C engine"

    def setup(self):
        self.path = os.path.join(self.options.data, TABLES[self.options.row])
        self.dates = ["date"] if "floats" in self.path else None
        self.step()

    def step(self):
        self.outputs = list(self.pandas.read_csv(self.path, engine="c", parse_dates=self.dates).shape)


class Arrow(Reading):
    def __init__(self, options):
        import pyarrow
        import pyarrow.csv
        pyarrow.set_cpu_count(options.threads)
        self.options, self.csv, self.version, self.details = options, pyarrow.csv, pyarrow.__version__, f"{options.threads} threads"

    def setup(self):
        self.path = os.path.join(self.options.data, TABLES[self.options.row])
        self.step()

    def step(self):
        self.outputs = list(self.csv.read_csv(self.path).shape)


# ---- texts ---------------------------------------------------------------------------------------------------------------


class Tokenizers(Reading):
    def __init__(self, options):
        os.environ["TOKENIZERS_PARALLELISM"], os.environ["RAYON_NUM_THREADS"] = "true", str(options.threads)
        import tokenizers
        self.options, self.library, self.version, self.details = options, tokenizers, tokenizers.__version__, f"encode_batch_fast, {options.threads} threads"

    def setup(self):
        t, folder = self.library, self.options.data
        if self.options.row == "data_gpt2":
            self.tokenizer = t.Tokenizer(t.models.BPE.from_file(folder + "/vocab.json", folder + "/merges.txt"))
            self.tokenizer.pre_tokenizer = t.pre_tokenizers.ByteLevel(add_prefix_space=False)
        else:
            self.tokenizer = t.Tokenizer(t.models.WordPiece.from_file(folder + "/vocab.txt", unk_token="[UNK]"))
            self.tokenizer.normalizer = t.normalizers.BertNormalizer(lowercase=True)
            self.tokenizer.pre_tokenizer = t.pre_tokenizers.BertPreTokenizer()
        with open(folder + "/text.txt", encoding="utf-8", newline="") as file:
            self.lines = file.read().splitlines(keepends=True)
        self.step()
        self.outputs = [sum(len(e.ids) for e in self.last)]

    def step(self):
        self.last = self.tokenizer.encode_batch_fast(self.lines, add_special_tokens=False)


# ---- sounds --------------------------------------------------------------------------------------------------------------


class Sounds(Loading):
    """Files read by soundfile, in PyTorch's DataLoader or by librosa with a pool of processes."""

    def __init__(self, options, librosa):
        import importlib
        self.library = importlib.import_module("librosa" if librosa else "torch")
        self.options, self.librosa, self.version = options, librosa, self.library.__version__
        self.details, self.outputs = f"{options.threads} processes", [MELS, RATE // HOP + 1]

    def setup(self):
        files = [f for f, _ in files_of(self.options.data + "/sounds")]
        rng = random.Random(1)
        if self.librosa:
            import multiprocessing
            pool = multiprocessing.get_context("fork").Pool(self.options.threads)
            self.ahead = AHEAD
            coming = collections.deque()

            def take():
                while len(coming) <= AHEAD:
                    coming.append(pool.map_async(librosa_clip, rng.choices(files, k=BATCH), chunksize=16))
                return coming.popleft().get()
            self.take = take
        else:
            self.torch_loader(files)
        self.step()

    def torch_loader(self, files):
        torch, bank = self.library, mel_bank()
        bank, hann = torch.tensor(bank), torch.hann_window(N_FFT)

        class Set(torch.utils.data.Dataset):
            def __len__(self):
                return len(files)

            def __getitem__(self, i):
                return torch.tensor(read_wav(files[i]))
        loader = torch.utils.data.DataLoader(Set(), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=self.options.threads,
                                             persistent_workers=True)
        batches = Endless(loader)
        self.ahead = 2 * self.options.threads

        def take():
            s = torch.stft(batches.next(), N_FFT, HOP, window=hann, return_complex=True)
            return torch.log(torch.clamp(bank @ s.abs().square(), min=1e-10))
        self.take = take

    def step(self):
        self.take()


def read_wav(path):
    """16-bit, one channel: what the set has; cut or filled up to a second."""
    import wave

    import numpy as np
    with wave.open(path) as w:
        x = np.frombuffer(w.readframes(RATE), np.int16).astype(np.float32) / 32768
    return np.pad(x[:RATE], (0, max(0, RATE - len(x))))


def mel_bank():
    import numpy as np
    mels = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), MELS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    at = np.linspace(0, RATE / 2, N_FFT // 2 + 1)
    up = (at - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - at) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(up, down)).astype(np.float32)


def librosa_clip(path):
    import librosa
    import numpy as np
    s = librosa.feature.melspectrogram(y=read_wav(path), sr=RATE, n_fft=N_FFT, hop_length=HOP, n_mels=MELS)
    return np.log(np.maximum(s, 1e-10)).astype(np.float32)


# ---- the protocol --------------------------------------------------------------------------------------------------------

NAMES = {"torchvision": "torchvision", "pillow_simd": "Pillow-SIMD", "tf_data": "tf.data", "pandas": "pandas", "pyarrow": "pyarrow",
         "tokenizers": "tokenizers", "librosa": "librosa", "torch_stft": "PyTorch"}
MAKE = {"torchvision": lambda o: Torch(o, False), "pillow_simd": lambda o: Torch(o, True), "tf_data": TensorFlow, "pandas": Pandas,
        "pyarrow": Arrow, "tokenizers": Tokenizers, "librosa": lambda o: Sounds(o, True), "torch_stft": lambda o: Sounds(o, False)}


class Peer:
    def __init__(self, key, options):
        self.key, self.work = key, MAKE[key](options)

    def hello(self):
        return {"name": NAMES[self.key], "version": self.work.version, "isa": None, "details": self.work.details}

    def setup(self):
        self.work.setup()
        return {"details": ""}

    def run(self, n):
        seconds = self.work.run(n)
        return {"seconds": seconds, "outputs": self.work.outputs}


if __name__ == "__main__":
    which = sys.argv.pop(1)
    sys.exit(server.serve(Peer(which, server.arguments())))
