"""Densities whose means and variances are known: what samplers are held to, with starts at 0.

Each is a `Problem`: an energy, its gradient, and the true mean and variance of what is watched.  A variance is
judged by the mean of (f - mu)^2, and so f must have a fourth moment.  Student's t of three degrees has none;
there |x| and the share of |x| below the quartile are watched.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from ebm_ref.exact.quadrature import expectation
from ebm_ref.samplers.diagnostics import mcse_mean, rhat


class Problem(NamedTuple):
    """p ~ e^{-E} in d dimensions; `watched` maps states (..., d) to (..., w), of which the means are `truth`."""

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
    d = len(mean)
    return Problem(name, d, energy, gradient, lambda x: both_moments(values(x), mean), truth)


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
        f"Gaussian, d = {d}, condition {condition:.0e}",
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
    return with_moments(
        f"funnel, sd of v {spread:g}, d = {d}", energy, gradient, np.zeros(d), [spread**2] + n * [wide]
    )


def student(d=3):
    """Multivariate t of three degrees: each coordinate has p ~ (1 + x^2/3)^{-2}, P(|x| < 0.7649) = 1/2."""
    quartile = 0.7648923284043453
    return Problem(
        f"t of 3 degrees, d = {d}",
        d,
        lambda x: 0.5 * (3.0 + d) * math.log1p((x @ x) / 3.0),
        lambda x: (3.0 + d) * x / (3.0 + x @ x),
        lambda x: np.concatenate([np.clip(x, -20.0, 20.0), np.abs(x), 1.0 * (np.abs(x) < quartile)], axis=-1),
        np.concatenate([np.zeros(d), np.full(d, 2.0 * math.sqrt(3.0) / math.pi), np.full(d, 0.5)]),
    )


def banana(bend, variance):
    """energies/banana.py: x_1 ~ N(0, v), x_2 - b (x_1^2 - v) ~ N(0, 1)."""
    b, v = bend, variance

    def gradient(x):
        d = x[1] - b * (x[0] ** 2 - v)
        return np.array([x[0] / v - 2.0 * b * x[0] * d, d])

    return with_moments(
        f"banana, b = {b:g}, v = {v:g}",
        lambda x: 0.5 * x[0] ** 2 / v + 0.5 * (x[1] - b * (x[0] ** 2 - v)) ** 2,
        gradient,
        np.zeros(2),
        [v, 1.0 + 2.0 * (b * v) ** 2],
    )
