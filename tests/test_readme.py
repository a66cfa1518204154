"""The READMEs: their tables are what the code says, their examples run, their commands exist."""

import doctest
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import script

from ebm_ref import FORMULAS

ROOT = Path(__file__).parents[1]
FILES = (
    "README.md",
    "ebm_ref/README.md",
    "ebm_ref/conformance/frameworks/README.md",
    "ebm_ref/conformance/samplers/README.md",
    "scripts/README.md",
)
TEXTS = {file: (ROOT / file).read_text(encoding="utf-8") for file in FILES}
TEXT = TEXTS["README.md"]


DOCS = script("make_docs")
TABLES = [(file, name) for file, tables in DOCS.PAGES.items() for name in tables]


@pytest.mark.parametrize("file, name", TABLES)
def test_generated_tables_are_fresh(file, name):
    stale = f"the table {name!r} of {file} is stale: run scripts/make_docs.py"
    assert DOCS.block(file, name) == DOCS.PAGES[file][name](), stale


def test_which_loss_when_is_refused_where_nothing_backs_it(monkeypatch):
    """A loss that a row recommends without its law, and one that it advises against though it has it."""
    situation, use, avoid, because, evidence = DOCS.WHICH[1]
    for wrong in ((*use, "square_square"), avoid), (use, (*avoid, "hinge")):
        monkeypatch.setattr(DOCS, "WHICH", ((situation, *wrong, because, evidence),))
        with pytest.raises(ValueError, match=r"does not tell (square_square|hinge) apart"):
            DOCS.which()


def test_energy_and_loss_are_told_apart_by_the_numbers_of_the_script():
    command = [sys.executable, ROOT / "scripts" / "reproduce_energy_and_loss.py", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table, text = done.stdout.split("\n\n")[:2]
    assert DOCS.block("README.md", "energy_and_loss") == f"```text\n{table}\n```"
    falls = re.search(r"after 0, 60 and 120 steps: (\S+), (\S+), (\S+)", text).groups()
    assert "starts at {}, then {} and {}".format(*falls) in " ".join(TEXT.split())


def test_the_rows_on_speed_are_those_of_the_benchmark():
    """Ratios of the README's rows stand in the whole table."""
    whole = DOCS.block("scripts/README.md", "benchmark")
    shown = re.findall(r"^\|.*\| ([\d.,]+) [a-z-]+ \|$", TEXT.partition("## Speed")[2], flags=re.MULTILINE)
    ratios = [float(r) for r in re.findall(r"\d (?:us|ms|ns|s) +(\d+\.\d) (?!us|ms|ns|s )", whole)]
    assert len(shown) == 6
    assert all(any(abs(float(r.replace(",", "")) - q) < 0.51 for q in ratios) for r in shown)


def test_the_picture_is_fresh():
    picture = script("first_figure")
    assert picture.drawn_from() == picture.digest(), "it is stale: run scripts/make_docs.py figure"
    assert picture.FILE.relative_to(ROOT).as_posix() in TEXT
    assert picture.FILE.stat().st_size < 60_000


def test_the_picture_says_what_the_judge_says():
    picture = script("first_figure")
    exhibit = picture.EXHIBITS[1]
    named, differs, asked = picture.verdict(exhibit)
    assert named == exhibit.mistake and 0 < differs < asked
    with pytest.raises(LookupError, match="no mistake 'beta in the condition alone' seen in Caffe"):
        picture.variant(exhibit._replace(where="Caffe"))


def test_every_source_is_in_the_bibliography():
    bibliography = TEXTS["ebm_ref/README.md"].partition("## Bibliography")[2]
    documents = ("NYU DLSP20", "PyTorch", "Keras", "Caffe", "elementary", "standard")
    for name, f in FORMULAS.items():
        keys = re.findall(r"\b[a-z]+\d{4}\b", f.source)
        missing = [key for key in keys if f"**{key}**" not in bibliography]
        assert not missing, f"{name}: add `* **{missing[0]}** ...` to the bibliography of ebm_ref/README.md"
        assert keys or any(document in f.source for document in documents), name
    assert re.findall(r"\*\*([a-z]+\d{4})\*\*", bibliography), "entries are found by their keys"


@pytest.mark.parametrize("file", FILES)
def test_the_examples_run(file):
    result = doctest.testfile(str(ROOT / file), module_relative=False)
    assert result.failed == 0 and (result.attempted >= 5 or file != "README.md")


def test_the_judges_example_is_what_the_command_prints(tmp_path, monkeypatch, capsys):
    from ebm_ref.cli.main import main

    example = TEXT.partition("$ cat mymodule.py\n")[2].partition("```")[0]
    source, _, printed = example.partition("$ ebm-ref check mymodule:my_hinge --as hinge\n")
    (tmp_path / "mymodule.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["check", "mymodule:my_hinge", "--as", "hinge"]) == 1
    lines = lambda text: [
        line.rstrip() for line in re.sub(r"numpy [\d.]+", "numpy", text).strip().splitlines()
    ]
    assert lines(capsys.readouterr().out) == lines(printed)


def test_the_text_is_well_formed():
    """Lines that fit, rows with as many cells as their table has columns, one entry a key."""
    assert len(TEXT.splitlines()) <= 250
    cells = lambda line: len(re.findall(r"(?<!\\)\|", line))
    for file, text in TEXTS.items():
        lines = text.splitlines()
        assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == [], file
        ragged = [b for a, b in itertools.pairwise(lines) if a[:1] == b[:1] == "|" and cells(a) != cells(b)]
        assert ragged == [], file
    bibliography = TEXTS["ebm_ref/README.md"].partition("## Bibliography")[2]
    keys = re.findall(r"^\* \*\*([a-z]+\d{4})\*\*", bibliography, flags=re.MULTILINE)
    assert keys[0] == "lecun2006" and keys[1:] == sorted(set(keys[1:])), "the tutorial, then by name and year"


def test_the_sampler_example_is_what_the_command_prints(tmp_path, monkeypatch, capsys):
    from ebm_ref.cli.main import main

    text = TEXTS["ebm_ref/conformance/samplers/README.md"]
    example = text.partition("$ cat mymodule.py\n")[2].partition("```")[0]
    source, _, printed = example.partition("$ ebm-ref check-sampler mymodule:step --target gaussian\n")
    (tmp_path / "mymodule.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["check-sampler", "mymodule:step", "--target", "gaussian"]) == 1
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert shown == printed.rstrip().splitlines()


@pytest.mark.parametrize("file", FILES)
def test_links_and_scripts_exist(file):
    text = TEXTS[file]
    for path in re.findall(r"\]\(((?!http|#)[^)]+)\)", text):
        assert ((ROOT / file).parent / path).exists(), path
    for path in re.findall(r"`((?:scripts|tests|ebm_ref)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path
    for command in re.findall(r"^(scripts/\w+)", text, flags=re.MULTILINE):
        assert (ROOT / command).stat().st_mode & 0o111, command


def test_the_package_ships_its_tables():
    """What stands beside the code is found in an installed package, too."""
    settings = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    data = settings.partition("[options.package_data]")[2].partition("\n[")[0].split()
    assert {file.removeprefix("ebm_ref/") for file in FILES if file.startswith("ebm_ref/")} <= set(data)
