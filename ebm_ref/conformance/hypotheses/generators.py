r"""All hypotheses: those of a formula, the nearest at hand first.

    plain         maps of an argument, of the result, of gradients; another formula; edits of the text;
                  what is held constant; what is left out and counts
    fitted        constants that one answer gives
    guarded       a small constant that keeps a logarithm finite
    misread       one place of the text read as something else, or without its parentheses
    far_fetched   these, a term or a factor that is an intermediate result, two changes, and edits of the
                  page's own text

The variants of the page, and of the pages that it is made of, stand before them (variants.py, composed.py).

Source: the construction is this project's own.
"""

from functools import partial

from ebm_ref.conformance.hypotheses import (
    arguments,
    fitting,
    formulas,
    guards,
    intermediates,
    outputs,
    pages,
    pairs,
    slopes,
    texts,
)
from ebm_ref.conformance.hypotheses.formulas import is_wide
from ebm_ref.conformance.hypotheses.hypothesis import of_gradients, on_tape

PLAIN = "negated", "ignored", "inverted", "1/", "squared", "doubled", "transposed", "exchanged", "one too"


def plain(formula, vector, is_value):
    """One change each: of an argument, of the result or of a gradient, of the text."""
    name, sample = vector["formula"], vector["inputs"]
    make, wide = texts.expression(name), is_wide(name)
    for what, change in arguments.changes(formula, sample):
        yield on_tape(what, arguments.on_changed(make, change), wide, 1 if is_plain(what) else 2)
    for what, change in outputs.scalings(formula, sample):
        scaled = on_tape(what, outputs.on_result(make, change), wide, 1)
        yield scaled if is_value else of_gradients(scaled)
    if is_value:
        for what, change in outputs.other_changes(formula, sample):
            yield on_tape(what, outputs.on_result(make, change), wide, 1)
        for what, change in outputs.derivatives(formula, sample):
            yield outputs.of_value(on_tape(what, partial(change, make), wide, 2))
    else:
        yield from outputs.gradient_maps(formula)
    for what, join in () if is_value else slopes.JOINS.items():
        yield on_tape(what, make, wide, 2, join)
    for what, made, in_a_word in [] if is_value else [*texts.holding(name), *texts.sloped(name)]:
        yield on_tape(what, lambda made=made, **given: made()(**given), wide, 3 if in_a_word else 2)
    yield from formulas.named_otherwise(formula, vector)
    for what, made, in_a_word in [*texts.altered(name), *texts.replaced(name), *texts.masked(name)]:
        yield on_tape(what, lambda made=made, **given: made()(**given), wide, 4 if in_a_word else 3)


def far_fetched(formula, evidence, others):
    """Stages of what needs a constant of its own, or two changes, or is no change of the formula.

    Of the ordinary judgements the first are wrong; two of one output tell the constants.  What stands on top
    of other hypotheses asks the evidence whether it allows these.
    """
    ordinary, outputs = evidence.ordinary, evidence.outputs
    judgements = [j for j in ordinary if j.output == ordinary[0].output and j.verdict == "mismatch"][:2]
    name = judgements[0].vector["formula"]
    yield guards.guarded(name, is_wide(name), judgements)
    yield fitted(formula, judgements)
    yield misread(name)
    if "value" in outputs:
        yield intermediates.linear(formula, ordinary, is_wide(name))
    yield pairs.on_top(formula, others, judgements, evidence.allows)
    if "value" in outputs:
        yield pairs.of_arguments(formula, judgements, is_wide(name))
    else:
        yield slopes.gated(others, judgements, evidence.allows)
    yield pages.edited(formula, outputs)


def misread(name):
    """One place of the text read as something else."""
    for what, made, _ in texts.misread(name):
        yield on_tape(what, lambda made=made, **given: made()(**given), is_wide(name), 5)


def fitted(formula, judgements):
    """A constant in front, or added, or in place of an argument, as the first judgements have it."""
    name, wide = judgements[0].vector["formula"], is_wide(judgements[0].vector["formula"])
    make = texts.expression(name)
    is_value = judgements[0].output == "value"
    for what, change in fitting.constants(judgements):
        fit = on_tape(what, outputs.on_result(make, change), wide, 5)
        yield fit if is_value else of_gradients(fit)
    if is_value:
        for what, change in fitting.solved(formula, make, judgements, wide):
            yield on_tape(what, arguments.on_changed(make, change), wide, 5)


def is_plain(name):
    """Whether a change of an argument is one of those that come to mind first."""
    return any(word in name for word in PLAIN)
