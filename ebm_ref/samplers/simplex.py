r"""Proportions on the whole line: a stick is broken d times, and the Jacobian is paid.

    t_i      = z_i - log n_i,    n_i = d + 1 - i,    i = 1..d
    x_i      = r_i sigmoid(t_i),    x_{d+1} = r_{d+1}
    r_1      = 1,    r_{i+1} = r_i - x_i
    log J    = sum_i [log sigmoid(t_i) + n_i log sigmoid(-t_i)]
    dlogJ/dz = sigmoid(-t_i) - n_i sigmoid(t_i)

    E(z)     = E(x(z)) - log J
    g        = dE/dx
    dE/dz_i  = x_i sigmoid(-t_i) g_i - sigmoid(t_i) sum_{j>i} x_j g_j
               - dlogJ/dz_i

The d + 1 numbers x are positive and add up to 1, so they have d degrees of freedom.  From what is left of a
stick of length 1 the share sigmoid(t_i) is broken off.  By log n_i, with n_i pieces still to come, z = 0
gives equal pieces.  x_i depends on z_1..z_i alone, so the matrix dx/dz is a triangle, and J the product of
x_i sigmoid(-t_i); collected by i that is the sum above.  The highest J is at z = 0.

A softmax of d + 1 numbers is no such change of variables: it has one number too many, whose density does not
fall off.

In floating point: r_i - x_i loses the last pieces when the first take nearly all; as logarithms,
log x_i = log sigmoid(t_i) + sum_{j<i} log sigmoid(-t_j), they keep their digits.  Near z = 0 the two terms of
the gradient cancel; it is -(e^z - 1) sigmoid(-t), or n (e^{-z} - 1) sigmoid(t).

Source: Sethuraman (1994), "A constructive definition of Dirichlet priors", for the stick; Carpenter et al.
(2017), "Stan: A Probabilistic Programming Language", for the shift by log n.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.numerics import log_sigmoid, logsumexp, sigmoid


def simplex_log_jacobian_as_printed(position):
    """The logarithms of the diagonal of dx/dz, added up, with what is left of the stick by subtraction.

    >>> with np.errstate(divide="ignore", invalid="ignore"):
    ...     float(simplex_log_jacobian_as_printed(np.array([50.0, 0.0])))
    -inf
    >>> round(float(simplex_log_jacobian(np.array([50.0, 0.0]))), 9)
    -100.0
    """
    (z,) = FORMULA.checked(position)
    total, left, d = 0.0, 1.0, len(z)
    for i in range(d):
        s = 1.0 / (1.0 + np.exp(-(z[i] - np.log(d - i))))
        total = total + np.log(left * s * (1.0 - s))
        left = left - left * s
    return total


def simplex_log_jacobian(position):
    """log J, what the density of z has more than that of x_1..x_d.

    Parameters
    ----------
    position : (d,) float
        z, any real numbers, d >= 1.

    Returns
    -------
    float
        log |det d(x_1..x_d)/dz|.

    Raises ValueError if z is not a vector of one or more numbers.

    >>> round(float(np.exp(simplex_log_jacobian(np.array([0.0, 0.0])))), 12) == round(1 / 27, 12)
    True
    """
    (z,) = FORMULA.checked(position)
    t, n = _shares(z)
    return np.sum(log_sigmoid(t) + n * log_sigmoid(-t))


def simplex_log_jacobian_gradient(position):
    """dlogJ/dz, shape (d,): sigmoid(-t) - n sigmoid(t), without cancellation."""
    (z,) = FORMULA.checked(position)
    _, n = _shares(z)
    rest, e = np.expm1(-np.abs(z)), np.exp(-np.abs(z))  # no log n, which would be rounded
    return np.where(z > 0.0, n * rest / (1.0 + n * e), -n * rest / (n + e))


def _shares(z):
    """t and n."""
    n = np.arange(len(z), 0.0, -1.0)
    return z - np.log(n), n


def rules(position):
    """Something to break."""
    require(len(position) > 0, "position", position, "must be one or more numbers")


def simplex(position):
    """x, d + 1 positive numbers that add up to 1.

    >>> np.round(simplex([0.0, 0.0]), 12).tolist() == np.round([1 / 3] * 3, 12).tolist()
    True
    """
    (z,) = FORMULA.checked(position)
    t, _ = _shares(z)
    left = np.concatenate([np.zeros(1), np.cumsum(log_sigmoid(-t))])
    return np.exp(np.concatenate([log_sigmoid(t), np.zeros(1)]) + left)


def simplex_position(x):
    """z of d + 1 positive numbers that add up to 1.

    >>> simplex_position([0.25, 0.25, 0.5]).tolist() == [np.log(2 / 3), np.log(0.5)]
    True
    """
    x = real("x", x, "k")
    require(len(x) > 1, "x", x, "must be two numbers or more")
    require(bool(np.all((x > 0.0) & (x < np.inf))), "x", x, "must be positive and finite")
    require(abs(np.sum(x) - 1.0) < 1e-9, "x", x, "must add up to 1")
    rest = np.cumsum(x[:0:-1])[::-1]
    return np.log(x[:-1] * np.arange(len(x) - 1, 0, -1) / rest)


def pulled_back(position, gradient):
    """dE/dz of g = dE/dx (d + 1,) at x.

    >>> pulled_back([0.0], [4.0, 0.0]).tolist()
    [1.0]
    """
    (z,) = FORMULA.checked(position)
    (t, _), x = _shares(z), simplex(z)
    xg = x * real("gradient", gradient, len(x))
    rest = np.cumsum(xg[:0:-1])[::-1]
    return xg[:-1] * sigmoid(-t) - sigmoid(t) * rest - simplex_log_jacobian_gradient(z)


LOG2 = float(np.log(2.0))

FORMULA = Formula(
    value=simplex_log_jacobian,
    signature="(d)->()",
    source="carpenter2017, change of variables",
    gradients={"position": simplex_log_jacobian_gradient},
    sample=lambda rng: {"position": rng.normal(scale=2.0, size=3)},
    cases={  # (z), log J, dlogJ/dz, the mistake that it exposes
        "two pieces are an interval: 1/4": Case(([0.0],), -2.0 * LOG2, [0.0], "the Jacobian left out"),
        "three equal pieces: 1/3 2/3, then 1/2 1/2 of 2/3": Case(
            ([0.0, 0.0],), -3.0 * float(np.log(3.0)), [0.0, 0.0], "what is left of the stick forgotten"
        ),
        "a first piece of 1/2: z = log 2": Case(
            ([LOG2, 0.0],), -5.0 * LOG2, [-0.5, 0.0], "the shift by log n in x alone"
        ),
        "a piece that takes all": Case(([800.0],), -800.0, [-1.0], "the Jacobian of the way back"),
        "a piece that takes nothing": Case(([-800.0],), -800.0, [1.0]),
        "not a number": Case(([np.nan],), np.nan),
    },
    variants={
        "the Jacobian left out": Mistake(
            lambda z: 0.0, symptom="the chain runs off towards pieces of no length"
        ),
        "the Jacobian of the way back": Mistake(lambda z: -simplex_log_jacobian(z)),
        "what is left of the stick forgotten": Mistake(
            lambda z: np.sum(log_sigmoid(_shares(z)[0]) + log_sigmoid(-_shares(z)[0])),
            symptom="each break is taken for an interval of its own: the last pieces come out too short",
        ),
        "the shift by log n in x alone": Mistake(
            lambda z: np.sum(log_sigmoid(z) + _shares(z)[1] * log_sigmoid(-z)),
            symptom="x and J are of two changes of variables: the first pieces come out too long",
        ),
        "a softmax with the last score at 0": Mistake(
            lambda z: np.sum(z) - (len(z) + 1.0) * np.logaddexp(0.0, logsumexp(z)),
            symptom="the Jacobian of another map onto the same simplex",
        ),
        "lengths counted from the other end": Mistake(
            lambda z: np.sum(log_sigmoid(_shares(z)[0]) + _shares(z)[1][::-1] * log_sigmoid(-_shares(z)[0])),
            symptom="i for n_i: right for one break",
        ),
        "the shift added": Mistake(lambda z: simplex_log_jacobian(z + 2.0 * np.log(_shares(z)[1]))),
        "the shift by one more": Mistake(lambda z: simplex_log_jacobian(z - np.log1p(1.0 / _shares(z)[1]))),
    },
    as_printed=simplex_log_jacobian_as_printed,
    rules=rules,
    refuses={"nothing to break": (([],), "position")},
)
