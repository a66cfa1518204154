"""The museum: every exhibit is exposed by its vector, named by the judge, and can be read on 80 columns."""

import json
import random
from types import SimpleNamespace

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.cli import main, museum
from ebm_ref.conformance.compare import judge, worst
from ebm_ref.conformance.diagnose import diagnose
from ebm_ref.proof import golden

EXHIBITS = museum.exhibits()
ON_RECORD = [e for e in EXHIBITS if e.formula]
QUIET = pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value", "ignore:divide by zero")


def run(capsys, *args):
    status = main.main(["museum", *args])
    return status, capsys.readouterr().out


def test_nothing_is_left_out():
    shown = [(e.formula, e.variant.name) for e in ON_RECORD]
    assert sorted(shown) == sorted((n, v.name) for n, f in FORMULAS.items() for v in f.variants)
    assert len(set(shown)) == len(shown)
    assert {"samplers.hmc", "samplers.gibbs", "learning.expected_cd"} <= {
        e.page for e in EXHIBITS if not e.formula
    }


@pytest.mark.parametrize("name", sorted({e.formula for e in ON_RECORD}))
@QUIET
def test_each_vector_exposes_its_exhibit(name):
    vectors = {v["id"]: v for v in golden.load(name)}
    for e in ON_RECORD:
        if e.formula == name:
            assert museum.exposure(e.variant, vectors[e.vector]) > 1.0, e.variant.name


def candidate(exhibit):
    """A stranger who makes the mistake: its value, and its gradients where it has any."""
    formula, v = FORMULAS[exhibit.formula], exhibit.variant

    def answer(inputs):
        value = np.asarray((v.value or formula.value)(*inputs.values()), float)
        gradients = {a: np.asarray(g(*inputs.values()), float) for a, g in v.gradients.items()}
        return {"value": value, "gradients": gradients}

    return answer


def judged(exhibit):
    """The judgements of such a stranger on all vectors; one on which it raises is an error."""
    answer = candidate(exhibit)
    for vector in golden.load(exhibit.formula):
        try:
            yield from judge(vector, answer(vector["inputs"]), "float64")
        except Exception as problem:
            yield from judge(vector, {"error": f"{problem!r}"}, "float64")


