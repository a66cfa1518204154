r"""All hypotheses: those of a formula, the nearest at hand first.

    plain         maps of an argument, of the result, of gradients; edits of the text; what is held constant
    fitted        constants that one answer gives
    with_factor   a plain factor on top of any hypothesis

The variants of the page stand before them (variants.py).

Source: the construction is this project's own.
"""

import functools
from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses import arguments, fitting, outputs, texts
from ebm_ref.conformance.hypotheses.hypothesis import DIGITS, Expression, Hypothesis, run
from ebm_ref.proof import golden, tape

PLAIN = "negated", "ignored", "inverted", "1/", "squared", "doubled", "transposed", "exchanged", "one too"


def plain(formula, vector, is_value):
    """One change each: of an argument, of the result or of a gradient, of the text."""
    name, sample = vector["formula"], vector["inputs"]
    make, wide = texts.expression(name), is_wide(name)
    for what, change in arguments.changes(formula, sample):
        yield on_tape(what, arguments.on_changed(make, change), wide, 1 if is_plain(what) else 2)
    for what, change in outputs.scalings(formula, sample):
        yield on_tape(what, outputs.on_result(make, change), wide, 1)
    if is_value:
        for what, change in outputs.other_changes(formula, sample):
            yield on_tape(what, outputs.on_result(make, change), wide, 1)
    else:
        yield from outputs.gradient_maps(formula)
    for what, made, in_a_word in [] if is_value else texts.holding(name):
        yield on_tape(what, lambda made=made, **given: made()(**given), wide, 3 if in_a_word else 2)
    for what, made, in_a_word in [*texts.altered(name), *texts.replaced(name)]:
        yield on_tape(what, lambda made=made, **given: made()(**given), wide, 4 if in_a_word else 3)


def fitted(formula, judgements):
    """A constant in front, or added, or in place of an argument, as the first judgements have it."""
    name, wide = judgements[0].vector["formula"], is_wide(judgements[0].vector["formula"])
    make = texts.expression(name)
    for what, change in fitting.constants(judgements):
        yield on_tape(what, outputs.on_result(make, change), wide, 5)
    if judgements[0].output == "value":
        for what, change in fitting.solved(formula, make, judgements, wide):
            yield on_tape(what, arguments.on_changed(make, change), wide, 5)


def is_plain(name):
    """Whether a change of an argument is one of those that come to mind first."""
    return any(word in name for word in PLAIN)


def on_tape(name, function, wide, rank):
    return Hypothesis(name, "slip", Expression(function, wide).answer, rank=rank)


@functools.cache
def is_wide(name):
    """Whether an expression has functions that mpmath alone computes."""
    try:
        with tape.digits(DIGITS):
            run(texts.expression(name), golden.load(name)[-1])
    except tape.Beyond:
        return True
    return False


def with_factor(formula, hypotheses, judgements):
    """A plain factor on top of a hypothesis, where the first two judgements agree on which."""
    table = list(outputs.factors(formula, judgements[0].vector["inputs"]))
    asked = [{name: at(c, j.vector) for name, c in table} for j in judgements]
    for h in hypotheses:
        ratios = [ratio(h, j) for j in judgements]
        if None in ratios:
            continue
        for name, _ in table:
            if all(abs(r - c[name]) <= fitting.ALIKE * abs(r) for r, c in zip(ratios, asked, strict=True)):
                yield Hypothesis(f"{h.name}; {name}", "slip", partial(_scaled, h, dict(table)[name]), rank=6)


def ratio(hypothesis, judgement):
    """Answer over claim at the largest entry of the claim; None where there is none, or where it is 1."""
    claimed = hypothesis.answer(judgement.vector, judgement.output, "float64")
    answer = np.asarray(judgement.answer, float)
    if claimed is None or np.shape(claimed) != answer.shape or not answer.size:
        return None
    claimed = np.asarray(claimed, float)
    largest = np.unravel_index(np.argmax(np.abs(claimed)), claimed.shape)
    if not (np.isfinite(claimed[largest]) and claimed[largest] != 0.0):
        return None
    return answer[largest] / claimed[largest]


def _scaled(hypothesis, factor, vector, output, dtype):
    claimed = hypothesis.answer(vector, output, dtype)
    return None if claimed is None else claimed * at(factor, vector)


def at(factor, vector):
    """A factor that depends on the inputs, as a float; NaN where it has no value."""
    try:
        return float(tape.plain(factor({a: np.asarray(x).tolist() for a, x in vector["inputs"].items()})))
    except (ArithmeticError, ValueError):
        return np.nan
