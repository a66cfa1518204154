"""Functions of tensors, whose gradients PyTorch and JAX take, judged in both precisions."""

from pathlib import Path

import numpy as np
import pytest

from ebm_ref.cli.main import main
from ebm_ref.conformance import differentiated, process
from ebm_ref.conformance.report import report_on
from ebm_ref.conformance.testing import InProcess, assert_conforms
from ebm_ref.proof import golden


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Few vectors of few shapes, so that little is compiled."""
    load = golden.load
    size = lambda v: np.size(v["inputs"].get("energies", [0, 1]))
    monkeypatch.setattr(golden, "load", lambda name: [v for v in load(name) if size(v) == 2][:20])


def judged(function, name, framework):
    """Status and rows by dtype of a function in this process."""
    pytest.importorskip(framework)
    candidate = InProcess(function, framework)
    report = report_on(candidate, [(name, candidate.name, dtype) for dtype in candidate.dtypes])
    return report.status, {row.dtype: row for row in report.rows}


def of_torch(E, y, beta):
    import torch

    return torch.nn.functional.cross_entropy(-beta * E[None], torch.tensor([y])) / beta


def of_jax(E, y, beta):
    import jax

    return E[y] + jax.nn.logsumexp(-beta * E) / beta


@pytest.mark.parametrize("function, framework", [(of_torch, "torch"), (of_jax, "jax")])
def test_a_right_function_and_its_gradient(function, framework):
    status, rows = judged(function, "nll", framework)
    assert status == 0 and set(rows) == {"float32", "float64"}
    for dtype, row in rows.items():
        assert row.verdict in ("match", "imprecise") and row.accepted == (
            [] if dtype == "float32" else row.accepted
        )
        assert {j.output for j in row.judgements} == {"value", "energies"}


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_the_command(framework, tmp_path, monkeypatch, capsys):
    pytest.importorskip(framework)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(process, "QUESTION_SECONDS", 60.0)
    Path("mine.py").write_text("def energy(E, y): return 1.0 * E[y]\n")
    assert main(["check", "mine:energy", f"--{framework}", "--time-limit", "600"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"mine:energy --{framework}, numpy")
    assert lines[2].split() == ["formula", "function", "float32", "float64"]
    assert lines[3].split()[:3] == ["energy", "energy", "match"]


def detached(E, y, beta):
    return of_torch(E.detach(), y, beta)


def detached_in_part(E, y, beta):
    import torch

    return E[y] + torch.logsumexp(-beta * E.detach(), 0) / beta


def number(E, y, beta):
    return of_torch(E, y, beta).item()


def stopped(E, y, beta):
    import jax

    return of_jax(jax.lax.stop_gradient(E), y, beta)


@pytest.mark.parametrize(
    "function, framework",
    [(detached, "torch"), (detached_in_part, "torch"), (number, "torch"), (stopped, "jax")],
)
def test_a_gradient_that_does_not_flow_is_wrong(function, framework):
    """As a user would see in training; the value is right."""
    status, rows = judged(function, "nll", framework)
    assert status == 1
    for row in rows.values():
        wrong = {j.output for j in row.finite if j.verdict == "mismatch"}
        assert row.verdict == "mismatch" and wrong == {"energies"}


def test_no_gradient_where_the_loss_is_constant():
    def hinge(E, y, m):
        import torch

        loss = m + E[y] - torch.cat([E[:y], E[y + 1 :]]).min(0).values
        return loss if loss > 0 else torch.tensor(0.0)

    assert judged(hinge, "hinge", "torch")[0] == 0


def test_of_a_vector_valued_formula_the_value_alone_is_judged():
    status, rows = judged(lambda x, c, P: -(P + P.T) @ (x - c) / 2, "quadratic_score", "torch")
    assert status == 0 and {j.output for j in rows["float64"].judgements} == {"value"}


def test_what_cannot_be_compiled_is_run():
    """A branch on a value, which a compiler does not know."""

    def branches(E, y, beta):
        return E[y] if E[y] > 1e300 else of_jax(E, int(y), beta)

    pytest.importorskip("jax")
    assert_conforms(branches, "nll", framework="jax")


def test_many_values_are_no_scalar():
    status, rows = judged(lambda E, y, beta: -beta * E, "nll", "torch")
    assert status == 1 and {row.verdict for row in rows.values()} == {"error"}


def test_in_a_test_suite():
    torch = pytest.importorskip("torch")
    right = lambda E, y, beta: E[y] + torch.logsumexp(-beta * E, 0) / beta
    assert_conforms(right, "nll", framework="torch")
    with pytest.raises(AssertionError, match="gradient by energies"):
        assert_conforms(lambda E, y, beta: right(E.detach(), y, beta), "nll", framework="torch")


@pytest.mark.parametrize(
    "args, says",
    [
        (["torch", "--torch"], "--torch is for functions: say module:function"),
        (["--command", "./x", "--torch"], "--torch is for functions"),
        (["m:f", "--torch", "--jax"], "not allowed with argument"),
    ],
)
def test_bad_usage(args, says, capsys):
    try:
        status = main(["check", *args, "--as", "hinge"])
    except SystemExit as stop:
        status = stop.code
    assert status == 2 and says in capsys.readouterr().err


def test_every_framework_is_an_option():
    from ebm_ref.cli.main import parser

    for framework in differentiated.BY:
        assert parser().parse_args(["check", "m:f", f"--{framework}"]).framework == framework
