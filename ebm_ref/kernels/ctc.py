r"""CTC of a batch: value and gradient in the probability domain, counted from the best alignment.

    w[t, s] = e^{lp[t, s] - lp[t, best_t]}         the best alignment itself has weight 1 throughout
    a[t, s] = (sum over the 1, 2 or 3 positions before s of a[t-1]) w[t, s]        z backwards alike
    L       = E_min - log(1 + rest)                gamma[t, s] = a[t, s] z[t, s] / sum_s a[t, s] z[t, s]

The pages' logarithms of sums cost an exponential for each way into each position.  Here an exponential
is taken once for each moment and label, many at a time, and the sums are plain sums.  What that could
lose is watched over:

* Weights grow or shrink with t.  Each row is rescaled by a power of two, which rounds nothing.
* The weight 1 of the best alignment never enters the sums.  What is carried is the rest, beside it, so
  that the rest keeps its digits however small it is, and log(1 + rest) is a log1p.
* Where a number below 2^-1000 may have been part of something that counts, or the best alignment fell
  below 2^-900 of a row, the sample is done again in logarithms, as the page does it, in ten times the
  time.  Impossible classes may be the reason, or thousands of moments with next to no evidence.
* By logits, dL/dz = softmax - gamma cancels where the model is nearly certain.  Where softmax is above
  1/2, what both lack to 1 is subtracted instead.  And where P > 1/2, all sums are of failures, since a
  path that gets lost is lost for good: the loss is -log1p(-P(not spelled)), in three times the time.

Blanks and labels alternate along a target.  They stand in two tables, A[r, u] for the blank before label
u and B[r, j] for label j - 1 after r moments, so that every loop runs over neighbours, and the compiler
takes eight at a time.  B[r, 0] is no label, and always 0.

Accuracy, with u = 2^-53.  By log-probabilities, value and gradient are within the page's own bounds.  By
logits the value is within 8 u (C + t), for t roundings of a log-softmax; an entry of the gradient may be
a difference of nearly equal risks, which the page resolves at t (2 u + 1)^2 cost and this does not: it is
right to 32 u min(1, L) (1 + max |z|).

Source: Rabiner (1989), Section V.A, for the scaling; Graves et al. (2006), Section 4.1.
"""

import math

import numpy as np
from numba import njit

from ebm_ref.checks import require_index
from ebm_ref.criteria import ctc, ctc_of_logits
from ebm_ref.kernels.batch import as_integers, as_numbers, divide, refuse
from ebm_ref.kernels.exponential import exponential
from ebm_ref.kernels.losses import beside_one, scale, weigh

FAINT = 2.0**-1000  # what is smaller may have lost digits to underflow
LEAST = 2.0**-900  # the best alignment must not fall below this share of a row
COUNTS = 2.0**-90  # FAINT times this is less than the smallest number
DONE, IN_PROBABILITIES, IN_LOGS, BY_FAILURES, ILLEGAL = range(5)  # what is still to be done with a sample
CERTAIN = math.log(2.0)  # below this loss, P > 1/2, failures are summed instead


@njit(error_model="numpy")
def is_legal(x, target, blank, by_logits):
    """Whether the page takes it: no +inf, labels that are classes and not the blank, no impossible row."""
    illegal = 0
    for label in target:
        illegal += label < 0 or label >= x.shape[1] or label == blank
    for t in range(len(x)):
        possible = 0
        for k in range(x.shape[1]):
            illegal += x[t, k] == math.inf
            possible += not x[t, k] == -math.inf
        illegal += by_logits and possible == 0
    return illegal == 0


@njit(error_model="numpy")
def band(target, moments, first, reach):
    """Labels that can be done after r moments: first[r] <= u < reach[r]; whether any path spells all.

    Of the rest, first[r] must still come, in the moments that are left; reach[r] labels have been read
    at most.  Equal neighbours take a moment more.
    """
    u, needed = 0, 1
    for r in range(moments + 1):
        while u < len(target) and needed <= r:
            u += 1
            needed += 2 if u < len(target) and target[u] == target[u - 1] else 1
        reach[r] = u
    fits = u == len(target)
    u, needed = len(target), 1
    for r in range(moments, -1, -1):
        while u > 0 and needed <= moments - r:
            u -= 1
            needed += 2 if u > 0 and target[u] == target[u - 1] else 1
        first[r] = u
    return fits


