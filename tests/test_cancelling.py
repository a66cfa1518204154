"""Energies that cancel: every route over factors against fractions in 60 digits, and against no moves."""

import itertools
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp, mpf

from ebm_ref.exact import cancelling, elimination
from ebm_ref.exact import transfer_matrix as lattice
from ebm_ref.inference import loopy
from ebm_ref.inference import mean_field as mean_fields
from ebm_ref.kernels import enumeration as kernels

NEAR = 3e-14  # 2^-53 of the 2^8 units of 1/beta that are added up in float64

BIG = {
    "1e17 beside 1/2": [1e17],
    "1e30": [1e30],
    "1e300": [1e300],
    "1e12 over gaps of 1e-3": [1e12],
    "a ladder": [1e3, 1e6, 1e10, 1e15, 1e21],
    "several sizes": [1e34, 1e17, 1e8],
    "just large": [300.0, 2000.0],
    "ties": [1e17],
    "forbidden": [1e17, 1e30],
}


def small(kind, rng, shape):
    """What decides once the rest has cancelled."""
    if kind == "ties":
        return 0.5 * rng.integers(-1, 2, shape)
    table = rng.normal(size=shape) * (1e-3 if "1e-3" in kind else 1.0)
    return np.where(rng.random(shape) < 0.08, np.inf, table) if kind == "forbidden" else table


def cancel(rng, model, size, k):
    """An energy of this size for each value of one variable: into one factor, and out of another."""
    v = int(rng.integers(len(k)))
    knows = [i for i, (scope, _) in enumerate(model) if v in scope]
    if len(knows) < 2:
        return
    moved = size * rng.integers(-2, 3, k[v])
    for sign, i in zip((1.0, -1.0), rng.choice(knows, 2, replace=False), strict=True):
        scope, table = model[i]
        along = [-1 if u == v else 1 for u in scope]
        model[i] = scope, table + sign * np.reshape(moved, along)


def graph(kind, seed):
    """A factor graph of 4 variables, each in several factors, and a beta between 1/1000 and 1000."""
    rng = np.random.default_rng(seed)
    k = rng.integers(1, 4, 4).tolist()
    scopes = [(v,) for v in range(4)] * 2 + [tuple(rng.permutation(4)[:2].tolist()) for _ in range(4)]
    scopes += [tuple(rng.permutation(4)[:3].tolist())]
    model = [(scope, small(kind, rng, [k[v] for v in scope])) for scope in scopes]
    for size in BIG[kind] * 3:
        cancel(rng, model, size, k)
    return k, model, float(10.0 ** rng.integers(-3, 4))


def strip(kind, seed, r=2, c=3):
    """The same on a lattice that may be closed, as tables, and as factors."""
    rng = np.random.default_rng(seed)
    at = lambda i, j: i % r * c + j % c
    site = list(itertools.product(range(r), range(c)))
    bonds = [(at(i, j), at(i, j + 1)) for i, j in site], [(at(i, j), at(i + 1, j)) for i, j in site]
    scopes = [*bonds[0], *bonds[1], *[(at(i, j),) for i, j in site]]
    model = [(scope, small(kind, rng, [2] * len(scope))) for scope in scopes]
    for size in BIG[kind] * 3:
        cancel(rng, model, size, [2] * r * c)
    if seed % 2:  # no bonds from the last column to the first
        model = [(s, 0.0 if f < r * c and f % c == c - 1 else E) for f, (s, E) in enumerate(model)]
        model = [(s, np.broadcast_to(E, [2] * len(s))) for s, E in model]
    tables = [np.array([E for _, E in model[n : n + r * c]]) for n in range(0, 3 * r * c, r * c)]
    right, down, field = (x.reshape(r, c, *x.shape[1:]) for x in tables)
    return (right, down, field), model, float(10.0 ** rng.integers(-3, 4))


