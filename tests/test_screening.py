"""Screening by floats: estimates are those of the tape, and what floats reject the tape rejects as well."""

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.conformance.compare import Judgement
from ebm_ref.conformance.hypotheses import generators, pages, screening, slopes, texts
from ebm_ref.conformance.hypotheses.hypothesis import Expression, agrees, is_far, is_ordinary, on_tape
from ebm_ref.proof import golden, tape
from ebm_ref.proof.bounds import is_finite, of


def shortest(name):
    """The ordinary vector with the smallest inputs."""
    some = [v for v in golden.load(name) if is_ordinary(v) and is_finite(v) and not v["kinks"]]
    return min(some, key=lambda v: sum(np.size(x) for x in v["inputs"].values()))


def test_floats_find_the_truth_nearly_everywhere():
    """To a thousandth of what is called far; where they do not, nothing is screened."""
    vectors = map(shortest, FORMULAS)
    asked = [(vector, output) for vector in vectors for output in ("value", *vector["gradients"])]
    trusted = [screening.is_trusted(*question) for question in asked]
    assert np.mean(trusted) > 0.97


@pytest.mark.parametrize("name", ["nll", "hinge", "logistic"])
def test_what_floats_estimate_is_what_the_tape_says(name):
    """Of every plain hypothesis, with parts held constant and slopes of words that are no derivatives."""
    vector, estimated = shortest(name), 0
    for is_value in (True, False):
        for h in generators.plain(FORMULAS[name], vector, is_value):
            for output in ("value", *vector["gradients"]):
                found, claimed = h.in_floats(vector, output), h.answer(vector, output, "float64")
                if found is None or claimed is None or not np.all(np.isfinite(claimed)):
                    continue
                estimated += 1
                expected, size = screening.seen(vector, output, claimed)
                assert np.shape(found.number) == expected.shape, h.name
                error = np.abs(found.number - expected) - found.doubt
                assert np.all(error <= 0.1 * screening.FAR * size), (h.name, output)
    assert estimated > 300


def test_what_is_far_does_not_agree_and_what_is_near_is_not_far():
    vector = shortest("nll")
    for output in ("value", "energies"):
        truth = np.asarray(of(vector, output), float)
        exact = on_tape("the truth", texts.expression("nll"), False, 1)
        judged = lambda answer, output=output: Judgement(vector, output, "mismatch", answer=answer)
        assert not is_far(exact, judged(truth)) and not is_far(exact, judged(truth * (1.0 + 1e-3)))
        far = judged(truth * 1.5)
        assert is_far(exact, far) and not agrees(far, exact.answer(vector, output), "float64")


def test_a_part_held_constant_does_not_move_between_runs():
    """x held(x): the slope is x, where differences alone would find 2 x."""
    vector = shortest("squared_error")
    found = screening.Floats(lambda prediction, target: prediction * texts.held(prediction))(
        vector, "prediction"
    )
    x, v = vector["inputs"]["prediction"], screening.direction(vector, "prediction")
    assert found.number == pytest.approx(x * v, rel=1e-6)


def test_a_corner_is_doubt():
    """|x - a| at a: one slope on each side."""
    vector = shortest("squared_error")
    x0 = float(vector["inputs"]["prediction"])
    found = screening.Floats(lambda prediction, target: abs(prediction - x0))(vector, "prediction")
    assert found.doubt == pytest.approx(2.0 * abs(screening.direction(vector, "prediction")), rel=1e-6)


def test_nothing_is_said_where_floats_end_or_slopes_do_not_add_up():
    vector = shortest("squared_error")
    for function in (
        lambda prediction, target: 1 / (target - target),
        lambda prediction, target: tape.exp(1e4 + target),
        lambda prediction, target: tape.polygamma(0, target),
    ):
        assert screening.Floats(function)(vector, "value") is None
    last = next(iter(slopes.JOINS.values()))
    joined = screening.Floats(lambda prediction, target: prediction * prediction - target, last)
    assert joined(vector, "value") is not None and joined(vector, "prediction") is None


def test_gradients_that_are_asked_for_one_by_one_are_those_of_one_run():
    vector = shortest("siamese")
    exact = Expression(texts.expression("siamese"))
    for a, g in vector["gradients"].items():
        np.testing.assert_allclose(exact.answer(vector, a), g, rtol=1e-14, atol=1e-300)


def test_a_text_that_may_never_end_is_not_edited():
    assert pages.has_while("ebm_ref.losses.nll", "pairwise_sum")
    names = [h.name for h in pages.edited(FORMULAS["nll"], ["energies"])]
    assert names and not any("in pairwise_sum" in name for name in names)
