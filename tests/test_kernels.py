"""Every kernel against its page: golden vectors, hostile batches, bad input, and what surrounds a batch."""

import math
import re

import numba
import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.kernels import batch, ctc, exponential, losses
from ebm_ref.numerics import log_softmax
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import measure

UNIT, ETA = 2.0**-53, 2.0**-1074
TABLES = (
    *("energy", "perceptron", "hinge", "log", "mce", "lvq2", "lvq2_ratio", "square_square"),
    *("square_exponential", "nll", "mee", "generalized_hinge", "margin_rescaled_hinge", "cross_entropy"),
)
CTC = {"ctc": ctc.ctc_value_and_gradient, "ctc_of_logits": ctc.ctc_of_logits_value_and_gradient}


def kernel(name):
    return getattr(losses, f"{name}_value_and_gradient")


def page(name, rows, labels, *parameters):
    """Values and gradients of a batch, sample by sample."""
    f = FORMULAS[name]
    gradient = next(iter(f.gradients.values()))
    with np.errstate(all="ignore"):
        values = [f.value(E, y, *parameters) for E, y in zip(rows, labels, strict=True)]
        slopes = [gradient(E, y, *parameters) for E, y in zip(rows, labels, strict=True)]
    return np.array(values), np.array(slopes).reshape(rows.shape)


def says(function, *arguments):
    """What a refusal says; empty if there is none."""
    try:
        with np.errstate(all="ignore"):
            function(*arguments)
    except ValueError as problem:
        return str(problem)
    return ""


def in_the_batch(text, i):
    """A page's refusal of sample i, with the arguments' names of the batch."""
    own, rest = re.match(r"(\w+)(.*)", text, re.DOTALL).groups()
    names = {own: own for own in ("energies", "logits", "log_probabilities")}
    names |= {"label": "labels", "target": "targets"}
    return f"{names[own]}[{i}]{rest}" if own in names else text


# the exponential


def test_the_exponential_is_within_one_unit_of_the_last_place():
    mpmath = pytest.importorskip("mpmath", reason="the truth comes from mpmath")
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-745.2, 709.8, 4000), rng.uniform(-1.0, 1.0, 2000)])
    x = np.append(x, rng.normal(size=1001) * 2.0 ** rng.integers(-60, 3, size=1001))[None]
    got = np.empty_like(x)
    exponential.exponentials(x, got)
    with mpmath.workprec(200):
        for t, e in zip(x[0].tolist(), got[0].tolist(), strict=True):
            error = mpmath.mpf(e) - mpmath.exp(mpmath.mpf(t))
            assert abs(error) <= np.spacing(e), t


def test_the_exponential_at_its_ends():
    x = np.array(
        [[0.0, -0.0, np.inf, -np.inf, np.nan, 709.78, 709.79, 1e300, -745.1, -745.2, -1e300, 1e-300]]
    )
    got = np.empty_like(x)
    exponential.exponentials(x, got)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(got, np.exp(x), rtol=3e-16, atol=0)
    assert got[0, 0] == got[0, 1] == got[0, -1] == 1.0
    alone = [exponential.exponential(number) for number in x[0]]  # one number and many take different ways
    np.testing.assert_array_equal(alone, got[0])


# the table losses


@pytest.mark.parametrize("name", TABLES)
def test_golden_vectors_of_the_page(name):
    """The page's own vectors, within the bounds that every candidate is held to."""
    for vector in golden.load(name):
        x, label, *parameters = vector["inputs"].values()
        x = np.asarray(x, float)
        value, gradient = kernel(name)(x[None], np.array([label]), *parameters)
        assert measure(vector, "value", value[0]).fine <= 1.0, vector["id"]
        for argument in vector["gradients"]:
            assert measure(vector, argument, gradient[0]).fine <= 1.0, vector["id"]


