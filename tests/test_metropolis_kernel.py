"""The Metropolis kernels: the page's chain bit for bit, spins against enumeration and a loop, bad input."""

import itertools
import math

import numba
import numpy as np
import pytest

from ebm_ref.kernels import metropolis as kernel
from ebm_ref.kernels.graph import as_graph
from ebm_ref.kernels.sweeps import decay
from ebm_ref.samplers import random_walk as page
from ebm_ref.samplers.cluster import square_lattice


@numba.njit
def density(x, A, lowest, trap):
    """A normal law above x_0 = lowest; `trap` is what is returned beyond x_0 = 2."""
    if x[0] > 2.0:
        return trap
    if x[0] < lowest:
        return -np.inf
    s = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            s -= 0.5 * x[i] * A[i, j] * x[j]
    return s


A = np.array([[2.0, 0.3], [0.3, 1.0]])
ARGS = (A, -0.5, -math.inf)


def rng():
    return np.random.default_rng(11)


# random walks


@pytest.mark.parametrize(
    "step_size", [0.7, [0.5, 1.0], [[1.0, 0.3], [0.3, 0.8]]], ids=["one", "each", "covariance"]
)
def test_the_chain_is_that_of_the_page_bit_for_bit(step_size):
    ours = kernel.random_walk(density, ARGS, [0.0, 0.0], step_size, 3000, rng())
    theirs = page.random_walk(lambda x: density(x, *ARGS), [0.0, 0.0], step_size, 3000, rng())
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[1] == theirs[1] and 800 < ours[1] < 2500 and ours[0].min() < -0.4


def test_a_walk_leaves_its_start_alone_and_is_over_after_one_step():
    start = np.zeros(2)
    chain, accepted = kernel.random_walk(density, ARGS, start, 0.1, 1, rng())
    assert chain.shape == (1, 2) and accepted in (0, 1) and not start.any()


@pytest.mark.parametrize("walk", ["page", "kernel"])
@pytest.mark.parametrize(
    "changed, said",
    [
        (
            {"start": [-1.0, 0.0]},
            r"start = \[-1\. *0\.\]: must have a positive density; its logarithm is -inf",
        ),
        ({"start": [3.0, 0.0], "args": (A, -0.5, math.nan)}, "its logarithm is nan"),
        ({"start": [[0.0, 0.0]]}, "start = .*vector"),
        ({"args": (A, -0.5, math.nan)}, r"log_density = nan: must be a number below infinity, at x = \[2"),
        ({"args": (A, -0.5, math.inf)}, r"log_density = inf: must be a number below infinity, at x = \[2"),
        ({"step_size": 0.0}, "step_size = .*positive"),
        ({"step_size": [1.0, -1.0]}, "step_size = .*positive"),
        ({"step_size": math.nan}, "step_size = .*positive"),
        ({"step_size": [1.0, 1.0, 1.0]}, "step_size = .*must be one, 2 or 2x2"),
        ({"step_size": [[1.0, 2.0], [2.0, 1.0]]}, "step_size = .*positive definite"),
        ({"step_size": [[1.0, 0.5], [0.0, 1.0]]}, "step_size = .*symmetric"),
        ({"steps": 0}, "steps = 0: must be >= 1"),
        ({"steps": -3}, "steps = -3"),
        ({"steps": 2.5}, r"steps = 2\.5"),
    ],
)
def test_bad_input_is_refused(walk, changed, said):
    given = {"args": ARGS, "start": [0.0, 0.0], "step_size": 1.0, "steps": 2000} | changed
    args, start = given["args"], given["start"]
    rest = given["step_size"], given["steps"], rng()
    if np.ndim(start) == 2 and walk == "kernel":
        pytest.skip("numba refuses to compile it before anything is asked")
    with pytest.raises(ValueError, match=f"(?s){said}"):
        if walk == "page":
            page.random_walk(lambda x: density(np.ravel(x), *args), start, *rest)
        else:
            kernel.random_walk(density, args, start, *rest)


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"log_density": lambda x: 0.0}, "log_density = .*compiled by numba.njit"),
        ({"args": 2.0}, "args = 2.0: must be a tuple"),
        ({"rng": None}, "rng = None: must be a numpy.random.Generator"),
        ({"rng": np.random.RandomState(0)}, "rng = .*Generator"),
    ],
)
def test_what_cannot_be_compiled_is_refused_in_words(changed, said):
    given = {"log_density": density, "args": ARGS, "rng": rng()} | changed
    with pytest.raises(ValueError, match=said):
        kernel.random_walk(given["log_density"], given["args"], [0.0, 0.0], 1.0, 10, given["rng"])


