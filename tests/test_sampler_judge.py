"""The judge of samplers: its chances are exact, its targets are what they say, the guilty are convicted."""

import json
import math
import statistics
import time
import types

import numpy as np
import pytest

from ebm_ref.conformance.samplers import chi_square
from ebm_ref.conformance.samplers.judge import (
    DRAWS,
    FALSE_ALARM,
    Finding,
    Stopped,
    _convict,
    check_in_process,
    check_sampler,
    looks,
)
from ebm_ref.conformance.samplers.stepper import packed, unpacked
from ebm_ref.conformance.samplers.tally import STEPS, UNSEEN, Tally, law_test, moved_test
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
def test_means_under_the_law_are_known(name):
    """Features and heat have mean zero, statistics are those of one energy, all within what draws allow."""
    law, n = TARGETS[name](), 200_000
    x = law.draw(np.random.default_rng(2), n)
    for values in (law.features(x), law.heat(x)[:, None]):
        assert (abs(values.mean(axis=0)) <= 5.0 * values.std(axis=0) / math.sqrt(n) + 1e-12).all()
    energies, single = law.statistics["mean energy"](x[:50]), np.array([law.energy(row) for row in x[:50]])
    assert np.ptp(energies - single) < 1e-12
    floor = single - energies + law.statistics["mean energy"](x).min()
    assert law.heat(x).max() - law.heat(x).min() <= 14.0 and np.isfinite(floor).all()


@pytest.mark.parametrize("name", CONTINUOUS)
def test_heat_is_centred_by_quadrature_too(name):
    """E[min(E, 7)] once more: by the uniform numbers of a million strata, or of exponential energies."""
    law = TARGETS[name]()
    offset = -law.heat(law.draw(np.random.default_rng(0), 1000)).min()  # about the mean, less the least E
    if law.draw(np.random.default_rng(0), 1).shape[1] == 2 or name == "half-line":
        assert -law.heat(np.zeros((1, 1)) if name == "half-line" else LOWEST[name])[0] == pytest.approx(
            1.0 - math.exp(-7.0), abs=1e-12
        )
    else:
        t = np.linspace(-300.0, 300.0, 3_000_001)[:, None]
        p = np.exp(-law.statistics["mean energy"](t))
        assert abs(p @ law.heat(t)) / p.sum() < 2e-6 and offset > 0.0


LOWEST = {"gaussian-correlated": np.zeros((1, 2)), "banana": np.array([[0.0, -1.0]])}


def chains(law, n, rng, stay=0.0):
    """n chains of steps that stay with some probability, and are fresh draws otherwise."""
    x = law.draw(rng, n)
    states = [x]
    for _ in range(STEPS):
        states.append(np.where(rng.random((n, 1)) < stay, states[-1], law.draw(rng, n)))
    return x, np.stack(states[1:], axis=1)


@pytest.mark.parametrize("stay", [0.0, 0.9])
@pytest.mark.parametrize("name", TARGETS)
def test_exact_draws_are_acquitted(name, stay):
    """Each test keeps its level: it may be too careful, and never too quick."""
    law, rng, chances = TARGETS[name](), np.random.default_rng(7), {}
    for _ in range(30):
        tally = Tally(law, reversible=True)
        tally.add(*chains(law, 500, rng, stay))
        for test, (_, statistic, degrees) in tally.tests().items():
            chances.setdefault(test, []).append(chi_square.tail(statistic, degrees))
    assert {name for name, _ in chances} | {"energy"} >= {"drift", "path", "energy", "exchange"}
    for test, p in chances.items():
        assert sum(np.array(p) < 0.1) <= 10, test  # binomial(30, 0.1): more once in 20,000
        assert test[0] != "law" or sum(np.array(p) > 0.5) >= 5, test  # fewer once in 30,000


