r"""Smooth L1: the absolute error with its corner rounded off.

    L(x, t) = d^2 / (2 beta)      where |d| < beta,      d = x - t
    L(x, t) = |d| - beta/2        elsewhere
    dL/dx   = max(-1, min(d/beta, 1))
    dL/dt   = -max(-1, min(d/beta, 1))

x is the prediction, t its target.  beta is a distance here, as in the frameworks, and no inverse
temperature.  The loss is Huber's divided by delta = beta, so that far away the force is 1 whatever
beta is.  As beta goes to 0 it becomes the absolute error, where Huber's becomes 0; at beta = 0 it is
the absolute error.  As beta grows it fades, where Huber's becomes half the squared error.

Object detectors made it known, because the offsets of their boxes had outliers.  They brought a second
way to set it: sigma, with beta = 1/sigma^2.

Source: Girshick (2015), "Fast R-CNN", equation 3, for beta = 1; NYU DLSP20, week 11-1.
"""

from math import erf

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.criteria.huber import delta_edges
from ebm_ref.criteria.squared_error import random_pair
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import negated


def smooth_l1(prediction, target, beta=1.0):
    """Smooth L1 loss of one sample.

    Parameters
    ----------
    prediction : float
        x.  A NaN gives a NaN loss, an infinite one an infinite loss.
    target : float
        t, in units of the prediction.
    beta : float
        Where the parabola ends and the line begins, >= 0, in units of the prediction; 0 is |x - t|.

    Returns
    -------
    float
        >= 0, in units of the prediction; beta/2 where the two arms meet.

    Raises ValueError if an argument is not one real number, or if beta is negative or infinite.

    >>> float(smooth_l1(0.0, 1.0, beta=2.0)), float(smooth_l1(0.0, 3.0, beta=2.0))
    (0.25, 2.0)
    """
    x, t, beta = FORMULA.checked(prediction, target, beta)
    d = np.abs(x - t)
    return d * (0.5 * (d / beta)) if d < beta else d - 0.5 * beta


def smooth_l1_prediction_gradient(prediction, target, beta=1.0):
    """dL/dx = d/beta, held between -1 and 1; sign(d) for beta = 0, with 0 at the corner."""
    x, t, beta = FORMULA.checked(prediction, target, beta)
    return slope(x - t, beta)


def smooth_l1_target_gradient(prediction, target, beta=1.0):
    """dL/dt = -d/beta, held between -1 and 1."""
    x, t, beta = FORMULA.checked(prediction, target, beta)
    return negated(slope(x - t, beta))


def slope(d, beta):
    """d/beta, held between -1 and 1, also for beta = 0."""
    return d / beta if np.abs(d) < beta else np.sign(d)


def rules(prediction, target, beta):
    """A distance, or none."""
    require(0.0 <= beta < np.inf, "beta", beta, "must be >= 0 and finite")


def slope_changes_slowly(formula, inputs, rng):
    """|dL/dx(A) - dL/dx(B)| <= |A - B| / beta: no corner."""
    A, B = inputs["prediction"], inputs["prediction"] + rng.normal(scale=inputs["beta"])
    g = lambda x: formula.gradients["prediction"](**inputs | {"prediction": x})
    size = abs(A) + abs(B) + abs(inputs["target"])
    return inputs["beta"] * abs(g(A) - g(B)) / (abs(A - B) + 16 * laws.UNIT * size)


