"""CTC and transducer against all paths, all ways, and against what has gone wrong elsewhere."""

import itertools
import math

import numpy as np
import pytest
from mpmath import mp, mpf

from ebm_ref import FORMULAS
from ebm_ref.criteria.ctc import ctc, ctc_gradient
from ebm_ref.criteria.ctc_alignment import alignments, best_alignment, has_alignment, moments_needed, spelled
from ebm_ref.criteria.ctc_decoding import all_spellings, greedy, prefix_beam_search
from ebm_ref.criteria.ctc_of_logits import ctc_of_logits, ctc_of_logits_gradient
from ebm_ref.criteria.transducer import normalised, transducer, transducer_gradient
from ebm_ref.criteria.transducer_steps import backwards, from_best, reached
from ebm_ref.numerics import log_softmax, scaled_sum

NO_LABEL = np.array([], int)


def rows(z):
    return np.array([log_softmax(row) for row in z]).reshape(np.shape(z))


def random_case(rng, classes=None, blank=None):
    """Logits, target and blank; one target in a few has no alignment."""
    t, c = int(rng.integers(5)), classes or int(rng.integers(1, 4))
    blank = int(rng.integers(c)) if blank is None else blank
    labels = [k for k in range(c) if k != blank]
    target = rng.choice(labels, size=rng.integers(4)) if labels else NO_LABEL
    return rng.normal(scale=2.0, size=(t, c)), target, blank


def by_all_paths(lp, target, blank):
    """Loss and posterior from every path, in extended precision; the posterior is 0 where there is none."""
    total, posterior = mpf(0), np.zeros(lp.shape, object)
    for path in itertools.product(range(lp.shape[1]), repeat=len(lp)):
        merged = [k for i, k in enumerate(path) if i == 0 or path[i - 1] != k]
        if [k for k in merged if k != blank] == target.tolist():
            p = mp.exp(sum(mpf(float(lp[t, k])) for t, k in enumerate(path)))
            total += p
            posterior[np.arange(len(lp)), list(path)] += p
    if total == 0:
        return math.inf, np.zeros(lp.shape)
    return float(-mp.log(total)), (posterior / total).astype(float)


def test_against_all_paths():
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(250):
        z, target, blank = random_case(rng)
        seen.add((z.shape[1], blank))
        lp = rows(z)
        loss, gamma = by_all_paths(lp, target, blank)
        assert ctc(lp, target, blank) == pytest.approx(loss, rel=1e-14, abs=1e-15)
        np.testing.assert_allclose(ctc_gradient(lp, target, blank), -gamma, rtol=1e-13)
        assert ctc_of_logits(z, target, blank) == pytest.approx(loss, rel=1e-14, abs=1e-15)
        by_logits = np.exp(lp) - gamma if loss < math.inf else 0.0 * gamma
        np.testing.assert_allclose(ctc_of_logits_gradient(z, target, blank), by_logits, atol=1e-14)
        assert (loss < math.inf) == has_alignment(len(z), target)
    assert seen == {(c, blank) for c in (1, 2, 3) for blank in range(c)}


@pytest.mark.parametrize("name", ["ctc", "ctc_of_logits", "transducer"])
def test_renaming_the_classes_renames_the_gradient(name):
    f, rng = FORMULAS[name], np.random.default_rng(2)
    for _ in range(50):
        scores, target, blank = f.sample(rng).values()
        order = rng.permutation(scores.shape[-1])
        new = np.argsort(order)
        (gradient,) = f.gradients.values()
        renamed = gradient(scores[..., order], new[target], int(new[blank]))
        np.testing.assert_allclose(
            renamed, gradient(scores, target, blank)[..., order], rtol=1e-13, atol=1e-15
        )


def test_near_certain():
    z, target = np.array([[0.0, 17.0], [0.0, 17.0]]), np.array([1])
    with mp.workdps(60):
        q = 1 / (1 + mp.exp(17))
        L, slope = float(-mp.log1p(-q * q)), float(q - q * (1 - q) / (1 - q * q))
    assert ctc_of_logits(z, target) == pytest.approx(L, rel=4e-16)
    np.testing.assert_allclose(
        ctc_of_logits_gradient(z, target), [[slope, -slope], [slope, -slope]], rtol=1e-15
    )
    # the log-probabilities' own rounding, 1e-22, is all that is lost
    assert ctc(rows(z), target) == pytest.approx(L, rel=1e-6)
    for gap in (30.0, 100.0, 300.0):
        loss = ctc_of_logits(np.array([[0.0, gap], [0.0, gap]]), target)
        assert loss == pytest.approx(math.exp(-2 * gap), rel=1e-12)
    assert ctc_of_logits(np.array([[0.0, 1000.0]]), target) == 0.0


