r"""Multi-layer perceptron: the energies of k answers from one hidden layer.

    E(y, x) = V_y h + c_y,    h = tanh(a),    a = W x + b

Backwards, one layer at a time, starting from the slope by a; only row y of V takes part:

    delta_j = V_{y,j} (1 - h_j^2)

    dE/dW   = delta x'
    dE/db   = delta
    dE/dV_y = h'
    dE/dc_y = 1
    dE/dx   = W' delta

h is the vector of hidden units here, as in all texts on networks.

The outputs V h + c ARE the energies, as in the tutorial: the answer is the one of least output.
Classifiers read the same outputs as scores, E = -(V_y h + c_y), and answer with the largest.  To mix
the two up is to invert every decision.

Two mistakes are easy in the slope of tanh.  It belongs to a, not to h: 1 - tanh(h)^2 is a slope of
nothing.  And 1 - h^2 is a difference: it rounds to 0 from |a| = 19 on, where the slope is 4 e^{-2|a|},
small but not nothing.

Other pages build on `forward` and `backpropagate`.  Whatever the energy of the outputs V h is, its slope
by them (the force) is all that one needs to know the slope by everything else.

Source: LeCun et al. (2006), Section 3.3; Rumelhart, Hinton and Williams (1986) for the backward pass.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require_index
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous
from ebm_ref.numerics import dot, logsumexp, tanh_slope, weighted


def forward(W, b, V, x):
    """V tanh(W x + b)."""
    return dot(V, np.tanh(dot(W, x) + b))


def backpropagate(W, b, V, x, force):
    """Slopes of force.forward(W, b, V, x) by W, b, V and x, in this order."""
    a = dot(W, x) + b
    delta = weighted(tanh_slope(a), dot(V.T, force))
    return np.outer(delta, x), delta, np.outer(force, np.tanh(a)), dot(W.T, delta)


def network(hidden_weights, hidden_biases, output_weights, features):
    """V tanh(W x + b), shape (k,).

    >>> network(np.eye(2), np.zeros(2), np.ones((1, 2)), np.array([50.0, -50.0])).tolist()
    [0.0]
    """
    return forward(*_fitting(hidden_weights, hidden_biases, output_weights, features))


def backward(hidden_weights, hidden_biases, output_weights, features, force):
    """Slopes of force.network by W, b, V and x, in this order; `force` (k,) is the slope by the outputs.

    >>> W, b, V, x = np.ones((1, 1)), np.zeros(1), np.array([[3.0]]), np.zeros(1)
    >>> [g.tolist() for g in backward(W, b, V, x, np.ones(1))]
    [[[0.0]], [3.0], [[0.0]], [3.0]]
    """
    W, b, V, x = _fitting(hidden_weights, hidden_biases, output_weights, features)
    return backpropagate(W, b, V, x, real("force", force, len(V)))


def _fitting(hidden_weights, hidden_biases, output_weights, features):
    """W, b, V and x as float64, if each fits the others."""
    W = real("hidden_weights", hidden_weights, "m", "n")
    m, n = np.shape(W)
    V = real("output_weights", output_weights, "k", m)
    return W, real("hidden_biases", hidden_biases, m), V, real("features", features, n)


def multi_layer_perceptron(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label: int
):
    """Energy of one answer to one input.

    Parameters
    ----------
    hidden_weights : (m, n) float
        W, one row per hidden unit.
    hidden_biases : (m,) float
        b.
    output_weights : (k, m) float
        V, one row per answer.
    output_biases : (k,) float
        c.
    features : (n,) float
        The input x.
    label : int
        The answer y.

    Returns
    -------
    float
        V_y h + c_y, of either sign; lower is better.

    Raises ValueError if `label` is not in 0..k-1, or if two shapes do not fit.

    >>> W, b, V, c = np.zeros((1, 1)), np.array([np.log(3.0) / 2.0]), np.array([[4.0], [0.0]]), np.ones(2)
    >>> float(multi_layer_perceptron(W, b, V, c, np.zeros(1), 0).round(12))  # 4 tanh(log(3)/2) + 1
    3.0
    """
    W, b, V, c, x, y = FORMULA.checked(
        hidden_weights, hidden_biases, output_weights, output_biases, features, label
    )
    return forward(W, b, V[y : y + 1], x)[0] + c[y]


def multi_layer_perceptron_hidden_weights_gradient(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label: int
):
    """dE/dW, shape (m, n): delta x'."""
    W, b, V, _, x, y = FORMULA.checked(
        hidden_weights, hidden_biases, output_weights, output_biases, features, label
    )
    return backpropagate(W, b, V[y : y + 1], x, np.ones(1))[0]


