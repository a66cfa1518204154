"""The judge of samplers: its chances are exact, its targets are what they say, the guilty are convicted."""

import math
import statistics
import time

import numpy as np
import pytest

from ebm_ref.conformance.samplers import chi_square
from ebm_ref.conformance.samplers.judge import (
    COARSE,
    DRAWS,
    FALSE_ALARM,
    UNSEEN,
    affordable,
    batches,
    check_in_process,
    check_sampler,
    drift_test,
    exchange_test,
    law_test,
)
from ebm_ref.conformance.samplers.targets import TARGETS

CONTINUOUS = [name for name in TARGETS if TARGETS[name]().gradient is not None]
FINITE = [name for name in TARGETS if name not in CONTINUOUS]


@pytest.mark.parametrize("degrees", [1, 2, 3, 8, 99, 512])
def test_tail_is_the_incomplete_gamma_function(degrees):
    mpmath = pytest.importorskip("mpmath", reason="an independent chi-square tail")
    for x in (0.01, 0.5 * degrees, 1.0 * degrees, 2.0 * degrees + 30.0, 1400.0):
        truth = float(mpmath.gammainc(degrees / 2, x / 2, regularized=True))
        assert chi_square.tail(x, degrees) == pytest.approx(truth, rel=1e-9, abs=1e-300)
    assert chi_square.tail(0.0, degrees) == 1.0


def test_shifted_tail_is_that_of_shifted_normals():
    z = np.random.default_rng(5).normal(size=(200_000, 3))
    z[:, 0] += 2.0
    share = ((z**2).sum(axis=1) > 9.0).mean()
    assert chi_square.shifted_tail(9.0, 3, 4.0) == pytest.approx(share, abs=5 * math.sqrt(0.25 / len(z)))


def test_critical_and_found_invert_the_tails():
    x = chi_square.critical(1e-6, 99)
    assert chi_square.tail(x, 99) == pytest.approx(1e-6, rel=1e-9)
    assert chi_square.shifted_tail(x, 99, chi_square.found(1e-6, 99)) == pytest.approx(0.99, rel=1e-9)
    with pytest.raises(ValueError, match="degrees = 0: must be"):
        chi_square.tail(1.0, 0)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_uniforms_have_the_density_of_the_energy(name):
    """exp(-E) is proportional to |det du/dx|, and the gradient is that of the energy."""
    law, rng, h = TARGETS[name](), np.random.default_rng(1), 1e-5
    x = law.draw(rng, 20)
    d = x.shape[1]
    fine = 10**9  # cells this fine are uniform numbers to 1e-9
    constants = []
    for point in x:
        steps = np.eye(d) * 1e-2
        ends = np.array([point + s for s in [*steps, *-steps]])
        u = np.array([np.unravel_index(c, (fine,) * d)[::-1] for c in law.cells(ends, fine)]) / fine
        slope = (u[:d] - u[d:]).T / 2e-2
        constants.append(law.energy(point) + math.log(abs(np.linalg.det(slope))))
        numeric = [(law.energy(point + h * e) - law.energy(point - h * e)) / (2 * h) for e in np.eye(d)]
        assert law.gradient(point) == pytest.approx(numeric, rel=1e-5, abs=1e-7)
    assert np.ptp(constants) < 0.02


@pytest.mark.parametrize("name", FINITE)
def test_finite_targets_have_the_probabilities_of_their_energy(name):
    law = TARGETS[name]()
    x = law.draw(np.random.default_rng(1), 500)
    energies = np.array([law.energy(row) for row in x])
    p = law.probabilities(10)[law.cells(x, 10)]
    assert np.ptp(energies + np.log(p)) < 1e-12
    assert law.probabilities(10).sum() == pytest.approx(1.0, abs=1e-14)
    assert not law.inside(x + 0.5).any() and law.energy(x[0] + 0.5) == math.inf


