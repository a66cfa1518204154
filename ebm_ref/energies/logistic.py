r"""Logistic regression: the energy of yes or no that is already normalised.

    E(Y, x) = -Y log s(z) - (1 - Y) log(1 - s(z)) = log(1 + e^z) - Y z

    z = w.x + b,    Y = 0 or 1,    s(z) = 1 / (1 + e^{-z})

    dE/dw = (s(z) - Y) x
    dE/db = s(z) - Y
    dE/dx = (s(z) - Y) w

The two energies are tied: e^{-E(0)} + e^{-E(1)} = 1, whatever w and b are.  To lower one is to raise
the other.  So the plainest of all losses, the energy of the right answer, cannot collapse.  It is the
'binary cross-entropy' of every framework, and minus the log-likelihood of logistic regression.
The predicted answer is 1 where z > 0.

In floating point s(z) is 1 from z = 37 on: the logarithm of 1 - s(z) is infinite, the slope s(z) - 1
is 0, and both lose digits long before.  Turn z towards the answer, z' = (2Y - 1) z, and no difference
is left:

    E = log(1 + e^{-z'}),    dE/dz = -(2Y - 1) s(-z')

Source: Cox (1958); as an energy LeCun et al. (2006), Section 3.2, with G = z/2.
"""

import autograd.numpy as np

from ebm_ref.checks import require_one_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, likelihood_over, non_negative
from ebm_ref.numerics import dot, sigmoid, softplus


def logistic_as_printed(weights, bias, features, answer):
    """log(1 + e^z) - Y z: a certain answer costs what is left of two numbers that cancel, and e^z overflows.

    >>> float(logistic_as_printed(np.array([4.0]), 0.0, np.array([10.0]), 1))  # e^-40 is the truth
    0.0
    """
    w, b, x, Y = FORMULA.checked(weights, bias, features, answer)
    z = dot(w, x) + b
    return np.log(1.0 + np.exp(z)) - Y * z


def logistic(weights, bias, features, answer):
    """Energy of yes or no to one input.

    Parameters
    ----------
    weights : (n,) float
        w.
    bias : float
        b.
    features : (n,) float
        The input x.
    answer : int
        Y, 0 or 1.

    Returns
    -------
    float
        -log p(Y | x) >= 0, in nats.

    Raises ValueError if `answer` is neither 0 nor 1, or if `features` does not fit `weights`.

    >>> float(logistic(np.array([4.0]), 0.0, np.array([10.0]), 1))  # p = 1 to seventeen digits
    4.248354255291589e-18
    """
    w, b, x, Y = FORMULA.checked(weights, bias, features, answer)
    return softplus(-towards(w, b, x, Y))


def logistic_weights_gradient(weights, bias, features, answer):
    """dE/dw, shape (n,): (s(z) - Y) x."""
    w, b, x, Y = FORMULA.checked(weights, bias, features, answer)
    return slope(w, b, x, Y) * x


def logistic_bias_gradient(weights, bias, features, answer):
    """dE/db = dE/dz: s(z) - Y, without a difference."""
    w, b, x, Y = FORMULA.checked(weights, bias, features, answer)
    return slope(w, b, x, Y)


def logistic_features_gradient(weights, bias, features, answer):
    """dE/dx, shape (n,): (s(z) - Y) w."""
    w, b, x, Y = FORMULA.checked(weights, bias, features, answer)
    return slope(w, b, x, Y) * w


def towards(w, b, x, Y):
    """z' = (2Y - 1) z: how far the logit speaks for the answer."""
    return (2.0 * Y - 1.0) * (dot(w, x) + b)


def slope(w, b, x, Y):
    """dE/dz = -(2Y - 1) s(-z')."""
    return -(2.0 * Y - 1.0) * sigmoid(-towards(w, b, x, Y))


def rules(weights, bias, features, answer):
    """Yes or no."""
    require_one_of("answer", answer, 0, 1)


def _of_probabilities(w, b, x, Y):
    s = sigmoid(dot(w, x) + b)
    with np.errstate(divide="ignore"):
        return -Y * np.log(s) - (1 - Y) * np.log(1.0 - s) if Y in (0, 1) else np.nan


THIRD = {"weights": [0.0, 2.0], "bias": np.log(3.0), "features": [1.0, 0.0]}


def _of_sigmoid(w, b, x):
    """s (1 - s)."""
    return sigmoid(np.dot(w, x) + b) * sigmoid(-np.dot(w, x) - b)


