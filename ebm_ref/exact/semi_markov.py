r"""Semi-Markov chain: labels for segments of any length, not for moments.

    E(cuts, y) = sum_segments e[start, length, y] + sum_neighbours P[y, y']

    a_s(j) = sum_n e^{-beta e[s - n, n, j]} sum_i a_{s-n}(i) e^{-beta P[i, j]}
    F      = -(1/beta) log sum_j a_t(j)

    A_s(i) = min_j (P[i, j] + B_s(j))                      energy to go after label i
    B_s(j) = min_n (e[s, n, j] + A_{s+n}(j))               and in front of label j

    dF/de[s, n, j] = p(the answer has this segment, with this label)

Names of people and places are several words long, sounds are several frames long.  A segment of n moments
from s on has an energy of its own, which may depend on all of it: features of whole words, not of letters.
Where to cut is part of the answer.  The recursion is that of a chain (chain.py) with one more sum, over how
long the last segment was.  With segments of length 1 alone it is the chain.

In floating point: the recursion as printed overflows and underflows as that of a chain does.  So its sums,
here from the end, take P[i, j] + B_s(j) - A_s(i) and e[s, n, j] + A_{s+n}(j) - B_s(j) in place of P and e:
what a step costs above the best way on, which is never negative.  Where float64 could lose digits of these,
they are found in integers (levels.py), and so levels of 1e8 or 1e17 cancel before they meet an exponential.

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
from ebm_ref.exact.levels import is_safe, largest, less_lowest, told_apart, units_of
from ebm_ref.numerics import exact_sum, scaled_sum

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

    The energy is rounded once.  Ties go to the segmentation whose first segment is shorter, then of lower
    label, and so on; no rounding makes or breaks one.  +inf and an empty list where every segmentation is
    forbidden; NaN and an empty list where an energy that is read is NaN.

    >>> E, answer = viterbi(np.array([[[1.0], [5.0]], [[2.0], [0.0]]]), np.array([[4.0]]))
    >>> float(E), answer
    (5.0, [(0, 2, 0)])
    """
    e, P, _ = check_segments(segments, pairwise)
    return lowest_energy(*as_read(e, P))


# what follows is for tables that were checked


def as_read(e, P):
    """The tables with +inf for segments that would end after t, and 0 for steps from a single moment."""
    t, d, _ = e.shape
    fits = np.arange(t)[:, None] + np.arange(1, d + 1) <= t
    return np.where(fits[:, :, None], e, np.inf), P if t > 1 else np.zeros(P.shape)


def lowest_energy(e, P):
    """Energy and segments of the best segmentation."""
    if np.any(np.isnan(e)) or np.any(np.isnan(P)):
        return np.nan, []
    segments, steps = ways_on(e, P)
    answer, sure = follow(segments, P, max(largest(segments), largest(steps)))
    if not sure:
        e_whole, P_whole, units = exactly(e, P)
        answer = answer if units.fit_float64 else follow(ways_on(e_whole, P_whole)[0], P_whole, 0.0)[0]
    lowest = exact_sum(np.array(paid(answer, e, P)))
    return lowest, answer if lowest < np.inf else []


def exactly(e, P):
    """The tables as integers (levels.py), and their units."""
    units = units_of(e, P, count=2 * len(e))
    return units.whole(e), units.whole(P), units


def ways_on(e, P):
    """The lowest energy from in front of each first segment, (t, d, k), and of each step on, (t, k, k)."""
    t, d, k = e.shape
    segments, steps, A = 1 * e, np.zeros((t, k, k), e.dtype), np.zeros((t + 1, k), e.dtype)
    for s in range(t - 1, -1, -1):
        segments[s, : t - s] += A[s + 1 : s + 1 + d]
        steps[s] = P + segments[s].min(axis=0)
        A[s] = steps[s].min(axis=1)
    return segments, steps


def follow(segments, P, size):
    """Segments, each the best way on from the one before, and whether no rounding can have chosen another."""
    s, before, answer, best_two = 0, np.zeros_like(P[0]), [], []
    while s < len(segments):
        ways = np.ravel(segments[s] + before)
        n, j = divmod(int(np.argmin(ways)), len(P))
        answer.append((s, n + 1, j))
        best_two.append(np.sort(ways)[:2])
        s, before = s + n + 1, P[j]
    return answer, told_apart(np.array(best_two), size, len(segments))


