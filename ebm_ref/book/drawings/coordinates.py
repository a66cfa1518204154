r"""Coordinates: what round coordinates, random lengths and the Jacobian are good for.

    mass matrix    correlation of x_2 with what it is one HMC step later, in both coordinates
    jitter         cos(L phi) of a fixed length, and its mean over random ones
    positive       the density of z = log x, with the Jacobian and without
    interval       the density of z = log(x/(1 - x)), x uniform, likewise
    simplex        the density of z, x uniform in a triangle, and the triangle in equal steps of z

Source: Neal (2011), Sections 3.2 and 4.1; the pages that are called.
"""

import numpy as np

from ebm_ref.book.drawings.paths import hills
from ebm_ref.conformance.samplers.targets import TARGETS
from ebm_ref.samplers.interval import interval_log_jacobian
from ebm_ref.samplers.jitter import fixed_correlation, jittered_correlation
from ebm_ref.samplers.mass_matrix import hmc_step
from ebm_ref.samplers.positive import positive, positive_log_jacobian
from ebm_ref.samplers.simplex import simplex, simplex_log_jacobian

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
    axes.set_xticks(range(0, 21, 4))
    back = int(lengths[int(np.argmax(fixed))])
    axes.set_title(
        f"{back} leapfrogs of {step:.2f} lead back to where $x$ was;\na random number of them does not"
    )
    axes.legend(loc="upper center", ncols=2)
    return figure


def with_and_without(plt, z, without, log_jacobian, names):
    """A density of z with its Jacobian, of area 1, and without; a figure and its axes."""
    J = np.exp([log_jacobian(np.array([one])) for one in z])
    area = float(np.trapezoid(J * without, z))
    assert abs(area - 1.0) < 1e-3 and without[0] > 0.99, area
    figure, axes = plt.subplots(figsize=(5.6, 3.7))
    axes.plot(z, J * without, label=f"{names[0]}: area {area:.2f}")
    axes.plot(z, without, label=f"{names[1]}: infinite area")
    axes.set(ylabel="density of $z$, up to a constant", ylim=(0.0, 1.3))
    axes.legend(loc="upper right")
    return figure, axes


def jacobian(plt):
    """The density of the logarithm of an exponential number."""
    z = np.linspace(-9.0, 3.0, 241)
    names = "$e^{-x} J$", "$e^{-x}$ alone"
    figure, axes = with_and_without(plt, z, np.exp(-positive(z)), positive_log_jacobian, names)
    axes.set(xlabel="$z = \\log x$", title="Without the Jacobian the chain walks to $x = 0$ for ever")
    return figure


def ends(plt):
    """The density of the logit of a uniform number."""
    z = np.linspace(-9.0, 9.0, 241)
    figure, axes = with_and_without(plt, z, np.ones(len(z)), interval_log_jacobian, ("$J$", "1 alone"))
    axes.set(xlabel="$z = \\log\\,x/(1 - x)$", title="Without the Jacobian the chain walks to both ends")
    return figure


def triangle(plt):
    """Lines of equal z in the triangle, and the density of z of points spread evenly over it."""
    line, steps = np.linspace(-10.0, 10.0, 81), np.arange(-4.0, 4.5)
    J = np.exp([[simplex_log_jacobian(np.array([u, v])) for u in line] for v in line])
    area = float(np.trapezoid(np.trapezoid(J, line), line))
    assert abs(area - 0.5) < 2e-3, area
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.9))
    for k in range(2):
        for fixed in steps:
            z = np.insert(line[:, None], k, fixed, axis=1)
            left.plot(
                *np.array([simplex(one)[:2] for one in z]).T, color=f"C{k}", linestyle="-", linewidth=0.9
            )
    left.plot([0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], color="black", linestyle="-", linewidth=1.0)
    left.set(
        aspect="equal", xlabel="$x_1$", ylabel="$x_2$", title="equal steps of $z_1$ (blue), $z_2$ (orange)"
    )
    right.contour(line, line, J, levels=np.max(J) * np.array([0.02, 0.1, 0.3, 0.6, 0.9]), colors="C0")
    right.set(aspect="equal", xlim=(-5.0, 5.0), ylim=(-5.0, 5.0), xlabel="$z_1$", ylabel="$z_2$")
    right.set_title("density of $z$: $J$")
    figure.suptitle(
        f"Where cells of equal $z$ are narrow $J$ is small; its integral is the triangle's {area:.3f}"
    )
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
    "samplers.interval": (
        ends,
        "The density of z for a uniform number between 0 and 1, with the Jacobian and without it: the second "
        "is the same everywhere, so there is nowhere to stay.",
    ),
    "samplers.simplex": (
        triangle,
        "Left: the triangle of three proportions, x_3 = 1 - x_1 - x_2, cut at whole z.  Right: the "
        "density of z where x is spread evenly; contours at 0.02, 0.1, 0.3, 0.6 and 0.9 of the highest.",
    ),
}
