r"""Gaussian mixture: k-means at a positive temperature, with a shape and a weight for each prototype.

    F(y) = -log sum_z e^{-E(y, z)} = -log p(y)
    r_z  = dF/dE(y, z) = e^{F(y) - E(y, z)}

    dF/dy    = sum_z r_z S_z^{-1} d_z,    d_z = y - mu_z
    dF/dmu_z = -r_z S_z^{-1} d_z
    dF/dS_z  = r_z (S_z^{-1} - S_z^{-1} d_z d_z' S_z^{-1})/2
    dF/dw_z  = -r_z/w_z

E is the energy of one component (gaussian_component.py), mu are the means, S the covariances and w the
weights; where these sum to 1, p is a density.  Which component z made y is a latent variable.  It is not
minimised away but summed over: F is the free energy at beta = 1.  In k-means only the winner moves; here
component z gets r_z, its responsibility for y, of its own gradient.

EM alternates two exact minimisations of the variational free energy E_q[E] + E_q[log q]: over q, which
gives q = r, and over the parameters, which gives weighted means and covariances (`em_step`).  Neither
can raise it, so EM never raises the mean of F.  With S_z = v I, equal w_z and v to 0 it is Lloyd's
algorithm, and 2v F, up to a constant, is the energy of k-means.

In floating point the density of a point far from all components is 0, and its logarithm infinite.  So F
is counted from the lowest energy, and a factor such as w_z = 2^-1000 stays a factor.  What no care can
mend: farther out than 2^53 times their distance, y - mu_z is the same number for two components.

Source: Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data via the EM
algorithm"; Neal and Hinton (1998), for EM as two minimisations.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require
from ebm_ref.energies.gaussian_component import (
    AT_OVAL,
    LOG_TWO_PI,
    OVAL,
    PAIR,
    by_covariance,
    by_point,
    check_components,
    energy,
    in_own_units,
    random_mixture,
    weights_scale_the_density,
)
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import misfit
from ebm_ref.numerics import negated, parts, scaled_logsumexp, scaled_softmax, total, weighted


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
    return shared(by_point, y, mu, S, w)


def shared(slope, y, mu, S, w):
    """r_z g_z of all components, shape (c, ...); the slopes g_z = a 2^e may be huge where r_z is tiny."""
    g = np.array([slope(d, S_z) for d, S_z in zip(y - mu, S, strict=True)])
    e = np.minimum(parts(np.max(np.abs(g.reshape(len(w), -1)), axis=1))[1], 1000.0)
    r = scaled_softmax(*densities(y, mu, S, w)[1], per=(1.0, -e))
    stretched = lambda x: x.reshape(-1, *(1,) * (g.ndim - 1))
    return weighted(stretched(r), g / stretched(2.0**e)) + 0.0


def gaussian_mixture_covariances_gradient(point, means, covariances, weights):
    """dF/dS, shape (c, n, n): r_z (S_z^-1 - S_z^-1 d d' S_z^-1)/2."""
    return shared(by_covariance, *FORMULA.checked(point, means, covariances, weights))


def gaussian_mixture_weights_gradient(point, means, covariances, weights):
    """dF/dw, shape (c,): -r_z/w_z."""
    y, mu, S, w = FORMULA.checked(point, means, covariances, weights)
    return negated(scaled_softmax(*densities(y, mu, S, w)[1], per=parts(w)))


def energies(y, mu, S, w):
    """E(y, z) of all components z."""
    return np.array([energy(y - mu[z], S[z], w[z]) for z in range(len(w))])


def densities(y, mu, S, w):
    """The least q_b of q_z = d' S_z^-1 d/2; m, e and t of w_z |S_z|^(-1/2) e^{q_b - q_z} = m 2^e e^t."""
    d, S, h = in_own_units(y - mu, S)  # so that no logarithm of w_z or |S_z| is rounded
    unit = 2.0**520 if np.any(np.abs(d) > 2.0**500) else 1.0  # no square overflows
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
    check_components(weights, covariances, covariances)


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


def components_renamed(formula, inputs, rng):
    """The order of the components does not matter."""
    order = rng.permutation(len(inputs["weights"]))
    own = ("means", "covariances", "weights")
    return misfit(formula, inputs, inputs | {a: inputs[a][order] for a in own})


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
            ([0.0], *PAIR),
            1.4189385332046727,
            ([0.0], [[-0.5], [0.5]], np.zeros((2, 1, 1)), [-1.0, -1.0]),
            "nearest component alone",
        ),
        "responsibilities of 1/4 and 3/4": Case(
            ([0.0], *PAIR[:2], [0.25, 0.75]),
            1.4189385332046727,
            {"point": [-0.5], "means": [[-0.25], [0.75]], "weights": [-1.0, -1.0]},
            exposes="weights forgotten",
        ),
        "one component: its energy": Case(
            ([3.0, 0.0], *OVAL), 5.3871832107434, AT_OVAL, exposes="covariances used for their inverses"
        ),
        "at the mean of one: the other draws": Case(
            ([1.0], *PAIR),
            1.4851577027216456,
            {"point": [0.23840584404423512]},
            "logarithm of each density summed",
        ),
        "far from both: the density is 0 in double precision, its logarithm is not": Case(
            ([101.0], *PAIR), 5001.612085713765, {"point": [100.0]}, "logarithm of a sum of densities"
        ),
        "not a number": Case(([np.nan, 0.0], *OVAL), np.nan),
        "a covariance that is not a number": Case(
            ([3.0, 0.0], np.zeros((1, 2)), [[[2.0, np.nan], [np.nan, 2.0]]], [1.0]), np.nan
        ),
        "a wide component in the plane, at its centre": Case(
            ([0.0, 0.0], np.zeros((1, 2)), [[[16.0, 0.0], [0.0, 16.0]]], [1.0]),
            4.610465788649127,
            ([0.0, 0.0], [[0.0, 0.0]], [[[0.03125, 0.0], [0.0, 0.03125]]], [-1.0]),
            "determinants forgotten",
        ),
        "a component of variance four, at its centre": Case(
            ([0.0], np.zeros((1, 1)), [[[4.0]]], [1.0]),
            0.5 * LOG_TWO_PI + np.log(2.0),
            ([0.0], [[0.0]], [[[0.125]]], [-1.0]),
            "determinants for their roots",
        ),
        "a thin component 1e-320 times as likely as a wide one: its slope is 2^1020": Case(
            (
                np.zeros(2),
                [[2.0**-500, 0.0], [0.0, 0.0]],
                [[[2.0**-1011, 0.0], [0.0, 1.0]], [[2.0**200, 0.0], [0.0, 1.0]]],
                [2.0**-190, 1.0],
            ),
            LOG_TWO_PI + 100.0 * np.log(2.0),
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
        "weights forgotten": Mistake(
            lambda y, mu, S, w: gaussian_mixture(y, mu, S, np.ones(len(w))),
            symptom="rare components claim as many points as frequent ones",
        ),
        "determinants forgotten": Mistake(
            lambda y, mu, S, w: gaussian_mixture(y, mu, S, w * determinants(S) ** 0.5),
            symptom="the widest component explains everything best",
        ),
        "determinants for their roots": Mistake(
            lambda y, mu, S, w: gaussian_mixture(y, mu, S, w / determinants(S) ** 0.5),
            symptom="wide components pay twice for their width: points go to narrow ones",
        ),
        "covariances used for their inverses": Mistake(
            lambda y, mu, S, w: gaussian_mixture(
                y, mu, np.array([np.linalg.inv(S_z) for S_z in S]), w / determinants(S)
            ),
            symptom="right for unit covariances; long axes are penalised most",
        ),
        "constant left out": Convention(
            lambda y, mu, S, w: gaussian_mixture(y, mu, S, w) - 0.5 * len(y) * LOG_TWO_PI,
            {
                "point": gaussian_mixture_point_gradient,
                "means": gaussian_mixture_means_gradient,
                "covariances": gaussian_mixture_covariances_gradient,
                "weights": gaussian_mixture_weights_gradient,
            },
            seen_in="texts that leave out what no gradient sees: n log(2 pi)/2",
        ),
        "diagonals of the Cholesky factors not doubled": Mistake(
            lambda y, mu, S, w: gaussian_mixture(y, mu, S, w * determinants(S) ** 0.25),
            symptom="log|S| is twice the sum of the logarithms of that diagonal: wide components pay half",
        ),
        "1e-6 added to the variances": Mistake(
            lambda y, mu, S, w: gaussian_mixture(y, mu, S + 1e-6 * np.eye(len(y)), w),
            symptom="what keeps a covariance from collapse in training, left in the density",
        ),
        "covariances taken for their roots": Mistake(
            lambda y, mu, S, w: gaussian_mixture(y, mu, S @ np.swapaxes(S, 1, 2), w),
            symptom="a matrix handed over where its Cholesky factor is asked for",
        ),
        "lowest energy not added back": Mistake(
            lambda y, mu, S, w: gaussian_mixture(y, mu, S, w) - np.min(energies(y, mu, S, w)),
            symptom="the shift of a stable log-sum-exp forgotten: no point is far from the data",
        ),
    },
    as_printed=gaussian_mixture_as_printed,
    rules=rules,
    refuses={  # (point, means, covariances, weights), the argument to blame
        "no component": (([1.0], np.ones((0, 1)), np.ones((0, 1, 1)), np.ones(0)), "means"),
        "a weight of 0": (([1.0], *PAIR[:2], [1.0, 0.0]), "weights"),
        "two negative axes, of a positive determinant": (
            ([1.0, 1.0], OVAL[0], -np.eye(2)[None], [1.0]),
            "covariances",
        ),
        "a second component of negative variance": (
            ([1.0], PAIR[0], [[[1.0]], [[-1.0]]], [0.5, 0.5]),
            "covariances",
        ),
    },
)


def determinants(S):
    """|S_z| of all components z."""
    return np.array([np.linalg.det(S_z) for S_z in S])
