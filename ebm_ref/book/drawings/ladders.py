r"""Ladders: what chains find that climb temperatures or levels of noise, and chains that do not.

    tempering      where the cold chain is, with exchanges and without
    annealing      where points from afar end, with levels of noise and at the last one alone
    importance     two bounds on log Z from the path between two energies, stage by stage

The laws are mixtures, of which all is known: the share of each valley, the density at each level of noise.

Source: Geyer (1991); Song and Ermon (2019); Gelman and Meng (1998).
"""

import itertools

import numpy as np

from ebm_ref.book.drawings.paths import hills
from ebm_ref.conformance.samplers.targets import bimodal
from ebm_ref.energies.mixture import FORMULA as MIXTURE
from ebm_ref.energies.mixture_score import SCORE
from ebm_ref.exact.enumeration import expectation
from ebm_ref.exact.enumeration import log_partition as log_sum
from ebm_ref.samplers.annealed_importance import bridge, path_bounds
from ebm_ref.samplers.annealed_langevin import annealed_langevin
from ebm_ref.samplers.heat_bath import spin_energy
from ebm_ref.samplers.random_walk import random_walk_step
from ebm_ref.samplers.tempering import exchange_step

BETAS, SWEEPS, MOVE = (1.0, 0.4, 0.15, 0.05), 600, 0.8
CENTERS, VARIANCES, WEIGHTS = (
    np.array([[-1.6, -0.9], [1.6, 1.0]]),
    np.array([0.15, 0.15]),
    np.array([0.2, 0.8]),
)
SIGMAS, STEPS, LAST, POINTS = 3.0 * 0.55 ** np.arange(6), 10, 0.02, 80
STAGES = (1, 2, 4, 8, 16, 32, 64)
COUPLINGS = 0.5 * (np.ones((4, 4)) - np.eye(4))


# parallel tempering


def cold_chain(law, betas, rng):
    """(sweeps,) where the coldest of several replicas is; of one replica, where it is."""
    xs, energies, trace = [np.array([-1.5])] * len(betas), [law.energy(np.array([-1.5]))] * len(betas), []
    for sweep in range(SWEEPS):
        for i, beta in enumerate(betas):
            log_p, e = (lambda y, b=beta: -b * law.energy(y)), MOVE / np.sqrt(beta)
            noise = rng.normal(size=1), rng.exponential()
            xs[i], log_p_now, _ = random_walk_step(log_p, xs[i], -beta * energies[i], e, *noise)
            energies[i] = -log_p_now / beta
        for i in range(sweep % 2, len(betas) - 1, 2):
            xs, energies = exchange_step(betas, xs, energies, i, rng.exponential())
        trace.append(xs[0][0])
    return np.array(trace)


def tempering(plt):
    """The cold chain, alone and above three warmer ones."""
    law = bimodal(means=(-1.5, 1.5), sd=0.25)
    traces = {
        "alone": cold_chain(law, BETAS[:1], np.random.default_rng(0)),
        f"with replicas at beta = {', '.join(map(str, BETAS[1:]))}": cold_chain(
            law, BETAS, np.random.default_rng(0)
        ),
    }
    figure, column = plt.subplots(2, 1, figsize=(6.4, 4.6), sharex=True, sharey=True)
    crossings = [int(np.sum(np.diff(np.sign(trace)) != 0)) for trace in traces.values()]
    for axes, (name, trace), n in zip(column, traces.items(), crossings, strict=True):
        axes.plot(trace, ".", color="C0", markersize=2.5)
        axes.axhline(0.0, color="0.6", linestyle="--", linewidth=0.8)
        share = f"{np.mean(trace > 0.0):.0%} of the time on the right"
        axes.set(ylabel="$x$ at $\\beta = 1$", ylim=(-2.6, 2.6))
        axes.set_title(f"{name}: {n} crossings, {share}", fontsize=9)
    column[-1].set_xlabel("sweeps")
    assert crossings[1] > 10 * max(crossings[0], 1), crossings
    figure.suptitle("Exchanges carry the cold chain over the ridge; the right valley holds 60 %")
    return figure


# annealed Langevin


