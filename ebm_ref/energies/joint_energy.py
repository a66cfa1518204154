r"""Joint energy: every classifier is also an energy of its input.

    E(x, y) = -f_y,    E(x) = -log sum_y e^{f_y},    f = W x

    dE(x, y)/dw_y = -x
    dE(x, y)/dx   = -w_y

    p = softmax(f)

    dE(x)/dW = -p x'
    dE(x)/dx = -W'p

A classifier reads the scores f through softmax, which forgets their level: f + c says the same about y.
Read f_y as minus the energy of x and y together, and the level says how plausible x is.  Then E(x) is
the free energy of the answers, and the classifier is what remains when it is subtracted,

    E(x, y) - E(x) = -log softmax(f)_y = -log p(y | x)

So three quantities go by the name of energy, and they are easily confused: joint (of x and y), marginal
(of x), and conditional (of y given x); softmax.py is the last.  The sign is a fourth trap: f_y and
log sum_y e^{f_y} are scores.  Of a familiar x the energy is low, the score high.  Detectors of the
unfamiliar report the one or the other, and whoever sets a threshold must know which.

x stands for what the last layer sees; dE/dx is the force that the backward pass of a network needs.

Source: Grathwohl et al. (2020), "Your classifier is secretly an energy based model and you should
treat it like one", equations 5 to 7.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous
from ebm_ref.numerics import dot, logsumexp, sigmoid, softplus
from ebm_ref.numerics import softmax as probabilities


def joint_energy(weights, features, label: int):
    """Energy of an input together with an answer.

    Parameters
    ----------
    weights : (k, n) float
        W, one row per answer.
    features : (n,) float
        The input x.
    label : int
        The answer y.

    Returns
    -------
    float
        -w_y.x, of either sign.

    Raises ValueError if `label` is not in 0..k-1, or if `features` does not fit `weights`.

    >>> float(joint_energy(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([3.0, 1.0]), 0))
    -5.0
    """
    W, x, y = JOINT.checked(weights, features, label)
    return -dot(W[y], x)


def joint_energy_weights_gradient(weights, features, label: int):
    """dE/dW, shape (k, n): -x in row y, zero elsewhere."""
    W, x, y = JOINT.checked(weights, features, label)
    return np.where(np.arange(len(W))[:, None] == y, -x, 0.0)


def joint_energy_features_gradient(weights, features, label: int):
    """dE/dx, shape (n,): -w_y."""
    W, _, y = JOINT.checked(weights, features, label)
    return -W[y]


def marginal_energy_as_printed(weights, features):
    """-log sum_y e^{f_y}: infinite for a score beyond 709, and what is below e^-37 of the sum is lost.

    >>> float(marginal_energy_as_printed(np.array([[0.0], [-40.0]]), np.array([1.0]))) == 0.0  # not -e^-40
    True
    """
    W, x = MARGINAL.checked(weights, features)
    return -np.log(np.sum(np.exp(np.dot(W, x))))


def marginal_energy(weights, features):
    """Energy of an input, whatever the answer.

    Parameters
    ----------
    weights : (k, n) float
        W, one row per answer.
    features : (n,) float
        The input x.

    Returns
    -------
    float
        -log sum_y e^{w_y.x}: below the least joint energy, by at most log k.

    Raises ValueError if there is no answer, or if `features` does not fit `weights`.

    >>> float(marginal_energy(np.array([[0.0], [-40.0]]), np.array([1.0])))  # -log(1 + e^-40)
    -4.248354255291589e-18
    """
    W, x = MARGINAL.checked(weights, features)
    return -logsumexp(dot(W, x))


def marginal_energy_weights_gradient(weights, features):
    """dE/dW, shape (k, n): -p x'."""
    W, x = MARGINAL.checked(weights, features)
    return -np.outer(probabilities(dot(W, x)), x)


