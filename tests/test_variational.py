"""Mean field and message passing beside the exact answer: the bound, trees, and where loops go wrong."""

import itertools

import numpy as np
import pytest

from ebm_ref.exact import factors as fg
from ebm_ref.exact.elimination import ground_state, log_partition, marginals
from ebm_ref.inference.loopy import bethe_free_energy, min_sum, sum_product
from ebm_ref.inference.mean_field import mean_field, variational_free_energy


def spins(n, edges, J, h):
    """Ising energies as factors: -h s for each spin, -J s s' for each edge."""
    s = np.array([-1.0, 1.0])
    J, h = np.broadcast_to(J, len(edges)), np.broadcast_to(h, n)
    pairs = [(edge, -J_e * np.outer(s, s)) for edge, J_e in zip(edges, J, strict=True)]
    return [((i,), -h_i * s) for i, h_i in enumerate(h)] + pairs, {i: 2 for i in range(n)}


def complete(n):
    return list(itertools.combinations(range(n), 2))


def random_factors(rng, tree):
    """Factors of up to three variables of two or three values; a tree, or with many loops."""
    sizes = {i: int(rng.integers(2, 4)) for i in range(8)}
    scopes = [(0, 1, 2), (2, 3), (4, 2), (4, 5, 6), (6,), (1,), ()]
    scopes += [] if tree else [(0, 3), (5, 1), (6, 0), (7, 2, 5)]
    return [(scope, rng.normal(scale=1.5, size=[sizes[v] for v in scope])) for scope in scopes], sizes


@pytest.mark.parametrize("seed", range(6))
def test_mean_field_is_a_bound_that_only_falls(seed):
    """F_q >= F at every sweep, never rising, and q is at rest under the exact updates."""
    rng = np.random.default_rng(seed)
    factors, sizes = random_factors(rng, tree=False)
    beta = float(rng.uniform(0.3, 2.0))
    start = {v: rng.dirichlet(np.ones(k)) for v, k in sizes.items()}
    found = mean_field(factors, sizes, beta, start)
    E = {y: fg.energy(factors, y) for y in itertools.product(*map(range, sizes.values()))}
    F = -np.log(np.sum(np.exp(-beta * np.array(list(E.values()))))) / beta
    values = np.array(found.free_energies)
    assert found.converged and np.all(np.diff(values) <= 1e-13) and np.all(values >= F)
    q = {y: np.prod([found.nodes[v][y[v]] for v in sizes]) for y in E}
    divergence = sum(q_y * (np.log(q_y) + beta * (E[y] - F)) for y, q_y in q.items() if q_y > 0.0)
    assert (found.free_energy - F) * beta == pytest.approx(divergence, rel=1e-9)  # the gap is KL(q || p)/beta
    for v in sizes:  # no other q_v is better
        other = found.nodes | {v: rng.dirichlet(np.ones(sizes[v]))}
        assert variational_free_energy(factors, other, beta) > found.free_energy
    assert variational_free_energy(factors, start, beta) == found.free_energies[0]


def test_mean_field_of_independent_variables_is_exact():
    factors, sizes = random_factors(np.random.default_rng(1), tree=True)
    alone = [(scope, table) for scope, table in factors if len(scope) <= 1]
    found = mean_field(alone, sizes, 0.7)
    assert found.free_energy == pytest.approx(-log_partition(alone, sizes, 0.7) / 0.7, rel=1e-14)
    assert len(found.free_energies) <= 4


def test_mean_field_solves_the_equation_of_weiss():
    rng = np.random.default_rng(2)
    J, h = rng.normal(scale=0.4, size=10), rng.normal(size=5)
    found = mean_field(*spins(5, complete(5), J, h), beta=1.2)
    m = np.array([q[1] - q[0] for q in found.nodes.values()])
    matrix = np.zeros((5, 5))
    for (i, j), J_ij in zip(complete(5), J, strict=True):
        matrix[i, j] = matrix[j, i] = J_ij
    assert m == pytest.approx(np.tanh(1.2 * (matrix @ m + h)), abs=1e-11)


def test_mean_field_takes_one_of_two_modes():
    """Four spins that agree: from the symmetric start it stays between, from a tilted one it takes a side."""
    factors, sizes = spins(4, complete(4), 1.0, 0.0)
    between = mean_field(factors, sizes)
    assert all(q.tolist() == [0.5, 0.5] for q in between.nodes.values())
    sides = [mean_field(factors, sizes, start={3: [p, 1.0 - p]}) for p in (0.4, 0.6)]
    assert sides[0].nodes[2][1] > 0.99 and sides[1].nodes[2][0] > 0.99
    F = -log_partition(factors, sizes)
    assert (
        F < sides[0].free_energy == pytest.approx(sides[1].free_energy)
        and sides[0].free_energy < between.free_energy
    )
    assert sides[0].free_energy - F == pytest.approx(np.log(2.0), abs=0.02)  # what half of p is worth


