r"""The judge of samplers: one step from exact draws, and the law must still be there.

    x ~ pi,  x' = step(x):       law        x' ~ pi                      chi-square over the cells
                                 drift      E[f(x') - f(x)] = 0          Hotelling's T^2 of the pairs
                                 exchange   (x, x') ~ (x', x)            Bowker's test, where claimed

The law alone would convict, but of a sampler that moves a little at a time the drift tells more: x is
its own control, and what x and x' share cancels.  The exchange is reversibility: whoever claims
detailed balance is asked for it.

Batches of 1e3, 1e4, 1e5, ... fresh pairs, batch k with a false-alarm rate of 1e-5 / 2^k shared equally
by its tests; the first conviction ends the run.  A correct sampler is convicted in one run of 50,000 at
most.

The drift is measured against its own spread, and a jump so rare that no pair has it would be missing
from both: many small steps one way, a seldom long one back.  So the variance never counts as less than
what such a jump could add; 1000 pairs tell little of tiny steps, a million do.

A step that leaves pi where it is need not reach all of it: a sampler that stands still passes every
test of law.  So it is convicted if it never moves; other ways not to be irreducible are not seen here.

Source: Bowker (1948), "A test for symmetry in contingency tables"; Stuart (1955) and Maxwell (1970) for
marginal homogeneity; Hotelling (1931); Gandy and Scott (2020) for tests that start from exact draws.
"""

import json
import math
import sys
import time
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.conformance.process import Child, Ended, Garbage, garbage, shown
from ebm_ref.conformance.samplers import chi_square
from ebm_ref.conformance.samplers.targets import TARGETS
from ebm_ref.conformance.worker import conversation, imported, raised

FALSE_ALARM, FIRST_BATCH, DRAWS, SECONDS = 1e-5, 1000, 1_111_000, 36.0
BINS, COARSE, EXPECTED, TURNED, MOVED = 10, 5, 10.0, 10, 1000
UNSEEN = 16.0  # what is expected so often is missed with probability e^-16, less than any share of 1e-5


@dataclass(frozen=True)
class Finding:
    """One test of one batch: p is the chance that a correct sampler looks as odd."""

    name: str
    draws: int
    statistic: float
    degrees: int
    p: float
    alpha: float

    @property
    def convicts(self):
        return self.p < self.alpha


@dataclass(frozen=True)
class Verdict:
    """What came out: `verdict` is "acquitted", "convicted" or "crashed"; `reason` says why, in words.

    It is "undecided" between batches, and "interrupted" where Ctrl-C ended the run.
    """

    target: str
    verdict: str
    reason: str
    draws: int = 0
    moved: float = math.nan  # share of the steps that changed the state
    tests: tuple = ()
    found: dict = field(default_factory=dict)  # what the largest batch would have found with probability 0.99


class Convicted(Exception):
    """A step outside the law's reach: no statistics needed."""


def check_sampler(step, target, draws=DRAWS, rng=None, reversible=False, seconds=SECONDS, progress=None):
    """Judge a sampler by single steps from exact draws.

    Parameters
    ----------
    step : callable
        `step(state, rng) -> state`: the state a flat float array (d,), a copy that it may change; all its
        randomness from `rng`, a `numpy.random.Generator`.  It should leave the target invariant.
    target : str
        A key of `conformance.targets.TARGETS`.
    draws : int
        Most pairs to draw, at least 1000; the default is batches of 1e3, 1e4, 1e5 and 1e6.
    rng : numpy.random.Generator
        Source of the exact draws and, by a child, of the step's noise; a fixed seed if left out.
    reversible : bool
        Whether detailed balance is claimed, and the exchange tested too.
    seconds : float
        Time for stepping: a batch that would not fit is cut to what fits, before it is drawn.
    progress : callable
        Called with (pairs drawn, pairs of the batches so far begun) now and then.

    Returns
    -------
    Verdict
        Never raises for what the step does: what it raised is the reason of a "crashed" verdict.

    Raises
    ------
    ValueError
        If the target is unknown, or if draws, seconds or the step are out of range.

    A walk that stays where a step would leave the line is right; one that is mirrored there is not:

    >>> stays = lambda state, rng: np.clip(state + rng.choice([-1.0, 1.0]), 0.0, 7.0)
    >>> check_sampler(stays, "flat-8", draws=11_000).verdict
    'acquitted'
    >>> mirrored = lambda state, rng: 7.0 - np.abs(7.0 - np.abs(state + rng.choice([-1.0, 1.0])))
    >>> print(check_sampler(mirrored, "flat-8", draws=1000).reason.partition(";")[0])
    law: after one step x no longer follows the target
    """
    *_, verdict = verdicts(step, target, draws, rng, reversible, seconds, progress)
    return verdict


