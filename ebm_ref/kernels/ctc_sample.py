r"""CTC of a batch, before any sum: what a sample is, where its paths may pass, and which of them is the best.

    scores[t, s]       log-probability of position s at moment t, -inf where no path passes
    band               labels that can be done after r moments: first[r] <= u < reach[r]
    path               the best alignment, from which everything else is counted

Blanks and labels alternate along a target.  They stand in two tables, A[r, u] for the blank before label
u and B[r, j] for label j - 1 after r moments, so that every loop runs over neighbours, and the compiler
takes eight at a time.  B[r, 0] is no label, and always 0.

Source: Graves et al. (2006), Section 4.1.
"""

import math
from typing import NamedTuple

import numpy as np

from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.rows import beside_one, scale, weigh


class Batch(NamedTuple):
    """What is given: b samples of t moments, one below the other, and how much of each is its own."""

    rows: np.ndarray  # (b t, c)
    targets: np.ndarray  # (b, u)
    input_lengths: np.ndarray  # (b,)
    target_lengths: np.ndarray  # (b,)
    blank: int
    by_logits: bool


class Results(NamedTuple):
    """What is filled in: losses, gradients, and what is still to be done with each sample."""

    losses: np.ndarray  # (b,)
    slopes: np.ndarray  # (b t, c)
    todo: np.ndarray  # (b,)


class Target(NamedTuple):
    """What is to be spelled; skip[j] is 1 where label j - 1 may follow label j - 2 at once, else 0."""

    labels: np.ndarray  # (u,)
    blank: int
    skip: np.ndarray  # (u + 2,), with a 0 at either end


class Band(NamedTuple):
    """Labels that can be done after r moments: first[r] <= u < reach[r]."""

    first: np.ndarray
    reach: np.ndarray


class Shift(NamedTuple):
    """What makes (x + low) - norm a log-probability, for each moment."""

    lows: np.ndarray
    norms: np.ndarray


