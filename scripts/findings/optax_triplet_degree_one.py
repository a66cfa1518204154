#!/usr/bin/env python3
"""optax's triplet margin loss of degree 1 lets differences cancel.

Package   optax 0.2.8
Call      triplet_margin_loss(a, p, n, norm_degree=1), a = (0, 0),
          p = (1, -1), n = (3, 3)
Right     0: p is 2 away, n is 6 away, and the margin is 1; by degree 3 it is 0
Returned  7, as if n were at -6 and p at 0; for degree 3 no number
Cause     the power is taken of the difference, not of its absolute value; odd
          degrees keep its sign.
Thread    none for optax; MLX mended the like in its pull request 3613.
Routes    the page triplet_margin; NumPy's norms, written out.
"""

import jax.numpy as jnp
import numpy as np
import optax

from ebm_ref import FORMULAS

anchor, near, far = np.zeros(2), np.array([1.0, -1.0]), np.array([3.0, 3.0])
for degree, returned in ((1, 7.0), (3, np.nan)):
    theirs = float(optax.losses.triplet_margin_loss(*map(jnp.array, (anchor, near, far)), norm_degree=degree))
    page = float(FORMULAS["triplet_margin"](anchor, near, far, 1.0, degree))
    norm = lambda x, degree=degree: np.linalg.norm(x, ord=degree)
    written_out = max(0.0, norm(anchor - near) - norm(anchor - far) + 1.0)
    print(f"degree {degree}: optax {theirs}, the page {page}, by NumPy's norms {written_out}")
    assert page == written_out == 0.0
    assert np.isclose(theirs, returned, rtol=1e-5, equal_nan=True)
