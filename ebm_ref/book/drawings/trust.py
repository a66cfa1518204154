r"""Calibration and detection: how sure and how right, and what every threshold does.

    energies that say too much    E = sharpness x (-log of the true probabilities)
    energies of two normal laws   N(0, 1) of what is present, N(gap, 1) of what is absent

Both have a truth to be held to: beta* is 1/sharpness, and the area under the ROC is Phi(gap/sqrt 2).

Source: Guo et al. (2017) for the diagram; Fawcett (2006) for the curves.
"""

from statistics import NormalDist

import numpy as np

from ebm_ref.inference.calibration import calibrate, reliability
from ebm_ref.inference.uses import detect
from ebm_ref.numerics import log_softmax, softmax

SHARPNESS, SAMPLES, ANSWERS, BINS = 3.0, 3000, 4, 10
GAP, COUNT = 2.0, 400


def sharpened(rng, n):
    """(n, k) energies of an overconfident model, and answers drawn from the true probabilities."""
    logits = rng.normal(scale=1.2, size=(n, ANSWERS))
    true = np.array([softmax(row) for row in logits])
    labels = (rng.uniform(size=(n, 1)) > np.cumsum(true, axis=1)).sum(axis=1)
    energies = -SHARPNESS * np.array([log_softmax(row) for row in logits])
    return energies, np.minimum(labels, ANSWERS - 1)


def diagram(energies, labels, beta):
    """How sure and how right at that inverse temperature."""
    p = np.array([softmax(-beta * E) for E in energies])
    return reliability(p.max(axis=1), p.argmax(axis=1) == labels, BINS)


def calibration(plt):
    """Reliability on data that beta was not chosen on."""
    rng = np.random.default_rng(0)
    beta = calibrate(*sharpened(rng, SAMPLES)).beta
    held, labels = sharpened(rng, SAMPLES)
    found = {
        "before, beta = 1": diagram(held, labels, 1.0),
        f"after, beta = {beta:.2f}": diagram(held, labels, beta),
    }
    figure, row = plt.subplots(1, 2, figsize=(8.0, 4.0), sharex=True, sharey=True)
    for axes, (name, one) in zip(row, found.items(), strict=True):
        bars(axes, one)
        axes.set_title(f"{name}: ECE {one.expected_calibration_error:.3f}")
    row[0].set_ylabel("share of right answers")
    row[0].legend(loc="upper left")
    before, after = (one.expected_calibration_error for one in found.values())
    assert abs(beta * SHARPNESS - 1.0) < 0.1 and after < 0.25 * before, (beta, before, after)
    figure.suptitle("One number, chosen on other data, makes energies honest")
    return figure


def bars(axes, one):
    """Accuracy by confidence, the gap to the diagonal hatched, and how many answers each bar stands for."""
    width, middle = 1.0 / BINS, one.edges[:-1] + 0.5 / BINS
    axes.bar(middle, one.accuracy, width=0.94 * width, color="C5", edgecolor="C0", label="how right")
    low, high = np.minimum(one.accuracy, one.confidence), np.maximum(one.accuracy, one.confidence)
    gap = {"color": "none", "edgecolor": "C1", "hatch": "////", "linewidth": 0.8}
    axes.bar(middle, high - low, bottom=low, width=0.94 * width, label="gap to how sure", **gap)
    axes.plot([0.0, 1.0], [0.0, 1.0], color="black", linestyle="--", linewidth=1.0)
    for x, y, n in zip(middle, high, one.counts, strict=True):
        if n:
            axes.text(x, y + 0.015, str(n), ha="center", fontsize=7)
    axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.12), xlabel="confidence: probability of the answer")


def detection(plt):
    """Energies of both kinds, the ROC, and precision over recall."""
    rng = np.random.default_rng(0)
    present = np.repeat([True, False], COUNT)
    energies = rng.normal(size=2 * COUNT) + GAP * ~present
    found, exact = detect(energies, present), NormalDist().cdf(GAP / np.sqrt(2.0))
    assert abs(found.area - exact) < 0.02, (found.area, exact)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11.0, 3.7))
    for label, kind, style in (("present", present, "C0"), ("absent", ~present, "C1")):
        left.hist(energies[kind], bins=np.arange(-3.5, 6.0, 0.5), histtype="step", color=style, label=label)
    left.axvline(found.threshold, color="black", linestyle="--", linewidth=1.0)
    left.set(xlabel="energy", ylabel="inputs", title=f"cheapest threshold: T = {found.threshold:.2f}")
    left.legend()
    roc(middle, found, exact)
    middle.set_title(f"ROC: area {found.area:.3f}, exact {exact:.3f}")
    right.step(found.true_positive_rate, found.precision, where="pre", color="C0", linestyle="-")
    right.plot(found.true_positive_rate[found.chosen], found.precision[found.chosen], "o", color="black")
    right.set(xlabel="recall", ylabel="precision", ylim=(0.45, 1.03))
    right.set_title(f"average precision {found.average_precision:.3f}")
    figure.suptitle(f"What is present lies below what is absent {found.area:.0%} of the time")
    return figure


def roc(axes, found, exact):
    """The curve, that of the two laws, and the chosen point."""
    line, law = np.linspace(-4.0, 6.0, 201), NormalDist()
    below = lambda mean: [law.cdf(t - mean) for t in line]
    axes.plot(below(GAP), below(0.0), color="C1", linestyle=":", zorder=3, label="the two laws")
    axes.step(
        found.false_positive_rate,
        found.true_positive_rate,
        where="post",
        color="C0",
        linestyle="-",
        label="data",
    )
    point = found.false_positive_rate[found.chosen], found.true_positive_rate[found.chosen]
    axes.plot(*point, "o", color="black", label="chosen T")
    axes.plot([0.0, 1.0], [0.0, 1.0], color="0.6", linestyle="--", linewidth=0.8)
    axes.set(aspect="equal", xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(loc="lower right")


DRAWINGS = {
    "inference.calibration": (
        calibration,
        f"Reliability of a model whose energies are {SHARPNESS:g} times too large, and of the same after "
        "`calibrate`.  Bars say how often the answer was right, hatching how much surer the model was; "
        "numbers count the answers.",
    ),
    "inference.uses": (
        detection,
        f"Energies of {COUNT} inputs of each kind, drawn from two normal laws {GAP:g} apart; what `detect` "
        "makes of them, beside the curve of the laws themselves.",
    ),
}
