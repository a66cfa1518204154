r"""Step patterns: what may follow what in an alignment, how often it counts, and where a path may begin.

    D(i, j) = min over (a, b) of D(i - a, j - b) + w d(i, j)

    pattern                           steps (a, b)               w
    symmetric1, that of alignment     (1, 1), (1, 0), (0, 1)     1
    symmetric2                        (1, 1), (1, 0), (0, 1)     a + b
    the second never waits            (1, 1), (0, 1)             1

Sakoe and Chiba weigh each step by a + b, and the first pair twice, so that all paths weigh n + m and the
energies of sequences of different lengths can be compared.  With zeros around the table, in place of +inf, a
path may begin anywhere on the first row or column, and no energy says where.

To take the cheapest step each time is no search: the greedy path costs as much as the best one, or more.

Source: Sakoe and Chiba (1978), Section II, the weighting coefficient of the symmetric form.
"""

import autograd.numpy as np

from ebm_ref.formula import Mistake

SYMMETRIC = (1, 1), (1, 0), (0, 1)


def lowest_energy(d, steps, border):
    """The lowest energy of a path of some steps, with `border` before the first row and column.

    >>> lowest_energy(np.array([[1.0, 2.0], [0.0, 4.0]]), ((1, 1), (0, 1)), np.inf).item()
    5.0
    """
    D = {(0, 0): d[0, 0]}
    for i, j in [*np.ndindex(d.shape)][1:]:
        D[i, j] = d[i, j] + min(D.get((i - a, j - b), border) for a, b in steps)
    return D[d.shape[0] - 1, d.shape[1] - 1]


def greedy_energy(d):
    """The energy of the path that takes the cheapest step each time; ties go to the diagonal.

    >>> greedy_energy(np.array([[0.0, 1.0, 9.0], [2.0, 2.0, 0.0]])).item()
    1.0
    """
    (i, j), (n, m), energy = (0, 0), d.shape, d[0, 0]
    while (i, j) != (n - 1, m - 1):
        ahead = [(i + a, j + b) for a, b in SYMMETRIC if i + a < n and j + b < m]
        i, j = min(ahead, key=lambda pair: d[pair])
        energy = energy + d[i, j]
    return energy


def from_the_border(d, beta, border, diagonal=1.0, left=None, outer=None):
    """-(1/beta) log sum for min; with `border` around the table; diagonal steps count `diagonal` times.

    Where `left` is given it stands on the left, and `border` above; `outer` is the beta before the logarithm.

    >>> round(from_the_border(np.zeros((2, 2)), 1.0, np.inf).item(), 12)  # three paths
    -1.098612288668
    """
    n, m = d.shape
    D = {(0, 0): (1.0 - diagonal) * d[0, 0]}  # the first pair counts once
    at = lambda i, j: D.get((i, j), border if i == 0 or left is None else left)
    for i, j in np.ndindex(n, m):
        before = np.array([at(i, j) + (diagonal - 1.0) * d[i, j], at(i, j + 1), at(i + 1, j)])
        D[i + 1, j + 1] = d[i, j] - np.log(np.sum(np.exp(-beta * before))) / (outer or beta)
    return D[n, m]


def mean_energy(d, beta):
    """The mean energy of the paths, each with its share: the free energy, and what their entropy takes off.

    >>> round(mean_energy(np.array([[0.0, 1.0], [1e9, 0.0]]), np.log(2.0)).item(), 12)  # weights 1 and 1/2
    0.333333333333
    """
    F, mean = {(0, 0): 0.0}, {}
    for i, j in np.ndindex(d.shape):
        ways = (i, j), (i, j + 1), (i + 1, j)
        weights = np.exp(-beta * np.array([F.get(way, np.inf) for way in ways]))
        F[i + 1, j + 1] = d[i, j] - np.log(np.sum(weights)) / beta
        means = np.array([mean.get(way, 0.0) for way in ways])
        mean[i + 1, j + 1] = d[i, j] + np.sum(weights * means) / np.sum(weights)
    return mean[d.shape]


def averaged(d, beta):
    """The mean of what lies before a pair, weighed by e^{-beta D}, in place of its soft minimum.

    >>> round(averaged(np.array([[0.0, 1.0], [1.0, 0.0]]), 1000.0).item(), 12)
    0.0
    """
    D = {(0, 0): 0.0}
    for i, j in np.ndindex(d.shape):
        before = np.array([D[way] for way in ((i, j), (i, j + 1), (i + 1, j)) if way in D])
        weights = np.exp(-beta * (before - np.min(before)))
        D[i + 1, j + 1] = d[i, j] + np.sum(weights * before) / np.sum(weights)
    return D[d.shape]


SOFTLY = {  # mistakes of soft alignments
    "mean energy of the paths": Mistake(
        lambda d, beta=1.0: mean_energy(d, beta), symptom="their entropy is missing: too high"
    ),
    "weighted mean for the soft minimum": Mistake(
        lambda d, beta=1.0: averaged(d, beta),
        symptom="softmin as a layer, times what it weighs: never below the best path",
    ),
    "zeros above the table alone": Mistake(
        lambda d, beta=1.0: from_the_border(d, beta, 0.0, left=np.inf),
        symptom="one border of two: a path may begin anywhere on the first row",
    ),
    "1/beta forgotten": Mistake(
        lambda d, beta=1.0: from_the_border(d, beta, np.inf, outer=1.0),
        symptom="-log sum for -(1/beta) log sum: right at beta = 1, and entropies too large above",
    ),
}


def counted_back(d):
    """How many paths lead on from each pair to the last.

    >>> counted_back(np.zeros((2, 3))).tolist()
    [[5.0, 3.0, 1.0], [1.0, 1.0, 1.0]]
    """
    g = np.zeros(np.array(d.shape) + 1)
    g[-2, -2] = 1.0
    for i, j in [*np.ndindex(d.shape)][-2::-1]:
        g[i, j] = g[i + 1, j] + g[i, j + 1] + g[i + 1, j + 1]
    return g[:-1, :-1]
