r"""Hypotheses: what a stranger may compute in place of the formula, as a function of the inputs.

    answer(vector, output, dtype)     what it gives there: an array, or None where it does not say
    agrees(judgement, claimed)        whether the stranger's answer is that, within the bounds

Most hypotheses are the naive expression with something changed, in 40 digits on the tape.  Such a one
refuses nothing that the page refuses, and its gradients are exact, by reverse mode.  What raises does
not say anything.  What floats already tell from the answer (screening.py) is not computed there.

Source: the expressions and bounds are those of the proofs.
"""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ebm_ref.conformance.hypotheses import screening
from ebm_ref.proof import oracle, tape
from ebm_ref.proof.bounds import PRECISIONS, measure, of, scale, terms

DIGITS = 40
# relative to the largest component: what bounds would let pass where all is tiny
NEAR = {"float64": 1e-6, "float32": 1e-3}

ROUGH = 0.01  # the same where the claim is a difference of floats on a special vector


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """What a candidate may compute instead."""

    name: str
    kind: str  # "convention", "mistake" or "slip"
    answer: Callable
    seen_in: str = ""
    dtype: str = ""  # that it is computed in, whatever was asked for
    rank: float = 0  # how far-fetched: 0 for a variant of the page, 0.5 of an inner one, 1 for a plain change
    roughly: bool = False  # its gradients are differences of floats
    exceptions: tuple = ()  # names of the vectors that it does not reproduce, as the search found
    contradictions: int = 0  # of these, where both the answer and what it claims are finite
    as_if: bool = False  # the gradients are those of this formula, and the value is not
    in_floats: Callable = lambda vector, output: None  # an estimate of its answer, or None


class Expression:
    """A function of the inputs on the tape; each vector is evaluated once, its gradients when asked for.

    `wide` is for an expression that has functions which mpmath alone computes; `join` is what becomes of an
    entry's slopes where it is used more than once: their sum.
    """

    def __init__(self, function, wide=False, join=operator.add):
        self.function, self.wide, self.join, self._known = function, wide, join, {}

    def answer(self, vector, output, dtype=""):
        """The value or a gradient as float64, or None where the expression has none."""
        known = self._known.setdefault(vector["id"], {})
        if output not in known:
            known[output] = self._computed(vector, output, known)
        return known[output]

    def _computed(self, vector, output, known):
        try:
            return self._in_digits(vector, output, known, self.wide)
        except tape.Beyond:  # where MPFR ends, an ordinary vector tells nothing, and a special one may
            wide = Expression(self.function, True, self.join)
            return None if self.wide or is_ordinary(vector) else wide.answer(vector, output)
        except (tape.EdgeOfDomain, ZeroDivisionError):  # the logarithm of 0, or of less
            return np.full(np.shape(vector["value"]), np.nan) if output == "value" else None
        except Exception:  # it overflows, has no such entry, never ends: it does not say
            return None

    def _in_digits(self, vector, output, known, wide):
        with tape.digits(DIGITS if is_ordinary(vector) else oracle.enough(vector["inputs"]), wide):
            value, given = run(self.function, vector)
            if output == "value":
                return _array(value, vector["value"])
            arguments = {a: given[a] for a in vector["gradients"]}
            known |= _slopes(value, arguments, self.join)
            return known[output]


def on_tape(name, function, wide, rank, join=operator.add):
    in_digits, in_floats = Expression(function, wide, join), screening.Floats(function, join)
    return Hypothesis(name, "slip", in_digits.answer, rank=rank, in_floats=in_floats)


def of_gradients(hypothesis):
    """The same of gradients, where nothing is said of the value: it is what it was."""
    said = lambda vector, output, dtype: (
        None if output == "value" else hypothesis.answer(vector, output, dtype)
    )
    estimated = lambda vector, output: None if output == "value" else hypothesis.in_floats(vector, output)
    return replace(hypothesis, answer=said, in_floats=estimated)


def is_ordinary(vector):
    """Whether its inputs were drawn, not made up to be difficult."""
    return bool(re.search("/(random|long)-", vector["id"]))


