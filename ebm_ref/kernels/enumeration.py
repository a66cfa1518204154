r"""Enumeration by kernels: ground states, Gray codes, and any energy that numba can compile.

    ground_states(J, h, count)        the lowest configurations of dense spins
    spin_marginals(J, h, beta)        log Z and means, along a Gray code
    spin_levels(J, h, resolution)     how many configurations have which energy
    graph_marginals, graph_levels     the same for a factor graph
    log_partition(energy, args, ...)  log Z of a numba function energy(y, *args)

Ground states are the matrix product of exact/blocks.py in (min, +): E = E_H + a + b + w, where for one
configuration of the rest H the spins of A and of B have energies a and b, and w joins them.  Such a
product is a loop over rows of w, and a compiler takes four or eight entries at a time.  Where all
energies are whole multiples of a common unit they are found exactly; else whatever comes within
rounding of the best is kept, and summed again by `math.fsum`, which rounds once; where two sums are alike,
so is what rounding took, and so on until nothing is left.  So ties are ties, and nothing else is.

In a Gray code consecutive configurations differ in one variable, so an energy costs no more than the
factors around that variable.  The marginals cost two additions more: a variable's own sum is added to
whenever it, or a slower one, is about to change, and no difference of sums is ever taken.  Of spins, the
fastest ten are not stepped through: all their 1024 energies come at once, from the fields that the
slower ones exert, with one addition each and eight at a time.  For marginals of spins this is done level
by level (exact/spins.py), so that no energy rounds; the other energies are computed afresh every 1024
steps, and that of a factor graph carries along what it loses.  Sums over 1024 configurations are closed,
and added with compensation.  Exponentials are counted from the lowest energy so far.

Source: Knuth (2011), "The Art of Computer Programming" 4A, Section 7.2.1.1, Algorithm H; Neumaier
(1974), "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen".
"""

import math

import numpy as np
from numba import njit

from ebm_ref.checks import largest_finite, require, require_finite_sum, require_index, require_positive
from ebm_ref.exact.spins import check_spins, levels, require_memory, spin_table
from ebm_ref.kernels.exponential import exponential

SIDE_A, SIDE_B = 6, 9  # spins of A and of B: a table w of 256 KiB stays in the second cache
TILE = 16  # configurations of H for which each row of w is read once
ROWS = 1024  # configurations of H whose tables are made at once
KEPT = 4096  # candidates that are kept before they are sorted
FAST = 10  # spins all of whose settings are a block; the others take one step of a Gray code a block
BLOCK = 1024  # steps of a Gray code between two fresh starts
MOST = 60  # variables, if each has two values


# ground states


def ground_states(J, h, count=1):
    """The `count` configurations of lowest energy E(s) = -1/2 s'Js - h's, degenerate ones each for itself.

    Parameters
    ----------
    J : (n, n) float
        Couplings, symmetric with zero diagonal; n <= 60, and time doubles with each spin.
    h : (n,) float
        Fields.
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
        If J is not symmetric, has a diagonal, or anything is not finite; if n is above 60; or if there
        are fewer than `count` configurations.

    >>> E, s = ground_states([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.0], count=3)
    >>> E.tolist(), s.tolist()
    ([-1.0, -1.0, 1.0], [[-1, -1], [1, 1], [-1, 1]])
    """
    J, h = check_spins(J, h)
    n = len(h)
    require(n <= MOST, "len(h)", n, f"must be at most {MOST}")
    require(1 <= count <= 2**n and count == int(count), "count", count, f"must be an integer in 1..{2**n}")
    require_memory("count", count, 8 * (n + 8) * (2 * count + KEPT))
    unit = _unit(J, h)
    rounding = 0.0 if unit else 4 * n * 2.0**-53 * (np.sum(np.abs(J)) + np.sum(np.abs(h)))
    scaled = (J / unit, h / unit) if unit else (J, h)
    best, index = _lowest(*scaled, int(count), rounding)
    states = (2 * (index[:, None] >> np.arange(n)[::-1] & 1) - 1).astype(np.int8)
    return (best * unit if unit else best) + 0.0, states


