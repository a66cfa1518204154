r"""Quadratic energy: the Gaussian, where everything can be checked.

    E(x)   = (x - mu)' A (x - mu)/2
    score  = -dE/dx = -A (x - mu),      curvature = tr d2E/dx2 = tr A
    Z      = (2 pi)^(n/2) / sqrt(det A)

The first of five toy densities on the line and the plane, each with the three numbers that
learning without Z needs: the energy, its score (what samplers and score matching see of it) and its
curvature, the sum of the second derivatives.  Score matching trades the unknown score of the data for
the curvature of the model: |score|^2/2 - curvature, in expectation, is smallest for the true model.
The Jacobian of the score by x is minus the Hessian.

Every formula is written for any A, also one that is not symmetric; it acts as (A + A')/2.  For Z to be
finite that must be positive definite.

Note the sign: the score is *minus* the gradient of the energy.  A library that compared the gradient
itself with the score of the data learnt the energy upside down
(github.com/soran-ghaderi/torchebm/issues/318).

Source: Hyvarinen (2005), "Estimation of non-normalized statistical models by score matching".
"""

import autograd.numpy as np

from ebm_ref.checks import require_shape, shape_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit, moved_together


def quadratic(point, center, precision):
    """Energy of one point.

    Parameters
    ----------
    point : (n,) float
        x.
    center : (n,) float
        mu.
    precision : (n, n) float
        A, the inverse of a covariance.

    Returns
    -------
    float
        (x - mu)' A (x - mu)/2, not normalised: 0 at mu.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    >>> float(quadratic(np.array([3.0, 1.0]), np.zeros(2), np.array([[2.0, 0.0], [0.0, 4.0]])))
    11.0
    """
    d = _from_center(point, center, precision)
    return 0.5 * np.dot(d, np.dot(precision, d))


def _from_center(point, center, precision):
    (n,) = shape_of("point", point, "n")
    require_shape("center", center, (n,))
    require_shape("precision", precision, (n, n))
    return point - center


def quadratic_point_gradient(point, center, precision):
    """dE/dx, shape (n,): (A + A')(x - mu)/2."""
    d = _from_center(point, center, precision)
    return 0.5 * (np.dot(precision, d) + np.dot(d, precision))


def quadratic_center_gradient(point, center, precision):
    """dE/dmu, shape (n,): -(A + A')(x - mu)/2."""
    return -quadratic_point_gradient(point, center, precision)


def quadratic_precision_gradient(point, center, precision):
    """dE/dA, shape (n, n): (x - mu)(x - mu)'/2."""
    d = _from_center(point, center, precision)
    return 0.5 * np.outer(d, d)


def quadratic_score(point, center, precision):
    """Score of one point.

    Parameters
    ----------
    point, center, precision : as for `quadratic`
        x and mu, (n,), and A, (n, n).

    Returns
    -------
    (n,) float
        -(A + A')(x - mu)/2, pointing downhill.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    >>> quadratic_score(np.array([3.0, 1.0]), np.zeros(2), np.array([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [-6.0, -4.0]
    """
    return -quadratic_point_gradient(point, center, precision)


def quadratic_score_point_gradient(point, center, precision):
    """Jacobian by x, shape (n, n): -(A + A')/2, minus the Hessian of E."""
    _from_center(point, center, precision)
    return -0.5 * (precision + precision.T)


def quadratic_score_center_gradient(point, center, precision):
    """Jacobian by mu, shape (n, n): (A + A')/2."""
    _from_center(point, center, precision)
    return 0.5 * (precision + precision.T)


def quadratic_score_precision_gradient(point, center, precision):
    """Jacobian by A, shape (n, n, n): ds_i/dA_jk = -(d_k [i = j] + d_j [i = k])/2, d = x - mu."""
    d, one = _from_center(point, center, precision), np.eye(len(point))
    return -0.5 * (np.einsum("ij,k->ijk", one, d) + np.einsum("ik,j->ijk", one, d))


def quadratic_curvature(point, center, precision):
    """Sum of the second derivatives of the energy.

    Parameters
    ----------
    point, center, precision : as for `quadratic`
        x and mu, (n,), and A, (n, n).

    Returns
    -------
    float
        tr A, the same everywhere.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    >>> float(quadratic_curvature(np.zeros(2), np.zeros(2), np.array([[2.0, 0.0], [0.0, 4.0]])))
    6.0
    """
    d = _from_center(point, center, precision)
    return np.trace(precision) + 0.0 * np.sum(d)


def quadratic_curvature_point_gradient(point, center, precision):
    """d/dx, shape (n,): 0."""
    return 0.0 * _from_center(point, center, precision)


def quadratic_curvature_center_gradient(point, center, precision):
    """d/dmu, shape (n,): 0."""
    return 0.0 * _from_center(point, center, precision)


