"""Sums over all configurations of spins: every route gives the same, whoever does the work, at any scale."""

import functools
import itertools
import math
import multiprocessing
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from numba import njit

from ebm_ref import FORMULAS
from ebm_ref.energies import boltzmann, qubo
from ebm_ref.exact import blocks, enumeration, spins
from ebm_ref.kernels import enumeration as kernels
from ebm_ref.kernels import gray_spins

SEED = 20260
PLAIN = np.array([[0.0, 1.0], [1.0, 0.0]])


def model(n, scale=1.0, seed=SEED):
    """Random couplings and fields."""
    rng = np.random.default_rng(seed + n)
    J = np.triu(rng.normal(scale=scale, size=(n, n)), 1)
    return J + J.T, rng.normal(scale=scale, size=n)


def all_energies(J, h):
    """Energies of all configurations in the order of `spin_table`, and those configurations."""
    S = spins.spin_table(len(h))
    return -0.5 * np.einsum("si,si->s", S @ J, S) - S @ h, S


def summed(J, h, beta=1.0):
    """log Z, means and correlations, by plain enumeration; the sums by numpy's pairwise summation."""
    E, S = all_energies(J, h)
    p = enumeration.probabilities(E, beta)
    weighted = p * S.T
    C = np.array([[np.sum(row * s) for s in S.T] for row in weighted]).reshape(len(h), len(h))
    return enumeration.log_partition(E, beta), np.sum(weighted, axis=1), C


# blocks


@pytest.mark.parametrize("scale", [0.0, 0.3, 2.0, 1e3, 1e6])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 6, 11, 14])
def test_blocks_are_the_enumeration(n, scale):
    J, h = model(n, scale)
    for beta in (1.0, 0.25):
        log_z, means, C = summed(J, h, beta)
        assert blocks.log_partition(J, h, beta) == pytest.approx(log_z, rel=1e-14, abs=0.0)
        found = blocks.moments(J, h, beta)
        assert found[0].shape == (n,) and found[1].shape == (n, n)
        # the error of a probability is that of its exponent
        allowed = 1e-14 * (1.0 + beta * (np.abs(J).sum() + np.abs(h).sum()) / 10.0)
        np.testing.assert_allclose(found[0], means, rtol=0, atol=allowed)
        np.testing.assert_allclose(found[1], C, rtol=0, atol=allowed)
        assert np.array_equal(np.diag(found[1]), np.ones(n)) and np.array_equal(found[1], found[1].T)


@pytest.mark.parametrize("scale", [0.2, 2.0, 1e3])
@pytest.mark.parametrize("n", [7, 9, 12])
def test_blocks_with_a_rest(n, scale, monkeypatch):
    """Small blocks, so that a table can be made of many settings of H."""
    monkeypatch.setattr(blocks, "SIDE", 3)
    monkeypatch.setattr(blocks, "ROWS", 4)
    monkeypatch.setattr(blocks, "RANGE", 8)
    J, h = model(n, scale)
    log_z, means, C = summed(J, h)
    assert blocks.log_partition(J, h) == pytest.approx(log_z, rel=1e-14)
    found = blocks.moments(J, h)
    np.testing.assert_allclose(found[0], means, rtol=0, atol=1e-13)
    np.testing.assert_allclose(found[1], C, rtol=0, atol=1e-13)


def test_blocks_of_their_own_size():
    """21 spins, of which one is H, against a Gray code."""
    J, h = model(21, 0.3)
    log_z, means = kernels.spin_marginals(J, h)
    assert blocks.log_partition(J, h) == pytest.approx(log_z, rel=1e-15)
    found, C = blocks.moments(J, h)
    np.testing.assert_allclose(found, means, rtol=0, atol=1e-14)
    held = kernels.spin_marginals(J[1:, 1:], h[1:] + J[0, 1:])[1]  # s_0 is up: C_0i = 2 p_0 <s_i>_up - <s_i>
    np.testing.assert_allclose(C[0, 1:], (1.0 + means[0]) * held - means[1:], rtol=0, atol=1e-12)


def test_two_spins_by_hand():
    J, h = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0.0, 0.5])
    assert blocks.log_partition(J, h) == pytest.approx(math.log(4 * math.cosh(1) * math.cosh(0.5)), rel=1e-15)
    means, C = blocks.moments(J, h)
    np.testing.assert_allclose(means, [math.tanh(1) * math.tanh(0.5), math.tanh(0.5)], rtol=1e-14)
    np.testing.assert_allclose(C, [[1.0, math.tanh(1)], [math.tanh(1), 1.0]], rtol=1e-14)


@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0, 1e3, 1e5])
def test_sixty_digits(scale):
    """Against arithmetic that cannot go wrong: 1e-13 relative, whatever the couplings."""
    mpmath = pytest.importorskip("mpmath", reason="the truth comes from mpmath")
    J, h = model(8, scale)
    pairs = list(itertools.combinations(range(8), 2))
    with mpmath.workdps(60):
        exact = lambda s: mpmath.fsum(
            [mpmath.mpf(J[i, j]) * int(s[i] * s[j]) for i, j in pairs]
            + [mpmath.mpf(x) * int(t) for x, t in zip(h, s, strict=True)]
        )
        exponents = [exact(s) for s in itertools.product((-1, 1), repeat=8)]
        top = max(exponents)
        truth = top + mpmath.log(mpmath.fsum(mpmath.exp(e - top) for e in exponents))
        for route in (blocks.log_partition(J, h), kernels.spin_marginals(J, h)[0]):
            assert abs(route / truth - 1) < 1e-15


def test_scaling_by_the_largest_entries_alone_is_wrong(monkeypatch):
    """Where three factors disagree about who is largest: why rows of far-reaching exponents are special."""
    J, h = model(14, 1e3, seed=4)
    log_z = summed(J, h)[0]
    assert blocks.log_partition(J, h) == pytest.approx(log_z, rel=1e-15)
    monkeypatch.setattr(blocks, "SAFE", np.inf)
    with np.errstate(all="ignore"):
        assert not blocks.log_partition(J, h) == pytest.approx(log_z, rel=1e-3)


