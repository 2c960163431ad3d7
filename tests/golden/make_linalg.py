#!/usr/bin/env python3
"""Makes linalg.safetensors: what PyTorch gives for operators on matrices, and their gradients.

Usage: make_linalg.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

Vectors of eigh, eig and svd are turned so that the largest element of each is above 0, as Tarn's are; gradients of triangles are those of
symmetric matrices. golden_cases.py says how the file is laid out.
"""
import itertools
import math
import os
import sys

import torch
from torch import linalg

from golden_cases import case, random, save, values

DEFINITE = (2, 4, 4)


def dominant(name, *shape):
    """A diagonal that rises from 2 and is larger than the rest."""
    rows, cols = shape[-2:]
    place = torch.arange(rows).unsqueeze(-1)
    return 0.3 * random(name, *shape) + (place + 2.0) * (place == torch.arange(cols))


def even(x):
    return (x + x.transpose(-1, -2)) / 2


def signs(x):
    """1 or -1 for each column, by its largest element."""
    return torch.gather(x, -2, x.abs().argmax(-2, keepdim=True)).sign().detach()


def eigh(x):
    value, v = linalg.eigh(even(x))
    return value, v * signs(v)


def svd(x):
    u, s, vt = linalg.svd(x, full_matrices=False)
    return u * signs(u), s, vt * signs(u).transpose(-1, -2)


def lu(x):
    y, pivots, _ = linalg.lu_factor_ex(x)
    p, _, _ = torch.lu_unpack(y, pivots)
    return y, p.argmax(-2), (pivots - 1).long()


def lu_parts(x):
    p, l, u = linalg.lu(x)
    return l, u, p.argmax(-2), (linalg.lu_factor_ex(x)[1] - 1).long()


def eig(x):
    """Values by their real, then imaginary part; the first of the largest elements of a vector, up to a thousandth, real and above 0."""
    value, v = linalg.eig(x)
    order = torch.argsort(value.imag.detach(), dim=-1)
    order = order.gather(-1, torch.argsort(value.real.detach().gather(-1, order), dim=-1, stable=True))
    value, v = value.gather(-1, order), v.gather(-1, order.unsqueeze(-2).expand(v.shape))
    size = v.abs().detach()
    at = (size >= 0.999 * size.amax(-2, keepdim=True)).to(torch.int64).argmax(-2, keepdim=True)
    first = v.gather(-2, at)
    return torch.view_as_real(value), torch.view_as_real(v * (first.conj() / first.abs()))


def factorisations():
    for shape in ((3, 3), (2, 3, 5), (5, 3), (1, 1)):
        m = random("lu", *shape)
        case("lu", lu, [m], tarn="lu", second=len(shape) == 2)
        case("lu_parts", lu_parts, [m])
    case("lu", lu, [values(1, 2, 3, 4, 5, 6, 7, 8, 10, 0, 0, 2, 0, 3, 1, 0, 0, 4).reshape(2, 3, 3)], "a column without a pivot", tarn="lu",
         grad=False)
    for name, shape in (("eig", (4, 4)), ("eig of many", (3, 5, 5)), ("eig of two", (6, 2, 2)), ("eig of one", (1, 1))):
        case("eig", eig, [random(name, *shape)], tarn="eig", second=name == "eig")
    case("eig", eig, [values(0, -1, 0, 1, 0, 0, 0, 0, 2).reshape(3, 3) + 0.125 * random("turn", 3, 3)], "nearly a turn", tarn="eig")
    x, one = dominant("square", *DEFINITE), dominant("one", 1, 1)
    for upper in (False, True):
        case("cholesky", lambda x, upper: linalg.cholesky(even(x), upper=upper), [x], tarn=f"cholesky upper={str(upper).lower()}",
             second=True, upper=upper)
    case("cholesky", lambda x: linalg.cholesky(x), [even(x)], "what is above the diagonal is not read", grad=False,
         tarn="cholesky triangle=lower")
    case("eigh", eigh, [x], tarn="eigh", second=True)
    case("eigh", lambda x: tuple(linalg.eigh(x, UPLO="U")), [one], tarn="eigh triangle=upper", grad=False)
    for shape in ((3, 3), (2, 5, 3), (3, 5)):
        case("svd", svd, [dominant("svd", *shape)], tarn="svd", second=True)
        case("qr", lambda x: tuple(linalg.qr(x)), [dominant("qr", *shape)], tarn="qr", second=True)
    case("qr", lambda x: tuple(linalg.qr(x, mode="complete")), [dominant("qr", 5, 3)], tarn="qr complete=true", grad=False)
    case("qr", lambda x: tuple(linalg.qr(x, mode="complete")), [dominant("qr", 3, 5)], tarn="qr complete=true")
    case("qr", lambda x: tuple(linalg.qr(x)), [torch.zeros(3, 2)], "a zero matrix", tarn="qr", grad=False)


