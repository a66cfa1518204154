r"""Gaussian negative log-likelihood: the squared error when the size of the noise is predicted, too.

    L(m, v, y) = log(2 pi v)/2 + (y - m)^2 / (2v)

    dL/dm = (m - y)/v = -dL/dy,      dL/dv = (1 - (y - m)^2/v) / (2v)

m is the predicted mean and v > 0 the predicted variance of the target y.  The second term alone would
be a squared error that v could make as small as it likes; the first is the price of claiming much
noise.  Between them the best v is the mean squared error of the predictions.  Where noise is expected
an error weighs less: v is a learnt weight, which makes the loss robust against outliers it can
foresee.  For constant v it is the squared error, up to a factor and a constant.

It is an energy, |m - y|^2 / 2 at inverse temperature 1/v, with its free energy written out.  A density
may exceed 1, so the loss may be negative; people have reported that as a bug
(github.com/chainer/chainer/issues/5440).

Frameworks leave out log(2 pi)/2, which changes no gradient, and keep v above some eps, which does.

Source: Nix and Weigend (1994), "Estimating the mean and variance of the target probability
distribution"; the density is Gauss's.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_number
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import (
    UNIT,
    condition,
    convex_in,
    integrates_to,
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
        m, the predicted mean.  A NaN in any argument gives a NaN loss.
    variance : float
        v > 0, the predicted variance, in units of the mean squared.
    target : float
        y, in units of the mean.

    Returns
    -------
    float
        In nats, of either sign; it is a density's, so it depends on the unit of y.

    Raises
    ------
    ValueError
        If an argument is an array, or if the variance is not positive.

    >>> float(gaussian_nll(0.0, 1.0, 0.0))  # log(2 pi) / 2
    0.9189385332046728
    """
    _check(mean, variance, target)
    d = target - mean
    return (HALF_LOG_TWO_PI + 0.5 * np.log(variance)) + 0.5 * d * (d / variance)


def gaussian_nll_mean_gradient(mean, variance, target):
    """dL/dm = (m - y) / v."""
    _check(mean, variance, target)
    return (mean - target) / variance


def gaussian_nll_variance_gradient(mean, variance, target):
    """dL/dv = (1 - (y - m)^2 / v) / (2v): 0 where the variance is the squared error."""
    _check(mean, variance, target)
    d = target - mean
    return 0.5 * (1.0 - d * (d / variance)) / variance


def gaussian_nll_target_gradient(mean, variance, target):
    """dL/dy = (y - m) / v, minus the score of the density."""
    _check(mean, variance, target)
    return (target - mean) / variance


def _check(mean, variance, target):
    require_number("mean", mean)
    require_number("variance", variance)
    require_number("target", target)
    require(not variance <= 0.0, "variance", variance, "must be positive")


def has_the_unit_of_a_density(formula, inputs, rng):
    """L(am, a^2 v, ay) = L(m, v, y) + log a: in a smaller unit the same density is a smaller number."""
    a = 2.0 ** rng.integers(-3, 4)
    scaled = {a_: x * factor for (a_, x), factor in zip(inputs.items(), (a, a * a, a), strict=True)}
    error = abs(formula.value(**scaled) - formula.value(**inputs) - np.log(a))
    return error / (16 * UNIT * (condition(formula, scaled) + condition(formula, inputs) + abs(np.log(a))))


def _clamped(function):
    """The same with the variance replaced by max(v, 1e-6)."""
    return lambda m, v, y: function(m, np.maximum(v, 1e-6), y)


def _without_constant(m, v, y):
    return 0.5 * np.log(v) + 0.5 * (y - m) ** 2 / v


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
        has_the_unit_of_a_density,
        convex_in("mean"),
        minimised_by(lambda y, **_: np.mean(y), "The mean of the targets minimises in m.", "mean"),
        minimised_by(
            lambda y, mean, **_: np.mean((y - mean) ** 2),
            "Their mean squared distance from m minimises in v.",
            "variance",
        ),
        integrates_to(
            lambda **_: 1.0,
            "int exp(-L) dy = 1: a density, nothing left out.",
            lambda mean, variance, target: mean + np.sqrt(variance) * np.array([-10.0, -3.0, 3.0, 10.0]),
        ),
    ),
    cases={  # Case((mean, variance, target), value, exposes)
        "the peak of the standard normal density": Case(
            (0.0, 1.0, 0.0),
            0.9189385332046728,
            {"mean": 0.0, "variance": 0.5, "target": 0.0},
            "constant left out",
        ),
        "two standard deviations off": Case(
            (0.0, 4.0, 4.0),
            3.612085713764618,
            {"mean": -1.0, "variance": -0.375, "target": 1.0},
            "standard deviation given for the variance",
        ),
        "one standard deviation off: the variance is right": Case(
            (0.0, 4.0, 2.0),
            2.112085713764618,
            {"mean": -0.5, "variance": 0.0, "target": 0.5},
            "variance taken for the standard deviation",
        ),
        "below the mean": Case(
            (1.0, 4.0, -2.0), 2.737085713764618, {"mean": 0.75, "variance": -0.15625, "target": -0.75}
        ),
        "a tall, narrow density: the loss is negative": Case(
            (0.5, 2.0**-27, 0.5),
            -8.43854840435459,
            {"mean": 0.0, "variance": 2.0**26, "target": 0.0},
            "constant left out, variance at least 1e-6",
        ),
        "an infinite target": Case(
            (0.0, 1.0, np.inf), np.inf, {"mean": -np.inf, "variance": -np.inf, "target": np.inf}
        ),
        "infinite noise explains everything, at infinite cost": Case(
            (0.0, np.inf, 1.0), np.inf, {"mean": 0.0, "variance": 0.0, "target": 0.0}
        ),
        "mean not a number": Case((np.nan, 1.0, 0.0), np.nan, dict.fromkeys(GRADIENTS, np.nan)),
        "variance not a number": Case((0.0, np.nan, 0.0), np.nan, dict.fromkeys(GRADIENTS, np.nan)),
        "target not a number": Case((0.0, 1.0, np.nan), np.nan, dict.fromkeys(GRADIENTS, np.nan)),
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
            lambda m, v, y: gaussian_nll(m, v * v, y),
            seen_in="github.com/uzh-rpg/deep_uncertainty_estimation/issues/5",
            symptom="right at v = 1 only; predicted noise is squared",
        ),
        "standard deviation given for the variance": Mistake(
            lambda m, v, y: gaussian_nll(m, np.sqrt(v), y),
            seen_in="Darts GaussianLikelihood, github.com/unit8co/darts/pull/1162",
            symptom="right at v = 1 only; predicted noise is the root of what it should be",
        ),
    },
)
