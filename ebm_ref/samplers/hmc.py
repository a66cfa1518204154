r"""HMC: give the state a push, let it glide, and refuse what the integrator got wrong.

    H(x, p) = beta E(x) + |p|^2/2,    p ~ N(0, I) anew for each step
    leapfrog, L times:  p <- p - (e/2) g,  x <- x + e p,  p <- p - (e/2) g
    accept with min(1, e^{H(x, p) - H(x', p')})

Here g is the gradient of beta E at x.  The exact motion would keep H and always be accepted.  The leapfrog
is not exact, but for any step size e it has the two properties that the accept step needs.  It is its own
inverse once p is turned round; and each of its three shears keeps volumes, so no Jacobian enters.  Leave
out one half kick, or kick with the gradient of the place before, and one of the two is lost.

On E = k x^2/2 the leapfrog keeps  p^2/2 + (k x^2/2)(1 - e^2 k/4)  exactly.  So it glides along another
ellipse for ever, and runs away from e^2 k = 4 on.  With one leapfrog HMC is MALA.

The gradient at the end of one leapfrog is the one at the beginning of the next, so L of them take L + 1
gradients.

No fixed L suits all directions, and no e directions of different scale: jitter.py and mass_matrix.py.

Source: Duane et al. (1987), "Hybrid Monte Carlo"; Neal (2011), "MCMC Using Hamiltonian Dynamics".
"""

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_positive, whole
from ebm_ref.formula import Mistake
from ebm_ref.samplers.metropolis import accepts
from ebm_ref.samplers.random_walk import exponential_number


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
    x = as_real("position", position)
    p = real("momentum", momentum, *np.shape(x))
    return _leapfrog(*_checked(energy_gradient, x, step_size, steps), p)


def _checked(energy_gradient, x, step_size, steps):
    """The gradient as a function that is checked, x, the step size and the number of steps."""
    require(callable(energy_gradient), "energy_gradient", energy_gradient, "must be a function of x")
    e = real("step_size", step_size)
    require_positive("step_size", e)
    require_count("steps", steps)
    gradient = lambda x: real("energy_gradient", energy_gradient(x), *np.shape(x))
    return gradient, x, e, whole("steps", steps)


def _leapfrog(gradient, x, e, steps, p):
    p = p - 0.5 * e * gradient(x)
    for _ in range(steps - 1):
        x = x + e * p
        p = p - e * gradient(x)
    x = x + e * p
    return x, p - 0.5 * e * gradient(x)


def total_energy(energy, position, momentum):
    """H = beta E + |p|^2/2.

    >>> float(total_energy(lambda x: 3.0, np.zeros(2), np.array([1.0, 1.0])))
    4.0
    """
    require(callable(energy), "energy", energy, "must be a function of x")
    x = as_real("position", position)
    return _total_energy(energy, x, real("momentum", momentum, *np.shape(x)))


def _total_energy(energy, x, p):
    return real("energy", energy(x)) + 0.5 * np.sum(p**2)


def hmc_step(energy, energy_gradient, position, step_size, steps, normal, exponential):
    """The next state and whether the move was accepted; `normal` (d,) is the momentum.

    >>> bowl, slope = lambda x: x @ x / 2.0, lambda x: x
    >>> hmc_step(bowl, slope, np.array([1.0]), 1.0, 1, np.array([0.0]), exponential=0.05)
    (array([0.5]), True)
    """
    require(callable(energy), "energy", energy, "must be a function of x")
    x = as_real("position", position)
    p, coin = real("normal", normal, *np.shape(x)), exponential_number(exponential)
    new, p_new = _leapfrog(*_checked(energy_gradient, x, step_size, steps), p)
    log_r = _total_energy(energy, x, p) - _total_energy(energy, new, p_new)
    return (new, True) if accepts(np.minimum(0.0, log_r), coin) else (x, False)


def conserved(precision, step_size, position, momentum):
    """What the leapfrog keeps exactly on E = k x^2/2; at e -> 0 it is H.

    >>> float(conserved(1.0, 1.0, 1.0, 0.0)) == float(conserved(1.0, 1.0, 0.5, -0.75)) == 0.375
    True
    """
    k, e, x, p = (
        real("precision", precision),
        real("step_size", step_size),
        real("position", position),
        real("momentum", momentum),
    )
    require_positive("precision", k)
    require(e >= 0.0, "step_size", e, "must be >= 0")
    return 0.5 * p**2 + 0.5 * k * x**2 * (1.0 - e**2 * k / 4.0)


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
    Mistake(
        without_the_last_half_kick,
        name="no half kicks",
        symptom="keeps volumes, but there is no way back: too narrow, by a tenth at e = .4 on a normal law",
    ),
    Mistake(
        with_a_stale_gradient,
        name="a stale gradient in the second half kick",
        symptom="volume not kept: e^(-dH) is not the right ratio",
    ),
    Mistake(
        accepting_by_the_potential,
        name="accepted by the potential energy alone",
        symptom="too narrow: what the push gained in energy is refused again",
    ),
)
