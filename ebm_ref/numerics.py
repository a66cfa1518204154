r"""Numerics: the functions in which every energy-based model loses its digits, done once.

    logsumexp(x) = log sum_j e^{x_j}           softmax(x)     = e^{x_i} / sum_j e^{x_j}
    softplus(t)  = log(1 + e^t)                sigmoid(t)     = 1 / (1 + e^{-t})
    log1mexp(t)  = log(1 - e^t),  t <= 0       log_sigmoid(t) = -log(1 + e^{-t})
    xlogy(x, y)  = x log y,  0 log 0 = 0

Each is right to a few units of the last place times its condition number, in both tails.  Shifting
by the maximum prevents overflow but not cancellation: with a gap of 40 between the two largest
terms, log(1 + e^{-40}) computed as a log of a sum is exactly 0.  Taking the largest term out of the
sum and using log1p for the rest gives e^{-40}.

All are differentiable by autograd, which cannot follow item assignment or `logaddexp.reduce`.

Source: Maechler (2012), "Accurately computing log(1 - exp(-|a|))", for log1mexp; Blanchard, Higham
and Higham (2021), "Accurately computing the log-sum-exp and softmax functions".
Before: laws.py.  Next: energies/softmax.py.
"""

import autograd.numpy as np


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
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


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
    """1 / (1 + e^{-t}) = exp(log_sigmoid(t)), elementwise, with full relative accuracy in both tails.

    >>> float(sigmoid(-720.0)) > 0.0
    True
    """
    return np.exp(log_sigmoid(t))


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
