r"""Enumeration by kernels: ground states, Gray codes, and any energy that numba can compile.

    ground_states(couplings, fields, count)      the lowest configurations of dense spins
    spin_marginals(couplings, fields, beta)      log Z and means, along a Gray code
    spin_levels(couplings, fields, resolution)   how many configurations have which energy
    graph_marginals, graph_levels                the same for a factor graph
    log_partition(energy, args, ...)             log Z of a numba function energy(y, *args)

The loops stand in ground_states.py, gray_spins.py and gray_graphs.py.  Exponentials are counted from the
lowest energy so far.  Sums over 1024 configurations are closed, and added with compensation (sums.py).

Source: the pages of the loops; exact/enumeration.py.
"""

import math

import numpy as np

from ebm_ref.checks import largest_finite, require, require_finite_sum, whole
from ebm_ref.exact.cancelling import range_of
from ebm_ref.exact.spins import check_spins, levels, require_memory
from ebm_ref.kernels.batch import as_positive, as_table
from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.gray_graphs import (
    as_graph_of_factors,
    count_graph,
    gray_code,
    no_totals,
    sum_graph,
    sum_levels,
)
from ebm_ref.kernels.gray_spins import Sums, as_spins, count_spins, sum_spins
from ebm_ref.kernels.ground_states import KEPT, Model, lowest, unit_of
from ebm_ref.kernels.sums import BLOCK, add, weigh_block

MOST = 60  # variables, if each has two values
REACH = 2.0**10  # sum of the ranges of energies, in units of 1/beta, up to which running sums lose nothing
PAIRS = "must be pairs (scope, table)"


def ground_states(couplings, fields, count=1):
    """The `count` configurations of lowest energy E(s) = -1/2 s'Js - h's, degenerate ones each for itself.

    Parameters
    ----------
    couplings : (n, n) float
        J, symmetric with zero diagonal; n <= 60, and time doubles with each spin.
    fields : (n,) float
        h.
    count : int
        1 <= count <= 2^n.

    Returns
    -------
    energies : (count,) float
        Ascending, each correctly rounded.
    states : (count, n) int8
        Spins -1 and 1.  Of equal energies, the state that comes first where -1 stands before 1; energies
        that are alike only when rounded are not equal.

    Raises
    ------
    ValueError
        If the couplings are not symmetric or have a diagonal, or anything is not finite; if n is above 60;
        or if there are fewer than `count` configurations.

    >>> E, s = ground_states([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.0], count=3)
    >>> E.tolist(), s.tolist()
    ([-1.0, -1.0, 1.0], [[-1, -1], [1, 1], [-1, 1]])
    """
    J, h = _as_spins(couplings, fields)
    n, count = len(h), whole("count", count)
    require(1 <= count <= 2**n, "count", count, f"must be an integer in 1..{2**n}")
    require_memory("count", count, 8 * (n + 8) * (2 * count + KEPT))
    unit = unit_of(J, h)
    rounding = 0.0 if unit else 4 * n * 2.0**-53 * (np.sum(np.abs(J)) + np.sum(np.abs(h)))
    best, index = lowest(Model(J / unit, h / unit, rounding) if unit else Model(J, h, rounding), count)
    states = (2 * (index[:, None] >> np.arange(n)[::-1] & 1) - 1).astype(np.int8)
    return (best * unit if unit else best) + 0.0, states


def _as_spins(couplings, fields, beta=1.0):
    """J and h, found to be legal and of no more spins than can be enumerated."""
    J, h = check_spins(couplings, fields, beta)
    require(len(h) <= MOST, "len(fields)", len(h), f"must be at most {MOST}")
    return J, h


def spin_marginals(couplings, fields, beta=1.0):
    """log Z and the means <s_i> of spins with E(s) = -1/2 s'Js - h's, best where J has few entries.

    Right to 1e-13 whatever the size of the couplings, as blocks.moments is, and by the same levels.

    >>> log_z, means = spin_marginals([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.5])
    >>> float(np.round(log_z, 12)), means.round(12).tolist()
    (1.940189698561, [0.351945726336, 0.46211715726])
    """
    beta = as_positive("beta", beta)
    J, h = _as_spins(couplings, fields, beta)
    n, (spins, room) = len(h), as_spins(*levels(J, h, beta))
    totals = Sums(*np.zeros((3, 2 * n + 1)))
    leader = sum_spins(spins, room, totals)
    sums = totals.sums + totals.lost
    down, up = sums[:-1].reshape(n, 2).T
    return math.fsum([*-leader, np.log(sums[-1])]), (up - down) / sums[-1]


