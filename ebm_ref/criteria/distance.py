r"""Distances: how far apart two vectors are, and which of two is nearer, without losing a digit.

    |d|_q                     = (sum_i |d_i|^q)^{1/q}          q >= 1
    d|d|_q/dd_i               = sign(d_i) (|d_i| / |d|_q)^{q-1}
    d|x - y|_q/dx             = u(x - y)
    d(|a - b|_q - |a - c|_q)/da = u(a - b) - u(a - c)

q is the degree of the norm, and u(d) the vector of slopes in the second line.  Three losses are
functions of distances, and three things go wrong with distances.

Squares overflow at 1e154 and vanish at 1e-162, though the distance may be an ordinary number.  So
divide by the largest component first, as `hypot` does.

Where x = y the slope is a unit vector of no direction.  Automatic differentiation divides 0 by 0 and
returns NaN; an eps hides that by moving every distance.  By convention the slope is 0 here: of all
subgradients the shortest, and the only one that favours no direction.

Seen from far away two distances nearly cancel.  If |a - b| and |a - c| are 1e8 and differ by 1, their
difference has eight digits left.  So subtract the powers instead, component by component, where
c_i - b_i is known to the last digit.  For q = 2 this is the school formula

    |a - b| - |a - c| = (c - b).(2a - b - c) / (|a - b| + |a - c|)

Source: the scaling is Blue's (1978), "A portable Fortran program to find the Euclidean norm of a
vector"; the difference is elementary.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require


def distance(x, y, p=2.0):
    """|x - y|_p of two vectors (n,): 0 exactly where they coincide, NaN where a component is NaN.

    >>> print(f"{distance(np.array([3e200, 0.0]), np.array([0.0, 4e200])):.6g}")
    5e+200
    """
    x, y, q = checked(p, x=x, y=y)
    return length(x - y, q)


def distance_gradient(x, y, p=2.0):
    """d|x - y|_p/dx, shape (n,); by y it is the opposite.  Zero where x = y.

    >>> distance_gradient(np.array([3.0, 4.0]), np.zeros(2)).tolist()
    [0.6, 0.8]
    """
    x, y, q = checked(p, x=x, y=y)
    return length_slope(x - y, q)


def nearer(a, b, c, p=2.0):
    """|a - b|_p - |a - c|_p: by how much c is nearer to a than b is.

    >>> far, b, c = np.array([1e8, 0.0]), np.array([0.0, 3.0]), np.array([0.0, 4.0])
    >>> float(nearer(far, b, c)), float(distance(far, b) - distance(far, c))
    (-3.4999999999999976e-08, -2.9802322387695312e-08)
    """
    a, b, c, q = checked(p, a=a, b=b, c=c)
    return gap(a, b, c, q)


def nearer_gradient(a, b, c, p=2.0):
    """d(|a - b|_p - |a - c|_p)/da, shape (n,): two slopes that nearly cancel where a is far.

    >>> nearer_gradient(np.zeros(2), np.array([3.0, 4.0]), np.array([0.0, 2.0])).round(3).tolist()
    [-0.6, 0.2]
    """
    a, b, c, q = checked(p, a=a, b=b, c=c)
    return gap_slope(a, b, c, q)


def checked(p, **points):
    """The points as float64, all of the same one or more components, and the degree of the norm."""
    n = np.size(next(iter(points.values())))
    found = [real(argument, x, n) for argument, x in points.items()]
    for argument, x in points.items():
        check_components(argument, x)
    q = real("p", p)
    check_degree(q)
    return *found, q


def check_components(argument, x):
    """Raise a ValueError if a point has no component."""
    require(np.size(x) >= 1, argument, x, "must have n >= 1 components")


def check_degree(p):
    """Raise a ValueError unless there is a norm of this degree, and the norm is smooth."""
    require(1.0 <= p < np.inf, "p", p, "must be >= 1 and finite")


def length(d, q=2.0):
    """|d|_q of a vector that was checked."""
    d = abs(d)
    M = d.max()
    if q == 1.0 or not 0.0 < M < np.inf:
        return d.sum()
    s = _scale(M, q)
    return s * (np.sqrt(((d / s) ** 2).sum()) if q == 2.0 else ((d / s) ** q).sum() ** (1.0 / q))


def length_slope(d, q=2.0):
    """d|d|_q/dd, in units of the largest component: no rounded |d|_q is raised to a high power."""
    M = abs(d).max()
    if not 0.0 < M < np.inf:
        return np.sign(d) * (abs(d) / (M if M != 0.0 else 1.0)) ** (q - 1.0)
    r = abs(d) / _scale(M, q)
    return np.sign(d) * (r ** (q - 1.0) / (r**q).sum() ** (1.0 - 1.0 / q))


def gap(a, b, c, q):
    """|a - b|_q - |a - c|_q of points that were checked."""
    return _gap(a, b, c, q, length(a - b, q), length(a - c, q))


def _gap(a, b, c, q, B, C):
    """B - C, where B = |a - b|_q and C = |a - c|_q, without the digits that their difference loses."""
    M, e = np.maximum(B, C), _excess(a, b, c)
    if q == 1.0 or not 0.0 < M < np.inf:
        return e.sum() if np.isfinite(M) else B - C
    s = _scale(M, q)
    if q == 2.0:
        return s * np.sum(e / s * (abs(a - b) + abs(a - c)) / s) / ((B + C) / s)
    larger = np.maximum(abs(a - b), abs(a - c)) / s
    rise = np.sum(np.sign(e) * larger**q * _lost_part(abs(e) / s, larger, q))
    if abs(rise) > 0.5:  # B - C is far from cancelling, and 1 - |rise| would cancel
        return B - C
    return -np.sign(rise) * s * np.expm1(np.log1p(-abs(rise)) / q)


def gap_slope(a, b, c, q):
    """d(|a - b|_q - |a - c|_q)/da of points that were checked."""
    B, C = length(a - b, q), length(a - c, q)
    slope_b, slope_c = length_slope(a - b, q), length_slope(a - c, q)
    with np.errstate(all="ignore"):  # the ratios of what vanishes are not used
        e = _excess(a, b, c) / abs(a - c)
        relative = _gap(a, b, c, q, B, C) / C
        apart = (q - 1.0) * (np.log1p(e) - np.log1p(relative))
        near = (abs(e) < 0.5) & (abs(relative) < 0.5) & (abs(apart) < 0.5)
        alike = (np.sign(a - b) == np.sign(a - c)) & near & (len(a) > 1)  # on a line a slope is 1 or -1
        turn = slope_c * np.expm1(apart)
    slope, i = np.where(alike, turn, slope_b - slope_c), np.argmax(abs(a - c))
    both_along = i == np.argmax(abs(a - b)) and np.sign(a - b)[i] == np.sign(a - c)[i] != 0.0
    if both_along and len(a) > 1 and np.isfinite(B + C):
        slope[i] = slope_c[i] * _turn_of_the_longest(a, b, c, q, i)
    return slope


def _turn_of_the_longest(a, b, c, q, i):
    """(|x_i|/|x|)^(q-1) / (|y_i|/|y|)^(q-1) - 1 for x = a - b, y = a - c, which point nearly along axis i.

    (|x_i|/|x|)^q = 1/(1 + t_x), t_x = (X/|x_i|)^q, where X is the length of x without x_i; so for y.  From
    X |y_i| - Y |x_i| = |y_i| (X - Y) - (|x_i| - |y_i|) Y the small t_x - t_y keeps its digits.
    """
    rest, x, y, e = np.arange(len(a)) != i, abs(a - b)[i], abs(a - c)[i], _excess(a, b, c)[i]
    X, Y = length((a - b)[rest], q), length((a - c)[rest], q)
    less = y * _gap(a[rest], b[rest], c[rest], q, X, Y) - e * Y
    t_y, size = (Y / y) ** q, Y * x
    is_small = abs(less) < 0.5 * size and q * abs(less) < 100.0 * size
    rise = t_y * np.expm1(q * np.log1p(less / size)) if is_small else (X / x) ** q - t_y
    return np.expm1((1.0 / q - 1.0) * np.log1p(rise / (1.0 + t_y)))


def _excess(a, b, c):
    """|a_i - b_i| - |a_i - c_i| of every component: c_i - b_i wherever both lie on the same side of a_i."""
    x, y = a - b, a - c
    return np.where(np.sign(x) == np.sign(y), np.sign(x) * (c - b), abs(x) - abs(y))


def _lost_part(e, larger, q):
    """1 - ((larger - e) / larger)^q: the part of the larger power that the smaller one leaves."""
    with np.errstate(divide="ignore"):  # log 0 where the smaller one is 0: all of it
        return -np.expm1(q * np.log1p(-e / np.where(larger > 0.0, larger, 1.0)))


def _scale(M, q):
    """The largest component; for q = 2 the power of two below it, by which it divides exactly."""
    return 2.0 ** np.floor(np.log2(M)) if q == 2.0 else M


def random_points(rng, *names):
    """Vectors in general position, all of the same 2 to 4 components."""
    n = int(rng.integers(2, 5))
    return {name: rng.normal(size=n) for name in names}
