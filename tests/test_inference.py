"""Search and sums over answers, each beside an independent route: lists, roots, linear algebra, all paths."""

import itertools
import math

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.inference.annealing import anneal, geometric_schedule, is_accepted, one_part_changed
from ebm_ref.inference.average_free_energy import average_free_energy
from ebm_ref.inference.beam import beam_search, chain_energy
from ebm_ref.inference.descent import descend, descend_from
from ebm_ref.inference.exhaustive import argmin, log_partition, minimum, offender, table_of
from ebm_ref.inference.free_energy import free_energy, free_energy_energies_gradient
from ebm_ref.inference.grid import global_gap, grid_minimum, grid_offender, on_circle
from ebm_ref.inference.icm import icm
from ebm_ref.inference.latent import joint_table, marginalised, minimised
from ebm_ref.inference.variational_free_energy import variational_free_energy
from ebm_ref.losses.offending_outside import most_offending_outside

# exhaustive


def test_exhaustive_search_against_sorting():
    rng = np.random.default_rng(0)
    for _ in range(200):
        E = rng.integers(-3, 4, size=rng.integers(2, 7)).astype(float)
        order = sorted(range(len(E)), key=lambda j: (E[j], j))
        label = int(rng.integers(len(E)))
        assert argmin(E) == argmin(lambda y: E[y], range(len(E))) == order[0]  # noqa: B023
        assert minimum(E) == E[order[0]]
        assert offender(E, label) == next(j for j in order if j != label)
        beta = rng.uniform(0.1, 3.0)
        assert log_partition(E, beta=beta) == pytest.approx(
            math.log(math.fsum(math.exp(-beta * e) for e in E)), rel=1e-14, abs=1e-14
        )


def test_exhaustive_search_neither_overflows_nor_reads_what_is_impossible():
    assert log_partition([-5000.0, np.inf, -5000.0]) == 5000.0 + math.log(2.0)
    assert argmin([np.inf, 7.0, np.inf]) == 1 and offender([np.inf, 7.0, 8.0], 1) == 2
    table = np.array([1.0, 2.0])
    table_of(table)[0] = 9.0
    assert table[0] == 1.0


# grid


def tilted(y):
    """(y^2 - 1)^2 + y / 4: two valleys, the left one deeper."""
    return (y[0] ** 2 - 1.0) ** 2 + 0.25 * y[0]


TILTED_ROOTS = np.sort(np.roots([4.0, 0.0, -4.0, 0.25]).real)


def is_bracket(energy, found):
    """The certificate, tried again: no neighbour at distance `step` is lower."""
    moves = itertools.product((-1, 0, 1), repeat=len(found.point))
    return all(energy(found.point + np.array(m) * found.step) >= found.energy for m in moves)


def test_grid_on_a_line_against_the_roots_of_the_derivative():
    found = grid_minimum(tilted, [-2.0], [2.0])
    assert found.point[0] == pytest.approx(TILTED_ROOTS[0], abs=1e-7)
    assert found.interior and is_bracket(tilted, found) and found.step[0] <= 4e-8
    assert found.energy == tilted(found.point)


def test_a_coarse_grid_refines_every_valley():
    """With nodes at -1, 0, 1, 2 the lowest node, 0.75 at y = 1 or so, need not be in the deepest valley."""
    narrow = lambda y: -2.0 / (1.0 + ((y[0] - 0.1) / 0.1) ** 2) + 0.2 * (y[0] - 2.5) ** 2
    nodes = [narrow([y]) for y in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)]
    assert int(np.argmin(nodes)) == 5 and narrow([0.1]) < min(nodes)
    found = grid_minimum(narrow, [0.0], [3.0], points=7)
    assert found.point[0] == pytest.approx(0.1, abs=0.01)
    assert grid_minimum(narrow, [0.0], [3.0], points=7, starts=1).point[0] > 2.0


