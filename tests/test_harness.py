"""The witnesses themselves: each must fail when what it watches is wrong."""

import dataclasses

import mpmath
import numpy as np
import pytest

from ebm_ref import FORMULAS, laws
from ebm_ref.formula import Case, Formula, Variant
from ebm_ref.losses.margin_rescaled_hinge import bounds_the_cost
from ebm_ref.losses.perceptron import zero_when_right
from ebm_ref.proof import bounds, evidence, golden
from ebm_ref.proof.identities.catalogue import IDENTITIES


def failures(name, witness):
    return [claim for claim in evidence.WITNESSES[witness](name) if claim[1] is False]


def off_by(name, relative):
    """The gradients of a formula, wrong by a relative error."""
    wrong = lambda gradient: lambda *args, **kwargs: (1.0 + relative) * gradient(*args, **kwargs)
    return {argument: wrong(gradient) for argument, gradient in FORMULAS[name].gradients.items()}


def value_off_by(name, relative):
    value = FORMULAS[name].value

    def wrong(energies, label, beta=1.0):
        return (1.0 + relative) * value(energies, label, beta)

    return wrong


@pytest.mark.parametrize(
    "witness, relative", [("hand", 4e-15), ("autograd", 1e-9), ("slope", 1e-5), ("oracle", 4e-15)]
)
def test_gradient_witnesses_see_a_small_error(tampered, witness, relative):
    tampered("nll", gradients=off_by("nll", relative))
    assert failures("nll", witness)


@pytest.mark.parametrize(
    "witness, relative",
    [("hand", 4e-15), ("slope", 1e-5), ("identities", 1e-12), ("oracle", 4e-15), ("enumeration", 1e-13)],
)
def test_value_witnesses_see_a_small_error(tampered, witness, relative):
    tampered("nll", value=value_off_by("nll", relative))
    assert failures("nll", witness)


def test_autograd_sees_a_value_that_is_not_the_gradients(tampered):
    tampered("nll", value=value_off_by("nll", 1e-9))
    assert failures("nll", "autograd")


def test_mutants_must_be_exposed(tampered):
    harmless = Variant(FORMULAS["hinge"].value, name="another way to write it")
    tampered("hinge", variants=(harmless,))
    assert failures("hinge", "mutants")
    cases = tuple(dataclasses.replace(case, exposes=harmless.name) for case in FORMULAS["hinge"].cases)
    tampered("hinge", variants=(harmless,), cases=cases)
    assert failures("hinge", "mutants")


LAW_BREAKERS = {
    laws.shift_invariant: lambda E, y: E[y] ** 2,
    laws.permutation_invariant: lambda E, y: E[0] - E[y],
    laws.non_negative: lambda E, y: -1e-300,
    laws.at_most_one: lambda E, y: 1.0 + 2e-16,
    laws.convex_in_energies: lambda E, y: -(E @ E),
    laws.gradient_sums_to_zero: lambda E, y: E[y],
    laws.pushes_down_pulls_up: lambda E, y: -E[y],
    laws.bounds_the_error: lambda E, y: 1.0 / (1.0 + np.sum(np.abs(E))),
    zero_when_right: lambda E, y: 1.0 + 0.0 * E[y],
    laws.homogeneous(1, energies=1): lambda E, y: E[y] ** 2,
    laws.homogeneous(0, energies=1): lambda E, y: E[y],
}


@pytest.mark.parametrize("law", LAW_BREAKERS, ids=lambda law: law.__doc__.splitlines()[0])
def test_law_is_broken_by_what_breaks_it(law):
    import autograd

    value = LAW_BREAKERS[law]
    gradients = {"energies": lambda energies, label: autograd.grad(value)(energies, label)}
    breaker = lambda energies, label: value(energies, label)
    record = Formula(breaker, "(k),()->()", "none", None, (), gradients)
    points, rng = evidence.samples("perceptron", 20)
    assert max(law(record, inputs, rng) for inputs in points) > 1.0


