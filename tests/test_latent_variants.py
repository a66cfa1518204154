"""Wrong latent-variable energies and toy densities are pinned too, and conventions carry their own slopes."""

import autograd
import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.proof.evidence import samples

V, L3 = np.array, np.log(3.0)
IGNORED = pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value", "ignore:divide by zero")
PAGES = (
    "latent_detector",
    "k_means",
    "gaussian_component",
    "gaussian_mixture",
    "pca",
    "autoencoder",
    "contractive",
    "vae",
    "vae_divergence",
    "rings",
)
PAGES += ("regularised_latent",)
PAGES += (
    "sparse_coding",
    "ellipse",
    "quadratic",
    "double_well",
    "banana",
    "mixture",
    "mixture_score",
    "banana_score",
    "hopfield",
)
NAMES = [n for n, f in FORMULAS.items() if f.value.__module__.rpartition(".")[2] in PAGES]


def variant(formula, name):
    return next(v for v in FORMULAS[formula].variants if v.name == name)


WINDOWS = (V([1.0, 2.0]), V([[1.0, 0.0], [0.0, 3.0]]), 0.5)  # energies 1 and 6
LINE = (V([1.0]), V([[0.0], [3.0]]), V([[[4.0]], [[1.0]]]), V([0.25, 0.75]))
HALF_LOG_TWO_PI = 0.9189385332046727
E0, E1 = (HALF_LOG_TWO_PI + x for x in (0.125 + np.log(8.0), 2.0 - np.log(0.75)))
CODE = (V([1.0, 2.0]), V([0.0, np.log(4.0)]), 2.0)
DICTIONARY = (np.eye(2), V([1.0, 2.0]), V([3.0, 0.0]), 0.5)
S3 = 1.0 / (1.0 + 3.0**-0.5)  # sigma(log(3)/2)
SINGLE = (V([0.0]), V([[0.0]]), V([[[1.0]]]), V([1.0]))
APART = V([1.0]), V([[0.0], [3.0]])
TWICE = V([0.0, 4.0])
NARROW = (V([[0.5 * L3]]), V([0.0]), V([[L3]]), V([0.0]))  # 1 -> 1/2 -> 1/2
BENT = (V([2.0, 3.0]), 1.0, 2.0)
LOPSIDED = (V([1.0, 2.0]), np.zeros(2), V([[1.0, 2.0], [0.0, 3.0]]))
MODES = (np.zeros(2), np.zeros((2, 2)), V([1.0, 4.0]), V([0.25, 0.75]))
RING = (V([2.0, 0.0]), V([1.0, 4.0]), 2.0)  # D = 3, -12
SPINS = (V([[2.0, 1.0], [3.0, 4.0]]), V([0.5, 0.25]), V([1, -1]))

