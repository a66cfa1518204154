r"""Diagnosing: which mistake reproduces the numbers that a stranger computed.

    hypothesis    a variant of the page, or a generic slip: sign, factor 2, factor k, transposed, ...
    named         when it reproduces the candidate within the bound on every finite vector away from
                  corners and ties that the candidate answered, and the truth does not

The variants are the very functions that stand on the pages, evaluated in the candidate's dtype.
Hypotheses that agree with each other on all vectors cannot be told apart, and are named together.  What
none of them explains to the last digit may be one of them, or the truth, in single precision where
double was asked for.

Then the smallest input: entries are taken away and numbers made simpler for as long as the candidate
still disagrees with the page there.

Source: delta debugging, Zeller and Hildebrandt (2002), for the second part.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ebm_ref.formula import Variant
from ebm_ref.numerics import softmax
from ebm_ref.proof.bounds import is_finite, measure, of

IN_FLOAT32 = "right in single precision only"


@dataclass(frozen=True)
class Hypothesis:
    """What a candidate may compute instead; `answer(vector, output, dtype)` is None where it does not say."""

    name: str
    kind: str  # "convention", "mistake" or "slip"
    seen_in: str
    answer: Callable
    dtype: str = ""  # that it is computed in, whatever was asked for


def hypotheses(formula):
    """The variants of a formula, then the slips that anybody can make with it."""
    return [_of_variant(v) for v in formula.variants] + [
        _of_slip(name, slip) for name, slip in slips(formula)
    ]


def _of_variant(variant: Variant):
    def answer(vector, output, dtype):
        function = variant.value if output == "value" else variant.gradients.get(output)
        if function is None:
            return None
        cast = lambda x: np.asarray(x, dtype)[()] if np.asarray(x).dtype.kind == "f" else x
        with np.errstate(all="ignore"):
            try:
                return np.asarray(function(*(cast(x) for x in vector["inputs"].values())), float)
            except Exception:  # a hypothesis that raises does not reproduce anything
                return np.nan

    return Hypothesis(variant.name, variant.kind, variant.seen_in, answer)


def slips(formula):
    """(name, slip) pairs; a slip maps (truth, output, vector) to what the slip would give, or None."""
    yield "sign lost", lambda f, o, v: -f
    yield "twice the truth", lambda f, o, v: 2 * f
    yield "half the truth", lambda f, o, v: f / 2
    if any(formula.shapes.values()):
        yield "times the number of answers", lambda f, o, v: f * _k(v)
        yield "mean instead of sum", lambda f, o, v: f / _k(v)
    for a, axes in formula.shapes.items():
        if a not in formula.gradients and not axes:
            yield f"factor {a} missing or doubled", lambda f, o, v, a=a: f * v["inputs"][a]
            yield f"factor 1/{a} missing or doubled", lambda f, o, v, a=a: f / v["inputs"][a]
    yield "logarithm to base 2", lambda f, o, v: f / np.log(2.0)
    if "label" in formula.shapes:  # the first is 0, or is it 1?
        yield "label one too low", lambda f, o, v: _of_label(formula, o, v, -1)
        yield "label one too high", lambda f, o, v: _of_label(formula, o, v, 1)
    yield "gradient transposed", lambda f, o, v: f.T if np.ndim(f) == 2 else None
    yield "gradient by logits instead of by log-probabilities", _by_logits


def _k(vector):
    return next(len(x) for x in vector["inputs"].values() if np.ndim(x))


def _of_label(formula, output, vector, by):
    """The truth of a neighbouring label, around the ends as an index goes; None where the page refuses it."""
    function = formula.value if output == "value" else formula.gradients[output]
    label = (vector["inputs"]["label"] + by) % _k(vector)
    try:
        return np.asarray(function(**vector["inputs"] | {"label": label}), float)
    except ValueError:
        return None


def _by_logits(f, output, vector):
    if output == "value" or np.ndim(f) != 1 or np.ndim(vector["value"]):
        return None
    return f - softmax(vector["inputs"][output]) * np.sum(f)


def _of_slip(name, slip):
    def answer(vector, output, dtype):
        with np.errstate(all="ignore"):
            return slip(np.asarray(of(vector, output), float), output, vector)

    return Hypothesis(name, "slip", "", answer)


def in_float32(formula):
    """The truth and every hypothesis once more, computed in float32: a library that knows no float64."""
    same = Hypothesis("", "slip", "", lambda vector, output, dtype: np.asarray(of(vector, output), float))
    for h in [same, *hypotheses(formula)]:
        name = f"{h.name}; {IN_FLOAT32}" if h.name else IN_FLOAT32
        yield Hypothesis(name, "slip", h.seen_in, h.answer, "float32")


def is_telling(vector, dtype):
    """Whether a vector can tell hypotheses apart: finite, and away from corners and ties."""
    return is_finite(vector) and dtype not in vector["kinks"]


def diagnose(formula, judgements, dtype):
    """The hypotheses that reproduce every output that is a mismatch somewhere.

    Returns {output: [hypotheses]}, an empty list where none does.
    """
    telling = [j for j in judgements if j.output and j.verdict != "error" and is_telling(j.vector, dtype)]
    wrong = dict.fromkeys(j.output for j in judgements if j.verdict == "mismatch" and j.finite)
    return {output: _named(formula, [j for j in telling if j.output == output], dtype) for output in wrong}


def _named(formula, judgements, dtype):
    """The hypotheses that reproduce all judgements of one output; in float32 where none does in float64."""
    if not judgements:
        return []
    named = [h for h in hypotheses(formula) if _reproduces(h, judgements, dtype)]
    if named or dtype == "float32":
        return named
    return [h for h in in_float32(formula) if _reproduces(h, judgements, dtype)]


def _reproduces(hypothesis, judgements, dtype):
    """Within the bound on all, where the truth is not on at least one."""
    if all(j.verdict != "mismatch" for j in judgements):
        return False
    for j in judgements:
        claimed = hypothesis.answer(j.vector, j.output, dtype)
        if claimed is None or np.shape(claimed) != np.shape(j.answer):
            return False
        carried = hypothesis.dtype or dtype
        if measure(j.vector, j.output, j.answer, carried, truth=claimed).verdict == "mismatch":
            return False
    return True


def illegal_questions(formula, inputs):
    """Inputs that break one precondition of the page, with the page's own words for it.

    Only legal questions are judged; whether a stranger raises on these is listed, never counted.
    """
    for name, value in inputs.items():
        for changed in (-1, 0, np.size(next(iter(inputs.values()))), -1.0, 0.0, np.nan):
            same_kind = np.asarray(changed).dtype.kind == np.asarray(value).dtype.kind
            if formula.shapes[name] or not same_kind:
                continue
            try:
                with np.errstate(all="ignore"):
                    formula.value(**inputs | {name: changed})
            except ValueError as problem:
                yield str(problem), inputs | {name: changed}


def smallest_input(formula, ask, inputs, output, questions=300):
    """The smallest input on which a candidate still disagrees with the page.

    `ask(inputs)` returns its answer, {"value": ..., "gradients": {...}} or a refusal.  At most so many
    questions are asked.  Returns {"inputs", "truth", "answer"}, or {} if the start shows nothing.
    """
    best = _disagreement(formula, ask, inputs, output)
    progress = bool(best)
    while progress and questions > 0:
        progress = False
        for simpler in simplifications(formula, best["inputs"]):
            questions -= 1
            found = _disagreement(formula, ask, simpler, output) if questions > 0 else {}
            if found:
                best, progress = found, True
                break
    return best


def _disagreement(formula, ask, inputs, output):
    function = formula.value if output == "value" else formula.gradients[output]
    try:
        with np.errstate(all="ignore"):
            truth = function(**inputs)
            if output != "value" and _has_kink(formula, inputs, output):
                return {}
    except (ValueError, IndexError):  # not a legal question, or too near the edge of the domain to tell
        return {}
    answer = ask(inputs)
    if "value" not in answer or output not in {"value", *answer["gradients"]}:
        return {}
    given = of(answer, output)
    probe = {"inputs": inputs, "kinks": {}, "condition": None}
    if measure(probe, output, given, truth=truth).coarse <= 1.0:
        return {}
    return {"inputs": inputs, "truth": truth, "answer": given}


def _has_kink(formula, inputs, argument, h=2.0**-12):
    """Whether the slopes on the two sides differ along some axis: there nobody's gradient is wrong."""
    x, f = np.asarray(inputs[argument], float), formula.value
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = h
        here, right, left = (f(**inputs | {argument: x + s}) for s in (0.0, step, -step))
        if np.any(np.abs(right - 2 * here + left) > 0.01 * h * (1.0 + np.abs(here))):
            return True
    return False