LAWS = [(name, i) for name, f in FORMULAS.items() for i in range(len(f.laws))]


def distortions(f):
    """Wrong versions of a formula, values and gradients: some must break any law that says something."""
    import inspect

    keep = inspect.signature(f.value)

    def signed(function):
        wrong = lambda *args, **kwargs: function(keep.bind(*args, **kwargs).arguments)
        wrong.__signature__ = keep
        return wrong

    first = next(iter(f.shapes))
    rules = {
        "negated": (lambda v, x: -v - 0.5, lambda g, x: -g - 0.5),
        "tilted by the first argument": (lambda v, x: v + 0.3 * np.ravel(x[first])[0], lambda g, x: g + 0.3),
        "tilted by all arguments": (
            lambda v, x: v + 0.3 * sum(np.sum(e) for e in x.values()),
            lambda g, x: g + 0.3,
        ),
        "tilted by how many numbers there are": (
            lambda v, x: v + 0.3 * sum(np.size(e) for e in x.values()),
            lambda g, x: g + 0.3,
        ),
        "tilted by each argument differently": (
            lambda v, x: v + 0.3 * sum(i * np.sum(e) for i, e in enumerate(x.values())),
            lambda g, x: g + 0.3,
        ),
        "tilted by each entry differently": (
            lambda v, x: v + 0.3 * sum(np.sum(np.ravel(e) * np.arange(np.size(e))) for e in x.values()),
            lambda g, x: g + 0.3 * np.arange(np.size(g)).reshape(np.shape(g)),
        ),
        "tilted along the first argument": (
            lambda v, x: v + 0.3 * np.sum(np.ravel(x[first]) * np.arange(np.size(x[first]))),
            lambda g, x: g + 0.3,
        ),
        "rippled": (
            lambda v, x: v + 2.0 * np.sin(7.0 * np.sum(x[first])),
            lambda g, x: g + 9.0 * np.sin(np.sum(x[first])),
        ),
        "steeper": (
            lambda v, x: 3.0 * v + 1.0,
            lambda g, x: 1e4 * g + 1e4 * np.arange(1.0, 1.0 + np.size(g)).reshape(np.shape(g)),
        ),
        "squared": (lambda v, x: np.sign(v) * v**2, lambda g, x: g * np.abs(g) * 50.0),
    }
    for name, (value, slope) in rules.items():
        gradients = {a: signed(lambda x, g=g, slope=slope: slope(g(**x), x)) for a, g in f.gradients.items()}
        yield (
            name,
            dataclasses.replace(
                f, value=signed(lambda x, value=value: value(f.value(**x), x)), gradients=gradients
            ),
        )


@pytest.mark.parametrize(
    "name, i", LAWS, ids=[f"{n}-{FORMULAS[n].laws[i].__doc__.splitlines()[0][:50]}" for n, i in LAWS]
)
def test_every_law_of_every_page_can_be_broken(name, i):
    """A law that survives every distortion of its formula says nothing."""
    law = FORMULAS[name].laws[i]
    for _, wrong in distortions(FORMULAS[name]):
        points, rng = evidence.samples(name, 20)
        with np.errstate(all="ignore"):
            try:
                if any(not law(wrong, inputs, rng) <= 1.0 for inputs in points):
                    return
            except ValueError:
                continue
    pytest.fail("no distortion breaks it")


def test_zero_when_right_is_exact():
    table = {"energies": np.array([0.0, 1.0]), "label": 0}
    assert zero_when_right(FORMULAS["perceptron"], table, None) == 0.0
    assert zero_when_right(FORMULAS["perceptron"], table | {"label": 1}, None) == 0.0


