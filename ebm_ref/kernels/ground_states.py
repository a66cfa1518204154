r"""Ground states of spins: a matrix product in (min, +), and ties that are ties.

    E = E_H + a + b + w        min over A and B for each configuration of the rest H

For one configuration of H the spins of A and of B have energies a and b, and w joins them.  Such a
product is a loop over rows of w, and a compiler takes four or eight entries at a time.

Where all energies are whole multiples of a common unit they are found exactly.  Otherwise whatever comes
within rounding of the best is kept, and summed again by `math.fsum`, which rounds once.  Where two such
sums are alike, what rounding took from each is compared, and so on until nothing is left.  So what is
reported as a tie is one.

Source: elementary; the product is that of exact/blocks.py.
"""

import math
from typing import NamedTuple

import numpy as np

from ebm_ref.exact.spins import spin_table
from ebm_ref.kernels.compiled import njit

SIDE_A, SIDE_B = 6, 9  # spins of A and of B: a table w of 256 KiB stays in the second cache
TILE = 16  # configurations of H for which each row of w is read once
ROWS = 1024  # configurations of H whose tables are made at once
KEPT = 4096  # candidates that are kept before they are sorted


class Model(NamedTuple):
    """Couplings, fields, and by how much an energy may be off; 0 where all are exact."""

    J: np.ndarray
    h: np.ndarray
    rounding: float


class Tables(NamedTuple):
    """Energies of A and of B for some settings of H, those that join A and B, and the first index."""

    u: np.ndarray  # (rows, 2^a), with E_H
    v: np.ndarray  # (rows, 2^b)
    w: np.ndarray  # (2^a, 2^b)
    first: int


class Kept(NamedTuple):
    """Candidates: their energies and indices."""

    energies: np.ndarray
    index: np.ndarray


def unit_of(J, h):
    """The largest number of which J and h hold whole multiples only; 0 if their sums would still round."""
    ratios = [abs(x).as_integer_ratio() for x in (*J[np.triu_indices(len(h), 1)].tolist(), *h.tolist())]
    below = max((q for _, q in ratios), default=1)
    whole = [p * (below // q) for p, q in ratios]
    divisor = math.gcd(*whole) or 1
    unit = divisor / below if divisor.bit_length() < 1000 and below.bit_length() < 1000 else 0.0
    return unit if sum(whole) // divisor < 2**52 else 0.0


def lowest(model, count):
    """Energies and indices of the `count` lowest configurations, sorted by both."""
    J, h, rounding = model
    n = len(h)
    b = min(SIDE_B, n)
    a = min(SIDE_A, n - b)
    H, A, B = slice(0, n - a - b), slice(n - a - b, n - b), slice(n - b, n)
    S, T = spin_table(a), spin_table(b)
    own = lambda X, side: -0.5 * np.sum(X @ J[side, side] * X, axis=1) - X @ h[side]
    w, own_A, own_B = -(S @ J[A, B]) @ T.T, own(S, A), own(T, B)
    size = 2 * count + KEPT + 4 * 2**b
    kept, filled, limit, last = Kept(np.empty(size), np.empty(size, np.int64)), 0, np.inf, -1
    for start in range(0, 2**H.stop, ROWS):
        X = spin_table(H.stop, start, min(start + ROWS, 2**H.stop))
        u = (own(X, H)[:, None] + own_A) - (X @ J[H, A]) @ S.T
        v = own_B - (X @ J[H, B]) @ T.T
        place, tables = 0, Tables(u, v, w, start << (a + b))
        while place < u.size:
            place, filled = _scan(tables, place, limit + rounding, last, kept, filled)
            filled, limit, last = _keep(model, count, kept, filled, limit, last)
    return kept.energies[:count].copy(), kept.index[:count].copy()


@njit(fastmath={"nnan", "nsz"}, error_model="numpy", nogil=True)
def _lowest_sums(v, r, w, lowest):
    """min_b (v_rb + w_b) for four rows r at a time, or for one: four keep the processor busy."""
    if len(lowest) == 1:
        p = np.inf
        for b in range(len(w)):
            x = v[r, b] + w[b]
            p = x if x < p else p
        lowest[0] = p
        return
    p, q, s, t = np.inf, np.inf, np.inf, np.inf
    for b in range(len(w)):
        x0, x1, x2, x3 = v[r, b] + w[b], v[r + 1, b] + w[b], v[r + 2, b] + w[b], v[r + 3, b] + w[b]
        p = x0 if x0 < p else p
        q = x1 if x1 < q else q
        s = x2 if x2 < s else s
        t = x3 if x3 < t else t
    lowest[0], lowest[1], lowest[2], lowest[3] = p, q, s, t


@njit(error_model="numpy", nogil=True)
def _scan(tables, place, limit, last, kept, filled):
    """Note configurations up to `limit`; where it stopped, all done or no room left, and how many there are.

    At the limit itself only those that come before `last`, if rounding plays no part and so a tie is one.
    """
    (u, v, w, first), (energies, index) = tables, kept
    rows, a = u.shape
    b, together = v.shape[1], 4 if rows % 4 == 0 else 1
    tile, lowest = min(TILE, rows) // together, np.empty(together)
    place //= together
    while place < u.size // together and filled + together * b <= len(energies):
        start = (place // (tile * a) * tile + place % tile) * together
        i = place // tile % a
        _lowest_sums(v, start, w[i], lowest)
        for r in range(start, start + together):
            if u[r, i] + lowest[r - start] <= limit:
                base = first + (r * a + i) * b
                for j in range(b):
                    e = u[r, i] + (v[r, j] + w[i, j])
                    if e < limit or (e == limit and base + j < last):
                        energies[filled], index[filled] = e, base + j
                        filled += 1
        place += 1
    return place * together, filled


def _keep(model, count, kept, filled, limit, last):
    """Sort the candidates and keep the best; how many, and the energy and index that others must beat."""
    (J, h, rounding), (energies, index) = model, kept
    if filled <= count and (limit < np.inf or filled < count):
        return filled, limit, last
    e, i = energies[:filled], index[:filled]
    near = e <= np.partition(e, count - 1)[count - 1] + 2.0 * rounding
    e, i = e[near], i[near]
    parts = _summed_exactly(J, h, i) if rounding else [e]
    order = np.lexsort((i, *parts[::-1]))[:count]
    energies[:count], index[:count] = parts[0][order], i[order]
    last = np.iinfo(np.int64).max if rounding else index[count - 1]
    return count, energies[count - 1], last


def _summed_exactly(J, h, index):
    """Energies of the configurations with these indices, correctly rounded; then what that took, and so on.

    A list of arrays, as many as it takes to tell apart what is not a tie.
    """
    n = len(h)
    left, right = np.triu_indices(n, 1)
    s = 2.0 * (index[:, None] >> np.arange(n)[::-1] & 1) - 1.0
    parts, alike = [], np.arange(len(s))
    while True:
        part = np.zeros(len(s))
        for r in alike:
            terms = *(-J[left, right] * s[r, left] * s[r, right]), *(-h * s[r]), *(-p[r] for p in parts)
            part[r] = math.fsum(terms)
        parts.append(part)
        _, group, members = np.unique(part[alike], return_inverse=True, return_counts=True)
        alike = alike[members[group] > 1]
        if not np.any(part[alike]):
            return parts
