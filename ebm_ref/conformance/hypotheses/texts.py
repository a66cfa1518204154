r"""Changed texts: the naive expression, changed in one place, which is the name of the hypothesis.

    dropped or altered      without the term - smoothing;  1/beta in place of beta
    held constant           the value is right, and the gradient does not know that something moves
    distributed             (a - b)^2 as a^2 - b^2, log(a + b) as log a + log b, and the other way round
    in one call             a word means something else in one of several calls: the slope of one layer

The edits are those of the mutants (mutants.py) and a few that readers of papers make: a mean for a sum,
1 - p for p, a softmax taken twice, a rectifier for tanh.  Where there is a recursion, its text is changed.

Source: DeMillo, Lipton and Sayward (1978), "Hints on Test Data Selection", turned around.
"""

import ast
import functools
import sys
from functools import partial

from ebm_ref.conformance.hypotheses import masks
from ebm_ref.conformance.hypotheses import places as one_place
from ebm_ref.conformance.hypotheses.words import in_words, said
from ebm_ref.proof import tape
from ebm_ref.proof.mutants import Edit, called, edits, places
from ebm_ref.proof.programs import PRECISE, definitions, has_recursion, literals, naive, names


def held(x):
    """The same numbers, which do not move when the inputs do."""
    return [held(e) for e in x] if isinstance(x, list | tuple) else tape.still(x)


def average(numbers, start=0):
    numbers = list(numbers)
    return sum(numbers, start) / len(numbers)


def product(numbers):
    return functools.reduce(lambda a, b: a * b, numbers, 1)


def largest_product(a, b):
    return max(x * y for x, y in zip(a, b, strict=True))


def rectified(x):
    return x if x > 0 else 0 * x


def softplus(x):
    return tape.log(1 + tape.exp(x))


def highest(values):
    """Index of the largest, the first of equals."""
    return max(range(len(values)), key=lambda i: (values[i], -i))


def one_hot(z):
    """1 at the largest, 0 elsewhere: the softmax at temperature 0."""
    best = highest(z)
    return [tape.number(float(j == best)) for j in range(len(z))]


def largest_alone(z):
    best = highest(z)
    return [x if j == best else 0 * x for j, x in enumerate(z)]


def sharp(x):
    """e^{N x} with N so large that beside the largest term of a sum all others vanish."""
    return tape.exp(SHARP * x)


def expected(weights, start=0):
    """e^{<log w>}, w weighed by itself: as if a sum of weights e^-E had the mean energy, not the free one."""
    weights = list(weights)
    total = sum(weights)
    return tape.exp(sum(w / total * tape.log(w) for w in weights if w))


def with_word(what, word, f, *x):
    """A function's result, where a word that it calls means something else this once."""
    space, (_, make) = f.__globals__, (THROUGHOUT | SLOPES)[what]
    own = space[word]
    space[word] = partial(make, own)
    try:
        return f(*x)
    finally:
        space[word] = own


MORE = {
    "held": held,
    "expected": expected,
    "with_word": with_word,
    "one_hot": one_hot,
    "sharp": sharp,
    "average": average,
    "rectified": rectified,
}
MORE |= {"step": lambda x: tape.number(float(x > 0)), "larger_of_1_and_exp": lambda x: tape.exp(rectified(x))}
MORE |= {"expected_of_1_and_exp": lambda x: tape.exp(x / (1 + tape.exp(-x)))}
MORE |= {"largest_alone": largest_alone, "softplus": softplus, "highest": highest}
MORE |= {"one_behind": lambda x: [x[0], *x[:-1]], "one_ahead": lambda x: [*x[1:], x[-1]]}
MORE |= {"expm1": lambda x: tape.exp(x) - 1, "log1p": lambda x: tape.log(1 + x)}
SHARP = 2.0**16
KNOWN = "proportions", "sigmoid", "tanh", "sqrt", "absolute", "log", "exp"  # words that an edit may call
WRAPPING = {"log", "exp", "sqrt", "absolute", "abs", "sigmoid", "tanh", "softplus"}
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


@functools.cache
def misread(name):
    """The same, where one place reads a number as something else, or lost its parentheses."""
    return list(_all(name, one_place.edits))