@pytest.mark.parametrize(
    "energy, at",
    [
        (
            lambda y: (y[0] - 0.3) ** 2 + 10.0 * (y[1] + 0.7) ** 2 + 3.0 * (y[0] - 0.3) * (y[1] + 0.7),
            (0.3, -0.7),
        ),
        (lambda y: (1.0 - y[0]) ** 2 + 10.0 * (y[1] - y[0] ** 2) ** 2, (1.0, 1.0)),
        (lambda y: abs(y[0] - 0.123) + 2.0 * abs(y[1] - 0.456), (0.123, 0.456)),
    ],
)
def test_grid_in_the_plane(energy, at):
    found = grid_minimum(energy, [-2.0, -2.0], [2.0, 2.0], points=17)
    np.testing.assert_allclose(found.point, at, atol=2e-6)
    assert found.interior and is_bracket(energy, found) and np.all(found.step <= 4e-8)


def test_grid_minimum_on_the_wall_is_not_interior():
    found = grid_minimum(lambda y: y[0] - 2.0 * y[1], [-1.0, -1.0], [1.0, 1.0], points=5)
    assert found.point.tolist() == [-1.0, 1.0] and not found.interior
    found = grid_minimum(lambda y: (y[0] - 1.0001) ** 2, [-1.0], [1.0], points=8)
    assert found.point.tolist() == [1.0] and not found.interior
    for wall in (-1.0, 1.0):  # one wall of four is enough
        found = grid_minimum(lambda y: (y[0] - 0.3) ** 2 - wall * y[1], [-1.0, -1.0], [1.0, 1.0], points=5)  # noqa: B023
        assert found.point[1] == wall and not found.interior


def test_grid_ties_go_to_the_first_node():
    assert grid_minimum(lambda y: 0.0, [0.0], [1.0], points=3, starts=2).point.tolist() == [0.0]
    found = grid_minimum(lambda y: (y[0] ** 2 - 1.0) ** 2, [-2.0], [2.0], points=5)
    assert found.point.tolist() == [-1.0]


def test_a_valley_between_the_nodes_is_missed_and_the_bound_says_by_how_much():
    """A dip of steepness 100 at 0.3, 1 deep: neither nodes at 0, 1/2, 1 nor their neighbours see it."""
    dip = lambda y: -max(0.0, 1.0 - 100.0 * abs(y[0] - 0.3))
    assert grid_minimum(dip, [0.0], [1.0], points=3).energy == 0.0
    assert global_gap(100.0, [0.0], [1.0], points=3) == 25.0
    assert grid_minimum(dip, [0.0], [1.0], points=101).energy == pytest.approx(-1.0, abs=1e-5)


def test_the_bound_holds_in_the_plane():
    rng = np.random.default_rng(1)
    for _ in range(50):
        center, steepness = rng.uniform(-1.0, 1.0, size=2), rng.uniform(0.5, 5.0)
        cone = lambda y: steepness * np.sqrt(np.sum((y - center) ** 2))  # noqa: B023
        nodes = itertools.product(np.linspace(-1.0, 1.0, 6), repeat=2)
        lowest = min(cone(np.array(y)) for y in nodes)
        gap = global_gap(steepness, [-1.0, -1.0], [1.0, 1.0], points=6)
        assert lowest <= gap <= 10.0 * steepness


def test_offender_on_a_line():
    """Of tilted's valleys the left is correct; outside a ball of 1 the right one, of 0.1 the ball's edge."""
    correct = TILTED_ROOTS[:1]
    found = grid_offender(tilted, correct, 1.0, [-2.0], [2.0])
    assert found.point[0] == pytest.approx(TILTED_ROOTS[2], abs=1e-7) and not found.on_ball
    found = grid_offender(tilted, correct, 0.1, [-2.0], [2.0])
    ends = correct[0] - 0.1, correct[0] + 0.1
    assert found.on_ball and found.energy == min(tilted([y]) for y in ends) and found.point[0] in ends


