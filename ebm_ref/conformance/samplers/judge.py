r"""The judge of samplers: short chains from exact draws, whose law must be that of their start.

    x_0 ~ pi exactly,  x_k = step(x_{k-1}), k = 1..16         =>         x_k ~ pi for every k

No burn-in, and chains that are independent of each other.  One step shows what is wrong with each;
sixteen let it add up, so that a slow drift shows as well.  The tests are those of `tally.py`.

Looks after 250, 375, 562, ... chains, each at all chains so far: a false-alarm rate of 1e-5 is shared
equally by all looks that are planned and by the tests of each; the first conviction ends the run.  A
correct sampler is convicted in one run of 100,000 at most.

A step that leaves pi where it is need not reach all of it: a sampler that stands still passes every
test of law.  So it is convicted if it never moves, and told that it hardly moves if 1, 4 and 16 steps
leave its features nearly as they were; other ways not to be irreducible are not seen here.

A stranger's process only steps (`stepper.py`): it is given states and gives states.  Draws, comparisons and
the verdict are made here, so nothing that it writes or replaces acquits it.  Nobody is acquitted who has
not answered all that was asked; who is only slow leaves it undecided.

Source: Gandy and Scott (2020), "Unit testing for MCMC and other Monte Carlo methods", for tests that start
from exact draws; Bonferroni (1936) for the shares.
"""

import json
import math
import time
from dataclasses import dataclass, field, replace

import numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.conformance.process import MEGABYTE, MEMORY, RAISE, Child, Ended, Garbage, garbage, python, shown
from ebm_ref.conformance.samplers import chi_square
from ebm_ref.conformance.samplers.stepper import StepFailed, packed, unpacked, walked
from ebm_ref.conformance.samplers.tally import STEPS, TIMES, Tally
from ebm_ref.conformance.samplers.targets import TARGETS

FALSE_ALARM, FIRST_LOOK, DRAWS, SECONDS, LIMIT = 1e-5, 250, 5_000_000, 36.0, 45.0
FEWEST, FEWEST_TESTED = STEPS * FIRST_LOOK, STEPS * 20
BLOCK_SECONDS, BLOCK_BYTES = 0.25, MEGABYTE // 4  # of one question to the stepper, in time and in states
HARDLY = 0.95  # correlation of the features with themselves 16 steps before


@dataclass(frozen=True)
class Finding:
    """One test at one look: p is the chance that a correct sampler looks as odd."""

    name: str
    steps: int  # that lie between what it compares
    draws: int  # independent of each other
    statistic: float
    degrees: int
    p: float
    alpha: float

    @property
    def convicts(self):
        return self.p < self.alpha


@dataclass(frozen=True)
class Verdict:
    """What came out: `verdict` is "acquitted", "convicted", "undecided" or "crashed"; `reason` says why.

    It is "undecided" between looks, and "interrupted" where Ctrl-C ended the run.
    """

    target: str
    verdict: str
    reason: str
    draws: int = 0  # pairs (x, step(x))
    moved: float = math.nan  # share of the steps that changed the state
    kept: float = math.nan  # correlation of the features with themselves 16 steps before
    tests: tuple = ()  # of the last look
    moves: tuple = ()  # if convicted, what has moved and which way, in words
    found: dict = field(default_factory=dict)  # what the last look would have found with probability 0.99


class Stopped(Exception):
    """The run ends here with this verdict and reason."""

    def __init__(self, verdict, reason):
        super().__init__(reason)
        self.verdict = verdict


def check_sampler(step, target, draws=DRAWS, rng=None, reversible=False, seconds=SECONDS, progress=None):
    """Judge a sampler by short chains from exact draws.

    Parameters
    ----------
    step : callable
        `step(state, rng) -> state`: the state a flat float array (d,), a copy that it may change; all its
        randomness from `rng`, a `numpy.random.Generator`.  It should leave the target invariant.
    target : str
        A key of `conformance.targets.TARGETS`.
    draws : int
        Most steps to take, at least 4000; sixteen from each exact draw.
    rng : numpy.random.Generator
        Source of the exact draws and, by a child, of the step's noise; a fixed seed if left out.
    reversible : bool
        Whether detailed balance is claimed, and the exchange tested too.
    seconds : float
        Time for stepping: when it is over, the chains so far are judged.
    progress : callable
        Called with (steps taken, steps to be taken) now and then.

    Returns
    -------
    Verdict
        Never raises for what the step does: what it raised is the reason of a "crashed" verdict.  It is
        "undecided" if the time was too short for 4000 steps.

    Raises
    ------
    ValueError
        If the target is unknown, or if draws, seconds or the step are out of range.

    A walk that stays where a step would leave the line is right; one that is mirrored there is not:

    >>> stays = lambda state, rng: np.clip(state + rng.choice([-1.0, 1.0]), 0.0, 7.0)
    >>> check_sampler(stays, "flat-8", draws=11_000).verdict
    'acquitted'
    >>> mirrored = lambda state, rng: 7.0 - np.abs(7.0 - np.abs(state + rng.choice([-1.0, 1.0])))
    >>> print(check_sampler(mirrored, "flat-8", draws=8000).reason.partition(";")[0])
    law: after one step x no longer follows the target
    """
    check_question(target, draws, seconds)
    require(callable(step), "step", step, "must be a function of (state, rng)")
    exact, rng = (np.random.default_rng(0) if rng is None else rng).spawn(2)
    walk = lambda x: walked(step, x, STEPS, rng)
    *_, verdict = verdicts(walk, target, draws, exact, reversible, seconds, progress)
    return verdict