def test_factors_that_all_disagree():
    """Three states of nearly the same weight, e^-770 of what its factors' largest entries multiply to."""
    J, h = np.array([[0.0, -385.1], [-385.1, 0.0]]), np.array([385.0, 385.3])
    log_z, means, C = truth(J, h, 1.0)
    assert blocks.log_partition(J, h) == pytest.approx(log_z, rel=1e-15)
    np.testing.assert_allclose(blocks.moments(J, h)[0], means, rtol=1e-14)
    np.testing.assert_allclose(blocks.moments(J, h)[1], C, rtol=1e-14)


def test_both_sides_of_the_threshold_agree(monkeypatch):
    """Rows done as products and rows done in logarithms give the same numbers."""
    J, h = model(22, 0.8)
    log_z, (means, C) = blocks.log_partition(J, h), blocks.moments(J, h)
    for safe in (0.0, 290.0):  # every row, some rows
        monkeypatch.setattr(blocks, "SAFE", safe)
        monkeypatch.setattr(blocks, "FAINT", 800.0)
        assert blocks.log_partition(J, h) == pytest.approx(log_z, rel=1e-15)
        again = blocks.moments(J, h)
        np.testing.assert_allclose(again[0], means, rtol=0, atol=1e-13)
        np.testing.assert_allclose(again[1], C, rtol=0, atol=1e-13)


def truth(J, h, beta):
    """log Z, means and correlations, from energies that are fractions."""
    mpmath = pytest.importorskip("mpmath", reason="the truth comes from mpmath")
    n = len(h)
    pairs = list(itertools.combinations(range(n), 2))
    J, h, beta = [[Fraction(x) for x in row] for row in J], [Fraction(x) for x in h], Fraction(beta)
    S = list(itertools.product((-1, 1), repeat=n))
    E = [
        -sum(J[i][j] * s[i] * s[j] for i, j in pairs) - sum(x * t for x, t in zip(h, s, strict=True))
        for s in S
    ]
    number = lambda x: mpmath.mpf(x.numerator) / x.denominator
    with mpmath.workdps(60):
        p = [mpmath.exp(-number(beta * min(e - min(E), 10**4))) for e in E]
        z = mpmath.fsum(p)
        mean = lambda *of: float(
            mpmath.fsum(x * math.prod(s[i] for i in of) for x, s in zip(p, S, strict=True)) / z
        )
        means, C = [mean(i) for i in range(n)], [[mean(i, j) for j in range(n)] for i in range(n)]
        return float(mpmath.log(z) - number(beta * min(E))), np.array(means), np.array(C)


def hostile(kind, rng, n=7):
    """Couplings and fields that decide nothing and others that decide all, side by side."""
    J, h = rng.normal(size=(n, n)), rng.normal(size=n)
    if kind == "frustrated":  # many states of nearly the lowest energy
        J, h = 1e3 * np.sign(J), 0.1 * h
    elif kind == "rows reach too far":
        J, h = 40.0 * np.round(J), 0.3 * h
    elif kind == "1e17 beside 1/2":
        J, h = np.sign(J) * rng.choice([0.0, 1.0, 1e3, 1e17], (n, n)), 0.5 * h
    elif kind == "sums that cancel":  # to gaps of about 1, which the first level alone orders at random
        J = -1e15 * np.abs(np.triu(J, 1))
        h = -(J + J.T) @ np.ones(n) + h
    elif kind == "nineteen powers of ten":
        J, h = J * 10.0 ** rng.integers(-5, 15, (n, n)), h * 10.0 ** rng.integers(-5, 5, n)
    else:
        J = np.sign(J) * rng.choice([0.0, 1e-3, 1.0, 1e18, 1e200, 1e300], (n, n))
        h = rng.choice([0.0, -1.3, 0.25, 0.5, 1e17, 1e300], n)
    return np.triu(J, 1) + np.triu(J, 1).T, h


@pytest.mark.parametrize("side", [10, 2, 1])
@pytest.mark.parametrize(
    "kind",
    [
        "frustrated",
        "rows reach too far",
        "1e17 beside 1/2",
        "sums that cancel",
        "nineteen powers of ten",
        "all that float64 holds",
    ],
)
def test_no_exponent_rounds_while_it_is_large(kind, side, monkeypatch):
    """Blocks of all, of many settings of C, and of H: against energies that are fractions."""
    monkeypatch.setattr(blocks, "SIDE", side)
    monkeypatch.setattr(blocks, "ROWS", 2 * side)
    monkeypatch.setattr(blocks, "RANGE", 2)
    monkeypatch.setattr(gray_spins, "FAST", side)
    rng = np.random.default_rng(SEED)
    for beta in (1.0, 0.3, 2.7):
        J, h = hostile(kind, rng)
        log_z, means, C = truth(J, h, beta)
        # what is left rounds once, at most at the threshold
        allowed = 2.0**-52 * min(blocks.SAFE, 10.0 + beta * (np.sum(np.abs(J)) + np.sum(np.abs(h))))
        for found in (blocks.log_partition(J, h, beta), kernels.spin_marginals(J, h, beta)[0]):
            assert found == pytest.approx(log_z, rel=2.0**-51, abs=allowed)
        np.testing.assert_allclose(blocks.moments(J, h, beta)[0], means, rtol=0, atol=allowed)
        np.testing.assert_allclose(blocks.moments(J, h, beta)[1], C, rtol=0, atol=allowed)
        np.testing.assert_allclose(kernels.spin_marginals(J, h, beta)[1], means, rtol=0, atol=allowed)


def test_a_ladder_of_ranges_each_a_little_likelier_than_all_before(monkeypatch):
    """Their leader moves along: counted from the first of them, the last would be e^1200."""
    for name in ("SIDE", "ROWS", "RANGE"):
        monkeypatch.setattr(blocks, name, 1)
    J, h = np.zeros((13, 13)), np.zeros(13)
    J[-1, -2] = J[-2, -1] = 1e300  # beside it, the logarithms by which ranges are compared round to nothing
    h[:11] = 0.6 * 2.0 ** np.arange(11)[::-1]
    assert blocks.log_partition(J, h) == 1e300
    np.testing.assert_allclose(blocks.moments(J, h)[0], np.tanh(h), rtol=0, atol=1e-14)


