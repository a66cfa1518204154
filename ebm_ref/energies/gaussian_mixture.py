r"""Gaussian mixture: k-means at a positive temperature, with a shape and a weight for each prototype.

    E(y, k) = (y - mu_k)' S_k^-1 (y - mu_k)/2 + log|2 pi S_k|/2 - log w_k
    F(y)    = -log sum_k e^{-E(y, k)} = -log p(y)
    dF/dE_k = r_k = e^{F - E_k},      the responsibility of component k for y
    dF/dW   = sum_k r_k dE_k/dW       for every parameter W, and for y

S_k is a covariance, w_k a weight; for weights that sum to 1, p is a density.  Which component made y is a
latent variable.  It is not minimised away but summed over: F is the free energy at beta = 1.  Of the
k-means gradient, where the winner takes all, each component gets its share r_k.

EM alternates two exact minimisations of the variational free energy E_q[E] + E_q[log q]: over q, which
gives q = r, and over the parameters, which gives weighted means and covariances (`em_step`).  Neither
can raise it, so EM never raises the mean of F.  With S_k = v I, equal w_k and v to 0 it is Lloyd's
algorithm, and 2v F, up to a constant, is the energy of k-means.

Each term of E has been forgotten by somebody.  Without the determinant, wide components are free.

Source: Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data via the EM
algorithm"; Neal and Hinton (1998), for EM as two minimisations.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_index, require_shape, shape_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, condition, misfit
from ebm_ref.numerics import logsumexp, softmax

LOG_TWO_PI = np.log(2.0 * np.pi)


def gaussian_mixture_energy(point, means, covariances, weights, component):
    """Energy of one point with one component.

    Parameters
    ----------
    point : (n,) float
        y.
    means : (c, n) float
        mu_k.
    covariances : (c, n, n) float
        S_k, symmetric and positive definite.
    weights : (c,) float
        w_k > 0; they sum to 1 where F is to be minus the log of a density.
    component : int
        k, the component said to have made y.

    Returns
    -------
    float
        -log of the joint density of y and k.

    Raises
    ------
    ValueError
        If `component` is not in 0..c-1, a weight not positive, an S_k not definite, or a shape wrong.

    >>> one = np.ones((1, 1))
    >>> float(gaussian_mixture_energy(np.zeros(1), 0.0 * one, np.ones((1, 1, 1)), np.ones(1), 0))
    0.9189385332046727
    """
    _check(point, means, covariances, weights)
    require_index("component", component, len(means))
    weight, covariance = weights[component], covariances[component]
    d = point - means[component]
    with np.errstate(invalid="ignore"):  # a NaN in a covariance is a NaN in the energy, no warning
        minors = [np.linalg.slogdet(covariance[:i, :i]) for i in range(1, len(d) + 1)]
    require(
        not any(sign <= 0.0 for sign, _ in minors), "covariances", covariances, "must be positive definite"
    )
    quadratic = np.dot(d, np.linalg.solve(covariance, d))
    return 0.5 * (quadratic + len(d) * LOG_TWO_PI + minors[-1][1]) - np.log(weight)


def _check(point, means, covariances, weights):
    c, n = shape_of("means", means, "c", "n")
    require_shape("point", point, (n,))
    require_shape("covariances", covariances, (c, n, n))
    require_shape("weights", weights, (c,))
    require(not np.any(weights <= 0.0), "weights", weights, "must be positive")


def gaussian_mixture_energy_point_gradient(point, means, covariances, weights, component):
    """dE/dy, shape (n,): S_k^-1 (y - mu_k)."""
    gaussian_mixture_energy(point, means, covariances, weights, component)
    inverse, d = np.linalg.inv(covariances[component]), point - means[component]
    return np.dot(0.5 * (inverse + inverse.T), d)


def gaussian_mixture_energy_means_gradient(point, means, covariances, weights, component):
    """dE/dmu, shape (c, n): -S_k^-1 (y - mu_k) in row k."""
    g = np.zeros(np.shape(means))
    g[component] = -gaussian_mixture_energy_point_gradient(point, means, covariances, weights, component)
    return g


def gaussian_mixture_energy_covariances_gradient(point, means, covariances, weights, component):
    """dE/dS, shape (c, n, n): (S_k^-1 - S_k^-1 d d' S_k^-1)/2 for k, d = y - mu_k."""
    gaussian_mixture_energy(point, means, covariances, weights, component)
    g, d = np.zeros(np.shape(covariances)), point - means[component]
    inverse = np.linalg.inv(covariances[component])
    g[component] = 0.5 * (inverse.T - np.outer(np.dot(d, inverse), np.dot(inverse, d)))
    return g


def gaussian_mixture_energy_weights_gradient(point, means, covariances, weights, component):
    """dE/dw, shape (c,): -1/w_k for k."""
    gaussian_mixture_energy(point, means, covariances, weights, component)
    g = np.zeros(np.shape(weights))
    g[component] = -1.0 / weights[component]
    return g


def component_energies(point, means, covariances, weights):
    """(c,) the energies E(y, k) of all components."""
    c, _ = shape_of("means", means, "c", "n")
    require(c >= 1, "means", means, "must hold c >= 1 components")
    return np.array([gaussian_mixture_energy(point, means, covariances, weights, k) for k in range(c)])


def responsibilities(point, means, covariances, weights):
    """(c,) r_k = P(k | y): the slope of the free energy by the energy of each component.

    >>> S = np.ones((2, 1, 1))
    >>> responsibilities(np.zeros(1), np.array([[-1.0], [1.0]]), S, np.array([0.25, 0.75])).round(12)
    array([0.25, 0.75])
    """
    return softmax(-component_energies(point, means, covariances, weights))


def gaussian_mixture(point, means, covariances, weights):
    """Free energy of one point: minus the log of the density of the mixture.

    Parameters
    ----------
    point : (n,) float
        y.
    means : (c, n) float, c >= 1
        mu_k.
    covariances : (c, n, n) float
        S_k, symmetric and positive definite.
    weights : (c,) float
        w_k > 0; for a density they sum to 1.

    Returns
    -------
    float
        -log sum_k w_k N(y; mu_k, S_k), of either sign.

    Raises
    ------
    ValueError
        If there is no component, a weight is not positive, an S_k not definite, or a shape does not fit.

    >>> means, S = np.array([[-1.0], [1.0]]), np.ones((2, 1, 1))
    >>> float(np.round(gaussian_mixture(np.zeros(1), means, S, np.array([0.5, 0.5])), 12))
    1.418938533205
    """
    return -logsumexp(-component_energies(point, means, covariances, weights))


def gaussian_mixture_point_gradient(point, means, covariances, weights):
    """dF/dy, shape (n,): sum_k r_k S_k^-1 (y - mu_k)."""
    return _shared(gaussian_mixture_energy_point_gradient, point, means, covariances, weights)


def gaussian_mixture_means_gradient(point, means, covariances, weights):
    """dF/dmu, shape (c, n): -r_k S_k^-1 (y - mu_k)."""
    return _shared(gaussian_mixture_energy_means_gradient, point, means, covariances, weights)


def gaussian_mixture_covariances_gradient(point, means, covariances, weights):
    """dF/dS, shape (c, n, n): r_k (S_k^-1 - S_k^-1 d d' S_k^-1)/2."""
    return _shared(gaussian_mixture_energy_covariances_gradient, point, means, covariances, weights)


def gaussian_mixture_weights_gradient(point, means, covariances, weights):
    """dF/dw, shape (c,): -r_k/w_k."""
    return _shared(gaussian_mixture_energy_weights_gradient, point, means, covariances, weights)


def _shared(gradient, *inputs):
    """sum_k r_k dE_k/dW: every component's gradient by its responsibility."""
    r = responsibilities(*inputs)
    return sum(r[k] * gradient(*inputs, k) for k in range(len(r)))


def em_step(points, means, covariances, weights):
    """One EM step for points (p, n): (means, covariances, weights) of the weighted points.

    >>> points, S = np.array([[-1.0], [1.0], [9.0], [11.0]]), np.ones((2, 1, 1))
    >>> means, S, w = em_step(points, np.array([[0.0], [10.0]]), S, np.array([0.5, 0.5]))
    >>> means.round(12).tolist(), S.round(12).ravel().tolist(), w.round(12).tolist()
    ([[0.0], [10.0]], [1.0, 1.0], [0.5, 0.5])
    """
    p, _ = shape_of("points", points, "p", "n")
    require(p >= 1, "points", points, "must hold p >= 1 points")
    r = np.array([responsibilities(y, means, covariances, weights) for y in points])
    total = np.sum(r, axis=0)
    require(not np.any(total == 0.0), "means", means, "must each explain a point: no component without any")
    centers = np.dot(r.T, points) / total[:, None]
    d = points[:, None, :] - centers
    spread = np.einsum("pk,pki,pkj->kij", r, d, d) / total[:, None, None]
    return centers, spread, total / p


def mean_free_energy(points, means, covariances, weights):
    """(1/p) sum_i F(y_i): the mean negative log-likelihood of points (p, n)."""
    return np.mean([gaussian_mixture(y, means, covariances, weights) for y in points])


def em_never_raises_the_free_energy(formula, inputs, rng):
    """An EM step over random points never raises their mean free energy."""
    _, *parameters = inputs.values()
    parameters[2] = parameters[2] / np.sum(parameters[2])
    points = rng.normal(scale=2.0, size=(8, np.shape(parameters[0])[1]))
    moved = em_step(points, *parameters)
    before, after = (np.mean([formula.value(y, *p) for y in points]) for p in (parameters, moved))
    return max(0.0, after - before) / (1e-13 * (1.0 + abs(before)))


def weights_scale_the_density(formula, inputs, rng):
    """F(a w) = F(w) - log a for every a > 0."""
    a = 2.0 ** rng.integers(-3, 4)
    scaled = inputs | {"weights": a * inputs["weights"]}
    error = abs(formula.value(**scaled) - (formula.value(**inputs) - np.log(a)))
    return error / (16 * UNIT * (condition(formula, inputs) + abs(np.log(a))))


def components_renamed(formula, inputs, rng):
    """The order of the components does not matter."""
    order = rng.permutation(len(inputs["weights"]))
    own = ("means", "covariances", "weights")
    return misfit(formula, inputs, inputs | {a: inputs[a][order] for a in own})


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


def _random_joint(rng):
    inputs = random_mixture(rng)
    return inputs | {"component": int(rng.integers(len(inputs["weights"])))}


def _without_determinant(y, mu, S, w, k):
    return gaussian_mixture_energy(y, mu, S, w, k) - 0.5 * np.linalg.slogdet(S[k])[1]


def _precision_for_covariance(y, mu, S, w, k):
    d = y - mu[k]
    return gaussian_mixture_energy(y, mu, S, w, k) + 0.5 * (d @ S[k] @ d - d @ np.linalg.inv(S[k]) @ d)


_PAIR = {
    "means": np.array([[-1.0], [1.0]]),
    "covariances": np.ones((2, 1, 1)),
    "weights": np.array([0.5, 0.5]),
}
_OVAL = {
    "point": np.array([3.0, 0.0]),
    "means": np.zeros((1, 2)),
    "covariances": np.array([[[2.0, 1.0], [1.0, 2.0]]]),
    "weights": np.ones(1),
}
_OVAL_GRADIENTS = {
    "point": np.array([2.0, -1.0]),
    "means": np.array([[-2.0, 1.0]]),
    "covariances": np.array([[[-10.0, 5.0], [5.0, -1.0]]]) / 6.0,
    "weights": np.array([-1.0]),
}

ENERGY = Formula(
    value=gaussian_mixture_energy,
    signature="(n),(c,n),(c,n,n),(c),()->()",
    source="dempster1977",
    gradients={
        "point": gaussian_mixture_energy_point_gradient,
        "means": gaussian_mixture_energy_means_gradient,
        "covariances": gaussian_mixture_energy_covariances_gradient,
        "weights": gaussian_mixture_energy_weights_gradient,
    },
    sample=_random_joint,
    laws=(weights_scale_the_density,),
    cases={
        # Case((point, means, covariances, weights, component), value, by point and means and covariances and
        # weights, exposes)
        "the second of two components of variance one": Case(
            _PAIR | {"point": np.zeros(1), "component": 1},
            2.112085713764618,
            ([-1.0], [[0.0], [1.0]], np.zeros((2, 1, 1)), [0.0, -2.0]),
            "weight forgotten",
        ),
        "a correlated pair": Case(
            _OVAL | {"component": 0}, 5.3871832107434, _OVAL_GRADIENTS, "covariance used for its inverse"
        ),
        "a wide component at its centre": Case(
            _OVAL
            | {"point": np.zeros(2), "covariances": np.array([[[16.0, 0.0], [0.0, 16.0]]]), "component": 0},
            4.610465788649127,
            {
                "point": np.zeros(2),
                "covariances": np.array([[[0.03125, 0.0], [0.0, 0.03125]]]),
            },
            "determinant forgotten",
        ),
        "not a number": Case(_OVAL | {"point": np.array([np.nan, 0.0]), "component": 0}, np.nan),
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
            _without_determinant,
            seen_in="QUESO, github.com/libqueso/queso/issues/387",
            symptom="the widest component explains everything best",
        ),
    },
)

