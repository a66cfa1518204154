r"""Variable elimination: exact sums over a factor graph, one variable at a time.

    log Z = log sum_y e^{-beta E(y)},      E(y) = sum_a E_a(y_a)
    m(rest) = sum_v prod_a e^{-beta E_a(v, rest)}     a: factors that know v
    p(y)    = prod_v p(y_v | rest_v)

    d log Z/dE_a(z) = -beta p(y_a = z)

To eliminate v, multiply the factors that know v into one table over v and its neighbours, the rest, and
sum it over v.  The table m(rest) takes their place.  What is left is a factor graph without v and with
the same Z.  The price is the largest table met on the way, of k^(width + 1) entries, where the width
depends on the order.  A tree has width 1, an n x n lattice about n; for 37 variables of a medical network
4 is enough.  Finding the best order is hard.  Nearly as good is to take next the variable whose
elimination joins the fewest new pairs (fill), has the fewest neighbours (degree) or makes the smallest
table.  `plan` tells the order, its width and the memory before any work is done.

Elimination leaves behind p(v | rest) of each variable given those that were eliminated after it.  Read
backwards these conditionals give the marginals, and independent exact samples.  With a minimum of
energies in place of the sum, the same steps give a configuration of lowest energy.

In floating point: e^{-beta E} over- and underflows.  So tables hold logarithms, counted from their
largest entry, and no energy is too large; the log-sum keeps what is small beside the largest term.  Where
large energies may cancel, they are added up in whole units beside the logarithms (exact/cancelling.py).

Variables with one value are left out beforehand.  A list of cardinalities is that of the variables 0, 1,
2, ...  A scope that is no tuple but one name, ("a") for ("a",), is the scope of this variable.

Source: Dechter (1999), "Bucket elimination", and Zhang and Poole (1994); orders: Kjaerulff (1990).
"""

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from ebm_ref.checks import (
    largest_finite,
    real,
    require,
    require_count,
    require_finite_sum,
    require_positive,
    whole,
)
from ebm_ref.exact import cancelling
from ebm_ref.exact.factors import as_factors, clamped, energy

MEMORY = 2**31  # bytes: what the functions allow themselves unless told otherwise


@dataclass(frozen=True)
class Plan:
    """What an elimination will need."""

    order: tuple  # the variables, first eliminated first
    width: int  # variables of the largest table, less one
    largest_bytes: int  # of the largest table
    peak_bytes: int  # of all that is held at once when only the sum is wanted
    kept_bytes: int  # of all tables together: marginals, samples and minima go back to them


def plan(factors, cardinalities, order=None):
    """Find an order of elimination, and say what it costs; no table is made.

    Parameters
    ----------
    factors : sequence of (scope, table)
        See exact/factors.py; tables of energies, +inf forbids.
    cardinalities : mapping or sequence
        {variable: number of values} of all variables; a sequence is of variables 0, 1, ...
    order : sequence of variables, optional
        An order to cost.  By default the cheapest of the three that these rules find.

    Returns
    -------
    Plan
        order, width, largest_bytes, peak_bytes, kept_bytes.

    >>> loop = [((i, (i + 1) % 8), np.zeros((2, 2))) for i in range(8)]
    >>> two = {i: 2 for i in range(8)}
    >>> plan(loop, two).width, plan(loop, two).largest_bytes
    (2, 64)
    >>> plan(loop, two, order=[0, 2, 4, 6, 1, 3, 5, 7]).width
    2
    """
    return _plan(*as_factors(factors, cardinalities), order)


def _plan(factors, cardinalities, order=None):
    scopes = [[v for v in scope if cardinalities[v] > 1] for scope, _ in factors]
    sizes = {v: int(k) for v, k in cardinalities.items() if k > 1}
    if order is not None:
        order = _as_order(order, cardinalities)
        return _cost(_cliques(scopes, sizes, [v for v in order if v in sizes]), sizes)
    ranks = (_new_pairs, _neighbours, _table_size)
    plans = [_cost(_cliques(scopes, sizes, None, rank), sizes) for rank in ranks]
    return min(plans, key=lambda found: (found.largest_bytes, found.peak_bytes))


