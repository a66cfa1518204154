r"""Positive numbers on the whole line: sample their logarithms, and pay the Jacobian.

    x        = e^z
    log J    = log |det dx/dz| = sum_i z_i
    dlogJ/dz = (1, ..., 1)

    p(z)     = p(x(z)) J             E(z)  = E(x(z)) - log J
                                     dE/dz = x dE/dx - 1

A sampler of the whole line knows nothing of a border at 0.  It may step over it, where the density is 0 and
the move is lost, and near it all its steps are too long.  In z there is no border.  But a density is so much
for each length, and e^z stretches lengths: the density of z is that of x times J.  Leave J out, and the
chain samples p(x)/x, which puts more on small numbers and may not even have an integral: an exponential law
becomes e^{-x}/x.

A warm-up tries steps that are far too long.  Beyond +-700 e^z is inf or 0, and E(x) may be inf - inf there,
which is no number.  So let E(z) be inf unless 0 < x < inf: then the move is refused (example: pulled_back).

With J the random walk in z is scaling_step of random_walk.py, whose ratio q(x|x')/q(x'|x) = x'/x is J'/J.

Source: Carpenter et al. (2017), "Stan: A Probabilistic Programming Language"; the rule is that of any change
of variables.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require
from ebm_ref.formula import Case, Formula, Mistake


def positive_log_jacobian(position):
    """log J, what the density of z = log x has more than that of x.

    Parameters
    ----------
    position : (d,) float
        z, any real numbers.

    Returns
    -------
    float
        The sum of z; log of the product of x.

    Raises ValueError if z is not a vector.

    >>> float(positive_log_jacobian(np.array([2.0, -0.5])))
    1.5
    """
    (z,) = FORMULA.checked(position)
    return np.sum(z)


def positive_log_jacobian_gradient(position):
    """dlogJ/dz, shape (d,): 1, NaN where z is."""
    (z,) = FORMULA.checked(position)
    return np.where(np.isnan(z), np.nan, 1.0)


def positive(position):
    """x = e^z, elementwise, of z (d,): 0 below -745, inf above 709.

    >>> positive([0.0]).tolist()
    [1.0]
    """
    with np.errstate(over="ignore"):
        return np.exp(real("position", position, "d"))


def positive_position(x):
    """z = log x, of x > 0.

    >>> positive_position([1.0]).tolist()
    [0.0]
    """
    x = real("x", x, "d")
    require(bool(np.all((x > 0.0) & (x < np.inf))), "x", x, "must be positive and finite")
    return np.log(x)


def pulled_back(position, gradient):
    """dE/dz = x dE/dx - 1, of dE/dx at x = e^z.

    >>> pulled_back([0.0], [3.0]).tolist()
    [2.0]

    For posterior.sample, which then draws z, of the Gamma law x e^-x:

    >>> E, slope = lambda x: x[0] - np.log(x[0]), lambda x: 1.0 - 1.0 / x
    >>> in_range = lambda x: bool(np.all((x > 0.0) & (x < np.inf)))
    >>> E_z = lambda z: E(positive(z)) - positive_log_jacobian(z) if in_range(positive(z)) else np.inf
    >>> slope_z = lambda z: pulled_back(z, slope(positive(z)))
    >>> float(E_z(np.zeros(1))), E_z(np.full(1, 800.0)), slope_z(np.zeros(1)).tolist()
    (1.0, inf, [-1.0])
    """
    x = positive(position)
    return x * real("gradient", gradient, len(x)) - 1.0


FORMULA = Formula(
    value=positive_log_jacobian,
    signature="(d)->()",
    source="carpenter2017, change of variables",
    gradients={"position": positive_log_jacobian_gradient},
    sample=lambda rng: {"position": rng.normal(scale=2.0, size=3)},
    cases={  # (z), log J, dlogJ/dz, the mistake that it exposes
        "at x = 1 nothing is stretched": Case(([0.0],), 0.0, [1.0]),
        "lengths are doubled where x is 2, whatever its sign may be": Case(
            ([2.0],), 2.0, [1.0], "the Jacobian of the way back"
        ),
        "small numbers lie dense": Case(([-3.0, 1.0],), -2.0, [1.0, 1.0], "the Jacobian left out"),
        "a logarithm of each": Case(([1.0, 2.0, 4.0],), 7.0, exposes="the mean for the sum"),
        "x need not be a float64": Case(([1000.0],), 1000.0),
        "not a number": Case(([np.nan, 1.0],), np.nan),
    },
    variants={
        "the Jacobian left out": Mistake(
            lambda z: 0.0,
            seen_in="github.com/blackjax-devs/blackjax/issues/750, the first example of its documentation",
            symptom="samples p(x)/x: too much near 0; an exponential law has no integral left",
        ),
        "the Jacobian of the way back": Mistake(
            lambda z: -np.sum(z), symptom="samples p(x)/x^2: twice the correction in the wrong direction"
        ),
        "the mean for the sum": Mistake(
            lambda z: np.mean(z), symptom="right for one number, too weak for several"
        ),
        "of a softplus": Mistake(
            lambda z: -np.sum(np.logaddexp(0.0, -z)),
            symptom="another way to the positive numbers: x = log(1 + e^z)",
        ),
    },
)
