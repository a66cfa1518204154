r"""Coordinates: what round coordinates, random lengths and the Jacobian are good for.

    mass matrix    correlation of x_2 with what it is one HMC step later, in both coordinates
    jitter         cos(L phi) of a fixed length, and its mean over random ones
    positive       the density of z = log x, with the Jacobian and without

Source: Neal (2011), Sections 3.2 and 4.1; the pages that are called.
"""

import numpy as np

from ebm_ref.book.drawings.paths import hills
from ebm_ref.conformance.samplers.targets import TARGETS
from ebm_ref.samplers.jitter import fixed_correlation, jittered_correlation
from ebm_ref.samplers.mass_matrix import hmc_step
from ebm_ref.samplers.positive import positive, positive_log_jacobian

STEP, LEAPFROGS, PAIRS, SHOWN = 0.4, 4, 600, 14
COVARIANCE = np.array([[1.0, 1.5], [1.5, 4.0]])  # that of the judge's target


def moved(factor, x, rng):
    """The end of one HMC step."""
    law = TARGET
    return hmc_step(
        law.energy, law.gradient, x, factor, STEP, LEAPFROGS, rng.normal(size=2), rng.exponential()
    )[0]


TARGET = TARGETS["gaussian-correlated"]()
FACTORS = {"as they are": np.eye(2), "round": np.linalg.cholesky(COVARIANCE)}


def mass(plt):
    """A path in each coordinates, and what x_2 keeps over one step from exact draws."""
    figure, row = plt.subplots(1, 2, figsize=(8.4, 4.2), sharex=True, sharey=True)
    kept = {}
    for axes, (name, factor) in zip(row, FACTORS.items(), strict=True):
        rng = np.random.default_rng(1)
        starts = TARGET.draw(rng, PAIRS)
        ends = np.array([moved(factor, x, rng) for x in starts])
        kept[name] = float(np.corrcoef(starts[:, 1], ends[:, 1])[0, 1])
        states = [np.array([-2.0, -4.0])]
        for _ in range(SHOWN):
            states.append(moved(factor, states[-1], rng))
        hills(axes, TARGET.energy, ((-4.0, 4.0), (-6.5, 6.5)))
        axes.plot(*np.array(states).T, "o-", color="C0", markersize=4.0, linewidth=0.9)
        axes.plot(*states[0], "*", color="black", markersize=10.0)
        axes.set_title(f"coordinates {name}: {kept[name]:.2f}")
        axes.label_outer()
    assert kept["round"] < 0.5 * kept["as they are"], kept
    figure.suptitle(
        "In round coordinates a step of the same cost forgets more: correlation of $x_2$ with its next"
    )
    return figure


def jitter(plt):
    """Correlation over one move against the length of the trajectory."""
    step, lengths = np.sqrt(2.0) / 2.0, np.arange(1, 21)
    fixed = [fixed_correlation(1.0, step, int(L)) for L in lengths]
    random = [jittered_correlation(1.0, step, int(M)) for M in lengths]
    late = lengths >= 3
    assert max(fixed) > 0.95 > 0.2 > np.max(np.abs(np.array(random)[late]))
    figure, axes = plt.subplots(figsize=(5.6, 3.9))
    axes.plot(lengths, fixed, "o", color="C0", linestyle="-", label="L leapfrogs each time")
    axes.plot(lengths, random, "s", color="C1", linestyle="--", label="a random number of M..3M")
    axes.axhline(0.0, color="0.6", linewidth=0.8, linestyle="-")
    axes.set(xlabel="L, or M", ylabel="correlation of $x$ with its next", ylim=(-1.1, 1.5))
    back = int(lengths[int(np.argmax(fixed))])
    axes.set_title(
        f"{back} leapfrogs of {step:.2f} lead back to where $x$ was;\na random number of them does not"
    )
    axes.legend(loc="upper center", ncols=2)
    return figure


def jacobian(plt):
    """The density of the logarithm of an exponential number."""
    z = np.linspace(-9.0, 3.0, 241)
    with_j = np.array([np.exp(positive_log_jacobian([one]) - positive([one])[0]) for one in z])
    without = np.exp(-positive(z))
    area = float(np.trapezoid(with_j, z))
    assert abs(area - 1.0) < 1e-3 and without[0] > 0.99
    figure, axes = plt.subplots(figsize=(5.6, 3.7))
    axes.plot(z, with_j, label=f"$e^{{-x}} J$: area {area:.2f}")
    axes.plot(z, without, label="$e^{-x}$ alone: no area")
    axes.set(xlabel="$z = \\log x$", ylabel="density of $z$, up to a constant", ylim=(0.0, 1.3))
    axes.set_title("Without the Jacobian the chain walks to $x = 0$ for ever")
    axes.legend(loc="upper right")
    return figure


DRAWINGS = {
    "samplers.mass_matrix": (
        mass,
        f"{SHOWN} HMC steps from the star over two correlated normals, and in the titles the correlation of "
        f"x_2 with what it is one step later, from {PAIRS} exact draws.  Both take {LEAPFROGS} leapfrogs of "
        f"{STEP:g}.",
    ),
    "samplers.jitter": (jitter, "What a move keeps of x on E = x^2/2, by the formulas of this page."),
    "samplers.positive": (
        jacobian,
        "The density of z = log x for an exponential x, with the Jacobian and without it.",
    ),
}
