r"""CTC where the model is all but certain: the probability of not spelling the target, summed by itself.

    L = -log1p(-P(not spelled))
    dL/dz[t, k] = p[t, k] (P - P(spelled | k at t)) / P

A path that gets lost is lost for good.  So the probability to fail is a sum over where that happens, and
nothing in it cancels, however small it is.  It takes three times the time of the ordinary sums.

Source: elementary; criteria/ctc_of_logits.py.
"""

import math

import numpy as np

from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.ctc_sample import likely, sum_without


@njit(error_model="numpy")
def failures(target, A, B, g):
    """Loss and gradient where P > 1/2, from probabilities of failing; g holds the softmax of each row."""
    labels, blank, skip = target
    n, moments, classes = len(labels) + 1, len(g), g.shape[1]
    forward_in_probabilities(target, A, B, g)
    P = A[moments, n - 1] + B[moments, n - 1]
    ends = np.zeros((2, n + 1))  # probability of spelling the rest, from blank u and from label u - 1
    ends[0, n - 1], ends[1, n - 1] = 1.0, (1.0 if n > 1 else 0.0)
    fails, spelled, p = 1.0 - ends, np.zeros(classes), np.zeros(n + 1)
    for r in range(moments, 0, -1):
        p[0] = g[r - 1, blank]
        for j in range(1, n):
            p[j] = g[r - 1, labels[j - 1]]
        now_ends, now_fails = before(target, g, r - 1, p, ends, fails)
        spelled[blank] = 0.0
        for j in range(1, n):
            spelled[labels[j - 1]] = 0.0
        for u in range(n):
            spelled[blank] += (A[r - 1, u] + B[r - 1, u]) * ends[0, u]
        for j in range(1, n):
            arrives = A[r - 1, j - 1] + B[r - 1, j] + skip[j] * B[r - 1, j - 1]
            spelled[labels[j - 1]] += arrives * ends[1, j]
        top = likely(g, r - 1)
        for j in range(n):
            k = labels[j - 1] if j > 0 else blank
            if spelled[k] >= 0.0 and k != top:
                risk = P - spelled[k]
                if risk < 0.5 * P:
                    risk = risk_of(k, target, (A, B), r - 1, (ends, fails), (now_ends, now_fails))
                g[r - 1, k] = p[j] * (risk / P)
                spelled[k] = -1.0
        if top >= 0:
            g[r - 1, top] = -sum_without(g, r - 1, top)
        ends, fails = now_ends, now_fails
    return -math.log1p(-fails[0, 0])


@njit(error_model="numpy")
def forward_in_probabilities(target, A, B, p):
    """Probability to stand at each position after each moment."""
    labels, blank, skip = target
    A[0], B[0] = 0.0, 0.0
    A[0, 0] = 1.0
    for r in range(1, len(A)):
        for u in range(A.shape[1]):
            A[r, u] = (A[r - 1, u] + B[r - 1, u]) * p[r - 1, blank]
        B[r, 0] = 0.0
        for j in range(1, A.shape[1]):
            arrives = B[r - 1, j] + (A[r - 1, j - 1] + skip[j] * B[r - 1, j - 1])
            B[r, j] = arrives * p[r - 1, labels[j - 1]]


@njit(error_model="numpy")
def before(target, g, t, p, ends, fails):
    """Probability to spell the rest and to fail, a moment earlier."""
    labels, blank, skip = target
    n = len(labels) + 1
    now_ends, now_fails = np.zeros((2, n + 1)), np.ones((2, n + 1))
    top, others = 0, 0.0
    for k in range(g.shape[1]):
        top = k if g[t, k] > g[t, top] else top
    for k in range(g.shape[1]):
        others += g[t, k] if k != top else 0.0
    for u in range(n):
        after = labels[u] if u < n - 1 else blank
        now_ends[0, u] = p[0] * ends[0, u] + p[u + 1] * ends[1, u + 1]
        now_fails[0, u] = lost_at_once(g, t, top, others, blank, after, blank) + (
            p[0] * fails[0, u] + (p[u + 1] * fails[1, u + 1] if u < n - 1 else 0.0)
        )
        if u > 0:
            own, two = labels[u - 1], skip[u + 1] * p[u + 1]
            after = after if two > 0.0 else blank
            now_ends[1, u] = p[u] * ends[1, u] + p[0] * ends[0, u] + two * ends[1, u + 1]
            now_fails[1, u] = lost_at_once(g, t, top, others, blank, own, after) + (
                p[u] * fails[1, u] + p[0] * fails[0, u] + two * fails[1, u + 1]
            )
    return now_ends, now_fails


@njit(error_model="numpy")
def lost_at_once(g, t, top, others, a, b, c):
    """Sum of the probabilities of a row but those of three classes, of which some may be the same.

    From the sum of all but the largest; where little of that is left, term by term.
    """
    rest = others
    rest -= g[t, a] if a != top else 0.0
    rest -= g[t, b] if b != top and b != a else 0.0
    rest -= g[t, c] if c != top and c != a and c != b else 0.0
    if rest < 0.125 * others:
        rest = 0.0
        for k in range(g.shape[1]):
            rest += g[t, k] if k != top and k != a and k != b and k != c else 0.0
    return rest + (g[t, top] if a != top and b != top and c != top else 0.0)


@njit(error_model="numpy")
def risk_of(k, target, reached, r, after, now):
    """P - P(spelled | symbol k comes next), summed over where it finds the path, nothing of it cancelling."""
    (labels, blank, skip), (A, B) = target, reached
    n, risk = len(labels) + 1, 0.0
    for u in range(n):
        a = (0, u) if k == blank else (1, u + 1) if u < n - 1 and k == labels[u] else (0, n)
        risk += A[r, u] * rise(a, (0, u), after, now)
        if u > 0:
            follows = skip[u + 1] == 1.0 and k == labels[u]
            a = (0, u) if k == blank else (1, u) if k == labels[u - 1] else (1, u + 1) if follows else (0, n)
            risk += B[r, u] * rise(a, (1, u), after, now)
    return risk


@njit(error_model="numpy")
def rise(to, start, after, now):
    """How much more likely to fail after a move than before it; (0, n) is where all is lost."""
    (ends, fails), (now_ends, now_fails) = after, now
    if now_fails[start] > 0.5:
        return now_ends[start] - ends[to]
    return fails[to] - now_fails[start]
