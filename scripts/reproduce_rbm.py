#!/usr/bin/env python3
"""Six ways to train a restricted Boltzmann machine, by exact log-likelihood.

Claim   With a rate that falls to 0, persistent chains end near where maximum
        likelihood does, and CD-1 below; on bars and stripes it has been far
        better on the way. At a constant rate persistent chains are left
        behind by the model, and PCD loses more than a nat. No curve passes
        minus the entropy of its data.
Source  Tieleman (2008), "Training Restricted Boltzmann Machines Using
        Approximations to the Likelihood Gradient"; Fischer and Igel (2010),
        for bars and stripes; Marlin et al. (2010) for pseudolikelihood.
Data    Bars and stripes of 4 x 4 pixels, under two laws. And all 4 x 4
        patches of the digits inside scikit-learn whose corners have even
        coordinates, black or white, each distinct patch with its frequency.
Time    Six minutes of one core, halved on two; 3 s with --quick, which is
        bars and stripes alone, by pages alone, at a rate that falls from 1.

Pictures of bars and stripes have rows that are all alike, or columns. There
are 30 of them. As distinct pictures each has the probability 1/30, and no
mean log-likelihood is above -log 30 = -3.4012. Made by drawing a direction
and then four bits, the two plain ones are twice as frequent as the others,
and the bound is -4.875 log 2 = -3.3791. Which law is meant must be said.

log Z is exact at every point of every curve (exact/rbm.py), so a curve is
what was learnt, not what some proxy says.

    ML        gradient of the likelihood, exact in the model, of a batch
    CD-1, -10 chains of so many steps from the batch
    PCD       chains of one step from where they ended in the last update
    PL        pseudolikelihood
    MPF       minimum probability flow to neighbours without data

Bands are from the worst to the best of five seeds.
"""

import itertools
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
from reproduction import conclude, digits, figure, near, options, within

from ebm_ref.exact import rbm
from ebm_ref.learning.likelihood import rbm_statistics
from ebm_ref.learning.minimum_probability_flow import minimum_probability_flow_gradient
from ebm_ref.learning.pseudolikelihood import pseudolikelihood_gradient
from ebm_ref.learning.rbm_gradients import chain_gradient, flip_gradient, mean_log_likelihood

METHODS = "ML", "PCD", "CD-10", "CD-1", "PL", "MPF"
SIDE, BATCH, POINTS = 4, 100, 25


class Data(NamedTuple):
    """Distinct rows of bits, their probabilities, and which flips of each lead to no other row."""

    rows: np.ndarray
    p: np.ndarray
    leaves: np.ndarray

    @property
    def bound(self):
        return self.p @ np.log(self.p)


class Plan(NamedTuple):
    """How a machine is trained; `fast` by the compiled kernels, which are held to the pages."""

    hidden: int
    rates: np.ndarray  # (updates,)
    fast: bool


def weighted(rows, weights):
    """Data of rows that may repeat."""
    X, which = np.unique(rows, axis=0, return_inverse=True)
    p = np.bincount(which.ravel(), weights)
    known = {row.tobytes() for row in X}
    leaves = np.array([[np.abs(x - e).tobytes() not in known for e in np.eye(X.shape[1])] for x in X])
    return Data(X, p / p.sum(), 1.0 * leaves)


def bars_and_stripes():
    """Data by two laws: every distinct picture alike, and a direction and bits drawn."""
    bits = np.array(list(itertools.product((0.0, 1.0), repeat=SIDE)))
    rows = np.concatenate([np.repeat(bits, SIDE, axis=1), np.tile(bits, SIDE)])
    drawn = weighted(rows, np.ones(len(rows)))
    return drawn._replace(p=np.full(len(drawn.p), 1.0 / len(drawn.p))), drawn


def patches():
    """Data of 4 x 4 patches of digits."""
    images = digits()[0].reshape(-1, 8, 8) >= 0.5
    corners = itertools.product((0, 2, 4), repeat=2)
    cut = [images[:, r : r + SIDE, c : c + SIDE].reshape(len(images), -1) for r, c in corners]
    rows = np.concatenate(cut).astype(float)
    return weighted(rows, np.ones(len(rows)))


def by_kernel(machine, X, rows, rates, rng, k, chains):
    """Updates by CD-k, or PCD where there are chains: the machine, and the chains' ends."""
    from ebm_ref.kernels.rbm import contrastive_updates

    return contrastive_updates(machine, X, rows, rates, rng, k, chains)


