r"""Golden vectors: questions with answers that do not come from the pages they judge.

    record --(cases, hostile inputs, random inputs)--> questions --(oracle)--> vectors/<formula>.jsonl

One vector a line: an id, the inputs, the value and the gradients correctly rounded from the oracle, how
that truth was obtained, which mistake the question exposes, and the condition numbers from which every
tolerance follows,

    C = |f| + sum_p |x_p df/dx_p|            of the value
    C_i = |g_i| + sum_p |x_p dg_i/dx_p|      of a gradient component

and the sizes S of the same (bounds.py).  Of both a few digits are kept, rounded up.

Where a comparison inside the formula is closer than a dtype can resolve, within 8uS of a corner or a
tie, the vector also carries what holds on the other side: any value or slope between the sides is right.

Source: format after Wycheproof and the BIP-340 vectors; FORMAT.md beside the vectors.
"""

import decimal
import functools
import json
import math
import re
import zlib
from importlib import resources

import numpy as np

from ebm_ref.proof import labelled, large
from ebm_ref.proof.bounds import PRECISIONS, largest, measure, of, scale

VECTORS = resources.files("ebm_ref.proof") / "vectors"

# name: (what is done to the energies, or whatever argument stands first; whether float32 resolves it)
HOSTILE = {
    "offset 1e4": (lambda x: x + 1e4, True),
    "offset -1e4": (lambda x: x - 1e4, True),
    "offset 1e8": (lambda x: x + 1e8, False),
    "offset -1e8": (lambda x: x - 1e8, False),
    "near certain": (lambda x: 20.0 * x, True),
    "wide": (lambda x: 1000.0 * x, True),
    "near tied": (lambda x: 1.0 + x * 2.0**-10, True),
    "nearly one": (lambda x: 1.0 + x * 1e-9, False),
    "tiny": (lambda x: x * 2.0**-100, True),
    "subnormal": (lambda x: x * 2.0**-1030, False),
}
HOSTILE_EACH, RANDOM = 2, 12


def parameters(formula, inputs):
    """Numbers that the formula is not differentiated by: a margin, a temperature."""
    return [a for a, x in inputs.items() if a not in formula.gradients and np.asarray(x).dtype == float]


def scaled_parameters(factor):
    return lambda formula, inputs: {a: factor * np.asarray(inputs[a]) for a in parameters(formula, inputs)}


def moved_together(formula, inputs):
    """Every point, centre or table moved by the same 1000: what depends on differences alone stays."""
    tables = [a for a, axes in formula.shapes.items() if axes and np.asarray(inputs[a]).dtype == float]
    return {a: inputs[a] + 1000.0 for a in tables} if len(tables) > 1 else {}


def many_answers(formula, inputs):
    """Three times as many answers, for a formula of answers j = 0..k-1; not for lists of indices."""
    along = {a: [i for i, axis in enumerate(axes) if axis == "k"] for a, axes in formula.shapes.items()}
    if any(np.asarray(inputs[a]).dtype != float for a, places in along.items() if places):
        return {}
    tripled = lambda x, axis: np.concatenate([x + 0.37 * j for j in range(3)], axis)
    return {a: functools.reduce(tripled, places, inputs[a]) for a, places in along.items() if places}


def shares(formula, inputs):
    """Targets between the labels 0 and 1: not all that agrees on labels agrees there."""
    asked = [a for a in ("target", "targets") if a in inputs and formula._parameters[a].annotation is not int]
    refused = lambda a: not is_legal(formula, inputs | {a: 2.0 + np.zeros(np.shape(inputs[a]))})
    labels = [a for a in asked if np.all(np.isin(inputs[a], (0, 1))) and refused(a)]
    return {a: 0.3125 + 0.25 * np.asarray(inputs[a]) for a in labels}


