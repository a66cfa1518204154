r"""Paths of samplers: where a step goes, how often it is refused, and what it does to the law.

    mean of E(x') - E(x),    x drawn exactly, x' one step later        0 if the law is left alone

Each sampler walks over the banana of the judge from the same place, for as many gradients.  Beside the path
stands what single steps from exact draws tell: the share refused, the distance gone, and the mean energy
afterwards, which is that of the law for all but the step that is never refused.

Source: the pages on the samplers, whose steps are called; the target is `conformance.samplers.targets`'.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from ebm_ref.conformance.samplers.targets import TARGETS
from ebm_ref.samplers.hmc import hmc_step, leapfrog
from ebm_ref.samplers.langevin import langevin
from ebm_ref.samplers.mala import mala_step
from ebm_ref.samplers.random_walk import random_walk_step

START = np.array([-1.6, 1.6])
GRADIENTS, LEAPFROGS = 96, 16  # of each path, or energies for the random walk; of one trajectory
DRAWS, PAIRS = 1500, 400
SIZES = {"random walk": 0.5, "Langevin": 0.25, "MALA": 0.25, "HMC": 0.12}
EDGES = (-2.9, 2.9), (-3.2, 4.6)
PAGES = {
    "samplers.random_walk": "random walk",
    "samplers.langevin": "Langevin",
    "samplers.mala": "MALA",
    "samplers.hmc": "HMC",
}


class Move(NamedTuple):
    """One step: where it ended, the points on the way to what it proposed, and whether that was accepted."""

    end: np.ndarray  # (2,)
    way: np.ndarray  # (m, 2), the proposal last
    accepted: bool


@cache
def target():
    """The judge's banana."""
    return TARGETS["banana"]()


def walked(x, normal, exponential):
    """A step of the random walk."""
    E, s = target().energy, SIZES["random walk"]
    end, _, accepted = random_walk_step(lambda y: -E(y), x, -E(x), s, normal, exponential)
    return Move(end, (x + s * normal)[None], accepted)


def shaken(x, normal, exponential):
    """An unadjusted Langevin step: there is nothing to refuse."""
    end = langevin(x, target().gradient(x), normal, SIZES["Langevin"])
    return Move(end, end[None], True)


def corrected(x, normal, exponential):
    """The same step, with its test."""
    law, e = target(), SIZES["MALA"]
    end, accepted = mala_step(law.energy, law.gradient, x, e, normal, exponential)
    return Move(end, langevin(x, law.gradient(x), normal, e)[None], accepted)


def glided(x, normal, exponential, ways=True):
    """A trajectory, and the points where its leapfrogs end."""
    law, e = target(), SIZES["HMC"]
    end, accepted = hmc_step(law.energy, law.gradient, x, e, LEAPFROGS, normal, exponential)
    counts = range(1, LEAPFROGS + 1) if ways else ()
    way = [leapfrog(law.gradient, x, normal, e, L)[0] for L in counts]
    return Move(end, np.array(way), accepted)


STEPS = {"random walk": walked, "Langevin": shaken, "MALA": corrected, "HMC": glided}


class Found(NamedTuple):
    """What single steps from exact draws do."""

    refused: float
    length: float  # root of the mean squared distance
    drift: float  # mean of E(x') - E(x)
    error: float  # its standard error


@cache
def found(name):
    """What steps of that sampler do."""
    rng = np.random.default_rng(0)
    starts = target().draw(rng, DRAWS)
    rest = {"ways": False} if name == "HMC" else {}
    moves = [STEPS[name](x, rng.normal(size=2), rng.exponential(), **rest) for x in starts]
    ends = np.array([move.end for move in moves])
    energies = lambda points: np.array([target().energy(x) for x in points])
    rises = energies(ends) - energies(starts)
    return Found(
        1.0 - np.mean([move.accepted for move in moves]),
        float(np.sqrt(np.mean(np.sum((ends - starts) ** 2, axis=1)))),
        float(np.mean(rises)),
        float(np.std(rises) / np.sqrt(DRAWS)),
    )