def _as_order(order, cardinalities):
    """The order as a list, if it names each variable once."""
    try:
        named = list(order)
        known = len(named) == len(cardinalities) and set(named) == set(cardinalities)
    except TypeError:
        known = False
    require(known, "order", order, "must name each variable once")
    return named


def _new_pairs(v, adjacent, sizes):
    pairs = itertools.combinations(adjacent[v], 2)
    return sum(b not in adjacent[a] for a, b in pairs), len(adjacent[v])


def _neighbours(v, adjacent, sizes):
    return len(adjacent[v])


def _table_size(v, adjacent, sizes):
    return math.prod(sizes[u] for u in adjacent[v]) * sizes[v]


def _cliques(scopes, sizes, order=None, rank=None):
    """{v: variables left when v is eliminated that share a table with it}, in the order of elimination."""
    adjacent = {v: set() for v in sizes}
    for scope in scopes:
        for v in scope:
            adjacent[v].update(u for u in scope if u != v)
    cliques, queue = {}, list(sizes) if order is None else list(order)
    while queue:
        v = queue[0] if order is not None else min(queue, key=lambda u: rank(u, adjacent, sizes))
        queue.remove(v)
        cliques[v] = rest = adjacent.pop(v)
        for u in rest:
            adjacent[u] = (adjacent[u] | rest) - {u, v}
    return cliques


def _cost(cliques, sizes):
    """The plan that eliminates in the order of `cliques`."""
    place = {v: i for i, v in enumerate(cliques)}
    waiting, held, peak, largest, kept, width = defaultdict(int), 0, 0, 0, 0, 0
    for v, rest in cliques.items():
        message = 8 * math.prod(sizes[u] for u in rest)
        table = message * sizes[v]
        peak = max(peak, held + table + message)
        held += message - waiting[v]
        if rest:
            waiting[min(rest, key=place.get)] += message
        largest, kept, width = max(largest, table), kept + table, max(width, len(rest))
    return Plan(tuple(cliques), width, largest, peak, kept)


def _planned(factors, cardinalities, order, memory, needed, unit, beta=1.0):
    """The plan, all factors, those without variables of one value, the cardinalities, and log2 of a unit."""
    factors, cardinalities = as_factors(factors, cardinalities)
    found = _plan(factors, cardinalities, order)
    sizes = [largest_finite(table) for _, table in factors]
    require_finite_sum("factors", f"{len(factors)} factors", sizes, beta)
    left = clamped(factors, {v: 0 for v, k in cardinalities.items() if k == 1})
    log2 = unit(left, beta)
    bytes_needed = needed(found) * cancelling.numbers_per_entry([E for _, E in left], log2)
    rule = (
        f"must be at least {_rounded(bytes_needed)} bytes: the best order found has width {found.width}, "
        f"and a table of {_rounded(found.largest_bytes)} bytes"
    )
    require(bytes_needed <= float(real("memory", memory)), "memory", memory, rule)
    return found, factors, left, cardinalities, log2


def _rounded(number):
    """Three digits of a whole number of any length."""
    return f"{number:.3g}" if number < 10**300 else f"1e+{len(str(number)) - 1}"


def _to_sum(found):
    return 3 * found.peak_bytes  # beside a table, the factors that it adds up, and its exponentials


def _to_keep(found):
    return 4 * found.kept_bytes  # conditionals, and joint probabilities; the factors, and exponentials


def _split(factors, beta, log2):
    """[(scope, -beta rest, whole)] in units of 2^log2; without, of what is above the lowest; and that."""
    if log2 is None:
        lows = [-_level(-E) for _, E in factors]
        tables = [(scope, -beta * (E - low), 0) for (scope, E), low in zip(factors, lows, strict=True)]
        return tables, -beta * math.fsum(lows)
    parts = cancelling.split([E for _, E in factors], log2)
    return [(scope, -beta * R, W) for (scope, _), (W, R) in zip(factors, parts, strict=True)], 0.0


