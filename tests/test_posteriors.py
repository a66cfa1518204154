"""Samplers on posteriors: exact once frozen, right where the moments are known, clear about bad input."""

import math
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from autograd import grad, jacobian
from numba import njit

from ebm_ref.conformance.samplers.judge import check_sampler
from ebm_ref.conformance.samplers.targets import TARGETS
from ebm_ref.exact.quadrature import expectation, log_partition
from ebm_ref.kernels.adaptive_walk import adaptive_walk
from ebm_ref.samplers import (
    hmc,
    interval,
    jitter,
    mala,
    mass_matrix,
    positive,
    posterior,
    random_walk,
    simplex,
    warm_up,
)
from ebm_ref.samplers.posterior import KINDS, Plan, sample

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
import posteriors


def variant(page, name):
    return next(v.value for v in page.VARIANTS if v.name == name)


def rng(seed=0):
    return np.random.default_rng(seed)


def bowl(x):
    """A smooth energy of no symmetry."""
    return float(x[0] ** 4 / 4 + x[0] * x[1] / 2 + x[1] ** 2 + np.sin(x[0]))


def slope(x):
    return np.array([x[0] ** 3 + x[1] / 2 + np.cos(x[0]), x[0] / 2 + 2 * x[1]])


L = np.array([[0.7, 0.0], [0.4, 1.3]])
PAIRS = rng(7).normal(size=(10, 2, 2))


# mass matrix


@pytest.mark.parametrize("factor", [L, np.array([0.5, 2.0])])
@pytest.mark.parametrize("x, z", PAIRS)
def test_a_step_in_round_coordinates_is_the_pages_step_in_y(factor, x, z):
    """x = L y: the energy E(L y) has the gradient L'g, and the steps of mala.py and hmc.py do the same."""
    A = np.diag(factor) if factor.ndim == 1 else factor
    round_energy, round_slope, y = lambda y: bowl(A @ y), lambda y: A.T @ slope(A @ y), np.linalg.solve(A, x)
    for coin in (0.01, 0.5, 3.0):
        new, moved = mass_matrix.mala_step(bowl, slope, x, factor, 0.4, z, coin)
        there, went = mala.mala_step(round_energy, round_slope, y, 0.4, z, coin)
        assert moved == went and np.allclose(new, A @ there, rtol=1e-12)
        new, moved = mass_matrix.hmc_step(bowl, slope, x, factor, 0.2, 5, z, coin)
        there, went = hmc.hmc_step(round_energy, round_slope, y, 0.2, 5, z, coin)
        assert moved == went and np.allclose(new, A @ there, rtol=1e-12)


@pytest.mark.parametrize("x, y", PAIRS)
def test_flux_with_a_mass_matrix(x, y):
    """p(x) q(x'|x) a(x, x') is symmetric, with the density of the proposal N(x - e^2/2 C g, e^2 C)."""
    e, C = 0.6, L @ L.T
    P = np.linalg.inv(C)

    def log_q(new, old):
        miss = new - old + 0.5 * e**2 * C @ slope(old)
        return -0.5 * miss @ P @ miss / e**2

    log_a = lambda v, w: min(0.0, bowl(v) - bowl(w) + log_q(v, w) - log_q(w, v))
    assert -bowl(x) + log_q(y, x) + log_a(x, y) == pytest.approx(-bowl(y) + log_q(x, y) + log_a(y, x))
    z = np.linalg.solve(L, y - x + 0.5 * e**2 * C @ slope(x)) / e
    new, moved = mass_matrix.mala_step(bowl, slope, x, L, e, z, -log_a(x, y) + 1e-9)
    assert moved and new == pytest.approx(y)
    if log_a(x, y) < 0.0:
        assert not mass_matrix.mala_step(bowl, slope, x, L, e, z, -log_a(x, y) - 1e-9)[1]