def truth(k, model, beta):
    """The lowest energy, {configuration: weight counted from it} in 60 digits, {configuration: energy}."""
    energies = {}
    for y in itertools.product(*map(range, k)):
        read = [float(E[tuple(y[v] for v in scope)]) for scope, E in model]
        if np.inf not in read:
            energies[y] = sum(map(Fraction, read), Fraction(0))
    low = min(energies.values())
    with mp.workdps(60):
        ratio = lambda q: mpf(q.numerator) / q.denominator
        weights = {y: mp.exp(-mpf(beta) * ratio(E - low)) for y, E in energies.items()}
    return low, weights, energies


def log_z(low, weights, beta):
    with mp.workdps(60):
        return -mpf(beta) * low.numerator / low.denominator + mp.log(mp.fsum(weights.values()))


def share(weights, counts):
    """The probability of the configurations that count."""
    with mp.workdps(60):
        total = mp.fsum(weights.values())
        return float(mp.fsum(w for y, w in weights.items() if counts(y)) / total)


def far(found, right):
    """The error, relative where the right value is above 1."""
    with mp.workdps(60):
        return float(abs(mpf(float(found)) - right) / max(1, abs(right)))


def probabilities(weights, k):
    """p(y_v) of each variable."""
    return [[share(weights, lambda y, v=v, a=a: y[v] == a) for a in range(n)] for v, n in enumerate(k)]


def joint(weights, scope, shape):
    """p(y_a) of one factor."""
    at = lambda y: tuple(y[v] for v in scope)
    return [share(weights, lambda y, entry=entry: at(y) == entry) for entry in np.ndindex(*shape)]


HOSTILE = [(kind, seed) for kind in BIG for seed in (0, 1)]


@pytest.mark.parametrize(("kind", "seed"), HOSTILE)
def test_elimination(kind, seed):
    k, model, beta = graph(kind, seed)
    low, weights, energies = truth(k, model, beta)
    assert far(elimination.log_partition(model, k, beta), log_z(low, weights, beta)) < NEAR
    nodes, tables = elimination.marginals(model, k, beta)
    for v, p in enumerate(probabilities(weights, k)):
        assert np.max(np.abs(nodes[v] - p)) < NEAR
    for (scope, E), p in zip(model, tables, strict=True):
        assert np.max(np.abs(np.ravel(p) - joint(weights, scope, np.shape(E)))) < NEAR
    energy, y = elimination.ground_state(model, k)
    assert energies[tuple(y.values())] == low and energy == float(low)


@pytest.mark.parametrize(("kind", "seed"), HOSTILE)
def test_enumeration_by_a_gray_code(kind, seed):
    k, model, beta = graph(kind, seed)
    low, weights, _ = truth(k, model, beta)
    found, p = kernels.graph_marginals(k, model, beta)
    assert far(found, log_z(low, weights, beta)) < NEAR
    for ours, right in zip(p, probabilities(weights, k), strict=True):
        assert np.max(np.abs(ours - right)) < NEAR


@pytest.mark.parametrize(("kind", "seed"), HOSTILE)
def test_lattices(kind, seed):
    """log Z, the mean energy and another mean.  Weights are right to a few u, a mean to that times |A|."""
    tables, model, beta = strip(kind, seed)
    low, weights, energies = truth([2] * 6, model, beta)
    assert far(lattice.log_partition(*tables, beta), log_z(low, weights, beta)) < NEAR
    with mp.workdps(60):
        total = mp.fsum(weights.values())
        values = {y: mpf(E.numerator) / E.denominator for y, E in energies.items()}
        mean = mp.fsum(w * values[y] for y, w in weights.items()) / total
        spread = mp.fsum(w * abs(values[y] - mean) for y, w in weights.items()) / total
        assert abs(lattice.mean_energy(*tables, beta) - mean) < NEAR * (1 + abs(mean) + spread)
    first = [np.zeros_like(x) for x in tables]
    first[2][0, 0, 1] = 1.0
    p = share(weights, lambda y: y[0] == 1)
    assert abs(lattice.log_partition_and_mean(tables, first, beta)[1] - p) < NEAR


# the other route: energies are moved about, and nothing changes


