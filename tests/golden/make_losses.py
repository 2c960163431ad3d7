#!/usr/bin/env python3
"""Makes losses.safetensors: what PyTorch gives for losses beyond those of make_vocabulary.py, or for their formulas.

Usage: make_losses.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

golden_cases.py says how the file is laid out.
"""
import math
import os
import sys

import torch
from torch import distributions
from torch.nn import functional as F

from golden_cases import case, random, save, values


def reduced(each, reduction):
    return each.mean() if reduction == "mean" else each.sum() if reduction == "sum" else each



# ---- of labels ------------------------------------------------------------------------------------------------------------

def labels():
    x = random("labels", 3, 4)
    several = torch.tensor([[3, 0, -1, 1], [-1, 2, 2, 2], [1, 2, 3, 0]])
    for reduction in ("mean", "sum", "none"):
        case("multilabel_margin", F.multilabel_margin_loss, [x, several], tarn=f"multilabel_margin reduction={reduction}",
             reduction=reduction)
        there = (random("there", 3, 4) > 0).float()
        case("multilabel_soft_margin", F.multilabel_soft_margin_loss, [x * 4, there],
             tarn=f"multilabel_soft_margin reduction={reduction}", reduction=reduction)
    case("multilabel_margin", F.multilabel_margin_loss, [x[0], torch.tensor([2, 2, -1, 0])], tarn="multilabel_margin")
    case("multilabel_soft_margin", lambda x, y, w, **o: F.multilabel_soft_margin_loss(x, y, w, **o),
         [x, there, values(1, 0.5, 2, 0)], tarn="multilabel_soft_margin")


def ctc():
    def loss(x, target, lengths, target_lengths, **options):
        return F.ctc_loss(torch.log_softmax(x, -1).transpose(0, 1), target, lengths, target_lengths, **options)

    x = random("ctc", 4, 7, 5) * 2
    target = torch.tensor([[1, 2, 3], [2, 2, 4], [3, 1, 1], [4, 4, 4]])
    for reduction in ("mean", "sum", "none"):
        case("ctc", loss, [x, target, torch.tensor([7, 7, 6, 6]), torch.tensor([3, 3, 2, 1])], reduction=reduction)
    case("ctc", loss, [x, target % 4, torch.full((4,), 7), torch.full((4,), 3)], blank=4)
    case("ctc", loss, [x, target, torch.tensor([7, 4, 3, 5]), torch.tensor([0, 3, 3, 3])], "some do not fit",
         zero_infinity=True, reduction="none")


# ---- of numbers and rows ----------------------------------------------------------------------------------------------------

def numbers():
    def quantile(x, target, q, reduction):
        d = target - x
        return reduced(torch.where(d >= 0, q * d, (q - 1) * d), reduction)

    def tweedie(x, target, p, log_input, reduction):
        m = x.exp() if log_input else x
        return reduced(-target * m**(1 - p) / (1 - p) + m**(2 - p) / (2 - p), reduction)

    x, y = random("numbers", 3, 4), random("targets", 3, 4)
    for reduction in ("mean", "sum", "none"):
        for q in (0.1, 0.5, 0.9):
            case("quantile_loss", quantile, [x, y], tarn=f"quantile_loss q={q} reduction={reduction}", q=q, reduction=reduction)
        case("tweedie_nll", tweedie, [x, y.clamp(min=0)], tarn=f"tweedie_nll p=1.3 reduction={reduction}", p=1.3,
             log_input=True, reduction=reduction)
        case("tweedie_nll", tweedie, [x.abs() + 0.1, y.clamp(min=0)],
             tarn=f"tweedie_nll p=1.7 log_input=false reduction={reduction}", p=1.7, log_input=False, reduction=reduction)


def rows():
    def contrastive(a, b, same, margin, reduction):
        d = (a - b).norm(dim=-1)
        return reduced(same * d**2 / 2 + (1 - same) * (margin - d).clamp(min=0)**2 / 2, reduction)

    def info_nce(query, key, temperature, both):
        logits = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).T / temperature
        own = torch.arange(len(query))
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2 if both else F.cross_entropy(logits, own)

    def distillation(student, teacher, temperature):
        return F.kl_div(torch.log_softmax(student / temperature, -1), torch.softmax(teacher.detach() / temperature, -1),
                        reduction="batchmean") * temperature**2

    a, b = random("a", 5, 3), random("b", 5, 3)
    for reduction in ("mean", "sum", "none"):
        case("contrastive", contrastive, [a, b, values(1, 0, 0, 1, 0)], margin=2.5, reduction=reduction)
    case("info_nce", info_nce, [a, b], temperature=0.3, both=True)
    case("info_nce", info_nce, [a, random("keys", 8, 3)], temperature=0.1, both=False)
    case("distillation", distillation, [a * 3, b * 3], temperature=2.0)


