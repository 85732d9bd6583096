#!/usr/bin/env python3
"""make.py - prints the golden numbers of tests/unit/tensor/test_loss_preference.c:
the losses of loss_preference.h written down again from their papers in PyTorch, in double
precision, with gradients by autograd.

usage: tests/golden/preferences/make.py"""
import torch
from torch.nn.functional import logsigmoid

torch.set_default_dtype(torch.float64)


def show(name, loss, x):
    (grad,) = torch.autograd.grad(loss, x)
    print(f"{name}: {loss.item():.10f}, " + ", ".join(f"{g:.10f}" for g in grad))


def numbers(*x):
    return torch.tensor(x, requires_grad=True)


def dpo(beta, e=0.0):
    return lambda w, l: (-(1 - e) * logsigmoid(beta * (w - l))
                         - e * logsigmoid(-beta * (w - l)))


def ipo(beta):
    return lambda w, l: (w - l - 1 / (2 * beta)) ** 2


def over_pairs(cost, x, rank):
    costs = [cost(x[i], x[j]) for i in range(len(x)) for j in range(len(x))
             if rank[i] < rank[j]]
    return sum(costs) / len(costs)


def kto(x, good, kl, beta, w_good, w_bad):
    return sum(w_good * (1 - torch.sigmoid(beta * (v - kl))) if g
               else w_bad * (1 - torch.sigmoid(beta * (kl - v)))
               for v, g in zip(x, good)) / len(x)


# log pi - log ref of the chosen and the rejected answer
x = numbers(-20.0 + 22, -30.0 + 29)
show("DPO, beta .1", dpo(.1)(*x), x)
x = numbers(2.0, -1.0)
show("conservative DPO, e .1", dpo(.1, .1)(*x), x)
x = numbers(2.0, -1.0)
show("IPO", ipo(.1)(*x), x)

values, rank = (0.75, -1.5, 0.25, 2.0, -0.5), (2, 3, 1, 2, 4)
x = numbers(*values)
show("5 answers, DPO, beta .3", over_pairs(dpo(.3), x, rank), x)
x = numbers(*values)
show("5 answers, conservative DPO", over_pairs(dpo(.3, .1), x, rank), x)
x = numbers(*values)
show("5 answers, IPO", over_pairs(ipo(.3), x, rank), x)

margin = (1.0, 0.5, 1.5, 1.0, 0.0)
x = numbers(*values)
total, pairs = 0, 0
for i in range(5):
    for j in range(5):
        if rank[i] < rank[j]:
            total += -logsigmoid(x[i] - x[j] - (margin[i] - margin[j]))
            total += .01 * (x[i] + x[j]) ** 2
            pairs += 1
show("5 answers, reward model, margins, centre .01", total / pairs, x)

x = numbers(1.5, -2.0, 0.25, 3.0)
kl = max(0, sum((0.5, -0.25, 1.0, 0.75)) / 4)
print(f"KTO's reference point: {kl}")
show("KTO", kto(x, (True, True, False, False), kl, .1, 1.0, 1.25), x)
