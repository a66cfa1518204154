#!/usr/bin/env python3
"""What the padding of a sequence holds changes a CRF's likelihood.

Package   pytorch-crf 0.7.2
Call      CRF(2)(emissions, tags, mask) with NaN in a moment that the mask hides
Right     log p of the moments that are not hidden, -0.6265
Returned  no number, and no gradient for the moments that are not hidden
Cause     pytorch-crf multiplies what it scores by the mask, and 0 * NaN is NaN.
Thread    none; issue 53 is about gaps in the mask.
Routes    the page chain_nll; all sequences enumerated; the library itself with
          zeros in the padding.
"""

import numpy as np
import torch
from torchcrf import CRF

from ebm_ref import FORMULAS

UNARY = np.array([[0.0, 1.0], [0.5, -0.5]])  # energies of two moments
TAGS = np.array([0, 1])


def log_p(padding):
    """Of two moments, a third is padding; and its slope by the first two."""
    crf = CRF(2, batch_first=True).double()
    for parameter in crf.parameters():
        torch.nn.init.zeros_(parameter)
    scores = torch.tensor(np.vstack([-UNARY, [padding, 0.0]])[None], requires_grad=True)
    mask = torch.tensor([[True, True, False]])
    value = crf(scores, torch.tensor([[0, 1, 0]]), mask=mask)
    value.backward()
    return value.item(), scores.grad[0, :2].numpy()


page = -float(FORMULAS["chain_nll"].value(UNARY, np.zeros((2, 2)), TAGS))
energies = UNARY[0][:, None] + UNARY[1]
enumerated = -energies[0, 1] - np.log(np.sum(np.exp(-energies)))
print(f"the page {page:.6f}, enumerated {enumerated:.6f}")
for padding in (0.0, np.nan):
    value, slope = log_p(padding)
    print(f"pytorch-crf with {padding} in the padding: {value:.6f}, slope {slope.tolist()}")
    assert np.isclose(value, page, rtol=1e-12) == (padding == 0.0)
    assert np.all(np.isfinite(slope)) == (padding == 0.0)
assert abs(page - enumerated) < 1e-14
