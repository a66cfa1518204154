r"""Conditions: which losses push the right answer below all wrong ones, and by how much.

    condition 3    somewhere with E_C + m < E_I the loss is lower than anywhere with E_C + m >= E_I
    gap at rest    E_I - E_C where descent on the loss comes to rest

Table 1 of the tutorial says of each loss whether it has a margin; here the plane of two energies is
searched for it.

Source: LeCun et al. (2006), Section 2.3 and Table 1.
"""

import functools

from ebm_ref.catalogue import FORMULAS
from ebm_ref.losses.conditions import condition_3, resting_gap

# Which of these margins condition 3 holds for on the quadrant [0, 4]^2, and the gap E_I - E_C at rest: None
# where nothing acts on E_I, 4 where only the wall of the box stops the force (Table 1 says: > 0).
MARGINS = (0.0, 0.5, 1.0, 2.0)
EXPECTED = {
    "energy": ((), None),
    "perceptron": ((), 0.0),
    "hinge": ((0.0, 0.5), 1.0),
    "squared_hinge": ((0.0, 0.5), 1.0),
    "log": (MARGINS, 4.0),
    "mce": (MARGINS, 4.0),
    "lvq2": ((), 0.0),
    "lvq2_ratio": ((), 0.0),
    "square_square": ((0.0, 0.5), 1.0),
    "square_exponential": (MARGINS, 4.0),
    "nll": (MARGINS, 4.0),
    "mee": (MARGINS, 4.0),
    "generalized_hinge": ((0.0, 0.5), 1.0),
    "margin_rescaled_hinge": ((0.0, 0.5), 1.0),
}
# Where an LVQ2 loss is saturated it rests at any gap; the 0 of Table 1 is that of the slope between.
UNSATURATED = {"lvq2": {"cap": 8.0}, "lvq2_ratio": {"delta": 64.0}}


def conditions(name):
    """Condition 3 for several margins, and the gap at rest, of a loss; nothing for other formulas."""
    if name not in EXPECTED:
        return
    f, (passing, gap) = FORMULAS[name], EXPECTED[name]
    lowest = 1 / 16 if name == "lvq2_ratio" else 0.0  # a ratio of energies needs E_I > 0
    for margin in MARGINS:
        holds, inside, outside = condition_3(f.value, lambda E_C, E_I: E_I >= lowest, margin, points=33)
        yield (
            f"condition 3 for m = {margin:g}: {'holds' if holds else 'fails'}",
            holds == (margin in passing),
            inside - outside,
        )
    rest = resting_gap(functools.partial(f.gradients["energies"], **UNSATURATED.get(name, {})), lowest=lowest)
    yield f"gap at rest: {'none' if rest is None else f'{rest:g}'}", rest == gap, rest
