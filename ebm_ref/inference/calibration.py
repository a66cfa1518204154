r"""Calibration: the inverse temperature at which energies may be taken for probabilities.

    NLL(beta)  = mean_i log sum_j e^{-beta d_{ij}},    d_{ij} = E_{ij} - E_{iy}
    dNLL/dbeta = -mean_i sum_j p_{ij} d_{ij}
    beta*      = argmin NLL

E_{ij} is the energy of answer j to input i, p_{ij} its probability at beta, and y the correct answer.  At
beta* the slope is 0: on average a correct answer has the energy that the model expects, sum_j p_{ij} E_{ij}.

Training fixes the order of energies, seldom their scale.  One number repairs that, chosen on held-out
data.  NLL is convex in beta, so its slope changes sign once, and bisection finds where to the last bit.
(Here NLL is -log p, not divided by beta; dividing by beta makes another function, with another minimum.)

Many fit 1/beta by a general optimiser instead, which stops early or runs away to millions
(github.com/gpleiss/temperature_scaling/issues/23 and 28).  It has reason to run away where no wrong answer
lies below a correct one: NLL then falls for ever, and beta* is infinite.  And beta* is 0 where the energies
do not even point the right way.

    ECE = sum_b (n_b / n) |accuracy_b - confidence_b|
    bin b holds the n_b answers with (b - 1)/B < confidence <= b/B

The expected calibration error compares, bin by bin, how sure the model was with how often it was right.
The first bin holds confidence 0 as well, and the last holds 1; implementations have lost both
(github.com/UKGovernmentBEIS/inspect_evals/issues/2141, github.com/Lightning-AI/torchmetrics/issues/3510).
ECE depends on the bins, and it is 0 for a model that always says the base rate: it judges honesty, not
skill.

The energies of two models that were trained apart have no common scale, so in their sum the louder one
decides.  After calibration, beta_1 E_1 + beta_2 E_2 is a product of experts.  Bayes' rule gives the same
for two observations that are independent given y, if all y are equally likely beforehand.

Source: Guo et al. (2017), "On calibration of modern neural networks", Sections 2 and 4.2; LeCun et al.
(2006), Section 1.3, why energies need it; Hinton (2002), products of experts.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from ebm_ref.checks import real, require, require_count, require_index, require_positive, whole
from ebm_ref.inference.exhaustive import listed, possible_table
from ebm_ref.inference.uses import flags
from ebm_ref.numerics import logsumexp

MODERATE = -900, 980  # powers of two between which the largest difference may lie
SMALLEST = np.finfo(float).smallest_subnormal


@dataclass(frozen=True)
class Calibration:
    """beta*, and the evidence: the slope of NLL at the ends of a bracket around it."""

    beta: float
    nll: float  # mean of -log p of the correct answers at beta
    bracket: tuple  # (lower, upper), neighbouring floats where 0 < beta < inf
    slopes: tuple  # dNLL/dbeta there: <= 0 and >= 0
    verdict: str  # "interior"; "separated", beta = inf; "uninformative", beta = 0
    error: float = 0.0  # how far beta may be from the root, for the slope is rounded


def calibrate(tables, labels):
    """The inverse temperature that minimises held-out NLL.

    Parameters
    ----------
    tables : sequence of n arrays (k_i,)
        Energies of all answers to each input; +inf marks impossible answers.
    labels : (n,) int
        The correct answer to each, which must be possible.

    Returns
    -------
    Calibration
        Where no wrong answer lies below a correct one, beta = inf and NLL is its limit: "separated".
        Where NLL does not fall from beta = 0, so that guessing is better, beta = 0: "uninformative".

    Raises ValueError if there is no sample, if an energy is NaN or -inf, or that of a correct answer
    +inf, if differences or beta overflow, or if a label does not fit.

    Three of four are right, all by log 9, which at beta = 1 means to be sure at 90 %:

    >>> found = calibrate([[0.0, np.log(9.0)]] * 4, [0, 0, 0, 1])
    >>> round(found.beta, 12), found.verdict  # at beta = 1/2 it is sure at 75 %
    (0.5, 'interior')
    >>> calibrate([[0.0, 1.0], [3.0, 2.0]], [0, 1]).beta
    inf
    """
    rises = differences(tables, labels)
    power = int(np.frexp(np.max(np.abs(rises[rises < np.inf])))[1])
    power -= int(np.clip(power, *MODERATE))
    units = np.ldexp(rises, -power)  # so that no sum overflows, and not all products underflow
    lost = (units == 0.0) & (rises != 0.0)
    found = _calibrated(np.where(lost, np.copysign(SMALLEST, rises), units))
    beta, error, *bracket = (_scaled(x, -power) for x in (found.beta, found.error, *found.bracket))
    fits = beta < np.inf or found.beta == np.inf
    require(fits, "tables", tables, "must have larger differences: beta overflows")
    slopes = tuple(_scaled(x, power) for x in found.slopes)
    return replace(found, beta=beta, error=error, bracket=tuple(bracket), slopes=slopes)


def _scaled(x, power):
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(x, power))


def _calibrated(rises):
    """The same for differences of moderate size."""
    if slope(rises, 0.0) >= 0.0:
        return Calibration(0.0, nll(rises, 0.0), (0.0, 0.0), (slope(rises, 0.0),) * 2, "uninformative")
    if np.min(rises) >= 0.0:
        limit = float(np.mean(np.log(np.sum(rises == 0.0, axis=1))))  # ties are never decided
        return Calibration(math.inf, limit, (math.inf, math.inf), (0.0, 0.0), "separated")
    low, high = 0.0, 1.0 / float(np.max(np.abs(rises[rises < np.inf])))
    while slope(rises, high) < 0.0:
        low, high = high, 2.0 * high
    while low < (middle := low / 2.0 + high / 2.0) < high:
        low, high = (middle, high) if slope(rises, middle) < 0.0 else (low, middle)
    slopes = slope(rises, low), slope(rises, high)
    beta = low if abs(slopes[0]) < abs(slopes[1]) else high
    return Calibration(beta, nll(rises, beta), (low, high), slopes, "interior", root_error(rises, beta))


def differences(tables, labels):
    """(n, k) d_{ij} = E_{ij} - E_{iy}; +inf for what is impossible, and beyond the end of a shorter table."""
    tables = listed("tables", tables)
    require(len(tables) >= 1, "tables", tables, "must hold at least one sample")
    tables = [real("tables", table, "k") for table in tables]
    labels = whole("labels", labels, len(tables))
    rises = np.full((len(tables), max(map(np.size, tables))), np.inf)
    for rise, E, label in zip(rises, tables, labels, strict=True):
        require(len(E) >= 1, "tables", E, "must hold k >= 1 energies for each sample")
        require_index("labels", label, len(E))
        require(not np.any(np.isnan(E)), "tables", E, "must not be NaN")
        require(np.min(E) > -np.inf, "tables", E, "must be above -inf")
        require(E[label] < np.inf, "tables", E, f"must be finite at the correct answer, {label}")
        with np.errstate(over="ignore"):
            rise[: len(E)] = E - E[label]
        fits = np.array_equal(np.isfinite(E), np.isfinite(rise[: len(E)]))
        require(fits, "tables", E, "must not be so large that a difference overflows")
    return rises


def nll(rises, beta):
    """NLL: the mean over all samples of log sum_j e^{-beta d_j}."""
    return math.fsum(logsumexp(-beta * d[d < np.inf]) for d in rises) / len(rises)


def gibbs(rises, beta):
    """(n, k) probabilities p, and d with 0 for what is impossible, for which p = 0."""
    d = np.where(rises < np.inf, rises, 0.0)
    w = np.where(rises < np.inf, np.exp(-beta * (d - np.min(rises, axis=1, keepdims=True))), 0.0)
    return w / np.sum(w, axis=1, keepdims=True), d


def slope(rises, beta):
    """dNLL/dbeta, from the exact sum of the products p d; it grows with beta."""
    p, d = gibbs(rises, beta)
    return -math.fsum((p * d).ravel()) / len(rises)


def root_error(rises, beta):
    """Rounding error of the slope near its root, over the curvature of NLL, mean_i Var_p[d_i]."""
    p, d = gibbs(rises, beta)
    d = np.where(p > 0.0, d, 0.0)
    size = np.max(np.abs(d))  # in this unit no square over- or underflows
    d, units = d / size, beta * size
    noise = 2.0**-50 * np.sum(p * np.abs(d) * (1.0 + units * np.abs(d)))
    variance = np.sum(p * (d - np.sum(p * d, axis=1, keepdims=True)) ** 2)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        error = float(noise / variance / size + np.spacing(beta))
    return math.inf if math.isnan(error) else error  # no curvature: the root is not known


@dataclass(frozen=True)
class Reliability:
    """How sure and how right, bin by bin; NaN where a bin is empty."""

    edges: np.ndarray  # (bins + 1,)
    counts: np.ndarray  # (bins,)
    confidence: np.ndarray  # (bins,) mean
    accuracy: np.ndarray  # (bins,)

    @property
    def expected_calibration_error(self):
        """ECE: gaps between accuracy and confidence, weighted by the number in the bin."""
        gaps = np.abs(self.accuracy - self.confidence)[self.counts > 0]
        return float(np.sum(gaps * self.counts[self.counts > 0]) / np.sum(self.counts))


def reliability(confidences, correct, bins=15):
    """The data of a reliability diagram.

    Parameters
    ----------
    confidences : (n,) float
        Probability, in [0, 1], that the model gave to its answer.
    correct : (n,) bool
        Whether that answer was right.
    bins : int
        Number of bins of equal width, >= 1.

    Returns
    -------
    Reliability

    Raises ValueError if there is no sample, if shapes differ, or if a confidence is not in [0, 1].

    >>> diagram = reliability([0.6, 0.8, 1.0, 0.9], [True, False, True, True], bins=2)
    >>> diagram.counts.tolist(), round(diagram.expected_calibration_error, 12)
    ([0, 4], 0.075)
    """
    p = real("confidences", confidences, "n")
    require(len(p) >= 1, "confidences", p, "must hold n >= 1 numbers")
    require(np.all((p >= 0.0) & (p <= 1.0)), "confidences", p, "must be in [0, 1]")
    right = 1.0 * flags("correct", correct, len(p))
    require_count("bins", bins)
    edges = np.arange(bins + 1) / bins
    index = np.maximum(np.searchsorted(edges, p, side="left") - 1, 0)
    counts = np.bincount(index, minlength=bins)
    means = (np.bincount(index, v, bins) / np.where(counts > 0, counts, np.nan) for v in (p, right))
    return Reliability(edges, counts, *means)


def product_of_experts(tables, betas):
    """(k,) energies of several models together, sum_i beta_i E_i; they are meant for beta = 1.

    >>> product_of_experts([[0.0, 1.0], [300.0, 0.0]], [2.0, 0.005]).tolist()
    [1.5, 2.0]
    """
    tables = [possible_table("tables", table) for table in listed("tables", tables)]
    require(len(tables) >= 1, "tables", tables, "must hold at least one model")
    betas = real("betas", betas, len(tables))
    for table, beta in zip(tables, betas, strict=True):
        require_positive("betas", beta)
        real("tables", table, len(tables[0]))
    with np.errstate(over="ignore", invalid="ignore"):
        E = sum(beta * table for table, beta in zip(tables, betas, strict=True))
    possible = np.all(np.isfinite(tables), axis=0)
    require(np.all(np.isfinite(E[possible])), "betas", betas, "must not be so large that an energy overflows")
    return E