def test_an_interrupted_walk_returns_what_was_drawn(monkeypatch):
    whole, _ = kernel.random_walk(density, ARGS, [0.0, 0.0], 0.7, 1000, rng())
    step, calls = kernel._walk, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(kernel, "_walk", interrupted)
    with pytest.warns(RuntimeWarning, match="interrupted after 192 of 1000 steps"):
        chain, accepted = kernel.random_walk(density, ARGS, [0.0, 0.0], 0.7, 1000, rng())
    np.testing.assert_array_equal(chain, whole[:192])
    assert 0 < accepted < 192

    def stops(x, calls=[]):  # noqa: B006
        calls.append(1)
        if len(calls) == 50:
            raise KeyboardInterrupt
        return density(x, *ARGS)

    with pytest.warns(RuntimeWarning, match="interrupted after 48 of 1000 steps"):
        chain, _ = page.random_walk(stops, [0.0, 0.0], 0.7, 1000, rng())
    np.testing.assert_array_equal(chain, whole[:48])


# spins

J5 = np.triu(np.random.default_rng(3).normal(size=(5, 5)), 1)
J5, H5 = J5 + J5.T, np.random.default_rng(4).normal(size=5)
STATES = np.array(list(itertools.product((-1, 1), repeat=5)))


def energies(J, h, s):
    return -0.5 * np.einsum("ci,ij,cj->c", s, J, s) - s @ h


def law(beta):
    weights = np.exp(-beta * energies(J5, H5, STATES))
    return weights / weights.sum()


def test_the_exponential_of_the_sweeps():
    x = -np.concatenate([np.linspace(0.0, 40.0, 2001), 10.0 ** np.linspace(-18, 2.8, 500)])
    np.testing.assert_allclose([decay(t) for t in x], np.exp(x), rtol=5e-16)
    assert decay(-1e300) == decay(-708.0) < 1e-307 and decay(0.0) == 1.0 and math.isnan(decay(math.nan))


@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
def test_exact_draws_stay_exact(rule):
    """From exact draws one sweep, and again exact draws: chi-square over 32 states, 60,000 chains."""
    beta, chains = 0.6, 60_000
    p = law(beta)
    start = STATES[np.random.default_rng(0).choice(32, size=chains, p=p)]
    states, _ = kernel.spin_chains(J5, H5, beta, chains, 1, seed=1, rule=rule, start=start)
    counts = np.bincount((states > 0) @ (2 ** np.arange(4, -1, -1)), minlength=32)
    chi_square = np.sum((counts - chains * p) ** 2 / (chains * p))
    assert chi_square < 31 + 4.5 * math.sqrt(62.0)
    assert np.mean(np.any(states != start, axis=1)) > 0.5


@pytest.mark.parametrize("rule", ["metropolis", "gibbs"])
def test_sweeps_are_the_loop_written_out(rule):
    """Every flip of three of the chains, decided again in Python from the same random bits."""
    spins, bits, *_ = kernel._block(0, 5, 1, 7)
    states, sums = kernel.spin_chains(J5, H5, np.array([0.2, 0.5, 1.0, 2.0]), 3, 4, seed=7, rule=rule)
    mask = 2**64 - 1
    turn = lambda x, k: ((x << k) | (x >> (64 - k))) & mask
    for c in range(3):
        s, (a, b), total = spins[:, c].astype(float), map(int, bits[:, c]), np.zeros(5)
        for t, beta in enumerate((0.2, 0.5, 1.0, 2.0)):
            for i in range(5):
                u = (((a + b) & mask) >> 11) * 2.0**-53
                b ^= a
                a, b = turn(a, 24) ^ b ^ ((b << 16) & mask), turn(b, 37)
                cost = 2.0 * s[i] * (H5[i] + J5[i] @ s)
                chance = (
                    math.exp(min(0.0, -beta * cost))
                    if rule == "metropolis"
                    else 1.0 / (1.0 + math.exp(beta * cost))
                )
                s[i] *= -1.0 if u < chance else 1.0
            total += s
            assert sums.energy[c, t] == pytest.approx(float(energies(J5, H5, s[None])[0]), abs=1e-12)
            assert sums.magnetization[c, t] == s.sum()
        np.testing.assert_array_equal(states[c], s)
        np.testing.assert_array_equal(sums.spins[c], total)


