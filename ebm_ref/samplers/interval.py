r"""Numbers of an interval on the whole line: the scaled logit and its Jacobian.

    x        = a + (b - a) sigmoid(z)
    log J    = sum_i [log(b - a) + log sigmoid(z_i) + log sigmoid(-z_i)]
    dlogJ/dz = -tanh(z/2)
    dlogJ/da = -d/(b - a)
    dlogJ/db = d/(b - a)

    E(z)     = E(x(z)) - log J
    dE/dz    = (b - a) sigmoid(z) sigmoid(-z) dE/dx + tanh(z/2)

Here a is the low end and b the high end, and x and z have d numbers.  Near an end sigmoid(z) creeps, and J
falls off like e^{-|z|}: a uniform law of x becomes the logistic law of z.  Without J the density of z would
not fall off at all, and the chain would walk to the ends for ever: it samples p(x)/((x - a)(b - x)).

In floating point: log(s (1 - s)), s = sigmoid(z), is -inf from z = 37 on, as s rounds to 1.  The two
logarithms apart are right for all z.

Source: Carpenter et al. (2017), "Stan: A Probabilistic Programming Language".
"""

import autograd.numpy as np

from ebm_ref.checks import real, require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.numerics import log_sigmoid, sigmoid


def interval_log_jacobian_as_printed(position, low=0.0, high=1.0):
    """The logarithm of dx/dz itself.

    >>> with np.errstate(divide="ignore"):
    ...     float(interval_log_jacobian_as_printed(np.array([40.0])))
    -inf
    >>> float(interval_log_jacobian(np.array([40.0])))
    -40.0
    """
    z, a, b = FORMULA.checked(position, low, high)
    s = 1.0 / (1.0 + np.exp(-z))
    return np.sum(np.log((b - a) * s * (1.0 - s)))


def interval_log_jacobian(position, low=0.0, high=1.0):
    """log J, what the density of z has more than that of x.

    Parameters
    ----------
    position : (d,) float
        z, any real numbers.
    low, high : float
        The ends a < b of the interval, finite.

    Returns
    -------
    float
        log |det dx/dz|: highest at z = 0, the middle.

    Raises ValueError unless a < b, both finite and their difference, too.

    >>> float(interval_log_jacobian(np.array([0.0]), -2.0, 2.0))  # 4 / 4
    0.0
    """
    z, a, b = FORMULA.checked(position, low, high)
    return np.sum(np.log(b - a) + (log_sigmoid(z) + log_sigmoid(-z)))


def interval_log_jacobian_position_gradient(position, low=0.0, high=1.0):
    """dlogJ/dz, shape (d,): -tanh(z/2)."""
    z, _, _ = FORMULA.checked(position, low, high)
    return -np.tanh(0.5 * z)


def interval_log_jacobian_low_gradient(position, low=0.0, high=1.0):
    """dlogJ/da: -d/(b - a)."""
    return -interval_log_jacobian_high_gradient(position, low, high)


def interval_log_jacobian_high_gradient(position, low=0.0, high=1.0):
    """dlogJ/db: d/(b - a)."""
    z, a, b = FORMULA.checked(position, low, high)
    return len(z) / (b - a) + 0.0 * np.sum(np.sign(z))


def rules(position, low, high):
    """An interval."""
    require(np.abs(low) < np.inf, "low", low, "must be finite")
    require(low < high < np.inf, "high", high, f"must be finite, and above low = {low}")
    with np.errstate(over="ignore"):
        require(high - low < np.inf, "high", high, f"must be so near to low = {low} that float64 holds both")


def interval(position, low=0.0, high=1.0):
    """x = a + (b - a) sigmoid(z), from the nearer end, so that x is not out of the interval.

    >>> interval([0.0], -1.0, 3.0).tolist()
    [1.0]
    """
    z, a, b = FORMULA.checked(position, low, high)
    return np.where(z < 0.0, a + (b - a) * sigmoid(z), b - (b - a) * sigmoid(-z))


