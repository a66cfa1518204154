"""Energies that cancel: chains, segments and graphs against every configuration, in fractions and 80 digits."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies.graph_transformer import all_paths, best_path, clamped, free, graph_transformer, spelled
from ebm_ref.exact import chain, chain_margin, chain_nll, graph, semi_markov
from ebm_ref.exact.levels import units_of
from ebm_ref.kernels.chain import chain_nll_value_and_gradients
from ebm_ref.numerics import total

mpmath = pytest.importorskip("mpmath", reason="the truth is computed with mpmath")
mp, mpf = mpmath.mp, mpmath.mpf


def exact(x):
    """A float as a fraction; None for what is forbidden."""
    return Fraction(float(x)) if np.isfinite(x) else None


def add(terms):
    """Their sum, None if one is None."""
    terms = list(terms)
    return None if None in terms else sum(terms, Fraction(0))


def number(fraction):
    return mpf(fraction.numerator) / mpf(fraction.denominator)


class Truth:
    """Probabilities of configurations from their energies: fractions, None for what is forbidden."""

    def __init__(self, energies, beta):
        self.energies, self.beta = energies, Fraction(float(beta))
        self.lowest = min(E for E in energies if E is not None)
        zero = lambda E: mpf(0) if E is None else mpmath.exp(-number(self.beta * (E - self.lowest)))
        self.weights = [zero(E) for E in energies]
        self.Z = sum(self.weights)

    def p(self, holds):
        return sum((w for w, held in zip(self.weights, holds, strict=True) if held), mpf(0)) / self.Z

    def expectation(self, values):
        return sum(w * x for w, x in zip(self.weights, values, strict=True)) / self.Z

    @property
    def free_energy(self):
        return number(self.lowest) - mpmath.log(self.Z) / number(self.beta)

    @property
    def entropy(self):
        return -sum(w / self.Z * mpmath.log(w / self.Z) for w in self.weights if w)

    def nll(self, i):
        return number(self.energies[i] - self.lowest) + mpmath.log(self.Z) / number(self.beta)


def pairs(scale):
    """+scale here, -scale there, beside numbers of order 1/2."""
    return lambda rng, n: rng.choice([scale, -scale, 0.0, 0.5, -0.5, 0.3, -0.2, scale, -scale], n)


KINDS = {
    "pairs of 1e17": pairs(1e17),
    "pairs of 1e30": pairs(1e30),
    "pairs of 1e300": pairs(1e300),
    "gaps of 1e-3 under 1e12": lambda rng, n: rng.choice([1e12, -1e12], n) + rng.integers(-3, 4, n) * 1e-3,
    "ladders": lambda rng, n: rng.choice([1.0, -1.0], n) * 10.0 ** rng.integers(-20, 21, n),
    "ties": lambda rng, n: rng.choice([0.1, 0.2, 0.3, -0.1, 1e17, -1e17], n),
    "forbidden beside 1e17": lambda rng, n: rng.choice([1e17, -1e17, np.inf, 0.25, -0.4], n),
    "ordinary": lambda rng, n: rng.normal(scale=2.0, size=n),
    "refunds of 1000": lambda rng, n: rng.choice([1000.0, -1000.0], n) + rng.normal(size=n),
}
BETAS = (1e-3, 0.7, 1.0, 1e3)


def beta_of(kind, rng):
    return 1.0 if kind == "pairs of 1e300" else rng.choice(BETAS)


def off(found, truth):
    """The error of probabilities, losses, ...: absolute up to 1, relative beyond."""
    return float(abs(mpf(float(found)) - truth) / max(mpf(1), abs(truth)))


def chains(kind, seed, count):
    """Chains that leave something possible, an inverse temperature, all sequences and their energies."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    while count:
        t, k = int(rng.integers(2, 6)), int(rng.integers(2, 4))
        u, P, beta = KINDS[kind](rng, (t, k)), KINDS[kind](rng, (k, k)), beta_of(kind, rng)
        if k**t > 100:
            continue
        sequences = list(itertools.product(range(k), repeat=t))
        E = [add([*(exact(u[s, j]) for s, j in enumerate(y)), *(exact(P[ij]) for ij in itertools.pairwise(y))])
             for y in sequences]
        if any(e is not None for e in E):
            count -= 1
            yield u, P, beta, sequences, E, rng


COUNT = 6


@pytest.mark.parametrize("kind", KINDS)
def test_chains(kind):
    for u, P, beta, sequences, E, rng in chains(kind, 1, COUNT):
        with mp.workdps(80):
            errors = chain_errors(u, P, beta, sequences, Truth(E, beta), rng)
        assert max(errors.values()) < BOUND, errors


def chain_errors(u, P, beta, sequences, truth, rng):
    """The worst error of each function of a chain."""
    t, k = u.shape
    errors = {"free_energy": off(chain.free_energy(u, P, beta), truth.free_energy)}
    nodes, edges = chain.marginals(u, P, beta)
    at = lambda s, j: truth.p([y[s] == j for y in sequences])
    step = lambda s, i, j: truth.p([y[s : s + 2] == (i, j) for y in sequences])
    errors["marginals"] = max(off(nodes[s, j], at(s, j)) for s, j in np.ndindex(t, k))
    errors["edges"] = max(off(edges[s, i, j], step(s, i, j)) for s, i, j in np.ndindex(t - 1, k, k))
    errors["entropy"] = off(chain.entropy(u, P, beta), truth.entropy)
    possible = [i for i, E in enumerate(truth.energies) if E is not None]
    i = int(rng.choice(possible))
    by_unary = chain_nll.chain_nll_unary_gradient(u, P, sequences[i], beta)
    by_pairwise = chain_nll.chain_nll_pairwise_gradient(u, P, sequences[i], beta)
    count = lambda y, pair: list(itertools.pairwise(y)).count(pair)
    risk = lambda pair: count(sequences[i], pair) - truth.expectation([count(y, pair) for y in sequences])
    errors["nll"] = off(chain_nll.chain_nll(u, P, sequences[i], beta), truth.nll(i))
    errors["nll_by_unary"] = max(
        off(by_unary[s, j], (sequences[i][s] == j) - at(s, j)) for s, j in np.ndindex(t, k)
    )
    errors["nll_by_pairwise"] = max(off(by_pairwise[pair], risk(pair)) for pair in np.ndindex(k, k))
    value, *slopes = chain_nll_value_and_gradients(u[None], P, [sequences[i]], beta=float(beta))
    errors["kernel"] = off(value[0], truth.nll(i))
    errors["kernel_gradients"] = max(
        np.abs(slopes[0][0] - by_unary).max(), np.abs(slopes[1][0] - by_pairwise).max()
    )
    return errors
