r"""Restricted Boltzmann machines: log Z and the moments of 16 x 16 units in two milliseconds.

    Z       = sum_h e^{c'h} prod_i (1 + e^{t_i}),        t = b + W h
    h       = (g, k),   t_i = a_i(g) + d_i(k):   hidden units in two halves
    1 + e^{t_i} = 1 + A_i(g) D_i(k),                     A = e^a, D = e^d

    dlog Z/dW = <v h'>,    dlog Z/db = <v>,    dlog Z/dc = <h>

Summed plainly, each of 2^16 settings of h takes an exponential and a logarithm for every visible unit.  Cut
in half, a setting has two short parts, and the exponential of a sum is a product: 256 exponentials for each
unit and each half, and then 2^16 factors that take one multiplication and one addition each.  They are
multiplied up over i, and no logarithm is taken but the last.

The moments come from the same table.  Let P(g, k) be a term of Z; then P/(1 + A_i D_i) is the part of it in
which v_i is off, and sums over rows and over columns are all that <v_i h'> needs, since a unit of h depends
on g alone or on k alone.

Either kind of units may be summed; the fewer are.  With 2^m settings of the smaller kind time is in
proportion to n 2^m, memory to 2^{m/2}.

In floating point: a factor has a rounding error or two, so that Z is right to some 3 n units of the last
place, and the moments to as many units of 1: a unit that is on once in e^40 has lost its digits.  Products
beyond e^700 would overflow.  Then the table is made of logarithms, in 20 times the time.

Source: elementary; Hinton (2002) for the product form; `exact.blocks` for the same idea with spins.
"""

from typing import NamedTuple

import numpy as np

from ebm_ref.checks import real, require
from ebm_ref.exact.enumeration import configurations
from ebm_ref.exact.spins import require_memory
from ebm_ref.numerics import softplus

RANGE = 700.0  # log of what is multiplied and added without overflow
BLOCK = 2**17  # factors that are worked on at once, and stay in the cache


class Halves(NamedTuple):
    """Exponents: of n factors by settings of the first half (n, r) and of the second (n, s), and of c'h."""

    a: np.ndarray  # b + W g
    d: np.ndarray  # W k
    u: np.ndarray  # (r,) c'g
    v: np.ndarray  # (s,) c'k


def log_partition(weights, visible_bias, hidden_bias):
    """log Z of a restricted Boltzmann machine of bits, E = -b'v - c'h - v'W h.

    Parameters
    ----------
    weights : (v, h) float
        W, finite; time and memory grow with the smaller of v and h.
    visible_bias, hidden_bias : (v,), (h,) float
        b and c, finite.

    Raises ValueError if the sizes do not fit, if a number is not finite, or if half the settings of the
    smaller kind do not fit the memory.

    >>> W = np.log([[2.0, 1.0], [1.0, 4.0]])  # weights of h = 00, 01, 10, 11: 4, 10, 6, 15
    >>> float(np.exp(log_partition(W, np.zeros(2), np.zeros(2))).round(12))
    35.0
    """
    W, b, c = checked(weights, visible_bias, hidden_bias)
    if W.shape[0] < W.shape[1]:
        W, b, c = W.T, c, b
    top, blocks = terms(halves(W, b, c))
    return top + np.log(sum(np.sum(P) for P, _ in blocks))


def moments(weights, visible_bias, hidden_bias):
    """(log Z, <v h'> (v, h), <v> (v,), <h> (h,)): log Z and its gradient by W, b and c.

    Parameters and errors as for `log_partition`.

    >>> log_Z, vh, v, h = moments(np.log([[3.0]]), [0.0], [0.0])  # weights 1, 1, 1, 3
    >>> float(np.exp(log_Z).round(12)), vh.round(12).tolist(), v.round(12).tolist()
    (6.0, [[0.5]], [0.666666666667])
    """
    W, b, c = checked(weights, visible_bias, hidden_bias)
    if W.shape[0] < W.shape[1]:
        log_Z, hv, h, v = _moments(W.T, c, b)
        return log_Z, hv.T, v, h
    return _moments(W, b, c)


