r"""Softmax classifier: an energy that is normalised by construction.

    E(y, x) = -log p_y = -w_y.x + log sum_j e^{w_j.x},    p = softmax(W x)

    dE/dw_j = (p_j - [j = y]) x
    dE/dx   = sum_j (p_j - [j = y]) w_j

Since sum_y e^{-E} = 1 there is no free level: to lower the right answer is to raise the wrong ones, so
even the energy loss cannot collapse.  Training this energy with the energy loss is what everybody
calls cross-entropy.  (With E = -w_y.x instead, the same training is nll: the normaliser is then part
of the loss.)

The logarithm matters.  -p_y has its minimum at the same answer, but it is no cross-entropy.  Its mean
over the data is mee, the smooth error rate, minus 1.  And where the model is sure and wrong it is flat:
its slope carries a factor p_y.

In floating point p_y rounds to 1 once the other answers are e^{-37} as probable, and log p_y to 0.
Counting from the largest logit, which then is that of y, the page keeps what the others add.  The
slopes, too, take 1 - p_y as the sum of the other probabilities, not as a difference.

Source: LeCun et al. (2006), Section 3.3; standard.
"""

import autograd.numpy as np

from ebm_ref.checks import require_index
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import likelihood_over, non_negative
from ebm_ref.numerics import dot, logsumexp, softplus, total
from ebm_ref.numerics import softmax as probabilities


def softmax_as_printed(weights, features, label: int):
    """-log softmax(W x)_y: 0 for an answer that is nearly certain, and e^{w_j.x} overflows at 710.

    >>> float(softmax_as_printed(np.array([[1.0], [0.0]]), np.array([40.0]), 0)) == 0.0  # e^-40 is the truth
    True
    """
    W, x, y = FORMULA.checked(weights, features, label)
    p = np.exp(np.dot(W, x)) / np.sum(np.exp(np.dot(W, x)))
    return -np.log(p[y])


def softmax(weights, features, label: int):
    """Energy of one answer to one input.

    Parameters
    ----------
    weights : (k, n) float
        W, one row w_j per answer; k >= 1.
    features : (n,) float
        The input x; append a 1 for a bias.
    label : int
        The answer y.

    Returns
    -------
    float
        -log p(y | x) >= 0, in nats.

    Raises ValueError if `label` is not in 0..k-1, or if `features` does not fit `weights`.

    >>> float(softmax(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([-40.0, 5.0]), 0))
    4.248354255291589e-18
    """
    W, x, y = FORMULA.checked(weights, features, label)
    z = dot(W, x)
    s = np.argmax(z)
    return (z[s] - z[y]) + logsumexp(z - z[s])


def softmax_weights_gradient(weights, features, label: int):
    """dE/dW, shape (k, n): (p_j - [j = y]) x in row j, with p_y - 1 summed from the other answers."""
    W, x, y = FORMULA.checked(weights, features, label)
    r = probabilities(dot(W, x))
    r[y] = -total(np.delete(r, y))
    return np.outer(r, x)


def softmax_features_gradient(weights, features, label: int):
    """dE/dx, shape (n,): sum_j p_j (w_j - w_y), where no p_y near 1 is subtracted from 1."""
    W, x, y = FORMULA.checked(weights, features, label)
    p = probabilities(dot(W, x))
    return dot((W - W[y]).T, p)


def rules(weights, features, label):
    """An answer that has a row."""
    require_index("label", label, len(weights))


W = np.array([[0.0, 0.0], [np.log(3.0), 0.0]])

