#!/usr/bin/env python3
"""Points near an ellipse: a latent angle, cold or warm, and a Bessel function.

Claim   With the angle z integrated out, F(y) has a ridge at the origin when it
        is cold and is a bowl when it is hot. At the origin it is a Bessel
        function: for semi-axes 2 and 1.5 and beta = 0.1, 0.3, 1, 3.2, 10 the
        values below, 2.25 cold and 3.125 hot. 48 angles give all of that to
        1e-11, if 2 pi does not count beside 0. Trained cold, the ellipse fits
        the points within an epoch; trained warm it averages, and is too small.
Source  NYU DLSP20, week 15-1 and 15-2; Abramowitz and Stegun (1964), 9.6.16.
Data    Drawn from a Generator: 24 points on an ellipse of semi-axes 2 and 1.5,
        each coordinate with normal noise of standard deviation 1/20.
Time    2 s on one core; 1 s with --quick (a coarser picture of the slope).
"""

import numpy as np
from reproduction import conclude, figure, near, options, within

from ebm_ref.energies.ellipse import (
    ellipse,
    ellipse_axes_gradient,
    ellipse_free_energy_at_origin,
    ellipse_point_gradient,
    free_energy_on_a_grid,
)
from ebm_ref.inference.free_energy import free_energy_energies_gradient

AXES = np.array([2.0, 1.5])
ANGLES = np.arange(48) * np.pi / 24.0
ORIGIN = {0.1: 3.105869, 0.3: 3.067824, 1.0: 2.942043, 3.2: 2.679730, 10.0: 2.448824}
COLD = np.inf


def table(w, y):
    """(48,) energies of all angles."""
    return np.array([ellipse(w, y, z) for z in ANGLES])


def free_energy(w, y, beta):
    """F(y); the minimum over the angles, where beta is infinite."""
    return np.min(table(w, y)) if beta == COLD else free_energy_on_a_grid(w, y, beta)


def shares(w, y, beta):
    """(48,) probability of each angle: one alone, where beta is infinite."""
    E = table(w, y)
    return 1.0 * (np.arange(48) == np.argmin(E)) if beta == COLD else free_energy_energies_gradient(E, beta)


def axes_slope(w, y, beta):
    """dF/dw, the mean of dE/dw over the angles."""
    p = shares(w, y, beta)
    return sum(p[i] * ellipse_axes_gradient(w, y, ANGLES[i]) for i in np.flatnonzero(p > 1e-12))


def points(rng, count=24):
    """Points near the ellipse."""
    z = rng.uniform(0.0, 2.0 * np.pi, count)
    return AXES * np.column_stack([np.cos(z), np.sin(z)]) + rng.normal(scale=0.05, size=(count, 2))


def train(Y, beta, rng, epochs, step_size=0.2):
    """Semi-axes after each epoch, a step of descent on F for each point, from a small circle."""
    w, found = np.array([0.5, 0.5]), []
    for e in range(epochs):
        for y in Y[rng.permutation(len(Y))]:
            w = w - step_size / (1.0 + e) * axes_slope(w, y, beta)
        found.append(w)
    return np.array(found)


def closed_form_twice(beta):
    """F(0) by the Bessel function, by 48 angles, and by 49 of which the last counts 0 again."""
    E = table(AXES, np.zeros(2))
    with_end = -np.log(np.mean(np.exp(-beta * np.append(E, E[0])))) / beta
    return ellipse_free_energy_at_origin(AXES, beta), free_energy_on_a_grid(AXES, np.zeros(2), beta), with_end


def towards_the_curve(grid):
    """Smallest cosine between the force of the cold F and the arrow to the nearest point of a fine curve."""
    z = np.linspace(0.0, 2.0 * np.pi, 4001)
    curve, cosines = AXES * np.column_stack([np.cos(z), np.sin(z)]), []
    for y in grid[np.abs(grid[:, 1]) > 0.1]:  # on the first axis two points of the curve are equally near
        force = -ellipse_point_gradient(AXES, y, ANGLES[np.argmin(table(AXES, y))])
        arrow = curve[np.argmin(np.sum((curve - y) ** 2, axis=1))] - y
        if np.linalg.norm(arrow) > 0.3:  # nearer than that the 48 angles are too coarse to aim
            cosines.append(force @ arrow / np.linalg.norm(force) / np.linalg.norm(arrow))
    return min(cosines)


def plane(columns, rows):
    """Points of a grid over the plane, and its two axes."""
    x, y = np.linspace(-3.0, 3.0, columns), np.linspace(-2.0, 2.0, rows)
    return np.array([(a, b) for b in y for a in x]), x, y