# formula, variant, inputs, value: each worked by hand
VALUES = [
    ("latent_detector", "G taken for a score", (*WINDOWS, 1, 1), -6.0),
    ("latent_detector", "G taken for a score", (*WINDOWS, 1, 0), 0.5),
    ("latent_detector", "threshold charged for a face", (*WINDOWS, 1, 1), 6.5),
    ("latent_detector", "threshold charged for a face", (*WINDOWS, 1, 0), 0.0),
    ("latent_detector_free_energy", "mean over the positions", (*WINDOWS, 1), 3.5),
    ("latent_detector_free_energy", "mean over the positions", (*WINDOWS, 0), 0.5),
    ("k_means", "distance not squared", (V([[0.0, 0.0], [9.0, 9.0]]), V([3.0, 4.0])), 5.0),
    ("k_means", "mean over the prototypes", (V([[0.0], [4.0]]), V([1.0])), 5.0),
    ("gaussian_mixture_energy", "weight forgotten", (*LINE, 1), HALF_LOG_TWO_PI + 2.0),
    ("gaussian_mixture_energy", "covariance used for its inverse", (*LINE, 0), E0 + 1.875),
    ("gaussian_mixture_energy", "determinant forgotten", (*LINE, 0), E0 - np.log(2.0)),
    ("gaussian_mixture", "nearest component alone", LINE, min(E0, E1)),
    (
        "gaussian_mixture",
        "logarithm of each density summed",
        LINE,
        0.25 * (E0 - np.log(4.0)) + 0.75 * (E1 + np.log(0.75)),
    ),
    ("gaussian_mixture", "logarithm of a sum of densities", LINE, -np.log(np.exp(-E0) + np.exp(-E1))),
    ("gaussian_mixture", "logarithm of a sum of densities", (V([200.0]), *LINE[1:]), np.inf),
    ("pca", "what W explains instead of what it leaves", (V([[0.6], [0.8]]), V([5.0, 5.0])), 49.0),
    ("pca", "orthonormal columns taken for granted", (V([[2.0], [0.0]]), V([1.0, 1.0])), -2.0),
    ("autoencoder", "one half forgotten", (V([1.0]), *NARROW), 0.25),
    ("denoising_autoencoder", "compared with the corrupted input", (V([1.0]), V([9.0]), *NARROW), 0.125),
    (
        "denoising_autoencoder",
        "output left linear",
        (V([1.0]), V([2.0]), *NARROW),
        0.5 * (2.0 - 0.5 * L3) ** 2,
    ),
    (
        "contraction",
        "row summed before it is squared",
        (np.zeros(2), V([[3.0, -4.0], [1.0, 1.0]]), np.zeros(2)),
        5.0,
    ),
    ("contraction", "slope not squared", (V([1.0]), *NARROW[:2]), 0.1875 * L3**2),
    ("contractive_autoencoder", "norm not squared", (V([1.0]), *NARROW, 2.0), 0.125 + 0.75 * L3),
    ("regularised_latent", "price forgotten", (np.eye(2), *DICTIONARY[:1], TWICE, *DICTIONARY[1:]), 8.0),
    ("regularised_latent", "prediction left out", (np.eye(2), *DICTIONARY[:1], TWICE, *DICTIONARY[1:]), 9.5),
    ("sparse_coding", "one half before the square", DICTIONARY, 5.5),
    ("sparse_coding", "nonzero entries counted", DICTIONARY, 8.5),
    ("vae_divergence", "one half forgotten at the squares", CODE, 2.0 * (5.0 + 5.0 - np.log(2.0) - 1.0)),
    ("vae_divergence", "mean over the dimensions", CODE, 0.5 * (5.0 + 3.0 - np.log(4.0))),
    (
        "vae_divergence",
        "log of the variance taken for that of the deviation",
        CODE,
        5.0 + 15.0 - 2.0 * np.log(4.0),
    ),
    (
        "vae_divergence",
        "output squared for the variance",
        (V([1.0]), V([2.0]), 2.0),
        1.0 + 4.0 - np.log(4.0) - 1.0,
    ),
    (
        "vae_divergence",
        "one subtracted once instead of in each dimension",
        CODE,
        5.0 + 5.0 - np.log(4.0) - 1.0,
    ),
    (
        "vae",
        "variance taken for the deviation",
        (V([3.0]), V([1.0]), V([np.log(4.0)]), V([0.5]), V([[2.0]]), 0.0),
        4.5,
    ),
    ("ellipse", "distance not squared", (V([2.0, 1.0]), V([5.0, 4.0]), 0.0), 5.0),
    ("ellipse", "semi-axes exchanged", (V([2.0, 1.0]), V([3.0, 0.0]), 0.0), 4.0),
    (
        "ellipse_free_energy_at_origin",
        "integral not divided by 2 pi",
        (V([2.0, 2.0]), 2.0),
        4.0 - HALF_LOG_TWO_PI,
    ),
    ("ellipse_free_energy_at_origin", "not divided by beta", (V([2.0, 2.0]), 3.0), 12.0),
    ("quadratic", "one half forgotten", LOPSIDED, 17.0),
    ("quadratic_score", "gradient of the energy given for the score", LOPSIDED, [3.0, 7.0]),
    ("quadratic_curvature", "sum of all second derivatives, mixed ones too", LOPSIDED, 6.0),
    ("double_well", "(x - a)^2 for (x^2 - a^2)^2", (3.0, 1.0, 0.5), 2.0),
    ("double_well_score", "gradient of the energy given for the score", (2.0, 1.0, 0.5), 12.0),
    ("double_well_curvature", "sign of the score's slope", (2.0, 1.0, 0.5), -22.0),
    ("banana", "mean not put back to zero", BENT, 1.5),
    ("banana", "mean not put back to zero", (V([1.0, 3.0]), 1.0, 2.0), 2.25),
    ("banana_score", "gradient of the energy given for the score", BENT, [-3.0, 1.0]),
    ("banana_curvature", "mixed derivatives counted", BENT, 7.5),
    ("rings", "nearest ring alone", RING, 2.25),
    ("rings", "squared radius forgotten", (V([2.0, 0.0]), V([4.0]), 2.0), 0.0),
    ("rings_score", "gradient of the energy given for the score", (V([2.0, 0.0]), V([1.0]), 2.0), [6.0, 0.0]),
    ("rings_curvature", "second derivative along the radius alone", (V([2.0, 0.0]), V([1.0]), 2.0), 11.0),
    ("mixture", "weights forgotten", MODES, 2.0 * HALF_LOG_TWO_PI - np.log(1.25)),
    ("mixture", "variance of one dimension in the normaliser", MODES, 2.0 * HALF_LOG_TWO_PI - np.log(0.625)),
    (
        "mixture_score",
        "weights in place of responsibilities",
        (V([1.0]), V([[0.0], [3.0]]), V([1.0, 2.0]), V([1.0, 3.0])),
        [0.5],
    ),
    (
        "mixture_curvature",
        "spread of the forces left out",
        (V([0.0]), V([[-3.0], [3.0]]), V([2.0, 2.0]), V([1.0, 3.0])),
        0.5,
    ),
    ("hopfield", "every pair counted twice", SPINS, -2.25),
    ("hopfield", "sign of the couplings lost", SPINS, 0.75),
    ("hopfield", "diagonal left out", SPINS, 1.75),
    ("gaussian_mixture_energy", "determinant for its root", (*LINE, 0), E0 + np.log(2.0)),
    ("gaussian_mixture", "weights forgotten", LINE, -np.log(4.0 * np.exp(-E0) + np.exp(-E1) / 0.75)),
    ("gaussian_mixture", "determinants forgotten", LINE, -np.log(2.0 * np.exp(-E0) + np.exp(-E1))),
    ("gaussian_mixture", "determinants for their roots", LINE, -np.log(0.5 * np.exp(-E0) + np.exp(-E1))),
    (
        "gaussian_mixture",
        "covariances used for their inverses",
        LINE,
        -np.log(np.exp(-E0 - 1.875) + np.exp(-E1)),
    ),
    ("gaussian_mixture", "constant left out", LINE, -np.log(np.exp(-E0) + np.exp(-E1)) - HALF_LOG_TWO_PI),
    (
        "vae_divergence",
        "square of the logarithm for the logarithm of the square",
        CODE,
        8.0 - np.log(2.0) ** 2,
    ),
    ("vae_divergence", "deviation for the variance", CODE, 6.0 - np.log(4.0)),
    (
        "vae",
        "mean squared error",
        (V([3.0, 0.0]), V([1.0]), V([np.log(4.0)]), V([0.5]), V([[2.0], [2.0]]), 0.0),
        8.5,
    ),
    (
        "vae",
        "divergence averaged over the codes",
        (V([0.0]), V([2.0, 0.0]), np.zeros(2), np.zeros(2), np.zeros((1, 2)), 1.0),
        1.0,
    ),
    ("ellipse", "angle in degrees", (V([2.0, 1.0]), V([0.0, 2.0]), 90.0), 1.0),
    ("hopfield", "sign of the field lost", SPINS, -0.75),
    ("latent_detector", "best position for the one given", (*WINDOWS, 1, 1), 1.0),
    (
        "latent_detector_free_energy",
        "all positions summed softly",
        (*WINDOWS, 1),
        -np.log(np.exp(-1.0) + np.exp(-6.0)),
    ),
    ("latent_detector_free_energy", "no face competes with a face", (*WINDOWS, 1), 0.5),
    (
        "k_means",
        "free energy for the minimum",
        (V([[0.0], [4.0]]), V([1.0])),
        -np.log(np.exp(-1.0) + np.exp(-9.0)),
    ),
    (
        "gaussian_mixture_energy",
        "diagonal of the Cholesky factor not doubled",
        (*LINE, 0),
        E0 - 0.5 * np.log(2.0),
    ),
    (
        "gaussian_mixture_energy",
        "1e-6 added to the variances",
        (*SINGLE, 0),
        HALF_LOG_TWO_PI + 0.5 * np.log1p(1e-6),
    ),
    (
        "gaussian_mixture",
        "diagonals of the Cholesky factors not doubled",
        LINE,
        -np.log(np.sqrt(2.0) * np.exp(-E0) + np.exp(-E1)),
    ),
    ("gaussian_mixture", "1e-6 added to the variances", SINGLE, HALF_LOG_TWO_PI + 0.5 * np.log1p(1e-6)),
    ("pca", "code by least squares", (V([[2.0], [0.0]]), V([3.0, 1.0])), 1.0),
    ("autoencoder", "output left linear", (V([1.0]), *NARROW), 0.5 * (1.0 - 0.5 * L3) ** 2),
    ("autoencoder", "sigmoid at the output", (V([1.0]), *NARROW), 0.5 * (1.0 - S3) ** 2),
    ("autoencoder", "sigmoid for the code", (V([1.0]), *NARROW), 0.5 * (1.0 - np.tanh(L3 * S3)) ** 2),
    ("autoencoder", "code left linear", (V([1.0]), *NARROW), 0.5 * (1.0 - np.tanh(0.5 * L3**2)) ** 2),
    ("autoencoder", "weights tied", (V([1.0]), *NARROW), 0.5 * (1.0 - np.tanh(0.25 * L3)) ** 2),
    ("denoising_autoencoder", "sigmoid at the output", (V([1.0]), V([2.0]), *NARROW), 0.5 * (2.0 - S3) ** 2),
    (
        "denoising_autoencoder",
        "sigmoid for the code",
        (V([1.0]), V([2.0]), *NARROW),
        0.5 * (2.0 - np.tanh(L3 * S3)) ** 2,
    ),
    (
        "denoising_autoencoder",
        "code left linear",
        (V([1.0]), V([2.0]), *NARROW),
        0.5 * (2.0 - np.tanh(0.5 * L3**2)) ** 2,
    ),
    ("autoencoder", "rectified code", (V([1.0]), *NARROW), 0.5 * (1.0 - np.tanh(0.5 * L3**2)) ** 2),
    ("denoising_autoencoder", "rectified code", (V([-1.0]), V([2.0]), *NARROW), 2.0),
    (
        "denoising_autoencoder",
        "weights tied",
        (V([1.0]), V([2.0]), *NARROW),
        0.5 * (2.0 - np.tanh(0.25 * L3)) ** 2,
    ),
    ("contraction", "slope of a sigmoid", (V([1.0]), *NARROW[:2]), L3**2 / 64.0),
    ("contraction", "product of two norms", (np.zeros(2), np.diag([1.0, 2.0]), np.zeros(2)), 10.0),
    (
        "contractive_autoencoder",
        "output left linear",
        (V([1.0]), *NARROW, 2.0),
        0.5 * (1.0 - 0.5 * L3) ** 2 + 0.28125 * L3**2,
    ),
    ("sparse_coding", "square divided by 2 n", DICTIONARY, 3.5),
    (
        "vae",
        "logarithm of the variance taken for the deviation",
        (V([3.0]), V([1.0]), V([np.log(4.0)]), V([0.5]), V([[2.0]]), 0.0),
        0.5 * (1.0 - 2.0 * np.log(2.0)) ** 2,
    ),
    ("vae_divergence", "divergence the other way round", CODE, 1.25 + np.log(4.0)),
    ("ellipse", "sine and cosine exchanged", (V([2.0, 1.0]), V([5.0, 4.0]), 0.0), 34.0),
    ("ellipse", "implicit equation", (V([2.0, 1.0]), V([4.0, 3.0]), 0.0), 12.0),
    (
        "ellipse_free_energy_at_origin",
        "scaled Bessel function not scaled back",
        (V([2.0, 1.0]), 1.0),
        4.0 - np.log(1.6467231897728904),  # I_0(3/2)
    ),
    ("ellipse_free_energy_at_origin", "nearest point alone", (V([2.0, 3.0]), 1.0), 4.0),
    ("quadratic", "normaliser included", LOPSIDED, 8.5 + 2.0 * HALF_LOG_TWO_PI - 0.5 * L3),
    ("double_well", "distance of |x| from a", (-3.0, 1.0, 0.5), 2.0),
    ("double_well", "constant left out", (3.0, 1.0, 0.5), 31.5),
    ("double_well", "(x - a)^4 for (x^2 - a^2)^2", (3.0, 1.0, 0.5), 8.0),
    ("banana", "variance taken for the deviation", BENT, 1.0),
    ("banana", "Rosenbrock's valley", BENT, 0.75),
    ("rings", "distance of |x| from the radii", RING, -np.log(np.exp(-0.25) + np.exp(-1.0))),
    ("rings_score", "nearest ring alone", RING, [-6.0, 0.0]),
    ("rings_curvature", "spread of the gaps left out", (V([2.0, 0.0]), V([1.0, 7.0**0.5]), 2.0), 8.0),
    (
        "mixture",
        "variance taken for the deviation in the square",
        (V([1.0]), V([[0.0]]), V([4.0]), V([1.0])),
        HALF_LOG_TWO_PI + np.log(2.0) + 1.0 / 32.0,
    ),
    ("mixture", "logarithm of each density summed", MODES, 2.0 * HALF_LOG_TWO_PI + 0.75 * np.log(4.0)),
    ("mixture_score", "nearest component alone", (*APART, np.ones(2), np.ones(2)), [-1.0]),
    ("mixture_score", "shares forgotten", (*APART, V([1.0, 4.0]), np.ones(2)), [-0.5]),
    ("mixture_score", "divided by the deviations", (V([1.0]), V([[0.0]]), V([4.0]), V([1.0])), [-0.5]),
    ("mixture_curvature", "dimension forgotten", (np.zeros(2), np.zeros((1, 2)), V([4.0]), V([1.0])), 0.25),
    ("hopfield", "half above the diagonal read", SPINS, 0.75),
    ("hopfield", "half below the diagonal read", SPINS, 2.75),
    ("hopfield", "half above the diagonal read, and the diagonal", SPINS, -5.25),
    ("hopfield", "neighbours in a row alone", SPINS, 0.75),
    (
        "gaussian_mixture_energy",
        "covariance taken for its root",
        (*LINE, 0),
        HALF_LOG_TWO_PI + 4.0 * np.log(2.0) + 1.0 / 32.0,
    ),
    ("gaussian_mixture", "covariances taken for their roots", SINGLE, HALF_LOG_TWO_PI),
    ("gaussian_mixture", "lowest energy not added back", SINGLE, 0.0),
    ("contractive_autoencoder", "mean squared error", (V([1.0]), *NARROW, 0.0), 0.25),
    ("ellipse", "angle in turns", (V([2.0, 1.0]), V([0.0, 2.0]), 0.25), 1.0),
    ("quadratic", "precision taken for its root", LOPSIDED, 30.5),
    (
        "quadratic_score",
        "covariance taken for the precision",
        (V([1.0, 2.0]), np.zeros(2), np.diag([1.0, 4.0])),
        [-1.0, -0.5],
    ),
    ("mixture", "lowest energy not added back", MODES, -np.log(1.75)),
]
VALUES += [  # prototypes and codes
    ("k_means", "largest inner product", (V([[0.0, 0.0], [3.0, 4.0]]), V([3.0, 4.0])), -25.0),
    ("k_means", "winner by inner product", (V([[1.0, 0.0], [4.0, 0.0]]), V([1.0, 0.0])), 9.0),
    ("k_means", "each coordinate's own winner", (V([[0.0, 4.0], [4.0, 0.0]]), np.zeros(2)), 0.0),
    ("k_means", "averaged by a softmax", (V([[0.0], [np.sqrt(L3)]]), V([0.0])), 0.25 * L3),
    ("k_means", "one minus the largest cosine", (V([[2.0, 0.0], [0.0, 1.0]]), V([5.0, 0.0])), 0.0),
    ("vae", "output through a sigmoid", (V([0.5]), V([0.0]), V([0.0]), V([0.0]), V([[1.0]]), 1.0), 0.0),
    ("vae", "mean scaled, too", (V([2.0]), V([1.0]), V([np.log(4.0)]), V([0.0]), V([[1.0]]), 0.0), 0.0),
    ("hopfield", "bits taken for spins", SPINS, -1.5),
    ("latent_detector", "answers -1 and 1", (*WINDOWS, 1, 1), 5.5),
    ("latent_detector", "answers -1 and 1", (*WINDOWS, 1, 0), -5.5),
    ("latent_detector_free_energy", "answers -1 and 1", (*WINDOWS, 1), 0.5),
    ("latent_detector_free_energy", "answers -1 and 1", (*WINDOWS, 0), -0.5),
    ("latent_detector_free_energy", "all positions summed", (*WINDOWS, 1), 7.0),
    ("latent_detector_free_energy", "all positions summed", (*WINDOWS, 0), 0.5),
    ("sparse_coding", "logarithm of 1 and the square", DICTIONARY, 8.0 + 0.5 * np.log(10.0)),
    ("pca", "point centred on its own mean", (V([[1.0], [0.0]]), V([1.0, 1.0])), 0.0),
    ("pca", "columns made of length 1 first", (V([[2.0], [0.0]]), V([1.0, 0.0])), 0.0),
    ("pca", "first component alone", (np.eye(2), V([1.0, 3.0])), 9.0),
    (
        "quadratic",
        "half above the diagonal read",
        (V([1.0, 1.0]), np.zeros(2), V([[2.0, 1.0], [1.0, 4.0]])),
        3.5,
    ),
]
VALUES += [
    ("hopfield", "neighbours in a ring alone", SPINS, 3.75),
    ("autoencoder", "rectified output", (V([1.0]), V([[0.0]]), V([0.5 * L3]), V([[1.0]]), V([-1.0])), 0.5),
    (
        "denoising_autoencoder",
        "rectified output",
        (V([1.0]), V([3.0]), V([[0.0]]), V([0.5 * L3]), V([[4.0]]), V([0.0])),
        0.5,
    ),
]


