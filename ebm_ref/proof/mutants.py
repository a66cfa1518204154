r"""Mutants: what a program becomes when one place of its text is changed.

    edit     one place of a function's text and what stands there instead: `a + b` -> `a - b`
    mutant   the program with one edit

Terms are dropped and signs turned, arguments exchanged, ranges and indices moved by one, comparisons and
constants changed, maxima become minima, loops lose a turn, and tables of a recursion all but four entries.
The programs are those of programs.py, and the judges the golden vectors (scripts/mutate_candidates.py).

Source: DeMillo, Lipton and Sayward (1978), "Hints on Test Data Selection".
"""

import ast
import heapq
import math
from dataclasses import dataclass

OPPOSITES = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
PAIRS = (
    ("maximum", "minimum"),
    ("max", "min"),
    ("argmax", "argmin"),
    ("larger", "smaller"),
    ("sin", "cos"),
    ("triu", "tril"),
    ("any", "all"),
    ("floor", "ceil"),
    ("sum", "max"),
    ("total", "max"),
    ("log", "log1p"),
    ("exp", "expm1"),
    ("zeros", "ones"),
)
INSTEAD = {name: other for pair in PAIRS for name, other in (pair, pair[::-1])} | {"max": "min"}
# calls of one argument that are left whole: without them nothing runs
NEEDED = {"len", "range", "list", "int", "float", "tuple", "set", "dict", "next", "iter", "enumerate", "zip"}
NEEDED |= {"zeros", "ones", "arange", "array", "asarray", "sum", "total", "shape", "ndim", "eye", "empty"}

# calls whose arguments may change places, or must not
SYMMETRIC = {"maximum", "minimum", "max", "min", "larger", "smaller", "isinstance", "zip", "range"}
SYMMETRIC |= {"dot", "weighted", "product"}  # but np.dot, where a matrix may stand on one side


TABLES = {"a", "best", "wrong"}  # what the recursions carry from step to step


def beam(table, keep, nothing):
    """A table of which four entries are kept, others become nothing; lists and dictionaries alike."""
    entries = table if isinstance(table, dict) else dict(enumerate(table))
    best = keep(4, entries.values())
    narrow = {key: x if x in best else nothing for key, x in entries.items()}
    return narrow if isinstance(table, dict) else list(narrow.values())


BEAMS = {
    "four_largest": lambda table: beam(table, heapq.nlargest, 0.0),
    "four_lowest": lambda table: beam(table, heapq.nsmallest, math.inf),
}


@dataclass
class Edit:
    """One place of a function's text, and what may stand there."""

    owner: object  # the node that holds the place
    field: str
    index: int | None  # in a list of nodes
    new: ast.AST
    function: str
    text: str = ""  # old -> new, and which of several alike

    def put(self, node):
        if self.index is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.index] = node


def edits(function, name):
    """Every edit of a function's text, in the order of the text."""
    seen, found = {}, []
    for owner, field, index, node in places(function):
        for new in replacements(node):
            text = f"{said(node)} -> {said(new)}"
            seen[text] = seen.get(text, 0) + 1
            more = f" #{seen[text]}" if seen[text] > 1 else ""
            found.append(Edit(owner, field, index, new, name, text + more))
    return found


def said(node):
    """The text of a node, its first line where it has many."""
    return ast.unparse(ast.fix_missing_locations(node)).strip().partition("\n")[0]


def places(node):
    """Yield (owner, field, index, node) for all that can be edited in a function."""
    for field, value in ast.iter_fields(node):
        if field in ("args", "decorator_list", "returns", "keywords") and not isinstance(node, ast.Call):
            continue
        many = value if isinstance(value, list) else [value]
        for i, child in enumerate(many):
            if isinstance(child, ast.AST) and not is_closed(child):
                yield node, field, i if isinstance(value, list) else None, child
                yield from places(child)


def is_closed(node):
    """Texts, errors, the reading of a sample, `strict=` and the state of warnings."""
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    checked = isinstance(node, ast.Call) and called(node) in ("checked", "errstate", "require")
    strict = isinstance(node, ast.keyword) and node.arg not in ("axis", "initial", "default")
    return text or checked or strict or isinstance(node, ast.Raise | ast.JoinedStr)


