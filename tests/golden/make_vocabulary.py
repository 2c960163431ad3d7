#!/usr/bin/env python3
"""Makes vocabulary.safetensors: what PyTorch gives for the operators that make_ops.py does not look at, and their gradients.

Usage: make_vocabulary.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

Each case names Tarn's operator and its arguments. golden_cases.py says how the file is laid out.
"""
import os
import sys

import torch
from torch.nn import functional as F

from golden_cases import INF, NAN, case, random, save, values

WIDE = values(-INF, -1000.0, -20.5, -6.0, -3.0, -1.0, -0.5, -1e-6, -0.0, 0.0, 1e-6, 0.5, 1.0, 3.0, 6.0, 20.5, 1000.0, INF, NAN)
SOFT = values(-20.5, -20.0, -6.0, -3.0, -2.0, -1.0, -0.5, -1e-3, 0.0, 1e-3, 0.5, 1.0, 2.0, 3.0, 6.0, 20.0, 20.5)


# ---- element-wise -----------------------------------------------------------------------------------------------------

def functions():
    inside, above = values(-0.999, -0.5, -1e-3, 0.0, 1e-3, 0.5, 0.999), values(1.001, 1.5, 2.0, 30.0, 1000.0)
    positive = values(1e-6, 0.5, 0.999, 1.0, 1.001, 8.0, 1000.0)
    for name, call, soft in (("exp2", torch.exp2, SOFT), ("log2", torch.log2, positive), ("log10", torch.log10, positive),
                             ("tan", torch.tan, SOFT), ("asin", torch.asin, inside), ("acos", torch.acos, inside),
                             ("atan", torch.atan, SOFT), ("sinh", torch.sinh, SOFT), ("cosh", torch.cosh, SOFT),
                             ("asinh", torch.asinh, SOFT), ("acosh", torch.acosh, above), ("atanh", torch.atanh, inside),
                             ("erfc", torch.erfc, values(-4, -1, -1e-3, 0, 1e-3, 0.5, 1, 3, 5, 8)),
                             ("erfinv", torch.erfinv, inside)):
        case(name, call, [soft], tarn=name)
        case(name, call, [WIDE], tarn=name, grad=False)
    a, b = values(-2, -1, 0, 1, 3, -0.0, 0.5), values(1, -3, 2, 0, 4, -1, -0.5)
    case("atan2", torch.atan2, [a, b], tarn="atan2")
    case("atan2", torch.atan2, [values(0, -0.0, 0, INF, INF, NAN), values(-1, -1, 0, INF, -INF, 1)], tarn="atan2", grad=False)
    case("hypot", torch.hypot, [a, b], tarn="hypot")
    case("hypot", torch.hypot, [values(1e30, INF, 0, 3), values(1e30, NAN, 0, -4)], tarn="hypot", grad=False)
    case("fmod", torch.fmod, [values(-7.5, 7.5, 5, -1), values(2, 2, -3, 3)], tarn="fmod")
    case("remainder", torch.remainder, [values(-7.5, 7.5, 5, -1), values(2, 2, -3, 3)], tarn="remainder")
    case("floor_divide", torch.floor_divide, [values(0.9, 1, 6, -6, 1, INF, 1, -1), values(0.1, 0.1, 0.2, 0.2, 0, 1, INF, INF)],
         "by way of the rest, which is exact", tarn="floor_div", grad=False)
    case("lerp", torch.lerp, [random("lerp a", 2, 3), random("lerp b", 3), values(0.0, 0.5, 1.0)], tarn="lerp")
    case("xlogy", torch.xlogy, [values(0, 0, 0, 2, -1, 0.5), values(2, 0, -1, 3, 0.5, 1)], tarn="xlogy")
    case("xlogy", torch.xlogy, [values(0, 0, 0, 1, 2), values(NAN, INF, 0, 0, -1)], tarn="xlogy", grad=False)
    case("logit", torch.logit, [values(1e-6, 0.1, 0.5, 0.75, 0.999)], tarn="logit")
    case("logit", torch.logit, [values(0, 0.1, 0.25, 0.5, 0.75, 1)], "at the limits the gradient passes", tarn="logit eps=0.25", eps=0.25)
    for name in ("isnan", "isinf", "isfinite"):
        case(name, getattr(torch, name), [WIDE], tarn=name, grad=False)


