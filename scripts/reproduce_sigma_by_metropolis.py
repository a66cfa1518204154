#!/usr/bin/env python3
"""A standard deviation by Metropolis-Hastings, and what slides say of it.

Claim   Of 30000 points from N(10, 3), 1000 are observed. Metropolis-Hastings
        with the proposal N(sigma, 1) accepts about 8500 of 50000 moves; the
        first quarter dropped, their mean is about 3.05, close to 3.
Source  "The introduction of energy-based model", slides;
        github.com/Joseph94m/MCMC, the notebook.
Time    6 s on one core; 2 s with --quick (10000 iterations).

The slides print N(sigma, 1), the notebook's code has N(sigma, 0.5). Only the
code's gives about 8500: on a normal law of deviation s a walk with steps of
deviation t is accepted (2/pi) arctan(2s/t) of the time.

What is estimated is not 3 but the posterior, known in closed form, and that
lies around the deviation of the 1000 observations, which itself is off by
3/sqrt(2000) = .067: 3.05 is one draw of that.

Averages over accepted moves alone are not averages over the posterior. By
detailed balance as many moves arrive at x as leave it, so accepted moves
follow p(x) A(x), A(x) the chance to leave x, and that is wider.
"""

import math

import numpy as np
from reproduction import conclude, figure, near, options, within

from ebm_ref.samplers.diagnostics import autocorrelation_time, mcse_mean
from ebm_ref.samplers.random_walk import VARIANTS, acceptance_rate, random_walk

accepted_moves_only = next(v.value for v in VARIANTS if v.name == "accepted moves only")


def posterior_moments(S, n):
    """Mean and deviation of sigma given S = sum (d - mu)^2 of n observations, flat prior on sigma > 0."""
    mean = math.exp(0.5 * math.log(S / 2.0) + math.lgamma((n - 2) / 2) - math.lgamma((n - 1) / 2))
    return mean, math.sqrt(S / (n - 3) - mean**2)


def log_posterior(S, n):
    """log p(sigma | data) up to a constant: -inf for sigma <= 0, where the notebook computes a NaN."""
    return lambda x: -n * math.log(x[0]) - S / (2.0 * x[0] ** 2) if x[0] > 0.0 else -np.inf


def law_of_accepted_moves(S, n, t):
    """Deviation of p(x) A(x), by quadrature: where accepted moves arrive."""
    mean, sd = posterior_moments(S, n)
    x = mean + sd * np.linspace(-8.0, 8.0, 1601)
    log_p = -n * np.log(x) - S / (2.0 * x**2)
    p = np.exp(log_p - log_p.max())
    q = np.exp(-0.5 * (np.subtract.outer(x, x) / t) ** 2)
    A = (q * np.minimum(1.0, p[:, None] / p)).sum(0)
    weight = p * A / np.sum(p * A)
    return math.sqrt(weight @ x**2 - (weight @ x) ** 2)


def proposals(chain, start, t, seed):
    """The moves that were proposed, drawn again from the same seed."""
    rng, normal = np.random.default_rng(seed), np.empty(len(chain))
    for i in range(len(chain)):
        normal[i] = rng.standard_normal()
        rng.standard_exponential()
    return np.concatenate([[start], chain[:-1, 0]]) + t * normal