FORMULA = Formula(
    value=gaussian_mixture,
    signature="(n),(c,n),(c,n,n),(c)->()",
    source="dempster1977",
    gradients={
        "point": gaussian_mixture_point_gradient,
        "means": gaussian_mixture_means_gradient,
        "covariances": gaussian_mixture_covariances_gradient,
        "weights": gaussian_mixture_weights_gradient,
    },
    sample=random_mixture,
    laws=(components_renamed, weights_scale_the_density, em_never_raises_the_free_energy),
    cases={
        # Case((point, means, covariances, weights), value, by point and means and covariances and weights,
        # exposes)
        "half way between two: the forces cancel": Case(
            _PAIR | {"point": np.zeros(1)},
            1.4189385332046727,
            (np.zeros(1), [[-0.5], [0.5]], np.zeros((2, 1, 1)), [-1.0, -1.0]),
            "nearest component alone",
        ),
        "responsibilities of 1/4 and 3/4": Case(
            _PAIR | {"point": np.zeros(1), "weights": np.array([0.25, 0.75])},
            1.4189385332046727,
            {
                "point": np.array([-0.5]),
                "means": np.array([[-0.25], [0.75]]),
                "weights": np.array([-1.0, -1.0]),
            },
        ),
        "one component: its energy": Case(_OVAL, 5.3871832107434, _OVAL_GRADIENTS),
        "at the mean of one: the other draws": Case(
            _PAIR | {"point": np.ones(1)},
            1.4851577027216456,
            {"point": np.array([0.23840584404423512])},
            "logarithm of each density summed",
        ),
        "far from both: the density is 0 in double precision, its logarithm is not": Case(
            _PAIR | {"point": np.array([101.0])},
            5001.612085713765,
            {"point": np.array([100.0])},
            "logarithm of a sum of densities",
        ),
        "not a number": Case(_OVAL | {"point": np.array([np.nan, 0.0])}, np.nan),
        "a covariance that is not a number": Case(
            _OVAL | {"covariances": np.array([[[2.0, np.nan], [np.nan, 2.0]]])}, np.nan
        ),
    },
    variants={
        "nearest component alone": Mistake(
            lambda y, mu, S, w: np.min(component_energies(y, mu, S, w)),
            symptom="hard assignments: the density of two components that overlap is too low",
        ),
        "logarithm of each density summed": Mistake(
            lambda y, mu, S, w: np.sum(w * (component_energies(y, mu, S, w) + np.log(w))),
            symptom="the mean of the energies, a single Gaussian; the logarithm was taken before the sum",
        ),
        "logarithm of a sum of densities": Mistake(
            lambda y, mu, S, w: -np.log(np.sum(np.exp(-component_energies(y, mu, S, w)))),
            symptom="infinite for outliers: e^-5000 is 0",
        ),
    },
)