def test_certainty_has_no_entropy():
    """0 log 0 = 0: of a single configuration F_q is its energy; and one may start there."""
    factors, sizes = random_factors(np.random.default_rng(4), tree=False)
    y = {v: k - 1 for v, k in sizes.items()}
    certain = {v: np.eye(k)[y[v]] for v, k in sizes.items()}
    assert variational_free_energy(factors, certain) == pytest.approx(fg.energy(factors, y), rel=1e-13)
    found = mean_field(factors, sizes, start=certain)
    assert found.free_energies[0] == pytest.approx(fg.energy(factors, y), rel=1e-13) and found.converged


def test_mean_field_stops_when_told_to():
    factors, sizes = spins(4, complete(4), 1.0, 0.1)
    stopped = mean_field(factors, sizes, sweeps=2)
    assert not stopped.converged and len(stopped.free_energies) == 3
    assert mean_field(factors, sizes, sweeps=0).free_energies == stopped.free_energies[:1]


@pytest.mark.parametrize("seed", range(4))
def test_messages_are_exact_on_trees(seed):
    rng = np.random.default_rng(seed)
    factors, sizes = random_factors(rng, tree=True)
    if seed % 2:
        factors[0][1][0, 1, :] = np.inf
        factors[3][1][1] = np.inf
    beta = float(rng.uniform(0.3, 2.0))
    nodes, tables = marginals(factors, sizes, beta)
    for damping in (0.0, 0.3):
        found = sum_product(factors, sizes, beta, damping)
        assert found.converged and found.residual <= 1e-12 / beta
        assert damping > 0.0 or found.sweeps <= 7
        for v in sizes:
            assert found.nodes[v] == pytest.approx(nodes[v], abs=1e-11)
        for mine, exact in zip(found.tables, tables, strict=True):
            assert mine == pytest.approx(exact, abs=1e-11)
        assert found.free_energy == pytest.approx(-log_partition(factors, sizes, beta) / beta, rel=1e-10)
    lowest = min_sum(factors, sizes)
    energy, configuration = ground_state(factors, sizes)
    assert lowest.converged and lowest.energy == pytest.approx(energy, rel=1e-14)
    assert {**configuration, 7: 0} == {**lowest.configuration, 7: 0}
    for v, k in sizes.items():  # min-marginals: the lowest energy given each value
        given = [
            ground_state([*factors, ((v,), np.where(np.arange(k) == y, 0.0, 1e6))], sizes)[0]
            for y in range(k)
        ]
        expected = np.array(given) - energy
        finite = expected < 1e5
        assert lowest.min_marginals[v][finite] == pytest.approx(expected[finite], abs=1e-12)
        assert np.all(lowest.min_marginals[v][~finite] == np.inf)


def test_min_sum_is_the_cold_limit_of_sum_product():
    factors, sizes = random_factors(np.random.default_rng(9), tree=True)
    cold = sum_product(factors, sizes, beta=1e4)
    lowest = min_sum(factors, sizes)
    assert {v: int(np.argmax(b)) for v, b in cold.nodes.items()} == lowest.configuration
    assert cold.free_energy == pytest.approx(lowest.energy, abs=1e-3)


def test_bethe_of_the_true_marginals_of_a_tree():
    factors, sizes = random_factors(np.random.default_rng(3), tree=True)
    F = -log_partition(factors, sizes, 0.9) / 0.9
    assert bethe_free_energy(factors, *marginals(factors, sizes, 0.9), 0.9) == pytest.approx(F, rel=1e-13)


def test_a_loop_that_settles_on_something_else():
    """A triangle: beliefs near the marginals but not equal, and a free energy on the wrong side of F."""
    factors, sizes = spins(3, complete(3), -0.5, 0.1)
    found, (nodes, _) = sum_product(factors, sizes), marginals(factors, sizes)
    error = max(np.max(np.abs(found.nodes[v] - nodes[v])) for v in sizes)
    F = -log_partition(factors, sizes)
    assert found.converged and 1e-3 < error < 1e-2
    assert found.free_energy < F - 0.05 and mean_field(factors, sizes).free_energy > F
    agreeing, sizes = spins(3, complete(3), 1.0, 0.1)
    found = sum_product(agreeing, sizes)
    assert found.converged and found.free_energy > -log_partition(agreeing, sizes) + 0.2


