r"""Siamese network: the same network sees two inputs, and the energy asks if they are the same.

    E(Y, x1, x2) = Y D^2 + (1 - Y) max(0, m - D^2),    Y = 1 same, 0 different

    D = |f(x1) - f(x2)|,    f(x) = tanh(W x + b)

The energy of 'same' is the squared distance of the two embeddings; that of 'different' is what D^2
lacks of the margin.  'Same' is the better answer exactly where D^2 < m/2.

    dD^2/dW = 2 (d s1) x1' - 2 (d s2) x2',    d = f(x1) - f(x2),    s = 1 - f^2

There is ONE W, used twice, and its slope is the sum over both branches.  To hold one embedding as a
constant while the other learns is a different algorithm.

Where both embeddings saturate, f(x1) - f(x2) rounds to 0 and d is lost; numerics.tanh_difference
subtracts what they lack of 1, and takes W (x1 - x2) for the gap, where b might drown the difference.
s1 - s2, which dD^2/db needs, is -(f(x1) - f(x2)) (f(x1) + f(x2)).

Labels are a trap: here, and in Keras's example, 1 means same; in Hadsell et al. (2006) it means
different.  The margin is on D^2; for the margin on D see criteria/contrastive_distance.py.

Source: Bromley et al. (1993) for the twins; after Chopra, Hadsell and LeCun (2005) for the energy.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_one_of, require_shape, shape_of
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import non_negative, symmetric
from ebm_ref.numerics import tanh_difference, tanh_slope


def siamese(weights, biases, first, second, same, margin=1.0):
    """Energy of 'same' or 'different' for one pair of inputs.

    Parameters
    ----------
    weights : (m, n) float
        W, shared by both branches.
    biases : (m,) float
        b.
    first, second : (n,) float
        The two inputs.  A NaN gives a NaN energy.
    same : int
        The answer Y, 1 for same, 0 for different.
    margin : float
        m >= 0, in units of D^2, which is at most 4 for each hidden unit.

    Returns
    -------
    float
        >= 0.

    Raises
    ------
    ValueError
        If `same` is neither 1 nor 0, if the margin is negative, or if two shapes do not fit.

    >>> W, b, x1, x2 = np.array([[np.log(3.0) / 2.0]]), np.zeros(1), np.array([1.0]), np.array([0.0])
    >>> [round(float(siamese(W, b, x1, x2, Y)), 12) for Y in (1, 0)]  # D = 1/2
    [0.25, 0.75]
    """
    a1, a2, gap = _arguments(weights, biases, first, second, same, margin)
    D2 = np.sum(tanh_difference(a1, a2, gap) ** 2)
    return D2 if same == 1 else np.maximum(0.0, margin - D2)


def siamese_weights_gradient(weights, biases, first, second, same, margin=1.0):
    """dE/dW, shape (m, n): both branches."""
    p, q = _forces(weights, biases, first, second, same, margin)
    return np.outer(p, first) + np.outer(q, second)


def siamese_biases_gradient(weights, biases, first, second, same, margin=1.0):
    """dE/db, shape (m,): the forces on both branches, nearly opposite, summed without a difference."""
    a1, a2, gap = _arguments(weights, biases, first, second, same, margin)
    d, total = tanh_difference(a1, a2, gap), tanh_difference(a1, -a2, a1 + a2)
    return -2.0 * _side(siamese(weights, biases, first, second, same, margin), same) * d * d * total


def siamese_first_gradient(weights, biases, first, second, same, margin=1.0):
    """dE/dx1, shape (n,)."""
    return np.dot(_forces(weights, biases, first, second, same, margin)[0], weights)


def siamese_second_gradient(weights, biases, first, second, same, margin=1.0):
    """dE/dx2, shape (n,)."""
    return np.dot(_forces(weights, biases, first, second, same, margin)[1], weights)


def _forces(weights, biases, first, second, same, margin):
    """dE/da of the two branches; zero from the margin on, and at it."""
    a1, a2, gap = _arguments(weights, biases, first, second, same, margin)
    side = _side(siamese(weights, biases, first, second, same, margin), same)
    pull = 2.0 * side * tanh_difference(a1, a2, gap)
    return pull * tanh_slope(a1), -pull * tanh_slope(a2)


def _side(energy, same):
    """dE/dD^2: 1 for the same; for the different -1 within the margin, else 0."""
    return np.where(np.isnan(energy), np.nan, 1.0 if same == 1 else -np.sign(energy))


def _arguments(weights, biases, first, second, same, margin):
    """W x + b of the two branches, and their difference, from which b is gone."""
    m, n = shape_of("weights", weights, "m", "n")
    require_shape("biases", biases, (m,))
    require_shape("first", first, (n,))
    require_shape("second", second, (n,))
    require_one_of("same", same, 1, 0)
    require(margin >= 0.0, "margin", margin, "must be >= 0")
    a1, a2 = (np.dot(weights, x) + biases for x in (first, second))
    return a1, a2, np.dot(weights, first - second)


def same_below_half_the_margin(formula, inputs, rng):
    """E(same) < E(different) exactly where D^2 < m/2."""
    D2, other = formula.value(**inputs | {"same": 1}), formula.value(**inputs | {"same": 0})
    W, b, x1, x2 = (inputs[a] for a in ("weights", "biases", "first", "second"))
    truth = np.sum((np.tanh(W @ x1 + b) - np.tanh(W @ x2 + b)) ** 2) < inputs["margin"] / 2
    return 0.0 if (D2 < other) == truth else np.inf


GRADIENTS = {
    "weights": siamese_weights_gradient,
    "biases": siamese_biases_gradient,
    "first": siamese_first_gradient,
    "second": siamese_second_gradient,
}


def _turned(function):
    return lambda W, b, x1, x2, Y, m=1.0: function(W, b, x1, x2, 1 - Y, m)


# f(x1) = (1/2, 3/5) and f(x2) = 0, so D^2 = 1/4 + 9/25
PAIR = {
    "weights": np.array([[np.log(3.0) / 2.0, 0.0], [np.log(2.0), 0.0]]),
    "biases": np.zeros(2),
    "first": np.array([1.0, 2.0]),
    "second": np.array([0.0, 0.0]),
}
PAIR_GRADIENT = np.array([[0.75, 1.5], [0.768, 1.536]])
MIRRORED = {
    "weights": np.array([[1.0]]),
    "biases": np.zeros(1),
    "first": np.array([np.log(2.0)]),
    "second": np.array([-np.log(2.0)]),
}

FORMULA = Formula(
    value=siamese,
    signature="(m,n),(m),(n),(n),(),()->()",
    source="bromley1993; chopra2005",
    gradients=GRADIENTS,
    sample=lambda rng: {
        "weights": rng.normal(size=(2, 1)),
        "biases": rng.normal(size=2),
        "first": rng.normal(size=1),
        "second": rng.normal(size=1),
        "same": int(rng.integers(2)),
        "margin": rng.uniform(1.0, 4.0),
    },
    laws=(non_negative, symmetric("first", "second"), same_below_half_the_margin),
    cases={  # Case((weights, biases, first, second, same, margin), value, exposes)
        "same: the squared distance 0.61": Case(
            PAIR | {"same": 1},
            0.61,
            {"weights": PAIR_GRADIENT, "biases": np.array([-0.25, -0.432])},
            "labels turned",
        ),
        "different: 0.39 are missing to the margin of 1": Case(
            PAIR | {"same": 0}, 0.39, {"weights": -PAIR_GRADIENT, "biases": np.array([0.25, 0.432])}
        ),
        "far enough: beyond the margin nothing pushes": Case(
            PAIR | {"same": 0, "margin": 0.5},
            0.0,
            {"weights": np.zeros((2, 2)), "biases": np.zeros(2), "first": np.zeros(2)},
            "no hinge",
        ),
        "both branches: mirrored inputs double the slope": Case(
            MIRRORED | {"same": 1},
            1.44,
            {
                "weights": np.array([[4.0 * 1.2 * 0.64 * np.log(2.0)]]),
                "biases": np.zeros(1),
                "first": np.array([1.536]),
                "second": np.array([-1.536]),
            },
            "one branch forgotten",
        ),
        "one and the same: no distance, and no margin to keep": Case(
            PAIR | {"second": np.array([1.0, 2.0]), "same": 0, "margin": 0.0},
            0.0,
            {"weights": np.zeros((2, 2)), "second": np.zeros(2)},
        ),
        "saturated: 2 e^-40 and 2 e^-42 short of 1, they still differ": Case(
            ([[1.0]], np.zeros(1), [20.0], [21.0], 1), 5.397552986259668e-35
        ),
        "not a number": Case(
            PAIR | {"first": np.array([np.nan, 0.0]), "same": 0},
            np.nan,
            {"weights": np.full((2, 2), np.nan), "second": np.full(2, np.nan)},
        ),
    },
    variants={
        "labels turned": Convention(
            _turned(siamese),
            {a: _turned(gradient) for a, gradient in GRADIENTS.items()},
            seen_in="Hadsell et al. (2006), where 0 means similar; github.com/keras-team/keras/issues/16935",
            symptom="like pairs are driven apart, unlike ones together",
        ),
        "one branch forgotten": Mistake(
            siamese,
            {
                "weights": lambda W, b, x1, x2, Y, m=1.0: np.outer(_forces(W, b, x1, x2, Y, m)[0], x1),
                "biases": lambda W, b, x1, x2, Y, m=1.0: _forces(W, b, x1, x2, Y, m)[0],
            },
            symptom="the second embedding counts as a constant; the slope depends on the order of the pair",
        ),
        "no hinge": Mistake(
            lambda W, b, x1, x2, Y, m=1.0: siamese(W, b, x1, x2, 1) * (2 * Y - 1) + (1 - Y) * m,
            symptom="unlike pairs are driven apart for ever, and pay the energy that like pairs cost",
        ),
    },
)
