r"""QUBO: a quadratic form of bits; and the way between it, bits with biases, and spins.

    E(x)  = x'Q x,      x_i in {0, 1}
          = sum_i Q_{ii} x_i + sum_{i != j} Q_{ij} x_i x_j
    dE/dQ = x x'

Since x_i^2 = x_i, the diagonal of Q holds the biases.  Off the diagonal only Q_{ij} + Q_{ji} matters: a
symmetric Q and its upper triangle with doubled entries are the same problem.

Three forms of one model, joined by s = 2 x - 1 and x_i^2 = x_i:

    spins  -1/2 s'J s - h's        bits  -1/2 x'W x - b'x        QUBO  x'Q x

    W = 4 J,      b = 2 (h - J 1),       constant  1'h - 1/2 1'J 1
    J = W / 4,    h = b/2 + W 1 / 4,     constant  -1'b/2 - 1'W 1 / 8
    Q = -W/2 - diag(b),                  constant  0

with E(old form) = E(new form) + constant.  The constant changes no probability, but it changes log Z and
every energy that is printed.  The field of J 1 / 2, half the couplings of each spin, is forgotten as
easily.  Each conversion is exact wherever the sums above are, and so for whole numbers in any case.

Source: Boros and Hammer (2002), "Pseudo-Boolean optimization"; elementary.
"""

import autograd.numpy as np

from ebm_ref.checks import as_real, require
from ebm_ref.energies.boltzmann import check_couplings, refuse_entries
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit
from ebm_ref.numerics import negated


def qubo(matrix, bits):
    """Energy of one configuration of bits.

    Parameters
    ----------
    matrix : (n, n) float
        Q, symmetric or not; the diagonal holds what each bit costs by itself.
    bits : (n,) int
        Each 0 or 1.

    Returns
    -------
    float
        x'Q x.

    Raises ValueError if a bit is neither 0 nor 1, or if Q does not fit.

    >>> float(qubo(np.array([[-1.0, 3.0], [0.0, -1.0]]), np.array([1, 1])))
    1.0
    """
    Q, x = FORMULA.checked(matrix, bits)
    return np.dot(x, np.dot(Q, x))


def qubo_matrix_gradient(matrix, bits):
    """dE/dQ, shape (n, n): x x'."""
    _, x = FORMULA.checked(matrix, bits)
    return np.outer(x, x)


def rules(matrix, bits):
    """Units that are off or on."""
    require(np.all((bits == 0.0) | (bits == 1.0)), "bits", bits, "must be 0 or 1 each")


def bits_from_spins(couplings, fields):
    """(W, b, constant) from (J, h): E(s) = -1/2 x'W x - b'x + constant with x = (1 + s)/2.

    >>> W, b, constant = bits_from_spins([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.0])
    >>> W.tolist(), b.tolist(), float(constant)
    ([[0.0, 4.0], [4.0, 0.0]], [-2.0, -2.0], -1.0)
    """
    J, h = check_couplings(couplings, fields)
    return 4.0 * J, 2.0 * (h - np.sum(J, axis=1)), np.sum(h) - 0.5 * np.sum(J)


def spins_from_bits(weights, biases):
    """(J, h, constant) from (W, b): E(x) = -1/2 s'J s - h's + constant with s = 2 x - 1.

    >>> J, h, constant = spins_from_bits([[0.0, 4.0], [4.0, 0.0]], [-2.0, -2.0])
    >>> J.tolist(), h.tolist(), float(constant)
    ([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.0], 1.0)
    """
    W, b = check_couplings(weights, biases, ("weights", "biases"))
    return 0.25 * W, 0.5 * b + 0.25 * np.sum(W, axis=1), -0.5 * np.sum(b) - 0.125 * np.sum(W)


def qubo_from_bits(weights, biases):
    """Q, symmetric, from (W, b): E(x) = x'Q x.

    >>> qubo_from_bits([[0.0, 4.0], [4.0, 0.0]], [1.0, 2.0]).tolist()
    [[-1.0, -2.0], [-2.0, -2.0]]
    """
    W, b = check_couplings(weights, biases, ("weights", "biases"))
    return negated(0.5 * W) - np.diag(b)


def bits_from_qubo(matrix):
    """(W, b) from any square Q: E(x) = -1/2 x'W x - b'x.

    >>> W, b = bits_from_qubo([[-1.0, 3.0], [0.0, -1.0]])
    >>> W.tolist(), b.tolist()
    ([[0.0, -3.0], [-3.0, 0.0]], [1.0, 1.0])
    """
    Q = as_real("matrix", matrix)
    require(Q.ndim == 2 and len(Q) == Q.shape[1], "matrix", Q, f"must be square, not {Q.shape}")
    refuse_entries("matrix", Q, ~np.isfinite(Q), lambda i: "must be a finite number")
    return negated((Q + Q.T) * (1.0 - np.eye(len(Q)))), negated(np.diag(Q))


