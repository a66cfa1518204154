#!/usr/bin/env python3
"""Two modes: what each estimator sees of how much lies in which.

Claim   Of two modes that lie farther and farther apart, score matching and
        kernel Stein waste ever more of the data on the weights: all but a
        share of e^(-d^2/2v). Denoising sees them while its noise fills the
        gap; noise contrast loses a constant factor, and learns log Z. One step
        of CD hardly pulls at the weights. Fitted with a model that is wrong,
        CD-1 finds another variance than likelihood; with Langevin steps that
        nobody refuses, it does so with the right model, too. An energy against
        a generator comes to rest at the truth if the generator's entropy
        counts, and turns around it for ever if not.
Source  Song and Kingma (2021), Sections 3 to 5; Wenliang and Kanagawa (2020),
        "Blindness of score-based methods to isolated components and mixing
        proportions"; Wang et al. (2020) for the control variate; Mescheder,
        Geiger and Nowozin (2018) for the two players' eigenvalues.
Time    4 s on one core; 2 s with --quick (fewer distances).

    E(x) = (x^2 + d^2)/(2 v) - log(2 cosh(d x/v + t/2))

is the mixture of N(d, v) and N(-d, v) with odds e^t, up to log Z = log(2 pi
v)/2 + log(2 cosh(t/2)). Only t is to be learnt, v and d are known. Nothing is
sampled: all expectations are sums over a grid or a quadrature, and sums of
smooth densities over a grid are exact to rounding.

Efficiency is n times the variance of maximum likelihood over that of the
estimator, by the sandwich of its loss's slopes (reproduce_estimators.py, which
has one mode); for CD it is the pull back to the truth, in units of that of the
likelihood. In one dimension a slice is the whole, so that sliced score
matching is score matching.
"""

from typing import NamedTuple

import numpy as np
from reproduction import conclude, figure, near, options, within

from ebm_ref import FORMULAS
from ebm_ref.learning.expected_cd import expected_cd, fixed_point
from ebm_ref.learning.kernel_stein import stein_kernel
from ebm_ref.learning.noise_contrastive_variance import noise_contrastive_covariance
from ebm_ref.learning.variational_bound import (
    bound_data_gradient,
    bound_entropy_gradient,
    bound_sampler_gradient,
)
from ebm_ref.numerics import sigmoid
from ebm_ref.samplers.chains import short_run_moments
from ebm_ref.samplers.langevin import stationary_variance

V, T = 0.5, np.log(3.0)  # of each mode; three quarters of the data are in the right one
CELL, EDGE = 0.0625, 16.0
GRID = np.arange(-EDGE, EDGE + CELL / 2.0, CELL)
SHOWN = (1.0, 2.0, 3.0)  # of the distances
WIDE, KERNEL, WALK = 3.0, 1.0, 0.5  # of the noise of NCE; of Stein's kernel; of a walk's steps


def normal(x, mean, variance):
    return np.exp(-0.5 * (x - mean) ** 2 / variance) / np.sqrt(2.0 * np.pi * variance)


class Modes(NamedTuple):
    """A density with modes at -d and d, of variance v each, and odds e^t of the right one."""

    d: float
    v: float
    t: float

    def energy(self, x):
        u = np.abs(self.d * x / self.v + self.t / 2.0)
        return (x * x + self.d**2) / (2.0 * self.v) - u - np.log1p(np.exp(-2.0 * u))

    @property
    def log_Z(self):
        return 0.5 * np.log(2.0 * np.pi * self.v) + np.log(2.0 * np.cosh(self.t / 2.0))

    def density(self, x):
        right = sigmoid(self.t)
        return right * normal(x, self.d, self.v) + (1.0 - right) * normal(x, -self.d, self.v)

    @property
    def tanh(self):
        return np.tanh(self.d * GRID / self.v + self.t / 2.0)

    @property
    def score(self):
        return (self.d * self.tanh - GRID) / self.v

    @property
    def curvature(self):
        return 1.0 / self.v - (self.d / self.v) ** 2 * (1.0 - self.tanh**2)

    # by t
    @property
    def statistic(self):
        """-dE/dt."""
        return 0.5 * self.tanh

    @property
    def score_slope(self):
        return self.d / (2.0 * self.v) * (1.0 - self.tanh**2)

    @property
    def curvature_slope(self):
        return (self.d / self.v) ** 2 * (1.0 - self.tanh**2) * self.tanh


