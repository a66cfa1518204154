r"""Energies that cancel: a whole number of units, added up exactly, and a small rest.

    E = g W + R,       W whole,  |R| <= g/2,  g a power of 2 near 10/beta

    sum_a E_a = g (sum_a W_a - V) + g V + sum_a R_a      V = min sum_a W_a

An energy of 1e17 here and one of -1e17 there leave a difference of order 1, and that difference decides.
In float64 their sum has lost it.  So what is large is counted in whole numbers: sums of integers do not
round, in whatever order they come, and V is found without a doubt.  What a configuration costs above V is
rounded once, after all has cancelled.  The rests are so small that they lose nothing either.

A search for a minimum has no 1/beta.  There g is the lowest bit that stands in any table, so that R = 0,
and ties are ties; or 2^-61 of all that is added up, if this is little beside the least energy.

Whole numbers are int64 where that holds all sums, which is fast, and Python's integers of any length
where not.  Ordinary tables need neither: float64 is right to 2^-53 of what one variable feels, and this is
little up to LIMIT.

The page `levels` takes V off as well, and neither page can stand for the other.  There the unit is the
lowest bit of all energies, and nothing is left over: a cost is never negative, and that of the best is 0
to the last digit, so that a loss of 1e-300 keeps its digits.  The price is a search for the best before
any log-sum, in integers of any length.  A chain can pay it, a table over twenty variables cannot.  Here
the rests stay in the log-sums, V is found in the same pass, and int64 will mostly do; but with R beside W
a cost may come out below 0, and that of the best is its rests' sum, which rounds.

Source: Johnson (1977), "Efficient algorithms for shortest paths in sparse networks", takes such V off;
Ozaki, Ogita, Oishi and Rump (2012) split numbers so that sums are exact.
"""

import math
from collections import defaultdict
from fractions import Fraction

import numpy as np

from ebm_ref.checks import largest_finite

LIMIT = 2.0**8  # units of 1/beta: what float64 may add up, and lose less than 2^-45
CLOSE = 2.0**-30  # the least energy, relative to what is added up, that float64 is trusted with in minima
NEGLIGIBLE = 2.0**-55  # the same for int64, with a rest that is below 2^-61
INT64 = 61  # bits, of 63: differences fit too


def range_of(table):
    """The largest finite energy of a table less the smallest; 0 if there is none.

    >>> float(range_of([1.0, 5.0, np.inf]))
    4.0
    """
    E = np.asarray(table, float)
    low, high = E.min(initial=np.inf), E.max(initial=-np.inf)
    if high == np.inf:
        high = np.max(E, where=E < np.inf, initial=low)
    return high - low if low < np.inf else 0.0


def felt(factors):
    """The most that one variable feels: the ranges of all factors (scope, table) that know it, added up.

    >>> float(felt([(("a", "b"), [[0.0, 2.0], [1.0, 0.0]]), (("a",), [5.0, 6.0])]))
    3.0
    """
    total = defaultdict(float)
    for scope, table in factors:
        reach = range_of(table)
        for v in scope:
            total[v] += reach
    return max(total.values(), default=0.0)


def unit_of_sums(beta):
    """log2 of g for log-sums: 8/beta < g <= 16/beta, but no more than 2^1000."""
    return min(4 - int(np.frexp(beta)[1]), 1000)


def unit_of_minima(tables, count=1):
    """log2 of g for minima and means: of the lowest bit that is 1 in any energy, or of what int64 can count.

    The latter where the rests, below 2^-61 of what is added up, are also little beside the least energy.

    >>> unit_of_minima([np.array([1e17, 0.75, np.inf])]), unit_of_minima([np.array([1e12, 0.1])])
    (-2, -21)
    """
    lowest, countable = _lowest_bit(tables), _bits(tables, count) - INT64
    return countable if lowest < countable and not is_close(tables, count, NEGLIGIBLE) else lowest


def _lowest_bit(tables):
    """log2 of the lowest bit that is 1 in any energy."""
    E = np.concatenate([np.zeros(0), *(np.ravel(table) for table in tables)])
    m, e = np.frexp(E[(E != 0.0) & (E < np.inf)])
    digits = np.ldexp(m, 53).astype(np.int64)
    return int(np.min(e - 53 + np.frexp((digits & -digits).astype(float))[1] - 1, initial=1000))


def is_close(tables, count=1, little=CLOSE):
    """Whether energies, or differences within a table, are so small beside others that minima need units."""
    total = count * math.fsum(largest_finite(table) for table in tables)
    return any(min(_least(E), _least(E - _lowest(E))) < little * total for E in tables)


