r"""Chains for learning: how energy-based learning starts its samplers, and what it then samples.

    short run     K steps from noise, every time; K is part of the model
    contrastive   K steps from the data (CD-K)
    persistent    K steps from where the last update left off (PCD)
    replay        from a buffer of earlier ends, one in twenty from noise

    dL/dW = <dE/dW>_data - <dE/dW>_samples

A long chain forgets its start; these are not long.  A short run samples a distribution of its own.  On a
normal energy E = k x^2/2 its mean and variance are known exactly (langevin.moments_after).  K steps of
x' = (1 - ak) x + c z from N(m, v) lead to

    mean       (1 - ak)^K m
    variance   (1 - ak)^{2K} v + c^2 (1 - (1 - ak)^{2K}) / (1 - (1 - ak)^2)

A short run can model data while its energy is not -log p of anything.  Start it elsewhere, or run it
longer, and it shows.  Persistent chains and buffers follow exp(-E) as long as E changes slowly.

Long chains of a posterior, several at a time and with their diagnostics, are run by posterior.py.

The samples enter the gradient of the loss as constants: nothing is differentiated through the chain.

Source: Nijkamp et al. (2019), "Learning Non-Convergent Non-Persistent Short-Run MCMC"; Hinton (2002);
Tieleman (2008); Du and Mordatch (2019), "Implicit Generation and Modeling with Energy-Based Models".
"""

import numpy as np

from ebm_ref.checks import as_real, real, require, whole
from ebm_ref.formula import Mistake
from ebm_ref.samplers.lattice_walk import index_below, uniform_numbers


def _entries(step, noise):
    """The noise, one entry for each step, if `step` is a function and the noise can be looped over."""
    require(callable(step), "step", step, "must be a function of a state and an entry of the noise")
    try:
        return iter(noise)
    except TypeError:
        require(False, "noise", noise, "must be a sequence, one entry for each step")


def run(step, start, noise):
    """The state after one step for each entry of `noise`: `step(state, entry)` -> state.

    >>> run(lambda x, z: 0.5 * x + z, 8.0, [0.0, 1.0])
    3.0
    """
    state = start
    for entry in _entries(step, noise):
        state = step(state, entry)
    return state


def trajectory(step, start, noise):
    """All states on the way, one for each entry of `noise`; the start is not among them.

    >>> trajectory(lambda x, z: 0.5 * x + z, 8.0, [0.0, 1.0])
    [4.0, 3.0]
    """
    states = [start]
    for entry in _entries(step, noise):
        states.append(step(states[-1], entry))
    return states[1:]


def short_run_moments(mean, variance, precision, drift, noise_scale, steps):
    """Mean and variance after K Langevin steps on E = k x^2/2 from N(mean, variance), in closed form.

    >>> short_run_moments(4.0, 0.0, 1.0, drift=0.5, noise_scale=1.0, steps=2)
    (1.0, 1.25)
    """
    steps = index_below(2**53, "steps", steps)
    given = {
        "mean": mean,
        "variance": variance,
        "precision": precision,
        "drift": drift,
        "noise_scale": noise_scale,
    }
    given = {argument: float(real(argument, value)) for argument, value in given.items()}
    for argument, value in given.items():
        require(np.isfinite(value), argument, value, "must be finite")
    mean, variance, precision, drift, noise_scale = given.values()
    require(variance >= 0.0, "variance", variance, "must be >= 0")
    shrink = 1.0 - drift * precision
    require(shrink**2 != 1.0, "drift", drift, f"must not be 0 or 2/k; k = {precision}")
    try:
        decay = shrink ** (2 * steps)
    except OverflowError:
        require(False, "drift", drift, f"must be below 2/k: {steps} steps lead beyond what float64 holds")
    return shrink**steps * mean, decay * variance + noise_scale**2 * (1.0 - decay) / (1.0 - shrink**2)


def replay_starts(buffer, fresh, indices, uniforms, fresh_share=0.05):
    """(b, d) starts: row i of `fresh` where u_i is below the share, else the buffer's row indices[i].

    >>> buffer, fresh = np.array([[1.0], [2.0]]), np.array([[-1.0], [-2.0], [-3.0]])
    >>> replay_starts(buffer, fresh, np.array([1, 1, 0]), np.array([0.5, 0.01, 0.9])).tolist()
    [[2.0], [-2.0], [1.0]]
    """
    share = real("fresh_share", fresh_share)
    require(0.0 <= share <= 1.0, "fresh_share", share, "must be in [0, 1]")
    buffer, indices = _rows(buffer, indices)
    fresh = real("fresh", fresh, len(indices), buffer.shape[1])
    u = uniform_numbers("uniforms", uniforms, len(indices))
    return np.where((u < share)[:, None], fresh, buffer[indices])


def replay_update(buffer, indices, ends):
    """The buffer with the chains' ends put where they came from; where an index recurs, the last counts.

    >>> replay_update(np.array([[1.0], [2.0]]), np.array([1]), np.array([[5.0]])).tolist()
    [[1.0], [5.0]]
    """
    buffer, indices = _rows(buffer, indices)
    new = np.array(buffer)
    new[indices] = real("ends", ends, len(indices), buffer.shape[1])
    return new


def _rows(buffer, indices):
    """The buffer (n, d) as float64 and the indices as integers, if they are rows of it."""
    buffer, indices = real("buffer", buffer, "n", "d"), whole("indices", indices, "b").astype(int)
    legal = bool(np.all((indices >= 0) & (indices < len(buffer))))
    require(legal, "indices", indices, f"must be rows of the buffer, 0..{len(buffer) - 1}")
    return buffer, indices


def negative_phase(data_gradients, sample_gradients):
    """dL/dW of the negative log-likelihood: mean dE/dW over the data less that over the samples.

    The first axis of each counts data and samples; further axes are those of W, and the same for both.

    >>> float(negative_phase(np.array([1.0, 3.0]), np.array([5.0])))
    -3.0
    """
    data = as_real("data_gradients", data_gradients)
    samples = as_real("sample_gradients", sample_gradients)
    for argument, g in (("data_gradients", data), ("sample_gradients", samples)):
        require(np.ndim(g) > 0 and len(g) > 0, argument, g, "must hold one or more")
    fits = data.shape[1:] == samples.shape[1:]
    require(fits, "sample_gradients", samples, f"must have the axes {data.shape[1:]} of W after the first")
    return np.mean(data, axis=0) - np.mean(samples, axis=0)


VARIANTS = (
    Mistake(
        lambda data, samples: np.mean(samples, axis=0) - np.mean(data, axis=0),
        name="the two phases exchanged",
        symptom="descent pushes the data up: the energy of the samples falls without end",
    ),
)
