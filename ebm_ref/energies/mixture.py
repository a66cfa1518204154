r"""Mixture of round Gaussians: several modes, each as wide in all directions.

    E   = -log sum_k e^{-E_k},      r_k = e^{E - E_k}
    E_k = |x - mu_k|^2/(2 v_k) + n log(2 pi v_k)/2 - log w_k
    g_k = (x - mu_k)/v_k
    e_k = dE_k/dv_k = (n/v_k - |g_k|^2)/2

    dE/dx    = sum_k r_k g_k
    dE/dmu_k = -r_k g_k
    dE/dv_k  = r_k e_k
    dE/dw_k  = -r_k/w_k

This is gaussian_mixture.py with covariances v_k I.  r_k is the share of component k in the density at x.
Score and curvature: mixture_score.py.

In floating point: 40 widths from every mode the densities underflow, so the nearest term is taken out of
the sum.

Source: elementary; the derivatives are derived here.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import misfit, moved_together
from ebm_ref.numerics import dot, half_square, logsumexp, parts, scaled_logsumexp, scaled_softmax, total


def mixture_as_printed(point, centers, variances, weights):
    """E as printed, of a sum of densities: far out they underflow, and their last digits go before.

    >>> at = np.array([38.5]), np.zeros((1, 1)), np.ones(1), np.ones(1)
    >>> float(np.round(mixture_as_printed(*at), 3)), float(np.round(mixture(*at), 3))
    (742.042, 742.044)
    """
    x, mu, v, w = FORMULA.checked(point, centers, variances, weights)
    squares = np.sum((x - mu) ** 2, axis=1)
    densities = np.exp(-squares / (2.0 * v)) / (2.0 * np.pi * v) ** (len(x) / 2)
    return -np.log(np.sum(w * densities))


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

    Raises ValueError if there is no component, a variance or a weight is not positive, or a shape does
    not fit.

    >>> one = np.ones(1)
    >>> float(np.round(mixture(np.zeros(2), np.zeros((1, 2)), one, one), 12))  # log(2 pi)
    1.837877066409
    """
    x, mu, v, w = FORMULA.checked(point, centers, variances, weights)
    least, rise = distances(x, mu, v)
    return least + 0.5 * len(x) * np.log(2.0 * np.pi) - scaled_logsumexp(*peaks(v, w, len(x)), -rise)


def distances(x, mu, v):
    """The least q_b of q_k = |x - mu_k|^2/(2 v_k), and (c,) q_k - q_b, in a unit where no square overflows.

    q_k - q_b = (mu_b - mu_k).(x - mu_k + x - mu_b)/(2 v_k) - q_b (v_k - v_b)/v_k; the form of the smaller
    terms is taken: far out components of one variance are told apart by their centers alone.
    """
    d, width = x - mu, np.sqrt(v)[:, None]
    unit = 2.0**520 if np.max(np.abs(d / width)) > 2.0**500 else 1.0
    q = 0.5 * total((d / width / unit) ** 2)
    b = np.argmin(q)
    sideways, wider = (
        0.5 * dot((mu[b] - mu) / width / unit, (d + d[b]) / width / unit),
        q[b] * ((v - v[b]) / v),
    )
    rise = np.where(np.abs(sideways) + np.abs(wider) < q + q[b], sideways - wider, q - q[b])
    with np.errstate(over="ignore"):  # infinitely far is far enough
        return q[b] * unit * unit, rise * unit * unit


def peaks(v, w, n):
    """w_k v_k^(-n/2) as m_k 2^{e_k}: in a logarithm such a power of two would be rounded."""
    (a, i), (b, j) = parts(w), parts(v)
    return a * b ** (-0.5 * n), i - 0.5 * n * j


def shares(x, mu, v, w):
    """The share r_k of each component and its gradient g_k; and v again."""
    r = scaled_softmax(*peaks(v, w, len(x)), -distances(x, mu, v)[1])
    return r, if_any(r, (x - mu) / v[:, None]), v


def shares_per_weight(x, mu, v, w):
    """r_k/w_k, which may be in range where r_k is not."""
    return scaled_softmax(*peaks(v, w, len(x)), -distances(x, mu, v)[1], per=parts(w))


def if_any(r, g):
    """g (c, n), but 0 where it is infinite and has no share."""
    return np.where((r[:, None] == 0.0) & ~(np.abs(g) < np.inf), 0.0, g)


def shared(r, y):
    """r y, which is 0 where there is no share, even of what is infinite or no number."""
    return np.where(r == 0.0, 0.0, r * np.where(r == 0.0, 0.0, y))


