"""Gradients of an RBM by rows of data, each held to the page of its estimator; the kernel held to them."""

import itertools

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.exact import rbm as exact
from ebm_ref.exact.transition import coin
from ebm_ref.kernels import rbm as kernel
from ebm_ref.learning import likelihood
from ebm_ref.learning import rbm_gradients as page
from ebm_ref.learning.expected_cd import expected_cd_gradient
from ebm_ref.learning.flips import bit_flips
from ebm_ref.learning.minimum_probability_flow import mean_flow, minimum_probability_flow_gradient
from ebm_ref.learning.pseudolikelihood import pseudolikelihood_gradient
from ebm_ref.learning.ratio_matching import ratio_matching_gradient
from ebm_ref.samplers.gibbs import hidden_probabilities, rbm_step

LOSSES = {
    "pseudolikelihood": pseudolikelihood_gradient,
    "ratio_matching": ratio_matching_gradient,
    "minimum_probability_flow": minimum_probability_flow_gradient,
}


def machine(v=4, h=3, rows=5, seed=0):
    """W, b, c, rows of bits, and their probabilities."""
    rng = np.random.default_rng([seed, v, h])
    X = rng.integers(2, size=(rows, v)).astype(float)
    return rng.normal(size=(v, h)), rng.normal(size=v), rng.normal(size=h), X, rng.dirichlet(np.ones(rows))


def close(found, truth, rtol=1e-12):
    for ours, theirs in zip(found, truth, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)


# likelihood


@pytest.mark.parametrize("v, h", [(4, 3), (3, 5), (1, 1)])
def test_exact_gradient_is_that_of_the_plain_sum(v, h):
    given = machine(v, h)
    close(page.exact_gradient(*given), likelihood.rbm_likelihood_gradient(*given), 1e-14)
    assert page.mean_log_likelihood(*given) == pytest.approx(likelihood.rbm_log_likelihood(*given), rel=1e-13)


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_no_machine_passes_the_bound_of_its_data(scale):
    """Distinct rows: minus the entropy of their law; reached by a machine that has one state."""
    for seed in range(20):
        W, b, c, X, p = machine(seed=seed)
        X, which = np.unique(X, axis=0, return_inverse=True)
        p = np.bincount(which.ravel(), p)
        assert page.mean_log_likelihood(scale * W, scale * b, c, X, p) < p @ np.log(p)
    one = np.array([[1.0, 0.0]])
    assert page.mean_log_likelihood(np.zeros((2, 1)), [40.0, -40.0], [0.0], one, [1.0]) > -1e-16 * 2**2


# flips


def test_flip_differences_are_those_of_the_free_energy():
    W, b, c, X, _ = machine()
    energy = lambda v: FORMULAS["rbm_free_energy"].value(W, b, c, v)
    close(page.flip_differences(W, b, c, X), [bit_flips(energy, x) for x in X], 1e-13)


def mean_loss(name, W, b, c, X, p):
    """From the page's value, row by row."""
    D = page.flip_differences(W, b, c, X)
    return p @ [FORMULAS[name].value(row) for row in D]


@pytest.mark.parametrize("name", LOSSES)
def test_flip_gradients_are_slopes_of_their_losses(name):
    *theta, X, p = machine()
    slopes = lambda D: LOSSES[name](D.ravel()).reshape(D.shape)
    found = page.flip_gradient(*theta, X, p, slopes)
    rng, e = np.random.default_rng(1), 2.0**-18
    assert [g.shape for g in found] == [x.shape for x in theta]
    for _ in range(5):
        way = [rng.normal(size=x.shape) for x in theta]
        up, down = (
            mean_loss(name, *(x + s * d for x, d in zip(theta, way, strict=True)), X, p) for s in (e, -e)
        )
        slope = sum(np.sum(g * d) for g, d in zip(found, way, strict=True))
        assert (up - down) / (2.0 * e) == pytest.approx(slope, rel=1e-8)


def test_flow_between_data_can_be_left_out():
    """Slopes of 0 where a neighbour is a datum: the gradient of `mean_flow`, which leaves those out."""
    *theta, X, _ = machine()
    X = np.unique(X, axis=0)
    p = np.full(len(X), 1.0 / len(X))
    known = {tuple(x) for x in X}
    out = np.array([[tuple(np.abs(x - e)) not in known for e in np.eye(4)] for x in X])
    assert 0 < out.sum() < out.size
    slopes = lambda D: out * minimum_probability_flow_gradient(D.ravel()).reshape(D.shape)
    flow = lambda W, b, c: mean_flow(lambda v: FORMULAS["rbm_free_energy"].value(W, b, c, v), X)
    rng, e = np.random.default_rng(1), 2.0**-18
    way = [rng.normal(size=x.shape) for x in theta]
    up, down = (flow(*(x + s * d for x, d in zip(theta, way, strict=True))) for s in (e, -e))
    found = page.flip_gradient(*theta, X, p, slopes)
    slope = sum(np.sum(g * d) for g, d in zip(found, way, strict=True))
    assert (up - down) / (2.0 * e) == pytest.approx(slope, rel=1e-8)


