"""The chain rule at work: what the tutorial says of the energy loss and of RBF outputs."""

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies.rbf_output import rbf_output, rbf_output_centers_gradient, rbf_output_features_gradient
from ebm_ref.energies.softmax import softmax, softmax_weights_gradient
from ebm_ref.learning.descent import (
    adam_step,
    chain_rule,
    early_stopping,
    energy_table,
    gradient_descent,
    minibatches,
    momentum_step,
    objective,
    objective_gradient,
    regulariser,
    regulariser_gradient,
    sample_gradient,
)
from ebm_ref.losses.conditions import condition_3, resting_gap
from ebm_ref.losses.energy import energy_gradient
from ebm_ref.losses.hinge import hinge, hinge_gradient
from ebm_ref.losses.nll import nll, nll_gradient
from ebm_ref.losses.square_square import square_square_gradient

START = np.array([[0.0, 0.0], [3.0, 4.0]])
X = np.array([[1.0, 0.0], [2.0, 4.0], [0.0, 1.0], [4.0, 4.0]])
Y = np.array([0, 1, 0, 1])


def test_learnable_centers_collapse_where_fixed_ones_cannot():
    """The features of one input and both centres learn under the energy loss: everything meets."""

    def force(state):
        U, x = state[:2], state[2]
        E = energy_table(rbf_output, 2, U, x)
        g = energy_gradient(E, 0) + energy_gradient(E, 1)  # the same input with either label
        dU = chain_rule(g, energy_table(rbf_output_centers_gradient, 2, U, x))
        dx = chain_rule(g, energy_table(rbf_output_features_gradient, 2, U, x))
        return np.vstack([dU, dx])

    U0, U1, x = gradient_descent(force, np.vstack([START, [1.0, 1.0]]), 0.1, 500)
    assert np.linalg.norm(U0 - U1) < 1e-9 and np.linalg.norm(x - U0) < 1e-9
    fixed = gradient_descent(
        lambda s: force(s) * [[0.0], [0.0], [1.0]], np.vstack([START, [1.0, 1.0]]), 0.1, 500
    )
    E = energy_table(rbf_output, 2, fixed[:2], fixed[2])
    assert np.linalg.norm(fixed[0] - fixed[1]) == 5.0 and E.sum() >= 5.0**2 / 2 - 1e-9


def test_softmax_learns_under_the_energy_loss():
    with_bias = np.hstack([X, np.ones((4, 1))])
    gradient = lambda W: objective_gradient(
        energy_gradient, softmax, softmax_weights_gradient, 2, W, with_bias, Y
    )
    W = gradient_descent(gradient, np.zeros((2, 3)), 0.5, 200)
    assert [int(np.argmin(energy_table(softmax, 2, W, x))) for x in with_bias] == Y.tolist()


@pytest.mark.parametrize("loss", [energy_gradient, nll_gradient])
def test_the_objective_is_a_mean_over_samples(loss):
    """Order and repetition of the whole set change nothing; the regulariser is added once."""
    gradient = lambda X, Y, decay=0.0: objective_gradient(
        loss, rbf_output, rbf_output_centers_gradient, 2, START, X, Y, decay
    )
    single = [
        sample_gradient(loss, rbf_output, rbf_output_centers_gradient, 2, START, x, y)
        for x, y in zip(X, Y, strict=True)
    ]
    assert np.allclose(gradient(X, Y), sum(single) / 4, rtol=1e-15)
    assert np.allclose(gradient(X[::-1], Y[::-1]), gradient(X, Y), rtol=1e-15)
    assert np.allclose(gradient(np.tile(X, (3, 1)), np.tile(Y, 3)), gradient(X, Y), rtol=1e-15)
    assert np.allclose(gradient(X, Y, decay=0.5), gradient(X, Y) + 0.5 * START, rtol=1e-15)


