"""Samplers: exact certificates where transitions can be listed, symmetric flux or a closed law elsewhere."""

import itertools

import numpy as np
import pytest

from ebm_ref.exact.transition import certificate, transition_matrix
from ebm_ref.samplers import (
    annealed_importance,
    annealed_langevin,
    chains,
    cluster,
    gibbs,
    heat_bath,
    hmc,
    langevin,
    lattice_walk,
    mala,
    metropolis,
    random_walk,
    tempering,
)

SPINS = list(itertools.product((-1, 1), repeat=3))


def variant(page, name):
    return next(v.value for v in (*getattr(page, "VARIANTS", ()), *_record(page)) if v.name == name)


def _record(page):
    return page.FORMULA.variants if hasattr(page, "FORMULA") else ()


def certified(states, transitions, law):
    """The certificate of exact/transition.py."""
    return certificate(transition_matrix(transitions, states), np.asarray(law))


def is_right(states, transitions, law, reversible=True, irreducible=True):
    found = certified(states, transitions, law)
    assert found.stationarity < 1e-14
    assert (found.detailed_balance < 1e-14) == reversible
    assert found.irreducible == irreducible
    assert (found.spectral_gap > 1e-3) == irreducible or found.period > 1


def is_wrong(states, transitions, law):
    assert certified(states, transitions, law).stationarity > 1e-3


@pytest.fixture
def spins():
    """Three coupled spins in a field: J, h, beta and exp(-beta E)."""
    J = np.array([[0.0, 0.8, -0.5], [0.8, 0.0, 0.3], [-0.5, 0.3, 0.0]])
    h, beta = np.array([0.2, -0.4, 0.1]), 0.7
    return J, h, beta, [np.exp(-beta * heat_bath.spin_energy(J, h, np.array(s))) for s in SPINS]


# the walk on a lattice


@pytest.mark.parametrize("shape", [(2,), (6, 6), (3, 2, 2)])
def test_lattice_walk(shape):
    density = np.random.default_rng(0).uniform(0.1, 2.0, size=shape)
    states = list(itertools.product(*map(range, shape)))
    move = lambda state: lattice_walk.transitions(density, state)
    is_right(states, move, density.ravel())
    A = lattice_walk.balance_matrix(density)
    np.testing.assert_array_equal(A, transition_matrix(move, states).T)
    np.testing.assert_allclose(lattice_walk.stationary(A), density.ravel() / density.sum(), rtol=1e-11)


def test_lattice_walk_that_chooses_among_the_neighbours_that_exist_is_wrong():
    density, states = np.ones((3, 3)), list(itertools.product(range(3), range(3)))
    wrong = variant(lattice_walk, "chosen among the neighbours that exist")
    is_wrong(states, lambda state: wrong(density, state), density.ravel())
    degree = np.array([[2, 3, 2], [3, 4, 3], [2, 3, 2]])
    is_right(states, lambda state: wrong(density, state), degree.ravel())


def test_lattice_step_is_what_is_listed():
    density = np.array([[1.0, 4.0], [2.0, 3.0]])
    law, cells = {}, (np.arange(12000) + 0.5) / 12000
    for direction in range(4):
        for u in cells:
            new = lattice_walk.lattice_step(density, (0, 1), direction, u)
            law[new] = law.get(new, 0.0) + 1.0 / (4 * len(cells))
    for p, new in lattice_walk.transitions(density, (0, 1)):
        assert law[new] == pytest.approx(p, abs=1e-4)


@pytest.mark.parametrize("t", [1, 7, 100])
def test_running_averages_settle_even_on_an_even_cycle(t):
    A = np.roll(np.eye(6), 1, axis=0)
    for walk in (0.5 * A + 0.5 * A.T, lattice_walk.balance_matrix(np.ones((2, 3)))):
        v = lattice_walk.running_average(walk, np.eye(6)[0], t)
        assert np.abs(walk @ v - v).sum() <= 2.0 / t + 1e-15 and v.sum() == pytest.approx(1.0)


def test_running_averages_begin_with_the_start():
    A = lattice_walk.balance_matrix(np.array([1.0, 3.0]))
    np.testing.assert_array_equal(lattice_walk.running_average(A, np.eye(2)[0], 1), [1.0, 0.0])
    np.testing.assert_array_equal(lattice_walk.running_average(A, np.eye(2)[0], 2), [0.75, 0.25])


def test_lattice_walk_refuses_what_is_no_density():
    for density in (np.array([1.0, 0.0]), np.array([1.0, np.nan]), np.array(1.0)):
        with pytest.raises(ValueError, match="density"):
            lattice_walk.transitions(density, (0,))
    with pytest.raises(ValueError, match="direction"):
        lattice_walk.neighbour((3,), (0,), 2)


# heat bath and Gibbs


@pytest.mark.parametrize("rule", [heat_bath.heat_bath_transitions, heat_bath.metropolis_flip_transitions])
def test_one_spin_is_updated_reversibly_but_reaches_not_all(rule, spins):
    J, h, beta, law = spins
    for i in range(3):
        is_right(SPINS, lambda s, i=i: rule(J, h, beta, s, i), law, irreducible=False)


def test_scans(spins):
    J, h, beta, law = spins
    is_right(SPINS, gibbs.random_scan_transitions(J, h, beta), law)
    is_right(SPINS, gibbs.systematic_transitions(J, h, beta), law, reversible=False)
    flips = [lambda s, i=i: heat_bath.metropolis_flip_transitions(J, h, beta, s, i) for i in range(3)]
    is_right(SPINS, gibbs.one_of(*flips), law)
    is_right(SPINS, gibbs.followed_by(*flips), law, reversible=False)
    is_right(SPINS, gibbs.followed_by(*flips, *reversed(flips)), law)
    is_wrong(SPINS, variant(gibbs, "all spins at once")(J, h, beta), law)


def test_metropolis_as_printed_only_alternates_where_no_field_is_felt():
    """In order, all spins turn at every sweep; with the 15/16 a sweep may lead anywhere."""

    def flips(rule):
        turn = lambda s, i: (*s[:i], -s[i], *s[i + 1 :])
        return [lambda s, i=i: [(p := float(rule(0.0, s[i])), turn(s, i)), (1.0 - p, s)] for i in range(3)]

    printed = gibbs.followed_by(*flips(heat_bath.textbook_flip_probability))
    assert [new for p, new in printed((1, -1, 1)) if p > 0.0] == [(-1, 1, -1)]
    is_right(SPINS, printed, np.ones(8), irreducible=False)
    is_right(SPINS, gibbs.followed_by(*flips(heat_bath.flip_probability)), np.ones(8))


