r"""Tree negative log-likelihood: the loss of a parser that scores arcs, one word on the root.

    L(e, r, heads) = E(heads) - F,     F = -(1/beta) log sum_trees e^{-beta E}
    E(heads)       = sum_m e[heads_m, m],   r[m] in place of e[0, m]
    dL/de[h, m]    = [heads_m = h] - p(h -> m)
    dL/dr[m]       = [heads_m = 0] - p(0 -> m)

e are the arcs, r the roots: the energy of word h as the head of word m, and of word m on the root.  y, below,
are the heads of the right tree.  In heads, words are numbered from 1, as in treebanks, and 0 is the root.
Whole trees compete with whole trees.  This is the loss nll of the table of all n^(n - 1) of them, found in
n^3 steps (dependency_trees.py).

Most parsers let each word choose a head by itself, which is a cross-entropy for each word.  That normaliser
counts all maps from words to heads, those with cycles and those with several words on the root too; so it is
larger, and such a loss is an upper bound of this one.

In floating point: the weights are counted from the right tree, whose own is 1 then, and words are taken out
from its leaves up.  So each pivot is s = 1 + rest, where rest is a sum of what belongs to other trees, and
beta L = sum log1p(rest) keeps its digits however certain the tree is.  One limit remains: n words are n
roundings, and where all energies are equal, always the same way.  Of 30 such words a slope has been seen off
by 6 units of its last place.  So this page keeps 64 (u C + eta), not 4; up to 17 words it keeps 8.

Source: Koo, Globerson, Carreras and Collins (2007); McDonald and Satta (2007).
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.exact.chain_counts import less_than_one
from ebm_ref.exact.dependency_trees import check_trees, is_tree, log_partition, marginals, trees
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, convex_in, homogeneous, misfit, non_negative
from ebm_ref.numerics import log_softmax


def tree_nll_as_printed(arcs, roots, heads: int, beta=1.0):
    """E - F with the determinant of Koo et al.: nothing is left where the tree is nearly certain.

    >>> arcs, roots = np.array([[0.0, 0.0], [40.0, 0.0]]), np.array([0.0, 0.0])
    >>> float(tree_nll_as_printed(arcs, roots, [0, 1])), float(tree_nll(arcs, roots, [0, 1]))  # it is e^-40
    (0.0, 4.248354255291589e-18)
    """
    e, r, y, beta = FORMULA.checked(arcs, roots, heads, beta)
    w = np.exp(-beta * e) * (1.0 - np.eye(len(y)))
    L = np.diag(np.sum(w, axis=0)) - w
    L = np.concatenate([np.exp(-beta * r)[None], L[1:]])
    return np.sum(own_energies(e, r, y)) + np.log(np.linalg.det(L)) / beta


def tree_nll(arcs, roots, heads: int, beta=1.0):
    """Negative log-likelihood of one tree, divided by beta.

    Parameters
    ----------
    arcs : (n, n) float
        Energy of word h as the head of word m; lower is better; +inf forbids.  The diagonal is not read.
    roots : (n,) float
        Energy of word m on the root; +inf forbids.
    heads : (n,) int
        The head of each word, in 0..n, where 0 is the root and 1 the first word.
    beta : float
        Inverse temperature, > 0, in units of 1/energy.

    Returns
    -------
    float
        >= 0, in units of energy; +inf where the tree is forbidden and others are not, NaN where all are, or
        where an energy is NaN.

    Raises ValueError if the heads are no tree with one word on the root, if there is no word, if an energy
    is -inf or a sum of energies overflows, or if beta is not positive and finite.

    >>> float(np.exp(tree_nll(np.zeros((3, 3)), np.zeros(3), [2, 0, 2])).round(12))  # one of 3^2 trees
    9.0
    """
    e, r, y, beta = FORMULA.checked(arcs, roots, heads, beta)
    own = own_energies(e, r, y)
    if not np.all(own < np.inf):
        possible = log_partition(e, r, beta) > -np.inf and not np.any(np.isnan(own))
        return np.inf if possible else np.nan
    table = np.vstack([r[None], e]) - own
    return log_count(table, y, beta) / beta


def tree_nll_arcs_gradient(arcs, roots, heads: int, beta=1.0):
    """dL/de, shape (n, n): [heads_m = h] - p(h -> m), 1 - p summed from the others; 0 on the diagonal."""
    return _gradient(*FORMULA.checked(arcs, roots, heads, beta))[1:]


def tree_nll_roots_gradient(arcs, roots, heads: int, beta=1.0):
    """dL/dr, shape (n,): [heads_m = 0] - p(0 -> m), with 1 - p summed from the others; sums to 0."""
    e, r, y, beta = FORMULA.checked(arcs, roots, heads, beta)
    _, p = marginals(e, r, beta)
    return less_than_one(p, np.flatnonzero(y == 0)[0])


def _gradient(e, r, y, beta):
    """[heads_m = h] - p(h -> m), shape (n + 1, n), the root first."""
    by_word, by_root = marginals(e, r, beta)
    p = np.vstack([by_root[None], by_word])
    return np.array([less_than_one(column, head) for column, head in zip(p.T, y, strict=True)]).T


def own_energies(e, r, y):
    """What each word of the tree pays, (n,)."""
    return np.vstack([r[None], e])[y, np.arange(len(y))]


def log_count(table, y, beta):
    """log sum_trees e^{-beta E} of energies (n + 1, n), the root first, of which the tree y has 0 alone."""
    n = len(y)
    own = 1.0 * (np.arange(n + 1)[:, None] == y)
    diagonal = np.arange(n + 1)[:, None] == np.arange(1, n + 1)
    rest = np.where((own == 1.0) | diagonal, -np.inf, -beta * table)  # logarithms, of what is not y's
    left, total = list(from_the_leaves(y)), 0.0
    while left:
        k = left.pop(0)
        rows = [0] if not left else [m + 1 for m in left]  # the root has the last word alone
        log_rest = _log_sum(rest[rows, k])
        log_s = _joined(log_rest, 0.0)
        total = total + log_s
        full = _joined(rest, np.where(own == 1.0, 0.0, -np.inf))
        through = full[:, k : k + 1] + full[k + 1] - log_s
        rest = np.where(diagonal, -np.inf, _joined(rest, through))
    return total


def from_the_leaves(y):
    """Indices of the words, each before its head."""
    depth, at = np.zeros(len(y), int), np.array(y)
    while np.any(at):
        depth += at > 0
        at = np.concatenate([[0], y])[at]
    return np.argsort(-depth, kind="stable")


def _log_sum(x):
    """log sum e^x; -inf of nothing."""
    high = np.max(x)
    return high + np.log(np.sum(np.exp(x - high))) if high > -np.inf else high


def _joined(a, b):
    """log(e^a + e^b); -inf of nothing, and where there is nothing autograd sees no slope."""
    high, low = np.maximum(a, b), np.minimum(a, b)
    gap = np.where(low > -np.inf, low, 0.0) - np.where(low > -np.inf, high, 0.0)
    return np.where(low > -np.inf, high + np.log1p(np.exp(gap)), high)


def rules(arcs, roots, heads, beta):
    """Energies that may be added, a tree with one word on the root, and a temperature."""
    check_trees(arcs, roots, beta)
    require(is_tree(heads), "heads", heads, "must be a tree: every word comes to the root, 0, by its heads")
    require(np.sum(heads == 0) == 1, "heads", heads, "must have one word on the root, 0")


def random_tree(rng):
    """Two or three words, energies of either sign, and one of their trees."""
    n = int(rng.integers(2, 4))
    every = trees(n)
    return {
        "arcs": rng.normal(scale=1.5, size=(n, n)),
        "roots": rng.normal(scale=1.5, size=n),
        "heads": every[rng.integers(len(every))],
    }


def likelihood_over_trees(formula, inputs, rng):
    """sum e^{-beta L} over all trees is 1."""
    beta = inputs["beta"]
    points = [inputs | {"heads": y} for y in trees(len(inputs["heads"]))]
    total = sum(np.exp(-beta * formula.value(**point)) for point in points)
    sizes = np.sum(np.abs(inputs["arcs"])) + np.sum(np.abs(inputs["roots"]))
    return abs(total - 1.0) / (16 * UNIT * (1.0 + beta * sizes))


def levels_do_not_matter(formula, inputs, rng):
    """L is the same with a number added to all energies of one word: it has one head in every tree."""
    a = rng.normal(scale=4.0, size=len(inputs["roots"]))
    return misfit(formula, inputs, inputs | {"arcs": inputs["arcs"] + a, "roots": inputs["roots"] + a})


def words_renamed(formula, inputs, rng):
    """Renaming the words, in all tables alike, changes nothing."""
    order = rng.permutation(len(inputs["roots"]))
    place = np.concatenate([[0], 1 + np.argsort(order)])
    renamed = {"arcs": inputs["arcs"][order][:, order], "roots": inputs["roots"][order]}
    return misfit(formula, inputs, inputs | renamed | {"heads": place[inputs["heads"]][order]})


def _turned(function):
    return lambda e, r, y, beta=1.0: function(e.T, r, y, beta)


def _negated(function):
    return lambda e, r, y, beta=1.0: -function(e, r, y, beta)


def _several(e, r, y, beta=1.0):
    return np.sum(own_energies(e, r, y)) + log_partition(e, r, beta, single_root=False) / beta


def _several_gradient(e, r, y, beta=1.0):
    by_word, by_root = marginals(e, r, beta, single_root=False)
    return (np.arange(len(y) + 1)[:, None] == y) - np.vstack([by_root[None], by_word])


def _each_by_itself(e, r, y, beta=1.0):
    table = np.vstack([r[None], np.where(np.eye(len(y), dtype=bool), np.inf, e)])
    return -sum(log_softmax(-beta * E)[head] for E, head in zip(table.T, y, strict=True)) / beta


def _each_by_itself_gradient(e, r, y, beta=1.0):
    table = np.vstack([r[None], np.where(np.eye(len(y), dtype=bool), np.inf, e)])
    p = np.array([np.exp(log_softmax(-beta * E)) for E in table.T]).T
    return (np.arange(len(y) + 1)[:, None] == y) - p


def _with_epsilon(e, r, y, beta=1.0):
    more = -np.logaddexp(-beta * e, np.log(1e-5)) / beta
    return np.sum(own_energies(e, r, y)) + log_partition(more, r, beta) / beta


def _and_diagonal(e, r, y, beta=1.0):
    """The root's energies where the diagonal stands, as the one table of all."""
    return tree_nll(e, np.diag(e), y, beta)


