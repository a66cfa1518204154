"""Score-based learning: the wrong formulas are pinned, and so are the numbers that the pages state."""

import autograd
import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.learning.kernel_stein import FOUR, pairs
from ebm_ref.proof.identities.learning_scores import DIRECTIONS, normal, slices, variance

V = np.array
L2 = np.log(2.0)
PAGES = (
    "score_matching denoising_score_matching multiscale_denoising denoising_control sliced_score_matching "
    "sliced_score_matching_reduced kernel_stein kernel_stein_v kernel_stein_multiquadric energy_discrepancy "
    "variational_bound recovery_energy score_entropy"
).split()


def variant(formula, name):
    return next(v for v in FORMULAS[formula].variants if v.name == name)


def value(formula, *inputs):
    return FORMULAS[formula].value(*inputs)


SLOPE, RIDGE = (V([-3.0, 2.0]), 6.0), (V([2.0, -4.0]), 2.0)
NOISY = (V([-3.0, 2.0]), V([1.0, -1.0]), 0.5)
SCALES = (V([[1.0, -2.0], [2.0, 0.0]]), V([[1.0, 1.0], [0.0, 2.0]]), V([2.0, 0.5]))  # q = (3, -3), (1, 2)
SLICE = (V([9.0, 10.0, 11.0]), V([3.0, 4.0, 5.0]), -14.0)
# r = -1 and s = (0, -1): k = e^(-r^2/2), and u = k (s.s + e.r + 1 - r^2) at width 1
PAIR = (V([[0.0], [1.0]]), V([[0.0], [-1.0]]))
NEAR = (0.5, V([0.25, 1.0, 2.0]), 1.0)
TWO_APART = (V([[0.0, 0.0], [2.0, 0.0]]), np.zeros((2, 2)))
BATCHES = (V([1.0, 3.0]), V([2.0, 4.0, 6.0]), 0.5)
COPY = (1.0, V([1.0, 2.0]), V([0.0, 4.0]), 0.5)
RATIOS = (V([2.0, 0.5]), V([1.0, 0.5]))
TURNED = "cross terms turned: the gradient of the energy for the score"

