"""Energies that cancel: every exact route over factors against all configurations, in fractions and 60 digits."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp, mpf

from ebm_ref.exact import cancelling, elimination, factors
from ebm_ref.exact import transfer_matrix as lattice

BIG = {
    "1e17 beside 1/2": [1e17],
    "1e30": [1e30],
    "1e300": [1e300],
    "1e12 over gaps of 1e-3": [1e12],
    "a ladder": [1e3, 1e6, 1e10, 1e15, 1e21],
    "several sizes": [1e34, 1e17, 1e8],
    "just large": [300.0, 2000.0],
    "ties": [1e17],
    "forbidden": [1e17, 1e30],
}


def small(kind, rng, shape):
    """What decides once the rest has cancelled."""
    if kind == "ties":
        return 0.5 * rng.integers(-1, 2, shape)
    table = rng.normal(size=shape) * (1e-3 if "1e-3" in kind else 1.0)
    return np.where(rng.random(shape) < 0.15, np.inf, table) if kind == "forbidden" else table


def cancel(rng, model, size, k):
    """An energy of this size for each value of one variable: into one factor, and out of another."""
    v = int(rng.integers(len(k)))
    knows = [i for i, (scope, _) in enumerate(model) if v in scope]
    if len(knows) < 2:
        return
    moved = size * rng.integers(-2, 3, k[v])
    for sign, i in zip((1.0, -1.0), rng.choice(knows, 2, replace=False), strict=True):
        scope, table = model[i]
        along = [-1 if u == v else 1 for u in scope]
        model[i] = scope, table + sign * np.reshape(moved, along)


def graph(kind, seed):
    """A factor graph of 4 variables, each in several factors, and a beta between 1/1000 and 1000."""
    rng = np.random.default_rng(seed)
    k = rng.integers(1, 4, 4).tolist()
    scopes = [(v,) for v in range(4)] * 2 + [tuple(rng.permutation(4)[:2].tolist()) for _ in range(4)]
    scopes += [tuple(rng.permutation(4)[:3].tolist())]
    model = [(scope, small(kind, rng, [k[v] for v in scope])) for scope in scopes]
    for size in BIG[kind] * 3:
        cancel(rng, model, size, k)
    return k, model, float(10.0 ** rng.integers(-3, 4))


def strip(kind, seed, r=2, c=3):
    """The same on a lattice that may be closed, as tables, and as factors."""
    rng = np.random.default_rng(seed)
    at = lambda i, j: i % r * c + j % c
    site = list(itertools.product(range(r), range(c)))
    bonds = [(at(i, j), at(i, j + 1)) for i, j in site], [(at(i, j), at(i + 1, j)) for i, j in site]
    scopes = [*bonds[0], *bonds[1], *[(at(i, j),) for i, j in site]]
    model = [(scope, small(kind, rng, [2] * len(scope))) for scope in scopes]
    for size in BIG[kind] * 3:
        cancel(rng, model, size, [2] * r * c)
    if seed % 2:  # no bonds from the last column to the first
        model = [(s, 0.0 if f < r * c and f % c == c - 1 else E) for f, (s, E) in enumerate(model)]
        model = [(s, np.broadcast_to(E, [2] * len(s))) for s, E in model]
    tables = [np.array([E for _, E in model[n : n + r * c]]) for n in range(0, 3 * r * c, r * c)]
    right, down, field = (x.reshape(r, c, *x.shape[1:]) for x in tables)
    return (right, down, field), model, float(10.0 ** rng.integers(-3, 4))


def truth(k, model, beta):
    """The lowest energy, and {configuration: weight counted from it}, without rounding but in the last of 60."""
    energies = {}
    for y in itertools.product(*map(range, k)):
        read = [float(E[tuple(y[v] for v in scope)]) for scope, E in model]
        if np.inf not in read:
            energies[y] = sum(map(Fraction, read), Fraction(0))
    low = min(energies.values(), default=None)
    with mp.workdps(60):
        ratio = lambda q: mpf(q.numerator) / q.denominator
        weights = {y: mp.exp(-mpf(beta) * ratio(E - low)) for y, E in energies.items()}
    return low, weights, energies


def log_z(low, weights, beta):
    with mp.workdps(60):
        return -mpf(beta) * low.numerator / low.denominator + mp.log(mp.fsum(weights.values()))


def share(weights, counts):
    """The probability of the configurations that count."""
    with mp.workdps(60):
        total = mp.fsum(weights.values())
        return float(mp.fsum(w for y, w in weights.items() if counts(y)) / total)


def far(found, right):
    """The error, relative where the right value is above 1."""
    with mp.workdps(60):
        return float(abs(mpf(float(found)) - right) / max(1, abs(right)))