@pytest.mark.parametrize("x, p", PAIRS)
def test_leapfrogs_with_a_mass_matrix_written_out(x, p):
    """p <- p - e/2 g, x <- x + e M^{-1} p, H = E + p'M^{-1}p/2, with M^{-1} = L L' and p = L'^{-1} z."""
    C, q, y, e = L @ L.T, np.linalg.solve(L.T, p), x, 0.2
    before = bowl(x) + 0.5 * q @ C @ q
    for _ in range(4):
        q = q - 0.5 * e * slope(y)
        y = y + e * C @ q
        q = q - 0.5 * e * slope(y)
    log_a = min(0.0, before - bowl(y) - 0.5 * q @ C @ q)
    new, moved = mass_matrix.hmc_step(bowl, slope, x, L, e, 4, p, -log_a + 1e-9)
    assert moved and np.allclose(new, y, rtol=1e-12)
    back, _ = mass_matrix.hmc_step(bowl, slope, y, L, e, 4, -L.T @ q, 1e9)
    assert np.allclose(back, x, rtol=1e-9), "its own inverse"
    if log_a < 0.0:
        assert not mass_matrix.hmc_step(bowl, slope, x, L, e, 4, p, -log_a - 1e-9)[1]


def test_what_runs_away_is_refused_and_what_is_no_number_is_an_error():
    steep = lambda x: x[0] ** 4
    with np.errstate(over="ignore", invalid="ignore"):
        far = mass_matrix.hmc_step(steep, lambda x: 4 * x**3, [3.0], [1.0], 2.0, 50, [0.0], 1e9)
    assert far == (np.array([3.0]), False)
    wall = lambda x: x[0] if x[0] > 0.0 else np.inf
    assert not mass_matrix.hmc_step(wall, lambda x: np.ones(1), [0.1], [1.0], 1.0, 1, [-3.0], 1e9)[1]
    assert not mass_matrix.mala_step(wall, lambda x: np.ones(1), [0.1], [1.0], 1.0, [-3.0], 1e9)[1]
    with pytest.raises(ValueError, match="energy_gradient = "):
        mass_matrix.hmc_step(lambda x: 0.0, lambda x: x * np.nan, [0.1], [1.0], 1.0, 1, [1.0], 1.0)
    for bad, named in ((([1.0, 2.0, 3.0],), "factor"), ((L, 0.0), "step_size"), ((L, 0.1, 0), "steps")):
        given = [L, 0.1, 1]
        given[: len(bad)] = bad
        with pytest.raises(ValueError, match=named):
            mass_matrix.hmc_step(bowl, slope, np.zeros(2), *given, np.zeros(2), 1.0)


# jitter


def test_a_fixed_length_resonates_and_stands_still():
    """e^2 k = 2: four leapfrogs lead back to x, all moves accepted; two lead to -x."""
    normal, square = lambda x: 0.5 * x[0] ** 2, lambda x: x
    e, x = math.sqrt(2.0), np.array([1.5])
    for z in rng().normal(size=20):
        new, moved = mass_matrix.hmc_step(normal, square, x, [1.0], e, 4, [z], 1e-12)
        assert moved and new == pytest.approx(x, abs=1e-12)
        assert mass_matrix.hmc_step(normal, square, x, [1.0], e, 2, [z], 1.0)[0] == pytest.approx(-x)
    same = variant(jitter, "the same length every time")
    assert {same(2, u) for u in (0.0, 0.5, 0.9)} == {4}
    lengths = [jitter.trajectory_length(2, u) for u in (np.arange(1000) + 0.5) / 1000]
    assert [lengths.count(n) for n in range(8)] == [0, 0, 200, 200, 200, 200, 200, 0]
    assert variant(jitter, "counted from 0")(2, 0.1) == 0


@pytest.mark.parametrize("k, e", [(1.0, 0.3), (0.5, 1.7), (3.0, 1.0), (1.0, 1.999)])
def test_the_correlation_after_leapfrogs(k, e):
    """x_L = cos(L phi) x where p is 0; and the sum over L by its closed form."""
    ends = [hmc.leapfrog(lambda x: k * x, np.array([1.0]), np.array([0.0]), e, n)[0][0] for n in range(1, 10)]
    assert ends == pytest.approx([jitter.fixed_correlation(k, e, n) for n in range(1, 10)], abs=1e-11)
    assert jitter.jittered_correlation(k, e, 3) == pytest.approx(np.mean(ends[2:9]), abs=1e-11)


def test_no_direction_near_the_average_scale_resonates():
    for k in np.geomspace(0.3, 2.0, 40):
        M = jitter.shortest_trajectory(0.5)
        assert abs(jitter.jittered_correlation(k, 0.5, M)) < 0.75
    assert min(jitter.fixed_correlation(k, 0.5, 7) for k in np.geomspace(0.3, 2.0, 40)) < -0.99


