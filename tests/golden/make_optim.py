#!/usr/bin/env python3
"""Makes optim.safetensors and optim64.safetensors: optimizers and schedules, step by step, as PyTorch and the papers have them.

Usage: make_optim.py [FOLDER]      (PyTorch 2.9 or newer; the files are committed, so users never run this)

The parameters a [6, 4], b [3, 7], c [4, 2, 3, 2] and d [5] start from initial.NAME. Step i (from 0) has the gradient
gradients.NAME[i], whatever the parameters are. For each variant V in the metadata's "variants":
    "V"                  text     the optimizer and its options, "adamw lr=0.01 amsgrad=1 ...", under the names of tn_optim_opt
    V.afterN.NAME        f32      parameters after N steps, N = 1, 5 and 20; V.average.NAME: their average after 20 steps
For each schedule S in "schedules":
    "S"                  text     its kind and options under the names of tn_schedule_opt, and "epoch=N" steps for an epoch;
                                  behind "then" stands the one that takes over, behind "also" one it is multiplied with
    S.rate               f64 [60] the rate of each step
optim64.safetensors has the same variants, and the plain ones that trainings follow in f32, in f64 throughout: V.after20.NAME and
V.average.NAME, from the same numbers and the rate as f32 holds it.

lbfgs.loss f64 [12] and lbfgs.x f64 [12, 4] are the steps of torch.optim.LBFGS on Rosenbrock's function.

Where torch.optim has an optimizer it made the numbers; LAMB, LARS, Lion, Shampoo, lookahead, centralisation and
sharpness-aware steps are written below from their papers, in float64, and Muon too, whose products PyTorch rounds to
bfloat16.
"""
import math
import os
import sys

import torch
from torch.optim import lr_scheduler as schedulers
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from golden_file import save_file

STEPS, SNAPSHOTS = 20, (1, 5, 20)
SHAPES = {"a": (6, 4), "b": (3, 7), "c": (4, 2, 3, 2), "d": (5,)}


def make_data():
    generator = torch.Generator().manual_seed(5)
    initial = {k: torch.randn(s, generator=generator) for k, s in SHAPES.items()}
    gradients = {k: torch.randn(STEPS, *s, generator=generator) * (1 + 3 * torch.rand(STEPS, *[1] * len(s), generator=generator))
                 for k, s in SHAPES.items()}
    gradients["d"][:, 0] = 0
    return initial, gradients


# ---- rules from papers: each takes the state of one parameter, its value, its gradient, the number of the step, options ----

def lamb(state, w, g, t, lr, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.01):
    m = state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
    v = state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g * g
    r = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + eps) + weight_decay * w
    return w - lr * w.norm() / r.norm() * r


def lars(state, w, g, t, lr, momentum=0.9, weight_decay=0.0, trust_coefficient=1e-3):
    local = trust_coefficient * w.norm() / (g.norm() + weight_decay * w.norm())
    v = state["v"] = momentum * state.get("v", 0) + lr * local * (g + weight_decay * w)
    return w - v


def lion(state, w, g, t, lr, beta1=0.9, beta2=0.99, weight_decay=0.0):
    m = state.get("m", torch.zeros_like(w))
    way = (beta1 * m + (1 - beta1) * g).sign()
    state["m"] = beta2 * m + (1 - beta2) * g
    return w - lr * (way + weight_decay * w)


def adamw(state, w, g, t, lr, beta1=0.9, beta2=0.999, eps=1e-7, weight_decay=0.0):
    m = state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
    v = state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g * g
    return w * (1 - lr * weight_decay) - lr * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + eps)


