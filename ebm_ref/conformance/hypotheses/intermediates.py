r"""Intermediate results: a term or a factor too much or too little that is one of them.

    y = f + c g(v)       v an intermediate result of the naive expression, or of many alike their sum,
    y = f g(v)^p         the largest, the smallest, the first or the last;
                         g nothing, a logarithm, a size or what is above 0; c a number or a parameter

A term that was lost, doubled, halved or not divided by beta is such a difference, in whatever way the
formula was written: log det S counted once, a largest score that was subtracted and not added back.  The
text notes all its results as it runs, once on each of a few vectors, and what these agree on is then
computed on the tape, like every hypothesis.

Source: the construction is this project's own.
"""

import ast
import functools
import itertools
from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses import outputs, texts
from ebm_ref.conformance.hypotheses.hypothesis import DIGITS, on_tape, run
from ebm_ref.conformance.hypotheses.words import said
from ebm_ref.proof import tape
from ebm_ref.proof.bounds import of

AGREE = 1e-9  # relative to the value, of what two vectors say
FEW = 3

# how many results of one place become one: "" where there is only one
JOINED = {
    "": lambda x: x[0] if all(e is x[0] for e in x) else np.nan,
    "the sum of ": sum,
    "the largest ": max,
    "the smallest ": min,
    "the first ": lambda x: x[0],
    "the last ": lambda x: x[-1],
    "the sum of squares of ": lambda x: sum(e * e for e in x),
}
SHAPED = {  # name: what becomes of a result
    "{}": lambda x: x,
    "log {}": tape.log,
    "({})^2": lambda x: x * x,
    "|{}|": abs,
    "max(0, {})": texts.rectified,
    "max(0, -{})": lambda x: texts.rectified(-x),
}
NUMBERS = {"": 1, "1/2 of ": 0.5, "twice ": 2, "1/4 of ": 0.25}
POWERS = {"times {}": 1, "divided by {}": -1, "divided by the root of {}": -0.5, "times the root of {}": 0.5}
PARAMETERS = {  # name: what becomes of a parameter
    "{} times ": lambda b: b,
    "1/{} times ": lambda b: 1 / b,
    "(1 - {}) times ": lambda b: 1 - b,
    "({} - 1) times ": lambda b: b - 1,
    "(1 - 1/{}) times ": lambda b: 1 - 1 / b,
}
MOST_RESULTS = 400  # of one place, that are kept


class Notes(dict):
    """The results of each place of a text in one run."""

    def __call__(self, place, x):
        known = self.setdefault(place, [])
        for e in [x] if isinstance(x, tape.Number) else x if _is_row(x) else []:
            if len(known) <= MOST_RESULTS:
                known.append(e)
        return x


def _is_row(x):
    return isinstance(x, list) and bool(x) and all(isinstance(e, tape.Number) for e in x)


class Noting(ast.NodeTransformer):
    """Every operation, call, entry and name of a text is noted, by its own text and its function's name."""

    def __init__(self, root):
        self.root, self.where = root, ""

    def visit_FunctionDef(self, node):
        self.where = "" if node.name in (self.root, self.where) else f" in {node.name}"
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_Lambda(self, node):
        node.body = self.visit(node.body)
        return node

    def visit_Call(self, node):
        place = said(node) + self.where
        node.args = [self.visit(argument) for argument in node.args]
        return noted(place, node)

    def _visit(self, node):
        place = said(node) + self.where
        return noted(place, self.generic_visit(node))

    visit_BinOp = visit_UnaryOp = _visit

    def visit_Name(self, node):
        return self._visit(node) if isinstance(node.ctx, ast.Load) else node

    def visit_Subscript(self, node):
        return self._visit(node) if isinstance(node.ctx, ast.Load) else self.generic_visit(node)

    def visit_Starred(self, node):
        return node


def noted(place, node):
    return texts.calling("noted", ast.Constant(place), node)


@functools.cache
def notes(name):
    """The notes and the function that takes them."""
    whole, taken = texts.program(name), Notes()
    root = whole.roots["value"][1]
    function = whole.rewritten(lambda tree: Noting(root).visit(tree), {"noted": taken})["value"]
    return taken, function


def noting(name, **given):
    """The value and the results of each place, {place: [numbers]}, and each argument's entry at an index."""
    taken, function = notes(name)
    taken.clear()
    value = function(**given)
    for a, i in itertools.permutations(given, 2):
        if _is_row(given[a]) and isinstance(given[i], int) and 0 <= given[i] < len(given[a]):
            taken(f"{a}[{i}]", given[a][given[i]])
    return value, {place: some for place, some in taken.items() if 0 < len(some) <= MOST_RESULTS}


