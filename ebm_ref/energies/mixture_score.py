r"""Mixture score and curvature: what samplers and score matching need of round Gaussians.

    s = -dE/dx = -sum_k r_k g_k                      the score
    C = tr d2E/dx2 = sum_k r_k C_k                   the curvature
    C_k = n/v_k - |d_k|^2,          b_k = C_k - C
    d_k = g_k - sum_j r_j g_j,      e_k = (n/v_k - |g_k|^2)/2

    ds/dx    = sum_k r_k (d_k d_k' - I/v_k)
    ds/dmu_k = r_k (I/v_k - d_k g_k')
    ds/dv_k  = r_k (g_k/v_k + d_k e_k)
    ds/dw_k  = -r_k d_k/w_k
    dC/dx    = -sum_k r_k (b_k d_k + 2 d_k/v_k)
    dC/dmu_k = r_k (b_k g_k + 2 d_k/v_k)
    dC/dv_k  = r_k (2 d_k.g_k/v_k - n/v_k^2 - b_k e_k)
    dC/dw_k  = r_k b_k/w_k

E, the shares r_k and the slopes g_k = (x - mu_k)/v_k are those of mixture.py.  The Hessian of a free energy
is the mean of the Hessians minus the covariance of the gradients: between two modes the g_k disagree, and
the curvature is negative.

Far from all modes but one, its r is nearly 1 and the others' are nearly 0.  There the score hardly depends
on the weights: score matching cannot see them.

In floating point the gradients by the weights are tiny near one mode, but not 0.  So d_k is summed from the
differences g_k - g_j: an r_k = 1 - 1e-20 that rounds to 1 does not round them away.

Source: Song and Kingma (2021), Section 4.4, for the blindness; the derivatives are derived here.
"""

import autograd.numpy as np

from ebm_ref.energies.mixture import (
    NAN_MIXTURE,
    NO_MIXTURES,
    ONE,
    PAIR,
    by_variance,
    components_renamed,
    if_any,
    random_mixture,
    rules,
    shared,
    shares,
    shares_per_weight,
)
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import misfit, moved_together
from ebm_ref.numerics import dot, negated, total, weighted


