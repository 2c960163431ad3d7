"""The rows about data: pictures, tables, texts and sounds on their way into a model. A step is a batch, or a whole file; its time
is shown as things a second."""
from dataclasses import dataclass

PHOTOS, CIFAR, CSV, TOKENS, SOUND = "pictures", "pictures", "rows", "bytes", "clips"


@dataclass(frozen=True)
class DataRow:
    name: str
    title: str
    unit: str
    count: int  # things in a step; 0: as the folder's counts.json says
    peers: tuple  # keys of programs.DATA_PEERS
    goals: tuple = ()  # (key of a peer, ratio that the project set itself); to every other peer it is 1
    tolerance: float = 1e-3  # of outputs, of the largest

    # What rows of nets have and these have not.
    train = half = random = False
    batch, parts, parameters, precision, optimizer, loss = 0, 0, 0, "f32", "", ""
    bounded = False


LOADERS = ("torchvision", "pillow_simd", "tf_data")
TWICE = tuple((key, 2.0) for key in LOADERS)
DATA = [
    DataRow("data_pictures", "JPEGs of 500 x 375: decode, random-resized crop to 224, flip, normalise, batch 64", PHOTOS, 64, LOADERS, TWICE, 0.2),
    DataRow("data_cifar_png", "CIFAR's pictures as PNGs (Tarn: in a .tar.gz; others: in a folder): decode, crop, flip, normalise, batch 64", CIFAR, 64,
            LOADERS, TWICE, 0.2),
    DataRow("data_cifar_binary", "CIFAR in its binary form: crop, flip, normalise, batch 64", CIFAR, 64, LOADERS, TWICE, 0.2),
    DataRow("data_csv_integers", "CSV, 600,000 rows of 25 integers, 57 MB", CSV, 0, ("pandas", "pyarrow"), (("pandas", 2.0),)),
    DataRow("data_csv_floats", "CSV, 522,600 rows of a time and 7 numbers of 16 digits, 78 MB", CSV, 0, ("pandas", "pyarrow"), (("pandas", 2.0),)),
    DataRow("data_csv_texts", "CSV, 291,550 rows of 3 quoted texts, English and Chinese, 43 MB", CSV, 0, ("pandas", "pyarrow"), (("pandas", 2.0),)),
    DataRow("data_csv_gz", "CSV of numbers in a .gz, 522,600 rows", CSV, 0, ("pandas", "pyarrow"), (("pandas", 1.0),)),
    DataRow("data_gpt2", "GPT-2's tokenizer on English lines", TOKENS, 0, ("tokenizers",)),
    DataRow("data_wordpiece", "WordPiece (BERT's) on English lines", TOKENS, 0, ("tokenizers",)),
    DataRow("data_log_mel", "spoken digits, WAV: decode, a second each, log-mel of 40 bands, batch 64", SOUND, 64, ("librosa", "torch_stft")),
]
