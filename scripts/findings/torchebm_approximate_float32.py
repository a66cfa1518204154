#!/usr/bin/env python3
"""torchebm's approximate score matching, far from 0, is blind to curvature.

Package   torchebm 0.8.9
Call      ScoreMatching(model, hessian_method="approx")(x) with x about 1000
Right     -1 for E = |x - 1000|^2/2 on the line, at 1000
Returned  -0.1, in float32, which is the default
Cause     curvature is a difference over 1e-5 times a normal number, and floats
          near 1000 are 6e-5 apart: x + noise is x again.
Thread    none.
Routes    the page score_matching; torchebm itself in float64, and its exact
          method in float32; the share of draws that move x at all.
"""

from math import erfc

import numpy as np
import torch
from torchebm.core import BaseModel
from torchebm.losses import ScoreMatching

from ebm_ref import FORMULAS

AT, POINTS = 1000.0, 10_000


class Bowl(BaseModel):
    """E = |x - 1000|^2/2."""

    def forward(self, x):
        return 0.5 * (x - AT).square().sum(1)


def loss(method, dtype):
    torch.manual_seed(0)
    x = torch.full((POINTS, 1), AT, dtype=dtype)
    return ScoreMatching(Bowl(dtype=dtype), hessian_method=method, dtype=dtype)(x).item()


ours = float(FORMULAS["score_matching"](np.zeros(1), 1.0))
single, double = (loss("approx", dtype) for dtype in (torch.float32, torch.float64))
exact = loss("exact", torch.float32)
spacing = float(np.spacing(np.float32(AT)))
moved = erfc(spacing / 2.0 / 1e-5 / np.sqrt(2.0))  # P(|1e-5 z| > half the spacing)
print(f"ours {ours}; approximate {single:.3f} in float32, {double:.3f} in float64; exact {exact}")
print(f"floats near {AT:g} are {spacing:.1e} apart: {moved:.2%} of the noise moves a point")
assert ours == exact == -1.0 and abs(double - ours) < 0.05
assert abs(single) < 0.2 and moved < 0.01
