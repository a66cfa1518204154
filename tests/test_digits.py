"""Inputs at which digits were lost once, and the answers that are right there."""

from fractions import Fraction

import numpy as np
import pytest
from conftest import script

from ebm_ref import FORMULAS
from ebm_ref.numerics import FEW, dot, parts, scaled_logsumexp, scaled_softmax, total

U = 2.0**-53
V = np.array


def value(name, *inputs):
    return FORMULAS[name].value(*inputs)


def slope(name, argument, *inputs):
    return FORMULAS[name].gradients[argument](*inputs)


# ---- sums ----


@pytest.mark.parametrize("n", [FEW, FEW + 1, 112, 2000])
def test_a_total_is_rounded_once(n):
    """Of equal numbers, of numbers that cancel, over either axis; truth in fractions."""
    rng = np.random.default_rng(n)
    for x in (np.full(n, 0.1), rng.normal(size=n) * 10.0 ** rng.uniform(-9, 9, n)):
        truth = float(sum(map(Fraction, x.tolist())))
        few = 0.0 if n > FEW else n * U * np.sum(np.abs(x))
        assert abs(total(x) - truth) <= few
        assert abs(total(np.stack([x, -x], axis=1), axis=0) - [truth, -truth]).max() <= few
        assert dot(np.stack([x, 2.0 * x]), np.ones(n)).shape == (2,)


def test_a_total_of_what_is_not_finite():
    ones = np.ones(40)
    with np.errstate(all="ignore"):
        assert total(np.append(ones, np.inf)) == np.inf and np.isnan(total(np.append(ones, np.nan)))
        assert np.isnan(total(np.append(ones, [np.inf, -np.inf]))) and total(1e308 * ones) == np.inf


def test_a_total_can_be_differentiated():
    autograd = pytest.importorskip("autograd")
    x = np.arange(60.0).reshape(3, 20)
    by_rows = autograd.grad(lambda x: total(dot(x, x[0]) ** 2))(x)
    plain = autograd.grad(lambda x: autograd.numpy.sum(autograd.numpy.dot(x, x[0]) ** 2))(x)
    assert np.allclose(by_rows, plain, rtol=1e-13)
    assert np.array_equal(autograd.grad(lambda x: total(total(x, axis=0)))(x), np.ones((3, 20)))


def test_terms_beyond_the_range():
    """m 2^k e^t: powers of two as factors, where logarithms of 690 would be rounded."""
    m, k, t = V([1.0, 1.5]), V([-1000.0, -1001.0]), V([3.0, 3.0])
    assert np.array_equal(scaled_softmax(m, k, t), V([1.0, 0.75]) / 1.75)
    assert scaled_logsumexp(m[:1], V([4000.0]), V([-4000.0 * np.log(2.0)])) == pytest.approx(0.0, abs=1e-12)
    assert scaled_softmax(m, k, V([0.0, -np.inf])).tolist() == [1.0, 0.0]
    assert scaled_logsumexp(m, k, V([-np.inf, -np.inf])) == -np.inf
    for x in (5e-324, -3.0 * 2.0**-1060, 1.7e308, 1.0, 0.0):
        mantissa, e = parts(V(x))
        assert mantissa * 2.0**e == x and (x == 0.0 or 1.0 <= abs(mantissa) < 2.0)


# ---- closed forms ----


def test_small_integers_are_signs():
    assert value("soft_margin", 1.5, np.uint8(1)) == pytest.approx(np.log1p(np.exp(-1.5)), rel=2 * U)


def test_a_series_is_read_in_its_order():
    """Not by the labels of its index."""
    pandas = pytest.importorskip("pandas")
    energies = pandas.Series([1.0, 3.0, 1.5], index=[2, 1, 0])
    assert value("hinge", energies, 0, 1.0) == 0.5


def test_a_hot_average_is_the_mean():
    """beta E = 1e-320 has three digits; A is the mean of the energies to all of them."""
    assert value("average_free_energy", V([1e-20, 3e-20]), 1e-300) == pytest.approx(2e-20, rel=4 * U, abs=0)
    for beta in (1e-280, 1e-300, 5e-324):
        assert value("ellipse_free_energy_at_origin", V([1.0, 0.5]), beta) == 0.625


