r"""Gibbs with gradients: propose the flip that the slope of the energy recommends.

    D_i     = E(s^i) - E(s),        s^i the spins with s_i turned
    d_i     = -2 s_i dE/ds_i        estimate of D_i, of first order
    q(i|s)  = e^{-beta d_i(s)/2} / sum_j e^{-beta d_j(s)/2}
    log r   = -beta D_i + log q(i|s^i) - log q(i|s)
    P(flip) = (15/16) min(1, r)

A sweep of Gibbs sampling asks every spin in turn, and in a large model nearly all of them decline.  One
gradient prices all n flips at once, so that the proposal can go to those that are worth it.  Whatever the
estimates are worth, the Hastings correction makes the law right: a poor d costs refusals, not truth.  It
needs the gradient at s^i, too, for the way back is proposed by the slope there.

The half is what makes the moves easy to accept.  With d = D it cancels the change of energy,

    r = sum_j e^{-beta D_j(s)/2} / sum_j e^{-beta D_j(s^i)/2}

and that ratio is near 1 in a large model, where one flip changes few other prices.  With the whole of d in
the exponent the chain is right and slow: it hurries downhill and is refused on the way back.

The estimate is exact wherever E is linear in each spin alone, as that of an Ising model is.  E must be
defined between -1 and +1; of two continuations that agree on all spins, both are right, and one is faster.

Where no spin feels a field every r is 1, and without the 15/16 the number of spins that are up would be even
and odd in turn for ever: see metropolis.py and heat_bath.py.

Bits x = (1 + s)/2 are spins, too: dE/ds = (dE/dx)/2, and d_i = (1 - 2 x_i) dE/dx_i.

Source: Grathwohl, Swersky, Hashemi, Duvenaud and Maddison (2021), "Oops I Took A Gradient: Scalable Sampling
for Discrete Distributions", Algorithm 1; Zanella (2020), "Informed Proposals for Local MCMC in Discrete
Spaces", for the half.
"""

import numpy as np

from ebm_ref.checks import real, require
from ebm_ref.formula import Mistake
from ebm_ref.numerics import log_softmax
from ebm_ref.samplers.heat_bath import as_spins, check_beta
from ebm_ref.samplers.lattice_walk import index_below, uniform_numbers
from ebm_ref.samplers.metropolis import MOVES, accepts
from ebm_ref.samplers.random_walk import exponential_number


def estimated_flips(gradient, spins):
    """(n,) d_i = -2 s_i dE/ds_i: what the slope says of E(s^i) - E(s).

    >>> estimated_flips(np.array([1.0, -3.0]), np.array([1, 1])).tolist()
    [-2.0, 6.0]
    """
    return _estimated("gradient", gradient, as_spins("spins", spins, "n"))


def _estimated(argument, gradient, s):
    g = real(argument, gradient, len(s))
    require(np.all(np.isfinite(g)), argument, g, "must be finite")
    return -2.0 * s * g


def log_proposal(gradient, beta, spins):
    """(n,) log q(i|s), of every flip.

    >>> np.exp(log_proposal(np.log([2.0, 0.5]), 1.0, np.array([1, 1]))).round(12).tolist()
    [0.8, 0.2]
    """
    return log_softmax(-0.5 * check_beta(beta) * estimated_flips(gradient, spins))


def turned(spins, i):
    """s^i: the spins with one of them turned."""
    return np.where(np.arange(len(spins)) == i, -spins, spins)


def log_flip_ratio(energy, energy_gradient, beta, spins, i):
    """log r of flipping spin i, from E and its gradient at both ends.

    >>> E, slope = lambda s: -s[0] * s[1], lambda s: -s[::-1]
    >>> float(log_flip_ratio(E, slope, 1.0, np.array([1, 1]), 0))  # both flips cost 2, and both gain 2
    -2.0
    """
    beta, s = check_beta(beta), as_spins("spins", spins, "n")
    E, q = functions(energy, energy_gradient, beta)
    return _log_ratio(E, q, beta, s, q(s), index_below(len(s), "i", i))


def functions(energy, energy_gradient, beta):
    """E, finite or it is refused, and log q(.|s), as functions of spins."""
    for argument, function in (("energy", energy), ("energy_gradient", energy_gradient)):
        require(callable(function), argument, function, "must be a function of spins")

    def E(s):
        value = real("energy", energy(s))
        require(np.isfinite(value), "energy", value, "must be finite")
        return value

    return E, lambda s: log_softmax(-0.5 * beta * _estimated("energy_gradient", energy_gradient(s), s))


def _log_ratio(E, q, beta, s, log_q, i):
    """log r of a flip whose proposal log q(.|s) is at hand."""
    new = turned(s, i)
    return -beta * (E(new) - E(s)) + q(new)[i] - log_q[i]


