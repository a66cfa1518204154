r"""thrml: the energy of its Ising model, on JAX.

Each adapter takes (thrml, jax.numpy, inputs in signature order).  Its spins are booleans, and a pair of them
is an edge with one weight, which is given the mean of J_ij and J_ji; a spin and itself are an edge, too, of
weight J_ii/2.  All else in thrml is samples.

Source: documentation and source of thrml 0.1.4 (github.com/extropic-ai/thrml).
"""

import numpy as np

from ebm_ref.conformance.adapting import only
from ebm_ref.conformance.frameworks.jax import differentiate


def version():
    """Name and version of the framework, and of what it computes with."""
    from importlib.metadata import version

    import jax
    import thrml.models  # noqa: F401 (seconds that the first question need not wait for)

    return f"thrml {version('thrml')}, jax {jax.__version__}"


def evaluate(adapter, inputs, differentiated, dtype):
    """Value and gradients of one sample, computed and differentiated by JAX in `dtype`."""
    import jax.numpy as jnp
    import thrml.models

    return differentiate(adapter, (thrml, jnp), inputs, differentiated, dtype)


@only(lambda J, h, s: len(s) > 0, "one spin or more")
def ising(thrml, jnp, J, h, s):
    nodes = [thrml.SpinNode() for _ in s]
    i, j = np.triu_indices(len(s))
    edges = [(nodes[a], nodes[b]) for a, b in zip(i, j, strict=True)]
    weights = jnp.where(i == j, 0.5, 1.0) * (0.5 * (J + J.T))[i, j]
    machine = thrml.models.IsingEBM(nodes, edges, h, weights, jnp.ones((), h.dtype))
    return machine.energy([s > 0], [thrml.Block(nodes)])


ADAPTERS = {"ising": {"IsingEBM": ising}}

KNOWN = {}
