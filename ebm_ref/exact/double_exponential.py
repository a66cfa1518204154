r"""The double exponential rule: one sum over one piece of the domain, and all that its points tell.

    x(t)   = c + s sinh(pi/2 sinh t)           on the whole line
             a + s exp(pi/2 sinh t)            from a to infinity
             a + (b - a) / (1 + e^{-2u})       from a to b,  u = pi/2 sinh t
    S(h)   = h sum_k g(x(kh)) x'(kh)           ~ int g(x) dx

The change of variable makes what is integrated fall off doubly exponentially in t.  For a smooth function
that dies out on both sides the plain sum of equal steps is the best rule there is: halving h doubles the
number of right digits.  One set of points gives S(h), S(2h), S(4h) and S(8h).  Where the terms bend
smoothly and |S(h) - S(2h)| is far below the change before it, that is the error of S(2h), and far more
than the error of S(h), which is returned.  Elsewhere it is three times the largest of the three changes.

A piece may be a part of t between two cuts.  It is mapped by the third line above, with t in the place of
x, so that points crowd at each cut on all scales.

Where a piece is to be cut the points say, too: a minimum of E that lies deeper than they show, or the
place where the terms bend most sharply.  Both are found by halving the gap around a point.

Source: Takahasi and Mori (1974), "Double exponential formulas for numerical integration"; the search for
cuts is elementary.
"""

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from ebm_ref.numerics import weighted

REACH = 5.0  # |t| <= 5: x(t) runs up to 1e50
ENOUGH = 8.0  # a density that is spread over fewer points than that has not been seen
TOLERANCE = 1e-12  # an error of so much of the whole is good enough
UNIT = 8.0 * 2.0**-53
ERRATIC = 3.0  # the error of sums that do not settle, in units of their largest change
CLEAR = 2.0**-50  # 4 floats or more
FLOATS = 2.0**-43  # a part has a thousand floats at least
GAIN = {1: 8.0, 2: 4.0}  # by dimension: sums settle where the last change was so much smaller


def between(a, b, t):
    """(x(t), log x'(t)) from a to b, for an array of t.

    >>> x, log_slope = between(0.0, 2.0, np.zeros(1))
    >>> x.tolist(), bool(np.isclose(np.exp(log_slope[0]), np.pi / 2.0))
    ([1.0], True)
    """
    u = np.pi / 2.0 * np.sinh(t)
    log_2cosh = np.abs(u) + np.log1p(np.exp(-2.0 * np.abs(u)))
    near = (b - a) * np.exp(-np.abs(u) - log_2cosh)  # distance from the nearer end
    log_dx = np.log(np.pi * (b - a) * np.cosh(t)) - 2.0 * log_2cosh
    return np.where(u < 0.0, a + near, b - near), log_dx


def mapped(a, b, c, s, t):
    """(x(t), log x'(t)) of an axis from a to b, each of which may be infinite, for an array of t."""
    if np.isfinite(a) and np.isfinite(b):
        return between(a, b, t)
    u, log_du = np.pi / 2.0 * np.sinh(t), np.log(np.pi / 2.0 * np.cosh(t))
    if np.isfinite(a) or np.isfinite(b):
        return (a + s * np.exp(u) if np.isfinite(a) else b - s * np.exp(u)), np.log(s) + u + log_du
    return c + s * np.sinh(u), np.log(s / 2.0) + np.logaddexp(u, -u) + log_du


@dataclass(frozen=True, eq=False)
class Points:
    """What is known of the points along one axis."""

    t: np.ndarray
    x: np.ndarray
    logs: np.ndarray  # log of each point's share of int dx
    moves: np.ndarray  # by how much, in units of roundoff, x is rounded
    inside: np.ndarray  # strictly: the ends themselves may be poles
    clear: np.ndarray  # inside, and floats away from the ends
    cuts: tuple  # x of both ends of a part

    def is_at_cut(self, x):
        """Whether x is so few floats from a cut that a step may lie between them."""
        return any(abs(x - cut) <= FLOATS * abs(cut) for cut in self.cuts)


def axes_between(a, b, c, s, places):
    """(a, b, c, s, None) of each piece of an axis; of the whole line one ends at the centre, too."""
    if len(places) and a == -np.inf and b == np.inf:
        places = np.append(places, c)
    ends = [a, *np.unique(places).tolist(), b]
    return [(*pair, c, s, None) for pair in pairwise(ends)]


