r"""Identities of criteria of pairs and of several classes: which loss of energies each of them is.

    [m + E_C - E_I]_+            the hinge, and the ranking of two scores
    log(1 + e^{E_C - E_I})       the log loss, and the soft margin

Source: elementary; the papers that the pages cite.
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.losses.table import random_table
from ebm_ref.proof.identities.measure import allowance, between, equal, two_answers, value


def pair_of(table):
    """E_C and E_I of a table of two answers."""
    return table["energies"][table["label"]], table["energies"][1 - table["label"]]


def ranking_two_energies_is_the_hinge(rng):
    """margin_ranking(E_C, E_I, -1, m) = hinge of the two energies with margin m."""
    table = two_answers(rng) | {"margin": rng.uniform(0.0, 4.0)}
    E_C, E_I = pair_of(table)
    return equal(("margin_ranking", table | {"x1": E_C, "x2": E_I, "sign": -1}), ("hinge", table))


def soft_margin_is_the_log_loss(rng):
    """soft_margin(E_I - E_C, 1) = log loss of the two energies = binary_cross_entropy_with_logits of 1."""
    table = two_answers(rng) | {"beta": 1.0}
    E_C, E_I = pair_of(table)
    score = {"score": E_I - E_C, "sign": 1, "logit": E_I - E_C, "target": 1.0}
    return equal(("soft_margin", score), ("log", table), ("binary_cross_entropy_with_logits", score))


def soft_margin_is_a_soft_ranking(rng):
    """0 <= soft_margin(s, y) - margin_ranking(s, 0, y, 0) <= log 2."""
    inputs = FORMULAS["soft_margin"].sample(rng)
    ranked = {"x1": inputs["score"], "x2": 0.0, "sign": inputs["sign"], "margin": 0.0}
    excess = value("soft_margin", inputs) - value("margin_ranking", ranked)
    return between(0.0, excess, np.log(2.0), allowance(("soft_margin", inputs), ("margin_ranking", ranked)))


def multi_margin_is_the_generalized_hinge(rng):
    """k multi_margin(-E, y) for p = 1 is generalized_hinge(E, y) with all costs m."""
    m, table = rng.uniform(0.2, 3.0), random_table(rng)
    k = len(table["energies"])
    table |= {"costs": np.full(k, m), "scores": -table["energies"], "p": 1, "margin": m}
    error = abs(k * value("multi_margin", table) - value("generalized_hinge", table))
    allowed = k * allowance(("multi_margin", table)) + allowance(("generalized_hinge", table))
    return error / allowed if error else 0.0


def one_right_class(rng):
    """multilabel_margin with a single target y is multi_margin(x, y) with p = 1 and m = 1."""
    inputs = FORMULAS["multi_margin"].sample(rng) | {"p": 1, "margin": 1.0}
    targets = np.full(len(inputs["scores"]), -1)
    targets[0] = inputs["label"]
    return equal(("multi_margin", inputs), ("multilabel_margin", inputs | {"targets": targets}))


def multilabel_soft_margin_is_a_mean(rng):
    """multilabel_soft_margin = mean over the classes of soft_margin(x_i, 2 t_i - 1)."""
    inputs = FORMULAS["multilabel_soft_margin"].sample(rng)
    singles = [
        ("soft_margin", {"score": x, "sign": int(2 * t - 1)})
        for x, t in zip(inputs["scores"], inputs["targets"], strict=True)
    ]
    mean = np.mean([value(*single) for single in singles])
    allowed = allowance(("multilabel_soft_margin", inputs)) + allowance(*singles) / len(singles)
    return abs(value("multilabel_soft_margin", inputs) - mean) / allowed


def contrastive_is_hinge_embedding_of_an_energy(rng):
    """contrastive(x1, x2, Y, m) = hinge_embedding(D^2, 2Y - 1, m), D^2 = rbf_output's energy, centre x2."""
    inputs = FORMULAS["contrastive"].sample(rng)
    centre = {"centers": inputs["x2"][None], "features": inputs["x1"], "label": 0}
    squared = {"distance": value("rbf_output", centre), "sign": 2 * inputs["same"] - 1}
    hinge = ("hinge_embedding", inputs | squared)
    error = abs(value("contrastive", inputs) - value(*hinge))
    allowed = allowance(("contrastive", inputs), hinge, ("rbf_output", centre))
    return error / allowed if error else 0.0


