#!/usr/bin/env python3
"""Five losses shape the energy of Y = X^2; one of them flattens it to nothing.

Claim   Where the model maps X to Y, E = |G(X) - Y|, the mean energy of the
        right answers is a good loss: a valley along the parabola. Where X and
        Y are mapped into one space, E = |G1(X) - G2(Y)|_1, it is not: the
        surface goes flat, and all answers cost nothing. Square-square and the
        NLL keep the shape, and the NLL digs deeper. That the NLL is also the
        faster of the two depends on where one starts.
Source  LeCun et al. (2006), Section 3 (regression, implicit regression, and
        their energy surfaces).
Data    Drawn from a Generator: 200 points, X uniform in -1 .. 1, Y = X^2.
Time    30 s on one core; 3 s with --quick (fewer points, epochs and losses).

The networks have one hidden layer: 20 units of tanh for G, 10 for G1 and G2
and as many outputs. (A logistic unit is one of tanh, but for its scale.) One
sample a step. The integral over Y of the NLL is a sum over 20 points, so that
a step costs 21 gradients of the energy where square-square takes two.

What makes the picture come out otherwise, and is shown at full size:
    without weight decay the energy loss flattens the surface as well, but not
    to the end: nothing in this loss resists, and nothing drives the rest away
    square-square from a flat start sits at E_C = E_I = m/2, where its two
    forces cancel: the hidden weights have to start large
"""

from dataclasses import dataclass, replace

import numpy as np
from reproduction import conclude, figure, options, within

from ebm_ref.energies.mlp import backpropagate, forward
from ebm_ref.inference.free_energy import free_energy_energies_gradient
from ebm_ref.losses.energy import energy_gradient
from ebm_ref.losses.hinge import hinge_gradient
from ebm_ref.losses.perceptron import perceptron_gradient
from ebm_ref.losses.square_square import square_square_gradient

NODES = np.linspace(-1.0, 1.0, 20)[:, None]  # answers that a loss may pull up
RADIUS = 0.3  # of what counts as right, around Y
X_AXIS, Y_AXIS = np.linspace(-1.0, 1.0, 41)[:, None], np.linspace(-1.0, 1.0, 201)[:, None]


def implicit_energies(W, x, answers):
    """(k,) |G1(x) - G2(y)|_1 for a stack of answers (k, 1)."""
    (W2, b2, V2), stack = W[3:], answers[:, None, :]
    return np.sum(np.abs(forward(*W[:3], x)[:, None] - forward(W2, b2, V2[:, None, :], stack)), axis=0)


def implicit_slopes(W, x, y):
    """dE/dW of one answer, a list of arrays."""
    force = np.sign(forward(*W[:3], x) - forward(*W[3:], y))
    return [*backpropagate(*W[:3], x, force)[:3], *backpropagate(*W[3:], y, -force)[:3]]


def explicit_energies(W, x, answers):
    """(k,) |G(x) - y|, G with a constant: x is (x, 1)."""
    return np.abs(forward(*W, x) - answers)[:, 0]


def explicit_slopes(W, x, y):
    """dE/dW of one answer."""
    return backpropagate(*W, x, np.sign(forward(*W, x) - y))[:3]


def everywhere(gradient):
    """A loss that looks at all nodes: dL/dE of the right answer, and of each of them."""
    return lambda E, y: gradient(E, 0)


def outside(gradient, **settings):
    """A loss that looks at the nodes outside the ball around the right answer."""

    def slope(E, y):
        kept = np.concatenate([[True], np.abs(NODES[:, 0] - y[0]) > RADIUS])
        g = np.zeros(len(E))
        g[kept] = gradient(E[kept], 0, **settings)
        return g

    return slope


def nll_of_integral(E, y):
    """dL/dE of L = E_y - F, the integral over all answers a sum over the nodes."""
    return np.concatenate([[1.0], -free_energy_energies_gradient(E[1:])])


