#!/usr/bin/env python3
"""Shape and scale of a gamma law by Metropolis, and of sunspots, which have none.

Claim   With moves of deviation (0.05, 5) a random walk over shape and scale,
        begun at (4, 10), accepts about 8200 to 8700 of 50000; its first half
        dropped, it finds shape 0.987 and scale 83.7 in 3238 monthly counts of
        sunspots. The rate follows from the posterior in closed form, and the
        means are those of the flat prior, obtained by quadrature. An older
        series has the same shape. But accepted moves alone spread wider than
        the posterior, months are no independent draws, and the shape hangs on
        the number that is added because some months have no spot.
Source  github.com/Joseph94m/MCMC, the notebook; the rate is derived here.
Data    3238 numbers drawn from the gamma law of shape 0.987 and scale 83.7;
        monthly mean sunspot numbers of 1749 to 2009 out of the installed
        statsmodels (extra `data`; 0.15 and later have them), plus 0.1, as the
        notebook has it. Its own series was recounted on another scale and is
        nine years longer.
Time    2 s on one core; 1 s with --quick (20000 iterations).

    log p(x; a, b)  = (a - 1) log x - x/b - a log b - log Gamma(a)
    log p(a | x)    = (a - 1) T - n log Gamma(a)
                      + log Gamma(n a - 1) - (n a - 1) log S + const
    E[b | a]        = S/(n a - 2)            T = sum log x,   S = sum x
    E[b^2 | a]      = S^2/((n a - 2)(n a - 3))

With a flat prior b integrates out. On a normal density with covariance C a
move m is accepted with 2 Phi(-|m|/2), where |m|^2 = m' C^-1 m. For normal
moves m = (s r cos t, s' r sin t) the length r integrates out as well:

    rate            = mean over t of 1 - c/sqrt(1 + c^2),   c = |m|/(2 r)
"""

import math
import sys
from typing import NamedTuple

import numpy as np
from reproduce_sigma_by_metropolis import accepted_moves_only
from reproduction import conclude, figure, installed, options, within

from ebm_ref.samplers.diagnostics import autocorrelation_time, mcse_mean
from ebm_ref.samplers.random_walk import random_walk

SHAPE, SCALE, COUNT = 0.987, 83.7, 3238
BEGIN, MOVES = np.array([4.0, 10.0]), np.array([0.05, 5.0])
log_gamma = np.vectorize(math.lgamma, otypes=[float])


class Sums(NamedTuple):
    """All that the posterior knows of the data."""

    n: int
    logs: float  # T
    total: float  # S


class Posterior(NamedTuple):
    """Of (a, b)."""

    mean: np.ndarray
    covariance: np.ndarray


def sums(x):
    """n, T and S."""
    return Sums(len(x), float(np.sum(np.log(x))), float(np.sum(x)))


def sunspots():
    """Monthly means, one after the other: lines of a year and twelve numbers, the last year cut short."""
    file = installed("statsmodels", "statsmodels") / "datasets" / "sunspots" / "src" / "sunspots_monthly.dat"
    if not file.exists():
        print(
            "the months come with statsmodels 0.15: pip install 'ebm_ref[data]' 'statsmodels>=0.15'",
            file=sys.stderr,
        )
        raise SystemExit(2)
    rows = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
    return np.array([float(word) for row in rows if row and row[0].isdecimal() for word in row[1:]])


def log_posterior(data):
    """log p(a, b | x) up to a constant; -inf outside of a > 0, b > 0."""
    n, T, S = data

    def at(x):
        a, b = x
        if a <= 0.0 or b <= 0.0:
            return -np.inf
        return (a - 1.0) * T - S / b - n * (a * math.log(b) + math.lgamma(a))

    return at


def likeliest(data):
    """(a, b) of the largest likelihood: log a - psi(a) = log(S/n) - T/n by bisection, and b = S/(n a)."""
    n, T, S = data
    slope = lambda a: math.log(S / n / a) * -n - n * digamma(a) + T
    low, high = 1e-3, 1e3
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) > 0.0 else (low, middle)
    return np.array([low, S / (n * low)])


def digamma(a):
    """The slope of log Gamma at a > 0, by the recurrence and the asymptotic series."""
    value = 0.0
    while a < 20.0:
        value, a = value - 1.0 / a, a + 1.0
    square = 1.0 / (a * a)
    return value + math.log(a) - 0.5 / a - square * (1 / 12 - square * (1 / 120 - square / 252))