def qubo_from_spins(couplings, fields):
    """(Q, constant) from (J, h): E(s) = x'Q x + constant with x = (1 + s)/2.

    >>> Q, constant = qubo_from_spins([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.5])
    >>> Q.tolist(), float(constant)
    ([[2.0, -2.0], [-2.0, 1.0]], -0.5)
    """
    W, b, constant = bits_from_spins(couplings, fields)
    return qubo_from_bits(W, b), constant


def spins_from_qubo(matrix):
    """(J, h, constant) from any square Q: x'Q x = -1/2 s'J s - h's + constant with s = 2 x - 1.

    >>> J, h, constant = spins_from_qubo([[2.0, -2.0], [-2.0, 1.0]])
    >>> J.tolist(), h.tolist(), float(constant)
    ([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.5], 0.5)
    """
    return spins_from_bits(*bits_from_qubo(matrix))


def both_triangles_together(formula, inputs, rng):
    """Q and its transpose, or its upper triangle with the lower one added on, are the same problem."""
    Q = inputs["matrix"]
    folded = np.triu(Q) + np.tril(Q, -1).T
    return max(misfit(formula, inputs, inputs | {"matrix": other}) for other in (Q.T, folded))


Q2 = np.array([[-1.0, 3.0], [0.0, -2.0]])
Q3 = np.array([[1.0, -2.0, 0.5], [4.0, -8.0, 0.0], [0.25, 16.0, 2.0]])

FORMULA = Formula(
    value=qubo,
    signature="(n,n),(n)->()",
    source="boros2002; elementary",
    gradients={"matrix": qubo_matrix_gradient},
    sample=lambda rng: {"matrix": rng.normal(scale=2.0, size=(3, 3)), "bits": rng.integers(2, size=3)},
    laws=(homogeneous(1, matrix=1), both_triangles_together),
    cases={  # (matrix, bits), E, dE/dQ, the mistake that it exposes
        "both on: each costs -1 and -2, together 3": Case(
            (Q2, [1, 1]), 0.0, np.ones((2, 2)), "diagonal left out"
        ),
        "one on: the diagonal": Case((Q2, [0, 1]), -2.0, [[0.0, 0.0], [0.0, 1.0]]),
        "all off": Case((Q3, [0, 0, 0]), 0.0, np.zeros((3, 3)), "spins taken for bits"),
        "not symmetric: both triangles count": Case((Q3, [1, 1, 0]), -5.0, exposes="one triangle read"),
        "every pair once, the diagonal once": Case(
            ([[1.0, 2.0], [2.0, 4.0]], [1, 1]), 9.0, exposes="one half in front"
        ),
        "not a number": Case((np.full((2, 2), np.nan), [1, 1]), np.nan),
    },
    variants={
        "diagonal left out": Mistake(
            lambda Q, x: np.dot(x, np.dot(Q - np.diag(np.diag(Q)), x)),
            seen_in="github.com/IBM/p-kit/pull/134",
            symptom="biases are lost on the way to spins: wrong optima, found with confidence",
        ),
        "one triangle read": Mistake(
            lambda Q, x: np.dot(x, np.dot(np.triu(Q), x)),
            symptom="right for upper triangular Q alone; a symmetric one counts half",
        ),
        "one half in front": Convention(
            lambda Q, x: 0.5 * np.dot(x, np.dot(Q, x)),
            lambda Q, x: 0.5 * np.outer(x, x),
            seen_in="quadratic programming, 1/2 x'Px + q'x: the documentation of OSQP and CVXOPT",
        ),
        "spins taken for bits": Mistake(
            lambda Q, x: np.dot(2 * np.array(x) - 1, np.dot(Q, 2 * np.array(x) - 1)),
            symptom="the diagonal becomes a constant",
        ),
        "one half in front of the pairs": Mistake(
            lambda Q, x: 0.5 * (np.dot(x, np.dot(Q, x)) + np.dot(np.diag(Q), x)),
            symptom="the half of a Boltzmann machine for the pairs, none for the biases",
        ),
        "pairs counted twice": Mistake(
            lambda Q, x: 2.0 * np.dot(x, np.dot(Q, x)) - np.dot(np.diag(Q), x),
            symptom="both halves of a symmetric Q doubled, as if only one were given",
        ),
        "diagonal counted twice": Mistake(
            lambda Q, x: np.dot(x, np.dot(Q, x)) + np.dot(np.diag(Q), x),
            symptom="linear terms added to a matrix that holds them",
        ),
        "lower triangle read": Mistake(
            lambda Q, x: np.dot(x, np.dot(np.tril(Q), x)),
            symptom="nothing but the diagonal of an upper triangle",
        ),
    },
    rules=rules,
    refuses={
        "a spin": ((Q2, [1, -1]), "bits"),
        "a bit that is no number": ((Q2, [1.0, np.nan]), "bits"),
        "more bits than rows": ((Q2, [1, 1, 1]), "bits"),
    },
)
