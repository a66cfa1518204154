r"""Instruments: what a warm-up finds, what short chains remember, and what diagnostics see of it.

    diagnostics    R-hat of chains in one valley of two, and of chains in both
    blocking       the error of a mean by the length of blocks, against the exact one
    warm_up        shape and step, piece by piece
    chains         the law after K steps, in closed form
    posterior      what three samplers make of the same few draws

Each has a truth to be held to: the share of each valley, the variance of a mean of AR(1), the widths of the
density, and the moments of a linear chain.

Source: Vehtari et al. (2021); Flyvbjerg and Petersen (1989); Haario, Saksman and Tamminen (2001); Nijkamp et
al. (2019).
"""

import warnings
from functools import cache

import numpy as np

from ebm_ref.conformance.samplers.targets import bimodal
from ebm_ref.samplers.blocking import blocking, blocking_error
from ebm_ref.samplers.chains import run, short_run_moments
from ebm_ref.samplers.diagnostics import ar1_mean_variance, mcse_mean, rhat
from ebm_ref.samplers.langevin import langevin
from ebm_ref.samplers.posterior import KINDS, Plan, sample
from ebm_ref.samplers.random_walk import random_walk
from ebm_ref.samplers.warm_up import warm_up

MEANS, SHARES, STUCK, DRAWS = (-1.5, 1.5), (0.4, 0.6), 0.2, 300
STARTS = {"all in the left valley": (-1.5,) * 4, "one in the right valley": (-1.5, -1.5, -1.5, 1.5)}
F, LONG = 0.9, 2**14
WIDTHS, WARM, WANTED = np.array([1.0, 30.0]), 4000, 0.234
SPREAD, FEW = np.linspace(1.0, 30.0, 8), 400
FROM, STEP, COUNTS, RUNS = 4.0, 0.3, (2, 10, 30, 200), 2000


@cache
def stuck(starts):
    """(4, draws) short walks between two valleys that are too deep to leave."""
    law, rng = bimodal(SHARES, MEANS, STUCK), np.random.default_rng(0)
    walk = lambda x: random_walk(lambda y: -law.energy(y), np.array([x]), 0.4, DRAWS, rng)[0][:, 0]
    return np.array([walk(x) for x in starts])


def diagnostics(plt):
    """Traces of four chains, with R-hat in the title."""
    truth = float(np.dot(SHARES, MEANS))
    figure, row = plt.subplots(1, 2, figsize=(8.6, 3.7), sharex=True, sharey=True)
    found = {name: stuck(starts) for name, starts in STARTS.items()}
    blind, warned = (float(rhat(draws)) for draws in found.values())
    for axes, (name, draws) in zip(row, found.items(), strict=True):
        axes.plot(draws.T, linestyle="-", linewidth=0.7)
        axes.axhline(truth, color="black", linestyle="--", linewidth=1.0, label=f"the true mean, {truth:g}")
        axes.set(xlabel="draws", title=f"{name}: R-hat {rhat(draws):.2f}")
    row[0].set_ylabel("$x$, four chains")
    row[0].legend(loc="center right")
    alone = found["all in the left valley"]
    off = abs(float(np.mean(alone)) - truth) / float(mcse_mean(alone))
    assert blind < 1.1 and warned > 1.5 and off > 10.0, (blind, warned, off)
    figure.suptitle(
        f"R-hat sees that chains disagree; that all miss {SHARES[1]:.0%} of the law it cannot see"
    )
    return figure


def averaged(plt):
    """The error that blocks of each length tell, of a correlated series."""
    z = np.random.default_rng(0).normal(size=LONG)
    x = [z[0]]
    for one in z[1:]:
        x.append(F * x[-1] + np.sqrt(1.0 - F * F) * one)
    length, error, doubt = np.array(blocking(np.array(x))).T
    exact, chosen = np.sqrt(ar1_mean_variance(F, LONG)), blocking_error(np.array(x))
    assert abs(chosen / exact - 1.0) < 0.2 and error[0] < exact / 3.0, (chosen, exact)
    figure, axes = plt.subplots(figsize=(5.6, 3.9))
    axes.errorbar(length, error, doubt, marker="o", markersize=4.0, linestyle="-", linewidth=1.0, capsize=2.0)
    axes.axhline(exact, color="C1", linestyle="--", label=f"exact: {exact:.4f}")
    at = int(np.argmin(np.abs(error - chosen)))
    axes.plot(length[at], chosen, "s", color="black", label=f"blocking stops: {chosen:.4f}", zorder=3)
    axes.set(xscale="log", xlabel="length of blocks", ylabel="standard error of the mean", ylim=(0.0, None))
    axes.set_title(
        f"Of single draws the error is {exact / error[0]:.1f} times too small;\nlong blocks mend that"
    )
    axes.legend(loc="lower right")
    return figure


@cache
def warmed():
    """[(draws so far, ratio of the learned widths, share accepted)] of the pieces of a warm-up."""
    rng, told = np.random.default_rng(0), []
    log_density = lambda x: -0.5 * float(np.sum((x / WIDTHS) ** 2))

    def walk(x, C, s, n):
        """A piece of the warm-up; its ratio of widths and its acceptance are noted."""
        chain, accepted = random_walk(log_density, x, s * s * C, n, rng)
        told.append((n, float(np.sqrt(C[1, 1] / C[0, 0])), accepted / n))
        return chain, accepted

    warm_up(walk, np.zeros(2), WARM, WANTED, 1)
    n, ratio, accepted = np.array(told).T
    return np.cumsum(n), ratio, accepted


