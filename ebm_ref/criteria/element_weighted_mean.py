r"""Element-weighted mean: the losses of a batch, each sample with a weight of its own.

    L       = (1/n) sum_i w_i l_i
    dL/dl_i = w_i / n
    dL/dw_i = l_i / n

Weights of elements (BCELoss, Keras's sample_weight) are not divided by: twice the weights, twice the loss.
A sample of weight 0 is absent from the sum, even where its loss is infinite, but still counts in n.  Weights
of classes divide by their sum: class_weighted_mean.py.

Source: documentation of PyTorch 2.13, torch.nn, and of Keras 3, keras.losses; the rest is arithmetic.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.reductions import NOT_A_NUMBER, any_order, batch_given_twice, random_losses, unless_nan
from ebm_ref.criteria.reductions import rules as check_losses
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, homogeneous
from ebm_ref.numerics import weighted


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
    l, w = FORMULA.checked(losses, weights)
    return np.sum(weighted(w, l)) / len(l)


def reduction_element_weighted_mean_losses_gradient(losses, weights):
    """dL/dl, shape (n,): w / n."""
    l, w = FORMULA.checked(losses, weights)
    return unless_nan(weighted(w, l), w / len(l))


def reduction_element_weighted_mean_weights_gradient(losses, weights):
    """dL/dw, shape (n,): l / n."""
    l, w = FORMULA.checked(losses, weights)
    return unless_nan(weighted(w, l), l / len(l))


def rules(losses, weights):
    """A sample, and weights that one can multiply by."""
    check_losses(losses)
    is_legal = ~((weights < 0.0) | (weights == np.inf))
    require(np.all(is_legal), "weights", weights, "must be >= 0 and finite")


NO_WEIGHTS = {  # (losses, weights), the argument to blame
    "no sample": (([], []), "losses"),
    "a negative weight": (([1.0, 2.0], [1.0, -1.0]), "weights"),
    "an infinite weight": (([1.0, 2.0], [1.0, np.inf]), "weights"),
}


def with_a_weightless_sample(inputs):
    """One sample more, impossible and of weight 0."""
    return {"losses": np.append(inputs["losses"], np.inf), "weights": np.append(inputs["weights"], 0.0)}


def weight_zero_still_counts(formula, inputs, rng):
    """A sample of weight 0 adds no loss, but is still divided by: n L = (n + 1) L'."""
    n = len(inputs["losses"])
    error = abs((n + 1) / n * formula.value(**with_a_weightless_sample(inputs)) - formula.value(**inputs))
    return error / (16 * UNIT * condition(formula, inputs))


def random_weighted_losses(rng):
    """Losses, each with a weight."""
    losses = random_losses(rng)
    return losses | {"weights": rng.uniform(0.2, 3.0, size=len(losses["losses"]))}


NO_NUMBERS = np.full(2, np.nan), np.full(2, np.nan)


FORMULA = Formula(
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
