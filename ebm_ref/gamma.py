r"""log Gamma: what NumPy lacks of the factorial, and differences of its logarithm that keep their digits.

    log_factorial(y) = log Gamma(1 + y)
    stirling_error(y) = J(y) = log y! - log(sqrt(2 pi y) (y/e)^y)         stirling_slope(y) = dJ/dy
    half_step(y) = log(sqrt(y) Gamma(y) / Gamma(y + 1/2))                 half_step_slope(y), its derivative

Densities of counts and of heavy tails hold a difference of two log Gammas that are large and nearly alike.
Stirling's formula takes the large parts out.  What it leaves is small, has a series for large y, and below
that a step from y to y + 1 in which nothing cancels.

Source: Loader (2000), "Fast and accurate computation of binomial probabilities", for stirling_error;
Abramowitz and Stegun (1964), 6.1.40 for its series.
"""

import autograd.numpy as np

# J(y) ~ sum_i STIRLING[i] / y^(2i+1): what Stirling's formula leaves out of log y!
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)


def stirling_error(y):
    """J(y) = log y! - log(sqrt(2 pi y) (y/e)^y) of a number y >= 1: about 1/(12 y).

    The series is good from 10 on.  Below, J(y) = J(y+1) + (y + 1/2) log(1 + 1/y) - 1, where the last
    three nearly cancel: they are s^2/3 + s^4/5 + ... with s = 1/(2y+1).

    >>> float(np.round(stirling_error(1.0), 15)), float(np.round(1.0 - np.log(2.0 * np.pi) / 2.0, 15))
    (0.081061466795327, 0.081061466795327)
    """
    steps = 0.0
    while y < 10.0:
        s = 1.0 / (2.0 * y + 1.0)
        steps = steps + s * s * sum((s * s) ** i / (2 * i + 3) for i in range(16))
        y = y + 1.0
    r = 1.0 / y
    return steps + r * sum(c * (r * r) ** i for i, c in enumerate(STIRLING))


def stirling_slope(y):
    """J'(y) of a number y > 0: about -1/(12 y^2); like J, step by step up to 20, and from there a series.

    >>> float(np.round(stirling_slope(1.0), 15)), float(np.round(0.5 - np.euler_gamma, 15))
    (-0.077215664901533, -0.077215664901533)
    """
    steps = 0.0
    while y < 20.0:
        s = 1.0 / (2.0 * y + 1.0)
        if y < 1.0:
            steps = steps + np.log1p(1.0 / y) - 0.5 / y - 0.5 / (y + 1.0)
        else:
            steps = steps - 4.0 * s**3 * sum((i + 1) * (s * s) ** i / (2 * i + 3) for i in range(16))
        y = y + 1.0
    r = 1.0 / y
    return steps - r * r * sum((2 * i + 1) * c * (r * r) ** i for i, c in enumerate(STIRLING))


# log(sqrt(y) Gamma(y) / Gamma(y + 1/2)) ~ sum_i HALF_STEP[i] / y^(2i+1)
HALF_STEP = (1 / 8, -1 / 192, 1 / 640, -17 / 14336, 31 / 18432, -691 / 180224, 5461 / 425984)


def half_step(y):
    """log(sqrt(y) Gamma(y) / Gamma(y + 1/2)) of a number y > 0: positive, about 1/(8y).

    The series is good from 20 on.  Below, one step down adds log(1 + 1/(4y(y+1)))/2, and nothing cancels.

    >>> float(np.round(half_step(0.5), 15)), float(np.round(np.log(np.pi / 2.0) / 2.0, 15))
    (0.225791352644727, 0.225791352644727)
    """
    steps = 0.0
    while y < 20.0:
        steps = steps + 0.5 * np.log1p(0.25 / (y * (y + 1.0)))
        y = y + 1.0
    r = 1.0 / y
    return steps + r * sum(c * (r * r) ** i for i, c in enumerate(HALF_STEP))


def half_step_slope(y):
    """The derivative of half_step: negative, about -1/(8 y^2).

    >>> float(np.round(half_step_slope(0.5), 15)), float(np.round(1.0 - 2.0 * np.log(2.0), 15))
    (-0.386294361119891, -0.386294361119891)
    """
    steps = 0.0
    while y < 20.0:
        steps = steps - 0.25 / (y * (y + 0.5) * (y + 1.0))
        y = y + 1.0
    r = 1.0 / y
    return steps - r * r * sum((2 * i + 1) * c * (r * r) ** i for i, c in enumerate(HALF_STEP))


def log_factorial(y):
    """log y! = log Gamma(1 + y) of a number y >= 0; it is -0.577 y near 0, and keeps its digits there.

    Below 1, from y! = e^(-gamma y) prod_j e^(y/j) / (1 + y/j): ten factors, and Stirling for the rest.

    >>> float(np.round(log_factorial(3.0), 14)), float(log_factorial(1e-20))
    (1.79175946922806, -5.772156649015328e-21)
    """
    if not y < 1.0:
        return (np.log(2.0 * np.pi * y) / 2.0 + (y * np.log(y) - y)) + stirling_error(y)
    n = 10.0
    x, L = y / n, np.log1p(y / n)
    near = sum(y / j - np.log1p(y / j) for j in range(1, 11))
    far = (n + y + 0.5) * L - (y + 0.5 * x)
    for i, c in enumerate(STIRLING):
        m = 2 * i + 1
        far = far + c / n**m * (np.expm1(-m * L) + m * x)
    return (near + far) - np.euler_gamma * y
