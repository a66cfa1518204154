r"""Rings: modes that are not points but circles.

    D_k = |x|^2 - r_k^2,            E = -log sum_k e^{-D_k^2/(2v)}
    p_k = e^{E - D_k^2/(2v)},       m = sum_k p_k D_k
    s   = sum_k p_k (D_k - m)^2

    score     = -2 x m/v
    curvature = 2n m/v + 4 |x|^2 (1 - s/v)/v

Low energy where |x| is near one of the radii.  As a function of |x|^2 it is smooth everywhere, at the
centre too; a ring of radius r has width sqrt(v)/(2r), so outer rings are thinner.  It depends on |x|
alone: a sampler must get around the rings, and across from one to the next, and a score tells little
about how much mass lies on each.

In one dimension a ring is two points: r = 1 and v = 1/2 give the double well.

Source: a standard test for samplers, here in a form without a corner; the derivatives are derived here.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_number, shape_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit
from ebm_ref.numerics import logsumexp, softmax


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

    Raises
    ------
    ValueError
        If there is no ring, or if the variance is not positive.

    >>> float(rings(np.array([3.0, 4.0]), np.array([5.0]), 1.0)), float(rings(np.zeros(2), np.ones(1), 0.5))
    (0.0, 1.0)
    """
    D, nearest = _gaps(point, radii, variance)
    lowest = 0.5 * D[nearest] * (D[nearest] / variance)
    return lowest - logsumexp(_log_shares(D, radii, variance, nearest))


def _gaps(point, radii, variance):
    """D (c,), and the index of the nearest ring."""
    shape_of("point", point, "n")
    (c,) = shape_of("radii", radii, "c")
    require(c >= 1, "radii", radii, "must hold c >= 1 rings")
    require_number("variance", variance)
    require(not variance <= 0.0, "variance", variance, "must be positive")
    D = np.sum(point**2) - radii**2
    return D, np.argmin(np.abs(D))


def _log_shares(D, radii, variance, b):
    """(D_b^2 - D_k^2)/(2v) as a product, so that rings far below |x| are told apart."""
    return 0.5 * (radii[b] - radii) * (radii[b] + radii) * (-(D[b] + D) / variance)


def _parts(point, radii, variance):
    """p, D, m, D - m (from differences of squared radii) and s."""
    D, b = _gaps(point, radii, variance)
    p = softmax(_log_shares(D, radii, variance, b))
    apart = (radii[None, :] - radii[:, None]) * (radii[None, :] + radii[:, None])  # D_k - D_j
    off = np.dot(apart, p)
    return p, D, np.dot(p, D), off, np.dot(p, off**2)


def rings_point_gradient(point, radii, variance):
    """dE/dx, shape (n,): 2 x m/v."""
    _, _, m, _, _ = _parts(point, radii, variance)
    return 2.0 * (m / variance) * point


def rings_radii_gradient(point, radii, variance):
    """dE/dr, shape (c,): -2 r_k p_k D_k/v."""
    p, D, _, _, _ = _parts(point, radii, variance)
    return -2.0 * radii * p * (D / variance)


def rings_variance_gradient(point, radii, variance):
    """dE/dv = -sum_k p_k D_k^2/(2 v^2)."""
    p, D, _, _, _ = _parts(point, radii, variance)
    return -0.5 * np.dot(p, (D / variance) ** 2)


def rings_score(point, radii, variance):
    """Score of one point.

    Parameters
    ----------
    point, radii, variance : as for `rings`
        x, (n,), r, (c,), and v.

    Returns
    -------
    (n,) float
        -2 x m/v: in or out, never around.

    Raises
    ------
    ValueError
        As for `rings`.

    >>> rings_score(np.array([2.0, 0.0]), np.array([1.0]), 1.0).tolist()  # D = 3
    [-12.0, -0.0]
    """
    D, b = _gaps(point, radii, variance)
    return -2.0 * point * (np.dot(softmax(_log_shares(D, radii, variance, b)), D) / variance)


def rings_score_point_gradient(point, radii, variance):
    """Jacobian by x, shape (n, n): -2 (m I + 2 (1 - s/v) x x')/v, minus the Hessian of E."""
    _, _, m, _, s = _parts(point, radii, variance)
    across = 2.0 * (1.0 - s / variance) * np.outer(point, point)
    return -2.0 * (m * np.eye(len(point)) + across) / variance


def rings_score_radii_gradient(point, radii, variance):
    """Jacobian by r, shape (n, c): 4 x r_k p_k (1 - D_k (D_k - m)/v)/v."""
    return np.outer(-2.0 * point, _slope_radii_gradient(point, radii, variance))


def rings_score_variance_gradient(point, radii, variance):
    """Jacobian by v, shape (n,): -2 x d(m/v)/dv."""
    return -2.0 * point * _slope_variance_gradient(point, radii, variance)


