r"""CTC in logarithms, for samples whose sums would underflow: as the page does it, in ten times the time.

    (1 + r) e^c + (1 + s) e^d + (1 + q) e^e   as one such pair: an exponent, and a rest that keeps its digits

A number is carried as e^c (1 + r), so that what is added to the best alignment is never rounded away.

Source: Graves et al. (2006), Section 4.1; `scaled_sum` of numerics.py.
"""

import math
from typing import NamedTuple

import numpy as np

from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.ctc_sample import subtract


class Logs(NamedTuple):
    """Exponents and rests of what reaches each blank, A and C, and each label, B and D."""

    A: np.ndarray
    B: np.ndarray
    C: np.ndarray
    D: np.ndarray


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
def forward_in_logs(scores, skip, logs):
    """Fill the logs with what reaches each position; log of the sum over all alignments."""
    A, B, C, D = logs
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
def backward_in_logs(scores, target, logs, g):
    """Subtract gamma from g."""
    (A, B, C, D), skip = logs, target.skip
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
        subtract(of_blank, labels, 1.0 + rest, target, g, r - 1)
        for u in range(n):
            Z[0, u], R[0, u] = pair_sum(Y[0, u], S[0, u], Y[1, u + 1], S[1, u + 1], nothing, 0.0)
            two = Y[1, u + 1] if skip[u + 1] == 1.0 else nothing
            one = Y[0, u] if u > 0 else nothing
            Z[1, u], R[1, u] = pair_sum(Y[1, u], S[1, u], one, S[0, u], two, S[1, u + 1])