def gibbs_with_gradients_step(energy, energy_gradient, beta, spins, uniform, exponential):
    """The spins after one flip was proposed, and made or not.

    Parameters
    ----------
    energy : callable
        (n,) spins -> E, finite.
    energy_gradient : callable
        (n,) spins -> dE/ds (n,), of any continuation of E to numbers between -1 and +1.
    beta : float
        Inverse temperature >= 0.
    spins : (n,) of -1 and +1
        s.
    uniform : float
        In [0, 1): flip i is proposed if it lies in the i-th of n intervals that are q(i|s) long.
    exponential : float
        From Exp(1): the flip is made if it is above -log P(flip).

    Returns
    -------
    (n,)
        The same spins, but for one at most.

    Raises ValueError if spins are none, beta is negative, or an energy or a slope is not finite.

    >>> E, slope = lambda s: -2.0 * s[0] * s[1], lambda s: -2.0 * s[::-1]
    >>> gibbs_with_gradients_step(E, slope, 1.0, np.array([-1, 1]), uniform=0.7, exponential=0.1)
    array([-1, -1])
    """
    beta, s = check_beta(beta), as_spins("spins", spins, "n")
    require(len(s) >= 1, "spins", s, "must be one or more")
    u, e = uniform_numbers("uniform", uniform), exponential_number(exponential)
    E, q = functions(energy, energy_gradient, beta)
    log_q = q(s)
    i = proposed(log_q, u)
    return turned(s, i) if accepts(_log_acceptance(E, q, beta, s, log_q, i), e) else np.array(s)


def proposed(log_q, uniform):
    """The flip in whose interval a uniform number lies; never one of probability 0.

    >>> [int(proposed(np.log([0.25, 0.75]), u)) for u in (0.2, 0.3)]
    [0, 1]
    """
    ends = np.cumsum(np.exp(log_q))
    return np.searchsorted(ends, uniform * ends[-1], side="right")


def _log_acceptance(*args):
    return np.log(MOVES) + min(0.0, _log_ratio(*args))


def gibbs_with_gradients_transitions(energy, energy_gradient, beta):
    """state -> [(probability, next state)] of the step; a state is a tuple of -1 and +1.

    >>> flat = gibbs_with_gradients_transitions(lambda s: 0.0, np.zeros_like, 1.0)
    >>> [(round(p, 5), state) for p, state in flat((1, 1))]
    [(0.46875, (-1, 1)), (0.46875, (1, -1)), (0.0625, (1, 1))]
    """
    beta = check_beta(beta)
    E, q = functions(energy, energy_gradient, beta)
    log_a = lambda s, log_q, i: _log_acceptance(E, q, beta, s, log_q, i)
    return lambda state: _listed(as_spins("state", state, "n"), q, log_a)


def _listed(s, q, log_acceptance):
    """What a step may do: flip one of the spins, or none."""
    log_q = q(s)
    log_a = np.array([log_acceptance(s, log_q, i) for i in range(len(s))])
    flips = [(float(p), tuple(turned(s, i).tolist())) for i, p in enumerate(np.exp(log_q + log_a))]
    return [*flips, (float(np.exp(log_q) @ -np.expm1(log_a)), tuple(s.tolist()))]


def _with(log_ratio):
    """The transitions of a step that has another rule for log r: f(D, q forth, q back, beta)."""

    def transitions(energy, energy_gradient, beta):
        E, q = functions(energy, energy_gradient, beta)

        def log_a(s, log_q, i):
            new = turned(s, i)
            return np.log(MOVES) + min(0.0, log_ratio(E(new) - E(s), log_q[i], q(new)[i], beta))

        return lambda state: _listed(np.array(state), q, log_a)

    return transitions


def proposal_taken_for_symmetric(energy, energy_gradient, beta):
    """Wrong: accepted by the energies alone, though the way back is proposed more rarely."""
    return _with(lambda D, forth, back, beta: -beta * D)(energy, energy_gradient, beta)


def correction_upside_down(energy, energy_gradient, beta):
    """Wrong: forth over back, for back over forth."""
    return _with(lambda D, forth, back, beta: -beta * D + forth - back)(energy, energy_gradient, beta)


def never_refused(energy, energy_gradient, beta):
    """Wrong: the informed proposal taken for a draw from the target."""
    return _with(lambda D, forth, back, beta: 0.0)(energy, energy_gradient, beta)


VARIANTS = (
    Mistake(
        proposal_taken_for_symmetric,
        name="the proposal taken for symmetric",
        symptom="the target enters twice, by the proposal and by the coin: samples at about twice beta",
    ),
    Mistake(
        correction_upside_down,
        name="correction upside down",
        symptom="low states are proposed more, and the correction rewards it: at about three times beta",
    ),
    Mistake(
        never_refused,
        name="every proposal is made",
        symptom="keeps e^{-beta E} sum_j e^{-beta D_j/2}, where d = D: too much where many flips lead down",
    ),
)
