r"""Semi-Markov chain: labels for segments of any length, not for moments.

    E(cuts, y) = sum_segments e[start, length, y] + sum_neighbours P[y, y']

    a_s(j) = sum_length e^{-beta e[s - length, length, j]} sum_i a_{s-length}(i) e^{-beta P[i, j]}

Names of people and places are several words long, sounds several frames.  A segment has an energy of
its own, which may depend on all of it: features of whole words, not of letters.  Where to cut is part of
the answer.  The recursion is that of a chain (chain.py), with one more sum, over how long the last
segment was; with segments of length 1 alone it is the chain.

    segments    (t, d, k) energies e[start, length - 1, label]; of those that end by t, the rest is not read

Source: Sarawagi and Cohen (2004), "Semi-Markov Conditional Random Fields for Information Extraction".
Before: graph.py.  Next: elimination.py.
"""

import itertools

import numpy as np

from ebm_ref.formula import require, require_positive
from ebm_ref.numerics import scaled_sum


def check_segments(segments, pairwise):
    """Raise a ValueError unless segments is (t, d, k), pairwise (k, k), none empty and none -inf."""
    shape = np.shape(segments)
    fits = len(shape) == 3 and min(shape) > 0
    require(fits, "segments", segments, "must be (t, d, k): start, length - 1, label; none empty")
    k = shape[2]
    require(np.shape(pairwise) == (k, k), "pairwise", pairwise, f"must be ({k}, {k}) for {k} labels")
    for argument, energies in (("segments", segments), ("pairwise", pairwise)):
        require(not np.any(energies == -np.inf), argument, energies, "must not be -inf; +inf forbids")


def segmentations(t, d, k, start=0):
    """All lists of (start, length, label) that cover t moments by segments of up to d, one after the other.

    >>> segmentations(2, 2, 1)
    [[(0, 1, 0), (1, 1, 0)], [(0, 2, 0)]]
    """
    if start == t:
        return [[]]
    first = [(start, n, j) for n in range(1, min(d, t - start) + 1) for j in range(k)]
    return [[segment, *rest] for segment in first for rest in segmentations(t, d, k, start + segment[1])]


def energy(segments, pairwise, answer):
    """Energy of one segmentation, a list of (start, length, label).

    >>> float(energy(np.array([[[1.0], [5.0]], [[2.0], [0.0]]]), np.array([[4.0]]), [(0, 1, 0), (1, 1, 0)]))
    7.0
    """
    labels = [label for _, _, label in answer]
    own = sum(segments[start, length - 1, label] for start, length, label in answer)
    return own + sum(pairwise[i, j] for i, j in itertools.pairwise(labels))


def viterbi(segments, pairwise):
    """The segmentation of lowest energy: energy, and a list of (start, length, label).

    Of equals the one whose first segment is shorter, then of lower label, and so on.  +inf and an empty list
    where every segmentation is forbidden; NaN and an empty list where an energy that is read is NaN.

    >>> E, answer = viterbi(np.array([[[1.0], [5.0]], [[2.0], [0.0]]]), np.array([[4.0]]))
    >>> float(E), answer
    (5.0, [(0, 2, 0)])
    """
    check_segments(segments, pairwise)
    t, d, k = np.shape(segments)
    to_go, first = {t: np.zeros(k + 1)}, {}
    for s in range(t - 1, -1, -1):  # row i: what follows label i; row k: nothing came before
        steps = np.vstack([pairwise, np.zeros(k)]) if s else np.zeros((k + 1, k))
        ways = [segments[s, n - 1] + to_go[s + n][:k] for n in range(1, min(d, t - s) + 1)]
        through = (np.array(ways)[None] + steps[:, None, :]).reshape(k + 1, -1)
        to_go[s], first[s] = through.min(axis=1), through.argmin(axis=1)
    lowest = to_go[0][k]
    s, i, answer = 0, k, []
    while s < t and lowest < np.inf:
        n, j = divmod(int(first[s][i]), k)
        answer.append((s, n + 1, j))
        s, i = s + n + 1, j
    return lowest, answer


def arrivals(segments, pairwise, beta):
    """Pairs (c, r), by moment s: sums over what ends before s, in front of a label, and after one."""
    t, d, k = np.shape(segments)
    before, sums = {0: (np.zeros(k), np.zeros(k))}, {}
    for s in range(1, t + 1):
        lengths = range(1, min(d, s) + 1)
        c = np.array([before[s - n][0] - beta * segments[s - n, n - 1] for n in lengths])
        sums[s] = scaled_sum(c, np.array([before[s - n][1] for n in lengths]))
        before[s] = scaled_sum(sums[s][0][:, None] - beta * pairwise, sums[s][1][:, None])
    return before, sums


def free_energy(segments, pairwise, beta=1.0):
    """F = -(1/beta) log sum e^{-beta E} over all segmentations and labels; +inf where all are forbidden.

    >>> float(np.exp(-free_energy(np.zeros((3, 3, 1)), np.zeros((1, 1)))).round(12))  # 111, 12, 21, 3
    4.0
    """
    check_segments(segments, pairwise)
    require_positive("beta", beta)
    c, r = scaled_sum(*arrivals(segments, pairwise, beta)[1][len(segments)])
    return -(c + np.log1p(r)) / beta


def marginals(segments, pairwise, beta=1.0):
    """(t, d, k) probability of each segment; 0 for what would not fit; NaN where all are forbidden.

    >>> marginals(np.zeros((2, 2, 1)), np.zeros((1, 1)))[:, :, 0].tolist()
    [[0.5, 0.5], [0.5, 0.0]]
    """
    F = free_energy(segments, pairwise, beta)
    t, d, k = np.shape(segments)
    p = np.zeros((t, d, k))
    if not F < np.inf:
        return p + np.nan
    mirrored = np.zeros((t, d, k))  # start, counted from the end
    for n in range(1, d + 1):
        mirrored[: max(t - n + 1, 0), n - 1] = segments[: max(t - n + 1, 0), n - 1][::-1]
    before, sums = arrivals(segments, pairwise, beta)
    after, _ = arrivals(mirrored, np.transpose(pairwise), beta)
    all_c, all_r = scaled_sum(*sums[t])
    for s in range(t):
        for n in range(1, min(d, t - s) + 1):
            (c, r), (a, q) = before[s], after[t - s - n]
            exponent = c - beta * segments[s, n - 1] + a - all_c
            p[s, n - 1] = np.exp(exponent) * ((1.0 + r) * (1.0 + q) / (1.0 + all_r))
    return p