def by_recursion(z, target, blank):
    """Loss of logits by the textbook recursion at 50 digits, for cases too long to try all paths."""
    labels = [blank, *itertools.chain(*((int(k), blank) for k in target))]
    with mp.workdps(50):
        alpha = [mpf(s == 0) for s in range(len(labels))]
        for row in z:
            e = [mp.exp(mpf(float(x))) for x in row]
            p = [x / sum(e) for x in e]
            before = [sum(alpha[max(s - 1, 0) : s + 1]) for s in range(len(labels))]
            for s in range(3, len(labels), 2):
                before[s] += alpha[s - 2] * (labels[s] != labels[s - 2])
            alpha = [a * p[k] for a, k in zip(before, labels, strict=True)]
        return float(-mp.log(sum(alpha[-2:])))


@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0, 1000.0])
def test_long_and_hostile(scale):
    rng = np.random.default_rng(3)
    z, target = scale * rng.normal(size=(150, 8)), rng.integers(1, 8, size=30)
    loss = by_recursion(z, target, 0)
    with np.errstate(all="raise", under="ignore"):
        assert ctc_of_logits(z, target) == pytest.approx(loss, rel=1e-14)
        assert ctc(rows(z), target) == pytest.approx(loss, rel=1e-14)
        g, by_logits = ctc_gradient(rows(z), target), ctc_of_logits_gradient(z + 1e4, target)
    np.testing.assert_allclose(g.sum(axis=1), -1.0, rtol=1e-14)
    np.testing.assert_allclose(by_logits, np.exp(rows(z + 1e4)) + g, atol=1e-9)
    np.testing.assert_allclose(by_logits.sum(axis=1), 0.0, atol=1e-14)


def test_more_paths_than_doubles_hold():
    """1500 moments, all alike: C(t+u, 2u) paths are more than 1e308, and their count must not overflow."""
    lp, target = np.full((1500, 3), -0.5), np.array([1, 2] * 150)
    many = math.lgamma(1801) - math.lgamma(601) - math.lgamma(1201)
    with np.errstate(all="raise", under="ignore"):
        assert ctc(lp, target) == pytest.approx(750.0 - many, rel=1e-13)
        np.testing.assert_allclose(ctc_gradient(lp, target).sum(axis=1), -1.0, rtol=1e-12)


def test_edges():
    half, label = np.log(np.full((2, 2), 0.5)), np.array([1])
    for loss, gradient in ((ctc, ctc_gradient), (ctc_of_logits, ctc_of_logits_gradient)):
        assert loss(half, NO_LABEL) == pytest.approx(2 * math.log(2.0))
        assert loss(half, np.array([1, 1])) == math.inf and not gradient(half, np.array([1, 1])).any()
        assert loss(np.zeros((0, 2)), NO_LABEL) == 0.0 and gradient(np.zeros((0, 2)), NO_LABEL).shape == (
            0,
            2,
        )
        assert loss(np.zeros((0, 2)), label) == math.inf
        impossible = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
        assert loss(impossible, label) == 0.0 and loss(impossible, np.array([], float)) == math.inf
        np.testing.assert_array_equal(gradient(impossible, NO_LABEL), np.zeros((2, 2)))
        assert not np.isnan(gradient(impossible, label)).any()
        assert np.isnan(loss(np.full((2, 2), np.nan), label))
        assert np.isnan(gradient(np.full((2, 2), np.nan), label)).all()
        for wrong in ([0], [2], [-1], [1.0], [True]):
            with pytest.raises(ValueError, match="target"):
                loss(half, np.array(wrong))
        for blank in (-1, 2, 0.5):
            with pytest.raises(ValueError, match="blank"):
                loss(half, NO_LABEL, blank)
        for scores in (np.zeros(3), np.array([[np.inf, 0.0]])):
            with pytest.raises(ValueError, match=next(iter(FORMULAS[loss.__name__].shapes))):
                loss(scores, NO_LABEL)
    with pytest.raises(ValueError, match="row"):
        ctc_of_logits(np.full((1, 2), -np.inf), NO_LABEL)


def test_a_nan_is_read_where_a_path_may_pass():
    lp = np.full((3, 3), -1.0)
    for (t, k), target in itertools.product(np.ndindex(3, 3), ([1], [1, 2], [1, 1], [2, 1, 2], [])):
        target = np.array(target, int)
        lp_nan = lp.copy()
        lp_nan[t, k] = np.nan
        is_read = any(path[t] == k for path in alignments(3, target.tolist()))
        assert np.isnan(ctc(lp_nan, target)) == is_read
        g = ctc_gradient(lp_nan, target)
        assert np.isnan(g).all() if is_read else not np.isnan(g).any()


