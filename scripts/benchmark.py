#!/usr/bin/env python3
"""Measure ebm_ref against what a user would otherwise use, side by side in one run.

    scripts/benchmark.py [--only WORD] [--json FILE]

A FILE called benchmark.json is read by `ebm-ref book --results DIR`, from its folder DIR.

A row is {"name", "about", "ours_s", "theirs_s", "theirs", "ratio", "group", "target"}, ratio = theirs_s /
ours_s: above 1 we are faster.  Both sides are warmed up, then timed in turns; the best round counts, and
"ours_quartiles_s", "theirs_quartiles_s" and "ratio_quartiles" say how the rounds scatter.  What bounds a row
is measured in the same run, "limit" and "limit_s", of the floors in "machine" (`limits.py`); below its target
a row says "why".  Kernels and PyTorch get one thread each.  Where a row has
"error", that is our largest relative error there, against as many digits as it takes; sums over 2^n
configurations have "configurations_per_s", the time "dgemm_s" in which NumPy multiplies matrices with as
many multiply-adds, and "of_dgemm", the share of that rate that is reached.  dimod is timed on 18 spins and
scaled up at equal configurations per second.
A row of samplers counts seconds for each attempted update, or evaluation of the density, and adds
"ours_ess_per_s" and "theirs_ess_per_s": effective samples, so that speed is not bought with mixing.
A row first_call_* counts CPU seconds from the start of a process to its first result: ours in the second
process, theirs in the first, which found no machine code and had to compile.
A row `posterior_*` counts seconds for each effective draw of what is hardest to estimate, warm-up included,
and tells R-hat and the worst error.
Tables go to standard error, so that `--json /dev/stdout` is pure JSON.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib import metadata
from pathlib import Path

from limits import judged, limit, measured, product_of

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported


class Seconds(float):
    """The best of several rounds.  It remembers all of them, in their order, also when it is scaled."""

    def __new__(cls, rounds, best=None):
        self = super().__new__(cls, min(rounds) if best is None else best)
        self.rounds = list(rounds)
        return self

    def __mul__(self, by):
        return Seconds([t * by for t in self.rounds], float(self) * by)

    def __truediv__(self, by):
        return Seconds([t / by for t in self.rounds], float(self) / by)

    def __sub__(self, other):
        apart = [t - s for t, s in zip(self.rounds, other.rounds, strict=True)]
        return Seconds(apart, float(self) - float(other))


def best_of(functions, rounds=7, seconds=0.05):
    """Best seconds per call of each function, timed in turns so that all see the same machine."""
    calls = []
    for function in functions:
        function()
        started = time.perf_counter()
        function()
        calls.append(max(1, round(seconds / max(time.perf_counter() - started, 1e-9))))
    taken = [[] for _ in functions]
    for _ in range(rounds):
        for i, function in enumerate(functions):
            started = time.perf_counter()
            for _ in range(calls[i]):
                function()
            taken[i].append((time.perf_counter() - started) / calls[i])
    return [Seconds(each) for each in taken]


def scatter(ours, theirs):
    """Lower quartile, median and upper quartile of the rounds, and of their ratios; {} for a single run."""
    if not (isinstance(ours, Seconds) and isinstance(theirs, Seconds)):
        return {}
    ratios = [t / o for o, t in zip(ours.rounds, theirs.rounds, strict=True)]
    quartiles = lambda values: statistics.quantiles(values, n=4, method="inclusive")
    found = {"ours_quartiles_s": ours.rounds, "theirs_quartiles_s": theirs.rounds, "ratio_quartiles": ratios}
    return {"rounds": len(ratios)} | {key: quartiles(values) for key, values in found.items()}


def gradient_row(name, lifted):
    """A page's explicit gradient against autograd's of the same page."""
    import autograd
    import numpy as np

    from ebm_ref import FORMULAS

    f, k, samples = FORMULAS[name], 10, 256
    stack = np.random.default_rng(0).normal(size=(samples, k))
    slope = autograd.grad(f.value)
    if lifted:
        ours = lambda: f.gradient("energies", stack, 3)
        theirs = lambda: np.array([slope(energies, 3) for energies in stack])
    else:
        ours = lambda: f.gradients["energies"](stack[0], 3)
        theirs = lambda: slope(stack[0], 3)
    assert np.allclose(ours(), theirs(), rtol=1e-12)
    return *best_of([ours, theirs]), f"autograd {metadata.version('autograd')}"


def page_row(name):
    """The explicit gradient of a page at a sample of its own, against autograd's of the same page."""
    import autograd
    import numpy as np

    from ebm_ref import FORMULAS

    f = FORMULAS[name]
    sample = f.bind(**f.sample(np.random.default_rng(0)))
    argument, inputs = next(iter(f.gradients)), list(sample.values())
    slope = autograd.grad(f.value, list(sample).index(argument))
    ours, theirs = lambda: f.gradients[argument](*inputs), lambda: slope(*inputs)
    assert np.allclose(ours(), theirs(), rtol=1e-9)
    return *best_of([ours, theirs]), f"autograd {metadata.version('autograd')}"


