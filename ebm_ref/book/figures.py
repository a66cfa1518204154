r"""Figures: what is drawn, on which page it stands, and in which file.

    of a formula     its record, as `book.drawings.records` draws it
    of a page        what the other modules of `book.drawings` have found under its name
    of a chapter     small multiples of its formulas, and what is drawn for it as a whole

A figure's file is named by a hash of what it is drawn from, the text of the pages that the drawing calls and
of the drawing itself, so that it is drawn anew only when one of them changed.

Source: the form is this project's own.
"""

import ast
import hashlib
import importlib
import multiprocessing
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from html import escape
from pathlib import Path
from typing import NamedTuple

from ebm_ref.book import prose
from ebm_ref.book.drawings import (
    coordinates,
    costs,
    instruments,
    ladders,
    landscape,
    mixing,
    paths,
    records,
    training,
    trust,
)
from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.pages import page_of, source

MODULES = (training, landscape, costs, paths, mixing, ladders, coordinates, instruments, trust)
HEAT = (training, landscape)  # colours are numbers there, and are not inverted on dark ground
PACKAGE = "ebm_ref."
FEW = 8  # figures for which no process is started


class Figure(NamedTuple):
    """How a figure is drawn, what stands below it, where it is shown, and the modules it is drawn from."""

    draw: Callable  # matplotlib.pyplot -> a figure
    told: str
    place: str  # a page or a chapter
    made_of: tuple
    heat: bool  # whether colours stand for numbers


@cache
def figures():
    """{name: Figure}, in the order in which they stand on a page."""
    found = {}
    for chapter, names in records.GALLERIES.items():
        drawings = tuple(dict.fromkeys(page(name) for name in names()))
        last, made_of = names()[-1], (*drawings, own(records))
        draw, told = records.gallery(names()), records.TOLD[records.drawn()[last]]
        found[chapter] = Figure(draw, told, chapter, made_of, records.heat(last))
    for name in records.drawn():
        made_of = page(name), own(records)
        draw = records.single(name)
        found[name] = Figure(draw, records.told(name), page(name), made_of, records.heat(name))
    for module in MODULES:
        made_of = called(own(module))
        for place, (draw, told) in module.DRAWINGS.items():
            name = f"{place}-{own(module).rpartition('.')[2]}"
            found[name] = Figure(draw, told, place, made_of, module in HEAT)
    return found


def page(name):
    """The page of a formula."""
    return own(page_of(FORMULAS[name]))


def own(module):
    """The name of a module as READING_ORDER has it."""
    return module.__name__.removeprefix(PACKAGE)


@cache
def called(name):
    """The modules whose text a drawing hangs on: its own, and those that it imports."""
    found = [name]
    for node in ast.walk(ast.parse(source(name))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            both = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            found += [one.removeprefix(PACKAGE) for one in both if is_module(one)]
    return tuple(dict.fromkeys(found))


def is_module(name):
    """Whether that is a module with text of its own, and no package."""
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # what it stands in is no package
        return False
    return found is not None and not found.submodule_search_locations


# files


def key(made_of):
    """A hash of all that a figure is drawn from."""
    import matplotlib

    style = Path(__file__).with_name("style.mplstyle").read_text()
    texts = [*map(source, made_of), Path(__file__).read_text(encoding="utf-8"), style, matplotlib.__version__]
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:12]


def file_of(name):
    """The file of a figure."""
    return f"{name}-{key(figures()[name].made_of)}.svg"


def draw_all(folder, names, jobs=1):
    """Draw what chapters and pages of these names show and is not there yet; delete what is drawn no more.

    `jobs` is the number of processes; a few figures are drawn in this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {file_of(name): name for name, figure in figures().items() if figure.place in names}
    for old in folder.glob("*.svg"):
        if old.name not in wanted:
            old.unlink()
    missing = [(name, folder / file) for file, name in wanted.items() if not (folder / file).exists()]
    if jobs == 1 or len(missing) < FEW or sys.platform != "linux":  # a fork is not safe everywhere
        for task in missing:
            drawn(task)
        return
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # later Pythons': of threads
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
            list(pool.map(drawn, missing))  # a list, so that what was raised is raised here


def drawn(task):
    """A figure of (name, file), which a process can be sent."""
    draw(*task)


def draw(name, file):
    """One figure, in the style of the book."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.style.context("ebm_ref.book.style"):
        figure = figures()[name].draw(plt)
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)


# on the page


def figure_of(name, names):
    """The figures of a page with these formulas, or of a chapter, as HTML; "" where none is drawn."""
    stands_here = lambda one, figure: one in names or (figure.place == name and one not in FORMULAS)
    return "".join(shown(one, figure) for one, figure in figures().items() if stands_here(one, figure))


def shown(name, figure):
    """One figure as HTML; a heat map is marked, so that it keeps its colours on dark ground."""
    picture = f'src="figures/{file_of(name)}" alt="{name}: {escape(figure.told)}" loading="lazy"'
    caption = f"<figcaption>{prose.marked(figure.told)}</figcaption>"
    return f'<figure><img class="drawing{" heat" * figure.heat}" {picture}>{caption}</figure>'
