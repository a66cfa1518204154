r"""Gaussian component: the energy of a point that one component of a mixture is said to have made.

    E(y, z) = d' S_z^{-1} d/2 + log|2 pi S_z|/2 - log w_z,    d = y - mu_z

    dE/dy    = S_z^{-1} d
    dE/dmu_z = -S_z^{-1} d
    dE/dS_z  = (S_z^{-1} - S_z^{-1} d d' S_z^{-1})/2
    dE/dw_z  = -1/w_z

S are the covariances, w the weights; where these sum to 1, e^-E is the joint density of y and z.  E is the
energy of k-means (k_means.py) with a shape and a weight for each prototype.  Which component z made y is a
latent variable, and gaussian_mixture.py sums over it.

Each term of E has been forgotten by somebody.  Without the determinant, wide components are free.

In floating point d and S are given units in which the diagonal of S is about 1.  Elimination chooses its
pivots by size, and where one axis is 2^500 times as long as another, it would choose the wrong ones.

Source: Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data via the EM
algorithm".
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, condition
from ebm_ref.numerics import LOG_TWO, dot, parts

LOG_TWO_PI = np.log(2.0 * np.pi)


def gaussian_mixture_energy(point, means, covariances, weights, component: int):
    """Energy of one point with one component.

    Parameters
    ----------
    point : (n,) float
        y.
    means, covariances, weights : (c, n), (c, n, n), (c,) float
        mu_z, S_z (symmetric, positive definite) and w_z > 0; the w_z of a density sum to 1.
    component : int
        z, the component said to have made y.

    Returns
    -------
    float
        -log of the joint density of y and z.

    Raises ValueError if `component` is not in 0..c-1, a weight not positive, S_z not definite, or a shape
    wrong.

    >>> one = np.ones((1, 1))
    >>> float(gaussian_mixture_energy(np.zeros(1), 0.0 * one, np.ones((1, 1, 1)), np.ones(1), 0))
    0.9189385332046727
    """
    y, mu, S, w, z = FORMULA.checked(point, means, covariances, weights, component)
    return energy(y - mu[z], S[z], w[z])


def gaussian_mixture_energy_point_gradient(point, means, covariances, weights, component: int):
    """dE/dy, shape (n,): S_z^-1 d."""
    y, mu, S, _, z = FORMULA.checked(point, means, covariances, weights, component)
    return by_point(y - mu[z], S[z])


def gaussian_mixture_energy_means_gradient(point, means, covariances, weights, component: int):
    """dE/dmu, shape (c, n): -S_z^-1 d in row z."""
    y, mu, S, _, z = FORMULA.checked(point, means, covariances, weights, component)
    g = np.zeros(mu.shape)
    g[z] = -by_point(y - mu[z], S[z])
    return g


def gaussian_mixture_energy_covariances_gradient(point, means, covariances, weights, component: int):
    """dE/dS, shape (c, n, n): (S_z^-1 - S_z^-1 d d' S_z^-1)/2 for z."""
    y, mu, S, _, z = FORMULA.checked(point, means, covariances, weights, component)
    g = np.zeros(S.shape)
    g[z] = by_covariance(y - mu[z], S[z])
    return g


def gaussian_mixture_energy_weights_gradient(point, means, covariances, weights, component: int):
    """dE/dw, shape (c,): -1/w_z for z."""
    _, _, _, w, z = FORMULA.checked(point, means, covariances, weights, component)
    g = np.zeros(w.shape)
    g[z] = -1.0 / w[z]
    return g


def energy(d, S, w):
    """d' S^-1 d/2 + log|2 pi S|/2 - log w, of one component."""
    d, S, h = in_own_units(d, S)
    with np.errstate(invalid="ignore"):  # a NaN in a covariance is a NaN in the energy, no warning
        log_determinant = np.linalg.slogdet(S)[1] + 2.0 * LOG_TWO * np.sum(h)
    return 0.5 * (dot(d, np.linalg.solve(S, d)) + len(d) * LOG_TWO_PI + log_determinant) - np.log(w)


def by_point(d, S):
    """S^-1 d, where S' counts as much as S if S is not symmetric."""
    d, S, h = in_own_units(d, S)
    inverse = np.linalg.inv(S)
    return np.dot(0.5 * (inverse + inverse.T), d) / 2.0**h


def by_covariance(d, S):
    """(S^-1 - S^-1 d d' S^-1)/2."""
    d, S, h = in_own_units(d, S)
    inverse = np.linalg.inv(S)
    return 0.5 * (inverse.T - np.outer(np.dot(d, inverse), np.dot(inverse, d))) / 2.0 ** h[:, None] / 2.0**h


def in_own_units(d, S):
    """d and S in units 2^h of which the diagonal of S is about 1, and h; of one component or all."""
    h = np.ceil(0.5 * parts(np.diagonal(S, axis1=-1, axis2=-2))[1])
    unit = 2.0**h
    return d / unit, S / unit[..., :, None] / unit[..., None, :], h


def rules(point, means, covariances, weights, component):
    """A component that exists, weights that have a logarithm, and the component's covariance definite."""
    require_index("component", component, len(means))
    check_components(weights, covariances, [covariances[component]])


def check_components(weights, covariances, used):
    """Raise unless weights, and all leading minors of the covariances used, are positive or not a number."""
    require(not np.any(weights <= 0.0), "weights", weights, "must be positive")
    with np.errstate(invalid="ignore"):
        signs = [np.linalg.slogdet(S[:i, :i])[0] for S in used for i in range(1, len(S) + 1)]
    definite = not any(sign <= 0.0 for sign in signs)
    require(definite, "covariances", covariances, "must be positive definite")


def weights_scale_the_density(formula, inputs, rng):
    """F(a w) = F(w) - log a for every a > 0."""
    a = 2.0 ** rng.integers(-3, 4)
    scaled = inputs | {"weights": a * inputs["weights"]}
    error = abs(formula.value(**scaled) - (formula.value(**inputs) - np.log(a)))
    return error / (16 * UNIT * (condition(formula, inputs) + abs(np.log(a))))


def random_mixture(rng):
    """A point and two components on the line, or one in the plane."""
    n, c = (2, 1) if rng.integers(4) == 0 else (1, 2)
    root = rng.normal(scale=0.3, size=(c, n, n)) + rng.uniform(0.7, 1.5, size=(c, 1, 1)) * np.eye(n)
    return {
        "point": rng.normal(scale=2.0, size=n),
        "means": rng.normal(scale=2.0, size=(c, n)),
        "covariances": np.einsum("kij,klj->kil", root, root),
        "weights": rng.uniform(0.2, 1.0, size=c),
    }


def _precision_for_covariance(y, mu, S, w, k):
    d = y - mu[k]
    return gaussian_mixture_energy(y, mu, S, w, k) + 0.5 * (d @ S[k] @ d - d @ np.linalg.inv(S[k]) @ d)


# means, covariances and weights; the gradients of an oval at (3, 0) by point, means, covariances and weights
PAIR = [[-1.0], [1.0]], np.ones((2, 1, 1)), [0.5, 0.5]
OVAL = np.zeros((1, 2)), [[[2.0, 1.0], [1.0, 2.0]]], [1.0]
AT_OVAL = [2.0, -1.0], [[-2.0, 1.0]], np.array([[[-10.0, 5.0], [5.0, -1.0]]]) / 6.0, [-1.0]

FORMULA = Formula(
    value=gaussian_mixture_energy,
    signature="(n),(c,n),(c,n,n),(c),()->()",
    source="dempster1977",
    gradients={
        "point": gaussian_mixture_energy_point_gradient,
        "means": gaussian_mixture_energy_means_gradient,
        "covariances": gaussian_mixture_energy_covariances_gradient,
        "weights": gaussian_mixture_energy_weights_gradient,
    },
    sample=lambda rng: (one := random_mixture(rng)) | {"component": int(rng.integers(len(one["means"])))},
    laws=(weights_scale_the_density,),
    cases={  # (point, means, covariances, weights, component), E, gradients, the mistake that it exposes
        "the second of two components of variance one": Case(
            ([0.0], *PAIR, 1),
            2.112085713764618,
            ([-1.0], [[0.0], [1.0]], np.zeros((2, 1, 1)), [0.0, -2.0]),
            "weight forgotten",
        ),
        "a correlated pair": Case(
            ([3.0, 0.0], *OVAL, 0), 5.3871832107434, AT_OVAL, "covariance used for its inverse"
        ),
        "a wide component at its centre": Case(
            ([0.0, 0.0], np.zeros((1, 2)), [[[16.0, 0.0], [0.0, 16.0]]], [1.0], 0),
            4.610465788649127,
            {"point": np.zeros(2), "covariances": [[[0.03125, 0.0], [0.0, 0.03125]]]},
            "determinant forgotten",
        ),
        "not a number": Case(([np.nan, 0.0], *OVAL, 0), np.nan),
        "a wide component of variance four, at its centre": Case(
            ([0.0], np.zeros((1, 1)), [[[4.0]]], [1.0], 0),
            0.5 * LOG_TWO_PI + np.log(2.0),
            ([0.0], [[0.0]], [[[0.125]]], [-1.0]),
            "determinant for its root",
        ),
        "axes of 1 and 1e153, which are hardly correlated": Case(
            ([3.0, 2.0**513], np.zeros((1, 2)), [[[1.0, 2.0**479], [2.0**479, 2.0**1019]]], [1.0], 0),
            68.5 - 3.0 * 2.0**-27 + LOG_TWO_PI + 509.5 * LOG_TWO,
            {"point": [3.0 - 2.0**-27, 2.0**-506 * (1.0 - 3.0 * 2.0**-34)]},
        ),
    },
    variants={
        "weight forgotten": Mistake(
            lambda y, mu, S, w, k: gaussian_mixture_energy(y, mu, S, w, k) + np.log(w[k]),
            symptom="rare components claim as many points as frequent ones",
        ),
        "covariance used for its inverse": Mistake(
            _precision_for_covariance, symptom="right for unit covariances; long axes are penalised most"
        ),
        "determinant forgotten": Mistake(
            lambda y, mu, S, w, k: gaussian_mixture_energy(y, mu, S, w, k) - 0.5 * np.linalg.slogdet(S[k])[1],
            seen_in="QUESO, github.com/libqueso/queso/issues/387",
            symptom="the widest component explains everything best",
        ),
        "determinant for its root": Mistake(
            lambda y, mu, S, w, k: gaussian_mixture_energy(y, mu, S, w, k) + 0.5 * np.linalg.slogdet(S[k])[1],
            symptom="log|S| for log|S|/2: wide components pay twice for their width",
        ),
        "diagonal of the Cholesky factor not doubled": Mistake(
            lambda y, mu, S, w, k: (
                gaussian_mixture_energy(y, mu, S, w, k) - 0.25 * np.linalg.slogdet(S[k])[1]
            ),
            symptom="log|S| is twice the sum of the logarithms of that diagonal: wide components pay half",
        ),
        "1e-6 added to the variances": Mistake(
            lambda y, mu, S, w, k: gaussian_mixture_energy(y, mu, S + 1e-6 * np.eye(len(y)), w, k),
            symptom="what keeps a covariance from collapse in training, left in the density",
        ),
        "covariance taken for its root": Mistake(
            lambda y, mu, S, w, k: gaussian_mixture_energy(y, mu, S @ np.swapaxes(S, 1, 2), w, k),
            symptom="a matrix handed over where its Cholesky factor is asked for",
        ),
        "both halves of the covariance moved together": Mistake(
            gradients={"covariances": lambda *x: _together(gaussian_mixture_energy_covariances_gradient(*x))},
            symptom="twice too large off the diagonal; right where S_ij = S_ji is one parameter",
        ),
    },
    rules=rules,
    refuses={  # (point, means, covariances, weights, component), the argument to blame
        "a component beyond the last": (([3.0, 0.0], *OVAL, 1), "component"),
        "a component counted from the end": (([3.0, 0.0], *OVAL, -1), "component"),
        "a weight of 0, of whichever component": (([1.0], *PAIR[:2], [1.0, 0.0], 0), "weights"),
        "one weight for two components": (([1.0], *PAIR[:2], [1.0], 0), "weights"),
        "one covariance for two components": (
            ([1.0], PAIR[0], np.ones((1, 1, 1)), [0.5, 0.5], 0),
            "covariances",
        ),
        "means of another length": (([1.0, 1.0], *PAIR, 0), "means"),
        "a covariance with a negative axis": (
            ([1.0], PAIR[0], -np.ones((2, 1, 1)), [0.5, 0.5], 0),
            "covariances",
        ),
    },
)


def _together(g):
    """The slope by S_ij = S_ji, moved as one number."""
    return g + np.swapaxes(g, 1, 2) - g * np.eye(g.shape[1])
