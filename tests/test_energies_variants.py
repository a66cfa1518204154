"""The wrong energies are pinned too: a variant that is not what somebody computes names nothing."""

import numpy as np
import pytest

from ebm_ref import FORMULAS

V, L3 = np.array, np.log(3.0)
IGNORED = pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value", "ignore:divide by zero")


def variant(formula, name):
    return next(v for v in FORMULAS[formula].variants if v.name == name)


L2 = np.log(2.0)  # powers of two: a start of 1/2, and so on; not all rows sum to 1
HIDDEN = (-L2 * V([2.0, 1.0]), -L2 * V([[1.0, 5.0], [3.0, 2.0]]), -L2 * V([[2.0, 4.0], [1.0, 4.0]]))
UP, PAIR = V([[1.0], [2.0]]), V([1.0, 1.0])
CLASSES = (V([2.0]), 1.0, V([3.0]))
HALF = (V([[3.0]]), V([L3 / 2.0]), V([[4.0]]), V([1.0]), V([0.0]))  # h = 1/2, slope 3/4
MEET = (V([[2.0]]), V([[1.0]]), V([0.0]), V([[1.0]]), V([1.0]), V([0.0]))  # r = 2
HALF_WAY = (V([[2.0]]), V([[1.0]]), V([0.0]), V([[L3]]), V([1.0]), V([L3 / 2.0]))  # h = 1/2, G(y) = log(3)/2
TWINS = (V([[np.log(2.0)]]), V([0.0]), V([1.0]), V([0.0]))  # f = 3/5 and 0
SCORES = (V([[0.0], [L3]]), V([1.0]))
FALLS_SHORT = "margin on the distance, what is missing squared"
EDGE = (V([[[1.0, 0.0]]]), V([np.log(2.0) - 3.0]), V([[[[5.0]]]]), V([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), 0)
BLANK = (V([[[1.0, 2.0]]]), V([np.log(2.0)]), V([[[[5.0]]]]), np.zeros((2, 3)), 0)

# formula, variant, inputs, value: each worked by hand
VALUES = [
    ("linear_regression", "without the half", (UP, PAIR, V([1.0])), 4.0),
    (
        "linear_regression",
        "every prediction minus every answer",
        (np.eye(2), V([1.0, 3.0]), V([0.0, 2.0])),
        6.0,
    ),
    ("hidden_markov", "transitions read from column to row", (*HIDDEN, V([1, 0]), V([1, 0])), 12.0 * L2),
    ("hidden_markov", "first emission left out", (*HIDDEN, V([1, 0]), V([1, 0])), 6.0 * L2),
    ("hidden_markov", "start left out", (*HIDDEN, V([1, 0]), V([1, 0])), 9.0 * L2),
    ("hidden_markov", "emission one symbol late", (*HIDDEN, V([1, 0]), V([1, 0])), 12.0 * L2),
    (
        "hidden_markov",
        "starts in state 0, one transition before the first symbol",
        (*HIDDEN, V([1, 0]), V([1, 0])),
        14.0 * L2,
    ),
    ("hidden_markov", "log-probability, to be maximised", (*HIDDEN, V([1, 0]), V([1, 0])), -10.0 * L2),
    ("two_class", "answers 0 and 1", (*CLASSES, 1), -7.0),
    ("two_class", "answers 0 and 1", (*CLASSES, -1), 0.0),
    ("two_class", "energies taken for scores", (*CLASSES, -1), -7.0),
    ("logistic", "logarithm of a rounded sigmoid", (V([40.0]), 0.0, V([1.0]), 0), np.inf),
    ("logistic", "logarithm of a rounded sigmoid", (V([40.0]), 0.0, V([1.0]), 1), np.nan),
    ("logistic", "logarithm of a rounded sigmoid", (V([L3]), 0.0, V([1.0]), 0), np.log(4.0)),
    ("logistic", "answers -1 and 1", (V([L3]), 0.0, V([1.0]), 0), np.log(12.0)),
    ("logistic", "answers -1 and 1", (V([L3]), 0.0, V([1.0]), 1), np.log(4.0 / 3.0)),
    ("logistic", "logarithm forgotten", (V([L3]), 0.0, V([1.0]), 1), -0.75),
    ("logistic", "logarithm forgotten", (V([L3]), 0.0, V([1.0]), 0), -0.25),
    ("multi_layer_perceptron", "outputs taken for scores", (*HALF, 0), -3.0),
    ("implicit_regression", "1-norm in place of half the square", MEET, 2.0),
    ("siamese", "labels turned", (*TWINS, 1, 1.0), 0.64),
    ("siamese", "labels turned", (*TWINS, 0, 1.0), 0.36),
    ("siamese", FALLS_SHORT, (*TWINS, 0, 1.0), 0.16),
    ("siamese", FALLS_SHORT, (*TWINS, 0, 0.5), 0.0),
    ("siamese", FALLS_SHORT, (*TWINS, 1, 1.0), 0.36),
    ("siamese", "no hinge", (*TWINS, 0, 0.25), -0.11),
    ("siamese", "no hinge", (*TWINS, 1, 0.25), 0.36),
    ("joint_energy", "score taken for the energy", (V([[2.0, 3.0]]), PAIR, 0), 5.0),
    ("joint_energy", "energy of the answer given the input", (*SCORES, 1), np.log(4.0 / 3.0)),
    ("marginal_energy", "score taken for the energy", SCORES, np.log(4.0)),
    ("marginal_energy", "best answer alone", SCORES, -L3),
    ("marginal_energy", "the exponential overflows", SCORES, -np.log(4.0)),
    ("marginal_energy", "the exponential overflows", (V([[800.0]]), V([1.0])), -np.inf),
    ("marginal_energy", "a yes or no for each answer", SCORES, -np.log(8.0)),
    ("convnet", "kernel flipped", EDGE, 3.0),
    ("softmax", "logarithm forgotten", (np.zeros((4, 2)), np.ones(2), 1), -0.25),
    (
        "softmax",
        "scores divided by the root of n",
        (V([[0.0] * 4, [L3 / 2] * 4]), np.ones(4), 0),
        np.log(4.0),
    ),
    ("softmax", "energies taken for scores", (V([[0.0], [L3]]), np.ones(1), 1), np.log(4.0)),
    ("rbf_output", "not squared", (V([[3.0, 4.0]]), np.zeros(2), 0), 5.0),
    ("rbf_output", "one half in front", (V([[3.0, 4.0]]), np.zeros(2), 0), 12.5),
    ("rbf_output", "eps added to the difference", (V([[1.0]]), np.ones(1), 0), 1e-12),
    (
        "convnet",
        "block averaged",
        (V([[[1.0]]]), V([0.0]), V([[[[5.0]]]]), V([[4.0 * np.log(2.0), 0.0], [0.0, 0.0]]), 0),
        3.0,
    ),
    ("convnet", "relu for tanh", BLANK, 5.0 * np.log(2.0)),
    ("convnet", "relu for tanh", (*BLANK[:1], V([-1.0]), *BLANK[2:]), 0.0),
    ("logistic", "sigmoid of -1 and 1 at answers 0 and 1", (V([L3]), 0.0, V([1.0]), 1), np.log(4.0 / 3.0)),
    ("logistic", "sigmoid of -1 and 1 at answers 0 and 1", (V([L3]), 0.0, V([1.0]), 0), np.log(2.0)),
    ("logistic", "squared error of the probability", (V([L3]), 0.0, V([1.0]), 0), 0.5625),
    ("multi_layer_perceptron", "tanh at the output, too", (*HALF, 0), np.tanh(3.0)),
    ("convnet", "bias added after tanh", BLANK, 5.0 * np.log(2.0)),
    ("softmax", "right answer left out of the sum", (*SCORES, 0), L3),
    ("softmax", "largest score not added back", (*SCORES, 0), np.log(4.0 / 3.0)),
    ("softmax", "sigmoid of its own score alone", (*SCORES, 1), np.log(4.0 / 3.0)),
    ("softmax", "probability clipped at 1e-7", (V([[0.0], [40.0]]), V([1.0]), 0), 7.0 * np.log(10.0)),
    ("implicit_regression", "tanh at the output, too", HALF_WAY, 1.125),
    ("siamese", "what is missing squared", (*TWINS, 0, 1.0), 0.4096),
    ("siamese", "what is missing squared", (*TWINS, 1, 1.0), 0.36),
    ("marginal_energy", "largest score not added back", SCORES, -np.log(4.0 / 3.0)),
    ("two_class", "hinge in place of the energy", (*CLASSES, -1), 8.0),
    ("logistic", "term of yes alone", (V([L3]), 0.0, V([1.0]), 1), np.log(4.0 / 3.0)),
    ("logistic", "probability clipped at 1e-7", (V([-40.0]), 0.0, V([1.0]), 1), 7.0 * np.log(10.0)),
    ("softmax", "a yes or no for each answer", (*SCORES, 1), np.log(8.0 / 3.0)),
    ("multi_layer_perceptron", "cross-entropy of the outputs", (*HALF, 0), 0.0),
    ("convnet", "block summed", BLANK, 3.0),
    ("rbf_output", "square of the input left out", (V([[3.0, 4.0]]), V([1.0, 0.0]), 0), 19.0),
]
VALUES += [  # other energies, and losses, under an energy's name
    ("two_class", "bias beyond the sign", (*CLASSES, -1), 5.0),
    ("two_class", "logistic in place of the energy", (V([0.0]), 0.0, V([3.0]), 1), L2),
    ("two_class", "sign of the score", (*CLASSES, 1), -1.0),
    ("rbf_output", "inner product with the centre", (V([[3.0, 4.0]]), PAIR, 0), -7.0),
    ("rbf_output", "normalised over the centres", (V([[1.0], [-1.0]]), V([0.0]), 0), L2),
    ("multi_layer_perceptron", "squared distance from the target", (*HALF, 0), 2.0),
    ("marginal_energy", "scores weighed by their probabilities", SCORES, -0.75 * L3),
    ("marginal_energy", "largest probability", SCORES, -0.75),
    ("marginal_energy", "entropy of the answers", SCORES, np.log(4.0) - 0.75 * L3),
    (
        "siamese",
        "cosine for the distance",
        (np.eye(2), np.zeros(2), V([1.0, 0.0]), V([0.0, 2.0]), 1, 1.0),
        1.0,
    ),
    (
        "siamese",
        "inputs subtracted before the network",
        (V([[L2]]), V([L2]), V([1.0]), V([1.0]), 1, 1.0),
        0.36,
    ),
    (
        "implicit_regression",
        "answer's network left linear",
        (V([[2.0]]), V([[1.0]]), V([1.0]), V([[3.0]]), V([1.0]), V([2.0])),
        24.5,
    ),
    ("hidden_markov", "last transition left out", (*HIDDEN, V([1, 0]), V([1, 0])), 7.0 * L2),
    ("hidden_markov", "last emission left out", (*HIDDEN, V([1, 0]), V([1, 0])), 8.0 * L2),
    ("hidden_markov", "start at every moment", (*HIDDEN, V([1, 1]), V([1, 1])), 10.0 * L2),
    ("hidden_markov", "states given their symbols", (*HIDDEN, V([0]), V([0])), 4.0 * L2 + np.log(0.75)),
]


@IGNORED
@pytest.mark.parametrize(
    "formula, name, inputs, value", VALUES, ids=lambda x: x if isinstance(x, str) else ""
)
def test_value(formula, name, inputs, value):
    assert variant(formula, name).value(*inputs) == pytest.approx(value, rel=1e-12, abs=1e-15, nan_ok=True)


# formula, variant, argument, inputs, slope
SLOPES = [
    ("linear_regression", "without the half", "weights", (UP, PAIR, V([1.0])), [[4.0], [4.0]]),
    ("linear_regression", "without the half", "features", (UP, PAIR, V([1.0])), [4.0, 8.0]),
    ("linear_regression", "without the half", "target", (UP, PAIR, V([1.0])), [-4.0]),
    (
        "linear_regression",
        "input forgotten in the slope",
        "weights",
        (V([[1.0], [1.0]]), V([3.0, 1.0]), V([2.0])),
        [[2.0], [2.0]],
    ),
    ("two_class", "answers 0 and 1", "weights", (*CLASSES, 1), [-3.0]),
    ("two_class", "answers 0 and 1", "bias", (*CLASSES, 1), -1.0),
    ("two_class", "answers 0 and 1", "features", (*CLASSES, 1), [-2.0]),
    ("two_class", "answers 0 and 1", "features", (*CLASSES, -1), [0.0]),
    ("multi_layer_perceptron", "outputs taken for scores", "hidden_biases", (*HALF, 0), [-3.0]),
    ("multi_layer_perceptron", "outputs taken for scores", "output_weights", (*HALF, 0), [[-0.5]]),
    ("multi_layer_perceptron", "outputs taken for scores", "output_biases", (*HALF, 0), [-1.0]),
    ("multi_layer_perceptron", "outputs taken for scores", "features", (*HALF, 0), [-9.0]),
    (
        "multi_layer_perceptron",
        "derivative of tanh taken at its output",
        "features",
        (*HALF, 0),
        [12.0 / np.cosh(0.5) ** 2],
    ),
    (
        "multi_layer_perceptron",
        "derivative of tanh taken at its output",
        "hidden_weights",
        (np.zeros((1, 1)), *HALF[1:4], V([2.0]), 0),
        [[8.0 / np.cosh(0.5) ** 2]],
    ),
    ("multi_layer_perceptron", "slope as one minus a square", "hidden_biases", (*HALF, 0), [3.0]),
    (
        "multi_layer_perceptron",
        "slope as one minus a square",
        "hidden_biases",
        (HALF[0], V([40.0]), *HALF[2:], 0),
        [0.0],
    ),
    ("implicit_regression", "1-norm in place of half the square", "weights", MEET, [[1.0]]),
    ("implicit_regression", "1-norm in place of half the square", "target", MEET, [-1.0]),
    ("implicit_regression", "answer pushed the wrong way", "target", MEET, [2.0]),
    ("siamese", "labels turned", "first", (*TWINS, 0, 1.0), [0.768 * np.log(2.0)]),
    ("siamese", "labels turned", "weights", (*TWINS, 1, 1.0), [[-0.768]]),
    ("siamese", FALLS_SHORT, "weights", (*TWINS, 0, 1.0), [[-0.512]]),
    ("siamese", FALLS_SHORT, "biases", (*TWINS, 0, 1.0), [0.288]),
    ("siamese", FALLS_SHORT, "first", (*TWINS, 0, 1.0), [-0.512 * np.log(2.0)]),
    ("siamese", FALLS_SHORT, "second", (*TWINS, 0, 1.0), [0.8 * np.log(2.0)]),
    ("siamese", FALLS_SHORT, "first", (*TWINS, 0, 0.5), [0.0]),
    ("siamese", FALLS_SHORT, "first", (*TWINS, 1, 1.0), [0.768 * np.log(2.0)]),
    ("siamese", "one branch forgotten", "weights", (*TWINS[:3], V([-1.0]), 1, 1.0), [[1.536]]),
    ("siamese", "one branch forgotten", "biases", (*TWINS[:3], V([-1.0]), 1, 1.0), [1.536]),
    ("joint_energy", "energy of the answer given the input", "features", (*SCORES, 1), [-0.25 * L3]),
    ("marginal_energy", "a yes or no for each answer", "weights", SCORES, [[-0.5], [-0.75]]),
    ("marginal_energy", "a yes or no for each answer", "features", SCORES, [-0.75 * L3]),
    ("convnet", "kernel flipped", "kernels", EDGE, [[[9.6, 6.4]]]),
    ("convnet", "kernel flipped", "biases", EDGE, [3.2]),
    ("convnet", "kernel flipped", "output_weights", EDGE, [[[[0.6]]]]),
    ("convnet", "kernel flipped", "image", EDGE, [[0.0, 0.0, 3.2], [0.0, 0.0, 0.0]]),
    ("convnet", "kernel not turned on the way back", "image", BLANK, [[6.4, 3.2, 0.0], [0.0, 0.0, 0.0]]),
    ("softmax", "logarithm forgotten", "weights", (V([[0.0], [L3]]), V([2.0]), 0), [[-0.18], [0.18]]),
    ("softmax", "logarithm forgotten", "features", (V([[0.0], [L3]]), V([1.0]), 0), [0.1875 * L3]),
    ("rbf_output", "one half in front", "centers", (V([[3.0, 4.0]]), np.zeros(2), 0), [[3.0, 4.0]]),
    ("rbf_output", "one half in front", "features", (V([[3.0, 4.0]]), np.zeros(2), 0), [-3.0, -4.0]),
    ("rbf_output", "eps added to the difference", "centers", (V([[1.0]]), np.ones(1), 0), [[-2e-6]]),
    ("rbf_output", "eps added to the difference", "features", (V([[1.0]]), np.ones(1), 0), [2e-6]),
    ("logistic", "slope of the sigmoid kept", "weights", (V([L3]), 0.0, V([1.0]), 0), [9.0 / 64.0]),
    ("logistic", "slope of the sigmoid kept", "bias", (V([L3]), 0.0, V([1.0]), 1), -3.0 / 64.0),
    ("multi_layer_perceptron", "slope of tanh taken at a for h", "hidden_biases", (*HALF, 0), [4.0 - L3**2]),
    ("multi_layer_perceptron", "slope of a sigmoid", "hidden_biases", (*HALF, 0), [1.0]),
    ("multi_layer_perceptron", "slope as one minus the output", "hidden_biases", (*HALF, 0), [2.0]),
    (
        "multi_layer_perceptron",
        "every answer's row moved",
        "output_weights",
        (*HALF[:2], V([[4.0], [5.0]]), np.ones(2), V([0.0]), 1),
        [[0.5], [0.5]],
    ),
    ("softmax", "own row alone in the slope by x", "features", (*SCORES, 1), [-0.25 * L3]),
    ("rbf_output", "every centre moved", "centers", (V([[1.0], [4.0]]), V([0.0]), 0), [[2.0], [8.0]]),
    ("implicit_regression", "slope of tanh forgotten", "hidden_biases", HALF_WAY, [-(2.0 - L3 / 2.0) * L3]),
]


@pytest.mark.parametrize(
    "formula, name, argument, inputs, slope", SLOPES, ids=lambda x: x if isinstance(x, str) else ""
)
def test_slope(formula, name, argument, inputs, slope):
    found = variant(formula, name).gradients[argument](*inputs)
    assert np.shape(found) == np.shape(slope)
    assert np.allclose(found, slope, rtol=1e-9, atol=1e-15)


PAGES = "linear_regression two_class logistic mlp convnet softmax rbf_output".split()
PAGES += "implicit_regression siamese joint_energy".split()
ENERGIES = [n for n, f in FORMULAS.items() if f.value.__module__.rpartition(".")[2] in PAGES]


@pytest.mark.parametrize("name", ENERGIES)
def test_every_variant_is_pinned(name):
    pinned = {variant for formula, variant, *_ in VALUES + SLOPES if formula == name}
    assert {v.name for v in FORMULAS[name].variants} <= pinned


def test_every_slope_of_a_convention_is_pinned():
    """A convention is right by somebody's documentation: all its slopes count."""
    pinned = {(formula, name, argument) for formula, name, argument, *_ in SLOPES}
    for formula in ("linear_regression", "implicit_regression", "marginal_energy", "convnet", "rbf_output"):
        for v in FORMULAS[formula].variants:
            if v.kind == "convention":
                assert {(formula, v.name, argument) for argument in v.gradients} <= pinned