def paid(answer, e, P):
    """What the answer pays: for each segment, and for each step."""
    labels = [j for _, _, j in answer]
    return [e[s, n - 1, j] for s, n, j in answer] + [P[i, j] for i, j in itertools.pairwise(labels)]


def spent(answer, e, P):
    """(t, d, 1) what the answer pays over the moments of each segment, each of its steps at the last one."""
    t, d, _ = e.shape
    own, steps = np.split(np.array(paid(answer, e, P)), [len(answer)])
    at = np.zeros(t + 1)
    at[[s + n for s, n, _ in answer]] = own + np.append(0.0, steps)
    return np.array([[np.sum(at[s + 1 : s + n + 1]) for n in range(1, d + 1)] for s in range(t)])[:, :, None]


def above_best(answer, e, P, beta):
    """Energies of the start (k,), of segments (t, d, k) and of steps (t, k, k) above the best way on.

    In float64 what the best segmentation pays is taken off first, so that A and B are small near it.
    """
    level, sizes = spent(answer, e, P), spent(answer, np.abs(e), np.abs(P))
    segments, steps = ways_on(e - level, P)
    start, own, onward = costs_of(segments, steps)
    of_segments = e.shape[1] * sizes + np.abs(e - level) + np.abs(segments)
    if is_safe(own, of_segments, beta) and is_safe(onward, np.abs(P) + np.abs(steps), beta):
        return start, own, onward
    e, P, units = exactly(e, P)
    return [units.real(x) for x in costs_of(*ways_on(e, P))]


def costs_of(segments, steps):
    """Start, segments and steps less the lowest of those to choose from."""
    by_label = np.swapaxes(segments, 1, 2)
    start = less_lowest(np.min(segments[0], axis=0))
    return start, np.swapaxes(less_lowest(by_label), 1, 2), less_lowest(steps)


def onwards(segments, steps, beta):
    """Pairs (c, r) by moment: sums over all that may follow, in front of a label, and after one."""
    t, d, k = segments.shape
    after, front = {t: (np.zeros(k), np.zeros(k))}, {}
    for s in range(t - 1, -1, -1):
        ends = range(s + 1, min(s + d, t) + 1)
        c = np.array([after[end][0] - beta * segments[s, end - s - 1] for end in ends])
        front[s] = scaled_sum(c, np.array([after[end][1] for end in ends]))
        after[s] = scaled_sum(front[s][0][:, None] - beta * steps[s].T, front[s][1][:, None])
    return front, after


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
    e, P = as_read(e, P)
    lowest, answer = lowest_energy(e, P)
    if not lowest < np.inf:
        return lowest
    start, segments, steps = above_best(answer, e, P, beta)
    c, r = onwards(segments, steps, beta)[0][0]
    c, r = scaled_sum(c - beta * start, r)
    return lowest - (c + np.log1p(r)) / beta


def marginals(segments, pairwise, beta=1.0):
    """(t, d, k) probability of each segment; 0 for what would not fit; NaN where all are forbidden.

    From the first moment on: each segment given the label before it and all that may follow.

    >>> marginals(np.zeros((2, 2, 1)), np.zeros((1, 1)))[:, :, 0].tolist()
    [[0.5, 0.5], [0.5, 0.0]]
    """
    e, P, beta = check_segments(segments, pairwise, beta)
    e, P = as_read(e, P)
    lowest, answer = lowest_energy(e, P)
    if not lowest < np.inf:
        return np.full(e.shape, np.nan)
    return probabilities(*above_best(answer, e, P, beta), beta)


def probabilities(start, segments, steps, beta):
    """The marginals of energies counted from the lowest."""
    t, d, k = segments.shape
    _, after = onwards(segments, steps, beta)
    p, before = np.zeros((t, d, k)), np.zeros((t + 1, k))  # before: that a segment of this label ends here
    for s in range(t):
        ends = range(s + 1, min(s + d, t) + 1)
        c = np.array([after[end][0] - beta * segments[s, end - s - 1] for end in ends])
        r = np.array([after[end][1] for end in ends])
        weights, chosen = (np.ones(1), start[None]) if s == 0 else (before[s], steps[s])
        for i in np.flatnonzero(weights):
            given = shares(np.ravel(c - beta * chosen[i]), np.ravel(r))
            p[s, : len(ends)] += weights[i] * np.reshape(given, (-1, k))
        for end in ends:
            before[end] += p[s, end - s - 1]
    return p