def test_the_cost_must_be_bounded():
    inputs = {"energies": np.array([1.0, 0.0, 2.0]), "label": 0, "costs": np.array([9.0, 2.0, 3.0])}
    record = lambda value: Formula(value, "(k),(),(k)->()", "", None, ())
    law = lambda value, **changes: bounds_the_cost(record(value), inputs | changes, None)
    assert law(lambda energies, label, costs: 1.9) == np.inf  # the answer given is 1, its cost 2
    assert law(lambda energies, label, costs: 2.0) == 0.0
    assert law(lambda energies, label, costs: 0.0, label=1) == 0.0  # a right answer costs nothing


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.__doc__[:40])
def test_identity_is_broken_by_each_formula_it_links(identity, tampered):
    """Change the value or the gradients of any of the linked formulas: one of the two must be noticed."""
    for name in IDENTITIES[identity]:
        original = FORMULAS[name]
        changes = [{"value": _changed(original)}, {"gradients": off_by(name, -0.9)}]
        assert any(breaks(identity, tampered, name, change) for change in changes), name
        tampered(name, value=original.value, gradients=original.gradients)


def breaks(identity, tampered, name, change):
    """Whether the identity notices that a record was changed."""
    original = FORMULAS[name]
    tampered(name, **{"value": original.value, "gradients": original.gradients} | change)
    rng = np.random.default_rng(0)
    try:
        with np.errstate(invalid="ignore"):
            return any(not identity(rng) <= 1.0 for _ in range(20))
    finally:
        tampered(name, value=original.value, gradients=original.gradients)


def _changed(record):
    """The same signature, another function: an index is replaced by 0, a value moved."""
    import inspect

    def wrong(*args, **kwargs):
        value = record.value(*args, **kwargs)
        return (value + 1) % 2 if isinstance(value, np.integer) else 0.1 * value + 0.01

    wrong.__signature__ = inspect.signature(record.value)
    return wrong


def test_relative_error():
    assert evidence.relative_error([1.0, np.nan, np.inf], [1.0, np.nan, np.inf]) == 0.0
    assert evidence.relative_error(1.0, np.nan) == np.inf
    assert evidence.relative_error(np.nan, 1.0) == np.inf
    assert evidence.relative_error(1.1, 1.0) == pytest.approx(0.1)
    assert evidence.relative_error(1e-300, 0.0) == np.inf


# bounds


VECTOR = {
    "inputs": {"energies": np.array([3.0, 4.0])},
    "value": 2.0,
    "gradients": {"energies": np.array([1.0, 0.0])},
    "condition": 5.0,
    "gradient_conditions": {"energies": np.array([1.0, 0.0])},
    "kinks": {},
}


def test_bounds_are_those_of_the_documentation():
    u = 2.0**-53
    assert bounds.measure(VECTOR, "value", 2.0).fine == 0.0
    assert bounds.measure(VECTOR, "value", 2.0 + 40 * u).fine == pytest.approx(1.0)  # 8 u C, C = 5
    assert bounds.measure(VECTOR, "value", 2.0 + 64 * u).coarse == pytest.approx(1.0)  # 8 n u S, n = 2, S = 4
    verdict = lambda error: bounds.measure(VECTOR, "value", 2.0 + error).verdict
    assert [verdict(e * u) for e in (40, 44, 64, 68)] == ["match", "imprecise", "imprecise", "mismatch"]
    assert bounds.measure(VECTOR, "value", 2.0 + 40 * 2.0**-24, "float32").fine == pytest.approx(1.0)
    assert bounds.measure(VECTOR, "energies", np.array([1.0, 8 * 2.0**-1074])).fine == 1.0  # 8 eta
    assert (
        bounds.measure(VECTOR, "value", np.array([2.0])).verdict == "mismatch"
    )  # a shape is part of the answer
    assert bounds.measure(VECTOR, "value", np.nan).verdict == "mismatch"
    assert bounds.measure(VECTOR, "value", np.inf).verdict == "mismatch"


