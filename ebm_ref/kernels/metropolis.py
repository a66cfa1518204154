r"""Metropolis at the speed of the machine: random walks, and spins on any graph.

    random_walk(log_density, args, start, step_size, steps, rng)    one chain
    spin_chains(couplings, fields, beta, chains, sweeps, seed)      many, of spins

The walk is that of samplers/random_walk.py, number for number: the same Generator gives the same
chain, bit for bit.  Spin chains stand side by side, 64 at a time (sweeps.py), and the 64 are spread
over threads; what one chain does hangs neither on the others nor on the number of threads.

Work is done in pieces, between which the keyboard is looked at: Ctrl-C returns what was drawn so far.

Source: Metropolis et al. (1953).
"""

import math
import warnings
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple

import numba
import numpy as np

from ebm_ref.checks import require, require_count, require_finite_sum, require_index, whole, with_axes
from ebm_ref.exact.spins import require_memory
from ebm_ref.kernels.batch import as_number, as_numbers, as_table
from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.graph import as_graph
from ebm_ref.kernels.sweeps import LANES, Chains, sweeps_of_64
from ebm_ref.samplers.random_walk import check_walk, proposal_factor

RULES = "metropolis", "gibbs"
DRAWN = 256  # normal numbers of a walk that are drawn at once
SLAB = 2**24  # attempted updates between two looks at the keyboard: some 40 ms


class Walk(NamedTuple):
    """Where a walk stands, a factor of the covariance of its moves, what it drew, and how far it is."""

    x: np.ndarray  # (d,)
    factor: np.ndarray  # (d, d), or (d, 1) where moves are independent
    chain: np.ndarray  # (steps, d)
    progress: np.ndarray  # (2,): steps done, moves accepted


@njit(error_model="numpy")
def _draw(factor, moves, exponentials, steps, rng):
    """The moves of the next steps, and the exponential numbers by which they will be judged."""
    d = len(factor)
    normal = np.empty(d)
    for t in range(steps):
        for i in range(d):
            normal[i] = rng.standard_normal()
        exponentials[t] = rng.standard_exponential()
        for i in range(d):
            move = factor[i, 0] * normal[0 if len(factor[i]) > 1 else i]
            for j in range(1, factor.shape[1]):
                move += factor[i, j] * normal[j]
            moves[t, i] = move


@njit(error_model="numpy")
def _walk(log_density, args, log_p, walk, stop, rng):
    """Steps progress[0]..stop-1 from x, in place; the log density reached, or the one that is illegal.

    This loop is compiled for each density.  What takes long to compile, drawing, is left to another.
    """
    (x, factor, chain, progress), many = walk, 1 + DRAWN // len(walk.x)
    new, moves, exponentials = np.empty(len(x)), np.empty((many, len(x))), np.empty(many)
    while progress[0] < stop:
        steps = min(many, stop - progress[0])
        _draw(factor, moves, exponentials, steps, rng)
        for t in range(steps):
            for i in range(len(x)):
                new[i] = x[i] + moves[t, i]
            log_p_new = log_density(new, *args)
            if not log_p_new < math.inf:
                for i in range(len(x)):
                    x[i] = new[i]
                return log_p_new
            goes = exponentials[t] > -min(0.0, log_p_new - log_p)
            log_p = log_p_new if goes else log_p
            for i in range(len(x)):
                x[i] = new[i] if goes else x[i]
                chain[progress[0], i] = x[i]
            progress[0] += 1
            progress[1] += goes
    return log_p


