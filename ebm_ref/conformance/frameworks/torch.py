r"""PyTorch: every formula that a function of torch.nn.functional can express.

Each adapter takes (F, torch, inputs in signature order) and uses the library's own loss, in a sign or
scale that makes it the formula's.  Where it can express only some inputs it raises `Unsupported`.

KNOWN lists deviations already reported, by formula, adapter and name of the mistake: they are shown
with their thread and do not fail the run.

Source: documentation of PyTorch 2.13, torch.nn.functional; threads as cited.
Before: diagnose.py.  Next: worker.py.
"""

import numpy as np


class Unsupported(Exception):
    """The framework has no such function, or not for these inputs."""


def version():
    """Name and version of the framework, as imported."""
    import torch

    return f"torch {torch.__version__}"


def evaluate(adapter, inputs, differentiated, dtype):
    """Value and gradients of one sample, computed and differentiated by PyTorch in `dtype`."""
    import torch

    tensor = lambda x: torch.tensor(x, dtype=getattr(torch, dtype)) if isinstance(x, np.ndarray) else x
    tensors = {a: tensor(x).requires_grad_() if a in differentiated else tensor(x) for a, x in inputs.items()}
    value = adapter(torch.nn.functional, torch, *tensors.values())
    if not differentiated:
        return value.item(), {}
    gradients = torch.autograd.grad(value, [tensors[a] for a in differentiated], allow_unused=True)
    zeros = {a: np.zeros(np.shape(inputs[a])) for a in differentiated}
    found = {a: g.numpy() for a, g in zip(differentiated, gradients, strict=True) if g is not None}
    return value.item(), zeros | found


def pair(torch, E, y):
    """E_y and the energy of the most offending wrong answer, each of shape (1,)."""
    wrong = torch.cat([E[:y], E[y + 1 :]])
    return E[y : y + 1], wrong.min(dim=0).values[None]


def target(torch, E, sign):
    return torch.full((1,), sign, dtype=E.dtype)


def nll_loss(F, torch, E, y):
    return F.nll_loss(-E[None], torch.tensor([y]))


def margin_ranking_loss(F, torch, E, y, m):
    return F.margin_ranking_loss(*pair(torch, E, y), target(torch, E, -1.0), margin=m)


def margin_ranking_loss_0(F, torch, E, y):
    return F.margin_ranking_loss(E[y : y + 1], E.min(dim=0).values[None], target(torch, E, -1.0))


def soft_margin_loss(F, torch, E, y, beta):
    E_y, E_o = pair(torch, E, y)
    return F.soft_margin_loss(beta * (E_y - E_o), target(torch, E, -1.0)) / beta


def softplus(F, torch, E, y, beta):
    E_y, E_o = pair(torch, E, y)
    return F.softplus(E_y - E_o, beta=beta)[0]


def logsigmoid(F, torch, E, y, beta):
    E_y, E_o = pair(torch, E, y)
    return -F.logsigmoid(beta * (E_o - E_y))[0] / beta


def sigmoid(F, torch, E, y):
    E_y, E_o = pair(torch, E, y)
    return torch.sigmoid(E_y - E_o)[0]


def hardtanh(F, torch, E, y, cap):
    E_y, E_o = pair(torch, E, y)
    return F.hardtanh(E_y - E_o, 0.0, cap)[0]


def hardtanh_of_ratio(F, torch, E, y, delta):
    E_y, E_o = pair(torch, E, y)
    return F.hardtanh((E_y - E_o) / (delta * E_o), 0.0, 1.0)[0]


def mse_hinge_embedding(F, torch, E, y, m):
    E_y, E_o = pair(torch, E, y)
    return (
        F.mse_loss(E_y, torch.zeros_like(E_y))
        + F.hinge_embedding_loss(E_o, target(torch, E, -1.0), margin=m) ** 2
    )


def mse_exp(F, torch, E, y, gamma):
    E_y, E_o = pair(torch, E, y)
    return F.mse_loss(E_y, torch.zeros_like(E_y)) + gamma * torch.exp(-E_o)[0]


def cross_entropy(F, torch, E, y, beta):
    return F.cross_entropy(-beta * E[None], torch.tensor([y])) / beta


def softmax_l1(F, torch, E, y, beta):
    p_y = F.softmax(-beta * E, dim=0)[y]
    return F.l1_loss(p_y, torch.ones_like(p_y))


def multi_margin_loss(F, torch, E, y, C):
    margins = torch.cat([C[:y], C[y + 1 :]])
    if not bool(torch.all(margins == margins[0])):
        raise Unsupported("multi_margin_loss has one margin for all answers")
    return F.multi_margin_loss(-E[None], torch.tensor([y]), margin=margins[0].item())


def argmin(F, torch, E, y):
    return torch.argmin(E.index_fill(0, torch.tensor([y]), float("inf")))


def linear_cross_entropy(F, torch, W, x, y):
    return F.cross_entropy(F.linear(x[None], W), torch.tensor([y]))


def mse_loss(F, torch, U, x, y):
    return F.mse_loss(x, U[y], reduction="sum")


def pairwise_distance(F, torch, U, x, y):
    return F.pairwise_distance(x[None], U[y : y + 1])[0] ** 2


ADAPTERS = {
    "softmax": (linear_cross_entropy,),
    "rbf_output": (mse_loss, pairwise_distance),
    "most_offending": (argmin,),
    "energy": (nll_loss,),
    "perceptron": (margin_ranking_loss_0,),
    "hinge": (margin_ranking_loss,),
    "log": (soft_margin_loss, softplus, logsigmoid),
    "mce": (sigmoid,),
    "lvq2": (hardtanh,),
    "lvq2_ratio": (hardtanh_of_ratio,),
    "square_square": (mse_hinge_embedding,),
    "square_exponential": (mse_exp,),
    "nll": (cross_entropy,),
    "mee": (softmax_l1,),
    "generalized_hinge": (multi_margin_loss,),
}

KNOWN = {
    (
        "lvq2_ratio",
        "hardtanh_of_ratio",
        "zero times an infinite slope",
    ): "not reported; inherent in reverse mode",
    ("log", "soft_margin_loss", "the exponential overflows"): "github.com/pytorch/pytorch/issues/77529",
}
