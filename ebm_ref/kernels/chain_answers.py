r"""Answers of a batch of chains, of different lengths: the best sequences, free energies, and marginals.

    V_t(i)  = u[t, i] + min_j (P[i, j] + V_{t+1}(j))                     from the end
    a[t]    = (a[t-1] W) w[t]            z[t-1] = W (w[t] z[t])          weights as in chain.py
    p(y_t = j)              = a[t, j] z[t, j] / sum_j
    p(y_t = i, y_{t+1} = j) = a[t, i] W[i, j] w[t+1, j] z[t+1, j] / the same
    F       = sum_t min_j u[t, j] + sum_t min P - (1/beta) log sum_j a[t, j]   at the last t

What the loss needs, chain.py has; this is what one asks a model that has been learnt.  A sample's own moments
stand in front, `lengths` says how many they are, and what stands behind them is never read.

Here, too, the page (exact/chain.py) does again what is not safe.  Of the best sequence: where two ways are
nearer to each other than their sums may have rounded, ties among them; so a table of small whole numbers is
slow.  Of the sums: whatever loses 2^-900 in one step.  Of both: NaN, and what has no possible sequence.

Accuracy, with u = 2^-53: labels are those of the page, and the energy is rounded once.  F is within
8 u (C + t / beta + e), e being what the best sequence pays above the lowest energies.  A probability is right
to some u (t + beta E) of itself, E what its sequences cost above the lowest, or to 1e-24 if that is more.

Source: Viterbi (1967); Rabiner (1989), Section V.A, for the scaling.
"""

import math
from typing import NamedTuple

import numpy as np

from ebm_ref.checks import require
from ebm_ref.energies.chain import energy_of
from ebm_ref.exact import chain as page
from ebm_ref.kernels.batch import as_lengths, as_numbers, as_positive, divide, refuse
from ebm_ref.kernels.chain import LEAST, LOG2, product, scale, times, weigh
from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.exponential import halvings

PADDING = -1  # the label of what is no moment


class Chains(NamedTuple):
    """What is given, and what all samples share."""

    unary: np.ndarray  # (b, t, k)
    lengths: np.ndarray  # (b,)
    beta: float
    low: float  # min P
    P: np.ndarray  # (k, k), of energies less the lowest or of weights
    columns: np.ndarray  # its transpose


class Sums(NamedTuple):
    """What is filled in."""

    nodes: np.ndarray  # (b, t, k)
    edges: np.ndarray  # (b, t-1, k, k)
    logs: np.ndarray  # (b,)
    todo: np.ndarray  # (b,)


@njit(error_model="numpy")
def less_lowest(row, into):
    """The row less its lowest into another, and its largest finite entry; NaN where there is no lowest."""
    low, high = math.inf, 0.0
    for j in range(len(row)):
        if row[j] != row[j]:
            return math.nan
        low = row[j] if row[j] < low else low
    if not -math.inf < low < math.inf:
        return math.nan
    for j in range(len(row)):
        into[j] = row[j] - low
        high = into[j] if high < into[j] < math.inf else high
    return high


@njit(error_model="numpy")
def first_lowest(x, y):
    """Index of the lowest x + y, the first of equals, and how far the next one is."""
    best, low, second = 0, math.inf, math.inf
    for j in range(len(x)):
        total = x[j] + y[j]
        if total < low:
            best, low, second = j, total, low
        elif total < second:
            second = total
    return best, second - low


@njit(error_model="numpy")
def ways_on(u, P, V):
    """Fill V with the energies to go, less a level each; the largest, NaN where nothing is possible."""
    n, k = u.shape
    largest, best, own = less_lowest(u[n - 1], V[n - 1]), np.empty(k), np.empty(k)
    for t in range(n - 2, -1, -1):
        for i in range(k):
            best[i] = math.inf
            for j in range(k):
                through = P[i, j] + V[t + 1, j]
                best[i] = through if through < best[i] else best[i]
        on, here = less_lowest(best, best), less_lowest(u[t], own)
        for i in range(k):
            V[t, i] = own[i] + best[i]
        largest = max(largest, on + here) if on == on and here == here and largest == largest else math.nan
    return largest


