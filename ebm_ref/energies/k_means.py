r"""K-means: the distance to the nearest of k prototypes, squared.

    E(y, z) = |y - w_z|^2,       F(y) = min_z E(y, z)
    dF/dw_z = 2 (w_z - y) for the winner z, 0 for all others

E is rbf_output with the label unknown: which prototype explains y is a latent variable, minimised
away.  F is low near k points and high elsewhere, so however it is trained it cannot collapse: that
volume of low energy is limited by k.

Two ways to lower the total energy of a set of points.  Descent moves the winner of one point towards
it (`sgd_step`).  Lloyd's algorithm (`lloyd_step`) alternates two exact minimisations, over all z and
over all w: neither can raise the total, and there are finitely many assignments, so it ends.  It ends
in a local minimum: k-means is easy to run and hard to solve.

Source: Lloyd (1982), "Least squares quantization in PCM"; as an energy, LeCun et al. (2006) and NYU
DLSP20 week 7-2.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_positive, require_shape, shape_of
from ebm_ref.energies.rbf_output import (
    rbf_output,
    rbf_output_centers_gradient,
    rbf_output_features_gradient,
)
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit, moved_together, non_negative


def k_means(centers, point):
    """Energy of one point, the prototype minimised away.

    Parameters
    ----------
    centers : (k, n) float, k >= 1
        The prototypes w_z, one a row.
    point : (n,) float
        y.

    Returns
    -------
    float
        min_z |y - w_z|^2 >= 0.

    Raises
    ------
    ValueError
        If there is no prototype, or if y has another length.

    >>> float(k_means(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([3.0, 3.0])))
    1.0
    """
    return rbf_output(centers, point, nearest(centers, point))


def k_means_centers_gradient(centers, point):
    """dF/dw, shape (k, n): 2 (w_z - y) in the winner's row, zero elsewhere."""
    return rbf_output_centers_gradient(centers, point, nearest(centers, point))


def k_means_point_gradient(centers, point):
    """dF/dy, shape (n,): 2 (y - w_z)."""
    return rbf_output_features_gradient(centers, point, nearest(centers, point))


def nearest(centers, point):
    """z*, the index of the nearest prototype; the first of equals.

    >>> int(nearest(np.array([[0.0], [2.0]]), np.array([1.0])))
    0
    """
    k, n = shape_of("centers", centers, "k", "n")
    require(k >= 1, "centers", centers, "must hold k >= 1 prototypes")
    require_shape("point", point, (n,))
    return np.argmin(np.sum((point - centers) ** 2, axis=1))


def total_energy(centers, points):
    """sum_i F(y_i) of points (m, n): what k-means minimises."""
    return sum(k_means(centers, y) for y in points)


def lloyd_step(centers, points):
    """Each prototype becomes the mean of the points that it is nearest to; without any, it stays.

    >>> lloyd_step(np.array([[0.0], [5.0], [99.0]]), np.array([[1.0], [2.0], [6.0]])).tolist()
    [[1.5], [6.0], [99.0]]
    """
    winners = np.array([nearest(centers, y) for y in points])
    mean = lambda z: np.mean(points[winners == z], axis=0) if np.any(winners == z) else centers[z]
    return np.array([mean(z) for z in range(len(centers))])


def sgd_step(centers, point, step_size):
    """w <- w - step_size dF/dw: the winner moves towards the point; at step_size = 1/2 it arrives.

    >>> sgd_step(np.array([[0.0], [5.0]]), np.array([1.0]), step_size=0.25).tolist()
    [[0.5], [5.0]]
    """
    require_positive("step_size", step_size)
    return centers - step_size * k_means_centers_gradient(centers, point)


def lloyd_never_raises_the_energy(formula, inputs, rng):
    """A Lloyd step over random points never raises their total energy."""
    points = rng.normal(scale=2.0, size=(7, np.shape(inputs["centers"])[1]))
    moved = lloyd_step(inputs["centers"], points)
    before, after = (sum(formula.value(w, y) for y in points) for w in (inputs["centers"], moved))
    return max(0.0, after - before) / (1e-14 * abs(before))


def prototypes_renamed(formula, inputs, rng):
    """The order of the prototypes does not matter."""
    order = rng.permutation(len(inputs["centers"]))
    return misfit(formula, inputs, inputs | {"centers": inputs["centers"][order]})


def _distance_gradient(centers, point):
    d = np.sqrt(k_means(centers, point))
    return k_means_centers_gradient(centers, point) / (2.0 * d if d > 0.0 else 1.0)


W = np.array([[0.0, 0.0], [3.0, 4.0]])

FORMULA = Formula(
    value=k_means,
    signature="(k,n),(n)->()",
    source="lloyd1982; NYU DLSP20 week 7-2",
    gradients={"centers": k_means_centers_gradient, "point": k_means_point_gradient},
    sample=lambda rng: {
        "centers": rng.normal(scale=2.0, size=(3, 2)),
        "point": rng.normal(scale=2.0, size=2),
    },
    laws=(
        non_negative,
        homogeneous(2, centers=1, point=1),
        moved_together("point", "centers"),
        prototypes_renamed,
        lloyd_never_raises_the_energy,
    ),
    cases={  # Case((centers, point), value, by centers and point, exposes)
        "nearest the second prototype": Case(
            (W, [3.0, 1.0]), 9.0, ([[0.0, 0.0], [0.0, 6.0]], [0.0, -6.0]), "mean over the prototypes"
        ),
        "at a prototype: no energy, no force": Case((W, [3.0, 4.0]), 0.0, (np.zeros((2, 2)), np.zeros(2))),
        "half way between two: the first wins": Case(
            (W, [1.5, 2.0]), 6.25, ([[-3.0, -4.0], [0.0, 0.0]], [3.0, 4.0]), "distance not squared"
        ),
        "one prototype": Case(([[1.0]], [-1.0]), 4.0, ([[4.0]], [-4.0])),
        "not a number": Case((W, [np.nan, 1.0]), np.nan),
        "a prototype that is not a number wins": Case(
            ([[0.0], [np.nan]], [1.0]), np.nan, ([[0.0], [np.nan]], [np.nan])
        ),
    },
    variants={
        "distance not squared": Convention(
            lambda w, y: np.sqrt(k_means(w, y)),
            {
                "centers": _distance_gradient,
                "point": lambda w, y: -np.sum(_distance_gradient(w, y), axis=0),
            },
            seen_in="SciPy, documentation of scipy.cluster.vq.kmeans (distortion); "
            "github.com/scipy/scipy/issues/2279",
            symptom="best prototypes are medians, yet Lloyd's algorithm returns means",
        ),
        "mean over the prototypes": Mistake(
            lambda w, y: np.mean(np.sum((y - w) ** 2, axis=1)),
            symptom="all prototypes move to the mean of the data",
        ),
    },
)
