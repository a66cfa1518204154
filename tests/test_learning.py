"""The chain rule at work: what the tutorial says of the energy loss and of RBF outputs."""

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies.rbf_output import rbf_output, rbf_output_centers_gradient, rbf_output_features_gradient
from ebm_ref.energies.softmax import softmax, softmax_weights_gradient
from ebm_ref.learning import chain_rule, energy_table, gradient_descent, objective_gradient, sample_gradient
from ebm_ref.losses.conditions import condition_3, resting_gap
from ebm_ref.losses.energy import energy_gradient
from ebm_ref.losses.hinge import hinge
from ebm_ref.losses.nll import nll_gradient
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


def test_the_grid_and_the_box_are_those_asked_for():
    """condition 3 on 5 points a side is decided by points that 4 a side do not hold; descent starts at 0."""
    seen = []
    condition_3(hinge, lambda E_C, E_I: seen.append((E_C, E_I)) or True, margin=0.5, points=5)
    assert len(seen) == 25 and max(seen) == (4.0, 4.0) and sorted({E_C for E_C, _ in seen}) == [0, 1, 2, 3, 4]
    assert resting_gap(square_square_gradient) == 1.0  # from a wall at 1, no offender would feel a force
    assert resting_gap(square_square_gradient, lowest=1.0) is None


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
