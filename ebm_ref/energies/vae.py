r"""VAE: an autoencoder whose code is a small cloud instead of a point, and the price of making it so.

    u = log v,      z = mu + eps sqrt(v),      eps ~ N(0, I)
    D = beta sum_i (v_i - u_i - 1 + mu_i^2)/2
    L = |x - W z|^2/2 + D

    dD/dmu  = beta mu
    dD/du   = beta (v - 1)/2
    dL/dx   = x - W z
    dL/dmu  = W'(W z - x) + beta mu
    dL/du   = W'(W z - x) eps sqrt(v)/2 + beta (v - 1)/2      entry by entry
    dL/deps = W'(W z - x) sqrt(v)                             entry by entry
    dL/dW   = (W z - x) z'

For one input x an encoder gives the mean mu of the code and the logarithm u of its variance v.  With
beta = 1 the price D is KL(N(mu, diag v) | N(0, I)), the half included: v - log v - 1 is a well with its
bottom at v = 1, and mu^2 is one with its bottom at 0.  Without the price v would shrink to 0 and the means
would drift far apart: that is the plain autoencoder.  With it the clouds can be packed but not shrunk, so
a code can carry only so much information, and only few x can have low energy.

L with beta = 1 is, in expectation over eps, an upper bound of -log p(x), up to log(2 pi)/2 per number in x:
the variational free energy of the model z ~ N(0, I), x ~ N(W z, I).  Here the decoder is one matrix, so that
every gradient fits on a line; the noise is an argument, so that L is a function.  W z stands for any
network: only the factors W' and z' change.  beta is the weight of the price, by everybody's habit, and no
temperature here.

Most mistakes mix up v, sqrt(v), log v and log sqrt(v): which of the four does the encoder put out?

In floating point: near the bottom of the well v - u - 1 is u^2/2, but v and 1 + u agree in all their
digits.  So the difference e^u - 1 - u is taken as a whole.  Where u exceeds 1400, z is beyond the range,
and a slope that subtracts two such z is no number.

Source: Kingma and Welling (2014), "Auto-encoding variational Bayes", Section 2.4 and Appendix B; beta:
Higgins et al. (2017).
"""

import autograd.numpy as np

from ebm_ref.checks import real, require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, non_negative
from ebm_ref.numerics import dot, exp_excess, total, weighted


def vae_divergence_as_printed(mean, log_variance, beta=1.0):
    """D as printed: next to the bottom of the well nothing is left.

    >>> almost_one = (np.zeros(1), np.array([2.0**-40]))
    >>> float(vae_divergence_as_printed(*almost_one)), float(vae_divergence(*almost_one))
    (0.0, 2.067951531383196e-25)
    """
    mu, u, beta = DIVERGENCE.checked(mean, log_variance, beta)
    return 0.5 * beta * np.sum(np.exp(u) - u - 1.0 + mu**2)


def vae_divergence(mean, log_variance, beta=1.0):
    """The price of a code.

    Parameters
    ----------
    mean : (n,) float
        mu.
    log_variance : (n,) float
        u = log v, which is what the encoder puts out.
    beta : float
        Weight >= 0; 1 for the variational bound.

    Returns
    -------
    float
        beta sum_i (v_i - log v_i - 1 + mu_i^2)/2 >= 0, in nats where beta = 1.

    Raises ValueError if beta is negative, or if mu and u differ in length.

    >>> float(vae_divergence(np.array([0.0, 2.0]), np.array([0.0, 0.0])))
    2.0
    """
    mu, u, beta = DIVERGENCE.checked(mean, log_variance, beta)
    return weighted(beta, divergence(mu, u))


def divergence(mu, u):
    """KL(N(mu, diag v) | N(0, I)), of what was checked."""
    return total(0.5 * (exp_excess(u) + mu**2))


def vae_divergence_mean_gradient(mean, log_variance, beta=1.0):
    """dD/dmu, shape (n,): beta mu."""
    mu, _, beta = DIVERGENCE.checked(mean, log_variance, beta)
    return beta * mu


