r"""PCA: the squared distance to a plane through the origin.

    F(y) = |r|^2,    r = y - W W' y

    dF/dW = -2 (r y' + y r') W
    dF/dy = 2 (r - W W' r)

The columns of W are orthonormal, the code z = W' y minimises E(y, z) = |y - W z|^2, and F is what is
left.  Energy 0 fills the plane, so its dimension limits the volume of low energy.  The W of lowest total
energy spans the first principal axes of the (centred) data.  No descent is needed to find them: they
are eigenvectors.

The formula is that of a linear autoencoder with tied weights, and the gradients hold for every W.  For
orthonormal columns W' r = 0 and the second terms vanish.

In floating point F could be had from |y|^2 - |W' y|^2 if the columns are orthonormal, but this
difference loses all digits near the plane.  The page never takes it.  Where W W' y is beyond the range,
F is infinite, and a gradient, which subtracts such numbers, is infinite or no number.

Source: Pearson (1901), "On lines and planes of closest fit"; as an energy, NYU DLSP20 week 7-3.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require, require_count
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, homogeneous, non_negative
from ebm_ref.numerics import dot, product, total, unit_of


def pca(basis, point):
    """Reconstruction energy of one point.

    Parameters
    ----------
    basis : (n, m) float
        W; its columns are orthonormal where F is to be a distance.
    point : (n,) float
        y, the mean of the data subtracted.

    Returns
    -------
    float
        |y - W W' y|^2 >= 0.

    Raises ValueError if W has not as many rows as y.

    >>> float(pca(np.array([[1.0], [0.0]]), np.array([3.0, 4.0])))  # the distance to an axis, squared
    16.0
    """
    W, y = FORMULA.checked(basis, point)
    return total(residual(W, y) ** 2)


def pca_basis_gradient(basis, point):
    """dF/dW, shape (n, m): -2 (r y' + y r') W."""
    W, y = FORMULA.checked(basis, point)
    unit, size = unit_of(y), unit_of(W)
    M = np.outer(residual(W, y) / unit, y / unit)
    return product(-2.0 * dot((M + M.T)[:, None, :], W.T / size), size, unit, unit)


def pca_point_gradient(basis, point):
    """dF/dy, shape (n,): 2 (r - W W' r)."""
    W, y = FORMULA.checked(basis, point)
    unit = min(1.0, unit_of(y))  # what is subnormal is rounded once
    return 2.0 * residual(W, residual(W, y / unit)) * unit


def residual(W, y):
    """r = y - W W' y, of y in units of its size: then W' y is in the range where W W' y is."""
    unit = unit_of(y)
    return y - unit * dot(W, dot(W.T, y / unit))


def principal_axes(points, m):
    """(n, m) orthonormal W of least total energy: the first right singular vectors of points (p, n).

    >>> W = principal_axes(np.array([[1.0, 1.0], [-2.0, -2.0], [1.0, 1.0]]), 1)
    >>> float(np.round(pca(W, np.array([3.0, 3.0])), 12))
    0.0
    """
    points = real("points", points, "p", "n")
    _, n = np.shape(points)
    require_count("m", m)
    require(m <= n, "m", m, f"must be at most {n}, the number of axes")
    require(np.all(np.isfinite(points)), "points", points, "must be finite")
    return np.linalg.svd(points)[2][:m].T


def orthonormal_basis(rng, n, m):
    """A random (n, m) matrix with orthonormal columns."""
    return np.linalg.qr(rng.normal(size=(n, m)))[0]


def the_plane_costs_nothing(formula, inputs, rng):
    """F(W z) = 0 for orthonormal W and every code z, to rounding."""
    W = orthonormal_basis(rng, *np.shape(inputs["basis"]))
    y = np.dot(W, rng.normal(size=W.shape[1]))
    return float(formula.value(W, y)) / (64 * UNIT * np.sum(np.abs(y))) ** 2


def no_code_does_better(formula, inputs, rng):
    """F(y) <= |y - W z|^2 for orthonormal W and every code z: W' y is the best one."""
    W = orthonormal_basis(rng, *np.shape(inputs["basis"]))
    y, z = inputs["point"], np.dot(inputs["point"], W) + rng.normal(scale=0.1, size=W.shape[1])
    return 0.0 if formula.value(W, y) <= np.sum((y - np.dot(W, z)) ** 2) else np.inf


def axes_turned(formula, inputs, rng):
    """F(W Q, y) = F(W, y) for every rotation Q: only the plane counts, not its axes."""
    W, y = inputs["basis"], inputs["point"]
    Q = orthonormal_basis(rng, W.shape[1], W.shape[1])
    scale = np.sum(np.abs(y)) ** 2 + formula.value(W, y)
    return abs(formula.value(np.dot(W, Q), y) - formula.value(W, y)) / (64 * UNIT * scale)


AXIS = np.array([[1.0], [0.0]])

FORMULA = Formula(
    value=pca,
    signature="(n,m),(n)->()",
    source="pearson1901; NYU DLSP20 week 7-3",
    gradients={"basis": pca_basis_gradient, "point": pca_point_gradient},
    sample=lambda rng: {
        "basis": orthonormal_basis(rng, 3, int(rng.integers(1, 3))),
        "point": rng.normal(scale=2.0, size=3),
    },
    laws=(non_negative, homogeneous(2, point=1), the_plane_costs_nothing, no_code_does_better, axes_turned),
    cases={  # (basis, point), F, (dF/dW, dF/dy), the mistake that it exposes
        "the distance to an axis": Case(
            (AXIS, [3.0, 4.0]),
            16.0,
            ([[0.0], [-24.0]], [0.0, 8.0]),
            "what W explains instead of what it leaves",
        ),
        "on the axis: no energy, and only turning it costs, to second order": Case(
            (AXIS, [3.0, 0.0]), 0.0, (np.zeros((2, 1)), np.zeros(2))
        ),
        "a full basis reconstructs everything: no energy anywhere, a collapse": Case(
            ([[0.0, 1.0], [1.0, 0.0]], [3.0, 4.0]), 0.0, (np.zeros((2, 2)), np.zeros(2))
        ),
        "columns that are not of unit length: the linear autoencoder overshoots": Case(
            ([[2.0], [0.0]], [1.0, 1.0]),
            10.0,
            ([[24.0], [8.0]], [18.0, 2.0]),
            "orthonormal columns taken for granted",
        ),
        "not a number": Case((AXIS, [np.nan, 1.0]), np.nan),
        "three times the least number, far beyond a basis of length one": Case(
            ([[1000.3], [0.7]], [1.5e-323, 0.0]), 0.0, {"basis": np.zeros((2, 1))}
        ),
    },
    variants={
        "what W explains instead of what it leaves": Mistake(
            lambda W, y: np.sum(np.dot(y, W) ** 2), symptom="highest on the data, lowest off the plane"
        ),
        "orthonormal columns taken for granted": Mistake(
            lambda W, y: np.sum(y**2) - np.sum(np.dot(y, W) ** 2),
            {"basis": lambda W, y: -2.0 * np.outer(y, np.dot(y, W))},
            symptom="the basis grows without limit when it is learnt; negative energies",
        ),
        "code by least squares": Mistake(
            lambda W, y: np.sum((y - np.dot(W, np.dot(np.linalg.pinv(W), y))) ** 2),
            symptom="the distance to the plane for every W: nothing keeps columns orthonormal",
        ),
        "point centred on its own mean": Mistake(
            lambda W, y: (lambda d: np.sum((d - np.dot(W, np.dot(W.T, d))) ** 2))(y - np.mean(y)),
            symptom="the mean over coordinates for that over points",
        ),
        "columns made of length 1 first": Mistake(
            lambda W, y: (lambda U: np.sum((y - np.dot(U, np.dot(U.T, y))) ** 2))(
                W / np.sqrt(np.sum(W**2, axis=0))
            ),
            symptom="right where they are; else the W that is given is not the one that is used",
        ),
        "first component alone": Mistake(
            lambda W, y: np.sum((y - W[:, 0] * np.dot(W[:, 0], y)) ** 2), symptom="right for one component"
        ),
    },
    refuses={"a point of another length": ((AXIS, [3.0]), "point")},
)
