"""Chains: the recursions against every sequence written out, and the kernel against its page."""

import math

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.exact import chain, chain_enumeration, chain_margin, chain_nll, semi_markov
from ebm_ref.kernels.chain import chain_nll_value_and_gradients
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import measure

UNIT = 2.0**-53


def random_chains(seed, count, forbidden=0.0, integers=False):
    """Chains of one to five moments and one to three labels, with an inverse temperature."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        t, k = rng.integers(1, 6), rng.integers(1, 4)
        u, P = rng.normal(scale=2.0, size=(t, k)), rng.normal(scale=2.0, size=(k, k))
        if integers:  # so small that sequences tie all the time
            u, P = np.round(u / 3.0), np.round(P / 3.0)
        u[rng.random((t, k)) < forbidden] = np.inf
        P[rng.random((k, k)) < forbidden] = np.inf
        yield u, P, rng.uniform(0.2, 3.0)


@pytest.mark.parametrize("forbidden", [0.0, 0.15])
def test_sums_are_those_of_all_sequences(forbidden):
    seen = 0
    for u, P, beta in random_chains(1, 60, forbidden):
        truth = chain_enumeration.free_energy_by_enumeration(u, P, beta)
        assert chain.free_energy(u, P, beta) == pytest.approx(truth, rel=1e-13, abs=1e-13)
        if truth == np.inf:
            continue
        seen += 1
        nodes, edges = chain.marginals(u, P, beta)
        of_nodes, of_edges = chain_enumeration.marginals_by_enumeration(u, P, beta)
        np.testing.assert_allclose(nodes, of_nodes, rtol=1e-12, atol=1e-300)
        np.testing.assert_allclose(edges, of_edges, rtol=1e-12, atol=1e-300)
        truth = chain_enumeration.entropy_by_enumeration(u, P, beta)
        assert chain.entropy(u, P, beta) == pytest.approx(truth, rel=1e-11, abs=1e-14)
    assert seen > 30


@pytest.mark.parametrize("forbidden", [0.0, 0.15])
@pytest.mark.parametrize("integers", [False, True])
def test_minima_are_those_of_all_sequences(forbidden, integers):
    """Energies and labels; of equals the first in a dictionary, which small integers put to the test."""
    for u, P, _ in random_chains(2, 60, forbidden, integers):
        energy, labels = chain.viterbi(u, P)
        truth, first = chain_enumeration.viterbi_by_enumeration(u, P)
        assert energy == pytest.approx(truth, rel=1e-14, abs=1e-14)
        assert truth == np.inf or np.array_equal(labels, first)
        for count in (1, 2, 7, 500):
            energies, found = chain.k_best(u, P, count)
            truths, sequences = chain_enumeration.k_best_by_enumeration(u, P, count)
            np.testing.assert_allclose(energies, truths, rtol=1e-13, atol=1e-13)
            assert np.array_equal(found, sequences)


def test_marginals_are_slopes_of_the_free_energy():
    u, P, beta = next(random_chains(3, 1))
    u, P = np.repeat(u[:1], 3, axis=0) + np.arange(3)[:, None], P
    nodes, edges = chain.marginals(u, P, beta)
    h = 1e-6
    for table, slopes in ((u, nodes), (P, edges.sum(axis=0))):
        for index in np.ndindex(table.shape):
            step = np.zeros(table.shape)
            step[index] = h
            at = lambda d, table=table: chain.free_energy(*((u + d, P) if table is u else (u, P + d)), beta)
            assert (at(step) - at(-step)) / (2 * h) == pytest.approx(slopes[index], abs=1e-8)


def test_levels_of_1e8_change_no_digit_that_is_there():
    """Whole numbers, so that nothing is rounded on the way in: what comes out is the same to the bit."""
    u, P = np.array([[0.0, 3.0], [2.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [4.0, 0.0]])
    levels = np.array([[1e4], [-1e8], [1e8]])
    for there, here in zip(chain.marginals(u + levels, P - 1e8), chain.marginals(u, P), strict=True):
        assert np.array_equal(there, here)
    assert chain.entropy(u + levels, P - 1e8) == chain.entropy(u, P)
    moved = chain.free_energy(u + levels, P - 1e8) + 2e8 - 1e4
    assert moved == pytest.approx(chain.free_energy(u, P), abs=2e-7)


@pytest.mark.parametrize("beta", [1e-8, 30.0, 1e4, 1e12])
def test_any_temperature(beta):
    """Cold: the lowest energy, less log(how many share it); hot: counts."""
    u, P = np.zeros((4, 2)), np.array([[0.0, 1.0], [1.0, 0.0]])  # 0000 and 1111 share the lowest, 0
    changes = np.array([1, 3, 3, 1]) * 2.0  # sequences with 0, 1, 2, 3 changes of label
    truth = -math.log(math.fsum(changes * np.exp(-beta * np.arange(4.0)))) / beta
    assert chain.free_energy(u, P, beta) == pytest.approx(truth, rel=4 * UNIT)
    assert np.all(chain.marginals(u, P, beta)[0] == 0.5)


def test_a_high_level_of_transitions_costs_a_loss_no_digits():
    """Less the level P is exact here, and so the loss must be the same to the bit."""
    u = np.where([[1, 0], [0, 1], [0, 1], [0, 1], [1, 0]], 0.0, 3.0)  # 0 1 1 1 0 is best
    P, y = np.array([[1.0, 2.0], [4.0, 7.0]]) / 9.0 + 1e10, [0, 0, 0, 0, 0]
    assert chain_nll.chain_nll(u, P, y) == chain_nll.chain_nll(u, P - 1e10, y)
    assert chain_margin.chain_perceptron(u, P, y) == chain_margin.chain_perceptron(u, P - 1e10, y)


def test_entropy_beside_penalties():
    """beta <E> and log Z are 1e7 and more here, and their difference was wrong by 1e-2."""
    u = np.array([[3.529, 0.0], [0.0, 0.0], [0.0, 0.0], [0.032, 0.0], [46738394.9284287, -0.143]])
    P = np.array([[-370.384, -69541988.27], [16875223.0, 11697761.5]])
    truth = chain_enumeration.entropy_by_enumeration(u, P)
    assert chain.entropy(u, P) == pytest.approx(truth, rel=1e-8)
    thirds = np.array([[0.0, 0.1], [0.3, 0.0]]), np.array([[0.4, 0.3], [0.3, 0.1]])
    for beta in (30.0, 1e6):
        truth = chain_enumeration.entropy_by_enumeration(*thirds, beta)
        assert chain.entropy(*thirds, beta) == pytest.approx(truth, rel=1e-12, abs=1e-100)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.float32])
def test_small_numbers_do_not_wrap_around(kind):
    u, P = np.array([[100, 0], [100, 127]], kind), np.array([[100, 0], [100, 127]], kind)
    wide = u.astype(float), P.astype(float)
    assert chain.viterbi(u, P)[0] == chain.viterbi(*wide)[0]
    assert chain.k_best(u, P, 4)[0].tolist() == chain.k_best(*wide, 4)[0].tolist()
    assert chain.free_energy(u, P, 0.01) == pytest.approx(chain.free_energy(*wide, 0.01), rel=1e-6)
    assert chain_nll.chain_nll(u, P, [0, 0], 0.01) == pytest.approx(chain_nll.chain_nll(*wide, [0, 0], 0.01))


def test_what_overflows_is_refused():
    """Neither inf, which is for what is forbidden, nor NaN."""
    u, P = np.full((3, 2), 1e308), np.zeros((2, 2))
    calls = [chain.viterbi, chain.free_energy, chain.marginals, chain.entropy]
    calls += [lambda u, P: chain.k_best(u, P, 2), lambda u, P: chain_nll.chain_nll(u, P, [0, 1, 0])]
    calls += [lambda u, P: chain.sample(u, P, np.random.default_rng(0))]
    for call in calls:
        with pytest.raises(ValueError, match="must not add up, times beta, to more than float64 holds"):
            call(u, P)
    with pytest.raises(ValueError, match=r"(?s)pairwise = .*must not add up, times beta"):
        chain.free_energy(np.zeros((3, 2)), np.full((2, 2), 1e10), 1e300)
    forbidden = np.array([[np.inf, 1e300], [0.0, np.inf]])
    assert chain.viterbi(forbidden, P)[0] == 1e300


def test_what_is_left_of_a_near_certainty():
    u = np.array([[0.0, 40.0], [0.0, 50.0]])
    nodes, edges = chain.marginals(u, np.zeros((2, 2)))
    np.testing.assert_allclose(nodes[:, 1], np.exp([-40.0, -50.0]), rtol=1e-15)
    assert edges[0, 1, 1] == pytest.approx(math.exp(-90.0), rel=1e-14)
    assert chain.free_energy(u, np.zeros((2, 2))) == pytest.approx(-math.exp(-40) - math.exp(-50), rel=1e-15)
    assert chain.entropy(u, np.zeros((2, 2))) == pytest.approx(
        41 * math.exp(-40) + 51 * math.exp(-50), rel=1e-13
    )


def test_one_moment_and_one_label():
    nothing = np.full((2, 2), np.nan)  # the pairwise table of a single moment is not read
    assert chain.viterbi(np.array([[2.0, 1.0]]), nothing)[0] == 1.0
    assert chain.free_energy(np.zeros((1, 2)), nothing) == -math.log(2.0)
    assert chain.marginals(np.zeros((1, 2)), nothing)[1].shape == (0, 2, 2)
    assert chain.k_best(np.array([[2.0, 1.0]]), nothing, 9)[1].tolist() == [[1], [0]]
    assert chain.entropy(np.ones((3, 1)), np.ones((1, 1))) == 0.0
    assert chain.free_energy(np.ones((3, 1)), np.ones((1, 1))) == 5.0


def test_nothing_possible():
    u, P = np.zeros((3, 2)), np.full((2, 2), np.inf)
    assert chain.viterbi(u, P)[0] == chain.free_energy(u, P) == np.inf
    assert len(chain.k_best(u, P, 3)[0]) == 0 and chain.k_best(u, P, 3)[1].shape == (0, 3)
    assert np.isnan(chain.entropy(u, P)) and all(np.isnan(x).all() for x in chain.marginals(u, P))
    with pytest.raises(ValueError, match="must leave a possible sequence"):
        chain.sample(u, P, np.random.default_rng(0))


def test_a_nan_prevails():
    for u, P in (
        (np.array([[0.0, np.nan], [0.0, 0.0]]), np.zeros((2, 2))),
        (np.zeros((2, 2)), np.array([[0.0, 0.0], [0.0, np.nan]])),
    ):
        assert np.isnan(chain.viterbi(u, P)[0]) and np.isnan(chain.free_energy(u, P))
        assert np.isnan(chain.k_best(u, P, 2)[0]).all() and np.isnan(chain.entropy(u, P))
        assert all(np.isnan(x).all() for x in chain.marginals(u, P))


def test_samples_have_their_frequencies():
    """All sequences of three moments: chi-squared of 7 degrees is below 24.3 but once in a thousand times."""
    u, P = np.array([[0.0, 0.5], [0.3, 0.0], [0.0, 1.0]]), np.array([[0.0, 0.7], [0.2, 0.1]])
    rng, n = np.random.default_rng(7), 1500
    counts = np.zeros(8)
    for _ in range(n):
        counts[chain.sample(u, P, rng, 1.5) @ [4, 2, 1]] += 1
    expected = n * chain_enumeration.probabilities_by_enumeration(u, P, 1.5)
    assert np.sum((counts - expected) ** 2 / expected) < 24.3


class Given:
    """Stands in for a generator: the numbers that `random()` shall return."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self):
        return self.numbers.pop(0)


