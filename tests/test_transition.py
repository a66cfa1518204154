"""Transition matrices of listed samplers: the lattice Metropolis walk, and what a bias looks like."""

import dataclasses
import itertools

import numpy as np
import pytest

from ebm_ref.exact.transition import (
    by_noise,
    certificate,
    certificates,
    coin,
    gibbs_distribution,
    is_irreducible,
    mixing_curve,
    period,
    spectral_gap,
    stationary_distribution,
    transition_matrix,
)

STATES = list(itertools.product(range(6), repeat=2))  # the lattice {0, ..., 5}^2
WEIGHTS = dict(zip(STATES, np.exp(np.random.default_rng(0).normal(scale=1.5, size=36)), strict=True))
PI = np.array(list(WEIGHTS.values())) / sum(WEIGHTS.values())


def lattice_walk(state):
    """Each of 2d neighbours with 1/2d, taken with min(1, p_j/p_i); at the border the share stays."""
    stay, moves = 1.0, []
    for axis, sign in itertools.product(range(2), (-1, 1)):
        other = tuple(x + sign * (a == axis) for a, x in enumerate(state))
        if other in WEIGHTS:
            taken = min(1.0, WEIGHTS[other] / WEIGHTS[state]) / 4.0
            moves.append((taken, other))
            stay -= taken
    return [*moves, (stay, state)]


P = transition_matrix(lattice_walk, STATES)


def test_the_lattice_walk_is_certified():
    c = certificate(P, PI, steps=200)
    assert c.stationarity <= 1e-16 and c.detailed_balance <= 1e-17 and c.correct
    assert c.irreducible and c.period == 1 and 0.0 < c.spectral_gap < 0.2
    assert stationary_distribution(P) == pytest.approx(PI, rel=1e-13)
    flow = PI[:, None] * P
    for i, j in itertools.permutations(range(36), 2):  # p(i) p_ij = min(p(i), p(j)) / r
        if P[i, j]:
            assert flow[i, j] == pytest.approx(min(PI[i], PI[j]) / 4.0, rel=1e-14)


def test_the_mixing_curve_falls_as_the_gap_says():
    curve = np.array(mixing_curve(P, PI, 1000))
    assert curve[0] == pytest.approx(1.0 - PI.min(), rel=1e-15) and np.all(np.diff(curve) <= 1e-16)
    rate = (curve[1000] / curve[900]) ** 0.01
    assert rate == pytest.approx(1.0 - spectral_gap(P), rel=1e-6)
    assert certificate(P, PI, steps=3).mixing == tuple(curve[:4])
    by_hand = 0.5 * np.max(np.abs(np.linalg.matrix_power(P, 7) - PI).sum(axis=1))
    assert curve[7] == pytest.approx(by_hand, rel=1e-13)


def test_the_running_average_obeys_its_bound():
    """|v_t P - v_t|_1 <= 2/t from any start, also where the chain never settles; E[f] follows."""
    around = transition_matrix(lambda i: [(0.5, (i + 1) % 6), (0.5, (i - 1) % 6)], range(6))
    for matrix in (P, around):
        x, v = np.eye(len(matrix))[0], np.zeros(len(matrix))
        for t in range(1, 2001):
            v = v + (x - v) / t
            x = x @ matrix
            assert np.abs(v @ matrix - v).sum() <= 2.0 / t + 1e-15
        f = np.arange(len(matrix))
        assert v @ f == pytest.approx(stationary_distribution(matrix) @ f, rel=0.05)


def test_an_even_cycle_is_balanced_and_never_settles():
    walk = lambda n: lambda i: [(0.5, (i + 1) % n), (0.5, (i - 1) % n)]
    c = certificate(transition_matrix(walk(6), range(6)), np.ones(6), steps=50)
    assert (c.stationarity, c.detailed_balance, c.irreducible, c.period) == (0.0, 0.0, True, 2)
    assert c.spectral_gap == pytest.approx(0.0, abs=1e-12) and not c.correct
    assert c.mixing[50] == pytest.approx(0.5, rel=1e-14)
    odd = certificate(transition_matrix(walk(5), range(5)), np.ones(5), steps=50)
    assert odd.period == 1 and odd.correct and odd.mixing[50] < 1e-4
    lazy = lambda i: [(0.5, i), (0.25, (i + 1) % 6), (0.25, (i - 1) % 6)]
    assert certificate(transition_matrix(lazy, range(6)), np.ones(6)).correct