def checked(weights, visible_bias, hidden_bias):
    """W (v, h), b (v,) and c (h,) as float64, if they fit and are finite."""
    W, b, c = (
        real("weights", weights, "v", "h"),
        real("visible_bias", visible_bias, "v"),
        real("hidden_bias", hidden_bias, "h"),
    )
    require(W.shape == (len(b), len(c)), "weights", W, f"must be ({len(b)}, {len(c)}), as the biases are")
    require(W.size > 0, "weights", W, "must be of one unit of each kind, or more")
    for argument, x in (("weights", W), ("visible_bias", b), ("hidden_bias", c)):
        require(np.all(np.isfinite(x)), argument, x, "must be finite")
    return W, b, c


def halves(W, b, c):
    """The exponents of all factors, by settings of either half of the hidden units."""
    cut = len(c) // 2
    require_memory("weights", W, 8.0 * (4 * len(b) + len(c)) * 2.0 ** (len(c) - cut) + 16.0 * BLOCK)
    first, second = half_settings(cut), half_settings(len(c) - cut)
    a, d = W[:, :cut] @ first.T + b[:, None], W[:, cut:] @ second.T
    return Halves(a, d, first @ c[:cut], second @ c[cut:])


def half_settings(m):
    """(2^m, m) settings of m bits."""
    return configurations((2,) * m).astype(float) if m else np.zeros((1, 0))


def terms(parts):
    """(top, blocks): e^-top P (r, s), the terms of Z, in blocks of rows, each with its factors (n, r, s)."""
    if fits(parts):
        return 0.0, map(multiplied, blocks_of(Halves(*map(np.exp, parts))))
    top = max(np.max(exponents(part)) for part in blocks_of(parts))
    return top, (by_logarithms(part, top) for part in blocks_of(parts))


def fits(parts):
    """Whether no product of these factors overflows."""
    largest = np.max(parts.a, axis=1) + np.max(parts.d, axis=1)
    sizes = [np.sum(softplus(largest)) + np.max(parts.u) + np.max(parts.v)]
    return max(*sizes, *(np.max(np.abs(part)) for part in parts)) <= RANGE


def blocks_of(parts):
    """The same of a few settings of the first half at a time."""
    n, s = parts.d.shape
    rows = max(1, BLOCK // (n * s))
    for i in range(0, len(parts.u), rows):
        yield Halves(parts.a[:, i : i + rows], parts.d, parts.u[i : i + rows], parts.v)


def multiplied(part):
    """P and its factors 1 + A D, from exponentials of exponents."""
    A, D, U, V = part
    F = A[:, :, None] * D[:, None, :]
    F += 1.0
    return np.multiply.reduce(F, axis=0) * U[:, None] * V, F


def exponents(part):
    """(r, s) logarithms of the terms of Z."""
    t = part.a[:, :, None] + part.d[:, None, :]
    return np.sum(softplus(t), axis=0) + part.u[:, None] + part.v


def by_logarithms(part, top):
    """The same as `multiplied`, from the exponents; a factor may be infinite."""
    with np.errstate(over="ignore"):
        F = 1.0 + np.exp(part.a[:, :, None] + part.d[:, None, :])
    return np.exp(exponents(part) - top), F


def _moments(W, b, c):
    """`moments` as a sum over hidden units, which should be the fewer."""
    cut, (top, blocks) = len(c) // 2, terms(halves(W, b, c))
    of_first, off_first, of_second, off_second = [], [], 0.0, 0.0
    for P, F in blocks:
        np.divide(P, F, out=F)  # what is left where v_i is off
        of_first.append(P @ np.ones(P.shape[1]))
        off_first.append(F @ np.ones(P.shape[1]))
        of_second += np.ones(len(P)) @ P
        off_second += np.ones(len(P)) @ F
    of_first, off_first = np.concatenate(of_first), np.concatenate(off_first, axis=1)
    Z, first, second = np.sum(of_first), half_settings(cut), half_settings(len(c) - cut)
    on_first, on_second = (of_first - off_first) / Z, (of_second - off_second) / Z
    vh = np.hstack([on_first @ first, on_second @ second])
    h = np.concatenate([of_first @ first, of_second @ second]) / Z
    return top + np.log(Z), vh, np.sum(on_first, axis=1), h
