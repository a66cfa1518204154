r"""Cross-entropy: the cost of the true class when the model gives a score to each class.

    L(z, y) = -log p_y = -z_y + log sum_j e^{z_j}
    dL/dz_j = p_j - [j = y],          p_j = e^{z_j} / sum_i e^{z_i}

A logit z_j is a score: higher is better.  Read it as an energy with the sign turned, E = -z, and this
is nll at beta = 1.  The force on a logit is the probability that is in the wrong place: the true class
is pushed up by what it lacks, every other one down by what it has.  No force exceeds 1, so one
mislabelled sample cannot pull without limit, as it can under a squared error.

Two mistakes are so common that the frameworks' manuals warn of them.  Probabilities given for logits
go through softmax twice: no logit then exceeds 1, no two classes differ by more than a factor of e, and
training stalls.  And the logarithm of a softmax is -inf as soon as the softmax underflows, while the
loss is a moderate number.  Counting from the highest score, z_s, loses nothing, since both terms are
then >= 0:

    L = (z_s - z_y) + log(1 + sum_{j != s} e^{z_j - z_s})

In the same way the force on the true class, p_y - 1, is minus what the other classes have together.

A label that is to be ignored has no loss.  To leave it out is up to the batch, and this page refuses it.
PyTorch ignores -100, its `ignore_index`: it is 0 in a sum, and in a mean it is not counted, so that a mean
of ignored labels alone is NaN (github.com/pytorch/pytorch/issues/70348).  Keras 3.15 on JAX makes every
label beyond the classes 0, whether or not `ignore_class` names it.  optax 0.2.8 takes -1 for the last
class, and k is NaN (github.com/google-deepmind/optax/issues/1185).

Source: Bridle (1990), "Probabilistic Interpretation of Feedforward Classification Network Outputs".
"""

import autograd.numpy as np

from ebm_ref import laws
from ebm_ref.checks import require, require_index
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.numerics import log_softmax, logsumexp, negated, softmax, softmax_and_complement


def cross_entropy_as_printed(logits, label: int):
    """-z_y + log sum_j e^{z_j} word by word: a sure prediction, and right, leaves nothing of its loss.

    Beyond a score of 709 the sum is infinite, and so is the loss.

    >>> sure = np.array([40.0, 0.0])
    >>> float(cross_entropy_as_printed(sure, 0)), float(cross_entropy(sure, 0))
    (0.0, 4.248354255291589e-18)
    """
    z, y = FORMULA.checked(logits, label)
    return -z[y] + np.log(np.sum(np.exp(z)))


def cross_entropy(logits, label: int):
    """Cross-entropy of one sample, from the scores of its classes.

    Parameters
    ----------
    logits : (k,) float, k >= 1
        Score z_j of each class; higher is better; -inf marks an impossible one.  A NaN gives a NaN loss.
    label : int
        Index y of the true class.

    Returns
    -------
    float
        >= 0, in nats; log(k) where all scores are alike, +inf where the true class is impossible.

    Raises ValueError if k < 1, if a logit is +inf or all are -inf, or if `label` is not in 0..k-1.

    >>> float(cross_entropy(np.array([2.0, 0.5, 0.1]), label=0).round(8))
    0.31677871
    """
    return surprise(*FORMULA.checked(logits, label))


def cross_entropy_gradient(logits, label: int):
    """dL/dz, shape (k,): p_j - [j = y], with 1 - p_y added up from the others, which keeps its digits.

    >>> k = 112  # 111 shares of 1/112, rounded and then added up, are off by five units of the last place
    >>> float(cross_entropy_gradient(np.zeros(k), 0)[0]) == -(k - 1) / k
    True
    """
    return misplaced(*FORMULA.checked(logits, label))


def surprise(z, y):
    """-log p_y of scores that were checked."""
    s = np.argmax(z)
    return (z[s] - z[y]) + logsumexp(z - z[s])


