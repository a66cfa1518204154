r"""All identities, and the chain rule that joins every loss to every energy.

Source: the chain rule.
Before: samplers.py.  Next: naive/words.py.
"""

import autograd
import autograd.numpy as anp
import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.identities import criteria, energies, losses, samplers
from ebm_ref.learning import sample_gradient


def chain_rule_gives_the_gradient_of_the_whole(loss, energy, weights):
    """Identity maker: explicit loss gradient times explicit energy gradient = autograd of the composition."""

    def identity(rng):
        f, E = FORMULAS[loss], FORMULAS[energy]
        W, x, _ = E.sample(rng).values()
        own = {a: v for a, v in f.sample(rng).items() if a not in ("energies", "label")}
        extra = {a: np.resize(v, len(W)) if np.ndim(v) else v for a, v in own.items()}
        label = int(rng.integers(len(W)))
        whole = lambda W: f.value(anp.array([E.value(W, x, y) for y in range(len(W))]), label, **extra)
        bound = lambda table, y: f.gradients["energies"](table, y, **extra)
        ours = sample_gradient(bound, E.value, E.gradients[weights], len(W), W, x, label)
        theirs = autograd.grad(whole)(W)
        return np.max(np.abs(ours - theirs)) / (1e-10 * max(1.0, np.max(np.abs(theirs))))

    identity.__doc__ = (
        f"Chain rule, {loss} of {energy}: explicit gradients multiply to autograd's of the whole, rtol 1e-10."
    )
    return identity


IDENTITIES = (
    energies.IDENTITIES
    | losses.IDENTITIES
    | criteria.IDENTITIES
    | samplers.IDENTITIES
    | {
        chain_rule_gives_the_gradient_of_the_whole(loss, energy, weights): (loss, energy)
        for loss, formula in FORMULAS.items()
        if tuple(formula.shapes)[:2] == ("energies", "label") and formula.gradients and loss != "lvq2_ratio"
        for energy, weights in (("softmax", "weights"), ("rbf_output", "centers"))
    }
    | {
        chain_rule_gives_the_gradient_of_the_whole("lvq2_ratio", "rbf_output", "centers"): (
            "lvq2_ratio",
            "rbf_output",
        )
    }
)
