r"""Transfer matrix: exact sums over two-dimensional lattices, strips and tori, site by site.

    E(s) = sum_ij (right_ij(s_{i,j}, s_{i,j+1}) + down_ij(s_{i,j}, s_{i+1,j})
                   + field_ij(s_{i,j}))

    Z = trace T_1 T_2 ... T_c     T_j: weights of column j and its bonds

    d log Z/dt = -beta <dE/dt>    t: any number that the tables depend on

Indices wrap around: a lattice whose last column has no bonds to the right is a strip, and one with all
bonds is a torus.  A column of r sites with q values each has q^r states, and the matrix T_j would have
q^{2r} entries.  But a column is replaced one site at a time, and each step is a sum over the q values of
the site that leaves.  So a strip costs r c q^{r+1} steps.  A torus costs q^r times as much, since the first
column must be remembered to close the circle.  Columns run along the shorter side.

Everything may differ from site to site: random bonds and fields cost no more than equal ones.  `ising`
and `potts` write the tables of

    E(s) = -sum_ij (right_ij s_{i,j} s_{i,j+1} + down_ij s_{i,j} s_{i+1,j}
                    + field_ij s_{i,j})
    E(s) = -sum_ij (right_ij [s_{i,j} = s_{i,j+1}] + ... + field_ij(s_{i,j}))

with s = -1, 1 in the first and s = 0, ..., q-1 in the second.  If the tables depend on a number t, then
every partial sum does, and its derivative by t can be carried along.  This gives the mean of any sum of
tables: the energy, the magnetisation, one bond.

On a lattice of side 1 a site is its own neighbour; on one of side 2 two sites share two bonds.

In floating point: weights e^{-beta E} of a whole column overflow, so their logarithms are passed on, and
the largest is taken out of each sum.  Large energies that may cancel are passed on beside them, in whole
units (exact/cancelling.py).  So are large values of what is averaged, counted from the likeliest.

Source: Kramers and Wannier (1941); Onsager (1944); Baxter (1982), Chapters 2 and 7.
"""

import itertools
import math

import numpy as np

from ebm_ref.checks import as_real, largest_finite, real, require, require_finite_sum, require_positive
from ebm_ref.exact.cancelling import (
    LIMIT,
    above_lowest,
    energy_of,
    is_close,
    numbers_per_entry,
    split,
    unit_of_minima,
    unit_of_sums,
)

MEMORY = 2**31  # bytes
NAMES = "right", "down", "field"


def ising(right, down, field):
    """The tables of an Ising lattice, s = -1, 1 in this order, from numbers (r, c), or one for all sites.

    >>> tables = ising([[1.0, 0.0]], 0.0, 0.5)  # two spins in a field, open
    >>> round(float(np.exp(log_partition(*tables)) / (2 * np.cosh(1.0) * np.exp(1.0) + 2 * np.exp(-1.0))), 14)
    1.0
    """
    s = np.array([-1.0, 1.0])
    numbers = {name: as_real(name, x) for name, x in zip(NAMES, (right, down, field), strict=True)}
    shapes = [np.shape(x) for x in numbers.values() if np.ndim(x)]
    for name, x in numbers.items():
        fits = np.ndim(x) == 0 or (np.ndim(x) == 2 and np.shape(x) == shapes[0])
        require(
            fits, name, x, f"must be one number, or (r, c) like the others, {shapes[0]}" if shapes else ""
        )
    right, down, field = np.broadcast_arrays(*numbers.values())
    bond = -np.outer(s, s)
    return _times(right, bond), _times(down, bond), _times(field, -s)


def potts(right, down, field):
    """The tables of a Potts lattice: couplings (r, c) or one number for all, and fields (r, c, q).

    >>> tables = potts(np.array([[0.0, 0.0]]), np.zeros((1, 2)), np.zeros((1, 2, 3)))
    >>> round(float(np.exp(log_partition(*tables))), 12)
    9.0
    """
    right, down, field = (as_real(name, x) for name, x in zip(NAMES, (right, down, field), strict=True))
    require(field.ndim == 3, "field", field, "must have shape (r, c, q)")
    for name, J in (("right", right), ("down", down)):
        fits = np.ndim(J) == 0 or np.shape(J) == field.shape[:2]
        require(fits, name, J, f"must be one number, or have shape {field.shape[:2]} as the field has")
    right, down = (np.broadcast_to(J, field.shape[:2]) for J in (right, down))
    same = -np.eye(field.shape[2])
    return _times(right, same), _times(down, same), -field