def one_sample_call_row():
    """What the checks of a page cost: those of the hinge, beside the hinge behind them."""
    import numpy as np

    from ebm_ref import FORMULAS
    from ebm_ref.losses.offending import offender

    E, f = np.random.default_rng(0).normal(size=10), FORMULAS["hinge"]
    behind = lambda: np.maximum(0.0, 1.0 + (E[3] - E[offender(E, 3)]))
    assert behind() == f.value(E, 3, 1.0)
    return *best_of([lambda: f.checked(E, 3, 1.0), behind]), "the loss behind the checks"


@contextlib.contextmanager
def one_thread():
    """One thread for numba and for PyTorch, if that is in play, whatever they had before."""
    import numba

    torch = sys.modules.get("torch")
    had = numba.get_num_threads(), torch and torch.get_num_threads()
    numba.set_num_threads(1)
    if torch:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(had[0])
        if torch:
            torch.set_num_threads(had[1])


def cross_entropy_row(b, k):
    """Value and gradient of a batch of cross-entropies against PyTorch's forward and backward, float64."""
    import numpy as np
    import torch

    from ebm_ref.kernels.losses import cross_entropy_value_and_gradient

    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(b, k)), rng.integers(k, size=b)
    leaf, index = torch.tensor(logits, requires_grad=True), torch.tensor(labels)

    def theirs():
        loss = torch.nn.functional.cross_entropy(leaf, index, reduction="sum")
        return loss, *torch.autograd.grad(loss, leaf)

    ours = lambda: cross_entropy_value_and_gradient(logits, labels)
    with one_thread():
        (values, slopes), (total, gradient) = ours(), theirs()
        assert np.isclose(values.sum(), total.item()) and np.allclose(slopes, gradient.numpy(), atol=1e-14)
        return *best_of([ours, theirs], rounds=15), f"torch {torch.__version__}"


def ctc_row(t=200, b=32, c=50, u=30):
    """Value and gradient of a batch of CTC losses, by log-probabilities, against PyTorch's, float64."""
    import numpy as np
    import torch

    from ebm_ref.kernels.ctc import ctc_value_and_gradient

    rng = np.random.default_rng(0)
    leaf = torch.tensor(rng.normal(size=(t, b, c))).log_softmax(2).requires_grad_(True)
    targets, lengths, sizes = rng.integers(1, c, size=(b, u)), np.full(b, t), np.full(b, u)
    others = torch.tensor(targets), torch.tensor(lengths), torch.tensor(sizes)
    mine = np.ascontiguousarray(leaf.detach().numpy().transpose(1, 0, 2))  # each side in the order it likes

    def theirs():
        loss = torch.nn.functional.ctc_loss(leaf, *others, reduction="sum")
        return loss, *torch.autograd.grad(loss, leaf)

    ours = lambda: ctc_value_and_gradient(mine, targets, lengths, sizes)
    with one_thread():
        (values, slopes), (total, gradient) = ours(), theirs()
        by_logits = (np.exp(mine) + slopes).transpose(1, 0, 2)  # what PyTorch returns instead
        assert np.isclose(values.sum(), total.item()) and np.allclose(by_logits, gradient.numpy(), atol=1e-10)
        return *best_of([ours, theirs], rounds=15), f"torch {torch.__version__}"


def chain_in_many_digits(u, P, y, digits=60):
    """Loss of one chain and its gradient by u, summed as probabilities of 60 decimal digits."""
    import decimal

    with decimal.localcontext() as context:
        context.prec = digits
        weight = lambda e: (-decimal.Decimal(float(e))).exp()
        w, W = [[weight(e) for e in row] for row in u], [[weight(e) for e in row] for row in P]
        mine = w[0][y[0]]
        ahead = [w[0]]
        for t in range(1, len(u)):
            mine *= W[y[t - 1]][y[t]] * w[t][y[t]]
            into = [sum(map(lambda a, row: a * row[j], ahead[-1], W)) for j in range(len(P))]
            ahead.append([x * e for x, e in zip(into, w[t], strict=True)])
        total, z, slopes = sum(ahead[-1]), [decimal.Decimal(1)] * len(P), []
        for t in range(len(u) - 1, -1, -1):
            slopes.append(
                [(j == y[t]) - a * x / total for j, (a, x) in enumerate(zip(ahead[t], z, strict=True))]
            )
            v = [e * x for e, x in zip(w[t], z, strict=True)]
            z = [sum(map(lambda e, x: e * x, row, v)) for row in W]
        return float((total / mine).ln()), [[float(g) for g in row] for row in reversed(slopes)]