def multi_layer_perceptron_hidden_biases_gradient(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label: int
):
    """dE/db, shape (m,): delta."""
    W, b, V, _, x, y = FORMULA.checked(
        hidden_weights, hidden_biases, output_weights, output_biases, features, label
    )
    return backpropagate(W, b, V[y : y + 1], x, np.ones(1))[1]


def multi_layer_perceptron_output_weights_gradient(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label: int
):
    """dE/dV, shape (k, m): h in row y, zero elsewhere."""
    W, b, V, _, x, y = FORMULA.checked(
        hidden_weights, hidden_biases, output_weights, output_biases, features, label
    )
    g = np.zeros(V.shape)
    g[y] = np.tanh(dot(W, x) + b)
    return g


def multi_layer_perceptron_output_biases_gradient(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label: int
):
    """dE/dc, shape (k,): 1 at y, zero elsewhere."""
    _, _, _, c, _, y = FORMULA.checked(
        hidden_weights, hidden_biases, output_weights, output_biases, features, label
    )
    return np.where(np.arange(len(c)) == y, 1.0, 0.0)


def multi_layer_perceptron_features_gradient(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label: int
):
    """dE/dx, shape (n,): W' delta."""
    W, b, V, _, x, y = FORMULA.checked(
        hidden_weights, hidden_biases, output_weights, output_biases, features, label
    )
    return backpropagate(W, b, V[y : y + 1], x, np.ones(1))[3]


def rules(hidden_weights, hidden_biases, output_weights, output_biases, features, label):
    """An answer that has an output."""
    require_index("label", label, len(output_biases))


GRADIENTS = {
    "hidden_weights": multi_layer_perceptron_hidden_weights_gradient,
    "hidden_biases": multi_layer_perceptron_hidden_biases_gradient,
    "output_weights": multi_layer_perceptron_output_weights_gradient,
    "output_biases": multi_layer_perceptron_output_biases_gradient,
    "features": multi_layer_perceptron_features_gradient,
}


def _negated(function):
    return lambda W, b, V, c, x, y: -function(W, b, V, c, x, y)


def _with_slope(slope):
    """Gradients by W, b and x where something else is taken for the slope of tanh at a."""
    d = lambda W, b, V, x, y: V[y] * slope(np.dot(W, x) + b)
    return {
        "hidden_weights": lambda W, b, V, c, x, y: np.outer(d(W, b, V, x, y), x),
        "hidden_biases": lambda W, b, V, c, x, y: d(W, b, V, x, y),
        "features": lambda W, b, V, c, x, y: np.dot(d(W, b, V, x, y), W),
    }


# a = b, so h = (1/2, 3/5) and the slopes are 3/4 and 16/25
SMALL = {
    "hidden_weights": [[1.0, 1.0], [2.0, 2.0]],
    "hidden_biases": [np.log(3.0) / 2.0, np.log(2.0)],
    "output_weights": [[2.0, 0.0], [4.0, -5.0]],
    "output_biases": [1.0, 0.25],
    "features": [1.0, -1.0],
}