@njit(error_model="numpy")
def cut(batch, slopes, i):
    """Scores, gradient and target of a sample, without their padding."""
    start = i * (len(batch.rows) // len(batch.targets))
    stop = start + batch.input_lengths[i]
    labels = batch.targets[i, : batch.target_lengths[i]]
    target = Target(labels, batch.blank, moves_of_two(labels))
    return batch.rows[start:stop], slopes[start:stop], target


@njit(error_model="numpy")
def moves_of_two(labels):
    """1 where label j - 1 may follow label j - 2 at once, else 0; with a 0 at either end."""
    skip = np.zeros(len(labels) + 2)
    for j in range(2, len(labels) + 1):
        skip[j] = 1.0 if labels[j - 1] != labels[j - 2] else 0.0
    return skip


@njit(error_model="numpy")
def is_legal(x, target, by_logits):
    """Whether the page takes it: no +inf, labels that are classes and not the blank, no impossible row."""
    illegal = 0
    for label in target.labels:
        illegal += label < 0 or label >= x.shape[1] or label == target.blank
    for t in range(len(x)):
        possible = 0
        for k in range(x.shape[1]):
            illegal += x[t, k] == math.inf
            possible += not x[t, k] == -math.inf
        illegal += by_logits and possible == 0
    return illegal == 0


@njit(error_model="numpy")
def fill_band(labels, moments, band):
    """Labels that can be done after r moments: first[r] <= u < reach[r]; whether any path spells all.

    Of the rest, first[r] must still come, in the moments that are left; reach[r] labels have been read
    at most.  Equal neighbours take a moment more.
    """
    first, reach = band
    u, needed = 0, 1
    for r in range(moments + 1):
        while u < len(labels) and needed <= r:
            u += 1
            needed += 2 if u < len(labels) and labels[u] == labels[u - 1] else 1
        reach[r] = u
    fits = u == len(labels)
    u, needed = len(labels), 1
    for r in range(moments, -1, -1):
        while u > 0 and needed <= moments - r:
            u -= 1
            needed += 2 if u > 0 and labels[u] == labels[u - 1] else 1
        first[r] = u
    return fits


@njit(error_model="numpy")
def prepare(x, by_logits, g):
    """By logits: softmax into g, and what makes (x + low) - norm a log-probability.  Else 0, 0 and 0."""
    shift = Shift(np.zeros(len(x)), np.zeros(len(x)))
    if not by_logits:
        fill(g, 0.0)
        return shift
    weigh(x, -1.0, 1.0, shift.lows, g, 0, len(x))
    for t in range(len(x)):
        beside = beside_one(g, t)
        shift.norms[t] = math.log1p(beside)
        scale(g, t, 1.0 / (1.0 + beside))
    return shift


@njit(error_model="numpy")
def fill(g, number):
    """The same number all over."""
    for t in range(g.shape[0]):
        for k in range(g.shape[1]):
            g[t, k] = number


@njit(error_model="numpy")
def gather(x, target, shift, band, scores):
    """Log-probabilities of blank and labels at each moment, -inf where no path passes; how many are NaN."""
    first, reach = band
    absent = 0
    for r in range(1, len(scores)):
        low, norm = shift.lows[r - 1], shift.norms[r - 1]
        scores[r, 0] = (x[r - 1, target.blank] + low) - norm if first[r] <= reach[r - 1] else -math.inf
        absent += scores[r, 0] != scores[r, 0]
        for j in range(1, scores.shape[1]):
            passes = first[r - 1] < j <= reach[r]
            scores[r, j] = (x[r - 1, target.labels[j - 1]] + low) - norm if passes else -math.inf
            absent += scores[r, j] != scores[r, j]
    return absent


@njit(error_model="numpy")
def larger(a, b):
    """The larger of two numbers, the first of equals."""
    return a if a >= b else b


@njit(error_model="numpy")
def best_alignment(scores, skip, first, A, B, path):
    """Highest sum of scores; the best way there, as positions 2 u of blank u and 2 j - 1 of label j - 1."""
    n = scores.shape[1]
    A[0], B[0] = -math.inf, -math.inf
    A[0, 0] = 0.0
    for r in range(1, len(scores)):
        for u in range(n):
            A[r, u] = larger(A[r - 1, u], B[r - 1, u]) + scores[r, 0]
        A[r, : first[r]] = -math.inf
        B[r, 0] = -math.inf
        for j in range(1, n):
            two = B[r - 1, j - 1] if skip[j] == 1.0 else -math.inf
            B[r, j] = larger(larger(B[r - 1, j], A[r - 1, j - 1]), two) + scores[r, j]
    r, is_label = len(scores) - 1, B[-1, n - 1] >= A[-1, n - 1]
    highest, u = larger(B[r, n - 1], A[r, n - 1]), n - 1
    for r in range(len(scores) - 1, 0, -1):
        path[r] = 2 * u - is_label
        if is_label:
            stay, one = B[r - 1, u], A[r - 1, u - 1]
            two = B[r - 1, u - 1] if skip[u] == 1.0 else -math.inf
            is_label = stay >= larger(one, two) or two > one
            u -= not stay >= larger(one, two)
        else:
            is_label = B[r - 1, u] > A[r - 1, u]
    path[0] = 0
    return highest


@njit(error_model="numpy")
def from_best(scores, path):
    """Count each row from the best alignment's score; its energy, minus their sum, without rounding twice."""
    total, lost = 0.0, 0.0
    scores[0] = 0.0
    for r in range(1, len(scores)):
        best = scores[r, (path[r] + 1) // 2 if path[r] % 2 else 0]
        for j in range(scores.shape[1]):
            scores[r, j] -= best
        new = total + best
        part = new - total
        lost += (total - (new - part)) + (best - part)
        total = new
    return 0.0 - (total + lost)


@njit(error_model="numpy")
def subtract(of_blank, of_labels, total, target, g, t):
    """Subtract gamma from a row of g, softmax or 0; where both are nearly 1, what each lacks to 1 instead."""
    labels, blank, _ = target
    top, each = likely(g, t), 1.0 / total
    lacks = sum_without(g, t, top) if top >= 0 else 0.0
    wrong = 0.0 if top == blank else of_blank
    g[t, blank] -= of_blank * each
    for j in range(1, len(of_labels)):
        g[t, labels[j - 1]] -= of_labels[j] * each
        wrong += 0.0 if labels[j - 1] == top else of_labels[j]
    if top >= 0:
        g[t, top] = wrong * each - lacks


@njit(error_model="numpy")
def likely(p, t):
    """The class with a probability above 1/2, or -1."""
    top = -1
    for k in range(p.shape[1]):
        top = k if p[t, k] > 0.5 else top
    return top


@njit(fastmath={"reassoc"}, error_model="numpy")
def sum_without(p, t, top):
    """Sum of a row but for one class."""
    total = 0.0
    for k in range(p.shape[1]):
        total += 0.0 if k == top else p[t, k]
    return total
