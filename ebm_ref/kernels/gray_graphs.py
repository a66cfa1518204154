r"""A Gray code of a factor graph: one variable changes at a time, by one.

    E(y) = sum_f table_f[y_scope]        a step costs no more than the factors around one variable

The running energy carries along what rounding takes, and is computed afresh every 1024 steps.  The
marginals cost two additions more: a variable's own sum is added to whenever it, or a slower one, is about
to change, and no difference of sums is ever taken.

Where energies are so large that this is not enough, they come in levels (exact/spins.py), of which no sum
rounds.

Source: Knuth (2011), "The Art of Computer Programming" 4A, Section 7.2.1.1, Algorithm H.
"""

from typing import NamedTuple

import numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.gray_spins import weigh_levels
from ebm_ref.kernels.sums import BLOCK, add, plus, weigh_block


class Graph(NamedTuple):
    """Tables one after the other; around variable v stand the factors starts[v]..starts[v+1]-1."""

    k: np.ndarray  # (n,) values of each variable
    offsets: np.ndarray  # where each table begins
    tables: np.ndarray
    starts: np.ndarray  # (n + 1,)
    factors: np.ndarray
    strides: np.ndarray


class Gray(NamedTuple):
    """Configuration, directions and focus pointers; which variable each step of a block changes, to what."""

    y: np.ndarray
    direction: np.ndarray
    focus: np.ndarray
    changed: np.ndarray
    after: np.ndarray


class Totals(NamedTuple):
    """Weights added up: sums[first[v] + y_v] for each value of a variable, and the last for all."""

    now: np.ndarray  # (n,) the configuration whose weight comes next
    first: np.ndarray  # (n,)
    pending: np.ndarray  # (n + 1,) what has come since a variable v or slower last changed
    own: np.ndarray  # of this block
    sums: np.ndarray
    lost: np.ndarray  # what rounding took from them


