"""The reading order is the import order, and leaves no module out."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ebm_ref

ROOT = Path(ebm_ref.__file__).parent
MODULES = {
    str(path.relative_to(ROOT).with_suffix("")).replace("/", "."): path
    for path in ROOT.rglob("*.py")
    if path.name != "__init__.py"
}


def test_every_module_is_listed_once():
    assert sorted(ebm_ref.READING_ORDER) == sorted(MODULES)


def imported(path):
    """Modules of this package that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("ebm_ref."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ebm_ref"):
            full = [f"{node.module}.{a.name}" for a in node.names]
            yield from (name if (name.removeprefix("ebm_ref.") in MODULES) else node.module for name in full)


@pytest.mark.parametrize("module", ebm_ref.READING_ORDER)
def test_a_module_imports_only_what_stands_before_it(module):
    before = ebm_ref.READING_ORDER[: ebm_ref.READING_ORDER.index(module)]
    needed = {name.removeprefix("ebm_ref.") for name in imported(MODULES[module])} - {"ebm_ref"}
    assert needed <= set(before)


@pytest.mark.parametrize("module", ebm_ref.READING_ORDER)
def test_heavy_packages_stay_where_they_belong(module):
    """mpmath and gmpy2 on the tape alone, rich in the command line alone, numba in no page."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    names = {a.name.partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {(n.module or "").partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert bool({"mpmath", "gmpy2"} & names) <= (module == "proof.tape")
    assert ("rich" in names) <= module.startswith("cli.")
    assert "numba" not in names or module.startswith("kernels")


def unpacked(tree):
    """(letter, argument) of every line `E, y, m = FORMULA.checked(energies, label, margin)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ".checked" in ast.unparse(getattr(node.value, "func", node)):
            letters = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
            arguments = node.value.args
            if isinstance(letters[0], ast.Starred):  # the last ones only
                letters = letters[1:]
                arguments = arguments[-len(letters) :]
            for letter, argument in zip(letters, arguments, strict=True):
                yield ast.unparse(letter), ast.unparse(argument)


@pytest.mark.parametrize("module", ebm_ref.READING_ORDER)
def test_a_letter_means_the_same_on_every_page(module):
    """What a letter stands for is in the table of letters, or the page's own header says it."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    header = " ".join(ast.get_docstring(tree).split())
    for letter, argument in unpacked(tree):
        if letter.startswith(("_", "*")) or letter == argument:
            continue
        meanings = ebm_ref.LETTERS.get(letter) or ebm_ref.LETTERS.get(letter.partition("_")[0], "")
        stem = argument.split("_")[-1].rstrip("s")
        one = rf"(?<!\w){re.escape(letter)}(?!\w)"
        says = re.search(rf"{one}[^.;]*\b{stem}|\b{stem}\w*[^.;]*{one}", header, re.IGNORECASE)
        assert argument in meanings.split() or says, (
            f"LETTERS in ebm_ref/__init__.py gives {letter} to {meanings or 'nothing'}: add "
            f"{argument} there, or "
            f"say in the header that {letter} is the {argument.replace('_', ' ')}"
        )


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_is_light():
    heavy = "('numba', 'matplotlib', 'mpmath', 'gmpy2', 'rich')"
    show = f"import sys; print([m for m in {heavy} if m in sys.modules])"
    assert run(f"import ebm_ref; {show}").strip() == "[]"
    assert run(f"import ebm_ref; ebm_ref.FORMULAS; {show}").strip() == "[]"


def test_unknown_attributes_are_errors():
    with pytest.raises(AttributeError, match="no attribute 'FORMULA'"):
        ebm_ref.FORMULA  # noqa: B018
