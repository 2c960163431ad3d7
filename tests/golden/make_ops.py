#!/usr/bin/env python3
"""Makes ops.safetensors: what PyTorch's operators give, and their gradients, in cases where the meaning is easily missed.

Usage: make_ops.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

golden_cases.py says how the file is laid out.
"""
import os
import sys

import torch
from torch.nn import functional as F

from golden_cases import INF, NAN, case, random, save, values


# ---- convolution and pooling ------------------------------------------------------------------------------------------

def convolutions():
    def conv(x_shape, w_shape, bias, note=None, **options):
        name = f"conv {x_shape} {w_shape}"
        case("conv2d", F.conv2d, [random(name + " x", *x_shape), random(name + " w", *w_shape),
                                  random(name + " b", w_shape[0]) if bias else None], note, **options)

    conv((2, 3, 7, 6), (4, 3, 3, 3), True)
    conv((2, 3, 7, 6), (4, 3, 3, 3), True, stride=[2, 2], padding=[1, 1])
    conv((1, 2, 6, 8), (3, 2, 3, 3), False, stride=[2, 1], padding=[0, 2], dilation=[1, 2])
    conv((2, 4, 5, 5), (6, 2, 3, 3), True, padding=[1, 1], groups=2)
    conv((2, 4, 6, 6), (8, 1, 3, 3), True, "depthwise, two outputs per input", stride=[2, 2], padding=[1, 1], groups=4)
    conv((2, 5, 4, 3), (7, 5, 1, 1), False, "1x1")
    conv((1, 2, 8, 8), (2, 2, 5, 3), True, "same size by padding", padding=[4, 2], dilation=[2, 2])
    conv((3, 2, 4, 5), (3, 2, 4, 5), True, "the kernel covers the input")
    conv((1, 1, 3, 3), (2, 1, 3, 3), True, "padding as large as the kernel: some outputs are the bias alone", padding=[3, 3])
    conv((1, 2, 7, 7), (2, 2, 2, 2), True, "a stride larger than the kernel: some inputs have no gradient", stride=[3, 3])
    conv((2, 3, 9, 9), (4, 3, 3, 3), True, "rows and columns left over at the far edge", stride=[4, 4], padding=[1, 1])
    conv((2, 3, 7, 5), (4, 3, 3, 5), True, "the kernel covers whole rows", stride=[2, 3], padding=[1, 0])
    conv((3, 1, 6, 8), (5, 1, 2, 8), False, "whole rows of one channel, apart", dilation=[2, 1])
    conv((2, 3, 4, 5), (4, 3, 2, 5), True, "whole rows with a column of padding on each side", padding=[0, 1])
    conv((2, 6, 5, 4), (4, 3, 2, 3), True, "all at once", stride=[1, 2], padding=[2, 1], dilation=[2, 1], groups=2)


def max_pools():
    def pool(x, note=None, **options):
        case("max_pool2d", F.max_pool2d, [x], note, **options)

    pool(random("pool a", 2, 3, 6, 4), kernel_size=[2, 2])
    pool(random("pool b", 2, 2, 7, 6), kernel_size=[3, 3], stride=[2, 2], padding=[1, 1])
    pool(random("pool c", 1, 2, 5, 7), kernel_size=[2, 2], stride=[2, 2], ceil_mode=True)
    pool(random("pool d", 1, 2, 7, 7), kernel_size=[3, 3], stride=[1, 1], dilation=[2, 2])
    pool(random("pool e", 1, 1, 6, 5), kernel_size=[3, 2], stride=[2, 1], padding=[1, 0], ceil_mode=True)
    pool(-1 - random("pool f", 1, 2, 4, 4).abs(), "padding is minus infinity, not zero", kernel_size=[3, 3], stride=[2, 2],
         padding=[1, 1])
    pool(torch.ones(1, 1, 4, 4), "of equals the first in row-major order takes the gradient", kernel_size=[3, 3], stride=[1, 1])
    pool(random("pool g", 1, 1, 5, 5), "in ceil mode no window starts in the far padding", kernel_size=[2, 2], stride=[3, 3],
         padding=[1, 1], ceil_mode=True)
    x = random("pool h", 1, 1, 4, 4)
    x[0, 0, 1, 2] = NAN
    x[0, 0, 3, 0] = -INF
    pool(x, "a NaN in a window is its maximum", kernel_size=[2, 2])