def test_offender_in_the_plane_lies_on_the_circle():
    """E = |y - a|^2, a in the ball: (r - |a - c|)^2, on the ray from c through a."""
    rng = np.random.default_rng(2)
    for _ in range(5):
        c, r = rng.normal(scale=0.2, size=2), 0.8
        angle, part = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.1, 0.9)
        a = c + part * r * np.array([np.cos(angle), np.sin(angle)])
        energy = lambda y: np.sum((y - a) ** 2)  # noqa: B023
        found = grid_offender(energy, c, r, [-2.0, -2.0], [2.0, 2.0], points=9)
        assert found.on_ball and found.energy == pytest.approx((r * (1.0 - part)) ** 2, rel=1e-9)
        np.testing.assert_allclose(found.point, c + (a - c) / part, atol=1e-6)


def test_offender_outside_the_ball_and_against_the_table():
    energy = lambda y: np.sum((y - np.array([1.0, 0.5])) ** 2) + 0.3 * np.sin(5.0 * y[0])
    found = grid_offender(energy, [-1.0, -1.0], 0.5, [-2.0, -2.0], [2.0, 2.0], points=33)
    assert not found.on_ball and found.interior and is_bracket(energy, found)
    nodes = np.array(list(itertools.product(np.linspace(-2.0, 2.0, 33), repeat=2)))
    for correct, radius in ((np.array([-1.0, -1.0]), 0.5), (np.array([1.2, 0.4]), 0.7)):
        best = most_offending_outside(np.array([energy(y) for y in nodes]), nodes, correct, radius)
        found = grid_offender(energy, correct, radius, [-2.0, -2.0], [2.0, 2.0], points=33)
        assert energy(nodes[best]) - 0.2 < found.energy <= energy(nodes[best])
        assert np.linalg.norm(found.point - correct) >= radius * (1.0 - 1e-12)


def test_the_ball_is_cut_by_the_box():
    """No answer beyond the wall: of a circle that the box cuts only the part inside counts."""
    found = grid_offender(lambda y: -y[0], [0.9, 0.0], 0.5, [-1.0, -1.0], [1.0, 1.0], points=17)
    assert found.point[0] == 1.0 and np.linalg.norm(found.point - [0.9, 0.0]) > 0.5
    assert list(on_circle(lambda y: np.inf, np.zeros(2), 1.0, 5, 1e-3, 1)) == []
    found = grid_offender(lambda y: y[0] ** 2, [0.0], 0.5, [-0.2], [2.0])
    assert found.point.tolist() == [0.5] and found.on_ball


# descent


def quadratic(H, at):
    return (lambda y: 0.5 * (y - at) @ H @ (y - at)), (lambda y: H @ (y - at))


def test_descent_on_quadratics_against_linear_algebra():
    rng = np.random.default_rng(3)
    for _ in range(6):
        A = rng.normal(size=(4, 4))
        H, at = A @ A.T + 0.3 * np.eye(4), rng.normal(size=4)
        found = descend(*quadratic(H, at), np.zeros(4))
        assert found.verdict == "minimum" and found.gradient_norm <= 1e-9
        assert found.curvature == pytest.approx(np.linalg.eigvalsh(H)[0], rel=1e-6)
        assert np.linalg.norm(found.point - at) <= 1.1 * found.distance + 1e-15


def test_descent_and_grid_find_the_same():
    slope = lambda y: 4.0 * y * (y**2 - 1.0) + 0.25
    found = descend_from(tilted, slope, np.array([[2.0], [-0.5], [0.3]]))
    assert [d.verdict for d in found] == ["minimum"] * 3
    roots = [TILTED_ROOTS[0], TILTED_ROOTS[2], TILTED_ROOTS[2]]
    np.testing.assert_allclose([d.point[0] for d in found], roots, atol=1e-9)
    grid = grid_minimum(tilted, [-2.0], [2.0])
    assert found[0].energy == pytest.approx(grid.energy, rel=1e-12)
    assert all(abs(d.point[0] - r) <= 1.1 * d.distance + 1e-15 for d, r in zip(found, roots, strict=True))
    assert found[0].curvature == pytest.approx(12.0 * TILTED_ROOTS[0] ** 2 - 4.0, rel=1e-7)