def hostile_table(rng, k, b=40):
    """Rows with ties, offsets, wide and tiny numbers, infinities and NaN."""
    x = rng.normal(size=(b, k)) * 10.0 ** rng.integers(-3, 4, size=(b, 1))
    x += rng.choice([0.0, 0.0, 1e4, -1e8], size=(b, 1))
    tied = rng.random((b, k)) < 0.3
    x = np.where(tied, np.round(x), x)
    x[rng.random((b, k)) < 0.2 / k] = np.inf
    x[rng.random((b, k)) < 0.1 / k] = -np.inf
    x[rng.random((b, k)) < 0.1 / k] = np.nan
    return x, rng.integers(k, size=b)


@pytest.mark.parametrize("k", [2, 3, 10, 37])
@pytest.mark.parametrize("name", TABLES)
def test_hostile_batches(name, k):
    """Value and gradient are the page's, NaN for NaN; what the page refuses is refused in its words."""
    rng = np.random.default_rng(k)
    x, labels = hostile_table(rng, k)
    f = FORMULAS[name]
    for parameters in [(), *([(np.float64(2.5),)] if len(f.shapes) == 3 else [])]:
        refused = [says(f.value, E, y, *parameters) for E, y in zip(x, labels, strict=True)]
        legal = np.array([not text for text in refused])
        values, slopes = kernel(name)(x[legal], labels[legal], *parameters)
        truth, gradient = page(name, x[legal], labels[legal], *parameters)
        np.testing.assert_allclose(values, truth, rtol=1e-14, atol=8 * ETA)
        np.testing.assert_allclose(slopes, gradient, rtol=1e-13, atol=8 * ETA)
        if not legal.all():
            first = int(np.argmin(legal))
            with pytest.raises(ValueError) as problem:
                kernel(name)(x, labels, *parameters)
            assert str(problem.value) == in_the_batch(refused[first], first)


@pytest.mark.parametrize("name", ["generalized_hinge", "margin_rescaled_hinge"])
def test_costs_may_be_one_number_or_one_row_or_one_for_each_sample(name):
    rng = np.random.default_rng(0)
    E, labels = rng.normal(size=(6, 4)), rng.integers(4, size=6)
    costs = rng.uniform(size=(6, 4))
    values, slopes = kernel(name)(E, labels, costs)
    f = FORMULAS[name]
    np.testing.assert_allclose(values, f(E, labels, costs), rtol=1e-15)
    np.testing.assert_array_equal(slopes, f.gradient("energies", E, labels, costs))
    for same in (costs[0], np.broadcast_to(costs[0], (6, 4))):
        np.testing.assert_allclose(kernel(name)(E, labels, same)[0], f(E, labels, costs[0]), rtol=1e-15)
    costs[3, labels[3]], costs[4, labels[4] - 1] = -1.0, -2.0  # what the correct answer costs is not read
    with pytest.raises(ValueError) as problem:
        kernel(name)(E, labels, costs)
    assert str(problem.value) == says(f.value, E[4], labels[4], costs[4]) != ""
    with pytest.raises(ValueError, match=r"costs = .* has shape \(3,\), but must have \(4,\)"):
        kernel(name)(E, labels, np.ones(3))


@pytest.mark.parametrize("name", TABLES)
def test_bad_labels_are_refused(name):
    f, x = FORMULAS[name], np.array([[1.0, 2.0], [3.0, 4.0]])
    for wrong, kind in ((2, np.uint8), (-1, np.int64), (2**40, np.int64)):
        labels = np.array([0, wrong], kind)
        with pytest.raises(ValueError) as problem:
            kernel(name)(x, labels)
        assert str(problem.value) == in_the_batch(says(f.value, x[1], labels[1]), 1)
        assert str(problem.value).startswith("labels[1] = ")
    for labels in ([0.0, 1.0], [True, False], np.array([0, 2**63 + 1], np.uint64)):
        with pytest.raises(ValueError, match=r"(?s)^labels = .*: must hold integers"):
            kernel(name)(x, labels)
    few = np.zeros((2, 0 if name == "cross_entropy" else 1))
    with pytest.raises(ValueError) as problem:
        kernel(name)(few, [0, 0])
    assert str(problem.value) == in_the_batch(says(f.value, few[0], 0), 0) != ""