def by_variance(g, v):
    """e (c,)."""
    return 0.5 * g.shape[1] / v - total(half_square(g))


def mixture_point_gradient(point, centers, variances, weights):
    """dE/dx, shape (n,): sum_k r_k g_k."""
    r, g, _ = shares(*FORMULA.checked(point, centers, variances, weights))
    return dot(r, g.T)


def mixture_centers_gradient(point, centers, variances, weights):
    """dE/dmu, shape (c, n): -r_k g_k."""
    r, g, _ = shares(*FORMULA.checked(point, centers, variances, weights))
    return -r[:, None] * g


def mixture_variances_gradient(point, centers, variances, weights):
    """dE/dv, shape (c,): r_k e_k."""
    r, g, v = shares(*FORMULA.checked(point, centers, variances, weights))
    return shared(r, by_variance(g, v))


def mixture_weights_gradient(point, centers, variances, weights):
    """dE/dw, shape (c,): -r_k/w_k."""
    return -shares_per_weight(*FORMULA.checked(point, centers, variances, weights))


def rules(point, centers, variances, weights):
    """Components of some width and some weight."""
    require(len(centers) >= 1, "centers", centers, "must hold c >= 1 components")
    require(not np.any(variances <= 0.0), "variances", variances, "must be positive")
    require(not np.any(weights <= 0.0), "weights", weights, "must be positive")


def components_renamed(formula, inputs, rng):
    """The order of the components does not matter."""
    order = rng.permutation(len(inputs["weights"]))
    own = ("centers", "variances", "weights")
    return misfit(formula, inputs, inputs | {a: inputs[a][order] for a in own})


def random_mixture(rng):
    """A point and two components, on the line or in the plane."""
    n = 1 + int(rng.integers(4) == 0)
    return {
        "point": rng.normal(scale=1.5, size=n),
        "centers": rng.normal(scale=1.5, size=(2, n)),
        "variances": rng.uniform(0.5, 2.0, size=2),
        "weights": rng.uniform(0.2, 1.0, size=2),
    }


# r = 1/4, 3/4; g = 2, -2, and -1 in the mean; d = 3, -1
PAIR = ([0.0], [[-2.0], [2.0]], [1.0, 1.0], [0.25, 0.75])
ONE = ([3.0, 4.0], [[0.0, 0.0]], [2.0], [1.0])
NAN_MIXTURE = ([np.nan, 0.0], *ONE[1:])
NO_MIXTURES = {  # (point, centers, variances, weights), the argument to blame
    "no component": ((np.ones(2), np.ones((0, 2)), np.ones(0), np.ones(0)), "centers"),
    "a component without width": ((*ONE[:2], [0.0], [1.0]), "variances"),
    "a component without weight": ((*ONE[:3], [0.0]), "weights"),
    "centres of another length": ((ONE[0], np.zeros((1, 3)), *ONE[2:]), "centers"),
}


def _logs(x, mu, v, w):
    """-E_k."""
    return np.log(w) - 0.5 * (len(x) * np.log(2.0 * np.pi * v) + np.sum((x - mu) ** 2, axis=1) / v)


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
    cases={  # (point, centers, variances, weights), E, (dE/dx, dE/dmu, dE/dv, dE/dw), the mistake
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
        "not a number": Case(NAN_MIXTURE, np.nan),
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
        "variance taken for the deviation in the square": Mistake(
            lambda x, mu, v, w: (
                -logsumexp(
                    np.log(w)
                    - 0.5 * len(x) * np.log(2.0 * np.pi * v)
                    - 0.5 * np.sum((x - mu) ** 2, axis=1) / v**2
                )
            ),
            symptom="v^2 in the exponent, v in the normaliser: not a density",
        ),
        "logarithm of each density summed": Mistake(
            lambda x, mu, v, w: np.dot(
                w, 0.5 * len(x) * np.log(2.0 * np.pi * v) + 0.5 * np.sum((x - mu) ** 2, axis=1) / v
            ),
            symptom="a single Gaussian; the logarithm was taken before the sum",
        ),
        "lowest energy not added back": Mistake(
            lambda x, mu, v, w: -logsumexp((E := _logs(x, mu, v, w)) - np.max(E)),
            symptom="the shift of a stable log-sum-exp forgotten: no point is far from the data",
        ),
    },
    as_printed=mixture_as_printed,
    rules=rules,
    refuses=NO_MIXTURES,
)
