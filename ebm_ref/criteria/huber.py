r"""Huber loss: squared near by, absolute far away, with no corner between.

    L(x, t) = d^2 / 2                  where |d| <= delta,      d = x - t
    L(x, t) = delta (|d| - delta/2)    elsewhere
    dL/dx   = max(-delta, min(d, delta))
    dL/dt   = -max(-delta, min(d, delta))

x is the prediction, t its target.  The force is that of a spring, but never more than delta.  Where
delta exceeds every error, this is half the squared error, and the mean of the targets is the best
constant.  Where every error exceeds delta, it is delta times the absolute error up to a constant, and
the median is the best (some tutorials have it the wrong way round).  Between the two the best constant is
a winsorised mean: the mean of the targets after those farther than delta have been moved in to delta.
It need not lie between mean and median: for -1, -1, 0, 0.1, 100 and delta = 1 it is negative.

Huber's loss is delta times smooth_l1.py with beta = delta.  Whoever takes one for the other changes
the learning rate.

To minimise L is to believe in noise that is Gaussian in the middle and Laplace's in the tails.  Huber
chose it because, of all Gaussians with a little contamination, this is the least favourable one.

Source: Huber (1964), "Robust estimation of a location parameter".
"""

from math import erf

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require_positive
from ebm_ref.criteria.squared_error import random_pair
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import half_square, negated


def huber(prediction, target, delta=1.0):
    """Huber loss of one sample.

    Parameters
    ----------
    prediction : float
        x.  A NaN gives a NaN loss, an infinite one an infinite loss.
    target : float
        t, in units of the prediction.
    delta : float
        Where the parabola ends and the line begins, > 0, in units of the prediction: the largest force.

    Returns
    -------
    float
        >= 0, in units of the prediction squared; delta^2 / 2 where the two arms meet.

    Raises ValueError if an argument is not one real number, or if delta is not positive and finite.

    >>> float(huber(0.0, 0.5)), float(huber(0.0, 3.0))
    (0.125, 2.5)
    """
    x, t, delta = FORMULA.checked(prediction, target, delta)
    d = np.abs(x - t)
    return half_square(d) if d <= delta else delta * (d - 0.5 * delta)


def huber_prediction_gradient(prediction, target, delta=1.0):
    """dL/dx = d, held between -delta and delta."""
    x, t, delta = FORMULA.checked(prediction, target, delta)
    return np.clip(x - t, -delta, delta)


def huber_target_gradient(prediction, target, delta=1.0):
    """dL/dt = -d, held between -delta and delta."""
    x, t, delta = FORMULA.checked(prediction, target, delta)
    return negated(np.clip(x - t, -delta, delta))


def rules(prediction, target, delta):
    """A corner that is somewhere."""
    require_positive("delta", delta)


def winsorised_mean(targets, delta, **_):
    """The mean of the targets, those farther than delta from it moved in to delta: its own fixed point."""
    x = np.median(targets)
    for _ in range(500):
        x = np.mean(np.clip(targets, x - delta, x + delta))
    return x


