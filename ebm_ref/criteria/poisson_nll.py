r"""Poisson negative log-likelihood: the loss of a predicted rate, when the target is a count.

    L(h, y) = e^h - y h + log y!,        dL/dh = e^h - y

h is the logarithm of the predicted rate: any real number will do, and the rate is positive.  The best
constant rate is the mean count.  Counts scatter as the square root of their rate, and the loss knows:
an error of 10 is large at a rate of 1 and small at 1000.

Three terms of size y log y nearly cancel.  At y = 5e15 and h = log y their sum is 19; term by term
SciPy's poisson.logpmf returns 0 (github.com/scipy/scipy/issues/25625).  Taken together they are two
terms, neither of which is negative,

    L = y (e^t - 1 - t) + [log(2 pi y)/2 + J(y)],        t = h - log y

what a better prediction could save (half the deviance), and what none can; J is the error of
Stirling's formula, 1/(12 y) at most.  A target need not be whole, log y! is log Gamma(1 + y), but only
for whole ones is exp(-L) a probability.  The loss is not differentiated with respect to a count.

Frameworks leave log y! out, or add Stirling's formula without J, and nothing for y <= 1.

Source: Poisson (1837); Loader (2000), "Fast and accurate computation of binomial probabilities", for
the two terms.
"""

from math import lgamma

import autograd.numpy as np

from ebm_ref.checks import require, require_number
from ebm_ref.criteria.gaussian_nll import HALF_LOG_TWO_PI
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, convex_in, minimised_by, non_negative
from ebm_ref.numerics import log_factorial, stirling_error, weighted


def poisson_nll(log_rate, target):
    """Negative log-likelihood of one count under a Poisson distribution, constant included.

    Parameters
    ----------
    log_rate : float
        h, the logarithm of the predicted rate; -inf for a rate of 0.  A NaN gives a NaN loss.
    target : float
        y >= 0, the count; it need not be whole.  A NaN gives a NaN loss.

    Returns
    -------
    float
        >= 0, in nats; +inf where the rate is 0 and the count is not.

    Raises
    ------
    ValueError
        If an argument is an array, if the log-rate is +inf, or if the target is negative or infinite.

    >>> float(poisson_nll(0.0, 2.0).round(9)), float(poisson_nll(-np.inf, 0.0))
    (1.693147181, 0.0)
    """
    _check(log_rate, target)
    if target < 1.0:
        return np.exp(log_rate) + (log_factorial(target) - weighted(target, log_rate))
    log_y = np.log(target)
    t = log_rate - log_y
    least = (HALF_LOG_TWO_PI + 0.5 * log_y) + stirling_error(target)
    return target * (np.expm1(t) - t) + least


def poisson_nll_gradient(log_rate, target):
    """dL/dh = e^h - y: the rate minus the count."""
    _check(log_rate, target)
    return np.exp(log_rate) - target


def _check(log_rate, target):
    require_number("log_rate", log_rate)
    require_number("target", target)
    require(not log_rate == np.inf, "log_rate", log_rate, "must be below infinity")
    require(not (target < 0.0 or target == np.inf), "target", target, "must be >= 0 and finite")


def sums_to_one(formula, inputs, rng):
    """sum_y exp(-L) = 1 over the counts y = 0, 1, 2, ...: a probability, nothing left out."""
    rate = np.exp(inputs["log_rate"])
    counts = np.arange(0.0, 60.0 + 2.0 * rate)
    points = [inputs | {"target": y} for y in counts]
    p = [np.exp(-formula.value(**point)) for point in points]
    C = [q * condition(formula, point) for q, point in zip(p, points, strict=True)]
    return abs(np.sum(p) - 1.0) / (16 * UNIT * (1.0 + np.sum(C)))


def adds_a_logarithm(formula, inputs, rng):
    """L(h, y+1) = L(h, y) - h + log(y+1): what one more count costs."""
    h, y = inputs.values()
    more = inputs | {"target": y + 1.0}
    error = abs(formula.value(**more) - (formula.value(**inputs) - h + np.log1p(y)))
    allowed = condition(formula, more) + condition(formula, inputs) + abs(h) + np.log1p(y)
    return error / (16 * UNIT * allowed)


def _stirling(y):
    """y log y - y + log(2 pi y)/2 where y > 1, else 0."""
    return np.where(y > 1.0, y * np.log(y) - y + 0.5 * np.log(2.0 * np.pi * y), 0.0)


