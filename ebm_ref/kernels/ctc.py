r"""CTC of a batch: value and gradient in the probability domain, counted from the best alignment.

    w[t, s] = e^{lp[t, s] - lp[t, best_t]}         the best alignment itself has weight 1 throughout
    a[t, s] = (sum over the 1, 2 or 3 positions before s of a[t-1]) w[t, s]        z backwards alike
    L       = E_min - log(1 + rest)                gamma[t, s] = a[t, s] z[t, s] / sum_s a[t, s] z[t, s]

The pages' logarithms of sums cost an exponential for each way into each position.  Here an exponential
is taken once for each moment and label, many at a time, and the sums are plain sums.  What that could
lose is watched over:

* Weights grow or shrink with t.  Each row is rescaled by a power of two, which rounds nothing.
* The weight 1 of the best alignment never enters the sums.  What is carried is the rest, beside it, so
  that the rest keeps its digits however small it is, and log(1 + rest) is a log1p.
* Where a number below 2^-1000 may have been part of something that counts, or the best alignment fell
  below 2^-900 of a row, the sample is done again in logarithms, as the page does it, in ten times the
  time.  Impossible classes may be the reason, or thousands of moments with next to no evidence.
* By logits, dL/dz = softmax - gamma cancels where the model is nearly certain.  Where softmax is above
  1/2, what both lack to 1 is subtracted instead.  And where P > 1/2, all sums are of failures, since a
  path that gets lost is lost for good: the loss is -log1p(-P(not spelled)), in three times the time.

Accuracy, with u = 2^-53.  By log-probabilities, value and gradient are within the page's own bounds.  By
logits the value is within 8 u (C + t), for t roundings of a log-softmax; an entry of the gradient may be
a difference of nearly equal risks, which the page resolves at t (2 u + 1)^2 cost and this does not: it is
right to 32 u min(1, L) (1 + max |z|).

A whole problem: scripts/recipe_training_loop.py.

Source: Rabiner (1989), Section V.A, for the scaling; Graves et al. (2006), Section 4.1.
"""

import math

import numpy as np

from ebm_ref.checks import require_index, whole
from ebm_ref.criteria import ctc, ctc_of_logits
from ebm_ref.kernels.batch import as_integers, as_lengths, as_numbers, divide, refuse
from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.ctc_failures import failures
from ebm_ref.kernels.ctc_logarithms import Logs, backward_in_logs, forward_in_logs
from ebm_ref.kernels.ctc_probabilities import Ways, backward, forward
from ebm_ref.kernels.ctc_sample import (
    Band,
    Batch,
    Results,
    best_alignment,
    cut,
    fill,
    fill_band,
    from_best,
    gather,
    is_legal,
    prepare,
)
from ebm_ref.kernels.exponential import exponentials

DONE, IN_PROBABILITIES, IN_LOGS, BY_FAILURES, ILLEGAL = range(5)  # what is still to be done with a sample
CERTAIN = math.log(2.0)  # below this loss, P > 1/2, failures are summed instead


@njit(error_model="numpy", nogil=True)
def swift(batch, results, start, stop):
    """Losses of samples start..stop-1, their gradients, and what is still to be done with each."""
    losses, slopes, todo = results
    for i in range(start, stop):
        x, g, target = cut(batch, slopes, i)
        moments, n = len(x) + 1, len(target.labels) + 1
        band, path = (
            Band(np.empty(moments, np.int64), np.empty(moments, np.int64)),
            np.empty(moments, np.int64),
        )
        ways = Ways(np.empty((moments, n)), np.empty((moments, n)), np.empty(moments))
        scores, w = np.empty((moments, n)), np.empty((moments, n))
        losses[i], todo[i] = math.nan, ILLEGAL
        if not is_legal(x, target, batch.by_logits):
            continue
        losses[i], todo[i] = math.inf, DONE
        if not fill_band(target.labels, len(x), band):
            continue
        shift = prepare(x, batch.by_logits, g)
        absent = gather(x, target, shift, band, scores)
        if absent or best_alignment(scores, target.skip, band.first, ways.A, ways.B, path) == -math.inf:
            losses[i] = math.nan if absent else math.inf
            fill(g, math.nan if absent else 0.0)
            continue
        lowest = from_best(scores, path)
        exponentials(scores, w)
        losses[i] = lowest - forward(w, target.skip, band.first, path, ways)
        if batch.by_logits and losses[i] < CERTAIN:
            todo[i] = BY_FAILURES
        elif losses[i] != losses[i]:
            todo[i] = IN_LOGS
        elif not backward(w, target, band, path, ways, g):
            todo[i] = IN_LOGS
    return 0


