"""Bad input to the criteria: a ValueError that names the argument, its value and the rule."""

import numpy as np
import pytest

from ebm_ref import FORMULAS

V, INF, NAN = np.array, np.inf, np.nan
THREE, ONES = V([1.0, 2.0, 3.0]), np.ones(3)
LOGP = np.log(np.full((2, 3), 1.0 / 3.0))

# formula, inputs, the argument that is wrong, the rule
BAD = [
    ("squared_error", (ONES, 1.0), "prediction", "must be one number, not an array"),
    ("absolute_error", (1.0, ONES), "target", "must be one number, not an array"),
    ("huber", (1.0, 0.0, 0.0), "delta", "must be positive and finite"),
    ("huber", (1.0, 0.0, -1.0), "delta", "must be positive and finite"),
    ("smooth_l1", (1.0, 0.0, -1.0), "beta", "must be >= 0 and finite"),
    ("smooth_l1", (1.0, 0.0, NAN), "beta", "must be >= 0 and finite"),
    ("gaussian_nll", (0.0, 0.0, 1.0), "variance", "must be positive"),
    ("gaussian_nll", (0.0, -1.0, 1.0), "variance", "must be positive"),
    ("poisson_nll", (INF, 1.0), "log_rate", "must be below infinity"),
    ("poisson_nll", (0.0, -1.0), "target", "must be >= 0 and finite"),
    ("kl_divergence", (LOGP[0], V([0.5, 0.75, -0.25])), "p", "must be >= 0"),
    ("cross_entropy", (THREE, 3), "label", "must be an integer in 0..2"),
    ("cross_entropy", (THREE, -1), "label", "must be an integer in 0..2"),
    ("cross_entropy", (V([-INF, -INF]), 0), "logits", "must leave at least one class possible"),
    ("cross_entropy", (V([INF, 0.0]), 0), "logits", "must be below +inf"),
    ("cross_entropy_of_probabilities", (THREE, V([0.5, 0.75, -0.25])), "target", "must be >= 0"),
    ("label_smoothing", (THREE, 3, 0.1), "label", "must be an integer in 0..2"),
    ("label_smoothing", (THREE, 0, -0.1), "smoothing", "must be in [0, 1]"),
    ("label_smoothing", (THREE, 0, 1.5), "smoothing", "must be in [0, 1]"),
    ("nll_of_log_probabilities", (LOGP[0], 3), "label", "must be an integer in 0..2"),
    ("binary_cross_entropy", (1.5, 1.0), "probability", "must be in [0, 1]"),
    ("binary_cross_entropy", (0.5, -0.5), "target", "must be in [0, 1]"),
    ("binary_cross_entropy_with_logits", (0.5, 2.0), "target", "must be in [0, 1]"),
    ("focal", (0.5, 1.0, -1.0), "gamma", "must be >= 0 and finite"),
    ("info_nce", (THREE, 3, 1.0), "positive", "must be an integer in 0..2"),
    ("info_nce", (THREE, 0, 0.0), "temperature", "must be positive and finite"),
    ("margin_ranking", (1.0, 2.0, 0.0, 1.0), "sign", "must be 1 or -1"),
    ("margin_ranking", (1.0, 2.0, 1.0, -1.0), "margin", "must be >= 0"),
    ("soft_margin", (1.0, 0.5), "sign", "must be 1 or -1"),
    ("hinge_embedding", (1.0, 0.0, 1.0), "sign", "must be 1 or -1"),
    ("hinge_embedding", (1.0, 1.0, -1.0), "margin", "must be >= 0"),
    ("triplet_margin", (ONES, ONES, THREE, -1.0, 2.0), "margin", "must be >= 0"),
    ("triplet_margin", (ONES, ONES, THREE, 1.0, 0.5), "p", "must be >= 1 and finite"),
    ("multi_margin", (THREE, 3, 1, 1.0), "label", "must be an integer in 0..2"),
    ("multi_margin", (THREE, 0, 3, 1.0), "p", "must be 1 or 2"),
    ("multi_margin", (THREE, 0, 1, -1.0), "margin", "must be >= 0"),
    ("multilabel_margin", (THREE, V([3, -1, -1])), "targets", "must be an integer in 0..2"),
    ("multilabel_soft_margin", (THREE, V([0.5, 0.0, 1.0])), "targets", "must be 0 or 1 each"),
    ("cosine_embedding", (ONES, THREE, 0.0, 0.0), "sign", "must be 1 or -1"),
    ("cosine_embedding", (ONES, THREE, 1.0, 2.0), "margin", "must be in [-1, 1]"),
    ("cosine_embedding", (np.zeros(3), THREE, 1.0, 0.0), "x1", "must not be zero: it has no direction"),
    ("contrastive", (ONES, THREE, 2, 1.0), "same", "must be 1 or 0"),
    ("contrastive_distance", (ONES, THREE, 1, -1.0), "margin", "must be >= 0"),
    ("ctc", (LOGP, V([0]), 0), "target", "must not be the blank, 0"),
    ("ctc", (LOGP, V([3]), 0), "target", "must be an integer in 0..2"),
    ("ctc", (LOGP, V([1]), 3), "blank", "must be an integer in 0..2"),
    ("ctc_of_logits", (LOGP, V([0]), 0), "target", "must not be the blank, 0"),
    ("reduction_mean", (V([]),), "losses", "must hold n >= 1 samples"),
]


@pytest.mark.parametrize(
    "name, inputs, argument, rule", BAD, ids=[f"{n}-{a}-{i}" for i, (n, _, a, _) in enumerate(BAD)]
)
def test_value_and_gradients_name_the_argument(name, inputs, argument, rule):
    f = FORMULAS[name]
    for function in (f.value, *f.gradients.values()):
        with pytest.raises(ValueError) as problem:
            function(*inputs)
        assert str(problem.value).startswith(f"{argument} = ") and str(problem.value).endswith(rule)


def test_every_criterion_is_asked_something_illegal():
    """Those that accept any number need no rule; every other criterion stands in the table."""
    criteria = {n for n, f in FORMULAS.items() if f.value.__module__.startswith("ebm_ref.criteria")}
    free = {"log_cosh", "transducer"} | {n for n in criteria if n.startswith("reduction_")}
    assert criteria - free <= {name for name, *_ in BAD}
