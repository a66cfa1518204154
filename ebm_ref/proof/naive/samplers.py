r"""Naive steps of samplers: ratios, drifts and squares as printed.

    log a = beta (E(x) - E(x')) + log q(x | x') - log q(x' | x)

Source: the papers that the pages cite.
"""

from ebm_ref.proof.naive.words import dot, log, sigmoid, smaller


def log_proposal(g, move, e):
    """log q(x'|x) of a Langevin proposal, up to its constant."""
    misses = [m + e * e / 2 * slope for m, slope in zip(move, g, strict=True)]
    return -dot(misses, misses) / (2 * e * e)


def mala_correction(gradient, proposal_gradient, move, step_size):
    back = log_proposal(proposal_gradient, [-m for m in move], step_size)
    return back - log_proposal(gradient, move, step_size)


def interval_log_jacobian(position, low, high):
    return sum(log((high - low) * sigmoid(z) * sigmoid(-z)) for z in position)


def simplex_log_jacobian(position):
    """The triangle's diagonal: dx_i/dz_i = left_i s_i (1 - s_i)."""
    d, total, left = len(position), 0, 1
    for i, z in enumerate(position):
        broken, kept = sigmoid(z - log(d - i)), sigmoid(log(d - i) - z)
        total, left = total + log(left * broken * kept), left * kept
    return total


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
    "positive_log_jacobian": lambda position: sum(position),
    "interval_log_jacobian": interval_log_jacobian,
    "simplex_log_jacobian": simplex_log_jacobian,
}
