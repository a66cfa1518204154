"""Every record, every witness: one loop over the catalogue."""

import ast
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import ebm_ref
from ebm_ref import FORMULAS
from ebm_ref.proof import evidence, golden
from ebm_ref.proof.bounds import measure
from ebm_ref.proof.conditions import conditions

NAMES = list(FORMULAS)
LOSSES = [n for n, f in FORMULAS.items() if tuple(f.shapes)[:2] == ("energies", "label") and f.gradients]


@pytest.mark.parametrize("witness", evidence.WITNESSES)
@pytest.mark.parametrize("name", NAMES)
def test_witness(name, witness):
    claims = list(evidence.WITNESSES[witness](name))
    assert claims, "a witness says something, if only why it does not apply"
    assert [claim for claim in claims if claim[1] is False] == []


@pytest.mark.parametrize("name", LOSSES)
def test_conditions_and_margins(name):
    claims = list(conditions(name))
    assert len(claims) == 5, "a loss of two energies belongs into the table of condition 3"
    assert all(holds for _, holds, _ in claims), claims


@pytest.mark.parametrize("name", NAMES)
def test_record_is_well_formed(name):
    f = FORMULAS[name]
    assert all(variant.kind in ("convention", "mistake") for variant in f.variants)
    assert set(f.gradients) <= set(f.shapes)
    exposed = {case.exposes for case in f.cases} - {""}
    assert exposed <= {variant.name for variant in f.variants}
    ids = [golden.slug(case.name) for case in f.cases]
    twice = {id for id in ids if ids.count(id) > 1}
    assert not twice, f"rename a case: {twice} is the id of two; an id is the words of the name up to a colon"
    for variant in f.variants:
        assert list(inspect.signature(variant.value or next(iter(variant.gradients.values()))).parameters)


