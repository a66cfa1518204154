r"""Siamese network: the same network sees two inputs, and the energy asks if they are the same.

    E(Y, x1, x2) = Y D^2 + (1 - Y) max(0, m - D^2),    Y = 1 same, 0 different

    D = |d|,    d = f(x1) - f(x2),    f(x) = tanh(W x + b)

    e  = dE/dD^2 = 1 for Y = 1,  -1 for Y = 0 where D^2 < m,  else 0
    s1 = 1 - f(x1)^2,    s2 = 1 - f(x2)^2

    dE/dW  = 2 e ((d s1) x1' - (d s2) x2')
    dE/db  = 2 e (d s1 - d s2)
    dE/dx1 = 2 e W' (d s1)
    dE/dx2 = -2 e W' (d s2)

Products such as d s1 are taken entry by entry; x1' is a row, so (d s1) x1' is a matrix.

The energy of 'same' is the squared distance of the two embeddings; that of 'different' is how far D^2
falls short of the margin m, or 0 if it does not.  'Same' is the better answer exactly where D^2 < m/2.

There is ONE W, used twice, and its slope is the sum over both branches.  To hold one embedding as a
constant while the other learns is a different algorithm.

Three differences lose their digits in floating point.  f(x1) - f(x2) is 0 where both embeddings round to 1;
numerics.tanh_difference subtracts what they lack of 1, and is given the gap W (x1 - x2) as well, computed
without b, since adding a large b would round the gap away.  s1 - s2 is -d (f(x1) + f(x2)).  And s1 x1 - s2
x2 may nearly cancel where x1 and x2 are alike; it equals s1 (x1 - x2) + (s1 - s2) x2 and s2 (x1 - x2) + (s1
- s2) x1, so the page takes the form of the smallest terms.

Labels are a trap: here, and in Keras's example, 1 means same; in Hadsell et al. (2006) it means
different.  The margin is on D^2; for the margin on D see criteria/contrastive_distance.py.

Source: Bromley et al. (1993) for the twins; after Chopra, Hadsell and LeCun (2005) for the energy.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_one_of
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import non_negative, symmetric
from ebm_ref.numerics import dot, tanh_difference, tanh_slope


def siamese_as_printed(weights, biases, first, second, same, margin=1.0):
    """The two embeddings, subtracted: 0 where both are nearly 1.

    >>> W, b, x1, x2 = np.ones((1, 1)), np.zeros(1), np.array([20.0]), np.array([21.0])
    >>> print(f"{siamese_as_printed(W, b, x1, x2, 1):.6g} {siamese(W, b, x1, x2, 1):.6g}")
    0 5.39755e-35
    """
    W, b, x1, x2, Y, m = FORMULA.checked(weights, biases, first, second, same, margin)
    f1, f2 = np.tanh(np.dot(W, x1) + b), np.tanh(np.dot(W, x2) + b)
    D2 = np.sum((f1 - f2) ** 2)
    return Y * D2 + (1.0 - Y) * np.maximum(0.0, m - D2)


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

    Raises ValueError if `same` is neither 1 nor 0, if the margin is negative, or if two shapes do not
    fit.

    >>> W, b, x1, x2 = np.array([[np.log(3.0) / 2.0]]), np.zeros(1), np.array([1.0]), np.array([0.0])
    >>> [round(float(siamese(W, b, x1, x2, Y)), 12) for Y in (1, 0)]  # D = 1/2
    [0.25, 0.75]
    """
    W, b, x1, x2, Y, m = FORMULA.checked(weights, biases, first, second, same, margin)
    _, _, d = branches(W, b, x1, x2)
    D2 = np.sum(d**2)
    return D2 if Y == 1 else np.maximum(0.0, m - D2)


def siamese_weights_gradient(weights, biases, first, second, same, margin=1.0):
    """dE/dW, shape (m, n): both branches, added in the form that cancels least."""
    W, b, x1, x2, Y, m = FORMULA.checked(weights, biases, first, second, same, margin)
    a1, a2, d = branches(W, b, x1, x2)
    s1, s2, fall = tanh_slope(a1), tanh_slope(a2), -d * total(a1, a2)  # s1 - s2
    difference = sum_of_smallest(
        (np.outer(s1, x1), np.outer(-s2, x2)),
        (np.outer(s1, x1 - x2), np.outer(fall, x2)),
        (np.outer(s2, x1 - x2), np.outer(fall, x1)),
    )
    return (2.0 * by_square(d, Y, m) * d)[:, None] * difference