def test_descent_leaves_its_start_alone():
    start = np.ones(2)
    gradient_descent(lambda W: W, start, 0.5, 3)
    assert start.tolist() == [1.0, 1.0]


def test_the_objective_does_not_depend_on_order_or_repetition():
    """Its value, that is; and its gradient is that of its value, both regularisers included."""
    value = lambda X, Y, W=START: objective(hinge, rbf_output, 2, W, X, Y, decay=0.25, sparsity=0.125)
    assert value(X[::-1], Y[::-1]) == pytest.approx(value(X, Y), rel=1e-15)
    assert value(np.tile(X, (3, 1)), np.tile(Y, 3)) == pytest.approx(value(X, Y), rel=1e-15)
    once = [hinge(energy_table(rbf_output, 2, START, x), y) for x, y in zip(X, Y, strict=True)]
    assert value(X, Y) == pytest.approx(sum(once) / 4 + 0.25 * 25.0 / 2 + 0.125 * 7.0, rel=1e-15)
    W = START + 0.3
    g = objective_gradient(
        nll_gradient, rbf_output, rbf_output_centers_gradient, 2, W, X, Y, decay=0.25, sparsity=0.125
    )
    loss = lambda W: objective(nll, rbf_output, 2, W, X, Y, decay=0.25, sparsity=0.125)
    for i in np.ndindex(W.shape):
        e = np.zeros(W.shape)
        e[i] = 1e-5
        assert g[i] == pytest.approx((loss(W + e) - loss(W - e)) / 2e-5, rel=1e-8)


def test_samples_and_labels_must_be_as_many():
    for bad in ((X, Y[:-1]), (X[:0], Y[:0])):
        with pytest.raises(ValueError, match=r"Y = .*must hold one label for each of"):
            objective(hinge, rbf_output, 2, START, *bad)
        with pytest.raises(ValueError, match=r"Y = .*must hold one label for each of"):
            objective_gradient(nll_gradient, rbf_output, rbf_output_centers_gradient, 2, START, *bad)


def test_regulariser_by_hand():
    W = np.array([[3.0, -4.0], [0.0, 1.0]])
    assert regulariser(W, decay=0.5) == 6.5 and regulariser(W, sparsity=0.5) == 4.0
    assert regulariser_gradient(W, 0.5, 0.25).tolist() == [[1.75, -2.25], [0.0, 0.75]]
    assert regulariser_gradient(2.0, 0.5) == 1.0


def test_l1_makes_zeros_where_l2_makes_small():
    """Descent on (w - a)^2/2 + R: L2 divides a by 1 + c, L1 takes c off it, or all of it."""
    a = np.array([3.0, 0.5])
    end = lambda **R: gradient_descent(lambda w: w - a + regulariser_gradient(w, **R), a, 0.01, 5000)
    assert np.allclose(end(decay=1.0), a / 2.0, atol=1e-12)
    assert np.allclose(end(sparsity=1.0), [2.0, 0.0], atol=0.02)  # a corner is approached to a step


def test_momentum_by_hand():
    """E = w^2 from 1: v = 2, 2, 1 and w = 0.5, 0, -0.25."""
    w, v, seen = 1.0, 0.0, []
    for _ in range(3):
        w, v = momentum_step(w, v, 2.0 * w, step_size=0.25, friction=0.5)
        seen.append((w, v))
    assert seen == [(0.5, 2.0), (0.0, 2.0), (-0.25, 1.0)]


def test_adam_by_hand():
    """Gradients 8, -4, 8: m = 4, 0, 4 and v = 16, 16, 28."""
    w, state, seen = 1.0, (0.0, 0.0, 0), []
    for g in (8.0, -4.0, 8.0):
        w, state = adam_step(w, state, g, step_size=0.5, b1=0.5, b2=0.75, eps=0.0)
        seen.append((w, state))
    assert seen[:2] == [(0.5, (4.0, 16.0, 1)), (0.5, (0.0, 16.0, 2))]
    assert seen[2][1] == (4.0, 28.0, 3)
    assert seen[2][0] == pytest.approx(0.5 - 0.5 * (4.0 / 0.875) / np.sqrt(28.0 / 0.578125), rel=1e-15)


