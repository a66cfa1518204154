r"""Energies of all answers, before and after training with three losses.

    E(W, x, y),    samples y = x^2

A loss is shown by what it does to the energies of all answers, and not to that of the right one alone.

Source: LeCun et al. (2006), Section 3, for energies over X and Y.
"""

from functools import cache

import numpy as np

from ebm_ref.energies.deep_network import DeepNetwork
from ebm_ref.learning.descent import adam_step
from ebm_ref.losses.energy import FORMULA as ENERGY
from ebm_ref.losses.hinge import FORMULA as HINGE
from ebm_ref.losses.nll import FORMULA as NLL

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


DRAWINGS = {
    "losses": (
        losses,
        "The same energy, a network of x and y, trained with three losses on y = x^2 (white dots).  The "
        "orange line is the answer of lowest energy, and the title its mean distance from the right one.",
    )
}
