r"""Sweeps over spins -1, +1: the same spin of 64 chains at a time.

    E = -1/2 s'Js - h's,    f_i = h_i + sum_j J_ij s_j
    flipping s_i costs dE = 2 s_i f_i
    metropolis   flip with (15/16) min(1, e^{-beta dE})
    gibbs        flip with 1 / (1 + e^{beta dE}): drawn given the others

The chain index is the innermost: row i of the table of spins is spin i of 64 chains.  They share its
neighbours and couplings, so that a processor works on 8 chains with one instruction: the field, the
random numbers, the exponential and the choice alike.  A row is 64 bytes, so a lattice stays in cache.

A sweep visits the spins in order, which leaves exp(-beta E) alone but is not reversible.

The 15/16 is what the famous loop of Ising codes lacks, `if dE <= 0 or u < exp(-beta * dE): s[i] = -s[i]`
for each i in turn.  That loop flips a spin that feels no field with certainty.  So it may have no choice at
all, and the configurations fall apart into classes that no chain ever leaves.  On a triangle with J = 1,
start from (1, -1, 1): each of the three spins finds the other two at odds, feels no field, and flips.  The
sweep ends at (-1, 1, -1), where the same happens again.  The energy is 1 after every sweep, at any
temperature; its mean is -2.79166 at beta = 1.  On a ring of 64 with J = 1 and beta = 1, chains that start
at random settle at an energy of -0.03 a spin, where -tanh(1) = -0.76 is right.

The loop is the default of dwave-samplers, for one (github.com/dwavesystems/dwave-samplers, version 1.8,
dwave/samplers/sa/src/cpu_sa.cpp), which does exactly that on the triangle.  Its pull request 51, which made a
random order an option, warns of temperatures near zero and infinity alone.

With the 15/16 a spin flips with a positive probability, and stays with one of at least 1/16, whatever it
feels.  So one sweep may lead from any configuration to any other: the chain is irreducible and aperiodic.
Each flip keeps its detailed balance, because the way back takes the same factor.  A ceiling,
min(15/16, e^{-beta dE}), would break that, and an exception for dE = 0 would not help where dE = 1e-13.

The sums over neighbours are taken four at a time.  One at a time, each would wait for the store of
the one before, and the loops would cost more than the arithmetic.  A visit is three short loops rather
than one long one, whose constants would not all find a register.  And what a flip costs is multiplied by
0 or 1, since some processors are slow to store only where a condition holds.

Source: Metropolis et al. (1953); Glauber (1963); Blackman and Vigna (2021), "Scrambled Linear
Pseudorandom Number Generators", for xoroshiro128+.
"""

import math
from typing import NamedTuple

import numpy as np

from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.exponential import LOG2_HIGH, LOG2_LOW, ROUND, TAYLOR, power_of_two

LANES = 64  # chains that stand side by side
STRETCHED = 16.0 / 15.0  # a number that is uniform from 0 to this is below w <= 1 with (15/16) w
ONE = np.uint64(1023 << 52)  # the bits of 1.0


class Chains(NamedTuple):
    """64 chains side by side, their random bits, and what is added up of them."""

    spins: np.ndarray  # (n, 64) of -1 and 1
    bits: np.ndarray  # (2, 64)
    sums: np.ndarray  # (n, 64), of each spin over the sweeps
    energy: np.ndarray  # (sweeps, 64)
    magnetization: np.ndarray  # (sweeps, 64)


@njit(error_model="numpy", fastmath={"contract"})
def decay(x):
    """e^x of x <= 0: kernels/exponential.py without its last digit; what is below e^-708 becomes that."""
    x = -708.0 if x < -708.0 else x
    n = (x * (1.0 / math.log(2.0)) + ROUND) - ROUND
    r = (x - n * LOG2_HIGH) - n * LOG2_LOW
    q = TAYLOR[0]
    for i in range(1, 12):
        q = q * r + TAYLOR[i]
    return (1.0 + (r + (r * r * q))) * power_of_two(n)