def vae_divergence_log_variance_gradient(mean, log_variance, beta=1.0):
    """dD/du, shape (n,): beta (v - 1)/2."""
    _, u, beta = DIVERGENCE.checked(mean, log_variance, beta)
    return beta * (0.5 * np.expm1(u))


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
    return 0.5 * total((x - dot(W, z)) ** 2) + weighted(beta, divergence(mu, u))


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
    spread = 0.5 * eps * np.exp(0.5 * u)
    return 0.5 * beta * np.expm1(u) - dot(W.T, error) * spread


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


def rules_of_divergence(mean, log_variance, beta):
    """A weight is not negative."""
    require(not beta < 0.0, "beta", beta, "must be >= 0")


def rules(observation, mean, log_variance, noise, decoder, beta):
    """A weight is not negative."""
    require(not beta < 0.0, "beta", beta, "must be >= 0")


def dimensions_add_up(formula, inputs, rng):
    """D of n dimensions is the sum of the D of each: nothing is divided by n."""
    mu, u, beta = inputs.values()
    parts = sum(formula.value(mu[i : i + 1], u[i : i + 1], beta) for i in range(len(mu)))
    whole = formula.value(**inputs)
    return abs(parts - whole) / (1e-15 * whole)


def at_the_prior_nothing_is_paid(formula, inputs, rng):
    """D = 0 at mu = 0, v = 1, and there alone."""
    at = inputs | {"mean": 0.0 * inputs["mean"], "log_variance": 0.0 * inputs["log_variance"]}
    return 0.0 if formula.value(**at) == 0.0 < formula.value(**inputs) else np.inf


def random_code(rng):
    """Two dimensions of a code."""
    return {"mean": rng.normal(size=2), "log_variance": rng.normal(size=2), "beta": rng.uniform(0.2, 3.0)}


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


LOG_4 = np.log(4.0)
KL_OF_4 = 0.80685281944005469  # (4 - log 4 - 1)/2

