"""Exercises, end to end: the file, what is right in it, the names of mistakes; from an installed wheel."""

import ast
import doctest
import inspect
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.cli.exercise import COURSE, exercise, functions_of
from ebm_ref.cli.main import main
from ebm_ref.conformance import process
from ebm_ref.conformance.contract import contract
from ebm_ref.conformance.solution import written
from ebm_ref.conformance.testing import InProcess

ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)

    def run(*args):
        try:
            status = main(["exercise", *args])
        except SystemExit as stop:  # argparse
            status = stop.code
        out, err = capsys.readouterr()
        return status, out, err

    return run


def narrow(text):
    return [line for line in text.splitlines() if len(line) > 80] == [] and "\x1b" not in text


def filled(name, calls):
    """An exercise whose bodies call {output: something of the page}; those without are left as they are."""
    page = inspect.getmodule(FORMULAS[name].value)
    text = exercise(name).replace(
        "import numpy as np", f"import numpy as np\nimport {page.__name__} as page", 1
    )
    arguments = ", ".join(FORMULAS[name].shapes)
    for output, function in functions_of(FORMULAS[name]).items():
        if output in calls:
            before, _, after = text.partition(f"def {function}(")
            body = f"return page.{calls[output]}({arguments})"
            text = f"{before}def {function}(" + after.replace("raise NotImplementedError", body, 1)
    return text


def by_the_page(name):
    """The page's own value and gradients."""
    return functions_of(FORMULAS[name])


def by_the_first_mistake(name):
    """The first mistake with its gradients; one of gradients alone stands beside the page's value."""
    record, page = FORMULAS[name], vars(inspect.getmodule(FORMULAS[name].value))
    held_as = next(variable for variable, held in page.items() if held is record)
    i, mistake = next((i, v) for i, v in enumerate(record.variants) if v.kind == "mistake")
    calls = {a: f"{held_as}.variants[{i}].gradients[{a!r}]" for a in mistake.gradients}
    value = record.value.__name__ if mistake.value is None else f"{held_as}.variants[{i}].value"
    return mistake, {"value": value} | calls


def graded(run, name, text):
    Path("mine.py").write_text(text)
    return run(name, "--grade", "mine.py")


# the course, and the files


def test_the_course(run):
    """Twelve, a line each, every one with a mistake that can be made in it."""
    status, out, _ = run("--list")
    assert status == 0 and narrow(out) and run()[1] == out
    assert [line.split()[1] for line in out.splitlines()[1:13]] == [*COURSE]
    assert all(teaches in out for teaches in COURSE.values()) and len(set(COURSE.values())) == 12
    assert all(any(v.kind == "mistake" for v in FORMULAS[name].variants) for name in COURSE)


@pytest.mark.parametrize("name", FORMULAS)
def test_an_exercise_is_the_page_without_bodies(name):
    """It can be run, says what the page says, and holds no line of what is to be written."""
    text, record = exercise(name), FORMULAS[name]
    tree, module = ast.parse(text), {}
    exec(compile(text, name, "exec"), module)
    assert module["__doc__"] == inspect.getmodule(record.value).__doc__
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [f.name for f in functions] == list(functions_of(record).values())
    for function, page in zip(functions, (record.value, *record.gradients.values()), strict=True):
        mine = module[function.name]
        assert inspect.getdoc(mine) == inspect.getdoc(page)
        assert inspect.signature(mine) == inspect.signature(page)
        assert len(function.body) == 2
        with pytest.raises(NotImplementedError):
            mine(*record.cases[0].inputs.values())
    others = [node for node in tree.body[1:] if not isinstance(node, ast.FunctionDef)]
    assert all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in others)
    modules = [getattr(node, "module", None) or node.names[0].name for node in others]
    assert modules in (["numpy"], ["numpy", "ebm_ref.numerics"])
    assert written(text, name).isdisjoint(functions_of(record).values())


