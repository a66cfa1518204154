"""Bad input to the energies: a ValueError that names the argument, its value and the rule."""

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies.convnet import pool_back
from ebm_ref.energies.gaussian_mixture import em_step
from ebm_ref.energies.hopfield import hebb
from ebm_ref.energies.pca import principal_axes

V, NAN = np.array, np.nan
ONE, TWO, THREE = np.ones(1), np.ones(2), np.ones(3)
SQUARE, COLUMN, ROW = np.ones((2, 2)), np.ones((2, 1)), np.ones((1, 2))
IMAGE, KERNEL, BLOCK = np.ones((3, 3)), np.ones((1, 2, 2)), np.ones((2, 1, 1, 1))

# formula, inputs, the argument that is wrong, the rule; what NumPy would stretch without a word included
BAD = [
    ("linear_regression", (SQUARE, THREE, TWO), "features", "has shape (3,), but must have (2,)"),
    ("linear_regression", (SQUARE, TWO, ONE), "target", "has shape (1,), but must have (2,)"),
    ("linear_regression", (SQUARE, TWO, COLUMN), "target", "has shape (2, 1), but must have (2,)"),
    ("two_class", (TWO, 0.0, TWO, 0), "answer", "must be -1 or 1"),
    ("two_class", (TWO, 0.0, TWO, NAN), "answer", "must be -1 or 1"),
    ("two_class", (TWO, 0.0, ONE, 1), "features", "has shape (1,), but must have (2,)"),
    ("logistic", (TWO, 0.0, TWO, -1), "answer", "must be 0 or 1"),
    ("logistic", (TWO, 0.0, TWO, 0.5), "answer", "must be 0 or 1"),
    ("logistic", (TWO, 0.0, THREE, 1), "features", "has shape (3,), but must have (2,)"),
    ("multi_layer_perceptron", (SQUARE, TWO, SQUARE, TWO, TWO, 2), "label", "must be an integer in 0..1"),
    ("multi_layer_perceptron", (SQUARE, ONE, SQUARE, TWO, TWO, 0), "hidden_biases", "must have (2,)"),
    ("multi_layer_perceptron", (SQUARE, TWO, COLUMN, TWO, TWO, 0), "output_weights", "must have (2, 2)"),
    ("multi_layer_perceptron", (SQUARE, TWO, ROW, TWO, TWO, 0), "output_weights", "must have (2, 2)"),
    ("multi_layer_perceptron", (SQUARE, TWO, SQUARE, TWO, ONE, 0), "features", "must have (2,)"),
    ("convnet", (KERNEL, ONE, BLOCK, IMAGE, 2), "label", "must be an integer in 0..1"),
    ("convnet", (KERNEL, TWO, BLOCK, IMAGE, 0), "biases", "has shape (2,), but must have (1,)"),
    ("convnet", (KERNEL, ONE, BLOCK, ROW, 0), "kernel", "must fit into an image of shape (1, 2)"),
    ("convnet", (KERNEL, ONE, BLOCK, SQUARE, 0), "z", "must have an even number of rows and of columns"),
    ("convnet", (KERNEL, ONE, np.ones((2, 1, 2, 1)), IMAGE, 0), "output_weights", "must have (2, 1, 1, 1)"),
    ("softmax", (SQUARE, TWO, 2), "label", "must be an integer in 0..1"),
    ("softmax", (SQUARE, ONE, 0), "features", "has shape (1,), but must have (2,)"),
    ("rbf_output", (SQUARE, TWO, -1), "label", "must be an integer in 0..1"),
    ("rbf_output", (SQUARE, ONE, 0), "features", "has shape (1,), but must have (2,)"),
    ("implicit_regression", (ROW, COLUMN, TWO, ROW, ONE, ONE), "features", "must have (2,)"),
    (
        "implicit_regression",
        (ROW, COLUMN, TWO, ROW, TWO, TWO),
        "target",
        "has shape (2,), but must have (1,)",
    ),
    ("implicit_regression", (ROW, COLUMN, ONE, ROW, TWO, ONE), "hidden_biases", "must have (2,)"),
    ("implicit_regression", (ROW, COLUMN, TWO, SQUARE, TWO, ONE), "output_weights", "must have (1, 2)"),
    ("siamese", (SQUARE, TWO, TWO, TWO, 2, 1.0), "same", "must be 1 or 0"),
    ("siamese", (SQUARE, TWO, TWO, TWO, 1, -1.0), "margin", "must be >= 0"),
    ("siamese", (SQUARE, TWO, TWO, TWO, 0, NAN), "margin", "must be >= 0"),
    ("siamese", (SQUARE, ONE, TWO, TWO, 0, 1.0), "biases", "has shape (1,), but must have (2,)"),
    ("siamese", (SQUARE, TWO, ONE, TWO, 0, 1.0), "first", "has shape (1,), but must have (2,)"),
    ("siamese", (SQUARE, TWO, TWO, ONE, 0, 1.0), "second", "has shape (1,), but must have (2,)"),
    ("joint_energy", (SQUARE, TWO, 2), "label", "must be an integer in 0..1"),
    ("joint_energy", (SQUARE, ONE, 0), "features", "has shape (1,), but must have (2,)"),
    ("marginal_energy", (SQUARE, THREE), "features", "has shape (3,), but must have (2,)"),
    ("marginal_energy", (np.ones((0, 2)), TWO), "weights", "must hold k >= 1 answers"),
    # energies with a latent variable, of points and of spins
    ("latent_detector", (TWO, SQUARE, 0.0, 2, 1), "position", "must be an integer in 0..1"),
    ("latent_detector", (TWO, SQUARE, 0.0, 0, 2), "face", "must be 0 or 1"),
    ("latent_detector", (ONE, SQUARE, 0.0, 0, 1), "weights", "has shape (1,), but must have (2,)"),
    ("latent_detector_free_energy", (TWO, SQUARE, 0.0, -1), "face", "must be 0 or 1"),
    ("latent_detector_free_energy", (ONE, SQUARE, 0.0, 1), "weights", "must have (2,)"),
    ("k_means", (np.ones((0, 2)), TWO), "centers", "must hold k >= 1 prototypes"),
    ("k_means", (SQUARE, ONE), "point", "has shape (1,), but must have (2,)"),
    (
        "gaussian_mixture_energy",
        (ONE, COLUMN, BLOCK[:, 0], TWO, 2),
        "component",
        "must be an integer in 0..1",
    ),
    ("gaussian_mixture_energy", (ONE, COLUMN, BLOCK[:, 0], V([1.0, 0.0]), 0), "weights", "must be positive"),
    ("gaussian_mixture_energy", (TWO, COLUMN, BLOCK[:, 0], TWO, 0), "point", "must have (1,)"),
    ("gaussian_mixture_energy", (ONE, COLUMN, BLOCK[0], TWO, 0), "covariances", "must have (2, 1, 1)"),
    ("gaussian_mixture_energy", (ONE, COLUMN, BLOCK[:, 0], ONE, 0), "weights", "must have (2,)"),
    ("gaussian_mixture", (TWO, ROW, -np.eye(2)[None], ONE), "covariances", "must be positive definite"),
    ("gaussian_mixture", (ONE, COLUMN, -BLOCK[:, 0], TWO), "covariances", "must be positive definite"),
    (
        "gaussian_mixture",
        (ONE, np.ones((0, 1)), np.ones((0, 1, 1)), np.ones(0)),
        "means",
        "c >= 1 components",
    ),
    ("pca", (COLUMN, ONE), "point", "has shape (1,), but must have (2,)"),
    ("autoencoder", (TWO, ROW, ONE, ROW, TWO), "decoder", "has shape (1, 2), but must have (2, 1)"),
    ("autoencoder", (TWO, ROW, TWO, COLUMN, TWO), "encoder", "has shape (1, 2), but must have (2, 2)"),
    ("autoencoder", (TWO, ROW, ONE, COLUMN, ONE), "decoder_bias", "has shape (1,), but must have (2,)"),
    ("denoising_autoencoder", (TWO, ONE, ROW, ONE, COLUMN, TWO), "target", "must have (2,)"),
    ("contraction", (ONE, ROW, ONE), "encoder", "has shape (1, 2), but must have (1, 1)"),
    ("contraction", (TWO, SQUARE, ONE), "encoder", "has shape (2, 2), but must have (1, 2)"),
    ("contractive_autoencoder", (TWO, ROW, ONE, COLUMN, TWO, -1.0), "strength", "must be >= 0"),
    ("contractive_autoencoder", (TWO, ROW, ONE, ROW, TWO, 1.0), "decoder", "must have (2, 1)"),
    ("sparse_coding", (SQUARE, TWO, TWO, -1.0), "sparsity", "must be >= 0"),
    ("sparse_coding", (SQUARE, ONE, TWO, 1.0), "observation", "has shape (1,), but must have (2,)"),
    ("sparse_coding", (COLUMN, TWO, TWO, 1.0), "code", "has shape (2,), but must have (1,)"),
    ("regularised_latent", (SQUARE, SQUARE, TWO, TWO, TWO, -1.0), "sparsity", "must be >= 0"),
    ("regularised_latent", (COLUMN, SQUARE, TWO, TWO, TWO, 1.0), "predictor", "must have (2, 2)"),
    ("regularised_latent", (COLUMN, ROW, ONE, TWO, TWO, 1.0), "decoder", "must have (2, 2)"),
    ("regularised_latent", (COLUMN, SQUARE, ONE, TWO, ONE, 1.0), "code", "must have (2,)"),
    ("vae_divergence", (TWO, TWO, -1.0), "beta", "must be >= 0"),
    ("vae_divergence", (TWO, ONE, 1.0), "log_variance", "has shape (1,), but must have (2,)"),
    ("vae", (TWO, TWO, TWO, TWO, SQUARE, -1.0), "beta", "must be >= 0"),
    ("vae", (TWO, TWO, ONE, TWO, SQUARE, 1.0), "log_variance", "must have (2,)"),
    ("vae", (TWO, TWO, TWO, ONE, SQUARE, 1.0), "noise", "must have (2,)"),
    ("vae", (ONE, TWO, TWO, TWO, SQUARE, 1.0), "decoder", "has shape (2, 2), but must have (1, 2)"),
    ("ellipse", (THREE, TWO, 0.0), "axes", "has shape (3,), but must have (2,)"),
    ("ellipse", (TWO, ONE, 0.0), "point", "has shape (1,), but must have (2,)"),
    ("ellipse", (TWO, TWO, TWO), "angle", "must be one number, not an array"),
    ("ellipse_free_energy_at_origin", (ONE, 1.0), "axes", "has shape (1,), but must have (2,)"),
    ("ellipse_free_energy_at_origin", (TWO, 0.0), "beta", "must be positive and finite"),
    ("hopfield", (SQUARE, TWO, V([1, 0])), "spins", "must be -1 or 1 each"),
    ("hopfield", (SQUARE, ONE, V([1, -1])), "fields", "has shape (1,), but must have (2,)"),
    ("hopfield", (COLUMN, TWO, V([1, -1])), "couplings", "has shape (2, 1), but must have (2, 2)"),
    *(
        (name + part, *wrong)
        for part in ("", "_score", "_curvature")
        for name, *wrong in (
            ("quadratic", (TWO, ONE, SQUARE), "center", "has shape (1,), but must have (2,)"),
            ("quadratic", (TWO, TWO, ROW), "precision", "has shape (1, 2), but must have (2, 2)"),
            ("double_well", (TWO, 1.0, 1.0), "point", "must be one number, not an array"),
            ("double_well", (1.0, TWO, 1.0), "position", "must be one number, not an array"),
            ("double_well", (1.0, 1.0, TWO), "height", "must be one number, not an array"),
            ("banana", (THREE, 1.0, 1.0), "point", "has shape (3,), but must have (2,)"),
            ("banana", (TWO, TWO, 1.0), "bend", "must be one number, not an array"),
            ("banana", (TWO, 1.0, TWO), "variance", "must be one number, not an array"),
            ("banana", (TWO, 1.0, 0.0), "variance", "must be positive"),
            ("rings", (TWO, np.ones(0), 1.0), "radii", "must hold c >= 1 rings"),
            ("rings", (TWO, ONE, TWO), "variance", "must be one number, not an array"),
            ("rings", (TWO, ONE, -1.0), "variance", "must be positive"),
            ("mixture", (TWO, np.ones((0, 2)), np.ones(0), np.ones(0)), "centers", "c >= 1 components"),
            ("mixture", (ONE, ROW, ONE, ONE), "point", "has shape (1,), but must have (2,)"),
            ("mixture", (TWO, SQUARE, ONE, TWO), "variances", "has shape (1,), but must have (2,)"),
            ("mixture", (TWO, SQUARE, TWO, ONE), "weights", "has shape (1,), but must have (2,)"),
            ("mixture", (TWO, ROW, 0.0 * ONE, ONE), "variances", "must be positive"),
            ("mixture", (TWO, ROW, ONE, 0.0 * ONE), "weights", "must be positive"),
        )
    ),
]