def quadratic_curvature_precision_gradient(point, center, precision):
    """d/dA, shape (n, n): the unit matrix."""
    return np.eye(len(_from_center(point, center, precision)))


def transposed(formula, inputs, rng):
    """A and its transpose give the same."""
    return misfit(formula, inputs, inputs | {"precision": inputs["precision"].T})


def random_gaussian(rng):
    """A point in the plane, a centre and a precision whose symmetric part is positive definite."""
    root, twist = rng.normal(size=(2, 2)), rng.normal() * np.array([[0.0, 1.0], [-1.0, 0.0]])
    return {
        "point": rng.normal(scale=2.0, size=2),
        "center": rng.normal(size=2),
        "precision": root @ root.T + 0.1 * np.eye(2) + twist,
    }


AT = {
    "point": np.array([3.0, 1.0]),
    "center": np.array([1.0, 2.0]),
    "precision": np.array([[2.0, 1.0], [1.0, 4.0]]),
}  # d = (2, -1), A d = (3, -2)
LOPSIDED = AT | {"precision": np.array([[2.0, 2.0], [0.0, 4.0]])}
_NAN = AT | {"point": np.array([np.nan, 1.0])}

FORMULA = Formula(
    value=quadratic,
    signature="(n),(n),(n,n)->()",
    source="hyvarinen2005",
    gradients={
        "point": quadratic_point_gradient,
        "center": quadratic_center_gradient,
        "precision": quadratic_precision_gradient,
    },
    sample=random_gaussian,
    laws=(moved_together("point", "center"), homogeneous(2, point=1, center=1), transposed),
    cases={  # Case((point, center, precision), value, by point and center and precision, exposes)
        "d = (2, -1)": Case(
            AT, 4.0, ([3.0, -2.0], [-3.0, 2.0], [[2.0, -1.0], [-1.0, 0.5]]), "one half forgotten"
        ),
        "only the symmetric part of A counts": Case(
            LOPSIDED, 4.0, {"point": np.array([3.0, -2.0])}, "gradient A d of an A that is not symmetric"
        ),
        "at the centre": Case(AT | {"point": AT["center"]}, 0.0, {"point": np.zeros(2)}),
        "not a number": Case(_NAN, np.nan, {"point": np.full(2, np.nan)}),
    },
    variants={
        "one half forgotten": Mistake(
            lambda x, mu, A: 2.0 * quadratic(x, mu, A), symptom="variances come out halved"
        ),
        "gradient A d of an A that is not symmetric": Mistake(
            gradients={"point": lambda x, mu, A: np.dot(A, x - mu)},
            symptom="right for symmetric A; a learnt A does not stay symmetric by itself",
        ),
    },
)

SCORE = Formula(
    value=quadratic_score,
    signature="(n),(n),(n,n)->(n)",
    source="hyvarinen2005",
    gradients={
        "point": quadratic_score_point_gradient,
        "center": quadratic_score_center_gradient,
        "precision": quadratic_score_precision_gradient,
    },
    sample=random_gaussian,
    cases={  # Case((point, center, precision), value, by point and center and precision, exposes)
        "d = (2, -1)": Case(
            AT,
            [-3.0, 2.0],
            (
                [[-2.0, -1.0], [-1.0, -4.0]],
                [[2.0, 1.0], [1.0, 4.0]],
                [[[-2.0, 0.5], [0.5, 0.0]], [[0.0, -1.0], [-1.0, 1.0]]],
            ),
            "gradient of the energy given for the score",
        ),
        "only the symmetric part of A counts": Case(LOPSIDED, [-3.0, 2.0]),
        "not a number": Case(_NAN, np.full(2, np.nan)),
    },
    variants={
        "gradient of the energy given for the score": Mistake(
            quadratic_point_gradient,
            seen_in="torchebm, github.com/soran-ghaderi/torchebm/issues/318",
            symptom="denoising score matching learns the energy upside down; samplers climb",
        ),
    },
)

CURVATURE = Formula(
    value=quadratic_curvature,
    signature="(n),(n),(n,n)->()",
    source="hyvarinen2005",
    gradients={
        "point": quadratic_curvature_point_gradient,
        "center": quadratic_curvature_center_gradient,
        "precision": quadratic_curvature_precision_gradient,
    },
    sample=random_gaussian,
    laws=(moved_together("point", "center"),),
    cases={  # Case((point, center, precision), value, by point and center and precision, exposes)
        "the trace": Case(
            AT, 6.0, (np.zeros(2), np.zeros(2), np.eye(2)), "sum of all second derivatives, mixed ones too"
        ),
        "not a number": Case(_NAN, np.nan),
    },
    variants={
        "sum of all second derivatives, mixed ones too": Mistake(
            lambda x, mu, A: np.sum(A),
            symptom="a gradient of summed gradients, as automatic differentiation makes easy, adds them all",
        ),
    },
)
