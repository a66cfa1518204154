r"""Clusters: flip many spins at once, without ever being refused.

    an edge is satisfied if J_ij s_i s_j > 0
    a satisfied edge gets a bond with probability 1 - e^(-2 beta |J_ij|)

    Wolff            pick a spin; flip the cluster that bonds join to it
    Swendsen-Wang    flip each cluster of the lattice with probability 1/2

Why it is right: a cluster's border consists of satisfied edges whose bond failed, e^(-2 beta |J|)
each, and of unsatisfied ones.  Flipping the cluster changes the one kind into the other, so the two
directions differ by exactly e^(-beta dE), which is what detailed balance asks for.  Near the critical
point single flips move domains slowly; clusters are the domains.

The 2 is that of spins -1, +1.  With Potts' convention, energy -J for equal colours and 0 else, it is
1 - e^(-beta J); mixed up, the temperature is wrong by a factor of two.  No fields here: one would be
a ghost spin that never flips.

The noise of a step is one uniform number for each edge, used or not: a pure function at the price of
a few numbers too many.

Source: Wolff (1989), "Collective Monte Carlo Updating for Spin Systems"; Swendsen and Wang (1987);
Fortuin and Kasteleyn (1972).
"""

import itertools

import numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.formula import Variant


def square_lattice(rows, columns):
    """(edges, neighbours) of a periodic square lattice, spins numbered row by row; both sides >= 3.

    >>> edges, neighbours = square_lattice(3, 3)
    >>> edges.shape, neighbours[4].tolist()
    ((18, 2), [1, 7, 3, 5])
    """
    require(min(rows, columns) >= 3, "rows, columns", (rows, columns), "must be >= 3, or edges are doubled")
    index = np.arange(rows * columns).reshape(rows, columns)
    shifted = [np.roll(index, by, axis).ravel() for axis in (0, 1) for by in (1, -1)]
    edges = np.concatenate([np.stack([index.ravel(), shifted[k]], 1) for k in (1, 3)])
    return edges, np.stack(shifted, 1)


def bond_probability(coupling, beta, product):
    """1 - e^(-2 beta |J|) if J s_i s_j > 0, else 0; accurate for weak couplings.

    >>> float(bond_probability(1.0, 0.5 * np.log(4.0), product=1)), float(bond_probability(1.0, 1.0, -1))
    (0.75, 0.0)
    """
    return -np.expm1(-2.0 * beta * np.maximum(0.0, coupling * product))


def check_edges(edges, couplings, beta, n):
    """Raise a ValueError unless edges are (m, 2) pairs of spins 0..n-1 and couplings one for each."""
    legal = np.ndim(edges) == 2 and np.shape(edges)[1] == 2 and np.all((edges >= 0) & (edges < n))
    require(bool(legal), "edges", np.asarray(edges), f"must be pairs of spins in 0..{n - 1}")
    require(np.shape(couplings) == (len(edges),), "couplings", couplings, "must be one number for each edge")
    require(0.0 <= beta < np.inf, "beta", beta, "must be >= 0 and finite")


def cluster_labels(n, edges, joined):
    """(n,) the lowest spin of each spin's cluster.

    >>> cluster_labels(4, np.array([[1, 2], [2, 3]]), np.array([True, False])).tolist()
    [0, 1, 1, 3]
    """
    label = np.arange(n)
    pairs = np.asarray(edges)[joined]
    while not np.array_equal(label[pairs[:, 0]], label[pairs[:, 1]]):
        lowest = np.minimum(label[pairs[:, 0]], label[pairs[:, 1]])
        for end in (0, 1):
            np.minimum.at(label, pairs[:, end], lowest)
    return label


def _bonds(edges, couplings, beta, spins):
    """Probability of each edge's bond."""
    return bond_probability(couplings, beta, spins[edges[:, 0]] * spins[edges[:, 1]])