@pytest.mark.parametrize("v", [1e-105, 1e-150, 1e-200])
def test_on_a_narrow_ring(v):
    """At x = (1, 0) on the ring of radius 1: D = u = 0, so dC/dx = 2 x (4 + 2 n)/v = 16 x/v."""
    at = V([1.0, 0.0]), V([1.0, 2.0]), v
    assert value("rings_curvature", *at) == pytest.approx(4.0 / v, rel=4 * U)
    assert slope("rings_curvature", "point", *at) == pytest.approx([16.0 / v, 0.0], rel=4 * U)


def test_a_saturated_unit_of_enormous_weight():
    """s W is in range, s^2 and W^2 are not: s = 4 e^-140, W = 1e160."""
    at = V([0.0]), V([[1e160]]), V([70.0])
    jacobian = 4.0 * np.exp(-140.0) * 1e160
    assert value("contraction", *at) == pytest.approx(jacobian**2, rel=300 * U)
    assert slope("contraction", "encoder_bias", *at)[0] == pytest.approx(-4.0 * jacobian**2, rel=300 * U)
    assert slope("contraction", "encoder", *at)[0, 0] == pytest.approx(2e-160 * jacobian**2, rel=300 * U)


def test_a_step_whose_square_overflows():
    """-e^2/2 is -inf at 1e155, in a float and not in an exception; just below it is a number."""
    x = np.ones(2)
    assert value("langevin", x, 1e-300 * x, x, 1e155) == pytest.approx(1e155 * x, rel=4 * U)
    assert value("langevin", x, -1e-150 * x, 0.0 * x, 1e155) == pytest.approx(5e159 * x, rel=4 * U)
    with np.errstate(over="ignore"):
        assert slope("langevin", "gradient", x, x, x, 1e155).diagonal().tolist() == [-np.inf, -np.inf]
    assert slope("langevin", "gradient", x, x, x, 1e154)[0, 0] == pytest.approx(-5e307, rel=4 * U)


def test_the_nearest_prototype_at_1e300():
    w, y = V([[3e300], [1.5e300], [-1e300]]), V([1e300])
    with np.errstate(over="ignore"):
        assert slope("k_means", "centers", w, y).ravel().tolist() == [0.0, 1e300, 0.0]
    assert slope("k_means", "point", w, y).tolist() == [-1e300]


def test_near_certain_and_near_together():
    """(1 - p)^(1/2) log p at z = 100 is e^-50 e^-100; points 3e-170 apart have a direction."""
    assert value("focal", 100.0, 1.0, 0.5) == pytest.approx(np.exp(-150.0), rel=300 * U, abs=0)
    assert slope("contrastive_distance", "x1", V([3e-170]), V([0.0]), 0, 1.0).tolist() == [-1.0]


@pytest.mark.parametrize("weights", [(1e-300, 3e-300), (1e300, 3e300), (2.0**-1060, 3.0 * 2.0**-1060)])
def test_weights_of_any_size_give_the_same_shares(weights):
    """Two components at one place: r = (1/4, 3/4), and E = -log(4 w) + log(2 pi)/2 at their centre."""
    x, mu, v, w = V([1.0]), np.zeros((2, 1)), np.ones(2), V(weights)
    half = {"mixture": v, "gaussian_mixture": v[:, None, None]}
    for name, spread in half.items():
        argument = "centers" if name == "mixture" else "means"
        assert np.ravel(slope(name, argument, x, mu, spread, w)) == pytest.approx([-0.25, -0.75], rel=4 * U)
        E = 0.5 + 0.5 * np.log(2.0 * np.pi) - np.log(4.0) - np.log(w[0])
        assert value(name, x, mu, spread, w) == pytest.approx(E, rel=4 * U)
    assert value("mixture_score", x, mu, v, w).tolist() == pytest.approx([-1.0], rel=4 * U)


