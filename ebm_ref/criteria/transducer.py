r"""Transducer: free energy of all ways through a grid of moments and labels (RNN-T).

    L(lp, y)        = -log sum_{ways} prod e^{lp of each step}
    dL/dlp[t, j, k] = -P(the way takes step k at (t, j))

    a step   from (t, j) by blank to (t+1, j): lp[t, j, blank]
             or by label to (t, j+1): lp[t, j, y_j]
    a way    from (0, 0) by T blanks and u labels, a blank at (T-1, u) last

Here T is the number of moments t, and j counts the labels given so far.  Unlike in CTC (ctc.py) the
scores may depend on them: lp has a row for each pair (t, j), so the model contains a language model of
its own.  A moment may give several labels, so every target has alignments: C(T+u-1, u) of them, and
nothing has to be merged.  The paper's recursion adds them up:

    alpha(t, j) = alpha(t-1, j) e^{lp[t-1, j, blank]}
                  + alpha(t, j-1) e^{lp[t, j-1, y_{j-1}]}
    e^{-L}      = alpha(T, u)                         alpha(0, 0) = 1

where the row alpha(T, j) has no labels: it only collects the last blanks.

The derivative is by the log-probabilities, each an independent number.  The blanks of one moment have
-1 together, for each way leaves it once; so do all steps that give label j.

In floating point alpha underflows for long inputs, and e^{-L} rounds to 1 where L is nearly 0.  So
steps are counted from those of the best way, as in ctc.py.  Where scores of 1e17 cancel, steps have what
they cost above the best way to where they lead, which is exact (levels.py).  All ways through (t, j) lie on
the diagonal n = t + j, and reach it in n steps: the sum runs over diagonals, a chain of T + u moves.

Log-probabilities are taken as given: normalised rows make e^{-L} the probability of the target.  Some
libraries normalise again, which changes nothing for normalised rows but their gradient.

Source: Graves (2012), "Sequence Transduction with Recurrent Neural Networks", Sections 2.3-2.5.
"""

import math

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.ctc import classes_renamed, concave, reads_target_and_blank_alone
from ebm_ref.criteria.ctc_alignment import check_symbols
from ebm_ref.criteria.transducer_steps import from_best, reached, step_posterior
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition
from ebm_ref.numerics import log_softmax


def transducer_as_printed(log_probabilities, target: int, blank: int = 0):
    """The paper's recursion over probabilities: P rounds to 1 where L is small, and to 0 where it is large.

    >>> lp = np.array([[[-40.0, -(2.0**-30)], [-(2.0**-30), -40.0]]])
    >>> float(transducer_as_printed(lp, [1])), float(transducer(lp, [1]))
    (1.8626451509656805e-09, 1.862645149230957e-09)
    """
    lp, y, blank = FORMULA.checked(log_probabilities, target, blank)
    p, u = np.exp(lp), len(y)
    alpha = 1.0 * (np.arange(u + 1) == 0)
    for moment in p:
        for j in range(u):
            alpha[j + 1] += alpha[j] * moment[j, y[j]]
        alpha = alpha * moment[:, blank]
    return -np.log(alpha[u])


def transducer(log_probabilities, target: int, blank: int = 0):
    """Transducer loss of one sample.

    Parameters
    ----------
    log_probabilities : (t, u+1, c) float, t >= 1
        Log-probability of each class at each moment after each number of labels; -inf marks an
        impossible one.  A NaN that some way passes gives a NaN loss.
    target : (u,) int
        The labels to be given; may be empty.
    blank : int
        The class that is no label.

    Returns
    -------
    float
        >= 0 for normalised rows; +inf where every way is impossible.

    Raises ValueError if the shape is not (t, u+1, c) with t >= 1, if a log-probability is +inf, if the sum
    along the best way overflows, or if target and blank are not classes apart.

    >>> half = np.log(np.full((2, 2, 2), 0.5))
    >>> round(float(np.exp(-transducer(half, [1]))), 12)  # two ways of three steps
    0.25
    """
    lp, y, blank = FORMULA.checked(log_probabilities, target, blank)
    scores, lowest = from_best(lp, y, blank)
    if not lowest < np.inf:
        return lowest
    c, r = reached(scores)[-1]
    return lowest - (c[-1] + np.log1p(r[-1]))


