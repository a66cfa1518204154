r"""Free energy of a Gaussian RBM: its real visible units, all hidden ones summed out.

    F(v)    = 1/2 |v - b|^2 - sum_j log(1 + e^{t_j}),    t = c + W'v
    dF/dW   = -v sigma(t)'
    dF/db   = b - v
    dF/dc   = -sigma(t)
    dF/dv   = v - b - W sigma(t)

The energy is that of gaussian_rbm.py: F = -log sum_h e^{-E(v, h)}, and e^-F is a mixture of 2^m Gaussians.
Hidden units only lower it: it is a parabola from which each takes a soft ramp away.  The slope by v is minus
the score.

Source: Welling, Rosen-Zvi and Hinton (2004), "Exponential Family Harmoniums"; Hinton (2010), 13.2.
"""

import autograd.numpy as np

from ebm_ref.energies.gaussian_rbm import ONE, TWO, ZERO
from ebm_ref.energies.rbm import random_machine
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import moved_along
from ebm_ref.numerics import dot, half_square, negated, sigmoid, softplus, total


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
    W, b, c, v = FORMULA.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return total(half_square(v - b)) - total(softplus(t))


def gaussian_rbm_free_energy_weights_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dW, shape (v, h): -v sigma(t)'."""
    W, _, c, v = FORMULA.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return negated(np.outer(v, sigmoid(t)))


def gaussian_rbm_free_energy_visible_bias_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/db, shape (v,): b - v."""
    _, b, _, v = FORMULA.checked(weights, visible_bias, hidden_bias, visible)
    return b - v


def gaussian_rbm_free_energy_hidden_bias_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dc, shape (h,): -sigma(t)."""
    W, _, c, v = FORMULA.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return -sigmoid(t)


def gaussian_rbm_free_energy_visible_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dv, shape (v,): v - b - W sigma(t), minus the score."""
    W, b, c, v = FORMULA.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return (v - b) - dot(W, sigmoid(t))


def at_most_the_parabola(formula, inputs, rng):
    """F(v) < 1/2 |v - b|^2, and dF/dc between -1 and 0: hidden units only lower the energy."""
    _, far = moved_along(formula, inputs, "visible", rng, scale=16.0)
    g = formula.gradients["hidden_bias"](**far)
    below = formula.value(**far) <= 0.5 * np.sum((far["visible"] - far["visible_bias"]) ** 2)
    return 0.0 if below and np.all((g <= 0.0) & (g >= -1.0)) else np.inf


def _with_parabola(unit):
    """|v - b|^2/2 - sum_j unit(t_j)."""
    return lambda W, b, c, v: 0.5 * np.sum((v - b) ** 2) - np.sum(unit(c + np.dot(v, W)))


FORMULA = Formula(
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
        "best hidden setting alone": Mistake(
            _with_parabola(lambda t: np.maximum(t, 0.0)),
            symptom="the minimum over h in place of the sum: no gradient through units that are off",
        ),
        "hidden units -1 and 1": Mistake(
            _with_parabola(lambda t: softplus(2.0 * t) - t), symptom="log(2 cosh t), right for hidden spins"
        ),
        "entropy left out": Mistake(
            _with_parabola(lambda t: t * sigmoid(t)),
            symptom="the mean energy given v: too high by the hidden units' entropy",
        ),
        "sign of the softplus lost": Mistake(
            _with_parabola(lambda t: -softplus(-t)),
            symptom="log sigma(t) for log(1 + e^t): hidden units that are on cost energy",
        ),
        "couplings to v - b": Mistake(
            lambda W, b, c, v: gaussian_rbm_free_energy(W, b, c - np.dot(b, W), v),
            symptom="hidden units see what is beyond the bias: the same machine with other hidden biases",
        ),
    },
)
