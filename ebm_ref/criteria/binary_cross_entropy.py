r"""Binary cross-entropy: the cost of a stated probability.

    L(p, t) = -t log p - (1 - t) log(1 - p)
    dL/dp   = (p - t) / (p (1 - p))
    dL/dt   = log((1 - p)/p)

Somebody says that it rains with probability p; then it rains (t = 1), or not (t = 0), or on a share t
of the days.  Whoever believes t does best to say t: L is lowest at p = t, where it is the entropy of t.
It is minus the logarithm of the probability given to what happened.  So it is unbounded, and so is its
slope: a sure statement that turns out wrong costs +inf.  p = 0 and p = 1 are legal, with 0 log 0 = 0.

Many clip p away from 0 and 1.  That makes the loss less accurate, not more: the samples that are most
wrong then get no gradient at all.  If p comes from a sigmoid, use the logit instead.

Two subtractions deserve care.  log(1 - p) is 0 for every p < 1e-16, unless log1p is used.  And the slope
as one differentiates it, (1 - t)/(1 - p) - t/p, loses near p = t the digits that p - t keeps.

Source: Good (1952), "Rational Decisions".
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, likelihood_over, misfit, non_negative
from ebm_ref.numerics import negated, xlog1py, xlogy


def binary_cross_entropy(probability, target):
    """Binary cross-entropy of one sample.

    Parameters
    ----------
    probability : float
        Stated probability p in [0, 1] of the outcome 1.  A NaN gives a NaN loss.
    target : float
        What happened, t in [0, 1]: 1 or 0, or a share of both.  A NaN gives a NaN loss.

    Returns
    -------
    float
        >= 0, in nats; 0 where p = t = 0 or p = t = 1; +inf where what happened was called impossible.

    Raises ValueError if p or t is not in [0, 1].

    >>> float(binary_cross_entropy(0.9, 1.0).round(5)), float(binary_cross_entropy(1e-20, 0.0))
    (0.10536, 1e-20)
    """
    p, t = FORMULA.checked(probability, target)
    return negated(xlogy(t, p)) - xlog1py(1.0 - t, -p)


def binary_cross_entropy_probability_gradient(probability, target):
    """dL/dp: (p - t) / (p (1 - p)), which is 1/(1 - p) for t = 0 and -1/p for t = 1, also at p = t."""
    p, t = FORMULA.checked(probability, target)
    with np.errstate(divide="ignore", over="ignore"):
        if t == 0.0:
            return np.divide(1.0, 1.0 - p)
        return np.divide(-1.0, p) if t == 1.0 else np.divide(p - t, p * (1.0 - p))


def binary_cross_entropy_target_gradient(probability, target):
    """dL/dt: log((1 - p)/p), whatever the target; +inf at p = 0, -inf at p = 1."""
    p, t = FORMULA.checked(probability, target)
    with np.errstate(divide="ignore"):
        slope = np.log1p(-p) - np.log(p)
    return np.nan if np.isnan(t) else slope


def rules(probability, target):
    """Two shares of a whole."""
    check_share("probability", probability)
    check_share("target", target)


def check_share(argument, value):
    """Raise unless `value` is in [0, 1]; a NaN goes through."""
    require(not (value < 0.0 or value > 1.0), argument, value, "must be in [0, 1]")


def lowest_at_the_target(formula, inputs, rng):
    """L(p, t) >= L(t, t): to say what one believes is best."""
    honest = inputs | {"probability": inputs["target"]}
    gain = formula.value(**honest) - formula.value(**inputs)
    return (
        gain / (16 * UNIT * (condition(formula, inputs) + condition(formula, honest))) if gain > 0.0 else 0.0
    )


def mirrored(formula, inputs, rng):
    """L(1 - p, 1 - t) = L(p, t): which outcome is called 1 does not matter."""
    inputs = {a: np.round(x * 2**20) / 2**20 for a, x in inputs.items()}  # here 1 - x is exact
    return misfit(formula, inputs, {a: 1.0 - x for a, x in inputs.items()})


def convex_in_the_probability(formula, inputs, rng):
    """L at the middle of two probabilities is at most the mean of the two."""
    p, q = inputs["probability"], rng.uniform(0.1, 0.9)
    points = [inputs | {"probability": x} for x in (p, q, (p + q) / 2)]
    left, right, middle = (formula.value(**point) for point in points)
    excess = middle - (left + right) / 2
    return excess / (16 * UNIT * sum(condition(formula, x) for x in points)) if excess > 0.0 else 0.0


def _clipping(eps, added=0.0):
    """Value and gradients where p is clipped to eps..1 - eps, and `added` inside the logarithms."""

    def value(p, t):
        c = np.clip(p, eps, 1.0 - eps)
        return -t * np.log(c + added) - (1.0 - t) * np.log(1.0 - c + added)

    def by_probability(p, t):
        return (1.0 - t) / (1.0 - p + added) - t / (p + added) if eps < p < 1.0 - eps else 0.0 * p

    return value, {"probability": by_probability, "target": lambda p, t: value(p, 1.0) - value(p, 0.0)}


FORMULA = Formula(
    value=binary_cross_entropy,
    signature="(),()->()",
    source="good1952",
    gradients={
        "probability": binary_cross_entropy_probability_gradient,
        "target": binary_cross_entropy_target_gradient,
    },
    sample=lambda rng: {"probability": rng.uniform(0.1, 0.9), "target": rng.uniform(0.1, 0.9)},
    laws=(non_negative, likelihood_over("target"), lowest_at_the_target, mirrored, convex_in_the_probability),
    cases={  # (probability, target), L, (dL/dp, dL/dt), the mistake that it exposes
        "rain, p = 0.9": Case(
            (0.9, 1.0),
            0.10536051565782628,
            {"probability": -1.1111111111111112},
            "gradient by the logit returned instead",
        ),
        "no rain, p = 0.2": Case((0.2, 0.0), 0.22314355131420976, {"probability": 1.25}),
        "rain, p = 0.8": Case((0.8, 1.0), 0.2231435513142097, {"probability": -1.25}),
        "nothing known: log 2, whatever happens": Case((0.5, 0.25), np.log(2.0), (1.0, 0.0)),
        "the target reproduced: at rest, at the entropy of 1/4": Case(
            (0.25, 0.25), 0.25 * np.log(4.0) + 0.75 * np.log(4.0 / 3.0), (0.0, np.log(3.0))
        ),
        "all but reproduced: p - t = 2^-40 is exact, and so must the slope be": Case(
            (0.25 + 2.0**-40, 0.25), 0.5623351446188084, {"probability": 4.850638409443853e-12}
        ),
        "half the days, p = 1/4": Case(
            (0.25, 0.5),
            np.log(4.0) - 0.5 * np.log(3.0),
            (-4.0 / 3.0, np.log(3.0)),
            "prediction and target exchanged",
        ),
        "certain but for 2^-53, and right": Case(
            (1.0 - 2.0**-53, 1), 1.1102230246251565e-16, {"probability": -1.0000000000000002}
        ),
        "nearly impossible, and it did not happen: 2^-60 is left": Case(
            (2.0**-60, 0), 8.673617379884035e-19, {"probability": 1.0}, "one minus p rounded to one"
        ),
        "nearly impossible, and it happened: no logarithm may be clamped": Case(
            (2.0**-1000, 1), 693.1471805599454, {"probability": -(2.0**1000)}, "probability clipped at 1e-7"
        ),
        "all but certain in single precision, and wrong": Case(
            (1.0 - 2.0**-23, 0), 23.0 * np.log(2.0), {"probability": 2.0**23}, "clipped, and 1e-7 added too"
        ),
        "rightly called impossible": Case((0.0, 0.0), 0.0, (1.0, np.inf), "zero times infinity"),
        "rightly called certain": Case((1.0, 1.0), 0.0, (-1.0, -np.inf)),
        "wrongly called impossible": Case((0.0, 1.0), np.inf, (-np.inf, np.inf), "logarithm clamped at -100"),
        "wrongly called certain": Case(
            (1.0, 0.0), np.inf, (np.inf, -np.inf), exposes="probability clipped at 1e-15"
        ),
        "called impossible, and true half the time": Case(
            (0.0, 0.5), np.inf, (-np.inf, np.inf), exposes="probability clipped at 1e-12"
        ),
        "not a number": Case((np.nan, 0.0), np.nan, (np.nan, np.nan)),
        "not a number in the target": Case((0.5, np.nan), np.nan, (np.nan, np.nan)),
    },
    variants={
        "logarithm clamped at -100": Convention(
            lambda p, t: -(t * np.maximum(np.log(p), -100.0) + (1.0 - t) * np.maximum(np.log1p(-p), -100.0)),
            {
                "probability": lambda p, t: (p - t) / np.maximum(p * (1.0 - p), LEAST),
                "target": lambda p, t: np.maximum(np.log1p(-p), -100.0) - np.maximum(np.log(p), -100.0),
            },
            seen_in="PyTorch, documentation of torch.nn.BCELoss; github.com/pytorch/pytorch/issues/103316",
            symptom="no loss exceeds 100; behind a sigmoid the gradient dies for p < 1e-12",
        ),
        "clipped at the resolution of the dtype": Convention(
            lambda p, t: -xlogy(t, _within_resolution(p)) - xlogy(1.0 - t, _within_resolution(1.0 - p)),
            seen_in="scikit-learn, documentation of log_loss; "
            "github.com/scikit-learn/scikit-learn/issues/17399",
            symptom="no loss exceeds 36.04, or in float32 15.94: the same data cost less in less precision",
        ),
        "gradient by the logit returned instead": Mistake(
            binary_cross_entropy,
            {"probability": lambda p, t: p - t},
            symptom="right only if the sigmoid is left out of the backward pass",
        ),
        "probability clipped at 1e-7": Mistake(
            *_clipping(1e-7),
            seen_in="Keras binary_crossentropy, github.com/keras-team/keras/issues/4744",
            symptom="no loss exceeds 16.118 or falls below 1e-7, and beyond there is no gradient",
        ),
        "clipped, and 1e-7 added too": Mistake(
            *_clipping(1e-7, added=1e-7),
            seen_in="Keras binary_crossentropy, github.com/keras-team/keras/issues/15249",
            symptom="15.33 for 15.94; losses of -1e-7 for sure and right predictions",
        ),
        "one minus p rounded to one": Mistake(
            lambda p, t: -xlogy(t, p) - xlogy(1.0 - t, 1.0 - p),
            symptom="0 for every p < 1e-16 that is right: absolute accuracy only",
        ),
        "zero times infinity": Mistake(
            lambda p, t: -t * np.log(p) - (1.0 - t) * np.log1p(-p),
            seen_in="MLX binary_cross_entropy, github.com/ml-explore/mlx/pull/1280",
            symptom="NaN where p is exactly 0 or 1, and right",
        ),
        "prediction and target exchanged": Mistake(
            lambda p, t: -xlogy(p, t) - xlog1py(1.0 - p, -t),
            symptom="infinite for every hard target: some libraries take the target first, some last",
        ),
        "probability clipped at 1e-12": Mistake(
            *_clipping(1e-12), symptom="no loss exceeds 27.63; in float32 the upper end is 1, and so no end"
        ),
        "probability clipped at 1e-15": Mistake(
            *_clipping(1e-15),
            seen_in="scikit-learn before 1.2, log_loss, github.com/scikit-learn/scikit-learn/issues/17399",
            symptom="no loss exceeds 34.54; in float32 the upper end is 1, and so no end",
        ),
        "logarithm of a mixed probability": Mistake(
            lambda p, t: -np.log(t * p + (1.0 - t) * (1.0 - p)),
            symptom="right for 0 and 1; for a share lower, and even p = 1/2 costs as much as any",
        ),
        "square of the difference": Mistake(
            lambda p, t: (p - t) ** 2, symptom="Brier's score: what is surely wrong costs 1, and hardly pulls"
        ),
        "absolute difference": Mistake(
            lambda p, t: np.abs(p - t), symptom="linear: the best p is 0 or 1, whatever the frequency"
        ),
    },
    rules=rules,
    refuses={  # (probability, target), the argument to blame
        "a probability below 0": ((-0.5, 1.0), "probability"),
        "a probability above 1": ((1.5, 1.0), "probability"),
        "a target below 0": ((0.5, -0.5), "target"),
        "a target above 1": ((0.5, 2.0), "target"),
    },
)

LEAST = float(np.float32(1e-12))  # in single precision, whatever the dtype


def _within_resolution(p):
    eps = np.finfo(np.asarray(p).dtype).eps
    return np.clip(p, eps, 1.0 - eps)