def solutions():
    x, b = dominant("square", *DEFINITE), random("right side", 2, 4, 3)
    case("inverse", linalg.inv, [x], tarn="inverse", second=True)
    case("inverse", linalg.inv, [values(0, 1, 0, 0, 0, 2, -4, 0, 0).reshape(3, 3)], "rows change places", tarn="inverse")
    case("solve", linalg.solve, [x, b], tarn="solve", second=True)
    case("solve", linalg.solve, [dominant("one matrix", 3, 3), random("many", 2, 3, 2)], "one matrix for a batch", tarn="solve")
    case("solve_vector", linalg.solve, [dominant("one matrix", 3, 3), random("vector", 3)])
    for upper in (False, True):
        for unit in (False, True):
            case("triangular_solve", lambda a, b, **o: linalg.solve_triangular(a, b, **o), [x, b], "the other side of the diagonal is not read",
                 tarn=f"triangular_solve upper={str(upper).lower()} unit={str(unit).lower()}", second=not unit, upper=upper, unitriangular=unit)
            case("triangular_right", lambda a, b, **o: linalg.solve_triangular(a, b, left=False, **o), [x, b.transpose(-1, -2)], upper=upper,
                 unitriangular=unit)
    case("triangular_solve", lambda a, b: linalg.solve_triangular(a.mT, b, upper=True), [x, b], tarn="triangular_solve transpose=true")
    case("triangular_solve", lambda a, b: linalg.solve_triangular(a, b, upper=False), [values(1, 5, 2, 0).reshape(2, 2), values(1, 4).reshape(2, 1)],
         "0 on the diagonal", tarn="triangular_solve", grad=False)
    for upper in (False, True):
        case("cholesky_solve", lambda b, l, upper: torch.cholesky_solve(b, l.triu() if upper else l.tril(), upper=upper), [b, x], upper=upper)
    case("lstsq", lambda a, b: linalg.lstsq(a, b).solution, [dominant("tall", 5, 3), random("tall b", 5, 2)])
    case("lstsq", lambda a, b: linalg.lstsq(a, b).solution, [dominant("wide", 3, 5), random("wide b", 3, 2)])
    for shape in ((4, 4), (2, 5, 3), (3, 5)):
        case("pinv", linalg.pinv, [dominant("pinv", *shape)])
    case("pinv", lambda x, rtol: linalg.pinv(x, rtol=rtol), [values(3, 0, 0, 2, 0, 0, 0, 0, 0.01).reshape(3, 3)], "small values count as 0",
         rtol=0.1, grad=False)


def leibniz(x):
    """The determinant as a sum over permutations: PyTorch's own gradient at singular matrices depends on whether it is differentiated again."""
    n, total = x.shape[-1], 0
    for order in itertools.permutations(range(n)):
        turns = sum(order[i] > order[j] for i in range(n) for j in range(i, n))
        total = total + (-1)**turns * math.prod(x[..., i, order[i]] for i in range(n))
    return total


def numbers():
    x = dominant("square", *DEFINITE)
    turned = x.flip(-1)
    for m in (x, turned):
        case("det", linalg.det, [m], tarn="det", second=True)
        case("slogdet", lambda x: tuple(linalg.slogdet(x)), [m], tarn="slogdet", second=m is x)
    singular = values(1, 2, 2, 4, 0, 0, 0, 0, 3, 1, 1, 3).reshape(3, 2, 2)
    case("det", leibniz, [singular], "singular ones: the gradient is the cofactors", tarn="det", second=True)
    ranks = [values(1, 2, 3, 2, 4, 6, 1, 0, 1), values(2, 0, 0, 0, 3, 0, 0, 0, 0), values(2, 0, 0, 0, 0, 0, 0, 0, 0), values(*[0] * 9)]
    case("det", leibniz, [torch.stack(ranks).reshape(4, 3, 3)], "ranks 2, 2, 1 and 0", tarn="det", second=True)
    case("slogdet", lambda x: tuple(linalg.slogdet(x)), [singular], "singular ones", tarn="slogdet", grad=False)
    case("det", linalg.det, [torch.zeros(2, 0, 0)], "of nothing", tarn="det", grad=False)
    case("trace", torch.trace, [random("trace", 3, 4)])
    for power in (0, 1, 2, 5, -3):
        case("matrix_power", lambda x, n: linalg.matrix_power(x, n), [dominant("power", 2, 3, 3) / 3], n=power, second=power == 5)
    case("outer", torch.outer, [random("outer a", 3), random("outer b", 4)])
    case("kron", torch.kron, [random("kron a", 2, 3), random("kron b", 3, 2)], second=True)
    case("kron", torch.kron, [random("kron a", 2, 2, 3), random("kron b", 1, 3, 1)])


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for group in (factorisations, solutions, numbers):
        group()
    save(os.path.join(folder, "linalg.safetensors"), os.path.basename(__file__))


main()
