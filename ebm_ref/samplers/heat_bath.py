r"""Heat bath: forget one spin, and draw it again from its distribution given the others.

    E = -1/2 s'J s - h's,      field f_i = h_i + sum_j J_ij s_j

    P(s_i = +1 | rest) = 1 / (1 + e^{-2 beta f_i})              heat bath
    P(flip)            = (15/16) min(1, e^{-2 beta s_i f_i})    Metropolis

The 2 is the distance between -1 and +1: flipping s_i changes the energy by 2 s_i f_i.  For bits 0, 1 it
is 1, and formulas that wander between the two lose it.  Both rules keep detailed balance with
exp(-beta E).  Metropolis flips more often.

One spin's update is reversible.  A sweep in a fixed order is not, though each of its steps is.

The textbooks' rule has no 15/16.  It flips a spin that feels no field every time it is asked to.  Asked in
a fixed order, as the famous loop of Ising codes does, spins may have no choice at all, and the
configurations fall apart into classes that no chain leaves.  Started in the wrong one, a chain is wrong for
ever: `textbook_flip_probability` has the instance.  A spin chosen at random does not help where nothing
is felt anywhere: then one spin is turned at every step, and even and odd configurations alternate.
With the 15/16 every spin may stay and may flip, so any order will do.

In floating point: 1 - P(+1) rounds to 0 in a strong field, so P(-1) is computed as P(+1) in -f.

Source: Glauber (1963), "Time-Dependent Statistics of the Ising Model"; Creutz (1980).
"""

import numpy as np

from ebm_ref.checks import as_real, real, require, require_one_of
from ebm_ref.formula import Mistake
from ebm_ref.numerics import sigmoid
from ebm_ref.samplers.lattice_walk import index_below, uniform_numbers
from ebm_ref.samplers.metropolis import MOVES


def as_spins(argument, spins, *axes):
    """Spins -1 or +1 with these axes: int64 where integers are given, else float64."""
    s = real(argument, spins, *axes)
    require(np.all(np.abs(s) == 1.0), argument, spins, "must be -1 or +1")
    return s.astype(np.int64) if np.asarray(spins).dtype.kind in "iu" else s


def check_beta(beta):
    """beta as float64, if it is >= 0 and finite."""
    beta = real("beta", beta)
    require(0.0 <= beta < np.inf, "beta", beta, "must be >= 0 and finite")
    return beta


def check_spins(couplings, fields, beta, spins, argument="spins"):
    """J (n, n), h (n,), beta and the spins, if J is symmetric without a diagonal, and spins are -1 or +1."""
    J, h, beta, s = *check_model(couplings, fields), check_beta(beta), as_spins(argument, spins, "n")
    require(len(s) == len(h), argument, spins, f"must be {len(h)} spins, one for each field")
    return J, h, beta, s


def check_model(couplings, fields):
    """J (n, n) and h (n,) as float64, if they are finite and J is symmetric without a diagonal."""
    J, h = real("couplings", couplings, "n", "n"), real("fields", fields, "n")
    n = len(h)
    require(J.shape == (n, n), "couplings", J, f"must be ({n}, {n}), and fields ({n},)")
    require(np.all(np.isfinite(J)), "couplings", J, "must be finite")
    require(np.all(np.isfinite(h)), "fields", h, "must be finite")
    symmetric = np.array_equal(J, J.T) and not np.any(np.diagonal(J))
    require(symmetric, "couplings", J, "must be symmetric, with a diagonal of zeros")
    return J, h


def spin_energy(couplings, fields, spins):
    """E(s) = -1/2 s'J s - h's.

    >>> float(spin_energy(np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2), np.array([1, 1])))
    -1.0
    """
    J, h, _, s = check_spins(couplings, fields, 1.0, spins)
    return -0.5 * (s @ J @ s) - h @ s


def local_field(couplings, fields, spins, i):
    """f_i = h_i + sum_j J_ij s_j.

    >>> float(local_field(np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([0.5, 0.0]), np.array([1, -1]), 0))
    -1.5
    """
    s = as_spins("spins", spins, "n")
    J, h = real("couplings", couplings, len(s), len(s)), real("fields", fields, len(s))
    i = index_below(len(s), "i", i)
    return h[i] + J[i] @ s


def up_probability(field, beta=1.0):
    """P(s = +1) of a spin in a field, elementwise, accurate in both tails.

    >>> float(up_probability(0.0)), bool(np.isclose(up_probability(0.5 * np.log(3.0)), 0.75))
    (0.5, True)
    """
    return sigmoid(2.0 * check_beta(beta) * as_real("field", field))


def flip_probability(field, spin, beta=1.0):
    """Metropolis' probability of flipping, elementwise: 15/16 if that lowers the energy.

    >>> float(flip_probability(-1.0, 1)), float(16.0 / 15.0 * flip_probability(np.log(2.0), 1))
    (0.9375, 0.25)
    """
    return MOVES * textbook_flip_probability(field, spin, beta)