@pytest.mark.parametrize(
    "name, inputs, argument, rule", BAD, ids=[f"{n}-{a}-{i}" for i, (n, _, a, _) in enumerate(BAD)]
)
def test_value_and_gradients_name_the_argument(name, inputs, argument, rule):
    f = FORMULAS[name]
    for function in (f.value, *f.gradients.values()):
        with pytest.raises(ValueError) as problem:
            function(*inputs)
        assert str(problem.value).startswith(f"{argument} = ") and str(problem.value).endswith(rule)


def test_every_supervised_energy_is_asked_something_illegal():
    pages = ("linear_regression", "two_class", "logistic", "mlp", "convnet", "softmax", "rbf_output")
    pages += ("implicit_regression", "siamese", "joint_energy")
    energies = {n for n, f in FORMULAS.items() if f.value.__module__.rpartition(".")[2] in pages}
    assert len(energies) == 11 and energies <= {name for name, *_ in BAD}


def test_every_unsupervised_energy_is_asked_something_illegal():
    pages = ("latent_detector", "k_means", "gaussian_mixture", "pca", "autoencoder", "contractive", "vae")
    pages += ("regularised_latent",)
    pages += (
        "sparse_coding",
        "ellipse",
        "quadratic",
        "double_well",
        "banana",
        "rings",
        "mixture",
        "hopfield",
    )
    energies = {n for n, f in FORMULAS.items() if f.value.__module__.rpartition(".")[2] in pages}
    assert len(energies) == 32 and energies <= {name for name, *_ in BAD}


