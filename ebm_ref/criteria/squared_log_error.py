r"""Squared logarithmic error: an error in proportion, for what is never negative.

    L(x, t) = (log(1 + x) - log(1 + t))^2
    dL/dx   = 2 (log(1 + x) - log(1 + t)) / (1 + x)
    dL/dt   = 2 (log(1 + t) - log(1 + x)) / (1 + t)

For sales, counts and incomes, which span orders of magnitude: to predict 200 where 100 is right costs the
same as 20 where 10 is, but for the 1.  The 1 admits zeros, and for small x and t the loss is nearly
squared_error.  x and t must be above -1.

Predicting too little costs more than predicting too much by the same amount.  The best constant
prediction is the geometric mean of 1 + t, less 1, which is below the mean.  The loss is convex in x only
as long as log(1 + x) - log(1 + t) <= 1: far above the target the pull fades.

Where x and t are near each other the two logarithms cancel.  Their difference is the logarithm of
1 + (x - t)/(1 + t), where nothing does.

Source: documentation of Keras 3, mean_squared_logarithmic_error, and of scikit-learn 1.9,
mean_squared_log_error.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import minimised_by, misfit, non_negative, symmetric


def squared_log_error_as_printed(prediction, target):
    """The difference of two logarithms, each rounded first.

    >>> x, t = 2.0**300 + 2.0**248, 2.0**300
    >>> f"{squared_log_error_as_printed(x, t):.3g} {squared_log_error(x, t):.3g}"
    '0 4.93e-32'
    """
    x, t = FORMULA.checked(prediction, target)
    return (np.log(1.0 + x) - np.log(1.0 + t)) ** 2


def squared_log_error(prediction, target):
    """Squared logarithmic error of one number.

    Parameters
    ----------
    prediction, target : float
        x, t > -1, in the same unit; the 1 that is added is one of that unit.  A NaN gives a NaN loss.

    Returns
    -------
    float
        >= 0, without a unit.

    Raises ValueError if an argument is not one real number, or is -1 or below.

    >>> float(squared_log_error(np.e - 1.0, 0.0))
    1.0
    """
    return log_ratio(*FORMULA.checked(prediction, target)) ** 2


def squared_log_error_prediction_gradient(prediction, target):
    """dL/dx: 2 log((1+x)/(1+t)) / (1 + x)."""
    x, t = FORMULA.checked(prediction, target)
    return 2.0 * log_ratio(x, t) / (1.0 + x)


def squared_log_error_target_gradient(prediction, target):
    """dL/dt: 2 log((1+t)/(1+x)) / (1 + t)."""
    x, t = FORMULA.checked(prediction, target)
    return 2.0 * log_ratio(t, x) / (1.0 + t)


def log_ratio(x, t):
    """log(1 + x) - log(1 + t), as the logarithm of 1 and a share that is not negative."""
    return np.log1p((x - t) / (1.0 + t)) if x >= t else -np.log1p((t - x) / (1.0 + x))


def rules(prediction, target):
    """Numbers that a logarithm can be taken of, with 1 added."""
    require(not prediction <= -1.0, "prediction", prediction, "must be above -1")
    require(not target <= -1.0, "target", target, "must be above -1")


def only_the_ratio(formula, inputs, rng):
    """Only the ratio counts: multiply 1 + x and 1 + t by the same, and nothing changes."""
    a = 2.0 ** rng.integers(0, 5)
    return misfit(formula, inputs, {name: a * x + (a - 1.0) for name, x in inputs.items()})


GRADIENTS = {"prediction": squared_log_error_prediction_gradient, "target": squared_log_error_target_gradient}

FORMULA = Formula(
    value=squared_log_error,
    signature="(),()->()",
    source="Keras 3, mean_squared_logarithmic_error; scikit-learn 1.9, mean_squared_log_error",
    gradients=GRADIENTS,
    sample=lambda rng: {"prediction": rng.exponential(3.0), "target": rng.exponential(3.0)},
    laws=(
        non_negative,
        symmetric("prediction", "target"),
        only_the_ratio,
        minimised_by(
            lambda t, **_: np.expm1(np.mean(np.log1p(t))),
            "The geometric mean of 1 + t, less 1, is the best prediction.",
            draw=lambda rng: rng.exponential(2.0, size=5),
        ),
    ),
    cases={  # (prediction, target), L, (dL/dx, dL/dt), the mistake that it exposes
        "one predicted, nothing there: (log 2)^2": Case(
            (1.0, 0.0), np.log(2.0) ** 2, (np.log(2.0), -2.0 * np.log(2.0)), "nothing added to the numbers"
        ),
        "twice too little": Case(
            (1.0, 3.0), np.log(2.0) ** 2, (-np.log(2.0), 0.5 * np.log(2.0)), "square of the difference"
        ),
        "twice too much": Case((7.0, 3.0), np.log(2.0) ** 2, (0.25 * np.log(2.0), -0.5 * np.log(2.0))),
        "a tenth: nothing to add up": Case((9.0, 0.0), np.log(10.0) ** 2, exposes="square forgotten"),
        "right": Case((5.0, 5.0), 0.0, (0.0, 0.0)),
        "a negative prediction, above -1": Case(
            (-0.5, 0.0), np.log(2.0) ** 2, (-4.0 * np.log(2.0), 2.0 * np.log(2.0)), "clipped at 1e-7"
        ),
        "off by 2^-46 in proportion: the logarithms cancel": Case(
            (2.0**300 + 2.0**254, 2.0**300), 2.0**-92 - 2.0**-138, exposes="two rounded logarithms"
        ),
        "a half, from one to three: in proportion": Case(
            (0.0, 1.0), np.log(2.0) ** 2, (-2.0 * np.log(2.0), np.log(2.0)), "logarithm to base 10"
        ),
        "not a number": Case((np.nan, 1.0), np.nan, (np.nan, np.nan)),
        "not a number in the target": Case((1.0, np.nan), np.nan, (np.nan, np.nan)),
    },
    variants={
        "clipped at 1e-7": Convention(
            lambda x, t: squared_log_error(np.maximum(x, 1e-7), np.maximum(t, 1e-7)),
            {
                "prediction": lambda x, t: (
                    squared_log_error_prediction_gradient(np.maximum(x, 1e-7), np.maximum(t, 1e-7))
                    * (x > 1e-7)
                ),
                "target": lambda x, t: (
                    squared_log_error_target_gradient(np.maximum(x, 1e-7), np.maximum(t, 1e-7)) * (t > 1e-7)
                ),
            },
            seen_in="Keras, documentation of mean_squared_logarithmic_error: negative values are clipped",
            symptom="a negative prediction is taken for 0, and has no gradient",
        ),
        "nothing added to the numbers": Mistake(
            lambda x, t: (np.log(x) - np.log(t)) ** 2, symptom="infinite or NaN at 0"
        ),
        "square of the difference": Mistake(
            lambda x, t: np.log1p(np.abs(x - t)) ** 2,
            symptom="an error of 100 costs the same at 100 and at a million",
        ),
        "square forgotten": Mistake(
            lambda x, t: np.abs(np.log1p(x) - np.log1p(t)),
            symptom="the root of a mean over one sample, averaged",
        ),
        "logarithm to base 10": Mistake(
            lambda x, t: (np.log10(1.0 + x) - np.log10(1.0 + t)) ** 2, symptom="the truth, divided by 5.3"
        ),
        "two rounded logarithms": Mistake(
            lambda x, t: (np.log(x + 1.0) - np.log(t + 1.0)) ** 2,
            symptom="0 for a small error of a large number",
        ),
        "logarithm of the squared error": Mistake(
            lambda x, t: np.log1p((x - t) ** 2), symptom="Cauchy's loss: far away hardly a pull"
        ),
    },
    as_printed=squared_log_error_as_printed,
    rules=rules,
    refuses={  # (prediction, target), the argument to blame
        "a prediction of -1": ((-1.0, 1.0), "prediction"),
        "a prediction below -1": ((-2.0, 1.0), "prediction"),
        "a target of -1": ((1.0, -1.0), "target"),
        "a target below -1": ((1.0, -2.0), "target"),
    },
)
