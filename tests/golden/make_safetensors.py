"""Makes the small safetensors files that tests/unit/test_safetensors.c reads, with the Python packages that the rest of
the world uses (safetensors, torch, numpy); and checks a file that Tarn wrote:

    python3 tests/golden/make_safetensors.py                 # writes tests/golden/safetensors/*.safetensors
    python3 tests/golden/make_safetensors.py --check FILE    # reads FILE, which test_safetensors leaves behind
"""
import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

FOLDER = pathlib.Path(__file__).parent / "safetensors"
DTYPES = {
    "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
    "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "bool": torch.bool,
}


def every_dtype():
    """Six values of every dtype in a 2x3 tensor; 0..5, for bool every second true."""
    tensors = {}
    for name, dtype in DTYPES.items():
        values = torch.arange(6)
        tensors[name] = (values % 2 == 1 if name == "bool" else values.to(dtype)).reshape(2, 3)
    return tensors


def shapes():
    return {
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 3),
        "rank8": torch.arange(4, dtype=torch.float32).reshape(1, 1, 1, 2, 1, 1, 2, 1),
        "layers.0.weight": torch.tensor([[0.5, -0.25]]),
    }


def check(path):
    metadata = safe_open(path, "pt").metadata()
    assert metadata == {"labels": '["a","\u00e4"]', "note": 'quote " backslash \\ newline \n tab \t bell \x07'}, metadata
    tensors = load_file(path)
    expected = every_dtype()
    expected.update(shapes())
    assert set(tensors) == set(expected), set(tensors) ^ set(expected)
    for name, tensor in expected.items():
        assert tensors[name].dtype == tensor.dtype and tensors[name].shape == tensor.shape, name
        assert torch.equal(tensors[name], tensor), name
    print(f"{path}: {len(tensors)} tensors, as expected")


def main():
    if sys.argv[1:2] == ["--check"]:
        return check(sys.argv[2])
    FOLDER.mkdir(exist_ok=True)
    save_file(every_dtype(), FOLDER / "dtypes.safetensors")
    save_file(shapes(), FOLDER / "shapes.safetensors", metadata={"labels": '["zero","\u00e4"]', "format": "pt"})
    save_file({}, FOLDER / "none.safetensors")


main()
