"""Energies that cancel: chains, segments, graphs, alignments against all configurations, in 80 digits."""

import itertools
from fractions import Fraction

import autograd
import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies import alignment
from ebm_ref.energies.graph_transformer import all_paths, best_path, clamped, free, graph_transformer, spelled
from ebm_ref.exact import chain, chain_enumeration, chain_margin, chain_nll, graph, semi_markov
from ebm_ref.exact.levels import SAFE, units_of
from ebm_ref.kernels.chain import chain_nll_value_and_gradients
from ebm_ref.numerics import exact_sum

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
        E = [
            add([*(exact(u[s, j]) for s, j in enumerate(y)), *(exact(P[ij]) for ij in itertools.pairwise(y))])
            for y in sequences
        ]
        if any(e is not None for e in E):
            count -= 1
            yield u, P, beta, sequences, E, rng


COUNT = 6
BOUND = 12 * SAFE  # at most twelve costs along a configuration, each off by this much in float64


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
    listed = chain_enumeration.free_energy_by_enumeration(u, P, beta)
    errors["free_energy_by_enumeration"] = off(listed, truth.free_energy)
    p = chain_enumeration.probabilities_by_enumeration(u, P, beta)
    errors["by_enumeration"] = max(off(x, w / truth.Z) for x, w in zip(p, truth.weights, strict=True))
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
    value, of_kernel, pairs_of_kernel = chain_nll_value_and_gradients(
        u[None], P, [sequences[i]], beta=float(beta)
    )
    errors["kernel"] = off(value[0], truth.nll(i))
    errors["kernel_by_pairwise"] = max(off(pairs_of_kernel[0][pair], risk(pair)) for pair in np.ndindex(k, k))
    errors["kernel_by_unary"] = max(
        off(of_kernel[0, s, j], (sequences[i][s] == j) - at(s, j)) for s, j in np.ndindex(t, k)
    )
    return errors


@pytest.mark.parametrize("kind", KINDS)
def test_searches(kind):
    """The first of those that tie, whatever rounds, and energies rounded once."""
    for u, P, _, sequences, E, rng in chains(kind, 2, 2 * COUNT):
        order = sorted((i for i, e in enumerate(E) if e is not None), key=lambda i: E[i])
        energy, labels = chain.viterbi(u, P)
        assert tuple(labels) == sequences[order[0]] and energy == float(E[order[0]])
        count = int(rng.integers(1, 9))
        for k_best in (chain.k_best, chain_enumeration.k_best_by_enumeration):
            energies, found = k_best(u, P, count)
            assert [tuple(y) for y in found] == [sequences[i] for i in order[:count]]
            np.testing.assert_allclose(energies, [float(E[i]) for i in order[:count]], rtol=2.0**-44)
        listed = chain_enumeration.energies_by_enumeration(u, P)
        np.testing.assert_allclose(listed, [np.inf if x is None else float(x) for x in E], rtol=2.0**-30)
        i, m = int(rng.choice(order)), rng.choice([0.25, 3.0])
        y, others = np.array(sequences[i]), [j for j in order if j != i]
        assert chain_margin.chain_perceptron(u, P, y) == float(E[i] - E[order[0]])
        if others:
            truth = max(Fraction(0), Fraction(m) + E[i] - E[others[0]])
            assert off(chain_margin.chain_hinge(u, P, y, m), number(truth)) < BOUND
            assert tuple(chain_margin.most_offending_sequence(u, P, y)) == sequences[others[0]]
        wrong = [sum(a != b for a, b in zip(sequences[i], z, strict=True)) for z in sequences]
        truth = max(wrong[j] * Fraction(m) + E[i] - E[j] for j in order)
        assert chain_margin.chain_margin_rescaled_hinge(u, P, y, m) == float(truth)


