r"""CTC: the free energy of all alignments of a target.

    L(lp, y)     = -log sum_{paths that spell y} prod_t e^{lp[t, path_t]}
    dL/dlp[t, k] = -gamma[t, k]
    gamma[t, k]  = P(path_t = k | path spells y)

Every alignment (ctc_alignment.py) has the energy E = -sum_t lp[t, path_t], and L = -log sum e^{-E} is
their free energy.  If n paths share the lowest energy and no other counts, L is that energy minus
log n.  The paths are exponentially many, but a recursion over the positions s = 0..2u of the u labels
with a blank (-) before, between and behind them adds them up, in as many steps as moments times positions:

    alpha_s(t) = e^{lp[t, symbol_s]} a_s(t)
    a_s(t)     = alpha_s(t-1) + alpha_{s-1}(t-1) + [skip] alpha_{s-2}(t-1)
    e^{-L}     = alpha_{2u} + alpha_{2u-1}       after the last moment

Before the first moment alpha_0 is 1 and all others are 0.  [skip] is 1 if symbol_s is a label that differs
from symbol_{s-2}, so that the blank between may be left out, and else 0.

The gradient is *by the log-probabilities*, each an independent number: minus the posterior gamma.
Its rows sum to -1, and a symbol that the target does not use has exactly 0.  By the logits behind
them it is another one, softmax - gamma, with rows that sum to 0: see ctc_of_logits.py.  PyTorch
returns the second under the name of the first (github.com/pytorch/pytorch/issues/52241).

In floating point alpha underflows for long inputs, and e^{-L} rounds to 1 where L is nearly 0.  So
energies are counted from the lowest, that of the best alignment: L = E_min - log(1 + r), where r is the
sum of e^{E_min - E} over all other alignments, and log1p(r) keeps the digits of a small r.  Moment by moment,
E - E_min adds up the scores of the best alignment less those of another.  Where these are large and cancel,
it adds up instead what each move costs above the best way to where it leads.  That is exact (levels.py), and
never negative, so that 1e17 here and -1e17 there leave the 1/2 beside them.  A
log-probability near 0 holds the digits of 1 - p, so none of them is lost.  But an lp that comes from a
subtraction of logits carries an error of 1e-16 times the logit, which no later formula can take back.
The page ctc_of_logits.py starts from the logits, and avoids that.

Log-probabilities need not be normalised; then L is still minus the logarithm of that sum, and may be
negative.  Adding a_t to row t adds -a_t to L.

A blank is no label, and in a target this page refuses it.  PyTorch's documentation forbids it, too, but
nothing checks: PyTorch 2.13, optax 0.2.8 and Keras 3.15 all treat it as one more label, and count a path
once for every way to tell its blanks apart.  Of the target (-) and three moments the only path, - - -, is
counted six times, and e^{-L} may exceed 1.

A target with no alignment, or none of positive probability, costs +inf and has gradient 0: no small
change of the model would make it possible.

Batches, with the lengths of inputs and targets: kernels/ctc.py.

Source: Graves et al. (2006), Section 4.1, equations (3)-(8), (14)-(16).
"""

import autograd.numpy as np

from ebm_ref.criteria.ctc_alignment import (
    NO_TARGETS,
    alignments,
    best_alignment,
    check_symbols,
    has_alignment,
    positions,
    predecessors,
)
from ebm_ref.criteria.ctc_walks import from_best, log_sum, lowest_energy, position_posterior
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, misfit
from ebm_ref.numerics import log_softmax, negated


def ctc_as_printed(log_probabilities, target: int, blank: int = 0):
    """The paper's recursion over probabilities: P rounds to 1 where L is small, and to 0 where it is large.

    >>> lp = np.array([[-40.0, -(2.0**-30)], [-40.0, -(2.0**-30)]])
    >>> float(ctc_as_printed(lp, [1])), float(ctc(lp, [1]))
    (1.8626451509656805e-09, 1.8626451407342486e-09)
    """
    lp, y = log_probabilities, np.asarray(target, int)
    symbols, moves_two = positions(y, blank)
    alpha = forward(np.exp(lp[:, symbols]), moves_two)
    return -np.log(alpha[-2:].sum())