def wolff_step(edges, couplings, beta, spins, seed, uniforms):
    """The spins after the cluster of spin `seed` is flipped; `uniforms` (m,), one for each edge.

    >>> edges, J = np.array([[0, 1], [1, 2]]), np.ones(2)
    >>> wolff_step(edges, J, 0.5, np.array([1, 1, 1]), 0, np.array([0.1, 0.9]))  # bonds: 1 - 1/e = .63
    array([-1, -1,  1])
    """
    check_edges(edges, couplings, beta, len(spins))
    require_index("seed", seed, len(spins))
    label = cluster_labels(len(spins), edges, uniforms < _bonds(edges, couplings, beta, spins))
    return np.where(label == label[seed], -spins, spins)


def swendsen_wang_step(edges, couplings, beta, spins, uniforms, coins):
    """The spins after each cluster was turned up or down; `coins` (n,) 0 or 1, one is used for a cluster.

    >>> edges, J = np.array([[0, 1], [1, 2]]), np.ones(2)
    >>> coins = np.array([1, 0, 0])
    >>> swendsen_wang_step(edges, J, 0.5, np.array([1, 1, 1]), np.array([0.1, 0.9]), coins)
    array([-1, -1,  1])
    """
    check_edges(edges, couplings, beta, len(spins))
    label = cluster_labels(len(spins), edges, uniforms < _bonds(edges, couplings, beta, spins))
    return np.where(np.asarray(coins)[label] == 1, -spins, spins)


def _all_clusterings(edges, couplings, beta, spins):
    """(probability, labels) of every choice of bonds: 2^(satisfied edges) of them, for small graphs."""
    bonds = _bonds(edges, couplings, beta, spins)
    open_ = np.flatnonzero(bonds > 0.0)
    for chosen in itertools.product((False, True), repeat=len(open_)):
        joined = np.zeros(len(edges), bool)
        joined[open_] = chosen
        kept = np.exp(-2.0 * beta * np.abs(couplings[open_]))
        yield float(np.prod(np.where(chosen, bonds[open_], kept))), cluster_labels(len(spins), edges, joined)


def wolff_transitions(edges, couplings, beta, state):
    """[(probability, next state)], merged; a state is a tuple of -1 and +1; for small graphs.

    >>> wolff_transitions(np.array([[0, 1]]), np.array([0.5 * np.log(2.0)]), 1.0, (1, 1))
    [(0.25, (-1, 1)), (0.25, (1, -1)), (0.5, (-1, -1))]
    """
    spins, law = np.array(state), {}
    check_edges(edges, couplings, beta, len(spins))
    for p, label in _all_clusterings(edges, couplings, beta, spins):
        for seed in range(len(spins)):
            new = tuple(np.where(label == label[seed], -spins, spins).tolist())
            law[new] = law.get(new, 0.0) + p / len(spins)
    return [(p, new) for new, p in law.items()]


def swendsen_wang_transitions(edges, couplings, beta, state):
    """[(probability, next state)], merged; a state is a tuple of -1 and +1; for small graphs.

    >>> swendsen_wang_transitions(np.array([[0, 1]]), np.array([0.5 * np.log(2.0)]), 1.0, (1, 1))
    [(0.375, (1, 1)), (0.125, (1, -1)), (0.125, (-1, 1)), (0.375, (-1, -1))]
    """
    spins, law = np.array(state), {}
    check_edges(edges, couplings, beta, len(spins))
    for p, label in _all_clusterings(edges, couplings, beta, spins):
        clusters = np.unique(label)
        for flips in itertools.product((1, -1), repeat=len(clusters)):
            turn = np.array(flips)[np.searchsorted(clusters, label)]
            new = tuple((turn * spins).tolist())
            law[new] = law.get(new, 0.0) + p / 2.0 ** len(clusters)
    return [(p, new) for new, p in law.items()]


VARIANTS = (
    Variant(
        "the 2 lost: Potts' bond probability for spins -1, +1",
        "mistake",
        lambda coupling, beta, product: -np.expm1(-beta * np.maximum(0.0, coupling * product)),
        symptom="clusters too small for the temperature; the law is another one",
    ),
)
