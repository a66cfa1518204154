r"""Student t negative log-likelihood: a regression that forgives outliers it cannot foresee.

    L(mu, s, nu, t) = log s + log(nu pi)/2 + log(Gamma(nu/2) / Gamma((nu+1)/2))
                      + (nu+1)/2 log(1 + x^2/nu),         x = (t - mu)/s
    dL/dmu          = -(nu+1) x / (s (nu + x^2))
    dL/ds           = (nu - nu x^2) / (s (nu + x^2))
    dL/dnu          = (h'(nu/2) + log(1 + v) - (1 + 1/nu) v/(1 + v)) / 2
    dL/dt           = (nu+1) x / (s (nu + x^2))
    v               = x^2/nu,   h as below

mu is the location, s > 0 the scale and nu > 0 the degrees of freedom, which say how heavy the tails are:
nu = 1 is Cauchy's distribution, and for nu -> infinity it is gaussian_nll with the variance s^2.  The pull
of a target grows up to |x| = sqrt(nu), and falls from there on: an outlier is believed less the farther
it lies.  The price is convexity, as several targets may have several best locations.

The scale is not the standard deviation, which is s sqrt(nu/(nu-2)), and infinite for nu <= 2.

The two log Gamma are near (nu/2) log nu, and their difference is not.  Of the loss three digits are left
at nu = 1e12, and none at 1e15.  So the page takes

    L = log(2 pi)/2 + log s + h(nu/2) + (nu+1)/2 log(1 + x^2/nu)
    h(y) = log(sqrt(y) Gamma(y) / Gamma(y + 1/2)) > 0

where h (gamma.half_step) is a sum of positive terms, and about 1/(8y).

Source: Student (1908), "The Probable Error of a Mean"; Lange, Little and Taylor (1989), "Robust
Statistical Modeling Using the t Distribution", Section 2, for location and scale.
"""

from math import lgamma

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.gaussian_nll import HALF_LOG_TWO_PI
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.gamma import half_step, half_step_slope
from ebm_ref.laws import UNIT, in_units_of_a_density, is_a_density, moved_together, symmetric
from ebm_ref.numerics import exp_excess


def student_t_nll_as_printed(location, scale, degrees, target):
    """With both log Gamma: at 1e15 degrees they are near 1e16, and their difference is noise.

    >>> inputs = 0.0, 1.0, 1e15, 0.0  # all but a Gaussian: log(2 pi)/2
    >>> float(student_t_nll(*inputs)), bool(abs(student_t_nll_as_printed(*inputs) - 0.9189) > 0.1)
    (0.918938533204673, True)
    """
    mu, s, nu, t = FORMULA.checked(location, scale, degrees, target)
    x = (t - mu) / s
    constant = np.log(s) + 0.5 * np.log(nu * np.pi) + lgamma(nu / 2.0) - lgamma((nu + 1.0) / 2.0)
    return constant + (nu + 1.0) / 2.0 * np.log(1.0 + x**2 / nu)


def student_t_nll(location, scale, degrees, target):
    """Negative log-likelihood of one target under a Student t distribution, constant included.

    Parameters
    ----------
    location : float
        mu, the predicted median.  A NaN in any argument gives a NaN loss.
    scale : float
        s > 0, in units of the location; the standard deviation only for infinitely many degrees.
    degrees : float
        nu > 0, finite, need not be whole: degrees of freedom; few are heavy tails.
    target : float
        t, in units of the location.

    Returns
    -------
    float
        In nats, of either sign; it belongs to a density, so it depends on the unit of t.

    Raises ValueError if an argument is not one real number, if scale or degrees are not positive, or if
    the degrees are infinite.

    >>> float(student_t_nll(0.0, 1.0, 1.0, 1.0).round(9))  # Cauchy: log(2 pi)
    1.837877066
    """
    mu, s, nu, t = FORMULA.checked(location, scale, degrees, target)
    step = (
        half_step(0.5 * nu) if nu > 1e-308 else -0.5 * (np.log(0.5 * np.pi) + np.log(nu))
    )  # nu / 2 may be 0
    return HALF_LOG_TWO_PI + np.log(s) + step + 0.5 * (nu + 1.0) * log_one_plus_square(t - mu, s, nu)