def mean(f, density):
    """Expectation of what is known on the grid."""
    return CELL * np.sum(f * density)


def variance(f, density):
    return mean(f * f, density) - mean(f, density) ** 2


class Estimate(NamedTuple):
    """The expected slope of a loss by t at the truth, n times the variance of the estimate of t."""

    rest: float
    variance: float


def sandwich(slope, H, density):
    """Of a loss with this slope at each point of the grid, whose mean has the derivative H."""
    return Estimate(mean(slope, density), variance(slope, density) / H**2)


def likelihood(m, p):
    g = mean(m.statistic, p) - m.statistic
    return sandwich(g, variance(m.statistic, p), p)


def score_matching(m, p):
    """score_matching.py: s by the score and -1 by the curvature."""
    g = m.score * m.score_slope - m.curvature_slope
    return sandwich(g, mean(m.score_slope**2, p), p)


def denoising(m, p, sigma):
    """denoising_score_matching.py, s + z/sigma by the score, of the model of the data with noise.

    Given y = x + sigma z its mean over z is (s - s_y) ds/dt, s_y the score of the noisy data, and what is
    left is the variance of z/sigma.
    """
    noisy = m._replace(v=m.v + sigma**2)
    py, r = noisy.density(GRID), sigma**2 / noisy.v
    right = sigmoid(2.0 * noisy.d * GRID / noisy.v + noisy.t)  # the share of the right mode
    pull = (GRID[:, None] - noisy.d * np.array([1.0, -1.0])) * r / sigma  # mean of z, given y and the mode
    shares = np.stack([right, 1.0 - right], axis=1)
    first = np.sum(shares * pull, axis=1)
    spread = np.sum(shares * pull**2, axis=1) - first**2 + m.v / noisy.v
    g = (noisy.score + first / sigma) * noisy.score_slope
    V = mean(g**2 + spread / sigma**2 * noisy.score_slope**2, py)
    return Estimate(mean(g, py), V / mean(noisy.score_slope**2, py) ** 2)


def noise_contrast(m, p):
    """noise_contrastive_variance.py, log Z unknown as well, one of noise for one of data."""
    q = normal(GRID, 0.0, WIDE**2)
    u = -m.energy(GRID) - m.log_Z - np.log(q)
    by_c = mean(sigmoid(-u), p) - mean(sigmoid(u), q)
    rest = mean(sigmoid(u) * m.statistic, q) - mean(sigmoid(-u) * m.statistic, p)
    S = noise_contrastive_covariance(-m.statistic[:, None], share(p), share(q), 1.0)
    return Estimate(abs(rest) + abs(by_c), S[0, 0])


def share(density):
    """Probabilities of the points of the grid."""
    return density / np.sum(density)


def stein(m, p):
    """kernel_stein.py: V is 4 times the variance of the mean over one of the two points."""
    r = GRID[:, None] - GRID
    k = np.exp(-0.5 * (r / KERNEL) ** 2)
    s, ds, w = m.score, m.score_slope, CELL * p
    own = ds * (k @ (w * s) + (k * r) @ w / KERNEL**2)  # du/dt by the score of this point
    other = s * (k @ (w * ds)) - (k * r) @ (w * ds) / KERNEL**2  # and of the other
    return sandwich(own + other, stein_curvature(m, p), p)._replace(
        variance=4.0 * variance(own + other, p) / stein_curvature(m, p) ** 2
    )


def stein_curvature(m, p):
    """The derivative of the expected slope: 2 E[s_t k s_t']."""
    w = CELL * p * m.score_slope
    return 2.0 * w @ np.exp(-0.5 * ((GRID[:, None] - GRID) / KERNEL) ** 2) @ w


def walk(E):
    """The matrix of a Metropolis walk over the grid that keeps e^-E."""
    P = CELL * normal(GRID[:, None], GRID, WALK**2) * np.exp(np.minimum(0.0, E[:, None] - E))
    np.fill_diagonal(P, 0.0)
    np.fill_diagonal(P, 1.0 - P.sum(axis=1))
    return P


def pull(m, p, steps=1, e=2.0**-10):
    """Slope of the expected gradient of CD-k at the truth, in units of likelihood's, and the gradient."""
    at = lambda t: m._replace(t=m.t + t)
    T = lambda one: one.statistic[:, None]
    g = lambda t: expected_cd(walk(at(t).energy(GRID)), share(p), T(at(t)), steps).item()
    return (g(e) - g(-e)) / (2.0 * e) / variance(m.statistic, p), g(0.0)


