"""Names of mistakes: what they reproduce, where they do not hold, and that nonsense has none."""

import re

import numpy as np
import pytest
from conftest import script
from wrong_implementations import WRONG

from ebm_ref import FORMULAS
from ebm_ref.conformance import features
from ebm_ref.conformance.compare import judge
from ebm_ref.conformance.diagnose import BEYOND_RANGE, IN_FLOAT32, Diagnosis, best, diagnose
from ebm_ref.conformance.evidence import AS_IF
from ebm_ref.conformance.hypotheses import arguments, generators, outputs, pairs, texts
from ebm_ref.conformance.hypotheses.hypothesis import Expression, Hypothesis, agrees, clearly_off
from ebm_ref.conformance.hypotheses.variants import derived, variants
from ebm_ref.conformance.questions import simplifications
from ebm_ref.proof import bounds, golden, oracle, tape
from ebm_ref.proof.bounds import of

MEASURING = script("measure_naming")
judgements = MEASURING.judgements


def names(found):
    return [h.name for h in found]


def judged(name, change):
    """Judgements of the truth with something done to it by change(value, gradients, inputs)."""
    found = []
    for v in golden.load(name):
        with np.errstate(all="ignore"):
            value, gradients = change(v["value"], dict(v["gradients"]), v["inputs"])
        found += judge(v, {"value": np.asarray(value, float), "gradients": gradients}, "float64")
    return found


UNNAMED = {  # what needs a variant of its own
    "poisson: rate for log-rate",
    "chain: first unary missing",
    "vae: mean squared error",  # which differs on too few ordinary vectors
}


@pytest.mark.parametrize("what", [what for what in WRONG if what not in UNNAMED][::4])
def test_a_mistake_is_named(what):
    name, function, pattern = WRONG[what]
    found = diagnose(FORMULAS[name], judgements(name, function), "float64")
    assert found
    for output, named in found.items():
        assert any(re.search(pattern, h.name, re.IGNORECASE) for h in named), (output, names(named))


def test_mutants_of_the_text_are_named_by_it():
    """Of a seeded sample: all but those that show on too few ordinary vectors."""
    named = [bool(MEASURING.timed(name, found)[0]) for name, _, found in MEASURING.mutants(6, 7)]
    assert sum(named) >= 5


def test_nonsense_has_no_name():
    for name, kind, found in MEASURING.nonsense(12, 3):
        assert MEASURING.timed(name, found)[0] == [], (name, kind)


# ---- hypotheses ----


def exact(name, vector, output):
    """The right expression on the tape."""
    return Expression(texts.expression(name), generators.is_wide(name)).answer(vector, output)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_expression_itself_is_the_truth(name):
    """Else every hypothesis that is made of it would be wrong."""
    random = next(v for v in golden.load(name) if "/random-" in v["id"])
    for output in ("value", *random["gradients"]):
        (found,) = [j for j in judge(random, {"value": random["value"], "gradients": {}}, "float64")][:1]
        truth = exact(name, random, output)
        np.testing.assert_allclose(truth, of(random, output), rtol=1e-15, atol=1e-300)
    assert agrees(found, exact(name, random, "value"), "float64")


@pytest.mark.parametrize("name", ["hinge", "ctc", "gaussian_mixture", "vae", "soft_alignment"])
def test_some_texts_differ_and_none_is_the_text_itself(name):
    random = [v for v in golden.load(name) if "/random-" in v["id"]]
    vector = max(random, key=lambda v: sum(np.size(x) for x in v["inputs"].values()))
    made = [Expression(made()).answer(vector, "value") for _, made, _ in texts.altered(name)]
    answered = [x for x in made if x is not None and np.all(np.isfinite(x))]
    different = [x for x in answered if not np.allclose(x, vector["value"])]
    assert len(answered) > len(made) / 3 and len(different) > len(answered) / 2


