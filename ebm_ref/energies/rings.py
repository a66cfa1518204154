r"""Rings: modes that are not points but circles.

    E   = -log sum_k e^{-D_k^2/(2 v)},       D_k = |x|^2 - r_k^2
    p_k = e^{E - D_k^2/(2 v)},               d = sum_k p_k D_k
    a_k = D_k - d,                           u = sum_k p_k a_k^2
    s   = -dE/dx = -2 d x/v                               the score
    C   = tr d2E/dx2 = 2 n d/v + 4 |x|^2 (1 - u/v)/v      the curvature

    dE/dx   = 2 d x/v
    dE/dr_k = -2 r_k p_k D_k/v
    dE/dv   = -sum_k p_k D_k^2/(2 v^2)

    f       = d/v
    df/dr_k = -2 r_k p_k (1 - D_k a_k/v)/v
    df/dv   = sum_k p_k a_k D_k^2/(2 v^3) - d/v^2
    ds/dx   = -2 (d I + 2 (1 - u/v) x x')/v
    ds/dr_k = -2 x df/dr_k
    ds/dv   = -2 x df/dv

    du/dr_k = -2 r_k p_k (2 a_k - D_k (a_k^2 - u)/v)
    du/dv   = sum_k p_k D_k^2 (a_k^2 - u)/(2 v^2)
    dC/dx   = 2 x ((4 + 2 n)(1 - u/v)/v + 4 |x|^2 sum_k p_k a_k^3/v^3)
    dC/dr_k = 2 n df/dr_k - 4 |x|^2 (du/dr_k)/v^2
    dC/dv   = 2 n df/dv + 4 |x|^2 (2 u/v - 1 - du/dv)/v^2

The energy is low where |x| is near one of the radii.  As a function of |x|^2 it is smooth everywhere, at
the centre too.  A ring of radius r has width sqrt(v)/(2 r), so outer rings are thinner.  E depends on |x|
alone: a sampler must get around the rings, and across from one to the next, and a score tells little
about how much mass lies on each.  On the line a ring is two points: r = 1 and v = 1/2 give the double well.

p_k is the share of ring k in the density at x.  D_k is its gap, d the mean gap and u the variance of
the gaps.

In floating point: between rings far below |x| all D_k round to the same number.  So p_k and a_k come from
differences of the squared radii, and the nearest ring's term is taken out of the sum before it underflows.
A ring whose share rounds to 0 is left out of every mean, however large its gap.  Where
|x| or a radius exceeds 1e154 the squares are infinite, and so are their differences or no number.

Source: a standard test for samplers, here in a form without a corner; the derivatives are derived here.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit
from ebm_ref.numerics import logsumexp, negated, softmax, unit_of, value_of, weighted


def rings_as_printed(point, radii, variance):
    """E as printed: 39 widths from the rings every term underflows, and the last digits go before.

    >>> at = np.array([6.283]), np.ones(1), 1.0
    >>> float(np.round(rings_as_printed(*at), 3)), float(np.round(rings(*at), 3))
    (740.206, 740.205)
    """
    x, r, v = FORMULA.checked(point, radii, variance)
    D = np.sum(x**2) - r**2
    return -np.log(np.sum(np.exp(-(D**2) / (2.0 * v))))


def rings(point, radii, variance):
    """Energy of one point.

    Parameters
    ----------
    point : (n,) float
        x.
    radii : (c,) float, c >= 1
        r_k.
    variance : float
        v > 0, of |x|^2 around r_k^2.

    Returns
    -------
    float
        -log sum_k e^{-(|x|^2 - r_k^2)^2/(2v)}, not normalised.

    Raises ValueError if there is no ring, or if the variance is not positive.

    >>> float(rings(np.array([3.0, 4.0]), np.array([5.0]), 1.0)), float(rings(np.zeros(2), np.ones(1), 0.5))
    (0.0, 1.0)
    """
    x, r, v = FORMULA.checked(point, radii, variance)
    D, b = gaps(x, r)
    return 0.5 * D[b] * (D[b] / v) - logsumexp(log_shares(D, r, v, b))


def gaps(x, r):
    """D (c,), and the index b of the nearest ring, which is known where no D is in the range, too."""
    far, unit = value_of(r), unit_of(np.append(value_of(x), value_of(r)))
    gap = np.sum((value_of(x) / unit) ** 2) - (far / unit) ** 2
    return np.sum(x**2) - r**2, np.lexsort((-np.sign(gap) * far, np.abs(gap)))[0]


def log_shares(D, r, v, b):
    """(D_b^2 - D_k^2)/(2 v) as a product, so that rings far below |x| are told apart."""
    return weighted(0.5 * (r[b] - r) * (r[b] + r), -(D[b] + D) / v)


def shares(x, r, v):
    """p and D, where a ring without a share has no gap."""
    D, b = gaps(x, r)
    p = softmax(log_shares(D, r, v, b))
    return p, np.where(p > 0.0, D, 0.0)


def spread(p, r):
    """a, from differences of squared radii, and u."""
    apart = (r[None, :] - r[:, None]) * (r[None, :] + r[:, None])  # D_k - D_j
    a = np.where(p > 0.0, np.dot(np.where(p > 0.0, apart, 0.0), p), 0.0)
    return a, np.dot(p, a**2)


def rings_point_gradient(point, radii, variance):
    """dE/dx, shape (n,): 2 d x/v."""
    x, r, v = FORMULA.checked(point, radii, variance)
    p, D = shares(x, r, v)
    return 2.0 * (np.dot(p, D) / v) * x


def rings_radii_gradient(point, radii, variance):
    """dE/dr, shape (c,): -2 r_k p_k D_k/v."""
    x, r, v = FORMULA.checked(point, radii, variance)
    p, D = shares(x, r, v)
    return negated(2.0 * r * p * (D / v))


def rings_variance_gradient(point, radii, variance):
    """dE/dv = -sum_k p_k D_k^2/(2 v^2)."""
    x, r, v = FORMULA.checked(point, radii, variance)
    p, D = shares(x, r, v)
    return -0.5 * np.dot(p, (D / v) ** 2)


def rings_score(point, radii, variance):
    """Score of one point.

    Parameters
    ----------
    point, radii, variance : as for `rings`
        x, (n,), r, (c,), and v.

    Returns
    -------
    (n,) float
        -2 d x/v: in or out, never around.

    Raises ValueError: As for `rings`.

    >>> rings_score(np.array([2.0, 0.0]), np.array([1.0]), 1.0).tolist()  # D = 3
    [-12.0, -0.0]
    """
    x, r, v = SCORE.checked(point, radii, variance)
    p, D = shares(x, r, v)
    return -2.0 * x * (np.dot(p, D) / v)


def rings_score_point_gradient(point, radii, variance):
    """ds/dx, shape (n, n): -2 (d I + 2 (1 - u/v) x x')/v, minus the Hessian of E."""
    x, r, v = SCORE.checked(point, radii, variance)
    p, D = shares(x, r, v)
    _, u = spread(p, r)
    across = 2.0 * (1.0 - u / v) * np.outer(x, x)
    return -2.0 * (np.diag(np.full(len(x), np.dot(p, D))) + across) / v


def rings_score_radii_gradient(point, radii, variance):
    """ds/dr, shape (n, c): -2 x df/dr_k."""
    x, r, v = SCORE.checked(point, radii, variance)
    return np.outer(-2.0 * x, slope_by_radii(x, r, v))


def rings_score_variance_gradient(point, radii, variance):
    """ds/dv, shape (n,): -2 x df/dv."""
    x, r, v = SCORE.checked(point, radii, variance)
    return -2.0 * x * slope_by_variance(x, r, v)


def slope_by_radii(x, r, v):
    """df/dr_k = -2 r_k p_k (1 - D_k a_k/v)/v."""
    p, D = shares(x, r, v)
    a, _ = spread(p, r)
    return negated(2.0 * r * p * (1.0 - weighted(a / v, D)) / v)


def slope_by_variance(x, r, v):
    """df/dv = sum_k p_k a_k D_k^2/(2 v^3) - d/v^2."""
    return slope_times_squared_variance(x, r, v) / v / v


def slope_times_squared_variance(x, r, v):
    """v^2 df/dv."""
    p, D = shares(x, r, v)
    a, _ = spread(p, r)
    return 0.5 * np.dot(p, weighted(a, D / v) * D) - np.dot(p, D)


def rings_curvature(point, radii, variance):
    """Sum of the second derivatives of the energy.

    Parameters
    ----------
    point, radii, variance : as for `rings`
        x, (n,), r, (c,), and v.

    Returns
    -------
    float
        2 n d/v + 4 |x|^2 (1 - u/v)/v: negative at the centre.

    Raises ValueError: As for `rings`.

    >>> float(rings_curvature(np.zeros(2), np.array([1.0]), 0.5))
    -8.0
    """
    x, r, v = CURVATURE.checked(point, radii, variance)
    p, D = shares(x, r, v)
    _, u = spread(p, r)
    across = 4.0 * np.sum(x**2) * (1.0 - u / v)
    return (2.0 * len(x) * np.dot(p, D) + across) / v


def rings_curvature_point_gradient(point, radii, variance):
    """dC/dx, shape (n,): 2 x ((4 + 2 n)(1 - u/v)/v + 4 |x|^2 sum_k p_k a_k^3/v^3)."""
    x, r, v = CURVATURE.checked(point, radii, variance)
    p, _ = shares(x, r, v)
    a, u = spread(p, r)
    width = np.sqrt(v)  # in units of it the cubes are in range, where v^3 is not
    second = (4.0 + 2.0 * len(x)) * (1.0 - u / v) / v
    third = weighted(np.dot(p, (a / width) ** 3) / width, 4.0 * np.sum(x**2) / v)
    return 2.0 * x * (second + third)


def rings_curvature_radii_gradient(point, radii, variance):
    """dC/dr, shape (c,): 2 n df/dr_k - 4 |x|^2 (du/dr_k)/v^2."""
    x, r, v = CURVATURE.checked(point, radii, variance)
    p, D = shares(x, r, v)
    a, u = spread(p, r)
    du = -2.0 * r * p * (2.0 * a - weighted((a**2 - u) / v, D))
    return 2.0 * len(x) * slope_by_radii(x, r, v) - weighted(du, 4.0 * np.sum(x**2)) / v / v


def rings_curvature_variance_gradient(point, radii, variance):
    """dC/dv = 2 n df/dv + 4 |x|^2 (2 u/v - 1 - du/dv)/v^2."""
    x, r, v = CURVATURE.checked(point, radii, variance)
    p, D = shares(x, r, v)
    a, u = spread(p, r)
    du = 0.5 * np.dot(p, weighted(weighted(a**2 - u, D / v), D / v))
    first = 2.0 * len(x) * slope_times_squared_variance(x, r, v)
    return (first + 4.0 * np.sum(x**2) * (2.0 * u / v - 1.0 - du)) / v / v  # no two infinities meet


def rules(point, radii, variance):
    """A ring, of some width."""
    require(len(radii) >= 1, "radii", radii, "must hold c >= 1 rings")
    require(not variance <= 0.0, "variance", variance, "must be positive")


def turned(formula, inputs, rng):
    """A rotation of x changes nothing."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    Q = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return misfit(formula, inputs, inputs | {"point": np.dot(Q, inputs["point"])})


def rings_renamed(formula, inputs, rng):
    """The order of the rings does not matter."""
    return misfit(formula, inputs, inputs | {"radii": inputs["radii"][::-1]})


def random_rings(rng):
    """A point of the plane and two rings."""
    return {
        "point": rng.normal(size=2),
        "radii": rng.uniform(0.5, 2.0, size=2),
        "variance": rng.uniform(0.8, 3.0),
    }


OUT = {"point": np.array([2.0, 1.0]), "radii": np.array([1.0]), "variance": 2.0}  # D = 4
ON = {"point": np.array([0.0, 2.0]), "radii": np.array([2.0]), "variance": 4.0}
_NAN = {"point": np.array([np.nan, 0.0]), "radii": np.array([1.0, 2.0]), "variance": 1.0}
NO_RINGS = {  # the inputs, the argument to blame
    "no ring": (OUT | {"radii": np.ones(0)}, "radii"),
    "a ring without width": (OUT | {"variance": 0.0}, "variance"),
}

FORMULA = Formula(
    value=rings,
    signature="(n),(c),()->()",
    source="standard",
    gradients={
        "point": rings_point_gradient,
        "radii": rings_radii_gradient,
        "variance": rings_variance_gradient,
    },
    sample=random_rings,
    laws=(turned, rings_renamed, homogeneous(0, point=1, radii=1, variance=4)),
    cases={  # (point, radii, variance), E, (dE/dx, dE/dr, dE/dv), the mistake that it exposes
        "outside a ring": Case(OUT, 4.0, ([8.0, 4.0], [-4.0], -2.0)),
        "on a ring": Case(ON, 0.0, (np.zeros(2), np.zeros(1), 0.0), "squared radius forgotten"),
        "a ring counted twice is twice as probable": Case(
            OUT | {"radii": np.array([1.0, 1.0])},
            4.0 - np.log(2.0),
            ([8.0, 4.0], [-2.0, -2.0], -2.0),
            "nearest ring alone",
        ),
        "at the centre: no force": Case(OUT | {"point": np.zeros(2)}, 0.25, (np.zeros(2), [1.0], -0.125)),
        "not a number": Case(_NAN, np.nan),
    },
    variants={
        "nearest ring alone": Mistake(
            lambda x, r, v: np.min((np.sum(x**2) - r**2) ** 2) / (2.0 * v),
            symptom="a ridge with a corner between the rings",
        ),
        "squared radius forgotten": Mistake(
            lambda x, r, v: rings(x, np.sqrt(np.abs(r)), v),
            symptom="rings at the roots of the radii: right for a radius of one",
        ),
        "distance of |x| from the radii": Mistake(
            lambda x, r, v: -logsumexp(-0.5 * (np.sqrt(np.sum(x**2)) - r) ** 2 / v),
            symptom="rings of equal width, and a corner at the centre",
        ),
    },
    as_printed=rings_as_printed,
    rules=rules,
    refuses=NO_RINGS,
)

SCORE = Formula(
    value=rings_score,
    signature="(n),(c),()->(n)",
    source="standard",
    gradients={
        "point": rings_score_point_gradient,
        "radii": rings_score_radii_gradient,
        "variance": rings_score_variance_gradient,
    },
    sample=random_rings,
    cases={  # (point, radii, variance), s, (ds/dx, ds/dr, ds/dv), the mistake that it exposes
        "outside a ring: in": Case(
            OUT,
            [-8.0, -4.0],
            ([[-12.0, -4.0], [-4.0, -6.0]], [[4.0], [2.0]], [4.0, 2.0]),
            "gradient of the energy given for the score",
        ),
        "on a ring": Case(ON, np.zeros(2), {"point": [[0.0, 0.0], [0.0, -4.0]], "variance": [0.0, 0.0]}),
        "not a number": Case(_NAN, np.full(2, np.nan)),
    },
    variants={
        "gradient of the energy given for the score": Mistake(
            rings_point_gradient,
            seen_in="torchebm, github.com/soran-ghaderi/torchebm/issues/318",
            symptom="samplers climb",
        ),
        "nearest ring alone": Mistake(
            lambda x, r, v: -2.0 * x / v * min(np.sum(x**2) - r**2, key=abs),
            symptom="a jump half way between two rings",
        ),
    },
    rules=rules,
    refuses=NO_RINGS,
)

CURVATURE = Formula(
    value=rings_curvature,
    signature="(n),(c),()->()",
    source="standard",
    gradients={
        "point": rings_curvature_point_gradient,
        "radii": rings_curvature_radii_gradient,
        "variance": rings_curvature_variance_gradient,
    },
    sample=random_rings,
    laws=(turned, rings_renamed, homogeneous(-2, point=1, radii=1, variance=4)),
    cases={  # (point, radii, variance), C, (dC/dx, dC/dr, dC/dv), the mistake that it exposes
        "outside a ring": Case(
            OUT, 18.0, ([16.0, 8.0], [-4.0], -9.0), "second derivative along the radius alone"
        ),
        "on a ring": Case(ON, 4.0, ([0.0, 8.0], [-4.0], -1.0)),
        "at the centre: a hill": Case(OUT | {"point": np.zeros(2)}, -2.0, (np.zeros(2), [-4.0], 1.0)),
        "not a number": Case(_NAN, np.nan),
    },
    variants={
        "second derivative along the radius alone": Mistake(
            lambda x, r, v: rings_curvature(x, r, v) - 2.0 * (len(x) - 1) * np.dot(*shares(x, r, v)) / v,
            symptom="right on the line; in the plane the bending of the rings is missing",
        ),
        "spread of the gaps left out": Mistake(
            lambda x, r, v: (
                rings_curvature(x, r, v) + 4.0 * np.sum(x**2) * spread(shares(x, r, v)[0], r)[1] / v**2
            ),
            symptom="the mean of the rings' curvatures: right on a ring, too large between two",
        ),
    },
    rules=rules,
    refuses=NO_RINGS,
)