def by_page(machine, X, rows, rates, rng, k, chains):
    """The same, update by update."""
    for batch, rate in zip(X[rows], rates, strict=True):
        start = batch if chains is None else chains
        shape = [(len(start), n) for n in machine[0].shape[::-1]]
        noise = [tuple(map(rng.random, shape)) for _ in range(k)]
        slopes, ends = chain_gradient(*machine, batch, alike(batch), start, noise)
        chains = None if chains is None else ends
        machine = moved(machine, slopes, rate)
    return machine, ends


def alike(batch):
    return np.full(len(batch), 1.0 / len(batch))


def moved(machine, slopes, rate):
    return tuple(x - rate * g for x, g in zip(machine, slopes, strict=True))


def likelihood_slopes(moments, machine, batch, leaves):
    """The model's moments less the batch's; `moments` of the page or of the kernel."""
    data = rbm_statistics(machine[0], machine[2], batch, alike(batch))
    return [m - d for m, d in zip(moments(*machine)[1:], data, strict=True)]


def flip_slopes(page, machine, batch, leaves):
    """Of a loss of flip differences; `page` is its gradient by these, for each alone."""
    each = lambda D: leaves * page(D.ravel()).reshape(D.shape)
    return flip_gradient(*machine, batch, alike(batch), each)


def stepper(method, fast):
    """(machine, data, rows, rates, rng, chains) -> (machine, chains): the updates of a method."""
    if method in ("CD-1", "CD-10", "PCD"):
        run, k = by_kernel if fast else by_page, 10 if method == "CD-10" else 1
        return lambda machine, data, *rest, chains: run(machine, data.rows, *rest, k, chains)
    if method == "ML":
        slopes = partial(likelihood_slopes, exact_moments(fast))
    else:
        pages = {"PL": pseudolikelihood_gradient, "MPF": minimum_probability_flow_gradient}
        slopes = partial(flip_slopes, pages[method])

    def steps(machine, data, rows, rates, rng, chains):
        leaves = data.leaves if method == "MPF" else np.ones_like(data.leaves)
        for batch, rate in zip(rows, rates, strict=True):
            machine = moved(machine, slopes(machine, data.rows[batch], leaves[batch]), rate)
        return machine, None

    return steps


def exact_moments(fast):
    if not fast:
        return rbm.moments
    from ebm_ref.kernels.rbm import moments

    return moments


def curve(task):
    """(POINTS + 1,) exact mean log-likelihoods on the way, of one seed; all methods see the same batches."""
    method, data, plan, seed = task
    rng = np.random.default_rng(seed)
    v = data.rows.shape[1]
    machine = rng.normal(scale=0.01, size=(v, plan.hidden)), np.zeros(v), np.zeros(plan.hidden)
    rows = rng.choice(len(data.rows), size=(len(plan.rates), BATCH), p=data.p)
    chains = 1.0 * (rng.random((BATCH, v)) < 0.5) if method == "PCD" else None
    found, step = [mean_log_likelihood(*machine, data.rows, data.p)], stepper(method, plan.fast)
    for part in np.array_split(np.arange(len(plan.rates)), POINTS):
        machine, ends = step(machine, data, rows[part], plan.rates[part], rng, chains=chains)
        chains = ends if method == "PCD" else None
        found.append(mean_log_likelihood(*machine, data.rows, data.p))
    return np.array(found)


def curves(methods, data, plan, seeds):
    """{method: (seeds, POINTS + 1)}."""
    tasks = [(method, data, plan, seed) for method in methods for seed in seeds]
    if plan.fast:
        with ProcessPoolExecutor() as pool:
            found = list(pool.map(curve, tasks))
    else:
        found = list(map(curve, tasks))
    return dict(zip(methods, np.reshape(found, (len(methods), len(seeds), -1)), strict=True))


def report(title, data, found):
    print(f"\n{title}: {len(data.rows)} distinct, bound {data.bound:.4f}")
    for method, each in found.items():
        ends = each[:, -1]
        print(
            f"  {method:6s} {ends.mean():8.4f} +- {ends.std(ddof=1):.4f}   best on the way {each.max():.4f}"
        )


def draw(file, panels):
    axes, save = figure(file, nrows=1, ncols=len(panels), figsize=(4.2 * len(panels), 3.8))
    for ax, (title, data, plan, found) in zip(np.atleast_1d(axes), panels, strict=True):
        at = np.linspace(0.0, len(plan.rates) / 1000.0, POINTS + 1)
        for method, each in found.items():
            color = f"C{METHODS.index(method)}"
            ax.fill_between(at, each.min(axis=0), each.max(axis=0), color=color, alpha=0.25, lw=0)
            ax.plot(at, each.mean(axis=0), color=color, lw=1.2, label=method)
        ax.axhline(data.bound, color="0.3", lw=0.8, ls="--")
        ax.annotate("bound", (at[-1], data.bound), ha="right", va="bottom", fontsize=8, color="0.3")
        low = np.min([np.mean(each, axis=0)[3:] for name, each in found.items() if name != "MPF"])
        nearest = max(found, key=lambda name: np.mean(found[name][:, -1]))
        ax.set(
            title=f"{title}:\n{nearest} ends highest",
            xlabel="updates, thousands",
            ylim=(max(low, data.bound - 3.0) - 0.05, data.bound + 0.15),
        )
        ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0.0, 0.94))
    np.atleast_1d(axes)[0].set_ylabel("mean log-likelihood, exact, in nats")
    save()


