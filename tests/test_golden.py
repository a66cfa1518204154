"""The shipped vectors: what the oracle says today, in the format that the schema describes."""

import json
import re

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.proof import evidence, golden

NAMES = list(FORMULAS)


@pytest.mark.parametrize("name", NAMES)
def test_vectors_are_regenerated_to_the_letter(name):
    pytest.importorskip("mpmath", reason="the oracle computes with mpmath")
    shipped = (golden.VECTORS / f"{name}.jsonl").read_text(encoding="utf-8")
    assert golden.dump(golden.make(name, FORMULAS[name])) == shipped


@pytest.mark.parametrize("name", NAMES)
def test_every_vector_fits_the_schema(name):
    schema = json.loads((golden.VECTORS / "schema.json").read_text())
    for line in (golden.VECTORS / f"{name}.jsonl").read_text().splitlines():
        check(json.loads(line), schema, schema)


def check(value, schema, root):
    """The part of JSON Schema that our schema uses."""
    if "$ref" in schema:
        return check(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        errors = [failure(value, option, root) for option in schema["anyOf"]]
        assert None in errors, errors
    if "enum" in schema:
        assert value in schema["enum"]
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "number": (int, float),
        "null": type(None),
    }
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]])
        assert not (schema["type"] == "number" and isinstance(value, bool))
    if "pattern" in schema:
        assert re.search(schema["pattern"], value)
    if schema.get("type") == "object":
        assert set(schema.get("required", ())) <= set(value)
        for key, entry in value.items():
            by_pattern = [s for p, s in schema.get("patternProperties", {}).items() if re.search(p, key)]
            known = [schema["properties"][key]] if key in schema.get("properties", {}) else by_pattern
            extra = schema.get("additionalProperties", True)
            assert known or extra, f"unknown key {key}"
            for part in known or [extra]:
                check(entry, part if isinstance(part, dict) else {}, root)
    if schema.get("type") == "array":
        assert schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", np.inf)
        for entry in value:
            check(entry, schema["items"], root)


def failure(value, schema, root):
    try:
        check(value, schema, root)
    except AssertionError as problem:
        return problem
    return None


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
        with pytest.raises(AssertionError):
            check(vector | change, schema, schema)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_exact_in_float32_or_marked(name):
    for vector in golden.load(name):
        floats = [np.asarray(x) for x in vector["inputs"].values() if np.asarray(x).dtype.kind == "f"]
        with np.errstate(over="ignore"):
            exact = all(np.array_equal(x, x.astype(np.float32).astype(float), equal_nan=True) for x in floats)
        assert exact != vector["float64_only"], vector["id"]


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
