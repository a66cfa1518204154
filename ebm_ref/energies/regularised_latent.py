r"""Regularised latent variable: several answers to one question, at a price.

    E(x, y, z) = |e|^2 + lambda |z|_1,      e = y - A x - B z
    F(x, y)    = min_z E(x, y, z)

    dE/dA = -2 e x'
    dE/dB = -2 e z'
    dE/dx = -2 A' e
    dE/dy = 2 e
    dE/dz = -2 B' e + lambda sign(z)

A x is the prediction; z says in which way the answer differs from it.  So the answers of low energy are
not one point but a set, and lambda decides how large a set.  For lambda = 0 and a B that reaches
everything F is 0 for every y: the latent variable explains all, the prediction nothing, a collapse.
For a large lambda z = 0 is best, and F is the energy of regression.  In between the answers of low
energy lie along the columns of B: F is small where the data vary, and large elsewhere.

Given x, this is sparse coding of y - A x, what the prediction leaves; inference/ista.py finds z.

Source: NYU DLSP20 week 8-2 (regularised latent-variable models), with linear predictor and decoder.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.energies.sparse_coding import sparse_coding
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous, non_negative
from ebm_ref.numerics import dot, total


def regularised_latent(predictor, decoder, features, answer, code, sparsity=1.0):
    """Energy of one answer to one input with one code.

    Parameters
    ----------
    predictor : (n, d) float
        A.
    decoder : (n, m) float
        B, one way to differ a column.
    features : (d,) float
        x.
    answer : (n,) float
        y.
    code : (m,) float
        z.
    sparsity : float
        lambda >= 0, the price of a unit of code.

    Returns
    -------
    float
        |y - A x - B z|^2 + lambda sum_j |z_j| >= 0.

    Raises ValueError if lambda is negative, or if a shape does not fit.

    >>> one = np.ones(1)
    >>> float(regularised_latent(np.eye(1), 2.0 * np.eye(1), one, 4.0 * one, one, sparsity=0.5))
    1.5
    """
    A, B, x, y, z, lam = FORMULA.checked(predictor, decoder, features, answer, code, sparsity)
    return total(unexplained(A, B, x, y, z) ** 2) + lam * total(np.abs(z))


def unexplained(A, B, x, y, z):
    """e: what prediction and code leave of the answer."""
    return y - dot(A, x) - dot(B, z)


def regularised_latent_predictor_gradient(predictor, decoder, features, answer, code, sparsity=1.0):
    """dE/dA, shape (n, d): -2 e x'."""
    A, B, x, y, z, _ = FORMULA.checked(predictor, decoder, features, answer, code, sparsity)
    return np.outer(-2.0 * unexplained(A, B, x, y, z), x)


def regularised_latent_decoder_gradient(predictor, decoder, features, answer, code, sparsity=1.0):
    """dE/dB, shape (n, m): -2 e z'."""
    A, B, x, y, z, _ = FORMULA.checked(predictor, decoder, features, answer, code, sparsity)
    return np.outer(unexplained(A, B, x, y, z), -2.0 * z)


def regularised_latent_features_gradient(predictor, decoder, features, answer, code, sparsity=1.0):
    """dE/dx, shape (d,): -2 A' e."""
    A, B, x, y, z, _ = FORMULA.checked(predictor, decoder, features, answer, code, sparsity)
    return dot(A.T, -2.0 * unexplained(A, B, x, y, z))


def regularised_latent_answer_gradient(predictor, decoder, features, answer, code, sparsity=1.0):
    """dE/dy, shape (n,): 2 e."""
    A, B, x, y, z, _ = FORMULA.checked(predictor, decoder, features, answer, code, sparsity)
    return 2.0 * unexplained(A, B, x, y, z)


def regularised_latent_code_gradient(predictor, decoder, features, answer, code, sparsity=1.0):
    """dE/dz, shape (m,): -2 B' e + lambda sign(z), with sign(0) = 0."""
    A, B, x, y, z, lam = FORMULA.checked(predictor, decoder, features, answer, code, sparsity)
    return -2.0 * dot(B.T, unexplained(A, B, x, y, z)) + lam * np.sign(z)