def test_steps_are_what_is_listed(spins):
    """A uniform number just below and just above the threshold."""
    J, h, beta, _ = spins
    for state, i in itertools.product(SPINS, range(3)):
        s = np.array(state)
        up = dict((new, p) for p, new in heat_bath.heat_bath_transitions(J, h, beta, state, i))
        p = next(p for new, p in up.items() if new[i] == 1)
        assert heat_bath.heat_bath_step(J, h, beta, s, i, p - 1e-12)[i] == 1
        assert heat_bath.heat_bath_step(J, h, beta, s, i, p + 1e-12)[i] == -1
        flip = heat_bath.metropolis_flip_transitions(J, h, beta, state, i)[0][0]
        assert heat_bath.metropolis_flip_step(J, h, beta, s, i, flip - 1e-12)[i] == -s[i]
        assert heat_bath.metropolis_flip_step(J, h, beta, s, i, flip + 1e-12)[i] == s[i]
        np.testing.assert_array_equal(s, state)  # the given spins are left alone
    u = np.array([0.3, 0.6, 0.2])
    by_hand = np.array([1, -1, 1])
    for i in range(3):
        by_hand = heat_bath.heat_bath_step(J, h, beta, by_hand, i, u[i])
    np.testing.assert_array_equal(gibbs.systematic_sweep(J, h, beta, np.array([1, -1, 1]), u), by_hand)


def test_probabilities_agree_with_energies(spins):
    J, h, beta, law = spins
    weight = dict(zip(SPINS, law, strict=True))
    for state, i in itertools.product(SPINS, range(3)):
        f = heat_bath.local_field(J, h, np.array(state), i)
        turned = (*state[:i], -state[i], *state[i + 1 :])
        up = weight[(*state[:i], 1, *state[i + 1 :])]
        down = weight[(*state[:i], -1, *state[i + 1 :])]
        assert heat_bath.up_probability(f, beta) == pytest.approx(up / (up + down), rel=1e-14)
        ratio = min(1.0, weight[turned] / weight[state])
        assert heat_bath.textbook_flip_probability(f, state[i], beta) == pytest.approx(ratio, rel=1e-14)
        assert heat_bath.flip_probability(f, state[i], beta) == pytest.approx(ratio * 15 / 16, rel=1e-14)
        for v in heat_bath.VARIANTS[:2]:
            assert abs(v.value(f, beta) - up / (up + down)) > 1e-3


def test_blocks_of_an_rbm():
    rng = np.random.default_rng(1)
    W, a, b, beta = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=2), 0.8
    visible = list(itertools.product((0, 1), repeat=3))
    hidden = list(itertools.product((0, 1), repeat=2))
    E = lambda v, h: -a @ v - b @ h - v @ W @ h
    law = [sum(np.exp(-beta * E(np.array(v), np.array(h))) for h in hidden) for v in visible]
    is_right(visible, gibbs.rbm_transitions(W, a, b, beta), law)
    counts = {}
    for u in np.random.default_rng(0).random((8000, 5)):
        v, _ = gibbs.rbm_step(W, a, b, np.array([1, 0, 1]), u[:2], u[2:], beta)
        counts[tuple(v.tolist())] = counts.get(tuple(v.tolist()), 0) + 1
    total = sum(counts.values())
    for p, new in gibbs.rbm_transitions(W, a, b, beta)((1, 0, 1)):
        assert counts[new] / total == pytest.approx(p, abs=0.025), "four standard errors of a half"
    with pytest.raises(ValueError, match="weights"):
        gibbs.rbm_step(W.T, a, b, np.array([1, 0, 1]), u[:2], u[2:])


def test_spins_refuse_bad_input(spins):
    J, h, beta, _ = spins
    step = heat_bath.heat_bath_step
    for bad in ((J + np.triu(J), h, beta, SPINS[0]), (J, h[:2], beta, SPINS[0]), (J, h, -1.0, SPINS[0])):
        with pytest.raises(ValueError, match=r"couplings|beta"):
            step(*bad[:3], np.array(bad[3]), 0, 0.5)
    with pytest.raises(ValueError, match="spins"):
        step(J, h, beta, np.array([1, 0, 1]), 0, 0.5)
    with pytest.raises(ValueError, match="i = 3"):
        step(J, h, beta, np.array([1, 1, 1]), 3, 0.5)


# clusters

EDGES = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2]])
COUPLINGS = np.array([0.9, 0.4, -0.6, 0.5, 0.3])  # frustrated


def square(s):
    return -sum(J * s[i] * s[j] for (i, j), J in zip(EDGES, COUPLINGS, strict=True))


@pytest.mark.parametrize("rule", [cluster.wolff_transitions, cluster.swendsen_wang_transitions])
def test_clusters(rule, monkeypatch):
    states, beta = list(itertools.product((-1, 1), repeat=4)), 0.7
    law = [np.exp(-beta * square(s)) for s in states]
    is_right(states, lambda s: rule(EDGES, COUPLINGS, beta, s), law)
    is_wrong(states, lambda s: rule(EDGES, COUPLINGS, beta / 2.0, s), law)


def test_the_wrong_bond_is_half_the_inverse_temperature():
    wrong = variant(cluster, "the 2 lost: Potts' bond probability for spins -1, +1")
    assert wrong(0.9, 0.7, 1) == cluster.bond_probability(0.9, 0.35, 1)


