"""The adapters against the released frameworks: every deviation named, and the notable ones pinned."""

import importlib.util
import inspect

import numpy as np
import pytest
from conftest import script

from ebm_ref import FORMULAS
from ebm_ref.conformance.adapting import Padded
from ebm_ref.conformance.diagnose import in_float32
from ebm_ref.conformance.report import check
from ebm_ref.conformance.worker import adapters, frameworks

PACKAGES = {
    "torch": "torch",
    "optax": "optax",
    "jax": "jax",
    "keras": "keras",
    "sklearn": "sklearn",
    "crf": "torchcrf",
    "torchebm": "torchebm",
    "thrml": "thrml",
}
AGREES = {"match", "match under convention", "imprecise", "known quirk", "unsupported"}


def test_every_adapter_has_a_package():
    assert set(PACKAGES) == set(frameworks())


@pytest.mark.parametrize("framework", frameworks())
def test_adapters_are_for_formulas_of_the_catalogue(framework):
    module = adapters(framework)
    assert set(module.ADAPTERS) <= set(FORMULAS)
    for name, functions in module.ADAPTERS.items():
        assert functions
        for adapter in functions.values():
            lengths = 2 if isinstance(adapter, Padded) else 0
            taken = inspect.signature(getattr(adapter, "adapter", adapter)).parameters
            assert len(taken) == 2 + len(FORMULAS[name].shapes) + lengths


@pytest.mark.parametrize("framework", frameworks())
def test_what_is_known_has_a_name_on_a_page(framework):
    module = adapters(framework)
    for (name, function, mistake), thread in module.KNOWN.items():
        f = FORMULAS[name]
        names = {v.name for v in f.variants} | {h.name for h in in_float32(f)}
        assert function in module.ADAPTERS[name] and mistake in names and thread, (name, function, mistake)


def test_padding_is_filled_up_and_marked():
    """A sequence gets at least one moment and one label more, and the numbers of its own."""
    inputs = {"logits": np.zeros((8, 3)), "target": np.array([]), "blank": 1}
    filled = Padded(None, float("nan")).fill(inputs)
    assert list(filled) == ["logits", "target", "blank", "moments", "labels"]
    assert filled["logits"].shape == (16, 3) and np.isnan(filled["logits"][8:]).all()
    assert filled["target"].dtype.kind == "i" and len(filled["target"]) == 8
    assert (filled["moments"], filled["labels"], filled["blank"]) == (8, 0, 1)


# framework, formula, function, verdict in float64, and a mistake or convention that is named
NOTABLE = [
    ("torch", "log", "soft_margin_loss", "known quirk", "the exponential overflows"),
    ("torch", "log", "softplus", "match under convention", "linear beyond a threshold of 20"),
    ("torch", "nll", "cross_entropy", "imprecise", ""),
    (
        "torch",
        "generalized_hinge",
        "multi_margin_loss",
        "match under convention",
        "divided by the number of answers",
    ),
    ("torch", "multi_margin", "multi_margin_loss", "match", ""),
    ("torch", "kl_divergence", "kl_div", "match", ""),
    ("torch", "kl_divergence", "kl_div(mean)", "match under convention", "divided by the number of classes"),
    ("torch", "gaussian_nll", "gaussian_nll_loss", "match under convention", "variance at least 1e-6"),
    (
        "torch",
        "poisson_nll",
        "poisson_nll_loss",
        "match under convention",
        "Stirling's formula above 1, nothing below",
    ),
    (
        "torch",
        "binary_cross_entropy",
        "binary_cross_entropy",
        "match under convention",
        "logarithm clamped at -100",
    ),
    (
        "torch",
        "reduction_element_weighted_mean",
        "l1_loss",
        "match under convention",
        "divided by the sum of the weights",
    ),
    ("torch", "reduction_element_weighted_mean", "huber_loss", "match", ""),
    ("torch", "reduction_by_target_length", "ctc_loss", "match", ""),
    ("torch", "soft_margin", "soft_margin_loss", "known quirk", "the exponential overflows"),
    (
        "torch",
        "triplet_margin",
        "triplet_margin_loss",
        "match under convention",
        "eps added to the difference",
    ),
    ("torch", "cosine_embedding", "cosine_embedding_loss", "known quirk", "eps in the squared norms"),
    ("torch", "ctc", "ctc_loss", "known quirk", "gradient by the logits"),
    ("torch", "ctc", "ctc_loss(nan)", "known quirk", "gradient by the logits"),
    ("torch", "ctc_of_logits", "log_softmax+ctc_loss", "imprecise", ""),
    ("torch", "ctc_of_logits", "log_softmax+ctc_loss(nan)", "imprecise", ""),
    (
        "optax",
        "triplet_margin",
        "triplet_margin_loss",
        "known quirk",
        "signed differences under the power, eps under the root",
    ),
    ("optax", "squared_error", "l2_loss", "match under convention", "one half in front"),
    (
        "optax",
        "kl_divergence",
        "generalized_kl_divergence",
        "match under convention",
        "generalised: sum q - sum p added",
    ),
    ("optax", "focal", "sigmoid_focal_loss", "match under convention", "one factor for a share"),
    ("optax", "ctc_of_logits", "ctc_loss", "known quirk", "impossible only as e^-100000"),
    ("optax", "ctc_of_logits", "ctc_loss(nan)", "known quirk", "what the padding holds is read"),
    ("jax", "poisson_nll", "poisson.logpmf", "known quirk", "three large terms, one after the other"),
    ("keras", "hinge", "categorical_hinge", "match under convention", "0 counted among the wrong energies"),
    ("keras", "squared_error", "mean_squared_error", "known quirk", "right in single precision only"),
    ("keras", "poisson_nll", "poisson", "known quirk", "1e-7 added to the rate, constant left out"),
    ("keras", "kl_divergence", "kl_divergence", "known quirk", "clipped at 1e-7"),
    (
        "keras",
        "cross_entropy",
        "softmax+sparse_categorical_crossentropy",
        "known quirk",
        "probability clipped at 1e-7",
    ),
    ("keras", "focal", "binary_focal_crossentropy", "known quirk", "probability clipped at 1e-7"),
    (
        "keras",
        "cosine_embedding",
        "cosine_similarity",
        "match under convention",
        "cosine itself, of vectors at least 1e-7 long",
    ),
    ("keras", "ctc_of_logits", "ops.ctc_loss(nan)", "known quirk", "what the padding holds is read"),
    ("crf", "chain_nll", "CRF", "imprecise", ""),
    ("crf", "chain_nll", "CRF(padded)", "imprecise", ""),
    ("crf", "chain_nll", "CRF(token_mean)", "match under convention", "divided by the number of moments"),
    ("crf", "chain_nll", "CRF(padded with nan)", "known quirk", "what the padding holds is read"),
    ("crf", "chain_nll", "CRF(gap in the mask)", "known quirk", "transition read from a masked moment"),
    ("crf", "chain_nll", "LinearChainCRF.log_prob(padded)", "imprecise", ""),
    ("crf", "chain_perceptron", "CRF.decode", "match", ""),
    ("sklearn", "margin_ranking", "hinge_loss", "known quirk", "every sign taken for -1"),
    ("sklearn", "squared_error", "euclidean_distances", "known quirk", "square multiplied out"),
    ("sklearn", "cosine_embedding", "cosine_distances", "known quirk", "short vectors not made longer"),
    (
        "sklearn",
        "binary_cross_entropy",
        "log_loss",
        "match under convention",
        "clipped at the resolution of the dtype",
    ),
    ("sklearn", "rbm_free_energy", "BernoulliRBM", "match", ""),
    ("sklearn", "pseudolikelihood", "BernoulliRBM.score_samples", "imprecise", ""),
    ("torchebm", "score_matching", "ScoreMatching", "match", ""),
    (
        "torchebm",
        "score_matching",
        "ScoreMatching(approx)",
        "known quirk",
        "curvature divided by the dimension",
    ),
    ("torchebm", "denoising_score_matching", "DenoisingScoreMatching", "match", ""),
    ("torchebm", "sliced_score_matching", "SlicedScoreMatching", "match", ""),
    (
        "torchebm",
        "contrastive_divergence",
        "ContrastiveDivergence",
        "match under convention",
        "energies penalised",
    ),
    ("torchebm", "contrastive_divergence", "ContrastiveDivergence(energy_reg_weight=0)", "match", ""),
    ("thrml", "ising", "IsingEBM", "match", ""),
]


