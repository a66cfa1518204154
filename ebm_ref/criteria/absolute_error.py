r"""Absolute error: the loss whose best constant answer is the median.

    L(x, t) = |x - t|
    dL/dx   = sign(x - t)               0 at x = t
    dL/dt   = -sign(x - t)              0 at x = t

x is the prediction, t its target.  Every target pulls with the same force, wherever it is.  The best
constant is where as many pull up as down: a median (some lecture notes print 'medium').  An outlier
has one vote, and its distance counts for nothing, which makes the loss robust.  The price is the
corner at x = t: the force does not fade, so descent with a constant step overshoots for ever.

At the corner every number from -1 to 1 is a slope.  This page returns 0, the middle, because a right
prediction must be able to rest.  PyTorch once returned 1 there, so that exact predictions were pushed
away (github.com/pytorch/pytorch/issues/7172), and JAX still does so for `abs`
(github.com/jax-ml/jax/issues/37820).

To minimise L is to believe in Laplace's noise: exp(-L) / 2 is its density.

Source: Laplace (1774), "Memoire sur la probabilite des causes par les evenements"; NYU DLSP20, week
11-1 (L1Loss).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.criteria.squared_error import random_pair
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.numerics import negated


def absolute_error(prediction, target):
    """Absolute error of one sample.

    Parameters
    ----------
    prediction : float
        x.  A NaN gives a NaN loss, an infinite one an infinite loss.
    target : float
        t, in units of the prediction.

    Returns
    -------
    float
        |x - t| >= 0, in units of the prediction.

    Raises ValueError if an argument is not one real number.

    >>> float(absolute_error(2.5, 3.0))
    0.5
    """
    x, t = FORMULA.checked(prediction, target)
    return np.abs(x - t)


def absolute_error_prediction_gradient(prediction, target):
    """dL/dx = sign(x - t), 0 at the corner."""
    x, t = FORMULA.checked(prediction, target)
    return np.sign(x - t)


def absolute_error_target_gradient(prediction, target):
    """dL/dt = -sign(x - t), 0 at the corner."""
    x, t = FORMULA.checked(prediction, target)
    return negated(np.sign(x - t))


FORMULA = Formula(
    value=absolute_error,
    signature="(),()->()",
    source="laplace1774; NYU DLSP20, week 11-1",
    gradients={"prediction": absolute_error_prediction_gradient, "target": absolute_error_target_gradient},
    sample=random_pair,
    laws=(
        laws.non_negative,
        laws.symmetric("prediction", "target"),
        laws.moved_together("prediction", "target"),
        laws.homogeneous(1, prediction=1, target=1),
        laws.convex_in("prediction"),
        laws.gradient_bounded("prediction", 1.0),
        laws.minimised_by(
            lambda t, **_: np.median(t), "The median of the targets minimises, outlier or not."
        ),
        laws.integrates_to(
            lambda **_: 2.0,
            "int exp(-L) dt = 2: Laplace's noise.",
            lambda prediction, target: prediction + np.array([-40.0, 0.0, 40.0]),
        ),
    ),
    cases={  # (prediction, target), L, (dL/dx, dL/dt), the mistake that it exposes
        "half a unit short": Case((2.5, 3.0), 0.5, (-1.0, 1.0), "absolute value forgotten"),
        "half a unit beyond, across zero": Case((0.0, -0.5), 0.5, (1.0, -1.0)),
        "near: 2.1 for 2, where 2.1 is a double and the difference not 0.1": Case(
            (2.1, 2.0), 0.10000000000000009, (1.0, -1.0)
        ),
        "far below: the force is still one": Case((-1e6, 0.0), 1e6, (-1.0, 1.0), "gradient without its sign"),
        "at the corner: a right prediction may rest": Case((1.25, 1.25), 0.0, (0.0, 0.0)),
        "an infinite target": Case((0.0, np.inf), np.inf, (-1.0, 1.0)),
        "prediction not a number": Case((np.nan, 0.0), np.nan, (np.nan, np.nan)),
        "target not a number": Case((0.0, np.nan), np.nan, (np.nan, np.nan)),
    },
    variants={
        "absolute value forgotten": Mistake(
            lambda x, t: x - t,
            {"prediction": lambda x, t: 1.0, "target": lambda x, t: -1.0},
            symptom="negative losses; errors of opposite sign cancel in the mean",
        ),
        "gradient without its sign": Mistake(
            absolute_error,
            {"prediction": lambda x, t: 1.0, "target": lambda x, t: -1.0},
            seen_in="a course notebook, github.com/bashardudin/Epita-SCIA-OCVX/issues/1",
            symptom="predictions fall for ever",
        ),
        "root of the square and 1e-6": Mistake(
            lambda x, t: np.sqrt((x - t) ** 2 + 1e-6),
            symptom="Charbonnier's loss: 1e-3 where the prediction is right, and no corner",
        ),
        "divided by the mean of both sizes": Mistake(
            lambda x, t: 2.0 * np.abs(x - t) / (np.abs(x) + np.abs(t)),
            symptom="a share, never above 2: what is small must be predicted as well as what is large",
        ),
    },
)
