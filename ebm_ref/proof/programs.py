r"""Programs: the functions behind a formula, so that one of them can be replaced.

    page     a page's value and gradients, with all that they call
    naive    the naive expression in float64, or the recursion in its place

A program reaches from a page's value and gradients to all functions that they call, on the same page or on
one that has no formula of its own.  What a page refuses, its record and its cases stay as they are, and so
do numerics.py and levels.py, which have tests of their own.

The naive expressions run in float64 here: their module of words is loaded once more, with functions of
`math` in place of those of the tape.  So they are what a careless reader of the paper would write.  Loaded
a third time, on the tape, they are edited to find what a stranger computes instead.

Source: the construction is this project's own.
"""

import ast
import copy
import functools
import importlib
import inspect
import math
import operator
import sys
import types
import warnings

import numpy as np

from ebm_ref.proof import tape
from ebm_ref.proof.mutants import BEAMS, INSTEAD, edits
from ebm_ref.proof.recursions import RECURSIONS


class Program:
    """Functions of some modules, reached from roots, in name spaces of their own.

    `roots` are {output: (module name, function name)}; `make(edit, module)` gives the mutant of each.
    """

    def __init__(self, roots, is_open):
        self.roots, self.is_open = roots, is_open
        self.reached = dict.fromkeys(self._reach())

    def _reach(self):
        waiting, seen = list(self.roots.values()), set()
        while waiting:
            module, name = waiting.pop(0)
            if (module, name) in seen:
                continue
            seen.add((module, name))
            yield module, name
            known = vars(sys.modules[module])
            for used in names(definitions(module)[name]):
                other = known.get(used)
                home = getattr(other, "__module__", None)
                if isinstance(other, types.FunctionType) and self._has(home, other.__name__):
                    waiting.append((home, other.__name__))

    def _has(self, module, name):
        return self.is_open(module) and name in definitions(module) and not name.startswith("check_")

    def edits(self):
        """Every edit of every function that is reached."""
        for module, name in self.reached:
            yield from edits_of(module, name)

    def make(self, edit=None, module=None, instead=()):
        """The functions of the roots, with an edit of a module's function, as {output: function}.

        `instead` are functions by name that all modules but that of words find in place of their own.
        """
        code = None if edit is None else _compiled(edit, module)
        spaces = {m: dict(vars(sys.modules[m])) for m, _ in self.reached}
        for m, space in spaces.items():
            _rebind(space, spaces)
            if "_branches" in space:
                space["follow"](())  # notes of its own
            if m == module:
                exec(code, space)  # the text is our own
                for other in spaces.values():
                    if other is not space and edit.function in other:
                        other[edit.function] = space[edit.function]
        for m, space in spaces.items():
            space.update({} if m.endswith(".words") else instead)
        return {output: spaces[m][name] for output, (m, name) in self.roots.items()}

    def rewritten(self, change, more):
        """The functions of the roots, where `change` has made another text of each function's.

        `more` are functions by name that the new texts may call.
        """
        spaces = {m: dict(vars(sys.modules[m])) | more for m, _ in self.reached}
        for space in spaces.values():
            _rebind(space, spaces)
        for m, name in self.reached:
            tree = ast.fix_missing_locations(ast.Module([change(copy.deepcopy(definitions(m)[name]))], []))
            exec(compile(tree, m, "exec"), spaces[m])  # the text is our own
        for m, name in self.reached:
            for home, space in spaces.items():
                if getattr(vars(sys.modules[home]).get(name), "__module__", None) == m:
                    space[name] = spaces[m][name]
        return {output: spaces[m][name] for output, (m, name) in self.roots.items()}


