"""Diagnostics: closed forms of AR(1), agreement with arviz and emcee on the same arrays, bad input."""

import numpy as np
import pytest

from ebm_ref.samplers import blocking
from ebm_ref.samplers import diagnostics as d


def ar1(f, chains, draws, seed=0):
    """Stationary AR(1) chains with unit variance."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(chains, draws))
    for t in range(1, draws):
        x[:, t] = f * x[:, t - 1] + np.sqrt(1.0 - f * f) * x[:, t]
    return x


SERIES = {
    "slow": ar1(0.9, 4, 500),
    "alternating": ar1(-0.7, 3, 401),
    "independent": ar1(0.0, 2, 1000),
    "heavy tails": np.random.default_rng(1).standard_cauchy((4, 300)),
    "drifting": ar1(0.5, 4, 200) + np.linspace(0.0, 3.0, 200),
    "apart": ar1(0.5, 4, 200) + np.array([[0.0], [0.0], [0.0], [3.0]]),
    "three values": np.random.default_rng(2).integers(0, 3, (4, 100)).astype(float),
    "ten draws": ar1(0.5, 2, 10),
    "eleven draws": ar1(0.9, 2, 11),
    "never settled": ar1(0.999, 4, 60),
    "one stuck": np.vstack([np.zeros(50), ar1(0.5, 3, 50)]),
    "capped": ar1(-0.9, 4, 200),
    "0 and 1 in turn": np.tile([0.0, 1.0], (2, 20)),
    "a trend": np.arange(40.0).reshape(2, 20),
}
STUCK = np.repeat([[0.0], [1.0]], 50, axis=1)
FUNCTIONS = d.ess_bulk, d.ess_tail, d.effective_size, d.mcse_mean, d.autocorrelation_time


@pytest.mark.parametrize("f", [0.0, 0.5, 0.9, -0.5, -0.9])
def test_geyers_rule_sums_the_exact_sequence(f):
    rho = f ** np.arange(2000.0)
    assert d.geyer_time(rho) == pytest.approx(d.ar1_time(f), rel=1e-12)


def test_geyers_rule_stops_and_never_rises():
    assert d.geyer_time(np.array([1.0, 0.5, -0.2, 0.1, 9.0, 9.0, 9.0, 9.0])) == -1.0 + 2.0 * 1.5
    rises = np.array([1.0, 0.0, 0.75, 0.75, -1.0, 0.0, 0.0, 0.0])  # a pair of 1.5 after one of 1 counts 1
    assert d.geyer_time(rises) == -1.0 + 2.0 * (1.0 + 1.0)


@pytest.mark.parametrize("f", [0.8, 0.3, -0.4])
def test_times_of_a_long_series(f):
    """Within three standard errors, sqrt(2 (2M + 1)/S) of tau with a window of M = 5 tau."""
    x = ar1(f, 4, 20000)
    truth = d.ar1_time(f)
    three = 3.0 * np.sqrt(2.0 * (10.0 * truth + 1.0) / x.size)
    assert d.autocorrelation_time(x) == pytest.approx(truth, rel=three)
    assert d.mcse_mean(x) == pytest.approx(np.sqrt(truth / x.size), rel=three)
    assert d.ess_bulk(x) == pytest.approx(x.size / truth, rel=three)
    if f > 0.0:
        assert d.windowed_time(x) == pytest.approx(truth, rel=three)
    else:
        assert d.windowed_time(x) < 0.6 * truth, "as its docstring warns"


def test_the_variance_of_a_mean_follows_from_the_autocovariances():
    f, n = 0.7, 9
    covariance = f ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    assert d.ar1_mean_variance(f, n) == pytest.approx(covariance.mean(), rel=1e-14)


def test_autocovariance_is_the_sum_written_out():
    x = ar1(0.5, 1, 37)[0]
    y = x - x.mean()
    naive = [sum(y[t] * y[t + k] for t in range(len(y) - k)) / len(y) for k in range(len(y))]
    np.testing.assert_allclose(d.autocovariance(x), naive, atol=1e-15)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SERIES)
def test_agreement_with_arviz(name):
    az = pytest.importorskip("arviz", reason="arviz is the other side of the comparison")
    x = SERIES[name]
    one = lambda value: float(np.ravel(value)[0])
    assert d.ess_bulk(x) == pytest.approx(one(az.ess(x, method="bulk")), rel=1e-10)
    assert d.ess_tail(x) == pytest.approx(one(az.ess(x, method="tail")), rel=1e-10)
    assert d.effective_size(x) == pytest.approx(one(az.ess(x, method="identity")), rel=1e-10)
    assert d.mcse_mean(x) == pytest.approx(one(az.mcse(x, method="mean")), rel=1e-10)
    assert d.rhat(x) == pytest.approx(one(az.rhat(x)), rel=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_agreement_with_emcee():
    emcee = pytest.importorskip("emcee", reason="emcee is the other side of the comparison")
    x = ar1(0.9, 1, 5000)[0]
    assert d.windowed_time(x) == pytest.approx(float(emcee.autocorr.integrated_time(x, c=5)[0]), rel=1e-10)


def test_chains_that_disagree_are_worth_little():
    x = SERIES["apart"]
    assert d.rhat(x) > 1.3 and d.ess_bulk(x) < 12 < 150 < d.ess_bulk(SERIES["independent"])
    assert d.rhat(SERIES["drifting"]) > 1.2, "halves show a drift that whole chains share"


def test_scores_of_ranks_see_no_units():
    x = SERIES["slow"]
    assert d.ess_bulk(np.exp(x)) == d.ess_bulk(x) and d.rhat(SERIES["heavy tails"] * 1e300) < 1.02
    np.testing.assert_array_equal(d.normal_scores(np.array([[2.0, 2.0, 5.0, -1.0]]))[0, :2], [0.0, 0.0])


def test_what_never_moves_has_no_effective_size():
    x = np.full((2, 10), 7.0)
    for function in (d.ess_bulk, d.ess_tail, d.rhat, d.mcse_mean, d.autocorrelation_time, d.effective_size):
        assert np.isnan(function(x))
    assert d.rhat(STUCK) == np.inf
    assert np.isnan(blocking.blocking_error(np.zeros(64)))


def test_nan_in_nan_out():
    x = ar1(0.5, 2, 50)
    x[1, 7] = np.nan
    for function in (d.ess_bulk, d.ess_tail, d.rhat, d.mcse_mean, d.autocorrelation_time, d.windowed_time):
        assert np.isnan(function(x))


def test_an_infinite_draw_has_a_rank_but_no_mean():
    x = ar1(0.5, 2, 50)
    x[1, 7] = np.inf
    for function in (d.mcse_mean, d.autocorrelation_time, d.windowed_time, d.effective_size):
        assert np.isnan(function(x))
    assert d.ess_bulk(x) > 10.0 and d.ess_tail(x) > 10.0 and d.rhat(x) < 1.2


def test_no_time_is_below_zero():
    """Near f = -1 the sum of noisy correlations is; the truth is 0.0005."""
    with pytest.warns(d.Doubtful, match="tau is given as 0"):
        assert 0.0 <= d.autocorrelation_time(ar1(-0.999, 4, 1001)) < 0.1
    with pytest.warns(d.Doubtful, match="is no time"):
        assert np.isnan(d.windowed_time(ar1(-0.9, 4, 1001)))


@pytest.mark.parametrize("x", [np.zeros((2, 1)), np.zeros((3, 3)), np.zeros(0), np.zeros((2, 2, 9)), 1.0])
def test_too_few_draws_are_refused(x):
    for function in (d.ess_bulk, d.ess_tail, d.rhat, d.mcse_mean):
        with pytest.raises(ValueError, match="draws = "):
            function(x)


def test_ar1_has_no_time_at_one():
    with pytest.raises(ValueError, match=r"f = 1\.0"):
        d.ar1_time(1.0)


def test_blocking_finds_the_error_of_a_correlated_mean():
    f, n = 0.8, 2**14
    x = ar1(f, 40, n, seed=3)
    truth = np.sqrt(d.ar1_mean_variance(f, n))
    naive = np.mean([blocking.blocking(chain)[0][1] for chain in x])
    found = np.mean([blocking.blocking_error(chain) for chain in x])
    assert naive == pytest.approx(truth / 3.0, rel=0.02)
    assert found == pytest.approx(truth, rel=0.05)
    assert np.std(x.mean(axis=1), ddof=1) == pytest.approx(truth, rel=0.3)


def test_blocking_averages_neighbours():
    rows = blocking.blocking(np.array([1.0, 3.0, 5.0, 7.0, 100.0]))
    assert [row[0] for row in rows] == [1, 2]
    assert rows[1][1] == pytest.approx(2.0)  # means 2 and 6: sd sqrt(8), over sqrt(2)
    assert rows[1][2] == pytest.approx(2.0 / np.sqrt(2.0))
    with pytest.raises(ValueError, match="one chain"):
        blocking.blocking(np.zeros((2, 8)))


def test_jackknife_takes_the_bias_of_a_variance_away():
    x = ar1(0.0, 1, 30)[0]
    mean, error = blocking.jackknife(np.mean, x, blocks=30)
    assert (mean, error) == pytest.approx((x.mean(), np.std(x, ddof=1) / np.sqrt(30.0)), rel=1e-12)
    estimate, error = blocking.jackknife(np.var, x, blocks=30)
    assert estimate == pytest.approx(np.var(x, ddof=1), rel=1e-12)
    spread = np.std([np.var(s, ddof=1) for s in ar1(0.0, 2000, 30, seed=5)])
    assert error == pytest.approx(spread, rel=0.5)
    for blocks in (1, 31, 2.5):
        with pytest.raises(ValueError, match="blocks"):
            blocking.jackknife(np.mean, x, blocks=blocks)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_few_draws_are_worth_nothing_that_could_be_known(function):
    """Of four lags Geyer's rule uses one pair: S log10 S, 7.2 of eight draws in a row, whatever they are."""
    halved = function in (d.ess_bulk, d.ess_tail, d.mcse_mean)
    n = 9 if halved else 4
    for x in (np.arange(1.0 * n), np.arange(2.0 * n).reshape(2, n), ar1(0.5, 2, n), STUCK[:, :n]):
        with pytest.warns(
            d.Doubtful, match=f"draws: {n} for each chain are too few.* {10 if halved else 5}$"
        ):
            assert np.isnan(function(x))


