r"""Identities of energies: what a model is under a loss.

    E = -Y G:    L_hinge = [m - 2 Y G]_+,    L_nll = log(1 + e^{-2 beta Y G})/beta
    E(x, y) - E(x) = -log p(y | x)

Source: named with each; Section numbers are those of LeCun et al. (2006).
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT
from ebm_ref.learning.descent import chain_rule, energy_table
from ebm_ref.proof.identities.measure import allowance, between, defect, equal, value


def softmax_is_normalised(rng):
    """The energies of softmax have free energy 0: their energy loss is their nll at beta = 1."""
    W, x, y = FORMULAS["softmax"].sample(rng).values()
    table = {"energies": energy_table(FORMULAS["softmax"].value, len(W), W, x), "label": y, "beta": 1.0}
    return equal(("energy", table), ("nll", table))


def softmax_is_nll_of_logits(rng):
    """softmax(W, x, y) = nll of the table -W x: the normaliser in the energy or in the loss."""
    inputs = FORMULAS["softmax"].sample(rng)
    table = {"energies": -inputs["weights"] @ inputs["features"], "label": inputs["label"], "beta": 1.0}
    return equal(("softmax", inputs), ("nll", table))


def distinct_centers_cannot_both_be_near(rng):
    """sqrt(E_C) + sqrt(E_I) >= D and E_C + E_I >= D^2/2 for RBF centres at distance D (Section 5)."""
    U, x, _ = FORMULAS["rbf_output"].sample(rng).values()
    E = energy_table(FORMULAS["rbf_output"].value, 2, U, x)
    D = np.sqrt(np.sum((U[0] - U[1]) ** 2))
    return max(
        between(D, np.sqrt(E).sum(), np.inf, 16 * UNIT * D),
        between(D**2 / 2, E.sum(), np.inf, 16 * UNIT * D**2),
    )


def two_class_energy(rng):
    """E = -Y G, Y = -1 or 1: hinge is [m - 2YG]_+, nll is log(1 + e^{-2 beta YG})/beta (Section 3.2)."""
    model, m, beta = two_classes(rng), rng.uniform(0.0, 3.0), rng.uniform(0.2, 3.0)
    G, Y, y = -value("two_class", model | {"answer": 1}), model["answer"], (model["answer"] + 1) // 2
    table = two_class_table(model) | {"label": y, "margin": m, "beta": beta}
    hinge = abs(value("hinge", table) - max(0.0, m - 2 * Y * G)) / (16 * UNIT * (m + 2 * abs(G)))
    nll = abs(value("nll", table) - np.log1p(np.exp(-2 * beta * Y * G)) / beta) / allowance(("nll", table))
    return max(hinge, nll)


def two_classes(rng):
    return FORMULAS["two_class"].sample(rng)


def two_class_table(model):
    """The energies of -1 and of 1, in this order."""
    return {"energies": np.array([value("two_class", model | {"answer": Y}) for Y in (-1, 1)])}


def perceptron_of_two_classes_is_rosenblatts(rng):
    """perceptron of two_class is (sign G - Y) G, and its slope by w is Rosenblatt's (sign G - Y) x."""
    model = two_classes(rng)
    G, Y = -value("two_class", model | {"answer": 1}), model["answer"]
    table = two_class_table(model) | {"label": (Y + 1) // 2}
    slopes = [FORMULAS["two_class"].gradients["weights"](**model | {"answer": a}) for a in (-1, 1)]
    step = chain_rule(FORMULAS["perceptron"].gradients["energies"](**table), np.array(slopes))
    wrong = np.sign(G) - Y
    return max(
        abs(value("perceptron", table) - wrong * G) / (16 * UNIT * (1.0 + abs(G))),
        np.max(np.abs(step - wrong * model["features"])) / (16 * UNIT * np.max(np.abs(model["features"]))),
    )


def nll_of_two_classes_is_logistic_regression(rng):
    """nll of two_class at beta = 1/2 is twice logistic, Y = -1 and 1 read as 0 and 1."""
    model = two_classes(rng)
    y = (model["answer"] + 1) // 2
    table, same = two_class_table(model) | {"label": y, "beta": 0.5}, model | {"answer": y}
    twice = 2.0 * value("logistic", same)
    return defect(value("nll", table), twice, ("nll", table), ("logistic", same), ("two_class", model))


def energy_loss_of_logistic_is_binary_cross_entropy(rng):
    """energy of the two energies of logistic is binary_cross_entropy_with_logits of w.x + b."""
    model = FORMULAS["logistic"].sample(rng)
    E = np.array([value("logistic", model | {"answer": Y}) for Y in (0, 1)])
    table = {"energies": E, "label": model["answer"]}
    t = model["weights"] @ model["features"] + model["bias"]
    stated = {"logit": t, "target": float(model["answer"])}
    bce = value("binary_cross_entropy_with_logits", stated)
    allowed = ("energy", table), ("logistic", model), ("binary_cross_entropy_with_logits", stated)
    return defect(value("energy", table), bce, *allowed)


def logistic_is_softmax_of_two(rng):
    """logistic(w, b, x, Y) = softmax with scores 0 and w.x + b, the bias on a constant input."""
    model = FORMULAS["logistic"].sample(rng)
    row = np.append(model["weights"], model["bias"])
    two = {"weights": np.array([0.0 * row, row]), "features": np.append(model["features"], 1.0)}
    return equal(("logistic", model), ("softmax", two | {"label": model["answer"]}))


def regression_is_half_the_squared_error(rng):
    """linear_regression of one output is half squared_error of its prediction."""
    w, x, y = rng.normal(size=3), rng.normal(size=3), rng.normal()
    model = {"weights": w[:, None], "features": x, "target": np.array([y])}
    pair = {"prediction": x @ w, "target": y}
    half = 0.5 * value("squared_error", pair)
    return defect(
        value("linear_regression", model), half, ("linear_regression", model), ("squared_error", pair)
    )


def implicit_regression_regresses_on_an_image(rng):
    """implicit_regression is linear_regression of A x on the image G(y) of the answer."""
    model = FORMULAS["implicit_regression"].sample(rng)
    W, b, V, y = (model[a] for a in ("hidden_weights", "hidden_biases", "output_weights", "target"))
    line = {"weights": model["weights"].T, "features": model["features"], "target": V @ np.tanh(W @ y + b)}
    return equal(("implicit_regression", model), ("linear_regression", line))


def last_layer_is_linear(rng):
    """multi_layer_perceptron is joint_energy of its hidden layer, with weights -V and a constant input."""
    model = FORMULAS["multi_layer_perceptron"].sample(rng)
    W, b, V, c, x, y = model.values()
    last = {"weights": -np.column_stack([V, c]), "features": np.append(np.tanh(W @ x + b), 1.0), "label": y}
    return equal(("multi_layer_perceptron", model), ("joint_energy", last))


def convnet_is_a_perceptron_that_looks_everywhere(rng):
    """convnet of one block is the multi_layer_perceptron of its most active patch."""
    model = FORMULAS["convnet"].sample(rng)
    K, b, V, image, y = model.values()
    h, w = K.shape[1:]
    patches = [image[i : i + h, j : j + w].ravel() for i in (0, 1) for j in (0, 1)]
    x = max(patches, key=lambda patch: K.ravel() @ patch)
    names = ("hidden_weights", "hidden_biases", "output_weights", "output_biases", "features", "label")
    one = dict(zip(names, (K.reshape(1, -1), b, V[:, :, 0, 0], np.zeros(len(V)), x, y), strict=True))
    return equal(("convnet", model), ("multi_layer_perceptron", one))


def siamese_is_contrastive_of_embeddings(rng):
    """siamese is contrastive of tanh(W x1 + b) and tanh(W x2 + b)."""
    model = FORMULAS["siamese"].sample(rng)
    f = lambda x: np.tanh(model["weights"] @ x + model["biases"])
    return equal(
        ("siamese", model), ("contrastive", model | {"x1": f(model["first"]), "x2": f(model["second"])})
    )


def conditional_is_joint_less_marginal(rng):
    """joint_energy - marginal_energy = softmax: E(x, y) - E(x) = -log p(y | x)."""
    model = FORMULAS["joint_energy"].sample(rng)
    difference = value("joint_energy", model) - value("marginal_energy", model)
    parts = [(name, model) for name in ("joint_energy", "marginal_energy", "softmax")]
    return defect(difference, value("softmax", model), *parts)


def marginal_energy_is_the_free_energy(rng):
    """nll of the table of joint energies at beta = 1 is joint_energy - marginal_energy."""
    model = FORMULAS["joint_energy"].sample(rng)
    E = energy_table(
        FORMULAS["joint_energy"].value, len(model["weights"]), model["weights"], model["features"]
    )
    table = {"energies": E, "label": model["label"], "beta": 1.0}
    above = value("joint_energy", model) - value("marginal_energy", model)
    parts = [("nll", table), ("joint_energy", model), ("marginal_energy", model)]
    return defect(value("nll", table), above, *parts)


# claim holder: the formulas it links
IDENTITIES = {
    softmax_is_normalised: ("softmax", "energy", "nll"),
    softmax_is_nll_of_logits: ("softmax", "nll"),
    distinct_centers_cannot_both_be_near: ("rbf_output",),
    two_class_energy: ("two_class", "hinge", "nll"),
    perceptron_of_two_classes_is_rosenblatts: ("two_class", "perceptron"),
    nll_of_two_classes_is_logistic_regression: ("two_class", "logistic", "nll"),
    energy_loss_of_logistic_is_binary_cross_entropy: (
        "logistic",
        "energy",
        "binary_cross_entropy_with_logits",
    ),
    logistic_is_softmax_of_two: ("logistic", "softmax"),
    regression_is_half_the_squared_error: ("linear_regression", "squared_error"),
    implicit_regression_regresses_on_an_image: ("implicit_regression", "linear_regression"),
    last_layer_is_linear: ("multi_layer_perceptron", "joint_energy"),
    convnet_is_a_perceptron_that_looks_everywhere: ("convnet", "multi_layer_perceptron"),
    siamese_is_contrastive_of_embeddings: ("siamese", "contrastive"),
    conditional_is_joint_less_marginal: ("joint_energy", "marginal_energy", "softmax"),
    marginal_energy_is_the_free_energy: ("joint_energy", "marginal_energy", "nll"),
}
