r"""Focal loss: binary cross-entropy that loses interest in what is easy.

    L(z, y) = -(1 - p_y)^gamma log p_y
    dL/dz   = s (1 - p_y)^gamma (gamma p_y log p_y - (1 - p_y))
    p_1     = 1/(1 + e^{-z}),    p_0 = 1 - p_1,    s = 2y - 1

A detector looks at a hundred thousand places, and nearly all of them are empty.  Each costs little, but
all together drown the few that matter.  The factor (1 - p_y)^gamma turns the easy ones down: with
gamma = 2 a sample at p_y = 0.9 counts a hundredth.  gamma = 0 is binary_cross_entropy_with_logits.  The
price is convexity, and calibration: the expected loss is lowest not at the true probability, but nearer
to 1/2.

The paper also prints a version with a weight alpha for one class and 1 - alpha for the other: that is
balanced_focal.  Of several classes see multi_class_focal.  The formula itself is for labels 0 and 1.
For a target t between, this page takes the average over a label drawn with that probability:

    L(z, t) = t L(z, 1) + (1 - t) L(z, 0)

Others put p_t = t p_1 + (1 - t) p_0 into one common factor, or |t - p_1|.  For labels all three agree.

NaN comes easily here: (1 - p)^{gamma - 1} is infinite where p rounds to 1, and 0 inf follows.  Powers
taken as exponentials of logarithms, (1 - p_1)^gamma = e^{-gamma softplus(z)}, have no such corner.

Source: Lin et al. (2017), "Focal Loss for Dense Object Detection", equation (4).
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.binary_cross_entropy import check_share
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import misfit, non_negative
from ebm_ref.numerics import sigmoid, softplus, weighted


def focal_as_printed(logit, target, gamma=2.0):
    """By way of p_1 and p_0, word by word: near 1, p_1 has no room for the digits of 1 - p_1.

    >>> f"{focal_as_printed(30.0, 1):.4g} {focal(30.0, 1):.4g}"
    '8.169e-40 8.194e-40'
    """
    z, t, gamma = FORMULA.checked(logit, target, gamma)
    p_1 = 1.0 / (1.0 + np.exp(-z))
    p_0 = 1.0 - p_1
    return -t * (1.0 - p_1) ** gamma * np.log(p_1) - (1.0 - t) * (1.0 - p_0) ** gamma * np.log(p_0)


def focal(logit, target, gamma=2.0):
    """Focal loss of one sample.

    Parameters
    ----------
    logit : float
        Score z of the outcome 1; -inf and +inf state certainty.  A NaN gives a NaN loss.
    target : int
        Label y, 0 or 1; or a number t in [0, 1]: the average over labels.  A NaN gives a NaN loss.
    gamma : float
        Exponent >= 0 of the focal factor; 0 is binary cross-entropy.

    Returns
    -------
    float
        >= 0, in nats; at most the binary cross-entropy.

    Raises ValueError if the target is not in [0, 1], or if gamma is negative or infinite.

    >>> float(focal(np.log(9.0), 1, 0.0).round(6)), float(focal(np.log(9.0), 1, 2.0).round(6))  # p = 0.9
    (0.105361, 0.001054)
    """
    z, t, gamma = FORMULA.checked(logit, target, gamma)
    return weighted(t, miss(z, gamma)) + weighted(1.0 - t, miss(-z, gamma))


def focal_gradient(logit, target, gamma=2.0):
    """dL/dz: for the label 1, -(1-p)^gamma (gamma p (-log p) + 1 - p), terms of one sign; mirrored for 0."""
    z, t, gamma = FORMULA.checked(logit, target, gamma)
    return (1.0 - t) * miss_slope(-z, gamma) - t * miss_slope(z, gamma)


def miss(z, gamma):
    """L(z, 1) = (1 - p)^gamma (-log p); also L(-z, 0)."""
    return np.exp(-weighted(gamma, softplus(z))) * softplus(-z)


def miss_slope(z, gamma):
    """-dL(z, 1)/dz >= 0."""
    surprise = weighted(sigmoid(z), softplus(-z))  # p (-log p), 0 at p = 0
    return np.exp(-weighted(gamma, softplus(z))) * (gamma * surprise + sigmoid(-z))


def rules(logit, target, gamma):
    """Any score, a share, and an exponent that turns down."""
    check_share("target", target)
    require(0.0 <= gamma < np.inf, "gamma", gamma, "must be >= 0 and finite")


def mirrored(formula, inputs, rng):
    """L(-z, 1 - y) = L(z, y): which outcome is called 1 does not matter."""
    return misfit(formula, inputs, inputs | {"logit": -inputs["logit"], "target": 1 - inputs["target"]})


def falls_with_gamma(formula, inputs, rng):
    """L falls as gamma grows, so it is never above binary cross-entropy."""
    more = inputs | {"gamma": inputs["gamma"] + rng.uniform(0.1, 2.0)}
    return 0.0 if formula.value(**more) <= formula.value(**inputs) else np.inf


def one_factor_for_a_label(formula, inputs, rng):
    """For a label, L = |y - p|^gamma times the binary cross-entropy: the common factors agree."""
    z, y, gamma = inputs.values()
    factor = np.abs(y - sigmoid(z)) ** gamma
    error = np.abs(formula.value(**inputs) - factor * formula.value(z, y, 0.0))
    return error / (1e-13 * formula.value(z, y, 0.0))  # y - p is rounded to 1e-16, and has a power


def lowest_nearer_to_one_half(formula, inputs, rng):
    """At the true odds, t > 1/2, a focal factor with gamma > 0 still pulls the score down."""
    t = rng.uniform(0.6, 0.95)
    odds = inputs | {"logit": np.log(t) - np.log1p(-t), "target": t}
    return 0.0 if formula.gradients["logit"](**odds) > 0.0 else np.inf


def rewards_the_truth(formula, inputs, rng):
    """dL/dz has the sign of 1/2 - y: the score of what happened is pushed up, always."""
    g = formula.gradients["logit"](**inputs)
    return 0.0 if g * (0.5 - inputs["target"]) >= 0.0 else np.inf


FORMULA = Formula(
    value=focal,
    signature="(),(),()->()",
    source="lin2017, equation (4)",
    gradients={"logit": focal_gradient},
    sample=lambda rng: {
        "logit": rng.normal(scale=2.0),
        "target": int(rng.integers(2)),
        "gamma": rng.uniform(0.3, 3.0),
    },
    laws=(
        non_negative,
        mirrored,
        falls_with_gamma,
        one_factor_for_a_label,
        rewards_the_truth,
        lowest_nearer_to_one_half,
    ),
    cases={  # (logit, target, gamma), L, dL/dz, the mistake that it exposes
        "nothing known: a quarter of log 2": Case(
            (0.0, 1, 2.0),
            0.25 * np.log(2.0),
            -0.25 * (np.log(2.0) + 0.5),
            "focal factor missing in the value",
        ),
        "nothing known, the other label": Case(
            (0.0, 0, 2.0), 0.25 * np.log(2.0), 0.25 * (np.log(2.0) + 0.5), "weighted by 0.25 and 0.75"
        ),
        "an easy sample is turned down": Case(
            (2.0, 1, 2.0),
            0.0018035628352403754,
            -0.004870940195392767,
            "multiplied by gamma, not raised to it",
        ),
        "a hard sample is not": Case(
            (2.0, 0, 2.0), 1.6500781794214088, 1.076713730448482, "both labels with the factor of the first"
        ),
        "an exponent of one half": Case(
            (-1.0, 1, 0.5),
            1.1228645305602012,
            -0.7760618315149121,
            exposes="factor of the true label's own share",
        ),
        "half a label: the average of both losses": Case(
            (np.log(3.0), 0.5, 1.0),
            0.125 * np.log(4.0 / 3.0) + 0.375 * np.log(4.0),
            0.125 * (0.75 * np.log(0.75) - 0.25) - 0.375 * (0.25 * np.log(0.25) - 0.75),
            "one factor for a share",
        ),
        "gamma 0 is binary cross-entropy": Case((0.0, 0, 0.0), np.log(2.0), 0.5),
        "far on the right side: e^-150 is left": Case(
            (100.0, 1, 0.5), 7.175095973164411e-66, -1.0762643959746615e-65, "logarithm of a rounded sigmoid"
        ),
        "far on the wrong side": Case((-100.0, 1, 0.5), 100.0, -1.0, "probability clipped at 1e-7"),
        "saturated, gamma 0: no power of zero may enter": Case(
            (1000.0, 1, 0.0), 0.0, 0.0, "zero to the power gamma - 1"
        ),
        "a huge score, right": Case((1e9, 1, 2.0), 0.0, 0.0),
        "a huge score, wrong": Case((1e9, 0, 2.0), 1e9, 1.0),
        "an infinite score, right": Case((np.inf, 1, 0.0), 0.0, 0.0),
        "an infinite score, wrong": Case((-np.inf, 1, 2.0), np.inf, -1.0),
        "not a number": Case((np.nan, 0, 2.0), np.nan, np.nan),
    },
    variants={
        "weighted by 0.25 and 0.75": Convention(
            lambda z, t, gamma=2.0: (0.25 * t + 0.75 * (1 - t)) * focal(z, t, gamma),
            lambda z, t, gamma=2.0: (0.25 * t + 0.75 * (1 - t)) * focal_gradient(z, t, gamma),
            seen_in="torchvision, documentation of sigmoid_focal_loss: alpha = 0.25 unless -1 is passed",
            symptom="a quarter of the loss for the label 1, three quarters for 0",
        ),
        "one factor for a share": Convention(
            lambda z, t, gamma=2.0: with_one_factor(z, t, gamma)[0],
            lambda z, t, gamma=2.0: with_one_factor(z, t, gamma)[1],
            seen_in="optax, documentation of sigmoid_focal_loss: continuous labels for soft targets",
            symptom="right for the labels 0 and 1; a label of 0.5 is as hard as a score of 0 always",
        ),
        "focal factor missing in the value": Mistake(
            lambda z, t, gamma=2.0: focal(z, t, 0.0),
            focal_gradient,
            seen_in="dlib, github.com/davisking/dlib/pull/2552",
            symptom="the gradient is right, the reported loss that of binary cross-entropy",
        ),
        "multiplied by gamma, not raised to it": Mistake(
            lambda z, t, gamma=2.0: focal(z, t, gamma) if t == 0 else gamma * sigmoid(-z) * softplus(-z),
            seen_in="fudannlp16/focal-loss, github.com/fudannlp16/focal-loss/issues/2",
            symptom="the label 1 alone is wrong, and vanishes for gamma = 0",
        ),
        "both labels with the factor of the first": Mistake(
            lambda z, t, gamma=2.0: focal(z, t, 0.0) * sigmoid(-z) ** gamma,
            seen_in="SSD_Pytorch, github.com/yqyao/SSD_Pytorch/issues/32",
            symptom="for the label 0 the hard samples are turned down",
        ),
        "logarithm of a rounded sigmoid": Mistake(
            lambda z, t, gamma=2.0: _with_rounded_sigmoid(z, t, gamma),
            seen_in="kornia binary_focal_loss_with_logits, github.com/kornia/kornia/issues/2115",
            symptom="NaN from z = 37 on (float32: 17), right or wrong",
        ),
        "probability clipped at 1e-7": Mistake(
            lambda z, t, gamma=2.0: _with_clipped_probability(z, t, gamma)[0],
            lambda z, t, gamma=2.0: _with_clipped_probability(z, t, gamma)[1],
            seen_in="Keras 3.15.1, binary_focal_crossentropy(from_logits=True), found by this project; "
            "TensorFlow Addons, github.com/tensorflow/addons/issues/693",
            symptom="beyond a score of 16 the loss stays at 16.1, the gradient at 0: the hardest are dropped",
        ),
        "zero to the power gamma - 1": Mistake(
            focal,
            lambda z, t, gamma=2.0: _with_rounded_power(z, t, gamma),
            seen_in="optax.sigmoid_focal_loss, github.com/google-deepmind/optax/issues/1267; "
            "SAM 3, github.com/facebookresearch/sam3/issues/575",
            symptom="a NaN gradient where p rounds to 1, for gamma < 1",
        ),
        "factor of the true label's own share": Mistake(
            lambda z, t, gamma=2.0: weighted(t, _hit(z, gamma)) + weighted(1.0 - t, _hit(-z, gamma)),
            symptom="p_t for 1 - p_t: hard samples are turned down, and easy ones count in full",
        ),
        "one minus a power": Mistake(
            lambda z, t, gamma=2.0: (
                t * (1.0 - sigmoid(z) ** gamma) * softplus(-z)
                + (1.0 - t) * (1.0 - sigmoid(-z) ** gamma) * softplus(z)
            ),
            symptom="1 - p^gamma for (1 - p)^gamma, a slip of precedence",
        ),
        "distance from the target in the factor": Mistake(
            lambda z, t, gamma=2.0: (
                np.abs(t - sigmoid(z)) ** gamma * (t * softplus(-z) + (1.0 - t) * softplus(z))
            ),
            seen_in="Li et al. (2020), quality focal loss, where it is meant",
            symptom="right for labels; a share that is met costs nothing",
        ),
    },
    as_printed=focal_as_printed,
    rules=rules,
    refuses={  # (logit, target, gamma), the argument to blame
        "a target below 0": ((0.5, -0.5, 2.0), "target"),
        "a target above 1": ((0.5, 1.5, 2.0), "target"),
        "a negative gamma": ((0.5, 1.0, -1.0), "gamma"),
        "an infinite gamma": ((0.5, 1.0, np.inf), "gamma"),
        "a gamma that is no number": ((0.5, 1.0, np.nan), "gamma"),
    },
)


def _with_rounded_sigmoid(z, t, gamma):
    p = sigmoid(z)
    return -t * (1.0 - p) ** gamma * np.log(p) - (1.0 - t) * p**gamma * np.log(1.0 - p)


def _with_rounded_power(z, t, gamma):
    p = sigmoid(z) if t == 1 else sigmoid(-z)
    q = 1.0 - p
    slope = np.float64(gamma) * np.power(q, gamma - 1.0) * p * q * np.log(p) - np.power(q, gamma) * q
    return slope if t == 1 else -slope


def _with_clipped_probability(z, t, gamma):
    """Value and slope where the probability is rounded, and clipped in the logarithm alone."""
    p = sigmoid(z)
    c = np.clip(p, 1e-7, 1.0 - 1e-7)
    miss = 1.0 - (t * p + (1.0 - t) * (1.0 - p))
    loss = -t * np.log(c) - (1.0 - t) * np.log(1.0 - c)
    slope = ((1.0 - t) / (1.0 - c) - t / c) * (c == p)
    turned = gamma * np.power(miss, gamma - 1.0)
    return miss**gamma * loss, ((1.0 - 2.0 * t) * turned * loss + miss**gamma * slope) * p * (1.0 - p)


def with_one_factor(z, t, gamma):
    """Binary cross-entropy times q^gamma with q = t (1 - p_1) + (1 - t) p_1, and its slope."""
    p, q = sigmoid(z), t * sigmoid(-z) + (1.0 - t) * sigmoid(z)
    L = weighted(t, softplus(-z)) + weighted(1.0 - t, softplus(z))
    slope = (t * -sigmoid(-z) + (1.0 - t) * p) * q**gamma
    if gamma > 0.0 and q > 0.0:
        slope = slope + gamma * L * q ** (gamma - 1.0) * p * sigmoid(-z) * (1.0 - 2.0 * t)
    return L * q**gamma, slope


def _hit(z, gamma):
    """p^gamma log(1/p), p the sigmoid of z."""
    return np.exp(-weighted(gamma, softplus(-z))) * softplus(-z)
