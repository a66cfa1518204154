r"""Restricted Boltzmann machine: visible units, hidden units, and couplings between the two kinds alone.

    E(v, h) = -b'v - c'h - v'W h,      v_i, h_j in {0, 1}
    F(v)    = -log sum_h e^{-E(v, h)}
            = -b'v - sum_j log(1 + e^{t_j}),      t = c + W'v
    dF/dW   = -v sigma(t)',            dF/db = -v
    dF/dv   = -b - W sigma(t),         dF/dc = -sigma(t)

Without couplings among themselves, the hidden units are independent once v is given, so the sum over
2^m of them is a product of m sums of two terms.  F is again an energy, of the visible units alone:
p(v) = e^{-F(v)} / Z.  The units on either side follow from the other in one step,

    p(h_j = 1 | v) = sigma(t_j),        p(v_i = 1 | h) = sigma((b + W h)_i),

which is what Gibbs sampling in blocks uses.  Turn the machine around, W' for W and c for b, and the sum
over v of e^{-F(v)} becomes the sum over h: two ways to the same Z.

log(1 + e^t) overflows in float64 from t = 710 on, in float32 from 89; softplus does not.

Source: Smolensky (1986), "Information processing in dynamical systems"; Freund and Haussler (1994), for
the free energy; Hinton (2010), "A Practical Guide to Training Restricted Boltzmann Machines".
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_shape, shape_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, condition, misfit
from ebm_ref.numerics import sigmoid, softplus


def rbm(weights, visible_bias, hidden_bias, visible, hidden):
    """Energy of one configuration of visible and hidden units.

    Parameters
    ----------
    weights : (v, h) float
        W, visible units first.
    visible_bias : (v,) float
        b.
    hidden_bias : (h,) float
        c.
    visible, hidden : (v,), (h,) int
        Each 0 or 1.

    Returns
    -------
    float
        0 where all units are off.

    Raises
    ------
    ValueError
        If a unit is neither 0 nor 1, or W is not (v, h) for the lengths of the biases and of v.

    >>> W = np.array([[1.0, 2.0], [4.0, 8.0]])
    >>> float(rbm(W, np.array([0.5, 0.0]), np.zeros(2), np.array([1, 0]), np.array([0, 1])))
    -2.5
    """
    _check_units(weights, visible_bias, hidden_bias, visible, hidden)
    inner = np.dot(visible, np.dot(weights, hidden))
    return -np.dot(visible_bias, visible) - np.dot(hidden_bias, hidden) - inner


def rbm_weights_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/dW, shape (v, h): -v h'."""
    _check_units(weights, visible_bias, hidden_bias, visible, hidden)
    return 0.0 - np.outer(visible, hidden)


def rbm_visible_bias_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/db, shape (v,): -v."""
    _check_units(weights, visible_bias, hidden_bias, visible, hidden)
    return 0.0 - np.array(visible)


def rbm_hidden_bias_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/dc, shape (h,): -h."""
    _check_units(weights, visible_bias, hidden_bias, visible, hidden)
    return 0.0 - np.array(hidden)


def _check_units(weights, visible_bias, hidden_bias, visible, hidden):
    check_sizes(weights, visible_bias, hidden_bias, visible)
    check_bits("visible", visible, len(visible_bias))
    check_bits("hidden", hidden, len(hidden_bias))


def check_bits(name, bits, size):
    """Raise unless there are `size` of them, each 0 or 1."""
    require_shape(name, bits, (size,))
    require(all(x == 0 or x == 1 for x in bits), name, bits, "must be 0 or 1 each")


def rbm_free_energy(weights, visible_bias, hidden_bias, visible):
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
        v, each 0 or 1; the formula holds between and beyond, too, which its slope by v needs.

    Returns
    -------
    float
        -b'v - sum_j log(1 + e^{t_j}).

    Raises
    ------
    ValueError
        If W is not (v, h) for the lengths of the biases and of v.

    >>> W = np.array([[np.log(3.0)], [0.0]])
    >>> float(rbm_free_energy(W, np.zeros(2), np.zeros(1), np.array([1.0, 1.0])).round(12))  # -log 4
    -1.38629436112
    """
    check_sizes(weights, visible_bias, hidden_bias, visible)
    t = hidden_bias + np.dot(visible, weights)
    return -np.dot(visible_bias, visible) - np.sum(softplus(t))


def check_sizes(weights, visible_bias, hidden_bias, visible):
    """Raise unless all sizes fit: NumPy would add one bias to all units."""
    sizes = *shape_of("visible_bias", visible_bias, "v"), *shape_of("hidden_bias", hidden_bias, "h")
    text = f"has the shape {np.shape(weights)}, but the biases call for {sizes}"
    require(np.shape(weights) == sizes, "weights", weights, text)
    require(np.shape(visible) == sizes[:1], "visible", visible, f"must hold {sizes[0]} units")


def rbm_free_energy_weights_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dW, shape (v, h): -v sigma(t)'."""
    check_sizes(weights, visible_bias, hidden_bias, visible)
    return 0.0 - np.outer(visible, hidden_probabilities(weights, hidden_bias, visible))