def forward(p, moves_two):
    """alpha after the last moment, where p[t, s] is the probability of the symbol of position s."""
    alpha = 1.0 * (np.arange(len(moves_two)) == 0)
    for row in p:
        alpha = predecessors(alpha, moves_two, 0.0).sum(axis=0) * row
    return alpha


def ctc(log_probabilities, target: int, blank: int = 0):
    """CTC loss of one sample.

    Parameters
    ----------
    log_probabilities : (t, c) float
        Log-probability of each class at each moment; -inf marks an impossible one.  A NaN that some
        alignment passes gives a NaN loss.
    target : (u,) int
        The labels to be spelled; may be empty.
    blank : int
        The class that is no label.

    Returns
    -------
    float
        >= 0 for normalised rows; +inf where no path spells the target.

    Raises ValueError if a log-probability is +inf, if the sum along the best alignment overflows, or if
    target and blank are not classes apart.

    >>> half = np.log(np.full((2, 2), 0.5))
    >>> round(float(np.exp(-ctc(half, [1]))), 12)  # 1 1, 1 -, - 1: three of four paths
    0.75
    """
    return free_energy(*FORMULA.checked(log_probabilities, target, blank))


def ctc_gradient(log_probabilities, target: int, blank: int = 0):
    """dL/dlp, shape (t, c): minus the posterior of each class; all NaN or 0 where L is not finite."""
    lp, y, blank = FORMULA.checked(log_probabilities, target, blank)
    walk, best = from_best(lp, y, blank)
    lowest = lowest_energy("log_probabilities", best)
    if not lowest < np.inf:
        return np.full(lp.shape, np.nan if np.isnan(lowest) else 0.0)
    is_symbol = positions(y, blank)[0][:, None] == np.arange(lp.shape[1])
    return negated(np.minimum(1.0, position_posterior(*walk) @ is_symbol))


def rules(log_probabilities, target, blank):
    """Log-probabilities, and labels apart from the blank."""
    check_symbols("log_probabilities", log_probabilities, target, blank)


def free_energy(lp, y, blank):
    """L of a sample that was checked."""
    walk, best = from_best(lp, y, blank)
    lowest = lowest_energy("log_probabilities", best)
    return lowest - log_sum(walk) if lowest < np.inf else lowest


def random_target(rng, moments, classes, blank):
    """Up to as many labels as there are moments, such that some path spells them."""
    labels = [k for k in range(classes) if k != blank]
    while True:
        target = rng.choice(labels, size=rng.integers(moments + 1)) if labels else np.array([], int)
        if has_alignment(moments, target):
            return target


def random_sample(rng):
    """One to four moments, two or three classes, any of them the blank, rows that are normalised."""
    t, k = int(rng.integers(1, 5)), int(rng.integers(2, 4))
    blank = int(rng.integers(k))
    rows = [log_softmax(row) for row in rng.normal(scale=1.5, size=(t, k))]
    return {"log_probabilities": np.array(rows), "target": random_target(rng, t, k, blank), "blank": blank}


def each_row_is_a_distribution(formula, inputs, rng):
    """Each row of the gradient sums to -1: at every moment the path has one symbol."""
    g = formula.gradients["log_probabilities"](**inputs)
    return float(np.max(np.abs(g.sum(axis=1) + 1.0)) / (32 * UNIT))


def reads_target_and_blank_alone(formula, inputs, rng):
    """A class that is neither blank nor in the target is not read: its gradient is 0, exactly."""
    lp, target, blank = inputs.values()
    idle = [k for k in range(lp.shape[-1]) if k not in {blank, *target}]
    moved = lp.copy()
    moved[..., idle] = rng.normal(scale=100.0, size=moved[..., idle].shape)
    same = formula.value(moved, target, blank) == formula.value(lp, target, blank)
    still = not np.any(formula.gradients["log_probabilities"](lp, target, blank)[..., idle])
    return 0.0 if same and still else np.inf


def rows_add_up(formula, inputs, rng):
    """L(lp + a) = L(lp) - sum_t a_t for a number a_t added to each row: no need for normalised rows."""
    a = rng.normal(scale=4.0, size=len(inputs["log_probabilities"]))
    moved = inputs | {"log_probabilities": inputs["log_probabilities"] + a[:, None]}
    error = abs(formula.value(**moved) - (formula.value(**inputs) - a.sum()))
    allowed = 16 * UNIT * (condition(formula, inputs) + condition(formula, moved) + np.abs(a).sum())
    return error / allowed


