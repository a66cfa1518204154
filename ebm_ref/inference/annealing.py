r"""Simulated annealing: a Metropolis walk that is cooled while it walks.

    y <- y'    with probability (15/16) min(1, e^{-beta_t (E(y') - E(y))})
               else y
    beta_1 <= beta_2 <= ...

At step t a neighbour y' of y is proposed, as often from y as y is from y'.  While the walk is warm it
crosses barriers; when it is cold it descends.  At a fixed beta it samples the Gibbs distribution.  If
beta is raised slowly enough, like a logarithm, the walk is certain to end in the lowest energy, but nobody
has so much time.  The schedule is an argument, because no choice of it is right for all.

The 15/16 is not in the textbooks.  Without it the walk has no choice where all answers cost the same.  If the
parts are binary, it then turns one at every step, and is in an answer of even parity at every other step for
ever.  The way back takes the same factor, so the Gibbs distribution stays what it was.

Two slips are common.  The last state of the walk is not its best, but implementations have returned it
(github.com/3zcurdia/annealing/pull/31).  And the start counts among the states of the walk: where nothing
beat it, None was returned (github.com/100/Solid/issues/11).

Source: Metropolis et al. (1953), the walk; Kirkpatrick, Gelatt and Vecchi (1983), "Optimization by
simulated annealing".
"""

from dataclasses import dataclass

import numpy as np

from ebm_ref.checks import real, require, require_count, require_positive, whole
from ebm_ref.inference.exhaustive import energy_at

MOVES = 15.0 / 16.0  # how often a fall is accepted: nothing is certain


@dataclass(frozen=True)
class Annealed:
    """The best state of a walk, and the walk."""

    answer: object
    energy: float
    energies: np.ndarray  # (1 + steps,): of the current state, at the start and after every step
    accepted: int  # proposals


def geometric_schedule(first, last, steps):
    """(steps,) inverse temperatures from `first` to `last`, each the same multiple of the one before.

    >>> geometric_schedule(0.5, 8.0, 5).tolist()
    [0.5, 1.0, 2.0, 4.0, 8.0]
    """
    first, last = real("first", first), real("last", last)
    require_positive("first", first)
    require_positive("last", last)
    require_count("steps", steps, 2)
    return first * (last / first) ** (np.arange(steps) / (steps - 1))


def one_part_changed(cardinalities):
    """A proposal for answers of n parts: one part takes another value, each (part, value) equally often.

    >>> propose = one_part_changed([2, 2, 2])
    >>> int(np.sum(propose(np.random.default_rng(0), np.zeros(3, int))))
    1
    """
    k = np.array(whole("cardinalities", cardinalities, "n"))
    require(
        np.all(k >= 1) and np.any(k >= 2),
        "cardinalities",
        k,
        "must be >= 1, and not all 1: nothing could change",
    )
    first = np.concatenate([[0], np.cumsum(k - 1)])  # the moves of part i are first[i] .. first[i + 1] - 1

    def propose(rng, y):
        move = rng.integers(first[-1])
        i = np.searchsorted(first, move, side="right") - 1
        changed = np.array(whole("answer", y, len(k)))
        changed[i] = (y[i] + 1 + move - first[i]) % k[i]
        return changed

    return propose


def anneal(rng, energy, propose, start, betas):
    """Walk from `start`, one step for each inverse temperature.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of noise: one proposal, then one uniform number, for each step.
    energy : callable (answer) -> float
        +inf where the answer is impossible; the start must be possible.
    propose : callable (rng, answer) -> answer
        A new answer, y' from y as often as y from y'; must leave its argument as it is.
    start : answer
    betas : (steps,) float
        The schedule: inverse temperatures >= 0, in units of 1/energy; inf accepts no rise.

    Returns
    -------
    Annealed

    Raises ValueError if the start is impossible, if an energy is NaN or -inf, or if a beta is negative or
    NaN.

    >>> E = lambda y: float(y[0] * y[1] + y[1] * y[2] + y[2] * y[0] == 0) + 0.25 * y.sum()
    >>> rng, betas = np.random.default_rng(1), geometric_schedule(1.0, 20.0, 50)
    >>> found = anneal(rng, E, one_part_changed([2, 2, 2]), np.ones(3, int), betas)
    >>> int(found.answer.sum()), found.energy
    (2, 0.5)
    """
    betas = real("betas", betas, "t")
    require(np.all(betas >= 0.0), "betas", betas, "must be >= 0")
    y, E = start, energy_at(energy, start)
    require(np.isfinite(E), "start", start, f"must have a finite energy, not {E}")
    best, lowest, trace, accepted = y, E, [E], 0
    for beta in betas:
        proposed = propose(rng, y)
        E_new = energy_at(energy, proposed)
        if is_accepted(E_new - E, beta, rng.random()):
            y, E, accepted = proposed, E_new, accepted + 1
        if E < lowest:
            best, lowest = y, E
        trace.append(E)
    return Annealed(best, lowest, np.array(trace), accepted)


def is_accepted(rise, beta, uniform):
    """Whether a rise of the energy is accepted: if uniform < (15/16) e^{-beta rise}; a fall is like no rise.

    >>> [is_accepted(np.log(2.0), 1.0, uniform) for uniform in (0.46, 0.47)]
    [True, False]
    """
    rise, beta, uniform = real("rise", rise), real("beta", beta), real("uniform", uniform)
    if rise <= 0.0:
        return bool(uniform < MOVES)
    return bool(rise < np.inf and uniform < MOVES * np.exp(-beta * rise))
