"""Answers of a batch of chains of different lengths, beside the page and beside enumeration."""

import math

import numpy as np
import pytest

from ebm_ref.exact import chain, chain_enumeration
from ebm_ref.kernels import chain_answers
from ebm_ref.kernels.chain import chain_nll_value_and_gradients
from ebm_ref.kernels.chain_answers import chain_marginals, chain_viterbi

UNIT = 2.0**-53


def batch(seed, b=12, t=7, k=3, scale=1.0, forbidden=0.0, padding=np.nan):
    """Chains of lengths 1..t, and what stands behind them."""
    rng = np.random.default_rng(seed)
    u, P = scale * rng.normal(size=(b, t, k)), scale * rng.normal(size=(k, k))
    u[rng.random(u.shape) < forbidden] = np.inf
    P[rng.random(P.shape) < forbidden] = np.inf
    lengths = rng.integers(1, t + 1, size=b)
    lengths[:2] = 1, t
    for i, n in enumerate(lengths):
        u[i, n:] = padding
    return u, P, lengths


@pytest.mark.parametrize("scale, forbidden", [(1.0, 0.0), (1.0, 0.2), (40.0, 0.1), (1000.0, 0.1)])
def test_equal_to_the_page_one_by_one(scale, forbidden):
    """NaN stands behind each chain; levels of 1e8, and a NaN inside one of them."""
    u, P, lengths = batch([int(scale), forbidden > 0.0], b=24, t=9, k=4, scale=scale, forbidden=forbidden)
    u[::3] += 1e8
    u[5, 0, 1] = np.nan
    energies, labels = chain_viterbi(u, P, lengths)
    free, nodes, edges = chain_marginals(u, P, lengths, 0.7)
    for i, n in enumerate(lengths):
        E, y = chain.viterbi(u[i, :n], P)
        np.testing.assert_equal(energies[i], E)
        if E < np.inf:
            assert labels[i, :n].tolist() == y.tolist()
        np.testing.assert_allclose(free[i], chain.free_energy(u[i, :n], P, 0.7), rtol=1e-13)
        of_labels, of_pairs = chain.marginals(u[i, :n], P, 0.7)
        tolerance = 1e-12 * max(1.0, scale)
        if i % 3 == 0:  # u has lost digits of 1e8 alike for both, but not p
            tolerance *= 10.0
        np.testing.assert_allclose(nodes[i, :n], of_labels, rtol=tolerance, atol=1e-24)
        np.testing.assert_allclose(edges[i, : n - 1], of_pairs, rtol=tolerance, atol=1e-24)
        assert not nodes[i, n:].any() and not edges[i, max(n - 1, 0) :].any()
        assert np.all(labels[i, n:] == -1)


