r"""Quadratic energy: the Gaussian, where everything can be checked.

    E(x) = d' A d/2,              d = x - mu
    s    = -dE/dx = -(A + A') d/2                    the score
    C    = tr d2E/dx2 = tr A                         the curvature
    Z    = (2 pi)^(n/2) / sqrt(det A)                where A = A'

    dE/dx  = (A + A') d/2
    dE/dmu = -(A + A') d/2
    dE/dA  = d d'/2
    ds/dx  = -(A + A')/2
    ds/dmu = (A + A')/2
    ds_i/dA_{jk} = -(d_k [i = j] + d_j [i = k])/2
    dC/dx  = 0
    dC/dmu = 0
    dC/dA  = I

This is the first of five toy densities on the line and the plane.  Each has the three numbers that
learning without Z needs: the energy E, its score s (what samplers and score matching see of it) and its
curvature C, the sum of the second derivatives.  Score matching trades the unknown score of the data for
the curvature of the model: |s|^2/2 - C, in expectation, is smallest for the true model.  The Jacobian of
the score by x is minus the Hessian of E.

A need not be symmetric; it acts as (A + A')/2, and Z is finite if that is positive definite.

Note the sign: the score is *minus* the gradient of the energy.  A library that compared the gradient
itself with the score of the data learnt the energy upside down
(github.com/soran-ghaderi/torchebm/issues/318).

Source: Hyvarinen (2005), "Estimation of non-normalized statistical models by score matching".
"""