@njit(error_model="numpy")
def moves_of_two(target):
    """1 where label j - 1 may follow label j - 2 at once, else 0; with a 0 at either end."""
    skip = np.zeros(len(target) + 2)
    for j in range(2, len(target) + 1):
        skip[j] = 1.0 if target[j - 1] != target[j - 2] else 0.0
    return skip


@njit(error_model="numpy")
def prepare(x, by_logits, lows, norms, g):
    """By logits: softmax into g, and what makes (x + low) - norm a log-probability.  Else 0, 0 and 0."""
    if not by_logits:
        fill(g, 0.0)
        return
    weigh(x, -1.0, 1.0, lows, g, 0, len(x))
    for t in range(len(x)):
        beside = beside_one(g, t)
        norms[t] = math.log1p(beside)
        scale(g, t, 1.0 / (1.0 + beside))


@njit(error_model="numpy")
def gather(x, target, blank, lows, norms, first, reach, scores):
    """Log-probabilities of blank and labels at each moment, -inf where no path passes; how many are NaN."""
    absent = 0
    for r in range(1, len(scores)):
        low, norm = lows[r - 1], norms[r - 1]
        scores[r, 0] = (x[r - 1, blank] + low) - norm if first[r] <= reach[r - 1] else -math.inf
        absent += scores[r, 0] != scores[r, 0]
        for j in range(1, scores.shape[1]):
            passes = first[r - 1] < j <= reach[r]
            scores[r, j] = (x[r - 1, target[j - 1]] + low) - norm if passes else -math.inf
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
def exponentials(x, w):
    """e^x of a table."""
    flat, into = x.reshape(-1), w.reshape(-1)
    for n in range(len(flat)):
        into[n] = exponential(flat[n])


@njit(error_model="numpy")
def halvings(total):
    """2^-n with n = floor(log2 total), for positive normal numbers."""
    exponent = (np.float64(total).view(np.int64) >> 52) & 2047
    return np.int64((2046 - exponent) << 52).view(np.float64)


@njit(fastmath={"reassoc", "contract"}, error_model="numpy")
def forward_row(A, B, w, skip, r):
    """What reaches each position at moment r from all positions before; the sum."""
    blank, total = w[r, 0], 0.0
    for u in range(A.shape[1]):
        A[r, u] = (A[r - 1, u] + B[r - 1, u]) * blank
        total += A[r, u]
    B[r, 0] = 0.0
    for j in range(1, A.shape[1]):
        B[r, j] = (B[r - 1, j] + (A[r - 1, j - 1] + skip[j] * B[r - 1, j - 1])) * w[r, j]
        total += B[r, j]
    return total


@njit(error_model="numpy")
def forward(w, skip, first, path, A, B, best):
    """Fill A and B with what reaches each position, but for the best alignment, which is in `best`.

    Returns log(1 + rest), the rest counted from the best alignment, or NaN where it is not safe.
    """
    A[0], B[0], best[0] = 0.0, 0.0, 1.0
    u, is_label = 0, False
    for r in range(1, len(w)):
        came = B if is_label else A
        rest = came[r - 1, u]
        came[r - 1, u] = rest + best[r - 1]
        total = forward_row(A, B, w, skip, r)
        came[r - 1, u] = rest
        u, is_label = (path[r] + 1) // 2, path[r] % 2 == 1
        if is_label:
            B[r, u] = B[r - 1, u] + (A[r - 1, u - 1] + skip[u] * B[r - 1, u - 1])
        else:
            A[r, u] = A[r - 1, u] + B[r - 1, u]
        A[r, : first[r]] = 0.0
        best[r] = best[r - 1]
        if not 2.0**-30 < total < 2.0**30:
            if not LEAST < total < 1.0 / LEAST:
                return math.nan
            factor = halvings(total)
            scale(A, r, factor)
            scale(B, r, factor)
            best[r] *= factor
            if not best[r] > LEAST:
                return math.nan
    n = A.shape[1]
    return math.log1p((A[-1, n - 1] + B[-1, n - 1]) / best[-1])


