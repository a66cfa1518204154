#!/usr/bin/env python3
"""torchebm's HMC moves what is no number to the origin, and accepts it there.

Package   torchebm 0.8.9
Call      HamiltonianMonteCarlo(model).sample(x) for E = 3 sqrt(x), x > 0
Right     a density on x > 0 of mean 2/3, where no point is ever exactly 0
Returned  all chains at exactly 0, from which none returns
Cause     a trajectory that leaves x > 0 has no slope; integrate(safe=True)
          replaces its NaN by 0, where E is least, so that it is accepted.
          Such a map cannot be undone: the proposal is not reversible.
Thread    none.
Routes    the mean by quadrature and in closed form; chains of samplers/hmc.py,
          which refuse a proposal that is no number.
"""

import numpy as np
import torch
from torchebm.core import BaseModel
from torchebm.samplers import HamiltonianMonteCarlo

from ebm_ref.exact.quadrature import expectation
from ebm_ref.samplers.hmc import hmc_step

STEP, LEAPS, MOVES = 0.3, 5, 200


class Root(BaseModel):
    """E = 3 sqrt(x)."""

    def forward(self, x):
        return 3.0 * torch.sqrt(x).sum(1)


def ours(rng, chains=40):
    """Ends of chains from 1, on the side where E is a number; +inf forbids the other."""
    energy = lambda x: 3.0 * np.sqrt(x[0]) if x[0] > 0.0 else np.inf
    slope = lambda x: 1.5 / np.sqrt(x) if x[0] > 0.0 else np.full(1, 0.0)
    ends = []
    for _ in range(chains):
        x = np.ones(1)
        for _ in range(MOVES):
            x, _ = hmc_step(energy, slope, x, STEP, LEAPS, rng.normal(size=1), rng.exponential())
            ends.append(x[0])
    return np.array(ends)


torch.manual_seed(0)
sampler = HamiltonianMonteCarlo(Root(), step_size=STEP, n_leapfrog_steps=LEAPS)
theirs = sampler.sample(x=torch.ones(1000, 1), n_steps=MOVES).numpy()
mean, _ = expectation(lambda x: x, lambda x: 3.0 * np.sqrt(x), intervals=((0.0, np.inf),))
walked = ours(np.random.default_rng(0))
print(f"mean by quadrature {mean:.4f}, of our chains {walked.mean():.2f}, of torchebm {theirs.mean():.2f}")
print(f"at exactly 0: torchebm {np.mean(theirs == 0.0):.0%}, ours {np.mean(walked == 0.0):.0%}")
assert abs(mean - 6.0 / 9.0) < 1e-9 and abs(walked.mean() - mean) < 0.15 and np.all(walked > 0.0)
assert np.all(theirs == 0.0)
