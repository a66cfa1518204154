r"""Soft margin: the logistic loss of a score and its sign.

    L     = log(1 + e^{-y s})          y = 1 or -1
    dL/ds = -y / (1 + e^{y s})

The margin is soft because the force only fades: no score is so good that a better one would not pay.
L is -log p(y) of logistic regression, p(y) = 1 / (1 + e^{-y s}): the losses of the two signs are
energies whose Boltzmann weights e^{-L} sum to 1.  If y = 1 comes up with frequency q, the best score
is the log-odds log(q / (1 - q)); a hinge only tells which sign is the more frequent.  With
s = E_o - E_y and y = 1 it is the log loss of two energies.

The force never exceeds 1, so outliers pull no harder than a bad sample does, and L is smooth with
curvature at most 1/4.

Taken literally the formula fails twice.  e^{800} overflows where L is 800; and log(1 + e^{-40}) is 0
where L is 4e-18, so a gradient computed through it is 0 as well, and training stops.

On this page y is the sign that s shall have, not an index.

Source: NYU DLSP20, week 11-2; Cox (1958), logistic regression.
"""

import autograd.numpy as np

from ebm_ref.checks import require_one_of
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, convex_in, gradient_bounded, non_negative, smooth
from ebm_ref.numerics import sigmoid, softplus


def soft_margin(score, sign):
    """Soft margin loss of one score.

    Parameters
    ----------
    score : float
        s, the log-odds that the sign is 1; -inf and inf are certainty.  A NaN gives a NaN loss.
    sign : int
        y, the sign it should have: 1 or -1.

    Returns
    -------
    float
        >= 0; log 2 at score 0, about |s| far on the wrong side.

    Raises ValueError if `sign` is neither 1 nor -1.

    >>> float(soft_margin(-800.0, 1)), float(soft_margin(40.0, 1))
    (800.0, 4.248354255291589e-18)
    """
    s, y = FORMULA.checked(score, sign)
    return softplus(-y * s)


def soft_margin_gradient(score, sign):
    """dL/ds: the probability of the wrong sign, 1 / (1 + e^{y s}), times -y."""
    s, y = FORMULA.checked(score, sign)
    return -y * sigmoid(-y * s)


def rules(score, sign):
    """A sign."""
    require_one_of("sign", sign, 1, -1)


def two_signs_exhaust_the_probability(formula, inputs, rng):
    """e^-f(s, 1) + e^-f(s, -1) = 1: f is minus the logarithm of a probability."""
    p = [np.exp(-formula.value(inputs["score"], y)) for y in (1, -1)]
    return abs(sum(p) - 1.0) / (16 * UNIT)


def fitted_by_the_log_odds(formula, inputs, rng):
    """If y = 1 has frequency q, the mean loss is stationary at s = log(q / (1 - q)), its minimum."""
    q = rng.uniform(0.05, 0.95)
    s = np.log(q / (1.0 - q))
    g = formula.gradients["score"]
    return abs(q * g(s, 1) + (1.0 - q) * g(s, -1)) / (16 * UNIT)


FORMULA = Formula(
    value=soft_margin,
    signature="(),()->()",
    source="NYU DLSP20, week 11-2",
    gradients={"score": soft_margin_gradient},
    sample=lambda rng: {"score": rng.normal(scale=3.0), "sign": int(rng.choice([-1, 1]))},
    laws=(
        non_negative,
        convex_in("score"),
        smooth("score", 0.25),
        gradient_bounded("score", 1.0),
        two_signs_exhaust_the_probability,
        fitted_by_the_log_odds,
    ),
    cases={  # (score, sign), L, dL/ds, the mistake that it exposes
        "undecided: log 2": Case((0.0, 1), np.log(2.0), -0.5),
        "odds of 3 to 1 in favour: p = 3/4": Case(
            (np.log(3.0), 1), np.log(4.0 / 3.0), -0.25, "sign of the exponent lost"
        ),
        "odds of 3 to 1 against: p = 1/4": Case((np.log(3.0), -1), np.log(4.0), 0.75, "labels 1 and 0"),
        "hopeless: e^800 overflows, the loss does not": Case(
            (-800.0, 1), 800.0, -1.0, "the exponential overflows"
        ),
        "near certain: 1 + e^-40 is 1 in double precision": Case(
            (40.0, 1), 4.248354255291589e-18, -4.248354255291589e-18, "logarithm of 1 + e^t"
        ),
        "beyond 20 the logarithm still counts: e^-21 is 8e-10": Case(
            (21.0, -1), 21.000000000758256, 0.9999999992417440, "linear beyond a threshold of 20"
        ),
        "certainty": Case((np.inf, 1), 0.0, 0.0),
        "false certainty": Case((np.inf, -1), np.inf, 1.0),
        "not a number": Case((np.nan, 1), np.nan, np.nan),
    },
    variants={
        "the exponential overflows": Mistake(
            lambda s, y: np.log1p(np.exp(-y * s)),
            {"score": lambda s, y: -y * np.exp(-y * s) / (1.0 + np.exp(-y * s))},
            seen_in="PyTorch SoftMarginLoss, github.com/pytorch/pytorch/issues/77529; "
            "Burn, github.com/tracel-ai/burn/pull/5374",
            symptom="infinite, with a NaN gradient, beyond 710 (float32: 89): where the model is most wrong",
        ),
        "logarithm of 1 + e^t": Mistake(
            lambda s, y: np.maximum(0.0, -y * s) + np.log(1.0 + np.exp(-np.abs(s))),
            seen_in="PyTorch SoftMarginLoss, github.com/pytorch/pytorch/issues/77529",
            symptom="exactly 0 beyond a score of 37 (float32: 17), and no digit is right near there",
        ),
        "linear beyond a threshold of 20": Convention(
            lambda s, y: _linear_beyond_threshold(-y * s),
            {"score": lambda s, y: -y * (1.0 if -y * s > 20.0 else sigmoid(-y * s))},
            seen_in="PyTorch, documentation of torch.nn.Softplus",
            symptom="eight digits in float64: the loss jumps by 2e-9 there",
        ),
        "sign of the exponent lost": Mistake(
            lambda s, y: softplus(y * s),
            {"score": lambda s, y: y * sigmoid(y * s)},
            symptom="scores taken for energies: every sample is learned as its opposite",
        ),
        "labels 1 and 0": Mistake(
            lambda s, y: softplus(-max(y, 0) * s),
            {"score": lambda s, y: -max(y, 0) * sigmoid(-max(y, 0) * s)},
            symptom="negative samples cost log 2 whatever their score, and have no gradient",
        ),
        "signs taken for targets of 0 and 1": Mistake(
            lambda s, y: softplus(s) - y * s,
            {"score": lambda s, y: sigmoid(s) - y},
            symptom="a negative sample pays its score twice; a positive one is right",
        ),
        "the hinge": Mistake(lambda s, y: np.maximum(0.0, 1.0 - y * s), symptom="0 beyond the margin of 1"),
        "the squared hinge": Mistake(lambda s, y: np.maximum(0.0, 1.0 - y * s) ** 2, symptom="0 from 1 on"),
    },
    rules=rules,
    refuses={  # (score, sign), the argument to blame
        "a sign of 1/2": ((1.0, 0.5), "sign"),
        "a sign of 0, as if labels were 1 and 0": ((1.0, 0), "sign"),
    },
)


def _linear_beyond_threshold(t):
    return t if t > 20.0 else np.log1p(np.exp(t))