@njit(fastmath={"reassoc", "contract"}, error_model="numpy")
def weights_at(A, B, r, ZA, ZB, lift, labels):
    """a z of each label, and their sums over blanks and over labels; all of them lifted out of underflow."""
    of_blank, of_labels = 0.0, 0.0
    for u in range(len(ZA)):
        of_blank += A[r, u] * (ZA[u] * lift)
        labels[u] = B[r, u] * (ZB[u] * lift)
        of_labels += labels[u]
    return of_blank, of_labels


@njit(error_model="numpy")
def lost(A, B, r, ZA, ZB, w, first, reach, floor):
    """How many a z may be more than nothing, though a, z or w is too small to be trusted."""
    many, blank = 0, w[r, 0] < FAINT
    for u in range(len(ZA)):
        faint = (A[r, u] < FAINT) | (ZA[u] < FAINT) | blank
        counts = (A[r, u] > floor) | (ZA[u] > floor)
        many += faint & counts & (first[r] <= u) & (u <= reach[r - 1])
        faint = (B[r, u] < FAINT) | (ZB[u] < FAINT) | (w[r, u] < FAINT)
        counts = (B[r, u] > floor) | (ZB[u] > floor)
        many += faint & counts & (first[r - 1] < u) & (u <= reach[r])
    return many


@njit(fastmath={"reassoc", "contract"}, error_model="numpy")
def backward_row(YA, YB, skip, ZA, ZB):
    """What is reached from each position, given what the positions after it are worth; the sum."""
    total = 0.0
    for u in range(len(ZA)):
        ZA[u] = YA[u] + YB[u + 1]
        total += ZA[u]
    for j in range(1, len(ZA)):
        ZB[j] = YB[j] + (YA[j] + skip[j + 1] * YB[j + 1])
        total += ZB[j]
    return total


@njit(error_model="numpy")
def subtract(of_blank, of_labels, total, target, blank, g, t):
    """Subtract gamma from a row of g, softmax or 0; where both are nearly 1, what each lacks to 1 instead."""
    top, each = likely(g, t), 1.0 / total
    lacks = sum_without(g, t, top) if top >= 0 else 0.0
    wrong = 0.0 if top == blank else of_blank
    g[t, blank] -= of_blank * each
    for j in range(1, len(of_labels)):
        g[t, target[j - 1]] -= of_labels[j] * each
        wrong += 0.0 if target[j - 1] == top else of_labels[j]
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


@njit(error_model="numpy")
def backward(w, skip, first, reach, path, A, B, best, target, blank, g):
    """Subtract gamma from g; whether it was safe."""
    n = A.shape[1]
    ZA, ZB, YA, YB, labels = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n + 1), np.empty(n)
    ZA[n - 1], ZB[n - 1], ahead, lift = 1.0, (1.0 if n > 1 else 0.0), 1.0, 1.0
    for r in range(len(w) - 1, 0, -1):
        u, is_label = (path[r] + 1) // 2, path[r] % 2 == 1
        z, a = (ZB, B) if is_label else (ZA, A)
        rest = z[u] - ahead if r == len(w) - 1 else z[u]
        z[u] = rest + ahead
        a[r, u] += best[r]
        of_blank, of_labels = weights_at(A, B, r, ZA, ZB, lift, labels)
        total = of_blank + of_labels
        if not 2.0**-30 < total < 2.0**30:
            if not LEAST < total / lift < 1.0 / LEAST:
                return False
            lift *= halvings(total)
            of_blank, of_labels = weights_at(A, B, r, ZA, ZB, lift, labels)
            total = of_blank + of_labels
        if lost(A, B, r, ZA, ZB, w, first, reach, COUNTS * total / lift):
            return False
        subtract(of_blank, labels, total, target, blank, g, r - 1)
        for j in range(n):
            YA[j], YB[j] = ZA[j] * w[r, 0], ZB[j] * w[r, j]
        size = backward_row(YA, YB, skip, ZA, ZB) + ahead
        (YB if is_label else YA)[u] = rest
        u, is_label = (path[r - 1] + 1) // 2, path[r - 1] % 2 == 1
        if is_label:
            ZB[u] = YB[u] + (YA[u] + skip[u + 1] * YB[u + 1])
        else:
            ZA[u] = YA[u] + YB[u + 1]
        if r > 1:
            for j in range(reach[r - 2] + 1, n):
                ZA[j] = 0.0
            for j in range(reach[r - 1] + 1, n):
                ZB[j] = 0.0
        if not 2.0**-30 < size < 2.0**30:
            if not LEAST < size < 1.0 / LEAST:
                return False
            factor = halvings(size)
            for j in range(n):
                ZA[j], ZB[j] = ZA[j] * factor, ZB[j] * factor
            ahead *= factor
            if not ahead > LEAST:
                return False
    return True


