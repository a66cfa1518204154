"""Wrong implementations that small vectors acquit: each is convicted, or told apart as what it is."""

import functools
from pathlib import Path

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.conformance.compare import judge
from ebm_ref.conformance.diagnose import diagnose
from ebm_ref.conformance.report import check
from ebm_ref.criteria.ctc_alignment import positions, predecessors
from ebm_ref.criteria.ctc_failures import leads_to
from ebm_ref.numerics import sigmoid, softmax
from ebm_ref.proof import golden, labelled, large


@functools.cache
def vectors(name):
    return golden.load(name)


def judgements(name, candidate):
    """Of a candidate that gives a value alone, on all finite vectors."""
    found = []
    for vector in vectors(name):
        inputs = [np.copy(x)[()] for x in vector["inputs"].values()]
        with np.errstate(all="ignore"):
            found += judge(vector, {"value": candidate(*inputs), "gradients": {}}, "float64")
    return [j for j in found if j.finite]


def mismatches(name, candidate):
    return {j.vector["id"].partition("/")[2] for j in judgements(name, candidate) if j.verdict == "mismatch"}


def of_page(name, change):
    """The page, of changed inputs."""
    return lambda *inputs: FORMULAS[name].value(*change(*inputs))


# ---- the first few entries alone ----


def hinge_of_16(E, y, m):
    return np.maximum(0.0, m + E[y] - np.min(np.delete(E, y)[:16]))


def multi_margin_of_10(x, y, p, m):
    return sum(max(0.0, m - x[y] + x[i]) ** p for i in range(min(10, len(x))) if i != y) / len(x)


def ising_of_4(J, h, s):
    return FORMULAS["ising"].value(J[:4, :4], h[:4], s[:4])


def rbm_of_3(W, b, c, v, h):
    return FORMULAS["rbm"].value(W[:, :3], b, c[:3], v, h[:3])


def rbm_free_energy_of_3(W, b, c, v):
    return FORMULAS["rbm_free_energy"].value(W[:, :3], b, c[:3], v)


def cross_entropy_of_16(z, y):
    return np.log(np.sum(np.exp(z[:16] - np.max(z)))) + np.max(z) - z[y]


def free_energy_of_16(E, beta):
    return -np.log(np.sum(np.exp(-beta * (E[:16] - np.min(E))))) / beta + np.min(E)


def ctc_of_3_labels(lp, y, blank):
    return FORMULAS["ctc"].value(lp, y[:3], blank)


FEW = {
    "hinge": hinge_of_16,
    "multi_margin": multi_margin_of_10,
    "ising": ising_of_4,
    "rbm": rbm_of_3,
    "rbm_free_energy": rbm_free_energy_of_3,
    "cross_entropy": cross_entropy_of_16,
    "free_energy": free_energy_of_16,
    "ctc": ctc_of_3_labels,
    "ctc_of_logits": lambda z, y, blank: FORMULAS["ctc_of_logits"].value(z, y[:3], blank),
}


@pytest.mark.parametrize("name", FEW)
def test_who_reads_the_first_few_is_convicted(name):
    assert any(id.startswith("long-") for id in mismatches(name, FEW[name]))


# ---- bands and beams ----


