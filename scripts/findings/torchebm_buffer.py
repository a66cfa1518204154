#!/usr/bin/env python3
"""torchebm's replay buffer never starts afresh, and half of it may lie idle.

Package   torchebm 0.8.9
Call      ContrastiveDivergence(persistent=True, new_sample_ratio=r,
          buffer_size=n).get_start_points(batch)
Right     "new_sample_ratio: Fraction of new random samples for PCD chains":
          with r = 1 all chains start from noise; and any row of the buffer can
          be a start
Returned  rows of the buffer with noise of size 0.01 added; with n = 127 and
          64 chains the rows 64 to 126 are never drawn
Cause     noise is added to a start, it does not replace it; row i is drawn from
          the i-th stretch of floor(n/batch) rows, and what is left over is in
          no stretch.
Thread    none.
Routes    the page of persistent chains (ReplayBuffer) and the bare rule
          (samplers.chains.replay_starts), given the same buffer and share.
"""

import numpy as np
import torch
from torchebm.core import BaseModel
from torchebm.losses import ContrastiveDivergence
from torchebm.samplers import LangevinDynamics

from ebm_ref.learning.persistent_chains import ReplayBuffer
from ebm_ref.samplers.chains import replay_starts


class Bowl(BaseModel):
    """E = |x|^2/2."""

    def forward(self, x):
        return 0.5 * x.square().sum(1)


def starts(rows, share, draws=200):
    """Starts of 64 chains from a buffer with these rows, many times."""
    chosen = {"persistent": True, "buffer_size": len(rows), "init_steps": 0, "new_sample_ratio": share}
    loss = ContrastiveDivergence(Bowl(), LangevinDynamics(Bowl()), **chosen)
    loss.initialize_buffer((1,))
    loss.replay_buffer[:] = torch.tensor(rows, dtype=torch.float32)[:, None]
    return np.concatenate([loss.get_start_points(torch.zeros(64, 1)).numpy().ravel() for _ in range(draws)])


torch.manual_seed(0)
rng = np.random.default_rng(0)
far = np.full(128, 10.0)
theirs = starts(far, 1.0)
fresh, u = rng.normal(size=(64, 1)), rng.uniform(size=64)
ours = replay_starts(far[:, None], fresh, np.arange(64), u, fresh_share=1.0)
buffer = ReplayBuffer(far[:, None], fresh_share=1.0).advance(lambda x, _: x, [None], np.arange(64), fresh, u)
print(f"all fresh, buffer at 10: starts of torchebm {theirs.mean():.2f}, of ours {ours.mean():.2f}")
assert np.array_equal(ours, fresh) and np.array_equal(buffer, fresh)
assert np.max(np.abs(theirs - 10.0)) < 0.1

seen = np.unique(starts(np.arange(127), 0.0))
reached = np.unique(rng.integers(127, size=200 * 64))
print(f"rows of 127 that are drawn for 64 chains: torchebm {len(seen)}, at random {len(reached)}")
assert np.array_equal(seen, np.arange(64)) and len(reached) == 127
