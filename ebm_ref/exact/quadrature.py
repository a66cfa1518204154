r"""Quadrature: log Z and expectations of continuous densities in one and two dimensions, with an error.

    log Z  = log int e^{-beta E(x)} dx
    <f>    = int f(x) e^{-beta E(x)} dx / Z

    x(t)   = c + s sinh(pi/2 sinh t)           on the whole line
             a + s exp(pi/2 sinh t)            from a to infinity
             a + (b - a) / (1 + e^{-2u})       from a to b,  u = pi/2 sinh t
    int g(x) dx ~ h sum_k g(x(kh)) x'(kh)

The page `double_exponential` has the change of variable and the error of one sum.  A density that is
smooth and in one piece needs no more.  Where the sums do not settle, the domain is cut and each part is
summed alone.

A cut falls where the density bends most sharply: there is a step, a corner, a peak or a pole.  It falls,
too, where E has a minimum that lies deeper than the points show: between two far points E may slope
towards a narrow mode.  Where E is infinite there is no slope, and a tenth of all points is spent on a
look between the forbidden ones.

Two more things are added to the error: what may lie beyond the outermost points, and rounding.  E is
rounded, and so is x itself, which moves E by its slope; far from 0 that tells.  A pole away from 0 has
few floats near it: of |x - c|^-0.9 a fortieth lies between c and the next float.

No finite number of points finds everything.  What lies between two points and shows at neither, a box of
width 0.01 at 5 or a mode so narrow that E is infinite or another mode's at all its neighbours, is
unknown, and no error speaks of it.  `points` says where to look.

Where the terms do not fall off towards the ends, the density has no integral, or too heavy a tail to be
trusted, and is refused.  Where not even a digit is certain, there is no number but `Unresolved`.

In floating point: e^{-beta E} over- and underflows, so the terms are kept as logarithms.

Source: Takahasi and Mori (1974), "Double exponential formulas for numerical integration"; the cuts are
elementary.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_positive, whole
from ebm_ref.exact.double_exponential import (
    REACH,
    UNIT,
    Sum,
    are_low,
    axes_between,
    h_of_part,
    lowest,
    mapped,
    one_sum,
    parts_between,
    points_along,
    sharpest,
    sharpest_bend,
    slips,
)
from ebm_ref.numerics import weighted

LINE = ((-np.inf, np.inf),)
PLANE = LINE * 2
DIGIT = 0.1  # a larger error leaves no digit
FIRST = {1: 1.0 / 128.0, 2: 1.0 / 8.0}  # h of the first sum, which looks for modes, by dimension
LATER = {1: 1.0 / 32.0, 2: 1.0 / 4.0}  # of the parts between cuts
FINEST = {1: 1.0 / 512.0, 2: 1.0 / 64.0}
RESERVE = {1: 1.0, 2: 4.0}  # parts are coarse at first: cuts pay where so much more can be spent on them
LOWEST = -1e308
NO_INTEGRAL = (
    "energy: must grow outwards, and towards a pole at c it must fall more slowly than log |x - c|: "
    "e^-E has no integral here, or none that can be trusted"
)


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


class Unresolved(ValueError):
    """No digit is certain: `value` is the best guess at log Z or <f>, `error` what it may be wrong by."""

    def __init__(self, what, value, error, place):
        self.value, self.error, self.place = value, error, place
        super().__init__(
            f"energy: not resolved: {what} = {value:.4g} +- {error:.2g} is all that is known; the trouble is "
            f"near {place}; `points`, `centre`, `scale` or more `evaluations` may help"
        )


def log_partition(energy, beta=1.0, intervals=LINE, centre=0.0, scale=1.0, evaluations=200_000, points=()):
    """log Z of a density e^{-beta E} and a bound on its error.

    Parameters
    ----------
    energy : callable
        E of one point: a number in one dimension, an array (2,) in two.  +inf forbids; -inf is a pole.
    beta : float
        Inverse temperature, > 0.
    intervals : sequence of (float, float)
        One pair (a, b) for each dimension, -inf <= a < b <= inf.
    centre, scale : float or (d,) float
        Where an infinite interval's points are dense, and over what length; scale > 0.
    evaluations : int
        After so many points nothing is cut any more.
    points : (m,) float, or (m, 2) in two dimensions
        Places inside the intervals to cut at from the start: far modes, poles, edges of a support.

    Returns
    -------
    (float, float)
        log Z, and what it may be wrong by, as far as the points show.

    Raises `Unresolved`, a ValueError, if that is more than 0.1.  Raises ValueError if E is NaN somewhere,
    if it is -inf at neighbouring points, if every point is forbidden, or if e^{-beta E} does not fall off.

    >>> value, error = log_partition(lambda x: x**2 / 2.0)
    >>> bool(abs(value - np.log(2.0 * np.pi) / 2.0) <= error), error < 1e-12
    (True, True)
    >>> edge = np.sqrt(2.0)  # a box, whose edges nobody named
    >>> value, error = log_partition(lambda x: 0.0 if abs(x) < edge else np.inf)
    >>> bool(abs(value - np.log(2.0 * edge)) <= error), error < 1e-12
    (True, True)
    """
    sides, beta, evaluations = _checked(energy, intervals, centre, scale, beta, evaluations, points)
    search = Search(energy, beta, lambda x: 1.0, evaluations)
    with np.errstate(all="ignore"):  # far out x^2 overflows; what is NaN in the end is not resolved
        level, Z, _ = search.integrals(sides)
    value, share = (float(level + np.log(Z.value)), Z.error / Z.value) if Z.value else (-np.inf, np.inf)
    error = float(UNIT * abs(value) - np.log1p(-share)) if share < 1.0 else np.inf
    if not error <= DIGIT:
        raise Unresolved("log Z", value, error, search.trouble)
    return value, error


def expectation(
    function, energy, beta=1.0, intervals=LINE, centre=0.0, scale=1.0, evaluations=200_000, points=()
):
    """<f> under p(x) ~ e^{-beta E(x)}, and a bound on its error.

    Parameters
    ----------
    function : callable
        f of one point, as E; a number.
    energy, beta, intervals, centre, scale, evaluations, points
        As for `log_partition`.

    Returns
    -------
    (float, float)
        <f>, and what it may be wrong by, as far as the points show.

    Raises ValueError: As for `log_partition`, and if |f| e^{-beta E} does not fall off: there is no mean.
    Raises `Unresolved` if the error is more than a tenth of <|f|>.

    >>> double_well = lambda x: (x**2 - 1.0) ** 2
    >>> round(expectation(lambda x: x**2, double_well)[0], 6)
    0.832745
    """
    require(callable(function), "function", function, "must be a function of one point")
    sides, beta, evaluations = _checked(energy, intervals, centre, scale, beta, evaluations, points)
    search = Search(energy, beta, function, evaluations)
    with np.errstate(all="ignore"):
        _, Z, F = search.integrals(sides)
    value, least = F.value / Z.value if Z.value else np.nan, max(Z.value - Z.error, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = float((F.error + abs(value) * Z.error) / least) if least else np.inf
    if not error * Z.value <= DIGIT * F.size:
        raise Unresolved("<f>", float(value), error, search.trouble)
    return float(value), error


def _checked(energy, intervals, centre, scale, beta, evaluations, points):
    """The pieces to start with, beta, and the number of evaluations."""
    require(callable(energy), "energy", energy, "must be a function of one point")
    pairs = as_real("intervals", intervals)
    fits = np.ndim(pairs) == 2 and len(pairs) in (1, 2) and pairs.shape[1] == 2
    require(fits, "intervals", intervals, "must be one or two pairs (a, b)")
    require(np.all(pairs[:, 0] < pairs[:, 1]), "intervals", intervals, "must have a < b in each pair (a, b)")
    with np.errstate(over="ignore"):
        is_long = np.all(np.isfinite(pairs), axis=1) & ~np.isfinite(pairs[:, 1] - pairs[:, 0])
    require(not np.any(is_long), "intervals", intervals, "must have a b - a that does not overflow")
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
    places = _places(points, pairs)
    axes = [
        axes_between(a, b, c, s, places[:, i])
        for i, ((a, b), c, s) in enumerate(zip(pairs.tolist(), *each, strict=True))
    ]
    return list(product(*axes)), beta, whole("evaluations", evaluations)


def _places(points, pairs):
    """`points` as (m, d), each inside the intervals."""
    x, d = as_real("points", points), len(pairs)
    x = x.reshape(-1, d) if np.size(x) == 0 else x[:, None] if d == 1 and np.ndim(x) == 1 else x
    require(np.ndim(x) == 2 and x.shape[1] == d, "points", points, f"must be (m,), or (m, {d}) if not 1")
    inside = np.all((pairs[:, 0] < x) & (x < pairs[:, 1]))
    require(inside, "points", points, "must be inside the intervals")
    return x


@dataclass(frozen=True, eq=False)
class Box:
    """A piece of the domain, the sums over it, and what they do not show."""

    sides: tuple  # one (a, b, c, s, span) for each dimension
    h: float
    lines: list  # one Points for each
    E: np.ndarray  # over the grid
    terms: tuple  # two arrays over the grid, of e^-E dx and of f e^-E dx, over e^level
    sums: np.ndarray  # (2, 5): a Sum of each
    level: float
    modes: list  # those that lie deeper than the points show
    settles: bool
    final: bool = False  # nothing makes it smaller, or no points are left

    def t(self, k):
        """t of the point k of the grid."""
        return [points.t[i] for points, i in zip(self.lines, k, strict=True)]

    def largest(self):
        """x of the largest term, as text."""
        w = np.abs(self.terms[1])
        k = np.unravel_index(np.argmax(w), w.shape)
        return ", ".join(f"{points.x[i]:.6g}" for points, i in zip(self.lines, k, strict=True))


@dataclass(frozen=True)
class Mode:
    """A minimum of E between points."""

    log_most: float  # log of the most that it may add to Z
    t: list
    f: float


class Search:
    """One integral: E, beta, f, how many points are left, and where the error comes from."""

    def __init__(self, energy, beta, function, evaluations):
        self.energy, self.beta, self.function = energy, beta, function
        self.left, self.looks, self.trouble = evaluations, evaluations // 10, ""

    def E(self, x):
        """beta E at the points x."""
        self.left -= len(x)
        with np.errstate(all="ignore"):
            E = self.beta * real("energy", [self.energy(point) for point in x], len(x))
        require(
            not np.any(np.isnan(E)), "energy", self.energy, "must be a number everywhere in the intervals"
        )
        return E

    def f(self, x, between=False):
        """f at points x where e^-E > 0; between those that count it may be infinite."""
        with np.errstate(all="ignore"):
            f = real("function", [self.function(point) for point in x], len(x))
        if between:
            return np.nan_to_num(f, nan=0.0, posinf=1e300, neginf=-1e300)
        rule = "must be finite wherever e^-E > 0"
        require(np.all(np.isfinite(f)), "function", self.function, rule)
        return f

    def at(self, sides, t):
        """x of one point t, and log of dx/dt."""
        each = [mapped(*side[:4], np.array([u])) for side, u in zip(sides, t, strict=True)]
        x = np.concatenate([one for one, _ in each])
        return (x[0] if len(x) == 1 else x), float(sum(log_dx[0] for _, log_dx in each))

    def E_along(self, sides, t, axis):
        """E as a function of the coordinate t of one axis."""
        return lambda u: self.E([self.at(sides, [*t[:axis], u, *t[axis + 1 :]])[0]])[0]

    def integrals(self, pieces):
        """(level, Sum of 1, Sum of f): the worst box is made smaller while that helps and points are left."""
        d = len(pieces[0])
        h = FIRST[d]
        while len(pieces) * (2.0 * REACH / h) ** d > self.left and h < 1.0 / 8.0:
            h *= 2.0
        self.looks //= len(pieces)
        boxes, self.looks = [self.box(sides, h) for sides in pieces], 0
        while True:
            level = max(box.level for box in boxes)
            each = np.array([box.sums * np.exp(box.level - max(level, LOWEST)) for box in boxes])
            total = [Sum(*row) for row in np.sum(each, axis=0)]
            for row in total:
                if row.beyond == np.inf:
                    raise ValueError(NO_INTEGRAL)
            i, worst = self.worst(boxes, each, total)
            if worst < 0.0 or (level > -np.inf and all(row.settled() for row in total)):
                require(level > -np.inf, "energy", self.energy, "must not forbid every point")
                return level, *total
            boxes[i : i + 1] = self.smaller(boxes[i], level)

    def worst(self, boxes, each, total):
        """(i, share) of the box with the largest error that can be reduced; share = -1 if there is none."""
        sizes = np.array([row.size or 1.0 for row in total])
        shares = np.max(each[:, :, 2] / sizes, axis=1)
        shares = np.where([box.final for box in boxes], -1.0, shares)
        i = int(np.argmax(shares))
        self.trouble = boxes[int(np.argmax(np.max(each[:, :, 2:].sum(2) / sizes, axis=1)))].largest()
        return i, shares[i]

    def box(self, sides, h, coarse=None):
        """The sums over one piece; those of twice the step know E at every other point."""
        lines = [points_along(*side, h) for side in sides]
        grid = lambda arrays: np.meshgrid(*arrays, indexing="ij")
        inside = np.logical_and.reduce(grid([points.inside for points in lines]))
        x = np.stack(grid([points.x for points in lines]), -1)
        x = x[..., 0] if len(sides) == 1 else x
        E = self.filled(x, inside, coarse)
        modes = self.deep(sides, lines, E, inside) + self.islands(sides, lines, E, inside)
        modes += self.poles(lines, E)
        logs = np.where(np.abs(E) < np.inf, sum(grid([points.logs for points in lines])) - E, -np.inf)
        level = max([np.max(logs)] + [mode.log_most for mode in modes if mode.log_most < np.inf])
        p = np.exp(logs - max(level, LOWEST))
        f = np.zeros(p.shape)
        f[p > 0.0] = self.f(x[p > 0.0])
        rough = np.where(np.abs(E) < np.inf, 1.0 + np.abs(E) + slips(E, lines), 0.0)
        each = (p, weighted(p, rough)), (f * p, weighted(np.abs(f) * p, rough) + weighted(p, slips(f, lines)))
        sums, settle = zip(*(one_sum(w, p, noise, lines, h) for w, noise in each), strict=True)
        sums = np.array(sums)
        for mode in modes:
            sums[:, 2] += np.exp(mode.log_most - level) * np.array([1.0, abs(mode.f)])
        return Box(sides, h, lines, E, (p, f * p), sums, level, modes, all(settle))

    def filled(self, x, inside, coarse):
        """E over the grid: +inf where a point is not inside."""
        E, new = np.full(inside.shape, np.inf), inside.copy()
        if coarse is not None:
            known = (slice(None, None, 2),) * E.ndim
            E[known], new[known] = coarse.E, False
        E[new] = self.E(x[new])
        return E

    def mode(self, sides, t, gaps, E):
        """A minimum at t: at most, E is so low all the way between the neighbours."""
        x, log_dx = self.at(sides, t)
        return Mode(sum(np.log(b - a) for a, b in gaps) + log_dx - E, t, self.f([x], between=True)[0])

    def deep(self, sides, lines, E, inside):
        """Minima of E that lie deeper than the points show."""
        found = []
        for k in np.argwhere(are_low(E, inside)):
            if self.left < 0:
                break
            t = [points.t[i] for points, i in zip(lines, k, strict=True)]
            gaps = [(points.t[i - 1], points.t[i + 1]) for points, i in zip(lines, k, strict=True)]
            least, low = self.descend(sides, t, gaps, E[tuple(k)])
            if least < E[tuple(k)] - 0.5:
                found.append(self.mode(sides, low, gaps, least))
        return found

    def descend(self, sides, t, gaps, E):
        """(E, t) of a minimum near t: along the axis, or along both in turn."""
        for axis in [0] if len(t) == 1 else [0, 1] * 3:
            value, (a, c), b = self.E_along(sides, t, axis), gaps[axis], t[axis]
            b, E = lowest(value, (a, b, c), (value(a), E, value(c)))
            t = [*t[:axis], b, *t[axis + 1 :]]
        return E, t

    def islands(self, sides, lines, E, inside):
        """Modes between two forbidden points, where no slope leads to them: at first one looks there."""
        forbidden = (E == np.inf) & inside
        if len(sides) > 1 or not self.looks or not np.any(forbidden):
            return []
        gaps = np.flatnonzero(forbidden[1:] & forbidden[:-1])
        n = 1 + self.looks // max(1, len(gaps))
        t = lines[0].t
        t = np.ravel(t[gaps, None] + (t[gaps + 1] - t[gaps])[:, None] * np.arange(1.0, n) / n)
        E = self.E(mapped(*sides[0][:4], t)[0])
        value, found = self.E_along(sides, [0.0], 0), []
        for k in 1 + np.flatnonzero((E[1:-1] < np.inf) & (E[1:-1] <= E[2:]) & (E[1:-1] < E[:-2])):
            at, least = lowest(value, t[k - 1 : k + 2], E[k - 1 : k + 2])
            found.append(self.mode(sides, [at], [(t[k - 1], t[k + 1])], least))
        return found

    def poles(self, lines, E):
        """Points where E is -inf: one is cut at, two neighbours are refused."""
        clear = np.logical_and.reduce(np.meshgrid(*[points.clear for points in lines], indexing="ij"))
        poles = np.argwhere((E == -np.inf) & clear)
        alone = not np.any(np.abs(np.diff(poles, axis=0)).sum(1) == 1)
        require(alone, "energy", self.energy, "must be above -inf: e^-E must have an integral")
        return [Mode(np.inf, [points.t[i] for points, i in zip(lines, k, strict=True)], 1.0) for k in poles]

    def smaller(self, box, level):
        """Half the step where sums settle, else parts between cuts; the same box if no points are left."""
        d, modes = len(box.sides), [mode for mode in box.modes if mode.log_most > level - 40.0]
        if not modes and (level == -np.inf or (box.settles and box.h > FINEST[d])):
            enough = self.left >= (2**d - 1) * box.E.size
            return [self.box(box.sides, box.h / 2.0, box) if enough else replace(box, final=True)]
        cuts = [[mode.t[axis] for mode in modes] for axis in range(d)] if modes else self.sharpest(box)
        parts = list(product(*map(parts_between, box.sides, cuts)))
        hs = [self.h_of(sides, box) for sides in parts]
        cost = RESERVE[d] * sum((2.0 * REACH / h) ** d for h in hs)
        if len(parts) == 1 or self.left < cost:
            return [replace(box, final=True)]
        parts = [self.box(sides, h) for sides, h in zip(parts, hs, strict=True)]
        heir = max(parts, key=lambda part: part.level)  # what lies beyond the ends is beyond the parts' ends
        heir.sums[:, 4] += box.sums[:, 4] * np.exp(box.level - heir.level)
        return parts

    def h_of(self, sides, box):
        """h for a part of a box: on a line no point fewer, in the plane that would take too many."""
        d = len(sides)
        return LATER[d] if d > 1 else min(LATER[d], h_of_part(sides[0], box.sides[0], box.h, FINEST[d]))

    def sharpest(self, box):
        """For each axis the t to cut at: one, where the terms bend most sharply."""
        _, axis, k = max(sharpest(w, axis) for w in box.terms for axis in range(len(box.sides)))
        t, near = box.t(k), box.lines[axis].t[k[axis] - 1 : k[axis] + 2]

        def terms(u):
            x, log_dx = self.at(box.sides, [*t[:axis], u, *t[axis + 1 :]])
            p = np.exp(min(log_dx - self.E([x])[0] - box.level, 700.0))
            return p, (p * self.f([x], between=True)[0] if p > 0.0 else 0.0)

        at = sharpest_bend(terms, near) if len(near) == 3 else t[axis]
        return [[at] if i == axis else [] for i in range(len(box.sides))]