def test_inputs_are_left_alone_and_stacks_work():
    rng = np.random.default_rng(4)
    z, target = rng.normal(size=(5, 4, 3)), np.array([1, 2])
    kept = z.copy()
    values, gradients = (
        FORMULAS["ctc_of_logits"](z, target),
        FORMULAS["ctc_of_logits"].gradient("logits", z, target),
    )
    assert values.shape == (5,) and gradients.shape == z.shape
    assert values[3] == ctc_of_logits(z[3], target)
    np.testing.assert_array_equal(z, kept)


def test_alignments():
    assert moments_needed([]).tolist() == [1]
    for t, target in itertools.product(range(6), ([], [1], [1, 2], [1, 1], [1, 2, 2], [1, 2, 1])):
        paths = alignments(t, target)
        assert bool(paths) == has_alignment(t, target)
        assert all(spelled(path) == target for path in paths)
        lp = np.random.default_rng(t).normal(size=(t, 3))
        if paths:
            energies = [-sum(lp[i, k] for i, k in enumerate(path)) for path in paths]
            assert tuple(best_alignment(lp, target)) == paths[int(np.argmin(energies))]
        else:
            with pytest.raises(ValueError, match="target"):
                best_alignment(lp, target)
    assert best_alignment(np.zeros((4, 2)), [1]).tolist() == [1, 1, 1, 1]


def test_decoders_against_all_paths():
    rng = np.random.default_rng(5)
    for _ in range(40):
        z, _, blank = random_case(rng)
        lp = rows(z)
        truth = all_spellings(lp, blank)
        assert sum(map(math.exp, truth.values())) == pytest.approx(1.0)
        for labels, p in truth.items():
            assert p == pytest.approx(-ctc(lp, np.array(labels, int), blank), abs=1e-12)
        wide = prefix_beam_search(lp, 10_000, blank)
        assert wide.keys() == truth.keys()
        assert [*wide.values()] == pytest.approx([*truth.values()])
        best_path = max(
            itertools.product(range(lp.shape[1]), repeat=len(lp)), key=lambda path: _score(lp, path)
        )
        assert greedy(lp, blank) == spelled(best_path, blank)
        for width in (1, 2, 3):
            narrow = prefix_beam_search(lp, width, blank)
            assert len(narrow) <= width
            assert all(p <= truth[labels] + 1e-12 for labels, p in narrow.items())


def _score(lp, path):
    return sum(lp[t, k] for t, k in enumerate(path))


def test_decoders_on_repeats_and_ties():
    certain = np.log(np.eye(3) * 0.997 + 0.001)
    assert greedy(certain[[1, 1, 0, 1, 2]]) == [1, 1, 2]
    assert next(iter(prefix_beam_search(certain[[1, 1, 0, 1, 2]], 3))) == (1, 1, 2)
    assert greedy(np.zeros((2, 3))) == [] and greedy(np.zeros((2, 3)), blank=2) == [0]
    assert next(iter(prefix_beam_search(np.zeros((1, 3)), 2))) == ()
    assert prefix_beam_search(np.zeros((0, 2)), 1) == {(): 0.0}
    with np.errstate(all="raise"):
        assert prefix_beam_search(np.array([[-np.inf, 0.0]]), 1) == {(1,): 0.0}
    for arguments in ((np.zeros((1, 2)), 0), (np.full((1, 2), np.nan), 1), (np.zeros((1, 2)), 1, 2)):
        with pytest.raises(ValueError):
            prefix_beam_search(*arguments)


def all_ways(lp, target, blank):
    """Loss and posterior of each cell from every way through the grid."""
    t, u = len(lp), len(target)
    total, posterior = mpf(0), np.zeros(lp.shape, object)
    for labels in itertools.combinations(range(t + u - 1), u):
        moment, given, cells = 0, 0, []
        for n in range(t + u):
            cells.append((moment, given, int(target[given]) if n in labels else blank))
            moment, given = (moment, given + 1) if n in labels else (moment + 1, given)
        p = mp.exp(sum(mpf(float(lp[cell])) for cell in cells))
        total += p
        for cell in cells:
            posterior[cell] += p
    return float(-mp.log(total)), (posterior / total).astype(float)


def test_transducer_against_all_ways():
    rng = np.random.default_rng(6)
    for _ in range(200):
        t, c = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        blank = int(rng.integers(c))
        labels = [k for k in range(c) if k != blank]
        target = rng.choice(labels, size=rng.integers(4)) if labels else NO_LABEL
        lp = normalised(rng.normal(scale=2.0, size=(t, len(target) + 1, c)))
        loss, posterior = all_ways(lp, target, blank)
        assert transducer(lp, target, blank) == pytest.approx(loss, rel=1e-14)
        np.testing.assert_allclose(transducer_gradient(lp, target, blank), -posterior, rtol=1e-13)