def student_t_nll_location_gradient(location, scale, degrees, target):
    """dL/dmu: -(nu+1) x / (s (nu + x^2)), at most (nu+1)/(2 s sqrt(nu)) in size."""
    return -student_t_nll_target_gradient(location, scale, degrees, target) + 0.0


def student_t_nll_scale_gradient(location, scale, degrees, target):
    """dL/ds: (nu - nu x^2) / (s (nu + x^2)), from 1/s at x = 0 to -nu/s far off."""
    mu, s, nu, t = FORMULA.checked(location, scale, degrees, target)
    q = (t - mu) / s / np.sqrt(nu)
    return (share_of_square(1.0 / q) - nu * share_of_square(q)) / s if q != 0.0 else 1.0 / s


def student_t_nll_degrees_gradient(location, scale, degrees, target):
    """dL/dnu: for many degrees -(1 + 2x^2 - x^4) / (4 nu^2)."""
    mu, s, nu, t = FORMULA.checked(location, scale, degrees, target)
    q = (t - mu) / s / np.sqrt(nu)
    tail = exp_excess(-log_one_plus_square(t - mu, s, nu)) - share_of_square(q) / nu
    return 0.5 * (half_step_slope(0.5 * nu) + tail)


def student_t_nll_target_gradient(location, scale, degrees, target):
    """dL/dt: (nu+1) x / (s (nu + x^2)), minus the score of the density."""
    mu, s, nu, t = FORMULA.checked(location, scale, degrees, target)
    d, q = t - mu, (t - mu) / s / np.sqrt(nu)
    far = np.abs(q) > 1.0
    beside = q / (1.0 + np.where(far, 0.0, q) ** 2) / np.sqrt(nu) / s
    return (nu + 1.0) * np.where(far, share_of_square(q) / np.where(far, d, 1.0), beside)


def log_one_plus_square(d, s, nu):
    """log(1 + q^2) of q = d / (s sqrt(nu)), also where q or its square overflows."""
    q = d / s / np.sqrt(nu)
    far = np.abs(q) > 1e100
    log_square = 2.0 * (np.log(np.where(far, np.abs(d), 1.0)) - np.log(s)) - np.log(nu)
    return np.where(far, log_square, np.log1p(np.where(far, 0.0, q) ** 2))


def share_of_square(q):
    """q^2 / (1 + q^2), also where q^2 overflows."""
    far = np.abs(q) > 1.0
    near = np.where(far, 0.0, q) ** 2
    return np.where(far, 1.0 / (1.0 + (1.0 / np.where(far, q, 1.0)) ** 2), near / (1.0 + near))


def rules(location, scale, degrees, target):
    """A scale, and degrees of freedom, are positive, or not a number."""
    require(not scale <= 0.0, "scale", scale, "must be positive")
    require(not (degrees <= 0.0 or degrees == np.inf), "degrees", degrees, "must be positive and finite")


def pulls_hardest_at_the_root(formula, inputs, rng):
    """Of all targets those at x = sqrt(nu) and -sqrt(nu) pull hardest, with (nu+1) / (2 s sqrt(nu))."""
    s, nu = inputs["scale"], inputs["degrees"]
    pull = lambda x: abs(formula.gradients["location"](**inputs | {"target": inputs["location"] + s * x}))
    most = (nu + 1.0) / (2.0 * s * np.sqrt(nu))
    nearer, farther = pull(np.sqrt(nu) * rng.uniform(0.1, 0.9)), pull(np.sqrt(nu) * rng.uniform(1.1, 9.0))
    is_less = max(nearer, farther) < most
    return abs(pull(np.sqrt(nu)) - most) / (64 * UNIT * most) if is_less else np.inf