def average_pools():
    def pool(x, note=None, **options):
        case("avg_pool2d", F.avg_pool2d, [x], note, **options)

    pool(random("avg a", 2, 3, 6, 4), kernel_size=[2, 2])
    pool(random("avg b", 2, 2, 7, 6), "padding counts", kernel_size=[3, 3], stride=[2, 2], padding=[1, 1])
    pool(random("avg b", 2, 2, 7, 6), "padding does not count", kernel_size=[3, 3], stride=[2, 2], padding=[1, 1],
         count_include_pad=False)
    pool(random("avg c", 1, 2, 5, 7), "what ceil mode adds beyond the padding never counts", kernel_size=[2, 2], stride=[2, 2],
         ceil_mode=True)
    pool(random("avg d", 1, 2, 6, 6), kernel_size=[3, 3], stride=[2, 2], padding=[1, 1], ceil_mode=True)
    pool(random("avg d", 1, 2, 6, 6), kernel_size=[3, 3], stride=[2, 2], padding=[1, 1], ceil_mode=True,
         count_include_pad=False)
    pool(random("avg e", 1, 1, 4, 5), kernel_size=[2, 3], stride=[1, 2], padding=[1, 1], divisor_override=5)
    pool(random("avg f", 1, 1, 5, 5), kernel_size=[2, 2], stride=[3, 3], padding=[1, 1], ceil_mode=True)


# ---- normalisation ----------------------------------------------------------------------------------------------------

def batch_norm(x, weight, bias, mean, var, training, momentum, eps):
    """Outputs: y, and when training the running statistics afterwards (the variance is the unbiased one)."""
    mean, var = mean.detach().clone(), var.detach().clone()
    y = F.batch_norm(x, mean, var, weight, bias, training, momentum, eps)
    return (y, mean, var) if training else y


def norms():
    def norm(shape, note=None, affine=True, **options):
        c, name = shape[1], f"norm {shape}"
        options = dict(dict(training=True, momentum=0.1, eps=1e-5), **options)
        case("batch_norm", batch_norm,
             [random(name + " x", *shape) * 2 + 1, 1 + 0.3 * random(name + " w", c) if affine else None,
              random(name + " b", c) if affine else None, random(name + " m", c), random(name + " v", c).abs() + 0.5], note,
             second=True, **options)

    norm((4, 3, 3, 2), "out1 and out2 are the running mean and variance after the step")
    norm((4, 3, 3, 2), "statistics are constants", training=False)
    norm((6, 5))
    norm((3, 2, 4), affine=False, momentum=0.3, eps=1e-3)
    norm((1, 2, 3, 3), "one sample, its pixels are the batch", momentum=1.0)
    norm((6, 5), training=False, affine=False, eps=0.5)


# ---- element-wise -----------------------------------------------------------------------------------------------------

HARD = values(-INF, -1000.0, -100.0, -20.5, -20.0, -6.0, -3.0, -1.0, -0.5, -1e-8, -0.0, 0.0, 1e-8, 0.5, 1.0, 3.0, 6.0, 20.0,
              20.5, 100.0, 1000.0, INF)
SOFT = HARD[1:-1]