def test_descent_along_a_curved_valley():
    energy = lambda y: (1.0 - y[0]) ** 2 + 10.0 * (y[1] - y[0] ** 2) ** 2
    slope = lambda y: np.array(
        [2.0 * (y[0] - 1.0) - 40.0 * y[0] * (y[1] - y[0] ** 2), 20.0 * (y[1] - y[0] ** 2)]
    )
    found = descend(energy, slope, np.array([-1.0, 1.5]))
    assert found.verdict == "minimum" and found.steps > 10
    np.testing.assert_allclose(found.point, [1.0, 1.0], atol=1e-8)


def test_descent_reaches_its_tolerance_where_the_energy_has_run_out_of_digits():
    """E = 1e6 + y^2 changes no more below |y| = 1e-5; the gradient does."""
    found = descend(lambda y: 1e6 + y[0] ** 2, lambda y: 2.0 * y, np.array([3.0]), step_size=0.3)
    assert found.converged and abs(found.point[0]) <= 1e-9


def test_a_zero_gradient_proves_nothing():
    """Started on top of the double well's barrier, descent stays there, and the certificate says so."""
    well = (lambda y: (y[0] ** 2 - 1.0) ** 2), (lambda y: 4.0 * y * (y**2 - 1.0))
    top = descend(*well, np.zeros(1))
    assert top.gradient_norm == 0.0 and top.converged and top.verdict == "not a minimum"
    assert top.curvature == pytest.approx(-4.0, rel=1e-6) and top.distance == np.inf
    saddle = descend(lambda y: y[0] ** 2 - y[1] ** 2, lambda y: y * [2.0, -2.0], np.array([1.0, 0.0]))
    assert saddle.verdict == "not a minimum" and saddle.curvature == pytest.approx(-2.0)
    assert descend(lambda y: y[0] ** 4, lambda y: 4.0 * y**3, np.zeros(1)).verdict == "undecided"
    assert descend(lambda y: 0.0, np.zeros_like, np.ones(2)).verdict == "undecided"


def test_descent_says_when_it_has_not_arrived():
    found = descend(*quadratic(np.diag([1.0, 100.0]), np.ones(2)), np.zeros(2), max_steps=3)
    assert not found.converged and found.verdict == "not converged" and found.steps == 3
    assert found.gradient_norm > 1e-9 and found.distance == np.inf
    kink = descend(lambda y: abs(y[0]), np.sign, np.array([0.3]), step_size=0.25)
    assert kink.verdict == "not converged" or kink.point[0] == 0.0


def test_descent_recovers_from_too_long_a_step():
    """exp overflows at y = 1000, and log has no value below 0: such steps are halved."""
    found = descend(lambda y: np.exp(y[0]) - y[0], lambda y: np.exp(y) - 1.0, np.array([-5.0]), step_size=1e4)
    assert found.verdict == "minimum" and abs(found.point[0]) < 1e-8
    found = descend(lambda y: y[0] - np.log(y[0]), lambda y: 1.0 - 1.0 / y, np.array([5.0]), step_size=100.0)
    assert found.verdict == "minimum" and found.point[0] == pytest.approx(1.0, abs=1e-8)


def test_descent_leaves_its_start_alone():
    start = np.array([3.0])
    descend(lambda y: y[0] ** 2, lambda y: 2.0 * y, start)
    assert start[0] == 3.0


# latent variables


def test_joint_minimisation_is_exhaustive_over_pairs():
    rng = np.random.default_rng(4)
    for _ in range(50):
        joint = rng.integers(-3, 4, size=(3, 4)).astype(float)
        pairs = list(itertools.product(range(3), range(4)))
        y, z = pairs[argmin(lambda pair: joint[pair], pairs)]  # noqa: B023
        F, best = minimised(joint)
        assert (argmin(F), best[y]) == (y, z)
        beta = rng.uniform(0.2, 3.0)
        p = np.exp(-beta * joint) / np.sum(np.exp(-beta * joint))
        marginal = marginalised(joint, beta)
        np.testing.assert_allclose(
            np.exp(-beta * (marginal - free_energy(marginal, beta))), p.sum(axis=1), rtol=1e-13
        )


