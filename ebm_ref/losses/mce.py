r"""Minimum classification error loss: count errors, smoothly.

    L(E, y) = 1 / (1 + e^{-d}),        d = E_y - E_o
    o       = argmin_{j != y} E_j
    dL/dE_j = ([j = y] - [j = o]) L (1 - L)

A step function of d, 0 where the model is right and 1 where it errs, made smooth.  Unlike every
convex loss it saturates: a hopeless sample costs 1 and exerts no force, so outliers and wrong labels
do little harm.  The price: a sample that is badly wrong at the start is not corrected, so training must
start from a reasonable model.

In floating point 1 - L keeps no digit where L is near 1; there it is computed as 1 / (1 + e^d).

Source: LeCun et al. (2006), Section 2.2 and Table 1 (margin: > 0); Juang, Chou and Lee (1997).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.losses.offending import offender
from ebm_ref.losses.table import NO_TABLES, check_table, random_table
from ebm_ref.numerics import logsumexp, sigmoid, softmax


def mce(energies, label: int):
    """Minimum classification error loss of one sample.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; lower is better.  A NaN gives a NaN loss.
    label : int
        Index y of the correct answer.

    Returns
    -------
    float
        In [0, 1]; 1/2 at a tie.  To count errors more sharply, scale the energies.

    Raises ValueError if k < 2, or if `label` is not in 0..k-1.

    >>> float(mce(np.array([1.0, 1.0, 3.0]), label=0))
    0.5
    """
    E, y = FORMULA.checked(energies, label)
    d = E[y] - E[offender(E, y)]
    return sigmoid(d)


def mce_gradient(energies, label: int):
    """dL/dE, shape (k,): sigmoid(d) sigmoid(-d) at y, minus that at o, zero elsewhere."""
    E, y = FORMULA.checked(energies, label)
    o = offender(E, y)
    d = E[y] - E[o]
    force = sigmoid(d) * sigmoid(-d)
    g = np.full(len(E), np.nan if np.isnan(force) else 0.0)
    g[y], g[o] = force, -force
    return g


FORMULA = Formula(
    value=mce,
    signature="(k),()->()",
    source="lecun2006, Section 2.2 and Table 1",
    gradients={"energies": mce_gradient},
    sample=random_table,
    laws=(
        laws.shift_invariant,
        laws.permutation_invariant,
        laws.non_negative,
        laws.at_most_one,
        laws.bounds_the_error,
        laws.gradient_sums_to_zero,
        laws.pushes_down_pulls_up,
    ),
    cases={  # (energies, label), L, dL/dE, the mistake that it exposes
        "at a tie the model is half wrong": Case(([1.0, 1.0, 3.0], 0), 0.5, [0.25, -0.25, 0.0]),
        "wrong: d = 1/2": Case(
            ([1.0, 0.5, 2.0, 3.0], 0),
            0.6224593312018546,
            [0.2350037122015945, -0.2350037122015945, 0.0, 0.0],
            "right answers counted",
        ),
        "hopeless: d = 40, hence at rest": Case(
            ([40.0, 0.0], 0), 1.0, [4.248354255291589e-18, -4.248354255291589e-18], "log loss under this name"
        ),
        "near certain: d = -40, and e^-40 is left": Case(
            ([0.0, 40.0], 0), 4.248354255291589e-18, [4.248354255291589e-18, -4.248354255291589e-18]
        ),
        "an impossible correct answer": Case(([np.inf, 0.0], 0), 1.0),
        "not a number": Case(([0.0, np.nan], 0), np.nan, np.full(2, np.nan)),
    },
    variants={
        "right answers counted": Mistake(
            lambda E, y: sigmoid(np.min(np.delete(E, y)) - E[y]),
            symptom="1 - L: a sign lost in e^{-d}; training maximises the error",
        ),
        "log loss under this name": Mistake(
            lambda E, y: np.logaddexp(0.0, E[y] - np.min(np.delete(E, y))),
            symptom="values above 1, and outliers dominate",
        ),
        "free energy of the wrong answers as competitor": Mistake(
            lambda E, y: sigmoid(E[y] + logsumexp(-np.delete(E, y))),
            symptom="errors are overcounted by as much as there are answers",
        ),
        "competitor averaged softly": Convention(
            lambda E, y: sigmoid(E[y] + logsumexp(-np.delete(E, y)) - np.log(len(E) - 1.0)),
            seen_in="Juang, Chou and Lee (1997), whose exponent eta is 1 here",
            symptom="all wrong answers are pulled up, not the most offending one alone",
        ),
        "the error itself": Mistake(lambda E, y: 1.0 * (E[y] > np.min(E)), symptom="a step, without slopes"),
        "difference divided by the sum": Mistake(
            lambda E, y: sigmoid((E[y] - E[offender(E, y)]) / (E[y] + E[offender(E, y)])),
            seen_in="Sato and Yamada (1996), for energies that are distances, where it is meant",
            symptom="energies have no unit; all losses lie between 0.27 and 0.73",
        ),
        "mean of the wrong energies as competitor": Mistake(
            lambda E, y: sigmoid(E[y] - np.mean(E[np.arange(len(E)) != y])),
            symptom="one near rival is outvoted by many far ones",
        ),
        "mean of the wrong energies at their temperature": Mistake(
            lambda E, y: (lambda w: sigmoid(E[y] - np.sum(w * softmax(-w))))(E[np.arange(len(E)) != y]),
            symptom="the competitor is never below the nearest rival, and above it where there are two",
        ),
        "every wrong answer counted": Mistake(
            lambda E, y: np.sum(sigmoid(E[y] - E[np.arange(len(E)) != y])),
            symptom="up to k - 1 errors for one answer",
        ),
        "ramp in place of the sigmoid": Mistake(
            lambda E, y: np.clip(0.5 + 0.25 * (E[y] - E[offender(E, y)]), 0.0, 1.0),
            symptom="no force beyond a difference of 2, on either side",
        ),
    },
    rules=check_table,
    refuses=NO_TABLES,
)