def test_messages_that_go_round_for_ever_and_damping():
    """Four spins that all disagree: messages swing between two answers; damping stops that."""
    factors, sizes = spins(4, complete(4), -1.0, 0.1)
    swinging = sum_product(factors, sizes, sweeps=100)
    assert not swinging.converged and swinging.sweeps == 100 and swinging.residual > 1.0
    nodes, _ = marginals(factors, sizes)
    damped = sum_product(factors, sizes, damping=0.5)
    assert damped.converged
    assert (
        np.max(np.abs(damped.nodes[0] - nodes[0])) < 0.01 < 0.4 < np.max(np.abs(swinging.nodes[0] - nodes[0]))
    )
    still = sum_product(factors, sizes, damping=0.8)  # damping moves no fixed point
    assert still.nodes[0] == pytest.approx(damped.nodes[0], abs=1e-9)
    energy, _ = ground_state(factors, sizes)
    for damping in (0.0, 0.5):
        found = min_sum(*spins(5, complete(5), -1.0, 0.1), damping, sweeps=40)
        assert not found.converged and found.energy > 0.0 > energy


def test_a_tie_may_be_read_off_inconsistently():
    """x != y, all else equal: every min-marginal is tied, and the lowest indices together are the worst."""
    factors = [(("x", "y"), [[1.0, 0.0], [0.0, 1.0]])]
    found = min_sum(factors, {"x": 2, "y": 2})
    assert found.converged and found.energy == 1.0 and found.min_marginals["x"].tolist() == [0.0, 0.0]
    assert ground_state(factors, {"x": 2, "y": 2})[0] == 0.0


def test_nothing_and_single_values():
    empty = sum_product([], {"a": 3, "b": 1})
    assert empty.converged and empty.free_energy == pytest.approx(-np.log(3.0))
    assert mean_field([], {"a": 3}).free_energy == pytest.approx(-np.log(3.0))
    assert min_sum([(("b",), [2.0])], {"a": 3, "b": 1}).configuration == {"a": 0, "b": 0}


def test_impossible():
    factors = [(("a", "b"), [[np.inf, 0.0], [0.0, np.inf]]), (("a", "b"), [[0.0, np.inf], [np.inf, 0.0]])]
    one = [(("a",), [np.inf, np.inf])]
    for function in (sum_product, min_sum):
        with pytest.raises(ValueError, match="must leave a configuration possible"):
            function(one, {"a": 2})
    assert log_partition(factors, {"a": 2, "b": 2}) == -np.inf


@pytest.mark.parametrize(
    "function, says",
    [
        (lambda f, c: mean_field([(("a",), [0.0, np.inf])], c), r"table = .*must be finite"),
        (lambda f, c: mean_field(f, c, start={"a": [0.5, 0.6]}), r"start\['a'\] = .*must be a distribution"),
        (lambda f, c: mean_field(f, c, start={"a": [1.0]}), r"start\['a'\] = .*must be a distribution"),
        (lambda f, c: mean_field(f, c, start={"x": [1.0]}), r"start = 'x': must name variables"),
        (lambda f, c: mean_field(f, c, beta=0.0), r"beta = 0.0: must be positive and finite"),
        (lambda f, c: sum_product(f, c, beta=np.inf), r"beta = inf: must be positive and finite"),
        (lambda f, c: sum_product(f, c, damping=1.0), r"damping = 1.0: must be in 0 <= damping < 1"),
        (lambda f, c: min_sum(f, c, damping=-0.1), r"damping = -0.1: must be in 0 <= damping < 1"),
        *(
            (lambda f, c, g=g: g([(("x",), [0.0])], c), "'x' has none")
            for g in (mean_field, sum_product, min_sum)
        ),
    ],
)
def test_bad_input(function, says):
    with pytest.raises(ValueError, match=says):
        function([(("a",), [0.0, 1.0])], {"a": 2})


@pytest.mark.parametrize("infer", [sum_product, min_sum, mean_field])
def test_what_overflows_is_refused(infer):
    """Mean field became NaN and called itself converged; the others found an infinite energy."""
    with pytest.raises(ValueError, match="factors = '2 factors': must not add up, times beta"):
        infer([((0, 1), np.full((2, 2), 1e308)), ((0,), [1e308, 1e308])], {0: 2, 1: 2})


@pytest.mark.parametrize("infer", [sum_product, min_sum])
def test_a_factor_that_forbids_all_is_refused(infer):
    """A constant sends no message that could find it."""
    with pytest.raises(ValueError, match="table = inf: must leave a configuration possible"):
        infer([((), np.inf), ((0,), [0.0, 1.0])], {0: 2})


def test_beliefs_that_contradict_each_other_are_refused():
    """Stopped before messages have found that a factor is left no configuration: not NaN."""
    same, differ = np.array([[0.0, np.inf], [np.inf, 0.0]]), np.array([[np.inf, 0.0], [0.0, np.inf]])
    factors = [((0,), [0.0, np.inf]), ((0, 1), same), ((1, 2), differ), ((2,), [0.0, np.inf])]
    for sweeps in (2, 3):
        with pytest.raises(ValueError, match="must leave a configuration possible"):
            sum_product(factors, {0: 2, 1: 2, 2: 2}, sweeps=sweeps)