def verdicts(step, target, draws=DRAWS, rng=None, reversible=False, seconds=SECONDS, progress=None):
    """What is known after each batch, "undecided" until the last: arguments as those of `check_sampler`."""
    check_question(target, draws, seconds)
    require(callable(step), "step", step, "must be a function of (state, rng)")
    exact, noise = (np.random.default_rng(0) if rng is None else rng).spawn(2)
    law, tests, drawn, moved = TARGETS[target](), [], 0, 0
    known = lambda verdict, reason: Verdict(
        target, verdict, reason, drawn, _share(moved, drawn), tuple(tests)
    )
    deadline = time.monotonic() + seconds
    for k, planned in enumerate(batches(draws)):
        size = affordable(planned, drawn, seconds, deadline)
        if size == 0:
            break
        x = law.draw(exact, size)
        tell = (lambda i, d=drawn, s=size: progress(d + i, d + s)) if progress else None
        try:
            y = stepped(step, law, x, noise, tell)
        except Convicted as why:
            return (yield known("convicted", str(why)))
        except Exception as problem:
            return (yield known("crashed", f"the step raised {raised(problem)}"))
        drawn, moved = drawn + size, moved + int(np.any(x != y, axis=1).sum())
        batch = judge(law, x, y, reversible, FALSE_ALARM / 2**k)
        tests += batch
        guilty = [REASONS[test.name] for test in batch if test.convicts]
        if guilty:
            return (yield known("convicted", "; ".join(guilty)))
        yield known("undecided", "nothing found so far")
        if size < planned:  # the time is up
            break
    if moved == 0:
        return (yield known("convicted", f"stands still: none of {drawn} steps moved"))
    yield replace(known("acquitted", "nothing found"), found=_would_have_been_found(tests))


def _would_have_been_found(tests):
    largest = {test.name: test for test in sorted(tests, key=lambda test: test.draws)}
    return {name: math.sqrt(chi_square.found(t.alpha, t.degrees) / t.draws) for name, t in largest.items()}


def _share(moved, drawn):
    return moved / drawn if drawn else math.nan


def check_question(target, draws=DRAWS, seconds=SECONDS):
    """Raise a ValueError for what no sampler could answer."""
    require(target in TARGETS, "target", target, f"must be one of {', '.join(TARGETS)}")
    require(draws >= FIRST_BATCH, "draws", draws, f"must be at least {FIRST_BATCH}")
    require(0.0 < seconds < math.inf, "seconds", seconds, "must be positive and finite")


REASONS = {
    "law": "law: after one step x no longer follows the target",
    "drift": "drift: one step moves the mean of a function that it must leave alone",
    "exchange": "exchange: there and back are not equally likely, so no detailed balance",
}


def batches(draws):
    """1e3, 1e4, 1e5, ... as far as `draws` reach; the last takes what is left.

    >>> [*batches(20_000)]
    [1000, 10000, 9000]
    """
    size = FIRST_BATCH
    while draws > 0:
        yield min(size, draws)
        draws, size = draws - size, 10 * size


def affordable(planned, drawn, seconds, deadline):
    """The part of a planned batch that the time left allows, judged by the speed so far; 0 to stop."""
    left = deadline - time.monotonic()
    if drawn == 0:
        return planned
    per_step = (seconds - left) / drawn
    fits = int(0.9 * left / per_step)
    return planned if fits >= planned else fits if fits >= min(planned, FIRST_BATCH) else 0


def stepped(step, law, x, rng, tell=None):
    """(n, d) one step from every row of x; Convicted where a step leaves the states."""
    y = np.empty_like(x)
    for i, state in enumerate(x):
        new = step(state.copy(), rng)
        if new is None:
            raise ValueError("the step returned None: it has to return the state, even if changed in place")
        if isinstance(new, tuple) and len(new) != len(state):
            raise ValueError(f"the step returned a tuple of {len(new)}: it has to return the state alone")
        new = np.asarray(new, dtype=float)
        if new.shape != state.shape:
            raise ValueError(f"the step returned shape {new.shape} for a state of shape {state.shape}")
        y[i] = new
        if tell and i % 5000 == 0:
            tell(i)
    outside = np.flatnonzero(~law.inside(y))
    if len(outside):
        i = outside[0]
        raise Convicted(f"leaves the states: from {x[i].tolist()} to {y[i].tolist()}")
    return y


def judge(law, x, y, reversible, alpha):
    """The tests of one batch, which share its false-alarm rate."""
    found = [("law", *law_test(law, y))]
    moved = np.any(x != y, axis=1)
    if moved.sum() >= MOVED:
        found.append(("drift", *drift_test(law.features(x[moved]), law.features(y[moved]))))
    if reversible:
        found.append(("exchange", *exchange_test(law.cells(x, COARSE), law.cells(y, COARSE))))
    found = [(name, statistic, degrees) for name, statistic, degrees in found if degrees > 0]
    return [
        Finding(name, len(x), statistic, degrees, chi_square.tail(statistic, degrees), alpha / len(found))
        for name, statistic, degrees in found
    ]