ENERGIES = [n for n, f in FORMULAS.items() if f.value.__module__.startswith("ebm_ref.energies.")]


@pytest.mark.parametrize("name", ENERGIES)
def test_an_array_with_an_axis_more_or_less_is_named(name):
    """Not unpacked into a message of Python, nor stretched into an answer of another shape."""
    f = FORMULAS[name]
    legal = f.bind(**f.sample(np.random.default_rng(0)))
    for argument, axes in f.shapes.items():
        x = legal[argument]
        for wrong in (x[0], x[None], x[..., None]) if axes else ():
            for function in (f.value, *f.gradients.values()):
                with pytest.raises(ValueError, match=r"(?s)^\w+ = [^:]*: (has|must)"):
                    function(**legal | {argument: wrong})


@pytest.mark.parametrize("name", ENERGIES)
def test_plain_numbers_may_be_huge_or_tiny(name):
    """Python's own 1e200**2 raises an OverflowError, NumPy's does not."""
    f = FORMULAS[name]
    legal = f.bind(**f.sample(np.random.default_rng(0)))
    for argument, axes in f.shapes.items():
        for x in (1e100, 1e200, 1e-200, 5e-324) if axes == () and isinstance(legal[argument], float) else ():
            with np.errstate(all="ignore"):
                for function in (f.value, *f.gradients.values()):
                    function(**legal | {argument: x})


