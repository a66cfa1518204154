r"""Offline: questions for a program that cannot be run from here, and its answers judged when they are back.

    question    {"id", "formula", "function", "inputs": {argument: value}, "dtype"}     a line of JSON each
    answer      {"id", "value", "gradients"?} or {"id", "error"}                        in any order

The words are those of program.py.  An id is that of a golden vector; of a question in float32 it ends in
" float32".  A question without an answer is an error, and so is an answer twice.

Source: the protocol is this project's own.
"""

import collections
import json

import numpy as np

from ebm_ref.conformance.program import Failed, understood
from ebm_ref.proof import golden

IN_FLOAT32 = " float32"


def questions(name, dtype="float64"):
    """What is asked of a formula, in order; in float32 without what float32 cannot hold."""
    for vector in golden.load(name):
        if not (vector["float64_only"] and dtype == "float32"):
            ending = IN_FLOAT32 if dtype == "float32" else ""
            yield {
                "id": vector["id"] + ending,
                "formula": name,
                "function": name,
                "inputs": golden.encode({a: np.asarray(x).tolist() for a, x in vector["inputs"].items()}),
                "dtype": dtype,
            }


def read(lines):
    """{id: answers} of the lines of a file; a ValueError that names the line that is none."""
    answers = collections.defaultdict(list)
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                said = json.loads(line)
                answers[f"{said['id']}"].append(said)
            except (LookupError, RecursionError, TypeError, ValueError):
                rule = 'must be a JSON object with an "id"'
                raise ValueError(f"line {number} = {line.strip()[:60]!r}: {rule}") from None
    return answers


def steps(answers, names=()):
    """What is to be judged, (formula, function, dtype): what the ids speak of, and the formulas `names`."""
    pairs = dict.fromkeys(map(_asked, answers))
    dtypes = dict.fromkeys(dtype for _, dtype in pairs) or {"float64": None}
    if names:
        pairs = dict.fromkeys((name, dtype) for name in names for dtype in dtypes)
    return [(name, name, dtype) for name, dtype in pairs]


def _asked(key):
    dtype = "float32" if key.endswith(IN_FLOAT32) else "float64"
    return key.partition("/")[0], dtype


class Answers:
    """A file of answers that is asked like a candidate, but knows the answers to golden vectors alone."""

    def __init__(self, file, answers):
        self.target, self.version = f"answers: {file}", file
        self.answers, self.ended, self.ids = answers, "", {}

    def start(self):
        """There is no process to be started, and no clock."""

    def ask(self, formula, function, inputs, dtype="float64"):
        """The answer to the golden vector with these inputs, or why there is none."""
        key = self._ids(formula, dtype).get(_text(inputs))
        if key is None:
            return {"error": "not asked"}
        given = self.answers.get(key, [])
        if len(given) != 1:
            return {"error": f"{len(given)} answers to it" if given else "no answer to it in the file"}
        try:
            value, gradients = understood(given[0])
            return {
                "value": np.asarray(value, float)[()],
                "gradients": {a: np.asarray(g, float)[()] for a, g in gradients.items()},
            }
        except (Failed, ArithmeticError, RecursionError, TypeError, ValueError) as problem:
            return {"error": f"{problem}"}

    def _ids(self, formula, dtype):
        if (formula, dtype) not in self.ids:
            asked = questions(formula, dtype)
            self.ids[formula, dtype] = {json.dumps(q["inputs"]): q["id"] for q in asked}
        return self.ids[formula, dtype]


def _text(inputs):
    return json.dumps(golden.encode({a: np.asarray(x).tolist() for a, x in inputs.items()}))
