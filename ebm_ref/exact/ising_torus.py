r"""The two-dimensional Ising model in closed form: the finite torus, and the infinite lattice.

    E(s) = -J sum_<ij> s_i s_j,   K = beta J > 0,   r rows and c columns

    2 Z / (2 sinh 2K)^{rc/2} = prod_{k odd} 2 cosh(c g_k / 2)
                             + prod_{k odd} 2 sinh(c g_k / 2)
                             + prod_{k even} 2 cosh(c g_k / 2)
                             + prod_{k even} 2 sinh(c g_k / 2)

    sinh(g_k / 2)^2 = sinh(g_0 / 2)^2 + sin(pi k / 2r)^2
    g_0 = 2K + log tanh K

    <E> = -J d log Z/dK

This is a torus.  k = 1, 3, ..., 2r-1 in the odd products and k = 0, 2, ..., 2r-2 in the even ones.  g_0 has
a sign: it is negative above the critical temperature, and makes the last product negative there.  As the
torus grows, the largest product prevails, and

    log Z / rc -> log(2 cosh 2K) + (1/pi) int_0^{pi/2} log((1 + w) / 2) dt
    w = sqrt(1 - (q sin t)^2),    q = 2 sinh 2K / cosh(2K)^2

q = 1 at K = log(1 + sqrt 2) / 2, the critical point.  Beyond it the lattice is magnetised.
Energy and specific heat of the infinite lattice are in ising_plane.py.

In floating point: the products as printed overflow from some hundred sites on.  So their logarithms are
summed, and a torus of a thousand by a thousand is no harder than one of three by three.  These sums share
nothing with transfer_matrix.py: each checks the other, and both check samplers.

Source: Kaufman (1949); Onsager (1944); Yang (1952); written as in Ferdinand and Fisher (1969).
"""

import numpy as np

from ebm_ref.checks import real, require_count, require_positive, whole
from ebm_ref.exact.spins import require_memory

CRITICAL = np.arcsinh(1.0) / 2.0  # K where sinh 2K = 1


def log_partition_as_printed(rows, columns, coupling):
    """log Z from the four products as printed: 40 x 40 sites are too many for them.

    >>> with np.errstate(over="ignore"):
    ...     float(log_partition_as_printed(40, 40, 0.5)), round(log_partition(40, 40, 0.5), 9)
    (inf, 1641.961647501)
    """
    r, c, K = _check_torus(rows, columns, coupling)
    g_0 = 2.0 * K + np.log(np.tanh(K))
    k = np.arange(2 * r)
    g = 2.0 * np.arcsinh(np.sqrt(np.sinh(g_0 / 2.0) ** 2 + np.sin(np.pi * k / (2 * r)) ** 2))
    g[0] = g_0
    odd, even = c * g[1::2] / 2.0, c * g[0::2] / 2.0
    products = [np.prod(2.0 * f(x)) for x in (odd, even) for f in (np.cosh, np.sinh)]
    return np.log((2.0 * np.sinh(2.0 * K)) ** (r * c / 2.0) * np.sum(products) / 2.0)


def log_partition(rows, columns, coupling):
    """log Z of an Ising torus with equal bonds and no field (Kaufman).

    Parameters
    ----------
    rows, columns : int
        Sides of the torus, >= 1; on a side of 2 two sites share two bonds.
    coupling : float
        K = beta J > 0.

    Returns
    -------
    float

    Raises ValueError if a side is not a positive integer or K is not positive and finite.

    >>> K = 0.3  # 3 x 3, by hand: number of configurations with each energy
    >>> Z = np.exp(18 * K) * 2 + np.exp(10 * K) * 18 + np.exp(6 * K) * 48
    >>> Z += np.exp(2 * K) * 198 + np.exp(-2 * K) * 144 + np.exp(-6 * K) * 102
    >>> round(float(log_partition(3, 3, K) - np.log(Z)), 13)
    0.0
    """
    rows, columns, coupling = _check_torus(rows, columns, coupling)
    signs, logs, _ = _products(rows, columns, coupling)
    largest = np.max(logs)
    total = np.sum(signs * np.exp(logs - largest))
    return float(rows * columns / 2.0 * _log_2sinh(2.0 * coupling) + largest + np.log(total / 2.0))


def mean_energy(rows, columns, coupling):
    """<E> / J of the torus, from -d log Z / dK: what a sampler at any size and temperature must show.

    Two terms of size rc / 2K cancel where K is small: it is right to 1e-15 rc (1 + 1/K).

    Raises ValueError where `log_partition` does.

    >>> float(np.round(mean_energy(1, 2, 0.25), 12))  # each spin is its own neighbour; -2 - 2 tanh(1/2)
    -2.92423431452
    """
    rows, columns, coupling = _check_torus(rows, columns, coupling)
    signs, logs, slopes = _products(rows, columns, coupling)
    weights = np.exp(logs - np.max(logs))
    average = np.sum(weights * slopes) / np.sum(weights * signs)
    return float(-rows * columns / np.tanh(2.0 * coupling) - average)