@pytest.mark.parametrize("name", [n for n in TABLES if len(FORMULAS[n].shapes) == 3])
def test_bad_parameters_are_refused_in_the_words_of_the_page(name):
    f, x = FORMULAS[name], np.array([[1.0, 2.0], [3.0, 4.0]])
    for wrong in (-1.0, 0.0, math.nan, math.inf):
        text = says(f.value, x[0], 0, wrong)
        if text:
            with pytest.raises(ValueError) as problem:
                kernel(name)(x, [0, 1], wrong)
            assert str(problem.value) == text
        else:
            np.testing.assert_allclose(kernel(name)(x, [0, 1], wrong)[0], page(name, x, [0, 1], wrong)[0])
    if "costs" not in f.shapes:
        with pytest.raises(ValueError, match="must be one number, not an array"):
            kernel(name)(x, [0, 1], np.ones(2))


@pytest.mark.parametrize("name", TABLES)
def test_what_is_no_table_of_numbers_is_refused_by_name(name):
    table = "logits" if name == "cross_entropy" else "energies"
    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), [0, 1]
    for rows in (x + 0.5j, x > 2.0, x.astype(object), x.astype(str), [[1.0], [2.0, 3.0]], None, x[0]):
        with pytest.raises(ValueError, match=f"(?s)^{table} = "):
            kernel(name)(rows, y)
    for rows in ([[10**400, 0], [0, 0]], 10**400, np.ma.masked_all((2, 2))):
        with pytest.raises(ValueError, match=f"(?s)^{table} = "):
            kernel(name)(rows, y)
    for labels in ([[0, 1]], [0], [10**400, 0], ["0", "1"], None):
        with pytest.raises(ValueError, match=r"(?s)^labels = "):
            kernel(name)(x, labels)
    for argument in list(FORMULAS[name].shapes)[2:]:
        for value in (1j, True, "1", None, 10**400, np.ones((2, 2, 2))):
            with pytest.raises(ValueError, match=f"(?s)^{argument} = "):
                kernel(name)(x, y, value)


def test_shapes_and_kinds():
    with pytest.raises(ValueError, match=r"energies = .* has shape \(2,\), but must have \(b, k\)"):
        losses.hinge_value_and_gradient([1.0, 2.0], [0])
    with pytest.raises(ValueError, match=r"labels = .* has shape \(1,\), but must have \(2,\)"):
        losses.hinge_value_and_gradient([[1.0, 2.0], [1.0, 2.0]], [0])
    with pytest.raises(ValueError, match=r"energies = .* must hold real numbers"):
        losses.hinge_value_and_gradient([[1.0j, 2.0]], [0])
    with pytest.raises(ValueError, match=r"logits = .* must hold real numbers"):
        losses.cross_entropy_value_and_gradient([["1", "2"]], [0])


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_batch(name):
    values, slopes = kernel(name)(np.empty((0, 5)), [])
    assert values.shape == (0,) and slopes.shape == (0, 5)


@pytest.mark.parametrize("name", ["hinge", "nll", "generalized_hinge", "cross_entropy"])
def test_any_layout_and_kind_of_number(name):
    """float32, integers, lists, transposed, strided, unaligned and read-only input, which stays as it is."""
    rng = np.random.default_rng(1)
    x, labels = rng.integers(-8, 8, size=(6, 5)).astype(float), rng.integers(5, size=6)
    values, slopes = kernel(name)(x, labels)
    assert values.dtype == slopes.dtype == np.float64
    strided = np.zeros((12, 10))
    strided[::2, ::2] = x
    frozen = x.copy()
    frozen.setflags(write=False)
    odd = np.frombuffer(b"-" + x.tobytes(), np.uint8)[1:].view(np.float64).reshape(6, 5)
    assert not odd.flags.aligned
    for same in (
        x.astype(np.float32),
        x.astype(int),
        x.tolist(),
        np.asfortranarray(x),
        strided[::2, ::2],
        frozen,
        odd,
    ):
        before = np.array(same)
        for kind in (np.int64, np.uint8, list):
            got = kernel(name)(same, labels.tolist() if kind is list else labels.astype(kind))
            np.testing.assert_array_equal(got[0], values)
            np.testing.assert_array_equal(got[1], slopes)
        np.testing.assert_array_equal(same, before)