def test_tied_answers_of_two_thousand():
    """Where all k rows are equal, sums over them are k times one: equal terms must not round alike."""
    k, w, x = 2000, V([-0.62, 0.3]), V([0.72, 0.37])
    W = np.tile(w, (k, 1))
    assert slope("marginal_energy", "features", W, x) == pytest.approx(-w, rel=4 * U)
    assert slope("multi_margin", "scores", np.full(k, 0.1), 0)[0] == pytest.approx(-0.9995, rel=2 * U)
    right = np.append(np.arange(1999), -1)  # of 1999 right classes and one wrong each pair costs 1
    by_scores = slope("multilabel_margin", "scores", np.full(k, 0.1), right)
    assert by_scores == pytest.approx(np.append(np.full(1999, -1.0 / k), 1999.0 / k), rel=2 * U)
    q = np.full(k, 1.0 / k)
    V_of_q = 1.5 - np.log(k)
    assert value("variational_free_energy", q, np.full(k, 1.5)) == pytest.approx(V_of_q, rel=8 * U)
    features, labels = np.full((300, 1), 0.1), np.zeros(300, int)
    by_weights = slope("linear_structured", "weights", np.ones((2, 1)), np.zeros((2, 2)), features, labels)
    assert by_weights.ravel() == pytest.approx([30.0, 0.0], rel=2 * U)
    args = W.T, np.zeros(2), np.zeros(k), np.zeros(2)
    assert slope("gaussian_rbm_free_energy", "visible", *args) == pytest.approx(-0.5 * k * w, rel=4 * U)


def test_overflow_is_infinite_and_not_nan():
    """What exceeds the range is inf, whatever is subtracted on the way."""
    with np.errstate(over="ignore"):
        W = V([[1.0, -1.0]])
        assert value("vae", V([1.0]), np.zeros(2), V([1e9, 1e9]), np.ones(2), W, 1.0) == np.inf
        A = V([[2.0, -1.0], [-1.0, 1.0]])  # 2 - 3 + 9/4, times 1e400
        assert value("quadratic", V([1e200, 1.5e200]), np.zeros(2), A) == np.inf
        assert value("rings", V([1.8, -0.1]), V([1.5, 0.9]), 6.8e-320) == np.inf
        assert value("mixture", V([1e200]), V([[0.0], [1.0]]), np.ones(2), np.ones(2)) == np.inf
    assert slope("mixture", "point", V([1e200]), V([[0.0], [1.0]]), np.ones(2), np.ones(2)).tolist() == [
        1e200
    ]
    assert slope("cosine_embedding", "x1", V([5e-324]), V([-1.0]), -1, 0.5).tolist() == [0.0]


def test_three_hundred_moments_alike():
    """Each adds log 12 to the loss; one by one, all are rounded the same way."""
    loss = 300.0 * np.log(12.0) - np.log(45150.0)  # so many are the places of a run of ones
    assert value("ctc_of_logits", np.zeros((300, 12)), [1], 0) == pytest.approx(loss, rel=4 * U)


# ---- the worst of the hunt ----

