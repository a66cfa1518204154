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
the largest is taken out of each sum.

Source: Kramers and Wannier (1941); Onsager (1944); Baxter (1982), Chapters 2 and 7.
"""

import itertools

import numpy as np

from ebm_ref.checks import as_real, largest_finite, real, require, require_finite_sum, require_positive

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
    >>> with np.errstate(over="ignore"):
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
    for name, table in zip(NAMES, energies, strict=True):
        require_finite_sum(name, table, [largest_finite(table)] * np.size(energies[2]), beta)
    (energies, observable), closes = _upright(energies, observable)
    needed = _bytes([energies], closes)
    shown = f"{needed:.3g}" if needed < 10**300 else f"1e+{len(str(needed)) - 1}"
    enough = needed <= float(real("memory", memory))
    require(enough, "memory", memory, f"must be at least {shown} bytes for this lattice")
    w, a = _all_columns(_start(energies[2], closes), [-beta * x for x in energies], observable, closes)
    return _closed(w, a, closes)


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


def _start(field, closes):
    """log weights (states of the first column, states of the column reached): the identity, or all 1."""
    states = field.shape[2] ** field.shape[0]
    if not closes:
        return np.zeros((1, states))
    return np.where(np.eye(states) > 0.0, 0.0, -np.inf)


def _all_columns(w, logs, observable, closes):
    """log weights w and mean of the observable so far, through all columns, and back if they close."""
    a = np.zeros(w.shape)
    (R, D, H), (R_a, D_a, H_a) = logs, observable
    rows, columns, q = H.shape
    for j in range(columns):
        w, a = w + _column(D[:, j], H[:, j], q), a + _column(D_a[:, j], H_a[:, j], q)
        for i in range(rows if closes or j < columns - 1 else 0):
            w, a = _replaced(w, a, R[i, j], R_a[i, j], i, q)
    return w, a


def _column(down, field, q):
    """(q^r,) sums of fields and bonds within one column."""
    r = len(field)
    total = np.zeros((q,) * r)
    for i in range(r):
        total = total + np.reshape(field[i], [q if k == i else 1 for k in range(r)])
        j = (i + 1) % r
        bond = np.diag(down[i]) if r == 1 else down[i] if i < j else down[i].T
        total = total + np.reshape(bond, [q if k in (i, j) else 1 for k in range(r)])
    return total.ravel()


def _replaced(w, a, bond, bond_a, i, q):
    """Row i of the column gives way to its right neighbour: a log-sum over the value that leaves."""
    shape = w.shape[0] * q**i, q, w.shape[1] // q ** (i + 1)
    w, a = np.reshape(w, shape), np.reshape(a, shape)
    new, mean = [], []
    for t in range(q):
        terms, values = w + bond[:, t, None], a + bond_a[:, t, None]
        total, average = _log_sum(terms, values)
        new.append(total)
        mean.append(average)
    old = (-1, shape[2] * q ** (i + 1))
    return np.stack(new, axis=1).reshape(old), np.stack(mean, axis=1).reshape(old)


def _log_sum(terms, values):
    """log sum e^terms over axis 1, and the mean of the values under those weights."""
    largest = np.max(terms, axis=1)
    weights = np.exp(terms - np.where(largest == -np.inf, 0.0, largest)[:, None])
    total = np.sum(weights, axis=1)
    with np.errstate(divide="ignore"):
        log_total = largest + np.log(total)
    return log_total, np.sum(weights * values, axis=1) / np.where(total == 0.0, 1.0, total)


def _closed(w, a, closes):
    """The last column is the first again (or, in a strip, no matter what): sum over it."""
    w, a = (np.diag(w), np.diag(a)) if closes else (w.ravel(), a.ravel())
    log_Z, mean = _log_sum(w[None], a[None])
    return float(log_Z[0]), float(mean[0]) if log_Z[0] > -np.inf else np.nan
