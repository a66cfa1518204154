r"""K-means: the distance to the nearest of k prototypes, squared.

    E(y, z) = |y - w_z|^2,    F(y) = min_z E(y, z)

    dF/dw_z = -2 (y - w_z)    for the winner z, 0 for all others
    dF/dy   = 2 (y - w_z)

E is rbf_output with the label unknown: which prototype explains y is a latent variable, minimised
away.  F is low near k points and high elsewhere, so however it is trained it cannot collapse: k limits
that volume of low energy.

There are two ways to lower the total energy of a set of points.  Descent moves the winner of one point
towards it (`sgd_step`).  Lloyd's algorithm (`lloyd_step`) alternates two exact minimisations, over all z
and over all w.  Neither can raise the total, and there are finitely many assignments, so it ends.  It
ends in a local minimum: k-means is easy to run and hard to solve.

In floating point the squares overflow long before the distances do, and then all prototypes tie at
infinity.  So the page looks for the winner in a unit of about its own distance.

Source: Lloyd (1982), "Least squares quantization in PCM"; as an energy, LeCun et al. (2006) and NYU
DLSP20 week 7-2.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require, require_positive
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit, moved_together, non_negative
from ebm_ref.numerics import logsumexp

TINY, HUGE = 2.0**-1022, 2.0**1023  # the least and the largest power of two that are normal numbers


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

    Raises ValueError if there is no prototype, or if y has another length.

    >>> float(k_means(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([3.0, 3.0])))
    1.0
    """
    w, y = FORMULA.checked(centers, point)
    return np.sum((y - w[winner(w, y)]) ** 2)


def k_means_centers_gradient(centers, point):
    """dF/dw, shape (k, n): -2 (y - w_z) in the winner's row, zero elsewhere."""
    w, y = FORMULA.checked(centers, point)
    return by_centers(w, y)


def k_means_point_gradient(centers, point):
    """dF/dy, shape (n,): 2 (y - w_z)."""
    w, y = FORMULA.checked(centers, point)
    return 2.0 * (y - w[winner(w, y)])


def winner(w, y):
    """argmin_z |y - w_z|^2, in a unit that makes the least about 1; the first NaN where there is one."""
    d = y - w
    reach = np.sum(np.abs(d), axis=1)
    least = np.min(np.where(reach < HUGE, reach, HUGE))
    unit = 2.0 ** np.floor(np.log2(np.maximum(least, TINY)))  # dividing by a power of two is exact
    with np.errstate(over="ignore"):  # what is infinite now is far from winning
        return np.argmin(np.sum((d / unit) ** 2, axis=1))


def by_centers(w, y):
    """dF/dw of arrays that were checked."""
    g, z = np.zeros(w.shape), winner(w, y)
    g[z] = -2.0 * (y - w[z])
    return g


def rules(centers, point):
    """A prototype at least."""
    require(len(centers) >= 1, "centers", centers, "must hold k >= 1 prototypes")


def nearest(centers, point):
    """z*, the index of the nearest prototype; ties go to the lowest index.

    >>> int(nearest(np.array([[0.0], [2.0]]), np.array([1.0])))
    0
    >>> int(nearest(np.array([[0.0], [3e300]]), np.array([2e300])))  # though both energies are infinite
    1
    """
    return winner(*FORMULA.checked(centers, point))


def total_energy(centers, points):
    """sum_i F(y_i) of points (p, n): what k-means minimises."""
    w, points = _prototypes_and_points(centers, points)
    return sum(np.sum((y - w[winner(w, y)]) ** 2) for y in points)


def lloyd_step(centers, points):
    """Each prototype becomes the mean of the points that it is nearest to; without any, it stays.

    >>> lloyd_step(np.array([[0.0], [5.0], [99.0]]), np.array([[1.0], [2.0], [6.0]])).tolist()
    [[1.5], [6.0], [99.0]]
    """
    w, points = _prototypes_and_points(centers, points)
    winners = np.array([winner(w, y) for y in points])
    mean = lambda z: np.mean(points[winners == z], axis=0) if np.any(winners == z) else w[z]
    return np.array([mean(z) for z in range(len(w))])


def _prototypes_and_points(centers, points):
    """w (k, n) and the points (p, n) as float64."""
    w = real("centers", centers, "k", "n")
    rules(w, None)
    return w, real("points", points, "p", np.shape(w)[1])


def sgd_step(centers, point, step_size):
    """w <- w - step_size dF/dw: the winner moves towards the point; at step_size = 1/2 it arrives.

    >>> sgd_step(np.array([[0.0], [5.0]]), np.array([1.0]), step_size=0.25).tolist()
    [[0.5], [5.0]]
    """
    w, y = FORMULA.checked(centers, point)
    step_size = real("step_size", step_size)
    require_positive("step_size", step_size)
    return w - step_size * by_centers(w, y)


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
    cases={  # (centers, point), F, (dF/dw, dF/dy), the mistake that it exposes
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
            {"centers": _distance_gradient, "point": lambda w, y: -np.sum(_distance_gradient(w, y), axis=0)},
            seen_in="SciPy, documentation of scipy.cluster.vq.kmeans (distortion); "
            "github.com/scipy/scipy/issues/2279",
            symptom="best prototypes are medians, yet Lloyd's algorithm returns means",
        ),
        "mean over the prototypes": Mistake(
            lambda w, y: np.mean(np.sum((y - w) ** 2, axis=1)),
            symptom="all prototypes move to the mean of the data",
        ),
        "free energy for the minimum": Mistake(
            lambda w, y: -logsumexp(-np.sum((y - w) ** 2, axis=1)),
            symptom="every prototype gets a share: a mixture of Gaussians at the temperature 1",
        ),
        "every prototype moved": Mistake(
            k_means,
            {"centers": lambda w, y: 2.0 * (w - y)},
            symptom="the slope of the sum over prototypes: all move to the mean",
        ),
        "largest inner product": Mistake(
            lambda w, y: -np.max(np.dot(w, y)),
            symptom="nearest only among prototypes of one length; no lower bound",
        ),
        "winner by inner product": Mistake(
            lambda w, y: np.sum((y - w[np.argmax(np.dot(w, y))]) ** 2),
            symptom="long prototypes win what lies near short ones",
        ),
        "each coordinate's own winner": Mistake(
            lambda w, y: np.sum(np.min((y - w) ** 2, axis=0)),
            symptom="minimum and sum exchanged: right for one coordinate",
        ),
        "averaged by a softmax": Mistake(
            lambda w, y: (lambda d: np.sum(d * np.exp(np.min(d) - d)) / np.sum(np.exp(np.min(d) - d)))(
                np.sum((y - w) ** 2, axis=1)
            ),
            symptom="every prototype is pulled, as in soft k-means: neither the minimum nor a free energy",
        ),
        "one minus the largest cosine": Mistake(
            lambda w, y: 1.0 - np.max(np.dot(w, y) / np.sqrt(np.sum(w**2, axis=1) * np.sum(y**2))),
            symptom="spherical k-means: lengths do not count",
        ),
    },
    rules=rules,
    refuses={  # (centers, point), the argument to blame
        "no prototype": ((np.ones((0, 2)), [1.0, 1.0]), "centers"),
        "a point of another length": ((W, [1.0]), "point"),
    },
)
