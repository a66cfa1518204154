r"""Numerics: the functions in which every energy-based model loses its digits, done once.

    logsumexp(x) = log sum_j e^{x_j}           softmax(x)     = e^{x_i} / sum_j e^{x_j}
    softplus(t)  = log(1 + e^t)                sigmoid(t)     = 1 / (1 + e^{-t})
    log1mexp(t)  = log(1 - e^t),  t <= 0       log_sigmoid(t) = -log(1 + e^{-t})
    xlogy(x, y)  = x log y,  0 log 0 = 0     log_softmax(x) = x - logsumexp(x)
    xlog1py(x, y) = x log(1 + y)             weighted(w, x) = w x,  0 inf = 0
    scaled_softmax, scaled_logsumexp: of terms m_i 2^{k_i} e^{t_i} beyond the range
    scaled_sum(c, r) = sum_i (1 + r_i) e^{c_i}, as a pair (c, r) again
    exp_excess(t) = e^t - 1 - t              tanh_slope(t) = 1 - tanh(t)^2
    tanh_difference(a, b, a - b) = tanh a - tanh b
    softmax_and_complement(x) = p, 1 - p, the others added up exactly
    exact_sum(x) = sum_j x_j                 rounded once, whatever cancels
    total(x)     = sum_i x_i, the same but for few terms       dot(a, b) = total(a b)
    product(x, y, z) = x y z, though x y be beyond the range      unit_of(x) = 2^k, the size of x

Each is right to a few units of the last place times its condition number, in both tails.  Shifting
by the maximum prevents overflow but not cancellation: with a gap of 40 between the two largest
terms, log(1 + e^{-40}) computed as a log of a sum is exactly 0.  Taking the largest term out of the
sum and using log1p for the rest gives e^{-40}.

All are differentiable by autograd, which cannot follow item assignment or `logaddexp.reduce`.

Three idioms recur on the pages.  `negated(x)` is -x without a minus zero, so that a force of nothing
prints as 0.  `half_square(d)` is d^2/2, which overflows only where the result does: d * d overflows
before it is halved.  And `not x <= 0` stands where one expects x > 0 if a NaN should pass, too: every
comparison with a NaN is false.

Source: Maechler (2012), "Accurately computing log(1 - exp(-|a|))", for log1mexp; Blanchard, Higham
and Higham (2021), "Accurately computing the log-sum-exp and softmax functions".
"""

from itertools import accumulate
from math import fsum, prod
from operator import mul

import autograd.numpy as np
from autograd.extend import defvjp, primitive
from autograd.tracer import getval, isbox

LOG_TWO = np.log(2.0)
FEW = 16  # so many terms may be added up one by one


def negated(x):
    """-x, elementwise, where -0 is 0.

    >>> negated(np.array([0.0, 2.0]))
    array([ 0., -2.])
    """
    return 0.0 - x


def half_square(d):
    """d^2 / 2, elementwise, that is inf only where the result is.

    >>> float(half_square(2.0**512))  # twice that overflows
    8.98846567431158e+307
    """
    return d * (0.5 * d)


@primitive
def exact_sum(x):
    """sum_j x_j of a vector, rounded once: what is left where large terms cancel has all its digits.

    Infinities and NaN prevail, and opposite infinities are NaN.

    >>> float(exact_sum(np.array([1e17, 0.5, -1e17])))
    0.5
    """
    terms = np.asarray(x, float)
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.all(np.isfinite(terms)):
            return np.sum(terms)
        try:
            return np.float64(fsum(terms))
        except OverflowError:  # on the way, if not in the end
            return np.ldexp(fsum(np.ldexp(terms, -64)), 64)


defvjp(exact_sum, lambda ans, x: lambda g: g * np.ones(np.shape(x)))


def value_of(x):
    """What autograd has wrapped; x itself if it has not."""
    while isbox(x):
        x = getval(x)
    return x


def with_slope(value, x):
    """The value as it is; but where autograd follows x, it sees the slope of x, unless this is infinite."""
    if not isbox(x):
        return value
    finite = np.isfinite(value_of(x))
    return value + (np.where(finite, x, 0.0) - np.where(finite, value_of(x), 0.0))


