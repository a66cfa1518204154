r"""Testing: the judge inside a test suite of your own.

    assert_conforms(my_hinge, "hinge")                  every golden vector; the judge's report as the message
    assert_conforms(my_hinge, vector)                   one of vectors("hinge"), for pytest.mark.parametrize
    assert_conforms(my_nll, "nll", framework="torch")   differentiated by PyTorch or JAX, in both precisions

The function runs in the test's own process, without a clock; whatever it raises, and returns, is judged as
`ebm-ref check` does.  Warnings of NumPy are nobody's answer, and are silenced.

Source: numpy.testing, for the shape of the interface.
"""

import io
import json
import warnings

from ebm_ref.catalogue import FORMULAS
from ebm_ref.checks import require
from ebm_ref.cli.accept import COUNTED
from ebm_ref.cli.check import print_report
from ebm_ref.cli.text import Output, brief, near
from ebm_ref.conformance.compare import judge
from ebm_ref.conformance.differentiated import BY, DTYPES, asked_by
from ebm_ref.conformance.process import understood
from ebm_ref.conformance.report import report_on
from ebm_ref.conformance.worker import asked_of, reply
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import is_finite, of


class Vector(dict):
    """A golden vector, whose text is its id."""

    def __str__(self):
        return self["id"]


def vectors(name):
    """The golden vectors of a formula that count: what is asked, and the right answers.

    >>> [str(vector) for vector in vectors("hinge")][:2]
    ['hinge/separated', 'hinge/violated']
    """
    _require_formula(name)
    return [Vector(vector) for vector in golden.load(name) if is_finite(vector)]


def assert_conforms(function, what, framework="", strict=False):
    """Raise an AssertionError with the judge's verdict and diagnosis unless the function is right.

    Parameters
    ----------
    function : callable
        It gets one sample by position, and returns the value, or (value, {argument: gradient}).
    what : str or one of `vectors(name)`
        The formula it should compute, or one question; a convention of others passes for a formula only.
    framework : "", "torch" or "jax"
        Whose tensors it takes; then its gradients are taken by the framework, and judged too.
    strict : bool
        Conventions fail.
    """
    __tracebackhide__ = True
    require(framework in ("", *BY), "framework", framework, f"must be '', {' or '.join(map(repr, BY))}")
    candidate = InProcess(function, framework)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = _of_vector(candidate, what) if isinstance(what, dict) else _of_all(candidate, what, strict)
    if told:
        raise AssertionError(told)


def _require_formula(name):
    hint = "; did you mean " + " or ".join(near(name)) + "?" if near(name) else ""
    require(name in FORMULAS, "name", name, f"must be a formula, as `ebm-ref list` shows them{hint}")


class InProcess:
    """A function that is asked where it stands."""

    def __init__(self, function, framework=""):
        name = getattr(function, "__name__", type(function).__name__)
        self.name, self.dtypes, self.ended = name, DTYPES if framework else ("float64",), ""
        by = f" --{framework}" if framework else ""
        self.target = self.version = f"{getattr(function, '__module__', '')}:{name}{by}"
        self.asked = asked_by(framework, function) if framework else asked_of(function)

    def start(self):
        """There is no process to be started, and no clock."""

    def ask(self, formula, function, inputs, dtype="float64"):
        """The answer to one question, as a process would have given it."""
        plain = {a: x.tolist() if hasattr(x, "tolist") else x for a, x in inputs.items()}
        question = {"formula": formula, "function": function, "inputs": golden.encode(plain), "dtype": dtype}
        answer = reply(self.asked, question, contained=Exception)
        return understood(json.dumps(answer).encode(), "unsupported", "error")


def _of_all(candidate, name, strict):
    """The report on all vectors; "" if all is well."""
    _require_formula(name)
    report = report_on(candidate, [(name, candidate.name, dtype) for dtype in candidate.dtypes])
    if report.interrupted:
        raise KeyboardInterrupt
    if not (report.strict_status if strict else report.status):
        return ""
    text = io.StringIO()
    print_report(report, Output(file=text, width=80, color_system=None, emoji=False))
    return text.getvalue().strip()


def _of_vector(candidate, vector):
    """What is wrong with the answer to one vector; "" if all is well."""
    name, told = vector["formula"], []
    for dtype in candidate.dtypes:
        if not (vector["float64_only"] and dtype == "float32"):
            answer = candidate.ask(name, candidate.name, vector["inputs"], dtype)
            told += [_told(j, dtype) for j in judge(vector, answer, dtype) if j.verdict in COUNTED]
    if told and any(v.kind == "convention" for v in FORMULAS[name].variants):
        told += [f"A convention of others is known by all vectors together: assert_conforms(..., {name!r})"]
    return "\n\n".join(told)


def _told(j, dtype):
    what = "value" if j.output == "value" else f"gradient by {j.output}"
    found = j.detail or f"{what} is {brief(j.answer)}, and should be {brief(of(j.vector, j.output))}"
    return f"{j.vector['id']}, {dtype}: {j.verdict}\n{found}\ninputs: {brief(j.vector['inputs'])}"
