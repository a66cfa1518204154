r"""Gaussian mixture: k-means at a positive temperature, with a shape and a weight for each prototype.

    E(y, z) = d' S_z^{-1} d/2 + log|2 pi S_z|/2 - log w_z,    d = y - mu_z
    F(y)    = -log sum_z e^{-E(y, z)} = -log p(y)

    dE/dy    = S_z^{-1} d
    dE/dmu_z = -S_z^{-1} d
    dE/dS_z  = (S_z^{-1} - S_z^{-1} d d' S_z^{-1})/2
    dE/dw_z  = -1/w_z

    r_z = dF/dE(y, z) = e^{F(y) - E(y, z)}

    dF/dW    = sum_z r_z dE(y, z)/dW         for W = y, mu, S, w

S_z is a covariance, w_z a weight; for weights that sum to 1, p is a density.  Which component z made y is
a latent variable.  It is not minimised away but summed over: F is the free energy at beta = 1.  In k-means
only the winner moves; here component z gets r_z, its responsibility for y, of its own gradient.

EM alternates two exact minimisations of the variational free energy E_q[E] + E_q[log q]: over q, which
gives q = r, and over the parameters, which gives weighted means and covariances (`em_step`).  Neither
can raise it, so EM never raises the mean of F.  With S_z = v I, equal w_z and v to 0 it is Lloyd's
algorithm, and 2v F, up to a constant, is the energy of k-means.

Each term of E has been forgotten by somebody.  Without the determinant, wide components are free.

In floating point the density of a point far from all components is 0, and its logarithm infinite.  So F
is counted from the lowest energy, and a factor such as w_z = 2^-1000 stays a factor.  What no care can
mend: farther out than 2^53 times their distance, y - mu_z is the same number for two components.

Source: Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data via the EM
algorithm"; Neal and Hinton (1998), for EM as two minimisations.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require, require_index
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, condition, misfit
from ebm_ref.numerics import negated, parts, scaled_logsumexp, scaled_softmax, total, weighted

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
    y, mu, S, w, z = ENERGY.checked(point, means, covariances, weights, component)
    return energy(y - mu[z], S[z], w[z])


def gaussian_mixture_energy_point_gradient(point, means, covariances, weights, component: int):
    """dE/dy, shape (n,): S_z^-1 d."""
    y, mu, S, _, z = ENERGY.checked(point, means, covariances, weights, component)
    return by_point(y - mu[z], S[z])


def gaussian_mixture_energy_means_gradient(point, means, covariances, weights, component: int):
    """dE/dmu, shape (c, n): -S_z^-1 d in row z."""
    y, mu, S, _, z = ENERGY.checked(point, means, covariances, weights, component)
    g = np.zeros(mu.shape)
    g[z] = -by_point(y - mu[z], S[z])
    return g


def gaussian_mixture_energy_covariances_gradient(point, means, covariances, weights, component: int):
    """dE/dS, shape (c, n, n): (S_z^-1 - S_z^-1 d d' S_z^-1)/2 for z."""
    y, mu, S, _, z = ENERGY.checked(point, means, covariances, weights, component)
    g = np.zeros(S.shape)
    g[z] = by_covariance(y - mu[z], S[z])
    return g


def gaussian_mixture_energy_weights_gradient(point, means, covariances, weights, component: int):
    """dE/dw, shape (c,): -1/w_z for z."""
    _, _, _, w, z = ENERGY.checked(point, means, covariances, weights, component)
    g = np.zeros(w.shape)
    g[z] = -1.0 / w[z]
    return g


def energy(d, S, w):
    """d' S^-1 d/2 + log|2 pi S|/2 - log w, of one component."""
    with np.errstate(invalid="ignore"):  # a NaN in a covariance is a NaN in the energy, no warning
        log_determinant = np.linalg.slogdet(S)[1]
    return 0.5 * (np.dot(d, np.linalg.solve(S, d)) + len(d) * LOG_TWO_PI + log_determinant) - np.log(w)


def by_point(d, S):
    """S^-1 d, where S' counts as much as S if S is not symmetric."""
    inverse = np.linalg.inv(S)
    return np.dot(0.5 * (inverse + inverse.T), d)


def by_covariance(d, S):
    """(S^-1 - S^-1 d d' S^-1)/2."""
    inverse = np.linalg.inv(S)
    return 0.5 * (inverse.T - np.outer(np.dot(d, inverse), np.dot(inverse, d)))


def rules_energy(point, means, covariances, weights, component):
    """A component that exists, weights that have a logarithm, and the component's covariance definite."""
    require_index("component", component, len(means))
    _check(weights, covariances, [covariances[component]])


def _check(weights, covariances, used):
    """Raise unless weights, and all leading minors of the covariances used, are positive or not a number."""
    require(not np.any(weights <= 0.0), "weights", weights, "must be positive")
    with np.errstate(invalid="ignore"):
        signs = [np.linalg.slogdet(S[:i, :i])[0] for S in used for i in range(1, len(S) + 1)]
    definite = not any(sign <= 0.0 for sign in signs)
    require(definite, "covariances", covariances, "must be positive definite")


def gaussian_mixture_as_printed(point, means, covariances, weights):
    """-log sum_z w_z N(y; mu_z, S_z): far away the density loses its digits, and is 0 at last.

    >>> far = np.array([38.55]), np.zeros((1, 1)), np.ones((1, 1, 1)), np.ones(1)
    >>> print(f"{gaussian_mixture_as_printed(*far):.3f} {gaussian_mixture(*far):.3f}")
    743.747 743.970
    """
    y, mu, S, w = FORMULA.checked(point, means, covariances, weights)
    peaks = w / np.sqrt(np.linalg.det(2.0 * np.pi * S))
    falls = [np.exp(-0.5 * np.dot(d, np.linalg.solve(S_z, d))) for d, S_z in zip(y - mu, S, strict=True)]
    return -np.log(np.sum(peaks * falls))


def gaussian_mixture(point, means, covariances, weights):
    """Free energy of one point: minus the log of the density of the mixture.

    Parameters
    ----------
    point, means, covariances, weights : as for `gaussian_mixture_energy`
        y, mu_z, S_z and w_z, of at least one component.

    Returns
    -------
    float
        -log sum_z w_z N(y; mu_z, S_z), of either sign.

    Raises ValueError if there is no component, a weight is not positive, an S_z not definite, or a shape
    does not fit.

    >>> means, S = np.array([[-1.0], [1.0]]), np.ones((2, 1, 1))
    >>> float(np.round(gaussian_mixture(np.zeros(1), means, S, np.array([0.5, 0.5])), 12))
    1.418938533205
    """
    y, mu, S, w = FORMULA.checked(point, means, covariances, weights)
    least, terms = densities(y, mu, S, w)
    return least + 0.5 * len(y) * LOG_TWO_PI - scaled_logsumexp(*terms)


def gaussian_mixture_point_gradient(point, means, covariances, weights):
    """dF/dy, shape (n,): sum_z r_z S_z^-1 (y - mu_z)."""
    return total(pulls(*FORMULA.checked(point, means, covariances, weights)), axis=0)


def gaussian_mixture_means_gradient(point, means, covariances, weights):
    """dF/dmu, shape (c, n): -r_z S_z^-1 (y - mu_z)."""
    return negated(pulls(*FORMULA.checked(point, means, covariances, weights)))


def pulls(y, mu, S, w):
    """r_z S_z^-1 (y - mu_z) of all components z, shape (c, n)."""
    rows = zip(shares(y, mu, S, w), y - mu, S, strict=True)
    return np.array([weighted(r_z, by_point(d, S_z)) for r_z, d, S_z in rows])


def gaussian_mixture_covariances_gradient(point, means, covariances, weights):
    """dF/dS, shape (c, n, n): r_z (S_z^-1 - S_z^-1 d d' S_z^-1)/2."""
    y, mu, S, w = FORMULA.checked(point, means, covariances, weights)
    rows = zip(shares(y, mu, S, w), y - mu, S, strict=True)
    none = np.zeros(S.shape[1:])  # of no share, even where the covariance has no inverse in float64
    return np.array([r_z * by_covariance(d, S_z) + 0.0 if r_z != 0.0 else none for r_z, d, S_z in rows])


def gaussian_mixture_weights_gradient(point, means, covariances, weights):
    """dF/dw, shape (c,): -r_z/w_z."""
    y, mu, S, w = FORMULA.checked(point, means, covariances, weights)
    return negated(scaled_softmax(*densities(y, mu, S, w)[1], per=parts(w)))


def energies(y, mu, S, w):
    """E(y, z) of all components z."""
    return np.array([energy(y - mu[z], S[z], w[z]) for z in range(len(w))])


def densities(y, mu, S, w):
    """The least q_b of q_z = d' S_z^-1 d/2; m, e and t of w_z |S_z|^(-1/2) e^{q_b - q_z} = m 2^e e^t."""
    # in units of 2^h the diagonal of S_z is about 1, and no logarithm of w_z or |S_z| is rounded
    h = np.ceil(0.5 * parts(np.array([np.diag(S_z) for S_z in S]))[1])
    d, S = (y - mu) / 2.0**h, np.array([S_z / u[:, None] / u for u, S_z in zip(2.0**h, S, strict=True)])
    unit = 2.0**520 if np.max(np.abs(d), initial=0.0) > 2.0**500 else 1.0  # no square overflows
    q = 0.5 * np.array([np.dot(a, np.linalg.solve(S_z, a)) for a, S_z in zip(d / unit, S, strict=True)])
    (m, e), roots = parts(w), np.sqrt(np.array([np.linalg.det(S_z) for S_z in S]))
    with np.errstate(over="ignore"):  # infinitely far is far enough
        return np.min(q) * unit * unit, (m / roots, e - np.sum(h, axis=1), (np.min(q) - q) * unit * unit)


def shares(y, mu, S, w):
    """r_z of all components z."""
    return scaled_softmax(*densities(y, mu, S, w)[1])


def rules(point, means, covariances, weights):
    """A component at least, weights that have a logarithm, and covariances that are definite."""
    require(len(means) >= 1, "means", means, "must hold c >= 1 components")
    _check(weights, covariances, covariances)


def responsibilities(point, means, covariances, weights):
    """(c,) r_z = P(z | y): the slope of the free energy by the energy of each component.

    >>> S = np.ones((2, 1, 1))
    >>> responsibilities(np.zeros(1), np.array([[-1.0], [1.0]]), S, np.array([0.25, 0.75])).round(12)
    array([0.25, 0.75])
    """
    return shares(*FORMULA.checked(point, means, covariances, weights))


def em_step(points, means, covariances, weights):
    """One EM step for points (p, n): (means, covariances, weights) of the weighted points.

    >>> points, S = np.array([[-1.0], [1.0], [9.0], [11.0]]), np.ones((2, 1, 1))
    >>> means, S, w = em_step(points, np.array([[0.0], [10.0]]), S, np.array([0.5, 0.5]))
    >>> means.round(12).tolist(), S.round(12).ravel().tolist(), w.round(12).tolist()
    ([[0.0], [10.0]], [1.0, 1.0], [0.5, 0.5])
    """
    points, mu, S, w = _points_and_mixture(points, means, covariances, weights)
    r = np.array([shares(y, mu, S, w) for y in points])
    counts = np.sum(r, axis=0)
    require(not np.any(counts == 0.0), "means", mu, "must each explain a point: no component without any")
    centers = np.dot(r.T, points) / counts[:, None]
    d = points[:, None, :] - centers
    spread = np.einsum("pk,pki,pkj->kij", r, d, d) / counts[:, None, None]
    return centers, spread, counts / len(points)


def mean_free_energy(points, means, covariances, weights):
    """(1/p) sum_i F(y_i): the mean negative log-likelihood of points (p, n)."""
    points, mu, S, w = _points_and_mixture(points, means, covariances, weights)
    return np.mean([gaussian_mixture(y, mu, S, w) for y in points])


def _points_and_mixture(points, means, covariances, weights):
    """Points (p, n), p >= 1, and a mixture that fits them, as float64."""
    points = real("points", points, "p", "n")
    require(len(points) >= 1, "points", points, "must hold p >= 1 points")
    _, mu, S, w = FORMULA.checked(points[0], means, covariances, weights)
    return points, mu, S, w


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


def _precision_for_covariance(y, mu, S, w, k):
    d = y - mu[k]
    return gaussian_mixture_energy(y, mu, S, w, k) + 0.5 * (d @ S[k] @ d - d @ np.linalg.inv(S[k]) @ d)


# means, covariances and weights; the gradients of an oval at (3, 0) by point, means, covariances and weights
_PAIR = [[-1.0], [1.0]], np.ones((2, 1, 1)), [0.5, 0.5]
_OVAL = np.zeros((1, 2)), [[[2.0, 1.0], [1.0, 2.0]]], [1.0]
_AT_OVAL = [2.0, -1.0], [[-2.0, 1.0]], np.array([[[-10.0, 5.0], [5.0, -1.0]]]) / 6.0, [-1.0]

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
    sample=lambda rng: (one := random_mixture(rng)) | {"component": int(rng.integers(len(one["means"])))},
    laws=(weights_scale_the_density,),
    cases={  # (point, means, covariances, weights, component), E, gradients, the mistake that it exposes
        "the second of two components of variance one": Case(
            ([0.0], *_PAIR, 1),
            2.112085713764618,
            ([-1.0], [[0.0], [1.0]], np.zeros((2, 1, 1)), [0.0, -2.0]),
            "weight forgotten",
        ),
        "a correlated pair": Case(
            ([3.0, 0.0], *_OVAL, 0), 5.3871832107434, _AT_OVAL, "covariance used for its inverse"
        ),
        "a wide component at its centre": Case(
            ([0.0, 0.0], np.zeros((1, 2)), [[[16.0, 0.0], [0.0, 16.0]]], [1.0], 0),
            4.610465788649127,
            {"point": np.zeros(2), "covariances": [[[0.03125, 0.0], [0.0, 0.03125]]]},
            "determinant forgotten",
        ),
        "not a number": Case(([np.nan, 0.0], *_OVAL, 0), np.nan),
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
    },
    rules=rules_energy,
    refuses={  # (point, means, covariances, weights, component), the argument to blame
        "a component beyond the last": (([3.0, 0.0], *_OVAL, 1), "component"),
        "a component counted from the end": (([3.0, 0.0], *_OVAL, -1), "component"),
        "a weight of 0, of whichever component": (([1.0], *_PAIR[:2], [1.0, 0.0], 0), "weights"),
        "one weight for two components": (([1.0], *_PAIR[:2], [1.0], 0), "weights"),
        "one covariance for two components": (
            ([1.0], _PAIR[0], np.ones((1, 1, 1)), [0.5, 0.5], 0),
            "covariances",
        ),
        "means of another length": (([1.0, 1.0], *_PAIR, 0), "means"),
        "a covariance with a negative axis": (
            ([1.0], _PAIR[0], -np.ones((2, 1, 1)), [0.5, 0.5], 0),
            "covariances",
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
    cases={  # (point, means, covariances, weights), F, gradients, the mistake that it exposes
        "half way between two: the forces cancel": Case(
            ([0.0], *_PAIR),
            1.4189385332046727,
            ([0.0], [[-0.5], [0.5]], np.zeros((2, 1, 1)), [-1.0, -1.0]),
            "nearest component alone",
        ),
        "responsibilities of 1/4 and 3/4": Case(
            ([0.0], *_PAIR[:2], [0.25, 0.75]),
            1.4189385332046727,
            {"point": [-0.5], "means": [[-0.25], [0.75]], "weights": [-1.0, -1.0]},
        ),
        "one component: its energy": Case(([3.0, 0.0], *_OVAL), 5.3871832107434, _AT_OVAL),
        "at the mean of one: the other draws": Case(
            ([1.0], *_PAIR),
            1.4851577027216456,
            {"point": [0.23840584404423512]},
            "logarithm of each density summed",
        ),
        "far from both: the density is 0 in double precision, its logarithm is not": Case(
            ([101.0], *_PAIR), 5001.612085713765, {"point": [100.0]}, "logarithm of a sum of densities"
        ),
        "not a number": Case(([np.nan, 0.0], *_OVAL), np.nan),
        "a covariance that is not a number": Case(
            ([3.0, 0.0], np.zeros((1, 2)), [[[2.0, np.nan], [np.nan, 2.0]]], [1.0]), np.nan
        ),
    },
    variants={
        "nearest component alone": Mistake(
            lambda y, mu, S, w: np.min(energies(y, mu, S, w)),
            symptom="hard assignments: the density of two components that overlap is too low",
        ),
        "logarithm of each density summed": Mistake(
            lambda y, mu, S, w: np.sum(w * (energies(y, mu, S, w) + np.log(w))),
            symptom="the mean of the energies, a single Gaussian; the logarithm was taken before the sum",
        ),
        "logarithm of a sum of densities": Mistake(
            lambda y, mu, S, w: -np.log(np.sum(np.exp(-energies(y, mu, S, w)))),
            symptom="infinite for outliers: e^-5000 is 0",
        ),
    },
    as_printed=gaussian_mixture_as_printed,
    rules=rules,
    refuses={  # (point, means, covariances, weights), the argument to blame
        "no component": (([1.0], np.ones((0, 1)), np.ones((0, 1, 1)), np.ones(0)), "means"),
        "a weight of 0": (([1.0], *_PAIR[:2], [1.0, 0.0]), "weights"),
        "two negative axes, of a positive determinant": (
            ([1.0, 1.0], _OVAL[0], -np.eye(2)[None], [1.0]),
            "covariances",
        ),
        "a second component of negative variance": (
            ([1.0], _PAIR[0], [[[1.0]], [[-1.0]]], [0.5, 0.5]),
            "covariances",
        ),
    },
)
