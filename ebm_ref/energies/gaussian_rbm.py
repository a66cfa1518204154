r"""Gaussian RBM: real visible units, binary hidden ones; a mixture of 2^m Gaussians.

    E(v, h) = 1/2 |v - b|^2 - c'h - v'W h,               v real, h_j in {0, 1}
    dE/dW   = -v h'
    dE/db   = b - v
    dE/dc   = -h
    dE/dv   = v - b - W h

    F(v)    = 1/2 |v - b|^2 - sum_j log(1 + e^{t_j}),    t = c + W'v
    dF/dW   = -v sigma(t)'
    dF/db   = b - v
    dF/dc   = -sigma(t)
    dF/dv   = v - b - W sigma(t)

As in rbm.py, h are the m hidden units.  The parabola takes the place of the term -b'v of binary units; it
is not added to it.  Completing the square gives

    p(v | h) = N(b + W h, I),        p(h_j = 1 | v) = sigma(t_j).

So each setting of h moves the Gaussian by those columns of W that are on, and weighs it by

    integral e^{-E(v, h)} dv = (2 pi)^{n/2} e^{c'h + b'W h + 1/2 |W h|^2}

for n visible units.  Every visible unit has variance 1: data are to be scaled first.  Z is finite for any
W, but it grows like e^{|W h|^2 / 2}, and a machine whose weights are large has its mass where no data are.

Source: Welling, Rosen-Zvi and Hinton (2004), "Exponential Family Harmoniums"; Hinton (2010), 13.2.
"""

import autograd.numpy as np

from ebm_ref.checks import real
from ebm_ref.energies.rbm import check_bits, random_machine
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, condition, moved_along
from ebm_ref.numerics import dot, negated, sigmoid, softplus, total


def gaussian_rbm(weights, visible_bias, hidden_bias, visible, hidden):
    """Energy of one configuration of real visible and binary hidden units.

    Parameters
    ----------
    weights : (v, h) float
        W.
    visible_bias : (v,) float
        b, where v rests with all hidden units off.
    hidden_bias : (h,) float
        c.
    visible : (v,) float
        v, in units of its standard deviation.
    hidden : (h,) float
        h, each unit 0 or 1.

    Returns
    -------
    float

    Raises ValueError if a hidden unit is neither 0 nor 1.

    >>> one = np.ones(1)
    >>> float(gaussian_rbm(np.array([[3.0]]), one, one, np.array([2.0]), np.array([1])))  # 0.5 - 1 - 6
    -6.5
    """
    W, b, c, v, h = ENERGY.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return 0.5 * total((v - b) ** 2) - dot(c, h) - dot(v, dot(W, h))


def gaussian_rbm_weights_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/dW, shape (v, h): -v h'."""
    *_, v, h = ENERGY.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return negated(np.outer(v, h))


def gaussian_rbm_visible_bias_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/db, shape (v,): b - v."""
    _, b, _, v, _ = ENERGY.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return b - v


def gaussian_rbm_hidden_bias_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/dc, shape (h,): -h."""
    *_, h = ENERGY.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return negated(h)


def gaussian_rbm_visible_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/dv, shape (v,): v - b - W h."""
    W, b, _, v, h = ENERGY.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return (v - b) - dot(W, h)


def hidden_rules(weights, visible_bias, hidden_bias, visible, hidden):
    """Every hidden unit is on or off."""
    check_bits("hidden", hidden)


def gaussian_rbm_free_energy(weights, visible_bias, hidden_bias, visible):
    """Free energy of the visible units, all hidden ones summed out.

    Parameters
    ----------
    weights : (v, h) float
        W.
    visible_bias : (v,) float
        b.
    hidden_bias : (h,) float
        c.
    visible : (v,) float
        v, in units of its standard deviation.

    Returns
    -------
    float

    Raises ValueError if the sizes of W, b, c and v do not fit.

    >>> one = np.ones(1)
    >>> float(gaussian_rbm_free_energy(np.array([[np.log(3.0)]]), one, 0.0 * one, one).round(12))  # -log 4
    -1.38629436112
    """
    W, b, c, v = FREE_ENERGY.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return 0.5 * total((v - b) ** 2) - total(softplus(t))


def gaussian_rbm_free_energy_weights_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dW, shape (v, h): -v sigma(t)'."""
    W, _, c, v = FREE_ENERGY.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return negated(np.outer(v, sigmoid(t)))


