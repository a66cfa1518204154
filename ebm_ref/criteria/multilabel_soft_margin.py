r"""Multi-label soft margin: one logistic loss for each class, and their mean.

    L       = (1/k) sum_i log(1 + e^{-s_i x_i})          s_i = 2 t_i - 1
            = -(1/k) sum_i (t_i log p_i + (1 - t_i) log(1 - p_i))
    p_i     = 1 / (1 + e^{-x_i})
    dL/dx_i = (p_i - t_i) / k

t_i = 1 if class i is right, 0 if not.  The margin loss of multilabel_margin.py compares classes with
each other.  This one compares each class with a fixed level, so every sample moves every class.  k L
is -log of the product of the classes' probabilities: they are taken to be independent given x.

Beware of the two formats: this loss wants a vector of zeros and ones, its neighbour a list of indices
ended by -1.  Fed with the list, the second line above takes -1 and 3 for probabilities; the loss
becomes negative and has no minimum.

In floating point p_i - t_i cancels where the class is right and nearly certain.  It is -s_i times the
probability of the wrong answer, 1 / (1 + e^{s_i x_i}), which keeps its digits.

Source: NYU DLSP20, week 11-2 (soft margin, class by class); PyTorch's MultiLabelSoftMarginLoss.
"""

import itertools

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, convex_in, non_negative, permutation_invariant
from ebm_ref.numerics import log_sigmoid, sigmoid, softplus


def multilabel_soft_margin(scores, targets):
    """Multi-label soft margin loss of one sample.

    Parameters
    ----------
    scores : (k,) float, k >= 1
        Score x_i of each class, the log-odds that it is right.  A NaN gives a NaN loss.
    targets : (k,) int
        t_i = 1 for every right class, 0 for the others.

    Returns
    -------
    float
        >= 0; log 2 where all scores are 0.

    Raises ValueError if there is no class, or if a target is neither 0 nor 1.

    >>> float(multilabel_soft_margin(np.array([-800.0, -800.0]), np.array([1, 0])))
    400.0
    """
    x, t = FORMULA.checked(scores, targets)
    return np.mean(softplus(-signs(t) * x))


def multilabel_soft_margin_gradient(scores, targets):
    """dL/dx, shape (k,): (p_i - t_i) / k, the difference taken without cancellation."""
    x, t = FORMULA.checked(scores, targets)
    s = signs(t)
    g = -s * sigmoid(-s * x) / len(x)
    return np.where(np.isnan(np.sum(x)), np.nan, g)


def signs(t):
    """s_i = 1 where the target is 1, -1 where it is 0."""
    return 2.0 * t - 1.0


def rules(scores, targets):
    """Zeros and ones, and at least one of them: the mean of no class is undefined."""
    require(len(scores) >= 1, "scores", scores, "must hold k >= 1 classes")
    require(np.all((targets == 0) | (targets == 1)), "targets", targets, "must be 0 or 1 each")


def all_answers_exhaust_the_probability(formula, inputs, rng):
    """sum e^-kf = 1 over all 2^k vectors of targets: kf is minus the logarithm of a probability."""
    x = inputs["scores"]
    answers = itertools.product((0, 1), repeat=len(x))
    total = sum(np.exp(-len(x) * formula.value(x, np.array(t))) for t in answers)
    return abs(total - 1.0) / (16 * UNIT * len(x))


def random_answers(rng):
    """Scores of 2 to 4 classes, each right or not."""
    k = int(rng.integers(2, 5))
    return {"scores": rng.normal(scale=2.0, size=k), "targets": rng.integers(2, size=k)}