def test_a_field_beside_a_coupling_of_any_size():
    """Two spins that cannot but agree feel their fields: tanh(h_0 + h_1)."""
    for size in (1.0, 1e3, 1e17, 1e300):
        J, h = np.array([[0.0, size], [size, 0.0]]), np.array([0.5, 0.25])
        agree = 1.0 / (1.0 + math.exp(-2.0 * size) * math.cosh(0.25) / math.cosh(0.75))
        first = agree * math.tanh(0.75) + (1.0 - agree) * math.tanh(0.25)
        for means in (blocks.moments(J, h)[0], kernels.spin_marginals(J, h)[1]):
            assert means[0] == pytest.approx(first, rel=1e-15)
        same = np.stack([-h, h], axis=1)  # the same two spins as colours
        assert blocks.potts_moments(2.0 * J, same)[0][0, 1] == pytest.approx((1.0 + first) / 2.0, rel=1e-15)


def test_colours_that_share_a_large_field():
    """What all colours of a unit have in common is no reason to lose what they have not."""
    J, h = np.zeros((3, 3)), np.zeros((3, 2))
    h[0] = 1e17
    h[1, 1] = h[2, 1] = 0.5
    p = 1.0 / (1.0 + math.exp(-0.5))
    one, two = blocks.potts_moments(J, h)
    np.testing.assert_allclose(one[:, 1], [0.5, p, p], rtol=1e-15)
    assert two[1, 1, 2, 1] == pytest.approx(p * p, rel=1e-15)


@pytest.mark.parametrize("kind", ["frustrated", "nineteen powers of ten", "all that float64 holds"])
def test_levels_add_up_and_do_not_round(kind):
    """To the last bit of 2^-60: against fractions, forwards and backwards."""
    rng = np.random.default_rng(3)
    for beta in (1.0, 0.7, 5e-324):
        J, h = hostile(kind, rng, 5)
        both = np.concatenate([J.ravel(), h])
        parts = np.concatenate([x.reshape(len(x), -1) for x in spins.levels(J, h, beta)], axis=1)
        exact = [sum(map(Fraction, column)) for column in parts.T.tolist()]
        lost = [abs(Fraction(x) * Fraction(beta) - y) for x, y in zip(both.tolist(), exact, strict=True)]
        assert sum(lost) < Fraction(2) ** -60
        for level in parts:
            for signs in rng.choice([-1.0, 1.0], (20, len(level))):
                assert np.sum(signs * level) == math.fsum(signs * level) == np.sum((signs * level)[::-1])


def test_couplings_near_the_end_of_float64():
    J, h = model(6, 1.0)
    huge = 2.0**1015
    E, _ = all_energies(J, h)
    with np.errstate(over="ignore"):
        assert blocks.log_partition(huge * J, huge * h) == pytest.approx(-huge * E.min(), rel=1e-15)
    lowest, state = kernels.ground_states(huge * J, huge * h)
    assert lowest[0] == pytest.approx(huge * E.min(), rel=1e-15)
    np.testing.assert_array_equal(blocks.moments(huge * J, huge * h)[0], state[0])


# colours


@pytest.mark.parametrize("scale", [0.5, 1e3])
@pytest.mark.parametrize("n, q", [(0, 3), (1, 4), (2, 5), (7, 3), (4, 1), (9, 2)])
def test_blocks_of_colours_are_the_enumeration(n, q, scale, monkeypatch):
    monkeypatch.setattr(blocks, "SIDE", 4)  # two units of three colours on either side, three of them in H
    monkeypatch.setattr(blocks, "ROWS", 5)
    monkeypatch.setattr(blocks, "RANGE", 10)
    J, h = model(n, scale)[0], np.random.default_rng(q).normal(scale=scale, size=(n, q))
    E = enumeration.tabulate(lambda y: FORMULAS["potts"].value(J, h, y), (q,) * n)
    log_z = enumeration.log_partition(E, 0.5)
    assert blocks.potts_log_partition(J, h, 0.5) == pytest.approx(log_z, rel=1e-14)
    one, two = blocks.potts_moments(J, h, 0.5)
    assert one.shape == (n, q) and two.shape == (n, q, n, q)
    for i in range(n):
        np.testing.assert_allclose(one[i], enumeration.marginal(E, [i], 0.5), rtol=0, atol=1e-11)
        np.testing.assert_allclose(two[i, :, i], np.diag(one[i]), rtol=0, atol=1e-15)
    for i, j in itertools.permutations(range(n), 2):
        np.testing.assert_allclose(two[i, :, j], enumeration.marginal(E, [i, j], 0.5), rtol=0, atol=1e-11)


def test_two_colours_are_spins():
    """A coupling of twice the size, and a constant; and a ring of three colours, by its transfer matrix."""
    J, h = model(13, 0.5)
    two = blocks.potts_log_partition(2.0 * J, np.stack([-h, h], axis=1))
    assert two == pytest.approx(blocks.log_partition(J, h) + 0.5 * J.sum(), rel=1e-14)
    ring = np.roll(np.eye(13), 1, axis=1) + np.roll(np.eye(13), -1, axis=1)
    truth = math.log((math.e + 2.0) ** 13 + 2.0 * (math.e - 1.0) ** 13)  # eigenvalues of the transfer matrix
    assert blocks.potts_log_partition(ring, np.zeros((13, 3))) == pytest.approx(truth, rel=1e-14)


@pytest.mark.parametrize("route", [blocks.potts_log_partition, blocks.potts_moments])
def test_colours_that_are_refused(route):
    for fields, says in (
        (np.zeros(2), r"fields = .*must have the shape \(n, q\), not \(2,\)"),
        (np.zeros((2, 0)), r"fields = .*must have the shape \(n, q\)"),
        ([[0.0, np.nan], [0.0, 0.0]], r"fields\[0, 1\] = nan: must be a finite number"),
    ):
        with pytest.raises(ValueError, match=f"(?s){says}"):
            route(PLAIN, fields)
    with pytest.raises(ValueError, match=r"couplings\[0, 0\] = 1.0: must be 0 on the diagonal"):
        route(np.eye(2), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"len\(fields\) = 40: must be at most 37"):
        route(np.zeros((40, 40)), np.zeros((40, 3)))


