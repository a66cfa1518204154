"""Estimators without a partition function against exact models: what they find, and where they rest."""

import itertools

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.exact import enumeration
from ebm_ref.exact.transition import certificate, stationary_distribution, transition_matrix
from ebm_ref.learning import expected_cd as cd
from ebm_ref.learning import likelihood, persistent_chains
from ebm_ref.learning import noise_contrastive_variance as nce
from ebm_ref.learning.flips import bit_flips, spin_flips
from ebm_ref.learning.minimum_probability_flow import mean_flow
from ebm_ref.numerics import sigmoid
from ebm_ref.samplers.chains import negative_phase
from ebm_ref.samplers.gibbs import rbm_transitions, systematic_transitions

U = 2.0**-53
BITS = {n: np.array(list(itertools.product((0.0, 1.0), repeat=n))) for n in (1, 2, 3, 4)}
ONE, ZERO = np.array([[1.3]]), np.zeros(1)
S = sigmoid(1.3)


def machine(seed, v, h, scale=1.0):
    """Weights and biases, rows of data that miss some states, and their probabilities."""
    rng = np.random.default_rng(seed)
    W, b, c = rng.normal(scale=scale, size=(v, h)), rng.normal(size=v), rng.normal(size=h)
    X = BITS[v][rng.permutation(2**v)[: 2**v - 1]]
    return W, b, c, X, rng.dirichlet(np.ones(len(X)))


def whole(rows, weights, v):
    """A distribution over all 2^v states from rows and weights."""
    p = np.zeros(2**v)
    for row, w in zip(rows, weights, strict=True):
        p[int(row @ 2.0 ** np.arange(v)[::-1])] += w
    return p


def chain_of(W, b, c):
    """The transition matrix of the visible units, from the sampler that lists what it does."""
    return transition_matrix(rbm_transitions(W, b, c), list(itertools.product((0, 1), repeat=len(b))))


# expected contrastive divergence


@pytest.mark.parametrize("k", [1, 2, 3, 7])
@pytest.mark.parametrize("v, h", [(2, 3), (3, 2), (4, 1)])
def test_expected_cd_of_an_rbm_is_that_of_its_chain(v, h, k):
    """Two routes: products of conditional probabilities, and the matrix of the certified sampler."""
    W, b, c, X, p = machine(v + 10 * h, v, h)
    found = cd.expected_cd_gradient(W, b, c, X, p, k)
    on = sigmoid(c + BITS[v] @ W)
    T = np.column_stack([np.einsum("sv,sh->svh", BITS[v], on).reshape(2**v, -1), BITS[v], on])
    truth = cd.expected_cd(chain_of(W, b, c), whole(X, p, v), T, k)
    np.testing.assert_allclose(np.concatenate([g.ravel() for g in found]), truth, rtol=0, atol=100 * U)
    assert [g.shape for g in found] == [(v, h), (v,), (h,)]


def test_one_step_of_a_machine_written_out():
    """All paths v -> h -> v' of a 2 x 1 machine in plain Python: how W is turned, and h before v."""
    W, b, c = np.array([[0.7], [-1.9]]), np.array([0.3, -0.4]), np.array([0.2])
    data = {(1, 0): 0.75, (1, 1): 0.25}
    bit = lambda p, x: p if x else 1.0 - p
    dW, db, dc = np.zeros(2), np.zeros(2), 0.0
    for v, w in data.items():
        on = sigmoid(c[0] + np.dot(v, W[:, 0]))
        dW, db, dc = dW - w * on * np.array(v), db - w * np.array(v), dc - w * on
        for h, new in itertools.product((0, 1), itertools.product((0, 1), repeat=2)):
            down = sigmoid(b + h * W[:, 0])
            path = w * bit(on, h) * bit(down[0], new[0]) * bit(down[1], new[1])
            after = sigmoid(c[0] + np.dot(new, W[:, 0]))
            dW, db, dc = dW + path * after * np.array(new), db + path * np.array(new), dc + path * after
    found = cd.expected_cd_gradient(W, b, c, list(data), list(data.values()), 1)
    for ours, truth in zip(found, (dW[:, None], db, [dc]), strict=True):
        np.testing.assert_allclose(ours, truth, rtol=0, atol=20 * U)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_smallest_machine_by_hand(k):
    """Eigenvalue (s - 1/2)^2 and bias s lambda^k (1 - pi), data always 1."""
    P = chain_of(ONE, ZERO, ZERO)
    eigenvalue, pi = (S - 0.5) ** 2, (1.0 + np.exp(1.3)) / (3.0 + np.exp(1.3))
    assert np.trace(P) - 1.0 == pytest.approx(eigenvalue, rel=1e-14)
    assert stationary_distribution(P)[1] == pytest.approx(pi, rel=1e-14)
    ours = cd.expected_cd_gradient(ONE, ZERO, ZERO, [[1]], [1.0], k)[0].item()
    exact = likelihood.rbm_likelihood_gradient(ONE, ZERO, ZERO, [[1]], [1.0])[0].item()
    bias = S * eigenvalue**k * (1.0 - pi)
    assert ours - exact == pytest.approx(bias, abs=10 * U)
    statistics = BITS[1] * S
    assert cd.expected_cd_bias(P, [0.0, 1.0], statistics, k).item() == pytest.approx(bias, abs=10 * U)