def bits():
    a, b = torch.tensor([-7, 12, 0, 255, -1, 1 << 40]), torch.tensor([3, 10, -1, 15, 7, 1 << 40])
    for dtype in (torch.int64, torch.int32, torch.uint8):
        x, y = a.to(dtype), b.to(dtype)
        case("bitwise_and", torch.bitwise_and, [x, y], tarn="bit_and", grad=False)
        case("bitwise_or", torch.bitwise_or, [x, y], tarn="bit_or", grad=False)
        case("bitwise_xor", torch.bitwise_xor, [x, y], tarn="bit_xor", grad=False)
        case("bitwise_not", torch.bitwise_not, [x], tarn="bit_not", grad=False)
        places = torch.tensor([0, 1, 3, 7, 2, 5]).to(dtype)
        case("bitwise_left_shift", torch.bitwise_left_shift, [x, places], tarn="shift_left", grad=False)
        case("bitwise_right_shift", torch.bitwise_right_shift, [x, places], tarn="shift_right", grad=False)


def activations():
    for name, call in (("relu6", F.relu6), ("hardsigmoid", F.hardsigmoid), ("hardswish", F.hardswish), ("selu", F.selu),
                       ("mish", F.mish), ("softsign", F.softsign), ("log_sigmoid", F.logsigmoid), ("tanhshrink", F.tanhshrink)):
        case(name, call, [SOFT], tarn=name)
        case(name, call, [random(name, 3, 5) * 3], tarn=name, second=name in ("selu", "softsign", "log_sigmoid"))
        case(name, call, [WIDE], tarn=name, grad=False)
    case("hardtanh", F.hardtanh, [SOFT], "no gradient at the limits", tarn="hardtanh")
    case("hardtanh", F.hardtanh, [SOFT], tarn="hardtanh min=-0.5 max=3", min_val=-0.5, max_val=3.0)
    for alpha in (1.0, 0.5):
        case("celu", F.celu, [SOFT], tarn=f"celu alpha={alpha}", alpha=alpha)
    for lambd in (0.5, 2.0):
        case("softshrink", F.softshrink, [SOFT], tarn=f"softshrink lambda={lambd}", lambd=lambd)
        case("hardshrink", F.hardshrink, [SOFT], tarn=f"hardshrink lambda={lambd}", lambd=lambd)
    case("threshold", F.threshold, [SOFT], tarn="threshold threshold=0.5 value=-1", threshold=0.5, value=-1.0)
    case("prelu", F.prelu, [SOFT, values(0.25)], "at 0 the slope holds", tarn="prelu")
    case("prelu", F.prelu, [random("prelu", 2, 3, 4), values(0.25, -1, 0.5)], tarn="prelu")
    case("glu", F.glu, [random("glu", 3, 4)], tarn="glu", second=True)
    case("glu", F.glu, [random("glu", 4, 3)], tarn="glu axis=0", dim=0)
    case("swiglu", lambda x: x.chunk(2, -1)[0] * F.silu(x.chunk(2, -1)[1]), [random("glu", 3, 4)], tarn="swiglu")
    case("geglu", lambda x: x.chunk(2, -1)[0] * F.gelu(x.chunk(2, -1)[1]), [random("glu", 3, 4)], tarn="geglu")


# ---- reductions -------------------------------------------------------------------------------------------------------

