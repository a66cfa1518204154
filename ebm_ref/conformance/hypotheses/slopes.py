r"""Slopes: gradients that went wrong where the value is right.

    joined     an entry that is used more than once keeps the slope of its last use, or of its first
    gated      a part held constant, and all of it 0 where the value is 0

Source: the list is of what was found in implementations.
"""

from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses.hypothesis import Hypothesis, reproduces

JOINS = {  # what becomes of the slopes of two uses of an entry, the later one first
    "of an entry that is used again, the last use alone": lambda later, earlier: later,
    "of an entry that is used again, the first use alone": lambda later, earlier: earlier,
}


def gated(hypotheses, judgements, allows):
    """Gradients of allowed hypotheses that explain the first judgements, but 0 where the value is 0."""
    for h in hypotheses:
        if all(reproduces(h, j, "float64") for j in judgements) and allows(h):
            yield Hypothesis(f"{h.name}; and 0 where the value is 0", "slip", partial(_gated, h), rank=5)


def _gated(hypothesis, vector, output, dtype):
    claimed = None if output == "value" else hypothesis.answer(vector, output, dtype)
    return 0.0 * claimed if claimed is not None and np.all(vector["value"] == 0.0) else claimed