def as_graph_of_factors(k, factors):
    """A factor graph as flat arrays, factor by factor and variable by variable; bounds of the energy.

    Variables of one value are left out: they never change.
    """
    tables, around, low, high = [], [[] for _ in k], 0.0, 0.0
    for f, (scope, table) in enumerate(factors):
        _check_factor(f, scope, table, k)
        table = np.ascontiguousarray(table).reshape(np.shape(table))
        for v, stride in zip(scope, table.strides, strict=True):
            around[v].append((f, stride // 8))
        finite = table[table < np.inf]
        low, high = low + np.min(finite, initial=0.0), high + np.max(finite, initial=0.0)
        tables.append(table.ravel())
    around = [pairs for v, pairs in enumerate(around) if k[v] > 1]
    offsets = np.cumsum([0, *map(len, tables)])[:-1]
    pairs = np.array([pair for v in around for pair in v], np.int64).reshape(-1, 2)
    starts = np.cumsum([0, *map(len, around)])
    flat = np.concatenate([*tables, np.zeros(0)])
    return Graph(k[k > 1], offsets, flat, starts, pairs[:, 0].copy(), pairs[:, 1].copy()), (low, high)


def _check_factor(f, scope, table, k):
    for v in scope:
        require_index(f"factors[{f}] scope", v, len(k))
    require(
        len(set(scope)) == len(scope), f"factors[{f}] scope", tuple(scope), "must name each variable once"
    )
    shape = tuple(int(k[v]) for v in scope)
    require(
        table.shape == shape, f"factors[{f}] table", table, f"must have the shape {shape}, not {table.shape}"
    )
    legal = not np.any(np.isnan(table)) and not np.any(table == -np.inf)
    require(legal, f"factors[{f}] table", table, "must not hold a NaN or -inf")


def gray_code(k):
    """The start of a Gray code."""
    n, steps = len(k), np.zeros((2, BLOCK), np.int64)
    return Gray(np.zeros(n, np.int64), np.ones(n, np.int64), np.arange(n + 1), steps[0], steps[1])


def no_totals(k):
    """Totals of nothing, to begin with."""
    n, first = len(k), np.cumsum(k) - k
    return Totals(np.zeros(n, np.int64), first, np.zeros(n + 1), *np.zeros((3, int(np.sum(k)) + 1)))


@njit(error_model="numpy", nogil=True)
def _places(graph, y):
    """Where each factor's table has its entry of y."""
    places = graph.offsets.copy()
    for v in range(len(y)):
        for p in range(graph.starts[v], graph.starts[v + 1]):
            places[graph.factors[p]] += y[v] * graph.strides[p]
    return places


@njit(error_model="numpy", nogil=True)
def _graph_block(graph, gray, energies):
    """Energies of a block from y on; y moves on to the block after.  Returns the number of steps."""
    k, _, tables, starts, factors, strides = graph
    y, direction, focus, changed, after = gray
    n, places = len(k), _places(graph, gray.y)
    e, lost, forbidden = 0.0, 0.0, 0
    for place in places:
        if tables[place] == np.inf:
            forbidden += 1
        else:
            e, lost = plus(e, lost, tables[place])
    for j in range(len(energies)):
        energies[j] = np.inf if forbidden else e + lost
        v = focus[0]
        focus[0] = 0
        if v == n:
            changed[j] = n
            return j + 1
        y[v] += direction[v]
        changed[j], after[j] = v, y[v]
        for p in range(starts[v], starts[v + 1]):
            place = places[factors[p]]
            old, new = tables[place], tables[place + direction[v] * strides[p]]
            places[factors[p]] = place + direction[v] * strides[p]
            if old == np.inf:
                forbidden -= 1
            else:
                e, lost = plus(e, lost, -old)
            if new == np.inf:
                forbidden += 1
            else:
                e, lost = plus(e, lost, new)
        if y[v] == 0 or y[v] == k[v] - 1:
            direction[v] = -direction[v]
            focus[v] = focus[v + 1]
            focus[v + 1] = v + 1
    return len(energies)


@njit(error_model="numpy", nogil=True)
def _level_block(graph, levels, gray, energies):
    """The same in levels: entries (tables, l) become energies (l, steps), inf first if forbidden."""
    k, _, tables, starts, factors, strides = graph
    y, direction, focus, changed, after = gray
    n, places = len(k), _places(graph, gray.y)
    e, forbidden = np.zeros(levels.shape[1]), 0
    for place in places:
        forbidden += tables[place] == np.inf
        e += levels[place]
    for j in range(energies.shape[1]):
        energies[:, j] = e
        if forbidden:
            energies[0, j] = np.inf
        v = focus[0]
        focus[0] = 0
        if v == n:
            changed[j] = n
            return j + 1
        y[v] += direction[v]
        changed[j], after[j] = v, y[v]
        for p in range(starts[v], starts[v + 1]):
            old = places[factors[p]]
            new = old + direction[v] * strides[p]
            places[factors[p]] = new
            forbidden += (tables[new] == np.inf) - (tables[old] == np.inf)
            for i in range(len(e)):
                e[i] += levels[new, i] - levels[old, i]
        if y[v] == 0 or y[v] == k[v] - 1:
            direction[v] = -direction[v]
            focus[v] = focus[v + 1]
            focus[v + 1] = v + 1
    return energies.shape[1]


@njit(error_model="numpy", nogil=True)
def _add_block(weights, changed, after, totals):
    """Add a block's weights to the sum of the present value of every variable, and to the last of all sums.

    While something is pending for a variable v, v has had one value throughout.
    """
    y, first, pending, own, sums, lost = totals
    n = len(y)
    for i in range(len(own)):
        own[i] = 0.0
    for j in range(len(weights)):
        pending[0] += weights[j]
        v = changed[j] if j < len(weights) - 1 else n - 1
        for u in range(min(v + 1, n)):
            own[first[u] + y[u]] += pending[u]
            pending[u + 1] += pending[u]
            pending[u] = 0.0
        if j < len(weights) - 1:
            y[v] = after[j]
    own[len(own) - 1] = pending[n]
    pending[n] = 0.0
    for i in range(len(own)):
        add(sums, lost, i, own[i])


@njit(error_model="numpy", nogil=True)
def sum_graph(graph, gray, beta, energies, totals):
    """Fill the totals of each value of each variable, and of all, counted from the level returned."""
    level, last = np.inf, len(gray.y)
    while True:
        steps = _graph_block(graph, gray, energies)
        level = weigh_block(energies[:steps], beta, level, totals.sums, totals.lost)
        _add_block(energies[:steps], gray.changed, gray.after, totals)
        for v in range(last):
            totals.now[v] = gray.y[v]
        if gray.changed[steps - 1] == last:
            return level


@njit(error_model="numpy", nogil=True)
def sum_levels(graph, levels, gray, energies, totals):
    """The same of energies in levels, in units of e^-(the leader returned), which is inf if there is none."""
    leader, weights, last = np.zeros(levels.shape[1]), np.empty(energies.shape[1]), len(gray.y)
    leader[0] = np.inf
    while True:
        steps = _level_block(graph, levels, gray, energies)
        _weigh_possible(energies[:, :steps], leader, weights[:steps], totals)
        _add_block(weights[:steps], gray.changed, gray.after, totals)
        for v in range(last):
            totals.now[v] = gray.y[v]
        if gray.changed[steps - 1] == last:
            return leader


@njit(error_model="numpy", nogil=True)
def _weigh_possible(energies, leader, weights, totals):
    """Weights of energies in levels; 0 while all are forbidden, else the leader is one that is possible."""
    j = 0
    while leader[0] == np.inf and j < len(weights):
        leader[:] = energies[:, j]
        j += 1
    if leader[0] == np.inf:
        weights[:] = 0.0
    else:
        weigh_levels(energies, leader, weights, totals.sums, totals.lost)


@njit(error_model="numpy", nogil=True)
def count_graph(graph, gray, resolution, zero, energies, counts):
    """Count the configurations of each energy; not the forbidden ones."""
    while True:
        steps = _graph_block(graph, gray, energies)
        for e in energies[:steps]:
            if e < np.inf:
                counts[zero + int(np.rint(e / resolution))] += 1
        if gray.changed[steps - 1] == len(gray.y):
            return
