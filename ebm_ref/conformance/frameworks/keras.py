r"""Keras: every formula that a function of keras.losses can express, on the backend JAX.

Each adapter takes (keras.losses, keras.ops, inputs in signature order).  Keras averages over the last
axis, so a number is given as a vector of one; the target comes first.  KERAS_BACKEND may name torch.

Source: documentation of Keras 3.15, keras.losses; threads as cited.
"""

import os

import numpy as np

from ebm_ref.conformance.adapting import FINDING, Padded, Unsupported, only
from ebm_ref.conformance.diagnose import IN_FLOAT32
from ebm_ref.conformance.frameworks import jax as on_jax
from ebm_ref.conformance.frameworks import torch as on_torch


def version():
    """Name and version of the framework, as imported, and of what it computes with."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    backends = {"jax": on_jax, "torch": on_torch}
    name = keras.backend.backend()
    return f"keras {keras.__version__}, {backends[name].version() if name in backends else name}"


def evaluate(adapter, inputs, differentiated, dtype):
    """Value and gradients of one sample, computed by Keras and differentiated by its backend in `dtype`."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    keras.config.set_floatx(dtype)
    libraries = keras.losses, keras.ops
    if keras.backend.backend() == "jax":
        constants = ("blank", "smoothing", "smooth")
        return on_jax.differentiate(adapter, libraries, inputs, differentiated, dtype, constants)
    if keras.backend.backend() == "torch":
        return on_torch.differentiate(adapter, libraries, inputs, differentiated, dtype)
    raise Unsupported("differentiated on the backends jax and torch alone")


def vector(ops, like, x):
    """A number as a vector of one, of the same dtype as another."""
    return ops.cast(ops.full((1,), x), like.dtype)


def one_hot(ops, like, y):
    return ops.cast(ops.arange(len(like)) == y, like.dtype)


def reduced(losses, reduction, l, weights=None):
    """A reduction of Keras, of losses that are given."""

    class Given(losses.Loss):
        call = staticmethod(lambda y_true, y_pred: y_pred)

    return Given(reduction=reduction)(l, l, sample_weight=weights)


@only(lambda l: len(l) > 0, "an empty batch is returned as it is")
def loss_sum(L, ops, l):
    return reduced(L, "sum", l)


@only(lambda x1, x2, y, m: m > 0.0, "its margin is 1, so of a margin in some unit")
def hinge(L, ops, x1, x2, y, m):
    return m * L.hinge(vector(ops, x1, y), (x1 - x2)[None] / m)


@only(lambda E, y, m: m > 0.0, "its margin is 1, so of a margin in some unit")
def categorical_hinge(L, ops, E, y, m):
    return m * L.categorical_hinge(one_hot(ops, E, y), -E / m)


@only(lambda E, y, m: m > 0.0, "its margin is 1, so of a margin in some unit")
def squared_hinge(L, ops, E, y, m):
    E_o = ops.min(ops.where(one_hot(ops, E, y) == 1, float("inf"), E))
    return m * m * L.squared_hinge(vector(ops, E, 1.0), ((E_o - E[y]) / m)[None])


def class_weighted(L, ops, z, y, w):
    loss = L.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    return loss(ops.full((1,), y), z[None], sample_weight=w[y][None])


def dice(L, ops, p, t, s):
    """Keras smooths by its own epsilon, a setting; here it is set to s."""
    import keras

    usual = keras.config.epsilon()
    keras.config.set_epsilon(s)
    try:
        return L.dice(t, p)
    finally:
        keras.config.set_epsilon(usual)


@only(lambda x1, x2, y, m: y == 1, "pairs that are alike")
def cosine_similarity(L, ops, x1, x2, y, m):
    return L.cosine_similarity(x2, x1)


@only(lambda log_q, p: np.all(log_q <= 0.0) and np.all(p <= 1.0), "probabilities, none above 1")
def kl_divergence(L, ops, log_q, p):
    return L.kl_divergence(p, ops.exp(log_q))


def ctc_loss(L, ops, z, y, blank, moments, labels):
    """What keras.losses.ctc calls, which has no choice of the blank."""
    length = lambda number: ops.full((1,), number, "int32")
    return ops.ctc_loss(y[None], z[None], length(labels), length(moments), mask_index=blank)[0]