def test_cluster_steps_are_what_is_listed():
    beta, state = 0.7, (1, 1, -1, 1)
    spins = np.array(state)
    bonds = cluster.bond_probability(COUPLINGS, beta, spins[EDGES[:, 0]] * spins[EDGES[:, 1]])
    wolff, sw = {}, {}
    for chosen in itertools.product((0, 1), repeat=5):
        p = float(np.prod(np.where(chosen, bonds, 1.0 - bonds)))
        u = np.where(chosen, 0.0, np.nextafter(1.0, 0.0))
        for seed, (q, last) in itertools.product(range(4), ((15 / 16, 0.9374), (1 / 16, 0.9375))):
            new = tuple(cluster.wolff_step(EDGES, COUPLINGS, beta, spins, seed, u, last).tolist())
            wolff[new] = wolff.get(new, 0.0) + p * q / 4
        for coins in itertools.product((0, 1), repeat=4):
            new = tuple(cluster.swendsen_wang_step(EDGES, COUPLINGS, beta, spins, u, coins).tolist())
            sw[new] = sw.get(new, 0.0) + p / 16
    for law, rule in ((wolff, cluster.wolff_transitions), (sw, cluster.swendsen_wang_transitions)):
        for p, new in rule(EDGES, COUPLINGS, beta, state):
            assert law[new] == pytest.approx(p, abs=1e-15)


def test_a_chain_of_bonds_is_one_cluster():
    ring = np.stack([np.arange(30), np.roll(np.arange(30), -1)], 1)[::-1]
    assert np.all(cluster.cluster_labels(30, ring, np.arange(30) != 4) == 0)


def test_square_lattice():
    edges, neighbours = cluster.square_lattice(3, 4)
    assert len({frozenset(e) for e in edges.tolist()}) == 24
    for i, row in enumerate(neighbours.tolist()):
        assert sorted(row) == sorted(sum(e) - i for e in edges.tolist() if i in e)
    with pytest.raises(ValueError, match=">= 3"):
        cluster.square_lattice(2, 4)
    with pytest.raises(ValueError, match="edges"):
        cluster.wolff_step(np.array([[0, 9]]), np.ones(1), 1.0, np.ones(3), 0, np.zeros(1), 0.0)


# Metropolis-Hastings: the flux is symmetric


def test_metropolis_hastings_with_independent_proposals():
    """Right for any q; with q left out the law is p q, with forth and back swapped p q^2."""
    p, q = np.array([0.5, 0.2, 0.3]), np.array([0.2, 0.7, 0.1])

    def rule(log_a):
        def move(i):
            gone = [
                (q[j] * np.exp(log_a(np.log(p[i]), np.log(p[j]), np.log(q[j]), np.log(q[i]))), j)
                for j in range(3)
            ]
            return [*gone, (1.0 - sum(a for a, _ in gone), i)]

        return move

    is_right([0, 1, 2], rule(metropolis.metropolis_hastings), p)
    is_right([0, 1, 2], rule(variant(metropolis, "q left out")), p * q)
    is_right([0, 1, 2], rule(variant(metropolis, "forth and back swapped")), p * q**2)
    is_right([0, 1, 2], rule(variant(metropolis, "accepts always")), q)
    is_wrong([0, 1, 2], rule(variant(metropolis, "minus sign lost")), p)


def normal_log(x, mean, sd):
    return -0.5 * np.sum(((x - mean) / sd) ** 2) - np.size(x) * np.log(sd)


def bowl(x):
    """A smooth energy of no symmetry."""
    return float(x[0] ** 4 / 4 + x[0] * x[1] / 2 + x[1] ** 2 + np.sin(x[0]))


def slope(x):
    return np.array([x[0] ** 3 + x[1] / 2 + np.cos(x[0]), x[0] / 2 + 2 * x[1]])


PAIRS = np.random.default_rng(7).normal(size=(20, 2, 2))


@pytest.mark.parametrize("x, y", PAIRS)
def test_flux_of_a_random_walk(x, y):
    there, back = (
        metropolis.metropolis_hastings(-bowl(x), -bowl(y)),
        metropolis.metropolis_hastings(-bowl(y), -bowl(x)),
    )
    assert -bowl(x) + there == pytest.approx(-bowl(y) + back, rel=1e-13)
    new, _, moved = random_walk.random_walk_step(lambda v: -bowl(v), x, -bowl(x), 1.0, y - x, -there + 1e-9)
    assert moved and new == pytest.approx(y)
    if there < 0.0:
        short = -there - 1e-9
        assert not random_walk.random_walk_step(lambda v: -bowl(v), x, -bowl(x), 1.0, y - x, short)[2]


@pytest.mark.parametrize("x, y", np.exp(PAIRS[:, :, 0]))
def test_flux_of_scaling(x, y):
    """q(y|x) is log-normal, density in y; the step's own decision is at the right coin."""
    p = lambda v: -v + 0.5 * np.log(v)
    q = lambda new, old: normal_log(np.log(new), np.log(old), 0.7) - np.log(new)
    log_a = lambda v, w: metropolis.metropolis_hastings(p(v), p(w), q(w, v), q(v, w))
    assert p(x) + q(y, x) + log_a(x, y) == pytest.approx(p(y) + q(x, y) + log_a(y, x), rel=1e-12)
    z = np.log(y / x) / 0.7
    assert random_walk.scaling_step(p, x, p(x), 0.7, z, -log_a(x, y) + 1e-9)[2]
    if log_a(x, y) < 0.0:
        assert not random_walk.scaling_step(p, x, p(x), 0.7, z, -log_a(x, y) - 1e-9)[2]


@pytest.mark.parametrize("x, y", PAIRS)
def test_flux_of_mala(x, y):
    e = 0.6
    log_q = lambda new, old: normal_log(new, old - 0.5 * e**2 * slope(old), e)
    C = mala.mala_correction(slope(x), slope(y), y - x, e)
    assert C == pytest.approx(log_q(x, y) - log_q(y, x), rel=1e-10, abs=1e-12)
    log_a = lambda v, w: min(0.0, bowl(v) - bowl(w) + mala.mala_correction(slope(v), slope(w), w - v, e))
    there, back = -bowl(x) + log_q(y, x) + log_a(x, y), -bowl(y) + log_q(x, y) + log_a(y, x)
    assert there == pytest.approx(back, rel=1e-11)
    z = (y - x + 0.5 * e**2 * slope(x)) / e
    new, moved = mala.mala_step(bowl, slope, x, e, z, -log_a(x, y) + 1e-9)
    assert moved and new == pytest.approx(y)
    if log_a(x, y) < 0.0:
        assert not mala.mala_step(bowl, slope, x, e, z, -log_a(x, y) - 1e-9)[1]
    for v in mala.FORMULA.variants:
        assert abs(v.value(slope(x), slope(y), y - x, e) - C) > 1e-6, v.name