def muon(state, w, g, t, lr, momentum=0.95, weight_decay=0.1, no_nesterov=0, ns_steps=5, eps=1e-7, adjust_lr=0):
    if w.dim() < 2:
        return adamw(state, w, g, t, lr, eps=eps, weight_decay=weight_decay)
    buffer = state["b"] = momentum * state.get("b", 0) + (1 - momentum) * g
    x = (buffer if no_nesterov else momentum * buffer + (1 - momentum) * g).flatten(1)
    rows, columns = x.shape
    x = x.T if rows > columns else x
    x = x / max(x.norm().item(), eps)
    for _ in range(ns_steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
    x = (x.T if rows > columns else x).reshape(w.shape)
    scale = (math.sqrt(max(1, rows / columns)), 0.2 * math.sqrt(max(rows, columns)), 1)[adjust_lr]
    return w * (1 - lr * weight_decay) - lr * scale * x


def shampoo(state, w, g, t, lr, eps=1e-4, refresh=1):
    if w.dim() < 2:
        s = state["s"] = state.get("s", 0) + g * g
        return w - lr * g / (s.sqrt() + eps)
    m, roots = g.flatten(1), []
    for key, square in (("l", m @ m.T), ("r", m.T @ m)):
        total = state[key] = state.get(key, 0) + square
        if (t - 1) % refresh:
            roots.append(state[key + "r"])
            continue
        values, vectors = torch.linalg.eigh(total + (eps + 1e-6 * total.norm()) * torch.eye(len(total), dtype=w.dtype))
        state[key + "r"] = vectors @ torch.diag(values**-0.25) @ vectors.T
        roots.append(state[key + "r"])
    return w - lr * (roots[0] @ m @ roots[1]).reshape(w.shape)


def sgd(state, w, g, t, lr):
    return w - lr * g


RULES = {"lamb": lamb, "lars": lars, "lion": lion, "muon": muon, "shampoo": shampoo, "sgd": sgd}


def by_paper(initial, gradients, dtype, rule, lr, lookahead=0, lookahead_alpha=0.5, centralize=0, sam=0, **options):
    weights, states, snapshots = {k: v.double() for k, v in initial.items()}, {k: {} for k in initial}, {}
    slow = dict(weights)
    for t in range(1, STEPS + 1):
        for k, w in weights.items():
            g = gradients[k][t - 1].double()
            if centralize and g.dim() > 1:
                g = g - g.mean(dim=tuple(range(1, g.dim())), keepdim=True)
            weights[k] = RULES[rule](states[k], w, g, t, lr, **options)
            if lookahead and t % lookahead == 0:
                weights[k] = slow[k] = slow[k] + lookahead_alpha * (weights[k] - slow[k])
        if t in SNAPSHOTS:
            snapshots.update({f"after{t}.{k}": v.to(dtype) for k, v in weights.items()})
    return snapshots


def by_torch(initial, gradients, dtype, make, average=None, every=1):
    model = torch.nn.ParameterDict({k: v.to(dtype, copy=True) for k, v in initial.items()})
    optimizer, snapshots = make(list(model.values())), {}
    averaged = AveragedModel(model, multi_avg_fn=average) if average else AveragedModel(model)
    for t in range(1, STEPS + 1):
        for k, w in model.items():
            w.grad = gradients[k][t - 1].to(dtype, copy=True)
        optimizer.step()
        if t >= 3 and (t - 3) % every == 0:
            averaged.update_parameters(model)
        if t in SNAPSHOTS:
            snapshots.update({f"after{t}.{k}": v.detach().clone() for k, v in model.items()})
    if isinstance(optimizer, torch.optim.ASGD):  # has its own
        return snapshots, {f"average.{k}": optimizer.state[v]["ax"].clone() for k, v in model.items()}
    return snapshots, {f"average.{k}": v.detach().clone() for k, v in averaged.module.items()}


def torch_options(options):
    """tn_optim_opt's names as PyTorch's."""
    o = {k: v for k, v in options.items() if not k.startswith("average")}
    if "beta1" in o:
        o["betas"] = (o.pop("beta1"), o.pop("beta2"))
    if "decoupled" in o:
        o["decoupled_weight_decay"] = o.pop("decoupled")
    if "eps2" in o:
        o["eps"] = (o.pop("eps", None), o.pop("eps2"))
    if "eta_minus" in o:
        o["etas"], o["step_sizes"] = (o.pop("eta_minus"), o.pop("eta_plus")), (o.pop("step_min"), o.pop("step_max"))
    for flag in ("amsgrad", "centered", "nesterov", "decoupled_weight_decay"):
        if flag in o:
            o[flag] = bool(o[flag])
    return o


TORCH = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adagrad": torch.optim.Adagrad,
         "adadelta": torch.optim.Adadelta, "rmsprop": torch.optim.RMSprop, "adamax": torch.optim.Adamax,
         "nadam": torch.optim.NAdam, "radam": torch.optim.RAdam, "adafactor": torch.optim.Adafactor,
         "rprop": torch.optim.Rprop, "asgd": torch.optim.ASGD}