def test_free_energies_tend_to_the_minimum_and_the_mean():
    """At the rates log(n)/beta, and -beta variance/2."""
    E = np.array([0.5, 1.0, 3.0])
    for beta in (1e2, 1e4, 1e8):
        assert E.min() - np.log(3.0) / beta <= free_energy(E, beta) <= E.min()
        assert E.min() <= average_free_energy(E, beta) <= E.min() + np.log(3.0) / beta
    for beta in (1e-3, 1e-6, 1e-12):
        assert average_free_energy(E, beta) == pytest.approx(
            E.mean() - beta * E.var() / 2.0, abs=2.0 * beta**2 + 1e-15
        )
        assert free_energy(E, beta) < -0.9 * np.log(3.0) / beta + E.mean()
    assert np.allclose(free_energy_energies_gradient(E, 1e-12), 1 / 3)
    assert free_energy_energies_gradient(E, 1e4).tolist() == [1.0, 0.0, 0.0]


def test_a_finer_grid_moves_the_sum_and_not_the_average():
    """A latent angle on n nodes without the endpoint: F falls by log(2)/beta when n doubles; A stays."""
    E = lambda n: np.cos(2.0 * np.pi * np.arange(n) / n)
    for beta in (0.5, 2.0):
        assert average_free_energy(E(96), beta) == pytest.approx(average_free_energy(E(48), beta), abs=1e-14)
        assert free_energy(E(96), beta) == pytest.approx(
            free_energy(E(48), beta) - np.log(2.0) / beta, abs=1e-13
        )
        exact = -np.log(np.i0(beta)) / beta  # the Bessel function is this integral
        assert average_free_energy(E(48), beta) == pytest.approx(exact, abs=1e-14)


def test_the_zero_temperature_free_energy_is_the_squared_distance():
    """Of a circle: (|y| - 1)^2, where a print has the distance itself (NYU DLSP20 week 15-1)."""
    energy = lambda y, z: np.sum((np.asarray(y) - [np.cos(z), np.sin(z)]) ** 2)
    answers = [(2.0, 0.0), (0.0, -3.0), (0.25, 0.25), (0.0, 0.0)]
    F, _ = minimised(joint_table(energy, answers, np.linspace(0.0, 2.0 * np.pi, 64, endpoint=False)))
    distance = np.abs(np.linalg.norm(answers, axis=1) - 1.0)
    np.testing.assert_allclose(F, distance**2, atol=1e-14)
    assert np.max(np.abs(F - distance)) > 1.0


def test_samples_of_the_model_cannot_estimate_its_own_partition_function():
    """E_p[e^-bE] = Z(2b)/Z(b): what looks like an estimate of Z has the gradient of twice the beta."""
    rng = np.random.default_rng(5)
    E, beta = rng.normal(size=50), 0.7
    p, p2 = free_energy_energies_gradient(E, beta), free_energy_energies_gradient(E, 2.0 * beta)
    Z = lambda b: math.fsum(np.exp(-b * E))
    assert p @ np.exp(-beta * E) == pytest.approx(Z(2.0 * beta) / Z(beta), rel=1e-13)
    draws = rng.choice(50, size=200_000, p=p)
    weights = np.exp(-beta * E[draws])
    wrong = np.bincount(
        draws, weights / weights.sum(), minlength=50
    )  # gradient of the 'log Z', draws held fixed
    right = np.bincount(draws, minlength=50) / len(draws)
    assert np.abs(right - p).max() < 0.003 < 0.02 < np.abs(wrong - p).max()
    assert np.abs(wrong - p2).max() < 0.003


def test_the_loss_without_its_logarithm_feels_a_constant():
    """E_y + (1/b) sum e^-bE (NYU DLSP20 week 7-2) changes when all energies rise; the likelihood does not."""
    E, beta = np.array([0.3, 1.0, 2.0]), 1.5
    right = lambda E: E[0] - free_energy(E, beta)
    wrong = lambda E: E[0] + np.sum(np.exp(-beta * E)) / beta
    assert right(E + 4.0) == pytest.approx(right(E), rel=1e-14)
    assert abs(wrong(E + 4.0) - wrong(E)) > 3.0
    assert right(E) == pytest.approx(FORMULAS["nll"].value(E, 0, beta), rel=1e-14)


