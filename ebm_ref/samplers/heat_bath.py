r"""Heat bath: forget one spin, and draw it again from its law given the others.

    E = -1/2 s'Js - h's,      field f_i = h_i + sum_j J_ij s_j

    P(s_i = +1 | rest) = 1 / (1 + e^(-2 beta f_i))      heat bath
    P(flip)            = min(1, e^(-2 beta s_i f_i))    Metropolis

The 2 is the distance between -1 and +1: flipping s_i changes the energy by 2 s_i f_i.  For bits 0, 1
it is 1, and formulas that wander between the two lose it.  Both rules keep detailed balance with
exp(-beta E).  Metropolis flips more often, but where f = 0 it flips every time it is asked to.

One spin's update is reversible; a sweep in a fixed order is not, though each of its steps is.

Source: Glauber (1963), "Time-Dependent Statistics of the Ising Model"; Creutz (1980).
"""

import numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.formula import Variant
from ebm_ref.numerics import sigmoid


def check_spins(couplings, fields, beta, spins):
    """Raise a ValueError unless J is symmetric without a diagonal, and spins are -1 or +1."""
    n = len(spins)
    fits = np.shape(couplings) == (n, n) and np.shape(fields) == (n,)
    require(fits, "couplings", np.asarray(couplings), f"must be ({n}, {n}), and fields ({n},)")
    symmetric = np.array_equal(couplings, np.transpose(couplings)) and not np.any(np.diagonal(couplings))
    require(symmetric, "couplings", np.asarray(couplings), "must be symmetric, with a diagonal of zeros")
    require(0.0 <= beta < np.inf, "beta", beta, "must be >= 0 and finite")
    require(bool(np.all(np.abs(spins) == 1)), "spins", np.asarray(spins), "must be -1 or +1")


def spin_energy(couplings, fields, spins):
    """E(s) = -1/2 s'Js - h's.

    >>> float(spin_energy(np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2), np.array([1, 1])))
    -1.0
    """
    return -0.5 * (spins @ couplings @ spins) - fields @ spins


def local_field(couplings, fields, spins, i):
    """f_i = h_i + sum_j J_ij s_j.

    >>> float(local_field(np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([0.5, 0.0]), np.array([1, -1]), 0))
    -1.5
    """
    require_index("i", i, len(spins))
    return fields[i] + couplings[i] @ spins


def up_probability(field, beta=1.0):
    """P(s = +1) of a spin in a field, accurate in both tails.

    >>> float(up_probability(0.0)), bool(np.isclose(up_probability(0.5 * np.log(3.0)), 0.75))
    (0.5, True)
    """
    return sigmoid(2.0 * beta * field)


def flip_probability(field, spin, beta=1.0):
    """Metropolis' probability of flipping: 1 if that lowers the energy.

    >>> float(flip_probability(-1.0, 1)), bool(np.isclose(flip_probability(1.0, 1), np.exp(-2.0)))
    (1.0, True)
    """
    return np.exp(np.minimum(0.0, -2.0 * beta * spin * field))


def with_spin(spins, i, value):
    """The spins with one of them set; the given ones are left alone."""
    new = np.array(spins)
    new[i] = value
    return new


def heat_bath_step(couplings, fields, beta, spins, i, uniform):
    """The spins after spin i is drawn again, up if u is below P(+1).

    >>> J, h = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2)
    >>> heat_bath_step(J, h, 1.0, np.array([-1, 1]), 0, uniform=0.88)  # P(+1) = 1/(1 + e^-2) = .8808
    array([1, 1])
    """
    check_spins(couplings, fields, beta, spins)
    up = uniform < up_probability(local_field(couplings, fields, spins, i), beta)
    return with_spin(spins, i, 1 if up else -1)


def metropolis_flip_step(couplings, fields, beta, spins, i, uniform):
    """The spins after spin i was offered a flip.

    >>> J, h = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2)
    >>> metropolis_flip_step(J, h, 1.0, np.array([1, 1]), 0, uniform=0.13)  # e^-2 = .1353
    array([-1,  1])
    """
    check_spins(couplings, fields, beta, spins)
    flips = uniform < flip_probability(local_field(couplings, fields, spins, i), spins[i], beta)
    return with_spin(spins, i, -spins[i] if flips else spins[i])


def heat_bath_transitions(couplings, fields, beta, state, i):
    """[(probability, next state)] of drawing spin i again; a state is a tuple of -1 and +1.

    >>> heat_bath_transitions(np.zeros((2, 2)), np.zeros(2), 1.0, (1, -1), 0)
    [(0.5, (1, -1)), (0.5, (-1, -1))]
    """
    field = local_field(couplings, fields, np.array(state), i)
    set_to = lambda s: (*state[:i], s, *state[i + 1 :])
    return [(float(up_probability(s * field, beta)), set_to(s)) for s in (1, -1)]


def metropolis_flip_transitions(couplings, fields, beta, state, i):
    """[(probability, next state)] of offering spin i a flip; a state is a tuple of -1 and +1.

    >>> metropolis_flip_transitions(np.zeros((2, 2)), np.zeros(2), 1.0, (1, -1), 0)
    [(1.0, (-1, -1)), (0.0, (1, -1))]
    """
    field = local_field(couplings, fields, np.array(state), i)
    flips = float(flip_probability(field, state[i], beta))
    stays = float(-np.expm1(np.minimum(0.0, -2.0 * beta * state[i] * field)))
    return [(flips, (*state[:i], -state[i], *state[i + 1 :])), (stays, state)]


VARIANTS = (
    Variant(
        "the 2 lost: 0, 1 for -1, +1",
        "mistake",
        lambda field, beta=1.0: sigmoid(beta * field),
        symptom="samples at twice the temperature",
    ),
    Variant(
        "sign lost: energy taken for its negative",
        "mistake",
        lambda field, beta=1.0: sigmoid(-2.0 * beta * field),
        symptom="ferromagnets come out antiferromagnetic",
    ),
)
