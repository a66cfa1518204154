r"""Slopes: gradients that went wrong where the value is right.

    joined     an entry that is used more than once keeps the slope of its last use, or of its first
    gated      a part held constant, and all of it 0 where the value is 0
    edited     the page's explicit gradient, its text changed in one place

Who writes a derivative by hand loses a term of it, a sign or a factor, and no change of the formula
explains that.  The edits are those of the mutants (mutants.py), in float64.

Source: DeMillo, Lipton and Sayward (1978), "Hints on Test Data Selection", turned around.
"""

import functools
from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses.hypothesis import Hypothesis, reproduces
from ebm_ref.conformance.hypotheses.words import in_words
from ebm_ref.proof import programs

JOINS = {  # what becomes of the slopes of two uses of an entry, the later one first
    "of an entry that is used again, the last use alone": lambda later, earlier: later,
    "of an entry that is used again, the first use alone": lambda later, earlier: earlier,
}


def gated(hypotheses, judgements):
    """Gradients of hypotheses that explain the first judgements, but 0 where the value is 0."""
    for h in hypotheses:
        if all(reproduces(h, j, "float64") for j in judgements):
            yield Hypothesis(f"{h.name}; and 0 where the value is 0", "slip", partial(_gated, h), rank=5)


def _gated(hypothesis, vector, output, dtype):
    claimed = None if output == "value" else hypothesis.answer(vector, output, dtype)
    return 0.0 * claimed if claimed is not None and np.all(vector["value"] == 0.0) else claimed


def edited(formula, outputs):
    """Hypotheses of gradients alone, for the texts that these gradients reach."""
    whole = programs.page(formula)
    roots = [whole.roots[output] for output in outputs]
    for module, edit in whole.edits():
        where = "" if (module, edit.function) in roots else f" in {edit.function}"
        answer = functools.partial(_answer, functools.cache(partial(whole.make, edit, module)))
        yield Hypothesis(f"{in_words(edit)}{where}", "slip", answer, rank=7)


def _answer(made, vector, output, dtype):
    """A gradient by an edited text; None of the value, and where the text does not run."""
    if output == "value":
        return None
    with np.errstate(all="ignore"):
        try:
            return np.asarray(made()[output](*(np.copy(x)[()] for x in vector["inputs"].values())), float)
        except Exception:  # whatever a text may do that nobody wrote
            return None
