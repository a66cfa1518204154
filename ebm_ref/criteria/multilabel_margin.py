r"""Multi-label margin: every right class must score more than every wrong one, by 1.

    L       = (1/k) sum_{j in T} sum_{i not in T} v_{j,i}
    v_{j,i} = max(0, 1 - x_j + x_i)
    dL/dx_i = (1/k) sum_{j in T} [v_{j,i} > 0]           where i is wrong
    dL/dx_j = -(1/k) sum_{i not in T} [v_{j,i} > 0]      where j is right

T holds the right classes, of which there may be several.  Each right class is compared with each
wrong one; the right ones are not compared with each other.  With a single right class this is the
multi-class margin loss of multi_margin.py.  Lecture notes call it "multi-class hinge"; it is the
multi-*label* one.

The targets are a list of indices, as long as the scores and ended by -1: [3, 0, -1, 1] means classes
3 and 0, and the 1 after the end means nothing.  Most of what goes wrong with this loss is the list: a
0/1 vector in its place is read as indices, and gives a plausible number.  A class that is listed
twice counts twice.

Source: NYU DLSP20, week 11-2; PyTorch's MultiLabelMarginLoss, whose example is a case below.
"""

import itertools

import autograd.numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, gradient_sums_to, non_negative, shift_invariant_in
from ebm_ref.numerics import total


def multilabel_margin(scores, targets: int):
    """Multi-label margin loss of one sample.

    Parameters
    ----------
    scores : (k,) float, k >= 1
        Score x_i of each class; higher is better.  A NaN gives a NaN loss if it is compared with any.
    targets : (k,) int
        Indices of the right classes, ended by -1 unless there are k of them; what follows is not read.

    Returns
    -------
    float
        >= 0; zero exactly when every right class scores at least 1 more than every wrong one.  Where all
        classes are right, or none, there is nothing to compare: 0.

    Raises ValueError if there is no class, or if an index before the first -1 is not in 0..k-1.

    >>> float(multilabel_margin(np.array([0.5, 0.0, 2.0]), np.array([0, -1, -1])))  # (0.5 + 2.5) / 3
    1.0
    """
    x, targets = FORMULA.checked(scores, targets)
    return total(np.ravel(violations(x, *split(targets)))) / len(x)


def multilabel_margin_gradient(scores, targets: int):
    """dL/dx, shape (k,): at each class the number of violations against it less those by it, over k."""
    x, targets = FORMULA.checked(scores, targets)
    right, wrong = split(targets)
    is_violated = np.sign(violations(x, right, wrong))
    g = np.zeros(len(x))
    g[wrong] = is_violated.sum(axis=0)
    for j, force in zip(right, is_violated.sum(axis=1), strict=True):
        g[j] -= force
    return g * np.nan if np.isnan(is_violated.sum()) else g / len(x)


def violations(x, right, wrong):
    """v_ji = max(0, 1 - x_j + x_i), a row for each right class j, a column for each wrong one i."""
    return np.maximum(0.0, 1.0 - (x[right][:, None] - x[wrong][None, :]))


def split(targets):
    """The right classes as listed, up to the first -1, and the wrong ones in order."""
    right = list(itertools.takewhile(lambda index: index != -1, targets))
    return right, [i for i in range(len(targets)) if i not in right]


def rules(scores, targets):
    """There is a class, and every index before the end of the list is one."""
    require(len(scores) >= 1, "scores", scores, "must hold k >= 1 classes")
    for index in split(targets)[0]:
        require_index("targets", index, len(scores))


def random_targets(rng):
    """Scores of 3 to 5 classes, 1 or 2 of them right, and something after the end of the list."""
    k = int(rng.integers(3, 6))
    targets = rng.permutation(k)
    targets[int(rng.integers(1, 3))] = -1
    return {"scores": rng.normal(size=k), "targets": targets}