def _unit(J, h):
    """The largest number of which J and h hold whole multiples only; 0 if their sums would still round."""
    ratios = [abs(x).as_integer_ratio() for x in (*J[np.triu_indices(len(h), 1)].tolist(), *h.tolist())]
    below = max((q for _, q in ratios), default=1)
    whole = [p * (below // q) for p, q in ratios]
    divisor = math.gcd(*whole) or 1
    unit = divisor / below if divisor.bit_length() < 1000 and below.bit_length() < 1000 else 0.0
    return unit if sum(whole) // divisor < 2**52 else 0.0


def _lowest(J, h, count, rounding):
    """Energies and indices of the `count` lowest configurations, sorted by both."""
    n = len(h)
    b = min(SIDE_B, n)
    a = min(SIDE_A, n - b)
    H, A, B = slice(0, n - a - b), slice(n - a - b, n - b), slice(n - b, n)
    S, T = spin_table(a), spin_table(b)
    own = lambda X, side: -0.5 * np.sum(X @ J[side, side] * X, axis=1) - X @ h[side]
    w, own_A, own_B = -(S @ J[A, B]) @ T.T, own(S, A), own(T, B)
    size = 2 * count + KEPT + 4 * 2**b
    energies, index, filled, limit, last = np.empty(size), np.empty(size, np.int64), 0, np.inf, -1
    for start in range(0, 2**H.stop, ROWS):
        X = spin_table(H.stop, start, min(start + ROWS, 2**H.stop))
        u = (own(X, H)[:, None] + own_A) - (X @ J[H, A]) @ S.T
        v = own_B - (X @ J[H, B]) @ T.T
        place, first = 0, start << (a + b)
        while place < u.size:
            place, filled = _scan(u, v, w, first, place, limit + rounding, last, energies, index, filled)
            filled, limit, last = _keep(J, h, count, rounding, energies, index, filled, limit, last)
    return energies[:count].copy(), index[:count].copy()


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
def _scan(u, v, w, first, place, limit, last, energies, index, filled):
    """Note configurations up to `limit`; where it stopped, all done or no room left, and how many there are.

    At the limit itself only those that come before `last`, if rounding plays no part and so a tie is one.
    """
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


def _keep(J, h, count, rounding, energies, index, filled, limit, last):
    """Sort the candidates and keep the best; how many, and the energy and index that others must beat."""
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


# sums along a Gray code


def spin_marginals(J, h, beta=1.0):
    """log Z and the means <s_i> of spins with E(s) = -1/2 s'Js - h's, best where J has few entries.

    Right to 1e-13 whatever the size of the couplings, as blocks.moments is, and by the same levels.

    >>> log_z, means = spin_marginals([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.5])
    >>> float(np.round(log_z, 12)), means.round(12).tolist()
    (1.940189698561, [0.351945726336, 0.46211715726])
    """
    J, h = check_spins(J, h, beta)
    n = len(h)
    require(n <= MOST, "len(h)", n, f"must be at most {MOST}")
    arrays = _spin_arrays(*levels(J, h, beta))
    own, sums, lost = np.zeros((3, 2 * n + 1))
    leader = _sum_spins(*arrays, *_spin_room(*arrays), own, sums, lost)
    sums += lost
    down, up = sums[:-1].reshape(n, 2).T
    return math.fsum([*-leader, np.log(sums[-1])]), (up - down) / sums[-1]


def spin_levels(J, h, resolution):
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
    J, h = check_spins(J, h)
    require(len(h) <= MOST, "len(h)", len(h), f"must be at most {MOST}")
    reach = np.sum(np.abs(J)) / 2.0 + np.sum(np.abs(h))
    counts = _levels(-reach, reach, resolution)
    arrays, zero = _spin_arrays(J[None], h[None]), len(counts) // 2
    _count_spins(*arrays, *_spin_room(*arrays), float(resolution), zero, counts)
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
    require_positive("beta", beta)
    factors, lowest = _from_lowest(factors, beta)
    graph, _ = _flat(cardinalities, factors)
    k = graph[0]
    first, gray, pending = np.cumsum(k) - k, _gray_arrays(k), np.zeros(len(k) + 1)
    own, sums, lost = np.zeros((3, int(np.sum(k)) + 1))
    now, energies = np.zeros(len(k), np.int64), np.empty(BLOCK)
    level = _sum_graph(graph, gray, first, float(beta), now, energies, pending, own, sums, lost)
    if level == np.inf:
        return -np.inf, [np.full(k, np.nan) for k in cardinalities]
    sums += lost
    moving = iter(np.split(sums[:-1] / sums[-1], first[1:]))
    parts = [next(moving) if k > 1 else np.ones(1) for k in cardinalities]
    return math.fsum([np.log(sums[-1]), -beta * level, -beta * lowest]), parts


def _from_lowest(factors, beta):
    """Factors less the lowest energy of each, and the sum of these: a high level costs no digits."""
    factors = [(scope, np.asarray(table, float)) for scope, table in factors]
    sizes = [largest_finite(table) for _, table in factors]
    require_finite_sum("factors", f"{len(factors)} factors", sizes, beta)
    lows = [np.min(table, where=np.isfinite(table), initial=np.inf) for _, table in factors]
    lows = [low if low < np.inf else 0.0 for low in lows]
    return [(scope, table - low) for (scope, table), low in zip(factors, lows, strict=True)], math.fsum(lows)


def graph_levels(cardinalities, factors, resolution):
    """Density of states of a factor graph: see `spin_levels`; forbidden configurations are not counted.

    >>> E, counts = graph_levels((2, 2), [((0, 1), [[0.0, 1.0], [1.0, np.inf]])], 1.0)
    >>> E.tolist(), counts.tolist()
    ([0.0, 1.0], [1, 2])
    """
    graph, (low, high) = _flat(cardinalities, factors)
    counts = _levels(low, high, resolution)
    zero = len(counts) // 2
    _count_graph(graph, _gray_arrays(graph[0]), float(resolution), zero, np.empty(BLOCK), counts)
    return _found(counts, resolution, zero)


def _levels(low, high, resolution):
    """Counters, all 0, for multiples of the resolution from low to high and one beyond at either end."""
    require_positive("resolution", resolution)
    half = max(abs(low), abs(high)) / resolution
    require_memory("resolution", resolution, 16 * half)
    return np.zeros(2 * int(np.ceil(half)) + 3, np.int64)


def _found(counts, resolution, zero):
    levels = np.flatnonzero(counts)
    return (levels - zero) * float(resolution), counts[levels]


def _spin_arrays(J, h):
    """J row by row (starts, columns, entries), h, how many spins are fast, energies of their couplings.

    J (l, n, n) and h (l, n) come in levels, and so do entries and energies.
    """
    n = h.shape[1]
    rows, columns = np.nonzero(np.any(J, axis=0))
    starts = np.searchsorted(rows, np.arange(n + 1))
    low = min(n, FAST)
    X = spin_table(low)[:, ::-1]
    return starts, columns, J[:, rows, columns], h, low, -0.5 * np.sum(X @ J[:, :low, :low] * X, axis=2)


def _spin_room(starts, columns, entries, h, low, inner):
    """Room for the spins, the fields on them, and the energies of a block."""
    return np.zeros(h.shape[1]), np.zeros(h.shape), np.zeros(inner.shape)


def _cardinalities(cardinalities):
    legal = all(1 <= c < np.inf and c == int(c) for c in cardinalities)
    require(legal, "cardinalities", tuple(cardinalities), "must be integers >= 1")
    many = math.prod(map(int, cardinalities)) > 2**MOST
    require(not many, "cardinalities", tuple(cardinalities), f"must give at most 2^{MOST} configurations")
    return np.array(cardinalities, np.int64)


def _flat(cardinalities, factors):
    """A factor graph as flat arrays, factor by factor and variable by variable; bounds of the energy.

    Variables of one value are left out: they never change.
    """
    k = _cardinalities(cardinalities)
    tables, around, low, high = [], [[] for _ in k], 0.0, 0.0
    for f, (scope, table) in enumerate(factors):
        table = np.ascontiguousarray(table, float).reshape(np.shape(table))
        _check_factor(f, scope, table, k)
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
    return (k[k > 1], offsets, flat, starts, pairs[:, 0].copy(), pairs[:, 1].copy()), (low, high)


def _gray_arrays(k):
    """Configuration, directions and focus pointers of a Gray code; what changes in a block and to what."""
    n, steps = len(k), np.zeros((2, BLOCK), np.int64)
    return np.zeros(n, np.int64), np.ones(n, np.int64), np.arange(n + 1), steps[0], steps[1]


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


@njit(error_model="numpy", nogil=True)
def _next_block(starts, columns, entries, h, low, block, s, f):
    """Flip one slow spin, along a Gray code, and update the fields f; at times compute them afresh."""
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
def _spin_block(starts, columns, entries, h, low, inner, block, s, f, energies):
    """Energies of all settings of the fast spins 0..low - 1, spin i up where bit i is 1; the slow are in s.

    Of the fast spins' own couplings, energies are in `inner`; a field adds -f_i s_i, bit by bit.
    """
    _next_block(starts, columns, entries, h, low, block, s, f)
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


@njit(error_model="numpy", nogil=True)
def _plus(e, lost, x):
    """e + x, and what rounding has taken so far: a penalty of 1e12 that comes and goes leaves no trace."""
    total = e + x
    part = total - e
    return total, lost + ((e - (total - part)) + (x - part))


@njit(error_model="numpy", nogil=True)
def _graph_block(k, offsets, tables, starts, factors, strides, y, direction, focus, changed, after, energies):
    """The same for a factor graph, from y on; y moves on to the block after.  Returns the number of steps."""
    n = len(k)
    places = offsets.copy()
    for v in range(n):
        for p in range(starts[v], starts[v + 1]):
            places[factors[p]] += y[v] * strides[p]
    e, lost, forbidden = 0.0, 0.0, 0
    for place in places:
        if tables[place] == np.inf:
            forbidden += 1
        else:
            e, lost = _plus(e, lost, tables[place])
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
                e, lost = _plus(e, lost, -old)
            if new == np.inf:
                forbidden += 1
            else:
                e, lost = _plus(e, lost, new)
        if y[v] == 0 or y[v] == k[v] - 1:
            direction[v] = -direction[v]
            focus[v] = focus[v + 1]
            focus[v + 1] = v + 1
    return len(energies)


@njit(error_model="numpy", nogil=True)
def _add(sums, lost, i, x):
    """sums[i] += x, with what rounding takes away kept in lost[i]."""
    total = sums[i] + x
    lost[i] += (sums[i] - total) + x if sums[i] >= x else (x - total) + sums[i]
    sums[i] = total


@njit(error_model="numpy", nogil=True)
def _weigh(energies, beta, level, sums, lost):
    """Energies become e^{-beta (E - level)}; returns the level, lowered with all sums if need be."""
    lowest = np.inf
    for e in energies:
        lowest = e if e < lowest else lowest
    if lowest < level:
        factor = exponential(-beta * (level - lowest)) if level < np.inf else 0.0
        level = lowest
        for i in range(len(sums)):
            sums[i], lost[i] = sums[i] * factor, lost[i] * factor
    zero = level if level < np.inf else 0.0  # where all is forbidden so far
    for j in range(len(energies)):
        energies[j] = exponential(-beta * (energies[j] - zero))
    return level


@njit(error_model="numpy", nogil=True)
def _add_block(weights, changed, after, y, offsets, pending, own, sums, lost):
    """Add a block's weights to sums[offsets[v] + y_v] of every variable v, and to the last of all sums.

    pending[v] is what has come since a variable v or slower last changed: v had one value throughout.
    """
    n = len(y)
    for i in range(len(own)):
        own[i] = 0.0
    for j in range(len(weights)):
        pending[0] += weights[j]
        v = changed[j] if j < len(weights) - 1 else n - 1
        for u in range(min(v + 1, n)):
            own[offsets[u] + y[u]] += pending[u]
            pending[u + 1] += pending[u]
            pending[u] = 0.0
        if j < len(weights) - 1:
            y[v] = after[j]
    own[len(own) - 1] = pending[n]
    pending[n] = 0.0
    for i in range(len(own)):
        _add(sums, lost, i, own[i])


@njit(fastmath={"reassoc"}, error_model="numpy", nogil=True)
def _total(w, start, stop):
    total = 0.0
    for j in range(start, stop):
        total += w[j]
    return total


@njit(error_model="numpy", nogil=True)
def _add_halves(w, low, s, own, sums, lost):
    """Add a block's weights to sums[2 i] where spin i is down and to sums[2 i + 1] where it is up.

    For fast spins by folding: the upper half of the weights has the last of them up, then is added to the
    lower half, and so on.
    """
    for i in range(low - 1, -1, -1):
        half = 1 << i
        own[2 * i], own[2 * i + 1] = _total(w, 0, half), _total(w, half, 2 * half)
        for j in range(half):
            w[j] += w[half + j]
    for i in range(low, len(s)):
        own[2 * i], own[2 * i + 1] = (0.0, w[0]) if s[i] > 0.0 else (w[0], 0.0)
    own[len(own) - 1] = w[0]
    for i in range(len(own)):
        _add(sums, lost, i, own[i])


@njit(error_model="numpy", nogil=True)
def _weigh_levels(energies, leader, weights, sums, lost):
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
def _sum_spins(starts, columns, entries, h, low, inner, s, f, energies, own, sums, lost):
    """Fill sums with those of each spin down, up, and of all, in units of e^-(the leader returned)."""
    leader, weights = np.empty(len(h)), np.empty(1 << low)
    for block in range(1 << (len(s) - low)):
        _spin_block(starts, columns, entries, h, low, inner, block, s, f, energies)
        if block == 0:
            leader[:] = energies[:, 0]
        _weigh_levels(energies, leader, weights, sums, lost)
        _add_halves(weights, low, s, own, sums, lost)
    return leader


@njit(error_model="numpy", nogil=True)
def _count_spins(starts, columns, entries, h, low, inner, s, f, energies, resolution, zero, counts):
    """Count the configurations of each energy."""
    for block in range(1 << (len(s) - low)):
        _spin_block(starts, columns, entries, h, low, inner, block, s, f, energies)
        for e in energies[0]:
            counts[zero + int(np.rint(e / resolution))] += 1


@njit(error_model="numpy", nogil=True)
def _sum_graph(graph, gray, first, beta, now, energies, pending, own, sums, lost):
    """Fill sums with those of each value of each variable, and of all, counted from the level returned."""
    level, last = np.inf, len(gray[0])
    while True:
        steps = _graph_block(*graph, *gray, energies)
        level = _weigh(energies[:steps], beta, level, sums, lost)
        _add_block(energies[:steps], gray[3], gray[4], now, first, pending, own, sums, lost)
        for v in range(last):
            now[v] = gray[0][v]
        if gray[3][steps - 1] == last:
            return level


@njit(error_model="numpy", nogil=True)
def _count_graph(graph, gray, resolution, zero, energies, counts):
    """Count the configurations of each energy; not the forbidden ones."""
    while True:
        steps = _graph_block(*graph, *gray, energies)
        for e in energies[:steps]:
            if e < np.inf:
                counts[zero + int(np.rint(e / resolution))] += 1
        if gray[3][steps - 1] == len(gray[0]):
            return


# any energy


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
    k = _cardinalities(cardinalities)
    require_positive("beta", beta)
    log_z = _sum_energy(energy, tuple(args), k, float(beta))
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
        level = _weigh(energies[:steps], beta, level, sums, lost)
        _add(sums, lost, 0, np.sum(energies[:steps]))
        left -= steps
    return math.log(sums[0] + lost[0]) - beta * level if level < np.inf else -np.inf
