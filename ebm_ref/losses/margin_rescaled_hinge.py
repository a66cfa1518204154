r"""Margin-rescaled hinge: the worst violator counts, and the margin grows with the gravity of the error.

    L(E, y) = max(0, v_w),          v_j = C_j + E_y - E_j
    w       = argmax_{j != y} v_j
    dL/dE_j = [j = y] - [j = w]     where L > 0, else 0

C_j = C(y, j) is the cost of answering j instead of y, and w the worst violator, an answer both low in
energy and gravely wrong.  To find it is an inference problem of its own, called 'loss-augmented'.  L
is never below the cost of the answer that the model gives: to lower L is to lower a bound on what the
model costs.  With C_j = m it is the hinge; on chains it is the loss of maximum-margin Markov networks
and of structural SVMs.

Source: Taskar, Guestrin and Koller (2004); Tsochantaridis et al. (2005), Section 2.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.losses.generalized_hinge import NO_COSTS, random_costs, rules, violations
from ebm_ref.numerics import logsumexp


def margin_rescaled_hinge(energies, label: int, costs=1.0):
    """Margin-rescaled hinge loss of one sample.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; lower is better.  A NaN gives a NaN loss.
    label : int
        Index y of the correct answer.
    costs : (k,) float
        Cost C_j >= 0 of each wrong answer, in units of energy; C_y is not read.  The default is a cost
        of 1 for all.

    Returns
    -------
    float
        >= C of the answer given; zero when every wrong answer lies at least its cost above the correct one.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, or if a cost is negative.

    >>> float(margin_rescaled_hinge(np.array([1.0, 0.5, 2.0, 3.0]), 0, np.array([0.0, 1.0, 2.0, 3.0])))
    1.5
    """
    E, y, C = FORMULA.checked(energies, label, costs)
    v = violations(E, y, C)
    return np.maximum(0.0, v[np.argmax(v)])


def margin_rescaled_hinge_gradient(energies, label: int, costs=1.0):
    """dL/dE, shape (k,): +1 at y, -1 at the worst violator; all zero where nothing violates."""
    E, y, C = FORMULA.checked(energies, label, costs)
    v = violations(E, y, C)
    w = np.argmax(v)
    g = np.full(len(E), np.nan if np.isnan(v[w]) else 0.0)
    if v[w] > 0.0:
        g[y], g[w] = 1.0, -1.0
    return g


def bounds_the_cost(formula, inputs, rng):
    """L >= C of the answer that the model gives."""
    given = np.argmin(inputs["energies"])
    cost = 0.0 if given == inputs["label"] else inputs["costs"][given]
    return 0.0 if formula.value(**inputs) >= cost else np.inf


FORMULA = Formula(
    value=margin_rescaled_hinge,
    signature="(k),(),(k)->()",
    source="taskar2004; tsochantaridis2005, Section 2",
    gradients={"energies": margin_rescaled_hinge_gradient},
    sample=random_costs,
    laws=(
        laws.shift_invariant,
        laws.permutation_invariant,
        laws.non_negative,
        laws.convex_in_energies,
        laws.gradient_sums_to_zero,
        laws.pushes_down_pulls_up,
        bounds_the_cost,
        laws.homogeneous(1, energies=1, costs=1),
    ),
    cases={  # (energies, label, costs), L, dL/dE, the mistake that it exposes
        "the lowest wrong answer is not the worst violator": Case(
            ([1.0, 2.0, 2.5], 0, [0.0, 0.5, 4.0]), 2.5, [1.0, 0.0, -1.0], "cost of the most offending answer"
        ),
        "a tie of three violators: the first is pulled up": Case(
            ([1.0, 0.5, 1.5, 2.5], 0, [0.0, 1.0, 2.0, 3.0]),
            1.5,
            [1.0, -1.0, 0.0, 0.0],
            "all violators summed",
        ),
        "far enough": Case(([0.0, 3.0, 5.0], 0, [0.0, 1.0, 2.0]), 0.0, np.zeros(3), "not clipped at zero"),
        "the cost scales the margin, not the loss: 2 + 1": Case(
            ([1.0, 0.0], 0, [0.0, 2.0]), 3.0, [1.0, -1.0], "slack rescaled instead"
        ),
        "at the corner": Case(([0.0, 1.0], 0, [0.0, 1.0]), 0.0, np.zeros(2)),
        "the cost of the correct answer is not read": Case(
            ([1.0, 0.5], 0, [9.0, 1.0]), 1.5, [1.0, -1.0], exposes="correct answer left in the maximum"
        ),
        "not a number": Case(([0.0, 1.0, np.nan], 0, [0.0, 1.0, 1.0]), np.nan, np.full(3, np.nan)),
        "equal energies: the cost alone parts them": Case(
            ([2.0, 2.0], 0, [0.0, 3.0]), 3.0, [1.0, -1.0], "cost subtracted"
        ),
    },
    variants={
        "slack rescaled instead": Convention(
            lambda E, y, C=1.0: np.max(
                C * np.ones(len(E)) * np.maximum(0.0, np.where(_wrong(E, y), 1.0 + E[y] - E, 0.0))
            ),
            seen_in="Tsochantaridis et al. (2005), Section 2: another loss, often under the same name",
        ),
        "cost of the most offending answer": Mistake(
            lambda E, y, C=1.0: np.maximum(0.0, _of_the_lowest(E, y, C)),
            symptom="inference without the cost: a grave error at slightly higher energy goes unseen",
        ),
        "all violators summed": Mistake(
            lambda E, y, C=1.0: np.sum(np.maximum(0.0, violations(E, y, C))),
            symptom="the generalised hinge: the loss grows with the number of answers",
        ),
        "not clipped at zero": Mistake(
            lambda E, y, C=1.0: np.max(violations(E, y, C)),
            symptom="negative losses, and no end to the pulling",
        ),
        "cost subtracted": Mistake(
            lambda E, y, C=1.0: np.maximum(0.0, np.max(np.where(_wrong(E, y), E[y] - E - C, -np.inf))),
            symptom="the graver the error, the less it is seen: a cost added to energies, as it is to scores",
        ),
        "correct answer left in the maximum": Mistake(
            lambda E, y, C=1.0: np.max(C + E[y] - E),
            symptom="the loss never falls below C_y, which is 0 in most tables and so goes unnoticed",
        ),
        "softmax-margin": Mistake(
            lambda E, y, C=1.0: logsumexp(np.where(_wrong(E, y), C + E[y] - E, 0.0)),
            seen_in="Gimpel and Smith (2010), where it is meant: likelihood with costs",
            symptom="log-sum-exp for the maximum: never 0",
        ),
        "largest cost, lowest energy": Mistake(
            lambda E, y, C=1.0: np.maximum(
                0.0, np.max(np.delete(C * np.ones(len(E)), y)) + E[y] - np.min(np.delete(E, y))
            ),
            symptom="two answers in one: the cost of one is charged to the energy of the other",
        ),
        "averaged over the violators": Mistake(
            lambda E, y, C=1.0: (lambda v: np.sum(v) / np.maximum(1.0, np.sum(v > 0.0)))(
                np.maximum(0.0, np.delete(C + E[y] - E, y))
            ),
            symptom="below the cost of the answer that is given: no bound",
        ),
        "perceptron and a cost beside it": Mistake(
            lambda E, y, C=1.0: (
                np.maximum(0.0, E[y] - np.min(np.delete(E, y)))
                + np.delete(C + 0.0 * E, y)[np.argmin(np.delete(E, y))]
            ),
            symptom="the cost has no slope, and asks for no margin",
        ),
    },
    rules=rules,
    refuses=NO_COSTS,
)


def _wrong(E, y):
    return np.arange(len(E)) != y


def _of_the_lowest(E, y, C):
    return violations(E, y, C)[np.argmin(np.where(_wrong(E, y), E, np.inf))]