def test_a_small_bias_stands_out():
    """Forgetting the share of the border, or accepting a little too often: no run would show it."""

    def hasty(state):
        ratio = lambda other: (1.0 + 1e-7) * WEIGHTS[other] / WEIGHTS[state]
        moves = [(min(1.0, ratio(other)) / 4.0, other) for _, other in lattice_walk(state)[:-1]]
        return [*moves, (1.0 - sum(p for p, _ in moves), state)]

    c = certificate(transition_matrix(hasty, STATES), PI)
    assert not c.correct and 1e-10 < c.stationarity < 1e-8 and c.irreducible

    def wrong_border(state):
        moves = [(p, to) for p, to in lattice_walk(state)[:-1]]
        kinds = len(moves)  # proposes among the neighbours that exist, and forgets the correction
        return [
            *((p * 4.0 / kinds, to) for p, to in moves),
            (1.0 - sum(p for p, _ in moves) * 4.0 / kinds, state),
        ]

    c = certificate(transition_matrix(wrong_border, STATES), PI)
    assert c.stationarity > 1e-3 and c.irreducible
    really = stationary_distribution(transition_matrix(wrong_border, STATES))
    neighbours = np.array([len(lattice_walk(state)) - 1 for state in STATES])
    assert really == pytest.approx(PI * neighbours / (PI @ neighbours), rel=1e-12)


def test_a_sweep_in_fixed_order_is_right_without_detailed_balance():
    E = lambda s: -0.7 * s[0] * s[1] - 0.4 * s[1] * s[2] + 0.3 * s[0] - 0.2 * s[2]
    states = list(itertools.product((-1, 1), repeat=3))
    pi = gibbs_distribution(E, states, beta=1.3)

    def site(i):
        def step(s):
            up, down = ((*s[:i], v, *s[i + 1 :]) for v in (1, -1))
            p = 1.0 / (1.0 + np.exp(1.3 * (E(up) - E(down))))
            return [(p, up), (1.0 - p, down)]

        return transition_matrix(step, states)

    sweep = site(0) @ site(1) @ site(2)
    c = certificate(sweep, pi)
    assert c.correct and c.detailed_balance > 1e-3
    one_site = certificate(site(0), pi)
    assert one_site.detailed_balance <= 1e-16 and not one_site.irreducible and one_site.period == 0
    assert one_site.spectral_gap == pytest.approx(0.0, abs=1e-12) and not one_site.correct
    assert pi == pytest.approx(
        np.exp(-1.3 * np.array([E(s) for s in states])) / sum(np.exp(-1.3 * E(s)) for s in states)
    )


def test_periods_and_reach():
    for n in (1, 2, 3, 7):
        assert period(np.roll(np.eye(n), 1, axis=1)) == n
    two_loops = np.zeros((7, 7))  # round trips of 4 and 6
    for i, j in ((0, 1), (1, 2), (2, 3), (3, 0), (3, 4), (4, 5), (5, 0)):
        two_loops[i, j] = 0.5 if i == 3 else 1.0
    two_loops[6, 6] = 1.0
    assert period(two_loops[:6, :6]) == 2 and period(two_loops) == 0
    one_way = np.array([[0.5, 0.5], [0.0, 1.0]])
    assert not is_irreducible(one_way) and not is_irreducible(one_way[::-1, ::-1])
    assert (
        spectral_gap(np.full((3, 3), 1 / 3)) == pytest.approx(1.0, rel=1e-12)
        and spectral_gap(np.eye(1)) == 1.0
    )


def test_rare_states_keep_their_digits():
    n, r = 40, 1e-6  # a birth-and-death chain: pi_k ~ r^k, down to 1e-240

    def step(k):
        up, down = r / 2.0 * (k < n), 0.5 * (k > 0)
        return [(up, k + 1 if k < n else k), (down, max(k - 1, 0)), (1.0 - up - down, k)]

    pi = stationary_distribution(transition_matrix(step, range(n + 1)))
    assert pi[1:] / pi[:-1] == pytest.approx(np.full(n, r), rel=1e-13)