def spin_levels(couplings, fields, resolution):
    """Density of states of spins: energies in units of `resolution`, and how many configurations have each.

    Returns
    -------
    energies : (levels,) float
        Ascending multiples of `resolution`; an energy between two counts for the nearer.
    counts : (levels,) int
        Positive; they add up to 2^n.

    >>> E, counts = spin_levels([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.5], 0.5)
    >>> E.tolist(), counts.tolist()
    ([-1.5, -0.5, 0.5, 1.5], [1, 1, 1, 1])
    """
    J, h = _as_spins(couplings, fields)
    reach = np.sum(np.abs(J)) / 2.0 + np.sum(np.abs(h))
    resolution = as_positive("resolution", resolution)
    counts = _levels(-reach, reach, resolution)
    (spins, room), zero = as_spins(J[None], h[None]), len(counts) // 2
    count_spins(spins, room, resolution, zero, counts)
    return _found(counts, resolution, zero)


def graph_marginals(cardinalities, factors, beta=1.0):
    """log Z and the marginals of a factor graph, E(y) = sum_f table_f[y_scope].

    Parameters
    ----------
    cardinalities : (n,) int
        k_i >= 1 values of variable i.
    factors : list of (scope, table)
        The variables of a factor, each once, and an array with one axis for each; +inf forbids.
    beta : float
        Inverse temperature, > 0.

    Returns
    -------
    log_z : float
        -inf where everything is forbidden.
    marginals : list of (k_i,) float
        NaN where everything is forbidden.

    Raises
    ------
    ValueError
        If a scope names no variable or one twice, if a table does not fit its scope or holds a NaN or
        -inf, if energies may add up to more than float64 holds, or if beta is not positive.

    >>> log_z, p = graph_marginals((2, 3), [((0,), [0.0, np.log(3.0)]), ((1, 0), np.zeros((3, 2)))])
    >>> float(np.round(log_z, 12)), p[0].round(12).tolist()  # log 4
    (1.38629436112, [0.75, 0.25])
    """
    k, beta = _cardinalities(cardinalities), as_positive("beta", beta)
    factors = _factors(factors)
    sizes = [largest_finite(table) for _, table in factors]
    require_finite_sum("factors", f"{len(factors)} factors", sizes, beta)
    reach = beta * math.fsum(range_of(table) for _, table in factors)
    totals, levels = (_summed if reach <= REACH else _summed_in_levels)(k, factors, beta)
    if levels[0] == np.inf:
        return -np.inf, [np.full(values, np.nan) for values in k]
    sums = totals.sums + totals.lost
    moving = iter(np.split(sums[:-1] / sums[-1], totals.first[1:]))
    parts = [next(moving) if values > 1 else np.ones(1) for values in k]
    return math.fsum([np.log(sums[-1]), *(-x for x in levels)]), parts


def _summed(k, factors, beta):
    """Totals of all weights in units of e^-(sum of levels), and the levels: inf first if none is possible."""
    factors, low = _from_lowest(factors)
    graph, _ = as_graph_of_factors(k, factors)
    totals = no_totals(graph.k)
    level = sum_graph(graph, gray_code(graph.k), beta, np.empty(BLOCK), totals)
    return totals, (beta * level, beta * low)


def _summed_in_levels(k, factors, beta):
    """The same where energies are so large that they might cancel."""
    graph, _ = as_graph_of_factors(k, factors)
    parts, _ = levels(np.where(graph.tables < np.inf, graph.tables, 0.0), np.zeros(0), beta)
    totals, energies = no_totals(graph.k), np.empty((len(parts), BLOCK))
    return totals, sum_levels(graph, parts.T.copy(), gray_code(graph.k), energies, totals)


def _factors(factors):
    """Pairs (scope, table) with scopes as tuples and tables in float64."""
    require(not isinstance(factors, (str, bytes, dict)) and np.iterable(factors), "factors", factors, PAIRS)
    pairs = list(factors)
    for f, pair in enumerate(pairs):
        fits = isinstance(pair, (tuple, list)) and len(pair) == 2 and np.iterable(pair[0])
        require(fits, f"factors[{f}]", pair, PAIRS)
    return [(tuple(scope), as_table(f"factors[{f}] table", table)) for f, (scope, table) in enumerate(pairs)]


