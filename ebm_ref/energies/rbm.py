r"""Restricted Boltzmann machine: visible units, hidden units, and couplings only between the two kinds.

    E(v, h) = -b'v - c'h - v'W h,      v_i, h_j in {0, 1}
    dE/dW   = -v h'
    dE/db   = -v
    dE/dc   = -h

    F(v)    = -log sum_h e^{-E(v, h)}
            = -b'v - sum_j log(1 + e^{t_j}),      t = c + W'v
    dF/dW   = -v sigma(t)'
    dF/db   = -v
    dF/dc   = -sigma(t)
    dF/dv   = -b - W sigma(t)

On the pages of spins h is a field; here it is the vector of hidden units, as in all the literature of this
machine.  sigma(t) is 1/(1 + e^{-t}), and beta is 1.  No unit is coupled to
one of its own kind.  So the hidden units are independent once v is given, and the sum over the 2^m
settings of m hidden units is a product of m sums of two terms.  F is again an energy, of the visible
units alone: p(v) = e^{-F(v)} / Z.  The units of one kind follow from those of the other in one step,

    p(h_j = 1 | v) = sigma(t_j),        p(v_i = 1 | h) = sigma((b + W h)_i),

which is what Gibbs sampling in blocks uses.  Turned around, with W' for W and b and c exchanged, the machine
has a free energy of h, and Z is the sum of e^{-F} over either kind of units: sum over the smaller.

log(1 + e^t) overflows from t = 710 on in float64, and from 89 on in float32; softplus does not.

Source: Smolensky (1986), "Information processing in dynamical systems"; Freund and Haussler (1994), for
the free energy; Hinton (2010), "A Practical Guide to Training Restricted Boltzmann Machines".
"""

import autograd.numpy as np

from ebm_ref.checks import real, require
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, condition, misfit
from ebm_ref.numerics import dot, negated, sigmoid, softplus, total


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
    visible, hidden : (v,), (h,) float
        v and h, each unit 0 or 1.

    Returns
    -------
    float
        0 where all units are off.

    Raises ValueError if a unit is neither 0 nor 1.

    >>> W = np.array([[1.0, 2.0], [4.0, 8.0]])
    >>> float(rbm(W, np.array([0.5, 0.0]), np.zeros(2), np.array([1, 0]), np.array([0, 1])))
    -2.5
    """
    W, b, c, v, h = ENERGY.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return -dot(b, v) - dot(c, h) - dot(v, dot(W, h))


def rbm_weights_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/dW, shape (v, h): -v h'."""
    *_, v, h = ENERGY.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return negated(np.outer(v, h))


def rbm_visible_bias_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/db, shape (v,): -v."""
    *_, v, _ = ENERGY.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return negated(v)


def rbm_hidden_bias_gradient(weights, visible_bias, hidden_bias, visible, hidden):
    """dE/dc, shape (h,): -h."""
    *_, h = ENERGY.checked(weights, visible_bias, hidden_bias, visible, hidden)
    return negated(h)


def units_rules(weights, visible_bias, hidden_bias, visible, hidden):
    """Every unit is on or off."""
    check_bits("visible", visible)
    check_bits("hidden", hidden)


def check_bits(argument, bits):
    """Raise unless each is 0 or 1."""
    require(np.all((bits == 0.0) | (bits == 1.0)), argument, bits, "must be 0 or 1 each")


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
        v, each unit 0 or 1; the formula holds between and beyond, too, and its slope by v needs that.

    Returns
    -------
    float
        -b'v - sum_j log(1 + e^{t_j}).

    Raises ValueError if the sizes of W, b, c and v do not fit.

    >>> W = np.array([[np.log(3.0)], [0.0]])
    >>> float(rbm_free_energy(W, np.zeros(2), np.zeros(1), np.array([1.0, 1.0])).round(12))  # -log 4
    -1.38629436112
    """
    W, b, c, v = FREE_ENERGY.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return -dot(b, v) - total(softplus(t))