def test_a_sample_is_its_random_numbers_looked_up():
    """Each label by its share given the one before, the future summed out; never one of probability 0."""
    u, P = np.array([[np.log(2.0), 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [np.inf, 0.0]])
    # 00 and 01 have weight 1/2, 11 has 1, 10 is forbidden: p(y_0 = 0) = 1/2
    assert chain.sample(u, P, Given(0.499, 0.0)).tolist() == [0, 0]
    assert chain.sample(u, P, Given(0.499, 0.501)).tolist() == [0, 1]
    assert chain.sample(u, P, Given(0.501, 0.0)).tolist() == [1, 1]
    assert chain.sample(u, P, Given(1.0 - UNIT, 1.0 - UNIT)).tolist() == [1, 1]


U, Q, Y = np.zeros((3, 2)), np.zeros((2, 2)), np.array([0, 1, 0])
BAD = [
    ((np.zeros(2), Q), r"unary = \[0. 0.\]: (must be \(t, k\)|has shape)"),
    ((np.zeros((0, 2)), Q), r"unary = \[\]: (must|has)|but unary has t = 0"),
    ((np.zeros((3, 0)), np.zeros((0, 0))), r"unary = \[\]: (must|has)|but unary has t = 0"),
    ((U, np.zeros((2, 3))), r"pairwise = .*: (must be \(2, 2\) for 2 labels|has k = 3)"),
    ((U, np.full((2, 2), -np.inf)), r"pairwise = .*: must not be -inf; \+inf forbids"),
    ((np.full((3, 2), -np.inf), Q), r"unary = .*: must not be -inf"),
]
CALLS = {
    "viterbi": chain.viterbi,
    "free_energy": chain.free_energy,
    "marginals": chain.marginals,
    "entropy": chain.entropy,
    "k_best": lambda u, P: chain.k_best(u, P, 1),
    "sample": lambda u, P: chain.sample(u, P, np.random.default_rng(0)),
    "enumeration": chain_enumeration.energies_by_enumeration,
    "nll": lambda u, P: chain_nll.chain_nll(u, P, Y),
    "perceptron": lambda u, P: chain_margin.chain_perceptron_unary_gradient(u, P, Y),
    "hinge": lambda u, P: chain_margin.chain_hinge(u, P, Y),
    "rescaled": lambda u, P: chain_margin.chain_margin_rescaled_hinge(u, P, Y),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("inputs, says", BAD, ids=[says[:12] + str(i) for i, (_, says) in enumerate(BAD)])
def test_bad_chains(name, inputs, says):
    with pytest.raises(ValueError, match="(?s)" + says):
        CALLS[name](*inputs)


LOSSES = ("chain", "chain_nll", "chain_perceptron", "chain_hinge", "chain_margin_rescaled_hinge")


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    "labels, says",
    [
        (np.array([0, 1, 2]), "labels = 2: must be an integer in 0..1"),
        (np.array([0, -1, 1]), "labels = -1: must be an integer in 0..1"),
        (np.array([0.0, 1.0, 1.0]), r"labels = (0.0|\[0. 1. 1.\]): must"),
        (np.array([True, False, True]), r"labels = (True|\[.*\]): must"),
        (np.array([0, 1]), r"labels = \[0 1\]: (must be 3 labels|has t = 2)"),
    ],
)
def test_bad_labels(name, labels, says):
    f = FORMULAS[name]
    for function in (f.value, *f.gradients.values()):
        with pytest.raises(ValueError, match=says):
            function(U, Q, labels)


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: chain.free_energy(U, Q, 0.0), "beta = 0.0: must be positive and finite"),
        (lambda: chain.marginals(U, Q, np.nan), "beta = nan: must be positive and finite"),
        (lambda: chain_nll.chain_nll(U, Q, Y, -1.0), "beta = -1.0: must be positive and finite"),
        (lambda: chain.k_best(U, Q, 0), "count = 0: must be an integer >= 1"),
        (lambda: chain.k_best(U, Q, np.nan), "count = nan: must be an integer >= 1"),
        (lambda: chain.k_best(U, Q, np.inf), "count = inf: must be an integer >= 1"),
        (lambda: chain_margin.chain_hinge(U, Q, Y, -0.5), "margin = -0.5: must be >= 0"),
        (lambda: chain_margin.chain_hinge(U[:, :1], Q[:1, :1], 0 * Y), "must have k >= 2 labels"),
        (
            lambda: chain_margin.chain_margin_rescaled_hinge(U, Q, Y, np.inf),
            "cost = inf: must be >= 0 and finite",
        ),
        (lambda: chain_enumeration.enumerate_labels(40, 2), r"t = 40: .*sequences of 2 labels, not 2\^40"),
    ],
)
def test_bad_parameters(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_the_offender_of_a_forbidden_rest():
    P = np.array([[0.0, np.inf], [np.inf, np.inf]])
    assert chain_margin.most_offending_sequence(np.zeros((2, 2)), P, np.array([0, 0])) is None
    assert chain_margin.chain_hinge(np.zeros((2, 2)), P, np.array([0, 1])) == np.inf


# the kernel


def right(vector, output, answer):
    """Within the bounds for everybody; dL/dP also where risks cancel, of sizes up to t."""
    size = len(vector["inputs"]["labels"])
    if measure(vector, output, answer).fine <= 1.0 or output != "pairwise":
        return measure(vector, output, answer).fine <= 1.0
    return np.max(np.abs(answer - vector["gradients"]["pairwise"])) <= 16 * UNIT * size**2


def test_kernel_on_golden_vectors():
    for vector in golden.load("chain_nll"):
        u, P, y, beta = (np.asarray(x) for x in vector["inputs"].values())
        value, by_unary, by_pairwise = chain_nll_value_and_gradients(
            u.astype(float)[None], P.astype(float), y[None], beta=float(beta)
        )
        answers = {"value": value[0], "unary": by_unary[0], "pairwise": by_pairwise[0]}
        for output in ("value", *vector["gradients"]):
            assert right(vector, output, answers[output]), (vector["id"], output)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_kernel_on_hostile_batches(scale):
    """Forbidden labels and transitions, 1e8 levels, hopeless and certain answers, other lengths, padding."""
    rng = np.random.default_rng(int(scale))
    b, t, k = 24, 9, 4
    u, P = scale * rng.normal(size=(b, t, k)), scale * rng.normal(size=(k, k))
    u[rng.random(u.shape) < 0.1] = np.inf
    u[::3] += rng.choice([1e4, -1e8], size=(b // 3, t, 1))
    P[rng.random(P.shape) < 0.1] = np.inf
    lengths, y = rng.integers(1, t + 1, size=b), rng.integers(k, size=(b, t))
    for i in range(0, b, 2):
        y[i, : lengths[i]] = chain.viterbi(u[i, : lengths[i]], P)[1]
    u[5, lengths[5] - 1, 0] = np.nan
    for i in range(b):
        u[i, lengths[i] :], y[i, lengths[i] :] = np.nan, 99
    values, by_unary, by_pairwise = chain_nll_value_and_gradients(u, P, y, lengths, beta=0.7)
    for i, n in enumerate(lengths):
        one = u[i, :n], P, y[i, :n], 0.7
        np.testing.assert_allclose(values[i], chain_nll.chain_nll(*one), rtol=1e-13)
        slopes = chain_nll.chain_nll_unary_gradient(*one)
        np.testing.assert_allclose(by_unary[i, :n], slopes, rtol=1e-12 * max(1.0, scale), atol=1e-24)
        np.testing.assert_allclose(by_pairwise[i], chain_nll.chain_nll_pairwise_gradient(*one), atol=1e-14)
        assert not by_unary[i, n:].any()


def test_kernel_leaves_to_the_page_what_underflows():
    """Every way forward is e^-800 of the best, and so is the answer: right to the last digit all the same."""
    u = np.array([[[0.0, 800.0], [800.0, 0.0], [0.0, 800.0]]])
    P = np.array([[0.0, np.inf], [np.inf, 0.0]])
    value, by_unary, _ = chain_nll_value_and_gradients(u, P, np.array([[0, 0, 0]]))
    assert value[0] == math.exp(-800.0) == 0.0 and np.all(by_unary == 0.0)
    value, by_unary, _ = chain_nll_value_and_gradients(u, P, np.array([[1, 1, 1]]))
    assert value[0] == 800.0 and by_unary[0].tolist() == [[-1.0, 1.0]] * 3


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"labels": [[0, 1, 2]]}, r"labels\[0\] = 2: must be an integer in 0..1"),
        ({"labels": [[0, 1]]}, r"labels = .*has shape \(1, 2\), but must have \(1, 3\)"),
        ({"labels": [[0.0, 1.0, 0.0]]}, r"labels = .*must hold integers"),
        ({"unary": -np.full((1, 3, 2), np.inf)}, "must not be -inf"),
        ({"pairwise": np.full((2, 2), -np.inf)}, "must not be -inf"),
        ({"pairwise": np.zeros((2, 3))}, r"(?s)pairwise = .*has shape \(2, 3\), but must have \(2, 2\)"),
        ({"lengths": [0]}, r"lengths = \[0\]: must be in 1..3"),
        ({"lengths": [4]}, r"lengths = \[4\]: must be in 1..3"),
        ({"beta": 0.0}, "beta = 0.0: must be positive and finite"),
    ],
)
def test_kernel_refuses(changes, says):
    legal = {"unary": np.zeros((1, 3, 2)), "pairwise": np.zeros((2, 2)), "labels": [[0, 1, 0]]}
    with pytest.raises(ValueError, match=says):
        chain_nll_value_and_gradients(**legal | changes)


