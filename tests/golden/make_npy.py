"""Makes the small .npy files that tests/unit/test_npy.c reads, and checks files that Tarn wrote:

    python3 tests/golden/make_npy.py                  # writes tests/golden/npy/*.npy
    python3 tests/golden/make_npy.py --check FOLDER   # reads the files that test_npy leaves behind
"""
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "npy"
DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "b1"]


def values(dtype):
    array = np.arange(6).reshape(2, 3)
    return array % 2 == 1 if dtype == "b1" else array.astype("<" + dtype)


def save(name, array, version=(1, 0)):
    with open(FOLDER / f"{name}.npy", "wb") as file:
        np.lib.format.write_array(file, array, version=version, allow_pickle=True)


def check(folder):
    for dtype in DTYPES:
        array = np.load(folder / f"npy_{dtype}.npy")
        assert array.dtype == values(dtype).dtype and np.array_equal(array, values(dtype)), dtype
    turned = np.load(folder / "npy_turned.npy")
    assert np.array_equal(turned, values("f4").T), turned
    assert np.load(folder / "npy_scalar.npy").shape == ()
    assert np.load(folder / "npy_empty.npy").shape == (0, 3)
    assert np.load(folder / "npy_vector.npy").shape == (6,)
    print(f"{folder}: as expected")


def main():
    if sys.argv[1:2] == ["--check"]:
        return check(pathlib.Path(sys.argv[2]))
    FOLDER.mkdir(exist_ok=True)
    for dtype in DTYPES:
        save(dtype, values(dtype))
    save("version2", values("f4"), (2, 0))
    save("version3", values("f4"), (3, 0))
    save("fortran", np.asfortranarray(values("f4")))
    save("scalar", np.array(1.5, "<f4"))
    save("empty", np.zeros((0, 3), "<f4"))
    save("vector", np.arange(6, dtype="<f4"))
    save("big", values("f4").astype(">f4"))
    save("unsigned", values("f4").astype("<u4"))
    save("object", np.array([{}], dtype=object))
    save("record", np.zeros(1, dtype=[("a", "<f4")]))
    save("rank9", np.zeros((1,) * 9, "<f4"))


main()
