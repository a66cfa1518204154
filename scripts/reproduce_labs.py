#!/usr/bin/env python3
"""Low autocorrelation binary sequences: the lowest energies up to N = 27.

Claim   The energies E*(N) of the table below are the lowest of all 2^N
        sequences, for N = 3 ... 27.
Source  Packebusch and Mertens (2016), "Low autocorrelation binary sequences",
        J. Phys. A 49, 165001; Golay (1982) for the merit factor. The optimal
        strings that qokit 0.1.4 carries have the same energies, and are as
        many.
Time    4 s on one core; 2 s with --quick (N <= 20).

A sequence of spins s_1 ... s_N = -1, 1 is good for radar and in phase coding
if it resembles no shifted copy of itself:

    E(s) = sum_{k=1}^{N-1} C_k^2,  C_k = sum_{i=1}^{N-k} s_i s_{i+k}
    merit = N^2 / 2E

It is a spin glass without disorder, its landscape a golf course, and the
hardest small benchmark of ground states. As bits x of a word, C_k = N - k - 2
(number of ones of x xor (x shifted by k)), so that one energy costs N - 1
counts of ones. A turned sequence (s -> -s) has the same energy: the first spin
is held.

That nothing was left out shows in the mean: over all sequences that of C_k^2
is N - k, for its terms are independent signs, so that all energies sum to 2^N
N (N - 1) / 2, and in whole numbers exactly to that.

The seed does nothing here: nothing is random.
"""

import numpy as np
from numba import njit
from reproduction import conclude, figure, near, options

LOWEST = {
    **{3: 1, 4: 2, 5: 2, 6: 7, 7: 3, 8: 8, 9: 12, 10: 13, 11: 5, 12: 10, 13: 6, 14: 19, 15: 15},
    **{16: 24, 17: 32, 18: 25, 19: 29, 20: 26, 21: 26, 22: 39, 23: 47, 24: 36, 25: 36, 26: 45, 27: 37},
}


@njit
def ones(x):
    """Number of ones of a word of 32 bits: of pairs, of fours, of bytes, of all."""
    x = x - ((x >> np.uint32(1)) & np.uint32(0x55555555))
    x = (x & np.uint32(0x33333333)) + ((x >> np.uint32(2)) & np.uint32(0x33333333))
    x = (x + (x >> np.uint32(4))) & np.uint32(0x0F0F0F0F)
    return np.int64((x * np.uint32(0x01010101)) >> np.uint32(24)) & 255


@njit
def energy(x, N):
    """E of the sequence whose spins are the N lowest bits of x."""
    total = 0
    for k in range(1, N):
        mask = np.uint32((1 << (N - k)) - 1)
        C = N - k - 2 * ones((x ^ (x >> np.uint32(k))) & mask)
        total += C * C
    return total


@njit
def enumerate_all(N):
    """Lowest energy, one sequence that has it, how many have it, and the sum of all energies."""
    lowest, best, count, total = 1 << 60, 0, 0, 0
    for word in range(1 << (N - 1)):
        E = energy(np.uint32(word), N)
        total += E
        if E < lowest:
            lowest, best, count = E, word, 0
        count += E == lowest
    return lowest, best, 2 * count, 2 * total


def run_lengths(word, N):
    """The usual notation: how many equal spins follow each other; letters beyond nine."""
    spins = [word >> i & 1 for i in range(N)]
    ends = [i for i in range(1, N) if spins[i] != spins[i - 1]]
    return "".join(np.base_repr(r, 36) for r in np.diff([0, *ends, N]))


def draw(file, merits):
    axes, save = figure(file, figsize=(6.0, 3.2))
    axes.plot(list(merits), list(merits.values()), "o-", ms=4)
    axes.set(xlabel="length N", ylabel="largest merit factor $N^2 / 2E$", ylim=(2.0, 15.0))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.axhline(12.32, ls=":", color="0.5")
    axes.annotate("Golay's conjecture for long sequences: 12.32", (min(merits), 12.6), fontsize=8)
    axes.annotate(
        "Barker's 13", (13, merits[13]), (10, 0), textcoords="offset points", fontsize=8, va="center"
    )
    axes.set_title("none is better than Barker's sequence of 13")
    save()


def main():
    chosen = options(__doc__)
    found = {N: enumerate_all(N) for N in LOWEST if N <= (20 if chosen.quick else 27)}
    merits = {N: N * N / (2.0 * lowest) for N, (lowest, *_) in found.items()}
    print(" N   lowest E   merit   sequences   one of them (run lengths)")
    for N, (lowest, best, count, _) in found.items():
        print(f"{N:2d} {lowest:10d} {merits[N]:7.2f} {count:11d}   {run_lengths(best, N)}")
    if chosen.figure:
        draw(chosen.figure, merits)
    all_N = len(found)
    complete = lambda row: row[1][3] == 2 ** (row[0] - 1) * row[0] * (row[0] - 1)  # none was left out
    conclude(
        near(
            "lowest energies as published, N from 3", sum(LOWEST[N] == f[0] for N, f in found.items()), all_N
        ),
        near("all energies sum to 2^N N (N - 1) / 2, N from 3", sum(map(complete, found.items())), all_N),
        near("the best merit is that of Barker's sequence of", max(merits, key=merits.get), 13),
    )


if __name__ == "__main__":
    main()
