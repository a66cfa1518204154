r"""Weighted mean: products that neither over- nor underflow, and a derivative that does not cancel.

    L       = (1/W) sum_j w_j l_j          W = sum_j w_j
    dL/dl_i = w_i / W
    dL/dw_i = (l_i - L) / W

Here l_i are losses and w_i >= 0 their weights.  Computed as they stand, these formulas go wrong
in three ways.

A weight of 1e-162 times a loss of 1e-162 is 0, though L is an ordinary number.  So every number is
taken apart into m 2^e, and the e are added up as whole numbers.

Where one sample has nearly all the weight, L rounds to its loss, and l_i - L is 0 or noise.  So losses
are counted from the loss l_r that is nearest to L:

    l_i - L = (l_i - l_r) - (1/W) sum_j w_j (l_j - l_r)

If i = r, the first bracket is exactly 0, and nothing is left to cancel.  If not, l_i lies at least as
far from L as l_r does, so the first bracket is at most twice the result.

A weight of 0 times an infinite loss is no number: a sample of weight 0 is absent.

Source: elementary; taking numbers apart is what C's frexp and ldexp are for.
"""

import autograd.numpy as np

from ebm_ref.numerics import parts, put_together


def mean(l, w):
    """L of losses and weights that were checked.

    >>> f"{mean(np.array([1e-162, 2e-162]), np.array([1e-162, 1e-162])):.9g}"
    '1.5e-162'
    """
    return put_together(*mean_in_parts(l, w))


def shares(w):
    """dL/dl: the part w_i / W that each sample has of all the weight.

    >>> shares(np.array([1e308, 1e308])).tolist()
    [0.5, 0.5]
    """
    m, e = parts(w)
    W, scale = total(m, e)
    return put_together(m / W, e - scale)


def slope(l, w):
    """dL/dw; where L is infinite it is infinite or NaN.

    >>> slope(np.array([1.0, 3.0]), np.array([1e-17, 1.0])).tolist()
    [-2.0, 2e-17]
    """
    L = mean(l, w)
    if not np.isfinite(L):
        return l - L
    quarter = 0.25 if np.max(np.abs(l), where=np.isfinite(l), initial=0.0) > 2.0**1020 else 1.0
    x = from_nearest(quarter * l, w)  # of which no difference overflows
    (m, e), (x_mean, x_scale), (W, scale) = parts(x), mean_in_parts(x, w), total(*parts(w))
    m, e = total(
        np.stack([m, np.full(len(l), -x_mean)], axis=1), np.stack([e, np.full(len(l), x_scale)], axis=1)
    )
    return put_together(m / W / quarter, e - scale)


def from_nearest(l, w):
    """l - l_r, where l_r is nearest to L; as L rounds, it is looked for again once it is nearly 0."""
    x = l
    for _ in range(2):
        x = l - l[np.argmin(np.abs(x - mean(x, w)))]
    return x


def mean_in_parts(l, w):
    """L as a pair (m, e), of which it is m 2^e."""
    (m, e), (n, f) = parts(w), parts(np.where((w == 0.0) & (np.abs(l) == np.inf), 0.0, l))
    (S, s), (W, scale) = total(m * n, e + f), total(m, e)
    return S / W, s - scale


def total(m, e):
    """sum_i m_i 2^{e_i} over the last axis as one such pair, counted from the largest power of two."""
    e = np.where(m == 0.0, -5000.0, e)
    scale = np.max(e, axis=-1)
    terms = np.where(np.abs(m) == np.inf, m, m * 2.0 ** (e - scale[..., None]))
    return np.sum(terms, axis=-1), scale