@njit(error_model="numpy", nogil=True)
def careful(batch, results, start, stop):
    """The same for samples that the swift way leaves: summed in logarithms, or by failures."""
    losses, slopes, todo = results
    for i in range(start, stop):
        if todo[i] == DONE:
            continue
        x, g, target = cut(batch, slopes, i)
        size = len(x) + 1, len(target.labels) + 1
        logs = Logs(np.empty(size), np.empty(size), np.empty(size), np.empty(size))
        shift = prepare(x, batch.by_logits, g)
        if todo[i] == IN_LOGS:
            band, path = (
                Band(np.empty(size[0], np.int64), np.empty(size[0], np.int64)),
                np.empty(size[0], np.int64),
            )
            scores = np.empty(size)
            fill_band(target.labels, len(x), band)
            gather(x, target, shift, band, scores)
            best_alignment(scores, target.skip, band.first, logs.A, logs.B, path)
            losses[i] = from_best(scores, path) - forward_in_logs(scores, target.skip, logs)
            if batch.by_logits and losses[i] < CERTAIN:
                todo[i] = BY_FAILURES
            else:
                backward_in_logs(scores, target, logs, g)
        if todo[i] == BY_FAILURES:
            losses[i] = failures(target, logs.A, logs.B, g)
        todo[i] = DONE
    return 0


def ctc_value_and_gradient(log_probabilities, targets, input_lengths, target_lengths, blank=0):
    """CTC losses of a batch, and their gradient by the log-probabilities: criteria/ctc.py.

    Parameters
    ----------
    log_probabilities : (b, t, c) float
        Log-probability of each class at each moment, padded at the end with anything, NaN included.
    targets : (b, u) int
        The labels to be spelled, padded at the end with anything.
    input_lengths, target_lengths : (b,) int
        How many moments and how many labels of each sample are its own.
    blank : int
        The class that is no label.

    Returns
    -------
    (b,) float, (b, t, c) float
        Losses; +inf, with gradient 0, where no path spells the target.  The gradient of padding is 0.

    Raises
    ------
    ValueError
        As the page does; and if a length is negative or more than there is.

    >>> half = np.log(np.full((1, 2, 2), 0.5))
    >>> losses, gradient = ctc_value_and_gradient(half, [[1]], [2], [1])
    >>> np.exp(-losses).round(12).tolist()  # 1 1, 1 -, - 1: three of four paths
    [0.75]
    """
    return _batch(ctc.ctc, False, log_probabilities, targets, input_lengths, target_lengths, blank)


def ctc_of_logits_value_and_gradient(logits, targets, input_lengths, target_lengths, blank=0):
    """CTC losses of a batch, and their gradient by the logits: criteria/ctc_of_logits.py.

    Arguments are those of `ctc_value_and_gradient`, except that rows need not be normalised.

    >>> losses, gradient = ctc_of_logits_value_and_gradient([[[0.0, 17.0], [0.0, 17.0]]], [[1]], [2], [1])
    >>> losses.tolist()
    [1.71390828963254e-15]
    """
    return _batch(ctc_of_logits.ctc_of_logits, True, logits, targets, input_lengths, target_lengths, blank)


def _batch(page, by_logits, scores, targets, input_lengths, target_lengths, blank):
    """Check a batch, run the kernels on it, and let the page refuse what is not legal."""
    name = "logits" if by_logits else "log_probabilities"
    scores = as_numbers(name, scores, "b", "t", "c")
    b, t, c = scores.shape
    targets = as_integers("targets", targets, b, "u")
    input_lengths = as_lengths("input_lengths", input_lengths, b, 0, t)
    target_lengths = as_lengths("target_lengths", target_lengths, b, 0, targets.shape[1])
    blank = whole("blank", blank)
    require_index("blank", blank, c)
    losses, gradient, todo = np.empty(b), np.zeros((b, t, c)), np.full(b, IN_PROBABILITIES)
    batch = Batch(scores.reshape(b * t, c), targets, input_lengths, target_lengths, blank, by_logits)
    results = Results(losses, gradient.reshape(b * t, c), todo)
    entries = 8 * b * t * (2 * targets.shape[1] + 1)  # each as much work as eight of a table
    divide(lambda *ends: swift(batch, results, *ends), b, entries)
    for i in np.flatnonzero(todo == ILLEGAL):
        sample = scores[i, : input_lengths[i]], targets[i, : target_lengths[i]], blank
        refuse(page, sample, i, (f"{name}[{i}]", f"targets[{i}]", "blank"))
    if np.any(todo != DONE):
        divide(lambda *ends: careful(batch, results, *ends), b, entries)
    return losses, gradient