def segment_tables(kind, seed, count):
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    while count:
        t, d, k = (int(rng.integers(1, n)) for n in (5, 4, 3))
        e, P, beta = KINDS[kind](rng, (t, d, k)), KINDS[kind](rng, (k, k)), beta_of(kind, rng)
        answers = semi_markov.segmentations(t, d, k)
        steps = lambda answer: itertools.pairwise(j for _, _, j in answer)
        E = [
            add([*(exact(e[s, n - 1, j]) for s, n, j in a), *(exact(P[ij]) for ij in steps(a))])
            for a in answers
        ]
        if len(answers) < 100 and any(x is not None for x in E):
            count -= 1
            yield e, P, beta, answers, E


@pytest.mark.parametrize("kind", KINDS)
def test_segments(kind):
    for e, P, beta, answers, E in segment_tables(kind, 3, COUNT):
        with mp.workdps(80):
            errors = segment_errors(e, P, beta, answers, E)
        assert max(errors.values()) < BOUND, errors


def segment_errors(e, P, beta, answers, E):
    truth = Truth(E, beta)
    energy, answer = semi_markov.viterbi(e, P)
    errors = {"viterbi": float(answer != answers[E.index(truth.lowest)] or energy != float(truth.lowest))}
    errors["free_energy"] = off(semi_markov.free_energy(e, P, beta), truth.free_energy)
    p = semi_markov.marginals(e, P, beta)
    has = lambda s, n, j: truth.p([(s, n + 1, j) in answer for answer in answers])
    errors["marginals"] = max(off(p[s, n, j], has(s, n, j)) for s, n, j in np.ndindex(e.shape))
    return errors


def graphs(kind, seed, count):
    """Graphs of up to four nodes in a row, an inverse temperature, all paths and their energies."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    while count:
        last = int(rng.integers(2, 5))
        arcs = [(s, s + 1, int(rng.integers(2))) for s in range(last) for _ in range(rng.integers(1, 4))]
        arcs += [(s, s + 2, int(rng.integers(2))) for s in range(last - 1) if rng.random() < 0.7]
        arcs, e, beta = (
            np.array(arcs)[rng.permutation(len(arcs))],
            KINDS[kind](rng, len(arcs)),
            beta_of(kind, rng),
        )
        paths = all_paths(arcs)
        E = [add(exact(e[i]) for i in path) for path in paths]
        possible = [i for i, x in enumerate(E) if x is not None]
        if possible:
            count -= 1
            yield e, arcs, beta, paths, E, spelled(arcs, paths[rng.choice(possible)])


@pytest.mark.parametrize("kind", KINDS)
def test_graphs(kind):
    for sample in graphs(kind, 4, COUNT):
        with mp.workdps(80):
            errors = graph_errors(*sample)
        assert max(errors.values()) < BOUND, errors


def graph_errors(e, arcs, beta, paths, E, answer):
    truth = Truth(E, beta)
    right = [spelled(arcs, path) == answer for path in paths]
    clamped_truth = Truth([x if holds else None for x, holds in zip(E, right, strict=True)], beta)
    lowest = clamped_truth.lowest
    errors = {"path": float(best_path(e, free(arcs)) != paths[E.index(truth.lowest)])}
    errors["energy"] = float(graph_transformer(e, arcs, answer) != float(lowest))
    errors["perceptron"] = float(graph.graph_perceptron(e, arcs, answer) != float(lowest - truth.lowest))
    errors["free_energy"] = off(graph.free_energy(e, arcs, free(arcs), beta), truth.free_energy)
    errors["clamped"] = off(
        graph.free_energy(e, arcs, clamped(arcs, answer), beta), clamped_truth.free_energy
    )
    with mp.workdps(700):  # both may be 1e300
        nll = Truth(clamped_truth.energies, beta).free_energy - Truth(E, beta).free_energy
    errors["nll"] = off(graph.graph_nll(e, arcs, answer, beta), nll)
    p, g = graph.arc_marginals(e, arcs, free(arcs), beta), graph.graph_nll_gradient(e, arcs, answer, beta)
    passes = lambda truth, i: truth.p([i in path for path in paths])
    errors["marginals"] = max(off(p[i], passes(truth, i)) for i in range(len(arcs)))
    errors["nll_gradient"] = max(
        off(g[i], passes(clamped_truth, i) - passes(truth, i)) for i in range(len(arcs))
    )
    return errors


def table_paths(kind, seed, count):
    """Tables of distances, an inverse temperature, all alignments and their energies."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    while count:
        d, beta = KINDS[kind](rng, rng.integers(1, 4, size=2)), beta_of(kind, rng)
        paths = alignment.monotone_paths(*d.shape)
        E = [add(exact(d[pair]) for pair in path) for path in paths]
        if any(x is not None for x in E):
            count -= 1
            yield d, beta, paths, E


