r"""Poly-1: cross-entropy, with its first term weighed anew.

    L(z, y) = -log p_y + eps (1 - p_y),       p_j = e^{z_j} / sum_i e^{z_i}
    dL/dz_j = (1 + eps p_y) (p_j - [j = y])

Cross-entropy is a series in q = 1 - p_y, the share of the wrong classes: -log p_y = q + q^2/2 + q^3/3 + ...
Nobody has said that 1, 1/2, 1/3 are the best weights.  This loss changes the first one, by eps >= -1 on
this page: far more than the others it rules the samples that are nearly right, where q is small.
eps = 0 is cross_entropy; eps > 0 keeps pulling where that has become content, and eps < 0 lets go
earlier.  At eps = -1 the first term is gone, and L falls with q^2.

Below -1 the loss would reward a little error: it would be lowest where p_y < 1.

1 - p_y is what the others have together, and added up from them it keeps its digits.

Source: Leng et al. (2022), "PolyLoss: A Polynomial Expansion Perspective of Classification Loss
Functions", equation (6).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.criteria.cross_entropy import NO_LOGITS, check_scores, misplaced, random_logits, surprise
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.numerics import softmax


def poly_1_as_printed(logits, label: int, epsilon=1.0):
    """With p_y, word by word: near certainty 1 - p_y is 0, and so is the logarithm.

    >>> z = np.array([40.0, 0.0])
    >>> float(poly_1_as_printed(z, 0)), float(poly_1(z, 0))
    (0.0, 8.496708510583178e-18)
    """
    z, y, eps = FORMULA.checked(logits, label, epsilon)
    p = np.exp(z - np.max(z)) / np.sum(np.exp(z - np.max(z)))
    return -np.log(p[y]) + eps * (1.0 - p[y])


def poly_1(logits, label: int, epsilon=1.0):
    """Poly-1 loss of one sample.

    Parameters
    ----------
    logits : (k,) float, k >= 1
        Score z_j of each class; higher is better; -inf marks an impossible one.  A NaN gives a NaN loss.
    label : int
        Index y of the true class.
    epsilon : float
        eps >= -1, finite: what is added to the weight 1 of the first term; 0 is cross-entropy.

    Returns
    -------
    float
        >= 0, in nats.

    Raises ValueError if k < 1, if a logit is +inf or all are -inf, if `label` is not in 0..k-1, or if eps
    is below -1 or infinite.

    >>> float(poly_1(np.zeros(4), 0, 2.0).round(6))  # log 4 + 2 (1 - 1/4)
    2.886294
    """
    z, y, eps = FORMULA.checked(logits, label, epsilon)
    return surprise(z, y) + eps * share_of_the_others(z, y)


def poly_1_gradient(logits, label: int, epsilon=1.0):
    """dL/dz, shape (k,): (1 + eps p_y) times that of cross-entropy."""
    z, y, eps = FORMULA.checked(logits, label, epsilon)
    g = misplaced(z, y)
    q = -g[y]
    return ((1.0 + eps) * softmax(z)[y] + q) * g  # at eps = -1 this is q g, where 1 - p_y would cancel


def share_of_the_others(z, y):
    """1 - p_y, added up from the others."""
    return np.sum(np.where(np.arange(len(z)) == y, 0.0, softmax(z)))


def rules(logits, label, epsilon):
    """What cross-entropy asks for, and a first weight that is not negative."""
    check_scores(logits, label)
    require(not (epsilon < -1.0 or epsilon == np.inf), "epsilon", epsilon, "must be >= -1 and finite")


def first_term_reweighed(formula, inputs, rng):
    """L(eps) - L(0) = eps (1 - p_y), and p_y is what L(0) says: the rest of the series is untouched."""
    plain = inputs | {"epsilon": 0.0}
    q = -np.expm1(-formula.value(**plain))
    error = abs(formula.value(**inputs) - formula.value(**plain) - inputs["epsilon"] * q)
    return error / (16 * laws.UNIT * (laws.condition(formula, inputs) + laws.condition(formula, plain) + q))


FORMULA = Formula(
    value=poly_1,
    signature="(k),(),()->()",
    source="leng2022, equation (6)",
    gradients={"logits": poly_1_gradient},
    sample=lambda rng: random_logits(rng) | {"epsilon": rng.uniform(-0.9, 4.0)},
    laws=(
        laws.shift_invariant_in("logits"),
        laws.permutation_invariant,
        laws.non_negative,
        laws.gradient_sums_to("logits", 0.0),
        first_term_reweighed,
    ),
    cases={  # (logits, label, epsilon), L, dL/dz, the mistake that it exposes
        "nothing known: log 4 + 3/2": Case(
            ([1.0, 1.0, 1.0, 1.0], 2, 2.0),
            np.log(4.0) + 1.5,
            [0.375, 0.375, -1.125, 0.375],
            "share of the true class added",
        ),
        "odds of 3 to 1": Case(
            ([np.log(3.0), 0.0], 0, 4.0), np.log(4.0 / 3.0) + 1.0, [-1.0, 1.0], "first term held fixed"
        ),
        "odds of 1 to 3": Case(
            ([0.0, np.log(3.0)], 0, 4.0), np.log(4.0) + 3.0, [-1.5, 1.5], "eps in place of 1 + eps"
        ),
        "eps 0 is cross-entropy": Case(
            ([2.0, 0.5, 0.1], 0, 0.0),
            0.3167787140575284,
            [-0.27150805768314723, 0.16254852375600007, 0.10895953392714718],
        ),
        "eps -1: the first term is gone": Case(
            ([0.0, 0.0], 0, -1.0), np.log(2.0) - 0.5, [-0.25, 0.25], "averaged over the classes"
        ),
        "near certain: both terms are e^-40": Case(
            ([40.0, 0.0], 0, 1.0),
            8.496708510583178e-18,
            [-8.496708510583178e-18, 8.496708510583178e-18],
            "one minus a rounded share",
        ),
        "hopeless: 800, and one more": Case(([0.0, 800.0], 0, 1.0), 801.0, [-1.0, 1.0]),
        "one class is always right": Case(([-3.0], 0, 2.0), 0.0, np.zeros(1)),
        "an impossible true class": Case(([1.0, -np.inf, 1.0], 1, 2.0), np.inf, [0.5, -1.0, 0.5]),
        "not a number": Case(([0.0, np.nan, 1.0], 0, 2.0), np.nan, np.full(3, np.nan)),
    },
    variants={
        "share of the true class added": Mistake(
            lambda z, y, eps=1.0: surprise(z, y) + eps * softmax(z)[y],
            lambda z, y, eps=1.0: (1.0 - eps * softmax(z)[y]) * misplaced(z, y),
            symptom="eps p_y in place of eps (1 - p_y): what is right is punished",
        ),
        "first term held fixed": Mistake(
            None,
            lambda z, y, eps=1.0: misplaced(z, y),
            symptom="p_y taken from a detached softmax: the loss is reported, cross-entropy is trained",
        ),
        "eps in place of 1 + eps": Mistake(
            lambda z, y, eps=1.0: surprise(z, y) + (eps - 1.0) * share_of_the_others(z, y),
            lambda z, y, eps=1.0: (1.0 + (eps - 1.0) * softmax(z)[y]) * misplaced(z, y),
            symptom="eps is added to the weight 1, and does not replace it",
        ),
        "averaged over the classes": Mistake(
            lambda z, y, eps=1.0: surprise(z, y) + eps * share_of_the_others(z, y) / len(z),
            lambda z, y, eps=1.0: (1.0 + eps * softmax(z)[y] / len(z)) * misplaced(z, y),
            symptom="a mean over one-hot times 1 - p, where a sum is due",
        ),
        "one minus a rounded share": Mistake(
            lambda z, y, eps=1.0: surprise(z, y) + eps * (1.0 - softmax(z)[y]),
            symptom="right in absolute terms only: 0 where 4e-18 is left",
        ),
        "sigmoid for the softmax": Mistake(
            lambda z, y, eps=1.0: surprise(z, y) + eps / (1.0 + np.exp(z[y])),
            symptom="1 - p_y of the true class by itself: the others' logits are not read",
        ),
        "eps times the whole": Mistake(lambda z, y, eps=1.0: (1.0 + eps) * surprise(z, y)),
        "1 - p_y squared": Mistake(
            lambda z, y, eps=1.0: surprise(z, y) + eps * share_of_the_others(z, y) ** 2
        ),
    },
    as_printed=poly_1_as_printed,
    rules=rules,
    refuses=NO_LOGITS
    | {
        "an eps below -1": (([1.0, 2.0, 3.0], 0, -1.5), "epsilon"),
        "an infinite eps": (([1.0, 2.0, 3.0], 0, np.inf), "epsilon"),
    },
)