@pytest.mark.parametrize("name", ["nll", "student_t_nll", "triplet_margin"])
def test_what_is_held_constant_changes_gradients_alone(name):
    vector = next(v for v in golden.load(name) if "/random-0" in v["id"])
    moved = 0
    for _, made, _ in texts.holding(name):
        held = Expression(made(), generators.is_wide(name))
        value = held.answer(vector, "value")
        if value is not None:
            assert value == pytest.approx(vector["value"], rel=1e-15)
            some = [held.answer(vector, a) for a in vector["gradients"]]
            pairs = zip(some, vector["gradients"].values(), strict=True)
            moved += any(g is not None and not np.allclose(g, truth) for g, truth in pairs)
    assert moved >= 3


def test_the_inverse_matrix():
    matrix = np.array([[2.0, 1.0, 0.5], [0.0, 3.0, 1.0], [1.0, 0.0, 1.0]])
    for given in (matrix, np.array([matrix, matrix.T])):
        with tape.digits(40):
            found = arguments.inverse(np.array(tape.number(given.tolist()), object))
        found = np.array([float(tape.plain(x)) for x in found.ravel()]).reshape(given.shape)
        np.testing.assert_allclose(found, np.linalg.inv(given), rtol=1e-14, atol=1e-16)


def test_maps_of_an_argument_are_what_they_say():
    """Each map of the number 0.5 and of a matrix once more in NumPy, for those that NumPy has."""
    x, matrix = 0.5, np.array([[1.0, 2.0], [3.0, 5.0]])
    numbers = {
        "{} negated": -x,
        "1/{} in place of {}": 1 / x,
        "square root of {}": np.sqrt(x),
        "tanh of {}": np.tanh(x),
        "{} in degrees, taken for radians": np.rad2deg(x),
        "{} in radians, taken for degrees": np.deg2rad(x),
        "twice the logarithm of {}": 2 * np.log(x),
    }
    with tape.digits(40):
        for what, expected in numbers.items():
            change = (arguments.ANY_NUMBER | arguments.REAL_NUMBER)[what]
            assert float(tape.plain(change(tape.number(x)))) == pytest.approx(expected, rel=1e-15), what
        lower = arguments.SQUARE["lower triangle of {} for both"](matrix.astype(object))
        assert lower.tolist() == [[1.0, 3.0], [3.0, 5.0]]
        softmax = arguments.softmax(np.array(tape.number([0.0, 0.0]), object), 0)
        assert [float(tape.plain(p)) for p in softmax] == [0.5, 0.5]


@pytest.mark.parametrize(
    "what, at", [("divided by the size of axis k, less one", 1 / 4), ("times the sum of costs", 10.0)]
)
def test_factors_are_what_they_say(what, at):
    f, inputs = FORMULAS["generalized_hinge"], {"energies": np.zeros(5), "label": 0, "costs": np.arange(5.0)}
    factor = dict(outputs.factors(f, inputs))[what]
    assert pairs.at(factor, {"inputs": inputs}) == at


@pytest.mark.parametrize(
    "name, a", [("nll", "energies"), ("triplet_margin", "anchor"), ("ctc", "log_probabilities")]
)
def test_derived_gradients_are_the_pages(name, a):
    """By autograd where it follows, by differences where it does not."""
    f, vector = FORMULAS[name], next(v for v in golden.load(name) if "/random-0" in v["id"])
    found = derived(f.value, vector["inputs"], [a])[a]
    np.testing.assert_allclose(found, vector["gradients"][a], rtol=1e-7, atol=1e-8)


# ---- what is named ----


def test_a_constant_is_fitted_and_confirmed():
    for change, name in (
        (lambda f: 3.25 * f, "3.25 times the truth"),
        (lambda f: f + 0.125, "0.125 added"),
        (lambda f: 3.25 * f + 0.125, None),
    ):
        found = judged("nll", lambda f, g, inputs, change=change: (change(f), {}))
        assert names(diagnose(FORMULAS["nll"], found, "float64")["value"]) == ([name] if name else [])


