"""Quadrature against closed forms: the value, and that its error estimate is never too small."""

import re
from math import lgamma

import numpy as np
import pytest

from ebm_ref.exact.quadrature import LINE, PLANE, Unresolved, expectation, log_partition

ROOT_2_PI = np.log(2.0 * np.pi) / 2.0
POSITIVE = ((0.0, np.inf),)


def well(x):
    return (x**2 - 1.0) ** 2


# energy, intervals, log Z, digits that must come out: smooth ones nearly all, corners and heavy tails fewer
ONE = {
    "gaussian": (lambda x: x * x / 2.0, LINE, ROOT_2_PI, 1e-14),
    "off centre": (lambda x: (x - 10.0) ** 2 / 2.0, LINE, ROOT_2_PI, 1e-14),
    "narrow": (lambda x: (x / 0.01) ** 2 / 2.0, LINE, ROOT_2_PI - np.log(100.0), 1e-13),
    "with an offset": (lambda x: x * x / 2.0 + 1e6, LINE, ROOT_2_PI - 1e6, 1e-9),
    "laplace": (lambda x: np.abs(x), LINE, np.log(2.0), 1e-7),
    "laplace, corner between the points": (lambda x: np.abs(x - 1.0), LINE, np.log(2.0), 1e-7),
    "cauchy": (lambda x: np.log1p(x * x), LINE, np.log(np.pi), 1e-14),
    "power 3/2": (lambda x: 1.5 * np.log(x), ((1.0, np.inf),), np.log(2.0), 1e-13),
    "power 11/10": (lambda x: 1.1 * np.log(x), ((1.0, np.inf),), np.log(10.0), 1e-3),
    "gamma 5": (lambda x: x - 4.0 * np.log(x), POSITIVE, lgamma(5.0), 1e-12),
    "gamma 1/10, infinite at 0": (lambda x: x + 0.9 * np.log(x), POSITIVE, lgamma(0.1), 1e-3),
    "exponential to the left": (lambda x: 3.0 - x, ((-np.inf, 3.0),), 0.0, 1e-14),
    "root, infinite at 0": (lambda x: np.log(x) / 2.0, ((0.0, 1.0),), np.log(2.0), 1e-13),
    "root to the left, infinite at 0": (lambda x: np.log(-x) / 2.0, ((-1.0, 0.0),), np.log(2.0), 1e-13),
    "uniform": (lambda x: 0.0, ((-3.0, 2.0),), np.log(5.0), 1e-13),
    "beta 3, 4": (
        lambda x: -2.0 * np.log(x) - 3.0 * np.log1p(-x),
        ((0.0, 1.0),),
        lgamma(3.0) + lgamma(4.0) - lgamma(7.0),
        1e-12,
    ),
    "arcsine, infinite at both ends": (
        lambda x: np.log(1.0 - x * x) / 2.0,
        ((-1.0, 1.0),),
        np.log(np.pi),
        1e-6,
    ),
    "forbidden half": (lambda x: x * x / 2.0 if x > 0.0 else np.inf, LINE, ROOT_2_PI - np.log(2.0), 1e-2),
}


@pytest.mark.parametrize("name", ONE)
def test_one_dimension(name):
    energy, intervals, truth, wanted = ONE[name]
    value, error = log_partition(energy, intervals=intervals)
    assert abs(value - truth) <= error <= max(50.0 * wanted, 1e-12 + 1e-12 * abs(truth)), (
        value - truth,
        error,
    )
    assert abs(value - truth) <= wanted * max(1.0, abs(truth))


@pytest.mark.parametrize("width", [0.3, 1.0])
@pytest.mark.parametrize("centre", [50.0, 100.0, 200.0, 300.0])
def test_far_from_zero_x_itself_is_rounded(centre, width):
    value, error = log_partition(lambda x: ((x - centre) / width) ** 2 / 2.0)
    assert abs(value - (ROOT_2_PI + np.log(width))) <= error <= 3e-11


def test_temperature():
    for beta in (1e-3, 0.5, 40.0, 1e6):
        value, error = log_partition(lambda x: x * x / 2.0, beta)
        assert abs(value - (ROOT_2_PI - np.log(beta) / 2.0)) <= error <= 1e-12


