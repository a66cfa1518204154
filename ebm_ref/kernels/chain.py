r"""Chains of a batch: loss and gradients by forward-backward, in the probability domain.

    w[t, j] = e^{-beta (u[t, j] - min_j u[t, j])}      W[i, j] = e^{-beta (P[i, j] - min P)}
    a[t]    = (a[t-1] W) w[t]                          z[t-1]  = W (w[t] z[t])
    p(y_t = j)              ~ a[t, j] z[t, j]
    p(y_t = i, y_{t+1} = j) ~ a[t, i] W[i, j] w[t+1, j] z[t+1, j]
    L       = (1/beta) log(1 + rest / w_y)

The page's logarithms of sums cost an exponential for each pair of labels at each moment.  Here an
exponential is taken once for each moment and label, once for W, and a step is a product of a vector and
a matrix.  What that could lose is watched over:

* Weights shrink with t.  Each row is rescaled by a power of two, which rounds nothing.
* The weight w_y of the correct sequence never enters the sums.  It is carried beside them, so that the
  rest keeps its digits however small it is, and log(1 + rest / w_y) is a log1p.  So 1 - p too is a sum of
  what is not y, for labels and for transitions.
* Where a row falls below 2^-900 of the one before, or forward and backward meet below that, something
  that counts may have been lost to underflow.  The page does such a sample again, in logarithms, in a
  thousand times the time; and whatever has a NaN, or no possible sequence, or a forbidden answer.  So too
  where energies of 1e17 cancel: what pays them underflows, and is missed where the others pay them as well.

Accuracy, with u = 2^-53: the value is within 8 u (C + t), for t roundings on the way.  An entry of dL/du is
right to some u (t + beta E) of itself, E what its sequences cost above the lowest, or to 1e-24 if that is
more.  In dL/dP risks that cancel are not told apart as on the page: it is right to 16 u t times the sum of
their sizes.

Source: Rabiner (1989), Section V.A, for the scaling.
"""

import math
from typing import NamedTuple

import numpy as np

from ebm_ref.exact import chain_nll as page
from ebm_ref.kernels.batch import as_integers, as_lengths, as_numbers, as_positive, divide, refuse
from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.exponential import exponential, halvings

LEAST = 2.0**-900  # what a sum may fall to in one step, and still be safe
LOG2 = math.log(2.0)


class Batch(NamedTuple):
    """What is given, and the weights of the transitions, which all samples share."""

    unary: np.ndarray  # (b, t, k)
    pairwise: np.ndarray  # (k, k)
    labels: np.ndarray  # (b, t)
    lengths: np.ndarray  # (b,)
    beta: float
    low: float  # min P
    W: np.ndarray  # (k, k)
    columns: np.ndarray  # its transpose


class Results(NamedTuple):
    """What is filled in: losses, gradients, and whether a sample is still to be done."""

    losses: np.ndarray  # (b,)
    by_unary: np.ndarray  # (b, t, k)
    by_pairwise: np.ndarray  # (b, k, k)
    todo: np.ndarray  # (b,)


class Weights(NamedTuple):
    """Weights of a sample's labels at each moment, and of the transitions."""

    w: np.ndarray  # (t, k)
    W: np.ndarray  # (k, k)
    columns: np.ndarray  # its transpose


class Beginnings(NamedTuple):
    """Sums over the beginnings that are not those of y, and the weight of y's own."""

    A: np.ndarray  # (t, k)
    own: np.ndarray  # (t,)


@njit(error_model="numpy")
def weigh(u, beta, w):
    """e^{-beta (u - lowest)} of each moment; whether each has a possible label, no NaN and no -inf."""
    for t in range(u.shape[0]):
        low, absent = math.inf, 0
        for j in range(u.shape[1]):
            low = u[t, j] if u[t, j] < low else low
            absent += u[t, j] != u[t, j]
        if absent or low == math.inf or low == -math.inf:
            return False
        for j in range(u.shape[1]):
            w[t, j] = -beta * (u[t, j] - low)
    flat = w[: u.shape[0]].reshape(-1)
    for n in range(len(flat)):
        flat[n] = exponential(flat[n])
    return True


@njit(error_model="numpy")
def energy_above_lowest(u, P, low_P, y):
    """E(y) less the lowest unary energy of each moment and the lowest of all transitions."""
    total = 0.0
    for t in range(len(y)):
        low = math.inf
        for j in range(u.shape[1]):
            low = u[t, j] if u[t, j] < low else low
        total += u[t, y[t]] - low
        if t > 0:
            total += P[y[t - 1], y[t]] - low_P
    return total