def points_along(a, b, c, s, span, h):
    """Points at kh: of t itself, or of what is mapped to t between the two cuts of `span`."""
    k = h * np.arange(-round(REACH / h), round(REACH / h) + 1)
    t, log_dt = (k, 0.0) if span is None else between(*span, k)
    x, log_dx = mapped(a, b, c, s, t)
    low, high = (a, b) if span is None else np.sort(mapped(a, b, c, s, np.array(span))[0])
    inside = (low < x) & (x < high) & (a < x) & (x < b)
    moves = np.abs(x) + (0.0 if span is None else np.abs(t) / 8.0 * np.exp(np.minimum(log_dx, 700.0)))
    clear = inside & _clear(x, low) & _clear(x, high)
    if span is not None:
        clear &= _clear(t, span[0]) & _clear(t, span[1])
    return Points(
        t, x, np.log(h) + log_dt + log_dx, moves, inside, clear, (low, high) if span is not None else ()
    )


def _clear(x, end):
    """Whether x is many floats away from an end, so that their difference is known."""
    return np.abs(x - end) > CLEAR * abs(end) if np.isfinite(end) else np.isfinite(x)


@dataclass(frozen=True)
class Sum:
    """int f e^-E over one box or over all, divided by e^level."""

    value: float
    size: float  # the same of |f|
    loose: float  # error that smaller steps or cuts would reduce
    rounding: float
    beyond: float  # what may lie beyond the ends

    @property
    def error(self):
        return self.loose + self.rounding + self.beyond

    def settled(self):
        return self.loose <= max(TOLERANCE * self.size, self.rounding + self.beyond)


def one_sum(w, p, noise, lines, h):
    """The sum of terms w with density p and what is known of its error.

    Returns (the numbers of a Sum, whether half the step is worth trying).  `noise` is what is rounded of
    each term, in units of roundoff.
    """
    S = [np.sum(w[(slice(None, None, 2**i),) * w.ndim]) * 2.0 ** (i * w.ndim) for i in range(4)]
    size, (change, last, first) = np.sum(np.abs(w)), np.abs(np.diff(S))
    sharpest = max(np.max(bends(w, axis)) for axis in range(w.ndim))
    falls = change <= last / 16.0 and (last <= first / 4.0 or change * size <= 10.0 * last**2)
    if change <= TOLERANCE * size and sharpest <= 0.1 * np.max(np.abs(w)):
        loose = change
    elif falls and sharpest <= 0.1 * np.max(np.abs(w)):
        loose = max(change, ERRATIC * sharpest)  # a step between two points that agrees by chance
    else:
        loose = ERRATIC * max(change, last, first)
    few = size > 0.0 and np.sum((p / np.sum(p)) ** 2) > 1.0 / ENOUGH
    loose += size if few else 0.0
    settles = few or change <= max(last / GAIN[w.ndim], 1e-14 * size)
    beyond = _beyond(np.abs(w), lines, h)
    return (S[0], size, loose, UNIT * np.sum(noise), beyond), settles


def _beyond(w, lines, h):
    """What lies beyond the outermost points: they fall outwards as e^{-rate t}, or faster and faster.

    Infinite where they rise.
    """
    lost, size = 0.0, np.sum(w)
    for axis, line in enumerate(lines):
        m = np.sum(np.moveaxis(w, axis, 0).reshape(len(line.t), -1), axis=1)[line.clear]
        step = max(1, round(0.25 / h))
        for edge, inner, x in _ends(m, line.x[line.clear], step):
            lost += _tail(edge / h, inner / h, step * h, UNIT * size, line.is_at_cut(x))
    return lost


def _ends(m, x, step):
    """(density at an end, that some steps further in, x of the end) of both ends, if there are so many."""
    return ((m[0], m[step], x[0]), (m[-1], m[-1 - step], x[-1])) if len(m) > step else ()


def _tail(edge, inner, distance, least, is_at_cut):
    """What lies beyond an edge, by the density there and a distance further in."""
    if inner > edge > 0.0:
        return edge * distance / np.log(inner / edge)
    if is_at_cut and inner == 0.0:  # a forbidden side of a step that was cut a float too late
        return edge
    return np.inf if edge > least else edge


def slips(E, lines):
    """sum |dE/dx| move over the axes, by the steeper neighbour: a rounded x moves E, or f, by so much."""
    slips = 0.0
    for axis, line in enumerate(lines):
        with np.errstate(all="ignore"):
            slopes = np.abs(np.diff(np.moveaxis(E, axis, -1)) / np.diff(line.x))
        none = np.zeros((*slopes.shape[:-1], 1))
        slopes = np.concatenate([none, np.where(np.isfinite(slopes), slopes, 0.0), none], axis=-1)
        steeper = np.maximum(slopes[..., 1:], slopes[..., :-1])
        with np.errstate(over="ignore"):
            slips = slips + np.moveaxis(weighted(steeper, line.moves), -1, axis)
    return slips


