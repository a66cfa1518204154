"""Variable elimination and factor graphs beside plain enumeration, and Figure 19 with its counters."""

import itertools
import tracemalloc

import numpy as np
import pytest

from ebm_ref.energies.factor_graph import factor_graph, factor_graph_gradient
from ebm_ref.exact import factors as fg
from ebm_ref.exact.elimination import ground_state, log_partition, marginals, plan, samples


def every(cardinalities):
    """All configurations, as dicts."""
    for values in itertools.product(*map(range, cardinalities.values())):
        yield dict(zip(cardinalities, values, strict=True))


def brute(factors, cardinalities, beta):
    """log Z and {configuration: probability} by a loop over everything."""
    E = {tuple(y.values()): fg.energy(factors, y) for y in every(cardinalities)}
    low = min(E.values())
    weights = {y: np.exp(-beta * (e - low)) for y, e in E.items()}
    Z = np.sum(list(weights.values()))
    return np.log(Z) - beta * low, {y: w / Z for y, w in weights.items()}, low


def random_graph(rng, n=7, forbidding=False):
    """Factors of none to four variables, of one to four values each; some variables stand alone."""
    names = [f"v{i}" for i in range(n)]
    cardinalities = {v: int(rng.integers(1, 5)) for v in names}
    factors = []
    for arity in rng.integers(0, 5, size=rng.integers(1, n + 2)):
        scope = tuple(str(v) for v in rng.permutation(names)[:arity])
        table = rng.normal(scale=3.0, size=[cardinalities[v] for v in scope])
        if forbidding and table.size > 2:
            table = np.where(rng.uniform(size=table.shape) < 0.3, np.inf, table)
        factors.append((scope, table))
    return factors, cardinalities


@pytest.mark.parametrize("seed", range(12))
def test_equal_to_enumeration(seed):
    rng = np.random.default_rng(seed)
    factors, cardinalities = random_graph(rng, forbidding=seed % 2 == 1)
    beta = float(rng.uniform(0.2, 3.0))
    truth, p, low = brute(factors, cardinalities, beta)
    assert np.isfinite(low)
    assert log_partition(factors, cardinalities, beta) == pytest.approx(truth, rel=1e-13, abs=1e-13)
    order = [str(v) for v in rng.permutation(list(cardinalities))]
    assert log_partition(factors, cardinalities, beta, order) == pytest.approx(truth, rel=1e-13, abs=1e-13)
    value, y = ground_state(factors, cardinalities)
    assert value == pytest.approx(low, rel=1e-14, abs=1e-14) and fg.energy(factors, y) == value
    nodes, tables = marginals(factors, cardinalities, beta)
    names = list(cardinalities)
    for v, k in cardinalities.items():
        expected = [sum(q for y, q in p.items() if y[names.index(v)] == value) for value in range(k)]
        assert nodes[v] == pytest.approx(expected, abs=1e-13)
    for (scope, table), found in zip(factors, tables, strict=True):
        expected = np.zeros(np.shape(table))
        for y, q in p.items():
            expected[tuple(y[names.index(v)] for v in scope)] += q
        assert found == pytest.approx(expected, abs=1e-13)


def test_marginals_are_the_gradient_of_the_free_energy():
    factors, cardinalities = random_graph(np.random.default_rng(40))
    beta, h = 1.7, 1e-6
    _, tables = marginals(factors, cardinalities, beta)
    for a, (scope, table) in enumerate(factors):
        step = np.zeros(np.shape(table))
        step.flat[-1] = h
        moved = lambda s: [*factors[:a], (scope, table + s), *factors[a + 1 :]]  # noqa: B023
        up, down = (-log_partition(moved(s), cardinalities, beta) / beta for s in (step, -step))
        assert (up - down) / (2 * h) == pytest.approx(tables[a].flat[-1], abs=1e-8)