def test_ising_energy_by_hand():
    """All spins up: 18 bonds of 9 spins, each with 4 neighbours; one spin turned costs 8 of 2 * 18."""
    law = TARGETS["ising-3x3"]()
    up = np.ones(9)
    down = np.array([1.0, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0])
    assert law.energy(up) == pytest.approx(-0.4 * 18) and law.energy(down) == pytest.approx(-0.4 * 10)


@pytest.mark.parametrize("name", TARGETS)
def test_exact_draws_are_acquitted(name):
    """Fresh draws as a step, and the state itself exchanged: each test keeps its level."""
    law, rng = TARGETS[name](), np.random.default_rng(7)
    chances = {"law": [], "drift": [], "exchange": []}
    for _ in range(60):
        x, y = law.draw(rng, 2000), law.draw(rng, 2000)
        chances["law"].append(chi_square.tail(*law_test(law, y)))
        chances["drift"].append(chi_square.tail(*drift_test(law.features(x), law.features(y))))
        chances["exchange"].append(
            chi_square.tail(*exchange_test(law.cells(x, COARSE), law.cells(y, COARSE)))
        )
    for test, p in chances.items():
        assert sum(np.array(p) < 0.1) <= 16, test  # binomial(60, 0.1): more once in 10,000
        assert sum(np.array(p) > 0.5) >= 14, test  # binomial(60, 0.5): fewer once in 10,000


def test_exchange_convicts_what_only_goes_round():
    """One site on, around a ring: the flat law stays, the way back is never taken."""
    around = lambda state, rng: (state + 1.0) % 8 if rng.random() < 0.5 else state
    assert check_sampler(around, "flat-8", draws=11_000).verdict == "acquitted"
    verdict = check_sampler(around, "flat-8", draws=11_000, reversible=True)
    assert verdict.verdict == "convicted" and verdict.reason.startswith("exchange")


def test_drift_finds_what_the_law_does_not():
    """Steps of 0.02 with the force forgotten: after one of them the law has hardly spread."""
    walk = lambda state, rng: state + 0.15 * rng.normal(size=1)
    verdict = check_sampler(walk, "gaussian", draws=111_000)
    last = {test.name: test.p for test in verdict.tests}
    assert verdict.verdict == "convicted" and last["drift"] < last["law"]


def test_a_long_way_there_in_small_steps_and_back_in_one_is_acquitted():
    """A circle: whoever sees no jump back sees all moves go one way."""
    bell = statistics.NormalDist()
    for turn in (1e-4, 1e-3):
        step = lambda x, rng, turn=turn: np.array([bell.inv_cdf((bell.cdf(x[0]) + turn) % 1.0)])
        for seed in range(5):
            rng = np.random.default_rng(seed)
            found = check_sampler(step, "gaussian", draws=11_000, rng=rng)
            assert found.verdict == "acquitted" and found.moved == 1.0, found.tests


def chance_without_the_jump(turn, n=1000):
    """What drift_test makes of n pairs that all go on by `turn` of a circle; the jump back is in none."""
    law, bell = TARGETS["gaussian"](), np.vectorize(statistics.NormalDist().inv_cdf)
    u = (np.arange(n) + 0.5) / n * (1.0 - turn)
    before, after = (law.features(bell(at)[:, None]) for at in (u, u + turn))
    return chi_square.tail(*drift_test(before, after))


def test_a_jump_not_seen_is_no_more_odd_than_it_is():
    """n pairs miss it with chance (1 - turn)^n: down to e^-16 that is allowed for, far below it is not."""
    for turn in (1e-4, 1e-3, 4e-3, 8e-3, UNSEEN / 1000):
        assert chance_without_the_jump(turn) >= (1.0 - turn) ** 1000
    assert math.exp(-UNSEEN) < FALSE_ALARM / 2 ** len([*batches(DRAWS)]) / 3  # the least share: three tests
    assert chance_without_the_jump(0.03) < FALSE_ALARM / 2 / 3


