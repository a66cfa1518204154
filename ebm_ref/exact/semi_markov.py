r"""Semi-Markov chain: labels for segments of any length, not for moments.

    E(cuts, y) = sum_segments e[start, length, y] + sum_neighbours P[y, y']

    a_s(j) = sum_n e^{-beta e[s - n, n, j]} sum_i a_{s-n}(i) e^{-beta P[i, j]}
    F      = -(1/beta) log sum_j a_t(j)

    dF/de[s, n, j] = p(the answer has this segment, with this label)

Names of people and places are several words long, sounds are several frames long.  A segment of n moments
from s on has an energy of its own, which may depend on all of it: features of whole words, not of letters.
Where to cut is part of the answer.  The recursion is that of a chain (chain.py) with one more sum, over how
long the last segment was.  With segments of length 1 alone it is the chain.

In floating point: the recursion as printed overflows and underflows as that of a chain does.  So energies
are counted from the best segmentation.  What it pays over some moments is subtracted from every segment
that covers just these moments; then the best segmentation has energy 0, and levels of 1e8 cancel before
they meet an exponential.

    segments    (t, d, k) energies e[start, length - 1, label]

A segment that would end after t is not read.

Source: Sarawagi and Cohen (2004), "Semi-Markov Conditional Random Fields for Information Extraction".
"""

import itertools

import numpy as np

from ebm_ref.checks import (
    as_real,
    as_whole,
    largest_finite,
    real,
    require,
    require_count,
    require_finite_sum,
    require_positive,
    whole,
    with_axes,
)
from ebm_ref.exact.chain import shares
from ebm_ref.numerics import scaled_sum

MOST = 2**22  # numbers that all segmentations may hold


def check_segments(segments, pairwise, beta=1.0):
    """segments (t, d, k), pairwise (k, k) and beta as float64, if they fit and no sum overflows."""
    e, P, beta = as_real("segments", segments), as_real("pairwise", pairwise), real("beta", beta)
    fits = e.ndim == 3 and min(e.shape) > 0
    require(fits, "segments", segments, "must be (t, d, k): start, length - 1, label; none empty")
    k = e.shape[2]
    require(P.shape == (k, k), "pairwise", pairwise, f"must be ({k}, {k}) for {k} labels")
    require_positive("beta", beta)
    for argument, energies in (("segments", e), ("pairwise", P)):
        require(not np.any(energies == -np.inf), argument, energies, "must not be -inf; +inf forbids")
        require_finite_sum(argument, energies, [largest_finite(energies)] * len(e), beta)
    return e, P, beta


def segmentations(t, d, k, start=0):
    """All lists of (start, length, label) that cover t moments by segments of up to d, one after the other.

    >>> segmentations(2, 2, 1)
    [[(0, 1, 0), (1, 1, 0)], [(0, 2, 0)]]
    """
    for argument, value in (("t", t), ("d", d), ("k", k), ("start", start)):
        require_count(argument, value, 0)
    t, d, k, start = (whole(a, x) for a, x in (("t", t), ("d", d), ("k", k), ("start", start)))
    require(start <= t <= MOST, "t", t, f"must be in {start}..{MOST}")
    ways = {t: [[]]}
    for s in range(t - 1, start - 1, -1):
        lengths = range(1, min(d, t - s) + 1)
        numbers = k * sum(len(ways[s + n]) for n in lengths) * (t - s)
        require(numbers <= MOST, "t", t, f"must leave fewer segmentations; these hold {MOST} numbers or more")
        first = [(s, n, j) for n in lengths for j in range(k)]
        ways[s] = [[segment, *rest] for segment in first for rest in ways[s + segment[1]]]
    return ways[start]


def energy(segments, pairwise, answer):
    """Energy of one segmentation, a list of (start, length, label).

    >>> float(energy(np.array([[[1.0], [5.0]], [[2.0], [0.0]]]), np.array([[4.0]]), [(0, 1, 0), (1, 1, 0)]))
    7.0
    """
    e, P, _ = check_segments(segments, pairwise)
    answer = as_whole("answer", answer)
    answer = with_axes("answer", answer if np.size(answer) else np.zeros((0, 3), int), ("segments", 3))
    inside = np.all((answer >= [0, 1, 0]) & (answer <= [len(e) - 1, e.shape[1], e.shape[2] - 1]))
    rule = f"must hold (start, length, label) below {len(e)}, up to {e.shape[1]} and below {e.shape[2]}"
    require(inside, "answer", answer, rule)
    own = sum(e[start, length - 1, label] for start, length, label in answer)
    return own + sum(P[i, j] for i, j in itertools.pairwise(answer[:, 2]))