def test_figure_19_counts():
    """96 evaluations of a factor by brute force, 16 by the trellis; the same minimum and the same sum."""
    rng = np.random.default_rng(19)
    sizes = {"z1": 2, "z2": 2, "y1": 2, "y2": 3}
    scopes = [("z1",), ("z1", "z2"), ("z2", "y1"), ("y1", "y2")]
    truth = [rng.normal(size=[sizes[v] for v in scope]) for scope in scopes]
    calls = []

    def evaluated(a):
        return lambda *values: (calls.append(a), truth[a][values])[1]

    functions = [evaluated(a) for a in range(4)]
    total = lambda y: sum(f(*(y[v] for v in s)) for s, f in zip(scopes, functions, strict=True))
    exhaustive = [total(y) for y in every(sizes)]
    assert len(calls) == 96
    calls.clear()
    factors = [fg.tabulated(s, f, sizes) for s, f in zip(scopes, functions, strict=True)]
    assert ground_state(factors, sizes)[0] == pytest.approx(min(exhaustive), rel=1e-15)
    assert log_partition(factors, sizes) == pytest.approx(
        np.log(np.exp(-np.array(exhaustive)).sum()), rel=1e-14
    )
    assert len(calls) == 16
    assert plan(factors, sizes).width == 1

    held = fg.clamped(factors, {"y1": 1, "y2": 2})  # the answer is known: its energy and free energy
    clamped = [total(y) for y in every(sizes) if (y["y1"], y["y2"]) == (1, 2)]
    latent = {"z1": 2, "z2": 2}
    assert ground_state(held, latent)[0] == pytest.approx(min(clamped), rel=1e-15)
    assert log_partition(held, latent) == pytest.approx(np.log(np.exp(-np.array(clamped)).sum()), rel=1e-14)


def torus(n, rng):
    factors = []
    for i, j in itertools.product(range(n), repeat=2):
        for other in (((i + 1) % n, j), (i, (j + 1) % n)):
            J = rng.normal()
            factors.append((((i, j), other), np.array([[-J, J], [J, -J]])))
    return factors, {site: 2 for site in itertools.product(range(n), repeat=2)}


def test_the_plan_keeps_its_promise():
    """The memory announced is what is used, to a factor of three; a lattice's width is about its side."""
    factors, cardinalities = torus(8, np.random.default_rng(0))
    found = plan(factors, cardinalities)
    assert 14 <= found.width <= 17 and found.largest_bytes == 8 * 2 ** (found.width + 1)
    tracemalloc.start()
    log_partition(factors, cardinalities, order=found.order)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.peak_bytes <= peak <= 3 * found.peak_bytes + 100_000


def test_what_does_not_fit_is_refused_before_it_is_made():
    dense = [((i, j), np.zeros((4, 4))) for i, j in itertools.combinations(range(40), 2)]
    sizes = {i: 4 for i in range(40)}
    assert plan(dense, sizes).width == 39 and plan(dense, sizes).largest_bytes == 8 * 4**40
    for function in (log_partition, marginals, ground_state):
        with pytest.raises(ValueError, match=r"memory = \d+: must be at least .*width 39"):
            function(dense, sizes)
    loop = [((i, (i + 1) % 5), np.zeros((2, 2))) for i in range(5)]
    enough = 3 * plan(loop, {i: 2 for i in range(5)}).peak_bytes
    assert log_partition(loop, {i: 2 for i in range(5)}, memory=enough) == pytest.approx(5 * np.log(2.0))
    with pytest.raises(ValueError, match=rf"memory = {enough - 1}: must be at least {enough}"):
        log_partition(loop, {i: 2 for i in range(5)}, memory=enough - 1)


def test_orders():
    star = [((0, i), np.zeros((2, 2))) for i in range(1, 6)]
    sizes = {i: 2 for i in range(6)}
    assert plan(star, sizes).width == 1
    assert plan(star, sizes, order=range(6)).width == 5  # the centre first joins all others
    for wrong in ([0, 1], [0, 0, 1, 2, 3, 4], [0, 1, 2, 3, 4, "5"]):
        with pytest.raises(ValueError, match=r"order = .*must name each variable once"):
            plan(star, sizes, order=wrong)


def test_nothing_and_single_values():
    assert log_partition([], {}) == 0.0
    assert log_partition([((), 2.5)], {}, beta=2.0) == -5.0
    assert log_partition([], {"a": 3, "b": 2}) == pytest.approx(np.log(6.0), rel=1e-15)
    many = {i: 1 for i in range(70)}  # more axes than NumPy has
    chain = [((i, i + 1), [[1.0]]) for i in range(69)] + [((0, i), [[0.5]]) for i in range(1, 70)]
    assert log_partition(chain, many) == -(69 + 34.5)
    assert ground_state(chain, many) == (69 + 34.5, {i: 0 for i in range(70)})
    nodes, tables = marginals(chain, many)
    assert nodes[69].tolist() == [1.0] and tables[3].tolist() == [[1.0]]
    nodes, _ = marginals([(("a",), [0.0, np.log(3.0)])], {"a": 2, "free": 4})
    assert nodes["a"] == pytest.approx([0.75, 0.25]) and nodes["free"] == pytest.approx([0.25] * 4)