SOME = random.Random(0).sample(sorted(FORMULAS), len(FORMULAS) // 8)  # all, by output: test_conformance.py


@QUIET
@pytest.mark.parametrize("name", [n for n in SOME if FORMULAS[n].variants])
def test_the_judge_names_who_makes_it(name):
    """By its own name, or together with others that no vector tells apart; losing digits is no mismatch."""
    for e in ON_RECORD:
        if e.formula == name:
            judgements = list(judged(e))
            if worst([j for j in judgements if j.finite and j.verdict != "error"]) == "mismatch":
                found = diagnose(FORMULAS[name], judgements, "float64")
                assert found, e.variant.name
                for output, named in found.items():
                    assert e.variant.name in [h.name for h in named], (e.variant.name, output)


def test_it_can_be_read(capsys):
    status, text = run(capsys, "ctc", "losses.hinge", "samplers.hmc")
    assert status == 0
    for e in EXHIBITS:
        if e.page in ("losses.hinge", "samplers.hmc") or e.formula == "ctc":
            assert f"  {e.variant.kind}: {e.variant.name}\n" in text
            assert e.vector in text
    assert "seen in: PyTorch CTCLoss, github.com/pytorch/pytorch/issues/52241" in text
    assert "torch, ctc_loss: known, github.com/pytorch/pytorch/issues/52241" in text
    assert (
        text.index("ctc (criteria.ctc)") < text.index("hinge (losses.hinge)") < text.index("samplers.hmc\n")
    )
    assert "Not on show" not in text


def test_all_of_it_fits_80_columns(capsys):
    status, text = run(capsys)
    assert status == 0 and "Not on show:" in text
    kinds = [e.variant.kind for e in EXHIBITS]
    count = f"{kinds.count('mistake')} mistakes and {kinds.count('convention')} conventions on"
    assert count in text
    for line in text.splitlines():  # an address or an id is one word
        assert len(line) < 80 or len(line.split()) == 1, line
    for what in museum.NOT_ON_SHOW:
        assert f"  {what}: " in text


def test_a_formula_of_a_page_of_several(capsys):
    _, text = run(capsys, "rbm_free_energy")
    assert "rbm_free_energy (energies.rbm)" in text and "\nrbm (energies.rbm)" not in text
    _, text = run(capsys, "energies.rbm")
    assert "rbm_free_energy (energies.rbm)" in text and "\nrbm (energies.rbm)" in text


def test_as_data(capsys, tmp_path):
    file = tmp_path / "museum.json"
    assert run(capsys, "hinge", "--json", str(file))[0] == 0
    data = json.loads(file.read_text())
    names = [e["name"] for e in data["exhibits"]]
    assert names == [v.name for v in FORMULAS["hinge"].variants]
    first = data["exhibits"][0]
    assert first["kind"] == "mistake" and first["exposed_by"] == "hinge/far-apart" and first["known"] == []
    assert set(data["not_on_show"]) == set(museum.NOT_ON_SHOW)


def test_an_unknown_name(capsys):
    assert main.main(["museum", "hinge", "hing"]) == 2
    assert "did you mean" in capsys.readouterr().err


def asked_of(answer, formula="hinge", name="minimum taken over y too", ended=""):
    """The state of an exhibit where an installed framework answers so."""
    exhibit = next(e for e in ON_RECORD if (e.formula, e.variant.name) == (formula, name))
    said = lambda formula, function, inputs, dtype: answer(exhibit, inputs)
    return museum.state(SimpleNamespace(ended=ended, version="it 1.0", ask=said), exhibit, "f")


def of_variant(exhibit, inputs):
    return candidate(exhibit)(inputs)


def of_page(exhibit, inputs):
    f = FORMULAS[exhibit.formula]
    return {"value": f.value(**inputs), "gradients": {a: g(**inputs) for a, g in f.gradients.items()}}


def test_what_an_installed_framework_makes_of_it():
    assert asked_of(of_variant) == "still so (it 1.0)"
    assert asked_of(of_page) == "no longer so (it 1.0)"
    other = lambda e, inputs: {"value": np.asarray(17.0), "gradients": {}}
    assert asked_of(other) == "off there, by another amount (it 1.0)"
    assert asked_of(lambda *_: {"error": "no answer within 5 s"}).startswith("no answer, no answer within")
    assert asked_of(None, ended="cannot be loaded: No module named 'it'") == "not installed"
    assert asked_of(None, ended="while loading: killed") == "while loading: killed"


def test_a_mistake_of_the_gradient_alone():
    """The value is right, so it must be the gradient that tells the two apart."""
    of = {"formula": "ctc", "name": "gradient by the logits"}
    assert asked_of(of_variant, **of) == "still so (it 1.0)"
    assert asked_of(of_page, **of) == "no longer so (it 1.0)"


def test_installed_or_not(capsys):
    """Where scikit-learn is installed it is asked; else the museum says that it is not."""
    status, text = run(capsys, "margin_ranking", "--installed")
    assert status == 0 and "sklearn, hinge_loss: known" not in text
    assert "sklearn, hinge_loss: still so (" in text or "sklearn, hinge_loss: not installed" in text


def test_where_nothing_installed_has_it_the_museum_says_so(capsys, monkeypatch):
    says = "nothing that is installed has any of these functions"
    monkeypatch.setattr(museum, "state", lambda candidate, exhibit, function: museum.NOT_INSTALLED)
    assert says in run(capsys, "margin_ranking", "--installed")[1]
    assert says not in run(capsys, "margin_ranking")[1]
    monkeypatch.setattr(museum, "state", lambda candidate, exhibit, function: "still so (it 1.0)")
    assert says not in run(capsys, "margin_ranking", "--installed")[1]
