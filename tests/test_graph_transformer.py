"""Graphs: composition against lists of paths, the lecture's numbers, and alignments beside their paths."""

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies import alignment
from ebm_ref.energies.graph_transformer import (
    DIGIT_ENERGIES,
    DIGITS,
    all_paths,
    best_path,
    clamped,
    compose,
    free,
    spelled,
)
from ebm_ref.exact.graph import anything_but, arc_marginals, free_energy

LETTERS = [("c", 0.4), ("o", 1.0), ("d", 1.8), ("x", 0.1), ("a", 0.2), ("u", 0.8), ("p", 0.2), ("t", 0.8)]
READ = np.array(
    [[t, t + 1, ord(letter)] for (letter, _), t in zip(LETTERS, (0, 0, 0, 1, 1, 1, 2, 2), strict=True)]
)
ENERGIES = np.array([energy for _, energy in LETTERS])


def trie(words):
    """Rows (from, to, letter), one node for each prefix."""
    nodes, arcs = {"": 0}, []
    for word in words:
        for n in range(len(word)):
            if word[: n + 1] not in nodes:
                nodes[word[: n + 1]] = len(nodes)
                arcs.append((nodes[word[:n]], nodes[word[: n + 1]], ord(word[n])))
    return arcs, set(nodes.values())


def lattice_paths(lattice, state=0):
    """All paths of a lattice, as lists of arcs."""
    if state == lattice.end:
        return [[]]
    leaving = [(b, i) for a, b, i in lattice.steps if a == state]
    return [[i, *rest] for b, i in leaving for rest in lattice_paths(lattice, b)]


def test_a_dictionary_leaves_the_readings_that_are_words():
    """The lecture's recogniser and its trie: cut 2.0, cap 0.8, cat 1.4; any prefix accepts."""
    grammar = trie(["barn", "but", "cute", "cure", "cap", "cat", "card"])
    lattice = compose(READ, *grammar)
    read = {"".join(map(chr, spelled(READ, p))): ENERGIES[p].sum() for p in lattice_paths(lattice)}
    assert read == pytest.approx({"cut": 2.0, "cap": 0.8, "cat": 1.4}, rel=1e-15)
    assert "".join(map(chr, spelled(READ, best_path(ENERGIES, lattice)))) == "cap"
    F = free_energy(ENERGIES, READ, lattice)
    assert F == pytest.approx(0.18481120, abs=5e-9)
    p = arc_marginals(ENERGIES, READ, lattice)
    by_letter = dict(zip("codxauPt", p, strict=True))
    assert by_letter["u"] == pytest.approx(0.1628, abs=5e-5)  # cut alone has a u, cap alone a p
    assert by_letter["P"] == pytest.approx(0.5405, abs=5e-5)
    assert by_letter["t"] - by_letter["u"] == pytest.approx(0.2967, abs=5e-5)
    assert by_letter["c"] == 1.0 and by_letter["o"] == by_letter["x"] == 0.0


def test_the_lectures_digits():
    """Free and clamped, best and summed, as printed; 341 is likelier than 34, all paths of each counted."""
    every, right = free(DIGITS), clamped(DIGITS, [3, 4])
    assert spelled(DIGITS, best_path(DIGIT_ENERGIES, every)) == [3, 4, 1]
    assert sorted(DIGIT_ENERGIES[p].sum() for p in lattice_paths(right)) == pytest.approx([0.7, 5.8])
    assert free_energy(DIGIT_ENERGIES, DIGITS, right) == pytest.approx(0.69392176, abs=5e-9)
    assert free_energy(DIGIT_ENERGIES, DIGITS, every) == pytest.approx(-0.61151962, abs=5e-9)
    nll = FORMULAS["graph_nll"].value
    assert np.exp(-nll(DIGIT_ENERGIES, DIGITS, [3, 4, 1])) == pytest.approx(0.29774, abs=5e-6)
    assert np.exp(-nll(DIGIT_ENERGIES, DIGITS, [3, 4])) == pytest.approx(0.27105, abs=5e-6)


def random_graph(rng):
    """Up to five nodes in a row, some arcs skipping one, two or three labels."""
    last = int(rng.integers(1, 5))
    arcs = [(s, s + 1, int(rng.integers(3))) for s in range(last) for _ in range(rng.integers(1, 3))]
    arcs += [(s, s + 2, int(rng.integers(3))) for s in range(last - 1) if rng.random() < 0.7]
    arcs = np.array(arcs)[rng.permutation(len(arcs))]
    return rng.normal(scale=2.0, size=len(arcs)), arcs


