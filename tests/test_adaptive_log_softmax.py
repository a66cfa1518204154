"""Adaptive softmax, outside the catalogue: against plain loops, autograd, closed forms and PyTorch."""

import math

import autograd
import numpy as np
import pytest

from ebm_ref.criteria.adaptive_log_softmax import (
    adaptive_log_softmax,
    adaptive_log_softmax_gradient,
    log_probabilities,
)

N, FREQUENT, SIZES, WIDTHS = 8, 3, (4, 1, 5), (4, 2, 1)  # tail i reads 8 / 2^(i+1) features
CLASSES = FREQUENT + sum(SIZES)


def model(seed, scale=1.0):
    rng = np.random.default_rng(seed)
    head = rng.normal(scale=scale, size=(FREQUENT + len(SIZES), N))
    sizes = zip(WIDTHS, SIZES, strict=True)
    tails = [(rng.normal(size=(d, N)), rng.normal(size=(size, d))) for d, size in sizes]
    return rng.normal(scale=scale, size=N), head, tails


def by_loops(x, y, head, tails):
    """-log P(y) from exponentials and quotients, in plain Python."""
    dot = lambda row, v: math.fsum(a * b for a, b in zip(row, v, strict=True))
    share = lambda scores, j: math.exp(scores[j]) / math.fsum(math.exp(s) for s in scores)
    top = [dot(row, x) for row in head.tolist()]
    start = len(head) - len(tails)
    if y < start:
        return -math.log(share(top, y))
    for i, (P, U) in enumerate(tails):
        if y < start + len(U):
            inner = [dot(row, x) for row in P.tolist()]
            scores = [dot(row, inner) for row in U.tolist()]
            return -math.log(share(top, len(head) - len(tails) + i) * share(scores, y - start))
        start += len(U)


@pytest.mark.parametrize("y", range(CLASSES))
def test_value_agrees_with_plain_loops(y):
    x, head, tails = model(0)
    assert math.isclose(adaptive_log_softmax(x, y, head, tails), by_loops(x, y, head, tails), rel_tol=1e-13)


@pytest.mark.parametrize("y", range(CLASSES))
def test_gradients_agree_with_autograd(y):
    x, head, tails = model(1)
    by_x, by_head, by_tails = adaptive_log_softmax_gradient(x, y, head, tails)
    close = lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)
    close(by_x, autograd.grad(lambda x: adaptive_log_softmax(x, y, head, tails))(x))
    close(by_head, autograd.grad(lambda head: adaptive_log_softmax(x, y, head, tails))(head))
    for i, (P, U) in enumerate(tails):
        exchanged = lambda pair, i=i: [pair if j == i else tail for j, tail in enumerate(tails)]
        of_P = lambda P, U=U, put=exchanged: adaptive_log_softmax(x, y, head, put((P, U)))
        of_U = lambda U, P=P, put=exchanged: adaptive_log_softmax(x, y, head, put((P, U)))
        if y >= FREQUENT + sum(SIZES[:i]) and y < FREQUENT + sum(SIZES[: i + 1]):
            close(by_tails[i][0], autograd.grad(of_P)(P))
            close(by_tails[i][1], autograd.grad(of_U)(U))
        else:  # a tail that is not looked up has no force
            assert not by_tails[i][0].any() and not by_tails[i][1].any()


def test_all_classes_share_one_probability():
    x, head, tails = model(2)
    losses = [adaptive_log_softmax(x, y, head, tails) for y in range(CLASSES)]
    np.testing.assert_allclose(-log_probabilities(x, head, tails), losses, rtol=1e-14)
    assert math.isclose(math.fsum(math.exp(-loss) for loss in losses), 1.0, rel_tol=1e-14)


def test_head_alone_is_cross_entropy():
    x, head, _ = model(3)
    assert math.isclose(adaptive_log_softmax(x, 2, head, []), by_loops(x, 2, head, []), rel_tol=1e-13)


def test_near_certain_keeps_its_digits():
    """Both lookups are certain but for e^-40: the loss is twice that, where a rounded probability gives 0."""
    head = np.array([[0.0], [40.0]])
    tail = (np.array([[1.0]]), np.array([[40.0], [0.0]]))
    loss = adaptive_log_softmax(np.array([1.0]), 1, head, [tail])
    assert math.isclose(loss, 2 * 4.248354255291589e-18, rel_tol=1e-15)


