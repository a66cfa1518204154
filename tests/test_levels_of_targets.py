"""CTC and transducer where scores cancel: against all alignments, with energies as fractions."""

import itertools
from fractions import Fraction

import autograd
import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.criteria.ctc import ctc, ctc_gradient
from ebm_ref.criteria.ctc_alignment import alignments, best_alignment
from ebm_ref.criteria.ctc_of_logits import ctc_of_logits, ctc_of_logits_gradient
from ebm_ref.criteria.transducer import transducer, transducer_gradient
from ebm_ref.exact.chain_nll import chain_nll_pairwise_gradient

mpmath = pytest.importorskip("mpmath", reason="the truth is computed with mpmath")
mp, mpf = mpmath.mp, mpmath.mpf


def pairs(scale):
    """+scale here, -scale there, beside numbers of order 1/2."""
    return lambda rng, n: rng.choice([scale, -scale, 0.0, 0.5, -0.5, 0.3, -0.2], n)


KINDS = {
    "pairs of 1e17": pairs(1e17),
    "pairs of 1e300": pairs(1e300),
    "gaps of 1e-3 under 1e12": lambda rng, n: rng.choice([1e12, -1e12], n) + rng.integers(-3, 4, n) * 1e-3,
    "300 orders": lambda rng, n: -(10.0 ** rng.uniform(-150.0, 150.0, n)),
    "ladders": lambda rng, n: rng.choice([1.0, -1.0], n) * 10.0 ** rng.integers(-20, 21, n),
    "ties": lambda rng, n: rng.choice([0.1, 0.2, 0.3, -0.1, 1e17, -1e17], n),
    "impossible beside 1e17": lambda rng, n: rng.choice([1e17, -1e17, -np.inf, 0.25, -0.4], n),
    "masks": lambda rng, n: rng.choice([-np.finfo(float).max, -1e9, -0.5, -0.25, -1.0], n),
    "ordinary": lambda rng, n: rng.normal(scale=2.0, size=n),
    "refunds of 1000": lambda rng, n: rng.choice([1000.0, -1000.0], n) + rng.normal(size=n),
}
COUNT = 12
BOUND = 2.0**-36  # at most seven sums, each off by 2^-38 in float64 where its size is near 2^14


def total(scores):
    """Their sum as a fraction; None if one is impossible."""
    return None if -np.inf in scores else sum(map(Fraction, scores), Fraction(0))


def number(fraction):
    return mpf(fraction.numerator) / mpf(fraction.denominator)


def weights(sums):
    """The highest, and e^(sum - highest) of each."""
    highest = max(x for x in sums if x is not None)
    return highest, [mpf(0) if x is None else mpmath.exp(number(x - highest)) for x in sums]


def off(found, truth):
    """The error: absolute up to 1, relative beyond."""
    return float(abs(mpf(float(found)) - truth) / max(mpf(1), abs(truth)))


