"""Densities whose means and variances are known: what samplers are held to, with starts at 0.

Each is a `Problem`: an energy, its gradient, and the true mean and variance of what is watched.  A variance
is judged by the mean of (f - mu)^2, so f must have a fourth moment.  Student's t of three degrees has none;
there x itself, |x| and the share of |x| below the quartile are watched.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from ebm_ref.samplers import positive
from ebm_ref.samplers.diagnostics import mcse_mean, rhat


class Problem(NamedTuple):
    """p ~ e^{-E} in d dimensions; `watched` maps states (..., d) to (..., w), whose means are `truth`."""

    name: str
    d: int
    energy: object
    gradient: object
    watched: object
    truth: np.ndarray  # (w,)


def both_moments(values, mean):
    """What is watched where means and variances are: the values, and their squares around the true mean."""
    return np.concatenate([values, (values - mean) ** 2], axis=-1)


def with_moments(name, energy, gradient, mean, variance, values=lambda x: x):
    """A problem whose coordinates, or other values, have these means and variances."""
    mean, truth = np.asarray(mean, float), np.concatenate([mean, variance])
    return Problem(name, len(mean), energy, gradient, lambda x: both_moments(values(x), mean), truth)


def covariance_of(d, condition, seed=0):
    """A covariance with eigenvalues from 1 to `condition`, in directions drawn at random."""
    Q, R = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))
    Q = Q * np.sign(np.diag(R))
    C = (Q * np.geomspace(1.0, condition, d)) @ Q.T
    return 0.5 * (C + C.T)


def gaussian(d, condition=1e4):
    """Correlated, its mean 3 deviations off the start."""
    C = covariance_of(d, condition)
    P, mean = np.linalg.inv(C), 3.0 * np.sqrt(np.diag(C))
    return with_moments(
        f"Gaussian, d = {d}",
        lambda x: 0.5 * (x - mean) @ P @ (x - mean),
        lambda x: P @ (x - mean),
        mean,
        np.diag(C),
    )


def funnel(spread=1.0, d=4):
    """v ~ N(0, spread^2), and x_i ~ N(0, e^v) given v: the narrow end is where v is low."""
    n = d - 1

    def energy(x):
        return 0.5 * (x[0] / spread) ** 2 + 0.5 * math.exp(-x[0]) * (x[1:] @ x[1:]) + 0.5 * n * x[0]

    def gradient(x):
        w = math.exp(-x[0])
        return np.concatenate([[x[0] / spread**2 - 0.5 * w * (x[1:] @ x[1:]) + 0.5 * n], w * x[1:]])

    wide = math.exp(0.5 * spread**2)
    return with_moments(f"funnel, d = {d}", energy, gradient, np.zeros(d), [spread**2] + n * [wide])


def student(d=3):
    """Multivariate t of three degrees: each coordinate has p ~ (1 + x^2/3)^{-2}, P(|x| < 0.7649) = 1/2."""
    quartile = 0.7648923284043453
    return Problem(
        f"t of 3 degrees, d = {d}",
        d,
        lambda x: 0.5 * (3.0 + d) * math.log1p((x @ x) / 3.0),
        lambda x: (3.0 + d) * x / (3.0 + x @ x),
        lambda x: np.concatenate([x, np.abs(x), 1.0 * (np.abs(x) < quartile)], axis=-1),
        np.concatenate([np.zeros(d), np.full(d, 2.0 * math.sqrt(3.0) / math.pi), np.full(d, 0.5)]),
    )


def banana(bend, variance):
    """energies/banana.py: x_1 ~ N(0, v), x_2 - b (x_1^2 - v) ~ N(0, 1)."""
    b, v = bend, variance

    def gradient(x):
        d = x[1] - b * (x[0] ** 2 - v)
        return np.array([x[0] / v - 2.0 * b * x[0] * d, d])

    return with_moments(
        f"banana, bend {b * v:g}",
        lambda x: 0.5 * x[0] ** 2 / v + 0.5 * (x[1] - b * (x[0] ** 2 - v)) ** 2,
        gradient,
        np.zeros(2),
        [v, 1.0 + 2.0 * (b * v) ** 2],
    )


# effects of coaching in eight schools and their standard errors: Rubin (1981)
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
PRIOR_SD, PRIOR_SCALE = 5.0, 5.0  # mu ~ N(0, 5^2), and tau half-Cauchy of scale 5


def given_tau(tau):
    """log p(tau | y) up to a constant, and means and variances of mu, theta_1..8 given tau; tau (n,)."""
    t2, s2 = np.asarray(tau)[:, None] ** 2, ERRORS**2
    w = 1.0 / (s2 + t2)
    V = 1.0 / (1.0 / PRIOR_SD**2 + w.sum(1))
    m = V * (w @ EFFECTS)
    log_p = -np.log1p(t2[:, 0] / PRIOR_SCALE**2) + 0.5 * (np.log(V) + np.log(w).sum(1))
    log_p = log_p - 0.5 * (w @ EFFECTS**2 - m**2 / V)
    b = t2 / (s2 + t2)
    theta, spread = b * EFFECTS + (1.0 - b) * m[:, None], b * s2 + (1.0 - b) ** 2 * V[:, None]
    return log_p, np.column_stack([m, theta]), np.column_stack([V, spread])


@cache
def schools_moments():
    """Means and variances of mu, tau and theta_1..8, by the trapezoid rule in log tau."""
    u = np.linspace(-40.0, 12.0, 20_001)
    log_p, means, variances = given_tau(np.exp(u))
    p = np.exp(log_p + u - np.max(log_p + u))
    p /= p.sum()
    tau = np.exp(u)
    first = np.insert(p @ means, 1, p @ tau)
    second = np.insert(p @ (variances + means**2), 1, p @ tau**2)
    return first, second - first**2


def schools():
    """Hierarchical and normal: theta_j = mu + tau eta_j, y_j ~ N(theta_j, s_j^2), in (mu, log tau, eta)."""

    def parts(x):
        tau = positive.positive(x[1:2])[0]
        return tau, (x[0] + tau * x[2:] - EFFECTS) / ERRORS

    def energy(x):
        tau, r = parts(x)
        prior = 0.5 * (x[0] / PRIOR_SD) ** 2 + math.log1p((tau / PRIOR_SCALE) ** 2) + 0.5 * (x[2:] @ x[2:])
        return prior + 0.5 * (r @ r) - positive.positive_log_jacobian(x[1:2])

    def gradient(x):
        tau, r = parts(x)
        q = r / ERRORS
        by_tau = 2.0 * tau / (PRIOR_SCALE**2 + tau**2) + q @ x[2:]
        by_log = positive.pulled_back(x[1:2], [by_tau])
        return np.concatenate([[x[0] / PRIOR_SD**2 + q.sum()], by_log, x[2:] + tau * q])

    def values(x):
        mu, tau = x[..., :1], np.exp(x[..., 1:2])
        return np.concatenate([mu, tau, mu + tau * x[..., 2:]], axis=-1)

    return with_moments("eight schools, d = 10", energy, gradient, *schools_moments(), values)


class Result(NamedTuple):
    """How a sampler did: its worst errors in MCSE, the worst R-hat, effective draws of what has fewest."""

    mean: float
    variance: float
    rhat: float
    ess: float

    @property
    def worst(self):
        return max(self.mean, self.variance)


def judged(problem, states):
    """Result of states (chains, draws, d), by all that is watched; of a t the second half is no variance."""
    seen = np.moveaxis(problem.watched(states), -1, 0)
    mcse = np.array([mcse_mean(draws) for draws in seen])
    errors = np.abs(seen.mean(axis=(1, 2)) - problem.truth) / mcse
    sizes = (seen.std(axis=(1, 2)) / mcse) ** 2
    n = len(errors) // 2 if len(errors) % 2 == 0 else problem.d
    r = max(rhat(states[..., i]) for i in range(problem.d))
    return Result(float(errors[:n].max()), float(errors[n:].max()), r, float(sizes.min()))