def siamese_biases_gradient(weights, biases, first, second, same, margin=1.0):
    """dE/db, shape (m,): the forces on both branches, nearly opposite, summed without a difference."""
    W, b, x1, x2, Y, m = FORMULA.checked(weights, biases, first, second, same, margin)
    a1, a2, d = branches(W, b, x1, x2)
    return -2.0 * by_square(d, Y, m) * d * d * total(a1, a2)


def siamese_first_gradient(weights, biases, first, second, same, margin=1.0):
    """dE/dx1, shape (n,): 2 e W' (d s1)."""
    W, b, x1, x2, Y, m = FORMULA.checked(weights, biases, first, second, same, margin)
    return dot(W.T, forces(W, b, x1, x2, Y, m)[0])


def siamese_second_gradient(weights, biases, first, second, same, margin=1.0):
    """dE/dx2, shape (n,): -2 e W' (d s2)."""
    W, b, x1, x2, Y, m = FORMULA.checked(weights, biases, first, second, same, margin)
    return dot(W.T, forces(W, b, x1, x2, Y, m)[1])


def branches(W, b, x1, x2):
    """W x + b of the two branches, and d = f(x1) - f(x2) from their gap, in which there is no b."""
    a1, a2 = dot(W, x1) + b, dot(W, x2) + b
    return a1, a2, tanh_difference(a1, a2, dot(W, x1 - x2))


def total(a1, a2):
    """f(x1) + f(x2)."""
    return tanh_difference(a1, -a2, a1 + a2)


def sum_of_smallest(first, *others):
    """u + v, elementwise of that pair (u, v) which has the smallest terms; all pairs have equal sums."""
    u, v = first
    for p, q in others:
        smaller = np.abs(p) + np.abs(q) < np.abs(u) + np.abs(v)
        u, v = np.where(smaller, p, u), np.where(smaller, q, v)
    return u + v


def by_square(d, Y, m):
    """e = dE/dD^2."""
    D2 = np.sum(d**2)
    return np.where(np.isnan(D2), np.nan, 1.0 if Y == 1 else -1.0 * (D2 < m))


def forces(W, b, x1, x2, Y, m):
    """dE/da of the two branches: 2 e d s1 and -2 e d s2."""
    a1, a2, d = branches(W, b, x1, x2)
    pull = 2.0 * by_square(d, Y, m) * d
    return pull * tanh_slope(a1), -pull * tanh_slope(a2)


def rules(weights, biases, first, second, same, margin):
    """Same or different, and a margin."""
    require_one_of("same", same, 1, 0)
    require(margin >= 0.0, "margin", margin, "must be >= 0")


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


def _by_distance(W, b, x1, x2, Y, m=1.0):
    """Y D^2 + (1 - Y) max(0, m - D)^2."""
    D = np.sqrt(siamese(W, b, x1, x2, 1))
    return D**2 if Y == 1 else np.maximum(0.0, m - D) ** 2


def _by_distance_gradient(gradient):
    """The same, times the slope by D^2."""
    slope = lambda W, b, x1, x2, m: -np.maximum(0.0, m / np.sqrt(siamese(W, b, x1, x2, 1)) - 1.0)
    return lambda W, b, x1, x2, Y, m=1.0: (
        gradient(W, b, x1, x2, 1) * (1.0 if Y == 1 else slope(W, b, x1, x2, m))
    )


