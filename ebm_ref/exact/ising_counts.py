r"""How many states of an Ising torus have each energy: exact integers, up to 8 x 8 sites.

    Z(K) = e^{K B} sum_n g_n x^n,      x = e^{-2K},    E = J (2 n - B)

    B = 2 r c bonds,    g_n states in which n bonds join unlike spins,    sum_n g_n = 2^{rc}

One spin after the other is put on the torus, as in transfer_matrix.py; only that a weight is no number but a
polynomial in x, whose coefficients are counts.  A bond multiplies by x where its spins differ: all
coefficients move up by one.  The first row must be kept in mind until the last one closes the torus.  So all
is done once for each first row, but for rows that a turn, a reflection or a flip of all spins makes the same.

With the counts, every temperature is one sum, and the distribution of the energy itself is known: what a
sampler's histogram, or an estimate of the density of states, is to be held to.  For sides of 6 and more

    g_0 = 2,  g_4 = 2 rc,  g_6 = 4 rc,  g_8 = (rc)^2 + 9 rc,  g_10 = 4 (rc)^2 + 24 rc

are two spins of one kind, one flipped spin, two neighbours, ...  All other counts up to g_10 are 0.

A site of a side of 1 is its own neighbour, by a bond that is never broken; on a side of 2 two sites share two
bonds.  Counts are below 2^64, so the sums of one first row fit 64 bits.

Source: Kramers and Wannier (1941), for the transfer matrix; Beale (1996), "Exact Distribution of Energies in
the Two-Dimensional Ising Model", Physical Review Letters 76, for the series, whose method is another.
"""

import numpy as np

from ebm_ref.checks import real, require, require_count, require_positive, whole

SITES = 64  # that the sums of one first row fit 64 bits


def counts(rows, columns):
    """g_n for n = 0..2rc: how many states of the torus have n bonds that join unlike spins.

    Parameters
    ----------
    rows, columns : int
        Sides of the torus, >= 1, of at most 64 sites in all.

    Returns
    -------
    list of int
        2 rc + 1 of Python's integers, of sum 2^{rc}; the energy is J (2n - 2rc).

    Raises ValueError if a side is not a positive integer, or for more than 64 sites.

    >>> counts(2, 2)
    [2, 0, 0, 0, 12, 0, 0, 0, 2]
    >>> sum(counts(4, 5)) == 2**20, counts(4, 4)[16]
    (True, 20524)
    """
    r, c = _check_sides(rows, columns)
    r, c = max(r, c), min(r, c)
    total = [0] * (2 * r * c + 1)
    for first, copies in _first_rows(c).items():
        total = [g + copies * int(more) for g, more in zip(total, _counts_after(first, r, c), strict=True)]
    return total


def log_partition_of_counts(rows, columns, coupling):
    """log Z of the torus from its counts, K = beta J > 0: what ising_torus.py finds without them.

    >>> from ebm_ref.exact.ising_torus import log_partition
    >>> round(log_partition_of_counts(4, 6, 0.4), 10), round(log_partition(4, 6, 0.4), 10)
    (21.5889891905, 21.5889891905)
    """
    g = np.array(counts(rows, columns), float)
    K = real("coupling", coupling)
    require_positive("coupling", K)
    n = np.flatnonzero(g)
    return float(K * (len(g) - 1) + np.log(np.sum(g[n] * np.exp(-2.0 * K * n))))


def energy_distribution(rows, columns, coupling):
    """E / J of each level that occurs, ascending, and its probability at K = beta J > 0.

    >>> E, p = energy_distribution(2, 2, 0.1)
    >>> E.tolist(), p.round(4).tolist()
    ([-8, 0, 8], [0.2566, 0.6917, 0.0518])
    """
    g = np.array(counts(rows, columns), float)
    K = real("coupling", coupling)
    require_positive("coupling", K)
    n = np.flatnonzero(g)
    weights = g[n] * np.exp(-2.0 * K * n)
    return 2 * n - (len(g) - 1), weights / np.sum(weights)


def _check_sides(rows, columns):
    """The sides as ints, of at most 64 sites."""
    for side, value in (("rows", rows), ("columns", columns)):
        require_count(side, value)
    rows, columns = whole("rows", rows), whole("columns", columns)
    few = rows * columns <= SITES
    require(few, "columns", columns, f"must make at most {SITES} sites, with {rows} rows")
    return rows, columns


def _first_rows(c):
    """{row as bits: how many rows are the same but for turns, reflections and a flip of all spins}."""
    found = {}
    for row in range(2**c):
        least = min(_images(row, c))
        found[least] = found.get(least, 0) + 1
    return found


def _images(row, c):
    """The row turned, reflected and flipped in all ways."""
    bits = [(row >> j) & 1 for j in range(c)]
    for order in (bits, bits[::-1]):
        for turn in range(c):
            turned = sum(bit << j for j, bit in enumerate(order[turn:] + order[:turn]))
            yield turned
            yield 2**c - 1 - turned


def _counts_after(first, r, c):
    """Counts of all states with this first row, (2rc + 1,)."""
    rows = np.arange(2**c)
    around = _ones(rows ^ _turned(rows, c))  # unlike neighbours within each row
    g = np.zeros((2**c, 2 * r * c + 1), np.uint64)
    g[first, around[first]] = 1
    for _ in range(r - 1):
        for j in range(c):
            g = _next_spin(g, j)
        g = _moved(g, around)
    return _moved(g, _ones(rows ^ first)).sum(axis=0, dtype=np.uint64)


def _next_spin(g, j):
    """Spin j gets its neighbour in the next row: the same, or the other for a factor x."""
    g = g.reshape(-1, 2, 2**j, g.shape[-1])
    other = np.zeros_like(g)
    other[..., 1:] = g[:, ::-1, :, :-1]
    return (g + other).reshape(-1, g.shape[-1])


def _moved(g, steps):
    """Each row's polynomial times x^steps."""
    n = np.arange(g.shape[1]) - steps[:, None]
    return np.where(n >= 0, np.take_along_axis(g, np.maximum(n, 0), axis=1), np.uint64(0))


def _turned(rows, c):
    """Each row of bits with every bit moved on by one."""
    return (rows >> 1) | ((rows & 1) << (c - 1))


def _ones(bits):
    """How many bits are 1."""
    return np.bitwise_count(bits).astype(int)