FORMULA = Formula(
    value=smooth_l1,
    signature="(),(),()->()",
    source="girshick2015, equation 3",
    gradients={"prediction": smooth_l1_prediction_gradient, "target": smooth_l1_target_gradient},
    sample=lambda rng: random_pair(rng) | {"beta": rng.uniform(0.5, 3.0)},
    laws=(
        laws.non_negative,
        laws.symmetric("prediction", "target"),
        laws.moved_together("prediction", "target"),
        laws.homogeneous(1, prediction=1, target=1, beta=1),
        laws.convex_in("prediction"),
        slope_changes_slowly,
        laws.gradient_bounded("prediction", 1.0),
        laws.minimised_by(
            lambda t, **_: np.mean(t),
            "With beta above the spread of the targets their mean minimises.",
            given=lambda t: {"beta": np.ptp(t)},
        ),
        laws.minimised_by(
            lambda t, **_: np.median(t),
            "With beta below half their smallest gap their median minimises.",
            given=lambda t: {"beta": 0.5 * np.min(np.diff(np.sort(t)))},
        ),
        laws.integrates_to(
            lambda beta, **_: (
                np.sqrt(2.0 * np.pi * beta) * erf(np.sqrt(beta / 2.0)) + 2.0 * np.exp(-beta / 2.0)
            ),
            "int exp(-L) dt = sqrt(2 pi beta) erf(sqrt(beta/2)) + 2 e^(-beta/2).",
            lambda prediction, target, beta: prediction + delta_edges(beta, 40.0),
        ),
    ),
    cases={  # (prediction, target, beta), L, (dL/dx, dL/dt), the mistake that it exposes
        "inside": Case((0.25, 0.0, 2.0), 0.015625, (0.125, -0.125), "beta in the condition alone"),
        "still inside: half of Huber's": Case((1.0, 2.0, 2.0), 0.25, (-0.5, 0.5)),
        "outside: a line": Case((3.0, 0.0, 2.0), 2.0, (1.0, -1.0)),
        "outside, below the target": Case(
            (-3.0, 0.0, 2.0), 2.0, (-1.0, 1.0), "no absolute value in the condition"
        ),
        "where the arms meet": Case((2.0, 0.0, 2.0), 1.0, (1.0, -1.0)),
        "half a unit short, beta = 1: the same as Huber's": Case((2.5, 3.0, 1.0), 0.125, (-0.5, 0.5)),
        "no rounding: the absolute error": Case((0.0, 0.75, 0.0), 0.75, (-1.0, 1.0)),
        "no rounding, at the corner": Case((0.75, 0.75, 0.0), 0.0, (0.0, 0.0)),
        "at the target: no loss, no force": Case((1.25, 1.25, 1.0), 0.0, (0.0, 0.0)),
        "an infinite prediction: the force stays 1": Case((-np.inf, 0.0, 0.5), np.inf, (-1.0, 1.0)),
        "prediction not a number": Case((np.nan, 0.0, 1.0), np.nan, (np.nan, np.nan)),
        "target not a number": Case((0.0, np.nan, 1.0), np.nan, (np.nan, np.nan)),
    },
    variants={
        "times beta: Huber": Convention(
            lambda x, t, beta=1.0: beta * smooth_l1(x, t, beta),
            {
                "prediction": lambda x, t, beta=1.0: beta * smooth_l1_prediction_gradient(x, t, beta),
                "target": lambda x, t, beta=1.0: beta * smooth_l1_target_gradient(x, t, beta),
            },
            seen_in="PaddlePaddle, documentation of SmoothL1Loss, github.com/PaddlePaddle/docs/pull/7323",
            symptom="right at beta = 1 only",
        ),
        "sigma in place of beta: beta = 1/sigma^2": Convention(
            lambda x, t, beta=1.0: smooth_l1(x, t, 1.0 / beta**2),
            {
                "prediction": lambda x, t, beta=1.0: smooth_l1_prediction_gradient(x, t, 1.0 / beta**2),
                "target": lambda x, t, beta=1.0: smooth_l1_target_gradient(x, t, 1.0 / beta**2),
            },
            seen_in="Faster R-CNN and its ports, github.com/xuannianz/EfficientDet/issues/93",
            symptom="right at sigma = 1 only",
        ),
        "beta in the condition alone": Mistake(
            lambda x, t, beta=1.0: np.where(np.abs(x - t) < beta, 0.5 * (x - t) ** 2, np.abs(x - t) - 0.5),
            seen_in="KerasCV, github.com/keras-team/keras-cv/issues/920; "
            "a first draft for PyTorch, github.com/pytorch/pytorch/pull/17447",
            symptom="a jump at |d| = beta, unless beta = 1",
        ),
        "no absolute value in the condition": Mistake(
            lambda x, t, beta=1.0: np.where(x - t < beta, 0.5 * (x - t) ** 2, np.abs(x - t) - 0.5 * beta),
            seen_in="MLX, documentation of smooth_l1_loss, github.com/ml-explore/mlx/pull/1986",
            symptom="errors below -beta are squared",
        ),
        "pseudo-Huber": Mistake(
            lambda x, t, beta=1.0: beta * (np.sqrt(1.0 + ((x - t) / beta) ** 2) - 1.0),
            symptom="no joint: nowhere a parabola, and lower by up to beta/2",
        ),
        "square of the error compared with beta": Mistake(
            lambda x, t, beta=1.0: np.where(
                (x - t) ** 2 < beta, 0.5 * (x - t) ** 2 / beta, np.abs(x - t) - 0.5 * beta
            ),
            symptom="right at beta = 1 alone; a jump at the joint",
        ),
    },
    rules=rules,
    refuses={  # (prediction, target, beta), the argument to blame
        "a negative beta": ((1.0, 0.0, -1.0), "beta"),
        "an infinite beta": ((1.0, 0.0, np.inf), "beta"),
        "a beta that is no number": ((1.0, 0.0, np.nan), "beta"),
    },
)