# formula, variant, inputs, value: each worked by hand
VALUES = [
    ("score_matching", "curvature added", SLOPE, 12.5),
    ("score_matching", "one half forgotten", SLOPE, 7.0),
    ("score_matching", "curvature divided by the dimension", RIDGE, 9.0),
    ("denoising_score_matching", "compared with the gradient of the energy", NOISY, 20.5),
    ("denoising_score_matching", "noise divided by the square of sigma", NOISY, 2.5),
    ("denoising_score_matching", "noise not divided by sigma", NOISY, 2.5),
    ("denoising_score_matching", "noise not divided by sigma", (*NOISY[:2], 2.0), 2.5),
    ("denoising_score_matching", "noise alone is squared", NOISY, 1.5),
    ("denoising_score_matching", "weighted by sigma^2", NOISY, 0.125),
    ("denoising_score_matching", "weighted by sigma^4", NOISY, 0.03125),
    ("denoising_score_matching", "mean over the coordinates, times sigma^2", NOISY, 0.125),
    ("multiscale_denoising", "no weight", SCALES, (4.5 + 20.0) / 4.0),
    ("multiscale_denoising", "summed over the scales", SCALES, 11.5),
    ("multiscale_denoising", "mean over the coordinates", SCALES, 23.0 / 4.0),
    ("denoising_control", "cross term turned", NOISY, 20.0),
    ("denoising_control", "dimension forgotten", NOISY, -12.0),
    ("denoising_control", "halved", NOISY, -10.0),
    ("denoising_control", "cross term alone", (V([1.0, 2.0]), V([3.0, 1.0]), 2.0), 5.0),
    ("denoising_control", "dimension taken for 1", (np.zeros(2), np.ones(2), 2.0), 0.25),
    ("sliced_score_matching", "squares summed, not the sum squared", SLICE, 2691.0),
    ("sliced_score_matching", "curvature added", SLICE, 7428.0),
    ("sliced_score_matching", "direction of unit length", SLICE, 149.12),
    ("sliced_score_matching_reduced", "curvature added", RIDGE, 12.0),
    ("sliced_score_matching_reduced", "curvature divided by the dimension", RIDGE, 9.0),
    ("sliced_score_matching_reduced", "one half forgotten", RIDGE, 18.0),
    ("kernel_stein", TURNED, (*PAIR, 1.0), np.exp(-0.5)),
    ("kernel_stein", "the square of the width is given", (*PAIR, 4.0), -1.0 / 16.0 * np.exp(-1.0 / 8.0)),
    ("kernel_stein", "no 2 in the exponent", (*PAIR, 2.0), -0.25 * np.exp(-0.25)),
    ("kernel_stein", "diagonal included, times n", (*PAIR, 1.0), 1.5 - np.exp(-0.5)),
    ("kernel_stein", "diagonal included, times n", FOUR, 2.5157857644806887),
    ("kernel_stein", "diagonal included", (*PAIR, 1.0), 0.75 - 0.5 * np.exp(-0.5)),
    ("kernel_stein_v", "root taken", (np.ones((3, 2)), np.ones((3, 2)), 1.0), 2.0),
    ("kernel_stein_v", "times n", (np.ones((3, 2)), np.ones((3, 2)), 1.0), 12.0),
    ("kernel_stein_v", "diagonal left out", (np.ones((3, 2)), np.ones((3, 2)), 1.0), 8.0 / 3.0),
    ("kernel_stein_multiquadric", TURNED, (V([[0.0], [3.0]]), V([[0.0], [-3.0]]), 4.0), 0.07136),
    (
        "kernel_stein_multiquadric",
        "the square of the width is given",
        (V([[0.0], [3.0]]), V([[0.0], [-3.0]]), 16.0),
        -0.07264,
    ),
    (
        "kernel_stein_multiquadric",
        "kernel scaled to 1 at the origin",
        (V([[0.0], [3.0]]), V([[0.0], [-3.0]]), 4.0),
        -0.29056,
    ),
    (
        "kernel_stein_multiquadric",
        "1/w for d/w",
        (V([[1.0, 0.0], [0.0, 2.0]]), V([[1.0, 1.0], [-1.0, 1.0]]), 2.0),
        4 / 81,
    ),
    ("energy_discrepancy", "energies turned", (0.0, V([0.0, L2]), 1.0), L2),
    (
        "energy_discrepancy",
        "stabiliser not divided by the number of neighbours",
        (0.0, V([0.0, L2]), 1.0),
        np.log(1.75),
    ),
    ("energy_discrepancy", "constant -log M left out", NEAR, 1.135807309359302),
    ("sliced_score_matching", "the reduced form", (V([3.0, 4.0]), V([1.0, 0.0]), 2.0), 10.5),
    ("kernel_stein", "1 for the dimension", (*TWO_APART, 1.0), -3.0 * np.exp(-2.0)),
    ("kernel_stein", "a precision for the width", (*TWO_APART, 0.5), -2.0 * np.exp(-2.0)),
    ("kernel_stein_v", "1 for the dimension", (*TWO_APART, 1.0), 0.5 - 1.5 * np.exp(-2.0)),
    ("kernel_stein_v", "a precision for the width", (*TWO_APART, 0.5), 1.0 - np.exp(-2.0)),
    ("kernel_stein_v", "diagonal left out, mean over the pairs", (*TWO_APART, 1.0), -2.0 * np.exp(-2.0)),
    (
        "recovery_energy",
        "constant of the density added",
        (1.0, V([0, 0]), V([3, 4]), 1.0),
        13.5 + np.log(2 * np.pi),
    ),
    ("score_entropy", "squared differences", (V([1.0, 3.0]), V([2.0, 1.0])), 5.0),
    (
        "energy_discrepancy",
        "stabiliser counted as neighbours",
        (0.0, V([0.0, -np.log(3.0)]), 1.0),
        np.log(5 / 3),
    ),
    (
        "energy_discrepancy",
        "mean of the logarithms, w divided",
        (0.0, V([0.0, -np.log(3.0)]), 1.0),
        np.log(5.25) / 2,
    ),
    ("energy_discrepancy", "mean of the logarithms", (0.0, V([0.0, -np.log(3.0)]), 1.0), np.log(8.0) / 2.0),
    ("variational_bound", "sums of batches of different size", BATCHES, -7.5),
    ("variational_bound", "entropy subtracted", BATCHES, -2.5),
    ("variational_bound", "data and samples exchanged", BATCHES, 2.5),
    ("variational_bound", "both divided by the number of data", BATCHES, -3.5),
    (
        "variational_bound",
        "soft minimum of the samples",
        BATCHES,
        2.5 + np.log(np.sum(np.exp([-2, -4, -6])) / 3),
    ),
    ("recovery_energy", "one half forgotten", COPY, 21.0),
    ("recovery_energy", "sigma not squared", COPY, 6.0),
    ("recovery_energy", "parabola subtracted", COPY, -9.0),
    ("recovery_energy", "negated", COPY, -11.0),
    ("score_entropy", "ratios taken upside down", RATIOS, 1.0),
    ("score_entropy", "constant of the target left out", RATIOS, 2.5 - 0.5 * L2),
    ("score_entropy", "ratios given as logarithms", (V([0.0, L2]), V([1.0, 2.0])), 0.0),
]
VALUES += [  # other divergences, kernels and averages
    ("score_entropy", "weighted by the model's ratios", (V([2.0, 0.5]), V([1.0, 0.5])), 2.0 * L2 - 1.0),
    ("score_entropy", "weighted by 1/t", (V([2.0, 0.5]), V([1.0, 0.5])), 1.0 - L2),
    (
        "kernel_stein_multiquadric",
        "diagonal included",
        (V([[0.0], [3.0]]), V([[0.0], [-3.0]]), 4.0),
        -0.03632 + 4.5625 / 8.0,
    ),
    ("kernel_stein_multiquadric", "exponent 1", (V([[0.0], [3.0]]), V([[0.0], [-3.0]]), 4.0), -0.7552 / 25.0),
    ("kernel_stein_multiquadric", "Gaussian kernel", (*PAIR, 1.0), -np.exp(-0.5)),
    ("multiscale_denoising", "sigmas in the opposite order", SCALES, 5.5625),
    ("multiscale_denoising", "weights made to sum to 1", SCALES, 11.5 / 4.25),
    ("energy_discrepancy", "mean of the neighbours' energies", (0.0, V([-1.0, 1.0]), 1.0), np.log(1.5)),
    ("energy_discrepancy", "mean of the softplus", (0.0, V([0.0, -np.log(3.0)]), 1.0), 0.5 * np.log(8.0)),
]