def transducer_gradient(log_probabilities, target: int, blank: int = 0):
    """dL/dlp, shape (t, u+1, c): minus the posterior of each step; all NaN or 0 where L is not finite."""
    lp, y, blank = FORMULA.checked(log_probabilities, target, blank)
    scores, lowest = from_best(lp, y, blank)
    g = np.full(lp.shape, np.nan if np.isnan(lowest) else 0.0)
    if lowest < np.inf:
        n, kind, j = np.nonzero(scores > -np.inf)
        k = np.append(y, blank)[np.where(kind == 1, j, len(y))]
        g[n - j, j, k] = -np.minimum(1.0, step_posterior(scores)[n, kind, j])
    return g


def rules(log_probabilities, target, blank):
    """A row for each moment and each number of labels, log-probabilities, labels apart from the blank."""
    t, v, _ = np.shape(log_probabilities)
    fits = t >= 1 and v == len(target) + 1
    require(fits, "log_probabilities", log_probabilities, f"must be (t >= 1, {len(target)} + 1, c)")
    check_symbols("log_probabilities", log_probabilities, target, blank)


def random_sample(rng):
    """One to three moments, up to two labels, two or three classes, any one the blank, rows normalised."""
    t, u, k = int(rng.integers(1, 4)), int(rng.integers(3)), int(rng.integers(2, 4))
    blank = int(rng.integers(k))
    target = rng.choice([label for label in range(k) if label != blank], size=u)
    rows = [log_softmax(row) for row in rng.normal(scale=1.5, size=(t * (u + 1), k))]
    return {"log_probabilities": np.array(rows).reshape(t, u + 1, k), "target": target, "blank": blank}


def each_step_is_taken_once(formula, inputs, rng):
    """The gradients by the blanks of one moment, and by all that give one label, sum to -1."""
    g, target, blank = formula.gradients["log_probabilities"](**inputs), inputs["target"], inputs["blank"]
    sums = [*g[:, :, blank].sum(axis=1), *(g[:, j, k].sum() for j, k in enumerate(target))]
    return float(np.max(np.abs(np.array(sums) + 1.0)) / (64 * UNIT))


def steps_add_up(formula, inputs, rng):
    """L falls by a_t if a_t is added to all blanks of moment t, and by b_j with all that give label j."""
    lp, target, blank = inputs.values()
    a, b = rng.normal(scale=4.0, size=len(lp)), rng.normal(scale=4.0, size=len(target))
    moved = lp.copy()
    moved[:, :, blank] += a[:, None]
    moved[:, np.arange(len(target)), target] += b
    moved = inputs | {"log_probabilities": moved}
    error = abs(formula.value(**moved) - (formula.value(**inputs) - a.sum() - b.sum()))
    size = condition(formula, inputs) + condition(formula, moved) + np.abs(a).sum() + np.abs(b).sum()
    return error / (16 * UNIT * size)


def near_the_best_way(formula, inputs, rng):
    """E_min - log C(t+u-1, u) <= L <= E_min, the energy of the best way."""
    _, lowest = from_best(*inputs.values())
    t, u = len(inputs["log_probabilities"]), len(inputs["target"])
    L = formula.value(**inputs)
    excess = max(L - lowest, lowest - np.log(math.comb(t + u - 1, u)) - L, 0.0)
    return excess / (16 * UNIT * condition(formula, inputs)) if excess else 0.0


def by_logits_gradient(lp, y, blank=0):
    """Gradient by logits whose log_softmax is taken: e^lp P(way passes the cell), minus P(step)."""
    g = transducer_gradient(lp, y, blank)
    return g - np.exp(lp) * np.sum(g, axis=2, keepdims=True)