@dataclass(frozen=True)
class Training:
    """An architecture, a loss (energies, y) -> dL/dE, and the walk."""

    energies: object
    slopes: object
    loss: object
    step_size: float
    falls: float = 1.0  # of the step size from one epoch to the next
    decay: float = 0.0
    snapshots: tuple = ()  # epochs to look at; training ends at the last


IMPLICIT = (implicit_energies, implicit_slopes)
LATE = (0, 3, 11, 40)
TRAININGS = {
    "explicit, energy": Training(
        explicit_energies, explicit_slopes, everywhere(energy_gradient), 0.2, 0.88, 0.0, (0, 10, 25, 39)
    ),
    "energy": Training(*IMPLICIT, everywhere(energy_gradient), 0.1, 0.97, 0.03, (0, 3, 6, 20)),
    "square-square": Training(
        *IMPLICIT, outside(square_square_gradient, margin=2.0), 0.005, snapshots=(0, 3, 15, 34)
    ),
    "NLL": Training(*IMPLICIT, nll_of_integral, 0.02, 0.93, snapshots=LATE),
    "perceptron": Training(*IMPLICIT, everywhere(perceptron_gradient), 0.005, snapshots=LATE),
    "hinge": Training(*IMPLICIT, outside(hinge_gradient, margin=1.0), 0.005, snapshots=LATE),
}
QUICK = {"explicit, energy": 39, "energy": 20, "square-square": 34, "NLL": 9}  # epochs


def start(training, rng):
    """Random weights; the hidden ones large, so that the surface is not flat."""
    layer = lambda m, n, d: [rng.normal(scale=s, size=k) for s, k in ((1, (m, n)), (0.5, m), (0.16, (d, m)))]
    return layer(20, 1, 1) if training.energies is explicit_energies else layer(10, 1, 10) + layer(10, 1, 10)


def epoch(training, W, X, rng, step_size):
    """One pass over the samples, a step each."""
    for x in X[rng.permutation(len(X))]:
        answers = np.concatenate([x[None] ** 2, NODES])
        g = training.loss(training.energies(W, x, answers), answers[0])
        moves = [[g[j] * s for s in training.slopes(W, x, answers[j])] for j in np.flatnonzero(g)]
        W = [(1.0 - step_size * training.decay) * w for w in W] if training.decay else W
        if moves:
            W = [w - step_size * np.sum(parts, axis=0) for w, *parts in zip(W, *moves, strict=True)]
    return W


def surface(training, W):
    """(41, 201) energies over the plane of X and Y."""
    return np.array([training.energies(W, x, Y_AXIS) for x in X_AXIS])


def learn(training, seed, count, epochs, scale=1.0):
    """{epoch: surface} of the snapshots, at 3, and at the end, from weights `scale` times as large."""
    rng = np.random.default_rng(seed)
    X, W = rng.uniform(-1.0, 1.0, size=(count, 1)), [scale * w for w in start(training, rng)]
    found = {0: surface(training, W)}
    for e in range(1, epochs + 1):
        W = epoch(training, W, X, rng, training.step_size * training.falls ** (e - 1))
        if e in (3, epochs, *training.snapshots):
            found[e] = surface(training, W)
    return found


def error(E):
    """Mean distance of the answer of lowest energy from X^2."""
    return np.mean(np.abs(Y_AXIS[np.argmin(E, axis=1), 0] - X_AXIS[:, 0] ** 2))


def depth(E):
    """Standard deviation of the energy over the answers, the mean over X: 0 where the surface is flat."""
    return np.mean(np.std(E, axis=1))


TITLES = {
    "explicit, energy": "energy loss, E = |G(X) - Y|: a valley on the parabola",
    "energy": "energy loss, E = |G1(X) - G2(Y)|: flat, every answer costs nothing",
    "square-square": "square-square: the right shape",
    "NLL": "NLL: the right shape, and deeper",
    "perceptron": "perceptron: no margin, and no clear valley",
    "hinge": "hinge: a valley, and a margin beside it",
}


