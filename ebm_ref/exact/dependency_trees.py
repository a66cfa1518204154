r"""Dependency trees: log Z and the probability of every arc, over all trees, without their enumeration.

    E(heads)  = sum_m e[heads_m, m]        each word m has one head h, and no word is its own ancestor
    w[h, m]   = e^{-beta e[h, m]},         v[m] = e^{-beta roots[m]}   if m hangs on the root

    L[m, m]   = v[m] + sum_h w[h, m],      L[h, m] = -w[h, m]
    Z         = det L                      any number of words on the root
              = det of L, where v is not added, but replaces the first row      just one word on the root
    p(h -> m) = d log Z / d log w[h, m]

Of n words there are (n + 1)^(n - 1) trees (Cayley), n^(n - 1) of them with one word on the root.  That their
sum is a determinant is the matrix-tree theorem of Kirchhoff and Tutte.  Trees need not be projective: arcs
may cross.  A parser that scores arcs needs no more to be trained by likelihood (tree_nll.py).

In floating point: the determinant subtracts the weights of all cycles from those of everything.  Where two
words want each other for a head, nothing is left of the trees.  So words are taken out one after the other
(the elimination of Grassmann, Taksar and Heyman), which is Gauss's on L with every subtraction left out:

    s_k       = v[k] + sum_{h left} w[h, k]                      the pivot; Z is the product of all
    w[h, m]  += w[h, k] w[k, m] / s_k,     v[m] += v[k] w[k, m] / s_k

All terms are positive, so logarithms are right to some n u times the energies, however far apart these
are.  With m last, v[m] has become the sum over heads h of w[h, m] c[h], where c[h] sums all ways from h up to
the root that avoid m (c is 1 for the root itself):

    c[k] = (v[k] + sum_{h left, h != m} w[h, k] c[h]) / s_k,     p(h -> m) = w[h, m] c[h] / v[m]

So every probability is right to that relative error, the smallest too.  One word on the root: v is
multiplied by a t that tends to 0.  What is kept of each number is the power of t and the logarithm of its
factor.

torch-struct 0.5 (NonProjectiveDependencyCRF) takes the determinant, in the dtype of its input, and adds 1e-5
to every w but those of the root, forbidden arcs included.

Source: Tutte (1948); Koo, Globerson, Carreras and Collins (2007); McDonald and Satta (2007); Smith and Smith
(2007); Grassmann, Taksar and Heyman (1985), for the elimination.
"""

import itertools
from math import fsum

import numpy as np

from ebm_ref.checks import (
    as_real,
    largest_finite,
    real,
    require,
    require_count,
    require_finite_sum,
    require_positive,
    whole,
)
from ebm_ref.numerics import value_of

LARGEST = 6  # words whose trees are enumerated, from 7^6 candidates


def log_partition_as_printed(arcs, roots, beta=1.0, single_root=True):
    """log Z as the logarithm of a determinant: nothing is left of it where two words want each other.

    >>> arcs, roots = np.array([[0.0, -40.0], [-40.0, 0.0]]), np.zeros(2)
    >>> with np.errstate(divide="ignore"):
    ...     print(log_partition_as_printed(arcs, roots, single_root=False))
    -inf
    >>> round(log_partition(arcs, roots, single_root=False), 12)  # log(2 e^40 + 1)
    40.69314718056
    """
    e, v, beta = check_trees(arcs, roots, beta)
    single_root = _flag(single_root)
    with np.errstate(over="ignore", invalid="ignore"):
        w, v = np.exp(-beta * e), np.exp(-beta * v)
        L = np.diag(np.sum(w, axis=0) + (0.0 if single_root else v)) - w
        L[0] = v if single_root else L[0]
        return float(np.log(np.maximum(np.linalg.det(L), 0.0)))


def log_partition(arcs, roots, beta=1.0, single_root=True):
    """log Z over all trees.

    Parameters
    ----------
    arcs : (n, n) float
        Energy e[h, m] of word h as the head of word m; lower is better; +inf forbids.  The diagonal is not
        read.
    roots : (n,) float
        Energy of word m on the root; +inf forbids.
    beta : float
        Inverse temperature, > 0, in units of 1/energy.
    single_root : bool
        Whether just one word hangs on the root, or one or more.

    Returns
    -------
    float
        -inf where no tree is possible, NaN where an energy is NaN.

    Raises ValueError if a shape does not fit, if there is no word, if an energy is -inf or a sum of energies
    overflows, or if beta is not positive and finite.

    >>> [round(np.exp(log_partition(np.zeros((4, 4)), np.zeros(4), 1.0, one))) for one in (True, False)]
    [64, 125]
    """
    e, v, beta = check_trees(arcs, roots, beta)
    w, v, lowest = _weights(e, v, beta, _flag(single_root))
    if not lowest < np.inf:
        return float(0.0 - lowest)
    log_z, order = [], 0.0
    for _, s in _pivots(w, v, range(len(e))):
        if s[1] == -np.inf:
            return -np.inf
        order, log_z = order + s[0], [*log_z, s[1]]
    return fsum([-beta * lowest, *log_z]) if order == single_root else -np.inf