def by_line(data):
    """The posterior with b integrated out: a sum over a alone."""
    n, T, S = data
    a0 = likeliest(data)[0]
    a = a0 * (1.0 + np.linspace(-9.0, 9.0, 2001) * 1.3 / math.sqrt(n))
    log_p = (a - 1.0) * T - n * log_gamma(a) + log_gamma(n * a - 1.0) - (n * a - 1.0) * math.log(S)
    p = np.exp(log_p - np.max(log_p))
    p /= np.sum(p)
    b, square = S / (n * a - 2.0), S**2 / ((n * a - 2.0) * (n * a - 3.0))
    mean = np.array([p @ a, p @ b])
    cross = p @ (a * b) - mean[0] * mean[1]
    return Posterior(mean, np.array([[p @ a**2 - mean[0] ** 2, cross], [cross, p @ square - mean[1] ** 2]]))


def by_plane(data):
    """The same by a sum over a and b."""
    n, T, S = data
    centre = likeliest(data)
    wide = np.linspace(-9.0, 9.0, 401) * 1.6 / math.sqrt(n)
    a, b = centre[0] * (1.0 + wide)[:, None], centre[1] * (1.0 + wide)
    log_p = (a - 1.0) * T - S / b - n * (a * np.log(b) + log_gamma(a))
    p = np.exp(log_p - np.max(log_p))
    p /= np.sum(p)
    mean = np.array([np.sum(p * a), np.sum(p * b)])
    off = np.array([np.broadcast_to(a - mean[0], p.shape), np.broadcast_to(b - mean[1], p.shape)])
    return Posterior(mean, np.einsum("iab,jab,ab->ij", off, off, p))


def rate(covariance, moves):
    """Share of accepted moves on a normal density."""
    t = (np.arange(720) + 0.5) * np.pi / 720
    m = moves[:, None] * np.array([np.cos(t), np.sin(t)])
    c = 0.5 * np.sqrt(np.sum(m * np.linalg.solve(covariance, m), axis=0))
    return float(np.mean(1.0 - c / np.sqrt(1.0 + c**2)))