@pytest.mark.parametrize("name", NAMES)
def test_page_reads_like_a_page(name):
    """Header with formula and source, lines that fit a terminal, a documented value, a gradient below it."""
    f = FORMULAS[name]
    header = inspect.getmodule(f.value).__doc__
    assert "Source:" in header
    formulas = [line for line in header.splitlines() if line.startswith("    ")]
    long = [line for line in formulas if len(line) > 79]
    assert formulas and not long, f"indented lines of the header have at most 79 characters: {long}"
    text = inspect.getdoc(f.value)
    lacks = [section for section in ("Parameters", "Returns", "Raises", ">>>") if section not in text]
    assert not lacks, f"the docstring of {f.value.__name__} needs {', '.join(lacks)}"
    assert all(f"{argument} :" in text or f"{argument}," in text for argument in f.shapes)
    assert all(inspect.getdoc(gradient) for gradient in f.gradients.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_header_states_every_derivative(name):
    f = FORMULAS[name]
    formulas = re.sub(r"^\S.*$", "", inspect.getmodule(f.value).__doc__, flags=re.MULTILINE)
    stated = set(re.findall(r"\bd\w*(?:\([^)]*\))?/d(\w+)", formulas))
    lacks = f"say in the header, indented: d../d.. = ..., by {list(f.gradients)}"
    assert len(stated) >= len(f.gradients), lacks


PRINTED = [name for name in NAMES if FORMULAS[name].as_printed is not None]


@pytest.mark.parametrize("name", PRINTED)
def test_what_the_paper_prints_is_the_same_but_for_digits(name):
    f = FORMULAS[name]
    for inputs in evidence.samples(name)[0]:
        probe = {"inputs": inputs, "kinks": {}, "condition": 0.0}
        assert measure(probe, "value", f.as_printed(**inputs), truth=f.value(**inputs)).coarse <= 1.0
    assert inspect.signature(f.as_printed) == inspect.signature(f.value)
    assert ">>>" in inspect.getdoc(f.as_printed), "one input where the literal lines lose their digits"


def batch(name, size=4):
    """A stack of samples of equal shapes, and the samples themselves."""
    samples, _ = evidence.samples(name, 200)
    shape = lambda s: [np.shape(x) for x in s.values()]
    same = [s for s in samples if shape(s) == shape(samples[0])][:size]
    return {a: np.array([s[a] for s in same]) for a in same[0]}, same


@pytest.mark.parametrize("name", NAMES)
def test_lifted_is_a_loop_of_singles(name):
    f = FORMULAS[name]
    stack, singles = batch(name)
    assert np.array_equal(f(**stack), [f.value(**s) for s in singles])
    assert np.array_equal(f(*stack.values()), f(**stack))
    for a, gradient in f.gradients.items():
        assert np.array_equal(f.gradient(a, **stack), [gradient(**s) for s in singles])


@pytest.mark.parametrize("name", NAMES)
def test_lifted_takes_an_empty_batch(name):
    f = FORMULAS[name]
    empty = {a: x[:0] for a, x in batch(name)[0].items()}
    assert f(**empty).shape[0] == 0
    for a in f.gradients:
        assert f.gradient(a, **empty).shape[0] == 0


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_never_modified(name):
    f = FORMULAS[name]
    for inputs in evidence.samples(name, 5)[0]:
        frozen = {a: np.array(x) if np.ndim(x) else x for a, x in inputs.items()}
        for x in frozen.values():
            if np.ndim(x):
                x.setflags(write=False)
        for function in (f.value, *f.gradients.values()):
            function(**frozen)


def test_a_probability_never_rounds_above_one():
    """1 - p_y summed from four shares of 1: the sum of the rounded shares is 1 + 2e-16 here."""
    assert FORMULAS["mee"].value(np.array([50.0, 0.0, 0.0, 0.5, 0.0]), 0) == 1.0


@pytest.mark.parametrize("name", LOSSES)
def test_nan_in_nan_out(name):
    """A NaN at y or at o is read by every loss that looks at it, and then nothing else survives."""
    f = FORMULAS[name]
    for inputs in evidence.samples(name, 10)[0]:
        energies = inputs["energies"].copy()
        energies[inputs["label"]] = np.nan
        assert np.isnan(f.value(**inputs | {"energies": energies}))
        if name != "energy":  # it reads E_y alone
            energies = inputs["energies"].copy()
            energies[inputs["label"] - 1] = np.nan
            assert np.isnan(f.value(**inputs | {"energies": energies}))
            assert np.all(np.isnan(f.gradients["energies"](**inputs | {"energies": energies})))


@pytest.mark.parametrize("k", [17, 112, 240, 2000])
def test_tied_answers_keep_their_digits(k):
    """Of k equal shares all but one are added up: each rounds the same way, and the sum must not."""
    tied, u = np.zeros(k), 2.0**-53
    assert abs(FORMULAS["nll"].gradients["energies"](tied, 0)[0] - (k - 1) / k) <= 4 * u
    assert abs(FORMULAS["mee"].value(tied, 0) - (k - 1) / k) <= 4 * u
    assert abs(FORMULAS["cross_entropy"].gradients["logits"](tied, 0)[0] + (k - 1) / k) <= 4 * u


def test_small_integers_do_not_wrap_around():
    value = lambda name, *inputs: float(FORMULAS[name].value(*inputs))
    assert value("squared_error", np.uint8(200), np.uint8(250)) == 2500.0
    assert value("hinge", np.int8([100, -100]), 0) == 201.0
    assert round(value("free_energy", np.int8([95, -116])), 12) == -116.0
    assert value("k_means", np.uint8([[50, 1]]), np.uint8([0, 0])) == 2501.0


PAGES = sorted(Path(ebm_ref.__file__).parent.rglob("*.py"))


def test_bodies_are_short():
    """Pages stay readable: the median body below 8 lines, nine of ten below 20."""
    lengths = []
    for path in PAGES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                lengths.append(node.end_lineno - first.lineno + 1)
    assert np.median(lengths) < 8 and np.quantile(lengths, 0.9) < 20


def test_text_speaks_of_the_project_alone():
    root = Path(ebm_ref.__file__).parents[1]
    files = [
        p
        for p in root.rglob("*")
        if p.suffix in (".py", ".md", ".cfg", ".toml")
        and not p.relative_to(root).parts[0].startswith(".venv")  # .venv-oldest, too
    ]
    private = re.compile("/" + "work/|" + "shared" + "/|/" + "root/|QUIRKS" + r"\.|CONTENT" + r"\.md")
    assert [str(p) for p in files if private.search(p.read_text(encoding="utf-8"))] == []


def test_pages_that_promise_less_are_named():
    """What is not on this list keeps 4 (u C + eta); what is says so in its header."""
    weaker = {name: f.keeps for name, f in FORMULAS.items() if f.keeps != 4.0}
    long = "chain_nll", "graph_nll", "tree_nll", "soft_alignment", "banded_soft_alignment"
    assert weaker == {"ctc_of_logits": 8.0, "contraction": 8.0} | dict.fromkeys(long, 64.0)
    for name, units in weaker.items():
        assert f"keeps {units:.0f} (u C + eta)" in " ".join(
            inspect.getmodule(FORMULAS[name].value).__doc__.split()
        )
