"""What becomes of a verdict: Markdown, JUnit, accepted deviations, a script that reproduces it."""

import importlib
import inspect
import json
import re
import runpy
import subprocess
import sys
import types
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.cli.judge import conclude
from ebm_ref.cli.main import main
from ebm_ref.cli.markdown import markdown
from ebm_ref.cli.text import Output
from ebm_ref.conformance import process, reproduce
from ebm_ref.conformance.compare import Judgement, Row
from ebm_ref.conformance.questions import smallest_input
from ebm_ref.conformance.report import Report, report_on
from ebm_ref.conformance.reproduce import literal
from ebm_ref.conformance.testing import InProcess
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import is_finite

MINE = """
import numpy as np
from ebm_ref import FORMULAS
from ebm_ref.losses.hinge import hinge as right, hinge_gradient as slope
convention = next(v.value for v in FORMULAS["gaussian_nll"].variants if v.kind == "convention")
def over_all(E, y, m): return max(0.0, m + E[y] - min(E))
def with_gradient(E, y, m): return right(E, y, m), {"energies": slope(E, y, m)}
def twice(E, y, m): return right(E, y, m), {"energies": 2.0 * slope(E, y, m)}
def nameless(E, y, m): return 3.25 * right(E, y, m) + 0.125
def raises(E, y, m): raise RuntimeError("no idea")
def raises_once(E, y, m):
    if len(E) == 3: raise RuntimeError("<three> is \\x1b[31m a crowd")
    return right(E, y, m)
def says_nothing(E, y, m): return None
def says_words(E, y, m): return "0.5"
def flat_gradient(E, y, m): return right(E, y, m), {"energies": 0.0}
def other_gradient(E, y, m): return right(E, y, m), {"E": slope(E, y, m)}
def transposed(*inputs): return [right(*inputs)] * 2
def short(E, y, m): return np.float32(right(E, y, m))
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(process, "QUESTION_SECONDS", 60.0)


def judged(capsys, *args):
    status = main(["check", *args])
    return status, capsys.readouterr().out


# Markdown


def test_markdown_says_what_the_table_says(capsys):
    status, out = judged(capsys, "mine:over_all", "mine:right", "--as", "hinge", "--markdown")
    lines = out.splitlines()
    assert status == 1 and lines[2] == "| formula | function | float64 |"
    assert re.fullmatch(r"\| `hinge` \| `over_all` \| mismatch .* \|", lines[4])
    assert "* float64: mismatch: it computes: minimum taken over y too" in lines
    assert "  * smallest input: energies \\[1, 0\\]  label 1  margin 1" in lines
    assert any(line.startswith("| `hinge` | `right` | match") for line in lines)
    cells = {line.count("|") for line in lines if line.startswith("|")}
    assert cells == {4}


def test_markdown_has_a_column_for_each_dtype():
    pytest.importorskip("torch")
    candidate = InProcess(lambda E, y: E[y], "torch")
    report = report_on(candidate, [("energy", "f", dtype) for dtype in candidate.dtypes])
    assert markdown(report).splitlines()[2] == "| formula | function | float32 | float64 |"
    assert re.search(r"^\| `energy` \| `f` \| match .* \| match .* \|$", markdown(report), flags=re.MULTILINE)


# JUnit


def suites(*args):
    main(["check", *args, "--junit", "junit.xml"])
    return ElementTree.parse("junit.xml").getroot()


def test_junit_has_a_test_for_every_vector_that_counts():
    root = suites("mine:right", "mine:over_all", "mine:raises_once", "--as", "hinge")
    counted = [v["id"] for v in golden.load("hinge") if is_finite(v)]
    for suite in root:
        assert [case.get("name") for case in suite] == counted
        assert int(suite.get("tests")) == len(counted)
        for kind in ("failure", "error"):
            attribute = {"failure": "failures", "error": "errors"}[kind]
            assert int(suite.get(attribute)) == len(suite.findall(f".//{kind}"))
    passed, failed, error = root
    assert passed.get("failures") == passed.get("errors") == "0"
    assert int(failed.get("failures")) > 5 and failed.get("errors") == "0"
    messages = {e.get("message") for e in failed.iter("failure")}
    assert messages == {"value differs: it computes minimum taken over y too"}
    assert "energies = [" in failed.find(".//failure").text and "truth = " in failed.find(".//failure").text
    threes = sum(np.size(v["inputs"]["energies"]) == 3 for v in golden.load("hinge") if is_finite(v))
    assert int(error.get("errors")) == threes
    assert "<three> is \\x1b[31m a crowd" in error.find(".//error").get("message")


def test_junit_of_what_cannot_be_loaded():
    (suite,) = suites("nosuch:f", "--as", "hinge")
    assert suite.get("errors") == "1" and "ModuleNotFoundError" in suite.find(".//error").get("message")


@pytest.mark.parametrize(
    "option, begins", [("--junit", "<?xml"), ("--reproduce", '"""mine:over_all'), ("--json", "[")]
)
def test_a_file_on_standard_output_is_alone_there(capsys, option, begins):
    assert main(["check", "mine:over_all", "--as", "hinge", option, "-"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(begins) and "formula function" not in out and "formula function" in err


def test_junit_lets_a_convention_pass():
    (suite,) = suites("mine:convention", "--as", "gaussian_nll")
    assert suite.get("failures") == "0" and int(suite.get("tests")) > 10


def test_an_interrupt_between_the_precisions(capsys):
    """A function asked in float32 alone, beside one that was asked in both."""
    vector = golden.load("hinge")[0]
    good = lambda function, dtype: Row("hinge", function, dtype, [Judgement(vector, "value", "match")])
    rows = [good("f", "float32"), good("f", "float64"), good("g", "float64"), good("h", "float32")]
    report = Report("torch", "torch 0", rows, interrupted=True, asked="4 of 9 vectors asked")
    args = types.SimpleNamespace(markdown=False, json="r.json", junit="r.xml", accept=None, strict=False)
    assert conclude([report], [], args, Output()) == 130
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    assert ["hinge", "f", "match", "0", "match", "0"] in lines
    assert lines.count(["hinge", "g", "match", "0"]) == lines.count(["hinge", "h", "match", "0"]) == 1
    assert json.loads(Path("r.json").read_text())[0]["status"] == 130
    error = ElementTree.parse("r.xml").getroot()[-1].find(".//error")
    assert error.get("message") == "interrupted: 4 of 9 vectors asked"
    assert "**interrupted**: 4 of 9 vectors asked" in markdown(report)


# accepted deviations


def accept(capsys, target, lines, *args):
    Path("known.txt").write_text("\n".join(lines))
    return judged(capsys, target, *args, "--accept", "known.txt")


LINE = "mine:over_all hinge over_all float64 mismatch: minimum taken over y too"


def test_a_deviation_that_is_accepted_is_no_disagreement(capsys):
    status, out = accept(capsys, "mine:over_all", [], "--as", "hinge")
    assert status == 1 and out.splitlines()[-2:] == ["not accepted in known.txt:", LINE]
    status, out = accept(capsys, "mine:over_all", ["# until we mend it", "", LINE], "--as", "hinge")
    assert status == 0 and "accepted" not in out and "mismatch" in out


def test_another_deviation_is_not_accepted(capsys):
    status, out = accept(capsys, "mine:nameless", [LINE], "--as", "hinge")
    assert status == 1
    new, gone = out.partition("not accepted in known.txt:\n")[2].split(
        "\n\naccepted, but no more so, in known.txt:\n"
    )
    assert new == "mine:nameless hinge nameless float64 mismatch: no name"
    assert gone.strip() == LINE


@pytest.mark.parametrize("name", ["nameless", "raises", "twice"])
def test_the_line_that_is_printed_is_accepted(capsys, name):
    """Whatever the deviation is, and twice the same."""
    target = f"mine:{name}"
    line = accept(capsys, target, [], "--as", "hinge")[1].splitlines()[-1]
    assert accept(capsys, target, [line], "--as", "hinge")[0] == 0


def test_an_accepted_deviation_that_is_gone_is_a_disagreement(capsys):
    status, out = accept(capsys, "mine:right", [LINE], "--as", "hinge")
    assert status == 1 and out.splitlines()[-2:] == ["accepted, but no more so, in known.txt:", LINE]
    assert accept(capsys, "mine:right", [], "--as", "hinge")[0] == 0


def test_strictly_a_convention_is_to_be_accepted_too(capsys):
    ask = ("mine:convention", [], "--as", "gaussian_nll")
    assert accept(capsys, *ask)[0] == 0
    status, out = accept(capsys, *ask, "--strict")
    line = out.splitlines()[-1]
    assert status == 1 and "match under convention: " in line
    for strict in ((), ("--strict",)):
        assert accept(capsys, "mine:convention", [line], "--as", "gaussian_nll", *strict)[0] == 0


def test_a_file_that_is_not_there_and_a_target_that_is_not_there(capsys):
    assert judged(capsys, "mine:right", "--as", "hinge", "--accept", "nowhere")[0] == 0
    status, out = judged(capsys, "mine:over_all", "--as", "hinge", "--accept", "nowhere")
    told = "not accepted: nowhere does not exist; the lines to put there:"
    assert status == 1 and out.splitlines()[-2:] == [told, LINE] and not Path("nowhere").exists()
    assert accept(capsys, "nosuch:f", [LINE], "--as", "hinge")[0] == 2


# a script that reproduces it

PROGRAM = """
import json, sys
for line in sys.stdin:
    q = json.loads(line)
    E, y, m = q["inputs"].values()
    try: answer = {"value": max(0.0, float(m) + float(E[y]) - min(E))}
    except Exception: answer = {"error": "no idea"}
    print(json.dumps({"id": q["id"]} | answer), flush=True)
"""

OF_TENSORS = """
def torch_right(E, y, beta):
    import torch
    return torch.nn.functional.cross_entropy(-beta * E[None], torch.tensor([y])) / beta
def torch_wrong(E, y, beta): return torch_right(E * E, y, beta)
def torch_detached(E, y, beta): return torch_right(E.detach(), y, beta)
def jax_right(E, y, beta):
    import jax
    return E[y] + jax.nn.logsumexp(-beta * E) / beta
def jax_wrong(E, y, beta): return jax_right(E * E, y, beta)
def jax_detached(E, y, beta):
    import jax
    return jax_right(jax.lax.stop_gradient(E), y, beta)
"""


def ran(path="report.py"):
    """What the script prints as a program of its own: standard output and standard error."""
    done = subprocess.run([sys.executable, path], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_a_wrong_function_is_written_down(capsys):
    status, out = judged(capsys, "mine:over_all", "--as", "hinge", "--reproduce", "report.py")
    assert status == 1 and out.startswith("the smallest wrong answer is written to report.py")
    status, _, err = ran()
    assert status == 1 and "AssertionError: value: 1.0, and should be 0.0" in err
    Path("mine.py").write_text(MINE.replace("min(E)", "np.delete(E, y).min()"))
    assert ran() == (0, "right\n", "")


@pytest.fixture
def script(monkeypatch):
    """A function (name, framework, formula) that gives the script for a function of the folder."""
    monkeypatch.setattr(sys, "path", [f"{Path.cwd()}", *sys.path])

    def script(name, framework="", formula="hinge"):
        module = "tensors" if framework else "mine"
        monkeypatch.delitem(sys.modules, module, raising=False)
        importlib.invalidate_caches()
        function = getattr(importlib.import_module(module), name)
        candidate = InProcess(function, framework)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = report_on(candidate, [(formula, name, dtype) for dtype in candidate.dtypes])
        text = reproduce.reproduction(report)
        Path("report.py").write_text(text)
        assert "ebm_ref" not in text.partition('"""\n\n')[2], "it needs NumPy and the candidate alone"
        assert max(map(len, text.splitlines())) <= 110
        return text

    yield script
    for module in ("mine", "tensors"):
        sys.modules.pop(module, None)


def mended(text, name, right):
    """The script runs through where the function is right."""
    Path("report.py").write_text(text.replace(f"import {name} ", f"import {right} as {name} "))
    runpy.run_path("report.py")


@pytest.mark.parametrize(
    "name, says",
    [
        ("over_all", "value: 1.0, and should be 0.0"),
        ("twice", "gradient by energies: ["),
        ("nameless", "value: "),
        ("raises", "no idea"),
        ("raises_once", "a crowd"),
        ("transposed", "value: "),
        ("short", "value: "),
        ("says_nothing", "value: None, and should be 0.0"),
        ("says_words", "value: 0.5, and should be 0.0"),
        ("flat_gradient", "gradient by energies: 0.0, and should be ["),
        ("other_gradient", "gradient by energies: None, and should be ["),
    ],
)
def test_a_function_is_reproduced(script, name, says):
    text = script(name)
    with pytest.raises((AssertionError, RuntimeError)) as problem:
        runpy.run_path("report.py")
    assert says in str(problem.value)
    mended(text, name, "with_gradient")


@pytest.mark.parametrize("name", ["wrong", "detached"])
@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_a_function_of_tensors_is_reproduced(script, monkeypatch, framework, name):
    pytest.importorskip(framework)
    Path("tensors.py").write_text(OF_TENSORS)
    few = [v for v in golden.load("nll") if np.size(v["inputs"]["energies"]) == 2][:12]
    monkeypatch.setattr(golden, "load", lambda name: few)
    text = script(f"{framework}_{name}", framework, "nll")
    with pytest.raises((AssertionError, RuntimeError), match=r"and should be|does not require grad"):
        runpy.run_path("report.py")
    mended(text, f"{framework}_{name}", f"{framework}_right")


def test_what_is_right_is_not_reproduced(capsys):
    status, out = judged(capsys, "mine:with_gradient", "--as", "hinge", "--reproduce", "report.py")
    assert status == 0 and "no script: nothing is wrong" in out
    ask = ("mine:convention", "--as", "gaussian_nll", "--reproduce", "report.py")
    assert "no script: only a convention; --strict writes one" in judged(capsys, *ask)[1]
    assert not Path("report.py").exists()
    judged(capsys, *ask, "--strict")
    assert ran()[0] == 1


def test_a_program_is_reproduced(capsys):
    Path("program.py").write_text(PROGRAM)
    ask = ("--command", f"{sys.executable} program.py", "--as", "hinge", "--reproduce", "report.py")
    assert judged(capsys, *ask)[0] == 1
    status, _, err = ran()
    assert status == 1 and "AssertionError: value: 1.0, and should be 0.0" in err
    Path("program.py").write_text(PROGRAM.replace("min(E)", "min(E[:y] + E[y + 1:])"))
    assert ran() == (0, "right\n", "")


def test_a_file_or_a_dtype_where_a_function_is_due(capsys):
    for options, says in (
        (["mine.py:right"], "'mine.py:right' is a file; write mine:right"),
        (["./sub/mine.py:right"], "write sub.mine:right"),
        (["mine:right", "--dtype", "float32"], "--dtype float32 is for programs"),
    ):
        assert main(["check", *options, "--as", "hinge"]) == 2
        assert says in capsys.readouterr().err


def test_the_smallest_input_has_a_truth_that_is_finite():
    """The answer is off everywhere, and the truth infinite where a probability is 0."""
    formula, inputs = FORMULAS["binary_cross_entropy"], {"probability": 0.375, "target": 0.625}
    ask = lambda inputs: {"value": 7.0, "gradients": {}}
    assert np.isinf(formula.value(0.0, 1.0))
    found = smallest_input(formula, ask, inputs, "value")
    assert np.isfinite([found["truth"], *found["inputs"].values()]).all()
    assert smallest_input(formula, ask, {"probability": 0.0, "target": 1.0}, "value") == {}


def test_one_candidate_only(capsys):
    for targets in (["torch"], ["mine:right", "mine:over_all"]):
        assert main(["check", *targets, "--as", "hinge", "--reproduce", "report.py"]) == 2
        assert "--reproduce is for one function or program" in capsys.readouterr().err


@pytest.mark.parametrize(
    "x", [np.zeros((0, 3)), np.array([1, 2]), np.array([[0.1, 1e300]]), 0.5, 3, np.float64(1)]
)
def test_literals_are_what_they_stand_for(x):
    found = eval(literal(x))
    assert np.shape(found) == np.shape(x) and np.array_equal(found, x)
    assert np.asarray(found).dtype.kind == np.asarray(x).dtype.kind


def test_every_page_has_a_formula_to_quote():
    for record in FORMULAS.values():
        quoted = reproduce._first_formula(inspect.getmodule(record.value).__doc__)
        assert quoted.startswith("    ") and len(quoted.splitlines()) <= 25


def test_json_of_a_graded_file_is_plain(capsys):
    Path("a.jsonl").write_text('{"id": "hinge/separated", "value": 0}\n')
    assert main(["grade", "a.jsonl", "--json", "r.json", "--junit", "r.xml"]) == 1
    (report,) = json.loads(Path("r.json").read_text())
    assert report["target"] == "answers: a.jsonl" and report["rows"][0]["formula"] == "hinge"
    assert ElementTree.parse("r.xml").getroot()[0].get("failures") == "0"
