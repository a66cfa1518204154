"""Densities in the plane whose log Z is known in closed form: what a quadrature of two dimensions must face.

Each is (energy, intervals, log Z).  Nothing here knows how an integral is found.
"""

from math import cos, erf, exp, hypot, inf, lgamma, log, log1p, pi, sin, sqrt

import numpy as np

LINE = (-inf, inf)
HALF = (0.0, inf)
PLANE = (LINE, LINE)
SQUARE = ((0.0, 1.0), (0.0, 1.0))
AROUND = ((-1.0, 1.0), (-1.0, 1.0))
TORUS = ((-pi, pi), (-pi, pi))
TWO_PI = log(2.0 * pi)


def turned(energy, degrees, centre=(0.0, 0.0)):
    """The same energy in axes turned by an angle, around a centre."""
    c, s, (a, b) = cos(pi * degrees / 180.0), sin(pi * degrees / 180.0), centre
    return lambda x: energy((c * (x[0] - a) + s * (x[1] - b), c * (x[1] - b) - s * (x[0] - a)))


def gaussian(degrees, first, second, centre=(0.0, 0.0)):
    """A Gaussian with these deviations along axes that are turned."""
    round_one = lambda x: (x[0] / first) ** 2 / 2.0 + (x[1] / second) ** 2 / 2.0
    return turned(round_one, degrees, centre), PLANE, TWO_PI + log(first) + log(second)


def mixture(*parts):
    """A sum of densities, each (weight, (energy, intervals, log Z)), normalised to its weight."""
    logs = [(log(weight) - log_Z, energy) for weight, (energy, _, log_Z) in parts]

    def energy(x):
        terms = [w - E(x) for w, E in logs]
        most = max(terms)
        return -most - log(sum(exp(t - most) for t in terms)) if most > -inf else inf

    return energy, PLANE, log(sum(weight for weight, _ in parts))


def banana(curve, s):
    """y follows a curve of x, which is normal, with deviation s."""
    return lambda x: x[0] ** 2 / 2.0 + ((x[1] - curve(x[0])) / s) ** 2 / 2.0


def ring(radius, width, centre=(0.0, 0.0)):
    R, w, (a, b) = radius, width, centre
    half = sqrt(pi / 2.0) * (1.0 + erf(R / w / sqrt(2.0)))
    area = 2.0 * pi * (w * w * exp(-((R / w) ** 2) / 2.0) + R * w * half)
    return lambda x: ((hypot(x[0] - a, x[1] - b) - R) / w) ** 2 / 2.0, PLANE, log(area)


def square_ring(beta):
    Z = pi * sqrt(pi / beta) / 2.0 * (1.0 + erf(sqrt(beta)))
    return lambda x: beta * (x[0] * x[0] + x[1] * x[1] - 1.0) ** 2, PLANE, log(Z)


def funnel(s):
    """The first is normal with deviation s, and the logarithm of the second's variance."""
    spread = lambda v, x: (x * np.exp(-v / 2.0)) ** 2 if x else 0.0
    return lambda x: ((x[0] / s) ** 2 + spread(*x) + x[0]) / 2.0


def student(nu, degrees=0.0, first=1.0, second=1.0, centre=(0.0, 0.0)):
    E = lambda x: (nu / 2.0 + 1.0) * log1p(((x[0] / first) ** 2 + (x[1] / second) ** 2) / nu)
    return turned(E, degrees, centre), PLANE, TWO_PI + log(first) + log(second)


def support(holds, area):
    return lambda x: 0.0 if holds(*x) else inf, PLANE, log(area)


def log_of(x):
    return log(x) if x > 0.0 else -inf


def tilted_cone(a):
    return lambda x: hypot(x[0], x[1]) - a * x[0], PLANE, TWO_PI - 1.5 * log1p(-a * a)


def radial(x):
    return (x[0] ** 2 + x[1] ** 2) / 2.0