@njit(error_model="numpy", nogil=True)
def search(chains, labels, todo, start, stop):
    """Labels of samples start..stop-1; what may be a tie, or is not possible, is left to do."""
    unary, lengths, _, high_P, P, _ = chains
    t, k = unary.shape[1], unary.shape[2]
    V, nothing = np.empty((t, k)), np.zeros(k)
    for i in range(start, stop):
        n = lengths[i]
        largest = ways_on(unary[i, :n], P, V[:n])
        near = 2.0**-49 * n * (largest + high_P)
        todo[i] = not largest < math.inf or (n > 1 and high_P != high_P)
        before = 0
        for m in range(n):
            if todo[i]:
                break
            before, gap = first_lowest(P[before] if m > 0 else nothing, V[m])
            labels[i, m] = before
            todo[i] = not gap > near
    return 0


@njit(error_model="numpy")
def beginnings(w, W, A):
    """Fill A with sums over beginnings, each row scaled; log2 of what it lacks, NaN where it is not safe."""
    lacks = 0.0
    A[0] = w[0]
    for t in range(1, len(A)):
        product(A[t - 1], W, A[t])
        total = times(A[t], w[t])
        if not 2.0**-30 < total < 2.0**30:
            if not LEAST < total < 1.0 / LEAST:
                return math.nan
            factor = halvings(total)
            scale(A[t], factor)
            lacks -= math.log2(factor)
    return lacks


@njit(error_model="numpy")
def join(A, w, W, columns, nodes, edges):
    """Fill the probabilities from beginnings and ends; whether it was safe."""
    k = w.shape[1]
    z, v, worth = np.ones(k), np.empty(k), np.ones(k)
    for t in range(len(A) - 1, -1, -1):
        if t < len(A) - 1:
            for j in range(k):
                v[j] = w[t + 1, j] * z[j]
            product(v, columns, worth)
        total, high = 0.0, 0.0
        for j in range(k):
            nodes[t, j] = A[t, j] * worth[j]
            total += nodes[t, j]
            high = worth[j] if worth[j] > high else high
        if not LEAST < total < 1.0 / LEAST or not LEAST < high < 1.0 / LEAST:
            return False
        scale(nodes[t], 1.0 / total)
        if t < len(A) - 1:
            for i in range(k):
                each = A[t, i] / total
                for j in range(k):
                    edges[t, i, j] = each * W[i, j] * v[j]
        factor = halvings(high)
        for j in range(k):
            z[j] = worth[j] * factor
    return True


@njit(error_model="numpy", nogil=True)
def both_ways(chains, sums, start, stop):
    """Marginals of samples start..stop-1, and log sum_j a[t, j]; what is not safe is left to do."""
    unary, lengths, beta, low_P, W, columns = chains
    nodes, edges, logs, todo = sums
    t, k = unary.shape[1], unary.shape[2]
    w, A = np.empty((t, k)), np.empty((t, k))
    for i in range(start, stop):
        n = lengths[i]
        todo[i] = True
        if (n > 1 and not -math.inf < low_P < math.inf) or not weigh(unary[i, :n], beta, w):
            continue
        lacks = beginnings(w[:n], W, A[:n])
        if lacks == lacks:
            total = 0.0
            for j in range(k):
                total += A[n - 1, j]
            logs[i] = math.log(total) + lacks * LOG2
            todo[i] = not join(A[:n], w[:n], W, columns, nodes[i], edges[i])
    return 0


