"""What the energies of supervised models do when they are used: what their pages say in prose, as runs."""

import itertools

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies.convnet import pool, pool_back, slide, slide_back
from ebm_ref.energies.implicit_regression import implicit_regression, implicit_regression_target_gradient
from ebm_ref.energies.k_means import nearest
from ebm_ref.energies.linear_regression import linear_regression
from ebm_ref.energies.mlp import backward, network
from ebm_ref.energies.siamese import siamese_weights_gradient
from ebm_ref.energies.two_class import two_class, two_class_weights_gradient
from ebm_ref.learning.descent import chain_rule, gradient_descent
from ebm_ref.losses.energy import energy_gradient
from ebm_ref.losses.hinge import hinge, hinge_gradient
from ebm_ref.losses.nll import nll_gradient
from ebm_ref.losses.perceptron import perceptron, perceptron_gradient

SHAPES = [
    ((3, 3), (2, 2)),
    ((4, 4), (3, 3)),
    ((5, 4), (2, 3)),
    ((2, 3), (1, 2)),
    ((4, 4), (4, 1)),
    ((1, 1), (1, 1)),
]


def slide_in_loops(image, kernel):
    (h, w), (p, q) = image.shape, kernel.shape
    z = np.zeros((h - p + 1, w - q + 1))
    for i, j in np.ndindex(*z.shape):
        for a, b in np.ndindex(p, q):
            z[i, j] += kernel[a, b] * image[i + a, j + b]
    return z


@pytest.mark.parametrize("size, kernel_size", SHAPES)
def test_convolution_is_the_four_loops(size, kernel_size):
    rng = np.random.default_rng(0)
    image, kernel = rng.integers(-9, 9, size).astype(float), rng.integers(-9, 9, kernel_size).astype(float)
    assert np.array_equal(slide(image, kernel), slide_in_loops(image, kernel))  # integers: no rounding


@pytest.mark.parametrize("size, kernel_size", SHAPES)
def test_the_way_back_is_the_transpose(size, kernel_size):
    """<force, slide(x, K)> = <slide_back(force, K), x> for every x, force and K."""
    rng = np.random.default_rng(1)
    image, kernel = rng.integers(-9, 9, size).astype(float), rng.integers(-9, 9, kernel_size).astype(float)
    z = slide(image, kernel)
    force = rng.integers(-9, 9, z.shape).astype(float)
    assert (
        np.sum(force * z) == np.sum(slide_back(force, kernel) * image) == np.sum(slide(image, force) * kernel)
    )


def test_flipping_the_kernel_is_true_convolution():
    """In one dimension, against NumPy's own two functions."""
    x, k = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.0, 3.0])
    assert np.array_equal(slide(x[None], k[None])[0], np.correlate(x, k, "valid"))
    assert np.array_equal(slide(x[None], k[None, ::-1])[0], np.convolve(x, k, "valid"))
    assert np.array_equal(slide_back(x[None], k[None])[0], np.convolve(x, k, "full"))


def test_pooling_is_the_loop_and_its_way_back_the_first_of_equals():
    rng = np.random.default_rng(2)
    for _ in range(20):
        z = rng.integers(0, 3, (4, 6)).astype(float)  # ties abound
        force, back = rng.normal(size=(2, 3)), np.zeros((4, 6))
        for r, s in np.ndindex(2, 3):
            spots = list(itertools.product((2 * r, 2 * r + 1), (2 * s, 2 * s + 1)))
            best = max(spots, key=lambda spot: z[spot])  # the first of equals
            assert pool(z)[r, s] == z[best]
            back[best] = force[r, s]
        assert np.array_equal(pool_back(force, z), back)


def separable(rng, count=40):
    """Points of two classes, their gap at least 0.2 wide on either side of a plane through the origin."""
    w = np.array([0.6, -0.8])
    X = rng.uniform(-1.0, 1.0, size=(count, 2))
    X = X + 0.2 * np.sign(X @ w)[:, None] * w
    return X, np.sign(X @ w).astype(int), np.min(np.abs(X @ w))


def table_of(w, x):
    return np.array([two_class(w, 0.0, x, Y) for Y in (-1, 1)])