def test_the_numbers_of_a_released_mala():
    """Where the right correction is -.3058504, two thirds of it came out."""
    y = np.sqrt(1.0 - 0.3058504347934922 / 0.375)
    x, y = np.array([1.0]), np.array([y])
    assert mala.mala_correction(x, y, y - x, 1.0) == pytest.approx(-0.3058504347934922, rel=1e-12)
    wrong = variant(mala, "full gradients, 4 e^2")
    assert wrong(x, y, y - x, 1.0) == pytest.approx(-0.20390028986232817, rel=1e-12)


def test_mala_cannot_enter_from_the_tail():
    """A quartic energy and a fixed step: nearly every proposal from far out overshoots and is refused."""
    E, g = lambda x: float(np.sum((x**2 - 1.0) ** 2)), lambda x: 4.0 * x * (x**2 - 1.0)
    rng = np.random.default_rng(0)
    noise = list(zip(rng.normal(size=(400, 1)), rng.exponential(size=400), strict=True))
    moves = lambda start: sum(mala.mala_step(E, g, np.array([start]), 0.5, z, e)[1] for z, e in noise)
    assert moves(0.9) > 250 and moves(4.0) == 0


# HMC


def test_leapfrog_is_its_own_inverse_and_keeps_volumes():
    x, p = np.array([0.3, -0.8]), np.array([1.1, 0.4])
    y, q = hmc.leapfrog(slope, x, p, 0.3, 5)
    back, turned = hmc.leapfrog(slope, y, -q, 0.3, 5)
    np.testing.assert_allclose([back, -turned], [x, p], rtol=1e-13)
    flow = lambda v, rule: np.concatenate(rule(slope, v[:2], v[2:], 0.3, 5))
    point, h = np.concatenate([x, p]), 1e-5
    jacobian = lambda rule: [
        (flow(point + h * d, rule) - flow(point - h * d, rule)) / (2 * h) for d in np.eye(4)
    ]
    assert np.linalg.det(jacobian(hmc.leapfrog)) == pytest.approx(1.0, abs=1e-8)
    half = variant(hmc, "no half kicks")
    assert np.linalg.det(jacobian(half)) == pytest.approx(1.0, abs=1e-8)
    y, q = half(slope, x, p, 0.3, 5)
    assert np.abs(half(slope, y, -q, 0.3, 5)[0] - x).max() > 1e-2
    stale = variant(hmc, "a stale gradient in the second half kick")
    assert abs(np.linalg.det(jacobian(stale)) - 1.0) > 1e-2


@pytest.mark.parametrize("e", [0.1, 1.0, 1.9])
def test_leapfrog_keeps_its_ellipse(e):
    x, p = hmc.leapfrog(lambda x: 2.0 * x, np.array([0.7]), np.array([-0.2]), e / np.sqrt(2.0), 50)
    start = hmc.conserved(2.0, e / np.sqrt(2.0), 0.7, -0.2)
    assert hmc.conserved(2.0, e / np.sqrt(2.0), x[0], p[0]) == pytest.approx(start, rel=1e-11)


@pytest.mark.parametrize("x, p", PAIRS)
def test_flux_of_hmc(x, p):
    y, q = hmc.leapfrog(slope, x, p, 0.2, 4)
    H, K = hmc.total_energy(bowl, x, p), hmc.total_energy(bowl, y, q)
    log_a = min(0.0, H - K)
    assert -H + log_a == pytest.approx(-K + min(0.0, K - H), rel=1e-12)
    new, moved = hmc.hmc_step(bowl, slope, x, 0.2, 4, p, -log_a + 1e-9)
    assert moved and np.array_equal(new, y)
    if log_a < 0.0:
        stays, moved = hmc.hmc_step(bowl, slope, x, 0.2, 4, p, -log_a - 1e-9)
        assert not moved and np.array_equal(stays, x)
    wrong = variant(hmc, "accepted by the potential energy alone")
    potential = min(0.0, bowl(x) - bowl(y))
    assert wrong(bowl, slope, x, 0.2, 4, p, -potential + 1e-9)[1]
    if potential < 0.0:
        assert not wrong(bowl, slope, x, 0.2, 4, p, -potential - 1e-9)[1] and potential < log_a - 1e-3


def test_what_hmc_does_to_exact_draws():
    """E[x'^2] after one step from N(0, 1), by quadrature over x and p: 1, unless something is wrong."""
    x, w = np.polynomial.hermite_e.hermegauss(120)
    X, P = np.meshgrid(x, x, indexing="ij")
    weights = np.outer(w, w) / w.sum() ** 2

    def second_moment(rule, kinetic=1.0):
        y, q = rule(lambda x: x, X, P, 0.4, 3)
        a = np.exp(np.minimum(0.0, (X**2 - y**2 + kinetic * (P**2 - q**2)) / 2.0))
        return np.sum(weights * (a * y**2 + (1.0 - a) * X**2))

    assert second_moment(hmc.leapfrog) == pytest.approx(1.0, abs=1e-5)
    assert second_moment(variant(hmc, "no half kicks")) == pytest.approx(0.9, abs=0.01)
    assert second_moment(variant(hmc, "a stale gradient in the second half kick")) > 1.1
    assert second_moment(hmc.leapfrog, kinetic=0.0) < 0.7, "accepted by the potential energy alone"


@pytest.mark.parametrize("x, z", PAIRS)
def test_one_leapfrog_is_mala(x, z):
    e = 0.4
    y, q = hmc.leapfrog(slope, x, z, e, 1)
    np.testing.assert_allclose(y, langevin.langevin(x, slope(x), z, e), rtol=1e-14)
    dH = hmc.total_energy(bowl, x, z) - hmc.total_energy(bowl, y, q)
    C = mala.mala_correction(slope(x), slope(y), y - x, e)
    assert dH == pytest.approx(bowl(x) - bowl(y) + C, rel=1e-9, abs=1e-13)


def test_hmc_refuses_bad_input():
    for step_size, steps in ((0.0, 1), (0.1, 0), (0.1, 1.5), (np.nan, 1)):
        with pytest.raises(ValueError, match="step"):
            hmc.leapfrog(slope, np.zeros(2), np.zeros(2), step_size, steps)


# Langevin: closed laws on a normal target


def settled(k, drift, noise):
    return langevin.moments_after(3.0, 0.0, k, drift, noise, 20000)[1]


