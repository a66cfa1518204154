r"""A solution: value and gradients as functions of a reader's file, which are asked as one candidate.

    python -P -m ebm_ref.conformance.solution FILE VALUE [ARGUMENT=GRADIENT ...]
    written(text, path)     the names that a file gives a meaning; not those that only raise NotImplementedError

It is a program as program.py knows them, so that an endless loop or a crash of the file is a verdict.  What
the file prints goes to standard error, and there is nothing for it to read.  A file that cannot be run
answers every question with the reason.

Source: the protocol is that of program.py; the symbol table is Python's own (module symtable).
"""

import ast
import importlib.util
import json
import os
import shlex
import symtable
import sys
from pathlib import Path

from ebm_ref.conformance import program
from ebm_ref.conformance.worker import conversation, raised, reply

CANNOT_BE_RUN = "cannot be run: "


def target(path, value, gradients):
    """The candidate of a file's functions: that of the value, and {argument: that of the gradient}."""
    pairs = [f"{argument}={function}" for argument, function in gradients.items()]
    command = [sys.executable, "-P", "-m", "ebm_ref.conformance.solution", f"{path}", value, *pairs]
    return program.target(shlex.join(command))


def written(text, path):
    """The names that the text of a file gives a meaning; a SyntaxError if it is no Python.

    >>> sorted(written('x = 1\\ndef f():\\n    "Later."\\n    raise NotImplementedError\\n', "f.py"))
    ['x']
    """
    symbols = symtable.symtable(text, f"{path}", "exec").get_symbols()
    bound = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    return bound - {node.name for node in ast.parse(text).body if _is_left_out(node)}


def _is_left_out(node):
    """Whether a statement is a function of a docstring, if any, and `raise NotImplementedError`."""
    if not isinstance(node, ast.FunctionDef):
        return False
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return [ast.unparse(line).partition("(")[0] for line in body] == ["raise NotImplementedError"]


def load(path, value, gradients):
    """A function (question) -> (value, {argument: gradient}) of a file, beside which others can be imported."""
    sys.path.insert(0, f"{Path(path).resolve().parent}")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    f, slopes = getattr(module, value), {a: getattr(module, g) for a, g in gradients.items()}

    def ask(question):
        sample = question["inputs"].values()
        return f(*sample), {a: g(*sample) for a, g in slopes.items()}

    return ask


def main(path, value, *pairs):
    """Answer questions until there are no more."""
    questions, answers = conversation(os.dup(1))
    os.dup2(2, 1)
    try:
        ask, failure = load(path, value, dict(pair.split("=") for pair in pairs)), ""
    except BaseException as problem:  # SystemExit too: a file may not end the run
        ask, failure = None, CANNOT_BE_RUN + raised(problem)
    for line in questions:
        question = json.loads(line)
        said = {"error": failure} if failure else reply(ask, question)
        if "unsupported" in said:  # a part of what is asked is no whole that could be refused
            said = {"error": f"NotImplementedError: {said['unsupported']}".rstrip(": ")}
        print(json.dumps({"id": question["id"]} | said), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