def law_test(law, y):
    """Pearson's chi-square of the cells of y; cells that expect less than ten draws are taken together."""
    p = law.probabilities(BINS)
    counts = np.bincount(law.cells(y, BINS), minlength=len(p))
    small = len(y) * p < EXPECTED
    expected = np.append(len(y) * p[~small], len(y) * p[small].sum())
    seen = np.append(counts[~small], counts[small].sum())
    used = expected > 0.0
    return float(((seen - expected)[used] ** 2 / expected[used]).sum()), int(used.sum()) - 1


def drift_test(before, after):
    """T^2 = n D' S^-1 D of the differences of features (n, j), D their mean and S their covariance.

    A jump J not seen, though `UNSEEN` of them were to be expected, leaves D = -J UNSEEN/n; the variance
    added to S keeps T^2 below what has that chance.
    """
    d, n = after - before, len(before)
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(d.T)))
    kept = variances > 1e-9 * variances.max()
    along, degrees = axes[:, kept].T @ d.mean(axis=0), int(kept.sum())
    if degrees == 0:  # moves too small for any feature
        return 0.0, 0
    longest = 2.0 * np.linalg.norm(after - before.mean(axis=0), axis=1).max()  # |J| at most
    added = (UNSEEN * longest) ** 2 / (chi_square.critical(math.exp(-UNSEEN), degrees) * n)
    return n * float((along**2 / (variances[kept] + added)).sum()), degrees


def exchange_test(a, b):
    """Bowker's sum of (N_ij - N_ji)^2 / (N_ij + N_ji) over pairs of cells with ten turns or more."""
    size = max(a.max(), b.max()) + 1
    low, high = np.minimum(a, b), np.maximum(a, b)
    pair, index = np.unique((low * size + high)[a != b], return_inverse=True)
    total = np.bincount(index, minlength=len(pair))
    forth = np.bincount(index, weights=(a < b)[a != b], minlength=len(pair))
    used = total >= TURNED
    return float(((2.0 * forth - total)[used] ** 2 / total[used]).sum()), int(used.sum())


# A stranger's step, in a process of its own.

CANNOT_BE_LOADED = "cannot be loaded"


def check_in_process(sampler, target, limit=45.0, draws=DRAWS, seconds=SECONDS, seed=0, **options):
    """`check_sampler` of "module:function" in a process of its own, killed after `limit` seconds.

    The current directory is importable.  What the sampler prints goes nowhere; its crash is a verdict, and
    Ctrl-C another: each with the tests until then.
    """
    check_question(target, draws, seconds)
    require_index("seed", seed, 2**64)
    options |= {"draws": draws, "seconds": seconds, "seed": seed}
    deadline, known = time.monotonic() + limit, Verdict(target, "undecided", "no batch is complete")
    child = Child(CHILD, json.dumps([sampler, target, options]))
    try:
        while known.verdict == "undecided":
            known = _read(child.line(deadline - time.monotonic()))
        return known
    except TimeoutError:
        return replace(known, verdict="crashed", reason=f"no verdict within {limit:g} s")
    except (Ended, Garbage) as problem:
        return replace(known, verdict="crashed", reason=shown(f"{problem}"))
    except KeyboardInterrupt:
        return replace(known, verdict="interrupted")
    finally:
        child.stop()


CHILD = "ebm_ref.conformance.samplers.judge"
VERDICTS = "undecided", "acquitted", "convicted", "crashed"


def _read(line):
    """A line of the child as a verdict; Garbage if a stranger wrote it."""
    try:
        said = json.loads(line)
        reason, tests = shown(said["reason"]), tuple(Finding(**test) for test in said["tests"])
        verdict = Verdict(**said | {"reason": reason, "tests": tests})
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise Garbage(garbage(line)) from None
    if verdict.verdict not in VERDICTS:
        raise Garbage(garbage(line))
    return verdict


def main(question, descriptor):
    """The child: load the sampler and write what is known of it to the descriptor, a line a batch."""
    _, answers = conversation(descriptor)
    say = lambda verdict: print(json.dumps(asdict(verdict)), file=answers, flush=True)
    sampler, target, options = json.loads(question)
    rng, failure = np.random.default_rng(options.pop("seed")), CANNOT_BE_LOADED
    try:
        step = imported(sampler)
        failure = "cannot be judged"
        for verdict in verdicts(step, target, rng=rng, **options):
            say(verdict)
    except BaseException as problem:  # SystemExit too
        say(Verdict(target, "crashed", f"{failure}: {raised(problem)}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
