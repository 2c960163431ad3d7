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
    case("logaddexp", torch.logaddexp, [values(-2, 1000, -1000, 3, 0, 88), values(1, 999, -1001, 3, -200, 90)], second=True)
    case("logaddexp", torch.logaddexp, [random("logaddexp a", 2, 1, 3), random("logaddexp b", 4, 1)], "broadcast both ways")
    case("logaddexp", torch.logaddexp, [values(-INF, INF, -INF, INF, INF, NAN), values(0, 0, -INF, INF, -INF, 1)], grad=False)
    odd = values(-2.5, -1, -0.0, 0, 0.75, 3.25, 100.5)
    case("logaddexp2", torch.logaddexp2, [values(-2, 1000, -1000, 3, 0, 88), values(1, 999, -1001, 3, -200, 90)])
    case("frac", torch.frac, [odd])
    case("heaviside", torch.heaviside, [odd, values(0.5)], grad=False)
    pairs = [values(1, NAN, 3, NAN, -0.5, INF, 2), values(2, 0.5, NAN, NAN, -1, 3, 2)]
    for name, call in (("fmax", torch.fmax), ("fmin", torch.fmin)):
        case(name, call, pairs, "a number wins against NaN; of equals the first takes the gradient")
    near = [values(1, 1, 1, INF, INF, -INF, NAN, 0, 100), values(1.009, 1.02, 1, INF, 1, INF, NAN, 1e-4, 101)]
    case("isclose", lambda a, b, rtol, atol: torch.isclose(a, b, rtol, atol), near, grad=False, rtol=0.01, atol=1e-3)
    for name, call in (("addcmul", torch.addcmul), ("addcdiv", torch.addcdiv)):
        case(name, lambda x, a, b, value, call=call: call(x, a, b, value=value), [random("x", 2, 3), random("a", 3), random("b", 2, 1)], value=0.5)
    case("nan_to_num", torch.nan_to_num, [WIDE], nan=2.0, posinf=5.0, neginf=-7.0)
    gammas = values(-3.5, -2.25, -0.5, -1e-3, 1e-3, 0.5, 1.0, 1.25, 1.5, 2.0, 3.0, 7.5, 12.0, 200.0)
    edges = values(-INF, -2.0, -1.0, -0.0, 0.0, 1e6, INF, NAN)
    for name, call in (("lgamma", torch.lgamma), ("digamma", torch.digamma)):
        case(name, call, [gammas], tarn=name)
        case(name, call, [edges], tarn=name, grad=False)
    for n in (1, 2, 3):
        case("polygamma", lambda x, n: torch.polygamma(n, x), [values(0.01, 0.5, 1.0, 2.5, 10.0, 300.0)], tarn=f"polygamma n={n}", n=n)
    case("sinc", torch.sinc, [values(-3.5, -1, -0.25, -1e-3, 0, 1e-6, 0.125, 0.5, 2, 100.25)], tarn="sinc")
    case("copysign", torch.copysign, [values(-2, 2, 0, -3, 3, 1), values(1, -1, -1, 0.0, -0.0, INF)])
    case("copysign", torch.copysign, [values(INF, -INF, NAN, 5), values(-INF, INF, -1, NAN)], grad=False)
    case("copysign", torch.copysign, [random("copysign a", 2, 1, 3), random("copysign b", 4, 1)], "broadcast both ways")
    for name in ("isnan", "isinf", "isfinite"):
        case(name, getattr(torch, name), [WIDE], tarn=name, grad=False)