def rbm_free_energy_visible_bias_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/db, shape (v,): -v."""
    check_sizes(weights, visible_bias, hidden_bias, visible)
    return 0.0 - np.array(visible)


def rbm_free_energy_hidden_bias_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dc, shape (h,): -sigma(t)."""
    check_sizes(weights, visible_bias, hidden_bias, visible)
    return -hidden_probabilities(weights, hidden_bias, visible)


def rbm_free_energy_visible_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dv, shape (v,): -b - W sigma(t)."""
    check_sizes(weights, visible_bias, hidden_bias, visible)
    return -visible_bias - np.dot(weights, hidden_probabilities(weights, hidden_bias, visible))


def hidden_probabilities(weights, hidden_bias, visible):
    """p(h_j = 1 | v), shape (h,): sigma(c + W'v).

    >>> float(hidden_probabilities(np.array([[np.log(3.0)]]), np.zeros(1), np.array([1.0]))[0].round(12))
    0.75
    """
    return sigmoid(hidden_bias + np.dot(visible, weights))


def visible_probabilities(weights, visible_bias, hidden):
    """p(v_i = 1 | h), shape (v,): sigma(b + W h).

    >>> float(visible_probabilities(np.array([[np.log(3.0)]]), np.zeros(1), np.array([1.0]))[0].round(12))
    0.75
    """
    return sigmoid(visible_bias + np.dot(weights, hidden))


def random_machine(rng, visible=2, hidden=2):
    """Weights and biases."""
    return {
        "weights": rng.normal(scale=1.5, size=(visible, hidden)),
        "visible_bias": rng.normal(scale=1.5, size=visible),
        "hidden_bias": rng.normal(scale=1.5, size=hidden),
    }


def turned_around(formula, inputs, rng):
    """E(W, b, c, v, h) = E(W', c, b, h, v): visible and hidden are names."""
    W, b, c, v, h = inputs.values()
    return misfit(formula, inputs, dict(zip(inputs, (W.T, c, b, h, v), strict=True)))


def hidden_renamed(formula, inputs, rng):
    """Renaming the hidden units changes nothing."""
    order = rng.permutation(inputs["hidden_bias"].size)
    moved = {"weights": inputs["weights"][..., order], "hidden_bias": inputs["hidden_bias"][order]}
    return misfit(formula, inputs, inputs | moved)


def below_every_energy(formula, inputs, rng):
    """min_h E - m log 2 <= F(v) <= min_h E, for m hidden units: each of them at its better setting."""
    W, b, c, v = inputs.values()
    lowest = -np.dot(b, v) - np.sum(np.maximum(c + np.dot(v, W), 0.0))
    F, room = formula.value(**inputs), len(c) * np.log(2.0)
    excess = max(F - lowest, lowest - room - F, 0.0)
    return excess / (16 * UNIT * (condition(formula, inputs) + abs(lowest))) if excess else 0.0


def concave_in_weights(formula, inputs, rng):
    """Concave in W, b and c together: minus the logarithm of a sum of exponentials of linear functions."""
    names = ("weights", "visible_bias", "hidden_bias")
    other = inputs | {a: inputs[a] + rng.normal(scale=2.0, size=inputs[a].shape) for a in names}
    t = rng.uniform()
    middle = inputs | {a: t * inputs[a] + (1 - t) * other[a] for a in names}
    chord = t * formula.value(**inputs) + (1 - t) * formula.value(**other)
    allowed = 16 * UNIT * sum(condition(formula, point) for point in (inputs, other, middle))
    return max(0.0, chord - formula.value(**middle)) / allowed


def summed_out(W, b, c, v, unit):
    """-b'v - sum_j unit(t_j)."""
    return -np.dot(b, v) - np.sum(unit(c + np.dot(v, W)))


W2 = np.array([[1.0, 2.0], [4.0, 8.0]])
B2, C2 = np.array([0.5, -0.25]), np.array([16.0, -32.0])
ODDS = np.array([[np.log(3.0), 0.0], [0.0, np.log(7.0)]])
ZERO = np.zeros(2)

ENERGY = Formula(
    value=rbm,
    signature="(v,h),(v),(h),(v),(h)->()",
    source="smolensky1986; hinton2010, equation (1)",
    gradients={
        "weights": rbm_weights_gradient,
        "visible_bias": rbm_visible_bias_gradient,
        "hidden_bias": rbm_hidden_bias_gradient,
    },
    sample=lambda rng: (
        random_machine(rng) | {"visible": rng.integers(2, size=2), "hidden": rng.integers(2, size=2)}
    ),
    laws=(turned_around,),
    cases={
        # Case((weights, visible_bias, hidden_bias, visible, hidden), value, by weights and visible_bias and
        # hidden_bias, exposes)
        "all on: -(0.25 - 16 + 15)": Case(
            (W2, B2, C2, [1, 1], [1, 1]), 0.75, (-np.ones((2, 2)), -np.ones(2), -np.ones(2)), "signs turned"
        ),
        "first visible, second hidden: W_01": Case(
            (W2, ZERO, ZERO, [1, 0], [0, 1]),
            -2.0,
            ([[0.0, -1.0], [0.0, 0.0]], [-1.0, 0.0], [0.0, -1.0]),
            "weights transposed",
        ),
        "all off": Case((W2, B2, C2, [0, 0], [0, 0]), 0.0),
        "three visible units, one hidden": Case(
            ([[1.0], [2.0], [4.0]], [0.5, 0.25, 0.125], [8.0], [1, 0, 1], [1]), -13.625
        ),
        "not a number": Case((np.full((2, 2), np.nan), ZERO, ZERO, [1, 1], [1, 1]), np.nan),
    },
    variants={
        "signs turned": Mistake(
            lambda W, b, c, v, h: -rbm(W, b, c, v, h),
            seen_in="github.com/scikit-learn/scikit-learn/issues/11153, the user guide's printed formula",
            symptom="contradicts its own conditional probabilities",
        ),
        "weights transposed": Mistake(
            lambda W, b, c, v, h: rbm(W.T if W.shape[0] == W.shape[1] else W, b, c, v, h),
            symptom="unnoticed where there are as many hidden as visible units",
        ),
    },
)

FREE_ENERGY = Formula(
    value=rbm_free_energy,
    signature="(v,h),(v),(h),(v)->()",
    source="freund1994; hinton2010, Section 16.1",
    gradients={
        "weights": rbm_free_energy_weights_gradient,
        "visible_bias": rbm_free_energy_visible_bias_gradient,
        "hidden_bias": rbm_free_energy_hidden_bias_gradient,
        "visible": rbm_free_energy_visible_gradient,
    },
    sample=lambda rng: random_machine(rng) | {"visible": 1.0 * rng.integers(2, size=2)},
    laws=(hidden_renamed, below_every_energy, concave_in_weights),
    cases={
        # Case((weights, visible_bias, hidden_bias, visible), value, by weights and visible_bias and
        # hidden_bias and visible, exposes)
        "nothing known: log 2 for each hidden unit": Case(
            (ODDS, B2, ZERO, ZERO),
            -2.0 * np.log(2.0),
            (np.zeros((2, 2)), ZERO, [-0.5, -0.5], [-0.5 - np.log(3.0) / 2.0, 0.25 - np.log(7.0) / 2.0]),
            "best hidden setting alone",
        ),
        "odds of 3 and 7: -log(4 x 8)": Case(
            (ODDS, ZERO, ZERO, np.ones(2)),
            -5.0 * np.log(2.0),
            (
                [[-0.75, -0.875], [-0.75, -0.875]],
                -np.ones(2),
                [-0.75, -0.875],
                [-0.75 * np.log(3.0), -0.875 * np.log(7.0)],
            ),
            "hidden units -1 and 1",
        ),
        "certain: 800 and e^-800": Case(
            ([[800.0, -800.0]], np.zeros(1), ZERO, np.ones(1)),
            -800.0,
            {"weights": np.array([[-1.0, 0.0]]), "hidden_bias": np.array([-1.0, 0.0])},
            "logarithm of one plus exponential",
        ),
        "unlikely hidden unit: e^-40 is all there is": Case(
            ([[-40.0]], np.zeros(1), np.zeros(1), np.ones(1)),
            -4.248354255291589e-18,
            {"hidden_bias": np.array([-4.248354255291589e-18])},
        ),
        "biases as well": Case(
            (np.zeros((1, 1)), [2.0], [np.log(3.0)], np.ones(1)),
            -2.0 - 2.0 * np.log(2.0),
            {"hidden_bias": np.array([-0.75]), "visible": np.array([-2.0])},
            "hidden bias left out",
        ),
        "not a number": Case((ODDS, ZERO, ZERO, [np.nan, 1.0]), np.nan, {"visible": np.full(2, np.nan)}),
    },
    variants={
        "logarithm of one plus exponential": Mistake(
            lambda W, b, c, v: summed_out(W, b, c, v, lambda t: np.log(1.0 + np.exp(t))),
            seen_in="github.com/odie2630463/Restricted-Boltzmann-Machines-in-pytorch/issues/1",
            symptom="-inf from t = 710 on (float32: 89), then NaN in the loss",
        ),
        "best hidden setting alone": Mistake(
            lambda W, b, c, v: summed_out(W, b, c, v, lambda t: np.maximum(t, 0.0)),
            symptom="the minimum over h in place of the sum: no gradient through units that are off",
        ),
        "hidden units -1 and 1": Mistake(
            lambda W, b, c, v: summed_out(W, b, c, v, lambda t: softplus(2.0 * t) - t),
            symptom="log(2 cosh t), right for hidden spins; biases and weights mean something else",
        ),
        "hidden bias left out": Mistake(
            lambda W, b, c, v: summed_out(W, b, 0.0 * c, v, softplus),
            symptom="right until the hidden biases are trained",
        ),
    },
)