def warming(plt):
    """How shape and acceptance come to what they should be."""
    n, ratio, accepted = warmed()
    wanted, last = WIDTHS[1] / WIDTHS[0], ratio[-1]
    assert ratio[0] == 1.0 and abs(np.log(last / wanted)) < 0.3 and abs(accepted[-1] - WANTED) < 0.1
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.7), sharex=True)
    left.loglog(n, ratio, marker="o", markersize=3.5)
    left.axhline(wanted, color="C1", linestyle="--", label=f"the density: {wanted:g}")
    left.set(
        xlabel="draws of the warm-up", ylabel="width in $x_2$ over width in $x_1$", title="learned shape"
    )
    left.legend(loc="lower right")
    right.semilogx(n, accepted, marker="o", markersize=3.5)
    right.axhline(WANTED, color="C1", linestyle="--", label=f"wanted: {WANTED:g}")
    right.set(xlabel="draws of the warm-up", ylabel="share accepted", ylim=(0.0, 1.0), title="tuned step")
    right.legend(loc="upper right")
    figure.suptitle(f"A walk that begins with round moves finds {last:.0f} : 1, and is frozen so")
    return figure


def remembering(plt):
    """The normal law after K steps of Langevin on x^2/2, and that of many runs."""
    rng, x = np.random.default_rng(0), np.linspace(-4.0, 5.0, 241)
    normal = lambda m, v: np.exp(-0.5 * (x - m) ** 2 / v) / np.sqrt(2.0 * np.pi * v)
    figure, axes = plt.subplots(figsize=(5.8, 3.9))
    step = lambda y, z: langevin(y, y, z, STEP)
    for K in COUNTS:
        m, v = short_run_moments(FROM, 0.0, 1.0, 0.5 * STEP**2, STEP, K)
        ends = run(step, np.full(RUNS, FROM), rng.normal(size=(K, RUNS)))
        assert abs(np.mean(ends) - m) < 5.0 * np.sqrt(v / RUNS), (K, m, v)
        axes.plot(x, normal(m, v), label=f"K = {K}: mean {m:.2f}, variance {v:.2f}")
    axes.fill_between(x, normal(0.0, 1.0), color="0.88", label="$e^{-E}$: mean 0, variance 1")
    axes.set(xlabel="$x$", ylabel="density", ylim=(0.0, 1.15))
    axes.set_title(f"A short run from {FROM:g} samples a law of its own")
    axes.legend(loc="upper left", fontsize=8)
    return figure


@cache
def few_draws(sampler):
    """Four chains of a normal density of eight widths, all from its centre, after a short warm-up."""
    energy = lambda x: 0.5 * float(np.sum((x / SPREAD) ** 2))
    start, plan = np.zeros(len(SPREAD)), Plan(warm_up=FEW)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the titles say the same
        return sample(energy, lambda x: x / SPREAD**2, start, FEW, np.random.default_rng(0), sampler, plan)


def sampling(plt):
    """Traces of the worst coordinate by each sampler, with what its diagnostics say."""
    figure, row = plt.subplots(1, 3, figsize=(11.0, 3.7), sharex=True, sharey=True)
    found = {sampler: few_draws(sampler) for sampler in KINDS}
    agree = {sampler: bool(np.all(chains.rhat < 1.01)) for sampler, chains in found.items()}
    assert agree == {"random walk": False, "mala": False, "hmc": True}, agree
    for axes, (sampler, chains) in zip(row, found.items(), strict=True):
        i = int(np.argmin(chains.ess))
        axes.plot((chains.states[:, :, i] / SPREAD[i]).T, linestyle="-", linewidth=0.6)
        axes.axhspan(-2.0, 2.0, color="0.9", zorder=0, label="19 of 20 draws belong here")
        told = f"R-hat {chains.rhat[i]:.2f}, worth {chains.ess[i]:.0f} of {4 * FEW:,} draws"
        axes.set(xlabel="draws", title=f"{sampler}: $x_{i + 1}$ of 8\n{told}")
    row[0].set_ylabel("four chains, in widths of the density")
    row[0].legend(loc="lower left", fontsize=8)
    figure.suptitle("From one start and after as many moves of warm-up, the chains of HMC alone agree")
    return figure


DRAWINGS = {
    "samplers.posterior": (
        sampling,
        f"A normal density in eight dimensions, with widths from 1 to 30; each chain has had {FEW} moves to "
        "learn them, from the centre.  Shown is the coordinate that is known worst.  A move of HMC takes "
        "several gradients, one of MALA a single one, and the random walk does without.",
    ),
    "samplers.diagnostics": (
        diagnostics,
        f"Four random walks of {DRAWS} draws on two valleys of 40 % and 60 %.  Left no chain has been to the "
        "right valley, and all agree; right one has begun there.  So begin chains far apart.",
    ),
    "samplers.blocking": (
        averaged,
        f"Of one AR(1) series with f = {F:g} and {LONG:,} draws; bars are the uncertainty of the error, and "
        "the square is where blocking stops by itself.",
    ),
    "samplers.warm_up": (
        warming,
        "A random walk on a normal density that is 30 times as wide in x_2 as in x_1.  A point is a piece of "
        "the warm-up; after each, covariance and step are set anew, in the last fifth the step alone.",
    ),
    "samplers.chains": (
        remembering,
        f"The law of x after K Langevin steps of size {STEP:g} on E = x^2/2, in closed form; {RUNS:,} runs "
        "of the chain itself have these means.",
    ),
}
