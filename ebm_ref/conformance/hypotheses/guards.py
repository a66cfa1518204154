r"""Guards: a small constant that keeps a logarithm, a root or a quotient finite, and shifts it everywhere.

    log(x + c)         at every logarithm, or where the value is one: -log(e^-f + c)
    a/(b + c)          at a division

Such an answer is near the truth; where it is not, nothing here is tried.  The shift is proportional to c,
so one answer tells which c of those in use may have been taken.

Source: the constants are those of released code, from 1e-3 to 1e-30, and the epsilons of both dtypes.
"""

import ast
import functools
from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses import texts
from ebm_ref.conformance.hypotheses.hypothesis import on_tape
from ebm_ref.conformance.hypotheses.outputs import on_result
from ebm_ref.proof import tape
from ebm_ref.proof.bounds import of
from ebm_ref.proof.mutants import Edit, places
from ebm_ref.proof.programs import definitions

SMALL = {f"1e-{n}": 10.0**-n for n in (3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 30)}
SMALL |= {"2^-52": 2.0**-52, "2^-23": 2.0**-23}
PROBE = 2.0**-30

# what is said of a word: the words, and the function of a word's own function, the constant, the arguments
WORDS = {
    "{c} added in every {}": ("log power sqrt", lambda f, c, x, *rest: f(x + c, *rest)),
    "{c} added to every {}": ("proportions sigmoid norm", lambda f, c, *x: _plus(f(*x), c)),
}


def _plus(x, c):
    return [e + c for e in x] if isinstance(x, list) else x + c


def guarded(name, wide, judgements):
    """Hypotheses whose constant is about what the first answer tells, if the answers are near the truth."""
    if not all(is_near(j) for j in judgements):
        return
    first = judgements[0]
    for what, function in [of_value(name), *of_words(name), *of_divisions(name)]:
        probe = on_tape("", function(PROBE), wide, 4).answer(first.vector, first.output)
        for text, c in SMALL.items():
            if probe is not None and _explains(c, probe, first):
                yield on_tape(what.replace("{c}", text), function(c), wide, 4)


def is_near(judgement):
    """Whether an answer is off by no more than a guard does."""
    answer, truth = _numbers(judgement)
    return answer.shape == truth.shape and np.allclose(answer, truth, rtol=0.1, atol=0.01)


def _numbers(judgement):
    return np.asarray(judgement.answer, float), np.asarray(of(judgement.vector, judgement.output), float)


def _explains(c, probe, judgement):
    """Whether c makes about the shift that is seen, within a factor of two."""
    answer, truth = _numbers(judgement)
    seen, expected = np.linalg.norm(answer - truth), np.linalg.norm(probe - truth) * (c / PROBE)
    return 0.5 * expected < seen < 2.0 * expected


def of_value(name):
    """The value as minus a logarithm, and what makes the expression of a constant."""
    change = lambda c: lambda f, given: -tape.log(tape.exp(-f) + c)
    return "{c} added in the logarithm", lambda c: on_result(texts.expression(name), change(c))


def of_words(name):
    """The same for each word throughout the text."""
    whole, known = texts.program(name), texts.used(name)
    for what, (guardable, change) in WORDS.items():
        for word in sorted(set(known) & set(guardable.split())):
            instead = lambda c, word=word, change=change: {word: partial(change, known[word], c)}
            yield what.replace("{}", word), lambda c, f=instead: _lazy(partial(whole.make, instead=f(c)))


def of_divisions(name):
    """The same for each division of the text."""
    whole = texts.program(name)
    for module, function in whole.reached:
        for owner, field, index, node in places(definitions(module)[function]):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                edit = lambda c, place=(owner, field, index), node=node, function=function: Edit(
                    *place, _shifted(node, c), function
                )
                what = f"{{c}} added to {ast.unparse(node.right)}"
                yield what, lambda c, edit=edit, m=module: _lazy(partial(whole.make, edit(c), m))


def _shifted(division, c):
    return ast.BinOp(division.left, ast.Div(), ast.BinOp(division.right, ast.Add(), ast.Constant(c)))


def _lazy(make):
    """The value's function, made when it is asked for."""
    made = functools.cache(make)
    return lambda **given: made()["value"](**given)