def textbook_flip_probability(field, spin, beta=1.0):
    """min(1, e^{-2 beta s f}), as it is printed everywhere: not for spins that are visited in order.

    On a triangle each spin of (1, -1, 1) finds the other two at odds, feels no field, and flips.  The
    energy is 1 after every sweep, at any beta.  Its mean at beta = 1 is -2.79.

    >>> J, s, rng = np.ones((3, 3)) - np.eye(3), np.array([1, -1, 1]), np.random.default_rng(0)
    >>> for _ in range(3):
    ...     for i in range(3):
    ...         s[i] *= -1 if rng.random() < textbook_flip_probability(J[i] @ s, s[i]) else 1
    ...     print(s, spin_energy(J, np.zeros(3), s))
    [-1  1 -1] 1.0
    [ 1 -1  1] 1.0
    [-1  1 -1] 1.0
    """
    f = as_real("field", field)
    s = as_spins("spin", spin, *np.shape(f))
    return np.exp(np.minimum(0.0, -2.0 * check_beta(beta) * s * f))


def with_spin(spins, i, value):
    """The spins with one of them set; the given ones are left alone.

    >>> with_spin(np.array([1, 1]), 0, -1)
    array([-1,  1])
    """
    s = as_spins("spins", spins, "n")
    i = index_below(len(s), "i", i)
    require_one_of("value", real("value", value), -1, 1)
    return _with_spin(s, i, value)


def _with_spin(spins, i, value):
    new = np.array(spins)
    new[i] = value
    return new


def heat_bath_step(couplings, fields, beta, spins, i, uniform):
    """The spins after spin i is drawn again, up if u is below P(+1).

    >>> J, h = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2)
    >>> heat_bath_step(J, h, 1.0, np.array([-1, 1]), 0, uniform=0.88)  # P(+1) = 1/(1 + e^-2) = .8808
    array([1, 1])
    """
    J, h, beta, s = check_spins(couplings, fields, beta, spins)
    i = index_below(len(s), "i", i)
    return drawn_again(J, h, beta, s, i, uniform_numbers("uniform", uniform))


def drawn_again(J, h, beta, s, i, u):
    """The step of the heat bath, of inputs that were checked."""
    up = u < sigmoid(2.0 * beta * (h[i] + J[i] @ s))
    return _with_spin(s, i, 1 if up else -1)


def metropolis_flip_step(couplings, fields, beta, spins, i, uniform):
    """The spins after spin i was offered a flip.

    >>> J, h = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2)
    >>> metropolis_flip_step(J, h, 1.0, np.array([1, 1]), 0, uniform=0.12)  # (15/16) e^-2 = .1269
    array([-1,  1])
    """
    J, h, beta, s = check_spins(couplings, fields, beta, spins)
    i = index_below(len(s), "i", i)
    flips = uniform_numbers("uniform", uniform) < flip_probability(h[i] + J[i] @ s, s[i], beta)
    return _with_spin(s, i, -s[i] if flips else s[i])


def heat_bath_transitions(couplings, fields, beta, state, i):
    """[(probability, next state)] of drawing spin i again; a state is a tuple of -1 and +1.

    >>> heat_bath_transitions(np.zeros((2, 2)), np.zeros(2), 1.0, (1, -1), 0)
    [(0.5, (1, -1)), (0.5, (-1, -1))]
    """
    J, h, beta, s = check_spins(couplings, fields, beta, state, "state")
    i = index_below(len(s), "i", i)
    return draws_of(J, h, beta, tuple(s.tolist()), i)


def draws_of(J, h, beta, state, i):
    """The transitions of the heat bath, of inputs that were checked."""
    field = h[i] + J[i] @ np.array(state)
    set_to = lambda s: (*state[:i], s, *state[i + 1 :])
    return [(float(sigmoid(2.0 * beta * (s * field))), set_to(s)) for s in (1, -1)]


def metropolis_flip_transitions(couplings, fields, beta, state, i):
    """[(probability, next state)] of offering spin i a flip; a state is a tuple of -1 and +1.

    >>> metropolis_flip_transitions(np.zeros((2, 2)), np.zeros(2), 1.0, (1, -1), 0)
    [(0.9375, (-1, -1)), (0.0625, (1, -1))]
    """
    J, h, beta, s = check_spins(couplings, fields, beta, state, "state")
    i = index_below(len(s), "i", i)
    state, field = tuple(s.tolist()), h[i] + J[i] @ s
    flips = float(flip_probability(field, state[i], beta))
    return [(flips, (*state[:i], -state[i], *state[i + 1 :])), (1.0 - flips, state)]


VARIANTS = (
    Mistake(
        lambda field, beta=1.0: sigmoid(beta * field),
        name="the 2 lost: 0, 1 for -1, +1",
        symptom="samples at twice the temperature",
    ),
    Mistake(
        lambda field, beta=1.0: sigmoid(-2.0 * beta * field),
        name="sign lost: energy taken for its negative",
        symptom="ferromagnets come out antiferromagnetic",
    ),
    Mistake(
        textbook_flip_probability,
        name="Metropolis as printed, spin by spin in order",
        seen_in="github.com/dwavesystems/dwave-samplers, 1.8, sa/src/cpu_sa.cpp; see its pull request 51",
        symptom="ring of 64 at beta = 1 from random starts: energy -.04 a spin for -.76",
    ),
)