@pytest.mark.parametrize(
    "read, name",
    [
        (lambda m: 0.7, "margin ignored: 0.7 throughout"),
        (lambda m: 1.3 * m, "1.3 margin in place of margin"),
        (lambda m: m + 0.25, "margin + 0.25 in place of margin"),
    ],
)
def test_what_an_argument_was_read_as_is_solved_for(read, name):
    value = FORMULAS["hinge"].value
    found = judgements("hinge", lambda E, y, m: value(E, y, read(m)))
    assert names(diagnose(FORMULAS["hinge"], found, "float64")["value"]) == [name]


def test_two_ordinary_vectors_are_no_evidence():
    """What is doubled on two of them, and right elsewhere, has no name."""
    doubled = {v["id"] for v in golden.load("nll") if v["id"].endswith(("random-1", "random-2"))}
    found = []
    for v in golden.load("nll"):
        value = v["value"] * (2.0 if v["id"] in doubled else 1.0)
        found += judge(v, {"value": value, "gradients": {}}, "float64")
    assert sum(j.verdict == "mismatch" for j in found) == 2
    assert diagnose(FORMULAS["nll"], found, "float64") == {"value": []}
    alone = [j for j in found if j.vector["id"] in doubled]
    assert diagnose(FORMULAS["nll"], alone, "float64") == {"value": []}


def test_one_hypothesis_for_all_outputs_comes_first():
    """Doubled energies: value and gradient by one name, where each alone has others."""
    f = FORMULAS["nll"]
    twice = lambda E, y, b: (f.value(2 * E, y, b), {"energies": 2 * f.gradients["energies"](2 * E, y, b)})
    found = diagnose(f, judgements("nll", twice), "float64")
    assert list(found) == ["value", "energies"] and found["value"] == found["energies"]
    assert "energies doubled" in names(found["value"])


def test_exceptions_are_listed():
    """The truth doubled, but not at 'wide-1'."""
    f = FORMULAS["nll"]
    found = []
    for v in golden.load("nll"):
        value = v["value"] * (1.0 if v["id"].endswith("wide-1") else 2.0)
        found += judge(v, {"value": value, "gradients": {}}, "float64")
    (named,) = diagnose(f, found, "float64")["value"]
    assert (named.name, named.exceptions) == ("twice the truth", ("wide-1",))


def test_a_convention_with_exceptions_does_not_acquit(tmp_path, monkeypatch):
    from ebm_ref.conformance.report import check

    monkeypatch.chdir(tmp_path)
    (tmp_path / "halves.py").write_text(
        "def f(x, y): return (x - y) ** 2 / 2\ndef g(x, y): return f(x, y) * (1 if x < 1e7 else 2)\n"
    )
    row = lambda target: check(target, ["squared_error"]).rows[0]
    assert (row("halves:f").verdict, row("halves:f").exceptions) == ("match under convention", {})
    other = row("halves:g")
    assert other.verdict == "mismatch" and other.diagnosis == ["one half in front"] and other.exceptions


def test_single_precision_is_said_of_numbers_of_float32_alone():
    value = FORMULAS["nll"].value
    single = judgements("nll", lambda E, y, b: np.float32(value(E, y, b)))
    assert names(diagnose(FORMULAS["nll"], single, "float64")["value"]) == [IN_FLOAT32]
    noisy = judgements("nll", lambda E, y, b: value(E, y, b) * (1.0 + 1e-9 * np.sin(1e6 * E[0])))
    assert diagnose(FORMULAS["nll"], noisy, "float64") == {"value": []}


def test_the_nearest_and_where_it_fails():
    """Doubled where there are more than three answers: the name explains what differs, and k > 3 where."""
    f = FORMULAS["nll"]
    found = judgements("nll", lambda E, y, b: f.value(E, y, b) * (2.0 if len(E) > 3 else 1.0))
    diagnosis = Diagnosis(f, found, "float64")
    assert diagnosis.named == {"value": []}
    nearest, explained, differing = diagnosis.nearest["value"]
    assert nearest.name == "twice the truth" and explained == differing >= 3
    failing = [j.vector["inputs"] for j in found if j.finite and j.verdict == "mismatch"]
    passing = [j.vector["inputs"] for j in found if j.finite and j.verdict != "mismatch"]
    assert any("k > 3" in phrase for phrase in features.distinguishing(f, failing, passing))


