r"""Negative binomial negative log-likelihood: counts that scatter more than Poisson's.

    L(z, a, t) = (t + 1/a) log(1 + a mu) - t z + log t!
                 - sum_{j<t} log(1 + a j)
    mu         = e^z
    dL/dz      = (mu - t) / (1 + a mu)
    dL/da      = (t + 1/a) mu / (1 + a mu) - log(1 + a mu) / a^2
                 - sum_{j<t} j / (1 + a j)

z is the logarithm of the mean mu, as in poisson_nll, and a > 0 the dispersion on this page: the variance
is mu + a mu^2.  Poisson's is mu, and few real counts are so well behaved (overdispersion).  Where the rate
itself varies from sample to sample, as a Gamma variable of mean mu and variance a mu^2, the counts are
negative binomial.
For a -> 0 this is poisson_nll.  A count that is wrong by much pulls less, by the factor 1/(1 + a mu).

Written with binomial coefficients, where r = 1/a need not be whole and p = 1/(1 + a mu):

    e^{-L} = Gamma(t + r)/(t! Gamma(r)) p^r (1 - p)^t

Libraries differ in all of it: r (the `total_count` of PyTorch, the size of R, theta of scVI) is 1/a, and
their p may be 1 - p.  Three log Gamma nearly cancel: of the loss of a count of 3 four digits are left for
a = 1e-12, and none for 1e-15.  Written as two sums of what is not negative, it keeps them all:

    L = [r X(s) + t X(e)]
        + [log(2 pi t)/2 + log(1 + a t)/2 + J(t) + J(r) - J(t + r)]
    s = log((1 + a t)/(1 + a mu)),    e = s + z - log t,    X(x) = e^x - 1 - x

The first is what a better prediction could save (half the deviance), the second what none can save.  J is
the error of Stirling's formula.  The derivative by a is taken from these terms as well: its two sums above
nearly cancel where many are counted.

Source: Lawless (1987), "Negative Binomial and Mixed Poisson Regression", Section 2; Loader (2000), "Fast
and accurate computation of binomial probabilities", for the terms.
"""

from math import lgamma

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.gaussian_nll import HALF_LOG_TWO_PI
from ebm_ref.criteria.poisson_nll import poisson_nll, poisson_nll_gradient
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.gamma import log_factorial, stirling_error, stirling_slope
from ebm_ref.laws import UNIT, condition, minimised_by, non_negative
from ebm_ref.numerics import exp_excess, half_square, softplus


def negative_binomial_nll_as_printed(log_mean, dispersion, target):
    """With three log Gamma: for a small dispersion two of them are near r log r, and nothing is left.

    >>> inputs = 1.0, 1e-15, 3.0
    >>> float(negative_binomial_nll(*inputs).round(6))
    1.510041
    >>> bool(abs(negative_binomial_nll_as_printed(*inputs) - negative_binomial_nll(*inputs)) > 0.01)
    True
    """
    z, a, t = FORMULA.checked(log_mean, dispersion, target)
    r, p = 1.0 / a, 1.0 / (1.0 + a * np.exp(z))
    return lgamma(r) + lgamma(t + 1.0) - lgamma(t + r) - r * np.log(p) - t * np.log(1.0 - p)


def negative_binomial_nll(log_mean, dispersion, target):
    """Negative log-likelihood of one count under a negative binomial distribution, constant included.

    Parameters
    ----------
    log_mean : float
        z, the logarithm of the predicted mean; -inf is a mean of 0.  A NaN in any argument gives a NaN
        loss.
    dispersion : float
        a > 0, finite: by a mu^2 the variance exceeds the mean mu.
    target : float
        t, a count: 0, 1, 2, ...

    Returns
    -------
    float
        >= 0, in nats; +inf where the mean is 0 and the count is not.

    Raises ValueError if an argument is not one real number, if the log-mean is +inf, if the dispersion is
    not positive and finite, or if the target is negative, infinite or not whole.

    >>> float(negative_binomial_nll(0.0, 1.0, 2.0).round(9))  # a geometric distribution: log 8
    2.079441542
    """
    z, a, t = FORMULA.checked(log_mean, dispersion, target)
    if t == 0.0:
        return log_one_plus(z, a) / a if a > 1e-300 or z > 600.0 else np.exp(z)  # a mu may be subnormal
    x = turned_down(z, a, t) / t
    saved = excess(-a * t * x, log_ratio(z, a, t)) / a + t * excess(x, log_ratio_of_means(z, a, t))
    return saved + (least(t) + 0.5 * np.log1p(a * t) + (error_below(1.0 / a) - stirling_error(t + 1.0 / a)))


