r"""Targets: laws whose exact draws are easy, so that one step of a sampler from them can be judged.

    x ~ pi exactly,   x' = step(x)   =>   x' ~ pi          for every sampler that leaves pi invariant

No burn-in, no autocorrelation: the pairs (x, x') are independent of each other.  Of every target the
probabilities of all cells are known exactly: of a finite one the cells are the states; of a continuous
one each coordinate is turned into a uniform number by its conditional distribution function
(Rosenblatt), and the unit square is cut into equal parts.

Features have mean zero under the law, and are bounded; so is the heat, an energy that counts as 7 at most
above its minimum.  Statistics need be neither: they only say, in words, what a guilty sampler moves.

States are flat arrays of floats: spins -1 and +1 row by row, sites as a number, points as coordinates.

Source: Rosenblatt (1952), "Remarks on a multivariate transformation"; Gandy and Scott (2020), "Unit
testing for MCMC and other Monte Carlo methods", for tests that start from exact draws.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Target:
    """A law with exact draws.  Functions take states as rows, (n, d); energy and gradient take one, (d,)."""

    name: str
    energy: Callable  # (d,) -> -log p up to a constant, +inf where the law does not reach
    gradient: Callable | None  # (d,) -> (d,), where there is one
    draw: Callable  # (rng, n) -> (n, d)
    inside: Callable  # (n, d) -> (n,) bool: is it a state at all
    cells: Callable  # ((n, d), bins) -> (n,) int
    probabilities: Callable  # bins -> probability of each cell
    features: Callable  # (n, d) -> (n, j): bounded functions of mean zero, which a step must not move
    heat: Callable  # (n, d) -> (n,): energies, cut off where they are high, less their mean
    statistics: dict  # {name: (n, d) -> (n,)}: what a reader would look at
    text: str  # energy, gradient and exact draws, for a reader


# Finite targets: every state is a cell.


def finite(name, states, energies, features, text, statistics):
    """The law p ~ exp(-E) over the rows of `states`."""
    weights = np.exp(-(energies - np.min(energies)))
    p = weights / weights.sum()
    number = {tuple(state): i for i, state in enumerate(states)}
    place = numbering(states)
    mean, mean_energy = p @ features(states), p @ energies
    return Target(
        name=name,
        energy=lambda x: float(energies[i]) if (i := number.get(tuple(x), -1)) >= 0 else math.inf,
        gradient=None,
        draw=lambda rng, n: states[rng.choice(len(p), size=n, p=p)],
        inside=lambda x: place(x) >= 0,
        cells=lambda x, bins: place(x),
        probabilities=lambda bins: p,
        features=lambda x: features(x) - mean,
        heat=lambda x: energies[place(x)] - mean_energy,
        statistics=statistics | {"mean energy": lambda x: energies[place(x)]},
        text=text,
    )


def numbering(states):
    """Rows to their place among the states, -1 where there is none."""
    powers = 2.0 ** np.arange(states.shape[1])
    keys, order = np.sort(states @ powers), np.argsort(states @ powers)

    def place(x):
        i = order[np.minimum(np.searchsorted(keys, x @ powers), len(keys) - 1)]
        return np.where((states[i] == x).all(axis=1), i, -1)

    return place


def sites(name, energies, text):
    """Sites 0..k-1 on a line, the features their indicators."""
    states = np.arange(len(energies), dtype=float)[:, None]
    indicators = lambda x: 1.0 * (x == np.arange(len(energies) - 1))
    return finite(name, states, energies, indicators, text, {"mean of x": lambda x: x[:, 0]})


def lattice(side, beta):
    """Ising spins on a periodic square lattice, J = 1."""
    s = np.array(list(itertools.product([-1.0, 1.0], repeat=side * side)))
    squares = lambda x: x.reshape(-1, side, side)
    bonds = lambda x: (squares(x) * (np.roll(squares(x), 1, 1) + np.roll(squares(x), 1, 2))).sum(axis=(1, 2))

    def features(x):
        m = x.mean(axis=1)
        return np.column_stack([m, abs(m), bonds(x) / (2 * side * side), x[:, : side * side - 1]])

    text = f"""spins -1, +1 on a periodic {side} x {side} lattice, row by row
