r"""Pseudolikelihood: predict each unit from all others.

    L(D) = -sum_i log p(x_i | rest) = sum_i log(1 + e^{-D_i})
    dL/dD_i = -sigma(-D_i),               sigma(t) = 1/(1 + e^-t)

x has n units of two values each, and D holds the flip differences D_i = E(x^i) - E(x) of flips.py.  Given the
rest, a unit has two values only, x and x^i, and Z is a sum of two terms, e^-E(x) (1 + e^{-D_i}).  The
product of these n conditional probabilities is no likelihood of x: it is larger where units copy each other.

It is the same function as conditional_nce.py, whose noise flips one unit.  That is why it needs no
Z, and why it is consistent.

In floating point: log(1 + e^-D) is softplus(-D).  Who takes the logarithm of a probability that was rounded
to 0, or raised to some floor before, loses the slope of exactly the units that are most wrong.

Conventions: the sum over units, of one datum.  Some average over units; some take one unit at random, n times
its term, which is the same in the mean and noisier.

Source: Besag (1975), "Statistical Analysis of Non-Lattice Data"; Hyvarinen (2006), for Boltzmann machines.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.learning.flips import (
    adds_up,
    always_downhill,
    check_differences,
    neighbours_renamed,
    random_differences,
    refusals,
)
from ebm_ref.numerics import logsumexp, sigmoid, softplus, total


def pseudolikelihood(flip_differences):
    """Negative log-pseudolikelihood of one datum of two-valued units.

    Parameters
    ----------
    flip_differences : (n,) float, n >= 1
        D_i = E(x^i) - E(x), flipped less datum; +inf where the flipped state is impossible, which costs
        nothing.

    Returns
    -------
    float
        >= 0, in nats; n log 2 where no flip changes the energy.

    Raises ValueError if there is no unit, or if a difference is -inf or no number: an impossible datum.

    >>> float(pseudolikelihood(np.log([3.0, 1.0 / 3.0])).round(12))  # -log 3/4 - log 1/4
    1.673976433572
    """
    (D,) = FORMULA.checked(flip_differences)
    return total(softplus(-D))


def pseudolikelihood_gradient(flip_differences):
    """dL/dD, shape (n,): -sigma(-D_i), minus the probability that unit i has its other value."""
    (D,) = FORMULA.checked(flip_differences)
    return -sigmoid(-D)


def rules(flip_differences):
    """Units, and a datum that is possible."""
    check_differences("flip_differences", flip_differences)


LOG3, LOG7 = np.log([3.0, 7.0])
FLOOR = 1e-20

FORMULA = Formula(
    value=pseudolikelihood,
    signature="(n)->()",
    source="besag1975; hyvarinen2006",
    gradients={"flip_differences": pseudolikelihood_gradient},
    sample=random_differences("flip_differences"),
    laws=(
        laws.non_negative,
        laws.convex_in("flip_differences"),
        neighbours_renamed,
        always_downhill,
        adds_up,
    ),
    cases={  # D, L, dL/dD, the mistake that it exposes
        "odds of 3 for and against": Case(
            ([LOG3, -LOG3],), np.log(16.0 / 3.0), [-0.25, -0.75], "half of the difference"
        ),
        "undecided, and seven to one": Case(
            ([0.0, LOG7],), np.log(16.0 / 7.0), [-0.5, -0.125], "datum and flip exchanged"
        ),
        "hopeless: no probability may be floored": Case(
            ([-2000.0, 0.0],), 2000.0 + np.log(2.0), [-1.0, -0.5], "probability floored"
        ),
        "three units, one of them sure": Case(
            ([800.0, 0.0, -LOG3],), np.log(8.0), [0.0, -0.5, -0.75], "mean over the units"
        ),
        "a flip that is impossible": Case(([np.inf, 0.0],), np.log(2.0), [0.0, -0.5]),
    },
    variants={
        "datum and flip exchanged": Mistake(
            lambda D: np.sum(softplus(D)),
            {"flip_differences": lambda D: sigmoid(D)},
            symptom="every unit is taught the opposite of the data",
        ),
        "half of the difference": Mistake(
            lambda D: np.sum(softplus(-0.5 * D)),
            {"flip_differences": lambda D: -0.5 * sigmoid(-0.5 * D)},
            symptom="spins: the field h_i + sum J s in place of twice it; couplings come out twice too large",
        ),
        "probability floored": Mistake(
            lambda D: -np.sum(np.log(np.maximum(sigmoid(D), FLOOR))),
            {"flip_differences": lambda D: np.where(sigmoid(D) > FLOOR, -sigmoid(-D), 0.0)},
            symptom="no unit costs more than 46.05, and the most wrong ones have no slope",
        ),
        "mean over the units": Convention(
            lambda D: np.mean(softplus(-D)),
            {"flip_differences": lambda D: -sigmoid(-D) / len(D)},
            seen_in="Sohl-Dickstein/Minimum-Probability-Flow-Learning, PL_RBM.m; asked for in "
            "github.com/scikit-learn/scikit-learn/issues/23179",
            symptom="the same minimum; comparable between machines of different size",
        ),
        "first unit alone, times n": Convention(
            lambda D: len(D) * softplus(-D[0]),
            {"flip_differences": lambda D: np.where(np.arange(len(D)) == 0, -len(D) * sigmoid(-D), 0.0)},
            seen_in="scikit-learn, documentation of BernoulliRBM.score_samples: one unit chosen at random",
            symptom="right in the mean over a unit that is drawn, and as noisy as the units differ",
        ),
        "one softmax over all": Mistake(
            lambda D: logsumexp(np.append(0.0, -D)),
            {"flip_differences": lambda D: -np.exp(-D - logsumexp(np.append(0.0, -D)))},
            symptom="log(1 + sum e^{-D_j}): right for one alone",
        ),
    },
    rules=rules,
    refuses=refusals("flip_differences"),
)