def basics():
    positive = values(1e-6, 0.5, 0.999, 1.0, 1.001, 8.0, 1000.0)
    for name, call, soft in (("exp", torch.exp, SOFT), ("expm1", torch.expm1, SOFT), ("log", torch.log, positive),
                             ("log1p", torch.log1p, positive), ("sin", torch.sin, SOFT), ("cos", torch.cos, SOFT),
                             ("erf", torch.erf, values(-4, -1, -1e-3, 0, 1e-3, 0.5, 1, 3)), ("neg", torch.neg, SOFT),
                             ("square", torch.square, SOFT), ("reciprocal", torch.reciprocal, positive),
                             ("rsqrt", torch.rsqrt, positive)):
        case(name, call, [soft], tarn=name)
        case(name, call, [WIDE], tarn=name, grad=False)
    for name in ("floor", "ceil", "trunc"):
        case(name, getattr(torch, name), [torch.cat([SOFT, values(-2.5, -0.3, 1.7, INF, NAN)])], tarn=name, grad=False)
    a, b = values(-2, -1, 0, 1, 3, NAN, INF, 0), values(1, -1, 2, 0, 3, NAN, INF, -0.0)
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"):
        case(name, getattr(torch, name), [a, b], tarn=name, grad=False)
    case("logical_not", torch.logical_not, [a], tarn="logical_not", grad=False)
    for name in ("sub", "mul"):
        case(name, getattr(torch, name), [random("basic a", 2, 1, 3), random("basic b", 4, 1)], "broadcast both ways", tarn=name)


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
    x = random("median", 3, 5, 4)
    spoilt = values(1, NAN, 3, 2, 5, -0.5, 0, 1, -INF, INF, 4, 2).reshape(3, 4)
    for dim, keepdim in ((1, False), (-1, True)):
        case("median", lambda x, **o: tuple(torch.median(x, **o)), [x], dim=dim, keepdim=keepdim)
    case("median", lambda x, **o: tuple(torch.median(x, **o)), [spoilt], "a NaN is the middle", grad=False, dim=1)
    modes = ("linear", "lower", "higher", "midpoint", "nearest")
    for how, mode in enumerate(modes):
        case("quantile", lambda x, q, dim, how: torch.quantile(x, q, dim=dim, interpolation=modes[how]), [x], mode, q=0.3, dim=1, how=how)
    for q in (0.0, 0.5, 1.0):
        case("quantile", lambda x, q, dim, keepdim: torch.quantile(x, q, dim=dim, keepdim=keepdim), [x], q=q, dim=-1, keepdim=True)
    case("quantile", lambda x, q, dim: torch.quantile(x, q, dim=dim), [spoilt], "with a NaN", grad=False, q=0.4, dim=0)
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


# ---- shapes and indices -----------------------------------------------------------------------------------------------

