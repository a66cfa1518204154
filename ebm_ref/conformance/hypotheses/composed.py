r"""Composed formulas: a mistake of one page in a formula that is made of it.

    ctc_of_logits(z, y)  = ctc(log softmax z, y)
    nll(E, y, beta)      = E_y - free_energy(E, beta)
    gaussian_mixture(x)  = -log of the sum of e^{-gaussian_mixture_energy(x, k)} over k

Who writes the outer formula writes the inner one on the way, and the mistakes of that page are his as well.
Each variant of the inner page is put in its place; gradients are derived as a variant's are.  With the page's
own value there the outer formula comes out, which the tests ask of every line.  A sum over all sequences or
settings stands in no line, since nobody waits for it on long vectors.

Source: the equations are those of the pages and of proof/identities.
"""

import functools
from dataclasses import replace

import autograd.numpy as np

from ebm_ref import numerics
from ebm_ref.conformance.hypotheses.variants import of_variant
from ebm_ref.formula import Mistake


def of_components(energy):
    """Minus the logarithm of a sum over components."""
    return lambda x, *parts: (
        -numerics.logsumexp(np.array([-energy(x, *parts, k) for k in range(len(parts[0]))]))
    )


# (outer, inner): the outer formula's value, of the inner's
COMPOSED = {
    ("ctc_of_logits", "ctc"): lambda f: (
        lambda z, y, blank=0: f(np.array([numerics.log_softmax(row) for row in z]), y, blank)
    ),
    ("cross_entropy", "nll_of_log_probabilities"): lambda f: lambda z, y: f(numerics.log_softmax(z), y),
    ("cross_entropy", "nll"): lambda f: lambda z, y: f(-z, y, 1.0),
    ("softmax", "cross_entropy"): lambda f: lambda W, x, y: f(W @ x, y),
    ("info_nce", "cross_entropy"): lambda f: lambda s, y, temperature: f(s / temperature, y),
    ("class_weighted_cross_entropy", "cross_entropy"): lambda f: lambda z, y, w: w[y] * f(z, y),
    ("binary_cross_entropy_with_logits", "binary_cross_entropy"): lambda f: (
        lambda z, t: f(numerics.sigmoid(z), t)
    ),
    ("balanced_focal", "focal"): lambda f: (
        lambda z, t, gamma, alpha: alpha * t * f(z, 1.0, gamma) + (1.0 - alpha) * (1.0 - t) * f(z, 0.0, gamma)
    ),
    ("nll", "free_energy"): lambda f: lambda E, y, beta=1.0: E[y] - f(E, beta),
    ("average_free_energy", "free_energy"): lambda f: lambda E, beta=1.0: f(E, beta) + np.log(len(E)) / beta,
    ("squared_hinge", "hinge"): lambda f: lambda E, y, margin=1.0: f(E, y, margin) ** 2,
    ("vae", "vae_divergence"): lambda f: (
        lambda x, m, u, noise, W, beta=1.0: (
            f(m, u, beta) + 0.5 * np.sum((x - W @ (m + np.exp(u / 2) * noise)) ** 2)
        )
    ),
    ("linear_structured", "chain"): lambda f: lambda W, T, X, y: f(X @ W.T, T, y),
    ("gaussian_mixture", "gaussian_mixture_energy"): of_components,
}


@functools.cache
def inherited(formula):
    """Hypotheses: a variant of an inner page's value, in the formula that is made of it."""
    from ebm_ref import FORMULAS

    name = next((name for name, f in FORMULAS.items() if f is formula), "")
    inner = [(make, page) for (outer, page), make in COMPOSED.items() if outer == name]
    return [
        in_its_place(formula, variant, page, make)
        for make, page in inner
        for variant in FORMULAS[page].variants
        if variant.value
    ]


def in_its_place(formula, variant, page, make):
    """The outer formula of a variant of the inner one, as a hypothesis a little farther off than its own."""
    whole = Mistake(make(variant.value), name=f"{variant.name}, as a mistake of {page}")
    return replace(of_variant(formula, whole), kind="slip", rank=0.5)
