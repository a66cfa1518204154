"""The adapters against the released frameworks."""

import inspect

import pytest

from ebm_ref import FORMULAS
from ebm_ref.conformance.report import check
from ebm_ref.conformance.worker import adapters, frameworks

PACKAGES = {"torch": "torch"}


@pytest.mark.parametrize("framework", frameworks())
def test_adapters_are_for_formulas_of_the_catalogue(framework):
    module = adapters(framework)
    assert set(module.ADAPTERS) <= set(FORMULAS)
    for name, functions in module.ADAPTERS.items():
        names = [f.__name__ for f in functions]
        assert len(names) == len(set(names))
        known = {hypothesis for formula, _, hypothesis in module.KNOWN if formula == name}
        assert known <= {variant.name for variant in FORMULAS[name].variants}
        for f in functions:
            assert len(inspect.signature(f).parameters) == 2 + len(FORMULAS[name].shapes)


@pytest.fixture(scope="module")
def torch_report():
    pytest.importorskip("torch", reason="PyTorch is not installed: scripts/test frameworks")
    return check("torch")


def row(report, formula, function, dtype="float64"):
    return next(r for r in report.rows if (r.formula, r.function, r.dtype) == (formula, function, dtype))


def test_torch_agrees_or_deviates_as_known(torch_report):
    assert torch_report.status == 0
    assert {r.verdict for r in torch_report.rows} <= {
        "match",
        "match under convention",
        "imprecise",
        "known quirk",
    }
    assert {r.formula for r in torch_report.rows} == set(adapters("torch").ADAPTERS)
    assert set(torch_report.missing) == set(FORMULAS) - set(adapters("torch").ADAPTERS)


def test_torch_soft_margin_loss_overflows(torch_report):
    for dtype in ("float32", "float64"):
        found = row(torch_report, "log", "soft_margin_loss", dtype)
        assert found.verdict == "known quirk" and found.diagnosis == ["the exponential overflows"]
    assert found.smallest["answer"] == float("inf") and found.smallest["truth"] > 700


def test_torch_softplus_is_linear_beyond_its_threshold(torch_report):
    found = row(torch_report, "log", "softplus")
    assert found.verdict == "match under convention" and found.diagnosis == [
        "linear beyond a threshold of 20"
    ]


def test_torch_cross_entropy_loses_digits_but_not_more(torch_report):
    assert row(torch_report, "nll", "cross_entropy").verdict == "imprecise"
    assert row(torch_report, "nll", "cross_entropy").lost_digits > 10


def test_torch_multi_margin_is_a_mean_over_answers(torch_report):
    found = row(torch_report, "generalized_hinge", "multi_margin_loss")
    assert found.verdict == "match under convention"
    assert "divided by the number of answers" in found.diagnosis and "half the truth" not in found.diagnosis
