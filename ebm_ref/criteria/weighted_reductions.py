r"""Weighted reductions: from the losses of samples to that of a batch where they do not count alike.

The class-weighted mean, where W is the sum of the weights, and w_i that of i's class:

    L       = (1/W) sum_i w_i l_i
    dL/dl_i = w_i / W
    dL/dw_i = (l_i - L) / W

The element-weighted mean, where w_i is the weight of sample i itself:

    L       = (1/n) sum_i w_i l_i
    dL/dl_i = w_i / n
    dL/dw_i = l_i / n

The mean by target length, where u_i is the number of labels of sample i:

    L       = (1/n) sum_i l_i / max(u_i, 1)
    dL/dl_i = 1 / (n max(u_i, 1))

Weights of classes (NLLLoss, CrossEntropyLoss) divide by their sum.  So only their ratios matter, and a
batch of one sample does not see its weight at all.  Weights of elements (BCELoss, Keras's
sample_weight) divide by the count: twice the weights, twice the loss.  A sample of weight 0 is absent
from the sum, even where its loss is infinite.

CTC's 'mean' first divides each loss by the length of its target, an empty one counting as 1.

In floating point the class-weighted mean under- and overflows where its result does not, and l_i - L
cancels where one sample has nearly all the weight; weighted_mean.py says how to avoid both.

Source: documentation of PyTorch 2.13, torch.nn, and of Keras 3, keras.losses; the rest is arithmetic.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.reductions import (
    NOT_A_NUMBER,
    any_order,
    batch_given_twice,
    between_the_extremes,
    random_losses,
    unless_nan,
)
from ebm_ref.criteria.reductions import rules as check_losses
from ebm_ref.criteria.weighted_mean import mean, shares, slope
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, homogeneous
from ebm_ref.numerics import weighted


def reduction_class_weighted_mean_as_printed(losses, weights):
    """The formula as it stands: its products under- and overflow.

    >>> l, w = np.array([1e-162, 2e-162]), np.array([1e-162, 1e-162])
    >>> float(reduction_class_weighted_mean_as_printed(l, w)), float(reduction_class_weighted_mean(l, w))
    (0.0, 1.4999999999999997e-162)
    """
    l, w = CLASS_WEIGHTED_MEAN.checked(losses, weights)
    return np.sum(weighted(w, l)) / np.sum(w)


def reduction_class_weighted_mean(losses, weights):
    """Weighted mean, divided by the sum of the weights.

    Parameters
    ----------
    losses : (n,) float, n >= 1
        Loss l_i of each sample.  A NaN gives a NaN.
    weights : (n,) float
        Weight w_i >= 0 of the class of each sample, finite, not all 0; only ratios matter.

    Returns
    -------
    float
        sum_i w_i l_i / sum_i w_i.

    Raises ValueError if the arguments are not vectors of one length n >= 1, if a weight is negative or
    infinite, or if all are 0.

    >>> float(reduction_class_weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0])))
    2.0
    """
    return mean(*CLASS_WEIGHTED_MEAN.checked(losses, weights))


def reduction_class_weighted_mean_losses_gradient(losses, weights):
    """dL/dl, shape (n,): w / sum w."""
    l, w = CLASS_WEIGHTED_MEAN.checked(losses, weights)
    return unless_nan(mean(l, w), shares(w))


def reduction_class_weighted_mean_weights_gradient(losses, weights):
    """dL/dw, shape (n,): (l - L) / sum w, of which no digit cancels."""
    return slope(*CLASS_WEIGHTED_MEAN.checked(losses, weights))


def reduction_element_weighted_mean(losses, weights):
    """Weighted mean, divided by the number of samples.

    Parameters
    ----------
    losses : (n,) float, n >= 1
        Loss l_i of each sample.  A NaN gives a NaN.
    weights : (n,) float
        Weight w_i >= 0 of each sample, finite; all 0 is allowed.

    Returns
    -------
    float
        sum_i w_i l_i / n.

    Raises ValueError if the arguments are not vectors of one length n >= 1, or if a weight is negative or
    infinite.

    >>> float(reduction_element_weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0])))
    3.0
    """
    l, w = ELEMENT_WEIGHTED_MEAN.checked(losses, weights)
    return np.sum(weighted(w, l)) / len(l)


def reduction_element_weighted_mean_losses_gradient(losses, weights):
    """dL/dl, shape (n,): w / n."""
    l, w = ELEMENT_WEIGHTED_MEAN.checked(losses, weights)
    return unless_nan(weighted(w, l), w / len(l))


def reduction_element_weighted_mean_weights_gradient(losses, weights):
    """dL/dw, shape (n,): l / n."""
    l, w = ELEMENT_WEIGHTED_MEAN.checked(losses, weights)
    return unless_nan(weighted(w, l), l / len(l))


def reduction_by_target_length(losses, lengths: int):
    """Mean of the losses per label: each divided by the length of its target, as CTC's 'mean' is.

    Parameters
    ----------
    losses : (n,) float, n >= 1
        Loss l_i of each sequence.  A NaN gives a NaN.
    lengths : (n,) int
        Number u_i >= 0 of labels in each target; 0 counts as 1.

    Returns
    -------
    float
        (1/n) sum_i l_i / max(u_i, 1).

    Raises ValueError if the arguments are not vectors of one length n >= 1, or if a length is negative or
    not whole.

    >>> float(reduction_by_target_length(np.array([4.0, 3.0]), np.array([2, 0])))
    2.5
    """
    l, u = BY_TARGET_LENGTH.checked(losses, lengths)
    return np.sum(l / np.maximum(u, 1)) / len(l)


def reduction_by_target_length_gradient(losses, lengths: int):
    """dL/dl, shape (n,): 1 / (n max(u, 1))."""
    l, u = BY_TARGET_LENGTH.checked(losses, lengths)
    return unless_nan(l, 1.0 / (len(l) * np.maximum(u, 1)))


def rules(losses, weights):
    """A sample, and weights that one can multiply by."""
    check_losses(losses)
    is_legal = ~((weights < 0.0) | (weights == np.inf))
    require(np.all(is_legal), "weights", weights, "must be >= 0 and finite")


def class_rules(losses, weights):
    """The same, and a sum of the weights that one can divide by."""
    rules(losses, weights)
    require(not np.all(weights == 0.0), "weights", weights, "must not all be 0")


def length_rules(losses, lengths):
    """A sample, and lengths that can be lengths."""
    check_losses(losses)
    require(np.all(lengths >= 0), "lengths", lengths, "must be >= 0")


NO_WEIGHTS = {  # (losses, weights), the argument to blame
    "no sample": (([], []), "losses"),
    "a negative weight": (([1.0, 2.0], [1.0, -1.0]), "weights"),
    "an infinite weight": (([1.0, 2.0], [1.0, np.inf]), "weights"),
}


def with_a_weightless_sample(inputs):
    """One sample more, impossible and of weight 0."""
    return {"losses": np.append(inputs["losses"], np.inf), "weights": np.append(inputs["weights"], 0.0)}


def weight_zero_is_absent(formula, inputs, rng):
    """A sample of weight 0 changes nothing, whatever its loss: it might as well be missing."""
    error = abs(formula.value(**with_a_weightless_sample(inputs)) - formula.value(**inputs))
    return error / (16 * UNIT * condition(formula, inputs))


def weight_zero_still_counts(formula, inputs, rng):
    """A sample of weight 0 adds no loss, but is still divided by: n L = (n + 1) L'."""
    n = len(inputs["losses"])
    error = abs((n + 1) / n * formula.value(**with_a_weightless_sample(inputs)) - formula.value(**inputs))
    return error / (16 * UNIT * condition(formula, inputs))


