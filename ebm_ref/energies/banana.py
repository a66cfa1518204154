r"""Banana: a Gaussian bent along a parabola, with a known Z.

    E(x)      = x_1^2/(2v) + t^2/2,              t = x_2 - b (x_1^2 - v)
    score     = (-x_1/v + 2 b x_1 t,  -t)
    curvature = 1/v + 1 - 2 b t + 4 b^2 x_1^2
    Z         = 2 pi sqrt(v)

x_1 and t are independent Gaussians, of variance v and 1: bending moves no volume, so Z does not depend on
b, and the mean stays at 0.  Easy to draw from exactly and hard for samplers that walk: the ridge is
curved, and no linear change of coordinates makes it round.

Source: Haario, Saksman and Tamminen (1999), "Adaptive proposal distribution for random walk Metropolis
algorithm".
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_number, require_shape
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import misfit


def banana(point, bend, variance):
    """Energy of one point of the plane.

    Parameters
    ----------
    point : (2,) float
        x.
    bend : float
        b; at 0 the density is a Gaussian.
    variance : float
        v > 0, of x_1.

    Returns
    -------
    float
        x_1^2/(2v) + (x_2 - b (x_1^2 - v))^2/2 >= 0.

    Raises
    ------
    ValueError
        If x is not of the plane, or if the variance is not positive.

    >>> float(banana(np.array([2.0, 3.0]), 1.0, 2.0))  # t = 1
    1.5
    """
    _, t = _bent(point, bend, variance)
    return 0.5 * (point[0] * (point[0] / variance) + t**2)


def _bent(point, bend, variance):
    """p = x_1^2 - v and t = x_2 - b p."""
    require_shape("point", point, (2,))
    require_number("bend", bend)
    require_number("variance", variance)
    require(not variance <= 0.0, "variance", variance, "must be positive")
    p = point[0] ** 2 - variance
    return p, point[1] - bend * p


def banana_point_gradient(point, bend, variance):
    """dE/dx, shape (2,): x_1/v - 2 b x_1 t, t."""
    _, t = _bent(point, bend, variance)
    return np.array([point[0] / variance - 2.0 * bend * point[0] * t, t])


def banana_bend_gradient(point, bend, variance):
    """dE/db = -t (x_1^2 - v)."""
    p, t = _bent(point, bend, variance)
    return -t * p


def banana_variance_gradient(point, bend, variance):
    """dE/dv = b t - x_1^2/(2 v^2)."""
    _, t = _bent(point, bend, variance)
    return bend * t - 0.5 * (point[0] / variance) ** 2


def banana_score(point, bend, variance):
    """Score of one point.

    Parameters
    ----------
    point, bend, variance : as for `banana`
        x, (2,), b and v.

    Returns
    -------
    (2,) float
        -x_1/v + 2 b x_1 t, and -t.

    Raises
    ------
    ValueError
        If x is not of the plane, or if the variance is not positive.

    >>> banana_score(np.array([2.0, 3.0]), 1.0, 2.0).tolist()
    [3.0, -1.0]
    """
    return -banana_point_gradient(point, bend, variance)


def banana_score_point_gradient(point, bend, variance):
    """Jacobian by x, shape (2, 2): minus the Hessian of E."""
    _, t = _bent(point, bend, variance)
    slope = 2.0 * bend * point[0]
    return np.array([[2.0 * bend * t - 1.0 / variance - slope**2, slope], [slope, -1.0]])


def banana_score_bend_gradient(point, bend, variance):
    """ds/db, shape (2,): 2 x_1 (t - b p), p."""
    p, t = _bent(point, bend, variance)
    return np.array([2.0 * point[0] * (t - bend * p), p])


def banana_score_variance_gradient(point, bend, variance):
    """ds/dv, shape (2,): x_1/v^2 + 2 b^2 x_1, -b."""
    _bent(point, bend, variance)
    return np.array([point[0] / variance / variance + 2.0 * bend * bend * point[0], -bend + 0.0 * point[0]])


def banana_curvature(point, bend, variance):
    """Sum of the second derivatives of the energy.

    Parameters
    ----------
    point, bend, variance : as for `banana`
        x, (2,), b and v.

    Returns
    -------
    float
        1/v + 1 - 2 b t + 4 b^2 x_1^2: negative inside the bend.

    Raises
    ------
    ValueError
        If x is not of the plane, or if the variance is not positive.

    >>> float(banana_curvature(np.array([2.0, 3.0]), 1.0, 2.0))
    15.5
    """
    _, t = _bent(point, bend, variance)
    return 1.0 / variance + 1.0 - 2.0 * bend * t + (2.0 * bend * point[0]) ** 2


def banana_curvature_point_gradient(point, bend, variance):
    """d/dx, shape (2,): 12 b^2 x_1, -2 b."""
    _bent(point, bend, variance)
    return np.array([12.0 * bend * bend * point[0], -2.0 * bend + 0.0 * point[0]])


def banana_curvature_bend_gradient(point, bend, variance):
    """d/db: -2 t + 2 b p + 8 b x_1^2."""
    p, t = _bent(point, bend, variance)
    return -2.0 * t + 2.0 * bend * p + 8.0 * bend * point[0] ** 2


def banana_curvature_variance_gradient(point, bend, variance):
    """d/dv: -1/v^2 - 2 b^2."""
    _bent(point, bend, variance)
    return -1.0 / variance / variance - 2.0 * bend * bend + 0.0 * point[0]


def mirrored(formula, inputs, rng):
    """E(-x_1, x_2) = E(x_1, x_2)."""
    return misfit(formula, inputs, inputs | {"point": np.array([-1.0, 1.0]) * inputs["point"]})


def bent_the_other_way(formula, inputs, rng):
    """-b bends the other way: E(x_1, -x_2; -b) = E(x_1, x_2; b)."""
    others = {"point": np.array([1.0, -1.0]) * inputs["point"], "bend": -inputs["bend"]}
    return misfit(formula, inputs, inputs | others)


def random_banana(rng):
    """A point, a bend and a variance."""
    return {
        "point": rng.normal(scale=1.5, size=2),
        "bend": rng.normal(scale=0.5),
        "variance": rng.uniform(0.5, 3.0),
    }


AT = {"point": np.array([2.0, 3.0]), "bend": 1.0, "variance": 2.0}  # p = 2, t = 1
RIDGE = {"point": np.array([2.0, 1.0]), "bend": 0.5, "variance": 2.0}
_NAN = {"point": np.array([np.nan, 0.0]), "bend": 0.5, "variance": 2.0}

FORMULA = Formula(
    value=banana,
    signature="(a),(),()->()",
    source="haario1999",
    gradients={
        "point": banana_point_gradient,
        "bend": banana_bend_gradient,
        "variance": banana_variance_gradient,
    },
    sample=random_banana,
    laws=(mirrored, bent_the_other_way),
    cases={  # Case((point, bend, variance), value, by point and bend and variance, exposes)
        "one above the ridge": Case(AT, 1.5, ([-3.0, 1.0], -2.0, 0.5), "mean not put back to zero"),
        "on the ridge": Case(RIDGE, 1.0, ([1.0, 0.0], 0.0, -0.5)),
        "no bend: a Gaussian": Case(RIDGE | {"bend": 0.0}, 1.5, {"point": np.array([1.0, 1.0])}),
        "not a number": Case(_NAN, np.nan),
    },
    variants={
        "mean not put back to zero": Convention(
            lambda x, b, v: banana(np.array([x[0], x[1] - b * v]), b, v),
            {
                "point": lambda x, b, v: banana_point_gradient(np.array([x[0], x[1] - b * v]), b, v),
                "bend": lambda x, b, v: -(x[1] - b * x[0] ** 2) * x[0] ** 2,
                "variance": lambda x, b, v: -0.5 * (x[0] / v) ** 2,
            },
            seen_in="texts that write x_2 - b x_1^2, as Rosenbrock's valley",
            symptom="the same banana, b v higher",
        ),
    },
)

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
    cases={  # Case((point, bend, variance), value, by point and bend and variance, exposes)
        "one above the ridge": Case(
            AT,
            [3.0, -1.0],
            ([[-14.5, 4.0], [4.0, -1.0]], [-4.0, 2.0], [4.5, -1.0]),
            "gradient of the energy given for the score",
        ),
        "on the ridge": Case(RIDGE, [-1.0, 0.0]),
        "not a number": Case(_NAN, np.full(2, np.nan)),
    },
    variants={
        "gradient of the energy given for the score": Mistake(
            banana_point_gradient,
            seen_in="torchebm, github.com/soran-ghaderi/torchebm/issues/318",
            symptom="samplers climb",
        ),
    },
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
    cases={  # Case((point, bend, variance), value, by point and bend and variance, exposes)
        "one above the ridge": Case(AT, 15.5, ([24.0, -2.0], 34.0, -2.25), "mixed derivatives counted"),
        "inside the bend: not convex": Case(([0.0, 5.0], 1.0, 2.0), -12.5, ([0.0, -2.0], -18.0, -2.25)),
        "not a number": Case(_NAN, np.nan),
    },
    variants={
        "mixed derivatives counted": Mistake(
            lambda x, b, v: -np.sum(banana_score_point_gradient(x, b, v)),
            symptom="the gradient of the summed score: all of the Hessian instead of its diagonal",
        ),
    },
)