# warm-up


def test_the_step_for_an_acceptance():
    """Read off the curve itself: from what a(s) shows at one step, the step of the acceptance asked for."""
    for q in (1, 2, 3):
        a = warm_up.acceptance_curve(0.8, 1.0, q)
        right = warm_up.tuned_step(0.8, round(a * 1e9), 10**9, 0.5, q)
        assert warm_up.acceptance_curve(right, 1.0, q) == pytest.approx(0.5, abs=1e-6)
    assert (
        warm_up.tuned_step(1.0, 0, 10**6, 0.234, 1) == 0.25 and warm_up.tuned_step(1.0, 10, 10, 0.2, 1) == 4.0
    )


def test_the_acceptance_of_a_walk_in_many_dimensions_is_on_the_curve():
    """a(s) = 2 Phi(-s sqrt(d)/2) on N(0, I): the mean of min(1, r) over exact draws, d = 100."""
    d, s = 100, 0.2
    x, z = rng().normal(size=(2, 5_000, d))
    log_r = -np.sum(s * z * (x + 0.5 * s * z), axis=1)
    mean = np.minimum(1.0, np.exp(np.minimum(0.0, log_r))).mean()
    assert mean == pytest.approx(warm_up.acceptance_curve(s, 2.0 / math.sqrt(d), 1), abs=0.01)


def test_the_covariance_of_independent_draws():
    C = posteriors.covariance_of(5, 100.0)
    x = rng().normal(size=(40_000, 5)) @ np.linalg.cholesky(C).T
    white = np.linalg.solve(np.linalg.cholesky(C), np.linalg.cholesky(warm_up.learned_covariance(x)))
    assert np.linalg.svd(white)[1] == pytest.approx(np.ones(5), abs=0.03)
    assert warm_up.learned_covariance(x, dense=False) == pytest.approx(np.diag(C), rel=0.05)
    assert warm_up.learned_covariance(np.ones((50, 2))) is None
    scales = np.array([1e-9, 1.0, 1e9])
    wide = warm_up.learned_covariance(rng().normal(size=(500, 3)) * scales)
    assert random_walk.proposal_factor(wide, 3).shape == (3, 3), "scales beyond float64's digits"


@pytest.mark.parametrize("kind", KINDS)
def test_the_frozen_chain_does_not_look_back(kind):
    """After the warm-up a chain is a function of its state and its generator: constants C and s, no more."""
    problem = posteriors.banana(1.0, 1.0)
    with warnings.catch_warnings(action="ignore"):
        found = sample(problem.energy, problem.gradient, np.zeros((1, 2)), 200, rng(), kind, Plan(300))
    surface, child = mass_matrix.checked_surface(problem.energy, problem.gradient), rng().spawn(1)[0]
    make = posterior._walk if kind == "random walk" else lambda s, r: posterior._moves(s, KINDS[kind].move, r)
    again = make(surface, child)
    target = KINDS[kind].many
    tuned = warm_up.warm_up(again, np.zeros(2), 300, target, KINDS[kind].power)
    assert tuned.step_size == found.step_size[0] and np.array_equal(tuned.covariance, found.covariance[0])
    assert np.array_equal(tuned.chain, found.warm_ups[0])
    chain, accepted = again(tuned.x, tuned.covariance, tuned.step_size, 200)
    assert np.allclose(chain, found.states[0], rtol=1e-12) and accepted / 200 == found.acceptance[0]


FROZEN = {
    f"{kind} on {target}": (kind, target) for kind in KINDS for target in ("banana", "gaussian-correlated")
}


