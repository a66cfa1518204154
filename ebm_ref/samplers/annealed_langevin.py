r"""Annealed Langevin: begin where the data are drowned in noise, and clear up slowly.

    for sigma_1 > sigma_2 > ... > sigma_L:    a_i = a_L sigma_i^2 / sigma_L^2
        K times:    x' = x + (a_i/2) s(x, sigma_i) + sqrt(a_i) z

s(x, sigma) is the score of the data blurred by N(0, sigma^2).  A score knows nothing of the weights of
distant modes; blurred enough, there are no distant modes.  The step goes with sigma^2, since that is the
scale on which the blurred density varies: drift and noise then keep the same proportion at all levels.
a_i plays the part of e^2 in langevin.py.

Stepping in proportion to sigma instead is a step that is too small early and too large late.

For normal data of variance v the score is s = -x/(v + sigma^2), and each step is

    x' = (1 - a/(2(v + sigma^2))) x + sqrt(a) z

so mean and variance at the end follow exactly, from any start.  The end is a little wide: what is sampled
is the data blurred by sigma_L, with Langevin's bias, and without a last step of denoising.

Source: Song and Ermon (2019), "Generative Modeling by Estimating Gradients of the Data Distribution",
Algorithm 1.
"""

import numpy as np

from ebm_ref.checks import real, require, require_count, require_positive, whole
from ebm_ref.formula import Mistake
from ebm_ref.samplers.langevin import langevin


def step_lengths(sigmas, last):
    """a_i = a_L sigma_i^2 / sigma_L^2 for falling noise levels sigma (L,).

    >>> step_lengths(np.array([4.0, 2.0, 1.0]), last=0.1).tolist()
    [1.6, 0.4, 0.1]
    """
    last, sigmas = real("last", last), noise_levels(sigmas)
    require_positive("last", last)
    return last * (sigmas / sigmas[-1]) ** 2


def noise_levels(sigmas):
    """The noise levels as float64, if they fall and end above 0.

    >>> noise_levels([2, 1])
    array([2., 1.])
    """
    sigmas = real("sigmas", sigmas, "L")
    falls = (
        len(sigmas) > 0 and bool(np.all(np.diff(sigmas) < 0.0)) and np.inf > sigmas[0] and sigmas[-1] > 0.0
    )
    require(falls, "sigmas", sigmas, "must fall, and end above 0")
    return sigmas


def annealed_langevin(score, position, sigmas, last, noise):
    """The position after K steps at each level.

    Parameters
    ----------
    score : callable
        (x (d,), sigma) -> gradient of the log density of the data blurred by N(0, sigma^2), (d,).
    position : (d,) float
        The start, usually noise.
    sigmas : (L,) float
        Noise levels, falling.
    last : float
        a_L, the step at the last level: the variance of what is added there.
    noise : (L, K, d) float
        Standard normal numbers.

    >>> still = lambda x, sigma: 0.0 * x
    >>> annealed_langevin(still, np.zeros(1), np.array([2.0, 1.0]), 0.25, np.ones((2, 3, 1)))  # 3 1 + 3 .5
    array([4.5])
    """
    require(callable(score), "score", score, "must be a function of x and sigma")
    lengths, sigmas, x = step_lengths(sigmas, last), noise_levels(sigmas), real("position", position, "d")
    noise = real("noise", noise, len(lengths), "K", len(x))
    for a, sigma, numbers in zip(lengths, sigmas, noise, strict=True):
        for z in numbers:
            x = langevin(x, -real("score", score(x, sigma), len(x)), z, np.sqrt(a))
    return x


def moments_on_normal_data(mean, variance, data_variance, sigmas, lengths, steps):
    """Mean and variance at the end, exactly, for data N(0, v) and K steps of a_i at each level.

    >>> moments_on_normal_data(8.0, 0.0, 1.0, [1.0], [2.0], steps=2)  # shrinks by 1/2, adds 2
    (2.0, 2.5)
    """
    mean, variance, v = real("mean", mean), real("variance", variance), real("data_variance", data_variance)
    for argument, value in (("variance", variance), ("data_variance", v)):
        require(value >= 0.0, argument, value, "must be >= 0")
    sigmas = noise_levels(sigmas)
    lengths = real("lengths", lengths, len(sigmas))
    require_count("steps", steps, 0)
    steps = whole("steps", steps)
    for a, sigma in zip(lengths, sigmas, strict=True):
        shrink = 1.0 - a / (2.0 * (v + sigma**2))
        for _ in range(steps):
            mean, variance = float(shrink * mean), float(shrink**2 * variance + a)
    return float(mean), float(variance)


VARIANTS = (
    Mistake(
        lambda sigmas, last: last * np.asarray(sigmas) / sigmas[-1],
        name="step in proportion to sigma",
        symptom="modes are reached late or never: the wide levels move too slowly",
    ),
)