def test_a_tally_of_parts_is_that_of_the_whole():
    law = TARGETS["banana"]()
    x, paths = chains(law, 300, np.random.default_rng(1), stay=0.5)
    whole, parts = Tally(law, True), Tally(law, True)
    whole.add(x, paths)
    for part in np.array_split(np.arange(300), 7):
        parts.add(x[part], paths[part])
    one, other = whole.tests(), parts.tests()
    assert (
        one.keys() == other.keys()
        and whole.moved == parts.moved
        and whole.kept() == pytest.approx(parts.kept())
    )
    assert all(np.allclose(one[test], other[test], rtol=1e-9) for test in one)


def test_given_the_start_is_the_regression_on_it():
    """T^2 of the residuals of a least-squares fit without a constant, and of the variance added."""
    rng, n = np.random.default_rng(3), 4000
    f = rng.normal(size=(n, 2))
    d = f @ np.array([[0.5, -1.0], [0.25, 0.0]]) + rng.normal(size=(n, 2)) + 0.05
    rows = np.hstack([f, d])
    found = moved_test(n, rows.sum(axis=0), rows.T @ rows, slice(0, 2), slice(2, 4), 1.0)
    r = d - f @ np.linalg.lstsq(f, d, rcond=None)[0]
    S = r.T @ r / n + np.eye(2) * UNSEEN**2 / (chi_square.critical(math.exp(-UNSEEN), 2) * n)
    assert found == (pytest.approx(n * r.mean(axis=0) @ np.linalg.solve(S, r.mean(axis=0))), 2)


def test_exchange_convicts_what_only_goes_round():
    """One site on, around a ring: the flat law stays, the way back is never taken."""
    around = lambda state, rng: (state + 1.0) % 8 if rng.random() < 0.5 else state
    assert check_sampler(around, "flat-8", draws=11_000).verdict == "acquitted"
    verdict = check_sampler(around, "flat-8", draws=11_000, reversible=True)
    assert verdict.verdict == "convicted" and verdict.reason.startswith("exchange: there and back")


def test_sixteen_steps_find_what_one_does_not():
    """Steps of 0.15 with the force forgotten: after one of them the law has hardly spread."""
    walk = lambda state, rng: state + 0.15 * rng.normal(size=1)
    verdict = check_sampler(walk, "gaussian", draws=111_000)
    last = {(test.name, test.steps): test.p for test in verdict.tests}
    assert verdict.verdict == "convicted"
    assert last["drift", 16] < 1e-3 * last["drift", 1] and "mean of x^2 up by 0.3" in verdict.reason


@pytest.mark.parametrize("factor, way", [(0.95, "down"), (1.05, "up")])
def test_it_says_which_way(factor, way):
    found = check_sampler(lambda x, rng: factor * rng.normal(size=1), "gaussian", draws=111_000)
    assert found.verdict == "convicted" and f"mean of x^2 {way} by" in found.reason
    law = TARGETS["gaussian"]()
    x, paths = chains(law, 5000, np.random.default_rng(1))
    tally = Tally(law)
    tally.add(x, factor * paths)
    assert tally.heats_up() == (way == "up")
    shifted = check_sampler(lambda x, rng: rng.normal(size=1) + factor - 0.8, "gaussian", draws=111_000)
    assert shifted.moves[0].startswith("mean of x up by 0.")


def test_a_long_way_there_in_small_steps_and_back_in_one_is_acquitted():
    """A circle: whoever sees no jump back sees all moves go one way."""
    bell = statistics.NormalDist()
    for turn in (1e-4, 1e-3):
        step = lambda x, rng, turn=turn: np.array([bell.inv_cdf((bell.cdf(x[0]) + turn) % 1.0)])
        for seed in range(5):
            rng = np.random.default_rng(seed)
            found = check_sampler(step, "gaussian", draws=16_000, rng=rng)
            assert found.verdict == "acquitted" and found.moved == 1.0, found.tests


