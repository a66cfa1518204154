"""Products beyond the range: their sum is an infinity with a sign, or a number, and no inf - inf or 0 inf."""

import numpy as np
import pytest
from conftest import script

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


ONE_AT_A_TIME = [  # formula, argument, by what it is scaled
    ("banana_score", "bend", 1e200),
    ("banana_curvature", "bend", 1e200),
    ("kernel_stein", "width", 1e-200),
    ("kernel_stein_v", "width", 1e-200),
    ("kernel_stein_multiquadric", "width", 1e-200),
    ("kernel_stein_multiquadric", "width", 1e200),
    ("kernel_stein_multiquadric", "points", 1e200),
    ("kernel_stein", "width", 2.0**-1060),
    ("double_well_curvature", "point", 1e200),
    ("negative_binomial_nll", "dispersion", 2.0**-1060),
    ("negative_binomial_nll", "log_mean", 1e200),
    ("student_t_nll", "scale", 2.0**-1060),
    ("student_t_nll", "degrees", 2.0**-1060),
    ("double_well_score", "position", 1e200),
    ("vae", "log_variance", 1e3),
    ("gaussian_mixture", "covariances", 2.0**-1060),
    ("gaussian_mixture_energy", "means", 1e200),
]
SEEDS = {
    "banana_score": 0,
    "banana_curvature": 1,
    "vae": 12,
    "gaussian_mixture": 3,
    "gaussian_mixture_energy": 38,
}


@pytest.mark.parametrize("name, argument, scale", ONE_AT_A_TIME)
def test_one_argument_at_an_end_of_the_range(name, argument, scale):
    """At these samples two terms that are infinite, or 0 and infinite, used to meet."""
    formula, expression = FORMULAS[name], oracle.STEPWISE[name]
    inputs = formula.bind(**formula.sample(np.random.default_rng(SEEDS.get(name, 1))))
    inputs[argument] = scale * np.asarray(inputs[argument])
    truth = oracle.computed(lambda: oracle.truth(expression, inputs, [*formula.gradients]), inputs)
    with np.errstate(over="ignore"):
        assert np.allclose(formula.value(**inputs), truth["value"], rtol=1e-12, atol=0.0)
        for a, gradient in formula.gradients.items():
            assert np.allclose(gradient(**inputs), truth["gradients"][a], rtol=1e-12, atol=1e-322), a


@pytest.mark.parametrize(
    "name, argument",
    [
        ("pca", "point"),
        ("sliced_score_matching", "direction"),
        ("mixture_curvature", "variances"),
        ("mixture_score", "variances"),
    ],
)
def test_seventeen_subnormal_numbers(name, argument):
    """Their products are each rounded to a multiple of eta, unless they are in units of their own."""
    hunt, samples = script("hunt_digits"), script("hunt_samples")
    inputs = samples.grown(name, 17, np.random.default_rng(3))
    inputs[argument] = 2.0**-1060 * inputs[argument]
    found = hunt.judge(name, inputs, long=True)
    assert found and max(units for units, *_ in found) <= FORMULAS[name].keeps


def test_a_share_below_the_range_of_a_slope_that_is_large():
    """r_z is subnormal, and a quarter of a unit of it is lost; r_z times 2000 is not."""
    inputs = {
        "point": np.array([3.6922356166671832]),
        "means": np.array([[-1.3003426069890034], [-1.4842527718759964]]),
        "covariances": np.array([[[0.03379134676331897]], [[2.730437455587304]]]),
        "weights": np.array([1.8525052480534426e-165, 0.4573112239169841]),
    }
    expression = oracle.ORACLES["gaussian_mixture"]
    truth = oracle.computed(lambda: oracle.truth(expression, inputs, ["covariances"]), inputs)
    answer = FORMULAS["gaussian_mixture"].gradients["covariances"](**inputs)
    assert np.allclose(answer, truth["gradients"]["covariances"], rtol=1e-12, atol=1e-322)


def test_a_loss_beyond_the_range_has_a_slope():
    """Of two paths alike, each feels one half, up or down, even where log(2)/beta is infinite."""
    inputs = {"energies": np.zeros(2), "arcs": [[0, 1, 1], [0, 1, 2]], "answer": [1], "beta": 2.0**-1060}
    with np.errstate(over="ignore"):
        assert FORMULAS["graph_nll"].value(**inputs) == np.inf
        assert FORMULAS["graph_nll"].gradients["energies"](**inputs).tolist() == [0.5, -0.5]


def test_the_tape_hands_on_what_mpfr_has_no_number_for():
    """0/0 is mpmath's to refuse, and so a sample without a truth, not a breakdown."""
    zero = {"x": 0.0}
    with pytest.raises(ZeroDivisionError):
        oracle.computed(lambda: oracle.evaluate(lambda x: x / x, zero, on_tape=("x",)), zero)


def test_infinities_that_are_given_are_not_made_finite():
    finite, infinite = np.array([1e200, 1e200]), np.array([np.inf, -np.inf])
    both = dot(np.array([finite, infinite]), np.array([2e200, -1e200]))
    assert both[0] == np.inf and both[1] == np.inf  # inf + inf
    assert np.isnan(dot(infinite, finite)) and np.isnan(dot(np.array([np.nan, 1.0]), finite))


def test_what_cancels_beyond_the_range_leaves_the_rest():
    x = np.array([1e200, 1e200, 3.0])
    assert dot(x, np.array([1e200, -1e200, 0.5])) == 1.5


PARABOLAS = {  # half of a square that is in the range, though the square is not
    "linear_regression": ([[0.0]], [1.0], [1.7e154]),
    "gaussian_rbm_free_energy": ([[0.0]], [0.0], [0.0], [1.7e154]),
    "gaussian_rbm": ([[0.0]], [0.0], [0.0], [1.7e154], [0.0]),
    "implicit_regression": ([[1.0]], [[0.0]], [0.0], [[0.0]], [1.7e154], [0.0]),
    "autoencoder": ([1.7e154], [[0.0]], [0.0], [[0.0]], [0.0]),
    "vae": ([1.7e154], [0.0], [0.0], [0.0], [[0.0]]),
}


@pytest.mark.parametrize("name", PARABOLAS)
def test_half_a_square_is_in_the_range(name):
    inputs = [np.array(x) for x in PARABOLAS[name]]
    assert FORMULAS[name].value(*inputs) == pytest.approx(1.7e154 * 0.85e154, rel=1e-15)


def test_a_count_of_nothing_where_a_mu_is_subnormal():
    """log(1 + a mu)/a is mu then."""
    assert FORMULAS["negative_binomial_nll"].value(0.5, 2.0**-1060, 0.0) == np.exp(0.5)


@pytest.mark.parametrize("name", ["rings_score", "rings_curvature"])
@pytest.mark.parametrize("argument", ["radii", "point"])
def test_rings_whose_squares_are_beyond_the_range(name, argument):
    """The nearest ring and the slopes across are known, though the gap is infinite."""
    inputs = FORMULAS[name].bind(**FORMULAS[name].sample(np.random.default_rng(1)))
    inputs[argument] = 1e200 * inputs[argument]
    found = script("hunt_digits").judge(name, inputs)
    finite = [units for units, _, truth, _ in found if np.isfinite(truth)]
    assert finite and max(finite) <= FORMULAS[name].keeps