def test_kernel_takes_an_empty_batch():
    values, by_unary, by_pairwise = chain_nll_value_and_gradients(
        np.zeros((0, 3, 2)), Q, np.zeros((0, 3), int)
    )
    assert values.shape == (0,) and by_unary.shape == (0, 3, 2) and by_pairwise.shape == (0, 2, 2)


# segments


def random_segments(seed, forbidden):
    rng = np.random.default_rng(seed)
    t, d, k = rng.integers(1, 5), rng.integers(1, 4), rng.integers(1, 3)
    e, P = rng.normal(scale=2.0, size=(t, d, k)), rng.normal(scale=2.0, size=(k, k))
    e[rng.random(e.shape) < forbidden] = np.inf
    P[rng.random(P.shape) < forbidden] = np.inf
    return e, P, rng.uniform(0.3, 3.0)


@pytest.mark.parametrize("forbidden", [0.0, 0.2])
def test_segments_are_those_of_all_segmentations(forbidden):
    for seed in range(40):
        e, P, beta = random_segments(seed, forbidden)
        answers = semi_markov.segmentations(*e.shape)
        E = np.array([semi_markov.energy(e, P, answer) for answer in answers])
        lowest, found = semi_markov.viterbi(e, P)
        assert lowest == pytest.approx(E.min(), rel=1e-14, abs=1e-14)
        if E.min() == np.inf:
            assert found == [] and semi_markov.free_energy(e, P, beta) == np.inf
            assert np.isnan(semi_markov.marginals(e, P, beta)).all()
            continue
        assert found == answers[np.argmin(E)]
        weights = np.exp(-beta * (E - E.min()))
        F = E.min() - np.log(weights.sum()) / beta
        assert semi_markov.free_energy(e, P, beta) == pytest.approx(F, rel=1e-13, abs=1e-13)
        p = semi_markov.marginals(e, P, beta)
        for s, n, j in np.ndindex(e.shape):
            passes = np.array([(s, n + 1, j) in answer for answer in answers])
            assert p[s, n, j] == pytest.approx(weights[passes].sum() / weights.sum(), rel=1e-12, abs=1e-15)


