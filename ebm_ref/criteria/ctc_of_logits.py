r"""CTC of logits: the same loss with its softmax inside, and the gradient that training needs.

    L(z, y)     = -log P(path spells y)       path_t drawn from softmax(z[t])
    dL/dz[t, k] = softmax(z[t])_k - gamma[t, k]
    gamma[t, k] = P(path_t = k | path spells y)

Here z are the logits.  Rows of the gradient sum to 0, and every class of a row is pushed, whether the
target uses it or not.  By the log-probabilities it would be -gamma, with rows that sum to -1: see
ctc.py.

In floating point both formulas fail where a model is well trained.  For two moments with logits
(0, 17) and the target 1, L = 1.7e-15, which log P cannot hold, as P rounds to 1.  A recursion in
float64 is off by a factor of 3, in float32 it turns negative
(github.com/google-deepmind/optax/issues/1771).

So count failures.  Reading a path is a walk over the positions of the target.  It is lost for good at
the first symbol that is no move from where it stands.  P(lost or unfinished) is a sum of positive
terms, and small when L is:

    L = -log1p(-P(not spelled))     where that is below 1/2, else
    L = sum_t (log sum_k e^{z[t, k]} - z[t, best_t]) - log(1 + r)

with the best alignment and r as in ctc.py, but of logits, since log-softmax has rounded what may decide.

softmax - gamma cancels the same way.  So put a freshly drawn symbol in the place of path_t, and see
whether it spoils the path:

    dL/dz[t, k] = P(fresh = k, spoilt | path spells y)
                  - P(path_t = k, spoilt | path spells y)

These, too, are sums of positive terms: of R[a, b], the probability that the same future leads to the
end from position a, and not from b.  The two terms themselves nearly cancel only where they happen
to balance, as for the blank in the first case below.  They come from a recursion that rounds once a
moment, so that after t moments of equal logits a slope may err by t/2 units of its last place.  So this page
keeps 8 (u C + eta), not 4.

Source: Graves et al. (2006), equation (16), for softmax - gamma; the forms that keep digits follow.
"""

import itertools

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.ctc import (
    backwards_the_same,
    classes_renamed,
    ctc,
    ctc_gradient,
    forward,
    once_each,
    random_target,
)
from ebm_ref.criteria.ctc_alignment import NO_TARGETS, check_symbols, is_long_enough, positions, spelled
from ebm_ref.criteria.ctc_failures import moves, not_spelled, spoilt
from ebm_ref.criteria.ctc_walks import from_best, log_sum, lowest_energy
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, misfit, non_negative
from ebm_ref.numerics import exact_sum, logsumexp, negated, softmax


def ctc_of_logits_as_printed(logits, target: int, blank: int = 0):
    """The log-softmax and the recursion of ctc.py as they stand, which cannot tell P from 1.

    >>> z = np.array([[0.0, 17.0], [0.0, 17.0]])
    >>> float(ctc_of_logits_as_printed(z, [1])), float(ctc_of_logits(z, [1]))
    (-1.7763568394002489e-15, 1.71390828963254e-15)
    """
    z, y = logits, np.asarray(target, int)
    lp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    symbols, moves_two = positions(y, blank)
    alpha = forward(np.exp(lp[:, symbols]), moves_two)
    return -np.log(alpha[-2:].sum())


def ctc_of_logits(logits, target: int, blank: int = 0):
    """CTC loss of one sample, by logits.

    Parameters
    ----------
    logits : (t, c) float
        Score of each class at each moment; only differences within a row matter; -inf marks an
        impossible class.  A NaN gives a NaN loss.
    target : (u,) int
        The labels to be spelled; may be empty.
    blank : int
        The class that is no label.

    Returns
    -------
    float
        >= 0; +inf where no path spells the target.

    Raises ValueError if a logit is +inf or all of a row are -inf, if L overflows, or if target and blank are
    not classes apart.

    >>> float(ctc_of_logits(np.array([[0.0, 17.0], [0.0, 17.0]]), [1]))
    1.71390828963254e-15
    """
    return surprise(*FORMULA.checked(logits, target, blank))


