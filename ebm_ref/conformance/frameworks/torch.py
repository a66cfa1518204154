r"""PyTorch: every formula that a function of torch.nn.functional can express.

Each adapter takes (F, torch, inputs in signature order).  A loss of an energy table is given energies
as what they are, or with their sign changed where scores are due.

Source: documentation of PyTorch 2.13, torch.nn.functional; threads as cited.
"""

import numpy as np

from ebm_ref.conformance.adapting import Padded, converted, only


def version():
    """Name and version of the framework, as imported."""
    import torch

    return f"torch {torch.__version__}"


def evaluate(adapter, inputs, differentiated, dtype):
    """Value and gradients of one sample, computed and differentiated by PyTorch in `dtype`."""
    import torch

    return differentiate(adapter, (torch.nn.functional, torch), inputs, differentiated, dtype)


def differentiate(adapter, libraries, inputs, differentiated, dtype):
    """Value and gradients of an adapter by PyTorch."""
    import torch

    if isinstance(adapter, Padded):
        filled = adapter.fill(inputs)
        value, found = differentiate(adapter.adapter, libraries, filled, differentiated, dtype)
        return value, {a: g[: len(inputs[a])] for a, g in found.items()}
    own = lambda x, real: torch.tensor(np.asarray(x), dtype=getattr(torch, dtype) if real else None)
    tensors = converted(inputs, differentiated, own)
    asked = {a: tensors[a].requires_grad_() for a in differentiated}
    value = adapter(*libraries, *tensors.values())
    if not value.requires_grad:
        return value.numpy(), {}
    gradients = torch.autograd.grad(value, asked.values(), allow_unused=True)
    found = {a: g.numpy() for a, g in zip(asked, gradients, strict=True) if g is not None}
    return value.detach().numpy(), found


def pair(torch, E, y):
    """E_y and the energy of the most offending wrong answer, each of shape (1,)."""
    wrong = torch.cat([E[:y], E[y + 1 :]])
    return E[y : y + 1], wrong.min(dim=0).values[None]


def gap(torch, E, y):
    """E_y - E_o, a scalar."""
    E_y, E_o = pair(torch, E, y)
    return (E_y - E_o)[0]


def ratio(torch, E, y):
    """E_y / E_o, a scalar."""
    E_y, E_o = pair(torch, E, y)
    return (E_y / E_o)[0]


def sign(torch, like, y):
    """A label 1 or -1 as a tensor of the same shape and dtype."""
    return torch.full_like(like, y, requires_grad=False)


def label(torch, y):
    return torch.tensor([y])


def margin_ranking_loss_0(F, torch, E, y):
    return F.margin_ranking_loss(E[y : y + 1], E.min(dim=0).values[None], sign(torch, E[:1], -1.0))


def margin_ranking_loss(F, torch, E, y, m):
    return F.margin_ranking_loss(*pair(torch, E, y), sign(torch, E[:1], -1.0), margin=m)


def mse_hinge_embedding(F, torch, E, y, m):
    E_y, E_o = pair(torch, E, y)
    unlike = F.hinge_embedding_loss(E_o, sign(torch, E_o, -1.0), margin=m)
    return F.mse_loss(E_y, torch.zeros_like(E_y)) + unlike**2


def mse_exp(F, torch, E, y, gamma):
    E_y, E_o = pair(torch, E, y)
    return F.mse_loss(E_y, torch.zeros_like(E_y)) + gamma * torch.exp(-E_o)[0]


def squared_hinge(F, torch, E, y, m):
    E_y, E_o = pair(torch, E, y)
    return 2.0 * F.multi_margin_loss(-torch.cat([E_y, E_o])[None], label(torch, 0), p=2, margin=m)


@only(lambda mu, s, nu, t: nu < 1e6 and abs(t) < 1e15, "fewer than 1e6 degrees: beyond, its log Gamma cancel")
def student_t(F, torch, mu, s, nu, t):
    return -torch.distributions.StudentT(nu, mu, s).log_prob(t)


@only(lambda z, a, t: a > 1e-6 and t < 1e5, "dispersions above 1e-6: below, its log Gamma cancel")
def negative_binomial(F, torch, z, a, t):
    law = torch.distributions.NegativeBinomial(1.0 / a, logits=z + torch.log(a))
    return -law.log_prob(torch.tensor(t, dtype=z.dtype))