def test_more_colours_than_a_table_was_meant_for(monkeypatch):
    """Blocks of one unit each, and what they need is told beforehand."""
    q, J = 1100, model(2)[0]
    assert blocks.potts_log_partition(J, np.zeros((2, q))) == pytest.approx(
        math.log(q * (q - 1) + q * math.exp(J[0, 1])), rel=1e-14
    )
    monkeypatch.setattr(spins, "free_memory", lambda: 2**28)
    with pytest.raises(ValueError, match=r"len\(fields\) = 2: needs .* GiB of memory"):
        blocks.potts_log_partition(J, np.zeros((2, 6000)))


@pytest.mark.parametrize("n, q", [(20, 2), (1, 1500), (2, 700), (3, 100)])
def test_no_more_memory_than_is_told(n, q, monkeypatch):
    """For ordinary numbers, which make two levels, and for those of all sizes, which make many."""
    told = []
    monkeypatch.setattr(blocks, "require_memory", lambda name, value, needed: told.append(needed))
    rng = np.random.default_rng(n)
    for decades in (0.0, 150.0):
        size = lambda *shape, d=decades: rng.normal(size=shape) * 10.0 ** rng.uniform(-d / 9, d, shape)
        J, h = np.triu(size(n, n), 1), size(n, q) if q > 2 else size(n)
        tracemalloc.start()
        (blocks.potts_moments if q > 2 else blocks.moments)(J + J.T, h)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert used < told[-1] < 8 * used


# who does the work


def in_pieces(monkeypatch, size=1):
    monkeypatch.setattr(blocks, "RANGE", size)
    monkeypatch.setattr(blocks, "ROWS", size)


def test_executors_make_no_difference(monkeypatch):
    """Threads and processes, one or several: the same bits."""
    monkeypatch.setattr(blocks, "RANGE", 1)
    J, h = model(31, 0.2)
    alone = blocks.log_partition(J, h), *(x.tobytes() for x in blocks.moments(J, h))
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(1, spawn) as process:
        for executor in (threads, process):
            others = blocks.moments(J, h, executor=executor)
            assert (blocks.log_partition(J, h, executor=executor), *(x.tobytes() for x in others)) == alone


def test_an_executor_is_not_handed_all_ranges_at_once(monkeypatch):
    """It remembers each, and of 60 spins there are 2^27."""
    handed = []

    class Executor:
        def map(self, work, starts, stops):
            handed.append((len(starts), len(stops)))
            return map(work, starts, stops)

    in_pieces(monkeypatch)
    monkeypatch.setattr(blocks, "BATCH", 3, raising=False)
    J, h = model(22, 0.5)
    assert blocks.log_partition(J, h, executor=Executor()) == blocks.log_partition(J, h)
    assert handed == [(3, 3), (1, 1)]


def test_progress_comes_before_the_work_and_ends_with_it(monkeypatch):
    in_pieces(monkeypatch)
    J, h = model(22, 0.5)
    seen = []
    blocks.log_partition(J, h, progress=lambda *args: seen.append(args))
    assert [done for done, _, _ in seen] == [0, 1, 2, 3, 4]
    assert all(total == 4 for _, total, _ in seen)
    assert seen[0][2] > 0.0 and seen[-1][2] == 0.0


def test_the_estimate_knows_of_logarithms(monkeypatch):
    monkeypatch.setattr(blocks, "estimate_seconds", lambda n, products: products)
    for scale, route, products in (
        (0.1, blocks.log_partition, 1.0),
        (0.1, blocks.moments, 3.0),
        (1e3, blocks.log_partition, 50.0),
        (1e3, blocks.moments, 50.0),
    ):
        told = []
        route(*model(12, scale), progress=lambda done, total, seconds, told=told: told.append(seconds))
        assert told[0] == products and told[-1] == 0.0


def test_a_killed_run_goes_on_where_it_was(monkeypatch, tmp_path):
    in_pieces(monkeypatch)
    J, h = model(22, 0.5)
    whole, done = blocks.moments(J, h), []
    original = blocks._moments_of_range

    @functools.wraps(original)
    def counting(J, h, start, stop):
        done.append(start)
        if len(done) == 3:
            raise KeyboardInterrupt
        return original(J, h, start, stop)

    monkeypatch.setattr(blocks, "_moments_of_range", counting)
    file = tmp_path / "sum.npz"
    with pytest.raises(KeyboardInterrupt):
        blocks.moments(J, h, checkpoint=file)
    again = blocks.moments(J, h, checkpoint=file)
    assert done == [0, 1, 2, 2, 3]  # the third was not finished
    assert all(np.array_equal(a, b) for a, b in zip(again, whole, strict=True))
    blocks.moments(J, h, checkpoint=file)
    assert len(done) == 5 and [path.name for path in tmp_path.iterdir()] == ["sum.npz"]
    for other in ((J, 2.0 * h, 1.0), (J, h, 2.0)):
        with pytest.raises(ValueError, match=r"checkpoint = .*belongs to another problem"):
            blocks.moments(*other, checkpoint=file)
    with pytest.raises(ValueError, match=r"checkpoint = .*belongs to another problem"):
        blocks.log_partition(J, h, checkpoint=file)
    with pytest.raises(ValueError, match=r"checkpoint = .*must lie in a folder that exists"):
        blocks.moments(J, h, checkpoint=file.parent / "nowhere" / "file", progress=lambda *_: pytest.fail())
    file.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match=r"checkpoint = .*is not a checkpoint"):
        blocks.moments(J, h, checkpoint=file)


def test_an_estimate_doubles_with_each_spin(monkeypatch):
    """From a product of 2^28 multiply-adds that took a second, by a clock that ticks when it is read."""
    monkeypatch.setattr(blocks.time, "perf_counter", itertools.count().__next__)
    assert blocks.estimate_seconds(28) == 1.2
    assert blocks.estimate_seconds(38, products=3) == pytest.approx(3 * 1024 * 1.2)


# bad input

