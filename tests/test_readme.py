"""The README: its tables are what the code says, its examples run, its commands exist."""

import ast
import doctest
import inspect
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ebm_ref import FORMULAS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def block(name):
    return TEXT.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0].strip()


def formulas_table():
    """One line a formula: name, shapes, what the page says it is, source."""
    lines = ["| name | arguments | page | source |", "|---|---|---|---|"]
    for name, f in FORMULAS.items():
        module = inspect.getmodule(f.value)
        title = module.__doc__.splitlines()[0].partition(":")[0].rstrip(".")
        path = module.__name__.replace(".", "/") + ".py"
        arguments = ", ".join(
            f"`{a}`" + (f" ({','.join(axes)})" if axes else "") for a, axes in f.shapes.items()
        )
        lines.append(f"| `{name}` | {arguments} | [{title}]({path}) | {f.source} |")
    return "\n".join(lines)


def reproductions_table():
    """One line a script: its name, and the first line of what it says of itself."""
    lines = ["| script in `scripts/` | what it shows |", "|---|---|"]
    for path in sorted((ROOT / "scripts").glob("reproduce_*.py")):
        title = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]
        lines.append(f"| [`{path.name}`](scripts/{path.name}) | {title} |")
    return "\n".join(lines)


def test_the_table_of_reproductions_is_that_of_the_scripts():
    assert block("reproductions") == reproductions_table()


def test_energy_and_loss_are_told_apart_by_the_numbers_of_the_script():
    script = ROOT / "scripts" / "reproduce_energy_and_loss.py"
    done = subprocess.run([sys.executable, script, "--quick"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table, text = done.stdout.split("\n\n")[:2]
    assert block("energy_and_loss") == f"```text\n{table}\n```"
    falls = re.search(r"after 0, 60 and 120 steps: (\S+), (\S+), (\S+)", text).groups()
    assert "starts at {}, then {} and {}".format(*falls) in " ".join(TEXT.split())


def test_the_table_of_formulas_is_that_of_the_records():
    assert block("formulas") == formulas_table()


def test_every_source_is_in_the_bibliography():
    bibliography = TEXT.partition("## Bibliography")[2]
    documents = ("NYU DLSP20", "PyTorch", "Keras", "Caffe", "elementary", "standard")
    for name, f in FORMULAS.items():
        keys = re.findall(r"\b[a-z]+\d{4}\b", f.source)
        assert all(f"**{key}**" in bibliography for key in keys), name
        assert keys or any(document in f.source for document in documents), name
    assert re.findall(r"\*\*([a-z]+\d{4})\*\*", bibliography), "entries are found by their keys"


def test_the_examples_run():
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert result.attempted >= 5 and result.failed == 0


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


def test_the_loss_of_pytorch_is_judged_as_the_text_says(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    from ebm_ref.cli.main import main

    block = TEXT.partition("```python\nimport torch")[2].partition("```")[0]
    (tmp_path / "mymodule.py").write_text(f"import torch{block}")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "mymodule:my_nll", "--as", "nll"]) == 0
    assert "gradients were not judged" not in capsys.readouterr().out


def test_the_text_is_well_formed():
    """Lines that fit, rows with as many cells as their table has columns, one entry a key."""
    lines = TEXT.splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []
    cells = lambda line: len(re.findall(r"(?<!\\)\|", line))
    ragged = [b for a, b in itertools.pairwise(lines) if a[:1] == b[:1] == "|" and cells(a) != cells(b)]
    assert ragged == []
    keys = re.findall(r"^\* \*\*([a-z]+\d{4})\*\*", TEXT.partition("## Bibliography")[2], flags=re.MULTILINE)
    assert keys[0] == "lecun2006" and keys[1:] == sorted(set(keys[1:])), "the tutorial, then by name and year"


def test_the_sampler_example_is_what_the_command_prints(tmp_path, monkeypatch, capsys):
    from ebm_ref.cli.main import main

    example = TEXT.partition("## Samplers, judged")[2].partition("$ cat mymodule.py\n")[2].partition("```")[0]
    source, _, printed = example.partition("$ ebm-ref check-sampler mymodule:step --target gaussian\n")
    (tmp_path / "mymodule.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["check-sampler", "mymodule:step", "--target", "gaussian"]) == 1
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert shown == printed.rstrip().splitlines()


def test_links_and_scripts_exist():
    for path in re.findall(r"\]\(((?!http|#)[^)]+)\)", TEXT) + re.findall(
        r"`((?:scripts|tests|ebm_ref)/[\w/.]+)`", TEXT
    ):
        assert (ROOT / path).exists(), path
    for command in re.findall(r"^(scripts/\w+)", TEXT, flags=re.MULTILINE):
        assert (ROOT / command).stat().st_mode & 0o111, command


if __name__ == "__main__":
    new = TEXT
    for name, lines in (("formulas", formulas_table()), ("reproductions", reproductions_table())):
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        head, _, rest = new.partition(begin)
        new = head + begin + lines + "\n" + end + rest.partition(end)[2]
    (ROOT / "README.md").write_text(new, encoding="utf-8")
