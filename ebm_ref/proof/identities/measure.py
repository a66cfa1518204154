r"""Identities: equations and limits that link formulas, each measured at random points.

    identity(rng) -> defect,      the identity holds where defect <= 1

They are what a single page cannot test about itself: that nll tends to perceptron, that two answers
make nll and log the same, that a model and a loss joined by the chain rule give the gradient of the
whole.  A defect is an error in units of 16 u C, C the condition of all evaluations involved (laws.py).

Source: named with each identity.
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT, condition


def value(name, inputs):
    """Value of a formula, other keys of `inputs` left out."""
    return FORMULAS[name].value(**own(name, inputs))


def own(name, inputs):
    return {a: x for a, x in inputs.items() if a in FORMULAS[name].shapes}


def allowance(*evaluations):
    """16 u times the sum of the conditions of (name, inputs) evaluations."""
    return 16 * UNIT * sum(condition(FORMULAS[name], own(name, inputs)) for name, inputs in evaluations)


def equal(*evaluations):
    """Largest difference between evaluations (name, inputs), in units of their allowance."""
    values = [value(name, inputs) for name, inputs in evaluations]
    spread = max(values) - min(values)
    return 0.0 if spread == 0.0 else spread / allowance(*evaluations)


def between(low, x, high, allowed):
    """How far x lies outside [low, high], in units of `allowed`."""
    outside = max(low - x, x - high, 0.0)
    return outside / allowed if outside else 0.0


def defect(left, right, *evaluations):
    """|left - right| in units of the allowance of the evaluations that went into them."""
    difference = abs(left - right)
    with np.errstate(divide="ignore"):  # where nothing is allowed
        return difference / allowance(*evaluations) if difference else 0.0


def two_answers(rng):
    """A table of two energies, one of them right."""
    return {"energies": rng.normal(scale=3.0, size=2), "label": int(rng.integers(2))}