def negative_binomial_nll_log_mean_gradient(log_mean, dispersion, target):
    """dL/dz = (mu - t) / (1 + a mu): what Poisson's would be, turned down."""
    return turned_down(*FORMULA.checked(log_mean, dispersion, target))


def negative_binomial_nll_dispersion_gradient(log_mean, dispersion, target):
    """dL/da: -X(s)/a^2 + t/(2(1 + a t)) + (J'(t + r) - J'(r))/a^2; for a -> 0 (t - (t - mu)^2)/2."""
    z, a, t = FORMULA.checked(log_mean, dispersion, target)
    x, s, r = turned_down(z, a, t), log_ratio(z, a, t), 1.0 / np.maximum(a, 1e-300)
    bend = excess(-a * x, s) / a / a if np.abs(s) > 2.0**-60 else half_square(x)  # X(s)/a^2
    least_slope = 0.5 * t / (1.0 + a * t) + (stirling_slope(t + r) - stirling_slope(r)) * r * r
    return least_slope - bend


def excess(x, l):
    """X(l) = x - l, where l = log(1 + x) is known; near 0 it would cancel."""
    return exp_excess(l) if np.abs(l) < 1.0 else x - l


def least(t):
    """log(2 pi t)/2 + J(t) of a count that is not 0."""
    return (HALF_LOG_TWO_PI + 0.5 * np.log(t)) + stirling_error(t)


def error_below(r):
    """J(r), also of a number below 1."""
    if not r < 1.0:
        return stirling_error(r)
    return log_factorial(r) - ((HALF_LOG_TWO_PI + 0.5 * np.log(r)) + (r * np.log(r) - r))


def turned_down(z, a, t):
    """(mu - t) / (1 + a mu), of which nothing overflows."""
    return excess_mean(z, t) / (np.exp(-np.maximum(z, 0.0)) + a * np.exp(np.minimum(z, 0.0)))


def excess_mean(z, t):
    """(mu - t) / max(1, mu), of which no digit cancels."""
    if t == 0.0:
        return np.exp(np.minimum(z, 0.0))
    d = z - np.log(t)
    return t * np.expm1(d) if z <= 0.0 else t * np.exp(-z) * np.expm1(d) if d < 0.0 else -np.expm1(-d)


def log_ratio(z, a, t):
    """s = log((1 + a t)/(1 + a mu))."""
    return np.log1p(a * t) - log_one_plus(z, a)


def log_one_plus(z, a):
    """log(1 + a mu), also where mu overflows."""
    return np.log1p(a * np.exp(z)) if z < 700.0 else softplus(z + np.log(a))


def log_ratio_of_means(z, a, t):
    """e = log of mu (1 + a t) / (t (1 + a mu)), of a count that is not 0; near 0 as log(1 + x)."""
    x = turned_down(z, a, t) / t
    return np.log1p(x) if x > -0.5 else z + np.log(a + 1.0 / t) - log_one_plus(z, a)


def rules(log_mean, dispersion, target):
    """A mean below infinity, a dispersion, and a count."""
    require(not log_mean == np.inf, "log_mean", log_mean, "must be below infinity")
    is_positive = not (dispersion <= 0.0 or dispersion == np.inf)
    require(is_positive, "dispersion", dispersion, "must be positive and finite")
    is_count = not (target < 0.0 or target == np.inf or np.floor(target) < target)
    require(is_count, "target", target, "must be a count, 0, 1, 2, ...")


def sums_to_one(formula, inputs, rng):
    """sum_t exp(-L) = 1 over the counts t = 0, 1, 2, ...: a probability, nothing left out."""
    mean, a = np.exp(inputs["log_mean"]), inputs["dispersion"]
    counts = np.arange(0.0, np.ceil(40.0 * (1.0 + a * mean) + 20.0 * mean + 40.0))
    points = [inputs | {"target": t} for t in counts]
    p = np.exp([-formula.value(**point) for point in points])
    C = [q * condition(formula, point) for q, point in zip(p, points, strict=True)]
    return abs(np.sum(p) - 1.0) / (16 * UNIT * (1.0 + np.sum(C)))