def random_weighted_losses(rng):
    """Losses, each with a weight."""
    losses = random_losses(rng)
    return losses | {"weights": rng.uniform(0.2, 3.0, size=len(losses["losses"]))}


def random_sequence_losses(rng):
    """Losses of sequences, each with the length of its target, 0 among them."""
    losses = random_losses(rng)
    return losses | {"lengths": rng.integers(0, 6, size=len(losses["losses"]))}


CTC = np.array([3.523657, 3.495314, 4.262677])
NO_NUMBERS = np.full(2, np.nan), np.full(2, np.nan)

CLASS_WEIGHTED_MEAN = Formula(
    value=reduction_class_weighted_mean,
    as_printed=reduction_class_weighted_mean_as_printed,
    signature="(n),(n)->()",
    source="PyTorch 2.13, NLLLoss and CrossEntropyLoss with `weight`",
    gradients={
        "losses": reduction_class_weighted_mean_losses_gradient,
        "weights": reduction_class_weighted_mean_weights_gradient,
    },
    sample=random_weighted_losses,
    laws=(
        any_order,
        batch_given_twice(1.0),
        between_the_extremes,
        weight_zero_is_absent,
        homogeneous(1, losses=1),
        homogeneous(0, weights=1),
    ),
    cases={  # (losses, weights), L, (dL/dl, dL/dw), the mistake that it exposes
        "a rare class, weighted": Case(
            ([1.0, 4.0], [2.0, 1.0]),
            2.0,
            ([2 / 3, 1 / 3], [-1 / 3, 2 / 3]),
            "divided by the number of samples",
        ),
        "losses 1, 2, 4 with weights 4, 2, 1: 12/7": Case(
            ([1.0, 2.0, 4.0], [4.0, 2.0, 1.0]), 12 / 7, exposes="divided by both"
        ),
        "one sample does not see its weight": Case(([2.5], [7.0]), 2.5, (np.ones(1), np.zeros(1))),
        "weight 0: an impossible sample is absent": Case(
            ([1.0, np.inf, 3.0], [1.0, 0.0, 1.0]), 2.0, {"losses": [0.5, 0.0, 0.5]}
        ),
        "one impossible sample": Case(([1.0, np.inf], [1.0, 1.0]), np.inf, {"losses": [0.5, 0.5]}),
        "loss not a number": Case((NOT_A_NUMBER, np.ones(2)), np.nan, NO_NUMBERS),
        "weight not a number": Case((np.ones(2), NOT_A_NUMBER), np.nan, NO_NUMBERS),
    },
    variants={
        "divided by the number of samples": Mistake(
            lambda l, w: np.sum(w * l) / len(l),
            {"losses": lambda l, w: w / len(l), "weights": lambda l, w: l / len(l)},
            seen_in="RePlay, github.com/sb-ai-lab/RePlay/issues/91; PyTorch's CrossEntropyLoss does so for "
            "targets that are probabilities",
            symptom="the loss grows with the weights; two ways to give one target differ",
        ),
        "divided by both": Mistake(
            lambda l, w: np.sum(w * l) / (np.sum(w) * len(l)),
            seen_in="LossFunctions.jl, github.com/JuliaML/LossFunctions.jl/issues/160",
            symptom="n times too small",
        ),
    },
    rules=class_rules,
    refuses=NO_WEIGHTS | {"no weight at all": (([1.0, 2.0], [0.0, 0.0]), "weights")},
)

