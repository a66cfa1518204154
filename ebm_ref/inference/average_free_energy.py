r"""Average free energy: the free energy of a uniform latent variable, the 'actual' softmin.

    A       = -(1/beta) log (1/k) sum_z e^{-beta E_z} = F + log(k)/beta
    dA/dE_z = p_z = e^{-beta E_z} / sum_u e^{-beta E_u}

The free energy F falls with every value that z may take: on a grid of twice as many nodes it is log(2)/beta
lower.  A is an average over the k values of z and stays where it is.  For a continuous z it is the integral

    A = -(1/beta) log (1/|Z|) int e^{-beta E(z)} dz

by a rule in which every node has the weight |Z|/k.  A lies between the minimum of E and its mean: it tends
to the minimum as beta -> infinity and to the mean as beta -> 0, where

    A = mean E - beta var(E) / 2 + O(beta^2).

Near beta = 0 the mean of e^{-beta E} is 1 less something small, of which the logarithm of a mean knows
only the first digits; expm1 and log1p keep them all.  Where beta times an energy would underflow, A is the
mean to all digits.

Source: NYU DLSP20, week 15-2, with an erratum below.
"""

import autograd.numpy as np

from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.inference.free_energy import (
    NO_ENERGIES,
    free_energy,
    free_energy_energies_gradient,
    random_latent,
    rules,
    shifts_with_the_energies,
    softargmin,
)
from ebm_ref.laws import gradient_sums_to, homogeneous, permutation_invariant
from ebm_ref.numerics import softmax


def average_free_energy_as_printed(energies, beta=1.0):
    """The formula as it stands, which has an error of 1e-16/beta, and is infinite where beta E is 746.

    >>> float(average_free_energy_as_printed(np.array([1.0, 2.0, 6.0]), 2.0**-60))  # it is 3
    -0.0
    """
    E, beta = FORMULA.checked(energies, beta)
    return -np.log(np.mean(np.exp(-beta * E))) / beta


def average_free_energy(energies, beta=1.0):
    """A: between the lowest energy and the mean.

    Parameters
    ----------
    energies : (k,) float, k >= 1
        E_z of each value of the latent variable; +inf marks an impossible one.  A NaN gives NaN.
    beta : float
        Inverse temperature, > 0, in units of 1/energy.

    Returns
    -------
    float
        In units of energy; +inf where nothing is possible.

    Raises ValueError if k < 1, if an energy is -inf, or if beta is not positive and finite.

    >>> [round(float(average_free_energy(np.array([1.0, 2.0, 6.0]), beta)), 6) for beta in (1e-12, 1e12)]
    [3.0, 1.0]
    """
    E, beta = FORMULA.checked(energies, beta)
    s = np.argmin(E)
    if not np.isfinite(E[s]):
        return E[s]
    fall = beta * (E[s] - E)
    if np.min(fall) > -1e-304:  # digits of beta E are lost, but A is the mean
        return E[s] + np.mean(E - E[s])
    less = np.mean(np.expm1(fall))
    return E[s] - (np.log1p(less) if less > -0.5 else np.log(np.mean(np.exp(fall)))) / beta


def average_free_energy_energies_gradient(energies, beta=1.0):
    """dA/dE, shape (k,): the softargmin, as for F."""
    E, beta = FORMULA.checked(energies, beta)
    return softargmin(E, beta)


HOT = 2.0**-40  # 1/beta swamps the energies

FORMULA = Formula(
    value=average_free_energy,
    signature="(k),()->()",
    source="NYU DLSP20, week 15-2",
    gradients={"energies": average_free_energy_energies_gradient},
    sample=random_latent,
    laws=(
        shifts_with_the_energies,
        permutation_invariant,
        gradient_sums_to("energies", 1.0),
        homogeneous(1, energies=1, beta=-1),
    ),
    cases={  # (energies, beta), A, dA/dE, the mistake that it exposes
        "all alike: itself, however fine the grid": Case(
            ([2.0, 2.0, 2.0, 2.0], 0.5), 2.0, np.full(4, 0.25), "summed, not averaged"
        ),
        "two levels: an average weight of 2/3": Case(
            ([0.0, np.log(3.0)], 1.0),
            np.log(1.5),
            [0.75, 0.25],
            "divided by the size of the space, not by the number of its cells",
        ),
        "hot: the mean, less half the variance times beta": Case(
            ([1.0, 2.0, 6.0], HOT),
            3.0 - HOT * 7.0 / 3.0,
            np.array([1.0 + 2.0 * HOT, 1.0 + HOT, 1.0 - 3.0 * HOT]) / 3.0,
            "logarithm of a mean of exponentials",
        ),
        "half of it impossible: log(2)/beta above the rest": Case(
            ([1.0, np.inf], 2.0), 1.0 + np.log(2.0) / 2.0, [1.0, 0.0], "log k not divided by beta"
        ),
        "nothing is possible": Case(([np.inf, np.inf], 1.0), np.inf, [0.0, 0.0]),
        "far up, where e^-800 is 0": Case(([800.0, 2000.0], 1.0), 800.0 + np.log(2.0), [1.0, 0.0]),
        "not a number": Case(([0.0, np.nan], 1.0), np.nan, [np.nan, np.nan]),
    },
    variants={
        "summed, not averaged": Mistake(
            free_energy,
            {"energies": free_energy_energies_gradient},
            symptom="falls by log(2)/beta whenever a grid is made twice as fine; no limit as beta -> 0",
        ),
        "log k not divided by beta": Mistake(
            lambda E, beta=1.0: free_energy(E, beta) + np.log(len(E)),
            {"energies": free_energy_energies_gradient},
            symptom="right at beta = 1 alone; the gradient always is",
        ),
        "divided by the size of the space, not by the number of its cells": Mistake(
            lambda E, beta=1.0: free_energy(E, beta) + np.log(2.0 * np.pi) / beta,
            {"energies": free_energy_energies_gradient},
            seen_in="NYU DLSP20 week 15-2, the softmin, which drops the width of a cell of z in 0..2 pi",
            symptom="off by log(cell)/beta, which no training notices and every comparison does",
        ),
        "logarithm of a mean of exponentials": Mistake(
            average_free_energy_as_printed,
            symptom="noise of 1e-16/beta as beta -> 0, infinite where beta E exceeds 745",
        ),
        "mean, whatever beta": Mistake(
            lambda E, beta=1.0: np.mean(E),
            {"energies": lambda E, beta=1.0: np.full(len(E), 1.0 / len(E))},
            symptom="the limit beta -> 0: every explanation counts alike",
        ),
        "mean energy at the temperature": Mistake(
            lambda E, beta=1.0: np.dot(softmax(-beta * E), E),
            symptom="the entropy of p against the uniform one left out",
        ),
        "minimum, whatever beta": Mistake(
            lambda E, beta=1.0: np.min(E),
            symptom="the limit beta -> infinity: no gradient but to the best explanation",
        ),
    },
    as_printed=average_free_energy_as_printed,
    rules=rules,
    refuses=NO_ENERGIES,
)