@only(lambda E, y, C: np.ptp(np.delete(C, y)) == 0.0, "multi_margin_loss has one margin for all answers")
def multi_margin_loss_of_costs(F, torch, E, y, C):
    return F.multi_margin_loss(-E[None], label(torch, y), margin=C[y - 1].item())


def hinge_embedding_of_squares(F, torch, x1, x2, same, m):
    D2 = F.mse_loss(x1, x2, reduction="sum")
    return F.hinge_embedding_loss(D2, sign(torch, D2, 2 * same - 1), margin=m)


def nll_loss_of_classes(F, torch, l, w):
    """Each sample a class of its own; PyTorch does not differentiate by class weights."""
    return F.nll_loss(-torch.diag(l), torch.arange(len(l)), weight=w.detach())


@only(lambda l, w: np.all(l > 0.0), "losses of errors: positive ones")
def l1_loss_weighted(F, torch, l, w):
    return F.l1_loss(l, torch.zeros_like(l), weight=w)


@only(lambda l, w: np.all(l > 0.0), "losses of errors: positive ones")
def huber_loss_weighted(F, torch, l, w):
    return F.huber_loss(torch.sqrt(2.0 * l), torch.zeros_like(l), delta=float("inf"), weight=w)


def ctc_loss_mean(F, torch, l, u):
    """Sequences as long as their targets 1 2 1 2 ..., so that one path is left; for its gradient see ctc."""
    longest = max(1, int(u.max()))
    labels = (1 + torch.arange(longest) % 2).expand(len(l), longest)
    lp = torch.zeros(longest, len(l), 3, dtype=l.dtype)
    lp[0] = -l.detach()[:, None]
    return F.ctc_loss(lp, labels, torch.clamp(u, min=1), u, reduction="mean")


def ctc_loss(F, torch, lp, y, blank, moments, labels):
    lengths = torch.tensor([moments]), torch.tensor([labels])
    return F.ctc_loss(lp[:, None], y[None], *lengths, blank=blank, reduction="sum")


def ctc_loss_of_logits(F, torch, z, y, blank, moments, labels):
    return ctc_loss(F, torch, F.log_softmax(z, dim=1), y, blank, moments, labels)


def divergence(F, torch, mean, log_variance, beta):
    normal = torch.distributions.Normal
    to_unit = torch.distributions.kl_divergence(normal(mean, torch.exp(0.5 * log_variance)), normal(0.0, 1.0))
    return beta * to_unit.sum()