# f(x1) = (1/2, 3/5) and f(x2) = 0, so D^2 = 1/4 + 9/25
PAIR = {
    "weights": [[np.log(3.0) / 2.0, 0.0], [np.log(2.0), 0.0]],
    "biases": np.zeros(2),
    "first": [1.0, 2.0],
    "second": [0.0, 0.0],
}
PAIR_GRADIENT = np.array([[0.75, 1.5], [0.768, 1.536]])
MIRRORED = {"weights": [[1.0]], "biases": np.zeros(1), "first": [np.log(2.0)], "second": [-np.log(2.0)]}

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
    cases={  # (weights, biases, first, second, same, margin), E, gradients, the mistake that it exposes
        "same: the squared distance 0.61": Case(
            PAIR | {"same": 1}, 0.61, {"weights": PAIR_GRADIENT, "biases": [-0.25, -0.432]}, "labels turned"
        ),
        "different: 0.39 are missing to the margin of 1": Case(
            PAIR | {"same": 0},
            0.39,
            {"weights": -PAIR_GRADIENT, "biases": [0.25, 0.432]},
            "margin on the distance, what is missing squared",
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
                "weights": [[4.0 * 1.2 * 0.64 * np.log(2.0)]],
                "biases": np.zeros(1),
                "first": [1.536],
                "second": [-1.536],
            },
            "one branch forgotten",
        ),
        "one and the same: no distance, and no margin to keep": Case(
            PAIR | {"second": [1.0, 2.0], "same": 0, "margin": 0.0},
            0.0,
            {"weights": np.zeros((2, 2)), "second": np.zeros(2)},
        ),
        "saturated: 2 e^-40 and 2 e^-42 short of 1, they still differ": Case(
            ([[1.0]], np.zeros(1), [20.0], [21.0], 1), 5.397552986259668e-35
        ),
        "not a number": Case(
            PAIR | {"first": [np.nan, 0.0], "same": 0},
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
        "margin on the distance, what is missing squared": Convention(
            _by_distance,
            {a: _by_distance_gradient(gradient) for a, gradient in GRADIENTS.items()},
            seen_in="Hadsell et al. (2006), max(0, m - D)^2, there with halves and the labels turned",
            symptom="the push on unlike pairs grows as they meet, and fades at D = m",
        ),
        "one branch forgotten": Mistake(
            siamese,
            {
                "weights": lambda W, b, x1, x2, Y, m=1.0: np.outer(forces(W, b, x1, x2, Y, m)[0], x1),
                "biases": lambda W, b, x1, x2, Y, m=1.0: forces(W, b, x1, x2, Y, m)[0],
            },
            symptom="the second embedding counts as a constant; the slope depends on the order of the pair",
        ),
        "no hinge": Mistake(
            lambda W, b, x1, x2, Y, m=1.0: siamese(W, b, x1, x2, 1) * (2 * Y - 1) + (1 - Y) * m,
            symptom="unlike pairs are driven apart for ever, and pay the energy that like pairs cost",
        ),
        "what is missing squared": Mistake(
            lambda W, b, x1, x2, Y, m=1.0: siamese(W, b, x1, x2, Y, m) ** (1 if Y else 2),
            symptom="Hadsell's square over Chopra's margin on D^2",
        ),
        "cosine for the distance": Mistake(
            lambda *inputs: _of_cosine(*inputs),
            symptom="lengths do not count: what is near 0 in both may be anything",
        ),
        "inputs subtracted before the network": Mistake(
            lambda W, b, x1, x2, Y, m=1.0: _of_square(np.sum(np.tanh(np.dot(W, x1 - x2) + b) ** 2), Y, m),
            symptom="one network of the difference: the same input twice is not at distance 0",
        ),
    },
    as_printed=siamese_as_printed,
    rules=rules,
    refuses={
        "an answer of 2": (PAIR | {"same": 2}, "same"),
        "an answer of -1": (PAIR | {"same": -1}, "same"),
        "a negative margin": (PAIR | {"same": 1, "margin": -1.0}, "margin"),
        "a margin that is no number": (PAIR | {"same": 0, "margin": np.nan}, "margin"),
        "one bias for two hidden units": (PAIR | {"biases": [1.0], "same": 0}, "biases"),
        "a first input of another length": (PAIR | {"first": [1.0], "same": 0}, "first"),
        "a second input of another length": (PAIR | {"second": [1.0], "same": 0}, "second"),
    },
)


def _of_square(s, Y, m):
    return Y * s + (1.0 - Y) * np.maximum(0.0, m - s)


def _of_cosine(W, b, x1, x2, Y, m=1.0):
    f, g = np.tanh(np.dot(W, x1) + b), np.tanh(np.dot(W, x2) + b)
    return _of_square(1.0 - np.sum(f * g) / np.sqrt(np.sum(f**2) * np.sum(g**2)), Y, m)
