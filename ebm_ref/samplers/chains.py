r"""Chains for learning: how energy-based learning starts its samplers, and what it then samples.

    short run     K steps from noise, every time; K is part of the model
    contrastive   K steps from the data (CD-K)
    persistent    K steps from where the last update left off (PCD)
    replay        from a buffer of earlier ends, one in twenty from noise

A long chain forgets its start; these are not long.  A short run draws from its own law, of mean and
variance known exactly on a normal energy (langevin.moments_after): for K steps of x' = (1-ak) x + c z
from N(m, v),

    mean (1-ak)^K m
    variance (1-ak)^(2K) v + c^2 (1 - (1-ak)^(2K)) / (1 - (1-ak)^2)

It can model data while its energy is not -log p of anything; start it elsewhere, or run it longer,
and it shows.  Persistent chains and buffers follow exp(-E) as long as E changes slowly.

The samples enter the gradient of the loss as constants:  dL/dW = dE(data)/dW - dE(sample)/dW.

Source: Nijkamp et al. (2019), "Learning Non-Convergent Non-Persistent Short-Run MCMC"; Hinton (2002);
Tieleman (2008); Du and Mordatch (2019), "Implicit Generation and Modeling with Energy-Based Models".
"""

import numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.formula import Variant


def run(step, start, noise):
    """The state after one step for each entry of `noise`: `step(state, entry)` -> state.

    >>> run(lambda x, z: 0.5 * x + z, 8.0, [0.0, 1.0])
    3.0
    """
    state = start
    for entry in noise:
        state = step(state, entry)
    return state


def trajectory(step, start, noise):
    """All states on the way, one for each entry of `noise`; the start is not among them.

    >>> trajectory(lambda x, z: 0.5 * x + z, 8.0, [0.0, 1.0])
    [4.0, 3.0]
    """
    states = [start]
    for entry in noise:
        states.append(step(states[-1], entry))
    return states[1:]


def short_run_moments(mean, variance, precision, drift, noise_scale, steps):
    """Mean and variance after K Langevin steps on E = k x^2/2 from N(mean, variance), in closed form.

    >>> short_run_moments(4.0, 0.0, 1.0, drift=0.5, noise_scale=1.0, steps=2)
    (1.0, 1.25)
    """
    require_index("steps", steps, 2**62)
    shrink = 1.0 - drift * precision
    require(shrink**2 != 1.0, "drift", drift, f"must not be 0 or 2/k; k = {precision}")
    decay = shrink ** (2 * steps)
    return shrink**steps * mean, decay * variance + noise_scale**2 * (1.0 - decay) / (1.0 - shrink**2)


def replay_starts(buffer, fresh, indices, uniforms, fresh_share=0.05):
    """(b, d) starts: row i of `fresh` where u_i is below the share, else the buffer's row indices[i].

    >>> buffer, fresh = np.array([[1.0], [2.0]]), np.array([[-1.0], [-2.0], [-3.0]])
    >>> replay_starts(buffer, fresh, np.array([1, 1, 0]), np.array([0.5, 0.01, 0.9])).tolist()
    [[2.0], [-2.0], [1.0]]
    """
    require(0.0 <= fresh_share <= 1.0, "fresh_share", fresh_share, "must be in [0, 1]")
    _check_rows(buffer, indices)
    return np.where((np.asarray(uniforms) < fresh_share)[:, None], fresh, buffer[indices])


def replay_update(buffer, indices, ends):
    """The buffer with the chains' ends put where they came from; of equal indices the last counts.

    >>> replay_update(np.array([[1.0], [2.0]]), np.array([1]), np.array([[5.0]])).tolist()
    [[1.0], [5.0]]
    """
    _check_rows(buffer, indices)
    new = np.array(buffer)
    new[indices] = ends
    return new


def _check_rows(buffer, indices):
    """Raise a ValueError unless indices are rows of the buffer."""
    whole = np.asarray(indices).dtype.kind in "iu"
    legal = whole and bool(np.all((0 <= np.asarray(indices)) & (np.asarray(indices) < len(buffer))))
    require(legal, "indices", np.asarray(indices), f"must be rows of the buffer, 0..{len(buffer) - 1}")


def negative_phase(data_gradients, sample_gradients):
    """dL/dW of the log-likelihood's loss: mean dE/dW over the data less that over the samples.

    >>> float(negative_phase(np.array([1.0, 3.0]), np.array([5.0])))
    -3.0
    """
    return np.mean(data_gradients, axis=0) - np.mean(sample_gradients, axis=0)


VARIANTS = (
    Variant(
        "the two phases exchanged",
        "mistake",
        lambda data, samples: np.mean(samples, axis=0) - np.mean(data, axis=0),
        symptom="descent pushes the data up: the energy of the samples falls without end",
    ),
)