def misplaced(z, y):
    """p_j - [j = y] of scores that were checked."""
    p, others = softmax_and_complement(z)
    return np.where(np.arange(len(z)) == y, negated(others), p)


def check_scores(logits, label):
    """What every page of scores and a class refuses."""
    check_logits(logits)
    require_index("label", label, len(logits))


def check_logits(logits, argument="logits"):
    """Raise unless there is a highest score, and it is finite (or NaN, which goes through)."""
    require(len(logits) >= 1, argument, logits, "must hold at least one class")
    highest = logits.max()
    require(highest != -np.inf, argument, logits, "must leave at least one class possible")
    require(highest != np.inf, argument, logits, "must be below +inf")


NO_LOGITS = {  # (logits, label), the argument to blame; parameters keep their defaults
    "no class": (([], 0), "logits"),
    "no class is possible": (([-np.inf, -np.inf], 0), "logits"),
    "an infinite score": (([np.inf, 0.0], 0), "logits"),
    "a label beyond the classes": (([1.0, 2.0, 3.0], 3), "label"),
    "a label counted from the end": (([1.0, 2.0, 3.0], -1), "label"),
    "a label that is no integer": (([1.0, 2.0, 3.0], 1.0), "label"),
}


def random_logits(rng):
    """Scores in general position: 2 to 5 distinct numbers of either sign, any of them the true class's."""
    k = int(rng.integers(2, 6))
    return {"logits": rng.normal(scale=2.0, size=k), "label": int(rng.integers(k))}