def are_low(E, inside):
    """Whether each point is the lowest of its neighbours by so much that E may be far lower between them."""
    is_low, rise = np.zeros(E.shape, bool), np.zeros(E.shape)
    inner = (slice(1, -1),) * E.ndim
    low, rises = inside[inner] & (np.abs(E[inner]) < np.inf), np.zeros(E[inner].shape)
    shifts = slice(None, -2), slice(1, -1), slice(2, None)
    for there in product(shifts, repeat=E.ndim):
        with np.errstate(invalid="ignore"):
            step = E[there] - E[inner]
        low &= inside[there] & (step >= 0.0)
        rises = np.fmax(rises, step)
    is_low[inner], rise[inner] = low & (rises > 0.1), rises
    finite = E[np.abs(E) < np.inf]
    least = np.min(finite) if len(finite) else 0.0
    with np.errstate(invalid="ignore"):
        return is_low & (E - 50.0 * rise < least + 50.0)


def lowest(value, t, E):
    """(t, E) of a minimum of value(t) near the second of three t: halve the gaps until all is flat.

    >>> at, least = lowest(lambda t: 1e6 * (t - 0.3) ** 2, (0.0, 0.5, 1.0), (9e4, 4e4, 4.9e5))
    >>> abs(at - 0.3) < 1e-3, least < 0.1
    (True, True)
    """
    (a, b, c), (A, B, C) = t, E
    while B > -np.inf and not max(A, C) - B < 0.1:
        d, e = (a + b) / 2.0, (b + c) / 2.0
        if not a < d < b < e < c:
            break
        t, E = (a, d, b, e, c), (A, value(d), B, value(e), C)
        i = 1 + int(np.argmin(E[1:4]))
        (a, b, c), (A, B, C) = t[i - 1 : i + 2], E[i - 1 : i + 2]
    return b, B


def sharpest_bend(terms, t):
    """t where terms(t), some numbers, bend most, near the second of three t: halve the gaps until none do.

    >>> abs(sharpest_bend(lambda t: (1.0 * (t > 0.3),), (0.0, 0.5, 1.0)) - 0.3) < 1e-15
    True
    """
    t, p = np.array(t), np.array([terms(u) for u in t])
    while True:
        t = np.array([t[0], (t[0] + t[1]) / 2.0, t[1], (t[1] + t[2]) / 2.0, t[2]])
        if not np.all(np.diff(t) > 0.0):
            return float(t[2])
        p = np.array([p[0], terms(t[1]), p[1], terms(t[3]), p[2]])
        bent = np.max(np.abs(p[1:-1] - (p[:-2] + p[2:]) / 2.0), axis=1)
        i = 1 + int(np.argmax(bent))
        t, p = t[i - 1 : i + 2], p[i - 1 : i + 2]
        if not bent[i - 1] > 1e-13 * np.max(np.abs(p)):
            return float(t[1])


def bends(w, axis):
    """|w - its interpolation by four neighbours| along an axis: steps, corners and peaks stand out.

    >>> np.round(bends(np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]), 0), 3).tolist()
    [0.0, 0.0, 0.167, 0.5, 0.5, 0.167, 0.0, 0.0]
    """
    w = np.moveaxis(w, axis, 0)
    odd = np.zeros(w.shape)
    odd[2:-2] = w[2:-2] + (w[:-4] + w[4:]) / 6.0 - (w[1:-3] + w[3:-1]) * (2.0 / 3.0)
    return np.moveaxis(np.abs(odd), 0, axis)


def sharpest(w, axis):
    """(how sharp, axis, index) of the sharpest bend of terms w along an axis."""
    bent = bends(w / (np.sum(np.abs(w)) or 1.0), axis)
    k = np.unravel_index(np.argmax(bent), bent.shape)
    return bent[k], axis, tuple(map(int, k))


def h_of_part(part, whole, h, least):
    """h, not below `least`, that leaves the points of a part as dense in t as those of the whole."""
    span, wide = (side[-1][1] - side[-1][0] if side[-1] else 4.0 / np.pi for side in (part, whole))
    return max(least, 2.0 ** np.floor(np.log2(h * wide / span)))


def parts_between(side, cuts):
    """An axis between cuts, as axes of their own; a cut that leaves few floats to one side is left out.

    >>> [span for *_, span in parts_between((0.0, 1.0, 0.0, 1.0, (-1.0, 2.0)), [0.5, 2.0 - 1e-15])]
    [(-1.0, 0.5), (0.5, 2.0)]
    """
    *axis, span = side
    ends = np.array(span or (-REACH, REACH))
    inner = np.array(sorted({float(t) for t in cuts if ends[0] < t < ends[1]}))
    for places in (lambda t: t, lambda t: mapped(*axis, t)[0]):
        gaps = np.abs(places(inner)[:, None] - places(ends))
        inner = inner[np.all(gaps > FLOATS * np.abs(places(inner))[:, None], axis=1)]
    return [(*axis, pair) for pair in pairwise(np.sort([*ends, *inner]).tolist())] if len(inner) else [side]
