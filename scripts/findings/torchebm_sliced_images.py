#!/usr/bin/env python3
"""torchebm's sliced score matching of images is divided by their rows.

Package   torchebm 0.8.9
Call      SlicedScoreMatching(model)(x) for x of shape (batch, c, h, w)
Right     the mean of (v's)^2/2 - v'Hv, v's summed over all pixels; in the mean
          over signs it is |s|^2/2 - tr H, whatever the shape of x
Returned  the mean over c h rows of that of each row: 1/(c h) of it
Cause     v's and v'Hv are summed over the last axis alone.
Thread    none.
Routes    the page sliced_score_matching over all directions of signs; the page
          score_matching; torchebm's own exact method; the same data as vectors.
"""

from itertools import product

import numpy as np
import torch
from torchebm.core import BaseModel
from torchebm.losses import ScoreMatching, SlicedScoreMatching

from ebm_ref import FORMULAS

PRECISION, DOUBLE = 3.0, torch.float64


class Bowl(BaseModel):
    """E = 3 |x|^2/2 of points of any shape."""

    def forward(self, x):
        return 0.5 * PRECISION * x.flatten(1).square().sum(1)


def sliced(shape):
    """torchebm's loss at ones, over many directions of signs."""
    torch.manual_seed(0)
    x = torch.ones(20_000, *shape, dtype=DOUBLE)
    return SlicedScoreMatching(Bowl(dtype=DOUBLE), n_projections=1, dtype=DOUBLE)(x).item()


score = np.full(6, -PRECISION)
signs = np.array(list(product([-1.0, 1.0], repeat=6)))
all_signs = np.mean(FORMULAS["sliced_score_matching"](score, signs, 6.0 * PRECISION))
unsliced = float(FORMULAS["score_matching"](score, 6.0 * PRECISION))
exact = ScoreMatching(Bowl(dtype=DOUBLE), dtype=DOUBLE)(torch.ones(2, 1, 2, 3, dtype=DOUBLE)).item()
print(f"ours {all_signs}, by the trace {unsliced}, torchebm exact {exact}")
for shape, rows in (((6,), 1), ((2, 3), 2), ((1, 2, 3), 2), ((3, 2), 3)):
    loss = sliced(shape)
    print(f"torchebm sliced, six numbers as {shape}: {loss:.2f}")
    assert abs(loss - unsliced / rows) < 0.3
assert abs(all_signs - unsliced) < 1e-12 and exact == unsliced == 9.0