def random_walk(log_density, args, start, step_size, steps, rng):
    """The chain of samplers/random_walk.py, for a density that numba has compiled.

    Parameters
    ----------
    log_density : function compiled by numba.njit
        (x, *args) -> log p(x) up to a constant, x (d,); -inf where the density is zero.
    args : tuple
        What the density takes besides x: data, parameters.
    start, step_size, steps, rng
        As the page's; the step size may be a covariance.

    Returns
    -------
    chain, accepted
        (steps, d), the state at every iteration, and how many moves were accepted.

    Raises
    ------
    ValueError
        Where the page does.

    >>> from numba import njit
    >>> bell = njit(lambda x, precision: -0.5 * precision * x[0] ** 2)
    >>> chain, accepted = random_walk(bell, (4.0,), [0.0], 1.2, 1000, np.random.default_rng(0))
    >>> chain.shape, 300 < accepted < 600, bool(0.2 < chain.var() < 0.3)
    ((1000, 1), True, True)
    """
    compiled, generator = hasattr(log_density, "py_func"), isinstance(rng, np.random.Generator)
    require(compiled, "log_density", log_density, "must be compiled by numba.njit")
    require(generator, "rng", rng, "must be a numpy.random.Generator")
    require(isinstance(args, (tuple, list)), "args", args, "must be a tuple")
    x = as_numbers("start", start, "d").copy()
    require(len(x) > 0, "start", start, "must be a vector (d,)")
    log_p = as_number("log_density", log_density(x, *args))
    check_walk(x, log_p, steps)
    steps = int(steps)
    factor = np.broadcast_to(proposal_factor(step_size, len(x)).T, (len(x),) * 2).T.copy()
    factor = factor if np.ndim(step_size) == 2 else factor[:, :1].copy()
    _require_room("steps", steps, 8 * steps * len(x))
    walk, slab = Walk(x, factor, np.empty((steps, len(x))), np.zeros(2, np.int64)), 64
    chain, progress = walk.chain, walk.progress
    try:
        while progress[0] < steps:
            stop = min(progress[0] + slab, steps)
            log_p = _walk(log_density, tuple(args), log_p, walk, stop, rng)
            if not log_p < np.inf:
                require(False, "log_density", log_p, f"must be a number below infinity, at x = {x}")
            slab = min(2 * slab, 2**14)
    except KeyboardInterrupt:
        text = f"interrupted after {progress[0]} of {steps} steps"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    return chain[: progress[0]], int(progress[1])


def _require_room(name, value, needed):
    """Raise a ValueError unless as many bytes are to be had; a few are not worth the question."""
    if needed > 2**26:
        require_memory(name, value, needed)


class Sums(NamedTuple):
    """What is added up of the chains."""

    spins: np.ndarray  # (chains, n), each spin over the sweeps
    energy: np.ndarray  # (chains, sweeps)
    magnetization: np.ndarray  # (chains, sweeps)


