r"""Differentiated: a stranger's function of tensors, whose gradients a framework takes.

    "mymodule:my_nll --torch"     value, and its gradient by every real argument that the record has one for,
    "mymodule:my_nll --jax"       in float32 and in float64

Arrays and what is differentiated by are the framework's own, margins and labels Python's numbers.  What
a result does not depend on, because it was detached say, has the gradient 0, as a user would see in
training.  JAX compiles the function, and where it cannot, because the function branches on a label or a
value, runs it operation by operation.

Source: torch.autograd.grad, jax.value_and_grad in the documentation of both.
"""

import functools
import importlib

import numpy as np

from ebm_ref.conformance.adapting import converted

DTYPES = "float32", "float64"


def split(target):
    """The function and the framework that differentiates it, "" where none does.

    >>> split("mymodule:my_nll --torch"), split("mymodule:my_nll")
    (('mymodule:my_nll', 'torch'), ('mymodule:my_nll', ''))
    """
    function, _, framework = target.partition(" --")
    return function, framework


def asked_by(framework, function):
    """A function (question) -> (value, {argument: gradient})."""
    from ebm_ref.catalogue import FORMULAS  # half a second that other functions need not wait for

    importlib.import_module(framework)  # before a clock runs

    def ask(question):
        record = FORMULAS[question["formula"]]
        scalar = not record.output  # of many values there would be a Jacobian
        differentiated = tuple(record.gradients) if scalar else ()
        return BY[framework](function, question["inputs"], differentiated, question["dtype"])

    return ask


def by_torch(function, inputs, differentiated, dtype):
    """Value and gradients by PyTorch."""
    import torch

    own = lambda x, real: torch.tensor(np.asarray(x), dtype=getattr(torch, dtype) if real else None)
    tensors = converted(inputs, differentiated, own)
    leaves = [tensors[a].requires_grad_() for a in differentiated]
    value = function(*tensors.values())
    value = value if torch.is_tensor(value) else torch.tensor(value, dtype=getattr(torch, dtype))
    if not value.requires_grad:
        return value.numpy(), {a: np.zeros(np.shape(inputs[a])) for a in differentiated}
    gradients = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
    return value.detach().numpy(), {a: g.numpy() for a, g in zip(differentiated, gradients, strict=True)}


def by_jax(function, inputs, differentiated, dtype):
    """Value and gradients by JAX."""
    import jax

    jax.config.update("jax_enable_x64", dtype == "float64")
    own = lambda x, real: jax.numpy.asarray(x, dtype if real else int)
    arrays = converted(inputs, differentiated, own)
    if not differentiated:
        return np.asarray(function(*arrays.values())), {}
    places = tuple(list(inputs).index(a) for a in differentiated)
    try:
        value, gradients = compiled(function, places)(*arrays.values())
    except (
        jax.errors.JAXTypeError,
        jax.errors.JAXIndexError,
    ):  # it asks for numbers where there are none yet
        value, gradients = jax.value_and_grad(function, places)(*arrays.values())
    return np.asarray(value), {a: np.asarray(g) for a, g in zip(differentiated, gradients, strict=True)}


@functools.cache
def compiled(function, places):
    """Value and gradients, compiled for every shape; in haste, as it is to run for microseconds."""
    import jax

    haste = {"xla_backend_optimization_level": "0"}
    return jax.jit(jax.value_and_grad(function, places), compiler_options=haste)


BY = {"torch": by_torch, "jax": by_jax}
