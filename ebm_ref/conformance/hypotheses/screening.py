r"""Screening: what Python's floats tell of a hypothesis, before it is computed in 40 digits.

    value        the expression itself, in floats
    gradient     along one direction v of the argument: (f(x + h v) - f(x - h v))/(2 h)

Most of what a stranger may compute is far from what he did compute, and a hundredth of the time shows it.
What floats and his answer do not have in common goes no further; all else is left to the tape: what is near,
infinite or raises.  Where the two one-sided differences do not agree, as at a corner, their distance is added
to what is near.  Floats are asked of an output of a vector only where they find the truth to a thousandth of
that, by the right expression.

Source: the construction is this project's own.
"""

import functools
import operator
import zlib
from typing import NamedTuple

import numpy as np

from ebm_ref.conformance.hypotheses import texts
from ebm_ref.proof import tape
from ebm_ref.proof.bounds import of

FAR = 0.01  # relative to the largest component; agreement asks for 1e-6, or 1e-3 in single precision
TRUSTED = FAR / 1000  # the same, for the right expression in floats
STEP = 2.0**-18


class Estimate(NamedTuple):
    """A value, or a gradient along a direction, and how far from it the two one-sided ones may lie."""

    number: np.ndarray
    doubt: np.ndarray

    def reaches(self, answer, size, change=np.add, numbers=(0.0,)):
        """By which numbers, added or multiplied, it may become an answer of that size: an array of bools."""
        numbers = np.reshape(numbers, (-1, *np.ones(np.ndim(self.number), int)))
        if np.shape(self.number) != np.shape(answer):
            return np.zeros(len(numbers), bool)
        with np.errstate(all="ignore"):
            doubt = self.doubt * (np.abs(numbers) if change is np.multiply else 1.0)
            is_far = np.abs(change(self.number, numbers) - answer) > FAR * size + doubt
        return ~np.any(is_far, axis=tuple(range(1, is_far.ndim)))


class Floats:
    """Estimates of a function of the inputs; None where there is none.

    With a `join` of slopes that is no sum, a gradient is no derivative.
    """

    def __init__(self, function, join=operator.add):
        self.function, self.join, self._known, self._first = function, join, {}, {}

    def __call__(self, vector, output):
        key = vector["id"], output
        if key not in self._known:
            self._known[key] = self._computed(vector, output) if is_trusted(vector, output) else None
        return self._known[key]

    def _computed(self, vector, output):
        if output != "value" and self.join is not operator.add:
            return None
        try:
            with tape.floats(), np.errstate(all="raise"):
                found = self._estimate(vector, output)
        except Exception:  # whatever it is, the tape will find it again
            return None
        return found if np.all(np.isfinite(found.number)) and np.all(np.isfinite(found.doubt)) else None

    def _estimate(self, vector, output):
        """What is held constant is in each run what it was in the first."""
        inputs = vector["inputs"]
        if vector["id"] not in self._first:
            still = []
            self._first[vector["id"]] = _value(self.function, inputs, still), still
        f, still = self._first[vector["id"]]
        if output == "value":
            return Estimate(f, np.zeros(f.shape))
        x, v = np.asarray(inputs[output], float), direction(vector, output)
        up, down = (_value(self.function, inputs | {output: x + h * v}, still) for h in (STEP, -STEP))
        return Estimate((up - down) / (2 * STEP), np.abs(up - 2 * f + down) / STEP)


def _value(function, inputs, still):
    with tape.keeping(still):
        value = function(**{a: np.asarray(x).tolist() for a, x in inputs.items()})
    found = np.array(value, object)
    return np.array([float(tape.plain(x)) for x in found.ravel()]).reshape(found.shape)


@functools.cache
def _direction(id, output, shape):
    rng = np.random.default_rng(zlib.crc32(f"{id} {output}".encode()))
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.0, shape)


def direction(vector, output):
    """Any direction of an argument, the same whenever it is asked for; small where the argument is small."""
    if output == "value":
        return None
    x = np.abs(np.asarray(vector["inputs"][output], float))
    return _direction(vector["id"], output, x.shape) * np.where(x > 0.0, np.minimum(x, 1.0), 1.0)


def seen(vector, output, answer):
    """What an estimate of this answer is one of, and the size that is meant by near it."""
    answer, truth = (np.asarray(x, float) for x in (answer, of(vector, output)))
    most = max(np.max(np.abs(x), initial=0.0, where=np.isfinite(x)) for x in (answer, truth))
    if output == "value":
        return answer, most
    v = direction(vector, output)
    if answer.shape[answer.ndim - v.ndim :] == v.shape:
        with np.errstate(all="ignore"):
            answer = np.tensordot(answer, v, v.ndim)
    return answer, most * np.linalg.norm(v)


_trusted = {}


def is_trusted(vector, output):
    """Whether floats find the truth of an output there."""
    key = vector["id"], output
    if key not in _trusted:
        _trusted[key] = True  # while the right expression is asked
        found = Floats(texts.expression(vector["formula"]))(vector, output)
        _trusted[key] = found is not None and _is_right(found, *seen(vector, output, of(vector, output)))
    return _trusted[key]


def _is_right(found, truth, size):
    error = np.max(np.abs(found.number - truth), initial=0.0)
    return bool(error <= TRUSTED * size and np.max(found.doubt, initial=0.0) <= 0.1 * FAR * size)
