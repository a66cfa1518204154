r"""VAE: an autoencoder whose code is a small cloud instead of a point, and the price of making it so.

    z = mu + eps sqrt(v),      u = log v,      eps ~ N(0, I)
    L = |x - W z|^2/2 + D

    dL/dx   = x - W z
    dL/dmu  = W'(W z - x) + beta mu
    dL/du   = W'(W z - x) eps sqrt(v)/2 + beta (v - 1)/2      entry by entry
    dL/deps = W'(W z - x) sqrt(v)                             entry by entry
    dL/dW   = (W z - x) z'

For one input x an encoder gives the mean mu of the code and u, the logarithm (log_variance) of its variance
v.  The price D of such a code, with its weight beta, is that of vae_divergence.py.  Without the price v would
shrink to 0 and the means would drift far apart: that is the plain autoencoder.  With it the clouds can be
packed but not shrunk, so a code can carry only so much information, and only few x can have low energy.

L with beta = 1 is, in expectation over eps, an upper bound of -log p(x), up to log(2 pi)/2 per number in x:
the variational free energy of the model z ~ N(0, I), x ~ N(W z, I).  Here the decoder is one matrix, so that
every gradient fits on a line; the noise is an argument, so that L is a function.  W z stands for any
network: only the factors W' and z' change.

In floating point: where u exceeds 700, both terms of dL/du may be beyond the range, and sqrt(v) is taken out
of them.  Where u exceeds 1400, z is beyond the range, and a slope that subtracts two such z, or multiplies
one by a deviation that rounds to 0, is no number.

Source: Kingma and Welling (2014), "Auto-encoding variational Bayes", Section 2.4; beta: Higgins et al.
(2017).
"""

import autograd.numpy as np

from ebm_ref.checks import real, require
from ebm_ref.energies.vae_divergence import KL_OF_4, LOG_4, divergence, random_code, vae_divergence
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, non_negative
from ebm_ref.numerics import dot, half_square, total, weighted


def vae(observation, mean, log_variance, noise, decoder, beta=1.0):
    """Reconstruction and price of one observation with one draw of the code, for a linear decoder.

    Parameters
    ----------
    observation : (d,) float
        x.
    mean, log_variance : (n,) float
        mu and u = log v, from the encoder.
    noise : (n,) float
        eps, a draw from N(0, I).
    decoder : (d, n) float
        W.
    beta : float
        Weight >= 0 of the price.

    Returns
    -------
    float
        |x - W z|^2/2 + D >= 0.

    Raises ValueError if beta is negative, or if a shape does not fit.

    >>> one = np.ones(1)
    >>> float(vae(3.0 * one, one, 0.0 * one, one, np.array([[1.0]])))  # z = 2: 1/2 + 1/2
    1.0
    """
    x, mu, u, eps, W, beta = FORMULA.checked(observation, mean, log_variance, noise, decoder, beta)
    z = draw(mu, np.minimum(u, 1400.0), eps)  # beyond 710 the price is infinite, whatever the error
    return total(half_square(x - dot(W, z))) + weighted(beta, divergence(mu, u))


def draw(mu, u, eps):
    """z, of what was checked."""
    return mu + eps * np.exp(0.5 * u)


def code(mean, log_variance, noise):
    """z = mu + eps sqrt(v): a draw from N(mu, diag v) as a differentiable function of mu and u.

    >>> code(np.array([1.0]), np.array([np.log(4.0)]), np.array([-0.5])).tolist()
    [0.0]
    """
    mu = real("mean", mean, "n")
    n = len(mu)
    return draw(mu, real("log_variance", log_variance, n), real("noise", noise, n))


def vae_observation_gradient(observation, mean, log_variance, noise, decoder, beta=1.0):
    """dL/dx, shape (d,): x - W z."""
    x, mu, u, eps, W, _ = FORMULA.checked(observation, mean, log_variance, noise, decoder, beta)
    return x - dot(W, draw(mu, u, eps))


def vae_mean_gradient(observation, mean, log_variance, noise, decoder, beta=1.0):
    """dL/dmu, shape (n,): W'(W z - x) + beta mu."""
    x, mu, u, eps, W, beta = FORMULA.checked(observation, mean, log_variance, noise, decoder, beta)
    error = x - dot(W, draw(mu, u, eps))
    return beta * mu - dot(W.T, error)


def vae_log_variance_gradient(observation, mean, log_variance, noise, decoder, beta=1.0):
    """dL/du, shape (n,): W'(W z - x) eps sqrt(v)/2 + beta (v - 1)/2."""
    x, mu, u, eps, W, beta = FORMULA.checked(observation, mean, log_variance, noise, decoder, beta)
    error = x - dot(W, draw(mu, u, eps))
    pull, low, high = dot(W.T, error) * (0.5 * eps), np.minimum(u, 700.0), np.maximum(u, 700.0)
    wide = np.exp(0.5 * high) * (beta * np.sinh(0.5 * high) - pull)  # (v - 1)/2 = sqrt(v) sinh(u/2)
    return np.where(u > 700.0, wide, 0.5 * beta * np.expm1(low) - pull * np.exp(0.5 * low))


def vae_noise_gradient(observation, mean, log_variance, noise, decoder, beta=1.0):
    """dL/deps, shape (n,): W'(W z - x) sqrt(v)."""
    x, mu, u, eps, W, _ = FORMULA.checked(observation, mean, log_variance, noise, decoder, beta)
    error = x - dot(W, draw(mu, u, eps))
    return -dot(W.T, error) * np.exp(0.5 * u)


def vae_decoder_gradient(observation, mean, log_variance, noise, decoder, beta=1.0):
    """dL/dW, shape (d, n): (W z - x) z'."""
    x, mu, u, eps, W, _ = FORMULA.checked(observation, mean, log_variance, noise, decoder, beta)
    z = draw(mu, u, eps)
    return -np.outer(x - dot(W, z), z)