def test_the_variational_bound():
    """V - F = KL(q || p)/beta for a thousand guesses; without its q the 'entropy' bounds nothing."""
    rng = np.random.default_rng(6)
    broken = 0
    for _ in range(1000):
        n, beta = rng.integers(2, 6), rng.uniform(0.3, 3.0)
        E, q = rng.normal(scale=2.0, size=n), rng.dirichlet(np.ones(n))
        p, F = free_energy_energies_gradient(E, beta), free_energy(E, beta)
        gap = variational_free_energy(q, E, beta) - F
        assert gap == pytest.approx(np.sum(q * np.log(q / p)) / beta, abs=1e-12) and gap >= -1e-12
        broken += q @ E + np.sum(np.log(q)) / beta < F
    assert broken > 500


def test_the_smallest_joint_tables():
    assert joint_table(lambda y, z: y + z, [1.0], [2.0]).tolist() == [[3.0]]
    F, z = minimised(np.array([[3.0]]))
    assert F.tolist() == marginalised(np.array([[3.0]]), 2.0).tolist() == [3.0] and z.tolist() == [0]


# iterated conditional modes


def spins(rng, n=8):
    """A frustrated energy of n bits, and its table."""
    J, h = np.triu(rng.normal(size=(n, n)), 1), rng.normal(scale=0.3, size=n)
    energy = lambda y: float(
        (2 * np.asarray(y) - 1) @ J @ (2 * np.asarray(y) - 1) + h @ (2 * np.asarray(y) - 1)
    )
    return energy, list(itertools.product((0, 1), repeat=n))


def test_icm_ends_where_no_single_change_helps():
    rng = np.random.default_rng(7)
    for _ in range(5):
        energy, answers = spins(rng)
        ground = minimum(energy, answers)
        ends = [icm(energy, rng.integers(2, size=8), [2] * 8) for _ in range(10)]
        for end in ends:
            assert (
                list(end.energies) == sorted(set(end.energies), reverse=True)
                and end.energies[-1] == end.energy
            )
            flips = np.abs(end.answer - np.eye(8, dtype=int))
            assert all(energy(y) >= end.energy for y in flips) and end.energy == energy(end.answer)
        assert min(end.energy for end in ends) == pytest.approx(ground)
        assert max(end.energy for end in ends) > ground + 0.1  # the start matters


def test_icm_with_more_values_than_two_and_ties():
    """Three parts of 4, 1 and 3 values; a part that is as good as any keeps its value."""
    energy = lambda y: 3.0 * (y[0] - 2.0) ** 2 + 0.0 * y[1] + (y[2] - y[0]) ** 2
    assert icm(energy, [0, 0, 0], [4, 1, 3]).answer.tolist() == [2, 0, 2]
    together = lambda y: (y[0] - 2.0) ** 2 + (y[1] - y[0]) ** 2  # from 1, 1 neither can go to 2 alone
    assert icm(together, [0, 0], [3, 3]).answer.tolist() == [1, 1]
    flat = icm(lambda y: 1.0, [1, 1], [2, 2])
    assert flat.answer.tolist() == [1, 1] and flat.energies == (1.0,)
    tied = icm(lambda y: [5.0, 1.0, 1.0][y[0]], [0], [3])
    assert tied.answer.tolist() == [1]  # of equally good changes the first
    assert icm(lambda y: [np.inf, np.inf, 3.0][y[0]], [0], [3]).answer.tolist() == [2]


def test_icm_leaves_its_start_alone():
    start = np.array([1, 1])
    icm(lambda y: float(np.sum(y)), start, [2, 2])
    assert start.tolist() == [1, 1]


# simulated annealing


def test_annealing_finds_ground_states():
    rng = np.random.default_rng(8)
    for _ in range(4):
        energy, answers = spins(rng)
        betas = geometric_schedule(0.1, 10.0, 600)
        found = anneal(rng, energy, one_part_changed([2] * 8), np.zeros(8, int), betas)
        assert found.energy == pytest.approx(minimum(energy, answers)) and found.energy == energy(
            found.answer
        )
        assert len(found.energies) == 601 and found.energies.min() == found.energy
        assert found.energies[0] == energy(np.zeros(8, int))