FORMULA = Formula(
    value=multi_layer_perceptron,
    signature="(m,n),(m),(k,m),(k),(n),()->()",
    source="lecun2006, Section 3.3; rumelhart1986",
    gradients=GRADIENTS,
    sample=lambda rng: {
        "hidden_weights": rng.normal(size=(2, 1)),
        "hidden_biases": rng.normal(size=2),
        "output_weights": rng.normal(size=(2, 2)),
        "output_biases": rng.normal(size=2),
        "features": rng.normal(size=1),
        "label": int(rng.integers(2)),
    },
    laws=(homogeneous(1, output_weights=1, output_biases=1),),
    cases={
        # inputs, E, gradients, the mistake that it exposes
        "half: tanh(log(3)/2) = 1/2": Case(
            SMALL | {"label": 0},
            2.0,
            {
                "hidden_weights": [[1.5, -1.5], [0.0, 0.0]],
                "hidden_biases": [1.5, 0.0],
                "output_weights": [[0.5, 0.6], [0.0, 0.0]],
                "output_biases": [1.0, 0.0],
                "features": [1.5, 1.5],
            },
            "derivative of tanh taken at its output",
        ),
        "both units: 4/2 - 5 3/5 + 1/4": Case(
            SMALL | {"label": 1},
            -0.75,
            {
                "hidden_weights": [[3.0, -3.0], [-3.2, 3.2]],
                "hidden_biases": [3.0, -3.2],
                "output_weights": [[0.0, 0.0], [0.5, 0.6]],
                "output_biases": [0.0, 1.0],
                "features": [-3.4, -3.4],
            },
            "outputs taken for scores",
        ),
        "saturated: the slope 4 e^-80 is small, not zero": Case(
            ([[0.0]], [40.0], [[0.25]], [0.0], [1.0], 0),
            0.25,
            {"hidden_biases": [1.804851387845415e-35]},
            "slope as one minus a square",
        ),
        "not a number": Case(
            SMALL | {"features": [np.nan, 0.0], "label": 0},
            np.nan,
            {"hidden_biases": np.full(2, np.nan), "output_biases": [1.0, 0.0]},
        ),
        "another answer's row is not read": Case(
            SMALL | {"output_weights": [[2.0, 0.0], [np.nan, np.inf]], "label": 0},
            2.0,
            {"features": [1.5, 1.5]},
        ),
    },
    variants={
        "outputs taken for scores": Convention(
            _negated(multi_layer_perceptron),
            {a: _negated(gradient) for a, gradient in GRADIENTS.items()},
            seen_in="classifiers: PyTorch, documentation of CrossEntropyLoss, 'unnormalized logits'",
            symptom="the highest output wins",
        ),
        "derivative of tanh taken at its output": Mistake(
            multi_layer_perceptron,
            _with_slope(lambda a: tanh_slope(np.tanh(a))),
            seen_in="neural2d, github.com/davidrmiller/neural2d/issues/40",
            symptom="no slope is below 0.41: saturated units go on learning, and a gradient check fails",
        ),
        "slope as one minus a square": Mistake(
            multi_layer_perceptron,
            _with_slope(lambda a: 1.0 - np.tanh(a) ** 2),
            seen_in="TensorFlow's TanhGrad, github.com/tensorflow/tensorflow/pull/126747",
            symptom="digits are lost as units saturate; the slope is 0 from |a| = 19 on (float32: 9)",
        ),
        "slope of tanh taken at a for h": Mistake(
            multi_layer_perceptron,
            _with_slope(lambda a: 1.0 - a**2),
            symptom="1 - a^2 is negative from |a| = 1 on: saturated units are pushed the wrong way",
        ),
        "slope of a sigmoid": Mistake(
            multi_layer_perceptron,
            _with_slope(lambda a: np.tanh(a) * (1.0 - np.tanh(a))),
            symptom="h (1 - h) for 1 - h^2: no slope where tanh has its steepest",
        ),
        "slope as one minus the output": Mistake(
            multi_layer_perceptron,
            _with_slope(lambda a: 1.0 - np.tanh(a)),
            symptom="not squared: right for h = 0 and 1 alone",
        ),
        "every answer's row moved": Mistake(
            multi_layer_perceptron,
            {"output_weights": lambda W, b, V, c, x, y: np.outer(np.ones(len(c)), np.tanh(np.dot(W, x) + b))},
            symptom="answers that were not asked about are pushed as well",
        ),
        "tanh at the output, too": Mistake(
            lambda W, b, V, c, x, y: np.tanh(multi_layer_perceptron(W, b, V, c, x, y)),
            symptom="energies between -1 and 1: no answer can be ruled out",
        ),
        "cross-entropy of the outputs": Mistake(
            lambda W, b, V, c, x, y: logsumexp(z := forward(W, b, V, x) + c) - z[y],
            symptom="a loss of scores, where the output itself is the energy",
        ),
        "squared distance from the target": Mistake(
            lambda W, b, V, c, x, y: (
                0.5 * np.sum((np.dot(V, np.tanh(np.dot(W, x) + b)) + c - (np.arange(len(c)) == y)) ** 2)
            ),
            symptom="a loss, where an energy of one answer was asked for",
        ),
    },
    rules=rules,
    refuses={
        "an answer beyond the outputs": (SMALL | {"label": 2}, "label"),
        "an answer counted from the end": (SMALL | {"label": -1}, "label"),
        "one bias for two hidden units": (SMALL | {"hidden_biases": [1.0], "label": 0}, "hidden_biases"),
        "one weight for two hidden units": (
            SMALL | {"output_weights": [[1.0], [1.0]], "label": 0},
            "output_weights",
        ),
        "outputs for one of two biases": (
            SMALL | {"output_weights": [[1.0, 1.0]], "label": 0},
            "output_biases",
        ),
        "an input of another length": (SMALL | {"features": [1.0], "label": 0}, "features"),
    },
)
