r"""What makes a loss good: a condition on the plane of two energies, and the gap at which a loss rests.

    condition 1    E_C < E_j for every wrong answer j
    condition 2    E_C + m < E_I
    condition 3    some (E_C, E_I) in R with E_C + m < E_I has a lower loss
                   than every point of R with E_C + m >= E_I

E_C is the energy of the correct answer and E_I that of the most offending incorrect one: E_y and E_o
elsewhere in this book, but these are the letters of the tutorial.  Condition 1 says that inference is
right, and condition 2 that it is right by a margin m.  R is the region of pairs that the model can
reach at all.  A loss that meets condition 3 on R brings training to condition 2, because the minimum
of the loss, wherever it lies, lies beyond the margin.  Condition 3 is sufficient, not necessary, and
says nothing about convexity.

    loss                      R = [0, B]^2    R = {sqrt(E_C) + sqrt(E_I) >= D}
    log mce nll mee sq-exp    every m < B     every m < B
    hinge(m0)                 m < m0          m < m0
    sq-sq(m0)                 m < m0          m < max(m0, D^2)
    perceptron lvq2           never           never
    energy                    never           m < D^2

The table says for which m condition 3 holds; m0 is the margin of the loss.  The second region is that of
RBF outputs whose two centres are D apart (energies/rbf_output.py): there the architecture makes even the
energy loss safe.

If one moves along the loss's own force instead of searching R, one finds the column 'margin' of the
tutorial's Table 1: the smallest gap E_I - E_C at which descent from a wrong start comes to rest.

Source: LeCun et al. (2006), Section 5.2 (conditions 1-3) and Table 1 (margins).
"""

import numpy as np

from ebm_ref.checks import real, require, require_count, require_positive


def condition_3(loss, region, margin, extent=4.0, points=65, others=()):
    """Test condition 3 on a grid of [0, extent]^2.

    Parameters
    ----------
    loss : callable (energies, label) -> float
        A loss of this package, or one like it; bind its own parameters beforehand.
    region : callable (E_C, E_I) -> bool
        Whether the model can reach this pair of energies.
    margin : float
        The gap m >= 0 asked for, in units of energy.
    extent, points : float, int
        B > margin and the number of grid points a side.  The defaults make the spacing 1/16, exact in
        binary, so that a margin that is a multiple of it is compared without rounding.
    others : sequence of float
        Energies of further wrong answers, held fixed; should lie above `extent`.

    Returns
    -------
    (bool, float, float)
        Whether the condition holds, the lowest loss inside (E_C + m < E_I), the lowest outside.

    Raises ValueError if the region leaves no grid point on one of the two sides, if extent is not
    positive and finite, or if there are fewer than 2 points a side.

    >>> from ebm_ref.losses.hinge import hinge
    >>> quadrant = lambda E_C, E_I: True
    >>> [condition_3(hinge, quadrant, margin)[0] for margin in (0.5, 1.0)]
    [True, False]
    """
    margin, extent, others = real("margin", margin), real("extent", extent), real("others", others, "n")
    require_positive("extent", extent)
    require_count("points", points, 2)
    inside, outside = [], []
    for E_C in np.linspace(0.0, extent, points):
        for E_I in np.linspace(0.0, extent, points):
            if region(E_C, E_I):
                side = inside if E_C + margin < E_I else outside
                side.append(loss(np.array([E_C, E_I, *others]), 0))
    require(inside, "region", region, f"must hold a grid point with E_C + {margin} < E_I <= {extent}")
    require(outside, "region", region, f"must hold a grid point with E_C + {margin} >= E_I")
    return bool(min(inside) < min(outside)), float(min(inside)), float(min(outside))


def resting_gap(gradient, extent=4.0, step=1 / 64, lowest=0.0):
    """Smallest gap E_I - E_C at which descent on the two energies comes to rest.

    Descent runs in [lowest, extent]^2, from starts with E_C >= E_I, against the gradient scaled to
    steps of at most `step`, and rests where no step moves it: zero force, or a wall.

    Parameters
    ----------
    gradient : callable (energies, label) -> (2,) float
        Explicit gradient of a loss of two energies, its own parameters bound.
    extent, step, lowest : float
        The box, lowest < extent, and the largest step, > 0.

    Returns
    -------
    float, or None
        The smallest gap at rest; None where no start ever feels a force on E_I.

    Raises ValueError if the box is empty or unbounded, or the step not positive.

    >>> from ebm_ref.losses.hinge import hinge_gradient
    >>> from ebm_ref.losses.energy import energy_gradient
    >>> float(resting_gap(hinge_gradient)), resting_gap(energy_gradient)
    (1.0, None)
    """
    extent, step, lowest = real("extent", extent), real("step", step), real("lowest", lowest)
    require(np.isfinite(lowest), "lowest", lowest, "must be finite")
    require(lowest < extent < np.inf, "extent", extent, f"must be finite and above lowest, {lowest}")
    require_positive("step", step)
    levels = np.linspace(lowest, extent, 9)
    starts = [np.array([E_C, E_I]) for E_C in levels for E_I in levels if E_C >= E_I]
    rests, pulled = zip(*(_descend(gradient, start, step, lowest, extent) for start in starts), strict=True)
    return min(E_I - E_C for E_C, E_I in rests) if any(pulled) else None


def _descend(gradient, energies, step, lowest, extent):
    """Where descent from a pair of energies comes to rest, and whether E_I ever felt a force."""
    pulled = False
    for _ in range(10 * round((extent - lowest) / step)):
        force = -gradient(energies, 0)
        pulled = pulled or force[1] != 0.0
        length = np.max(np.abs(force))
        moved = np.clip(energies + step * force / length, lowest, extent) if length > 0.0 else energies
        if np.array_equal(moved, energies):
            return energies, pulled
        energies = moved
    raise RuntimeError(f"descent from {energies} did not come to rest; choose a smaller step than {step}")
