r"""The worker: the process in which a candidate runs, `python -m ebm_ref.conformance.worker TARGET FD`.

    question    {"formula", "function", "inputs", "dtype"}      a line of JSON on standard input
    answer      {"value", "gradients"} or a refusal             a line of JSON on the descriptor FD

Before the candidate is imported, standard input is moved out of its sight and standard output is
already somebody else's file, so that whatever it reads or prints cannot corrupt the conversation.

A target is a framework of conformance/frameworks, or `module:function` with the current directory
importable; such a function is called positionally, in float64, and returns the value, or
(value, {argument: gradient}).

Source: the protocol is this project's own.
"""

import importlib
import json
import os
import sys
from importlib import resources

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.conformance.adapting import check_expressible
from ebm_ref.proof.golden import decode, encode


def frameworks():
    """Names of the frameworks that have an adapter."""
    files = resources.files("ebm_ref.conformance.frameworks").iterdir()
    return sorted(
        f.name.removesuffix(".py") for f in files if f.name.endswith(".py") and f.name != "__init__.py"
    )


def adapters(target):
    """The framework's adapter module; its framework itself is not imported yet."""
    return importlib.import_module(f"ebm_ref.conformance.frameworks.{target}")


def load(target):
    """A function (question) -> (value, gradients), and the version to print."""
    if ":" not in target:
        sys.path[:] = [p for p in sys.path if p not in ("", os.getcwd())]  # a torch.py of yours is not meant
        module = adapters(target)
        return lambda question: _ask_framework(module, question), module.version()
    name, _, attribute = target.partition(":")
    function = getattr(importlib.import_module(name), attribute)
    if not callable(function):
        raise TypeError(f"{target} is no function")
    return lambda question: _ask_function(function, question), target


def _ask_framework(module, question):
    name = question["formula"]
    adapter = module.ADAPTERS[name][question["function"]]
    check_expressible(adapter, question["inputs"])
    return module.evaluate(adapter, question["inputs"], tuple(FORMULAS[name].gradients), question["dtype"])


def _ask_function(function, question):
    answer = function(*question["inputs"].values())
    pair = isinstance(answer, tuple) and len(answer) == 2
    if pair and not isinstance(answer[1], dict) and np.ndim(answer[0]) != np.ndim(answer[1]):
        raise TypeError("return the value, or (value, {argument: gradient})")
    return answer if pair and isinstance(answer[1], dict) else (answer, {})


def numbers(x):
    """An answer as JSON holds it; a TypeError for what is no number, such as None or "0.5"."""
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"returned {x!r}, where numbers are due")
    return encode(array.astype(float).tolist())


def reply(ask, question):
    """The answer to one question as a plain dict; nothing that the candidate raises gets past."""
    try:
        value, gradients = ask(question | {"inputs": {a: decode(x) for a, x in question["inputs"].items()}})
        return {"value": numbers(value), "gradients": {str(a): numbers(g) for a, g in gradients.items()}}
    except BaseException as problem:  # SystemExit too: a candidate may not end the run
        refuses = isinstance(problem, NotImplementedError) or type(problem).__name__ == "Unsupported"
        kind = "unsupported" if refuses else "error"
        text = f"{problem}" if kind == "unsupported" else f"{type(problem).__name__}: {problem}".rstrip(": ")
        return {kind: text[:500]}


def main(target, descriptor):
    """Answer questions until there are no more."""
    questions = os.fdopen(os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.set_inheritable(int(descriptor), False)
    answers = os.fdopen(int(descriptor), "w")
    say = lambda answer: print(json.dumps(answer), file=answers, flush=True)
    try:
        ask, version = load(target)
        say({"version": version})
    except BaseException as problem:
        return say({"failed": f"{type(problem).__name__}: {problem}"[:500]})
    for line in questions:
        say(reply(ask, json.loads(line)))


if __name__ == "__main__":
    main(*sys.argv[1:])