def _clipped(w, b, x, Y):
    p = np.clip(sigmoid(np.dot(w, x) + b), 1e-7, 1.0 - 1e-7)
    return -Y * np.log(p) - (1 - Y) * np.log(1.0 - p)


FORMULA = Formula(
    value=logistic,
    signature="(n),(),(n),()->()",
    source="cox1958; lecun2006, Section 3.2",
    gradients={
        "weights": logistic_weights_gradient,
        "bias": logistic_bias_gradient,
        "features": logistic_features_gradient,
    },
    sample=lambda rng: {
        "weights": rng.normal(scale=2.0, size=1),
        "bias": rng.normal(),
        "features": rng.normal(scale=2.0, size=1),
        "answer": int(rng.integers(2)),
    },
    laws=(non_negative, likelihood_over("answer"), convex_in("weights")),
    cases={  # (weights, bias, features, answer), E, (dE/dw, dE/db, dE/dx), the mistake that it exposes
        "nothing known: log 2 either way": Case(
            (np.zeros(2), 0.0, [3.0, 4.0], 0),
            np.log(2.0),
            ([1.5, 2.0], 0.5, np.zeros(2)),
            "logarithm forgotten",
        ),
        "probable: p = 3/4": Case(
            THIRD | {"answer": 1}, np.log(4.0 / 3.0), ([-0.25, 0.0], -0.25, [0.0, -0.5])
        ),
        "improbable: p = 1/4": Case(
            THIRD | {"answer": 0}, np.log(4.0), ([0.75, 0.0], 0.75, [0.0, 1.5]), "answers -1 and 1"
        ),
        "certain: e^-40 is left, in the energy and in the slope": Case(
            ([-8.0], 0.0, [5.0], 0), 4.248354255291589e-18, {"bias": 4.248354255291589e-18}
        ),
        "refuted: the energy of 'no' is 40, not infinite": Case(
            ([8.0], 0.0, [5.0], 0), 40.0, ([5.0], 1.0, [8.0]), "logarithm of a rounded sigmoid"
        ),
        "not a number": Case(
            THIRD | {"bias": np.nan, "answer": 1}, np.nan, {"weights": np.full(2, np.nan), "bias": np.nan}
        ),
    },
    variants={
        "logarithm of a rounded sigmoid": Mistake(
            _of_probabilities,
            seen_in="candle, github.com/huggingface/candle/issues/2561",
            symptom="an infinite or NaN energy from t = 37 on (float32: 17); digits are lost before",
        ),
        "answers -1 and 1": Mistake(
            lambda w, b, x, Y: softplus(np.dot(w, x) + b) - (2 * Y - 1) * (np.dot(w, x) + b),
            symptom="energies below 0 without a bound: 'no' drives the score to minus infinity",
        ),
        "logarithm forgotten": Mistake(
            lambda w, b, x, Y: -sigmoid((2 * Y - 1) * (np.dot(w, x) + b)),
            symptom="the sum over both answers is -1 always; far from the plane nothing is learned",
        ),
        "sigmoid of -1 and 1 at answers 0 and 1": Mistake(
            lambda w, b, x, Y: softplus(-Y * (np.dot(w, x) + b)),
            symptom="log(1 + e^{-Y z}) is for Y = -1 and 1: a 'no' costs log 2, whatever the score",
        ),
        "squared error of the probability": Mistake(
            lambda w, b, x, Y: (sigmoid(np.dot(w, x) + b) - Y) ** 2,
            symptom="bounded by 1, and flat where the model is sure and wrong",
        ),
        "slope of the sigmoid kept": Mistake(
            logistic,
            {
                "weights": lambda w, b, x, Y: logistic_weights_gradient(w, b, x, Y) * _of_sigmoid(w, b, x),
                "bias": lambda w, b, x, Y: logistic_bias_gradient(w, b, x, Y) * _of_sigmoid(w, b, x),
            },
            symptom="the slope of the squared error: nothing is learned far from the plane",
        ),
        "term of yes alone": Mistake(
            lambda w, b, x, Y: Y * softplus(-np.dot(w, x) - b),
            symptom="a 'no' costs nothing: every score rises",
        ),
        "probability clipped at 1e-7": Mistake(_clipped, symptom="never more than 16.1, and no slope beyond"),
    },
    as_printed=logistic_as_printed,
    rules=rules,
    refuses={
        "an answer of -1": (THIRD | {"answer": -1}, "answer"),
        "an answer between yes and no": (THIRD | {"answer": 0.5}, "answer"),
        "an input of another length": (THIRD | {"features": np.ones(3), "answer": 1}, "features"),
    },
)
