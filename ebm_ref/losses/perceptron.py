r"""Perceptron loss: the correct answer must be as low as the answer the model gives.

    L(E, y) = E_y - E_s,            s = argmin_j E_j
    dL/dE_j = [j = y] - [j = s]     where L > 0, else 0

E_s is the energy of the answer that the model gives, so the loss is zero exactly when y is *a*
minimiser.  It asks for no gap: a flat table costs nothing, and a model that is rich enough to make
all energies equal will do just that.  Where the energies are linear in the parameters the loss
works, and its descent is Rosenblatt's rule; on chains it is Collins's structured perceptron.

Source: LeCun et al. (2006), Section 2.2 and Table 1 (margin: 0).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.losses.table import NO_TABLES, check_table, random_table


def perceptron(energies, label: int):
    """Perceptron loss of one sample.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; lower is better.  A NaN gives a NaN loss.
    label : int
        Index y of the correct answer.

    Returns
    -------
    float
        >= 0; zero exactly when no answer lies below the correct one.

    Raises ValueError if k < 2, or if `label` is not in 0..k-1.

    >>> float(perceptron(np.array([1.0, 0.5, 2.0, 3.0]), label=0))
    0.5
    """
    E, y = FORMULA.checked(energies, label)
    return E[y] - E[np.argmin(E)]


def perceptron_gradient(energies, label: int):
    """dL/dE, shape (k,): +1 at y, -1 at the answer given; all zero where that is y, or as low as y."""
    E, y = FORMULA.checked(energies, label)
    s = np.argmin(E)
    loss = E[y] - E[s]
    g = np.full(len(E), np.nan if np.isnan(loss) else 0.0)
    if loss > 0.0:
        g[y], g[s] = 1.0, -1.0
    return g


def zero_when_right(formula, inputs, rng):
    """L = 0 exactly when y is a minimiser."""
    right = inputs["energies"][inputs["label"]] == inputs["energies"].min()
    return 0.0 if (formula.value(**inputs) == 0.0) == right else np.inf


FORMULA = Formula(
    value=perceptron,
    signature="(k),()->()",
    source="lecun2006, Section 2.2 and Table 1",
    gradients={"energies": perceptron_gradient},
    sample=random_table,
    laws=(
        laws.shift_invariant,
        laws.permutation_invariant,
        laws.non_negative,
        laws.convex_in_energies,
        laws.bounds_the_error,
        laws.gradient_sums_to_zero,
        laws.pushes_down_pulls_up,
        zero_when_right,
        laws.homogeneous(1, energies=1),
    ),
    cases={  # (energies, label), L, dL/dE, the mistake that it exposes
        "wrong": Case(([1.0, 0.5, 2.0, 3.0], 0), 0.5, [1.0, -1.0, 0.0, 0.0]),
        "right: nothing moves": Case(
            ([0.0, 2.0, 1.0], 0), 0.0, np.zeros(3), "minimum over wrong answers only"
        ),
        "the highest answer is no competitor": Case(
            ([1.0, 0.0, 8.0], 0), 1.0, exposes="maximum instead of minimum"
        ),
        "a tie with the correct answer costs nothing, and moves nothing": Case(
            ([1.0, 1.0], 1), 0.0, np.zeros(2)
        ),
        "of two equal offenders the first is pulled up": Case(([5.0, 1.0, 1.0], 0), 4.0, [1.0, -1.0, 0.0]),
        "an impossible correct answer": Case(([np.inf, 0.0], 0), np.inf),
        "not a number": Case(([0.0, np.nan], 0), np.nan, np.full(2, np.nan)),
    },
    variants={
        "minimum over wrong answers only": Mistake(
            lambda E, y: E[y] - np.min(np.delete(E, y)),
            symptom="negative losses, and right answers pushed down without end",
        ),
        "maximum instead of minimum": Mistake(
            lambda E, y: np.max(E) - E[y], symptom="the loss of a model of scores, fed with energies"
        ),
        "mean instead of minimum": Mistake(
            lambda E, y: E[y] - np.mean(E), symptom="negative losses; far answers pull as near ones do"
        ),
        "the error itself": Mistake(lambda E, y: 1.0 * (E[y] > np.min(E)), symptom="a step, without slopes"),
        "soft minimum": Mistake(
            lambda E, y: E[y] - np.min(E) + np.log(np.sum(np.exp(np.min(E) - E))),
            symptom="the negative log-likelihood: never 0",
        ),
        "all that lie lower summed": Mistake(
            lambda E, y: np.sum(np.maximum(0.0, E[y] - E)),
            symptom="every better answer is pulled up, not the best alone",
        ),
        "all that lie lower averaged": Mistake(
            lambda E, y: np.sum(np.maximum(0.0, E[y] - E)) / np.maximum(1.0, np.sum(E < E[y])),
            symptom="a loss that may rise as a rival falls out",
        ),
    },
    rules=check_table,
    refuses=NO_TABLES,
)
