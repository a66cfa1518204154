"""The Metropolis kernels: the page's chain bit for bit, spins against enumeration and a loop, bad input."""

import functools
import itertools
import math

import numba
import numpy as np
import pytest
from spin_models import H5, HARD, J5, RING, TRIANGLE, configurations, energies

from ebm_ref.conformance.samplers import chi_square
from ebm_ref.exact import transition
from ebm_ref.kernels import metropolis as kernel
from ebm_ref.kernels.graph import as_graph
from ebm_ref.kernels.sweeps import decay
from ebm_ref.numerics import softmax
from ebm_ref.samplers import random_walk as page
from ebm_ref.samplers.cluster import square_lattice


@numba.njit
def density(x, A, lowest, trap):
    """A normal density above x_0 = lowest; `trap` is what is returned beyond x_0 = 2."""
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
        ({"start": [[0.0, 0.0]]}, "start = .*(vector|must have)"),
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

STATES = np.array(list(itertools.product((-1, 1), repeat=5)))


def probabilities(beta):
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
    p = probabilities(beta)
    start = STATES[np.random.default_rng(0).choice(32, size=chains, p=p)]
    states, _ = kernel.spin_chains(J5, H5, beta, chains, 1, seed=1, rule=rule, start=start)
    counts = np.bincount((states > 0) @ (2 ** np.arange(4, -1, -1)), minlength=32)
    chi_square = np.sum((counts - chains * p) ** 2 / (chains * p))
    assert chi_square < 31 + 4.5 * math.sqrt(62.0)
    assert np.mean(np.any(states != start, axis=1)) > 0.5


CHANCES = {  # probability of a flip that costs beta dE = x
    "metropolis": lambda x: 15.0 / 16.0 * np.exp(np.minimum(0.0, -x)),
    "gibbs": lambda x: 1.0 / (1.0 + np.exp(x)),
}
OTHERS = {  # what the kernel must be told apart from
    "the famous loop": lambda x: np.exp(np.minimum(0.0, -x)),
    "a ceiling": lambda x: np.minimum(15.0 / 16.0, np.exp(np.minimum(0.0, -x))),
    "lazy by a half": lambda x: 0.5 * np.exp(np.minimum(0.0, -x)),
}


@pytest.mark.parametrize("model", ["five spins", "triangle"])
@pytest.mark.parametrize("rule", CHANCES)
def test_sweeps_are_the_loop_written_out(rule, model):
    """Every flip of thirty chains, decided again in Python from the same random bits; other rules differ."""
    J, h = (J5, H5) if model == "five spins" else (TRIANGLE, np.zeros(3))
    n, betas = len(h), np.repeat([0.2, 0.5, 1.0, 2.0], 4)
    spins, bits, *_ = kernel._block(0, n, len(betas), 7)
    states, sums = kernel.spin_chains(J, h, betas, 30, len(betas), seed=7, rule=rule)
    mask, differ = 2**64 - 1, dict.fromkeys([*CHANCES, *OTHERS], 0)
    turn = lambda x, k: ((x << k) | (x >> (64 - k))) & mask
    for c in range(30):
        s, (a, b), total = spins[:, c].astype(float), map(int, bits[:, c]), np.zeros(n)
        for t, beta in enumerate(betas):
            for i in range(n):
                u = (((a + b) & mask) >> 12) * 2.0**-52
                b ^= a
                a, b = turn(a, 24) ^ b ^ ((b << 16) & mask), turn(b, 37)
                x = beta * (2.0 * s[i] * (h[i] + J[i] @ s))
                flips = u < CHANCES[rule](x)
                for name, chance in (CHANCES | OTHERS).items():
                    differ[name] += flips != (u < chance(x))
                s[i] *= -1.0 if flips else 1.0
            total += s
            assert sums.energy[c, t] == pytest.approx(float(energies(J, h, s[None])[0]), abs=1e-12)
            assert sums.magnetization[c, t] == s.sum()
        np.testing.assert_array_equal(states[c], s)
        np.testing.assert_array_equal(sums.spins[c], total)
    assert differ.pop(rule) == 0 and all(count >= 5 for count in differ.values()), differ


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
    states = [kernel.spin_chains(dense, np.zeros(12), 0.7, 70, 9, seed=0)[0]]
    ways += (dense.tolist(), tuple(map(tuple, dense)), (tuple(map(tuple, neighbours)), np.float32(0.5)))
    for J in ways[1:]:
        np.testing.assert_array_equal(states[0], kernel.spin_chains(J, [0] * 12, 0.7, 70, 9, seed=0)[0])
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