def test_features_of_all_that_fails():
    f = FORMULAS["ctc"]
    make = lambda *target: {"log_probabilities": np.zeros((4, 3)), "target": np.array(target), "blank": 0}
    failing, passing = [make(1, 1), make(2, 1, 1), make(2, 2)], [make(1, 2), make(1, 2, 1), make(2, 1)]
    phrases = features.distinguishing(f, failing, passing)
    assert "all 3 that differ have neighbours alike in target, and none that match" in phrases
    assert features.distinguishing(f, failing, []) == []


def test_what_differs_at_infinity_alone_is_named():
    """Variants that finite vectors do not tell from the truth."""
    shown = 0
    for name in ("kl_divergence", "label_smoothing", "binary_cross_entropy"):
        shown += sum(_is_named_beyond(name, h) for h in variants(FORMULAS[name]))
    assert shown == 4


def _is_named_beyond(name, h):
    """Whether it shows at NaN and infinity alone; then it must be named."""
    found = []
    for v in golden.load(name):
        claimed = h.answer(v, "value", "float64")
        if np.shape(claimed) == np.shape(v["value"]):
            found += judge(v, {"value": claimed, "gradients": {}}, "float64")
    if is_wrong(found) or all(j.finite or j.verdict != "mismatch" for j in found):
        return False
    assert h.name in names(Diagnosis(FORMULAS[name], found, "float64").beyond), (name, h.name)
    return True


def is_wrong(found):
    return any(j.finite and j.verdict == "mismatch" for j in found)


def test_smaller_inputs_are_tried():
    f = FORMULAS["nll"]
    far = {"energies": np.array([-99999995.0, -100000001.0]), "label": 0, "beta": 1.0}
    tried = [simpler["energies"].tolist() for simpler in simplifications(f, far)]
    assert [6.0, 0.0] in tried and [0.0, -6.0] in tried
    tiny = {"energies": np.array([7.7e-31, 0.0]), "label": 0, "beta": 1.0}
    assert [1.0, 0.0] in [simpler["energies"].tolist() for simpler in simplifications(f, tiny)]


def test_the_script_counts_right(capsys):
    found = judgements("hinge", WRONG["hinge: margin subtracted"][1])
    MEASURING.measure(
        "two", [("hinge", "one", found, "subtracted"), ("hinge", "other", found, "squared")], True
    )
    assert "two: 2 of 2 named, 1 by a name that was not expected" in capsys.readouterr().out


def test_the_oracle_is_what_is_changed():
    assert set(oracle.STEPWISE) >= {name for name in FORMULAS}


# ---- evidence ----


def value_and(name, **gradients):
    """The right value with a gradient of one's own."""
    return lambda *x: (FORMULAS[name].value(*x), {a: g(*x) for a, g in gradients.items()})


def diagnosed(name, function):
    found = diagnose(FORMULAS[name], judgements(name, function), "float64")
    return {output: names(some) for output, some in found.items()}


def test_a_gradient_that_is_not_the_values():
    """The value is right, and so are two gradients: no other formula of the value explains the third."""
    slope = lambda W, y, z, sparsity: 2.0 * W.T @ (W @ z - y)
    truth = FORMULAS["sparse_coding"].gradients["dictionary"]
    found = diagnosed("sparse_coding", value_and("sparse_coding", code=slope, dictionary=truth))
    assert list(found) == ["code"] and all("held constant" in name for name in found["code"])
    missing = lambda E, y, beta: 0.0 * E
    assert diagnosed("nll", value_and("nll", energies=missing)) == {"energies": ["gradient missing: 0"]}