@pytest.mark.parametrize(
    "formula, name, inputs, truth", VALUES, ids=lambda x: x if isinstance(x, str) else ""
)
def test_a_variant_is_what_it_says(formula, name, inputs, truth):
    assert variant(formula, name).value(*inputs) == pytest.approx(truth, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", PAGES)
def test_every_variant_is_pinned(name):
    assert {v.name for v in FORMULAS[name].variants} == {v for f, v, *_ in VALUES if f == name}


SLOPES = [
    (name, v.name, argument) for name in PAGES for v in FORMULAS[name].variants for argument in v.gradients
]


@pytest.mark.parametrize("formula, name, argument", SLOPES)
def test_slopes_of_variants_are_those_of_their_values(formula, name, argument):
    rng, f, wrong = np.random.default_rng(3), FORMULAS[formula], variant(formula, name)
    position = list(f.shapes).index(argument)
    for _ in range(3):
        inputs = tuple(f.sample(rng).values())
        slope = autograd.grad(wrong.value, position)(*inputs)
        assert np.allclose(wrong.gradients[argument](*inputs), slope, rtol=1e-10, atol=1e-12)


def test_score_matching_wrong_by_the_dimension_makes_variances_so_much_too_large():
    """P = c I on white data: the minimum of E[L] is at c = 1, with the curvature divided at 1/d."""
    points = np.concatenate([np.eye(4), -np.eye(4)]) * 2.0  # second moments I
    mean = lambda function, c: np.mean([function(-c * x, 4.0 * c) for x in points])
    wrong = variant("score_matching", "curvature divided by the dimension").value
    halved = variant("score_matching", "one half forgotten").value
    at = np.linspace(0.05, 2.0, 40)
    best = lambda function: at[np.argmin([mean(function, c) for c in at])]
    right = FORMULAS["score_matching"].value
    assert (best(right), best(wrong), best(halved)) == pytest.approx((1.0, 0.25, 0.5))


def spreads(sigma, share=0.5):
    """Var of the denoising loss and of the loss less `share` of the control: N(0, 1) as data and model."""
    nodes, w = normal(5, 2)
    loss = V([value("denoising_score_matching", V([-(x + sigma * z)]), V([z]), sigma) for x, z in nodes])
    control = V([value("denoising_control", V([-x]), V([z]), sigma) for x, z in nodes])
    return [w @ (f - w @ f) ** 2 for f in (loss, loss - share * control)]


@pytest.mark.parametrize(
    "sigma, ratio", [(0.1, 5.08e-4), (0.5, 0.43195), (1.0, 4.0), (2.0, 1.2308), (10.0, 1.0002)]
)
def test_where_the_control_helps_and_where_it_hurts(sigma, ratio):
    plain, controlled = spreads(sigma)
    assert controlled / plain == pytest.approx(ratio, rel=1e-3)


def test_the_control_helps_below_the_sigma_that_the_page_states():
    edge = (1.0 + np.sqrt(3.0)) ** -0.5
    below, at, above = (np.divide(*spreads(edge * factor)[::-1]) for factor in (0.99, 1.0, 1.01))
    assert below < 1.0 < above and at == pytest.approx(1.0, rel=1e-12)


def test_a_halved_control_leaves_a_quarter_of_the_variance():
    plain, controlled = spreads(0.01, share=0.25)
    assert controlled / plain == pytest.approx(0.25, rel=1e-3)


H = V([[2.0, 0.5, 0.0], [0.5, 1.0, -0.25], [0.0, -0.25, 3.0]])


@pytest.mark.parametrize("law, truth", [("signs", 1.25), ("normal", 29.25), ("sphere", 3.15)])
def test_variance_of_a_slice_of_the_curvature(law, truth):
    directions, w = DIRECTIONS[law]
    for s in (V([9.0, 10.0, 11.0]), np.zeros(3)):
        found, _ = variance("sliced_score_matching_reduced", w, slices(s, H, directions))
        assert found == pytest.approx(truth, rel=1e-11)


def test_the_reduced_form_may_have_the_larger_variance():
    """Where s s'/2 = H the sliced form has none, whatever the direction."""
    s, (directions, w) = V([1.0, 2.0, -1.0]), DIRECTIONS["normal"]
    rows = slices(s, np.outer(s, s) / 2.0, directions)
    assert variance("sliced_score_matching", w, rows)[0] == pytest.approx(0.0, abs=1e-12)
    assert variance("sliced_score_matching_reduced", w, rows)[0] == pytest.approx(18.0, rel=1e-12)


def humps(distance, share):
    """Two normals of variance 1 at -distance and distance, with this share of the first."""
    return {
        "centers": V([[-distance], [distance]]),
        "variances": np.ones(2),
        "weights": V([share, 1.0 - share]),
    }


@pytest.mark.parametrize(
    "distance, D, KL", [(1.0, 0.171, 0.17), (3.0, 0.0131, 0.5), (5.0, 7.6e-6, 0.5), (8.0, 4e-14, 0.5)]
)
def test_the_score_is_blind_to_the_weights_of_far_modes(distance, D, KL):
    """Data with shares 1/2 and 1/2, model .9 and .1: D vanishes as modes part, KL tends to log(5/3)."""
    p, q = humps(distance, 0.5), humps(distance, 0.9)
    x = 0.04 * np.arange(-375, 376)
    at = lambda name, model: V([value(name, V([y]), *model.values()) for y in x])
    E_p, E_q = at("mixture", p), at("mixture", q)
    w = 0.04 * np.exp(-E_p)
    s_p, s_q = at("mixture_score", p)[:, 0], at("mixture_score", q)[:, 0]
    exact = w @ (s_p - s_q) ** 2 / 2.0
    assert exact == pytest.approx(D, rel=0.05)
    L = [
        w
        @ [
            value("score_matching", V([s]), c)
            for s, c in zip(score, at("mixture_curvature", model), strict=True)
        ]
        for score, model in ((s_q, q), (s_p, p))
    ]
    assert L[0] - L[1] == pytest.approx(exact, abs=1e-13)
    divergence = w @ (E_q - E_p)
    assert KL < divergence < np.log(5.0 / 3.0) + 1e-12
    assert distance < 5.0 or divergence == pytest.approx(0.5108, abs=1e-4)


@pytest.mark.parametrize("page", ["kernel_stein", "kernel_stein_multiquadric"])
def test_the_true_model_scores_below_a_moved_one(page):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    assert value(page, x, -x, 1.0) < 0.1 < 0.3 < value(page, x, -(x - 1.5), 1.0)


def test_the_gaussian_kernel_is_blind_to_a_sample_that_spreads_out():
    """125 points on a lattice of spacing 6 are no standard normal; only the multiquadric says so."""
    x = 6.0 * np.stack(np.meshgrid(*[np.arange(-2.0, 3.0)] * 3), axis=-1).reshape(-1, 3)
    assert abs(value("kernel_stein", x, -x, 1.0)) < 1e-7
    assert value("kernel_stein_multiquadric", x, -x, 1.0) > 2.5


@pytest.mark.parametrize(
    "inputs, truth",
    [
        (NEAR, 0.03719502069119218),
        ((0.0, V([0.0, 0.0]), 1e-18), 5e-19),  # 1 + 5e-19 rounds to 1
        ((-800.0, V([0.0, 10.0]), 1.0), -np.log(2.0)),
        ((800.0, V([0.0, 800.0]), 1.0), 800.0 - np.log(2.0)),
        ((0.0, V([np.inf, np.inf]), 3.0), np.log(1.5)),
    ],
)
def test_energy_discrepancy_keeps_its_digits(inputs, truth):
    assert value("energy_discrepancy", *inputs) == pytest.approx(truth, rel=1e-14)


def test_energy_discrepancy_of_a_thousand_neighbours():
    """One of them as low as the datum, the others out of reach: log((1 + 1)/1000)."""
    E_m = np.append(0.0, np.full(999, 1000.0))
    assert value("energy_discrepancy", 0.0, E_m, 1.0) == pytest.approx(np.log(2e-3), rel=1e-15)
    assert np.sum(FORMULAS["energy_discrepancy"].gradients["perturbed_energies"](0.0, E_m, 1.0)) == -0.5


@pytest.mark.parametrize(
    "r, t, truth",
    [
        (1.0 + 2.0**-30, 1.0, 2.0**-61 * (1.0 - 2.0**-29 / 3.0)),  # x^2/2 - x^3/3
        (1e-200, 1e200, 1e200 * (400.0 * np.log(10.0) - 1.0)),
        (1e200, 1e-200, 1e200),
        (5.0, 0.0, 5.0),
    ],
)
def test_score_entropy_keeps_its_digits(r, t, truth):
    assert value("score_entropy", V([r]), V([t])) == pytest.approx(truth, rel=1e-14)


def test_score_entropy_of_a_target_of_zero():
    by_target = FORMULAS["score_entropy"].gradients["target_ratios"]
    assert by_target(V([2.0, 1.0]), V([0.0, 1.0])).tolist() == [-np.inf, 0.0]


def test_widths_of_two_libraries():
    """NumPyro expects exp(-r.r/h) of r.r = 90 and h = 16.927, and explains it by exp(-r.r/(2h))."""
    x, h = V([[1.0, 2.0], [10.0, 5.0]]), 16.92703711264772
    kernel = lambda width: pairs(x, np.zeros((2, 2)), width)[2][0, 1]
    assert kernel(np.sqrt(h / 2.0)) == pytest.approx(0.004907760283962659, rel=1e-13)
    assert kernel(np.sqrt(h)) == pytest.approx(0.07005540867029939, rel=1e-13)


def test_the_printed_square_has_the_right_mean_over_directions():
    """Song and Kingma's sum of (v_i s_i)^2, curvature put right, agrees in the mean and for no single v."""
    s, wrong = (
        V([1.0, -2.0, 0.5]),
        variant("sliced_score_matching", "squares summed, not the sum squared").value,
    )
    for law in ("signs", "normal"):
        directions, w = DIRECTIONS[law]
        found = [wrong(s, v, 0.0) for v in directions]
        right = [value("sliced_score_matching", s, v, 0.0) for v in directions]
        assert w @ found == pytest.approx(w @ right) == pytest.approx(s @ s / 2.0)
        assert np.max(np.abs(np.subtract(found, right))) > 1.0