def test_of_one_visible_unit_pseudolikelihood_is_likelihood():
    given = machine(v=1, h=3, rows=2)
    slopes = lambda D: pseudolikelihood_gradient(D.ravel()).reshape(D.shape)
    close(page.flip_gradient(*given, slopes), likelihood.rbm_likelihood_gradient(*given), 1e-14)


# chains


def test_many_chains_are_the_step_of_each():
    W, b, c, X, p = machine()
    rng = np.random.default_rng(2)
    noise = [(rng.random((5, 3)), rng.random((5, 4))) for _ in range(6)]
    found, ends = page.chain_gradient(W, b, c, X, p, X, noise)
    for m, start in enumerate(X):
        v = start
        for u_h, u_v in noise:
            v, _ = rbm_step(W, b, c, v, u_h[m], u_v[m])
        np.testing.assert_array_equal(ends[m], v)
    assert np.any(ends != X)
    on = np.array([hidden_probabilities(W, c, v) for v in ends])
    data = likelihood.rbm_statistics(W, c, X, p)
    model = [ends.T @ on / 5, ends.mean(axis=0), on.mean(axis=0)]
    close(found, [m - d for m, d in zip(model, data, strict=True)], 1e-14)


def all_noise(W, b, c, v, k):
    """(probability, noise) of k steps of a chain from v: both sides of every threshold."""
    if k == 0:
        yield 1.0, []
        return
    for bits in itertools.product((0, 1), repeat=len(c)):
        up = [coin(q)[1 - x] for q, x in zip(hidden_probabilities(W, c, v), bits, strict=True)]
        down = hidden_probabilities(W.T, b, np.array(bits))
        for new in itertools.product((0, 1), repeat=len(b)):
            to = [coin(q)[1 - x] for q, x in zip(down, new, strict=True)]
            q = np.prod([w for w, _ in (*up, *to)])
            u = np.array([[u for _, u in up]]), np.array([[u for _, u in to]])
            for rest, later in all_noise(W, b, c, np.array(new), k - 1):
                yield q * rest, [u, *later]


@pytest.mark.parametrize("k", [1, 2])
def test_the_mean_over_all_noise_is_expected_cd(k):
    W, b, c, *_ = machine(v=2, h=1)
    X, p = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([0.3, 0.7])
    total, mean = 0.0, [0.0, 0.0, 0.0]
    for start, w in zip(X, p, strict=True):
        for q, noise in all_noise(W, b, c, start, k):
            found, _ = page.chain_gradient(W, b, c, X, p, [start], noise)
            total, mean = total + w * q, [m + w * q * g for m, g in zip(mean, found, strict=True)]
    assert total == pytest.approx(1.0, rel=1e-14)
    close(mean, expected_cd_gradient(W, b, c, X, p, k), 1e-13)


def test_what_is_refused():
    W, b, c, X, p = machine()
    step = [(np.zeros((5, 3)), np.zeros((5, 4)))]
    for argument, given in (
        ("noise", (X, [])),
        ("noise", (X, [(np.zeros((5, 4)), np.zeros((5, 4)))])),
        ("noise", (X, [(np.ones((5, 3)), np.zeros((5, 4)))])),
        ("chains", (0.5 * np.ones_like(X), step)),
        ("chains", (np.zeros((0, 4)), step)),
        ("chains", (X[:, :3], step)),
    ):
        with pytest.raises(ValueError, match=argument):
            page.chain_gradient(W, b, c, X, p, *given)
    with pytest.raises(ValueError, match="slopes"):
        page.flip_gradient(W, b, c, X, p, lambda D: D[0])
    with pytest.raises(ValueError, match="data_weights"):
        page.exact_gradient(W, b, c, X, 2.0 * p)
    with pytest.raises(ValueError, match="visible"):
        page.flip_differences(W, b, c, 0.5 * X)


# the kernel


def page_updates(W, b, c, X, rows, rates, rng, k, chains):
    """The same updates by the page, with its uniform numbers drawn unit by unit."""
    for batch, rate in zip(rows, rates, strict=True):
        V = X[batch] if chains is None else chains
        unit_by_unit = lambda n, V=V: rng.random((n, len(V))).T
        noise = [(unit_by_unit(len(c)), unit_by_unit(len(b))) for _ in range(k)]
        p = np.full(len(batch), 1.0 / len(batch))
        slopes, ends = page.chain_gradient(W, b, c, X[batch], p, V, noise)
        chains = None if chains is None else ends
        W, b, c = (x - rate * g for x, g in zip((W, b, c), slopes, strict=True))
    return (W, b, c), ends