ELEMENT_WEIGHTED_MEAN = Formula(
    value=reduction_element_weighted_mean,
    signature="(n),(n)->()",
    source="PyTorch 2.13, BCELoss with `weight`; Keras 3, sample_weight",
    gradients={
        "losses": reduction_element_weighted_mean_losses_gradient,
        "weights": reduction_element_weighted_mean_weights_gradient,
    },
    sample=random_weighted_losses,
    laws=(
        any_order,
        batch_given_twice(1.0),
        weight_zero_still_counts,
        homogeneous(1, losses=1),
        homogeneous(1, weights=1),
    ),
    cases={  # (losses, weights), L, (dL/dl, dL/dw), the mistake that it exposes
        "two samples, weighted": Case(
            ([1.0, 4.0], [2.0, 1.0]), 3.0, ([1.0, 0.5], [0.5, 2.0]), "divided by the sum of the weights"
        ),
        "one of two samples masked: half, not all": Case(
            ([1.0, 1.0], [0.0, 1.0]), 0.5, ([0.0, 0.5], [0.5, 0.5])
        ),
        "weights of a tenth, one of them zero": Case(
            ([0.0, 1.0, 4.0], [0.125, 0.0, 0.125]),
            1 / 6,
            exposes="divided by the number of weights that are not 0",
        ),
        "all masked": Case(([1.0, 4.0], np.zeros(2)), 0.0, (np.zeros(2), [0.5, 2.0])),
        "weight 0: an impossible sample adds nothing": Case(
            ([1.0, np.inf], [1.0, 0.0]), 0.5, ([0.5, 0.0], [0.5, np.inf])
        ),
        "loss not a number": Case((NOT_A_NUMBER, np.ones(2)), np.nan, NO_NUMBERS),
        "weight not a number": Case((np.ones(2), NOT_A_NUMBER), np.nan, NO_NUMBERS),
    },
    variants={
        "divided by the sum of the weights": Convention(
            lambda l, w: np.sum(w * l) / np.sum(w),
            {
                "losses": lambda l, w: w / np.sum(w),
                "weights": lambda l, w: (l - np.sum(w * l) / np.sum(w)) / np.sum(w),
            },
            seen_in="Keras, documentation of keras.losses.Loss, reduction='mean_with_sample_weight', "
            "github.com/keras-team/keras/issues/19740; PyTorch, mse_loss and l1_loss with `weight`, but not "
            "huber_loss, github.com/pytorch/pytorch/pull/132049",
        ),
        "divided by the number of weights that are not 0": Mistake(
            lambda l, w: np.sum(w * l) / np.sum(w != 0.0),
            {"losses": lambda l, w: w / np.sum(w != 0.0), "weights": lambda l, w: l / np.sum(w != 0.0)},
            seen_in="Keras 2, github.com/keras-team/keras/issues/12176; TensorFlow 1, SUM_BY_NONZERO_WEIGHTS",
            symptom="the loss jumps when a weight reaches 0",
        ),
    },
    rules=rules,
    refuses=NO_WEIGHTS,
)