L, Q = np.log, 4.248354255291589e-18  # e^-40
TWO, EVEN = np.zeros((2, 2)), np.zeros(2)
UNEVEN = np.array([[7.0, L(2.0)], [0.0, 7.0]])  # 2 below 1 has weight 1/2, 1 below 2 has 1

FORMULA = Formula(
    value=tree_nll,
    signature="(n,n),(n),(n),()->()",
    source="koo2007; mcdonald2007",
    gradients={"arcs": tree_nll_arcs_gradient, "roots": tree_nll_roots_gradient},
    sample=lambda rng: random_tree(rng) | {"beta": rng.uniform(0.3, 3.0)},
    laws=(
        non_negative,
        likelihood_over_trees,
        levels_do_not_matter,
        words_renamed,
        convex_in("arcs"),
        convex_in("roots"),
        homogeneous(1, arcs=1, roots=1, beta=-1),
    ),
    cases={  # (arcs, roots, heads, beta), L, (dL/de, dL/dr), the mistake that it exposes
        "two words: 2 below 1 has 1/2, 1 below 2 has 1": Case(
            (UNEVEN, EVEN, [0, 1], 1.0),
            L(3.0),
            (np.array([[0.0, 2.0], [-2.0, 0.0]]) / 3.0, np.array([2.0, -2.0]) / 3.0),
            "arcs read from word to head",
        ),
        "three words: one of 3^2 trees": Case(
            (np.zeros((3, 3)), np.zeros(3), [2, 0, 2], 1.0),
            2.0 * L(3.0),
            (
                np.array([[0.0, -1.0, -1.0], [2.0, 0.0, 2.0], [-1.0, -1.0, 0.0]]) / 3.0,
                np.array([-1.0, 2.0, -1.0]) / 3.0,
            ),
            "several words on the root",
        ),
        "each word by itself has 3^3 maps": Case(
            (np.zeros((3, 3)), np.zeros(3), [0, 1, 2], 1.0), 2.0 * L(3.0), exposes="each word by itself"
        ),
        "colder": Case(
            (np.zeros((3, 3)), np.zeros(3), [0, 1, 1], 2.0), L(3.0), exposes="log-likelihood, to be maximised"
        ),
        "a forbidden arc is forbidden: all the rest is 1e-6 of what is right": Case(
            ([[0.0, 8.0], [np.inf, 0.0]], [0.0, 0.0], [0, 1], 1.0),
            0.0,
            (np.zeros((2, 2)), np.zeros(2)),
            "1e-5 added to every arc",
        ),
        "the root has energies of its own: 1 below 2 is four times as good": Case(
            (TWO, [L(4.0), 0.0], [2, 0], 1.0),
            L(1.25),
            (np.array([[0.0, -0.2], [0.2, 0.0]]), [-0.2, 0.2]),
            "the diagonal is the root",
        ),
        "near certain: e^-40 is left": Case(
            ([[0.0, 0.0], [40.0, 0.0]], EVEN, [0, 1], 1.0), Q, ([[0.0, Q], [-Q, 0.0]], [Q, -Q])
        ),
        "3 may not be the head of 2: six of nine trees are left, and 3 heads 2 by way of 1": Case(
            ([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, np.inf, 0.0]], np.zeros(3), [0, 1, 1], 1.0),
            L(6.0),
            (
                np.array([[0.0, 3.0, 4.0], [-2.0, 0.0, -3.0], [-2.0, 0.0, 0.0]]) / 6.0,
                np.array([4.0, -3.0, -1.0]) / 6.0,
            ),
        ),
        "two words want each other, and all their trees are as good": Case(
            ([[0.0, -400.0], [-400.0, 0.0]], EVEN, [0, 1], 1.0), L(2.0)
        ),
        "hopeless": Case(([[0.0, 800.0], [0.0, 0.0]], EVEN, [0, 1], 1.0), 800.0),
        "one word": Case(([[3.0]], [5.0], [0], 1.0), 0.0, (np.zeros((1, 1)), [0.0])),
        "a forbidden tree": Case(([[0.0, np.inf], [0.0, 0.0]], EVEN, [0, 1], 1.0), np.inf),
        "no tree is possible": Case(
            (np.full((2, 2), np.inf), EVEN, [0, 1], 1.0),
            np.nan,
            (np.full((2, 2), np.nan), np.full(2, np.nan)),
        ),
        "a word without any head": Case(
            ([[0.0, np.inf], [0.0, 0.0]], [0.0, np.inf], [0, 1], 1.0),
            np.nan,
            (np.full((2, 2), np.nan), np.full(2, np.nan)),
        ),
        "not a number": Case(
            ([[0.0, np.nan], [0.0, 0.0]], EVEN, [0, 1], 1.0),
            np.nan,
            (np.full((2, 2), np.nan), np.full(2, np.nan)),
        ),
        "not a number elsewhere": Case(([[0.0, 0.0], [np.nan, 0.0]], EVEN, [0, 1], 1.0), np.nan),
    },
    variants={
        "arcs read from word to head": Convention(
            _turned(tree_nll),
            {
                "arcs": lambda e, r, y, beta=1.0: tree_nll_arcs_gradient(e.T, r, y, beta).T,
                "roots": _turned(tree_nll_roots_gradient),
            },
            seen_in="Dozat and Manning (2017): row m holds the scores of the heads of word m",
            symptom="every arc points the other way",
        ),
        "several words on the root": Convention(
            _several,
            {"arcs": lambda *x: _several_gradient(*x)[1:], "roots": lambda *x: _several_gradient(*x)[0]},
            seen_in="McDonald and Satta (2007), and torch-struct, NonProjectiveDependencyCRF(multiroot=True)",
            symptom="(n + 1)^(n - 1) trees; probability is given to trees that no treebank has",
        ),
        "each word by itself": Convention(
            _each_by_itself,
            {
                "arcs": lambda *x: _each_by_itself_gradient(*x)[1:],
                "roots": lambda *x: _each_by_itself_gradient(*x)[0],
            },
            seen_in="Dozat and Manning (2017), Section 3: a softmax over the heads of each word",
            symptom="an upper bound of L: cycles share in the probability",
        ),
        "1e-5 added to every arc": Mistake(
            _with_epsilon,
            seen_in="torch-struct 0.5, deptree_part and deptree_nonproj: eps = 1e-5",
            symptom="log Z too large by about 1e-5; forbidden arcs, and those of padding, get a weight",
        ),
        "the diagonal is the root": Convention(
            _and_diagonal,
            {
                "arcs": lambda e, r, y, beta=1.0: (
                    tree_nll_arcs_gradient(e, np.diag(e), y, beta)
                    + np.diag(tree_nll_roots_gradient(e, np.diag(e), y, beta))
                ),
                "roots": lambda e, r, y, beta=1.0: np.zeros(len(r)),
            },
            seen_in="torch-struct, documentation of NonProjectiveDependencyCRF: (root, i) stands at (i, i)",
            symptom="one table for both; roots given beside it are not read",
        ),
        "log-likelihood, to be maximised": Convention(
            lambda e, r, y, beta=1.0: -beta * tree_nll(e, r, y, beta),
            {
                "arcs": lambda e, r, y, beta=1.0: -beta * tree_nll_arcs_gradient(e, r, y, beta),
                "roots": lambda e, r, y, beta=1.0: -beta * tree_nll_roots_gradient(e, r, y, beta),
            },
            seen_in="torch-struct, documentation of log_prob",
            symptom="the sign, and no division by beta",
        ),
        "arcs turned in the normaliser alone": Mistake(
            lambda e, r, y, beta=1.0: (
                tree_nll(e.T, r, y, beta) + np.sum(own_energies(e, r, y)) - np.sum(own_energies(e.T, r, y))
            ),
            symptom="right for symmetric tables; else a tree is compared with trees of other arcs",
        ),
        "log Z not divided by beta": Mistake(
            lambda e, r, y, beta=1.0: (
                beta * tree_nll(e, r, y, beta) + (1.0 - beta) * np.sum(own_energies(e, r, y))
            ),
            symptom="an energy less a number without a unit: right at beta = 1 alone",
        ),
        "energy of the root left out": Mistake(
            lambda e, r, y, beta=1.0: tree_nll(e, r, y, beta) - np.sum(r[np.array(y) == 0]),
            symptom="in E(heads) alone: a loss that may be negative",
        ),
    },
    as_printed=tree_nll_as_printed,
    keeps=64.0,
    rules=rules,
    refuses={  # (arcs, roots, heads, beta), the argument to blame
        "two words that are each other's head": ((TWO, EVEN, [2, 1]), "heads"),
        "a word that is its own head": ((TWO, EVEN, [1, 0]), "heads"),
        "two words on the root": ((TWO, EVEN, [0, 0]), "heads"),
        "a head beyond n": ((TWO, EVEN, [0, 3]), "heads"),
        "a head counted from the end": ((TWO, EVEN, [0, -1]), "heads"),
        "no word": ((np.zeros((0, 0)), np.zeros(0), np.zeros(0, int)), "arcs"),
        "arcs that are not square": ((np.zeros((2, 3)), EVEN, [0, 1]), "arcs"),
        "an arc of -inf": (([[0.0, -np.inf], [0.0, 0.0]], EVEN, [0, 1]), "arcs"),
        "a root of -inf": ((TWO, [0.0, -np.inf], [0, 1]), "roots"),
        "energies whose sum overflows": ((np.full((2, 2), 1e308), EVEN, [0, 1]), "arcs"),
        "a beta of 0": ((TWO, EVEN, [0, 1], 0.0), "beta"),
    },
)
