r"""Learning: the chain rule that joins any energy to any loss, and ways to walk downhill.

    dL/dW = sum_y (dL/dE_y) (dE_y/dW)
    objective(W) = (1/P) sum_i L(E(W, ., X^i), Y^i) + R(W)
    momentum   v <- mu v + g,   W <- W - s v
    Adam       m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2,   t <- t + 1
               W <- W - s m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)

Loss and energy meet in that sum alone.  Minima inside a loss count as constants (envelope theorem).

In Adam, eps stands outside the square root: inside, 1e-8 acts like 1e-4 and small gradients stand still
(github.com/FluxML/Flux.jl/pull/448).  Without both corrections the first step is 3.2 times too long.
decay W inside g is no weight decay, which shrinks W <- (1 - s decay) W beside the step, all weights alike.

Source: LeCun et al. (2006), Section 2.1; Polyak (1964); Kingma and Ba (2015), Algorithm 1.
"""

from copy import deepcopy

import numpy as np

from ebm_ref.checks import require, require_count, require_shape


def energy_table(energy, k, *inputs):
    """(k,) energies of all answers, or (k, ...) of their gradients: `energy(*inputs, y)` for y = 0..k-1."""
    return np.array([energy(*inputs, y) for y in range(k)])


def chain_rule(loss_gradient, energy_gradients):
    """dL/dW = sum_y (dL/dE_y) (dE_y/dW), from (k,) and (k, *shape of W) to the shape of W.

    >>> chain_rule([1.0, -1.0], [[-4.0, 0.0], [0.0, 2.0]]).tolist()  # hinge: one pushed down, one pulled up
    [-4.0, -2.0]
    """
    return np.tensordot(loss_gradient, energy_gradients, axes=1)


def sample_gradient(loss_gradient, energy, energy_gradient, k, W, x, label):
    """dL/dW of one sample, for an energy of arguments (W, x, answer)."""
    g = loss_gradient(energy_table(energy, k, W, x), label)
    return chain_rule(g, energy_table(energy_gradient, k, W, x))


def objective(loss, energy, k, W, X, Y, decay=0.0, sparsity=0.0):
    """Mean loss over the samples (X^i, Y^i) plus R(W): neither order nor repetition of the set matters."""
    require(len(X) == len(Y) > 0, "Y", Y, f"must hold one label for each of {len(X)} >= 1 inputs")
    one = lambda x, y: loss(energy_table(energy, k, W, x), y)
    return np.mean(list(map(one, X, Y))) + regulariser(W, decay, sparsity)


def objective_gradient(loss_gradient, energy, energy_gradient, k, W, X, Y, decay=0.0, sparsity=0.0):
    """d objective/dW, from the gradients of the loss and of the energy."""
    require(len(X) == len(Y) > 0, "Y", Y, f"must hold one label for each of {len(X)} >= 1 inputs")
    one = lambda x, y: sample_gradient(loss_gradient, energy, energy_gradient, k, W, x, y)
    return np.mean(list(map(one, X, Y)), axis=0) + regulariser_gradient(W, decay, sparsity)


def regulariser(W, decay=0.0, sparsity=0.0):
    """R(W) = decay |W|^2 / 2 + sparsity sum |W| (L2 and L1): L2 shrinks large weights most, L1 all alike."""
    return decay * np.sum(np.square(W)) / 2.0 + sparsity * np.sum(np.abs(W))


def regulariser_gradient(W, decay=0.0, sparsity=0.0):
    """dR/dW = decay W + sparsity sign(W), which is 0 at the corner W = 0."""
    return decay * np.asarray(W) + sparsity * np.sign(W)


def gradient_descent(gradient, start, step_size, steps):
    """W after `steps` steps W <- W - step_size gradient(W); the start is left as it is.

    >>> gradient_descent(lambda w: 2.0 * w, 1.0, step_size=0.25, steps=3)
    0.125
    """
    for _ in range(steps):
        start = start - step_size * gradient(start)
    return start


def momentum_step(W, velocity, g, step_size, friction=0.9):
    """(W, velocity) after one step against the gradient g; the first velocity is 0, mu is `friction`.

    >>> momentum_step(1.0, 2.0, g=1.0, step_size=0.25, friction=0.5)
    (0.5, 2.0)
    """
    require_shape("g", g, np.shape(W))
    velocity = friction * velocity + g
    return W - step_size * velocity, velocity


def adam_step(W, state, g, step_size=1e-3, b1=0.9, b2=0.999, eps=1e-8):
    """(W, state) after one step against the gradient g; the first state (m, v, t) is (0, 0, 0).

    >>> adam_step(1.0, (0.0, 0.0, 0), g=8.0, step_size=0.5, b1=0.5, b2=0.75, eps=0.0)
    (0.5, (4.0, 16.0, 1))
    """
    require_shape("g", g, np.shape(W))
    require(0.0 <= b1 < 1.0 and 0.0 <= b2 < 1.0, "b1, b2", (b1, b2), "must be in [0, 1)")
    m, v, t = b1 * state[0] + (1.0 - b1) * g, b2 * state[1] + (1.0 - b2) * g * g, state[2] + 1
    return W - step_size * (m / (1.0 - b1**t)) / ((v / (1.0 - b2**t)) ** 0.5 + eps), (m, v, t)


def minibatches(rng, count, size):
    """One epoch: arrays of up to `size` indices that hold each of 0..count-1 once; the last may be short."""
    require_count("count", count)
    require_count("size", size)
    return np.split(rng.permutation(count), range(size, count, size))


def early_stopping(epoch, start, validation_loss, patience, epochs=1000):
    """(W, loss) where validation went best, not where W <- epoch(W) ended, `patience` epochs later."""
    W, best, lowest, since = deepcopy(start), start, validation_loss(start), 0
    require(not np.isnan(lowest), "start", start, "must have a validation loss")
    while since < patience and epochs > 0:
        W, epochs = epoch(W), epochs - 1
        loss = validation_loss(W)
        best, lowest, since = (deepcopy(W), loss, 0) if loss < lowest else (best, lowest, since + 1)
    return best, lowest
