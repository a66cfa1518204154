r"""Naive free energies: sums over a latent variable.

    F = -log(sum_z e^{-beta E_z})/beta

Source: the papers that the pages cite.
"""

from ebm_ref.proof.naive.words import exp, log


def summed(energies, beta):
    return sum(exp(-beta * E_z) for E_z in energies)


def variational(probabilities, energies, beta):
    pairs = zip(probabilities, energies, strict=True)
    return sum(q * E_z + q * log(q) / beta for q, E_z in pairs)


NAIVE = {
    "free_energy": lambda energies, beta: -log(summed(energies, beta)) / beta,
    "average_free_energy": lambda energies, beta: -log(summed(energies, beta) / len(energies)) / beta,
    "variational_free_energy": variational,
}
