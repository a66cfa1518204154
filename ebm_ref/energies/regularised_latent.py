r"""Regularised latent variable: several answers to one question, at a price.

    E(x, y, z) = |y - A x - B z|^2 + lambda |z|_1
    F(x, y)    = min_z E(x, y, z)

    e = y - A x - B z,     dE/dy = 2 e,        dE/dx = -2 A' e
    dE/dA = -2 e x',       dE/dB = -2 e z',    dE/dz = -2 B' e + lambda sign(z)

A x is the prediction; z says in which way the answer differs from it, so that y is not one point but a
set.  How large a set, lambda decides.  For lambda = 0 and a B that reaches everything F is 0 for every y:
the latent variable explains all, the prediction nothing, a collapse.  For a large lambda z = 0 is
best, and F is the energy of regression.  In between F is a ridge along the columns of B: cheap
where the data vary, dear elsewhere.

Given x, it is sparse coding of what the prediction leaves; inference/ista.py finds z.

Source: NYU DLSP20 week 8-2 (regularised latent-variable models), with linear predictor and decoder.
"""

import autograd.numpy as np

from ebm_ref.checks import require_shape, shape_of
from ebm_ref.energies.sparse_coding import (
    sparse_coding,
    sparse_coding_code_gradient,
    sparse_coding_dictionary_gradient,
    sparse_coding_observation_gradient,
)
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous, non_negative


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

    Raises
    ------
    ValueError
        If lambda is negative, or if a shape does not fit.

    >>> one = np.ones(1)
    >>> float(regularised_latent(np.eye(1), 2.0 * np.eye(1), one, 4.0 * one, one, sparsity=0.5))
    1.5
    """
    return sparse_coding(decoder, _left(predictor, decoder, features, answer), code, sparsity)


def _left(predictor, decoder, features, answer):
    """y - A x: what the prediction leaves to the code."""
    (n,), (d,) = shape_of("answer", answer, "n"), shape_of("features", features, "d")
    _, m = shape_of("decoder", decoder, "n", "m")
    require_shape("predictor", predictor, (n, d))
    require_shape("decoder", decoder, (n, m))
    return answer - np.dot(predictor, features)


def regularised_latent_predictor_gradient(predictor, decoder, features, answer, code, sparsity=1.0):
    """dE/dA, shape (n, d): -2 e x'."""
    g = regularised_latent_answer_gradient(predictor, decoder, features, answer, code, sparsity)
    return -np.outer(g, features)


def regularised_latent_decoder_gradient(predictor, decoder, features, answer, code, sparsity=1.0):
    """dE/dB, shape (n, m): -2 e z'."""
    left = _left(predictor, decoder, features, answer)
    return sparse_coding_dictionary_gradient(decoder, left, code, sparsity)


def regularised_latent_features_gradient(predictor, decoder, features, answer, code, sparsity=1.0):
    """dE/dx, shape (d,): -2 A' e."""
    g = regularised_latent_answer_gradient(predictor, decoder, features, answer, code, sparsity)
    return -np.dot(g, predictor)


def regularised_latent_answer_gradient(predictor, decoder, features, answer, code, sparsity=1.0):
    """dE/dy, shape (n,): 2 e."""
    left = _left(predictor, decoder, features, answer)
    return sparse_coding_observation_gradient(decoder, left, code, sparsity)


def regularised_latent_code_gradient(predictor, decoder, features, answer, code, sparsity=1.0):
    """dE/dz, shape (m,): -2 B' e + lambda sign(z), with sign(0) = 0."""
    left = _left(predictor, decoder, features, answer)
    return sparse_coding_code_gradient(decoder, left, code, sparsity)


def a_free_code_explains_everything(formula, inputs, rng):
    """For lambda = 0 and a square B some z makes E vanish, whatever x and y: a collapse."""
    A, B, x, y, *_ = inputs.values()
    square = B + 3.0 * np.eye(len(y))
    z = np.linalg.solve(square, y - np.dot(A, x))
    size = (
        np.sum(np.abs(y)) + np.sum(np.abs(A)) * np.sum(np.abs(x)) + np.sum(np.abs(square)) * np.sum(np.abs(z))
    )
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
    cases={
        # Case((predictor, decoder, features, answer, code, sparsity), value, by predictor and decoder and
        # features and answer and code, exposes)
        "the code goes the wrong way in one of two numbers": Case(
            AT,
            5.5,
            ([[-2.0], [4.0]], [[-2.0, 0.0], [4.0, 0.0]], [6.0], [2.0, -4.0], [2.5, -4.0]),
            "price forgotten",
        ),
        "no code: the energy of regression, without its half": Case(
            AT | {"code": np.zeros(2)},
            5.0,
            {"answer": np.array([4.0, -2.0]), "code": np.array([-2.0, -2.0])},
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
            lambda A, B, x, y, z, sparsity=1.0: np.sum((y - np.dot(A, x) - np.dot(B, z)) ** 2),
            symptom="F is 0 everywhere: every answer is as good as any other",
        ),
        "prediction left out": Mistake(
            lambda A, B, x, y, z, sparsity=1.0: sparse_coding(B, y, z, sparsity),
            symptom="the input plays no part",
        ),
    },
)
