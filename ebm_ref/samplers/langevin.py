r"""Langevin: roll downhill and shake.

    x'       = x - (e^2/2) g + e z,    z ~ N(0, I)
    d(x')/dx = I                       at fixed g
    d(x')/dg = -(e^2/2) I
    d(x')/dz = e I
    d(x')/de = z - e g

Here g is the gradient of beta E at x, the only place where temperature enters, and e the step size.  With
these two factors, e^2/2 and e, the distribution of x tends to exp(-beta E)/Z as e -> 0.  Others write it
differently: with h = e^2 the noise is sqrt(h) z; with s = e^2/2 it is sqrt(2 s) z.

There is no test of acceptance (see mala.py), so e > 0 has a bias.  Write the step as x' = x - a g + c z: a
multiplies the gradient, c the noise.  On a normal distribution of precision k, E = k x^2/2 and beta = 1,
the update x' = (1 - a k) x + c z has the stationary variance

    c^2 / (1 - (1 - a k)^2) = c^2 / (a k (2 - a k)),    0 < a k < 2

    a = e^2/2, c = e      (1/k) / (1 - e^2 k/4): too wide up to e^2 k = 4
    a = e^2/2, c = e^2    noise by h, not sqrt(h): at h = .1, .1026 for 1.0256
    a = 1, c = .01        1e-4 for k = 1: image models' "step 1, noise .01"

The last line does not sample the model's exp(-E).  Where steps are small, the pair (a, c) samples exp(-E/T)
with T = c^2/(2a), which is 5e-5 here.  So the network learns E = -T log p, smaller than -log p by a factor of
20000.  That is legitimate if T is said.  And a step of a = 1 has a bias of its own: it doubles
the variance.

Source: Parisi (1981); Roberts and Tweedie (1996), "Exponential Convergence of Langevin Distributions
and Their Discrete Approximations"; Song and Kingma (2021), equation 6.
"""

import autograd.numpy as np

from ebm_ref.checks import as_real, require, require_count, require_positive
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.numerics import half_square, product


def langevin(position, gradient, noise, step_size):
    """One unadjusted Langevin step.

    Parameters
    ----------
    position : (d,) float
        x.
    gradient : (d,) float
        g, the gradient of beta E at x: minus the score.
    noise : (d,) float
        z, standard normal numbers.
    step_size : float
        e >= 0, the standard deviation of the noise that is added.

    Returns
    -------
    (d,) float
        x'.

    Raises ValueError if the step size is negative.

    >>> langevin(np.array([1.0]), np.array([1.0]), np.array([0.5]), step_size=1.0)  # 1 - 1/2 + 1/2
    array([1.])
    """
    x, g, z, e = FORMULA.checked(position, gradient, noise, step_size)
    return x - product(0.5, e, e, g) + e * z


def langevin_position_gradient(position, gradient, noise, step_size):
    """dx'/dx at fixed g, shape (d, d): the identity."""
    x, g, z, e = FORMULA.checked(position, gradient, noise, step_size)
    return np.eye(len(x)) + undefined(x, g, z, e)


def langevin_gradient_gradient(position, gradient, noise, step_size):
    """dx'/dg, shape (d, d): -(e^2/2) I."""
    x, g, z, e = FORMULA.checked(position, gradient, noise, step_size)
    return -(np.diag(np.full(len(x), half_square(e))) + undefined(x, g, z, e))


def langevin_noise_gradient(position, gradient, noise, step_size):
    """dx'/dz, shape (d, d): e I."""
    x, g, z, e = FORMULA.checked(position, gradient, noise, step_size)
    return e * np.eye(len(x)) + undefined(x, g, z, e)


def langevin_step_size_gradient(position, gradient, noise, step_size):
    """dx'/de, shape (d,): z - e g."""
    x, g, z, e = FORMULA.checked(position, gradient, noise, step_size)
    return z - e * g + 0.0 * x


def undefined(x, g, z, e):
    """(d, 1) NaN in the rows that no finite numbers lead to, else 0."""
    return (0.0 * x + 0.0 * g + 0.0 * z + 0.0 * e)[:, None]


def rules(position, gradient, noise, step_size):
    """A step that does not go backwards."""
    require(not step_size < 0.0, "step_size", step_size, "must be >= 0")