def chain_row(b=64, t=100, k=20):
    """Value and gradients of a batch of chains against pytorch-crf's forward and backward, float64."""
    import numpy as np
    import torch
    import torchcrf

    from ebm_ref.kernels.chain import chain_nll_value_and_gradients

    rng = np.random.default_rng(0)
    u, P, y = rng.normal(size=(b, t, k)), rng.normal(size=(k, k)), rng.integers(k, size=(b, t))
    crf = torchcrf.CRF(k, batch_first=True).double()
    with torch.no_grad():
        crf.transitions.copy_(torch.tensor(-P))
        crf.start_transitions.zero_()
        crf.end_transitions.zero_()
    leaf, tags, mask = (
        torch.tensor(-u, requires_grad=True),
        torch.tensor(y),
        torch.ones(b, t, dtype=torch.bool),
    )

    def theirs():
        loss = -crf(leaf, tags, mask)
        return loss, *torch.autograd.grad(loss, [leaf, crf.transitions])

    def ours():
        values, by_unary, by_pairwise = chain_nll_value_and_gradients(u, P, y)
        return values, by_unary, by_pairwise.sum(axis=0)

    with one_thread():
        (values, by_unary, by_pairwise), (total, emissions, transitions) = ours(), theirs()
        assert np.isclose(values.sum(), total.item(), rtol=1e-12)
        assert np.allclose(-by_unary, emissions.numpy(), atol=1e-10)
        assert np.allclose(-by_pairwise, transitions.numpy(), atol=1e-9)
        loss, slopes = chain_in_many_digits(u[0], P, y[0])
        error = max(abs(values[0] - loss) / loss, np.abs(by_unary[0] - slopes).max())
        whose = f"pytorch-crf {metadata.version('pytorch-crf')}"
        return *best_of([ours, theirs]), whose, {"error": float(error)}


def random_spins(n, scale, near=None):
    """Couplings and fields; on a ring, if `near` lists the distances at which spins are coupled."""
    import numpy as np

    rng = np.random.default_rng(n)
    J, h = np.triu(rng.normal(scale=scale, size=(n, n)), 1), rng.normal(scale=scale, size=n)
    if near:
        apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        J *= np.isin(np.minimum(apart, n - apart), near)
    return J + J.T, h


def by_dimod(n, scale):
    """dimod's ExactSolver on a smaller instance: a function that runs it, and one that gives all energies."""
    import dimod
    import numpy as np

    J, h = random_spins(n, scale)
    pairs = {(i, j): -J[i, j] for i in range(n) for j in range(i + 1, n)}
    solve = lambda: dimod.ExactSolver().sample_ising(dict(enumerate(-h)), pairs)

    def table():
        found = solve()
        order = np.argsort(found.variables)
        return found.record.energy, found.record.sample[:, order].astype(float)

    return solve, table, f"dimod {metadata.version('dimod')} ExactSolver"


def spins_row(n, ours, errors, products=None):
    """A sum over 2^n configurations against dimod's table of energies of 18 spins, at equal configurations.

    `ours(J, h)` is timed, `errors(energies, states, J, h)` are its relative errors where dimod has a table.
    """
    small, scale = 18, n**-0.5
    J, h = random_spins(n, scale) if products else random_spins(n, 1.0, near=(1, 5))
    solve, _, whose = by_dimod(small, scale)
    worst = 0.0
    for size in (scale, 1e3):
        worst = max(worst, *errors(*by_dimod(small, size)[1](), *random_spins(small, size)))
    with one_thread():
        seconds, product, theirs = best_of([lambda: ours(J, h), product_of(), solve], rounds=5)
    figures = {"configurations_per_s": 2.0**n / seconds, "dgemm_s": product * 2.0 ** (n - 30)}
    figures |= {"of_dgemm": figures["dgemm_s"] / seconds, "error": float(worst)}
    return seconds, theirs * 2.0 ** (n - small), whose, figures


def log_partition_row(n=32):
    """log Z of dense spins by matrix products, against a table of all energies."""
    from ebm_ref.exact import blocks, enumeration

    error = lambda E, S, J, h: (abs(blocks.log_partition(J, h) / enumeration.log_partition(E) - 1.0),)
    return spins_row(n, blocks.log_partition, error, products=1)


def moments_row(n=30):
    """Means and correlations of dense spins by matrix products; errors in units of the largest, 1."""
    import numpy as np

    from ebm_ref.exact import blocks, enumeration

    def errors(E, S, J, h):
        p, (means, C) = enumeration.probabilities(E), blocks.moments(J, h)
        return np.max(np.abs(means - p @ S)), np.max(np.abs(C - (S.T * p) @ S))

    return spins_row(n, blocks.moments, errors, products=3)


def ground_states_row(n=28):
    """The lowest configuration of dense spins, against a table of all energies."""
    from ebm_ref.kernels.enumeration import ground_states

    errors = lambda E, S, J, h: (abs(ground_states(J, h)[0][0] / E.min() - 1.0),)
    return spins_row(n, ground_states, errors, products=1)


def gray_code_row(n=26):
    """log Z and means of spins with four neighbours each, along a Gray code; errors on dense ones."""
    import numpy as np

    from ebm_ref.exact import enumeration
    from ebm_ref.kernels.enumeration import spin_marginals

    def errors(E, S, J, h):
        log_z, means = spin_marginals(J, h)
        p = enumeration.probabilities(E)
        return abs(log_z / enumeration.log_partition(E) - 1.0), np.max(np.abs(means - p @ S))

    return spins_row(n, spin_marginals, errors)