@njit(fastmath={"reassoc", "contract"}, error_model="numpy")
def product(x, M, into):
    """x M, one row of M after the other."""
    k = len(x)
    for j in range(k):
        into[j] = x[0] * M[0, j]
    for i in range(1, k):
        x_i = x[i]
        for j in range(k):
            into[j] += x_i * M[i, j]


@njit(fastmath={"reassoc", "contract"}, error_model="numpy")
def times(x, w):
    """x w into x; the sum."""
    total = 0.0
    for j in range(len(x)):
        x[j] *= w[j]
        total += x[j]
    return total


@njit(fastmath={"reassoc", "contract"}, error_model="numpy")
def dot(x, y):
    """sum x y."""
    total = 0.0
    for j in range(len(x)):
        total += x[j] * y[j]
    return total


@njit(error_model="numpy")
def scale(x, factor):
    """x times a number."""
    for j in range(len(x)):
        x[j] *= factor


@njit(error_model="numpy")
def forward(weights, y, beginnings):
    """Fill the beginnings: A with sums over those that are not y's, `own` with the weight of y's.

    Returns log2 of what A and own lack in scale, and the smallest weight of y's on the way; NaN for the
    first where it is not safe.
    """
    (w, W, columns), (A, own) = weights, beginnings
    for j in range(w.shape[1]):
        A[0, j] = w[0, j]
    own[0], A[0, y[0]] = w[0, y[0]], 0.0
    lacks, faintest = 0.0, own[0]
    for t in range(1, len(y)):
        before, now = y[t - 1], y[t]
        without_y = dot(A[t - 1], columns[now]) * w[t, now]
        rest = A[t - 1, before]
        A[t - 1, before] = rest + own[t - 1]
        product(A[t - 1], W, A[t])
        A[t - 1, before] = rest
        total = times(A[t], w[t])
        A[t, now] = without_y
        own[t] = own[t - 1] * W[before, now] * w[t, now]
        faintest = own[t] if own[t] < faintest else faintest
        if not 2.0**-30 < total < 2.0**30:
            if not LEAST < total < 1.0 / LEAST:
                return math.nan, faintest
            factor = halvings(total)
            scale(A[t], factor)
            own[t] *= factor
            lacks -= math.log2(factor)
    return lacks, faintest


@njit(error_model="numpy")
def shares(x, y, total, g):
    """e_y - x / total into g, with 1 - x_y / total as the sum of the others."""
    others, each = 0.0, 1.0 / total
    for j in range(len(x)):
        g[j] = -x[j] * each
        others += 0.0 if j == y else x[j]
    g[y] = others * each


@njit(fastmath={"contract"}, error_model="numpy")
def outer(x, each, v, X):
    """X plus the table of x_i v_j, times a number."""
    for i in range(len(x)):
        x_i = x[i] * each
        for j in range(len(v)):
            X[i, j] += x_i * v[j]


@njit(error_model="numpy")
def backward(weights, y, beginnings, g, X, R):
    """Gradient by u into g; into X the probabilities of pairs but y's, less their W, into R the risks of y's.

    Whether it was safe.  A is left with y's own weight in it.
    """
    (w, W, columns), (A, own) = weights, beginnings
    k = w.shape[1]
    z, v, worth, joint = np.ones(k), np.empty(k), np.ones(k), np.empty(k)
    for t in range(len(y) - 1, -1, -1):
        A[t, y[t]] += own[t]
        if t < len(y) - 1:
            for j in range(k):
                v[j] = w[t + 1, j] * z[j]
            product(v, columns, worth)
        total, high = 0.0, 0.0
        for j in range(k):
            joint[j] = A[t, j] * worth[j]
            total += joint[j]
            high = worth[j] if worth[j] > high else high
        if not LEAST < total < 1.0 / LEAST:
            return False
        shares(joint, y[t], total, g[t])
        if t < len(y) - 1:
            i, j = y[t], y[t + 1]
            kept = X[i, j]
            outer(A[t], 1.0 / total, v, X)
            X[i, j] = kept
            R[i, j] += g[t, i] + A[t, i] / total * (dot(W[i, :j], v[:j]) + dot(W[i, j + 1 :], v[j + 1 :]))
        if not LEAST < high < 1.0 / LEAST:
            return False
        factor = halvings(high)
        for j in range(k):
            z[j] = worth[j] * factor
    return True