def _eliminate(factors, beta, found, sizes, reduce, log2=None):
    """Eliminate all variables: the constant left over, and {v: (scope, what reduce kept)}.

    Tables become -beta E, each counted from its largest entry, and so do the messages that take their
    place.  These levels are added up at the end, so that a high level costs no digits of what is beside it.
    With units of 2^log2, whole numbers of them are added up beside what is left (exact/cancelling.py).
    """
    place = {v: i for i, v in enumerate(found.order)}
    tables, constant = _split(factors, beta, log2)
    buckets, kept, levels = defaultdict(list), {}, [constant]
    for scope, *parts in tables:
        axes = sorted(range(len(scope)), key=lambda a: place[scope[a]])
        parts = [np.transpose(x, axes) if np.ndim(x) else x for x in parts]
        buckets[scope[axes[0]] if scope else ()].append(([scope[a] for a in axes], *parts))
    for v in found.order:
        scope = sorted({v}.union(*(known for known, *_ in buckets[v])), key=place.get)
        logs, lowest = _joined(buckets.pop(v), scope, sizes, beta, log2)
        (message, kept_of_v), rest = reduce(logs), scope[1:]
        kept[v] = scope, kept_of_v
        levels.append(_level(message))
        buckets[rest[0] if rest else ()].append((rest, message - levels[-1], lowest))
    whole = sum(int(W) for *_, W in buckets[()])
    levels.append(-beta * float(cancelling.energy_of(whole, log2 or 0)))
    return math.fsum([*levels, *(float(table) for _, table, _ in buckets[()])]), kept


def _joined(tables, scope, sizes, beta, log2):
    """Log weights of the tables together, and the whole units below the first axis that are left out."""
    logs = _added_up([(known, x) for known, x, _ in tables], scope, sizes)
    if log2 is None:
        return logs, 0
    kind = np.result_type(int, *(W for *_, W in tables))
    whole = _added_up([(known, W) for known, _, W in tables], scope, sizes, kind)
    lowest, gaps = cancelling.above_lowest(whole, logs > -np.inf)
    logs -= beta * cancelling.energy_of(gaps, log2)
    return logs, lowest


def _level(table):
    """The largest entry; 0 if all are -inf."""
    largest = float(np.max(table))
    return largest if largest > -np.inf else 0.0


def _added_up(tables, scope, sizes, kind=float):
    total = np.zeros([sizes[v] for v in scope], kind)
    for known, table in tables:
        total += np.reshape(table, [sizes[v] if v in known else 1 for v in scope])
    return total


def _log_sum(table):
    """log sum e^table over the first axis, table changed to e^(table - largest); nothing is kept."""
    i = np.argmax(table, axis=0, keepdims=True)
    largest = np.take_along_axis(table, i, 0)
    table -= np.where(largest == -np.inf, 0.0, largest)
    np.put_along_axis(table, i, -np.inf, 0)
    rest = np.sum(np.exp(table, out=table), axis=0)
    return largest[0] + np.log1p(rest), None


def _conditional(table):
    """log sum e^table over the first axis, and p(v | rest), 0 where rest cannot be; table is changed."""
    total, _ = _log_sum(table.copy())
    largest = np.max(table, axis=0)
    table -= np.where(largest == -np.inf, 0.0, largest)
    p = np.exp(table, out=table)
    p /= np.maximum(np.sum(p, axis=0), 1.0)  # the largest weight is 1, but for a rest that cannot be
    return total, p


def _highest(table):
    """The maximum over the first axis, and where it is; ties go to the lowest index."""
    choice = np.argmax(table, axis=0)
    return np.take_along_axis(table, choice[None], 0)[0], choice


