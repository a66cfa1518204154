r"""A Gray code of spins: the fastest ten are not stepped through.

    f_i = h_i + sum_j J_ij s_j      over the slow spins j: what they exert on spin i
    E   = inner - sum_i f_i s_i     over the fast spins i, and the energy of the slow ones

In a Gray code consecutive configurations differ in one variable.  The slow spins take one step of it a
block.  All 1024 energies of the fast ones then come at once, from the fields that the slow ones exert,
with one addition each and eight at a time.  The fields are computed afresh every 1024 blocks.

Couplings and fields come in levels (exact/spins.py), so that no energy of a level rounds.

Source: Knuth (2011), "The Art of Computer Programming" 4A, Section 7.2.1.1.
"""

from typing import NamedTuple

import numpy as np

from ebm_ref.exact.spins import spin_table
from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.exponential import exponential
from ebm_ref.kernels.sums import BLOCK, add

FAST = 10  # spins all of whose settings are a block; the others take one step of a Gray code a block


class Spins(NamedTuple):
    """Couplings row by row and fields, both in levels, and the energies of the fast spins' own couplings."""

    starts: np.ndarray  # (n + 1,): those of spin i stand at starts[i]..starts[i+1]-1
    columns: np.ndarray
    entries: np.ndarray  # (l, entries)
    h: np.ndarray  # (l, n)
    low: int  # how many spins are fast
    inner: np.ndarray  # (l, 2^low)


class Room(NamedTuple):
    """The spins, the fields on them, and the energies of a block."""

    s: np.ndarray  # (n,)
    f: np.ndarray  # (l, n)
    energies: np.ndarray  # (l, 2^low)


class Sums(NamedTuple):
    """Weights of spin i down at 2 i, up at 2 i + 1, and of all at the end."""

    own: np.ndarray  # of a block
    sums: np.ndarray  # of all blocks so far
    lost: np.ndarray  # what rounding took from them


def as_spins(J, h):
    """Couplings (l, n, n) and fields (l, n) in levels, as the loops want them, and room for a block."""
    n = h.shape[1]
    rows, columns = np.nonzero(np.any(J, axis=0))
    starts = np.searchsorted(rows, np.arange(n + 1))
    low = min(n, FAST)
    X = spin_table(low)[:, ::-1]
    inner = -0.5 * np.sum(X @ J[:, :low, :low] * X, axis=2)
    room = Room(np.zeros(n), np.zeros(h.shape), np.zeros(inner.shape))
    return Spins(starts, columns, J[:, rows, columns], h, low, inner), room


@njit(error_model="numpy", nogil=True)
def _next_block(spins, block, s, f):
    """Flip one slow spin, along a Gray code, and update the fields f; at times compute them afresh."""
    starts, columns, entries, h, low, _ = spins
    levels, n = h.shape
    if block % BLOCK == 0:
        f[:] = h
        for i in range(low, n):
            s[i] = 2.0 * ((block ^ (block >> 1)) >> (i - low) & 1) - 1.0
            for p in range(starts[i], starts[i + 1]):
                for k in range(levels):
                    f[k, columns[p]] += entries[k, p] * s[i]
        return
    i = low
    while block >> (i - low) & 1 == 0:
        i += 1
    s[i] = -s[i]
    for p in range(starts[i], starts[i + 1]):
        for k in range(levels):
            f[k, columns[p]] += 2.0 * entries[k, p] * s[i]


@njit(error_model="numpy", nogil=True)
def _spin_block(spins, block, room):
    """Energies of all settings of the fast spins 0..low - 1, spin i up where bit i is 1; the slow are in s.

    Of the fast spins' own couplings, energies are in `inner`; a field adds -f_i s_i, bit by bit.
    """
    h, low, inner = spins.h, spins.low, spins.inner
    s, f, energies = room
    _next_block(spins, block, s, f)
    for k in range(len(h)):
        e = 0.0
        for i in range(low, len(s)):
            e -= 0.5 * s[i] * (h[k, i] + f[k, i])
        for i in range(low):
            e += f[k, i]
        energies[k, 0] = e
        for i in range(low):
            half, step = 1 << i, 2.0 * f[k, i]
            for j in range(half):
                energies[k, half + j] = energies[k, j] - step
        for j in range(1 << low):
            energies[k, j] += inner[k, j]


@njit(fastmath={"reassoc"}, error_model="numpy", nogil=True)
def _total(w, start, stop):
    total = 0.0
    for j in range(start, stop):
        total += w[j]
    return total


@njit(error_model="numpy", nogil=True)
def _add_halves(w, low, s, totals):
    """Add a block's weights to sums[2 i] where spin i is down and to sums[2 i + 1] where it is up.

    For fast spins by folding: the upper half of the weights has the last of them up, then is added to the
    lower half, and so on.
    """
    own, sums, lost = totals
    for i in range(low - 1, -1, -1):
        half = 1 << i
        own[2 * i], own[2 * i + 1] = _total(w, 0, half), _total(w, half, 2 * half)
        for j in range(half):
            w[j] += w[half + j]
    for i in range(low, len(s)):
        own[2 * i], own[2 * i + 1] = (0.0, w[0]) if s[i] > 0.0 else (w[0], 0.0)
    own[len(own) - 1] = w[0]
    for i in range(len(own)):
        add(sums, lost, i, own[i])


@njit(error_model="numpy", nogil=True)
def weigh_levels(energies, leader, weights, sums, lost):
    """Weights e^-(E - leader) of energies in levels; the leader is lowered, and with it all sums, if need be.

    A gap so large that it rounds may name the wrong leader; from there the next gap is smaller.
    """
    while True:
        for k in range(len(leader)):
            for j in range(len(weights)):
                gap = energies[k, j] - leader[k]
                weights[j] = gap if k == 0 else weights[j] + gap
        lowest = 0.0
        for gap in weights:
            lowest = gap if gap < lowest else lowest
        if lowest == 0.0:
            break
        best = 0
        while weights[best] != lowest:
            best += 1
        factor = exponential(lowest)
        for i in range(len(sums)):
            sums[i], lost[i] = sums[i] * factor, lost[i] * factor
        leader[:] = energies[:, best]
    for j in range(len(weights)):
        weights[j] = exponential(-weights[j])


@njit(error_model="numpy", nogil=True)
def sum_spins(spins, room, totals):
    """Fill the totals with those of each spin down, up, and of all, in units of e^-(the leader returned)."""
    s, _, energies = room
    leader, weights = np.empty(len(spins.h)), np.empty(1 << spins.low)
    for block in range(1 << (len(s) - spins.low)):
        _spin_block(spins, block, room)
        if block == 0:
            leader[:] = energies[:, 0]
        weigh_levels(energies, leader, weights, totals.sums, totals.lost)
        _add_halves(weights, spins.low, s, totals)
    return leader


@njit(error_model="numpy", nogil=True)
def count_spins(spins, room, resolution, zero, counts):
    """Count the configurations of each energy."""
    for block in range(1 << (len(room.s) - spins.low)):
        _spin_block(spins, block, room)
        for e in room.energies[0]:
            counts[zero + int(np.rint(e / resolution))] += 1
