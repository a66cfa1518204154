"""Lattices by transfer matrix, elimination and enumeration; Kaufman and Onsager beside them."""

import itertools
import tracemalloc

import numpy as np
import pytest

from ebm_ref.energies.boltzmann import ising as ising_energy
from ebm_ref.exact import blocks, chain, elimination, enumeration, ising_torus
from ebm_ref.exact.quadrature import log_partition as integral
from ebm_ref.exact.transfer_matrix import (
    ising,
    log_partition,
    log_partition_and_mean,
    mean_energy,
    memory_needed,
    potts,
)


def enumerated(tables, beta):
    """log Z, <E> and the mean of the first site's value, over all configurations."""
    right, down, field = tables
    r, c, q = field.shape
    s = np.array(list(itertools.product(range(q), repeat=r * c))).reshape(-1, r, c)
    E = np.zeros(len(s))
    for i, j in itertools.product(range(r), range(c)):
        E += right[i, j][s[:, i, j], s[:, i, (j + 1) % c]] + down[i, j][s[:, i, j], s[:, (i + 1) % r, j]]
        E += field[i, j][s[:, i, j]]
    low = E.min()
    w = np.exp(-beta * (E - low))
    safe = np.where(w > 0.0, E, 0.0)
    return np.log(w.sum()) - beta * low, (w @ safe) / w.sum(), (w @ s[:, 0, 0]) / w.sum()


def as_factors(tables):
    """The same lattice as a factor graph; a site that is its own neighbour has its bond on the diagonal."""
    right, down, field = tables
    r, c, q = field.shape
    factors = []
    for i, j in itertools.product(range(r), range(c)):
        factors.append((((i, j),), field[i, j]))
        for other, table in (((i, (j + 1) % c), right[i, j]), (((i + 1) % r, j), down[i, j])):
            factors.append((((i, j), other), table) if other != (i, j) else (((i, j),), np.diag(table)))
    return factors, {site: q for site in itertools.product(range(r), range(c))}


def random_lattice(rng, r, c, q, open_right=False, open_down=False):
    right, down = rng.normal(scale=1.5, size=(2, r, c, q, q))
    right[:, -1] *= not open_right
    down[-1] *= not open_down
    return right, down, rng.normal(size=(r, c, q))


@pytest.mark.parametrize("open_right, open_down", list(itertools.product((False, True), repeat=2)))
@pytest.mark.parametrize(
    "r, c, q", [(1, 1, 3), (1, 4, 2), (3, 1, 3), (2, 2, 3), (2, 5, 2), (4, 3, 2), (3, 4, 2), (3, 2, 3)]
)
def test_equal_to_enumeration_and_elimination(r, c, q, open_right, open_down):
    """Bonds and fields all different, no symmetry anywhere."""
    rng = np.random.default_rng([r, c, q, open_right, open_down])
    tables, beta = random_lattice(rng, r, c, q, open_right, open_down), float(rng.uniform(0.3, 2.0))
    truth, energy, _ = enumerated(tables, beta)
    assert log_partition(*tables, beta) == pytest.approx(truth, rel=1e-13, abs=1e-13)
    assert mean_energy(*tables, beta) == pytest.approx(energy, rel=1e-12)
    factors, sizes = as_factors(tables)
    assert elimination.log_partition(factors, sizes, beta) == pytest.approx(truth, rel=1e-13, abs=1e-13)


def test_means_of_anything():
    rng = np.random.default_rng(8)
    tables = random_lattice(rng, 3, 4, 2)
    first = np.zeros((3, 4, 2))
    first[0, 0, 1] = 1.0
    bonds = np.zeros((3, 4, 2, 2))
    for lattice, site in (
        (tables, first),
        (tuple(t.swapaxes(0, 1) for t in (tables[1], tables[0], tables[2])), first.swapaxes(0, 1)),
    ):
        zero = bonds if lattice is tables else bonds.swapaxes(0, 1)
        log_Z, mean = log_partition_and_mean(lattice, (zero, zero, site), 0.8)
        truth, _, s = enumerated(tables, 0.8)
        assert log_Z == pytest.approx(truth, rel=1e-14) and mean == pytest.approx(s, rel=1e-13)
    h = 1e-5  # <E> is minus the slope of log Z by beta
    slope = (log_partition(*tables, 0.8 + h) - log_partition(*tables, 0.8 - h)) / (2 * h)
    assert mean_energy(*tables, 0.8) == pytest.approx(-slope, rel=1e-8)