def _check_torus(rows, columns, coupling):
    """The sides as ints, and K as float64."""
    for side, value in (("rows", rows), ("columns", columns)):
        require_count(side, value)
        whole(side, value)
    require_memory("rows", rows, 100 * int(rows))
    return int(rows), int(columns), _check_coupling(coupling)  # an np.int8 would wrap around


def _check_coupling(coupling):
    """K as float64."""
    K = real("coupling", coupling)
    require_positive("coupling", K)
    return K


def _products(r, c, K):
    """The four products as signs, logarithms and slopes by K: (4,) each, slopes in units of e^logarithm.

    The last one is 0 at the critical point, and its slope is not: there its first factor is left out of
    the logarithm, and stands in sign and slope.
    """
    rows = []
    for first in (1, 0):
        g, slope = _gammas(r, K, first)
        x, moved = c * g / 2.0, c * slope / 2.0
        rows.append((1.0, _log_2cosh(x), np.sum(moved * np.tanh(x))))
        if first:
            rows.append((1.0, _log_2sinh(x), np.sum(moved / np.tanh(x))))
    x_0, rest, rest_moved = x[0], x[1:], moved[1:]
    scale = abs(x_0) + np.log(2.0)
    sinh, cosh = np.sign(x_0) * -np.expm1(-2.0 * abs(x_0)) / 2.0, (1.0 + np.exp(-2.0 * abs(x_0))) / 2.0
    slope = moved[0] * cosh + sinh * np.sum(rest_moved / np.tanh(rest))
    rows.append((sinh, scale + _log_2sinh(rest), slope))
    return tuple(map(np.array, zip(*rows, strict=True)))


def _gammas(rows, K, first):
    """g_k for k = first, first + 2, ..., all positive but g_0, which keeps its sign; and dg_k / dK."""
    g_0, slope_0 = 2.0 * K + np.log(np.tanh(K)), 2.0 - 4.0 * np.exp(-2.0 * K) / np.expm1(-4.0 * K)
    k = np.arange(first, 2 * rows, 2)
    cold = g_0 > 80.0  # all g_k are the same, and no sinh need be taken
    g = 2.0 * np.arcsinh(np.hypot(np.sinh(min(g_0, 80.0) / 2.0), np.sin(np.pi * k / (2 * rows))))
    g = np.where((k == 0) | cold, g_0, g)
    below = np.sinh(np.where((k == 0) | cold, 1.0, g))
    return g, slope_0 * np.where((k == 0) | cold, 1.0, np.sinh(min(g_0, 80.0)) / below)


def _log_2cosh(x):
    return np.sum(np.abs(x) + np.log1p(np.exp(-2.0 * np.abs(x))))


def _log_2sinh(x):
    """Sum of log |2 sinh x|; -inf where some x is 0."""
    with np.errstate(divide="ignore"):
        return np.sum(np.abs(x) + np.log(-np.expm1(-2.0 * np.abs(x))))


def log_partition_per_site(coupling):
    """log Z per site of the infinite lattice (Onsager): -beta times the free energy per site.

    The root is written sqrt(cos^2 t + (1 - q^2) sin^2 t) with 1 - q^2 = (1 - 2 tanh(2K)^2)^2, which does
    not cancel.  A change of variable crowds the points of the trapezoid where it bends, near t = pi/2.

    Raises ValueError if K is not positive and finite.

    >>> float(np.round(log_partition_per_site(CRITICAL), 14))  # log(2)/2 + 2 G/pi, G Catalan's constant
    0.92969539834161
    """
    coupling = _check_coupling(coupling)
    modulus = 1.0 - 2.0 * np.tanh(2.0 * coupling) ** 2
    x, weights = _towards_both_ends()
    t = np.pi / 2.0 * x  # distance from pi/2
    root = np.hypot(np.sin(t), modulus * np.cos(t))
    integral = np.sum(weights * np.log((1.0 + root) / 2.0)) / 2.0
    return float(2.0 * coupling + np.log1p(np.exp(-4.0 * coupling)) + integral)


def _towards_both_ends(steps=400):
    """Points 0 < x < 1 and weights of the integral over x, doubly exponentially dense at both ends."""
    h = 9.0 / steps
    s = h * (np.arange(steps) + 0.5) - 4.5
    u = np.pi / 2.0 * np.sinh(s)
    x = np.exp(u) / (2.0 * np.cosh(u))
    return x, h * np.pi / 2.0 * np.cosh(s) / (2.0 * np.cosh(u) ** 2)


def magnetisation(coupling):
    """Spontaneous magnetisation per site of the infinite lattice (Yang): 0 up to the critical point.

    Raises ValueError if K is not positive and finite.

    >>> float(magnetisation(0.44)), round(float(magnetisation(0.5)), 12)
    (0.0, 0.911319377877)
    """
    coupling = _check_coupling(coupling)
    inverse_sinh = -2.0 * np.exp(-2.0 * coupling) / np.expm1(-4.0 * coupling)
    return (1.0 - np.minimum(inverse_sinh, 1.0) ** 4) ** 0.125