def distance_between(x, y):
    return np.sqrt(np.sum((x - y) ** 2))


def springs_are_square_square(rng):
    """2 contrastive_distance of a like pair plus that of an unlike pair = square_square of (d_1, d_2)."""
    like, unlike = (FORMULAS["contrastive_distance"].sample(rng) | {"same": Y} for Y in (1, 0))
    d = np.array([distance_between(pair["x1"], pair["x2"]) for pair in (like, unlike)])
    table = {"energies": d, "label": 0, "margin": unlike["margin"]}
    pairs = [("contrastive_distance", like), ("contrastive_distance", unlike)]
    error = abs(2.0 * sum(value(*pair) for pair in pairs) - value("square_square", table))
    return error / (2.0 * allowance(*pairs) + allowance(("square_square", table)))


def springs_are_half_a_squared_hinge_embedding(rng):
    """contrastive_distance(x1, x2, Y, m) = hinge_embedding(d, 2Y - 1, m)^2 / 2."""
    inputs = FORMULAS["contrastive_distance"].sample(rng)
    d = {"distance": distance_between(inputs["x1"], inputs["x2"]), "sign": 2 * inputs["same"] - 1}
    hinge = ("hinge_embedding", inputs | d)
    error = abs(value("contrastive_distance", inputs) - value(*hinge) ** 2 / 2)
    allowed = allowance(("contrastive_distance", inputs)) + abs(value(*hinge)) * allowance(hinge)
    return error / allowed if error else 0.0


def triplet_is_the_hinge_of_two_distances(rng):
    """triplet_margin for p = 2 is the hinge of the energies |a - p| and |a - n|, roots of rbf_output's."""
    inputs = FORMULAS["triplet_margin"].sample(rng) | {"p": 2.0}
    points = {"centers": np.stack([inputs["positive"], inputs["negative"]]), "features": inputs["anchor"]}
    roots = np.sqrt([value("rbf_output", points | {"label": y}) for y in (0, 1)])
    table = {"energies": roots, "label": 0, "margin": inputs["margin"]}
    return equal(("triplet_margin", inputs), ("hinge", table))


def cosine_is_a_distance_of_directions(rng):
    """cosine_embedding(x1, x2, 1) = contrastive_distance and contrastive/2 of the unit vectors, Y = 1."""
    inputs = FORMULAS["cosine_embedding"].sample(rng) | {"sign": 1}
    units = {a: inputs[a] / np.sqrt(np.sum(inputs[a] ** 2)) for a in ("x1", "x2")}
    units |= {"same": 1, "margin": 0.0}
    half = abs(value("contrastive", units) / 2 - value("cosine_embedding", inputs))
    return max(
        equal(("cosine_embedding", inputs), ("contrastive_distance", units)),
        half / allowance(("cosine_embedding", inputs), ("contrastive", units)),
    )


IDENTITIES = {
    ranking_two_energies_is_the_hinge: ("margin_ranking", "hinge"),
    soft_margin_is_the_log_loss: ("soft_margin", "log", "binary_cross_entropy_with_logits"),
    soft_margin_is_a_soft_ranking: ("soft_margin", "margin_ranking"),
    multi_margin_is_the_generalized_hinge: ("multi_margin", "generalized_hinge"),
    one_right_class: ("multilabel_margin", "multi_margin"),
    multilabel_soft_margin_is_a_mean: ("multilabel_soft_margin", "soft_margin"),
    contrastive_is_hinge_embedding_of_an_energy: ("contrastive", "hinge_embedding", "rbf_output"),
    springs_are_square_square: ("contrastive_distance", "square_square"),
    springs_are_half_a_squared_hinge_embedding: ("contrastive_distance", "hinge_embedding"),
    triplet_is_the_hinge_of_two_distances: ("triplet_margin", "hinge", "rbf_output"),
    cosine_is_a_distance_of_directions: ("cosine_embedding", "contrastive_distance", "contrastive"),
}