def test_the_bias_dies_out_like_the_second_eigenvalue():
    W, b, c, X, p = machine(3, 3, 2, scale=2.0)
    P, data = chain_of(W, b, c), whole(X, p, 3)
    bias = np.array([np.linalg.norm(cd.expected_cd_bias(P, data, BITS[3], k)) for k in (12, 13)])
    second = np.sort(np.abs(np.linalg.eigvals(P)))[-2]
    assert bias[1] / bias[0] == pytest.approx(second, rel=1e-3)


def test_no_bias_where_the_data_are_the_model():
    W, b, c, *_ = machine(5, 3, 2)
    pi = np.exp(likelihood.log_weights(W, b, c, BITS[3]))
    for k in (1, 4):
        for g in cd.expected_cd_gradient(W, b, c, BITS[3], pi / pi.sum(), k):
            np.testing.assert_allclose(g, 0.0, atol=20 * U)


def tied(gradient):
    """Slope of a gradient by one weight that both visible units share with the hidden one."""
    X, p = [[1, 1], [1, 0], [0, 0]], [0.5, 0.3, 0.2]
    return lambda w, *k: gradient(np.full((2, 1), w), np.zeros(2), np.zeros(1), X, p, *k)[0].sum()


def test_cd_comes_to_rest_elsewhere():
    """A machine of three units: CD-1 at .9240, CD-2 at .9154, maximum likelihood at .9148."""
    best = cd.fixed_point(tied(likelihood.rbm_likelihood_gradient), 0.0, 6.0)
    rests = [
        cd.fixed_point(lambda w, k=k: tied(cd.expected_cd_gradient)(w, k), 0.0, 6.0) for k in (1, 2, 3, 20)
    ]
    assert best == pytest.approx(0.9148225427, abs=1e-9)
    assert rests == pytest.approx([0.9239673906, 0.9154447026, 0.9148684846, 0.9148225427], abs=1e-9)
    offsets = np.array(rests[:3]) - best
    assert np.all(offsets[1:] / offsets[:-1] < 0.1)
    ends = lambda w: likelihood.rbm_log_likelihood(
        np.full((2, 1), w), np.zeros(2), np.zeros(1), [[1, 1], [1, 0], [0, 0]], [0.5, 0.3, 0.2]
    )
    assert ends(best) > max(ends(best + 1e-3), ends(best - 1e-3), ends(rests[0]))


def test_a_chain_without_hidden_units():
    """CD-1 of three spins by a systematic sweep: nothing in it is special to the RBM."""
    states = list(itertools.product((-1, 1), repeat=3))
    J = 0.6 * (np.eye(3, k=1) + np.eye(3, k=-1))
    P = transition_matrix(systematic_transitions(J, np.zeros(3), 1.0), states)
    T = np.array([[s[0] * s[1] + s[1] * s[2]] for s in states])
    pi = stationary_distribution(P)
    data = np.random.default_rng(2).dirichlet(np.ones(8))
    assert cd.expected_cd(P, pi, T, 3).item() == pytest.approx(0.0, abs=20 * U)
    exact = ((pi - data) @ T).item()
    assert cd.expected_cd(P, data, T, 60).item() == pytest.approx(exact, abs=60 * 16 * U)  # 8 sums a step
    assert abs(cd.expected_cd(P, data, T, 1).item() - exact) > 0.01
    assert (pi @ T).item() == pytest.approx(2.0 * np.tanh(0.6), rel=1e-13)