def test_stable_functions_are_offered_where_the_page_sums_exponentials():
    offers = {name: "ebm_ref.numerics" in exercise(name) for name in COURSE}
    assert {name for name in offers if offers[name]} == {"free_energy", "nll", "label_smoothing"}
    assert "import logsumexp\n" in exercise("nll") and "import softmax\n" in exercise("label_smoothing")


@pytest.mark.parametrize("name", COURSE)
def test_examples_in_the_docstrings_of_the_right_solution_hold(name):
    module = {"__name__": name}
    exec(filled(name, by_the_page(name)), module)
    value = module[functions_of(FORMULAS[name])["value"]]
    (test,) = doctest.DocTestFinder().find(value, name, globs=module)
    assert test.examples and doctest.DocTestRunner(verbose=False).run(test).failed == 0


def test_a_file_is_overwritten_by_force_only(run):
    status, out, _ = run("hinge")
    file = Path("hinge.py")
    assert status == 0 and narrow(out) and file.read_text() == exercise("hinge")
    assert "hinge_gradient" in out and "ebm-ref exercise hinge --grade hinge.py" in out
    assert out.splitlines()[-1].strip() in exercise("hinge")
    assert all(narrow(run(name)[1]) for name in COURSE if name != "hinge")
    file.write_text("my work")
    status, _, err = run("hinge")
    assert status == 2 and "hinge.py is there already" in err and file.read_text() == "my work"
    assert run("hinge", "--force")[0] == 0 and file.read_text() == exercise("hinge")


def test_as_it_is_written_there_is_nothing_to_grade(run):
    run("hinge")
    status, out, _ = run("hinge", "--grade", "hinge.py")
    assert status == 1 and out == "not written yet: hinge, which comes first\n"


# grades


@pytest.mark.parametrize("name", COURSE)
def test_the_pages_own_solution_passes(run, name):
    status, out, _ = graded(run, name, filled(name, by_the_page(name)))
    assert status == 0 and narrow(out), out
    record = FORMULAS[name]
    assert out.count("20 of 20") == 1 + 2 * len(record.gradients)
    assert " match " in out and "it computes" not in out
    following = [*COURSE, "squared_error"][[*COURSE].index(name) + 1]
    last = out.splitlines()[-1]
    assert last.startswith("Done: all of it is right.") and (following in last) == (name != "ctc")


@pytest.mark.parametrize("name", COURSE)
def test_the_first_mistake_of_the_page_is_named(run, name):
    """With the gradients that it has; where it has none, they are not written yet."""
    mistake, calls = by_the_first_mistake(name)
    status, out, _ = graded(run, name, filled(name, calls))
    words = " ".join(out.split())
    assert status == 1 and narrow(out), out
    assert mistake.name in words.partition("it computes: ")[2], out
    assert "Not yet" in out.splitlines()[-1]


MISTAKES = {  # what a reader may write for hinge: the body of the value, of the gradient, what is said
    "minimum over y too": (
        "return max(0.0, margin + energies[label] - min(energies))",
        None,
        ["it computes: minimum taken over y too", "a value alone", "Not yet."],
    ),
    "a convention": (
        "return max(0.0, margin + energies[label] - min(np.delete(energies, label))) ** 2",
        "from ebm_ref.losses import hinge as page\n"
        "    sample = energies, label, margin\n"
        "    return 2 * page.hinge(*sample) * page.hinge_gradient(*sample)",
        ["match under convention: it computes: violation squared", "fit your value: mend that first"],
    ),
    "right so far": (
        "return max(0.0, margin + energies[label] - min(np.delete(energies, label)))",
        None,
        [" match ", "Right so far; not written yet: hinge_gradient"],
    ),
    "a sign": (
        "return max(0.0, margin + energies[label] - min(np.delete(energies, label)))",
        "from ebm_ref.losses.hinge import hinge_gradient as g; return -g(energies, label, margin)",
        ["it computes: sign lost", "gradient by energies: truth", "Not yet."],
    ),
    "a shape": (
        "return max(0.0, margin + energies[label] - min(np.delete(energies, label)))",
        "return [1.0]",
        ["gradient by energies has shape (1,), not (", "Not yet."],
    ),
    "a gradient that raises": (
        "return max(0.0, margin + energies[label] - min(np.delete(energies, label)))",
        "return 1 / 0",
        ["hinge 20 of 20 hinge_gradient 0 of 20 0 of 20", "ZeroDivisionError", "Not yet."],
    ),
    "an exit": ("raise SystemExit(0)", None, ["SystemExit: 0", "Not yet."]),
    "not implemented, in the end": (
        "m = margin; raise NotImplementedError",
        None,
        ["unsupported", "Not yet."],
    ),
    "something printed, something read": (
        'print("{}"); print("[1]"); margin += len(__import__("sys").stdin.read())\n'
        "    return max(0.0, margin + energies[label] - min(np.delete(energies, label)))",
        None,
        [" match ", "Right so far"],
    ),
}


