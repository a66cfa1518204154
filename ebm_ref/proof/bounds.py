r"""Bounds: how far from the truth an honest computation may land.

    match        |error| <= 8 (u C + eta)          all that the inputs' own rounding excuses
    imprecise    |error| <= 8 n (u S + smallest)   no worse than the textbook, evaluated step by step
    mismatch     beyond

u is the unit roundoff of the candidate's dtype, eta its smallest subnormal and `smallest` its smallest
normal number; C the condition and S the size of the vector's output, component by component, both from
the oracle; n the number of entries of the largest input.  No tolerance is chosen by hand.  An ordinary
max-shifted log-sum-exp loses five million bounds of the first kind at an energy gap of 20 and none of the
second: without the middle level everybody would be convicted of everything.

S adds up, over all intermediate results of the textbook expression (of a slope: of its derivative), how far
the answer moves when that result alone is off by its own size (tape.py).  An error beyond 8 n u S is a
mistake, because honest rounding cannot reach it.  But where the textbook itself goes to pieces, S is no
more than the largest number in sight:

    S <= M / d        M = max(1, |f|, max |x|)       f the value, or the gradient by an argument
                      d = 1 for the value; for a slope by x_p, the least of 1, |x_p| and all arguments that
                          are single real numbers (temperatures, scales), zeros left out

A slope by a temperature t is one of E/t, so it divides by t once more than the value does.

Where a corner or a tie is nearer than the dtype can resolve, every value and slope between the two
sides is right.  Pages themselves must match with 4 in place of 8.

Source: backward error analysis, Higham (2002), "Accuracy and Stability of Numerical Algorithms", 1.5 and 3.3.
"""

import contextlib
from typing import NamedTuple

import numpy as np

# unit roundoff u and smallest subnormal eta of the dtypes that candidates compute in
PRECISIONS = {"float32": (2.0**-24, 2.0**-149), "float64": (2.0**-53, 2.0**-1074)}


class Measure(NamedTuple):
    """The worst component of an output, in units of the two bounds; both infinite for a wrong shape."""

    fine: float  # |error| / 8 (u C + eta)
    coarse: float  # |error| / 8 n (u S + smallest)

    @property
    def verdict(self):
        """ "match", "imprecise" or "mismatch"."""
        return "match" if self.fine <= 1.0 else "imprecise" if self.coarse <= 1.0 else "mismatch"


def measure(vector, output, answer, dtype="float64", truth=None):
    """How far `answer` is from the truth of `vector`, for `output` "value" or an argument's name.

    Another `truth` may be given: what some other formula says there, judged by the same bounds but for S,
    which then is M: of another expression no sizes are known.
    """
    side = vector["kinks"].get(dtype) if truth is None else None
    S = None if truth is None else scale(vector, truth)
    truth = np.asarray(of(vector, output) if truth is None else truth)
    answer = np.asarray(answer, float)
    if answer.shape != truth.shape:
        return Measure(np.inf, np.inf)
    if truth.dtype.kind in "iu":  # an index is right or wrong
        right = np.isin(answer, side["value"] if side else truth)
        return Measure(*(2 * [0.0 if np.all(right) else np.inf]))
    with np.errstate(all="ignore"):
        truth = truth.astype(dtype).astype(float)  # beyond the dtype's range the truth is infinite
        low, high = of(side, output) if side else (truth, truth)
        error = _beyond(answer, np.minimum(truth, low), np.maximum(truth, high))
        error = np.where((answer == truth) | np.isnan(answer) & np.isnan(truth), 0.0, error)
        C = condition(vector, output, truth)
        S = size(vector, output, truth) if S is None else S
        found = _in_bounds(vector, dtype, error, C, S)
        if side and output != "value":  # their sum, too, is held between those of the sides
            axes = tuple(range(-np.ndim(vector["inputs"][output]), 0))
            error = _beyond(np.sum(answer, axis=axes), *side["sums"][output])
            added = [np.sum(np.abs(answer) + part, axis=axes) for part in (C, S)]
            found = Measure(*np.maximum(found, _in_bounds(vector, dtype, error, *added)).tolist())
    return found


