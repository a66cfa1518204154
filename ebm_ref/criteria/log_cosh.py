r"""Log-cosh: half the squared error near by, the absolute error far away, and smooth to every order.

    L(x, y) = log cosh(x - y),        dL/dx = tanh(x - y) = -dL/dy

For small d = x - y it is d^2/2, for large ones |d| - log 2.  The force saturates at 1, so it is
robust, like smooth_l1.py with beta = 1; but there is no place where the arms meet, and second
derivatives exist everywhere.  The scale is fixed: divide x and y by s to round the corner over s.

To minimise it is to believe in noise with the density sech(d) / pi, the hyperbolic secant.

No single expression keeps the digits.  cosh overflows at 710 (89 in float32).  The usual cure,
|d| + log(1 + e^(-2|d|)) - log 2, is a difference of numbers near log 2 when d is small, so that a
loss of 5e-19 comes out as 0, or as -1e-16.  Near by, the loss is log(1 + 2 sinh(d/2)^2), a sum.

Source: Green (1990), "Bayesian reconstructions from emission tomography data using a modified EM
algorithm", where log cosh is the penalty of a difference.
"""

import autograd.numpy as np

from ebm_ref.criteria.squared_error import difference, random_pair
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import (
    UNIT,
    condition,
    convex_in,
    gradient_bounded,
    integrates_to,
    moved_together,
    non_negative,
    smooth,
    symmetric,
)


def log_cosh(prediction, target):
    """Log-cosh loss of one sample.

    Parameters
    ----------
    prediction : float
        x, a pure number.  A NaN gives a NaN loss, an infinite one an infinite loss.
    target : float
        y, a pure number.

    Returns
    -------
    float
        >= 0; below both (x - y)^2 / 2 and |x - y|.

    Raises
    ------
    ValueError
        If an argument is an array.

    >>> float(log_cosh(1e-9, 0.0)), float(log_cosh(800.0, 0.0))
    (5e-19, 799.3068528194401)
    """
    d = np.abs(difference(prediction, target))
    if d < 1.0:
        return np.log1p(2.0 * np.sinh(0.5 * d) ** 2)
    return d + (np.log1p(np.exp(-2.0 * d)) - np.log(2.0))


def log_cosh_prediction_gradient(prediction, target):
    """dL/dx = tanh(x - y)."""
    return np.tanh(difference(prediction, target))


def log_cosh_target_gradient(prediction, target):
    """dL/dy = -tanh(x - y)."""
    return 0.0 - np.tanh(difference(prediction, target))


def between_its_limits(formula, inputs, rng):
    """|d| - log 2 <= L <= min(d^2 / 2, |d|)."""
    d, L = abs(inputs["prediction"] - inputs["target"]), formula.value(**inputs)
    outside = max((d - np.log(2.0)) - L, L - min(0.5 * d * d, d), 0.0)
    return outside / (16 * UNIT * (condition(formula, inputs) + d))


FORMULA = Formula(
    value=log_cosh,
    signature="(),()->()",
    source="green1990, the penalty of a difference",
    gradients={"prediction": log_cosh_prediction_gradient, "target": log_cosh_target_gradient},
    sample=random_pair,
    laws=(
        non_negative,
        symmetric("prediction", "target"),
        moved_together("prediction", "target"),
        convex_in("prediction"),
        smooth("prediction", 1.0),
        gradient_bounded("prediction", 1.0),
        between_its_limits,
        integrates_to(
            lambda **_: np.pi,
            "int exp(-L) dy = pi: noise with the density sech(d) / pi.",
            lambda prediction, target: prediction + np.array([-40.0, -8.0, -2.0, 0.0, 2.0, 8.0, 40.0]),
        ),
    ),
    cases={  # Case((prediction, target), value, by prediction and target, exposes)
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
            lambda x, y: np.log(np.cosh(x - y)),
            seen_in="TorchMetrics, github.com/Lightning-AI/torchmetrics/issues/3488; "
            "MLJ, github.com/JuliaAI/MLJBase.jl/issues/437; STIR, github.com/UCL/STIR/issues/768",
            symptom="an infinite loss beyond 710 (float32: 89)",
        ),
        "logarithm of 2 taken off at the end": Mistake(
            lambda x, y: np.logaddexp(x - y, y - x) - np.log(2.0),
            seen_in="optax.log_cosh and keras.losses.log_cosh, source",
            symptom="0 or a small negative loss for errors below 1e-8",
        ),
        "logarithm of 2 forgotten": Mistake(
            lambda x, y: np.logaddexp(x - y, y - x), symptom="the loss never falls below log 2"
        ),
    },
)