@functools.cache
def masked(name):
    """The same, where what is left out counts, and where one call of a function has other words."""
    told = lambda edit: edit.text
    return [*_all(name, masks.edits, told), *_all(name, within, told)]


def _all(name, edits_of, tell=in_words):
    whole, seen = program(name), set()
    root = whole.roots["value"]
    for module, function in whole.reached:
        where = "" if (module, function) == root else f" in {function}"
        for edit in edits_of(definitions(module)[function], function):
            key = id(edit.owner), edit.field, edit.index, ast.unparse(ast.fix_missing_locations(edit.new))
            if key not in seen:
                seen.add(key)
                made = functools.cache(partial(whole.make, edit, module))
                yield tell(edit) + where, lambda made=made: made()["value"], module == PRECISE + "words"


@functools.cache
def replaced(name):
    """The same where one word means something else throughout."""
    hard = functools.cache(partial(program(name).make, instead={"sum": max, "dot": largest_product}))
    found = [("largest term in place of every sum", lambda: hard()["value"], False)]
    return found + list(_throughout(name, THROUGHOUT))


@functools.cache
def sloped(name):
    """The same where one word has another slope throughout, and every value is what it was."""
    return list(_throughout(name, SLOPES))


def _throughout(name, table):
    whole, known = program(name), used(name)
    for word in known:
        for what, (of, make) in table.items():
            if word in of.split():
                made = functools.cache(partial(whole.make, instead={word: partial(make, known[word])}))
                yield what.replace("{}", word), lambda made=made: made()["value"], False


def used(name):
    """The words that the text calls, outside words themselves, with their functions."""
    found = {}
    for module, function in program(name).reached:
        if module != PRECISE + "words":
            space = vars(sys.modules[module]) | {"sum": sum}
            found |= {w: space[w] for w in names(definitions(module)[function]) if callable(space.get(w))}
    return found


# what is said of a word: the words, and the function of a word's own function and of the arguments
THROUGHOUT = {
    "{}(1 - x) in place of every {}(x)": ("log power", lambda f, x, *rest: f(1 - x, *rest)),
    "x in place of every {}(x)": ("exp log sqrt tanh sigmoid power absolute", lambda f, x, *rest: x),
    "every {} held constant": ("exp log sqrt tanh sigmoid proportions dot norm", lambda f, *x: held(f(*x))),
    "{}(x) - 1 in place of every {}(x)": ("exp", lambda f, x: f(x) - 1),
    "{}(1 + x) in place of every {}(x)": ("log", lambda f, x: f(1 + x)),
    "{}(-x) in place of every {}(x)": ("exp sigmoid", lambda f, x: f(-x)),
    "the largest term in place of every {}": ("sum", lambda f, x, start=0: max(x)),
    "the smallest term in place of every {}": ("sum", lambda f, x, start=0: min(x)),
    "the mean in place of every {}": ("sum", lambda f, x, start=0: average(x)),
    "the product in place of every {}": ("sum", lambda f, x, start=0: product(x)),
    "the mean energy in place of the free energy, in every {} of weights": (
        "sum",
        lambda f, *x: expected(*x),
    ),
    "the mean energy in place of the free energy, in every product {}": (
        "dot",
        lambda f, x, y: expected(a * b for a, b in zip(x, y, strict=True)),
    ),
    "every {} divided by the number of entries": (
        "dot square norm",
        lambda f, x, *rest: f(x, *rest) / len(x),
    ),
    "the root of every {}": ("dot square", lambda f, *x: tape.sqrt(f(*x))),
    "a sigmoid in place of every {}": ("tanh", lambda f, x: 1 / (1 + tape.exp(-x))),
    "max(0, x) in place of every {}(x)": ("tanh sigmoid", lambda f, x: rectified(x)),
    "tanh in place of every {}": ("sigmoid", lambda f, x: 2 * f(2 * x) - 1),
    "the square in place of every {} value": ("absolute", lambda f, x: x * x),
    "absolute values in place of every {}": ("square", lambda f, x: sum(abs(e) for e in x)),
    "the sum in place of every {}": (
        "difference",
        lambda f, x, y: [a + b for a, b in zip(x, y, strict=True)],
    ),
}


