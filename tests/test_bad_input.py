"""Bad input: a ValueError that names the argument, its value and the rule."""

import inspect

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.losses.conditions import condition_3, resting_gap
from ebm_ref.losses.hinge import hinge
from ebm_ref.losses.offending_outside import most_offending_outside
from ebm_ref.proof.evidence import samples
from ebm_ref.proof.golden import is_legal

LOSSES = [n for n, f in FORMULAS.items() if tuple(f.shapes)[:2] == ("energies", "label")]
TWO = np.array([1.0, 2.0])


def test_lvq2_ratio_needs_a_positive_offender():
    for E_o in (0.0, -1.0):
        with pytest.raises(
            ValueError, match=r"energies = \[.*must have E_o > 0: the loss is a ratio of energies$"
        ):
            FORMULAS["lvq2_ratio"].value(np.array([1.0, E_o]), 0)
    assert FORMULAS["lvq2_ratio"].value(np.array([-1.0, 2.0]), 0) == 0.0  # only E_o must be positive


@pytest.mark.parametrize("name", ["square_square", "square_exponential"])
def test_square_losses_accept_any_sign(name):
    assert np.isfinite(FORMULAS[name].value(np.array([-3.0, -2.0]), 0))


@pytest.mark.parametrize(
    "inputs, says",
    [
        ({"energies": 1.0, "label": 0}, "energies = 1.: has shape (), but must end in the axes (k)"),
        (
            {"energies": TWO, "label": 0, "costs": np.ones(3)},
            "costs = [1. 1. 1.]: has k = 3, but energies has k = 2",
        ),
        ({"energies": np.ones((2, 2)), "label": [0, 1, 0]}, "do not broadcast: energies (2,), label (3,)"),
    ],
)
def test_shapes(inputs, says):
    with pytest.raises(ValueError) as problem:
        FORMULAS["generalized_hinge"](**inputs)
    assert says in str(problem.value)


def test_axes_are_named_in_order():
    with pytest.raises(ValueError, match=r"weights = .*has shape \(2,\), but must end in the axes \(k, n\)$"):
        FORMULAS["softmax"](TWO, TWO, 0)


def test_an_index_stays_an_integer():
    assert FORMULAS["most_offending"]([[3.0, 1.0], [0.0, 2.0]], 0).dtype.kind == "i"
    assert FORMULAS["hinge"]([[3, 1], [0, 2]], 0).dtype == np.float64


def test_arguments_are_those_of_the_formula():
    with pytest.raises(TypeError, match="margn"):
        FORMULAS["hinge"](TWO, 0, margn=1.0)
    with pytest.raises(TypeError, match="label"):
        FORMULAS["hinge"](TWO)
    with pytest.raises(ValueError, match=r"argument = 'margin': must have a gradient; known: energies$"):
        FORMULAS["hinge"].gradient("margin", TWO, 0)
    with pytest.raises(ValueError, match=r"must have a gradient; known: centers, features$"):
        FORMULAS["rbf_output"].gradient("label", np.ones((2, 1)), np.ones(1), 0)
    with pytest.raises(ValueError, match=r"must have a gradient; known: none$"):
        FORMULAS["most_offending"].gradient("energies", TWO, 0)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_gradient_has_the_defaults_of_its_value(name):
    f = FORMULAS[name]
    for gradient in f.gradients.values():
        assert str(inspect.signature(gradient)) == str(inspect.signature(f.value))


@pytest.mark.parametrize("name", FORMULAS)
def test_an_omitted_default_is_the_default(name):
    """By behaviour, not by signature: the value and the gradients without it are those with it."""
    f = FORMULAS[name]
    parameters = inspect.signature(f.value).parameters
    defaults = {a: p.default for a, p in parameters.items() if p.default is not p.empty}
    legal = [inputs for inputs in samples(name, 40)[0] if is_legal(f, inputs | defaults)]
    assert legal
    for inputs in legal:
        given = {a: x for a, x in inputs.items() if a not in defaults}
        for function in (f.value, *f.gradients.values()):
            assert np.array_equal(function(**given), function(**given, **defaults))


def test_defaults_are_one_and_delta_one_half():
    defaults = {
        p.name: p.default
        for f in FORMULAS.values()
        if "energies" in f.shapes
        for p in inspect.signature(f.value).parameters.values()
        if p.default is not p.empty
    }
    assert defaults == dict.fromkeys(["beta", "margin", "cap", "gamma", "costs"], 1.0) | {"delta": 0.5}


def test_defaults_stay_the_functions_own():
    assert FORMULAS["generalized_hinge"](TWO, 0) == 0.0  # one cost of 1.0 for all
    assert FORMULAS["generalized_hinge"]([TWO, TWO[::-1]], 0).tolist() == [0.0, 2.0]
    assert FORMULAS["lvq2_ratio"]([1.2, 1.0], 0) == pytest.approx(0.4, rel=1e-15)


def test_ball():
    answers = np.array([[0.0], [1.0]])
    with pytest.raises(ValueError, match=r"radius = -1.0: must be >= 0"):
        most_offending_outside(TWO, answers, np.zeros(1), -1.0)
    with pytest.raises(ValueError, match=r"radius = 5.0: must leave an answer outside the ball"):
        most_offending_outside(TWO, answers, np.zeros(1), 5.0)
    assert most_offending_outside(TWO, answers, np.zeros(1), 0.0) == 1  # one answer outside is enough


def test_condition_3_needs_both_sides():
    with pytest.raises(ValueError, match=r"region = <function.*E_C \+ 5"):
        condition_3(hinge, lambda E_C, E_I: True, margin=5.0)
    with pytest.raises(ValueError, match=r"region = <function.*>= E_I"):
        condition_3(hinge, lambda E_C, E_I: E_C + 1.0 < E_I, margin=1.0)


def test_descent_that_does_not_rest_says_so():
    spinning = lambda E, y: np.array([np.cos(9e3 * E[0]), np.sin(9e3 * E[1] + 1.0)])
    with pytest.raises(RuntimeError, match="did not come to rest"):
        resting_gap(spinning)
