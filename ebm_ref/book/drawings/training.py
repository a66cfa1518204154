r"""Landscapes: an energy of the plane before and after training.

    E(W, x, y), samples y = x^2        four losses of the table of energies of all answers y
    E(W, x),    points of two rings    two ways to learn without the sum over the plane

The first shows what a loss does to all answers, and not to the right one alone.  Of the second everything is
known: a grid gives the sum over the plane, and with it the divergence that no estimator sees.

Source: LeCun et al. (2006), Section 3, for energies over X and Y; Vincent (2011); Gutmann and Hyvarinen
(2012).
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
from ebm_ref.losses.energy import FORMULA as ENERGY
from ebm_ref.losses.hinge import FORMULA as HINGE
from ebm_ref.losses.nll import FORMULA as NLL

# what a loss does to all answers

MODEL = DeepNetwork((2, 24, 24), width=3.0)
X, ANSWERS = np.linspace(-1.0, 1.0, 24), np.linspace(-0.5, 1.5, 33)
RIGHT = np.abs(X[:, None] ** 2 - ANSWERS).argmin(axis=1)
PAIRS = np.stack(np.meshgrid(X, ANSWERS, indexing="ij"), -1).reshape(-1, 2)
FIRST = (0.0, 0.0, 0)  # what Adam remembers at the start
UPDATES, RATE = 250, 0.02
LOSSES = {"before": None, "energy": ENERGY, "hinge": HINGE, "nll": NLL}


@cache
def table(name):
    """(24, 33) energies of all answers to all inputs, after training with that loss."""
    theta, state = MODEL.start(np.random.default_rng(0)), FIRST
    for _ in range(UPDATES if LOSSES[name] else 0):
        E = MODEL.energies(theta, PAIRS).reshape(len(X), -1)
        by_energy = LOSSES[name].gradient("energies", E, RIGHT) / len(X)
        theta, state = adam_step(theta, state, MODEL.jet_gradient(theta, PAIRS, by_energy.ravel()), RATE)
    return MODEL.energies(theta, PAIRS).reshape(len(X), -1)


def error(E):
    """Mean distance of the answer of lowest energy from the right one."""
    return float(np.mean(np.abs(ANSWERS[E.argmin(axis=1)] - ANSWERS[RIGHT])))


def losses(plt):
    """Energies of answers, above the lowest, before and after."""
    figure, row = plt.subplots(1, 4, figsize=(11.0, 3.1), sharex=True, sharey=True)
    for axes, name in zip(row, LOSSES, strict=True):
        E = table(name)
        above = np.minimum(E - E.min(axis=1, keepdims=True), 4.0)
        image = axes.pcolormesh(X, ANSWERS, above.T, shading="nearest", vmin=0.0, vmax=4.0, rasterized=True)
        axes.plot(X, ANSWERS[RIGHT], ".", color="white", markersize=3.0)
        axes.plot(X, ANSWERS[E.argmin(axis=1)], color="C1", linestyle="-", linewidth=1.4)
        axes.set(xlabel="input x", title=f"{name}: errs by {error(E):.2f}")
    row[0].set_ylabel("answer y")
    figure.colorbar(image, ax=list(row), label="energy above the lowest")
    errors = {name: error(table(name)) for name in LOSSES}
    assert max(errors["hinge"], errors["nll"]) < 0.1 < 0.25 < errors["energy"], errors
    figure.suptitle("Pushing down the right answers does not teach: the others must be pulled up")
    return figure


# learning without the sum over the plane

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
    "losses": (
        losses,
        "The same energy, a network of x and y, trained with three losses on y = x^2 (white dots).  The orange "
        "line is the answer of lowest energy, and the title its mean distance from the right one.",
    ),
    "learning": (
        learning,
        "The energy of two rings, and of a network before and after training.  KL is the exact divergence "
        "from the data, summed over a grid, which neither method sees.",
    ),
}
