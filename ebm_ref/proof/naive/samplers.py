r"""Naive steps of samplers: ratios, drifts and squares as printed.

Source: the papers that the pages cite.
"""

from ebm_ref.proof.naive.words import dot, smaller


def log_proposal(g, move, e):
    """log q(x'|x) of a Langevin proposal, up to its constant."""
    misses = [m + e * e / 2 * slope for m, slope in zip(move, g, strict=True)]
    return -dot(misses, misses) / (2 * e * e)


def mala_correction(gradient, proposal_gradient, move, step_size):
    back = log_proposal(proposal_gradient, [-m for m in move], step_size)
    return back - log_proposal(gradient, move, step_size)


NAIVE = {
    "metropolis_hastings": lambda log_p, log_p_new, log_q_forth, log_q_back: smaller(
        0, log_p_new + log_q_back - log_p - log_q_forth
    ),
    "langevin": lambda position, gradient, noise, step_size: [
        x - step_size * step_size / 2 * g + step_size * z
        for x, g, z in zip(position, gradient, noise, strict=True)
    ],
    "mala_correction": mala_correction,
    "replica_exchange": lambda beta, other_beta, energy, other_energy: smaller(
        0, -beta * other_energy - other_beta * energy + beta * energy + other_beta * other_energy
    ),
}