def rbm_free_energy_weights_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dW, shape (v, h): -v sigma(t)'."""
    W, _, c, v = FREE_ENERGY.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return negated(np.outer(v, sigmoid(t)))


def rbm_free_energy_visible_bias_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/db, shape (v,): -v."""
    *_, v = FREE_ENERGY.checked(weights, visible_bias, hidden_bias, visible)
    return negated(v)


def rbm_free_energy_hidden_bias_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dc, shape (h,): -sigma(t)."""
    W, _, c, v = FREE_ENERGY.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return -sigmoid(t)


def rbm_free_energy_visible_gradient(weights, visible_bias, hidden_bias, visible):
    """dF/dv, shape (v,): -b - W sigma(t)."""
    W, b, c, v = FREE_ENERGY.checked(weights, visible_bias, hidden_bias, visible)
    t = c + dot(W.T, v)
    return -b - dot(W, sigmoid(t))


def hidden_probabilities(weights, hidden_bias, visible):
    """p(h_j = 1 | v), shape (h,): sigma(c + W'v).

    >>> float(hidden_probabilities(np.array([[np.log(3.0)]]), np.zeros(1), np.array([1.0]))[0].round(12))
    0.75
    """
    W = real("weights", weights, "v", "h")
    c, v = real("hidden_bias", hidden_bias, W.shape[1]), real("visible", visible, W.shape[0])
    return sigmoid(c + np.dot(v, W))


def visible_probabilities(weights, visible_bias, hidden):
    """p(v_i = 1 | h), shape (v,): sigma(b + W h).

    >>> float(visible_probabilities(np.array([[np.log(3.0)]]), np.zeros(1), np.array([1.0]))[0].round(12))
    0.75
    """
    W = real("weights", weights, "v", "h")
    b, h = real("visible_bias", visible_bias, W.shape[0]), real("hidden", hidden, W.shape[1])
    return sigmoid(b + np.dot(W, h))


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