def _beyond(answer, low, high):
    """How far an answer lies outside a range; infinitely far if it is infinite or NaN where that is not."""
    error = np.maximum(np.maximum(low - answer, answer - high), 0.0)
    return np.where(np.isnan(error), np.inf, error)


def _in_bounds(vector, dtype, error, C, S):
    """The largest of some errors in units of the two bounds."""
    u, eta = PRECISIONS[dtype]
    fine = error / (8 * (u * C + eta))
    coarse = error / (8 * terms(vector) * (u * S + float(np.finfo(dtype).tiny)))
    return Measure(float(np.max(fine, initial=0.0)), float(np.max(coarse, initial=0.0)))


def of(answer, output):
    """The value of a vector or an answer, or its gradient with respect to an argument."""
    return answer["value"] if output == "value" else answer["gradients"][output]


def condition(vector, output, truth):
    """C of every component; where the inputs are not finite there is none, and 1 stands in."""
    if vector["condition"] is None:
        return np.maximum(1.0, np.nan_to_num(np.abs(truth)))
    return _shaped(vector["condition"] if output == "value" else vector["gradient_conditions"][output], truth)


def size(vector, output, truth):
    """S of every component; M where none is known, as where the inputs are not finite."""
    if vector.get("size") is None:
        return scale(vector, truth)
    return _shaped(vector["size"] if output == "value" else vector["gradient_sizes"][output], truth)


def _shaped(entries, truth):
    return (
        entries if np.shape(entries) == np.shape(truth) else np.transpose(entries)
    )  # of a transposed gradient


def largest(vector, output, truth):
    """M/d of every component, which no size exceeds."""
    if output == "value":
        return scale(vector, truth)
    x = np.abs(vector["inputs"][output])
    single = [abs(x) for x in vector["inputs"].values() if isinstance(x, float) and x]
    with np.errstate(over="ignore"):
        return scale(vector, truth) / np.minimum(np.where(x, x, 1.0), min([1.0, *single]))


def terms(vector):
    """n: the number of terms that a formula may sum, the size of its largest input; 1 where all are empty."""
    return max(1, *(np.size(x) for x in vector["inputs"].values()))


def scale(vector, truth):
    """M = max(1, |f|, max |x_i|) over finite numbers: the largest number in sight."""
    numbers = np.concatenate([np.ravel(np.asarray(x, float)) for x in (*vector["inputs"].values(), truth)])
    return max(1.0, np.max(np.abs(numbers[np.isfinite(numbers)]), initial=0.0))


def estimated_condition(formula, inputs):
    """C of a value without the oracle: explicit gradients, central differences for other parameters."""
    total = np.abs(formula.value(**inputs))
    for a, x in inputs.items():
        x = np.asarray(x)
        if x.dtype.kind != "f":
            continue
        inner = tuple(range(-x.ndim, 0))
        g = formula.gradients[a](**inputs) if a in formula.gradients else _differences(formula, inputs, a)
        total = total + np.sum(np.abs(x * g), axis=inner)
    return total


def _differences(formula, inputs, argument):
    """d value / d argument by differences, output axes first."""
    x = np.asarray(inputs[argument])
    f = lambda x: formula.value(**inputs | {argument: x})
    slopes = []
    for index in np.ndindex(x.shape):
        h = np.zeros(x.shape)
        h[index] = 2.0**-20 * max(1.0, abs(x[index]))
        slopes.append(_slope(f, x, h))
    return np.moveaxis(np.array(slopes), 0, -1).reshape(np.shape(f(x)) + x.shape)


def _slope(f, x, h):
    """By a central difference; one-sided at the edge of the domain; 0 of what is whole, and never rounded."""
    for up, down in ((h, h), (h, 0.0 * h), (0.0 * h, h)):
        with contextlib.suppress(ValueError):
            return (f(x + up) - f(x - down)) / np.sum(up + down)
    return np.zeros(np.shape(f(x)))


def is_finite(vector):
    """Whether inputs and truth are finite numbers: NaN and infinity are judged apart."""
    parts = (*vector["inputs"].values(), vector["value"], *vector["gradients"].values())
    return all(np.all(np.isfinite(np.asarray(part, float))) for part in parts)