@pytest.mark.parametrize("kind", KINDS)
def test_alignments(kind):
    for d, beta, paths, E in table_paths(kind, 5, COUNT):
        with mp.workdps(80):
            truth = Truth(E, beta)
            g = alignment.soft_alignment_gradient(d, beta)
            passes = lambda pair, truth=truth, paths=paths: truth.p([pair in path for path in paths])
            assert alignment.alignment(d) == float(truth.lowest)
            assert off(alignment.soft_alignment(d, beta), truth.free_energy) < BOUND
            assert max(off(g[pair], passes(pair)) for pair in np.ndindex(d.shape)) < BOUND


def test_a_unit_and_a_half_beside_1e17():
    """By hand: Z = 1 + e^-1/2 + 2 e^-3/10 of four paths, two of which go up by 1e17 and down again."""
    arcs = np.array([[0, 1, 0], [0, 2, 1], [2, 3, 0], [1, 4, 0], [1, 4, 1], [3, 4, 0], [3, 4, 1]])
    e = np.array([0.0, 1e17, -1e17, 0.0, 0.5, 0.3, 0.3])
    weights = np.array([1.0, np.exp(-0.5), np.exp(-0.3), np.exp(-0.3)])
    assert graph.free_energy(e, arcs, free(arcs)) == pytest.approx(-np.log(weights.sum()), rel=1e-15)
    p = graph.arc_marginals(e, arcs, free(arcs))
    np.testing.assert_allclose(p[3:], weights / weights.sum(), rtol=1e-15)
    u, P = np.array([[0.0, 1e17], [0.0, 0.5], [0.0, -1e17]]), np.array([[0.0, np.inf], [np.inf, 0.0]])
    assert chain.free_energy(u, P) == pytest.approx(-np.log(1.0 + np.exp(-0.5)), rel=1e-15)
    assert chain.viterbi(u, P)[1].tolist() == [0, 0, 0] and chain.k_best(u, P, 2)[0].tolist() == [0.0, 0.5]


@pytest.mark.parametrize(
    "kind", ["pairs of 1e17", "gaps of 1e-3 under 1e12", "forbidden beside 1e17", "ordinary"]
)
def test_autograd_follows(kind):
    """The slope of the value is the explicit gradient, where levels are exact as elsewhere."""
    for u, P, beta, sequences, E, _ in chains(kind, 6, 4):
        y = sequences[next(i for i, x in enumerate(E) if x is not None)]
        assert_followed("chain_nll", {"unary": u, "pairwise": P, "labels": y, "beta": beta})
    for e, arcs, beta, _, _, answer in graphs(kind, 6, 4):
        assert_followed("graph_nll", {"energies": e, "arcs": arcs, "answer": answer, "beta": beta})
    for d, beta, _, _ in table_paths(kind, 6, 4):
        assert_followed("soft_alignment", {"distances": d, "beta": beta})


def assert_followed(name, inputs):
    f = FORMULAS[name]
    if not 0.0 != f(**inputs) < np.inf:  # a constant
        return
    for a, gradient in f.gradients.items():
        slope = autograd.grad(lambda x, a=a: f.value(**inputs | {a: x}))(inputs[a])
        np.testing.assert_allclose(slope, gradient(**inputs), rtol=1e-9, atol=1e-12)