@pytest.mark.parametrize("name", FROZEN)
def test_the_frozen_kernel_is_acquitted(name):
    """Single steps from exact draws, with a C and s that a warm-up found; reversibility is claimed."""
    kind, target = FROZEN[name]
    law = TARGETS[target]()
    d = law.draw(rng(), 1).shape[1]
    with warnings.catch_warnings(action="ignore"):
        found = sample(law.energy, law.gradient, np.zeros((1, d)), 10, rng(), kind, Plan(warm_up=400))
    C, s = found.covariance[0], found.step_size[0]
    surface, factor = mass_matrix.checked_surface(law.energy, law.gradient), np.linalg.cholesky(C)

    def step(x, rng):
        if kind == "random walk":
            return random_walk.random_walk(lambda x: -law.energy(x), x, s**2 * C, 1, rng)[0][0]
        with np.errstate(over="ignore", invalid="ignore"):
            return KINDS[kind].move(surface, surface.at(x), factor, s, rng)[0].x

    verdict = check_sampler(step, target, draws=4_000, reversible=True)
    assert verdict.verdict == "acquitted", verdict.reason
    assert verdict.moved > 0.1


def of_variant(rule, *middle):
    law, L = TARGETS["gaussian-correlated"](), np.diag([2.0, 0.5])
    return lambda x, rng: rule(
        law.energy, law.gradient, x, L, *middle, rng.normal(size=2), rng.standard_exponential()
    )[0]


@pytest.mark.parametrize(
    "name, middle",
    [
        ("momenta drawn with the covariance for the mass", (0.5, 3)),
        ("drift stretched, noise left round", (0.8,)),
    ],
)
def test_the_wrong_mass_is_convicted(name, middle):
    step = of_variant(variant(mass_matrix, name), *middle)
    assert check_sampler(step, "gaussian-correlated", draws=11_000).verdict == "convicted"


def test_an_adaptation_that_goes_on_is_no_markov_chain():
    """Two states of one history: the same x now, and different laws for what comes next."""
    walk = lambda seed, scale: scale * np.cumsum(rng(seed).normal(size=(40, 1)), axis=0)
    narrow, wide = (warm_up.learned_covariance(walk(1, s))[0, 0] for s in (0.1, 10.0))
    assert wide == pytest.approx(1e4 * narrow)


# transforms


def energy_of_x(x):
    return 0.3 * (x @ x) + float(x[0]) * x[-1]


