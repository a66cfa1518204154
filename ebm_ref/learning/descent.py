r"""Learning: the chain rule that joins any energy to any loss, and ways to walk downhill.

    dL/dW = sum_y (dL/dE_y) (dE_y/dW)
    objective(W) = (1/n) sum_i L(E(W, ., X^i), Y^i) + R(W)
    R(W)  = decay |W|^2 / 2 + sparsity |W|_1

    descent    W <- W - s g
    momentum   v <- mu v + g,     W <- W - s v
    Adam       m <- b1 m + (1 - b1) g
               v <- b2 v + (1 - b2) g^2
               t <- t + 1
               W <- W - s m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)

g is the gradient and s the step size; in Adam m is the mean of recent gradients, not a margin, and v that
of their squares.  Loss and energy meet in the first sum alone.  If a loss contains a minimum, such as the
energy of the most offending answer, its place counts as a constant (envelope theorem).

In Adam, eps stands outside the square root: inside, 1e-8 acts like 1e-4 and small gradients stand still
(github.com/FluxML/Flux.jl/pull/448).  Without the two divisions by 1 - b^t the first step is 3.2 times too
long.  Adding decay W to g is not weight decay in Adam.  Weight decay is a step of its own beside Adam's,
W <- (1 - s decay) W, which shrinks all weights alike.

A whole problem: scripts/recipe_training_loop.py.

Source: LeCun et al. (2006), Section 2.1; Polyak (1964); Kingma and Ba (2015), Algorithm 1.
"""

from copy import deepcopy

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, with_axes
from ebm_ref.inference.exhaustive import listed


def energy_table(energy, k, *inputs):
    """(k,) energies of all answers, or (k, ...) of their gradients: `energy(*inputs, y)` for y = 0..k-1."""
    require_count("k", k)
    return as_real("energy", [energy(*inputs, y) for y in range(k)])


def chain_rule(loss_gradient, energy_gradients):
    """dL/dW = sum_y (dL/dE_y) (dE_y/dW), from (k,) and (k, *shape of W) to the shape of W.

    >>> chain_rule([1.0, -1.0], [[-4.0, 0.0], [0.0, 2.0]]).tolist()  # hinge: one pushed down, one pulled up
    [-4.0, -2.0]
    """
    g, slopes = real("loss_gradient", loss_gradient, "k"), as_real("energy_gradients", energy_gradients)
    fits = np.shape(slopes)[:1] == g.shape
    require(fits, "energy_gradients", slopes, f"must hold one gradient for each of {len(g)} answers")
    return np.tensordot(g, slopes, axes=1)


def sample_gradient(loss_gradient, energy, energy_gradient, k, W, x, label):
    """dL/dW of one sample, for an energy of arguments (W, x, answer)."""
    g = loss_gradient(energy_table(energy, k, W, x), label)
    return chain_rule(g, energy_table(energy_gradient, k, W, x))


def objective(loss, energy, k, W, X, Y, decay=0.0, sparsity=0.0):
    """Mean loss over the samples (X^i, Y^i) plus R(W): neither order nor repetition of the set matters."""
    X, Y = check_samples(X, Y)
    one = lambda x, y: loss(energy_table(energy, k, W, x), y)
    return np.mean(list(map(one, X, Y))) + regulariser(W, decay, sparsity)


def objective_gradient(loss_gradient, energy, energy_gradient, k, W, X, Y, decay=0.0, sparsity=0.0):
    """d objective/dW, from the gradients of the loss and of the energy."""
    X, Y = check_samples(X, Y)
    one = lambda x, y: sample_gradient(loss_gradient, energy, energy_gradient, k, W, x, y)
    return np.mean(list(map(one, X, Y)), axis=0) + regulariser_gradient(W, decay, sparsity)


def check_samples(X, Y):
    """Inputs and labels as lists of the same length, >= 1."""
    X, Y = listed("X", X), listed("Y", Y)
    require(len(X) == len(Y) > 0, "Y", Y, f"must hold one label for each of {len(X)} >= 1 inputs")
    return X, Y