@pytest.mark.parametrize("k, chains", [(1, None), (3, None), (1, 7), (2, 20)])
def test_the_kernel_updates_as_the_page_does(k, chains):
    """State for state from the same generator; chains and data of different numbers too."""
    W, b, c, X, _ = machine(6, 5, rows=30)
    rng = np.random.default_rng(4)
    rows, rates = rng.integers(30, size=(40, 11)), np.linspace(0.3, 0.0, 40)
    V = None if chains is None else rng.integers(2, size=(chains, 6)).astype(float)
    kept = [np.array(x) for x in (W, b, c, X, rows, rates)]
    ours, ends = kernel.contrastive_updates((W, b, c), X, rows, rates, np.random.default_rng(5), k, V)
    theirs, truth = page_updates(W, b, c, X, rows, rates, np.random.default_rng(5), k, V)
    np.testing.assert_array_equal(ends, truth)
    close(ours, theirs, 1e-13)
    assert all(np.array_equal(x, y) for x, y in zip((W, b, c, X, rows, rates), kept, strict=True))
    assert np.max(np.abs(ours[0] - W)) > 0.05


@pytest.mark.parametrize("k", [1, 4])
def test_one_update_of_many_chains_is_expected_cd(k):
    """40,000 rows: within five standard errors, each bounded by that of a bit."""
    W, b, c, X, p = machine(5, 4)
    m = 40_000
    rows = np.repeat(np.arange(5), np.round(m * p).astype(int))[None]
    weights = np.bincount(rows[0], minlength=5) / rows.size
    moved, _ = kernel.contrastive_updates((W, b, c), X, rows, [1.0], np.random.default_rng(6), k)
    truth = expected_cd_gradient(W, b, c, X, weights, k)
    for start, end, g in zip((W, b, c), moved, truth, strict=True):
        np.testing.assert_allclose(start - end, g, rtol=0, atol=5 * 0.5 / np.sqrt(m))
    other = expected_cd_gradient(W, b, c, X, weights, k + 1)
    off = [np.abs(s - e - g).max() for s, e, g in zip((W, b, c), moved, other, strict=True)]
    assert k > 1 or max(off) > 10 * 0.5 / np.sqrt(m), "one step more would show"


@pytest.mark.parametrize("v, h", [(1, 1), (6, 5), (5, 8), (9, 2)])
def test_moments_of_the_kernel_are_the_pages(v, h):
    W, b, c, *_ = machine(v, h)
    close(kernel.moments(W, b, c), exact.moments(W, b, c), 1e-13)
    close(kernel.moments(300 * W, b, c), exact.moments(300 * W, b, c), 1e-11)


def test_a_unit_that_is_rarely_on_keeps_its_digits():
    """Once in e^40: the page's difference of sums has lost all of it."""
    W, b, c, *_ = machine(4, 3)
    b[2] = -40.0
    found = kernel.moments(W, b, c)
    H = likelihood.all_bits(3)
    weight = np.exp(H @ c + np.logaddexp(0.0, b + H @ W.T).sum(axis=1))
    on = np.exp(-np.logaddexp(0.0, -(b + H @ W.T)[:, 2]))
    assert found[2][2] == pytest.approx(weight @ on / weight.sum(), rel=1e-13)
    np.testing.assert_allclose(found[1][2], (weight * on) @ H / weight.sum(), rtol=1e-13)


@pytest.mark.parametrize(
    "argument, changed",
    [
        ("weights", {"machine": (np.zeros((3, 3)), np.zeros(4), np.zeros(3))}),
        ("weights", {"machine": (np.full((4, 3), np.nan), np.zeros(4), np.zeros(3))}),
        ("machine", {"machine": np.zeros((4, 3))}),
        ("data", {"data": np.full((5, 4), 0.5)}),
        ("data", {"data": np.zeros((5, 3))}),
        ("rows", {"rows": [[5]]}),
        ("rows", {"rows": [[-1]]}),
        ("rows", {"rows": np.zeros((1, 0), int)}),
        ("rows", {"rows": [[0.5]]}),
        ("rates", {"rates": [np.inf]}),
        ("rates", {"rates": [0.1, 0.1]}),
        ("rng", {"rng": 3}),
        ("k", {"k": 0}),
        ("k", {"k": 1.0}),
        ("chains", {"chains": [[0.5] * 4]}),
        ("chains", {"chains": np.zeros((0, 4))}),
        ("chains", {"chains": [[1.0]]}),
    ],
)
def test_what_the_kernel_refuses(argument, changed):
    W, b, c, X, _ = machine()
    given = {"machine": (W, b, c), "data": X, "rows": [[0]], "rates": [0.1]}
    with pytest.raises(ValueError, match=argument):
        kernel.contrastive_updates(**given | {"rng": np.random.default_rng(0)} | changed)