VARIANTS = {
    "sgd_dampening": ("sgd", dict(lr=0.05, momentum=0.8, dampening=0.3, weight_decay=0.1)),
    "adam_amsgrad": ("adam", dict(lr=0.01, amsgrad=1, weight_decay=0.1)),
    "adam_decoupled": ("adam", dict(lr=0.01, decoupled=1, weight_decay=0.1)),
    "adamw_amsgrad": ("adamw", dict(lr=0.02, beta1=0.8, beta2=0.9, eps=1e-3, amsgrad=1)),
    "adagrad": ("adagrad", dict(lr=0.1)),
    "adagrad_all": ("adagrad", dict(lr=0.1, lr_decay=0.1, initial_accumulator_value=0.5, weight_decay=0.1, eps=1e-3)),
    "adadelta": ("adadelta", dict(lr=1.0)),
    "adadelta_all": ("adadelta", dict(lr=0.5, rho=0.7, eps=1e-3, weight_decay=0.1)),
    "rmsprop": ("rmsprop", dict(lr=0.01)),
    "rmsprop_momentum": ("rmsprop", dict(lr=0.01, alpha=0.9, momentum=0.7, weight_decay=0.1)),
    "rmsprop_centered": ("rmsprop", dict(lr=0.01, alpha=0.9, centered=1, eps=1e-2)),
    "rmsprop_both": ("rmsprop", dict(lr=0.01, alpha=0.9, centered=1, momentum=0.5, eps=1e-2)),
    "adamax": ("adamax", dict(lr=0.02)),
    "adamax_all": ("adamax", dict(lr=0.02, beta1=0.8, beta2=0.9, eps=1e-3, weight_decay=0.1)),
    "nadam": ("nadam", dict(lr=0.02)),
    "nadam_all": ("nadam", dict(lr=0.02, beta1=0.8, beta2=0.9, momentum_decay=0.05, weight_decay=0.1)),
    "nadam_decoupled": ("nadam", dict(lr=0.02, weight_decay=0.1, decoupled=1)),
    "radam": ("radam", dict(lr=0.02)),
    "radam_all": ("radam", dict(lr=0.02, beta1=0.8, beta2=0.9, eps=1e-3, weight_decay=0.1)),
    "radam_decoupled": ("radam", dict(lr=0.02, weight_decay=0.1, decoupled=1)),
    "adafactor": ("adafactor", dict(lr=0.05)),
    "adafactor_all": ("adafactor", dict(lr=0.5, beta2_decay=-0.5, eps2=0.01, d=1.2, weight_decay=0.1)),
    "lamb": ("lamb", dict(lr=0.02)),
    "lamb_all": ("lamb", dict(lr=0.02, beta1=0.8, beta2=0.9, eps=1e-3, weight_decay=0.2)),
    "lars": ("lars", dict(lr=2.0)),
    "lars_all": ("lars", dict(lr=2.0, momentum=0.5, weight_decay=0.1, trust_coefficient=0.02)),
    "lion": ("lion", dict(lr=0.01)),
    "lion_all": ("lion", dict(lr=0.01, beta1=0.7, beta2=0.8, weight_decay=0.2)),
    "muon": ("muon", dict(lr=0.02)),
    "muon_all": ("muon", dict(lr=0.02, momentum=0.8, no_nesterov=1, ns_steps=3, weight_decay=0.3, adjust_lr=1)),
    "shampoo": ("shampoo", dict(lr=0.1)),
    "shampoo_every": ("shampoo", dict(lr=0.1, eps=1.0, refresh=4)),
    "rprop": ("rprop", dict(lr=0.01)),
    "rprop_all": ("rprop", dict(lr=0.1, eta_minus=0.3, eta_plus=1.5, step_min=0.05, step_max=0.2)),
    "asgd": ("asgd", dict(lr=0.01)),
    "asgd_all": ("asgd", dict(lr=0.1, lambd=0.05, alpha=0.6, t0=8, weight_decay=0.1)),
    "lookahead": ("sgd", dict(lr=0.1, lookahead=4, lookahead_alpha=0.3)),
    "lookahead_lion": ("lion", dict(lr=0.01, lookahead=5)),
    "centralize": ("sgd", dict(lr=0.1, centralize=1)),
    "ema": ("sgd", dict(lr=0.1, average=1, average_decay=0.7, average_start=3)),
    "swa": ("adam", dict(lr=0.05, average=2, average_start=3, average_every=4)),
}