E(s) = -sum_<ij> s_i s_j over the {2 * side * side} pairs of neighbours; p ~ exp(-{beta} E)
no gradient
exact draws: all {2 ** (side * side)} states with their probabilities"""
    means = {"mean spin": lambda x: x.mean(axis=1), "mean of |m|": lambda x: abs(x.mean(axis=1))}
    return finite(f"ising-{side}x{side}", s, -beta * bonds(s), features, text, means)


# Continuous targets: uniform numbers u(x), the first d of them independent.

HOT = 7.0  # above its minimum no energy counts as more


def continuous(name, forces, draw, uniforms, text, heat, statistics):
    """A law of d coordinates, of energy and gradient; `uniforms` gives (n, j), the first d independent."""
    dimension = draw(np.random.default_rng(0), 1).shape[1]

    def cells(x, bins):
        u = uniforms(x)[:, :dimension]
        return np.minimum((bins * u).astype(int), bins - 1) @ bins ** np.arange(dimension)

    def features(x):
        u = uniforms(x)
        return np.column_stack([np.cos(k * np.pi * u) for k in (1, 2, 3, 4)])

    return Target(
        name=name,
        energy=forces[0],
        gradient=forces[1],
        draw=draw,
        inside=lambda x: np.isfinite(x).all(axis=1),
        cells=cells,
        probabilities=lambda bins: np.full(bins**dimension, 1.0 / bins**dimension),
        features=features,
        heat=heat,
        statistics=statistics,
        text=text,
    )


def heat_of(energies, mean=None):
    """min(E, 7) less its mean: that of exponential energies, as in two dimensions, unless it is given."""
    mean = -math.expm1(-HOT) if mean is None else mean
    return lambda x: np.minimum(energies(x), HOT) - mean


def heat_on_the_line(energies):
    """min(E, 7) less its mean under p ~ e^{-E}, by the trapezoidal rule in t, x = 4 t / (1 - t^2)."""
    t = np.linspace(-1.0, 1.0, 200_001)[1:-1]
    E = energies(4.0 * (t / (1.0 - t * t))[:, None])
    weights = np.exp(-E) * (1.0 + t * t) / (1.0 - t * t) ** 2
    return heat_of(energies, float(weights @ np.minimum(E, HOT) / weights.sum()))


def on_the_line(energies, mean=0.0):
    """What a reader would look at in one dimension."""
    square = f"mean of (x - {mean:g})^2" if mean else "mean of x^2"
    return {"mean of x": lambda x: x[:, 0], square: lambda x: (x[:, 0] - mean) ** 2, "mean energy": energies}


def in_the_plane(energies):
    """What a reader would look at in two."""
    return {
        "mean of x_1": lambda x: x[:, 0],
        "mean of x_2": lambda x: x[:, 1],
        "mean of x_1^2": lambda x: x[:, 0] ** 2,
        "mean of x_2^2": lambda x: x[:, 1] ** 2,
        "mean of x_1 x_2": lambda x: x[:, 0] * x[:, 1],
        "mean energy": energies,
    }


_erf = np.frompyfunc(math.erf, 1, 1)


def normal_below(z):
    """P(N(0, 1) < z), elementwise."""
    return 0.5 + 0.5 * _erf(z / math.sqrt(2.0)).astype(float)


def uniforms_of_normals(z):
    """(n, 5) uniform numbers of two independent normals: themselves, sum, difference, and radius."""
    a, b = z[:, 0], z[:, 1]
    turned = normal_below(np.column_stack([a, b, (a + b) / math.sqrt(2.0), (a - b) / math.sqrt(2.0)]))
    return np.column_stack([turned, np.exp(-0.5 * (a * a + b * b))])


def gaussian():
    """N(0, 1), one coordinate."""
    energies = lambda x: 0.5 * (x * x)[:, 0]
    return continuous(
        "gaussian",
        (lambda x: 0.5 * float(x @ x), lambda x: x),
        lambda rng, n: rng.normal(size=(n, 1)),
        normal_below,
        """one coordinate, N(0, 1)
E(x) = x^2 / 2
dE/dx = x
exact draws: standard normal""",
        heat_on_the_line(energies),
        on_the_line(energies),
    )


def correlated():
    """Two normals of sd 1 and 2, correlation 0.75."""
    L = np.array([[1.0, 0.0], [1.5, math.sqrt(4.0 - 2.25)]])  # sd 1 and 2, correlation 0.75
    P = np.linalg.inv(L @ L.T)
    energies = lambda x: 0.5 * ((x @ P) * x).sum(axis=1)
    return continuous(
        "gaussian-correlated",
        (lambda x: 0.5 * float(x @ P @ x), lambda x: P @ x),
        lambda rng, n: rng.normal(size=(n, 2)) @ L.T,
        lambda x: uniforms_of_normals(np.linalg.solve(L, x.T).T),
        """two coordinates, normal, mean 0, covariance C = [[1, 1.5], [1.5, 4]] (correlation 0.75)
E(x) = x' C^-1 x / 2
dE/dx = C^-1 x
exact draws: the Cholesky factor of C times standard normals""",
        heat_of(energies),
        in_the_plane(energies),
    )


def bimodal(shares=(0.4, 0.6), means=(-1.5, 1.5), sd=0.6):
    """Two normals of unequal shares."""
    w, mu = np.array(shares), np.array(means)

    def parts(x):
        return w * np.exp(-0.5 * ((x[..., :1] - mu) / sd) ** 2) / (sd * math.sqrt(2.0 * math.pi))

    def energies(x):
        with np.errstate(divide="ignore"):
            return top - np.log(parts(x).sum(axis=-1))

    top = math.log(max(parts(np.linspace(-3.0, 3.0, 100_001)[:, None]).sum(axis=-1)))

    return continuous(
        "bimodal",
        (
            lambda x: -math.log(total) if (total := parts(x).sum()) > 0.0 else math.inf,
            lambda x: np.array([(parts(x) * (x[0] - mu)).sum() / (parts(x).sum() * sd**2)]),
        ),
        lambda rng, n: (mu[rng.choice(2, size=n, p=w)] + sd * rng.normal(size=n))[:, None],
        lambda x: (normal_below((x - mu) / sd) @ w)[:, None],
        f"""one coordinate, a mixture of two normals
