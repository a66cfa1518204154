"""The hunt for lost digits finds what is there to be found."""

import json

import numpy as np
import pytest
from conftest import script

from ebm_ref import FORMULAS

pytest.importorskip("mpmath", reason="the truth is computed on the tape")
pytest.importorskip("gmpy2", reason="the truth is computed on the tape")

hunt, samples = script("hunt_digits"), script("hunt_samples")


def test_a_page_that_loses_digits_is_caught(tampered):
    tampered("soft_margin", value=lambda score, sign: np.log(1.0 + np.exp(-sign * score)))
    found = hunt.hunt(("soft_margin", "hostile"), 50, 1)
    assert found["violations"] and found["worst"] > 1e3
    assert "soft_margin, hostile, " in hunt.told(found) and "score=" in hunt.told(found)


def test_a_gradient_that_loses_digits_in_large_sums_is_caught(tampered):
    f = FORMULAS["nll"]
    wrong = lambda energies, label, beta: f.gradients["energies"](energies, label, beta) * (1 + 1e-13)
    tampered("nll", gradients={"energies": wrong})
    inputs = FORMULAS["nll"].bind(**samples.grown("nll", 240, np.random.default_rng(1)))
    assert max(units for units, *_ in hunt.judge("nll", inputs, long=True)) > 4


def test_pages_without_fault_pass():
    jobs = hunt.jobs(["hinge"])
    assert jobs == [("hinge", column) for column in ("own", "hostile", "17", "240", "2000")]
    for job in jobs:
        found = hunt.hunt(job, 5, 1, large=1)
        assert not found["violations"] and found["judged"] and not found["too slow"]


def test_what_was_found_is_kept(tmp_path):
    """And not looked for again, unless another number of samples is asked for."""
    asked = {"samples": 3, "large": 2, "seed": 1}
    found = {job: hunt.hunt(job, **asked) for job in hunt.jobs(["squared_error"])}
    file = tmp_path / "found.jsonl"
    file.write_text("".join(f"{json.dumps(entry)}\n" for entry in found.values()))
    assert hunt.kept(file, **asked) == found and not hunt.kept(file, **asked | {"samples": 4})
    assert "squared_error" in hunt.table(["squared_error"], found).splitlines()[1]


def test_a_nan_beyond_the_range_is_counted_by_itself(tampered):
    """And is a fault where the truth is a number."""
    tampered("squared_error", value=lambda prediction, target: np.nan)
    found = hunt.hunt(("squared_error", "own"), 3, 1)
    assert len(found["violations"]) == 3 and not found["NaN for inf"]
    found = hunt.hunt(("squared_error", "hostile"), 3, 1)
    assert found["NaN for inf"] and not any(np.isinf(truth) for _, _, _, truth, *_ in found["violations"])


def test_of_many_components_the_worst_is_differentiated(tampered):
    """Of hundreds, one is off by a little."""
    f = FORMULAS["integral_table"]
    inputs = f.bind(**samples.grown("integral_table", 240, np.random.default_rng(1)))
    off = np.where(np.arange(240) == 123, 1.0 + 1e-12, 1.0)
    tampered(
        "integral_table", value=lambda energies, weights, beta=1.0: f.value(energies, weights, beta) * off
    )
    value, *_ = [entry for entry in hunt.judge("integral_table", inputs, long=True) if entry[1][0] == "value"]
    assert value[0] > 4


def test_every_formula_that_grows_is_asked_at_large_sizes():
    grows = {name for name, f in FORMULAS.items() if {*sum(map(tuple, f.shapes.values()), ())} - {"a"}}
    assert grows == {name for name in FORMULAS if samples.sizes(name)}


@pytest.mark.parametrize("name", [*samples.AXIS, *samples.LONG])
def test_large_samples_are_legal_and_large(name):
    size = samples.sizes(name)[0]
    kind, inputs = next(samples.large_samples(name, size, np.random.default_rng(1)))
    assert kind == "as drawn" and max(np.size(x) for x in inputs.values()) >= size
    assert np.all(np.isfinite(FORMULAS[name].value(**inputs)))


def test_either_side_of_a_corner_is_right(tampered):
    """At a tie that float64 cannot resolve, a value between the sides is no fault; another is."""
    exact = FORMULAS["hinge"].gradients["energies"]
    inputs = {"energies": np.array([0.0, 1.0, 1.0 + 2.0**-52]), "label": 0, "margin": 2.0}
    answer = {"gradient": np.array([1.0, 0.0, -1.0])}
    tampered("hinge", gradients={"energies": lambda energies, label, margin: answer["gradient"]})
    worst = lambda: max(u for u, *_ in hunt.judge("hinge", inputs))
    assert worst() <= 4 and np.array_equal(exact(**inputs), [1.0, -1.0, 0.0])
    answer["gradient"] = np.array([1.0, 0.5, -1.5])
    assert worst() > 4


def test_hostile_samples_are_of_every_kind():
    """Each kind that changes this formula occurs, legal and finite; so do inputs tied throughout."""
    f = FORMULAS["mixture"]
    draw = lambda rng: f.bind(**f.sample(rng))
    seen = dict(samples.hostile_samples("mixture", draw, np.random.default_rng(1), each=1))
    asked = {f"{kind} {a}" for kind in samples.KINDS for a in f.shapes} - {f"singular {a}" for a in f.shapes}
    assert {"all tied", "least weights", "extreme point", "300 orders variances"} <= set(seen)
    assert len(asked - set(seen)) <= 8  # a centers table that is square or not, one component or two
    assert all(np.all(np.isfinite(x)) for inputs in seen.values() for x in inputs.values())
    assert all(np.ptp(x) == 0.0 for x in seen["all tied"].values())