@pytest.mark.parametrize("seed", range(4))
def test_energies_that_are_moved_change_nothing(seed):
    """Halves beside 2^51 are exact, so what remains is the model without them."""
    rng = np.random.default_rng(seed)
    k = [2, 3, 2, 2, 3]
    scopes = [(v,) for v in range(5)] + [(v, (v + 1) % 5) for v in range(5)] + [(0, 2, 4)]
    plain = [(scope, small("ties", rng, [k[v] for v in scope])) for scope in scopes]
    moved = list(plain)
    for _ in range(6):
        cancel(rng, moved, 2.0**49, k)
    log_z, p = kernels.graph_marginals(k, moved)
    assert log_z == pytest.approx(elimination.log_partition(plain, k), rel=NEAR)
    assert log_z == pytest.approx(elimination.log_partition(moved, k), rel=NEAR)
    right, ours = elimination.marginals(plain, k)[0], elimination.marginals(moved, k)[0]
    for v in range(5):
        assert np.max(np.abs(ours[v] - right[v])) < NEAR > np.max(np.abs(p[v] - right[v]))
    assert elimination.ground_state(moved, k)[0] == elimination.ground_state(plain, k)[0]
    order = list(range(5))
    state = [elimination.ground_state(x, k, order)[1] for x in (plain, moved)]
    assert state[0] == state[1]  # of the same ties, the same


@pytest.mark.parametrize(("n", "size"), [(50, 1e17), (300, 1e17), (300, 1e25)])
def test_many_of_them(n, size):
    """Independent spins in pairs: log Z = n log(1 + e^-1/2), whichever integers hold the sums."""
    tables = [0.0, size], [0.0, 0.5], [0.0, -size]
    model, right = [((v,), E) for v in range(n) for E in tables], n * np.log1p(np.exp(-0.5))
    assert elimination.log_partition(model, [2] * n) == pytest.approx(right, rel=1e-14)
    assert elimination.ground_state(model, [2] * n) == (0.0, dict.fromkeys(range(n), 0))
    side = n // 2
    field, down, bonds = np.zeros((2, side, 2)), np.zeros((2, side, 2, 2)), np.zeros((2, side, 2, 2))
    field[0, :, 1], down[0, :, 1, :], field[1, :, 1] = size, -size, 0.5
    tables, right = (bonds, down, field), side * (np.log(2.0) + np.log1p(np.exp(-0.5)))
    assert lattice.log_partition(*tables) == pytest.approx(right, rel=1e-14)
    mean = side * 0.5 / (1.0 + np.exp(0.5))
    assert lattice.mean_energy(*tables) == pytest.approx(mean, rel=1e-13)