@pytest.fixture
def on_threads(monkeypatch):
    """A function that runs another on 1 and on 2 threads, and returns both results."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine has one core")
    many, pools, pool = numba.get_num_threads(), [], batch.ThreadPoolExecutor
    monkeypatch.setattr(batch, "ThreadPoolExecutor", lambda n: pools.append(n) or pool(n))

    def both(function):
        results = []
        for n in (1, 2):
            numba.set_num_threads(n)
            results.append(function())
            assert numba.get_num_threads() == n and set(pools) == ({2} if n == 2 else set())
        return results

    yield both
    numba.set_num_threads(many)


@pytest.mark.parametrize("name", ["hinge", "cross_entropy"])
def test_a_large_batch_is_divided_among_threads_to_the_same_result(name, on_threads):
    rng = np.random.default_rng(2)
    x, labels = rng.normal(size=(1100, 1000)), rng.integers(1000, size=1100)
    one, two = on_threads(lambda: kernel(name)(x, labels))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    few = [kernel(name)(x[i : i + 7], labels[i : i + 7]) for i in range(0, 1100, 7)]
    np.testing.assert_array_equal(one[0], np.concatenate([value for value, _ in few]))
    values, slopes = page(name, x[:20], labels[:20])
    np.testing.assert_allclose(one[0][:20], values, rtol=1e-14)
    np.testing.assert_allclose(one[1][:20], slopes, rtol=1e-13)
    labels[[7, 950]] = 1000
    with pytest.raises(ValueError, match=r"labels\[7\] = 1000: must be"):
        kernel(name)(x, labels)


# CTC


@pytest.mark.parametrize("name", CTC)
def test_golden_vectors_of_the_ctc_pages(name):
    for vector in golden.load(name):
        x, target, blank = vector["inputs"].values()
        x, target = np.asarray(x, float), np.asarray(target, int).reshape(-1)
        value, gradient = CTC[name](x[None], target[None], [len(x)], [len(target)], int(blank))
        assert measure(vector, "value", value[0]).fine <= 1.0, vector["id"]
        for argument, truth in vector["gradients"].items():
            if vector["id"] == "ctc_of_logits/long-certain":  # risks nearly cancel: what the header promises
                promised = 32 * UNIT * min(1.0, vector["value"]) * (1.0 + np.abs(x).max())
                assert np.all(np.abs(gradient[0] - truth) <= promised)
            else:
                assert measure(vector, argument, gradient[0]).fine <= 1.0, vector["id"]


@pytest.fixture
def ways(monkeypatch):
    """What the swift kernel has left to be done, collected."""
    left, careful = [], ctc.careful

    def watched(batch, results, *ends):
        left.extend(results.todo.tolist())
        careful(batch, results, *ends)

    monkeypatch.setattr(ctc, "careful", watched)
    return left


def ctc_batch(rng, b=24, t=14, c=4, blank=1, scale=1.0, by_logits=False):
    """A padded batch: NaN after the end of a sequence, labels that do not exist after that of a target."""
    x = rng.normal(size=(b, t, c)) * scale
    x = x if by_logits else np.array([[log_softmax(row) for row in sample] for sample in x])
    lengths = rng.integers(0, t + 1, size=b)
    sizes = np.minimum(rng.integers(0, 7, size=b), rng.integers(0, t + 1, size=b))
    targets = rng.choice([k for k in range(c) if k != blank], size=(b, 7))
    for i in range(b):
        x[i, lengths[i] :] = rng.choice([np.nan, np.inf, 7.0])
        targets[i, sizes[i] :] = rng.choice([-1, blank, 99])
    return x, targets, lengths, sizes, blank


def ctc_pages(name, x, targets, lengths, sizes, blank):
    """Loss and gradient of each sample, as its page says, gradient 0 in the padding."""
    f = FORMULAS[name]
    (gradient,) = f.gradients.values()
    values, slopes = np.empty(len(x)), np.zeros(x.shape)
    with np.errstate(all="ignore"):
        for i, (n, u) in enumerate(zip(lengths, sizes, strict=True)):
            sample = x[i, :n], targets[i, :u], blank
            values[i], slopes[i, :n] = f.value(*sample), gradient(*sample)
    return values, slopes


def assert_like_the_page(name, given):
    """Within 8 u (C + t), the gradient as the kernel's header says; what is not finite is the same."""
    x, _, lengths, *_ = given
    values, slopes = CTC[name](*given)
    truth, gradient = ctc_pages(name, *given)
    np.testing.assert_array_equal(np.isfinite(values), np.isfinite(truth))
    for i, n in enumerate(lengths):
        np.testing.assert_array_equal(slopes[i, n:], 0.0)
        if not np.isfinite(truth[i]):
            np.testing.assert_array_equal(values[i], truth[i])
            np.testing.assert_array_equal(slopes[i], gradient[i])
            continue
        used = np.where(gradient[i, :n] == 0.0, 0.0, x[i, :n])
        C = abs(truth[i]) + np.sum(np.abs(used * gradient[i, :n]))
        assert abs(values[i] - truth[i]) <= 16 * UNIT * (C + n * (name != "ctc")) + 8 * ETA
        error = np.abs(slopes[i, :n] - gradient[i, :n])
        if name == "ctc":
            allowed = 32 * UNIT * np.abs(gradient[i, :n]) * (1.0 + n + np.abs(used).sum()) + 8 * ETA
        else:
            allowed = 32 * UNIT * min(1.0, truth[i]) * (1.0 + np.abs(used).max(initial=0.0)) + 8 * ETA
        assert np.all(error <= allowed)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 8.0, 100.0, 1000.0])