def targets(kind, seed, count=COUNT):
    """Scores, a target that has a possible alignment, the blank, all alignments, their sums."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    while count:
        t, classes = int(rng.integers(1, 6)), int(rng.integers(2, 4))
        blank = int(rng.integers(classes))
        others = [k for k in range(classes) if k != blank]
        x, y = KINDS[kind](rng, (t, classes)), rng.choice(others, size=rng.integers(t + 1))
        paths = alignments(t, y, blank)
        sums = [total(x[range(t), path]) for path in paths]
        if any(abs(s) < Fraction(1.7e308) for s in sums if s is not None) and np.all(x.max(axis=1) > -np.inf):
            count -= 1
            yield x, y, blank, paths, sums


@pytest.mark.parametrize("kind", KINDS)
def test_ctc(kind):
    for x, y, blank, paths, sums in targets(kind, 1):
        with mp.workdps(80):
            highest, w = weights(sums)
            assert off(ctc(x, y, blank), -number(highest) - mpmath.log(sum(w))) < BOUND
            g = ctc_gradient(x, y, blank)
            for t, k in np.ndindex(x.shape):
                assert off(-g[t, k], share(w, [path[t] == k for path in paths])) < BOUND
        assert sums[paths.index(tuple(best_alignment(x, y, blank)))] == highest


def share(w, holds):
    return sum((v for v, held in zip(w, holds, strict=True) if held), mpf(0)) / sum(w)


@pytest.mark.parametrize("kind", KINDS)
def test_ctc_of_logits(kind):
    """L from the normaliser of each row, the slope as softmax less posterior, in 700 digits."""
    for z, y, blank, paths, sums in targets(kind, 2):
        with mp.workdps(700):
            rows = [weights([total([score]) for score in row]) for row in z]
            highest, w = weights(sums)
            L = (
                sum(number(top) + mpmath.log(sum(v)) for top, v in rows)
                - number(highest)
                - mpmath.log(sum(w))
            )
            assert off(ctc_of_logits(z, y, blank), L) < BOUND
            g = ctc_of_logits_gradient(z, y, blank)
            for t, k in np.ndindex(z.shape):
                softmax = rows[t][1][k] / sum(rows[t][1])
                slope = softmax - share(w, [path[t] == k for path in paths])
                assert off(g[t, k], slope) < BOUND


def ways(t, u):
    """Cells (moment, labels given, whether a label follows) of all ways through the grid."""
    for labels in itertools.combinations(range(t + u - 1), u):
        moves = [n in labels for n in range(t + u)]
        given = np.cumsum([0, *moves[:-1]])
        yield [(n - int(j), int(j), label) for n, (j, label) in enumerate(zip(given, moves, strict=True))]


@pytest.mark.parametrize("kind", KINDS)
def test_transducer(kind):
    rng = np.random.default_rng([3, list(KINDS).index(kind)])
    for _ in range(COUNT):
        t, u, blank = int(rng.integers(1, 4)), int(rng.integers(3)), int(rng.integers(3))
        y = rng.choice([k for k in range(3) if k != blank], size=u)
        x = KINDS[kind](rng, (t, u + 1, 3))
        paths = [[(n, j, int(y[j]) if label else blank) for n, j, label in way] for way in ways(t, u)]
        sums = [total([x[step] for step in path]) for path in paths]
        if not any(s is not None and abs(s) < Fraction(1.7e308) for s in sums):
            continue
        with mp.workdps(80):
            highest, w = weights(sums)
            assert off(transducer(x, y, blank), -number(highest) - mpmath.log(sum(w))) < BOUND
            g = transducer_gradient(x, y, blank)
            for step in np.ndindex(x.shape):
                assert off(-g[step], share(w, [step in path for path in paths])) < BOUND


@pytest.mark.parametrize("kind", ["pairs of 1e17", "gaps of 1e-3 under 1e12", "masks", "ordinary"])
def test_autograd_follows(kind):
    """The slope of the value is the explicit gradient, where levels are exact as elsewhere."""
    rng = np.random.default_rng([4, list(KINDS).index(kind)])
    for x, y, blank, *_ in targets(kind, 4, 4):
        assert_followed("ctc", {"log_probabilities": x, "target": y, "blank": blank})
        assert_followed("ctc_of_logits", {"logits": x, "target": y, "blank": blank})
        table = KINDS[kind](rng, (len(x), len(y) + 1, 3))
        table = np.where(table < -1e300, -0.75, table)
        assert_followed("transducer", {"log_probabilities": table, "target": y, "blank": blank})


def assert_followed(name, inputs):
    f = FORMULAS[name]
    for a, gradient in f.gradients.items():
        slope = autograd.grad(lambda x, a=a: f.value(**inputs | {a: x}))(inputs[a])
        np.testing.assert_allclose(slope, gradient(**inputs), rtol=1e-9, atol=1e-10)


def test_by_hand():
    """- 1 comes to 1e17 - 1e17 and 1 - to -1/2, so that P(- 1) is 1 / (1 + e^{-1/2}); 1 1 is hopeless."""
    lp = np.array([[1e17, 0.0], [-0.5, -1e17]])
    assert best_alignment(lp, [1]).tolist() == [0, 1]
    p = 1.0 / (1.0 + np.exp(-0.5))
    assert ctc(lp, [1]) == pytest.approx(np.log(p), rel=1e-15)
    np.testing.assert_allclose(ctc_gradient(lp, [1]), [[-p, p - 1.0], [p - 1.0, -p]], rtol=1e-15)
    g = transducer_gradient(np.array([[[1e17, 0.0], [0.5, 0.0]], [[0.0, -1e17], [0.0, 0.0]]]), [1])
    np.testing.assert_allclose(g[0], [[p - 1.0, -p], [-p, 0.0]], rtol=1e-15)


def test_a_sum_that_overflows_is_refused():
    low, far = np.full((2, 2), -1.5e308), np.array([[1.0, -1.5e308], [-1.5e308, 1.0]])
    for call, argument in (
        (lambda: ctc(low, [1]), "log_probabilities"),
        (lambda: ctc_gradient(low, [1]), "log_probabilities"),
        (lambda: transducer(low[:, None].repeat(2, 1), [1]), "log_probabilities"),
        (lambda: ctc_of_logits(np.array([[0.0, -1.5e308, -1.5e308]] * 2), [1, 2]), "logits"),
    ):
        with pytest.raises(ValueError, match=f"{argument} = "):
            call()
    assert ctc_of_logits(low, [1]) == pytest.approx(np.log(4.0 / 3.0))  # three of four paths
    assert ctc_of_logits(far, [1]) == 0.0


def test_equal_moments_round_once():
    """Sixteen transitions of probability 1/25 each: their sum is rounded once, not sixteen times."""
    labels = [0] * 16 + [1]
    g = chain_nll_pairwise_gradient(np.zeros((17, 5)), np.zeros((5, 5)), labels)
    truth = np.full((5, 5), -16 / 25)
    truth[0, :2] = 15 - 16 / 25, 1 - 16 / 25
    np.testing.assert_allclose(g, truth, rtol=2.0**-51)