def shapes():
    x = random("shapes", 2, 3, 4)
    case("split", lambda x, dim, sizes: torch.split(x, sizes, dim), [x], dim=2, sizes=[1, 3])
    case("split", lambda x, dim, parts: torch.chunk(x, parts, dim), [x], dim=-2, parts=3)
    for dim in (0, 1, -1):
        case("stack", lambda *x, dim: torch.stack(x, dim), [random("stack a", 2, 3), random("stack b", 2, 3)], dim=dim)
    for dims in ([2], [3, 1, 2], [2, 1, 1, 3]):
        case("tile", torch.tile, [x], dims=dims)
    case("repeat_interleave", torch.repeat_interleave, [x], repeats=3, dim=1)
    case("cat", lambda *x, dim: torch.cat(x, dim), [x, random("cat", 2, 1, 4), x], tarn="concat axis=1", dim=1)
    case("expand", lambda x, shape: x.expand(shape), [random("expand", 3, 1)], tarn="expand shape=2,3,4", shape=[2, 3, 4])
    case("permute", torch.permute, [x], tarn="permute axes=2,0,1", dims=[2, 0, 1])
    case("reshape", torch.reshape, [x], tarn="reshape shape=4,-1", shape=[4, -1])
    case("getitem", lambda x: x[:, 1:3, ::2], [x], tarn="slice axes=1,2 start=1,0 end=3,4 step=1,2")
    case("linear", F.linear, [x, random("linear w", 5, 4), random("linear b", 5)], tarn="linear")
    case("flip", torch.flip, [x], tarn="flip axes=0,2", dims=[0, 2])
    case("channel_shuffle", F.channel_shuffle, [random("shuffle", 2, 6, 2, 3)], groups=3)
    case("channel_shuffle", F.channel_shuffle, [random("shuffle", 2, 8, 5, 1)], groups=2)
    one = lambda x, dim: F.one_hot(x.argmax(dim), x.shape[dim]).movedim(-1, dim).to(x.dtype)
    case("hardmax", one, [random("hardmax", 3, 4)], grad=False, dim=1)
    case("hardmax", one, [values(1, 3, 3, 2, -1, -1, 0, 5).reshape(4, 2)], "the first of two", grad=False, dim=0)
    turned = lambda x, n, time, batch: torch.stack([torch.cat([r[:k].flip(0), r[k:]]) for r, k in zip(x.movedim((batch, time), (0, 1)), n)]
                                                   ).movedim((0, 1), (batch, time))
    case("reverse_sequence", turned, [random("turned", 4, 3, 2), torch.tensor([4, 0, 3])], time=0, batch=1)
    case("reverse_sequence", turned, [random("turned", 3, 2, 5), torch.tensor([1, 5, 2])], time=2, batch=0)
    case("cdist", lambda a, b: torch.cdist(a, b, p=INF), [random("cdist a", 2, 4, 3), random("cdist b", 5, 3)], "p is infinite")
    for p in (1.0, 2.0, 3.0):
        case("cdist", torch.cdist, [random("cdist a", 2, 4, 3), random("cdist b", 5, 3)], p=p)
    case("cdist", torch.cdist, [values(1, 2, 3, 4).reshape(2, 2), values(1, 2, 0, 0).reshape(2, 2)], "a distance of 0", p=2.0)
    for shifts in (1, -2, 7):
        case("roll", torch.roll, [x], shifts=shifts, dims=2)
    for source, destination in ((0, 2), (-1, 0), (1, 1), (2, 1)):
        case("movedim", torch.movedim, [x], source=source, destination=destination)
    case("meshgrid", lambda *x: torch.meshgrid(*x, indexing="ij"), [random("grid a", 2), random("grid b", 3), random("grid c", 1)])
    steps = ((None, None, -1), (None, None, -2), (3, None, -2), (3, 0, -1), (2, 1, -3), (0, 0, -1), (1, None, 2), (None, 3, 2))
    for start, end, step in steps:
        limits = {key: v for key, v in (("start", start), ("end", end)) if v is not None}

        def cut(x, dim, step, start=None, end=None):
            return x[:, :, torch.tensor(list(range(x.shape[dim]))[slice(start, end, step)], dtype=torch.int64)]

        case("strided", cut, [x], "as NumPy's x[:, :, start:end:step]", dim=2, step=step, **limits)
    for mode in ("reflect", "replicate", "circular"):
        case("pad", F.pad, [x], pad=[2, 4 if mode == "circular" else 3], mode=mode)
        case("pad", F.pad, [random("pad 4", 1, 2, 3, 4)], pad=[1, 2, 2, 0], mode=mode)
    case("tril", torch.tril, [x], diagonal=1)
    case("triu", torch.triu, [x], diagonal=-1)
    for diagonal in (0, 1, -2):
        case("diag", torch.diag, [random("diag", 3)], diagonal=diagonal)
        case("diag", torch.diag, [random("diag", 3, 4)], diagonal=diagonal)
        case("diagonal", torch.diagonal, [x], tarn=f"diagonal offset={diagonal} axis_a=1 axis_b=2", offset=diagonal, dim1=1, dim2=2)
    case("eye", torch.eye, [], grad=False, n=3, m=4)
    case("linspace", torch.linspace, [], grad=False, start=-1.0, end=2.0, steps=7)
    case("full", torch.full, [], grad=False, size=[2, 3], fill_value=2.5)
    case("arange", torch.arange, [], tarn="arange size=4 start=3 step=-2 dtype=i64", grad=False, start=3, end=-5, step=-2)
    case("unfold", F.unfold, [random("unfold", 2, 3, 5, 6)], kernel_size=[2, 3])
    options = dict(kernel_size=[3, 2], stride=[2, 1], padding=1, dilation=[1, 2])
    case("unfold", F.unfold, [random("unfold", 2, 3, 5, 6)], **options)
    case("fold", F.fold, [random("fold", 2, 18, 18)], output_size=[5, 6], **options)
    case("fold", F.fold, [random("fold", 1, 8, 6)], output_size=[4, 3], kernel_size=[2, 2], stride=[1, 1])