def rules(observation, mean, log_variance, noise, decoder, beta):
    """A weight is not negative."""
    require(not beta < 0.0, "beta", beta, "must be >= 0")


def _random_vae(rng):
    own = random_code(rng)
    return {
        "observation": rng.normal(scale=2.0, size=2),
        "mean": own["mean"],
        "log_variance": own["log_variance"],
        "noise": rng.normal(size=2),
        "decoder": rng.normal(size=(2, 2)),
        "beta": own["beta"],
    }


_AT = {
    "observation": np.array([3.0]),
    "mean": np.array([1.0]),
    "log_variance": np.array([LOG_4]),
    "noise": np.array([0.5]),
    "decoder": np.array([[2.0]]),
    "beta": 1.0,
}  # z = 2, W z = 4, error -1
_WIDE = np.exp(700.6)

FORMULA = Formula(
    value=vae,
    signature="(d),(n),(n),(n),(d,n),()->()",
    source="kingma2014, Section 2.4",
    gradients={
        "observation": vae_observation_gradient,
        "mean": vae_mean_gradient,
        "log_variance": vae_log_variance_gradient,
        "noise": vae_noise_gradient,
        "decoder": vae_decoder_gradient,
    },
    sample=_random_vae,
    laws=(non_negative, convex_in("observation"), convex_in("mean"), convex_in("decoder")),
    cases={
        # (observation, mean, log_variance, noise, decoder, beta), L, (dL/dx, dL/dmu, dL/du, dL/deps, dL/dW),
        # the mistake that it exposes
        "z = 1 + 0.5 x 2 = 2, W z = 4 for x = 3": Case(
            _AT,
            0.5 + KL_OF_4 + 0.5,
            ([-1.0], [3.0], [2.5], [4.0], [[2.0]]),
            "variance taken for the deviation",
        ),
        "no price: the reconstruction alone": Case(
            _AT | {"beta": 0.0},
            0.5,
            {"observation": [-1.0], "mean": [2.0], "log_variance": [1.0], "decoder": [[2.0]]},
            exposes="mean squared error",
        ),
        "posterior collapse: the code is the prior, and the decoder deaf": Case(
            ([1.0, 2.0], np.zeros(1), np.zeros(1), [3.0], np.zeros((2, 1)), 1.0),
            2.5,
            {"observation": [1.0, 2.0], "mean": [0.0], "log_variance": [0.0], "decoder": [[-3.0], [-6.0]]},
        ),
        "not a number": Case(_AT | {"noise": np.array([np.nan])}, np.nan),
        "two codes, and a decoder that hears none: both are paid for": Case(
            ([0.0], [2.0, 0.0], np.zeros(2), np.zeros(2), np.zeros((1, 2)), 1.0),
            2.0,
            ([0.0], [2.0, 0.0], np.zeros(2), np.zeros(2), np.zeros((1, 2))),
            "divergence averaged over the codes",
        ),
        "a variance beyond e^700: v is 1.8e304, and outweighs all else": Case(
            _AT | {"log_variance": [700.6], "beta": 0.5},
            0.75 * _WIDE,
            {"log_variance": [0.75 * _WIDE], "noise": [2.0 * _WIDE], "decoder": [[0.5 * _WIDE]]},
        ),
    },
    variants={
        "variance taken for the deviation": Mistake(
            lambda x, mu, u, eps, W, beta=1.0: vae(x, mu, u, eps * np.exp(0.5 * u), W, beta),
            seen_in="github.com/rachtsingh/ibp_vae/issues/3, github.com/keras-team/keras/issues/3283",
            symptom="z = mu + eps v: what is drawn is not what is paid for",
        ),
        "mean squared error": Mistake(
            lambda x, mu, u, eps, W, beta=1.0: (
                np.mean((x - np.dot(W, mu + np.exp(0.5 * u) * eps)) ** 2) + vae_divergence(mu, u, beta)
            ),
            symptom="reconstruction d/2 times too small beside the price: the code collapses to the prior",
        ),
        "divergence averaged over the codes": Mistake(
            lambda x, mu, u, eps, W, beta=1.0: vae(x, mu, u, eps, W, beta / len(mu)),
            symptom="the price n times too small beside a reconstruction that is summed",
        ),
        "logarithm of the variance taken for the deviation": Mistake(
            lambda x, mu, u, eps, W, beta=1.0: vae(x, mu, u, u * np.exp(-0.5 * u) * eps, W, beta),
            symptom="z = mu + eps log v: no noise at all where v = 1",
        ),
        "output through a sigmoid": Mistake(
            lambda x, mu, u, eps, W, beta=1.0: (
                0.5 * np.sum((x - 1.0 / (1.0 + np.exp(-np.dot(W, draw(mu, u, eps))))) ** 2)
                + vae_divergence(mu, u, beta)
            ),
            symptom="a decoder for pixels in 0..1",
        ),
        "mean scaled, too": Mistake(
            lambda x, mu, u, eps, W, beta=1.0: (
                0.5 * np.sum((x - np.dot(W, (mu + eps) * np.exp(0.5 * u))) ** 2) + vae_divergence(mu, u, beta)
            ),
            symptom="a parenthesis too wide: right for u = 0",
        ),
    },
    rules=rules,
    refuses={
        "a negative weight": (_AT | {"beta": -1.0}, "beta"),
        "a mean without a variance": (_AT | {"mean": np.ones(2)}, "log_variance"),
        "a decoder of another number of rows": (_AT | {"decoder": np.ones((2, 1))}, "decoder"),
        "noise for a code of another length": (_AT | {"noise": np.ones(2)}, "noise"),
    },
)
