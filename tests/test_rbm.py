"""Restricted Boltzmann machines: sums over one side, over the other, over both, and by quadrature."""

import itertools

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies import gaussian_rbm, potts_rbm, qubo, rbm
from ebm_ref.exact import blocks, enumeration
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