def indices():
    x, index = random("indices", 3, 4), torch.tensor([[0, 2, 2], [3, 1, 0]])
    source = random("source", 2, 3)
    mask = torch.tensor([[True, False, True, False], [False, False, True, True], [True, False, False, False]])
    case("masked_fill", lambda x, m, value: x.masked_fill(m, value), [x, mask], value=-2.5)

    def select(x, mask, bound):
        found = torch.masked_select(x, mask)
        return torch.cat([found, found.new_zeros(bound - len(found))]), torch.tensor(len(found))

    def places(x, bound):
        found = torch.nonzero(x)
        return torch.cat([found, found.new_full((bound - len(found), x.dim()), -1)]), torch.tensor(len(found))

    case("masked_select", select, [x, mask], "what is left of the bound is 0", bound=8)
    case("masked_select", select, [x, mask[:, :1].expand(3, 4).contiguous()], bound=8)
    case("nonzero", places, [mask], grad=False, bound=7)
    case("nonzero", places, [values(0, NAN, 1, -0.0, -INF)], grad=False, bound=3)
    case("one_hot", F.one_hot, [torch.tensor([[0, 2], [1, 3]])], grad=False, num_classes=4)
    case("take_along_dim", lambda x, i, dim: torch.take_along_dim(x, i, dim), [x, torch.tensor([[1], [0], [3]])], dim=1)
    case("take_along_dim", lambda x, i, dim: torch.take_along_dim(x, i, dim), [x, torch.tensor([[2, 0, 0, 1]])], dim=0)
    rows = torch.tensor([2, 0, 2, 1])
    case("index_select", lambda x, i, dim: torch.index_select(x, dim, i), [x, rows], tarn="index_select axis=1", dim=1)
    case("index_add", lambda x, i, s, dim: torch.index_add(x, dim, i, s), [x, rows, random("index_add", 4, 4)],
         tarn="index_add axis=0", dim=0)
    indptr, indices = torch.tensor([0, 0, 3, 3, 5, 8, 8]), torch.tensor([4, 0, 2, 1, 1, 3, 0, 4])

    def product(x, indptr, indices, order, values):
        rows = torch.repeat_interleave(torch.arange(6), indptr[1:] - indptr[:-1])
        matrix = torch.sparse_coo_tensor(torch.stack([rows, indices]), torch.ones(8).double() if values is None else values, (6, 5))
        return torch.sparse.mm(matrix, x)

    case("spmm", product, [random("spmm x", 5, 3), indptr, indices, None, random("spmm v", 8)], tarn="spmm")
    case("spmm", product, [random("spmm x", 5, 3), indptr.int(), indices.int(), None, None], tarn="spmm")
    unique = torch.tensor([[0, 2, 1], [3, 1, 0]])
    case("scatter", lambda x, i, s, dim: x.scatter(dim, i, s), [x, unique, source], tarn="scatter axis=1", dim=1)
    case("scatter_add", lambda x, i, s, dim: x.scatter_add(dim, i, s), [x, index, source], tarn="scatter_add axis=1", dim=1)
    for name, how in (("scatter_max", "amax"), ("scatter_min", "amin")):
        case(name, lambda x, i, s, dim, how=how: x.scatter_reduce(dim, i, s, how), [x, index, source], tarn=f"{name} axis=1", dim=1)
        ties = values(1, 2, 2, 0, 5, 5, 1, 1, 0, 0, 0, 0).reshape(3, 4)
        case(name, lambda x, i, s, dim, how=how: x.scatter_reduce(dim, i, s, how), [ties, index, values(1, 2, 2, 1, 5, 9).reshape(2, 3)],
             "equals share the gradient", tarn=f"{name} axis=1", dim=1)
    zeros = values(1, -2, 0, 0, 5, -5, 0, 1, 0, 3, 0, 0).reshape(3, 4)
    for data, more in ((x, source), (zeros, values(1, 0, 2, 0, 0, 9).reshape(2, 3))):
        case("scatter_mul", lambda x, i, s, dim: x.scatter_reduce(dim, i, s, "prod"), [data, index, more], tarn="scatter_mul axis=1", dim=1)
    whole_coordinates(x)
    for include_self in (True, False):
        case("scatter_mean", lambda x, i, s, dim, include_self: x.scatter_reduce(dim, i, s, "mean", include_self=include_self),
             [x, index, source], dim=1, include_self=include_self)


