r"""Minimum empirical error loss: the probability of answering wrongly.

    L(E, y) = 1 - p_y,        p_j = e^{-beta E_j} / sum_i e^{-beta E_i}
    dL/dE_j = beta p_y ([j = y] - p_j)

If the model answered by drawing from its Gibbs distribution, this would be its error rate.  With two
answers, at beta = 1, it is MCE, and like MCE it saturates: the force beta p_y (1 - p_y) on the
correct answer vanishes both where the sample is easy and where it is hopeless.

In floating point 1 - p_y must be summed from the wrong answers: near certainty the subtraction leaves
no digit.

Source: LeCun et al. (2006), Section 2.2 and Table 1 (margin: > 0); Ljolje et al. (1990).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.losses.nll import gibbs, nll, nll_gradient
from ebm_ref.losses.table import NO_TABLES, NO_TEMPERATURES, check_tempered, random_table
from ebm_ref.numerics import sigmoid, softmax


def mee_as_printed(energies, label: int, beta=1.0):
    """1 - p_y as it is printed: nothing is left of a small loss, and e^{-beta E} over- or underflows.

    >>> energies = np.array([0.0, 40.0])
    >>> float(mee_as_printed(energies, label=0)), float(mee(energies, label=0))
    (0.0, 4.248354255291589e-18)
    """
    E, y, beta = FORMULA.checked(energies, label, beta)
    p = np.exp(-beta * E) / np.sum(np.exp(-beta * E))
    return 1.0 - p[y]


def mee(energies, label: int, beta=1.0):
    """Minimum empirical error loss of one sample.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; lower is better; +inf marks an impossible one.  A NaN gives a NaN loss.
    label : int
        Index y of the correct answer.
    beta : float
        Inverse temperature, > 0, in units of 1/energy.

    Returns
    -------
    float
        In [0, 1]; (k-1)/k where all answers are alike.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, or if beta is not positive and finite.

    >>> float(mee(np.array([0.0, 40.0]), label=0))  # 1 - p_y, subtracted, would be 0
    4.248354255291589e-18
    """
    E, y, beta = FORMULA.checked(energies, label, beta)
    _, wrong = gibbs(E, y, beta)
    return wrong


def mee_gradient(energies, label: int, beta=1.0):
    """dL/dE, shape (k,): -beta p_y p_j elsewhere, beta p_y (1 - p_y) at y."""
    E, y, beta = FORMULA.checked(energies, label, beta)
    p, wrong = gibbs(E, y, beta)
    g = -beta * p[y] * p
    g[y] = beta * p[y] * wrong
    return g


FORMULA = Formula(
    value=mee,
    signature="(k),(),()->()",
    source="lecun2006, Section 2.2 and Table 1",
    gradients={"energies": mee_gradient},
    sample=lambda rng: random_table(rng) | {"beta": rng.uniform(0.3, 3.0)},
    laws=(
        laws.shift_invariant,
        laws.permutation_invariant,
        laws.non_negative,
        laws.at_most_one,
        laws.bounds_the_error,
        laws.gradient_sums_to_zero,
        laws.pushes_down_pulls_up,
        laws.homogeneous(0, energies=1, beta=-1),
    ),
    cases={  # (energies, label, beta), L, dL/dE, the mistake that it exposes
        "nothing known: wrong three times in four": Case(
            ([2.0, 2.0, 2.0, 2.0], 3, 1.0),
            0.75,
            [-0.0625, -0.0625, -0.0625, 0.1875],
            "probability of being right, negated",
        ),
        "four answers": Case(
            ([1.0, 0.5, 2.0, 3.0], 0, 1.0),
            0.6827346743233353,
            [0.21660803879994459, -0.16595580992461334, -0.03702974644604135, -0.013622482429289895],
            "most offending answer alone",
        ),
        "colder: beta multiplies the force": Case(
            ([1.0, 0.5, 2.0, 3.0], 0, 2.0),
            0.741731051540327,
            [0.3831321974424155, -0.3626342887010082, -0.018054498124088807, -0.002443410617318451],
            "beta forgotten",
        ),
        "near certain: e^-40 is left": Case(
            ([0.0, 40.0], 0, 1.0),
            4.248354255291589e-18,
            [4.248354255291589e-18, -4.248354255291589e-18],
            "subtracted from one",
        ),
        "three sums round up: a probability is never above 1": Case(
            ([50.0, 0.0, 0.0, 0.5, 0.0], 0, 1.0), 1.0
        ),
        "hopeless, hence at rest": Case(
            ([40.0, 0.0], 0, 1.0),
            1.0,
            [4.248354255291589e-18, -4.248354255291589e-18],
            exposes="energies taken for scores",
        ),
        "an impossible answer is not there, wherever it stands": Case(
            ([np.inf, 1.0, 1.0], 1, 1.0), 0.5, [0.0, 0.25, -0.25], "factor p_y lost"
        ),
        "an impossible correct answer": Case(([0.0, np.inf], 1, 1.0), 1.0),
        "not a number": Case(([0.0, np.nan], 0, 1.0), np.nan, np.full(2, np.nan)),
    },
    variants={
        "probability of being right, negated": Mistake(
            lambda E, y, beta=1.0: -softmax(beta * (np.min(E) - E))[y],
            {"energies": lambda E, y, beta=1.0: mee_gradient(E, y, beta)},
            seen_in="texts that average -softmax and call it cross-entropy: it is this loss minus 1",
            symptom="negative losses, correct gradients; and slower learning than cross-entropy",
        ),
        "subtracted from one": Mistake(
            lambda E, y, beta=1.0: 1.0 - softmax(beta * (np.min(E) - E))[y],
            symptom="absolute accuracy only: 0 below 1e-16, steps of 1e-16 above",
        ),
        "most offending answer alone": Mistake(
            lambda E, y, beta=1.0: 1.0 / (1.0 + np.exp(beta * (np.min(np.delete(E, y)) - E[y]))),
            symptom="MCE: right for two answers, too small for more",
        ),
        "beta forgotten": Mistake(
            lambda E, y, beta=1.0: mee(E, y), {"energies": lambda E, y, beta=1.0: mee_gradient(E, y)}
        ),
        "factor p_y lost": Mistake(
            gradients={"energies": lambda E, y, beta=1.0: beta * nll_gradient(E, y, beta)},
            symptom="the gradient is cross-entropy's: what is hopeless is pulled hardest",
        ),
        "energies taken for scores": Mistake(
            lambda E, y, beta=1.0: mee(-E, y, beta),
            {"energies": lambda E, y, beta=1.0: -mee_gradient(-E, y, beta)},
            symptom="one minus a softmax of energies: the correct answer is driven up",
        ),
        "the answer given in place of the right one": Mistake(
            lambda E, y, beta=1.0: 1.0 - np.max(softmax(beta * (np.min(E) - E))),
            symptom="confidence is learnt, of whichever answer",
        ),
        "logarithm left in": Mistake(
            lambda E, y, beta=1.0: beta * nll(E, y, beta),
            {"energies": lambda E, y, beta=1.0: beta * nll_gradient(E, y, beta)},
            symptom="-log p_y: cross-entropy, without a bound",
        ),
        "squared distance of the probabilities": Mistake(
            lambda E, y, beta=1.0: np.sum((softmax(beta * (np.min(E) - E)) - np.eye(len(E))[y]) ** 2),
            symptom="the Brier score: up to 2, and wrong answers count by their shares",
        ),
        "correct answer alone pushed": Mistake(
            gradients={"energies": lambda E, y, beta=1.0: np.eye(len(E))[y] * mee_gradient(E, y, beta)},
            symptom="p (1 - p) at y, and no wrong answer is pulled up",
        ),
        "mean of the wrong energies as competitor": Mistake(
            lambda E, y, beta=1.0: sigmoid(beta * (E[y] - np.mean(E[np.arange(len(E)) != y])))
        ),
        "largest wrong probability": Mistake(
            lambda E, y, beta=1.0: np.max(softmax(-beta * E)[np.arange(len(E)) != y])
        ),
        "two draws that differ": Mistake(lambda E, y, beta=1.0: 1.0 - np.sum(softmax(-beta * E) ** 2)),
    },
    as_printed=mee_as_printed,
    rules=check_tempered,
    refuses=NO_TABLES | NO_TEMPERATURES,
)