def near_the_best_alignment(formula, inputs, rng):
    """E_min - log(number of alignments) <= L <= E_min, the energy of the best alignment."""
    lp, target, blank = inputs.values()
    lowest = -sum(lp[np.arange(len(lp)), best_alignment(lp, target, blank)])
    many = np.log(len(alignments(len(lp), target, blank)))
    excess = max(formula.value(**inputs) - lowest, lowest - many - formula.value(**inputs), 0.0)
    return excess / (16 * UNIT * condition(formula, inputs)) if excess else 0.0


def backwards_the_same(formula, inputs, rng):
    """Read backwards, moments and target, the loss is the same."""
    first = next(iter(formula.shapes))
    return misfit(formula, inputs, inputs | {first: inputs[first][::-1], "target": inputs["target"][::-1]})


def classes_renamed(formula, inputs, rng):
    """Renaming the classes, blank included, changes nothing."""
    first = next(iter(formula.shapes))
    order = rng.permutation(inputs[first].shape[-1])
    new = np.argsort(order)
    names = {"target": new[inputs["target"].astype(int)], "blank": int(new[inputs["blank"]])}
    return misfit(formula, inputs, inputs | {first: inputs[first][..., order]} | names)


def concave(formula, inputs, rng):
    """Concave in the log-probabilities, each taken for itself."""
    A, t = inputs["log_probabilities"], rng.uniform()
    B = A + rng.normal(scale=4.0, size=A.shape)
    ends = [inputs | {"log_probabilities": A}, inputs | {"log_probabilities": B}]
    middle = inputs | {"log_probabilities": t * A + (1 - t) * B}
    chord = t * formula.value(**ends[0]) + (1 - t) * formula.value(**ends[1])
    allowed = 16 * UNIT * sum(condition(formula, point) for point in [*ends, middle])
    return max(0.0, chord - formula.value(**middle)) / allowed


HALF, THIRD = np.log(0.5), np.log(1 / 3)
NO_LABEL = np.array([], int)
LESS = 1.0 / (1.0 + np.e)  # the share of a path that is 1 below another


def once_each(y):
    """A target whose neighbours alike are one."""
    return [label for i, label in enumerate(y) if i == 0 or y[i - 1] != label]


