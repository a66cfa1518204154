r"""Features: what the vectors have in common on which a candidate is wrong.

    all 12 that differ have a repeated entry in target, and none that match
    all 9 that differ have beta != 1, as have 3 of the 20 that match

A feature of the inputs distinguishes when all vectors that fail have it, and less than half of those that
do not fail; what nearly all vectors have is not said.  Numbers (sizes of axes, parameters) are compared
with the largest and the smallest of those that do not fail.

Source: the construction is this project's own.
"""

import inspect

import numpy as np

MOST = 3  # features shown
NEARLY_ALL = 0.9


def distinguishing(formula, failing, passing):
    """Phrases for what all `failing` inputs and less than half of the `passing` have, the sharpest first."""
    if not failing or not passing:
        return []
    found = [(0, phrase) for phrase in limits(formula, failing, passing)]
    has = [set(features(formula, inputs)) for inputs in passing]
    for feature in features(formula, failing[0]):
        if all(feature in features(formula, inputs) for inputs in failing):
            count = sum(feature in those for those in has)
            found += [(count, feature)] if 2 * count < len(passing) else []
    fewest = min((count for count, _ in found), default=0)
    told = [what for n, what in found if n == fewest and is_told(len(failing), n, len(passing))][:MOST]
    have = f"all {len(failing)} that differ have" if len(failing) > 1 else "the one that differs has"
    return [f"{have} {what}, {those_that_match(fewest, len(passing))}" for what in told]


def is_told(failing, have, passing):
    """Whether a feature tells those that fail from two others at least, and is not that of nearly all."""
    return (passing > 1 and not have) or failing + have <= NEARLY_ALL * (failing + passing)


def those_that_match(have, passing):
    """How many of those that match have the feature as well."""
    if not have:
        return "and none that match" if passing > 1 else "and the one that matches has not"
    return f"as {'has' if have == 1 else 'have'} {have} of the {passing} that match"


def limits(formula, failing, passing):
    """Numbers that are larger, or smaller, than in everything that does not fail."""
    those = [numbers(formula, inputs) for inputs in failing]
    rest = [numbers(formula, inputs) for inputs in passing]
    for name in those[0]:
        low, high = min(x[name] for x in rest), max(x[name] for x in rest)
        if all(x[name] > high for x in those):
            yield f"{name} > {high:g}"
        if all(x[name] < low for x in those):
            yield f"{name} < {low:g}"


def numbers(formula, inputs):
    """Sizes of axes and parameters by name."""
    found = {}
    for a, axes in formula.shapes.items():
        found |= dict(zip(axes, np.shape(inputs[a]), strict=True))
        if not axes:
            found[a] = float(inputs[a])
    return found


def features(formula, inputs):
    """What can be said of inputs in words."""
    for name, axes in formula.shapes.items():
        x = np.asarray(inputs[name])
        if not axes:
            default = inspect.signature(formula.value).parameters[name].default
            yield from _of_number(name, float(x), default)
        elif x.size:
            yield from (text.replace("{}", name) for text, holds in ARRAYS.items() if holds(x))
        else:
            yield f"{name} empty"
    yield from _of_sizes(numbers(formula, inputs))


def _of_number(name, x, default):
    usual = float(default) if isinstance(default, int | float) else 1.0
    for text, holds in (
        (f"{name} != {usual:g}", x != usual),
        (f"{name} != 0", x != 0.0 and usual != 0.0),
        (f"{name} = 0", x == 0.0),
        (f"{name} = 1", x == 1.0),
        (f"{name} = -1", x == -1.0),
        (f"{name} > 1", x > 1.0),
        (f"{name} < 0", x < 0.0),
        (f"{name} between 0 and 1", 0.0 < x < 1.0),
    ):
        if holds:
            yield text


def _of_sizes(sizes):
    axes = [axis for axis in sizes if len(axis) == 1]
    for i, a in enumerate(axes):
        for b in axes[i + 1 :]:
            for sign, holds in (
                ("=", sizes[a] == sizes[b]),
                ("<", sizes[a] < sizes[b]),
                (">", sizes[a] > sizes[b]),
            ):
                if holds:
                    yield f"{a} {sign} {b}"


ARRAYS = {
    "a repeated entry in {}": lambda x: len(np.unique(x)) < x.size,
    "neighbours alike in {}": lambda x: x.ndim == 1 and bool(np.any(x[1:] == x[:-1])),
    "all entries of {} different": lambda x: len(np.unique(x)) == x.size,
    "a 0 in {}": lambda x: bool(np.any(x == 0)),
    "no 0 in {}": lambda x: bool(np.all(x != 0)),
    "a negative entry in {}": lambda x: bool(np.any(x < 0)),
    "no negative entry in {}": lambda x: bool(np.all(x >= 0)),
    "an entry of {} that is not whole": lambda x: bool(np.any(x != np.round(x))),
    "{} of whole numbers": lambda x: bool(np.all(x == np.round(x))),
    "entries of {} that do not sum to 1": lambda x: abs(float(np.sum(x)) - 1.0) > 1e-9,
    "{} not symmetric": lambda x: x.ndim == 2 and (x.shape[0] != x.shape[1] or not np.array_equal(x, x.T)),
    "{} symmetric": lambda x: x.ndim == 2 and x.shape[0] == x.shape[1] and np.array_equal(x, x.T),
    "a diagonal of {} that is not 0": lambda x: x.ndim == 2 and bool(np.any(np.diagonal(x) != 0)),
}
