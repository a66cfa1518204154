r"""CTC in the probability domain: sums over alignments, the best of which stands beside them.

    a[t, s] = (sum over the 1, 2 or 3 positions before s of a[t-1]) w[t, s]        z backwards alike
    gamma[t, s] = a[t, s] z[t, s] / sum_s a[t, s] z[t, s]

w[t, s] counts from the best alignment, whose weight is then 1 throughout.  That 1 never enters the sums;
a is what all the others add.  Each row is rescaled by a power of two, which rounds nothing.  What is not
safe is not decided here: a NaN, or False, tells the caller that digits may have been lost to underflow.

Source: Rabiner (1989), Section V.A, for the scaling; Graves et al. (2006), Section 4.1.
"""

import math
from typing import NamedTuple

import numpy as np

from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.ctc_sample import subtract
from ebm_ref.kernels.exponential import halvings
from ebm_ref.kernels.rows import scale

FAINT = 2.0**-1000  # what is smaller may have lost digits to underflow
LEAST = 2.0**-900  # the best alignment must not fall below this share of a row
COUNTS = 2.0**-90  # FAINT times this is less than the smallest number


class Ways(NamedTuple):
    """Sums over the ways to each blank, A, and to each label, B; the weight of the best alignment."""

    A: np.ndarray  # (moments + 1, u + 1)
    B: np.ndarray
    best: np.ndarray  # (moments + 1,)


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
def forward(w, skip, first, path, ways):
    """Fill the ways with what reaches each position, but for the best alignment, which stands beside them.

    Returns log(1 + rest), the rest counted from the best alignment, or NaN where it is not safe.
    """
    A, B, best = ways
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


@njit(error_model="numpy", inline="always")
def lifted_weights(A, B, r, ZA, ZB, lift, labels):
    """The same, with a new lift where they are far from 1, and the lift: 0 where they are not safe."""
    of_blank, of_labels = weights_at(A, B, r, ZA, ZB, lift, labels)
    total = of_blank + of_labels
    if not 2.0**-30 < total < 2.0**30:
        if not LEAST < total / lift < 1.0 / LEAST:
            return of_blank, of_labels, 0.0
        lift *= halvings(total)
        of_blank, of_labels = weights_at(A, B, r, ZA, ZB, lift, labels)
    return of_blank, of_labels, lift


@njit(error_model="numpy")
def lost(ways, r, Z, w, band, floor):
    """How many a z may be more than nothing, though a, z or w is too small to be trusted."""
    (A, B, _), (ZA, ZB), (first, reach) = ways, Z, band
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


@njit(error_model="numpy", inline="always")
def rescaled(ZA, ZB, size):
    """The power of two that brings a row of this size near 1, done: 1 where it is, 0 where it is not safe."""
    if 2.0**-30 < size < 2.0**30:
        return 1.0
    if not LEAST < size < 1.0 / LEAST:
        return 0.0
    factor = halvings(size)
    for j in range(len(ZA)):
        ZA[j], ZB[j] = ZA[j] * factor, ZB[j] * factor
    return factor


@njit(error_model="numpy")
def backward(w, target, band, path, ways, g):
    """Subtract gamma from g; whether it was safe."""
    (A, B, best), skip, reach = ways, target.skip, band.reach
    n = A.shape[1]
    ZA, ZB, YA, YB, labels = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n + 1), np.empty(n)
    ZA[n - 1], ZB[n - 1], ahead, lift = 1.0, (1.0 if n > 1 else 0.0), 1.0, 1.0
    for r in range(len(w) - 1, 0, -1):
        u, is_label = (path[r] + 1) // 2, path[r] % 2 == 1
        z, a = (ZB, B) if is_label else (ZA, A)
        rest = z[u] - ahead if r == len(w) - 1 else z[u]
        z[u] = rest + ahead
        a[r, u] += best[r]
        of_blank, of_labels, lift = lifted_weights(A, B, r, ZA, ZB, lift, labels)
        total = of_blank + of_labels
        if lift == 0.0 or lost(ways, r, (ZA, ZB), w, band, COUNTS * total / lift):
            return False
        subtract(of_blank, labels, total, target, g, r - 1)
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
            ZA[reach[r - 2] + 1 :] = 0.0
            ZB[reach[r - 1] + 1 :] = 0.0
        ahead *= rescaled(ZA, ZB, size)
        if not ahead > LEAST:
            return False
    return True