def _times(J, table):
    return np.multiply.outer(J, table) + 0.0  # no -0.0


def memory_needed(right, down, field):
    """Bytes that `log_partition` takes: q^r of a strip, or q^2r of a torus, times its working copies.

    Three times as many, or more, where energies are so large beside 1/beta that they are added up in units.

    >>> open_strip = ising([[1.0] * 9 + [0.0]] * 4, 1.0, 0.0)
    >>> torus = ising(np.ones((4, 10)), 1.0, 0.0)
    >>> memory_needed(*open_strip) // 8, memory_needed(*torus) // 8
    (160, 2560)
    """
    return _bytes(*_upright(_checked((right, down, field))))


def _bytes(lattices, closes):
    r, _, q = lattices[0][2].shape
    return 80 * q ** (2 * r if closes else r)


def log_partition(right, down, field, beta=1.0, memory=MEMORY):
    """log Z = log sum_s e^{-beta E(s)} of a lattice.

    Parameters
    ----------
    right, down : (r, c, q, q) float
        Energy of each bond to the right and downwards, the first axis for the site ij itself; the last
        column's `right` leads to the first, the last row's `down` too.  +inf forbids.
    field : (r, c, q) float
        Energy of each value of each site.
    beta : float
        Inverse temperature, > 0.
    memory : int
        Bytes that may be used; `memory_needed` tells beforehand.

    Returns
    -------
    float
        -beta times the free energy; -inf if every configuration is forbidden.

    Raises ValueError if shapes do not fit, a table holds NaN or -inf, energies may add up to more than
    float64 holds, or more than `memory` would be needed.

    >>> round(float(log_partition(*ising(np.zeros((3, 3)), 0.0, 0.0)) / np.log(2.0)), 14)
    9.0
    """
    energies = _checked((right, down, field))
    return _sum_and_mean(energies, [np.zeros(x.shape) for x in energies], beta, memory)[0]


def log_partition_as_printed(right, down, field, beta=1.0):
    """log trace T_1 ... T_c, from whole matrices: of q^r columns each, and out of range soon.

    >>> tables = ising(np.full((2, 3), 200.0), 0.0, 0.0)
    >>> with np.errstate(over="ignore", invalid="ignore"):
    ...     float(log_partition_as_printed(*tables)), round(log_partition(*tables), 9)
    (inf, 1201.386294361)
    """
    R, D, H = _checked((right, down, field))
    beta = real("beta", beta)
    r, c, q = H.shape
    require(q**r <= 2**10, "field", H, "must have columns of at most 2^10 states")
    states, product = list(itertools.product(range(q), repeat=r)), np.eye(q**r)
    for j in range(c):
        own = [sum(H[i, j, s[i]] + D[i, j, s[i], s[(i + 1) % r]] for i in range(r)) for s in states]
        bonds = [[sum(R[i, j, s[i], t[i]] for i in range(r)) for t in states] for s in states]
        product = product @ np.exp(-beta * (np.array(own)[:, None] + np.array(bonds)))
    return np.log(np.trace(product))


def log_partition_and_mean(energies, observable, beta=1.0, memory=MEMORY):
    """log Z of a lattice, and the mean of a quantity that is a sum of tables as the energy is.

    Parameters
    ----------
    energies : (right, down, field)
        The tables of the energy, see `log_partition`.
    observable : (right, down, field)
        Finite tables of the same shapes; `ising(0, 0, -h)`, say, is the magnetisation weighted by h.
    beta, memory
        As for `log_partition`.

    Returns
    -------
    (float, float)
        log Z and <A>; the mean is NaN if every configuration is forbidden.

    >>> J = np.array([[0.75, 0.0]])  # two spins, one bond: <E> = -J tanh J
    >>> tables = ising(J, 0.0 * J, 0.0)
    >>> round(float(log_partition_and_mean(tables, tables)[1] / np.tanh(0.75)), 14)
    -0.75
    """
    energies = _checked(energies)
    return _sum_and_mean(energies, _checked_observable(observable, energies), beta, memory)