def test_small_probabilities_keep_their_digits():
    """Beside 1e17: each to the rounding of beta c, which is u times its logarithm, and a few u a moment."""
    for u, P, beta, sequences, E, _ in chains("ties", 7, 8):
        u = np.where(np.abs(u) < 1.0, 300.0 * u, u)
        E = [
            add([*map(exact, u[range(len(y)), y]), *(exact(P[ij]) for ij in itertools.pairwise(y))])
            for y in sequences
        ]
        beta = min(beta, 1.0)
        with mp.workdps(80):
            truth, (nodes, _) = Truth(E, beta), chain.marginals(u, P, beta)
            for s, j in np.ndindex(u.shape):
                p = truth.p([y[s] == j for y in sequences])
                allowed = 2.0**-53 * (16 * len(u) - 4 * mpmath.log(p)) if p > 1e-290 else mpf(1)
                assert abs(mpf(float(nodes[s, j])) - p) <= allowed * p


def test_long_chains_against_the_recursion_in_many_digits():
    """Sixty moments, where 1e17 comes and goes; forward sums of 90 digits."""
    rng = np.random.default_rng(8)
    u = rng.choice([1e17, -1e17, 0.0, 0.5, -0.3], (60, 3))
    P = rng.choice([1e17, -1e17, 0.25, 0.0], (3, 3))
    with mp.workdps(90):
        weigh = lambda x: mpmath.exp(-number(exact(x)))
        a = [weigh(x) for x in u[0]]
        for row in u[1:]:
            a = [weigh(row[j]) * sum(a[i] * weigh(P[i, j]) for i in range(3)) for j in range(3)]
        lowest, labels = chain.viterbi(u, P)
        E = add(
            [*(exact(x) for x in u[np.arange(60), labels]), *(exact(x) for x in P[labels[:-1], labels[1:]])]
        )
        assert lowest == float(E)
        nll = mpmath.log(sum(a)) + number(E)
        assert off(chain_nll.chain_nll(u, P, labels), nll) < 60 * 2.0**-50
        last = chain.marginals(u, P)[0][-1]
        assert max(off(last[j], a[j] / sum(a)) for j in range(3)) < 60 * 2.0**-50


def test_an_exact_sum_is_rounded_once():
    assert exact_sum(np.array([1e17, 0.5, -1e17])) == 0.5
    assert exact_sum(np.array([1e308, 1e308, -1e308])) == 1e308
    assert exact_sum(np.array([1e308, 1e308])) == exact_sum(np.array([np.inf, 1.0])) == np.inf
    assert np.isnan(exact_sum(np.array([np.inf, -np.inf]))) and np.isnan(exact_sum(np.array([np.nan])))
    rng = np.random.default_rng(9)
    for _ in range(50):
        x = rng.choice([1.0, -1.0], 9) * 10.0 ** rng.uniform(-300, 300, 9)
        assert exact_sum(x) == float(sum(map(Fraction, x)))


def test_units_hold_every_float():
    """There and back, whatever the size, and sums as fractions give them."""
    rng = np.random.default_rng(10)
    for scale in (1, 30, 300):
        x = np.append(
            rng.choice([1.0, -1.0], 20) * 10.0 ** rng.uniform(-scale, scale, 20), [0.0, 5e-324, np.inf]
        )
        units = units_of(x, count=4)
        whole = units.whole(x)
        assert np.array_equal(units.real(whole), x)
        sums = whole[:20] + whole[1:21] - whole[2:22]
        parts = [[Fraction(one) for one in row] for row in (x[:20], x[1:21], x[2:22])]
        truth = [float(a + b - c) for a, b, c in zip(*parts, strict=True)]
        assert units.real(sums).tolist() == truth
        assert units.real(whole[22] - whole[:20] - whole[1:21]).tolist() == [np.inf] * 20


def test_units_refuse_what_they_do_not_hold():
    units = units_of(np.array([1.0, 2.0]), count=2)
    for energies in (np.array([0.5]), np.array([np.nan]), np.array([-np.inf])):
        with pytest.raises(ValueError, match="energies = "):
            units.whole(energies)
    with pytest.raises(ValueError, match="count = 0"):
        units_of(np.array([1.0]), count=0)