def marginal_energy_features_gradient(weights, features):
    """dE/dx, shape (n,): -W'p, the mean of the joint slopes."""
    W, x = MARGINAL.checked(weights, features)
    return -dot(W.T, probabilities(dot(W, x)))


def rules_joint(weights, features, label):
    """An answer that has a row."""
    require_index("label", label, len(weights))


def rules_marginal(weights, features):
    """An answer at least."""
    require(len(weights) >= 1, "weights", weights, "must hold k >= 1 answers")


def below_the_best_answer(formula, inputs, rng):
    """min_y E(x, y) - log k <= E(x) <= min_y E(x, y)."""
    W, x = inputs["weights"], inputs["features"]
    best = min(joint_energy(W, x, y) for y in range(len(W)))
    rounding = 1e-14 * (1.0 + np.abs(W) @ np.abs(x)).max()
    depth = best - formula.value(W, x)
    return 0.0 if -rounding <= depth <= np.log(len(W)) + rounding else np.inf


def level_counts(formula, inputs, rng):
    """With a constant input, c added to every score lowers E(x) by c: no classifier would notice."""
    W, c = np.insert(inputs["weights"], 0, 0.0, axis=1), rng.normal()
    x = np.insert(inputs["features"], 0, 1.0)
    lifted = W + c * (np.arange(W.shape[1]) == 0)
    change = formula.value(lifted, x) + c - formula.value(W, x)
    return abs(change) / (1e-14 * (1.0 + abs(c) + np.abs(W).sum() * np.abs(x).max()))


random_classifier = lambda rng: {
    "weights": rng.normal(size=(2, 2)),
    "features": rng.normal(scale=2.0, size=2),
}

W, X = np.array([[np.log(2.0), 1.0], [np.log(6.0), 0.0]]), np.array([1.0, 0.0])

JOINT = Formula(
    value=joint_energy,
    signature="(k,n),(n),()->()",
    source="grathwohl2020, equation 5",
    gradients={"weights": joint_energy_weights_gradient, "features": joint_energy_features_gradient},
    sample=lambda rng: random_classifier(rng) | {"label": int(rng.integers(2))},
    laws=(homogeneous(1, weights=1), homogeneous(1, features=1)),
    cases={  # (weights, features, label), E(x, y), (dE/dW, dE/dx), the mistake that it exposes
        "the first answer": Case(
            (W, X, 0),
            -np.log(2.0),
            ([[-1.0, 0.0], [0.0, 0.0]], [-np.log(2.0), -1.0]),
            "score taken for the energy",
        ),
        "the second, 6 times as plausible as nothing and 3 times as the first": Case(
            (W, X, 1),
            -np.log(6.0),
            {"weights": [[0.0, 0.0], [-1.0, 0.0]]},
            "energy of the answer given the input",
        ),
        "not a number": Case((W, [np.nan, 0.0], 0), np.nan, {"weights": [[np.nan, 0.0], [0.0, 0.0]]}),
    },
    variants={
        "score taken for the energy": Mistake(
            lambda W, x, y: np.dot(W[y], x), symptom="a sampler that descends it leaves the data"
        ),
        "energy of the answer given the input": Mistake(
            lambda W, x, y: logsumexp(np.dot(W, x)) - np.dot(W[y], x),
            {"features": lambda W, x, y: np.dot(probabilities(np.dot(W, x)), W) - W[y]},
            symptom="the level of the scores cancels: it knows which answer, and nothing of the input",
        ),
    },
    rules=rules_joint,
    refuses={  # (weights, features, label), the argument to blame
        "an answer beyond the rows": ((W, X, 2), "label"),
        "an answer counted from the end": ((W, X, -1), "label"),
        "an input of another length": ((W, [1.0], 0), "features"),
    },
)

