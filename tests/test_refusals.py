"""What is refused: by the rules of a page, row by row, and by the signature, of every argument."""

import inspect
import re

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.proof.evidence import samples

NAMES = list(FORMULAS)


def ways(f):
    """Each way to ask a formula: (what it is called, the call)."""
    page = inspect.getmodule(f.value)
    yield "value", f.value
    yield "page", getattr(page, f.value.__name__)
    yield "stack", f
    for argument, gradient in f.gradients.items():
        yield f"gradient by {argument}", gradient
        yield f"stack of gradients by {argument}", lambda *inputs, a=argument: f.gradient(a, *inputs)


def refused(call, inputs, argument):
    """Whether the call ends in a ValueError of the form `argument = value: rule`, the value not left out."""
    inputs = list(inputs)
    with pytest.raises(ValueError) as problem, np.errstate(all="ignore"):
        call(*inputs)
    said = str(problem.value)
    shown = any(x is None for x in inputs) or not said.startswith(f"{argument} = None")
    return (
        shown
        and said.startswith(f"{argument} = ")
        and re.search(r": (must|has|is|do|needs) ", said) is not None
    )


ROWS = [(name, row) for name in NAMES for row in FORMULAS[name].refuses]


@pytest.mark.parametrize("name, row", ROWS, ids=[f"{name}-{row}" for name, row in ROWS])
def test_a_page_refuses_what_its_record_says(name, row):
    f = FORMULAS[name]
    inputs, argument = f.refuses[row]
    for way, call in ways(f):
        assert refused(call, inputs.values(), argument), way


@pytest.mark.parametrize("name", NAMES)
def test_all_functions_of_a_formula_have_the_same_defaults(name):
    f = FORMULAS[name]
    defaults = lambda g: {a: p.default for a, p in inspect.signature(g).parameters.items()}
    others = [*f.gradients.values(), *([f.as_printed] if f.as_printed else [])]
    assert all(defaults(other) == defaults(f.value) for other in others)


def test_every_rule_is_broken_by_a_row():
    """A page with rules of its own has rows for them; they raise only what the signature lets through."""
    assert [name for name, f in FORMULAS.items() if f.rules is not None and not f.refuses] == []


FREE = {
    "squared_error",
    "absolute_error",
    "log_cosh",
    "reduction_sum",
}  # they take any number, and any count of them


@pytest.mark.parametrize("name", NAMES)
def test_a_criterion_and_a_loss_refuse_something(name):
    f = FORMULAS[name]
    if f.value.__module__.split(".")[1] in ("criteria", "losses") and name not in FREE:
        assert f.refuses, 'add a row to refuses: "what is wrong": ((inputs), "argument")'


# what may stand where an array or a number belongs, and is neither
GARBAGE = {
    "complex": lambda x: np.asarray(x) + 0j,
    "text": lambda x: "one",
    "nothing": lambda x: None,
    "bool": lambda x: np.asarray(x) > 0,
    "objects": lambda x: np.asarray(x).astype(object)[()] if np.ndim(x) else [object()],
    "one axis more": lambda x: np.asarray(x)[None],
    "a masked entry": lambda x: np.ma.masked_array(x, np.ones(np.shape(x), bool)),
    "four hundred digits": lambda x: 10**400,
    "ragged": lambda x: [[1.0], [1.0, 2.0]],
}


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_refuses_garbage(name):
    f = FORMULAS[name]
    (inputs,), _ = samples(name, 1)
    for argument, x in inputs.items():
        for kind, garbage in GARBAGE.items():
            if np.size(x) == 0 and kind in ("complex", "bool", "objects", "a masked entry"):
                continue  # nothing of that kind is in an empty array
            bad = list((inputs | {argument: garbage(x)}).values())
            for way, call in ways(f):
                if "stack" in way and kind == "one axis more":
                    continue  # a stack of one
                assert refused(call, bad, argument), (argument, kind, way)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_of_one_axis_are_of_one_size(name):
    """What NumPy would stretch to fit, (1,) to (n,), is refused in the name of one of the two arguments."""
    f = FORMULAS[name]
    (inputs,), _ = samples(name, 1)
    for argument, axes in f.shapes.items():
        for position, axis in enumerate(axes):
            shared = [
                a
                for a, others in f.shapes.items()
                if axis in others and (a != argument or others.count(axis) > 1)
            ]
            size = np.shape(inputs[argument])[position]
            if not shared or size < 2:
                continue
            bad = list((inputs | {argument: np.take(inputs[argument], [0], position)}).values())
            for way, call in ways(f):
                assert any(refused(call, bad, blamed) for blamed in {argument, *shared}), (
                    argument,
                    axis,
                    way,
                )


@pytest.mark.parametrize("name", NAMES)
def test_small_numbers_are_cast(name):
    """int8, uint8, float32 and lists give the answers of the same numbers in float64."""
    f = FORMULAS[name]
    for inputs in samples(name, 3)[0]:
        for kind in (np.int8, np.uint8, np.int64, np.float32, np.float16, list):
            given, meant = dict(inputs), dict(inputs)
            for a, x in inputs.items():
                if np.asarray(x).dtype.kind != "f":
                    continue
                scaled = np.asarray(x)
                if kind not in (list, np.float32, np.float16):
                    scaled = np.rint(100.0 * np.abs(scaled) / max(1.0, np.abs(scaled).max(initial=0.0)))
                given[a] = scaled.tolist() if kind is list else scaled.astype(kind)[()]
                meant[a] = np.asarray(given[a], float)[()]
            for way, call in ways(f):
                if "stack" in way:
                    continue
                answers = [answer(call, which.values()) for which in (given, meant)]
                assert answers[0][0] == answers[1][0], (kind, way, answers)
                assert np.array_equal(answers[0][1], answers[1][1], equal_nan=True), (kind, way)
                assert np.asarray(answers[0][1]).dtype in (np.float64, np.int64)


def answer(call, inputs):
    """The class of an error or None, and the result or 0."""
    try:
        with np.errstate(all="ignore"):
            return None, call(*inputs)
    except ValueError as problem:
        return str(problem).partition(" = ")[0], 0.0
