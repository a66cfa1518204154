"""Recursions give what the listing of every configuration gives, to 50 digits and more."""

import numpy as np
import pytest

pytest.importorskip("mpmath", reason="the tape computes with mpmath")
pytest.importorskip("gmpy2", reason="the tape computes with MPFR")

from ebm_ref import FORMULAS
from ebm_ref.proof import evidence, oracle, tape
from ebm_ref.proof.naive.words import follow
from ebm_ref.proof.recursions import RECURSIONS


def differentiated(expression, inputs, gradients):
    given = {a: np.asarray(x).tolist() for a, x in inputs.items()}
    given |= {a: tape.number(given[a]) for a in gradients}
    follow(())
    f = expression(**given)
    slopes = tape.derivatives(f, [x for a in gradients for x in oracle.flat(given[a])])
    return [tape.plain(x) for x in (f, *slopes)]


@pytest.mark.parametrize("name", RECURSIONS)
def test_a_recursion_is_the_sum_over_all(name):
    f = FORMULAS[name]
    inputs = [*evidence.samples(name, 8)[0], *(f.bind(**case.inputs) for case in f.cases)]
    for sample in inputs:
        with tape.digits(100):
            try:
                listed = differentiated(oracle.ORACLES[name], sample, f.gradients)
            except (ValueError, ArithmeticError):  # infinite energies, no path: not the recursion's matter
                continue
            if not all(abs(x) < float("inf") for x in listed):
                continue
            stepwise = differentiated(RECURSIONS[name], sample, f.gradients)
            for ours, theirs in zip(stepwise, listed, strict=True):
                assert abs(ours - theirs) <= 1e-50 * max(1, abs(theirs))