def test_a_gradient_of_another_formula_is_said_to_be_that_alone():
    slope = lambda E, y, beta: FORMULAS["nll"].gradients["energies"](E, y, 1.0)
    found = diagnosed("nll", value_and("nll", energies=slope))
    assert found == {"energies": [AS_IF + "beta ignored: 1 throughout"]}


def test_a_term_lost_from_a_gradient_that_was_written_by_hand():
    slope = lambda W, y, z, sparsity: 2.0 * y
    truth = FORMULAS["sparse_coding"].gradients["dictionary"]
    found = diagnosed("sparse_coding", value_and("sparse_coding", observation=slope, dictionary=truth))
    assert found == {"observation": ["without the term dot(W, z)"]}


def test_what_is_not_finite_or_hardly_off_is_no_evidence():
    """NaN wherever it differs, or differences of some bounds: nothing tells one mistake from the next."""
    (vector,) = [v for v in golden.load("nll") if v["id"].endswith("random-0")]
    off = lambda value: judge(vector, {"value": value, "gradients": {}}, "float64")[0]
    size = bounds.scale(vector, vector["value"]) * 2.0**-53 * 8 * bounds.terms(vector)
    assert clearly_off(off(vector["value"] * 1.5), "float64")
    assert off(vector["value"] + 100.0 * size).verdict == "mismatch"
    assert not clearly_off(off(vector["value"] + 100.0 * size), "float64")
    assert not clearly_off(off(np.nan), "float64") and not clearly_off(off(np.inf), "float64")
    some = judged("student_t_nll", lambda f, g, x: (f if x["target"] > 0.0 else np.nan, {}))
    assert is_wrong(some) and diagnose(FORMULAS["student_t_nll"], some, "float64") == {"value": []}


def test_overflow_is_said_where_all_else_is_right():
    naive = lambda E, near, w: np.log(w / len(near) + np.mean(np.exp(E - near)))
    assert diagnosed("energy_discrepancy", naive) == {"value": [BEYOND_RANGE]}


def test_a_contradiction_outweighs_that_a_mistake_is_the_pages_own():
    own = Hypothesis("the page's", "mistake", None, contradictions=1, exceptions=("one",))
    slip = Hypothesis("a slip", "slip", None, rank=3)
    assert names(best([own, slip])) == ["a slip"]


@pytest.mark.parametrize(
    "name, function, expected",
    [
        ("nll", lambda E, y, b: -np.log(np.exp(-b * (E[y] - softmin(E, b))) + 1e-7) / b, "1e-7 added"),
        ("free_energy", lambda E, b: 0.5 * softmin(E, 1.0 / b), "1/beta in place of beta; half"),
        ("margin_ranking", lambda a, b, y, m: max(0.0, -y * (b - a) + 2.0 * m), "margin doubled"),
        (
            "transducer",
            lambda p, y, blank: FORMULAS["transducer"].value(p, y, p.shape[2] - 1),
            "last of axis c",
        ),
    ],
)
def test_guards_and_pairs_are_named(name, function, expected):
    (found,) = diagnosed(name, function).values()
    assert any(expected in said for said in found), found


def softmin(E, beta):
    low = np.min(E)
    return low - np.log(np.sum(np.exp(-beta * (E - low)))) / beta


@pytest.mark.parametrize("name", ["nll", "hinge", "most_offending", "ctc"])
def test_a_constant_is_called_one(name):
    """Not what a formula comes to when half of it is left out."""
    assert diagnosed(name, lambda *inputs: 1.0) == {"value": ["1, whatever is asked"]}


def test_a_parameter_of_0_is_no_divisor_and_warns_of_nothing():
    """A dispersion of 0 is legal; what divides by it is no explanation (a warning is an error here)."""
    function = lambda z, a, t: 1.7 * FORMULAS["negative_binomial_nll"].value(z, a, t) + np.sin(9.0 * z) + 0.3
    assert diagnosed("negative_binomial_nll", function) == {"value": []}
