r"""The page's own variants as hypotheses: what others are known to compute under the same name.

    value       the very function that stands on the page, in the candidate's dtype
    gradients   those of the page; else autograd's of the value; else differences of it

Differences are extrapolated from two steps, (4 D(h/2) - D(h))/3, and good to some nine digits.

Source: the variants are the pages'; extrapolation after Richardson (1911).
"""

import functools
import warnings

import numpy as np
from autograd import jacobian

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
        key = vector["id"], output, dtype if output == "value" or output in variant.gradients else "any"
        if key not in known:
            known[key] = _answer(formula, variant, vector, output, dtype)
        return known[key]

    roughly = not set(formula.gradients) <= set(variant.gradients)
    return Hypothesis(variant.name, variant.kind, answer, variant.seen_in, roughly=roughly)


def _answer(formula, variant, vector, output, dtype):
    function = variant.value if output == "value" else variant.gradients.get(output)
    if function is None and (output == "value" or variant.value is None):
        return None
    cast = lambda x: np.asarray(x, dtype)[()] if np.asarray(x).dtype.kind == "f" else x
    sample = [cast(x) for x in vector["inputs"].values()]
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        try:
            if function is None:
                return derived(variant.value, sample, list(vector["inputs"]).index(output))
            return np.asarray(function(*sample), float)
        except Exception:  # a hypothesis that raises does not reproduce anything
            return np.nan


def derived(function, sample, place):
    """The derivative of a function by the argument at that place, output axes first."""
    sample = [np.asarray(x, float)[()] if np.asarray(x).dtype.kind == "f" else x for x in sample]
    try:
        found = jacobian(lambda x: function(*sample[:place], x, *sample[place + 1 :]))(sample[place])
        if np.all(np.isfinite(found)):
            return np.asarray(found)
    except Exception:  # it assigns to entries, or does what autograd does not follow
        pass
    return differences(
        lambda x: np.asarray(function(*sample[:place], x, *sample[place + 1 :])), sample[place]
    )


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