@primitive
def total(x, axis=-1):
    """sum_i x_i over one axis of an array, rounded once; of FEW terms or less, as NumPy adds them up.

    One by one, equal terms are all rounded the same way, and small ones beside a large one do not count.

    >>> x = np.array([2.0**53] + 1000 * [1.0])
    >>> float(total(x) - 2.0**53), float(sum(x) - 2.0**53)
    (1000.0, 0.0)
    """
    if x.shape[axis] <= FEW:
        return x.sum(axis)
    rows = np.moveaxis(x, axis, -1)
    sums = [_exactly(row) for row in rows.reshape(-1, rows.shape[-1])]
    return np.array(sums).reshape(rows.shape[:-1])[()]


def _exactly(x):
    """The sum of a vector, rounded once, or as NumPy adds it up where it or a part of it is not finite."""
    try:
        return fsum(x.tolist())
    except (OverflowError, ValueError):
        return np.sum(x)


def _spread(sums, x, axis=-1):
    """The slope of a sum is 1 by each of its terms."""
    return lambda g: np.expand_dims(g, axis) * np.ones(np.shape(x))


defvjp(total, _spread, argnums=(0,))


def dot(a, b):
    """sum_i a_i b_i over the last axis of both, stretched as NumPy does: a matrix by a vector, two vectors.

    The products are rounded, each by less than its own share of the condition, and their sum once.

    Products of finite numbers may be beyond the range, on either side: what is left of them has its sign.

    >>> dot(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 1.0])).tolist()
    [12.0, 34.0]
    >>> dot(np.array([1e200, 1e200]), np.array([2e200, -1e200])).tolist()  # no inf - inf
    inf
    """
    with np.errstate(over="ignore", invalid="ignore"):
        sums = total(a * b)
        return sums if (sums == sums).all() else _where_finite(a, b, _far_dot(a, b), sums)


def _far_dot(a, b):
    """The same with products in units of 2^1040, which are put back at the end."""
    return total((a * 2.0**-520) * (b * 2.0**-520)) * 2.0**520 * 2.0**520


def _where_finite(a, b, far, sums):
    """The sums, but the far ones of all the vectors that are finite."""
    return np.where(np.all(np.isfinite(a) & np.isfinite(b), axis=-1), far, sums)


def logsumexp(x):
    """log sum_j exp(x_j) of a vector (k,), k >= 1; -inf terms count as absent, +inf and NaN prevail.

    >>> float(logsumexp(np.array([0.0, -40.0])))  # a naive log-sum-exp returns 0.0
    4.248354255291589e-18
    """
    i = np.argmax(x)
    if not np.isfinite(x[i]):
        return x[i]
    others = x[np.arange(len(x)) != i]
    return x[i] + np.log1p(total(np.exp(others - x[i])))


def softmax(x):
    """e^{x_i} / sum_j e^{x_j} of a vector (k,), k >= 1, or a table; sums to 1, small entries fully accurate.

    Entries below 2^-1022 have few digits or none, and what they are multiplied with does not bring them back.

    >>> softmax(np.array([700.0, 700.0, 0.0])).round(3).tolist()
    [0.5, 0.5, 0.0]
    """
    e = np.exp(x - x.max())
    return e / total(np.ravel(e))


def softplus(t):
    """log(1 + e^t), elementwise; e^t far left, t far right, never overflowing.

    >>> float(softplus(-40.0)), float(softplus(800.0))
    (4.248354255291589e-18, 800.0)
    """
    return np.maximum(t, 0.0) + np.log1p(np.exp(-np.abs(t)))


def log_sigmoid(t):
    """log sigmoid(t) = -softplus(-t), elementwise.

    >>> float(log_sigmoid(-800.0))
    -800.0
    """
    return -softplus(-t)


def sigmoid(t):
    """1 / (1 + e^{-t}), elementwise, with full relative accuracy in both tails: e^t to the left of 0.

    >>> float(sigmoid(-720.0)) > 0.0
    True
    """
    return np.exp(np.minimum(t, 0.0)) / (1.0 + np.exp(-np.abs(t)))


def log1mexp(t):
    """log(1 - e^t) of a number t <= 0; -inf at 0.  NaN for t > 0, where there is no real value.

    >>> float(log1mexp(-1e-20))  # 1 - e^t rounds to 0
    -46.051701859880914
    """
    if t > -np.log(2.0):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(-np.expm1(t))
    return np.log1p(-np.exp(t))


def xlogy(x, y):
    """x log y of two numbers, 0 where x = y = 0; -inf where x > 0 = y.

    The slope in x at x = 0 is log y, not 0: frameworks have returned 0 there.

    >>> float(xlogy(0.0, 0.0)), float(xlogy(2.0, 1.0))
    (0.0, 0.0)
    """
    if x == 0.0 and y == 0.0:
        return 0.0
    with np.errstate(divide="ignore"):
        return x * np.log(y)


