r"""Reproduce: the smallest wrong answer as a script of its own, a bug report ready to be sent.

    python my_report.py        fails where the candidate is wrong, and says "right" once it is mended

The script needs NumPy and the candidate: a function, one that PyTorch or JAX differentiates, or a program.
It holds the right number, and accepts whatever the judge would accept there as imprecise or better.

Source: the idea is the minimal reproduction that issue trackers ask for.
"""

import inspect
import re
import shlex
import textwrap

import numpy as np

import ebm_ref
from ebm_ref.catalogue import FORMULAS
from ebm_ref.conformance import program
from ebm_ref.conformance.differentiated import split
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import measure, of

SCRIPT = '''\
"""{title}

{formula}

{report}

Run it where {target} is found.
Made by ebm_ref {version}, whose page is {page}.
"""

{code}

truth = {truth}
bound = {bound!r}  # what rounding may do in {dtype}
right = np.shape(found) == np.shape(truth) and found.dtype.kind in "biuf"
right = right and np.all(np.abs(found - truth) <= bound)
assert right, f"{output}: {{found}}, and should be {{truth}}"
print("right")
'''


def reproduction(report, verdicts=("mismatch", "error")):
    """The script for the first row with one of these verdicts, in float64 if there is one; "" without any."""
    rows = [row for row in report.rows if row.verdict in verdicts]
    if not rows:
        return ""
    row = max(rows, key=lambda row: row.dtype)
    inputs, output, truth, vector = _shown(row)
    page = inspect.getmodule(FORMULAS[row.formula].value)
    what = "value" if output == "value" else f"gradient by {output}"
    return SCRIPT.format(
        title=f"{report.version}: the {what} is not that of {row.formula}.",
        formula=_first_formula(page.__doc__),
        report=textwrap.fill(_said(row), width=79),
        target=report.version,
        version=ebm_ref.__version__,
        page=page.__name__,
        code=_code(report.target, row, inputs, output),
        truth=literal(truth),
        bound=_bound(vector, output, truth, row.dtype),
        dtype=row.dtype,
        output=what,
    )


def _shown(row):
    """(inputs, output, truth, vector) of the smallest wrong answer, or of a small question without any."""
    if row.smallest:
        small = row.smallest
        vector = next(v for v in golden.load(row.formula) if v["id"] == small["id"])
        if _differ(vector["inputs"], small["inputs"]):
            vector = {"inputs": small["inputs"], "kinks": {}, "condition": None}
        return small["inputs"], small["output"], small["truth"], vector
    wrong = [j for j in row.finite if j.verdict in ("mismatch", "error")]
    size = lambda j: (j.detail.startswith("not asked"), sum(np.size(x) for x in j.vector["inputs"].values()))
    failed = min(wrong, key=size)
    output = failed.output or _unknown_gradient(row, failed) or "value"
    return failed.vector["inputs"], output, of(failed.vector, output), failed.vector


def _unknown_gradient(row, judgement):
    """The first argument that has a gradient, where the candidate gives one by a name that is none."""
    return next(iter(FORMULAS[row.formula].gradients), "") if judgement.detail[:12] == "gradient by " else ""


def _differ(a, b):
    return any(not np.array_equal(a[name], b[name]) for name in a)


def _first_formula(header):
    """The first indented lines of a page."""
    return re.search(r"(?:^    .*\n(?:^\s*\n(?=    ))?)+", header, flags=re.MULTILINE).group().rstrip()


def _said(row):
    refused = [j.detail for j in row.finite if j.verdict == "error"]
    if row.diagnosis:
        return f"It computes: {' or '.join(row.diagnosis)}."
    return f"It fails: {refused[0]}" if refused else "What it computes instead has no name."


def _bound(vector, output, truth, dtype):
    """The largest error that is no mismatch: what is this far off is off by so many bounds."""
    far = max(1.0, np.max(np.abs(truth), initial=0.0))
    return float(far / measure(vector, output, truth + far, dtype, truth=truth).coarse)


