r"""Semi-Markov chain: labels for segments of any length, not for moments.

    E(cuts, y) = sum_segments e[start, length, y] + sum_neighbours P[y, y']

    a_s(j) = sum_length e^{-beta e[s - length, length, j]} sum_i a_{s-length}(i) e^{-beta P[i, j]}

Names of people and places are several words long, sounds several frames.  A segment has an energy of
its own, which may depend on all of it: features of whole words, not of letters.  Where to cut is part of
the answer.  The recursion is that of a chain (chain.py), with one more sum, over how long the last
segment was; with segments of length 1 alone it is the chain.

All is counted from the best segmentation: what it pays over some moments is taken off every segment that
covers just these, so that it has energy 0 throughout, and levels of 1e8 cancel before they meet an
exponential.

    segments    (t, d, k) energies e[start, length - 1, label]; of those that end by t, the rest is not read

Source: Sarawagi and Cohen (2004), "Semi-Markov Conditional Random Fields for Information Extraction".
"""

import itertools

import numpy as np

from ebm_ref.checks import largest_finite, require, require_finite_sum, require_positive
from ebm_ref.exact.chain import shares
from ebm_ref.numerics import scaled_sum


def check_segments(segments, pairwise, beta=1.0):
    """Raise a ValueError unless segments is (t, d, k), pairwise (k, k), none empty, -inf or too large."""
    shape = np.shape(segments)
    fits = len(shape) == 3 and min(shape) > 0
    require(fits, "segments", segments, "must be (t, d, k): start, length - 1, label; none empty")
    k = shape[2]
    require(np.shape(pairwise) == (k, k), "pairwise", pairwise, f"must be ({k}, {k}) for {k} labels")
    for argument, energies in (("segments", segments), ("pairwise", pairwise)):
        require(not np.any(energies == -np.inf), argument, energies, "must not be -inf; +inf forbids")
        require_finite_sum(argument, energies, [largest_finite(energies)] * shape[0], beta)


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
    where every segmentation is forbidden; NaN and an empty list where an energy that is read is NaN.  What
    rounding hides counts as equal: 2^-53 of the energies added up.

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


def counted_from(answer, segments, pairwise):
    """Segments less what the answer pays over the same moments, each of its steps at the last one."""
    t, d, _ = np.shape(segments)
    paid, before = np.zeros(t + 1), None
    for s, n, j in answer:
        paid[s + n] = segments[s, n - 1, j] + (0.0 if before is None else pairwise[before, j])
        before = j
    spent = [[np.sum(paid[s + 1 : s + n + 1]) for n in range(1, d + 1)] for s in range(t)]
    return segments - np.array(spent)[:, :, None]


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
    require_positive("beta", beta)
    check_segments(segments, pairwise, beta)
    lowest, answer = viterbi(segments, pairwise)
    if not lowest < np.inf:
        return lowest
    counted = counted_from(answer, segments, pairwise)
    c, r = scaled_sum(*arrivals(counted, pairwise, beta)[1][len(segments)])
    return lowest - (c + np.log1p(r)) / beta


def marginals(segments, pairwise, beta=1.0):
    """(t, d, k) probability of each segment; 0 for what would not fit; NaN where all are forbidden.

    From the first moment on: each segment given the label before it and all that may follow.

    >>> marginals(np.zeros((2, 2, 1)), np.zeros((1, 1)))[:, :, 0].tolist()
    [[0.5, 0.5], [0.5, 0.0]]
    """
    F = free_energy(segments, pairwise, beta)
    t, d, k = np.shape(segments)
    p = np.zeros((t, d, k))
    if not F < np.inf:
        return p + np.nan
    segments = counted_from(viterbi(segments, pairwise)[1], segments, pairwise)
    mirrored = np.zeros((t, d, k))  # start, counted from the end
    for n in range(1, d + 1):
        mirrored[: max(t - n + 1, 0), n - 1] = segments[: max(t - n + 1, 0), n - 1][::-1]
    after, _ = arrivals(mirrored, np.transpose(pairwise), beta)
    steps = np.vstack([pairwise, np.zeros(k)])
    before = np.zeros((t + 1, k + 1))  # probability that a segment of this label ends here; k: the start
    before[0, k] = 1.0
    for s in range(t):
        ends = [s + n for n in range(1, min(d, t - s) + 1)]
        c = np.array([after[t - e][0] - beta * segments[s, e - s - 1] for e in ends])
        r = np.array([after[t - e][1] for e in ends])
        for i in np.flatnonzero(before[s]):
            given = shares(np.ravel(c - beta * steps[i]), np.ravel(r))
            p[s, : len(ends)] += before[s, i] * np.reshape(given, (-1, k))
        for e in ends:
            before[e, :k] += p[s, e - s - 1]
    return p
