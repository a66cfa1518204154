r"""The naive expression with its text changed in one place; the change is the name.

    dropped or altered      without the term - smoothing;  1/beta in place of beta
    held constant           the value is right, and the gradient does not know that something moves

The edits are those of the mutants (mutants.py) and a few that readers of papers make: a mean for a sum,
1 - p for p, a softmax taken twice, a rectifier for tanh.  Where there is a recursion, its text is changed.

Source: DeMillo, Lipton and Sayward (1978), "Hints on Test Data Selection", turned around.
"""

import ast
import functools

from ebm_ref.conformance.hypotheses.words import in_words
from ebm_ref.proof import tape
from ebm_ref.proof.mutants import Edit, called, edits, places
from ebm_ref.proof.programs import PRECISE, definitions, has_recursion, literals, naive


def held(x):
    """The same numbers, which do not move when the inputs do."""
    return [held(e) for e in x] if isinstance(x, list | tuple) else tape.plain(x)


def mean(numbers, start=0):
    numbers = list(numbers)
    return sum(numbers, start) / len(numbers)


def rectified(x):
    return x if x > 0 else 0 * x


def softplus(x):
    return tape.log(1 + tape.exp(x))


def highest(values):
    """Index of the largest, the first of equals."""
    return max(range(len(values)), key=lambda i: (values[i], -i))


MORE = {"held": held, "mean": mean, "rectified": rectified, "softplus": softplus, "highest": highest}
MORE |= {"expm1": lambda x: tape.exp(x) - 1, "log1p": lambda x: tape.log(1 + x)}
KNOWN = "proportions", "sigmoid", "tanh", "sqrt", "absolute", "log", "exp"  # words that an edit may call
POSITIVE = {"sum", "dot", "square", "norm"}  # of which somebody may take the root


@functools.cache
def program(name):
    """The naive expression of a formula, or the recursion in its place, on the tape."""
    for module in literals(PRECISE):
        own = definitions(module.__name__)
        vars(module).update({word: f for word, f in MORE.items() if word not in own})
        for word in KNOWN:
            vars(module).setdefault(word, vars(literals(PRECISE)[0])[word])
    return naive(name, has_recursion(name), PRECISE)


@functools.cache
def expression(name):
    """The right one."""
    return program(name).make()["value"]


@functools.cache
def altered(name):
    """(name of the change, function that makes the expression, whether it is one of a mere word)."""
    return list(_all(name, lambda function, of: [*edits(function, of), *slips(function, of)]))


@functools.cache
def holding(name):
    """The same, where one part of the text, or all that one function returns, is held constant."""
    return list(_all(name, holds))


def _all(name, edits_of):
    whole, seen = program(name), set()
    root = whole.roots["value"]
    for module, function in whole.reached:
        where = "" if (module, function) == root else f" in {function}"
        for edit in edits_of(definitions(module)[function], function):
            key = module, function, edit.text
            if key not in seen:
                seen.add(key)
                made = functools.cache(functools.partial(whole.make, edit, module))
                yield in_words(edit) + where, lambda made=made: made()["value"], module == PRECISE + "words"


def calling(name, *arguments):
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def slips(function, name):
    """Edits that readers of papers make, beside those of mutants."""
    for owner, field, index, node in places(function):
        for new in slipped(node):
            yield Edit(owner, field, index, new, name, f"{ast.unparse(node)} -> {ast.unparse(new)}")


def slipped(node):
    """What may stand in place of a node by a slip."""
    if isinstance(node, ast.Call):
        yield from _slipped_call(node, called(node), node.args)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield calling("abs", node.left)
    elif isinstance(node, ast.Constant) and type(node.value) is int and node.value > 1:
        yield ast.Constant(2 * node.value)


def _slipped_call(node, name, args):
    if name == "sum":
        yield calling("mean", *args)
    if name in POSITIVE:
        yield calling("sqrt", node)
    if name in ("log", "exp"):
        yield calling(name, ast.BinOp(ast.Constant(1), ast.Sub(), args[0]))
        yield calling(name, ast.UnaryOp(ast.USub(), args[0]))
    if name in ("proportions", "sigmoid", "log", "tanh"):
        yield calling(name, node)
    if name in ("tanh", "sigmoid"):
        yield from (calling(other, *args) for other in ("tanh", "sigmoid", "rectified") if other != name)
    if name == "larger" and ast.unparse(args[0]) == "0":
        yield calling("softplus", args[1])
        yield args[1]
    if name == "lowest":
        yield calling("highest", *args)
    if name == "others":
        yield calling("range", args[0])


def holds(function, name):
    """Edits that hold a part constant: an operation, a call, an entry, or what a function returns."""
    for owner, field, index, node in places(function):
        is_part = isinstance(node, ast.BinOp | ast.Call | ast.Subscript | ast.Name)
        if is_part and not isinstance(getattr(node, "ctx", None), ast.Store) and field != "func":
            new = calling("held", node)
            yield Edit(owner, field, index, new, name, f"{ast.unparse(node)} -> {ast.unparse(new)}")
