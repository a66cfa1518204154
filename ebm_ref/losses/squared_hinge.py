r"""Squared hinge loss: the hinge, with a pull that fades as the gap nears the margin.

    L(E, y) = max(0, m + E_y - E_o)^2,      o = argmin_{j != y} E_j
    dL/dE_j = 2 max(0, m + E_y - E_o) ([j = y] - [j = o])

The hinge pulls with force 1 until the margin is reached, and then not at all.  Its square pulls in
proportion to what is missing.  It has no corner at the margin, so a step that is short enough always
descends, and second-order methods work; in exchange one absurd sample pulls harder than many that are
nearly right.  With E = -Y w.X and |w|^2 added it is the L2-SVM.

It behaves as a square in every way: L(aE, am) = a^2 L(E, m), and a gap of 0 costs m^2, so a model that
errs pays at least that.  A violation below 1 costs less than with the hinge, a larger one more.

Only the most offending answer is pulled up, as everywhere in the tutorial.  Multi-class machines that
square every violation and add them up are multi_margin with p = 2.

Source: LeCun et al. (2006), Section 2.2, for the gap and the margin; Tang (2013), "Deep Learning using
Linear Support Vector Machines", equation (6), for the square.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.losses.hinge import hinge, hinge_gradient
from ebm_ref.losses.offending import offender
from ebm_ref.losses.table import NO_MARGINS, NO_TABLES, check_margin, random_table


def squared_hinge(energies, label: int, margin=1.0):
    """Squared hinge loss of one sample.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; lower is better.  A NaN gives a NaN loss.
    label : int
        Index y of the correct answer.
    margin : float
        Required gap m >= 0, in units of energy.

    Returns
    -------
    float
        >= 0, in units of energy squared; zero exactly when every wrong answer lies at least `margin`
        above the correct one.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, or if the margin is negative.

    >>> float(squared_hinge(np.array([1.0, 3.0, 1.5]), label=0))  # (1 + 1.0 - 1.5)^2
    0.25
    """
    E, y, m = FORMULA.checked(energies, label, margin)
    return violation(E, y, m) ** 2


def squared_hinge_gradient(energies, label: int, margin=1.0):
    """dL/dE, shape (k,): 2 v at y and -2 v at o, where v is the violation; NaN where the loss is."""
    E, y, m = FORMULA.checked(energies, label, margin)
    v, answers = violation(E, y, m), np.arange(len(E))
    pull = 1.0 * (answers == y) - (answers == offender(E, y))
    return np.where(np.isnan(v), np.nan, np.where(pull == 0.0, 0.0, 2.0 * v * pull) + 0.0)


def violation(E, y, m):
    """What the gap lacks of the margin."""
    return np.maximum(0.0, m + (E[y] - E[offender(E, y)]))


FORMULA = Formula(
    value=squared_hinge,
    signature="(k),(),()->()",
    source="lecun2006, Section 2.2; tang2013, equation (6)",
    gradients={"energies": squared_hinge_gradient},
    sample=lambda rng: random_table(rng) | {"margin": rng.uniform(0.2, 2.0)},
    laws=(
        laws.shift_invariant,
        laws.permutation_invariant,
        laws.non_negative,
        laws.convex_in_energies,
        laws.bounds_the_error,
        laws.gradient_sums_to_zero,
        laws.pushes_down_pulls_up,
        laws.homogeneous(2, energies=1, margin=1),
    ),
    cases={  # (energies, label, margin), L, dL/dE, the mistake that it exposes
        "separated: the gap of 2 exceeds the margin": Case(
            ([0.0, 2.0, 3.0], 0, 1.0), 0.0, np.zeros(3), "squared before the hinge closes"
        ),
        "violated: a wrong answer lies lower": Case(
            ([1.0, 0.5, 2.0, 3.0], 0, 1.0), 2.25, [3.0, -3.0, 0.0, 0.0], "energies taken for scores"
        ),
        "too close: right, but the gap of 0.5 is short of the margin": Case(
            ([1.0, 3.0, 1.5], 0, 1.0), 0.25, [1.0, 0.0, -1.0], "not squared"
        ),
        "a wide margin: two violations, and the larger one counts": Case(
            ([0.0, 1.0, 2.0], 0, 3.0), 4.0, [4.0, -4.0, 0.0], "every violation squared"
        ),
        "a tie costs the square of the margin": Case(
            ([1.0, 1.0], 0, 3.0), 9.0, [6.0, -6.0], "one half in front"
        ),
        "at the margin: no corner": Case(([1.0, 2.0], 0, 1.0), 0.0, np.zeros(2)),
        "a tie of two offenders: the first is pulled up": Case(
            ([1.0, 0.5, 0.5], 0, 1.0), 2.25, [3.0, -3.0, 0.0], "pull of the hinge"
        ),
        "a margin of zero": Case(([1.0, 0.5], 0, 0.0), 0.25, [1.0, -1.0]),
        "an impossible wrong answer is far enough": Case(([1.0, np.inf], 0, 1.0), 0.0, np.zeros(2)),
        "not a number": Case(([1.0, np.nan, 0.0], 0, 1.0), np.nan, np.full(3, np.nan)),
    },
    variants={
        "one half in front": Convention(
            lambda E, y, m=1.0: 0.5 * squared_hinge(E, y, m),
            {"energies": lambda E, y, m=1.0: 0.5 * squared_hinge_gradient(E, y, m)},
            seen_in="texts on the L2-SVM, where a half makes the pull equal to the violation",
        ),
        "every violation squared": Convention(
            lambda E, y, m=1.0: np.sum(np.maximum(0.0, m + E[y] - np.delete(E, y)) ** 2),
            {"energies": lambda E, y, m=1.0: _every_violation_gradient(E, y, m)},
            seen_in="PyTorch, documentation of torch.nn.MultiMarginLoss, p=2, which also divides by k",
            symptom="all wrong answers within the margin are pulled up, not the most offending one alone",
        ),
        "not squared": Mistake(
            lambda E, y, m=1.0: hinge(E, y, m),
            {"energies": lambda E, y, m=1.0: hinge_gradient(E, y, m)},
            symptom="the pull does not fade",
        ),
        "pull of the hinge": Mistake(
            None,
            {"energies": lambda E, y, m=1.0: 2.0 * hinge_gradient(E, y, m)},
            symptom="the 2 of the square is there, its violation is not",
        ),
        "squared before the hinge closes": Mistake(
            lambda E, y, m=1.0: (m + E[y] - np.min(np.delete(E, y))) ** 2,
            symptom="a parabola: an answer that is separated too well is pulled back",
        ),
        "energies taken for scores": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, m - E[y] + np.max(np.delete(E, y))) ** 2,
            symptom="training drives the correct answer to the highest energy",
        ),
        "difference of the squares": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, m**2 + E[y] ** 2 - np.min(np.delete(E, y)) ** 2),
            symptom="each term squared before they are joined: signs of energies are lost",
        ),
        "gap squared, margin not": Mistake(
            lambda E, y, m=1.0: m + (E[y] - np.min(np.delete(E, y))) ** 2,
            symptom="never below m; a correct answer that leads is pulled back",
        ),
    },
    rules=check_margin,
    refuses=NO_TABLES | NO_MARGINS,
)


def _every_violation_gradient(E, y, m):
    """The gradient of the sum of squares over all wrong answers."""
    pulled = 2.0 * np.maximum(0.0, m + E[y] - E) * (np.arange(len(E)) != y)
    return np.where(np.arange(len(E)) == y, np.sum(pulled), -pulled)
