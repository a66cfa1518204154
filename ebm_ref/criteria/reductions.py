r"""Reductions: from the losses of samples to the loss of a batch.

    mean        L = (1/n) sum_i l_i               dL/dl_i = 1/n
    sum         L = sum_i l_i                     dL/dl_i = 1
    batchmean   L = (1/n) sum_i sum_j l_{i,j}     dL/dl_{i,j} = 1/n

All pages before this one give the loss of one sample, because nothing in a loss function is so often
misread as its reduction.  Divide by another number, and the learning rate is another one.  Here l_i is
the loss of sample i of n, and l_{i,j} that of element j of sample i.

A divergence is a *sum* over classes.  Under 'mean' PyTorch's KLDivLoss also divides by the number of
classes; under 'batchmean' it does not.

Means of batches of unequal size do not average to the mean of all: (a/1 + (b+c)/2) / 2 is not
(a + b + c) / 3.  Gradient accumulation got that wrong for years.

Source: documentation of PyTorch 2.13, torch.nn, and of Keras 3, keras.losses; the rest is arithmetic.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, homogeneous, misfit


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

    Raises ValueError if there is no sample.

    >>> float(reduction_mean(np.array([0.25, 0.25, 0.01])).round(12))
    0.17
    """
    (l,) = MEAN.checked(losses)
    return np.sum(l) / len(l)


def reduction_mean_gradient(losses):
    """dL/dl, shape (n,): 1/n."""
    (l,) = MEAN.checked(losses)
    return unless_nan(l, np.full(len(l), 1.0 / len(l)))


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

    Raises ValueError if the losses are no vector of numbers.

    >>> float(reduction_sum(np.array([1.0, 2.0])))
    3.0
    """
    (l,) = SUM.checked(losses)
    return np.sum(l)


def reduction_sum_gradient(losses):
    """dL/dl, shape (n,): 1."""
    (l,) = SUM.checked(losses)
    return unless_nan(l, np.ones(len(l)))


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

    Raises ValueError if there is no sample.

    >>> float(reduction_batchmean(np.array([[1.0, 2.0], [3.0, 4.0]])))
    5.0
    """
    (l,) = BATCHMEAN.checked(losses)
    return np.sum(l) / len(l)


def reduction_batchmean_gradient(losses):
    """dL/dl, shape (n, k): 1/n."""
    (l,) = BATCHMEAN.checked(losses)
    return unless_nan(l, np.full(l.shape, 1.0 / len(l)))


def unless_nan(x, gradient):
    """The gradient, or NaN all over where the sum of x is NaN."""
    return gradient * np.nan if np.isnan(np.sum(x)) else gradient


def rules(losses):
    """The mean of no sample is undefined."""
    require(len(losses) >= 1, "losses", losses, "must hold n >= 1 samples")


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


def random_losses(rng):
    """Losses of a batch of 1 to 7 samples."""
    return {"losses": rng.gamma(1.0, 2.0, size=int(rng.integers(1, 8)))}


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
    cases={  # (losses,), L, dL/dl, the mistake that it exposes
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
        )
    },
    rules=rules,
    refuses={"no sample": (([],), "losses")},
)

SUM = Formula(
    value=reduction_sum,
    signature="(n)->()",
    source="PyTorch 2.13, reduction='sum'",
    gradients={"losses": reduction_sum_gradient},
    sample=random_losses,
    laws=(any_order, batch_given_twice(2.0), homogeneous(1, losses=1)),
    cases={  # (losses,), L, dL/dl, the mistake that it exposes
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
        )
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
    cases={  # (losses,), L, dL/dl, the mistake that it exposes
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
        )
    },
    rules=rules,
    refuses={"no sample": ((np.zeros((0, 3)),), "losses")},
)