def test_adams_first_step_convicts_the_common_slips():
    """It is s g / (|g| + eps), whatever the decays: half of s where g = eps."""
    first = adam_step(0.0, (0.0, 0.0, 0), 1e-8, step_size=1.0)[0]
    assert first == pytest.approx(-0.5, rel=1e-12)
    inside = -1e-8 / np.sqrt(1e-16 + 1e-8)
    assert abs(inside / first) < 1e-3
    uncorrected = -(0.1 * 5.0) / np.sqrt(0.001 * 25.0)
    assert uncorrected / adam_step(0.0, (0.0, 0.0, 0), 5.0, step_size=1.0)[0] == pytest.approx(
        3.162, abs=1e-3
    )


def test_decay_inside_adam_is_not_weight_decay():
    """Two weights alike but for the size of their noise: decay shrinks the loud one a hundred times less."""

    def end(inside, beside=0.0):
        W, state = np.ones(2), (0.0, 0.0, 0)
        for t in range(400):
            g = np.array([1.0, 100.0]) * (-1.0) ** t + inside * W
            moved, state = adam_step(W, state, g, step_size=1e-2)
            W = moved - 1e-2 * beside * W
        return W

    shrunk = end(0.0) - end(0.1)
    assert shrunk[0] / shrunk[1] == pytest.approx(100.0, rel=0.2)
    assert np.allclose(end(0.0) - end(0.0, beside=0.1), 1.0 - 0.999**400, atol=0.01)


def test_update_rules_are_pure():
    W, v, g = np.ones(2), np.full(2, 3.0), np.array([1.0, -2.0])
    state = (np.ones(2), np.ones(2), 4)
    first, again = (adam_step(W, state, g), momentum_step(W, v, g, 0.5)), (adam_step(W, state, g),)
    assert np.array_equal(first[0][0], again[0][0])
    assert W.tolist() == [1.0, 1.0] and v.tolist() == [3.0, 3.0] and g.tolist() == [1.0, -2.0]
    assert state[0].tolist() == [1.0, 1.0] and state[2] == 4


BANANA = lambda w: np.array(
    [2.0 * (w[0] - 1.0) - 40.0 * w[0] * (w[1] - w[0] ** 2), 20.0 * (w[1] - w[0] ** 2)]
)


def walk(step, state, **settings):
    w, seen = np.array([-1.0, 0.5]), []
    for _ in range(60):
        w, state = step(w, state, BANANA(w), **settings)
        seen.append(w)
    return np.array(seen)


OURS = {
    "momentum": (momentum_step, 0.0, {"step_size": 0.002, "friction": 0.8}),
    "adam": (adam_step, (0.0, 0.0, 0), {"step_size": 0.05, "b1": 0.8, "b2": 0.95, "eps": 1e-3}),
}


@pytest.mark.parametrize("name", OURS)
def test_updates_against_pytorch(name):
    torch = pytest.importorskip("torch", reason="PyTorch's optimisers are an independent route")
    w = torch.tensor([-1.0, 0.5], dtype=torch.float64, requires_grad=True)
    made = {
        "momentum": lambda: torch.optim.SGD([w], lr=0.002, momentum=0.8),
        "adam": lambda: torch.optim.Adam([w], lr=0.05, betas=(0.8, 0.95), eps=1e-3),
    }[name]()
    theirs = []
    for _ in range(60):
        w.grad = torch.tensor(BANANA(w.detach().numpy()))
        made.step()
        theirs.append(w.detach().numpy().copy())
    step, state, settings = OURS[name]
    np.testing.assert_allclose(walk(step, state, **settings), theirs, rtol=1e-10)


