r"""Diagnostics: how much a chain is worth.

    tau  = 1 + 2 sum_{t>=1} rho_t         autocorrelation time, in draws
    ESS  = S / tau                        as many independent ones as S draws
    MCSE = sd / sqrt(ESS)                 error of their mean
    rhat = sqrt(((n-1)/n W + B/n) / W)    do the chains agree?  1 if they do

    rho_t = 1 - (W - mean autocovariance at t)/V
    V     = W (n-1)/n + variance of the means of the chains

rho_t is estimated from m chains of n draws together, W being the mean variance within chains.  Chains
that disagree make rho_t large at every lag.

The sum cannot run over all lags, since their noise would not die out.  Geyer's rule: for a reversible
chain the sums of pairs, P_k = rho_{2k} + rho_{2k+1}, are positive and fall.  So stop before the first that
is not positive, and let none exceed the one before.  Sokal's rule: stop at the first lag that is at least
c tau.

Bulk, tail and rhat are those of Vehtari et al.  Every chain is cut into halves, so that a drift shows as
disagreement, and draws are replaced by normal scores of their ranks, so that infinite moments do no harm.
The tail is the worse of the indicators of the 5 % and 95 % quantiles.

Conventions: there are many other definitions under the same names.  A chain that never moves has no ESS,
which is NaN here; some return S.  In four lags Geyer's rule sees a single pair and says the same of every
series.  So shorter chains than five draws, or halves of them, have no tau, ESS or MCSE either, which some
return as S log10 S.  Whatever is NaN for such a reason, or stands only as a bound, comes with a `Doubtful`
warning that names the reason.

In floating point: the squares of 1e300 and of 1e-300 are not representable, so draws are first moved to 0
and divided by a power of two.  Nothing here depends on the unit of the draws.

    AR(1), x' = f x + sqrt(1 - f^2) z:    rho_t = f^t,    tau = (1 + f)/(1 - f)

Arrays are (chains, draws).  A NaN makes every result NaN; an infinite draw makes those NaN that do without
ranks.  Fewer than four draws are refused.

Source: Geyer (1992), "Practical Markov Chain Monte Carlo"; Sokal (1997), "Monte Carlo Methods in
Statistical Mechanics"; Vehtari et al. (2021), "Rank-Normalization, Folding, and Localization";
the AR(1) series is standard.
"""

import warnings
from statistics import NormalDist

import numpy as np

from ebm_ref.checks import as_real, real, require, require_count, require_positive, whole

NORMAL = NormalDist()
LEAST = 5  # draws of a chain, or of half of one: below it Geyer's rule does not look at them


class Doubtful(UserWarning):
    """A diagnostic that is NaN, or only a bound, for a reason that the text names."""


def doubt(reason, argument="draws"):
    """Warn, in the name of the function that the user called."""
    warnings.warn(f"{argument}: {reason}", Doubtful, stacklevel=4)


def check_chains(draws, least=4, argument="draws"):
    """Draws as float64 (chains, draws), where one chain may come as a vector; too few are refused."""
    draws = as_real(argument, draws)
    draws = draws[None] if draws.ndim == 1 else draws
    require(draws.ndim == 2 and len(draws) > 0, argument, draws, "must be (chains, draws)")
    require(draws.shape[1] >= least, argument, draws, f"must be at least {least} for each chain")
    return draws


def scaled(x):
    """((x - x_0) / 2^k, k), the largest between 1/2 and 1: what squares of it neither over- nor underflow.

    >>> scaled(np.array([1e300, 3e300, 1e300]))[0].tolist() == [0.0, 2e300 / 2.0**998, 0.0]
    True
    """
    powers = []
    for shift in (0.0, 1.0):
        x = x - shift * np.ravel(x)[0]
        powers.append(int(np.frexp(np.max(np.abs(x)))[1]))
        x = np.ldexp(x, -powers[-1])
    return x, sum(powers)


def _scaled_if_finite(draws):
    return scaled(draws)[0] if np.all(np.isfinite(draws)) else draws


