"""The judge inside a test suite: in process, and from an installed wheel."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.conformance.testing import assert_conforms, vectors
from ebm_ref.losses.hinge import hinge, hinge_gradient
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import is_finite

ROOT = Path(__file__).parents[1]

SUITE = """\
import pytest
from ebm_ref.conformance.testing import assert_conforms, vectors
from mymodule import my_hinge


def test_hinge():
    assert_conforms(my_hinge, "hinge")


@pytest.mark.parametrize("vector", vectors("hinge"), ids=str)
def test_hinge_at(vector):
    assert_conforms(my_hinge, vector)
"""


def over_all(E, y, m):
    return max(0.0, m + E[y] - min(E))


def test_the_right_function_passes():
    assert_conforms(hinge, "hinge")
    assert_conforms(
        lambda *inputs: (hinge(*inputs), {"energies": hinge_gradient(*inputs)}), "hinge", strict=True
    )
    for vector in vectors("hinge"):
        assert_conforms(hinge, vector)


def test_the_message_is_the_judges_report():
    with pytest.raises(AssertionError) as failed:
        assert_conforms(over_all, "hinge")
    text = str(failed.value)
    assert "it computes: minimum taken over y too" in text and "smallest input: energies [1, 0]" in text
    assert text.startswith("test_testing:over_all, numpy") and max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


def fails(function, vector):
    try:
        assert_conforms(function, vector)
    except AssertionError as problem:
        return str(problem)
    return ""


def test_one_vector_says_what_is_wrong_with_it():
    asked = [v for v in vectors("hinge") if "/random-" in str(v)]
    told = {str(v): fails(over_all, v) for v in asked}
    wrong = {str(v) for v in asked if over_all(*v["inputs"].values()) > 1e-9 + hinge(*v["inputs"].values())}
    assert {name for name, text in told.items() if text} == wrong and 2 <= len(wrong) < len(asked)
    for name in wrong:
        assert told[name].startswith(f"{name}, float64: mismatch\nvalue is ")
        assert "and should be " in told[name] and "inputs: energies [" in told[name]


def test_a_wrong_gradient_of_one_vector():
    twice = lambda *inputs: (hinge(*inputs), {"energies": 2.0 * hinge_gradient(*inputs)})
    vector = next(v for v in vectors("hinge") if v["value"] > 0.0)
    with pytest.raises(AssertionError, match="gradient by energies is"):
        assert_conforms(twice, vector)


def test_vectors_are_those_that_count():
    assert [v["id"] for v in vectors("nll")] == [v["id"] for v in golden.load("nll") if is_finite(v)]
    assert all(str(v) == v["id"] for v in vectors("nll"))


def test_what_a_function_raises_is_in_the_message():
    def broken(E, y, m):
        raise LookupError("no idea")

    for what in ("hinge", vectors("hinge")[0]):
        with pytest.raises(AssertionError, match="LookupError: no idea"):
            assert_conforms(broken, what)


@pytest.mark.parametrize("what", ["hinge", 0])
def test_an_interrupt_is_nobodys_answer(what):
    def interrupted(E, y, m):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assert_conforms(interrupted, what or vectors("hinge")[0])


def test_warnings_are_nobodys_answer():
    def warns(E, y, m):
        warnings.warn("careful", stacklevel=1)
        return hinge(E, y, m) + 0.0 * np.log(np.zeros(1))[0].clip(0.0)

    assert_conforms(warns, "hinge")


def test_what_a_function_does_to_its_arguments_is_its_own_affair():
    def modifies(E, y, m):
        found = hinge(E, y, m)
        E[:] = 0.0
        return found

    for vector in vectors("hinge"):
        before = vector["inputs"]["energies"].copy()
        assert_conforms(modifies, vector)
        assert np.array_equal(vector["inputs"]["energies"], before)


def test_a_convention_passes_unless_strictly():
    convention = next(v for v in FORMULAS["gaussian_nll"].variants if v.kind == "convention")
    assert_conforms(convention.value, "gaussian_nll")
    with pytest.raises(AssertionError, match="convention"):
        assert_conforms(convention.value, "gaussian_nll", strict=True)


def test_of_one_vector_it_is_said_who_knows_a_convention():
    convention = next(v for v in FORMULAS["gaussian_nll"].variants if v.kind == "convention")
    told = [fails(convention.value, vector) for vector in vectors("gaussian_nll")[:1]]
    assert "all vectors together: assert_conforms(..., 'gaussian_nll')" in told[0]
    assert not any(v.kind == "convention" for v in FORMULAS["square_square"].variants)
    assert "convention" not in fails(over_all, vectors("square_square")[0])


@pytest.mark.parametrize(
    "what, framework, says",
    [
        ("hinje", "", "did you mean hinge"),
        ("nosuch", "", "as `ebm-ref list` shows"),
        ("hinge", "pytorch", "framework = 'pytorch': must be '', 'torch' or 'jax'"),
    ],
)
def test_bad_usage(what, framework, says):
    with pytest.raises(ValueError, match=says):
        assert_conforms(hinge, what, framework=framework)
    with pytest.raises(ValueError, match="name = 'hinje'"):
        vectors("hinje")


def test_from_an_installed_wheel(installed, tmp_path):
    """Whatever the tests need is in the package: vectors, and the report's words."""
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "test_mine.py").write_text(SUITE)
    (suite / "mymodule.py").write_text("def my_hinge(E, y, m):\n    return max(0.0, m + E[y] - min(E))\n")
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", suite]
    done = subprocess.run(
        run, capture_output=True, text=True, cwd=suite, env=os.environ | {"PYTHONPATH": f"{installed}"}
    )
    wrong = sum(bool(fails(over_all, v)) for v in vectors("hinge"))
    assert f"{wrong + 1} failed, {len(vectors('hinge')) - wrong} passed" in done.stdout, done.stdout
    assert "it computes: minimum taken over y too" in done.stdout
    assert "test_hinge_at[hinge/separated]" in done.stdout
