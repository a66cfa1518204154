r"""Square-square loss: pull the correct answer down to 0 and the offender up to the margin.

    L(E, y) = E_y^2 + max(0, m - E_o)^2,        o = argmin_{j != y} E_j
    dL/dE_j = 2 E_y [j = y] - 2 max(0, m - E_o) [j = o]

The two energies are treated separately, each against an absolute level: E_y is pulled to 0, and E_o
is pushed up until it reaches m, wherever E_y may be.  So this loss belongs to energies that are
bounded below by 0: a distance, a reconstruction error.  With an energy that can be negative the first
term pushes E_y *up* to 0; nothing here forbids it, but do not use it so.  If the energy is a distance
the loss is, up to a factor 1/2, the contrastive loss of Hadsell et al. (2006), for a like and an
unlike pair at once.

The sign between the terms is a plus.  Table 1 of the tutorial prints a minus, which would reward low
offenders.

Source: LeCun et al. (2006), Section 2.2 and Table 1 (margin: m; the sign there is an erratum).
"""

import autograd.numpy as np

from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in_energies, homogeneous, non_negative, permutation_invariant
from ebm_ref.losses.offending import offender
from ebm_ref.losses.table import NO_MARGINS, NO_TABLES, check_margin, random_table


def square_square(energies, label: int, margin=1.0):
    """Square-square loss of one sample.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; meant to be >= 0, any sign accepted.  A NaN at y or o gives a NaN loss.
    label : int
        Index y of the correct answer.
    margin : float
        Level m >= 0 that the most offending answer must reach, in units of energy.

    Returns
    -------
    float
        >= 0, in units of energy squared; zero when E_y = 0 and every wrong answer lies at m or above.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, or if the margin is negative.

    >>> float(square_square(np.array([1.0, 0.5, 2.0, 3.0]), label=0))
    1.25
    """
    E, y, m = FORMULA.checked(energies, label, margin)
    o = offender(E, y)
    return E[y] ** 2 + np.maximum(0.0, m - E[o]) ** 2


def square_square_gradient(energies, label: int, margin=1.0):
    """dL/dE, shape (k,): 2 E_y at y, -2 max(0, m - E_o) at o, zero elsewhere; a corner at ties of o."""
    E, y, m = FORMULA.checked(energies, label, margin)
    o = offender(E, y)
    short = np.maximum(0.0, m - E[o])
    g = np.full(len(E), np.nan if np.isnan(E[y]) or np.isnan(short) else 0.0)
    g[y] += 2.0 * E[y]
    g[o] -= 2.0 * short
    return g


FORMULA = Formula(
    value=square_square,
    signature="(k),(),()->()",
    source="lecun2006, Section 2.2; Table 1 has the sign wrong",
    gradients={"energies": square_square_gradient},
    sample=lambda rng: random_table(rng) | {"margin": rng.uniform(0.2, 2.0)},
    laws=(permutation_invariant, non_negative, convex_in_energies, homogeneous(2, energies=1, margin=1)),
    cases={  # (energies, label, margin), L, dL/dE, the mistake that it exposes
        "both terms pull": Case(
            ([1.0, 0.5, 2.0, 3.0], 0, 1.0), 1.25, [2.0, -1.0, 0.0, 0.0], "minus between the terms"
        ),
        "the margin is a level, and its distance is squared": Case(
            ([0.0, 1.0], 0, 3.0), 4.0, [0.0, -4.0], "second term not squared"
        ),
        "high enough: the offender must reach m, not beat E_y by m": Case(
            ([0.5, 1.25], 0, 1.0), 0.25, [1.0, 0.0], "margin between the energies"
        ),
        "at the margin nothing pulls, without a corner": Case(([0.0, 1.0], 0, 1.0), 0.0, np.zeros(2)),
        "a negative energy is pushed up: not what one wants": Case(([-1.0, 2.0], 0, 1.0), 1.0, [-2.0, 0.0]),
        "a margin of zero asks only for a positive offender": Case(([1.0, -2.0], 0, 0.0), 5.0, [2.0, -4.0]),
        "an impossible wrong answer": Case(([1.0, np.inf], 0, 1.0), 1.0),
        "not a number": Case(([0.0, np.nan, 1.0], 0, 1.0), np.nan),
        "two wrong answers below the margin: the lower one is pulled up": Case(
            ([0.5, 0.25, 0.75], 0, 1.0), 0.8125, [1.0, -1.5, 0.0], "every wrong answer pulled up"
        ),
    },
    variants={
        "minus between the terms": Mistake(
            lambda E, y, m=1.0: E[y] ** 2 - np.maximum(0.0, m - np.min(np.delete(E, y))) ** 2,
            seen_in="LeCun et al. (2006), Table 1; NYU DLSP20 week 14-2",
            symptom="the offender is pushed down: training collapses",
        ),
        "second term not squared": Mistake(
            lambda E, y, m=1.0: E[y] ** 2 + np.maximum(0.0, m - np.min(np.delete(E, y))),
            symptom="a constant pull up to the margin, and a corner there",
        ),
        "margin between the energies": Mistake(
            lambda E, y, m=1.0: E[y] ** 2 + np.maximum(0.0, m + E[y] - np.min(np.delete(E, y))) ** 2,
            symptom="a squared hinge: the offender must beat E_y by m, not reach m",
        ),
        "every wrong answer pulled up": Mistake(
            lambda E, y, m=1.0: (
                E[y] ** 2 + np.sum(np.where(np.arange(len(E)) == y, 0.0, np.maximum(0.0, m - E)) ** 2)
            ),
            symptom="right for two answers; for more, all below m are pushed, and the loss grows with k",
        ),
        "square left open": Mistake(lambda E, y, m=1.0: E[y] ** 2 + (m - np.min(np.delete(E, y))) ** 2),
        "difference of squares in the hinge": Mistake(
            lambda E, y, m=1.0: E[y] ** 2 + np.maximum(0.0, m**2 - np.min(np.delete(E, y)) ** 2),
            symptom="the push does not fade at the margin",
        ),
        "squared energy in the hinge": Mistake(
            lambda E, y, m=1.0: E[y] ** 2 + np.maximum(0.0, m - np.min(np.delete(E, y)) ** 2),
            symptom="the level is the root of m, and the push does not fade there",
        ),
        "square of the sum": Mistake(
            lambda E, y, m=1.0: (E[y] + np.maximum(0.0, m - np.min(np.delete(E, y)))) ** 2,
            symptom="two demands that multiply: each pulls harder the less the other is met",
        ),
        "mean of the wrong energies": Mistake(
            lambda E, y, m=1.0: E[y] ** 2 + np.maximum(0.0, m - np.mean(np.delete(E, y))) ** 2,
            symptom="met while one rival lies far below m",
        ),
    },
    rules=check_margin,
    refuses=NO_TABLES | NO_MARGINS,
)