def unscaled(x, power):
    """x 2^power, which may be 0 or infinite."""
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(x, power)


def autocovariance_as_printed(series):
    """The same sums written out: n^2 steps, which a Fourier transform does in n log n.

    >>> np.round(autocovariance_as_printed([1.0, -1.0, 1.0, -1.0]), 12).tolist()
    [1.0, -0.75, 0.5, -0.25]
    """
    x = _series(series)
    n, d = len(x), x - np.mean(x)
    return np.array([np.sum(d[: n - k] * d[k:]) / n for k in range(n)])


def _series(series):
    """One chain (n,) as float64."""
    x = real("series", series, "n")
    require(len(x) > 0, "series", x, "must be one or more draws")
    return x


def autocovariance(series):
    """(n,) mean over t of (x_t - mean)(x_{t+k} - mean) for each lag k; a sum of n - k terms, over n.

    >>> np.round(autocovariance(np.array([1.0, -1.0, 1.0, -1.0])), 12).tolist()
    [1.0, -0.75, 0.5, -0.25]
    """
    series = _series(series)
    if not np.all(np.isfinite(series)):
        return np.full(len(series), np.nan)
    x, power = scaled(series)
    return unscaled(_autocovariance(x), 2 * power)


def _autocovariance(series):
    n = len(series)
    spectrum = np.abs(np.fft.rfft(series - np.mean(series), 2 * n)) ** 2
    return np.fft.irfft(spectrum, 2 * n)[:n] / n


def autocorrelations(draws):
    """(n,) rho_t of several chains together; NaN if nothing ever moves.

    >>> np.round(autocorrelations([1.0, -1.0, 1.0, -1.0]), 12).tolist()
    [1.0, -1.083333333333, 0.166666666667, -0.583333333333]
    """
    draws = check_chains(draws, least=2)
    m, n = draws.shape
    if not np.all(np.isfinite(draws)) or np.all(draws == draws[0, 0]):
        return np.full(n, np.nan)
    draws, _ = scaled(draws)
    covariance = np.mean([_autocovariance(chain) for chain in draws], axis=0)
    within = covariance[0] * n / (n - 1.0)
    total = covariance[0] + (np.var(np.mean(draws, axis=1), ddof=1) if m > 1 else 0.0)
    rho = 1.0 - (within - covariance) / total
    rho[0] = 1.0
    return rho


def geyer_time(rho):
    """tau of a sequence of autocorrelations from lag 0: the initial monotone sequence.

    Of the first pair that is not positive the first half still counts, if it is positive: that corrects
    chains whose draws alternate.

    >>> geyer_time(np.array([1.0, 0.5, 0.25, 0.125, -0.5, 0.25, 0.0, 0.0]))  # -1 + 2 (1.5 + .375)
    2.75
    """
    rho = real("rho", rho, "n")
    require(len(rho) >= 2, "rho", rho, "must be autocorrelations of two lags or more")
    return _geyer_time(rho)


