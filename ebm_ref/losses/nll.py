r"""Negative log-likelihood: pull up every answer, each as hard as it is probable.

    L(E, y) = E_y - F,          F   = -(1/beta) log sum_j e^{-beta E_j}
    dL/dE_j = [j = y] - p_j,    p_j = e^{-beta E_j} / sum_i e^{-beta E_i}

F is the free energy and p the Gibbs distribution.  E_y is pushed down with force 1, and every answer,
the correct one included, is pulled up with the force of its probability: what is left at y is 1 - p_y.
L is -log p_y over beta, so it is in units of energy and tends to the perceptron loss as beta grows.

In floating point both terms of E_y - F may be 1e8 where L is 1e-9, and their difference keeps no
digit.  PyTorch 0.4 computed F first, and returned 0 in float32 for two equal logits of 1e8, where the
truth is log 2 (github.com/pytorch/pytorch/issues/11752).  Counting all energies from the lowest, E_s,
loses nothing, since both terms are then >= 0:

    L = (E_y - E_s) + (1/beta) log sum_j e^{-beta (E_j - E_s)}

Nor is 1 - p_y subtracted: it is the weight e^{-beta E_j} of the wrong answers over that of all.

Many give the same name to beta L, which is -log p_y.  It is cross-entropy with logits -beta E, the
loss of conditional random fields, and 'maximum mutual information' in speech.

Source: LeCun et al. (2006), Section 2.2 and Table 1 (margin: > 0).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.losses.table import NO_TABLES, NO_TEMPERATURES, check_tempered, random_table
from ebm_ref.numerics import logsumexp, softmax


def nll_as_printed(energies, label: int, beta=1.0):
    """E_y - F as it is printed: a small loss is lost beside E_y, and e^{-beta E} over- or underflows.

    >>> energies = np.array([0.0, 40.0])
    >>> float(nll_as_printed(energies, label=0)), float(nll(energies, label=0))
    (0.0, 4.248354255291589e-18)
    """
    E, y, beta = FORMULA.checked(energies, label, beta)
    F = -np.log(np.sum(np.exp(-beta * E))) / beta
    return E[y] - F


def nll(energies, label: int, beta=1.0):
    """Negative log-likelihood of one sample, divided by beta.

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
        >= 0, in units of energy; log(k)/beta where all answers are alike.

    Raises ValueError if k < 2, if `label` is not in 0..k-1, or if beta is not positive and finite.

    >>> float(nll(np.array([1.0, 0.5, 2.0, 3.0]), label=0).round(9))
    1.148016866
    """
    E, y, beta = FORMULA.checked(energies, label, beta)
    s = np.argmin(E)
    return (E[y] - E[s]) + logsumexp(beta * (E[s] - E)) / beta


def nll_gradient(energies, label: int, beta=1.0):
    """dL/dE, shape (k,): [j = y] - p_j."""
    E, y, beta = FORMULA.checked(energies, label, beta)
    p, wrong = gibbs(E, y, beta)
    g = -p
    g[y] = wrong
    return g


def gibbs(E, y, beta):
    """p_j of every answer, and 1 - p_y, which keeps its digits."""
    e = np.exp(beta * (E[np.argmin(E)] - E))
    wrong = pairwise_sum(e[np.arange(len(E)) != y])
    Z = e[y] + wrong
    return e / Z, wrong / Z


def pairwise_sum(x):
    """sum_j x_j of a vector (k,), k >= 1, by pairs, pairs of pairs, ...: every x_j is rounded log2 k times.

    A running sum rounds up to k times, and always the same way where the x_j are alike.

    >>> float(pairwise_sum(np.full(128, 0.1))), sum([0.1] * 128)
    (12.8, 12.79999999999997)
    """
    while len(x) > 1:
        half = len(x) // 2
        x = np.concatenate([x[:half] + x[half : 2 * half], x[2 * half :]])
    return x[0]


FORMULA = Formula(
    value=nll,
    signature="(k),(),()->()",
    source="lecun2006, Section 2.2 and Table 1",
    gradients={"energies": nll_gradient},
    sample=lambda rng: random_table(rng) | {"beta": rng.uniform(0.3, 3.0)},
    laws=(
        laws.shift_invariant,
        laws.permutation_invariant,
        laws.non_negative,
        laws.convex_in_energies,
        laws.bounds_the_error,
        laws.gradient_sums_to_zero,
        laws.pushes_down_pulls_up,
        laws.homogeneous(1, energies=1, beta=-1),
    ),
    cases={  # (energies, label, beta), L, dL/dE, the mistake that it exposes
        "nothing known: log k": Case(
            ([2.0, 2.0, 2.0, 2.0], 3, 1.0), np.log(4.0), [-0.25, -0.25, -0.25, 0.75], "logarithm forgotten"
        ),
        "four answers": Case(
            ([1.0, 0.5, 2.0, 3.0], 0, 1.0),
            1.1480168656689604,
            [0.6827346743233353, -0.5230820908987206, -0.11671539071300706, -0.04293719271160759],
            "sign of the exponent lost",
        ),
        "colder": Case(([1.0, 0.5, 2.0, 3.0], 0, 2.0), 0.6768769005646532, exposes="not divided by beta"),
        "near certain: e^-40 is left, and nothing of it may cancel": Case(
            ([0.0, 40.0], 0, 1.0),
            4.248354255291589e-18,
            [4.248354255291589e-18, -4.248354255291589e-18],
            exposes="correct answer left out of the sum",
        ),
        "hopeless: p_y = e^-800 is 0 in double precision, its logarithm is not": Case(
            ([0.0, 800.0], 1, 1.0), 800.0, [-1.0, 1.0], "logarithm of a softmax"
        ),
        "very unlikely: no probability may be clipped": Case(
            ([-14.40625, -50.09375], 0, 1.0),
            35.6875,
            [-np.expm1(-35.6875), np.expm1(-35.6875)],
            "probability clipped at 1e-7",
        ),
        "energies of -1000 and -999: e^1000 overflows, e^-1 does not": Case(
            ([-1000.0, -999.0], 0, 1.0),
            np.log1p(np.exp(-1.0)),
            [0.2689414213699951, -0.2689414213699951],
            "lowest energy left in the exponent",
        ),
        "an impossible wrong answer is not there": Case(
            ([1.0, np.inf, 1.0], 0, 1.0), np.log(2.0), [0.5, 0.0, -0.5]
        ),
        "an impossible correct answer": Case(([0.0, np.inf], 1, 1.0), np.inf),
        "nothing is possible: there is no distribution": Case(([np.inf, np.inf], 0, 1.0), np.nan),
        "the smaller energy is the likelier: energies are not scores": Case(
            ([0.0, np.log(3.0)], 0, 1.0), np.log(4.0 / 3.0), [0.25, -0.25], "energies taken for scores"
        ),
        "not a number": Case(([0.0, np.nan, 1.0], 0, 1.0), np.nan, np.full(3, np.nan)),
    },
    variants={
        "not divided by beta": Convention(
            lambda E, y, beta=1.0: beta * nll(E, y, beta),
            {"energies": lambda E, y, beta=1.0: beta * nll_gradient(E, y, beta)},
            seen_in="the probabilistic literature: -log p(y), without a unit",
        ),
        "energies taken for scores": Mistake(
            lambda E, y, beta=1.0: logsumexp(beta * (E - np.max(E))) / beta + np.max(E) - E[y],
            symptom="cross-entropy given energies as logits: the correct answer is driven up",
        ),
        "sign of the exponent lost": Mistake(
            lambda E, y, beta=1.0: E[y] + logsumexp(beta * E) / beta,
            seen_in="NYU DLSP20 week 11-2, printed formula",
            symptom="every answer is pushed down",
        ),
        "logarithm forgotten": Mistake(
            lambda E, y, beta=1.0: E[y] + np.sum(np.exp(-beta * E)) / beta,
            seen_in="NYU DLSP20 week 7-2, printed formula",
            symptom="the loss depends on the level of the energies",
        ),
        "lowest energy left in the exponent": Mistake(
            lambda E, y, beta=1.0: E[y] + np.log(np.sum(np.exp(-beta * E))) / beta,
            {"energies": lambda E, y, beta=1.0: _unscaled_gradient(E, y, beta)},
            seen_in="tiny-transformers, github.com/PAIR-code/tiny-transformers/pull/67",
            symptom="an infinite loss for beta E below -709, minus infinity above 745 (float32: 88, 104)",
        ),
        "logarithm of a softmax": Mistake(
            lambda E, y, beta=1.0: -np.log(softmax(beta * (np.min(E) - E))[y]) / beta,
            seen_in="ONNX reference implementation of LogSoftmax, op_log_softmax.py",
            symptom="an infinite loss beyond a gap of 745 (float32: 104); 0 where 1e-17 is left",
        ),
        "probability clipped at 1e-7": Mistake(
            lambda E, y, beta=1.0: (
                -np.log(np.clip(softmax(beta * (np.min(E) - E))[y], 1e-7, 1 - 1e-7)) / beta
            ),
            seen_in="Keras CategoricalCrossentropy, github.com/keras-team/keras/issues/17634",
            symptom="no loss exceeds 16.118, and a hopeless sample has no gradient",
        ),
        "correct answer left out of the sum": Mistake(
            lambda E, y, beta=1.0: (
                E[y] + logsumexp(np.where(np.arange(len(E)) == y, -np.inf, -beta * E)) / beta
            ),
            symptom="the gap to the wrong answers' free energy: negative, and it falls without end",
        ),
        "entropy of the answers": Mistake(
            lambda E, y, beta=1.0: (
                np.sum(softmax(-beta * E) * (E - np.min(E)))
                + np.log(np.sum(np.exp(beta * (np.min(E) - E)))) / beta
            ),
            symptom="the right answer is not read: any sure one will do",
        ),
        "a yes or no for each answer": Mistake(
            lambda E, y, beta=1.0: E[y] + np.sum(np.logaddexp(0.0, -beta * E)) / beta,
            symptom="sigmoids for the softmax: answers do not compete",
        ),
    },
    as_printed=nll_as_printed,
    rules=check_tempered,
    refuses=NO_TABLES | NO_TEMPERATURES,
)


def _unscaled_gradient(E, y, beta):
    e = np.exp(-beta * E)
    return np.eye(len(E))[y] - e / np.sum(e)