@pytest.mark.parametrize("k, e", [(1.0, 0.1), (1.0, 1.0), (4.0, 0.9), (0.25, 3.0)])
def test_the_variance_of_langevin(k, e):
    found = langevin.stationary_variance(k, e**2 / 2, e)
    assert found == pytest.approx(1.0 / (k * (1.0 - e**2 * k / 4.0)), rel=1e-13)
    assert found == pytest.approx(settled(k, e**2 / 2, e), rel=1e-10)


def test_numbers_of_released_langevin_steps():
    assert langevin.stationary_variance(1.0, 0.05, np.sqrt(0.1)) == pytest.approx(1.0256410256410258)
    assert langevin.stationary_variance(1.0, 0.05, 0.1) == pytest.approx(0.10256410256410256)
    assert langevin.stationary_variance(1.0, 1.0, 0.01) == pytest.approx(settled(1.0, 1.0, 0.01))
    T = langevin.sampled_temperature(1.0, 0.01)
    assert T == pytest.approx(5e-5) and langevin.stationary_variance(1.0, 1.0, 0.01) == pytest.approx(2 * T)
    assert langevin.stationary_variance(1.0, 1e-4, 1e-4) == pytest.approx(
        langevin.sampled_temperature(1e-4, 1e-4), rel=1e-4
    )


def linear_moments(run, start, noises):
    """Mean and variance of the end of a run that is linear in its noise, from the run itself."""
    mean = run(start, np.zeros(noises))
    return mean, sum((run(start, row) - mean) ** 2 for row in np.eye(noises))


def test_the_langevin_step_has_the_moments_that_are_claimed():
    k, e, steps = 2.0, 0.7, 6
    step = lambda x, z: langevin.langevin(x, k * x, z, e)
    run = lambda start, noise: chains.run(step, np.array([start]), noise[:, None])[0]
    mean, variance = linear_moments(run, 1.5, steps)
    claimed = langevin.moments_after(1.5, 0.0, k, e**2 / 2, e, steps)
    assert (mean, variance) == pytest.approx(claimed, rel=1e-13)
    assert (mean, variance) == pytest.approx(
        chains.short_run_moments(1.5, 0.0, k, e**2 / 2, e, steps), rel=1e-13
    )
    assert chains.short_run_moments(1.5, 0.3, k, 0.2, 0.5, 9) == pytest.approx(
        langevin.moments_after(1.5, 0.3, k, 0.2, 0.5, 9), rel=1e-13
    )


def test_langevin_variants_have_the_variances_that_are_told():
    """One step of each on E = x^2/2 is a x + c z: its stationary law follows."""
    e = np.sqrt(0.1)
    told = {
        "noise by h instead of sqrt h": 0.10256410256410256,
        "the half left out: temperature 1/2": 0.1 / (0.1 * 1.9),
        "drift by e instead of its square": 0.1 / (e / 2 * (2 - e / 2)),
    }
    for name, variance in told.items():
        step = variant(langevin, name)
        shrink = step(np.ones(1), np.ones(1), np.zeros(1), e)[0]
        noise = step(np.zeros(1), np.zeros(1), np.ones(1), e)[0]
        assert noise**2 / (1.0 - shrink**2) == pytest.approx(variance, rel=1e-12)


def test_a_langevin_step_too_long_has_no_law():
    for drift in (2.0, 3.0, 0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="drift"):
            langevin.stationary_variance(1.0, drift, 1.0)


def test_annealed_langevin_has_the_moments_that_are_claimed():
    v, sigmas, K = 0.5, np.array([3.0, 1.0, 0.2]), 4
    score = lambda x, sigma: -x / (v + sigma**2)
    run = lambda start, noise: annealed_langevin.annealed_langevin(
        score, np.array([start]), sigmas, 0.01, noise.reshape(3, K, 1)
    )[0]
    lengths = annealed_langevin.step_lengths(sigmas, 0.01)
    claimed = annealed_langevin.moments_on_normal_data(2.0, 0.0, v, sigmas, lengths, K)
    assert linear_moments(run, 2.0, 3 * K) == pytest.approx(claimed, rel=1e-12)
    settled = annealed_langevin.moments_on_normal_data(9.0, 0.0, v, sigmas, lengths, 5000)
    width = v + sigmas[-1] ** 2
    assert settled == pytest.approx((0.0, width / (1.0 - 0.01 / (4.0 * width))), abs=1e-9)


def test_a_step_in_proportion_to_sigma_arrives_too_late():
    v, sigmas, last = 0.01, np.array([50.0, 5.0, 0.5, 0.1]), 0.001
    ends = [
        annealed_langevin.moments_on_normal_data(200.0, 0.0, v, sigmas, lengths, 100)[0]
        for lengths in (
            annealed_langevin.step_lengths(sigmas, last),
            variant(annealed_langevin, "step in proportion to sigma")(sigmas, last),
        )
    ]
    assert abs(ends[0]) < 1e-5 and abs(ends[1]) > 5.0
    for bad in ([1.0, 2.0], [1.0, 1.0], [1.0, 0.0], []):
        with pytest.raises(ValueError, match="sigmas"):
            annealed_langevin.step_lengths(bad, 0.1)


# tempering

LEVELS = np.array([0.0, 1.5, 0.4])  # energies of three states
LOPSIDED = np.array([[0.0, 0.8, 0.2], [0.5, 0.0, 0.5], [0.9, 0.1, 0.0]])  # proposals, not symmetric


def within(beta, log_a):
    """Transitions between three states at one beta, with a rule for log a."""

    def move(i):
        moves = [(j, LOPSIDED[i, j]) for j in range(3) if LOPSIDED[i, j]]
        gone = [
            (q * np.exp(log_a(beta, -LEVELS[i], -LEVELS[j], np.log(q), np.log(LOPSIDED[j, i]))), j)
            for j, q in moves
        ]
        return [*gone, (1.0 - sum(p for p, _ in gone), i)]

    return move


def right(beta, p, new, forth, back):
    return metropolis.metropolis_hastings(beta * p, beta * new, forth, back)


