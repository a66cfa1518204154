r"""Conditional NCE: tell a datum from its own disturbed copies.

    L(D) = sum_j log(1 + e^{-D_j}),       D_j = E(x_j') - E(x)
    dL/dD_j = -sigma(-D_j),               sigma(t) = 1/(1 + e^-t)

x is a datum and x_1', ..., x_m' are copies that noise has disturbed: D is a vector of energy differences.
Which of the pair (x, x_j') is the datum?  If copies are made as easily one way as the other, q(x'|x) =
q(x|x'), the odds are p(x) / p(x'), where Z cancels, and L is the negative log-likelihood of the right
answers.  No density of noise is needed and no c is learned.  If q is not symmetric, D is E(x') + log
q(x'|x) less E(x) + log q(x|x'): the correction of ranking_nce.py for one noise point.

Take x' = x + e v and x - e v for a small e and a direction v.  With s = -dE/dx and the Hessian H of E

    L = 2 log 2 + (e^2/2) ((v's)^2/2 - v'H v) + O(e^4)

which is sliced score matching: the smaller the noise, the more it looks at the slope alone.  And where x'
flips one unit of a discrete x, it is pseudolikelihood.py.

Conventions: one datum, with the sum over its copies.  After equation 26 Song and Kingma (2021) print this
expansion with three slips: 1/4 for 1/2 in front, a sum of squares, sum_i (v_i dE/dx_i)^2, for the square of
the sum, and plus for minus before the second derivatives.

Source: Ceylan and Gutmann (2018), Section 2; Song and Kingma (2021), Section 5.1, equation 26,
corrected.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.learning.flips import (
    adds_up,
    always_downhill,
    check_differences,
    neighbours_renamed,
    random_differences,
    refusals,
)
from ebm_ref.numerics import sigmoid, softplus, total


def conditional_nce(differences):
    """Conditional noise-contrastive loss of one datum and its copies.

    Parameters
    ----------
    differences : (m,) float, m >= 1
        D_j = E(x_j') - E(x), disturbed copy less datum; +inf where the model forbids the copy, which costs
        nothing.

    Returns
    -------
    float
        >= 0, in nats; m log 2 where all energies are alike.

    Raises ValueError if there is no copy, or if a difference is -inf or no number: an impossible datum.

    >>> float(conditional_nce(np.log([3.0, 1.0 / 3.0])).round(12))  # log 4/3 + log 4
    1.673976433572
    """
    (D,) = FORMULA.checked(differences)
    return total(softplus(-D))


def conditional_nce_gradient(differences):
    """dL/dD, shape (m,): -sigma(-D_j), minus the probability of taking the copy for the datum."""
    (D,) = FORMULA.checked(differences)
    return -sigmoid(-D)


def rules(differences):
    """Copies, and a datum that is possible."""
    check_differences("differences", differences)


LOG3, LOG7 = np.log([3.0, 7.0])

FORMULA = Formula(
    value=conditional_nce,
    signature="(m)->()",
    source="ceylan2018, Section 2; song2021, Section 5.1, equation 26, corrected",
    gradients={"differences": conditional_nce_gradient},
    sample=random_differences("differences"),
    laws=(laws.non_negative, laws.convex_in("differences"), neighbours_renamed, always_downhill, adds_up),
    cases={  # D, L, dL/dD, the mistake that it exposes
        "odds of 3 for and against": Case(([LOG3, -LOG3],), np.log(16.0 / 3.0), [-0.25, -0.75]),
        "as good as the copy, and seven times better": Case(
            ([0.0, LOG7],), np.log(16.0 / 7.0), [-0.5, -0.125], "datum and copy exchanged"
        ),
        "far below its copies: e^-40 is left": Case(
            ([40.0, 800.0],), 4.248354255291589e-18, [-4.248354255291589e-18, 0.0]
        ),
        "far above: no probability underflows": Case(([-2000.0, 0.0],), 2000.0 + np.log(2.0), [-1.0, -0.5]),
        "a copy that the model forbids": Case(
            ([np.inf, 0.0, 0.0],), 2.0 * np.log(2.0), [0.0, -0.5, -0.5], "twice the mean over the copies"
        ),
    },
    variants={
        "datum and copy exchanged": Mistake(
            lambda D: np.sum(softplus(D)),
            {"differences": lambda D: sigmoid(D)},
            symptom="noise becomes more probable than data",
        ),
        "twice the mean over the copies": Convention(
            lambda D: 2.0 * np.mean(softplus(-D)),
            {"differences": lambda D: -2.0 * sigmoid(-D) / len(D)},
            seen_in="Ceylan and Gutmann (2018), Section 2",
            symptom="the same minimum, and the same number for two copies",
        ),
        "one softmax of the datum and its copies": Mistake(
            lambda D: np.log1p(np.sum(np.exp(-D))),
            symptom="ranking NCE, whose noise is divided out: the same for one copy",
        ),
        "mean of the differences first": Mistake(
            lambda d: softplus(-np.mean(d)), symptom="copies that are easy make up for those that are not"
        ),
        "hinges for the logistic": Mistake(
            lambda d: np.mean(np.maximum(0.0, 1.0 - d)),
            symptom="0 beyond a difference of 1: the model is not that of the data",
        ),
    },
    rules=rules,
    refuses=refusals("differences"),
)