def test_segments_cover_every_moment_once():
    """Whatever rounding does to energies of 1e12, probabilities stay probabilities."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        segments, pairwise = (rng.choice([0.0, 3e-4, 2e-3, 1e12, -1e12], n) for n in ((4, 2, 2), (2, 2)))
        p = semi_markov.marginals(segments, pairwise, 1000.0)
        by_start = p.sum(axis=2)
        covered = by_start.sum(axis=1) + np.append(0.0, by_start[:-1, 1])
        np.testing.assert_allclose(covered, 1.0, rtol=1e-14)


def test_a_high_level_of_segments_costs_no_digits():
    """Two levels that cancel: less them the energies are exact, and the probabilities must be the same."""
    level = 1e10 * np.array([1.0, 2.0])[:, None]
    segments, pairwise = np.array([[[0.1], [3.0]], [[1.0], [2.0]], [[1.0], [0.3]]]) + level, np.array([[1.0]])
    here, there = (semi_markov.marginals(e, pairwise) for e in (segments - level, segments))
    np.testing.assert_allclose(there, here, rtol=1e-14)


def test_segments_that_overflow_are_refused():
    segments = np.full((2, 2, 2), 1e308)
    for function in (semi_markov.viterbi, semi_markov.free_energy, semi_markov.marginals):
        with pytest.raises(ValueError, match=r"(?s)segments = .*must not add up, times beta"):
            function(segments, np.zeros((2, 2)))


def test_segments_of_one_moment_are_a_chain():
    for u, P, beta in random_chains(9, 20):
        e = u[:, None, :]
        assert semi_markov.free_energy(e, P, beta) == pytest.approx(chain.free_energy(u, P, beta), rel=1e-13)
        assert [j for _, _, j in semi_markov.viterbi(e, P)[1]] == chain.viterbi(u, P)[1].tolist()
        np.testing.assert_allclose(
            semi_markov.marginals(e, P, beta)[:, 0], chain.marginals(u, P, beta)[0], rtol=1e-11
        )


@pytest.mark.parametrize(
    "segments, pairwise, says",
    [
        (np.zeros((2, 2)), np.zeros((2, 2)), r"segments = .*must be \(t, d, k\)"),
        (np.zeros((2, 0, 2)), np.zeros((2, 2)), r"segments = .*must be \(t, d, k\)"),
        (np.zeros((2, 1, 2)), np.zeros((1, 2)), r"pairwise = .*must be \(2, 2\) for 2 labels"),
        (np.full((2, 1, 2), -np.inf), np.zeros((2, 2)), r"segments = .*must not be -inf"),
    ],
)
def test_bad_segments(segments, pairwise, says):
    for function in (semi_markov.viterbi, semi_markov.free_energy, semi_markov.marginals):
        with pytest.raises(ValueError, match="(?s)" + says):
            function(segments, pairwise)


def test_a_gap_in_a_mask_leaves_a_shorter_chain():
    """The fixture of TensorFlow Addons, tags 1 2 1, its middle moment masked: a chain of two moments is left.

    pytorch-crf 0.7.2 gives 2.7114954 in float32: it scores the transition from the masked label, 2, to 1.
    """
    scores = np.array([[4.0, 5.0, -3.0], [3.0, -1.0, 3.0], [-1.0, 2.0, 1.0]])
    P = -np.array([[-3.0, 5.0, -2.0], [3.0, 4.0, 1.0], [1.0, 2.0, 1.0]])
    truth = chain_nll.chain_nll(-scores[[0, 2]], P, np.array([1, 1]))
    assert truth == pytest.approx(0.7114957, abs=5e-7)
    assert truth + P[2, 1] - P[1, 1] == pytest.approx(2.7114954, abs=5e-7)