# whether a sweep converges to exp(-beta E), from everywhere


def single_flip(J, h, beta, i, chance):
    """P of one visit to spin i, over the configurations in the order of `itertools.product`."""
    S = configurations(len(h))
    flipped = np.arange(len(S)) ^ (1 << (len(h) - 1 - i))
    p = chance(beta * (2.0 * S[:, i] * (h[i] + S @ J[i])))
    P = np.diag(1.0 - p)
    P[np.arange(len(S)), flipped] = p
    return P


def sweep(J, h, beta, chance):
    """P of a sweep: one spin after the other."""
    return functools.reduce(np.matmul, [single_flip(J, h, beta, i, chance) for i in range(len(h))])


def distribution(J, h, beta):
    """pi of all configurations."""
    return softmax(-beta * energies(J, h, configurations(len(h))))


def test_the_famous_loop_falls_apart():
    """Triangle and ring: classes that no chain leaves.  A near tie is slow, a ceiling is wrong."""
    loop = OTHERS["the famous loop"]
    for J in (TRIANGLE, RING):
        P, pi = sweep(J, np.zeros(len(J)), 1.0, loop), distribution(J, np.zeros(len(J)), 1.0)
        assert np.max(np.abs(pi @ P - pi)) <= 1e-14 and not transition.is_irreducible(P)
    near = sweep(TRIANGLE, np.full(3, 1e-13), 1.0, loop)
    assert transition.is_irreducible(near) and transition.spectral_gap(near) < 1e-12
    ceiling = sweep(J5, H5, 1.0, OTHERS["a ceiling"])
    assert np.max(np.abs(distribution(J5, H5, 1.0) @ ceiling - distribution(J5, H5, 1.0))) > 1e-3


@pytest.mark.parametrize("rule", CHANCES)
def test_one_sweep_of_the_kernel_is_the_matrix(rule):
    """Chi-square of each row, eight starts on a triangle: 1e-6 false alarms."""
    P, states = sweep(TRIANGLE, np.zeros(3), 0.5, CHANCES[rule]), list(itertools.product((-1, 1), repeat=3))
    for start, row in zip(states, P, strict=True):
        given = np.tile(start, (6400, 1))
        after, _ = kernel.spin_chains(TRIANGLE, 0.0, 0.5, 6400, 1, seed=1, rule=rule, start=given)
        assert surprise(after, row) > 1e-6 / 8


def surprise(states, pi):
    """P(chi-square at least as large) of counted configurations; those expected less than 8 times are one."""
    counts = np.bincount((states > 0) @ (1 << np.arange(states.shape[1])[::-1]), minlength=len(pi))
    rare = pi * len(states) < 8.0
    counts, expected = (np.append(x[~rare], x[rare].sum()) for x in (counts, pi * len(states)))
    counts, expected = counts[expected > 0.0], expected[expected > 0.0]
    return chi_square.tail(float(np.sum((counts - expected) ** 2 / expected)), len(expected) - 1)


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("rule", CHANCES)
def test_chains_end_where_enumeration_says(rule, name):
    """From the default starts to exp(-beta E), also for those alone that have s_0 up, or down, after a sweep.

    Chi-square over all configurations.  1e-8 false alarms each, so about 1e-6 for all 126 of them.
    """
    J, h, beta = HARD[name]
    run = lambda sweeps: kernel.spin_chains(J, h, beta, 6400, sweeps, seed=4, rule=rule)[0]
    first, last, pi = run(1), run(300), distribution(J, h, beta)
    for chosen in (first[:, 0] != 0, first[:, 0] > 0, first[:, 0] < 0):
        assert surprise(last[chosen], pi) > 1e-8


def test_the_energy_of_a_long_ring():
    """-tanh(beta) a spin, where chains that never forget their random starts are at -0.03."""
    n = 64
    ring = np.stack([(np.arange(n) - 1) % n, (np.arange(n) + 1) % n], axis=1)
    energy = kernel.spin_chains((ring, 1.0), 0.0, 1.0, 256, 2000, seed=0)[1].energy[:, 1000:] / n
    t = math.tanh(1.0)
    assert energy.mean() == pytest.approx(-(t + t ** (n - 1)) / (1.0 + t**n), abs=2e-3)