def test_annealing_returns_the_best_and_not_the_last():
    """Hot throughout, the walk leaves the best behind; a start that nothing beats is the best itself."""
    rng = np.random.default_rng(9)
    energy = lambda y: float(np.sum(y))
    found = anneal(rng, energy, one_part_changed([2] * 6), np.zeros(6, int), np.zeros(50))
    assert found.energy == 0.0 and found.answer.tolist() == [0] * 6
    assert found.energies[-1] > 0.0 and found.accepted == 46  # at beta = 0 a rise is like a fall: 15/16
    frozen = anneal(rng, energy, one_part_changed([2] * 6), np.ones(6, int), np.full(60, np.inf))
    assert np.all(np.diff(frozen.energies) <= 0.0) and frozen.energy == 0.0
    assert anneal(rng, energy, one_part_changed([2]), [1], []).energy == 1.0
    assert geometric_schedule(2.0, 1.0, 2).tolist() == [2.0, 1.0]


def test_at_a_fixed_temperature_the_walk_is_gibbs():
    """8,000 steps over four answers: frequencies within 4 standard errors, generously correlated."""
    E, beta = np.array([0.0, 0.5, 1.0, 2.0]), 1.3
    found = anneal(
        np.random.default_rng(10), lambda y: E[y[0]], one_part_changed([4]), [0], np.full(8_000, beta)
    )
    p = np.exp(-beta * E) / np.sum(np.exp(-beta * E))
    frequency = [np.mean(found.energies == e) for e in E]
    np.testing.assert_allclose(frequency, p, atol=4.0 * np.sqrt(0.25 * 3.0 / 8_000))


def test_acceptance_probabilities_are_exact():
    """Detailed balance from the step's own test: accept(a -> b) e^-bE(a) = accept(b -> a) e^-bE(b)."""
    grid = (np.arange(100_000) + 0.5) / 100_000
    accept = lambda rise, beta: np.mean([is_accepted(rise, beta, u) for u in grid[::50]])
    assert accept(0.7, 1.5) == pytest.approx(15 / 16 * np.exp(-1.05), abs=1e-3)
    assert accept(-0.7, 1.5) == accept(0.0, 1.5) == accept(0.7, 0.0) == 15 / 16
    assert accept(-0.7, np.inf) == accept(0.0, np.inf) == 15 / 16, "frozen, it still descends"
    assert not is_accepted(np.inf, 0.0, 0.0) and not is_accepted(1e-300, np.inf, 0.0)


def test_proposals_change_one_part_and_all_moves_are_alike():
    """Parts of 2, 1 and 3 values: 1 + 0 + 2 moves; the middle part never changes."""
    rng, y = np.random.default_rng(11), np.array([1, 0, 2])
    propose = one_part_changed([2, 1, 3])
    seen = [tuple(propose(rng, y)) for _ in range(3000)]
    assert set(seen) == {(0, 0, 2), (1, 0, 0), (1, 0, 1)} and y.tolist() == [1, 0, 2]
    assert all(abs(seen.count(s) / 3000 - 1 / 3) < 0.04 for s in set(seen))


def test_annealing_repeats_itself():
    walk = lambda seed: anneal(
        np.random.default_rng(seed),
        sum,
        one_part_changed([3] * 4),
        [1, 1, 1, 1],
        geometric_schedule(0.5, 2.0, 40),
    ).energies.tolist()
    assert walk(1) == walk(1) != walk(2)


# beam search


def all_paths(unary, pairwise):
    paths = itertools.product(range(unary.shape[1]), repeat=len(unary))
    return min((chain_energy(unary, pairwise, path), path) for path in paths)