def test_a_trend_is_worth_few_draws():
    for n in (10, 20, 100):
        assert d.ess_bulk(np.arange(1.0 * n)) < 3.0
    assert 0.15 * 19.0 < d.mcse_mean(np.arange(20.0)), "sd / sqrt(2): about a fifth of the range"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_chains_that_never_move_are_worth_nothing(function):
    with pytest.warns(d.Doubtful, match="2 of 2 chains never move"):
        assert np.isnan(function(STUCK))
    with pytest.warns(d.Doubtful, match="1 of 4 chains never move"):
        assert np.isfinite(function(SERIES["one stuck"]))


def test_a_bound_says_that_it_is_one():
    """AR(1) with f = -0.9: the error of the mean is 0.0036, and that by the bound is twice as large."""
    x = ar1(-0.9, 4, 1000)
    for function in (d.ess_bulk, d.effective_size, d.mcse_mean):
        with pytest.warns(d.Doubtful, match="ESS is given as its bound, S log10 S"):
            function(x)
    with pytest.warns(d.Doubtful):
        assert d.mcse_mean(x) > 1.5 * np.sqrt(d.ar1_mean_variance(-0.9, 4000))


def test_a_short_series_has_no_window():
    with pytest.warns(d.Doubtful, match="fewer than 50 tau"):
        d.windowed_time(np.arange(100.0))