def unequal_halves(diagonal):
    """A symmetric matrix becomes one whose halves differ; a formula that reads one half is wrong there."""

    def change(formula, inputs):
        square = [a for a, axes in formula.shapes.items() if len(axes) == 2 and axes[0] == axes[1]]
        alike = [a for a in square if np.array_equal(inputs[a], inputs[a].T)]
        by = lambda x: np.tril(1.0 + 0.5 * np.abs(x), -1) + diagonal * np.eye(len(x))
        units = [a for a, axes in formula.shapes.items() if alike and axes == formula.shapes[alike[0]][:1]]
        on = [
            a for a in units if np.asarray(inputs[a]).dtype.kind in "iu"
        ]  # all alike, so that all pairs count
        return {a: inputs[a] + by(inputs[a]) for a in alike} | {a: np.ones_like(inputs[a]) for a in on}

    return change


def cost_of_the_right(cost):
    """A cost of the right answer itself, which no loss asks for."""

    def change(formula, inputs):
        if not {"costs", "label"} <= set(inputs):
            return {}
        is_right = np.arange(len(inputs["costs"])) == inputs["label"]
        return {"costs": np.where(is_right, cost, inputs["costs"])}

    return change


# name: what is changed in a sample, nothing where it does not apply
HOSTILE_SAMPLES = {
    "large parameters": scaled_parameters(32.0),
    "small parameters": scaled_parameters(1.0 / 32.0),
    "no parameters": scaled_parameters(0.0),
    "moved together": moved_together,
    "many answers": many_answers,
    "shares": shares,
    "more shares": shares,
    "unequal halves": unequal_halves(0.0),
    "unequal halves and a diagonal": unequal_halves(0.75),
    "cost of the right answer": cost_of_the_right(2.5),
    "large cost of the right answer": cost_of_the_right(8.0),
}


def questions(name, formula):
    """Yield (id, inputs, case or None) for every vector of a formula.  Adding a page changes no other's."""
    for case in formula.cases:
        yield f"{name}/{slug(case.name)}", formula.bind(**case.inputs), case
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for i in range(RANDOM):
        yield f"{name}/random-{i}", single(formula.bind(**formula.sample(rng))), None
    moved = next(iter(formula.gradients or formula.shapes))
    for kind, (move, resolved) in HOSTILE.items():
        for i in range(HOSTILE_EACH):
            sample = formula.bind(**formula.sample(rng))
            hostile = sample | {moved: move(np.asarray(sample[moved]))}
            hostile = single(hostile) if resolved else hostile
            if is_legal(formula, hostile):
                yield f"{name}/{slug(kind)}-{i}", hostile, None
    for kind, change in HOSTILE_SAMPLES.items():
        sample = formula.bind(**formula.sample(rng))
        changes = change(formula, sample)
        if changes and is_legal(formula, single(sample | changes)):
            yield f"{name}/{slug(kind)}", single(sample | changes), None
    yield from large_questions(name, formula)


def large_questions(name, formula):
    """Those with some forty places along an axis."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), 40])
    for axis, inputs in (*large.samples(name, formula, rng), *labelled.samples(name, formula)):
        yield f"{name}/long-{axis}", single(inputs), None


def is_large(id):
    return id.partition("/")[2].startswith("long-")


def slug(text):
    """An id from a case's name, up to its first colon.

    >>> slug("at the corner: a gap of exactly m is enough")
    'at-the-corner'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.partition(":")[0].lower().replace(" -1", " minus 1")).strip("-")


def single(inputs):
    """The inputs rounded to float32, so that both dtypes are asked the same question."""
    rounded = lambda x: np.asarray(x, np.float32).astype(float)[()] if np.asarray(x).dtype.kind == "f" else x
    with np.errstate(over="ignore"):  # beyond float32 the input is infinite there, and so marked float64 only
        return {name: rounded(value) for name, value in inputs.items()}


def is_legal(formula, inputs):
    """Whether the formula is defined there, its value and gradients finite doubles."""
    try:
        with np.errstate(all="ignore"):
            results = [function(**inputs) for function in (formula.value, *formula.gradients.values())]
            return all(np.all(np.isfinite(result)) for result in results)
    except ValueError:
        return False


def make(name, formula):
    """The vectors of one formula, from the oracle: a list of plain dicts, in the order of the file."""
    return [vector(name, formula, *question) for question in questions(name, formula)]