def draw(file, population, data, chain, t, seed, rng):
    """The four figures of the notebook, redrawn."""
    axes, save = figure(file, nrows=2, ncols=3, figsize=(11.0, 6.2))
    (a, b, c), (d, e, f) = axes
    a.hist(data, bins=35)
    a.set(title="1. The 1000 observations", xlabel="value", ylabel="count")
    proposed = proposals(chain, 0.1, t, seed)
    moved = np.diff(chain[:, 0], prepend=0.1) != 0.0
    for axis, last, title in (
        (b, 50, "2. The first 50 proposals"),
        (c, len(chain), f"2. All proposals, {np.mean(moved):.0%} accepted"),
    ):
        steps, size = np.arange(last), 12 if last == 50 else 0.3
        for keep, color, label in ((~moved, "C1", "rejected"), (moved, "C0", "accepted")):
            which = keep[:last]
            axis.scatter(
                steps[which], proposed[:last][which], s=size, color=color, label=label, rasterized=True
            )
        axis.set(title=title, xlabel="iteration", ylabel="sigma")
        axis.legend(markerscale=1 if last == 50 else 12, loc="lower right")
    kept = chain[len(chain) // 4 :, 0]
    d.plot(np.arange(len(chain) - len(kept), len(chain)), kept, lw=0.4, rasterized=True)
    d.set(title="3. The last three quarters", xlabel="iteration", ylabel="sigma")
    e.hist(kept, bins=20)
    e.axvline(kept.mean(), color="k", lw=1, label=f"mean {kept.mean():.3f}")
    e.set(title="3. Their histogram", xlabel="sigma", ylabel="count")
    e.legend()
    predicted = rng.normal(data.mean(), rng.choice(kept, len(population)))
    bins = np.linspace(-3.0, 23.0, 71)
    f.hist(population, bins=bins, alpha=0.6, label="population")
    f.hist(predicted, bins=bins, histtype="step", color="k", label="predicted")
    f.set(title="4. Population and prediction", xlabel="value", ylabel="count")
    f.legend()
    save()


def main():
    chosen = options(__doc__)
    rng = np.random.default_rng(chosen.seed)
    steps = 10_000 if chosen.quick else 50_000
    population = rng.normal(10.0, 3.0, 30_000)
    data = population[rng.integers(0, 30_000, 1000)]
    n, S = len(data), float(np.sum((data - data.mean()) ** 2))
    mean, sd = posterior_moments(S, n)
    print(f"the sample's own standard deviation {data.std():.4f}, the population's 3")
    print(f"posterior, closed form: mean {mean:.4f}, deviation {sd:.4f}\n")
    print(f"{steps} iterations        accepted  predicted  per 50000     mean      sd")
    rates, chains = {}, {}
    for t, whose in ((0.5, "the code"), (1.0, "the slide")):
        start = np.random.default_rng(chosen.seed + 1)
        chains[t], accepted = random_walk(log_posterior(S, n), [0.1], t, steps, start)
        rates[t], kept = accepted / steps, chains[t][steps // 4 :, 0]
        counts = f"{accepted:9d} {acceptance_rate(sd, t) * steps:10.0f} {rates[t] * 50_000:10.0f}"
        print(f"N(sigma, {t}), {whose:<10} {counts} {kept.mean():8.4f} {kept.std():7.4f}")
    kept = chains[0.5][steps // 4 :, 0]
    moves = accepted_moves_only([0.1], chains[0.5])[:, 0]
    late = moves[len(moves) // 4 :]
    wide, error, tau = law_of_accepted_moves(S, n, 0.5), mcse_mean(kept), autocorrelation_time(kept)
    print(f"\naccepted moves only, first quarter dropped: mean {late.mean():.4f}, sd {late.std():.4f}")
    print(f"what they follow, p(x) A(x): sd {wide:.4f}, {wide / sd:.2f} of the posterior's")
    print(f"autocorrelation time {tau:.1f}: the chain's mean is {kept.mean():.4f} +- {error:.4f}")
    if chosen.figure:
        draw(chosen.figure, population, data, chains[0.5], 0.5, chosen.seed + 1, rng)
    slack = 4.0 * math.sqrt(tau / steps)  # four standard errors of a deviation, and more
    moved = {t: 1.0 * (np.diff(chain[:, 0], prepend=0.1) != 0.0) for t, chain in chains.items()}
    off_theory = [abs(rates[t] - acceptance_rate(sd, t)) / mcse_mean(moved[t]) for t in rates]
    conclude(
        within("accepted with N(sigma, 0.5), per 50000", rates[0.5] * 50_000, 7500, 9300),
        within("with N(sigma, 1), the slide's, of as many", rates[1.0] / rates[0.5], high=0.6),
        within("both less (2/pi) arctan(2s/t), standard errors", max(off_theory), high=5.0),
        within("the chain's mean, standard errors off", abs(kept.mean() - mean) / error, high=5.0),
        near("its deviation, of the posterior's", kept.std() / sd, 1.0, slack),
        within("posterior's mean less the sample's deviation", mean - data.std(), -0.005, 0.005),
        near("accepted moves, of p(x) A(x)", late.std() / wide, 1.0, slack),
        within("which is wider than the posterior, times", wide / sd, low=1.1),
        within("as the accepted moves are, times", late.std() / sd, low=1.05),
    )


if __name__ == "__main__":
    main()