def log_partition(factors, cardinalities, beta=1.0, order=None, memory=MEMORY):
    """log Z = log sum_y e^{-beta E(y)} of a factor graph.

    Parameters
    ----------
    factors : sequence of (scope, table)
        See exact/factors.py; tables of energies, +inf forbids.
    cardinalities : mapping or sequence
        {variable: number of values} of all variables; one in no factor counts as free.  A sequence is of
        the variables 0, 1, ...
    beta : float
        Inverse temperature, > 0.
    order : sequence of variables, optional
        The order of elimination; by default that of `plan`.
    memory : int
        Bytes that may be used.

    Returns
    -------
    float
        -beta times the free energy; -inf if every configuration is forbidden.

    Raises ValueError if a table does not fit its scope, holds NaN or -inf, names an unknown variable, if
    energies may add up to more than float64 holds, or if more than `memory` would be needed.

    >>> loop = [((i, (i + 1) % 3), np.array([[1.0, 0.0], [0.0, 1.0]])) for i in range(3)]
    >>> Z = np.exp(log_partition(loop, {0: 2, 1: 2, 2: 2}))  # 2 e^-3 + 6 e^-1
    >>> round(float(Z / (2 * np.exp(-3) + 6 * np.exp(-1))), 14)
    1.0
    """
    beta = real("beta", beta)
    require_positive("beta", beta)
    found, _, left, cardinalities, log2 = _planned(
        factors, cardinalities, order, memory, _to_sum, cancelling.unit_for_sums, beta
    )
    return _eliminate(left, beta, found, cardinalities, _log_sum, log2)[0]


def log_partition_as_printed(factors, cardinalities, beta=1.0, order=None, memory=MEMORY):
    """log Z by products and sums as printed, one `einsum` for each variable: e^-1000 is 0.

    >>> pair = [((0, 1), [[1000.0, 1001.0], [1001.0, 1000.0]])]
    >>> with np.errstate(divide="ignore"):
    ...     float(log_partition_as_printed(pair, [2, 2])), round(log_partition(pair, [2, 2]), 12)
    (-inf, -998.993591131922)
    """
    beta = real("beta", beta)
    require_positive("beta", beta)
    no_unit = lambda factors, beta: None
    found, _, left, sizes, _ = _planned(factors, cardinalities, order, memory, _to_sum, no_unit, beta)
    tables = [(list(scope), np.exp(-beta * E)) for scope, E in left]
    for v in found.order:
        known = [t for t in tables if v in t[0]] + [([v], np.ones(sizes[v]))]
        names = [v, *dict.fromkeys(u for scope, _ in known for u in scope if u != v)]
        operands = [x for scope, table in known for x in (table, [names.index(u) for u in scope])]
        message = np.einsum(*operands, list(range(1, len(names))))
        tables = [t for t in tables if v not in t[0]] + [(names[1:], message)]
    return np.log(np.prod([table for _, table in tables]))


def _conditionals(factors, cardinalities, beta, order, memory):
    """The plan, the factors, the cardinalities, and {v: (scope, p(v | rest))}."""
    beta = real("beta", beta)
    require_positive("beta", beta)
    found, factors, left, sizes, log2 = _planned(
        factors, cardinalities, order, memory, _to_keep, cancelling.unit_for_sums, beta
    )
    constant, kept = _eliminate(left, beta, found, sizes, _conditional, log2)
    require(constant > -np.inf, "factors", f"{len(factors)} factors", "must leave a configuration possible")
    return found, factors, sizes, kept


