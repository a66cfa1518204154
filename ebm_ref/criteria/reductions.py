r"""Reductions: from the losses of samples to the loss of a batch.

    mean                   (1/n) sum_i l_i
    sum                    sum_i l_i
    batchmean              (1/n) sum_ij l_ij              n rows, k elements
    class-weighted mean    sum_i w_i l_i / sum_i w_i      w_i of i's class
    element-weighted mean  (1/n) sum_i w_i l_i            w_i of i itself
    by target length       (1/n) sum_i l_i / max(u_i, 1)  u_i labels

All pages before this one give the loss of one sample, because nothing in a loss function is so often
misread as its reduction.  Divide by another number, and the learning rate is another one.

A divergence is a *sum* over classes.  PyTorch's KLDivLoss divides it by their number as well under
'mean'; 'batchmean' does not.

Weights of classes (NLLLoss, CrossEntropyLoss) divide by their sum, so that only their ratios matter,
and a batch of one sample does not see its weight at all.  Weights of elements (BCELoss, Keras's
sample_weight) divide by the count: twice the weights, twice the loss.

CTC's 'mean' first divides each loss by the length of its target, an empty one counting as 1.

Means of batches of unequal size do not average to the mean of all: (a/1 + (b+c)/2) / 2 is not
(a + b + c) / 3.  Gradient accumulation got that wrong for years.

A sample of weight 0 is absent, even where its loss is infinite.

Source: documentation of PyTorch 2.13, torch.nn, and of Keras 3, keras.losses; the rest is arithmetic.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, homogeneous, misfit
from ebm_ref.numerics import weighted


def reduction_mean(losses):
    """Mean of the losses of a batch.

    Parameters
    ----------
    losses : (n,) float, n >= 1
        Loss l_i of each sample.  A NaN gives a NaN.

    Returns
    -------
    float
        sum_i l_i / n.

    Raises
    ------
    ValueError
        If the losses are not a vector, or if there is none.

    >>> float(reduction_mean(np.array([0.25, 0.25, 0.01])).round(12))
    0.17
    """
    _check(losses, 1)
    return np.sum(losses) / len(losses)


def reduction_mean_gradient(losses):
    """dL/dl, shape (n,): 1/n."""
    return _unless_nan(reduction_mean(losses), np.full(len(losses), 1.0 / len(losses)))


def reduction_sum(losses):
    """Sum of the losses of a batch.

    Parameters
    ----------
    losses : (n,) float
        Loss l_i of each sample.  A NaN gives a NaN.

    Returns
    -------
    float
        sum_i l_i; 0 for an empty batch.

    Raises
    ------
    ValueError
        If the losses are not a vector.

    >>> float(reduction_sum(np.array([1.0, 2.0])))
    3.0
    """
    _check(losses, 1, least=0)
    return np.sum(losses)


def reduction_sum_gradient(losses):
    """dL/dl, shape (n,): 1."""
    return _unless_nan(reduction_sum(losses), np.ones(len(losses)))


def reduction_batchmean(losses):
    """Sum over the elements of each sample, mean over samples.

    Parameters
    ----------
    losses : (n, k) float, n >= 1
        Loss l_ij of element j of sample i.  A NaN gives a NaN.

    Returns
    -------
    float
        sum_ij l_ij / n.

    Raises
    ------
    ValueError
        If the losses are not a matrix, or if it has no row.

    >>> float(reduction_batchmean(np.array([[1.0, 2.0], [3.0, 4.0]])))
    5.0
    """
    _check(losses, 2)
    return np.sum(losses) / len(losses)


def reduction_batchmean_gradient(losses):
    """dL/dl, shape (n, k): 1/n."""
    return _unless_nan(reduction_batchmean(losses), np.full(np.shape(losses), 1.0 / len(losses)))


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

    Raises
    ------
    ValueError
        If the arguments are not vectors of one length n >= 1, if a weight is negative or infinite, or if
        all are 0.

    >>> float(reduction_class_weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0])))
    2.0
    """
    _check_weights(losses, weights)
    total = weights.sum()
    require(not total <= 0.0, "weights", weights, "must not all be 0")
    return weighted(weights, losses).sum() / total


