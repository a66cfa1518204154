r"""Search on a grid with local refinement: the lowest energy on a line or in a plane.

    y   <- the lowest of the neighbours y + h s,     s_i = -1, 0 or 1
    h   <- h/2        when none of them is lower than y

    E(y) <= E(y + h s) for every s                   what is certain at the end

E is tried at every node of a grid over the box, and the search starts from several nodes: the lowest of
those that lie no higher than their neighbours.  On a line the certificate is a bracket, E(y - h) >= E(y)
<= E(y + h), and a continuous E has a local minimum inside it.  It says nothing of a valley that falls
between the nodes, unless one knows how steep E can be.  With D the diagonal of a cell,

    |E(a) - E(b)| <= L |a - b|   implies   min_y E(y) >= min_nodes E - L D/2

The most offending answer of a continuum is the lowest outside a ball of radius epsilon around the
correct one.  It is seldom a local minimum: as a rule it lies on the sphere, which is searched as well.

In floating point no search by energies alone finds y to more than half of the digits: within
sqrt(2 u |E| / E'') of the minimum, where u = 2^-53, E does not change.

Source: LeCun et al. (2006), Definition 2 (offender); Hooke and Jeeves (1961), pattern search.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from ebm_ref.checks import real, require, require_count, require_positive
from ebm_ref.inference.exhaustive import energy_at


@dataclass(frozen=True)
class GridMinimum:
    """A point that is no higher than any of its neighbours at distance `step`."""

    point: np.ndarray  # (n,)
    energy: float
    step: np.ndarray  # (n,), h along each axis
    interior: bool  # all neighbours lie in the box and were tried
    on_ball: bool = False  # the answer lies on the edge of what is excluded


def grid_minimum(energy, lower, upper, points=65, tolerance=1e-8, starts=8):
    """The lowest point of a box.

    Parameters
    ----------
    energy : callable (n,) -> float
        Energy of an answer y; +inf where it is impossible.
    lower, upper : (n,) float, n = 1 or 2
        Corners of the box, in units of the answer.
    points : int
        Nodes along each axis, >= 2.
    tolerance : float
        Refinement ends when h is at most this part of the box's side, or two units of its last place.
    starts : int
        From how many nodes, at most, to refine.

    Returns
    -------
    GridMinimum
        Ties go to the first in the order of the nodes, the last axis fastest.

    Raises ValueError if the box is empty, unbounded or of more than two dimensions, if an energy is NaN
    or -inf, or if no node is possible.

    >>> found = grid_minimum(lambda y: (y[0] ** 2 - 1.0) ** 2 + 0.25 * y[0], [-2.0], [2.0])
    >>> round(float(found.point[0]), 6), found.interior
    (-1.029896, True)
    """
    lower, upper = check_box(lower, upper)
    tolerance = real("tolerance", tolerance)
    require_count("points", points, 2)
    require_count("starts", starts)
    require_positive("tolerance", tolerance)
    spacing = (upper - lower) / (points - 1)
    nodes = [np.linspace(a, b, points) for a, b in zip(lower, upper, strict=True)]
    table = np.array([energy_at(energy, np.array(y)) for y in itertools.product(*nodes)])
    table = table.reshape([points] * len(lower))
    require(np.min(table) < np.inf, "energy", float(np.min(table)), "must be below +inf at some node")
    valleys = sorted(local_minima(table), key=lambda i: table[i])[:starts]
    found = [
        refined(
            energy, np.array([x[i] for x, i in zip(nodes, v, strict=True)]), spacing, lower, upper, tolerance
        )
        for v in valleys
    ]
    return min(found, key=lambda minimum: minimum.energy)


def grid_offender(energy, correct, radius, lower, upper, points=65, tolerance=1e-8, starts=8):
    """The lowest point of a box outside the ball |y - correct| <= radius: the most offending answer.

    Where the lowest point lies on the sphere itself, so that no answer outside attains it, `on_ball` is true.

    >>> found = grid_offender(lambda y: (y[0] - 0.1) ** 2, [0.0], 0.5, [-2.0], [2.0])
    >>> float(found.point[0]), round(found.energy, 12), found.on_ball
    (0.5, 0.16, True)
    """
    lower, upper = check_box(lower, upper)
    correct, radius = real("correct", correct, len(lower)), real("radius", radius)
    require(np.all(np.isfinite(correct)), "correct", correct, "must be finite")
    require_positive("radius", radius)
    is_outside = lambda y: np.sqrt(np.sum((y - correct) ** 2)) > radius
    corners = itertools.product(*zip(lower, upper, strict=True))
    require(
        any(map(is_outside, corners)), "radius", radius, "must leave an answer of the box outside the ball"
    )
    outside = lambda y: energy(y) if is_outside(y) else np.inf
    free = grid_minimum(outside, lower, upper, points, tolerance, starts)
    inside = lambda y: energy(y) if np.all((lower <= y) & (y <= upper)) else np.inf
    edge = on_circle if len(lower) == 2 else on_ends
    return min([free, *edge(inside, correct, radius, points, tolerance, starts)], key=lambda m: m.energy)


def on_ends(energy, correct, radius, *_):
    """Those of the two answers at distance `radius` on a line that are possible."""
    for end in (correct - radius, correct + radius):
        if (E := energy_at(energy, end)) < np.inf:
            yield GridMinimum(end, E, np.zeros(1), True, on_ball=True)


def on_circle(energy, correct, radius, points, tolerance, starts):
    """The lowest answer on a circle, a line of angles; none where no node of it is possible."""
    at = lambda angle: correct + radius * np.array([np.cos(angle[0]), np.sin(angle[0])])
    around = lambda angle: energy(at(angle))
    if any(around([angle]) < np.inf for angle in np.linspace(0.0, 2.0 * np.pi, points)):
        m = grid_minimum(around, [0.0], [2.0 * np.pi], points, tolerance, starts)
        yield GridMinimum(at(m.point), m.energy, np.full(2, radius * m.step[0]), True, on_ball=True)


def global_gap(steepness, lower, upper, points):
    """How far a minimum of the box may lie below the lowest node, where |E(a) - E(b)| <= L |a - b|.

    >>> global_gap(2.0, [0.0], [1.0], points=11)
    0.1
    """
    lower, upper = check_box(lower, upper)
    steepness = real("steepness", steepness)
    require(0.0 <= steepness < np.inf, "steepness", steepness, "must be >= 0 and finite")
    require_count("points", points, 2)
    return float(steepness * np.sqrt(np.sum(((upper - lower) / (points - 1) / 2.0) ** 2)))


def local_minima(table):
    """Indices of the finite entries that are no higher than any neighbour, diagonal ones included."""
    padded = np.pad(table, 1, constant_values=np.inf)
    lowest = np.isfinite(table)
    for shift in itertools.product((0, 1, 2), repeat=table.ndim):
        neighbours = padded[tuple(slice(i, i + m) for i, m in zip(shift, table.shape, strict=True))]
        lowest &= table <= neighbours
    return [tuple(i) for i in np.argwhere(lowest)]


def refined(energy, point, step, lower, upper, tolerance):
    """Move to the lowest neighbour at distance `step` while one is lower; else halve the step."""
    moves = [np.array(m) for m in itertools.product((-1, 0, 1), repeat=len(point)) if any(m)]
    last_place = np.spacing(np.maximum(abs(lower), abs(upper)))  # a shorter step leads nowhere
    step = np.maximum(step, last_place)
    finest = np.maximum(tolerance * (upper - lower), 2.0 * last_place)
    E = energy_at(energy, point)
    while True:
        around = [np.clip(point + move * step, lower, upper) for move in moves]
        energies = [energy_at(energy, y) for y in around]
        best = int(np.argmin(energies))
        if energies[best] < E:
            point, E = around[best], energies[best]
        elif np.all(step <= finest):
            interior = (lower < point) & (point < upper) & (lower <= point - step) & (point + step <= upper)
            return GridMinimum(point, E, step, bool(np.all(interior)))
        else:
            step = step / 2.0


def check_box(lower, upper):
    """The corners of a box of one or two dimensions, as arrays."""
    lower = real("lower", lower, "n")
    require(len(lower) in (1, 2), "lower", lower, "must have 1 or 2 components")
    upper = real("upper", upper, len(lower))
    require(np.all(np.isfinite(lower)), "lower", lower, "must be finite")
    require(
        np.all((lower < upper) & (upper < np.inf)), "upper", upper, f"must be finite and above lower, {lower}"
    )
    return lower, upper
