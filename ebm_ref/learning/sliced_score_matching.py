r"""Sliced score matching: the score along a random direction, and the curvature along it.

    L = (v.s)^2/2 - h,        h = v' H v,  H = d2E/dx2

    dL/ds = (v.s) v
    dL/dv = (v.s) s           at fixed h
    dL/dh = -1

s is the score of the model at a point of the data, v a random direction with E[v v'] = I, and h the
curvature along it.  h costs one more derivative however many coordinates there are: differentiate v.s
once more along v, v'H v = -v.d(v.s)/dx.  The mean over v is score matching, since E[(v.s)^2] = |s|^2 and
E[v' H v] = tr H.

Which v?  All three usual choices have E[v v'] = I: signs, normal numbers, and the sphere of radius sqrt d.
L is the quadratic form v' A v of A = s s'/2 - H, and its variance over v is

    signs      2 (|A|^2 - sum_i A_ii^2)
    normal     2 |A|^2
    sphere     2d/(d + 2) (|A|^2 - (tr A)^2/d)         |A|^2 = sum_ij A_ij^2

Both others lie below the normal.  sliced_score_matching_reduced.py needs no slice of the score.

Conventions: with a direction of length 1 in place of sqrt d the loss is 1/d of this one, its minimum the
same.

Source: Song et al. (2019), Section 3; Song and Kingma (2021), equation 15, corrected.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous
from ebm_ref.numerics import dot, half_square, product, unit_of, weighted


def sliced_score_matching(score, direction, curvature_along):
    """Sliced score matching loss of one point and one direction.

    Parameters
    ----------
    score : (d,) float, d >= 1
        s, minus the gradient of the energy at the point.
    direction : (d,) float
        v, from a distribution with E[v v'] = I: of length about sqrt d, not 1.
    curvature_along : float
        h = v' H v, the second derivative of the energy along this v.

    Returns
    -------
    float
        (v.s)^2/2 - h, of either sign; its mean over v is the score matching loss.

    Raises ValueError if the score has no entry or the direction another length.

    >>> float(sliced_score_matching(np.array([9.0, 10.0, 11.0]), np.array([3.0, 4.0, 5.0]), -14.0))
    7456.0
    """
    s, v, h = FORMULA.checked(score, direction, curvature_along)
    return half_square(dot(v, s)) - h


def sliced_score_gradient(score, direction, curvature_along):
    """dL/ds = (v.s) v, shape (d,)."""
    s, v, _ = FORMULA.checked(score, direction, curvature_along)
    return along(v, s, v)


def sliced_direction_gradient(score, direction, curvature_along):
    """dL/dv = (v.s) s, shape (d,), at fixed h."""
    s, v, _ = FORMULA.checked(score, direction, curvature_along)
    return along(v, s, s)


def along(v, s, x):
    """(v.s) x, of v and s in units of their sizes: v.s may be beyond the range where the result is not."""
    t, u = unit_of(v), unit_of(s)
    return product(t, dot(v / t, s / u), u, x)


def sliced_curvature_along_gradient(score, direction, curvature_along):
    """dL/dh = -1."""
    s, v, h = FORMULA.checked(score, direction, curvature_along)
    return -1.0 + weighted(0.0, dot(v, s) + h)  # the 0 hands on a NaN


def rules(score, direction, curvature_along):
    """There is a coordinate."""
    require(len(score) > 0, "score", score, "must have at least one entry")


def random_slice(rng):
    """A score, a direction of signs and a curvature in three dimensions."""
    return {
        "score": rng.normal(scale=2.0, size=3),
        "direction": rng.choice([-1.0, 1.0], size=3),
        "curvature_along": rng.normal(scale=3.0),
    }


FORMULA = Formula(
    value=sliced_score_matching,
    signature="(d),(d),()->()",
    source="song2019, Section 3; song2021, equation 15, corrected",
    gradients={
        "score": sliced_score_gradient,
        "direction": sliced_direction_gradient,
        "curvature_along": sliced_curvature_along_gradient,
    },
    sample=random_slice,
    laws=(
        homogeneous(2, direction=1, curvature_along=2),
        homogeneous(2, score=1, curvature_along=2),
        convex_in("score"),
    ),
    cases={  # (score, direction, curvature_along), L, (dL/ds, dL/dv, dL/dh), the mistake that it exposes
        "a long direction": Case(
            ([9.0, 10.0, 11.0], [3.0, 4.0, 5.0], -14.0),
            7456.0,
            ([366.0, 488.0, 610.0], [1098.0, 1220.0, 1342.0], -1.0),
            "squares summed, not the sum squared",
        ),
        "a direction of signs": Case(
            ([-3.0, 2.0], [1.0, -1.0], 4.0), 8.5, ([-5.0, 5.0], [15.0, -10.0], -1.0), "curvature added"
        ),
        "the score has nothing along the direction": Case(
            ([2.0, 1.0, 3.0], [1.0, 1.0, -1.0], 3.0), -3.0, (np.zeros(3), np.zeros(3), -1.0)
        ),
        "two coordinates, and a direction of length sqrt 2": Case(
            ([2.0, 4.0], [1.0, 1.0], 6.0), 12.0, exposes="direction of unit length"
        ),
        "not a number": Case(([np.nan, 0.0], [1.0, 1.0], 0.0), np.nan),
    },
    variants={
        "squares summed, not the sum squared": Mistake(
            lambda s, v, h: np.sum((v * s) ** 2) / 2.0 - h,
            seen_in="Song and Kingma (2021), equation 15 as printed",
            symptom="the mean over v is right, but no single v is; for signs it is the reduced form",
        ),
        "curvature added": Mistake(
            lambda s, v, h: np.sum(v * s) ** 2 / 2.0 + h,
            {"curvature_along": lambda s, v, h: 1.0},
            seen_in="Song and Kingma (2021), equation 15 as printed, with the energy's second derivatives",
            symptom="the model wants to be a hill at the data",
        ),
        "direction of unit length": Convention(
            lambda s, v, h: (np.sum(v * s) ** 2 / 2.0 - h) / np.sum(v**2),
            {
                "score": lambda s, v, h: np.sum(v * s) * v / np.sum(v**2),
                "direction": lambda s, v, h: (
                    (np.sum(v * s) * s - (np.sum(v * s) ** 2 - 2.0 * h) * v / np.sum(v**2)) / np.sum(v**2)
                ),
                "curvature_along": lambda s, v, h: -1.0 / np.sum(v**2),
            },
            seen_in="NCSN, losses/sliced_sm.py, sliced_score_matching divides v by its length; quoted in "
            "github.com/ermongroup/sliced_score_matching/issues/3",
            symptom="1/d of the loss, with the same minimum",
        ),
        "the reduced form": Mistake(
            lambda s, v, h: np.sum(s**2) / 2.0 - h + 0.0 * np.sum(v),
            {"score": lambda s, v, h: s, "direction": lambda s, v, h: 0.0 * s},
            symptom="|s|^2 for (v.s)^2: the same mean over signs and normal directions",
        ),
    },
    rules=rules,
    refuses={
        "a score without entries": (([], [], 1.0), "score"),
        "a direction of another length": (([1.0, 2.0], [1.0], 1.0), "direction"),
    },
)
