r"""The page's own variants as hypotheses: what others are known to compute under the same name.

    value       the very function that stands on the page, in the candidate's dtype
    gradients   those of the page; else autograd's of the value; else differences of it

Differences are extrapolated from two steps, (4 D(h/2) - D(h))/3, and good to some nine digits.

Source: the variants are the pages'; extrapolation after Richardson (1911).
"""

import functools
import warnings

import numpy as np
from autograd import make_vjp
from autograd.extend import vspace

from ebm_ref.conformance.hypotheses.hypothesis import Hypothesis
from ebm_ref.formula import Variant

STEP = 2.0**-9


@functools.cache
def variants(formula):
    """A hypothesis for each variant of a formula, in the page's order; each answers a vector once."""
    return [of_variant(formula, variant) for variant in formula.variants]


def of_variant(formula, variant: Variant):
    """The variant's value and gradients at the inputs of a vector, NaN where it raises."""
    known = {}

    def answer(vector, output, dtype):
        if output != "value" and output not in variant.gradients:
            dtype = "any"
        key = vector["id"], output, dtype
        if key not in known:
            found = _answers(formula, variant, vector, output, dtype)
            known.update({(vector["id"], a, dtype): x for a, x in found.items()})
        return known[key]

    roughly = not set(formula.gradients) <= set(variant.gradients)
    return Hypothesis(variant.name, variant.kind, answer, variant.seen_in, roughly=roughly)


def _answers(formula, variant, vector, output, dtype):
    """What is asked for, and with a gradient that is derived all others that are."""
    function = variant.value if output == "value" else variant.gradients.get(output)
    if function is None and (output == "value" or variant.value is None):
        return {output: None}
    inputs = vector["inputs"]
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        try:
            if function is None:
                others = [a for a in formula.gradients if a not in (output, *variant.gradients)]
                return derived(variant.value, inputs, [output, *others])
            sample = [_cast(x, dtype) for x in inputs.values()]
            return {output: np.asarray(function(*sample), float)}
        except Exception:  # a hypothesis that raises does not reproduce anything
            return {output: np.nan}


def _cast(x, dtype):
    return np.asarray(x, dtype)[()] if np.asarray(x).dtype.kind == "f" else x


def derived(function, inputs, arguments):
    """{argument: derivative of a function by it, output axes first}."""
    sample = {a: _cast(x, float) for a, x in inputs.items()}
    given = tuple(sample[a] for a in arguments)
    of = lambda x: function(*(sample | dict(zip(arguments, x, strict=True))).values())
    try:
        found = dict(zip(arguments, _jacobians(of, given), strict=True))
    except Exception:  # it assigns to entries, or does what autograd does not follow
        found = {}
    for i, a in enumerate(arguments):
        if a not in found or not np.all(np.isfinite(found[a])):
            f = lambda x, i=i: np.asarray(of((*given[:i], x, *given[i + 1 :])))
            found[a] = differences(f, given[i])
    return found


def _jacobians(function, given):
    """Derivatives by each of a tuple of arguments, in one run of the function."""
    backwards, result = make_vjp(lambda *x: function(x), tuple(range(len(given))))(*given)
    space = vspace(result)
    rows = [backwards(direction) for direction in space.standard_basis()]
    return [
        np.reshape(np.stack(column), space.shape + np.shape(x))
        for column, x in zip(zip(*rows, strict=True), given, strict=True)
    ]


def differences(f, x):
    """df/dx by central differences with steps h and h/2, extrapolated."""
    x = np.asarray(x, float)
    columns = []
    for index in np.ndindex(x.shape):
        h = np.zeros(x.shape)
        h[index] = STEP * max(1.0, abs(x[index]))
        slope = lambda h: (f((x + h)[()]) - f((x - h)[()])) / (2.0 * np.sum(h))
        columns.append((4.0 * slope(h / 2.0) - slope(h)) / 3.0)
    return np.moveaxis(np.array(columns), 0, -1).reshape(np.shape(f(x[()])) + x.shape)
