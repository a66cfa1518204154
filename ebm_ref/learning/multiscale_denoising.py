r"""Denoising at several scales: one loss for noise of every size.

    q_j = sigma_j s_j + z_j,           z_j ~ N(0, I),  j = 1..k
    L   = 1/k sum_j |q_j|^2/2

    dL/ds_j     = sigma_j q_j/k
    dL/dz_j     = q_j/k                at fixed s
    dL/dsigma_j = q_j.s_j/k            at fixed s

This is the mean over k scales of sigma_j^2 times denoising score matching: s_j is the model's score at x +
sigma_j z_j, the sigmas are the sizes of the noise.  Small noise keeps the details, large noise fills the
empty space between modes, where one scale alone teaches nothing; annealed Langevin then walks down the
scales.

The weight sigma^2 makes all scales count alike.  Unweighted, the loss at each scale is about d/(2 sigma^2),
so from 1 down to 0.01 the finest scale outweighs the coarsest by 10^4.  Weighted, L does not depend on the
unit of length.

Source: Song and Ermon (2019), equations 5 and 6 with lambda(sigma) = sigma^2.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous, misfit, non_negative
from ebm_ref.numerics import half_square


def multiscale_denoising(scores, noise, sigmas):
    """Denoising score matching loss of one point at k scales.

    Parameters
    ----------
    scores : (k, d) float, k >= 1, d >= 1
        s, the model's score at x + sigma_j z_j, a row for each scale.
    noise : (k, d) float
        z, standard normal.
    sigmas : (k,) float
        Sizes of the noise, > 0, in any order.

    Returns
    -------
    float
        Mean of sigma_j^2 |s_j + z_j/sigma_j|^2/2, >= 0, without a unit.

    Raises ValueError if there is no scale or no coordinate, or if a sigma is not positive and finite.

    >>> float(multiscale_denoising(np.zeros((2, 3)), np.ones((2, 3)), np.array([0.01, 1.0])))
    1.5
    """
    s, z, sigma = FORMULA.checked(scores, noise, sigmas)
    return np.sum(half_square(remainder(s, z, sigma))) / len(sigma)


def remainder(s, z, sigma):
    """q_j = sigma_j s_j + z_j, shape (k, d)."""
    return sigma[:, None] * s + z


def multiscale_scores_gradient(scores, noise, sigmas):
    """dL/ds_j = sigma_j q_j/k, shape (k, d)."""
    s, z, sigma = FORMULA.checked(scores, noise, sigmas)
    return sigma[:, None] * remainder(s, z, sigma) / len(sigma)


def multiscale_noise_gradient(scores, noise, sigmas):
    """dL/dz_j = q_j/k, shape (k, d), at fixed s."""
    s, z, sigma = FORMULA.checked(scores, noise, sigmas)
    return remainder(s, z, sigma) / len(sigma)


def multiscale_sigmas_gradient(scores, noise, sigmas):
    """dL/dsigma_j = q_j.s_j/k, shape (k,), at fixed s."""
    s, z, sigma = FORMULA.checked(scores, noise, sigmas)
    return np.sum(remainder(s, z, sigma) * s, axis=1) / len(sigma)


def rules(scores, noise, sigmas):
    """There are scales and coordinates, and noise at every scale."""
    require(np.size(scores) > 0, "scores", scores, "must have at least one row and one column")
    positive = np.all((sigmas > 0.0) & (sigmas < np.inf))
    require(positive, "sigmas", sigmas, "must be positive and finite")


def order_of_scales_does_not_matter(formula, inputs, rng):
    """The order of the scales does not matter."""
    order = rng.permutation(len(inputs["sigmas"]))
    return misfit(formula, inputs, {a: x[order] for a, x in inputs.items()})


def random_scales(rng):
    """Two scales of a score in three dimensions."""
    return {
        "scores": rng.normal(scale=2.0, size=(2, 3)),
        "noise": rng.normal(size=(2, 3)),
        "sigmas": np.exp(rng.normal(size=2)),
    }


ROWS = ([[1.0, -2.0, 0.0], [2.0, 0.0, -4.0]], [[1.0, 1.0, -1.0], [0.0, 2.0, 1.0]])  # with sigma 2 and 1/2
AT_ONE = ([[1.0, 0.0], [0.0, 0.0], [0.0, -2.0]], [[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]])

FORMULA = Formula(
    value=multiscale_denoising,
    signature="(k,d),(k,d),(k)->()",
    source="songermon2019, equations 5 and 6",
    gradients={
        "scores": multiscale_scores_gradient,
        "noise": multiscale_noise_gradient,
        "sigmas": multiscale_sigmas_gradient,
    },
    sample=random_scales,
    laws=(
        non_negative,
        homogeneous(2, scores=1, noise=1),
        homogeneous(0, scores=-1, sigmas=1),
        order_of_scales_does_not_matter,
        convex_in("scores"),
    ),
    cases={  # (scores, noise, sigmas), L, (dL/ds, dL/dz, dL/dsigma), the mistake that it exposes
        "a coarse and a fine scale": Case(
            (*ROWS, [2.0, 0.5]),
            6.25,
            ([[3.0, -3.0, -1.0], [0.25, 0.5, -0.25]], [[1.5, -1.5, -0.5], [0.5, 1.0, -0.5]], [4.5, 3.0]),
            "no weight",
        ),
        "the scores of the kernels cost nothing": Case(
            ([[-0.5, 1.0], [4.0, -8.0]], [[1.0, -2.0], [-1.0, 2.0]], [2.0, 0.25]),
            0.0,
            (np.zeros((2, 2)), np.zeros((2, 2)), np.zeros(2)),
        ),
        "three scales: the mean, not the sum": Case(
            (*AT_ONE, [4.0, 1.0, 0.5]), 3.5, {"sigmas": [4 / 3, 0.0, 2 / 3]}, "summed over the scales"
        ),
        "three coordinates: the sum, not the mean": Case(
            (np.zeros((2, 3)), [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0]], [3.0, 0.5]),
            5.0,
            exposes="mean over the coordinates",
        ),
    },
    variants={
        "no weight": Mistake(
            lambda s, z, sigma: np.sum((s + z / sigma[:, None]) ** 2) / (2.0 * len(sigma)),
            symptom="only the finest scale is learnt: it outweighs all others by 1/sigma^2",
        ),
        "summed over the scales": Mistake(
            lambda s, z, sigma: np.sum((sigma[:, None] * s + z) ** 2) / 2.0,
            symptom="the step size depends on how many scales there are",
        ),
        "mean over the coordinates": Convention(
            lambda s, z, sigma: np.mean((sigma[:, None] * s + z) ** 2),
            {
                "scores": lambda s, z, sigma: 2.0 * sigma[:, None] * (sigma[:, None] * s + z) / np.size(s),
                "noise": lambda s, z, sigma: 2.0 * (sigma[:, None] * s + z) / np.size(s),
                "sigmas": lambda s, z, sigma: 2.0 * np.sum((sigma[:, None] * s + z) * s, axis=1) / np.size(s),
            },
            seen_in="score_sde_pytorch, losses.py, get_smld_loss_fn with reduce_mean",
            symptom="2/d times as large",
        ),
        "sigmas in the opposite order": Mistake(
            lambda s, z, sigmas: multiscale_denoising(s, z, sigmas[::-1]),
            symptom="scores of one scale, weighted by another",
        ),
        "weights made to sum to 1": Mistake(
            lambda s, z, sigmas: 0.5 * np.sum((sigmas[:, None] * s + z) ** 2) / np.sum(sigmas**2),
            symptom="a unit of length again: the loss grows as the scales fall",
        ),
    },
    rules=rules,
    refuses={
        "a scale without noise": (([[1.0], [2.0]], [[0.0], [1.0]], [1.0, 0.0]), "sigmas"),
        "a scale of negative size": (([[1.0], [2.0]], [[0.0], [1.0]], [-1.0, 1.0]), "sigmas"),
        "a scale that is no number": (([[1.0]], [[0.0]], [np.nan]), "sigmas"),
        "no scales": ((np.zeros((0, 2)), np.zeros((0, 2)), []), "scores"),
        "no coordinates": ((np.zeros((2, 0)), np.zeros((2, 0)), [1.0, 2.0]), "scores"),
        "one sigma for two scales": (([[1.0], [2.0]], [[0.0], [1.0]], [1.0]), "sigmas"),
    },
)
