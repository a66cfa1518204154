r"""Laplace negative log-likelihood: the absolute error when the size of the noise is predicted, too.

    L(mu, b, t) = log(2b) + |t - mu| / b
    dL/dmu      = sign(mu - t) / b            0 at mu = t
    dL/db       = (1 - |t - mu| / b) / b
    dL/dt       = sign(t - mu) / b            0 at mu = t

mu is the location, the median of the target t, and b > 0 the scale on this page.  What gaussian_nll is to
the squared error this is to the absolute one: the best location of many targets is their median, the best
scale their mean absolute distance from it.  An outlier pulls the location with force 1/b, however far it
lies, and the scale only in proportion.

The standard deviation is sqrt(2) b.  Code that predicts a deviation sigma and divides by b = sigma, or by
sqrt(2) sigma, has the right shape and a noise that is wrong by a factor.

A density may exceed 1, so the loss may be negative.

Source: Laplace (1774); the density is his first law of errors.
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


def laplace_nll(location, scale, target):
    """Negative log-likelihood of one target under a Laplace distribution, constant included.

    Parameters
    ----------
    location : float
        mu, the predicted median.  A NaN in any argument gives a NaN loss.
    scale : float
        b > 0, the predicted mean absolute deviation, in units of the location.
    target : float
        t, in units of the location.

    Returns
    -------
    float
        In nats, of either sign; it belongs to a density, so it depends on the unit of t.

    Raises ValueError if an argument is not one real number, or if the scale is not positive.

    >>> float(laplace_nll(0.0, 0.5, 2.0))  # log 1 + 4
    4.0
    """
    mu, b, t = FORMULA.checked(location, scale, target)
    return np.log(2.0) + np.log(b) + np.abs(t - mu) / b


def laplace_nll_location_gradient(location, scale, target):
    """dL/dmu: sign(mu - t) / b, 0 at the corner."""
    mu, b, t = FORMULA.checked(location, scale, target)
    return np.sign(mu - t) / b


def laplace_nll_scale_gradient(location, scale, target):
    """dL/db = (1 - |t - mu|/b) / b: 0 where the scale is the absolute error."""
    mu, b, t = FORMULA.checked(location, scale, target)
    return (1.0 - np.abs(t - mu) / b) / b


def laplace_nll_target_gradient(location, scale, target):
    """dL/dt: sign(t - mu) / b, 0 at the corner."""
    mu, b, t = FORMULA.checked(location, scale, target)
    return np.sign(t - mu) / b


def rules(location, scale, target):
    """A scale is positive, or not a number."""
    require(not scale <= 0.0, "scale", scale, "must be positive")


GRADIENTS = {
    "location": laplace_nll_location_gradient,
    "scale": laplace_nll_scale_gradient,
    "target": laplace_nll_target_gradient,
}


def _with_scale(factor):
    """The value, and its gradients, at another multiple of the scale."""
    by = lambda a, g: lambda mu, b, t: (factor if a == "scale" else 1.0) * g(mu, factor * b, t)
    return lambda mu, b, t: laplace_nll(mu, factor * b, t), {a: by(a, g) for a, g in GRADIENTS.items()}


FORMULA = Formula(
    value=laplace_nll,
    signature="(),(),()->()",
    source="laplace1774",
    gradients=GRADIENTS,
    sample=lambda rng: {
        "location": rng.normal(scale=2.0),
        "scale": rng.uniform(0.3, 3.0),
        "target": rng.normal(scale=2.0),
    },
    laws=(
        symmetric("location", "target"),
        moved_together("location", "target"),
        in_units_of_a_density(location=1, scale=1, target=1),
        convex_in("location"),
        minimised_by(lambda t, **_: np.median(t), "The median of the targets minimises in mu.", "location"),
        minimised_by(
            lambda t, location, **_: np.mean(np.abs(t - location)),
            "Their mean absolute distance from mu minimises in b.",
            "scale",
        ),
        is_a_density(
            lambda location, scale, target: location + scale * np.array([-40.0, -10.0, 0.0, 10.0, 40.0])
        ),
    ),
    cases={  # (location, scale, target), L, (dL/dmu, dL/db, dL/dt), the mistake that it exposes
        "at the peak: the corner has no slope": Case((1.0, 2.0, 1.0), np.log(4.0), (0.0, 0.5, 0.0)),
        "one scale off: the scale is right": Case(
            (0.0, 2.0, 2.0), np.log(4.0) + 1.0, (-0.5, 0.0, 0.5), "scale divided by the root of 2"
        ),
        "four scales below": Case(
            (0.0, 0.5, -2.0), 4.0, (2.0, -6.0, -2.0), "distance not divided by the scale"
        ),
        "above by two, at scale one": Case(
            (-1.0, 1.0, 1.0), np.log(2.0) + 2.0, (-1.0, -1.0, 1.0), "constant left out"
        ),
        "a tall, narrow density: the loss is negative": Case(
            (0.5, 2.0**-27, 0.5), -26.0 * np.log(2.0), (0.0, 2.0**27, 0.0)
        ),
        "off by ten, at the scale that is log(2b) = log 8": Case(
            (0.0, 4.0, 10.0), np.log(8.0) + 2.5, (-0.25, -0.375, 0.25), "scale times the root of 2"
        ),
        "location and target beyond the logarithm of the scale": Case(
            (1.0, 1.0, 0.5), np.log(2.0) + 0.5, (1.0, 0.5, -1.0), "gradient about the logarithm of the scale"
        ),
        "an infinite target": Case((0.0, 1.0, np.inf), np.inf, (-1.0, -np.inf, 1.0)),
        "infinite noise explains everything, at infinite cost": Case(
            (0.0, np.inf, 1.0), np.inf, (0.0, 0.0, 0.0)
        ),
        "location not a number": Case((np.nan, 1.0, 0.0), np.nan, (np.nan, np.nan, np.nan)),
        "scale not a number": Case((0.0, np.nan, 1.0), np.nan, (np.nan, np.nan, np.nan)),
        "target not a number": Case((0.0, 1.0, np.nan), np.nan, (np.nan, np.nan, np.nan)),
    },
    variants={
        "constant left out": Convention(
            lambda mu, b, t: np.log(b) + np.abs(t - mu) / b,
            GRADIENTS,
            seen_in="the regression literature: log 2 is a term that no gradient sees; as said in "
            "github.com/jeffffffli/res-loglikelihood-regression/issues/1",
        ),
        "scale divided by the root of 2": Mistake(
            *_with_scale(1.0 / np.sqrt(2.0)),
            symptom="b = sigma / sqrt(2) of what is b already: predicted noise is 1.41 times too large",
        ),
        "scale times the root of 2": Mistake(
            *_with_scale(np.sqrt(2.0)),
            seen_in="github.com/jeffffffli/res-loglikelihood-regression/issues/1",
            symptom="b = sqrt(2) sigma, where b = sigma / sqrt(2): predicted noise is half of what it is",
        ),
        "distance not divided by the scale": Mistake(
            lambda mu, b, t: np.log(2.0 * b) + np.abs(t - mu),
            symptom="the best scale is 0: noise only ever costs",
        ),
        "gradient about the logarithm of the scale": Mistake(
            None,
            {
                "location": lambda mu, b, t: np.sign(np.log(b) - t) / b,
                "scale": lambda mu, b, t: (1.0 - np.abs(np.log(b) - t) / b) / b,
            },
            seen_in="NGBoost, github.com/stanfordmlgroup/ngboost/issues/177",
            symptom="the location is not read: predictions do not follow the targets",
        ),
    },
    rules=rules,
    refuses={  # (location, scale, target), the argument to blame
        "no scale": ((0.0, 0.0, 1.0), "scale"),
        "a negative scale": ((0.0, -1.0, 1.0), "scale"),
    },
)