def test_chains_depend_on_neither_threads_nor_company():
    _, neighbours = square_lattice(4, 5)
    run = lambda chains, sweeps=30: kernel.spin_chains((neighbours, 1.0), 0.1, 0.4, chains, sweeps, seed=5)
    had = numba.get_num_threads()
    numba.set_num_threads(1)
    alone = run(130)
    numba.set_num_threads(had)
    many, few = run(130), run(10)
    for one, other in ((alone, many), (few, many)):
        np.testing.assert_array_equal(one[0], other[0][: len(one[0])])
        for x, y in zip(one[1], other[1], strict=True):
            np.testing.assert_array_equal(x, y[: len(x)])
    assert len(np.unique(many[1].energy, axis=0)) == 130, "chains differ"
    long = kernel.spin_chains(np.zeros((1, 1)), 9.0, 1.0, 3, 300, seed=0, rule="gibbs")[1]
    np.testing.assert_array_equal(long.spins, [[300]] * 3, "three hundred sweeps do not fit into a byte")
    shorter = run(10, sweeps=20)[1]
    np.testing.assert_array_equal(shorter.energy, few[1].energy[:, :20])
    other = kernel.spin_chains((neighbours, 1.0), 0.1, 0.4, 10, 30, seed=6)[0]
    assert np.any(other != few[0])


def test_a_graph_may_be_given_in_three_ways():
    edges, neighbours = square_lattice(3, 4)
    dense = np.zeros((12, 12))
    for i, j in edges:
        dense[i, j] = dense[j, i] = 0.5
    ways = (dense, (neighbours, 0.5), (neighbours.tolist(), np.full((12, 4), 0.5)))
    states = [kernel.spin_chains(J, np.zeros(12), 0.7, 70, 9, seed=0)[0] for J in ways]
    np.testing.assert_array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])
    np.testing.assert_array_equal(as_graph((neighbours, np.array(0.5)))[2], as_graph(dense)[2])
    twice = as_graph(([[1, 1], [0, 0]], 1.0))
    np.testing.assert_array_equal(twice[1][:4], [1, 1, 0, 0])
    np.testing.assert_array_equal(twice[2][:4], [1.0, 1.0, 0.0, 0.0])


