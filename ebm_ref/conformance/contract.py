r"""The contract: what value and gradients owe each other, and the page, at random points.

    value, gradient    as the page has them                                |error| <= 8 n u S
    slope              f(x + h v) - f(x - h v) = 2 h <g, v>                 v a random direction, h = 2^-17

A gradient that is the slope of its own value, which is not the page's, was derived well from something else;
one that is not was derived badly from whatever.  The points are those of evidence.py: away from corners,
where both sides of a difference lie on the same branch.

Source: the bounds are those of bounds.py; the slope is that of evidence.py.
"""

from dataclasses import dataclass

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.proof.bounds import measure
from ebm_ref.proof.evidence import samples

STEP, SLOPE = 2.0**-17, 1e-7  # truncation and rounding of a difference are both about 1e-10


@dataclass
class Kept:
    """At how many of the points an output keeps the contract."""

    points: int
    right: int = 0  # it is the page's
    slope: int = 0  # a gradient is the slope of the candidate's own value


def contract(value, together, name, gradients):
    """{output: Kept} of two candidates: the value alone, and the same with gradients by these arguments.

    What raises keeps nothing; a gradient that does takes nothing from the value.
    """
    points, rng = samples(name)
    kept = {output: Kept(len(points)) for output in ("value", *gradients)}
    for inputs in points:
        alone = value.ask(name, name, inputs)
        if "value" in alone:
            kept["value"].right += _is_right(inputs, alone["value"], FORMULAS[name].value(**inputs))
        answer = together.ask(name, name, inputs) if gradients else {}
        for a, g in answer.get("gradients", {}).items():
            kept[a].right += _is_right(inputs, g, FORMULAS[name].gradients[a](**inputs))
            v = rng.normal(size=np.shape(inputs[a]))
            ends = [value.ask(name, name, inputs | {a: inputs[a] + h * v}) for h in (STEP, -STEP)]
            kept[a].slope += _is_slope(g, v, answer["value"], ends)
    return kept


def _is_right(inputs, answer, truth):
    probe = {"inputs": inputs, "kinks": {}, "condition": 0.0}
    return measure(probe, "value", answer, truth=truth).coarse <= 1.0


def _is_slope(g, v, value, ends):
    """Whether a gradient along v is the rise between two ends, which have the shape of the value."""
    if np.shape(g) != np.shape(value) + np.shape(v):
        return False
    if any("value" not in end or np.shape(end["value"]) != np.shape(value) for end in ends):
        return False
    rise = (ends[0]["value"] - ends[1]["value"]) / (2.0 * STEP)
    along = np.sum(g * v, axis=tuple(range(-np.ndim(v), 0)))
    return bool(np.all(np.abs(rise - along) <= SLOPE * (1.0 + np.sum(np.abs(g * v)))))