ADAPTERS = {
    # losses of an energy table
    "hinge": {"categorical_hinge": categorical_hinge},
    "squared_hinge": {"squared_hinge": squared_hinge},
    # criteria: losses of a prediction and its target
    "squared_error": {"mean_squared_error": lambda L, ops, x, y: L.mean_squared_error(y[None], x[None])},
    "squared_log_error": {
        "mean_squared_logarithmic_error": lambda L, ops, x, t: L.mean_squared_logarithmic_error(
            t[None], x[None]
        )
    },
    "absolute_error": {"mean_absolute_error": lambda L, ops, x, y: L.mean_absolute_error(y[None], x[None])},
    "huber": {"huber": lambda L, ops, x, y, delta: L.huber(y[None], x[None], delta=delta)},
    "log_cosh": {"log_cosh": lambda L, ops, x, y: L.log_cosh(y[None], x[None])},
    "poisson_nll": {"poisson": lambda L, ops, h, y: L.poisson(vector(ops, h, y), ops.exp(h)[None])},
    "kl_divergence": {"kl_divergence": kl_divergence},
    "reduction_mean": {"Loss(sum_over_batch_size)": lambda L, ops, l: reduced(L, "sum_over_batch_size", l)},
    "reduction_sum": {"Loss(sum)": loss_sum},
    "reduction_class_weighted_mean": {
        "Loss(mean_with_sample_weight)": lambda L, ops, l, w: reduced(L, "mean_with_sample_weight", l, w)
    },
    "reduction_element_weighted_mean": {
        "Loss(sum_over_batch_size)": lambda L, ops, l, w: reduced(L, "sum_over_batch_size", l, w)
    },
    "cross_entropy": {
        "sparse_categorical_crossentropy": lambda L, ops, z, y: L.sparse_categorical_crossentropy(
            ops.full((1,), y), z[None], from_logits=True
        )[0],
        "softmax+sparse_categorical_crossentropy": lambda L, ops, z, y: L.sparse_categorical_crossentropy(
            ops.full((1,), y), ops.softmax(z[None])
        )[0],
    },
    "cross_entropy_of_probabilities": {
        "categorical_crossentropy": lambda L, ops, z, t: L.categorical_crossentropy(t, z, from_logits=True)
    },
    "label_smoothing": {
        "categorical_crossentropy": lambda L, ops, z, y, s: L.categorical_crossentropy(
            one_hot(ops, z, y), z, from_logits=True, label_smoothing=s
        )
    },
    "binary_cross_entropy": {
        "binary_crossentropy": lambda L, ops, p, t: L.binary_crossentropy(t[None], p[None])
    },
    "binary_cross_entropy_with_logits": {
        "binary_crossentropy": lambda L, ops, z, t: L.binary_crossentropy(t[None], z[None], from_logits=True)
    },
    "focal": {
        "binary_focal_crossentropy": lambda L, ops, z, t, gamma: L.binary_focal_crossentropy(
            vector(ops, z, t), z[None], gamma=gamma, from_logits=True
        )
    },
    "class_weighted_cross_entropy": {"SparseCategoricalCrossentropy(sample_weight)": class_weighted},
    "balanced_focal": {
        "binary_focal_crossentropy(apply_class_balancing)": lambda L, ops, z, t, gamma, alpha: (
            L.binary_focal_crossentropy(
                vector(ops, z, t),
                z[None],
                apply_class_balancing=True,
                alpha=alpha,
                gamma=gamma,
                from_logits=True,
            )
        )
    },
    "multi_class_focal": {
        "categorical_focal_crossentropy": lambda L, ops, z, y, gamma: L.categorical_focal_crossentropy(
            one_hot(ops, z, y), z, alpha=1.0, gamma=gamma, from_logits=True
        )
    },
    "dice": {"dice": dice},
    # criteria: of pairs, of distances, of sequences
    "margin_ranking": {"hinge": hinge},
    "cosine_embedding": {"cosine_similarity": cosine_similarity},
    "ctc_of_logits": {
        "ops.ctc_loss": Padded(ctc_loss, 0.0),
        "ops.ctc_loss(nan)": Padded(ctc_loss, float("nan")),
    },
}

# keras.ops round float64 to float32 wherever they promote types: in mean, maximum, logaddexp, ...
IN_SINGLE_PRECISION = "github.com/keras-team/keras/issues/23223"

LOG_EPSILON = "argument log_epsilon of optax.ctc_loss"
KNOWN = {
    ("poisson_nll", "poisson", "1e-7 added to the rate, constant left out"): (
        "github.com/keras-team/keras/issues/590"
    ),
    ("squared_log_error", "mean_squared_logarithmic_error", "clipped at 1e-7"): (
        "documentation of mean_squared_logarithmic_error"
    ),
    ("kl_divergence", "kl_divergence", "clipped at 1e-7"): "github.com/keras-team/keras/issues/19520",
    ("cross_entropy", "softmax+sparse_categorical_crossentropy", "probability clipped at 1e-7"): (
        "github.com/keras-team/keras/issues/17634"
    ),
    ("binary_cross_entropy", "binary_crossentropy", "probability clipped at 1e-7"): (
        "github.com/keras-team/keras/issues/4744"
    ),
    ("focal", "binary_focal_crossentropy", "probability clipped at 1e-7"): FINDING,
    (
        "balanced_focal",
        "binary_focal_crossentropy(apply_class_balancing)",
        "probability clipped at 1e-7",
    ): FINDING,
    ("multi_class_focal", "categorical_focal_crossentropy", "probability clipped at 1e-7"): FINDING,
    ("ctc_of_logits", "ops.ctc_loss(nan)", "what the padding holds is read"): FINDING,
    (
        "ctc_of_logits",
        "ops.ctc_loss",
        "impossible only as e^-100000",
    ): "argument log_epsilon of optax.ctc_loss",
}
KNOWN |= {
    (formula, function, IN_FLOAT32): IN_SINGLE_PRECISION
    for formula, functions in ADAPTERS.items()
    for function in functions
}
KNOWN |= {
    (formula, function, f"{mistake}; {IN_FLOAT32}"): f"{thread}; {IN_SINGLE_PRECISION}"
    for (formula, function, mistake), thread in KNOWN.items()
    if mistake != IN_FLOAT32
}
