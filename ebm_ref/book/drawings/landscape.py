r"""A landscape learnt without ever summing over the plane.

    E(W, x),    points x of two rings

Of these data everything is known: a grid gives the sum over the plane, and with it the divergence that no
estimator sees.

Source: Vincent (2011); Gutmann and Hyvarinen (2012).
"""

from functools import cache

import numpy as np

from ebm_ref.energies.deep_network import DeepNetwork
from ebm_ref.energies.rings import FORMULA as RINGS
from ebm_ref.learning.descent import adam_step
from ebm_ref.learning.noise_contrastive import (
    noise_contrastive_data_logits_gradient,
    noise_contrastive_noise_logits_gradient,
)

FIRST = (0.0, 0.0, 0)  # what Adam remembers at the start
NETWORK = DeepNetwork((2, 32, 32), width=1.5)
PARAMETERS = {"radii": [1.0, 2.2], "variance": 0.3}
EDGE, CELL = 3.6, 0.09
BATCH, ROUNDS, SIGMA, WIDTH = 96, 1000, 0.15, 1.6


@cache
def plane():
    """Centres (n, 2) of cells, and the probability of each under the rings."""
    line = np.arange(-EDGE, EDGE, CELL) + 0.5 * CELL
    points = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    return points, normalised(RINGS(points, **PARAMETERS))


def normalised(E):
    """Probabilities of cells."""
    p = np.exp(np.min(E) - E)
    return p / p.sum()


def drawn_rings(rng, n):
    """Points of the rings: a cell, and a place in it."""
    points, p = plane()
    return points[rng.choice(len(p), n, p=p)] + CELL * rng.uniform(-0.5, 0.5, (n, 2))


def by_denoising(theta, rng):
    """The slope of denoising score matching: one jet along r = s + z/sigma, held fixed."""
    z = rng.normal(size=(BATCH, 2))
    x = drawn_rings(rng, BATCH) + SIGMA * z
    r = z / SIGMA - NETWORK.slopes(theta, x)
    return NETWORK.jet_gradient(theta, x, np.stack([np.zeros(BATCH), np.full(BATCH, -1.0 / BATCH)]), r)


def by_contrast(theta, rng):
    """The slope of noise contrast, by theta and by the constant at the end of it."""
    data, noise = drawn_rings(rng, BATCH), WIDTH * rng.normal(size=(2 * BATCH, 2))
    log_noise = lambda x: -0.5 * np.sum(x * x, 1) / WIDTH**2 - np.log(2.0 * np.pi * WIDTH**2)
    logits = [-NETWORK.energies(theta[:-1], x) - theta[-1] - log_noise(x) for x in (data, noise)]
    slopes = noise_contrastive_data_logits_gradient, noise_contrastive_noise_logits_gradient
    by_logits = np.concatenate([slope(*logits, 2.0) for slope in slopes])
    by_theta = NETWORK.jet_gradient(theta[:-1], np.concatenate([data, noise]), -by_logits)
    return np.append(by_theta, -by_logits.sum())


def landscapes():
    """{what: energies of the cells}."""
    points, _ = plane()
    begun, found = NETWORK.start(np.random.default_rng(1)), {"the data": RINGS(points, **PARAMETERS)}
    found["before"] = NETWORK.energies(begun, points)
    trainings = {"denoising": (by_denoising, begun), "noise contrast": (by_contrast, np.append(begun, 0.0))}
    for name, (slope, theta) in trainings.items():
        rng, state = np.random.default_rng(2), FIRST
        for k in range(ROUNDS):
            theta, state = adam_step(theta, state, slope(theta, rng), 0.03 * (1.0 - 0.9 * k / ROUNDS))
        found[name] = NETWORK.energies(theta[: NETWORK.count], points)
    return found


def divergence(E):
    """KL(data | model), summed over the cells."""
    p, q = plane()[1], normalised(E)
    seen = p > 0.0
    return float(np.sum(p[seen] * np.log(p[seen] / q[seen])))


def learning(plt):
    """The energy of the data, and the learnt one before and after."""
    figure, row = plt.subplots(1, 4, figsize=(11.0, 3.1), sharex=True, sharey=True)
    found = landscapes()
    line, left = np.arange(-EDGE, EDGE, CELL) + 0.5 * CELL, {n: divergence(E) for n, E in found.items()}
    for axes, (name, E) in zip(row, found.items(), strict=True):
        above = np.minimum(E - E.min(), 6.0).reshape(len(line), -1)
        image = axes.pcolormesh(line, line, above.T, shading="nearest", vmin=0.0, vmax=6.0, rasterized=True)
        title = name if name == "the data" else f"{name}: KL {left[name]:.2f}"
        axes.set(xlabel="$x_1$", aspect="equal", title=title)
    row[0].set_ylabel("$x_2$")
    figure.colorbar(image, ax=list(row), label="energy above the lowest")
    assert max(left["denoising"], left["noise contrast"]) < 0.5 * left["before"], left
    figure.suptitle("Two rings, learnt without ever summing over the plane")
    return figure


DRAWINGS = {
    "learning": (
        learning,
        "The energy of two rings, and of a network before and after training.  KL is the exact divergence "
        "from the data, summed over a grid, which neither method sees.",
    )
}
