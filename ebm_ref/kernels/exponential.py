r"""An exponential for loops: as exact as a library's, and four or eight at a time.

    e^x = 2^n e^r,      n = round(x / log 2),      r = x - n log 2,      |r| <= log(2) / 2

A call into the C library stops a compiler from working on several numbers at once, and costs 8 ns.
Plain arithmetic does not, and costs 1 ns: a Taylor polynomial for e^r, and 2^n put together from its
bits.  Three things keep the last digit.  log 2 comes in two parts, of which n times the first is
exact.  The 1 of the series is added last, and r carries its own rounding error, r_low.  And 2^n is
applied in two halves, since the result may be subnormal though neither half is.

No branch, no table and no conversion to an integer, which is undefined for a NaN: adding 1.5 2^52
rounds a number to an integer and leaves that in its lowest bits.  The flag `contract` lets the
compiler fuse a multiplication with the addition that follows; `reassoc` would cancel the rounding.

Source: Cody and Waite (1980), "Software Manual for the Elementary Functions", chapter 6.
"""

import math

import numpy as np

from ebm_ref.kernels.compiled import njit

ROUND = 1.5 * 2.0**52  # t + ROUND - ROUND is t, rounded to an integer
TO_EXPONENT = ROUND + 1023.0  # n + TO_EXPONENT has the exponent bits of 2^n in its lowest twelve
LOG2_HIGH = float.fromhex("0x1.62e42fefa3800p-1")  # log 2 to 42 bits: n LOG2_HIGH is exact
LOG2_LOW = float.fromhex("0x1.ef35793c76730p-45")
LOWEST, HIGHEST = -746.0, 710.0  # beyond, e^x is 0 or infinite
TAYLOR = tuple(1.0 / math.factorial(i) for i in range(13, 1, -1))  # |r|^14 / 14! < 5e-18


@njit(fastmath={"contract"}, error_model="numpy")
def exponential(x):
    """e^x of a number, within one unit of the last place; 0, inf and NaN where the library has them."""
    x = LOWEST if x < LOWEST else x
    x = HIGHEST if x > HIGHEST else x
    n = (x * (1.0 / math.log(2.0)) + ROUND) - ROUND
    r_high = x - n * LOG2_HIGH
    r = r_high - n * LOG2_LOW
    r_low = (r_high - r) - n * LOG2_LOW
    q = TAYLOR[0]
    for i in range(1, 12):
        q = q * r + TAYLOR[i]
    half = (0.5 * n + ROUND) - ROUND
    return ((1.0 + (r + (r * r * q + r_low))) * power_of_two(half)) * power_of_two(n - half)


@njit(error_model="numpy")
def power_of_two(n):
    """2^n of a whole number -1022 <= n <= 1023, from its bits."""
    return np.int64(np.float64(n + TO_EXPONENT).view(np.int64) << 52).view(np.float64)


@njit(error_model="numpy")
def halvings(total):
    """2^-n with n = floor(log2 total), for positive normal numbers."""
    exponent = (np.float64(total).view(np.int64) >> 52) & 2047
    return np.int64((2046 - exponent) << 52).view(np.float64)


@njit(error_model="numpy")
def exponentials(x, w):
    """e^x of a table."""
    flat, into = x.reshape(-1), w.reshape(-1)
    for n in range(len(flat)):
        into[n] = exponential(flat[n])
