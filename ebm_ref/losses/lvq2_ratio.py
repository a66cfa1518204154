r"""LVQ2 loss, in the form of the tutorial's text: how far wrong, relative to the offender's energy.

    L(E, y) = min(1, max(0, (E_y - E_o) / (delta E_o)))
    o       = argmin_{j != y} E_j
    dL/dE_j = ([j = y] - [j = o] E_y / E_o) / (delta E_o)
              where 0 < L < 1, else 0

The loss saturates once E_y / E_o reaches 1 + delta.  The ratio only means something for energies
that are bounded below by 0, such as squared distances to prototypes, for which the loss was made; at
E_o = 0 it is undefined.  Scaling all energies changes nothing, so the loss has no margin and no unit.

In floating point delta E_o may underflow to 0, which would make 0/0 of a tie at tiny energies; so
E_y / E_o comes first.

Source: LeCun et al. (2006), Section 2.2; after Driancourt et al. (1991).
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_positive
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import at_most_one, homogeneous, non_negative, permutation_invariant, pushes_down_pulls_up
from ebm_ref.losses.offending import offender
from ebm_ref.losses.table import NO_TABLES, check_table, random_table


def lvq2_ratio(energies, label: int, delta=0.5):
    """LVQ2 loss of one sample, as a capped ratio.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; lower is better; E_o > 0.  A NaN gives a NaN loss.
    label : int
        Index y of the correct answer.
    delta : float
        Relative excess delta > 0 at which a sample is given up; no unit.

    Returns
    -------
    float
        In [0, 1]; zero when no wrong answer lies below the correct one.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, if delta is not positive and finite, or if
    E_o <= 0.

    >>> float(lvq2_ratio(np.array([1.2, 1.0, 2.0]), label=0).round(12))
    0.4
    """
    E, y, delta = FORMULA.checked(energies, label, delta)
    return capped_excess(E[y], E[offender(E, y)], delta)


def lvq2_ratio_gradient(energies, label: int, delta=0.5):
    """dL/dE, shape (k,): 1/(delta E_o) at y, -E_y/(delta E_o^2) at o while 0 < L < 1; else all zero."""
    E, y, delta = FORMULA.checked(energies, label, delta)
    o = offender(E, y)
    loss = capped_excess(E[y], E[o], delta)
    g = np.full(len(E), np.nan if np.isnan(loss) else 0.0)
    if 0.0 < loss < 1.0:
        g[y] = 1.0 / (delta * E[o])
        g[o] = -(E[y] / E[o]) / (delta * E[o])
    return g


def capped_excess(E_y, E_o, delta):
    """min(1, max(0, (E_y/E_o - 1) / delta))."""
    return np.minimum(1.0, np.maximum(0.0, (E_y / E_o - 1.0) / delta))


def rules(energies, label, delta):
    """A table whose offender lies above 0, so that the ratio is defined (a NaN passes through)."""
    check_table(energies, label)
    require_positive("delta", delta)
    E_o = energies[offender(energies, label)]
    require(not E_o <= 0.0, "energies", energies, "must have E_o > 0: the loss is a ratio of energies")


def random_positive_table(rng):
    """A table of positive energies, near enough to each other for the ratio to be of order one."""
    return random_table(rng) | {"energies": rng.uniform(1.0, 3.0, size=4), "label": int(rng.integers(4))}


FORMULA = Formula(
    value=lvq2_ratio,
    signature="(k),(),()->()",
    source="lecun2006, Section 2.2",
    gradients={"energies": lvq2_ratio_gradient},
    sample=lambda rng: random_positive_table(rng) | {"delta": rng.uniform(0.3, 2.0)},
    laws=(permutation_invariant, non_negative, at_most_one, pushes_down_pulls_up, homogeneous(0, energies=1)),
    cases={  # (energies, label, delta), L, dL/dE, the mistake that it exposes
        "halfway: E_y = 1.5 E_o, given up at 2 E_o": Case(
            ([3.0, 2.0, 5.0], 0, 1.0), 0.5, [0.5, -0.75, 0.0], "divided by the energy of the correct answer"
        ),
        "given up": Case(([1.0, 0.5, 2.0, 3.0], 0, 0.5), 1.0, np.zeros(4), "not capped"),
        "right": Case(([1.0, 2.0], 0, 0.5), 0.0, np.zeros(2)),
        "delta scales the ratio": Case(([3.0, 2.0], 0, 2.0), 0.25, exposes="delta forgotten"),
        "an impossible wrong answer is far enough": Case(([1.0, np.inf], 0, 0.5), 0.0, np.zeros(2)),
        "an impossible correct answer is given up": Case(([np.inf, 1.0], 0, 0.5), 1.0, np.zeros(2)),
        "a tie at the smallest energy there is": Case(([2.0**-1074, 2.0**-1074], 0, 0.25), 0.0, np.zeros(2)),
        "a correct answer may lie below zero: only E_o must not": Case(
            ([-3.0, 2.0], 0, 0.5), 0.0, np.zeros(2)
        ),
        "at the upper corner, E_y = (1 + delta) E_o": Case(([3.0, 2.0], 0, 0.5), 1.0, np.zeros(2)),
        "at the lower corner, a tie": Case(([2.0, 2.0], 1, 0.5), 0.0, np.zeros(2)),
        "given up at a tiny energy: no force, although 1/E_o is infinite": Case(
            ([1.0, 2.0**-1060], 0, 1.0), 1.0, np.zeros(2), "zero times an infinite slope"
        ),
        "not a number": Case(([1.0, np.nan], 0, 0.5), np.nan, np.full(2, np.nan)),
    },
    variants={
        "divided by the energy of the correct answer": Mistake(
            lambda E, y, delta=0.5: np.clip((E[y] - np.min(np.delete(E, y))) / (delta * E[y]), 0.0, 1.0),
            seen_in="public reading notes of the tutorial, which print delta E(Y^i) as denominator",
            symptom="never saturates for delta >= 1, since (E_y - E_o) / E_y < 1",
        ),
        "not capped": Mistake(
            lambda E, y, delta=0.5: np.maximum(0.0, (E[y] / np.min(np.delete(E, y)) - 1.0) / delta),
            symptom="values above 1: outliers pull",
        ),
        "zero times an infinite slope": Mistake(
            gradients={"energies": lambda E, y, delta=0.5: _backpropagated(E, y, delta)},
            seen_in="reverse-mode differentiation of the formula as it is written",
            symptom="a NaN gradient for a saturated sample whose E_o is so small that 1/E_o overflows",
        ),
        "delta forgotten": Mistake(
            lambda E, y, delta=0.5: np.clip(E[y] / np.min(np.delete(E, y)) - 1.0, 0.0, 1.0)
        ),
        "divided by the sum of both energies": Convention(
            lambda E, y, delta=0.5: (E[y] - np.min(np.delete(E, y))) / (E[y] + np.min(np.delete(E, y))),
            seen_in="Sato and Yamada (1995), the measure mu of generalised LVQ, which a sigmoid may follow",
            symptom="between -1 and 1 without a cap, and below 0 where the model is right; no delta",
        ),
    },
    rules=rules,
    refuses=NO_TABLES
    | {
        "an offender at 0": (([1.0, 0.0], 0), "energies"),
        "an offender below 0": (([1.0, -1.0], 0), "energies"),
        "a delta of 0": (([1.0, 2.0], 0, 0.0), "delta"),
        "an infinite delta": (([1.0, 2.0], 0, np.inf), "delta"),
        "a delta that is no number": (([1.0, 2.0], 0, np.nan), "delta"),
    },
)


def _backpropagated(E, y, delta):
    """The chain rule in the order of reverse mode: the slope of the clip times that of the ratio."""
    o = offender(E, y)
    inside = float(0.0 < (E[y] / E[o] - 1.0) / delta < 1.0)
    g = np.zeros(len(E))
    g[y] = inside / delta / E[o]
    g[o] = -inside / delta * (E[y] / E[o] / E[o])
    return g