def of_spins(W, b, c, v, h):
    """The energy, with -1 for 0."""
    v, h = 2.0 * np.array(v) - 1.0, 2.0 * np.array(h) - 1.0
    return -np.dot(b, v) - np.dot(c, h) - np.dot(v, np.dot(W, h))


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
    sample=lambda rng: random_machine(rng) | {a: rng.integers(2, size=2) for a in ("visible", "hidden")},
    laws=(turned_around,),
    cases={  # (W, b, c, v, h), E, (dE/dW, dE/db, dE/dc), the mistake that it exposes
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
            ([[1.0], [2.0], [4.0]], [0.5, 0.25, 0.125], [8.0], [1, 0, 1], [1]),
            -13.625,
            exposes="half of the couplings",
        ),
        "not a number": Case((np.full((2, 2), np.nan), ZERO, ZERO, [1, 1], [1, 1]), np.nan),
        "one pair of units, both on": Case(
            ([[2.0]], [0.5], [0.25], [1], [1]),
            -2.75,
            ([[-1.0]], [-1.0], [-1.0]),
            "sign of the couplings lost",
        ),
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
        "sign of the couplings lost": Mistake(
            lambda W, b, c, v, h: rbm(-W, b, c, v, h),
            symptom="+ v'Wh beside biases that count down: what should go together repels",
        ),
        "half of the couplings": Mistake(
            lambda W, b, c, v, h: rbm(0.5 * W, b, c, v, h),
            symptom="the 1/2 of a Boltzmann machine, whose pairs stand in the matrix twice; here once",
        ),
        "spins taken for bits": Mistake(of_spins, symptom="units that are off take part"),
    },
    rules=units_rules,
    refuses={  # (W, b, c, v, h), the argument to blame
        "a visible unit that is 2": ((W2, B2, C2, [1, 2], [0, 1]), "visible"),
        "a hidden spin of -1": ((W2, B2, C2, [1, 0], [-1, 1]), "hidden"),
        "a visible unit that is no number": ((W2, B2, C2, [np.nan, 1.0], [0, 1]), "visible"),
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
    cases={  # (W, b, c, v), F, (dF/dW, dF/db, dF/dc, dF/dv), the mistake that it exposes
        "nothing known: log 2 for each hidden unit": Case(
            (ODDS, B2, ZERO, ZERO),
            -2.0 * np.log(2.0),
            (np.zeros((2, 2)), ZERO, [-0.5, -0.5], [-0.5 - np.log(3.0) / 2.0, 0.25 - np.log(7.0) / 2.0]),
            "best hidden setting alone",
        ),
        "odds of 3 and 7: -log(4 x 8)": Case(
            (ODDS, ZERO, ZERO, np.ones(2)),
            -5.0 * np.log(2.0),
            ([[-0.75, -0.875]] * 2, -np.ones(2), [-0.75, -0.875], -ODDS @ [0.75, 0.875]),
            "hidden units -1 and 1",
        ),
        "certain: 800 and e^-800": Case(
            ([[800.0, -800.0]], np.zeros(1), ZERO, np.ones(1)),
            -800.0,
            {"weights": [[-1.0, 0.0]], "hidden_bias": [-1.0, 0.0]},
            "logarithm of one plus exponential",
        ),
        "unlikely hidden unit: e^-40 is all there is": Case(
            ([[-40.0]], np.zeros(1), np.zeros(1), np.ones(1)),
            -4.248354255291589e-18,
            {"hidden_bias": [-4.248354255291589e-18]},
            exposes="entropy left out",
        ),
        "biases as well": Case(
            (np.zeros((1, 1)), [2.0], [np.log(3.0)], np.ones(1)),
            -2.0 - 2.0 * np.log(2.0),
            {"hidden_bias": [-0.75], "visible": [-2.0]},
            "hidden bias left out",
        ),
        "not a number": Case((ODDS, ZERO, ZERO, [np.nan, 1.0]), np.nan, {"visible": np.full(2, np.nan)}),
        "a visible bias, and a hidden unit that knows nothing": Case(
            (np.zeros((1, 1)), [2.0], np.zeros(1), np.ones(1)),
            -2.0 - np.log(2.0),
            ([[-0.5]], [-1.0], [-0.5], [-2.0]),
            "visible bias left out",
        ),
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
        "visible bias left out": Mistake(
            lambda W, b, c, v: summed_out(W, 0.0 * b, c, v, softplus),
            symptom="the hidden units alone: how often a visible unit is on is not learned",
        ),
        "entropy left out": Mistake(
            lambda W, b, c, v: summed_out(W, b, c, v, lambda t: t * sigmoid(t)),
            symptom="the mean energy given v: too high by the hidden units' entropy, log 2 each at most",
        ),
        "sign of the softplus lost": Mistake(
            lambda W, b, c, v: summed_out(W, b, c, v, lambda t: -softplus(-t)),
            symptom="log sigma(t) for log(1 + e^t): hidden units that are on cost energy",
        ),
        "one logarithm for all hidden units": Mistake(
            lambda W, b, c, v: -np.dot(b, v) - np.log1p(np.sum(np.exp(c + np.dot(v, W)))),
            symptom="at most one of them may be on: a softmax unit",
        ),
        "slope of the sigmoid for the sigmoid": Mistake(
            gradients={
                "hidden_bias": lambda W, b, c, v: -sigmoid(c + np.dot(v, W)) * sigmoid(-c - np.dot(v, W)),
                "weights": lambda W, b, c, v: np.outer(-v, sigmoid(c + v @ W) * sigmoid(-c - v @ W)),
            },
            symptom="sigma (1 - sigma), differentiated once too often",
        ),
        "best hidden setting in the gradient alone": Mistake(
            gradients={
                "hidden_bias": lambda W, b, c, v: -1.0 * (c + v @ W > 0.0),
                "weights": lambda W, b, c, v: np.outer(-v, c + v @ W > 0.0),
            },
            symptom="hidden units rounded to 0 or 1 where their probabilities are due",
        ),
    },
)
