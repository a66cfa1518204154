r"""Transducer: free energy of all ways through a grid of moments and labels (RNN-T).

    L(lp, y)        = -log sum_{ways} prod e^{lp of each step}
    a step at (t,j)   blank: to (t+1, j), scored lp[t, j, blank];  label: to (t, j+1), lp[t, j, y_j]
    a way             from (0, 0) by T blanks and u labels, the last step a blank at (T-1, u)

j counts the labels given so far.  Unlike CTC's (ctc.py), the scores may depend on them: lp has a row
for each pair (t, j), so the model contains a language model of its own.  A moment may give several
labels, so every target has alignments: C(T+u-1, u) of them, and nothing has to be merged.

    dL/dlp[t, j, k] = -P(the way takes step k at (t, j))

by the log-probabilities, each an independent number.  The blanks of one moment have -1 together, for
each way leaves it once; so do all steps that give label j.  All ways through (t, j) lie on the
diagonal n = t + j, and reach it in n steps: the sum runs over diagonals, a chain of T + u moves.
It counts from the best way, as ctc.py does, so that nothing is lost near L = 0 or far from it.

log-probabilities are taken as given: normalised rows make e^-L the probability of the target.  Some
libraries normalise again, which changes nothing for normalised rows but their gradient.

Source: Graves (2012), "Sequence Transduction with Recurrent Neural Networks", Sections 2.3-2.5.
Before: ctc_decoding.py.  Next: learning.py.
"""

import math

import autograd.numpy as np

from ebm_ref.criteria.ctc_alignment import check_symbols
from ebm_ref.formula import Case, Formula, Variant, require
from ebm_ref.laws import UNIT, condition, misfit
from ebm_ref.numerics import log_softmax, scaled_sum


def transducer(log_probabilities, target, blank=0):
    """Transducer loss of one sample.

    Parameters
    ----------
    log_probabilities : (t, u+1, c) float, t >= 1
        Log-probability of each class at each moment after each number of labels; -inf marks an
        impossible one.  A NaN that some way passes gives a NaN loss.
    target : (u,) int
        The labels to be given; may be empty.
    blank : int
        The class that is no label.

    Returns
    -------
    float
        >= 0 for normalised rows; +inf where every way is impossible.

    Raises
    ------
    ValueError
        If the shape is not (t, u+1, c) with t >= 1, if a log-probability is +inf, or if target and
        blank are not classes apart.

    >>> half = np.log(np.full((2, 2, 2), 0.5))
    >>> round(float(np.exp(-transducer(half, [1]))), 12)  # two ways of three steps
    0.25
    """
    scores, lowest = from_best(log_probabilities, target, blank)
    if not lowest < np.inf:
        return lowest
    c, r = reached(scores)[-1]
    return lowest - (c[-1] + np.log1p(r[-1]))


def transducer_gradient(log_probabilities, target, blank=0):
    """dL/dlp, shape (t, u+1, c): minus the probability of each step; NaN or 0 all over where L is not finite."""
    scores, lowest = from_best(log_probabilities, target, blank)
    g = np.full(np.shape(log_probabilities), np.nan if np.isnan(lowest) else 0.0)
    if lowest < np.inf:
        n, kind, j = np.nonzero(scores > -np.inf)
        k = np.append(target, blank).astype(int)[np.where(kind == 1, j, len(target))]
        g[n - j, j, k] = -step_posterior(scores)[n, kind, j]
    return g


def step_scores(log_probabilities, target, blank):
    """(t+u, 2, u+1) score on each diagonal, by blank and by label, from each j; -inf where no way goes."""
    last, u = len(log_probabilities) - 1, len(target)
    j = np.arange(u + 1)
    t = np.arange(last + 1 + u)[:, None] - j
    is_inside, cell = (t >= 0) & (t <= last), np.clip(t, 0, last)
    labels = np.append(target, blank).astype(int)
    by_blank = np.where(is_inside & ((t < last) | (j == u)), log_probabilities[cell, j, blank], -np.inf)
    by_label = np.where(is_inside & (j < u), log_probabilities[cell, j, labels], -np.inf)
    return np.stack([by_blank, by_label], axis=1)


def from_best(log_probabilities, target, blank):
    """Scores of steps counted from those of the best way, and its energy, the lowest."""
    shape = np.shape(log_probabilities)
    fits = len(shape) == 3 and shape[0] >= 1 and shape[1] == len(target) + 1
    require(fits, "log_probabilities", log_probabilities, f"must be (t >= 1, {len(target)} + 1, c)")
    check_symbols(log_probabilities, target, blank)
    scores = step_scores(log_probabilities, target, blank)
    best = best_steps(scores)
    lowest = 0.0 - np.sum(best)
    return (scores - best[:, None, None] if lowest < np.inf else None), lowest


def best_steps(scores):
    """(t+u,) score of each step of the best way, the one of lowest energy; of equals by blank last."""
    best, came_by = np.where(np.arange(np.shape(scores)[2]) == 0, 0.0, -np.inf), []
    for by_blank, by_label in scores:
        arriving = np.stack([best + by_blank, one_on(best + by_label, -np.inf)])
        came_by.append(np.argmax(arriving, axis=0))
        best = np.max(arriving, axis=0)
    j = [len(best) - 1]
    for kinds in reversed(came_by):
        j.append(j[-1] - kinds[j[-1]])
    j = np.array(j[::-1])
    return scores[np.arange(len(scores)), j[1:] - j[:-1], j[:-1]]


def one_on(x, absent):
    """Entries moved from j to j + 1."""
    return np.concatenate([[absent], x[:-1]])


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
