r"""Labelled samples: the label on one side of the sixteenth answer, and what matters on the other.

    low     y < 16,  and the first 16 answers give another loss than all
    high    y >= 16, and so do all but the first 16
    far     y >= 16, and so do the first 16 and y itself

An implementation may read sixteen answers where the label is one of those, and all of them otherwise: it is
right wherever the label lies high, or the lowest wrong answer low.  So each formula with a number that names
one place along an axis is asked three times more, and every such reader is wrong once.

Source: the construction is this project's own.
"""

import zlib

import numpy as np

from ebm_ref.proof import large

CUT = 16
BEFORE, BEHIND = range(CUT), range(CUT, large.SIZE)
KINDS = {  # where the label lies, and the places that must not do, given the label
    "low": (BEFORE, lambda y: [*BEFORE]),
    "high": (BEHIND, lambda y: [*BEHIND]),
    "far": (BEHIND, lambda y: [*BEFORE, y]),
}


def samples(name, formula):
    """Yield (what, inputs) for each number that names a place along an axis of forty."""
    for a, axes in formula.shapes.items():
        axis = large.places(name, a)
        if not axes and is_asked(name, formula, axis):
            for kind, (side, kept) in KINDS.items():
                rng = np.random.default_rng([zlib.crc32(f"{name}/{axis}/{kind}-{a}".encode()), 43])
                yield f"{axis}-{kind}-{a}", drawn(name, formula, a, rng, side, kept)


def is_asked(name, formula, axis):
    """Whether the axis grows to forty places, and others count than the one that is named."""
    grows = any(axis in axes for axes in formula.shapes.values()) and name not in large.DRAWN
    return grows and (name, axis) not in large.ONE_PLACE and (name, axis) not in large.SMALLER


def drawn(name, formula, argument, rng, side, kept):
    """A sample whose label lies on one side, drawn until the places that are kept give another value."""
    axis, refined = large.places(name, argument), large.REFINED.get(name, lambda inputs: inputs)
    for calm in 100 * (1.0, 0.25, 0.0625):  # large scores saturate
        inputs = large.grown(name, formula, axis, rng, calm) | {argument: int(rng.choice(side))}
        inputs = refined(inputs)
        if changes(formula, inputs, axis, argument, kept(inputs[argument])):
            return inputs
    raise AssertionError(f"{name}: no sample tells whether all places along {axis} are read")


def changes(formula, inputs, axis, argument, kept):
    """Whether some places alone, the label among them, give a value that is clearly another."""
    try:
        value, other = formula.value(**inputs), of_places(formula, inputs, axis, argument, kept)
    except ValueError:  # against the rules of the page
        return False
    return np.max(np.abs(other - value)) > 1e-2 * (1.0 + np.max(np.abs(value)))


def of_places(formula, inputs, axis, argument, kept):
    """The value of some places along an axis alone, the label counted among them; an index of all, if one."""
    places = np.array(kept)
    few = {a: large.taken(x, formula.shapes[a], axis, places) for a, x in inputs.items()}
    value = formula.value(**few | {argument: kept.index(inputs[argument])})
    return places[value] if np.asarray(value).dtype.kind == "i" else value