def test_a_bond_that_only_the_observable_has():
    """The ends of an open row: <s_1 s_5> = tanh(K)^4, though nothing joins them."""
    row = np.array([[0.5] * 4 + [0.0]])
    ends = ising(np.array([[0.0] * 4 + [-1.0]]), 0.0, 0.0)
    for turned in (False, True):
        lattice, observable = (
            tuple(t.swapaxes(0, 1) for t in (x[1], x[0], x[2])) if turned else x
            for x in (ising(row, 0.0, 0.0), ends)
        )
        assert log_partition_and_mean(lattice, observable)[1] == pytest.approx(np.tanh(0.5) ** 4, rel=1e-14)


@pytest.mark.parametrize("r, c", [(1, 1), (1, 5), (2, 2), (2, 6), (3, 4), (5, 5), (6, 7), (7, 7)])
@pytest.mark.parametrize("K", [0.05, 0.3, ising_torus.CRITICAL, 0.8, 5.0])
def test_kaufman(r, c, K):
    """The closed form for a torus against the sum over its 2^rc configurations."""
    exact = log_partition(*ising(np.full((r, c), K), K, 0.0)) if r * c < 50 or K == 0.3 else None
    form = ising_torus.log_partition(r, c, K)
    assert form == pytest.approx(ising_torus.log_partition(c, r, K), rel=1e-14)
    assert exact is None or form == pytest.approx(exact, rel=1e-14)


def test_2_to_the_64_configurations():
    """An 8 x 8 torus by variable elimination, along its own order, is Kaufman's."""
    factors, sizes = as_factors(ising(np.full((8, 8), 0.41), 0.41, 0.0))
    found = elimination.log_partition(factors, sizes)
    assert found == pytest.approx(ising_torus.log_partition(8, 8, 0.41), rel=1e-14)


@pytest.mark.parametrize("r, c", [(1, 1), (1, 5), (2, 2), (3, 4), (5, 3), (5, 5)])
@pytest.mark.parametrize("K", [0.05, 0.3, ising_torus.CRITICAL, 0.8, 5.0])
def test_energy_of_the_torus(r, c, K):
    """The closed form's slope against the mean over all configurations, also where a product is 0."""
    truth = mean_energy(*ising(np.ones((r, c)), 1.0, 0.0), beta=K)
    assert ising_torus.mean_energy(r, c, K) == pytest.approx(truth, rel=1e-13)


def test_energy_of_a_large_torus():
    """At the critical point -sqrt(2) a site and a part of 1/n; elsewhere as the difference quotient says."""
    per_site = ising_torus.mean_energy(500, 500, ising_torus.CRITICAL) / 500**2
    assert per_site == pytest.approx(-np.sqrt(2.0), abs=2e-3) and per_site < -np.sqrt(2.0)
    for K in (1e-3, 0.1, 0.6, 30.0, 1000.0):
        h = 1e-4 * K
        slope = (ising_torus.log_partition(40, 60, K + h) - ising_torus.log_partition(40, 60, K - h)) / (
            2 * h
        )
        assert ising_torus.mean_energy(40, 60, K) == pytest.approx(-slope, rel=1e-7)


def test_every_exact_route_is_the_same():
    """A random 3 x 4 torus as a lattice, as dense spins, and as a factor graph: log Z and all means."""
    rng = np.random.default_rng(34)
    right, down, field = 0.7 * rng.normal(size=(3, 3, 4))
    site = np.arange(12).reshape(3, 4)
    J = np.zeros((12, 12))
    for bonds, there in ((right, np.roll(site, -1, axis=1)), (down, np.roll(site, -1, axis=0))):
        np.add.at(J, (site, there), bonds)
        np.add.at(J, (there, site), bonds)
    tables, beta = ising(right, down, field), 1.1
    truth = blocks.log_partition(J, field.ravel(), beta)
    energies = enumeration.tabulate(lambda y: ising_energy(J, field.ravel(), 2 * y - 1), (2,) * 12)
    factors, sizes = as_factors(tables)
    assert log_partition(*tables, beta) == pytest.approx(truth, rel=1e-14)
    assert elimination.log_partition(factors, sizes, beta) == pytest.approx(truth, rel=1e-14)
    assert enumeration.log_partition(energies, beta) == pytest.approx(truth, rel=1e-14)
    means, _ = blocks.moments(J, field.ravel(), beta)
    nodes, _ = elimination.marginals(factors, sizes, beta)
    assert [q[1] - q[0] for q in nodes.values()] == pytest.approx(means, abs=1e-13)
    assert mean_energy(*tables, beta) == pytest.approx(
        enumeration.expectation(energies, energies, beta), rel=1e-13
    )