def test_parallel_tempering():
    betas, pairs = (1.0, 0.3), list(itertools.product(range(3), repeat=2))
    law = [np.exp(-betas[0] * LEVELS[i] - betas[1] * LEVELS[j]) for i, j in pairs]
    exchange = lambda states: tempering.exchange_transitions(lambda i: LEVELS[i], betas, states, 0)
    is_right(pairs, exchange, law, irreducible=False)
    both = lambda rule: [tempering.within_replica(within(beta, rule), k) for k, beta in enumerate(betas)]
    is_right(pairs, gibbs.one_of(*both(right), exchange), law)
    wrong = variant(tempering, "the correction tempered, too")
    is_wrong(pairs, gibbs.one_of(*both(wrong), exchange), law)
    for name in ("one difference turned", "energies already tempered"):
        rule = variant(tempering, name)

        def turned(states, rule=rule):
            a = float(np.exp(rule(*betas, LEVELS[states[0]], LEVELS[states[1]])))
            return [(a, states[::-1]), (1.0 - a, states)]

        is_wrong(pairs, turned, law)


def test_exchange_step_is_what_is_listed():
    betas, states = (1.0, 0.3, 0.1), (2, 0, 1)
    for i in (0, 1):
        (p, new), _ = tempering.exchange_transitions(lambda k: LEVELS[k], betas, states, i)
        energies = LEVELS[list(states)]
        found, moved = tempering.exchange_step(betas, states, energies, i, -np.log(p) + 1e-9)
        assert tuple(found) == new and moved == LEVELS[list(new)].tolist()
        if p < 1.0:
            assert tuple(tempering.exchange_step(betas, states, energies, i, -np.log(p) - 1e-9)[0]) == states
    with pytest.raises(ValueError, match="i = 2"):
        tempering.exchange_step(betas, states, energies, 2, 1.0)


@pytest.mark.parametrize("weights", [(0.0, 0.0, 0.0), (0.3, -1.0, 2.0)])
def test_simulated_tempering(weights):
    betas = (0.1, 0.5, 1.0)
    joint = list(itertools.product(range(3), range(3)))
    law = [np.exp(weights[k] - betas[k] * LEVELS[x]) for x, k in joint]
    ladder = tempering.simulated_tempering_transitions(betas, weights, lambda x: LEVELS[x])
    is_right(joint, ladder, law, irreducible=False)
    inside = lambda state: [(p, (x, state[1])) for p, x in within(betas[state[1]], right)(state[0])]
    is_right(joint, gibbs.one_of(ladder, inside), law)
    for k, l in ((0, 1), (1, 0)):
        log_r = tempering.log_ladder_ratio(betas, weights, 1.5, k, l)
        log_a = np.log(15 / 16) + min(0.0, log_r)
        assert tempering.simulated_tempering_step(betas, weights, 1.5, k, l, -log_a + 1e-9) == l
        assert tempering.simulated_tempering_step(betas, weights, 1.5, k, l, -log_a - 1e-9) == k


# annealed importance sampling


def all_walks(walk, kernel, start_law, schedule):
    """(probability, log w) of every walk; the noise of a stage is the state it leads to."""
    K = len(schedule) - 1
    for start in range(3):
        for ends in itertools.product(range(3), repeat=K):
            probability = [start_law[start]]

            def move(b, state, to, probability=probability):
                probability[0] *= dict((new, p) for p, new in kernel(b)(state)).get(to, 0.0)
                return to

            log_w = walk(start, move, ends)[1]
            yield probability[0], log_w


def test_annealed_importance_is_unbiased_for_every_schedule():
    E_0, E_1 = np.array([0.5, 0.0, 1.0]), np.array([2.0, -1.0, 0.3])
    first, last = np.exp(-E_0), np.exp(-E_1)
    ratio = last.sum() / first.sum()
    schedule = [0.0, 0.3, 0.4, 1.0]
    bridge = lambda b, i: annealed_importance.bridge(lambda k: E_0[k], lambda k: E_1[k], b)(i)

    def kernel(b):  # reversible: a neighbour on the ring, Metropolis
        def move(i):
            gone = [
                (0.5 * min(1.0, np.exp(bridge(b, i) - bridge(b, j))), j) for j in ((i + 1) % 3, (i + 2) % 3)
            ]
            return [*gone, (1.0 - sum(p for p, _ in gone), i)]

        return move

    energies = (lambda i: E_0[i], lambda i: E_1[i], schedule)
    forward = lambda *rest: annealed_importance.forward(*energies, *rest)
    reverse = lambda *rest: annealed_importance.reverse(*energies, *rest)
    there = list(all_walks(forward, kernel, first / first.sum(), schedule))
    assert sum(p for p, _ in there) == pytest.approx(1.0, rel=1e-13)
    assert sum(p * np.exp(w) for p, w in there) == pytest.approx(ratio, rel=1e-13)
    assert sum(p * w for p, w in there if p) < np.log(ratio), "log of one weight is too low on average"
    back = list(all_walks(reverse, kernel, last / last.sum(), schedule))
    assert sum(p * np.exp(-w) for p, w in back) == pytest.approx(1.0 / ratio, rel=1e-13)
    assert sum(p * w for p, w in back if p) > np.log(ratio), "and on the way back too high"
    wrong = variant(annealed_importance, "weight taken after the move")
    late = all_walks(lambda *rest: wrong(*energies, *rest), kernel, first / first.sum(), schedule)
    assert abs(sum(p * np.exp(w) for p, w in late) / ratio - 1.0) > 0.01


def on_three_states(b):
    """E_b, its law, and E_0 - E_1 of three states."""
    E_0, E_1 = np.array([0.5, 0.0, 1.0]), np.array([2.0, -1.0, 0.3])
    E = (1.0 - b) * E_0 + b * E_1
    return E, np.exp(-E) / np.exp(-E).sum(), E_0 - E_1


def walks_on_three_states(walk, mixing):
    """(probability, log w) of every walk by kernels that forget the state with probability `mixing`."""
    schedule, start = [0.0, 0.3, 0.4, 1.0], 0.0 if walk is annealed_importance.forward else 1.0
    E_0, E_1 = on_three_states(0.0)[0], on_three_states(1.0)[0]
    kernel = lambda b: (
        lambda i: [(mixing * p + (1.0 - mixing) * (i == j), j) for j, p in enumerate(on_three_states(b)[1])]
    )
    run = lambda *rest: walk(lambda i: E_0[i], lambda i: E_1[i], schedule, *rest)
    pairs = np.array(list(all_walks(run, kernel, on_three_states(start)[1], schedule)))
    assert pairs[:, 0].sum() == pytest.approx(1.0, rel=1e-14)
    return pairs.T


