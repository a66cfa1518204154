r"""Logistic regression: the energy of yes or no that is already normalised.

    E(Y, x) = -Y log s(t) - (1 - Y) log(1 - s(t)) = log(1 + e^t) - Y t

    t = w.x + b,    Y = 0 or 1,    s(t) = 1 / (1 + e^{-t}),    dE/dt = s(t) - Y

The two energies are tied: e^{-E(0)} + e^{-E(1)} = 1, whatever w and b are.  Lowering one lifts the
other.  So the plainest of all losses, the energy of the right answer, cannot collapse; it is the
'binary cross-entropy' of every framework, and minus the log-likelihood of logistic regression.
The predicted answer is 1 where t > 0.

1 - s(t) by subtraction is 0 from t = 37 on, its logarithm infinite, and the slope s(t) - 1 loses the
same digits.  With t turned towards the answer, t' = (2Y - 1) t, both are one stable function:

    E = log(1 + e^{-t'}),    dE/dt = -(2Y - 1) s(-t')

Source: Cox (1958); as an energy LeCun et al. (2006), Section 3.2, with G = t/2.
"""

import autograd.numpy as np

from ebm_ref.checks import require_one_of, require_shape, shape_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import convex_in, likelihood_over, non_negative
from ebm_ref.numerics import sigmoid, softplus


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

    Raises
    ------
    ValueError
        If `answer` is neither 0 nor 1, or if `features` does not fit `weights`.

    >>> float(logistic(np.array([4.0]), 0.0, np.array([10.0]), 1))  # p = 1 to seventeen digits
    4.248354255291589e-18
    """
    return softplus(-_towards(weights, bias, features, answer))


def logistic_weights_gradient(weights, bias, features, answer):
    """dE/dw, shape (n,): (s(t) - Y) x."""
    return logistic_bias_gradient(weights, bias, features, answer) * features


def logistic_bias_gradient(weights, bias, features, answer):
    """dE/db = dE/dt: s(t) - Y, without a difference."""
    return -(2 * answer - 1) * sigmoid(-_towards(weights, bias, features, answer))


def logistic_features_gradient(weights, bias, features, answer):
    """dE/dx, shape (n,): (s(t) - Y) w."""
    return logistic_bias_gradient(weights, bias, features, answer) * weights


def _towards(weights, bias, features, answer):
    """(2Y - 1) t: how far the score speaks for the answer."""
    require_one_of("answer", answer, 0, 1)
    require_shape("features", features, shape_of("weights", weights, "n"))
    return (2 * answer - 1) * (np.dot(weights, features) + bias)


def _naive(w, b, x, Y):
    s = sigmoid(np.dot(w, x) + b)
    with np.errstate(divide="ignore"):
        return -Y * np.log(s) - (1 - Y) * np.log(1.0 - s) if Y in (0, 1) else np.nan


THIRD = {"weights": np.array([0.0, 2.0]), "bias": np.log(3.0), "features": np.array([1.0, 0.0])}

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
    cases={  # Case((weights, bias, features, answer), value, by weights and bias and features, exposes)
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
            _naive,
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
    },
)
