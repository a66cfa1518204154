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

Source: Sakoe and Chiba (1978), Section II, equations (19) to (21).
"""

import autograd.numpy as np

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


def from_the_border(d, beta, border, diagonal=1.0):
    """-(1/beta) log sum for min; with `border` around the table; diagonal steps count `diagonal` times.

    >>> round(from_the_border(np.zeros((2, 2)), 1.0, np.inf).item(), 12)  # three paths
    -1.098612288668
    """
    n, m = d.shape
    D = {(0, 0): (1.0 - diagonal) * d[0, 0]}  # the first pair counts once
    at = lambda i, j: D.get((i, j), border)
    for i, j in np.ndindex(n, m):
        before = np.array([at(i, j) + (diagonal - 1.0) * d[i, j], at(i, j + 1), at(i + 1, j)])
        D[i + 1, j + 1] = d[i, j] - np.log(np.sum(np.exp(-beta * before))) / beta
    return D[n, m]


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