@njit(error_model="numpy")
def pair_sum(c, r, d, s, e, q):
    """(1 + r) e^c + (1 + s) e^d + (1 + q) e^e as one such pair: `scaled_sum` of numerics.py."""
    if c < d or c < e:
        if d >= e:
            c, r, d, s = d, s, c, r
        else:
            c, r, e, q = e, q, c, r
    if c == -math.inf:
        return c, 0.0
    rest = r + (1.0 + s) * math.exp(d - c) + (1.0 + q) * math.exp(e - c)
    return (c + math.log1p(rest), 0.0) if rest > 2.0**300 else (c, rest)


@njit(error_model="numpy")
def forward_in_logs(scores, skip, A, B, C, D):
    """Fill A with exponents and C with rests of what reaches blanks, B and D for labels; log of the sum."""
    n, nothing = scores.shape[1], -math.inf
    A[0], B[0], C[0], D[0] = nothing, nothing, 0.0, 0.0
    A[0, 0] = 0.0
    for r in range(1, len(scores)):
        for u in range(n):
            p = r - 1
            A[r, u], C[r, u] = pair_sum(A[p, u], C[p, u], B[p, u], D[p, u], nothing, 0.0)
            A[r, u] += scores[r, 0]
            two = B[p, u - 1] if u > 0 and skip[u] == 1.0 else nothing
            one = A[p, u - 1] if u > 0 else nothing
            B[r, u], D[r, u] = pair_sum(B[p, u], D[p, u], one, C[p, u - 1], two, D[p, u - 1])
            B[r, u] += scores[r, u] if u > 0 else nothing
    c, r = pair_sum(A[-1, n - 1], C[-1, n - 1], B[-1, n - 1], D[-1, n - 1], nothing, 0.0)
    return c + math.log1p(r)


@njit(error_model="numpy")
def backward_in_logs(scores, skip, A, B, C, D, target, blank, g):
    """Subtract gamma from g."""
    n, nothing = scores.shape[1], -math.inf
    Z, R = np.full((2, n + 1), nothing), np.zeros((2, n + 1))
    Y, S = np.full((2, n + 1), nothing), np.zeros((2, n + 1))
    labels = np.empty(n)
    Z[0, n - 1], Z[1, n - 1] = 0.0, (0.0 if n > 1 else nothing)
    for r in range(len(scores) - 1, 0, -1):
        c, rest, of_blank = nothing, 0.0, 0.0
        for u in range(n):
            c, rest = pair_sum(
                *(c, rest),
                *(A[r, u] + Z[0, u], C[r, u] + R[0, u] + C[r, u] * R[0, u]),
                *(B[r, u] + Z[1, u], D[r, u] + R[1, u] + D[r, u] * R[1, u]),
            )
        for u in range(n):
            of_blank += (1.0 + C[r, u]) * (1.0 + R[0, u]) * math.exp(A[r, u] + Z[0, u] - c)
            labels[u] = (1.0 + D[r, u]) * (1.0 + R[1, u]) * math.exp(B[r, u] + Z[1, u] - c)
            Y[0, u], S[0, u] = Z[0, u] + scores[r, 0], R[0, u]
            Y[1, u], S[1, u] = Z[1, u] + (scores[r, u] if u > 0 else nothing), R[1, u]
        subtract(of_blank, labels, 1.0 + rest, target, blank, g, r - 1)
        for u in range(n):
            Z[0, u], R[0, u] = pair_sum(Y[0, u], S[0, u], Y[1, u + 1], S[1, u + 1], nothing, 0.0)
            two = Y[1, u + 1] if skip[u + 1] == 1.0 else nothing
            one = Y[0, u] if u > 0 else nothing
            Z[1, u], R[1, u] = pair_sum(Y[1, u], S[1, u], one, S[0, u], two, S[1, u + 1])