def reduction_class_weighted_mean_losses_gradient(losses, weights):
    """dL/dl, shape (n,): w / sum w."""
    return _unless_nan(reduction_class_weighted_mean(losses, weights), weights / weights.sum())


def reduction_class_weighted_mean_weights_gradient(losses, weights):
    """dL/dw, shape (n,): (l - L) / sum w."""
    return (losses - reduction_class_weighted_mean(losses, weights)) / np.sum(weights)


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

    Raises
    ------
    ValueError
        If the arguments are not vectors of one length n >= 1, or if a weight is negative or infinite.

    >>> float(reduction_element_weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0])))
    3.0
    """
    _check_weights(losses, weights)
    return weighted(weights, losses).sum() / len(losses)


def reduction_element_weighted_mean_losses_gradient(losses, weights):
    """dL/dl, shape (n,): w / n."""
    return _unless_nan(reduction_element_weighted_mean(losses, weights), weights / len(losses))


def reduction_element_weighted_mean_weights_gradient(losses, weights):
    """dL/dw, shape (n,): l / n."""
    return _unless_nan(reduction_element_weighted_mean(losses, weights), losses / len(losses))


def reduction_by_target_length(losses, lengths):
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

    Raises
    ------
    ValueError
        If the arguments are not vectors of one length n >= 1, or if a length is negative or not whole.

    >>> float(reduction_by_target_length(np.array([4.0, 3.0]), np.array([2, 0])))
    2.5
    """
    _check_lengths(losses, lengths)
    return (losses / np.maximum(lengths, 1)).sum() / len(losses)


def reduction_by_target_length_gradient(losses, lengths):
    """dL/dl, shape (n,): 1 / (n max(u, 1))."""
    loss = reduction_by_target_length(losses, lengths)
    return _unless_nan(loss, 1.0 / (len(losses) * np.maximum(lengths, 1)))


def _check(losses, axes, least=1):
    shape = ("", "a vector", "a matrix")[axes]
    require(np.ndim(losses) == axes, "losses", losses, f"must be {shape}")
    require(len(losses) >= least, "losses", losses, f"must hold n >= {least} samples")


def _check_weights(losses, weights):
    _check(losses, 1)
    require(np.shape(weights) == np.shape(losses), "weights", weights, "must be as many as losses")
    legal = ~((weights < 0.0) | (weights == np.inf))
    require(legal.all(), "weights", weights, "must be >= 0 and finite")


def _check_lengths(losses, lengths):
    _check(losses, 1)
    require(np.shape(lengths) == np.shape(losses), "lengths", lengths, "must be as many as losses")
    whole = np.asarray(lengths).dtype.kind in "iu"
    require(whole and (lengths >= 0).all(), "lengths", lengths, "must be whole numbers >= 0")


def _unless_nan(loss, gradient):
    return gradient if loss == loss else gradient * np.nan  # a NaN differs from itself


def any_order(formula, inputs, rng):
    """The order of the samples does not matter."""
    order = rng.permutation(len(inputs["losses"]))
    return misfit(formula, inputs, {a: x[order] for a, x in inputs.items()})


def batch_given_twice(factor):
    """The law that repeating the whole batch multiplies the result by `factor`."""

    def law(formula, inputs, rng):
        twice = {a: np.concatenate([x, x]) for a, x in inputs.items()}
        return misfit(formula, inputs, twice, factor)

    law.__name__ = "batch_given_twice"
    law.__doc__ = "Repeating the whole batch " + ("changes nothing." if factor == 1.0 else "doubles the sum.")
    return law