FORMULA = Formula(
    value=huber,
    signature="(),(),()->()",
    source="huber1964, the function rho",
    gradients={"prediction": huber_prediction_gradient, "target": huber_target_gradient},
    sample=lambda rng: random_pair(rng) | {"delta": rng.uniform(0.5, 3.0)},
    laws=(
        laws.non_negative,
        laws.symmetric("prediction", "target"),
        laws.moved_together("prediction", "target"),
        laws.homogeneous(2, prediction=1, target=1, delta=1),
        laws.convex_in("prediction"),
        laws.smooth("prediction", 1.0),
        laws.gradient_bounded("prediction", "delta"),
        laws.minimised_by(
            winsorised_mean, "The winsorised mean minimises: targets beyond delta are moved in to delta."
        ),
        laws.minimised_by(
            lambda t, **_: np.mean(t),
            "With delta above the spread of the targets their mean minimises.",
            given=lambda t: {"delta": np.ptp(t)},
        ),
        laws.minimised_by(
            lambda t, **_: np.median(t),
            "With delta below half their smallest gap their median minimises.",
            given=lambda t: {"delta": 0.5 * np.min(np.diff(np.sort(t)))},
        ),
        laws.integrates_to(
            lambda delta, **_: (
                np.sqrt(2.0 * np.pi) * erf(delta / np.sqrt(2.0)) + 2.0 / delta * np.exp(-0.5 * delta**2)
            ),
            "int exp(-L) dt = sqrt(2 pi) erf(delta/sqrt 2) + (2/delta) e^(-delta^2/2).",
            lambda prediction, target, delta: prediction + delta_edges(delta, 40.0 / delta),
        ),
    ),
    cases={  # (prediction, target, delta), L, (dL/dx, dL/dt), the mistake that it exposes
        "inside: half the square": Case((0.25, 0.0, 2.0), 0.03125, (0.25, -0.25)),
        "still inside": Case((1.0, 2.0, 2.0), 0.5, (-1.0, 1.0), "divided by delta: smooth L1"),
        "outside: a line": Case((3.0, 0.0, 2.0), 4.0, (2.0, -2.0), "half of delta forgotten"),
        "outside, below the target": Case(
            (-3.0, 0.0, 2.0), 4.0, (-2.0, 2.0), "only positive errors reach the line"
        ),
        "where the arms meet": Case((2.0, 0.0, 2.0), 2.0, (2.0, -2.0)),
        "where the arms meet, below the target": Case((0.5, 1.5, 1.0), 0.5, (-1.0, 1.0)),
        "half a unit short": Case((2.5, 3.0, 1.0), 0.125, (-0.5, 0.5)),
        "near: 2.1 for 2, where 2.1 is a double and the difference not 0.1": Case(
            (2.1, 2.0, 1.0), 0.005000000000000009, (0.10000000000000009, -0.10000000000000009)
        ),
        "at the target: no loss, no force": Case((1.25, 1.25, 1.0), 0.0, (0.0, 0.0)),
        "an infinite prediction: the force stays delta": Case((np.inf, 0.0, 0.5), np.inf, (0.5, -0.5)),
        "prediction not a number": Case((np.nan, 0.0, 1.0), np.nan, (np.nan, np.nan)),
        "target not a number": Case((0.0, np.nan, 1.0), np.nan, (np.nan, np.nan)),
        "far outside: delta for each unit of the way": Case(
            (5.0, 0.0, 2.0), 8.0, (2.0, -2.0), "line without delta in front"
        ),
    },
    variants={
        "divided by delta: smooth L1": Convention(
            lambda x, t, delta=1.0: huber(x, t, delta) / delta,
            (
                lambda x, t, delta=1.0: huber_prediction_gradient(x, t, delta) / delta,
                lambda x, t, delta=1.0: huber_target_gradient(x, t, delta) / delta,
            ),
            seen_in="PyTorch, documentation of torch.nn.SmoothL1Loss, "
            "github.com/pytorch/pytorch/issues/48595",
            symptom="right at delta = 1 only",
        ),
        "half of delta forgotten": Mistake(
            lambda x, t, delta=1.0: np.where(
                np.abs(x - t) <= delta, 0.5 * (x - t) ** 2, delta * (np.abs(x - t) - delta)
            ),
            seen_in="H2O-3, github.com/h2oai/h2o-3/pull/6015 (deviance, twice this)",
            symptom="the loss drops from delta^2/2 to 0 where the arms should meet",
        ),
        "only positive errors reach the line": Mistake(
            lambda x, t, delta=1.0: np.where(x - t < -delta, 0.0, huber(x, t, delta)),
            seen_in="on-policy (MAPPO), github.com/marlbenchmark/on-policy/issues/47",
            symptom="no loss at all for errors below -delta",
        ),
        "line without delta in front": Mistake(
            lambda x, t, delta=1.0: huber(x, t, delta) / (delta if abs(x - t) > delta else 1.0),
            symptom="right at delta = 1 alone: elsewhere a jump and a bend where the arms meet",
        ),
    },
    rules=rules,
    refuses={  # (prediction, target, delta), the argument to blame
        "a delta of zero": ((1.0, 0.0, 0.0), "delta"),
        "a negative delta": ((1.0, 0.0, -1.0), "delta"),
        "an infinite delta": ((1.0, 0.0, np.inf), "delta"),
        "a delta that is no number": ((1.0, 0.0, np.nan), "delta"),
    },
)


def delta_edges(corner, reach):
    """Edges for a quadrature over d: the corners -corner and corner, and a tail of length `reach` outside."""
    tail = corner + reach * np.array([0.0, 0.25, 1.0])
    return np.concatenate([-tail[::-1], tail])
