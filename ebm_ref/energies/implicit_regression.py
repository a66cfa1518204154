r"""Implicit regression: question and answer are both mapped into one space, and are to meet there.

    E(y, x) = |r|^2 / 2,    r = A x - G(y),    G(y) = V h,    h = tanh(W y + b)

    delta_j = -(V' r)_j (1 - h_j^2)

    dE/dA = r x'
    dE/dW = delta y'
    dE/db = delta
    dE/dV = -r h'
    dE/dx = A' r
    dE/dy = W' delta

h is the vector of hidden units here, as in all texts on networks.

A network that maps x to y has one answer for each x.  This energy can have several: every y with
G(y) = A x, such as both square roots of 1 - x^2 on the circle.  Inference is a search, on a grid or
down the slope dE/dy, and where it ends depends on where it begins.

x may be functions of the input, or the outputs of another network: dE/dx is the force that its backward
pass needs.  The slopes by W, b, V and y are those of mlp.py, where the force on the outputs is -r.

The price of this freedom: both sides can shrink to a constant, and then every answer has energy 0.  The
energy loss finds that collapse.  So the loss must also pull up what is wrong (square-square, nll).

Source: LeCun et al. (2006), Section 3.4; the experiments there take |r|_1 for |r|^2 / 2.
"""

import autograd.numpy as np

from ebm_ref.energies.mlp import backpropagate, forward
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous, non_negative
from ebm_ref.numerics import dot, half_square, total


def implicit_regression(weights, hidden_weights, hidden_biases, output_weights, features, target):
    """Energy of one answer to one input.

    Parameters
    ----------
    weights : (d, n) float
        A, the linear map of the input.
    hidden_weights, hidden_biases, output_weights : (m, l), (m,), (d, m) float
        W, b and V, the network of the answer.
    features : (n,) float
        The input x; append a 1 for a bias.
    target : (l,) float
        The answer y.

    Returns
    -------
    float
        Half the squared distance between the two images, >= 0.

    Raises ValueError if two shapes do not fit.

    On the circle x^2 + y^2 = 1 there are two answers.  G(y) = y^2, nearly: a second difference of tanh.

    >>> e, s = 2.0**-6, np.log(3.0) / 2.0  # tanh''(-s) = 3/4
    >>> W, b = np.array([[e], [-e], [0.0]]), np.array([-s, -s, -s])
    >>> A, V = np.array([[1.0, -1.0]]), np.array([[1.0, 1.0, -2.0]]) / (0.75 * e**2)
    >>> x = np.array([1.0, 0.6**2])
    >>> [round(float(implicit_regression(A, W, b, V, x, np.array([y]))), 4) for y in (0.8, -0.8, 0.0)]
    [0.0, 0.0, 0.2048]
    """
    A, W, b, V, x, y = FORMULA.checked(
        weights, hidden_weights, hidden_biases, output_weights, features, target
    )
    r = residual(A, W, b, V, x, y)
    return total(half_square(r))


def implicit_regression_weights_gradient(
    weights, hidden_weights, hidden_biases, output_weights, features, target
):
    """dE/dA, shape (d, n): r x'."""
    A, W, b, V, x, y = FORMULA.checked(
        weights, hidden_weights, hidden_biases, output_weights, features, target
    )
    r = residual(A, W, b, V, x, y)
    return np.outer(r, x)


def implicit_regression_hidden_weights_gradient(
    weights, hidden_weights, hidden_biases, output_weights, features, target
):
    """dE/dW, shape (m, l): delta y'."""
    A, W, b, V, x, y = FORMULA.checked(
        weights, hidden_weights, hidden_biases, output_weights, features, target
    )
    r = residual(A, W, b, V, x, y)
    return backpropagate(W, b, V, y, -r)[0]


def implicit_regression_hidden_biases_gradient(
    weights, hidden_weights, hidden_biases, output_weights, features, target
):
    """dE/db, shape (m,): delta."""
    A, W, b, V, x, y = FORMULA.checked(
        weights, hidden_weights, hidden_biases, output_weights, features, target
    )
    r = residual(A, W, b, V, x, y)
    return backpropagate(W, b, V, y, -r)[1]


def implicit_regression_output_weights_gradient(
    weights, hidden_weights, hidden_biases, output_weights, features, target
):
    """dE/dV, shape (d, m): -r h'."""
    A, W, b, V, x, y = FORMULA.checked(
        weights, hidden_weights, hidden_biases, output_weights, features, target
    )
    r = residual(A, W, b, V, x, y)
    return backpropagate(W, b, V, y, -r)[2]


def implicit_regression_features_gradient(
    weights, hidden_weights, hidden_biases, output_weights, features, target
):
    """dE/dx, shape (n,): A' r."""
    A, W, b, V, x, y = FORMULA.checked(
        weights, hidden_weights, hidden_biases, output_weights, features, target
    )
    r = residual(A, W, b, V, x, y)
    return dot(A.T, r)


def implicit_regression_target_gradient(
    weights, hidden_weights, hidden_biases, output_weights, features, target
):
    """dE/dy, shape (l,): W' delta, the slope that inference follows."""
    A, W, b, V, x, y = FORMULA.checked(
        weights, hidden_weights, hidden_biases, output_weights, features, target
    )
    r = residual(A, W, b, V, x, y)
    return backpropagate(W, b, V, y, -r)[3]


def residual(A, W, b, V, x, y):
    """r = A x - G(y)."""
    return dot(A, x) - forward(W, b, V, y)


