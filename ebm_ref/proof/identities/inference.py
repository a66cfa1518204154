r"""Identities of inference: free energies between the minimum and the mean, and what bounds them.

    min_z E - log(n)/beta <= F <= min_z E <= A <= mean of E
    V(q) - F = KL(q || p)/beta >= 0

Source: named with each; NYU DLSP20, weeks 14 and 15.
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT
from ebm_ref.losses.table import random_table
from ebm_ref.proof.identities.measure import allowance, between, defect, value


def nll_is_energy_above_free_energy(rng):
    """nll = E_y - F: the energy loss, and a free energy that is subtracted."""
    table = random_table(rng) | {"beta": rng.uniform(0.3, 3.0)}
    difference = value("energy", table) - value("free_energy", table)
    return defect(value("nll", table), difference, ("nll", table), ("free_energy", table), ("energy", table))


def averages_differ_by_the_number(rng):
    """A = F + log(n)/beta."""
    latent = FORMULAS["free_energy"].sample(rng)
    constant = np.log(len(latent["energies"])) / latent["beta"]
    allowed = allowance(("free_energy", latent), ("average_free_energy", latent)) + 16 * UNIT * constant
    return abs(value("average_free_energy", latent) - value("free_energy", latent) - constant) / allowed


def free_energies_lie_in_order(rng):
    """min - log(n)/beta <= F <= min <= A <= mean, at any temperature: both tend to the minimum."""
    latent = FORMULAS["free_energy"].sample(rng) | {"beta": 10.0 ** rng.uniform(-4, 6)}
    E, F, A = latent["energies"], value("free_energy", latent), value("average_free_energy", latent)
    allowed = allowance(("free_energy", latent), ("average_free_energy", latent))
    return max(
        between(E.min() - np.log(len(E)) / latent["beta"], F, E.min(), allowed),
        between(E.min(), A, E.mean(), allowed),
    )


def hot_average(rng):
    """A = mean - beta variance / 2 + O(beta^2): the mean as beta -> 0."""
    latent = FORMULAS["free_energy"].sample(rng) | {"beta": 10.0 ** rng.uniform(-12, -4)}
    E, beta = latent["energies"], latent["beta"]
    third = beta**2 * np.mean(np.abs(E - E.mean()) ** 3)  # twice what the cumulants need, and more
    error = abs(value("average_free_energy", latent) - (E.mean() - beta * E.var() / 2.0))
    return error / (allowance(("average_free_energy", latent)) + third)


def variational_gap(rng):
    """V(q) - F = KL(q || p) / beta >= 0, p the softargmin, which closes the gap."""
    q = FORMULAS["variational_free_energy"].sample(rng)
    p = FORMULAS["free_energy"].gradients["energies"](q["energies"], q["beta"])
    gap = np.sum(q["probabilities"] * np.log(q["probabilities"] / p)) / q["beta"]
    used = ("variational_free_energy", q), ("free_energy", q)
    tight = value("variational_free_energy", q | {"probabilities": p}) - value("free_energy", q)
    above = value("variational_free_energy", q) - value("free_energy", q)
    size = allowance(*used) + 16 * UNIT * np.sum(q["probabilities"] * np.abs(np.log(p))) / q["beta"]
    return max(abs(above - gap), abs(tight)) / size


# claim holder: the formulas it links
IDENTITIES = {
    nll_is_energy_above_free_energy: ("nll", "free_energy", "energy"),
    averages_differ_by_the_number: ("free_energy", "average_free_energy"),
    free_energies_lie_in_order: ("free_energy", "average_free_energy"),
    hot_average: ("average_free_energy",),
    variational_gap: ("variational_free_energy", "free_energy"),
}