def marginals(factors, cardinalities, beta=1.0, order=None, memory=MEMORY):
    """Probability of each value of each variable, and of each entry of each factor's table.

    Parameters
    ----------
    factors, cardinalities, beta, order, memory
        As for `log_partition`.

    Returns
    -------
    nodes : dict
        {variable v: (k_v,) array of P(y_v)}.
    tables : list of arrays
        P(y_a) in the shape of each factor's table: the gradient of the free energy by the table.

    Raises ValueError: As for `log_partition`, and if no configuration is possible.

    >>> nodes, tables = marginals([(("a", "b"), [[0.0, np.inf], [0.0, 0.0]])], {"a": 2, "b": 2})
    >>> nodes["a"].round(12).tolist(), tables[0].round(3).tolist()
    ([0.333333333333, 0.666666666667], [[0.333, 0.0], [0.333, 0.333]])
    """
    found, factors, cardinalities, kept = _conditionals(factors, cardinalities, beta, order, memory)
    joint, nodes = {}, {v: np.ones(1) for v in cardinalities}
    for v in reversed(found.order):
        scope, p = kept[v]
        joint[v] = scope, p * _summed(*joint[scope[1]], scope[1:]) if len(scope) > 1 else p
        nodes[v] = _summed(*joint[v], (v,))
    tables = [_factor_marginal(scope, np.shape(table), found, joint) for scope, table in factors]
    return nodes, tables


def _summed(scope, p, wanted):
    """The marginal of the variables wanted, in the order of the scope."""
    return np.sum(p, axis=tuple(a for a, v in enumerate(scope) if v not in wanted))


def _factor_marginal(scope, shape, found, joint):
    """P(y_a) from the joint of the variable of a's scope that is eliminated first."""
    free = [v for v in scope if v in joint]
    if not free:
        return np.ones(shape)
    by_order = sorted(free, key=found.order.index)
    p = _summed(*joint[by_order[0]], free)
    return np.reshape(np.transpose(p, [by_order.index(v) for v in free]), shape)


def samples(factors, cardinalities, rng, count=1, beta=1.0, order=None, memory=MEMORY):
    """Independent exact samples of p(y) ~ e^{-beta E(y)}.

    Returns
    -------
    dict
        {variable: (count,) int array}; sample i is the i-th entry of every variable.

    >>> drawn = samples([(("a", "b"), [[np.inf, 0.0], [0.0, np.inf]])], {"a": 2, "b": 2},
    ...                 np.random.default_rng(0), count=5)
    >>> (drawn["a"] + drawn["b"]).tolist()
    [1, 1, 1, 1, 1]
    """
    require_count("count", count, 0)
    count = whole("count", count)
    require(callable(getattr(rng, "random", None)), "rng", rng, "must be a numpy.random.Generator")
    found, _, cardinalities, kept = _conditionals(factors, cardinalities, beta, order, memory)
    drawn = {v: np.zeros(count, int) for v in cardinalities}
    for v in reversed(found.order):
        scope, p = kept[v]
        given = p[(slice(None), *(drawn[u] for u in scope[1:]))]
        steps = np.cumsum(np.reshape(given, (len(p), -1)), axis=0)
        drawn[v] = drawn[v] + np.sum(rng.random(count) * steps[-1] >= steps, axis=0)
    return drawn


def ground_state(factors, cardinalities, order=None, memory=MEMORY):
    """The lowest energy, and a configuration that has it.

    Returns
    -------
    energy : float
    configuration : dict
        {variable: value}.  Ties go to the configuration in which each variable, the last eliminated
        first, takes its lowest possible value.  Energies that differ by less than rounding, 2^-53 of what
        is added up, count as a tie; 2^-100, if an energy or a difference within a table is below 2^-30.

    Raises ValueError: As for `log_partition`, and if no configuration is possible.

    >>> ground_state([((0, 1), [[0.0, 3.0], [1.0, -1.0]]), ((1,), [0.0, 2.5])], {0: 2, 1: 2})
    (0.0, {0: 0, 1: 0})
    """
    found, factors, left, cardinalities, log2 = _planned(
        factors, cardinalities, order, memory, _to_keep, cancelling.unit_for_minima
    )
    constant, kept = _eliminate(left, 1.0, found, cardinalities, _highest, log2)
    require(constant > -np.inf, "factors", f"{len(left)} factors", "must leave a configuration possible")
    configuration = {v: 0 for v in cardinalities}
    for v in reversed(found.order):
        scope, choice = kept[v]
        configuration[v] = int(choice[tuple(configuration[u] for u in scope[1:])])
    return energy(factors, configuration), configuration