def spin_chains(couplings, fields, beta, chains, sweeps, seed, rule="metropolis", start=None):
    """Many independent chains of spins -1, +1 with any pairwise energy E = -1/2 s'Js - h's.

    Parameters
    ----------
    couplings : (n, n) float, or a pair (neighbours, couplings)
        J, symmetric and without a diagonal; or for each spin the list of its neighbours, and as
        many couplings, or one number for all.
    fields : float or (n,) float
        h, the field on each spin, or on all.
    beta : float or (sweeps,) float
        Inverse temperature >= 0; one for each sweep is annealing.
    chains, sweeps : int
        How many, >= 1; 64 chains cost little more than 8.
    seed : int
        >= 0.  The same seed gives the same chains, whatever the number of threads.
    rule : "metropolis" or "gibbs"
        Flip with (15/16) min(1, e^(-beta dE)), or draw the spin given the others.  The factor keeps a sweep
        from having no choice where spins feel no field (sweeps.py).
    start : (chains, n) of -1 and +1, optional
        Where the chains begin; if left out, at random.

    Returns
    -------
    states, sums
        (chains, n) int8, the spins after the last sweep.  `sums.spins` (chains, n) adds up each spin
        over the sweeps; `sums.energy` and `sums.magnetization` (chains, sweeps) are E and the sum of
        the spins after each sweep.  Interrupted (Ctrl-C), what was drawn so far, with a warning.

    Raises
    ------
    ValueError
        If a number is not finite, J not symmetric, beta negative, or no chain or sweep is asked for; if
        energies may add up to more than float64 holds.

    >>> pair = np.array([[0.0, 1.0], [1.0, 0.0]])  # <s_1 s_2> = tanh(beta J), and E = -s_1 s_2
    >>> states, sums = spin_chains(pair, 0.0, 0.5, chains=64, sweeps=2000, seed=0)
    >>> bool(abs(sums.energy.mean() + np.tanh(0.5)) < 0.01)
    True
    """
    graph = as_graph(couplings)
    n = len(graph.ends) - 1
    chains, sweeps, seed = _as_counts(n, chains, sweeps, seed)
    h, betas = _as_legal(graph, fields, beta, sweeps)
    require(isinstance(rule, str) and rule in RULES, "rule", rule, "must be metropolis or gibbs")
    blocks = [_block(block, n, sweeps, seed) for block in range(-(-chains // LANES))]
    if start is not None:
        _start_at(start, (chains, n), blocks)

    def part(block, first, last):
        sweeps_of_64(graph, h, betas, rule == "gibbs", blocks[block], first, last)

    done = _in_slabs(part, len(blocks), sweeps, max(1, SLAB // (n * LANES)))
    join = lambda tables: np.concatenate([table.T for table in tables])[:chains]
    spins, _, total, energy, magnetization = zip(*blocks, strict=True)
    return join(spins), Sums(join(total), join(energy)[:, :done], join(magnetization)[:, :done])


def _as_counts(n, chains, sweeps, seed):
    """How many chains and sweeps, and the seed, as Python's integers."""
    chains, sweeps = whole("chains", chains), whole("sweeps", sweeps)
    for name, number in (("chains", chains), ("sweeps", sweeps)):
        require_count(name, number)
        require(number < 2**31, name, number, "must be below 2^31")
    seed = whole("seed", seed) if isinstance(seed, np.ndarray) else seed
    require_index("seed", seed, 2**64)
    _require_room("chains", chains, (9 * n + 16 * sweeps) * (chains + LANES))
    return chains, sweeps, int(seed)


def _as_legal(graph, fields, beta, sweeps):
    """Fields (n,) and inverse temperatures (sweeps,); a ValueError names what is not legal."""
    n = len(graph.ends) - 1
    h = as_table("fields", fields)
    h = np.full(n, h) if h.ndim == 0 else as_numbers("fields", h, n)
    require(np.all(np.isfinite(h)), "fields", h, "must be finite")
    with np.errstate(over="ignore"):
        sizes = [np.sum(np.abs(graph.couplings)), np.sum(np.abs(h))]
    require_finite_sum("couplings", graph.couplings, sizes)
    betas = as_table("beta", beta)
    require(betas.shape in ((), (sweeps,)), "beta", betas, f"must be one number or ({sweeps},)")
    require(np.all((betas >= 0.0) & (betas < np.inf)), "beta", betas, "must be >= 0 and finite")
    return h, np.array(np.broadcast_to(betas, sweeps))


def _start_at(start, shape, blocks):
    """Put the spins of the blocks where they are to begin."""
    start = with_axes("start", as_table("start", start), shape)
    require(np.all(np.abs(start) == 1.0), "start", start, "must hold -1 and +1")
    for k, chains in enumerate(blocks):
        given = start[k * LANES : (k + 1) * LANES].T
        chains.spins[:, : given.shape[1]] = given


def _block(block, n, sweeps, seed):
    """64 chains at their start, with room for their sums."""
    rng = np.random.default_rng([seed, block])
    bits = rng.integers(1, 2**64, size=(2, LANES), dtype=np.uint64)
    spins = 2 * rng.integers(2, size=(n, LANES), dtype=np.int8) - 1
    sums, energy, magnetization = np.zeros((n, LANES), np.int64), *np.empty((2, sweeps, LANES))
    return Chains(spins, bits, sums, energy, magnetization)


def _in_slabs(part, blocks, sweeps, slab):
    """Do part(block, first, last) for all blocks, slab by slab, by threads; how many sweeps were done."""
    done, last, work, reached = 0, 0, [], [0] * blocks

    def once(block, last):  # Ctrl-C may fall between the submission and its entry in the list
        first, reached[block] = reached[block], last
        if first < last:
            part(block, first, last)

    with ThreadPoolExecutor(min(numba.get_num_threads(), blocks)) as pool:
        try:
            while done < sweeps:
                last = min(done + slab, sweeps)
                work = []
                for block in range(blocks):
                    work.append(pool.submit(once, block, last))
                wait(work)
                for one in work:
                    one.result()
                done = last
        except KeyboardInterrupt:
            work += [pool.submit(once, block, last) for block in range(blocks)]
            wait(work)  # all chains end at the same sweep
            done = last
            warnings.warn(f"interrupted after {done} of {sweeps} sweeps", RuntimeWarning, stacklevel=3)
    return done
