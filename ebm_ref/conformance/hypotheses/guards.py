r"""Guards: a small constant that keeps a logarithm, a root or a quotient finite, and shifts it everywhere.

    log(x + c), log(max(x, c))      at every logarithm, or where the value is one: -log(e^-f + c)
    a/(b + c)                       at every division

Such an answer is near the truth; where it is not, nothing here is tried.

Source: the constants are those of released code, from 1e-3 to 1e-30, and the epsilons of both dtypes.
"""

import ast
import functools
import itertools
import math
import sys
from functools import partial

from ebm_ref.conformance.hypotheses import texts
from ebm_ref.proof import tape
from ebm_ref.proof.mutants import Edit, places
from ebm_ref.proof.programs import definitions, names

SMALL = {f"1e-{n}": 10.0**-n for n in (3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 30)}
SMALL |= {"2^-52": 2.0**-52, "2^-23": 2.0**-23}

# words: what is changed about them; the function gets the word's own function, the constant, the arguments
WORDS = {
    "log power sqrt: of x + {} in place of x": lambda f, c, x, *rest: f(x + c, *rest),
    "log power sqrt: of {} where x is less": lambda f, c, x, *rest: f(x if x > c else 0 * x + c, *rest),
    "log: of x held between {} and 1 - {}": lambda f, c, x: f(
        0 * x + c if x < c else 0 * x + 1 - c if x > 1 - c else x
    ),
    "proportions sigmoid norm: {} added": lambda f, c, *x: _plus(f(*x), c),
}


def _plus(x, c):
    return [e + c for e in x] if isinstance(x, list) else x + c


def of_value():
    """Pairs (name, change) of a value that is minus a logarithm."""
    for text, c in SMALL.items():
        yield f"{text} added to exp(-it)", lambda f, given, c=c: -tape.log(tape.exp(-f) + c)
        yield f"exp(-it) no less than {text}", partial(_no_less, c)


def _no_less(c, f, given):
    return f if f < -math.log(c) else 0 * f - math.log(c)


def of_text(name):
    """Pairs (name, function that makes the expression)."""
    yield from of_words(name)
    yield from of_divisions(name)


def of_words(name):
    whole = texts.program(name)
    module, _ = whole.roots["value"]
    known = vars(sys.modules[module])
    used = set().union(*(names(definitions(m)[f]) for m, f in whole.reached))
    for (what, make), (text, c) in itertools.product(WORDS.items(), SMALL.items()):
        of, _, change = what.partition(": ")
        for word in sorted(used & set(known) & set(of.split())):
            made = functools.cache(partial(whole.make, instead={word: partial(make, known[word], c)}))
            yield f"every {word}: {change.replace('{}', text)}", lambda made=made: made()["value"]


def of_divisions(name):
    whole = texts.program(name)
    for module, function in whole.reached:
        for owner, field, index, node in places(definitions(module)[function]):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                for text, c in SMALL.items():
                    below = ast.BinOp(node.right, ast.Add(), ast.Constant(c))
                    edit = Edit(owner, field, index, ast.BinOp(node.left, ast.Div(), below), function)
                    made = functools.cache(partial(whole.make, edit, module))
                    yield f"{text} added to {ast.unparse(node.right)}", lambda made=made: made()["value"]