FORMULA = Formula(
    value=multilabel_soft_margin,
    signature="(k),(k)->()",
    source="NYU DLSP20, week 11-2; PyTorch, MultiLabelSoftMarginLoss",
    gradients={"scores": multilabel_soft_margin_gradient},
    sample=random_answers,
    laws=(non_negative, permutation_invariant, convex_in("scores"), all_answers_exhaust_the_probability),
    cases={  # (scores, targets), L, dL/dx, the mistake that it exposes
        "undecided: log 2, however many classes": Case(
            (np.zeros(4), [1, 0, 0, 1]),
            np.log(2.0),
            [-0.125, 0.125, 0.125, -0.125],
            "summed over the classes",
        ),
        "odds of 3 to 1 for both, one of them wrong: (log 4/3 + log 4) / 2": Case(
            ([np.log(3.0), np.log(3.0)], [1, 0]), 0.8369882167858358, [-0.125, 0.375]
        ),
        "hopeless: e^800 overflows, the loss does not": Case(
            ([-800.0, 800.0], [1, 0]), 800.0, [-0.5, 0.5], "logarithm of a sigmoid"
        ),
        "near certain: e^-40 each, and none of it may cancel": Case(
            ([40.0, -40.0], [1, 0]), 4.248354255291589e-18, [-2.1241771276457945e-18, 2.1241771276457945e-18]
        ),
        "classes 1 and 2 of three": Case(
            ([1.0, 1.0, 1.0], [0, 1, 1]),
            0.6465950208515562,
            [0.2436861928766683, -0.08964714045666504, -0.08964714045666504],
            "list of indices read as a 0/1 vector",
        ),
        "one class: the soft margin loss": Case(
            ([-3.0], [1]), 3.0485873515737421, [-0.95257412682243319], "right and wrong swapped"
        ),
        "certainty": Case(([np.inf, -np.inf], [1, 0]), 0.0),
        "not a number": Case(([0.0, np.nan], [1, 0]), np.nan, np.full(2, np.nan)),
    },
    variants={
        "logarithm of a sigmoid": Mistake(
            lambda x, t: -np.mean(np.log(np.where(t == 1, _plain_sigmoid(x), 1.0 - _plain_sigmoid(x)))),
            seen_in="PyTorch 0.4 MultiLabelSoftMarginLoss, github.com/pytorch/pytorch/issues/9141",
            symptom="infinite where a score of 37 is wrong (float32: 17), and inexact before that",
        ),
        "list of indices read as a 0/1 vector": Mistake(
            lambda x, t: -np.mean(_listed(t) * log_sigmoid(x) + (1 - _listed(t)) * log_sigmoid(-x)),
            {"scores": lambda x, t: (sigmoid(x) - _listed(t)) / len(x)},
            seen_in="PyTorch, printed target format, github.com/pytorch/pytorch/issues/36217",
            symptom="negative losses without a minimum",
        ),
        "summed over the classes": Mistake(
            lambda x, t: len(x) * multilabel_soft_margin(x, t),
            {"scores": lambda x, t: len(x) * multilabel_soft_margin_gradient(x, t)},
            seen_in="expected instead of the mean, github.com/pytorch/pytorch/issues/9301",
            symptom="k times the loss: the learning rate means something else",
        ),
        "right and wrong swapped": Mistake(
            lambda x, t: np.mean(softplus(signs(t) * x)),
            {"scores": lambda x, t: signs(t) * sigmoid(signs(t) * x) / len(x)},
            symptom="scores taken for energies",
        ),
        "right classes alone": Mistake(
            lambda x, t: np.mean(t * softplus(-x)),
            symptom="every class is predicted: the loss of a wrong one is 0",
        ),
        "softmax over the classes": Mistake(
            lambda x, t: np.mean(t * (np.log(np.sum(np.exp(x))) - x)), symptom="classes compete for one share"
        ),
        "targets taken for signs": Mistake(
            lambda x, t: np.mean(softplus(-t * x)), symptom="a wrong class costs log 2, whatever its score"
        ),
        "hinges for the logistic": Mistake(
            lambda x, t: np.mean(np.maximum(0.0, 1.0 - (2.0 * t - 1.0) * x)), symptom="0 beyond scores of 1"
        ),
    },
    rules=rules,
    refuses={  # (scores, targets), the argument to blame
        "a target of 1/2": (([1.0, 2.0, 3.0], [0.5, 0.0, 1.0]), "targets"),
        "a list of indices": (([1.0, 2.0, 3.0], [0, 2, -1]), "targets"),
        "no class": (([], []), "scores"),
    },
)


def _listed(targets):
    """The indices of the right classes, padded with -1: what the neighbouring loss wants."""
    right = np.flatnonzero(targets)
    return np.append(right, np.full(len(targets) - len(right), -1))


def _plain_sigmoid(x):
    """1 / (1 + e^{-x}), which rounds to 1."""
    return 1.0 / (1.0 + np.exp(-x))