MAPS = {
    "positive": (positive.positive, positive.positive_log_jacobian, positive.pulled_back, ()),
    "interval": (interval.interval, interval.interval_log_jacobian, interval.pulled_back, (-1.0, 2.5)),
    "simplex": (simplex.simplex, simplex.simplex_log_jacobian, simplex.pulled_back, ()),
}
BACK = {
    "positive": positive.positive_position,
    "interval": interval.interval_position,
    "simplex": simplex.simplex_position,
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("seed", range(5))
def test_a_transform_is_what_its_jacobian_says(name, seed):
    """log J is autograd's determinant; the gradient in z is autograd's; there and back is the same."""
    there, log_jacobian, pulled, ends = MAPS[name]
    z = rng(seed).normal(scale=1.5, size=4)
    x = there(z, *ends)
    square = jacobian(lambda z: there(z, *ends)[:4])(z)
    assert log_jacobian(z, *ends) == pytest.approx(np.linalg.slogdet(square)[1], rel=1e-10)
    assert np.allclose(BACK[name](x, *ends), z, rtol=1e-9)
    free = lambda z: energy_of_z(there(z, *ends)) - log_jacobian(z, *ends)
    assert np.allclose(pulled(z, grad(energy_of_z)(x), *ends), grad(free)(z), rtol=1e-10, atol=1e-12)


def energy_of_z(x):
    return 0.3 * (x @ x) + x[0] * x[-1]


def test_transformed_densities_integrate_to_one():
    """An exponential law of the positive, a triangular one of an interval, a Dirichlet law."""
    J = lambda page, z: float(page.FORMULA.value(np.atleast_1d(z)))
    x = lambda z: float(np.exp(z))
    total, error = log_partition(lambda z: x(z) - J(positive, z) if z < 700.0 else np.inf)
    assert abs(total) <= error + 1e-12
    triangle = lambda z: (
        -np.log(2.0 * float(interval.interval([z])[0])) - J(interval, z) if z > -700 else np.inf
    )
    assert abs(log_partition(triangle)[0]) < 1e-10

    def dirichlet(z):  # of 2, 1, 3: Gamma(6)/(Gamma(2) Gamma(1) Gamma(3)) x_1 x_3^2 = 60 x_1 x_3^2
        p = simplex.simplex(z)
        return -np.log(60.0) - np.log(p[0]) - 2.0 * np.log(p[2]) - J(simplex, z)

    z = np.linspace(-25.0, 25.0, 101)
    total = sum(np.exp(-dirichlet(np.array([a, b]))) for a in z for b in z)
    assert total * (z[1] - z[0]) ** 2 == pytest.approx(1.0, rel=1e-8)


def test_the_walk_in_logarithms_is_the_scaling_step():
    """log J' - log J is the correction log x'/x of scaling_step."""
    p = lambda x: -x + 0.5 * np.log(x)
    for z, normal in PAIRS[:, 0]:
        x, coin = float(np.exp(z)), 0.3
        in_z = lambda z: p(np.exp(z[0])) + positive.positive_log_jacobian(z)
        new, _, moved = random_walk.random_walk_step(in_z, [z], in_z([z]), 0.7, [normal], coin)
        there, _, went = random_walk.scaling_step(p, x, p(x), 0.7, normal, coin)
        assert moved == went and np.exp(new[0]) == pytest.approx(there)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("sampler", ["mala", "hmc"])
def test_a_scale_in_logarithms_though_its_gradient_overflows(sampler):
    """The first trajectories go where sigma^3 is 0 in float64, and sigma^2 is not."""
    n, S = 30, 120.0

    def by_x(x):
        with np.errstate(divide="ignore"):
            return n / x - S / x**3 + 1.0

    def energy(z):
        x = positive.positive(z)[0]
        E = n * np.log(x) + S / x / x / 2.0 + x if 0.0 < x < np.inf else np.inf
        return E - positive.positive_log_jacobian(z)

    by_z = lambda z: positive.pulled_back(z, by_x(positive.positive(z)))
    found = sample(energy, by_z, np.zeros(1), 1000, rng(), sampler)
    line = {"intervals": ((-3.0, 6.0),)}
    truth = expectation(lambda z: z, lambda z: float(energy(np.array([z]))), **line)[0]
    z = found.states[:, :, 0]
    assert abs(z.mean() - truth) < 4.5 * z.std() / np.sqrt(found.ess[0])
    assert found.rhat[0] < 1.01


def test_a_gradient_that_overflows_within_reach_is_a_mistake():
    surface = mass_matrix.checked_surface(lambda x: float(x[0]), lambda x: np.full(1, np.inf))
    assert surface.at(np.array([999.0]), 998.0).E == np.inf
    with pytest.raises(ValueError, match="energy_gradient = "):
        surface.at(np.array([999.0]), 1000.0)


# posteriors whose moments are known


def test_the_moments_of_the_schools_by_two_ways():
    """The trapezoid rule in log tau, and double exponential quadrature in tau itself."""
    energy = lambda t: -float(posteriors.given_tau([t])[0][0])
    means, variances = posteriors.schools_moments()
    line = {"intervals": ((0.0, np.inf),), "scale": 5.0}
    tau = [expectation(lambda t, k=k: t**k, energy, **line)[0] for k in (1, 2)]
    assert tau[0] == pytest.approx(means[1], rel=1e-8)
    assert tau[1] - tau[0] ** 2 == pytest.approx(variances[1], rel=1e-7)
    first = expectation(lambda t: float(posteriors.given_tau([t])[1][0, 1]), energy, **line)[0]
    assert first == pytest.approx(means[2], rel=1e-8)


PROBLEMS = {
    "gaussian": posteriors.gaussian(5),
    "gaussian 50": posteriors.gaussian(50),
    "funnel": posteriors.funnel(),
    "student": posteriors.student(),
    "banana": posteriors.banana(1.0, 1.0),
    "bent more": posteriors.banana(0.03, 100.0),
    "schools": posteriors.schools(),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_of_the_problems(name):
    problem = PROBLEMS[name]
    x, v, h = *rng(1).normal(size=(2, problem.d)), 1e-6
    slope = (problem.energy(x + h * v) - problem.energy(x - h * v)) / (2.0 * h)
    assert problem.gradient(x) @ v == pytest.approx(slope, rel=1e-6)


# (problem, sampler): draws of each chain, warm-up, thinning
RUNS = {
    ("gaussian", "random walk"): (1000, 3000, 8),
    ("gaussian", "mala"): (2000, 2000, 1),
    ("gaussian", "hmc"): (1000, 500, 1),
    ("gaussian 50", "hmc"): (800, 2000, 1),
    ("funnel", "hmc"): (1200, 800, 1),
    ("student", "hmc"): (1500, 500, 1),
    ("student", "mala"): (1500, 1000, 6),
    ("banana", "hmc"): (1000, 1000, 3),
    ("schools", "hmc"): (800, 800, 1),
}


@pytest.mark.parametrize("name, kind", RUNS)
def test_moments(name, kind):
    """Every mean within 4.5 of its standard errors, R-hat below 1.01, from four starts at 0."""
    problem, (draws, spent, thin) = PROBLEMS[name], RUNS[name, kind]
    plan = Plan(spent, thin)
    with warnings.catch_warnings(action="ignore"):
        found = sample(problem.energy, problem.gradient, np.zeros(problem.d), draws, rng(3), kind, plan)
    result = posteriors.judged(problem, found.states)
    assert result.worst < 4.5 and result.rhat < 1.01, result


@njit
def bent_normal(x, mean, precision, bend):
    """A normal density of x with x_2 - b x_1^2 for x_2: one function for all tests, compiled once."""
    total = 0.0
    for i in range(len(x)):
        row = 0.0
        for j in range(len(x)):
            row += precision[i, j] * (x[j] - mean[j] - (bend * x[0] ** 2 if j == 1 else 0.0))
        total += row * (x[i] - mean[i] - (bend * x[0] ** 2 if i == 1 else 0.0))
    return -0.5 * total


def test_the_compiled_walk_is_the_page_bit_for_bit():
    given = np.array([1.0, -2.0]), np.linalg.inv(posteriors.covariance_of(2, 100.0)), 0.1
    energy = lambda x: -bent_normal.py_func(x, *given)
    for plan in (Plan(500, 3), Plan(300, 1, dense=False)):
        with warnings.catch_warnings(action="ignore"):
            ours = adaptive_walk(bent_normal, given, np.zeros(2), 100, rng(), plan)
            page = sample(energy, None, np.zeros(2), 100, rng(), "random walk", plan)
        assert np.array_equal(ours.states, page.states)
        assert np.array_equal(ours.covariance, page.covariance)


def normal_of(d):
    C = posteriors.covariance_of(d, 1e4)
    return 3.0 * np.sqrt(np.diag(C)), np.linalg.inv(C), 0.0


COMPILED = {
    "20 dimensions, condition 1e4": (posteriors.gaussian(20), normal_of(20), 1000, Plan(50_000, 100)),
    "bent more": (
        PROBLEMS["bent more"],
        (np.array([0.0, -3.0]), np.diag([0.01, 1.0]), 0.03),
        1000,
        Plan(20_000, 200),
    ),
}


@pytest.mark.parametrize("name", COMPILED)
def test_moments_of_a_compiled_walk(name):
    problem, given, draws, plan = COMPILED[name]
    x = rng().normal(size=problem.d)
    zero = np.zeros(problem.d)
    difference = bent_normal.py_func(x, *given) - bent_normal.py_func(zero, *given)
    assert difference == pytest.approx(problem.energy(zero) - problem.energy(x)), "the same density"
    with warnings.catch_warnings(action="ignore"):
        found = adaptive_walk(bent_normal, given, zero, draws, rng(1), plan)
    result = posteriors.judged(problem, found.states)
    assert result.worst < 4.5 and result.rhat < 1.01, result


# bad input, and what is kept


def failing_after(count, answer):
    """E = x^2/2, and an answer that is no energy from then on."""
    calls = [0]

    def energy(x):
        calls[0] += 1
        return 0.5 * float(x @ x) if calls[0] <= count else answer

    return energy


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", [np.nan, -np.inf, "high"])
def test_an_energy_that_is_no_number_during_warm_up(kind, answer):
    with pytest.raises(ValueError, match="energy = ") as caught:
        sample(failing_after(200, answer), lambda x: x, np.zeros(2), 500, rng(), kind)
    kept = caught.value.chains
    assert len(kept.warm_ups[0]) > 10 and np.all(np.isfinite(kept.warm_ups[0]))
    assert kept.states.shape == (1, 0, 2) and "stopped by an error" in kept.warnings[0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_energy_that_is_no_number_later(kind):
    with pytest.raises(ValueError, match="energy = nan") as caught:
        sample(failing_after(900, np.nan), lambda x: x, np.zeros((2, 1)), 500, rng(), kind, Plan(100))
    kept = caught.value.chains
    assert len(kept.states) == 2 and len(kept.warm_ups[1]) == 100


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_an_energy_raises_keeps_what_was_drawn(kind):
    """In the warm-up of the second chain, and of variances alone."""
    calls = [0]

    def energy(x):
        calls[0] += 1
        return 0.5 * float(x @ x) if calls[0] < 400 else math.exp(1e4)

    with pytest.raises(OverflowError) as caught:
        sample(energy, lambda x: x, np.zeros((2, 1)), 300, rng(), kind, Plan(dense=False))
    kept = caught.value.chains
    assert len(kept.warm_ups[0]) == 300 and 50 < len(kept.warm_ups[1]) < 300
    assert kept.covariance.shape == (2, 1) and np.isnan(kept.covariance[1, 0])


def test_numbers_that_move_together_can_still_be_learned():
    x = rng().normal(size=(1000, 1)) * np.ones(3)
    np.linalg.cholesky(warm_up.learned_covariance(x))


def test_a_start_that_breaks_a_constraint():
    wall = lambda x: float(x[0]) if x[0] > 0.0 else np.inf
    with pytest.raises(ValueError, match=r"start = .*: must have a positive density"):
        sample(wall, lambda x: np.ones(1), [[1.0], [-1.0]], 10, rng())
    density = njit(lambda x: -x[0] if x[0] > 0.0 else -np.inf)
    with pytest.raises(ValueError, match="start = "):
        adaptive_walk(density, (), [-1.0], 10, rng())


@pytest.mark.parametrize(
    "change, named",
    [
        ({"start": [[]]}, "start"),
        ({"start": [np.nan]}, "start"),
        ({"draws": 3}, "draws"),
        ({"draws": 4.0}, "draws"),
        ({"rng": 0}, "rng"),
        ({"sampler": "nuts"}, "sampler"),
        ({"energy": 1.0}, "energy"),
        ({"energy_gradient": None}, "energy_gradient"),
        ({"energy_gradient": lambda x: np.ones(3)}, "energy_gradient"),
        ({"energy_gradient": lambda x: x * np.nan}, "energy_gradient"),
        ({"plan": 100}, "plan"),
        ({"plan": Plan(0)}, "warm_up"),
        ({"plan": Plan(thin=0)}, "thin"),
        ({"plan": Plan(dense=1)}, "dense"),
    ],
)
def test_bad_input_is_named(change, named):
    given = {
        "energy": lambda x: 0.5 * float(x @ x),
        "energy_gradient": lambda x: x,
        "start": [0.0],
        "draws": 4,
    }
    with pytest.raises(ValueError, match=f"^{named} = "):
        sample(**(given | {"rng": rng()} | change))


def interrupting(count):
    calls = [0]

    def energy(x):
        calls[0] += 1
        if calls[0] == count:
            raise KeyboardInterrupt
        return 0.5 * float(x @ x)

    return energy


@pytest.mark.parametrize("kind", KINDS)
def test_an_interruption_keeps_what_all_chains_have(kind):
    with pytest.warns(RuntimeWarning, match="interrupted after"):
        found = sample(interrupting(3000), lambda x: x, np.zeros((2, 1)), 10_000, rng(), kind, Plan(100))
    assert len(found.states) == 2 and np.all(np.isfinite(found.states))
    with pytest.warns(RuntimeWarning, match="interrupted after 0 draws"):
        found = sample(interrupting(50), lambda x: x, np.zeros((2, 1)), 100, rng(), kind)
    assert found.states.shape == (1, 0, 1) and len(found.warm_ups[0]) > 0


def test_chains_that_disagree_are_reported():
    """Two modes that no chain leaves."""
    double = lambda x: 40.0 * (abs(float(x[0])) - 1.0) ** 2
    slope = lambda x: 80.0 * (np.abs(x) - 1.0) * np.sign(x)
    with pytest.warns(RuntimeWarning, match="R-hat"):
        found = sample(double, slope, [[1.0], [-1.0]], 300, rng())
    assert found.rhat[0] > 1.5 and any("R-hat" in why for why in found.warnings)
