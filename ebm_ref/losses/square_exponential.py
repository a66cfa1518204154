r"""Square-exponential loss: pull the correct answer down to 0, push the offender up for ever.

    L(E, y) = E_y^2 + gamma e^{-E_o},        o = argmin_{j != y} E_j
    dL/dE_j = 2 E_y [j = y] - gamma e^{-E_o} [j = o]

The square-square loss without a level to reach: the force on the offender fades as gamma e^{-E_o},
but never stops.  Like its sibling it belongs to energies that are bounded below by 0.  With negative
energies the first term pushes E_y up, and the second explodes; accepted, but do not use it so.

Source: LeCun et al. (2006), Section 2.2 (gamma); Table 1 calls the coefficient beta.
Used by Chopra et al. (2005), there with other constants.
"""

import autograd.numpy as np

from ebm_ref.checks import require_positive
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in_energies, non_negative, permutation_invariant
from ebm_ref.losses.offending import offender
from ebm_ref.losses.table import NO_TABLES, check_table, random_table


def square_exponential(energies, label: int, gamma=1.0):
    """Square-exponential loss of one sample.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer, in the unit in which the exponential falls by e; meant to be >= 0,
        any sign accepted.  A NaN at y or o gives a NaN loss.
    label : int
        Index y of the correct answer.
    gamma : float
        Weight gamma > 0 of the second term, in units of energy squared.

    Returns
    -------
    float
        > 0 (0 only by underflow); +inf where e^{-E_o} overflows, from E_o = -710 down.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, or if gamma is not positive and finite.

    >>> float(square_exponential(np.array([1.0, 0.5, 2.0, 3.0]), label=0).round(9))
    1.60653066
    """
    E, y, gamma = FORMULA.checked(energies, label, gamma)
    o = offender(E, y)
    return E[y] ** 2 + gamma * np.exp(-E[o])


def square_exponential_gradient(energies, label: int, gamma=1.0):
    """dL/dE, shape (k,): 2 E_y at y, -gamma e^{-E_o} at o, zero elsewhere."""
    E, y, gamma = FORMULA.checked(energies, label, gamma)
    o = offender(E, y)
    g = np.full(len(E), np.nan if np.isnan(E[y]) or np.isnan(E[o]) else 0.0)
    g[y] += 2.0 * E[y]
    g[o] -= gamma * np.exp(-E[o])
    return g


def rules(energies, label, gamma):
    """A table, and a weight."""
    check_table(energies, label)
    require_positive("gamma", gamma)


FORMULA = Formula(
    value=square_exponential,
    signature="(k),(),()->()",
    source="lecun2006, Section 2.2",
    gradients={"energies": square_exponential_gradient},
    sample=lambda rng: random_table(rng) | {"gamma": rng.uniform(0.2, 3.0)},
    laws=(permutation_invariant, non_negative, convex_in_energies),
    cases={  # (energies, label, gamma), L, dL/dE, the mistake that it exposes
        "both terms pull": Case(
            ([1.0, 0.5, 2.0, 3.0], 0, 1.0), 1.6065306597126334, [2.0, -0.6065306597126334, 0.0, 0.0]
        ),
        "the square is on the correct energy": Case(([3.0, 0.0], 0, 2.0), 11.0, [6.0, -2.0], "square lost"),
        "gamma is a weight, not an inverse temperature: 2 e^{-1}": Case(
            ([0.0, 1.0], 0, 2.0), 0.7357588823428847, [0.0, -0.7357588823428847], "gamma in the exponent"
        ),
        "minus between the terms would reward a low offender": Case(
            ([1.0, 0.0], 0, 1.0), 2.0, exposes="minus between the terms"
        ),
        "an impossible wrong answer": Case(([2.0, np.inf], 0, 1.0), 4.0),
        "not a number": Case(([0.0, np.nan], 0, 1.0), np.nan),
    },
    variants={
        "square lost": Mistake(
            lambda E, y, gamma=1.0: E[y] + gamma * np.exp(-np.min(np.delete(E, y))),
            seen_in="slides 'The introduction of energy-based model', as transcribed",
            symptom="E_y is pushed below 0 without end",
        ),
        "gamma in the exponent": Mistake(
            lambda E, y, gamma=1.0: E[y] ** 2 + np.exp(-gamma * np.min(np.delete(E, y))),
            seen_in="a reading of LeCun et al. (2006), Table 1, which calls the coefficient beta",
        ),
        "minus between the terms": Mistake(
            lambda E, y, gamma=1.0: E[y] ** 2 - gamma * np.exp(-np.min(np.delete(E, y))),
            symptom="the typing error of square-square in Table 1, carried over",
        ),
        "all wrong answers summed": Mistake(
            lambda E, y, gamma=1.0: E[y] ** 2 + gamma * np.sum(np.exp(-np.delete(E, y))),
            symptom="as the square of what is right beside the sum in the likelihood; larger with k",
        ),
        "energy squared in the exponent": Mistake(
            lambda E, y, gamma=1.0: E[y] ** 2 + gamma * np.exp(-(np.min(np.delete(E, y)) ** 2)),
            symptom="a low offender of 0 feels nothing",
        ),
        "constants 2/gamma, 2 gamma and 2.77/gamma": Mistake(
            lambda E, y, gamma=1.0: (
                2.0 / gamma * E[y] ** 2 + 2.0 * gamma * np.exp(-2.77 / gamma * np.min(np.delete(E, y)))
            ),
            seen_in="Chopra, Hadsell and LeCun (2005), where gamma is Q, the largest energy",
            symptom="both terms move with gamma, in opposite directions",
        ),
        "mean of the wrong energies": Mistake(
            lambda E, y, gamma=1.0: E[y] ** 2 + gamma * np.exp(-np.mean(np.delete(E, y))),
            symptom="one low offender is outvoted",
        ),
        "gap in the exponent": Mistake(
            lambda E, y, gamma=1.0: E[y] ** 2 + gamma * np.exp(E[y] - np.min(np.delete(E, y))),
            symptom="E_y is pulled twice, and not to 0 alone",
        ),
    },
    rules=rules,
    refuses=NO_TABLES
    | {
        "a negative weight": (([1.0, 2.0], 0, -1.0), "gamma"),
        "no weight": (([1.0, 2.0], 0, 0.0), "gamma"),
        "an infinite weight": (([1.0, 2.0], 0, np.inf), "gamma"),
        "a weight that is no number": (([1.0, 2.0], 0, np.nan), "gamma"),
    },
)