def chance_without_the_jump(turn, n=1000):
    """What is made of n chains that all go on by `turn` of a circle a step; the jump back is in none."""
    law, bell, tally = TARGETS["gaussian"](), np.vectorize(statistics.NormalDist().inv_cdf), None
    u = (np.arange(n) + 0.5) / n * (1.0 - STEPS * turn)
    tally = Tally(law)
    path = bell(u[:, None] + turn * np.arange(1, STEPS + 1))
    tally.add(bell(u)[:, None], path[:, :, None])
    found = tally.tests()
    return {test: chi_square.tail(*found[test][1:]) for test in found if test[0] in ("drift", "path")}


def test_a_jump_not_seen_is_no_more_odd_than_it_is():
    """n chains miss it with chance (1 - 16 turn)^n: down to e^-17 that is allowed for, not far below."""
    for turn in (1e-5, 1e-4, 3e-4, 6e-4, UNSEEN / 16_000):
        assert min(chance_without_the_jump(turn).values()) >= (1.0 - STEPS * turn) ** 1000
    assert math.exp(-UNSEEN) < FALSE_ALARM / len(looks(DRAWS)) / 9  # the least share: nine tests
    assert min(chance_without_the_jump(0.01).values()) < FALSE_ALARM / 100


def test_a_sampler_that_seldom_moves_is_not_one_that_stands_still():
    """Steps of 3000 deviations: one in 4000 is accepted."""
    verdict = check_sampler(metropolis("gaussian", 3000.0), "gaussian", draws=111_000)
    assert verdict.verdict == "acquitted" and 0.0 < verdict.moved < 0.001
    assert verdict.reason == f"nothing found, but it hardly moves: 16 steps keep {verdict.kept:.3f} of x"
    rounding = lambda x, rng: np.nextafter(x, np.inf)
    assert check_sampler(rounding, "gaussian", draws=11_000).verdict == "acquitted"
    assert moved_test(1000, np.ones(2), np.zeros((2, 2)), slice(0, 1), slice(1, 2), 1.0) == (0.0, 0)


def metropolis(name, width):
    energy = TARGETS[name]().energy

    def step(x, rng):
        y = x + width * rng.normal(size=x.shape)
        return y if rng.random() < math.exp(min(0.0, energy(x) - energy(y))) else x

    return step


@pytest.mark.parametrize("name", CONTINUOUS)
def test_metropolis_is_acquitted(name):
    verdict = check_sampler(metropolis(name, 1.0), name, draws=11_000, reversible=True)
    assert verdict.verdict == "acquitted" and 0.1 < verdict.moved < 0.9 and verdict.draws == 687 * 16
    assert set(verdict.found) >= {"drift", "path", "energy", "exchange"}


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
        guilty += law_test(law, np.bincount(law.cells(y, 10), minlength=8))[0] > level
    assert guilty >= 94


@pytest.mark.parametrize(
    "step, verdict, says",
    [
        (lambda x, rng: x, "convicted", "stands still: none of 4000 steps"),
        (lambda x, rng: x * np.nan, "convicted", "leaves the states: from ["),
        (lambda x, rng: x.sort(), "crashed", "ValueError: it returned None: it has to return the state"),
        (lambda x, rng: x[0], "crashed", "it returned shape () for a state of shape (1,)"),
        (lambda x, rng: 1 / 0, "crashed", "ZeroDivisionError: division by zero"),
        (lambda x, rng: "no", "crashed", "it returned <U2 where numbers are due"),
        (lambda x, rng: x + 0j, "crashed", "it returned complex128 where numbers are due"),
        (lambda x, rng: 1e200 * x if abs(x) < 1e200 else 1 / 0, "crashed", "ZeroDivisionError"),
    ],
)
def test_a_bad_step_is_a_verdict(step, verdict, says):
    found = check_sampler(step, "gaussian", draws=4000)
    assert found.verdict == verdict and says in found.reason


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"target": "gausian"}, "target = 'gausian': must be one of ising-3x3"),
        ({"draws": 10}, "draws = 10: must be at least 4000"),
        ({"seconds": 0.0}, "seconds = 0.0: must be positive"),
        ({"step": 3}, "step = 3: must be a function"),
    ],
)
def test_bad_input(wrong, says):
    with pytest.raises(ValueError, match=says):
        check_sampler(**{"step": metropolis("gaussian", 1.0), "target": "gaussian"} | wrong)