def test_double_well():
    """E = (x^2 - 1)^2 at beta = 1; <x E'> = 1 makes <x^4> - <x^2> = 1/4 exactly."""
    x2, error = expectation(lambda x: x**2, well)
    assert x2 == pytest.approx(0.832745, abs=5e-7) and error < 1e-13
    x4, _ = expectation(lambda x: x**4, well)
    assert x4 == pytest.approx(1.082745, abs=5e-7) and x4 - x2 == pytest.approx(0.25, rel=1e-14)
    mean, error = expectation(lambda x: x, well)
    assert abs(mean) <= error <= 1e-13
    log_Z, h = log_partition(well)[0], 1e-4  # <E> is minus the slope of log Z by beta
    slope = (log_partition(well, 1.0 + h)[0] - log_partition(well, 1.0 - h)[0]) / (2.0 * h)
    assert expectation(well, well)[0] == pytest.approx(-slope, rel=1e-7) and log_Z > 0.0


@pytest.mark.parametrize("offset", [-1e4, 1e4])
def test_a_mean_does_not_depend_on_the_level_of_energy(offset):
    value, error = expectation(lambda x: x * x, lambda x: x * x / 2.0 + offset)
    assert abs(value - 1.0) <= error <= 1e-9


@pytest.mark.parametrize("rho", [0.0, 0.6, -0.8])
def test_two_dimensions(rho):
    A = np.linalg.inv(np.array([[1.0, rho], [rho, 1.0]]))
    E = lambda x: A[0, 0] * x[0] ** 2 / 2.0 + A[0, 1] * x[0] * x[1] + A[1, 1] * x[1] ** 2 / 2.0
    value, error = log_partition(E, intervals=PLANE, evaluations=30_000)
    assert abs(value - (2.0 * ROOT_2_PI + np.log(1.0 - rho**2) / 2.0)) <= error <= 2e-3
    value, error = expectation(lambda x: x[0] * x[1], E, intervals=PLANE, evaluations=30_000)
    assert abs(value - rho) <= error <= 1e-2
    if rho == 0.0:
        assert abs(value - rho) <= 1e-15


def test_two_dimensions_of_different_kind():
    """x > 0 with a rate y in (1, 3): int_1^3 dy / y."""
    value, error = log_partition(
        lambda x: x[0] * x[1], intervals=((0.0, np.inf), (1.0, 3.0)), evaluations=30_000
    )
    assert abs(value - np.log(np.log(3.0))) <= error <= 1e-5


def test_a_needle_that_E_slopes_towards_is_found():
    needle = lambda x: ((x - 1000.0) / 1e-3) ** 2 / 2.0
    value, error = log_partition(needle)
    assert abs(value - (ROOT_2_PI - np.log(1000.0))) <= error <= 1e-6
    value, error = log_partition(needle, centre=1000.0, scale=1e-3)
    assert abs(value - (ROOT_2_PI - np.log(1000.0))) <= error <= 1e-9
    mean, error = expectation(lambda x: x, lambda x: (x * 1e6) ** 2)
    assert abs(mean) <= error <= 1e-15


@pytest.mark.parametrize(
    "energy, intervals",
    [
        (lambda x: 0.0, LINE),
        (lambda x: np.log1p(np.abs(x)), LINE),
        (lambda x: np.log(np.abs(x)), LINE),
        (lambda x: np.log(np.abs(x - 0.37)), ((0.0, 1.0),)),
        (lambda x: -x * x, LINE),
        (lambda x: -x, POSITIVE),
        (lambda x: np.log(x), ((0.0, 1.0),)),
        (lambda x: (x[0] - x[1]) ** 2, PLANE),
    ],
)
def test_no_density_no_answer(energy, intervals):
    with pytest.raises(ValueError, match=r"energy: must grow outwards"):
        log_partition(energy, intervals=intervals, evaluations=200_000 if len(intervals) == 1 else 7_000)


def test_no_mean():
    with pytest.raises(ValueError, match="must grow outwards"):
        expectation(lambda x: x * x, lambda x: np.log1p(x * x))
    assert expectation(lambda x: 1.0, lambda x: np.log1p(x * x))[0] == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ({"energy": lambda x: np.log(x)}, r"energy = .*must be a number everywhere in the intervals"),
        ({"energy": lambda x: -np.inf if 0.0 < x < 1.0 else x * x}, r"energy = .*must be above -inf"),
        ({"energy": lambda x: np.inf}, r"energy = .*must not forbid every point"),
        ({"intervals": ((1.0, 1.0),)}, r"intervals = .*must have a < b in each pair"),
        ({"intervals": ((0.0, np.nan),)}, r"intervals = .*must have a < b in each pair"),
        ({"intervals": LINE * 3}, r"intervals = .*must be one or two pairs"),
        ({"beta": 0.0}, r"beta = 0.0: must be positive and finite"),
        ({"scale": -1.0}, r"scale = -1.0: must be positive and finite"),
        ({"centre": np.inf}, r"centre = inf: must be finite"),
        ({"intervals": ((0.0, 1.0),), "points": [0.5, 1.0]}, r"points = .*must be inside the intervals"),
        ({"intervals": ((-1e308, 1e308),)}, r"intervals = .*must have a b - a that does not overflow"),
        ({"points": [np.nan]}, r"points = .*must be inside the intervals"),
        ({"points": [[1.0, 2.0]]}, r"points = .*must be"),
    ],
)
def test_bad_input(arguments, says):
    with pytest.raises(ValueError, match=says):
        log_partition(**{"energy": well} | arguments)
    with pytest.raises(ValueError, match=says):
        expectation(lambda x: x, **{"energy": well} | arguments)