def linear(formula, ordinary, wide):
    """The plainest term, and the plainest factor, that some of these judgements agree on."""
    judgements = some_of([j for j in ordinary if j.output == "value"])
    if not judgements or any(np.ndim(j.answer) or not np.isfinite(j.answer) for j in judgements):
        return
    name = judgements[0].vector["formula"]
    known = [Seen(name, j.vector, wide) for j in judgements]
    for found in (terms(formula, judgements, known), factors(judgements, known)):
        for what, change in itertools.islice(found, 1):
            yield on_tape(what, partial(_changed, name, change), wide, 5)


def some_of(ordinary):
    """A few that differ, small and large ones, and a few that match."""
    short = [j for j in ordinary if "/long-" not in j.vector["id"]]
    wrong = [j for j in short if j.verdict == "mismatch"]
    right = [j for j in short if j.verdict == "match"]
    return [*wrong[:FEW], *wrong[FEW:][-FEW:], *right[-FEW:]] if wrong else []


class Seen(dict):
    """Results of a vector by (how they are joined, place, shape), as floats, each when it is asked for."""

    def __init__(self, name, vector, wide):
        self.ask = partial(noting, name), vector, wide

    @functools.cached_property
    def noted_there(self):
        function, vector, wide = self.ask
        try:
            with tape.digits(DIGITS, wide):
                return run(function, vector)[0][1]
        except Exception:  # the text cannot be noted there
            return {}

    def __missing__(self, key):
        with tape.digits(DIGITS, self.ask[2]):
            self[key] = (
                _float(partial(result, key, self.noted_there)) if key[1] in self.noted_there else np.nan
            )
        return self[key]


def keys(noted_there):
    """The plainest first: shapes, ways of joining, and places in the order of the text."""
    for shape, joined, place in itertools.product(SHAPED, JOINED, noted_there):
        yield joined, place, shape


def result(key, noted_there):
    joined, place, shape = key
    return SHAPED[shape](JOINED[joined](noted_there[place]))


def _float(compute):
    try:
        with np.errstate(all="ignore"):
            return float(tape.plain(compute()))
    except (ArithmeticError, ValueError, TypeError):  # it has no value there
        return np.nan


def spoken(key):
    joined, place, shape = key
    return shape.replace("{}", f"{joined}{place}" if " " not in place else f"{joined}({place})")


def terms(formula, judgements, known):
    """Pairs (name, change) for y = f + c g(v)."""
    truths = [float(of(j.vector, "value")) for j in judgements]
    differences = [float(j.answer) - f for j, f in zip(judgements, truths, strict=True)]
    sizes = [abs(f) + abs(d) for f, d in zip(truths, differences, strict=True)]
    for what, c in coefficients(formula, judgements[0].vector["inputs"]):
        numbers = [_float(partial(c, j.vector["inputs"])) for j in judgements]
        for key in keys(known[0].noted_there):
            for verb, sign in (("added", 1), ("missing", -1)):
                at = (sign * c * some[key] for c, some in zip(numbers, known, strict=True))
                if _agree(at, differences, sizes):
                    yield f"{what}{spoken(key)} {verb}", partial(_with_term, key, c, sign)


def factors(judgements, known):
    """Pairs (name, change) for y = f g(v)^p."""
    with np.errstate(all="ignore"):
        quotients = [np.float64(j.answer) / float(of(j.vector, "value")) for j in judgements]
        for (what, p), key in itertools.product(POWERS.items(), keys(known[0].noted_there)):
            if _agree((np.float64(some[key]) ** p for some in known), quotients, quotients):
                yield what.replace("{}", spoken(key)), partial(_with_factor, key, p)


def coefficients(formula, sample):
    """Pairs (name, c) with c a function of the inputs: numbers, and what parameters make."""
    for what, c in NUMBERS.items():
        yield what, lambda given, c=c: c
    some = [
        (what.replace("{}", b), b, lambda given, x=x, shape=shape: shape(x(given)))
        for b, x in outputs.parameters(formula, sample)
        if not b.startswith("the sum")
        for what, shape in PARAMETERS.items()
    ]
    yield from ((what, c) for what, _, c in some)
    for (what, a, c), (more, b, d) in itertools.combinations(some, 2):
        if a != b:
            yield f"{what}{more}", lambda given, c=c, d=d: c(given) * d(given)


def _agree(some, others, sizes):
    return all(abs(x - y) <= AGREE * abs(s) for x, y, s in zip(some, others, sizes, strict=True))


def _changed(name, change, **given):
    value, noted_there = noting(name, **given)
    return change(value, noted_there, given)


def _with_term(key, c, sign, value, noted_there, given):
    return value + result(key, noted_there) * (c(given) * sign)


def _with_factor(key, p, value, noted_there, given):
    v = result(key, noted_there)
    return value * (tape.power(v, p) if p in (0.5, -0.5) else v if p > 0 else 1 / v)
