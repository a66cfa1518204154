"""The stable functions against 60 digits, on ordinary and hostile arguments."""

import numpy as np
import pytest

from ebm_ref import gamma, numerics

mpmath = pytest.importorskip("mpmath", reason="the truth is computed with mpmath")
mp, mpf = mpmath.mp, mpmath.mpf

POINTS = [
    s * x
    for x in (0.0, 5e-324, 1e-300, 1e-20, 1e-8, 0.3, 1.0, 2.0, 20.0, 36.7, 40.0, 700.0, 744.0, 1e4, 1e8)
    for s in (1, -1)
]

FUNCTIONS = {
    "softplus": (lambda t: mpmath.log(1 + mpmath.exp(t)), POINTS),
    "log_sigmoid": (lambda t: -mpmath.log(1 + mpmath.exp(-t)), POINTS),
    "sigmoid": (lambda t: 1 / (1 + mpmath.exp(-t)), POINTS),
    "log1mexp": (lambda t: mpmath.log(1 - mpmath.exp(t)), [t for t in POINTS if t < 0]),
    "exp_excess": (lambda t: mpmath.expm1(t) - t, [t for t in (*POINTS, 0.99, -0.99) if t < 709]),
    "tanh_slope": (lambda t: 1 - mpmath.tanh(t) ** 2, POINTS),
}


def allowed(f, x, truth):
    """4 (u C + eta) with C = |f| + |x f'|."""
    slope = (f(x * (1 + mpf(10) ** -300)) - f(x * (1 - mpf(10) ** -300))) / (2 * mpf(10) ** -300)  # x f'(x)
    return 4 * (mpf(2) ** -53 * (abs(truth) + abs(slope)) + mpf(2) ** -1074)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_of_one_number(name):
    naive, points = FUNCTIONS[name]
    with mp.workdps(1000):
        for t in points:
            truth = naive(mpf(t))
            error = abs(mpf(float(getattr(numerics, name)(t))) - truth)
            assert error <= allowed(naive, mpf(t), truth), (name, t)


@pytest.mark.parametrize(
    "x",
    [
        [0.0],
        [1.0, 2.0, 3.0],
        [0.0, -40.0],
        [-40.0, 0.0, -744.0],
        [1e8, 1e8],
        [1e4, -1e4],
        [5.0] * 7,
        [-1e8, -1e8 + 1.0],
        [1e-300, 0.0],
    ],
)
def test_logsumexp_and_softmax(x):
    with mp.workdps(1000):
        weights = [mpmath.exp(mpf(t)) for t in x]
        Z = sum(weights)
        p = [w / Z for w in weights]
        C = abs(mpmath.log(Z)) + sum(abs(mpf(t)) * q for t, q in zip(x, p, strict=True))
        error = abs(mpf(float(numerics.logsumexp(np.array(x)))) - mpmath.log(Z))
        assert error <= 4 * mpf(2) ** -53 * C
        reach = max(x) - min(x) + 1
        for ours, truth in zip(numerics.softmax(np.array(x)), p, strict=True):
            assert abs(mpf(float(ours)) - truth) <= 4 * (
                mpf(2) ** -53 * truth * len(x) * reach + mpf(2) ** -1074
            )


def test_special_values():
    inf, nan = np.inf, np.nan
    assert numerics.logsumexp(np.array([-inf, 0.0])) == 0.0
    assert numerics.logsumexp(np.array([-inf, -inf])) == -inf
    assert numerics.logsumexp(np.array([inf, 0.0])) == inf
    assert np.isnan(numerics.logsumexp(np.array([0.0, nan])))
    assert numerics.softplus(inf) == inf and numerics.softplus(-inf) == 0.0
    assert numerics.log_sigmoid(inf) == 0.0 and numerics.log_sigmoid(-inf) == -inf
    assert numerics.sigmoid(inf) == 1.0 and numerics.sigmoid(-inf) == 0.0
    assert (
        numerics.log1mexp(0.0) == -inf and numerics.log1mexp(-inf) == 0.0 and np.isnan(numerics.log1mexp(1.0))
    )
    assert (
        numerics.xlogy(0.0, 0.0) == 0.0
        and numerics.xlogy(1.0, 0.0) == -inf
        and numerics.xlogy(0.0, 5.0) == 0.0
    )
    for f in (numerics.softplus, numerics.log_sigmoid, numerics.sigmoid, numerics.log1mexp):
        assert np.isnan(f(nan))
    assert np.isnan(numerics.xlogy(nan, 1.0)) and np.isnan(numerics.xlogy(0.0, nan))


def test_excess_and_slope_at_the_ends():
    assert numerics.exp_excess(-np.inf) == np.inf and numerics.exp_excess(np.inf) == np.inf
    assert numerics.tanh_slope(np.inf) == 0.0 == numerics.tanh_slope(-np.inf)
    assert np.isnan(numerics.exp_excess(np.nan)) and np.isnan(numerics.tanh_slope(np.nan))