def test_mistakes_of_the_negative_phase():
    """E[v P(h|v)] at h = 1: .6175 by bits, .5778 by probabilities; and the hidden units of before."""
    W, b, c = ONE, ZERO, np.array([800.0])  # the hidden unit is on for certain
    right = cd.expected_cd_gradient(W, b, c, [[1]], [1.0], 1)
    assert right[1].item() + 1.0 == pytest.approx(S, rel=1e-14)
    c = ZERO
    on, off = S * S, 0.5 * S  # E[v sigma(w v)] where h was on, and off
    dW = S * on + (1.0 - S) * off - S
    assert cd.expected_cd_gradient(W, b, c, [[1]], [1.0], 1)[0].item() == pytest.approx(dW, abs=4 * U)
    assert (on, S * sigmoid(1.3 * S)) == pytest.approx((0.6175366205734983, 0.5778097807080724), rel=1e-14)
    wrong = {variant.name: variant.value(W, b, c, [[1]], [1.0]) for variant in cd.VARIANTS}
    means = S * S * sigmoid(1.3 * S) + (1.0 - S) * 0.5 * sigmoid(0.65) - S
    assert wrong["probabilities of the reconstruction in place of bits"][0].item() == pytest.approx(means)
    assert wrong["hidden units of the step before"][2].item() == 0.0
    for variant in cd.VARIANTS:
        W, b, c, X, p = machine(31, 3, 2)
        right = cd.expected_cd_gradient(W, b, c, X, p, 1)[0]
        assert np.max(np.abs(variant.value(W, b, c, X, p)[0] - right)) > 0.01


# chains that are kept


def mean_step(states, _):
    """The mean of a bit after one step of the smallest machine: linear, since there are two states."""
    P = chain_of(ONE, ZERO, ZERO)
    return P[0, 1] + (P[1, 1] - P[0, 1]) * states


def test_the_second_call_starts_where_the_first_ended():
    chains = persistent_chains.PersistentChains([[8.0], [4.0]])
    seen = []
    step = lambda states, z: (seen.append(states.copy()), 0.5 * states + z)[1]
    first = chains.advance(step, [0.0, 1.0])
    second = chains.advance(step, [0.0])
    assert first.tolist() == [[3.0], [2.0]] and second.tolist() == [[1.5], [1.0]]
    assert np.array_equal(seen[2], first) and np.array_equal(chains.states, second)
    first[:] = 99.0  # what was handed out is a copy
    assert chains.states.tolist() == [[1.5], [1.0]]


def test_kept_chains_reach_the_model_and_forgetful_ones_do_not():
    """.7001 is pi, .7246 one step from the data, however often it is repeated."""
    kept, forgetful = persistent_chains.PersistentChains([[1.0]]), persistent_chains.ForgetfulChains([[1.0]])
    for _ in range(30):
        after, again = kept.advance(mean_step, [None]), forgetful.advance(mean_step, [None])
    assert after.item() == pytest.approx(0.7001183033721687, rel=1e-14)
    assert again.item() == pytest.approx(0.724619129052219, rel=1e-14)


def test_what_fails_is_not_kept():
    chains = persistent_chains.PersistentChains([[8.0]])
    with pytest.raises(ValueError, match="step"):
        chains.advance(lambda states, z: states[:0], [0.0])
    with pytest.raises(ValueError, match=r"^step = 1:"):
        chains.advance(1, [0.0])
    assert chains.states.tolist() == [[8.0]]


def test_the_reset_share_of_a_buffer():
    halve = lambda states, _: 0.5 * states
    arguments = [[None], [1, 0], [[-8.0], [-8.0]], [0.3, 0.1]]
    for share, ends in ((0.0, [2.0, 1.0]), (0.2, [2.0, -4.0]), (1.0, [-4.0, -4.0])):
        buffer = persistent_chains.ReplayBuffer([[2.0], [4.0]], share)
        assert buffer.advance(halve, *arguments).ravel().tolist() == ends
        assert buffer.ends.ravel().tolist() == ends[::-1]
    with pytest.raises(ValueError, match=r"^fresh_share = 1\.5:"):
        persistent_chains.ReplayBuffer([[2.0]], 1.5)


def test_chains_from_noise_are_not_contrastive():
    """E = 4 x^2/2, data N(0, 1/4), one Langevin step of .5 from noise N(0, 1) or from the data."""
    step = lambda variance: (1.0 - 0.5 * 0.25 * 4.0) ** 2 * variance + 0.25
    from_data, from_noise = ((0.25 - step(v)) / 2.0 for v in (0.25, 1.0))
    assert (from_data, from_noise) == (-0.03125, -0.125)
    wrong = next(v.value for v in persistent_chains.VARIANTS if v.name == "every chain from noise")
    starts = wrong([[0.5], [-0.5]]).advance(lambda x, _: x, [None], [0, 1], [[1.0], [-1.0]], [0.99, 0.5])
    assert np.mean(starts**2) == 1.0


