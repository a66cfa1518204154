r"""Beam search on a chain: extend the few best beginnings, forget the rest.

    E(y_1, ..., y_t) = sum_i u_i(y_i) + sum_i P(y_i, y_{i+1})

A beginning is a choice of the first states.  Position by position every beginning that was kept is
extended by every state, and the `width` best survive.  *With recombination*, only the best of those that
end in the same state survives, since any continuation costs all of them the same.  Then a beam as wide as
there are states is exact: it is Viterbi's algorithm.  *Without*, the beam fills up with near copies of one
beginning, and the same width is not enough: with 2 states, 6 positions and width 2, about one random chain
in five comes out wrong.

How far the optimum may lie below the path found can be bounded without knowing it.  Each path that was
lost has a beginning that was dropped, whose energy is known, and its remaining positions cost no less than
the lowest u and P of each.  The least of these sums, and of the energy of the path found, is `bound`: no
path lies below it.

Source: Lowerre (1976), "The HARPY speech recognition system"; Viterbi (1967) for recombination.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from ebm_ref.checks import real, require, require_count, require_index, require_one_of, whole


@dataclass(frozen=True)
class Beam:
    """The best path that a beam found; no path at all lies below `bound`."""

    path: tuple  # (t,) states
    energy: float
    bound: float

    @property
    def gap(self):
        """How far the optimum may lie below; 0 proves that it does not, up to rounding, or that none is."""
        return 0.0 if self.energy == self.bound else self.energy - self.bound


def chain_energy(unary, pairwise, path):
    """E of one path: u_i(y_i) of every position, and P(y_i, y_{i+1}) of every pair of neighbours.

    >>> chain_energy(np.array([[0.0, 1.0], [2.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]]), (0, 1))
    12.0
    """
    unary = real("unary", unary, "t", "k")
    pairwise = real("pairwise", pairwise, unary.shape[1], unary.shape[1])
    path = whole("path", path, len(unary))
    for state in path:
        require_index("path", state, len(pairwise))
    links = sum(pairwise[a, b] for a, b in itertools.pairwise(path))
    return float(sum(u[s] for u, s in zip(unary, path, strict=True)) + links)


def beam_search(unary, pairwise, width, recombine=True):
    """The best path that a beam finds.

    Parameters
    ----------
    unary : (t, k) float
        u_i(s), energy of state s at position i; +inf where it is impossible.
    pairwise : (k, k) float
        P(s, s'), energy of s before s', the same at all positions; +inf where it is impossible.
    width : int
        Number of beginnings kept, >= 1.
    recombine : bool
        Whether only the best of the beginnings that end in the same state is kept.

    Returns
    -------
    Beam
        Ties go to the path that is first in order.  Where every beginning that was kept ends in an
        impossibility the energy is +inf and the path empty.

    Raises ValueError if shapes do not fit, if an energy is NaN or -inf, or if width < 1.

    >>> u, p = np.array([[0.0, 0.25], [0.0, 0.0]]), np.array([[2.0, 1.0], [0.0, 2.0]])
    >>> beam_search(u, p, width=1)
    Beam(path=(0, 1), energy=1.0, bound=0.25)
    >>> beam_search(u, p, width=2).gap
    0.0
    """
    unary, pairwise = check_chain(unary, pairwise)
    require_count("width", width)
    require_one_of("recombine", recombine, True, False)
    rest = np.append(np.cumsum((unary.min(axis=1)[1:] + pairwise.min())[::-1])[::-1], 0.0)
    beam, bound = [(float(E), (s,)) for s, E in enumerate(unary[0])], np.inf
    for i in range(len(unary)):
        if i > 0:
            beam = [
                (E + pairwise[p[-1], s] + unary[i, s], (*p, s))
                for E, p in beam
                for s in range(unary.shape[1])
            ]
        beam, dropped = pruned(beam, width, recombine)
        bound = min([bound, *(float(E + rest[i]) for E in dropped)])
    E, path = beam[0] if beam else (np.inf, ())
    return Beam(path, float(E), min(float(E), bound))


def pruned(beam, width, recombine):
    """The possible beginnings that stay, best first, and the energies of those that are lost.

    What recombination drops is not lost: the beginning that is kept instead is no worse with any end.
    """
    beam = sorted(entry for entry in beam if entry[0] < np.inf)
    if recombine:
        ends = [path[-1] for _, path in beam]
        beam = [entry for i, entry in enumerate(beam) if ends.index(ends[i]) == i]
    return beam[:width], [E for E, _ in beam[width:]]


def check_chain(unary, pairwise):
    """The tables of a chain as arrays, or a ValueError."""
    unary = real("unary", unary, "t", "k")
    require(unary.size > 0, "unary", unary, "must have shape (t, k), t >= 1 and k >= 1")
    k = unary.shape[1]
    pairwise = real("pairwise", pairwise, k, k)
    for name, table in (("unary", unary), ("pairwise", pairwise)):
        require(not np.any(np.isnan(table)), name, table, "must not be NaN")
        require(np.all(table > -np.inf), name, table, "must be above -inf")
    return unary, pairwise