def draw(file, Y, cold, warm, slices):
    """The cold F with its force, F along the second axis for six temperatures, and what training found."""
    axes, save = figure(file, ncols=3, figsize=(13.0, 4.0))
    grid, x, y = plane(25, 17)
    F = np.array([free_energy(AXES, p, COLD) for p in grid]).reshape(17, 25)
    image = axes[0].contourf(x, y, np.sqrt(F), levels=12)
    force = np.array([-ellipse_point_gradient(AXES, p, ANGLES[np.argmin(table(AXES, p))]) for p in grid])
    axes[0].quiver(*grid.T, *force.T, color="white", width=0.004)
    axes[0].figure.colorbar(image, ax=axes[0], label=r"$\sqrt{F}$, distance to the ellipse")
    axes[0].set(title="cold: all forces lead to the ellipse", xlabel="$y_1$", ylabel="$y_2$", aspect="equal")
    for (beta, F), style in zip(slices.items(), ("-", "--", "-.", ":", "-", "--"), strict=True):
        name = r"$\infty$" if beta == COLD else f"{beta:g}"
        axes[1].plot(np.linspace(-2.5, 2.5, len(F)), F, ls=style, label=name)
    axes[1].set(title="cold: two valleys; hot: a bowl", xlabel="$y_2$, at $y_1 = 0$", ylabel="free energy F")
    axes[1].legend(title="beta")
    z = np.linspace(0.0, 2.0 * np.pi, 200)
    axes[2].plot(*Y.T, "o", ms=5, color="black", ls="none", label="points")
    for w, label in ((cold, "trained cold"), (warm, "trained at beta = 1")):
        axes[2].plot(w[0] * np.cos(z), w[1] * np.sin(z), label=label)
    axes[2].set(title="warm training averages", xlabel="$y_1$", ylabel="$y_2$", aspect="equal")
    axes[2].legend(loc="center")
    save()


def main():
    chosen = options(__doc__)
    print("beta    F(0)      by 48 angles   2 pi counted, too")
    at_origin = {beta: closed_form_twice(beta) for beta in ORIGIN}
    for beta, (exact, grid, wrong) in at_origin.items():
        print(f"{beta:<5g} {exact:10.6f} {grid - exact:12.1e} {wrong - exact:16.1e}")
    rng = np.random.default_rng(chosen.seed)
    Y = points(rng)
    cold, warm = train(Y, COLD, rng, 5), train(Y, 1.0, rng, 5)
    print("\nepoch   semi-axes, cold    at beta = 1")
    for e, (a, b) in enumerate(zip(cold, warm, strict=True), start=1):
        print(f"{e:5d} {a[0]:10.3f} {a[1]:7.3f} {b[0]:9.3f} {b[1]:7.3f}")
    line = np.linspace(-2.5, 2.5, 51)
    slices = {
        beta: np.array([free_energy(AXES, np.array([0.0, t]), beta) for t in line])
        for beta in (*ORIGIN, COLD)
    }
    wells = {beta: int(np.sum(np.diff(np.sign(np.diff(F))) > 0)) for beta, F in slices.items()}
    aim = towards_the_curve(plane(7, 5)[0] if chosen.quick else plane(25, 17)[0])
    if chosen.figure:
        draw(chosen.figure, Y, cold[-1], warm[-1], slices)
    off = [abs(grid - exact) for exact, grid, _ in at_origin.values()]
    spoilt = [abs(wrong - exact) for exact, _, wrong in at_origin.values()]
    conclude(
        *(near(f"F(0) at beta {beta:g}", at_origin[beta][0], value, 6e-7) for beta, value in ORIGIN.items()),
        near("F(0) cold", free_energy(AXES, np.zeros(2), COLD), 2.25),
        near("F(0) hot, beta 1e-6", ellipse_free_energy_at_origin(AXES, 1e-6), 3.125, 1e-6),
        within("48 angles: off by", max(off), high=1e-11),
        within("with 2 pi counted as well: off by", min(spoilt), low=1e-3),
        (
            "two valleys at beta >= 3.2 and cold, one at 0.1",
            all(wells[b] == 2 for b in (3.2, 10.0, COLD)) and wells[0.1] == 1,
        ),
        within("cold force and the way to the curve: cosine", aim, low=0.9),
        within("trained cold, one epoch: semi-axes off by", np.max(np.abs(cold[0] - AXES)), high=0.1),
        within("trained at beta = 1: its area, of the cold one's", np.prod(warm[-1] / cold[-1]), high=0.9),
    )


if __name__ == "__main__":
    main()
