#!/usr/bin/env python3
"""Makes graph.safetensors: segments, sparse products and layers on graphs, written with PyTorch's index_add and scatter_reduce.

Usage: make_graph.py [FOLDER]      (PyTorch 2.x alone; the file is committed, so users never run this)

Layers compute what PyTorch Geometric's of these names do: GCNConv, SAGEConv, GATConv, GINConv, GINEConv. For each case C:
    C.in.NAME       inputs; of floats those called x, weight, values and features have gradients
    C.state.m.P     parameters
    C.out.0         the output
    C.gout.0        what arrives at it
    C.grad.P        the gradient of sum(out * gout) for parameter m.P and for input in.NAME
All is computed in float64 and rounded to float32. train.* is a net of two GAT layers that takes 50 steps of Adam in float32: its
initial.NAME, x, source, target, labels, loss f64 [50] and after50.NAME.
"""
import os
import sys

import torch
from torch.nn import functional as F

from golden_cases import random
from golden_file import save_file

TENSORS = {}
NODES, STEPS = 7, 50
SOURCE = torch.tensor([0, 1, 2, 2, 3, 5, 5, 1, 4, 0, 6, 2, 3])
TARGET = torch.tensor([1, 0, 0, 2, 0, 3, 5, 4, 4, 0, 1, 1, 0])  # unsorted; loops, a twin edge, nodes that no edge comes to


def keep(name, x):
    x = x.detach()
    TENSORS[name] = (x.float() if x.is_floating_point() else x).contiguous().clone()


def case(name, call, inputs, state=None):
    leaves = {k: v.double().requires_grad_() if v.is_floating_point() else v for k, v in inputs.items()}
    params = {k: (v.double() * 0.5).float().double().requires_grad_() for k, v in (state or {}).items()}
    for key, x in inputs.items():
        keep(f"{name}.in.{key}", x)
    for key, x in params.items():
        keep(f"{name}.state.m.{key}", x)
    out = call(leaves, params)
    gout = random(f"{name} gout", *out.shape)
    wanted = {f"in.{k}": v for k, v in leaves.items() if v.is_floating_point()} | {f"m.{k}": v for k, v in params.items()}
    for key, g in zip(wanted, torch.autograd.grad((out * gout.double()).sum(), list(wanted.values()))):
        keep(f"{name}.grad.{key}", g)
    keep(f"{name}.out.0", out)
    keep(f"{name}.gout.0", gout)


# ---- parts ------------------------------------------------------------------------------------------------------------

def seg(x, index, n, how="sum"):
    y = x.new_zeros(n, *x.shape[1:])
    if how == "sum":
        return y.index_add(0, index, x)
    place = index.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)
    if how == "mean":
        return y.scatter_reduce(0, place, x, "mean", include_self=False)
    far = -1e30 if how == "max" else 1e30  # from zeros, a result of 0 would share its gradient with them although they do not count
    y = (y + far).scatter_reduce(0, place, x, "a" + how)
    return torch.where(y == far, 0, y)


def seg_softmax(x, index, n):
    most = seg(x.detach(), index, n, "max")
    e = (x - most[index]).exp()
    return e / seg(e, index, n)[index]


def self_loops(source, target, n):
    keep_edge = source != target
    loops = torch.arange(n)
    return keep_edge, torch.cat([source[keep_edge], loops]), torch.cat([target[keep_edge], loops])


def gcn_norm(source, target, weight, n, loops):
    if loops:
        rest, s, t = self_loops(source, target, n)
        own = torch.ones(n, dtype=weight.dtype)
        for e in range(len(source)):
            if source[e] == target[e]:
                own = torch.where(torch.arange(n) == source[e], weight[e], own)
        source, target, weight = s, t, torch.cat([weight[rest], own])
    degree = seg(weight, target, n)
    scale = torch.where(degree == 0, 0, degree.where(degree != 0, 1).rsqrt())
    return source, target, scale[source] * weight * scale[target]


