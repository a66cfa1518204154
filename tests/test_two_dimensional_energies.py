"""What the script of two-dimensional energies is built of, piece by piece against the pages."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ebm_ref.energies.deep_network import DeepNetwork
from ebm_ref.exact.quadrature import log_partition
from ebm_ref.samplers.mala import mala_step

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
import reproduce_two_dimensional_energies as trainer

MODEL = DeepNetwork((2, 6, 5), width=1.5)
RNG = np.random.default_rng(0)
THETA = MODEL.start(RNG)


@pytest.mark.parametrize("name", trainer.LANDSCAPES)
def test_a_density_sums_to_one_and_is_what_is_drawn(name):
    """Mean of -log p by draws and by the grid; log p is a constant on the board, where the mean is exact."""
    landscape = trainer.LANDSCAPES[name]
    p = np.exp(landscape.log_density(trainer.grid())) * trainer.CELL**2
    assert np.sum(p) == pytest.approx(1.0, rel=1e-12)
    drawn = -landscape.log_density(landscape.draw(np.random.default_rng(0), 20_000))
    entropy = -np.sum(p[p > 0.0] * np.log(p[p > 0.0] / trainer.CELL**2))
    assert abs(np.mean(drawn) - entropy) < 5.0 * np.std(drawn) / np.sqrt(len(drawn)) + 1e-12


def test_noise_on_the_spirals_widens_their_mixture():
    """Smoothing by two products against the density of the same centers with both variances."""
    p = np.exp(trainer.spirals_log_density(trainer.grid())) * trainer.CELL**2
    wider = np.hypot(trainer.WIDTH, trainer.SIGMA)
    squares = np.sum((trainer.grid()[:, None] - trainer.arms()) ** 2, 2)
    expected = np.mean(np.exp(trainer.log_normal(squares, wider, 2)), 1) * trainer.CELL**2
    assert trainer.smoothed(p) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_a_step_of_many_chains_is_that_of_each():
    theta = 20.0 * THETA  # steep enough for moves to be refused
    x, normal = RNG.normal(size=(2, 20, 2))
    exponential = RNG.exponential(size=20) / 5.0
    energy = lambda x: MODEL.energies(theta, x[None])[0]
    slope = lambda x: MODEL.slopes(theta, x[None])[0]
    together, moves = trainer.mala(MODEL, theta, x, normal, exponential)
    one = lambda *noise: mala_step(energy, slope, noise[0], trainer.WALK_STEP, *noise[1:])
    alone = list(map(one, x, normal, exponential))
    assert together == pytest.approx(np.array([y for y, _ in alone]), rel=1e-12)
    assert moves.tolist() == [moved for _, moved in alone] and 0 < np.sum(moves) < 20


@pytest.mark.parametrize("name", ["contrast", "divergence"])
def test_slopes_of_losses_of_energies_are_those_of_differences(name):
    data, other = RNG.normal(size=(2, 8, 2))
    log_noise = lambda x: trainer.log_normal(np.sum(x * x, 1), 1.7, 2)
    loss = {
        "contrast": lambda theta: trainer.contrast(MODEL, theta, 0.3, data, other, log_noise),
        "divergence": lambda theta: trainer.divergence(MODEL, theta, data, other),
    }[name]
    way, e = RNG.normal(size=MODEL.count), 1e-6
    change = (loss(THETA + e * way)[0] - loss(THETA - e * way)[0]) / (2.0 * e)
    assert loss(THETA)[1] @ way == pytest.approx(change, rel=1e-7)
    if name == "contrast":
        by_c = [trainer.contrast(MODEL, THETA, 0.3 + t, data, other, log_noise)[0] for t in (-e, e)]
        assert loss(THETA)[2] == pytest.approx((by_c[1] - by_c[0]) / (2.0 * e), rel=1e-7)


def test_the_sum_over_the_grid_is_the_integral():
    """log Z of the grid against adaptive quadrature over the plane."""
    smooth = 0.3 * THETA
    summed = np.log(np.sum(np.exp(-MODEL.energies(smooth, trainer.grid())))) + 2.0 * np.log(trainer.CELL)
    energy = lambda x: MODEL.energies(smooth, np.asarray(x)[None])[0]
    integral, error = log_partition(energy, intervals=((-np.inf, np.inf),) * 2, evaluations=50_000)
    assert error < 1e-4 and abs(summed - integral) < error + 1e-4


def test_the_divergence_of_a_density_from_itself_is_zero():
    E = MODEL.energies(THETA, trainer.grid())
    log_Z = np.log(np.sum(np.exp(-E))) + 2.0 * np.log(trainer.CELL)
    p = np.exp(-E - log_Z) * trainer.CELL**2
    assert abs(trainer.kl(p, E, log_Z)) < 1e-12 and trainer.kl(np.roll(p, 40), E, log_Z) > 1e-3
