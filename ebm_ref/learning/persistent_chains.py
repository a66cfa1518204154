r"""Persistent chains: negatives that go on where the last update left them.

    restarted     x' after k steps from the data, at each update            CD-k
    persistent    x' after k steps from the x' of the update before         PCD
    replay        of a buffer of earlier ends, a share of them fresh        between the two

    P(x' = 1) in update t, of two states:
        pi + lambda^{k t} (data - pi)    persistent, begun at the data
        pi + lambda^k (data - pi)        restarted

The model changes little in one update, so a chain that is kept stays close to the law of the model, and t
updates of k steps do the work of t k.  A chain that starts again at the data carries the bias of CD-k for
ever.  So the state must survive the call: the whole difference between the two is one assignment.

The reset share of a buffer is explicit: a chain that is thrown away with probability r in each update has an
age of 1/r updates on average, and forgets modes of the energy that have since moved.  With r = 1 every chain
starts from noise, each time.  That is a short run, whose samples are not the model's (samplers/chains.py).

Source: Tieleman (2008), "Training Restricted Boltzmann Machines Using Approximations to the Likelihood
Gradient"; Du and Mordatch (2019), "Implicit Generation and Modeling with Energy-Based Models", Algorithm 1.
"""

from dataclasses import dataclass

import numpy as np

from ebm_ref.checks import as_real, real, require
from ebm_ref.formula import Mistake
from ebm_ref.samplers.chains import replay_starts, replay_update, run


@dataclass
class PersistentChains:
    """Chains that are kept from one update to the next.

    Parameters
    ----------
    states : (m, d) float
        Where the chains are now.

    >>> chains = PersistentChains([[8.0]])
    >>> halve = lambda states, noise: 0.5 * states + noise
    >>> chains.advance(halve, [0.0, 0.0]).tolist(), chains.advance(halve, [0.0]).tolist()
    ([[2.0]], [[1.0]])
    """

    states: np.ndarray

    def __post_init__(self):
        self.states = real("states", self.states, "m", "d").copy()
        require(self.states.size > 0, "states", self.states, "must hold one or more chains")

    def advance(self, step, noise):
        """The states (m, d) after a step for each entry of the noise; the next call starts there.

        `step(states, entry)` -> states of all chains.  Of a step that fails nothing is kept.
        """
        ends = as_real("step", run(step, self.states.copy(), noise))
        fits = np.shape(ends) == self.states.shape
        require(fits, "step", ends, f"must return states of shape {self.states.shape}")
        self.states = ends.copy()
        return ends


@dataclass
class ReplayBuffer:
    """A buffer of ends of chains, from which the next chains start but for a share of fresh ones.

    Parameters
    ----------
    ends : (n, d) float
        Earlier ends; noise at the beginning.
    fresh_share : float
        r in [0, 1], the probability that a chain starts afresh.

    >>> buffer = ReplayBuffer([[1.0], [2.0]], fresh_share=0.25)
    >>> halve = lambda states, noise: 0.5 * states
    >>> fresh, uniforms = [[-8.0], [-8.0]], [0.9, 0.1]  # the second is below the share
    >>> buffer.advance(halve, [0.0], [1, 0], fresh, uniforms).tolist(), buffer.ends.tolist()
    ([[1.0], [-4.0]], [[-4.0], [1.0]])
    """

    ends: np.ndarray
    fresh_share: float = 0.05

    def __post_init__(self):
        self.ends = real("ends", self.ends, "n", "d").copy()
        require(self.ends.size > 0, "ends", self.ends, "must hold one or more")
        share = real("fresh_share", self.fresh_share)
        require(0.0 <= share <= 1.0, "fresh_share", share, "must be in [0, 1]")

    def advance(self, step, noise, indices, fresh, uniforms):
        """The ends (b, d) of chains from rows `indices` of the buffer, or from `fresh` (b, d) where u_i < r.

        They replace the rows that they started from, those that started afresh too.
        """
        starts = replay_starts(self.ends, fresh, indices, uniforms, self.fresh_share)
        reached = as_real("step", run(step, starts, noise))
        self.ends = replay_update(self.ends, indices, reached)
        return reached


class ForgetfulChains(PersistentChains):
    """Wrong: the chain is a local variable, and every update starts where the first one did."""

    def advance(self, step, noise):
        """The states after the steps, which are not kept."""
        return run(step, self.states.copy(), noise)


VARIANTS = (
    Mistake(
        ForgetfulChains,
        name="chains that are never kept",
        seen_in="Boltzmann.jl, github.com/dfdx/Boltzmann.jl/issues/47",
        symptom="persistent by name: chains that began at the data give the gradient of CD-k for ever",
    ),
    Mistake(
        lambda ends: ReplayBuffer(ends, fresh_share=1.0),
        name="every chain from noise",
        seen_in="torchebm, github.com/soran-ghaderi/torchebm/issues/60",
        symptom="short runs under the name of contrastive divergence: an energy that is not -log p",
    ),
)
