r"""Questions beside the vectors: illegal ones, and the smallest that shows a mismatch.

    smallest input    entries are taken away, all moved together, and numbers made simpler, for as long as
                      the candidate still disagrees with the page there, as long as all is finite

Source: delta debugging, Zeller and Hildebrandt (2002).
"""

import numpy as np

from ebm_ref.proof.bounds import measure, of


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
    if not _is_finite([truth, *inputs.values()]):  # a page's limit is no bug report
        return {}
    answer = ask(inputs)
    if "value" not in answer or output not in {"value", *answer["gradients"]}:
        return {}
    given = of(answer, output)
    probe = {"inputs": inputs, "kinks": {}, "condition": None}
    if measure(probe, output, given, truth=truth).coarse <= 1.0:
        return {}
    return {"inputs": inputs, "truth": truth, "answer": given}


def _is_finite(arrays):
    return all(np.all(np.isfinite(np.asarray(x, float))) for x in arrays)


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
        for simpler in [*_moved(np.asarray(value)), *_simpler(np.asarray(value))]:
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


def _moved(value):
    """All entries of an array moved together so that one becomes 0, scaled together, or rounded."""
    entries = np.unique(value) if value.ndim and value.dtype.kind == "f" else ()
    if len(entries) and np.all(np.isfinite(entries)) and np.max(np.abs(entries)) > 0.0:
        effort = lambda x: sum(_effort(number)[0] for number in np.ravel(x).tolist())
        largest = entries[np.argmax(np.abs(entries))]
        for simpler in (value - entries[0], value - entries[-1], value / abs(largest), np.round(value)):
            if effort(simpler) < effort(value):
                yield simpler


def _simpler(value):
    """One number of an array at a time, replaced by one that is shorter to write."""
    for index in np.ndindex(value.shape):
        number = value[index].item()
        for candidate in (0, 1, 2, -1, round(number), round(number, 1), -number):
            candidate = type(number)(candidate) if np.isfinite(number) else number
            if _effort(candidate) < _effort(number):
                changed = value.copy()
                changed[index] = candidate
                yield changed[()] if value.ndim else type(number)(candidate)


def _effort(number):
    return len(repr(abs(number))), abs(number), number < 0