@pytest.mark.parametrize("framework", frameworks())
def test_a_framework(framework):
    """One run of each, and all that it must show."""
    if importlib.util.find_spec(PACKAGES[framework]) is None:  # not imported here: the worker does
        pytest.skip(f"{framework} is not installed: scripts/test frameworks")
    found = check(framework, limit=300.0)
    assert found.failure == ""
    assert {r.formula for r in found.rows} == set(adapters(framework).ADAPTERS)
    assert set(found.missing) == set(FORMULAS) - set(adapters(framework).ADAPTERS)
    it_agrees_or_deviates_as_known(found)
    it_has_its_notable_deviations(framework, found)
    the_readmes_table_has_its_verdicts(framework, found)


def it_agrees_or_deviates_as_known(found):
    bad = [(r.formula, r.function, r.dtype, r.verdict) for r in found.rows if r.verdict not in AGREES]
    assert bad == [] and found.status == 0


def it_has_its_notable_deviations(framework, found):
    notable = [row for row in NOTABLE if row[0] == framework]
    assert notable
    for _, formula, function, verdict, name in notable:
        asked = (formula, function, "float64")
        (row,) = [r for r in found.rows if (r.formula, r.function, r.dtype) == asked]
        assert row.verdict == verdict, asked
        assert not name or any(name in diagnosed for diagnosed in row.diagnosis), (asked, row.diagnosis)
    if framework == "torch":
        rows = [r for r in found.rows if (r.formula, r.function) == ("log", "soft_margin_loss")]
        assert rows and all(r.smallest["answer"] == float("inf") and r.smallest["truth"] > 700 for r in rows)


def test_every_package_of_the_extra_has_an_adapter():
    """`scripts/verify frameworks` judges what the extra installs."""
    for framework, package in PACKAGES.items():
        assert importlib.util.find_spec(package) is None or framework in frameworks()


DOCS = script("make_docs")


def verdicts(lines):
    """What may not change from machine to machine: everything but the cause."""
    return [line.rpartition(" | ")[0] for line in lines if line.startswith("| ") and "`" in line]


def the_readmes_table_has_its_verdicts(framework, found):
    """For the release that the table is of: another one has its own."""
    shown = DOCS.block(DOCS.FRAMEWORKS, framework)
    if f"**{found.version}**" in shown:
        stale = f"the table of {framework} is stale: run scripts/make_docs.py frameworks"
        assert verdicts(shown.splitlines()) == verdicts(DOCS.verdict_rows(found)), stale
