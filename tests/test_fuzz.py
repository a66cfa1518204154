"""Every call of a formula or of a public function answers rightly, or refuses an argument by its name."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ebm_ref.proof.garbage import Spoiled, fault

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
import fuzz_calls

CALLS = fuzz_calls.every_call()
PARTS = 20


@pytest.mark.parametrize("part", range(PARTS))
def test_spoiled_calls(part):
    """Twenty thousand seeded calls in all; scripts/fuzz_calls.py makes more."""
    assert list(fuzz_calls.faults(CALLS, 20_000 // PARTS, seed=100 + part)) == []


def test_spoiled_calls_of_kernels():
    """One test, since each process that takes part must compile them."""
    assert list(fuzz_calls.faults(fuzz_calls.kernel_calls(), 400, seed=7)) == []


def test_faults_are_seen():
    """A sum that wraps around, an error from the inside, a refusal without a name: each is a fault."""
    small = np.array([100, 100], np.int8)
    wraps = Spoiled("int8", "x", {"x": small}, {"x": small.astype(float)})
    assert "for float64" in fault(lambda x: np.sum(x, dtype=x.dtype), wraps)
    text = Spoiled("text", "x", {"x": "one"})
    assert "IndexError" in fault(lambda x: np.zeros(3)[7], text)
    assert "ValueError" in fault(lambda x: float(x), text)
    assert fault(lambda x: np.asarray(x, float), wraps) is None
