"""Hidden Markov models beside sums over all sequences in fractions, and beside printed examples."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies.hidden_markov import hidden_markov_tables
from ebm_ref.exact import chain
from ebm_ref.exact.hidden_markov import (
    decode,
    expected_counts,
    filtered,
    learn,
    log_likelihood,
    log_likelihood_as_printed,
    posteriors,
)

UNIT = 2.0**-53
UMBRELLA = np.array([0.5, 0.5]), np.array([[0.7, 0.3], [0.3, 0.7]]), np.array([[0.9, 0.1], [0.2, 0.8]])
CLINIC = (
    np.array([0.6, 0.4]),
    np.array([[0.7, 0.3], [0.4, 0.6]]),
    np.array([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]]),
)


def random_model(rng, k, n, zeros=False, spread=2.0):
    """Rows that sum to 1; a third of the entries 0, if wanted, but one in each row."""
    tables = []
    for shape in ((1, k), (k, k), (k, n)):
        w = np.exp(rng.normal(scale=spread, size=shape))
        if zeros:
            w *= rng.random(shape) < 2.0 / 3.0
            w[np.arange(shape[0]), rng.integers(shape[1], size=shape[0])] += 1.0
        tables.append(w / w.sum(axis=1, keepdims=True))
    return tables[0][0], tables[1], tables[2]


def joint(model, o):
    """{states: p(states, o)} in fractions, by the definition."""
    a, A, B = model
    table = {}
    for y in itertools.product(range(len(a)), repeat=len(o)):
        p = Fraction(float(a[y[0]])) * Fraction(float(B[y[0], o[0]]))
        for t in range(1, len(o)):
            p *= Fraction(float(A[y[t - 1], y[t]])) * Fraction(float(B[y[t], o[t]]))
        table[y] = p
    return table


def share(table, chosen):
    return float(sum(p for y, p in table.items() if chosen(y)) / sum(table.values()))


MODELS = [
    (seed, k, n, t, zeros)
    for seed, (k, n, t) in enumerate([(2, 2, 1), (2, 3, 5), (3, 2, 4), (1, 2, 3)])
    for zeros in (False, True)
]


@pytest.mark.parametrize("seed, k, n, t, zeros", MODELS)
def test_every_answer_is_that_of_enumeration(seed, k, n, t, zeros):
    rng = np.random.default_rng([seed, zeros])
    model = random_model(rng, k, n, zeros)
    y = [rng.choice(k, p=model[0])]
    for _ in range(t - 1):
        y.append(rng.choice(k, p=model[1][y[-1]]))
    o = np.array([rng.choice(n, p=model[2][j]) for j in y])  # possible, zeros or not
    table, (u, P) = joint(model, o), hidden_markov_tables(*model, o)
    size = np.abs(u[u < np.inf]).sum() + t * np.abs(P[P < np.inf]).sum() + 1.0
    close = lambda got, truth: abs(got - truth) <= 16 * UNIT * (size + t * k) * truth
    total = sum(table.values())
    assert abs(log_likelihood(*model, o) - np.log(float(total))) <= 16 * UNIT * size
    nodes, edges = posteriors(*model, o)
    for s, j in np.ndindex(t, k):
        assert close(nodes[s, j], share(table, lambda y, s=s, j=j: y[s] == j))
    for s, i, j in np.ndindex(t - 1, k, k):
        assert close(edges[s, i, j], share(table, lambda y, s=s, pair=(i, j): y[s : s + 2] == pair))
    for s in range(t):
        seen = joint(model, o[: s + 1])
        now = filtered(*model, o)[s]
        assert all(close(now[j], share(seen, lambda y, j=j: y[-1] == j)) for j in range(k))
    log_p, best = decode(*model, o)
    assert table[tuple(best)] == max(table.values())
    assert abs(log_p - np.log(float(max(table.values())))) <= 8 * UNIT * size


def test_the_umbrella():
    """Russell and Norvig, Section 15.2: 0.818 and 0.883 filtered, 0.883 smoothed; rain but on day 3."""
    assert filtered(*UMBRELLA, [0, 0])[:, 0].round(3).tolist() == [0.818, 0.883]
    assert posteriors(*UMBRELLA, [0, 0])[0][0, 0].round(3) == 0.883
    log_p, y = decode(*UMBRELLA, [0, 0, 1, 0, 0])
    assert y.tolist() == [0, 0, 1, 0, 0]
    assert np.exp(log_p) == pytest.approx(
        0.5 * 0.9 * 0.7 * 0.9 * 0.3 * 0.8 * 0.3 * 0.9 * 0.7 * 0.9, rel=1e-14
    )


def test_the_clinic():
    """The example of the encyclopaedias: normal, cold, dizzy; 0.01512 is the best of 8."""
    log_p, y = decode(*CLINIC, [0, 1, 2])
    assert (np.exp(log_p).round(12), y.tolist()) == (0.01512, [0, 0, 1])
    truth = float(sum(joint(CLINIC, [0, 1, 2]).values()))
    assert truth == pytest.approx(0.03628, abs=5e-6)
    assert np.exp(log_likelihood(*CLINIC, [0, 1, 2])) == pytest.approx(truth, rel=1e-14)


def test_a_long_sequence_beside_the_forward_recursion_in_fractions():
    rng = np.random.default_rng(5)
    model, o = random_model(rng, 2, 2), rng.integers(2, size=400)
    exact = [[Fraction(float(x)) for x in row] for row in (*model[1], *model[2].T)]
    A, columns = exact[:2], exact[2:]
    a = [Fraction(float(s)) * e for s, e in zip(model[0], columns[o[0]], strict=True)]
    for symbol in o[1:]:
        a = [columns[symbol][j] * sum(a[i] * A[i][j] for i in range(2)) for j in range(2)]
        shift = Fraction(2) ** 1200  # keep the fractions short
        a = [Fraction(int(x * shift), 2**1200) for x in a]
    total = sum(a)
    truth = np.log(float(total * 2**900)) - 900 * np.log(2.0)
    u, P = hidden_markov_tables(*model, o)
    assert abs(log_likelihood(*model, o) - truth) <= 16 * UNIT * (np.abs(u).sum() + 400 * np.abs(P).max())
    assert log_likelihood_as_printed(*model, o[:40]) == pytest.approx(
        log_likelihood(*model, o[:40]), rel=1e-13
    )


def test_counts_are_the_slope_of_the_likelihood():
    """Central differences by each logarithm, the others held: the chain does not ask for normalised rows."""
    rng = np.random.default_rng(7)
    model, o, step = random_model(rng, 3, 2), np.array([0, 1, 1, 0]), 1e-5
    counts = expected_counts(*model, o)

    def likelihood(a, A, B):
        u = -np.log(B[:, o]).T
        u[0] -= np.log(a)
        return -chain.free_energy(u, -np.log(A))

    for which, place in [(0, (1,)), (1, (0, 2)), (1, (1, 1)), (2, (2, 0)), (2, (0, 1))]:
        moved = []
        for sign in (1.0, -1.0):
            tables = [1.0 * x for x in model]
            tables[which][place] *= np.exp(sign * step)
            moved.append(likelihood(*tables))
        assert (moved[0] - moved[1]) / (2.0 * step) == pytest.approx(counts[which][place], abs=1e-8)


def test_learning_never_lowers_the_likelihood():
    """And it comes to rest where one more step changes nothing: at a point without slope."""
    rng = np.random.default_rng(9)
    model, o = random_model(rng, 2, 3, spread=0.5), rng.integers(3, size=12)
    before = log_likelihood(*model, o)
    for _ in range(60):
        model = learn(*model, o)
        now = log_likelihood(*model, o)
        assert now >= before - 64 * UNIT * abs(before)
        before = now
    assert all(np.allclose(np.sum(p, axis=-1), 1.0, atol=1e-14) for p in model)


def test_learning_from_states_that_show_is_counting():
    """Where each symbol belongs to one state, the step gives shares of what was seen."""
    model = np.array([0.5, 0.5]), np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    a, A, B = learn(*model, [0, 0, 1, 0, 1, 1, 1])
    assert a.tolist() == [1.0, 0.0]
    assert A == pytest.approx(np.array([[1.0, 2.0], [1.0, 2.0]]) / 3.0, rel=1e-14)
    assert B.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_the_most_probable_states_may_be_impossible_together():
    """0 2 has 0.4, 1 0 and 1 1 have 0.3 each: state 1 leads at first, state 2 in the end."""
    start = np.array([0.4, 0.6, 0.0])
    step = np.array([[0.0, 0.0, 1.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    model = start, step, np.ones((3, 1))
    nodes, _ = posteriors(*model, [0, 0])
    each = nodes.argmax(axis=1)
    assert each.tolist() == [1, 2]  # of 0.6 and 0.4
    assert FORMULAS["hidden_markov"].value(*log(model), np.array([0, 0]), each) == np.inf
    log_p, y = decode(*model, [0, 0])
    assert (y.tolist(), np.exp(log_p).round(14)) == ([0, 2], 0.4)


def log(model):
    with np.errstate(divide="ignore"):
        return [np.log(p) for p in model]


def test_small_probabilities_have_all_their_digits():
    """A detour of 1e-200, at one moment."""
    tiny = 1e-200
    model = np.array([1.0, 0.0]), np.array([[1.0, tiny], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.25, 0.75]])
    nodes, _ = posteriors(*model, [0, 1, 0])
    assert nodes[1, 1] == pytest.approx(tiny * 0.75 / 0.5, rel=1e-12)
    assert filtered(*model, [0, 1, 0])[1, 1] == pytest.approx(tiny * 1.5, rel=1e-12)


def test_what_cannot_be_observed():
    model = np.array([1.0, 0.0]), np.eye(2), np.eye(2)
    assert log_likelihood(*model, [0, 1]) == -np.inf
    assert np.isnan(posteriors(*model, [0, 1])[0]).all()
    assert decode(*model, [0, 1])[0] == -np.inf
    assert all(np.isnan(p).all() for p in learn(*model, [0, 1]))
    rows = filtered(*model, [0, 1, 0])
    assert rows[0].tolist() == [1.0, 0.0] and np.isnan(rows[1:]).all()
    assert log_likelihood(*model, [0, 0]) == 0.0


BAD = [
    ("transitions", np.array([[0.7, 0.4], [0.3, 0.6]]), "sum to 1 in each row; its columns do: transpose"),
    ("transitions", np.array([[0.7, 0.2], [0.3, 0.7]]), "sum to 1 in each row"),
    ("transitions", np.array([[1.5, -0.5], [0.3, 0.7]]), "not logarithms"),
    ("start", np.log([0.5, 0.5]), "not logarithms"),
    ("start", np.array([0.5, np.nan]), "probabilities >= 0"),
    ("start", np.array([0.5, 0.6]), "sum to 1"),
    ("start", np.zeros(0), "empty"),
    ("emissions", np.array([[0.5, 0.5]]), "shape"),
    ("observations", np.array([0, 2]), "0..1"),
    ("observations", np.array([0, -1]), "0..1"),
    ("observations", np.zeros(0, int), "at least one"),
    ("observations", np.array([0.0, 1.0]), "integers"),
]


@pytest.mark.parametrize("argument, value, rule", BAD)
@pytest.mark.parametrize("function", [log_likelihood, posteriors, filtered, decode, expected_counts, learn])
def test_bad_input(function, argument, value, rule):
    legal = dict(zip(("start", "transitions", "emissions"), UMBRELLA, strict=True)) | {"observations": [0, 1]}
    with pytest.raises(ValueError, match=rf"{argument} = [\s\S]*{rule}"):
        function(**legal | {argument: value})
