"""The adapters against the released frameworks: every deviation named, and the notable ones pinned."""

import importlib.util
from pathlib import Path

import pytest

from ebm_ref import FORMULAS
from ebm_ref.conformance.diagnose import in_float32, slips
from ebm_ref.conformance.report import check
from ebm_ref.conformance.worker import adapters, frameworks

PACKAGES = {"torch": "torch", "optax": "optax", "jax": "jax", "keras": "keras", "sklearn": "sklearn"}
AGREES = {"match", "match under convention", "imprecise", "known quirk", "unsupported"}


def test_every_adapter_has_a_package():
    assert set(PACKAGES) == set(frameworks())


@pytest.mark.parametrize("framework", frameworks())
def test_adapters_are_for_formulas_of_the_catalogue(framework):
    module = adapters(framework)
    assert set(module.ADAPTERS) <= set(FORMULAS)
    assert all(functions for functions in module.ADAPTERS.values())


@pytest.mark.parametrize("framework", frameworks())
def test_what_is_known_has_a_name_on_a_page(framework):
    module = adapters(framework)
    for (name, function, mistake), thread in module.KNOWN.items():
        f = FORMULAS[name]
        names = (
            {v.name for v in f.variants} | {slip for slip, _ in slips(f)} | {h.name for h in in_float32(f)}
        )
        assert function in module.ADAPTERS[name] and mistake in names and thread, (name, function, mistake)


REPORTS = {}


def report(framework):
    """One run of each framework for all tests of this file."""
    reason = f"{framework} is not installed: scripts/test frameworks"
    if importlib.util.find_spec(PACKAGES[framework]) is None:  # not imported here: the worker does
        pytest.skip(reason)
    if framework not in REPORTS:
        REPORTS[framework] = check(framework, limit=300.0)
    return REPORTS[framework]


@pytest.mark.xdist_group("frameworks")
@pytest.mark.parametrize("framework", frameworks())
def test_a_framework_agrees_or_deviates_as_known(framework):
    found = report(framework)
    assert found.failure == ""
    bad = [(r.formula, r.function, r.dtype, r.verdict) for r in found.rows if r.verdict not in AGREES]
    assert bad == [] and found.status == 0
    assert {r.formula for r in found.rows} == set(adapters(framework).ADAPTERS)
    assert set(found.missing) == set(FORMULAS) - set(adapters(framework).ADAPTERS)


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
    ("torch", "ctc", "ctc_loss", "known quirk", "gradient by the logits"),
    (
        "optax",
        "triplet_margin",
        "triplet_margin_loss",
        "known quirk",
        "signed differences under the power, eps under the root",
    ),
    ("keras", "kl_divergence", "kl_divergence", "known quirk", "clipped at 1e-7"),
]


@pytest.mark.xdist_group("frameworks")
@pytest.mark.parametrize("framework, formula, function, verdict, name", NOTABLE)
def test_notable_deviation(framework, formula, function, verdict, name):
    rows = [
        r
        for r in report(framework).rows
        if (r.formula, r.function, r.dtype) == (formula, function, "float64")
    ]
    assert [r.verdict for r in rows] == [verdict]
    assert not name or any(name in found for found in rows[0].diagnosis), rows[0].diagnosis


@pytest.mark.xdist_group("frameworks")
def test_torch_soft_margin_shows_a_small_input():
    rows = [r for r in report("torch").rows if (r.formula, r.function) == ("log", "soft_margin_loss")]
    assert rows and all(r.smallest["answer"] == float("inf") and r.smallest["truth"] > 700 for r in rows)


def test_every_package_of_the_extra_has_an_adapter():
    """`scripts/verify frameworks` judges what the extra installs."""
    for package in PACKAGES.values():
        assert importlib.util.find_spec(package) is None or package in frameworks()


README = Path(__file__).parents[1] / "README.md"


def table(report):
    """The README's rows of one framework: formula, function, verdicts in both dtypes, cause."""
    groups = {}
    for row in report.rows:
        groups.setdefault((row.formula, row.function), []).append(row)
    for (formula, function), rows in groups.items():
        verdicts = [row.verdict.removeprefix("match under ") for row in rows]
        causes = dict.fromkeys(
            f"{name} ({thread})" if thread else name
            for row in rows
            for name, thread in zip(row.diagnosis, row.threads, strict=True)
            if row.verdict in ("match under convention", "known quirk")
        )
        yield f"| {formula} | `{function}` | {' | '.join(verdicts)} | {'; '.join(causes)} |"


def block(framework, text):
    start, end = f"<!-- {framework} -->\n", f"<!-- /{framework} -->"
    return text.partition(start)[2].partition(end)[0]


def verdicts(lines):
    """What may not change from machine to machine: everything but the cause."""
    return [line.rpartition(" | ")[0] for line in lines if line.startswith("| ") and "`" in line]


@pytest.mark.xdist_group("frameworks")
@pytest.mark.parametrize("framework", frameworks())
def test_the_readmes_table_has_the_verdicts_of_today(framework):
    found = report(framework)
    shown = block(framework, README.read_text(encoding="utf-8"))
    if f"**{found.version}**" not in shown:
        pytest.skip(f"the README's table is of another release than {found.version}")
    assert verdicts(shown.splitlines()) == verdicts(table(found))


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    for name in frameworks():
        found = report(name)
        head = (
            f"**{found.version}**\n\n| formula | function | float32 | float64 | cause |\n"
            + 5 * "|---"
            + "|\n"
        )
        new = head + "\n".join(table(found)) + "\n"
        text = text.replace(
            f"<!-- {name} -->\n{block(name, text)}<!-- /{name} -->", f"<!-- {name} -->\n{new}<!-- /{name} -->"
        )
    README.write_text(text, encoding="utf-8")