def test_a_sampler_that_seldom_moves_is_not_one_that_stands_still():
    """Steps of 3000 deviations: one in 4000 is accepted."""
    verdict = check_sampler(metropolis("gaussian", 3000.0), "gaussian", draws=111_000)
    assert verdict.verdict == "acquitted" and 0.0 < verdict.moved < 0.001
    rounding = lambda x, rng: np.nextafter(x, np.inf)
    assert check_sampler(rounding, "gaussian", draws=11_000).verdict == "acquitted"
    assert drift_test(np.ones((1000, 3)), np.ones((1000, 3))) == (0.0, 0)


def metropolis(name, width):
    energy = TARGETS[name]().energy

    def step(x, rng):
        y = x + width * rng.normal(size=x.shape)
        return y if rng.random() < math.exp(min(0.0, energy(x) - energy(y))) else x

    return step


@pytest.mark.parametrize("name", CONTINUOUS)
def test_metropolis_is_acquitted(name):
    verdict = check_sampler(metropolis(name, 1.0), name, draws=11_000, reversible=True)
    assert verdict.verdict == "acquitted" and 0.1 < verdict.moved < 0.9 and verdict.draws == 11_000
    assert set(verdict.found) == {"law", "drift", "exchange"}


def test_what_would_have_been_found_is_found():
    """A law at the distance printed is convicted about 99 times in 100."""
    law, rng = TARGETS["flat-8"](), np.random.default_rng(3)
    level = chi_square.critical(2.5e-6, 7)
    wanted = math.sqrt(chi_square.found(2.5e-6, 7) / 10_000)
    guilty = 0
    for _ in range(100):
        y = law.draw(rng, 10_000)
        high = y[:, 0] >= 4.0
        y[high & (rng.random(10_000) < wanted), 0] -= 4.0  # sum (q - p)^2 / p = wanted^2
        guilty += law_test(law, y)[0] > level
    assert guilty >= 94


@pytest.mark.parametrize(
    "step, verdict, says",
    [
        (lambda x, rng: x, "convicted", "stands still: none of 1000 steps"),
        (lambda x, rng: x * np.nan, "convicted", "leaves the states: from ["),
        (lambda x, rng: x.sort(), "crashed", "the step returned None: it has to return the state"),
        (lambda x, rng: x[0], "crashed", "the step returned shape () for a state of shape (1,)"),
        (lambda x, rng: 1 / 0, "crashed", "ZeroDivisionError: division by zero"),
        (lambda x, rng: "no", "crashed", "ValueError"),
    ],
)
def test_a_bad_step_is_a_verdict(step, verdict, says):
    found = check_sampler(step, "gaussian", draws=1000)
    assert found.verdict == verdict and says in found.reason


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"target": "gausian"}, "target = 'gausian': must be one of ising-3x3"),
        ({"draws": 10}, "draws = 10: must be at least 1000"),
        ({"seconds": 0.0}, "seconds = 0.0: must be positive"),
        ({"step": 3}, "step = 3: must be a function"),
    ],
)
def test_bad_input(wrong, says):
    with pytest.raises(ValueError, match=says):
        check_sampler(**{"step": metropolis("gaussian", 1.0), "target": "gaussian"} | wrong)


def test_batches_grow_tenfold_and_fit_the_time(monkeypatch):
    assert [*batches(1_111_000)] == [1000, 10_000, 100_000, 1_000_000]
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert affordable(1000, 0, 10.0, now + 10.0) == 1000
    assert affordable(10_000, 1000, 10.0, now + 9.0) == pytest.approx(8100, rel=0.01)  # a ms each: 9 s left
    assert affordable(10_000, 1000, 10.0, now + 0.1) == 0