def chain_viterbi(unary, pairwise, lengths=None):
    """The sequences of lowest energy of a batch of chains: `viterbi` of exact/chain.py.

    Parameters
    ----------
    unary : (b, t, k) float
        Energy of each label at each moment, padded at the end with anything, NaN included.
    pairwise : (k, k) float
        Energy of label j right after label i, the same for all samples.
    lengths : (b,) int
        How many moments of each sample are its own, at least 1; all, if None.

    Returns
    -------
    (b,) float, (b, t) int
        Energies and labels; the labels of padding are -1.  The energy is +inf where every sequence is
        forbidden, and NaN where an energy is NaN; the labels say nothing then.

    Raises ValueError as the page does; and if a length is not in 1..t.

    >>> u = [[[0.0, 1.0], [2.0, 0.5]], [[3.0, 1.0], [np.nan, 7.0]]]
    >>> E, y = chain_viterbi(u, np.zeros((2, 2)), [2, 1])
    >>> E.tolist(), y.tolist()
    ([0.5, 1.0], [[0, 1], [1, -1]])
    """
    unary, pairwise, lengths = _checked(unary, pairwise, lengths)
    b, t, k = unary.shape
    low = pairwise.min(initial=np.inf)
    P = pairwise - low if np.isfinite(low) else np.zeros((k, k))
    high = P.max(initial=0.0, where=P < np.inf) if np.isfinite(low) else np.nan
    labels, todo, energies = np.full((b, t), PADDING), np.zeros(b, bool), np.empty(b)
    chains = Chains(unary, lengths, 1.0, float(high), P, P)
    divide(lambda *ends: search(chains, labels, todo, *ends), b, unary.size * k)
    for i, n in enumerate(lengths):
        if todo[i]:
            energies[i], labels[i, :n] = _by_the_page(page.viterbi, (unary[i, :n], pairwise), i)
        else:
            energies[i] = energy_of(unary[i, :n], pairwise, labels[i, :n])
    return energies, labels


def chain_marginals(unary, pairwise, lengths=None, beta=1.0):
    """Free energies and marginals of a batch of chains: `free_energy` and `marginals` of exact/chain.py.

    Parameters are those of `chain_viterbi`, and beta > 0.

    Returns
    -------
    (b,) float, (b, t, k) float, (b, t-1, k, k) float
        Free energies, the probability of each label at each moment, and of each pair of neighbours.  Those
        of padding are 0.  F is +inf and its probabilities are NaN where every sequence is forbidden; all
        are NaN where an energy is NaN.

    Raises ValueError as the page does; and if a length is not in 1..t.

    >>> u = [[[0.0, np.log(3.0)], [0.0, 0.0]], [[0.0, 0.0], [np.nan, np.nan]]]
    >>> F, nodes, edges = chain_marginals(u, np.zeros((2, 2)), [2, 1])
    >>> np.exp(-F).round(12).tolist(), nodes.round(12).tolist()
    ([2.666666666667, 2.0], [[[0.75, 0.25], [0.5, 0.5]], [[0.5, 0.5], [0.0, 0.0]]])
    """
    unary, pairwise, lengths = _checked(unary, pairwise, lengths)
    beta = as_positive("beta", beta)
    b, t, k = unary.shape
    low = pairwise.min(initial=np.inf)
    with np.errstate(invalid="ignore"):
        W = np.exp(-beta * (pairwise - low)) if np.isfinite(low) else np.zeros((k, k))
    free, nodes, edges = np.empty(b), np.zeros(unary.shape), np.zeros((b, max(t - 1, 0), k, k))
    sums = Sums(nodes, edges, free, np.zeros(b, bool))
    chains = Chains(unary, lengths, beta, low, W, W.T.copy())
    divide(lambda *ends: both_ways(chains, sums, *ends), b, 4 * unary.size * k)
    for i, n in enumerate(lengths):
        own = unary[i, :n], pairwise, beta
        if sums.todo[i]:
            free[i] = _by_the_page(page.free_energy, own, i)
            nodes[i, :n], edges[i, : n - 1] = page.marginals(*own)
        else:
            free[i] = math.fsum([*own[0].min(axis=1), *[low] * (n - 1), -free[i] / beta])
    return free, nodes, edges


def _checked(unary, pairwise, lengths):
    """What every batch of chains is given, as the kernels take it."""
    unary = as_numbers("unary", unary, "b", "t", "k")
    b, t, k = unary.shape
    pairwise = as_numbers("pairwise", pairwise, k, k)
    require(not np.any(pairwise == -np.inf), "pairwise", pairwise, "must not be -inf; +inf forbids")
    return unary, pairwise, as_lengths("lengths", np.full(b, t) if lengths is None else lengths, b, 1, t)


def _by_the_page(function, sample, i):
    """The page's answer, or its refusal in the batch's words."""
    try:
        return function(*sample)
    except ValueError:
        refuse(function, sample, i, (f"unary[{i}]", "pairwise", "beta"))
