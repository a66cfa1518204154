r"""Variance of noise-contrastive estimates: what the noise costs.

    sqrt(n) (estimate - truth)  ->  N(0, S),       nu n points of noise for n of data

    g(x) = (dE/dtheta, 1)                  slope of E + c by theta and by c
    w(x) = nu p_n p / (p + nu p_n)         p the data's probabilities, p_n the noise's
    I    = sum_x w g g'
    S    = I^-1 - (1 + 1/nu) (I^-1 a)(I^-1 a)',    a = sum_x w g

I is the curvature of the loss at the truth.  The gradient of the loss is a mean over data and over noise.
Its variance is I, less what is lost because the numbers of data and noise are fixed, and S is the sandwich
of the two.

Limits that can be seen without a computer.  As nu grows the theta part of S tends to the inverse of the
covariance of dE/dtheta, which no unbiased estimate can beat: that of maximum likelihood.  With the data's
own law as noise it is 1 + 1/nu times that.  Where the noise is rare w is nearly 0, and what the data say
there is lost.  If what remains does not determine all parameters, S grows without end.

Here the states are finitely many, so that every sum is exact.

Source: Gutmann and Hyvarinen (2012), Theorem 3 and its corollaries.
"""

import numpy as np

from ebm_ref.checks import real, require, require_positive
from ebm_ref.learning.likelihood import check_probabilities

ROUNDING = 1e-12


def noise_contrastive_covariance(energy_gradients, data_probabilities, noise_probabilities, noise_per_data):
    """S, the asymptotic covariance of (theta, c), times n, the number of data.

    Parameters
    ----------
    energy_gradients : (s, p) float
        dE/dtheta of every state, at the truth.
    data_probabilities : (s,) float
        Probabilities of the data, which the model has at the truth.
    noise_probabilities : (s,) float
        Probabilities of the noise, positive wherever the data's are.
    noise_per_data : float
        nu > 0.

    Returns
    -------
    (p + 1, p + 1) float
        The last row and column are those of c.

    Raises ValueError if probabilities are negative or do not sum to 1, if the noise misses a state that the
    data have, if nu is not positive and finite, or if the slopes do not determine the parameters.

    >>> bit, p = np.array([[0.0], [1.0]]), np.array([0.75, 0.25])
    >>> noise_contrastive_covariance(bit, p, p, 1.0)[0, 0].round(12)  # twice 1/(p (1 - p))
    np.float64(10.666666666667)
    """
    g, p, q, nu = _checked(energy_gradients, data_probabilities, noise_probabilities, noise_per_data)
    w = _weights(p, q, nu)
    inverse = _inverse(g.T @ (w[:, None] * g))
    a = inverse @ (w @ g)
    return inverse - (1.0 + 1.0 / nu) * np.outer(a, a)


def noise_contrastive_sandwich(energy_gradients, data_probabilities, noise_probabilities, noise_per_data):
    """S as curvature^-1 (variance of the gradient) curvature^-1, from posteriors: another way to the same.

    >>> bit, p = np.array([[0.0], [1.0]]), np.array([0.75, 0.25])
    >>> noise_contrastive_sandwich(bit, p, p, 1.0)[0, 0].round(12)
    np.float64(10.666666666667)
    """
    g, p, q, nu = _checked(energy_gradients, data_probabilities, noise_probabilities, noise_per_data)
    is_noise = np.divide(nu * q, p + nu * q, where=p + nu * q > 0.0, out=np.zeros(len(p)))
    curvature = g.T @ ((p * is_noise)[:, None] * g)
    variance = covariance(is_noise[:, None] * g, p) + nu * covariance((1.0 - is_noise)[:, None] * g, q)
    inverse = _inverse(curvature)
    return inverse @ variance @ inverse


def likelihood_covariance(energy_gradients, data_probabilities):
    """(p, p) n times the covariance of maximum likelihood: the inverse of that of dE/dtheta.

    >>> likelihood_covariance(np.array([[0.0], [1.0]]), np.array([0.75, 0.25])).round(12).tolist()
    [[5.333333333333]]
    """
    slopes = real("energy_gradients", energy_gradients, "s", "p")
    return _inverse(
        covariance(slopes, check_probabilities("data_probabilities", data_probabilities, len(slopes)))
    )


def covariance(values, p):
    """(k, k) covariance of the columns of values (s, k) under probabilities p (s,)."""
    x = real("values", values, "s", "k")
    p = check_probabilities("p", p, len(x))
    x = x - p @ x
    return x.T @ (p[:, None] * x)


def _checked(energy_gradients, data_probabilities, noise_probabilities, noise_per_data):
    """g with the column of c, p, q and nu, if they are legal."""
    slopes, nu = real("energy_gradients", energy_gradients, "s", "p"), real("noise_per_data", noise_per_data)
    require(np.all(np.isfinite(slopes)), "energy_gradients", slopes, "must be finite")
    given = ("data_probabilities", data_probabilities), ("noise_probabilities", noise_probabilities)
    p, q = (check_probabilities(argument, x, len(slopes)) for argument, x in given)
    require(
        np.all((q > 0.0) | (p == 0.0)),
        "noise_probabilities",
        q,
        "must be positive wherever the data's probability is",
    )
    require_positive("noise_per_data", nu)
    return np.column_stack([slopes, np.ones(len(slopes))]), p, q, nu


def _weights(p, q, nu):
    """nu q p / (p + nu q), 0 where both are."""
    total = p + nu * q
    return np.divide(nu * q * p, total, where=total > 0.0, out=np.zeros(len(p)))


def _inverse(matrix):
    """The inverse, if there is one."""
    singular = not np.all(np.isfinite(matrix)) or np.linalg.cond(matrix) > 1.0 / ROUNDING
    require(not singular, "energy_gradients", matrix, "must determine every parameter: no inverse")
    return np.linalg.inv(matrix)