FORMULA = Formula(
    value=cross_entropy,
    signature="(k),()->()",
    source="bridle1990",
    gradients={"logits": cross_entropy_gradient},
    sample=random_logits,
    laws=(
        laws.shift_invariant_in("logits"),
        laws.permutation_invariant,
        laws.non_negative,
        laws.likelihood_over("label"),
        laws.convex_in("logits"),
        laws.smooth("logits", 0.5),
        laws.gradient_bounded("logits", 1.0),
        laws.gradient_sums_to("logits", 0.0),
    ),
    cases={  # (logits, label), L, dL/dz, the mistake that it exposes
        "nothing known: log k": Case(([2.0, 2.0, 2.0, 2.0], 3), np.log(4.0), [0.25, 0.25, 0.25, -0.75]),
        "three classes, the highest score is right": Case(
            ([2.0, 0.5, 0.1], 0),
            0.3167787140575284,
            [-0.27150805768314723, 0.16254852375600007, 0.10895953392714718],
            "logits taken for energies",
        ),
        "three classes, another sample": Case(
            ([0.3, 2.1, 0.2], 1),
            0.27373590575835377,
            [0.1257152430079338, -0.23946709889899584, 0.11375185589106204],
        ),
        "near certain: e^-40 is left, and nothing of it may cancel": Case(
            ([40.0, 0.0], 0),
            4.248354255291589e-18,
            [-4.248354255291589e-18, 4.248354255291589e-18],
            "softmax applied twice",
        ),
        "hopeless: p_y = e^-800 is 0 in double precision, its logarithm is not": Case(
            ([0.0, 800.0], 0), 800.0, [-1.0, 1.0], "logarithm of a softmax"
        ),
        "very unlikely: no probability may be clipped": Case(
            ([14.40625, 50.09375], 0),
            35.6875,
            [np.expm1(-35.6875), -np.expm1(-35.6875)],
            "probability clipped at 1e-7",
        ),
        "high above zero: only the difference counts": Case(
            ([1e8, 1e8], 1), np.log(2.0), [0.5, -0.5], "largest score left in the exponent"
        ),
        "scores of 1000 and 999: e^1000 overflows, e^-1 does not": Case(
            ([1000.0, 999.0], 0),
            np.log1p(np.exp(-1.0)),
            [-0.2689414213699951, 0.2689414213699951],
            "softmax of infinity by infinity",
        ),
        "one class is always right": Case(([-3.0], 0), 0.0, np.zeros(1)),
        "an impossible wrong class is not there": Case(
            ([1.0, -np.inf, 1.0], 0), np.log(2.0), [-0.5, 0.0, 0.5]
        ),
        "an impossible true class: infinitely costly, yet the pull stays at 1": Case(
            ([1.0, -np.inf, 1.0], 1), np.inf, [0.5, -1.0, 0.5]
        ),
        "not a number": Case(([0.0, np.nan, 1.0], 0), np.nan, np.full(3, np.nan)),
    },
    variants={
        "softmax applied twice": Mistake(
            lambda z, y: cross_entropy(softmax(z), y),
            lambda z, y: _through_softmax(softmax(z), cross_entropy_gradient(softmax(z), y)),
            seen_in="TensorFlow Cookbook, github.com/nfmcclure/tensorflow_cookbook/issues/86",
            symptom="no loss falls below log(1 + (k-1)/e): 0.313 for two classes",
        ),
        "logarithm of a softmax": Mistake(
            lambda z, y: -np.log(softmax(z)[y]),
            seen_in="ONNX reference implementation of LogSoftmax, op_log_softmax.py",
            symptom="an infinite loss beyond a gap of 745 (float32: 104); 0 where 1e-17 is left",
        ),
        "probability clipped at 1e-7": Mistake(
            lambda z, y: -np.log(np.clip(softmax(z)[y], 1e-7, 1 - 1e-7)),
            lambda z, y: _clipped_gradient(z, y),
            seen_in="Keras CategoricalCrossentropy, github.com/keras-team/keras/issues/17634",
            symptom="no loss exceeds 16.118, and a hopeless sample has no gradient",
        ),
        "largest score left in the exponent": Mistake(
            lambda z, y: np.log(np.sum(np.exp(z))) - z[y],
            seen_in="tiny-transformers, github.com/PAIR-code/tiny-transformers/pull/67",
            symptom="an infinite or NaN loss for a score above 709 (float32: 88)",
        ),
        "softmax of infinity by infinity": Mistake(
            lambda z, y: -np.log(np.exp(z)[y] / np.sum(np.exp(z))),
            seen_in="uTensor, github.com/uTensor/uTensor/issues/175",
            symptom="NaN for a score above 709 (float32: 88), as nothing was taken off before exp",
        ),
        "logits taken for energies": Mistake(
            lambda z, y: cross_entropy(-z, y),
            lambda z, y: -cross_entropy_gradient(-z, y),
            symptom="training drives the true class to the lowest score",
        ),
        "a binary loss for each class": Mistake(
            lambda z, y: np.sum(np.logaddexp(0.0, z)) - z[y],
            symptom="sigmoids for the softmax: classes do not compete",
        ),
        "complements of the others, too": Mistake(
            lambda z, y: -log_softmax(z)[y] - np.sum(np.log1p(-softmax(z)[np.arange(len(z)) != y])),
            symptom="a binary loss of probabilities that sum to 1: twice the loss for two classes",
        ),
        "squared error of the probabilities": Mistake(
            lambda z, y: np.sum((softmax(z) - (np.arange(len(z)) == y)) ** 2),
            symptom="Brier's score: 2 at most, and no pull on what is hopeless",
        ),
        "against the best of the others alone": Mistake(
            lambda z, y: np.logaddexp(0.0, np.max(z[np.arange(len(z)) != y]) - z[y]),
            symptom="one rival is pulled down; right for two classes",
        ),
        "against each of the others": Mistake(
            lambda z, y: np.sum(np.logaddexp(0.0, z[np.arange(len(z)) != y] - z[y])),
            symptom="a softmax of two for each rival: right for two classes",
        ),
    },
    as_printed=cross_entropy_as_printed,
    rules=check_scores,
    refuses=NO_LOGITS,
)


def _through_softmax(p, g):
    return p * (g - np.dot(p, g))


def _clipped_gradient(z, y):
    inside = 1e-7 < softmax(z)[y] < 1 - 1e-7
    return cross_entropy_gradient(z, y) * inside
