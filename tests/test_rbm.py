"""Restricted Boltzmann machines: sums over one side, over the other, over both, and by quadrature."""

import itertools

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies import gaussian_rbm, potts_rbm, qubo, rbm
from ebm_ref.exact import blocks, enumeration
from ebm_ref.exact import rbm as machine
from ebm_ref.learning import likelihood
from ebm_ref.numerics import logsumexp

RNG = np.random.default_rng(11)
N, M = 6, 4
W, B, C = RNG.normal(size=(N, M)), RNG.normal(size=N), RNG.normal(size=M)
VISIBLE, HIDDEN = enumeration.configurations((2,) * N), enumeration.configurations((2,) * M)


def log_z_from_visible(W, B, C):
    return logsumexp(-np.array([rbm.rbm_free_energy(W, B, C, v) for v in VISIBLE]))


def test_partition_function_both_ways_round():
    """Over visible units, over hidden ones, over both, and as a model of spins by matrix products."""
    over_visible = log_z_from_visible(W, B, C)
    over_hidden = logsumexp(-np.array([rbm.rbm_free_energy(W.T, C, B, h) for h in HIDDEN]))
    both = enumeration.tabulate(lambda x: rbm.rbm(W, B, C, x[:N], x[N:]), (2,) * (N + M))
    square = np.zeros((N + M, N + M))
    square[:N, N:] = W
    J, h, constant = qubo.spins_from_bits(square + square.T, np.append(B, C))
    others = over_hidden, enumeration.log_partition(both), blocks.log_partition(J, h) - constant
    assert others == pytest.approx((over_visible,) * 3, rel=1e-14)


def test_each_side_given_the_other():
    """Conditional probabilities from the joint table, conditioned by hand."""
    table = enumeration.tabulate(lambda x: rbm.rbm(W, B, C, x[:N], x[N:]), (2,) * (N + M))
    joint = enumeration.probabilities(table).reshape(2**N, 2**M)
    for i, v in enumerate(VISIBLE):
        expected = joint[i] @ HIDDEN / joint[i].sum()
        np.testing.assert_allclose(rbm.hidden_probabilities(W, C, v), expected, rtol=1e-12)
    for j, h in enumerate(HIDDEN):
        expected = joint[:, j] @ VISIBLE / joint[:, j].sum()
        np.testing.assert_allclose(rbm.visible_probabilities(W, B, h), expected, rtol=1e-12)


def test_potts_units_both_ways_round():
    q, n, m = 3, 3, 2
    W, B, C = RNG.normal(size=(n, q, m)), RNG.normal(size=(n, q)), RNG.normal(size=m)
    free = enumeration.tabulate(lambda y: potts_rbm.potts_rbm_free_energy(W, B, C, y), (q,) * n)
    hidden = enumeration.configurations((2,) * m)
    rows = [C @ h + sum(logsumexp(row) for row in B + W @ h) for h in hidden]
    assert enumeration.log_partition(free) == pytest.approx(logsumexp(np.array(rows)), rel=1e-14)

    joint = np.array(
        [
            [np.exp(C @ h + sum(B[i, a] + W[i, a] @ h for i, a in enumerate(y))) for h in hidden]
            for y in itertools.product(range(q), repeat=n)
        ]
    )
    labels = enumeration.configurations((q,) * n)
    for j, h in enumerate(hidden):
        p = np.array([[joint[labels[:, i] == a, j].sum() for a in range(q)] for i in range(n)])
        expected = p / joint[:, j].sum()
        np.testing.assert_allclose(potts_rbm.visible_probabilities(W, B, h), expected, rtol=1e-12)
    for y, row in zip(labels, joint, strict=True):
        expected = row @ hidden / row.sum()
        np.testing.assert_allclose(potts_rbm.hidden_probabilities(W, C, y), expected, rtol=1e-12)