def _sum_and_mean(energies, observable, beta, memory):
    """The same of tables that were checked."""
    beta = real("beta", beta)
    require_positive("beta", beta)
    _require_finite_sums(NAMES, energies, beta)
    _require_finite_sums(["observable"] * 3, observable)
    log2 = unit_of_sums(beta) if beta * _felt(energies) > LIMIT else None
    units = log2, _unit_of_means(observable, log2 is not None)
    (energies, observable), closes = _upright(energies, observable)
    needed = _bytes([energies], closes) * max(map(_numbers_per_entry, (energies, observable), units))
    shown = f"{needed:.3g}" if needed < 10**300 else f"1e+{len(str(needed)) - 1}"
    enough = needed <= float(real("memory", memory))
    require(enough, "memory", memory, f"must be at least {shown} bytes for this lattice")
    (whole, rest), (values, small) = map(_in_units, (energies, observable), units)
    tables = [[-beta * x for x in rest], whole, small, values]
    return _closed(_all_columns(tables, beta, units, closes), beta, units, closes)


def _require_finite_sums(names, tables, beta=1.0):
    """Raise unless what the tables give to all sites can be added up."""
    sizes = []
    for name, table in zip(names, tables, strict=True):
        sizes += [largest_finite(table)] * _sites(tables)
        require_finite_sum(name, table, sizes, beta)


def _sites(tables):
    return tables[2].shape[0] * tables[2].shape[1]


def _felt(energies):
    """The most that one site may feel: of four bonds and its field."""
    right, down, field = map(largest_finite, energies)
    return 2.0 * (right + down) + field


def _unit_of_means(observable, cancels):
    """log2 of a unit of the observable where energies cancel, or some of its values are tiny; else None."""
    count, anything = _sites(observable), any(map(np.any, observable))
    needed = anything and (cancels or is_close(observable, count))
    return unit_of_minima(observable, count) if needed else None


def _numbers_per_entry(tables, log2):
    return numbers_per_entry(tables, log2, _sites(tables))


def _in_units(tables, log2):
    """Whole numbers of units and what is left over; None, and all, without units."""
    if log2 is None:
        return None, tables
    return tuple(zip(*split(tables, log2, _sites(tables)), strict=True))


def mean_energy(right, down, field, beta=1.0, memory=MEMORY):
    """<E> = -d log Z / d beta of a lattice; forbidden bonds do not occur and do not count.

    >>> round(float(mean_energy(*ising(np.zeros((2, 2)), 0.0, 1.0)) / np.tanh(1.0)), 14)  # four free spins
    -4.0
    """
    energies = _checked((right, down, field))
    observable = [np.where(np.isposinf(x), 0.0, x) for x in energies]
    return _sum_and_mean(energies, observable, beta, memory)[1]


def _triple(argument, tables):
    """What should be the tables (right, down, field), as a list."""
    three = isinstance(tables, (tuple, list)) and len(tables) == 3
    require(three, argument, tables, "must be three tables, (right, down, field)")
    return list(tables)


def _checked(energies):
    """The tables right, down and field as float64, if they fit and forbid only by +inf."""
    right, down, field = (as_real(*pair) for pair in zip(NAMES, _triple("energies", energies), strict=True))
    require(field.ndim == 3 and field.size, "field", field, "must have shape (r, c, q), none of them 0")
    shape = (*field.shape, field.shape[2])
    for name, table in (("right", right), ("down", down)):
        require(table.shape == shape, name, table, f"must have shape {shape}")
    for name, table in zip(NAMES, (right, down, field), strict=True):
        require(np.all(table > -np.inf), name, table, "must hold numbers above -inf; +inf forbids")
    return right, down, field


def _checked_observable(observable, energies):
    """The tables of an observable as float64, if they are finite and shaped like those of the energy."""
    tables = [as_real("observable", table) for table in _triple("observable", observable)]
    for table, like in zip(tables, energies, strict=True):
        require(table.shape == like.shape, "observable", table, f"must have shape {like.shape}")
        require(np.all(np.isfinite(table)), "observable", table, "must be finite")
    return tables


def _upright(*lattices):
    """The lattices, rows and columns exchanged if that is cheaper, and whether the columns form a circle.

    They do if any of the lattices has a bond from the last column to the first; then the side counts twice.
    """
    lattices = [tuple(tables) for tables in lattices]
    r, c = lattices[0][2].shape[:2]
    by_columns = any(np.any(right[:, -1]) for right, _, _ in lattices)
    by_rows = any(np.any(down[-1]) for _, down, _ in lattices)
    if c * (1 + by_rows) < r * (1 + by_columns):
        return [_turned(*tables) for tables in lattices], by_rows
    return lattices, by_columns


