r"""Sliced score matching with reduced variance: the whole score, and the curvature along one direction.

    L = |s|^2/2 - h,          h = v' H v,  H = d2E/dx2

    dL/ds = s
    dL/dh = -1

The score s is there anyway, so only the trace of H is left to chance: h, the curvature along a random
direction v with E[v v'] = I, has the mean tr H (Hutchinson).  The variance of L is that of h alone, for
symmetric H:

    signs      2 (|H|^2 - sum_i H_ii^2)
    normal     2 |H|^2
    sphere     2d/(d + 2) (|H|^2 - (tr H)^2/d)         |H|^2 = sum_ij H_ij^2

For H = [[2, .5, 0], [.5, 1, -.25], [0, -.25, 3]] these are 1.25, 29.25 and 3.15.  So it matters that signs
are drawn where signs are announced: NCSN's anneal_sliced_score_estimation_vr says "use Rademacher" and
draws normal numbers.  Where H is diagonal, signs have no variance at all.

Reduced it is compared with the sliced form on the average only: where s s'/2 and H nearly cancel, the
sliced form has less.

Source: Song et al. (2019), Section 3; Song and Kingma (2021), equation 17, corrected; Hutchinson (1990).
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous
from ebm_ref.numerics import half_square


def sliced_score_matching_reduced(score, curvature_along):
    """Sliced score matching loss of one point and one direction, with reduced variance.

    Parameters
    ----------
    score : (d,) float, d >= 1
        s, minus the gradient of the energy at the point.
    curvature_along : float
        h = v' H v, the second derivative of the energy along a random v with E[v v'] = I.

    Returns
    -------
    float
        |s|^2/2 - h, of either sign; its mean over v is the score matching loss.

    Raises ValueError if the score has no entry.

    >>> float(sliced_score_matching_reduced(np.array([9.0, 10.0, 11.0]), -14.0))
    165.0
    """
    s, h = FORMULA.checked(score, curvature_along)
    return np.sum(half_square(s)) - h


def reduced_score_gradient(score, curvature_along):
    """dL/ds = s, shape (d,)."""
    s, _ = FORMULA.checked(score, curvature_along)
    return 1.0 * s


def reduced_curvature_along_gradient(score, curvature_along):
    """dL/dh = -1."""
    s, h = FORMULA.checked(score, curvature_along)
    return -1.0 + 0.0 * (np.sum(s) + h)  # the 0 hands on a NaN


def rules(score, curvature_along):
    """There is a coordinate."""
    require(len(score) > 0, "score", score, "must have at least one entry")


def random_reduced(rng):
    """A score and a curvature along some direction, in three dimensions."""
    return {"score": rng.normal(scale=2.0, size=3), "curvature_along": rng.normal(scale=3.0)}


FORMULA = Formula(
    value=sliced_score_matching_reduced,
    signature="(d),()->()",
    source="song2019, Section 3; song2021, equation 17, corrected; hutchinson1990",
    gradients={"score": reduced_score_gradient, "curvature_along": reduced_curvature_along_gradient},
    sample=random_reduced,
    laws=(homogeneous(2, score=1, curvature_along=2), convex_in("score")),
    cases={  # (score, curvature_along), L, (dL/ds, dL/dh), the mistake that it exposes
        "a long score": Case(([9.0, 10.0, 11.0], -14.0), 165.0, ([9.0, 10.0, 11.0], -1.0), "curvature added"),
        "a valley along the direction": Case(
            ([-3.0, 2.0], 4.0), 2.5, ([-3.0, 2.0], -1.0), "curvature divided by the dimension"
        ),
        "at the bottom": Case(([0.0, 0.0, 0.0], 3.0), -3.0, (np.zeros(3), -1.0)),
        "on a slope without curvature": Case(
            ([2.0, -4.0], 0.0), 10.0, ([2.0, -4.0], -1.0), "one half forgotten"
        ),
        "not a number": Case(([np.nan, 0.0], 0.0), np.nan),
    },
    variants={
        "curvature added": Mistake(
            lambda s, h: np.sum(s**2) / 2.0 + h,
            {"curvature_along": lambda s, h: 1.0},
            seen_in="Song and Kingma (2021), equation 17 as printed, with the energy's second derivatives",
            symptom="the model wants to be a hill at the data",
        ),
        "curvature divided by the dimension": Mistake(
            lambda s, h: np.sum(s**2) / 2.0 - h / len(s),
            {"curvature_along": lambda s, h: -1.0 / len(s)},
            seen_in="torchebm, torchebm/losses/score_matching.py, ScoreMatching(hessian_method='approx'), "
            "which is this estimator with normal v",
            symptom="right in one dimension; in d of them variances come out d times too large",
        ),
        "one half forgotten": Mistake(
            lambda s, h: np.sum(s**2) - h,
            {"score": lambda s, h: 2.0 * s},
            symptom="variances come out doubled",
        ),
    },
    rules=rules,
    refuses={"a score without entries": (([], 1.0), "score")},
)
