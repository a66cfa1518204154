r"""Identities of samplers: one accept step under several names.

    C = log q(x | x') - log q(x' | x)
    C = 0    where the proposal is symmetric

Source: named with each.
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT, condition
from ebm_ref.proof.identities.measure import defect, value


def mala_corrects_for_two_langevin_densities(rng):
    """C = log q(x|x') - log q(x'|x), q normal around the Langevin step without its noise."""
    inputs = FORMULAS["mala_correction"].sample(rng)
    g, g_new, move, e = inputs.values()
    quiet = lambda x, g: value("langevin", {"position": x, "gradient": g, "noise": 0.0 * x, "step_size": e})
    forth, back = (move - quiet(0.0 * move, g)) ** 2, quiet(move, g_new) ** 2
    left, right = value("mala_correction", inputs), np.sum(forth - back) / (2 * e**2)
    rounding = 16 * UNIT * np.sum(forth + back + move**2) / e**2
    return abs(left - right) / (rounding + 16 * UNIT * condition(FORMULAS["mala_correction"], inputs))


def exchange_is_metropolis_on_pairs(rng):
    """An exchange is a symmetric move of the pair (x_i, x_j), whose log density is -(b_i E_i + b_j E_j)."""
    inputs = FORMULAS["replica_exchange"].sample(rng)
    b, c, E, F = inputs.values()
    pair = {"log_p": -(b * E + c * F), "log_p_new": -(b * F + c * E), "log_q_forth": 0.0, "log_q_back": 0.0}
    left, right = value("replica_exchange", inputs), value("metropolis_hastings", pair)
    sums = 16 * UNIT * (b + c) * (abs(E) + abs(F))
    return abs(left - right) / (sums + UNIT) if left != right else 0.0


def a_symmetric_proposal_has_no_correction(rng):
    """At g = g' = 0 the Langevin proposal is symmetric: C = 0, and the accept step is Metropolis'."""
    zero = np.zeros(2)
    inputs = {"gradient": zero, "proposal_gradient": zero, "move": rng.normal(size=2), "step_size": 0.5}
    return defect(value("mala_correction", inputs), 0.0, ("mala_correction", inputs))


# claim holder: the formulas it links
IDENTITIES = {
    mala_corrects_for_two_langevin_densities: ("mala_correction", "langevin"),
    exchange_is_metropolis_on_pairs: ("replica_exchange", "metropolis_hastings"),
    a_symmetric_proposal_has_no_correction: ("mala_correction",),
}
