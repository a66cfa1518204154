"""Kinds of mistakes that no page has to list: what each generator makes, and what it is named."""

import math

import numpy as np
import pytest
from conftest import script

from ebm_ref import FORMULAS
from ebm_ref.conformance.diagnose import Diagnosis
from ebm_ref.conformance.hypotheses import intermediates, places, texts
from ebm_ref.conformance.hypotheses.composed import COMPOSED, inherited
from ebm_ref.conformance.hypotheses.hypothesis import Expression, agrees
from ebm_ref.conformance.hypotheses.intermediates import noting
from ebm_ref.numerics import logsumexp, softmax
from ebm_ref.proof import golden, oracle, programs, tape

judgements = script("measure_naming").judgements


def named(name, function):
    """Without the page's own variants, which stand before all that is generated."""
    diagnosis = Diagnosis(FORMULAS[name], judgements(name, function), "float64")
    diagnosis.variants = [h for h in diagnosis.variants if h.rank > 0]
    return {output: [h.name for h in some] for output, some in diagnosis.named.items()}


def random_vectors(name):
    return [v for v in golden.load(name) if "/random-" in v["id"]]


def value_and(name, **gradients):
    return lambda *x: (FORMULAS[name].value(*x), {a: g(*x) for a, g in gradients.items()})


# ---- what generators make ----