def test_xlogy_is_exact_where_log_is():
    assert numerics.xlogy(3.0, 1.0) == 0.0
    assert numerics.xlogy(2.0, np.e) == pytest.approx(2.0, rel=1e-15)


def test_differentiable():
    """autograd follows them, at 0 too, where naive branches give 0 or 1 instead of one half."""
    from autograd import grad

    assert grad(numerics.softplus)(0.0) == 0.5
    assert grad(numerics.log_sigmoid)(0.0) == 0.5
    assert grad(numerics.sigmoid)(0.0) == 0.25
    assert grad(numerics.xlogy)(0.0, 2.0) == np.log(2.0)
    assert grad(numerics.log1mexp)(-1.0) == pytest.approx(-1.0 / (np.e - 1.0), rel=1e-15)
    assert np.allclose(
        grad(numerics.logsumexp)(np.array([0.0, 0.0, 1.0])), numerics.softmax(np.array([0.0, 0.0, 1.0]))
    )


@pytest.mark.parametrize("y", [1.0, 1.5, 2.0, 7.25, 9.999, 10.0, 50.0, 1e6, 1e15])
def test_stirling_error(y):
    """To a quarter of a unit of 1: it is added to log(2 pi y)/2."""
    with mp.workdps(60):
        truth = mpmath.loggamma(mpf(y) + 1) - (mpf(y) + 0.5) * mpmath.log(y) + y - mpmath.log(2 * mp.pi) / 2
        assert abs(mpf(float(gamma.stirling_error(y))) - truth) <= mpf(2) ** -54


@pytest.mark.parametrize("y", [0.0, 5e-324, 1e-300, 1e-20, 1e-8, 0.1, 0.5, 0.999, 1.0, 1.5, 2.0, 30.0, 1e8])
def test_log_factorial(y):
    """Near 0 to the last digits of -0.577 y; beyond, to those of the terms of Stirling's formula."""
    with mp.workdps(400):
        error = abs(mpf(float(gamma.log_factorial(y))) - mpmath.loggamma(mpf(y) + 1))
        size = mpf(y) if y < 1.0 else 1 + mpf(y) * (1 + mpmath.log(y))
        assert error <= 6 * mpf(2) ** -53 * size + 4 * mpf(2) ** -1074
    assert np.isnan(gamma.log_factorial(np.nan))


@pytest.mark.parametrize("b", [0.0, 1e-300, -0.3, 1.0, 20.0, -40.0, 400.0])
@pytest.mark.parametrize("gap", [0.0, 1e-300, -1e-20, 2.0**-30, -0.5, 3.0, -60.0, 800.0])
def test_tanh_difference(b, gap):
    """With the gap known, however small beside b: C = |f| + |a| / cosh(a)^2 + |b| / cosh(b)^2."""
    with mp.workdps(1000):
        a = mpf(b) + mpf(gap)
        truth = mpmath.tanh(a) - mpmath.tanh(mpf(b))
        C = abs(truth) + abs(a) / mpmath.cosh(a) ** 2 + abs(mpf(b)) / mpmath.cosh(mpf(b)) ** 2
        error = abs(mpf(float(numerics.tanh_difference(b + gap, b, gap))) - truth)
        assert error <= 4 * (mpf(2) ** -53 * C + mpf(2) ** -1074)
        if abs(gap) <= 2.0**-30 and b != 0.0:  # to its own digits, where a - b is 0 or nearly
            assert error <= 8 * mpf(2) ** -53 * (1 + abs(mpf(b))) * abs(truth) + mpf(2) ** -1072


HALF_STEPS = {  # the function of one number that the page's letters stand for
    "half_step": lambda y: mpmath.loggamma(y) - mpmath.loggamma(y + mpf(1) / 2) + mpmath.log(y) / 2,
    "half_step_slope": lambda y: mpmath.digamma(y) - mpmath.digamma(y + mpf(1) / 2) + 1 / (2 * y),
    "stirling_slope": lambda y: mpmath.digamma(y + 1) - mpmath.log(y) - 1 / (2 * y),
}


@pytest.mark.parametrize("name", HALF_STEPS)
@pytest.mark.parametrize("y", [1e-9, 0.3, 0.5, 1.0, 2.5, 9.999, 10.0, 19.99, 20.0, 55.5, 1e3, 1e8, 1e15])
def test_steps_of_log_gamma(name, y):
    """Relative errors, of sums of up to twenty terms of one sign; below 1 stirling_slope has terms of two."""
    with mp.workdps(100):
        truth = HALF_STEPS[name](mpf(y))
        size = abs(truth) + (1 / mpf(y) if name == "stirling_slope" and y < 1.0 else 0)
        error = abs(mpf(float(getattr(gamma, name)(y))) - truth)
        assert error <= 12 * mpf(2) ** -53 * size


@pytest.mark.parametrize("name", HALF_STEPS)
def test_steps_pass_on_what_is_no_number(name):
    assert np.isnan(getattr(gamma, name)(np.nan))