def warped(D, width, join=np.min, beta=None):
    """Alignment in a band as wide as the shapes need, if that is more."""
    n, m = D.shape
    width, a = max(width, abs(n - m)), np.full((n + 1, m + 1), np.inf)
    a[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(max(1, i - width), min(m, i + width) + 1):
            a[i, j] = D[i - 1, j - 1] + join(np.array([a[i - 1, j - 1], a[i - 1, j], a[i, j - 1]]))
    return a[n, m]


def soft_minimum(beta):
    def join(x):
        return np.min(x) - np.log(np.sum(np.exp(-beta * (x - np.min(x))))) / beta

    return join


def transducer_in_a_band(lp, y, blank, width):
    """Cells beside the diagonal alone, and those that lead to the last."""
    t, u = len(lp), len(y)
    a = np.full((t, u + 1), -np.inf)
    for i, j in np.ndindex(t, u + 1):
        if abs(i - j) <= max(width, t - 1 - u, u):
            read = a[i - 1, j] + lp[i - 1, j, blank] if i else -np.inf
            gave = a[i, j - 1] + lp[i, j - 1, y[j - 1]] if j else -np.inf
            a[i, j] = np.logaddexp(read, gave) if i or j else 0.0
    return -(a[-1, -1] + lp[-1, -1, blank])


@pytest.mark.parametrize("width", [5, 7])
def test_alignments_in_a_band_are_convicted(width):
    soft = lambda D, beta: warped(D, width, soft_minimum(beta))
    assert "long-corner" in mismatches("alignment", lambda D: warped(D, width))
    assert "long-corner" in mismatches("soft_alignment", soft)
    assert "long-corner" in mismatches("banded_alignment", lambda D, w: warped(D, min(w, width)))
    in_band = lambda lp, y, blank: transducer_in_a_band(lp, y, blank, width)
    assert "long-corner" in mismatches("transducer", in_band)


def test_without_a_band_they_are_right():
    """So that it is the band which is convicted."""
    assert not mismatches("alignment", lambda D: warped(D, 99))
    assert not mismatches("soft_alignment", lambda D, beta: warped(D, 99, soft_minimum(beta)))
    assert not mismatches("transducer", lambda lp, y, blank: transducer_in_a_band(lp, y, blank, 99))


def forward(U, P, y, beta, keep):
    """The chain's loss, where each moment keeps the states that `keep` says."""
    a = keep(-beta * U[0])
    for row in U[1:]:
        terms = a[:, None] - beta * (P + row)
        top = np.max(terms)
        a = keep(np.log(np.sum(np.exp(terms - top), axis=0)) + top)
    E = np.sum(U[np.arange(len(y)), y]) + np.sum(P[y[:-1], y[1:]])
    return E + (np.log(np.sum(np.exp(a - np.max(a)))) + np.max(a)) / beta


def first(n):
    return lambda a: np.where(np.arange(len(a)) < n, a, -np.inf)


def best(n):
    return lambda a: np.where(a >= np.sort(a)[-min(n, len(a))], a, -np.inf)


@pytest.mark.parametrize("keep", [first(4), best(4)], ids=["the first 4 states", "the best 4 states"])
def test_a_chain_whose_forward_keeps_four_states_is_convicted(keep):
    assert mismatches("chain_nll", lambda U, P, y, beta: forward(U, P, y, beta, keep))
    assert not mismatches("chain_nll", lambda U, P, y, beta: forward(U, P, y, beta, lambda a: a))


def viterbi(U, P, y, keep):
    """The chain's perceptron, where each moment keeps the labels that `keep` says."""
    a = keep(U[0])
    for row in U[1:]:
        a = keep(np.min(a[:, None] + P, axis=0) + row)
    return np.sum(U[np.arange(len(y)), y]) + np.sum(P[y[:-1], y[1:]]) - np.min(a)


def test_a_beam_of_four_labels_is_convicted():
    beam = lambda a: np.where(a <= np.sort(a)[min(4, len(a)) - 1], a, np.inf)
    assert "long-deceptive" in mismatches("chain_perceptron", lambda U, P, y: viterbi(U, P, y, beam))
    assert not mismatches("chain_perceptron", lambda U, P, y: viterbi(U, P, y, lambda a: a))


# ---- vectors too alike ----


def summed_failures(z, y, blank, of_lost, of_walks):
    """ctc_of_logits by way of its failures, whose rows are what the two functions make of logits."""
    symbols, moves_two = positions(y, blank)
    is_loss = leads_to(y, blank, z.shape[1])[:-1] == len(symbols)
    walks, lost = 1.0 * (np.arange(len(symbols)) == 0), 0.0
    for row in z:
        lost = lost + walks @ (is_loss @ of_lost(row))
        walks = np.sum(predecessors(walks, moves_two, 0.0), axis=0) * of_walks(row)[symbols]
    missed = lost + np.sum(walks[:-2])
    return -np.log1p(-missed) if missed < 0.5 else FORMULAS["ctc_of_logits"].value(z, y, blank)


def weights(row):
    return np.exp(row - np.max(row))


@pytest.mark.parametrize("rows", [(weights, softmax), (softmax, weights)], ids=["lost", "walks"])
def test_failures_that_are_not_divided_are_convicted(rows):
    found = mismatches("ctc_of_logits", lambda z, y, blank: summed_failures(z, y, blank, *rows))
    assert any(id.startswith("long-certain") for id in found)
    right = lambda z, y, blank: summed_failures(z, y, blank, softmax, softmax)
    assert not mismatches("ctc_of_logits", right)


def one_factor(z, t, gamma):
    return np.abs(t - sigmoid(z)) ** gamma * (np.logaddexp(0.0, z) - t * z)


def test_one_common_factor_is_not_the_average_over_labels():
    assert len(mismatches("focal", one_factor)) >= 2
    for vector in vectors("focal"):
        if vector["inputs"]["target"] in (0, 1):
            assert vector["id"].partition("/")[2] not in mismatches("focal", one_factor)


def test_half_a_matrix_is_convicted_by_several():
    lower = lambda J, *rest: (np.tril(J, -1) + np.tril(J, -1).T, *rest)
    upper = lambda J, *rest: (np.triu(J, 1) + np.triu(J, 1).T, *rest)
    for name in ("potts", "ising", "boltzmann"):
        for change in (lower, upper):
            assert len(mismatches(name, of_page(name, change))) >= 2


def all_costs(E, y, C):
    return np.maximum(0.0, np.max(C + E[y] - E))


def all_violations(E, y, C):
    return np.sum(np.maximum(0.0, C + E[y] - E))


def test_who_reads_the_cost_of_the_right_answer_is_convicted_by_several():
    assert len(mismatches("margin_rescaled_hinge", all_costs)) >= 3
    assert len(mismatches("generalized_hinge", all_violations)) >= 3


# ---- conventions ----


def last_of_equals(E, y):
    lowest = min(E[j] for j in range(len(E)) if j != y)
    return max(j for j in range(len(E)) if j != y and E[j] == lowest)


def from_the_radius_on(E, Y, y, radius):
    outside = [j for j in range(len(E)) if np.linalg.norm(Y[j] - y) >= radius]
    return min(outside, key=lambda j: E[j])


@pytest.mark.parametrize(
    "name, candidate, convention",
    [
        ("most_offending", last_of_equals, "ties go to the highest index"),
        ("most_offending_outside", from_the_radius_on, "boundary counted as wrong"),
    ],
)
def test_conventions_of_an_index_are_told_apart(name, candidate, convention):
    found = judgements(name, candidate)
    assert sum(j.verdict == "mismatch" for j in found) >= 2
    (named,) = diagnose(FORMULAS[name], found, "float64")["value"]
    assert (named.name, named.kind) == (convention, "convention")


# ---- entries left out on one side of the label ----


def guarded(name, argument, side, kept):
    """The page of some places, where the label is on that side; of all places elsewhere."""
    f, axis = FORMULAS[name], large.places(name, argument)

    def candidate(*given):
        inputs = dict(zip(f.shapes, given, strict=True))
        y, size = int(inputs[argument]), large.length(f, axis, inputs)
        if y not in side or size <= 16:
            return f.value(**inputs)
        return labelled.of_places(f, inputs, axis, argument, kept(y, size))

    return candidate


GUARDS = {  # where the label is, and the places that are read then
    "low, the first sixteen": (range(16), lambda y, size: [*range(16)]),
    "high, all but the first sixteen": (range(16, 40), lambda y, size: [*range(16, size)]),
    "high, the first sixteen and itself": (range(16, 40), lambda y, size: [*range(16), y]),
}
LABELLED = [
    (name, a)
    for name, f in FORMULAS.items()
    for a, axes in f.shapes.items()
    if not axes and labelled.is_asked(name, f, large.places(name, a))
]


@pytest.mark.parametrize("what", GUARDS)
@pytest.mark.parametrize("name, argument", LABELLED)
def test_who_reads_less_on_one_side_of_the_label_is_convicted(name, argument, what):
    found = mismatches(name, guarded(name, argument, *GUARDS[what]))
    assert any(id.startswith("long-k") for id in found)


# ---- half of a convention ----


def squared_hinge(energies, label, margin, value_times, slope_times):
    """The page's value and gradient times factors."""
    f = FORMULAS["squared_hinge"]
    g = f.gradients["energies"](energies, label, margin)
    return value_times * f.value(energies, label, margin), {"energies": slope_times * g}


@pytest.mark.parametrize(
    "value_times, slope_times, verdict",
    [(0.5, 0.5, "match under convention"), (1.0, 0.5, "mismatch"), (0.5, 1.0, "mismatch")],
)
def test_a_convention_is_the_value_and_every_gradient(
    tmp_path, monkeypatch, value_times, slope_times, verdict
):
    text = "from tests.test_false_greens import squared_hinge\n"
    text = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n{text}"
    (tmp_path / "halves.py").write_text(
        f"{text}f = lambda *x: squared_hinge(*x, {value_times}, {slope_times})"
    )
    monkeypatch.chdir(tmp_path)
    report = check("halves:f", ["squared_hinge"], 300.0)
    assert [row.verdict for row in report.rows] == [verdict]
