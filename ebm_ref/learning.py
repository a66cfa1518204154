r"""Learning: the chain rule that joins any energy to any loss, and descent.

    dL/dW = sum_y (dL/dE_y) (dE_y/dW)

    objective(W) = (1/P) sum_i L(E(W, ., X^i), Y^i) + R(W)

A loss exposes only its gradient with respect to the table, an energy only its gradient for one
answer; this sum is all that either needs to know of the other.  Minima and most offending answers
inside a loss count as constants (envelope theorem).  The objective does not depend on the order of
the samples, nor on repeating the whole set.

Source: LeCun et al. (2006), Section 1.4 and 2.1 (objective); the chain rule.
Before: samplers/chains.py.  Next: diagnostics.py.
"""

import numpy as np


def energy_table(energy, k, *inputs):
    """(k,) energies of all answers: `energy(*inputs, y)` for y = 0..k-1.

    >>> from ebm_ref.energies.rbf_output import rbf_output
    >>> energy_table(rbf_output, 2, np.array([[0.0], [3.0]]), np.array([1.0]))
    array([1., 4.])
    """
    return np.array([energy(*inputs, y) for y in range(k)])


def chain_rule(loss_gradient, energy_gradients):
    """dL/dW = sum_y (dL/dE_y) (dE_y/dW), from (k,) and (k, *shape of W) to the shape of W.

    End to end, the hinge loss of an RBF output, with respect to the centres:

    >>> from ebm_ref.energies.rbf_output import rbf_output, rbf_output_centers_gradient
    >>> from ebm_ref.losses.hinge import hinge_gradient
    >>> U, x, y = np.array([[0.0], [3.0]]), np.array([2.0]), 0
    >>> table = energy_table(rbf_output, 2, U, x)
    >>> chain_rule(hinge_gradient(table, y), energy_table(rbf_output_centers_gradient, 2, U, x))
    array([[-4.],
           [-2.]])
    """
    return np.tensordot(loss_gradient, energy_gradients, axes=1)


def sample_gradient(loss_gradient, energy, energy_gradient, k, W, x, label):
    """dL/dW of one sample, for an energy of arguments (W, x, answer)."""
    table = energy_table(energy, k, W, x)
    return chain_rule(loss_gradient(table, label), energy_table(energy_gradient, k, W, x))


def objective_gradient(loss_gradient, energy, energy_gradient, k, W, X, Y, decay=0.0):
    """Gradient of the mean loss over the samples (X^i, Y^i) plus R(W) = decay |W|^2 / 2."""
    each = [
        sample_gradient(loss_gradient, energy, energy_gradient, k, W, x, y) for x, y in zip(X, Y, strict=True)
    ]
    return np.mean(each, axis=0) + decay * W


def gradient_descent(gradient, start, step_size, steps):
    """W after `steps` steps W <- W - step_size gradient(W); the start is left as it is.

    >>> round(float(gradient_descent(lambda w: 2.0 * w, 1.0, step_size=0.25, steps=3)), 3)
    0.125
    """
    W = start
    for _ in range(steps):
        W = W - step_size * gradient(W)
    return W
