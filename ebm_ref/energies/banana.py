r"""Banana: a Gaussian bent along a parabola, with a known Z.

    E = x_1^2/(2 v) + d^2/2,      d = x_2 - b q,      q = x_1^2 - v
    Z = 2 pi sqrt(v)

    dE/dx = (x_1/v - 2 b x_1 d, d)
    dE/db = -q d
    dE/dv = b d - x_1^2/(2 v^2)

x_1 and d are independent Gaussians, of variance v and 1.  Bending moves no volume, so Z does not depend on
b, and the mean stays at 0.  The density is easy to draw from exactly and hard for samplers that walk: the
ridge is curved, and no linear change of coordinates makes it round.

Score and curvature: banana_score.py.

Source: Haario, Saksman and Tamminen (1999), "Adaptive proposal distribution for random walk Metropolis
algorithm".
"""

import autograd.numpy as np

from ebm_ref.checks import require
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
NO_POINT = {"point": np.array([np.nan, 0.0]), "bend": 0.5, "variance": 2.0}
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
        "not a number": Case(NO_POINT, np.nan),
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
        "variance taken for the deviation": Mistake(
            lambda x, b, v: banana(x, b, v) + 0.5 * (x[0] / v) ** 2 - 0.5 * x[0] ** 2 / v,
            symptom="x_1^2/(2 v^2) beside a bend of x_1^2 - v",
        ),
        "Rosenbrock's valley": Mistake(
            lambda x, b, v: 0.5 * (1.0 - x[0]) ** 2 / v + 0.5 * (x[1] - b * x[0] ** 2) ** 2,
            symptom="the minimum is at (1, b): neither coordinate has mean 0",
        ),
    },
    rules=rules,
    refuses=NO_BANANAS,
)
