"""Kinds of mistakes that are named whatever the formula: each by one implementation that makes it."""

import ast
from dataclasses import replace

import numpy as np
import pytest
from conftest import script

from ebm_ref import FORMULAS
from ebm_ref.conformance.diagnose import diagnose
from ebm_ref.conformance.hypotheses import formulas, masks, pages, texts
from ebm_ref.conformance.hypotheses.hypothesis import Expression
from ebm_ref.proof import golden, oracle, tape

judgements = script("measure_naming").judgements


def diagnosed(name, function):
    """Names by output, where the page has no mistake of its own to name."""
    page = replace(FORMULAS[name], variants=())
    found = diagnose(page, judgements(name, function), "float64")
    return {output: [h.name for h in some] for output, some in found.items()}


def value(name, *inputs):
    return FORMULAS[name].value(*inputs)


def table(distances, first_row, first_column, join):
    """Alignment by a table with borders, the way most people write it."""
    n, m = distances.shape
    D = np.zeros((n + 1, m + 1))
    D[0, 1:], D[1:, 0] = first_row, first_column
    for i in range(n):
        for j in range(m):
            D[i + 1, j + 1] = distances[i, j] + join(np.array([D[i, j], D[i, j + 1], D[i + 1, j]]))
    return D[n, m]


def beyond(distances, width):
    """Which pairs the band leaves out."""
    n, m = distances.shape
    ahead = np.subtract.outer(np.arange(n), np.arange(m))
    return (ahead < min(0, n - m) - width) | (ahead > max(0, n - m) + width)


def mean_energy(costs):
    costs = costs[np.isfinite(costs)]
    w = np.exp(np.min(costs) - costs)
    return w @ costs / np.sum(w)


def masked_by_zero(energies, label):
    return int(np.argmin(np.where(np.arange(len(energies)) == label, 0.0, energies)))


def zipped(data, chain):
    n = min(len(data), len(chain))
    return np.mean(data[:n] - chain[:n])


def squares_clamped(x1, x2, same, margin):
    square = np.sum((x1 - x2) ** 2)
    return square / 2.0 if same else max(0.0, margin**2 - square) / 2.0


def winner_by_inner_product(centers, point):
    return np.sum((point - centers[np.argmax(centers @ point)]) ** 2)