@njit(error_model="numpy", nogil=True)
def swift(batch, results, start, stop):
    """Samples start..stop-1; whatever is not safe, or not finite, is left to do."""
    unary, pairwise, labels, lengths, beta, low_P, W, columns = batch
    losses, by_unary, by_pairwise, todo = results
    t, k = unary.shape[1], unary.shape[2]
    weights, ones = Weights(np.empty((t, k)), W, columns), np.ones(k)
    beginnings = Beginnings(np.empty((t, k)), np.empty(t))
    for i in range(start, stop):
        u, y, g = unary[i, : lengths[i]], labels[i, : lengths[i]], by_unary[i]
        legal = len(y) > 0
        for label in y:
            legal = legal and 0 <= label < k
        todo[i] = True
        if not legal or (len(y) > 1 and not -math.inf < low_P < math.inf) or not weigh(u, beta, weights.w):
            continue
        lacks, faintest = forward(weights, y, beginnings)
        if lacks != lacks:
            continue
        rest, mine = dot(beginnings.A[len(y) - 1], ones), beginnings.own[len(y) - 1]
        if faintest > LEAST:
            losses[i] = math.log1p(rest / mine) / beta
        else:
            above = energy_above_lowest(u, pairwise, low_P, y)
            losses[i] = above + (math.log(rest + mine) + lacks * LOG2) / beta
        X, R = np.zeros((k, k)), np.zeros((k, k))
        if losses[i] < math.inf and backward(weights, y, beginnings, g, X, R):
            for a in range(k):
                for b in range(k):
                    by_pairwise[i, a, b] = R[a, b] - W[a, b] * X[a, b]
            todo[i] = False
    return 0


def chain_nll_value_and_gradients(unary, pairwise, labels, lengths=None, beta=1.0):
    """Negative log-likelihoods of a batch of chains, and their gradients: exact/chain_nll.py.

    Parameters
    ----------
    unary : (b, t, k) float
        Energy of each label at each moment, padded at the end with anything, NaN included.
    pairwise : (k, k) float
        Energy of label j right after label i, the same for all samples.
    labels : (b, t) int
        The correct sequences, padded at the end with anything.
    lengths : (b,) int
        How many moments of each sample are its own, at least 1; all, if None.
    beta : float
        Inverse temperature, > 0.

    Returns
    -------
    (b,) float, (b, t, k) float, (b, k, k) float
        Losses, and their gradients by unary and by pairwise energies, of each sample by itself.  The
        gradient of padding is 0.

    Raises
    ------
    ValueError
        As the page does; and if a length is not in 1..t.

    >>> L, _, by_pairwise = chain_nll_value_and_gradients(np.zeros((1, 3, 2)), np.zeros((2, 2)), [[0, 1, 1]])
    >>> (L / np.log(2.0)).tolist(), by_pairwise.tolist()
    ([3.0], [[[-0.5, 0.5], [-0.5, 0.5]]])
    """
    unary = as_numbers("unary", unary, "b", "t", "k")
    b, t, k = unary.shape
    pairwise = as_numbers("pairwise", pairwise, k, k)
    labels = as_integers("labels", labels, b, t)
    lengths = as_lengths("lengths", np.full(b, t) if lengths is None else lengths, b, 1, t)
    beta = as_positive("beta", beta)
    low = pairwise.min(initial=np.inf)
    with np.errstate(invalid="ignore"):
        W = np.exp(-beta * (pairwise - low)) if np.isfinite(low) else np.zeros((k, k))
    losses, by_unary, by_pairwise = np.empty(b), np.zeros(unary.shape), np.zeros((b, k, k))
    todo = np.zeros(b, bool)
    batch = Batch(unary, pairwise, labels, lengths, beta, low, W, W.T.copy())
    results = Results(losses, by_unary, by_pairwise, todo)
    divide(lambda *ends: swift(batch, results, *ends), b, 4 * unary.size * k)
    for i in np.flatnonzero(todo):
        sample = unary[i, : lengths[i]], pairwise, labels[i, : lengths[i]], beta
        try:
            losses[i] = page.chain_nll(*sample)
        except ValueError:
            refuse(page.chain_nll, sample, i, (f"unary[{i}]", "pairwise", f"labels[{i}]", "beta"))
        by_unary[i, : lengths[i]] = page.chain_nll_unary_gradient(*sample)
        by_pairwise[i] = page.chain_nll_pairwise_gradient(*sample)
    return losses, by_unary, by_pairwise