def blurred_score(x, sigma):
    """The score of the mixture, blurred by normal noise."""
    return SCORE.value(x, CENTERS, VARIANCES + sigma**2, WEIGHTS)


def ends(sigmas, steps):
    """(n, 2) where points from far away end."""
    rng = np.random.default_rng(0)
    starts = SIGMAS[0] * rng.normal(size=(POINTS, 2))
    noise = rng.normal(size=(POINTS, len(sigmas), steps, 2))
    return np.array(
        [annealed_langevin(blurred_score, x, sigmas, LAST, z) for x, z in zip(starts, noise, strict=True)]
    )


def annealing(plt):
    """Points that went through all levels, and points that took as many steps at the last."""
    near = lambda points: np.mean(
        np.sum((points - CENTERS[1]) ** 2, 1) < np.sum((points - CENTERS[0]) ** 2, 1)
    )
    found = {
        f"{len(SIGMAS)} levels of noise": ends(SIGMAS, STEPS),
        "the last level alone": ends(SIGMAS[-1:], STEPS * len(SIGMAS)),
    }
    shares = {name: float(near(points)) for name, points in found.items()}
    figure, row = plt.subplots(1, 2, figsize=(8.0, 3.9), sharex=True, sharey=True)
    for axes, (name, points) in zip(row, found.items(), strict=True):
        law = lambda x: MIXTURE.value(x, CENTERS, VARIANCES, WEIGHTS)
        hills(axes, law, ((-4.0, 4.0), (-4.0, 4.0)))
        axes.plot(*points.T, ".", color="C0", markersize=4.0)
        axes.set_title(f"{name}: {shares[name]:.0%} end on the right")
        axes.label_outer()
    errors = [abs(share - WEIGHTS[1]) for share in shares.values()]
    assert errors[0] < 0.1 < errors[1], shares
    figure.suptitle(f"The right valley holds {WEIGHTS[1]:.0%}; how much, only the wide levels can tell")
    return figure


# annealed importance


def importance(plt):
    """Both bounds for a growing number of stages, with exact means at each."""
    spins = np.array(list(itertools.product((-1, 1), repeat=4)))
    start, end = (lambda s: 0.0), (lambda s: float(spin_energy(COUPLINGS, np.zeros(4), s)))
    table = np.array([end(s) for s in spins])
    truth = log_sum(table) - np.log(len(spins))

    def mean(b):
        """Exact mean energy of each state under the law at b."""
        at = np.array([bridge(start, end, b)(s) for s in spins])
        return expectation(at, -table)

    bounds = [
        path_bounds(b, [float(mean(one)) for one in b])
        for b in (np.linspace(0.0, 1.0, K + 1) for K in STAGES)
    ]
    low, high = np.array(bounds).T
    assert np.all((low <= truth) & (truth <= high))
    figure, axes = plt.subplots(figsize=(5.6, 3.9))
    axes.semilogx(
        STAGES, high, "v", color="C1", linestyle="--", label="reverse: mean of $\\log w$ of one walk"
    )
    axes.semilogx(STAGES, low, "^", color="C0", linestyle="-", label="forward")
    axes.axhline(truth, color="black", linestyle=":", linewidth=1.2, label=f"the truth, {truth:.4f}")
    axes.set(xlabel="stages K", ylabel="$\\log Z_1/Z_0$")
    axes.set_title(f"Two bounds enclose $\\log Z$: {high[-1] - low[-1]:.3f} apart with {STAGES[-1]} stages")
    axes.legend()
    return figure


DRAWINGS = {
    "samplers.tempering": (
        tempering,
        "Random walks on two valleys, each sweep a move of every replica and an offer to exchange "
        "neighbours.",
    ),
    "samplers.annealed_langevin": (
        annealing,
        f"{POINTS} points from a wide normal law over a mixture of two, after as many steps each.  Near "
        "either centre the score hardly knows of the other.",
    ),
    "samplers.annealed_importance": (
        importance,
        "Four spins, from independence to couplings of 0.5, by kernels that forget at once: the means of "
        "each stage are exact sums, so there is no noise in the bounds.",
    ),
}
