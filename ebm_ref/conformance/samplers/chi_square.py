r"""Chi-square tails: how surprising a sum of squares is, and what would have surprised.

    P(chi2_n > x)  =  sum_a (x/2)^a e^{-x/2} / Gamma(a + 1)  [+ erfc(sqrt(x/2)) for odd n]

over a = n/2 - 1, n/2 - 2, ... down to 0 or 1/2: a finite sum, exact for every whole n.  With a mean
that is off, chi2_n becomes a mixture of chi2_{n + 2j}, j Poisson distributed with mean lambda / 2.

Source: Johnson, Kotz and Balakrishnan (1994), "Continuous Univariate Distributions", Chapters 18 and 29.
"""

import functools
import math

import numpy as np

from ebm_ref.checks import require

_log_gamma = np.frompyfunc(math.lgamma, 1, 1)


def tail(x, degrees):
    """P(chi2 > x) for a whole number of degrees of freedom >= 1, at any x >= 0.

    >>> round(tail(3.841458820694124, 1), 12), round(tail(2.0 * np.log(20.0), 2), 12)
    (0.05, 0.05)
    """
    require(degrees >= 1 and int(degrees) == degrees, "degrees", degrees, "must be a whole number >= 1")
    if x <= 0.0:
        return 1.0
    a = np.arange(0.5 * (degrees % 2), 0.5 * degrees)
    terms = np.exp(a * math.log(0.5 * x) - 0.5 * x - _log_gamma(a + 1.0).astype(float))
    return min(1.0, float(terms.sum()) + (math.erfc(math.sqrt(0.5 * x)) if degrees % 2 else 0.0))


def shifted_tail(x, degrees, noncentrality):
    """P(chi2 > x) where the means are off: `noncentrality` is their sum of squares, in units of variance.

    >>> z = 1.959963984540054  # one degree: (N + 1)^2 > z^2
    >>> normal = lambda t: 0.5 * math.erfc(t / math.sqrt(2.0))
    >>> bool(np.isclose(shifted_tail(z * z, 1, 1.0), normal(z - 1.0) + normal(z + 1.0), rtol=1e-12))
    True
    """
    half = 0.5 * noncentrality
    if half == 0.0:
        return tail(x, degrees)
    spread = 12.0 * math.sqrt(half) + 40.0
    j = np.arange(max(0, int(half - spread)), int(half + spread))
    weights = np.exp(j * math.log(half) - half - _log_gamma(j + 1.0).astype(float))
    return float(np.sum(weights * tails(x, degrees + 2 * j)))


def tails(x, degrees):
    """The tails of degrees that go up by 2: each is the one before and a term more.

    >>> bool(np.allclose(tails(7.0, np.array([3, 5, 7])), [tail(7.0, n) for n in (3, 5, 7)], rtol=1e-14))
    True
    """
    if x <= 0.0:
        return np.ones(len(degrees))
    a = 0.5 * degrees[:-1]
    terms = np.exp(a * math.log(0.5 * x) - 0.5 * x - _log_gamma(a + 1.0).astype(float))
    return np.minimum(1.0, tail(x, int(degrees[0])) + np.append(0.0, np.cumsum(terms)))


@functools.cache
def critical(alpha, degrees):
    """The x that chi2 exceeds with probability alpha.

    >>> round(critical(0.05, 1), 9)
    3.841458821
    """
    return _root(lambda x: tail(x, degrees) - alpha, 4.0 * degrees)


@functools.cache
def found(alpha, degrees, power=0.99):
    """The smallest noncentrality that a test of level alpha finds with probability `power`.

    >>> z, w = 1.959963984540054, 2.3263478740408408  # one degree: sqrt(lambda) = z_{0.025} + z_{0.01}
    >>> bool(np.isclose(found(0.05, 1), (z + w) ** 2, rtol=1e-7))
    True
    """
    x = critical(alpha, degrees)
    return _root(lambda lam: power - shifted_tail(x, degrees, lam), x)


def _root(falling, high):
    """Where a falling function of x >= 0 crosses zero, by halving."""
    low = 0.0
    while falling(high) > 0.0:
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if falling(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high)
