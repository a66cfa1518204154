r"""Recovery energy: the energy of a clean point, given its noisy copy.

    R = E + |x - y|^2/(2 sigma^2)

    dR/dE     = 1
    dR/dx     = (x - y)/sigma^2        at fixed E
    dR/dy     = -(x - y)/sigma^2
    dR/dsigma = -|x - y|^2/sigma^3

E is the energy of the point x, y = x + sigma z its noisy copy.  By Bayes' rule p(x|y) ~ exp(-R): the
parabola holds x near y.  With a small sigma p(x|y) has one mode and a chain mixes in a few steps; p(x) may
have many, between which it never moves.  Recovery likelihood is maximum likelihood of p(x|y); its gradient
is that of contrastive divergence with R for the energy, data x and chains that start at y.  A ladder of
sigmas learns diffusion recovery models (asked for in github.com/soran-ghaderi/torchebm/issues/224).

For a Gaussian E = x' A x/2, p(x|y) is normal of precision A + I/sigma^2 around (A + I/sigma^2)^{-1}
y/sigma^2.

Conventions: the authors' code computes the log-density -R, with a network f for -E.

Source: Gao et al. (2021), "Learning energy-based models by diffusion recovery likelihood", Section 3.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_positive
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import moved_together, symmetric
from ebm_ref.numerics import half_square


def recovery_energy(energy, point, noisy, sigma):
    """Energy of a clean point given its noisy copy.

    Parameters
    ----------
    energy : float
        E of the point.
    point : (d,) float, d >= 1
        x.
    noisy : (d,) float
        y, the noisy copy.
    sigma : float
        Size of the noise, > 0, in units of x.

    Returns
    -------
    float
        E + |x - y|^2/(2 sigma^2) >= E.

    Raises ValueError if the point has no coordinate or sigma is not positive and finite.

    >>> float(recovery_energy(1.0, np.array([1.0, 2.0]), np.array([0.0, 4.0]), 0.5))
    11.0
    """
    E, x, y, sigma = FORMULA.checked(energy, point, noisy, sigma)
    return E + np.sum(half_square((x - y) / sigma))


def recovery_energy_gradient(energy, point, noisy, sigma):
    """dR/dE = 1."""
    E, x, y, sigma = FORMULA.checked(energy, point, noisy, sigma)
    return 1.0 + 0.0 * (E + np.sum(x - y))  # the 0 hands on a NaN


def recovery_point_gradient(energy, point, noisy, sigma):
    """dR/dx = (x - y)/sigma^2, shape (d,), at fixed E."""
    _, x, y, sigma = FORMULA.checked(energy, point, noisy, sigma)
    return (x - y) / sigma / sigma


def recovery_noisy_gradient(energy, point, noisy, sigma):
    """dR/dy = (y - x)/sigma^2, shape (d,)."""
    _, x, y, sigma = FORMULA.checked(energy, point, noisy, sigma)
    return (y - x) / sigma / sigma


def recovery_sigma_gradient(energy, point, noisy, sigma):
    """dR/dsigma = -|x - y|^2/sigma^3."""
    _, x, y, sigma = FORMULA.checked(energy, point, noisy, sigma)
    return 0.0 - np.sum(((x - y) / sigma) ** 2) / sigma


def rules(energy, point, noisy, sigma):
    """There is a coordinate, and there is noise."""
    require(len(point) > 0, "point", point, "must have at least one entry")
    require_positive("sigma", sigma)


def random_copy(rng):
    """An energy, a point, and a copy of it."""
    x, sigma = rng.normal(scale=2.0, size=3), np.exp(rng.normal(scale=0.7))
    return {"energy": rng.normal(), "point": x, "noisy": x + sigma * rng.normal(size=3), "sigma": sigma}


FORMULA = Formula(
    value=recovery_energy,
    signature="(),(d),(d),()->()",
    source="gao2021, Section 3",
    gradients={
        "energy": recovery_energy_gradient,
        "point": recovery_point_gradient,
        "noisy": recovery_noisy_gradient,
        "sigma": recovery_sigma_gradient,
    },
    sample=random_copy,
    laws=(moved_together("point", "noisy"), symmetric("point", "noisy")),
    cases={  # (energy, point, noisy, sigma), R, (dR/dE, dR/dx, dR/dy, dR/dsigma), the mistake that it exposes
        "narrow noise": Case(
            (1.0, [1.0, 2.0], [0.0, 4.0], 0.5),
            11.0,
            (1.0, [4.0, -8.0], [-4.0, 8.0], -40.0),
            "one half forgotten",
        ),
        "wide noise": Case(
            (-2.0, [0.0, 0.0], [3.0, -6.0], 3.0),
            0.5,
            (1.0, [-1 / 3, 2 / 3], [1 / 3, -2 / 3], -5 / 3),
            "sigma not squared",
        ),
        "no noise was drawn": Case(
            (4.0, [1.0, 5.0], [1.0, 5.0], 2.0), 4.0, (1.0, np.zeros(2), np.zeros(2), 0.0)
        ),
        "three coordinates": Case(
            (3.0, [2.0, 0.0, 1.0], [0.0, 2.0, 1.0], 2.0), 4.0, exposes="parabola subtracted"
        ),
        "a log-density in place of an energy": Case((2.0, [4.0], [0.0], 2.0), 4.0, exposes="negated"),
        "not a number": Case((0.0, [np.nan, 1.0], [0.0, 0.0], 1.0), np.nan),
    },
    variants={
        "one half forgotten": Mistake(
            lambda E, x, y, sigma: E + np.sum((x - y) ** 2) / sigma**2,
            symptom="x is held too near to y: as if sigma were sqrt 2 times smaller",
        ),
        "sigma not squared": Mistake(
            lambda E, x, y, sigma: E + np.sum((x - y) ** 2) / (2.0 * sigma),
            symptom="right for sigma = 1; small noise is taken for larger than it is",
        ),
        "parabola subtracted": Mistake(
            lambda E, x, y, sigma: E - np.sum((x - y) ** 2) / (2.0 * sigma**2),
            symptom="chains run away from y: an energy where the authors' network gives a log-density",
        ),
        "negated": Convention(
            lambda E, x, y, sigma: -E - np.sum((x - y) ** 2) / (2.0 * sigma**2),
            {
                "energy": lambda E, x, y, sigma: -1.0,
                "point": lambda E, x, y, sigma: (y - x) / sigma**2,
                "noisy": lambda E, x, y, sigma: (x - y) / sigma**2,
                "sigma": lambda E, x, y, sigma: np.sum((x - y) ** 2) / sigma**3,
            },
            seen_in="github.com/ruiqigao/recovery_likelihood, model.py, log_prob",
            symptom="a log-density, to be climbed",
        ),
        "constant of the density added": Mistake(
            lambda E, x, y, sigma: (
                E + np.sum((x - y) ** 2) / (2.0 * sigma**2) + len(x) * np.log(np.sqrt(2.0 * np.pi) * sigma)
            ),
            {"sigma": lambda E, x, y, sigma: len(x) / sigma - np.sum((x - y) ** 2) / sigma**3},
            symptom="harmless to chains and to learning; not where sigma is fitted",
        ),
    },
    rules=rules,
    refuses={
        "no noise": ((1.0, [1.0], [2.0], 0.0), "sigma"),
        "noise of negative size": ((1.0, [1.0], [2.0], -2.0), "sigma"),
        "a size that is no number": ((1.0, [1.0], [2.0], np.nan), "sigma"),
        "a point without coordinates": ((1.0, [], [], 1.0), "point"),
        "a copy of another length": ((1.0, [1.0, 2.0], [1.0], 1.0), "noisy"),
    },
)