def ctc_of_logits_gradient(logits, target: int, blank: int = 0):
    """dL/dz, shape (t, c): softmax minus posterior; all NaN or 0 where L is not finite."""
    z, y, blank = FORMULA.checked(logits, target, blank)
    L = surprise(z, y, blank)
    g = np.full(z.shape, np.nan if np.isnan(L) else 0.0)
    if L < np.inf:
        symbols, to, _ = moves(y, blank)
        is_symbol = symbols[to].ravel()[:, None] == np.arange(z.shape[1])
        for t, by_fresh in enumerate(spoilt(z, y, blank)):
            g[t] = np.sum(by_fresh, axis=0) - np.sum(by_fresh, axis=1) @ is_symbol
    return g


def rules(logits, target, blank):
    """Logits, labels apart from the blank, and a possible class at each moment."""
    check_symbols("logits", logits, target, blank)
    is_possible = not np.any(np.max(logits, axis=1) == -np.inf)
    require(is_possible, "logits", logits, "must not be -inf all over a row")


def surprise(z, y, blank):
    """L = -log P(path spells y) of a sample that was checked."""
    missed = not_spelled(z, y, blank)
    if missed < 0.5:
        return -np.log1p(-missed)
    walk, best = from_best(z, y, blank)
    if walk is None:  # a NaN is read wherever it stands, if there are moments enough
        is_nan = np.any(np.isnan(z)) and is_long_enough(len(z), y)
        return np.nan if is_nan else negated(np.sum(best))
    highest = z[np.arange(len(z)), np.argmax(z, axis=1)]
    lowest = lowest_energy("logits", np.concatenate([best, -highest]))
    return lowest + exact_sum(np.array([beside_highest(row) for row in z])) - log_sum(walk)


def beside_highest(row):
    """log sum_k e^{row_k} less the highest of the row, which keeps its digits however large that is."""
    i = np.argmax(row)
    return np.log1p(np.sum(np.exp(row[np.arange(len(row)) != i] - row[i])))


def random_sample(rng):
    """One to four moments, two or three classes; no slope vanishes where all logits are equal."""
    while True:
        t, k = int(rng.integers(1, 5)), int(rng.integers(2, 4))
        blank = int(rng.integers(k))
        target = random_target(rng, t, k, blank)
        if np.all(np.abs(1.0 / k + ctc_gradient(np.zeros((t, k)), target, blank)) > 0.01):
            return {"logits": rng.normal(scale=1.5, size=(t, k)), "target": target, "blank": blank}


def rows_shift_invariant(formula, inputs, rng):
    """L(z + a) = L(z) for a number a_t added to each row: only differences within a row matter."""
    a = rng.normal(scale=8.0, size=len(inputs["logits"]))
    return misfit(formula, inputs, inputs | {"logits": inputs["logits"] + a[:, None]})


def rows_sum_to_zero(formula, inputs, rng):
    """Each row of the gradient sums to 0: what one class gains, the others lose."""
    g = formula.gradients["logits"](**inputs)
    return float(np.max(np.abs(g.sum(axis=1)) / (32 * UNIT * np.abs(g).sum(axis=1))))


def targets_share_one(formula, inputs, rng):
    """sum e^-L over all targets is 1: every path spells one of them."""
    z, _, blank = inputs.values()
    paths = itertools.product(range(z.shape[1]), repeat=len(z))
    points = [inputs | {"target": np.array(y, int)} for y in {tuple(spelled(path, blank)) for path in paths}]
    p = [float(np.exp(-formula.value(**point))) for point in points]
    allowed = sum(q * condition(formula, point) for q, point in zip(p, points, strict=True))
    return abs(sum(p) - 1.0) / (16 * UNIT * (1.0 + allowed))


NO_LABEL = np.array([], int)
LESS = np.e / (1.0 + np.e) / (2.0 + np.e)