import autograd.numpy as np

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

    Raises ValueError if the shapes do not fit.

    >>> float(quadratic(np.array([3.0, 1.0]), np.zeros(2), np.array([[2.0, 0.0], [0.0, 4.0]])))
    11.0
    """
    x, mu, A = FORMULA.checked(point, center, precision)
    d = x - mu
    unit = 2.0**520 if np.any(np.abs(d) > 2.0**500) else 1.0  # so that no product overflows
    return 0.5 * unit * (unit * np.dot(d / unit, np.dot(A, d / unit)))


def quadratic_point_gradient(point, center, precision):
    """dE/dx, shape (n,): (A + A') d/2."""
    x, mu, A = FORMULA.checked(point, center, precision)
    return force(x - mu, A)


def force(d, A):
    """(A + A') d/2, of what was checked."""
    return 0.5 * (np.dot(A, d) + np.dot(d, A))


def quadratic_center_gradient(point, center, precision):
    """dE/dmu, shape (n,): -(A + A') d/2."""
    x, mu, A = FORMULA.checked(point, center, precision)
    return -force(x - mu, A)


def quadratic_precision_gradient(point, center, precision):
    """dE/dA, shape (n, n): d d'/2."""
    x, mu, _ = FORMULA.checked(point, center, precision)
    d = x - mu
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
        -(A + A') d/2, pointing downhill.

    Raises ValueError if the shapes do not fit.

    >>> quadratic_score(np.array([3.0, 1.0]), np.zeros(2), np.array([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [-6.0, -4.0]
    """
    x, mu, A = SCORE.checked(point, center, precision)
    return -force(x - mu, A)


def quadratic_score_point_gradient(point, center, precision):
    """ds/dx, shape (n, n): -(A + A')/2, minus the Hessian of E."""
    _, _, A = SCORE.checked(point, center, precision)
    return -0.5 * (A + A.T)


def quadratic_score_center_gradient(point, center, precision):
    """ds/dmu, shape (n, n): (A + A')/2."""
    _, _, A = SCORE.checked(point, center, precision)
    return 0.5 * (A + A.T)


def quadratic_score_precision_gradient(point, center, precision):
    """ds/dA, shape (n, n, n): ds_i/dA_jk = -(d_k [i = j] + d_j [i = k])/2."""
    x, mu, _ = SCORE.checked(point, center, precision)
    d, one = x - mu, np.eye(len(x))
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

    Raises ValueError if the shapes do not fit.

    >>> float(quadratic_curvature(np.zeros(2), np.zeros(2), np.array([[2.0, 0.0], [0.0, 4.0]])))
    6.0
    """
    x, mu, A = CURVATURE.checked(point, center, precision)
    return np.trace(A) + 0.0 * np.sum(x - mu)  # the 0 hands on a NaN


def quadratic_curvature_point_gradient(point, center, precision):
    """dC/dx, shape (n,): 0."""
    x, mu, _ = CURVATURE.checked(point, center, precision)
    return 0.0 * (x - mu)


def quadratic_curvature_center_gradient(point, center, precision):
    """dC/dmu, shape (n,): 0."""
    x, mu, _ = CURVATURE.checked(point, center, precision)
    return 0.0 * (x - mu)


def quadratic_curvature_precision_gradient(point, center, precision):
    """dC/dA, shape (n, n): the unit matrix."""
    x, _, _ = CURVATURE.checked(point, center, precision)
    return np.eye(len(x))


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
NO_GAUSSIANS = {  # the inputs, the argument to blame
    "a centre of another length": (AT | {"center": np.ones(1)}, "center"),
    "a precision that is not square": (AT | {"precision": np.ones((1, 2))}, "precision"),
}

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
    cases={  # (point, center, precision), E, (dE/dx, dE/dmu, dE/dA), the mistake that it exposes
        "d = (2, -1)": Case(
            AT, 4.0, ([3.0, -2.0], [-3.0, 2.0], [[2.0, -1.0], [-1.0, 0.5]]), "one half forgotten"
        ),
        "only the symmetric part of A counts": Case(
            LOPSIDED, 4.0, {"point": [3.0, -2.0]}, "gradient A d of an A that is not symmetric"
        ),
        "at the centre": Case(AT | {"point": AT["center"]}, 0.0, {"point": [0.0, 0.0]}),
        "not a number": Case(_NAN, np.nan, {"point": [np.nan, np.nan]}),
    },
    variants={
        "one half forgotten": Mistake(
            lambda x, mu, A: 2.0 * quadratic(x, mu, A), symptom="variances come out halved"
        ),
        "gradient A d of an A that is not symmetric": Mistake(
            gradients={"point": lambda x, mu, A: np.dot(A, x - mu)},
            symptom="right for symmetric A; a learnt A does not stay symmetric by itself",
        ),
        "normaliser included": Mistake(
            lambda x, mu, A: (
                quadratic(x, mu, A) + 0.5 * (len(x) * np.log(2.0 * np.pi) - np.linalg.slogdet(A)[1])
            ),
            symptom="-log p, which is E + log Z",
        ),
        "precision taken for its root": Mistake(
            lambda x, mu, A: 0.5 * np.sum(np.dot(A, x - mu) ** 2),
            symptom="|A d|^2/2: the precision is A'A, and its determinant squared",
        ),
        "half above the diagonal read": Mistake(
            lambda x, mu, A: 0.5 * np.dot(x - mu, np.dot(np.triu(A), x - mu)),
            symptom="half of every product of two coordinates is lost where A is symmetric",
        ),
    },
    refuses=NO_GAUSSIANS,
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
    cases={  # (point, center, precision), s, (ds/dx, ds/dmu, ds/dA), the mistake that it exposes
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
        "covariance taken for the precision": Mistake(
            lambda x, mu, A: -np.dot(np.linalg.pinv(A), x - mu),
            symptom="right for a unit precision; steep where it should be flat",
        ),
    },
    refuses=NO_GAUSSIANS,
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
    cases={  # (point, center, precision), C, (dC/dx, dC/dmu, dC/dA), the mistake that it exposes
        "the trace": Case(
            AT, 6.0, (np.zeros(2), np.zeros(2), np.eye(2)), "sum of all second derivatives, mixed ones too"
        ),
        "not a number": Case(_NAN, np.nan),
    },
    variants={
        "sum of all second derivatives, mixed ones too": Mistake(
            lambda x, mu, A: np.sum(A),
            symptom="a gradient of summed gradients, as automatic differentiation makes easy, adds them all",
        )
    },
    refuses=NO_GAUSSIANS,
)