E(x) = -log({w[0]} N(x; {mu[0]}, {sd}^2) + {w[1]} N(x; {mu[1]}, {sd}^2))
dE/dx = sum_k r_k (x - mu_k) / {sd}^2, r_k the posterior share of each normal
exact draws: pick a normal, then draw from it""",
        heat_on_the_line(energies),
        on_the_line(energies, float(w @ mu)),
    )


def banana():
    """A normal law bent along a parabola."""
    bend = lambda x: x[..., 1] - x[..., 0] ** 2 + 1.0
    energies = lambda x: 0.5 * x[:, 0] ** 2 + 2.0 * bend(x) ** 2
    return continuous(
        "banana",
        (
            lambda x: 0.5 * float(x[0] ** 2) + 2.0 * float(bend(x) ** 2),
            lambda x: np.array([x[0] - 8.0 * x[0] * bend(x), 4.0 * bend(x)]),
        ),
        lambda rng, n: (
            (z := rng.normal(size=(n, 2))) @ np.array([[1.0, 0.0], [0.0, 0.5]])
            + np.column_stack([np.zeros(n), z[:, 0] ** 2 - 1.0])
        ),
        lambda x: uniforms_of_normals(np.column_stack([x[:, 0], 2.0 * bend(x)])),
        """two coordinates along a parabola
E(x) = x_1^2 / 2 + 2 (x_2 - x_1^2 + 1)^2
dE/dx_1 = x_1 - 8 x_1 (x_2 - x_1^2 + 1),  dE/dx_2 = 4 (x_2 - x_1^2 + 1)
exact draws: x_1 standard normal, then x_2 normal with mean x_1^2 - 1 and sd 1/2""",
        heat_of(energies),
        in_the_plane(energies),
    )


def half_line():
    """The exponential law, with its wall at 0."""
    energies = lambda x: x[:, 0]
    law = continuous(
        "half-line",
        (lambda x: float(x[0]) if x[0] >= 0.0 else math.inf, lambda x: np.ones(1)),
        lambda rng, n: rng.exponential(size=(n, 1)),
        lambda x: -np.expm1(-x),
        """one coordinate, exponential
E(x) = x for x >= 0, +inf below
dE/dx = 1
exact draws: -log of a uniform number""",
        heat_of(energies),
        on_the_line(energies, 1.0),
    )
    return replace(law, inside=lambda x: np.isfinite(x[:, 0]) & (x[:, 0] >= 0.0))


def student_t():
    """Student's t of three degrees of freedom: no fourth moment, nor a third."""
    root = math.sqrt(3.0)
    energies = lambda x: 2.0 * np.log1p(x[:, 0] ** 2 / 3.0)
    return continuous(
        "student-t",
        (lambda x: 2.0 * math.log1p(float(x[0]) ** 2 / 3.0), lambda x: 4.0 * x / (3.0 + x**2)),
        lambda rng, n: rng.standard_t(3.0, size=(n, 1)),
        lambda x: 0.5 + (np.arctan(x / root) + (x / root) / (1.0 + x**2 / 3.0)) / math.pi,
        """one coordinate, Student's t with 3 degrees of freedom: heavy tails
E(x) = 2 log(1 + x^2 / 3)
dE/dx = 4 x / (3 + x^2)
exact draws: a normal over the root of a chi-square divided by 3""",
        heat_on_the_line(energies),
        {"mean of x": lambda x: x[:, 0], "mean of |x|": lambda x: abs(x[:, 0]), "mean energy": energies},
    )


TARGETS = {
    "ising-3x3": lambda: lattice(3, 0.4),
    "flat-8": lambda: sites(
        "flat-8",
        np.zeros(8),
        """sites 0, 1, ..., 7 on a line, all alike: the state is one number
E(i) = 0; any other number has E = +inf
no gradient
exact draws: each site with probability 1/8""",
    ),
    "peaked-20": lambda: sites(
        "peaked-20",
        0.7 * abs(np.arange(20) - 13.0),
        """sites 0, 1, ..., 19 on a line: the state is one number
E(i) = 0.7 |i - 13|; any other number has E = +inf
no gradient
exact draws: all 20 sites with their probabilities""",
    ),
    "gaussian": gaussian,
    "gaussian-correlated": correlated,
    "bimodal": bimodal,
    "banana": banana,
    "half-line": half_line,
    "student-t": student_t,
}