def spin_chains(theirs_s_of, whose, size=64, chains=64, beta=0.4, sweeps=256):
    """Attempted updates of a periodic square lattice: ours, and theirs by a function that times it.

    `theirs_s_of(ours, neighbours, beta)` -> (ours_s, theirs_s, energy per spin, its autocorrelation time).
    """
    import numpy as np

    from ebm_ref.kernels.metropolis import spin_chains as kernel
    from ebm_ref.samplers.cluster import square_lattice
    from ebm_ref.samplers.diagnostics import autocorrelation_time

    _, neighbours = square_lattice(size, size)
    n = size * size
    start, _ = kernel((neighbours, 1.0), 0.0, beta, chains, 300, seed=0)
    ours = lambda: kernel((neighbours, 1.0), 0.0, beta, chains, sweeps, seed=1, start=start)
    energy = ours()[1].energy
    tau = autocorrelation_time(energy)
    with one_thread():
        ours_s, theirs_s, mean, their_tau = theirs_s_of(ours, neighbours, beta)
    error = np.std(energy) * np.sqrt(tau / energy.size + their_tau / 2000) / n
    assert abs(energy.mean() / n - mean) < 5 * error, (energy.mean() / n, mean, error)
    ours_s /= sweeps * n * chains
    worth = {"ours_ess_per_s": 1 / (ours_s * n * tau), "theirs_ess_per_s": 1 / (theirs_s * n * their_tau)}
    return ours_s, theirs_s, whose, worth


def spin_chains_row():
    """An attempted update against mcising's Metropolis, which is compiled from Rust."""
    import mcising
    import numpy as np

    from ebm_ref.samplers.diagnostics import autocorrelation_time

    def timed(ours, neighbours, beta):
        size, T = round(len(neighbours) ** 0.5), 1 / beta
        lattice = mcising.LatticeConfig(size=size, j1=1.0)
        simulation = mcising.Simulation(
            mcising.SimulationConfig(lattice=lattice, temperatures=(T,), n_sweeps=10)
        )
        simulation.sweep(500, temperature=T)
        energy = np.array([simulation.sweep(1, temperature=T)["energy"] for _ in range(4000)])
        ours_s, theirs_s = best_of([ours, lambda: simulation.sweep(1000, temperature=T)])
        return ours_s, theirs_s / (1000 * size * size), energy.mean(), autocorrelation_time(energy)

    return spin_chains(timed, f"mcising {metadata.version('mcising')}")


def spin_chains_effective_row(beta, of, sweeps, every, size=64, chains=64):
    """Seconds to an effective sample `of` the energy or the magnetization on a torus, against mcising's.

    The chain of mcising is looked at every so many sweeps, 3000 times.  Of less than 50 tau, tau is None.
    """
    import mcising
    import numpy as np

    from ebm_ref.kernels.metropolis import spin_chains as kernel
    from ebm_ref.samplers.cluster import square_lattice
    from ebm_ref.samplers.diagnostics import autocorrelation_time

    graph, n, T = (square_lattice(size, size)[1], 1.0), size * size, 1 / beta
    start, _ = kernel(graph, 0.0, beta, chains, 2000, seed=0, start=np.ones((chains, n)))
    sums = kernel(graph, 0.0, beta, chains, sweeps, seed=1, start=start)[1]
    lattice = mcising.LatticeConfig(size=size, j1=1.0)
    simulation = mcising.Simulation(mcising.SimulationConfig(lattice=lattice, temperatures=(T,), n_sweeps=10))
    simulation.sweep(2000, temperature=T)
    seen = [simulation.sweep(every, temperature=T) for _ in range(3000)]

    def tau(draws, step=1):
        found = autocorrelation_time(draws)
        return step * found if draws.size > 50 * found else None

    taus = {
        name: (tau(getattr(sums, name)), tau(np.array([one[name] for one in seen]), every))
        for name in ("energy", "magnetization")
    }
    short = lambda: kernel(graph, 0.0, beta, chains, 64, seed=1, start=start)
    with one_thread():
        ours_s, theirs_s = best_of([short, lambda: simulation.sweep(500, temperature=T)])
    ours_s, theirs_s = ours_s / (64 * chains) * taus[of][0], theirs_s / 500 * taus[of][1]
    more = {"taus": taus, "of": of, "ours_ess_per_s": 1 / ours_s, "theirs_ess_per_s": 1 / theirs_s}
    return ours_s, theirs_s, f"mcising {metadata.version('mcising')}", more


def spin_chains_annealer_row():
    """An attempted update against dwave-samplers' annealer, held at one temperature."""
    import dimod
    import numpy as np
    from dwave.samplers import SimulatedAnnealingSampler

    from ebm_ref.kernels.metropolis import spin_chains as kernel
    from ebm_ref.samplers.diagnostics import autocorrelation_time

    def timed(ours, neighbours, beta):
        n, sampler = len(neighbours), SimulatedAnnealingSampler()
        edges = {(i, int(j)): -1.0 for i, row in enumerate(neighbours) for j in row if i < j}
        model = dimod.BinaryQuadraticModel.from_ising({}, edges)
        schedule = {"beta_schedule_type": "custom", "seed": 0}
        run = lambda sweeps, reads=1: sampler.sample(
            model, num_reads=reads, num_sweeps=sweeps, beta_schedule=np.full(sweeps, beta), **schedule
        )
        energy = run(200, reads=64).record.energy
        ours_s, short, long = best_of([ours, lambda: run(100), lambda: run(1100)], rounds=5)
        same = kernel((neighbours, 1.0), 0.0, beta, 64, 600, seed=2)[1].energy[:, 300:]
        return ours_s, (long - short) / (1000 * n), energy.mean() / n, autocorrelation_time(same)

    return spin_chains(timed, f"dwave-samplers {metadata.version('dwave-samplers')}")