def viterbi(segments, pairwise):
    """The segmentation of lowest energy: energy, and a list of (start, length, label).

    Ties go to the segmentation whose first segment is shorter, then of lower label, and so on.  +inf and an
    empty list where every segmentation is forbidden; NaN and an empty list where an energy that is read is
    NaN.  Energies that differ by less than rounding, 2^-53 of what is added up, count as a tie.

    >>> E, answer = viterbi(np.array([[[1.0], [5.0]], [[2.0], [0.0]]]), np.array([[4.0]]))
    >>> float(E), answer
    (5.0, [(0, 2, 0)])
    """
    e, P, _ = check_segments(segments, pairwise)
    return lowest_energy(e, P)


def lowest_energy(segments, pairwise):
    """The same of tables that were checked."""
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


def free_energy_as_printed(segments, pairwise, beta=1.0):
    """F by the recursion as printed: energies of 1000 underflow, and so does every sum.

    >>> e, P = np.full((2, 2, 1), 1000.0), np.zeros((1, 1))
    >>> with np.errstate(divide="ignore"):
    ...     float(free_energy_as_printed(e, P)), float(free_energy(e, P))
    (inf, 1000.0)
    """
    e, P, beta = check_segments(segments, pairwise, beta)
    t, d, k = e.shape
    a = np.zeros((t + 1, k))
    for s in range(1, t + 1):
        for n in range(1, min(d, s) + 1):
            before = np.ones(k) if n == s else a[s - n] @ np.exp(-beta * P)
            a[s] += np.exp(-beta * e[s - n, n - 1]) * before
    return -np.log(np.sum(a[t])) / beta


def free_energy(segments, pairwise, beta=1.0):
    """F = -(1/beta) log sum e^{-beta E} over all segmentations and labels; +inf where all are forbidden.

    >>> float(np.exp(-free_energy(np.zeros((3, 3, 1)), np.zeros((1, 1)))).round(12))  # 111, 12, 21, 3
    4.0
    """
    e, P, beta = check_segments(segments, pairwise, beta)
    lowest, answer = lowest_energy(e, P)
    if not lowest < np.inf:
        return lowest
    c, r = scaled_sum(*arrivals(counted_from(answer, e, P), P, beta)[1][len(e)])
    return lowest - (c + np.log1p(r)) / beta


def marginals(segments, pairwise, beta=1.0):
    """(t, d, k) probability of each segment; 0 for what would not fit; NaN where all are forbidden.

    From the first moment on: each segment given the label before it and all that may follow.

    >>> marginals(np.zeros((2, 2, 1)), np.zeros((1, 1)))[:, :, 0].tolist()
    [[0.5, 0.5], [0.5, 0.0]]
    """
    e, P, beta = check_segments(segments, pairwise, beta)
    t, d, k = e.shape
    p = np.zeros((t, d, k))
    lowest, answer = lowest_energy(e, P)
    if not lowest < np.inf:
        return p + np.nan
    e = counted_from(answer, e, P)
    mirrored = np.zeros((t, d, k))  # start, counted from the end
    for n in range(1, d + 1):
        mirrored[: max(t - n + 1, 0), n - 1] = e[: max(t - n + 1, 0), n - 1][::-1]
    after, _ = arrivals(mirrored, P.T, beta)
    steps = np.vstack([P, np.zeros(k)])
    before = np.zeros((t + 1, k + 1))  # probability that a segment of this label ends here; k: the start
    before[0, k] = 1.0
    for s in range(t):
        ends = [s + n for n in range(1, min(d, t - s) + 1)]
        c = np.array([after[t - end][0] - beta * e[s, end - s - 1] for end in ends])
        r = np.array([after[t - end][1] for end in ends])
        for i in np.flatnonzero(before[s]):
            given = shares(np.ravel(c - beta * steps[i]), np.ravel(r))
            p[s, : len(ends)] += before[s, i] * np.reshape(given, (-1, k))
        for end in ends:
            before[end, :k] += p[s, end - s - 1]
    return p
