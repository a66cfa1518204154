r"""One place of the text: an argument or a called word read as something else there, and nowhere else.

    x             ->  1, -x, 1/x, x^2, sqrt x, log x, exp x, 1 - x, |x|       one occurrence of a number
    (a + b) c     ->  a + b c,     a/(b c) -> a/b c,   -(a - b) -> -a - b     a slip of precedence
    f(1 - p, q)   ->  1 - f(p, q)                                             a parenthesis closed too soon
    p[y]          ->  the largest p, the smallest p, sigmoid(z[y]) for softmax(z)[y]
    softmax(z)    ->  1 at the largest, 0 else:   e^x -> e^(N x), N large     hard for soft
    1 + e^x       ->  the larger of them, or e to the mean of 0 and x         hard, or the mean energy
    zip(x, y)     ->  x one step behind y, its first twice, or ahead of it    rows side by side
    g(u, v, u)    ->  g(1, v, 1)                                              an argument, in one part alone
    min |x - w|^2 ->  max x'w                                                 what the choice goes by

These are the edits that a formula's own writer makes by hand.  Edits of operations are those of mutants.

Source: the list is of what was found in implementations, and of what stands beside it.
"""

import ast
import copy

from ebm_ref.conformance.hypotheses.words import SIGNS
from ebm_ref.proof.mutants import Edit, called, places

SHARP = 2.0**16  # times which an exponent is sharp: all but the largest terms vanish
WORDS = "sqrt", "log", "exp", "abs", "max", "min"
BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}
UNCHANGED = {"range", "len", "zip", "enumerate", "list", "int", "float", "tuple", "sorted", "reversed"}
ROWS = {"proportions", "difference", "others", "pairwise", "product", "zip"}  # words that give no number


def call(name, *arguments):
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def number(x):
    return ast.Constant(x)


def readings(node):
    """What a number may be read as."""
    yield number(1)
    yield ast.UnaryOp(ast.USub(), node)
    yield ast.BinOp(number(1), ast.Div(), node)
    yield ast.BinOp(node, ast.Pow(), number(2))
    yield ast.BinOp(number(1), ast.Sub(), node)
    yield from (call(word, node) for word in WORDS[:4])


def edits(function, name):
    """Every edit of this kind, in the order of the text."""
    arguments = [argument.arg for argument in function.args.args]
    lists = {
        node.targets[0].id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for owner, field, index, node in places(function):
        if field != "func" and not isinstance(getattr(node, "ctx", None), ast.Store):
            for new in [
                *read_as(node, field),
                *regrouped(node),
                *of_powers(node),
                *hardened(node),
                *alone(node, field),
                *moved(owner, node),
                *locally(node, arguments),
                *nearest(node, lists),
            ]:
                yield Edit(owner, field, index, new, name, f"{ast.unparse(node)} -> {ast.unparse(new)}")


def read_as(node, field):
    """A name, an entry or a call of a word in its place; indices stay whole."""
    if field == "slice" or not isinstance(node, ast.Name | ast.Subscript | ast.Call):
        return
    word = called(node) if isinstance(node, ast.Call) else ""
    if word == "len":
        yield number(1)
    if word not in UNCHANGED | ROWS:
        yield from readings(node)


def regrouped(node):
    """Parentheses left out, or closed too soon."""
    if isinstance(node, ast.BinOp):
        yield from _flat(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.BinOp):
        inner = node.operand
        yield ast.BinOp(ast.UnaryOp(node.op, inner.left), inner.op, inner.right)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.BinOp):
        inner, rest = node.args[0], node.args[1:]
        yield ast.BinOp(ast.Call(node.func, [inner.left, *rest], []), inner.op, inner.right)
        yield ast.BinOp(inner.left, inner.op, ast.Call(node.func, [inner.right, *rest], []))


def of_powers(node):
    """1 - p^q for (1 - p)^q, where 1 - p has a name of its own."""
    if isinstance(node, ast.Call) and called(node) == "power":
        base = ast.BinOp(number(1), ast.Sub(), node.args[0])
        yield ast.BinOp(number(1), ast.Sub(), call("power", base, *node.args[1:]))