BY_TARGET_LENGTH = Formula(
    value=reduction_by_target_length,
    signature="(n),(n)->()",
    source="PyTorch 2.13, CTCLoss, reduction='mean'",
    gradients={"losses": reduction_by_target_length_gradient},
    sample=random_sequence_losses,
    laws=(any_order, batch_given_twice(1.0), homogeneous(1, losses=1)),
    cases={  # (losses, lengths), L, dL/dl, the mistake that it exposes
        "three sequences": Case((CTC, [2, 1, 3]), 2.226011611111111, [1 / 6, 1 / 3, 1 / 9], "plain mean"),
        "a long target and a short one: each sequence counts once": Case(
            ([8.0, 1.0], [4, 1]), 1.5, [0.125, 0.5], "divided by the number of all labels"
        ),
        "an empty target counts as one label": Case(
            ([4.0, 3.0], [2, 0]), 2.5, [0.25, 0.5], "empty target divided by 0"
        ),
        "one label each: the mean": Case((CTC, np.ones(3, int)), 3.7605493333333335),
        "a target that cannot be aligned": Case(([1.0, np.inf], [1, 2]), np.inf, [0.5, 0.25]),
        "not a number": Case((NOT_A_NUMBER, [1, 2]), np.nan, np.full(2, np.nan)),
    },
    variants={
        "plain mean": Convention(
            lambda l, u: np.mean(l),
            {"losses": lambda l, u: np.full(len(l), 1.0 / len(l))},
            seen_in="Keras, documentation of keras.losses.CTC; taken for granted in "
            "github.com/pytorch/pytorch/issues/19838",
        ),
        "divided by the number of all labels": Mistake(
            lambda l, u: np.sum(l) / np.sum(np.maximum(u, 1)), symptom="long targets count more"
        ),
        "empty target divided by 0": Mistake(
            lambda l, u: np.mean(l / u),
            seen_in="burn CTCLoss, crates/burn-nn/src/loss/ctc.rs, github.com/tracel-ai/burn/pull/4529",
            symptom="an infinite or NaN loss from one silent recording",
        ),
    },
    rules=length_rules,
    refuses={  # (losses, lengths), the argument to blame
        "no sample": (([], []), "losses"),
        "a negative length": (([1.0, 2.0], [1, -1]), "lengths"),
        "lengths that are no integers": (([1.0, 2.0], [1.0, 2.0]), "lengths"),
    },
)
