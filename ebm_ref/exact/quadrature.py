r"""Quadrature: log Z and expectations of continuous densities in one and two dimensions, with an error.

    log Z  = log int e^{-beta E(x)} dx
    <f>    = int f(x) e^{-beta E(x)} dx / Z

    x(t)   = c + s sinh(pi/2 sinh t)           on the whole line
             a + s exp(pi/2 sinh t)            from a to infinity
             a + (b - a) / (1 + e^{-2u})       from a to b,  u = pi/2 sinh t
    int g(x) dx ~ h sum_k g(x(kh)) x'(kh)

The change of variable makes any density fall off doubly exponentially in t.  For a smooth function that
dies out on both sides the plain sum of equal steps is the best rule there is: halving h doubles the
number of right digits.  So |S(h) - S(h/2)| is the error of the coarser sum, and far more than the error
of the finer one, which is returned.  Where E has a corner and sums settle slowly, the change before it
counts, too.

Two more things are added to the error: what may lie beyond the outermost points, and rounding.  E is
rounded, and so is x itself, which moves E by its slope; far from 0 that tells.

All of that is about what the points show.  Of a needle between them no rule of this kind knows.  If a few
points carry the whole density, the error is infinite; `centre` and `scale` say where to look.

Where the terms do not fall off towards the ends, the density has no integral, or too heavy a tail to be
trusted, and is refused.

In floating point: e^{-beta E} over- and underflows, so the terms are kept as logarithms.

Source: Takahasi and Mori (1974), "Double exponential formulas for numerical integration".
"""

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_positive, whole
from ebm_ref.numerics import weighted

LINE = ((-np.inf, np.inf),)
PLANE = LINE * 2
REACH = 5.0  # |t| <= 5: x(t) runs up to 1e50
TOLERANCE = 1e-12  # two sums that agree to so much of 1 + their size are good enough
ENOUGH = 8.0  # a density that is spread over fewer points than that has not been seen
UNIT = 8.0 * 2.0**-53


def log_partition_as_printed(energy, beta=1.0, scale=1.0, step=0.03125):
    """log of the sum h sum_k e^{-beta E(x(kh))} x'(kh) over the line, as printed: 0 where E is high.

    >>> with np.errstate(divide="ignore", under="ignore"):
    ...     float(log_partition_as_printed(lambda x: x**2 / 2.0 + 1000.0))
    -inf
    >>> round(log_partition(lambda x: x**2 / 2.0 + 1000.0)[0], 12)
    -999.081061466795
    """
    require(callable(energy), "energy", energy, "must be a function of one point")
    beta, s, h = real("beta", beta), real("scale", scale), real("step", step)
    for argument, value in (("beta", beta), ("scale", s), ("step", h)):
        require_positive(argument, value)
    require(h >= 2.0**-12, "step", h, "must be at least 2^-12")
    t = h * np.arange(-int(REACH / h), int(REACH / h) + 1)
    u = np.pi / 2.0 * np.sinh(t)
    x, slope = s * np.sinh(u), s * np.cosh(u) * np.pi / 2.0 * np.cosh(t)
    E = real("energy", [energy(point) for point in x], len(x))
    return np.log(h * np.sum(np.exp(-beta * E) * slope))


def log_partition(energy, beta=1.0, intervals=LINE, centre=0.0, scale=1.0, evaluations=200_000):
    """log Z of a density e^{-beta E} and a bound on its error.

    Parameters
    ----------
    energy : callable
        E of one point: a number in one dimension, an array (2,) in two.  +inf forbids.
    beta : float
        Inverse temperature, > 0.
    intervals : sequence of (float, float)
        One pair (a, b) for each dimension, -inf <= a < b <= inf.
    centre, scale : float or (d,) float
        Where an infinite interval's points are dense, and over what length; scale > 0.
    evaluations : int
        The most points that one sum may have.

    Returns
    -------
    (float, float)
        log Z, and what it may be wrong by; infinite where not even a digit is certain.

    Raises ValueError if E is NaN or -inf somewhere, if all is forbidden, or if e^{-beta E} does not fall
    off.

    >>> value, error = log_partition(lambda x: x**2 / 2.0)
    >>> bool(abs(value - np.log(2.0 * np.pi) / 2.0) <= error), error < 1e-12
    (True, True)
    """
    axes, beta, evaluations = _checked(energy, intervals, centre, scale, beta, evaluations)
    return _refined(lambda h: _log_sum(*_terms(energy, beta, axes, h), h), len(axes), evaluations)


