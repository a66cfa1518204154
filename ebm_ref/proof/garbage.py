r"""Garbage: calls with one argument spoiled, and what may come of them.

    castable     int8, uint8, float32, a list, a tuple, ...: the answer is that of the same numbers in float64
    garbage      complex, text, None, True, objects, masked, ragged, 10^400, another shape, NaN, 1e300, ...

Every call gives an answer, or a ValueError or TypeError that names an argument.  Whatever else comes of it,
an IndexError from the inside of a page or a number that another type would not have given, is a fault.

Source: elementary.
"""

import os
import re
import traceback
import warnings
from dataclasses import dataclass

import numpy as np

REALS = "int8", "uint8", "int16", "uint32", "int64", "float16", "float32", "longdouble"


@dataclass(frozen=True)
class Spoiled:
    """A call with one argument replaced, and the inputs that mean the same in float64, if any do."""

    kind: str
    argument: str
    given: dict
    meant: dict | None = None


def spoil(rng, inputs):
    """One argument that is a number or holds numbers, at random, replaced at random."""
    arguments = [a for a, x in inputs.items() if holds_numbers(x)]
    if not arguments:
        return Spoiled("as it is", "", inputs, inputs)
    argument = arguments[rng.integers(len(arguments))]
    x = inputs[argument]
    castable = CASTABLE if _is_real(x) else INTEGERS
    table = castable if rng.random() < 0.5 else GARBAGE
    kind = list(table)[rng.integers(len(table))]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            new = table[kind](x)
        except (TypeError, ValueError, IndexError):  # no such garbage can be made of it
            return Spoiled("as it is", argument, inputs, inputs)
    meant = None
    if table is castable:
        plain = np.asarray(new)
        meant = inputs | {
            argument: plain.astype(np.asarray(x).dtype)[()] if plain.size else np.asarray(x)[:0]
        }
    return Spoiled(kind, argument, inputs | {argument: new}, meant)


def holds_numbers(x):
    """Whether an input is a number or an array of numbers, and so can be spoiled."""
    return not callable(x) and not isinstance(x, (str, bytes, dict)) and _kind(x) in "fiu"


def _kind(x):
    try:
        return np.asarray(x).dtype.kind
    except (ValueError, TypeError):
        return "O"


def _is_real(x):
    return _kind(x) == "f"


def _small(x):
    """Numbers of the size of x that small integers hold, more than one of them where x has several."""
    x = np.asarray(x, float)
    return np.clip(np.rint(x * 4.0), 0.0, 100.0)


CASTABLE = {kind: lambda x, kind=kind: _small(x).astype(kind)[()] for kind in REALS} | {
    "list": lambda x: np.asarray(x).tolist(),
    "tuple": lambda x: tuple(np.asarray(x).tolist()) if np.ndim(x) else float(x),
    "backwards in memory": lambda x: np.asarray(x)[..., ::-1].copy()[..., ::-1] if np.ndim(x) else x,
    "read-only": lambda x: _frozen(x) if np.ndim(x) else x,
    "column-major": lambda x: np.asfortranarray(x) if np.ndim(x) else x,
    "no dimension": lambda x: np.asarray(x),
}
INTEGERS = {
    kind: lambda x, kind=kind: np.asarray(x).astype(kind)[()] for kind in ("int8", "int32", "int64")
} | {"list": lambda x: np.asarray(x).tolist(), "read-only": lambda x: _frozen(x) if np.ndim(x) else x}


def _frozen(x):
    x = np.array(x)
    x.setflags(write=False)
    return x


GARBAGE = {
    "complex": lambda x: np.asarray(x) + 0.5j,
    "text": lambda x: "one",
    "texts": lambda x: np.asarray(x).astype(str),
    "bytes": lambda x: b"1",
    "nothing": lambda x: None,
    "bool": lambda x: np.asarray(x) > 0,
    "one bool": lambda x: True,
    "objects": lambda x: np.asarray(x).astype(object),
    "masked": lambda x: np.ma.masked_array(x, np.ones(np.shape(x), bool)),
    "ragged": lambda x: [[1.0], [1.0, 2.0]],
    "four hundred digits": lambda x: 10**400,
    "digits in a list": lambda x: [10**400],
    "a dict": lambda x: {"x": 1.0},
    "a function": lambda x: abs,
    "a date": lambda x: np.datetime64("2001-01-01"),
    "one axis more": lambda x: np.asarray(x)[None],
    "a column": lambda x: np.asarray(x)[..., None],
    "one axis less": lambda x: np.asarray(x)[0],
    "one entry": lambda x: np.asarray(x)[:1],
    "one more": lambda x: np.concatenate([np.asarray(x), np.asarray(x)[:1]]),
    "transposed": lambda x: np.asarray(x).T,
    "empty": lambda x: np.asarray(x)[:0],
    "a number": lambda x: 0.5,
    "a half": lambda x: np.asarray(x) + 0.5,
    "NaN": lambda x: np.asarray(x) * np.nan,
    "infinity": lambda x: np.asarray(x) + np.inf,
    "minus infinity": lambda x: np.asarray(x) - np.inf,
    "huge": lambda x: np.asarray(x) * 1e300,
    "tiny": lambda x: np.asarray(x) * 1e-300,
    "zero": lambda x: np.asarray(x) * 0,
    "negated": lambda x: -np.asarray(x),
    "minus one": lambda x: -1,
    "a thousand": lambda x: np.asarray(x) * 0 + 1000,
}


def fault(function, spoiled):
    """What is wrong with a call, in words; None where it answers rightly or refuses by name."""
    result, problem = _outcome(function, spoiled.given)
    if problem is not None and not _names_an_argument(problem, spoiled.given):
        return f"{type(problem).__name__}: {problem}"
    if spoiled.meant is None:
        return None
    other, refusal = _outcome(function, spoiled.meant)
    if (problem is None) != (refusal is None):
        return f"{problem!r} for {spoiled.kind}, {refusal!r} for float64"
    if problem is None and not same(result, other):
        return f"{result} for {spoiled.kind}, {other} for float64"
    return None


def _outcome(function, inputs):
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(**inputs), None
    except Exception as problem:
        return None, problem


def _names_an_argument(problem, inputs):
    """A refusal names an argument or a part of it; what a user's own function raises is the user's."""
    if any(callable(x) for x in inputs.values()) and _raised_in_a_script(problem):
        return True
    names = [
        stem + ("(y|ies)" if argument.endswith("y") else "")
        for argument in inputs
        for stem in [argument.rstrip("y")]
    ]
    names += ["table", "scope"] if "factors" in inputs else []
    said = any(re.search(rf"\b{name}\b", str(problem)) for name in names)
    return isinstance(problem, (ValueError, TypeError)) and said


def _raised_in_a_script(problem):
    """Whether the error comes from outside the package: from an energy that was given, say."""
    frames = traceback.extract_tb(problem.__traceback__)
    return f"{os.sep}ebm_ref{os.sep}" not in frames[-1].filename


def same(a, b):
    """Equal to the bit, NaN for NaN, through tuples, lists, dicts and records."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return isinstance(b, (tuple, list)) and len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and same(vars(a), vars(b))
    try:
        return bool(np.array_equal(a, b, equal_nan=True))
    except TypeError:
        return bool(np.array_equal(a, b))