def _turned(right, down, field):
    """Rows and columns exchanged."""
    return np.swapaxes(down, 0, 1), np.swapaxes(right, 0, 1), np.swapaxes(field, 0, 1)


def _start(tables, closes):
    """The sums before the first column, (states of the first column, of the column reached): see `_summed`.

    Log weights are those of the identity, or all 1.
    """
    field = tables[0][2]
    states = field.shape[2] ** field.shape[0]
    w = np.where(np.eye(states) > 0.0, 0.0, -np.inf) if closes else np.zeros((1, states))
    return [w] + [None if x is None else np.zeros(w.shape, x[2].dtype) for x in tables[1:]]


def _all_columns(tables, beta, units, closes):
    """The sums through all columns, and back if they close."""
    sums = _start(tables, closes)
    rows, columns, q = tables[0][2].shape
    for j in range(columns):
        own = [None if x is None else _column(x[1][:, j], x[2][:, j], q) for x in tables]
        sums = _each(np.add, sums, own)
        for i in range(rows if closes or j < columns - 1 else 0):
            bonds = [None if x is None else x[0][i, j] for x in tables]
            sums = _replaced(sums, bonds, i, q, beta, units)
    return sums


def _each(function, *lists):
    """The function of each part of the sums, None where there are no units."""
    return [None if some[0] is None else function(*some) for some in zip(*lists, strict=True)]


def _column(down, field, q):
    """(q^r,) sums of fields and bonds within one column."""
    r = len(field)
    total = np.zeros((q,) * r, field.dtype)
    for i in range(r):
        total = total + np.reshape(field[i], [q if k == i else 1 for k in range(r)])
        j = (i + 1) % r
        bond = np.diag(down[i]) if r == 1 else down[i] if i < j else down[i].T
        total = total + np.reshape(bond, [q if k in (i, j) else 1 for k in range(r)])
    return total.ravel()


def _replaced(sums, bonds, i, q, beta, units):
    """Row i of the column gives way to its right neighbour: a log-sum over the value that leaves."""
    first, states = sums[0].shape
    shape = first * q**i, q, states // q ** (i + 1)
    sums = _each(lambda x: np.reshape(x, shape), sums)
    new = []
    for t in range(q):
        terms = _each(np.add, sums, [None if x is None else x[:, t, None] for x in bonds])
        new.append(_summed(terms, beta, units))
    return _each(lambda *x: np.stack(x, axis=1).reshape(first, states), *new)


def _summed(terms, beta, units):
    """The sums over axis 1: log weights, whole units of energy beside them, the mean, whole units beside it.

    The units of energy are those of the lowest term, the units of the mean those of the likeliest.
    """
    logs, whole, mean, values = terms
    if whole is not None:
        whole, gaps = above_lowest(whole, logs > -np.inf, axis=1)
        logs = logs - beta * energy_of(gaps, units[0])
    if values is not None:
        best = np.take_along_axis(values, np.argmax(logs, axis=1)[:, None], axis=1)
        mean = mean + energy_of(values - best, units[1])
        values = best[:, 0]
    total, average = _log_sum(logs, mean)
    return [total, whole, average, values]


def _log_sum(terms, values):
    """log sum e^terms over axis 1, and the mean of the values under those weights."""
    largest = np.max(terms, axis=1)
    weights = np.exp(terms - np.where(largest == -np.inf, 0.0, largest)[:, None])
    total = np.sum(weights, axis=1)
    with np.errstate(divide="ignore"):
        log_total = largest + np.log(total)
    return log_total, np.sum(weights * values, axis=1) / np.where(total == 0.0, 1.0, total)


def _closed(sums, beta, units, closes):
    """The last column is the first again (or, in a strip, no matter what): sum over it.  log Z and mean."""
    flat = _each(lambda x: (np.diag(x) if closes else x.ravel())[None], sums)
    log_Z, whole, mean, values = _each(lambda x: x.item(), _summed(flat, beta, units))
    if log_Z == -np.inf:
        return log_Z, np.nan
    if whole is not None:
        log_Z = math.fsum([log_Z, -beta * float(energy_of(whole, units[0]))])
    return log_Z, mean if values is None else math.fsum([mean, float(energy_of(values, units[1]))])