ESTIMATORS = {
    "likelihood": likelihood,
    "noise contrast": noise_contrast,
    "denoising, sigma 1": lambda m, p: denoising(m, p, 1.0),
    "denoising, sigma 0.5": lambda m, p: denoising(m, p, 0.5),
    "score matching": score_matching,
    "kernel Stein": stein,
}


def seen(distances):
    """{name: (distances,)} efficiencies, and the largest expected slope at the truth."""
    table, rest = {name: [] for name in (*ESTIMATORS, "CD-1, its pull")}, 0.0
    for d in distances:
        m = Modes(d, V, T)
        p = m.density(GRID)
        found = {name: estimate(m, p) for name, estimate in ESTIMATORS.items()}
        for name, one in found.items():
            table[name].append(found["likelihood"].variance / one.variance)
        pulled, left = pull(m, p)
        table["CD-1, its pull"].append(pulled)
        rest = max(rest, abs(left), *(abs(one.rest) for one in found.values()))
    return {name: np.array(column) for name, column in table.items()}, rest


# a model of one mode, E = k x^2/2


def rest_of_cd(p, steps):
    """1/k where the expected gradient of CD-k vanishes."""
    T = -0.5 * GRID[:, None] ** 2
    g = lambda k: expected_cd(walk(0.5 * k * GRID**2), share(p), T, steps).item()
    return 1.0 / fixed_point(g, 0.1, 2.0)


def rest_of_langevin(drift):
    """The same of one Langevin step that nobody refuses, from data of variance 1."""
    after = lambda k: short_run_moments(0.0, 1.0, k, drift, np.sqrt(2.0 * drift), 1)[1]
    return 1.0 / fixed_point(lambda k: 0.5 * (1.0 - after(k)), 0.1, 1.0 / drift - 0.1)


# an energy k (x - m)^2/2 against a generator c + s z

DATA = 1.0, 4.0  # mean and variance
POINTS = np.array([-1.0, 1.0])  # they have mean 0 and variance 1, which is all that a square asks for


def two_players(state, entropy=1.0):
    """(m, k, c, s) moves down the bound by m and k, and up by c and s."""
    m, k, c, s = state
    x, y = DATA[0] + np.sqrt(DATA[1]) * POINTS, c + s * POINTS
    given = 0.5 * k * (x - m) ** 2, 0.5 * k * (y - m) ** 2, np.log(np.abs(s))
    a, b, h = bound_data_gradient(*given), bound_sampler_gradient(*given), bound_entropy_gradient(*given)
    by_m = -k * (a @ (x - m) + b @ (y - m))
    by_k = 0.5 * (a @ (x - m) ** 2 + b @ (y - m) ** 2)
    by_y = b * k * (y - m)
    return np.array([-by_m, -by_k, np.sum(by_y), by_y @ POINTS + entropy * h / s])


def speeds(state, entropy, e=2.0**-12):
    """Eigenvalues of the derivative of the motion."""
    f = lambda d: two_players(state + d, entropy)
    return np.linalg.eigvals(np.array([(f(e * u) - f(-e * u)) / (2.0 * e) for u in np.eye(4)]).T)


def path(start, entropy, time, h=0.05):
    """States on the way, by Runge and Kutta's steps of fourth order."""
    states = [np.array(start)]
    for _ in range(round(time / h)):
        x, f = states[-1], lambda x: two_players(x, entropy)
        a = f(x)
        b = f(x + 0.5 * h * a)
        c = f(x + 0.5 * h * b)
        states.append(x + h / 6.0 * (a + 2.0 * (b + c) + f(x + h * c)))
    return np.array(states)


def circled(states):
    """What the two players keep without entropy: k^2/2 + s^2/4 - v log(s)/2."""
    _, k, _, s = states.T
    return 0.5 * k**2 + 0.25 * s**2 - 0.5 * DATA[1] * np.log(s)


