r"""Class-weighted cross-entropy: a mistake about a rare class counts more.

    L(z, y) = -w_y log p_y,           p_j = e^{z_j} / sum_i e^{z_i}
    dL/dz_j = w_y (p_j - [j = y])

Where one class makes up 99 samples of 100, a model that always says its name is right 99 times.  The
weights w_j >= 0 make up for that; n / (k n_j) gives all k classes the same total weight.  As with
weighted_binary_cross_entropy the model's probabilities are then those of a world with as many of each:
log w_j is to be subtracted from its scores.

A class of weight 0 is not learnt from, but it is still there: it has a share of the probability, and its
score is pushed down wherever it is not zero.  Who wants it out of the sum masks its logit with -inf.

The loss of a batch needs a word: sum_i L_i over n, or over sum_i w_{y_i}?  PyTorch divides by the second,
so that a batch of one sample does not see its weight at all, and the weight of a sample depends on its
neighbours.  Keras, whose class_weight becomes a sample_weight, divides by n.  Both reductions are pages
of their own, in class_weighted_mean.py; this page is one sample, which is not reduced.

Weights and label smoothing: whose weight has the share of the target that lies on other classes?  PyTorch
2.13 gives each class its own, -sum_j w_j t_j log p_j with the t of label_smoothing.py, but its mean divides
by sum_i w_{y_i} all the same.  Keras multiplies the whole loss by w_y, as it weights samples.

Source: documentation of PyTorch 2.13, torch.nn.CrossEntropyLoss, weight; King and Zeng (2001),
"Logistic Regression in Rare Events Data", equation (12).
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require
from ebm_ref.criteria.cross_entropy import (
    NO_LOGITS,
    check_scores,
    cross_entropy,
    cross_entropy_gradient,
    misplaced,
    random_logits,
    surprise,
)
from ebm_ref.criteria.weighted_binary_cross_entropy import check_weight
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import weighted


def class_weighted_cross_entropy(logits, label: int, weights):
    """Cross-entropy of one sample, times the weight of its class.

    Parameters
    ----------
    logits : (k,) float, k >= 1
        Score z_j of each class; higher is better; -inf marks an impossible one.  A NaN gives a NaN loss.
    label : int
        Index y of the true class.
    weights : (k,) float
        Weight w_j >= 0 of each class, finite, not all 0.

    Returns
    -------
    float
        >= 0, in nats; not divided by any weight.  0 for a class of weight 0, even an impossible one.

    Raises ValueError if k < 1, if a logit is +inf or all are -inf, if `label` is not in 0..k-1, if a
    weight is negative or infinite, or if all are 0.

    >>> float(class_weighted_cross_entropy(np.zeros(2), 1, np.array([1.0, 9.0])).round(6))  # 9 log 2
    6.238325
    """
    z, y, w = FORMULA.checked(logits, label, weights)
    return weighted(w[y], surprise(z, y))


def class_weighted_cross_entropy_gradient(logits, label: int, weights):
    """dL/dz, shape (k,): w_y (p_j - [j = y]), all zero for a class of weight 0."""
    z, y, w = FORMULA.checked(logits, label, weights)
    return w[y] * misplaced(z, y)


def rules(logits, label, weights):
    """What cross-entropy asks for, and weights that leave something to learn."""
    check_scores(logits, label)
    check_weight("weights", weights)
    require(not np.all(weights == 0.0), "weights", weights, "must not all be 0")


def only_its_own_weight(formula, inputs, rng):
    """The weights of the other classes are not read."""
    others = np.arange(len(inputs["weights"])) != inputs["label"]
    weights = np.where(others, inputs["weights"] * rng.uniform(0.5, 2.0), inputs["weights"])
    return laws.misfit(formula, inputs, inputs | {"weights": weights})


FORMULA = Formula(
    value=class_weighted_cross_entropy,
    signature="(k),(),(k)->()",
    source="PyTorch 2.13, CrossEntropyLoss, weight; king2001, equation (12)",
    gradients={"logits": class_weighted_cross_entropy_gradient},
    sample=lambda rng: (
        (inputs := random_logits(rng)) | {"weights": rng.uniform(0.2, 5.0, size=len(inputs["logits"]))}
    ),
    laws=(
        laws.shift_invariant_in("logits"),
        laws.permutation_invariant,
        laws.non_negative,
        laws.convex_in("logits"),
        laws.gradient_sums_to("logits", 0.0),
        laws.homogeneous(1, weights=1),
        only_its_own_weight,
    ),
    cases={  # (logits, label, weights), L, dL/dz, the mistake that it exposes
        "nothing known: the weight times log k": Case(
            ([2.0, 2.0, 2.0, 2.0], 3, [1.0, 1.0, 1.0, 8.0]),
            8.0 * np.log(4.0),
            [2.0, 2.0, 2.0, -6.0],
            "divided by the weights of the batch",
        ),
        "odds of 3 to 1, and right": Case(
            ([np.log(3.0), 0.0], 0, [2.0, 5.0]), 2.0 * np.log(4.0 / 3.0), [-0.5, 0.5], "weights on the logits"
        ),
        "three classes, the weight of the true one counts": Case(
            ([2.0, 0.5, 0.1], 0, [0.5, 8.0, 2.0]),
            0.1583893570287642,
            [-0.13575402884157362, 0.08127426187800003, 0.05447976696357359],
            "weight of the class predicted worst",
        ),
        "weights on the probabilities normalise themselves away": Case(
            ([0.0, 0.0], 1, [1.0, 3.0]), 3.0 * np.log(2.0), [1.5, -1.5], "weights on the probabilities"
        ),
        "a class of weight 0 teaches nothing": Case(([1.0, 0.0], 1, [1.0, 0.0]), 0.0, np.zeros(2)),
        "nor does an impossible one": Case(([1.0, -np.inf], 1, [1.0, 0.0]), 0.0, np.zeros(2)),
        "near certain: 2 e^-40 is left": Case(
            ([40.0, 0.0], 0, [2.0, 1.0]),
            8.496708510583178e-18,
            [-8.496708510583178e-18, 8.496708510583178e-18],
        ),
        "hopeless: three times 800": Case(([0.0, 800.0], 0, [3.0, 1.0]), 2400.0, [-3.0, 3.0]),
        "an impossible true class": Case(([1.0, -np.inf, 1.0], 1, [1.0, 2.0, 1.0]), np.inf, [1.0, -2.0, 1.0]),
        "not a number": Case(([0.0, np.nan], 0, [1.0, 1.0]), np.nan, np.full(2, np.nan)),
        "a weight that is no number": Case(([0.0, 0.0], 0, [np.nan, 1.0]), np.nan, np.full(2, np.nan)),
    },
    variants={
        "divided by the weights of the batch": Convention(
            lambda z, y, w: w[y] / w[y] * cross_entropy(z, y),
            lambda z, y, w: w[y] / w[y] * cross_entropy_gradient(z, y),
            seen_in="PyTorch, documentation of torch.nn.CrossEntropyLoss, reduction='mean', for a batch of "
            "one; github.com/pytorch/pytorch/issues/50528 and 61309",
            symptom="one sample alone does not see its weight, unless it is 0: then NaN; Keras divides by n",
        ),
        "weights on the logits": Mistake(
            lambda z, y, w: cross_entropy(w * z, y),
            lambda z, y, w: w * cross_entropy_gradient(w * z, y),
            seen_in="tf_unet, github.com/jakeret/tf_unet/issues/8; recommended in forums, "
            "github.com/tensorflow/tensorflow/issues/27741",
            symptom="a model that is right becomes surer of it: the pull of a rare class fades",
        ),
        "weights on the probabilities": Mistake(
            lambda z, y, w: cross_entropy(z + np.log(w), y),
            lambda z, y, w: cross_entropy_gradient(z + np.log(w), y),
            symptom="logit adjustment with the sign turned: a rare class is believed, not learnt",
        ),
        "weight of the class predicted worst": Mistake(
            lambda z, y, w: w[np.argmin(z)] * cross_entropy(z, y),
            lambda z, y, w: w[np.argmin(z)] * cross_entropy_gradient(z, y),
            symptom="the weight is looked up by the prediction, not by the label",
        ),
        "logarithms of the weights added to the logits": Mistake(
            lambda z, y, w: cross_entropy(z + np.log(w), y),
            seen_in="Menon et al. (2021), logit adjustment by class frequencies, where it is meant",
            symptom="no sample weighs more: the classes are shifted",
        ),
    },
    rules=rules,
    refuses={name: ((*row, np.ones(len(row[0]))), blamed) for name, (row, blamed) in NO_LOGITS.items()}
    | {
        "a negative weight": (([1.0, 2.0], 0, [1.0, -1.0]), "weights"),
        "an infinite weight": (([1.0, 2.0], 0, [1.0, np.inf]), "weights"),
        "no weight at all": (([1.0, 2.0], 0, [0.0, 0.0]), "weights"),
    },
)