@njit(error_model="numpy")
def failures(target, blank, skip, A, B, g):
    """Loss and gradient where P > 1/2, from probabilities of failing; g holds the softmax of each row."""
    n, moments, classes = len(target) + 1, len(g), g.shape[1]
    forward_in_probabilities(target, blank, skip, A, B, g)
    P = A[moments, n - 1] + B[moments, n - 1]
    ends = np.zeros((2, n + 1))  # probability of spelling the rest, from blank u and from label u - 1
    ends[0, n - 1], ends[1, n - 1] = 1.0, (1.0 if n > 1 else 0.0)
    fails, spelled, p = 1.0 - ends, np.zeros(classes), np.zeros(n + 1)
    for r in range(moments, 0, -1):
        p[0] = g[r - 1, blank]
        for j in range(1, n):
            p[j] = g[r - 1, target[j - 1]]
        now_ends, now_fails = before(target, blank, skip, g, r - 1, p, ends, fails)
        spelled[blank] = 0.0
        for j in range(1, n):
            spelled[target[j - 1]] = 0.0
        for u in range(n):
            spelled[blank] += (A[r - 1, u] + B[r - 1, u]) * ends[0, u]
        for j in range(1, n):
            arrives = A[r - 1, j - 1] + B[r - 1, j] + skip[j] * B[r - 1, j - 1]
            spelled[target[j - 1]] += arrives * ends[1, j]
        top = likely(g, r - 1)
        for j in range(n):
            k = target[j - 1] if j > 0 else blank
            if spelled[k] >= 0.0 and k != top:
                risk = P - spelled[k]
                if risk < 0.5 * P:
                    risk = risk_of(k, target, blank, skip, A, B, r - 1, ends, fails, now_ends, now_fails)
                g[r - 1, k] = p[j] * (risk / P)
                spelled[k] = -1.0
        if top >= 0:
            g[r - 1, top] = -sum_without(g, r - 1, top)
        ends, fails = now_ends, now_fails
    return -math.log1p(-fails[0, 0])


@njit(error_model="numpy")
def forward_in_probabilities(target, blank, skip, A, B, p):
    """Probability to stand at each position after each moment."""
    A[0], B[0] = 0.0, 0.0
    A[0, 0] = 1.0
    for r in range(1, len(A)):
        for u in range(A.shape[1]):
            A[r, u] = (A[r - 1, u] + B[r - 1, u]) * p[r - 1, blank]
        B[r, 0] = 0.0
        for j in range(1, A.shape[1]):
            arrives = B[r - 1, j] + (A[r - 1, j - 1] + skip[j] * B[r - 1, j - 1])
            B[r, j] = arrives * p[r - 1, target[j - 1]]


@njit(error_model="numpy")
def before(target, blank, skip, g, t, p, ends, fails):
    """Probability to spell the rest and to fail, a moment earlier."""
    n = len(target) + 1
    now_ends, now_fails = np.zeros((2, n + 1)), np.ones((2, n + 1))
    top, others = 0, 0.0
    for k in range(g.shape[1]):
        top = k if g[t, k] > g[t, top] else top
    for k in range(g.shape[1]):
        others += g[t, k] if k != top else 0.0
    for u in range(n):
        after = target[u] if u < n - 1 else blank
        now_ends[0, u] = p[0] * ends[0, u] + p[u + 1] * ends[1, u + 1]
        now_fails[0, u] = lost_at_once(g, t, top, others, blank, after, blank) + (
            p[0] * fails[0, u] + (p[u + 1] * fails[1, u + 1] if u < n - 1 else 0.0)
        )
        if u > 0:
            own, two = target[u - 1], skip[u + 1] * p[u + 1]
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
def risk_of(k, target, blank, skip, A, B, r, ends, fails, now_ends, now_fails):
    """P - P(spelled | symbol k comes next), summed over where it finds the path, nothing of it cancelling."""
    n, risk = len(target) + 1, 0.0
    for u in range(n):
        a = (0, u) if k == blank else (1, u + 1) if u < n - 1 and k == target[u] else (0, n)
        risk += A[r, u] * rise(a, (0, u), ends, fails, now_ends, now_fails)
        if u > 0:
            follows = skip[u + 1] == 1.0 and k == target[u]
            a = (0, u) if k == blank else (1, u) if k == target[u - 1] else (1, u + 1) if follows else (0, n)
            risk += B[r, u] * rise(a, (1, u), ends, fails, now_ends, now_fails)
    return risk


