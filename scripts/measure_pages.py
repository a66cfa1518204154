#!/usr/bin/env python3
"""How long the pages are, and what they lack: `scripts/measure_pages.py`.

Exit status 1 where a limit of the design is passed.
"""

import ast
import inspect
import re
import statistics
import sys
from pathlib import Path

import ebm_ref
from ebm_ref import FORMULAS

ROOT = Path(ebm_ref.__file__).parent


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def bodies(path):
    """Lines of each function below its docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            yield node.end_lineno - first.lineno + 1


def without_derivative(pages):
    """Pages with a gradient whose header states none."""
    with_gradient = {inspect.getmodule(f.value) for f in FORMULAS.values() if f.gradients}
    stated = lambda page: re.search(r"^    .*\bd\w*(\([^)]*\))?/d\w", page.__doc__, flags=re.MULTILINE)
    return sorted(page.__name__ for page in with_gradient if not stated(page))


def main():
    modules = {path: lines(path) for path in sorted(ROOT.rglob("*.py"))}
    pages = {Path(inspect.getmodule(f.value).__file__) for f in FORMULAS.values()}
    record = {path: modules[path] for path in pages}
    losses = [n for path, n in record.items() if path.parent.name == "losses"]
    loose = sorted(path.name for path in ROOT.glob("*.py"))
    longest = max(record, key=record.get)
    long = [f"{path.relative_to(ROOT)} ({n})" for path, n in modules.items() if n > 450]
    sizes = [n for path in modules for n in bodies(path)]
    printed = sorted(name for name, f in FORMULAS.items() if f.as_printed)
    bare = without_derivative(pages)
    readme = lines(ROOT.parent / "README.md")
    rows = [
        ("record pages, median lines", statistics.median(record.values()), 185),
        ("loss pages, median lines", statistics.median(losses), 140),
        (f"longest record page, {longest.relative_to(ROOT)}", record[longest], 400),
        (f"loose modules: {', '.join(loose)}", len(loose), 7),
        (f"modules over 450 lines: {', '.join(long) or 'none'}", len(long), 0),
        ("function bodies, median lines", statistics.median(sizes), 8),
        ("function bodies, nine tenths", statistics.quantiles(sizes, n=10)[-1], 20),
        (f"headers without a derivative: {', '.join(bare) or 'none'}", len(bare), 0),
        ("lines of the README", readme, 250),
    ]
    for what, found, limit in rows:
        print(f"{found:>8g}  {'<=' if found <= limit else '> '} {limit:<4} {what}")
    print(f"{len(printed):>8}          formulas with the paper's own lines: {', '.join(printed) or 'none'}")
    print(f"{len(record):>8}          record pages of {len(FORMULAS)} formulas, {len(modules)} modules")
    return int(any(found > limit for _, found, limit in rows))


if __name__ == "__main__":
    sys.exit(main())