@pytest.mark.parametrize("name", CTC)
def test_padded_batches(name, scale):
    """Targets empty, repeated, too long; sequences of no moment; NaN and nonsense in all padding."""
    for seed, blank in enumerate((0, 1, 3)):
        rng = np.random.default_rng(seed)
        given = ctc_batch(rng, scale=scale, blank=blank, by_logits=name != "ctc")
        assert_like_the_page(name, given)


@pytest.mark.parametrize("name", CTC)
def test_impossible_classes_and_nan(name, ways):
    rng = np.random.default_rng(5)
    for _ in range(6):
        x, targets, lengths, sizes, blank = ctc_batch(rng, scale=3.0)
        x[rng.random(x.shape) < 0.15] = -np.inf
        x[rng.random(x.shape) < 0.01] = np.nan
        x[:, :, 0] = np.where(np.all(x == -np.inf, axis=2), 0.0, x[:, :, 0])
        assert_like_the_page(name, (x, targets, lengths, sizes, blank))


def learnt(rng, t, c, u, boost, b=1):
    """Logits of a model that has learnt its samples, more or less."""
    z, targets = rng.normal(size=(b, t, c)), rng.integers(1, c, size=(b, u))
    for i in range(b):
        for moment in range(t):
            place = moment * u / t
            z[i, moment, targets[i, int(place)] if place % 1.0 < 0.5 else 0] += boost
    return z, targets, np.full(b, t), np.full(b, u)


@pytest.mark.parametrize("boost", [0.0, 5.0, 15.0, 40.0])
@pytest.mark.parametrize("name", CTC)
def test_from_untrained_to_certain_against_sixty_digits(name, boost):
    """100 moments against the recursion at 60 digits."""
    mp = pytest.importorskip("mpmath", reason="the truth comes from mpmath").mp
    z, targets, lengths, sizes = learnt(np.random.default_rng(3), 100, 6, 14, boost)
    x = z if name == "ctc_of_logits" else np.array([[log_softmax(row) for row in z[0]]])
    (value,), (slopes,) = CTC[name](x, targets, lengths, sizes)
    with mp.workdps(60):
        rows = [[mp.mpf(number) for number in row] for row in x[0].tolist()]
        if name == "ctc_of_logits":
            rows = [[number - mp.log(sum(map(mp.exp, row))) for number in row] for row in rows]
        truth, posterior = exact_ctc(mp, rows, targets[0].tolist())
        gradient = [[-gamma for gamma in row] for row in posterior]
        if name == "ctc_of_logits":
            pairs = [zip(row, slope, strict=True) for row, slope in zip(rows, gradient, strict=True)]
            gradient = [[mp.exp(lp) + slope for lp, slope in row] for row in pairs]
        numbers = [
            pair for row in zip(x[0].tolist(), gradient, strict=True) for pair in zip(*row, strict=True)
        ]
        C = abs(truth) + sum(abs(number * slope) for number, slope in numbers)
        assert abs(value - truth) <= 8 * UNIT * (C + (0 if name == "ctc" else len(rows)))
        for row, exact in zip(slopes.tolist(), gradient, strict=True):
            for slope, g in zip(row, exact, strict=True):
                size = abs(g) * (1 + abs(z).max()) if name == "ctc" else min(1, truth) * (1 + abs(z).max())
                assert abs(slope - g) <= 32 * UNIT * size + 8 * ETA


