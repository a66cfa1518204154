"""The hunt for lost digits finds what is there to be found."""

import numpy as np
import pytest
from conftest import script

from ebm_ref import FORMULAS

pytest.importorskip("mpmath", reason="the truth is computed on the tape")
pytest.importorskip("gmpy2", reason="the truth is computed on the tape")

hunt = script("hunt_digits")


def test_a_page_that_loses_digits_is_caught(tampered):
    tampered("soft_margin", value=lambda score, sign: np.log(1.0 + np.exp(-sign * score)))
    _, worst, _, violations, _ = hunt.hunt("soft_margin", 50, 1)
    assert violations and max(worst.values()) > 1e3


def test_a_gradient_that_loses_digits_in_large_sums_is_caught(tampered):
    f = FORMULAS["nll"]
    wrong = lambda energies, label, beta: f.gradients["energies"](energies, label, beta) * (1 + 1e-13)
    tampered("nll", gradients={"energies": wrong})
    inputs = FORMULAS["nll"].bind(**hunt.grown("nll", 2000, np.random.default_rng(1)))
    assert max(units for units, *_ in hunt.judge("nll", inputs, long=True)) > 4


def test_pages_without_fault_pass():
    _, worst, counts, violations, _ = hunt.hunt("hinge", 5, 1)
    assert not violations and max(worst.values()) <= 4
    assert {"own", "hostile", "17", "240", "2000"} <= set(counts) and "too slow" not in counts


@pytest.mark.parametrize("name", [*hunt.AXIS, *hunt.LONG])
def test_large_samples_are_legal_and_large(name):
    size, kind, inputs = next(hunt.large_samples(name, np.random.default_rng(1)))
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
    seen = dict(hunt.hostile_samples("mixture", draw, np.random.default_rng(1), each=1))
    asked = {f"{kind} {a}" for kind in hunt.KINDS for a in f.shapes} - {f"singular {a}" for a in f.shapes}
    assert {"all tied", "least weights", "extreme point", "300 orders variances"} <= set(seen)
    assert len(asked - set(seen)) <= 8  # a centers table that is square or not, one component or two
    assert all(np.all(np.isfinite(x)) for inputs in seen.values() for x in inputs.values())
    assert all(np.ptp(x) == 0.0 for x in seen["all tied"].values())