FORMULA = Formula(
    value=ctc_of_logits,
    as_printed=ctc_of_logits_as_printed,
    keeps=8.0,
    signature="(t,c),(u),()->()",
    source="graves2006, Section 4.1",
    gradients={"logits": ctc_of_logits_gradient},
    sample=random_sample,
    laws=(
        non_negative,
        rows_shift_invariant,
        rows_sum_to_zero,
        targets_share_one,
        backwards_the_same,
        classes_renamed,
    ),
    cases={  # (logits, target, blank), L, dL/dz, the mistake that it exposes
        "three of nine paths: the idle class goes down as hard as the label goes up": Case(
            (np.zeros((2, 3)), [1], 0),
            np.log(3.0),
            np.array([[0.0, -1.0, 1.0], [0.0, -1.0, 1.0]]) / 3.0,
            "gradient by the log-probabilities",
        ),
        "only differences within a row matter": Case(
            ([[1e8, 1e8, 1e8], [-3.0, -3.0, -3.0]], [1], 0),
            np.log(3.0),
            np.array([[0.0, -1.0, 1.0], [0.0, -1.0, 1.0]]) / 3.0,
            "logits taken for log-probabilities",
        ),
        "near certain: P = 1 - 1.7e-15": Case(
            ([[0.0, 17.0], [0.0, 17.0]], [1], 0),
            1.7139082896325401e-15,
            np.array([[1.0, -1.0], [1.0, -1.0]]) * 1.7139082186778086e-15,
            "logarithm of a P near 1",
        ),
        "hopeless: P = 2 e^-800": Case(
            ([[800.0, 0.0], [800.0, 0.0]], [1], 0),
            800.0 - np.log(2.0),
            [[0.5, -0.5], [0.5, -0.5]],
            exposes="softmax applied twice",
        ),
        "an empty target: blanks throughout": Case(
            (np.zeros((2, 3)), NO_LABEL, 0),
            2.0 * np.log(3.0),
            np.array([[-2.0, 1.0, 1.0], [-2.0, 1.0, 1.0]]) / 3.0,
        ),
        "blank may be any class, here the last": Case(
            (np.zeros((2, 3)), NO_LABEL, 2),
            2.0 * np.log(3.0),
            np.array([[1.0, 1.0, -2.0], [1.0, 1.0, -2.0]]) / 3.0,
            "what the padding holds is read",
        ),
        "neighbours alike need a blank between: one path of eight": Case(
            (np.zeros((3, 2)), [1, 1], 0),
            3.0 * np.log(2.0),
            [[0.5, -0.5], [-0.5, 0.5], [0.5, -0.5]],
            "softmax without its logarithm",
        ),
        "one moment: cross-entropy": Case(
            ([[0.0, np.log(2.0), 0.0]], [1], 0),
            np.log(2.0),
            [[0.25, -0.5, 0.25]],
            exposes="normalised over the moments",
        ),
        "far apart, a blank at the end: 1 2 - is 1e20 above the lowest energies": Case(
            (1e20 * np.array([[0.0, -1.0, -5.0], [-4.0, 0.0, 2.0], [3.0, -5.0, 1.0]]), [1, 2], 0),
            1e20,
            [[1.0, -1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        ),
        "far apart, a label at the end: 1 2 2 is 1e20 above the lowest energies": Case(
            (1e20 * np.array([[0.0, -1.0, -5.0], [-4.0, 0.0, 2.0], [1.0, -5.0, 3.0]]), [1, 2], 0),
            1e20,
            [[1.0, -1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        ),
        "a last blank of 4e4, on paths without weight: of -1, -2 and -2 are - 1 2, 1 1 2 and 1 - 2": Case(
            ([[0.0, -1.0, -8e4], [-1.0, -1.0, -8e4], [4e4, -8e4, 0.0]], [1, 2], 0),
            4e4 + np.log(2.0 * (1.0 + np.e) / (2.0 + np.e)),
            [[LESS, -LESS, 0.0], [0.5 - 1.0 / (2.0 + np.e), 1.0 / (2.0 + np.e) - 0.5, 0.0], [1.0, 0.0, -1.0]],
        ),
        "a first blank of 4e4, on paths without weight: of 0, -1 and -2 are 1 2 -, 1 2 2 and 1 - 2": Case(
            ([[4e4, 0.0, -8e4], [-1.0, -8e4, 0.0], [0.0, -8e4, -1.0]], [1, 2], 0),
            4e4 + np.log((1.0 + np.e) ** 2 / (1.0 + np.e + np.e**2)),
        ),
        "up by 3000 and down again: of 0 and -1 are 1 2 2 and - 1 2": Case(
            ([[3000.0, 0.0, -6000.0], [-6000.0, -3001.0, 0.0], [-6000.0, -6000.0, 0.0]], [1, 2], 0),
            3000.0 - np.log1p(1.0 / np.e),
        ),
        "one class: certain": Case(([[3.0], [-7.0]], NO_LABEL, 0), 0.0, np.zeros((2, 1))),
        "too short: nothing to learn from": Case(
            (np.zeros((2, 2)), [1, 1], 0),
            np.inf,
            np.zeros((2, 2)),
            "softmax for the gradient of a target without alignment",
        ),
        "too long": Case(
            ([[0.0, 1.0, 2.0]], [1, 2], 0), np.inf, np.zeros((1, 3)), "impossible only as e^-100000"
        ),
        "impossible blanks: the label is certain": Case(
            ([[-np.inf, 2.0], [-np.inf, 5.0]], [1], 0), 0.0, np.zeros((2, 2))
        ),
        "impossible label: no path is left, and no gradient": Case(
            ([[0.0, -np.inf]], [1], 0), np.inf, np.zeros((1, 2))
        ),
        "not a number: every class of a row is read": Case(
            ([[0.0, 1.0, np.nan], [0.0, 1.0, 2.0]], [1], 0), np.nan, np.full((2, 3), np.nan)
        ),
    },
    variants={
        "gradient by the log-probabilities": Mistake(
            gradients={"logits": ctc_gradient},
            symptom="rows sum to -1 instead of 0, and classes that the target does not use never move",
        ),
        "logits taken for log-probabilities": Mistake(
            ctc,
            {"logits": ctc_gradient},
            seen_in="STARS, github.com/gwx314/STARS/issues/9",
            symptom="a negative loss, which falls without end as the logits grow",
        ),
        "softmax without its logarithm": Mistake(
            lambda z, y, blank=0: ctc(np.array([softmax(row) for row in z]), y, blank),
            symptom="probabilities where their logarithms belong: a loss below 0 that hardly moves",
        ),
        "logarithm of a P near 1": Mistake(
            ctc_of_logits_as_printed,
            seen_in="optax.ctc_loss, github.com/google-deepmind/optax/issues/1771",
            symptom="a loss of 0, or a negative one, for a model that has learnt its sample",
        ),
        "softmax for the gradient of a target without alignment": Mistake(
            gradients={
                "logits": lambda z, y, blank=0: (
                    ctc_of_logits_gradient(z, y, blank)
                    if ctc_of_logits(z, y, blank) < np.inf
                    else np.array([softmax(row) for row in z])
                )
            },
            seen_in="RETURNN, github.com/rwth-i6/returnn/issues/1835",
            symptom="impossible samples push all classes down; rows sum to 1 instead of 0",
        ),
        "impossible only as e^-100000": Mistake(
            lambda z, y, blank=0: np.minimum(ctc_of_logits(z, y, blank), 1e5),
            seen_in="optax.ctc_loss, argument log_epsilon",
            symptom="a loss of 100000 and a finite gradient for a target that no path spells",
        ),
        "what the padding holds is read": Mistake(
            lambda z, y, blank=0: np.nan,
            {"logits": lambda z, y, blank=0: np.full(np.shape(z), np.nan)},
            seen_in="optax.ctc_loss and, on JAX, keras.ops.ctc_loss: padding * old + (1 - padding) * new; "
            "found by this project",
            symptom="a NaN after the end of one sequence, and the loss of its batch is NaN",
        ),
        "divided by the target length": Convention(
            lambda z, y, blank=0: ctc_of_logits(z, y, blank) / max(len(y), 1),
            {"logits": lambda z, y, blank=0: ctc_of_logits_gradient(z, y, blank) / max(len(y), 1)},
            seen_in="PyTorch, documentation of torch.nn.CTCLoss, reduction='mean'",
            symptom="long targets count for less",
        ),
        "normalised over the moments": Mistake(
            lambda z, y, blank=0: ctc(np.array([z_k - logsumexp(z_k) for z_k in z.T]).T, y, blank),
            symptom="log_softmax along the wrong axis: one moment costs nothing, and losses may be negative",
        ),
        "softmax applied twice": Mistake(
            lambda z, y, blank=0: ctc_of_logits(np.array([softmax(row) for row in z]), y, blank),
            symptom="probabilities given for logits: none is more than e times another, so the loss stalls",
        ),
        "repetitions in the target dropped": Mistake(
            lambda z, y, blank=0: ctc_of_logits(z, once_each(y), blank),
            symptom="the target itself was collapsed: 'aa' is learned as 'a'",
        ),
    },
    rules=rules,
    refuses=NO_TARGETS
    | {
        "a logit beyond all bounds": (([[np.inf, 0.0]], [1], 0), "logits"),
        "a moment at which nothing is possible": (([[0.0, 0.0], [-np.inf, -np.inf]], [1], 0), "logits"),
    },
)
