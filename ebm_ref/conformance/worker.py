r"""The worker: the process in which a candidate runs, `python -P -m ebm_ref.conformance.worker TARGET FD`.

    question    {"formula", "function", "inputs", "dtype"}      a line of JSON on standard input
    answer      {"value", "gradients"} or a refusal             a line of JSON on the descriptor FD

Before the candidate is imported, standard input is moved out of its sight and standard output is
already somebody else's file, so that whatever it reads or prints cannot corrupt the conversation.  The
current folder is importable from then on only: a random.py that lies there replaces nothing of ours.

A target is a framework of conformance/frameworks, a program, or `module:function`; such a function is
called positionally, in float64, and returns the value, or (value, {argument: gradient}).  It is judged
without the catalogue, whose import takes longer than all the questions.

Source: the protocol is this project's own.
"""

import importlib
import json
import os
import sys
import sysconfig
import traceback
from pathlib import Path

import numpy as np

from ebm_ref.conformance.differentiated import asked_by, split
from ebm_ref.conformance.program import PREFIX, Failed, Program
from ebm_ref.proof.golden import decode, encode


def frameworks():
    """Names of the frameworks that have an adapter."""
    files = (Path(__file__).parent / "frameworks").glob("*.py")
    return sorted(f.stem for f in files if f.stem != "__init__")


def adapters(target):
    """The framework's adapter module; its framework itself is not imported yet."""
    return importlib.import_module(f"ebm_ref.conformance.frameworks.{target}")


def load(target):
    """A function (question) -> (value, gradients), and the version to print."""
    if target.startswith(PREFIX):
        command = target.removeprefix(PREFIX)
        return Program(command).ask, command
    if ":" not in target:
        return _framework(adapters(target))
    function, framework = split(target)
    function = imported(function)
    if framework:
        return asked_by(framework, function), target
    return asked_of(function), target


def imported(target):
    """The function that "module:function" names, found from the current folder."""
    sys.path.insert(0, os.getcwd())
    name, _, attribute = target.partition(":")
    function = getattr(importlib.import_module(name), attribute)
    if not callable(function):
        raise TypeError(f"{target} is no function")
    return function


def _framework(module):
    from ebm_ref.catalogue import FORMULAS  # half a second that a function need not wait for
    from ebm_ref.conformance.adapting import check_expressible

    def ask(question):
        name, inputs = question["formula"], question["inputs"]
        adapter = module.ADAPTERS[name][question["function"]]
        check_expressible(adapter, inputs)
        return module.evaluate(adapter, inputs, tuple(FORMULAS[name].gradients), question["dtype"])

    return ask, module.version()


def asked_of(function):
    """A function (question) -> (value, {argument: gradient}) of one that is called by position."""

    def ask(question):
        answer = function(*question["inputs"].values())
        pair = isinstance(answer, tuple) and len(answer) == 2
        if pair and not isinstance(answer[1], dict) and np.ndim(answer[0]) != np.ndim(answer[1]):
            raise TypeError("return the value, or (value, {argument: gradient})")
        return answer if pair and isinstance(answer[1], dict) else (answer, {})

    return ask


def numbers(x):
    """An answer as JSON holds it; a TypeError for what is no number, such as None or "0.5"."""
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"returned {x!r}, where numbers are due")
    return encode(array.astype(float).tolist())


def reply(ask, question, contained=BaseException):
    """The answer to one question as a plain dict; nothing `contained` that the candidate raises gets past."""
    try:
        value, gradients = ask(question | {"inputs": {a: decode(x) for a, x in question["inputs"].items()}})
        return {"value": numbers(value), "gradients": {str(a): numbers(g) for a, g in gradients.items()}}
    except contained as problem:  # SystemExit too: a candidate may not end the run
        refuses = isinstance(problem, NotImplementedError) or type(problem).__name__ == "Unsupported"
        return {"unsupported": _text(problem)} if refuses else {"error": raised(problem)}


def raised(problem):
    """An exception in words, and the stranger's line at fault; what a program says, as it says it."""
    if isinstance(problem, Failed):
        return _text(problem)
    return f"{type(problem).__name__}: {_text(problem)}".rstrip(": ") + _line(problem)


def _line(problem):
    """The last line of the stranger's own files in a traceback; nothing where all is ours or a library's."""
    ours, libraries = (
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        sysconfig.get_paths().values(),
    )
    frames = traceback.extract_tb(problem.__traceback__)
    own = [f for f in frames if os.path.isfile(f.filename) and not f.filename.startswith((ours, *libraries))]
    return f", at {os.path.basename(own[-1].filename)}:{own[-1].lineno}: {own[-1].line}" if own else ""


def _text(problem):
    try:
        return f"{problem}"[:500]
    except BaseException:  # it is a stranger's, and may be unable to say anything
        return ""


def conversation(descriptor):
    """Questions and answers as files out of the candidate's sight."""
    questions = os.fdopen(os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.set_inheritable(int(descriptor), False)
    return questions, os.fdopen(int(descriptor), "w")


def main(target, descriptor):
    """Answer questions until there are no more."""
    questions, answers = conversation(descriptor)
    say = lambda answer: print(json.dumps(answer), file=answers, flush=True)
    try:
        ask, version = load(target)
        say({"version": version})
    except BaseException as problem:
        return say({"failed": raised(problem)})
    for line in questions:
        say(reply(ask, json.loads(line)))


if __name__ == "__main__":
    main(*sys.argv[1:])