def expectation(function, energy, beta=1.0, intervals=LINE, centre=0.0, scale=1.0, evaluations=200_000):
    """<f> under p(x) ~ e^{-beta E(x)}, and a bound on its error.

    Parameters
    ----------
    function : callable
        f of one point, as E; a number.
    energy, beta, intervals, centre, scale, evaluations
        As for `log_partition`.

    Returns
    -------
    (float, float)
        <f>, and what it may be wrong by.

    Raises ValueError: As for `log_partition`, and if |f| e^{-beta E} does not fall off: there is no mean.

    >>> double_well = lambda x: (x**2 - 1.0) ** 2
    >>> round(expectation(lambda x: x**2, double_well)[0], 6)
    0.832745
    """
    axes, beta, evaluations = _checked(energy, intervals, centre, scale, beta, evaluations)
    require(callable(function), "function", function, "must be a function of one point")
    mean = lambda h: _mean(function, *_terms(energy, beta, axes, h), h)
    return _refined(mean, len(axes), evaluations)


def _checked(energy, intervals, centre, scale, beta, evaluations):
    """(a, b, c, s) of each dimension, beta, and the number of evaluations."""
    require(callable(energy), "energy", energy, "must be a function of one point")
    pairs = as_real("intervals", intervals)
    fits = np.ndim(pairs) == 2 and len(pairs) in (1, 2) and pairs.shape[1] == 2
    require(fits, "intervals", intervals, "must be one or two pairs (a, b)")
    require(np.all(pairs[:, 0] < pairs[:, 1]), "intervals", intervals, "must have a < b in each pair (a, b)")
    each = []
    for argument, value in (("centre", centre), ("scale", scale)):
        x = as_real(argument, value)
        fits = np.shape(x) in ((), (len(pairs),))
        require(fits, argument, value, f"must be one number, or one for each of {len(pairs)} dimensions")
        each.append(np.broadcast_to(x, len(pairs)).tolist())
    for c, s in zip(*each, strict=True):
        require(np.isfinite(c), "centre", c, "must be finite")
        require_positive("scale", s)
    beta = real("beta", beta)
    require_positive("beta", beta)
    require_count("evaluations", evaluations)
    evaluations = whole("evaluations", evaluations)
    return [(a, b, c, s) for (a, b), c, s in zip(pairs.tolist(), *each, strict=True)], beta, evaluations


def _refined(estimate, dimensions, evaluations):
    """Halve the step until two sums agree, or the points run out: the last value, and its error."""
    h, last = 1.0 / 4.0, np.inf
    before, _ = estimate(h)
    while True:
        h /= 2.0
        now, error = estimate(h)
        change, exhausted = abs(now - before), (4.0 * REACH / h) ** dimensions > evaluations
        if change <= TOLERANCE * (1.0 + abs(now)):
            return now, change + error
        if exhausted:  # a corner of E leaves an error of h^2 and changes that are erratic
            return now, max(change, last / 4.0) + error
        before, last = now, change


def _terms(energy, beta, axes, h):
    """The points, log of what each adds to Z, what rounds with beta E there, and whether it is outermost."""
    xs, logs = zip(*(_line(*axis, h) for axis in axes), strict=True)
    points = xs[0] if len(axes) == 1 else np.stack(np.meshgrid(*xs, indexing="ij"), -1).reshape(-1, 2)
    with np.errstate(all="ignore"):
        E = beta * real("energy", [energy(x) for x in points], len(points))
    require(not np.any(np.isnan(E)), "energy", energy, "must be a number everywhere in the intervals")
    require(np.all(E > -np.inf), "energy", energy, "must be above -inf: e^-E must have an integral")
    require(np.any(E < np.inf), "energy", energy, "must not forbid every point")
    is_outer = np.zeros([len(x) for x in xs], bool)
    for a in range(len(xs)):
        np.moveaxis(is_outer, a, 0)[[0, -1]] = True
    weights = logs[0] if len(axes) == 1 else np.add.outer(*logs).ravel()
    return points, weights - E, np.abs(E) + _slips(E, xs), is_outer.ravel()


