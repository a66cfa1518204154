r"""VAE: an autoencoder whose code is a small cloud instead of a point, and the price of making it so.

    z = mu + eps sqrt(v),      v = e^t,        eps ~ N(0, I)
    L = |x - W z|^2/2 + beta D,    D = sum_i (v_i - t_i - 1 + mu_i^2)/2

    dD/dmu = mu,      dD/dt = (v - 1)/2
    dL/dz  = W'(W z - x),   dL/dmu = dL/dz + beta mu
    dL/dt  = dL/dz eps sqrt(v)/2 + beta (v - 1)/2,     dL/deps = dL/dz sqrt(v)

For one input an encoder gives the mean mu and the logarithm t of the variance v of the code.  D is
KL(N(mu, diag v) | N(0, I)), the half included: v - log v - 1 is a well with its bottom at v = 1, mu^2 one
at 0.  Were it not there, v would go to 0 and mu apart: the plain autoencoder.  With it, the clouds can be
packed but not shrunk, and the information in a code is limited; so is the volume of low energy.

L with beta = 1 is, in expectation over eps, a bound: the variational free energy of the model
z ~ N(0, I), x ~ N(W z, I), up to log(2 pi)/2 per number in x.  Here the decoder is one matrix, so that
every gradient fits on a line; the noise is an argument, so that L is a function.  W z stands for any
network: only dL/dz changes.

The mistakes are all about which of v, sqrt(v), log v and log sqrt(v) the encoder's output is.

Source: Kingma and Welling (2014), "Auto-encoding variational Bayes", Section 2.4 and Appendix B; beta:
Higgins et al. (2017).
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_shape, shape_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, non_negative
from ebm_ref.numerics import exp_excess


def vae_divergence(mean, log_variance, beta=1.0):
    """The price of a code.

    Parameters
    ----------
    mean : (n,) float
        mu.
    log_variance : (n,) float
        t = log v, which is what the encoder puts out.
    beta : float
        Weight >= 0; 1 for the variational bound.

    Returns
    -------
    float
        beta sum_i (v_i - log v_i - 1 + mu_i^2)/2 >= 0, in nats where beta = 1.

    Raises
    ------
    ValueError
        If beta is negative, or if mu and t differ in length.

    >>> float(vae_divergence(np.array([0.0, 2.0]), np.array([0.0, 0.0])))
    2.0
    """
    (n,) = shape_of("mean", mean, "n")
    require(not beta < 0.0, "beta", beta, "must be >= 0")
    require_shape("log_variance", log_variance, (n,))
    return beta * np.sum(0.5 * (exp_excess(log_variance) + mean**2))


def vae_divergence_mean_gradient(mean, log_variance, beta=1.0):
    """dD/dmu, shape (n,): beta mu."""
    vae_divergence(mean, log_variance, beta)
    return beta * mean


def vae_divergence_log_variance_gradient(mean, log_variance, beta=1.0):
    """dD/dt, shape (n,): beta (v - 1)/2."""
    vae_divergence(mean, log_variance, beta)
    return beta * (0.5 * np.expm1(log_variance))


def vae(observation, mean, log_variance, noise, decoder, beta=1.0):
    """Reconstruction and price of one observation with one draw of the code, for a linear decoder.

    Parameters
    ----------
    observation : (d,) float
        x.
    mean, log_variance : (n,) float
        mu and t = log v, from the encoder.
    noise : (n,) float
        eps, a draw from N(0, I).
    decoder : (d, n) float
        W.
    beta : float
        Weight >= 0 of the price.

    Returns
    -------
    float
        |x - W z|^2/2 + beta D >= 0.

    Raises
    ------
    ValueError
        If beta is negative, or if a shape does not fit.

    >>> one = np.ones(1)
    >>> float(vae(3.0 * one, one, 0.0 * one, one, np.array([[1.0]])))  # z = 2: 1/2 + 1/2
    1.0
    """
    error = vae_observation_gradient(observation, mean, log_variance, noise, decoder, beta)
    return 0.5 * np.sum(error**2) + vae_divergence(mean, log_variance, beta)


def code(mean, log_variance, noise):
    """z = mu + eps sqrt(v): a draw from N(mu, diag v) as a differentiable function of mu and t.

    >>> code(np.array([1.0]), np.array([np.log(4.0)]), np.array([-0.5])).tolist()
    [0.0]
    """
    return mean + noise * np.exp(0.5 * log_variance)


def vae_observation_gradient(observation, mean, log_variance, noise, decoder, beta=1.0):
    """dL/dx, shape (d,): x - W z."""
    (d,), (n,) = shape_of("observation", observation, "d"), shape_of("mean", mean, "n")
    require(not beta < 0.0, "beta", beta, "must be >= 0")
    require_shape("log_variance", log_variance, (n,))
    require_shape("noise", noise, (n,))
    require_shape("decoder", decoder, (d, n))
    return observation - np.dot(decoder, code(mean, log_variance, noise))


def vae_mean_gradient(observation, mean, log_variance, noise, decoder, beta=1.0):
    """dL/dmu, shape (n,): W'(W z - x) + beta mu."""
    error = vae_observation_gradient(observation, mean, log_variance, noise, decoder, beta)
    return beta * mean - np.dot(error, decoder)


