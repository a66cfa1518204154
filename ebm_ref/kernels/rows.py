r"""Rows of a table: the weights of a softmax, without an exponential that overflows or a sum that cancels.

    w_j = e^{beta (E_s - E_j)},      E_s = min_j E_j,      Z = 1 + beside,      p_j = w_j / Z

The lowest energy has the weight 1, and that 1 is kept apart from the sum of the others: log Z is then
a log1p, and 1 - p_y is the sum of what is not y.  Both keep their digits where the model is certain.

Source: the pages losses/nll.py and criteria/cross_entropy.py.
"""

import math

from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.exponential import exponential


@njit(error_model="numpy")
def min_of(a, b):
    """The lower of two, a where b is no number."""
    return b if b < a else a


@njit(error_model="numpy")
def lowest(x, i, sign):
    """min_j sign x_j, of those that are numbers: four at a time, for one waits for the one before."""
    a = b = c = d = math.inf
    k = x.shape[1]
    for j in range(k % 4):
        a = min_of(a, sign * x[i, j])
    for j in range(k % 4, k, 4):
        a, b = min_of(a, sign * x[i, j]), min_of(b, sign * x[i, j + 1])
        c, d = min_of(c, sign * x[i, j + 2]), min_of(d, sign * x[i, j + 3])
    return min_of(min_of(a, b), min_of(c, d))


@njit(error_model="numpy")
def weigh(x, sign, beta, lows, weights, start, stop):
    """e^{beta (E_s - E_j)} of E = sign x, and E_s, for a block of rows; its exponentials are done at once."""
    for i in range(start, stop):
        lows[i] = lowest(x, i, sign)
        for j in range(x.shape[1]):
            weights[i, j] = beta * (lows[i] - sign * x[i, j])
    flat = weights[start:stop].reshape(-1)
    for n in range(len(flat)):
        flat[n] = exponential(flat[n])


@njit(fastmath={"reassoc"}, error_model="numpy")
def beside_one(w, i):
    """The sum of weights of which the largest is 1, without that one: ties are counted, the rest summed.

    `reassoc` lets the sum run in parallel; no flag that would exclude a NaN or an infinity.
    """
    ones, others = 0, 0.0
    for j in range(w.shape[1]):
        ones += w[i, j] == 1.0
        others += 0.0 if w[i, j] == 1.0 else w[i, j]
    return (ones - 1) + others


@njit(error_model="numpy")
def partition(w, i, y):
    """Of the weights of a row: the sum less the largest, which is 1, and the sum less that of y.

    Where y is not the largest, at least half of the sum is left, so that no digit is lost.
    """
    beside = beside_one(w, i)
    return beside, (beside if w[i, y] == 1.0 else (1.0 + beside) - w[i, y])


@njit(error_model="numpy")
def scale(g, i, factor):
    """g_i *= factor."""
    for j in range(g.shape[1]):
        g[i, j] *= factor


@njit(error_model="numpy")
def any_nan(x, i):
    """Whether an entry of the row is no number."""
    for j in range(x.shape[1]):
        if x[i, j] != x[i, j]:
            return True
    return False
