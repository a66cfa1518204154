r"""Potts RBM: visible units of q values each, binary hidden ones; softmax units.

    E(y, h)     = -sum_i b_i(y_i) - c'h - sum_ij W_ij(y_i) h_j
    F(y)        = -sum_i b_i(y_i) - sum_j log(1 + e^{t_j}),    y_i in 0..q-1
    t_j         = c_j + sum_i W_ij(y_i),                       h_j in {0, 1}
    dF/dW_ij(a) = -[y_i = a] sigma(t_j)
    dF/db_i(a)  = -[y_i = a]
    dF/dc_j     = -sigma(t_j)

It is the binary machine (rbm.py, which says why h is no field) with every visible unit written as q units
of which exactly one is on.  So

    p(h_j = 1 | y) = sigma(t_j)
    p(y_i = a | h) = softmax_a(b_i(a) + sum_j W_ij(a) h_j).

With q = 2 it is the binary machine again, whose weights are W_ij(1) - W_ij(0).  A number added to all q
weights of a pair acts as if it were added to c_j; one added to all q biases of a unit moves F as a whole,
and leaves p(y) alone.

Source: Salakhutdinov, Mnih and Hinton (2007), "Restricted Boltzmann Machines for Collaborative
Filtering", Section 2.1; Hinton (2010), Section 13.1.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require_index, whole
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import misfit
from ebm_ref.numerics import sigmoid, softmax, softplus, total


def potts_rbm_free_energy(weights, visible_bias, hidden_bias, labels: int):
    """Free energy of the visible units, all hidden ones summed out.

    Parameters
    ----------
    weights : (n, q, h) float
        W_ij(a) of visible unit i, its value a, hidden unit j.
    visible_bias : (n, q) float
        b_i(a).
    hidden_bias : (h,) float
        c.
    labels : (n,) int
        y, values 0..q-1.

    Returns
    -------
    float

    Raises ValueError if a label is not in 0..q-1.

    >>> W = np.array([[[0.0], [np.log(3.0)]]])
    >>> float(potts_rbm_free_energy(W, np.zeros((1, 2)), np.zeros(1), np.array([1])).round(12))  # -log 4
    -1.38629436112
    """
    W, b, c, y = FORMULA.checked(weights, visible_bias, hidden_bias, labels)
    return -total(b[np.arange(len(y)), y]) - total(softplus(inputs_of_hidden(W, c, y)))


def potts_rbm_free_energy_weights_gradient(weights, visible_bias, hidden_bias, labels: int):
    """dF/dW, shape (n, q, h): -sigma(t_j) at the value of each unit."""
    W, _, c, y = FORMULA.checked(weights, visible_bias, hidden_bias, labels)
    g = np.zeros(W.shape)
    g[np.arange(len(y)), y] = -sigmoid(inputs_of_hidden(W, c, y))
    return g


def potts_rbm_free_energy_visible_bias_gradient(weights, visible_bias, hidden_bias, labels: int):
    """dF/db, shape (n, q): -1 at the value of each unit."""
    _, b, _, y = FORMULA.checked(weights, visible_bias, hidden_bias, labels)
    g = np.zeros(b.shape)
    g[np.arange(len(y)), y] = -1.0
    return g


def potts_rbm_free_energy_hidden_bias_gradient(weights, visible_bias, hidden_bias, labels: int):
    """dF/dc, shape (h,): -sigma(t)."""
    W, _, c, y = FORMULA.checked(weights, visible_bias, hidden_bias, labels)
    return -sigmoid(inputs_of_hidden(W, c, y))


def inputs_of_hidden(W, c, y):
    """t, shape (h,): c_j + sum_i W_ij(y_i)."""
    return c + total(W[np.arange(len(y)), y], axis=0)


def rules(weights, visible_bias, hidden_bias, labels):
    """Every label is one of the q values."""
    for y in labels:
        require_index("labels", y, visible_bias.shape[1])


def hidden_probabilities(weights, hidden_bias, labels):
    """p(h_j = 1 | y), shape (h,).

    >>> W = np.array([[[0.0], [np.log(3.0)]]])
    >>> hidden_probabilities(W, np.zeros(1), np.array([1])).round(12).tolist()
    [0.75]
    """
    W = real("weights", weights, "n", "q", "h")
    c, y = real("hidden_bias", hidden_bias, W.shape[2]), whole("labels", labels, W.shape[0])
    for label in y:
        require_index("labels", label, W.shape[1])
    return sigmoid(inputs_of_hidden(W, c, y))


def visible_probabilities(weights, visible_bias, hidden):
    """p(y_i = a | h), shape (n, q): each row a softmax.

    >>> W = np.array([[[0.0], [np.log(3.0)]]])
    >>> visible_probabilities(W, np.zeros((1, 2)), np.ones(1)).round(12).tolist()
    [[0.25, 0.75]]
    """
    W = real("weights", weights, "n", "q", "h")
    b, h = real("visible_bias", visible_bias, *W.shape[:2]), real("hidden", hidden, W.shape[2])
    return np.array([softmax(row) for row in b + np.dot(W, h)])


def random_sample(rng):
    """Two visible units of two values, one hidden unit."""
    return {
        "weights": rng.normal(scale=1.5, size=(2, 2, 1)),
        "visible_bias": rng.normal(scale=1.5, size=(2, 2)),
        "hidden_bias": rng.normal(scale=1.5, size=1),
        "labels": rng.integers(2, size=2),
    }


def values_renamed(formula, inputs, rng):
    """Renaming the values of all units changes nothing."""
    W, b, _, y = inputs.values()
    order = rng.permutation(b.shape[1])
    moved = {"weights": W[:, order], "visible_bias": b[:, order], "labels": np.argsort(order)[y]}
    return misfit(formula, inputs, inputs | moved)


def weights_or_bias(formula, inputs, rng):
    """A number added to the weights of all values of one unit is one added to the hidden bias."""
    a, first = rng.normal(scale=4.0), 1.0 * (np.arange(len(inputs["labels"])) == 0)
    left = inputs | {"weights": inputs["weights"] + a * first[:, None, None]}
    return misfit(formula, left, inputs | {"hidden_bias": inputs["hidden_bias"] + a})


def idle_values_not_read(formula, inputs, rng):
    """Weights and biases of values that no unit has are not read, and have gradient 0."""
    W, b, _, y = inputs.values()
    idle = np.arange(b.shape[1]) != y[:, None]
    moved = inputs | {"weights": W + 100.0 * idle[..., None], "visible_bias": b + 100.0 * idle}
    still = not any(np.any(formula.gradients[a](**inputs)[idle]) for a in ("weights", "visible_bias"))
    return 0.0 if still and formula.value(**moved) == formula.value(**inputs) else np.inf


def summed_out(W, b, c, y, unit):
    """-sum_i b_i(y_i) - sum_j unit(t_j)."""
    units = np.arange(len(y))
    return -np.sum(b[units, y]) - np.sum(unit(c + np.sum(W[units, y], axis=0)))


ODDS = np.log(np.array([[[1.0], [3.0], [7.0]], [[1.0], [1.0], [5.0]]]))
B23 = np.array([[0.0, 0.5, 8.0], [0.25, 0.0, 1.0]])

FORMULA = Formula(
    value=potts_rbm_free_energy,
    signature="(n,q,h),(n,q),(h),(n)->()",
    source="salakhutdinov2007, Section 2.1; hinton2010, Section 13.1",
    gradients={
        "weights": potts_rbm_free_energy_weights_gradient,
        "visible_bias": potts_rbm_free_energy_visible_bias_gradient,
        "hidden_bias": potts_rbm_free_energy_hidden_bias_gradient,
    },
    sample=random_sample,
    laws=(values_renamed, weights_or_bias, idle_values_not_read),
    cases={  # (W, b, c, y), F, (dF/dW, dF/db, dF/dc), the mistake that it exposes
        "odds of 3 and 5: -log 16": Case(
            (ODDS, np.zeros((2, 3)), np.zeros(1), [1, 2]),
            -4.0 * np.log(2.0),
            (
                [[[0.0], [-0.9375], [0.0]], [[0.0], [0.0], [-0.9375]]],
                [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0]],
                [-0.9375],
            ),
            "best hidden setting alone",
        ),
        "biases of what each unit is: -(0.5 + 0.25) - log 4": Case(
            (ODDS, B23, np.zeros(1), [1, 0]),
            -0.75 - 2.0 * np.log(2.0),
            {"hidden_bias": [-0.75]},
            "values summed as if all were on",
        ),
        "no visible unit speaks: log 2": Case(
            (np.zeros((1, 2, 1)), np.zeros((1, 2)), np.zeros(1), [0]),
            -np.log(2.0),
            {"weights": [[[-0.5], [0.0]]], "hidden_bias": [-0.5]},
        ),
        "certain": Case(
            ([[[800.0, -800.0], [0.0, 0.0]]], np.zeros((1, 2)), np.zeros(2), [0]),
            -800.0,
            {"hidden_bias": [-1.0, 0.0]},
            "logarithm of one plus exponential",
        ),
        "not a number": Case((np.full((1, 2, 1), np.nan), np.zeros((1, 2)), np.zeros(1), [0]), np.nan),
    },
    variants={
        "values summed as if all were on": Mistake(
            lambda W, b, c, y: -np.sum(b) - np.sum(softplus(c + np.sum(W, axis=(0, 1)))),
            symptom="the same free energy for every configuration",
        ),
        "best hidden setting alone": Mistake(
            lambda W, b, c, y: summed_out(W, b, c, y, lambda t: np.maximum(t, 0.0)),
            symptom="the minimum over h in place of the sum",
        ),
        "logarithm of one plus exponential": Mistake(
            lambda W, b, c, y: summed_out(W, b, c, y, lambda t: np.log(1.0 + np.exp(t))),
            seen_in="github.com/odie2630463/Restricted-Boltzmann-Machines-in-pytorch/issues/1, binary units",
            symptom="-inf from t = 710 on (float32: 89)",
        ),
        "hidden units -1 and 1": Mistake(
            lambda W, b, c, y: summed_out(W, b, c, y, lambda t: softplus(2.0 * t) - t),
            symptom="log(2 cosh t), right for hidden spins",
        ),
        "sign of the softplus lost": Mistake(
            lambda W, b, c, y: summed_out(W, b, c, y, lambda t: -softplus(-t)),
            symptom="log sigma(t) for log(1 + e^t)",
        ),
        "entropy left out": Mistake(
            lambda W, b, c, y: summed_out(W, b, c, y, lambda t: t * sigmoid(t)),
            symptom="the mean energy given y: too high by the hidden units' entropy",
        ),
        "one logarithm for all hidden units": Mistake(
            lambda W, b, c, y: (
                -np.sum(b[np.arange(len(y)), y]) - np.logaddexp(0.0, np.sum(inputs_of_hidden(W, c, y)))
            ),
            symptom="right for one hidden unit",
        ),
    },
    rules=rules,
    refuses={  # (W, b, c, y), the argument to blame
        "a value beyond q - 1": ((ODDS, B23, np.zeros(1), [1, 3]), "labels"),
        "a value counted from the end": ((ODDS, B23, np.zeros(1), [-1, 0]), "labels"),
        "a value that is no integer": ((ODDS, B23, np.zeros(1), [1.0, 0.0]), "labels"),
    },
)