def _slips(E, xs):
    """sum |x dE/dx| over the axes, by the steeper neighbour: a rounded x moves E by its share of that."""
    E, slips = np.reshape(E, [len(x) for x in xs]), 0.0
    for a, x in enumerate(xs):
        with np.errstate(all="ignore"):
            slopes = np.abs(np.diff(np.moveaxis(E, a, -1)) / np.diff(x))
        none = np.zeros((*slopes.shape[:-1], 1))
        slopes = np.concatenate([none, np.where(np.isfinite(slopes), slopes, 0.0), none], axis=-1)
        steeper = np.maximum(slopes[..., 1:], slopes[..., :-1])
        slips = slips + np.moveaxis(weighted(steeper, np.abs(x)), -1, a)
    return np.ravel(slips)


def _line(a, b, c, s, h):
    """Points x(kh) strictly inside (a, b), and log(h x'(kh))."""
    t = h * np.arange(-round(REACH / h), round(REACH / h) + 1)
    u, log_du = np.pi / 2.0 * np.sinh(t), np.log(h * np.pi / 2.0 * np.cosh(t))
    log_2cosh = np.abs(u) + np.log1p(np.exp(-2.0 * np.abs(u)))
    if np.isfinite(a) and np.isfinite(b):
        near = (b - a) * np.exp(-np.abs(u) - log_2cosh)  # distance from the nearer end
        x, log_dx = np.where(u < 0.0, a + near, b - near), np.log(2.0 * (b - a)) - 2.0 * log_2cosh
    elif np.isfinite(a) or np.isfinite(b):
        x, log_dx = (a + s * np.exp(u) if np.isfinite(a) else b - s * np.exp(u)), np.log(s) + u
    else:
        x, log_dx = c + s * np.sinh(u), np.log(s / 2.0) + log_2cosh
    inside = (a < x) & (x < b)
    return x[inside], (log_du + log_dx)[inside]


def _log_sum(points, logs, rough, is_outer, h):
    """log Z, its error by rounding and by what lies beyond the points; infinite if few carry it."""
    largest = np.max(logs)
    p = np.exp(logs - largest)
    value = float(largest + np.log(np.sum(p)))
    p = p / np.sum(p)
    rounding = UNIT * (1.0 + abs(value) + np.sum(weighted(p, rough)))
    needle = np.inf if np.sum(p * p) > 1.0 / ENOUGH else 0.0
    return value, float(rounding + _beyond(p, is_outer, h) + needle)


def _mean(function, points, logs, rough, is_outer, h):
    """<f>, and its error by rounding and by what lies beyond the outermost points."""
    log_Z, unseen = _log_sum(points, logs, rough, is_outer, h)
    p = np.exp(logs - log_Z)
    seen = p > 0.0
    with np.errstate(over="ignore"):
        f = real("function", [function(x) for x in points[seen]], int(np.sum(seen)))
    require(np.all(np.isfinite(f)), "function", function, "must be finite wherever e^-E > 0")
    p, absolute = p[seen] / np.sum(p), np.abs(f) * p[seen]
    rounding = UNIT * np.sum(absolute * (2.0 + rough[seen]))
    needle = unseen if unseen == np.inf else 0.0
    return float(np.sum(f * p)), float(rounding + _beyond(absolute, is_outer[seen], h) + needle)


def _beyond(p, is_outer, h):
    """What lies beyond the outermost points: at most their density in t, for it falls at least as e^-t."""
    edge, whole = np.sum(p[is_outer]) / h, np.sum(p)
    share = float(edge / whole) if whole else 0.0
    if share > 1e-3:
        raise ValueError(f"energy: must grow outwards; of e^-E {share:.2g} is left at the ends: no integral")
    return edge
