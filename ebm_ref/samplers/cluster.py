r"""Clusters: flip many spins at once, without ever being refused.

    E = -sum_edges J_ij s_i s_j

    an edge is satisfied if J_ij s_i s_j > 0
    a satisfied edge gets a bond with probability 1 - e^{-2 beta |J_ij|}

    Wolff            pick a spin; flip the cluster that bonds join to it, with probability 15/16
    Swendsen-Wang    flip each cluster of the lattice with probability 1/2

Why it is right: a cluster's border consists of satisfied edges whose bond failed, with a probability of
e^{-2 beta |J|} each, and of unsatisfied ones.  Flipping the cluster changes the one kind into the other.
So the probabilities of the two directions differ by exactly e^{-beta dE}, which is what detailed balance
asks for.  Near the critical point single flips move domains slowly; clusters are the domains.

Swendsen and Wang leave a cluster as it is every other time.  Wolff's step, as printed, flips always.  Without
couplings all clusters are single spins; then it turns one spin at every step, and even and odd configurations
alternate for ever.  With a probability of 15/16 it forgets, whatever the couplings.

The 2 is that of spins -1, +1.  With Potts' convention, energy -J for equal colours and 0 else, it is
1 - e^{-beta J}; mixed up, the temperature is wrong by a factor of two.  There are no fields here: a field
would be a ghost spin that never flips.

The noise of a step is one uniform number for each edge, used or not.  So a step is a pure function, at
the price of a few numbers too many.

In floating point: 1 - e^{-t} loses its digits for weak couplings; expm1 keeps them.

Source: Wolff (1989), "Collective Monte Carlo Updating for Spin Systems"; Swendsen and Wang (1987);
Fortuin and Kasteleyn (1972).
"""

import itertools

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, whole
from ebm_ref.exact.spins import require_memory
from ebm_ref.formula import Mistake
from ebm_ref.samplers.heat_bath import as_spins, check_beta
from ebm_ref.samplers.lattice_walk import index_below, uniform_numbers
from ebm_ref.samplers.metropolis import MOVES

MOST = 16  # satisfied edges whose bonds are listed


def square_lattice(rows, columns):
    """(edges, neighbours) of a periodic square lattice, spins numbered row by row; both sides >= 3.

    >>> edges, neighbours = square_lattice(3, 3)
    >>> edges.shape, neighbours[4].tolist()
    ((18, 2), [1, 7, 3, 5])
    """
    for side, value in (("rows", rows), ("columns", columns)):
        require_count(side, value)
        require(value >= 3, side, value, "must be >= 3, or edges are doubled")
    rows, columns = whole("rows", rows), whole("columns", columns)
    require_memory("rows", rows, 80 * rows * columns)
    index = np.arange(rows * columns).reshape(rows, columns)
    shifted = [np.roll(index, by, axis).ravel() for axis in (0, 1) for by in (1, -1)]
    edges = np.concatenate([np.stack([index.ravel(), shifted[k]], 1) for k in (1, 3)])
    return edges, np.stack(shifted, 1)


def bond_probability(coupling, beta, product):
    """1 - e^{-2 beta |J|} if J s_i s_j > 0, else 0, elementwise; accurate for weak couplings.

    >>> float(bond_probability(1.0, 0.5 * np.log(4.0), product=1)), float(bond_probability(1.0, 1.0, -1))
    (0.75, 0.0)
    """
    J, beta = as_real("coupling", coupling), check_beta(beta)
    product = as_spins("product", product, *np.shape(J))
    return _bond_probability(J, beta, product)


def _bond_probability(J, beta, product):
    return -np.expm1(-2.0 * beta * np.maximum(0.0, J * product))


def check_edges(edges, couplings, beta, n):
    """edges (m, 2), couplings (m,) and beta, if edges are pairs of spins 0..n-1."""
    edges, beta = _pairs(edges, whole("n", n)), check_beta(beta)
    J = real("couplings", couplings, len(edges))
    require(np.all(np.isfinite(J)), "couplings", J, "must be finite")
    return edges, J, beta


def _pairs(edges, n):
    """The edges as integers (m, 2), if they are pairs of spins 0..n-1."""
    edges = whole("edges", edges, "m", 2).astype(int)
    require(np.all((edges >= 0) & (edges < n)), "edges", edges, f"must be pairs of spins in 0..{n - 1}")
    return edges


def cluster_labels(n, edges, joined):
    """(n,) the lowest spin of each spin's cluster.

    >>> cluster_labels(4, np.array([[1, 2], [2, 3]]), np.array([True, False])).tolist()
    [0, 1, 1, 3]
    """
    require_count("n", n)
    n = whole("n", n)
    require(n <= 2**28, "n", n, "must be at most 2^28")
    edges = _pairs(edges, n)
    try:
        flags = np.asarray(joined)
    except ValueError:  # a ragged list
        flags = np.zeros(())
    fits = flags.dtype == bool and flags.shape == (len(edges),) and not np.ma.is_masked(joined)
    require(fits, "joined", joined, f"must be {len(edges)} bools, one for each edge")
    return _labels(n, edges, flags)


def _labels(n, edges, joined):
    label = np.arange(n)
    pairs = edges[joined]
    while not np.array_equal(label[pairs[:, 0]], label[pairs[:, 1]]):
        lowest = np.minimum(label[pairs[:, 0]], label[pairs[:, 1]])
        for end in (0, 1):
            np.minimum.at(label, pairs[:, end], lowest)
    return label