FORMULA = Formula(
    value=ctc,
    as_printed=ctc_as_printed,
    signature="(t,c),(u),()->()",
    source="graves2006, Section 4.1",
    gradients={"log_probabilities": ctc_gradient},
    sample=random_sample,
    laws=(
        each_row_is_a_distribution,
        reads_target_and_blank_alone,
        rows_add_up,
        near_the_best_alignment,
        backwards_the_same,
        classes_renamed,
        concave,
    ),
    cases={  # (log_probabilities, target, blank), L, dL/dlp, the mistake that it exposes
        "three of nine paths: 1 1, 1 - and - 1": Case(
            (np.full((2, 3), THIRD), [1], 0),
            np.log(3.0),
            np.array([[-1.0, -2.0, 0.0], [-1.0, -2.0, 0.0]]) / 3.0,
            "gradient by the logits",
        ),
        "blank may be any class, here the last": Case(
            ([[-3.0, -2.0, -1.0]], [1], 2), 2.0, [[0.0, -1.0, 0.0]], exposes="path must start on a blank"
        ),
        "blank last, and the target empty": Case(
            ([[-3.0, -2.0, -1.0], [-4.0, -2.0, -0.5]], NO_LABEL, 2),
            1.5,
            [[0.0, 0.0, -1.0], [0.0, 0.0, -1.0]],
            "blank taken to be class 0",
        ),
        "an empty target: blanks throughout": Case(
            (np.full((2, 3), THIRD), NO_LABEL, 0), 2.0 * np.log(3.0), [[-1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]
        ),
        "neighbours alike need a blank between: 1 - 1 is the only path": Case(
            ([[-2.0, -0.25], [-0.5, -1.0], [-4.0, -0.125]], [1, 1], 0),
            0.875,
            [[0.0, -1.0], [-1.0, 0.0], [0.0, -1.0]],
            "neighbours alike merged",
        ),
        "a path may end on a label, or on a blank": Case(
            (np.full((1, 2), HALF), [1], 0), np.log(2.0), [[0.0, -1.0]], "path must end on a blank"
        ),
        "one of many: five paths of three moments spell 1 2, all alike": Case(
            (np.zeros((3, 3)), [1, 2], 0),
            -np.log(5.0),
            np.array([[-1.0, -4.0, 0.0], [-1.0, -2.0, -2.0], [-1.0, 0.0, -4.0]]) / 5.0,
            "no blank may be left out",
        ),
        "one class: nothing but blanks": Case(([[-0.5], [-0.25]], NO_LABEL, 0), 0.75, [[-1.0], [-1.0]]),
        "near certain: P = 1 - 2e-9 has lost half of its digits": Case(
            ([[-40.0, -(2.0**-30)], [-40.0, -(2.0**-30)]], [1], 0),
            1.8626451407342486e-09,
            [[-4.248354259248177e-18, -1.0], [-4.248354259248177e-18, -1.0]],
            "logarithm of a sum of products",
        ),
        "hopeless: P = 2 e^-800 is 0 in double precision, its logarithm is not": Case(
            ([[0.0, -800.0]] * 2, [1], 0), 800.0 - np.log(2.0), np.full((2, 2), -0.5), "best alignment alone"
        ),
        "far apart, and nothing to spell": Case(
            (1e20 * np.array([[0.0, 1.0], [3.0, 7.0]]), NO_LABEL, 0), -3e20, [[-1.0, 0.0], [-1.0, 0.0]]
        ),
        "a last blank of 1e20, on paths without weight: of -1 and -2 both, - 1 2 and 1 1 2": Case(
            ([[0.0, -1.0, -2e20], [-2e20, -1.0, -2e20], [1e20, -2e20, 0.0]], [1, 2], 0),
            1.0 - np.log1p(1.0 / np.e),
            [[LESS - 1.0, -LESS, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]],
        ),
        "a first blank of 1e20, on paths without weight: of 0 and -1 both, 1 2 - and 1 2 2": Case(
            ([[1e20, 0.0, -2e20], [-2e20, -2e20, 0.0], [0.0, -2e20, -1.0]], [1, 2], 0),
            -np.log1p(1.0 / np.e),
            [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [LESS - 1.0, 0.0, -LESS]],
        ),
        "up by 3000 and down again: of 0 and -1 are 1 2 2 and - 1 2": Case(
            ([[3e3, 0.0, -6e3], [-6e3, -3001.0, 0.0], [-6e3, -6e3, 0.0]], [1, 2], 0), -np.log1p(1.0 / np.e)
        ),
        "too short: two moments cannot part neighbours alike": Case(
            ([[HALF] * 2] * 2, [1, 1], 0), np.inf, np.zeros((2, 2)), "target without alignment costs nothing"
        ),
        "impossible blanks leave one path": Case(
            ([[-np.inf, -0.5], [-np.inf, -0.25]], [1], 0), 0.75, [[0.0, -1.0], [0.0, -1.0]]
        ),
        "impossible label: no path is left, and no gradient": Case(
            ([[0.0, -np.inf]], [1], 0), np.inf, np.zeros((1, 2))
        ),
        "not a number": Case(([[np.nan, -0.5], [-1.0, -0.5]], [1], 0), np.nan, np.full((2, 2), np.nan)),
        "not a number where no alignment passes: it is not read": Case(
            ([[np.nan, -0.5, np.nan], [np.nan, np.nan, -0.25]], [1, 2], 0),
            0.75,
            [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0]],
        ),
    },
    variants={
        "gradient by the logits": Mistake(
            gradients={"log_probabilities": lambda lp, y, blank=0: np.exp(lp) + ctc_gradient(lp, y, blank)},
            seen_in="PyTorch CTCLoss, github.com/pytorch/pytorch/issues/52241",
            symptom="rows sum to 0 instead of -1, and classes that the target does not use are pushed",
        ),
        "divided by the target length": Convention(
            lambda lp, y, blank=0: ctc(lp, y, blank) / max(len(y), 1),
            {"log_probabilities": lambda lp, y, blank=0: ctc_gradient(lp, y, blank) / max(len(y), 1)},
            seen_in="PyTorch, documentation of torch.nn.CTCLoss, reduction='mean'",
            symptom="long targets count for less",
        ),
        "neighbours alike merged": Mistake(
            lambda lp, y, blank=0: _recursion(lp, y, blank, lambda symbols: symbols != blank),
            seen_in="Chainer, github.com/chainer/chainer/issues/2292",
            symptom="the loss of targets such as 'aa' is too low, and the model stutters",
        ),
        "blank taken to be class 0": Mistake(
            lambda lp, y, blank=0: ctc(lp, y, 0),
            {"log_probabilities": lambda lp, y, blank=0: ctc_gradient(lp, y, 0)},
            seen_in="enctc.crnn, github.com/liuhu-bigeye/enctc.crnn/issues/9",
            symptom="right at blank = 0 alone",
        ),
        "path must end on a blank": Mistake(
            lambda lp, y, blank=0: _recursion(lp, y, blank, ends=1),
            symptom="the last of the two end positions alone: an infinite loss where t = u",
        ),
        "best alignment alone": Mistake(
            lambda lp, y, blank=0: -lp[np.arange(len(lp)), best_alignment(lp, y, blank)].sum(),
            symptom="the perceptron's half of the loss: too high by the logarithm of how many share the path",
        ),
        "logarithm of a sum of products": Mistake(
            ctc_as_printed,
            symptom="an infinite loss once P < 1e-308, as for any utterance of some length; no digits near 0",
        ),
        "target without alignment costs nothing": Convention(
            lambda lp, y, blank=0: ctc(lp, y, blank) if ctc(lp, y, blank) != np.inf else 0.0,
            {"log_probabilities": ctc_gradient},
            seen_in="PyTorch, documentation of torch.nn.CTCLoss, zero_infinity; warp-ctc",
            symptom="a target that is too long looks like a perfect sample",
        ),
        "no blank may be left out": Mistake(
            lambda lp, y, blank=0: _recursion(lp, y, blank, lambda symbols: np.zeros(len(symbols), bool)),
            symptom="alpha_{s-2} forgotten: infinite unless there are moments for a blank between all labels",
        ),
        "path must start on a blank": Mistake(
            lambda lp, y, blank=0: _recursion(lp[1:], y, blank) - lp[0, blank],
            symptom="alpha_0 alone is set at the first moment: an infinite loss where t = u",
        ),
        "repetitions in the target dropped": Mistake(
            lambda lp, y, blank=0: ctc(lp, once_each(y), blank),
            symptom="the target itself was collapsed: 'aa' is learned as 'a'",
        ),
        "a label lasts one moment": Mistake(
            lambda lp, y, blank=0: _one_moment_each(lp, y, blank),
            symptom="no stay on a label: 'a a' spells no a, and the model learns spikes",
        ),
        "blank taken to be the last class": Mistake(
            lambda lp, y, blank=0: _recursion(lp, y, lp.shape[1] - 1),
            symptom="the habit of TensorFlow and Keras: right at blank = c - 1 alone",
        ),
    },
    rules=rules,
    refuses=NO_TARGETS
    | {"a probability beyond all bounds": (([[np.inf, 0.0]], [1], 0), "log_probabilities")},
)


def _one_moment_each(lp, y, blank):
    symbols, moves_two = positions(y, blank)
    alpha = 1.0 * (np.arange(len(symbols)) == 0)
    for row in np.exp(lp[:, symbols]):
        stay, *moves = predecessors(alpha, moves_two, 0.0)
        alpha = (stay * (symbols == blank) + sum(moves)) * row
    return -np.log(alpha[-2:].sum())


def _recursion(lp, y, blank, skips=None, ends=2):
    """The paper's recursion with other skips over a blank, or with another number of last positions."""
    symbols, moves_two = positions(y, blank)
    moves_two = moves_two if skips is None else skips(symbols) & (np.arange(len(symbols)) > 1)
    return -np.log(forward(np.exp(lp[:, symbols]), moves_two)[-ends:].sum())
