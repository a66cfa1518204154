r"""A chain by enumeration: every sequence written out, every sum a sum.

    sequences     000, 001, 010, ..., k^t of them, in the order of a dictionary
    F             = -(1/beta) log sum_y e^{-beta E(y)}

Nothing here is clever, and nothing of the recursions of exact/chain.py is shared.  That page is held to this
one, and anyone may hold a conditional random field of theirs to it.  A million sequences take about a second.

Where float64 could lose digits, as it does where 1e17 and -1e17 cancel, energies are added up as integers of
any length (levels.py), which takes ten times as long.

Source: the definitions.
"""

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_positive, whole
from ebm_ref.energies.chain import energy_of
from ebm_ref.exact.levels import is_safe, largest, told_apart, units_of

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
    """(k^t,) energies of all sequences, in order; rounded once where more than 2^-30 of one may be lost.

    >>> energies_by_enumeration(np.array([[0.0, 1.0], [0.0, 4.0]]), np.zeros((2, 2))).tolist()
    [0.0, 4.0, 1.0, 5.0]
    """
    u, P = tables(unary, pairwise)
    E = sums(u, P)
    doubtful = np.flatnonzero(len(u) * sums(np.abs(u), np.abs(P)) * 2.0**-22 > np.abs(E))
    E[doubtful] = [energy_of(u, P, y) for y in enumerate_labels(*u.shape)[doubtful]]
    return E


def sums(u, P):
    """What each sequence pays, in the numbers of the tables."""
    y = enumerate_labels(*u.shape)
    return u[np.arange(y.shape[1]), y].sum(axis=1) + P[y[:, :-1], y[:, 1:]].sum(axis=1)


def exact_sums(u, P):
    """The same as integers, and their units."""
    P = P if len(u) > 1 else np.zeros(P.shape)  # not read
    units = units_of(u, P, count=2 * len(u))
    return sums(units.whole(u), units.whole(P)), units


def above_lowest(u, P, beta):
    """The lowest energy, and what each sequence costs above it."""
    E = sums(u, P)
    lowest = E.min()
    sizes = sums(np.abs(u), np.abs(P))
    sizes += sizes[np.argmin(E)]
    if not lowest < np.inf or is_safe(E - lowest, sizes, beta):
        return lowest, E - (lowest if lowest < np.inf else 0.0)
    E, units = exact_sums(u, P)
    return units.real(E.min()), units.real(E - E.min())


def free_energy_by_enumeration(unary, pairwise, beta=1.0):
    """-(1/beta) log sum_y e^{-beta E(y)}; the lowest energy is taken out of the sum.

    >>> float(free_energy_by_enumeration(np.zeros((3, 2)), np.zeros((2, 2))).round(12))  # -log 8
    -2.07944154168
    """
    beta = real("beta", beta)
    require_positive("beta", beta)
    lowest, rises = above_lowest(*tables(unary, pairwise), beta)
    return lowest - np.log(np.sum(np.exp(-beta * rises))) / beta if lowest < np.inf else lowest


def probabilities_by_enumeration(unary, pairwise, beta=1.0):
    """(k^t,) probability of each sequence.

    >>> probabilities_by_enumeration(np.array([[0.0, np.log(3.0)]]), np.zeros((2, 2))).round(12).tolist()
    [0.75, 0.25]
    """
    beta = real("beta", beta)
    require_positive("beta", beta)
    lowest, rises = above_lowest(*tables(unary, pairwise), beta)
    require(lowest < np.inf, "unary", unary, "must leave a possible sequence, and no NaN")
    weights = np.exp(-beta * rises)
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
    u, P = tables(unary, pairwise)
    E, order = in_order(u, P)
    first = order[:count]
    y = enumerate_labels(*u.shape)[first[E[first] < np.inf]]
    return np.array([energy_of(u, P, labels) for labels in y]), y


def in_order(u, P):
    """Energies, as float64 adds them up, and the order in which they ascend, of which no rounding decides."""
    E = sums(u, P)
    order = np.argsort(E, kind="stable")
    size = 2 * len(u) * (largest(u) + largest(P))
    if np.any(np.isnan(E)) or told_apart(E[order], size, len(u)):
        return E, order
    whole, units = exact_sums(u, P)
    return (E, order) if units.fit_float64 else (units.real(whole), np.argsort(whole, kind="stable"))


def viterbi_by_enumeration(unary, pairwise):
    """The lowest energy and the first sequence that has it.

    >>> E, y = viterbi_by_enumeration(np.zeros((2, 2)), np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> float(E), y.tolist()
    (0.0, [0, 1])
    """
    u, P = tables(unary, pairwise)
    E, order = in_order(u, P)
    first = np.argmin(E) if np.any(np.isnan(E)) else order[0]
    y = enumerate_labels(*u.shape)[first]
    return energy_of(u, P, y), y
