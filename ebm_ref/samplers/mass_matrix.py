r"""Mass matrix: MALA and HMC in coordinates in which the density is round.

    x    = L y,     C = L L'                  the gradient by y is L'g
    MALA      x'  = x - (e^2/2) C g + e L z
    HMC       H   = E(x) + p'C p/2,    p ~ N(0, C^{-1})
              p <- p - (e/2) g,  x <- x + e C p,  p <- p - (e/2) g

Here g is the gradient of beta E, and C is about the covariance of x.  On a density whose standard deviations
are 1 and 100, one step size for all directions must suit the narrow one; then the wide one takes 100^2 times
as long as it need.  In the coordinates y all deviations are 1.  A step of the pages on MALA and HMC in y is
one of those above in x, with the momentum L'p in place of p.  So nothing new must be shown: detailed balance
holds in y, and no Jacobian enters, since L is constant.

C^{-1} is the mass matrix M of the literature, p'M^{-1}p/2 the kinetic energy.  A light particle moves far,
so masses are small where the density is wide.  Take M for the covariance itself, and the step is still
exact, but what was hard becomes harder: the condition number is squared instead of removed.

For MALA it is the drift that gets C, and the noise its root.  Leave C out of one of the two, and the
correction must be that of the proposal that was made; else the law is another.

Where the leapfrog runs away, to infinity or out of the support, the move is refused like any other.  So it
is where the gradient overflows, if E has risen by 1000: e^-1000 is 0, and both ways are closed.

Source: Neal (2011), "MCMC Using Hamiltonian Dynamics", Section 4.1; Roberts and Stramer (2002), "Langevin
Diffusions and Metropolis-Hastings Algorithms", for MALA.
"""

from typing import NamedTuple

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_positive, whole
from ebm_ref.formula import Mistake
from ebm_ref.samplers.metropolis import accepts
from ebm_ref.samplers.random_walk import exponential_number

OUT_OF_REACH = 1000.0  # e^-1000 is 0


class Place(NamedTuple):
    """A point, and E and its gradient there; the gradient is None where nobody asks for it."""

    x: np.ndarray  # (d,)
    E: float
    g: np.ndarray  # (d,)


class Surface(NamedTuple):
    """beta E and its gradient, as functions whose answers are checked."""

    energy: object
    gradient: object

    def at(self, x, reach=np.inf):
        """The place x; ValueError where E is NaN or -inf, or the gradient not finite where E is.

        Above `reach` a gradient that has overflowed is no mistake: nobody gets there, as if E were inf.
        """
        E = self.energy(x)
        if not E < np.inf:
            return Place(x, E, np.full(len(x), np.nan))
        g = self.gradient(x)
        if not np.all(np.isfinite(g)):  # the text of a rule costs more than a step
            if E > reach:
                return Place(x, np.inf, g)
            require(False, "energy_gradient", g, f"must be finite where E is, at x = {x}")
        return Place(x, E, g)


def checked_surface(energy, energy_gradient):
    """The two functions with their answers checked: E is a number above -infinity, the gradient a vector.

    >>> checked_surface(lambda x: float("nan"), lambda x: x).energy(np.zeros(1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: energy = nan: must be a number above -infinity, at x = [0.]; where the density is 0, ...
    """
    require(callable(energy), "energy", energy, "must be a function of x")
    require(callable(energy_gradient), "energy_gradient", energy_gradient, "must be a function of x")

    def number(x):
        E = float(real("energy", energy(x)))
        if not E > -np.inf:
            hint = "; where the density is 0, or x out of range, return inf" if np.isnan(E) else ""
            require(False, "energy", E, f"must be a number above -infinity, at x = {x}{hint}")
        return E

    return Surface(number, lambda x: real("energy_gradient", energy_gradient(x), len(x)))


def stretched(factor, y):
    """L y: `factor` is a vector of standard deviations, or a matrix.

    >>> stretched(np.array([2.0, 3.0]), np.array([1.0, 1.0])).tolist()
    [2.0, 3.0]
    """
    L, y = _factor_and_vector(factor, "y", y)
    return _stretched(L, y)


def pulled_back(factor, gradient):
    """L'g, the gradient by y.

    >>> pulled_back(np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([1.0, 1.0])).tolist()
    [3.0, 3.0]
    """
    L, g = _factor_and_vector(factor, "gradient", gradient)
    return _pulled_back(L, g)


def _stretched(L, y):
    return L * y if L.ndim == 1 else L @ y


def _pulled_back(L, g):
    return L * g if L.ndim == 1 else L.T @ g


def _factor_and_vector(factor, argument, vector):
    v = real(argument, vector, "d")
    L = as_real("factor", factor)
    require(np.shape(L) in ((len(v),), (len(v),) * 2), "factor", L, f"must be {len(v)} or {len(v)}x{len(v)}")
    require(np.all(np.isfinite(L)), "factor", L, "must be finite")
    return L, v


def mala_move(surface, place, factor, step_size, normal, exponential):
    """One step from a place whose gradient is known: (place, accepted); inputs are taken as they are."""
    e, y_gradient = step_size, _pulled_back(factor, place.g)
    move = e * normal - 0.5 * e**2 * y_gradient
    new = surface.at(place.x + _stretched(factor, move), place.E + OUT_OF_REACH)
    if not new.E < np.inf:
        return place, False
    both = y_gradient + _pulled_back(factor, new.g)
    change = 2.0 * y_gradient - both
    C = 0.5 * np.sum(move * both) + 0.125 * e**2 * np.sum(change * both)  # mala_correction
    return (new, True) if accepts(np.minimum(0.0, place.E - new.E + C), exponential) else (place, False)