def test_gaussian_units_by_quadrature():
    """int e^-F dv = sum_h (2 pi)^{n/2} e^{c'h + b'Wh + |Wh|^2 / 2} over a plane; so is the mean of v."""
    W, B, C = RNG.normal(size=(2, 3)), RNG.normal(size=2), RNG.normal(size=3)
    step = 0.25  # the trapezoidal rule is exact to 1e-30 for Gaussians this well resolved
    grid = np.arange(-12.0, 12.0 + step, step)
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
    weights = np.exp(-FORMULAS["gaussian_rbm_free_energy"](W, B, C, points)) * step**2
    hidden = enumeration.configurations((2,) * 3)
    each = np.array([2 * np.pi * np.exp(C @ h + B @ W @ h + 0.5 * np.sum((W @ h) ** 2)) for h in hidden])
    assert weights.sum() == pytest.approx(each.sum(), rel=1e-12)
    means = np.array([gaussian_rbm.visible_mean(W, B, h) for h in hidden])
    np.testing.assert_allclose(np.einsum("xy,xyi->i", weights, points), each @ means, rtol=1e-11)


def bars_and_stripes():
    """The 14 pictures of 3 x 3 pixels whose rows are all alike, or whose columns are."""
    lines = np.array(list(itertools.product((0, 1), repeat=3)))
    pictures = [np.tile(line, (3, 1)) for line in lines] + [np.tile(line[:, None], 3) for line in lines]
    return np.unique(np.reshape(pictures, (-1, 9)), axis=0)


def test_exact_learning_of_bars_and_stripes():
    """The likelihood gradient from free energies is right, and ascending it learns the fourteen pictures."""
    data, states = bars_and_stripes().astype(float), enumeration.configurations((2,) * 9).astype(float)
    assert data.shape == (14, 9)
    rng = np.random.default_rng(1)
    parameters = [rng.normal(scale=0.1, size=(9, 8)), np.zeros(9), np.zeros(8)]

    def loss_and_gradient(W, b, c):
        drive = lambda v: c + v @ W
        free = lambda v: -v @ b - np.logaddexp(0.0, drive(v)).sum(axis=1)
        p = enumeration.probabilities(free(states))
        weights = np.append(np.full(14, 1 / 14), -p)
        v = np.append(data, states, axis=0)
        on = weights[:, None] / (1.0 + np.exp(-drive(v)))
        loss = np.mean(free(data)) + enumeration.log_partition(free(states))
        return loss, (-v.T @ on, -weights @ v, -on.sum(axis=0))

    first, gradient = loss_and_gradient(*parameters)
    table = lambda name: np.array([FORMULAS[name].value(*parameters, v) for v in states])
    assert first == pytest.approx(
        np.mean([FORMULAS["rbm_free_energy"].value(*parameters, v) for v in data])
        + enumeration.log_partition(table("rbm_free_energy")),
        rel=1e-13,
    )
    for slope, argument in zip(gradient, ("weights", "visible_bias", "hidden_bias"), strict=True):
        every = FORMULAS["rbm_free_energy"].gradient(argument, *parameters, states)
        page = enumeration.nll_gradient(
            table("rbm_free_energy").reshape((2,) * 9),
            every.reshape((2,) * 9 + every.shape[1:]),
            data.astype(int),
        )
        np.testing.assert_allclose(slope, page, rtol=1e-9, atol=1e-14)
    assert first == pytest.approx(9 * np.log(2.0), abs=0.2)
    for _ in range(1500):
        loss, gradient = loss_and_gradient(*parameters)
        parameters = [x - 0.5 * g for x, g in zip(parameters, gradient, strict=True)]
    assert np.log(14.0) < loss < np.log(14.0) + 0.5


# all settings of one kind, in two halves


def drawn(v, h, scale=1.0, seed=0):
    rng = np.random.default_rng([seed, v, h])
    return scale * rng.normal(size=(v, h)), scale * rng.normal(size=v), scale * rng.normal(size=h)


def by_enumeration(W, b, c):
    """log Z and all moments from the joint table of both kinds of units."""
    v, h = (enumeration.configurations((2,) * n).astype(float) for n in W.shape)
    table = v @ b[:, None] + h @ c + v @ W @ h.T
    p = np.exp(table - table.max())
    log_Z = table.max() + np.log(p.sum())
    p /= p.sum()
    return log_Z, v.T @ p @ h, p.sum(axis=1) @ v, p.sum(axis=0) @ h


def agree(found, truth, units):
    """To so many units of the last place of 1, and of log Z."""
    for ours, theirs in zip(found, truth, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=units * 2.0**-53, atol=units * 2.0**-53)