def test_disconnected_parts_multiply():
    rng = np.random.default_rng(3)
    loop = lambda s: [(((s, i), (s, (i + 1) % 4)), rng.normal(size=(2, 2))) for i in range(4)]
    one, two = loop("a"), loop("b")
    sizes = lambda s: {(s, i): 2 for i in range(4)}
    whole = log_partition(one + two, sizes("a") | sizes("b"))
    assert whole == pytest.approx(log_partition(one, sizes("a")) + log_partition(two, sizes("b")), rel=1e-14)


def test_what_is_forbidden():
    xor = [(("a", "b"), [[np.inf, 1.0], [1.0, np.inf]]), (("b", "c"), [[0.0, np.inf], [np.inf, 0.0]])]
    sizes = {"a": 2, "b": 2, "c": 2}
    assert log_partition(xor, sizes) == pytest.approx(np.log(2.0) - 1.0, rel=1e-15)
    impossible = [*xor, (("a", "c"), [[0.0, np.inf], [np.inf, 0.0]])]
    assert log_partition(impossible, sizes) == -np.inf
    for count in (-1, 1.5, np.nan):
        with pytest.raises(ValueError, match=r"count = .*: must be an integer >= 0"):
            samples(xor, sizes, np.random.default_rng(0), count)
    for function in (marginals, ground_state, lambda f, c: samples(f, c, np.random.default_rng(0))):
        with pytest.raises(ValueError, match="must leave a configuration possible"):
            function(impossible, sizes)
    assert log_partition([((), np.inf)], {}) == -np.inf


@pytest.mark.parametrize(
    "factors, cardinalities, says",
    [
        ([(("a", "x"), np.zeros((2, 2)))], {"a": 2}, "'x' has none"),
        ([(("a", "a"), np.zeros((2, 2)))], {"a": 2}, "must name each variable once"),
        ([(("a",), np.zeros(3))], {"a": 2}, r"must have shape \(2,\)"),
        ([(("a",), np.zeros((2, 1)))], {"a": 2}, r"must have shape \(2,\)"),
        ([(("a",), [0.0, -np.inf])], {"a": 2}, "must hold numbers above -inf"),
        ([(("a",), [0.0, np.nan])], {"a": 2}, "must hold numbers above -inf"),
        ([], {"a": 0}, r"cardinalities\['a'\] = 0: must be an integer >= 1"),
        ([], {"a": 2.0}, r"cardinalities\['a'\] = 2.0: must be an integer >= 1"),
    ],
)
def test_bad_factors(factors, cardinalities, says):
    for function in (plan, log_partition, marginals, ground_state):
        with pytest.raises(ValueError, match=says):
            function(factors, cardinalities)


@pytest.mark.parametrize("beta", [0.0, -1.0, np.inf, np.nan])
def test_bad_temperature(beta):
    for function in (log_partition, marginals):
        with pytest.raises(ValueError, match=r"beta = .*must be positive and finite"):
            function([], {"a": 2}, beta)


def test_no_energy_is_too_large():
    """Couplings of 1e5 and a sum of 1e8: exponentials of these do not exist, their logarithms do."""
    J, rng = 1e5, np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], size=400)
    chain = [((i, i + 1), J * s * np.array([[-1.0, 1.0], [1.0, -1.0]])) for i, s in enumerate(signs)]
    assert log_partition(chain, {i: 2 for i in range(401)}) == 400 * J + np.log(2.0)
    small = [((i,), [0.0, 40.0]) for i in range(3)]
    assert log_partition(small[:1], {0: 2}) == pytest.approx(4.248354255291589e-18, rel=1e-15)


def test_a_high_level_costs_no_digits():
    """Whole numbers, so that nothing is rounded on the way in: marginals are the same to the bit."""
    factors = [((0, 1), np.array([[0.0, 1.0], [2.0, 0.0]])), ((1, 2), np.array([[0.0, 3.0], [1.0, 0.0]]))]
    sizes = {0: 2, 1: 2, 2: 2}
    raised = [(scope, table + level) for (scope, table), level in zip(factors, (1e12, -1e8), strict=True)]
    for here, there in zip(marginals(factors, sizes)[1], marginals(raised, sizes)[1], strict=True):
        assert np.array_equal(here, there)


@pytest.mark.parametrize("beta", [1e4, 1e8, 1e12])
def test_probabilities_add_up_to_1_however_cold_it_is(beta):
    """Two values that tie have 1/2 each where beta E leaves no digit for log 2."""
    nodes, _ = marginals([((0, 1), np.array([[7.0, 7.0], [7.0, 9.0]]))], {0: 2, 1: 2}, beta)
    np.testing.assert_allclose(nodes[0], [2 / 3, 1 / 3], rtol=1e-15)