def simplifications(formula, inputs):
    """Simpler inputs, the boldest first: an entry less along an axis, an earlier index, a rounder number."""
    for axis in dict.fromkeys(axis for axes in formula.shapes.values() for axis in axes):
        size = next(
            np.shape(inputs[a])[axes.index(axis)] for a, axes in formula.shapes.items() if axis in axes
        )
        for i in reversed(range(size)):
            yield _without(formula, inputs, axis, i)
    for name, value in inputs.items():
        for simpler in _simpler(np.asarray(value)):
            yield inputs | {name: simpler}


def _without(formula, inputs, axis, i):
    """Entry i of an axis taken away; an index above it moves down."""
    fewer = {}
    for name, value in inputs.items():
        axes = formula.shapes[name]
        is_index = np.asarray(value).dtype.kind in "iu" and not axes
        fewer[name] = (
            np.delete(value, i, axis=axes.index(axis)) if axis in axes else value - (is_index and value > i)
        )
    return fewer


def _simpler(value):
    """One number of an array at a time, replaced by one that is shorter to write."""
    for index in np.ndindex(value.shape):
        number = value[index].item()
        for candidate in (0, 1, 2, round(number), round(number, 1), -number):
            candidate = type(number)(candidate) if np.isfinite(number) else number
            if _effort(candidate) < _effort(number):
                changed = value.copy()
                changed[index] = candidate
                yield changed[()] if value.ndim else type(number)(candidate)


def _effort(number):
    return len(repr(abs(number))), abs(number), number < 0
