"""Dependency trees beside the sum over all trees, in fractions where float64 would not tell."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.exact.dependency_trees import (
    is_tree,
    log_partition,
    log_partition_as_printed,
    marginals,
    marginals_as_printed,
    trees,
)
from ebm_ref.exact.tree_nll import tree_nll, tree_nll_arcs_gradient, tree_nll_roots_gradient

UNIT = 2.0**-53
BOTH = pytest.mark.parametrize("single_root", [True, False])


def enumerated(arcs, roots, beta, single_root):
    """log Z and the probabilities of all arcs, the root first, from fractions of weights e^{-beta e}."""
    n = len(roots)
    table = np.vstack([roots[None], arcs])
    low = np.min(np.where(np.isfinite(table), table, np.inf), axis=0)
    weights = [[Fraction(float(w)) for w in row] for row in np.exp(-beta * (table - low))]
    total, by_arc = Fraction(0), {}
    for y in trees(n, single_root):
        w = Fraction(1)
        for m, head in enumerate(y):
            w *= weights[head][m]
        total += w
        for m, head in enumerate(y):
            by_arc[int(head), m] = by_arc.get((int(head), m), Fraction(0)) + w
    p = np.zeros((n + 1, n))
    for place, w in by_arc.items():
        p[place] = float(w / total) if total else np.nan
    log_z = np.log(float(total)) - beta * low.sum() if total else -np.inf
    return log_z, p


@BOTH
def test_trees_are_counted_as_by_cayley(single_root):
    for n in range(1, 6):
        found = trees(n, single_root)
        assert len(found) == (n ** (n - 1) if single_root else (n + 1) ** (n - 1))
        assert len(np.unique(found, axis=0)) == len(found)
    for n in (9, 30):
        count = log_partition(np.zeros((n, n)), np.zeros(n), 1.0, single_root)
        exact = (n - 1) * np.log(n if single_root else n + 1)
        assert count == pytest.approx(exact, rel=1e-14)


def test_what_a_tree_is():
    """A map is a tree if and only if one can take leaves off it until none is left."""
    for heads in itertools.product(range(4), repeat=3):
        left = {1, 2, 3}
        while leaves := {m for m in left if m not in {heads[k - 1] for k in left}}:
            left -= leaves
        assert is_tree(heads) == (not left)


@BOTH
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("scale, forbidden", [(1.0, 0.0), (1.0, 0.4), (12.0, 0.0), (60.0, 0.2)])
def test_equal_to_enumeration(n, scale, forbidden, single_root):
    """Every probability by itself to a relative error: 1e-50 beside 1 has its digits."""
    for seed in range(4):
        rng = np.random.default_rng([n, seed, int(scale)])
        arcs, roots = scale * rng.normal(size=(n, n)), scale * rng.normal(size=n)
        arcs[rng.random((n, n)) < forbidden] = np.inf
        roots[rng.random(n) < forbidden] = np.inf
        beta = float(rng.uniform(0.3, 2.0))
        log_z, p = enumerated(arcs, roots, beta, single_root)
        size = n * (n + beta * max(np.abs(x[np.isfinite(x)]).max(initial=0.0) for x in (arcs, roots)))
        found = log_partition(arcs, roots, beta, single_root)
        by_word, by_root = marginals(arcs, roots, beta, single_root)
        if log_z == -np.inf:
            assert found == -np.inf and np.isnan(by_word).all() and np.isnan(by_root).all()
            continue
        assert abs(found - log_z) <= 8 * UNIT * size
        assert np.all(np.abs(np.vstack([by_root[None], by_word]) - p) <= 8 * UNIT * size * p)


@BOTH
def test_marginals_are_the_gradient(single_root):
    """p(h -> m) = -d log Z / d (beta e[h, m]), by central differences."""
    rng = np.random.default_rng(3)
    arcs, roots, step = rng.normal(size=(6, 6)), rng.normal(size=6), 1e-5
    by_word, by_root = marginals(arcs, roots, 0.7, single_root)
    for h, m in [(0, 1), (4, 2), (5, 0)]:
        moved = np.zeros((6, 6))
        moved[h, m] = step
        up, down = (log_partition(arcs + s * moved, roots, 0.7, single_root) for s in (1.0, -1.0))
        assert (down - up) / (2 * step * 0.7) == pytest.approx(by_word[h, m], abs=1e-9)
    moved = np.where(np.arange(6) == 3, step, 0.0)
    up, down = (log_partition(arcs, roots + s * moved, 0.7, single_root) for s in (1.0, -1.0))
    assert (down - up) / (2 * step * 0.7) == pytest.approx(by_root[3], abs=1e-9)


@BOTH
def test_determinants_agree_where_little_cancels(single_root):
    rng = np.random.default_rng(4)
    for n in (1, 2, 8, 20):
        arcs, roots = rng.normal(size=(n, n)), rng.normal(size=n)
        ours = log_partition(arcs, roots, 1.3, single_root)
        assert log_partition_as_printed(arcs, roots, 1.3, single_root) == pytest.approx(
            ours, rel=1e-11, abs=1e-13
        )
        pairs = zip(
            marginals_as_printed(arcs, roots, 1.3, single_root),
            marginals(arcs, roots, 1.3, single_root),
            strict=True,
        )
        assert all(np.allclose(theirs, ours, rtol=0.0, atol=1e-11) for theirs, ours in pairs)


@BOTH
def test_columns_are_distributions_and_one_word_is_on_the_root(single_root):
    rng = np.random.default_rng(5)
    by_word, by_root = marginals(*(40.0 * rng.normal(size=s) for s in ((12, 12), 12)), 1.0, single_root)
    assert by_word.sum(axis=0) + by_root == pytest.approx(1.0, abs=1e-14)
    assert np.all(np.diag(by_word) == 0.0)
    assert (by_root.sum() == pytest.approx(1.0, abs=1e-13)) if single_root else by_root.sum() >= 1.0 - 1e-13


def test_words_that_want_each_other():
    """Two pairs that cycle at -400: a tree has one arc of each, and the determinant has no digit left."""
    arcs, roots = np.zeros((4, 4)), np.zeros(4)
    arcs[0, 1] = arcs[1, 0] = arcs[2, 3] = arcs[3, 2] = -400.0
    # the pair on the root, by which of its words; to which of these the other hangs, by which of its own
    best = 2 * 2 * 2 * 2
    assert log_partition(arcs, roots) == pytest.approx(800.0 + np.log(best), rel=1e-15)
    by_word, by_root = marginals(arcs, roots)
    assert by_root == pytest.approx(0.25, rel=1e-12) and by_word[0, 1] == pytest.approx(0.5, rel=1e-12)
    assert by_word[0, 2] == pytest.approx(0.125, rel=1e-12)


@BOTH
def test_a_set_of_words_that_must_hold_the_root(single_root):
    """Nobody outside heads 1 or 2: one of them is on the root, whichever word is taken out first."""
    arcs, roots = np.random.default_rng(6).normal(size=(4, 4)), np.zeros(4)
    arcs[2:, :2] = np.inf
    log_z, p = enumerated(arcs, roots, 1.0, single_root)
    for order in itertools.permutations(range(4)):
        order = list(order)
        turned = arcs[order][:, order], roots[order]
        assert log_partition(*turned, 1.0, single_root) == pytest.approx(log_z, rel=1e-14)
        assert marginals(*turned, 1.0, single_root)[1] == pytest.approx(p[0][order], rel=1e-13)


def test_what_is_not_possible():
    arcs, roots = np.zeros((3, 3)), np.array([0.0, np.inf, np.inf])
    arcs[:, 1] = np.inf  # the second word has no head, and may not hang on the root
    for single_root in (True, False):
        assert log_partition(arcs, roots, 1.0, single_root) == -np.inf
    arcs, roots = np.full((2, 2), np.inf), np.zeros(2)  # both on the root, or nothing
    assert log_partition(arcs, roots) == -np.inf and log_partition(arcs, roots, 1.0, False) == 0.0
    assert np.isnan(marginals(arcs, roots)[1]).all()
    assert marginals(arcs, roots, 1.0, False)[1].tolist() == [1.0, 1.0]
    for place in ((0, 1), (1, 0)):
        arcs = np.zeros((2, 2))
        arcs[place] = np.nan
        assert np.isnan(log_partition(arcs, roots)) and np.isnan(marginals(arcs, roots)[0]).all()
    assert np.isnan(log_partition(np.zeros((2, 2)), np.array([0.0, np.nan])))
    nothing_read = np.diag([np.nan, -np.inf])
    assert log_partition(nothing_read, np.zeros(2)) == pytest.approx(np.log(2.0))


def test_the_loss_keeps_its_digits_where_the_tree_is_certain():
    """Gaps of 30 to 700: L = log(1 + rest / w_y) with rest and w_y in fractions."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 5))
        every = trees(n)
        y, gap = every[rng.integers(len(every))], rng.uniform(30.0, 170.0)
        table = rng.normal(size=(n + 1, n)) + gap
        table[y, np.arange(n)] -= gap
        weights = [[Fraction(float(w)) for w in row] for row in np.exp(-(table - table[y, np.arange(n)]))]
        rest = Fraction(0)
        for other in every:
            w = Fraction(1)
            for m, head in enumerate(other):
                w *= weights[head][m]
            rest += 0 if np.array_equal(other, y) else w
        found = tree_nll(table[1:], table[0], y)
        assert found == pytest.approx(np.log1p(float(rest)), rel=64 * UNIT * gap)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_loss_is_that_of_all_trees(n):
    """Value and gradients: nll of the table of all trees, by the chain rule."""
    rng = np.random.default_rng(n)
    every, table, beta = trees(n), 3.0 * rng.normal(size=(n + 1, n)), 0.8
    table[np.arange(1, n + 1), np.arange(n)] = 0.0
    E = np.array([table[y, np.arange(n)].sum() for y in every])
    label = int(rng.integers(len(every)))
    nll = FORMULAS["nll"]
    own = table[1:], table[0], every[label], beta
    assert tree_nll(*own) == pytest.approx(nll.value(E, label, beta), rel=1e-13, abs=1e-15)
    slopes = np.zeros((n + 1, n))
    for slope, y in zip(nll.gradients["energies"](E, label, beta), every, strict=True):
        slopes[y, np.arange(n)] += slope
    assert tree_nll_arcs_gradient(*own) == pytest.approx(slopes[1:], abs=1e-13)
    assert tree_nll_roots_gradient(*own) == pytest.approx(slopes[0], abs=1e-13)