@pytest.mark.parametrize("seed", range(20))
def test_lattices_hold_the_paths_they_should(seed):
    """Clamped and anything but: together all paths; sums and shares are those of the paths one by one."""
    rng = np.random.default_rng(seed)
    energies, arcs = random_graph(rng)
    beta, paths = rng.uniform(0.3, 3.0), all_paths(arcs)
    answer = spelled(arcs, paths[rng.integers(len(paths))])
    rest = [path for path in paths if spelled(arcs, path) != answer]
    held = {
        "free": (free(arcs), paths),
        "clamped": (clamped(arcs, answer), [path for path in paths if spelled(arcs, path) == answer]),
        "anything but": (anything_but(arcs, answer), rest),
    }
    for lattice, expected in held.values():
        assert sorted(lattice_paths(lattice)) == sorted(expected) if expected else lattice.end == 0
        sums = np.array([energies[path].sum() for path in expected])
        weights = np.exp(-beta * sums)
        F = -np.log(weights.sum()) / beta if expected else np.inf
        assert free_energy(energies, arcs, lattice, beta) == pytest.approx(F, rel=1e-12, abs=1e-12)
        passes = [weights[[i in path for path in expected]].sum() for i in range(len(arcs))]
        p = arc_marginals(energies, arcs, lattice, beta)
        np.testing.assert_allclose(p, passes / weights.sum() if expected else 0.0 * p, rtol=1e-11, atol=1e-15)
        if expected:
            assert energies[best_path(energies, lattice)].sum() == pytest.approx(sums.min(), rel=1e-14)


def test_ties_go_to_the_first_path_of_a_dictionary():
    arcs = np.array([[0, 2, 1], [0, 1, 1], [0, 1, 1], [1, 2, 1], [1, 2, 1]])
    assert best_path(np.array([1.0, 0.0, 0.0, 0.0, 0.0]), free(arcs)) == [1, 3]
    assert best_path(np.zeros(5), free(arcs)) == [0]


def test_forbidden_arcs():
    energies = np.array([np.inf, 1.0, 2.0])
    arcs = np.array([[0, 1, 1], [0, 1, 2], [0, 1, 3]])
    nll, slope = FORMULAS["graph_nll"].value, FORMULAS["graph_nll"].gradients["energies"]
    assert nll(energies, arcs, [2]) == pytest.approx(np.log1p(np.exp(-1.0)), rel=1e-15)
    assert slope(energies, arcs, [2])[0] == 0.0
    assert nll(energies, arcs, [1]) == np.inf and np.all(slope(energies, arcs, [1]) == 0.0)
    assert np.isnan(nll(np.full(3, np.inf), arcs, [1]))
    assert nll(np.array([1.0, np.inf, np.inf]), arcs, [1]) == 0.0


# alignments


@pytest.mark.parametrize("seed", range(12))
def test_alignments_beside_their_paths(seed):
    """Value, free energy and their gradients against all monotone paths; and either side may be the word."""
    rng = np.random.default_rng(seed)
    d, beta = rng.normal(scale=2.0, size=rng.integers(1, 5, size=2)), rng.uniform(0.3, 3.0)
    paths = alignment.monotone_paths(*d.shape)
    sums = np.array([sum(d[pair] for pair in path) for path in paths])
    assert alignment.alignment(d) == pytest.approx(sums.min(), rel=1e-14, abs=1e-14)
    best = paths[np.argmin(sums)]
    assert sorted(zip(*np.nonzero(alignment.alignment_gradient(d)), strict=True)) == sorted(best)
    weights = np.exp(-beta * (sums - sums.min()))
    F = sums.min() - np.log(weights.sum()) / beta
    assert alignment.soft_alignment(d, beta) == pytest.approx(F, rel=1e-13, abs=1e-13)
    g = alignment.soft_alignment_gradient(d, beta)
    for pair in np.ndindex(d.shape):
        share = weights[[pair in path for path in paths]].sum() / weights.sum()
        assert g[pair] == pytest.approx(share, rel=1e-12)
    np.testing.assert_allclose(alignment.soft_alignment_gradient(d.T, beta), g.T, rtol=1e-13)
    assert alignment.alignment(d.T) == pytest.approx(alignment.alignment(d), rel=1e-14)


def test_a_node_that_only_forbidden_arcs_reach():
    """Nothing passes it, and that is a 0, not a quotient of nothing by nothing."""
    arcs = np.array([[0, 1, 1], [1, 2, 1], [0, 2, 1], [0, 2, 2]])
    energies = np.array([np.inf, 0.0, 0.0, np.log(3.0)])
    with np.errstate(all="raise"):
        assert arc_marginals(energies, arcs, free(arcs)).round(12).tolist() == [0.0, 0.0, 0.75, 0.25]
        g = FORMULAS["graph_nll"].gradients["energies"](energies, arcs, np.array([2]))
    assert g.round(12).tolist() == [0.0, 0.0, -0.75, 0.75]