def marginals_as_printed(arcs, roots, beta=1.0, single_root=True):
    """p(h -> m) from the inverse of L: w[h, m] (L^-1[m, m] - L^-1[m, h]), as Koo et al. have it.

    NaN where L has no inverse.

    >>> arcs, roots = np.array([[0.0, -40.0], [-40.0, 0.0]]), np.zeros(2)
    >>> marginals_as_printed(arcs, roots, single_root=False)[1].tolist()
    [nan, nan]
    >>> marginals(arcs, roots, single_root=False)[1].round(12).tolist()
    [0.5, 0.5]
    """
    e, v, beta = check_trees(arcs, roots, beta)
    single_root, n = _flag(single_root), len(e)
    with np.errstate(over="ignore", invalid="ignore"):
        w, v, one = np.exp(-beta * e), np.exp(-beta * v), 1.0 * (np.arange(n) == 0) * single_root
        L = np.diag(np.sum(w, axis=0) + (0.0 if single_root else v)) - w
        L[0] = v if single_root else L[0]
        try:
            inverse = np.linalg.inv(L)
        except np.linalg.LinAlgError:
            return np.full((n, n), np.nan), np.full(n, np.nan)
        own, counted = np.diag(inverse), inverse * (1.0 - one)
        return w * (own * (1.0 - one) - counted.T), v * (inverse[:, 0] if single_root else own)


def marginals(arcs, roots, beta=1.0, single_root=True):
    """Probability that word h is the head of word m, (n, n), and that word m hangs on the root, (n,).

    Parameters and errors are those of `log_partition`.  Each column of the first, with its entry of the
    second, sums to 1.  All are NaN where no tree is possible, or an energy is NaN.

    >>> arcs, roots = np.array([[9.0, np.log(2.0)], [0.0, 9.0]]), np.zeros(2)
    >>> by_word, by_root = marginals(arcs, roots)  # 1 on the root and 2 below it has 1/2, the other has 1
    >>> by_word.round(12).tolist(), by_root.round(12).tolist()
    ([[0.0, 0.333333333333], [0.666666666667, 0.0]], [0.333333333333, 0.666666666667])
    """
    e, v, beta = check_trees(arcs, roots, beta)
    n = len(e)
    if not log_partition(e, v, beta, single_root) > -np.inf:
        return np.full((n, n), np.nan), np.full(n, np.nan)
    w, v, _ = _weights(e, v, beta, _flag(single_root))
    by_word, by_root = np.zeros((n, n)), np.zeros(n)
    for m in range(n):
        others, c = _ways_up(w, v, m)
        p = _shares(np.concatenate([w[:, others, m] + c, v[:, m : m + 1]], axis=1))
        by_word[others, m], by_root[m] = p[:-1], p[-1]
    return by_word, by_root


def trees(n, single_root=True):
    """All trees of n <= 6 words, (N, n): the head of each word, words numbered from 1, 0 for the root.

    >>> trees(2).tolist(), trees(2, single_root=False).tolist()
    ([[0, 1], [2, 0]], [[0, 0], [0, 1], [2, 0]])
    """
    require_count("n", n)
    n = whole("n", n)
    require(n <= LARGEST, "n", n, f"must be at most {LARGEST}")
    single_root = _flag(single_root)
    every = itertools.product(range(n + 1), repeat=n)
    return np.array([h for h in every if (h.count(0) == 1 or not single_root) and _comes_to_root(h)], int)


def is_tree(heads):
    """Whether every word comes to the root, 0, by way of heads (n,), which are in 0..n.

    >>> is_tree([2, 0, 2]), is_tree([2, 1, 0])
    (True, False)
    """
    heads = whole("heads", heads, "n")
    inside = np.all((heads >= 0) & (heads <= len(heads)))
    require(inside, "heads", heads, f"must be in 0..{len(heads)}: 0 is the root, 1 the first word")
    return _comes_to_root(heads)


