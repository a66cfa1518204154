r"""CTC, failures: the paths that do not spell the target, and the choices that spoil one which did.

    1 - e^{-L}     = P(a walk is lost at some moment) + P(it is not finished after the last)
    dL/dz[t, k]    = sum_moves (P(fresh = k spoils it) - [k = symbol] P(any fresh one does))

Where a path spells the target almost surely, e^{-L} has no digits left and the failures have all of them:
positive terms alone, and nothing cancels.  A walk stands on one of the 2u+1 positions of ctc.py, and each
class leads it on or loses it for good.  For the gradient each moment draws its class afresh, given that
the path spelled the target: what changes is what the fresh class spoils, and the twin that goes on from
where it leads must not end well.

Source: derived here, from the recursion of Graves et al. (2006), Section 4.1.
"""

import autograd.numpy as np

from ebm_ref.criteria.ctc_alignment import positions, predecessors
from ebm_ref.criteria.ctc_walks import arrivals, ends, from_best, last_moves
from ebm_ref.numerics import scaled_sum, softmax


def not_spelled(z, y, blank):
    """P(path does not spell the target), positive terms alone: walks lost at each moment, and unfinished."""
    symbols, moves_two = positions(y, blank)
    is_loss = leads_to(y, blank, np.shape(z)[1])[:-1] == len(symbols)
    walks, lost = 1.0 * (np.arange(len(symbols)) == 0), 0.0
    for row in z:
        p = softmax(row)
        lost = lost + np.dot(walks, np.dot(1.0 * is_loss, p))
        walks = np.sum(predecessors(walks, moves_two, 0.0), axis=0) * p[symbols]
    return lost + np.sum(walks[:-2])


def moves(y, blank):
    """Symbols of the 2u+1 positions; (3, 2u+1) where a move of 0, 1, 2 leads from each; whether it exists."""
    symbols, moves_two = positions(y, blank)
    to = np.arange(3)[:, None] + np.arange(len(symbols))
    exists = to < len(symbols)
    exists[2, :-2] = moves_two[2:]
    return symbols, np.minimum(to, len(symbols) - 1), exists


def leads_to(y, blank, classes):
    """(2u+2, c) the position that each class leads to from each position; 2u+1 means lost, for good."""
    symbols, to, exists = moves(y, blank)
    table = np.full((len(symbols) + 1, classes), len(symbols))
    table[np.nonzero(exists)[1], symbols[to[exists]]] = to[exists]
    return table


def spoilt(z, y, blank):
    """For each moment, (3 (2u+1), c) P(path moves so, fresh = k spoils it | path spells the target)."""
    walk, _ = from_best(z, y, blank)
    to, exists = moves(y, blank)[1:]
    leads = leads_to(y, blank, np.shape(z)[1])
    steps = np.where(exists, walk[0][:, to] + walk[1][:-1, np.arange(3)[:, None], to], -np.inf)
    all_c, all_r = scaled_sum(*ends(*walk))
    after = twins(steps, last_moves(walk[1]), y, blank, leads)
    for logits, step, (c, r), (twin_c, twin_r) in zip(z, steps, walked(*walk), after, strict=False):
        twin = to[..., None], leads[:-1]
        odds = np.exp((c + step)[..., None] + twin_c[twin] - all_c)
        odds = odds * (1.0 + r[:, None]) * (1.0 + twin_r[twin]) / (1.0 + all_r)
        yield (softmax(logits) * odds).reshape(-1, len(logits))


def walked(scores, moves, moves_two):
    """What stands at each position after 0, 1, ..., t moments, as pairs (1 + r) e^c."""
    start = np.where(np.arange(len(moves_two)) == 0, 0.0, -np.inf), np.zeros(len(moves_two))
    came = arrivals(scores, moves, moves_two)[:-1]
    return [start, *((c + row, r) for (c, r), row in zip(came, scores, strict=True))]


def twins(steps, last, y, blank, leads):
    """R[a, b] after moments 1, ..., t, as pairs: futures that end well from position a but not from b.

    steps[t, m, a] scores the move of m from a at moment t, `last` the end on the last positions.
    """
    symbols, to, _ = moves(y, blank)
    is_end = np.isin(np.arange(len(leads)), len(symbols) - 1 - np.arange(len(last)))
    c, r = np.full((len(symbols), len(leads)), -np.inf), np.zeros((len(symbols), len(leads)))
    c[-len(last) :] = np.where(is_end, -np.inf, last[:, None])
    tables = [(c, r)]
    for step in steps[:0:-1]:
        pair = to[..., None], leads.T[symbols[to]]
        c, r = scaled_sum(step[..., None] + c[pair], r[pair])
        tables.append((c, r))
    return tables[::-1]