def between_the_extremes(formula, inputs, rng):
    """Between the smallest and the largest loss."""
    low, high = np.min(inputs["losses"]), np.max(inputs["losses"])
    outside = max(low - formula.value(**inputs), formula.value(**inputs) - high, 0.0)
    return outside / (16 * UNIT * condition(formula, inputs))


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


def random_losses(rng):
    """Losses of a batch of 1 to 7 samples."""
    return {"losses": rng.gamma(1.0, 2.0, size=int(rng.integers(1, 8)))}


def random_weighted_losses(rng):
    """Losses, each with a weight."""
    losses = random_losses(rng)
    return losses | {"weights": rng.uniform(0.2, 3.0, size=len(losses["losses"]))}


def random_sequence_losses(rng):
    """Losses of sequences, each with the length of its target, 0 among them."""
    losses = random_losses(rng)
    return losses | {"lengths": rng.integers(0, 6, size=len(losses["losses"]))}


CTC = np.array([3.523657, 3.495314, 4.262677])
KL_OF_TWO = np.array(
    [[0.033483707250337995, -0.006495374259594432], [-0.030258509299404563, 0.08517553590795636]]
)
KL_OF_THREE = np.array(
    [
        [-0.5996724607571127, -0.22188758248682008, -0.24025850929940457],
        [-0.24025850929940457, -0.24657359027997264, -0.486516292749662],
    ]
)
NOT_A_NUMBER = np.array([1.0, np.nan])

MEAN = Formula(
    value=reduction_mean,
    signature="(n)->()",
    source="PyTorch 2.13, reduction='mean'",
    gradients={"losses": reduction_mean_gradient},
    sample=random_losses,
    laws=(any_order, batch_given_twice(1.0), between_the_extremes, homogeneous(1, losses=1)),
    cases={  # Case((losses), value, by losses, exposes)
        "squared errors of three": Case(([0.25, 0.25, 0.01],), 0.17, np.full(3, 1 / 3)),
        "absolute errors of three": Case(([0.5, 0.5, 0.1],), 0.3666666666666667),
        "Huber losses of three": Case(([0.125, 0.125, 0.005],), 0.085),
        "cross-entropies of two": Case(([0.31677871, 0.27373591],), 0.29525731),
        "binary cross-entropies of three": Case(
            ([0.10536051565782628, 0.22314355131420976, 0.2231435513142097],), 0.18388253942874858
        ),
        "every element of a divergence: PyTorch's mean": Case((KL_OF_TWO.ravel(),), 0.02047633989982384),
        "three samples, in batches of two and one": Case(
            ([1.0, 3.0, 8.0],), 4.0, exposes="mean of the means of batches of two"
        ),
        "one sample": Case(([2.5],), 2.5, np.ones(1)),
        "one impossible sample": Case(([1.0, np.inf],), np.inf, np.full(2, 0.5)),
        "not a number": Case((NOT_A_NUMBER,), np.nan, np.full(2, np.nan)),
    },
    variants={
        "mean of the means of batches of two": Mistake(
            lambda l: np.mean([np.mean(l[i : i + 2]) for i in range(0, len(l), 2)]),
            seen_in="gradient accumulation in Transformers, "
            "github.com/huggingface/transformers/issues/24725, and torchtune, "
            "github.com/meta-pytorch/torchtune/pull/1875",
            symptom="samples of a short batch count more; the result depends on how batches are cut",
        ),
    },
)

SUM = Formula(
    value=reduction_sum,
    signature="(n)->()",
    source="PyTorch 2.13, reduction='sum'",
    gradients={"losses": reduction_sum_gradient},
    sample=random_losses,
    laws=(any_order, batch_given_twice(2.0), homogeneous(1, losses=1)),
    cases={  # Case((losses), value, by losses, exposes)
        "three samples": Case(([1.0, 3.0, 8.0],), 12.0, np.ones(3), "sum_over_batch_size: divided by it"),
        "every element of a divergence": Case((KL_OF_TWO.ravel(),), 0.08190535959929536),
        "an empty batch": Case(([],), 0.0, []),
        "one impossible sample": Case(([1.0, np.inf],), np.inf, np.ones(2)),
        "not a number": Case((NOT_A_NUMBER,), np.nan, np.full(2, np.nan)),
    },
    variants={
        "sum_over_batch_size: divided by it": Convention(
            lambda l: np.sum(l) / len(l),
            {"losses": lambda l: np.full(len(l), 1.0 / len(l))},
            seen_in="Keras, documentation of keras.losses.Loss; github.com/keras-team/keras/issues/18818",
        ),
    },
)