def vector(name, formula, id, inputs, case=None, every=1):
    """The vector of one question, as a plain dict; `every`: which conditions are asked for (oracle.truth)."""
    from ebm_ref.proof import oracle  # mpmath is needed to make vectors, not to use them

    asked = {
        "id": id,
        "formula": name,
        "inputs": {a: np.asarray(x).tolist() for a, x in inputs.items()},
        "float64_only": any(np.any(np.asarray(x) != y) for x, y in _finite_pairs(inputs, single(inputs))),
        "exposes": case.exposes if case else "",
    }
    finite = all(np.all(np.isfinite(np.asarray(x, float))) for x in inputs.values())
    if finite:
        dtypes = {"float64": PRECISIONS["float64"]} if asked["float64_only"] else PRECISIONS
        try:
            expression = (oracle.STEPWISE if is_large(id) else oracle.ORACLES)[name]
            on = functools.cache(
                lambda *script: oracle.truth(expression, inputs, formula.gradients, script, every)
            )
            sides = lambda reach: oracle.sides(expression, inputs, reach)
            truth = lambda: _oracle_truth(on, sides, formula, inputs, case, dtypes)
            return _judged(asked | oracle.computed(truth, inputs))
        except (oracle.EdgeOfDomain, ZeroDivisionError):
            if case is None:  # at an edge the truth is a convention, and only a case can state it
                raise
    truth = {
        "truth": "hand",
        "value": np.asarray(case.value, np.asarray(formula.cases[0].value).dtype).tolist(),
    }
    gradients = {a: np.asarray(g, float).tolist() for a, g in case.gradients.items()}
    unknown = {"condition": None, "gradient_conditions": {}, "size": None, "gradient_sizes": {}}
    return _judged(asked | truth | {"gradients": gradients} | unknown | {"kinks": {}})


def _judged(vector):
    """The vector with its conditions and sizes as they are shipped, and what is weak."""
    known = _decoded(vector)
    sizes = {} if known["size"] is None else {"value": known["size"], **known["gradient_sizes"]}
    S = {o: _up(np.minimum(size, largest(known, o, of(known, o))), 2) for o, size in sizes.items()}
    C = {a: _up(C_a, 3) for a, C_a in known["gradient_conditions"].items()}
    shipped = {key: entry for key, entry in vector.items() if key not in ("size", "gradient_sizes")}
    shipped |= {"condition": _up(known["condition"], 3) if S else None, "gradient_conditions": C}
    shipped |= {"size": S.pop("value", None), "gradient_sizes": S}
    shipped = _plain(shipped)
    says_little = weak(_decoded(shipped))
    return shipped | ({"weak": says_little} if says_little else {})


def weak(vector):
    """Per dtype, the outputs that are no mismatch when every entry is wrong by 1 %: they say little."""
    dtypes = ["float64"] if vector["float64_only"] else list(PRECISIONS)
    found = {
        dtype: [o for o in ("value", *vector["gradients"]) if _is_weak(vector, o, dtype)] for dtype in dtypes
    }
    return {dtype: outputs for dtype, outputs in found.items() if outputs}


def _is_weak(vector, output, dtype):
    truth = np.asarray(of(vector, output))
    if truth.dtype.kind in "iu":
        return False
    with np.errstate(over="ignore"):
        truth = truth.astype(dtype).astype(float)
        wrong = 1.01 * truth
    differs = np.any(np.isfinite(wrong) & (wrong != truth))
    return bool(differs and measure(vector, output, wrong, dtype).verdict != "mismatch")


def _up(bound, digits):
    """To so many digits, never down, and 1 for 1.0: files stay small, and a bound is still one."""
    upward = decimal.Context(prec=digits, rounding=decimal.ROUND_CEILING)

    def shortened(x):
        x = float(upward.create_decimal(repr(float(x)))) if math.isfinite(x) else x
        return int(x) if math.isfinite(x) and x < 1e15 and x == int(x) else x

    return np.vectorize(shortened, otypes=[object])(bound)


def _finite_pairs(inputs, rounded):
    for name, value in inputs.items():
        value, other = np.asarray(value, float), np.asarray(rounded[name], float)
        yield value[np.isfinite(value)], other[np.isfinite(value)]


