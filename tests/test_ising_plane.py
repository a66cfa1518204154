"""The infinite Ising lattice beside elliptic integrals in 90 digits; exact counts beside published ones."""

import itertools

import numpy as np
import pytest

from ebm_ref.exact import ising_counts, ising_torus
from ebm_ref.exact.ising_plane import (
    AND_REST,
    TWICE_CRITICAL,
    free_energy_per_site,
    mean_energy_as_printed,
    mean_energy_per_site,
    specific_heat_per_site,
)

UNIT = 2.0**-53
K_C = TWICE_CRITICAL / 2.0
FAR = [1e-12, 1e-6, 1e-3, 0.1, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 2.0, 5.0, 10.0, 20.0]
NEAR = [0.43, 0.44, 0.4406, K_C - 1e-6, K_C - 1e-10, K_C - 1e-14, K_C + 1e-12, K_C + 1e-7, 0.4407, 0.45]
AT = [float(np.nextafter(K_C, 0.0)), K_C, float(np.nextafter(K_C, 1.0))]


@pytest.mark.parametrize("K", FAR + NEAR + AT)
def test_energy_and_specific_heat_are_onsagers(K):
    """Onsager's formulas as printed, in so many digits that nothing cancels."""
    mp = pytest.importorskip("mpmath", reason="the truth comes from mpmath").mp
    with mp.workdps(90):
        exact = mp.mpf(K)
        t = mp.tanh(2 * exact)
        k = 2 * t**2 - 1
        first, second = mp.ellipk(1 - k**2), mp.ellipe(1 - k**2)
        u = -(1 + 2 / mp.pi * k * first) / t
        c = 4 / mp.pi * (exact / t) ** 2 * (first - second - (1 - t**2) * (mp.pi / 2 + k * first))
        assert abs(mean_energy_per_site(K) / u - 1) <= 8 * UNIT
        assert abs(specific_heat_per_site(K) / c - 1) <= 16 * UNIT


@pytest.mark.parametrize("K", [1e-6, 0.01, 0.3, 0.4, 0.5, 1.0, 3.0])
def test_free_energy_by_another_quadrature(K):
    mp = pytest.importorskip("mpmath", reason="the truth comes from mpmath").mp
    with mp.workdps(25):
        q = 2 * mp.sinh(2 * mp.mpf(K)) / mp.cosh(2 * mp.mpf(K)) ** 2
        inside = lambda t: mp.log((1 + mp.sqrt(1 - (q * mp.sin(t)) ** 2)) / 2)
        truth = -(mp.log(2 * mp.cosh(2 * mp.mpf(K))) + mp.quad(inside, [0, 0.8, 1.2, mp.pi / 2]) / mp.pi) / K
        assert abs(free_energy_per_site(K) / truth - 1) <= 8 * UNIT


def test_free_energy_at_the_critical_point():
    """-log Z / N is log(2)/2 + 2 G/pi there, G Catalan's constant; and f is continuous."""
    truth = -(np.log(2.0) / 2.0 + 2.0 * 0.915965594177219015 / np.pi) / K_C
    assert free_energy_per_site(K_C) == pytest.approx(truth, rel=4 * UNIT)
    for step in (1e-9, -1e-9):
        beside = truth * (1.0 + (np.sqrt(2.0) / -truth - 1.0) * step / K_C)  # slope (u - f) / K
        assert free_energy_per_site(K_C + step) == pytest.approx(beside, rel=1e-15)


@pytest.mark.parametrize("K", [0.2, 0.41, 0.47, 0.9])
def test_each_is_the_slope_of_the_one_before(K):
    """u = d(K f)/dK, c = -K^2 du/dK, by central differences."""
    h = 1e-4 * abs(K - K_C)
    product = lambda K: K * free_energy_per_site(K)
    assert (product(K + h) - product(K - h)) / (2.0 * h) == pytest.approx(mean_energy_per_site(K), rel=1e-8)
    slope = (mean_energy_per_site(K + h) - mean_energy_per_site(K - h)) / (2.0 * h)
    assert -(K**2) * slope == pytest.approx(specific_heat_per_site(K), rel=1e-7)


def test_what_diverges():
    """c grows by (8 K^2/pi) log 10 for each digit of K - K_c, alike on both sides; u does not move."""
    per_digit = 8.0 * K_C**2 / np.pi * np.log(10.0)
    for side in (1.0, -1.0):
        heats = [specific_heat_per_site(K_C + side * 10.0**-n) for n in (5, 6, 7, 8)]
        assert np.diff(heats) == pytest.approx(per_digit, rel=1e-3)
    assert specific_heat_per_site(K_C) == max(map(specific_heat_per_site, FAR + NEAR + AT)) < 18.6
    assert mean_energy_per_site(K_C) == pytest.approx(-np.sqrt(2.0), rel=2 * UNIT)


def test_a_large_torus_is_near_the_plane():
    """Off the critical point the difference is exponentially small."""
    for K in (0.35, 0.55):
        torus = ising_torus.mean_energy(200, 200, K) / 200**2
        assert torus == pytest.approx(mean_energy_per_site(K), rel=1e-12)


