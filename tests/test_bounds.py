"""The bounds by which strangers are judged: right routes are inside, most that is wrong by 1 % is outside."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad

from ebm_ref import FORMULAS
from ebm_ref.proof import bounds, golden

BY_DTYPE = {"float64": np.float64, "float32": np.float32}


def info_nce(s, y, tau):
    """As one writes it who knows of the maximum and of nothing else; in the dtype of s."""
    z = s / tau
    e = np.exp(z - np.max(z))
    p = e / np.sum(e)
    pull = p - (np.arange(len(s)) == y)
    value = np.log(np.sum(e)) + np.max(z) - z[y]
    return {"value": value, "similarities": pull / tau, "temperature": -np.sum(pull * z) / tau}


def convnet(kernels, biases, output_weights, image, label):
    """Patches as a matrix, and pooling as a maximum over four of its columns; gradients by autograd."""
    (c, p, q), (h, w) = np.shape(kernels), np.shape(image)
    top, left = np.indices((h - p + 1, w - q + 1))
    down, right = np.indices((p, q))
    rows, columns = top[..., None, None] + down, left[..., None, None] + right

    def value(kernels, biases, output_weights, image):
        answers = anp.einsum("ijpq,cpq->cij", image[rows, columns], kernels) + biases[:, None, None]
        blocks = anp.reshape(answers, (c, (h - p + 1) // 2, 2, (w - q + 1) // 2, 2))
        return anp.sum(output_weights[label] * anp.tanh(anp.max(blocks, axis=(2, 4))))

    given = kernels, biases, output_weights, image
    names = "kernels", "biases", "output_weights", "image"
    return {"value": value(*given)} | {a: grad(value, i)(*given) for i, a in enumerate(names)}


@pytest.mark.parametrize("dtype", BY_DTYPE)
def test_a_right_loss_by_its_temperature_is_no_mismatch(dtype):
    cast = BY_DTYPE[dtype]
    for vector in golden.load("info_nce"):
        if bounds.is_finite(vector) and not (dtype == "float32" and vector["float64_only"]):
            s, y, tau = vector["inputs"].values()
            with np.errstate(over="ignore"):
                answers = info_nce(s.astype(cast), y, cast(tau))
            for output, answer in answers.items():
                assert bounds.measure(vector, output, answer, dtype).verdict != "mismatch", vector["id"]


def test_a_right_network_is_no_mismatch_near_its_corners():
    vectors = [v for v in golden.load("convnet") if bounds.is_finite(v)]
    assert any(v["kinks"] for v in vectors)
    for vector in vectors:
        with np.errstate(over="ignore"):  # autograd's slope of tanh is 1/cosh^2, and 0 there
            answers = convnet(**vector["inputs"])
        for output, answer in answers.items():
            assert bounds.measure(vector, output, answer).verdict != "mismatch", vector["id"]


def test_the_sum_of_slopes_near_a_corner_is_judged_by_both_bounds():
    vector = {
        "inputs": {"x": np.zeros(2)},
        "value": 0.0,
        "gradients": {"x": np.zeros(2)},
        "condition": 0.0,
        "gradient_conditions": {"x": np.zeros(2)},
        "size": 1.0,
        "gradient_sizes": {"x": np.ones(2)},
        "kinks": {
            "float64": {
                "value": [0, 0],
                "gradients": {"x": [np.zeros(2), np.ones(2)]},
                "sums": {"x": [0.5, 0.5]},
            }
        },
    }
    off = lambda error: bounds.measure(vector, "x", np.array([0.5 + error, 0.0]))
    u = 2.0**-53
    assert off(0.0).verdict == "match"
    assert off(2.0**-47).fine == pytest.approx(2.0**-47 / (8 * u * 0.5))
    assert off(2.0**-47).coarse == pytest.approx(2.0**-47 / (8 * 2 * u * 2.5))
    assert [off(2.0**-k).verdict for k in (51, 49, 45)] == ["match", "imprecise", "mismatch"]


@pytest.mark.parametrize("dtype", BY_DTYPE)
@pytest.mark.parametrize("name", FORMULAS)
def test_right_but_for_the_last_digit_is_no_mismatch(name, dtype):
    """Of every vector, off by 2 u in every entry: also near corners, where sums are held."""
    rng = np.random.default_rng(2)
    u, _ = bounds.PRECISIONS[dtype]
    for vector in golden.load(name):
        for output in (
            ("value", *vector["gradients"]) if dtype == "float64" or not vector["float64_only"] else ()
        ):
            truth = np.asarray(bounds.of(vector, output))
            if truth.dtype.kind == "f":
                with np.errstate(over="ignore"):
                    answer = (truth * (1.0 + 2.0 * u * rng.choice((-1, 1), truth.shape))).astype(dtype)
                found = bounds.measure(vector, output, answer, dtype)
                assert found.verdict != "mismatch", (vector["id"], output, found)


def test_a_hundredth_is_wrong_on_all_but_a_few_outputs():
    """Subnormal, near-certain and offset inputs lose all digits of a tiny answer, and say so."""
    vectors = [vector for name in FORMULAS for vector in golden.load(name)]
    for dtype, most in {"float64": 0.02, "float32": 0.05}.items():
        asked = [v for v in vectors if dtype == "float64" or not v["float64_only"]]
        outputs = sum(1 + len(v["gradients"]) for v in asked)
        assert 0 < sum(len(v.get("weak", {}).get(dtype, ())) for v in asked) < most * outputs
        assert (
            not any(v.get("weak", {}).get(dtype) for v in asked if "/random-" in v["id"])
            or dtype == "float32"
        )


def test_of_another_truth_the_largest_number_in_sight_is_the_size():
    vector = next(v for v in golden.load("hinge") if v["id"] == "hinge/random-0")
    n, M = bounds.terms(vector), bounds.scale(vector, 1e6)
    assert M == 1e6
    found = bounds.measure(vector, "value", 1e6 + 1e-3, truth=1e6)
    assert found.coarse == pytest.approx(1e-3 / (8 * n * 2.0**-53 * M), rel=1e-6)


def test_a_slope_divides_by_small_arguments():
    inputs = {"x": np.array([4.0, 0.25, 0.0]), "t": 0.5, "k": 3}
    vector = {"inputs": inputs}
    assert bounds.largest(vector, "value", 2.0) == 4.0
    assert bounds.largest(vector, "x", np.zeros(3)).tolist() == [8.0, 16.0, 8.0]
    assert bounds.largest(vector, "t", 32.0) == 64.0
    assert bounds.largest({"inputs": {"x": np.array([0.5, 4.0])}}, "x", np.zeros((1, 2))).tolist() == [
        8.0,
        4.0,
    ]