def gat(x, source, target, p, heads, features=None, mean=False, prefix=""):
    n = len(x)
    h = (x @ p[prefix + "lin.weight"].T).reshape(n, heads, -1)
    rest, s, t = self_loops(source, target, n)
    a = (h * p[prefix + "att_src"]).sum(-1)[s] + (h * p[prefix + "att_dst"]).sum(-1)[t]
    if features is not None:
        f = features[rest]
        f = torch.cat([f, seg(f, target[rest], n, "mean")])
        a = a + ((f @ p["lin_edge.weight"].T).reshape(len(f), heads, -1) * p["att_edge"]).sum(-1)
    a = seg_softmax(F.leaky_relu(a, 0.2), t, n)
    y = seg(h[s] * a.unsqueeze(-1), t, n)
    return (y.mean(1) if mean else y.flatten(1)) + p[prefix + "bias"]


# ---- cases ------------------------------------------------------------------------------------------------------------

def segments():
    for how in ("sum", "mean", "max", "min"):
        case(f"segment_{how}", lambda i, p, how=how: seg(i["x"], i["index"], NODES, how),
             {"x": random(f"segment {how}", 13, 3).mul(2).round(), "index": TARGET})  # numbers that are often equal
    case("segment_softmax", lambda i, p: seg_softmax(i["x"], i["index"], NODES), {"x": random("segment softmax", 13, 2, 2) * 20, "index": TARGET})


def products():
    edges = {"source": SOURCE, "target": TARGET}
    case("coo", lambda i, p: seg(i["x"][i["source"]] * i["weight"][:, None], i["target"], NODES),
         {"x": random("coo x", NODES, 4), "weight": random("coo w", 13)} | edges)
    indptr, indices = torch.tensor([0, 0, 3, 3, 5, 8, 8]), torch.tensor([4, 0, 2, 1, 1, 3, 0, 4])

    def csr(i, p):
        rows = torch.repeat_interleave(torch.arange(6), indptr[1:] - indptr[:-1])
        dense = torch.zeros(6, 5, dtype=torch.float64).index_put((rows, indices), i["values"] if "values" in i else torch.ones(8).double(), accumulate=True)
        return dense @ i["x"]
    case("csr", csr, {"x": random("csr x", 5, 3), "values": random("csr v", 8), "indptr": indptr, "indices": indices})
    case("csr_ones", csr, {"x": random("csr x", 5, 3), "indptr": indptr.int(), "indices": indices.int()})

    weight = random("csr heads v", 8, 2)
    case("spmm_heads", lambda i, p: torch.stack([csr({"x": i["x"][:, h], "values": i["values"][:, h]}, p) for h in range(2)], 1),
         {"x": random("csr heads x", 5, 2, 3), "values": weight, "indptr": indptr, "indices": indices})
    rows = torch.repeat_interleave(torch.arange(6), indptr[1:] - indptr[:-1])
    for how in ("mean", "max", "min"):
        case(f"spmm_{how}", lambda i, p, how=how: seg(i["x"][indices] * i["values"][:, None], rows, 6, how),
             {"x": random("csr x", 5, 3).round(), "values": random("csr v", 8).sign(), "indptr": indptr, "indices": indices})
    case("sorted", lambda i, p: seg(i["x"][i["source"]] * i["weight"][:, None], i["target"], NODES),
         {"x": random("coo x", NODES, 4), "weight": random("coo w", 13)} | edges)