@IGNORED
@pytest.mark.parametrize(
    "formula, name, inputs, value", VALUES, ids=lambda x: x if isinstance(x, str) else ""
)
def test_value(formula, name, inputs, value):
    assert variant(formula, name).value(*inputs) == pytest.approx(value, rel=1e-12, abs=1e-15)


# formula, variant, argument, inputs, slope: of variants that have a wrong slope alone
SLOPES = [
    ("quadratic", "gradient A d of an A that is not symmetric", "point", LOPSIDED, [5.0, 6.0]),
    ("sparse_coding", "gradient of half the square", "code", DICTIONARY, [2.5, -2.0]),
    ("autoencoder", "target taken for a constant", "point", (V([1.0]), *NARROW), [-9.0 / 64.0 * L3**2]),
    (
        "autoencoder",
        "slope of tanh as a difference",
        "decoder_bias",
        (V([2.0]), V([[0.0]]), V([0.0]), V([[0.0]]), V([25.0])),
        [0.0],
    ),
    (
        "pca",
        "orthonormal columns taken for granted",
        "basis",
        (V([[2.0], [0.0]]), V([1.0, 3.0])),
        [[-4.0], [-12.0]],
    ),
    ("k_means", "every prototype moved", "centers", (V([[0.0], [4.0]]), V([1.0])), [[-2.0], [6.0]]),
]
SLOPES += [
    (
        "gaussian_mixture_energy",
        "both halves of the covariance moved together",
        "covariances",
        (V([1.0, 1.0]), np.zeros((1, 2)), np.eye(2)[None], V([1.0]), 0),
        [[[0.0, -1.0], [-1.0, 0.0]]],
    )
]
SLOPES += [
    (
        "autoencoder",
        "slope of the code as of a sigmoid",
        "encoder_bias",
        (V([1.0]), *NARROW),
        [-L3 * 3.0 / 32.0],
    ),
    (
        "autoencoder",
        "slope of the code as of a sigmoid",
        "encoder",
        (V([1.0]), *NARROW),
        [[-L3 * 3.0 / 32.0]],
    ),
]


@pytest.mark.parametrize("formula, name, argument, inputs, slope", SLOPES)
def test_slope(formula, name, argument, inputs, slope):
    assert variant(formula, name).gradients[argument](*inputs) == pytest.approx(
        V(slope), rel=1e-12, abs=1e-15
    )


CONVENTIONS = [(n, v.name) for n in NAMES for v in FORMULAS[n].variants if v.kind == "convention"]


@pytest.mark.parametrize("formula, name", CONVENTIONS)
def test_a_convention_has_the_slopes_of_its_value(formula, name):
    """A framework that follows a convention follows it in value and slope: by autograd."""
    v, f = variant(formula, name), FORMULAS[formula]
    assert v.value and v.gradients
    for inputs in samples(formula, 5)[0]:
        for a, gradient in v.gradients.items():
            theirs = autograd.jacobian(v.value, list(f.shapes).index(a))(*inputs.values())
            assert np.allclose(gradient(*inputs.values()), theirs, rtol=1e-9, atol=1e-11)


def test_every_variant_is_pinned():
    pinned = {(n, name) for n, name, *_ in (*VALUES, *SLOPES)}
    assert {(n, v.name) for n in NAMES for v in FORMULAS[n].variants} == pinned