def rules(predictor, decoder, features, answer, code, sparsity):
    """A price is not negative."""
    require(not sparsity < 0.0, "sparsity", sparsity, "must be >= 0")


def a_free_code_explains_everything(formula, inputs, rng):
    """For lambda = 0 and a square B some z makes E vanish, whatever x and y: a collapse."""
    A, B, x, y, *_ = inputs.values()
    square = B + 3.0 * np.eye(len(y))
    z = np.linalg.solve(square, y - np.dot(A, x))
    size = sum(np.sum(np.abs(part)) for part in (y, np.outer(A, x), np.outer(square, z)))
    return float(formula.value(A, square, x, y, z, 0.0)) / (1e-15 * size) ** 2


AT = {
    "predictor": np.array([[1.0], [2.0]]),
    "decoder": np.array([[1.0, 0.0], [1.0, -1.0]]),
    "features": np.array([1.0]),
    "answer": np.array([3.0, 1.0]),
    "code": np.array([1.0, 0.0]),
    "sparsity": 0.5,
}  # y - A x = (2, -1), B z = (1, 1), e = (1, -2)

FORMULA = Formula(
    value=regularised_latent,
    signature="(n,d),(n,m),(d),(n),(m),()->()",
    source="NYU DLSP20 week 8-2",
    gradients={
        "predictor": regularised_latent_predictor_gradient,
        "decoder": regularised_latent_decoder_gradient,
        "features": regularised_latent_features_gradient,
        "answer": regularised_latent_answer_gradient,
        "code": regularised_latent_code_gradient,
    },
    sample=lambda rng: {
        "predictor": rng.normal(size=(2, 1)),
        "decoder": rng.normal(size=(2, 2)),
        "features": rng.normal(size=1),
        "answer": rng.normal(scale=2.0, size=2),
        "code": rng.normal(size=2),
        "sparsity": rng.uniform(0.1, 2.0),
    },
    laws=(
        non_negative,
        convex_in("code"),
        convex_in("answer"),
        homogeneous(2, features=1, answer=1, code=1, sparsity=1),
        a_free_code_explains_everything,
    ),
    cases={  # (A, B, x, y, z, lambda), E, (dE/dA, dE/dB, dE/dx, dE/dy, dE/dz), the mistake that it exposes
        "the code goes the wrong way in one of two numbers": Case(
            AT,
            5.5,
            ([[-2.0], [4.0]], [[-2.0, 0.0], [4.0, 0.0]], [6.0], [2.0, -4.0], [2.5, -4.0]),
            "price forgotten",
        ),
        "no code: the energy of regression, without its half": Case(
            AT | {"code": np.zeros(2)},
            5.0,
            {"answer": [4.0, -2.0], "code": [-2.0, -2.0]},
            "prediction left out",
        ),
        "the code explains what the prediction leaves, and is paid for": Case(
            AT | {"code": np.array([2.0, 3.0])},
            2.5,
            (np.zeros((2, 1)), np.zeros((2, 2)), np.zeros(1), np.zeros(2), [0.5, 0.5]),
        ),
        "not a number": Case(AT | {"features": np.array([np.nan])}, np.nan),
    },
    variants={
        "price forgotten": Mistake(
            lambda A, B, x, y, z, lam=1.0: np.sum((y - np.dot(A, x) - np.dot(B, z)) ** 2),
            symptom="F is 0 everywhere: every answer is as good as any other",
        ),
        "prediction left out": Mistake(
            lambda A, B, x, y, z, lam=1.0: sparse_coding(B, y, z, lam), symptom="the input plays no part"
        ),
    },
    rules=rules,
    refuses={
        "a negative price": (AT | {"sparsity": -1.0}, "sparsity"),
        "an input that does not fit to A": (AT | {"features": np.ones(2)}, "features"),
        "a decoder of another number of rows": (AT | {"decoder": np.ones((1, 2))}, "decoder"),
        "a code without an entry for each column of B": (AT | {"code": np.ones(1)}, "code"),
    },
)