def interval_position(x, low=0.0, high=1.0):
    """z = log((x - a)/(b - x)), of a < x < b.

    >>> interval_position([1.0], -1.0, 3.0).tolist()
    [0.0]
    """
    x = real("x", x, "d")
    _, a, b = FORMULA.checked(x, low, high)
    require(bool(np.all((x > a) & (x < b))), "x", x, f"must be inside {a} and {b}")
    return np.log((x - a) / (b - x))


def pulled_back(position, gradient, low=0.0, high=1.0):
    """dE/dz of dE/dx at x.

    >>> pulled_back([0.0], [2.0], -1.0, 3.0).tolist()
    [2.0]
    """
    z, a, b = FORMULA.checked(position, low, high)
    return (b - a) * sigmoid(z) * sigmoid(-z) * real("gradient", gradient, len(z)) + np.tanh(0.5 * z)


def sample(rng):
    """Inputs in general position."""
    low = rng.normal()
    return {"position": rng.normal(scale=2.0, size=3), "low": low, "high": low + rng.uniform(0.5, 3.0)}


LOG2 = float(np.log(2.0))

FORMULA = Formula(
    value=interval_log_jacobian,
    signature="(d),(),()->()",
    source="carpenter2017, change of variables",
    gradients={
        "position": interval_log_jacobian_position_gradient,
        "low": interval_log_jacobian_low_gradient,
        "high": interval_log_jacobian_high_gradient,
    },
    sample=sample,
    cases={  # (z, a, b), log J, by z, a and b, the mistake that it exposes
        "the middle of the unit interval: 1/4": Case(
            ([0.0], 0.0, 1.0), -2.0 * LOG2, ([0.0], -1.0, 1.0), "the Jacobian left out"
        ),
        "the middle of one four times as long": Case(
            ([0.0], -2.0, 2.0), 0.0, ([0.0], -0.25, 0.25), "the length left out"
        ),
        "two numbers pay twice": Case(([0.0, 0.0], 0.0, 1.0), -4.0 * LOG2, ([0.0, 0.0], -2.0, 2.0)),
        "two lengths of four": Case(([0.0, 0.0], -2.0, 2.0), 0.0, ([0.0, 0.0], -0.5, 0.5), "one length"),
        "far out it falls like e^-z": Case(
            ([800.0], 0.0, 1.0), -800.0, ([-1.0], -1.0, 1.0), "the Jacobian of the way back"
        ),
        "and on the other side as well": Case(([-800.0], 0.0, 1.0), -800.0, ([1.0], -1.0, 1.0)),
        "not a number": Case(([np.nan], 0.0, 1.0), np.nan),
    },
    variants={
        "the Jacobian left out": Mistake(
            lambda z, a=0.0, b=1.0: 0.0, symptom="the chain walks to the ends of the interval for ever"
        ),
        "the Jacobian of the way back": Mistake(lambda z, a=0.0, b=1.0: -interval_log_jacobian(z, a, b)),
        "the length left out": Mistake(
            lambda z, a=0.0, b=1.0: interval_log_jacobian(z, 0.0, 1.0),
            (lambda z, a=0.0, b=1.0: -np.tanh(0.5 * z), lambda *_: 0.0, lambda *_: 0.0),
            symptom="harmless while the ends are constants; wrong where they are sampled, too",
        ),
        "one length": Mistake(
            lambda z, a=0.0, b=1.0: interval_log_jacobian(z, a, b) - (len(z) - 1.0) * np.log(b - a),
            symptom="log(b - a) once, not d times",
        ),
        "the length subtracted": Mistake(
            lambda z, a=0.0, b=1.0: interval_log_jacobian(z, a, b) - 2.0 * len(z) * np.log(b - a)
        ),
    },
    as_printed=interval_log_jacobian_as_printed,
    rules=rules,
    refuses={  # (z, a, b), the argument to blame
        "ends exchanged": (([0.0], 1.0, 0.0), "high"),
        "an interval of no length": (([0.0], 1.0, 1.0), "high"),
        "an end that is infinite": (([0.0], 0.0, np.inf), "high"),
        "no low end": (([0.0], -np.inf, 0.0), "low"),
        "an end that is no number": (([0.0], np.nan, 0.0), "low"),
        "too far apart": (([0.0], -1.7e308, 1.7e308), "high"),
    },
)
