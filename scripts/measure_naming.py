#!/usr/bin/env python3
"""How many mistakes the judge names: realistic ones, systematic mutants, and nonsense that must get no name.

    scripts/measure_naming.py [--mutants 300] [--nonsense 595] [--seed 1] [--show]

Realistic mistakes are those of tests/wrong_implementations.py.  Systematic mutants are of the naive
expressions in float64 (ebm_ref/proof/programs.py), drawn from all that are a mismatch on some finite vector.
Nonsense is the right value with noise, rounded, cut off, cubed, or mixed with the inputs, over the whole
catalogue.  Seconds are of the processor, for one diagnosis.
"""

import argparse
import re
import signal
import sys
import time
import warnings
import zlib
from pathlib import Path

import numpy as np

from ebm_ref import FORMULAS
from ebm_ref.conformance.compare import judge
from ebm_ref.conformance.diagnose import diagnose
from ebm_ref.proof import golden, programs

SECONDS = 0.3  # of computing, for one vector; a mutant that takes more does not answer


def judgements(name, function, as_lists=False):
    """What the vectors say of a function; where it raises, it has no answer."""
    found = []
    for vector in golden.load(name):
        plain = [np.asarray(x).tolist() if as_lists else np.copy(x)[()] for x in vector["inputs"].values()]
        try:
            with np.errstate(all="ignore"):
                answer = function(*plain)
            value, gradients = answer if isinstance(answer, tuple) else (answer, {})
            gradients = {a: np.asarray(g, float) for a, g in gradients.items()}
            found += judge(vector, {"value": np.asarray(value, float), "gradients": gradients}, "float64")
        except Exception as problem:
            found += judge(vector, {"error": repr(problem)}, "float64")
    return found


def is_convicted(found):
    return any(j.verdict == "mismatch" and j.finite for j in found)


def at_most(function):
    """The function, raising where it computes too long."""

    def stop(*_):
        raise TimeoutError

    def timed(*args):
        before = signal.signal(signal.SIGVTALRM, stop)
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            return function(*args)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
            signal.signal(signal.SIGVTALRM, before)

    return timed


def mutants(count, seed):
    """Yield (formula, what was changed, judgements)."""
    rng, names = np.random.default_rng(seed), list(FORMULAS)
    while count:
        name = names[rng.integers(len(names))]
        stepwise = programs.has_recursion(name) and bool(rng.integers(2))
        program = programs.naive(name, stepwise)
        edits = list(program.edits())
        module, edit = edits[rng.integers(len(edits))]
        try:
            found = judgements(name, at_most(program.make(edit, module)["value"]), as_lists=True)
        except Exception:  # it cannot even be made
            continue
        if is_convicted(found):
            count -= 1
            yield name, edit.text, found


def noise(size):
    return lambda f, inputs, rng: f * (1.0 + size * rng.normal(size=np.shape(f)))


NONSENSE = {
    "noise of 0.3": noise(0.3),
    "noise of 1e-3": noise(1e-3),
    "noise of 1e-6": noise(1e-6),
    "noise of 1e-9": noise(1e-9),
    "noise added": lambda f, inputs, rng: f + 0.01 * rng.normal(size=np.shape(f)),
    "rounded to 3 places": lambda f, inputs, rng: np.round(f, 3),
    "rounded to 1 place": lambda f, inputs, rng: np.round(f, 1),
    "half precision": lambda f, inputs, rng: np.asarray(f, np.float16).astype(float),
    "cut off": lambda f, inputs, rng: np.clip(f, -0.77, 0.77),
    "cut off above": lambda f, inputs, rng: np.minimum(f, 1.37),
    "cubic": lambda f, inputs, rng: f + 0.1 * f**3,
    "quadratic": lambda f, inputs, rng: f + 0.03 * f**2,
    "power of 1.1": lambda f, inputs, rng: np.sign(f) * np.abs(f) ** 1.1,
    "sine": lambda f, inputs, rng: np.sin(f) + 0.1 * f,
    "a little of the inputs": lambda f, inputs, rng: (
        f + 0.037 * np.mean([np.mean(x) for x in inputs if np.size(x)])
    ),
    "random numbers": lambda f, inputs, rng: rng.normal(size=np.shape(f)),
    "affine": lambda f, inputs, rng: 1.7 * f + 0.3,
    "every other one doubled": lambda f, inputs, rng: f * rng.integers(1, 3),
}


def nonsense(count, seed):
    """Yield (formula, kind, judgements)."""
    rng, kinds = np.random.default_rng(seed), list(NONSENSE)
    names = [name for name in FORMULAS if np.asarray(golden.load(name)[0]["value"]).dtype.kind == "f"]
    i = 0
    while count:
        name, kind, i = names[rng.integers(len(names))], kinds[i % len(kinds)], i + 1
        found = judgements(name, spoilt(name, kind, seed + i))
        if is_convicted(found):
            count -= 1
            yield name, kind, found


def spoilt(name, kind, seed):
    """The right value with nonsense on top, the same whenever the same is asked."""

    def value(*inputs):
        asked = zlib.crc32(b"".join(np.asarray(x, float).tobytes() for x in inputs))
        rng = np.random.default_rng([asked, seed])
        return NONSENSE[kind](np.asarray(FORMULAS[name].value(*inputs), float), inputs, rng)

    return value


def realistic():
    """Yield (formula, mistake, judgements, pattern of a right name)."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from wrong_implementations import WRONG

    for what, (name, function, pattern) in WRONG.items():
        yield name, what, judgements(name, function), pattern


def timed(name, found):
    """Names of what reproduces it, and the seconds that took."""
    start = time.process_time()
    named = diagnose(FORMULAS[name], found, "float64")
    return [h.name for some in named.values() for h in some], time.process_time() - start


def measure(title, candidates, show):
    """Print how many have a name, and how long that took."""
    named, seconds, wrong = 0, [], 0
    for name, what, found, *pattern in candidates:
        names, took = timed(name, found)
        right = bool(names) and (not pattern or any(re.search(pattern[0], n, re.IGNORECASE) for n in names))
        named, wrong = named + bool(names), wrong + (bool(names) and not right)
        seconds.append(took)
        if show:
            print(f"  {name}, {what}: {' or '.join(names) or '-'}  ({took:.2f} s)", flush=True)
    note = f", {wrong} by a name that was not expected" if wrong else ""
    median, slowest = np.median(seconds), max(seconds)
    print(
        f"{title}: {named} of {len(seconds)} named{note}; {median:.2f} s, {slowest:.1f} s at most", flush=True
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--nonsense", type=int, default=595)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="each candidate and its names")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    measure("realistic mistakes", realistic(), args.show)
    if args.mutants:
        measure("systematic mutants", mutants(args.mutants, args.seed), args.show)
    if args.nonsense:
        measure("nonsense", nonsense(args.nonsense, args.seed), args.show)


if __name__ == "__main__":
    main()