def whole_coordinates(x):
    """ONNX's GatherND and ScatterND, as PyTorch's indexing by several tensors."""
    pairs, rows = torch.tensor([[[0, 1], [2, -1]], [[-3, 0], [2, 3]]]), torch.tensor([[2], [-1], [0]])
    body = random("gather_nd", 2, 3, 4)
    case("gather_nd", lambda x, i: x[tuple(i.unbind(-1))], [x, pairs], "negative coordinates", tarn="gather_nd")
    case("gather_nd", lambda x, i: x[tuple(i.unbind(-1))], [x, rows], tarn="gather_nd")
    case("gather_nd", lambda x, i: x[tuple(i.unbind(-1))], [body, torch.tensor([[1, 2], [0, 0], [1, 2]]).int()], tarn="gather_nd")
    case("gather_nd", lambda x, i: torch.stack([a[tuple(b.unbind(-1))] for a, b in zip(x, i)]),
         [body, torch.tensor([[[1, 2], [2, -4]], [[0, 0], [-1, 3]]])], tarn="gather_nd batch=1")
    case("gather_nd", lambda x, i: torch.stack([a[tuple(b.unbind(-1))] for a, b in zip(x, i)]),
         [body, torch.tensor([[2], [-3]])], tarn="gather_nd batch=1")
    same = torch.tensor([[0, 1], [2, -1], [0, 1], [-3, 1], [1, 0]])
    for accumulate in (False, True):
        places = torch.tensor([[0, 1], [2, -1], [1, 0]]) if not accumulate else same
        case("scatter_nd", lambda x, i, s, accumulate: torch.index_put(x, tuple(i.unbind(-1)), s, accumulate),
             [x, places, random("scatter_nd", len(places))], tarn=f"scatter_nd how={'add' if accumulate else 'none'}", accumulate=accumulate)
        case("scatter_nd", lambda x, i, s, accumulate: torch.index_put(x, tuple(i.unbind(-1)), s, accumulate),
             [body, torch.tensor([[1], [0]]), random("scatter_nd", 2, 3, 4)], tarn=f"scatter_nd how={'add' if accumulate else 'none'}",
             accumulate=accumulate)
    for how, reduce in (("mul", "prod"), ("max", "amax"), ("min", "amin")):
        def combined(x, i, s, reduce=reduce):
            at = (i % torch.tensor(x.shape)) @ torch.tensor([x.shape[1], 1])
            return x.reshape(-1).scatter_reduce(0, at, s, reduce).reshape(x.shape)
        case("scatter_nd", combined, [x, same, random("scatter_nd of some", 5)], tarn=f"scatter_nd how={how}")


def einsums():
    def einsum(equation, *shapes):
        case("einsum", lambda *x, equation: torch.einsum(equation, *x),
             [random(f"einsum {i} {shape}", *shape) for i, shape in enumerate(shapes)], equation=equation)

    einsum("ij,jk->ik", (2, 3), (3, 4))
    einsum("bij, bjk -> bki", (2, 3, 4), (2, 4, 5))
    einsum("i,j->ij", (3,), (2,))
    einsum("i,i", (3,), (3,))
    einsum("ij->ji", (2, 3))
    einsum("ij->", (2, 3))
    einsum("ij->j", (2, 3))
    einsum("ii", (3, 3))
    einsum("iji->ij", (3, 2, 3))
    einsum("ba", (2, 3))
    einsum("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4))
    einsum("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2))
    einsum("...i,i->...", (2, 3, 4), (4,))
    einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 2))
    einsum("abc,cd,b->ad", (2, 3, 4), (4, 2), (3,))
    einsum("ijk,ijk->i", (2, 3, 4), (2, 3, 4))
    einsum("bn,anm,bm->ba", (2, 3), (5, 3, 4), (2, 4))
    einsum("Ab,bA->A", (2, 3), (3, 2))


# ---- losses -----------------------------------------------------------------------------------------------------------

