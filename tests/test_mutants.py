"""The golden vectors have teeth: a seeded sample of the mutants of all pages and naive expressions."""

import ast
import re

import numpy as np
import pytest
from conftest import script

from ebm_ref import FORMULAS
from ebm_ref.proof import mutants, programs

candidates = script("mutate_candidates")
SAMPLE, SEED = 500, 1


def test_a_sample_of_mutants_is_convicted():
    """Each is wrong on some vector, or a line of mutants_alike.txt says why it computes the same."""
    found = [(key, route.verdict(make)) for route, key, make in candidates.sample(SAMPLE, SEED)]
    left = [key for key, verdict in found if candidates.survives(key, verdict)]
    assert len(found) == SAMPLE and [key for key in left if not candidates.explained(key)] == []
    assert sum(verdict == "convicted" for _, verdict in found) >= 0.85 * SAMPLE


@pytest.mark.parametrize("name", ["hinge", "ctc", "soft_alignment", "mixture_score"])
def test_routes_are_right_before_they_are_mutated(name):
    for route in candidates.routes(name):
        assert len(route.known) >= 20
        assert candidates.verdict(route.program.make(), route.known, route.plain) == "alike"


def test_the_program_of_a_mutant_is_another_and_the_page_stays():
    formula = FORMULAS["hinge"]
    program = programs.page(formula)
    sample = np.array([1.0, 3.0, 1.5]), 0, 1.0
    values = {float(program.make(edit, module)["value"](*sample)) for module, edit in finite(program, sample)}
    assert len(values) > 3 and formula.value(*sample) == program.make()["value"](*sample) == 0.5


def finite(program, sample):
    """The edits that answer a sample."""
    for module, edit in program.edits():
        try:
            np.asarray(program.make(edit, module)["value"](*sample), float)
        except Exception:
            continue
        yield module, edit


def test_edits_of_a_function():
    text = "def f(x, n):\n    for i in range(n):\n        x[i] += 2.0 * x[i - 1]\n    return max(x)"
    found = {edit.text for edit in mutants.edits(ast.parse(text).body[0], "f")}
    assert {"2.0 * x[i - 1] -> 2.0 / x[i - 1]", "i - 1 -> i", "x[i] += 2.0 * x[i - 1] -> pass"} <= found
    assert {"range(n) -> range(n + 1)", "max(x) -> min(x)", "2.0 -> -2.0"} <= found


def test_every_reason_explains_something_and_reads_as_a_pattern():
    assert all(reason for reason in candidates.reasons().values())
    assert all(re.compile(pattern) for pattern in candidates.reasons())


def test_what_does_not_end_is_convicted():
    vector = candidates.vectors("hinge")[0]

    def forever(*inputs):
        while True:
            pass

    assert candidates.verdict({"value": forever}, [(vector, 0)], plain=False) == "convicted"
