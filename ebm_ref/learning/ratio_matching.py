r"""Ratio matching: get the ratio of each pair of neighbours right, in squares.

    L(D) = sum_i sigma(-D_i)^2,           sigma(t) = 1/(1 + e^-t)
    dL/dD_i = -2 sigma(-D_i)^2 sigma(D_i)

D holds the flip differences D_i = E(x^i) - E(x) of flips.py.  Let b = p(x^i) / (p(x) + p(x^i)) be the
model's share of x^i in the pair, which is sigma(-D_i) and knows no Z, and a that of the data.  Wanted is
the mean of (a - b)^2 over data and units.  A datum x of the pair contributes b^2 and a datum x^i
contributes (1 - b)^2; weighted by the shares 1 - a and a these make (a - b)^2 + a (1 - a).  So the mean of
L is the squared distance of all the shares plus what does not depend on the model.  There is no 1/2: the
pair counts (a - b)^2 for each of its two shares, half of which is taken.

It is score matching for bits.  No flip costs more than 1, however wrong: an outlier pulls no harder than
others, and a unit that is very wrong hardly at all, so that a bad start learns slowly.

In floating point: the cube of 1 + e^-|D| has three times its rounding error.  What was lost is known exactly,
e - ((1 + e) - 1), and given back.

Source: Hyvarinen (2007), "Some Extensions of Score Matching".
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
from ebm_ref.numerics import sigmoid, total


def ratio_matching(flip_differences):
    """Ratio matching loss of one datum of two-valued units.

    Parameters
    ----------
    flip_differences : (n,) float, n >= 1
        D_i = E(x^i) - E(x), flipped less datum; +inf where the flipped state is impossible, which costs
        nothing.

    Returns
    -------
    float
        In [0, n]; n/4 where no flip changes the energy.

    Raises ValueError if there is no unit, or if a difference is -inf or no number: an impossible datum.

    >>> float(ratio_matching(np.log([3.0, 1.0 / 3.0])).round(12))  # 1/16 + 9/16
    0.625
    """
    (D,) = FORMULA.checked(flip_differences)
    e, d, lost = odds(D)
    above = np.where(D > 0.0, e * e, 1.0)
    return total((above - 2.0 * lost * above) / (d * d))


def ratio_matching_gradient(flip_differences):
    """dL/dD, shape (n,): -2 sigma(-D_i)^2 sigma(D_i), steepest at a share of 2/3."""
    (D,) = FORMULA.checked(flip_differences)
    e, d, lost = odds(D)
    above = np.where(D > 0.0, e * e, e)
    return -2.0 * (above - 3.0 * lost * above) / (d * d * d)


def odds(D):
    """e = e^-|D|, d = 1 + e, and what d lost when it was rounded, as a share of it."""
    e = np.exp(-np.abs(D))
    d = 1.0 + e
    return e, d, (e - (d - 1.0)) / d


def rules(flip_differences):
    """Units, and a datum that is possible."""
    check_differences("flip_differences", flip_differences)


def no_flip_costs_more_than_one(formula, inputs, rng):
    """L <= n, and no slope is steeper than 8/27, however wrong the datum: robust."""
    [(argument, D)] = inputs.items()
    far = {argument: D * rng.choice([1.0, 100.0])}
    steepest = np.max(np.abs(formula.gradients[argument](**far)))
    return max(formula.value(**far) / len(D), steepest / (8 / 27 * (1.0 + 16 * laws.UNIT)))


LOG3, LOG9 = np.log([3.0, 9.0])

FORMULA = Formula(
    value=ratio_matching,
    signature="(n)->()",
    source="hyvarinen2007",
    gradients={"flip_differences": ratio_matching_gradient},
    sample=random_differences("flip_differences"),
    laws=(laws.non_negative, neighbours_renamed, always_downhill, adds_up, no_flip_costs_more_than_one),
    cases={  # D, L, dL/dD, the mistake that it exposes
        "odds of 3 for and against: 1/16 + 9/16": Case(
            ([LOG3, -LOG3],), 0.625, [-0.09375, -0.28125], "field in place of twice the field"
        ),
        "undecided, and nine to one: 1/4 + 1/100": Case(
            ([0.0, LOG9],), 0.26, [-0.25, -0.018], "datum and flip exchanged"
        ),
        "two to one against, three times: steepest": Case(
            ([-np.log(2.0)] * 3,), 4 / 3, [-8 / 27] * 3, "share not squared"
        ),
        "hopeless, and sure: e^-80 is left of the second": Case(
            ([-800.0, 40.0],), 1.0, [-0.0, -3.6097027756908306e-35], "both shares multiplied"
        ),
        "a flip that is impossible": Case(([np.inf, 0.0],), 0.25, [0.0, -0.25]),
    },
    variants={
        "datum and flip exchanged": Mistake(
            lambda D: np.sum(sigmoid(D) ** 2),
            {"flip_differences": lambda D: 2.0 * sigmoid(D) ** 2 * sigmoid(-D)},
            symptom="every unit is taught the opposite of the data",
        ),
        "field in place of twice the field": Mistake(
            lambda D: np.sum(sigmoid(-0.5 * D) ** 2),
            {"flip_differences": lambda D: -(sigmoid(-0.5 * D) ** 2) * sigmoid(0.5 * D)},
            symptom="spins: D/2 = s_i (h_i + sum J s) in place of D; couplings come out twice too large",
        ),
        "share not squared": Mistake(
            lambda D: np.sum(sigmoid(-D)),
            {"flip_differences": lambda D: -sigmoid(-D) * sigmoid(D)},
            symptom="not consistent: each unit's most probable value becomes certain",
        ),
        "both shares multiplied": Mistake(
            lambda D: np.sum(sigmoid(-D) * sigmoid(D)),
            {"flip_differences": lambda D: sigmoid(-D) * sigmoid(D) * (sigmoid(-D) - sigmoid(D))},
            symptom="sigma (1 - sigma) for the square: what is wrong for certain costs nothing",
        ),
        "one half in front": Convention(
            lambda D: 0.5 * np.sum(sigmoid(-D) ** 2),
            {"flip_differences": lambda D: -(sigmoid(-D) ** 2) * sigmoid(D)},
            symptom="the same minimum, half the step",
        ),
    },
    rules=rules,
    refuses=refusals("flip_differences"),
)
