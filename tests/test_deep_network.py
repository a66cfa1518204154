"""The deep network: jets against autograd, and the slopes of the losses that are trained with them."""

from pathlib import Path

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import elementwise_grad, grad, hessian

from ebm_ref import FORMULAS
from ebm_ref.energies.deep_network import DeepNetwork

MODEL = DeepNetwork((3, 5, 4), width=1.5)
RNG = np.random.default_rng(0)
THETA = MODEL.start(RNG) + 0.3 * RNG.normal(size=MODEL.count)
X, V = RNG.normal(size=(2, 6, 3))


def energy(theta, x):
    """The formula of the header, for one point; autograd follows it."""
    h, at = x, 0
    for n, m in ((3, 5), (5, 4)):
        W, b = anp.reshape(theta[at : at + m * n], (m, n)), theta[at + m * n : at + m * n + m]
        h, at = anp.tanh(anp.dot(W, h) + b), at + m * n + m
    return anp.dot(theta[at:], h) + anp.dot(x, x) / (2.0 * 1.5**2)


def test_energies_and_slopes_are_those_of_the_formula():
    expected = [energy(THETA, x) for x in X]
    assert MODEL.energies(THETA, X) == pytest.approx(expected, rel=1e-14)
    assert MODEL.slopes(THETA, X) == pytest.approx(
        np.array([grad(energy, 1)(THETA, x) for x in X]), rel=1e-12
    )


def test_a_jet_is_the_slope_and_the_curvature_along_its_direction():
    E, along, curvature = MODEL.jet(THETA, X, V)
    assert E == pytest.approx(MODEL.energies(THETA, X), rel=1e-15)
    for i, (x, v) in enumerate(zip(X, V, strict=True)):
        assert along[i] == pytest.approx(v @ grad(energy, 1)(THETA, x), rel=1e-12)
        assert curvature[i] == pytest.approx(v @ hessian(energy, 1)(THETA, x) @ v, rel=1e-12)


def test_slopes_by_the_parameters_are_those_of_autograd():
    """Of a loss of all three numbers: a sum with random forces."""
    forces = RNG.normal(size=(3, len(X)))

    def loss(theta):
        total = 0.0
        for x, v, g in zip(X, V, forces.T, strict=True):
            slope = lambda t, x=x, v=v, theta=theta: energy(theta, x + t * v)
            first = elementwise_grad(slope)
            total = total + g[0] * slope(0.0) + g[1] * first(0.0) + g[2] * elementwise_grad(first)(0.0)
        return total

    expected = grad(loss)(THETA)
    for order in (1, 2, 3):
        kept = np.where(np.arange(3)[:, None] < order, forces, 0.0)
        assert MODEL.jet_gradient(THETA, X, forces[:order], V) == pytest.approx(
            MODEL.jet_gradient(THETA, X, kept, V), rel=1e-12, abs=1e-14
        )
    assert MODEL.jet_gradient(THETA, X, forces, V) == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_a_step_along_the_parameters_changes_the_jet_as_its_gradient_says():
    forces, way, e = RNG.normal(size=(3, len(X))), RNG.normal(size=MODEL.count), 1e-6
    change = [np.sum(forces * MODEL.jet(THETA + t * way, X, V)) for t in (-e, e)]
    expected = MODEL.jet_gradient(THETA, X, forces, V) @ way
    assert (change[1] - change[0]) / (2.0 * e) == pytest.approx(expected, rel=1e-7)


def test_far_out_only_the_fixed_term_is_left():
    far = np.array([[3e5, -4e5, 0.0]])
    _, V = MODEL.unpacked(THETA)
    assert abs(MODEL.energies(THETA, far)[0] - 5e5**2 / 4.5) <= 1e-5 + np.sum(np.abs(V))
    assert MODEL.slopes(THETA, far) == pytest.approx(far / 1.5**2, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("loss", ["denoising_score_matching", "sliced_score_matching"])
def test_the_slope_of_a_score_loss_is_the_chain_rule_of_its_page(loss, monkeypatch):
    """The script's one pass against dL/ds and dL/dcurvature of the page times autograd's ds/dtheta."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "scripts")
    import reproduce_two_dimensional_energies as trainer

    f, noise = FORMULAS[loss], RNG.normal(size=X.shape)
    value, slope = {
        "denoising_score_matching": lambda: trainer.denoising(MODEL, THETA, X, noise, 0.25),
        "sliced_score_matching": lambda: trainer.sliced(MODEL, THETA, X, noise),
    }[loss]()
    score = lambda theta, x: -grad(energy, 1)(theta, x)

    def objective(theta):
        total = 0.0
        for x, z in zip(X, noise, strict=True):
            if loss == "denoising_score_matching":
                total = total + anp.sum((score(theta, x + 0.25 * z) + z / 0.25) ** 2) / 2.0
            else:
                along = elementwise_grad(lambda t, x=x, z=z: anp.dot(z, score(theta, x + t * z)))
                total = total + anp.dot(z, score(theta, x)) ** 2 / 2.0 + along(0.0)
        return total / len(X)

    assert slope == pytest.approx(grad(objective)(THETA), rel=1e-9, abs=1e-11)
    if loss == "denoising_score_matching":
        each = f(-MODEL.slopes(THETA, X + 0.25 * noise), noise, 0.25)
    else:
        each = f(-MODEL.slopes(THETA, X), noise, MODEL.jet(THETA, X, noise)[2])
    assert value == pytest.approx(np.mean(each), rel=1e-12)


@pytest.mark.parametrize(
    "call, argument",
    [
        (lambda: DeepNetwork((2,)), "sizes"),
        (lambda: DeepNetwork((2, 0)), "sizes"),
        (lambda: DeepNetwork((2, 3), width=0.0), "width"),
        (lambda: MODEL.energies(THETA[1:], X), "theta"),
        (lambda: MODEL.energies(THETA, X[:, :2]), "points"),
        (lambda: MODEL.jet(THETA, X, V[:2]), "directions"),
        (lambda: MODEL.jet_gradient(THETA, X, np.ones((2, 6))), "directions"),
        (lambda: MODEL.jet_gradient(THETA, X, np.ones((4, 6)), V), "forces"),
        (lambda: MODEL.jet_gradient(THETA, X, np.ones((1, 5))), "forces"),
    ],
)
def test_what_does_not_fit_is_named(call, argument):
    with pytest.raises(ValueError, match=argument):
        call()
