#!/usr/bin/env python3
"""What the padding of a sequence holds changes optax's CTC loss.

Package   optax 0.2.8
Call      ctc_loss(logits, logit_paddings, labels, label_paddings), with NaN or
          infinity in the logits of a moment that is marked as padding
Right     log 3: one moment, three classes, one label
Returned  no number, and no gradient anywhere
Cause     what follows a padded moment is pad * old + (1 - pad) * new, and
          0 * NaN is NaN.
Thread    none found for optax; TensorFlow's own test holds NaN in the padding.
Routes    the page ctc_of_logits of the one moment; the sum over alignments by
          hand; optax itself with zeros in the padding.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebm_ref import FORMULAS


def loss(padding):
    """Two moments, the second one padding."""
    logits = jnp.array([[[0.0, 0.0, 0.0], [padding, 0.0, 0.0]]])
    paddings = jnp.array([[0.0, 1.0]])
    of = lambda z: optax.ctc_loss(z, paddings, jnp.array([[1]]), jnp.array([[0.0]])).sum()
    value, slope = jax.value_and_grad(of)(logits)
    return float(value), np.asarray(slope)[0, 0]


page = float(FORMULAS["ctc_of_logits"].value(np.zeros((1, 3)), np.array([1]), 0))
by_hand = -np.log(1.0 / 3.0)  # the only alignment of one moment is the label itself
print(f"the page {page:.6f}, by hand {by_hand:.6f}")
for padding in (0.0, np.nan, np.inf):
    value, slope = loss(padding)
    print(f"optax with {padding} in the padding: {value:.6f}, slope {slope}")
    assert (np.isclose(value, page, rtol=1e-5) and np.all(np.isfinite(slope))) == (padding == 0.0)
assert abs(page - by_hand) < 1e-15 and np.isnan(loss(np.nan)[0]) and np.all(np.isnan(loss(np.nan)[1]))