def apart(r, g):
    """d (c, n), summed from the differences of gradients; 0 where there is no share."""
    is_own = np.eye(len(g), dtype=bool)[:, :, None]
    d = total(shared(r[None, :, None], np.where(is_own, 0.0, g[:, None, :] - g[None, :, :])), axis=1)
    return if_any(r, d)


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

    Raises ValueError: As for `mixture`.

    >>> one = np.ones(1)
    >>> mixture_score(np.array([3.0, 4.0]), np.zeros((1, 2)), 2.0 * one, one).tolist()
    [-1.5, -2.0]
    """
    x, mu, v, w = SCORE.checked(point, centers, variances, weights)
    r, g, _ = shares(x, mu, v, w)
    return negated(dot(r, g.T))


def mixture_score_point_gradient(point, centers, variances, weights):
    """ds/dx, shape (n, n): sum_k r_k (d_k d_k' - I/v_k), minus the Hessian of E."""
    r, g, v = shares(*SCORE.checked(point, centers, variances, weights))
    d = apart(r, g)
    own = np.diag(np.full(g.shape[1], total(shared(r, 1.0 / v))))
    return np.einsum("ki,kj->ij", shared(r[:, None], d), d) - own


def mixture_score_centers_gradient(point, centers, variances, weights):
    """ds/dmu, shape (n, c, n): r_k (I/v_k - d_k g_k')."""
    r, g, v = shares(*SCORE.checked(point, centers, variances, weights))
    own = np.where(np.eye(g.shape[1], dtype=bool)[:, None, :], shared(r, 1.0 / v)[:, None], 0.0)
    return own - np.einsum("ki,kj->ikj", shared(r[:, None], apart(r, g)), g)


def mixture_score_variances_gradient(point, centers, variances, weights):
    """ds/dv, shape (n, c): r_k (g_k/v_k + d_k e_k)."""
    r, g, v = shares(*SCORE.checked(point, centers, variances, weights))
    d, e = apart(r, g), by_variance(g, v)
    return shared(r[:, None], g / v[:, None] + weighted(d, e[:, None])).T


def mixture_score_weights_gradient(point, centers, variances, weights):
    """ds/dw, shape (n, c): -r_k d_k/w_k."""
    x, mu, v, w = SCORE.checked(point, centers, variances, weights)
    r, g, _ = shares(x, mu, v, w)
    return -(shares_per_weight(x, mu, v, w)[:, None] * apart(r, g)).T


def mixture_curvature(point, centers, variances, weights):
    """Sum of the second derivatives of the energy.

    Parameters
    ----------
    point, centers, variances, weights : as for `mixture`
        x, (n,), mu, (c, n), v and w, (c,).

    Returns
    -------
    float
        sum_k r_k (n/v_k - |d_k|^2).

    Raises ValueError: As for `mixture`.

    >>> two, half = np.ones(2), np.array([0.5, 0.5])
    >>> float(mixture_curvature(np.zeros(1), np.array([[-3.0], [3.0]]), two, half))  # 1 - 9
    -8.0
    """
    r, g, v = shares(*CURVATURE.checked(point, centers, variances, weights))
    return dot(r, bent(r, g, v)[1])


def bent(r, g, v):
    """d (c, n), C_k (c,) and b (c,), the last summed from C_k - C_j, as products of differences."""
    d, n = apart(r, g), g.shape[1]
    across = np.sum((g[:, None, :] - g[None, :, :]) * (d[:, None, :] + d[None, :, :]), axis=2)
    differences = n * ((v[None, :] - v[:, None]) / v[:, None]) / v[None, :] - across
    differences = np.where(np.eye(len(v), dtype=bool) | (r == 0.0), 0.0, differences)
    return d, np.where(r == 0.0, 0.0, n / v - total(d**2)), dot(differences, r)


def mixture_curvature_point_gradient(point, centers, variances, weights):
    """dC/dx, shape (n,): -sum_k r_k (b_k d_k + 2 d_k/v_k)."""
    r, g, v = shares(*CURVATURE.checked(point, centers, variances, weights))
    d, _, b = bent(r, g, v)
    return negated(total(weighted(d, shared(r, b + 2.0 / v)[:, None]), axis=0))


def mixture_curvature_centers_gradient(point, centers, variances, weights):
    """dC/dmu, shape (c, n): r_k (b_k g_k + 2 d_k/v_k)."""
    r, g, v = shares(*CURVATURE.checked(point, centers, variances, weights))
    d, _, b = bent(r, g, v)
    return shared(r[:, None], weighted(b[:, None], g) + 2.0 * d / v[:, None])


def mixture_curvature_variances_gradient(point, centers, variances, weights):
    """dC/dv, shape (c,): r_k (2 d_k.g_k/v_k - n/v_k^2 - b_k e_k)."""
    r, g, v = shares(*CURVATURE.checked(point, centers, variances, weights))
    d, _, b = bent(r, g, v)
    along = total(weighted(d, g))
    return shared(r, 2.0 * along / v - g.shape[1] / v**2 - weighted(b, by_variance(g, v)))


def mixture_curvature_weights_gradient(point, centers, variances, weights):
    """dC/dw, shape (c,): r_k b_k/w_k."""
    x, mu, v, w = CURVATURE.checked(point, centers, variances, weights)
    r, g, _ = shares(x, mu, v, w)
    return shared(shares_per_weight(x, mu, v, w), bent(r, g, v)[2])


def one_weight_does_not_matter(formula, inputs, rng):
    """Score and curvature do not change when all weights are multiplied: Z is not in them."""
    return misfit(formula, inputs, inputs | {"weights": 4.0 * inputs["weights"]})


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
    cases={  # (point, centers, variances, weights), s, (ds/dx, ds/dmu, ds/dv, ds/dw), the mistake
        "between two modes: the heavier one draws": Case(
            PAIR, [1.0], ([[2.0]], [[[-1.25], [-0.75]]], [[-0.625, -0.375]], [[-3.0, 1.0]])
        ),
        "a far mode that is e^2 times as heavy draws as much as the near one": Case(
            ([0.5], *PAIR[1:3], [np.exp(2.0), 1.0]),
            [-0.5],
            {"point": [[3.0]]},
            "weights in place of responsibilities",
        ),
        "one mode in the plane: weights play no part": Case(
            ONE,
            [-1.5, -2.0],
            ([[-0.5, 0.0], [0.0, -0.5]], [[[0.5, 0.0]], [[0.0, 0.5]]], [[0.75], [1.0]], np.zeros((2, 1))),
        ),
        "not a number": Case(NAN_MIXTURE, np.full(2, np.nan)),
    },
    variants={
        "weights in place of responsibilities": Mistake(
            lambda x, mu, v, w: np.dot(w / np.sum(w), (mu - x) / v[:, None]),
            symptom="a single Gaussian's score: linear, and no modes",
        ),
        "nearest component alone": Mistake(
            lambda x, mu, v, w: -((x - mu) / v[:, None])[np.argmax(shares(x, mu, v, w)[0])],
            symptom="a jump half way between two modes: a sampler sees no saddle",
        ),
        "shares forgotten": Mistake(
            lambda x, mu, v, w: -np.sum((x - mu) / v[:, None], axis=0),
            symptom="all modes pull at once, as if multiplied: one Gaussian between them",
        ),
        "divided by the deviations": Mistake(
            lambda x, mu, v, w: -np.dot(shares(x, mu, v, w)[0], (x - mu) / np.sqrt(v)[:, None]),
            symptom="right for variances of 1: the score of noise, not of x",
        ),
    },
    rules=rules,
    refuses=NO_MIXTURES,
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
    cases={  # (point, centers, variances, weights), C, (dC/dx, dC/dmu, dC/dv, dC/dw), the mistake
        "between two modes: 1 - 9/4 - 3/4": Case(
            PAIR, -2.0, ([6.0], [[-1.5], [-4.5]], [0.5, 4.5], [-6.0, 2.0]), "spread of the forces left out"
        ),
        "one mode in the plane: n/v everywhere": Case(
            ONE, 1.0, (np.zeros(2), np.zeros((1, 2)), [-0.5], np.zeros(1))
        ),
        "not a number": Case(NAN_MIXTURE, np.nan),
    },
    variants={
        "spread of the forces left out": Mistake(
            lambda x, mu, v, w: np.dot(shares(x, mu, v, w)[0], len(x) / v),
            symptom="convex between the modes, where there is a barrier",
        ),
        "dimension forgotten": Mistake(
            lambda x, mu, v, w: (
                mixture_curvature(x, mu, v, w) - (len(x) - 1) * np.sum(shares(x, mu, v, w)[0] / v)
            ),
            symptom="1/v for the trace n/v: right on the line",
        ),
    },
    rules=rules,
    refuses=NO_MIXTURES,
)
