r"""Sums of many weights: e^{-beta E} counted from the lowest energy so far, added up without losing digits.

    s + x = total + lost       the rounding error of each addition, found exactly and kept beside the sum

Energies come in blocks.  When a block holds a new lowest one, all that was summed is lowered with it.

Source: Neumaier (1974), "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen".
"""

import numpy as np

from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.exponential import exponential

BLOCK = 1024  # energies that are weighed at once: steps of a Gray code between two fresh starts


@njit(error_model="numpy", nogil=True)
def add(sums, lost, i, x):
    """sums[i] += x, with what rounding takes away kept in lost[i]."""
    total = sums[i] + x
    lost[i] += (sums[i] - total) + x if sums[i] >= x else (x - total) + sums[i]
    sums[i] = total


@njit(error_model="numpy", nogil=True)
def weigh_block(energies, beta, level, sums, lost):
    """Energies become e^{-beta (E - level)}; returns the level, lowered with all sums if need be."""
    lowest = np.inf
    for e in energies:
        lowest = e if e < lowest else lowest
    if lowest < level:
        factor = exponential(-beta * (level - lowest)) if level < np.inf else 0.0
        level = lowest
        for i in range(len(sums)):
            sums[i], lost[i] = sums[i] * factor, lost[i] * factor
    zero = level if level < np.inf else 0.0  # where all is forbidden so far
    for j in range(len(energies)):
        energies[j] = exponential(-beta * (energies[j] - zero))
    return level


@njit(error_model="numpy", nogil=True)
def plus(e, lost, x):
    """e + x, and what rounding has taken so far: a penalty of 1e12 that comes and goes leaves no trace."""
    total = e + x
    part = total - e
    return total, lost + ((e - (total - part)) + (x - part))
