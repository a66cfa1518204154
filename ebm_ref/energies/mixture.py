r"""Mixture of round Gaussians: several modes, with score and curvature.

    E_k = |x - mu_k|^2/(2 v_k) + n log(2 pi v_k)/2 - log w_k
    E   = -log sum_k e^{-E_k}
    r_k = e^{E - E_k},    g_k = (x - mu_k)/v_k,    c_k = g_k - sum_j r_j g_j

    score     = -sum_k r_k g_k
    curvature = sum_k r_k h_k,    h_k = n/v_k - |c_k|^2

gaussian_mixture.py with S_k = v_k I, and what samplers and score matching need besides.  The Hessian of a
free energy is the mean of the Hessians minus the covariance of the gradients: between two modes the
gradients disagree, and the curvature is negative.

Far from all modes but one, r is nearly 0 or 1, and the score no longer knows the other modes' weights:
score matching cannot see them.  Gradients by the weights are then tiny, but not 0: c_k is summed from
differences g_k - g_j, so that r_k = 1 - 1e-20 does not round them away.

Source: Song and Kingma (2021), Section 4.4, for the blindness; the derivatives are derived here.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_shape, shape_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import misfit, moved_together
from ebm_ref.numerics import logsumexp, softmax

LOG_TWO_PI = np.log(2.0 * np.pi)


def mixture(point, centers, variances, weights):
    """Energy of one point.

    Parameters
    ----------
    point : (n,) float
        x.
    centers : (c, n) float, c >= 1
        mu_k.
    variances : (c,) float
        v_k > 0, the same in every direction.
    weights : (c,) float
        w_k > 0; for a density they sum to 1.

    Returns
    -------
    float
        -log sum_k w_k N(x; mu_k, v_k I).

    Raises
    ------
    ValueError
        If there is no component, a variance or a weight is not positive, or a shape does not fit.

    >>> one = np.ones(1)
    >>> float(np.round(mixture(np.zeros(2), np.zeros((1, 2)), one, one), 12))  # log(2 pi)
    1.837877066409
    """
    return -logsumexp(-_energies(point, centers, variances, weights))


def _energies(point, centers, variances, weights):
    """(c,) E_k."""
    c, n = shape_of("centers", centers, "c", "n")
    require(c >= 1, "centers", centers, "must hold c >= 1 components")
    require_shape("point", point, (n,))
    require_shape("variances", variances, (c,))
    require_shape("weights", weights, (c,))
    require(not np.any(variances <= 0.0), "variances", variances, "must be positive")
    require(not np.any(weights <= 0.0), "weights", weights, "must be positive")
    squares = np.sum((point - centers) ** 2, axis=1)
    return 0.5 * (squares / variances + len(point) * (LOG_TWO_PI + np.log(variances))) - np.log(weights)


def _parts(point, centers, variances, weights):
    """r (c,), g (c, n), c (c, n) and e = dE_k/dv_k (c,)."""
    r = softmax(-_energies(point, centers, variances, weights))
    g = (point - centers) / variances[:, None]
    c = np.sum(r[None, :, None] * (g[:, None, :] - g[None, :, :]), axis=1)
    return r, g, c, 0.5 * (len(point) / variances - np.sum(g**2, axis=1))


def mixture_point_gradient(point, centers, variances, weights):
    """dE/dx, shape (n,): sum_k r_k g_k."""
    r, g, _, _ = _parts(point, centers, variances, weights)
    return np.dot(r, g)


def mixture_centers_gradient(point, centers, variances, weights):
    """dE/dmu, shape (c, n): -r_k g_k."""
    r, g, _, _ = _parts(point, centers, variances, weights)
    return -r[:, None] * g


def mixture_variances_gradient(point, centers, variances, weights):
    """dE/dv, shape (c,): r_k (n/v_k - |g_k|^2)/2."""
    r, _, _, e = _parts(point, centers, variances, weights)
    return r * e


def mixture_weights_gradient(point, centers, variances, weights):
    """dE/dw, shape (c,): -r_k/w_k."""
    return -_parts(point, centers, variances, weights)[0] / weights


def mixture_score(point, centers, variances, weights):
    """Score of one point.

    Parameters
    ----------
    point, centers, variances, weights : as for `mixture`
        x, (n,), mu, (c, n), v and w, (c,).

    Returns
    -------
    (n,) float
        sum_k r_k (mu_k - x)/v_k.

    Raises
    ------
    ValueError
        As for `mixture`.

    >>> one = np.ones(1)
    >>> mixture_score(np.array([3.0, 4.0]), np.zeros((1, 2)), 2.0 * one, one).tolist()
    [-1.5, -2.0]
    """
    r = softmax(-_energies(point, centers, variances, weights))
    return np.dot(r, (centers - point) / variances[:, None])


def mixture_score_point_gradient(point, centers, variances, weights):
    """Jacobian by x, shape (n, n): sum_k r_k (c_k c_k' - I/v_k), minus the Hessian of E."""
    r, _, c, _ = _parts(point, centers, variances, weights)
    return np.einsum("k,ki,kj->ij", r, c, c) - np.sum(r / variances) * np.eye(len(point))


def mixture_score_centers_gradient(point, centers, variances, weights):
    """Jacobian by mu, shape (n, c, n): r_k (I/v_k - c_k g_k')."""
    r, g, c, _ = _parts(point, centers, variances, weights)
    own = np.einsum("k,ij->ikj", r / variances, np.eye(len(point)))
    return own - np.einsum("k,ki,kj->ikj", r, c, g)


def mixture_score_variances_gradient(point, centers, variances, weights):
    """Jacobian by v, shape (n, c): r_k (g_k/v_k + c_k e_k), e_k = (n/v_k - |g_k|^2)/2."""
    r, g, c, e = _parts(point, centers, variances, weights)
    return (r[:, None] * (g / variances[:, None] + c * e[:, None])).T


def mixture_score_weights_gradient(point, centers, variances, weights):
    """Jacobian by w, shape (n, c): -r_k c_k/w_k."""
    r, _, c, _ = _parts(point, centers, variances, weights)
    return -((r / weights)[:, None] * c).T


def mixture_curvature(point, centers, variances, weights):
    """Sum of the second derivatives of the energy.

    Parameters
    ----------
    point, centers, variances, weights : as for `mixture`
        x, (n,), mu, (c, n), v and w, (c,).

    Returns
    -------
    float
        sum_k r_k (n/v_k - |c_k|^2).

    Raises
    ------
    ValueError
        As for `mixture`.

    >>> two, half = np.ones(2), np.array([0.5, 0.5])
    >>> float(mixture_curvature(np.zeros(1), np.array([[-3.0], [3.0]]), two, half))  # 1 - 9
    -8.0
    """
    r, _, c, _ = _parts(point, centers, variances, weights)
    return np.dot(r, len(point) / variances - np.sum(c**2, axis=1))


def _curved(point, centers, variances, weights):
    """The parts, and d_k = h_k - sum_j r_j h_j, summed from differences."""
    r, g, c, e = _parts(point, centers, variances, weights)
    h = len(point) / variances - np.sum(c**2, axis=1)
    return r, g, c, e, np.dot(h[:, None] - h[None, :], r)


def mixture_curvature_point_gradient(point, centers, variances, weights):
    """d/dx, shape (n,): -sum_k r_k (d_k c_k + 2 c_k/v_k), d_k = h_k - sum_j r_j h_j."""
    r, _, c, _, d = _curved(point, centers, variances, weights)
    return -np.dot(r * (d + 2.0 / variances), c)


def mixture_curvature_centers_gradient(point, centers, variances, weights):
    """d/dmu, shape (c, n): r_k (d_k g_k + 2 c_k/v_k)."""
    r, g, c, _, d = _curved(point, centers, variances, weights)
    return r[:, None] * (d[:, None] * g + 2.0 * c / variances[:, None])


def mixture_curvature_variances_gradient(point, centers, variances, weights):
    """d/dv, shape (c,): r_k (2 c_k.g_k/v_k - n/v_k^2 - d_k e_k)."""
    r, g, c, e, d = _curved(point, centers, variances, weights)
    return r * (2.0 * np.sum(c * g, axis=1) / variances - len(point) / variances**2 - d * e)


def mixture_curvature_weights_gradient(point, centers, variances, weights):
    """d/dw, shape (c,): r_k d_k/w_k."""
    r, _, _, _, d = _curved(point, centers, variances, weights)
    return r * d / weights


def components_renamed(formula, inputs, rng):
    """The order of the components does not matter."""
    order = rng.permutation(len(inputs["weights"]))
    own = ("centers", "variances", "weights")
    return misfit(formula, inputs, inputs | {a: inputs[a][order] for a in own})


def one_weight_does_not_matter(formula, inputs, rng):
    """Score and curvature do not change when all weights are multiplied: Z is not in them."""
    return misfit(formula, inputs, inputs | {"weights": 4.0 * inputs["weights"]})


def random_mixture(rng):
    """A point and two components, on the line or in the plane."""
    n = 1 + int(rng.integers(4) == 0)
    return {
        "point": rng.normal(scale=1.5, size=n),
        "centers": rng.normal(scale=1.5, size=(2, n)),
        "variances": rng.uniform(0.5, 2.0, size=2),
        "weights": rng.uniform(0.2, 1.0, size=2),
    }


PAIR = {
    "point": np.zeros(1),
    "centers": np.array([[-2.0], [2.0]]),
    "variances": np.ones(2),
    "weights": np.array([0.25, 0.75]),
}  # r = 1/4, 3/4; g = 2, -2; mean -1; c = 3, -1
ONE = {
    "point": np.array([3.0, 4.0]),
    "centers": np.zeros((1, 2)),
    "variances": np.array([2.0]),
    "weights": np.ones(1),
}
_NAN = ONE | {"point": np.array([np.nan, 0.0])}

FORMULA = Formula(
    value=mixture,
    signature="(n),(c,n),(c),(c)->()",
    source="standard",
    gradients={
        "point": mixture_point_gradient,
        "centers": mixture_centers_gradient,
        "variances": mixture_variances_gradient,
        "weights": mixture_weights_gradient,
    },
    sample=random_mixture,
    laws=(components_renamed, moved_together("point", "centers")),
    cases={
        # Case((point, centers, variances, weights), value, by point and centers and variances and weights,
        # exposes)
        "between two modes": Case(
            PAIR,
            2.9189385332046727,
            ([-1.0], [[-0.5], [1.5]], [-0.375, -1.125], [-1.0, -1.0]),
            "weights forgotten",
        ),
        "one mode in the plane": Case(
            ONE,
            8.781024246969292,
            ([1.5, 2.0], [[-1.5, -2.0]], [-2.625], [-1.0]),
            "variance of one dimension in the normaliser",
        ),
        "not a number": Case(_NAN, np.nan),
    },
    variants={
        "weights forgotten": Mistake(
            lambda x, mu, v, w: mixture(x, mu, v, np.ones(len(w))),
            symptom="rare modes look as high as frequent ones",
        ),
        "variance of one dimension in the normaliser": Mistake(
            lambda x, mu, v, w: mixture(x, mu, v, w * v ** (0.5 * (len(x) - 1))),
            symptom="right on the line; in the plane the mass of a mode depends on its width",
        ),
    },
)

SCORE = Formula(
    value=mixture_score,
    signature="(n),(c,n),(c),(c)->(n)",
    source="song2021, Section 4.4",
    gradients={
        "point": mixture_score_point_gradient,
        "centers": mixture_score_centers_gradient,
        "variances": mixture_score_variances_gradient,
        "weights": mixture_score_weights_gradient,
    },
    sample=random_mixture,
    cases={
        # Case((point, centers, variances, weights), value, by point and centers and variances and weights,
        # exposes)
        "between two modes: the heavier one draws": Case(
            PAIR, [1.0], ([[2.0]], [[[-1.25], [-0.75]]], [[-0.625, -0.375]], [[-3.0, 1.0]])
        ),
        "a far mode that is e^2 times as heavy draws as much as the near one": Case(
            PAIR | {"point": np.array([0.5]), "weights": np.array([np.exp(2.0), 1.0])},
            [-0.5],
            {"point": np.array([[3.0]])},
            "weights in place of responsibilities",
        ),
        "one mode in the plane: weights play no part": Case(
            ONE,
            [-1.5, -2.0],
            ([[-0.5, 0.0], [0.0, -0.5]], [[[0.5, 0.0]], [[0.0, 0.5]]], [[0.75], [1.0]], np.zeros((2, 1))),
        ),
        "not a number": Case(_NAN, np.full(2, np.nan)),
    },
    variants={
        "weights in place of responsibilities": Mistake(
            lambda x, mu, v, w: np.dot(w / np.sum(w), (mu - x) / v[:, None]),
            symptom="a single Gaussian's score: linear, and no modes",
        ),
    },
)

CURVATURE = Formula(
    value=mixture_curvature,
    signature="(n),(c,n),(c),(c)->()",
    source="song2021, Section 4.4",
    gradients={
        "point": mixture_curvature_point_gradient,
        "centers": mixture_curvature_centers_gradient,
        "variances": mixture_curvature_variances_gradient,
        "weights": mixture_curvature_weights_gradient,
    },
    sample=random_mixture,
    laws=(components_renamed, moved_together("point", "centers"), one_weight_does_not_matter),
    cases={
        # Case((point, centers, variances, weights), value, by point and centers and variances and weights,
        # exposes)
        "between two modes: 1 - 9/4 - 3/4": Case(
            PAIR, -2.0, ([6.0], [[-1.5], [-4.5]], [0.5, 4.5], [-6.0, 2.0]), "spread of the forces left out"
        ),
        "one mode in the plane: n/v everywhere": Case(
            ONE, 1.0, (np.zeros(2), np.zeros((1, 2)), [-0.5], np.zeros(1))
        ),
        "not a number": Case(_NAN, np.nan),
    },
    variants={
        "spread of the forces left out": Mistake(
            lambda x, mu, v, w: np.dot(softmax(-_energies(x, mu, v, w)), len(x) / v),
            symptom="convex between the modes, where there is a barrier",
        ),
    },
)
