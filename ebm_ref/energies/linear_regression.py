r"""Linear regression: the energy of a real answer is half its squared distance from a prediction.

    E(y, x) = |r|^2 / 2,    r = W'x - y

    dE/dW = x r'
    dE/dx = W r
    dE/dy = -r

Inference needs no search: E is least, and 0, at y = W'x.  W only moves that parabola about, and never
changes its shape, so E cannot be lowered everywhere.  Therefore the energy loss is safe here, though
elsewhere it may collapse; the energy, perceptron and negative log-likelihood losses of this energy
differ by constants.  Statistics call twice its mean over the data the 'mean squared error'.

With the 1/2 the slope by y is -r, and e^{-E} is the Gaussian of variance 1.  Without it, as in many
texts, energies and slopes are doubled, the variance is 1/2, and the best W is the same.

Source: LeCun et al. (2006), Section 3.1.
"""

import autograd.numpy as np

from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous, non_negative, smooth
from ebm_ref.numerics import dot, half_square, total


def linear_regression(weights, features, target):
    """Energy of one answer to one input.

    Parameters
    ----------
    weights : (n, m) float
        W, one column per component of the answer.
    features : (n,) float
        The input x, or functions of it; append a 1 for a bias.
    target : (m,) float
        The answer y.

    Returns
    -------
    float
        Half the squared length of W'x - y, >= 0.

    Raises ValueError if `features` or `target` does not fit `weights`.

    >>> W = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> float(linear_regression(W, np.array([1.0, 2.0]), np.array([0.0, 1.0])))  # (1 + 9) / 2
    5.0
    """
    W, x, y = FORMULA.checked(weights, features, target)
    r = dot(W.T, x) - y
    return total(half_square(r))


def linear_regression_weights_gradient(weights, features, target):
    """dE/dW, shape (n, m): x r'."""
    W, x, y = FORMULA.checked(weights, features, target)
    r = dot(W.T, x) - y
    return np.outer(x, r)


def linear_regression_features_gradient(weights, features, target):
    """dE/dx, shape (n,): W r."""
    W, x, y = FORMULA.checked(weights, features, target)
    r = dot(W.T, x) - y
    return dot(W, r)


def linear_regression_target_gradient(weights, features, target):
    """dE/dy, shape (m,): -r, so that descent leads straight to the prediction."""
    W, x, y = FORMULA.checked(weights, features, target)
    r = dot(W.T, x) - y
    return -r


def free_at_the_prediction(formula, inputs, rng):
    """E(W'x, x) = 0, exactly: the energy of the best answer is no function of W."""
    W, x = inputs["weights"], inputs["features"]
    return 0.0 if formula.value(W, x, dot(W.T, x)) == 0.0 else np.inf


W, X = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([1.0, 2.0])

FORMULA = Formula(
    value=linear_regression,
    signature="(n,m),(n),(m)->()",
    source="lecun2006, Section 3.1",
    gradients={
        "weights": linear_regression_weights_gradient,
        "features": linear_regression_features_gradient,
        "target": linear_regression_target_gradient,
    },
    sample=lambda rng: {
        "weights": rng.normal(size=(2, 2)),
        "features": rng.normal(scale=2.0, size=2),
        "target": rng.normal(scale=2.0, size=2),
    },
    laws=(
        non_negative,
        free_at_the_prediction,
        convex_in("weights"),
        smooth("target", 1.0),
        homogeneous(2, weights=1, target=1),
    ),
    cases={  # (weights, features, target), E, (dE/dW, dE/dx, dE/dy), the mistake that it exposes
        "two answers at once: r = (1, 3)": Case(
            (W, X, [0.0, 1.0]), 5.0, ([[1.0, 3.0], [2.0, 6.0]], [1.0, 6.0], [-1.0, -3.0]), "without the half"
        ),
        "right: r = (1, 0), every prediction with its own answer": Case(
            (W, X, [0.0, 4.0]), 0.5, {"target": [-1.0, 0.0]}, "every prediction minus every answer"
        ),
        "at the prediction: nothing moves": Case(
            (W, X, [1.0, 4.0]), 0.0, (np.zeros((2, 2)), np.zeros(2), np.zeros(2))
        ),
        "one output, r = -2: the slope is x r, not r": Case(
            ([[0.5], [0.25]], [2.0, 4.0], [4.0]),
            2.0,
            {"weights": [[-4.0], [-8.0]], "target": [2.0]},
            "input forgotten in the slope",
        ),
        "not a number": Case(
            (W, X, [np.nan, 1.0]), np.nan, {"features": [np.nan, np.nan], "target": [np.nan, -3.0]}
        ),
    },
    variants={
        "without the half": Convention(
            lambda W, x, y: 2.0 * linear_regression(W, x, y),
            {
                "weights": lambda W, x, y: 2.0 * linear_regression_weights_gradient(W, x, y),
                "features": lambda W, x, y: 2.0 * linear_regression_features_gradient(W, x, y),
                "target": lambda W, x, y: 2.0 * linear_regression_target_gradient(W, x, y),
            },
            seen_in="texts that write E = |y - G(x)|^2; PyTorch, documentation of MSELoss, reduction='sum'",
            symptom="every slope is doubled: the same step size goes twice as far",
        ),
        "every prediction minus every answer": Mistake(
            lambda W, x, y: 0.5 * np.sum((np.dot(x, W)[:, None] - y) ** 2),
            seen_in="PyTorch MSELoss of shapes (m,1) and (m,), github.com/pytorch/pytorch/issues/16413",
            symptom="all predictions converge to the mean of the answers",
        ),
        "input forgotten in the slope": Mistake(
            linear_regression,
            {"weights": lambda W, x, y: np.outer(np.ones(len(x)), np.dot(x, W) - y)},
            symptom="every weight of a column moves by the same amount",
        ),
    },
    refuses={  # (weights, features, target), the argument to blame
        "an input of another length": ((W, [1.0, 2.0, 3.0], [0.0, 1.0]), "features"),
        "an answer that would be stretched": ((W, X, [1.0]), "target"),
    },
)
