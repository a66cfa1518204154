r"""Score matching: fit the slope of the log-density, of which Z is no part.

    L(s, C) = |s|^2/2 - C
    s       = -dE/dx           the score of the model at a point of the data
    C       = tr d2E/dx2       the curvature of its energy there

    dL/ds = s
    dL/dC = -1

Wanted is D = E|s - s_p|^2/2, how far the model's score is from that of the data, which nobody knows.
Integration by parts turns the product E[s.s_p] into E[C], and what is left does not depend on the model:

    E[L] = D - E|s_p|^2/2

So the mean of L over the data is smallest for the true model.  It reads: be flat at the data (s = 0), and
at the bottom of a valley (C large).  A model that is a Gaussian of precision P has E[L] = tr(P S P)/2 - tr
P on data of second moments S, and P = S^-1 is best, exactly as in maximum likelihood.

The curvature costs as many derivatives as x has coordinates: denoising_score_matching.py avoids it,
sliced_score_matching.py takes it along one direction.  And the score of well separated modes does not
depend on their weights, so this loss cannot see them (energies/mixture.py).

C is the trace alone.  A gradient of summed gradients also adds the mixed derivatives; see
quadratic_curvature for the case that tells (github.com/BioMedIA/deepali/pull/117 mends one).

Conventions: equation (8) of Song and Kingma (2021) has +C; its sign belongs to second derivatives of log p.

Source: Hyvarinen (2005), Theorem 1; Song and Kingma (2021), Section 4, equation 8,
corrected.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous
from ebm_ref.numerics import half_square


def score_matching(score, curvature):
    """Score matching loss of one point of the data.

    Parameters
    ----------
    score : (d,) float, d >= 1
        s, minus the gradient of the model's energy at the point.  A NaN gives a NaN loss.
    curvature : float
        C, the sum of the second derivatives of the energy there, of either sign.

    Returns
    -------
    float
        |s|^2/2 - C, of either sign: D up to a constant that is not known.

    Raises ValueError if the score has no entry.

    >>> float(score_matching(np.array([-3.0, 2.0]), 6.0))  # 13/2 - 6
    0.5
    """
    s, C = FORMULA.checked(score, curvature)
    return np.sum(half_square(s)) - C


def score_matching_score_gradient(score, curvature):
    """dL/ds = s, shape (d,)."""
    s, _ = FORMULA.checked(score, curvature)
    return 1.0 * s


def score_matching_curvature_gradient(score, curvature):
    """dL/dC = -1."""
    s, C = FORMULA.checked(score, curvature)
    return -1.0 + 0.0 * (np.sum(s) + C)  # the 0 hands on a NaN


def rules(score, curvature):
    """There is a coordinate."""
    require(len(score) > 0, "score", score, "must have at least one entry")


def random_model(rng):
    """A score and a curvature of a model in three dimensions."""
    return {"score": rng.normal(scale=2.0, size=3), "curvature": rng.normal(scale=3.0)}


FORMULA = Formula(
    value=score_matching,
    signature="(d),()->()",
    source="hyvarinen2005, Theorem 1; song2021, equation 8, corrected",
    gradients={"score": score_matching_score_gradient, "curvature": score_matching_curvature_gradient},
    sample=random_model,
    laws=(homogeneous(2, score=1, curvature=2), convex_in("score")),
    cases={  # (score, curvature), L, (dL/ds, dL/dC), the mistake that it exposes
        "in a valley: the curvature lowers the loss": Case(
            ([-3.0, 2.0], 6.0), 0.5, ([-3.0, 2.0], -1.0), "curvature added"
        ),
        "on a slope: the score counts by its square": Case(
            ([2.0, -6.0], 3.0), 17.0, ([2.0, -6.0], -1.0), "one half forgotten"
        ),
        "at the bottom of a bowl in eight dimensions": Case(
            (np.zeros(8), 12.0), -12.0, (np.zeros(8), -1.0), "curvature divided by the dimension"
        ),
        "on a ridge: a negative curvature costs": Case(([1.0, 0.0, 2.0], -4.0), 6.5, ([1.0, 0.0, 2.0], -1.0)),
        "not a number": Case(([np.nan, 1.0], 1.0), np.nan, ([np.nan, 1.0], np.nan)),
    },
    variants={
        "curvature added": Mistake(
            lambda s, C: np.sum(s**2) / 2.0 + C,
            {"curvature": lambda s, C: 1.0},
            seen_in="Song and Kingma (2021), equation 8 as printed, with the energy's second derivatives",
            symptom="a Gaussian's precision falls to 0 and below: the model wants to be a hill",
        ),
        "one half forgotten": Mistake(
            lambda s, C: np.sum(s**2) - C,
            {"score": lambda s, C: 2.0 * s},
            symptom="variances come out doubled",
        ),
        "curvature divided by the dimension": Mistake(
            lambda s, C: np.sum(s**2) / 2.0 - C / len(s),
            {"curvature": lambda s, C: -1.0 / len(s)},
            seen_in="torchebm, torchebm/losses/score_matching.py, ScoreMatching(hessian_method='approx')",
            symptom="right in one dimension; in d of them variances come out d times too large",
        ),
    },
    rules=rules,
    refuses={"a score without entries": (([], 1.0), "score")},
)
