"""Quadratic forms beside the polynomials they stand for: every configuration, every auxiliary bit."""

import itertools

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.energies.quadratisation import polynomial, quadratise
from ebm_ref.exact.enumeration import free_energy, tabulate

BOTH = pytest.mark.parametrize("method", ["ishikawa", "rosenberg"])


def all_bits(n):
    return list(itertools.product((0, 1), repeat=n))


def written_out(coefficients, scopes, x):
    """The definition, as a product."""
    return sum(a * np.prod([x[i] for i in S]) for a, S in zip(coefficients, scopes, strict=True))


def least(quadratic, x):
    """min over auxiliary bits of the catalogue's qubo, one configuration after the other."""
    qubo = FORMULAS["qubo"].value
    tails = itertools.product((0, 1), repeat=quadratic.auxiliaries)
    return min(qubo(quadratic.matrix, np.array([*x, *w])) for w in tails) + quadratic.constant


@BOTH
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 6])
def test_one_monomial(d, sign, method):
    """Exact, not nearly so, on all 2^d configurations."""
    a, scopes = [sign * 3.0], [list(range(d))]
    quadratic = quadratise(a, scopes, d, method)
    for x in all_bits(d):
        assert (
            quadratic.value(x) == least(quadratic, x) == written_out(a, scopes, x) == polynomial(a, scopes, x)
        )
    few = {"ishikawa": (d - 1) // 2 if sign > 0 else int(d > 2), "rosenberg": max(0, d - 2)}
    assert quadratic.auxiliaries == few[method]


@BOTH
@pytest.mark.parametrize("seed", range(8))
def test_polynomials_of_degree_five(seed, method):
    """Whole coefficients of either sign, shared pairs, constants, like terms in another order."""
    rng = np.random.default_rng(seed)
    n = 5
    scopes = [rng.permutation(n)[: rng.integers(0, 6)].tolist() for _ in range(4)]
    scopes = [*scopes, scopes[0][::-1], []]
    a = rng.integers(-9, 10, size=len(scopes)).astype(float)
    quadratic = quadratise(a, scopes, n, method)
    assert np.array_equal(np.triu(quadratic.matrix), quadratic.matrix)
    for x in all_bits(n):
        assert quadratic.value(x) == written_out(a, scopes, x) == polynomial(a, scopes, x)
    x = rng.integers(2, size=n)
    assert least(quadratic, x) == written_out(a, scopes, x)


@BOTH
def test_numbers_that_round(method):
    rng = np.random.default_rng(11)
    scopes = [[0, 1, 2, 3], [1, 2, 3], [0, 2, 3, 4], [0, 4]]
    a = rng.normal(size=4)
    quadratic = quadratise(a, scopes, 5, method)
    size = np.abs(quadratic.matrix).sum()
    for x in all_bits(5):
        assert abs(quadratic.value(x) - written_out(a, scopes, x)) <= 16 * 2.0**-53 * size


def test_pairs_are_shared():
    """Six terms of one pair: one auxiliary bit, and M is the larger of both sums."""
    scopes = [[0, 1, k] for k in range(2, 8)]
    quadratic = quadratise([1.0, 2.0, -4.0, 3.0, -5.0, 1.0], scopes, 8, "rosenberg")
    assert quadratic.auxiliaries == 1
    assert quadratic.matrix[0, 1] == 9.0 and quadratic.matrix[8, 8] == 27.0
    assert quadratise([1.0] * 6, scopes, 8).auxiliaries == 6


def test_a_smaller_penalty_is_wrong():
    """M is as small as it may be: with less, some configuration gains by a wrong auxiliary bit."""
    a, scopes = [-4.0, 3.0, 2.0], [[0, 1, 2], [0, 1, 3], [0, 1, 4]]
    quadratic = quadratise(a, scopes, 5, "rosenberg")
    penalty = np.zeros((6, 6))
    penalty[0, 1], penalty[0, 5], penalty[1, 5], penalty[5, 5] = 1.0, -2.0, -2.0, 3.0
    for less, right in ((0.0, True), (0.25, False)):
        moved = quadratic._replace(matrix=quadratic.matrix - less * penalty)
        same = [moved.value(x) == written_out(a, scopes, x) for x in all_bits(5)]
        assert all(same) == right


@BOTH
def test_the_best_configuration_is_found_in_the_quadratic_form(method):
    """The minimum of all is the same; sums over all are not, as auxiliary bits have weights of their own."""
    rng = np.random.default_rng(12)
    scopes = [S for d in (1, 2, 3) for S in itertools.combinations(range(4), d)]
    a = rng.integers(-5, 6, size=len(scopes)).astype(float)
    quadratic = quadratise(a, scopes, 4, method)
    n = quadratic.bits + quadratic.auxiliaries
    Q = quadratic.matrix
    E = tabulate(lambda z: float(z @ Q @ z) + quadratic.constant, (2,) * n)
    own = tabulate(lambda x: polynomial(a, scopes, x), (2,) * 4)
    assert E.min() == own.min() and free_energy(E, 50.0) <= free_energy(own, 50.0)


BAD = [
    ({"coefficients": [np.nan]}, "coefficients"),
    ({"coefficients": [np.inf]}, "coefficients"),
    ({"coefficients": [1.0, 2.0]}, "scopes"),
    ({"coefficients": [1e308]}, "coefficients"),
    ({"scopes": [[0, 1, 1]]}, "scopes"),
    ({"scopes": [[0, 3]]}, "scopes"),
    ({"scopes": [[0, -1]]}, "scopes"),
    ({"scopes": [[0.0, 1.0]]}, "scopes"),
    ({"scopes": 3}, "scopes"),
    ({"n": 0}, "n"),
    ({"method": "best"}, "method"),
]


@pytest.mark.parametrize("changes, argument", BAD)
def test_bad_input(changes, argument):
    legal = {"coefficients": [1.0], "scopes": [[0, 1, 2]], "n": 3}
    with pytest.raises(ValueError, match=rf"^{argument} = "):
        quadratise(**legal | changes)


def test_bad_bits():
    for bits in ([0, 1, 2], [0.0, 1.0, 1.0], [[0, 1, 1]]):
        with pytest.raises(ValueError, match=r"^bits = "):
            polynomial([1.0], [[0, 1]], bits)
        with pytest.raises(ValueError, match=r"^bits = "):
            quadratise([1.0], [[0, 1, 2]], 3).value(bits)
    many = quadratise(np.ones(17), [[0, 1, k] for k in range(2, 19)], 19)
    with pytest.raises(ValueError, match="auxiliaries = 17: must be at most 16"):
        many.value(np.zeros(19, int))