def vae_log_variance_gradient(observation, mean, log_variance, noise, decoder, beta=1.0):
    """dL/dt, shape (n,): W'(W z - x) eps sqrt(v)/2 + beta (v - 1)/2."""
    error = vae_observation_gradient(observation, mean, log_variance, noise, decoder, beta)
    spread = 0.5 * noise * np.exp(0.5 * log_variance)
    return 0.5 * beta * np.expm1(log_variance) - np.dot(error, decoder) * spread


def vae_noise_gradient(observation, mean, log_variance, noise, decoder, beta=1.0):
    """dL/deps, shape (n,): W'(W z - x) sqrt(v)."""
    error = vae_observation_gradient(observation, mean, log_variance, noise, decoder, beta)
    return -np.dot(error, decoder) * np.exp(0.5 * log_variance)


def vae_decoder_gradient(observation, mean, log_variance, noise, decoder, beta=1.0):
    """dL/dW, shape (d, n): (W z - x) z'."""
    error = vae_observation_gradient(observation, mean, log_variance, noise, decoder, beta)
    return -np.outer(error, code(mean, log_variance, noise))


def dimensions_add_up(formula, inputs, rng):
    """D of n dimensions is the sum of the D of each: nothing is divided by n."""
    m, t, beta = inputs.values()
    parts = sum(formula.value(m[i : i + 1], t[i : i + 1], beta) for i in range(len(m)))
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
    cases={  # Case((mean, log_variance, beta), value, by mean and log_variance, exposes)
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
            "log of the deviation taken for that of the variance",
        ),
        "a variance of one quarter, and a double price": Case(
            (np.ones(1), [-LOG_4], 2.0),
            1.6362943611198906,
            ([2.0], [-0.75]),
            "output squared for the variance",
        ),
        "next to the bottom of the well: t^2/4 is all there is": Case(
            (np.zeros(1), [2.0**-40], 1.0), 2.067951531383196e-25, (np.zeros(1), [4.547473508866709e-13])
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
        "not a number": Case(([np.nan], np.zeros(1), 1.0), np.nan, {"mean": np.array([np.nan])}),
    },
    variants={
        "one half forgotten at the squares": Mistake(
            lambda m, t, beta=1.0: beta * np.sum(m**2 + np.exp(t) - 0.5 * t - 0.5),
            seen_in="github.com/SupaeroDataScience/deep-learning/pull/6",
            symptom="the bottom of the well is at v = 1/2, and not at 0 but at .35",
        ),
        "mean over the dimensions": Mistake(
            lambda m, t, beta=1.0: vae_divergence(m, t, beta) / len(m),
            seen_in="github.com/maxhodak/keras-molecules/issues/59, "
            "github.com/keras-team/keras-io/issues/270",
            symptom="the price is n times too low beside a reconstruction that is summed: beta = 1/n",
        ),
        "log of the deviation taken for that of the variance": Mistake(
            lambda m, t, beta=1.0: vae_divergence(m, 2.0 * t, beta),
            symptom="right at v = 1 only; the encoder learns t/2",
        ),
        "output squared for the variance": Mistake(
            lambda m, t, beta=1.0: beta * 0.5 * np.sum(m**2 + t**2 - np.log(t**2) - 1.0),
            seen_in="DeepChem VAE_KLDivergence, github.com/deepchem/deepchem/pull/4888",
            symptom="infinite at t = 0, where it should be 0",
        ),
        "one subtracted once instead of in each dimension": Mistake(
            lambda m, t, beta=1.0: beta * 0.5 * (np.sum(m**2 + np.exp(t) - t) - 1.0),
            seen_in="github.com/ericjang/draw/issues/2",
            symptom="a constant (n - 1)/2 too much: no gradient sees it, every comparison of n does",
        ),
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
        # Case((observation, mean, log_variance, noise, decoder, beta), value, by observation and mean and
        # log_variance and noise and decoder, exposes)
        "z = 1 + 0.5 x 2 = 2, W z = 4 for x = 3": Case(
            _AT,
            0.5 + KL_OF_4 + 0.5,
            ([-1.0], [3.0], [2.5], [4.0], [[2.0]]),
            "variance taken for the deviation",
        ),
        "no price: the reconstruction alone": Case(
            _AT | {"beta": 0.0},
            0.5,
            {
                "observation": np.array([-1.0]),
                "mean": np.array([2.0]),
                "log_variance": np.array([1.0]),
                "decoder": np.array([[2.0]]),
            },
        ),
        "posterior collapse: the code is the prior, and the decoder deaf": Case(
            ([1.0, 2.0], np.zeros(1), np.zeros(1), [3.0], np.zeros((2, 1)), 1.0),
            2.5,
            {
                "observation": np.array([1.0, 2.0]),
                "mean": np.zeros(1),
                "log_variance": np.zeros(1),
                "decoder": np.array([[-3.0], [-6.0]]),
            },
        ),
        "not a number": Case(_AT | {"noise": np.array([np.nan])}, np.nan),
    },
    variants={
        "variance taken for the deviation": Mistake(
            lambda x, m, t, e, W, beta=1.0: vae(x, m, t, e * np.exp(0.5 * t), W, beta),
            seen_in="github.com/rachtsingh/ibp_vae/issues/3, github.com/keras-team/keras/issues/3283",
            symptom="z = mu + eps v: what is drawn is not what is paid for",
        ),
    },
)