def losses():
    x, y = torch.cat([random("loss x", 2, 3).reshape(-1) * 2, values(1, -3, 0)]), torch.cat([random("loss y", 2, 3).reshape(-1), values(0, 1, 0)])
    signs = values(1, -1, 1, 1, -1, -1, 1, -1, -1)
    for reduction in ("mean", "sum", "none"):
        def loss(op, call, inputs, note=None, arguments="", **options):
            case(op, call, inputs, note, tarn=f"{op}{arguments} reduction={reduction}", reduction=reduction, **options)

        def constant(call):
            return lambda *inputs, **options: call(*inputs[:-1], inputs[-1].detach(), **options)

        for beta in (1.0, 0.5, 0.0):
            loss("smooth_l1", F.smooth_l1_loss, [x, y], arguments=f" beta={beta}", beta=beta)
        loss("huber", F.huber_loss, [x, y], arguments=" delta=2", delta=2.0)
        loss("hinge_embedding", constant(F.hinge_embedding_loss), [x, signs], arguments=" margin=0.5", margin=0.5)
        loss("soft_margin", constant(F.soft_margin_loss), [x * 5, signs])
        loss("margin_ranking", constant(F.margin_ranking_loss), [x, y, signs], arguments=" margin=0.5", margin=0.5)
        loss("kl_div", F.kl_div, [torch.log_softmax(x.reshape(3, 3), 1), torch.softmax(y.reshape(3, 3), 1)])
        loss("kl_div", F.kl_div, [torch.log_softmax(x.reshape(3, 3), 1), torch.log_softmax(y.reshape(3, 3), 1)],
             arguments=" log_target=true", log_target=True)
        loss("kl_div", constant(F.kl_div), [torch.log_softmax(values(1, 2, 3), 0), values(0, 1, 0)], "0 log 0 is 0")
        counts = values(0, 1, 2, 5, 0, 3, 1, 0, 2)
        for log_input, full in ((True, False), (False, True), (True, True)):
            loss("poisson_nll", constant(F.poisson_nll_loss), [x if log_input else x.abs() + 0.1, counts],
                 arguments=f" log_input={str(log_input).lower()} full={str(full).lower()}", log_input=log_input, full=full)
        loss("gaussian_nll", F.gaussian_nll_loss, [x, y, x.abs() + 0.2])
        loss("gaussian_nll", F.gaussian_nll_loss, [x.reshape(3, 3), y.reshape(3, 3), values(0.5, 1, 2).reshape(3, 1)],
             arguments=" full=true", full=True)
        a, b, c = (random(f"rows {k}", 4, 3) for k in "abc")
        loss("cosine_embedding", constant(F.cosine_embedding_loss), [a, b, signs[:4]], arguments=" margin=0.1", margin=0.1)
        for p, swap in ((2, False), (2, True), (1, False), (3, True)):
            loss("triplet_margin", F.triplet_margin_loss, [a, b, c], arguments=f" p={p} swap={str(swap).lower()} margin=1.5", margin=1.5,
                 p=p, swap=swap)
        classes = torch.tensor([2, 0, 1, 1])
        for p in (1, 2):
            loss("multi_margin", F.multi_margin_loss, [a, classes], arguments=f" p={p}", p=p)
        loss("multi_margin", lambda x, t, w, **o: F.multi_margin_loss(x, t, weight=w.detach(), **o), [a, classes, values(1, 2, 0.5)],
             arguments=" margin=0.5", margin=0.5)

        def focal(x, target, alpha, gamma, reduction):
            """Lin et al. 2017, as torchvision.ops.sigmoid_focal_loss."""
            p = torch.sigmoid(x)
            each = F.binary_cross_entropy_with_logits(x, target, reduction="none") * (1 - p * target - (1 - p) * (1 - target))**gamma
            each = (alpha * target + (1 - alpha) * (1 - target)) * each if alpha >= 0 else each
            return each.mean() if reduction == "mean" else each.sum() if reduction == "sum" else each

        def dice(x, target, smooth, dims, reduction):
            share = (2 * (x * target).sum(dims) + smooth) / (x.sum(dims) + target.sum(dims) + smooth)
            return (1 - share).mean() if reduction == "mean" else (1 - share).sum() if reduction == "sum" else 1 - share

        for alpha, gamma in ((0.25, 2.0), (-1.0, 1.5)):
            loss("focal", focal, [x, (signs + 1) / 2], arguments=f" alpha={alpha} gamma={gamma}", alpha=alpha, gamma=gamma)
        maps, truth = torch.sigmoid(random("dice", 2, 2, 3)), (random("dice truth", 2, 2, 3) > 0).float()
        loss("dice", dice, [maps, truth], arguments=" smooth=0.5 from=2", smooth=0.5, dims=[2])
        loss("dice", dice, [maps, truth], arguments=" smooth=1 from=1", smooth=1.0, dims=[1, 2])


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for group in (functions, basics, bits, activations, reductions, orders, shapes, indices, einsums, losses):
        group()
    save(os.path.join(folder, "vocabulary.safetensors"), os.path.basename(__file__))


main()