@pytest.mark.parametrize("function", [log_partition, marginals, ground_state])
def test_the_memory_announced_is_enough(function):
    pair, sizes = [((0, 1), np.zeros((600, 600)))], {0: 600, 1: 600}
    found = plan(pair, sizes)
    enough = 3 * found.peak_bytes if function is log_partition else 4 * found.kept_bytes
    with pytest.raises(ValueError, match="must be at least"):
        function(pair, sizes, memory=enough - 1)
    tracemalloc.start()
    function(pair, sizes, memory=enough)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= enough + 10_000


def test_what_overflows_is_refused():
    """Neither -inf nor 'no configuration possible', as sums that overflow would say."""
    factors = [((0,), [1e308, 1e308]), ((0,), [1e308, np.inf])]
    for function in (log_partition, marginals, ground_state):
        with pytest.raises(ValueError, match="factors = '2 factors': must not add up, times beta"):
            function(factors, {0: 2})
    with pytest.raises(ValueError, match="must not add up, times beta"):
        log_partition([((0,), [0.0, 1e10])], {0: 2}, beta=1e300)


def test_samples_have_the_marginals():
    """20000 exact draws against exact marginals: chi-squared of every table within its 1 - 1e-6 quantile."""
    factors, cardinalities = random_graph(np.random.default_rng(7), forbidding=True)
    _, tables = marginals(factors, cardinalities, 0.4)
    count = 20_000
    drawn = samples(factors, cardinalities, np.random.default_rng(1), count, 0.4)
    for (scope, table), p in zip(factors, tables, strict=True):
        seen = np.zeros(np.shape(table))
        np.add.at(seen, tuple(drawn[v] for v in scope), 1)
        assert np.all(seen[p == 0.0] == 0) and seen.sum() == (count if scope else 1)
        if scope:
            expected = count * p[p > 0.0]
            degrees = max(len(expected) - 1, 1)
            chi = np.sum((seen[p > 0.0] - expected) ** 2 / expected)
            assert chi < degrees + 5 * np.sqrt(2 * degrees) + 12
    one = samples(factors, cardinalities, np.random.default_rng(1))
    also = samples(factors, cardinalities, np.random.default_rng(1), count=1, beta=1.0)
    assert all(np.array_equal(one[v], also[v]) and one[v].shape == (1,) for v in cardinalities)
    again = samples(factors, cardinalities, np.random.default_rng(1), count, 0.4)
    assert all(np.array_equal(drawn[v], again[v]) for v in cardinalities)


def test_energy_and_gradient_by_tables():
    rng = np.random.default_rng(5)
    factors, cardinalities = random_graph(rng)
    y = {v: int(rng.integers(k)) for v, k in cardinalities.items()}
    gradients = fg.energy_gradients(factors, y)
    linear = sum(np.sum(np.asarray(table) * g) for (_, table), g in zip(factors, gradients, strict=True))
    assert linear == pytest.approx(fg.energy(factors, y), rel=1e-13)
    assert all(np.sum(g) == 1.0 and set(np.unique(g)) <= {0.0, 1.0} for g in gradients)
    assert fg.cardinalities_of(factors).items() <= cardinalities.items()


@pytest.mark.parametrize(
    "scopes, configuration, says",
    [
        ([[0, 3]], [0, 0, 1], "scopes = 3: must be an integer in 0..2"),
        ([[-1, 0]], [0, 0, 1], "scopes = -1: must be an integer in 0..2"),
        ([[0, 1, 2]], [0, 0, 1], r"scopes = .*must be \(1, 2\)"),
        ([[0, 1]], [0, 2, 1], "configuration = 2: must be an integer in 0..1"),
        ([[0, 1]], [0, 1, -1], "configuration = -1: must be an integer in 0..1"),
    ],
)
def test_the_record_refuses(scopes, configuration, says):
    for function in (factor_graph, factor_graph_gradient):
        with pytest.raises(ValueError, match=says):
            function(np.zeros((1, 2, 2)), np.array(scopes), np.array(configuration))


def test_clamping_keeps_the_energy():
    rng = np.random.default_rng(6)
    factors, cardinalities = random_graph(rng)
    y = {v: int(rng.integers(k)) for v, k in cardinalities.items()}
    held = dict(itertools.islice(y.items(), 3))
    assert fg.energy(fg.clamped(factors, held), y) == pytest.approx(fg.energy(factors, y), rel=1e-15)
    with pytest.raises(ValueError, match=r"observed\['a'\] = 2: must be an integer in 0..1"):
        fg.clamped([(("a",), [0.0, 1.0])], {"a": 2})
