r"""Balanced focal loss: the focal loss with a weight for each of the two classes.

    L(z, y) = -alpha_y (1 - p_y)^gamma log p_y
    dL/dz   = s alpha_y (1 - p_y)^gamma (gamma p_y log p_y - (1 - p_y))
    p_1     = 1/(1 + e^{-z}),    p_0 = 1 - p_1,    s = 2y - 1
    alpha_1 = alpha,             alpha_0 = 1 - alpha

focal turns down the easy samples, whatever their class; alpha in [0, 1] sets how much a positive weighs
beside a negative.  One would expect a large alpha, for positives are rare.  The paper found 0.25 best at
gamma = 2: with the easy negatives turned down, the positives have already become the majority.  So the
two are chosen together.

Half of everything at alpha = 1/2: the loss is then half of focal, not focal.  Frameworks that take
alpha for a factor of both classes make it a mere learning rate.

For a target t between 0 and 1 this page takes the average over a label drawn with that probability, as
focal does.

Source: Lin et al. (2017), "Focal Loss for Dense Object Detection", equation (5).
"""

import autograd.numpy as np

from ebm_ref.criteria import focal as plain
from ebm_ref.criteria.binary_cross_entropy import check_share
from ebm_ref.criteria.focal import focal, focal_gradient, miss, miss_slope, with_one_factor
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, misfit, non_negative
from ebm_ref.numerics import sigmoid, softplus, weighted


def balanced_focal_as_printed(logit, target, gamma=2.0, alpha=0.25):
    """By way of p_1 and p_0, word by word: near 1, p_1 has no room for the digits of 1 - p_1.

    >>> f"{balanced_focal_as_printed(30.0, 1):.4g} {balanced_focal(30.0, 1):.4g}"
    '2.042e-40 2.049e-40'
    """
    z, t, gamma, alpha = FORMULA.checked(logit, target, gamma, alpha)
    p_1 = 1.0 / (1.0 + np.exp(-z))
    p_0 = 1.0 - p_1
    positive = -t * alpha * (1.0 - p_1) ** gamma * np.log(p_1)
    return positive - (1.0 - t) * (1.0 - alpha) * (1.0 - p_0) ** gamma * np.log(p_0)


def balanced_focal(logit, target, gamma=2.0, alpha=0.25):
    """Balanced focal loss of one sample.

    Parameters
    ----------
    logit : float
        Score z of the outcome 1; -inf and +inf state certainty.  A NaN gives a NaN loss.
    target : int
        Label y, 0 or 1; or a number t in [0, 1]: the average over labels.  A NaN gives a NaN loss.
    gamma : float
        Exponent >= 0 of the focal factor; 0 is a weighted binary cross-entropy.
    alpha : float
        Weight in [0, 1] of the label 1; the label 0 has 1 - alpha.

    Returns
    -------
    float
        >= 0, in nats; at most focal.

    Raises ValueError if the target or alpha is not in [0, 1], or if gamma is negative or infinite.

    >>> float(balanced_focal(0.0, 1).round(6)), float(balanced_focal(0.0, 0).round(6))  # one to three
    (0.043322, 0.129965)
    """
    z, t, gamma, alpha = FORMULA.checked(logit, target, gamma, alpha)
    return weighted(alpha * t, miss(z, gamma)) + weighted((1.0 - alpha) * (1.0 - t), miss(-z, gamma))


def balanced_focal_gradient(logit, target, gamma=2.0, alpha=0.25):
    """dL/dz: for the label 1, -alpha (1-p)^gamma (gamma p (-log p) + 1 - p); mirrored for 0."""
    z, t, gamma, alpha = FORMULA.checked(logit, target, gamma, alpha)
    return (1.0 - alpha) * (1.0 - t) * miss_slope(-z, gamma) - alpha * t * miss_slope(z, gamma)


def rules(logit, target, gamma, alpha):
    """What focal asks for, and a share for the label 1."""
    plain.rules(logit, target, gamma)
    check_share("alpha", alpha)


