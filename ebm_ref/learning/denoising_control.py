r"""A control variate for denoising: what of the loss is noise, and can be told beforehand.

    c = 2 z.s/sigma + (|z|^2 - d)/sigma^2,         z ~ N(0, I)
    s = score of the model at the clean point x

    dc/ds     = 2 z/sigma
    dc/dz     = 2 s/sigma + 2 z/sigma^2
    dc/dsigma = -2 z.s/sigma^2 - 2 (|z|^2 - d)/sigma^3

c has mean zero over z, as x is given before z is drawn.  So |s_noisy + z/sigma|^2/2 - c/2 estimates the
same as denoising score matching, with its explosion at small sigma taken off: expand the square, and
z.s/sigma and |z|^2/(2 sigma^2) are all that grows.  Note the half.  c stands inside the mean of squares, so
half of it leaves the loss.

It helps where sigma is small beside the data, and hurts elsewhere, since s at the clean point no longer
resembles s at the noisy one.  With a standard normal as data and model, in one dimension, it multiplies the
variance of the loss by

    (5 - 2 sigma^2 + sigma^4) / (1/sigma^2 - 1 + sigma^2)^2

That is 5e-4 at sigma = 0.1, 0.43 at 0.5, 4 at 1 and 1.23 at 2.  It helps only below
sigma = (1 + sqrt 3)^(-1/2) = 0.605.

Source: Song and Kingma (2021), equations 13 and 14, after Wang et al. (2020), "A Wasserstein minimum
velocity approach to learning unnormalized models"; the variances are derived here.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_positive
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import homogeneous
from ebm_ref.numerics import dot


def denoising_control(clean_score, noise, sigma):
    """The control variate of one noisy point; half of it is subtracted from the denoising loss.

    Parameters
    ----------
    clean_score : (d,) float, d >= 1
        s, the model's score at x, before the noise.
    noise : (d,) float
        z, standard normal, the same as in the loss.
    sigma : float
        Size of the noise, > 0.

    Returns
    -------
    float
        c, of either sign and of mean zero over z.

    Raises ValueError if the score has no entry or sigma is not positive and finite.

    >>> float(denoising_control(np.array([-3.0, 2.0]), np.array([1.0, -1.0]), 0.5))  # 4 z.s, and |z|^2 = d
    -20.0
    """
    s, z, sigma = FORMULA.checked(clean_score, noise, sigma)
    return (2.0 * dot(z, s) + excess(z) / sigma) / sigma


def excess(z):
    """|z|^2 - d."""
    return np.sum(z * z - 1.0)


def control_clean_score_gradient(clean_score, noise, sigma):
    """dc/ds = 2 z/sigma, shape (d,)."""
    s, z, sigma = FORMULA.checked(clean_score, noise, sigma)
    return 2.0 * z / sigma + 0.0 * s


def control_noise_gradient(clean_score, noise, sigma):
    """dc/dz = 2 s/sigma + 2 z/sigma^2, shape (d,)."""
    s, z, sigma = FORMULA.checked(clean_score, noise, sigma)
    return 2.0 * (s + z / sigma) / sigma


def control_sigma_gradient(clean_score, noise, sigma):
    """dc/dsigma = -2 z.s/sigma^2 - 2 (|z|^2 - d)/sigma^3."""
    s, z, sigma = FORMULA.checked(clean_score, noise, sigma)
    return 0.0 - 2.0 * (dot(z, s) + excess(z) / sigma) / sigma / sigma


def rules(clean_score, noise, sigma):
    """There is a coordinate, and there is noise."""
    require(len(clean_score) > 0, "clean_score", clean_score, "must have at least one entry")
    require_positive("sigma", sigma)


def random_clean_point(rng):
    """A score, a noise and its size."""
    return {
        "clean_score": rng.normal(scale=2.0, size=3),
        "noise": rng.normal(size=3),
        "sigma": np.exp(rng.normal(scale=0.7)),
    }


FORMULA = Formula(
    value=denoising_control,
    signature="(d),(d),()->()",
    source="song2021, equations 13 and 14; wang2020",
    gradients={
        "clean_score": control_clean_score_gradient,
        "noise": control_noise_gradient,
        "sigma": control_sigma_gradient,
    },
    sample=random_clean_point,
    laws=(homogeneous(-2, clean_score=-1, sigma=1),),
    cases={  # (clean_score, noise, sigma), c, (dc/ds, dc/dz, dc/dsigma), the mistake that it exposes
        "the score points back, as far as noise goes": Case(
            ([-3.0, 2.0], [1.0, -1.0], 0.5), -20.0, ([4.0, -4.0], [-4.0, 0.0], 40.0), "cross term turned"
        ),
        "much noise": Case(
            ([1.0, 1.0], [2.0, 0.0], 2.0), 2.5, ([2.0, 0.0], [2.0, 1.0], -1.5), "dimension forgotten"
        ),
        "short noise in three dimensions": Case(
            ([0.0, 4.0, 0.0], [0.0, 0.5, 1.0], 0.5), 1.0, ([0.0, 2.0, 4.0], [0.0, 20.0, 8.0], 12.0), "halved"
        ),
        "not a number": Case(([np.nan, 0.0], [0.0, 0.0], 1.0), np.nan),
    },
    variants={
        "cross term turned": Mistake(
            lambda s, z, sigma: -2.0 * np.sum(z * s) / sigma + (np.sum(z**2) - len(z)) / sigma**2,
            symptom="of mean zero all the same, so the fit is right; the variance grows instead of falling",
        ),
        "dimension forgotten": Mistake(
            lambda s, z, sigma: 2.0 * np.sum(z * s) / sigma + np.sum(z**2) / sigma**2,
            symptom="no mean of zero: the reported loss is too small by d/(2 sigma^2)",
        ),
        "halved": Mistake(
            lambda s, z, sigma: np.sum(z * s) / sigma + (np.sum(z**2) - len(z)) / (2.0 * sigma**2),
            symptom="halved again by the loss: at small sigma a quarter of the variance stays",
        ),
        "cross term alone": Mistake(
            lambda s, z, sigma: 2.0 * np.sum(z * s) / sigma,
            symptom="of mean zero, too; but |z|^2/sigma^2, the largest part of the variance, stays",
        ),
        "dimension taken for 1": Mistake(
            lambda s, z, sigma: 2.0 * np.sum(z * s) / sigma + (np.sum(z**2) - 1.0) / sigma**2
        ),
    },
    rules=rules,
    refuses={
        "no noise": (([1.0, 2.0], [0.0, 1.0], 0.0), "sigma"),
        "noise of negative size": (([1.0, 2.0], [0.0, 1.0], -0.5), "sigma"),
        "a size that is no number": (([1.0, 2.0], [0.0, 1.0], np.nan), "sigma"),
        "a score without entries": (([], [], 0.5), "clean_score"),
        "noise of another length": (([1.0, 2.0], [0.0], 0.5), "noise"),
    },
)