def check_question(target, draws=DRAWS, seconds=SECONDS):
    """Raise a ValueError for what no sampler could answer."""
    require(target in TARGETS, "target", target, f"must be one of {', '.join(TARGETS)}")
    require(draws >= FEWEST, "draws", draws, f"must be at least {FEWEST}")
    require(0.0 < seconds < math.inf, "seconds", seconds, "must be positive and finite")


def looks(draws):
    """After how many chains to look: half as many more each time, as far as `draws` steps reach.

    >>> looks(20_000)
    [250, 375, 562, 843, 1250]
    """
    chains, found, look = draws // STEPS, [], FIRST_LOOK
    while look < chains:
        found, look = [*found, look], look + look // 2
    return [*found, chains]


def verdicts(walk, target, draws, exact, reversible=False, seconds=SECONDS, progress=None):
    """What is known after each look, "undecided" until the last.

    `walk(x)` takes 16 steps from each row of x and returns all states (n, 16, d); `exact` draws the rows.
    """
    law, planned, deadline = TARGETS[target](), looks(draws), time.monotonic() + seconds
    tally, tests = Tally(law, reversible), ()
    known = lambda verdict, reason: _known(target, verdict, reason, tally, tests)
    alpha = FALSE_ALARM / len(planned)
    try:
        for chains in planned:
            for paths in stepped(walk, law, law.draw(exact, chains - tally.chains), deadline):
                tally.add(*paths)
                if progress:
                    progress(tally.steps, STEPS * planned[-1])
            tests = findings(tally, alpha)
            _convict(tests, tally)
            if time.monotonic() > deadline:
                break
            yield known("undecided", "nothing found so far")
        verdict, reason = conclusion(tally, seconds)
        yield known(verdict, reason)
    except Stopped as end:
        tests = findings(tally, alpha)
        yield known(end.verdict, f"{end}")


def _known(target, verdict, reason, tally, tests):
    """A verdict with all that the tally has."""
    if not tally.chains:
        return Verdict(target, verdict, reason)
    found = {test.name: math.sqrt(chi_square.found(test.alpha, test.degrees) / test.draws) for test in tests}
    moves, share = (), tally.moved / tally.steps
    if any(test.convicts for test in tests):
        moves = tuple(tally.moves())
        reason = "; ".join([reason, ", ".join(moves[:3])] if moves else [reason])
    return Verdict(target, verdict, reason, tally.steps, share, tally.kept(), tests, moves, found)


def _convict(tests, tally):
    """Stopped if a test convicts: the reason says which, and after how few steps."""
    guilty = {}
    for test in tests:
        if test.convicts:
            after = "one step" if test.steps == 1 else f"{test.steps} steps"
            kind, words = REASONS[test.name]
            guilty.setdefault(kind, f"{kind}: {words.format(after, 'up' if tally.heats_up() else 'down')}")
    if guilty:
        raise Stopped("convicted", "; ".join(guilty.values()))


REASONS = {
    "law": ("law", "after {} x no longer follows the target"),
    "drift": ("drift", "the mean of a function moves in {}"),
    "path": ("path", "the mean of a function is off along {}"),
    "energy": ("energy", "its mean goes {1} in {0}"),
    "exchange": ("exchange", "there and back are not equally likely, so no detailed balance"),
}


def conclusion(tally, seconds):
    """Verdict and reason when all is asked, or the time is over, and nothing was found."""
    if tally.steps < FEWEST:
        return "undecided", _too_few(tally.steps, seconds)
    if tally.moved == 0:
        return "convicted", f"stands still: none of {tally.steps} steps moved"
    if min(map(tally.kept, TIMES)) > HARDLY:  # a cycle may be back after 16 steps, not after each
        return "acquitted", f"nothing found, but it hardly moves: {STEPS} steps keep {tally.kept():.3f} of x"
    return "acquitted", "nothing found"


def _too_few(steps, seconds):
    share = steps / FEWEST
    return f"{steps} pairs, {share:.0%} of the fewest that tell enough, in {seconds:g} s of stepping"


