"""Quadrature against closed forms: the value, and that its error estimate is never too small."""

from math import lgamma

import numpy as np
import pytest

from ebm_ref.exact.quadrature import LINE, PLANE, expectation, log_partition

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
    assert abs(value - (ROOT_2_PI + np.log(width))) <= error <= 1e-11


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
    assert abs(value - np.log(np.log(3.0))) <= error <= 1e-6


def test_what_few_points_carry_is_not_known():
    """A needle: an infinite error; and where it is said to be, all digits."""
    needle = lambda x: ((x - 1000.0) / 1e-3) ** 2 / 2.0
    value, error = log_partition(needle)
    assert error == np.inf
    value, error = log_partition(needle, centre=1000.0, scale=1e-3)
    assert abs(value - (ROOT_2_PI - np.log(1000.0))) <= error <= 1e-9
    assert expectation(lambda x: x, lambda x: (x * 1e6) ** 2)[1] == np.inf


@pytest.mark.parametrize(
    "energy, intervals",
    [
        (lambda x: 0.0, LINE),
        (lambda x: np.log1p(np.abs(x)), LINE),
        (lambda x: -x * x, LINE),
        (lambda x: -x, POSITIVE),
        (lambda x: np.log(x), ((0.0, 1.0),)),
        (lambda x: (x[0] - x[1]) ** 2, PLANE),
    ],
)
def test_no_density_no_answer(energy, intervals):
    with pytest.raises(ValueError, match=r"energy: must grow outwards"):
        log_partition(energy, intervals=intervals, evaluations=30_000)


def test_no_mean():
    with pytest.raises(ValueError, match="must grow outwards"):
        expectation(lambda x: x * x, lambda x: np.log1p(x * x))
    assert expectation(lambda x: 1.0, lambda x: np.log1p(x * x))[0] == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ({"energy": lambda x: np.log(x)}, r"energy = .*must be a number everywhere in the intervals"),
        ({"energy": lambda x: np.log(np.abs(x))}, r"energy = .*must be above -inf"),
        ({"energy": lambda x: np.inf}, r"energy = .*must not forbid every point"),
        ({"intervals": ((1.0, 1.0),)}, r"intervals = .*must have a < b in each pair"),
        ({"intervals": ((0.0, np.nan),)}, r"intervals = .*must have a < b in each pair"),
        ({"intervals": LINE * 3}, r"intervals = .*must be one or two pairs"),
        ({"beta": 0.0}, r"beta = 0.0: must be positive and finite"),
        ({"scale": -1.0}, r"scale = -1.0: must be positive and finite"),
        ({"centre": np.inf}, r"centre = inf: must be finite"),
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