ADAPTERS = {
    # energies
    "linear_regression": {
        "mse_loss": lambda F, torch, W, x, y: 0.5 * F.mse_loss(W.T @ x, y, reduction="sum")
    },
    "logistic": {
        "binary_cross_entropy_with_logits": lambda F, torch, w, b, x, y: F.binary_cross_entropy_with_logits(
            w @ x + b, torch.tensor(float(y), dtype=x.dtype)
        )
    },
    "vae_divergence": {"distributions.kl_divergence": divergence},
    # free energies
    "free_energy": {  # beta as a number: the slope by it would judge the division, not logsumexp
        "logsumexp": lambda F, torch, E, beta: -torch.logsumexp(-beta.item() * E, 0) / beta.item()
    },
    # energies of answers
    "softmax": {
        "linear+cross_entropy": lambda F, torch, W, x, y: F.cross_entropy(
            F.linear(x[None], W), label(torch, y)
        ),
        "linear_cross_entropy": lambda F, torch, W, x, y: F.linear_cross_entropy(x[None], W, label(torch, y)),
    },
    "rbf_output": {
        "mse_loss": lambda F, torch, U, x, y: F.mse_loss(x, U[y], reduction="sum"),
        "pairwise_distance": lambda F, torch, U, x, y: F.pairwise_distance(x[None], U[y : y + 1])[0] ** 2,
    },
    # losses of an energy table
    "most_offending": {
        "argmin": lambda F, torch, E, y: torch.argmin(E.index_fill(0, label(torch, y), float("inf")))
    },
    "energy": {"nll_loss": lambda F, torch, E, y: F.nll_loss(-E[None], label(torch, y))},
    "perceptron": {"margin_ranking_loss": margin_ranking_loss_0},
    "hinge": {"margin_ranking_loss": margin_ranking_loss},
    "squared_hinge": {"multi_margin_loss(p=2)": squared_hinge},
    "log": {
        "soft_margin_loss": lambda F, torch, E, y, beta: (
            F.soft_margin_loss(beta * gap(torch, E, y), sign(torch, E[0], -1.0)) / beta
        ),
        "softplus": lambda F, torch, E, y, beta: F.softplus(gap(torch, E, y), beta=beta),
        "logsigmoid": lambda F, torch, E, y, beta: -F.logsigmoid(-beta * gap(torch, E, y)) / beta,
    },
    "mce": {"sigmoid": lambda F, torch, E, y: torch.sigmoid(gap(torch, E, y))},
    "lvq2": {"hardtanh": lambda F, torch, E, y, cap: F.hardtanh(gap(torch, E, y), 0.0, cap)},
    "lvq2_ratio": {
        "hardtanh": lambda F, torch, E, y, delta: F.hardtanh((ratio(torch, E, y) - 1.0) / delta, 0.0, 1.0)
    },
    "square_square": {"mse_loss+hinge_embedding_loss": mse_hinge_embedding},
    "square_exponential": {"mse_loss+exp": mse_exp},
    "nll": {
        "cross_entropy": lambda F, torch, E, y, beta: F.cross_entropy(-beta * E[None], label(torch, y)) / beta
    },
    "mee": {"softmax": lambda F, torch, E, y, beta: 1.0 - F.softmax(-beta * E, dim=0)[y]},
    "generalized_hinge": {"multi_margin_loss": multi_margin_loss_of_costs},
    # criteria: losses of a prediction and its target
    "squared_error": {"mse_loss": lambda F, torch, x, y: F.mse_loss(x, y)},
    "absolute_error": {"l1_loss": lambda F, torch, x, y: F.l1_loss(x, y)},
    "huber": {"huber_loss": lambda F, torch, x, y, delta: F.huber_loss(x, y, delta=delta)},
    "smooth_l1": {"smooth_l1_loss": lambda F, torch, x, y, beta: F.smooth_l1_loss(x, y, beta=beta)},
    "gaussian_nll": {"gaussian_nll_loss": lambda F, torch, m, v, y: F.gaussian_nll_loss(m, y, v, full=True)},
    "laplace_nll": {
        "distributions.Laplace": lambda F, torch, mu, b, t: -torch.distributions.Laplace(mu, b).log_prob(t)
    },
    "student_t_nll": {"distributions.StudentT": student_t},
    "negative_binomial_nll": {"distributions.NegativeBinomial": negative_binomial},
    "poisson_nll": {
        "poisson_nll_loss": lambda F, torch, h, y: F.poisson_nll_loss(
            h, torch.tensor(y, dtype=h.dtype), full=True
        )
    },
    "kl_divergence": {
        "kl_div": lambda F, torch, log_q, p: F.kl_div(log_q, p, reduction="sum"),
        "kl_div(mean)": lambda F, torch, log_q, p: F.kl_div(log_q, p, reduction="mean"),
    },
    "reduction_mean": {
        "nll_loss": lambda F, torch, l: F.nll_loss(-l[:, None], torch.zeros(len(l), dtype=int))
    },
    "reduction_sum": {
        "nll_loss": lambda F, torch, l: F.nll_loss(
            -l[:, None], torch.zeros(len(l), dtype=int), reduction="sum"
        )
    },
    "reduction_batchmean": {
        "kl_div": lambda F, torch, l: F.kl_div(-l, torch.ones_like(l), reduction="batchmean")
    },
    "reduction_class_weighted_mean": {"nll_loss": nll_loss_of_classes},
    "reduction_element_weighted_mean": {"l1_loss": l1_loss_weighted, "huber_loss": huber_loss_weighted},
    "reduction_by_target_length": {"ctc_loss": ctc_loss_mean},
    "cross_entropy": {"cross_entropy": lambda F, torch, z, y: F.cross_entropy(z[None], label(torch, y))},
    "nll_of_log_probabilities": {"nll_loss": lambda F, torch, lp, y: F.nll_loss(lp[None], label(torch, y))},
    "cross_entropy_of_probabilities": {
        "cross_entropy": lambda F, torch, z, t: F.cross_entropy(z[None], t[None])
    },
    "label_smoothing": {
        "cross_entropy": lambda F, torch, z, y, s: F.cross_entropy(
            z[None], label(torch, y), label_smoothing=s
        )
    },
    "binary_cross_entropy": {"binary_cross_entropy": lambda F, torch, p, t: F.binary_cross_entropy(p, t)},
    "binary_cross_entropy_with_logits": {
        "binary_cross_entropy_with_logits": lambda F, torch, z, t: F.binary_cross_entropy_with_logits(z, t)
    },
    "weighted_binary_cross_entropy": {
        "binary_cross_entropy_with_logits(pos_weight)": lambda F, torch, z, t, w: (
            F.binary_cross_entropy_with_logits(z, t, pos_weight=torch.tensor(w, dtype=z.dtype))
        ),
        "binary_cross_entropy_with_logits(weight)": lambda F, torch, z, t, w: (
            F.binary_cross_entropy_with_logits(z, t, weight=torch.tensor(w, dtype=z.dtype))
        ),
    },
    "class_weighted_cross_entropy": {
        "cross_entropy(sum)": lambda F, torch, z, y, w: F.cross_entropy(
            z[None], label(torch, y), weight=w, reduction="sum"
        ),
        "cross_entropy(mean)": lambda F, torch, z, y, w: F.cross_entropy(z[None], label(torch, y), weight=w),
    },
    # criteria: of pairs, of several classes, of distances
    "margin_ranking": {
        "margin_ranking_loss": lambda F, torch, x1, x2, y, m: F.margin_ranking_loss(
            x1, x2, sign(torch, x1, y), margin=m
        )
    },
    "soft_margin": {"soft_margin_loss": lambda F, torch, s, y: F.soft_margin_loss(s, sign(torch, s, y))},
    "hinge_embedding": {
        "hinge_embedding_loss": lambda F, torch, d, y, m: F.hinge_embedding_loss(
            d, sign(torch, d, y), margin=m
        )
    },
    "multi_margin": {
        "multi_margin_loss": lambda F, torch, x, y, p, m: F.multi_margin_loss(
            x[None], label(torch, y), p=p, margin=m
        )
    },
    "multilabel_margin": {"multilabel_margin_loss": lambda F, torch, x, y: F.multilabel_margin_loss(x, y)},
    "multilabel_soft_margin": {
        "multilabel_soft_margin_loss": lambda F, torch, x, y: F.multilabel_soft_margin_loss(
            x[None], y[None].to(x.dtype)
        )
    },
    "contrastive": {"mse_loss+hinge_embedding_loss": hinge_embedding_of_squares},
    "triplet_margin": {
        "triplet_margin_loss": lambda F, torch, a, p, n, m, q: F.triplet_margin_loss(a, p, n, margin=m, p=q)
    },
    "cosine_embedding": {
        "cosine_embedding_loss": lambda F, torch, x1, x2, y, m: F.cosine_embedding_loss(
            x1, x2, torch.tensor(y), margin=m
        )
    },
    # criteria: of sequences
    "ctc": {"ctc_loss": Padded(ctc_loss, 0.0), "ctc_loss(nan)": Padded(ctc_loss, float("nan"))},
    "ctc_of_logits": {
        "log_softmax+ctc_loss": Padded(ctc_loss_of_logits, 0.0),
        "log_softmax+ctc_loss(nan)": Padded(ctc_loss_of_logits, float("nan")),
    },
}

KNOWN = {
    ("log", "soft_margin_loss", "the exponential overflows"): "github.com/pytorch/pytorch/issues/77529",
    ("lvq2_ratio", "hardtanh", "zero times an infinite slope"): "not reported; inherent in reverse mode",
    (
        "soft_margin",
        "soft_margin_loss",
        "the exponential overflows",
    ): "github.com/pytorch/pytorch/issues/77529",
    ("cosine_embedding", "cosine_embedding_loss", "eps in the squared norms"): (
        "github.com/pytorch/pytorch/pull/5447"
    ),
    ("ctc", "ctc_loss", "gradient by the logits"): "github.com/pytorch/pytorch/issues/52241",
    ("ctc", "ctc_loss(nan)", "gradient by the logits"): "github.com/pytorch/pytorch/issues/52241",
}
