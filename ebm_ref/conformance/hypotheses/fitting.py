r"""Fitted hypotheses: a constant that one answer gives, and that all others must confirm.

    c f, f + c          c from the ratio or the difference of answer and truth
    f(x, c), f(x, c a)  the argument a that would explain an answer, solved for by Newton's method on
                        two vectors: the same twice, or in the same ratio or distance to what was given

Source: Newton's method is elementary; slopes come from the tape.
"""

from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses.hypothesis import DIGITS
from ebm_ref.proof import oracle, tape
from ebm_ref.proof.bounds import of

NEWTON_STEPS = 25
ALIKE = 1e-9  # relative, of two constants that are meant to be one


def constants(judgements):
    """Pairs (name, change of the result) for c f and f + c, from the first of these judgements."""
    first = judgements[0]
    truth, answer = np.asarray(of(first.vector, first.output), float), np.asarray(first.answer, float)
    if truth.shape != answer.shape or not truth.size:
        return
    largest = np.unravel_index(np.argmax(np.abs(truth)), truth.shape)
    f, y = truth[largest], answer[largest]
    if f != 0.0 and y != 0.0 and np.isfinite(y / f):
        yield f"{y / f:.12g} times the truth", lambda f, given, c=y / f: f * c
    if np.isfinite(y - f):
        yield f"{abs(y - f):.12g} {'added' if y > f else 'subtracted'}", lambda f, given, c=y - f: f + c


def solved(formula, function, judgements, wide):
    """Pairs (name, change of the inputs) where one number was read as something else, of two judgements."""
    for a, axes in formula.shapes.items():
        if axes or np.asarray(judgements[0].vector["inputs"][a]).dtype.kind != "f":
            continue
        given = [float(j.vector["inputs"][a]) for j in judgements]
        read = [solution(function, j, a, wide) for j in judgements]
        if None not in read:
            for name, change in relations(a, given, read):
                yield name, partial(lambda a, change, given: {a: change(given[a])}, a, change)


def relations(a, given, read):
    """What makes of the numbers that were given those that were read."""
    for name, measured, change in (
        ("{a} ignored: {c:.12g} throughout", lambda x, r: r, lambda x, c: 0 * x + c),
        ("{c:.12g} {a} in place of {a}", lambda x, r: r / x, lambda x, c: x * c),
        ("{a} + {c:.12g} in place of {a}", lambda x, r: r - x, lambda x, c: x + c),
        ("{c:.12g}/{a} in place of {a}", lambda x, r: r * x, lambda x, c: c / x),
    ):
        with np.errstate(all="ignore"):
            first, *others = (measured(np.float64(x), r) for x, r in zip(given, read, strict=True))
        if np.isfinite(first) and all(abs(c - first) <= ALIKE * abs(first) for c in others):
            yield name.format(a=a, c=first), partial(lambda change, c, x: change(x, c), change, float(first))


def solution(function, judgement, argument, wide):
    """The number that explains an answer when it stands for the argument; None where Newton finds none."""
    vector = judgement.vector
    start = float(vector["inputs"][argument])
    for x in (start, 0.5 * start, 2.0 * start, start + 1.0):
        try:
            found = _newton(function, vector, argument, float(judgement.answer), x, wide)
        except Exception:  # outside the domain
            continue
        if found is not None:
            return found
    return None


def _newton(function, vector, argument, target, x, wide):
    with tape.digits(DIGITS, wide):
        _, _, given = oracle.evaluate(function, vector["inputs"], (), oracle.real(vector["inputs"]))
        for _ in range(NEWTON_STEPS):
            moving = tape.number(x)
            f = function(**given | {argument: moving})
            (slope,) = tape.plain_derivatives(f, [moving])
            if not slope:
                return None
            step = float((tape.plain(f) - target) / slope)
            x -= step
            if abs(step) <= 1e-14 * abs(x):
                return x
    return None