BAD = [
    (
        [[0.0, 1.0], [0.5, 0.0]],
        [0.0, 0.0],
        1.0,
        r"couplings\[0, 1\] = 1.0: must equal couplings\[1, 0\] = 0.5",
    ),
    ([[0.0, 1.0], [1.0, 2.0]], [0.0, 0.0], 1.0, r"couplings\[1, 1\] = 2.0: must be 0 on the diagonal"),
    ([[0.0, np.nan], [np.nan, 0.0]], [0.0, 0.0], 1.0, r"couplings\[0, 1\] = nan: must be a finite number"),
    (PLAIN, [0.0, np.inf], 1.0, r"fields\[1\] = inf: must be a finite number"),
    (PLAIN, [0.0], 1.0, r"couplings = .*must have the shape \(1, 1\), not \(2, 2\)"),
    (PLAIN, [[0.0, 0.0]], 1.0, r"fields = .*must have the shape \(n,\), not \(1, 2\)"),
    (PLAIN, [0.0, 0.0], 0.0, r"beta = 0.0: must be positive and finite"),
    (PLAIN, [0.0, 0.0], np.nan, r"beta = nan: must be positive and finite"),
    (1e308 * PLAIN, [0.0, 0.0], 1.0, r"couplings = .*more than float64 holds"),
    (np.zeros((61, 61)), np.zeros(61), 1.0, r"len\((h|fields)\) = 61: must be at most 60"),
]


@pytest.mark.parametrize("route", [blocks.log_partition, blocks.moments, kernels.spin_marginals])
@pytest.mark.parametrize("J, h, beta, says", BAD)
def test_models_that_are_refused(route, J, h, beta, says):
    with pytest.raises(ValueError, match=f"(?s){says}"):
        route(J, h, beta)


def test_other_refusals():
    for route in (kernels.ground_states, lambda J, h: kernels.spin_levels(J, h, 1.0)):
        with pytest.raises(ValueError, match="must be 0 on the diagonal"):
            route(np.eye(2), np.zeros(2))
    with pytest.raises(ValueError, match=r"len\(fields\) = 1100: must be at most 60; .* years or more"):
        blocks.log_partition(np.zeros((1100, 1100)), np.zeros(1100))
    for count in (0, 5, 1.5, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"count = .*must be an integer"):
            kernels.ground_states(PLAIN, np.zeros(2), count)
    with pytest.raises(ValueError, match=r"resolution = 0.0: must be positive"):
        kernels.spin_levels(PLAIN, np.zeros(2), 0.0)
    with pytest.raises(ValueError, match=r"resolution = 1e-30: needs .*GiB of memory"):
        kernels.spin_levels(PLAIN, np.zeros(2), 1e-30)


def test_what_does_not_fit_says_what_it_needs(monkeypatch):
    with pytest.raises(ValueError, match=r"cardinalities = .*: needs 6.71e\+07 GiB of memory"):
        enumeration.configurations((2,) * 47 + (1,) * 16)
    monkeypatch.setattr(spins, "free_memory", lambda: 2**20)
    with pytest.raises(ValueError, match=r"cardinalities = .*: needs .* GiB of memory, and 0.000977 GiB"):
        enumeration.tabulate(lambda y: 0.0, (2,) * 20)
    with pytest.raises(ValueError, match=r"len\(fields\) = 20: needs .* GiB of memory"):
        blocks.log_partition(*model(20))
    with pytest.raises(ValueError, match=r"count = 1000: needs .* GiB of memory"):
        kernels.ground_states(*model(20), count=1000)


# ground states


@pytest.mark.parametrize("unit", [1.0, 0.1, 0.0])
@pytest.mark.parametrize("n, count", [(0, 1), (1, 2), (2, 3), (5, 32), (9, 1), (12, 700), (17, 5)])
def test_ground_states_are_the_first_of_a_sorted_table(n, count, unit):
    """Whole multiples of a number, in which ties abound, and any numbers at all."""
    J, h = model(n, 2.0)
    J, h = (np.clip(np.round(x), -2.0, 2.0) * unit if unit else x for x in (J, h))
    E, S = all_energies(np.round(J / unit), np.round(h / unit)) if unit else all_energies(J, h)
    order = np.argsort(E, kind="stable")[:count]
    energies, states = kernels.ground_states(J, h, count)
    assert states.dtype == np.int8 and states.shape == (count, n)
    np.testing.assert_array_equal(states, S[order])
    if unit:
        np.testing.assert_array_equal(
            energies, unit * E[order]
        )  # a whole number times the unit, rounded once
    left, right = np.triu_indices(n, 1)
    for e, s in zip(energies, states, strict=True):
        terms = [*(J[left, right] * s[left] * s[right]), *(h * s)]
        assert e == pytest.approx(-math.fsum(terms), rel=3e-16, abs=0.0)


def test_more_than_the_degeneracy_and_nothing_but_ties():
    """An antiferromagnet of 10 spins in no field has C(10, 5) ground states, then C(10, 4) + C(10, 6)."""
    J = 0.3 * (np.eye(10) - 1.0)
    energies, states = kernels.ground_states(J, np.zeros(10), 253)
    assert (np.diff(energies) > 0.0).nonzero()[0].tolist() == [251]
    assert np.all(states[:252].sum(axis=1) == 0) and abs(states[252].sum()) == 2
    assert len(np.unique(states, axis=0)) == 253
    energies, states = kernels.ground_states(np.zeros((18, 18)), np.zeros(18), 5000)
    assert not np.any(energies)
    np.testing.assert_array_equal(states, spins.spin_table(18, 0, 5000))


@pytest.mark.parametrize("kind", ["1e17 beside 1/2", "nineteen powers of ten", "all that float64 holds"])
def test_what_is_alike_only_when_rounded_is_no_tie(kind):
    """The order is that of energies that are fractions."""
    J, h = np.array([[0.0, 1e17], [1e17, 0.0]]), np.array([0.5, 0.25])
    assert kernels.ground_states(J, h, 2)[1].tolist() == [[1, 1], [-1, -1]]
    rng = np.random.default_rng(SEED)
    pairs, S = list(itertools.combinations(range(7), 2)), spins.spin_table(7).astype(int)
    for count in (1, 20, 128):
        J, h = hostile(kind, rng)
        F, f = [[Fraction(x) for x in row] for row in J.tolist()], [Fraction(x) for x in h.tolist()]
        E = [
            -sum(F[i][j] * s[i] * s[j] for i, j in pairs) - sum(x * t for x, t in zip(f, s, strict=True))
            for s in S.tolist()
        ]
        order = sorted(range(128), key=E.__getitem__)[:count]
        energies, states = kernels.ground_states(J, h, count)
        np.testing.assert_array_equal(states, S[order])
        assert energies.tolist() == [float(E[k]) for k in order]


# Gray codes and levels