def test_a_large_sentence():
    """The loss, from one tree up, and E - F of the other elimination."""
    rng = np.random.default_rng(8)
    n = 25
    arcs, roots = 5.0 * rng.normal(size=(n, n)), 5.0 * rng.normal(size=n)
    heads = np.array([0] + [int(rng.integers(1, m + 1)) for m in range(1, n)])
    E = np.vstack([roots[None], arcs])[heads, np.arange(n)].sum()
    assert tree_nll(arcs, roots, heads) == pytest.approx(E + log_partition(arcs, roots), rel=1e-13)


def test_torch_struct_adds_to_every_arc():
    """Its log Z is that of w + 1e-5: all of the difference, to the digits that its determinant has."""
    deptree = pytest.importorskip("torch_struct.deptree")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(9)
    arcs, roots = rng.normal(size=(4, 4)), rng.normal(size=4)
    scores = np.where(np.eye(4) == 1.0, -roots, -arcs)
    for single_root in (True, False):
        theirs = float(deptree.deptree_part(torch.tensor(scores)[None], not single_root))
        more = -np.log(np.exp(-arcs) + 1e-5)
        assert theirs == pytest.approx(log_partition(more, roots, 1.0, single_root), rel=1e-12)
        assert abs(theirs - log_partition(arcs, roots, 1.0, single_root)) > 1e-6