def mirrored(formula, inputs, rng):
    """L(-z, 1 - y, 1 - alpha) = L(z, y, alpha): which outcome is called 1 does not matter."""
    z, y, gamma, alpha = inputs.values()
    return misfit(formula, inputs, {"logit": -z, "target": 1.0 - y, "gamma": gamma, "alpha": 1.0 - alpha})


def the_weights_share_one(formula, inputs, rng):
    """L at alpha and L at 1 - alpha add up to focal: both weights of a label are 1 together."""
    other = inputs | {"alpha": 1.0 - inputs["alpha"]}
    whole = focal(*list(inputs.values())[:3])
    error = abs(formula.value(**other) + formula.value(**inputs) - whole)
    return error / (16 * UNIT * (condition(formula, other) + condition(formula, inputs)))


def share(t, alpha):
    """The weight of a label between 0 and 1 that is taken for one label."""
    return alpha * t + (1.0 - alpha) * (1.0 - t)


FORMULA = Formula(
    value=balanced_focal,
    signature="(),(),(),()->()",
    source="lin2017, equation (5)",
    gradients={"logit": balanced_focal_gradient},
    sample=lambda rng: {
        "logit": rng.normal(scale=2.0),
        "target": int(rng.integers(2)),
        "gamma": rng.uniform(0.3, 3.0),
        "alpha": rng.uniform(0.1, 0.9),
    },
    laws=(non_negative, mirrored, the_weights_share_one),
    cases={  # (logit, target, gamma, alpha), L, dL/dz, the mistake that it exposes
        "nothing known: a quarter of a quarter of log 2": Case(
            (0.0, 1, 2.0, 0.25), 0.0625 * np.log(2.0), -0.0625 * (np.log(2.0) + 0.5), "weights swapped"
        ),
        "nothing known, the other label: three times as much": Case(
            (0.0, 0, 2.0, 0.25),
            0.1875 * np.log(2.0),
            0.1875 * (np.log(2.0) + 0.5),
            "one weight for both labels",
        ),
        "an easy negative": Case(
            (-2.0, 0, 2.0, 0.25), 0.0013526721264302816, 0.003653205146544575, "weight inside the power"
        ),
        "a hard positive": Case((-2.0, 1, 2.0, 0.25), 0.4125195448553522, -0.2691784326121205),
        "gamma 0: a weighted binary cross-entropy": Case((0.0, 0, 0.0, 0.25), 0.75 * np.log(2.0), 0.375),
        "a share with two weights": Case(
            (np.log(3.0), 0.5, 1.0, 0.25),
            0.03125 * np.log(4.0 / 3.0) + 0.28125 * np.log(4.0),
            0.03125 * (0.75 * np.log(0.75) - 0.25) - 0.28125 * (0.25 * np.log(0.25) - 0.75),
            "one factor for a share",
        ),
        "alpha 1: the other label is not read": Case((3.0, 0, 2.0, 1.0), 0.0, 0.0),
        "half a label, half a weight: a quarter of both": Case(
            (0.0, 0.5, 0.0, 0.5), 0.5 * np.log(2.0), 0.0, "not weighted"
        ),
        "far on the wrong side": Case((-100.0, 1, 0.5, 0.25), 25.0, -0.25, "probability clipped at 1e-7"),
        "saturated, gamma 0": Case((1000.0, 1, 0.0, 0.25), 0.0, 0.0),
        "an infinite score, right": Case((np.inf, 1, 0.0, 0.25), 0.0, 0.0),
        "an infinite score, wrong": Case((-np.inf, 1, 2.0, 0.25), np.inf, -0.25),
        "an infinite score, wrong, and no weight": Case((-np.inf, 1, 2.0, 0.0), 0.0, 0.0),
        "not a number": Case((np.nan, 0, 2.0, 0.25), np.nan, np.nan),
    },
    variants={
        "not weighted": Convention(
            lambda z, t, gamma=2.0, alpha=0.25: focal(z, t, gamma),
            lambda z, t, gamma=2.0, alpha=0.25: focal_gradient(z, t, gamma),
            seen_in="Keras, documentation of binary_focal_crossentropy: alpha counts only with "
            "apply_class_balancing=True; torchvision, documentation of sigmoid_focal_loss: alpha = -1",
            symptom="alpha is accepted, and changes nothing",
        ),
        "one factor for a share": Convention(
            lambda z, t, gamma=2.0, alpha=0.25: share(t, alpha) * with_one_factor(z, t, gamma)[0],
            lambda z, t, gamma=2.0, alpha=0.25: share(t, alpha) * with_one_factor(z, t, gamma)[1],
            seen_in="optax, documentation of sigmoid_focal_loss: continuous labels for soft targets",
            symptom="right for the labels 0 and 1; between them one weight and one factor for both",
        ),
        "one weight for both labels": Mistake(
            lambda z, t, gamma=2.0, alpha=0.25: alpha * focal(z, t, gamma),
            lambda z, t, gamma=2.0, alpha=0.25: alpha * focal_gradient(z, t, gamma),
            seen_in="focal-loss-keras, github.com/mkocabas/focal-loss-keras/issues/6; Focal-Loss, "
            "github.com/liuyuisanai/Focal-Loss/issues/4",
            symptom="alpha is a learning rate, and balances nothing",
        ),
        "weights swapped": Mistake(
            lambda z, t, gamma=2.0, alpha=0.25: balanced_focal(z, t, gamma, 1.0 - alpha),
            lambda z, t, gamma=2.0, alpha=0.25: balanced_focal_gradient(z, t, gamma, 1.0 - alpha),
            seen_in="focal_loss_pytorch, github.com/clcarwin/focal_loss_pytorch/issues/10; "
            "fudannlp16/focal-loss, github.com/fudannlp16/focal-loss/issues/6",
            symptom="the class that was to be weighted up is weighted down",
        ),
        "weight inside the power": Mistake(
            lambda z, t, gamma=2.0, alpha=0.25: _powered(z, t, gamma, alpha),
            symptom="(alpha (1 - p))^gamma: right for gamma = 1 alone",
        ),
        "probability clipped at 1e-7": Mistake(
            lambda z, t, gamma=2.0, alpha=0.25: (
                (alpha * t + (1.0 - alpha) * (1.0 - t)) * plain._with_clipped_probability(z, t, gamma)[0]
            ),
            lambda z, t, gamma=2.0, alpha=0.25: (
                (alpha * t + (1.0 - alpha) * (1.0 - t)) * plain._with_clipped_probability(z, t, gamma)[1]
            ),
            seen_in="Keras 3.15.1, binary_focal_crossentropy(from_logits=True), found by this project",
            symptom="beyond a score of 16 the loss stays, the gradient is 0: the hardest are dropped",
        ),
    },
    as_printed=balanced_focal_as_printed,
    rules=rules,
    refuses={  # (logit, target, gamma, alpha), the argument to blame
        "a target below 0": ((0.5, -0.5, 2.0, 0.25), "target"),
        "a target above 1": ((0.5, 1.5, 2.0, 0.25), "target"),
        "a negative gamma": ((0.5, 1.0, -1.0, 0.25), "gamma"),
        "an infinite gamma": ((0.5, 1.0, np.inf, 0.25), "gamma"),
        "a negative alpha": ((0.5, 1.0, 2.0, -0.25), "alpha"),
        "an alpha above 1": ((0.5, 1.0, 2.0, 1.25), "alpha"),
    },
)


def _powered(z, t, gamma, alpha):
    """The loss with the weight under the exponent, too."""
    positive = (alpha * sigmoid(-z)) ** gamma * softplus(-z)
    return t * positive + (1.0 - t) * ((1.0 - alpha) * sigmoid(z)) ** gamma * softplus(z)