def test_a_function_that_is_not_finite():
    with pytest.raises(ValueError, match=r"function = .*must be finite wherever"):
        expectation(lambda x: np.nan, well)


def mixture(weights, means, sds, literal=False):
    """E of a mixture of Gaussians: of the logarithm of each part, or of what the sum leaves of them."""
    w, m, s = (np.asarray(x, float) for x in (weights, means, sds))
    logs = lambda x: np.log(w / s) - ((x - m) / s) ** 2 / 2.0
    if not literal:
        return lambda x: -np.logaddexp.reduce(logs(x))
    return lambda x: -np.log(np.sum(np.exp(logs(x))))  # +inf where all of them underflow


def boxes(*pairs):
    return lambda x: 0.0 if any(a < x < b for a, b in pairs) else np.inf


def pole(c, power):
    return lambda x: power * np.log(np.abs(x - c))


def log_mass(c, power):
    """log int_0^1 |x - c|^-power dx."""
    return np.log((c ** (1.0 - power) + (1.0 - c) ** (1.0 - power)) / (1.0 - power))


UNIT = ((0.0, 1.0),)
TWO = ROOT_2_PI + np.log(2.0)
# energy, intervals, log Z, the error that is good enough
HARD = {
    "a pole of power 9/10": (pole(0.37, 0.9), UNIT, log_mass(0.37, 0.9), 0.1),
    "a pole of power 1/2": (pole(0.37, 0.5), UNIT, log_mass(0.37, 0.5), 1e-6),
    "a pole of power 1/4": (pole(0.37, 0.25), UNIT, log_mass(0.37, 0.25), 1e-9),
    "a pole at 0": (pole(0.0, 0.7), ((-1.0, 2.0),), np.log((1.0 + 2.0**0.3) / 0.3), 1e-2),
    "a pole at one end": (lambda x: 0.9 * np.log(x), UNIT, np.log(10.0), 1e-8),
    "poles at both ends": (
        lambda x: 0.9 * np.log(x) + 0.5 * np.log1p(-x),
        UNIT,
        lgamma(0.1) + lgamma(0.5) - lgamma(0.6),
        1e-6,
    ),
    "log|x| inside": (
        lambda x: -np.log(-np.log(abs(x - 0.37))),
        UNIT,
        np.log(1.0 - 0.37 * np.log(0.37) - 0.63 * np.log(0.63)),
        1e-12,
    ),
    "log|x| at 0": (lambda x: -np.log(-np.log(abs(x))), ((-0.5, 0.5),), np.log(1.0 + np.log(2.0)), 1e-12),
    "a weak pole on a density": (
        lambda x: x * x / 2.0 if abs(x - 1.0) >= 1.0 else -np.logaddexp(-x * x / 2.0, -pole(1.0, 0.5)(x)),
        LINE,
        np.log(np.sqrt(2.0 * np.pi) + 4.0),
        1e-6,
    ),
    "a zero inside": (lambda x: -np.log(abs(x - 0.37)), UNIT, np.log((0.37**2 + 0.63**2) / 2.0), 1e-12),
    "a cusp": (
        lambda x: 30.0 * abs(x - 0.5) ** 0.1,
        LINE,
        np.log(2.0) + lgamma(11.0) - 10.0 * np.log(30.0),
        1e-6,
    ),
    "two modes, 10,000 apart": (mixture([1, 1], [0, 1e4], [1, 1]), LINE, TWO, 1e-8),
    "the same, infinite between": (mixture([1, 1], [0, 1e4], [1, 1], True), LINE, TWO, 1e-8),
    "two modes, 80 apart, infinite between": (mixture([1, 1], [0, 80], [1, 1], True), LINE, TWO, 1e-8),
    "a far mode of width 0.1": (mixture([1, 1], [0, 77], [1, 0.1]), LINE, TWO, 1e-9),
    "a far mode of width 0.01": (mixture([1, 1], [0, -500], [1, 0.01]), LINE, TWO, 1e-8),
    "a narrow mode on a broad one": (mixture([1, 1], [0, 1.5], [1, 0.03]), LINE, TWO, 1e-9),
    "a narrow mode at the centre": (mixture([1, 1], [0, 10], [0.01, 1]), LINE, TWO, 1e-9),
    "a light mode at a million": (
        mixture([1, 1e-3], [0, 1e6], [1, 1]),
        LINE,
        ROOT_2_PI + np.log(1.001),
        1e-6,
    ),
    "five modes": (
        mixture([1] * 5, [-1e4, -100, 0, 50, 3e3], [1, 0.1, 1, 0.01, 1]),
        LINE,
        ROOT_2_PI + np.log(5.0),
        1e-8,
    ),
    "twelve modes": (mixture([1] * 12, 37.0 * np.arange(12), [1] * 12), LINE, ROOT_2_PI + np.log(12.0), 1e-9),
    "a cold double well": (
        lambda x: np.inf if x <= 0.0 else 200.0 * np.log(x) ** 2 - np.log(2.0),
        LINE,
        np.log(2.0) + ROOT_2_PI - np.log(20.0) + 1.0 / 800.0,
        1e-9,
    ),
    "two boxes": (boxes((0, 1), (5, 6)), LINE, np.log(2.0), 1e-12),
    "two boxes of odd edges": (boxes((np.pi, 4.0), (7.1, 8.3)), LINE, np.log(5.2 - np.pi), 1e-12),
    "two boxes far apart": (boxes((-1, 1), (1e3, 2e3)), LINE, np.log(1002.0), 1e-12),
    "one box far off": (boxes((1000, 1100)), LINE, np.log(100.0), 1e-9),
    "a step": (lambda x: 0.0 if x < 0.3 else 2.0, UNIT, np.log(0.3 + 0.7 * np.exp(-2.0)), 1e-12),
    "ten steps": (
        lambda x: int(10 * x) % 3,
        UNIT,
        np.log((4.0 + 3.0 * np.exp(-1.0) + 3.0 * np.exp(-2.0)) / 10.0),
        1e-12,
    ),
    "a corner": (lambda x: abs(x - 1.0 / 3.0), LINE, np.log(2.0), 1e-12),
    "a sharp corner far off": (lambda x: 50.0 * abs(x - 123.4), LINE, np.log(0.04), 1e-9),
    "two corners": (lambda x: -np.logaddexp(-abs(x), -abs(x - 300.0)), LINE, np.log(4.0), 1e-10),
    "oscillation": (lambda x: x * x / 2.0 - np.log1p(0.9 * np.cos(50.0 * x)), LINE, ROOT_2_PI, 1e-9),
    "zeros at 65 points": (
        lambda x: -2.0 * np.log(np.abs(np.sin(64.0 * np.pi * x))),
        UNIT,
        -np.log(2.0),
        1e-9,
    ),
    "a heavy tail far off": (lambda x: np.log1p((x - 1e5) ** 2), LINE, np.log(np.pi), 1e-7),
    "a tail that leaves digits out": (lambda x: 1.05 * np.log(x), ((1.0, np.inf),), np.log(20.0), 0.1),
    "a heavy tail with a corner": (lambda x: 1.2 * np.log1p(abs(x + 12.3)), LINE, np.log(10.0), 1e-8),
    "narrow": (lambda x: (x * 1e12) ** 2 / 2.0, LINE, ROOT_2_PI - np.log(1e12), 1e-12),
    "broad": (lambda x: (x / 1e12) ** 2 / 2.0, LINE, ROOT_2_PI + np.log(1e12), 1e-12),
}