def with_slope(slope, f, *x):
    """The value of a word of its last argument, and a slope of that argument's number and the value's."""
    given = x[-1]
    x0, y0 = tape.still(given), tape.still(f(*x))
    if isinstance(given, tape.Number):
        return tape.Number(y0, (given, slope(x0, y0)))
    return y0 if given == x0 else y0 + slope(x0, y0) * (given - x0)


# the same of slopes: a function of the argument and the value
SLOPES = {
    "slope of every {}: 1": ("tanh sigmoid larger smaller absolute exp log sqrt", lambda x, y: 1),
    "slope of every tanh taken of its input: 1 - x^2": ("tanh", lambda x, y: 1 - x * x),
    "slope of every tanh, of tanh taken again: 1 - tanh(y)^2": ("tanh", lambda x, y: 1 - tape.tanh(y) ** 2),
    "slope of every tanh without its square: 1 - y": ("tanh", lambda x, y: 1 - y),
    "slope of every tanh: that of a sigmoid, y (1 - y)": ("tanh", lambda x, y: y * (1 - y)),
    "slope of every tanh with its sign turned in the square: 1 + y^2": ("tanh", lambda x, y: 1 + y * y),
    "slope of every sigmoid: that of tanh, 1 - y^2": ("sigmoid", lambda x, y: 1 - y * y),
    "slope of every sigmoid taken of its input: x (1 - x)": ("sigmoid", lambda x, y: x * (1 - x)),
    "slope of every sigmoid, of sigmoid taken again": (
        "sigmoid",
        lambda x, y: tape.sigmoid(y) * (1 - tape.sigmoid(y)),
    ),
    "slope of every sigmoid: y": ("sigmoid", lambda x, y: y),
    "slope of every sigmoid: 1 - y": ("sigmoid", lambda x, y: 1 - y),
    "slope of every exp: x": ("exp", lambda x, y: x),
    "slope of every log: 1/log x": ("log", lambda x, y: 1 / y),
    "slope of every root without its half: 1/y": ("sqrt", lambda x, y: 1 / y),
    "slope of every root taken of its input: 1/(2 x)": ("sqrt", lambda x, y: 1 / (2 * x)),
}
SLOPES = {what: (of, partial(with_slope, slope)) for what, (of, slope) in SLOPES.items()}


def calling(name, *arguments):
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


SMOOTH = set("tanh sigmoid log exp sqrt absolute power proportions".split())


def within(function, name):
    """Edits of one of several calls: a word that the function calls means something else there alone."""
    others = {n: f for m in literals(PRECISE)[1:] for n, f in definitions(m.__name__).items()}
    calls = [called(node) for node in ast.walk(function) if isinstance(node, ast.Call)]
    for owner, field, index, node in places(function):
        if isinstance(node, ast.Call) and called(node) in others and calls.count(called(node)) > 1:
            known = SMOOTH & {called(n) for n in ast.walk(others[called(node)]) if isinstance(n, ast.Call)}
            for what, (of, _) in (THROUGHOUT | SLOPES).items():
                for word in sorted(known & set(of.split())):
                    told = ast.Constant(what), ast.Constant(word)
                    new = calling("with_word", *told, node.func, *node.args)
                    text = f"{what.replace('{}', word)} in {said(node)}"
                    yield Edit(owner, field, index, new, name, text)