def literal(x):
    """An array or a number as Python reads it.

    >>> literal(np.array([[1.0, 2.0]])), literal(np.zeros((0, 3))), literal(np.float64(0.5)), literal(2)
    ('np.array([[1.0, 2.0]])', 'np.zeros((0, 3), float)', '0.5', '2')
    """
    x = np.asarray(x)
    if x.size == 0:
        return f"np.zeros({x.shape}, {'int' if x.dtype.kind in 'iu' else 'float'})"
    return f"np.array({x.tolist()!r})" if x.ndim else f"{x.item()!r}"


def _nested(x):
    """The same for a framework, which takes lists."""
    return literal(x).removeprefix("np.array(").removesuffix(")") if np.size(x) else literal(x)


def _code(target, row, inputs, output):
    """The lines that import the candidate, set the inputs and ask for what was wrong, `found`."""
    if target.startswith(program.PREFIX):
        return "\n".join(_of_program(target, row, inputs, output))
    function, framework = split(target)
    module, _, name = function.partition(":")
    used = sorted(filter(None, ["numpy as np", framework]))
    imports = ["import sys", "", *(f"import {library}" for library in used), ""]
    imports += ['sys.path.insert(0, "")  # the module is found from the current folder']
    imports += [f"from {module} import {name}  # noqa: E402", ""]
    call = f"{name}({', '.join(inputs)})"
    ask = {"torch": _by_torch, "jax": _by_jax}.get(framework, _by_itself)
    return "\n".join([*imports, *ask(call, row, inputs, output)])


def _by_itself(call, row, inputs, output):
    yield from (f"{a} = {literal(x)}" for a, x in inputs.items())
    yield from ("", f"answer = {call}")
    first = "answer[0] if isinstance(answer, tuple) else answer"
    yield f"found = np.asarray({first if output == 'value' else f'answer[1].get({output!r})'})"
    yield 'found = found.astype(float) if found.dtype.kind == "f" else found  # float32 hides its errors'


def _by_torch(call, row, inputs, output):
    differentiated = FORMULAS[row.formula].gradients
    for a, x in inputs.items():
        real = a in differentiated or np.asarray(x).dtype.kind == "f"
        options = f", dtype=torch.{row.dtype}" * real + ", requires_grad=True" * (a in differentiated)
        is_tensor = a in differentiated or isinstance(x, np.ndarray)
        yield f"{a} = torch.tensor({_nested(x)}{options})" if is_tensor else f"{a} = {literal(x)}"
    yield from ("", f"answer = {call}")
    slope = f"torch.autograd.grad(answer, {output}, allow_unused=True, materialize_grads=True)[0]"
    yield f"found = {'answer' if output == 'value' else slope}"
    yield "found = found.detach().numpy().astype(float)"


def _by_jax(call, row, inputs, output):
    differentiated = FORMULAS[row.formula].gradients
    yield f'jax.config.update("jax_enable_x64", {row.dtype == "float64"})'
    for a, x in inputs.items():
        dtype = row.dtype if a in differentiated or np.asarray(x).dtype.kind == "f" else "int"
        is_array = a in differentiated or isinstance(x, np.ndarray)
        yield f"{a} = jax.numpy.asarray({_nested(x)}, {dtype!r})" if is_array else f"{a} = {literal(x)}"
    name, _, arguments = call.partition("(")
    slope = f"jax.grad({name}, {[*inputs].index(output)})({arguments}" if output != "value" else call
    yield from ("", f"found = np.asarray({slope}, float)")


def _of_program(target, row, inputs, output):
    plain = golden.encode({a: np.asarray(x).tolist() for a, x in inputs.items()})
    question = {"id": "1", "formula": row.formula, "function": row.function, "inputs": plain}
    yield from ("import json", "import subprocess", "", "import numpy as np", "")
    yield f"question = {question | {'dtype': row.dtype}!r}"
    yield f"command = {shlex.split(target.removeprefix(program.PREFIX))!r}"
    yield 'done = subprocess.run(command, input=json.dumps(question) + "\\n", capture_output=True, text=True)'
    yield "lines = set(done.stdout.splitlines())"
    yield 'assert len(lines) == 1, f"one answer is due: {done.stdout or done.stderr}"'
    yield "answer = json.loads(lines.pop())"
    yield 'assert answer.get("error") is None, answer["error"]'
    where = '.get("value")' if output == "value" else f'["gradients"].get({output!r})'
    yield f"found = np.array(answer{where})"
