r"""A solution: value and gradients as functions of a reader's file, asked as one candidate.

    target(path, value, gradients)     the candidate, as worker.py imports it: module:function
    written(text, path)                names that a file gives a meaning, but for what is left out in it

The worker asks a module for a function by its name.  This module has one for every file, as a pair of value
and gradients, and loads the file when it is asked:

    ebm_ref.conformance.solution:hinge.py?value=hinge&energies=hinge_gradient

So a file is judged as any function is: in a process of its own, under a clock, whatever it prints.

Source: PEP 562 for a module's own attributes; the symbol table is Python's (module symtable).
"""

import ast
import importlib.util
import symtable
import sys
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode


def target(path, value, gradients):
    """The candidate of a file: its function of the value, and {argument: function of the gradient}.

    >>> target("my own.py", "hinge", {"energies": "slope"})
    'ebm_ref.conformance.solution:my%20own.py?value=hinge&energies=slope'
    """
    return f"{__name__}:{quote(f'{path}')}?{urlencode({'value': value} | gradients)}"


def __getattr__(name):
    """A function of a sample that returns (value, {argument: gradient}), from the file that is named."""
    path, is_file, query = name.partition("?")
    if not is_file:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _module(Path(unquote(path)).resolve())
    functions = {output: getattr(module, function) for output, function in parse_qsl(query)}
    value = functions.pop("value")
    return lambda *sample: (value(*sample), {a: gradient(*sample) for a, gradient in functions.items()})


def _module(path):
    """A file as a module, which may import what lies beside it."""
    sys.path.insert(0, f"{path.parent}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written(text, path):
    """The names that the text of a file gives a meaning; a SyntaxError if it is no Python.

    A function of a docstring and `raise NotImplementedError` is left out.

    >>> sorted(written('x = 1\\ndef f():\\n    "Later."\\n    raise NotImplementedError\\n', "f.py"))
    ['x']
    """
    symbols = symtable.symtable(text, f"{path}", "exec").get_symbols()
    bound = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    return bound - {node.name for node in ast.parse(text).body if _is_left_out(node)}


def _is_left_out(node):
    if not isinstance(node, ast.FunctionDef):
        return False
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return [ast.unparse(line).partition("(")[0] for line in body] == ["raise NotImplementedError"]
