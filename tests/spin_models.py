"""Models of spins, E = -1/2 s'J s - h's, on which samplers are tried: all small ones, and hard ones."""

import itertools

import numpy as np

VALUES = (-1.0, 0.0, 0.5, 1.0)


def symmetric(n, entries):
    """J of its upper triangle, row by row: (..., n, n) of entries (..., n (n - 1) / 2)."""
    entries = np.asarray(entries, float)
    J = np.zeros((*entries.shape[:-1], n, n))
    i, j = np.triu_indices(n, 1)
    J[..., i, j] = J[..., j, i] = entries
    return J


def configurations(n):
    """(2^n, n) of -1 and +1, in the order of `itertools.product`."""
    return np.array(list(itertools.product((-1, 1), repeat=n)))


def energies(J, h, s):
    """(..., configurations) of models (..., n, n), (..., n)."""
    return -0.5 * np.einsum("ci,...ij,cj->...c", s, J, s) - np.einsum("ci,...i->...c", s, h)


def all_of_three():
    """J (4096, 3, 3) and h (4096, 3): every model of three spins with these couplings and fields."""
    entries = np.array(list(itertools.product(VALUES, repeat=6)))
    return symmetric(3, entries[:, :3]), entries[:, 3:]


def some_of_four(count=500):
    """J (count, 4, 4) and h (count, 4), drawn."""
    entries = np.random.default_rng(0).choice(VALUES, size=(count, 10))
    return symmetric(4, entries[:, :6]), entries[:, 6:]


def lattice(rows, columns):
    """J = 1 between neighbours on a torus; a side of two counts twice, as its spins meet on both sides."""
    J = np.zeros((rows * columns, rows * columns))
    for r, c in np.ndindex(rows, columns):
        for other in ((r + 1) % rows * columns + c, r * columns + (c + 1) % columns):
            if other != r * columns + c:
                J[[r * columns + c, other], [other, r * columns + c]] += 1.0
    return J


def grid(rows, columns):
    """J = 1 between neighbours on a grid with borders."""
    at = np.array(list(np.ndindex(rows, columns)))
    return 1.0 * (np.abs(at[:, None] - at).sum(axis=2) == 1)


def five(seed=3):
    """Couplings and fields of five spins that are drawn from a normal distribution."""
    J = np.triu(np.random.default_rng(seed).normal(size=(5, 5)), 1)
    return J + J.T, np.random.default_rng(seed + 1).normal(size=5)


J5, H5 = five()
TRIANGLE = np.ones((3, 3)) - np.eye(3)
RING = lattice(1, 6)
STAR = symmetric(5, [1.0] * 4 + [0.0] * 6)
HARD = {  # J, h, beta
    "ring of 6": (RING, 0.0, 1.0),
    "ring of 5, frustrated": (-lattice(1, 5), 0.0, 1.0),
    "ring of 8": (lattice(1, 8), 0.0, 0.5),
    "ring of 6 in a field": (RING, 0.5, 0.5),
    "ring of 6 in the field of two neighbours": (RING, 2.0, 0.4),
    "ring of 6, nearly tied": (RING * (1.0 + 1e-13), 1e-13, 1.0),
    "grid 2 x 3": (grid(2, 3), 0.0, 0.7),
    "grid 3 x 3": (grid(3, 3), 0.0, 0.4),
    "grid 2 x 4, antiferromagnetic": (-grid(2, 4), 0.0, 0.7),
    "torus 3 x 3": (lattice(3, 3), 0.0, 0.3),
    "torus 3 x 3, antiferromagnetic": (-lattice(3, 3), 0.0, 0.3),
    "torus 2 x 4": (lattice(2, 4), 0.0, 0.2),
    "triangle": (TRIANGLE, 0.0, 1.0),
    "triangle, frustrated": (-TRIANGLE, 0.0, 1.0),
    "triangle, nearly tied": (TRIANGLE, 1e-13, 0.6),
    "star": (STAR, 0.0, 1.0),
    "star whose field ties with its arms": (STAR, np.array([0.0, -1.0, -1.0, -1.0, -1.0]), 0.5),
    "no couplings": (np.zeros((4, 4)), 0.0, 1.0),
    "no couplings, nearly no field": (np.zeros((4, 4)), 1e-13, 1.0),
    "hardly any couplings": (1e-13 * TRIANGLE, 0.0, 1.0),
    "any couplings": (J5, H5, 0.6),
}
HARD = {name: (J, np.broadcast_to(h, len(J)), beta) for name, (J, h, beta) in HARD.items()}