def normalised(lp):
    """log_softmax of every row."""
    return np.array([[log_softmax(row) for row in plane] for plane in lp])


NO_LABEL = np.array([], int)
HALF, CLOSE = np.log(0.5), -(2.0**-30)
# log softmax of [[[.1, .6, .1, .1, .1], [.1, .1, .6, .1, .1], [.1, .1, .2, .8, .1]],
#                 [[.1, .6, .1, .1, .1], [.1, .1, .2, .1, .1], [.7, .1, .2, .1, .1]]], as doubles
P, Q, R = -1.7314291957733714, -1.2314291957733714, -1.8113862028771162
S, U = -1.6302539315802915, -1.7795670627425162
PUBLISHED = [
    [[P, Q, P, P, P], [P, P, Q, P, P], [R, R, -1.7113862028771163, -1.1113862028771162, R]],
    [[P, Q, P, P, P], [S, S, -1.5302539315802914, S, S], [-1.1795670627425163, U, -1.6795670627425163, U, U]],
]
A, B, C, D = 0.3081980719059999, 0.6918019280940001, 0.38360385618800025, 0.6163961438119998
LESS = 1.0 / (1.0 + np.e)  # the share of a way that is 1 below another
FAR = [  # what no way passes is 9
    [[0.0, -1.0, 9.0], [7.0, 9.0, 2.0], [1.0, 9.0, 9.0]],
    [[9.0, 3.0, 9.0], [9.0, 9.0, -3.0], [-1.0, 9.0, 9.0]],
]

