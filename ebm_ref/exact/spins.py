r"""Spins: what every exact route demands of a model of spins, and their configurations written out.

    E(s) = -1/2 s'J s - h's,      s_i in {-1, +1},      J = J',  J_ii = 0

Half of the mistakes with such models are made before any computation.  A triangle of J is handed over
where both halves are meant, and every coupling counts half; or a diagonal is left in.  So a matrix that
is not symmetric or has a diagonal is refused, and the error says which entry is wrong.

In floating point: a sum of J_ij s_i s_j rounds, and the rounding can be kept out.  Write the couplings as
a sum of a few matrices, the levels.  Each level holds whole multiples of one power of two, and so few of
them that no sum of any of its entries needs more than 53 bits.  Then energies of one level are exact, in
whatever order they are added up, and so are their differences.  A gap between two configurations is the
sum of its levels, and rounds only when these are added.

The arguments are called couplings and fields; J and h are their letters.

Source: elementary; Ozaki, Ogita, Oishi and Rump (2012), "Error-free transformations of matrix
multiplication by using fast routines of matrix multiplication and its applications".
"""

import os
from pathlib import Path

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_finite_sum, require_positive, whole
from ebm_ref.energies.boltzmann import check_couplings, refuse_entries


def check_spins(couplings, fields, beta=1.0):
    """J (n, n) and h (n,) as float64, once they and beta are found to be legal and no energy overflows.

    >>> check_spins([[0.0, 1e308], [1e308, 0.0]], [0.0, 1e308])
    Traceback (most recent call last):
        ...
    ValueError: couplings = [[0.e+000 1.e+308]
     [1.e+308 0.e+000]]: must not add up, times beta, to more than float64 holds
    """
    J, h = check_couplings(as_real("couplings", couplings), as_real("fields", fields))
    beta = real("beta", beta)
    require_positive("beta", beta)
    require_finite_sum("couplings", J, [*np.abs(J).ravel(), *np.abs(h)], beta)
    return J, h


def check_colours(couplings, fields, beta=1.0):
    """J (n, n) and h (n, q) of a Potts model, checked as `check_spins` checks spins."""
    h = as_real("fields", fields)
    require(h.ndim == 2 and h.shape[1] > 0, "fields", h, f"must have the shape (n, q), not {h.shape}")
    refuse_entries("fields", h, ~np.isfinite(h), lambda i: "must be a finite number")
    with np.errstate(over="ignore"):
        sizes = np.sum(np.abs(h), axis=1)
    require(np.all(np.isfinite(sizes)), "fields", h, "must not add up to more than float64 holds")
    J, _ = check_spins(couplings, sizes, beta)
    return J, h


GRAIN = -2148  # log2 of the number of which all products of two floats are whole multiples
FINE = -110  # log2 of the smallest unit of a level
NEGLIGIBLE = -60  # log2 of what is dropped


def levels(couplings, fields, beta=1.0):
    """beta J and beta h as sums of levels, the largest first: arrays (l, *J.shape) and (l, *h.shape).

    A level holds whole multiples of a power of two.  Added up with signs of any kind they make hardly more
    than 2^51 of it, half a unit more for each entry that was rounded up.  So sums, differences and doubles
    of energies of one level are exact in float64.  The levels add up to beta J and beta h but for less than
    2^-60 in all.  There are two for couplings of the usual kind, one where these are few bits long, and at
    most 28 for 60 spins.

    >>> J, h = levels(np.array([[0.0, 1e17], [1e17, 0.0]]), np.array([0.5, 0.25]))
    >>> J[:, 0, 1].tolist(), h.tolist()
    ([1e+17, 0.0], [[0.0, 0.0], [0.5, 0.25]])
    """
    J, h, beta = as_real("couplings", couplings), as_real("fields", fields), real("beta", beta)
    for argument, x in (("couplings", J), ("fields", h), ("beta", beta)):
        require(np.all(np.isfinite(x)), argument, x, "must be finite")
    both = np.concatenate([np.ravel(J), np.ravel(h)])
    rest = np.frompyfunc(_whole, 1, 1)(both) * _whole(beta)  # multiples of 2^GRAIN
    parts, total = [], int(np.sum(np.abs(rest)))
    while not parts or total >> NEGLIGIBLE - GRAIN:
        unit = max(total.bit_length() - 51, FINE - GRAIN)
        multiples = (rest + (1 << unit - 1)) >> unit
        parts.append(np.ldexp(multiples.astype(float), unit + GRAIN))
        rest = rest - (multiples << unit)
        total = int(np.sum(np.abs(rest)))
    parts = np.array(parts)
    count = len(parts)
    return parts[:, : J.size].reshape(count, *J.shape), parts[:, J.size :].reshape(count, *h.shape)


def _whole(number):
    """A float as an integer of any length: how often it holds 2^-1074, the smallest."""
    numerator, denominator = float(number).as_integer_ratio()
    return numerator * (2**1074 // denominator)


def spin_table(n, start=0, stop=None):
    """(stop - start, n) configurations start..stop-1 of n spins, -1.0 and 1.0; the last varies fastest.

    >>> spin_table(2).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    n, index = _numbered(2, n, start, stop)
    return 2.0 * (index[:, None] >> np.arange(n)[::-1] & 1) - 1.0


def colour_table(q, n, start=0, stop=None):
    """(stop - start, n q) configurations of n units of q colours, each as q numbers of which one is 1.

    >>> colour_table(3, 1).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    require_count("q", q)
    q = whole("q", q)
    n, index = _numbered(q, n, start, stop)
    colours = index[:, None] // q ** np.arange(n)[::-1] % q
    return 1.0 * (colours[..., None] == np.arange(q)).reshape(len(index), n * q)


def _numbered(q, n, start, stop):
    """n as an int, and the numbers start..stop-1 of configurations of n units, q^n in all."""
    require_count("n", n, 0)
    n = whole("n", n)
    require(
        n * np.log2(q) < 63 and n < 2**20, "n", n, f"must give fewer than 2^63 configurations of {q} states"
    )
    start, stop = whole("start", start), q**n if stop is None else whole("stop", stop)
    require(0 <= start <= q**n, "start", start, f"must be in 0..{q**n}")
    require(start <= stop <= q**n, "stop", stop, f"must be in {start}..{q**n}")
    if stop - start > 2**20:
        require_memory("n", n, 8 * (stop - start) * (2 * n * q + 1))
    return n, np.arange(start, stop)


def require_memory(name, value, needed):
    """Raise a ValueError unless `needed` bytes fit into what this machine has free."""
    free = free_memory()
    text = f"needs {needed / 2**30:.3g} GiB of memory, and {free / 2**30:.3g} GiB are to be had"
    require(needed <= free, name, value, text)


def free_memory():
    """Bytes of memory that can be had: what the system calls available, else all that there is, else 8 GiB.

    >>> free_memory() > 2**20
    True
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 8 * 2**30
