r"""Class-weighted mean: the losses of a batch, each sample with the weight of its class.

    L       = (1/W) sum_i w_i l_i        W = sum_i w_i
    dL/dl_i = w_i / W
    dL/dw_i = (l_i - L) / W

Weights of classes (NLLLoss, CrossEntropyLoss) divide by their sum.  So only their ratios matter, and a batch
of one sample does not see its weight at all.  A sample of weight 0 is absent, even where its loss is
infinite.  Weights of elements divide by the count: element_weighted_mean.py.

In floating point it under- and overflows where its result does not, and l_i - L cancels where one sample
has nearly all the weight; weighted_mean.py says how to avoid both.

Source: documentation of PyTorch 2.13, torch.nn; the rest is arithmetic.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.element_weighted_mean import (
    NO_NUMBERS,
    NO_WEIGHTS,
    random_weighted_losses,
    rules,
    with_a_weightless_sample,
)
from ebm_ref.criteria.reductions import (
    NOT_A_NUMBER,
    any_order,
    batch_given_twice,
    between_the_extremes,
    unless_nan,
)
from ebm_ref.criteria.weighted_mean import mean, shares, slope
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, condition, homogeneous
from ebm_ref.numerics import weighted


def reduction_class_weighted_mean_as_printed(losses, weights):
    """The formula as it stands: its products under- and overflow.

    >>> l, w = np.array([1e-162, 2e-162]), np.array([1e-162, 1e-162])
    >>> float(reduction_class_weighted_mean_as_printed(l, w)), float(reduction_class_weighted_mean(l, w))
    (0.0, 1.4999999999999997e-162)
    """
    l, w = FORMULA.checked(losses, weights)
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
    return mean(*FORMULA.checked(losses, weights))


def reduction_class_weighted_mean_losses_gradient(losses, weights):
    """dL/dl, shape (n,): w / sum w."""
    l, w = FORMULA.checked(losses, weights)
    return unless_nan(mean(l, w), shares(w))


def reduction_class_weighted_mean_weights_gradient(losses, weights):
    """dL/dw, shape (n,): (l - L) / sum w, of which no digit cancels."""
    return slope(*FORMULA.checked(losses, weights))


def class_rules(losses, weights):
    """The same, and a sum of the weights that one can divide by."""
    rules(losses, weights)
    require(not np.all(weights == 0.0), "weights", weights, "must not all be 0")


def weight_zero_is_absent(formula, inputs, rng):
    """A sample of weight 0 changes nothing, whatever its loss: it might as well be missing."""
    error = abs(formula.value(**with_a_weightless_sample(inputs)) - formula.value(**inputs))
    return error / (16 * UNIT * condition(formula, inputs))


FORMULA = Formula(
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
