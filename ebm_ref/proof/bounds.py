r"""Bounds: how far from the truth an honest computation may land.

    match        |error| <= 8 (u C + eta)       all that the inputs' own rounding excuses
    imprecise    |error| <= 8 n u S             absolute accuracy only: digits lost to cancellation
    mismatch     beyond

u is the unit roundoff of the candidate's dtype and eta its smallest subnormal; C the condition of the
vector, from the oracle; n the number of terms; S = max(1, |f|, max |x_i|).  No tolerance is chosen by
hand.  An ordinary max-shifted log-sum-exp loses five million bounds of the first kind at an energy
gap of 20 and none of the second: without the middle level everybody would be convicted of everything.

Where a corner or a tie is nearer than the dtype can resolve, every value and slope between the two
sides is right.  Pages themselves must match with 4 in place of 8.

Source: backward error analysis, Higham (2002), "Accuracy and Stability of Numerical Algorithms", 1.5.
"""

import contextlib
from typing import NamedTuple

import numpy as np

from ebm_ref.proof.golden import PRECISIONS


class Measure(NamedTuple):
    """The worst component of an output, in units of the two bounds; both infinite for a wrong shape."""

    fine: float  # |error| / 8 (u C + eta)
    coarse: float  # |error| / 8 n u S

    @property
    def verdict(self):
        """ "match", "imprecise" or "mismatch"."""
        return "match" if self.fine <= 1.0 else "imprecise" if self.coarse <= 1.0 else "mismatch"


def measure(vector, output, answer, dtype="float64", truth=None):
    """How far `answer` is from the truth of `vector`, for `output` "value" or an argument's name.

    Another `truth` may be given: what some other formula says there, judged by the same bounds.
    """
    u, eta = PRECISIONS[dtype]
    side = vector["kinks"].get(dtype) if truth is None else None
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
        error = np.maximum(np.minimum(truth, low) - answer, answer - np.maximum(truth, high))
        error = np.where((answer == truth) | np.isnan(answer) & np.isnan(truth), 0.0, np.maximum(error, 0.0))
        error = np.where(np.isnan(error), np.inf, error)  # infinite or absent where the truth is not
        fine = error / (8 * (u * condition(vector, output, truth) + eta))
        coarse = error / (8 * terms(vector) * u * scale(vector, truth))
    found = Measure(float(np.max(fine, initial=0.0)), float(np.max(coarse, initial=0.0)))
    return _with_sum(vector, side, output, answer, dtype, found) if side and output != "value" else found


def _with_sum(vector, side, output, answer, dtype, found):
    """The measure of slopes near a corner, when their sum too is held between those of the sides."""
    low, high = side["sums"][output]
    u, eta = PRECISIONS[dtype]
    axes = tuple(range(-np.ndim(vector["inputs"][output]), 0))
    total = np.sum(answer, axis=axes)
    outside = np.maximum(np.maximum(low - total, total - high), 0.0)
    sizes = np.abs(answer) + condition(vector, output, answer)
    error = float(np.max(outside / (8 * (u * np.sum(sizes, axis=axes) + eta))))
    return Measure(max(found.fine, error), max(found.coarse, error))


def of(answer, output):
    """The value of a vector or an answer, or its gradient with respect to an argument."""
    return answer["value"] if output == "value" else answer["gradients"][output]


def condition(vector, output, truth):
    """C of every component; where the inputs are not finite there is none, and 1 stands in."""
    if vector["condition"] is None:
        return np.maximum(1.0, np.nan_to_num(np.abs(truth)))
    C = vector["condition"] if output == "value" else vector["gradient_conditions"][output]
    return C if np.shape(C) == np.shape(truth) else np.transpose(C)  # of a transposed gradient


def terms(vector):
    """n: the number of terms that a formula may sum, the size of its largest input; 1 where all are empty."""
    return max(1, *(np.size(x) for x in vector["inputs"].values()))


def scale(vector, truth):
    """S = max(1, |f|, max |x_i|) over finite numbers."""
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