UNITS = {  # function, power of the unit in its result
    d.ess_bulk: 0,
    d.ess_tail: 0,
    d.effective_size: 0,
    d.rhat: 0,
    d.mcse_mean: 1,
    d.autocorrelation_time: 0,
    d.windowed_time: 0,
    d.autocorrelations: 0,
    lambda x: d.autocovariance(x[0]): 2,
    lambda x: blocking.blocking_error(x[0]): 1,
    lambda x: np.array(blocking.blocking(x[0]))[:, 1:]: 1,
    lambda x: blocking.jackknife(np.median, x[0])[1]: 1,
}


@pytest.mark.parametrize("k", [996, 1020, -996, -1040])
@pytest.mark.parametrize("i", range(len(UNITS)))
def test_diagnostics_see_no_units(i, k):
    """Draws of 53 - 34 bits, so that 2^-1040 of them are exact, too; 2^996 is about 1e300."""
    function, power = list(UNITS.items())[i]
    x = np.round(ar1(0.5, 2, 400) * 2.0**10) / 2.0**10
    here, there = np.ldexp(1.0, k // 2), np.ldexp(1.0, k - k // 2)
    with np.errstate(over="ignore", under="ignore"):
        expected = np.ldexp(function(x), power * k)
    np.testing.assert_allclose(function(x * here * there), expected, rtol=1e-14, atol=1e-323)


def test_diagnostics_do_not_overflow():
    x = np.where(ar1(0.5, 2, 100) > 0.0, 1.0, -1.0)
    top = x * np.finfo(float).max
    for function in (*FUNCTIONS, d.rhat):
        expected = function(x) * (np.finfo(float).max if function is d.mcse_mean else 1.0)
        assert function(top) == pytest.approx(expected, rel=1e-12)


def test_a_level_takes_no_digits():
    """Draws beside 2^50: their differences are exact, and so is all that is made of them."""
    x = np.round(ar1(0.5, 2, 200) * 4.0) / 4.0
    for function in (*FUNCTIONS, lambda y: blocking.blocking_error(y[0])):
        assert function(x + 2.0**50) == pytest.approx(function(x), rel=1e-12)


def test_blocking_says_where_it_finds_nothing():
    with pytest.warns(d.Doubtful, match="series: 16 are too few"):
        assert np.isnan(blocking.blocking_error(np.arange(16.0)))
    assert np.isnan(blocking.blocking_error([1.0, np.inf, 2.0, 3.0, 1.0, 2.0]))
    assert np.isnan(blocking.jackknife(np.mean, np.array([1.0, np.nan, 2.0]), blocks=3)[1])


def test_blocking_of_draws_that_alternate():
    x = ar1(-0.9, 40, 4096, seed=4)
    found = np.mean([blocking.blocking_error(chain) for chain in x])
    assert found == pytest.approx(np.sqrt(d.ar1_mean_variance(-0.9, 4096)), rel=0.2)