def test_a_graph_of_many_neighbours_and_of_none():
    """Nine neighbours take three fours; a spin without any follows its field."""
    J = np.ones((11, 11)) - np.eye(11)
    J[10] = J[:, 10] = 0.0
    states, sums = kernel.spin_chains(J, np.append(np.zeros(10), 0.3), 0.05, 6400, 30, seed=2, rule="gibbs")
    assert (
        np.abs(sums.energy[:, -1] - energies(J, np.append(np.zeros(10), 0.3), states.astype(float))).max()
        < 1e-12
    )
    assert states[:, 10].mean() == pytest.approx(math.tanh(0.05 * 0.3), abs=4.0 / 80.0)
    m = np.arange(-10, 11, 2)
    weights = [math.comb(10, (10 + k) // 2) * math.exp(0.05 * (k * k - 10) / 2) for k in m]
    exact = np.sum(m**2 * weights) / np.sum(weights)
    assert np.mean(states[:, :10].sum(1) ** 2) == pytest.approx(exact, rel=4.0 * 1.4 / 80.0)


def test_annealing_finds_the_ground_state():
    _, sums = kernel.spin_chains(J5, H5, np.geomspace(0.1, 20.0, 200), 64, 200, seed=0)
    lowest = energies(J5, H5, STATES).min()
    assert np.mean(np.isclose(sums.energy[:, -1], lowest)) > 0.9


def test_metropolis_without_a_field_alternates_and_gibbs_does_not():
    start = np.ones((5, 3), int)
    zero = np.zeros((3, 3))
    states, sums = kernel.spin_chains(zero, 0.0, 1.0, 5, 4, seed=0, start=start)
    np.testing.assert_array_equal(sums.magnetization, np.tile([-3.0, 3.0, -3.0, 3.0], (5, 1)))
    states, _ = kernel.spin_chains(
        zero, 0.0, 1.0, 6400, 1, seed=0, rule="gibbs", start=np.ones((6400, 3), int)
    )
    assert abs(states.mean()) < 4.0 / math.sqrt(3 * 6400)


def test_interrupted_chains_all_end_at_the_same_sweep(monkeypatch):
    monkeypatch.setattr(kernel, "SLAB", 5 * 64 * 10)
    whole = kernel.spin_chains(J5, H5, 0.5, 130, 20, seed=3)
    wait, calls = kernel.wait, []

    def interrupted(work):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return wait(work)

    monkeypatch.setattr(kernel, "wait", interrupted)
    with pytest.warns(RuntimeWarning, match="interrupted after 20 of 100 sweeps"):
        states, sums = kernel.spin_chains(J5, H5, 0.5, 130, 100, seed=3)
    np.testing.assert_array_equal(states, whole[0])
    np.testing.assert_array_equal(sums.energy, whole[1].energy)
    np.testing.assert_array_equal(sums.spins, whole[1].spins)


def test_no_chain_runs_twice_when_its_submission_is_interrupted(monkeypatch):
    monkeypatch.setattr(kernel, "SLAB", 5 * 64 * 10)
    whole = kernel.spin_chains(J5, H5, 0.5, 130, 20, seed=3)
    submit, calls = kernel.ThreadPoolExecutor.submit, []

    def interrupted(*args):
        work = submit(*args)
        calls.append(1)
        if len(calls) == 5:  # two of three blocks of the second slab are under way
            raise KeyboardInterrupt
        return work

    monkeypatch.setattr(kernel.ThreadPoolExecutor, "submit", interrupted)
    with pytest.warns(RuntimeWarning, match="interrupted after 20 of 100 sweeps"):
        states, sums = kernel.spin_chains(J5, H5, 0.5, 130, 100, seed=3)
    np.testing.assert_array_equal(states, whole[0])
    np.testing.assert_array_equal(sums.spins, whole[1].spins)


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"J": np.ones((2, 3))}, "J = .*square"),
        ({"J": np.array([[0.0, 1.0], [2.0, 0.0]])}, "J = .*symmetric"),
        ({"J": np.eye(2)}, "J = .*no diagonal"),
        ({"J": np.array([[0.0, np.nan], [np.nan, 0.0]])}, "J = .*finite"),
        ({"J": ([[1], []], 1.0)}, "J = .*symmetric"),
        ({"J": ([[1], [0]], [[1.0], [2.0]])}, "J = .*symmetric"),
        ({"J": ([[2], [0]], 1.0)}, "J = .*neighbours in 0..1"),
        ({"J": ([[1], [0]], [[1.0], []])}, "J = .*as many couplings as neighbours"),
        ({"J": ([], 1.0)}, "J = .*at least one spin"),
        ({"J": ([[1.5], [0.5]], 1.0)}, "J = .*whole numbers"),
        ({"J": ([1, 0], 1.0)}, "J = .*whole numbers"),
        ({"J": ([[1], [0]], [1.0, 1.0])}, "J = .*as many couplings as neighbours"),
        ({"J": ([[1], [0]],)}, r"J = .*\(neighbours, couplings\)"),
        ({"h": np.array([1.0, np.inf])}, "h = .*finite"),
        ({"h": np.zeros(3)}, "h has shape"),
        ({"beta": -1.0}, "beta = .*>= 0"),
        ({"beta": np.nan}, "beta = .*finite"),
        ({"beta": np.ones(4)}, "beta = .*one number or"),
        ({"chains": 0}, "chains = 0: must be >= 1"),
        ({"sweeps": 0}, "sweeps = 0: must be >= 1"),
        ({"sweeps": 1.5}, r"sweeps = 1\.5"),
        ({"seed": -1}, "seed = -1"),
        ({"rule": "glauber"}, "rule = 'glauber': must be metropolis or gibbs"),
        ({"start": np.ones((2, 2))}, "start = .*-1 and"),
        ({"start": np.zeros((3, 2))}, "start = .*-1 and"),
    ],
)
def test_bad_spins_are_refused(changed, said):
    given = {
        "J": np.array([[0.0, 1.0], [1.0, 0.0]]),
        "h": 0.0,
        "beta": 1.0,
        "chains": 3,
        "sweeps": 2,
        "seed": 0,
    }
    with pytest.raises(ValueError, match=f"(?s){said}"):
        kernel.spin_chains(**given | changed)