@pytest.mark.parametrize("value, gradient, says", MISTAKES.values(), ids=MISTAKES)
def test_what_a_reader_may_write(run, value, gradient, says):
    before, of_value, of_gradient = exercise("hinge").split("raise NotImplementedError")
    gradient = gradient or "raise NotImplementedError"
    status, out, _ = graded(run, "hinge", before + value + of_value + gradient + of_gradient)
    assert status == 1 and narrow(out)
    assert all(text in " ".join(out.split()) for text in says), out
    assert "illegal input" not in out  # which docstrings refuse, and exercises do not ask for


def test_what_is_right_but_for_digits_and_infinity_is_done(run):
    """log cosh by log-sum-exp rounds away a small d^2/2, and has NaN where the loss is infinite."""
    value = "def log_cosh(x, t):\n    return x - t + np.logaddexp(0.0, 2.0 * (t - x)) - np.log(2.0)\n"
    slopes = "def {}(x, t):\n    return {}np.tanh(x - t)\n"
    _, x, t = functions_of(FORMULAS["log_cosh"]).values()
    text = f"import numpy as np\n{value}{slopes.format(x, '')}{slopes.format(t, '-')}"
    status, out, _ = graded(run, "log_cosh", text)
    assert status == 0 and narrow(out), out
    assert "Done: all of it is right, but for its last digits, and for NaN and infinity." in out


def test_a_convention_that_differs_far_out_alone_is_not_what_the_page_asks_for(run):
    """At random points softplus is what it is; beyond 20 it is cut to a line, as others document."""
    i = [v.name for v in FORMULAS["soft_margin"].variants].index("linear beyond a threshold of 20")
    status, out, _ = graded(
        run, "soft_margin", filled("soft_margin", {"value": f"FORMULA.variants[{i}].value"})
    )
    assert "20 of 20" in out and "match under convention: it computes: linear beyond" in out
    assert status == 1 and out.splitlines()[-1] == "Not yet."


def test_an_endless_loop_ends(run, monkeypatch):
    monkeypatch.setattr(process, "QUESTION_SECONDS", 0.3)
    status, out, _ = graded(run, "hinge", "def hinge(E, y, m):\n    while True: pass\n")
    assert status == 1 and "no answer within 0.3 s" in out and out.splitlines()[-1] == "Not yet."
    assert out.splitlines()[3].split() == ["hinge", "-"]  # and the contract has not been asked


