r"""CTC, walks: the sum over all alignments of a target, counted from the best of them.

    e^{-L} = e^{-E_min} (1 + r),    r = sum of e^{E_min - E} over all other alignments

Energies are those of alignments (ctc_alignment.py), E_min the lowest.  A walk is what the recursion of
ctc.py needs: the score of each position at each moment and of each move into it, less those of the best
alignment, so that the best has 0 throughout.  Sums are kept as pairs (1 + r) e^c, whose r keeps the digits
of what the best alignment outweighs.  The walk from behind is the same, read backwards; the two together
give the probability of each position at each moment.

Source: Graves et al. (2006), Section 4.1, equations (6)-(8), (14); counting from the best is this project's.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.ctc_alignment import (
    above_best,
    best_positions,
    is_long_enough,
    position_scores,
    positions,
    predecessors,
)
from ebm_ref.numerics import exact_sum, negated, scaled_sum, value_of


def lowest_energy(argument, best):
    """Minus the sum of the scores along the best alignment, rounded once, or a ValueError if it overflows."""
    lowest = negated(exact_sum(best))
    overflows = np.isinf(value_of(lowest)) and bool(np.all(np.isfinite(value_of(best))))
    require(not overflows, argument, value_of(best), "must have a finite sum along the best alignment")
    return lowest


def log_sum(walk):
    """log(1 + r), the sum over all alignments, counted from the best."""
    c, r = scaled_sum(*ends(*walk))
    return c + np.log1p(r)


def ends(scores, moves, moves_two):
    """What has passed all moments and stands on the last two positions, the last label and the last blank."""
    c, r = arrivals(scores, moves, moves_two)[-1]
    return c[-2:] + last_moves(moves), r[-2:]


def last_moves(moves):
    """Scores of an end on the last two positions; there is one alone where the target is empty."""
    return moves[-1, 1::-1, -1][-moves.shape[2] :]


def from_best(scores, y, blank):
    """What `arrivals` takes, counted from the best alignment, and the scores along that: NaN if one is.

    Where there is no alignment of positive probability, the scores say so by -inf, and the rest is None.
    """
    _, moves_two = positions(y, blank)
    if not is_long_enough(len(scores), y):
        return None, np.array([-np.inf])
    rows = position_scores(scores, y, blank)
    path = best_positions(rows, moves_two)
    best = rows[np.arange(len(rows)), path]
    if not np.all(value_of(best) > -np.inf) or np.any(np.isnan(value_of(rows))):
        return None, np.array([np.sum(best)])
    return (*above_best(rows, best, moves_two), moves_two), best


def arrivals(scores, moves, moves_two):
    """What reaches each position before moment 0, 1, ..., t, as pairs (1 + r) e^c: (2u+1,) each.

    The entry at t is what has passed all moments; the others still lack the score of their moment.
    """
    c, r = np.where(np.arange(len(moves_two)) == 0, 0.0, -np.inf), np.zeros(len(moves_two))
    rows = []
    for row, move in zip(scores, moves[:-1], strict=True):
        c, r = scaled_sum(predecessors(c, moves_two, -np.inf) + move, predecessors(r, moves_two, 0.0))
        rows.append((c, r))
        c = c + row
    return [*rows, (c, r)]


def reversed_walk(scores, moves, moves_two):
    """The same from behind: moments and positions reversed, and each move starts where it used to end."""
    back = np.zeros(moves.shape)
    for m in range(min(3, len(moves_two))):
        back[:, m, m:] = moves[::-1, m, m:][:, ::-1]
    return scores[::-1, ::-1], back, np.append([False, False], moves_two[:1:-1])[: len(moves_two)]


def position_posterior(scores, moves, moves_two):
    """(t, 2u+1) probability of each position at each moment, given that the path spells the target."""
    shape = len(scores), 2, len(moves_two)
    before = np.array(arrivals(scores, moves, moves_two)[:-1]).reshape(shape)
    after = np.array(arrivals(*reversed_walk(scores, moves, moves_two))[:-1]).reshape(shape)[::-1, :, ::-1]
    c = before[:, 0] + scores + after[:, 0]
    r = before[:, 1] + after[:, 1] + before[:, 1] * after[:, 1]
    all_c, all_r = scaled_sum(c.T, r.T)
    return (1.0 + r) * np.exp(c - all_c[:, None]) / (1.0 + all_r[:, None])