def test_huge_scores_stay_finite():
    x, head, tails = model(4, scale=1e4)
    with np.errstate(all="raise", under="ignore"):
        losses = [adaptive_log_softmax(x, y, head, tails) for y in range(CLASSES)]
        parts = [adaptive_log_softmax_gradient(x, y, head, tails)[0] for y in range(CLASSES)]
    assert np.all(np.isfinite(losses)) and np.all(np.isfinite(parts)) and min(losses) >= 0.0


def test_nan_goes_through():
    x, head, tails = model(5)
    x[0] = np.nan
    by_x, by_head, _ = adaptive_log_softmax_gradient(x, 0, head, tails)
    assert np.isnan(adaptive_log_softmax(x, 0, head, tails))
    assert np.all(np.isnan(by_x)) and np.all(np.isnan(by_head))


def test_inputs_are_left_alone():
    x, head, tails = model(6)
    copies = x.copy(), head.copy(), [(P.copy(), U.copy()) for P, U in tails]
    adaptive_log_softmax_gradient(x, CLASSES - 1, head, tails)
    assert np.array_equal(x, copies[0]) and np.array_equal(head, copies[1])
    for (P, U), (P0, U0) in zip(tails, copies[2], strict=True):
        assert np.array_equal(P, P0) and np.array_equal(U, U0)


def test_wrong_arguments_are_named():
    x, head, tails = model(7)
    P, U = tails[0]
    for match, arguments in {
        r"label = 13: must be an integer in 0\.\.12": (x, CLASSES, head, tails),
        "label = -1": (x, -1, head, tails),
        r"head = .*has shape \(6, 7\), but must have \(c \+ K, 8\)": (x, 0, head[:, 1:], tails),
        "head = .*must have a row for each of 3 clusters": (x, 0, head[:2], tails),
        r"tails\[0\]\[0\] = .*but must have \(d, 8\)": (x, 0, head, [(P[:, 1:], U), *tails[1:]]),
        r"tails\[1\]\[1\] = .*but must have \(m, 4\)": (x, 0, head, [tails[0], (P, U[:, 1:]), tails[2]]),
        r"tails\[0\]\[1\] = .*must have a row for each class": (x, 0, head, [(P, U[:0]), *tails[1:]]),
        r"tails\[0\] = .*must be a pair": (x, 0, head, [(P,), *tails[1:]]),
        "features = .*must hold real numbers": (x > 0.0, 0, head, tails),
    }.items():
        for function in (adaptive_log_softmax, adaptive_log_softmax_gradient):
            with pytest.raises(ValueError, match=f"(?s)^{match}"):
                function(*arguments)


def test_small_numbers_are_cast():
    """int8 wraps around at 127: a product of 100 and 2 must not."""
    x, head = np.array([100], np.int8), np.array([[2], [1]], np.int8)
    assert (
        adaptive_log_softmax(x, 1, head, []) == adaptive_log_softmax([100.0], 1, [[2.0], [1.0]], []) == 100.0
    )


def test_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    cutoffs = [FREQUENT + sum(SIZES[:i]) for i in range(len(SIZES))]
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(N, CLASSES, cutoffs, div_value=2.0, dtype=torch.float64)
    x, head, tails = model(8)
    with torch.no_grad():
        theirs.head.weight.copy_(torch.from_numpy(head))
        for layers, (P, U) in zip(theirs.tail, tails, strict=True):
            layers[0].weight.copy_(torch.from_numpy(P))
            layers[1].weight.copy_(torch.from_numpy(U))
    for y in range(CLASSES):
        batch = torch.tensor(x[None], requires_grad=True)
        output, loss = theirs(batch, torch.tensor([y]))
        loss.backward()
        assert math.isclose(adaptive_log_softmax(x, y, head, tails), -output.item(), rel_tol=1e-12)
        by_x = adaptive_log_softmax_gradient(x, y, head, tails)[0]
        np.testing.assert_allclose(by_x, batch.grad.numpy()[0], rtol=1e-10, atol=1e-13)