@njit(error_model="numpy")
def rise(to, start, ends, fails, now_ends, now_fails):
    """How much more likely to fail after a move than before it; (0, n) is where all is lost."""
    if now_fails[start] > 0.5:
        return now_ends[start] - ends[to]
    return fails[to] - now_fails[start]


@njit(error_model="numpy", nogil=True)
def swift(rows, targets, input_lengths, target_lengths, blank, by_logits, todo, losses, slopes, start, stop):
    """Losses of samples, their gradients into slopes, and what is still to be done with each."""
    for i in range(start, stop):
        x, g, target = cut(i, rows, slopes, targets, input_lengths, target_lengths)
        moments, n = len(x) + 1, len(target) + 1
        first, reach, path = (
            np.empty(moments, np.int64),
            np.empty(moments, np.int64),
            np.empty(moments, np.int64),
        )
        lows, norms, best = np.zeros(len(x)), np.zeros(len(x)), np.empty(moments)
        scores, w, A, B = (
            np.empty((moments, n)),
            np.empty((moments, n)),
            np.empty((moments, n)),
            np.empty((moments, n)),
        )
        losses[i], todo[i] = math.nan, ILLEGAL
        if not is_legal(x, target, blank, by_logits):
            continue
        losses[i], todo[i] = math.inf, DONE
        if not band(target, len(x), first, reach):
            continue
        prepare(x, by_logits, lows, norms, g)
        absent, skip = gather(x, target, blank, lows, norms, first, reach, scores), moves_of_two(target)
        if absent or best_alignment(scores, skip, first, A, B, path) == -math.inf:
            losses[i] = math.nan if absent else math.inf
            fill(g, math.nan if absent else 0.0)
            continue
        lowest = from_best(scores, path)
        exponentials(scores, w)
        losses[i] = lowest - forward(w, skip, first, path, A, B, best)
        if by_logits and losses[i] < CERTAIN:
            todo[i] = BY_FAILURES
        elif losses[i] != losses[i]:
            todo[i] = IN_LOGS
        elif not backward(w, skip, first, reach, path, A, B, best, target, blank, g):
            todo[i] = IN_LOGS
    return 0


@njit(error_model="numpy", nogil=True)
def careful(
    rows, targets, input_lengths, target_lengths, blank, by_logits, todo, losses, slopes, start, stop
):
    """The same for samples that the swift way leaves: summed in logarithms, or by failures."""
    for i in range(start, stop):
        if todo[i] == DONE:
            continue
        x, g, target = cut(i, rows, slopes, targets, input_lengths, target_lengths)
        size = len(x) + 1, len(target) + 1
        lows, norms = np.zeros(len(x)), np.zeros(len(x))
        A, B, skip = np.empty(size), np.empty(size), moves_of_two(target)
        prepare(x, by_logits, lows, norms, g)
        if todo[i] == IN_LOGS:
            first, reach, path = (
                np.empty(size[0], np.int64),
                np.empty(size[0], np.int64),
                np.empty(size[0], np.int64),
            )
            scores, C, D = np.empty(size), np.empty(size), np.empty(size)
            band(target, len(x), first, reach)
            gather(x, target, blank, lows, norms, first, reach, scores)
            best_alignment(scores, skip, first, A, B, path)
            losses[i] = from_best(scores, path) - forward_in_logs(scores, skip, A, B, C, D)
            if by_logits and losses[i] < CERTAIN:
                todo[i] = BY_FAILURES
            else:
                backward_in_logs(scores, skip, A, B, C, D, target, blank, g)
        if todo[i] == BY_FAILURES:
            losses[i] = failures(target, blank, skip, A, B, g)
        todo[i] = DONE
    return 0