@pytest.mark.parametrize("outer, inner", COMPOSED)
def test_a_composed_formula_is_the_outer_one(outer, inner):
    whole = COMPOSED[outer, inner](FORMULAS[inner].value)
    for v in random_vectors(outer):
        assert whole(*v["inputs"].values()) == pytest.approx(v["value"], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("outer, inner", COMPOSED)
def test_a_composed_formula_inherits_mistakes(outer, inner):
    """Some differ from the truth; they are as many as the inner page's variants that have a value."""
    some = [h for h in inherited(FORMULAS[outer]) if h.name.endswith(f"as a mistake of {inner}")]
    assert len(some) == sum(v.value is not None for v in FORMULAS[inner].variants)
    vector = random_vectors(outer)[1]
    claims = [np.asarray(h.answer(vector, "value", "float64")) for h in some]
    assert any(not np.allclose(c, vector["value"]) for c in claims)


@pytest.mark.parametrize("name", ["nll", "gaussian_mixture_energy", "ctc"])
def test_notes_do_not_change_the_value(name):
    vector = random_vectors(name)[0]
    with tape.digits(40):
        (value, notes), _ = intermediates.run(lambda **given: noting(name, **given), vector)
        assert float(tape.plain(value)) == pytest.approx(vector["value"], rel=1e-15)
    assert len(notes) > 5


def test_notes_are_the_intermediate_results():
    inputs = {"energies": np.array([1.0, 3.0]), "label": 1, "beta": 2.0}
    with tape.digits(40):
        _, _, given = oracle.evaluate(lambda **x: 0, inputs, (), ["energies", "beta"])
        _, notes = noting("nll", **given)
        at = {place: [float(tape.plain(x)) for x in some] for place, some in notes.items()}
    assert at["energies[label]"] == [3.0]
    assert at["sum(weights) in gibbs"] == pytest.approx([np.exp(-2.0) + np.exp(-6.0)], rel=1e-15)


def edited(text):
    """The texts that stand in place of one expression."""
    source = f"def f(a, b, c, p, q, E, y):\n    return {text}\n"
    (function,) = programs.ast.parse(source).body
    return {edit.text for edit in places.edits(function, "f")}


@pytest.mark.parametrize(
    "text, edit",
    [
        ("(a + b) * c", "(a + b) * c -> a + b * c"),
        ("a / (b * c)", "a / (b * c) -> a / b * c"),
        ("a - (b - c)", "a - (b - c) -> a - b - c"),
        ("-(a - b)", "-(a - b) -> -a - b"),
        ("power(1 - p, q)", "power(1 - p, q) -> 1 - power(p, q)"),
        ("log(sum(exp(e) for e in E))", "log(sum((exp(e) for e in E))) -> max([e for e in E])"),
        ("E[y]", "E[y] -> max(E)"),
        ("a * sqrt(b)", "b -> 1"),
        ("a * len(E)", "len(E) -> 1"),
    ],
)
def test_edits_of_one_place(text, edit):
    assert edit in edited(text)


def test_parentheses_that_are_needed_by_nobody_stay():
    assert not any(edit.startswith("a * b * c ->") for edit in edited("a * b * c"))
    assert not any(edit.startswith("y ->") for edit in edited("E[y]")), "an index is read as no other number"


def test_each_place_is_edited_by_itself():
    """The step size stands three times in Langevin's step, and each may be misread alone."""
    roots = [what for what, _, _ in texts.misread("langevin") if what.startswith("sqrt(step_size)")]
    assert len(roots) == 3


def test_wrong_slopes_leave_values():
    vector = random_vectors("multi_layer_perceptron")[0]
    for _, made, _ in texts.sloped("multi_layer_perceptron"):
        sloped = Expression(made())
        assert sloped.answer(vector, "value") == pytest.approx(vector["value"], rel=1e-15)
        truth = vector["gradients"]["features"]
        assert not np.allclose(sloped.answer(vector, "features"), truth)


def test_uses_of_an_entry_are_joined():
    """x0 x1 + 3 x0: the last use of x0 is that in 3 x0."""
    x = tape.number([2.0, 5.0])
    f = x[0] * x[1] + 3 * x[0]
    gradient = lambda join: [float(tape.plain(s)) for s in tape.plain_derivatives(f, x, join)]
    assert gradient(lambda later, earlier: later + earlier) == [8.0, 2.0]
    assert gradient(lambda later, earlier: later) == [3.0, 2.0]
    assert gradient(lambda later, earlier: earlier) == [5.0, 2.0]


def test_differences_of_floats_are_refuted_where_they_are_far_off():
    name = "cross_entropy_of_probabilities"
    special = next(
        v for v in golden.load(name) if "/random-" not in v["id"] and np.any(v["gradients"]["logits"])
    )
    (judgement,) = [j for j in judgements(name, value_and(name, logits=lambda z, t: 0.0 * z)) if
                    j.vector["id"] == special["id"] and j.output == "logits"]  # fmt: skip
    assert not agrees(judgement, special["gradients"]["logits"], "float64", roughly=True)
    assert agrees(judgement, 1e-5 * special["gradients"]["logits"], "float64", roughly=True)


# ---- what is named ----


def log_ordinary_softmax(z):
    return z - logsumexp(z)


VALUES = {  # formula, what a stranger computes, what must be said
    "one argument in one place": (
        "laplace_nll",
        lambda mu, s, t: abs(t - mu) / s + np.log(2.0 * np.sqrt(s)),
        "sqrt(scale) in place of scale",
    ),
    "precedence": (
        "multi_class_focal",
        lambda z, y, gamma: -(1.0 - softmax(z)[y] ** gamma) * log_ordinary_softmax(z)[y],
        "1 - power(",
    ),
    "half an intermediate result": (
        "poisson_nll",
        lambda *x: FORMULAS["poisson_nll"].value(*x) - 0.5 * math.lgamma(x[1] + 1.0),
        "1/2 of (loggamma(target + 1)) missing",
    ),
    "the largest of an intermediate result": (
        "softmax",
        lambda W, x, y: np.log(np.sum(np.exp(W @ x - np.max(W @ x)))) - W[y] @ x,
        "the largest (sum(p q) in dot) missing",
    ),
    "an entry without its temperature": (
        "info_nce",
        lambda s, y, temperature: logsumexp(s / temperature) - s[y],
        "(1 - 1/temperature) times similarities[positive] missing",
    ),
    "hard for soft": (
        "rings_score",
        lambda x, r, v: (lambda d: -2.0 * x * d[np.argmin(np.abs(d))] / v)(x @ x - r**2),
        "hard for soft",
    ),
    "a mistake of an inner page": (
        "nll",
        lambda E, y, beta: E[y] + logsumexp(-beta * E),
        "1/beta forgotten, as a mistake of free_energy",
    ),
    "the most probable answer": (
        "mee",
        lambda E, y, beta: 1.0 - np.max(softmax(-beta * E)),
        "max(gibbs(energies, beta)) in place of",
    ),
}


@pytest.mark.parametrize("what", VALUES)
def test_a_mistake_of_a_kind_is_named(what):
    name, function, expected = VALUES[what]
    found = named(name, function)["value"]
    assert found and expected in found[0], found


def fancy(W, T, X, y):
    """The gradient by W where an index that is repeated counts once."""
    g = np.zeros_like(W)
    g[y] += X
    return g


def test_the_slope_of_a_word():
    def hidden(W, b, V, c, x, y):
        return V[y] * (1.0 - (W @ x + b) ** 2)

    found = named("multi_layer_perceptron", value_and("multi_layer_perceptron", hidden_biases=hidden))
    assert found == {"hidden_biases": ["slope of every tanh taken of its input: 1 - x^2"]}


def test_the_last_of_repeated_indices():
    found = named("linear_structured", value_and("linear_structured", weights=fancy))
    assert found == {"weights": ["of an entry that is used again, the last use alone"]}


def test_a_part_held_constant_where_the_loss_is_not_zero():
    own = lambda E, y: np.eye(len(E))[y] * (E[y] > np.min(E))
    (found,) = named("perceptron", value_and("perceptron", energies=own)).values()
    assert "held constant: energies[lowest(energies)]; and 0 where the value is 0" in found
