r"""Multi-layer perceptron: the energies of k answers from one hidden layer.

    E(y, x) = g_y,    g = V h + c,    h = tanh(a),    a = W x + b

Backwards, one layer at a time; only row y of V takes part:

    d_j = V_yj (1 - h_j^2)                  dE/da
    dE/dW = d x',  dE/db = d,  dE/dx = W'd,  dE/dV_y = h,  dE/dc_y = 1

The outputs ARE the energies, as in the tutorial: the answer is argmin_y g_y.  Classifiers read the same
outputs as scores, E = -g_y, and take the argmax; to mix the two up inverts every decision.

Two things about the slope of tanh.  It belongs to a, not to h: 1 - tanh(h)^2 is a slope of nothing.
And 1 - h^2, the usual way, is a difference that rounds to 0 from |a| = 19 on, where the slope is
4 e^{-2|a|}: small, but not nothing.

`network` and `backward` below are what other pages build on: any energy of V h needs the force on its
outputs, and nothing else, to know the force on everything.

Source: LeCun et al. (2006), Section 3.3; Rumelhart, Hinton and Williams (1986) for the backward pass.
"""

import autograd.numpy as np

from ebm_ref.checks import require_index, require_shape, shape_of
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous
from ebm_ref.numerics import tanh_slope


def network(hidden_weights, hidden_biases, output_weights, features):
    """V tanh(W x + b), shape (k,).

    >>> network(np.eye(2), np.zeros(2), np.ones((1, 2)), np.array([50.0, -50.0])).tolist()
    [0.0]
    """
    return np.dot(output_weights, np.tanh(np.dot(hidden_weights, features) + hidden_biases))


def backward(hidden_weights, hidden_biases, output_weights, features, force):
    """Slopes of force.network by W, b, V and x, in this order; `force` (k,) is the slope by the outputs.

    >>> W, b, V, x = np.ones((1, 1)), np.zeros(1), np.array([[3.0]]), np.zeros(1)
    >>> [g.tolist() for g in backward(W, b, V, x, np.ones(1))]
    [[[0.0]], [3.0], [[0.0]], [3.0]]
    """
    a = np.dot(hidden_weights, features) + hidden_biases
    d = np.dot(force, output_weights) * tanh_slope(a)
    return np.outer(d, features), d, np.outer(force, np.tanh(a)), np.dot(d, hidden_weights)


def check_network(hidden_weights, hidden_biases, output_weights, features, name="features"):
    """Raise unless the shapes fit; `name` is what the page calls the input."""
    m, n = shape_of("hidden_weights", hidden_weights, "m", "n")
    k, _ = shape_of("output_weights", output_weights, "k", "m")
    require_shape("hidden_biases", hidden_biases, (m,))
    require_shape("output_weights", output_weights, (k, m))
    require_shape(name, features, (n,))


def multi_layer_perceptron(hidden_weights, hidden_biases, output_weights, output_biases, features, label):
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
        g_y, of either sign; lower is better.

    Raises
    ------
    ValueError
        If `label` is not in 0..k-1, or if two shapes do not fit.

    >>> W, b, V, c = np.zeros((1, 1)), np.array([np.log(3.0) / 2.0]), np.array([[4.0], [0.0]]), np.ones(2)
    >>> float(multi_layer_perceptron(W, b, V, c, np.zeros(1), 0).round(12))  # 4 tanh(log(3)/2) + 1
    3.0
    """
    _check(hidden_weights, hidden_biases, output_weights, output_biases, features, label)
    row = output_weights[label : label + 1]
    return network(hidden_weights, hidden_biases, row, features)[0] + output_biases[label]


def multi_layer_perceptron_hidden_weights_gradient(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label
):
    """dE/dW, shape (m, n): d x'."""
    _check(hidden_weights, hidden_biases, output_weights, output_biases, features, label)
    return _backward(hidden_weights, hidden_biases, output_weights, features, label)[0]


