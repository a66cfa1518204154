r"""Identities of energies: what a model is under a loss.

Source: named with each; Section numbers are those of LeCun et al. (2006).
Before: measure.py.  Next: losses.py.
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.identities.measure import allowance, between, equal, value
from ebm_ref.laws import UNIT
from ebm_ref.learning import energy_table


def softmax_is_normalised(rng):
    """The energies of softmax have free energy 0: their energy loss is their nll at beta = 1."""
    W, x, y = FORMULAS["softmax"].sample(rng).values()
    table = {"energies": energy_table(FORMULAS["softmax"].value, len(W), W, x), "label": y, "beta": 1.0}
    return equal(("energy", table), ("nll", table))


def softmax_is_nll_of_logits(rng):
    """softmax(W, x, y) = nll of the table -W x: the normaliser in the energy or in the loss."""
    inputs = FORMULAS["softmax"].sample(rng)
    table = {"energies": -inputs["weights"] @ inputs["features"], "label": inputs["label"], "beta": 1.0}
    return equal(("softmax", inputs), ("nll", table))


def distinct_centers_cannot_both_be_near(rng):
    """sqrt(E_C) + sqrt(E_I) >= D and E_C + E_I >= D^2/2 for RBF centres at distance D (Section 5)."""
    U, x, _ = FORMULAS["rbf_output"].sample(rng).values()
    E = energy_table(FORMULAS["rbf_output"].value, 2, U, x)
    D = np.sqrt(np.sum((U[0] - U[1]) ** 2))
    return max(
        between(D, np.sqrt(E).sum(), np.inf, 16 * UNIT * D),
        between(D**2 / 2, E.sum(), np.inf, 16 * UNIT * D**2),
    )


def two_class_energy(rng):
    """E = -Y G, Y = -1 or 1: hinge is [m - 2YG]_+, nll is log(1 + e^{-2 beta YG})/beta (Section 3.2)."""
    G, m, beta = rng.normal(scale=2.0), rng.uniform(0.0, 3.0), rng.uniform(0.2, 3.0)
    y = int(rng.integers(2))
    Y = 2 * y - 1
    table = {"energies": np.array([G, -G]), "label": y, "margin": m, "beta": beta}
    hinge = abs(value("hinge", table) - max(0.0, m - 2 * Y * G)) / (16 * UNIT * (m + 2 * abs(G)))
    nll = abs(value("nll", table) - np.log1p(np.exp(-2 * beta * Y * G)) / beta) / allowance(("nll", table))
    return max(hinge, nll)


# claim holder: the formulas it links
IDENTITIES = {
    softmax_is_normalised: ("softmax", "energy", "nll"),
    softmax_is_nll_of_logits: ("softmax", "nll"),
    distinct_centers_cannot_both_be_near: ("rbf_output",),
    two_class_energy: ("hinge", "nll"),
}