def exact_ctc(mp, rows, target, blank=0):
    """Loss and posterior by the textbook's recursion over probabilities, in whatever arithmetic mp has."""
    symbols = [blank, *(k for label in target for k in (label, blank))]
    n = len(symbols)
    two = [s > 1 and symbols[s] != blank and symbols[s] != symbols[s - 2] for s in range(n)]
    w = [[mp.exp(row[k]) for k in symbols] for row in rows]
    now, ahead = [mp.mpf(s == 0) for s in range(n)], [mp.mpf(s >= n - 2) for s in range(n)]
    before = []
    for row in w:
        sums = [now[s] + (now[s - 1] if s > 0 else 0) + (now[s - 2] if two[s] else 0) for s in range(n)]
        now = [total * weight for total, weight in zip(sums, row, strict=True)]
        before.append(now)
    P = sum(now[-2:])
    posterior = [[mp.mpf(0)] * len(rows[0]) for _ in rows]
    for t in reversed(range(len(rows))):
        for s, k in enumerate(symbols):
            posterior[t][k] += before[t][s] * ahead[s] / P
        y = [*(a * weight for a, weight in zip(ahead, w[t], strict=True)), 0, 0]
        ahead = [y[s] + y[s + 1] + (y[s + 2] if s + 2 < n and two[s + 2] else 0) for s in range(n)]
    return -mp.log(P), posterior


def test_what_is_ordinary_goes_the_swift_way(ways):
    """200 moments, from no evidence to near certainty: no sample needs logarithms."""
    for boost in (0.0, 5.0, 15.0, 40.0):
        z, *others = learnt(np.random.default_rng(4), 200, 50, 30, boost, b=4)
        lp = np.array([[log_softmax(row) for row in sample] for sample in z])
        ctc.ctc_value_and_gradient(lp, *others)
    assert ways == []


@pytest.mark.parametrize("name", CTC)
def test_what_would_underflow_goes_through_logarithms(name, ways):
    """A first half that speaks for labels which the second half makes cost e^-1500."""
    x = np.zeros((2, 40, 3))
    x[:, :20, 0], x[:, 20:, 1] = -60.0, -75.0
    x[1] *= 0.01
    targets = np.array([[1, 2, 1, 2, 1, 2]] * 2)
    given = x, targets, np.array([40, 40]), np.array([6, 6]), 0
    assert_like_the_page(name, given)
    assert ways == [ctc.IN_LOGS, ctc.DONE]


