r"""The infinite Ising lattice: free energy, energy and specific heat per site, through its critical point.

    -beta f = log Z / N           f / J = -(log Z / N) / K,     K = beta J > 0
    u / J   = -d(-beta f)/dK    = -coth(2K) (1 + k / M)
    c / k_B = K^2 d^2(-beta f)/dK^2
            = (2 / M) (K coth 2K)^2 (s (1 - M) + c_1^2 + 2 c_2^2 + 4 c_3^2 + ...)

    s = 1 / cosh(2K)^2,    k = 1 - 2 s,    M = agm(1, |k|)

Onsager's K_1 = int_0^{pi/2} dt / sqrt(1 - (1 - k^2) sin(t)^2), an elliptic integral, is pi / 2M, where M is
Gauss's arithmetic-geometric mean: from a_0 = 1 and b_0 = |k|, a_{n+1} = (a_n + b_n)/2, b_{n+1} =
sqrt(a_n b_n), to where both meet.  The c_{n+1} = (a_n - b_n)/2 give the elliptic integral of the second kind.

k = 0 is the critical point, sinh 2K = 1.  There M = 0, and

    u -> -sqrt(2) J               with a slope that is infinite
    c -> (8 K^2 / pi) log(1 / |K - K_c|) + ...        diverges, on both sides alike
    f                             and u are continuous

No float64 is the critical point, which is irrational.  So c is finite for all of them: 18.6 at the nearest.

In floating point: Onsager's formulas subtract what nearly cancels, of c all but e^{-4K} in the cold and
all but K^2 in the heat, where c is e^{-8K} and K^2.  Written as above nothing cancels: 1 - M, c_n and, where
k < 0, M + k are sums of positive terms.  Near the critical point k is found from K - K_c, with twice the
digits of K_c.  All are right to a few 1e-16 of themselves, f to 1e-15.

Finite tori are in ising_torus.py, with log Z per site of the plane and its magnetisation.

Source: Onsager (1944); the mean of Gauss as in Abramowitz and Stegun (1964), 17.6.
"""

import numpy as np

from ebm_ref.checks import real, require_positive
from ebm_ref.exact.ising_torus import log_partition_per_site

# log(1 + sqrt 2), which is 2K at the critical point, in two parts
TWICE_CRITICAL, AND_REST = 0.881373587019543, -2.250545892825866e-17


def free_energy_per_site(coupling):
    """f / J = -(log Z / N) / K of the infinite lattice.

    Parameters
    ----------
    coupling : float
        K = beta J > 0.

    Returns
    -------
    float
        Below -2, the energy of the ground state, and towards it in the cold.

    Raises ValueError if K is not positive and finite.

    >>> [round(float(free_energy_per_site(K)), 12) for K in (0.4406867935097715, 1.0)]
    [-2.109651144608, -2.000348283701]
    """
    K = _check_coupling(coupling)
    with np.errstate(over="ignore"):
        return float(-log_partition_per_site(K) / K)


def mean_energy_as_printed(coupling):
    """u / J from Onsager's formula, its integral by the trapezoidal rule of 200 points.

    It loses digits in the heat, where 1 + k K_1 / (pi/2) cancels, and near the critical point, where the
    integrand has a peak as narrow as k:

    >>> float(mean_energy_as_printed(1e-9)), float(mean_energy_per_site(1e-9))
    (-0.0, -2e-09)
    >>> round(float(mean_energy_as_printed(0.4407)), 6), round(float(mean_energy_per_site(0.4407)), 6)
    (-1.417928, -1.414577)
    """
    K = _check_coupling(coupling)
    k = 2.0 * np.tanh(2.0 * K) ** 2 - 1.0
    t = np.pi / 2.0 * np.arange(201) / 200.0
    root = np.sqrt(1.0 - (1.0 - k**2) * np.sin(t) ** 2)
    K_1 = np.trapezoid(1.0 / root, t)
    return -(1.0 + 2.0 / np.pi * k * K_1) / np.tanh(2.0 * K)


def mean_energy_per_site(coupling):
    """u / J of the infinite lattice: from -2K in the heat, over -sqrt(2) at the critical point, to -2.

    Parameters and errors are those of `free_energy_per_site`.

    >>> [round(float(mean_energy_per_site(K)), 12) for K in (0.001, TWICE_CRITICAL / 2.0, 2.0)]
    [-0.002000003333, -1.414213562373, -1.999999098812]
    """
    K = _check_coupling(coupling)
    k, apart = _modulus(K)
    M, over, _, _ = _agm(abs(k), apart)
    if k < 0.0:  # 1 + k / M = (M - |k|) / M = over apart / M, and apart = 2 tanh(2K)^2
        return float(-2.0 * np.tanh(2.0 * K) * over / M)
    return float(-(1.0 + k / M) / np.tanh(2.0 * K))


def specific_heat_per_site(coupling):
    """c / k_B of the infinite lattice: 2 K^2 in the heat, 64 K^2 e^{-8K} in the cold, a logarithm between.

    Parameters and errors are those of `free_energy_per_site`.

    >>> [round(float(specific_heat_per_site(K)), 12) for K in (0.001, 0.44, TWICE_CRITICAL / 2.0, 0.5)]
    [2.00001e-06, 2.889687092377, 18.588269629626, 0.724871448602]
    """
    K = _check_coupling(coupling)
    k, apart = _modulus(K)
    M, _, short, squares = _agm(abs(k), apart)
    s = _inverse_cosh(K) ** 2
    return float(2.0 / M * (K / np.tanh(2.0 * K)) ** 2 * (s * short + squares))


def _check_coupling(coupling):
    """K as float64, 400 where it is more: all is f = u = -2 J and c = 0 there, to the last digit."""
    K = real("coupling", coupling)
    require_positive("coupling", K)
    return min(K, np.float64(400.0))


def _inverse_cosh(K):
    """1 / cosh 2K."""
    return 2.0 * np.exp(-2.0 * K) / (1.0 + np.exp(-4.0 * K))


def _modulus(K):
    """k, with its sign and all its digits, and 1 - |k|."""
    s, t = _inverse_cosh(K) ** 2, np.tanh(2.0 * K) ** 2
    k = t - s
    if abs(k) < 0.5:  # sinh 2K - 1 = sqrt(2) sinh x + 2 sinh(x/2)^2
        x = (2.0 * K - TWICE_CRITICAL) - AND_REST
        beyond = np.sqrt(2.0) * np.sinh(x) + 2.0 * np.sinh(x / 2.0) ** 2
        k = beyond * (2.0 + beyond) * s
    return k, 2.0 * min(s, t)


def _agm(b, apart):
    """M = agm(1, b), (M - b) / apart, 1 - M and sum_n 2^{n-1} c_n^2 from n = 1 on, given apart = 1 - b."""
    a, share, over, short, squares = 1.0, 1.0, 0.0, 0.0, 0.0
    for n in range(12):
        roots, c = np.sqrt(a) + np.sqrt(b), share * apart / 2.0
        over, short, squares = over + np.sqrt(b) * share / roots, short + c, squares + 2.0**n * c * c
        share = share * share * apart / (2.0 * roots**2)  # of (a - b) / apart, by a law of squares
        a, b = (a + b) / 2.0, np.sqrt(a * b)
        share = share if b > a / 2.0 else (a - b) / apart  # the law would double an error in each step
    return a, over, short, squares