GRADIENTS = {
    "weights": implicit_regression_weights_gradient,
    "hidden_weights": implicit_regression_hidden_weights_gradient,
    "hidden_biases": implicit_regression_hidden_biases_gradient,
    "output_weights": implicit_regression_output_weights_gradient,
    "features": implicit_regression_features_gradient,
    "target": implicit_regression_target_gradient,
}


def _two_roots(y):
    """G(y) = tanh(y + 1) - tanh(y - 1) - tanh(2) is 0 at y = 1 and at y = -1, and so is A x."""
    return {
        "weights": [[0.0]],
        "hidden_weights": [[1.0], [1.0], [0.0]],
        "hidden_biases": [1.0, -1.0, 2.0],
        "output_weights": [[1.0, -1.0, -1.0]],
        "features": [1.0],
        "target": [y],
    }


# h = (3/5, 1/2) with slopes 16/25 and 3/4, G = 5 h_1 - 2 h_2 = 2 and A x = 4
SMALL = {
    "weights": [[2.0, 1.0]],
    "hidden_weights": [[1.0], [3.0]],
    "hidden_biases": [np.log(2.0), np.log(3.0) / 2.0],
    "output_weights": [[5.0, -2.0]],
    "features": [1.0, 2.0],
    "target": [0.0],
}

FORMULA = Formula(
    value=implicit_regression,
    signature="(d,n),(m,l),(m),(d,m),(n),(l)->()",
    source="lecun2006, Section 3.4",
    gradients=GRADIENTS,
    sample=lambda rng: {
        "weights": rng.normal(size=(2, 1)),
        "hidden_weights": rng.normal(size=(2, 1)),
        "hidden_biases": rng.normal(size=2),
        "output_weights": rng.normal(size=(2, 2)),
        "features": rng.normal(size=1),
        "target": rng.normal(size=1),
    },
    laws=(non_negative, convex_in("output_weights"), homogeneous(2, weights=1, output_weights=1)),
    cases={
        # (weights, hidden_weights, hidden_biases, output_weights, features, target), E, gradients, the
        # mistake that it exposes
        "apart: r = 2": Case(
            SMALL,
            2.0,
            {
                "weights": [[2.0, 4.0]],
                "hidden_weights": [[0.0], [0.0]],
                "hidden_biases": [-6.4, 3.0],
                "output_weights": [[-1.2, -1.0]],
                "features": [4.0, 2.0],
                "target": [2.6],
            },
            "answer pushed the wrong way",
        ),
        "two answers to one question: the first": Case(_two_roots(1.0), 0.0, {"target": np.zeros(1)}),
        "and the second answer": Case(_two_roots(-1.0), 0.0, {"target": np.zeros(1)}),
        "far from both: r = -3": Case(
            SMALL | {"weights": [[-1.0, 0.0]]},
            4.5,
            {"weights": [[-3.0, -6.0]], "features": [3.0, 0.0]},
            "1-norm in place of half the square",
        ),
        "not a number": Case(
            SMALL | {"target": [np.nan]},
            np.nan,
            {"weights": np.full((1, 2), np.nan), "target": np.full(1, np.nan)},
        ),
    },
    variants={
        "1-norm in place of half the square": Convention(
            lambda A, W, b, V, x, y: np.sum(np.abs(residual(A, W, b, V, x, y))),
            {
                "weights": lambda A, W, b, V, x, y: np.outer(np.sign(residual(A, W, b, V, x, y)), x),
                "target": lambda A, W, b, V, x, y: backpropagate(
                    W, b, V, y, -np.sign(residual(A, W, b, V, x, y))
                )[3],
            },
            seen_in="LeCun et al. (2006), the experiments on y = x^2",
            symptom="slopes that do not fade near the answer: with a constant step no rest",
        ),
        "answer pushed the wrong way": Mistake(
            implicit_regression,
            {"target": lambda A, W, b, V, x, y: backpropagate(W, b, V, y, residual(A, W, b, V, x, y))[3]},
            symptom="r = A x - G(y) taken through the network of y with its sign lost: inference climbs",
        ),
        "tanh at the output, too": Mistake(
            lambda A, W, b, V, x, y: 0.5 * np.sum((np.dot(A, x) - np.tanh(forward(W, b, V, y))) ** 2),
            symptom="G(y) stays within -1 and 1: no answer can meet a large A x",
        ),
        "slope of tanh forgotten": Mistake(
            implicit_regression,
            {
                "hidden_biases": lambda A, W, b, V, x, y: -np.dot(residual(A, W, b, V, x, y), V),
                "hidden_weights": lambda A, W, b, V, x, y: np.outer(
                    -np.dot(residual(A, W, b, V, x, y), V), y
                ),
                "target": lambda A, W, b, V, x, y: -np.dot(np.dot(residual(A, W, b, V, x, y), V), W),
            },
            symptom="right for small a alone; saturated units are pushed as hard as all others",
        ),
        "answer's network left linear": Mistake(
            lambda W, V, b, U, x, y: 0.5 * np.sum((np.dot(W, x) - np.dot(U, np.dot(V, y) + b)) ** 2)
        ),
    },
    refuses={
        "an input of another length": (SMALL | {"features": [1.0]}, "features"),
        "an answer of another length": (SMALL | {"target": [0.0, 0.0]}, "target"),
        "one bias for two hidden units": (SMALL | {"hidden_biases": [1.0]}, "hidden_biases"),
        "images of two lengths": (SMALL | {"output_weights": np.ones((2, 2))}, "output_weights"),
    },
)
