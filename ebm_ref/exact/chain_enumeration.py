r"""A chain by enumeration: every sequence written out, every sum a sum.

    sequences     000, 001, 010, ..., k^t of them, in the order of a dictionary
    F             = -(1/beta) log sum_y e^{-beta E(y)}

Nothing here is clever, and nothing is shared with exact/chain.py.  That page is held to this one, and
anyone may hold a conditional random field of theirs to it.  A million sequences take about a second.

Source: the definitions.
"""

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_positive, whole

MOST = 2**22  # sequences; t times as many numbers fit into any memory


def enumerate_labels(t, k):
    """(k^t, t) all sequences of t labels, in the order of a dictionary.

    >>> enumerate_labels(2, 2).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    require_count("t", t)
    require_count("k", k)
    t, k = whole("t", t), whole("k", k)
    few = k <= MOST and t <= MOST and t * np.log2(k) <= 22.5 and k**t <= MOST
    require(few, "t", t, f"must leave at most {MOST} sequences of {k} labels, not {k}^{t}")
    return np.arange(k**t)[:, None] // k ** np.arange(t)[::-1] % k


def tables(unary, pairwise):
    """unary (t, k) and pairwise (k, k) as float64, if they fit and none is -inf."""
    u, P = as_real("unary", unary), as_real("pairwise", pairwise)
    fits = u.ndim == 2 and min(u.shape) > 0
    require(fits, "unary", unary, "must be (t, k): moments, labels; none empty")
    k = u.shape[1]
    require(P.shape == (k, k), "pairwise", pairwise, f"must be ({k}, {k}) for {k} labels")
    for argument, energies in (("unary", u), ("pairwise", P)):
        require(not np.any(energies == -np.inf), argument, energies, "must not be -inf; +inf forbids")
    return u, P


def energies_by_enumeration(unary, pairwise):
    """(k^t,) energies of all sequences, in their order.

    >>> energies_by_enumeration(np.array([[0.0, 1.0], [0.0, 4.0]]), np.zeros((2, 2))).tolist()
    [0.0, 4.0, 1.0, 5.0]
    """
    u, P = tables(unary, pairwise)
    y = enumerate_labels(*u.shape)
    return u[np.arange(y.shape[1]), y].sum(axis=1) + P[y[:, :-1], y[:, 1:]].sum(axis=1)


def free_energy_by_enumeration(unary, pairwise, beta=1.0):
    """-(1/beta) log sum_y e^{-beta E(y)}; the lowest energy is taken out of the sum.

    >>> float(free_energy_by_enumeration(np.zeros((3, 2)), np.zeros((2, 2))).round(12))  # -log 8
    -2.07944154168
    """
    beta = real("beta", beta)
    require_positive("beta", beta)
    E = energies_by_enumeration(unary, pairwise)
    lowest = E.min()
    return lowest - np.log(np.sum(np.exp(-beta * (E - lowest)))) / beta if lowest < np.inf else lowest


def probabilities_by_enumeration(unary, pairwise, beta=1.0):
    """(k^t,) probability of each sequence.

    >>> probabilities_by_enumeration(np.array([[0.0, np.log(3.0)]]), np.zeros((2, 2))).round(12).tolist()
    [0.75, 0.25]
    """
    beta = real("beta", beta)
    require_positive("beta", beta)
    E = energies_by_enumeration(unary, pairwise)
    require(E.min() < np.inf, "unary", unary, "must leave a possible sequence, and no NaN")
    weights = np.exp(-beta * (E - E.min()))
    return weights / weights.sum()


def marginals_by_enumeration(unary, pairwise, beta=1.0):
    """Probability of each label at each moment, (t, k), and of each pair of neighbours, (t-1, k, k).

    >>> nodes, edges = marginals_by_enumeration(np.array([[0.0, np.log(3.0)]]), np.zeros((2, 2)))
    >>> nodes.round(12).tolist(), edges.shape
    ([[0.75, 0.25]], (0, 2, 2))
    """
    p, y = probabilities_by_enumeration(unary, pairwise, beta), enumerate_labels(*np.shape(unary))
    is_label = 1.0 * (y[:, :, None] == np.arange(np.shape(unary)[1]))
    edges = np.einsum("n,nti,ntj->tij", p, is_label[:, :-1], is_label[:, 1:])
    return np.einsum("n,nti->ti", p, is_label), edges


def entropy_by_enumeration(unary, pairwise, beta=1.0):
    """-sum_y p(y) log p(y).

    >>> float(entropy_by_enumeration(np.zeros((3, 2)), np.zeros((2, 2))).round(12))
    2.07944154168
    """
    p = probabilities_by_enumeration(unary, pairwise, beta)
    return -np.sum(p[p > 0.0] * np.log(p[p > 0.0]))


def k_best_by_enumeration(unary, pairwise, count):
    """Energies and labels of the lowest possible sequences; ties in the order of a dictionary.

    >>> E, y = k_best_by_enumeration(np.array([[0.0, 1.0], [0.0, 4.0]]), np.zeros((2, 2)), 2)
    >>> E.tolist(), y.tolist()
    ([0.0, 1.0], [[0, 0], [1, 0]])
    """
    require_count("count", count)
    count = whole("count", count)
    E, y = energies_by_enumeration(unary, pairwise), enumerate_labels(*np.shape(unary))
    first = np.argsort(E, kind="stable")[:count]
    first = first[E[first] < np.inf]
    return E[first], y[first]


def viterbi_by_enumeration(unary, pairwise):
    """The lowest energy and the first sequence that has it.

    >>> E, y = viterbi_by_enumeration(np.zeros((2, 2)), np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> float(E), y.tolist()
    (0.0, [0, 1])
    """
    E, y = energies_by_enumeration(unary, pairwise), enumerate_labels(*np.shape(unary))
    return E.min(), y[np.argmin(E)]