def test_a_state_left_before_the_step_raises_is_what_is_wrong():
    """Beside the sites there is no energy, and the next step trips over that."""

    def astray(x, rng):
        return np.array([[1.0, 2.0, 3.0][int(x[0])]]) if x[0] < 3.0 else 1 / 0 if x[0] == 8.5 else x + 1.5

    found = check_sampler(astray, "flat-8", draws=4000)
    assert found.verdict == "convicted" and found.reason.startswith("leaves the states: from [")


def test_looks_are_half_as_many_more_each_time():
    assert len(looks(DRAWS)) == 19 and looks(DRAWS)[-1] == 312_500 and looks(4000) == [250]
    assert looks(16_000) == [250, 375, 562, 843, 1000]


def test_a_run_that_time_cut_short_is_judged_by_what_there_is(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def slow(x, rng):
        clock[0] += 2.0**-10
        return rng.normal(size=1)

    found = check_sampler(slow, "gaussian", seconds=6.0)
    assert found.verdict == "acquitted" and 5600 <= found.draws <= 6144 + 256
    assert {test.draws for test in found.tests if test.name != "exchange"} == {found.draws // 16}
    found = check_sampler(slow, "gaussian", seconds=3.0)
    assert found.verdict == "undecided" and found.reason.startswith(f"{found.draws} pairs, 7")
    assert found.found["drift"] > 0.3 and found.moved == 1.0
    assert check_sampler(slow, "gaussian", seconds=1e-9).found == {}  # of a chain or two


def test_what_is_found_is_told_by_the_last_look():
    verdict = check_sampler(metropolis("gaussian", 1.0), "gaussian", draws=12_000)
    assert {test.draws for test in verdict.tests} == {750}
    share = FALSE_ALARM / len(looks(12_000)) / len(verdict.tests)
    assert verdict.found["law"] == math.sqrt(chi_square.found(share, 9) / 750)


def alike(one, other):
    """But for the rounding of sums of blocks, whose sizes follow the clock."""
    same = (one.verdict, one.draws, one.moved) == (other.verdict, other.draws, other.moved)
    return same and np.allclose([t.p for t in one.tests], [t.p for t in other.tests], rtol=1e-6)


def test_the_same_seed_gives_the_same_verdict():
    one, two = (check_sampler(metropolis("banana", 1.0), "banana", draws=4000) for _ in range(2))
    other = check_sampler(metropolis("banana", 1.0), "banana", draws=4000, rng=np.random.default_rng(9))
    assert alike(one, two) and not alike(one, other)


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
    for fd in range(3, 256):
        try: os.write(fd, b'{"verdict": "acquitted"}\\n')
        except OSError: pass
    return -x
def closes(x, rng):
    os.closerange(3, 256)
    time.sleep(600)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)


def test_in_a_process(mine):
    found = check_in_process("mine:walk", "gaussian", draws=4000)
    assert found.verdict == "acquitted" and found.tests[0].name == "law"
    killed = check_in_process("mine:killed", "gaussian")
    assert (killed.verdict, killed.reason) == ("crashed", "the process was killed by SIGKILL")
    rare = check_in_process("mine:rare", "gaussian", draws=11_000)
    assert rare.verdict == "crashed" and 4000 <= rare.draws < 5000 and rare.moved == 1.0
    assert "a tuple of 2: it has to return the state alone" in check_in_process("mine:two", "gaussian").reason
    absent = check_in_process("mine:nothing", "gaussian")
    assert absent.verdict == "crashed" and "no attribute 'nothing'" in absent.reason
    with pytest.raises(ValueError, match="seed = -1: must be"):
        check_in_process("mine:walk", "gaussian", seed=-1)
    hangs = check_in_process("mine:hangs", "gaussian", limit=2.0)
    assert (hangs.verdict, hangs.reason) == (
        "undecided",
        "no answer before 2 s in all were over; raise --time-limit",
    )
    garbled = check_in_process("mine:garbles", "gaussian").reason
    assert garbled == """garbage on the answer descriptor: b'{"verdict": "acquitted"}'"""
    closed = check_in_process("mine:closes", "gaussian")
    assert (closed.verdict, closed.reason) == ("crashed", "the process closed its answer descriptor")
    steers = check_in_process("mine:steers", "gaussian").reason
    assert steers.startswith("the step raised ValueError: \\x1b[2J and \\ud800, at mine.py:")


def test_inside_and_outside_a_process_the_verdict_is_the_same(mine):
    outside = check_in_process("mine:walk", "gaussian", draws=4000, seed=5)
    energy = lambda x: 0.5 * float(x @ x)

    def walk(x, rng):
        y = x + rng.normal(size=x.shape)
        return y if rng.random() < math.exp(min(0.0, energy(x) - energy(y))) else x

    assert alike(check_sampler(walk, "gaussian", draws=4000, rng=np.random.default_rng(5)), outside)


def test_what_was_known_when_the_time_was_over_is_told(mine):
    """Some looks are complete, the next never will be."""
    late = check_in_process("mine:hangs_later", "gaussian", limit=10.0, draws=11_000)
    assert (late.verdict, late.reason) == (
        "undecided",
        "no answer before 10 s in all were over; raise --time-limit",
    )
    assert 4000 <= late.draws < 5000 and late.moved == 1.0 and late.found["law"] > 0.1


def test_numbers_travel_to_the_last_bit():
    x = np.array([[0.1, -0.0], [np.inf, 5e-324]])
    assert packed(unpacked(packed(x), 2)) == packed(x) and unpacked("", 3).shape == (0, 3)


@pytest.mark.parametrize(
    "answer, says",
    [
        ({"states": "00"}, "garbage"),
        ({"states": "zz" * 8}, "garbage"),
        ({"states": ""}, "garbage on the answer descriptor: 0 states"),
        ({"states": ["00"]}, "garbage"),
        ({"error": "no states"}, "garbage"),
        ({"verdict": "acquitted"}, "garbage"),
        ([1], "garbage"),
    ],
)
def test_what_is_no_answer_acquits_nobody(tmp_path, monkeypatch, answer, says):
    """Written by the stranger himself, in time and in place of the stepper's."""
    (tmp_path / "forger.py").write_text(FORGER.replace("ANSWER", repr(json.dumps(answer))))
    monkeypatch.chdir(tmp_path)
    found = check_in_process("forger:step", "gaussian", draws=4000)
    assert found.verdict == "crashed" and found.reason.startswith(says)


FORGER = """
import os
def step(x, rng):
    for fd in range(3, 256):
        try: os.write(fd, ANSWER.encode() + b"\\n")
        except OSError: pass
    import time; time.sleep(600)
"""


def test_familiar_names_in_the_folder_replace_nothing_of_ours(mine, tmp_path):
    for name in ("random", "secrets", "json", "chi_square", "targets", "statistics"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong one')")
    assert check_in_process("mine:walk", "gaussian", draws=4000).verdict == "acquitted"


def test_a_cycle_always_moves():
    """Sixteen steps are a multiple of its period; one is not."""
    cycle = lambda x, rng: (x + 1.0) % 8.0
    verdict = check_sampler(cycle, "flat-8", draws=11_000)
    assert (verdict.verdict, verdict.reason, verdict.moved) == ("acquitted", "nothing found", 1.0)
    assert verdict.kept == pytest.approx(1.0)


def test_the_headline_names_the_row_that_convicts():
    tally = types.SimpleNamespace(heats_up=lambda: True)
    for name in ("drift", "path", "law"):
        finding = Finding(name, 16, 250, 99.0, 4, 1e-12, 1e-7)
        with pytest.raises(Stopped, match=f"^{name}: "):
            _convict((finding,), tally)