def slope_of(loss_gradient, w, x, Y):
    each = np.array([two_class_weights_gradient(w, 0.0, x, answer) for answer in (-1, 1)])
    return chain_rule(loss_gradient(table_of(w, x), (Y + 1) // 2), each)


def errors(w, X, Y):
    return sum(np.argmin(table_of(w, x)) != (y + 1) // 2 for x, y in zip(X, Y, strict=True))


def test_the_perceptron_loss_works_for_a_linear_energy():
    """Novikoff: at most (R/g)^2 corrections; from nearly 0, since at 0 itself all answers tie."""
    X, Y, gap = separable(np.random.default_rng(3))
    bound = np.max(np.sum(X**2, axis=1)) / gap**2
    w, corrections = 1e-9 * X[0] * Y[0], 0
    for x, y in itertools.islice(itertools.cycle(list(zip(X, Y, strict=True))), 4000):
        step = slope_of(perceptron_gradient, w, x, y)
        corrections += np.any(step != 0.0)
        w = w - 0.5 * step
    assert errors(w, X, Y) == 0 and 1 < corrections <= bound


@pytest.mark.parametrize("loss_gradient", [hinge_gradient, nll_gradient], ids=["svm", "logistic regression"])
def test_other_losses_of_the_same_energy_separate_too(loss_gradient):
    X, Y, _ = separable(np.random.default_rng(3))
    mean = lambda w: np.mean([slope_of(loss_gradient, w, x, y) for x, y in zip(X, Y, strict=True)], axis=0)
    w = gradient_descent(mean, -np.array([0.6, -0.8]), step_size=1.0, steps=60)
    assert errors(w, X, Y) == 0


def rectified(w, x):
    """Energies of -1 and 1 where G = max(0, w.x), x with a constant 1; and their slopes by w."""
    G = max(0.0, w @ x)
    slope = x if G > 0.0 else np.zeros(2)
    return np.array([G, -G]), np.array([slope, -slope])


def test_the_perceptron_loss_does_not_work_in_general():
    """With G = max(0, w.x + b) it comes to rest at 0 where every energy is 0, and all around it."""
    X, Y = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [4.0, 1.0]]), np.array([-1, -1, 1, 1])
    linear = lambda w, x: (np.array([w @ x, -(w @ x)]), np.array([x, -x]))
    loss = lambda model, w: [perceptron(model(w, x)[0], (y + 1) // 2) for x, y in zip(X, Y, strict=True)]

    def descend(model, w):
        for x, y in itertools.islice(itertools.cycle(list(zip(X, Y, strict=True))), 4000):
            E, slopes = model(w, x)
            w = w - 0.05 * chain_rule(perceptron_gradient(E, (y + 1) // 2), slopes)
        return w

    right = descend(linear, np.array([1.0, 1.0]))
    assert all(np.sign(X @ right) == Y) and not any(loss(linear, right))
    dead = descend(rectified, np.array([1.0, 1.0]))
    rng = np.random.default_rng(4)
    for w in (dead, *(dead + 1e-3 * rng.normal(size=(20, 2)))):
        assert not any(loss(rectified, w)) and all(not rectified(w, x)[0].any() for x in X)
    assert all(hinge(rectified(dead, x)[0], (y + 1) // 2) == 1.0 for x, y in zip(X, Y, strict=True))


def test_regression_losses_differ_by_constants():
    """Energy and perceptron loss over a grid of answers: the least energy is 0 wherever W is."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        W, x, y = rng.normal(size=(2, 1)), rng.normal(size=2), rng.normal(size=1)
        answers = np.append(rng.normal(size=9), W[:, 0] @ x)[:, None]
        least = min(linear_regression(W, x, answer) for answer in answers)
        assert least < 1e-30 and linear_regression(W, x, y) - least == pytest.approx(
            linear_regression(W, x, y)
        )


def circle():
    """A x = 1 - x^2 and, nearly, G(y) = y^2."""
    e, s = 2.0**-6, np.log(3.0) / 2.0
    W, b = np.array([[e], [-e], [0.0]]), np.array([-s, -s, -s])
    A, V = np.array([[1.0, -1.0]]), np.array([[1.0, 1.0, -2.0]]) / (0.75 * e**2)
    return A, W, b, V


@pytest.mark.parametrize("x", [0.0, 0.6, -0.8])
def test_on_the_circle_two_answers_are_found_by_descent(x):
    model, features = circle(), np.array([1.0, x**2])
    slope = lambda y: implicit_regression_target_gradient(*model, features, y)
    found = [gradient_descent(slope, np.array([start]), 0.1, 300)[0] for start in (0.3, -0.3)]
    assert found == pytest.approx([np.sqrt(1.0 - x**2), -np.sqrt(1.0 - x**2)], abs=1e-3)
    assert all(implicit_regression(*model, features, np.array([y])) < 1e-12 for y in found)
    assert slope(np.zeros(1)) == 0.0 and implicit_regression(*model, features, np.zeros(1)) > 0.01  # a saddle


def test_both_sides_of_implicit_regression_can_collapse():
    """Energy loss 0, and every answer as good as any other: the price of learning both sides."""
    model = [np.zeros_like(part) for part in circle()]
    assert implicit_regression(*model, np.ones(2), np.array([0.3])) == 0.0
    assert not energy_gradient(np.zeros(3), 1)[[0, 2]].any()  # and nothing pulls up the others


def test_a_pair_has_no_order_but_a_forgotten_branch_gives_it_one():
    record = FORMULAS["siamese"]
    forgotten = next(v for v in record.variants if v.name == "one branch forgotten").gradients["weights"]
    for seed in range(5):
        model = record.sample(np.random.default_rng(seed)) | {"same": 1}
        turned = model | {"first": model["second"], "second": model["first"]}
        whole = siamese_weights_gradient(**model)
        assert np.allclose(whole, siamese_weights_gradient(**turned), rtol=1e-12)
        assert not np.allclose(forgotten(*model.values()), forgotten(*turned.values()), rtol=1e-3)
        assert np.allclose(whole, forgotten(*model.values()) + forgotten(*turned.values()), rtol=1e-12)


def test_two_branches_that_nearly_cancel_keep_their_digits():
    """s1 x1 - s2 x2 where x s(x) is nearly flat: a plain difference loses three digits; truth by mpmath."""
    W, b = (
        np.array([[3.3319019664755563], [0.3343571692709941]]),
        np.array([0.4590525914993125, -1.5323455510935038]),
    )
    x1, x2 = np.array([-1.4760487039988852]), np.array([-1.4174977993351106])
    slope = siamese_weights_gradient(W, b, x1, x2, 0, 3.071524159887799)
    assert slope[:, 0] == pytest.approx([8.45804250379699e-08, -7.137791915801289e-07], rel=1e-14)


@pytest.mark.parametrize("exponent", [-1000, -540, 0, 500, 1000])
def test_the_nearest_prototype_wins_where_squares_over_or_underflow(exponent):
    """A power of two changes no order of distances; the slope goes to the winner, far out and close by."""
    rng = np.random.default_rng(8)
    for _ in range(20):
        w, y = rng.normal(size=(4, 3)), rng.normal(size=3)
        z = np.argmin(np.sum((y - w) ** 2, axis=1))
        assert nearest(np.ldexp(w, exponent), np.ldexp(y, exponent)) == z
        with np.errstate(over="ignore"):
            slope = FORMULAS["k_means"].gradients["centers"](np.ldexp(w, exponent), np.ldexp(y, exponent))
        assert np.flatnonzero(slope.any(axis=1)).tolist() == [z]


def test_minus_softmax_is_mee_minus_one_and_no_cross_entropy():
    record, mee = FORMULAS["softmax"], FORMULAS["mee"]
    wrong = next(v for v in record.variants if v.name == "logarithm forgotten").value
    for seed in range(10):
        W, x, y = record.sample(np.random.default_rng(seed)).values()
        assert wrong(W, x, y) == pytest.approx(mee.value(-W @ x, y, 1.0) - 1.0, abs=1e-14)
        assert wrong(W, x, y) < 0.0 < record.value(W, x, y)


def test_a_force_passes_backward_through_several_outputs():
    """backward is linear in the force: one unit force at a time, added up; and by differences."""
    rng = np.random.default_rng(6)
    parts = [rng.normal(size=s) for s in ((3, 2), (3,), (4, 3), (2,))]
    force = rng.normal(size=4)
    whole, units = backward(*parts, force), [backward(*parts, unit) for unit in np.eye(4)]
    for i, slope in enumerate(whole):
        assert np.allclose(slope, np.tensordot(force, np.array([u[i] for u in units]), axes=1), rtol=1e-12)
        step = [h * 1e-6 * (j == i) for j, h in enumerate([np.ones_like(p) for p in parts])]
        ends = [network(*(p + sign * s for p, s in zip(parts, step, strict=True))) for sign in (1.0, -1.0)]
        assert force @ (ends[0] - ends[1]) / 2e-6 == pytest.approx(np.sum(slope), rel=1e-6)
