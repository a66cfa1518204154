r"""Poisson negative log-likelihood: the loss of a predicted rate, when the target is a count.

    L(z, t) = e^z - t z + log t!
    dL/dz   = e^z - t

z is the logarithm of the predicted rate: any real number will do, and the rate is positive.  The best
constant rate is the mean count.  Counts scatter as the square root of their rate, and the loss knows:
an error of 10 is large at a rate of 1 and small at 1000.  The target t need not be whole, as log t! is
log Gamma(1 + t), but only for whole targets is exp(-L) a probability.  The loss is not differentiated
with respect to a count.

The three terms of size t log t nearly cancel.  At t = 5e15 and z = log t their sum is 19, where term
by term SciPy's poisson.logpmf returns 0 (github.com/scipy/scipy/issues/25625).  They are equal to a
sum of two terms, neither of which is negative:

    L = t (e^d - 1 - d) + [log(2 pi t)/2 + J(t)],        d = z - log t

The first is what a better prediction could save (half the deviance), the second what none can save.
J is the error of Stirling's formula, 1/(12 t) at most.

Frameworks leave log t! out, or add Stirling's formula without J for t > 1, and nothing for t <= 1.

Source: Poisson (1837); Loader (2000), "Fast and accurate computation of binomial probabilities", for
the two terms.
"""

from math import lgamma

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.gaussian_nll import HALF_LOG_TWO_PI
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.gamma import log_factorial, stirling_error
from ebm_ref.laws import UNIT, condition, convex_in, minimised_by, non_negative
from ebm_ref.numerics import weighted


def poisson_nll_as_printed(log_rate, target):
    """e^z - t z + log t! term by term: two numbers near 2e17 cancel, whose last digit is worth 32.

    >>> z = 36.14821430734479  # log 5e15
    >>> float(poisson_nll_as_printed(z, 5e15)), float(poisson_nll(z, 5e15).round(9))
    (0.0, 18.993045687)
    """
    z, t = FORMULA.checked(log_rate, target)
    return np.exp(z) - t * z + lgamma(t + 1.0)


def poisson_nll(log_rate, target):
    """Negative log-likelihood of one count under a Poisson distribution, constant included.

    Parameters
    ----------
    log_rate : float
        z, the logarithm of the predicted rate; -inf for a rate of 0.  A NaN gives a NaN loss.
    target : float
        t >= 0, the count; it need not be whole.  A NaN gives a NaN loss.

    Returns
    -------
    float
        >= 0, in nats; +inf where the rate is 0 and the count is not.

    Raises ValueError if an argument is not one real number, if the log-rate is +inf, or if the target is
    negative or infinite.

    >>> float(poisson_nll(0.0, 2.0).round(9)), float(poisson_nll(-np.inf, 0.0))
    (1.693147181, 0.0)
    """
    z, t = FORMULA.checked(log_rate, target)
    if t < 1.0:  # log t is far from 0, and the terms are small
        return np.exp(z) + (log_factorial(t) - weighted(t, z))
    log_t = np.log(t)
    d = z - log_t
    least = (HALF_LOG_TWO_PI + 0.5 * log_t) + stirling_error(t)
    return t * (np.expm1(d) - d) + least


def poisson_nll_gradient(log_rate, target):
    """dL/dz = e^z - t: the rate minus the count."""
    z, t = FORMULA.checked(log_rate, target)
    return np.exp(z) - t


def rules(log_rate, target):
    """A rate and a count, neither of them infinite; 0 is a rate."""
    require(not log_rate == np.inf, "log_rate", log_rate, "must be below infinity")
    require(not (target < 0.0 or target == np.inf), "target", target, "must be >= 0 and finite")


def sums_to_one(formula, inputs, rng):
    """sum_t exp(-L) = 1 over the counts t = 0, 1, 2, ...: a probability, nothing left out."""
    rate = np.exp(inputs["log_rate"])
    counts = np.arange(0.0, 60.0 + 2.0 * rate)
    points = [inputs | {"target": t} for t in counts]
    p = [np.exp(-formula.value(**point)) for point in points]
    C = [q * condition(formula, point) for q, point in zip(p, points, strict=True)]
    return abs(np.sum(p) - 1.0) / (16 * UNIT * (1.0 + np.sum(C)))


