r"""Jitter: HMC with trajectories of random length, since every fixed length resonates with some direction.

    on E = k x^2/2    cos phi = 1 - e^2 k/2            each leapfrog turns by phi
                      x_L     = cos(L phi) x + (...) p
                      corr    = cos(L phi)             of the new state with the old
    L uniform on M..3M
                      corr    = mean of cos(L phi)
                              = cos(2M phi) sin(m phi/2) / (m sin(phi/2))
                      m = 2M + 1 lengths

A trajectory is a motion on ellipses, and a motion on ellipses comes back.  Take k = 1, e = sqrt 2, L = 4:
phi is a right angle, and four of them lead to x itself.  E stays as it was, nothing is refused, and the
chain never leaves its place:

    x, p  ->  after 4 leapfrogs  ->  x, p

With L = 2 it goes to -x instead: the mean is right at once, and x^2 is never renewed.  In many dimensions
some direction is always near such a length, and no one length suits all: a chain that looks well in 19
coordinates stands still in the 20th.

So L is drawn anew for each move, uniformly from M to 3M, before anything else and without a look at x.  For
each L the move is reversible, so their mixture is.  In round coordinates (mass_matrix.py) all k are near 1,
and with e M = pi/4 a move turns by a quarter of a circle on average, an eighth more or less: the correlation
of x lies near 0, and that of x^2 not far from it.

One move in five has a step of e/4.  Where the density is narrower than elsewhere, in the arms of a banana, a
trajectory of the usual step runs away and is refused, again and again: the chain seldom gets there, but if it
does it stays, and for long runs all looks well.  The short step brings it out again.

An L that depends on where the chain stands would have to be as likely on the way back.  To stop where the
trajectory turns round needs more than that: it is what NUTS does.  There is none here.  Take the one of Stan,
PyMC, NumPyro or blackjax; it finds M by itself, which pays where the scales of a density change from place
to place.

Source: Neal (2011), "MCMC Using Hamiltonian Dynamics", Section 3.2; Mackenzie (1989), "An Improved Hybrid
Monte Carlo Method", for random lengths; Hoffman and Gelman (2014), "The No-U-Turn Sampler".
"""

import math

import numpy as np

from ebm_ref.checks import real, require, require_count, require_positive, whole
from ebm_ref.formula import Mistake

MOST = 20  # M: no trajectory has more than 60 leapfrogs
SHORT, SHARE = 0.25, 0.2


def turn(precision, step_size):
    """phi, the angle by which one leapfrog turns on E = k x^2/2; e^2 k < 4.

    >>> round(turn(1.0, 1.0), 12) == round(np.pi / 3.0, 12)
    True
    """
    k, e = real("precision", precision), real("step_size", step_size)
    require_positive("precision", k)
    require_positive("step_size", e)
    require(e * np.sqrt(k) < 2.0, "step_size", e, f"must be below 2/sqrt k, else it runs away; k = {k}")
    return float(2.0 * np.arcsin(0.5 * e * np.sqrt(k)))  # 1 - cos phi = 2 sin^2(phi/2)


def fixed_correlation(precision, step_size, steps):
    """cos(L phi): what the end of L leapfrogs has of the beginning.

    >>> [round(fixed_correlation(1.0, 2.0**0.5, L), 12) + 0.0 for L in (1, 2, 4)]  # gone, turned, all of it
    [0.0, -1.0, 1.0]
    """
    require_count("steps", steps)
    return math.cos(whole("steps", steps) * turn(precision, step_size))


def jittered_correlation(precision, step_size, shortest):
    """The mean of cos(L phi) over L = M..3M, by the sum of the series.

    >>> round(jittered_correlation(1.0, 2.0**0.5, 1), 12) == round((0.0 - 1.0 + 0.0) / 3.0, 12)
    True
    """
    require_count("shortest", shortest)
    phi, M = turn(precision, step_size), whole("shortest", shortest)
    m = 2.0 * M + 1.0
    return math.cos(2.0 * M * phi) * math.sin(0.5 * m * phi) / (m * math.sin(0.5 * phi))


def shortest_trajectory(step_size, most=MOST):
    """M: so many leapfrogs make an eighth of a circle in round coordinates, pi/(4e); at most `most`.

    >>> shortest_trajectory(0.5), shortest_trajectory(1e-9)
    (2, 20)
    """
    e = real("step_size", step_size)
    require_positive("step_size", e)
    require_count("most", most)
    return int(min(np.ceil(np.pi / 4.0 / e), whole("most", most)))


def trajectory_length(shortest, uniform):
    """L = M + floor(u (2M + 1)), of a uniform number u in [0, 1): each of M..3M equally often.

    >>> [trajectory_length(2, u) for u in (0.0, 0.1999, 0.2001, 0.9999)]
    [2, 2, 3, 6]
    """
    require_count("shortest", shortest)
    u, M = real("uniform", uniform), whole("shortest", shortest)
    require(0.0 <= u < 1.0, "uniform", u, "must be in [0, 1)")
    return M + int(u * (2 * M + 1))


def jittered_step(step_size, uniform):
    """e, or e/4 where the uniform number u is below 1/5.

    >>> jittered_step(1.0, 0.5), jittered_step(1.0, 0.1)
    (1.0, 0.25)
    """
    e, u = real("step_size", step_size), real("uniform", uniform)
    require_positive("step_size", e)
    require(0.0 <= u < 1.0, "uniform", u, "must be in [0, 1)")
    return float(e * SHORT if u < SHARE else e)


VARIANTS = (
    Mistake(
        lambda shortest, uniform: 2 * shortest,
        name="the same length every time",
        symptom="a direction whose period it is stands still, though all moves are accepted",
    ),
    Mistake(
        lambda shortest, uniform: int(uniform * (2 * shortest + 1)),
        name="counted from 0",
        symptom="exact, but some moves go nowhere",
    ),
)