def test_the_formula_as_printed():
    for K in (0.1, 0.3, 0.6, 2.0):
        assert mean_energy_as_printed(K) == pytest.approx(mean_energy_per_site(K), rel=1e-13)


def test_the_critical_point_in_two_parts():
    mp = pytest.importorskip("mpmath", reason="the truth comes from mpmath").mp
    with mp.workdps(50):
        rest = mp.log(1 + mp.sqrt(2)) - mp.mpf(TWICE_CRITICAL)
        assert abs(mp.mpf(AND_REST) / rest - 1) < UNIT


def test_extremes():
    for K in (300.0, 1e4, 1e308):
        values = free_energy_per_site(K), mean_energy_per_site(K), specific_heat_per_site(K)
        assert values == (-2.0, -2.0, 0.0)
    assert mean_energy_per_site(1e-300) == pytest.approx(-2e-300)
    assert specific_heat_per_site(1e-150) == pytest.approx(2e-300)
    assert free_energy_per_site(5e-324) == -np.inf
    for function in (free_energy_per_site, mean_energy_per_site, specific_heat_per_site):
        for K in (0.0, -0.3, np.nan, np.inf):
            with pytest.raises(ValueError, match=r"coupling = .*must be positive and finite"):
                function(K)


# counts


def enumerated(r, c):
    """Counts over all 2^{rc} states, bond by bond."""
    s = np.array(list(itertools.product((0, 1), repeat=r * c)), np.int8).reshape(-1, r, c)
    unlike = (s != np.roll(s, 1, axis=1)).sum(axis=(1, 2)) + (s != np.roll(s, 1, axis=2)).sum(axis=(1, 2))
    return np.bincount(unlike, minlength=2 * r * c + 1).tolist()


@pytest.mark.parametrize(
    "r, c", [(1, 1), (1, 2), (2, 1), (2, 2), (1, 7), (5, 1), (2, 3), (3, 3), (2, 6), (4, 3), (3, 4), (4, 4)]
)
def test_counts_are_those_of_enumeration(r, c):
    assert ising_counts.counts(r, c) == enumerated(r, c)


# The middle count of tori, where the energy is 0: OEIS A364781, by Kauers and by Markstroem and Haeggkvist
ZERO_ENERGY = {
    (2, 1): 2,
    (2, 2): 12,
    (4, 2): 100,
    (4, 3): 1346,
    (4, 4): 20524,
    (5, 4): 272682,
    (6, 5): 226137622,
    (6, 6): 13172279424,
    (7, 6): 777714553240,
    (8, 3): 3968690,
    (8, 4): 876428620,
    (8, 5): 199376325322,
    (8, 6): 46463664513012,
    (8, 7): 10990445640557042,
    (8, 8): 2627978003957146636,
}


@pytest.mark.parametrize("r, c", ZERO_ENERGY)
def test_counts_that_were_published(r, c):
    g = ising_counts.counts(r, c)
    assert (g[r * c], sum(g)) == (ZERO_ENERGY[r, c], 2 ** (r * c))


@pytest.mark.parametrize("r, c", [(6, 6), (8, 6), (6, 8), (9, 7), (8, 8), (6, 10)])
def test_counts_of_low_energy_are_beales_series(r, c):
    g, n = ising_counts.counts(r, c), r * c
    assert g[:11] == [2, 0, 0, 0, 2 * n, 0, 4 * n, 0, n**2 + 9 * n, 0, 4 * n**2 + 24 * n]
    assert all(isinstance(count, int) for count in g)
    if r % 2 == c % 2 == 0:  # turn every other spin
        assert g == g[::-1]


@pytest.mark.parametrize("r, c", [(8, 8), (1, 64), (3, 21), (2, 9)])
@pytest.mark.parametrize("K", [0.05, 0.44, 1.5])
def test_counts_give_kaufmans_sum(r, c, K):
    truth = ising_torus.log_partition(r, c, K)
    assert ising_counts.log_partition_of_counts(r, c, K) == pytest.approx(truth, rel=1e-14)
    E, p = ising_counts.energy_distribution(r, c, K)
    assert E @ p == pytest.approx(ising_torus.mean_energy(r, c, K), rel=1e-13)
    assert p.sum() == pytest.approx(1.0, abs=1e-14) and np.all(np.diff(E) > 0)


def test_counts_refuse():
    with pytest.raises(ValueError, match=r"columns = 9: must make at most 64 sites, with 8 rows"):
        ising_counts.counts(8, 9)
    for sides in ((0, 3), (2.0, 3), (True, 3)):
        with pytest.raises(ValueError, match=r"rows = .*must be an integer >= 1"):
            ising_counts.counts(*sides)
    with pytest.raises(ValueError, match=r"coupling = .*must be positive and finite"):
        ising_counts.log_partition_of_counts(3, 3, 0.0)
    assert ising_counts.counts(np.int8(8), np.int8(8)) == ising_counts.counts(8, 8)