def test_equal_to_enumeration():
    u, P, lengths = batch(3, b=10, t=5, k=3, forbidden=0.1)
    energies, labels = chain_viterbi(u, P, lengths)
    free, nodes, edges = chain_marginals(u, P, lengths, 1.3)
    for i, n in enumerate(lengths):
        E, y = chain_enumeration.viterbi_by_enumeration(u[i, :n], P)
        assert energies[i] == pytest.approx(E, rel=1e-15) and labels[i, :n].tolist() == y.tolist()
        truth = chain_enumeration.free_energy_by_enumeration(u[i, :n], P, 1.3)
        assert free[i] == pytest.approx(truth, rel=1e-13)
        of_labels, of_pairs = chain_enumeration.marginals_by_enumeration(u[i, :n], P, 1.3)
        np.testing.assert_allclose(nodes[i, :n], of_labels, rtol=1e-12, atol=1e-300)
        np.testing.assert_allclose(edges[i, : n - 1], of_pairs, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("padding", [0.0, 1e300, np.inf, -np.inf])
def test_padding_is_never_read(padding):
    """To the last bit the answers are those with NaN behind the chains."""
    poisoned, other = batch(4), batch(4, padding=padding)
    for function in (chain_viterbi, chain_marginals):
        for x, y in zip(function(*poisoned), function(*other), strict=True):
            np.testing.assert_array_equal(x, y)
    longer = np.concatenate([poisoned[0], np.full((12, 5, 3), np.nan)], axis=1)
    for function in (chain_viterbi, chain_marginals):
        for x, y in zip(function(*poisoned), function(longer, *poisoned[1:]), strict=True):
            np.testing.assert_array_equal(x, y[tuple(slice(n) for n in x.shape)])


def test_ordinary_chains_are_done_by_the_kernel(monkeypatch):
    """The page is not asked, but for a tie, a NaN and what is not possible."""
    asked = []
    by_the_page = chain_answers._by_the_page
    monkeypatch.setattr(
        chain_answers, "_by_the_page", lambda f, sample, i: asked.append(i) or by_the_page(f, sample, i)
    )
    u, P, lengths = batch(5)
    chain_viterbi(u, P, lengths)
    chain_marginals(u, P, lengths)
    assert asked == []
    u[3, 0], u[4, 0, 2], u[6, 0] = 0.0, np.nan, np.inf
    lengths[3] = 1
    chain_viterbi(u, P, lengths)
    assert asked == [3, 4, 6]


def test_ties_go_to_the_first_in_the_dictionary():
    u, P = np.zeros((2, 4, 3)), np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    energies, labels = chain_viterbi(u, P, [4, 2])
    assert labels.tolist() == [[0, 1, 0, 1], [0, 1, -1, -1]] and energies.tolist() == [0.0, 0.0]


def test_what_underflows_keeps_its_digits():
    """Every way is e^-800 of the lowest energies: F, and 1/2 for each of the two sequences."""
    u = np.array([[[0.0, 800.0], [800.0, 0.0], [0.0, 800.0]]])
    P = np.array([[0.0, np.inf], [np.inf, 0.0]])
    free, nodes, _ = chain_marginals(u, P)
    assert free[0] == pytest.approx(800.0, rel=1e-15)
    assert nodes[0, 0].tolist() == [1.0, math.exp(-800.0)]


def test_nothing_is_possible():
    u, P = np.zeros((1, 2, 2)), np.full((2, 2), np.inf)
    assert chain_viterbi(u, P)[0][0] == np.inf
    free, nodes, edges = chain_marginals(u, P)
    assert free[0] == np.inf and np.isnan(nodes).all() and np.isnan(edges).all()
    assert chain_viterbi(u, P, [1])[0][0] == 0.0  # of one moment the table of pairs is not read
    assert chain_marginals(u, np.full((2, 2), np.nan), [1])[0][0] == pytest.approx(-math.log(2.0))


def test_the_gradient_of_the_loss_is_made_of_the_marginals():
    """dL/du = [y_t = j] - p(y_t = j), each from a kernel of its own."""
    u, P, lengths = batch(6, padding=5.0)
    y = np.random.default_rng(6).integers(3, size=u.shape[:2])
    _, by_unary, by_pairwise = chain_nll_value_and_gradients(u, P, y, lengths, 0.9)
    _, nodes, edges = chain_marginals(u, P, lengths, 0.9)
    for i, n in enumerate(lengths):
        own = np.arange(3) == y[i, :n, None]
        assert by_unary[i, :n] == pytest.approx(own - nodes[i, :n], abs=1e-14)
        pairs = own[:-1].T.astype(float) @ own[1:]
        assert by_pairwise[i] == pytest.approx(pairs - edges[i].sum(axis=0), abs=1e-13)


def test_one_label_and_an_empty_batch():
    energies, labels = chain_viterbi(np.ones((2, 3, 1)), np.ones((1, 1)), [3, 2])
    assert energies.tolist() == [5.0, 3.0] and labels.tolist() == [[0, 0, 0], [0, 0, -1]]
    assert chain_marginals(np.ones((1, 3, 1)), np.ones((1, 1)))[1].tolist() == [[[1.0]] * 3]
    assert chain_viterbi(np.ones((0, 3, 2)), np.ones((2, 2)))[1].shape == (0, 3)
    assert [x.shape for x in chain_marginals(np.ones((0, 3, 2)), np.ones((2, 2)))] == [
        (0,),
        (0, 3, 2),
        (0, 2, 2, 2),
    ]


@pytest.mark.parametrize("function", [chain_viterbi, chain_marginals])
@pytest.mark.parametrize(
    "changes, says",
    [
        ({"lengths": [0]}, r"lengths = \[0\]: must be in 1..3"),
        ({"lengths": [4]}, r"lengths = \[4\]: must be in 1..3"),
        ({"lengths": [-1]}, r"lengths = \[-1\]: must be in 1..3"),
        ({"lengths": [2.0]}, r"lengths = .*must hold integers"),
        ({"lengths": [2, 2]}, r"lengths = .*has shape \(2,\), but must have \(1,\)"),
        ({"unary": -np.full((1, 3, 2), np.inf)}, r"(?s)unary\[0\] = .*must not be -inf"),
        ({"unary": np.zeros((3, 2))}, r"(?s)unary = .*has shape \(3, 2\)"),
        ({"unary": np.zeros((1, 3, 0)), "pairwise": np.zeros((0, 0))}, r"unary\[0\] = .*none empty"),
        ({"pairwise": np.full((2, 2), -np.inf)}, r"(?s)pairwise = .*must not be -inf"),
        ({"pairwise": np.zeros((2, 3))}, r"(?s)pairwise = .*has shape \(2, 3\), but must have \(2, 2\)"),
    ],
)
def test_bad_input(function, changes, says):
    legal = {"unary": np.zeros((1, 3, 2)), "pairwise": np.zeros((2, 2))}
    with pytest.raises(ValueError, match=says):
        function(**legal | changes)


def test_a_beta_of_nothing():
    for beta in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"beta = .*must be positive and finite"):
            chain_marginals(np.zeros((1, 3, 2)), np.zeros((2, 2)), None, beta)