def mean_path(distances, beta):
    """The mean energy of all paths: each cell has the mean of those that come from the cells before."""
    n, m = distances.shape
    free, mean = np.full((n + 1, m + 1), np.inf), np.zeros((n + 1, m + 1))
    free[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            before = [a for a in ((i, j), (i, j + 1), (i + 1, j)) if np.isfinite(free[a])]
            low = min(free[a] for a in before)
            w = np.array([np.exp(beta * (low - free[a])) for a in before])
            free[i + 1, j + 1] = distances[i, j] + low - np.log(np.sum(w)) / beta
            mean[i + 1, j + 1] = distances[i, j] + w @ np.array([mean[a] for a in before]) / np.sum(w)
    return mean[n, m]


def emissions_of_the_state_before(log_start, log_transitions, log_emissions, observations, labels):
    right = value("hidden_markov", log_start, log_transitions, log_emissions, observations, labels)
    late = np.concatenate([labels[:1], labels[:-1]])
    moved = log_emissions[late, observations] - log_emissions[labels, observations]
    return right - np.sum(moved)


def hard_units(weights, visible_bias, hidden_bias, visible):
    on = (hidden_bias + visible @ weights > 0.0).astype(float)
    right = value("rbm_free_energy", weights, visible_bias, hidden_bias, visible)
    return right, {"weights": -np.outer(visible, on), "hidden_bias": -on}


def hidden_slope_of_a_sigmoid(point, encoder, encoder_bias, decoder, decoder_bias):
    h = np.tanh(encoder @ point + encoder_bias)
    out = np.tanh(decoder @ h + decoder_bias)
    back = decoder.T @ ((out - point) * (1.0 - out**2)) * h * (1.0 - h)
    right = value("autoencoder", point, encoder, encoder_bias, decoder, decoder_bias)
    return right, {"encoder_bias": back}


def covariances_for_symmetric_ones(*inputs):
    g = FORMULAS["gaussian_mixture_energy"].gradients["covariances"](*inputs)
    both = g + np.swapaxes(g, 1, 2) - g * np.eye(g.shape[-1])
    return value("gaussian_mixture_energy", *inputs), {"covariances": both}


@pytest.mark.parametrize(
    "name, function, said",
    [
        ("huber", lambda x, t, d: value("log_cosh", x, t), "the formula of log_cosh"),
        (
            "alignment",
            lambda d: table(d, 0.0, np.inf, np.min),
            "0 where it is not that at in a, before the first row",
        ),
        (
            "soft_alignment",
            lambda d, b: table(d, np.inf, np.inf, lambda x: mean_energy(b * x) / b),
            "mean energy",
        ),
        (
            "banded_alignment",
            lambda d, w: table(np.where(beyond(d, w), 0.0, d), np.inf, np.inf, np.min),
            "0 where not min(0, last) - width",
        ),
        ("most_offending", masked_by_zero, "0 where it is not that j != y"),
        ("contrastive_divergence", zipped, "cut to the shorter of them"),
        ("contrastive_distance", squares_clamped, "margin^2 - "),
        ("k_means", winner_by_inner_product, "lowest(-dot(point, w))"),
        ("soft_alignment", mean_path, "mean energy in place of the free energy: f + beta df/dbeta"),
        ("hidden_markov", emissions_of_the_state_before, "one step behind: labels"),
        ("rbm_free_energy", hard_units, "hard for soft"),
        ("autoencoder", hidden_slope_of_a_sigmoid, "that of a sigmoid, y (1 - y) in layer(encoder"),
        ("gaussian_mixture_energy", covariances_for_symmetric_ones, "gradient of a symmetric argument"),
    ],
)
def test_a_kind_of_mistake_is_named(name, function, said):
    (found,) = {tuple(some) for some in diagnosed(name, function).values()}
    assert any(said in one for one in found), found


# ---- another formula ----


def test_arguments_that_another_formula_may_be_given():
    """Names are kept, axes must fit, and no array is ignored."""
    nll, sample = FORMULAS["nll"], golden.load("nll")[0]["inputs"]
    given = lambda other: list(formulas.readings(nll, FORMULAS[other], sample))
    assert given("mee") == [{"energies": "energies", "label": "label", "beta": "beta"}]
    assert {"logits": "energies", "label": "label"} in given("cross_entropy")
    assert given("kl_divergence") == [] and given("squared_error") == [] and given("chain_nll") == []
    said = {formulas.said("hinge", FORMULAS["hinge"], one) for one in given("hinge")}
    assert said == {"the formula of hinge(energies, label, beta)", "the formula of hinge, with margin = 1"}


@pytest.mark.parametrize("name", ["nll", "quadratic", "rbm"])
def test_another_formula_is_what_its_page_computes(name):
    """On a sample of this one, where the other page takes it."""
    vector = next(v for v in golden.load(name) if "/random-0" in v["id"])
    compared = 0
    for h in formulas.named_otherwise(FORMULAS[name], vector):
        other = h.name.removeprefix("the formula of ").partition(",")[0]
        if other in FORMULAS and "with" not in h.name:
            given = [vector["inputs"][a] for a in FORMULAS[other].shapes]
            np.testing.assert_allclose(h.answer(vector, "value", ""), value(other, *given), rtol=1e-12)
            compared += 1
    assert compared


# ---- masks, words and pages ----


@pytest.mark.parametrize(
    "name", ["mce", "generalized_hinge", "alignment", "banded_soft_alignment", "autoencoder"]
)
def test_most_masked_texts_run(name):
    """A place in a longer list is no place in a shorter one, and a weight of 0 has no logarithm."""
    vector = next(v for v in golden.load(name) if "/random-0" in v["id"])
    changed = texts.masked(name)
    made = [Expression(lambda make=make, **given: make()(**given)) for _, make, _ in changed]
    some = [h.answer(vector, "value") for h in made]
    some = [x for x in some if x is not None and np.all(np.isfinite(x))]
    assert len(some) >= 4 and 2 * len(some) > len(changed)


def test_what_a_condition_leaves_out_counts():
    (loop,) = ast.parse("total([x for x in row if x in seen])").body
    some = list(masks.counted(loop.value.args[0], {}))
    assert [text for _, text in some] == [
        "0 where it is not that x in seen",
        "1 where it is not that x in seen",
    ]
    code = compile(ast.fix_missing_locations(ast.Expression(some[1][0])), "text", "eval")
    assert eval(code, {"row": [3, 4, 5], "seen": {4}}) == [1, 4, 1]  # the text is ours


def test_a_word_is_what_it_was_after_the_call():
    changed = dict((what, made) for what, made, _ in texts.masked("autoencoder"))
    made = next(
        made for what, made in changed.items() if what.startswith("a sigmoid in place of every tanh")
    )()
    tanh = made.__globals__["layer"].__globals__["tanh"]
    vector = golden.load("autoencoder")[0]
    with tape.digits(40):
        oracle.evaluate(made, vector["inputs"])
    assert made.__globals__["layer"].__globals__["tanh"] is tanh


def test_texts_that_search_are_left_alone():
    searching = [h.name for h in pages.edited(FORMULAS["alignment"], ["value"])]
    assert searching and not any("in traced" in name for name in searching)