def slips(function, name):
    """Edits that readers of papers make, beside those of mutants."""
    indices = {n.slice.id for n in ast.walk(function) if isinstance(n, ast.Subscript) and is_name(n.slice)}
    for owner, field, index, node in places(function):
        for new in [*slipped(node), *exchanged(node), *distributed(node), *of_index(node, sorted(indices))]:
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
        yield from (calling("average", *args), calling("expected", *args))
    if name in POSITIVE:
        yield calling("sqrt", node)
    if name == "zip" and len(args) == 1 and isinstance(args[0], ast.Starred):
        yield args[0].value
    if name in ("absolute", "abs"):
        yield ast.BinOp(args[0], ast.Pow(), ast.Constant(2))
    if name == "sqrt" and isinstance(args[0], ast.BinOp) and isinstance(args[0].op, ast.Mult):
        yield ast.BinOp(args[0].left, ast.Mult(), calling("sqrt", args[0].right))
        yield ast.BinOp(calling("sqrt", args[0].left), ast.Mult(), args[0].right)
    if name == "log":
        yield calling("log", ast.BinOp(args[0], ast.Div(), ast.BinOp(ast.Constant(1), ast.Sub(), args[0])))
    if name in ("log", "exp"):
        yield calling(name, ast.BinOp(ast.Constant(1), ast.Sub(), args[0]))
        yield calling(name, ast.UnaryOp(ast.USub(), args[0]))
    if name in ("proportions", "sigmoid", "log", "tanh"):
        yield calling(name, node)
    if name in ("tanh", "sigmoid"):
        yield from (calling(other, *args) for other in ("tanh", "sigmoid", "rectified") if other != name)
    if name == "larger" and ast.unparse(args[0]) == "0":
        yield calling("softplus", args[1])
    if name in ("larger", "smaller"):
        yield from args
    if name == "lowest":
        yield calling("highest", *args)
    if name == "others":
        yield calling("range", args[0])


def is_name(node):
    return isinstance(node, ast.Name)


def of_index(node, indices):
    """Another index, and the next one."""
    if isinstance(node, ast.Subscript) and is_name(node.slice) and isinstance(node.ctx, ast.Load):
        for i in indices:
            if i != node.slice.id:
                yield ast.Subscript(node.value, ast.Name(i, ast.Load()), ast.Load())
        yield ast.Subscript(node.value, ast.BinOp(node.slice, ast.Add(), ast.Constant(1)), ast.Load())


def exchanged(node):
    """log(sum x) for sum(log x) and the other way round, and the same of what else is done to a sum."""
    inner, wrap = unwrapped(node)
    if wrap and is_sum(inner):
        yield of_each(inner, wrap)
    if is_sum(node):
        inner, wrap = unwrapped(node.args[0].elt)
        if wrap:
            yield wrap(of_each(node, lambda _: inner))


def distributed(node):
    """a^2 - b^2 for (a - b)^2 and the other way round, and the same of what else is done to a sum of two."""
    inner, wrap = unwrapped(node)
    at_0 = isinstance(inner, ast.Call) and called(inner) == "larger" and ast.unparse(inner.args[0]) == "0"
    two = inner.args[1] if at_0 else inner
    if wrap and is_sum_of_two(two):
        each = ast.BinOp(wrap(two.left), two.op, wrap(two.right))
        yield ast.Call(inner.func, [inner.args[0], each], []) if at_0 else each
    if is_sum_of_two(node):
        (a, wrap), (b, other) = unwrapped(node.left), unwrapped(node.right)
        if wrap and other and ast.unparse(wrap(b)) == ast.unparse(node.right):
            yield wrap(ast.BinOp(a, node.op, b))


def is_sum_of_two(node):
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def unwrapped(node):
    """What stands in a minus, a power or a call of one argument, and how to put something else there."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner, wrap = unwrapped(node.operand)
        return inner, wrap and (lambda x: ast.UnaryOp(ast.USub(), wrap(x)))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return node.left, lambda x: ast.BinOp(x, ast.Pow(), node.right)
    if isinstance(node, ast.Call) and called(node) in WRAPPING and len(node.args) == 1:
        return node.args[0], lambda x: ast.Call(node.func, [x], [])
    return node, None


def is_sum(node):
    is_call = isinstance(node, ast.Call) and called(node) == "sum" and len(node.args) == 1
    return is_call and isinstance(node.args[0], ast.GeneratorExp | ast.ListComp)


def of_each(node, change):
    """A sum whose terms are changed."""
    terms = node.args[0]
    return ast.Call(node.func, [type(terms)(change(terms.elt), terms.generators)], [])


def holds(function, name):
    """Edits that hold a part constant: an operation, a call, an entry, or what a function returns."""
    for owner, field, index, node in places(function):
        is_part = isinstance(node, ast.BinOp | ast.Call | ast.Subscript | ast.Name)
        if is_part and not isinstance(getattr(node, "ctx", None), ast.Store) and field != "func":
            new = calling("held", node)
            yield Edit(owner, field, index, new, name, f"{ast.unparse(node)} -> {ast.unparse(new)}")