def hmc_move(surface, place, factor, step_size, steps, normal, exponential):
    """`steps` leapfrogs from a place whose gradient is known: (place, accepted); inputs as they are."""
    new, p = glide(surface, place, factor, step_size, steps, normal)
    if new is None:
        return place, False
    log_r = place.E - new.E + 0.5 * (np.sum(normal**2) - np.sum(p**2))
    return (new, True) if accepts(np.minimum(0.0, log_r), exponential) else (place, False)


def glide(surface, place, factor, step_size, steps, momentum):
    """(place, momentum in y) after so many leapfrogs; (None, None) if they run away or leave the support."""
    x, e = place.x, step_size
    p = momentum - 0.5 * e * _pulled_back(factor, place.g)
    for i in range(steps):
        x = x + e * _stretched(factor, p)
        if not np.all(np.isfinite(x)):
            return None, None
        g = surface.gradient(x) if i < steps - 1 else None
        if g is None or not np.all(np.isfinite(g)):
            here = surface.at(x, place.E + OUT_OF_REACH)  # refuses a gradient that is NaN where E is finite
            if not here.E < np.inf:
                return None, None
            return here, p - 0.5 * e * _pulled_back(factor, here.g)
        p = p - e * _pulled_back(factor, g)


def mala_step(energy, energy_gradient, position, factor, step_size, normal, exponential):
    """The next state of MALA with C = L L' and whether the move was accepted.

    Parameters
    ----------
    energy, energy_gradient : callable
        x (d,) -> beta E, +inf where the density is 0, and its gradient (d,).
    position : (d,) float
        x, where E is finite.
    factor : (d,) or (d, d) float
        L: standard deviations, or a matrix of which L L' is the covariance.
    step_size : float
        e > 0, in units of L.
    normal, exponential : (d,) float, float
        z and the coin.

    >>> bowl, slope = lambda x: x @ x / 2.0, lambda x: x
    >>> mala_step(bowl, slope, np.array([1.0]), np.array([2.0]), 0.5, np.array([0.0]), exponential=0.1)
    (array([0.5]), True)
    """
    surface, place, L, e, z, coin = _checked(
        energy, energy_gradient, position, factor, step_size, normal, exponential
    )
    new, moved = mala_move(surface, place, L, e, z, coin)
    return new.x, moved


def hmc_step(energy, energy_gradient, position, factor, step_size, steps, normal, exponential):
    """The next state of HMC with the mass matrix (L L')^{-1}; `normal` (d,) is the momentum L'p.

    The other arguments are those of `mala_step`; `steps` counts leapfrogs.

    >>> bowl, slope = lambda x: x @ x / 2.0, lambda x: x
    >>> hmc_step(bowl, slope, np.array([1.0]), np.array([2.0]), 0.5, 1, np.array([0.0]), exponential=0.1)
    (array([0.5]), True)
    """
    surface, place, L, e, p, coin = _checked(
        energy, energy_gradient, position, factor, step_size, normal, exponential
    )
    require_count("steps", steps)
    new, moved = hmc_move(surface, place, L, e, whole("steps", steps), p, coin)
    return new.x, moved


def _checked(energy, energy_gradient, position, factor, step_size, normal, exponential):
    """The inputs of a step, if they are legal, and what E is where it begins."""
    surface = checked_surface(energy, energy_gradient)
    L, x = _factor_and_vector(factor, "position", position)
    e, z = real("step_size", step_size), real("normal", normal, len(x))
    require_positive("step_size", e)
    place = surface.at(x)
    require(place.E < np.inf, "position", x, "must have a positive density")
    return surface, place, L, e, z, exponential_number(exponential)


def drawn_with_the_inverse(energy, energy_gradient, x, factor, step_size, steps, normal, exponential):
    """Wrong: momenta from N(0, C), whose kinetic energy is p'C p/2 all the same."""
    C, L = factor @ factor.T, factor
    start = p = L @ normal
    g, y = energy_gradient(x), x
    for _ in range(steps):
        p = p - 0.5 * step_size * g
        y = y + step_size * C @ p
        g = energy_gradient(y)
        p = p - 0.5 * step_size * g
    log_r = energy(x) - energy(y) + 0.5 * (start @ C @ start - p @ C @ p)
    return (y, True) if accepts(np.minimum(0.0, log_r), exponential) else (x, False)


def noise_left_round(energy, energy_gradient, x, factor, step_size, normal, exponential):
    """Wrong: C in the drift alone, and a correction as if it were in the noise, too."""
    g, e = _pulled_back(factor, energy_gradient(x)), step_size
    new = x - 0.5 * e**2 * _stretched(factor, g) + e * normal
    g_new = _pulled_back(factor, energy_gradient(new))
    C = 0.5 * (new - x) @ (energy_gradient(x) + energy_gradient(new)) + e**2 / 8.0 * (g @ g - g_new @ g_new)
    moves = accepts(np.minimum(0.0, energy(x) - energy(new) + C), exponential)
    return (new, True) if moves else (x, False)


VARIANTS = (
    Mistake(
        drawn_with_the_inverse,
        name="momenta drawn with the covariance for the mass",
        symptom="kinetic energy and momenta disagree: a law of its own",
    ),
    Mistake(
        noise_left_round,
        name="drift stretched, noise left round",
        symptom="the correction is that of other noise: a law of its own, a little off",
    ),
)