def activations():
    for op, call in {"relu": F.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "silu": F.silu,
                     "log_sigmoid": F.logsigmoid}.items():
        case(op, call, [SOFT], "at 0 relu's gradient is 0" if op == "relu" else None)
        case(op, call, [torch.cat([HARD, values(NAN)])], grad=False)
    for approximate in ("none", "tanh"):
        case("gelu", F.gelu, [SOFT], approximate=approximate)
        case("gelu", F.gelu, [random("gelu", 3, 5) * 2], approximate=approximate)
    for options in ({}, {"beta": 2.0}, {"beta": 0.5, "threshold": 3.0}):
        case("softplus", F.softplus, [SOFT], "linear where x * beta > threshold (1 and 20)", **options)
    for options in ({}, {"alpha": 0.3}, {"alpha": 2.0}):
        case("elu", F.elu, [SOFT], **options)
    for options in ({}, {"negative_slope": 0.2}, {"negative_slope": 0.0}):
        case("leaky_relu", F.leaky_relu, [SOFT], "the slope holds at 0 too, and is 0.01", **options)


def arithmetic():
    a, b = values(-7.5, -7, -1, 0, 1, 7, 7.5, 5), values(2, -2, 3, 3, -3, 2, -2.5, -5)
    case("remainder", torch.remainder, [a, b], "the sign is the divisor's", grad=False)
    case("fmod", torch.fmod, [a, b], "the sign is the dividend's", grad=False)
    case("floor_divide", torch.floor_divide, [a, b], grad=False)
    ints, divisors = torch.tensor([-7, -7, 7, 7, 0, 6]), torch.tensor([2, -2, 2, -2, 3, 3])
    case("remainder", torch.remainder, [ints, divisors], grad=False)
    case("floor_divide", torch.floor_divide, [ints, divisors], grad=False)
    case("round", torch.round, [values(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999999, 0.49999997)], "halves go to even", grad=False)
    case("pow", torch.pow, [values(-2, -2, 2, 0.5, 3, 1), values(3, 2, 0.5, -1, 0, 5)],
         "the exponent's gradient is not a number where the base is negative")
    case("pow", torch.pow, [values(0, 0, 0, 4), values(0, 2, 3, 0.5)], "0 to the 0 is 1, and its gradients are 0")
    case("sqrt", torch.sqrt, [values(0, 1e-10, 4, INF)], "the gradient at 0 is infinite")
    case("abs", torch.abs, [values(-2, -0.0, 0, 3)], "the gradient at 0 is 0")
    case("sign", torch.sign, [values(-2, -0.0, 0, 3, NAN, INF)], grad=False)
    case("maximum", torch.maximum, [values(1, 2, 2, -0.0, 5), values(2, 1, 2, 0.0, 5)], "equals share the gradient")
    case("minimum", torch.minimum, [values(1, 2, 2, -0.0, 5), values(2, 1, 2, 0.0, 5)], "equals share the gradient")
    case("maximum", torch.maximum, [values(NAN, 1, NAN), values(1, NAN, NAN)], "NaN wins", grad=False)
    case("minimum", torch.minimum, [values(NAN, 1, NAN), values(1, NAN, NAN)], "NaN wins", grad=False)
    case("clamp", torch.clamp, [values(-3, -1, -0.5, 0.5, 1, 3)], "the bounds themselves let the gradient through", min=-1.0,
         max=1.0)
    case("where", lambda c, x, y: torch.where(c, x, y),
         [torch.tensor([[True], [False]]), random("where x", 2, 3), random("where y", 3)])
    half = values(1.00390625, 1.01171875, 3.3895e38, 1e-40, 65504, 65519.9, 65520, 1e-8, 5.960464e-8, 2.9e-8, NAN, -INF, -0.0)
    case("cast", lambda x, dtype: x.to(torch.float32).to(getattr(torch, dtype)), [half], "to nearest, ties to even", grad=False,
         dtype="bfloat16")
    case("cast", lambda x, dtype: x.to(torch.float32).to(getattr(torch, dtype)), [half], "to nearest, ties to even", grad=False,
         dtype="float16")
    case("cast", lambda x, dtype: x.to(getattr(torch, dtype)), [values(-2.9, -0.5, 0.5, 2.9, 100.99)], "towards zero",
         grad=False, dtype="int32")
    case("cast", lambda x, dtype: x.to(getattr(torch, dtype)), [values(0, -0.0, 0.1, NAN, -3)], "all but 0 is true", grad=False,
         dtype="bool")