def xlog1py(x, y):
    """x log(1 + y) of two numbers, y >= -1, 0 where x = 0 and y = -1; small y keeps its digits.

    >>> float(xlog1py(1.0, -1e-20)), float(xlog1py(0.0, -1.0))
    (-1e-20, 0.0)
    """
    if x == 0.0 and y == -1.0:
        return 0.0
    with np.errstate(divide="ignore"):
        return x * np.log1p(y)


def log_softmax(x):
    """log softmax(x) of a vector (k,), k >= 1; entries may be -inf, but not all; no digit cancels.

    The largest entry's own logarithm is -log1p(rest), so it stays right when its softmax rounds to 1.

    >>> log_softmax(np.array([40.0, 0.0])).tolist()
    [-4.248354255291589e-18, -40.0]
    """
    i = np.argmax(x)
    others = x[np.arange(len(x)) != i]
    return (x - x[i]) - np.log1p(total(np.exp(others - x[i])))


def parts(x):
    """x = m 2^e, elementwise, with |m| from 1 to 2; what is 0, infinite or NaN stays so in m.

    >>> [float(part) for part in parts(np.array(-3.0 * 2.0**-1060))]  # below 2^-1022 digits get lost
    [-1.5, -1059.0]
    """
    e = np.minimum(1023.0, np.floor(np.log2(np.where(x == 0.0, 1.0, np.abs(x)))))
    return x / 2.0**e, e


def put_together(m, e):
    """m 2^e, in two steps, since 2^e alone may be beyond the range."""
    half = np.floor(e / 2.0)
    return m * 2.0 ** np.minimum(half, 1023.0) * 2.0 ** np.minimum(e - half, 1023.0)


def unit_of(x):
    """The power of two that is just below the largest entry of an array; 1 where that is 0.

    In units of its own an array is near 1: no product of it with others is below 2^-1022, where digits end.

    >>> x = np.array([3e-320, -2e-320])
    >>> (x / unit_of(x)).round(3).tolist(), float(unit_of(np.zeros(2)))
    ([1.482, -0.988], 1.0)
    """
    return 2.0 ** parts(np.max(np.abs(value_of(x))))[1]