def rbm_update_row(batch=100, updates=800, rate=0.1):
    """An update by persistent chains, of 16 x 16 units and 100 rows, against scikit-learn's `fit`.

    The data are patches of its digits.  Both must have learnt: exact log-likelihoods that differ by less than
    .1, and are half a unit above those of independent pixels.
    """
    import numpy as np
    from reproduction import digits
    from sklearn.neural_network import BernoulliRBM

    from ebm_ref.kernels.rbm import contrastive_updates
    from ebm_ref.learning.rbm_gradients import mean_log_likelihood

    images = digits()[0].reshape(-1, 8, 8) >= 0.5
    corners = [(r, c) for r in (0, 2, 4) for c in (0, 2, 4)]
    X = np.concatenate([images[:, r : r + 4, c : c + 4].reshape(-1, 16) for r, c in corners]).astype(float)
    X = np.random.default_rng(0).permutation(X)[: batch * updates // 5]
    start = np.random.default_rng(1).normal(scale=0.01, size=(16, 16)), np.zeros(16), np.zeros(16)

    def ours():
        rng, chains = np.random.default_rng(2), np.zeros((batch, 16))
        rows = np.concatenate([rng.permutation(len(X)) for _ in range(5)]).reshape(updates, batch)
        rates = np.full(updates, rate)
        return contrastive_updates(start, X, rows, rates, rng, chains=chains)

    model = BernoulliRBM(16, learning_rate=rate, batch_size=batch, n_iter=5, random_state=0)
    theirs = lambda: model.fit(X)
    p, means = np.full(len(X), 1.0 / len(X)), X.mean(axis=0)
    fitted = theirs()
    machines = ours()[0], (fitted.components_.T, fitted.intercept_visible_, fitted.intercept_hidden_)
    own, other = (mean_log_likelihood(*machine, X, p) for machine in machines)
    alone = np.sum(means * np.log(means) + (1.0 - means) * np.log1p(-means))
    assert abs(own - other) < 0.1 and min(own, other) > alone + 0.5, (own, other, alone)
    with one_thread():
        ours_s, theirs_s = best_of([ours, theirs])
    return ours_s / updates, theirs_s / updates, f"scikit-learn {metadata.version('scikit-learn')}"


def rbm_moments_row(n=16):
    """log Z and all moments of n x n units, on the page, against the plain sum over 2^n settings."""
    import numpy as np

    from ebm_ref.exact.rbm import moments
    from ebm_ref.learning.likelihood import rbm_likelihood_gradient

    rng = np.random.default_rng(0)
    machine = rng.normal(size=(n, n)), rng.normal(size=n), rng.normal(size=n)
    ours = lambda: moments(*machine)
    theirs = lambda: rbm_likelihood_gradient(*machine, np.zeros((1, n)), [1.0])
    error = np.max(np.abs(ours()[1] - theirs()[0]))
    assert error < 1e-12
    return *best_of([ours, theirs]), "the plain sum, NumPy", {"error": float(error)}


def random_walk_sigma(theirs_of, whose, step_size=0.16, steps=20_000):
    """A random walk on the standard deviation of 1000 observations, their sum written out.

    `theirs_of(data)` -> (a function that draws, evaluations of the density in a draw, its chain from a draw).
    """
    import math

    import numpy as np
    from numba import njit

    from ebm_ref.kernels.metropolis import random_walk
    from ebm_ref.samplers.diagnostics import effective_size

    @njit(fastmath={"reassoc", "contract", "arcp"}, error_model="numpy")
    def density(x, data, mu):
        sigma, total = x[0], 0.0
        if not sigma > 0.0:
            return -math.inf
        for i in range(len(data)):
            total += -math.log(sigma) - (data[i] - mu) ** 2 / (2.0 * sigma**2)
        return total

    data = np.random.default_rng(0).normal(10.0, 3.0, 1000)
    mu = float(data.mean())
    ours = lambda: random_walk(density, (data, mu), [3.0], step_size, steps, np.random.default_rng(1))[0]
    theirs, evaluations, chain_of = theirs_of(data, mu, step_size)
    chain, theirs_chain = ours().T, chain_of(theirs())
    sizes = effective_size(chain), effective_size(theirs_chain)
    errors = [c.std() / e**0.5 for c, e in zip((chain, theirs_chain), sizes, strict=True)]
    assert abs(chain.mean() - theirs_chain.mean()) < 5 * sum(errors), (
        chain.mean(),
        theirs_chain.mean(),
        errors,
    )
    with one_thread():
        ours_s, theirs_s = best_of([ours, theirs])
    worth = {"ours_ess_per_s": sizes[0] / ours_s, "theirs_ess_per_s": sizes[1] / theirs_s}
    return ours_s / steps, theirs_s / evaluations, whose, worth


def random_walk_sigma_row(steps=5000):
    """A step of a random walk against blackjax, its loop and the density compiled together."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    import blackjax
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)

    def blackjax_of(data, mu, step_size):
        data, jnp = jax.numpy.asarray(data), jax.numpy

        def density(x):
            terms = -jnp.log(jnp.abs(x[0])) - (data - mu) ** 2 / (2.0 * x[0] ** 2)
            return jnp.where(x[0] > 0.0, jnp.sum(terms), -jnp.inf)

        move = blackjax.mcmc.random_walk.normal(jnp.array([step_size]))
        walk = blackjax.additive_step_random_walk(density, move)
        start = walk.init(jnp.array([3.0]))

        @jax.jit
        def draw(key):
            def step(state, key):
                state, _ = walk.step(key, state)
                return state, state.position

            return jax.lax.scan(step, start, jax.random.split(key, steps))[1]

        theirs = lambda: jax.block_until_ready(draw(jax.random.key(1)))
        return theirs, steps, lambda drawn: np.asarray(drawn).T

    return random_walk_sigma(blackjax_of, f"blackjax {metadata.version('blackjax')}")


def random_walk_sigma_ensemble_row(walkers=32, steps=40):
    """A step of a random walk against the ensemble of emcee, with the density in NumPy."""
    import emcee
    import numpy as np

    def emcee_of(data, mu, step_size):
        def density(x):
            if not x[0] > 0.0:
                return -np.inf
            return np.sum(-np.log(x[0]) - (data - mu) ** 2 / (2.0 * x[0] ** 2))

        sampler = emcee.EnsembleSampler(walkers, 1, density)
        state = sampler.run_mcmc(3.0 + 0.07 * np.random.default_rng(1).normal(size=(walkers, 1)), 200)
        sampler.reset()

        def draw():
            sampler.reset()
            sampler.run_mcmc(state, steps)
            return sampler.get_chain()

        return draw, walkers * steps, lambda chain: chain[:, :, 0].T

    return random_walk_sigma(emcee_of, f"emcee {metadata.version('emcee')}")


# what a user's first lines are, imports included
FIRST_CALLS = {
    "ctc": """
from ebm_ref.kernels.ctc import ctc_value_and_gradient
ctc_value_and_gradient(np.full((1, 4, 3), -np.log(3.0)), [[1, 2]], [4], [2])
""",
    "spin_marginals": """
from ebm_ref.kernels.enumeration import spin_marginals
spin_marginals(np.ones((6, 6)) - np.eye(6), np.zeros(6))
""",
    "chain": """
from ebm_ref.kernels.chain import chain_nll_value_and_gradients
chain_nll_value_and_gradients(np.zeros((1, 4, 3)), np.zeros((3, 3)), [[0, 1, 2, 0]])
""",
    "losses": """
from ebm_ref.kernels.losses import nll_value_and_gradient
nll_value_and_gradient([[1.0, 3.0, 1.5]], [0])
""",
    "random_walk": """
from numba import njit
from ebm_ref.kernels.metropolis import random_walk
bell = njit(lambda x: -0.5 * x[0] ** 2)
random_walk(bell, (), [0.0], 1.0, 1000, np.random.default_rng(0))
""",
}


def first_call_row(lines):
    """CPU seconds to the first result of a process: the second against the first, which has to compile."""
    code = f"import time\nimport numpy as np{lines}print(time.process_time())"
    with tempfile.TemporaryDirectory() as folder:
        run = partial(cpu_seconds, environment=os.environ | {"NUMBA_CACHE_DIR": folder})
        first = run(code)
        imported = run("import time\nimport numba\nprint(time.process_time())")
        return min(run(code) for _ in range(3)), first, "the first process", {"import_s": imported}


def cpu_seconds(code, environment):
    """What a process prints."""
    return float(subprocess.check_output([sys.executable, "-c", code], env=environment))


def posterior_row(problem, ours, theirs, whose):
    """Seconds for each effective draw of what is hardest to estimate: warm-up counts, compilation does not.

    `ours` and `theirs` are functions of a seed that return chains (chains, draws, d).
    """
    import warnings

    import numpy as np
    import posteriors

    seconds, worth = [], {}
    with one_thread(), warnings.catch_warnings(action="ignore"):
        for who, draw in (("ours", ours), ("theirs", theirs)):
            draw(0)
            started = time.perf_counter()
            states = draw(1)
            taken = time.perf_counter() - started
            result = posteriors.judged(problem, np.asarray(states))
            seconds.append(taken / result.ess)
            worth |= {f"{who}_rhat": result.rhat, f"{who}_worst_mcse": result.worst}
    return *seconds, whose, worth


def posterior_blackjax_row(name):
    """An effective draw by HMC of the pages, against NUTS with window adaptation, compiled as a whole."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    import blackjax
    import jax
    import numpy as np
    import posteriors

    from ebm_ref.samplers.posterior import Plan, sample

    jax.config.update("jax_enable_x64", True)
    problem, (draws, *plan) = POSTERIORS[name]["problem"](posteriors), POSTERIORS[name]["hmc"]
    energy = POSTERIORS[name]["energy"](jax.numpy)
    density = lambda x: -energy(x)
    warm_up = blackjax.window_adaptation(blackjax.nuts, density, is_mass_matrix_diagonal=False)

    def ours(seed):
        rng, start = np.random.default_rng(seed), np.zeros(problem.d)
        return sample(problem.energy, problem.gradient, start, draws, rng, plan=Plan(*plan)).states

    def chain(key):
        first, second = jax.random.split(key)
        (state, found), _ = warm_up.run(first, jax.numpy.zeros(problem.d), num_steps=1000)
        step = blackjax.nuts(density, **found).step
        move = lambda state, key: ((state := step(key, state)[0]), state.position)
        return jax.lax.scan(move, state, jax.random.split(second, 1000))[1]

    draw = jax.jit(lambda key: jax.lax.map(chain, jax.random.split(key, 4)))
    theirs = lambda seed: jax.block_until_ready(draw(jax.random.key(seed)))
    return posterior_row(problem, ours, theirs, f"blackjax {metadata.version('blackjax')}, NUTS")


def posterior_emcee_row(name):
    """An effective draw by the compiled walk, against an ensemble of 4 d walkers, a quarter of it dropped."""
    import emcee
    import numpy as np
    import posteriors
    from numba import njit

    from ebm_ref.kernels.adaptive_walk import adaptive_walk
    from ebm_ref.samplers.posterior import Plan

    problem, (draws, *plan) = POSTERIORS[name]["problem"](posteriors), POSTERIORS[name]["walk"]
    energy = POSTERIORS[name]["energy"](np)
    compiled, density = njit(energy), lambda x: -energy(x)
    log_density = njit(lambda x: -compiled(x))
    walkers, steps = 4 * problem.d, POSTERIORS[name]["ensemble"]

    def ours(seed):
        rng, start = np.random.default_rng(seed), np.zeros(problem.d)
        return adaptive_walk(log_density, (), start, draws, rng, Plan(*plan)).states

    def theirs(seed):
        rng = np.random.default_rng(seed)
        sampler = emcee.EnsembleSampler(walkers, problem.d, density)
        sampler.random_state = np.random.RandomState(seed).get_state()
        sampler.run_mcmc(0.1 * rng.normal(size=(walkers, problem.d)), steps)
        return np.swapaxes(sampler.get_chain(discard=steps // 4), 0, 1)

    return posterior_row(problem, ours, theirs, f"emcee {metadata.version('emcee')}")


def gaussian_energy(xp, d):
    """scripts/posteriors.py: the Gaussian of d dimensions, by NumPy or by JAX."""
    import numpy as np
    import posteriors

    C = posteriors.covariance_of(d, 1e4)
    P, mean = xp.asarray(np.linalg.inv(C)), xp.asarray(3.0 * np.sqrt(np.diag(C)))
    return lambda x: 0.5 * (x - mean) @ P @ (x - mean)


def schools_energy(xp):
    """The same of the eight schools."""
    from posteriors import EFFECTS, ERRORS

    def energy(x):
        r = (x[0] + xp.exp(x[1]) * x[2:] - EFFECTS) / ERRORS
        prior = 0.5 * (x[0] / 5.0) ** 2 + xp.log1p((xp.exp(x[1]) / 5.0) ** 2) + 0.5 * (x[2:] @ x[2:])
        return prior + 0.5 * (r @ r) - x[1]

    return energy


def banana_energy(xp):
    return lambda x: 0.5 * x[0] ** 2 + 0.5 * (x[1] - (x[0] ** 2 - 1.0)) ** 2


# energies for others; draws of each chain, warm-up and thinning of HMC and walk; steps of emcee
POSTERIORS = {
    "gaussian_50": {
        "problem": lambda p: p.gaussian(50),
        "energy": lambda xp: gaussian_energy(xp, 50),
        "hmc": (2000, 2000, 1),
        "walk": (1000, 250_000, 300),
        "ensemble": 4000,
    },
    "banana": {
        "problem": lambda p: p.banana(1.0, 1.0),
        "energy": banana_energy,
        "hmc": (2000, 1000, 2),
        "walk": (2000, 10_000, 50),
        "ensemble": 10_000,
    },
    "schools": {
        "problem": lambda p: p.schools(),
        "energy": schools_energy,
        "hmc": (2000, 1000, 2),
        "walk": (2000, 50_000, 100),
        "ensemble": 4000,
    },
}

PAGES = (
    *("squared_error", "huber", "log_cosh", "smooth_l1", "kl_divergence", "cross_entropy", "label_smoothing"),
    *(
        "binary_cross_entropy_with_logits",
        "focal",
        "info_nce",
        "soft_margin",
        "contrastive",
        "triplet_margin",
    ),
    *("generalized_hinge", "ctc", "ctc_of_logits"),
)

# name: a function that returns (ours_s, theirs_s, theirs) and maybe further keys; imports stay inside
ROWS = {
    "one_sample_call": one_sample_call_row,
    "hinge_page": partial(gradient_row, "hinge", lifted=False),
    "hinge_lifted_256x10": partial(gradient_row, "hinge", lifted=True),
    "nll_page": partial(gradient_row, "nll", lifted=False),
    "nll_lifted_256x10": partial(gradient_row, "nll", lifted=True),
    **{f"{name}_page": partial(page_row, name) for name in PAGES},
    "cross_entropy_128x10": partial(cross_entropy_row, 128, 10),
    "cross_entropy_4096x1000": partial(cross_entropy_row, 4096, 1000),
    "ctc": ctc_row,
    "log_partition_32": log_partition_row,
    "moments_30": moments_row,
    "ground_states_28": ground_states_row,
    "gray_code_26": gray_code_row,
    "chain_64x100x20": chain_row,
    "spin_chains_64": spin_chains_row,
    "spin_chains_effective_30": partial(spin_chains_effective_row, 0.3, "magnetization", 1000, every=1),
    "spin_chains_effective_44": partial(spin_chains_effective_row, 0.44, "energy", 10_000, every=20),
    "spin_chains_64_annealer": spin_chains_annealer_row,
    "rbm_update": rbm_update_row,
    "rbm_moments_16": rbm_moments_row,
    "random_walk_sigma": random_walk_sigma_row,
    "random_walk_sigma_ensemble": random_walk_sigma_ensemble_row,
    **{f"first_call_{name}": partial(first_call_row, lines) for name, lines in FIRST_CALLS.items()},
    **{f"posterior_{name}": partial(posterior_blackjax_row, name) for name in POSTERIORS},
    **{f"posterior_{name}_ensemble": partial(posterior_emcee_row, name) for name in POSTERIORS},
}


def machine():
    """What the figures depend on, and the floors: no page and no kernel can be faster than these."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")),
        platform.machine(),
    )
    known = {"cpu": cpu, "cores": os.cpu_count(), "system": platform.system()}
    return known | measured(best_of)


def _cpuinfo():
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def versions():
    known = ("ebm_ref", "numpy", "autograd", "numba", "torch", "dimod", "pytorch-crf")
    known += ("mcising", "dwave-samplers", "blackjax", "jax", "emcee")
    found = {"python": platform.python_version()}
    for name in known:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return found


def print_row(row):
    """A line of the table, and what else is known of the row on lines of its own."""
    say = lambda *words: print(*words, file=sys.stderr)
    say(
        f"{row['name']:38} {_time(row['ours_s']):>10} {_time(row['theirs_s']):>10} {row['ratio']:7.1f}",
        row["theirs"],
    )
    if "of_dgemm" in row:
        say(f"  {row['configurations_per_s']:.1e} configurations a second, {row['of_dgemm']:.2f} of dgemm")
    if "error" in row:
        say(f"  largest relative error of ours: {row['error']:.0e}")
    for name, taus in row.get("taus", {}).items():
        say(
            f"{f'  tau of the {name}, sweeps':38}", *(f"{tau:10.3g}" if tau else f"{'?':>10}" for tau in taus)
        )
    if "ours_ess_per_s" in row:
        ours, theirs = row["ours_ess_per_s"], row["theirs_ess_per_s"]
        say(f"{'  effective samples per second':38} {ours:10.3g} {theirs:10.3g} {ours / theirs:7.1f}")
    for key, text in (("rhat", "R-hat"), ("worst_mcse", "worst mean or variance, in MCSE")):
        if f"ours_{key}" in row:
            say(f"{'  ' + text:38} {row[f'ours_{key}']:10.4g} {row[f'theirs_{key}']:10.4g}")


def about(measure):
    """The first sentence of what a row says of itself."""
    return getattr(measure, "func", measure).__doc__.partition("\n")[0]


def measured_rows(chosen):
    """Each row whose packages are installed, printed as soon as it is known."""
    print(f"{'row':38} {'ours':>10} {'theirs':>10} {'ratio':>7}  theirs", file=sys.stderr)
    for name, measure in chosen.items():
        try:
            ours, theirs, whose, *more = measure()
        except ModuleNotFoundError as missing:
            print(f"{name:38} left out: {missing.name} is not installed", file=sys.stderr)
            continue
        row = {"name": name, "about": about(measure), "ours_s": ours, "theirs_s": theirs, "theirs": whose}
        row |= {"ratio": float(theirs) / float(ours)} | scatter(ours, theirs) | dict(*more)
        print_row(row)
        yield row


def result(chosen):
    """Rows with their limits and targets, and what they depend on."""
    rows, here = list(measured_rows(chosen)), machine()
    rows = [row | limit(row, here) | judged(row) for row in rows]
    return {"machine": here, "versions": versions(), "rows": rows}


def main():
    parser = argparse.ArgumentParser(description="Measure ebm_ref against what a user would otherwise use.")
    parser.add_argument("--only", metavar="WORD", default="", help="rows whose name contains WORD")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    args = parser.parse_args()
    chosen = {name: row for name, row in ROWS.items() if args.only in name}
    if not chosen:
        parser.error(f"no row contains {args.only!r}; rows: {', '.join(ROWS)}")
    found = result(chosen)
    floors = {
        "numpy_call_s": "floor: one NumPy call, 10 numbers",
        "copy_4096x1000_s": "floor: copy of 4096 x 1000",
        "exp_4096x1000_s": "floor: NumPy's exp of 4096 x 1000",
    }
    for key, text in floors.items():
        print(f"{text:39} {_time(found['machine'][key]):>9}", file=sys.stderr)
    if args.json:
        stream = sys.stdout if args.json in ("-", "/dev/stdout") else open(args.json, "w", encoding="utf-8")
        with stream:
            print(json.dumps(found, indent=1), file=stream)


def _time(seconds):
    if seconds >= 1.0:
        return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
    if seconds < 1e-6:
        return f"{seconds * 1e9:.2f} ns"
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


if __name__ == "__main__":
    main()
