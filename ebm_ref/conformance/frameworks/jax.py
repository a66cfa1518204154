r"""JAX: what the functions of jax.nn, jax.scipy.special and jax.scipy.stats can express.

JAX has no losses of its own (optax.py has); these are the stable pieces that losses are made of.  Each
adapter takes (jax, jnp, inputs in signature order).

Adapters run operation by operation.  Compiled as a whole most would take longer, since every margin is a
constant and every shape another program; not so a loop, whose body is compiled anew at each call.

Source: documentation of JAX 0.10.
Before: torch.py.  Next: optax.py.
"""

import functools

import numpy as np

from ebm_ref.conformance.adapting import converted


def version():
    """Name and version of the framework, as imported."""
    import jax

    return f"jax {jax.__version__}"


def evaluate(adapter, inputs, differentiated, dtype):
    """Value and gradients of one sample, computed and differentiated by JAX in `dtype`."""
    import jax
    import jax.numpy as jnp

    return differentiate(lambda *xs: adapter(jax, jnp, *xs), inputs, differentiated, dtype)


def differentiate(function, inputs, differentiated, dtype, whole=False):
    """Value and gradients of a function of JAX arrays; 64-bit numbers only where they are asked for.

    Where `whole`, the function, which must be the same object at each call, is compiled as a whole.
    """
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", dtype == "float64")
    arrays = converted(inputs, differentiated, lambda x, real: jnp.asarray(x, dtype if real else None))
    if not differentiated:
        return np.asarray(function(*arrays.values())), {}
    places = tuple(list(inputs).index(a) for a in differentiated)
    constants = tuple(i for i, x in enumerate(arrays.values()) if not isinstance(x, jax.Array))
    both = compiled(function, places, constants) if whole else jax.value_and_grad(function, places)
    value, gradients = both(*arrays.values())
    return np.asarray(value), {a: np.asarray(g) for a, g in zip(differentiated, gradients, strict=True)}


@functools.cache
def compiled(function, places, constants):
    """Value and gradients as one program, made in haste: it runs for microseconds."""
    import jax

    return jax.jit(
        jax.value_and_grad(function, places),
        static_argnums=constants,
        compiler_options={"xla_backend_optimization_level": "0"},
    )


def gap(jnp, E, y):
    """E_y minus the energy of the most offending wrong answer."""
    return E[y] - jnp.min(jnp.delete(E, y))


def bernoulli(jax, jnp, p, t):
    """From xlogy and xlog1py, which know 0 log 0."""
    return -jax.scipy.special.xlogy(t, p) - jax.scipy.special.xlog1py(1.0 - t, -p)


ADAPTERS = {
    # energies
    "softmax": {"log_softmax": lambda jax, jnp, W, x, y: -jax.nn.log_softmax(W @ x)[y]},
    # losses of an energy table
    "log": {
        "softplus": lambda jax, jnp, E, y, beta: jax.nn.softplus(beta * gap(jnp, E, y)) / beta,
        "log_sigmoid": lambda jax, jnp, E, y, beta: -jax.nn.log_sigmoid(-beta * gap(jnp, E, y)) / beta,
    },
    "hinge": {"relu": lambda jax, jnp, E, y, m: jax.nn.relu(m + gap(jnp, E, y))},
    "mce": {"sigmoid": lambda jax, jnp, E, y: jax.nn.sigmoid(gap(jnp, E, y))},
    "nll": {"logsumexp": lambda jax, jnp, E, y, beta: E[y] + jax.nn.logsumexp(-beta * E) / beta},
    "mee": {"softmax": lambda jax, jnp, E, y, beta: 1.0 - jax.nn.softmax(-beta * E)[y]},
    # criteria
    "gaussian_nll": {
        "norm.logpdf": lambda jax, jnp, m, v, y: -jax.scipy.stats.norm.logpdf(y, m, jnp.sqrt(v)),
    },
    "cross_entropy": {"log_softmax": lambda jax, jnp, z, y: -jax.nn.log_softmax(z)[y]},
    "cross_entropy_of_probabilities": {
        "log_softmax": lambda jax, jnp, z, t: -jnp.sum(t * jax.nn.log_softmax(z)),
    },
    "binary_cross_entropy": {"xlogy+xlog1py": bernoulli},
    "binary_cross_entropy_with_logits": {
        "log_sigmoid": lambda jax, jnp, z, t: -t * jax.nn.log_sigmoid(z) - (1.0 - t) * jax.nn.log_sigmoid(-z),
    },
    "soft_margin": {
        "softplus": lambda jax, jnp, s, y: jax.nn.softplus(-y * s),
        "log_sigmoid": lambda jax, jnp, s, y: -jax.nn.log_sigmoid(y * s),
    },
    "multilabel_soft_margin": {
        "log_sigmoid": lambda jax, jnp, x, y: (
            -jnp.mean(y * jax.nn.log_sigmoid(x) + (1 - y) * jax.nn.log_sigmoid(-x))
        ),
    },
}

KNOWN = {}
