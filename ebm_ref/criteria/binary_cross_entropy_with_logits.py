r"""Binary cross-entropy with logits: a yes-or-no answer from one score.

    L(z, t) = -t log p - (1 - t) log(1 - p),        p = 1/(1 + e^{-z})
    L(z, t) = t softplus(-z) + (1 - t) softplus(z)
    dL/dz   = p - t
    dL/dt   = -z

This is logistic regression.  For a hard target it is the log loss of two energies, those of 'yes' and
'no', with E_no - E_yes = z; and it is cross_entropy of the two logits (0, z).  Behind a sigmoid the
slope of binary_cross_entropy, which is unbounded, becomes p - t, which is not: an outlier pulls with a
force of at most 1.

Computing p first ruins it.  From z = 37 on, p rounds to 1, and log(1 - p) to -inf; the truth is -37.
The usual remedy, max(z, 0) - z t + log(1 + e^{-|z|}), holds for every finite z, but is inf - inf for an
infinite one.  The sum of two softplus, each >= 0, is right everywhere, with 0 inf = 0.  Likewise p - t
loses digits near t = 1; (1 - t) p - t (1 - p), with 1 - p computed as the sigmoid of -z, does not.

Source: Cox (1958), "The Regression Analysis of Binary Sequences".
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.criteria.binary_cross_entropy import check_share
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.numerics import negated, sigmoid, softplus, weighted


def binary_cross_entropy_with_logits_as_printed(logit, target):
    """By way of p, word by word: near 1, p has no room for the digits of 1 - p.

    >>> print(f"{binary_cross_entropy_with_logits_as_printed(30.0, 1.0):.4g}")
    9.348e-14
    >>> print(f"{binary_cross_entropy_with_logits(30.0, 1.0):.4g}")
    9.358e-14
    """
    z, t = FORMULA.checked(logit, target)
    p = 1.0 / (1.0 + np.exp(-z))
    return -t * np.log(p) - (1.0 - t) * np.log(1.0 - p)


def binary_cross_entropy_with_logits(logit, target):
    """Binary cross-entropy of one sample, from a score.

    Parameters
    ----------
    logit : float
        Score z = log(p/(1-p)) of the outcome 1; -inf and +inf state certainty.  A NaN gives a NaN loss.
    target : float
        What happened, t in [0, 1]: 1 or 0, or a share of both.  A NaN gives a NaN loss.

    Returns
    -------
    float
        >= 0, in nats; log(2) at z = 0, about |z| far on the wrong side.

    Raises ValueError if t is not in [0, 1].

    >>> float(binary_cross_entropy_with_logits(40.0, 1.0)), float(binary_cross_entropy_with_logits(1e9, 0.0))
    (4.248354255291589e-18, 1000000000.0)
    """
    z, t = FORMULA.checked(logit, target)
    return weighted(t, softplus(-z)) + weighted(1.0 - t, softplus(z))


def binary_cross_entropy_with_logits_logit_gradient(logit, target):
    """dL/dz: p - t, as (1 - t) p - t (1 - p), which keeps its digits near certainty."""
    z, t = FORMULA.checked(logit, target)
    return (1.0 - t) * sigmoid(z) - t * sigmoid(-z)


def binary_cross_entropy_with_logits_target_gradient(logit, target):
    """dL/dt: -z, whatever the target."""
    z, t = FORMULA.checked(logit, target)
    return np.nan if np.isnan(t) else negated(z)


def rules(logit, target):
    """Any score, and a share."""
    check_share("target", target)


def mirrored(formula, inputs, rng):
    """L(-z, 1 - t) = L(z, t): which outcome is called 1 does not matter."""
    return laws.misfit(
        formula, inputs, inputs | {"logit": -inputs["logit"], "target": 1.0 - inputs["target"]}
    )


def lowest_at_the_target(formula, inputs, rng):
    """L is lowest where the sigmoid of z is t."""
    t = inputs["target"]
    best = inputs | {"logit": np.log(t) - np.log1p(-t)}
    gain = formula.value(**best) - formula.value(**inputs)
    return (
        gain / (16 * laws.UNIT * (laws.condition(formula, best) + laws.condition(formula, inputs)))
        if gain > 0.0
        else 0.0
    )


FORMULA = Formula(
    value=binary_cross_entropy_with_logits,
    signature="(),()->()",
    source="cox1958",
    gradients={
        "logit": binary_cross_entropy_with_logits_logit_gradient,
        "target": binary_cross_entropy_with_logits_target_gradient,
    },
    sample=lambda rng: {"logit": rng.normal(scale=3.0), "target": rng.uniform(0.1, 0.9)},
    laws=(
        laws.non_negative,
        laws.likelihood_over("target"),
        mirrored,
        lowest_at_the_target,
        laws.convex_in("logit"),
        laws.smooth("logit", 0.25),
        laws.gradient_bounded("logit", 1.0),
    ),
    cases={  # (logit, target), L, (dL/dz, dL/dt), the mistake that it exposes
        "nothing known: log 2, and the force is one half": Case(
            (0.0, 0.0), np.log(2.0), (0.5, 0.0), "no slope at zero"
        ),
        "rain, odds 9 to 1": Case(
            (np.log(9.0), 1), 0.10536051565782628, {"logit": -0.1}, "target taken for 1 - target"
        ),
        "a quarter of the days, z = 2": Case((2.0, 0.25), 1.6269280110429725, (0.6307970779778824, -2.0)),
        "near certain: e^-40 is left, and nothing of it may cancel": Case(
            (40.0, 1), 4.248354255291589e-18, (-4.248354255291589e-18, -40.0)
        ),
        "near certain of the opposite": Case(
            (-40.0, 0), 4.248354255291589e-18, (4.248354255291589e-18, 40.0)
        ),
        "surely wrong: 1 - p rounds to 0, its logarithm is -40": Case(
            (40.0, 0), 40.0, (1.0, -40.0), "logarithm of a rounded sigmoid"
        ),
        "a huge score, right": Case((1e9, 1), 0.0, (0.0, -1e9)),
        "a huge score, wrong": Case((-1e9, 1), 1e9, (-1.0, 1e9), "the exponential overflows"),
        "a huge score, right half the time": Case((1e9, 0.5), 5e8, (0.5, -1e9)),
        "an infinite score, right": Case((np.inf, 1.0), 0.0, (0.0, -np.inf), "infinity minus infinity"),
        "a score of -infinity, right": Case((-np.inf, 0.0), 0.0, (0.0, np.inf)),
        "an infinite score, wrong": Case((np.inf, 0.0), np.inf, (1.0, -np.inf)),
        "a score of -infinity, wrong nine times in ten": Case((-np.inf, 0.9), np.inf, (-0.9, np.inf)),
        "not a number": Case((np.nan, 0.0), np.nan, (np.nan, np.nan)),
        "not a number in the target": Case((1.0, np.nan), np.nan, (np.nan, np.nan)),
    },
    variants={
        "logarithm of a rounded sigmoid": Mistake(
            lambda z, t: -t * np.log(sigmoid(z)) - (1.0 - t) * np.log(1.0 - sigmoid(z)),
            seen_in="candle, github.com/huggingface/candle/issues/2561",
            symptom="an infinite or NaN loss from z = 37 on (float32: 17)",
        ),
        "infinity minus infinity": Mistake(
            lambda z, t: np.maximum(z, 0.0) - z * t + np.log1p(np.exp(-np.abs(z))),
            {"logit": binary_cross_entropy_with_logits_logit_gradient, "target": lambda z, t: -z},
            seen_in="PyTorch BCEWithLogitsLoss, github.com/pytorch/pytorch/issues/102894",
            symptom="right for finite scores; NaN for an infinite one that is right",
        ),
        "no slope at zero": Mistake(
            binary_cross_entropy_with_logits,
            {"logit": lambda z, t: -t if z == 0.0 else sigmoid(z) - t},
            seen_in="PyTorch BCEWithLogitsLoss, github.com/pytorch/pytorch/issues/2298",
            symptom="max(z, 0) and |z| both give 0 at their corner, where together they are smooth",
        ),
        "the exponential overflows": Mistake(
            lambda z, t: t * np.log1p(np.exp(-z)) + (1.0 - t) * np.log1p(np.exp(z)),
            symptom="an infinite or NaN loss for |z| > 709 (float32: 88)",
        ),
        "target taken for 1 - target": Mistake(
            lambda z, t: binary_cross_entropy_with_logits(-z, t),
            {
                "logit": lambda z, t: -binary_cross_entropy_with_logits_logit_gradient(-z, t),
                "target": lambda z, t: z,
            },
            symptom="z is read as an energy: training lowers the score of what happens",
        ),
        "absolute value forgotten": Mistake(lambda z, t: np.maximum(z, 0.0) - z * t + softplus(-z)),
    },
    as_printed=binary_cross_entropy_with_logits_as_printed,
    rules=rules,
    refuses={  # (logit, target), the argument to blame
        "a target below 0": ((0.5, -0.5), "target"),
        "a target above 1": ((0.5, 2.0), "target"),
    },
)