@pytest.mark.parametrize("name", HARD)
def test_the_error_is_a_promise(name):
    energy, intervals, truth, enough = HARD[name]
    with np.errstate(divide="ignore"):
        value, error = log_partition(energy, intervals=intervals)
    assert abs(value - truth) <= error <= enough


@pytest.mark.parametrize("evaluations", [200, 1000, 5000])
@pytest.mark.parametrize("name", [name for name in HARD if not re.search("mode|same|box", name)])
def test_the_error_is_a_promise_with_few_points(name, evaluations):
    energy, intervals, truth, _ = HARD[name]
    try:
        value, error = log_partition(energy, intervals=intervals, evaluations=evaluations)
    except Unresolved as unresolved:
        value, error = unresolved.value, unresolved.error
    assert abs(value - truth) <= error


# what shows at no point; where to look must be said
UNSEEN = {
    "a needle far off": (mixture([1, 1], [0, 1e3], [1, 1e-3]), LINE, TWO, [1e3]),
    "a needle on a broad mode": (mixture([1, 1], [0, 3], [1, 1e-3]), LINE, TWO, [3.0]),
    "a spike on a plateau": (
        lambda x: -np.logaddexp(0.0, np.log(1e5) - 1e5 * abs(x - 0.618)),
        UNIT,
        np.log(3.0),
        [0.618],
    ),
    "a small box far off": (boxes((0, 1), (1e6, 1e6 + 1)), LINE, np.log(2.0), [0.0, 1.0, 1e6, 1e6 + 1]),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_no_point_sees_is_found_where_it_is_said_to_be(name):
    energy, intervals, truth, points = UNSEEN[name]
    value, error = log_partition(energy, intervals=intervals, points=points)
    assert abs(value - truth) <= error <= 1e-6


def test_points_in_two_dimensions():
    square = lambda x: 0.0 if abs(x[0] - 0.3) < 1.0 and abs(x[1]) < 2.0 else np.inf
    value, error = log_partition(
        square, intervals=PLANE, points=[(-0.7, -2.0), (1.3, 2.0)], evaluations=30_000
    )
    assert abs(value - np.log(8.0)) <= error <= 1e-6
    with pytest.raises(Unresolved, match="energy: not resolved: log Z = "):
        log_partition(square, intervals=PLANE, evaluations=7_000)


def test_an_inner_pole_in_two_dimensions():
    """int 1/|x| over the square of side 2 is 8 log(1 + sqrt 2)."""
    value, error = log_partition(
        lambda x: np.log(x[0] ** 2 + x[1] ** 2) / 2.0, intervals=((-1.0, 1.0),) * 2, evaluations=60_000
    )
    assert abs(value - np.log(8.0 * np.log1p(np.sqrt(2.0)))) <= error <= 1e-2


EXPECTATIONS = {
    "a probability": (lambda x: x < 0.3, lambda x: 0.0, UNIT, 0.3),
    "the mean of two far modes": (lambda x: x, HARD["two modes, 10,000 apart"][0], LINE, 5e3),
    "half of a far mode": (lambda x: x > 1e4, HARD["two modes, 10,000 apart"][0], LINE, 0.25),
    "two boxes": (lambda x: x * x, boxes((0, 1), (5, 6)), LINE, 46.0 / 3.0),
    "oscillation": (lambda x: np.cos(5.0 * x), lambda x: x * x / 2.0, LINE, np.exp(-12.5)),
    "f has a pole": (
        lambda x: abs(x - 1.1) ** -0.5,
        lambda x: 0.0,
        ((0.1, 2.3),),
        (1.0 + np.sqrt(1.2)) / 1.1,
    ),
    "small numbers": (lambda x: 1e-20 * x * x, lambda x: x * x / 2.0, LINE, 1e-20),
}


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_the_error_of_a_mean_is_a_promise(name):
    f, energy, intervals, truth = EXPECTATIONS[name]
    value, error = expectation(lambda x: 1.0 * f(x), energy, intervals=intervals)
    assert abs(value - truth) <= error <= 1e-6 * max(1e-20, abs(truth))


@pytest.mark.parametrize(
    "given",
    [
        {"energy": lambda x: x * x, "scale": 1e300},
        {"energy": lambda x: 0.0 if x == 0.0 else np.inf},
        {"energy": lambda x: x * x, "beta": 1e300},
    ],
)
def test_what_lies_between_all_points_gives_no_number(given):
    with pytest.raises(
        ValueError, match=r"must not forbid every point|not resolved|or none that can be trusted"
    ):
        log_partition(**given)


def test_what_is_not_resolved_is_no_number():
    with pytest.raises(Unresolved, match=r"energy: not resolved: log Z = .* near") as caught:
        log_partition(pole(0.37, 0.5), intervals=UNIT, evaluations=100)
    assert abs(caught.value.value - log_mass(0.37, 0.5)) <= caught.value.error
    with pytest.raises(Unresolved, match=r"energy: not resolved: <f> = "):
        expectation(lambda x: x, pole(0.37, 0.5), intervals=UNIT, evaluations=100)