def test_a_chain_is_a_tree():
    """Forward-backward against variable elimination: free energy and marginals."""
    u, P, beta = *(np.random.default_rng(5).normal(size=s) for s in ((6, 3), (3, 3))), 0.8
    factors = [((i,), row) for i, row in enumerate(u)] + [((i, i + 1), P) for i in range(5)]
    sizes = {i: 3 for i in range(6)}
    assert -elimination.log_partition(factors, sizes, beta) / beta == pytest.approx(
        chain.free_energy(u, P, beta), rel=1e-14
    )
    nodes, tables = elimination.marginals(factors, sizes, beta)
    by_chain = chain.marginals(u, P, beta)
    assert np.array(list(nodes.values())) == pytest.approx(by_chain[0], abs=1e-14)
    assert np.array(tables[6:]) == pytest.approx(by_chain[1], abs=1e-14)


def test_kaufman_tends_to_onsager():
    """Off the critical point the difference is exponentially small; at it, 0.6399/n^2 per site."""
    for K in (0.3, 0.4):
        difference = ising_torus.log_partition(300, 300, K) / 300**2 - ising_torus.log_partition_per_site(K)
        assert abs(difference) < 1e-14
    ordered = ising_torus.log_partition(1000, 1000, 0.5) / 1e6 - ising_torus.log_partition_per_site(0.5)
    assert ordered == pytest.approx(np.log(2.0) / 1e6, rel=1e-6)  # two ordered phases
    products = [
        0.5 * np.log(2) + 2 * 0.915965594177219015 / np.pi,
        ising_torus.log_partition_per_site(ising_torus.CRITICAL),
    ]
    assert products[0] == pytest.approx(products[1], rel=1e-15)
    for n in (64, 512):
        difference = ising_torus.log_partition(n, n, ising_torus.CRITICAL) / n**2 - products[0]
        assert difference * n**2 == pytest.approx(0.639912, abs=2e-4)


@pytest.mark.parametrize("K", [0.1, 0.3, 0.44, 0.5, 1.0, 3.0])
def test_onsager_by_quadrature(K):
    """The integral by another rule: the density of angles (1 + root)/2 on (0, pi/2)."""
    q = 2 * np.sinh(2 * K) / np.cosh(2 * K) ** 2
    E = lambda t: np.log(max(-np.log((1 + np.sqrt(max(0.0, 1 - (q * np.sin(t)) ** 2))) / 2), 1e-300))
    log_integral, error = integral(lambda t: -E(t), intervals=((0.0, np.pi / 2),))
    truth = np.log(2 * np.cosh(2 * K)) - np.exp(log_integral) / np.pi
    assert ising_torus.log_partition_per_site(K) == pytest.approx(truth, abs=1e-14 + error)


def test_magnetisation():
    """Yang's formula is 0 at the critical point, 1 in the cold; its square is what far spins share."""
    assert ising_torus.magnetisation(ising_torus.CRITICAL - 1e-9) == 0.0
    assert ising_torus.magnetisation(20.0) == 1.0 and ising_torus.magnetisation(400.0) == 1.0
    held, far, K = (
        np.zeros((8, 8)),
        np.zeros((8, 8)),
        0.6,
    )  # one spin held up: how much of it is felt far off?
    held[0, 0], far[3, 3] = 1e3, -1.0
    correlation = log_partition_and_mean(ising(K, K, held), ising(0.0, 0.0, far))[1]
    assert correlation == pytest.approx(ising_torus.magnetisation(K) ** 2, abs=5e-4)


def test_a_field_favours_what_it_points_to():
    """One spin: <s> = tanh h; one colour of weight 3: p = 3/5 of three. Signs that log Z alone cannot see."""
    alone = np.zeros((1, 1))
    up = np.array([[[0.0, 1.0]]])  # counts s = 1
    none = np.zeros((1, 1, 2, 2))
    _, p = log_partition_and_mean(ising(alone, alone, 0.3), (none, none, up))
    assert 2.0 * p - 1.0 == pytest.approx(np.tanh(0.3), rel=1e-14)
    tables = potts(alone, alone, np.array([[[0.0, np.log(3.0), 0.0]]]))
    assert np.exp(log_partition(*tables)) == pytest.approx(5.0, rel=1e-14)
    assert log_partition(*ising([[0.0, 0.0]], 0.0, 0.0), memory=80 * 2) == pytest.approx(2 * np.log(2.0))


def test_potts_with_two_values_is_ising():
    """[s = t] = (1 + s t)/2: couplings twice as large, and the energy lower by their sum."""
    rng = np.random.default_rng(4)
    J, D, h = rng.normal(size=(3, 4, 5))
    spins = log_partition(*ising(J, D, h))
    colours = log_partition(*potts(2 * J, 2 * D, np.stack([-h, h], axis=-1)))
    assert colours == pytest.approx(spins + J.sum() + D.sum(), rel=1e-14)


