"""The class-weighted mean and its gradients against exact fractions, over the whole range of float64."""

from fractions import Fraction

import numpy as np
import pytest

from ebm_ref import FORMULAS

F = FORMULAS["reduction_class_weighted_mean"]
U, ETA = Fraction(2) ** -53, Fraction(2) ** -1074
LARGEST = Fraction(2) ** 1024 * (1 - U / 2)  # what is smaller does not round to infinity


def batch(rng):
    """Losses and weights of 1 to 7 samples, over up to 600 orders of magnitude, some alike, some absent."""
    n = int(rng.integers(1, 8))
    w = 10.0 ** (rng.choice([1, 20, 150, 300]) * rng.uniform(-1, 1, size=n))
    w[rng.integers(n)] *= rng.integers(2) if n > 1 else 1.0
    l = 10.0 ** (rng.choice([1, 150, 300]) * rng.uniform(-1, 1, size=n)) * rng.choice([1, 1, -1], size=n)
    return (l if rng.integers(3) else rng.choice([1.0, 3.0, np.nextafter(3.0, 4.0)], size=n)), w


def close(result, truth, size):
    """Within 4 (u C + eta), where C is the size of the terms; infinite beyond the largest number."""
    if abs(truth) >= LARGEST:
        return np.isinf(result) and (result > 0) == (truth > 0)
    return abs(Fraction(float(result)) - truth) <= 4 * (U * size + ETA)


@pytest.mark.parametrize("seed", range(5))
def test_against_fractions(seed):
    rng = np.random.default_rng(seed)
    for _ in range(200):
        l, w = batch(rng)
        x, v = [Fraction(float(a)) for a in l], [Fraction(float(a)) for a in w]
        W = sum(v)
        if W == 0:
            continue
        L = sum(a * b for a, b in zip(v, x, strict=True)) / W
        with np.errstate(over="ignore"):
            value, by_l, by_w = F.value(l, w), F.gradients["losses"](l, w), F.gradients["weights"](l, w)
        assert close(value, L, 2 * sum(abs(a * b) for a, b in zip(v, x, strict=True)) / W), (l, w)
        for i in range(len(l)):
            terms = sum(b * abs(x[i] - a) for a, b in zip(x, v, strict=True)) / W / W
            assert close(by_l[i], v[i] / W, 2 * v[i] / W), (l, w, i)
            assert close(by_w[i], (x[i] - L) / W, 2 * terms), (l, w, i)


def test_what_used_to_cancel_and_to_vanish():
    by_weights = F.gradients["weights"]
    assert by_weights([1.0, 3.0], [1e-17, 1.0]).tolist() == [-2.0, 2e-17]
    assert by_weights([3.0], [0.1]).tolist() == [0.0]
    assert F.value([1e-162, 2e-162], [1e-162, 1e-162]) == pytest.approx(1.5e-162, rel=1e-15, abs=0.0)
    assert F.value([1e300, -1e300], [1e300, 3e300]) == pytest.approx(-5e299, rel=1e-15)