def _flat(node):
    """(a + b) c as a + b c, and a/(b c) as a/b c."""
    left, right, op = node.left, node.right, SIGNS.get(type(node.op))
    if isinstance(left, ast.BinOp) and binds(left) < BINDS.get(op, 0):
        yield ast.BinOp(left.left, left.op, ast.BinOp(left.right, node.op, right))
    if isinstance(right, ast.BinOp) and (binds(right) < BINDS.get(op, 0) or op in "-/"):
        yield ast.BinOp(ast.BinOp(left, node.op, right.left), right.op, right.right)


def binds(node):
    return BINDS.get(SIGNS.get(type(node.op)), 9)


def hardened(node):
    """The largest alone where all have a share, and the largest or smallest entry for a given one."""
    if isinstance(node, ast.Call) and called(node) == "proportions":
        yield call("one_hot", *node.args)
    if isinstance(node, ast.Call) and called(node) == "exp":
        yield call("sharp", *node.args)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name):
        yield from (call(word, node.value) for word in WORDS[4:])
        if isinstance(node.value, ast.Call) and called(node.value) == "proportions":
            entry = ast.Subscript(node.value.args[0], node.slice, ast.Load())
            yield call("sigmoid", entry)
    if isinstance(node, ast.Call) and called(node) == "sigmoid":
        yield call("step", *node.args)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and is_one_and_exp(node):
        yield call("larger_of_1_and_exp", *node.right.args)
        yield call("expected_of_1_and_exp", *node.right.args)
    if isinstance(node, ast.Call) and called(node) == "log":
        yield from _largest_exponent(node.args[0])


def is_one_and_exp(node):
    """1 + e^x, the sum over a unit that is 0 or 1."""
    return ast.unparse(node.left) == "1" and isinstance(node.right, ast.Call) and called(node.right) == "exp"


def locally(node, arguments):
    """An argument that stands more than once in a part of the text, read as 1, 0 or its negative there."""
    if isinstance(node, ast.Lambda | ast.BinOp | ast.Call | ast.GeneratorExp | ast.ListComp):
        found = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
        for a in arguments:
            if found.count(a) > 1:
                for x in (number(1), number(0), ast.UnaryOp(ast.USub(), ast.Name(a, ast.Load()))):
                    yield Renamed(a, x).visit(copy.deepcopy(node))


class Renamed(ast.NodeTransformer):
    """A name read as something else."""

    def __init__(self, name, new):
        self.name, self.new = name, new

    def visit_Name(self, node):
        return self.new if node.id == self.name else node


def nearest(node, lists):
    """The largest inner product in place of the least squared distance, where one is chosen."""
    chosen_of = lists.get(getattr(node.args[0], "id", "")) if is_call(node, "lowest") else None
    inner = getattr(chosen_of, "elt", None)
    if is_call(inner, "square") and is_call(inner.args[0], "difference"):
        product = ast.UnaryOp(ast.USub(), call("dot", *inner.args[0].args))
        yield call("lowest", ast.ListComp(product, chosen_of.generators))


def is_call(node, name):
    return isinstance(node, ast.Call) and called(node) == name and bool(node.args)


def alone(node, field):
    """A row that is assigned or returned, with all but its largest entry 0."""
    if field == "value" and isinstance(node, ast.Call | ast.ListComp):
        yield call("largest_alone", node)


def moved(owner, node):
    """One of the rows that go side by side, a step behind or ahead of the others."""
    if is_call(owner, "zip") and isinstance(node, ast.Name):
        yield from (call(word, node) for word in ("one_behind", "one_ahead"))


def _largest_exponent(total):
    """log(sum e^x) as the largest x."""
    terms = total.args[0] if isinstance(total, ast.Call) and called(total) == "sum" and total.args else None
    if isinstance(terms, ast.GeneratorExp | ast.ListComp) and isinstance(terms.elt, ast.Call):
        if called(terms.elt) == "exp":
            yield call("max", ast.ListComp(terms.elt.args[0], terms.generators))