def test_without_couplings_gibbs_forgets_at_once_and_metropolis_soon():
    start, zero = np.ones((6400, 3), int), np.zeros((3, 3))
    for rule, left in (("gibbs", 0.0), ("metropolis", -7.0 / 8.0)):
        total = kernel.spin_chains(zero, 0.0, 1.0, 6400, 3, seed=0, rule=rule, start=start)[1].magnetization
        for t in range(3):
            assert abs(total[:, t].mean() / 3.0 - left ** (t + 1)) < 4.0 / math.sqrt(3 * 6400)


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
        ({"couplings": np.ones((2, 3))}, "couplings = .*square"),
        ({"couplings": np.array([[0.0, 1.0], [2.0, 0.0]])}, "couplings = .*symmetric"),
        ({"couplings": np.eye(2)}, "couplings = .*no diagonal"),
        ({"couplings": np.array([[0.0, np.nan], [np.nan, 0.0]])}, "couplings = .*finite"),
        ({"couplings": np.array([[0.0, 1e308], [1e308, 0.0]])}, "couplings = .*more than float64 holds"),
        ({"couplings": ([[1], []], 1.0)}, "couplings = .*symmetric"),
        ({"couplings": ([[1], [0]], [[1.0], [2.0]])}, "couplings = .*symmetric"),
        ({"couplings": ([[2], [0]], 1.0)}, "couplings = .*neighbours in 0..1"),
        ({"couplings": ([[1], [0]], [[1.0], []])}, r"couplings\[1\] = .*as many couplings as neighbours"),
        ({"couplings": ([], 1.0)}, r"couplings\[0\] = .*at least one spin"),
        ({"couplings": ([[1.5], [0.5]], 1.0)}, r"couplings\[0\] = .*must hold integers"),
        ({"couplings": ([1, 0], 1.0)}, r"couplings\[0\] = .*must have a list for each spin"),
        ({"couplings": ([[1], [0]], [1.0, 1.0])}, r"couplings\[1\] = .*must have a list for each spin"),
        ({"couplings": ([[1], [0]], [[1.0]])}, r"couplings\[1\] = .*as many couplings as neighbours"),
        ({"couplings": ([[1], [0]], True)}, r"couplings\[1\] = True: must be a real number"),
        ({"couplings": ([[1], [0]], "one")}, r"couplings\[1\] = 'one': must be a real number"),
        ({"couplings": ([[1], [0]],)}, r"couplings = .*\(neighbours, couplings\)"),
        ({"couplings": 1j * np.ones((2, 2))}, "couplings = .*must hold real numbers"),
        ({"fields": np.array([1.0, np.inf])}, "fields = .*finite"),
        ({"fields": np.zeros(3)}, "fields = .*has shape"),
        ({"fields": True}, "fields = True: must be a real number"),
        ({"fields": "0"}, "fields = '0': must be a real number"),
        ({"beta": -1.0}, "beta = .*>= 0"),
        ({"beta": np.nan}, "beta = .*finite"),
        ({"beta": np.ones(4)}, "beta = .*one number or"),
        ({"chains": 0}, "chains = 0: must be an integer >= 1"),
        ({"sweeps": 0}, "sweeps = 0: must be an integer >= 1"),
        ({"sweeps": 1.5}, r"sweeps = 1\.5"),
        ({"chains": 10**400}, "chains = .*must be a number that float64 holds"),
        ({"chains": 2**31}, "chains = .*below 2.31"),
        ({"chains": 2**31 - 1}, "chains = 2147483647: needs .* GiB of memory"),
        ({"beta": 1j}, "beta = 1j: must be a real number"),
        ({"seed": -1}, "seed = -1"),
        ({"rule": "glauber"}, "rule = 'glauber': must be metropolis or gibbs"),
        ({"start": np.ones((2, 2))}, r"start = .*has shape \(2, 2\)"),
        ({"start": np.zeros((3, 2))}, "start = .*-1 and"),
    ],
)
def test_bad_spins_are_refused(changed, said):
    given = {
        "couplings": np.array([[0.0, 1.0], [1.0, 0.0]]),
        "fields": 0.0,
        "beta": 1.0,
        "chains": 3,
        "sweeps": 2,
        "seed": 0,
    }
    with pytest.raises(ValueError, match=f"(?s){said}"):
        kernel.spin_chains(**given | changed)
