r"""Adapting: what the adapters of conformance/frameworks have in common.

    `version()`                                           name and version, as imported
    `evaluate(adapter, inputs, differentiated, dtype)`    `(value, {argument: gradient})` of one sample
    `ADAPTERS = {formula: {function: adapter}}`           a literal dict of short functions
    `KNOWN = {(formula, function, mistake): thread}`      deviations that have a name

An adapter gives the framework's own function the inputs of a formula, in a sign or scale that makes it
the formula's, and does nothing else: what the framework gets wrong must stay wrong.  Where it can
express some inputs only, it says which.  Differentiation is the framework's own too; an argument that
it does not differentiate by is left out of the answer.

Deviations in KNOWN are shown with their thread and do not fail the run.  What nobody has reported is
there as well, as a finding of this project.

Source: the interface is this project's own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FINDING = "finding of this project"


class Unsupported(Exception):
    """The framework has no such function, or not for these inputs."""


def only(holds, what):
    """Decorate an adapter that can express only inputs for which `holds(*inputs)`; `what` says which.

    >>> @only(lambda x: x > 0.0, "positive numbers alone")
    ... def log(framework, x): ...
    >>> check_expressible(log, {"x": -1.0})
    Traceback (most recent call last):
    ebm_ref.conformance.adapting.Unsupported: positive numbers alone
    """

    def mark(adapter):
        adapter.only = holds, what
        return adapter

    return mark


def check_expressible(adapter, inputs):
    """Raise `Unsupported` where the adapter says so."""
    holds, what = getattr(adapter, "only", (None, ""))
    if holds and not holds(*inputs.values()):
        raise Unsupported(what)


@dataclass(frozen=True)
class Padded:
    """An adapter that is given a sequence as a batch holds it: filled up with more moments and labels.

    It takes two more arguments, how many moments and labels are the sample's own.  Nothing after them
    may be read; so they may be anything, also NaN.
    """

    adapter: Callable
    filler: float
    multiple: int = 8

    def fill(self, inputs):
        """The inputs in signature order, then the two lengths."""
        (first, x), (second, y), *rest = inputs.items()
        more = lambda length: self.multiple - length % self.multiple
        return {
            first: np.concatenate([x, np.full((more(len(x)), *x.shape[1:]), self.filler)]),
            second: np.concatenate([y.astype(int), np.zeros(more(len(y)), int)]),
            **dict(rest),
            "moments": len(x),
            "labels": len(y),
        }


def converted(inputs, differentiated, array):
    """The inputs, arrays and differentiated numbers as the framework's own: `array(x, is_real)`.

    Margins, labels and the like stay Python's own numbers, as a user would give them.
    """
    return {
        a: array(x, a in differentiated or np.asarray(x).dtype.kind == "f")
        if a in differentiated or isinstance(x, np.ndarray)
        else x
        for a, x in inputs.items()
    }
