r"""Gaussian negative log-likelihood: the squared error when the size of the noise is predicted, too.

    L(mu, v, t) = log(2 pi v)/2 + (t - mu)^2 / (2v)
    dL/dmu      = (mu - t)/v
    dL/dv       = (1 - (t - mu)^2/v) / (2v)
    dL/dt       = (t - mu)/v

mu is the predicted mean and v > 0 the predicted variance of the target t.  With the second term alone,
a squared error, a larger v would always cost less; the first term is the price of claiming much noise.
Between them the best v is the mean squared error of the predictions.  Where noise is expected an error
weighs less, so that 1/v is a learnt weight, and the loss is robust against outliers that it can
foresee.  For a constant v it is the squared error, up to a factor and a constant.

L is also the negative log-likelihood of an energy, |mu - t|^2 / 2 at the inverse temperature 1/v, with
its free energy written out.  A density may exceed 1, so the loss may be negative; people have reported
that as a bug (github.com/chainer/chainer/issues/5440).

Frameworks leave out log(2 pi)/2, which changes no gradient, and keep v above some eps, which does.

Source: Nix and Weigend (1994), "Estimating the mean and variance of the target probability
distribution"; the density is Gauss's.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import (
    convex_in,
    in_units_of_a_density,
    is_a_density,
    minimised_by,
    moved_together,
    symmetric,
)

HALF_LOG_TWO_PI = 0.9189385332046728


def gaussian_nll(mean, variance, target):
    """Negative log-likelihood of one target under a Gaussian, constant included.

    Parameters
    ----------
    mean : float
        mu, the predicted mean.  A NaN in any argument gives a NaN loss.
    variance : float
        v > 0, the predicted variance, in units of the mean squared.
    target : float
        t, in units of the mean.

    Returns
    -------
    float
        In nats, of either sign; it belongs to a density, so it depends on the unit of t.

    Raises ValueError if an argument is not one real number, or if the variance is not positive.

    >>> float(gaussian_nll(0.0, 1.0, 0.0))  # log(2 pi) / 2
    0.9189385332046728
    """
    mu, v, t = FORMULA.checked(mean, variance, target)
    d = t - mu
    return (HALF_LOG_TWO_PI + 0.5 * np.log(v)) + 0.5 * d * (d / v)


def gaussian_nll_mean_gradient(mean, variance, target):
    """dL/dmu = (mu - t) / v."""
    mu, v, t = FORMULA.checked(mean, variance, target)
    return (mu - t) / v


def gaussian_nll_variance_gradient(mean, variance, target):
    """dL/dv = (1 - (t - mu)^2 / v) / (2v): 0 where the variance is the squared error."""
    mu, v, t = FORMULA.checked(mean, variance, target)
    d = t - mu
    return 0.5 * (1.0 - d * (d / v)) / v


def gaussian_nll_target_gradient(mean, variance, target):
    """dL/dt = (t - mu) / v, minus the score of the density."""
    mu, v, t = FORMULA.checked(mean, variance, target)
    return (t - mu) / v


def rules(mean, variance, target):
    """A variance is positive, or not a number."""
    require(not variance <= 0.0, "variance", variance, "must be positive")


def _clamped(function):
    """The same with the variance replaced by max(v, 1e-6)."""
    return lambda mu, v, t: function(mu, np.maximum(v, 1e-6), t)


def _without_constant(mu, v, t):
    return 0.5 * np.log(v) + 0.5 * (t - mu) ** 2 / v


GRADIENTS = {
    "mean": gaussian_nll_mean_gradient,
    "variance": gaussian_nll_variance_gradient,
    "target": gaussian_nll_target_gradient,
}

FORMULA = Formula(
    value=gaussian_nll,
    signature="(),(),()->()",
    source="nix1994, the Gaussian log-likelihood",
    gradients=GRADIENTS,
    sample=lambda rng: {
        "mean": rng.normal(scale=2.0),
        "variance": rng.uniform(0.3, 4.0),
        "target": rng.normal(scale=2.0),
    },
    laws=(
        symmetric("mean", "target"),
        moved_together("mean", "target"),
        in_units_of_a_density(mean=1, variance=2, target=1),
        convex_in("mean"),
        minimised_by(lambda t, **_: np.mean(t), "The mean of the targets minimises in mu.", "mean"),
        minimised_by(
            lambda t, mean, **_: np.mean((t - mean) ** 2),
            "Their mean squared distance from mu minimises in v.",
            "variance",
        ),
        is_a_density(
            lambda mean, variance, target: mean + np.sqrt(variance) * np.array([-10.0, -3.0, 3.0, 10.0])
        ),
    ),
    cases={  # (mean, variance, target), L, (dL/dmu, dL/dv, dL/dt), the mistake that it exposes
        "the peak of the standard normal density": Case(
            (0.0, 1.0, 0.0), 0.9189385332046728, (0.0, 0.5, 0.0), "constant left out"
        ),
        "two standard deviations off": Case(
            (0.0, 4.0, 4.0),
            3.612085713764618,
            (-1.0, -0.375, 1.0),
            "standard deviation given for the variance",
        ),
        "one standard deviation off: the variance is right": Case(
            (0.0, 4.0, 2.0), 2.112085713764618, (-0.5, 0.0, 0.5), "variance taken for the standard deviation"
        ),
        "below the mean": Case(
            (1.0, 4.0, -2.0),
            2.737085713764618,
            (0.75, -0.15625, -0.75),
            exposes="variance taken for its logarithm",
        ),
        "a tall, narrow density: the loss is negative": Case(
            (0.5, 2.0**-27, 0.5),
            -8.43854840435459,
            (0.0, 2.0**26, 0.0),
            "constant left out, variance at least 1e-6",
        ),
        "an infinite target": Case((0.0, 1.0, np.inf), np.inf, (-np.inf, -np.inf, np.inf)),
        "infinite noise explains everything, at infinite cost": Case(
            (0.0, np.inf, 1.0), np.inf, (0.0, 0.0, 0.0)
        ),
        "mean not a number": Case((np.nan, 1.0, 0.0), np.nan, (np.nan, np.nan, np.nan)),
        "variance not a number": Case((0.0, np.nan, 0.0), np.nan, (np.nan, np.nan, np.nan)),
        "target not a number": Case((0.0, 1.0, np.nan), np.nan, (np.nan, np.nan, np.nan)),
        "at the mean, where the logarithm of the deviation is left: log 2": Case(
            (0.0, 4.0, 0.0),
            HALF_LOG_TWO_PI + np.log(2.0),
            (0.0, 0.125, 0.0),
            "one half forgotten at the logarithm",
        ),
        "two standard deviations off, of length 1: half the square": Case(
            (0.0, 1.0, 2.0), HALF_LOG_TWO_PI + 2.0, (-2.0, -1.5, 2.0), "one half forgotten at the square"
        ),
    },
    variants={
        "constant left out": Convention(
            _without_constant, GRADIENTS, seen_in="the regression literature: terms that no gradient sees"
        ),
        "variance at least 1e-6": Convention(
            _clamped(gaussian_nll),
            {a: _clamped(g) for a, g in GRADIENTS.items()},
            seen_in="PyTorch, documentation of torch.nn.GaussianNLLLoss, full=True",
            symptom="no density is higher than that of a standard deviation of 1e-3",
        ),
        "constant left out, variance at least 1e-6": Convention(
            _clamped(_without_constant),
            {a: _clamped(g) for a, g in GRADIENTS.items()},
            seen_in="PyTorch, documentation of torch.nn.GaussianNLLLoss; that eps is a floor and not added: "
            "github.com/pytorch/pytorch/pull/190058",
            symptom="below the floor the gradient by v is that at the floor, though the loss no longer moves",
        ),
        "variance taken for the standard deviation": Mistake(
            lambda mu, v, t: gaussian_nll(mu, v * v, t),
            seen_in="github.com/uzh-rpg/deep_uncertainty_estimation/issues/5",
            symptom="right at v = 1 only; predicted noise is squared",
        ),
        "standard deviation given for the variance": Mistake(
            lambda mu, v, t: gaussian_nll(mu, np.sqrt(v), t),
            seen_in="Darts GaussianLikelihood, github.com/unit8co/darts/pull/1162",
            symptom="right at v = 1 only; predicted noise is the root of what it should be",
        ),
        "variance taken for its logarithm": Mistake(
            lambda mu, v, t: gaussian_nll(mu, np.exp(v), t),
            symptom="a network's output is log v and the loss wants v, or the other way: never right",
        ),
        "one half forgotten at the logarithm": Mistake(
            lambda mu, v, t: gaussian_nll(mu, v, t) + 0.5 * np.log(v),
            symptom="log v for log sigma: the predicted variance is half of what it should be",
        ),
        "one half forgotten at the square": Mistake(
            lambda mu, v, t: gaussian_nll(mu, v, t) + 0.5 * (t - mu) ** 2 / v,
            symptom="the predicted variance is twice what it should be",
        ),
    },
    rules=rules,
    refuses={  # (mean, variance, target), the argument to blame
        "no variance": ((0.0, 0.0, 1.0), "variance"),
        "a negative variance": ((0.0, -1.0, 1.0), "variance"),
    },
)
