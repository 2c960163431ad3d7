"""Cases of operators as PyTorch runs them, for make_ops.py and make_vocabulary.py.

Every case has a name OP.K. Its tensors are
    OP.K.in0 in1 ...    inputs, in the order of the operator's signature
    OP.K.out0 ...       outputs
    OP.K.gout0 ...      the gradient that comes in at each floating output
    OP.K.gin0 ...       the gradient of sum(out * gout) in each floating input; absent where PyTorch defines none
and the metadata's entry OP.K is a JSON object of its options, under PyTorch's names, with "note" where there is more to
say. batch_norm has second gradients too: with s = sum_i gin_i * v_i, ggin_i is the gradient of s in input i, ggout0 in gout0.

Inputs are float32 (unless their dtype is the point); PyTorch computes in float64 and the results are rounded to float32,
so that a difference is the other side's. What scripts compute themselves must be float64 too: cases run in float64 as well.
"""
import json
import os
import zlib

import torch

from golden_file import save_file

TENSORS, NOTES, COUNT = {}, {}, {}
INF, NAN = float("inf"), float("nan")


def random(name, *shape):
    """Normal numbers that depend on the name alone, so that a new case moves no other."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{name} {shape}".encode()))
    return torch.randn(shape, generator=generator)


def values(*list_of):
    return torch.tensor(list_of, dtype=torch.float32)


def keep(name, tensor):
    tensor = tensor.detach()
    TENSORS[name] = (tensor.to(torch.float32) if tensor.dtype == torch.float64 else tensor).contiguous().clone()


def case(op, call, inputs, note=None, second=False, grad=True, tarn=None, **options):
    """Runs call(*inputs, **options) and keeps everything. Inputs may be None (absent) or integers (no gradient). `tarn` is
    the operator of Tarn with its arguments, "clamp min=-1 max=1"; without it the test has code of its own for `op`."""
    k = COUNT[op] = COUNT.get(op, -1) + 1
    name = f"{op}.{k}"
    NOTES[name] = json.dumps(dict(options, **({"note": note} if note else {}), **({"tarn": tarn} if tarn else {})))
    leaves = [x.double().requires_grad_(grad) if x is not None and x.is_floating_point() else x for x in inputs]
    outs = call(*leaves, **options)
    outs = outs if isinstance(outs, tuple) else (outs,)
    for i, x in enumerate(inputs):
        if x is not None:
            keep(f"{name}.in{i}", x)
    for i, y in enumerate(outs):
        keep(f"{name}.out{i}", y)
    if not grad:
        return
    wanted = [i for i, x in enumerate(leaves) if x is not None and x.is_floating_point()]
    through = [i for i, y in enumerate(outs) if y.requires_grad]
    gouts = [random(f"{name} gout {i}", *outs[i].shape).double().requires_grad_(second) for i in through]
    grads = torch.autograd.grad([outs[i] for i in through], [leaves[i] for i in wanted], gouts, create_graph=second,
                                allow_unused=True)
    for i, g in zip(through, gouts):
        keep(f"{name}.gout{i}", g)
    for i, g in zip(wanted, grads):
        if g is not None:
            keep(f"{name}.gin{i}", g)
    if second:
        second_gradients(name, leaves, wanted, grads, gouts[0])


def second_gradients(name, leaves, wanted, grads, gout):
    given = [(i, g) for i, g in zip(wanted, grads) if g is not None]
    vs = [random(f"{name} v {i}", *g.shape) for i, g in given]
    s = sum((g * v.double()).sum() for (_, g), v in zip(given, vs))
    at = [leaves[i] for i, _ in given] + [gout]
    for (i, _), v in zip(given, vs):
        keep(f"{name}.v{i}", v)
    for (i, _), gg in zip(given + [(-1, None)], torch.autograd.grad(s, at, allow_unused=True)):
        if gg is not None:
            keep(f"{name}.ggout0" if i < 0 else f"{name}.ggin{i}", gg)


def save(path, script):
    notes = dict(NOTES, made_by=f"tests/golden/{script} with PyTorch {torch.__version__}",
                 cases=" ".join(NOTES), counts=json.dumps({op: n + 1 for op, n in COUNT.items()}))
    save_file(TENSORS, path, metadata=notes)
    print(f"{path}: {len(NOTES)} cases, {len(TENSORS)} tensors, {os.path.getsize(path)} bytes")
