r"""JAX: what the functions of jax.nn, jax.scipy.special and jax.scipy.stats can express.

JAX has no losses of its own (optax.py has); these are the stable pieces that losses are made of.  Each
adapter takes (jax, jnp, inputs in signature order).

Everything is compiled as a whole, as users do.  Margins and labels are arrays, too: as constants each
would be another program.

Source: documentation of JAX 0.10.
"""

import functools

import numpy as np

from ebm_ref.conformance.adapting import Padded, only


def version():
    """Name and version of the framework, as imported."""
    import jax

    return f"jax {jax.__version__}"


def evaluate(adapter, inputs, differentiated, dtype):
    """Value and gradients of one sample, computed and differentiated by JAX in `dtype`."""
    import jax
    import jax.numpy as jnp

    return differentiate(adapter, (jax, jnp), inputs, differentiated, dtype)


def differentiate(adapter, libraries, inputs, differentiated, dtype, constants=()):
    """Value and gradients of an adapter by JAX; 64-bit numbers only where they are asked for.

    Inputs named in `constants` stay Python's own numbers: their value decides what is computed.
    """
    import jax
    import jax.numpy as jnp

    if isinstance(adapter, Padded):
        filled = adapter.fill(inputs)
        value, found = differentiate(adapter.adapter, libraries, filled, differentiated, dtype, constants)
        return value, {a: g[: len(inputs[a])] for a, g in found.items()}
    jax.config.update("jax_enable_x64", dtype == "float64")
    places = tuple(list(inputs).index(a) for a in differentiated)
    fixed = tuple(i for i, a in enumerate(inputs) if a in constants)
    is_real = lambda a, x: a in differentiated or np.asarray(x).dtype.kind == "f"
    arrays = [
        x if a in constants else jnp.asarray(x, dtype if is_real(a, x) else int) for a, x in inputs.items()
    ]
    if any(isinstance(arrays[i], float) for i in fixed):  # each would be a program of its own
        both = jax.value_and_grad(functools.partial(adapter, *libraries), places)
    else:
        both = program(adapter, libraries, places, fixed)
    value, gradients = both(*arrays)
    return np.asarray(value), {a: np.asarray(g) for a, g in zip(differentiated, gradients, strict=True)}


@functools.cache
def program(adapter, libraries, places, fixed):
    """Value and gradients by some arguments, compiled for every shape and every fixed number.

    Compiled in haste: it is to run for microseconds.  The emitters of fused loops, which JAX 0.5 has not,
    would take most of the time.
    """
    import jax

    function = functools.partial(adapter, *libraries)
    haste = {"xla_backend_optimization_level": "0"}
    if jax.__version_info__ >= (0, 6):
        haste["xla_cpu_use_fusion_emitters"] = False
    return jax.jit(jax.value_and_grad(function, places), static_argnums=fixed, compiler_options=haste)


def gap(jnp, E, y):
    """E_y minus the energy of the most offending wrong answer."""
    return E[y] - jnp.min(jnp.where(jnp.arange(len(E)) == y, jnp.inf, E))


@only(lambda h, y: -80.0 < h < 80.0 and y % 1.0 == 0.0, "whole counts, and rates that float32 can hold")
def poisson_logpmf(jax, jnp, h, y):
    return -jax.scipy.stats.poisson.logpmf(y, jnp.exp(h))


@only(lambda mu, s, nu, t: nu < 1e6 and abs(t) < 1e15, "fewer than 1e6 degrees: beyond, its log Gamma cancel")
def t_logpdf(jax, jnp, mu, s, nu, t):
    return -jax.scipy.stats.t.logpdf(t, nu, mu, s)


@only(lambda log_q, p: np.all(np.abs(log_q) < 80.0), "probabilities that float32 can hold")
def rel_entr(jax, jnp, log_q, p):
    return jnp.sum(jax.scipy.special.rel_entr(p, jnp.exp(log_q)))


ADAPTERS = {
    # energies
    "softmax": {"log_softmax": lambda jax, jnp, W, x, y: -jax.nn.log_softmax(W @ x)[y]},
    # free energies
    "free_energy": {"logsumexp": lambda jax, jnp, E, beta: -jax.nn.logsumexp(-beta * E) / beta},
    # losses of an energy table
    "hinge": {"relu": lambda jax, jnp, E, y, m: jax.nn.relu(m + gap(jnp, E, y))},
    "log": {
        "softplus": lambda jax, jnp, E, y, beta: jax.nn.softplus(beta * gap(jnp, E, y)) / beta,
        "log_sigmoid": lambda jax, jnp, E, y, beta: -jax.nn.log_sigmoid(-beta * gap(jnp, E, y)) / beta,
    },
    "mce": {"sigmoid": lambda jax, jnp, E, y: jax.nn.sigmoid(gap(jnp, E, y))},
    "nll": {"logsumexp": lambda jax, jnp, E, y, beta: E[y] + jax.nn.logsumexp(-beta * E) / beta},
    "mee": {"softmax": lambda jax, jnp, E, y, beta: 1.0 - jax.nn.softmax(-beta * E)[y]},
    # criteria
    "gaussian_nll": {
        "norm.logpdf": lambda jax, jnp, m, v, y: -jax.scipy.stats.norm.logpdf(y, m, jnp.sqrt(v))
    },
    "laplace_nll": {"laplace.logpdf": lambda jax, jnp, mu, b, t: -jax.scipy.stats.laplace.logpdf(t, mu, b)},
    "student_t_nll": {"t.logpdf": t_logpdf},
    "poisson_nll": {"poisson.logpmf": poisson_logpmf},
    "kl_divergence": {"rel_entr": rel_entr},
    "cross_entropy": {"log_softmax": lambda jax, jnp, z, y: -jax.nn.log_softmax(z)[y]},
    "cross_entropy_of_probabilities": {
        "log_softmax": lambda jax, jnp, z, t: -jnp.sum(t * jax.nn.log_softmax(z))
    },
    "binary_cross_entropy": {
        "xlogy+xlog1py": lambda jax, jnp, p, t: (
            -jax.scipy.special.xlogy(t, p) - jax.scipy.special.xlog1py(1.0 - t, -p)
        )
    },
    "binary_cross_entropy_with_logits": {
        "log_sigmoid": lambda jax, jnp, z, t: -t * jax.nn.log_sigmoid(z) - (1.0 - t) * jax.nn.log_sigmoid(-z)
    },
    "soft_margin": {
        "softplus": lambda jax, jnp, s, y: jax.nn.softplus(-y * s),
        "log_sigmoid": lambda jax, jnp, s, y: -jax.nn.log_sigmoid(y * s),
    },
    "multilabel_soft_margin": {
        "log_sigmoid": lambda jax, jnp, x, y: (
            -jnp.mean(y * jax.nn.log_sigmoid(x) + (1 - y) * jax.nn.log_sigmoid(-x))
        )
    },
}

KNOWN = {
    ("poisson_nll", "poisson.logpmf", "three large terms, one after the other"): (
        "github.com/scipy/scipy/issues/25625, whose formula it is"
    )
}
