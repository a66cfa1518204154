r"""Multi-class margin: every wrong class must score less than the right one, by a margin.

    L       = (1/k) sum_{i != y} v_i^p         v_i = max(0, m - x_y + x_i)
    dL/dx_i = (p/k) v_i^{p-1}                  where i != y and v_i > 0, else 0
    dL/dx_y = -(p/k) sum_{i != y} v_i^{p-1}    over those with v_i > 0

Here p is a power, 1 or 2, and x_i is the score of class i: higher is better.

This is the hinge of Weston and Watkins: all classes within the margin are pushed down, and the right one is
pulled up with the force of all.  For energies E = -x, p = 1 and costs m, k L is the generalised hinge.

p = 2 has no corner, but is less robust: a violation of 10 pulls ten times as hard as one of 1.

The frameworks divide by k, the papers do not: one violator weighs less, the more classes there are.

Source: Weston and Watkins (1999), "Support vector machines for multi-class pattern recognition";
division by k as in PyTorch's MultiMarginLoss.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require, require_index, require_one_of
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import total


def multi_margin(scores, label: int, p=1, margin=1.0):
    """Multi-class margin loss of one sample.

    Parameters
    ----------
    scores : (k,) float, k >= 1
        Score x_i of each class; higher is better.  A NaN gives a NaN loss, unless k = 1.
    label : int
        Index y of the right class.
    p : int
        Power of a violation: 1 or 2.
    margin : float
        Required gap m >= 0, in units of score.

    Returns
    -------
    float
        >= 0, in units of score to the power p; zero exactly when every wrong class scores at least
        `margin` less than the right one.  A single class has nothing to beat: 0.

    Raises ValueError if `label` is not in 0..k-1, if p is neither 1 nor 2, or if the margin is negative.

    >>> float(multi_margin(np.array([0.0, 1.5, 0.5, -4.0]), 0))  # (2.5 + 1.5) / 4
    1.0
    """
    x, y, p, m = FORMULA.checked(scores, label, p, margin)
    return total(violations(x, y, m) ** p) / len(x)


def multi_margin_gradient(scores, label: int, p=1, margin=1.0):
    """dL/dx, shape (k,): p v_i^(p-1) / k at every violator, minus their sum at y; zero at each corner."""
    x, y, p, m = FORMULA.checked(scores, label, p, margin)
    v = violations(x, y, m)
    g = np.full(len(x), np.nan) if np.isnan(v.max()) else (v > 0.0) * (p / len(x)) * v ** (p - 1)
    g[y] = -total(g)  # 0 so far: y does not compete with itself
    return g


def violations(x, y, m):
    """v_i = max(0, m - x_y + x_i) of every class, 0 for y itself."""
    is_wrong = np.arange(len(x)) != y
    return np.where(is_wrong, np.maximum(0.0, m + (x - x[y])), 0.0)


def rules(scores, label, p, margin):
    """A right class, a power, and a margin."""
    require_index("label", label, len(scores))
    require_one_of("p", p, 1, 2)
    require(margin >= 0.0, "margin", margin, "must be >= 0")


def homogeneous_of_degree_p(formula, inputs, rng):
    """f(a scores, a margin) = a^p f(scores, margin) for every a > 0."""
    return laws.homogeneous(int(inputs["p"]), scores=1, margin=1)(formula, inputs, rng)


def random_scores(rng):
    """Scores in general position: 2 to 5 classes, any of them right."""
    k = int(rng.integers(2, 6))
    return {"scores": rng.normal(scale=1.5, size=k), "label": int(rng.integers(k))}


FORMULA = Formula(
    value=multi_margin,
    signature="(k),(),(),()->()",
    source="weston1999; divided by k as in PyTorch",
    gradients={"scores": multi_margin_gradient},
    sample=lambda rng: random_scores(rng) | {"p": rng.integers(1, 3), "margin": rng.uniform(0.3, 2.0)},
    laws=(
        laws.non_negative,
        laws.shift_invariant_in("scores"),
        laws.permutation_invariant,
        laws.convex_in("scores"),
        laws.gradient_sums_to("scores", 0.0),
        homogeneous_of_degree_p,
    ),
    cases={  # (scores, label, p, margin), L, dL/dx, the mistake that it exposes
        "two violators of three": Case(
            ([0.0, 1.5, 0.5, -4.0], 0, 1, 1.0),
            1.0,
            [-0.5, 0.25, 0.25, 0.0],
            "not divided by the number of classes",
        ),
        "squared": Case(
            ([0.0, 1.5, 0.5, -4.0], 0, 2, 1.0), 2.125, [-2.0, 1.25, 0.75, 0.0], "power forgotten"
        ),
        "the documentation's example, by hand: (0.3 + 0.4 + 0.6) / 4": Case(
            ([0.1, 0.2, 0.4, 0.8], 3, 1, 1.0),
            0.325,
            [0.25, 0.25, 0.25, -0.75],
            "minus before the wrong score",
        ),
        "separated: nothing moves": Case(
            ([3.0, 0.0, 1.0], 0, 1, 1.0), 0.0, np.zeros(3), "right class left in the sum"
        ),
        "at the corner: a gap of exactly m is enough": Case(
            ([2.0, 1.0, 1.5, -1.0], 0, 1, 1.0), 0.125, [-0.25, 0.0, 0.25, 0.0]
        ),
        "energies: the generalised hinge of E = -x is k times as much": Case(
            ([-1.0, -0.5, -2.0, -3.0], 0, 1, 1.0), 0.375, [-0.25, 0.25, 0.0, 0.0], "highest wrong score alone"
        ),
        "energies, more of them near": Case(
            ([0.0, 0.5, -0.5, -0.75], 0, 1, 1.0), 0.5625, [-0.75, 0.25, 0.25, 0.25]
        ),
        "each squared": Case(([0.0, 0.0, 0.0], 0, 2, 1.0), 2 / 3, exposes="power of the sum"),
        "one class": Case(([5.0], 0, 1, 1.0), 0.0),
        "an impossible wrong class is far enough": Case(([0.0, -np.inf], 0, 2, 1.0), 0.0, np.zeros(2)),
        "not a number": Case(([0.0, np.nan, 1.0], 0, 1, 1.0), np.nan, np.full(3, np.nan)),
    },
    variants={
        "not divided by the number of classes": Convention(
            lambda x, y, p=1, m=1.0: len(x) * multi_margin(x, y, p, m),
            {"scores": lambda x, y, p=1, m=1.0: len(x) * multi_margin_gradient(x, y, p, m)},
            seen_in="Weston and Watkins (1999)",
        ),
        "highest wrong score alone": Convention(
            lambda x, y, p=1, m=1.0: np.maximum(0.0, m - x[y] + np.max(np.delete(x, y), initial=-np.inf)),
            {"scores": lambda x, y, p=1, m=1.0: _highest_wrong_gradient(x, y, m)},
            seen_in="scikit-learn, documentation of hinge_loss: Crammer and Singer's",
            symptom="one class pushed down a step, and no division by k",
        ),
        "minus before the wrong score": Mistake(
            lambda x, y, p=1, m=1.0: np.sum(np.maximum(0.0, m - x[y] - np.delete(x, y)) ** p) / len(x),
            seen_in="PyTorch, printed formula with weights, github.com/pytorch/pytorch/issues/7237",
            symptom="all scores are driven up together",
        ),
        "power forgotten": Mistake(
            lambda x, y, p=1, m=1.0: multi_margin(x, y, 1, m),
            {"scores": lambda x, y, p=1, m=1.0: multi_margin_gradient(x, y, 1, m)},
        ),
        "power of the sum": Mistake(
            lambda x, y, p=1, m=1.0: total(violations(x, y, m)) ** p / len(x),
            symptom="right for p = 1, or one violator",
        ),
        "right class left in the sum": Mistake(
            lambda x, y, p=1, m=1.0: np.sum(np.maximum(0.0, m - x[y] + x) ** p) / len(x),
            symptom="the loss never falls below m^p / k; the gradient is right",
        ),
    },
    rules=rules,
    refuses={  # (scores, label, p, margin), the argument to blame
        "a label beyond the classes": (([1.0, 2.0, 3.0], 3), "label"),
        "a label counted from the end": (([1.0, 2.0, 3.0], -1), "label"),
        "a label that is no integer": (([1.0, 2.0, 3.0], 1.0), "label"),
        "no class": (([], 0), "label"),
        "a third power": (([1.0, 2.0, 3.0], 0, 3), "p"),
        "a power between 1 and 2": (([1.0, 2.0, 3.0], 0, 1.5), "p"),
        "a negative margin": (([1.0, 2.0, 3.0], 0, 1, -1.0), "margin"),
        "a margin that is no number": (([1.0, 2.0, 3.0], 0, 2, np.nan), "margin"),
    },
)


def _highest_wrong_gradient(x, y, m):
    """The gradient of the highest wrong score alone: -1 at y, 1 at the offender."""
    wrong = np.where(np.arange(len(x)) == y, -np.inf, x)
    o = np.argmax(wrong)
    return np.sign(np.maximum(0.0, m - x[y] + wrong[o])) * (np.eye(len(x))[o] - np.eye(len(x))[y])