def run(function, vector):
    """The value on the tape, and the inputs as they went in."""
    inputs = vector["inputs"]
    moved = [*oracle.real(inputs), *(a for a in vector["gradients"] if a not in oracle.real(inputs))]
    value, _, given = oracle.evaluate(function, inputs, (), moved)
    return value, given


def _array(value, like):
    """Nested lists of numbers as an array; whole numbers stay whole where the truth is an index."""
    found = np.array(value, object)
    found = np.array([float(tape.plain(x)) for x in found.ravel()]).reshape(found.shape)
    return found.astype(int) if np.asarray(like).dtype.kind in "iu" and np.all(found % 1 == 0) else found


def _slopes(value, arguments, join):
    """Gradients by argument, output axes first; `join` makes one of what several uses of an entry bring."""
    shape = np.shape(np.array(value, object))
    inputs = [x for argument in arguments.values() for x in oracle.flat(argument)]
    rows = [tape.plain_derivatives(component, inputs, join) for component in oracle.flat(value)]
    slopes = np.array([float(tape.plain(slope)) for row in rows for slope in row]).reshape(len(rows), -1)
    axes = {a: np.shape(np.array(argument, object)) for a, argument in arguments.items()}
    parts = np.split(slopes, np.cumsum([math.prod(shape) for shape in axes.values()])[:-1], axis=1)
    return {a: part.reshape(shape + axes[a]) for a, part in zip(axes, parts, strict=True)}


FAR = 1e3  # in units of what agreement allows


def clearly_off(judgement, dtype):
    """Whether an answer is finite and so far from the truth that agreement with something else tells much."""
    answer, truth = (
        np.asarray(judgement.answer, float),
        np.asarray(of(judgement.vector, judgement.output), float),
    )
    if truth.shape != answer.shape or not np.all(np.isfinite(answer)):
        return truth.shape != answer.shape and bool(np.all(np.isfinite(answer)))
    error = np.max(np.abs(answer - truth), initial=0.0)
    tolerance = 8 * terms(judgement.vector) * PRECISIONS[dtype][0] * scale(judgement.vector, truth)
    near = NEAR[dtype] * max(largest(answer), largest(truth))
    return bool(error > FAR * min(tolerance, near))


def largest(x):
    """The largest finite size."""
    return np.max(np.abs(x), initial=0.0, where=np.isfinite(x))


def agrees(judgement, claimed, dtype, roughly=False):
    """Whether an answer is what a hypothesis claims: no mismatch, and near it also where all is tiny.

    On special vectors digits are lost honestly, and there the bounds alone decide; differences of floats need
    not contradict the answer there.
    """
    answer = np.asarray(judgement.answer, float)
    if claimed is None or np.shape(claimed) != answer.shape:
        return False
    if answer.size and np.all(np.isnan(claimed)) and not np.any(np.isfinite(answer)):
        return True  # infinite or not a number: there is no value
    with np.errstate(all="ignore"):
        size = max(largest(claimed), largest(of(judgement.vector, judgement.output)))
        same = (answer == claimed) | (np.isnan(answer) & np.isnan(claimed))
        near = NEAR[dtype] * size + np.finfo(dtype).tiny
        if is_ordinary(judgement.vector) and not np.all(same | (np.abs(answer - claimed) <= near)):
            return False
        if roughly and judgement.output != "value":
            return not np.any(np.abs(answer - claimed) > ROUGH * size)
    return measure(judgement.vector, judgement.output, answer, dtype, truth=claimed).verdict != "mismatch"


def is_far(hypothesis, judgement):
    """Whether floats show that the stranger's answer, to a question that was drawn, is another."""
    vector, output, answer = judgement.vector, judgement.output, judgement.answer
    found = hypothesis.in_floats(vector, output) if is_ordinary(vector) else None
    return found is not None and not found.reaches(*screening.seen(vector, output, answer))[0]


def reproduces(hypothesis, judgement, dtype):
    """Whether the stranger's answer there is the hypothesis's."""
    if is_far(hypothesis, judgement):
        return False
    claimed = hypothesis.answer(judgement.vector, judgement.output, dtype)
    is_refutable = (
        hypothesis.roughly and hypothesis.kind == "slip"
    )  # a page's own mistake is less far-fetched
    return agrees(judgement, claimed, hypothesis.dtype or dtype, is_refutable)
