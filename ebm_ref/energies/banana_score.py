r"""The slope of the banana: score and curvature.

    s = -dE/dx = (-x_1/v + 2 b x_1 d, -d)                       the score
    C = tr d2E/dx2 = 1/v + 1 - 2 b d + 4 b^2 x_1^2              the curvature

    ds_1/dx = (2 b d - 1/v - 4 b^2 x_1^2, 2 b x_1)
    ds_2/dx = (2 b x_1, -1)
    ds/db = (2 x_1 (d - b q), q)
    ds/dv = (x_1/v^2 + 2 b^2 x_1, -b)
    dC/dx = (12 b^2 x_1, -2 b)
    dC/db = -2 d + 2 b q + 8 b x_1^2
    dC/dv = -1/v^2 - 2 b^2

d = x_2 - b q and q = x_1^2 - v, as in banana.py, of whose energy these are the derivatives that learning
without Z needs.  Inside the bend, where d exceeds (1/v + 1)/(2 b) + 2 b x_1^2 for b > 0, C is negative.

Source: Haario, Saksman and Tamminen (1999), for the density; the derivatives are derived here.
"""

import autograd.numpy as np

from ebm_ref.energies.banana import (
    AT,
    NO_BANANAS,
    NO_POINT,
    RIDGE,
    above,
    banana_point_gradient,
    bent_the_other_way,
    mirrored,
    random_banana,
    rules,
    slope,
)
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.numerics import product


def banana_score(point, bend, variance):
    """Score of one point.

    Parameters
    ----------
    point, bend, variance : as for `banana`
        x, (2,), b and v.

    Returns
    -------
    (2,) float
        -x_1/v + 2 b x_1 d, and -d.

    Raises ValueError if x is not of the plane, or if the variance is not positive.

    >>> banana_score(np.array([2.0, 3.0]), 1.0, 2.0).tolist()
    [3.0, -1.0]
    """
    x, b, v = SCORE.checked(point, bend, variance)
    return -slope(x, b, v)


def banana_score_point_gradient(point, bend, variance):
    """ds/dx, shape (2, 2): minus the Hessian of E."""
    x, b, v = SCORE.checked(point, bend, variance)
    across = 2.0 * b * x[0]
    return np.array([[-along(x, b, v), across], [across, -1.0]])


def along(x, b, v):
    """d2E/dx_1^2 = 1/v - 2 b d + 4 b^2 x_1^2; b is taken out, since both terms may be beyond the range."""
    _, d = above(x, b, v)
    return 1.0 / v - 2.0 * b * (d - 2.0 * b * x[0] ** 2)


def banana_score_bend_gradient(point, bend, variance):
    """ds/db, shape (2,): 2 x_1 (d - b q), and q."""
    x, b, v = SCORE.checked(point, bend, variance)
    q, d = above(x, b, v)
    return np.array([2.0 * x[0] * (d - b * q), q])


def banana_score_variance_gradient(point, bend, variance):
    """ds/dv, shape (2,): x_1/v^2 + 2 b^2 x_1, and -b."""
    x, b, v = SCORE.checked(point, bend, variance)
    return np.array([x[0] / v / v + product(2.0, b, b, x[0]), -b + 0.0 * x[0]])  # the 0 hands on a NaN


def banana_curvature(point, bend, variance):
    """Sum of the second derivatives of the energy.

    Parameters
    ----------
    point, bend, variance : as for `banana`
        x, (2,), b and v.

    Returns
    -------
    float
        1/v + 1 - 2 b d + 4 b^2 x_1^2: negative inside the bend.

    Raises ValueError if x is not of the plane, or if the variance is not positive.

    >>> float(banana_curvature(np.array([2.0, 3.0]), 1.0, 2.0))
    15.5
    """
    x, b, v = CURVATURE.checked(point, bend, variance)
    return 1.0 + along(x, b, v)


def banana_curvature_point_gradient(point, bend, variance):
    """dC/dx, shape (2,): 12 b^2 x_1, and -2 b."""
    x, b, _ = CURVATURE.checked(point, bend, variance)
    return np.array([product(12.0, b, b, x[0]), -2.0 * b + 0.0 * x[0]])


def banana_curvature_bend_gradient(point, bend, variance):
    """dC/db = -2 d + 2 b q + 8 b x_1^2."""
    x, b, v = CURVATURE.checked(point, bend, variance)
    q, d = above(x, b, v)
    return -2.0 * d + 2.0 * b * q + 8.0 * b * x[0] ** 2


def banana_curvature_variance_gradient(point, bend, variance):
    """dC/dv = -1/v^2 - 2 b^2."""
    x, b, v = CURVATURE.checked(point, bend, variance)
    return -1.0 / v / v - 2.0 * b * b + 0.0 * x[0]


SCORE = Formula(
    value=banana_score,
    signature="(a),(),()->(a)",
    source="haario1999",
    gradients={
        "point": banana_score_point_gradient,
        "bend": banana_score_bend_gradient,
        "variance": banana_score_variance_gradient,
    },
    sample=random_banana,
    cases={  # (point, bend, variance), s, (ds/dx, ds/db, ds/dv), the mistake that it exposes
        "one above the ridge": Case(
            AT,
            [3.0, -1.0],
            ([[-14.5, 4.0], [4.0, -1.0]], [-4.0, 2.0], [4.5, -1.0]),
            "gradient of the energy given for the score",
        ),
        "on the ridge": Case(RIDGE, [-1.0, 0.0]),
        "not a number": Case(NO_POINT, np.full(2, np.nan)),
    },
    variants={
        "gradient of the energy given for the score": Mistake(
            banana_point_gradient,
            seen_in="torchebm, github.com/soran-ghaderi/torchebm/issues/318",
            symptom="samplers climb",
        )
    },
    rules=rules,
    refuses=NO_BANANAS,
)


CURVATURE = Formula(
    value=banana_curvature,
    signature="(a),(),()->()",
    source="haario1999",
    gradients={
        "point": banana_curvature_point_gradient,
        "bend": banana_curvature_bend_gradient,
        "variance": banana_curvature_variance_gradient,
    },
    sample=random_banana,
    laws=(mirrored, bent_the_other_way),
    cases={  # (point, bend, variance), C, (dC/dx, dC/db, dC/dv), the mistake that it exposes
        "one above the ridge": Case(AT, 15.5, ([24.0, -2.0], 34.0, -2.25), "mixed derivatives counted"),
        "inside the bend: not convex": Case(([0.0, 5.0], 1.0, 2.0), -12.5, ([0.0, -2.0], -18.0, -2.25)),
        "not a number": Case(NO_POINT, np.nan),
    },
    variants={
        "mixed derivatives counted": Mistake(
            lambda x, b, v: -np.sum(banana_score_point_gradient(x, b, v)),
            symptom="the gradient of the summed score: all of the Hessian instead of its diagonal",
        )
    },
    rules=rules,
    refuses=NO_BANANAS,
)
