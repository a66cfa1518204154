#!/usr/bin/env python3
"""torchebm's approximate score matching divides the trace by the dimension.

Package   torchebm 0.8.9
Call      ScoreMatching(model, hessian_method="approx")(x), in d dimensions
Right     |s|^2/2 - tr H in the mean; a normal density is fitted by its variance
Returned  |s|^2/2 - tr H / d; the fitted variance is d times the data's
Cause     the mean of z'Hz over normal z is the trace already, and the code
          divides by epsilon^2 * data_dim.
Thread    none.
Routes    the page score_matching with the trace; torchebm's own exact method;
          the variance at which each loss is least, in closed form.
"""

import numpy as np
import torch
from torchebm.core import BaseModel
from torchebm.losses import ScoreMatching

from ebm_ref import FORMULAS

D, DOUBLE = 8, torch.float64


class Bowl(BaseModel):
    """E = a |x|^2/2, of trace a d."""

    def __init__(self, precision):
        super().__init__(dtype=DOUBLE)
        self.precision = precision

    def forward(self, x):
        return 0.5 * self.precision * x.square().sum(1)


def loss(precision, x, method):
    """The loss in double precision, always with the same noise."""
    torch.manual_seed(0)
    return ScoreMatching(Bowl(precision), hessian_method=method, dtype=DOUBLE)(x).item()


def fitted_variance(x, method):
    """1/a at the lowest point of the parabola through three losses."""
    low, middle, high = (loss(a, x, method) for a in (0.0, 1.0, 2.0))
    return 1.0 / (1.0 + 0.5 * (low - high) / (low + high - 2.0 * middle))


origin = torch.zeros(20_000, D, dtype=DOUBLE)
ours = float(FORMULAS["score_matching"](np.zeros(D), 1.5 * D))
exact, approximate = loss(1.5, origin[:10], "exact"), loss(1.5, origin, "approx")
print(f"E = 1.5 |x|^2/2 at 0, d = {D}: ours {ours}, exact {exact}, approximate {approximate:.3f}")
data = torch.randn(20_000, D, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
variances = [fitted_variance(data, method) for method in ("exact", "approx")]
print("variance fitted to normal data of variance 1: exact {:.3f}, approximate {:.3f}".format(*variances))
assert ours == exact == -12.0 and abs(approximate - ours / D) < 0.02
assert abs(variances[0] - 1.0) < 0.02 and abs(variances[1] - D) < 0.2
