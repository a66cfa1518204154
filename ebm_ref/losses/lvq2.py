r"""LVQ2 loss, in the form of the tutorial's table: a perceptron that gives up on hopeless samples.

    L(E, y) = min(M, max(0, d)),    d = E_y - E_o
    o       = argmin_{j != y} E_j
    dL/dE_j = [j = y] - [j = o]     where 0 < d < M, else 0

The loss is 0 where the model is right, M where the sample is hopeless, and linear in d between the
two.  Where it is flat nothing moves.  Like the perceptron it asks for no gap.  The tutorial's *text*
defines another loss under this name, the ratio of lvq2_ratio.py.

Source: LeCun et al. (2006), Table 1 (margin: 0), whose printed formula lacks a parenthesis; after
Kohonen's learning vector quantisation, Driancourt et al. (1991).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.losses.offending import offender
from ebm_ref.losses.table import NO_TABLES, check_table, random_table


def lvq2(energies, label: int, cap=1.0):
    """LVQ2 loss of one sample, as a capped difference.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; lower is better.  A NaN gives a NaN loss.
    label : int
        Index y of the correct answer.
    cap : float
        Largest loss M > 0, in units of energy; +inf for the uncapped loss, which is the perceptron's.

    Returns
    -------
    float
        In [0, M]; zero when no wrong answer lies below the correct one.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, or if the cap is not positive.

    >>> float(lvq2(np.array([1.0, 0.5, 2.0, 3.0]), label=0))
    0.5
    """
    E, y, M = FORMULA.checked(energies, label, cap)
    d = E[y] - E[offender(E, y)]
    return np.minimum(M, np.maximum(0.0, d))


def lvq2_gradient(energies, label: int, cap=1.0):
    """dL/dE, shape (k,): +1 at y, -1 at o while 0 < d < M; all zero outside and at both corners."""
    E, y, M = FORMULA.checked(energies, label, cap)
    o = offender(E, y)
    d = E[y] - E[o]
    g = np.full(len(E), np.nan if np.isnan(d) else 0.0)
    if 0.0 < d < M:
        g[y], g[o] = 1.0, -1.0
    return g


def rules(energies, label, cap):
    """A table, and a cap that leaves room for a loss."""
    check_table(energies, label)
    require(cap > 0.0, "cap", cap, "must be positive")


FORMULA = Formula(
    value=lvq2,
    signature="(k),(),()->()",
    source="lecun2006, Table 1",
    gradients={"energies": lvq2_gradient},
    sample=lambda rng: random_table(rng) | {"cap": rng.uniform(0.5, 4.0)},
    laws=(
        laws.shift_invariant,
        laws.permutation_invariant,
        laws.non_negative,
        laws.bounds_the_error,
        laws.gradient_sums_to_zero,
        laws.pushes_down_pulls_up,
        laws.homogeneous(1, energies=1, cap=1),
    ),
    cases={  # (energies, label, cap), L, dL/dE, the mistake that it exposes
        "wrong, not hopeless": Case(([1.0, 0.5, 2.0, 3.0], 0, 1.0), 0.5, [1.0, -1.0, 0.0, 0.0]),
        "hopeless: given up": Case(([4.0, 0.5, 2.0], 0, 2.0), 2.0, np.zeros(3), "cap forgotten"),
        "right": Case(([0.0, 2.0], 0, 1.0), 0.0, np.zeros(2), "maximum closed before E_o enters"),
        "at the lower corner, a tie": Case(([1.0, 1.0], 0, 1.0), 0.0, np.zeros(2)),
        "at the upper corner, d = M": Case(([3.0, 1.0], 0, 2.0), 2.0, np.zeros(2)),
        "of two equal offenders the first is pulled up": Case(
            ([1.0, 0.5, 0.5], 0, 1.0), 0.5, [1.0, -1.0, 0.0]
        ),
        "an impossible correct answer costs M": Case(([np.inf, 0.0], 0, 1.0), 1.0),
        "not a number": Case(([0.0, np.nan], 0, 1.0), np.nan, np.full(2, np.nan)),
    },
    variants={
        "maximum closed before E_o enters": Mistake(
            lambda E, y, cap=1.0: np.minimum(cap, np.maximum(0.0, E[y]) - np.min(np.delete(E, y))),
            seen_in="LeCun et al. (2006), Table 1: a reading of the formula, which lacks a parenthesis",
            symptom="negative losses where the model is right",
        ),
        "cap forgotten": Mistake(
            lambda E, y, cap=1.0: np.maximum(0.0, E[y] - np.min(np.delete(E, y))),
            symptom="the perceptron loss: outliers pull with full force",
        ),
        "closed at -M, not at 0": Mistake(
            lambda E, y, cap=1.0: np.clip(E[y] - np.min(np.delete(E, y)), -cap, cap)
        ),
        "nothing beyond the cap": Mistake(
            lambda E, y, M=1.0: np.where(
                E[y] - np.min(np.delete(E, y)) < M, np.maximum(0.0, E[y] - np.min(np.delete(E, y))), 0.0
            ),
            symptom="the hopeless cost nothing: a jump at the cap",
        ),
        "each energy capped": Mistake(
            lambda E, y, M=1.0: np.maximum(0.0, np.minimum(M, E[y]) - np.minimum(M, np.min(np.delete(E, y)))),
            symptom="where both energies exceed M nothing is learned",
        ),
    },
    rules=rules,
    refuses=NO_TABLES
    | {
        "a cap of 0": (([1.0, 2.0], 0, 0.0), "cap"),
        "a negative cap": (([1.0, 2.0], 0, -1.0), "cap"),
        "a cap that is no number": (([1.0, 2.0], 0, np.nan), "cap"),
    },
)