def _geyer_time(rho):
    pairs = rho[: len(rho) // 2 * 2].reshape(-1, 2).sum(1)[: max(1, -(-len(rho) // 2) - 1)]
    stops = np.flatnonzero(~(pairs > 0.0))
    last = stops[0] if len(stops) else len(pairs) - 1
    half = rho[2 * last] if pairs[last] >= 0.0 else max(0.0, rho[2 * last])
    return float(-1.0 + 2.0 * np.sum(np.minimum.accumulate(pairs[:last])) + half)


def autocorrelation_time(draws):
    """tau of several chains together, by Geyer's rule; NaN for fewer than five draws a chain.

    Where its noisy sum is negative, as near f = -1, tau is 0 and a `Doubtful` warning says so.

    >>> rng = np.random.default_rng(0)
    >>> bool(abs(autocorrelation_time(rng.normal(size=(4, 10000))) - 1.0) < 0.05)
    True
    """
    draws = check_chains(draws, least=2)
    unfit = not np.all(np.isfinite(draws)) or _is_unfit(draws)
    tau = np.nan if unfit else _geyer_time(autocorrelations(draws))
    if tau < 0.0:
        doubt(f"alternate so much that the sum of their autocorrelations is {tau:.2g}: tau is given as 0")
    return np.nan if np.isnan(tau) else max(0.0, tau)


def _is_unfit(draws, parts=1):
    """Whether nothing can be said of such draws: all are equal, or a warning gives the reason."""
    if np.all(draws == draws[0, 0]):
        return True
    if draws.shape[1] // parts < LEAST:
        least = LEAST * parts
        doubt(f"{draws.shape[1]} for each chain are too few to see autocorrelations in, the least is {least}")
        return True
    still = int(np.sum(np.all(draws == draws[:, :1], axis=1)))
    if still:
        doubt(f"{still} of {len(draws)} chains never move")
    return still == len(draws)


def windowed_time(draws, c=5.0):
    """tau by Sokal's rule: the sum of the chains' own correlations up to the first lag M >= c tau(M).

    Not for chains whose draws alternate: there the sum is small at once and the window shuts too soon; NaN
    with a `Doubtful` warning where it is not even positive.  Chains of less than 50 tau are warned of.

    >>> rng = np.random.default_rng(0)
    >>> bool(abs(windowed_time(rng.normal(size=(4, 10000))) - 1.0) < 0.05)
    True
    """
    draws, c = check_chains(draws), real("c", c)
    require_positive("c", c)
    if not np.all(np.isfinite(draws)) or np.all(draws == draws[:, :1]):
        return np.nan
    covariance = np.mean([_autocovariance(chain) for chain in scaled(draws)[0]], axis=0)
    tau = 2.0 * np.cumsum(covariance / covariance[0]) - 1.0
    wide = np.flatnonzero(np.arange(len(tau)) >= c * tau)
    tau = float(tau[wide[0] if len(wide) else -1])
    if not tau > 0.0:
        doubt(f"alternate, or too few: the sum of their autocorrelations, {tau:.2g}, is no time")
        return np.nan
    if draws.shape[1] < 50.0 * tau:
        doubt(
            f"{draws.shape[1]} for each chain are fewer than 50 tau, and tau = {tau:.3g} may be far too low"
        )
    return tau


def effective_size(draws):
    """S / tau as the draws stand, neither halved nor ranked; NaN for fewer than five draws a chain.

    At most S log10 S: at the bound a `Doubtful` warning says that the size may be larger.

    >>> rng = np.random.default_rng(0)
    >>> 3500 < effective_size(rng.normal(size=(4, 1000))) < 4500
    True
    """
    draws = check_chains(draws, least=2)
    unfit = not np.all(np.isfinite(draws)) or _is_unfit(draws)
    return np.nan if unfit else _effective_size(draws)


def _effective_size(draws):
    size, tau = np.size(draws), _geyer_time(autocorrelations(draws))
    if not tau > 1.0 / np.log10(size):
        doubt(f"alternate so much that ESS is given as its bound, S log10 S = {size * np.log10(size):.0f}")
    return float(size / max(tau, 1.0 / np.log10(size)))


def halves(draws):
    """Each chain cut into two, as chains of their own; of an odd number the middle draw is dropped.

    >>> halves(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])).tolist()
    [[1.0, 2.0], [4.0, 5.0]]
    """
    return _halves(check_chains(draws, least=2))


def _halves(draws):
    n = draws.shape[1] // 2
    return np.concatenate([draws[:, :n], draws[:, -n:]])


def normal_scores(draws):
    """Each draw replaced by the normal quantile of its rank, (r - 3/8)/(S + 1/4); ties share their mean rank.

    >>> np.round(normal_scores(np.array([[3.0, 100.0, -7.0]])), 3).tolist()
    [[0.0, 0.869, -0.869]]
    """
    draws = as_real("draws", draws)
    require(np.ndim(draws) > 0 and np.size(draws) > 0, "draws", draws, "must hold draws")
    return _normal_scores(draws)


def _normal_scores(draws):
    _, place, count = np.unique(draws, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2.0
    scores = np.array([NORMAL.inv_cdf(p) for p in (rank - 0.375) / (np.size(draws) + 0.25)])
    return scores[place].reshape(np.shape(draws))


def ess_bulk(draws):
    """Effective sample size for the centre: of the normal scores, chains halved.

    NaN for fewer than ten draws a chain, and where no chain moves.

    >>> rng = np.random.default_rng(0)
    >>> 3500 < ess_bulk(rng.normal(size=(4, 1000))) < 4500
    True
    """
    draws = check_chains(draws)
    unfit = np.isnan(draws).any() or _is_unfit(draws, 2)
    return np.nan if unfit else _effective_size(_normal_scores(_halves(draws)))


def ess_tail(draws):
    """Effective sample size for the tails: the worse of the indicators x <= 5 % and 95 % quantile.

    NaN for fewer than ten draws a chain, and where no chain moves.

    >>> rng = np.random.default_rng(0)
    >>> 3000 < ess_tail(rng.normal(size=(4, 1000))) < 4500
    True
    """
    draws = check_chains(draws)
    if np.isnan(draws).any() or _is_unfit(draws, 2):
        return np.nan
    draws = _scaled_if_finite(draws)
    below = [_halves(1.0 * (draws <= np.quantile(draws, p))) for p in (0.05, 0.95)]
    # of discrete draws the highest can be that many: an indicator that is always 1 says nothing
    return min(float(np.size(b)) if np.ptp(b) == 0.0 else _effective_size(b) for b in below)


def _rhat(draws):
    """R-hat as the draws stand."""
    n = draws.shape[1]
    within, between = np.mean(np.var(draws, axis=1, ddof=1)), n * np.var(np.mean(draws, axis=1), ddof=1)
    if within == 0.0:
        return np.inf if between > 0.0 else np.nan
    return float(np.sqrt((between / within + n - 1) / n))


def rhat(draws):
    """The larger of R-hat of the normal scores and of those of |x - median|, chains halved.

    One chain will do, since its halves are two.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(4, 1000))
    >>> rhat(x) < 1.01 < 1.4 < rhat(x + np.array([[0.0], [0.0], [0.0], [3.0]]))
    True
    """
    draws = check_chains(draws)
    if np.isnan(draws).any():
        return np.nan
    split = _halves(_scaled_if_finite(draws))
    folded = np.abs(split - np.median(split))
    return max(_rhat(_normal_scores(split)), _rhat(_normal_scores(folded)))


def mcse_mean(draws):
    """Monte Carlo standard error of the mean of all draws: sd / sqrt(ESS), chains halved.

    NaN for fewer than ten draws a chain, and where no chain moves.

    >>> rng = np.random.default_rng(0)
    >>> 0.014 < mcse_mean(rng.normal(size=(4, 1000))) < 0.018
    True
    """
    draws = check_chains(draws)
    if not np.all(np.isfinite(draws)) or _is_unfit(draws, 2):
        return np.nan
    draws, power = scaled(draws)
    return float(unscaled(np.std(draws, ddof=1) / np.sqrt(_effective_size(_halves(draws))), power))


def ar1_time(f):
    """tau of AR(1), |f| < 1.

    >>> ar1_time(0.5), ar1_time(-0.5)
    (3.0, 0.3333333333333333)
    """
    f = float(real("f", f))
    require(-1.0 < f < 1.0, "f", f, "must be between -1 and 1")
    return (1.0 + f) / (1.0 - f)


def ar1_mean_variance(f, n):
    """Variance of the mean of n successive draws of AR(1) with unit variance, exactly.

    >>> ar1_mean_variance(0.5, 2)  # (1 + 1 + 2/2) / 4
    0.75
    """
    tau, f = ar1_time(f), float(real("f", f))
    require_count("n", n)
    n = whole("n", n)
    return (tau - 2.0 * f * (1.0 - f**n) / (n * (1.0 - f) ** 2)) / n