def _as_printed(h, y):
    return np.exp(h) - y * h


FORMULA = Formula(
    value=poisson_nll,
    signature="(),()->()",
    source="poisson1837; loader2000, the saddle-point expansion",
    gradients={"log_rate": poisson_nll_gradient},
    sample=lambda rng: {"log_rate": rng.normal(scale=1.5), "target": float(rng.poisson(3.0))},
    laws=(
        non_negative,
        convex_in("log_rate"),
        sums_to_one,
        adds_a_logarithm,
        minimised_by(
            lambda y, **_: np.log(np.mean(y)),
            "The mean count is the best rate.",
            "log_rate",
            draw=lambda rng: rng.poisson(3.0, size=4) + np.array([0.0, 1.0, 0.0, 50.0]),
        ),
    ),
    cases={  # Case((log_rate, target), value, by log_rate, exposes)
        "rate one, nothing seen": Case((0.0, 0.0), 1.0, 1.0, "rate taken for its logarithm"),
        "rate one, one seen": Case((0.0, 1.0), 1.0, 0.0),
        "rate one, two seen: 1 + log 2": Case(
            (0.0, 2.0), 1.6931471805599454, -1.0, "Stirling's formula where it exceeds 1"
        ),
        "rate one, three seen: 1 + log 6": Case((0.0, 3.0), 2.791759469228055, -2.0, "constant left out"),
        "rate three, five seen": Case((1.0986122886681098, 5.0), 2.2944302994414976, -2.0),
        "half a count": Case((0.0, 0.5), 0.8792177623647548, 0.5),
        "hardly any rate, one seen": Case(
            (-30.0, 1.0), 30.000000000000092, -0.9999999999999064, "1e-7 added to the rate, constant left out"
        ),
        "a million, as predicted: 13 million cancel": Case(
            (13.815510557964274, 1e6), 7.826693895520143, exposes="three large terms, one after the other"
        ),
        "far beyond: 5e15, as predicted": Case((36.14821430734479, 5e15), 18.99304568687707),
        "rate zero, nothing seen: certain, and right": Case((-np.inf, 0.0), 0.0, 0.0),
        "rate zero, one seen: impossible": Case((-np.inf, 1.0), np.inf, -1.0),
        "rate not a number": Case((np.nan, 1.0), np.nan, np.nan),
        "target not a number": Case((0.0, np.nan), np.nan, np.nan),
    },
    variants={
        "constant left out": Convention(
            _as_printed,
            {"log_rate": poisson_nll_gradient},
            seen_in="PyTorch, documentation of torch.nn.PoissonNLLLoss; once even with full=True, "
            "github.com/pytorch/pytorch/issues/28575",
        ),
        "Stirling's formula above 1, nothing below": Convention(
            lambda h, y: _as_printed(h, y) + _stirling(y),
            {"log_rate": poisson_nll_gradient},
            seen_in="PyTorch, documentation of torch.nn.PoissonNLLLoss, full=True",
            symptom="log 2! = 0.652 instead of 0.693",
        ),
        "1e-7 added to the rate, constant left out": Mistake(
            lambda h, y: np.exp(h) - y * np.log(np.exp(h) + 1e-7),
            {"log_rate": lambda h, y: np.exp(h) - y * (np.exp(h) / (np.exp(h) + 1e-7))},
            seen_in="Keras poisson, which takes the rate; github.com/keras-team/keras/issues/590",
            symptom="no count costs more than 16.1 apiece, and an impossible one has no gradient",
        ),
        "Stirling's formula where it exceeds 1": Mistake(
            lambda h, y: _as_printed(h, y) + np.where(_stirling(y) > 1.0, _stirling(y), 0.0),
            seen_in="PaddlePaddle, github.com/PaddlePaddle/Paddle/issues/56733",
            symptom="log 2! = 0",
        ),
        "rate taken for its logarithm": Mistake(
            lambda h, y: h - y * np.log(h + 1e-8) + lgamma(y + 1.0),
            seen_in="PyTorch, PoissonNLLLoss(log_input=False), github.com/pytorch/pytorch/pull/3336",
            symptom="NaN for rates below one",
        ),
        "three large terms, one after the other": Mistake(
            lambda h, y: -((y * h - lgamma(y + 1.0)) - np.exp(h)),
            seen_in="SciPy poisson.logpmf, github.com/scipy/scipy/issues/25625",
            symptom="half of the digits at a count of 1e8, none at 5e15",
        ),
    },
)