@njit(error_model="numpy", fastmath={"contract"}, inline="always")
def field_of_64(ends, neighbours, couplings, h, spins, i, field):
    """h_i + sum_j J_ij s_j of every chain, four neighbours at a time; equal couplings are taken out."""
    for k in range(ends[i], ends[i + 1], 4):
        j0, j1, j2, j3 = neighbours[k], neighbours[k + 1], neighbours[k + 2], neighbours[k + 3]
        J0, J1, J2, J3 = couplings[k], couplings[k + 1], couplings[k + 2], couplings[k + 3]
        equal, first = J0 == J1 == J2 == J3, k == ends[i]
        if equal and first:
            for c in range(LANES):
                field[c] = h[i] + J0 * ((spins[j0, c] + spins[j1, c]) + (spins[j2, c] + spins[j3, c]))
        elif first:
            for c in range(LANES):
                near, far = J0 * spins[j0, c] + J1 * spins[j1, c], J2 * spins[j2, c] + J3 * spins[j3, c]
                field[c] = h[i] + (near + far)
        elif equal:
            for c in range(LANES):
                field[c] += J0 * ((spins[j0, c] + spins[j1, c]) + (spins[j2, c] + spins[j3, c]))
        else:
            for c in range(LANES):
                near, far = J0 * spins[j0, c] + J1 * spins[j1, c], J2 * spins[j2, c] + J3 * spins[j3, c]
                field[c] += near + far


@njit(error_model="numpy", fastmath={"contract"}, inline="always")
def draw_64(bits, unit, numbers):
    """A number from 0 to below `unit` for every chain: 52 random bits as those of 1 <= x < 2, less 1."""
    for c in range(LANES):
        x, y = bits[0, c], bits[1, c]
        numbers[c] = (np.uint64(((x + y) >> np.uint64(12)) | ONE).view(np.float64) - 1.0) * unit
        y ^= x
        bits[0, c] = ((x << np.uint64(24)) | (x >> np.uint64(40))) ^ y ^ (y << np.uint64(16))
        bits[1, c] = (y << np.uint64(37)) | (y >> np.uint64(27))


@njit(error_model="numpy", nogil=True, fastmath={"contract"})
def sweeps_of_64(graph, h, betas, gibbs, chains, start, stop):
    """Sweeps start..stop-1 of 64 chains, in place."""
    (ends, neighbours, couplings), (spins, bits, sums, E_of, M_of) = graph, chains
    seen = np.zeros(spins.shape, np.int8)  # what is added up in bytes stays in cache
    field, numbers, decayed = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    E, M, unit = np.zeros(LANES), np.zeros(LANES, np.int32), 1.0 if gibbs else STRETCHED
    for i in range(len(h)):
        field_of_64(ends, neighbours, couplings, h, spins, i, field)
        for c in range(LANES):
            E[c] -= 0.5 * spins[i, c] * (field[c] + h[i])
    for t in range(start, stop):
        M[:] = 0
        for i in range(len(h)):
            field_of_64(ends, neighbours, couplings, h, spins, i, field)
            draw_64(bits, unit, numbers)
            for c in range(LANES):
                field[c] *= 2.0 * spins[i, c]  # now it is what a flip costs
                decayed[c] = decay(-abs(betas[t] * field[c]))
            for c in range(LANES):
                cost, e = field[c], decayed[c]
                flips = numbers[c] * (1.0 + e if gibbs else 1.0) < (1.0 if cost <= 0.0 else e)
                s = -spins[i, c] if flips else spins[i, c]
                E[c] += cost * flips
                M[c] += s
                seen[i, c] += s
                spins[i, c] = s
        E_of[t] = E
        M_of[t] = M
        if (t - start) % 127 == 126 or t == stop - 1:
            sums += seen
            seen[:] = 0
