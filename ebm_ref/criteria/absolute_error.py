r"""Absolute error: the loss whose best constant answer is the median.

    L(x, y) = |x - y|,        dL/dx = sign(x - y) = -dL/dy,    0 at x = y

Every target pulls with the same force, wherever it is.  The best constant is where as many pull up as
down: a median (some lecture notes print 'medium').  An outlier has one vote, and its distance counts
for nothing, which makes the loss robust.  The price is the corner at x = y: the force does not fade,
so descent with a constant step overshoots for ever.

At the corner every slope from -1 to 1 is one; 0, the middle, is the only one at which a prediction
that is right may rest.  PyTorch once returned 1 there, so that exact predictions were pushed away
(github.com/pytorch/pytorch/issues/7172), and JAX does for `abs` (github.com/jax-ml/jax/issues/37820).

To minimise it is to believe in Laplace's noise: exp(-L) / 2 is a density.

Source: Laplace (1774), "Memoire sur la probabilite des causes par les evenements"; NYU DLSP20, week
11-1 (L1Loss).
"""

import autograd.numpy as np

from ebm_ref.criteria.squared_error import difference, random_pair
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import (
    convex_in,
    gradient_bounded,
    homogeneous,
    integrates_to,
    minimised_by,
    moved_together,
    non_negative,
    symmetric,
)


def absolute_error(prediction, target):
    """Absolute error of one sample.

    Parameters
    ----------
    prediction : float
        x.  A NaN gives a NaN loss, an infinite one an infinite loss.
    target : float
        y, in units of the prediction.

    Returns
    -------
    float
        |x - y| >= 0, in units of the prediction.

    Raises
    ------
    ValueError
        If an argument is an array.

    >>> float(absolute_error(2.5, 3.0))
    0.5
    """
    return np.abs(difference(prediction, target))


def absolute_error_prediction_gradient(prediction, target):
    """dL/dx = sign(x - y), 0 at the corner."""
    return np.sign(difference(prediction, target))


def absolute_error_target_gradient(prediction, target):
    """dL/dy = -sign(x - y), 0 at the corner."""
    return 0.0 - np.sign(difference(prediction, target))


FORMULA = Formula(
    value=absolute_error,
    signature="(),()->()",
    source="laplace1774; NYU DLSP20, week 11-1",
    gradients={"prediction": absolute_error_prediction_gradient, "target": absolute_error_target_gradient},
    sample=random_pair,
    laws=(
        non_negative,
        symmetric("prediction", "target"),
        moved_together("prediction", "target"),
        homogeneous(1, prediction=1, target=1),
        convex_in("prediction"),
        gradient_bounded("prediction", 1.0),
        minimised_by(lambda y, **_: np.median(y), "The median of the targets minimises, outlier or not."),
        integrates_to(
            lambda **_: 2.0,
            "int exp(-L) dy = 2: Laplace's noise.",
            lambda prediction, target: prediction + np.array([-40.0, 0.0, 40.0]),
        ),
    ),
    cases={  # Case((prediction, target), value, by prediction and target, exposes)
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
            lambda x, y: x - y,
            {"prediction": lambda x, y: 1.0, "target": lambda x, y: -1.0},
            symptom="negative losses; errors of opposite sign cancel in the mean",
        ),
        "gradient without its sign": Mistake(
            absolute_error,
            {"prediction": lambda x, y: 1.0, "target": lambda x, y: -1.0},
            seen_in="a course notebook, github.com/bashardudin/Epita-SCIA-OCVX/issues/1",
            symptom="predictions fall for ever",
        ),
    },
)