def multi_layer_perceptron_hidden_biases_gradient(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label
):
    """dE/db, shape (m,): d."""
    _check(hidden_weights, hidden_biases, output_weights, output_biases, features, label)
    return _backward(hidden_weights, hidden_biases, output_weights, features, label)[1]


def multi_layer_perceptron_output_weights_gradient(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label
):
    """dE/dV, shape (k, m): h in row y, zero elsewhere."""
    _check(hidden_weights, hidden_biases, output_weights, output_biases, features, label)
    g = np.zeros(np.shape(output_weights))
    g[label] = _backward(hidden_weights, hidden_biases, output_weights, features, label)[2][0]
    return g


def multi_layer_perceptron_output_biases_gradient(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label
):
    """dE/dc, shape (k,): 1 at y, zero elsewhere."""
    _check(hidden_weights, hidden_biases, output_weights, output_biases, features, label)
    return np.where(np.arange(len(output_biases)) == label, 1.0, 0.0)


def multi_layer_perceptron_features_gradient(
    hidden_weights, hidden_biases, output_weights, output_biases, features, label
):
    """dE/dx, shape (n,): W'd."""
    _check(hidden_weights, hidden_biases, output_weights, output_biases, features, label)
    return _backward(hidden_weights, hidden_biases, output_weights, features, label)[3]


def _backward(W, b, V, x, y):
    return backward(W, b, V[y : y + 1], x, np.ones(1))


def _check(hidden_weights, hidden_biases, output_weights, output_biases, features, label):
    (k,) = shape_of("output_biases", output_biases, "k")
    require_index("label", label, k)
    check_network(hidden_weights, hidden_biases, output_weights, features)
    require_shape("output_weights", output_weights, (k, len(hidden_biases)))


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
    "hidden_weights": np.array([[1.0, 1.0], [2.0, 2.0]]),
    "hidden_biases": np.array([np.log(3.0) / 2.0, np.log(2.0)]),
    "output_weights": np.array([[2.0, 0.0], [4.0, -5.0]]),
    "output_biases": np.array([1.0, 0.25]),
    "features": np.array([1.0, -1.0]),
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
        # Case((hidden_weights, hidden_biases, output_weights, output_biases, features, label), value,
        # exposes)
        "half: tanh(log(3)/2) = 1/2": Case(
            SMALL | {"label": 0},
            2.0,
            {
                "hidden_weights": np.array([[1.5, -1.5], [0.0, 0.0]]),
                "hidden_biases": np.array([1.5, 0.0]),
                "output_weights": np.array([[0.5, 0.6], [0.0, 0.0]]),
                "output_biases": np.array([1.0, 0.0]),
                "features": np.array([1.5, 1.5]),
            },
            "derivative of tanh taken at its output",
        ),
        "both units: 4/2 - 5 3/5 + 1/4": Case(
            SMALL | {"label": 1},
            -0.75,
            {
                "hidden_weights": np.array([[3.0, -3.0], [-3.2, 3.2]]),
                "hidden_biases": np.array([3.0, -3.2]),
                "output_weights": np.array([[0.0, 0.0], [0.5, 0.6]]),
                "output_biases": np.array([0.0, 1.0]),
                "features": np.array([-3.4, -3.4]),
            },
            "outputs taken for scores",
        ),
        "saturated: the slope 4 e^-80 is small, not zero": Case(
            ([[0.0]], [40.0], [[0.25]], [0.0], [1.0], 0),
            0.25,
            {"hidden_biases": np.array([1.804851387845415e-35])},
            "slope as one minus a square",
        ),
        "not a number": Case(
            SMALL | {"features": np.array([np.nan, 0.0]), "label": 0},
            np.nan,
            {"hidden_biases": np.full(2, np.nan), "output_biases": np.array([1.0, 0.0])},
        ),
        "another answer's row is not read": Case(
            SMALL | {"output_weights": np.array([[2.0, 0.0], [np.nan, np.inf]]), "label": 0},
            2.0,
            {"features": np.array([1.5, 1.5])},
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
    },
)