@pytest.mark.parametrize("mixing", [0.0, 0.3, 1.0])
def test_annealed_importance_bounds_in_expectation(mixing):
    """Over every walk, and over every pair of walks: two are better than one, on either side of the truth."""
    E_0, E_1 = on_three_states(0.0)[0], on_three_states(1.0)[0]
    truth = np.log(np.exp(-E_1).sum() / np.exp(-E_0).sum())
    expected = {}
    for walk, estimate in (
        (annealed_importance.forward, lambda w: np.logaddexp.reduce(w) - np.log(len(w))),
        (annealed_importance.reverse, lambda w: np.log(len(w)) - np.logaddexp.reduce(-w)),
    ):
        p, w = walks_on_three_states(walk, mixing)
        expected[walk, 1] = p @ estimate(w[None])
        expected[walk, 2] = p @ estimate(np.stack(np.broadcast_arrays(w[:, None], w))) @ p
    both = annealed_importance.forward, annealed_importance.reverse
    low, high = ([expected[walk, n] for n in (1, 2)] for walk in both)
    assert low[0] + 1e-3 < low[1] < truth - 1e-3 and truth + 1e-3 < high[1] < high[0] - 1e-3


def test_the_mean_of_w_on_the_way_back_is_no_ratio():
    """Of ever more walks from the model it tends to log E[w^2]/E[w], which is not log E[w]."""
    p, w = walks_on_three_states(annealed_importance.forward, 0.3)
    q, back = walks_on_three_states(annealed_importance.reverse, 0.3)
    limit = np.log(p @ np.exp(2.0 * w)) - np.log(p @ np.exp(w))
    assert np.log(q @ np.exp(back)) == pytest.approx(limit, rel=1e-12)
    assert limit > np.log(p @ np.exp(w)) + 0.1
    wrong = variant(annealed_importance, "mean of w on the way back")
    assert wrong(np.log([1.0, 3.0])) == pytest.approx(np.log(2.0))


def test_walks_that_forget_at_once_are_sums_along_the_path():
    schedule = np.array([0.0, 0.3, 0.4, 1.0])
    laws = [on_three_states(b)[1] for b in schedule]
    means = [p @ on_three_states(0.0)[2] for p in laws]
    lower, upper = annealed_importance.path_bounds(schedule, means)
    p, w = walks_on_three_states(annealed_importance.forward, 1.0)
    assert p @ w == pytest.approx(lower, rel=1e-13)
    p, w = walks_on_three_states(annealed_importance.reverse, 1.0)
    assert p @ w == pytest.approx(upper, rel=1e-13)
    log_z = [np.log(np.exp(-on_three_states(b)[0]).sum()) for b in (0.0, 1.0)]
    truth = log_z[1] - log_z[0]
    KL = lambda p, q: p @ np.log(p / q)
    assert truth - lower == pytest.approx(sum(map(KL, laws, laws[1:])), rel=1e-12)
    assert upper - truth == pytest.approx(sum(KL(q, p) for p, q in itertools.pairwise(laws)), rel=1e-12)


@pytest.mark.parametrize("stages", [1, 4, 16, 64])
def test_path_bounds_enclose_log_z_of_an_rbm_and_close_in_like_one_over_the_stages(stages):
    rng = np.random.default_rng(3)
    W, a, b = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=3)
    states = np.array(list(itertools.product((0, 1), repeat=7)))
    E = -states[:, :4] @ a - states[:, 4:] @ b - np.einsum("si,ij,sj->s", states[:, :4], W, states[:, 4:])
    schedule = np.linspace(0.0, 1.0, stages + 1)
    means = [np.exp(-t * E) @ -E / np.exp(-t * E).sum() for t in schedule]
    lower, upper = annealed_importance.path_bounds(schedule, means)
    truth = np.log(np.exp(-E).sum() / 128)
    assert lower < truth < upper
    assert upper - lower == pytest.approx((means[-1] - means[0]) / stages, rel=1e-12)
    assert abs((upper + lower) / 2 - truth) < 0.5 / stages**2


def test_log_z_of_an_rbm_between_forward_and_reverse():
    """150 walks of 20 stages by blocked Gibbs steps; reverse ones start from exact samples."""
    rng = np.random.default_rng(5)
    W, a, b = 1.5 * rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=3)
    bits = lambda n: np.array(list(itertools.product((0, 1), repeat=n)))
    free = lambda v: -v @ a - np.logaddexp(0.0, b + v @ W).sum()
    V = bits(4)
    p = np.exp([-free(v) for v in V])
    schedule = np.linspace(0.0, 1.0, 21)
    energies = (lambda x: 0.0), lambda x: -x[0] @ a - x[1] @ b - x[0] @ W @ x[1]

    def move(t, x, z):
        """Reversible: v and v' as the blocked step is, and h, h' drawn given them."""
        v, _ = gibbs.rbm_step(W, a, b, x[0], z[:3], z[3:7], beta=t)
        return v, (z[7:] < gibbs.hidden_probabilities(W, b, v, beta=t)).astype(int)

    there, again = [], []
    for _ in range(150):
        x = rng.integers(2, size=4), rng.integers(2, size=3)
        there.append(annealed_importance.forward(*energies, schedule, x, move, rng.random((20, 10)))[1])
        v = V[rng.choice(16, p=p / p.sum())]
        x = v, (rng.random(3) < gibbs.hidden_probabilities(W, b, v)).astype(int)
        again.append(annealed_importance.reverse(*energies, schedule, x, move, rng.random((20, 10)))[1])
    truth = np.log(p.sum() / 128)
    low, high = annealed_importance.log_ratio(there), annealed_importance.log_ratio_reverse(again)
    errors = [np.std(np.exp(s * (np.array(w) - truth))) / np.sqrt(150) for s, w in ((1, there), (-1, again))]
    assert max(errors) < 0.05 and abs(low - truth) < 4 * errors[0] and abs(high - truth) < 4 * errors[1]
    assert np.mean(there) < truth < np.mean(again), "each walk's own log w is a bound by more"