@pytest.mark.parametrize("name", OURS)
def test_updates_against_optax(name):
    jax = pytest.importorskip("jax", reason="optax needs JAX")
    optax = pytest.importorskip("optax", reason="optax's optimisers are an independent route")
    made = {"momentum": optax.sgd(0.002, momentum=0.8), "adam": optax.adam(0.05, b1=0.8, b2=0.95, eps=1e-3)}[
        name
    ]
    theirs = []
    with jax.enable_x64(True):
        w = jax.numpy.array([-1.0, 0.5])
        state = made.init(w)
        for _ in range(60):
            updates, state = made.update(jax.numpy.array(BANANA(np.asarray(w))), state)
            w = optax.apply_updates(w, updates)
            theirs.append(np.asarray(w))
    step, state, settings = OURS[name]
    np.testing.assert_allclose(walk(step, state, **settings), theirs, rtol=1e-10)


@pytest.mark.parametrize("count, size", [(1, 1), (7, 3), (6, 3), (5, 8), (5, 5), (4, 1)])
def test_minibatches_hold_every_sample_once(count, size):
    batches = minibatches(np.random.default_rng(0), count, size)
    assert sorted(np.concatenate(batches).tolist()) == list(range(count))
    assert [len(b) for b in batches[:-1]] == [size] * (len(batches) - 1) and 1 <= len(batches[-1]) <= size
    assert len(batches) == -(-count // size)


def test_minibatches_come_from_the_generator():
    epochs = lambda seed: [
        np.concatenate(minibatches(rng, 20, 6)).tolist()
        for rng in [np.random.default_rng(seed)]
        for _ in range(2)
    ]
    first, second = epochs(3)
    assert epochs(3) == [first, second] and first != second and epochs(4)[0] != first


def test_minibatch_gradients_average_to_the_full_one():
    full = objective_gradient(nll_gradient, rbf_output, rbf_output_centers_gradient, 2, START, X, Y)
    parts = [
        objective_gradient(nll_gradient, rbf_output, rbf_output_centers_gradient, 2, START, X[b], Y[b])
        for b in minibatches(np.random.default_rng(1), 4, 2)
    ]
    np.testing.assert_allclose(np.mean(parts, axis=0), full, rtol=1e-14)


def test_minibatches_need_samples_and_a_size():
    for count, size in ((0, 2), (3, 0), (3, -1), (3, 1.5)):
        with pytest.raises(ValueError, match=r"(count|size) = .*must be an integer >= 1"):
            minibatches(np.random.default_rng(0), count, size)


LOSSES = [5.0, 3.0, 4.0, 2.0, 3.0, 2.0, 1.0, 0.5]


@pytest.mark.parametrize(
    "patience, epochs, best, seen", [(1, 99, 1, 3), (2, 99, 3, 6), (3, 7, 7, 8), (2, 1, 1, 2), (2, 0, 0, 1)]
)
def test_early_stopping_by_hand(patience, epochs, best, seen):
    """Validation losses 5 3 4 2 3 2 1: patience 1 stops at 4 and keeps 3; patience 2 never sees the 1."""
    asked = []
    loss = lambda w: asked.append(w) or LOSSES[w]
    assert early_stopping(lambda w: w + 1, 0, loss, patience, epochs) == (best, LOSSES[best])
    assert asked == list(range(seen))


def test_early_stopping_and_a_loss_that_is_no_number():
    losses = [2.0, np.nan, np.nan, 1.0]
    assert early_stopping(lambda w: w + 1, 0, losses.__getitem__, patience=2) == (0, 2.0)
    with pytest.raises(ValueError, match="start = 1: must have a validation loss"):
        early_stopping(lambda w: w + 1, 1, losses.__getitem__, patience=2)


def test_early_stopping_beats_training_to_the_end():
    """20 weights, 3 of them real, 15 noisy samples: validation turns round, and there one stops."""
    rng = np.random.default_rng(2)
    truth = np.where(np.arange(20) < 3, 1.0, 0.0)
    A, B = rng.normal(size=(15, 20)), rng.normal(size=(200, 20))
    a, b = A @ truth + rng.normal(size=15), B @ truth + rng.normal(size=200)
    epoch = lambda w: gradient_descent(lambda w: A.T @ (A @ w - a) / 15, w, 0.02, 5)
    validation = lambda w: np.mean((B @ w - b) ** 2)
    best, lowest = early_stopping(epoch, np.zeros(20), validation, patience=10)
    end = gradient_descent(lambda w: A.T @ (A @ w - a) / 15, np.zeros(20), 0.02, 5000)
    assert lowest == validation(best) < 0.9 * validation(end) and lowest < validation(np.zeros(20))


def test_the_grid_and_the_box_are_those_asked_for():
    """condition 3 on 5 points a side is decided by points that 4 a side do not hold; descent starts at 0."""
    seen = []
    condition_3(hinge, lambda E_C, E_I: seen.append((E_C, E_I)) or True, margin=0.5, points=5)
    assert len(seen) == 25 and max(seen) == (4.0, 4.0) and sorted({E_C for E_C, _ in seen}) == [0, 1, 2, 3, 4]
    assert resting_gap(square_square_gradient) == 1.0  # from a wall at 1, no offender would feel a force
    assert resting_gap(square_square_gradient, lowest=1.0) is None
    assert resting_gap(hinge_gradient, extent=2.0, lowest=-2.0) == 1.0  # a box around 0 is as good as any
    starts = []
    assert resting_gap(lambda E, label: starts.append(tuple(E)) or np.zeros(2)) is None
    assert len(starts) == 45 and starts[:3] == [(0.0, 0.0), (0.5, 0.0), (0.5, 0.5)]  # E_C >= E_I, 9 a side


D2 = 2.25  # squared distance of two RBF centres
FAR = lambda E_C, E_I: np.sqrt(E_C) + np.sqrt(E_I) >= 1.5


@pytest.mark.parametrize(
    "name, largest",
    [
        *(("energy", D2), ("square_square", D2), ("hinge", 1.0), ("perceptron", 0.0), ("lvq2", 0.0)),
        *((name, 4.0) for name in ("log", "nll", "mce", "mee", "square_exponential")),
    ],
)
def test_condition_3_for_distinct_rbf_centers(name, largest):
    """The second column of the table in conditions.py: it holds for every margin below `largest`."""
    for margin in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0):
        holds, _, _ = condition_3(FORMULAS[name].value, FAR, margin, points=33)
        assert holds == (margin < largest), margin


def test_update_rules_take_a_gradient_of_the_shape_of_the_weights():
    W, column = np.ones(2), np.ones((2, 1))
    for update in (lambda g: momentum_step(W, 0.0, g, 0.1), lambda g: adam_step(W, (0.0, 0.0, 0), g)):
        with pytest.raises(ValueError, match=r"has shape \(2, 1\), but must have \(2,\)$"):
            update(column)


@pytest.mark.parametrize("b1, b2", [(1.0, 0.5), (0.5, 1.0), (-0.1, 0.5), (0.5, np.nan)])
def test_averages_of_adam_need_a_memory_that_fades(b1, b2):
    with pytest.raises(ValueError, match=r"b1, b2 = .*: must be in \[0, 1\)$"):
        adam_step(1.0, (0.0, 0.0, 0), 1.0, b1=b1, b2=b2)


def test_early_stopping_where_an_epoch_works_in_place():
    start = np.zeros(1)
    best, lowest = early_stopping(lambda w: w.__iadd__(1.0), start, lambda w: (w[0] - 3.0) ** 2, patience=2)
    assert best.tolist() == [3.0] and lowest == 0.0 and start.tolist() == [0.0]
