#!/usr/bin/env python3
"""Three samplers on densities whose moments are known.

Claim   From starts at 0, with no number tuned by hand, a random walk, MALA
        and HMC find the means and variances of correlated Gaussians up to 50
        dimensions (condition 1e4), a funnel, a t of three degrees, two
        bananas and the eight schools: each within 4.5 of its standard errors,
        and R-hat below 1.01.
Source  Haario, Saksman and Tamminen (2001) for the warm-up and the bananas;
        Neal (2003), "Slice Sampling", for the funnel; Rubin (1981) for the
        schools.
Time    3 min on one core; 4 s with --quick (HMC on three of them).

Draws and thinning differ from row to row, since samplers do: they say how
long it takes, not how it is tuned. The walk in 50 dimensions is the compiled
one. Neal's funnel with a deviation of 3 is not here: its narrow end has a
width of e^{-4.5}, and no step that is the same everywhere gets there. Change
its coordinates, as the schools are written here.
"""

import time
import warnings

import numpy as np
import posteriors
from reproduction import conclude, figure, options, within

from ebm_ref.samplers.posterior import Plan, sample

# problem: for each sampler draws of each of 4 chains, warm-up, thinning
ROWS = {
    "gaussian_5": (
        lambda: posteriors.gaussian(5),
        {"random walk": (1000, 5000, 20), "mala": (2000, 4000, 4), "hmc": (2000, 1000, 1)},
    ),
    "gaussian_50": (
        lambda: posteriors.gaussian(50),
        {"random walk": (1000, 250_000, 300), "mala": (1500, 40_000, 15), "hmc": (2000, 2000, 1)},
    ),
    "funnel": (
        posteriors.funnel,
        {"random walk": (1000, 5000, 40), "mala": (1000, 5000, 40), "hmc": (2000, 2000, 2)},
    ),
    "student": (
        posteriors.student,
        {"random walk": (1000, 5000, 20), "mala": (1000, 5000, 20), "hmc": (2000, 2000, 2)},
    ),
    "banana": (
        lambda: posteriors.banana(1.0, 1.0),
        {"random walk": (1000, 5000, 20), "mala": (1000, 5000, 50), "hmc": (2000, 2000, 4)},
    ),
    "bent_more": (
        lambda: posteriors.banana(0.03, 100.0),
        {"random walk": (1000, 10_000, 100), "mala": (1000, 10_000, 200), "hmc": (1000, 2000, 20)},
    ),
    "schools": (
        posteriors.schools,
        {"random walk": (1000, 10_000, 50), "mala": (2000, 4000, 8), "hmc": (2000, 2000, 2)},
    ),
}
QUICK = {"gaussian_5": (1000, 500, 1), "student": (1500, 500, 1), "schools": (1000, 1000, 1)}


def compiled(problem, draws, rng, plan):
    """The walk of kernels/adaptive_walk.py on the Gaussian."""
    from numba import njit

    from ebm_ref.kernels.adaptive_walk import adaptive_walk

    C = posteriors.covariance_of(problem.d, 1e4)
    density = njit(lambda x, mean, P: -0.5 * np.dot(x - mean, np.dot(P, x - mean)))
    given = 3.0 * np.sqrt(np.diag(C)), np.linalg.inv(C)
    adaptive_walk(density, given, np.zeros(problem.d), 4, np.random.default_rng(0), Plan(20))  # compiles
    started = time.process_time()
    found = adaptive_walk(density, given, np.zeros(problem.d), draws, rng, plan)
    return found, time.process_time() - started


def drawn(name, problem, sampler, size, seed):
    """Chains, and the seconds that they took, diagnostics included."""
    draws, spent, thin = size
    rng, plan = np.random.default_rng(seed), Plan(spent, thin)
    with warnings.catch_warnings(action="ignore"):  # what they say is in the table
        if name == "gaussian_50" and sampler == "random walk":
            return compiled(problem, draws, rng, plan)
        started = time.process_time()
        found = sample(problem.energy, problem.gradient, np.zeros(problem.d), draws, rng, sampler, plan)
        return found, time.process_time() - started


def main():
    chosen = options(__doc__, only={"default": "", "metavar": "WORD", "help": "rows whose name contains it"})
    claims, ends = [], []
    if not any(chosen.only in name for name in ROWS):
        conclude((f"{chosen.only!r} is in the name of a row: {', '.join(ROWS)}", False))
    print(f"{'':22} {'sampler':12} {'mean':>5} {'var':>5} {'R-hat':>7} {'eff.':>6} {'ms/eff.':>8} {'s':>6}")
    for name, (make, sizes) in ROWS.items():
        if chosen.only not in name or (chosen.quick and name not in QUICK):
            continue
        problem = make()
        for sampler, size in ({"hmc": QUICK[name]} if chosen.quick else sizes).items():
            found, seconds = drawn(name, problem, sampler, size, chosen.seed)
            r = posteriors.judged(problem, found.states)
            each = f"{1e3 * seconds / r.ess:8.2f} {seconds:6.1f}"
            worst = f"{r.mean:5.1f} {r.variance:5.1f} {r.rhat:7.4f} {r.ess:6.0f}"
            print(f"{problem.name:22} {sampler:12} {worst} {each}", flush=True)
            claims.append(within(f"{problem.name}, {sampler}: MCSE off", r.worst, high=4.5))
            claims.append(within(f"{problem.name}, {sampler}: R-hat", r.rhat, high=1.01))
            ends.append((problem, sampler, found))
    if chosen.figure:
        draw(chosen.figure, ends)
    conclude(*claims)


def draw(file, ends):
    """The first two coordinates of each row."""
    rows, columns = -(-len(ends) // 3), min(3, len(ends))
    size = (3.4 * columns, 3.2 * rows)
    axes, save = figure(file, nrows=rows, ncols=columns, squeeze=False, figsize=size)
    for axis, (problem, sampler, found) in zip(axes.flat, ends, strict=False):
        axis.plot(*found.states[:, ::4, :2].reshape(-1, 2).T, ".", ms=1, alpha=0.5)
        reached = f"R-hat {np.max(found.rhat):.3f}, {np.min(found.ess):.0f} effective"
        axis.set(
            title=f"{problem.name}: {sampler}\n{reached}",
            xlabel="first coordinate",
            ylabel="second coordinate",
        )
    for axis in axes.flat[len(ends) :]:
        axis.set_axis_off()
    save()


if __name__ == "__main__":
    main()