# What make_training.py has in f32.
PLAIN = {
    "sgd": ("sgd", dict(lr=0.05)),
    "sgd_nesterov": ("sgd", dict(lr=0.05, momentum=0.9, nesterov=1, weight_decay=0.1)),
    "adam": ("adam", dict(lr=0.01)),
    "adam_decay": ("adam", dict(lr=0.01, weight_decay=0.1)),
    "adamw": ("adamw", dict(lr=0.02, weight_decay=0.1)),
}


def make_variant(kind, options, initial, gradients, dtype):
    if kind not in TORCH or "lookahead" in options or "centralize" in options:
        return by_paper(initial, gradients, dtype, kind, **options)
    average = get_ema_multi_avg_fn(options["average_decay"]) if options.get("average") == 1 else None
    snapshots, averaged = by_torch(initial, gradients, dtype, lambda p: TORCH[kind](p, foreach=False, **torch_options(options)),
                                   average, options.get("average_every", 1))
    return {**snapshots, **(averaged if "average" in options or kind == "asgd" else {})}


# ---- schedules -----------------------------------------------------------------------------------------------------------

def rates(make, steps=60, epoch=1):
    """The rate of each step; a schedule that counts epochs moves every `epoch` steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule, got = make(optimizer), []
    for i in range(steps):
        got.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (i + 1) % epoch == 0:
            schedule.step()
    return torch.tensor(got, dtype=torch.float64)


SCHEDULES = {
    "step": ("step gamma=0.5 every=3", 4, lambda o: schedulers.StepLR(o, 3, 0.5)),
    "multi_step": ("multi_step gamma=0.3 milestones=2,5,6", 5, lambda o: schedulers.MultiStepLR(o, [2, 5, 6], 0.3)),
    "exponential": ("exponential gamma=0.8", 4, lambda o: schedulers.ExponentialLR(o, 0.8)),
    "polynomial": ("polynomial power=2 total=40", 1, lambda o: schedulers.PolynomialLR(o, 40, 2)),
    "linear": ("linear start_factor=0.2 end_factor=0.9 total=30", 1, lambda o: schedulers.LinearLR(o, 0.2, 0.9, 30)),
    "cosine": ("cosine lr_min=0.01 total=60", 1, lambda o: schedulers.CosineAnnealingLR(o, 60, 0.01)),
    "restarts": ("cosine_restarts lr_min=0.01 period=7", 1, lambda o: schedulers.CosineAnnealingWarmRestarts(o, 7, 1, 0.01)),
    "restarts_longer": ("cosine_restarts period=5 period_factor=2", 1,
                        lambda o: schedulers.CosineAnnealingWarmRestarts(o, 5, 2)),
    "one_cycle": ("one_cycle total=60", 1, lambda o: schedulers.OneCycleLR(o, 0.1, 60)),
    "one_cycle_linear": ("one_cycle total=60 pct_start=0.2 div_factor=10 final_div_factor=100 linear=1", 1,
                         lambda o: schedulers.OneCycleLR(o, 0.1, 60, pct_start=0.2, div_factor=10, final_div_factor=100,
                                                         anneal_strategy="linear")),
    "one_cycle_three": ("one_cycle total=60 three_phase=1", 1, lambda o: schedulers.OneCycleLR(o, 0.1, 60, three_phase=True)),
    "cyclic": ("cyclic lr_min=0.01 up=8", 1, lambda o: schedulers.CyclicLR(o, 0.01, 0.1, 8)),
    "cyclic_two": ("cyclic lr_min=0.01 up=6 down=3 mode=1", 1,
                   lambda o: schedulers.CyclicLR(o, 0.01, 0.1, 6, 3, mode="triangular2")),
    "cyclic_range": ("cyclic lr_min=0.01 up=5 mode=2 gamma=0.95", 1,
                     lambda o: schedulers.CyclicLR(o, 0.01, 0.1, 5, mode="exp_range", gamma=0.95)),
    "inverse_sqrt": ("inverse_sqrt warmup_steps=10", 1, lambda o: schedulers.LambdaLR(
        o, lambda i: (i + 1) / 10 if i < 10 else math.sqrt(10 / (i + 1)))),
    "warmup_linear": ("cosine lr_min=0.01 total=60 warmup_steps=10 warmup_from=0.2", 1, lambda o: schedulers.SequentialLR(
        o, [schedulers.LinearLR(o, 0.28, 1, 9), schedulers.CosineAnnealingLR(o, 50, 0.01)], [10])),
    "warmup_constant": ("polynomial power=2 total=50 warmup_steps=8 warmup=3 warmup_from=0.3", 1, lambda o: schedulers.SequentialLR(
        o, [schedulers.ConstantLR(o, 0.3, 100), schedulers.PolynomialLR(o, 42, 2)], [8])),
    "sequential": ("linear start_factor=0.2 end_factor=1 total=15 until=15 then cosine lr_min=0.01 total=25 until=25 then polynomial power=2 "
                   "total=15", 1, lambda o: schedulers.SequentialLR(
                       o, [schedulers.LinearLR(o, 0.2, 1, 15), schedulers.CosineAnnealingLR(o, 25, 0.01), schedulers.PolynomialLR(o, 15, 2)],
                       [15, 40])),
    "chained": ("exponential gamma=0.95 also linear start_factor=0.3 end_factor=1 total=20 also constant warmup_steps=30 warmup=3 "
                "warmup_from=0.5", 1, lambda o: schedulers.ChainedScheduler(
                    [schedulers.ExponentialLR(o, 0.95), schedulers.LinearLR(o, 0.3, 1, 20), schedulers.ConstantLR(o, 0.5, 30)], o)),
}


# ---- L-BFGS ----------------------------------------------------------------------------------------------------------------

def lbfgs(steps=12):
    """Rosenbrock's function of four numbers, by steps of one length."""
    x = torch.tensor([-1.2, 1.0, 0.5, -0.7], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], lr=0.02, max_iter=7, history_size=4)
    losses, places = [], []

    def closure():
        optimizer.zero_grad()
        loss = (100 * (x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2).sum()
        loss.backward()
        return loss

    for _ in range(steps):
        losses.append(optimizer.step(closure).item())
        places.append(x.detach().clone())
    return torch.tensor(losses, dtype=torch.float64), torch.stack(places)


def save(tensors, path, notes):
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata=notes)
    print(f"{path}: {os.path.getsize(path)} bytes")


