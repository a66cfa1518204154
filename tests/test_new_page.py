"""What a page still lacks, each with the line or the command that mends it: the contributor's path."""

import importlib
import inspect
import pkgutil

import pytest

import ebm_ref
from ebm_ref import FORMULAS
from ebm_ref.cli.pages import naive_definition
from ebm_ref.formula import Formula
from ebm_ref.proof import evidence, golden

BOOK = ("energies", "losses", "criteria", "inference", "exact", "samplers", "learning")


def modules():
    """Every module of the book, whether or not it is in the reading order."""
    for folder in BOOK:
        package = importlib.import_module(f"ebm_ref.{folder}")
        yield from (f"{folder}.{found.name}" for found in pkgutil.iter_modules(package.__path__))


@pytest.mark.parametrize("module", list(modules()))
def test_a_page_is_in_the_reading_order_and_its_records_in_the_catalogue(module):
    assert module in ebm_ref.READING_ORDER, f'add "{module}", to READING_ORDER in ebm_ref/__init__.py'
    page = importlib.import_module(f"ebm_ref.{module}")
    known = set(map(id, FORMULAS.values()))
    short = module.rpartition(".")[2]
    for name, record in vars(page).items():
        if isinstance(record, Formula) and inspect.getmodule(record.value) is page:
            line = f'the import of {short} and "{record.value.__name__}": {short}.{name},'
            assert id(record) in known, f"add {line} to ebm_ref/catalogue.py"


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_has_a_naive_expression(name):
    arguments = ", ".join(FORMULAS[name].shapes)
    line = f'"{name}": lambda {arguments}: ...,'
    try:
        naive_definition(name)
    except LookupError:
        pytest.fail(f"add {line} to NAIVE in a file of ebm_ref/proof/naive/")


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_has_vectors_of_all_its_cases(name):
    mend = f"run scripts/make_golden.py {name}"
    assert (golden.VECTORS / f"{name}.jsonl").is_file(), mend
    ids = {vector["id"] for vector in golden.load(name)}
    missing = {f"{name}/{golden.slug(case.name)}" for case in FORMULAS[name].cases} - ids
    assert not missing, f"{mend}: no vectors for {', '.join(sorted(missing))}"


@pytest.mark.parametrize("name", FORMULAS)
def test_every_mistake_is_exposed(name):
    f = FORMULAS[name]
    claimed, vectors = {case.exposes for case in f.cases}, golden.load(name)
    for variant in f.variants:
        if variant.kind == "mistake":
            row = f'"what it shows": Case((inputs), value, gradients, "{variant.name}")'
            exposed = variant.name in claimed or evidence.farthest_off(variant, vectors) > 1.0
            assert exposed, f"add a case that exposes it: {row}"