DIVERGENCE = Formula(
    value=vae_divergence,
    signature="(n),(n),()->()",
    source="kingma2014, Appendix B",
    gradients={"mean": vae_divergence_mean_gradient, "log_variance": vae_divergence_log_variance_gradient},
    sample=random_code,
    laws=(
        non_negative,
        convex_in("mean"),
        convex_in("log_variance"),
        dimensions_add_up,
        at_the_prior_nothing_is_paid,
    ),
    cases={  # (mean, log_variance, beta), D, (dD/dmu, dD/du), the mistake that it exposes
        "at the prior: free of charge": Case(
            (np.zeros(2), np.zeros(2), 1.0),
            0.0,
            (np.zeros(2), np.zeros(2)),
            "one half forgotten at the squares",
        ),
        "a mean of two": Case(
            ([2.0, 0.0], np.zeros(2), 1.0), 2.0, ([2.0, 0.0], np.zeros(2)), "mean over the dimensions"
        ),
        "a variance of four": Case(
            (np.zeros(1), [LOG_4], 1.0),
            KL_OF_4,
            (np.zeros(1), [1.5]),
            "log of the variance taken for that of the deviation",
        ),
        "a variance of one quarter, and a double price": Case(
            (np.ones(1), [-LOG_4], 2.0),
            1.6362943611198906,
            ([2.0], [-0.75]),
            "output squared for the variance",
        ),
        "next to the bottom of the well: u^2/4 is all there is": Case(
            (np.zeros(1), [2.0**-40], 1.0),
            2.067951531383196e-25,
            (np.zeros(1), [4.547473508866709e-13]),
            exposes="square of the logarithm for the logarithm of the square",
        ),
        "two codes far from the prior: each brings its own minus one": Case(
            ([1.0, 3.0], np.zeros(2), 1.0),
            5.0,
            ([1.0, 3.0], np.zeros(2)),
            "one subtracted once instead of in each dimension",
        ),
        "a variance of zero is infinitely dear": Case(
            (np.zeros(1), [-np.inf], 1.0), np.inf, (np.zeros(1), [-0.5])
        ),
        "a variance without bound is infinitely dear as well": Case(
            (np.zeros(1), [np.inf], 1.0), np.inf, (np.zeros(1), [np.inf])
        ),
        "not a number": Case(([np.nan], np.zeros(1), 1.0), np.nan, {"mean": [np.nan]}),
        "a variance of sixteen": Case(
            (np.zeros(1), [2.0 * LOG_4], 1.0), 7.5 - LOG_4, (np.zeros(1), [7.5]), "deviation for the variance"
        ),
    },
    variants={
        "one half forgotten at the squares": Mistake(
            lambda mu, u, beta=1.0: beta * np.sum(mu**2 + np.exp(u) - 0.5 * u - 0.5),
            seen_in="github.com/SupaeroDataScience/deep-learning/pull/6",
            symptom="the bottom of the well is at v = 1/2, and not at 0 but at .35",
        ),
        "mean over the dimensions": Mistake(
            lambda mu, u, beta=1.0: vae_divergence(mu, u, beta) / len(mu),
            seen_in="github.com/maxhodak/keras-molecules/issues/59, "
            "github.com/keras-team/keras-io/issues/270",
            symptom="the price is n times too low beside a reconstruction that is summed: beta = 1/n",
        ),
        "log of the variance taken for that of the deviation": Mistake(
            lambda mu, u, beta=1.0: vae_divergence(mu, 2.0 * u, beta),
            symptom="right at v = 1 only; the encoder learns u/2",
        ),
        "output squared for the variance": Mistake(
            lambda mu, u, beta=1.0: beta * 0.5 * np.sum(mu**2 + u**2 - np.log(u**2) - 1.0),
            seen_in="DeepChem VAE_KLDivergence, github.com/deepchem/deepchem/pull/4888",
            symptom="infinite at u = 0, where it should be 0",
        ),
        "one subtracted once instead of in each dimension": Mistake(
            lambda mu, u, beta=1.0: beta * 0.5 * (np.sum(mu**2 + np.exp(u) - u) - 1.0),
            seen_in="github.com/ericjang/draw/issues/2",
            symptom="a constant (n - 1)/2 too much: no gradient sees it, every comparison of n does",
        ),
        "square of the logarithm for the logarithm of the square": Mistake(
            lambda mu, u, beta=1.0: beta * 0.5 * np.sum(mu**2 + np.exp(u) - (0.5 * u) ** 2 - 1.0),
            symptom="(log sigma)^2 for log sigma^2: below 0 for small variances, which collapse",
        ),
        "deviation for the variance": Mistake(
            lambda mu, u, beta=1.0: beta * 0.5 * np.sum(mu**2 + np.exp(0.5 * u) - u - 1.0),
            symptom="sigma for sigma^2 beside log sigma^2: the bottom of the well is at sigma = 2",
        ),
    },
    as_printed=vae_divergence_as_printed,
    rules=rules_of_divergence,
    refuses={
        "a negative weight": ((np.ones(2), np.ones(2), -1.0), "beta"),
        "a mean without a variance": ((np.ones(2), np.ones(1), 1.0), "log_variance"),
    },
)


_AT = {
    "observation": np.array([3.0]),
    "mean": np.array([1.0]),
    "log_variance": np.array([LOG_4]),
    "noise": np.array([0.5]),
    "decoder": np.array([[2.0]]),
    "beta": 1.0,
}  # z = 2, W z = 4, error -1

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
    },
    rules=rules,
    refuses={
        "a negative weight": (_AT | {"beta": -1.0}, "beta"),
        "a mean without a variance": (_AT | {"mean": np.ones(2)}, "log_variance"),
        "a decoder of another number of rows": (_AT | {"decoder": np.ones((2, 1))}, "decoder"),
        "noise for a code of another length": (_AT | {"noise": np.ones(2)}, "noise"),
    },
)