@pytest.mark.parametrize("kind", ["1e17 beside 1/2", "1e300", "a ladder", "ties"])
def test_messages_on_trees(kind):
    """The marginals, F_B = F, and the lowest energies given each value, damped or not."""
    rng = np.random.default_rng(len(kind))
    k, beta = [2, 3, 2, 2], 0.5
    scopes = [(v,) for v in range(4)] * 2 + [(0, 1), (1, 2), (1, 3)]
    model = [(scope, small(kind, rng, [k[v] for v in scope])) for scope in scopes]
    for size in BIG[kind] * 3:
        cancel(rng, model, size, k)
    low, weights, energies = truth(k, model, beta)
    for damping, close in ((0.0, NEAR), (0.25, 1e-12)):
        found = loopy.sum_product(model, k, beta, damping)
        assert found.converged
        for v, p in enumerate(probabilities(weights, k)):
            assert np.max(np.abs(found.nodes[v] - p)) < close
        assert far(-beta * found.free_energy, log_z(low, weights, beta)) < close
    lowest = loopy.min_sum(model, k)
    assert kind == "ties" or lowest.energy == float(low)
    for v, n in enumerate(k):
        right = [float(min(E for y, E in energies.items() if y[v] == a) - low) for a in range(n)]
        assert lowest.min_marginals[v] == pytest.approx(right, rel=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_mean_field_where_energies_are_moved(seed):
    rng = np.random.default_rng(seed)
    k = [2, 3, 2, 2]
    scopes = [(v,) for v in range(4)] + [(v, (v + 1) % 4) for v in range(4)]
    plain = [(scope, small("ties", rng, [k[v] for v in scope])) for scope in scopes]
    moved = list(plain)
    for _ in range(6):
        cancel(rng, moved, 2.0**49, k)
    start = {0: [0.3, 0.7], 1: [0.2, 0.3, 0.5]}
    found = [mean_fields.mean_field(x, k, 0.5, start) for x in (plain, moved)]
    assert found[0].converged and found[1].converged
    assert found[1].free_energies == pytest.approx(found[0].free_energies, rel=1e-12)
    for v in range(4):
        assert found[1].nodes[v] == pytest.approx(found[0].nodes[v], rel=1e-10)


# by hand


def test_differences_of_order_1_decide():
    pair = [
        ((0,), [0.0, 1e17]),
        ((0, 1), [[0.0, 0.0], [0.3, -0.2]]),
        ((0,), [0.0, -1e17]),
        ((1,), [0.0, 0.5]),
    ]
    right = np.log(1.0 + np.exp(-0.5) + np.exp(-0.3) + np.exp(-0.3))
    assert right == pytest.approx(1.1276, abs=5e-5)
    assert elimination.log_partition(pair, [2, 2]) == pytest.approx(right, rel=1e-15)
    assert kernels.graph_marginals([2, 2], pair)[0] == pytest.approx(right, rel=1e-15)
    three = [((0,), [0.0, 1e34]), ((0,), [0.0, 1e17]), ((1,), [0.0, 1.0])]
    right = [1.0 / (1.0 + np.exp(-1.0)), 1.0 / (1.0 + np.exp(1.0))]
    assert kernels.graph_marginals((2, 2), three)[1][1] == pytest.approx(right, rel=1e-15)
    assert elimination.marginals(three, (2, 2))[0][1] == pytest.approx(right, rel=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_thousands_that_leave_a_fifth(seed):
    """In float64, a sum of such numbers is off by up to 2^-41."""
    some = 3000.0 * np.random.default_rng(seed).normal(size=2)
    parts = [*some.tolist(), 0.2 - float(np.sum(some))]
    gap = float(sum(map(Fraction, parts)))
    model = [((0,), [0.0, x]) for x in parts]
    right, mean = np.log1p(np.exp(-gap)), gap / (1.0 + np.exp(gap))
    assert elimination.log_partition(model, [2]) == pytest.approx(right, rel=2e-14)
    assert kernels.graph_marginals([2], model)[0] == pytest.approx(right, rel=2e-14)
    assert -loopy.sum_product(model, [2]).free_energy == pytest.approx(right, rel=2e-14)
    field, down, bonds = np.zeros((2, 1, 2)), np.zeros((2, 1, 2, 2)), np.zeros((2, 1, 2, 2))
    field[0, 0, 1], down[0, 0, 1, :], down[1, 0, :, 1] = parts
    log_z = lattice.log_partition(bonds, down, field)
    assert log_z == pytest.approx(np.log(2.0) + right, rel=2e-14)
    assert lattice.mean_energy(bonds, down, field) == pytest.approx(mean, rel=2e-14)


def test_gaps_of_more_than_64_bits():
    """Equal spins pay 2^60, 2^57 units, for each of 70 columns; 70 other equal spins are paid as much."""
    field, down, bonds = np.zeros((1, 140, 2)), np.zeros((1, 140, 2, 2)), np.zeros((1, 140, 2, 2))
    bonds[0, :-1] = [[0.0, np.inf], [np.inf, 0.0]]
    bonds[0, 69] = [[0.0, 1.0], [1.0, 0.0]]
    field[0, :70, 1], field[0, 70:, 1] = 2.0**60, -(2.0**60)
    assert lattice.log_partition(bonds, down, field) == pytest.approx(70 * 2.0**60, rel=1e-15)


def test_samples_of_what_cancels():
    pair = [((0,), [0.0, 1e17]), ((0, 1), [[0.0, 1.0], [0.3, -0.2]]), ((0,), [0.0, -1e17])]
    drawn = elimination.samples(pair, [2, 2], np.random.default_rng(0), 4000)
    weights = np.exp(-np.ravel(pair[1][1]))
    p = weights / np.sum(weights)
    counts = np.bincount(2 * drawn[0] + drawn[1], minlength=4)
    assert np.all(np.abs(counts - 4000 * p) < 5.0 * np.sqrt(4000 * p * (1.0 - p)))


def test_a_high_level_of_every_site_costs_no_digits():
    tables = lattice.ising(np.full((2, 3), 0.5), 0.25, 0.125)
    raised = tables[0], tables[1] + 2.0**40, tables[2] - 2.0**40
    assert lattice.log_partition(*raised) == pytest.approx(lattice.log_partition(*tables), rel=1e-14)
    assert lattice.mean_energy(*raised) == pytest.approx(lattice.mean_energy(*tables), rel=1e-14)


def test_what_is_forbidden_stays_so():
    never = [((0,), [np.inf, 1e17]), ((0, 1), [[0.0, 1.0], [np.inf, np.inf]]), ((1,), [0.0, -1e17])]
    assert elimination.log_partition(never, [2, 2]) == -np.inf == kernels.graph_marginals([2, 2], never)[0]
    with pytest.raises(ValueError, match="must leave a configuration possible"):
        elimination.ground_state(never, [2, 2])
    field = np.array([[[np.inf, 1e17]], [[-1e17, np.inf]]])
    down = np.zeros((2, 1, 2, 2))
    assert lattice.log_partition(np.zeros((2, 1, 2, 2)), down, field) == 0.0
    down[0, 0, 1, 0] = np.inf
    assert lattice.log_partition(np.zeros((2, 1, 2, 2)), down, field) == -np.inf


# who takes units, and what they cost


def test_ordinary_tables_need_no_units(monkeypatch):
    for module, name in (
        (cancelling, "split"),
        (lattice, "split"),
        (kernels, "levels"),
        (loopy, "in_fractions"),
        (mean_fields, "in_fractions"),
    ):
        monkeypatch.setattr(module, name, None)
    rng = np.random.default_rng(0)
    model = [((v, (v + 1) % 6), rng.normal(scale=10.0, size=(3, 3)) + 1e6) for v in range(6)]
    elimination.log_partition(model, [3] * 6)
    elimination.marginals(model, [3] * 6)
    elimination.ground_state(model, [3] * 6)
    kernels.graph_marginals([3] * 6, model)
    loopy.sum_product(model, [3] * 6)
    loopy.min_sum(model, [3] * 6)
    mean_fields.mean_field(model, [3] * 6)
    lattice.mean_energy(*lattice.ising(rng.normal(size=(3, 3)), 1.0, 0.0))


@pytest.mark.parametrize("size", [1e6, 1e30, 1e300])
@pytest.mark.parametrize(
    "route", [elimination.log_partition, elimination.marginals, elimination.ground_state]
)
def test_the_memory_told_is_enough_with_units(route, size):
    rng = np.random.default_rng(0)
    model, k = [((0, 1), rng.normal(size=(90, 90))), ((0,), size * rng.normal(size=90))], [90, 90]
    with pytest.raises(ValueError, match=r"memory = 1: must be at least \S+ bytes") as told:
        route(model, k, memory=1)
    enough = float(str(told.value).split("at least ")[1].split()[0])
    tracemalloc.start()
    route(model, k)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < enough + 10_000


@pytest.mark.parametrize("log2", [-40, -3, 0, 7])
def test_parts_are_exact(log2):
    rng = np.random.default_rng(0)
    tables = [rng.normal(size=(2, 3)) * 10.0**e for e in (-3, 0, 9)] + [np.array([np.inf, 1.0])]
    for scale in (1.0, 1e30):
        scaled = [E * scale for E in tables]
        for E, (W, R) in zip(scaled, cancelling.split(scaled, log2), strict=True):
            for x, w, r in zip(E.flat, W.flat, R.flat, strict=True):
                if x < np.inf:
                    assert Fraction(float(x)) == int(w) * Fraction(2) ** log2 + Fraction(float(r))
                    assert abs(r) <= 2.0 ** (log2 - 1)
                else:
                    assert w == 0 and r == np.inf
