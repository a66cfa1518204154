r"""Softmax classifier: an energy that is normalised by construction.

    E(y, x) = -log softmax(W x)_y = -w_y.x + log sum_j e^{w_j.x}

    dE/dW = (p - onehot(y)) x^T,    dE/dx = W^T (p - onehot(y))
    p     = softmax(W x)

Since sum_y e^{-E} = 1 there is no free level: lowering the right answer raises the wrong ones, and
even the energy loss cannot collapse.  Training it with the energy loss is what everybody calls
cross-entropy.  (With E = -w_y.x instead the same training is nll: the normaliser moves into the loss.)

The logarithm matters.  -softmax(W x)_y has its minimum at the same answer, but it is no cross-entropy:
its mean over the data is the smooth error rate, mee, minus 1, and where the model is sure and wrong it
is flat: the slope carries a factor p_y.

Source: LeCun et al. (2006), Section 3.3; standard.
"""

import autograd.numpy as np

from ebm_ref.checks import require_index, require_shape, shape_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import likelihood_over, non_negative
from ebm_ref.numerics import logsumexp
from ebm_ref.numerics import softmax as probabilities


def softmax(weights, features, label):
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

    Raises
    ------
    ValueError
        If `label` is not in 0..k-1, or if `features` does not fit `weights`.

    >>> float(softmax(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([-40.0, 5.0]), 0))
    4.248354255291589e-18
    """
    logits = _logits(weights, features, label)
    s = np.argmax(logits)
    return (logits[s] - logits[label]) + logsumexp(logits - logits[s])


def softmax_weights_gradient(weights, features, label):
    """dE/dW, shape (k, n): (p - onehot(y)) x^T."""
    return np.outer(_residual(weights, features, label), features)


def softmax_features_gradient(weights, features, label):
    """dE/dx, shape (n,): W^T (p - onehot(y)), summed as differences to w_y so that p_y need not be near 1."""
    p = probabilities(_logits(weights, features, label))
    return np.dot(p, weights - weights[label])


def _logits(weights, features, label):
    """W x, of inputs that fit."""
    k, n = shape_of("weights", weights, "k", "n")
    require_index("label", label, k)
    require_shape("features", features, (n,))
    return np.dot(weights, features)


def _residual(weights, features, label):
    """p - onehot(y), with p_y - 1 summed from the other answers."""
    p = probabilities(_logits(weights, features, label))
    r = p + 0.0
    r[label] = -np.sum(np.delete(p, label))
    return r


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
    cases={  # Case((weights, features, label), value, by weights and features, exposes)
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
        "not a number": Case((W, [np.nan, 1.0], 0), np.nan, {"features": np.full(2, np.nan)}),
    },
    variants={
        "logarithm forgotten": Mistake(
            lambda W, x, y: -probabilities(np.dot(W, x))[y],
            {
                a: lambda W, x, y, g=g: probabilities(np.dot(W, x))[y] * g(W, x, y)
                for a, g in (
                    ("weights", softmax_weights_gradient),
                    ("features", softmax_features_gradient),
                )
            },
            seen_in="texts that define E as -softmax and call its mean the categorical cross-entropy",
            symptom="it is the minimum empirical error loss minus 1; what is very wrong is hardly learned",
        ),
        "energies taken for scores": Mistake(
            lambda W, x, y: softmax(-W, x, y), symptom="the least likely class wins"
        ),
    },
)
