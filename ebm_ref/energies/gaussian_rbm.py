r"""Gaussian RBM: real visible units, binary hidden ones; a mixture of 2^m Gaussians.

    E(v, h) = 1/2 |v - b|^2 - c'h - v'W h,               v real, h_j in {0, 1}
    dE/dW   = -v h'
    dE/db   = b - v
    dE/dc   = -h
    dE/dv   = v - b - W h

As in rbm.py, h are the m hidden units.  The parabola takes the place of the term -b'v of binary units; it
is not added to it.  Completing the square gives

    p(v | h) = N(b + W h, I),        p(h_j = 1 | v) = sigma(c_j + (W'v)_j).

So each setting of h moves the Gaussian by those columns of W that are on, and weighs it by

    integral e^{-E(v, h)} dv = (2 pi)^{n/2} e^{c'h + b'W h + 1/2 |W h|^2}

for n visible units.  Every visible unit has variance 1: data are to be scaled first.  Z is finite for any
W, but it grows like e^{|W h|^2 / 2}, and a machine whose weights are large has its mass where no data are.

With the hidden units summed out: gaussian_rbm_free_energy.py.

Source: Welling, Rosen-Zvi and Hinton (2004), "Exponential Family Harmoniums"; Hinton (2010), 13.2.
"""

import autograd.numpy as np

from ebm_ref.checks import real
from ebm_ref.energies.rbm import check_bits, random_machine
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, condition
from ebm_ref.numerics import dot, half_square, negated, total


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
    W, b, c, v, h = FORMULA.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return total(half_square(v - b)) - dot(c, h) - dot(v, dot(W, h))


def gaussian_rbm_weights_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/dW, shape (v, h): -v h'."""
    *_, v, h = FORMULA.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return negated(np.outer(v, h))


def gaussian_rbm_visible_bias_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/db, shape (v,): b - v."""
    _, b, _, v, _ = FORMULA.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return b - v


def gaussian_rbm_hidden_bias_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/dc, shape (h,): -h."""
    *_, h = FORMULA.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return negated(h)


def gaussian_rbm_visible_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/dv, shape (v,): v - b - W h."""
    W, b, _, v, h = FORMULA.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return (v - b) - dot(W, h)


def hidden_rules(weights, visible_bias, hidden_bias, visible, hidden):
    """Every hidden unit is on or off."""
    check_bits("hidden", hidden)


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


ONE, TWO, ZERO = np.ones(1), np.array([2.0]), np.zeros(1)
W2 = np.array([[1.0, 2.0], [4.0, 8.0]])

FORMULA = Formula(
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
        "visible term of a binary RBM": Mistake(
            lambda W, b, c, v, h: -np.dot(b, v) - np.dot(c, h) - np.dot(v, np.dot(W, h)),
            symptom="the parabola forgotten: unbounded below, so e^-E has no integral",
        ),
        "couplings to v - b": Mistake(
            lambda W, b, c, v, h: gaussian_rbm(W, b, c, v, h) + np.dot(b, np.dot(W, h)),
            symptom="hidden units see what is beyond the bias: the same machine with other hidden biases",
        ),
    },
    rules=hidden_rules,
    refuses={  # (W, b, c, v, h), the argument to blame
        "a hidden unit half on": ((W2, np.zeros(2), np.ones(2), [3.0, 4.0], [0.5, 1.0]), "hidden"),
        "a hidden spin of -1": ((W2, np.zeros(2), np.ones(2), [3.0, 4.0], [-1, 1]), "hidden"),
    },
)
