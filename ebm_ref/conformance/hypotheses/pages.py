r"""Pages: the page's own text, that of the value or of a gradient, changed in one place.

    value       a second writing of the formula, that of who avoids overflow; gradients are derived from it
    gradients   each by its own text, where the value is right: who writes a derivative by hand loses a term
                of it, a sign or a factor, and no change of the formula explains that

The edits are those of the mutants (mutants.py), and of the value those of one place (places.py), in float64.

Source: DeMillo, Lipton and Sayward (1978), "Hints on Test Data Selection", turned around.
"""

import ast
import functools
import itertools
from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses import places
from ebm_ref.conformance.hypotheses.hypothesis import Hypothesis
from ebm_ref.conformance.hypotheses.variants import derived
from ebm_ref.conformance.hypotheses.words import in_words
from ebm_ref.proof import programs


def edited(formula, outputs):
    """Hypotheses of these outputs, for the texts that they reach."""
    whole = programs.page(formula)
    is_value = "value" in outputs
    roots = {output: whole.roots[output] for output in (["value"] if is_value else outputs)}
    part = programs.Program(roots, whole.is_open)
    answer = _by_value if is_value else _by_its_own
    for module, edit in itertools.chain(part.edits(), misread(part) if is_value else ()):
        where = "" if (module, edit.function) in roots.values() else f" in {edit.function}"
        made = functools.cache(partial(part.make, edit, module))
        yield Hypothesis(f"{in_words(edit)}{where}", "slip", partial(answer, made), rank=7, roughly=is_value)


def misread(program):
    """Pairs (module, edit) for one place of the value's own function, in NumPy."""
    module, name = program.roots["value"]
    for edit in places.edits(programs.definitions(module)[name], name):
        new = edit.new
        if isinstance(new, ast.Call) and isinstance(new.func, ast.Name) and new.func.id in places.WORDS:
            new.func = ast.Attribute(ast.Name("np", ast.Load()), new.func.id, ast.Load())
        yield module, edit


def _by_value(made, vector, output, dtype):
    inputs = vector["inputs"]
    sample = [np.copy(x)[()] for x in inputs.values()]
    with np.errstate(all="ignore"):
        try:
            if output == "value":
                return np.asarray(made()["value"](*sample), float)
            return derived(made()["value"], sample, [*inputs].index(output))
        except Exception:  # whatever a text may do that nobody wrote
            return None


def _by_its_own(made, vector, output, dtype):
    """A gradient by an edited text; None of the value, and where the text does not run."""
    if output == "value":
        return None
    with np.errstate(all="ignore"):
        try:
            return np.asarray(made()[output](*(np.copy(x)[()] for x in vector["inputs"].values())), float)
        except Exception:  # as above
            return None
