r"""Formulas: another formula of the catalogue under the name of this one.

    f(E, y, m)  ->  g(E, y, m)      each argument of g is one of f's, of as many axes that fit together
    f(E, y, m)  ->  g(E, y)         what g does not know is ignored, what f does not have is g's default

So the hinge is recognised where its square was asked for.  An argument keeps its name where f has that name,
else all that fit are tried; then one number may be ignored, and one left to its default, but no array.

Source: the list is the catalogue.
"""

import functools
import inspect
import itertools
from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses import texts
from ebm_ref.conformance.hypotheses.hypothesis import DIGITS, on_tape, run
from ebm_ref.proof import golden, tape

RANK = 2.5  # after a plain change of an argument, before one of the text
MOST = 6  # ways to hand one formula's arguments to another


def named_otherwise(formula, vector):
    """Hypotheses: each formula whose arguments this one has, of the same kind of value."""
    from ebm_ref import FORMULAS

    for name, other in FORMULAS.items():
        if other is not formula and len(other.output) == len(formula.output):
            for given in itertools.islice(readings(formula, other, vector["inputs"]), MOST):
                yield on_tape(said(name, other, given), partial(_of, name, given), is_wide(name), RANK)


def readings(formula, other, sample):
    """Every {argument of the other: argument of this one} that fits, without what is left to a default."""
    choices = [_candidates(formula, other, b, sample) for b in other.shapes]
    for chosen in itertools.product(*choices):
        given = {b: a for b, a in zip(other.shapes, chosen, strict=True) if a}
        if given and len(set(given.values())) == len(given) and _is_likely(formula, other, given):
            yield given


def _candidates(formula, other, b, sample):
    """Arguments that may stand for b: the one of its name, or all like it; None where it has a default."""
    alike = [a for a, axes in formula.shapes.items() if len(axes) == len(other.shapes[b])]
    alike = [a for a in alike if _may_stand(np.asarray(sample[a]), is_index(other, b))]
    if b in alike:
        return [b]
    return [*alike, None] if default(other, b) is not None else alike


def _may_stand(x, for_index):
    """Whole numbers for indices; of arrays also for real numbers, as bits and spins are."""
    is_whole = x.dtype.kind in "iu"
    return is_whole if for_index else x.ndim > 0 or not is_whole


def _is_likely(formula, other, given):
    """Whether axes of one name there are of one name here, and names are kept or little is ignored."""
    pairs = {pair for b, a in given.items() for pair in zip(other.shapes[b], formula.shapes[a], strict=True)}
    ignored = [a for a in formula.shapes if a not in given.values()]
    is_little = len(ignored) <= 1 and len(other.shapes) - len(given) <= 1
    is_little = is_little and not any(formula.shapes[a] for a in ignored)
    return len(pairs) == len({axis for axis, _ in pairs}) and (is_little or _keeps_names(given))


def _keeps_names(given):
    return all(a == b for a, b in given.items())


@functools.cache
def is_index(formula, argument):
    """Whether an argument takes whole numbers alone."""
    return inspect.signature(formula.value).parameters[argument].annotation is int


def default(formula, argument):
    """A number, or None where the argument must be given."""
    found = inspect.signature(formula.value).parameters[argument].default
    return found if isinstance(found, int | float) and not formula.shapes[argument] else None


def said(name, other, given):
    """The formula's name, and what it was given where that is not what it calls its arguments.

    What is left to a default is said, since the reader handed in something else.
    """
    left = [f"{b} = {default(other, b):g}" for b in other.shapes if b not in given]
    if _keeps_names(given):
        return f"the formula of {name}" + (f", with {', '.join(left)}" if left else "")
    return f"the formula of {name}({', '.join([given[b] for b in other.shapes if b in given] + left)})"


@functools.cache
def is_wide(name):
    """Whether an expression has functions that mpmath alone computes."""
    try:
        with tape.digits(DIGITS):
            run(texts.expression(name), golden.load(name)[-1])
    except tape.Beyond:
        return True
    return False


def _of(name, given, **inputs):
    """The other formula's expression of these inputs."""
    from ebm_ref import FORMULAS

    other = FORMULAS[name]
    rest = {b: default(other, b) for b in other.shapes if b not in given}
    return texts.expression(name)(**{b: inputs[a] for b, a in given.items()} | rest)