def test_transducer_forwards_is_backwards():
    rng = np.random.default_rng(7)
    for scale in (1.0, 100.0, 10_000.0):
        for _ in range(20):
            t, u = rng.integers(1, 30), rng.integers(30)
            lp, target = scale * rng.normal(size=(t, u + 1, 4)), rng.integers(1, 4, size=u)
            scores, _ = from_best(lp, target, 0)
            (forth, forth_r), (back, back_r) = reached(scores)[-1], reached(backwards(scores))[-1]
            assert forth[-1] + np.log1p(forth_r[-1]) == pytest.approx(
                back[-1] + np.log1p(back_r[-1]), rel=1e-13
            )
            g = transducer_gradient(lp, target)
            np.testing.assert_allclose(g[:, :, 0].sum(axis=1), -1.0, rtol=1e-12)
            np.testing.assert_allclose(g.sum(), -(t + u), rtol=1e-12)


def test_transducer_edges():
    lp = np.full((2, 2, 3), -1.0)
    assert transducer(lp[:, :1], NO_LABEL) == 2.0
    for bad in (lp[:0], lp[0], lp[:, :1], np.where(lp < 0, np.inf, 0.0)):
        with pytest.raises(ValueError, match="log_probabilities"):
            transducer(bad, np.array([1]))
    for target in ([0], [3], [-1], [1.0]):
        with pytest.raises(ValueError, match="target"):
            transducer(lp, np.array(target))
    never = lp.copy()
    never[:, :, 1] = -np.inf
    assert transducer(never, np.array([1])) == math.inf
    assert not transducer_gradient(never, np.array([1])).any()
    for t, j, k in np.ndindex(lp.shape):
        nan = lp.copy()
        nan[t, j, k] = np.nan
        is_read = (k == 0 and (t, j) != (1, 0)) or (k == 1 and j == 0)
        assert np.isnan(transducer(nan, np.array([1]))) == is_read
        assert np.isnan(transducer_gradient(nan, np.array([1]))).all() == is_read


def test_published_numbers():
    lp = np.log(np.full((2, 3), 1 / 3))
    assert ctc(lp, np.array([0]), 2) == pytest.approx(1.09861231)  # tensorflow issue 13457
    assert ctc(lp, NO_LABEL) == pytest.approx(2 * math.log(3.0))
    expected = [-0.308198071906, -0.6918019280939998, 0.0, 0.0, 0.0]  # warp-transducer and its successors
    published = next(c for c in FORMULAS["transducer"].cases if "warp-transducer" in c.name).inputs
    assert transducer(**published) == pytest.approx(4.495666, abs=1e-6)
    np.testing.assert_allclose(transducer_gradient(**published)[0, 0], expected, rtol=1e-12, atol=0)


def test_scaled_sum():
    rng = np.random.default_rng(8)
    for scale in (1e-20, 1.0, 1e3):
        c, r = scale * rng.normal(size=(4, 3)), rng.exponential(size=(4, 3))
        c[0, 1] = -np.inf
        r[0, 1] = 0.0
        top, rest = scaled_sum(c, r)
        terms = lambda j, c=c, r=r: (
            (1 + mpf(b)) * mp.exp(mpf(a)) for a, b in zip(c[:, j], r[:, j], strict=True)
        )
        truth = [mp.log(sum(terms(j))) for j in range(3)]
        np.testing.assert_allclose(top + np.log1p(rest), np.array(truth, float), rtol=1e-15)
    nothing, rest = scaled_sum(np.full(2, -np.inf), np.zeros(2))
    assert nothing == -np.inf and rest == 0.0
    huge, rest = scaled_sum(np.zeros(2), np.array([1e100, 0.0]))
    assert rest == 0.0 and huge == pytest.approx(math.log(1e100))


def test_pytorch_returns_the_gradient_by_logits():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(9)
    variant = next(v for v in FORMULAS["ctc"].variants if v.name == "gradient by the logits")
    for _ in range(20):
        lp, target, blank = FORMULAS["ctc"].sample(rng).values()
        x = torch.tensor(lp, requires_grad=True)
        lengths = torch.tensor([len(lp)]), torch.tensor([len(target)])
        loss = torch.nn.functional.ctc_loss(
            x[:, None], torch.tensor(target[None]), *lengths, blank=blank, reduction="sum"
        )
        loss.backward()
        assert loss.item() == pytest.approx(ctc(lp, target, blank), rel=1e-12)
        theirs = variant.gradients["log_probabilities"](lp, target, blank)
        np.testing.assert_allclose(x.grad.numpy(), theirs, atol=1e-12)