BATCHMEAN = Formula(
    value=reduction_batchmean,
    signature="(n,k)->()",
    source="PyTorch 2.13, KLDivLoss, reduction='batchmean'",
    gradients={"losses": reduction_batchmean_gradient},
    sample=lambda rng: {
        "losses": rng.gamma(1.0, 2.0, size=(int(rng.integers(1, 4)), int(rng.integers(2, 5))))
    },
    laws=(any_order, batch_given_twice(1.0), homogeneous(1, losses=1)),
    cases={  # Case((losses), value, by losses, exposes)
        "divergences of two rows, two classes": Case(
            (KL_OF_TWO,), 0.04095267979964768, np.full((2, 2), 0.5), "divided by the number of elements"
        ),
        "divergences of two rows, three classes": Case((KL_OF_THREE,), -1.0175834724361883),
        "one row: the sum": Case(([[1.0, 3.0, 8.0]],), 12.0, np.ones((1, 3))),
        "one element each: the mean": Case(([[1.0], [3.0]],), 2.0),
        "not a number": Case(([[1.0, 2.0], [np.nan, 0.0]],), np.nan, np.full((2, 2), np.nan)),
    },
    variants={
        "divided by the number of elements": Convention(
            lambda l: np.mean(l),
            {"losses": lambda l: np.full(np.shape(l), 1.0 / np.size(l))},
            seen_in="PyTorch, documentation of torch.nn.KLDivLoss, reduction='mean', "
            "github.com/pytorch/pytorch/pull/14457; unawares in DeiT, "
            "github.com/facebookresearch/deit/issues/61",
            symptom="k times too small",
        ),
    },
)

CLASS_WEIGHTED_MEAN = Formula(
    value=reduction_class_weighted_mean,
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
    cases={  # Case((losses, weights), value, by losses and weights, exposes)
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
            ([1.0, np.inf, 3.0], [1.0, 0.0, 1.0]), 2.0, {"losses": np.array([0.5, 0.0, 0.5])}
        ),
        "one impossible sample": Case(([1.0, np.inf], [1.0, 1.0]), np.inf, {"losses": np.array([0.5, 0.5])}),
        "loss not a number": Case(
            (NOT_A_NUMBER, np.ones(2)), np.nan, (np.full(2, np.nan), np.full(2, np.nan))
        ),
        "weight not a number": Case(
            (np.ones(2), NOT_A_NUMBER), np.nan, (np.full(2, np.nan), np.full(2, np.nan))
        ),
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
    cases={  # Case((losses, weights), value, by losses and weights, exposes)
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
        "loss not a number": Case(
            (NOT_A_NUMBER, np.ones(2)), np.nan, (np.full(2, np.nan), np.full(2, np.nan))
        ),
        "weight not a number": Case(
            (np.ones(2), NOT_A_NUMBER), np.nan, (np.full(2, np.nan), np.full(2, np.nan))
        ),
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
)

BY_TARGET_LENGTH = Formula(
    value=reduction_by_target_length,
    signature="(n),(n)->()",
    source="PyTorch 2.13, CTCLoss, reduction='mean'",
    gradients={"losses": reduction_by_target_length_gradient},
    sample=random_sequence_losses,
    laws=(any_order, batch_given_twice(1.0), homogeneous(1, losses=1)),
    cases={  # Case((losses, lengths), value, by losses, exposes)
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
)