def regulariser(W, decay=0.0, sparsity=0.0):
    """R(W), of L2 (decay) and L1 (sparsity): L2 shrinks large weights most, L1 all alike."""
    W, decay, sparsity = as_real("W", W), real("decay", decay), real("sparsity", sparsity)
    return decay * np.sum(np.square(W)) / 2.0 + sparsity * np.sum(np.abs(W))


def regulariser_gradient(W, decay=0.0, sparsity=0.0):
    """dR/dW = decay W + sparsity sign(W), which is 0 at the corner W = 0."""
    W, decay, sparsity = as_real("W", W), real("decay", decay), real("sparsity", sparsity)
    return decay * W + sparsity * np.sign(W)


def gradient_descent(gradient, start, step_size, steps):
    """W after `steps` steps W <- W - step_size gradient(W); the start is left as it is.

    >>> float(gradient_descent(lambda w: 2.0 * w, 1.0, step_size=0.25, steps=3))
    0.125
    """
    W, s = as_real("start", start), real("step_size", step_size)
    require_count("steps", steps, 0)
    for _ in range(steps):
        W = W - s * real("gradient", gradient(W), *np.shape(W))
    return W


def momentum_step(W, velocity, g, step_size, friction=0.9):
    """(W, velocity) after one step against the gradient g; the first velocity is 0, mu is `friction`.

    >>> W, velocity = momentum_step([1.0], 2.0, g=[1.0], step_size=0.25, friction=0.5)
    >>> W.tolist(), velocity.tolist()
    ([0.5], [2.0])
    """
    W, s, mu = as_real("W", W), real("step_size", step_size), real("friction", friction)
    v, g = average("velocity", velocity, W), real("g", g, *np.shape(W))
    v = mu * v + g
    return W - s * v, v


def adam_step(W, state, g, step_size=1e-3, b1=0.9, b2=0.999, eps=1e-8):
    """(W, state) after one step against the gradient g; the first state (m, v, t) is (0, 0, 0).

    >>> W, (m, v, t) = adam_step([1.0], (0.0, 0.0, 0), g=[8.0], step_size=0.5, b1=0.5, b2=0.75, eps=0.0)
    >>> W.tolist(), m.tolist(), v.tolist(), t
    ([0.5], [4.0], [16.0], 1)
    """
    W, s, eps = as_real("W", W), real("step_size", step_size), real("eps", eps)
    b1, b2, g = real("b1", b1), real("b2", b2), real("g", g, *np.shape(W))
    require(0.0 <= b1 < 1.0 and 0.0 <= b2 < 1.0, "b1, b2", (b1, b2), "must be in [0, 1)")
    require(
        isinstance(state, (tuple, list)) and len(state) == 3, "state", state, "must be a triple (m, v, t)"
    )
    m, v, t = average("state", state[0], W), average("state", state[1], W), state[2]
    require_count("state", t, 0)
    m, v, t = b1 * m + (1.0 - b1) * g, b2 * v + (1.0 - b2) * g * g, t + 1
    return W - s * (m / (1.0 - b1**t)) / ((v / (1.0 - b2**t)) ** 0.5 + eps), (m, v, t)


def average(argument, value, W):
    """What a walk remembers of its gradients: an array like W, or one number for all of it."""
    value = as_real(argument, value)
    return with_axes(argument, value, np.shape(W) if np.ndim(value) else ())


def minibatches(rng, count, size):
    """One epoch: arrays of up to `size` indices that hold each of 0..count-1 once; the last may be short."""
    require_count("count", count)
    require_count("size", size)
    return np.split(rng.permutation(count), range(size, count, size))


def early_stopping(epoch, start, validation_loss, patience, epochs=1000):
    """(W, loss) where validation went best, not where W <- epoch(W) ended, `patience` epochs later."""
    require_count("patience", patience, 0)
    require_count("epochs", epochs, 0)
    measured = lambda W: real("validation_loss", validation_loss(W))
    W, best, lowest, since = deepcopy(start), start, measured(start), 0
    require(not np.isnan(lowest), "start", start, "must have a validation loss")
    while since < patience and epochs > 0:
        W, epochs = epoch(W), epochs - 1
        loss = measured(W)
        best, lowest, since = (deepcopy(W), loss, 0) if loss < lowest else (best, lowest, since + 1)
    return best, lowest
