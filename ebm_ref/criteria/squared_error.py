r"""Squared error: the loss whose best constant answer is the mean.

    L(x, t) = (x - t)^2
    dL/dx   = 2 (x - t)
    dL/dt   = -2 (x - t)

x is the prediction, t its target.  The force grows with the distance, like that of a spring.  Of all
predictions the conditional mean costs least.  One outlier pulls as hard as it is far: move one of n
targets to infinity, and the best constant goes there too, at 1/n of the speed.

To minimise L is to believe in Gaussian noise of a fixed size, as exp(-L) is sqrt(pi) times the density
of a Gaussian of variance 1/2.  Many write 1/2 in front, so that the force is x - t.

To multiply the square out is to lose it: x^2 - 2xt + t^2 of two numbers near 1e8 may be off by 4.

One sample is two numbers; arrays are refused.  NumPy would broadcast predictions of shape (n,) and
targets of shape (n, 1) to n^2 differences, of which n are meant.  What is learnt then is the mean of
all targets (github.com/pytorch/pytorch/issues/16045).

Source: Legendre (1805), "Nouvelles methodes pour la determination des orbites des cometes", appendix;
NYU DLSP20, week 11-1 (MSELoss).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.formula import Case, Convention, Formula, Mistake


def random_pair(rng):
    """A prediction and a target in general position: not closer than 0.01."""
    target, d = rng.normal(scale=2.0), rng.normal(scale=3.0)
    return {"prediction": target + d + np.copysign(0.01, d), "target": target}


def squared_error(prediction, target):
    """Squared error of one sample.

    Parameters
    ----------
    prediction : float
        x.  A NaN gives a NaN loss, an infinite one an infinite loss.
    target : float
        t, in units of the prediction.

    Returns
    -------
    float
        (x - t)^2 >= 0, in units of the prediction squared.

    Raises ValueError if an argument is not one real number.

    >>> float(squared_error(2.5, 3.0))
    0.25
    """
    x, t = FORMULA.checked(prediction, target)
    d = x - t
    return d * d


def squared_error_prediction_gradient(prediction, target):
    """dL/dx = 2 (x - t)."""
    x, t = FORMULA.checked(prediction, target)
    return 2.0 * (x - t)


def squared_error_target_gradient(prediction, target):
    """dL/dt = -2 (x - t)."""
    x, t = FORMULA.checked(prediction, target)
    return -2.0 * (x - t)


FORMULA = Formula(
    value=squared_error,
    signature="(),()->()",
    source="legendre1805, appendix; NYU DLSP20, week 11-1",
    gradients={"prediction": squared_error_prediction_gradient, "target": squared_error_target_gradient},
    sample=random_pair,
    laws=(
        laws.non_negative,
        laws.symmetric("prediction", "target"),
        laws.moved_together("prediction", "target"),
        laws.homogeneous(2, prediction=1, target=1),
        laws.convex_in("prediction"),
        laws.smooth("prediction", 2.0),
        laws.minimised_by(
            lambda t, **_: np.mean(t), "The mean of the targets minimises: outliers carry it off."
        ),
        laws.integrates_to(
            lambda **_: np.sqrt(np.pi),
            "int exp(-L) dt = sqrt(pi): Gaussian noise of variance 1/2.",
            lambda prediction, target: prediction + np.array([-8.0, -2.0, 2.0, 8.0]),
        ),
    ),
    cases={  # (prediction, target), L, (dL/dx, dL/dt), the mistake that it exposes
        "half a unit short": Case((2.5, 3.0), 0.25, (-1.0, 1.0)),
        "half a unit beyond, across zero": Case((0.0, -0.5), 0.25, (1.0, -1.0)),
        "near: 2.1 for 2, where 2.1 is a double and the difference not 0.1": Case(
            (2.1, 2.0), 0.010000000000000018, (0.20000000000000018, -0.20000000000000018)
        ),
        "two units apart: the force is four": Case(
            (3.0, 1.0), 4.0, (4.0, -4.0), "gradient of one half of it"
        ),
        "at the target: no loss, no force": Case((-1.5, -1.5), 0.0, (0.0, 0.0)),
        "large numbers, one apart": Case(
            (100000001.0, 100000000.0), 1.0, (2.0, -2.0), "square multiplied out"
        ),
        "an infinite prediction": Case((np.inf, 0.0), np.inf, (np.inf, -np.inf)),
        "prediction not a number": Case((np.nan, 0.0), np.nan, (np.nan, np.nan)),
        "target not a number": Case((0.0, np.nan), np.nan, (np.nan, np.nan)),
    },
    variants={
        "one half in front": Convention(
            lambda x, t: 0.5 * squared_error(x, t),
            {"prediction": lambda x, t: x - t, "target": lambda x, t: t - x},
            seen_in="optax, documentation of l2_loss",
        ),
        "gradient of one half of it": Mistake(
            squared_error,
            {"prediction": lambda x, t: x - t, "target": lambda x, t: t - x},
            symptom="finite differences of the loss are twice the gradient",
        ),
        "square multiplied out": Mistake(
            lambda x, t: x * x - 2.0 * x * t + t * t,
            seen_in="scikit-learn euclidean_distances, github.com/scikit-learn/scikit-learn/issues/9354; "
            "Annoy, github.com/spotify/annoy/issues/314",
            symptom="zero or negative squares far from the origin",
        ),
        "difference of the squares": Mistake(
            lambda x, t: x**2 - t**2, symptom="negative losses; x falls to 0"
        ),
    },
)