FORMULA = Formula(
    value=softmax,
    signature="(k,n),(n),()->()",
    source="lecun2006, Section 3.3",
    gradients={"weights": softmax_weights_gradient, "features": softmax_features_gradient},
    sample=lambda rng: {
        "weights": rng.normal(size=(3, 2)),
        "features": rng.normal(scale=2.0, size=2),
        "label": int(rng.integers(3)),
    },
    laws=(non_negative, likelihood_over("label")),
    cases={  # (weights, features, label), E, (dE/dW, dE/dx), the mistake that it exposes
        "probabilities 1/4 and 3/4, the unlikely one": Case(
            (W, [1.0, 5.0], 0),
            np.log(4.0),
            ([[-0.75, -3.75], [0.75, 3.75]], [0.75 * np.log(3.0), 0.0]),
            "logarithm forgotten",
        ),
        "the likely one": Case(
            (W, [1.0, 5.0], 1),
            np.log(4.0 / 3.0),
            ([[0.25, 1.25], [-0.25, -1.25]], [-0.25 * np.log(3.0), 0.0]),
            "energies taken for scores",
        ),
        "p_y = e^-800 is 0 in double precision, its energy is not": Case(
            ([[0.0], [8.0]], [100.0], 0), 800.0, ([[-100.0], [100.0]], [8.0])
        ),
        "two features, odds of nine to one": Case(
            (W, [2.0, 0.0], 0),
            np.log(10.0),
            ([[-1.8, 0.0], [1.8, 0.0]], [0.9 * np.log(3.0), 0.0]),
            "scores divided by the root of n",
        ),
        "not a number": Case((W, [np.nan, 1.0], 0), np.nan, {"features": np.full(2, np.nan)}),
    },
    variants={
        "logarithm forgotten": Mistake(
            lambda W, x, y: -probabilities(np.dot(W, x))[y],
            {
                a: lambda W, x, y, g=g: probabilities(np.dot(W, x))[y] * g(W, x, y)
                for a, g in (("weights", softmax_weights_gradient), ("features", softmax_features_gradient))
            },
            seen_in="texts that define E as -softmax and call its mean the categorical cross-entropy",
            symptom="it is the minimum empirical error loss minus 1; what is very wrong is hardly learned",
        ),
        "scores divided by the root of n": Mistake(
            lambda W, x, y: softmax(W / np.sqrt(len(x)), x, y),
            symptom="as in attention: a classifier at the temperature sqrt(n)",
        ),
        "energies taken for scores": Mistake(
            lambda W, x, y: softmax(-W, x, y), symptom="the least likely class wins"
        ),
        "right answer left out of the sum": Mistake(
            lambda W, x, y: logsumexp(np.dot(np.delete(W, y, axis=0), x)) - np.dot(W[y], x),
            symptom="minus the log of the odds: unbounded below, so training never ends",
        ),
        "largest score not added back": Mistake(
            lambda W, x, y: softmax(W, x, y) - np.max(np.dot(W, x)),
            symptom="the shift of a stable log-sum-exp applied to the sum alone: the level counts",
        ),
        "sigmoid of its own score alone": Mistake(
            lambda W, x, y: softplus(-np.dot(W[y], x)),
            symptom="the wrong answers are not read: all scores rise",
        ),
        "probability clipped at 1e-7": Mistake(
            lambda W, x, y: -np.log(np.clip(probabilities(np.dot(W, x))[y], 1e-7, 1.0)),
            symptom="never more than 16.1, and no slope beyond",
        ),
        "own row alone in the slope by x": Mistake(
            softmax,
            {"features": lambda W, x, y: (probabilities(np.dot(W, x))[y] - 1.0) * W[y]},
            symptom="the pull of the other answers on the input is forgotten",
        ),
        "a yes or no for each answer": Mistake(
            lambda W, x, y: np.sum(softplus(np.dot(W, x))) - np.dot(W[y], x),
            symptom="k binary cross-entropies: several answers may hold at once",
        ),
    },
    as_printed=softmax_as_printed,
    rules=rules,
    refuses={  # (weights, features, label), the argument to blame
        "an answer beyond the rows": ((W, [1.0, 5.0], 2), "label"),
        "an answer counted from the end": ((W, [1.0, 5.0], -1), "label"),
        "no answer": ((np.ones((0, 2)), [1.0, 5.0], 0), "label"),
        "an input of another length": ((W, [1.0], 0), "features"),
    },
)