def with_control(sigma, control):
    """Variance of the denoising loss, and efficiency of the variance found by it: standard normal data.

    `control` times the control variate is taken off. The model is E = k x^2/2, at the k of the noisy data.
    """
    nodes, w = np.polynomial.hermite_e.hermegauss(12)
    x, z = (one.reshape(-1, 1) for one in np.meshgrid(nodes, nodes))
    w = np.outer(w, w).ravel() / np.sum(w) ** 2
    losses = FORMULAS["denoising_score_matching"], FORMULAS["denoising_control"]
    at = lambda k: ((-k * (x + sigma * z), z, sigma), (-k * x, z, sigma))
    spread = lambda f: w @ f**2 - (w @ f) ** 2
    value = [f(*given) for f, given in zip(losses, at(1.0), strict=True)]
    k = 1.0 / (1.0 + sigma**2)
    noisy, clean = at(k)
    slope = losses[0].gradient("score", *noisy) * -(x + sigma * z)
    slope -= 0.5 * control * losses[1].gradient("clean_score", *clean) * -x
    of_k = spread(slope[:, 0]) / (1.0 + sigma**2) ** 2
    return spread(value[0] - 0.5 * control * value[1]), 2.0 / (of_k / k**4)


def pays_for_one(m):
    """KL(q|p) of a generator that has the right mode alone: what its bound on log Z lacks."""
    q = normal(GRID, m.d, m.v)
    return mean(
        q * (m.energy(GRID) + m.log_Z) + np.where(q > 0.0, q * np.log(np.maximum(q, 1e-300)), 0.0), 1.0
    )


def draw(file, distances, table, steps, variances, exact, ways):
    axes, save = figure(file, ncols=3, figsize=(11.5, 3.6))
    for name, column in table.items():
        axes[0].semilogy(distances / np.sqrt(V), column, "--" if "pull" in name else "-", label=name)
    axes[0].set(xlabel="half the distance, in widths of a mode", ylabel="efficiency for the weights")
    axes[0].set(ylim=(1e-7, 2.0))
    axes[0].legend(fontsize=7, loc="lower left")
    axes[1].semilogx(steps, variances, "o-", label="CD-k")
    axes[1].axhline(exact, color="k", lw=0.8, label="likelihood")
    axes[1].set(xlabel="steps k", ylabel="variance of one mode fitted to two")
    axes[1].legend()
    for label, states in ways.items():
        axes[2].plot(states[:, 3], states[:, 1], lw=1.0, label=label)
    axes[2].plot(np.sqrt(DATA[1]), 1.0 / DATA[1], "k*", label="truth")
    axes[2].set(xlabel="width s of the generator", ylabel="k of the energy")
    axes[2].legend(fontsize=7)
    save()


def main():
    chosen = options(__doc__)
    distances = np.array(SHOWN) if chosen.quick else np.arange(0.25, 3.01, 0.25)
    steps = (1, 10) if chosen.quick else (1, 2, 5, 10, 30, 100)
    table, rest = seen(distances)
    at = {d: {name: column[i] for name, column in table.items()} for i, d in enumerate(distances)}
    print("efficiency for the weights, at d =   " + " ".join(f"{d:8.1f}" for d in SHOWN))
    for name in table:
        print(f"  {name:34s} " + " ".join(f"{at[d][name]:8.2g}" for d in SHOWN))
    two = Modes(1.5, V, 0.0).density(GRID)
    exact, variances = mean(GRID**2, two), [rest_of_cd(two, k) for k in steps]
    print(f"\nvariance of one mode fitted to two: likelihood {exact:.3f}")
    for k, found in zip(steps, variances, strict=True):
        print(f"  CD-{k:<4d} {found:.4f}")
    ways = {"entropy counts": path((-1.0, 0.1, 3.0, 1.0), 1.0, 120.0)}
    ways["no entropy"] = path((1.0, 0.5, 1.0, 1.0), 0.0, 30.0)
    if chosen.figure:
        draw(chosen.figure, distances, table, steps, variances, exact, ways)
    conclude(
        *claims_of_the_weights(rest, at[2.0], at[3.0]),
        *claims_of_chains(exact, variances),
        *claims_of_players(ways),
        *claims_of_control(),
    )


def claims_of_the_weights(rest, closer, far):
    """What is left of the data at d = 2 and 3."""
    yield within("expected slopes at the truth, the largest", rest, high=1e-9)
    m = Modes(1.0, V, T)
    p = m.density(GRID)
    yield near("Stein, again", stein_again(m, p) / stein(m, p).variance, 1.0, 1e-5)
    again = denoising_again(m, p, 0.5) / denoising(m, p, 0.5).variance
    yield near("denoising, again", again, 1.0, 1e-10)
    kept = {name: far[name] / closer[name] / np.exp(-5.0) for name in far}  # (3^2 - 2^2)/(2 v) = 5
    yield within("d from 2 to 3: score matching keeps, times e^-5", kept["score matching"], 0.5, 1.5)
    yield within("kernel Stein keeps, times e^-5", kept["kernel Stein"], high=0.5)
    yield within("noise contrast keeps", kept["noise contrast"] * np.exp(-5.0), 0.8, 1.0)
    more = far["denoising, sigma 1"] / far["score matching"]
    yield within("d = 3: noise of 1 sees more than no noise, times", more, low=100.0)
    yield within("d = 3: CD-1 pulls, of likelihood", far["CD-1, its pull"], 0.0, 1e-3)