def reductions():
    x, ties, holes = random("reduce", 2, 3, 4), values(1, 3, 3, 2, -3, 0, 0, 1).reshape(2, 4), values(2, 0, 3, 0, 0, 5, 1, -2, 4).reshape(3, 3)
    case("prod", torch.prod, [x], tarn="prod axes=1", dim=1)
    case("prod", torch.prod, [holes], "none, one and two zeros", tarn="prod axes=1", second=True, dim=1)
    case("prod", lambda x: torch.prod(x), [x], tarn="prod")
    case("prod", torch.prod, [torch.tensor([[1, 2], [3, 4]], dtype=torch.int32)], "in i64", tarn="prod axes=0", grad=False, dim=0)
    for correction in (0, 1):
        case("std", torch.std, [x], tarn=f"std axes=0,2 correction={correction}", dim=[0, 2], correction=correction)
    case("std", torch.std, [x], tarn="std axes=-1 keepdim=true", dim=-1, keepdim=True)
    for p in (0, 1, 1.5, 2, 3, INF):
        name = "inf" if p == INF else p
        case("vector_norm", lambda x, p=p: torch.linalg.vector_norm(x, p, (0, 2)), [x], tarn=f"norm p={name} axes=0,2")
        case("vector_norm", lambda x, p=p: torch.linalg.vector_norm(x, p), [ties], "with zeros", tarn=f"norm p={name}")
    case("vector_norm", lambda x: torch.linalg.vector_norm(x, 2, 1), [torch.zeros(2, 3)], "the gradient at 0 is 0", tarn="norm axes=1")
    case("logsumexp", torch.logsumexp, [x], tarn="logsumexp axes=0,2 keepdim=true", dim=[0, 2], keepdim=True, second=True)
    case("logsumexp", torch.logsumexp, [values(INF, 1, -INF, -INF, NAN, 0).reshape(3, 2)], tarn="logsumexp axes=1", dim=[1], grad=False)
    for name in ("any", "all"):
        for data in (ties, values(NAN, 0, 0, 0).reshape(2, 2), torch.tensor([[0, 0], [1, 2]]), torch.zeros(0, 2)):
            case(name, getattr(torch, name), [data], tarn=f"{name} axes=0", grad=False, dim=0)
    case("max_along", lambda x, dim: tuple(torch.max(x, dim)), [x], dim=1)
    case("min_along", lambda x, dim, keepdim: tuple(torch.min(x, dim, keepdim)), [ties], dim=1, keepdim=True)
    case("min_along", lambda x, dim: tuple(torch.min(x, dim)), [x], dim=-1)


def orders():
    x, ties = random("sort", 3, 4), values(1, NAN, 3, 2, 3, -0.0, 0, 1, -INF, INF, NAN, 2).reshape(3, 4)
    for descending in (False, True):
        case("sort", lambda x, **o: tuple(torch.sort(x, stable=True, **o)), [x], tarn=f"sort axis=0 descending={str(descending).lower()}",
             dim=0, descending=descending)
        case("sort", lambda x, **o: tuple(torch.sort(x, stable=True, **o)), [ties], "NaN is the largest; equals keep their order",
             tarn=f"sort axis=1 descending={str(descending).lower()}", dim=1, descending=descending, grad=False)
        case("topk", lambda x, **o: tuple(torch.topk(x, **o)), [x], tarn=f"topk axis=1 k=2 largest={str(descending).lower()}", k=2, dim=1,
             largest=descending)
    for name, call in (("cumsum", torch.cumsum), ("cumprod", torch.cumprod)):
        case(name, call, [x], tarn=f"{name} axis=1", second=True, dim=1)
        case(name, call, [values(2, 0, 3, 0, 5)], "zeros", tarn=name, dim=0)
        case(name, call, [torch.tensor([3, 200, -2], dtype=torch.int32)], "in i64", tarn=name, grad=False, dim=0)


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for group in (functions, bits, activations, reductions, orders):
        group()
    save(os.path.join(folder, "vocabulary.safetensors"), os.path.basename(__file__))


main()