def stepped(walk, law, x, deadline):
    """(starts, paths) block by block until x or the time is used up; Stopped where a step goes wrong.

    Blocks double until they take a quarter of a second, so that little is lost of a sampler that is slow.
    """
    size, largest = 1, max(1, BLOCK_BYTES // (8 * STEPS * x.shape[1]))
    while len(x) and time.monotonic() < deadline:
        block, x, before = x[:size], x[size:], time.monotonic()
        try:
            paths = walk(block)
        except StepFailed as problem:
            raise _failed(law, problem) from None
        _stay_inside(law, block, paths)
        yield block, paths
        taken = time.monotonic() - before
        fits = int(size * min(BLOCK_SECONDS, deadline - time.monotonic()) / max(taken, 1e-9))
        size = max(1, min(2 * size, fits, largest))


def _failed(law, problem):
    """A step that raises is no sampler; but if it had left the states before, that is what is wrong."""
    if len(problem.states) == 2 and not law.inside(problem.states)[1]:
        x, y = problem.states.tolist()
        return Stopped("convicted", f"leaves the states: from {x} to {y}")
    return Stopped("crashed", f"{problem}")


def _stay_inside(law, x, paths):
    outside = np.argwhere(~law.inside(paths.reshape(-1, x.shape[1])).reshape(paths.shape[:2]))
    if len(outside):
        i, k = outside[0]
        before = paths[i, k - 1] if k else x[i]
        reason = f"leaves the states: from {before.tolist()} to {paths[i, k].tolist()}"
        raise Stopped("convicted", reason)


def findings(tally, alpha):
    """The tests of one look, which share its false-alarm rate."""
    if tally.steps < FEWEST_TESTED:
        return ()
    tests = tally.tests()
    return tuple(
        Finding(*test, n, statistic, degrees, chi_square.tail(statistic, degrees), alpha / len(tests))
        for test, (n, statistic, degrees) in tests.items()
    )


# A stranger's step, in a process of its own.

CANNOT_BE_LOADED = "cannot be loaded"
STEPPER = "ebm_ref.conformance.samplers.stepper"


class Walker:
    """A stranger's sampler behind a pipe: called with rows, it returns their paths, or raises Stopped."""

    def __init__(self, sampler, seed, limit=LIMIT, memory=MEMORY):
        self.limit, self.deadline = limit, time.monotonic() + limit
        self.child = Child(python(STEPPER, sampler, f"{seed}"), memory, private=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stop()

    def load(self):
        """Wait until the stranger's module is imported."""
        hello = self._ask(b"", "ready", "failed")
        if "failed" in hello:
            raise Stopped("crashed", f"{CANNOT_BE_LOADED}: {shown(hello['failed'])}")

    def __call__(self, x):
        width = x.shape[1]
        question = json.dumps({"states": packed(x), "width": width, "steps": STEPS})
        answer = self._ask(question.encode() + b"\n", "error", "states")
        try:
            states = unpacked(answer["states"], width)
        except (LookupError, TypeError, ValueError):
            raise Stopped("crashed", garbage(json.dumps(answer).encode())) from None
        if "error" in answer:
            raise StepFailed(shown(answer["error"]), states)
        if len(states) != len(x) * STEPS:
            raise Stopped("crashed", f"garbage on the answer descriptor: {len(states)} states")
        return states.reshape(len(x), STEPS, width)

    def _ask(self, question, *words):
        """The answer, an object with one of the words as text; Stopped if there is none."""
        try:
            line = self.child.line(self.deadline - time.monotonic(), question)
            answer = _object(line, words)
            if self.child.answers:  # more than was asked for
                raise Garbage(garbage(self.child.answers))
            return answer
        except TimeoutError:
            raise Stopped(
                "undecided", f"no answer before {self.limit:g} s in all were over; {RAISE}"
            ) from None
        except (Ended, Garbage) as problem:
            raise Stopped("crashed", shown(f"{problem}")) from None


def _object(line, words):
    try:
        said = json.loads(line)
        if not all(type(value) is str for value in said.values()) or not {*words} & {*said}:
            raise Garbage(garbage(line))
        return said
    except (AttributeError, RecursionError, ValueError):
        raise Garbage(garbage(line)) from None


def check_in_process(sampler, target, limit=LIMIT, draws=DRAWS, seed=0, memory=MEMORY, reversible=False):
    """`check_sampler` of "module:function" in a process of its own, which ends after `limit` seconds.

    The current directory is importable.  What the sampler prints goes nowhere; its crash is a verdict, and
    Ctrl-C another: each with what was known until then.
    """
    seconds = 0.8 * limit  # what is left is for answers on their way, and for loading
    check_question(target, draws, seconds)
    require_index("seed", seed, 2**64)
    exact, known = np.random.default_rng(seed).spawn(2)[0], Verdict(target, "undecided", "no look was due")
    try:
        with Walker(sampler, seed, limit, memory) as walk:
            walk.load()
            for verdict in verdicts(walk, target, draws, exact, reversible, seconds):
                known = verdict
        return known
    except Stopped as end:
        return replace(known, verdict=end.verdict, reason=f"{end}")
    except KeyboardInterrupt:
        return replace(known, verdict="interrupted")