def _lowest(E):
    """The lowest energy; 0 if there is none."""
    low = E.min(initial=np.inf)
    return low if low < np.inf else 0.0


def _least(E):
    """The least |E| but 0."""
    sizes = np.abs(E)
    least = sizes.min(initial=np.inf)
    return least if least > 0.0 else np.min(sizes, where=sizes > 0.0, initial=np.inf)


def unit_for_sums(factors, beta):
    """log2 of the unit of energy where a variable feels energies that are large beside 1/beta, else None."""
    return unit_of_sums(beta) if beta * felt(factors) > LIMIT else None


def unit_for_minima(factors, beta=1.0):
    """log2 of the unit of energy where some energies are tiny beside others, else None; beta is no matter."""
    tables = [table for _, table in factors]
    return unit_of_minima(tables) if is_close(tables) else None


def split(tables, log2, count=1):
    """[(W, R)] of tables of energies, in units of 2^log2; of +inf, W is 0 and R is +inf.

    Sums of `count` entries of each table must fit.

    >>> ((W, R),) = split([np.array([1e17, -1.25, np.inf])], 0)
    >>> W.tolist(), R.tolist()
    ([100000000000000000, -1, 0], [0.0, -0.25, inf])
    """
    fits = _bits(tables, count) - log2 <= INT64
    whole = _whole if fits else _whole_of_any_length
    pairs = []
    for E in tables:
        W = whole(np.where(E < np.inf, E, 0.0), log2)
        pairs.append((W, E - energy_of(W, log2)))
    return pairs


def _bits(tables, count):
    """log2, rounded up, of what entries of these tables add up to, `count` of each; -1000 for nothing."""
    total = count * math.fsum(largest_finite(table) for table in tables)
    return int(np.frexp(max(total, 2.0**-1000))[1])


def numbers_per_entry(tables, log2, count=1):
    """How many float64 take the memory of an entry with its units; 1 without units."""
    if log2 is None:
        return 1
    bits = _bits(tables, count) - log2
    return 3 if bits <= INT64 else 8 + bits // 64


def _whole(E, log2):
    return np.rint(np.ldexp(E, -log2)).astype(np.int64)


def _whole_of_any_length(E, log2):
    return np.asarray(_rounded(E, log2), object)


def _rounded_one(x, log2):
    """x / 2^log2, rounded to a whole number."""
    numerator, denominator = float(x).as_integer_ratio()
    numerator, denominator = numerator << max(-log2, 0), denominator << max(log2, 0)
    return (2 * numerator + denominator) // (2 * denominator)


def _energy_of_one(W, log2):
    return float(W << log2) if log2 >= 0 else W / (1 << -log2)


_rounded = np.frompyfunc(_rounded_one, 2, 1)
_energies = np.frompyfunc(_energy_of_one, 2, 1)


def energy_of(W, log2):
    """Units as energies, each rounded once.

    >>> float(energy_of(np.array(2**60 + 1 - 2**60), -1))
    0.5
    """
    W = np.asarray(W)
    if W.dtype == object:
        return np.asarray(_energies(W, log2), float)
    return W * math.ldexp(1.0, log2)


def fractions_of(E):
    """Energies as fractions of any length, an array of objects; infinities stay floats.

    >>> fractions_of([0.5, np.inf]).tolist()
    [Fraction(1, 2), inf]
    """
    return np.asarray(_fractions(np.asarray(E, float)), object)


def _fraction(x):
    return Fraction(x) if math.isfinite(x) else x


_fractions = np.frompyfunc(_fraction, 1, 1)


def in_fractions(factors):
    """Factors (scope, table) with tables of fractions."""
    return [(scope, fractions_of(table)) for scope, table in factors]


def from_lows(factors):
    """The sum of each factor's lowest energy, and the factors less it: a high level costs no digits."""
    lows = [float(_lowest(table)) for _, table in factors]
    return math.fsum(lows), [(scope, E - low) for (scope, E), low in zip(factors, lows, strict=True)]


def above_lowest(W, possible, axis=0):
    """V, the least W that is possible along an axis, and W - V; V is any where nothing is possible.

    >>> V, gaps = above_lowest(np.array([[3, 5], [2, 9]]), np.array([[True, False], [True, False]]))
    >>> V.tolist(), gaps[:, 0].tolist()
    ([2, 9], [1, 0])
    """
    V = np.asarray(np.min(np.where(possible, W, np.max(W)), axis=axis), W.dtype)
    return V, W - np.expand_dims(V, axis)
