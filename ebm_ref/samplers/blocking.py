r"""Blocking and jackknife: error bars of correlated draws, without looking at autocorrelations.

    blocking    x_t <- (x_{2t} + x_{2t+1})/2         again and again
                error at length b: sd of the n/b means, over sqrt(n/b)
    jackknife   error^2 = (m-1) mean (s_i - mean s)^2     without block i of m

The naive error of the mean is too small by sqrt(tau).  Averaging neighbours changes neither the mean nor
its true error.  But the numbers that are left are less and less correlated.  So the naive error rises
until blocks are longer than tau, and then stays there, within its own uncertainty.

The jackknife gives the error of any function of the draws, such as a variance or a ratio of means, and
takes out its bias of order 1/n.

In floating point: draws are moved to 0 and divided by a power of two first, as squares of 1e300 and of
1e-300 are not representable.

Source: Flyvbjerg and Petersen (1989), "Error Estimates on Averages of Correlated Data"; Lee et al.
(2011) for where blocking stops; Quenouille (1956) and Tukey (1958) for the jackknife.
"""

import numpy as np

from ebm_ref.checks import as_real, real, require, require_index, whole
from ebm_ref.samplers.diagnostics import check_chains, doubt, scaled, unscaled


def blocking(series):
    """[(block length, standard error of the mean, error of that)] while two blocks are left.

    All are NaN if a draw is not finite.

    Neighbours are averaged again and again.  The standard error of what are by then nearly independent
    numbers rises until blocks are longer than tau, and then stays.

    >>> [(length, round(error, 6)) for length, error, _ in blocking(np.array([1.0, -1.0, 1.0, -1.0]))]
    [(1, 0.57735), (2, 0.0)]
    """
    x, power = _one_chain(series)
    return [(b, *(float(unscaled(e, power)) for e in errors)) for b, *errors in _rows(x)]


def _rows(x):
    """The rows of `blocking` for a scaled series."""
    length, rows = 1, []
    while len(x) >= 2:
        error = np.std(x, ddof=1) / np.sqrt(len(x))
        rows.append((length, error, error / np.sqrt(2.0 * (len(x) - 1))))
        x, length = (x[: len(x) // 2 * 2 : 2] + x[1::2]) / 2.0, 2 * length
    return rows


def _one_chain(series):
    """At least four draws of one chain, (n,), over 2^k, and k; NaN if one is not finite."""
    chains = check_chains(series, argument="series")
    require(np.ndim(series) == 1, "series", series, "must be one chain (n,)")
    return scaled(chains[0]) if np.all(np.isfinite(chains)) else (np.full(chains.shape[1], np.nan), 0)


def blocking_error(series):
    """Standard error of the mean: that of the first blocks with b^3 > 2 n max(1, error_b / error_1)^4.

    The maximum is for draws that alternate: their correlations reach further than a small tau says.

    NaN if the series is too short for any, with a `Doubtful` warning, or if it never moves.

    >>> blocking_error(np.random.default_rng(0).normal(size=1024)) < 0.05  # 1/32 for independent draws
    True
    """
    x, power = _one_chain(series)
    rows = _rows(x)
    first = rows[0][1]
    if not first > 0.0:
        return np.nan
    for b, error, _ in rows:
        if b**3 > 2.0 * len(x) * max(1.0, error / first) ** 4:
            return float(unscaled(error, power))
    doubt(f"{len(x)} are too few: their error still rises at the longest blocks", "series")
    return np.nan


def jackknife(statistic, series, blocks=20):
    """(estimate less its bias of order 1/n, standard error) of a function of the draws, in blocks.

    Each block is left out once; blocks should be longer than tau.

    >>> estimate, error = jackknife(np.mean, np.arange(40.0), blocks=40)
    >>> round(estimate, 9), bool(np.isclose(error, np.std(np.arange(40.0), ddof=1) / np.sqrt(40.0)))
    (19.5, True)
    """
    require(callable(statistic), "statistic", statistic, "must be a function of the draws")
    x = as_real("series", series)
    require(np.ndim(x) > 0, "series", x, "must be draws along the first axis")
    blocks = whole("blocks", blocks)
    require_index("blocks", blocks, len(x) + 1)
    require(blocks >= 2, "blocks", blocks, "must be >= 2")
    parts = np.array_split(x, blocks)
    without = [statistic(np.concatenate(parts[:i] + parts[i + 1 :])) for i in range(blocks)]
    without = real("statistic", without, blocks)
    estimate = blocks * real("statistic", statistic(np.concatenate(parts))) - (blocks - 1) * np.mean(without)
    if not np.all(np.isfinite(without)):
        return float(estimate), np.nan
    s, power = scaled(without)
    return float(estimate), float(unscaled(np.sqrt((blocks - 1) * np.mean((s - np.mean(s)) ** 2)), power))