def test_potts_of_three_colours_at_zero_temperature_counts_colourings():
    """The 4 x 4 open square has 7812 colourings with three colours; equals are forbidden."""
    same = np.diag([np.inf] * 3)
    right, down = np.broadcast_to(same, (2, 4, 4, 3, 3)).copy()
    right[:, -1], down[-1] = 0.0, 0.0
    field = np.zeros((4, 4, 3))
    assert np.exp(log_partition(right, down, field)) == pytest.approx(7812.0, rel=1e-13)
    assert mean_energy(right, down, field) == 0.0
    odd = np.broadcast_to(np.diag([np.inf] * 2), (3, 3, 2, 2))  # an odd torus has no colouring with two
    assert log_partition(odd, odd, np.zeros((3, 3, 2))) == -np.inf
    assert np.isnan(mean_energy(odd, odd, np.zeros((3, 3, 2))))


def test_strong_couplings():
    """|J| of 1e3: every exponential overflows, log Z does not lose a digit."""
    rng = np.random.default_rng(2)
    J, D, h = 1e3 * rng.normal(size=(3, 3, 4))
    tables = ising(J, D, h)
    assert log_partition(*tables) == pytest.approx(enumerated(tables, 1.0)[0], rel=1e-14)
    assert log_partition(*ising(np.full((6, 6), 1e5), 1e5, 0.0)) == 72e5 + np.log(2.0)


def test_memory_is_told_and_kept():
    tables = ising(np.full((7, 9), 0.4), 0.4, 0.1)
    needed = memory_needed(*tables)
    tracemalloc.start()
    log_partition(*tables)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.5 * needed <= peak <= needed
    strip = np.full((7, 9), 0.4)
    strip[:, -1] = 0.0
    assert memory_needed(*ising(strip, 0.4, 0.1)) == needed // 2**7
    assert memory_needed(*ising(strip, 0.4, 0.1)) == memory_needed(*ising(0.4, strip.T, 0.1 + 0 * strip.T))
    with pytest.raises(ValueError, match=r"memory = 1000: must be at least 1.31e\+06 bytes"):
        log_partition(*tables, memory=1000)
    with pytest.raises(ValueError, match=r"must be at least .*e\+\d\d bytes"):
        log_partition(*ising(np.full((30, 30), 0.4), 0.4, 0.0))


def test_bad_input():
    good = ising(np.ones((2, 3)), 1.0, 0.0)
    nan, minus = (np.where(np.arange(3)[:, None] == 1, x, good[2]) for x in (np.nan, -np.inf))
    for field in (nan, minus):
        with pytest.raises(ValueError, match=r"(?s)field = .*must hold numbers above -inf"):
            log_partition(good[0], good[1], field)
    with pytest.raises(ValueError, match=r"(?s)right = .*must have shape \(2, 3, 2, 2\)"):
        log_partition(good[0][:, :2], good[1], good[2])
    with pytest.raises(ValueError, match=r"(?s)field = .*must have shape \(r, c, q\)"):
        log_partition(*ising(1.0, 1.0, 0.0))
    with pytest.raises(ValueError, match=r"(?s)field = .*must have shape \(r, c, q\)"):
        potts(np.ones((2, 2)), 1.0, np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"beta = 0.0: must be positive and finite"):
        log_partition(*good, beta=0.0)
    with pytest.raises(ValueError, match=r"(?s)observable = .*must be finite"):
        log_partition_and_mean(good, (good[0], good[1], good[2] + np.inf))
    for sides in ((0, 3), (2.0, 3), (True, 3)):
        with pytest.raises(ValueError, match=r"rows = .*must be an integer >= 1"):
            ising_torus.log_partition(*sides, 0.5)
    for K in (0.0, -0.3, np.nan, np.inf):
        for function in (
            ising_torus.log_partition_per_site,
            ising_torus.magnetisation,
            lambda K: ising_torus.log_partition(2, 2, K),
        ):
            with pytest.raises(ValueError, match=r"coupling = .*must be positive and finite"):
                function(K)


def test_what_overflows_is_refused():
    """Neither -inf, which is for what is forbidden, nor NaN."""
    bonds, field = np.full((2, 2, 2, 2), 1e308), np.zeros((2, 2, 2))
    for sign in (1.0, -1.0):
        with pytest.raises(ValueError, match=r"(?s)right = .*must not add up, times beta"):
            log_partition(sign * bonds, 0.0 * bonds, field)


def test_sides_of_few_bits():
    for function in (ising_torus.log_partition, ising_torus.mean_energy):
        assert function(np.int8(100), np.int8(100), 0.44) == function(100, 100, 0.44)