def _from_lowest(factors):
    """Factors less the lowest energy of each, and the sum of these: a high level costs no digits."""
    lows = [np.min(table, where=np.isfinite(table), initial=np.inf) for _, table in factors]
    lows = [low if low < np.inf else 0.0 for low in lows]
    return [(scope, table - low) for (scope, table), low in zip(factors, lows, strict=True)], math.fsum(lows)


def graph_levels(cardinalities, factors, resolution):
    """Density of states of a factor graph: see `spin_levels`; forbidden configurations are not counted.

    >>> E, counts = graph_levels((2, 2), [((0, 1), [[0.0, 1.0], [1.0, np.inf]])], 1.0)
    >>> E.tolist(), counts.tolist()
    ([0.0, 1.0], [1, 2])
    """
    k, resolution = _cardinalities(cardinalities), as_positive("resolution", resolution)
    graph, (low, high) = as_graph_of_factors(k, _factors(factors))
    counts = _levels(low, high, resolution)
    zero = len(counts) // 2
    count_graph(graph, gray_code(graph.k), resolution, zero, np.empty(BLOCK), counts)
    return _found(counts, resolution, zero)


def _levels(low, high, resolution):
    """Counters, all 0, for multiples of the resolution from low to high and one beyond at either end."""
    half = max(abs(low), abs(high)) / resolution
    require_memory("resolution", resolution, 16 * half)
    return np.zeros(2 * int(np.ceil(half)) + 3, np.int64)


def _found(counts, resolution, zero):
    levels = np.flatnonzero(counts)
    return (levels - zero) * resolution, counts[levels]


def _cardinalities(cardinalities):
    """(n,) values of variables 0, 1, ..."""
    k = whole("cardinalities", cardinalities, "n")
    require(np.all(k >= 1), "cardinalities", cardinalities, "must be integers >= 1")
    many = math.prod(k.tolist()) > 2**MOST
    require(not many, "cardinalities", cardinalities, f"must give at most 2^{MOST} configurations")
    return k


def log_partition(energy, args, cardinalities, beta=1.0):
    """log Z of a reader's own energy, compiled by numba.

    Parameters
    ----------
    energy : numba function
        energy(y, *args) of an (n,) int64 array of values 0..k_i - 1, which it must leave as it is; +inf
        forbids y, and a NaN makes the result NaN.
    args : tuple
        Further arguments of the energy.
    cardinalities : (n,) int
        k_i >= 1.
    beta : float
        Inverse temperature, > 0.

    Raises
    ------
    ValueError
        If an energy is -inf, if a cardinality is below 1, or if beta is not positive.

    >>> from numba import njit
    >>> unequal = njit(lambda y, cost: cost * (y[0] != y[1]))
    >>> float(np.round(log_partition(unequal, (np.log(3.0),), (2, 2)), 12))  # log(2 + 2/3)
    0.980829253012
    """
    require(hasattr(energy, "py_func"), "energy", energy, "must be compiled by numba.njit")
    require(isinstance(args, (tuple, list)), "args", args, "must be a tuple")
    k, beta = _cardinalities(cardinalities), as_positive("beta", beta)
    log_z = _sum_energy(energy, tuple(args), k, beta)
    require(log_z != np.inf, "energy", energy, "must not be -inf: nothing else would count")
    return log_z


@njit(error_model="numpy", nogil=True)
def _sum_energy(energy, args, k, beta):
    """log Z; +inf if an energy is -inf."""
    n, level, left = len(k), np.inf, 1
    for values in k:
        left *= values
    energies, sums, lost, y = np.empty(BLOCK), np.zeros(1), np.zeros(1), np.zeros(n, np.int64)
    while left > 0:
        steps = min(BLOCK, left)
        for j in range(steps):
            energies[j] = energy(y, *args)
            if energies[j] != energies[j]:
                return np.nan
            if energies[j] == -np.inf:
                return np.inf
            v = n - 1
            while v >= 0 and y[v] == k[v] - 1:
                y[v] = 0
                v -= 1
            if v >= 0:
                y[v] += 1
        level = weigh_block(energies[:steps], beta, level, sums, lost)
        add(sums, lost, 0, np.sum(energies[:steps]))
        left -= steps
    return math.log(sums[0] + lost[0]) - beta * level if level < np.inf else -np.inf