WORST = [
    (
        "triplet_margin",
        {
            "anchor": V([-0.24746082742379907, 7858197.4215345485, 1.0156791778151262, 0.7457175482793522]),
            "positive": V([0.26027858185508, 0.9516744794805333, -0.2786146939749983, 1.2822731164376968]),
            "negative": V(
                [0.39856135098511225, -0.22601187370560255, -0.35431688712205806, 0.5114526889295495]
            ),
            "margin": 2.449627923477432,
            "p": 2.0,
        },
    ),
    (
        "triplet_margin",
        {
            "anchor": V([1.3113915988269682, 0.021803645678334028, -1.8075183406624067, 0.3188382138143928]),
            "positive": V(
                [-0.21311245800937056, -0.4979952727579226, -1.7902503994810894, 0.9555376828607384]
            ),
            "negative": V([0.17030371797507124, 1.3335668438500832, 0.9887998779249477, 1.5556663767677186]),
            "margin": 2.8314439828411677,
            "p": 148.55832149311442,
        },
    ),
    (
        "mixture",
        {
            "point": V([1.3]),
            "centers": V([[-0.4], [0.7]]),
            "variances": V([1e120, 1.3]),
            "weights": V([1e60, 0.3]),
        },
    ),
    (
        "mixture_score",
        {
            "point": V([0.28653541458238857]),
            "centers": V([[8.168473804066604e198], [1.6387246117967872e199]]),
            "variances": V([1.2773907902434152, 0.6895312934743907]),
            "weights": V([0.29933893184215166, 0.2061399105475311]),
        },
    ),
    (
        "mixture_curvature",
        {
            "point": V([0.44996653177262894, 1.8484497828724322]),
            "centers": V(
                [
                    [1.659811293251402e159, -2.353859526759541e158],
                    [2.2306371501863024e159, 1.4415015013085761e159],
                ]
            ),
            "variances": V([1.5904252975940465, 1.7155635237614653]),
            "weights": V([0.2690339745168242, 0.7740917174850623]),
        },
    ),
    (
        "gaussian_mixture",
        {
            "point": V([1.3]),
            "means": V([[-0.4], [0.7]]),
            "covariances": V([[[1e120]], [[1.3]]]),
            "weights": V([1e60, 0.3]),
        },
    ),
    (
        "triplet_margin",
        {
            "anchor": V([1.070649251780314, 1.551697238213951]),
            "positive": V([1.0467480085531182, 0.6446710686343161]),
            "negative": V([1.0250395949566058, -0.3227410920977497]),
            "margin": 1.1657226450006648,
            "p": 3.0,
        },
    ),
    (
        "triplet_margin",
        {
            "anchor": V([35.756813413241645, 35.756813413241645, 35.756813413241645]),
            "positive": V([6.092846272361568e85, 6.092846272361568e85, 6.092846272361568e85]),
            "negative": V([70.06930179826666, 6.402112104889113, -29.980086523283738]),
            "margin": 2.669075856037779,
            "p": 2.0,
        },
    ),
    (
        "triplet_margin",
        {
            "anchor": V([35.69241046568415]),
            "positive": V([-32.0493655210339]),
            "negative": V([-1.8832207208270109]),
            "margin": 0.7137480552660844,
            "p": 1.5,
        },
    ),
    (
        "mixture",
        {
            "point": V([0.0, 0.0]),
            "centers": V([[-2.0, 37.890842307926576], [-4.860470374930459e-13, -4.860470374930459e-13]]),
            "variances": V([2.3407123008569735, 8.647597308991036e-80]),
            "weights": V([7.342643577854277e-178, 1.9837585340980137e248]),
        },
    ),
    (
        "mixture_score",
        {
            "point": V([1.3866827491458948]),
            "centers": V([[-4.821661507509978e-207], [-4.821661507509978e-207]]),
            "variances": V([0.7966164264720978, 3.0879246669084455e47]),
            "weights": V([7.055250769974005e125, 1.465350223893482e-191]),
        },
    ),
    (
        "double_well",
        {"point": -2.992084362142505e-47, "position": -2.02720180690107e47, "height": 1.916682450622624e-277},
    ),
    (
        "soft_alignment",
        {
            "distances": V(
                [
                    [2.754846780335521, 1.0801261776951385, 1.0457027136592472],
                    [0.7319391150409026, 0.21600663071047121, 527895.4703445183],
                ]
            ),
            "beta": 1.6768928570637143,
        },
    ),
    ("free_energy", {"energies": V([0.0, 730.0, 735.0]), "beta": 1.0}),
]


@pytest.mark.parametrize("name, inputs", WORST)
def test_the_worst_of_the_hunt(name, inputs):
    pytest.importorskip("mpmath", reason="the truth is computed on the tape")
    pytest.importorskip("gmpy2", reason="the truth is computed on the tape")
    hunt = script("hunt_digits")
    found = hunt.judge(name, inputs)
    assert found and max(units for units, *_ in found) <= FORMULAS[name].keeps