def called(node):
    """The last name of what is called."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def replacements(node):
    """What may stand in place of a node."""
    make = MAKERS.get(type(node))
    return [] if make is None else list(make(node))


def minus(node):
    return ast.UnaryOp(ast.USub(), node)


def plus(node, number):
    op = ast.Add() if number > 0 else ast.Sub()
    return ast.BinOp(node, op, ast.Constant(abs(number)))


def of_operation(node):
    a, b = node.left, node.right
    other = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
    if type(node.op) in other:
        yield ast.BinOp(a, other[type(node.op)](), b)
    if isinstance(node.op, ast.Sub | ast.Div | ast.Pow | ast.MatMult):
        yield ast.BinOp(b, node.op, a)
    yield a
    yield minus(b) if isinstance(node.op, ast.Sub) else b


def of_sign(node):
    if not isinstance(node.op, ast.Invert):
        yield node.operand


def of_comparison(node):
    for i, op in enumerate(node.ops):
        for other in OPPOSITES.get(type(op), ()):
            yield ast.Compare(node.left, [*node.ops[:i], other(), *node.ops[i + 1 :]], node.comparators)


def of_logic(node):
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for i in range(len(node.values)):
        left = node.values[:i] + node.values[i + 1 :]
        yield left[0] if len(left) == 1 else ast.BoolOp(node.op, left)


def of_constant(node):
    x = node.value
    if isinstance(x, bool):
        yield ast.Constant(not x)
    elif isinstance(x, int):
        yield from (ast.Constant(x + 1), minus(ast.Constant(1)) if x == 0 else ast.Constant(x - 1))
    elif isinstance(x, float):
        yield ast.Constant(x + 1.0)
        if x != 0.0:
            yield from (ast.Constant(2.0 * x), minus(node))


def of_call(node):
    name = called(node)
    if name in INSTEAD and not (name == "log" and len(node.args) != 1):
        yield ast.Call(renamed(node.func, INSTEAD[name]), node.args, node.keywords)
    if len(node.args) == 1 and not node.keywords and name not in NEEDED:
        yield node.args[0]
    for i in range(len(node.args) - 1):
        a = node.args
        is_symmetric = name in SYMMETRIC and (name != "dot" or isinstance(node.func, ast.Name))
        if not is_symmetric and ast.unparse(a[i]) != ast.unparse(a[i + 1]):
            swapped = [*a[:i], a[i + 1], a[i], *a[i + 2 :]]
            yield ast.Call(node.func, swapped, node.keywords)
    if name == "range":
        for i, argument in enumerate(node.args):
            if not isinstance(argument, ast.Constant):
                for step in (1, -1):
                    moved = [*node.args[:i], plus(argument, step), *node.args[i + 1 :]]
                    yield ast.Call(node.func, moved, [])


def renamed(function, name):
    if isinstance(function, ast.Attribute):
        return ast.Attribute(function.value, name, ast.Load())
    return ast.Name(name, ast.Load())


def of_subscript(node):
    if not isinstance(node.ctx, ast.Load):
        return
    inner = node.value
    if isinstance(inner, ast.Subscript) and ast.unparse(inner.slice) != ast.unparse(node.slice):
        yield ast.Subscript(ast.Subscript(inner.value, node.slice, ast.Load()), inner.slice, ast.Load())
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for i, part in enumerate(parts):
        for new in indices(part):
            many = [*parts[:i], new, *parts[i + 1 :]]
            place = ast.Tuple(many, ast.Load()) if isinstance(node.slice, ast.Tuple) else new
            yield ast.Subscript(node.value, place, ast.Load())
    if len(parts) == 2 and isinstance(node.slice, ast.Tuple):
        yield ast.Subscript(node.value, ast.Tuple(parts[::-1], ast.Load()), ast.Load())


def indices(part):
    """Another index or slice."""
    if isinstance(part, ast.Slice):
        if part.lower:
            yield ast.Slice(None, part.upper, part.step)
        if part.upper:
            yield ast.Slice(part.lower, None, part.step)
        if part.step:
            yield ast.Slice(part.lower, part.upper, None)
        if not part.lower and not part.step:
            yield ast.Slice(ast.Constant(1), part.upper, None)
    elif isinstance(part, ast.Name | ast.BinOp):
        yield plus(part, -1)


def of_attribute(node):
    if node.attr in ("T", "mT"):
        yield node.value


def of_choice(node):
    yield from (node.body, node.orelse)


def of_if(node):
    yield from (ast.If(ast.Constant(test), node.body, node.orelse) for test in (True, False))


def shorter(iterable):
    """A loop without its first turn, and without its last."""
    every = ast.Call(ast.Name("list", ast.Load()), [iterable], [])
    for cut in (ast.Slice(ast.Constant(1), None), ast.Slice(None, minus(ast.Constant(1)))):
        yield ast.Subscript(every, cut, ast.Load())


def of_loop(node):
    for iterable in shorter(node.iter):
        yield ast.For(node.target, iterable, node.body, node.orelse)


def of_comprehension(node):
    for iterable in shorter(node.iter):
        yield ast.comprehension(node.target, iterable, node.ifs, 0)
    for i, condition in enumerate(node.ifs):
        left = node.ifs[:i] + node.ifs[i + 1 :]
        yield ast.comprehension(node.target, node.iter, left, 0)
        yield ast.comprehension(node.target, node.iter, [*left, ast.UnaryOp(ast.Not(), condition)], 0)


def of_assignment(node):
    target = node.targets[0]
    if isinstance(target, ast.Subscript):
        yield ast.Pass()
    if (
        isinstance(target, ast.Name)
        and target.id in TABLES
        and isinstance(node.value, ast.ListComp | ast.DictComp)
    ):
        for beam in BEAMS:
            yield ast.Assign(node.targets, ast.Call(ast.Name(beam, ast.Load()), [node.value], []))


def of_update(node):
    yield ast.Pass()
    other = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
    if type(node.op) in other:
        yield ast.AugAssign(node.target, other[type(node.op)](), node.value)


def of_return(node):
    if node.value is not None and not isinstance(node.value, ast.Tuple | ast.Constant):
        yield ast.Return(minus(node.value))
        yield ast.Return(ast.BinOp(ast.Constant(2.0), ast.Mult(), node.value))


MAKERS = {
    ast.BinOp: of_operation,
    ast.UnaryOp: of_sign,
    ast.Compare: of_comparison,
    ast.BoolOp: of_logic,
    ast.Constant: of_constant,
    ast.Call: of_call,
    ast.Subscript: of_subscript,
    ast.Attribute: of_attribute,
    ast.IfExp: of_choice,
    ast.If: of_if,
    ast.For: of_loop,
    ast.comprehension: of_comprehension,
    ast.Assign: of_assignment,
    ast.AugAssign: of_update,
    ast.Return: of_return,
}
