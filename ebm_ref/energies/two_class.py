r"""Two classes: the sign of one number decides, its size says by how much.

    E(Y, x) = -Y G,    G = w.x + b,    Y = -1 or 1

    dE/dw = -Y x
    dE/db = -Y
    dE/dx = -Y w

The better answer is Y = sign G.  Three classics are this one energy, trained with three losses:

    perceptron loss   (sign(G) - Y) G                  Rosenblatt's perceptron
    hinge loss        max(0, m - 2 Y G)                + |w|^2: the linear SVM
    nll               log(1 + e^{-2 beta Y G}) / beta  logistic regression

The energies are -G and G, so the gap between them is 2 |G|.  Textbooks of the SVM measure |G| alone,
the way from a class to the plane, and have no factor 2.

A model that gives both answers the same energy has perceptron loss 0, and no slope leads away from it.
Where E is linear in its parameters this does no harm: for almost every w and b the two energies differ.
And if some w separates the data, which lie within a radius R, by a distance g, then training that
starts next to 0 has all answers right after at most (R/g)^2 corrections (Novikoff).

In general it does harm.  Let G be max(0, w.x + b).  Every sample with w.x + b < 0 then has two equal
energies that do not move.  The loss pushes a positive G down on samples of Y = -1, and asks nothing
where energies are equal; so it can drive all samples there, and rest at 0.

Source: LeCun et al. (2006), Section 3.2; Rosenblatt (1958); Novikoff (1962).
"""

import autograd.numpy as np

from ebm_ref.checks import require_one_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit
from ebm_ref.numerics import dot


def two_class(weights, bias, features, answer):
    """Energy of one of two answers to one input.

    Parameters
    ----------
    weights : (n,) float
        w, the direction in which the answer turns from -1 to 1.
    bias : float
        b.
    features : (n,) float
        The input x.
    answer : int
        Y, -1 or 1.

    Returns
    -------
    float
        -Y (w.x + b), in the units of G.

    Raises ValueError if `answer` is neither -1 nor 1, or if `features` does not fit `weights`.

    >>> float(two_class(np.array([2.0, -1.0]), 0.5, np.array([1.0, 1.0]), 1))  # -(2 - 1 + 0.5)
    -1.5
    """
    w, b, x, Y = FORMULA.checked(weights, bias, features, answer)
    return -Y * (dot(w, x) + b)


def two_class_weights_gradient(weights, bias, features, answer):
    """dE/dw, shape (n,): -Y x."""
    _, _, x, Y = FORMULA.checked(weights, bias, features, answer)
    return -Y * x


def two_class_bias_gradient(weights, bias, features, answer):
    """dE/db: -Y."""
    _, _, _, Y = FORMULA.checked(weights, bias, features, answer)
    return -Y


def two_class_features_gradient(weights, bias, features, answer):
    """dE/dx, shape (n,): -Y w."""
    w, _, _, Y = FORMULA.checked(weights, bias, features, answer)
    return -Y * w


def rules(weights, bias, features, answer):
    """Two answers."""
    require_one_of("answer", answer, -1, 1)


def answers_are_opposite(formula, inputs, rng):
    """E(-Y, x) = -E(Y, x)."""
    return misfit(formula, inputs, inputs | {"answer": -inputs["answer"]}, factor=-1.0)


ONE = {"weights": [2.0, -1.0], "bias": 0.5, "features": [1.0, 1.0], "answer": 1}

FORMULA = Formula(
    value=two_class,
    signature="(n),(),(n),()->()",
    source="lecun2006, Section 3.2; rosenblatt1958; novikoff1962",
    gradients={
        "weights": two_class_weights_gradient,
        "bias": two_class_bias_gradient,
        "features": two_class_features_gradient,
    },
    sample=lambda rng: {
        "weights": rng.normal(scale=2.0, size=2),
        "bias": rng.normal(),
        "features": rng.normal(scale=2.0, size=2),
        "answer": int(rng.choice([-1, 1])),
    },
    laws=(answers_are_opposite, homogeneous(1, weights=1, bias=1)),
    cases={  # (weights, bias, features, answer), E, (dE/dw, dE/db, dE/dx), the mistake that it exposes
        "yes: G = 1.5, so 1 is the better answer": Case(
            ONE, -1.5, ([-1.0, -1.0], -1.0, [-2.0, 1.0]), "energies taken for scores"
        ),
        "no: the same G, seen from the other answer": Case(
            ONE | {"answer": -1}, 1.5, ([1.0, 1.0], 1.0, [2.0, -1.0]), "answers 0 and 1"
        ),
        "on the plane: G = 0, both answers are as good": Case(
            ONE | {"bias": -1.0, "answer": -1}, 0.0, ([1.0, 1.0], 1.0, [2.0, -1.0])
        ),
        "not a number": Case(ONE | {"weights": [np.nan, 1.0]}, np.nan, {"features": [np.nan, -1.0]}),
    },
    variants={
        "answers 0 and 1": Mistake(
            lambda w, b, x, Y: -(Y + 1) / 2 * (np.dot(w, x) + b),
            {
                "weights": lambda w, b, x, Y: -(Y + 1) / 2 * x,
                "bias": lambda w, b, x, Y: -(Y + 1) / 2,
                "features": lambda w, b, x, Y: -(Y + 1) / 2 * w,
            },
            symptom="one answer always has energy 0, all gaps are halved, and so is every margin",
        ),
        "energies taken for scores": Mistake(
            lambda w, b, x, Y: Y * (np.dot(w, x) + b),
            seen_in="reading notes of the tutorial, where the hinge loss of this energy reads m + 2 Y G",
            symptom="training makes every answer wrong",
        ),
        "hinge in place of the energy": Mistake(
            lambda w, b, x, Y: max(0.0, 1.0 - Y * (np.dot(w, x) + b)),
            symptom="the loss of a support vector machine, not the energy that it is a loss of",
        ),
        "bias beyond the sign": Mistake(
            lambda w, b, x, y: -y * np.dot(w, x) - b,
            symptom="the level of both energies: the threshold stays at 0",
        ),
        "logistic in place of the energy": Mistake(
            lambda w, b, x, y: np.logaddexp(0.0, -y * (np.dot(w, x) + b)),
            symptom="a loss of the answer: the other one's energy is in it",
        ),
        "sign of the score": Mistake(
            lambda w, b, x, y: -y * np.sign(np.dot(w, x) + b),
            symptom="every energy is -1 or 1, and has no slope",
        ),
    },
    rules=rules,
    refuses={
        "an answer of 0": (ONE | {"answer": 0}, "answer"),
        "an answer that is no number": (ONE | {"answer": np.nan}, "answer"),
        "an input of another length": (ONE | {"features": [1.0]}, "features"),
    },
)