def experiments(quick):
    """[(title, data, plan, methods)]."""
    distinct, drawn = bars_and_stripes()
    if quick:
        plan = Plan(8, np.linspace(1.0, 0.0, 1200), False)
        return [("Bars and stripes, drawn", drawn, plan, ("ML", "PCD", "CD-1", "PL"))]
    falls, stays = Plan(8, np.linspace(0.4, 0.0, 5000), True), Plan(8, np.full(5000, 0.4), True)
    large = Plan(16, np.linspace(0.4, 0.0, 20_000), True)
    return [
        ("Bars and stripes, distinct", distinct, falls, ("ML", "PCD")),
        ("Bars and stripes, drawn", drawn, falls, METHODS),
        ("The same at a constant rate", drawn, stays, ("ML", "PCD", "CD-1")),
        ("Patches of digits", patches(), large, METHODS),
    ]


def main():
    chosen = options(__doc__)
    seeds = range(chosen.seed, chosen.seed + (2 if chosen.quick else 5))
    panels = [
        (title, data, plan, curves(methods, data, plan, seeds))
        for title, data, plan, methods in experiments(chosen.quick)
    ]
    for title, data, _, found in panels:
        report(title, data, found)
    if chosen.figure:
        draw(chosen.figure, panels)
    conclude(*claims(panels))


def claims(panels):
    """What holds of bars and stripes, and of patches where there are any."""
    bounds = [data.bound for data in bars_and_stripes()]
    truths = -np.log(30.0), -4.875 * np.log(2.0)
    passed = max(np.max(each) - data.bound for _, data, _, found in panels for each in found.values())
    drawn = next(found for title, _, _, found in panels if title.endswith("drawn"))
    end = {method: each[:, -1] for method, each in drawn.items()}
    yield "the bounds are -log 30 and -4.875 log 2", np.allclose(bounds, truths, rtol=1e-14)
    yield from claims_of_log_Z()
    yield within("above its bound, the curve that comes nearest", passed, high=0.0)
    ahead = min(*end["ML"], *end["PCD"]) - max(end["CD-1"])
    yield within("the worst end of ML and PCD above the best of CD-1, nats", ahead, low=0.0)
    if len(panels) > 1:
        yield from claims_of_the_whole(end, drawn, *(found for *_, found in panels[2:]))


def claims_of_log_Z():
    """What the curves rest on: probabilities of all visible states add up to 1, by hand-written sums."""
    rng = np.random.default_rng(2026)
    W, b, c = rng.normal(size=(10, 6)), rng.normal(size=10), rng.normal(size=6)
    visible, hidden = (np.array(list(itertools.product((0.0, 1.0), repeat=n))) for n in (10, 6))
    weights = np.exp((visible @ W) @ hidden.T + (visible @ b)[:, None] + hidden @ c)
    log_p = [mean_log_likelihood(W, b, c, v[None], [1.0]) for v in visible]
    yield near("probabilities of all 2^10 states, in sum", np.sum(np.exp(log_p)), 1.0, 1e-12)
    yield near("log Z by 2^16 states", rbm.log_partition(W, b, c), np.log(weights.sum()), 1e-12)


def claims_of_the_whole(end, drawn, constant, cut):
    """What takes many updates to show."""
    best, last = drawn["CD-1"].max(axis=1), end["CD-1"]
    lost = np.mean(best - last)
    yield within("CD-1 loses what it had on the way, nats on average", lost, low=0.5)
    stays = {method: each[:, -1] for method, each in constant.items()}
    yield within("a constant rate instead changes ML by", np.mean(stays["ML"] - end["ML"]), low=-0.1)
    yield within("and PCD by", np.mean(stays["PCD"] - end["PCD"]), high=-1.0)
    mean = {method: np.mean(each[:, -1]) for method, each in cut.items()}
    difference, behind = mean["PCD"] - mean["ML"], mean["PCD"] - mean["CD-1"]
    yield within("patches: the end of PCD less that of ML", difference, low=-0.015, high=0.015)
    yield within("and less that of CD-1", behind, low=0.0)


if __name__ == "__main__":
    main()