def test_annealed_importance_estimates():
    w = np.log([1.0, 3.0, 8.0])
    assert annealed_importance.log_ratio(w) == pytest.approx(np.log(4.0))
    assert annealed_importance.log_ratio_reverse(w) == pytest.approx(-np.log((1 + 1 / 3 + 1 / 8) / 3))
    assert annealed_importance.log_ratio(w - 1e4) == pytest.approx(np.log(4.0) - 1e4)
    wrong = variant(annealed_importance, "averaged over steps, not over chains")
    off = wrong(np.zeros(60), 200) - annealed_importance.log_ratio(np.zeros(60))
    assert off == pytest.approx(-np.log(200 / 60)) and round(-off, 1) == 1.2
    for bad in ([0.0, 0.5], [0.1, 1.0], [0.0, 0.5, 0.5, 1.0], [0.0]):
        with pytest.raises(ValueError, match="schedule"):
            annealed_importance.log_weight(bad, np.zeros(len(bad) - 1))
    with pytest.raises(ValueError, match="differences"):
        annealed_importance.log_weight([0.0, 1.0], np.zeros(2))


# chains for learning


def test_trajectories_and_buffers():
    step = lambda x, z: 0.5 * x + z
    path = chains.trajectory(step, 8.0, [0.0, 1.0, 2.0])
    assert path == [4.0, 3.0, 3.5] and chains.run(step, 8.0, [0.0, 1.0, 2.0]) == path[-1]
    buffer = np.arange(6.0).reshape(3, 2)
    kept = buffer.copy()
    starts = chains.replay_starts(buffer, -np.ones((2, 2)), np.array([2, 0]), np.array([0.04, 0.05]))
    np.testing.assert_array_equal(starts, [[-1.0, -1.0], [0.0, 1.0]])
    new = chains.replay_update(buffer, np.array([2, 2]), np.array([[7.0, 7.0], [8.0, 8.0]]))
    np.testing.assert_array_equal(new[2], [8.0, 8.0])
    np.testing.assert_array_equal(buffer, kept)
    for bad in (np.array([3]), np.array([-1]), np.array([0.5])):
        with pytest.raises(ValueError, match="indices"):
            chains.replay_update(buffer, bad, np.zeros((1, 2)))
    with pytest.raises(ValueError, match="fresh_share"):
        chains.replay_starts(buffer, buffer, np.array([0, 1, 2]), np.zeros(3), fresh_share=1.5)
    with pytest.raises(ValueError, match="drift"):
        chains.short_run_moments(0.0, 1.0, 1.0, 2.0, 1.0, 5)


def test_the_sign_of_learning_at_a_closed_form():
    """Data of variance 1/4, model E = w x^2/2 at w = 1: descent must raise w, to 4."""
    data, samples = np.array([-0.5, 0.5]), np.array([-1.0, 1.0])
    gradient = chains.negative_phase(data**2 / 2, samples**2 / 2)
    assert gradient == 0.125 - 0.5
    assert variant(chains, "the two phases exchanged")(data**2 / 2, samples**2 / 2) == -gradient


# random walks


def test_acceptance_rate_on_a_normal_law():
    """The double integral, by Gauss-Hermite and Gauss-Legendre quadrature."""
    x, w = np.polynomial.hermite_e.hermegauss(80)
    u, v = np.polynomial.legendre.leggauss(400)
    for s, t in ((1.0, 2.0), (0.0671, 0.5)):
        z = 8.0 * u
        moves = 8.0 * v * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        down = np.exp(np.minimum(0.0, (x[:, None] ** 2 - (x[:, None] + t / s * z) ** 2) / 2))
        integral = (w / w.sum()) @ (down @ moves)
        assert random_walk.acceptance_rate(s, t) == pytest.approx(integral, rel=2e-2)


def test_a_walk_finds_a_correlated_normal_law():
    covariance = np.array([[1.0, 0.8], [0.8, 2.0]])
    P = np.linalg.inv(covariance)
    chain, accepted = random_walk.random_walk(
        lambda x: -x @ P @ x / 2.0, [0.0, 0.0], 2.8 * covariance, 6000, np.random.default_rng(0)
    )
    assert 0.3 < accepted / len(chain) < 0.45
    np.testing.assert_allclose(np.cov(chain.T), covariance, atol=0.25)
    stays = np.all(chain[1:] == chain[:-1], axis=1)
    assert stays.sum() + accepted in (len(chain), len(chain) - 1, len(chain) + 1)
    moves = variant(random_walk, "accepted moves only")([0.0, 0.0], chain)
    assert len(moves) == accepted
    assert np.trace(np.cov(moves.T)) > 1.05 * np.trace(np.cov(chain.T)), "accepted moves alone spread wider"


def test_redrawing_until_inside_samples_p_times_z():
    """Its flux is symmetric for p(x) Z(x), Z the share of moves that stay in [0, 1]."""
    Z = lambda x: sum(np.array([random_walk_normal_cdf((b - x) / 0.5) for b in (0.0, 1.0)]) * [-1, 1])
    p = lambda x: np.exp(-x)
    for x, y in np.random.default_rng(0).uniform(size=(10, 2)):
        q = lambda new, old: np.exp(normal_log(new, old, 0.5)) / Z(old)
        a = lambda v, w: min(1.0, p(w) / p(v))
        assert p(x) * Z(x) * q(y, x) * a(x, y) == pytest.approx(p(y) * Z(y) * q(x, y) * a(y, x))
        assert p(x) * q(y, x) * a(x, y) != pytest.approx(p(y) * q(x, y) * a(y, x), rel=1e-6)
    wrong = variant(random_walk, "redrawn until inside")
    log_p = lambda x: -x
    new, log_new, moved = wrong(log_p, 0.0, 1.0, 0.9, -0.9, 0.5, [3.0, 1.0, -1.0], 1e9)
    assert (new, moved) == (pytest.approx(0.4), True) and log_new == -new


def random_walk_normal_cdf(t):
    from statistics import NormalDist

    return NormalDist().cdf(t)


def test_a_lattice_that_is_one_step_wide():
    """At its walls the step reads the density where the walker stands, and nowhere else."""
    density = np.array([[1.0, 4.0, 2.0]])
    assert lattice_walk.lattice_step(density, (0, 1), 0, uniform=0.9) == (0, 1)
    assert lattice_walk.lattice_step(density, (0, 1), 3, uniform=0.4) == (0, 2)
    density[0, 0] = np.nan
    assert lattice_walk.lattice_step(density, (0, 2), 3, uniform=0.5) == (0, 2)
