"""The shipped vectors: what the oracle says today, in the format that the schema describes."""

import itertools
import json
import re

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.proof import bounds, evidence, golden

NAMES = list(FORMULAS)


@pytest.mark.parametrize("name", NAMES)
def test_vectors_are_regenerated_to_the_letter(name):
    pytest.importorskip("mpmath", reason="the oracle computes with mpmath")
    shipped = (golden.VECTORS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    for question, line in zip(golden.questions(name, FORMULAS[name]), shipped, strict=True):
        if not golden.is_large(question[0]):
            assert golden.dump([golden.vector(name, FORMULAS[name], *question)]) == line


CONDITIONS = 2  # and sizes, of each gradient of a large vector; each costs a walk of its own
SELECTED = "gradient_conditions", "gradient_sizes"


@pytest.mark.parametrize("name", NAMES)
def test_large_vectors_are_regenerated_but_for_most_of_their_conditions(name):
    pytest.importorskip("mpmath", reason="the oracle computes with mpmath")
    shipped = {vector["id"]: vector for vector in golden.load(name)}
    for id, inputs, _ in golden.large_questions(name, FORMULAS[name]):
        known = shipped[id]
        largest = max(np.size(g) for g in [1, *known["gradients"].values()])
        again = golden.vector(name, FORMULAS[name], id, inputs, every=max(1, largest // CONDITIONS))
        (again,) = golden.parse(golden.dump([again]))
        whole = [{k: e for k, e in v.items() if k not in (*SELECTED, "weak")} for v in (again, known)]
        assert golden.dump([golden._plain(whole[0])]) == golden.dump([golden._plain(whole[1])])
        for part, argument in itertools.product(SELECTED, known["gradients"]):
            asked = ~np.isnan(again[part][argument])
            assert np.sum(asked) >= 1
            assert np.array_equal(known[part][argument][asked], again[part][argument][asked])


@pytest.mark.parametrize("name", NAMES)
def test_vectors_that_say_little_say_so(name):
    """And sizes are no larger than anything in sight, but for the rounding to two digits."""
    for vector in golden.load(name):
        assert golden.weak(vector) == vector.get("weak", {})
        if vector["size"] is not None:
            for output, S in {"value": vector["size"], **vector["gradient_sizes"]}.items():
                at_most = bounds.largest(vector, output, np.asarray(bounds.of(vector, output)))
                assert np.all((S >= 0) & (S <= 1.1 * at_most)) and np.shape(S) == np.shape(
                    bounds.of(vector, output)
                )


@pytest.mark.parametrize("name", NAMES)
def test_cases_worked_by_hand_are_the_truth_but_for_roundings(name):
    """Of the answer, and of inputs such as log 0.9.  To the witness, at 1e-15, 1 - 3e-16 may be 1."""
    u, eta = golden.PRECISIONS["float64"]
    vectors = {vector["id"]: vector for vector in golden.load(name)}
    for case in FORMULAS[name].cases:
        vector = vectors[f"{name}/{golden.slug(case.name)}"]
        for output, worked in {"value": case.value, **case.gradients}.items():
            truth, worked = np.asarray(bounds.of(vector, output), float), np.asarray(worked, float)
            conditions = {"value": vector["condition"], **vector.get("gradient_conditions", {})}
            C = np.abs(truth) if conditions.get(output) is None else np.asarray(conditions[output])
            with np.errstate(invalid="ignore"):
                error = np.where(worked == truth, 0.0, np.abs(worked - truth))
            assert np.all((error <= 2 * (u * C + eta)) | (np.isnan(worked) & np.isnan(truth))), (
                case.name,
                output,
            )


def test_bounds_are_rounded_up():
    assert golden._up([1.0, 0.12341, 12345.0, 9.999, 0.1, 5e-324, 0.0], 3).tolist() == [
        *(1, 0.124, 12400, 10, 0.1, 5e-324, 0)
    ]
    assert golden._up([1.7976e308, np.inf, np.nan], 3).tolist() == pytest.approx(
        [np.inf, np.inf, np.nan], nan_ok=True
    )
    assert isinstance(golden._up(np.array(2.0), 2)[()], int)


def test_every_axis_that_can_grow_has_a_large_vector():
    """Some forty places along it: whoever reads the first few is wrong there."""
    small = {}
    for name, formula in FORMULAS.items():
        inputs = [vector["inputs"] for vector in golden.load(name) if golden.is_large(vector["id"])]
        for axis in {axis for axes in formula.shapes.values() for axis in axes}:
            sizes = [
                np.shape(x[a])[axes.index(axis)]
                for x in inputs
                for a, axes in formula.shapes.items()
                if axis in axes
            ]
            if max(sizes, default=0) < 12:
                small[name, axis] = max(sizes, default=0)
    assert small == SMALL


# what does not grow that far: an image and its kernels, points of the plane, the parts of an arc, a pair; and
# tables of second derivatives and determinants, whose truth would cost too much
SMALL = {("convnet", axis): size for axis, size in zip("cpqrshw", (3, 3, 2, 4, 3, 10, 7), strict=True)}
SMALL |= {(name, "a"): 0 for name in ("ellipse", "ellipse_free_energy_at_origin")}
SMALL |= {(name, "a"): 0 for name in ("banana", "banana_score", "banana_curvature")}
SMALL |= {(name, "c"): 3 for name in ("graph_transformer", "graph_perceptron", "graph_nll")}
SMALL |= {("transducer", axis): size for axis, size in zip("cvu", (6, 8, 7), strict=True)}
SMALL |= {("factor_graph", "p"): 2, ("quadratic_score", "n"): 8, ("mixture_score", "n"): 8}
SMALL |= {("gaussian_mixture", "n"): 4, ("gaussian_mixture_energy", "n"): 4}


@pytest.mark.parametrize("name", NAMES)
def test_every_vector_fits_the_schema(name):
    schema = json.loads((golden.VECTORS / "schema.json").read_text())
    for line in (golden.VECTORS / f"{name}.jsonl").read_text().splitlines():
        assert problem(json.loads(line), schema, schema) is None


KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float)}
KINDS["null"] = type(None)


def problem(value, schema, root):
    """What does not fit, or None: the part of JSON Schema that our schema uses.

    Without `assert`, which would print the value for each option of `anyOf` that is not the one.
    """
    if "$ref" in schema:
        return problem(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        problems = [problem(value, option, root) for option in schema["anyOf"]]
        return None if None in problems else f"none of {problems}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{value!r} is none of {schema['enum']}"
    kind = schema.get("type")
    if kind and (not isinstance(value, KINDS[kind]) or (kind == "number" and isinstance(value, bool))):
        return f"{value!r} is no {kind}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return f"{value!r} is not {schema['pattern']}"
    inner = {"object": _entries, "array": _items}.get(kind, lambda *_: ())
    return next(filter(None, inner(value, schema, root)), None)


def _entries(value, schema, root):
    missing = set(schema.get("required", ())) - set(value)
    yield f"{missing} missing" if missing else None
    for key, entry in value.items():
        by_pattern = [s for p, s in schema.get("patternProperties", {}).items() if re.search(p, key)]
        known = [schema["properties"][key]] if key in schema.get("properties", {}) else by_pattern
        extra = schema.get("additionalProperties", True)
        yield None if known or extra else f"unknown key {key}"
        for part in known or [extra]:
            yield problem(entry, part if isinstance(part, dict) else {}, root)


def _items(value, schema, root):
    is_long_enough = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", np.inf)
    yield None if is_long_enough else f"{len(value)} items"
    for entry in value:
        yield problem(entry, schema["items"], root)


def test_the_schema_check_can_fail():
    schema = json.loads((golden.VECTORS / "schema.json").read_text())
    vector = json.loads((golden.VECTORS / "hinge.jsonl").read_text().splitlines()[0])
    for change in (
        {"truth": "guess"},
        {"value": "large"},
        {"surprise": 1},
        {"id": "Hinge/1"},
        {"kinks": {"float16": {}}},
    ):
        assert problem(vector | change, schema, schema)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_exact_in_float32_or_marked(name):
    for vector in golden.load(name):
        floats = [np.asarray(x) for x in vector["inputs"].values() if np.asarray(x).dtype.kind == "f"]
        with np.errstate(over="ignore"):
            exact = all(np.array_equal(x, x.astype(np.float32).astype(float), equal_nan=True) for x in floats)
        assert exact != vector["float64_only"], vector["id"]


def test_all_vectors_together_stay_below_6_MB():
    assert sum(file.stat().st_size for file in golden.VECTORS.iterdir()) < 6_000_000


def test_ids_are_unique():
    ids = [vector["id"] for name in NAMES for vector in golden.load(name)]
    assert len(ids) == len(set(ids))
    assert all(id.startswith(name + "/") for name in NAMES for id in [v["id"] for v in golden.load(name)])


@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_agrees_with_the_hand(name):
    """Two independent routes: what was worked by hand, and the naive expression in many digits."""
    vectors = {vector["id"]: vector for vector in golden.load(name)}
    for case in FORMULAS[name].cases:
        vector = vectors[f"{name}/{golden.slug(case.name)}"]
        assert evidence.relative_error(vector["value"], case.value) <= 1e-15
        for argument, gradient in case.gradients.items():
            assert evidence.relative_error(vector["gradients"][argument], gradient) <= 1e-15
            if "float64" in vector["kinks"]:  # a convention, chosen between the slopes of the sides
                low, high = vector["kinks"]["float64"]["gradients"][argument]
                assert np.all((low <= gradient) & (gradient <= high))


def test_a_new_page_changes_no_other_pages_vectors():
    """Random questions are seeded by the formula's own name."""
    again = dict(reversed(list(FORMULAS.items())))
    for name in ("hinge", "nll"):
        first = [id for id, _, _ in golden.questions(name, again[name])]
        assert first == [vector["id"] for vector in golden.load(name)]


def test_encoding_round_trips():
    data = {"x": [1.5, float("nan"), float("inf")], "n": 3, "flag": True, "none": None}
    text = json.dumps(golden.encode(data), allow_nan=False)
    assert json.loads(text)["x"] == [1.5, "nan", "inf"]
    assert np.array_equal(golden.decode(json.loads(text)["x"]), [1.5, np.nan, np.inf], equal_nan=True)
    assert golden.decode(3) == 3 and golden.decode(None) is None and golden.decode([1, 2]).dtype.kind == "i"


def test_hostile_inputs_are_hostile():
    """Every kind of hostile input is there for a loss of energies."""
    ids = " ".join(vector["id"] for vector in golden.load("nll"))
    assert all(golden.slug(kind) in ids for kind in golden.HOSTILE)