def stein_again(m, p, e=2.0**-10):
    """n times the variance, from differences of the page's kernel by t; and of the discrepancy itself."""
    w, at = CELL * p, lambda t: m._replace(t=m.t + t).score[:, None]
    mean_of_one = lambda t: stein_kernel(GRID[:, None], at(t), KERNEL) @ w
    less, same, more = (mean_of_one(t) for t in (-e, 0.0, e))
    return 4.0 * variance((more - less) / (2.0 * e), p) / (w @ (more - 2.0 * same + less) / e**2) ** 2


def denoising_again(m, p, sigma):
    """n times the variance, by Hermite's nodes for z, point by point."""
    z, w = np.polynomial.hermite_e.hermegauss(60)
    y, noisy, weights = (
        GRID[:, None] + sigma * z,
        m._replace(v=m.v + sigma**2),
        np.outer(CELL * p, w / w.sum()),
    )
    tanh = np.tanh(m.d * y / noisy.v + m.t / 2.0)
    score, slope = (m.d * tanh - y) / noisy.v, 0.5 * m.d / noisy.v * (1.0 - tanh**2)
    return np.sum(weights * ((score + z / sigma) * slope) ** 2) / np.sum(weights * slope**2) ** 2


def claims_of_chains(exact, variances):
    """Of a model of one mode."""
    yield within("variance by CD-1, over that by likelihood", variances[0] / exact, low=1.05)
    fall = max(np.diff(variances))
    yield within("more steps change it by, at most", fall, high=0.0)
    far, last = abs(variances[0] - exact), abs(variances[-1] - exact)
    yield within("the last is off, over what CD-1 is off", last / far, high=0.6)
    # of data of variance v = 1 and a drift of a = 1/4: k v (2 - a k) = 2
    closed = 1.0 / (4.0 - np.sqrt(8.0))
    yield near("variance by Langevin", rest_of_langevin(0.25), closed, 1e-14)
    kept = stationary_variance(1.0 / closed, 0.25, np.sqrt(0.5))
    yield near("what it keeps", kept, 1.0, 1e-14)


def claims_of_players(ways):
    """An energy against a generator."""
    truth = np.array([DATA[0], 1.0 / DATA[1], DATA[0], np.sqrt(DATA[1])])
    yield near("at the truth players move by", np.max(np.abs(two_players(truth))), 0.0, 1e-15)
    yield within("the slowest way back to it, a rate", np.max(speeds(truth, 1.0).real), high=-0.1)
    end = np.max(np.abs(ways["entropy counts"][-1] - truth))
    yield within("after a time of 120 they are off by", end, high=1e-5)
    flat = speeds(truth * [1.0, 0.0, 1.0, 1.0], 0.0)
    yield near("without entropy, the way back", np.max(np.abs(flat.real)), 0.0, 1e-8)
    yield near("and they turn at the rate", np.max(flat.imag), np.sqrt(DATA[1]), 1e-6)
    kept = circled(ways["no entropy"])
    yield near("kept while they turn", kept[-1] / kept[0], 1.0, 1e-4)
    pays = pays_for_one(Modes(3.0, V, T))
    yield near("log Z less one mode's", pays, np.log(4.0 / 3.0), 1e-4)


def claims_of_control():
    """Denoising of standard normal data."""
    (plain, worse), (steady, better) = with_control(0.1, 0.0), with_control(0.1, 1.0)
    told = (5.0 - 2.0 * 0.1**2 + 0.1**4) / (1.0 / 0.1**2 - 1.0 + 0.1**2) ** 2
    yield near("left by control", steady / plain, told, 1e-9)
    yield within("sigma 0.1: efficiency without control", worse, high=0.02)
    yield near("with it, as by a slice", better, 0.5, 0.01)
    yield within(
        "sigma 1: efficiency without, over with",
        with_control(1.0, 0.0)[1] / with_control(1.0, 1.0)[1],
        low=1.5,
    )


if __name__ == "__main__":
    main()