FORMULA = Formula(
    value=multilabel_margin,
    signature="(k),(k)->()",
    source="NYU DLSP20, week 11-2; PyTorch, MultiLabelMarginLoss",
    gradients={"scores": multilabel_margin_gradient},
    sample=random_targets,
    laws=(non_negative, shift_invariant_in("scores"), convex_in("scores"), gradient_sums_to("scores", 0.0)),
    cases={  # (scores, targets), L, dL/dx, the mistake that it exposes
        "the documentation's example: classes 3 and 0 are right, (0.4 + 0.6 + 1.1 + 1.3) / 4": Case(
            ([0.1, 0.2, 0.4, 0.8], [3, 0, -1, 1]),
            0.85,
            [-0.5, 0.5, 0.5, -0.5],
            "entries after the first -1 read",
        ),
        "one right class: the multi-class margin loss": Case(
            ([0.0, 1.5, 0.5, -4.0], [0, -1, -1, -1]),
            1.0,
            [-0.5, 0.25, 0.25, 0.0],
            "class 0 taken for the end of the list",
        ),
        "separated: the right classes lie 3 apart, and that is nobody's business": Case(
            ([5.0, 2.0, 1.0, -1.0], [0, 1, -1, -1]), 0.0, np.zeros(4), "no class left out of the sum"
        ),
        "two of four, three violations": Case(
            ([1.0, 0.5, -0.25, 1.25], [3, 1, -1, -1]),
            0.625,
            [0.5, -0.5, 0.25, -0.25],
            "0/1 vector read as indices",
        ),
        "a class listed twice counts twice": Case(
            ([0.5, 0.25, -2.0], [0, 0, -1]), 0.5, [-2.0 / 3.0, 2.0 / 3.0, 0.0], "each class counted once"
        ),
        "at the corner: a gap of exactly 1 is enough": Case(
            ([2.0, 1.0, 0.0, 1.5], [0, -1, -1, -1]), 0.125, [-0.25, 0.0, 0.0, 0.25]
        ),
        "no class is right": Case(([1.0, 2.0], [-1, 0]), 0.0, np.zeros(2)),
        "all are right: the list needs no end": Case(([1.0, 2.0], [1, 0]), 0.0, np.zeros(2)),
        "an impossible wrong class is far enough": Case(
            ([0.0, -np.inf, 0.5], [0, -1, -1]), 0.5, [-1.0 / 3.0, 0.0, 1.0 / 3.0]
        ),
        "not a number": Case(([0.0, np.nan, 3.0], [2, -1, -1]), np.nan, np.full(3, np.nan)),
        "one right class of three, both others too near: divided by 3, not by 2": Case(
            ([1.0, 0.5, 0.75], [0, -1, -1]),
            1.25 / 3.0,
            [-2.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0],
            "divided by the pairs",
        ),
    },
    variants={
        "0/1 vector read as indices": Mistake(
            lambda x, t: multilabel_margin(x, _as_vector(x, t)),
            {"scores": lambda x, t: multilabel_margin_gradient(x, _as_vector(x, t))},
            seen_in="widely copied example, github.com/pytorch/pytorch/issues/15863",
            symptom="classes 0 and 1 are learned, each many times over, and no other",
        ),
        "class 0 taken for the end of the list": Mistake(
            lambda x, t: multilabel_margin(x, np.where(t == 0, -1, t)),
            {"scores": lambda x, t: multilabel_margin_gradient(x, np.where(t == 0, -1, t))},
            seen_in="PyTorch, printed condition y[j] != 0, github.com/pytorch/pytorch/issues/2547; "
            "indices in Torch began at 1",
            symptom="class 0, and what is listed after it, is never learned",
        ),
        "entries after the first -1 read": Mistake(
            lambda x, t: multilabel_margin(x, _compacted(t)),
            {"scores": lambda x, t: multilabel_margin_gradient(x, _compacted(t))},
            symptom="-1 taken for a gap instead of the end",
        ),
        "no class left out of the sum": Mistake(
            lambda x, t: np.sum(np.maximum(0.0, 1.0 - (x[split(t)[0]][:, None] - x))) / len(x),
            seen_in="NYU DLSP20 week 11-2, printed sum over all i and j",
            symptom="at least |T|/k, and the right classes fight each other",
        ),
        "each class counted once": Mistake(
            lambda x, t: multilabel_margin(x, _without_repeats(t)),
            {"scores": lambda x, t: multilabel_margin_gradient(x, _without_repeats(t))},
            symptom="the list made into a set",
        ),
        "divided by the pairs": Mistake(
            lambda x, t: multilabel_margin(x, t) * _classes_per_pair(t),
            {"scores": lambda x, t: multilabel_margin_gradient(x, t) * _classes_per_pair(t)},
            symptom="a mean over all pairs of a right and a wrong class: many right ones count less",
        ),
        "divided by the right classes": Mistake(
            lambda x, t: multilabel_margin(x, t) * len(x) / max(1, len(split(t)[0])),
            {"scores": lambda x, t: multilabel_margin_gradient(x, t) * len(x) / max(1, len(split(t)[0]))},
            symptom="a mean over the right classes, where a sum over them was meant",
        ),
        "largest violation alone": Mistake(
            lambda x, t: np.max(np.append(0.0, np.ravel(violations(x, *split(t))))),
            symptom="the lowest right class against the highest wrong one; no division",
        ),
        "first right class alone": Mistake(
            lambda x, t: np.sum(violations(x, split(t)[0][:1], split(t)[1])) / len(x),
            symptom="the multi-class loss of the first that is listed",
        ),
    },
    rules=rules,
    refuses={  # (scores, targets), the argument to blame
        "a class beyond the scores": (([1.0, 2.0, 3.0], [3, -1, -1]), "targets"),
        "a class counted from the end": (([1.0, 2.0, 3.0], [0, -2, -1]), "targets"),
        "indices that are no integers": (([1.0, 2.0, 3.0], [0.0, -1.0, -1.0]), "targets"),
        "no class": (([], []), "scores"),
        "a list shorter than the scores": (([1.0, 2.0, 3.0], [0, -1]), "targets"),
    },
)


def _padded(indices, k):
    """As long as the scores, ended by -1."""
    return np.append(indices, np.full(k - len(indices), -1)).astype(int)


def _as_vector(x, targets):
    """1 for every right class, 0 for the others."""
    return np.isin(np.arange(len(x)), split(targets)[0]).astype(int)


def _compacted(targets):
    """The list without its -1, whatever stands behind the first of them."""
    return _padded(targets[targets != -1], len(targets))


def _without_repeats(targets):
    """Each class once."""
    right, _ = split(targets)
    return _padded(np.unique(right), len(targets))


def _classes_per_pair(targets):
    """The number of classes over that of the pairs of a right class and a wrong one."""
    right, wrong = split(targets)
    return len(targets) / max(len(right) * len(wrong), 1)
