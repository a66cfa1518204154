r"""Jitter: HMC with trajectories of random length, since every fixed length resonates with some direction.

    on E = k x^2/2    cos phi = 1 - e^2 k/2            each leapfrog turns by phi
                      x_L     = cos(L phi) x + (...) p
                      corr    = cos(L phi)             of the new state with the old
    L uniform on 1..M
                      corr    = (1/M) sum_{L=1}^{M} cos(L phi)
                              = (sin((M + 1/2) phi)/sin(phi/2) - 1)/(2M)

A trajectory is a motion on ellipses, and a motion on ellipses comes back.  Take k = 1, e = sqrt 2 and L = 4:
phi is a right angle, and four of them lead to x itself.  Nothing is refused, E stays as it was, the acceptance
is 1, and the chain does not move for ever:

    x, p  ->  after 4 leapfrogs  ->  x, p

With L = 2 it goes to -x instead: the mean is right at once, and x^2 is never renewed.  In many dimensions some
direction is always near such a length, and no one length suits all: a chain that looks well in 19
coordinates stands still in the 20th.

So L is drawn anew for each move, uniformly from 1 to M, before anything else and without a look at x.  For
each L the move is reversible, so their mixture is.  With e M = pi in round coordinates (mass_matrix.py) a
move forgets half a circle on average: for all k near 1 the correlation lies near 0.

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

MOST = 64  # leapfrogs in one trajectory


def turn(precision, step_size):
    """phi, the angle by which one leapfrog turns on E = k x^2/2; e^2 k < 4.

    >>> turn(1.0, 2.0**0.5) == np.pi / 2.0  # 1 - e^2 k/2 rounds to just below 0
    False
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


def jittered_correlation(precision, step_size, longest):
    """The mean of cos(L phi) over L = 1..M, by the sum of the series.

    >>> round(jittered_correlation(1.0, 2.0**0.5, 4), 12) + 0.0  # 0 - 1 + 0 + 1
    0.0
    """
    require_count("longest", longest)
    phi, M = turn(precision, step_size), whole("longest", longest)
    return 0.5 * (math.sin((M + 0.5) * phi) / math.sin(0.5 * phi) - 1.0) / M


def longest_trajectory(step_size, most=MOST):
    """M: so many leapfrogs make half a circle in round coordinates, pi/e; at most `most`.

    >>> longest_trajectory(0.5), longest_trajectory(1e-9)
    (7, 64)
    """
    e = real("step_size", step_size)
    require_positive("step_size", e)
    require_count("most", most)
    return int(min(np.ceil(np.pi / e), whole("most", most)))


def trajectory_length(longest, uniform):
    """L = 1 + floor(u M), of a uniform number u in [0, 1): each of 1..M equally often.

    >>> [trajectory_length(4, u) for u in (0.0, 0.2499, 0.25, 0.9999)]
    [1, 1, 2, 4]
    """
    require_count("longest", longest)
    u = real("uniform", uniform)
    require(0.0 <= u < 1.0, "uniform", u, "must be in [0, 1)")
    return 1 + int(u * whole("longest", longest))


VARIANTS = (
    Mistake(
        lambda longest, uniform: longest,
        name="the longest every time",
        symptom="a direction whose period it is stands still, though all moves are accepted",
    ),
    Mistake(
        lambda longest, uniform: int(uniform * longest),
        name="counted from 0",
        symptom="exact, but one move in M goes nowhere",
    ),
)