def _bonds(edges, J, beta, spins):
    """Probability of each edge's bond."""
    return _bond_probability(J, beta, spins[edges[:, 0]] * spins[edges[:, 1]])


def wolff_step(edges, couplings, beta, spins, seed, uniforms, uniform):
    """The spins after the cluster of spin `seed` was offered a flip.

    The noise is `seed`, which the caller draws among the spins, `uniforms` (m,), one for each edge, and
    `uniform`: the cluster is flipped if it is below 15/16.

    >>> edges, J = np.array([[0, 1], [1, 2]]), np.ones(2)
    >>> wolff_step(edges, J, 0.5, np.array([1, 1, 1]), 0, np.array([0.1, 0.9]), 0.5)  # bonds: 1 - 1/e = .63
    array([-1, -1,  1])
    """
    s = as_spins("spins", spins, "n")
    edges, J, beta = check_edges(edges, couplings, beta, len(s))
    seed = index_below(len(s), "seed", seed)
    u = uniform_numbers("uniforms", uniforms, len(edges))
    label = _labels(len(s), edges, u < _bonds(edges, J, beta, s))
    flips = uniform_numbers("uniform", uniform) < MOVES
    return np.where(flips & (label == label[seed]), -s, s)


def swendsen_wang_step(edges, couplings, beta, spins, uniforms, coins):
    """The spins after each cluster was turned up or down; `coins` (n,) 0 or 1, one is used for a cluster.

    >>> edges, J = np.array([[0, 1], [1, 2]]), np.ones(2)
    >>> coins = np.array([1, 0, 0])
    >>> swendsen_wang_step(edges, J, 0.5, np.array([1, 1, 1]), np.array([0.1, 0.9]), coins)
    array([-1, -1,  1])
    """
    s = as_spins("spins", spins, "n")
    edges, J, beta = check_edges(edges, couplings, beta, len(s))
    u, coins = uniform_numbers("uniforms", uniforms, len(edges)), whole("coins", coins, len(s))
    require(np.all((coins == 0) | (coins == 1)), "coins", coins, "must be 0 or 1 each")
    label = _labels(len(s), edges, u < _bonds(edges, J, beta, s))
    return np.where(coins[label] == 1, -s, s)


def _all_clusterings(edges, couplings, beta, spins):
    """(probability, labels) of every choice of bonds: 2^(satisfied edges) of them, for small graphs."""
    bonds = _bonds(edges, couplings, beta, spins)
    open_ = np.flatnonzero(bonds > 0.0)
    require(len(open_) <= MOST, "edges", edges, f"must have at most {MOST} satisfied ones, to list all bonds")
    for chosen in itertools.product((False, True), repeat=len(open_)):
        joined = np.zeros(len(edges), bool)
        joined[open_] = chosen
        kept = np.exp(-2.0 * beta * np.abs(couplings[open_]))
        yield float(np.prod(np.where(chosen, bonds[open_], kept))), _labels(len(spins), edges, joined)


def wolff_transitions(edges, couplings, beta, state):
    """[(probability, next state)], merged; a state is a tuple of -1 and +1; for small graphs.

    >>> wolff_transitions(np.array([[0, 1]]), np.array([0.5 * np.log(2.0)]), 1.0, (1, 1))
    [(0.0625, (1, 1)), (0.234375, (-1, 1)), (0.234375, (1, -1)), (0.46875, (-1, -1))]
    """
    spins = as_spins("state", state, "n")
    reached = {tuple(spins.tolist()): 1.0 - MOVES}
    edges, J, beta = check_edges(edges, couplings, beta, len(spins))
    for p, label in _all_clusterings(edges, J, beta, spins):
        for seed in range(len(spins)):
            new = tuple(np.where(label == label[seed], -spins, spins).tolist())
            reached[new] = reached.get(new, 0.0) + MOVES * p / len(spins)
    return [(p, new) for new, p in reached.items()]


def swendsen_wang_transitions(edges, couplings, beta, state):
    """[(probability, next state)], merged; a state is a tuple of -1 and +1; for small graphs.

    >>> swendsen_wang_transitions(np.array([[0, 1]]), np.array([0.5 * np.log(2.0)]), 1.0, (1, 1))
    [(0.375, (1, 1)), (0.125, (1, -1)), (0.125, (-1, 1)), (0.375, (-1, -1))]
    """
    spins, reached = as_spins("state", state, "n"), {}
    edges, J, beta = check_edges(edges, couplings, beta, len(spins))
    for p, label in _all_clusterings(edges, J, beta, spins):
        clusters = np.unique(label)
        for flips in itertools.product((1, -1), repeat=len(clusters)):
            turn = np.array(flips)[np.searchsorted(clusters, label)]
            new = tuple((turn * spins).tolist())
            reached[new] = reached.get(new, 0.0) + p / 2.0 ** len(clusters)
    return [(p, new) for new, p in reached.items()]


VARIANTS = (
    Mistake(
        lambda coupling, beta, product: -np.expm1(-beta * np.maximum(0.0, coupling * product)),
        name="the 2 lost: Potts' bond probability for spins -1, +1",
        symptom="clusters too small for the temperature; the law is another one",
    ),
)
