r"""Pages: the page's own text, of a value or of a gradient, changed in one place.

Who writes a derivative by hand loses a term of it, a sign or a factor, and no change of the formula explains
that.  Who writes a value that does not overflow slips in its lines, which the formula as printed does not
have.  The edits are those of the mutants (mutants.py), in float64; gradients of a value are derived.
Functions with a `while` are left as they are, for it may never end when edited.

Source: DeMillo, Lipton and Sayward (1978), "Hints on Test Data Selection", turned around.
"""

import ast
import functools
from dataclasses import replace
from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses.hypothesis import Hypothesis
from ebm_ref.conformance.hypotheses.variants import of_variant
from ebm_ref.conformance.hypotheses.words import in_words
from ebm_ref.formula import Mistake
from ebm_ref.proof import programs

RANK = 7


def edited(formula, outputs):
    """Hypotheses of the value, or of these gradients alone, for the texts that they reach."""
    wanted = ["value"] if "value" in outputs else outputs
    whole = programs.page(formula)
    roots = {output: whole.roots[output] for output in wanted}
    part = programs.Program(roots, whole.is_open)
    for module, edit in part.edits():
        if has_while(module, edit.function):
            continue
        where = "" if (module, edit.function) in roots.values() else f" in {edit.function}"
        made = functools.cache(partial(part.make, edit, module))
        name = f"{in_words(edit)}{where}"
        if "value" in outputs:
            whole_one = Mistake(lambda *sample, made=made: made()["value"](*sample), name=name)
            yield replace(of_variant(formula, whole_one), kind="slip", rank=RANK)
        else:
            yield Hypothesis(name, "slip", partial(_by_its_own, made), rank=RANK)


@functools.cache
def has_while(module, function):
    """Whether a function has a loop whose end is computed."""
    return any(isinstance(node, ast.While) for node in ast.walk(programs.definitions(module)[function]))


def _by_its_own(made, vector, output, dtype):
    """A gradient by an edited text; None of the value, and where the text does not run."""
    if output == "value":
        return None
    with np.errstate(all="ignore"):
        try:
            return np.asarray(made()[output](*(np.copy(x)[()] for x in vector["inputs"].values())), float)
        except Exception:  # whatever a text may do that nobody wrote
            return None