BAD = [
    ({"arcs": np.zeros((2, 3))}, "arcs"),
    ({"arcs": np.zeros(3)}, "arcs"),
    ({"arcs": np.zeros((0, 0)), "roots": np.zeros(0)}, "arcs"),
    ({"roots": np.zeros(3)}, "roots"),
    ({"arcs": np.array([[0.0, -np.inf], [0.0, 0.0]])}, "arcs"),
    ({"roots": np.array([0.0, -np.inf])}, "roots"),
    ({"roots": np.array([0.0, 1e308])}, "roots"),
    ({"beta": 0.0}, "beta"),
    ({"single_root": 1}, "single_root"),
    ({"single_root": "no"}, "single_root"),
]


@pytest.mark.parametrize("changes, argument", BAD)
@pytest.mark.parametrize(
    "function", [log_partition, marginals, log_partition_as_printed, marginals_as_printed]
)
def test_bad_input(function, changes, argument):
    legal = {"arcs": np.zeros((2, 2)), "roots": np.zeros(2), "beta": 1.0, "single_root": True}
    with pytest.raises(ValueError, match=rf"^{argument} = "):
        function(**legal | changes)


def test_trees_refuse():
    for n in (0, 7, 2.0, True):
        with pytest.raises(ValueError, match=r"^n = "):
            trees(n)
    for heads in ([0, 3], [-1, 0], [0.0, 1.0], [[0, 1]], 1):
        with pytest.raises(ValueError, match=r"^heads = "):
            is_tree(heads)