# ---- reductions and shapes --------------------------------------------------------------------------------------------

def reductions():
    ties = values(1, 3, 3, 2, 3, 0, 0, 1).reshape(2, 4)
    for op in ("argmax", "argmin"):
        call = getattr(torch, op)
        case(op, call, [ties], "the first of equals", grad=False, dim=1)
        case(op, call, [ties], grad=False, dim=0, keepdim=True)
        case(op, lambda x: call(x), [ties], "over all, row-major", grad=False)
        case(op, call, [values(1, NAN, 5, NAN).reshape(1, 4)], "the first NaN", grad=False, dim=1)
    case("amax", torch.amax, [ties], "equals share the gradient evenly", dim=[1])
    case("amax", torch.amax, [ties], dim=[0, 1])
    case("amin", torch.amin, [ties], dim=[0], keepdim=True)
    case("max_along", lambda x, dim: tuple(torch.max(x, dim)), [ties], "with an index: only that element takes the gradient",
         dim=1)
    x = random("reduce", 2, 3, 4)
    case("sum", torch.sum, [x], dim=[0, 2])
    case("sum", torch.sum, [x], dim=[-1], keepdim=True)
    case("mean", torch.mean, [x], dim=[1])
    case("mean", torch.mean, [x], dim=[0, 1, 2])
    case("var", torch.var, [x], "divided by n - 1", dim=[0, 2], correction=1)
    case("var", torch.var, [x], "divided by n", dim=[0, 2], correction=0)
    case("prod", torch.prod, [values(2, 0, 3, 4, 5, 6).reshape(2, 3)], "one zero: only its gradient is not 0", dim=1)
    case("logsumexp", torch.logsumexp, [values(1000, 1000, -INF, 0, -1000, -INF).reshape(2, 3)], dim=[1])


def shapes():
    x = random("pad", 2, 3, 4)
    case("pad", F.pad, [x], "pairs from the last dimension backwards", pad=[1, 2, 0, 1], mode="constant", value=0.5)
    case("pad", F.pad, [x], "negative amounts crop", pad=[-1, 1, 1, -2], mode="constant", value=0.0)
    case("pad", F.pad, [x], "mirrored without the edge", pad=[3, 2], mode="reflect")
    case("pad", F.pad, [x], "the edge repeated", pad=[3, 1], mode="replicate")
    index = torch.tensor([[0, 0, 2, 1], [2, 2, 2, 0]])
    case("gather", lambda x, i, dim: torch.gather(x, dim, i), [random("gather", 2, 3), index], "repeated: gradients add up",
         dim=1)
    case("gather", lambda x, i, dim: torch.gather(x, dim, i), [random("gather", 3, 5), index],
         "the index may be smaller than the input in other dimensions", dim=0)
    for left, right in (((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 1, 2, 3), (4, 3, 2)),
                        ((2, 3, 4), (4,)), ((3,), (2, 3, 4)), ((2, 0), (0, 3)), ((1, 2, 3), (5, 3, 1)), ((4, 1), (1, 4))):
        case("matmul", torch.matmul, [random(f"matmul {left}", *left), random(f"matmul {right}", *right)])
    case("add", lambda x, y: x + y, [random("add x", 2, 1, 3), random("add y", 4, 1)], "broadcast both ways")
    case("div", lambda x, y: x / y, [values(1, -1, 0, 4), values(0, 0, 0, -0.0)], grad=False)


# ---- softmax and losses -----------------------------------------------------------------------------------------------