def test_a_double_well_far_out():
    """What is between overflow and underflow is not lost on the way there."""
    assert FORMULAS["double_well"].value(2.0**300, 0.0, 2.0**-1000) == 2.0**200
    assert FORMULAS["double_well"].value(2.0**-300, 0.0, 2.0**1000) == 2.0**-200


def test_a_detector_needs_a_window():
    f = FORMULAS["latent_detector_free_energy"]
    for function in (f.value, *f.gradients.values()):
        with pytest.raises(ValueError, match=r"windows = .*: must hold k >= 1 windows$"):
            function(TWO, np.ones((0, 2)), 0.0, 1)


MIXTURE = COLUMN * V([[0.0], [1e6]]), np.ones((2, 1, 1)), TWO


@pytest.mark.parametrize(
    "use, inputs, says",
    [
        (hebb, (TWO,), r"patterns = .*must have the axes \(p, n\)$"),
        (principal_axes, (TWO, 1), r"points = .*must have the axes \(p, n\)$"),
        (principal_axes, (SQUARE, -1), r"m = -1: must be an integer >= 1$"),
        (principal_axes, (SQUARE, 3), r"m = 3: must be at most 2, the number of axes$"),
        (principal_axes, (NAN * SQUARE, 1), r"points = .*: must be finite$"),
        (em_step, (np.ones((0, 1)), *MIXTURE), r"points = .*: must hold p >= 1 points$"),
        (em_step, (COLUMN, *MIXTURE), r"means = .*: must each explain a point: no component without any$"),
        (pool_back, (SQUARE, SQUARE), r"force = .*has shape \(2, 2\), but must have \(1, 1\)$"),
    ],
)
def test_what_learns_and_what_lies_between(use, inputs, says):
    """The functions of the pages that are no formulas: steps of learning, and parts of the network."""
    with pytest.raises(ValueError, match=f"(?s)^{says}"):
        use(*inputs)