def layers():
    x, edges = {"x": random("graph x", NODES, 4)}, {"source": SOURCE, "target": TARGET}
    weight = {"weight": random("graph w", 13).abs() + 0.1}
    for name, loops, w in (("gcn", True, {}), ("gcn_weights", True, weight), ("gcn_bare", False, weight)):
        def gcn(i, p, loops=loops):
            s, t, w = gcn_norm(i["source"], i["target"], i.get("weight", torch.ones(13).double()), NODES, loops)
            return seg((i["x"] @ p["lin.weight"].T)[s] * w[:, None], t, NODES) + p["bias"]
        case(name, gcn, x | edges | w, {"lin.weight": random("gcn w", 3, 4), "bias": random("gcn b", 3)})
    sage = {"lin_l.weight": random("sage l", 3, 4), "lin_l.bias": random("sage b", 3), "lin_r.weight": random("sage r", 3, 4)}
    for how in ("mean", "max"):
        case(f"sage_{how}", lambda i, p, how=how: seg(i["x"][i["source"]], i["target"], NODES, how) @ p["lin_l.weight"].T + p["lin_l.bias"]
             + i["x"] @ p["lin_r.weight"].T, x | edges, sage)
    project = {"lin.weight": random("sage p", 4, 4), "lin.bias": random("sage pb", 4)}
    case("sage_all", lambda i, p: F.normalize(
        seg(F.relu(i["x"] @ p["lin.weight"].T + p["lin.bias"])[i["source"]], i["target"], NODES) @ p["lin_l.weight"].T + p["lin_l.bias"]
        + i["x"] @ p["lin_r.weight"].T, dim=1), x | edges, sage | project)
    state = {"lin.weight": random("gat w", 6, 4), "att_src": random("gat s", 1, 2, 3), "att_dst": random("gat t", 1, 2, 3)}
    case("gat", lambda i, p: gat(i["x"], i["source"], i["target"], p, 2), x | edges, state | {"bias": random("gat b", 6)})
    case("gat_edges", lambda i, p: gat(i["x"], i["source"], i["target"], p, 2, i["features"], True),
         x | edges | {"features": random("gat f", 13, 2)},
         state | {"bias": random("gat b", 3), "lin_edge.weight": random("gat e", 6, 2), "att_edge": random("gat ae", 1, 2, 3)})
    state = {"nn.0.weight": random("gin 0", 5, 4), "nn.0.bias": random("gin 0b", 5), "nn.2.weight": random("gin 2", 3, 5),
             "nn.2.bias": random("gin 2b", 3), "eps": random("gin eps", 1)}

    def gin(i, p):
        m = i["x"][i["source"]]
        if "features" in i:
            m = F.relu(m + i["features"] @ p["lin.weight"].T + p["lin.bias"])
        h = seg(m, i["target"], NODES) + (1 + p["eps"]) * i["x"]
        return F.relu(h @ p["nn.0.weight"].T + p["nn.0.bias"]) @ p["nn.2.weight"].T + p["nn.2.bias"]
    case("gin", gin, x | edges, state)
    case("gine", gin, x | edges | {"features": random("gine f", 13, 2)}, state | {"lin.weight": random("gine w", 4, 2), "lin.bias": random("gine b", 4)})


# ---- training ---------------------------------------------------------------------------------------------------------

def training():
    n, edges = 24, 80
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(n, 6, generator=generator)
    source, target = (torch.randint(n, (edges,), generator=generator) for _ in range(2))
    labels = torch.randint(3, (n,), generator=generator)
    shapes = {"a.lin.weight": (8, 6), "a.att_src": (1, 2, 4), "a.att_dst": (1, 2, 4), "a.bias": (8,),
              "b.lin.weight": (6, 8), "b.att_src": (1, 2, 3), "b.att_dst": (1, 2, 3), "b.bias": (3,)}
    p = {k: (0.4 * torch.randn(s, generator=generator)).requires_grad_() for k, s in shapes.items()}
    for key, v in (p | {"x": x, "source": source, "target": target, "labels": labels}).items():
        keep(f"train.{'initial.' if key in p else ''}{key}", v)
    optimizer = torch.optim.Adam(list(p.values()), lr=0.01, foreach=False)
    losses = torch.zeros(STEPS, dtype=torch.float64)
    for i in range(STEPS):
        h = F.elu(gat(x, source, target, p, 2, prefix="a."))
        loss = F.cross_entropy(gat(h, source, target, p, 2, mean=True, prefix="b."), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses[i] = loss.item()
    TENSORS["train.loss"] = losses
    for key, v in p.items():
        keep(f"train.after{STEPS}.{key}", v)
    return losses


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    segments()
    products()
    layers()
    losses = training()
    path = os.path.join(folder, "graph.safetensors")
    save_file(TENSORS, path, metadata={"made_by": f"tests/golden/make_graph.py with PyTorch {torch.__version__}"})
    print(f"{path}: {os.path.getsize(path)} bytes; losses {losses[0]:.4f} to {losses[-1]:.4f}")


main()