@pytest.mark.parametrize("scale", [0.0, 0.5, 1e3])
@pytest.mark.parametrize("n", [0, 1, 4, 10, 13])
def test_spin_marginals_are_the_enumeration(n, scale):
    J, h = model(n, scale)
    log_z, means, _ = summed(J, h, 0.5)
    found = kernels.spin_marginals(J, h, 0.5)
    assert found[0] == pytest.approx(log_z, rel=1e-14)
    np.testing.assert_allclose(found[1], means, rtol=0, atol=1e-14 * (1.0 + np.abs(J).sum() / 10.0))


def test_a_gray_code_that_begins_afresh_several_times():
    """22 spins of a sparse model: four times 1024 blocks."""
    J, h = model(22, 1.0)
    J *= np.abs(np.subtract.outer(np.arange(22), np.arange(22))) % 19 < 3
    assert 2**22 > 3 * kernels.BLOCK * 2**gray_spins.FAST
    log_z, means = kernels.spin_marginals(J, h)
    assert log_z == pytest.approx(blocks.log_partition(J, h), rel=1e-15)
    np.testing.assert_allclose(means, blocks.moments(J, h)[0], rtol=0, atol=1e-13)


def test_levels_of_spins():
    J, h = (np.round(x) for x in model(12, 1.5))
    E, _ = all_energies(J, h)
    energies, counts = kernels.spin_levels(J, h, 1.0)
    levels, many = np.unique(E, return_counts=True)
    assert np.array_equal(energies, levels) and np.array_equal(counts, many)
    ring = np.roll(np.eye(16), 1, axis=1) + np.roll(np.eye(16), -1, axis=1)
    energies, counts = kernels.spin_levels(ring, np.zeros(16), 4.0)  # 2 C(16, d) states have d domain walls
    assert energies.tolist() == [-16.0 + 4 * d for d in range(9)]
    assert counts.tolist() == [2 * math.comb(16, 2 * d) for d in range(9)]


# factor graphs, and any energy


def random_graph(rng, cardinalities, forbid=0.0):
    """Factors over no, one, two and three variables, some of them named twice; the last variable in none."""
    n = len(cardinalities)
    scopes = [(), (0,), *itertools.combinations(range(n - 1), 2), (2, 1), (3, 0, 2)]
    factors = []
    for scope in scopes:
        table = rng.normal(size=tuple(cardinalities[v] for v in scope))
        factors.append((scope, np.where(rng.random(table.shape) < forbid, np.inf, table)))
    return factors


def tabulated(cardinalities, factors):
    energy = lambda y: float(sum(table[tuple(y[v] for v in scope)] for scope, table in factors))
    return enumeration.tabulate(energy, cardinalities)


def test_tables_that_overflow_are_refused():
    """A free energy of +inf and a log Z of -inf are for tables that forbid everything."""
    calls = [enumeration.free_energy, enumeration.probabilities, enumeration.entropy]
    calls += [enumeration.log_partition, lambda E, beta: enumeration.nll(E, (1,), beta)]
    for call in calls:
        for energies, beta in (([-1e308, 1e308], 1.0), ([1e308, 1e308], 10.0)):
            with pytest.raises(ValueError, match=r"energies = .*must not add up, times beta"):
                call(energies, beta)


def test_graph_marginals_at_a_high_level():
    """Less the level tables are exact here, and so the marginals must be the same to the last digits."""
    tables = [np.array([[0.1, 1.0], [2.0, 0.3]]) + 1e10, np.array([0.0, 0.7]) + 1e10]
    factors, low = ([((0, 1), a), ((1,), b)] for a, b in (tables, (tables[0] - 1e10, tables[1] - 1e10)))
    here, there = (kernels.graph_marginals((2, 2), graph)[1] for graph in (low, factors))
    np.testing.assert_allclose(there, here, rtol=1e-14)


def test_graph_marginals_refuse_what_overflows():
    factors = [((0,), [1e308, 1e308]), ((0,), [1e308, np.inf])]
    with pytest.raises(ValueError, match="factors = '2 factors': must not add up, times beta"):
        kernels.graph_marginals((2,), factors)