GRADIENTS = {
    "location": student_t_nll_location_gradient,
    "scale": student_t_nll_scale_gradient,
    "degrees": student_t_nll_degrees_gradient,
    "target": student_t_nll_target_gradient,
}


def _standardised(mu, s, nu, t):
    """The t distribution of which s is the standard deviation."""
    return student_t_nll(mu, s * np.sqrt((nu - 2.0) / nu), nu, t) if nu > 2.0 else np.nan


HALF_LOG_PI = 0.5723649429247001
TAIL = 10.0 ** np.arange(0.5, 8.0, 0.5)  # of two degrees 1e-15 lies beyond

FORMULA = Formula(
    value=student_t_nll,
    signature="(),(),(),()->()",
    source="student1908; lange1989, Section 2",
    gradients=GRADIENTS,
    sample=lambda rng: {
        "location": rng.normal(scale=2.0),
        "scale": rng.uniform(0.3, 3.0),
        "degrees": rng.uniform(2.0, 12.0),
        "target": rng.normal(scale=3.0),
    },
    laws=(
        symmetric("location", "target"),
        moved_together("location", "target"),
        in_units_of_a_density(location=1, scale=1, target=1),
        pulls_hardest_at_the_root,
        is_a_density(
            lambda location, scale, degrees, target: (
                location + scale * np.concatenate([-(TAIL[::-1]), [-1.0, 0.0, 1.0], TAIL])
            )
        ),
    ),
    cases={  # (location, scale, degrees, target), L, (dL/dmu, dL/ds, dL/dnu, dL/dt), what it exposes
        "Cauchy, at the peak: log pi": Case(
            (0.0, 1.0, 1.0, 0.0), 2.0 * HALF_LOG_PI, (0.0, 1.0, 0.5 - np.log(2.0), 0.0), "constant left out"
        ),
        "Cauchy, one scale off: log 2 pi, and the pull is greatest": Case(
            (0.0, 1.0, 1.0, 1.0),
            2.0 * HALF_LOG_PI + np.log(2.0),
            (-1.0, 0.0, -0.5 * np.log(2.0), 1.0),
            "exponent nu/2",
        ),
        "Cauchy, scale two, below by six": Case(
            (1.0, 2.0, 1.0, -5.0),
            2.0 * HALF_LOG_PI + np.log(20.0),
            {"location": 0.3, "scale": -0.4, "target": -0.3},
            "scale taken for the variance",
        ),
        "three degrees: log(pi sqrt(3)/2), the standard deviation is sqrt(3)": Case(
            (0.0, 1.0, 3.0, 0.0),
            1.0008888496235099,
            (0.0, 1.0, -0.026480513893278646, 0.0),
            "scale taken for the standard deviation",
        ),
        "three degrees, at x = 3: sixteen times as unlikely": Case(
            (0.0, 1.0, 3.0, 3.0), 3.773477571863291, (-1.0, -2.0, 1.0 / 6.0, 1.0), "square forgotten"
        ),
        "1e12 degrees: a Gaussian": Case(
            (0.0, 1.0, 1e12, 0.0), 0.9189385332049228, (0.0, 1.0, -2.5e-25, 0.0), "two log Gamma subtracted"
        ),
        "1e12 degrees, off by 1e-8": Case(
            (0.0, 1.0, 1e12, 1e-8),
            0.9189385332049228,
            (-1.000000000001e-8, 0.9999999999999999, -2.5000000000000005e-25, 1.000000000001e-8),
            "Gamma(nu/2 + 1)",
        ),
        "an outlier at 1e200 hardly pulls": Case(
            (0.0, 1.0, 1.0, 1e200), 922.1787670834677, (-2e-200, -1.0, 459.3238714182492, 2e-200)
        ),
        "an infinite target does not pull": Case((0.0, 2.0, 3.0, np.inf), np.inf, (0.0, -1.5, np.inf, 0.0)),
        "infinite noise explains everything, at infinite cost": Case(
            (0.0, np.inf, 3.0, 1.0), np.inf, {"location": 0.0, "scale": 0.0, "target": 0.0}
        ),
        "location not a number": Case((np.nan, 1.0, 3.0, 0.0), np.nan, (np.nan,) * 4),
        "scale not a number": Case((0.0, np.nan, 3.0, 0.0), np.nan, (np.nan,) * 4),
        "degrees not a number": Case((0.0, 1.0, np.nan, 1.0), np.nan, (np.nan,) * 4),
        "target not a number": Case((0.0, 1.0, 3.0, np.nan), np.nan, (np.nan,) * 4),
    },
    variants={
        "constant left out": Convention(
            lambda mu, s, nu, t: np.log(s) + 0.5 * (nu + 1.0) * np.log1p(((t - mu) / s) ** 2 / nu),
            {a: GRADIENTS[a] for a in ("location", "scale", "target")},
            seen_in="texts where the degrees are fixed, which need no log Gamma",
            symptom="the best degrees of freedom are then infinitely few",
        ),
        "scale taken for the standard deviation": Convention(
            _standardised,
            seen_in="arch, documentation of StudentsT, the standardised distribution, for nu > 2 alone; "
            "github.com/bashtage/arch/issues/289",
            symptom="at nu = 3 the same number is a noise 1.7 times smaller",
        ),
        "scale taken for the variance": Mistake(
            lambda mu, s, nu, t: student_t_nll(mu, np.sqrt(s), nu, t),
            symptom="right at s = 1 only; predicted noise is the root of what it should be",
        ),
        "exponent nu/2": Mistake(
            lambda mu, s, nu, t: student_t_nll(mu, s, nu, t) - 0.5 * np.log1p(((t - mu) / s) ** 2 / nu),
            symptom="no density: for nu <= 1 its integral is infinite",
        ),
        "square forgotten": Mistake(
            lambda mu, s, nu, t: (
                student_t_nll(mu, s, nu, mu) + 0.5 * (nu + 1.0) * np.log1p(np.abs(t - mu) / s / nu)
            ),
            symptom="a corner at the location, tails of half the degrees",
        ),
        "Gamma(nu/2 + 1)": Mistake(
            lambda mu, s, nu, t: (
                student_t_nll(mu, s, nu, t) + lgamma((nu + 1.0) / 2.0) - lgamma(nu / 2.0 + 1.0)
            ),
            symptom="a slip of brackets for Gamma((nu+1)/2): a constant, unless nu is learned",
        ),
        "two log Gamma subtracted": Mistake(
            lambda mu, s, nu, t: (
                (np.log(s) + 0.5 * np.log(nu * np.pi) + lgamma(nu / 2.0) - lgamma((nu + 1.0) / 2.0))
                + (nu + 1.0) / 2.0 * np.log(1.0 + ((t - mu) / s) ** 2 / nu)
            ),
            seen_in="SciPy before 1.11, stats.t.logpdf, github.com/scipy/scipy/issues/18386; "
            "StatsFuns.jl, github.com/JuliaStats/StatsFuns.jl/issues/165",
            symptom="noise of 1e-3 at 1e12 degrees, no digit at 1e16",
        ),
    },
    as_printed=student_t_nll_as_printed,
    rules=rules,
    refuses={  # (location, scale, degrees, target), the argument to blame
        "no scale": ((0.0, 0.0, 3.0, 1.0), "scale"),
        "a negative scale": ((0.0, -1.0, 3.0, 1.0), "scale"),
        "no degrees of freedom": ((0.0, 1.0, 0.0, 1.0), "degrees"),
        "a negative number of degrees": ((0.0, 1.0, -1.0, 1.0), "degrees"),
        "infinitely many degrees": ((0.0, 1.0, np.inf, 1.0), "degrees"),
    },
)