def softmaxes():
    for op, call in {"softmax": F.softmax, "log_softmax": F.log_softmax}.items():
        case(op, call, [random("softmax", 2, 3, 4) * 3], dim=-1)
        case(op, call, [random("softmax", 2, 3, 4) * 3], dim=1)
        case(op, call, [random("softmax", 2, 3, 4) * 3], dim=0)
        case(op, call, [values(1000, 1000.5, -1000, 0, 0, 88.9).reshape(2, 3)], "large values do not overflow", dim=1)
        case(op, call, [values(1, -INF, 2, 0, -INF, -INF).reshape(2, 3)], "minus infinity is a share of 0", dim=1, grad=False)


def cross_entropies():
    x, target, weight = random("ce", 5, 4) * 2, torch.tensor([3, 0, 2, 2, 1]), values(0.5, 2.0, 1.0, 0.25)

    def call(x, target, weight=None, **options):
        return F.cross_entropy(x, target.detach(), None if weight is None else weight.detach(), **options)

    for reduction in ("mean", "sum", "none"):
        case("cross_entropy", call, [x, target], reduction=reduction)
        case("cross_entropy", call, [x, target, weight], "the mean is divided by the sum of the weights of the targets",
             reduction=reduction)
        case("cross_entropy", call, [x, target], reduction=reduction, label_smoothing=0.1)
        case("cross_entropy", call, [x, target, weight], reduction=reduction, label_smoothing=0.2)
    some = torch.tensor([3, -100, 2, -100, 1])
    case("cross_entropy", call, [x, some], "-100 is left out, of the mean's count too")
    case("cross_entropy", call, [x, target], ignore_index=2)
    case("cross_entropy", call, [x, target, weight], ignore_index=2, label_smoothing=0.1)
    case("cross_entropy", call, [x, some], reduction="none", label_smoothing=0.1)
    case("cross_entropy", call, [x, torch.full((5,), -100)], "nothing left: the mean is 0/0", grad=False)
    case("cross_entropy", call, [x, torch.full((5,), -100)], reduction="sum")
    case("cross_entropy", call, [random("ce 2d", 2, 3, 2, 2), torch.tensor([[[0, 1], [2, 0]], [[1, 1], [2, -100]]])],
         "classes are dimension 1")
    shares = torch.softmax(random("ce p", 5, 4), 1)
    case("cross_entropy", call, [x, shares], "shares of classes as the target")
    case("cross_entropy", call, [x, shares, weight], "shares: the mean is divided by the rows, weights or not",
         label_smoothing=0.1)
    case("cross_entropy", call, [values(100, -100, 0, 1000, 0, 0).reshape(2, 3), torch.tensor([1, 0])], "far apart")
    logs = torch.log_softmax(x, 1)

    def nll(x, target, weight=None, **options):
        return F.nll_loss(x, target, None if weight is None else weight.detach(), **options)

    case("nll_loss", nll, [logs, target])
    case("nll_loss", nll, [logs, some, weight])
    case("nll_loss", nll, [logs, some, weight], reduction="sum")


def other_losses():
    x, y = values(-200, -20, -1, 0, 0.5, 3, 30, 200), values(0, 1, 0.3, 0, 1, 1, 0, 1)

    def bce_with_logits(x, y, weight, pos_weight, reduction="mean"):
        def constant(t):
            return t if t is None else t.detach()
        return F.binary_cross_entropy_with_logits(x, y.detach(), constant(weight), reduction=reduction,
                                                  pos_weight=constant(pos_weight))

    def call(x, y, weight=None, pos_weight=None, reduction="mean"):
        case("bce_with_logits", bce_with_logits, [x, y, weight, pos_weight], "in1 target, in2 weight, in3 pos_weight",
             reduction=reduction)

    call(x, y)
    call(x, y, reduction="sum")
    call(x, y, reduction="none")
    call(x, y, weight=values(1, 2, 3, 4, 0, 1, 2, 0.5))
    call(x, y, pos_weight=values(3.0))
    matrix = random("bce", 3, 4) * 3
    call(matrix, (random("bce y", 3, 4) > 0).float(), pos_weight=values(1, 2, 0.5, 3))
    call(matrix, (random("bce y", 3, 4) > 0).float(), weight=random("bce w", 3, 4).abs(), pos_weight=values(1, 2, 0.5, 3),
         reduction="none")

    def bce(p, y, reduction="mean"):
        return F.binary_cross_entropy(p, y.detach(), reduction=reduction)

    case("bce", bce, [values(0.1, 0.5, 0.9, 0.999), values(0, 1, 0.25, 1)])
    case("bce", bce, [values(0, 1, 0, 1), values(1, 0, 0, 1)], "logarithms are cut at -100", grad=False, reduction="none")
    a, b = values(-1, 0, 2, 2), values(1, 0, 2, -3)
    for reduction in ("mean", "sum", "none"):
        case("mse_loss", F.mse_loss, [a, b], reduction=reduction)
        case("l1_loss", F.l1_loss, [a, b], "the gradient where both are equal is 0", reduction=reduction)
    case("huber_loss", F.huber_loss, [values(-3, -1, 0.2, 1, 5), values(0, 0, 0, 0, 0)], delta=1.0)


