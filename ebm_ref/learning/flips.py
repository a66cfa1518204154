r"""Flips: by how much the energy rises when one unit is turned, and three prices for it.

    D_i = E(x^i) - E(x)            x the datum, x^i the same with unit i flipped

    loss                        of one flip                slope by u
    pseudolikelihood            log(1 + e^{-2u})           -2 sigma(-2u)
    ratio_matching              sigma(-2u)^2               -4 sigma(-2u)^2 sigma(2u)
    minimum_probability_flow    e^-u                       -e^-u

    u = D/2,    sigma(t) = 1/(1 + e^-t)

Z is the same for x and x^i, so their difference knows nothing of it, and n differences cost n energies, not
2^n.  All three losses ask one thing: the datum should lie below its neighbours, and D_i be large.  Every
slope is negative.  They differ in what a wrong flip costs.  Pseudolikelihood pays in proportion, ratio
matching at most 1, and probability flow exponentially, so that one outlier can outweigh all other data.

All three are consistent: if the data come from a model of the family, each is lowest at that model.
Where they do not, each finds another one, and none finds that of maximum likelihood.

D = +inf is a neighbour that is impossible; it costs nothing.  A datum that is impossible itself has
D = -inf, or inf - inf, which is no number; it is refused, since no model of that kind can have made it.

Source: Besag (1975); Hyvarinen (2007); Sohl-Dickstein, Battaglino and DeWeese (2011).
"""

import numpy as np

from ebm_ref.checks import as_real, real, require, require_one_of
from ebm_ref.laws import misfit
from ebm_ref.numerics import value_of


def bit_flips(energy, bits):
    """(n,) D_i of a datum of n bits, 0 or 1, for an energy that is a function of n bits.

    >>> bit_flips(lambda x: -2.0 * x[0] * x[1] + x[0], [1, 1]).tolist()
    [1.0, 2.0]
    """
    return _flips(energy, "bits", bits, (0, 1), lambda x: 1.0 - x)


def spin_flips(energy, spins):
    """(n,) D_i of a datum of n spins, -1 or 1, for an energy that is a function of n spins.

    >>> spin_flips(lambda s: -0.5 * s[0] * s[1], [1, 1]).tolist()
    [1.0, 1.0]
    """
    return _flips(energy, "spins", spins, (-1, 1), np.negative)


def _flips(energy, argument, state, values, turned):
    """E(x^i) - E(x), refused where it is no price."""
    require(callable(energy), "energy", energy, f"must be a function of {argument}")
    x = real(argument, state, "n")
    for unit in x:
        require_one_of(argument, unit, *values)
    at = lambda x: real("energy", energy(x))
    neighbours = [at(np.where(np.arange(len(x)) == i, turned(x), x)) for i in range(len(x))]
    with np.errstate(invalid="ignore"):
        D = as_real("energy", neighbours) - at(x)
    check_differences("energy", D)
    return D


def check_differences(argument, D):
    """Raise unless there is a neighbour, and the datum is possible beside each."""
    require(len(D) >= 1, argument, D, "must hold one or more")
    rule = "must be above -inf, and numbers: the energy of the datum must be finite"
    d = value_of(D)
    require(not np.any(np.isnan(d) | (d == -np.inf)), argument, D, rule)


def refusals(argument):
    """What every page of differences refuses."""
    return {
        "no neighbour": (([],), argument),
        "an impossible datum": (([0.0, -np.inf],), argument),
        "an impossible datum beside an impossible neighbour": (([0.0, np.nan],), argument),
    }


def random_differences(argument):
    """2 to 5 differences in general position, by name."""
    return lambda rng: {argument: rng.normal(scale=2.0, size=int(rng.integers(2, 6)))}


def neighbours_renamed(formula, inputs, rng):
    """The order of the neighbours does not matter."""
    return misfit(formula, inputs, {a: rng.permutation(x) for a, x in inputs.items()})


def always_downhill(formula, inputs, rng):
    """Every slope is negative: whatever the others do, a neighbour is pushed up."""
    slopes = [gradient(**inputs) for gradient in formula.gradients.values()]
    return 0.0 if np.all(np.concatenate(slopes) < 0.0) else np.inf


def adds_up(formula, inputs, rng):
    """L of several neighbours is the sum of L of each: adding one never lowers it."""
    [(argument, D)] = inputs.items()
    each = sum(formula.value(**{argument: D[i : i + 1]}) for i in range(len(D)))
    error = abs(each - formula.value(**inputs))
    return error / (16 * 2.0**-53 * len(D) * each) if error else 0.0
