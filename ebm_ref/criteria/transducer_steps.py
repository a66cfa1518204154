r"""Transducer, steps: the sum over all ways through the grid, counted from the best of them.

    n = t + j,    a step leads from diagonal n to n + 1: from j to j by blank, to j + 1 by label

All ways through (t, j) reach it in n steps, so the sum of transducer.py runs over diagonals, a chain of
T + u moves.  Scores are counted from those of the best way, which has 0 throughout; where scores of 1e17
cancel, steps have what they cost above the best way to where they lead, which is exact (levels.py).  Sums
are kept as pairs (1 + r) e^c, whose r keeps the digits of what the best way outweighs.

Source: Graves (2012), Sections 2.4-2.5; counting from the best is this project's.
"""

import autograd.numpy as np

from ebm_ref.criteria.ctc_alignment import exactly, hopeful, less_best
from ebm_ref.criteria.ctc_walks import lowest_energy
from ebm_ref.exact.levels import is_short, told_apart, total_size
from ebm_ref.numerics import negated, scaled_sum, value_of, with_slope


def step_scores(lp, y, blank):
    """(t+u, 2, u+1) score on each diagonal, by blank and by label, from each j; -inf where no way goes."""
    last, u = len(lp) - 1, len(y)
    j = np.arange(u + 1)
    t = np.arange(last + 1 + u)[:, None] - j
    is_inside, cell = (t >= 0) & (t <= last), np.clip(t, 0, last)
    labels = np.append(y, blank).astype(int)
    by_blank = np.where(is_inside & ((t < last) | (j == u)), lp[cell, j, blank], -np.inf)
    by_label = np.where(is_inside & (j < u), lp[cell, j, labels], -np.inf)
    return np.stack([by_blank, by_label], axis=1)


def from_best(lp, y, blank):
    """Scores of steps counted from those of the best way, and its energy, the lowest.

    Where float64 could lose some of them, no score is positive: steps have what they cost above the best.
    """
    scores = step_scores(lp, y, blank)
    n, kinds, j = best_steps(scores)
    best = scores[n, kinds, j]
    if not np.all(value_of(best) > -np.inf):
        return None, negated(np.sum(best))
    return above_best(scores, best), lowest_energy("log_probabilities", best)


def best_steps(scores):
    """Indices of the steps of the best way, the one of lowest energy; ties end on a blank.

    Where rounding could have chosen, sums are exact.
    """
    scores, size = value_of(scores), total_size(value_of(scores))
    with np.errstate(over="ignore"):
        ways = ways_in(-scores, np.inf)
    steps = traced(ways)
    passed = np.sort(ways[steps[0], :, steps[1] + steps[2]], axis=1)
    if not np.any(np.isnan(scores)) and not told_apart(passed, size, len(ways)):
        whole, units = exactly(scores)
        steps = steps if units.fit_float64 else traced(ways_in(whole, units.far))
    return steps


def ways_in(energies, forbidden):
    """(t+u, 2, u+1) the lowest energy up to each step and with it, by where it leads; floats or integers."""
    lowest = np.full(energies.shape[2], forbidden, energies.dtype)
    lowest[0] = 0
    ways = []
    for by_blank, by_label in energies:
        ways.append(np.stack([lowest + by_blank, one_on(lowest + by_label, forbidden)]))
        lowest = np.minimum(ways[-1].min(axis=0), forbidden)
    return np.array(ways)


def traced(ways):
    """Diagonal, kind, and j where it starts of each step of the best way."""
    came_by, j = np.argmin(ways, axis=1), [ways.shape[2] - 1]
    for kinds in came_by[::-1]:
        j.append(j[-1] - kinds[j[-1]])
    j = np.array(j[::-1])
    return np.arange(len(ways)), j[1:] - j[:-1], j[:-1]


def above_best(scores, best):
    """Scores less the best: of each step, or of the way to its end, as `from_best` says."""
    counted, exact = less_best(scores, best), value_of(scores)
    if is_short(value_of(counted)):
        return hopeful(counted)
    whole, units = exactly(exact)
    ways = ways_in(whole, units.far)
    costs = units.real(ways - ways.min(axis=1, keepdims=True))
    costs[:, 1] = np.roll(costs[:, 1], -1, axis=1)  # back to where the label starts
    return with_slope(hopeful(np.where(exact == -np.inf, -np.inf, -costs)), counted)


def one_on(x, absent):
    """Entries moved from j to j + 1."""
    return np.append([absent], x[:-1])


def reached(scores):
    """What stands at each j after 0, 1, ..., t+u steps, as pairs (1 + r) e^c of arrays (u+1,)."""
    c, r = np.where(np.arange(np.shape(scores)[2]) == 0, 0.0, -np.inf), np.zeros(np.shape(scores)[2])
    pairs = [(c, r)]
    for by_blank, by_label in scores:
        arriving = np.stack([c + by_blank, one_on(c + by_label, -np.inf)])
        c, r = scaled_sum(arriving, np.stack([r, one_on(r, 0.0)]))
        pairs.append((c, r))
    return pairs


def backwards(scores):
    """The same grid walked from the end: diagonals and j reversed, a label starts where it used to end."""
    nothing = np.full((len(scores), 1), -np.inf)
    by_label = np.concatenate([scores[::-1, 1, -2::-1], nothing], axis=1)
    return np.stack([scores[::-1, 0, ::-1], by_label], axis=1)


def step_posterior(scores):
    """(t+u, 2, u+1) probability that the way takes each step."""
    before = np.array(reached(scores))[:-1, :, None]
    after = np.array(reached(backwards(scores)))[-2::-1, :, None, ::-1]
    nothing = np.broadcast_to(np.array([[-np.inf], [0.0]])[:, :, None], (*after.shape[:-1], 1))
    after = np.concatenate([after, np.concatenate([after[..., 1:], nothing], axis=-1)], axis=2)
    c = before[:, 0] + scores + after[:, 0]
    r = before[:, 1] + after[:, 1] + before[:, 1] * after[:, 1]
    all_c, all_r = scaled_sum(c.reshape(len(c), -1).T, r.reshape(len(r), -1).T)
    return (1.0 + r) * np.exp(c - all_c[:, None, None]) / (1.0 + all_r[:, None, None])