@cache
def memory(name):
    """Correlation of x_1 with what it is after as many gradients as a trajectory takes, from exact draws."""
    rng = np.random.default_rng(1)
    starts = target().draw(rng, PAIRS)
    if name == "HMC":
        step = lambda x: glided(x, rng.normal(size=2), rng.exponential(), ways=False).end
        ends = np.array([step(x) for x in starts])
    else:
        ends = starts
        for _ in range(LEAPFROGS):
            ends = np.array([STEPS[name](x, rng.normal(size=2), rng.exponential()).end for x in ends])
    return float(np.corrcoef(starts[:, 0], ends[:, 0])[0, 1])


def claim(name):
    """A title: what the steps do, as found."""
    tells = found(name)
    exact, sees = abs(tells.drift) < 4.0 * tells.error, abs(tells.drift) > 6.0 * tells.error
    assert exact if name != "Langevin" else sees, (name, tells)
    far = f"a step goes {tells.length:.2f}"
    if name == "Langevin":
        return f"{name}: none refused, {far},\nand lifts the mean energy by {tells.drift:.2f}"
    return f"{name}: {tells.refused:.0%} refused, {far},\nand the law stays"


def path(name, gradients=GRADIENTS):
    """The moves of one path that takes so many gradients."""
    rng, x, moves = np.random.default_rng(3), START, []
    for _ in range(gradients // (LEAPFROGS if name == "HMC" else 1)):
        moves.append(STEPS[name](x, rng.normal(size=2), rng.exponential()))
        x = moves[-1].end
    return moves


def hills(axes, law, edges=EDGES, levels=(0.0, 0.5, 1.0, 2.0, 4.0, 7.0)):
    """Contours of an energy of the plane, pale enough to draw on."""
    x, y = np.meshgrid(*(np.linspace(*edge, 61) for edge in edges))
    E = np.array([law(point) for point in np.stack([x, y], -1).reshape(-1, 2)]).reshape(x.shape)
    E = E - np.min(E)
    axes.contourf(x, y, E, levels=levels, cmap="Greys_r", alpha=0.35)
    axes.contour(x, y, E, levels=levels, colors="0.55", linewidths=0.6)
    axes.set(xlim=edges[0], ylim=edges[1], xlabel="$x_1$", ylabel="$x_2$")


def drawn_path(axes, name):
    """One path: states joined by the way of each move, and what was refused."""
    hills(axes, target().energy)
    moves, x = path(name), START
    for move in moves:
        way = np.concatenate([x[None], move.way])
        axes.plot(*way.T, color="C0" if move.accepted else "C1", linestyle="-", linewidth=0.9, alpha=0.8)
        x = move.end
    states = np.array([START, *(move.end for move in moves)])
    lost = np.array([move.way[-1] for move in moves if not move.accepted]).reshape(-1, 2)
    axes.plot(*states.T, "o", color="C0", markersize=3.6, label="states")
    axes.plot(*lost.T, "x", color="C1", markersize=4.5, label="refused")
    axes.plot(*START, "*", color="black", markersize=9.0, label="start")
    axes.set_title(claim(name), fontsize=9)


def one(page):
    """The figure of a sampler's page."""

    def draw(plt):
        figure, axes = plt.subplots(figsize=(5.2, 4.4))
        drawn_path(axes, PAGES[page])
        axes.legend(loc="upper center")
        return figure

    return draw


def all_four(plt):
    """All of them, for as many gradients each."""
    figure, row = plt.subplots(1, 4, figsize=(12.0, 3.6), sharey=True)
    for axes, name in zip(row, STEPS, strict=True):
        drawn_path(axes, name)
        axes.label_outer()
    row[0].legend(loc="upper center")
    kept = {name: memory(name) for name in STEPS if name != "Langevin"}
    assert kept["HMC"] < min(kept["random walk"], kept["MALA"]), kept
    told = ", ".join(f"{name} {value:.2f}" for name, value in kept.items())
    figure.suptitle(f"What $x_1$ keeps of itself over {LEAPFROGS} gradients: {told} (correlation)")
    return figure


TOLD = (
    "One path over the contours of the banana (0.5, 1, 2, 4 and 7 above the lowest energy), from the star.  "
    "Dots are states, crosses what was refused; of HMC the trajectories are drawn.  The title's numbers come "
    f"from {DRAWS:,} single steps from exact draws."
)
DRAWINGS = {page: (one(page), TOLD) for page in PAGES} | {
    "samplers": (all_four, f"{TOLD}  {GRADIENTS} gradients each; the random walk takes as many energies.")
}