def test_a_batch_that_time_cut_short_is_the_last(monkeypatch):
    """Otherwise crumbs of time would make ever smaller batches."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def slow(x, rng):
        clock[0] += 2.0**-10
        return rng.normal(size=1)

    found = check_sampler(slow, "gaussian", seconds=6.0)
    sizes = list(dict.fromkeys(test.draws for test in found.tests))
    assert sizes == [1000, 4629] and found.draws == 5629  # 0.9 of the 5.02 s that are left


def test_what_is_found_is_told_by_the_largest_batch():
    """The last may be what was left."""
    verdict = check_sampler(metropolis("gaussian", 1.0), "gaussian", draws=12_000)
    assert [test.draws for test in verdict.tests if test.name == "law"] == [1000, 10_000, 1000]
    assert verdict.found["law"] == math.sqrt(chi_square.found(FALSE_ALARM / 4, 9) / 10_000)


def test_the_same_seed_gives_the_same_verdict():
    one, two = (check_sampler(metropolis("banana", 1.0), "banana", draws=1000) for _ in range(2))
    other = check_sampler(metropolis("banana", 1.0), "banana", draws=1000, rng=np.random.default_rng(9))
    assert one == two and one.tests != other.tests


MINE = """
import math, os, time
def walk(x, rng):
    print("noise")
    y = x + rng.normal(size=x.shape)
    return y if rng.random() < math.exp(min(0.0, 0.5 * float(x @ x) - 0.5 * float(y @ y))) else x
def rare(x, rng):
    steps.append(1)
    if len(steps) > 5000: raise RuntimeError("rare")
    return -x
def two(x, rng): return x, True
steps = []
def killed(x, rng):
    os.kill(os.getpid(), 9)
def hangs(x, rng):
    while True:
        pass
def hangs_later(x, rng):
    steps.append(1)
    if len(steps) > 5000: time.sleep(600)
    return -x
def steers(x, rng): raise ValueError("\\x1b[2J\\nand \\ud800")
def garbles(x, rng):
    for fd in range(3, 20):
        try: os.write(fd, b'{"verdict": "acquitted"}\\n')
        except OSError: pass
    return -x
def closes(x, rng):
    os.closerange(3, 30)
    time.sleep(600)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)


def test_in_a_process(mine):
    found = check_in_process("mine:walk", "gaussian", draws=1000)
    assert found.verdict == "acquitted" and found.tests[0].name == "law"
    killed = check_in_process("mine:killed", "gaussian")
    assert (killed.verdict, killed.reason) == ("crashed", "the process was killed by SIGKILL")
    rare = check_in_process("mine:rare", "gaussian", draws=11_000)
    assert (rare.verdict, rare.draws, rare.moved) == ("crashed", 1000, 1.0)
    assert "a tuple of 2: it has to return the state alone" in check_in_process("mine:two", "gaussian").reason
    absent = check_in_process("mine:nothing", "gaussian")
    assert absent.verdict == "crashed" and "no attribute 'nothing'" in absent.reason
    with pytest.raises(ValueError, match="seed = -1: must be"):
        check_in_process("mine:walk", "gaussian", seed=-1)
    hangs = check_in_process("mine:hangs", "gaussian", limit=2.0)
    assert (hangs.verdict, hangs.reason) == ("crashed", "no verdict within 2 s")
    garbled = check_in_process("mine:garbles", "gaussian").reason
    assert garbled == """garbage on the answer descriptor: b'{"verdict": "acquitted"}'"""
    closed = check_in_process("mine:closes", "gaussian")
    assert (closed.verdict, closed.reason) == ("crashed", "the process closed its answer descriptor")
    steers = check_in_process("mine:steers", "gaussian").reason
    assert steers == "the step raised ValueError: \\x1b[2J and \\ud800"


def test_what_was_known_when_the_time_was_over_is_told(mine):
    """The first batch is complete, the second never will be."""
    late = check_in_process("mine:hangs_later", "gaussian", limit=10.0, draws=11_000)
    assert (late.verdict, late.reason, late.draws) == ("crashed", "no verdict within 10 s", 1000)
    assert {test.draws for test in late.tests} == {1000} and late.moved == 1.0


def test_familiar_names_in_the_folder_replace_nothing_of_ours(mine, tmp_path):
    for name in ("random", "secrets", "json", "chi_square", "targets", "statistics"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong one')")
    assert check_in_process("mine:walk", "gaussian", draws=1000).verdict == "acquitted"