def adds_a_logarithm(formula, inputs, rng):
    """L(z, t + 1) = L(z, t) - z + log(t + 1): what one more count costs."""
    z, t = inputs.values()
    more = inputs | {"target": t + 1.0}
    error = abs(formula.value(**more) - (formula.value(**inputs) - z + np.log1p(t)))
    allowed = condition(formula, more) + condition(formula, inputs) + abs(z) + np.log1p(t)
    return error / (16 * UNIT * allowed)


def _stirling(t):
    """t log t - t + log(2 pi t)/2 where t > 1, else 0."""
    return np.where(t > 1.0, t * np.log(t) - t + 0.5 * np.log(2.0 * np.pi * t), 0.0)


def _without_constant(z, t):
    return np.exp(z) - t * z


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
            lambda t, **_: np.log(np.mean(t)),
            "The mean count is the best rate.",
            "log_rate",
            draw=lambda rng: rng.poisson(3.0, size=4) + np.array([0.0, 1.0, 0.0, 50.0]),
        ),
    ),
    cases={  # (log_rate, target), L, dL/dz, the mistake that it exposes
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
            _without_constant,
            poisson_nll_gradient,
            seen_in="PyTorch, documentation of torch.nn.PoissonNLLLoss; once even with full=True, "
            "github.com/pytorch/pytorch/issues/28575",
        ),
        "Stirling's formula above 1, nothing below": Convention(
            lambda z, t: _without_constant(z, t) + _stirling(t),
            poisson_nll_gradient,
            seen_in="PyTorch, documentation of torch.nn.PoissonNLLLoss, full=True",
            symptom="log 2! = 0.652 instead of 0.693",
        ),
        "1e-7 added to the rate, constant left out": Mistake(
            lambda z, t: np.exp(z) - t * np.log(np.exp(z) + 1e-7),
            lambda z, t: np.exp(z) - t * (np.exp(z) / (np.exp(z) + 1e-7)),
            seen_in="Keras poisson, which takes the rate; github.com/keras-team/keras/issues/590",
            symptom="no count costs more than 16.1 apiece, and an impossible one has no gradient",
        ),
        "Stirling's formula where it exceeds 1": Mistake(
            lambda z, t: _without_constant(z, t) + np.where(_stirling(t) > 1.0, _stirling(t), 0.0),
            seen_in="PaddlePaddle, github.com/PaddlePaddle/Paddle/issues/56733",
            symptom="log 2! = 0",
        ),
        "rate taken for its logarithm": Mistake(
            lambda z, t: z - t * np.log(z + 1e-8) + lgamma(t + 1.0),
            seen_in="PyTorch, PoissonNLLLoss(log_input=False), github.com/pytorch/pytorch/pull/3336",
            symptom="NaN for rates below one",
        ),
        "three large terms, one after the other": Mistake(
            lambda z, t: -((t * z - lgamma(t + 1.0)) - np.exp(z)),
            seen_in="SciPy poisson.logpmf, github.com/scipy/scipy/issues/25625",
            symptom="half of the digits at a count of 1e8, none at 5e15",
        ),
        "softplus in place of the exponential": Mistake(
            lambda z, t: weighted(t, -np.log(np.logaddexp(0.0, z))) + np.logaddexp(0.0, z) + log_factorial(t),
            symptom="another link: rates grow linearly with the score",
        ),
        "half the deviance": Mistake(
            lambda z, t: np.exp(z) - t - weighted(t, z - np.log(np.maximum(t, 1e-300))),
            symptom="no likelihood: 0 wherever the rate meets the count",
        ),
        "squared error of the rate": Mistake(
            lambda z, t: (np.exp(z) - t) ** 2, symptom="large rates outweigh all others"
        ),
    },
    as_printed=poisson_nll_as_printed,
    rules=rules,
    refuses={  # (log_rate, target), the argument to blame
        "an infinite rate": ((np.inf, 1.0), "log_rate"),
        "a negative count": ((0.0, -1.0), "target"),
        "an infinite count": ((0.0, np.inf), "target"),
    },
)