def stationary_variance(precision, drift, noise_scale):
    """Variance that x' = x - drift k x + noise_scale z settles at, on E = k x^2/2; elementwise.

    >>> float(stationary_variance(1.0, drift=0.5, noise_scale=1.0))  # e = 1: 1/(1 - 1/4)
    1.3333333333333333
    >>> float(stationary_variance(1.0, drift=1.0, noise_scale=0.01))
    0.0001
    """
    k, a, c = as_real("precision", precision), as_real("drift", drift), as_real("noise_scale", noise_scale)
    settles = bool(np.all((a * k > 0.0) & (a * k < 2.0)))
    require(settles, "drift", drift, f"must satisfy 0 < drift k < 2, or nothing settles; k = {precision}")
    return c**2 / (a * k * (2.0 - a * k))


def sampled_temperature(drift, noise_scale):
    """T = c^2/(2a): what x' = x - a grad E + c z samples is exp(-E/T), up to the bias of the step.

    >>> float(sampled_temperature(0.5, 1.0)), float(sampled_temperature(1.0, 0.01).round(12))
    (1.0, 5e-05)
    """
    a, c = as_real("drift", drift), as_real("noise_scale", noise_scale)
    require_positive("drift", a)
    return c**2 / (2.0 * a)


def moments_after(mean, variance, precision, drift, noise_scale, steps):
    """Mean and variance of x after so many steps on E = k x^2/2, exactly: what a short run reaches.

    >>> [float(moment) for moment in moments_after(4.0, 0.0, 1.0, drift=0.5, noise_scale=1.0, steps=2)]
    [1.0, 1.25]
    """
    require_count("steps", steps, least=0)
    mean, variance, c = (
        as_real("mean", mean),
        as_real("variance", variance),
        as_real("noise_scale", noise_scale),
    )
    shrink = 1.0 - as_real("drift", drift) * as_real("precision", precision)
    for _ in range(steps):
        mean, variance = shrink * mean, shrink**2 * variance + c**2
    return mean, variance


def sample(rng):
    """Inputs in general position."""
    x, g, z = rng.normal(size=(3, 2))
    return {"position": x, "gradient": g, "noise": z, "step_size": rng.uniform(0.1, 1.5)}


