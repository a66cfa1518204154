r"""HMC: give the state a push, let it glide, and refuse what the integrator got wrong.

    H(x, p) = beta E(x) + |p|^2/2,    p ~ N(0, I) anew for each step
    leapfrog, L times:  p <- p - (e/2) grad,  x <- x + e p,  p <- p - (e/2) grad
    accept with min(1, e^(H - H'))

The exact motion would keep H and be accepted always.  The leapfrog is not exact, but has the two
properties that the accept step needs, for any e: it is its own inverse once p is turned round, and
each of its three shears keeps volumes, so no Jacobian enters.  Leave out one half kick, or kick with
the gradient of the place before, and the method is not reversible any more.

On E = k x^2/2 the leapfrog keeps  p^2/2 + (k x^2/2)(1 - e^2 k/4)  exactly: it glides along another
ellipse for ever, and runs away from e^2 k = 4 on.  With one leapfrog HMC is MALA.

The gradient at the end of one leapfrog is the one at the beginning of the next: L + 1 of them.

Source: Duane et al. (1987), "Hybrid Monte Carlo"; Neal (2011), "MCMC Using Hamiltonian Dynamics".
"""

import numpy as np

from ebm_ref.checks import require, require_index, require_positive
from ebm_ref.formula import Variant
from ebm_ref.samplers.metropolis import accepts


def leapfrog(energy_gradient, position, momentum, step_size, steps):
    """(x, p) after `steps` leapfrogs of length `step_size`.

    Parameters
    ----------
    energy_gradient : callable
        x (d,) -> gradient of beta E.
    position, momentum : (d,) float
    step_size : float
        e > 0.
    steps : int
        L >= 1.

    >>> spring = lambda x: x
    >>> leapfrog(spring, np.array([1.0]), np.array([0.0]), step_size=1.0, steps=1)
    (array([0.5]), array([-0.75]))
    """
    require_positive("step_size", step_size)
    require_index("steps", steps, 2**62)
    require(steps >= 1, "steps", steps, "must be >= 1")
    x = position
    p = momentum - 0.5 * step_size * energy_gradient(x)
    for _ in range(steps - 1):
        x = x + step_size * p
        p = p - step_size * energy_gradient(x)
    x = x + step_size * p
    return x, p - 0.5 * step_size * energy_gradient(x)


def total_energy(energy, position, momentum):
    """H = beta E + |p|^2/2.

    >>> float(total_energy(lambda x: 3.0, np.zeros(2), np.array([1.0, 1.0])))
    4.0
    """
    return energy(position) + 0.5 * np.sum(momentum**2)


def hmc_step(energy, energy_gradient, position, step_size, steps, normal, exponential):
    """The next state and whether the move was accepted; `normal` (d,) is the momentum.

    >>> bowl, slope = lambda x: x @ x / 2.0, lambda x: x
    >>> hmc_step(bowl, slope, np.array([1.0]), 1.0, 1, np.array([0.0]), exponential=0.05)
    (array([0.5]), True)
    """
    x, p = leapfrog(energy_gradient, position, normal, step_size, steps)
    log_r = total_energy(energy, position, normal) - total_energy(energy, x, p)
    return (x, True) if accepts(np.minimum(0.0, log_r), exponential) else (position, False)


def conserved(precision, step_size, position, momentum):
    """What the leapfrog keeps exactly on E = k x^2/2; at e -> 0 it is H.

    >>> float(conserved(1.0, 1.0, 1.0, 0.0)) == float(conserved(1.0, 1.0, 0.5, -0.75)) == 0.375
    True
    """
    k = precision
    return 0.5 * momentum**2 + 0.5 * k * position**2 * (1.0 - step_size**2 * k / 4.0)


def without_the_last_half_kick(energy_gradient, x, p, step_size, steps):
    """Wrong: every leapfrog kicks first, by e, and glides: not its own inverse."""
    for _ in range(steps):
        p = p - step_size * energy_gradient(x)
        x = x + step_size * p
    return x, p


def with_a_stale_gradient(energy_gradient, x, p, step_size, steps):
    """Wrong: the second half kick takes the gradient from before the move."""
    for _ in range(steps):
        kick = 0.5 * step_size * energy_gradient(x)
        x, p = x + step_size * (p - kick), p - 2.0 * kick
    return x, p


def accepting_by_the_potential(energy, energy_gradient, x, step_size, steps, normal, exponential):
    """Wrong: accepts by E alone, as if the momentum did not count."""
    new, _ = leapfrog(energy_gradient, x, normal, step_size, steps)
    return (new, True) if accepts(np.minimum(0.0, energy(x) - energy(new)), exponential) else (x, False)


VARIANTS = (
    Variant(
        "no half kicks",
        "mistake",
        without_the_last_half_kick,
        symptom="keeps volumes, but there is no way back: too narrow, by a tenth at e = .4 on a normal law",
    ),
    Variant(
        "a stale gradient in the second half kick",
        "mistake",
        with_a_stale_gradient,
        symptom="volume not kept: e^(-dH) is not the right ratio",
    ),
    Variant(
        "accepted by the potential energy alone",
        "mistake",
        accepting_by_the_potential,
        symptom="too narrow: what the push gained in energy is refused again",
    ),
)