def test_an_interrupt_leaves_what_is_known(run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ebm_ref.cli.exercise.contract", interrupted)
    status, out, _ = graded(run, "hinge", filled("hinge", by_the_page("hinge")))
    assert status == 130 and " match " in out and "Done" not in out


@pytest.mark.parametrize(
    "name, text, says",
    [
        ("hinge", "def hinge(E, y, m:\n    return 0\n", "mine.py, line 1: "),
        ("hinge", "import nosuch\ndef hinge(E, y, m):\n    return 0\n", "mine.py: cannot be loaded: Module"),
        ("hinge", "raise SystemExit(0)\ndef hinge(): 0\n", "mine.py: cannot be loaded: SystemExit"),
        ("hinje", "", "did you mean hinge"),
        (None, "", "say which exercise it is"),
    ],
)
def test_a_users_mistake_is_two_and_no_traceback(run, name, text, says):
    Path("mine.py").write_text(text)
    status, out, err = run(*[name] * bool(name), "--grade", "mine.py")
    assert status == 2 and says in err and "Traceback" not in out + err


def test_a_file_that_is_not_there(run):
    status, _, err = run("hinge", "--grade", "nowhere.py")
    assert status == 2 and "nowhere.py: No such file" in err


def test_a_file_may_lie_anywhere_and_import_what_lies_beside_it(run):
    """Its path is read as it is written, though it stands in a name."""
    folder = Path("a -- b?c=d&e")
    folder.mkdir()
    (folder / "parts.py").write_text("from ebm_ref.losses.hinge import hinge, hinge_gradient\n")
    (folder / "m:1.py").write_text("from parts import *\nfrom parts import hinge, hinge_gradient\n")
    status, out, _ = run("hinge", "--grade", f"{folder / 'm:1.py'}")
    assert status == 0 and "Done" in out


# the contract


def kept(name, value, gradients):
    both = lambda *sample: (value(*sample), {a: g(*sample) for a, g in gradients.items()})
    found = contract(InProcess(value), InProcess(both), name, gradients)
    return {output: (k.right, k.slope) for output, k in found.items()}


@pytest.mark.parametrize("name", FORMULAS)
def test_pages_keep_the_contract(name):
    record = FORMULAS[name]
    expected = {"value": (20, 0)} | dict.fromkeys(record.gradients, (20, 20))
    assert kept(name, record.value, record.gradients) == expected


def test_a_gradient_is_held_to_the_value_beside_it():
    """Half of both: the slope fits, and neither is the page's; half of one: neither fits."""
    nll = FORMULAS["nll"]
    half = lambda f: lambda *sample: 0.5 * f(*sample)
    gradient = nll.gradients["energies"]
    assert kept("nll", half(nll.value), {"energies": half(gradient)}) == {
        "value": (0, 0),
        "energies": (0, 20),
    }
    assert kept("nll", nll.value, {"energies": half(gradient)}) == {"value": (20, 0), "energies": (0, 0)}
    assert kept("nll", half(nll.value), {"energies": gradient}) == {"value": (0, 0), "energies": (20, 0)}


def test_what_raises_or_has_another_shape_keeps_nothing():
    nll = FORMULAS["nll"]
    fails = lambda *sample: 1 / 0
    assert kept("nll", fails, {})["value"] == (0, 0)
    assert kept("nll", nll.value, {"energies": fails}) == {"value": (20, 0), "energies": (0, 0)}
    assert kept("nll", nll.value, {"energies": lambda *sample: np.float64(1.0)})["energies"] == (0, 0)
    assert kept("nll", lambda *sample: np.ones(2), {})["value"] == (0, 0)


# from a wheel


def test_from_an_installed_wheel(installed, tmp_path):
    """Pages are read as text, so their source is in the package; the solution is run by another process."""
    folder = tmp_path / "folder"
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": f"{installed}", "COLUMNS": "80"}
    command = lambda *args: subprocess.run(
        [installed / "bin" / "ebm-ref", "exercise", *args],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
    )
    assert command("hinge").returncode == 0
    file = folder / "hinge.py"
    assert file.read_text() == exercise("hinge")
    wrong = MISTAKES["minimum over y too"][0]
    file.write_text(file.read_text().replace("raise NotImplementedError", wrong, 1))
    done = command("hinge", "--grade", "hinge.py")
    assert done.returncode == 1 and "it computes: minimum taken over y too" in done.stdout, done
