r"""Iterated conditional modes: improve one part of the answer at a time.

    y_i <- argmin_v E(y_1, ..., v, ..., y_n)
    i   =  1, 2, ..., n, 1, 2, ...  until nothing changes

This is exhaustive search over one part of the answer while the others are fixed.  Every change lowers E,
so the search comes to an end, in an answer that no change of one part improves.  Two parts that should
change together stay where they are, so the start matters.  A part changes only where that lowers E: ties
go to the present value, and then to the lowest.

Source: Besag (1986), "On the statistical analysis of dirty pictures".
"""

from dataclasses import dataclass

import numpy as np

from ebm_ref.checks import require, require_count, require_index, whole
from ebm_ref.inference.exhaustive import energy_at


@dataclass(frozen=True)
class Modes:
    """An answer that no change of a single part improves."""

    answer: np.ndarray  # (n,) int
    energy: float
    energies: tuple  # at the start, and after every change: strictly falling


def icm(energy, start, cardinalities):
    """Iterated conditional modes.

    Parameters
    ----------
    energy : callable (n,) int -> float
        Energy of an answer of n parts; +inf where it is impossible.
    start : (n,) int
        Where to begin; left as it is.  It may be impossible.
    cardinalities : (n,) int
        Part i takes the values 0..cardinalities[i]-1.

    Returns
    -------
    Modes

    Raises ValueError if a part of the start is out of range, if shapes do not fit, or if an energy is NaN
    or -inf.

    Two spins that like to agree, and a field that would have both at 1:

    >>> E = lambda y: 3.0 * (y[0] != y[1]) - y[0] - y[1]
    >>> icm(E, [0, 0], [2, 2]).answer.tolist(), icm(E, [0, 1], [2, 2]).answer.tolist()
    ([0, 0], [1, 1])
    """
    y = np.array(whole("start", start, "n"))
    require(len(y) >= 1, "start", y, "must hold n >= 1 parts")
    cardinalities = whole("cardinalities", cardinalities, len(y))
    for v, k in zip(y, cardinalities, strict=True):
        require_count("cardinalities", k)
        require_index("start", v, k)
    trace, unchanged, i = [energy_at(energy, y)], 0, 0
    while unchanged < len(y):
        candidates = [np.where(np.arange(len(y)) == i, v, y) for v in range(cardinalities[i])]
        energies = [energy_at(energy, candidate) for candidate in candidates]
        best = int(np.argmin(energies))
        improved = energies[best] < trace[-1]
        if improved:
            y, trace = candidates[best], [*trace, energies[best]]
        unchanged, i = 0 if improved else unchanged + 1, (i + 1) % len(y)
    return Modes(y, trace[-1], tuple(trace))
