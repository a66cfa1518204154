"""FORMAT.md says enough: a judge in JavaScript that knows nothing else comes to the same verdicts."""

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.conformance.compare import judge
from ebm_ref.proof import bounds, golden

JUDGE = Path(__file__).parents[1] / "scripts" / "clients" / "judge.mjs"
UNITS = 0.5, 0.99, 1.01, 3.0  # of a bound
KINDS = (
    "right",
    "wrong",
    "nan",
    "inf",
    "sign",
    *(f"{unit} {level}" for level in ("fine", "coarse") for unit in UNITS),
)


def bound_of(vector, output, level, dtype):
    """The bound of every component, from what the format says of it."""
    truth = np.asarray(bounds.of(vector, output))
    u, eta = bounds.PRECISIONS[dtype]
    if level == "fine":
        return 8 * (u * bounds.condition(vector, output, truth) + eta)
    smallest = float(np.finfo(dtype).tiny)
    return 8 * bounds.terms(vector) * (u * bounds.size(vector, output, truth) + smallest)


def perturbed(vector, output, kind, dtype, rng):
    """An answer that is right, or wrong by so much in one of its components."""
    x = np.array(bounds.of(vector, output), float)
    side = vector["kinks"].get(dtype)
    if side and rng.integers(2):  # from the edge of what is right near a corner
        x = np.array(bounds.of(side, output)[rng.integers(2) - 1], float)
        x = x if x.shape == np.shape(bounds.of(vector, output)) else x[()]
    i = tuple(rng.integers(size) for size in x.shape) if x.size else ...
    unit, _, level = kind.partition(" ")
    with np.errstate(all="ignore"):
        if level:
            bound = np.broadcast_to(bound_of(vector, output, level, dtype), x.shape)
            x[i] += rng.choice((-1.0, 1.0)) * float(unit) * bound[i]
        elif kind != "right":
            x[i] = {"wrong": 1.5 * x[i] + 1.0, "nan": np.nan, "inf": np.inf, "sign": -x[i]}[kind]
    return x


def answers_to(vector, dtype, rng):
    """One of two perturbed outputs, and now and then none, a gradient less or more, or another shape."""
    asked = ["value", *vector["gradients"]]
    x = {o: perturbed(vector, o, rng.choice(KINDS), dtype, rng) for o in asked}
    answer = {"id": vector["id"], "value": x.pop("value"), "gradients": x}
    odd = rng.integers(24)
    if odd == 0:
        return {"id": vector["id"], "error": "it was late"}
    if odd == 1 and x:
        x.pop(rng.choice(sorted(x)))
    if odd == 2:
        x["nobody"] = 1.0
    if odd == 3:
        return answer | {"gradients": {a: g.T for a, g in x.items()}}
    return answer | ({"value": np.array([answer["value"]])} if odd == 4 else {})


def lines(dtype):
    """Vectors and answers, two to each and none to some."""
    rng = np.random.default_rng(8)
    for name in FORMULAS:
        for vector in golden.load(name):
            if dtype == "float64" or not vector["float64_only"]:
                count = 0 if rng.integers(50) == 0 else 2
                yield vector, [answers_to(vector, dtype, rng) for _ in range(count)]


def written(answer):
    return json.dumps(golden.encode(golden._plain(answer)), allow_nan=False) + "\n"


@pytest.mark.skipif(not shutil.which("node"), reason="JavaScript runs in Node, which is not installed")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_verdicts_are_those_of_another_implementation(dtype, tmp_path):
    asked = list(lines(dtype))
    shipped = "".join((golden.VECTORS / f"{name}.jsonl").read_text() for name in FORMULAS)
    (tmp_path / "vectors.jsonl").write_text(shipped)
    (tmp_path / "answers.jsonl").write_text("".join(written(a) for _, answers in asked for a in answers))
    command = ["node", JUDGE, tmp_path / "vectors.jsonl", tmp_path / "answers.jsonl", dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
    none = [{"error": "no answer"}]
    judgements = [j for vector, answers in asked for a in answers or none for j in judge(vector, a, dtype)]
    assert theirs == [(j.vector["id"], j.output, j.verdict) for j in judgements]
    assert (
        min(Counter(j.verdict for j in judgements)[v] for v in ("match", "imprecise", "mismatch", "error"))
        > 100
    )