# ---- gradients as a whole, schedules ----------------------------------------------------------------------------------

def clipping():
    """in0.. are gradients; out0.. what is left; the last output is the norm before."""
    def by_norm(*grads, max_norm, norm_type=2.0):
        parameters = [torch.zeros_like(g).requires_grad_() for g in grads]
        for p, g in zip(parameters, grads):
            p.grad = g.detach().clone()
        norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm, norm_type)
        return tuple(p.grad for p in parameters) + (norm,)

    grads = [random("clip a", 2, 3), random("clip b", 4), random("clip c", 1)]
    case("clip_grad_norm", by_norm, grads, "scaled by max_norm / (norm + 1e-6)", grad=False, max_norm=1.0)
    case("clip_grad_norm", by_norm, grads, "below the limit nothing changes", grad=False, max_norm=100.0)
    case("clip_grad_norm", by_norm, grads, grad=False, max_norm=0.5, norm_type=1.0)


def schedules():
    """out0: the learning rate that each of 30 steps uses, from 0.1 on. One scheduler step follows each optimizer step."""
    def rates(kind, **options):
        parameter = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.SGD([parameter], lr=0.1)
        scheduler = getattr(torch.optim.lr_scheduler, kind)(optimizer, **options)
        got = []
        for _ in range(30):
            got.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return torch.tensor(got, dtype=torch.float64)

    def plateau(metric, **options):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        got = []
        for m in metric.tolist():
            got.append(optimizer.param_groups[0]["lr"])
            scheduler.step(m)
        return torch.tensor(got, dtype=torch.float64)

    for kind, options in (("StepLR", dict(step_size=7, gamma=0.5)), ("MultiStepLR", dict(milestones=[5, 6, 20], gamma=0.1)),
                          ("ExponentialLR", dict(gamma=0.9)), ("CosineAnnealingLR", dict(T_max=25, eta_min=0.001)),
                          ("LinearLR", dict(start_factor=0.25, end_factor=1.0, total_iters=8)),
                          ("ConstantLR", dict(factor=0.5, total_iters=4))):
        case("schedule", lambda **o: rates(**o), [], grad=False, kind=kind, **options)
    metric = values(1, 0.9, 0.8, 0.8, 0.8, 0.8, 0.79999, 0.8, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.6, NAN, NAN, NAN, 0.5)
    case("plateau", plateau, [metric], "in0: the metric after each epoch; out0: the rate during it", grad=False, mode="min",
         factor=0.5, patience=2, threshold=1e-4, cooldown=0, min_lr=0.0)
    case("plateau", plateau, [2 - metric[:16]], grad=False, mode="max", factor=0.1, patience=1, threshold=0.01, cooldown=2,
         min_lr=0.002)


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for group in (convolutions, max_pools, average_pools, norms, activations, arithmetic, reductions, shapes, softmaxes,
                  cross_entropies, other_losses, clipping, schedules):
        group()
    save(os.path.join(folder, "ops.safetensors"), os.path.basename(__file__))


main()
