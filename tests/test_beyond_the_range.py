"""Products beyond the range: their sum is an infinity with a sign, or a number, and no inf - inf or 0 inf."""

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.numerics import dot

oracle = pytest.importorskip("ebm_ref.proof.oracle", reason="the oracle computes with mpmath")

SCALED = [  # formula, the arguments that are scaled by 1e200
    ("implicit_regression", ["output_weights"]),
    ("linear_regression", ["weights"]),
    ("two_class", ["weights", "bias", "features"]),
    ("pca", ["basis"]),
    ("sparse_coding", ["dictionary"]),
    ("regularised_latent", ["decoder"]),
    ("vae", ["decoder"]),
    ("autoencoder", ["point", "encoder", "encoder_bias", "decoder", "decoder_bias"]),
    ("contraction", ["point", "encoder", "encoder_bias"]),
    ("latent_detector", ["weights", "windows", "threshold"]),
    ("marginal_energy", ["weights", "features"]),
    ("rbm_free_energy", ["weights", "visible_bias", "hidden_bias", "visible"]),
    ("ellipse", ["axes"]),
    ("sliced_score_matching", ["score", "direction", "curvature_along"]),
    ("kernel_stein", ["points"]),
    ("kernel_stein_v", ["points"]),
]
# where an intermediate result is itself beyond the range, nothing is known of what it is subtracted from
LOST = {("pca", "point"), ("marginal_energy", "weights"), ("marginal_energy", "features")}


@pytest.mark.parametrize("name, arguments", SCALED, ids=lambda x: x if isinstance(x, str) else "")
def test_a_page_at_1e200_agrees_with_the_oracle(name, arguments):
    formula, expression = FORMULAS[name], oracle.STEPWISE[name]
    inputs = formula.sample(np.random.default_rng(1))
    inputs |= {a: 1e200 * np.asarray(inputs[a]) for a in arguments}
    slopes = [a for a in formula.gradients if (name, a) not in LOST]
    truth = oracle.computed(lambda: oracle.truth(expression, inputs, slopes), inputs)
    with np.errstate(over="ignore"):
        assert formula.value(**inputs) == pytest.approx(truth["value"], rel=1e-12)
        for a in slopes:
            close = np.isclose(formula.gradients[a](**inputs), truth["gradients"][a], rtol=1e-12, atol=0.0)
            assert np.all(close), a


def test_infinities_that_are_given_are_not_made_finite():
    finite, infinite = np.array([1e200, 1e200]), np.array([np.inf, -np.inf])
    both = dot(np.array([finite, infinite]), np.array([2e200, -1e200]))
    assert both[0] == np.inf and both[1] == np.inf  # inf + inf
    assert np.isnan(dot(infinite, finite)) and np.isnan(dot(np.array([np.nan, 1.0]), finite))


def test_what_cancels_beyond_the_range_leaves_the_rest():
    x = np.array([1e200, 1e200, 3.0])
    assert dot(x, np.array([1e200, -1e200, 0.5])) == 1.5
