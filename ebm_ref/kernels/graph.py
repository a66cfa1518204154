r"""Graphs: pairwise couplings as a compiled loop wants them.

    couplings (n, n)            symmetric, zeros on the diagonal
    (neighbours, couplings)     for each spin the list of its neighbours, and as many couplings
    (neighbours, coupling)      the same, with one coupling for all

become three flat arrays: those of spin i stand at ends[i]..ends[i+1]-1, in fours.  Both ends of an
edge must tell the same story; an edge listed twice at both counts twice.

Source: compressed rows are standard.
"""

from typing import NamedTuple

import numpy as np

from ebm_ref.checks import require, whole
from ebm_ref.kernels.batch import as_numbers


class Graph(NamedTuple):
    """Neighbours and couplings of spin i at ends[i]..ends[i+1]-1, in fours."""

    ends: np.ndarray  # (n + 1,)
    neighbours: np.ndarray
    couplings: np.ndarray


def as_graph(couplings):
    """The graph of symmetric couplings without a diagonal, in any of the three ways.

    Neighbours come in fours; what is missing is the spin itself, with coupling 0.

    >>> as_graph(([[1], [0]], 0.5)).couplings.tolist()
    [0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0]
    """
    owners, neighbours, J, n = _as_pairs(couplings)
    inside = (neighbours >= 0) & (neighbours < n) & (neighbours != owners)
    require(inside.all(), "couplings", couplings, f"must have neighbours in 0..{n - 1}, and no diagonal")
    require(np.all(np.isfinite(J)), "couplings", couplings, "must be finite")
    there, back = np.lexsort((J, neighbours, owners)), np.lexsort((J, owners, neighbours))
    pairs = ((owners, neighbours), (neighbours, owners), (J, J))
    symmetric = all(np.array_equal(x[there], y[back]) for x, y in pairs)
    require(symmetric, "couplings", couplings, "must be symmetric")
    degrees = np.bincount(owners, minlength=n)
    ends = np.append(0, np.cumsum(4 * np.maximum(1, -(-degrees // 4))))
    places = ends[owners] + np.arange(len(owners)) - (np.cumsum(degrees) - degrees)[owners]
    filled, weights = np.repeat(np.arange(n), np.diff(ends)), np.zeros(ends[-1])
    filled[places], weights[places] = neighbours, J
    return Graph(ends, filled, weights)


def _as_pairs(couplings):
    """(owners, neighbours, couplings, n) of a matrix, or of lists."""
    if not isinstance(couplings, tuple) or _is_matrix(couplings):
        J = as_numbers("couplings", couplings, "n", "n")
        rule = "must be square, of at least one spin"
        require(J.shape[0] == J.shape[1] > 0, "couplings", couplings, rule)
        owners, neighbours = np.nonzero(J)
        return owners, neighbours, J[owners, neighbours], len(J)
    require(len(couplings) == 2, "couplings", couplings, "must be (neighbours, couplings)")
    rows, J = couplings
    neighbours = _as_lists("couplings[0]", rows, whole)
    n, owners = len(neighbours), np.repeat(np.arange(len(neighbours)), [len(row) for row in neighbours])
    require(n > 0, "couplings[0]", rows, "must hold at least one spin")
    if not np.iterable(J) or isinstance(J, (str, bytes)):
        return (
            owners,
            np.concatenate(neighbours).astype(int),
            np.full(len(owners), as_numbers("couplings[1]", J)),
            n,
        )
    weights = _as_lists("couplings[1]", J, as_numbers)
    alike = [len(row) for row in weights] == [len(row) for row in neighbours]
    require(alike, "couplings[1]", J, "must have as many couplings as neighbours")
    return owners, np.concatenate(neighbours).astype(int), np.concatenate(weights), n


def _as_lists(argument, rows, check):
    """A list for each spin: checked all at once where they are of one length, else one after the other."""
    if isinstance(rows, np.ndarray) and rows.ndim == 2:
        return check(argument, rows, "n", "neighbours")
    listed = np.iterable(rows) and not isinstance(rows, (str, bytes, dict)) and all(map(np.iterable, rows))
    require(listed, argument, rows, "must have a list for each spin")
    if len({len(row) for row in rows}) == 1:
        return check(argument, rows, "n", "neighbours")
    return [check(f"{argument}[{i}]", row, "neighbours") for i, row in enumerate(rows)]


def _is_matrix(rows):
    """Whether a tuple is a matrix: as many rows as columns, which are numbers."""
    return all(np.iterable(row) and not any(map(np.iterable, row)) and len(row) == len(rows) for row in rows)
