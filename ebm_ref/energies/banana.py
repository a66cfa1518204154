r"""Banana: a Gaussian bent along a parabola, with a known Z.

    E = x_1^2/(2 v) + d^2/2,      d = x_2 - b q,      q = x_1^2 - v
    s = -dE/dx = (-x_1/v + 2 b x_1 d, -d)                       the score
    C = tr d2E/dx2 = 1/v + 1 - 2 b d + 4 b^2 x_1^2              the curvature
    Z = 2 pi sqrt(v)

    dE/dx = (x_1/v - 2 b x_1 d, d)
    dE/db = -q d
    dE/dv = b d - x_1^2/(2 v^2)
    ds_1/dx = (2 b d - 1/v - 4 b^2 x_1^2, 2 b x_1)
    ds_2/dx = (2 b x_1, -1)
    ds/db = (2 x_1 (d - b q), q)
    ds/dv = (x_1/v^2 + 2 b^2 x_1, -b)
    dC/dx = (12 b^2 x_1, -2 b)
    dC/db = -2 d + 2 b q + 8 b x_1^2
    dC/dv = -1/v^2 - 2 b^2

x_1 and d are independent Gaussians, of variance v and 1.  Bending moves no volume, so Z does not depend on
b, and the mean stays at 0.  The density is easy to draw from exactly and hard for samplers that walk: the
ridge is curved, and no linear change of coordinates makes it round.

Source: Haario, Saksman and Tamminen (1999), "Adaptive proposal distribution for random walk Metropolis
algorithm".
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import misfit
from ebm_ref.numerics import product


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

    Raises ValueError if x is not of the plane, or if the variance is not positive.

    >>> float(banana(np.array([2.0, 3.0]), 1.0, 2.0))  # d = 1
    1.5
    """
    x, b, v = FORMULA.checked(point, bend, variance)
    _, d = above(x, b, v)
    return 0.5 * (x[0] * (x[0] / v) + d**2)


def above(x, b, v):
    """q and d, the height above the ridge."""
    q = x[0] ** 2 - v
    return q, x[1] - b * q


def banana_point_gradient(point, bend, variance):
    """dE/dx, shape (2,): x_1/v - 2 b x_1 d, and d."""
    x, b, v = FORMULA.checked(point, bend, variance)
    return slope(x, b, v)


def slope(x, b, v):
    """dE/dx, of what was checked."""
    _, d = above(x, b, v)
    return np.array([x[0] / v - 2.0 * b * x[0] * d, d])


def banana_bend_gradient(point, bend, variance):
    """dE/db = -q d."""
    x, b, v = FORMULA.checked(point, bend, variance)
    q, d = above(x, b, v)
    return -d * q


def banana_variance_gradient(point, bend, variance):
    """dE/dv = b d - x_1^2/(2 v^2)."""
    x, b, v = FORMULA.checked(point, bend, variance)
    _, d = above(x, b, v)
    return b * d - 0.5 * (x[0] / v) ** 2


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
    _, d = above(x, b, v)
    across = 2.0 * b * x[0]
    return np.array([[2.0 * b * d - 1.0 / v - across**2, across], [across, -1.0]])


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
    _, d = above(x, b, v)
    return 1.0 / v + 1.0 - 2.0 * b * d + (2.0 * b * x[0]) ** 2


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


def rules(point, bend, variance):
    """A point of the plane, and a variance."""
    require(len(point) == 2, "point", point, "must be (x_1, x_2)")
    require(not variance <= 0.0, "variance", variance, "must be positive")


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


AT = {"point": np.array([2.0, 3.0]), "bend": 1.0, "variance": 2.0}  # q = 2, d = 1
RIDGE = {"point": np.array([2.0, 1.0]), "bend": 0.5, "variance": 2.0}
_NAN = {"point": np.array([np.nan, 0.0]), "bend": 0.5, "variance": 2.0}
NO_BANANAS = {  # the inputs, the argument to blame
    "a point of space": (AT | {"point": np.ones(3)}, "point"),
    "no variance": (AT | {"variance": 0.0}, "variance"),
}

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
    cases={  # (point, bend, variance), E, (dE/dx, dE/db, dE/dv), the mistake that it exposes
        "one above the ridge": Case(AT, 1.5, ([-3.0, 1.0], -2.0, 0.5), "mean not put back to zero"),
        "on the ridge": Case(RIDGE, 1.0, ([1.0, 0.0], 0.0, -0.5)),
        "no bend: a Gaussian": Case(RIDGE | {"bend": 0.0}, 1.5, {"point": [1.0, 1.0]}),
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
        )
    },
    rules=rules,
    refuses=NO_BANANAS,
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
    cases={  # (point, bend, variance), s, (ds/dx, ds/db, ds/dv), the mistake that it exposes
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
        "not a number": Case(_NAN, np.nan),
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
