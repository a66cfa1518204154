r"""Hinge loss: the correct answer must beat every wrong one by a margin.

    L(E, y) = max(0, m + E_y - E_o),        o = argmin_{j != y} E_j
    dL/dE_j = [j = y] - [j = o]             where L > 0, else 0

Only two energies feel a force: E_y is pushed down and E_o, the most offending wrong answer, is
pulled up, until the gap E_o - E_y reaches the margin m.

How to pick m?  L(aE, am) = a L(E, m): doubling the margin and the energies doubles the loss.  So
where the model can scale its energies freely, m only sets their unit, and 1 is as good as any; it
is a real choice where they cannot grow, as under weight decay.  The linear SVM is this loss, on
E = -Y w.X with Y in {-1, +1}, plus |w|^2.

Source: LeCun et al. (2006), Section 2.2 and Table 1 (margin: m).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.losses.offending import offender
from ebm_ref.losses.table import NO_MARGINS, NO_TABLES, check_margin, random_table
from ebm_ref.numerics import softmax


def hinge(energies, label: int, margin=1.0):
    """Hinge loss of one sample.

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
        >= 0; zero exactly when every wrong answer lies at least `margin` above the correct one.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, or if the margin is negative.

    >>> float(hinge(np.array([1.0, 3.0, 1.5]), label=0))  # 1 + 1.0 - 1.5
    0.5
    """
    E, y, m = FORMULA.checked(energies, label, margin)
    o = offender(E, y)
    return np.maximum(0.0, m + (E[y] - E[o]))


def hinge_gradient(energies, label: int, margin=1.0):
    """dL/dE, shape (k,): +1 at y, -1 at o where L > 0; all zero at the corner, NaN where the loss is."""
    E, y, m = FORMULA.checked(energies, label, margin)
    o = offender(E, y)
    violation = m + (E[y] - E[o])
    g = np.full(len(E), np.nan if np.isnan(violation) else 0.0)
    if violation > 0.0:
        g[y], g[o] = 1.0, -1.0
    return g


FORMULA = Formula(
    value=hinge,
    signature="(k),(),()->()",
    source="lecun2006, Section 2.2 and Table 1",
    gradients={"energies": hinge_gradient},
    sample=lambda rng: random_table(rng) | {"margin": rng.uniform(0.2, 2.0)},
    laws=(
        laws.shift_invariant,
        laws.permutation_invariant,
        laws.non_negative,
        laws.convex_in_energies,
        laws.bounds_the_error,
        laws.gradient_sums_to_zero,
        laws.pushes_down_pulls_up,
        laws.homogeneous(1, energies=1, margin=1),
    ),
    cases={  # (energies, label, margin), L, dL/dE, the mistake that it exposes
        "separated: the gap of 2 exceeds the margin": Case(
            ([0.0, 2.0, 3.0], 0, 1.0), 0.0, np.zeros(3), "minimum taken over y too"
        ),
        "violated: a wrong answer lies lower": Case(
            ([1.0, 0.5, 2.0, 3.0], 0, 1.0), 1.5, [1.0, -1.0, 0.0, 0.0], "energies taken for scores"
        ),
        "too close: right, but the gap of 0.5 is short of the margin": Case(
            ([1.0, 3.0, 1.5], 0, 1.0), 0.5, [1.0, 0.0, -1.0], exposes="least offending answer pulled up"
        ),
        "far apart: beyond the margin nothing is gained": Case(
            ([0.0, 4.0], 0, 1.0), 0.0, exposes="hinge closed before E_o enters"
        ),
        "at the corner: a gap of exactly m is enough": Case(([1.0, 2.0], 0, 1.0), 0.0, np.zeros(2)),
        "a tie of two offenders: the first is pulled up": Case(
            ([1.0, 0.5, 0.5], 0, 1.0), 1.5, [1.0, -1.0, 0.0], exposes="margin subtracted"
        ),
        "a margin of zero is the perceptron": Case(([1.0, 0.5], 0, 0.0), 0.5, [1.0, -1.0]),
        "an impossible wrong answer is far enough": Case(([1.0, np.inf], 0, 1.0), 0.0, np.zeros(2)),
        "not a number": Case(([1.0, np.nan, 0.0], 0, 1.0), np.nan, np.full(3, np.nan)),
    },
    variants={
        "hinge closed before E_o enters": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, m + E[y]) - np.min(np.delete(E, y)),
            seen_in="NYU DLSP20 week 11-2, printed formula",
            symptom="negative losses; E_o is pulled up for ever",
        ),
        "minimum taken over y too": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, m + E[y] - np.min(E)), symptom="the loss never falls below m"
        ),
        "0 counted among the wrong energies": Convention(
            lambda E, y, m=1.0: np.maximum(0.0, m + E[y] - min(0.0, np.min(np.delete(E, y)))),
            {"energies": lambda E, y, m=1.0: _with_zero(E, y, m)},
            seen_in="Keras, documentation of categorical_hinge; github.com/keras-team/keras/issues/8083",
            symptom="not only gaps count: even far below all wrong answers E_y is pushed down to -m",
        ),
        "violation squared": Convention(
            lambda E, y, m=1.0: hinge(E, y, m) ** 2,
            {"energies": lambda E, y, m=1.0: 2.0 * hinge(E, y, m) * hinge_gradient(E, y, m)},
            seen_in="scikit-learn, documentation of LinearSVC: loss='squared_hinge' is its default",
            symptom="the pull fades as the gap nears the margin, and large violations pull harder",
        ),
        "every violation counted": Convention(
            lambda E, y, m=1.0: np.sum(np.maximum(0.0, m + E[y] - np.delete(E, y))),
            {"energies": lambda E, y, m=1.0: _every_violation_gradient(E, y, m)},
            seen_in="Weston and Watkins (1999), whose multi-class machine sums over all wrong answers",
            symptom="all wrong answers within the margin are pulled up, not the most offending one alone",
        ),
        "energies taken for scores": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, m - E[y] + np.max(np.delete(E, y))),
            seen_in="NYU DLSP20 week 11-2, on MarginRankingLoss: target 1 pushes x1 up, which is for scores",
            symptom="training drives the correct answer to the highest energy",
        ),
        "least offending answer pulled up": Mistake(
            lambda E, y, m=1.0: np.maximum(
                0.0, m + E[y] - np.max(np.where(np.arange(len(E)) == y, -np.inf, E))
            ),
            symptom="max for min: the loss is 0 while another wrong answer still wins",
        ),
        "margin subtracted": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, E[y] - m - E[offender(E, y)]),
            symptom="wrong answers may win by m before anything is paid",
        ),
        "second lowest energy for the offender's": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, m + E[y] - np.sort(E)[1]),
            symptom="right where the correct answer wins; where it loses the rival is itself, or another",
        ),
        "mean of the wrong energies": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, m + E[y] - np.mean(np.delete(E, y))),
            symptom="0 while one wrong answer still wins",
        ),
        "free energy of the wrong answers": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, m + E[y] + np.log(np.sum(np.exp(-np.delete(E, y))))),
            symptom="a soft minimum: too low by as much as there are answers",
        ),
        "of probabilities": Mistake(
            lambda E, y, m=1.0: hinge(-softmax(-E), y, m),
            symptom="the gap is never above 1, and a margin of 1 never reached",
        ),
        "absolute gap": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, m - np.abs(E[y] - np.min(np.delete(E, y)))),
            symptom="a rival far below is as good as one far above",
        ),
        "each energy against a level of its own": Mistake(
            lambda E, y, m=1.0: np.maximum(0.0, E[y]) + np.maximum(0.0, m - np.min(np.delete(E, y))),
            symptom="where 0 lies matters",
        ),
    },
    rules=check_margin,
    refuses=NO_TABLES | NO_MARGINS,
)


def _every_violation_gradient(E, y, m):
    """The gradient of the sum over all wrong answers."""
    pulled = 1.0 * (m + E[y] - E > 0.0) * (np.arange(len(E)) != y)
    return np.where(np.arange(len(E)) == y, np.sum(pulled), -pulled)


def _with_zero(E, y, m):
    """The gradient where 0 takes the place of E_y among the wrong energies, and ties share."""
    others = np.where(np.arange(len(E)) == y, 0.0, E)
    active = 1.0 * (m + E[y] - np.min(others) > 0.0)
    share = (others == np.min(others)) / np.sum(others == np.min(others))
    return active * np.where(np.arange(len(E)) == y, 1.0, -share)
