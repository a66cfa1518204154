r"""All identities: by name, and the chain rule that joins every loss to every energy.

    dL/dW = sum_y (dL/dE_y) (dE_y/dW)

Source: the chain rule.
"""

import autograd
import autograd.numpy as anp
import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.learning.descent import sample_gradient
from ebm_ref.proof.identities import (
    criteria,
    energies,
    inference,
    latent,
    learning_flips,
    learning_neighbours,
    learning_scores,
    losses,
    pairs,
    samplers,
    sequences,
    structures,
    weighted,
)


def chain_rule_gives_the_gradient_of_the_whole(loss, energy, weights):
    """Identity maker: explicit loss gradient times explicit energy gradient = autograd of the composition."""

    def identity(rng):
        f, E = FORMULAS[loss], FORMULAS[energy]
        model = E.sample(rng)
        W, k = model[weights], size_of("k", E, model)
        one = lambda function: lambda W, _, y: function(**model | {weights: W, "label": y})
        own = {a: v for a, v in f.sample(rng).items() if a not in ("energies", "label")}
        extra = {a: np.resize(v, k) if np.ndim(v) else v for a, v in own.items()}
        label = int(rng.integers(k))
        whole = lambda W: f.value(anp.array([one(E.value)(W, None, y) for y in range(k)]), label, **extra)
        bound = lambda table, y: f.gradients["energies"](table, y, **extra)
        ours = sample_gradient(bound, one(E.value), one(E.gradients[weights]), k, W, None, label)
        theirs = autograd.grad(whole)(W)
        return np.max(np.abs(ours - theirs)) / (1e-10 * max(1.0, np.max(np.abs(theirs))))

    identity.__doc__ = (
        f"Chain rule, {loss} of {energy} by {weights}: explicit gradients multiply to autograd's, rtol 1e-10."
    )
    return identity


def size_of(axis, formula, inputs):
    """The length of a named axis of a formula's inputs."""
    owner = next(a for a, axes in formula.shapes.items() if axis in axes)
    return np.shape(inputs[owner])[formula.shapes[owner].index(axis)]


MODELS = (
    ("softmax", "weights"),
    ("rbf_output", "centers"),
    ("joint_energy", "weights"),
    ("multi_layer_perceptron", "hidden_weights"),
    ("multi_layer_perceptron", "features"),
    ("convnet", "kernels"),
)

IDENTITIES = (
    energies.IDENTITIES
    | latent.IDENTITIES
    | inference.IDENTITIES
    | structures.IDENTITIES
    | losses.IDENTITIES
    | sequences.IDENTITIES
    | criteria.IDENTITIES
    | pairs.IDENTITIES
    | weighted.IDENTITIES
    | samplers.IDENTITIES
    | learning_scores.IDENTITIES
    | learning_neighbours.IDENTITIES
    | learning_flips.IDENTITIES
    | {
        chain_rule_gives_the_gradient_of_the_whole(loss, energy, weights): (loss, energy)
        for loss, formula in FORMULAS.items()
        if tuple(formula.shapes)[:2] == ("energies", "label") and formula.gradients and loss != "lvq2_ratio"
        for energy, weights in MODELS
    }
    | {
        chain_rule_gives_the_gradient_of_the_whole("lvq2_ratio", "rbf_output", "centers"): (
            "lvq2_ratio",
            "rbf_output",
        )
    }
)