def draw(file, runs):
    """A row for each training: energy above that of the best answer to the same X, and the parabola."""
    axes, save = figure(
        file, nrows=len(runs), ncols=4, figsize=(9.5, 2.1 * len(runs) + 0.6), sharex=True, sharey=True
    )
    for row, (name, surfaces) in zip(axes, runs.items(), strict=True):
        above = {e: E - np.min(E, axis=1, keepdims=True) for e, E in surfaces.items()}
        shown = [e for e in above if e in TRAININGS[name].snapshots or e == max(above)]
        top = np.quantile([above[e] for e in shown], 0.95)
        for axis, e in zip(row, shown, strict=False):
            image = axis.pcolormesh(
                X_AXIS[:, 0], Y_AXIS[:, 0], above[e].T, vmin=0.0, vmax=top, shading="nearest"
            )
            axis.plot(X_AXIS, X_AXIS**2, color="white", ls=":", lw=1.5)
            first = axis is row[0]
            axis.set_title(f"{TITLES[name]}\n" * first + f"epoch {e}", fontsize=9, loc="left")
        for axis in row[len(shown) :]:
            axis.set_axis_off()
        row[0].set_ylabel("answer Y")
        image.axes.figure.colorbar(image, ax=list(row), label="energy above\nthe lowest")
    for axis in axes[-1]:
        axis.set_xlabel("input X")
    save()


def ahead_after_three(seeds, count):
    """From how many starts the NLL has the smaller error after three epochs."""
    early = lambda name, seed: error(learn(TRAININGS[name], seed, count, 3)[3])
    return sum(early("NLL", seed) < early("square-square", seed) for seed in seeds)


def main():
    chosen = options(__doc__)
    count = 100 if chosen.quick else 200
    ends = QUICK if chosen.quick else {name: training.snapshots[-1] for name, training in TRAININGS.items()}
    runs = {name: learn(TRAININGS[name], chosen.seed, count, end) for name, end in ends.items()}
    print("architecture, loss   epochs   error of the answer   deviation of E over Y")
    for name, surfaces in runs.items():
        for e, E in surfaces.items():
            print(f"{name:<20} {e:6d} {error(E):21.3f} {depth(E):23.4f}")
    if chosen.figure:
        draw(chosen.figure, runs)
    errors, depths = ({name: f(run[ends[name]]) for name, run in runs.items()} for f in (error, depth))
    claims = [
        within("explicit, energy loss: error of the answer", errors["explicit, energy"], high=0.03),
        within("implicit, energy loss: its answer errs by", errors["energy"], low=0.2),
        within(
            "its surface is flat beside square-square's", depths["energy"] / depths["square-square"], 0, 0.05
        ),
        within("square-square: error of the answer", errors["square-square"], high=0.05),
        within("NLL: error of the answer, nodes 0.105 apart", errors["NLL"], high=0.105),
        within("NLL digs deeper, times", depths["NLL"] / depths["square-square"], low=1.1),
    ]
    if not chosen.quick:
        undecayed = replace(TRAININGS["energy"], decay=0.0, step_size=0.05, falls=0.93)
        rest = depth(learn(undecayed, chosen.seed, count, 20)[20])
        flat = learn(TRAININGS["square-square"], chosen.seed, count, 10, scale=0.1)[10]
        claims += [
            within("energy loss without decay: flat, too", rest / depths["square-square"], high=0.05),
            ("but less so than with decay", rest > depths["energy"]),
            within("square-square from a flat start: energies, m/2 = 1", np.mean(flat), 0.95, 1.05),
            within("and it stays flat", depth(flat), high=0.05),
        ]
        first = ahead_after_three(range(chosen.seed, chosen.seed + 8), count)
        claims.append(within("NLL ahead after 3 epochs, of 8 starts", first, 1, 7))
        middling = max(depths["perceptron"], depths["hinge"]) / depths["NLL"]
        claims.append(within("perceptron and hinge: no deeper than the NLL", middling, high=1.0))
    conclude(*claims)


if __name__ == "__main__":
    main()