def make_wide(initial, gradients, path):
    """All variants in f64, numbers that PyTorch keeps for all parameters together (NAdam's) too."""
    torch.set_default_dtype(torch.float64)
    tensors, variants = {}, VARIANTS | PLAIN
    notes = {"made_by": f"tests/golden/make_optim.py with PyTorch {torch.__version__}", "variants": " ".join(variants)}
    for name, (kind, options) in variants.items():
        notes[name] = " ".join([kind] + [f"{k}={v!r}" for k, v in options.items()])
        rate = torch.tensor(options["lr"], dtype=torch.float32).item()
        got = make_variant(kind, options | {"lr": rate}, initial, gradients, torch.float64)
        tensors.update({f"{name}.{k}": v for k, v in got.items() if k.startswith(("after20.", "average."))})
    save(tensors, path, notes)


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    initial, gradients = make_data()
    tensors = {f"initial.{k}": v for k, v in initial.items()} | {f"gradients.{k}": v for k, v in gradients.items()}
    notes = {"made_by": f"tests/golden/make_optim.py with PyTorch {torch.__version__}", "variants": " ".join(VARIANTS),
             "schedules": " ".join(SCHEDULES)}
    for name, (kind, options) in VARIANTS.items():
        notes[name] = " ".join([kind] + [f"{k}={v!r}" for k, v in options.items()])
        tensors.update({f"{name}.{k}": v for k, v in make_variant(kind, options, initial, gradients, torch.float32).items()})
    for name, (text, epoch, make) in SCHEDULES.items():
        notes["schedule." + name] = f"{text} epoch={epoch}"
        tensors[f"schedule.{name}.rate"] = rates(make, epoch=epoch)
    tensors["lbfgs.loss"], tensors["lbfgs.x"] = lbfgs()
    save(tensors, os.path.join(folder, "optim.safetensors"), notes)
    make_wide(initial, gradients, os.path.join(folder, "optim64.safetensors"))


main()
