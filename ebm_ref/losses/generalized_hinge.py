r"""Generalised hinge: every wrong answer must stay above the correct one, each by a margin of its own.

    L(E, y) = sum_{j != y} max(0, v_j),     v_j = C_j + E_y - E_j
    dL/dE_j = -[v_j > 0]                    for j != y
    dL/dE_y = number of j != y with v_j > 0

C_j = C(y, j) says how bad it is to answer j instead of y, and serves as margin: grave mistakes must
be kept farther away.  An answer with v_j > 0 violates its margin.  All violators are pulled up at
once, not only the worst one, so the loss is never below the margin-rescaled hinge.  C_y is not read:
the correct answer costs nothing.

The sum leaves out j = y.  Some texts include it.  That adds max(0, C_y), which is 0 if C_y is; but in
the soft version, with log(1 + e^t) in place of max(0, t), it adds log 2.

Source: NYU DLSP20, week 11-2; Weston and Watkins (1999), for C_j = 1.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.losses.table import NO_TABLES, check_table, random_table
from ebm_ref.numerics import negated


def generalized_hinge(energies, label: int, costs=1.0):
    """Generalised hinge loss of one sample.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; lower is better.  A NaN gives a NaN loss.
    label : int
        Index y of the correct answer.
    costs : (k,) float
        Margin C_j >= 0 demanded of each wrong answer, in units of energy; C_y is not read.  The
        default asks the same margin of 1 from all.

    Returns
    -------
    float
        >= 0; zero exactly when every wrong answer lies at least its cost above the correct one.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, or if a cost is negative.

    >>> float(generalized_hinge(np.array([1.0, 0.5, 2.0, 3.0]), 0, np.array([0.0, 1.0, 2.0, 3.0])))
    3.5
    """
    E, y, C = FORMULA.checked(energies, label, costs)
    return np.sum(np.maximum(0.0, violations(E, y, C)))


def generalized_hinge_gradient(energies, label: int, costs=1.0):
    """dL/dE, shape (k,): -1 at every violator, their number at y; zero elsewhere and at each corner."""
    E, y, C = FORMULA.checked(energies, label, costs)
    v = violations(E, y, C)
    g = np.full(len(E), np.nan) if np.isnan(v.max()) else negated(v > 0.0)
    g[y] = -g.sum()  # y does not violate: 0 so far
    return g


def violations(E, y, C):
    """v_j = C_j + E_y - E_j of every answer, -inf for y itself, which violates nothing."""
    return np.where(np.arange(len(E)) != y, C + (E[y] - E), -np.inf)


def rules(energies, label, costs):
    """A table, and a cost for every wrong answer."""
    check_table(energies, label)
    legal = (costs >= 0.0) | (np.arange(len(costs)) == label)
    require(np.all(legal), "costs", costs, "must be >= 0 for every wrong answer")


NO_COSTS = NO_TABLES | {  # (energies, label, costs), the argument to blame
    "a wrong answer that is rewarded": (([1.0, 2.0], 0, [0.0, -1.0]), "costs"),
    "a cost that is no number": (([1.0, 2.0], 0, [0.0, np.nan]), "costs"),
    "fewer costs than answers": (([1.0, 2.0, 3.0], 0, [1.0, 1.0]), "costs"),
}


def random_costs(rng):
    """A table with a cost for every answer, 0 for the correct one."""
    table = random_table(rng)
    costs = rng.uniform(0.2, 3.0, size=len(table["energies"]))
    costs[table["label"]] = 0.0
    return table | {"costs": costs}


FORMULA = Formula(
    value=generalized_hinge,
    signature="(k),(),(k)->()",
    source="NYU DLSP20, week 11-2",
    gradients={"energies": generalized_hinge_gradient},
    sample=random_costs,
    laws=(
        laws.shift_invariant,
        laws.permutation_invariant,
        laws.non_negative,
        laws.convex_in_energies,
        laws.gradient_sums_to_zero,
        laws.pushes_down_pulls_up,
        laws.homogeneous(1, energies=1, costs=1),
    ),
    cases={  # (energies, label, costs), L, dL/dE, the mistake that it exposes
        "three violators, costs growing with the distance": Case(
            ([1.0, 0.5, 2.0, 3.0], 0, [0.0, 1.0, 2.0, 3.0]),
            3.5,
            [3.0, -1.0, -1.0, -1.0],
            "worst violator alone",
        ),
        "one violator of two": Case(
            ([0.0, 2.0, 2.0], 0, [0.0, 1.0, 3.0]), 1.0, [1.0, 0.0, -1.0], "hinge of the sum"
        ),
        "unequal costs of two equal answers": Case(
            ([1.0, 1.0, 1.0], 1, [0.5, 0.0, 2.0]), 2.5, [-1.0, 2.0, -1.0], "divided by the number of answers"
        ),
        "one margin for all: the multi-class hinge of Weston and Watkins": Case(
            ([1.0, 1.5, 0.25, 4.0], 0, [0.0, 1.0, 1.0, 1.0]),
            2.25,
            [2.0, -1.0, -1.0, 0.0],
            exposes="averaged over the wrong answers",
        ),
        "one margin for all, three answers": Case(
            ([0.0, 0.5, 1.0], 2, [2.0, 2.0, 2.0]), 5.5, [-1.0, -1.0, 2.0]
        ),
        "at a corner nothing moves": Case(([0.0, 1.0, 5.0], 0, [0.0, 1.0, 1.0]), 0.0, np.zeros(3)),
        "the cost of the correct answer is not read": Case(
            ([1.0, 0.5], 0, [9.0, 1.0]), 1.5, [1.0, -1.0], "correct answer left in the sum"
        ),
        "an impossible wrong answer is far enough": Case(
            ([1.0, np.inf, 1.0], 0, [0.0, 1.0, 1.0]), 1.0, [1.0, 0.0, -1.0]
        ),
        "not a number": Case(([0.0, np.nan], 0, [0.0, 1.0]), np.nan, np.full(2, np.nan)),
    },
    variants={
        "divided by the number of answers": Convention(
            lambda E, y, C=1.0: generalized_hinge(E, y, C) / len(E),
            {"energies": lambda E, y, C=1.0: generalized_hinge_gradient(E, y, C) / len(E)},
            seen_in="PyTorch, documentation of torch.nn.MultiMarginLoss",
        ),
        "worst violator alone": Mistake(
            lambda E, y, C=1.0: np.max(np.maximum(0.0, violations(E, y, C))),
            symptom="the margin-rescaled hinge: one answer pulled up a step",
        ),
        "hinge of the sum": Mistake(
            lambda E, y, C=1.0: np.maximum(0.0, np.sum(np.delete(C + E[y] - E, y))),
            symptom="a far answer pays for a near one",
        ),
        "correct answer left in the sum": Mistake(
            lambda E, y, C=1.0: np.sum(np.maximum(0.0, C + E[y] - E)),
            seen_in="NYU DLSP20 week 11-2, printed sum: harmless only while C_y = 0",
            symptom="the loss never falls below C_y",
        ),
        "averaged over the wrong answers": Mistake(
            lambda E, y, C=1.0: generalized_hinge(E, y, C) / (len(E) - 1),
            {"energies": lambda E, y, C=1.0: generalized_hinge_gradient(E, y, C) / (len(E) - 1)},
            symptom="k - 1 times too small, and right for two answers",
        ),
        "violations scaled by their costs": Mistake(
            lambda E, y, C=1.0: np.sum(np.delete(C * np.maximum(0.0, 1.0 + E[y] - E), y)),
            symptom="slack rescaling, summed: every margin is 1, and an answer pulls as hard as it costs",
        ),
        "violations squared": Mistake(
            lambda E, y, C=1.0: np.sum(np.delete(np.maximum(0.0, C + E[y] - E), y) ** 2),
            symptom="the pull fades as the gap nears the margin",
        ),
        "logistic for the hinges": Mistake(
            lambda E, y, C=1.0: np.sum(np.logaddexp(0.0, np.delete(C + E[y] - E, y))), symptom="never 0"
        ),
        "averaged over the violators": Mistake(
            lambda E, y, C=1.0: (lambda v: np.sum(v) / np.maximum(1.0, np.sum(v > 0.0)))(
                np.maximum(0.0, np.delete(C + E[y] - E, y))
            ),
            symptom="may rise as a violator is put right",
        ),
    },
    rules=rules,
    refuses=NO_COSTS,
)