def gaussian_rbm_free_energy_visible_bias_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/db, shape (v,): b - v."""
    _, b, _, v = FREE_ENERGY.checked(weights, visible_bias, hidden_bias, visible)
    return b - v


def gaussian_rbm_free_energy_hidden_bias_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dc, shape (h,): -sigma(t)."""
    W, _, c, v = FREE_ENERGY.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return -sigmoid(t)


def gaussian_rbm_free_energy_visible_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dv, shape (v,): v - b - W sigma(t), minus the score."""
    W, b, c, v = FREE_ENERGY.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return (v - b) - dot(W, sigmoid(t))


def visible_mean(weights, visible_bias, hidden):
    """The mean of p(v | h), shape (v,): b + W h; the variance is 1.

    >>> visible_mean(np.array([[3.0, 1.0]]), np.ones(1), np.array([1, 0])).tolist()
    [4.0]
    """
    W = real("weights", weights, "v", "h")
    b, h = real("visible_bias", visible_bias, W.shape[0]), real("hidden", hidden, W.shape[1])
    return b + np.dot(W, h)


def rests_at_the_mean(formula, inputs, rng):
    """The slope by v is 0, and the energy lowest, at v = b + W h: the mean of p(v | h)."""
    W, b, _, v, h = inputs.values()
    rest = inputs | {"visible": visible_mean(W, b, h)}
    rise = formula.value(**inputs) - formula.value(**rest)
    error = abs(rise - 0.5 * np.sum((v - rest["visible"]) ** 2))
    return error / (16 * UNIT * (condition(formula, inputs) + condition(formula, rest)))


def at_most_the_parabola(formula, inputs, rng):
    """F(v) < 1/2 |v - b|^2, and dF/dc between -1 and 0: hidden units only lower the energy."""
    _, far = moved_along(formula, inputs, "visible", rng, scale=16.0)
    g = formula.gradients["hidden_bias"](**far)
    below = formula.value(**far) <= 0.5 * np.sum((far["visible"] - far["visible_bias"]) ** 2)
    return 0.0 if below and np.all((g <= 0.0) & (g >= -1.0)) else np.inf


ONE, TWO, ZERO = np.ones(1), np.array([2.0]), np.zeros(1)
W2 = np.array([[1.0, 2.0], [4.0, 8.0]])

ENERGY = Formula(
    value=gaussian_rbm,
    signature="(v,h),(v),(h),(v),(h)->()",
    source="welling2004; hinton2010, Section 13.2",
    gradients={
        "weights": gaussian_rbm_weights_gradient,
        "visible_bias": gaussian_rbm_visible_bias_gradient,
        "hidden_bias": gaussian_rbm_hidden_bias_gradient,
        "visible": gaussian_rbm_visible_gradient,
    },
    sample=lambda rng: (
        random_machine(rng) | {"visible": rng.normal(scale=2.0, size=2), "hidden": rng.integers(2, size=2)}
    ),
    laws=(rests_at_the_mean,),
    cases={  # (W, b, c, v, h), E, (dE/dW, dE/db, dE/dc, dE/dv), the mistake that it exposes
        "one and one: 0.5 - 1 - 6": Case(
            ([[3.0]], ONE, ONE, TWO, [1]),
            -6.5,
            ([[-2.0]], -ONE, -ONE, [-2.0]),
            "linear term kept beside the parabola",
        ),
        "at rest: the mean of p(v | h) is b + W h": Case(
            (W2, [0.5, -0.25], np.zeros(2), [2.5, 7.75], [0, 1]),
            34.0 - 67.0,
            {"visible": np.zeros(2)},
            "one half lost",
        ),
        "all hidden units off: the parabola alone": Case(
            (W2, np.zeros(2), np.ones(2), [3.0, 4.0], [0, 0]),
            12.5,
            {"visible": [3.0, 4.0], "visible_bias": [-3.0, -4.0]},
        ),
        "not a number": Case((W2, np.zeros(2), np.ones(2), [np.nan, 4.0], [0, 1]), np.nan),
        "the hidden unit off: a parabola about the bias": Case(
            ([[3.0]], [4.0], [1.0], [2.0], [0]),
            2.0,
            ([[0.0]], [2.0], [0.0], [-2.0]),
            "square of the bias left out",
        ),
    },
    variants={
        "linear term kept beside the parabola": Mistake(
            lambda W, b, c, v, h: gaussian_rbm(W, b, c, v, h) - np.dot(b, v),
            symptom="the visible units rest at 2 b",
        ),
        "one half lost": Mistake(
            lambda W, b, c, v, h: gaussian_rbm(W, b, c, v, h) + 0.5 * np.sum((v - b) ** 2),
            symptom="p(v | h) has variance 1/2 and mean b + W h / 2, but is sampled with 1 and b + W h",
        ),
        "square of the bias left out": Mistake(
            lambda W, b, c, v, h: gaussian_rbm(W, b, c, v, h) - 0.5 * np.sum(b**2),
            symptom="v^2/2 - b v: the same units, but biases of their own scale in every gradient by b",
        ),
    },
    rules=hidden_rules,
    refuses={  # (W, b, c, v, h), the argument to blame
        "a hidden unit half on": ((W2, np.zeros(2), np.ones(2), [3.0, 4.0], [0.5, 1.0]), "hidden"),
        "a hidden spin of -1": ((W2, np.zeros(2), np.ones(2), [3.0, 4.0], [-1, 1]), "hidden"),
    },
)

FREE_ENERGY = Formula(
    value=gaussian_rbm_free_energy,
    signature="(v,h),(v),(h),(v)->()",
    source="welling2004; hinton2010, Section 13.2",
    gradients={
        "weights": gaussian_rbm_free_energy_weights_gradient,
        "visible_bias": gaussian_rbm_free_energy_visible_bias_gradient,
        "hidden_bias": gaussian_rbm_free_energy_hidden_bias_gradient,
        "visible": gaussian_rbm_free_energy_visible_gradient,
    },
    sample=lambda rng: random_machine(rng, visible=1) | {"visible": rng.normal(scale=2.0, size=1)},
    laws=(at_most_the_parabola,),
    cases={  # (W, b, c, v), F, (dF/dW, dF/db, dF/dc, dF/dv), the mistake that it exposes
        "odds of 3: 0.5 - log 4": Case(
            ([[np.log(3.0) / 2.0]], ONE, ZERO, TWO),
            0.5 - 2.0 * np.log(2.0),
            ([[-1.5]], -ONE, [-0.75], [1.0 - 0.375 * np.log(3.0)]),
            "visible term of a binary RBM",
        ),
        "at the bias, nothing coupled": Case(
            (np.zeros((2, 1)), [3.0, 4.0], ZERO, [3.0, 4.0]),
            -np.log(2.0),
            {"visible": np.zeros(2), "visible_bias": np.zeros(2), "hidden_bias": [-0.5]},
            "linear term kept beside the parabola",
        ),
        "far out: the parabola and the line of the hidden unit": Case(
            ([[1.0]], ZERO, ZERO, [1000.0]),
            499000.0,
            {"visible": [999.0]},
            "logarithm of one plus exponential",
        ),
        "not a number": Case((np.ones((1, 1)), ONE, ONE, [np.nan]), np.nan, {"visible": [np.nan]}),
        "at 0, two below the bias, nothing coupled": Case(
            (np.zeros((1, 1)), [2.0], ZERO, [0.0]),
            2.0 - np.log(2.0),
            ([[0.0]], [2.0], [-0.5], [-2.0]),
            "square of the bias left out",
        ),
    },
    variants={
        "visible term of a binary RBM": Mistake(
            lambda W, b, c, v: -np.dot(b, v) - np.sum(softplus(c + np.dot(v, W))),
            symptom="unbounded below: e^-F has no integral",
        ),
        "linear term kept beside the parabola": Mistake(
            lambda W, b, c, v: gaussian_rbm_free_energy(W, b, c, v) - np.dot(b, v),
            symptom="the visible units rest at 2 b",
        ),
        "logarithm of one plus exponential": Mistake(
            lambda W, b, c, v: 0.5 * np.sum((v - b) ** 2) - np.sum(np.log(1.0 + np.exp(c + np.dot(v, W)))),
            seen_in="github.com/odie2630463/Restricted-Boltzmann-Machines-in-pytorch/issues/1, binary units",
            symptom="-inf from t = 710 on (float32: 89)",
        ),
        "square of the bias left out": Mistake(
            lambda W, b, c, v: gaussian_rbm_free_energy(W, b, c, v) - 0.5 * np.sum(b**2),
            symptom="v^2/2 - b v: samples are the same, the likelihood's gradient by b is not",
        ),
    },
)