@pytest.mark.parametrize("route", ["products", "logarithms", "blocks of one row"])
@pytest.mark.parametrize("v, h", [(1, 1), (1, 4), (4, 1), (2, 3), (3, 2), (5, 5), (7, 6), (6, 9)])
def test_moments_in_halves_are_those_of_the_joint_table(monkeypatch, route, v, h):
    if route == "logarithms":
        monkeypatch.setattr(machine, "RANGE", -1.0)
    elif route == "blocks of one row":
        monkeypatch.setattr(machine, "BLOCK", 1)
    parameters = drawn(v, h)
    truth = by_enumeration(*parameters)
    found = machine.moments(*parameters)
    agree(found, truth, 100)
    assert [np.shape(x) for x in found] == [(), (v, h), (v,), (h,)]
    assert machine.log_partition(*parameters) == pytest.approx(truth[0], rel=1e-14)


def test_sixteen_by_sixteen_by_three_routes():
    """In halves, plainly over 2^16, and as spins by matrix products at 8 x 8."""
    W, b, c = drawn(16, 16)
    row, one = np.zeros((1, 16)), np.ones(1)
    log_Z, *slopes = machine.moments(W, b, c)
    assert -likelihood.rbm_log_likelihood(W, b, c, row, one) == pytest.approx(
        log_Z - np.sum(np.logaddexp(0.0, c)), rel=1e-14
    )
    off = likelihood.rbm_statistics(W, c, row, one)
    plain = likelihood.rbm_likelihood_gradient(W, b, c, row, one)
    agree(slopes, [g + d for g, d in zip(plain, off, strict=True)], 200)
    square, (W, b, c) = np.zeros((16, 16)), drawn(8, 8)
    square[:8, 8:] = W
    J, fields, constant = qubo.spins_from_bits(square + square.T, np.append(b, c))
    assert machine.log_partition(W, b, c) == pytest.approx(
        blocks.log_partition(J, fields) - constant, rel=1e-14
    )


def test_moments_are_the_slope_of_log_z():
    parameters, rng, e = drawn(6, 7), np.random.default_rng(1), 2.0**-17
    way = [rng.normal(size=x.shape) for x in parameters]
    up, down = (
        machine.log_partition(*(x + s * d for x, d in zip(parameters, way, strict=True))) for s in (e, -e)
    )
    slope = sum(np.sum(g * d) for g, d in zip(machine.moments(*parameters)[1:], way, strict=True))
    assert (up - down) / (2.0 * e) == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize("scale", [30.0, 300.0, 3e4])
@pytest.mark.parametrize("v, h", [(5, 6), (6, 5)])
def test_products_that_would_overflow(scale, v, h):
    """Beyond e^700 the terms are logarithms; a machine whose weights are so large has one state or two."""
    parameters = drawn(v, h, scale)
    with np.errstate(all="raise", under="ignore"):
        found = machine.moments(*parameters)
    smaller = machine.halves(*(parameters if v >= h else (parameters[0].T, parameters[2], parameters[1])))
    assert not machine.fits(smaller) or scale == 30.0
    log_Z, *slopes = by_enumeration(*parameters)
    assert found[0] == pytest.approx(log_Z, rel=1e-14)
    agree(found[1:], slopes, 100 + 10 * scale)


def test_exponents_that_would_cancel_as_infinities():
    """a = -800 and d = 800: e^a e^d would be 0 times inf where 1 is right."""
    W, b, c = np.array([[-800.0, 800.0]]), np.zeros(1), np.array([-1.0, -1.0])
    truth = by_enumeration(W, b, c)
    agree(machine.moments(W, b, c), truth, 10)
    agree(machine.moments(W.T, c, b), [truth[0], truth[1].T, truth[3], truth[2]], 10)


@pytest.mark.parametrize(
    "argument, given",
    [
        ("weights", (np.zeros((2, 3)), np.zeros(3), np.zeros(2))),
        ("weights", (np.zeros((0, 3)), np.zeros(0), np.zeros(3))),
        ("weights", (np.full((1, 1), np.nan), np.zeros(1), np.zeros(1))),
        ("weights", (np.zeros((200, 200)), np.zeros(200), np.zeros(200))),
        ("visible_bias", (np.zeros((1, 1)), [np.inf], np.zeros(1))),
        ("hidden_bias", (np.zeros((1, 1)), np.zeros(1), ["one"])),
    ],
)
@pytest.mark.parametrize("function", [machine.log_partition, machine.moments])
def test_machines_that_are_refused(function, argument, given):
    with pytest.raises(ValueError, match=argument):
        function(*given)