def test_either_side_of_a_corner_is_right():
    side = {
        "value": (2.0, 2.5),
        "gradients": {"energies": (np.array([0.0, -1.0]), np.array([1.0, 0.0]))},
        "sums": {"energies": (0.0, 0.0)},  # (1, -1) on one side, (0, 0) on the other
    }
    vector = VECTOR | {"kinks": {"float32": side}}
    assert bounds.measure(vector, "energies", np.array([0.5, -0.5]), "float32").fine == 0.0
    assert bounds.measure(vector, "energies", np.array([1.5, 0.0]), "float32").verdict == "mismatch"
    assert (
        bounds.measure(vector, "energies", np.array([1.0, 0.0]), "float32").verdict == "mismatch"
    )  # no side's sum
    assert bounds.measure(vector, "energies", np.array([0.5, -0.5]), "float64").verdict == "mismatch"
    assert bounds.measure(vector, "value", 2.25, "float32").fine == 0.0


def test_overflow_in_the_candidates_dtype_is_right():
    vector = VECTOR | {"value": 1e39}
    assert bounds.measure(vector, "value", np.inf, "float32").fine == 0.0
    assert bounds.measure(vector, "value", np.inf, "float64").verdict == "mismatch"


def test_vectors_without_finite_inputs_are_judged_apart():
    assert bounds.is_finite(VECTOR)
    assert not bounds.is_finite(VECTOR | {"value": np.inf})
    assert not bounds.is_finite(VECTOR | {"inputs": {"energies": np.array([np.inf, 0.0])}})
    nan = VECTOR | {"value": np.nan, "condition": None}
    assert bounds.measure(nan, "value", np.nan).fine == 0.0
    assert bounds.measure(nan, "value", 0.0).fine == np.inf


def part_of_a_count(log_mean, dispersion, target):
    """|t dL/dt| of the negative binomial, where t! is Gamma(t + 1): the oracle's, of a count it is 0."""
    psi, r = lambda x: float(mpmath.digamma(x)), 1.0 / dispersion
    return abs(target * (psi(target + 1.0) - psi(target + r) + np.log1p(r * np.exp(-log_mean))))


@pytest.mark.parametrize("name", FORMULAS)
def test_estimated_condition_agrees_with_the_oracles(name):
    """Without mpmath, by differences: good enough to print beside a value."""
    for vector in golden.load(name):
        if "/random-" in vector["id"] and "float64" not in vector["kinks"]:
            estimate = bounds.estimated_condition(FORMULAS[name], vector["inputs"])
            if name == "negative_binomial_nll":
                estimate += part_of_a_count(**vector["inputs"])
            assert np.all(
                estimate <= vector["condition"] * (1.0 + 1e-6)
            )  # which is rounded up to three digits
            assert np.all(vector["condition"] <= estimate * (1.01 + 1e-6))


def test_a_case_without_a_gradient_convention_is_allowed():
    record = Formula(lambda x: x, "()->()", "", None, {"x": Case(0.5, 0.5)}, {"x": lambda x: 1.0})
    assert record.cases[0].gradients == {} and record.cases[0].inputs == {"x": 0.5}


def test_of_tied_offenders_not_all_and_not_none():
    """At a tie either offender, or a share of each, feels the force: not both in full, and not nobody."""
    vector = next(v for v in golden.load("hinge") if v["id"] == "hinge/a-tie-of-two-offenders")
    verdict = lambda g: bounds.measure(vector, "energies", np.array(g)).verdict
    assert [verdict(g) for g in ([1.0, -1.0, 0.0], [1.0, 0.0, -1.0], [1.0, -0.5, -0.5])] == ["match"] * 3
    assert [verdict(g) for g in ([1.0, -1.0, -1.0], [1.0, 0.0, 0.0])] == ["mismatch"] * 2


def test_an_index_between_two_right_ones_is_wrong():
    vector = next(
        v for v in golden.load("most_offending") if v["id"].endswith("a-tie-goes-to-the-lowest-index")
    )
    tied = vector | {"kinks": {"float64": {"value": np.array([0, 2]), "gradients": {}, "sums": {}}}}
    assert [bounds.measure(tied, "value", i).verdict for i in (0, 1, 2)] == ["match", "mismatch", "match"]