def test_logarithms_and_probabilities_agree(monkeypatch, ways):
    """With nothing trusted, every sample goes through logarithms, to the same result."""
    rng = np.random.default_rng(6)
    given = ctc_batch(rng, b=12, scale=2.0)
    values, slopes = ctc.ctc_value_and_gradient(*given)
    assert ways == []
    todo = np.where(np.isfinite(values), ctc.IN_LOGS, ctc.DONE)
    x, targets, lengths, sizes, blank = given
    again, g = values.copy(), slopes.reshape(-1, x.shape[2]).copy()
    batch = ctc.Batch(x.reshape(-1, x.shape[2]), targets, lengths, sizes, blank, False)
    ctc.careful(batch, ctc.Results(again, g, todo), 0, len(x))
    assert ctc.IN_LOGS in ways and np.all(todo == ctc.DONE)
    np.testing.assert_allclose(again, values, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(g.reshape(slopes.shape), slopes, rtol=1e-12)


def test_failures_are_summed_where_the_model_is_certain(ways):
    z, *others = learnt(np.random.default_rng(7), 30, 5, 5, 40.0, b=3)
    assert_like_the_page("ctc_of_logits", (z, *others, 0))
    assert ways == [ctc.BY_FAILURES] * 3


@pytest.mark.parametrize("name", CTC)
def test_ctc_is_divided_among_threads_to_the_same_result(name, on_threads):
    z, *others = learnt(np.random.default_rng(8), 120, 20, 30, 6.0, b=24)
    z[::3] *= 40.0
    one, two = on_threads(lambda: CTC[name](z, *others))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", CTC)
def test_ctc_takes_any_layout_and_leaves_it_as_it_is(name):
    z, targets, lengths, sizes = learnt(np.random.default_rng(9), 6, 4, 2, 1.0, b=3)
    z = np.round(z, 1).astype(np.float32).astype(float)
    values, slopes = CTC[name](z, targets, lengths, sizes)
    frozen = z.copy()
    frozen.setflags(write=False)
    time_first = np.ascontiguousarray(z.transpose(1, 0, 2)).transpose(1, 0, 2)
    for same in (z.astype(np.float32), z.tolist(), np.asfortranarray(z), time_first, frozen):
        before = np.array(same)
        got = CTC[name](same, targets.astype(np.uint8), lengths.tolist(), sizes.astype(np.int32))
        np.testing.assert_array_equal(got[0], values)
        np.testing.assert_array_equal(got[1], slopes)
        np.testing.assert_array_equal(same, before)


@pytest.mark.parametrize("name", CTC)
def test_empty_ctc_batches(name):
    values, slopes = CTC[name](np.empty((0, 5, 3)), np.empty((0, 2)), [], [])
    assert values.shape == (0,) and slopes.shape == (0, 5, 3)
    values, slopes = CTC[name](np.zeros((2, 0, 3)), np.ones((2, 1), int), [0, 0], [0, 1])
    assert values.tolist() == [0.0, np.inf] and slopes.shape == (2, 0, 3)


@pytest.mark.parametrize("name", CTC)
def test_bad_ctc_input_is_refused_in_the_words_of_the_page(name):
    f, x = FORMULAS[name], np.zeros((2, 3, 4))
    for label in (0, -1, 4):
        targets = np.array([[1, 2], [3, label]])
        with pytest.raises(ValueError) as problem:
            CTC[name](x, targets, [3, 3], [2, 2])
        assert str(problem.value) == in_the_batch(says(f.value, x[1], targets[1], 0), 1)
        CTC[name](x, targets, [3, 3], [2, 1])
    for number in (np.inf, *([-np.inf] if name == "ctc_of_logits" else [])):
        bad = x.copy()
        bad[1, 2] = number
        with pytest.raises(ValueError) as problem:
            CTC[name](bad, [[1], [1]], [3, 3], [1, 1])
        assert str(problem.value) == in_the_batch(says(f.value, bad[1], np.array([1]), 0), 1)
        CTC[name](bad, [[1], [1]], [3, 2], [1, 1])
    with pytest.raises(ValueError, match=r"blank = 4: must be an integer in 0\.\.3"):
        CTC[name](x, [[1], [1]], [3, 3], [1, 1], 4)
    for lengths, sizes in (([3, 4], [1, 1]), ([3, -1], [1, 1]), ([3, 3], [1, 2])):
        with pytest.raises(ValueError, match=r"_lengths = \[.*\]: must be in 0\.\."):
            CTC[name](x, [[1], [1]], lengths, sizes)
    with pytest.raises(ValueError, match=r"targets = .* has shape \(2,\), but must have \(2, u\)"):
        CTC[name](x, [1, 1], [3, 3], [1, 1])
    with pytest.raises(ValueError, match=r"(?s)targets = .* must hold integers"):
        CTC[name](x, [[1.0], [1.0]], [3, 3], [1, 1])
    with pytest.raises(ValueError, match=r"(?s)has shape \(3, 4\), but must have \(b, t, c\)"):
        CTC[name](x[0], [[1]], [3], [1])
