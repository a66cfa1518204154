r"""optax: every formula that a loss of optax.losses can express, differentiated by JAX.

Each adapter takes (optax.losses, jnp, inputs in signature order).

Source: documentation of optax 0.2.8, optax.losses; threads as cited.
"""

import numpy as np

from ebm_ref.conformance.adapting import FINDING, Padded, only
from ebm_ref.conformance.frameworks.jax import differentiate


def version():
    """Name and version of the framework, as imported, and of what it computes with."""
    import jax
    import optax

    return f"optax {optax.__version__}, jax {jax.__version__}"


def evaluate(adapter, inputs, differentiated, dtype):
    """Value and gradients of one sample, computed by optax and differentiated by JAX in `dtype`."""
    import jax.numpy as jnp
    import optax

    return differentiate(adapter, (optax.losses, jnp), inputs, differentiated, dtype, constants=("blank",))


def cross_entropy_of_energies(L, jnp, E, y, beta):
    return L.softmax_cross_entropy_with_integer_labels(-beta * E, y) / beta


def smoothed(L, jnp, z, y, s):
    one_hot = jnp.zeros_like(z).at[y].set(1.0)
    return L.softmax_cross_entropy(z, L.smooth_labels(one_hot, s))


@only(lambda x1, x2, y, m: m > 0.0, "its margin is 1, so of a margin in some unit")
def hinge_loss(L, jnp, x1, x2, y, m):
    return m * L.hinge_loss((x1 - x2) / m, y)


@only(lambda x1, x2, y, m: m == 0.0, "its margin is 0")
def perceptron_loss(L, jnp, x1, x2, y, m):
    return L.perceptron_loss(x1 - x2, y)


@only(lambda E, y, m: m > 0.0, "its margin is 1, so of a margin in some unit")
def multiclass_hinge_loss(L, jnp, E, y, m):
    return m * L.multiclass_hinge_loss(-E / m, y)


@only(lambda x1, x2, y, m: y == 1, "pairs that are alike")
def cosine_distance(L, jnp, x1, x2, y, m):
    return L.cosine_distance(x1, x2)


@only(lambda p, t, s: np.all((p > 1e-300) & (p < 0.999)), "probabilities of moderate logits, which it takes")
def dice(L, jnp, p, t, s):
    logits = jnp.log(p) - jnp.log1p(-p)
    return L.binary_dice_loss(logits[None, :, None], t[None, :, None], smooth=s)[0]


def ctc_loss(L, jnp, z, y, blank, moments, labels):
    is_padding = lambda x, length: jnp.asarray(jnp.arange(len(x)) >= length, z.dtype)[None]
    paddings = is_padding(z, moments), is_padding(y, labels)
    return L.ctc_loss(z[None], paddings[0], y[None], paddings[1], blank_id=blank)[0]


ADAPTERS = {
    # losses of an energy table
    "perceptron": {"multiclass_perceptron_loss": lambda L, jnp, E, y: L.multiclass_perceptron_loss(-E, y)},
    "hinge": {"multiclass_hinge_loss": multiclass_hinge_loss},
    "nll": {"softmax_cross_entropy_with_integer_labels": cross_entropy_of_energies},
    # criteria: losses of a prediction and its target
    "squared_error": {
        "squared_error": lambda L, jnp, x, y: L.squared_error(x, y),
        "l2_loss": lambda L, jnp, x, y: L.l2_loss(x, y),
    },
    "huber": {"huber_loss": lambda L, jnp, x, y, delta: L.huber_loss(x, y, delta=delta)},
    "log_cosh": {"log_cosh": lambda L, jnp, x, y: L.log_cosh(x, y)},
    "kl_divergence": {
        "kl_divergence": lambda L, jnp, log_q, p: L.kl_divergence(log_q, p),
        "generalized_kl_divergence": lambda L, jnp, log_q, p: L.generalized_kl_divergence(log_q, p),
    },
    "cross_entropy": {
        "softmax_cross_entropy_with_integer_labels": lambda L, jnp, z, y: (
            L.softmax_cross_entropy_with_integer_labels(z, y)
        )
    },
    "cross_entropy_of_probabilities": {
        "softmax_cross_entropy": lambda L, jnp, z, t: L.softmax_cross_entropy(z, t),
        "safe_softmax_cross_entropy": lambda L, jnp, z, t: L.safe_softmax_cross_entropy(z, t),
        "ranking_softmax_loss": lambda L, jnp, z, t: L.ranking_softmax_loss(z, t),
    },
    "label_smoothing": {"smooth_labels+softmax_cross_entropy": smoothed},
    "binary_cross_entropy_with_logits": {
        "sigmoid_binary_cross_entropy": lambda L, jnp, z, t: L.sigmoid_binary_cross_entropy(z, t)
    },
    "focal": {"sigmoid_focal_loss": lambda L, jnp, z, t, gamma: L.sigmoid_focal_loss(z, t, gamma=gamma)},
    "balanced_focal": {
        "sigmoid_focal_loss": lambda L, jnp, z, t, gamma, alpha: L.sigmoid_focal_loss(
            z, t, alpha=alpha, gamma=gamma
        )
    },
    "poly_1": {
        "poly_loss_cross_entropy": lambda L, jnp, z, y, eps: L.poly_loss_cross_entropy(
            z, jnp.zeros_like(z).at[y].set(1.0), epsilon=eps
        )
    },
    "dice": {"binary_dice_loss": dice},
    # criteria: of pairs, of several classes, of distances, of sequences
    "margin_ranking": {"hinge_loss": hinge_loss, "perceptron_loss": perceptron_loss},
    "triplet_margin": {
        "triplet_margin_loss": lambda L, jnp, a, p, n, m, q: L.triplet_margin_loss(
            a, p, n, norm_degree=q, margin=m
        )
    },
    "cosine_embedding": {"cosine_distance": cosine_distance},
    "ctc_of_logits": {"ctc_loss": Padded(ctc_loss, 0.0), "ctc_loss(nan)": Padded(ctc_loss, float("nan"))},
}

KNOWN = {
    (
        "triplet_margin",
        "triplet_margin_loss",
        "signed differences under the power, eps under the root",
    ): FINDING,
    ("cosine_embedding", "cosine_distance", "cosine subtracted from one"): FINDING,
    ("ctc_of_logits", "ctc_loss(nan)", "what the padding holds is read"): FINDING,
    ("ctc_of_logits", "ctc_loss", "impossible only as e^-100000"): "argument log_epsilon of optax.ctc_loss",
}
