r"""Weighted binary cross-entropy: a yes that counts w times, since it is rare.

    L(z, t) = -w t log p - (1 - t) log(1 - p),        p = 1/(1 + e^{-z})
    L(z, t) = w t softplus(-z) + (1 - t) softplus(z)
    dL/dz   = (1 - t) p - w t (1 - p)
    dL/dt   = w softplus(-z) - softplus(z)

The positive weight w says how many positive samples one of them stands for: with w = (number of
negatives) / (number of positives) both classes pull equally at the start.  A sample of weight w and w
samples of weight 1 are the same, so w = 1 is binary_cross_entropy_with_logits.

The model pays with its calibration.  The loss is lowest at the odds w t / (1 - t), w times the true
ones; whoever wants a probability subtracts log w from the score.

The weight belongs to the positive term alone.  A `weight` in the frameworks is another thing: it
multiplies both terms of a sample.  For a share t neither is the other.

Source: documentation of PyTorch 2.13, torch.nn.BCEWithLogitsLoss, pos_weight; King and Zeng (2001),
"Logistic Regression in Rare Events Data", equation (12).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.criteria.binary_cross_entropy import check_share
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import sigmoid, softplus, weighted


def weighted_binary_cross_entropy_as_printed(logit, target, positive_weight=1.0):
    """By way of p, word by word: near 1, p has no room for the digits of 1 - p.

    >>> print(f"{weighted_binary_cross_entropy_as_printed(30.0, 1.0, 2.0):.4g}")
    1.87e-13
    >>> print(f"{weighted_binary_cross_entropy(30.0, 1.0, 2.0):.4g}")
    1.872e-13
    """
    z, t, w = FORMULA.checked(logit, target, positive_weight)
    p = 1.0 / (1.0 + np.exp(-z))
    return -w * t * np.log(p) - (1.0 - t) * np.log(1.0 - p)


def weighted_binary_cross_entropy(logit, target, positive_weight=1.0):
    """Binary cross-entropy of one sample, from a score, where a yes has a weight.

    Parameters
    ----------
    logit : float
        Score z = log(p/(1-p)) of the outcome 1; -inf and +inf state certainty.  A NaN gives a NaN loss.
    target : float
        What happened, t in [0, 1]: 1 or 0, or a share of both.  A NaN gives a NaN loss.
    positive_weight : float
        Weight w >= 0 of the outcome 1, finite; a no has the weight 1.

    Returns
    -------
    float
        >= 0, in nats.

    Raises ValueError if t is not in [0, 1], or if the weight is negative or infinite.

    >>> float(weighted_binary_cross_entropy(0.0, 1.0, 3.0).round(6))  # 3 log 2
    2.079442
    """
    z, t, w = FORMULA.checked(logit, target, positive_weight)
    return weighted(w * t, softplus(-z)) + weighted(1.0 - t, softplus(z))


def weighted_binary_cross_entropy_logit_gradient(logit, target, positive_weight=1.0):
    """dL/dz: (1 - t) p - w t (1 - p), which keeps its digits near certainty."""
    z, t, w = FORMULA.checked(logit, target, positive_weight)
    return (1.0 - t) * sigmoid(z) - w * t * sigmoid(-z)


def weighted_binary_cross_entropy_target_gradient(logit, target, positive_weight=1.0):
    """dL/dt: w softplus(-z) - softplus(z), whatever the target; -z for w = 1."""
    z, t, w = FORMULA.checked(logit, target, positive_weight)
    return np.nan if np.isnan(t) else weighted(w, softplus(-z)) - softplus(z)


def rules(logit, target, positive_weight):
    """Any score, a share, and a weight that one can multiply by."""
    check_share("target", target)
    check_weight("positive_weight", positive_weight)


def check_weight(argument, value):
    """Raise unless 0 <= value < inf for all entries; a NaN goes through."""
    require(not np.any((value < 0.0) | (value == np.inf)), argument, value, "must be >= 0 and finite")


def mirrored(formula, inputs, rng):
    """L(-z, 1 - t; 1/w) w = L(z, t; w): which outcome is called 1 does not matter."""
    z, t, w = inputs.values()
    return laws.misfit(formula, inputs, {"logit": -z, "target": 1.0 - t, "positive_weight": 1.0 / w}, 1.0 / w)


def odds_are_multiplied(formula, inputs, rng):
    """The loss is lowest at the odds w t / (1 - t), where its slope by z is 0."""
    _, t, w = inputs.values()
    best = inputs | {"logit": np.log(w * t) - np.log1p(-t)}
    pull = formula.gradients["logit"](**inputs | {"target": 1.0, "logit": best["logit"]})
    return abs(formula.gradients["logit"](**best)) / (64 * laws.UNIT * abs(pull) * (1.0 + abs(best["logit"])))


FORMULA = Formula(
    value=weighted_binary_cross_entropy,
    signature="(),(),()->()",
    source="PyTorch 2.13, BCEWithLogitsLoss, pos_weight; king2001, equation (12)",
    gradients={
        "logit": weighted_binary_cross_entropy_logit_gradient,
        "target": weighted_binary_cross_entropy_target_gradient,
    },
    sample=lambda rng: {
        "logit": rng.normal(scale=1.5),
        "target": rng.uniform(0.1, 0.9),
        "positive_weight": rng.uniform(0.2, 5.0),
    },
    laws=(laws.non_negative, mirrored, odds_are_multiplied, laws.convex_in("logit")),
    cases={  # (logit, target, positive_weight), L, (dL/dz, dL/dt), the mistake that it exposes
        "nothing known: a yes costs three times log 2": Case(
            (0.0, 1, 3.0), 3.0 * np.log(2.0), (-1.5, 2.0 * np.log(2.0)), "weight forgotten"
        ),
        "nothing known, a no: the weight is not for it": Case(
            (0.0, 0, 3.0), np.log(2.0), (0.5, 2.0 * np.log(2.0)), "both terms weighted"
        ),
        "a share of one half, weighted 4 to 1: rest at odds of 4": Case(
            (np.log(4.0), 0.5, 4.0), 2.0 * np.log(1.25) + 0.5 * np.log(5.0), exposes="weights swapped"
        ),
        "odds of 3 to 1, and a yes": Case(
            (np.log(3.0), 1, 2.0), 0.5753641449035618, (-0.5, -0.8109302162163289), "weight on the score"
        ),
        "a weight of 1 is no weight": Case((2.0, 0.25, 1.0), 1.6269280110429725, (0.6307970779778824, -2.0)),
        "a weight of 0: what happened is not read": Case((-5.0, 1, 0.0), 0.0, {"logit": 0.0}),
        "near certain: 3 e^-40 is left": Case(
            (40.0, 1, 3.0), 1.2745062765874767e-17, {"logit": -1.2745062765874767e-17}
        ),
        "surely wrong: three times 120": Case(
            (-120.0, 1, 3.0), 360.0, {"logit": -3.0}, "the exponential overflows in single precision"
        ),
        "a huge score, wrong": Case((-1e9, 1, 2.0), 2e9, (-2.0, 2e9), "logarithm of a rounded sigmoid"),
        "an infinite score, right": Case((np.inf, 1.0, 2.0), 0.0, (0.0, -np.inf)),
        "an infinite score, wrong": Case((-np.inf, 1.0, 2.0), np.inf, (-2.0, np.inf)),
        "not a number": Case((np.nan, 0.0, 2.0), np.nan, (np.nan, np.nan)),
        "a target that is no number": Case((1.0, np.nan, 2.0), np.nan, (np.nan, np.nan)),
    },
    variants={
        "both terms weighted": Convention(
            lambda z, t, w=1.0: w * weighted_binary_cross_entropy(z, t),
            {
                "logit": lambda z, t, w=1.0: w * weighted_binary_cross_entropy_logit_gradient(z, t),
                "target": lambda z, t, w=1.0: w * weighted_binary_cross_entropy_target_gradient(z, t),
            },
            seen_in="PyTorch, documentation of torch.nn.BCEWithLogitsLoss: `weight`, beside `pos_weight`",
            symptom="a no weighs as much as a yes",
        ),
        "weight forgotten": Mistake(
            lambda z, t, w=1.0: weighted_binary_cross_entropy(z, t),
            {
                "logit": lambda z, t, w=1.0: weighted_binary_cross_entropy_logit_gradient(z, t),
                "target": lambda z, t, w=1.0: weighted_binary_cross_entropy_target_gradient(z, t),
            },
            symptom="rare events drown as before",
        ),
        "weights swapped": Mistake(
            lambda z, t, w=1.0: weighted_binary_cross_entropy(-z, 1.0 - t, w),
            {
                "logit": lambda z, t, w=1.0: -weighted_binary_cross_entropy_logit_gradient(-z, 1.0 - t, w),
                "target": lambda z, t, w=1.0: -weighted_binary_cross_entropy_target_gradient(-z, 1.0 - t, w),
            },
            symptom="the frequent class is weighted, and the rare one never predicted",
        ),
        "weight on the score": Mistake(
            lambda z, t, w=1.0: weighted_binary_cross_entropy(w * z, t),
            {"logit": lambda z, t, w=1.0: w * weighted_binary_cross_entropy_logit_gradient(w * z, t)},
            symptom="a sample that is right costs less, not more",
        ),
        "the exponential overflows in single precision": Mistake(
            lambda z, t, w=1.0: _by_exponentials(z, t, w),
            seen_in="PyTorch 1.0, github.com/pytorch/pytorch/issues/13773, for any weight, even 1",
            symptom="an infinite or NaN loss for a score below -88, in double precision -709",
        ),
        "logarithm of a rounded sigmoid": Mistake(
            lambda z, t, w=1.0: -w * t * np.log(sigmoid(z)) - (1.0 - t) * np.log(1.0 - sigmoid(z)),
            symptom="an infinite or NaN loss from z = 37 on (float32: 17)",
        ),
        "weight between both terms": Mistake(
            lambda z, t, w=1.0: (1.0 + (w - 1.0) * t) * weighted_binary_cross_entropy(z, t),
            symptom="alike for targets 0 and 1; a soft target's no is weighted, too",
        ),
        "divided by 1 + w": Mistake(
            lambda z, t, w=1.0: weighted_binary_cross_entropy(z, t, w) / (1.0 + w),
            symptom="the pulls are as they should, their size is not: half the loss for w = 1",
        ),
        "logarithm of the weight added to the score": Mistake(
            lambda z, t, w=1.0: weighted_binary_cross_entropy(z + np.log(w), t),
            symptom="adjusted logits: the threshold is moved, and nothing weighs more",
        ),
        "1 - w for the no": Mistake(
            lambda z, t, w=1.0: w * t * softplus(-z) + (1.0 - w) * (1.0 - t) * softplus(z),
            symptom="weights of shares, which sum to 1: a no is rewarded for being missed where w > 1",
        ),
        "weight on the softplus alone": Mistake(
            lambda z, t, w=1.0: (1.0 - t) * z + w * softplus(-z),
            symptom="right for a yes; of a no the softplus is weighted, too",
        ),
    },
    as_printed=weighted_binary_cross_entropy_as_printed,
    rules=rules,
    refuses={  # (logit, target, positive_weight), the argument to blame
        "a target below 0": ((0.5, -0.5, 2.0), "target"),
        "a target above 1": ((0.5, 1.5, 2.0), "target"),
        "a negative weight": ((0.5, 1.0, -1.0), "positive_weight"),
        "an infinite weight": ((0.5, 1.0, np.inf), "positive_weight"),
    },
)


def _by_exponentials(z, t, w):
    """(1 - t) z + (1 + (w - 1) t) log(1 + e^-z) in float32, the exponential taken as it stands."""
    z, t, w = (np.float32(x) for x in (z, t, w))
    return float((1 - t) * z + (1 + (w - 1) * t) * np.log1p(np.exp(-z)))