def one_more_count(formula, inputs, rng):
    """L(t + 1) = L(t) - z + log(1 + a mu) + log(t + 1) - log(1 + a t): what one more count costs."""
    z, a, t = inputs.values()
    more = inputs | {"target": t + 1.0}
    steps = np.array([-z, np.log1p(a * np.exp(z)), np.log1p(t), -np.log1p(a * t)])
    error = abs(formula.value(**more) - (formula.value(**inputs) + np.sum(steps)))
    allowed = condition(formula, more) + condition(formula, inputs) + np.sum(np.abs(steps))
    return error / (16 * UNIT * allowed)


def _by_total_count(z, r, t):
    """The same where the second argument is r = 1/a."""
    return negative_binomial_nll(z, 1.0 / r, t)


GRADIENTS = {
    "log_mean": negative_binomial_nll_log_mean_gradient,
    "dispersion": negative_binomial_nll_dispersion_gradient,
}

FORMULA = Formula(
    value=negative_binomial_nll,
    signature="(),(),()->()",
    source="lawless1987, Section 2; loader2000",
    gradients=GRADIENTS,
    sample=lambda rng: {
        "log_mean": rng.normal(scale=1.0),
        "dispersion": rng.uniform(0.1, 1.5),
        "target": float(rng.poisson(rng.gamma(1.5, 2.0))),
    },
    laws=(
        non_negative,
        sums_to_one,
        one_more_count,
        minimised_by(
            lambda t, **_: np.log(np.mean(t)),
            "The mean count is the best mean, whatever the dispersion.",
            "log_mean",
            draw=lambda rng: rng.poisson(3.0, size=4) + np.array([0.0, 1.0, 0.0, 50.0]),
        ),
    ),
    cases={  # (log_mean, dispersion, target), L, (dL/dz, dL/da), the mistake that it exposes
        "mean one, dispersion one, nothing seen: a fair coin": Case(
            (0.0, 1.0, 0.0), np.log(2.0), (0.5, 0.5 - np.log(2.0))
        ),
        "mean one, two seen: three coins": Case(
            (0.0, 1.0, 2.0), 3.0 * np.log(2.0), (-0.5, 1.0 - np.log(2.0))
        ),
        "dispersion one half, two seen: 3 (2/3)^2 (1/3)^2": Case(
            (0.0, 0.5, 2.0),
            1.9095425048844386,
            (-2.0 / 3.0, 2.0 - 4.0 * np.log(1.5)),
            "dispersion taken for its inverse",
        ),
        "mean three, dispersion one third, none seen: 8 to 1": Case(
            (1.0986122886681098, 1.0 / 3.0, 0.0),
            3.0 * np.log(2.0),
            {"log_mean": 1.5},
            "probability of success for failure",
        ),
        "dispersion 1e-12, as many as predicted: Poisson": Case(
            (0.0, 1e-12, 1.0), 1.0000000000005, (0.0, 0.4999999999996667), "three log Gamma"
        ),
        "dispersion 1e-30, two seen: Poisson, and a slope all the same": Case(
            (0.0, 1e-30, 2.0), 1.0 + np.log(2.0), (-1.0, 0.5)
        ),
        "dispersion 1e-310, nothing seen where e^-10 was predicted": Case(
            (-10.0, 1e-310, 0.0), np.exp(-10.0), (np.exp(-10.0), -0.5 * np.exp(-20.0))
        ),
        "a million, as predicted, dispersion 1e-12": Case(
            (13.815510557964274, 1e-12, 1e6), 7.826694395519893, {"dispersion": 499999.50000066667}
        ),
        "a million, more than twice as many as predicted": Case(
            (13.0, 1e-3, 1e6), 455.30724722088923, (-1257.4870719733744, -442735.2085486356)
        ),
        "a milliard, where one was predicted, dispersion ten": Case(
            (0.0, 10.0, 1e9), 95310200.94776629, {"log_mean": -999999999.0 / 11.0}
        ),
        "a million, as predicted, dispersion one": Case(
            (13.815510557964274, 1.0, 1e6),
            14.815511057964107,
            {"dispersion": 0.5772151649019495},
            "variance of Poisson",
        ),
        "dispersion one half, three seen: 4 (2/3)^2 (1/3)^3": Case(
            (0.0, 0.5, 3.0), np.log(243.0 / 16.0), {"log_mean": -4.0 / 3.0}, "constant left out"
        ),
        "dispersion two, three seen: 5/16 (1/3)^(1/2) (2/3)^3": Case(
            (0.0, 2.0, 3.0),
            np.log(0.4) + 3.5 * np.log(3.0),
            {"log_mean": -2.0 / 3.0},
            "probability of failure for success",
        ),
        "a mean of e^800, nothing seen: a dispersion explains it": Case(
            (800.0, 1.0, 0.0), 800.0, (1.0, -799.0)
        ),
        "mean zero, nothing seen: certain, and right": Case((-np.inf, 1.0, 0.0), 0.0, (0.0, 0.0)),
        "mean zero, one seen: impossible": Case((-np.inf, 1.0, 1.0), np.inf, {"log_mean": -1.0}),
        "mean not a number": Case((np.nan, 1.0, 1.0), np.nan, (np.nan, np.nan)),
        "dispersion not a number": Case((0.0, np.nan, 1.0), np.nan, (np.nan, np.nan)),
        "target not a number": Case((0.0, 1.0, np.nan), np.nan, (np.nan, np.nan)),
    },
    variants={
        "dispersion taken for its inverse": Convention(
            _by_total_count,
            {
                "log_mean": lambda z, r, t: negative_binomial_nll_log_mean_gradient(z, 1.0 / r, t),
                "dispersion": lambda z, r, t: (
                    -negative_binomial_nll_dispersion_gradient(z, 1.0 / r, t) / r / r
                ),
            },
            seen_in="PyTorch, documentation of NegativeBinomial, total_count; scVI, theta, "
            "github.com/scverse/scvi-tools/issues/856",
            symptom="larger is nearer to Poisson, not farther",
        ),
        "constant left out": Convention(
            lambda z, a, t: (t + 1.0 / a) * np.log1p(a * np.exp(z)) - t * (z + np.log(a)),
            {"log_mean": negative_binomial_nll_log_mean_gradient},
            seen_in="texts where the dispersion is fixed, which need no log Gamma",
            symptom="the dispersion cannot be learnt",
        ),
        "variance of Poisson": Mistake(
            lambda z, a, t: poisson_nll(z, t),
            {"log_mean": lambda z, a, t: poisson_nll_gradient(z, t), "dispersion": lambda z, a, t: 0.0},
            symptom="a bad prediction of a large count costs thousands",
        ),
        "probability of failure for success": Mistake(
            lambda z, a, t: _with_probability(a, t, np.exp(z) * a / (1.0 + np.exp(z) * a)) + 0.0 * z,
            symptom="the odds are turned over: right where a mu = 1",
        ),
        "probability of success for failure": Mistake(
            lambda z, a, t: _with_probability(a, t, 1.0 / (1.0 + np.exp(z))),
            symptom="p = 1/(1 + mu) forgets the dispersion: the mean is mu/a",
        ),
        "three log Gamma": Mistake(
            lambda z, a, t: _with_probability(a, t, 1.0 / (1.0 + a * np.exp(z))),
            seen_in="Stan, neg_binomial_2_log_lpmf, github.com/stan-dev/math/issues/1495",
            symptom="losses below 0 for a small dispersion, noise of 256 at 1e-16",
        ),
        "variance (1 + a) mu": Mistake(
            lambda z, a, t: _of_linear_variance(z, a, t),
            seen_in="NB1 of econometrics, where it is meant",
            symptom="noise grows as Poisson's does, by another factor: right at mu = 1 alone",
        ),
    },
    as_printed=negative_binomial_nll_as_printed,
    rules=rules,
    refuses={  # (log_mean, dispersion, target), the argument to blame
        "an infinite mean": ((np.inf, 1.0, 1.0), "log_mean"),
        "no dispersion": ((0.0, 0.0, 1.0), "dispersion"),
        "a negative dispersion": ((0.0, -1.0, 1.0), "dispersion"),
        "an infinite dispersion": ((0.0, np.inf, 1.0), "dispersion"),
        "a negative count": ((0.0, 1.0, -1.0), "target"),
        "half a count": ((0.0, 1.0, 0.5), "target"),
        "an infinite count": ((0.0, 1.0, np.inf), "target"),
    },
)


def _of_linear_variance(z, a, t):
    """The loss of the count whose variance is (1 + a) mu: r = mu/a, and p = 1/(1 + a) whatever the mean."""
    r = np.exp(z) / a
    return lgamma(t + 1.0) + lgamma(r) - lgamma(t + r) + (t + r) * np.log1p(a) - t * np.log(a)


def _with_probability(a, t, p):
    """-log of the probability, by three log Gamma, where p stands before the power r."""
    r = 1.0 / a
    return lgamma(r) + lgamma(t + 1.0) - lgamma(t + r) - r * np.log(p) - t * np.log1p(-p)
