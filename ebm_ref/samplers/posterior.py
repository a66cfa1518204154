r"""Posterior: several chains of a continuous density, warmed up, drawn and judged, by any of three samplers.

    p(x) ~ e^{-E(x)},  x (d,)

    random walk    E alone                  of the order of d moves for an independent draw
    mala           its gradient, too        d^{1/3} moves
    hmc            several for each move    d^{1/4} gradients

Each chain learns a covariance and a step of its own (warm_up.py), which are then frozen.  So the draws that
count are a Markov chain that leaves p where it is, exactly.  Chains share nothing but the density: that they
agree (R-hat) is evidence.  They may all begin at the same point.

What no chain has seen the diagnostics cannot see.  A mode that none entered, or the narrow end of a funnel,
leaves no trace in R-hat.  A covariance removes scales that are the same everywhere.  Where they change from
place to place, change the coordinates: positive.py, interval.py and simplex.py for numbers with borders, and
theta = mu + tau eta for what a hierarchy scatters around mu.

No trajectory here finds its own length.  For that take NUTS, of Stan, PyMC, NumPyro or blackjax (jitter.py).
What all three samplers make of seven densities whose moments are known: scripts/reproduce_posteriors.py.

Source: Gelman and Rubin (1992), "Inference from Iterative Simulation Using Multiple Sequences"; Roberts and
Rosenthal (2001) for the powers of d; Vehtari et al. (2021) for 1.01 and 400.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ebm_ref.checks import as_real, require, require_count, require_one_of, whole
from ebm_ref.samplers import warm_up as learning
from ebm_ref.samplers.diagnostics import ess_bulk, ess_tail, rhat
from ebm_ref.samplers.jitter import jittered_step, shortest_trajectory, trajectory_length
from ebm_ref.samplers.mass_matrix import checked_surface, hmc_move, mala_move
from ebm_ref.samplers.random_walk import random_walk

LARGEST_RHAT, ENOUGH, LEAST_ACCEPTED = 1.01, 400, 0.02
CHAINS, PARTS, LONGEST = 4, 20, 2**14  # draws come in parts, so that a chain that stops takes no others along


class Plan(NamedTuple):
    """How to spend the draws.

    `warm_up`: states to learn from; if None, as many as there are draws.  `thin`: of so many successive
    states one is kept.  `dense`: correlations are learned; else variances alone, for very many dimensions.
    """

    warm_up: int = None
    thin: int = 1
    dense: bool = True


class Chains(NamedTuple):
    """What was drawn, how, and why not to trust it."""

    states: np.ndarray  # (chains, draws, d)
    acceptance: np.ndarray  # (chains,) of the moves that count
    step_size: np.ndarray  # (chains,) frozen, in units of the covariance's root
    covariance: np.ndarray  # (chains, d, d), or (chains, d) of variances; frozen
    rhat: np.ndarray  # (d,)
    ess: np.ndarray  # (d,) for the centre
    ess_tail: np.ndarray  # (d,)
    warnings: tuple  # sentences
    warm_ups: tuple  # of each chain (n, d), what was drawn to learn from: not to be counted


class Kind(NamedTuple):
    """A sampler: a move, its best acceptance in one dimension and in many, and q of warm_up.py."""

    move: Callable
    one: float
    many: float
    power: int


def mala_of(surface, place, factor, step_size, rng):
    """A move of MALA: one uniform number for the step, d normal ones, and the coin."""
    e = jittered_step(step_size, rng.random())
    z, coin = rng.standard_normal(len(place.x)), rng.standard_exponential()
    return mala_move(surface, place, factor, e, z, coin)


def hmc_of(surface, place, factor, step_size, rng):
    """A move of HMC: two uniform numbers for step and length, d normal ones, and the coin."""
    e = jittered_step(step_size, rng.random())
    steps = trajectory_length(shortest_trajectory(e), rng.random())
    p, coin = rng.standard_normal(len(place.x)), rng.standard_exponential()
    return hmc_move(surface, place, factor, e, steps, p, coin)


KINDS = {
    "random walk": Kind(None, 0.44, 0.234, 1),
    "mala": Kind(mala_of, 0.574, 0.574, 3),
    "hmc": Kind(hmc_of, 0.8, 0.8, 2),
}


def sample(energy, energy_gradient, start, draws, rng, sampler="hmc", plan=None):
    """Several chains of p ~ e^{-E}, from start to diagnostics.

    Parameters
    ----------
    energy : callable
        x (d,) -> E(x), a number above -infinity; +inf where the density is 0.
    energy_gradient : callable or None
        x (d,) -> dE/dx (d,), finite where E is; the random walk does without.
    start : (chains, d) float, or (d,) float
        Where E is finite: one for each chain, or one for all of four.
    draws : int
        How many of each chain count, >= 4.
    rng : numpy.random.Generator
        Each chain draws from a child of it.
    sampler : "random walk", "mala" or "hmc"
    plan : Plan
        Warm-up, thinning, and whether correlations are learned.

    Returns
    -------
    Chains
        Its warnings are issued as a RuntimeWarning, too.  Interrupted (Ctrl-C), what all chains have drawn.

    Raises ValueError if E is NaN or -inf anywhere, if the gradient is not finite where E is (more than 1000
    above where a move began it may overflow), or if E is infinite at the start.  The attribute `chains` of
    this or any other error is what was drawn until then.

    >>> bowl, slope = lambda x: x[0] ** 2 / 2.0 + x[1] ** 2 / 2e4, lambda x: x * [1.0, 1e-4]
    >>> found = sample(bowl, slope, np.zeros(2), 1000, np.random.default_rng(0))
    >>> found.states.shape, bool(np.all(found.rhat < 1.01)), found.warnings
    ((4, 1000, 2), True, ())
    >>> bool(80.0 < found.states[:, :, 1].std() < 120.0)
    True
    """
    require_one_of("sampler", sampler, *KINDS)
    kind = KINDS[sampler]
    surface = checked_surface(energy, energy_gradient if kind.move else lambda x: x)
    walk_of = (lambda rng: _moves(surface, kind.move, rng)) if kind.move else lambda rng: _walk(surface, rng)
    return run(walk_of, surface.energy, start, draws, rng, kind, plan)


def _walk(surface, rng):
    """Pieces of a random walk, for warm_up.py."""
    log_density = lambda x: -surface.energy(x)

    def walk(x, C, s, n):
        with warnings.catch_warnings():  # of an interruption only the whole run tells
            warnings.filterwarnings("ignore", "interrupted after")
            return random_walk(log_density, x, s * np.sqrt(C) if C.ndim == 1 else s**2 * C, n, rng)

    return walk


def _moves(surface, move, rng):
    """Pieces of MALA or of HMC, for warm_up.py."""

    def walk(x, C, s, n):
        L = np.sqrt(C) if C.ndim == 1 else np.linalg.cholesky(C)
        place, chain, accepted, t = surface.at(x), np.empty((n, len(x))), 0, 0
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what runs away is refused
                for t in range(n):
                    place, moved = move(surface, place, L, s, rng)
                    chain[t], accepted = place.x, accepted + moved
        except KeyboardInterrupt:
            return chain[:t], accepted
        except Exception as problem:  # also what the energy itself raised
            problem.drawn = chain[:t]
            raise
        return chain, accepted

    return walk


@dataclass
class _Running:
    """A chain on its way."""

    walk: Callable
    tuned: learning.Tuned
    x: np.ndarray
    parts: list = field(default_factory=list)  # of states that are kept
    accepted: int = 0
    tries: int = 0

    def draw(self, count, thin):
        """`count` draws more; whether all of them came."""
        chain, accepted = self.walk(self.x, self.tuned.covariance, self.tuned.step_size, count * thin)
        self.parts.append(chain[thin - 1 :: thin].copy())
        self.accepted, self.tries = self.accepted + int(accepted), self.tries + len(chain)
        self.x = chain[-1] if len(chain) else self.x
        return len(chain) == count * thin


def run(walk_of, energy, start, draws, rng, kind, plan=None):
    """Chains of any sampler that can draw pieces.

    `walk_of(rng)` is a function (x, covariance, step size, n) -> a chain (n, d) from there, and how many of
    its moves were accepted; `energy` is checked at the starts.  The rest is as for `sample`.

    >>> still = lambda rng: lambda x, C, s, n: (np.tile(x, (n, 1)), 0)
    >>> kind = KINDS["random walk"]
    >>> with warnings.catch_warnings(action="ignore"):
    ...     found = run(still, lambda x: 0.0, [[0.0], [1.0]], 8, np.random.default_rng(0), kind)
    >>> found.warnings[-1]
    'chain 1 accepts 0.000 of its moves'
    """
    starts, plan = _starts(start), Plan() if plan is None else plan
    draws, plan = _checked_plan(draws, rng, plan)
    for x in starts:
        require(energy(x) < np.inf, "start", x, "must have a positive density")
    begun, said = [], []
    try:
        complete = _all_drawn(begun, walk_of, starts, draws, rng, kind, plan)
        said = [] if complete else ["interrupted"]
    except KeyboardInterrupt:  # between two pieces
        said = ["interrupted"]
    except Exception as problem:  # also what the energy itself raised
        problem.chains = _collected(begun, [f"stopped by an error: {problem}"])
        raise
    found = _collected(begun, said)
    if found.warnings:
        warnings.warn("; ".join(found.warnings), RuntimeWarning, stacklevel=3)
    return found


def _starts(start):
    """(chains, d), as it came or four times the same."""
    x = as_real("start", start)
    require(np.ndim(x) in (1, 2) and np.size(x) > 0, "start", x, "must be (d,) or (chains, d)")
    require(np.all(np.isfinite(x)), "start", x, "must be finite")
    return np.tile(x, (CHAINS, 1)) if np.ndim(x) == 1 else x


def _checked_plan(draws, rng, plan):
    """The number of draws and the plan, if they are legal; a warm-up left out is as long as the draws."""
    require(isinstance(rng, np.random.Generator), "rng", rng, "must be a numpy.random.Generator")
    require(isinstance(plan, Plan), "plan", plan, "must be a Plan")
    require(type(plan.dense) is bool, "dense", plan.dense, "must be True or False")
    require_count("draws", draws, least=4)
    require_count("thin", plan.thin)
    if plan.warm_up is not None:
        require_count("warm_up", plan.warm_up)
    n, thin = whole("draws", draws), whole("thin", plan.thin)
    return n, Plan(n if plan.warm_up is None else whole("warm_up", plan.warm_up), thin, plan.dense)


def _all_drawn(begun, walk_of, starts, draws, rng, kind, plan):
    """Warm all chains up, then let them draw by turns; False as soon as one stops short."""
    spent, d = plan.warm_up, starts.shape[1]
    target = kind.one if d == 1 else kind.many
    for x, child in zip(starts, rng.spawn(len(starts)), strict=True):
        chain = _Running(walk_of(child), _untuned(x, plan.dense), x)
        begun.append(chain)
        try:
            chain.tuned = learning.warm_up(chain.walk, x, spent, target, kind.power, plan.dense)
        except Exception as problem:
            chain.tuned = chain.tuned._replace(chain=getattr(problem, "drawn", chain.tuned.chain))
            raise
        chain.x = chain.tuned.x
        if len(chain.tuned.chain) < spent:
            return False
    size = max(1, min(-(-draws // PARTS), LONGEST // plan.thin))
    sizes = [size] * (draws // size) + [draws % size] * (draws % size > 0)
    return all(chain.draw(size, plan.thin) for size in sizes for chain in begun)


def _untuned(x, dense):
    """A warm-up that has found nothing yet."""
    d = len(x)
    return learning.Tuned(x, np.full((d, d) if dense else d, np.nan), np.nan, np.empty((0, d)))


def _collected(begun, said):
    """Chains of what all have drawn, cut to the shortest; sentences on what is wrong with them."""
    parts = [np.concatenate([np.empty((0, len(c.x))), *c.parts]) for c in begun]
    least = min(map(len, parts))
    states = np.array([part[:least] for part in parts])
    acceptance = np.array([c.accepted / c.tries if c.tries else np.nan for c in begun])
    steps, covariances = (
        np.array([getattr(c.tuned, name) for c in begun]) for name in ("step_size", "covariance")
    )
    judged = _judged(states)
    said = [f"{why} after {least} draws of each chain" for why in said]
    said += _doubts(*judged, acceptance)
    return Chains(
        states, acceptance, steps, covariances, *judged, tuple(said), tuple(c.tuned.chain for c in begun)
    )


def _judged(states):
    """R-hat and the two effective sizes of each coordinate; NaN where there are too few draws."""
    _, n, d = states.shape
    with warnings.catch_warnings(action="ignore"):  # what they say is said in the sentences
        per = lambda judge: np.array([judge(states[:, :, i]) if n >= 4 else np.nan for i in range(d)])
        return per(rhat), per(ess_bulk), per(ess_tail)


def _doubts(r, bulk, tail, acceptance):
    """Sentences: why not to trust the chains."""
    if not np.all(r < LARGEST_RHAT):
        i = int(np.argmax(np.where(np.isnan(r), np.inf, r)))
        yield f"R-hat is {r[i]:.3f} at coordinate {i}: chains disagree, or do not move"
    few = np.fmin(bulk, tail)
    if not np.all(few >= ENOUGH):
        i = int(np.argmin(np.where(np.isnan(few), -np.inf, few)))
        yield f"{few[i]:.0f} effective draws at coordinate {i}: {ENOUGH} are needed"
    for i in np.flatnonzero(acceptance < LEAST_ACCEPTED):
        yield f"chain {i} accepts {acceptance[i]:.3f} of its moves"
