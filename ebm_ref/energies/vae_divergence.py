r"""VAE divergence: the price of a code that is a small cloud instead of a point.

    D = beta sum_i (v_i - u_i - 1 + mu_i^2)/2,      u = log v

    dD/dmu = beta mu
    dD/du  = beta (v - 1)/2

For one input an encoder gives the mean mu of the code and the logarithm u of its variance v.  With beta = 1
the price D is KL(N(mu, diag v) | N(0, I)), the half included: v - log v - 1 is a well with its bottom at
v = 1, and mu^2 is one with its bottom at 0.  What is bought with it: vae.py.  beta is the weight of the
price, by everybody's habit, and no temperature here.

Most mistakes mix up v, sqrt(v), log v and log sqrt(v): which of the four does the encoder put out?

In floating point: near the bottom of the well v - u - 1 is u^2/2, but v and 1 + u agree in all their
digits.  So the difference e^u - 1 - u is taken as a whole.

Source: Kingma and Welling (2014), "Auto-encoding variational Bayes", Appendix B; beta: Higgins et al. (2017).
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, non_negative
from ebm_ref.numerics import exp_excess, total, weighted


def vae_divergence_as_printed(mean, log_variance, beta=1.0):
    """D as printed: next to the bottom of the well nothing is left.

    >>> almost_one = (np.zeros(1), np.array([2.0**-40]))
    >>> float(vae_divergence_as_printed(*almost_one)), float(vae_divergence(*almost_one))
    (0.0, 2.067951531383196e-25)
    """
    mu, u, beta = FORMULA.checked(mean, log_variance, beta)
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
    mu, u, beta = FORMULA.checked(mean, log_variance, beta)
    return weighted(beta, divergence(mu, u))


def divergence(mu, u):
    """KL(N(mu, diag v) | N(0, I)), of what was checked."""
    return total(0.5 * (exp_excess(u) + mu**2))


def vae_divergence_mean_gradient(mean, log_variance, beta=1.0):
    """dD/dmu, shape (n,): beta mu."""
    mu, _, beta = FORMULA.checked(mean, log_variance, beta)
    return beta * mu


def vae_divergence_log_variance_gradient(mean, log_variance, beta=1.0):
    """dD/du, shape (n,): beta (v - 1)/2."""
    _, u, beta = FORMULA.checked(mean, log_variance, beta)
    return beta * (0.5 * np.expm1(u))


def rules(mean, log_variance, beta):
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


LOG_4 = np.log(4.0)


KL_OF_4 = 0.80685281944005469  # (4 - log 4 - 1)/2


FORMULA = Formula(
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
        "a variance of one quarter: four times too narrow is cheaper than four times too wide": Case(
            (np.zeros(1), [-LOG_4], 1.0),
            0.31814718055994529,
            (np.zeros(1), [-0.375]),
            "divergence the other way round",
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
        "divergence the other way round": Mistake(
            lambda mu, u, beta=1.0: beta * 0.5 * np.sum(np.exp(-u) * (1.0 + mu**2) + u - 1.0),
            symptom="KL(N(0, I) | N(mu, diag v)): narrow codes cost most, and wide ones hardly anything",
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
    rules=rules,
    refuses={
        "a negative weight": ((np.ones(2), np.ones(2), -1.0), "beta"),
        "a mean without a variance": ((np.ones(2), np.ones(1), 1.0), "log_variance"),
    },
)
