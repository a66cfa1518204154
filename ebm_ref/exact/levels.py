r"""Levels: energies that cancel, added up without rounding, and what a configuration costs above the best.

    V(i)    = min_j (e(i, j) + V(j))          energy to go: exact
    c(i, j) = e(i, j) + V(j) - V(i) >= 0      what the step from i to j costs above the best, rounded once

    E(y)    = min E + sum of c along y

An energy of 1e17 here and one of -1e17 there leave a difference of order 1, and that difference decides.
Sums in float64 lose it.  So energies are written as whole multiples of one small power of two, the unit:
Python's integers have as many digits as it takes, and their sums and minima do not round.  One search for
the best way on from each place finds V, the level of this place.  Levels cancel along every configuration,
whatever they are.  Once they are taken off, no c is negative.  Sums of what is not negative lose nothing,
and so float64 will do from here on.

Integers are slow.  Float64 finds c as well, where its sums lose little: the rounding of V cancels along a
configuration like V itself, and only that of c counts.  `is_safe` says afterwards whether it was little.

Source: Johnson (1977), "Efficient algorithms for shortest paths in sparse networks", for the costs c.
"""

from typing import NamedTuple

import numpy as np

from ebm_ref.checks import as_real, largest_finite, require, require_count

UNIT = 2.0**-53  # by how much a sum is off, relative to itself
SAFE = 2.0**-44  # by how much a cost may be off, relative to 1/beta or to itself


class Units(NamedTuple):
    """Energies as whole multiples of 2^log2."""

    log2: int
    far: int  # stands for +inf: more than any sum of finite energies, plus or minus

    @property
    def fit_float64(self):
        """Whether float64 holds all these sums as they are."""
        return self.far <= 2**55

    def whole(self, energies):
        """Energies of the tables that the units were made for as integers of any length: an array of objects.

        A ValueError if one is -inf or NaN, or is no whole multiple of the unit.
        """
        energies = as_real("energies", energies)
        refused = np.isnan(energies) | (energies == -np.inf)
        require(not np.any(refused), "energies", energies, "must be neither NaN nor -inf")
        m, e = np.frexp(np.where(np.isinf(energies), 0.0, energies))
        shifts = np.where(m == 0.0, 0, e - 53 - self.log2).astype(object)
        digits = np.ldexp(m, 53).astype(np.int64).astype(object)
        return np.where(np.isinf(energies), self.far, _shifted(digits, shifts))

    def real(self, whole):
        """Integers as energies again, each rounded once; +inf what holds a forbidden one."""
        return np.asarray(_divided(np.asarray(whole, object), self.far // 2, self.log2), float)


def _shift(x, n):
    """x 2^n of integers; where n is negative nothing may be lost."""
    if n >= 0:
        return x << n
    require(not x & (1 << -n) - 1, "energies", x, f"must be a whole multiple of 2^{-n}, the unit")
    return x >> -n


def _quotient(x, far, log2):
    """x 2^log2 as a float, correctly rounded; infinite from far on, and where float64 ends."""
    infinite = np.inf if x > 0 else -np.inf
    if abs(x) >= far:
        return infinite
    try:
        return x / (1 << -log2) if log2 < 0 else float(x << log2)
    except OverflowError:
        return infinite


_shifted = np.frompyfunc(_shift, 2, 1)
_divided = np.frompyfunc(_quotient, 3, 1)


def units_of(*tables, count):
    """The units in which no sum of up to `count` entries of these tables rounds; +inf forbids.

    Differences of two such sums do not round either, and a sum with a forbidden entry stays apart from
    all others.

    >>> units = units_of(np.array([1e17, 0.5, np.inf]), count=3)
    >>> big, half, far = units.whole(np.array([1e17, 0.5, np.inf]))
    >>> float(units.real(big + half - big)), float(units.real(far - big))
    (0.5, inf)
    """
    require_count("count", count)
    finite = [x[np.isfinite(x) & (x != 0.0)] for x in (np.ravel(as_real("tables", x)) for x in tables)]
    m, e = np.frexp(np.concatenate(finite) if any(map(np.size, finite)) else np.ones(1))
    digits = np.ldexp(m, 53).astype(np.int64)
    lowest = np.frexp((digits & -digits).astype(float))[1] - 1
    log2 = int(np.min(e - 53 + lowest))
    return Units(log2, 1 << int(e.max()) - log2 + int(count).bit_length() + 4)


def is_safe(costs, sizes, beta):
    """Whether costs that float64 found lost next to nothing: 2^-44 of 1/beta or of themselves, each.

    `sizes` is the sum of what was added up and taken off, by absolute value.  So a cost is off by 4 u of
    it at most, u = 2^-53.  What is forbidden is not asked.

    >>> is_safe(np.array([0.5]), np.array([8.0]), 1.0), is_safe(np.array([0.0]), np.array([1e17]), 1.0)
    (True, False)
    """
    asked = np.isfinite(sizes) & np.isfinite(costs)
    off, cost = 4.0 * UNIT * sizes[asked], np.abs(costs[asked])
    return bool(np.all(beta * off <= SAFE * np.maximum(1.0, beta * cost)))


def less_lowest(x):
    """Rows, the last axis, less their lowest; floats or integers.  A row that is all forbidden stays so."""
    lowest = x.min(axis=-1, keepdims=True)
    return x - (lowest if x.dtype == object else np.where(np.isfinite(lowest), lowest, 0.0))


def largest(sums):
    """The largest size of sums that are finite; 0 of integers, which do not round."""
    return 0.0 if sums.dtype == object else largest_finite(sums)


def told_apart(ascending, size, t):
    """Whether neighbours, sums of up to 2 t energies, differ by more than they can have rounded.

    No sum may be larger than `size` on the way.

    >>> told_apart(np.array([0.0, 0.5]), 1.0, 2), told_apart(np.array([0.0, 0.5]), 1e17, 2)
    (True, False)
    """
    with np.errstate(invalid="ignore"):  # of two that are forbidden
        return bool(size == 0.0 or not np.any(np.diff(ascending) <= 2.0**-49 * t * size))
