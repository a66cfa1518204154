r"""Keras: every formula that a function of keras.losses can express, on the backend JAX.

Each adapter takes (losses, ops, inputs in signature order).  Keras averages over the last axis, so a
number is given as a vector of one; the target comes first.  KERAS_BACKEND may name torch instead.

Source: documentation of Keras 3.15, keras.losses; threads as cited.
Before: optax.py.  Next: sklearn.py.
"""

import os

from ebm_ref.conformance.adapting import FINDING, only
from ebm_ref.conformance.frameworks import jax as on_jax
from ebm_ref.conformance.frameworks import torch as on_torch


def version():
    """Name and version of the framework, as imported, and of what it computes with."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    return f"keras {keras.__version__}, backend {on_backend(keras).version()}"


def evaluate(adapter, inputs, differentiated, dtype):
    """Value and gradients of one sample, computed by Keras and differentiated by its backend in `dtype`."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    keras.config.set_floatx(dtype)
    own = lambda _, __, *xs: adapter(keras.losses, keras.ops, *xs)
    return on_backend(keras).evaluate(own, inputs, differentiated, dtype)


def on_backend(keras):
    """The adapter of the backend."""
    known = {"jax": on_jax, "torch": on_torch}
    only(keras.backend.backend() in known, "differentiated on the backends jax and torch alone")
    return known[keras.backend.backend()]


def elementwise(loss):
    """An adapter for a loss of a prediction and its target, one number each."""
    return lambda L, ops, x, y, **options: getattr(L, loss)(y[None], x[None], **options)


def one_hot(ops, like, y):
    return ops.cast(ops.arange(len(like)) == y, like.dtype)


def reduced(reduction):
    """An adapter for a reduction, of a loss that is given."""

    def adapter(L, ops, losses, weights=None):
        class Given(L.Loss):
            call = staticmethod(lambda y_true, y_pred: y_pred)

        return Given(reduction=reduction)(ops.zeros_like(losses), losses, sample_weight=weights)

    return adapter


def scaled(ops, margin, loss, *scores):
    """m loss(scores / m): a loss whose margin is 1 at another margin, in other units."""
    only(margin > 0.0, "the margin is 1, in some unit")
    return margin * loss(*(x / margin for x in scores))


def hinge(L, ops, x1, x2, y, m):
    return scaled(ops, m, lambda s: L.hinge(ops.full((1,), y, s.dtype), s[None]), x1 - x2)


def categorical_hinge(L, ops, E, y, m):
    return scaled(ops, m, lambda s: L.categorical_hinge(one_hot(ops, s, y), s), -E)


def cosine_similarity(L, ops, x1, x2, y, m):
    only(y == 1, "cosine_similarity is for pairs that are alike")
    return L.cosine_similarity(x2, x1)


def ctc(L, ops, z, y, blank):
    only(blank == 0, "keras.losses.ctc has the blank 0")
    return L.ctc(ops.cast(y, "int32")[None], z[None])[0]


def ctc_loss(L, ops, z, y, blank):
    lengths = ops.full((1,), len(y), "int32"), ops.full((1,), len(z), "int32")
    return ops.ctc_loss(ops.cast(y, "int32")[None], z[None], *lengths, mask_index=blank)[0]


ADAPTERS = {
    # losses of an energy table
    "hinge": {"categorical_hinge": categorical_hinge},
    # criteria: losses of a prediction and its target
    "squared_error": {"mean_squared_error": elementwise("mean_squared_error")},
    "absolute_error": {"mean_absolute_error": elementwise("mean_absolute_error")},
    "huber": {"huber": lambda L, ops, x, y, delta: L.huber(y[None], x[None], delta=delta)},
    "log_cosh": {"log_cosh": elementwise("log_cosh")},
    "poisson_nll": {
        "poisson": lambda L, ops, h, y: L.poisson(ops.full((1,), y, h.dtype), ops.exp(h)[None]),
    },
    "kl_divergence": {"kl_divergence": lambda L, ops, log_q, p: L.kl_divergence(p, ops.exp(log_q))},
    "reduction_mean": {"Loss(sum_over_batch_size)": reduced("sum_over_batch_size")},
    "reduction_sum": {"Loss(sum)": reduced("sum")},
    "reduction_class_weighted_mean": {"Loss(mean_with_sample_weight)": reduced("mean_with_sample_weight")},
    "reduction_element_weighted_mean": {"Loss(sum_over_batch_size)": reduced("sum_over_batch_size")},
    "cross_entropy": {
        "sparse_categorical_crossentropy": lambda L, ops, z, y: L.sparse_categorical_crossentropy(
            ops.convert_to_tensor([y]), z[None], from_logits=True
        )[0],
    },
    "cross_entropy_of_probabilities": {
        "categorical_crossentropy": lambda L, ops, z, t: L.categorical_crossentropy(t, z, from_logits=True),
    },
    "label_smoothing": {
        "categorical_crossentropy": lambda L, ops, z, y, s: L.categorical_crossentropy(
            one_hot(ops, z, y), z, from_logits=True, label_smoothing=s
        ),
    },
    "binary_cross_entropy": {"binary_crossentropy": elementwise("binary_crossentropy")},
    "binary_cross_entropy_with_logits": {
        "binary_crossentropy": lambda L, ops, z, t: L.binary_crossentropy(t[None], z[None], from_logits=True),
    },
    "focal": {
        "binary_focal_crossentropy": lambda L, ops, z, t, gamma: L.binary_focal_crossentropy(
            ops.full((1,), t, z.dtype), z[None], gamma=gamma, from_logits=True
        ),
    },
    # criteria: of pairs, of distances, of sequences
    "margin_ranking": {"hinge": hinge},
    "cosine_embedding": {"cosine_similarity": cosine_similarity},
    "ctc_of_logits": {"ctc": ctc, "ops.ctc_loss": ctc_loss},
}

KNOWN = {}