FORMULA = Formula(
    value=transducer,
    as_printed=transducer_as_printed,
    signature="(t,v,c),(u),()->()",
    source="graves2012, Section 2.4",
    gradients={"log_probabilities": transducer_gradient},
    sample=random_sample,
    laws=(
        each_step_is_taken_once,
        reads_target_and_blank_alone,
        steps_add_up,
        near_the_best_way,
        classes_renamed,
        concave,
    ),
    cases={  # (log_probabilities, target, blank), L, dL/dlp, the mistake that it exposes
        "two moments, one label: two ways of three steps": Case(
            (np.full((2, 2, 3), HALF), [1], 0),
            2.0 * np.log(2.0),
            [[[-0.5, -0.5, 0.0], [-0.5, 0.0, 0.0]], [[0.0, -0.5, 0.0], [-1.0, 0.0, 0.0]]],
            "last blank left out",
        ),
        "six ways, all alike: three moments, two labels": Case(
            (np.zeros((3, 3, 3)), [1, 2], 0),
            -np.log(6.0),
            -np.array(
                [
                    [[3.0, 3.0, 0.0], [2.0, 0.0, 1.0], [1.0, 0.0, 0.0]],
                    [[1.0, 2.0, 0.0], [2.0, 0.0, 2.0], [3.0, 0.0, 0.0]],
                    [[0.0, 1.0, 0.0], [0.0, 0.0, 3.0], [6.0, 0.0, 0.0]],
                ]
            )
            / 6.0,
            "best way alone",
        ),
        "the example that warp-transducer's tests made common: 4.495666": Case(
            (PUBLISHED, [1, 2], 0),
            4.495666773770732,
            -np.array(
                [
                    [[A, B, 0.0, 0.0, 0.0], [A, 0.0, C, 0.0, 0.0], [C, 0.0, 0.0, 0.0, 0.0]],
                    [[0.0, A, 0.0, 0.0, 0.0], [0.0, 0.0, D, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0]],
                ]
            ),
        ),
        "one moment gives all labels, then moves on by a blank, here the last class": Case(
            ([[[-1.0, -8.0, -8.0], [-8.0, -0.5, -8.0], [-8.0, -8.0, -0.25]]], [0, 1], 2),
            1.75,
            -np.eye(3)[None],
            exposes="label read where it leads",
        ),
        "an empty target: the blanks": Case(
            ([[[-0.5, -1.0]], [[-0.25, -2.0]]], NO_LABEL, 0), 0.75, [[[-1.0, 0.0]], [[-1.0, 0.0]]]
        ),
        "one class: nothing but blanks": Case(
            ([[[-0.5]], [[-0.25]]], NO_LABEL, 0), 0.75, -np.ones((2, 1, 1))
        ),
        "near certain: P = 1 - 3e-9 has lost half of its digits": Case(
            ([[[-20.0, CLOSE], [CLOSE, -20.0]], [[-20.0, -20.0], [CLOSE, -20.0]]], [1], 0),
            2.7939677195980814e-09,
            -np.array(
                [[[4.248354263204765e-18, 1.0], [1.0, 0.0]], [[0.0, 4.248354263204765e-18], [1.0, 0.0]]]
            ),
            "logarithm of a sum of products",
        ),
        "hopeless: P = 2 e^-900 is 0 in double precision, its logarithm is not": Case(
            (np.full((2, 2, 2), -300.0), [0], 1), 900.0 - np.log(2.0)
        ),
        "far apart: of 1, 2 and -1 times 1e20 the second, a label at each moment": Case(
            (1e20 * np.array(FAR), [1, 2], 0),
            -2e20,
            -np.array([[[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 1], [1, 0, 0]]]),
        ),
        "lost and regained: 0 both ways, one of them by -2000": Case(
            ([[[-2000.0, 0.0], [0.0, 9.0]], [[9.0, 2000.0], [0.0, 9.0]]], [1], 0),
            -np.log(2.0),
            -np.array([[[0.5, 0.5], [0.5, 0.0]], [[0.0, 0.5], [1.0, 0.0]]]),
            "a label takes a moment",
        ),
        "a blank of 1e20, on a way without weight: of 0 and -1 both, labels late and one of them early": Case(
            (
                [
                    [[0.0, -1.0, 9.0], [0.0, 9.0, -2e20], [1e20, 9.0, 9.0]],
                    [[9.0, 0.0, 9.0], [9.0, 9.0, 0.0], [0.0, 9.0, 9.0]],
                ],
                [1, 2],
                0,
            ),
            -np.log1p(1.0 / np.e),
            -np.array(
                [
                    [[1.0 - LESS, LESS, 0.0], [LESS, 0.0, 0.0], [0.0, 0.0, 0.0]],
                    [[0.0, 1.0 - LESS, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]],
                ]
            ),
        ),
        "an impossible blank leaves one way": Case(
            ([[[-np.inf, -0.5], [-0.25, -1.0]], [[-1.0, -1.0], [-0.125, -1.0]]], [1], 0),
            0.875,
            -np.array([[[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]]),
        ),
        "an impossible label: no way is left, and no gradient": Case(
            ([[[0.0, -np.inf], [0.0, 0.0]]], [1], 0), np.inf, np.zeros((1, 2, 2))
        ),
        "not a number": Case(([[[-1.0, np.nan], [-1.0, 0.0]]], [1], 0), np.nan, np.full((1, 2, 2), np.nan)),
        "not a number where no way passes: it is not read": Case(
            ([[[np.nan, -0.5], [-0.25, np.nan]]], [1], 0), 0.75, [[[0.0, -1.0], [-1.0, 0.0]]]
        ),
    },
    variants={
        "normalised inside, gradient by the logits": Convention(
            lambda lp, y, blank=0: transducer(normalised(lp), y, blank),
            {"log_probabilities": lambda lp, y, blank=0: by_logits_gradient(normalised(lp), y, blank)},
            seen_in="torchaudio, documentation of rnnt_loss, fused_log_softmax; "
            "github.com/speechbrain/speechbrain/issues/1339",
            symptom="the same value for normalised rows, but a gradient whose every cell sums to 0",
        ),
        "last blank left out": Mistake(
            lambda lp, y, blank=0: transducer_as_printed(_last_blank_certain(lp, blank), y, blank),
            symptom="the loss is too low by -lp[t-1, u, blank], so the model never learns to stop",
        ),
        "best way alone": Mistake(
            lambda lp, y, blank=0: from_best(lp, y, blank)[1], symptom="too high by up to log C(t+u-1, u)"
        ),
        "logarithm of a sum of products": Mistake(
            transducer_as_printed,
            symptom="an infinite loss once P < 1e-308, as for any utterance of some length; no digits near 0",
        ),
        "a label takes a moment": Mistake(
            lambda lp, y, blank=0: (
                transducer(lp[_a_moment_each(lp, y)], y, blank) if len(lp) > len(y) else np.inf
            ),
            {"log_probabilities": lambda lp, y, blank=0: _a_moment_each_gradient(lp, y, blank)},
            symptom="too high: a label a moment at most, none at the last; infinite for u >= t",
        ),
        "label read where it leads": Mistake(
            lambda lp, y, blank=0: transducer_as_printed(_labels_late(lp, y), y, blank),
            symptom="column j + 1 for column j: the network has already read the label that it should give",
        ),
        "gradient by the logits": Mistake(
            gradients={"log_probabilities": by_logits_gradient},
            symptom="each cell sums to 0, and classes that the target does not use are pushed",
        ),
        "blank read where it leads": Mistake(
            lambda lp, y, blank=0: transducer_as_printed(_blanks_late(lp, blank), y, blank),
            symptom="row i + 1 for row i: the network has already seen the moment that comes",
        ),
    },
    rules=rules,
    refuses={  # (log_probabilities, target, blank), the argument to blame
        "no moment": ((np.zeros((0, 2, 3)), [1], 0), "log_probabilities"),
        "as many columns as labels, without one more": ((np.zeros((2, 1, 3)), [1], 0), "log_probabilities"),
        "a probability beyond all bounds": ((np.full((2, 2, 3), np.inf), [1], 0), "log_probabilities"),
        "a label that is the blank": ((np.zeros((2, 2, 3)), [0], 0), "target"),
        "a label beyond the classes": ((np.zeros((2, 2, 3)), [3], 0), "target"),
        "a label counted from the end": ((np.zeros((2, 2, 3)), [-1], 0), "target"),
        "labels that are no integers": ((np.zeros((2, 2, 3)), [1.0], 0), "target"),
        "a blank beyond the classes": ((np.zeros((2, 2, 3)), [1], 3), "blank"),
        "a blank counted from the end": ((np.zeros((2, 2, 3)), [1], -1), "blank"),
    },
)


def _blanks_late(lp, blank):
    """The table where each blank costs what it would a moment later; the last costs what it does."""
    lp = np.array(lp)
    lp[:-1, :, blank] = lp[1:, :, blank]
    return lp


def _last_blank_certain(lp, blank):
    """The table where the last blank costs nothing."""
    lp = np.array(lp)
    lp[-1, :, blank] = 0.0
    return lp


def _a_moment_each(lp, y):
    """Indices of moment t + j in column j: ways of this table are those in which a label takes a moment."""
    j = np.arange(len(y) + 1)
    return np.arange(max(0, len(lp) - len(y)))[:, None] + j, j


def _a_moment_each_gradient(lp, y, blank):
    g, at = np.zeros(lp.shape), _a_moment_each(lp, y)
    g[-1, -1, blank] = -1.0  # subtracted last, whether or not a way leads there
    if len(lp) > len(y):
        g[at] = transducer_gradient(lp[at], y, blank)
    return g


def _labels_late(lp, y):
    """The table where each label costs what it would in the next column."""
    lp, j, y = np.array(lp), np.arange(len(y)), np.asarray(y, int)
    lp[:, j, y] = lp[:, j + 1, y]
    return lp
