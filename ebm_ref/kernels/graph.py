r"""Graphs: pairwise couplings as a compiled loop wants them.

    J (n, n)                        symmetric, zeros on the diagonal
    (neighbours, couplings)         for each spin the list of its neighbours, and as many couplings
    (neighbours, coupling)          the same, with one coupling for all

become three flat arrays: those of spin i stand at ends[i]..ends[i+1]-1, in fours.  Both ends of an
edge must tell the same story; an edge listed twice at both counts twice.

Source: compressed rows are standard.
"""

import numpy as np

from ebm_ref.checks import require
from ebm_ref.kernels.batch import as_numbers


def as_graph(J):
    """(ends, neighbours, couplings): those of spin i stand at ends[i]..ends[i+1]-1.

    They come in fours; what is missing is the spin itself, with coupling 0.
    """
    owners, neighbours, couplings, n = _as_pairs(J)
    inside = (neighbours >= 0) & (neighbours < n) & (neighbours != owners)
    require(bool(inside.all()), "J", J, f"must have neighbours in 0..{n - 1}, and no diagonal")
    require(bool(np.all(np.isfinite(couplings))), "J", J, "must be finite")
    there, back = np.lexsort((couplings, neighbours, owners)), np.lexsort((couplings, owners, neighbours))
    pairs = ((owners, neighbours), (neighbours, owners), (couplings, couplings))
    symmetric = all(np.array_equal(x[there], y[back]) for x, y in pairs)
    require(symmetric, "J", J, "must be symmetric")
    degrees = np.bincount(owners, minlength=n)
    ends = np.append(0, np.cumsum(4 * np.maximum(1, -(-degrees // 4))))
    places = ends[owners] + np.arange(len(owners)) - (np.cumsum(degrees) - degrees)[owners]
    filled, weights = np.repeat(np.arange(n), np.diff(ends)), np.zeros(ends[-1])
    filled[places], weights[places] = neighbours, couplings
    return ends, filled, weights


def _as_pairs(J):
    """(owners, neighbours, couplings, n) of a matrix, or of lists."""
    if not isinstance(J, tuple):
        J = as_numbers("J", J, ("n", "n"))
        require(J.shape[0] == J.shape[1] > 0, "J", J, "must be square, of at least one spin")
        owners, neighbours = np.nonzero(J)
        return owners, neighbours, J[owners, neighbours], len(J)
    require(len(J) == 2, "J", J, "must be (neighbours, couplings)")
    lists, weights = [np.asarray(row) for row in J[0]], J[1]
    require(len(lists) > 0, "J", J, "must have at least one spin")
    whole = all(row.ndim == 1 and (row.dtype.kind in "iu" or row.size == 0) for row in lists)
    require(whole, "J", J, "must have a list of whole numbers for each spin, its neighbours")
    owners = np.repeat(np.arange(len(lists)), [len(row) for row in lists])
    neighbours = np.concatenate(lists).astype(np.int64)
    if np.isscalar(weights) or getattr(weights, "ndim", 1) == 0:
        return owners, neighbours, np.full(len(owners), float(weights)), len(lists)
    weights = [np.asarray(row, float) for row in weights]
    alike = [row.shape for row in weights] == [row.shape for row in lists]
    require(alike, "J", J, "must have as many couplings as neighbours")
    return owners, neighbours, np.concatenate(weights), len(lists)