FIRST = {
    "Gaussian": gaussian(0, 1, 1),
    "Gaussian, condition 100": gaussian(30, 1, 0.1),
    "Gaussian, condition 1e4": gaussian(45, 1, 0.01),
    "Gaussian, condition 1e6": gaussian(45, 1, 1e-3),
    "Gaussian, condition 1e6, 17 degrees": gaussian(17, 1, 1e-3),
    "Gaussian, condition 1e4, 1 degree": gaussian(1, 1, 0.01),
    "Gaussian, off centre": gaussian(30, 1, 0.1, (3, -4)),
    "Gaussian, far": gaussian(0, 1, 1, (100, 50)),
    "Gaussian, far and thin": gaussian(60, 1, 0.01, (1000, -2000)),
    "Gaussian, small": gaussian(20, 1e-3, 1e-5),
    "Gaussian, large": gaussian(45, 1e4, 10),
    "Gaussian, along an axis": gaussian(0, 1e-3, 1),
    "two modes": mixture((1, gaussian(0, 1, 1, (-5, 0))), (1, gaussian(0, 1, 1, (5, 0)))),
    "two modes, 40 apart": mixture((1, gaussian(0, 1, 1)), (1, gaussian(0, 1, 1, (30, 30)))),
    "two modes, 1000 apart": mixture((1, gaussian(0, 1, 1)), (1, gaussian(0, 1, 1, (800, 600)))),
    "three modes": mixture(*[(1, gaussian(0, 0.7, 0.7, (4 * cos(a), 4 * sin(a)))) for a in (0.3, 2.4, 4.5)]),
    "crossing ridges": mixture((1, gaussian(45, 1, 0.01)), (1, gaussian(-45, 1, 0.01))),
    "narrow inside broad": mixture((1, gaussian(0, 1, 1)), (1, gaussian(0, 0.05, 0.05))),
    "narrow beside broad": mixture((1, gaussian(0, 1, 1)), (1, gaussian(0, 0.1, 0.1, (1.5, 0.5)))),
    "five modes": mixture(
        *[(k + 1, gaussian(50 * k, 0.5, 0.2, (6 * cos(1.2566 * k), 6 * sin(1.2566 * k)))) for k in range(5)]
    ),
    "nine modes": mixture(
        *[(1, gaussian(0, 0.5, 0.5, (4 * i, 4 * j))) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    ),
    "a light far mode": mixture((1, gaussian(0, 1, 1)), (1e-3, gaussian(0, 1, 1, (40, -30)))),
    "banana": (banana(lambda x: x * x, 1.0), PLANE, TWO_PI),
    "banana, thin": (banana(lambda x: x * x, 0.1), PLANE, TWO_PI + log(0.1)),
    "banana, thinner and flat": (banana(lambda x: 0.1 * x * x, 0.01), PLANE, TWO_PI + log(0.01)),
    "banana of Rosenbrock": (
        lambda x: ((1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2) / 20.0,
        PLANE,
        log(pi * 2.0),
    ),
    "banana, turned": (turned(banana(lambda x: x * x, 0.2), 30), PLANE, TWO_PI + log(0.2)),
    "wave": (banana(lambda x: np.sin(3.0 * x), 0.05), PLANE, TWO_PI + log(0.05)),
    "cubic": (banana(lambda x: x**3, 0.1), PLANE, TWO_PI + log(0.1)),
    "ring": ring(2, 0.3),
    "ring, thin": ring(1, 0.05),
    "ring, wide and thin": ring(10, 0.1),
    "ring of degree 4": square_ring(10.0),
    "ring of degree 4, cold": square_ring(1000.0),
    "cone, tilted": tilted_cone(0.9),
    "von Mises, twice": (
        lambda x: -3.0 * cos(x[0]) - 3.0 * cos(x[1]),
        TORUS,
        2.0 * (TWO_PI + log(np.i0(3.0))),
    ),
    "two rotors": (lambda x: -100.0 * cos(x[0] - x[1]), TORUS, 2.0 * TWO_PI + log(np.i0(100.0))),
    "funnel": (funnel(1.0), PLANE, TWO_PI),
    "funnel of Neal": (funnel(3.0), PLANE, TWO_PI + log(3.0)),
    "funnel, turned": (turned(funnel(1.0), 30), PLANE, TWO_PI),
    "Cauchy": student(1),
    "Student 3": student(3),
    "Student 5, condition 1e4": student(5, 40, 1, 0.01),
    "two Cauchys": (lambda x: log1p(x[0] ** 2) + log1p(x[1] ** 2), PLANE, 2.0 * log(pi)),
    "Cauchy and Gaussian": (lambda x: log1p(x[0] ** 2) + x[1] ** 2 / 2.0, PLANE, log(pi) + TWO_PI / 2.0),
    "Student, off centre": student(3, 0, 1, 1, (20, 20)),
    "r^-1/2": (lambda x: log_of(hypot(*x)) / 2.0 + radial(x), PLANE, TWO_PI - log(2.0) / 4.0 + lgamma(0.75)),
    "r^-1": (lambda x: log_of(hypot(*x)) + hypot(*x), PLANE, TWO_PI),
    "r^-1/2, off centre": (
        lambda x: log_of(hypot(x[0] - 0.3, x[1] - 0.2)) / 2.0 + radial((x[0] - 0.3, x[1] - 0.2)),
        PLANE,
        TWO_PI - log(2.0) / 4.0 + lgamma(0.75),
    ),
    "a cross of poles": (lambda x: (log_of(abs(x[0])) + log_of(abs(x[1]))) / 2.0, AROUND, log(16.0)),
    "a line of poles": (
        lambda x: log_of(abs(x[0] - 0.3)) / 2.0 + x[1] ** 2 / 2.0,
        ((0.0, 1.0), LINE),
        log(2.0 * (sqrt(0.3) + sqrt(0.7))) + TWO_PI / 2.0,
    ),
    "a diagonal of poles": (lambda x: log_of(abs(x[0] - x[1])) / 2.0, SQUARE, log(8.0 / 3.0)),
    "two discs": support(lambda x, y: min(hypot(x - 3, y), hypot(x + 3, y)) < 1.0, 2.0 * pi),
    "diamond": support(lambda x, y: abs(x) + abs(y) < 1.0, 2.0),
    "two rectangles": support(lambda x, y: (0 < x < 1 and 0 < y < 2) or (5 < x < 6 and -3 < y < -1), 4.0),
    "annulus": support(lambda x, y: 1.0 < hypot(x, y) < 2.0, 3.0 * pi),
    "half a Gaussian": (lambda x: radial(x) if x[0] + x[1] > 0.0 else inf, PLANE, log(pi)),
    "triangle": (lambda x: 0.0 if x[0] > x[1] else inf, SQUARE, log(0.5)),
    "Laplace, twice": (lambda x: abs(x[0]) + abs(x[1]), PLANE, log(4.0)),
    "gamma and beta": (
        lambda x: x[0] - 3.0 * log(x[0]) - log(x[1]) - 2.0 * log1p(-x[1]),
        (HALF, (0.0, 1.0)),
        lgamma(4.0) + log(1.0 / 12.0),
    ),
    "two half Gaussians": (radial, (HALF, HALF), log(pi / 2.0)),
    "a rate and its exponential": (lambda x: x[0] * x[1], (HALF, (1.0, 3.0)), log(log(3.0))),
    "x^2 y^2 Gaussian": (lambda x: radial(x) - 2.0 * log_of(abs(x[0] * x[1])), PLANE, TWO_PI),
    "(x - y)^2 Gaussian": (lambda x: radial(x) - 2.0 * log_of(abs(x[0] - x[1])), PLANE, TWO_PI + log(2.0)),
    "three corners": (lambda x: abs(x[0]) + abs(x[1]) + abs(x[0] - x[1]), PLANE, log(1.5)),
    "pyramid": (lambda x: abs(x[0] + x[1]) + abs(x[0] - x[1]), PLANE, log(2.0)),
    "sharp diagonal": (
        lambda x: 10.0 * abs(x[0] - x[1]) + (x[0] + x[1]) ** 2 / 4.0,
        PLANE,
        log(0.1 * sqrt(4.0 * pi)),
    ),
    "cone": (lambda x: hypot(*x), PLANE, TWO_PI),
    "two cusps": (lambda x: sqrt(abs(x[0])) + sqrt(abs(x[1])), PLANE, log(16.0)),
    "diagonal waves": (
        lambda x: radial(x) - log1p(0.9 * np.cos(10.0 * (x[0] + x[1]))),
        PLANE,
        TWO_PI + log1p(0.9 * exp(-100.0)),
    ),
    "egg box": (lambda x: radial(x) - log1p(0.5 * np.cos(20.0 * x[0]) * np.cos(20.0 * x[1])), PLANE, TWO_PI),
    "hyperbolic waves": (
        lambda x: radial(x) - log1p(0.9 * np.cos(10.0 * x[0] * x[1])),
        PLANE,
        TWO_PI + log1p(0.9 / sqrt(101.0)),
    ),
}


def triangle_of_modes(radius, s):
    places = [(radius * cos(a), radius * sin(a)) for a in (0.1, 2.2, 4.3)]
    return mixture(*[(k + 1, gaussian(0, s, s, place)) for k, place in enumerate(places)])


SECOND = {
    "Gaussian, condition 9": gaussian(70, 3, 1),
    "Gaussian, condition 1e5": gaussian(-35, 1, 1 / 316.0, (0.5, 0.5)),
    "Gaussian, condition 1e6, off centre": gaussian(80, 2, 2e-3, (-7, 3)),
    "Gaussian, condition 2500, 5 degrees": gaussian(5, 5, 0.1),
    "Gaussian, at -300": gaussian(25, 2, 0.3, (-300, -200)),
    "Gaussian, tiny and far": gaussian(10, 1e-2, 1e-3, (50, -20)),
    "Gaussian, huge": gaussian(0, 1e6, 1e5),
    "Gaussian, wide and thin": gaussian(0, 100, 0.01),
    "two modes, 3 apart": mixture((1, gaussian(0, 1, 1)), (2, gaussian(0, 1, 1, (1.8, 2.4)))),
    "two modes, 12 apart": mixture((1, gaussian(0, 1, 1, (-6, 0.7))), (3, gaussian(0, 1, 1, (6, -0.7)))),
    "two modes, 100 apart": mixture((1, gaussian(0, 1, 1)), (1, gaussian(0, 2, 2, (80, -60)))),
    "two modes of different width": mixture((1, gaussian(0, 1, 1)), (1, gaussian(0, 0.3, 0.3, (4, 4)))),
    "two parallel ridges": mixture((1, gaussian(45, 1, 0.02)), (1, gaussian(45, 1, 0.02, (1, -1)))),
    "a ridge on a broad mode": mixture((1, gaussian(0, 1, 1)), (1, gaussian(33, 1, 0.02))),
    "three modes of unlike weight": triangle_of_modes(5, 0.6),
    "four modes on a line": mixture(*[(1, gaussian(0, 0.4, 0.4, (2.5 * k, 1.5 * k))) for k in range(4)]),
    "a mode of weight 1/20": mixture((1, gaussian(0, 1, 1)), (0.05, gaussian(0, 0.5, 0.5, (6, 1)))),
    "narrow at the mean": mixture((1, gaussian(0, 2, 2)), (1, gaussian(20, 0.1, 0.02))),
    "banana, half": (banana(lambda x: 0.5 * x * x, 0.5), PLANE, TWO_PI + log(0.5)),
    "banana, very thin": (banana(lambda x: x * x, 0.02), PLANE, TWO_PI + log(0.02)),
    "banana, turned by 75": (turned(banana(lambda x: 0.5 * x * x, 0.3), 75), PLANE, TWO_PI + log(0.3)),
    "banana, sideways": (
        (lambda E: lambda x: E((x[1], x[0])))(banana(lambda x: x * x - 2.0, 0.3)),
        PLANE,
        TWO_PI + log(0.3),
    ),
    "banana, far": (turned(banana(lambda x: x * x, 0.5), 0, (20.0, -30.0)), PLANE, TWO_PI + log(0.5)),
    "slow wave": (banana(np.sin, 0.1), PLANE, TWO_PI + log(0.1)),
    "fast wave": (banana(lambda x: 0.5 * np.cos(8.0 * x), 0.2), PLANE, TWO_PI + log(0.2)),
    "a corner of a curve": (banana(abs, 0.2), PLANE, TWO_PI + log(0.2)),
    "a step of a curve": (banana(lambda x: 1.0 if x > 0.4 else -1.0, 0.3), PLANE, TWO_PI + log(0.3)),
    "ring, fat": ring(1, 0.8),
    "ring, of radius 3": ring(3, 0.2),
    "ring, off centre": ring(2, 0.4, (5.0, -3.0)),
    "ring, very thin": ring(1, 0.01),
    "ring of degree 4, at 3": square_ring(3.0),
    "ring of degree 4, at 100": square_ring(100.0),
    "cone, tilted by half": tilted_cone(0.5),
    "cone, steep and tilted": tilted_cone(0.99),
    "von Mises of 20": (
        lambda x: -20.0 * cos(x[0]) - cos(x[1] - 1.0),
        TORUS,
        2 * TWO_PI + log(np.i0(20.0) * np.i0(1.0)),
    ),
    "two rotors, warm": (lambda x: -4.0 * cos(x[0] - x[1]), TORUS, 2.0 * TWO_PI + log(np.i0(4.0))),
    "two rotors that turn twice": (
        lambda x: -30.0 * cos(2.0 * x[0] - x[1]),
        TORUS,
        2.0 * TWO_PI + log(np.i0(30.0)),
    ),
    "funnel of 2": (funnel(2.0), PLANE, TWO_PI + log(2.0)),
    "funnel, turned by 60": (turned(funnel(1.5), 60), PLANE, TWO_PI + log(1.5)),
    "Student 2, condition 100": student(2, 60, 1, 0.1),
    "Student 1, off centre": student(1, 0, 1, 1, (3, -2)),
    "Student 10, far": student(10, 20, 1, 0.1, (-100, 30)),
    "Cauchy along a ridge": (
        turned(lambda x: log1p(x[0] ** 2) + (x[1] / 0.1) ** 2 / 2.0, 30),
        PLANE,
        log(pi) + TWO_PI / 2.0 + log(0.1),
    ),
    "r^-3/2": (lambda x: 1.5 * log_of(hypot(*x)) + hypot(*x), PLANE, TWO_PI + lgamma(0.5)),
    "log r, squared": (
        lambda x: log_of(hypot(*x)) ** 2 if any(x) else inf,
        PLANE,
        TWO_PI + log(pi) / 2.0 + 1.0,
    ),
    "a slanted line of poles": (
        lambda x: log_of(abs(x[0] + 0.5 * x[1])) / 4.0 + radial(x),
        PLANE,
        TWO_PI / 2.0 + log(2.0**0.375 * exp(lgamma(0.375)) * 1.25**-0.125),
    ),
    "ellipse": support(lambda x, y: (x / 3.0) ** 2 + (y - 0.2) ** 2 < 1.0, 3.0 * pi),
    "square, turned": support(
        lambda x, y: abs(0.6 * x + 0.8 * y) < 1.0 and abs(0.8 * x - 0.6 * y) < 1.0, 4.0
    ),
    "three discs": support(
        lambda x, y: min(hypot(x - 2, y), hypot(x + 1, y - 1.8), hypot(x + 1, y + 1.8)) < 0.7, 3 * 0.49 * pi
    ),
    "a quarter of a Gaussian, turned": (
        lambda x: radial(x) if x[0] + 2 * x[1] > 0.0 and 2 * x[0] - x[1] > 0 else inf,
        PLANE,
        log(pi / 2.0),
    ),
    "under a parabola": (lambda x: 0.0 if x[1] < x[0] ** 2 else inf, SQUARE, log(1.0 / 3.0)),
    "Laplace, turned": (turned(lambda x: abs(x[0]) + 5.0 * abs(x[1]), 20), PLANE, log(0.8)),
    "diamond cone": (lambda x: max(abs(x[0]), abs(x[1])), PLANE, log(8.0)),
    "a cusp on the diagonal": (
        lambda x: 4.0 * sqrt(abs(x[0] - x[1])) + (x[0] + x[1]) ** 2 / 4.0,
        PLANE,
        log(4.0 / 16.0 / 2.0 * sqrt(4.0 * pi)),
    ),
    "x^4 Gaussian": (lambda x: radial(x) - 4.0 * log_of(abs(x[0])), PLANE, TWO_PI + log(3.0)),
    "r^4 Gaussian": (lambda x: radial(x) - 4.0 * log_of(hypot(*x)), PLANE, TWO_PI + log(8.0)),
    "Dirichlet": (
        lambda x: -log_of(x[0]) - 2.0 * log_of(x[1]) - log_of(1.0 - x[0] - x[1]) if sum(x) < 1.0 else inf,
        SQUARE,
        lgamma(2.0) + lgamma(3.0) + lgamma(2.0) - lgamma(7.0),
    ),
    "waves along a ridge": (
        turned(lambda x: x[0] ** 2 / 2.0 + (x[1] / 0.1) ** 2 / 2.0 - log1p(0.8 * np.cos(6.0 * x[0])), 40),
        PLANE,
        TWO_PI + log(0.1) + log1p(0.8 * exp(-18.0)),
    ),
    "round waves": (
        lambda x: radial(x) - log1p(0.5 * np.cos(6.0 * radial(x))),
        PLANE,
        TWO_PI + log1p(0.5 / 37.0),
    ),
    "normal and gamma": (
        lambda x: 2.0 * x[0] - 1.5 * log(x[0]) + x[0] * x[1] ** 2 / 2.0,
        (HALF, LINE),
        TWO_PI / 2.0 + lgamma(2.0) - 2.0 * log(2.0),
    ),
}