def names(function):
    """What a function reads that is not its own."""
    found = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    own = {node.id for node in found if isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    return dict.fromkeys(node.id for node in found if node.id not in own)


def _rebind(space, spaces):
    """Functions of the modules of a program look for names in its own name spaces."""
    for name, f in list(space.items()):
        if isinstance(f, types.FunctionType) and f.__module__ in spaces:
            home = spaces[f.__module__]
            space[name] = types.FunctionType(f.__code__, home, f.__name__, f.__defaults__, f.__closure__)
            space[name].__kwdefaults__ = f.__kwdefaults__


def _compiled(edit, module):
    """The edited function as code; the text is then as it was."""
    old = getattr(edit.owner, edit.field)
    old = old if edit.index is None else old[edit.index]
    edit.put(edit.new)
    try:
        tree = ast.fix_missing_locations(ast.Module([definitions(module)[edit.function]], []))
        with warnings.catch_warnings(action="ignore", category=SyntaxWarning):  # of a list that is called
            return compile(tree, module, "exec")
    finally:
        edit.put(old)


@functools.cache
def definitions(module):
    """The functions of a module's text by name."""
    loaded = sys.modules[module]
    tree = getattr(loaded, "tree", None) or ast.parse(inspect.getsource(loaded))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


@functools.cache
def edits_of(module, name):
    """Pairs (module, edit) of one function."""
    return [(module, edit) for edit in edits(definitions(module)[name], name)]


# ---- the programs of formulas ----

CLOSED = ("numerics", "checks", "formula", "laws", "levels")


@functools.cache
def pages():
    from ebm_ref import FORMULAS

    return {formula.value.__module__ for formula in FORMULAS.values()}


def page(formula):
    """The page's value and gradients."""
    home = formula.value.__module__
    roots = {"value": (home, formula.value.__name__)}
    roots |= {a: (home, g.__name__) for a, g in formula.gradients.items()}

    def is_open(module):
        ours = str(module).startswith("ebm_ref.") and module.rpartition(".")[2] not in CLOSED
        return module == home or (ours and module not in pages())

    return Program(roots, is_open)


ANGLES = 2.0 * np.pi * np.arange(512) / 512  # I_n(x) is the mean of e^{x cos a} cos(n a), nearly exactly
WORDS = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "loggamma": math.lgamma,
    "power": lambda x, q: float(x) ** q,
    "pi": lambda: math.pi,
    "sigmoid": lambda x: 1.0 / (1.0 + math.exp(-x)),
    "tanh": math.tanh,
    "chosen": lambda one, other: one,
    "besseli": lambda n, x: float(np.mean(np.exp(x * np.cos(ANGLES)) * np.cos(n * ANGLES))),
}
LITERAL = "ebm_ref_literal."  # where the naive modules stand a second time, in float64
PRECISE = "ebm_ref_precise."  # and a third time, on the tape


class _Literal(ast.NodeTransformer):
    """Imports from the naive modules of this home, and a function for each lambda of a table."""

    def __init__(self, home):
        self.home = home

    def visit_ImportFrom(self, node):
        if node.module.startswith("ebm_ref.proof."):
            node.module = self.home + node.module.rpartition(".")[2]
        return node

    def visit_Module(self, node):
        body = []
        for statement in node.body:
            body += [*_named_lambdas(statement), self.visit(statement)]
        node.body = body
        return node


def _named_lambdas(statement):
    """`"hinge": lambda E: ...` of a table becomes a function hinge_, so that it is mutated like others."""
    table = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict) and statement.value
    for i, (key, entry) in enumerate(zip(table.keys, table.values, strict=True) if table else ()):
        if isinstance(entry, ast.Lambda) and isinstance(key, ast.Constant):
            name = f"{key.value}_"
            yield ast.FunctionDef(name, entry.args, [ast.Return(entry.body)], [], type_params=[])
            table.values[i] = ast.Name(name, ast.Load())


@functools.cache
def literal(name, home=LITERAL):
    """A module of naive expressions, loaded to run in float64, or on the tape."""
    original = "ebm_ref.proof.recursions" if name == "recursions" else f"ebm_ref.proof.naive.{name}"
    tree = _Literal(home).visit(ast.parse(inspect.getsource(importlib.import_module(original))))
    module = types.ModuleType(home + name)
    module.tree = ast.fix_missing_locations(tree)
    sys.modules[home + name] = module
    exec(compile(tree, home + name, "exec"), vars(module))  # the text is our own
    for more in (vars(sys.modules.get(home + "words", math)), vars(math), BEAMS):  # that mutants may call
        vars(module).update(
            {key: more[key] for key in (*INSTEAD, *BEAMS) if key in more and key not in vars(module)}
        )
    return module


@functools.cache
def literals(home=LITERAL):
    """All of them, words first."""
    sys.modules[home + "tape"] = types.ModuleType("tape") if home == LITERAL else tape
    if home == LITERAL:
        vars(sys.modules[home + "tape"]).update(WORDS)
    families = "words", "energies", "inference", "latent", "structures", "losses", "criteria", "samplers"
    signals = "score_matching", "noise_contrast"
    if home == PRECISE:
        vars(literal("words", home))["below"] = operator.lt  # nobody reads notes of comparisons here
    return [literal(name, home) for name in (*families, *signals, "recursions")]


def naive(name, stepwise=False, home=LITERAL):
    """The naive expression of a formula, or the recursion in its place, in float64 or on the tape."""
    table = "RECURSIONS" if stepwise else "NAIVE"
    function = next(vars(m)[table][name] for m in literals(home) if name in vars(m).get(table, {}))
    return Program({"value": (function.__module__, function.__name__)}, lambda m: str(m).startswith(home))


def has_recursion(name):
    return name in RECURSIONS
