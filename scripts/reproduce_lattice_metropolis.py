#!/usr/bin/env python3
"""Metropolis on a lattice small enough for the balance equations to be solved.

Claim   The walk with p_ij = (1/2d) min(1, p(j)/p(i)) on {0..n}^d has the law p
        and no other: A p = p. From any start the running average v_t of the
        laws satisfies |A v_t - v_t| <= 2/t. An expectation is the average over
        the walk.
Source  Kun (2015), "Markov Chain Monte Carlo Without all the Bullshit",
        jeremykun.com. There v_t is summed from s = 0 in one place and from 1
        in another; from 0 it is right.
Time    2 s on one core; 1 s with --quick (a shorter walk).

n = 5, d = 2, 36 states: A is a 36 x 36 matrix, whose columns sum to 1. The
balance equations are solved exactly, and the bound 2/t is checked from every
corner of the simplex. Then one walk is taken, noise in and state out, and E[f]
comes with the error that its autocorrelation predicts.

Choosing among the neighbours that exist, instead of refusing a step off the
lattice, gives another law: each state counts in proportion to its number of
neighbours.
"""

import itertools

import numpy as np
from reproduction import conclude, figure, options, within

from ebm_ref.samplers.diagnostics import mcse_mean
from ebm_ref.samplers.lattice_walk import VARIANTS, balance_matrix, lattice_step, running_average, stationary

N, D = 5, 2


def density(rng):
    """A table of p, two hills and a rough ground."""
    x, y = np.mgrid[: N + 1, : N + 1]
    hills = np.exp(-((x - 1) ** 2 + (y - 1) ** 2) / 2.0) + 0.7 * np.exp(-((x - 4) ** 2 + (y - 3) ** 2) / 2.0)
    return hills + 0.05 * rng.uniform(0.5, 1.5, size=hills.shape)


def bounds(A, times):
    """For each t the largest |A v_t - v_t|_1 over all starts in one state, times t."""
    states = np.eye(len(A))
    gap = lambda v: np.abs(A @ v - v).sum()
    return [t * max(gap(running_average(A, start, t)) for start in states) for t in times]


def walk(p, steps, rng):
    """(steps, 2) states visited, one for every step."""
    state, visited = (0, N), np.empty((steps, D), int)
    directions, uniforms = rng.integers(2 * D, size=steps), rng.random(steps)
    for t in range(steps):
        state = lattice_step(p, state, directions[t], uniforms[t])
        visited[t] = state
    return visited


def law_of(transitions, p):
    """The stationary law of transitions given as lists."""
    states = list(itertools.product(range(N + 1), repeat=D))
    A = np.zeros((len(states),) * 2)
    for i, state in enumerate(states):
        for probability, new in transitions(p, state):
            A[states.index(new), i] += probability
    return stationary(A)


def draw(file, p, visited, times, products):
    """The law, the visits, and t |A v_t - v_t| under its bound."""
    axes, save = figure(file, ncols=3, figsize=(10.0, 3.2))
    counts = np.zeros_like(p)
    np.add.at(counts, tuple(visited.T), 1.0)
    for axis, table, title in (
        (axes[0], p / p.sum(), "the law p"),
        (axes[1], counts / len(visited), f"the walk, {len(visited):,} steps"),
    ):
        image = axis.imshow(table.T, origin="lower", vmin=0.0, vmax=p.max() / p.sum())
        axis.set(title=title, xlabel="x, first coordinate", ylabel="y, second coordinate")
    axes[0].figure.colorbar(image, ax=list(axes[:2]), label="share of the time")
    axes[2].plot(times, products, marker=".", label="worst of 36 starts")
    axes[2].axhline(2.0, color="k", lw=1.0, label="bound 2")
    axes[2].set(xscale="log", xlabel="steps t", ylabel="t $|A v_t - v_t|_1$", ylim=(0.0, 2.2))
    axes[2].set_title("the bound 2/t holds, and is tight")
    axes[2].legend(loc="lower center")
    save()


def main():
    chosen = options(__doc__)
    rng = np.random.default_rng(chosen.seed)
    p = density(rng)
    law, A = (p / p.sum()).ravel(), balance_matrix(p)
    solved = stationary(A)
    moduli = np.sort(np.abs(np.linalg.eigvals(A)))[::-1]
    print(f"{N + 1} x {N + 1} states: |A p - p| = {np.abs(A @ law - law).sum():.1e}")
    print(f"the balance equations solved: off by {np.abs(solved - law).max():.1e}")
    print(f"second eigenvalue {moduli[1]:.5f}: a gap of {1.0 - moduli[1]:.5f}\n")
    times = [1, 2, 5, 10, 30, 100, 300] + ([] if chosen.quick else [1000])
    products = bounds(A, times)
    print("t                  " + " ".join(f"{t:6d}" for t in times))
    print("t |A v - v|, worst " + " ".join(f"{b:6.4f}" for b in products))

    steps = 20_000 if chosen.quick else 100_000
    visited = walk(p, steps, rng)
    f = visited.sum(axis=1)[steps // 10 :]
    x, y = np.mgrid[: N + 1, : N + 1]
    truth, error = float(law @ (x + y).ravel()), mcse_mean(f)
    print(f"\nE[x + y] = {truth:.4f}; the walk, {steps} steps: {f.mean():.4f} +- {error:.4f}")
    naive = f.std() / np.sqrt(len(f))
    print(f"independent draws would have the error {naive:.4f}, {error / naive:.0f} times smaller")
    other = law_of(VARIANTS[0].value, p)
    degree = np.array(
        [[sum(0 <= k + s <= N for k in (i, j) for s in (-1, 1)) for j in y[0]] for i in x[:, 0]]
    )
    expected = (p * degree).ravel() / np.sum(p * degree)
    print(f"chosen among the neighbours that exist: E[x + y] = {other @ (x + y).ravel():.4f}")
    if chosen.figure:
        draw(chosen.figure, p, visited, times, products)
    conclude(
        within("p is stationary, |A p - p|", np.abs(A @ law - law).sum(), high=1e-14),
        within("and the only law that is: second eigenvalue", moduli[1], high=1.0 - 1e-6),
        within("what solves the balance equations, less p", np.abs(solved - law).max(), high=1e-12),
        within("t |A v_t - v_t| from the worst state", max(products), 1.0, 2.0 + 1e-12),
        within("average over the walk, standard errors off", abs(f.mean() - truth) / error, high=5.0),
        within("existing neighbours, less p x degree", np.abs(other - expected).max(), high=1e-12),
    )


if __name__ == "__main__":
    main()