@pytest.mark.parametrize("forbid", [0.0, 0.03])
@pytest.mark.parametrize("cardinalities", [(2, 3, 1, 4, 2), (2, 5, 3, 4, 3, 1, 5), (2,) * 12])
def test_graph_marginals_are_the_enumeration(cardinalities, forbid):
    factors = random_graph(np.random.default_rng(len(cardinalities)), cardinalities, forbid)
    factors[0] = factors[0][0], np.array(0.75)
    E = tabulated(cardinalities, factors)
    assert np.any(np.isinf(E)) == (forbid > 0.0)
    log_z, marginals = kernels.graph_marginals(cardinalities, factors, 2.0)
    assert log_z == pytest.approx(enumeration.log_partition(E, 2.0), rel=1e-14)
    for v, p in enumerate(marginals):
        np.testing.assert_allclose(p, enumeration.marginal(E, [v], 2.0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("penalty", [1e3, 1e9, 1e17])
def test_penalties_come_and_go(penalty):
    """What is all but forbidden enters the running energy and leaves it; the rest keeps its digits."""
    rng = np.random.default_rng(5)
    factors = [((i, i + 1), rng.normal(size=(3, 3))) for i in range(5)]
    for _, table in factors:
        table[[0, 2], [1, 2]] = penalty
    energies = sum(np.reshape(table, [3 if v in scope else 1 for v in range(6)]) for scope, table in factors)
    log_z, p = kernels.graph_marginals((3,) * 6, factors)
    assert log_z == pytest.approx(enumeration.log_partition(energies), rel=1e-14)
    for v in range(6):
        np.testing.assert_allclose(p[v], enumeration.marginal(energies, [v]), rtol=1e-13)


def test_graphs_without_anything():
    log_z, marginals = kernels.graph_marginals((), [((), 1.5)], 2.0)
    assert log_z == -3.0 and marginals == []
    log_z, marginals = kernels.graph_marginals((3, 1), [])
    assert log_z == pytest.approx(math.log(3.0)) and [p.tolist() for p in marginals[1:]] == [[1.0]]
    log_z, marginals = kernels.graph_marginals((2, 2), [((1,), [np.inf, np.inf])])
    assert log_z == -np.inf and np.all(np.isnan(marginals))


def test_graph_levels():
    rng = np.random.default_rng(7)
    cardinalities = (3, 2, 4, 2, 5, 3, 2)
    factors = [(scope, np.round(2 * table) / 2) for scope, table in random_graph(rng, cardinalities, 0.2)]
    E = tabulated(cardinalities, factors)
    levels, many = np.unique(E[E < np.inf], return_counts=True)
    energies, counts = kernels.graph_levels(cardinalities, factors, 0.5)
    assert np.array_equal(energies, levels) and np.array_equal(counts, many)


@pytest.mark.parametrize(
    "cardinalities, factors, says",
    [
        ((2, 0), [], r"cardinalities = \(2, 0\): must be integers >= 1"),
        ((2, np.nan), [], r"cardinalities = \(2, nan\): must hold integers"),
        ((np.inf,), [], r"cardinalities = \(inf,\): must hold integers"),
        ((2, 2), [((0, 2), np.zeros((2, 2)))], r"factors\[0\] scope = 2: must be an integer in 0..1"),
        (
            (2, 2),
            [((1, 1), np.zeros((2, 2)))],
            r"factors\[0\] scope = \(1, 1\): must name each variable once",
        ),
        ((2, 3), [((0, 1), np.zeros((3, 2)))], r"factors\[0\] table = .*must have the shape \(2, 3\)"),
        ((2,), [((0,), [0.0, -np.inf])], r"factors\[0\] table = .*must not hold a NaN or -inf"),
        ((2,), [((0,), [0.0, np.nan])], r"factors\[0\] table = .*must not hold a NaN or -inf"),
        ((2,) * 61, [], r"cardinalities = .*must give at most 2\^60 configurations"),
        ([[2, 2]], [], r"cardinalities = .*has shape \(1, 2\), but must have \(n,\)"),
        ({0: 2}, [], r"cardinalities = {0: 2}: "),
        ((2,), [((0,), [1j, 0.0])], r"factors\[0\] table = .*must hold real numbers"),
        ((2,), [((0,), [10**400, 0])], r"factors\[0\] table = "),
        ((2,), [(0, [1.0, 0.0])], r"factors\[0\] = .*must be pairs"),
        ((2,), [[1.0, 0.0]], r"factors\[0\] = .*must be pairs"),
        ((2,), 1.0, "factors = 1.0: must be pairs"),
        ((2,), [((0.0,), [1.0, 0.0])], r"factors\[0\] scope = 0.0: must be an integer in 0..0"),
    ],
)
def test_graphs_that_are_refused(cardinalities, factors, says):
    for route in (kernels.graph_marginals, lambda k, f: kernels.graph_levels(k, f, 1.0)):
        with pytest.raises(ValueError, match=f"(?s){says}"):
            route(cardinalities, factors)


@njit
def bowl(y, centre, edge):
    """A square distance; forbidden where y_0 is the edge, or worse."""
    total = 0.0
    for v in y:
        total += (v - centre) ** 2
    return edge if y[0] == 2 else total


def test_any_energy_that_numba_compiles():
    k = (3, 7, 11, 1, 13)
    for edge in (50.0, np.inf):
        table = enumeration.tabulate(lambda y, edge=edge: bowl.py_func(y, 1.5, edge), k)
        found = kernels.log_partition(bowl, (1.5, edge), k, 0.3)
        assert found == pytest.approx(enumeration.log_partition(table, 0.3), rel=1e-14)
    assert kernels.log_partition(bowl, (1.5, np.inf), (1,), 1.0) == -2.25
    assert math.isnan(kernels.log_partition(bowl, (1.5, np.nan), k))
    with pytest.raises(ValueError, match=r"must not be -inf"):
        kernels.log_partition(bowl, (1.5, -np.inf), k)
    with pytest.raises(ValueError, match=r"cardinalities = \(0,\)"):
        kernels.log_partition(bowl, (1.5, 0.0), (0,))


# the plain table


def test_the_table_answers_for_itself():
    rng = np.random.default_rng(SEED)
    E = rng.normal(size=(2, 3, 4))
    E[1, 2] = np.inf
    p = enumeration.probabilities(E, 2.0)
    weights = np.exp(-2.0 * E)
    np.testing.assert_allclose(p, weights / weights.sum(), rtol=1e-14)
    np.testing.assert_allclose(enumeration.marginal(E, [2, 0], 2.0), p.sum(axis=1).T, rtol=1e-14)
    assert enumeration.free_energy(E, 2.0) == pytest.approx(-np.log(weights.sum()) / 2.0, rel=1e-14)
    positive = p[p > 0.0]
    assert enumeration.entropy(E, 2.0) == pytest.approx(-np.sum(positive * np.log(positive)), rel=1e-13)
    mean = enumeration.expectation(E, np.where(E < np.inf, E, np.nan), 2.0)  # what is forbidden is not read
    # S = beta (<E> - F)
    assert enumeration.entropy(E, 2.0) == pytest.approx(2.0 * (mean - enumeration.free_energy(E, 2.0)))
    energies, best = enumeration.k_best(E, 5)
    assert np.array_equal(energies, np.sort(E.ravel())[:5])
    assert [E[tuple(y)] for y in best] == energies.tolist()
    assert enumeration.most_offending(E, best[0]).tolist() == best[1].tolist()
    assert enumeration.most_offending(E, best[3]).tolist() == best[0].tolist()
    y = (1, 0, 2)
    assert enumeration.nll(E, y, 2.0) == pytest.approx(-np.log(p[y]) / 2.0, rel=1e-14)
    assert enumeration.nll(E, (1, 2, 0)) == np.inf


def test_exact_gradient_of_the_likelihood():
    """<dE>_data - <dE>_model, for a Boltzmann machine of four units, against central differences."""
    rng = np.random.default_rng(3)
    W, b = boltzmann.random_couplings(rng, 4), rng.normal(size=4)
    data = rng.integers(2, size=(6, 4))
    table = lambda W: enumeration.tabulate(lambda x: boltzmann.boltzmann(W, b, x), (2,) * 4)
    loss = lambda W: np.mean([enumeration.nll(table(W), x) for x in data])
    slope = lambda x: boltzmann.boltzmann_weights_gradient(W, b, x)
    g = enumeration.nll_gradient(table(W), slope, data)
    h = 2.0**-17
    for i, j in itertools.combinations(range(4), 2):
        step = np.zeros((4, 4))
        step[i, j] = step[j, i] = h
        difference = (loss(W + step) - loss(W - step)) / (2 * h)
        assert g[i, j] + g[j, i] == pytest.approx(difference, rel=1e-7, abs=1e-9)


def test_everything_forbidden():
    """log Z is -inf; probabilities and answers there are none."""
    E = np.full((2, 2), np.inf)
    assert enumeration.log_partition(E) == -np.inf and enumeration.free_energy(E) == np.inf
    asked = (
        lambda: enumeration.probabilities(E),
        lambda: enumeration.entropy(E),
        lambda: enumeration.nll(E, (0, 0)),
        lambda: enumeration.k_best(E, 1),
        lambda: enumeration.most_offending([0.0, np.inf], (0,)),
    )
    for ask in asked:
        with pytest.raises(ValueError, match=r"must allow a configuration"):
            ask()


@pytest.mark.parametrize(
    "ask, says",
    [
        (lambda: enumeration.log_partition([0.0, -np.inf]), "must not be -inf"),
        (lambda: enumeration.log_partition([]), "must hold a configuration"),
        (lambda: enumeration.tabulate(lambda y: -np.inf, (2,)), "must not be -inf"),
        (lambda: enumeration.tabulate(lambda y: 0.0, (2, 0)), "must be integers >= 1"),
        (lambda: enumeration.tabulate(lambda y: 0.0, (2, np.nan)), "must hold integers"),
        (lambda: enumeration.k_best([1.0, 2.0], 1.5), "count = 1.5: must be an integer between 1 and 2"),
        (lambda: enumeration.k_best([1.0, np.inf], 2), "must be an integer between 1 and 1"),
        (lambda: enumeration.k_best([1.0, np.nan], 1), "must not hold a NaN"),
        (lambda: enumeration.marginal(np.zeros((2, 2)), [2]), r"variables = 2: must be an integer in 0..1"),
        (lambda: enumeration.marginal(np.zeros((2, 2)), [0, 0]), "must name each variable once"),
        (lambda: enumeration.nll(np.zeros((2, 2)), (0,)), "must have 2 entries"),
        (lambda: enumeration.nll(np.zeros((2, 2)), (0, 2)), r"answer = 2: must be an integer in 0..1"),
        (lambda: enumeration.nll_gradient(np.zeros(2), np.eye(2), []), "must hold a configuration"),
        (lambda: enumeration.expectation(np.zeros(2), np.zeros(3)), "must begin with the axes"),
        (lambda: enumeration.probabilities(np.zeros(2), -1.0), "beta = -1.0: must be positive"),
    ],
)
def test_tables_that_are_refused(ask, says):
    with pytest.raises(ValueError, match=says):
        ask()


def test_a_nan_is_a_nan():
    E = np.array([0.0, np.nan])
    assert math.isnan(enumeration.log_partition(E)) and math.isnan(enumeration.free_energy(E))
    assert np.all(np.isnan(enumeration.probabilities(E))) and math.isnan(enumeration.entropy(E))


def test_no_variable_has_one_configuration():
    E = enumeration.tabulate(lambda y: 1.5, ())
    assert enumeration.configurations(()).shape == (1, 0)
    assert enumeration.log_partition(E) == -1.5 and enumeration.k_best(E, 1)[1].shape == (1, 0)


# one model in three forms


def test_spins_bits_and_quadratic_forms_are_one_model():
    """Exactly, constants included, in every configuration: the numbers are multiples of 1/8."""
    J, h = (np.round(8 * x) / 8 for x in model(5))
    W, b, up = qubo.bits_from_spins(J, h)
    Q, same = qubo.qubo_from_spins(J, h)
    back = qubo.spins_from_bits(W, b)
    again = qubo.spins_from_qubo(Q)
    lopsided = np.triu(2.0 * Q) - np.diag(np.diag(Q))
    ising, bits, form = (FORMULAS[name].value for name in ("ising", "boltzmann", "qubo"))
    for s in spins.spin_table(5).astype(int):
        x = (1 + s) // 2
        assert ising(J, h, s) == bits(W, b, x) + up == form(Q, x) + same
        assert bits(W, b, x) == ising(*back[:2], s) + back[2]
        assert form(Q, x) == ising(*again[:2], s) + again[2] == form(lopsided, x)
    assert all(np.array_equal(a, b) for a, b in zip(back[:2], (J, h), strict=True)) and back[2] == -up
    assert all(np.array_equal(a, b) for a, b in zip(qubo.bits_from_qubo(lopsided), (W, b), strict=True))
    assert np.array_equal(qubo.qubo_from_bits(W, b), Q)


@pytest.mark.parametrize("convert", [qubo.bits_from_spins, qubo.spins_from_bits, qubo.qubo_from_bits])
def test_conversions_refuse_what_the_sums_refuse(convert):
    with pytest.raises(ValueError, match="must be 0 on the diagonal"):
        convert(np.eye(2), np.zeros(2))
    with pytest.raises(ValueError, match="must equal"):
        convert([[0.0, 1.0], [0.0, 0.0]], np.zeros(2))


@pytest.mark.parametrize(
    "name, inputs, says",
    [
        ("ising", (PLAIN, np.zeros(2), np.array([0, 1])), r"spins = \[0\.? 1\.?\]: must be -1 or 1 each"),
        (
            "boltzmann",
            (PLAIN, np.zeros(2), np.array([-1, 1])),
            r"bits = \[-1\.?  ?1\.?\]: must be 0 or 1 each",
        ),
        ("qubo", (PLAIN, np.array([0, 2])), r"bits = \[0\.? 2\.?\]: must be 0 or 1 each"),
        ("potts", (PLAIN, np.zeros((2, 3)), np.array([0, 3])), r"labels = 3: must be an integer in 0..2"),
    ],
)
def test_states_that_are_none(name, inputs, says):
    f = FORMULAS[name]
    for function in (f.value, *f.gradients.values()):
        with pytest.raises(ValueError, match=says):
            function(*inputs)
    with pytest.raises(ValueError, match="must be square"):
        qubo.bits_from_qubo(np.zeros((2, 3)))
