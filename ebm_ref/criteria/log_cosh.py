r"""Log-cosh: half the squared error near by, the absolute error far away, and smooth to every order.

    L(x, t) = log cosh(x - t)
    dL/dx   = tanh(x - t)
    dL/dt   = -tanh(x - t)

x is the prediction, t its target, d = x - t.  For small d the loss is d^2/2, for large ones |d| - log 2.
The force saturates at 1, which makes the loss robust, like smooth_l1.py with beta = 1; but there is no
place where two arms meet, and second derivatives exist everywhere.  The scale is fixed: divide x and t
by s to round the corner over s.

To minimise L is to believe in noise with the density sech(d) / pi, the hyperbolic secant.

No single expression keeps the digits.  cosh overflows at 710 (89 in float32).  The usual cure,
|d| + log(1 + e^{-2|d|}) - log 2, is a difference of numbers near log 2 when d is small, so that a loss
of 5e-19 comes out as 0, or as -1e-16.  So for |d| < 1 this page takes log(1 + 2 sinh(d/2)^2), where
nothing is subtracted.

Source: Green (1990), "Bayesian reconstructions from emission tomography data using a modified EM
algorithm", where log cosh is the penalty of a difference.
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.criteria.squared_error import random_pair
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.numerics import negated


def log_cosh_as_printed(prediction, target):
    """log cosh(x - t) word by word: beside 1, cosh has no room for the digits of a small loss.

    >>> float(log_cosh_as_printed(1e-9, 0.0)), float(log_cosh(1e-9, 0.0))
    (0.0, 5e-19)
    """
    x, t = FORMULA.checked(prediction, target)
    return np.log(np.cosh(x - t))


def log_cosh(prediction, target):
    """Log-cosh loss of one sample.

    Parameters
    ----------
    prediction : float
        x, a pure number.  A NaN gives a NaN loss, an infinite one an infinite loss.
    target : float
        t, a pure number.

    Returns
    -------
    float
        >= 0; at most (x - t)^2 / 2, and at most |x - t|.

    Raises ValueError if an argument is not one real number.

    >>> float(log_cosh(1e-9, 0.0)), float(log_cosh(800.0, 0.0))
    (5e-19, 799.3068528194401)
    """
    x, t = FORMULA.checked(prediction, target)
    d = np.abs(x - t)
    if d < 1.0:
        return np.log1p(2.0 * np.sinh(0.5 * d) ** 2)
    return d + (np.log1p(np.exp(-2.0 * d)) - np.log(2.0))


def log_cosh_prediction_gradient(prediction, target):
    """dL/dx = tanh(x - t)."""
    x, t = FORMULA.checked(prediction, target)
    return np.tanh(x - t)


def log_cosh_target_gradient(prediction, target):
    """dL/dt = -tanh(x - t)."""
    x, t = FORMULA.checked(prediction, target)
    return negated(np.tanh(x - t))


def between_its_limits(formula, inputs, rng):
    """|d| - log 2 <= L <= min(d^2 / 2, |d|)."""
    d, L = abs(inputs["prediction"] - inputs["target"]), formula.value(**inputs)
    outside = max((d - np.log(2.0)) - L, L - min(0.5 * d * d, d), 0.0)
    return outside / (16 * laws.UNIT * (laws.condition(formula, inputs) + d))


FORMULA = Formula(
    value=log_cosh,
    signature="(),()->()",
    source="green1990, the penalty of a difference",
    gradients={"prediction": log_cosh_prediction_gradient, "target": log_cosh_target_gradient},
    sample=random_pair,
    laws=(
        laws.non_negative,
        laws.symmetric("prediction", "target"),
        laws.moved_together("prediction", "target"),
        laws.convex_in("prediction"),
        laws.smooth("prediction", 1.0),
        laws.gradient_bounded("prediction", 1.0),
        between_its_limits,
        laws.integrates_to(
            lambda **_: np.pi,
            "int exp(-L) dt = pi: noise with the density sech(d) / pi.",
            lambda prediction, target: prediction + np.array([-40.0, -8.0, -2.0, 0.0, 2.0, 8.0, 40.0]),
        ),
    ),
    cases={  # (prediction, target), L, (dL/dx, dL/dt), the mistake that it exposes
        "one unit": Case(
            (1.0, 0.0),
            0.4337808304830272,
            (0.7615941559557649, -0.7615941559557649),
            "logarithm of 2 forgotten",
        ),
        "half a unit short": Case(
            (2.5, 3.0), 0.12011450695827752, (-0.46211715726000974, 0.46211715726000974)
        ),
        "at the target: no loss, no force": Case((-1.5, -1.5), 0.0, (0.0, 0.0)),
        "very near: the digits of a parabola": Case(
            (1e-9, 0.0), 5e-19, (1e-9, -1e-9), "logarithm of 2 taken off at the end"
        ),
        "far: a line": Case((0.0, 100.0), 99.30685281944005, (-1.0, 1.0)),
        "farther: cosh is beyond the largest double": Case(
            (800.0, 0.0), 799.3068528194401, (1.0, -1.0), "cosh overflows"
        ),
        "an infinite prediction: the force stays 1": Case((-np.inf, 0.0), np.inf, (-1.0, 1.0)),
        "prediction not a number": Case((np.nan, 0.0), np.nan, (np.nan, np.nan)),
        "target not a number": Case((0.0, np.nan), np.nan, (np.nan, np.nan)),
    },
    variants={
        "cosh overflows": Mistake(
            lambda x, t: np.log(np.cosh(x - t)),
            seen_in="TorchMetrics, github.com/Lightning-AI/torchmetrics/issues/3488; "
            "MLJ, github.com/JuliaAI/MLJBase.jl/issues/437; STIR, github.com/UCL/STIR/issues/768",
            symptom="an infinite loss beyond 710 (float32: 89)",
        ),
        "logarithm of 2 taken off at the end": Mistake(
            lambda x, t: np.logaddexp(x - t, t - x) - np.log(2.0),
            seen_in="optax.log_cosh and keras.losses.log_cosh, source",
            symptom="0 or a small negative loss for errors below 1e-8",
        ),
        "logarithm of 2 forgotten": Mistake(
            lambda x, t: np.logaddexp(x - t, t - x), symptom="the loss never falls below log 2"
        ),
        "the slope returned": Mistake(lambda x, t: np.tanh(x - t), symptom="negative losses"),
        "root of 1 and the square": Mistake(
            lambda x, t: np.sqrt(1.0 + (x - t) ** 2) - 1.0,
            symptom="pseudo-Huber: as smooth, and lower by up to 1 - log 2",
        ),
    },
    as_printed=log_cosh_as_printed,
)