def _comes_to_root(heads):
    """Whether n steps up lead every word to the root."""
    up = at = np.concatenate([[0], heads])
    for _ in heads:
        at = up[at]
    return not np.any(at)


def check_trees(arcs, roots, beta=1.0):
    """arcs (n, n), with +inf on its diagonal, roots (n,) and beta as float64, if no sum overflows."""
    e, v, beta = value_of(as_real("arcs", arcs)), value_of(as_real("roots", roots)), real("beta", beta)
    n = len(e) if np.ndim(e) == 2 else 0
    require(n > 0 and np.shape(e) == (n, n), "arcs", arcs, "must be (n, n), n >= 1: heads, words")
    require(np.shape(v) == (n,), "roots", roots, f"must be ({n},) for {n} words")
    require_positive("beta", beta)
    e = np.where(np.eye(n, dtype=bool), np.inf, e)
    for argument, energies in (("arcs", e), ("roots", v)):
        require(not np.any(energies == -np.inf), argument, energies, "must not be -inf; +inf forbids")
        require_finite_sum(argument, energies, [largest_finite(energies)] * (n + 1), beta)
    return e, v, beta


def _flag(single_root):
    """True or False, and nothing else."""
    boolean = isinstance(single_root, (bool, np.bool_))
    require(boolean, "single_root", single_root, "must be True or False")
    return bool(single_root)


# Below, a weight is a pair along the first axis: the power of t, and the logarithm of the factor.  A product
# adds such pairs, a quotient subtracts them, and (inf, -inf) is 0.


def _weights(e, roots, beta, single_root):
    """Weights of arcs (2, n, n) and roots (2, n), and the energy that each tree has beside them.

    The lowest energy of each word is taken off; of a single root, whatever is common to all of it as well.
    """
    by_word = np.min(e, axis=0)
    lows = np.where(by_word < np.inf, by_word, roots) if single_root else np.minimum(by_word, roots)
    if np.any(np.isnan(e)) or np.any(np.isnan(roots)):
        return None, None, np.nan
    if not np.all(lows < np.inf):
        return None, None, np.inf
    roots = roots - lows
    level = np.min(roots) if single_root and np.min(roots) < np.inf else 0.0
    pair = lambda x, power: np.array([np.where(x < np.inf, power, np.inf), -beta * x])
    return pair(e - lows, 0.0), pair(roots - level, float(single_root)), fsum([*lows, level])


def _sum(x):
    """The sum over the second axis: of what has the lowest power of t, as the rest vanishes beside it."""
    power = np.min(x[0], axis=0)
    logs = np.where(x[0] == power, x[1], -np.inf)
    high = np.max(logs, axis=0)
    high = np.where(high == -np.inf, 0.0, high)
    with np.errstate(divide="ignore"):
        return np.array([power, high + np.log(np.sum(np.exp(logs - high), axis=0))])


def _pivots(w, v, order):
    """Take out the words in order; yield what is known of each when it goes: its heads left, and s.

    The arrays w and v are not changed; `heads` is w[h, k] / s of the words left, and v[k] / s behind them.
    """
    w, v, left = w.copy(), v.copy(), list(order)
    while left:
        k = left.pop(0)
        into = np.concatenate([w[:, left, k], v[:, k : k + 1]], axis=1)
        s = _sum(into)
        heads = into - s[:, None] if s[1] > -np.inf else into
        yield heads, s
        through = heads[:, :, None] + w[:, k, left][:, None, :]
        own = np.concatenate([w[:, left][:, :, left], v[:, None, left]], axis=1)
        new = _sum(np.stack([own, through], axis=1))
        w[np.ix_([0, 1], left, left)], v[:, left] = new[:, :-1], new[:, -1]


def _ways_up(w, v, m):
    """The words but m, and c of each (2, n - 1): the sum of all ways from it to the root that avoid m."""
    n = w.shape[1]
    others = [k for k in range(n) if k != m]
    steps = [heads for heads, _ in _pivots(w, v, [*others, m])][:-1]
    c = np.zeros((2, n - 1))
    for i in range(n - 2, -1, -1):
        up = steps[i]  # heads left are others[i + 1:], m, and the root
        c[:, i] = _sum(np.concatenate([up[:, : n - 2 - i] + c[:, i + 1 :], up[:, -1:]], axis=1))
    return others, c


def _shares(x):
    """The weights (2, n) as shares of their sum."""
    leading = np.where(x[0] == np.min(x[0]), x[1], -np.inf)
    p = np.exp(leading - np.max(leading))  # their sum is not added to a logarithm, which may be large
    return p / np.sum(p)