def test_a_beam_with_recombination_as_wide_as_the_states_is_exact():
    rng = np.random.default_rng(12)
    for _ in range(100):
        t, k = rng.integers(1, 6), rng.integers(1, 4)
        unary, pairwise = rng.normal(size=(t, k)), rng.normal(size=(k, k))
        E, path = all_paths(unary, pairwise)
        for found in (beam_search(unary, pairwise, k), beam_search(unary, pairwise, k**t, recombine=False)):
            assert found.path == path and found.energy == pytest.approx(E, abs=1e-13) and found.gap == 0.0
            assert chain_energy(unary, pairwise, found.path) == pytest.approx(found.energy, abs=1e-13)


def test_without_recombination_the_same_width_is_not_enough():
    """2 states, 6 positions, width 2: wrong in about one chain of five, and never below the bound."""
    rng = np.random.default_rng(13)
    wrong = proven = 0
    for _ in range(500):
        unary, pairwise = rng.normal(size=(6, 2)), rng.normal(size=(2, 2))
        E = beam_search(unary, pairwise, 2).energy
        found = beam_search(unary, pairwise, 2, recombine=False)
        wrong += found.energy > E + 1e-12
        proven += found.gap == 0.0
        assert found.bound - 1e-12 <= E <= found.energy + 1e-12
        assert chain_energy(unary, pairwise, found.path) == pytest.approx(found.energy, abs=1e-13)
    assert 60 < wrong < 130 and proven > 0


def test_the_bound_holds_for_every_width():
    rng = np.random.default_rng(14)
    for _ in range(30):
        unary, pairwise = rng.normal(size=(5, 4)), rng.normal(size=(4, 4))
        E, _ = all_paths(unary, pairwise)
        gaps = [beam_search(unary, pairwise, width) for width in (1, 2, 3, 4)]
        assert all(found.bound - 1e-12 <= E <= found.energy + 1e-12 for found in gaps)
        assert gaps[-1].gap == 0.0


def test_beams_and_dead_ends():
    """State 0 is cheaper and leads nowhere: a beam of one drops the only way, and can only say so."""
    unary, pairwise = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[np.inf, np.inf], [2.0, np.inf]])
    assert beam_search(unary, pairwise, 2) == beam_search(unary, pairwise, 3)
    assert beam_search(unary, pairwise, 2).path == (1, 0) and beam_search(unary, pairwise, 2).energy == 3.0
    lost = beam_search(unary, pairwise, 1)
    assert lost.path == () and lost.energy == np.inf and lost.bound == 3.0
    never = beam_search(unary, np.full((2, 2), np.inf), 2)
    assert never.path == () and never.bound == np.inf


def test_beam_ties_go_to_the_first_path():
    assert beam_search(np.zeros((3, 2)), np.zeros((2, 2)), 1).path == (0, 0, 0)
    assert beam_search(np.zeros((3, 2)), np.zeros((2, 2)), 8, recombine=False).path == (0, 0, 0)


def test_a_certificate_is_of_neighbours_that_differ():
    """The step is never so short that a neighbour is the point itself; at the wall there is none."""
    for a, b in ((-0.7, 1.3), (1e17 - 100.0, 1e17 + 100.0)):
        found = grid_minimum(
            lambda y, center=a / 2.0 + b / 2.0: (y[0] - center) ** 2, [a], [b], tolerance=1e-30
        )
        assert found.interior and np.all(found.point + found.step > found.point)
    found = grid_minimum(lambda y: y[0], [1.0], [np.nextafter(1.0, 2.0)])
    assert found.point == 1.0 and not found.interior


def test_a_curvature_that_is_no_number_decides_nothing():
    found = descend(lambda y: y @ y, lambda y: np.where(np.abs(y) < 1e-9, 2.0 * y, np.nan), np.zeros(2))
    assert found.converged and found.verdict == "undecided" and found.distance == np.inf


def test_a_positive_curvature_is_no_proof():
    found = descend(lambda y: np.exp(-y[0]), lambda y: -np.exp(-y), np.zeros(1))
    assert found.verdict == "minimum" and found.distance == pytest.approx(1.0)


def test_a_chain_without_a_possible_path_has_no_gap():
    assert beam_search([[np.inf]], [[0.0]], 1).gap == 0.0