# maximum likelihood


def differences(function, x, h=2.0**-17):
    """Central differences of a function of an array."""
    g = np.zeros(np.shape(x))
    for i in np.ndindex(g.shape):
        d = np.zeros(g.shape)
        d[i] = h
        g[i] = (function(x + d) - function(x - d)) / (2 * h)
    return g


def test_ising_likelihood_by_blocks_and_by_enumeration():
    rng = np.random.default_rng(4)
    n = 5
    J, h = np.triu(rng.normal(size=(n, n)), 1), rng.normal(size=n)
    J = J + J.T
    states = np.array(list(itertools.product((-1.0, 1.0), repeat=n)))
    rows = rng.permutation(len(states))[:9]
    w = rng.dirichlet(np.ones(9))
    data = np.bincount(rows, w, minlength=len(states))
    E = FORMULAS["ising"](J, h, states)
    truth = likelihood.log_likelihood(E, data)
    by_blocks = likelihood.ising_log_likelihood(J, h, states[rows], w)
    assert by_blocks == pytest.approx(truth, rel=1e-13)
    T = np.column_stack([np.einsum("si,sj->sij", states, states).reshape(len(states), -1) / 2.0, states])
    dJ, dh = likelihood.ising_likelihood_gradient(J, h, states[rows], w)
    g = likelihood.likelihood_gradient(E, data, T)
    off = ~np.eye(n, dtype=bool)
    np.testing.assert_allclose(dJ[off], g[: n * n].reshape(n, n)[off], rtol=0, atol=1e-13)
    np.testing.assert_allclose(dh, g[n * n :], rtol=0, atol=1e-13)
    assert np.all(np.diag(dJ) == 0.0)
    slope = differences(lambda h: -likelihood.ising_log_likelihood(J, h, states[rows], w), h)
    np.testing.assert_allclose(dh, slope, atol=1e-8)
    page = enumeration.nll_gradient(E, -T, rows[:, None])  # equal weights
    np.testing.assert_allclose(
        likelihood.likelihood_gradient(E, np.bincount(rows, minlength=32) / 9.0, T), page, rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("v, h", [(3, 2), (2, 4), (3, 3)])
def test_rbm_likelihood_by_the_smaller_kind_of_units(v, h):
    W, b, c, X, p = machine(v * h, v, h)
    energies = np.array([[FORMULAS["rbm"].value(W, b, c, x, y) for y in BITS[h]] for x in BITS[v]])
    E = -np.log(np.sum(np.exp(-energies), axis=1))
    data = whole(X, p, v)
    value = lambda W, b, c: -likelihood.rbm_log_likelihood(W, b, c, X, p)
    assert value(W, b, c) == pytest.approx(-likelihood.log_likelihood(E, data), rel=1e-13)
    dW, db, dc = likelihood.rbm_likelihood_gradient(W, b, c, X, p)
    np.testing.assert_allclose(dW, differences(lambda W: value(W, b, c), W), atol=1e-8)
    np.testing.assert_allclose(db, differences(lambda b: value(W, b, c), b), atol=1e-8)
    np.testing.assert_allclose(dc, differences(lambda c: value(W, b, c), c), atol=1e-8)
    np.testing.assert_allclose(db, likelihood.likelihood_gradient(E, data, BITS[v]), rtol=0, atol=50 * U)


def test_potts_likelihood_by_blocks_and_by_enumeration():
    rng = np.random.default_rng(14)
    n, q = 3, 4
    J, h = np.triu(rng.normal(size=(n, n)), 1), rng.normal(size=(n, q))
    J = J + J.T
    states = enumeration.configurations((q,) * n)
    rows, w = rng.permutation(len(states))[:5], rng.dirichlet(np.ones(5))
    agree = 0.5 * (states[:, :, None] == states[:, None, :]) * ~np.eye(n, dtype=bool)
    T = np.column_stack([agree.reshape(len(states), -1), np.eye(q)[states].reshape(len(states), -1)])
    E = FORMULAS["potts"](J, h, states)
    g = likelihood.likelihood_gradient(E, np.bincount(rows, w, minlength=len(states)), T)
    dJ, dh = likelihood.potts_likelihood_gradient(J, h, states[rows], w)
    np.testing.assert_allclose(np.append(dJ, dh), g, rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match=r"^labels = "):
        likelihood.potts_likelihood_gradient(J, h, np.full((1, n), q), [1.0])


def test_likelihood_of_densities_by_quadrature():
    """A Gaussian in closed form, and the slope of a double well against differences; two dimensions, too."""
    points, k = np.array([0.5, -1.5, 2.0]), 2.5
    value, error = likelihood.density_log_likelihood(lambda x: k * x**2 / 2.0, points)
    moment = np.mean(points**2)
    assert value == pytest.approx(0.5 * np.log(k / (2.0 * np.pi)) - k * moment / 2.0, abs=error + 1e-14)
    g, error = likelihood.density_likelihood_gradient(
        lambda x: k * x**2 / 2.0, lambda x: -(x**2) / 2.0, points
    )
    assert g == pytest.approx((moment - 1.0 / k) / 2.0, abs=error + 1e-14)
    well = lambda height: lambda x: height * (x**2 - 1.0) ** 2
    g, _ = likelihood.density_likelihood_gradient(well(0.7), lambda x: -((x**2 - 1.0) ** 2), points)
    loss = lambda height: -likelihood.density_log_likelihood(well(height), points)[0]
    assert g == pytest.approx((loss(0.7 + 1e-4) - loss(0.7 - 1e-4)) / 2e-4, abs=1e-7)
    plane = [(-np.inf, np.inf)] * 2
    bowl = lambda x: x[0] ** 2 / 2.0 + 2.0 * x[1] ** 2
    value, _ = likelihood.density_log_likelihood(bowl, [[1.0, 0.0]], plane)
    assert value == pytest.approx(-0.5 - np.log(2.0 * np.pi) + np.log(2.0), abs=1e-12)
    with pytest.raises(ValueError, match=r"^points = "):
        likelihood.density_log_likelihood(bowl, np.zeros((0, 2)), plane)


def test_impossible_states_and_data():
    assert likelihood.log_likelihood([0.0, np.inf, 0.0], [0.5, 0.0, 0.5]) == pytest.approx(-np.log(2.0))
    assert likelihood.log_likelihood([0.0, np.inf], [0.5, 0.5]) == -np.inf
    g = likelihood.likelihood_gradient([0.0, np.inf, 0.0], [1.0, 0.0, 0.0], np.eye(3))
    assert g.tolist() == [-0.5, 0.0, 0.5]


def test_a_sampled_gradient_and_its_error():
    """Chains of three spins: the error bar covers the exact gradient, and is that of the chain's own law."""
    states = list(itertools.product((-1, 1), repeat=3))
    J, h = 0.4 * (np.ones((3, 3)) - np.eye(3)), np.array([0.2, -0.1, 0.3])
    P = transition_matrix(systematic_transitions(J, h, 1.0), states)
    T = np.array([[s[0] * s[1], s[2], s[0]] for s in states], float)
    rng, pi = np.random.default_rng(8), stationary_distribution(P)
    at, draws = rng.choice(8, size=20, p=pi), []
    for _ in range(400):
        at = np.sum(np.cumsum(P[at], axis=1) < rng.random((20, 1)), axis=1)
        draws.append(T[at])
    gradient, error = likelihood.sampled_gradient(T[[0, 3, 7]], np.moveaxis(draws, 0, 1))
    exact = pi @ T - np.mean(T[[0, 3, 7]], axis=0)
    assert np.all(np.abs(gradient - exact) < 4.0 * error)
    centred = T - pi @ T
    covariances = np.einsum("s,sp,sp->p", pi, centred, centred)
    lagged = [
        np.einsum("s,st,sp,tp->p", pi, np.linalg.matrix_power(P, t), centred, centred) for t in range(1, 60)
    ]
    truth = np.sqrt((covariances + 2.0 * np.sum(lagged, axis=0)) / 8000)
    np.testing.assert_allclose(error, truth, rtol=0.15)
    np.testing.assert_allclose(
        -gradient, negative_phase(T[[0, 3, 7]], np.reshape(draws, (-1, 3))), atol=1e-13
    )


# noise


PARTS = np.random.default_rng(11).dirichlet(np.ones(5), size=2)
SLOPES = np.random.default_rng(12).normal(size=(5, 2))


@pytest.mark.parametrize("nu", [0.25, 1.0, 7.0])
def test_variance_of_noise_contrastive_estimates_by_two_routes(nu):
    arguments = SLOPES, PARTS[0], PARTS[1], nu
    S = nce.noise_contrastive_covariance(*arguments)
    np.testing.assert_allclose(S, nce.noise_contrastive_sandwich(*arguments), rtol=1e-11)
    assert np.all(np.linalg.eigvalsh(S) > 0.0)


def test_what_noise_costs():
    """Never better than maximum likelihood, 1 + 1/nu times it for the data's own law."""
    best = nce.likelihood_covariance(SLOPES, PARTS[0])
    own = nce.noise_contrastive_covariance(SLOPES, PARTS[0], PARTS[0], 4.0)[:2, :2]
    np.testing.assert_allclose(own, 1.25 * best, rtol=1e-12)
    for noise in PARTS:
        excess = [
            np.linalg.eigvalsh(nce.noise_contrastive_covariance(SLOPES, PARTS[0], noise, nu)[:2, :2] - best)
            for nu in (0.5, 1.0, 10.0, 1e6)
        ]
        assert np.all(np.array(excess) > 0.0) and np.all(np.diff(excess, axis=0) < 0.0)
        assert np.max(excess[-1]) < 1e-4 * np.max(best)
    rare = [np.array([e, e, e, 0.5 - e, 0.5 - 2.0 * e]) for e in (1e-4, 1e-6)]  # two states of five are left
    few, fewer = (nce.noise_contrastive_covariance(SLOPES, PARTS[0], q, 1.0)[0, 0] for q in rare)
    assert fewer > 50.0 * few > 50.0 * best[0, 0]


def test_the_variance_is_what_small_changes_of_the_data_make():
    """Delta method: the optimum moves by curvature^-1 times the change of the slope, and so by S."""
    theta, (_, q), nu = np.array([0.7, -0.4]), PARTS, 2.0
    p = np.exp(-SLOPES @ theta)
    c, p = np.log(p.sum()), p / p.sum()

    def optimum(data, noise):
        x = np.array([*theta, c])
        for _ in range(30):  # Newton
            u = -SLOPES @ x[:2] - x[2] - np.log(q)
            g = np.column_stack([SLOPES, np.ones(5)])
            odds = sigmoid(np.log(nu) - u)
            slope = g.T @ (data * odds - nu * noise * (1.0 - odds))
            curvature = g.T @ ((data + nu * noise)[:, None] * (odds * (1.0 - odds))[:, None] * g)
            x = x - np.linalg.solve(curvature, slope)
        return x

    np.testing.assert_allclose(optimum(p, q), [*theta, c], rtol=1e-12)  # log Z is recovered
    moves = lambda law, of: np.array(
        [(of(law + 1e-5 * (e - law)) - of(law - 1e-5 * (e - law))) / 2e-5 for e in np.eye(5)]
    )
    by_data, by_noise = moves(p, lambda data: optimum(data, q)), moves(q, lambda noise: optimum(p, noise))
    S = by_data.T @ (p[:, None] * by_data) + by_noise.T @ (q[:, None] * by_noise) / nu
    np.testing.assert_allclose(S, nce.noise_contrastive_covariance(SLOPES, p, q, nu), rtol=1e-6)


@pytest.mark.parametrize(
    "name, shift",
    [
        ("log nu forgotten", 1.0),
        ("log nu with the sign turned", 2.0),
        ("noise term not weighted", -1.0),
        (None, 0.0),
    ],
)
def test_where_the_mistakes_put_log_z(name, shift):
    """The record says by how many log nu each misses; here c is fitted, the energy being true."""
    nu, data, noise = 3.0, np.array([4, 2, 1, 1]), np.array([1, 1, 2, 4])
    f = FORMULAS["noise_contrastive"]
    value = f.value if name is None else next(v.value for v in f.variants if v.name == name)
    E = -np.log(data)  # log Z = log 8
    logits = lambda c, counts: np.repeat(-E - c - np.log(noise / 8.0), counts)
    loss = lambda c: value(logits(c, data), logits(c, noise), nu)
    slope = lambda c: (loss(c + 1e-5) - loss(c - 1e-5)) / 2e-5
    assert cd.fixed_point(slope, -10.0, 10.0) == pytest.approx(np.log(8.0) + shift * np.log(nu), abs=1e-7)


# what was really computed under these names: right and wrong, as far as the inputs go back to a report

REPORTED = [
    (
        "ranking_nce",
        "log q with the sign turned",
        (np.zeros(2), np.log([0.5, 0.1])),
        np.log(6.0),
        np.log(1.2),
    ),
    (
        "ranking_nce",
        "log q forgotten",
        (np.array([0.5, 1.0, 2.0, 0.25]), np.array([-1.0, -2.0, -1.5, -0.5])),
        1.3337902010205154,
        1.135807309359302,
    ),
    (
        "ranking_nce",
        "datum not in the sum",
        (np.array([-1.0, 0.0, 1.0]), np.zeros(3)),
        0.40760596444438035,
        -0.6867383124817772,
    ),
    (
        "noise_contrastive",
        "accidental hits removed",
        (np.array([0.3]), np.array([0.3]), 1.0),
        1.4087104889370543,
        0.5543552444685271,
    ),
    ("contrastive_divergence", "sums in place of means", (np.ones(1), np.ones(100)), 0.0, -99.0),
    (
        "contrastive_divergence",
        "the two phases exchanged",
        (np.array([1.0, 2.0, 6.0]), np.array([4.0])),
        -1.0,
        1.0,
    ),
    (
        "contrastive_divergence",
        "energies penalised",
        (np.array([2.0, 2.0]), np.array([2.0, 2.0, 2.0])),
        0.0,
        0.008,
    ),
    (
        "contrastive_divergence",
        "0.1 in place of what is no number",
        (np.array([np.inf, 1.0]), np.zeros(3)),
        np.inf,
        0.1,
    ),
    (
        "pseudolikelihood",
        "probability floored",
        (np.array([-2000.0, 0.0]),),
        2000.6931471805599,
        46.7448490409,
    ),
]


@pytest.mark.parametrize("formula, name, inputs, right, wrong", REPORTED)
def test_reported_mistakes(formula, name, inputs, right, wrong):
    f = FORMULAS[formula]
    variant = next(v for v in f.variants if v.name == name)
    assert f.value(*inputs) == pytest.approx(right, rel=1e-14)
    with np.errstate(all="ignore"):
        assert variant.value(*inputs) == pytest.approx(wrong, rel=1e-11)


# neighbours


def test_the_chain_on_which_three_agree_and_likelihood_differs():
    """The middle of three spins: A agree with both, B with none.  The likelihood says artanh(A - B)."""
    A, B = 0.55, 0.1
    J = np.log(A / B) / 4.0
    shares = {(1, 1, 1): A, (1, -1, 1): B, (1, 1, -1): 1.0 - A - B}
    energy = lambda s, J: -J * (s[0] * s[1] + s[1] * s[2])
    for loss in ("pseudolikelihood", "ratio_matching", "minimum_probability_flow"):
        f = FORMULAS[loss]
        mean = lambda J, f=f: sum(
            w * f.value(spin_flips(lambda s, J=J: energy(s, J), s)[1:2]) for s, w in shares.items()
        )
        assert mean(J) < min(mean(J - 1e-4), mean(J + 1e-4))
    rows, w = np.array(list(shares)), list(shares.values())
    chain = lambda J: J * (np.eye(3, k=1) + np.eye(3, k=-1))
    slope = lambda J: likelihood.ising_likelihood_gradient(chain(J), np.zeros(3), rows, w)[0][
        [0, 1], [1, 2]
    ].sum()
    best = cd.fixed_point(slope, -2.0, 2.0)
    assert best == pytest.approx(np.arctanh(A - B), abs=1e-12)
    assert abs(best - J) > 0.05


def test_flow_between_data_is_not_lost():
    """Three data in a row of the square: what flows from one to the other stays where data are."""
    energy = lambda x: x[0] + 2.0 * x[1]
    data = [[0, 0], [0, 1], [1, 1]]
    outside = (np.exp(-0.5 * 1.0) + np.exp(0.5 * 2.0)) / 3.0
    assert mean_flow(energy, data) == pytest.approx(outside, rel=1e-14)
    between = sum(np.exp(-0.5 * bit_flips(energy, x)).sum() for x in data) / 3.0
    assert mean_flow(energy, data, between_data=True) == pytest.approx(between, rel=1e-14)
    assert between > outside


def test_flow_is_the_growth_of_divergence():
    """d KL(data | process)/dt at 0, by the process itself: its rate matrix keeps the model."""
    rng = np.random.default_rng(6)
    E = rng.normal(size=8)
    energy = lambda x: E[int(x @ [4, 2, 1])]
    R = np.array(
        [
            [np.exp((E[i] - E[j]) / 2.0) * (np.sum(BITS[3][i] != BITS[3][j]) == 1) for j in range(8)]
            for i in range(8)
        ]
    )
    R -= np.diag(R.sum(axis=1))
    np.testing.assert_allclose(np.exp(-E) @ R, 0.0, atol=1e-14)
    rows = [0, 3, 3, 5]
    p = np.bincount(rows, minlength=8) / 4.0
    t = 1e-6
    after = p + t * p @ R + t**2 / 2.0 * p @ R @ R
    growth = np.sum(p[p > 0] * np.log(p[p > 0] / after[p > 0])) / t
    assert mean_flow(energy, BITS[3][rows]) == pytest.approx(growth, rel=1e-4)


# what is refused, with the argument's name

REFUSED = [
    ("k", lambda: cd.expected_cd_gradient(ONE, ZERO, ZERO, [[1]], [1.0], 0)),
    ("k", lambda: cd.expected_cd_gradient(ONE, ZERO, ZERO, [[1]], [1.0], 1.0)),
    ("k", lambda: cd.expected_cd(np.eye(2), [1.0, 0.0], np.eye(2), -1)),
    ("data_weights", lambda: cd.expected_cd_gradient(ONE, ZERO, ZERO, [[1], [0]], [0.5, 0.6], 1)),
    ("data_weights", lambda: cd.expected_cd_gradient(ONE, ZERO, ZERO, [[1], [0]], [1.5, -0.5], 1)),
    ("data_weights", lambda: cd.expected_cd_gradient(ONE, ZERO, ZERO, [[1], [0]], [1.0], 1)),
    ("visible", lambda: cd.expected_cd_gradient(ONE, ZERO, ZERO, [[2]], [1.0], 1)),
    ("visible", lambda: cd.expected_cd_gradient(ONE, ZERO, ZERO, np.zeros((0, 1)), [], 1)),
    ("weights", lambda: cd.expected_cd_gradient([[np.nan]], ZERO, ZERO, [[1]], [1.0], 1)),
    (
        "weights",
        lambda: cd.expected_cd_gradient(
            np.zeros((40, 40)), np.zeros(40), np.zeros(40), np.zeros((1, 40)), [1.0], 1
        ),
    ),
    ("P", lambda: cd.expected_cd(np.ones((2, 2)), [1.0, 0.0], np.eye(2), 1)),
    ("data", lambda: cd.expected_cd(np.eye(2), [1.0, 0.5], np.eye(2), 1)),
    ("low, high", lambda: cd.fixed_point(lambda w: w, 1.0, 2.0)),
    ("states", lambda: persistent_chains.PersistentChains(np.zeros((0, 2)))),
    ("ends", lambda: persistent_chains.ReplayBuffer(np.zeros((0, 2)))),
    (
        "noise_probabilities",
        lambda: nce.noise_contrastive_covariance(np.eye(2)[:, :1], [0.5, 0.5], [1.0, 0.0], 1.0),
    ),
    (
        "noise_per_data",
        lambda: nce.noise_contrastive_covariance(np.eye(2)[:, :1], [0.5, 0.5], [0.5, 0.5], 0.0),
    ),
    ("energy_gradients", lambda: nce.likelihood_covariance(np.ones((2, 1)), [0.5, 0.5])),
    ("energies", lambda: likelihood.log_likelihood([np.inf, np.inf], [0.5, 0.5])),
    ("energies", lambda: likelihood.log_likelihood([0.0, -np.inf], [0.5, 0.5])),
    ("data", lambda: likelihood.log_likelihood([0.0, 1.0], [0.5, 0.4])),
    ("spins", lambda: likelihood.ising_log_likelihood(np.zeros((1, 1)), [0.0], [[0.5]], [1.0])),
    ("sample_statistics", lambda: likelihood.sampled_gradient([[0.0]], np.zeros((1, 3, 1)))),
    ("data_statistics", lambda: likelihood.sampled_gradient(np.zeros((0, 1)), np.zeros((1, 8, 1)))),
    ("energy", lambda: bit_flips(lambda x: np.inf, [0, 1])),
    ("bits", lambda: bit_flips(lambda x: 0.0, [0, 2])),
    ("spins", lambda: spin_flips(lambda x: 0.0, [0, 1])),
    ("data", lambda: mean_flow(lambda x: 0.0, np.zeros((0, 2)))),
]


@pytest.mark.parametrize("argument, call", REFUSED)
def test_refusals_name_the_argument(argument, call):
    with pytest.raises(ValueError, match=f"^{argument} = "):
        call()


def test_the_sampler_behind_is_certified():
    """The chain of `expected_cd_gradient` keeps the law whose moments `rbm_likelihood_gradient` takes."""
    W, b, c, *_ = machine(9, 3, 2)
    pi = np.exp(likelihood.log_weights(W, b, c, BITS[3]))
    assert certificate(chain_of(W, b, c), pi).correct