@njit(error_model="numpy")
def cut(i, rows, slopes, targets, input_lengths, target_lengths):
    """Scores, gradient and target of a sample, without their padding."""
    start = i * (len(rows) // len(targets))
    stop = start + input_lengths[i]
    return rows[start:stop], slopes[start:stop], targets[i, : target_lengths[i]]


@njit(error_model="numpy")
def fill(g, number):
    """The same number all over."""
    for t in range(g.shape[0]):
        for k in range(g.shape[1]):
            g[t, k] = number


def ctc_value_and_gradient(log_probabilities, targets, input_lengths, target_lengths, blank=0):
    """CTC losses of a batch, and their gradient by the log-probabilities: criteria/ctc.py.

    Parameters
    ----------
    log_probabilities : (b, t, c) float
        Log-probability of each class at each moment, padded at the end with anything, NaN included.
    targets : (b, u) int
        The labels to be spelled, padded at the end with anything.
    input_lengths, target_lengths : (b,) int
        How many moments and how many labels of each sample are its own.
    blank : int
        The class that is no label.

    Returns
    -------
    (b,) float, (b, t, c) float
        Losses; +inf, with gradient 0, where no path spells the target.  The gradient of padding is 0.

    Raises
    ------
    ValueError
        As the page does; and if a length is negative or more than there is.

    >>> half = np.log(np.full((1, 2, 2), 0.5))
    >>> losses, gradient = ctc_value_and_gradient(half, [[1]], [2], [1])
    >>> np.exp(-losses).round(12).tolist()  # 1 1, 1 -, - 1: three of four paths
    [0.75]
    """
    return _batch(ctc.ctc, False, log_probabilities, targets, input_lengths, target_lengths, blank)


def ctc_of_logits_value_and_gradient(logits, targets, input_lengths, target_lengths, blank=0):
    """CTC losses of a batch, and their gradient by the logits: criteria/ctc_of_logits.py.

    Arguments are those of `ctc_value_and_gradient`, except that rows need not be normalised.

    >>> losses, gradient = ctc_of_logits_value_and_gradient([[[0.0, 17.0], [0.0, 17.0]]], [[1]], [2], [1])
    >>> losses.tolist()
    [1.71390828963254e-15]
    """
    return _batch(ctc_of_logits.ctc_of_logits, True, logits, targets, input_lengths, target_lengths, blank)


def _batch(page, by_logits, scores, targets, input_lengths, target_lengths, blank):
    """Check a batch, run the kernels on it, and let the page refuse what is not legal."""
    name = "logits" if by_logits else "log_probabilities"
    scores = as_numbers(name, scores, ("b", "t", "c"))
    b, t, c = scores.shape
    targets = as_integers("targets", targets, (b, "u"))
    input_lengths = _lengths("input_lengths", input_lengths, b, t)
    target_lengths = _lengths("target_lengths", target_lengths, b, targets.shape[1])
    require_index("blank", blank, c)
    losses, gradient, todo = np.empty(b), np.zeros((b, t, c)), np.full(b, IN_PROBABILITIES)
    rows, slopes = scores.reshape(b * t, c), gradient.reshape(b * t, c)
    batch = rows, targets, input_lengths, target_lengths, int(blank), by_logits, todo, losses, slopes
    entries = 8 * b * t * (2 * targets.shape[1] + 1)  # each as much work as eight of a table
    divide(lambda *ends: swift(*batch, *ends), b, entries)
    for i in np.flatnonzero(todo == ILLEGAL):
        refuse(page, (scores[i, : input_lengths[i]], targets[i, : target_lengths[i]], blank), i)
    if np.any(todo != DONE):
        divide(lambda *ends: careful(*batch, *ends), b, entries)
    return losses, gradient


def _lengths(name, lengths, b, longest):
    lengths = as_integers(name, lengths, (b,))
    if b and not (lengths.min() >= 0 and lengths.max() <= longest):
        raise ValueError(f"{name} = {lengths}: must be in 0..{longest}")
    return lengths
