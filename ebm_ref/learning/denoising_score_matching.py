r"""Denoising score matching: learn from noise that was added where the data lie.

    r    = s + z/sigma,                z ~ N(0, I)
    L    = |r|^2/2
    s    = score of the model at the noisy point x + sigma z

    dL/ds     = r
    dL/dz     = r/sigma                at fixed s
    dL/dsigma = -r.z/sigma^2           at fixed s

Noise of size sigma turns a point x into x + sigma z, whose density around x has the score -z/sigma: it
points back.  The model is to point back, too.  It cannot know z, so at each place it learns the mean of all
ways back, and that is the score of the data smoothed by the noise:

    E[L] = E|s - s_sigma|^2/2 + const  =  E[|s|^2/2 - C] + d/(2 sigma^2)

The second form is score matching on the smoothed data; here no second derivative is taken.  The price is
the smoothing: fitted to a Gaussian of covariance S, the model's covariance is S + sigma^2 I.  With a small
sigma the loss is d/(2 sigma^2) and more, nearly all of it noise; denoising_control.py takes off most of
that (github.com/ermongroup/ncsn/issues/9).

z is standard normal noise, not sigma z.  Whoever keeps the product e = sigma z has r = s + e/sigma^2.

Conventions: weighted by sigma^2 the loss is |sigma s + z|^2/2, of the same size at every sigma; NCSN's loss
of an energy weights by sigma^4; others take the mean over the coordinates.

Source: Vincent (2011), Section 4; Song and Kingma (2021), equations 10 and 11.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_positive
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous, non_negative
from ebm_ref.numerics import half_square


def denoising_score_matching(score, noise, sigma):
    """Denoising score matching loss of one noisy point.

    Parameters
    ----------
    score : (d,) float, d >= 1
        s, the model's score at x + sigma z.
    noise : (d,) float
        z, standard normal.
    sigma : float
        Size of the noise, > 0, in units of x.

    Returns
    -------
    float
        |s + z/sigma|^2/2 >= 0; zero where the score points straight back to x.

    Raises ValueError if the score has no entry or sigma is not positive and finite.

    >>> float(denoising_score_matching(np.array([-3.0, 2.0]), np.array([1.0, -1.0]), 0.5))  # r = (-1, 0)
    0.5
    """
    s, z, sigma = FORMULA.checked(score, noise, sigma)
    return np.sum(half_square(s + z / sigma))


def denoising_score_gradient(score, noise, sigma):
    """dL/ds = r, shape (d,)."""
    s, z, sigma = FORMULA.checked(score, noise, sigma)
    return s + z / sigma


def denoising_noise_gradient(score, noise, sigma):
    """dL/dz = r/sigma, shape (d,), at fixed s."""
    s, z, sigma = FORMULA.checked(score, noise, sigma)
    return (s + z / sigma) / sigma


def denoising_sigma_gradient(score, noise, sigma):
    """dL/dsigma = -r.z/sigma^2, at fixed s."""
    s, z, sigma = FORMULA.checked(score, noise, sigma)
    return 0.0 - np.sum((s + z / sigma) * (z / sigma)) / sigma


def rules(score, noise, sigma):
    """There is a coordinate, and there is noise."""
    require(len(score) > 0, "score", score, "must have at least one entry")
    require_positive("sigma", sigma)


def random_noisy_point(rng):
    """A score, a noise and its size."""
    return {
        "score": rng.normal(scale=2.0, size=3),
        "noise": rng.normal(size=3),
        "sigma": np.exp(rng.normal(scale=0.7)),
    }


FORMULA = Formula(
    value=denoising_score_matching,
    signature="(d),(d),()->()",
    source="vincent2011, Section 4; song2021, equations 10 and 11",
    gradients={
        "score": denoising_score_gradient,
        "noise": denoising_noise_gradient,
        "sigma": denoising_sigma_gradient,
    },
    sample=random_noisy_point,
    laws=(
        non_negative,
        homogeneous(2, score=1, noise=1),
        homogeneous(-2, score=-1, sigma=1),
        convex_in("score"),
    ),
    cases={  # (score, noise, sigma), L, (dL/ds, dL/dz, dL/dsigma), the mistake that it exposes
        "it points back, and too far": Case(
            ([-3.0, 2.0], [1.0, -1.0], 0.5),
            0.5,
            ([-1.0, 0.0], [-2.0, 0.0], 4.0),
            "noise divided by the square of sigma",
        ),
        "the score of the kernel itself costs nothing": Case(
            ([1.0, -4.0], [-0.5, 2.0], 0.5),
            0.0,
            ([0.0, 0.0], [0.0, 0.0], 0.0),
            "compared with the gradient of the energy",
        ),
        "wide noise": Case(
            ([1.0, 0.0, -2.0], [2.0, -4.0, 0.0], 2.0),
            6.0,
            ([2.0, -2.0, -2.0], [1.0, -1.0, -1.0], -3.0),
            "noise not divided by sigma",
        ),
        "wide noise, and no score": Case(
            ([0.0, 0.0], [3.0, -1.0], 2.0),
            1.25,
            ([1.5, -0.5], [0.75, -0.25], -1.25),
            "noise alone is squared",
        ),
        "narrow noise, weighted by its square": Case(
            ([0.0, 2.0], [1.0, 1.0], 0.25), 26.0, exposes="weighted by sigma^2"
        ),
        "narrow noise, weighted by its fourth power": Case(
            ([-2.0, 0.0], [1.0, 0.0], 0.25), 2.0, exposes="weighted by sigma^4"
        ),
        "narrow noise in three dimensions": Case(
            ([0.0, 0.0, 0.0], [1.0, -1.0, 1.0], 0.5), 6.0, exposes="mean over the coordinates, times sigma^2"
        ),
        "not a number": Case(([np.nan, 0.0], [1.0, 0.0], 1.0), np.nan, {"score": [np.nan, 0.0]}),
    },
    variants={
        "compared with the gradient of the energy": Mistake(
            lambda s, z, sigma: np.sum((s - z / sigma) ** 2) / 2.0,
            seen_in="torchebm, github.com/soran-ghaderi/torchebm/issues/318; on paper "
            "github.com/lebellig/flow-matching/issues/2",
            symptom="the energy is learnt upside down, and samplers run away from the data",
        ),
        "noise divided by the square of sigma": Mistake(
            lambda s, z, sigma: np.sum((s + z / sigma**2) ** 2) / 2.0,
            seen_in="proposed in github.com/yang-song/score_sde_pytorch/issues/26 for a standard normal z",
            symptom="the score is 1/sigma times too long",
        ),
        "noise not divided by sigma": Mistake(
            lambda s, z, sigma: np.sum((s + z) ** 2) / 2.0,
            seen_in="proposed in github.com/acids-ircam/diffusion_models/issues/5",
            symptom="the score is sigma times too short; unseen where sigma is 1",
        ),
        "noise alone is squared": Mistake(
            lambda s, z, sigma: np.sum(sigma * s + z**2),
            seen_in="github.com/Wz-2024/Diffusion, Part3_SDE_Score-based/9.DSM.py: a bracket too early",
            symptom="the loss falls without bound as the score's entries fall",
        ),
        "weighted by sigma^2": Convention(
            lambda s, z, sigma: np.sum((sigma * s + z) ** 2) / 2.0,
            {
                "score": lambda s, z, sigma: sigma * (sigma * s + z),
                "noise": lambda s, z, sigma: sigma * s + z,
                "sigma": lambda s, z, sigma: np.sum((sigma * s + z) * s),
            },
            seen_in="NCSN, anneal_dsm_score_estimation with its anneal_power=2; asked in "
            "github.com/atong01/conditional-flow-matching/issues/119",
            symptom="sigma^2 times as large: scales can be added",
        ),
        "weighted by sigma^4": Convention(
            lambda s, z, sigma: np.sum((sigma**2 * s + sigma * z) ** 2) / 2.0,
            {
                "score": lambda s, z, sigma: sigma**3 * (sigma * s + z),
                "noise": lambda s, z, sigma: sigma**2 * (sigma * s + z),
                "sigma": lambda s, z, sigma: sigma * np.sum((sigma * s + z) * (2.0 * sigma * s + z)),
            },
            seen_in="NCSN, losses/dsm.py, dsm, beside dsm_score_estimation without a weight",
            symptom="sigma^4 times as large as the loss of the next function in the same file",
        ),
        "mean over the coordinates, times sigma^2": Convention(
            lambda s, z, sigma: np.mean((sigma * s + z) ** 2),
            {
                "score": lambda s, z, sigma: 2.0 * sigma * (sigma * s + z) / len(s),
                "noise": lambda s, z, sigma: 2.0 * (sigma * s + z) / len(s),
                "sigma": lambda s, z, sigma: 2.0 * np.mean((sigma * s + z) * s),
            },
            seen_in="score_sde_pytorch, losses.py, reduce_mean: 'average the loss across data dimensions'",
            symptom="2/d times the loss weighted by sigma^2",
        ),
    },
    rules=rules,
    refuses={
        "no noise": (([1.0, 2.0], [0.0, 1.0], 0.0), "sigma"),
        "noise of negative size": (([1.0, 2.0], [0.0, 1.0], -0.5), "sigma"),
        "noise of infinite size": (([1.0, 2.0], [0.0, 1.0], np.inf), "sigma"),
        "a size that is no number": (([1.0, 2.0], [0.0, 1.0], np.nan), "sigma"),
        "a score without entries": (([], [], 0.5), "score"),
        "noise of another length": (([1.0, 2.0], [0.0], 0.5), "noise"),
    },
)