def distances():
    x = random("lengths", 3, 4, 5)
    x[1, 2] = 0
    for p, dim, eps in ((2.0, 1, 1e-12), (2.0, -1, 1e-12), (1.0, 0, 1e-12), (3.0, -1, 2.0)):
        case("normalize", F.normalize, [x], p=p, dim=dim, eps=eps)
    a, b, one = random("cosine a", 3, 4, 5), random("cosine b", 4, 5), random("cosine one", 3, 1, 5)
    case("cosine_similarity", F.cosine_similarity, [a, b], dim=-1, eps=1e-8, second=True)
    case("cosine_similarity", F.cosine_similarity, [a, b], dim=1, eps=1e-8)
    case("cosine_similarity", F.cosine_similarity, [a, one], "the axis is stretched first; all gradients of one are 0", dim=1, eps=1e-8, grad=False)
    case("cosine_similarity", F.cosine_similarity, [x, a], "one row is 0", dim=2, eps=1e-8, grad=False)
    for p, keepdim in ((2.0, False), (1.0, True), (3.0, False)):
        case("pairwise_distance", F.pairwise_distance, [a, b], p=p, eps=1e-6, keepdim=keepdim)
    case("pairwise_distance", F.pairwise_distance, [a, a], "the same: eps alone", p=2.0, eps=0.1, keepdim=False)


# ---- boxes ------------------------------------------------------------------------------------------------------------------

def box_loss(x, target, kind, reduction):
    """From the papers, a box at a time; nothing is divided by less than eps, as in torchvision.ops."""
    each, eps = [], 1e-7
    for a, b in zip(x, target):
        w, h = (a[2:] - a[:2]), (b[2:] - b[:2])
        common = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod()
        both = w.prod() + h.prod() - common
        iou = common / (both + eps)
        around = torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])
        loss = 1 - iou
        if kind == 1:
            loss = loss + (around.prod() - both) / (around.prod() + eps)
        if kind >= 2:
            loss = loss + (((a[:2] + a[2:]) - (b[:2] + b[2:])) / 2).square().sum() / (around.square().sum() + eps)
        if kind == 3:
            v = 4 / math.pi**2 * (torch.atan(h[0] / h[1]) - torch.atan(w[0] / w[1]))**2
            loss = loss + (v / (1 - iou + v + eps)).detach() * v
        each.append(loss)
    return reduced(torch.stack(each), reduction)


def boxes():
    corner, size = random("corner", 6, 2), random("size", 6, 2).abs() + 0.5
    x = torch.cat([corner, corner + size], 1)
    corner, size = corner + 0.4 * random("off", 6, 2), random("other size", 6, 2).abs() + 0.5
    y = torch.cat([corner, corner + size], 1)
    y[0] += 20
    for kind in range(4):
        for reduction in ("mean", "none"):
            case("box_loss", box_loss, [x, y], kind=kind, reduction=reduction)


# ---- nets that play, encoders ------------------------------------------------------------------------------------------------

def games():
    bce = F.binary_cross_entropy_with_logits

    def critic(real, fake, kind):
        if kind <= 1:
            return bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
        return [((real - 1)**2).mean() / 2 + (fake**2).mean() / 2, fake.mean() - real.mean(),
                F.relu(1 - real).mean() + F.relu(1 + fake).mean()][kind - 2]

    def generator(fake, kind):
        return [-bce(fake, torch.zeros_like(fake)), bce(fake, torch.ones_like(fake)), ((fake - 1)**2).mean() / 2, -fake.mean(),
                -fake.mean()][kind]

    def penalty(x, w, v, length):
        x = x.detach().requires_grad_()
        score = torch.tanh(x @ w) @ v
        gradient, = torch.autograd.grad(score.sum(), x, create_graph=True)
        return ((gradient.norm(dim=1) - length)**2).mean()

    real, fake = random("real", 6, 1), random("fake", 4, 1)
    for kind in range(5):
        case("gan_critic_loss", critic, [real, fake], kind=kind)
        case("gan_generator_loss", generator, [fake], kind=kind)
    case("gradient_penalty", penalty, [random("x", 5, 3), random("w", 3, 4), random("v", 4, 1)], length=1.0)

    def elbo(nll, mean, log_var, beta):
        q, p = distributions.Normal(mean, (log_var / 2).exp()), distributions.Normal(0, 1)
        return (nll + beta * distributions.kl_divergence(q, p).sum(-1)).mean()

    case("negative_elbo", elbo, [random("nll", 4), random("mean", 4, 3), random("log_var", 4, 3)], beta=0.5)


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for group in (labels, ctc, numbers, rows, distances, boxes, games):
        group()
    save(os.path.join(folder, "losses.safetensors"), os.path.basename(__file__))


main()