FORMULA = Formula(
    value=langevin,
    signature="(d),(d),(d),()->(d)",
    source="song2021, equation 6",
    gradients={
        "position": langevin_position_gradient,
        "gradient": langevin_gradient_gradient,
        "noise": langevin_noise_gradient,
        "step_size": langevin_step_size_gradient,
    },
    sample=sample,
    cases={  # (x, g, z, e), x', the mistake that it exposes
        "downhill: the drift alone": Case(
            ([3.0], [4.0], [0.0], 0.5), [2.5], exposes="uphill: gradient for score"
        ),
        "the noise alone": Case(([0.0], [0.0], [2.0], 0.25), [0.5], exposes="noise by h instead of sqrt h"),
        "the half": Case(([0.0], [2.0], [0.0], 2.0), [-4.0], exposes="the half left out: temperature 1/2"),
        "both": Case(([1.0], [-1.0], [-1.0], 0.5), [0.625], exposes="drift by e instead of its square"),
        "no step": Case(([7.0], [1.0], [1.0], 0.0), [7.0]),
        "step 1, noise .01, written out": Case(
            ([1.0], [1.0], [1.0], 0.01), [1.00995], exposes="drift 1 whatever the noise"
        ),
        "not a number": Case(([0.0], [np.nan], [0.0], 0.5), [np.nan]),
        "all three at once": Case(
            ([1.0], [2.0], [3.0], 0.25),
            [1.6875],
            ([[1.0]], [[-0.03125]], [[0.25]], [2.5]),
            "step size s, noise by s",
        ),
        "a quarter of a deviation of noise": Case(
            ([0.0], [0.0], [1.0], 0.25),
            [0.25],
            ([[1.0]], [[-0.03125]], [[0.25]], [1.0]),
            "step size s, the 2 lost: temperature 1/2",
        ),
    },
    variants={
        "noise by h instead of sqrt h": Mistake(
            lambda x, g, z, e: x - 0.5 * e**2 * g + e**2 * z,
            seen_in="github.com/google-research/ibc/issues/6",
            symptom="stationary variance .1026 for 1 at h = .1",
        ),
        "the half left out: temperature 1/2": Mistake(
            lambda x, g, z, e: x - e**2 * g + e * z, symptom="samples exp(-2 E): variance 1/2 for 1"
        ),
        "uphill: gradient for score": Mistake(
            lambda x, g, z, e: x + 0.5 * e**2 * g + e * z, symptom="runs away"
        ),
        "drift by e instead of its square": Mistake(
            lambda x, g, z, e: x - 0.5 * e * g + e * z,
            seen_in="Edward, SGLD, github.com/blei-lab/edward/issues/722, where e is the step size h and "
            "the noise is wrong: its variance is h",
            symptom="variance goes to 0 with the step",
        ),
        "step size h = e^2": Convention(
            lambda x, g, z, h: x - 0.5 * h * g + np.sqrt(h) * z,
            {
                "position": langevin_position_gradient,
                "gradient": lambda x, g, z, h: -0.5 * h * np.eye(len(x)),
                "noise": lambda x, g, z, h: np.sqrt(h) * np.eye(len(x)),
                "step_size": lambda x, g, z, h: -0.5 * g + z / (2.0 * np.sqrt(h)),
            },
            seen_in="Welling and Teh (2011), SGLD",
        ),
        "step size s = e^2/2": Convention(
            lambda x, g, z, s: x - s * g + np.sqrt(2.0 * s) * z,
            {
                "position": langevin_position_gradient,
                "gradient": lambda x, g, z, s: -s * np.eye(len(x)),
                "noise": lambda x, g, z, s: np.sqrt(2.0 * s) * np.eye(len(x)),
                "step_size": lambda x, g, z, s: -g + z / np.sqrt(2.0 * s),
            },
            seen_in="BlackJAX, mcmc/diffusions.py, overdamped_langevin",
        ),
        "drift 1 whatever the noise": Convention(
            lambda x, g, z, e: x - g + e * z,
            {
                "position": langevin_position_gradient,
                "gradient": lambda x, g, z, e: -np.eye(len(x)),
                "noise": langevin_noise_gradient,
                "step_size": lambda x, g, z, e: z,
            },
            seen_in="github.com/point0bar1/ebm-anatomy/issues/1",
            symptom="the learned energy is e^2/2 times -log p",
        ),
        "step size s, noise by s": Mistake(
            lambda x, g, z, s: x - s * g + s * z,
            symptom="a drift of s with noise of s where sqrt(2 s) is due: almost descent, almost no spread",
        ),
        "step size s, the 2 lost: temperature 1/2": Mistake(
            lambda x, g, z, s: x - s * g + np.sqrt(s) * z,
            symptom="the half left out, of a step h = e^2 or s = e^2/2: variance 1/2 for 1",
        ),
        "noise by the root of the step": Mistake(
            lambda x, g, z, e: x - 0.5 * e**2 * g + np.sqrt(e) * z,
            symptom="the step taken for h in one place: temperature 1/e",
        ),
        "root of 2 kept in the noise": Mistake(
            lambda x, g, z, e: x - 0.5 * e**2 * g + np.sqrt(2.0) * e * z,
            symptom="the 2 of sqrt(2 s) beside the half of e^2/2: temperature 2",
        ),
        "step size s, noise of 0.01": Mistake(
            lambda x, g, z, s: x - s * g + 0.01 * z,
            symptom="as image models have it: almost descent, temperature 5e-5/s",
        ),
        "step size s, noise of 0.005": Mistake(
            lambda x, g, z, s: x - s * g + 0.005 * z, symptom="the same, temperature 1.25e-5/s"
        ),
        "gradient clipped at 0.01": Mistake(
            lambda x, g, z, e: x - 0.5 * e**2 * np.clip(g, -0.01, 0.01) + e * z,
            symptom="a force of 0.01 at most: far too wide",
        ),
        "twice the drift, root of 2 in the noise": Mistake(
            lambda x, g, z, e: x - e**2 * g + np.sqrt(2.0) * e * z,
            symptom="right, of a step that is sqrt 2 times as long",
        ),
        "noise divided by the root of 2": Mistake(
            lambda x, g, z, e: x - 0.5 * e**2 * g + e / np.sqrt(2.0) * z, symptom="temperature 1/2"
        ),
        "gradient made of length 1": Mistake(
            lambda x, g, z, e: x - 0.5 * e**2 * g / np.sqrt(np.sum(g**2)) + e * z,
            symptom="a force that does not fade in the valley nor grow outside: too wide",
        ),
        "sign of the gradient": Mistake(
            lambda x, g, z, e: x - 0.5 * e**2 * np.sign(g) + e * z,
            symptom="a force of 1 in each coordinate: samples e^-|x|, whatever the energy",
        ),
    },
    rules=rules,
    refuses={"a step backwards": (([1.0], [1.0], [0.5], -0.5), "step_size")},
)