def _slope_radii_gradient(point, radii, variance):
    """d(m/v)/dr_k = -2 r_k p_k (1 - D_k (D_k - m)/v)/v."""
    p, D, _, off, _ = _parts(point, radii, variance)
    return -2.0 * radii * p * (1.0 - D * (off / variance)) / variance


def _slope_variance_gradient(point, radii, variance):
    """d(m/v)/dv = sum_k p_k (D_k - m) D_k^2/(2 v^3) - m/v^2."""
    p, D, m, off, _ = _parts(point, radii, variance)
    return (0.5 * np.dot(p, off * (D**2 / variance)) - m) / variance / variance


def rings_curvature(point, radii, variance):
    """Sum of the second derivatives of the energy.

    Parameters
    ----------
    point, radii, variance : as for `rings`
        x, (n,), r, (c,), and v.

    Returns
    -------
    float
        2n m/v + 4 |x|^2 (1 - s/v)/v: negative at the centre.

    Raises
    ------
    ValueError
        As for `rings`.

    >>> float(rings_curvature(np.zeros(2), np.array([1.0]), 0.5))
    -8.0
    """
    _, _, m, _, s = _parts(point, radii, variance)
    across = 4.0 * np.sum(point**2) * (1.0 - s / variance)
    return (2.0 * len(point) * m + across) / variance


def rings_curvature_point_gradient(point, radii, variance):
    """d/dx, shape (n,): 2 x ((4 + 2n)(1 - s/v)/v + 4 |x|^2 k/v^3), k = sum_k p_k (D_k - m)^3."""
    p, _, _, off, s = _parts(point, radii, variance)
    second = (1.0 - s / variance) / variance
    third = np.dot(p, (off / variance) ** 3)
    return 2.0 * point * ((4.0 + 2.0 * len(point)) * second + 4.0 * np.sum(point**2) * third)


def rings_curvature_radii_gradient(point, radii, variance):
    """d/dr, shape (c,): 2n d(m/v)/dr_k - 4 |x|^2 (ds/dr_k)/v^2."""
    p, D, _, off, s = _parts(point, radii, variance)
    ds = -2.0 * radii * p * (2.0 * off - D * ((off**2 - s) / variance))
    slope = _slope_radii_gradient(point, radii, variance)
    return 2.0 * len(point) * slope - 4.0 * np.sum(point**2) * ds / variance / variance


def rings_curvature_variance_gradient(point, radii, variance):
    """d/dv: 2n d(m/v)/dv + 4 |x|^2 (2s/v - 1 - ds/dv)/v^2."""
    p, D, _, off, s = _parts(point, radii, variance)
    ds = 0.5 * np.dot(p, (D / variance) ** 2 * (off**2 - s))
    second = (2.0 * s / variance - 1.0 - ds) / variance / variance
    slope = _slope_variance_gradient(point, radii, variance)
    return 2.0 * len(point) * slope + 4.0 * np.sum(point**2) * second


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
    cases={  # Case((point, radii, variance), value, by point and radii and variance, exposes)
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
    },
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
    cases={  # Case((point, radii, variance), value, by point and radii and variance, exposes)
        "outside a ring: in": Case(
            OUT,
            [-8.0, -4.0],
            ([[-12.0, -4.0], [-4.0, -6.0]], [[4.0], [2.0]], [4.0, 2.0]),
            "gradient of the energy given for the score",
        ),
        "on a ring": Case(
            ON, np.zeros(2), {"point": np.array([[0.0, 0.0], [0.0, -4.0]]), "variance": np.zeros(2)}
        ),
        "not a number": Case(_NAN, np.full(2, np.nan)),
    },
    variants={
        "gradient of the energy given for the score": Mistake(
            rings_point_gradient,
            seen_in="torchebm, github.com/soran-ghaderi/torchebm/issues/318",
            symptom="samplers climb",
        ),
    },
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
    cases={  # Case((point, radii, variance), value, by point and radii and variance, exposes)
        "outside a ring": Case(
            OUT, 18.0, ([16.0, 8.0], [-4.0], -9.0), "second derivative along the radius alone"
        ),
        "on a ring": Case(ON, 4.0, ([0.0, 8.0], [-4.0], -1.0)),
        "at the centre: a hill": Case(OUT | {"point": np.zeros(2)}, -2.0, (np.zeros(2), [-4.0], 1.0)),
        "not a number": Case(_NAN, np.nan),
    },
    variants={
        "second derivative along the radius alone": Mistake(
            lambda x, r, v: (
                rings_curvature(x, r, v)
                - 2.0 * (len(x) - 1) * np.dot(_parts(x, r, v)[0], _parts(x, r, v)[1]) / v
            ),
            symptom="right on the line; in the plane the bending of the rings is missing",
        ),
    },
)