def _oracle_truth(on, sides, formula, inputs, case, dtypes):
    """The truth on the branch that is taken, and the hull of all that are too near it."""
    truth = {part: entry for part, entry in on(*next(sides(0.0))).items() if part != "sums"}
    reach = 8 * scale({"inputs": inputs}, truth["value"])
    kinks = {}
    for dtype, (u, _) in dtypes.items():
        near = [on(*script) for script in sides(u * reach)]
        if len(near) > 1:
            kinks[dtype] = _hull(formula, near)
            truth["size"] = np.max([truth["size"], *(side["size"] for side in near)], axis=0)
            for a, S in truth["gradient_sizes"].items():
                truth["gradient_sizes"][a] = np.max(
                    [S, *(side["gradient_sizes"][a] for side in near)], axis=0
                )
    if np.asarray(formula.cases[0].value).dtype.kind == "i":
        truth["value"] = truth["value"].astype(int)
        kinks = (
            {} if case and case.exposes else kinks
        )  # it says which of equals is the index, and who differs
    if case and kinks:  # at a corner the convention is a decision, and the case states it
        truth["gradients"] |= {a: np.asarray(g, float) for a, g in case.gradients.items()}
    return {"truth": "oracle", **_plain(truth), "kinks": _plain(kinks)}


def _hull(formula, near):
    """What holds near a corner: ranges of value and slopes, and of the sum of the slopes over an argument.

    The sums tell apart what the ranges cannot: of two tied offenders either, or a share of each, but
    not both in full nor none.
    """
    return {
        "value": _values([side["value"] for side in near], formula),
        "gradients": {a: _range([side["gradients"][a] for side in near]) for a in formula.gradients},
        "sums": {a: _range([side["sums"][a] for side in near]) for a in formula.gradients},
    }


def _values(sides, formula):
    """The lowest and the highest value; of an index every one, for none between two is right."""
    is_index = np.asarray(formula.cases[0].value).dtype.kind == "i"
    return np.unique(np.array(sides, int)) if is_index else _range(sides)


def _range(sides):
    return [np.min(sides, axis=0), np.max(sides, axis=0)]


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list) else np.asarray(value).tolist()


def encode(value):
    """A value as JSON can hold it: non-finite numbers become the strings "nan", "inf", "-inf"."""
    if isinstance(value, dict):
        return {key: encode(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def decode(value):
    """The inverse, with arrays for lists of numbers.

    >>> decode(encode([1.0, float("nan"), float("-inf")]))
    array([  1.,  nan, -inf])
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    array = np.asarray(value) if isinstance(value, list) else None
    if array is not None and array.dtype.kind in "iu":
        return array
    return np.asarray(value, float)[()]


def dump(vectors):
    """The text of a vectors file; most vectors have no kinks, and their lines say nothing of them."""
    said = ({k: x for k, x in vector.items() if k != "kinks" or x} for vector in vectors)
    return "".join(json.dumps(encode(vector), allow_nan=False) + "\n" for vector in said)


def parse(text):
    """The vectors of a file's text, inputs, values and gradients as arrays."""
    return [_decoded(json.loads(line)) for line in text.splitlines()]


def _decoded(vector):
    sides = lambda side: {"value": decode(side["value"])} | {k: _each(side[k]) for k in ("gradients", "sums")}
    return vector | {
        "inputs": _each(vector["inputs"]),
        "value": decode(vector["value"]),
        "gradients": _each(vector["gradients"]),
        "condition": _bound(vector["condition"]),
        "gradient_conditions": {a: _bound(C) for a, C in vector["gradient_conditions"].items()},
        "size": _bound(vector["size"]),
        "gradient_sizes": {a: _bound(S) for a, S in vector["gradient_sizes"].items()},
        "kinks": {dtype: sides(side) for dtype, side in vector.get("kinks", {}).items()},
    }


def _bound(entries):
    """As decoded, but whole numbers are numbers like others."""
    return None if entries is None else np.asarray(decode(entries), float)[()]


def _each(mapping):
    return {name: decode(value) for name, value in mapping.items()}


def load(name):
    """The shipped vectors of a formula."""
    return parse((VECTORS / f"{name}.jsonl").read_text(encoding="utf-8"))