def product(*factors):
    """x y z ..., elementwise, which over- or underflows only where the result does, not on the way.

    >>> float(product(1e-200, 1e-200, 1e300)), 1e-200 * 1e-200 * 1e300
    (1e-100, 0.0)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        partial = list(accumulate(factors, mul))
    if all(_is_ordinary(x) for x in partial):
        return partial[-1]
    pairs = [parts(x) for x in factors]
    return put_together(prod(m for m, _ in pairs), sum(e for _, e in pairs))


def _is_ordinary(x):
    """Whether no number is near one of the ends of the range."""
    size = abs(x)
    if np.ndim(x) == 0:
        return 2.0**-960 < size < 2.0**960
    return np.all((size > 2.0**-960) & (size < 2.0**960))


def scaled_logsumexp(m, k, t):
    """log sum_i m_i 2^{k_i} e^{t_i} of vectors (c,), m > 0; terms may be beyond the range.

    >>> float(scaled_logsumexp(np.ones(1), np.array([4000.0]), np.array([-3000.0])).round(9))
    -227.41127776
    """
    largest = np.max(t)
    if not np.isfinite(largest):
        return largest
    terms, K = _scaled_terms(m, k, t - largest)
    return largest + (K * LOG_TWO + np.log(total(terms)))


def scaled_softmax(m, k, t, per=(1.0, 0.0)):
    """m_i 2^{k_i} e^{t_i} / sum_j m_j 2^{k_j} e^{t_j} of vectors (c,), m > 0; all per a_i 2^{h_i}, if given.

    As a logarithm a factor of 2^-1000 is rounded to 1e-13 of itself; as a factor it is exact.

    >>> scaled_softmax(np.array([1.0, 3.0]), np.array([-1000.0, -1000.0]), np.zeros(2)).tolist()
    [0.25, 0.75]
    """
    terms, K = _scaled_terms(m, k, t - np.max(t))
    a, h = per
    return _scaled_terms(m / a, k - h, t - np.max(t), K)[0] / total(terms)


def _scaled_terms(m, k, t, K=None):
    """m_i 2^{k_i} e^{t_i} in units of 2^K, and K: else the largest power of two that is in one of them."""
    t = np.maximum(t, -1e15)  # an infinity would have no remainder
    n = np.rint(t / LOG_TWO)
    K = np.max(k + n) if K is None else K
    with np.errstate(over="ignore"):
        return m * np.exp(t - n * LOG_TWO) * 2.0 ** (k + n - K), K


def weighted(w, x):
    """w x, elementwise, with 0 inf = 0: what has no weight does not count, even where it is infinite.

    >>> weighted(np.array([0.0, 2.0]), np.array([np.inf, 3.0])).tolist()
    [0.0, 6.0]
    """
    return w * np.where((w == 0.0) & (abs(x) == np.inf), 0.0, x)


def scaled_sum(c, r):
    """sum_i (1 + r_i) e^{c_i} over the first axis, as one such pair (c, r); c = -inf, r = 0 is nothing.

    For sums of sums: (1 + r) e^c neither over- nor underflows, the sum of a sum takes no logarithm, so
    that counts stay exact, and log1p(r) keeps what is small beside the largest term.

    >>> c, r = scaled_sum(np.array([0.0, -40.0, -np.inf]), np.zeros(3))
    >>> float(c + np.log1p(r))
    4.248354255291589e-18
    """
    i = np.argmax(c, axis=0)
    largest = c[(i, *np.indices(i.shape))]
    weights = np.exp(c - np.where(largest == -np.inf, 0.0, largest))
    is_beside = np.indices(c.shape, sparse=True)[0] != i
    rest = (weights * (r + is_beside)).sum(axis=0)
    full = rest > 2.0**300  # long before it overflows, what has been counted goes into c
    return np.where(full, largest + np.log1p(rest), largest), np.where(full, 0.0, rest)


def exp_excess(t):
    """e^t - 1 - t, elementwise: what a tangent of the exponential leaves out, t^2/2 near 0, never negative.

    >>> float(exp_excess(1e-10)), float(np.expm1(1e-10) - 1e-10)  # the difference keeps five digits
    (5.000000000166667e-21, 4.999996610153345e-21)
    """
    s = np.where(np.abs(t) < 1.0, t, 0.0)
    series = 1.0
    for n in range(19, 2, -1):
        series = 1.0 + series * s / n
    return np.where(np.abs(t) < 1.0, 0.5 * s * s * series, np.expm1(t) - np.minimum(t, 800.0))


def tanh_slope(t):
    """1 - tanh(t)^2, elementwise: 4 e^{-2|t|} in both tails, where tanh rounds to 1 and a difference to 0.

    >>> float(tanh_slope(0.0)), float(np.round(tanh_slope(-20.0) / np.exp(-40.0), 12))
    (1.0, 4.0)
    """
    e = np.exp(-2.0 * np.abs(t))
    return 4.0 * e / (1.0 + e) ** 2


def tanh_difference(a, b, gap):
    """tanh a - tanh b, elementwise, where gap = a - b: what they lack of 1 is subtracted, on the same side.

    The gap is asked for because who knows a = c + d and b = c + e knows d - e to more digits than a - b.

    >>> print(f"{float(tanh_difference(20.0, 21.0, -1.0)):.12g}", float(np.tanh(20.0) - np.tanh(21.0)))
    -7.34680405772e-18 0.0
    """
    p, q = np.exp(-2.0 * np.abs(a)), np.exp(-2.0 * np.abs(b))
    share = -np.expm1(-2.0 * np.abs(gap)) * np.sign(gap)
    same_side = 2.0 * np.maximum(p, q) * share / ((1.0 + p) * (1.0 + q))
    return np.where(np.sign(a) * np.sign(b) > 0.0, same_side, np.tanh(a) - np.tanh(b))


def softmax_and_complement(x):
    """(p, 1 - p) for p = softmax(x) of a vector (k,), k >= 1; no digit of either cancels.

    Only the largest entry can exceed one half, and 1 - p there is what all others have together.  They are
    added up without rounding: of many equal numbers all would be rounded the same way, and beside the
    largest many small ones would not count.  For gradients: autograd cannot follow.

    >>> p, rest = softmax_and_complement(np.array([40.0, 0.0]))
    >>> p.tolist(), rest.tolist()
    ([1.0, 4.248354255291589e-18], [4.248354255291589e-18, 1.0])
    """
    i = np.argmax(x)
    is_other = np.arange(len(x)) != i
    e = np.exp(x - x[i])
    others = _exactly(e[is_other])
    p = e / (1.0 + others)
    return p, np.where(is_other, 1.0 - p, others / (1.0 + others))