def test_a_stack_is_certified_as_each_of_it():
    """Random matrices with many zeros: reducible ones, periodic ones and others."""
    rng = np.random.default_rng(4)
    P = rng.random((200, 5, 5)) * (rng.random((200, 5, 5)) < 0.4)
    P[:, np.arange(5), rng.integers(5, size=5)] += 0.1
    P[:3] = np.roll(np.eye(5), 1, axis=1), np.eye(5), np.kron(np.eye(5), [[1.0]])[::-1]
    P /= P.sum(axis=2, keepdims=True)
    pi = rng.random((200, 5))
    stack = certificates(P, pi)
    assert 20 < stack.irreducible.sum() < 180 and 5 in stack.period and stack.mixing == ()
    for k in range(200):
        one = dataclasses.asdict(certificate(P[k], pi[k]))
        for name in ("irreducible", "period"):
            assert one[name] == getattr(stack, name)[k]
        for name in ("stationarity", "detailed_balance", "spectral_gap"):
            assert one[name] == pytest.approx(getattr(stack, name)[k], abs=1e-14)
        powers = [np.linalg.matrix_power(1 * (P[k] > 0.0), m) > 0 for m in range(1, 27)]
        assert stack.irreducible[k] == np.any(powers, axis=0).all()
        if stack.irreducible[k]:  # primitive exactly if a power up to (n - 1)^2 + 1 is positive
            assert (stack.period[k] == 1) == any(power.all() for power in powers[:17])
    assert isinstance(certificate(np.eye(2), np.ones(2)).correct, bool)


def test_a_step_is_listed_by_its_noise():
    step = lambda i, u: (i + 1) % 3 if u < 0.3 else i
    P = transition_matrix(by_noise(step, lambda i: coin(0.3)), range(3))
    np.testing.assert_array_equal(P, 0.7 * np.eye(3) + 0.3 * np.roll(np.eye(3), 1, axis=1))
    for wrong in (0.3 - 1e-15, 0.3 + 1e-15):  # both numbers on one side: nothing is left to chance
        hasty = lambda i, u, p=wrong: (i + 1) % 3 if u < p else i
        assert set(transition_matrix(by_noise(hasty, lambda i: coin(0.3)), range(3)).ravel()) == {0.0, 1.0}
    assert coin(1e-320) == [(1e-320, 1e-320 - 5e-324), (1.0, 1e-320)]
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="probability"):
            coin(wrong)


def test_one_state():
    c = certificate(np.eye(1), np.array([2.0]), steps=1)
    assert c.correct and c.spectral_gap == 1.0 and c.mixing == (0.0, 0.0)
    assert stationary_distribution(np.eye(1)).tolist() == [1.0]


def test_certificates_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        certificate(np.eye(2), np.ones(2)).period = 1


@pytest.mark.parametrize(
    "step, states, says",
    [
        (lambda i: [(0.5, 0)], [0], "sum of probabilities from 0 = 0.5: must be 1"),
        (lambda i: [(1.5, 0), (-0.5, 0)], [0], "probability of 0 -> 0 = -0.5: must be >= 0"),
        (lambda i: [(np.nan, 0)], [0], "probability of 0 -> 0 = nan: must be >= 0"),
        (lambda i: [(1.0, i + 1)], [0, 1], "next state = 2: must be one of the states; reached from 1"),
        (lambda i: [(1.0, i)], [0, 0], "must differ from each other"),
        (lambda i: [(1.0, i)], range(2**20), "number of states = 1048576: must be at most 16384"),
    ],
)
def test_bad_steps(step, states, says):
    with pytest.raises(ValueError, match=says):
        transition_matrix(step, states)


def test_bad_matrices():
    for wrong in (
        np.zeros((0, 0)),
        np.ones((2, 3)),
        np.ones(2),
        np.ones((2, 2)),
        np.array([[1.5, -0.5], [0.0, 1.0]]),
        np.eye(2) * np.nan,
    ):
        with pytest.raises(ValueError, match=r"P = [^:]*: (must|has shape)"):
            certificate(wrong, np.ones(2))
    for wrong in (np.zeros((0, 2, 2)), np.ones((2, 2, 3)), np.ones((2, 2)), np.ones((1, 2, 2))):
        with pytest.raises(ValueError, match=r"P = [^:]*: (must|has shape)"):
            certificates(wrong, np.ones((1, 2)))
    for wrong in (np.ones(2), np.ones((2, 2)), np.zeros((1, 2))):
        with pytest.raises(ValueError, match=r"(?s)pi = .*must"):
            certificates(np.eye(2)[None], wrong)
    for wrong in (np.ones(3), np.zeros(2), np.array([1.0, -0.5]), np.array([np.nan, 1.0])):
        with pytest.raises(ValueError, match=r"pi = .*: must"):
            certificate(np.eye(2), wrong)
    with pytest.raises(ValueError, match="must be irreducible"):
        stationary_distribution(np.eye(2))