class Walked(NamedTuple):
    """A chain, and what is said of it."""

    chain: np.ndarray
    share: float  # accepted, of the second half
    error: float  # of the share
    truth: Posterior
    predicted: float

    @property
    def kept(self):
        """The second half."""
        return self.chain[len(self.chain) // 2 :]


def walked(data, steps, seed):
    """A random walk over shape and scale, and the posterior that it should find."""
    chain, _ = random_walk(log_posterior(data), BEGIN, MOVES, steps, np.random.default_rng(seed))
    moved = 1.0 * np.any(np.diff(chain[steps // 2 - 1 :], axis=0) != 0.0, axis=1)
    truth = by_line(data)
    return Walked(chain, np.mean(moved), mcse_mean(moved), truth, rate(truth.covariance, MOVES))


def row(name, walk):
    """A line of the table."""
    mean, true = walk.kept.mean(axis=0), walk.truth.mean
    sd = np.sqrt(np.diag(walk.truth.covariance))
    counts = f"{50_000 * walk.share:8.0f} {50_000 * walk.predicted:9.0f}"
    shape = f"{mean[0]:8.4f} {true[0]:7.4f} {sd[0]:6.4f}"
    return f"{name:9}{counts} {shape} {mean[1]:8.3f} {true[1]:7.3f} {sd[1]:6.3f}"


def correlation(x, lags):
    """Autocorrelations of a series at these lags."""
    d = x - np.mean(x)
    return np.array([d[k:] @ d[: len(d) - k] / (d @ d) for k in lags])


def agreement(name, walk):
    """A chain has the rate, the means and the deviations of its posterior."""
    kept, sd = walk.kept, np.sqrt(np.diag(walk.truth.covariance))
    off = [abs(kept[:, j].mean() - walk.truth.mean[j]) / mcse_mean(kept[:, j]) for j in (0, 1)]
    slack = 4.0 * math.sqrt(max(autocorrelation_time(kept[:, j]) for j in (0, 1)) / len(kept))
    late = abs(walk.share - walk.predicted) / walk.error
    return (
        within(f"{name}: rate, from the predicted, in standard errors", late, high=5.0),
        within(f"{name}: mean shape, from the truth, in standard errors", off[0], high=5.0),
        within(f"{name}: mean scale, from the truth, in standard errors", off[1], high=5.0),
        within(f"{name}: deviations, off by", np.max(np.abs(kept.std(axis=0) / sd - 1.0)), high=slack),
    )


def apart(one, other):
    """Largest relative difference of two posteriors."""
    pairs = zip(one, other, strict=True)
    return max(np.max(np.abs(mine / theirs - 1.0)) for mine, theirs in pairs)


def claims(walks, data, months):
    """What is asserted."""
    drawn, spots = walks["drawn"], walks["sunspots"]
    late = accepted_moves_only(drawn.kept[0], drawn.kept)
    wider = late.std(axis=0) / drawn.kept.std(axis=0)
    few, many = (by_line(sums(months + more)).mean[0] for more in (0.01, 1.0))
    sd = math.sqrt(spots.truth.covariance[0, 0])
    return (
        within(
            "two quadratures of the posteriors: apart by",
            max(apart(by_line(d), by_plane(d)) for d in data),
            high=1e-8,
        ),
        within("drawn: accepted of 50000, predicted", 50_000 * drawn.predicted, 8000.0, 8900.0),
        *agreement("drawn", drawn),
        within(
            "drawn: shape, from the law's, in deviations",
            abs(drawn.truth.mean[0] - SHAPE) / math.sqrt(drawn.truth.covariance[0, 0]),
            high=4.0,
        ),
        *agreement("sunspots", spots),
        within("sunspots, the older series: shape", spots.truth.mean[0], 0.95, 1.02),
        within("accepted moves alone: deviations, of the whole chain's", np.min(wider), low=1.03),
        within("sunspots: correlation of neighbouring months", correlation(months, [1])[0], low=0.85),
        within("sunspots: 1 added, not 0.01: shape grows, in deviations", (many - few) / sd, low=8.0),
    )


def draw(file, walks, series):
    """The series, the walk with its posterior, and how long either remembers."""
    axes, save = figure(file, nrows=2, ncols=3, figsize=(14.0, 7.5))
    for line, (name, walk) in zip(axes, walks.items(), strict=True):
        (a, b), x = walk.truth.mean, series[name]
        grid = np.linspace(0.5, np.max(x), 400)
        density = np.exp((a - 1.0) * np.log(grid) - grid / b - a * math.log(b) - math.lgamma(a))
        line[0].hist(x, bins=50, density=True, alpha=0.5)
        line[0].plot(grid, density, color="black", label=f"gamma law ({a:.3f}, {b:.1f})")
        line[0].set(title=f"{name}: {len(x)} numbers", xlabel="x", ylabel="density")
        line[0].legend()
        line[1].plot(*walk.kept.T, ".", ms=1, alpha=0.3, rasterized=True, label="walk, second half")
        turn = np.linspace(0.0, 2.0 * np.pi, 200)
        ring = np.linalg.cholesky(walk.truth.covariance) @ np.array([np.cos(turn), np.sin(turn)])
        line[1].plot(
            *(walk.truth.mean[:, None] + 2.0 * ring), color="black", label="quadrature, 2 deviations"
        )
        line[1].set(
            title=f"{walk.share:.3f} accepted, {walk.predicted:.3f} predicted", xlabel="a", ylabel="b"
        )
        line[1].legend(loc="upper right")
        lags = np.arange(1, 100)
        line[2].plot(lags, correlation(walk.kept[:, 0], lags), label="shape, along the walk")
        line[2].plot(lags, correlation(x, lags), ls="--", label="the numbers themselves")
        line[2].set(title="autocorrelation", xlabel="lag", ylabel="$r_k$")
        line[2].legend()
    save()


def main():
    chosen = options(__doc__)
    months, steps = sunspots(), 20_000 if chosen.quick else 50_000
    rng = np.random.default_rng(chosen.seed)
    series = {"drawn": rng.gamma(SHAPE, SCALE, COUNT), "sunspots": months + 0.1}
    data = {name: sums(x) for name, x in series.items()}
    walks = {name: walked(d, steps, chosen.seed + 1) for name, d in data.items()}
    print("         of 50000 predicted    shape   truth     sd    scale   truth     sd")
    for name, walk in walks.items():
        print(row(name, walk))
    if chosen.figure:
        draw(chosen.figure, walks, series)
    conclude(*claims(walks, list(data.values()), months))


if __name__ == "__main__":
    main()