MARGINAL = Formula(
    value=marginal_energy,
    signature="(k,n),(n)->()",
    source="grathwohl2020, equation 7",
    gradients={"weights": marginal_energy_weights_gradient, "features": marginal_energy_features_gradient},
    sample=random_classifier,
    laws=(below_the_best_answer, level_counts),
    cases={  # (weights, features), E(x), (dE/dW, dE/dx), the mistake that it exposes
        "2 and 6 make 8": Case(
            (W, X), -np.log(8.0), {"weights": [[-0.25, 0.0], [-0.75, 0.0]]}, "score taken for the energy"
        ),
        "two alike: log 2 below either": Case(
            ([[3.0, 1.0], [3.0, -1.0]], [2.0, 0.0]),
            -(6.0 + np.log(2.0)),
            {"features": [-3.0, 0.0]},
            "best answer alone",
        ),
        "far away: scores of 1000 overflow no exponential": Case(
            ([[1000.0], [0.0]], [1.0]), -1000.0, {"features": [-1000.0]}, "the exponential overflows"
        ),
        "nothing said: the answers are counted": Case(
            (np.zeros((4, 1)), [7.0]),
            -np.log(4.0),
            (np.full((4, 1), -1.75), np.zeros(1)),
            "a yes or no for each answer",
        ),
        "not a number": Case((W, [np.nan, 0.0]), np.nan, (np.full((2, 2), np.nan), np.full(2, np.nan))),
    },
    variants={
        "score taken for the energy": Mistake(
            lambda W, x: logsumexp(np.dot(W, x)),
            seen_in="a user of energy scores, github.com/weitliu/energy_ood/issues/33",
            symptom="familiar inputs get the higher 'energy'",
        ),
        "best answer alone": Mistake(
            lambda W, x: -np.max(np.dot(W, x)),
            symptom="the limit of low temperature: right where one score leads, log k off where all tie",
        ),
        "the exponential overflows": Mistake(
            lambda W, x: -np.log(np.sum(np.exp(np.dot(W, x)))),
            symptom="minus infinity for a score beyond 709 (float32: 88)",
        ),
        "a yes or no for each answer": Convention(
            lambda W, x: -np.sum(softplus(np.dot(W, x))),
            {
                "weights": lambda W, x: -np.outer(sigmoid(np.dot(W, x)), x),
                "features": lambda W, x: -np.dot(sigmoid(np.dot(W, x)), W),
            },
            seen_in="multi-label classifiers, github.com/deeplearning-wisc/multi-label-ood/issues/4",
            symptom="sum log(1 + e^f) for log sum e^f: k labels that may hold together",
        ),
        "largest score not added back": Mistake(
            lambda W, x: -logsumexp(np.dot(W, x) - np.max(np.dot(W, x))),
            symptom="the level of the scores, which says how familiar x is, is lost",
        ),
        "scores weighed by their probabilities": Mistake(
            lambda W, x: (
                -(lambda f: np.sum(f * np.exp(f - np.max(f))) / np.sum(np.exp(f - np.max(f))))(np.dot(W, x))
            ),
            symptom="the mean energy: the entropy of the answers is missing",
        ),
        "largest probability": Mistake(
            lambda W, x: -(lambda f: 1.0 / np.sum(np.exp(f - np.max(f))))(np.dot(W, x)),
            seen_in="Hendrycks and Gimpel (2017), the maximum softmax probability, where it is meant",
            symptom="between -1 and -1/k: the level of the scores is lost",
        ),
        "entropy of the answers": Mistake(
            lambda W, x: (lambda f: np.log(np.sum(np.exp(f))) - np.sum(f * np.exp(f)) / np.sum(np.exp(f)))(
                np.dot(W, x) - np.max(np.dot(W, x))
            ),
            symptom="low wherever the classifier is sure: the level of the scores is lost",
        ),
    },
    as_printed=marginal_energy_as_printed,
    rules=rules_marginal,
    refuses={  # (weights, features), the argument to blame
        "no answer": ((np.ones((0, 2)), X), "weights"),
        "an input of another length": ((W, np.ones(3)), "features"),
    },
)
