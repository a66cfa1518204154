r"""Warm-up: covariance and step are learned from the chain, and frozen before the draws that count.

    C    = 1/2 mean (x_{t+l} - x_t)(x_{t+l} - x_t)'   over the latter half,
           l = n / max(10, d/2)                      n draws in d dimensions
    x'   = x + s L z,    L L' = C                    MALA, HMC: mass_matrix.py
    a(s) = 2 Phi(-c s^q)       how acceptance falls with the step:
                               q = 1 for the walk, 3 for MALA, 2 for HMC
    s   <- s (Phi^{-1}(a_0/2) / Phi^{-1}(a/2))^{1/q}
    a_0  = 0.234 (0.44 in one dimension), 0.574, 0.8

The chain is drawn in pieces that grow by a fifth.  After each piece C is computed anew, and s becomes the
step that would have been accepted with the frequency a_0, if the curve a(s) is right and a is what this piece
showed.  The first pieces know nothing of the density: moves are small, and so is C.  But a chain that spreads
has a larger C, and spreads faster.  The first half is forgotten, since it tells of where the chain began.  In
the last fifth C stays, and s alone is tuned to it.

Haario's C is the covariance of all that was drawn.  Half the mean square of what a chain moves within l steps
is the same, once l steps are enough to forget where it was.  Before that it is the better guide.  The path of
a walk that has not yet met a border is far from round: the covariance of n points of it has eigenvalues like
1, 1/4, 1/9, ..., by chance.  Taken for the shape of the density, they make the narrow directions of the path
narrower still, and in 50 dimensions the chain does not recover.  What it moves within l steps is round.

C is mixed with its diagonal, (1 - w) C + w diag C, w = min(1, d/moves)^4, so that it can be inverted.

Why freeze?  A chain whose moves depend on all that it has seen is no Markov chain.  For each C alone the law
would stay where it is; but which C comes next depends on where the chain has been, so x and C depend on each
other, and x alone follows another law.  After the warm-up C and s are constants, as if somebody had guessed
them well: what counts is a chain of Metropolis and Hastings, of which detailed balance holds exactly, whether
the warm-up went well or not.  If it went badly the chain is slow, never wrong, and R-hat tells, if several
chains began far apart.

An adaptation that goes on for ever can be right as well.  It needs a theorem of its own: that it fades
("diminishing adaptation"), and that all chains that it may choose from converge alike.  Haario's goes on so.

Source: Haario, Saksman and Tamminen (2001), "An Adaptive Metropolis Algorithm"; Roberts and Rosenthal (2001),
"Optimal Scaling for Various Metropolis-Hastings Algorithms", for a(s) and a_0; Roberts and Rosenthal (2007),
"Coupling and Ergodicity of Adaptive Markov Chain Monte Carlo Algorithms"; the eigenvalues of a path are those
of principal components of random walks, Antognini and Sohl-Dickstein (2018).
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from ebm_ref.checks import real, require, require_count, require_positive, whole

NORMAL = NormalDist()
FIRST, GROWTH, FORGET, FINAL, LAGS = 20, 1.2, 0.5, 0.2, 10
LEAST_DIAGONAL = 1e-10  # rounding leaves a C of numbers that move together no inverse
BOLDEST = 4.0  # no change of the step by more than that


class Tuned(NamedTuple):
    """Where a warm-up ended, and what it found."""

    x: np.ndarray  # (d,)
    covariance: np.ndarray  # (d, d), or (d,) variances
    step_size: float
    chain: np.ndarray  # (steps, d), what was drawn on the way: not to be counted


def acceptance_curve(step_size, scale, power):
    """a(s) = 2 Phi(-(s/scale)^q), the acceptance of steps in many dimensions.

    The walk on a normal density in d dimensions has the scale 2/sqrt d, and is best at 2.38/sqrt d:

    >>> round(acceptance_curve(2.38, 2.0, 1), 3)
    0.234
    """
    s, c, q = real("step_size", step_size), real("scale", scale), real("power", power)
    for argument, value in (("step_size", s), ("scale", c), ("power", q)):
        require_positive(argument, value)
    return 2.0 * NORMAL.cdf(-float((s / c) ** q))


def tuned_step(step_size, accepted, tries, target, power):
    """The step that a(s) gives the acceptance `target`, after so many of so many tries were accepted.

    `power` is q.  One half is added to the counts, so that all or none is no extreme; the step changes by a
    factor of 4 at most.

    >>> tuned_step(1.0, 117, 499, 0.235, 1)  # as it should be
    1.0
    >>> 2.0 < tuned_step(1.0, 469, 1000, 0.234, 1) ** -1 * 4.0 < 4.0  # too many: bolder
    True
    """
    s, q, goal = real("step_size", step_size), real("power", power), real("target", target)
    require_positive("step_size", s)
    require_positive("power", q)
    require(0.0 < goal < 1.0, "target", goal, "must be between 0 and 1")
    require_count("tries", tries)
    require_count("accepted", accepted, least=0)
    tries, accepted = whole("tries", tries), whole("accepted", accepted)
    require(accepted <= tries, "accepted", accepted, f"must be at most {tries}, the tries")
    a = (accepted + 0.5) / (tries + 1.0)
    factor = (NORMAL.inv_cdf(goal / 2.0) / NORMAL.inv_cdf(a / 2.0)) ** (1.0 / float(q))
    return float(s * min(max(factor, 1.0 / BOLDEST), BOLDEST))


def pieces(steps):
    """How long the pieces of a warm-up are: 20, then growing by a fifth, `steps` in all.

    >>> pieces(100)
    [20, 24, 28, 28]
    """
    require_count("steps", steps)
    left, size, sizes = whole("steps", steps), float(FIRST), []
    while left > 0:
        sizes.append(left if left < 1.5 * size else int(size))
        left, size = left - sizes[-1], size * GROWTH
    return sizes


def learned_covariance_as_printed(draws):
    """Haario's C: the covariance of all draws (n, d), which of a walk in the open is far from round.

    >>> walk = np.cumsum(np.random.default_rng(0).normal(size=(2000, 50)), axis=0)
    >>> condition = [np.linalg.cond(C(walk)) for C in (learned_covariance_as_printed, learned_covariance)]
    >>> bool(condition[0] > 3000.0), bool(condition[1] < 150.0)
    (True, True)
    """
    return np.cov(real("draws", draws, "n", "d"), rowvar=False)


def learned_covariance(draws, dense=True):
    """C of the latter half of the draws (n, d): (d, d), or variances (d,); None where a number never moved.

    >>> x = np.array([[9.0, 9.0], [9.0, 0.0], [1.0, 4.0], [3.0, 8.0]])
    >>> np.round(learned_covariance(x, dense=False), 12).tolist()
    [2.0, 8.0]
    """
    x = real("draws", draws, "n", "d")
    require(x.shape[1] > 0, "draws", x, "must be of one number or more")
    require(type(dense) is bool, "dense", dense, "must be True or False")
    x, d = x[int(FORGET * len(x)) :], x.shape[1]
    moves = int(np.sum(np.any(x[1:] != x[:-1], axis=1)))
    lag = max(1, int(len(x) / max(LAGS, d / 2)))
    with np.errstate(over="ignore", invalid="ignore"):
        D = (x[lag:] - x[:-lag]) / np.sqrt(2.0)
        sd = np.sqrt(np.mean(D**2, axis=0)) if len(D) else np.zeros(d)
    if not np.all((sd > 0.0) & (sd < np.inf)):
        return None
    if not dense:
        return sd**2
    D = D / sd  # correlations first: scales may differ by more than float64 has digits
    w = max(min(1.0, d / moves) ** 4, LEAST_DIAGONAL)
    R = (1.0 - w) * (D.T @ D) / len(D) + w * np.eye(d)
    return 0.5 * (R + R.T) * np.outer(sd, sd)


def warm_up(walk, start, steps, target, power, dense=True, first_step=1.0):
    """Learn covariance and step of a sampler.

    Parameters
    ----------
    walk : callable
        (x, covariance, step size, n) -> a chain (n, d) from there, and how many moves were accepted.
    start : (d,) float
    steps : int
        How many draws to spend, >= 1.
    target, power : float
        a_0 and q.
    dense : bool
        Whether C has correlations; (d,) variances otherwise.
    first_step : float
        s to begin with, on C = I.

    Returns
    -------
    Tuned
        Where the chain is now, C and s to be used from now on, and what was drawn.  The first piece that
        comes short is the last.

    Raises what `walk` raises; the error's attribute `drawn` is what was drawn until then.

    >>> from ebm_ref.samplers.random_walk import random_walk
    >>> rng, far = np.random.default_rng(0), lambda x: -(x[0] ** 2) / 2.0 - x[1] ** 2 / 2e4
    >>> tuned = warm_up(lambda x, C, s, n: random_walk(far, x, s**2 * C, n, rng), [0.0, 0.0], 4000, 0.3, 1)
    >>> bool(50.0 < (tuned.covariance[1, 1] / tuned.covariance[0, 0]) ** 0.5 < 200.0)
    True
    """
    require(callable(walk), "walk", walk, "must be a function of x, a covariance, a step size and a number")
    x, s = real("start", start, "d"), float(real("first_step", first_step))
    require(len(x) > 0, "start", x, "must be a vector (d,)")
    require_positive("first_step", s)
    sizes = pieces(steps)
    chain, n = np.empty((sum(sizes), len(x))), 0
    C = np.eye(len(x)) if dense else np.ones(len(x))
    for size in sizes:
        try:
            piece, accepted = walk(x, C, s, size)
        except Exception as problem:
            problem.drawn = np.concatenate([chain[:n], getattr(problem, "drawn", chain[:0])])
            raise
        chain[n : n + len(piece)] = piece
        n += len(piece)
        if len(piece) < size:
            return Tuned(x, C, s, chain[:n])
        x, s = piece[-1], tuned_step(s, int(accepted), size, target, power)
        found = learned_covariance(chain[:n], dense) if n <= (1.0 - FINAL) * len(chain) else None
        if found is not None:
            s, C = s * _length(C) / _length(found), found
    return Tuned(x, C, s, chain)


def _length(C):
    """Root of tr C: a new C changes the shape of the moves; their length is left to the step."""
    return np.sqrt(np.sum(C if C.ndim == 1 else np.diag(C)))
