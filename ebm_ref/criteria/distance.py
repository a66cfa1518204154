r"""Distances: how far apart two vectors are, and which of two is nearer, without losing a digit.

    |x - y|_p         = (sum_i |x_i - y_i|^p)^(1/p),      p >= 1
    d|x - y|_p / dx_i = sign(x_i - y_i) (|x_i - y_i| / |x - y|_p)^(p-1)

Three losses are functions of distances, and three things go wrong with distances.

Squares overflow at 1e154 and vanish at 1e-162, though the distance may be an ordinary number: divide
by the largest component first, as `hypot` does.

Where x = y the slope is a unit vector of no direction.  Automatic differentiation divides 0 by 0 and
returns NaN; an eps hides that by moving every distance.  By convention the slope is 0 here: of all
subgradients the shortest, and the only one that favours no direction.

Seen from far away two distances nearly cancel.  Let |a - b| and |a - c| be 1e8 and their difference 1:
to subtract them leaves eight digits.  Subtract the powers instead, component by component, where
c_i - b_i is known to the last digit.  For p = 2 this is the school formula

    |a - b| - |a - c| = (c - b).(2a - b - c) / (|a - b| + |a - c|)

Source: the scaling is Blue's (1978), "A portable Fortran program to find the Euclidean norm of a
vector"; the difference is elementary.
"""

import autograd.numpy as np

from ebm_ref.checks import require


def distance(x, y, p=2.0):
    """|x - y|_p of two vectors (n,): 0 exactly where they coincide, NaN where a component is NaN.

    >>> print(f"{distance(np.array([3e200, 0.0]), np.array([0.0, 4e200])):.6g}")
    5e+200
    """
    require(1.0 <= p < np.inf, "p", p, "must be >= 1 and finite")
    d = abs(x - y)
    M = d.max()
    if p == 1.0 or not 0.0 < M < np.inf:
        return d.sum()
    s = _scale(M, p)
    return s * (np.sqrt(((d / s) ** 2).sum()) if p == 2.0 else ((d / s) ** p).sum() ** (1.0 / p))


def distance_gradient(x, y, p=2.0):
    """d|x - y|_p / dx, shape (n,); by y it is the opposite.  Zero where x = y.

    >>> distance_gradient(np.array([3.0, 4.0]), np.zeros(2)).tolist()
    [0.6, 0.8]
    """
    return _slope(x - y, distance(x, y, p), p)


def _slope(x, d, p):
    """d|x|_p / dx where d = |x|_p is known."""
    return np.sign(x) * (abs(x) / (d if d != 0.0 else 1.0)) ** (p - 1.0)


def nearer(a, b, c, p=2.0):
    """|a - b|_p - |a - c|_p: by how much c is nearer to a than b is.

    >>> far, b, c = np.array([1e8, 0.0]), np.array([0.0, 3.0]), np.array([0.0, 4.0])
    >>> float(nearer(far, b, c)), float(distance(far, b) - distance(far, c))
    (-3.4999999999999976e-08, -2.9802322387695312e-08)
    """
    return _nearer(a, b, c, p, distance(a, b, p), distance(a, c, p))


def _nearer(a, b, c, p, B, C):
    """B - C, where B = |a - b|_p and C = |a - c|_p, without the digits that their difference loses."""
    M, e = np.maximum(B, C), _excess(a, b, c)
    if p == 1.0 or not 0.0 < M < np.inf:
        return e.sum() if np.isfinite(M) else B - C
    s = _scale(M, p)
    if p == 2.0:
        return s * np.sum(e / s * (abs(a - b) + abs(a - c)) / s) / ((B + C) / s)
    larger = np.maximum(abs(a - b), abs(a - c)) / s
    rise = np.sum(np.sign(e) * larger**p * _lost_part(abs(e) / s, larger, p))
    if abs(rise) > 0.5:  # far from cancelling, and 1 - |rise| would
        return B - C
    return -np.sign(rise) * s * np.expm1(np.log1p(-abs(rise)) / p)


def nearer_gradient(a, b, c, p=2.0):
    """d(|a - b|_p - |a - c|_p) / da, shape (n,): two slopes that nearly cancel where a is far."""
    B, C = distance(a, b, p), distance(a, c, p)
    slope_b, slope_c = _slope(a - b, B, p), _slope(a - c, C, p)
    with np.errstate(all="ignore"):  # the ratios of what vanishes are not used
        e = _excess(a, b, c) / abs(a - c)
        gap = _nearer(a, b, c, p, B, C) / C
        alike = (np.sign(a - b) == np.sign(a - c)) & (abs(e) < 0.5) & (abs(gap) < 0.5)
        turn = slope_c * np.expm1((p - 1.0) * (np.log1p(e) - np.log1p(gap)))
    return np.where(alike, turn, slope_b - slope_c)


def _excess(a, b, c):
    """|a_i - b_i| - |a_i - c_i| of every component: c_i - b_i wherever both lie on the same side of a_i."""
    x, y = a - b, a - c
    return np.where(np.sign(x) == np.sign(y), np.sign(x) * (c - b), abs(x) - abs(y))


def _lost_part(e, larger, p):
    """1 - ((larger - e) / larger)^p: the part of the larger power that the smaller one leaves."""
    with np.errstate(divide="ignore"):  # log 0 where the smaller one is 0: all of it
        return -np.expm1(p * np.log1p(-e / np.where(larger > 0.0, larger, 1.0)))


def _scale(M, p):
    """The largest component; for p = 2 the power of two below it, which costs no rounding."""
    return 2.0 ** np.floor(np.log2(M)) if p == 2.0 else M


def random_points(rng, *names):
    """Vectors in general position, all of the same 2 to 4 components."""
    n = int(rng.integers(2, 5))
    return {name: rng.normal(size=n) for name in names}
