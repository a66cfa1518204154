r"""Numerics: the functions in which every energy-based model loses its digits, done once.

    logsumexp(x) = log sum_j e^{x_j}           softmax(x)     = e^{x_i} / sum_j e^{x_j}
    softplus(t)  = log(1 + e^t)                sigmoid(t)     = 1 / (1 + e^{-t})
    log1mexp(t)  = log(1 - e^t),  t <= 0       log_sigmoid(t) = -log(1 + e^{-t})
    xlogy(x, y)  = x log y,  0 log 0 = 0     log_softmax(x) = x - logsumexp(x)
    xlog1py(x, y) = x log(1 + y)             weighted(w, x) = w x,  0 inf = 0
    scaled_sum(c, r) = sum_i (1 + r_i) e^{c_i}, as a pair (c, r) again
    log_factorial(y) = log Gamma(1 + y)      stirling_error(y): its digits beyond Stirling
    exp_excess(t) = e^t - 1 - t              tanh_slope(t) = 1 - tanh(t)^2
    tanh_difference(a, b, a - b) = tanh a - tanh b
    softmax_and_complement(x) = p, 1 - p, the others added up exactly
    total(x) = sum_j x_j                     rounded once, whatever cancels

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
and Higham (2021), "Accurately computing the log-sum-exp and softmax functions"; Loader (2000), "Fast
and accurate computation of binomial probabilities", for stirling_error.
"""

from math import fsum

import autograd.numpy as np
from autograd.extend import defvjp, primitive
from autograd.tracer import getval, isbox


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
def total(x):
    """sum_j x_j of a vector, rounded once: what is left where large terms cancel has all its digits.

    Infinities and NaN prevail, and opposite infinities are NaN.

    >>> float(total(np.array([1e17, 0.5, -1e17])))
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


defvjp(total, lambda ans, x: lambda g: g * np.ones(np.shape(x)))


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


def logsumexp(x):
    """log sum_j exp(x_j) of a vector (k,), k >= 1; -inf terms count as absent, +inf and NaN prevail.

    >>> float(logsumexp(np.array([0.0, -40.0])))  # a naive log-sum-exp returns 0.0
    4.248354255291589e-18
    """
    i = np.argmax(x)
    if not np.isfinite(x[i]):
        return x[i]
    others = x[np.arange(len(x)) != i]
    return x[i] + np.log1p(np.sum(np.exp(others - x[i])))


def softmax(x):
    """e^{x_i} / sum_j e^{x_j} of a vector (k,), k >= 1; sums to 1, small entries fully accurate.

    >>> softmax(np.array([700.0, 700.0, 0.0])).round(3).tolist()
    [0.5, 0.5, 0.0]
    """
    e = np.exp(x - x.max())
    return e / e.sum()


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
    return (x - x[i]) - np.log1p(np.sum(np.exp(others - x[i])))


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


# J(y) ~ sum_i STIRLING[i] / y^(2i+1): what Stirling's formula leaves out of log y!
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)


def stirling_error(y):
    """J(y) = log y! - log(sqrt(2 pi y) (y/e)^y) of a number y >= 1: about 1/(12 y).

    The series is good from 10 on.  Below, J(y) = J(y+1) + (y + 1/2) log(1 + 1/y) - 1, where the last
    three nearly cancel: they are s^2/3 + s^4/5 + ... with s = 1/(2y+1).

    >>> float(np.round(stirling_error(1.0), 15)), float(np.round(1.0 - np.log(2.0 * np.pi) / 2.0, 15))
    (0.081061466795327, 0.081061466795327)
    """
    steps = 0.0
    while y < 10.0:
        s = 1.0 / (2.0 * y + 1.0)
        steps = steps + s * s * sum((s * s) ** i / (2 * i + 3) for i in range(16))
        y = y + 1.0
    r = 1.0 / y
    return steps + r * sum(c * (r * r) ** i for i, c in enumerate(STIRLING))


def log_factorial(y):
    """log y! = log Gamma(1 + y) of a number y >= 0; it is -0.577 y near 0, and keeps its digits there.

    Below 1, from y! = e^(-gamma y) prod_j e^(y/j) / (1 + y/j): ten factors, and Stirling for the rest.

    >>> float(np.round(log_factorial(3.0), 14)), float(log_factorial(1e-20))
    (1.79175946922806, -5.772156649015328e-21)
    """
    if not y < 1.0:
        return (np.log(2.0 * np.pi * y) / 2.0 + (y * np.log(y) - y)) + stirling_error(y)
    n = 10.0
    x, L = y / n, np.log1p(y / n)
    near = sum(y / j - np.log1p(y / j) for j in range(1, 11))
    far = (n + y + 0.5) * L - (y + 0.5 * x)
    for i, c in enumerate(STIRLING):
        m = 2 * i + 1
        far = far + c / n**m * (np.expm1(-m * L) + m * x)
    return (near + far) - np.euler_gamma * y


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
    others = fsum(e[is_other].tolist())
    p = e / (1.0 + others)
    return p, np.where(is_other, 1.0 - p, others / (1.0 + others))
