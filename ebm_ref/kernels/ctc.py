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
  below 2^-900 of a row, the sample is done again in logarithms, as the page does it: ten times slower.
* By logits, dL/dz = softmax - gamma cancels where the model is nearly certain.  Where P > 1/2 the sums
  are of failures instead: Q[t, s], the probability of failing from position s on.

Blanks and labels alternate along a target.  They stand in two tables, A[t, u] for the blank before label
u and B[t, j] for label j - 1, so that every loop runs over neighbours and the compiler can take eight at
a time.  B[t, 0] is no label, and always 0.

Accuracy: by log-probabilities within the page's own bound, value and gradient.  By logits the value is;
the gradient is where P > 1/2, apart from entries that are themselves a difference of nearly equal
risks, and elsewhere it is within the rounding of softmax and gamma, 1e-16 absolutely.

Source: Rabiner (1989), Section V.A, for the scaling; Graves et al. (2006), Section 4.1.
Before: losses.py.  Next: nothing; this is the last page.
"""

import math

import numba
import numpy as np
from numba import njit, prange

from ebm_ref.criteria import ctc, ctc_of_logits
from ebm_ref.formula import require_index
from ebm_ref.kernels.batch import SHARED, as_integers, as_numbers, check_axes, refuse
from ebm_ref.kernels.exponential import exponential
from ebm_ref.kernels.losses import beside_one, scale, weigh

FAINT = 2.0**-1000  # what is smaller may have lost digits to underflow
LEAST = 2.0**-900  # the best alignment must not fall below this share of a row
COUNTS = 2.0**-90  # FAINT times this is less than the smallest number
CERTAIN = math.log(2.0)  # below this loss, P > 1/2, failures are summed instead


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
    name = "logits" if by_logits else "log_probabilities"
    scores = as_numbers(name, scores, ("b", "t", "c"))
    b, t, c = scores.shape
    targets = as_integers("targets", targets, (b, "u"))
    input_lengths = _lengths("input_lengths", input_lengths, b, t)
    target_lengths = _lengths("target_lengths", target_lengths, b, targets.shape[1])
    require_index("blank", blank, c)
    losses, gradient = np.empty(b), np.zeros((b, t, c))
    rows, slopes = scores.reshape(b * t, c), gradient.reshape(b * t, c)
    several = b > 1 and scores.size >= SHARED and numba.get_num_threads() > 1
    run = shared if several else alone
    first = run(rows, targets, input_lengths, target_lengths, blank, by_logits, losses, slopes)
    if first < b:
        sample = scores[first, : input_lengths[first]], targets[first, : target_lengths[first]], blank
        refuse(page, sample, first)
    return losses, gradient


def _lengths(name, lengths, b, longest):
    lengths = as_integers(name, lengths, (b,))
    if b and not (lengths.min() >= 0 and lengths.max() <= longest):
        raise ValueError(f"{name} = {lengths}: must be in 0..{longest}")
    return lengths


@njit(error_model="numpy", nogil=True)
def alone(rows, targets, input_lengths, target_lengths, blank, by_logits, losses, g):
    """The batch in this thread: its first sample that is not legal, or its size."""
    first = len(targets)
    for i in range(len(targets)):
        losses[i], legal = sample(
            rows, targets[i, : target_lengths[i]], i, input_lengths[i], blank, by_logits, g
        )
        first = first if legal else min(first, i)
    return first


@njit(error_model="numpy", nogil=True, parallel=True)
def shared(rows, targets, input_lengths, target_lengths, blank, by_logits, losses, g):
    """The same by all of numba's threads."""
    first = len(targets)
    for i in prange(len(targets)):
        losses[i], legal = sample(
            rows, targets[i, : target_lengths[i]], i, input_lengths[i], blank, by_logits, g
        )
        first = min(first, len(targets) if legal else i)
    return first
