r"""The site: all pages written for Sphinx, and built.

    write(folder)      reStructuredText and style
    build(out)         the site, with a search index that is loaded as a script

Sphinx and its theme Furo do the rest: contents, search, light and dark, narrow screens.  Formulas are
set in STIX Two Math, which the package ziamath carries; without it in the reader's own mathematics font.
A font for mathematics it must be: in any other, brackets and roots do not grow with what they hold.

Source: Sphinx's and Furo's documentation.
"""

import importlib.util
import inspect
import shutil
import tempfile
from html import escape
from pathlib import Path

import ebm_ref
from ebm_ref.book import claims, figures, front, museum, pages, performance, prose, tables
from ebm_ref.book.chapters import CHAPTERS
from ebm_ref.book.results import NONE

SETTINGS = {
    "project": "ebm_ref",
    "version": ebm_ref.__version__,
    "html_theme": "furo",
    "html_title": "ebm_ref",
    "html_css_files": ["book.css"],
    "html_show_search_summary": False,  # it would be fetched, which a browser forbids for files
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_copyright": False,
    "html_use_index": False,
    "html_domain_indices": False,
    "html_permalinks": False,
    "smartquotes": False,
}
FURTHER = {"judge": museum.texts, "claims": claims.texts, "kernels": performance.texts}  # of no module
FONT = '@font-face { font-family: "Book Mathematics"; src: url("mathematics.ttf"); }\n'


def build(out, results=NONE, jobs=2):
    """Write the site to a folder, with what was measured: the number of pages.

    Raises ValueError if the folder holds something else than an earlier book, ImportError without Sphinx.
    """
    from sphinx.application import Sphinx  # an extra: the package does without it

    out = Path(out)
    there = {path.name for path in out.iterdir()} if out.exists() else set()
    if there and not there & {"searchindex.js", "figures"}:
        raise ValueError(f"out = {out}: must be an empty or new folder, or one with an earlier book")
    with tempfile.TemporaryDirectory() as work:
        texts, trees = Path(work) / "texts", Path(work) / "trees"
        written = write(texts, out / "figures", results, jobs)
        settings = SETTINGS | {"html_static_path": [str(texts / "_static")]}
        strict = {"status": None, "warningiserror": True, "parallel": jobs}
        app = Sphinx(texts, None, out, trees, "html", settings, **strict)
        app.connect("html-page-context", folded, priority=1)
        app.build(force_all=True)
    tidy(out)
    return written


def folded(app, page, template, context, doctree):
    """Contents beside a page: the chapters, and the pages of its own alone."""
    if whole := context.get("toctree"):
        context["toctree"] = lambda **options: whole(**options | {"collapse": True})


def write(folder, drawings, results=NONE, jobs=1):
    """The pages as text, with the style; figures are drawn or copied into their own folder."""
    folder.mkdir(parents=True)
    figures.draw_all(drawings, {name for c in CHAPTERS for name in (c.name, *c.pages)}, jobs)
    claims.copy_figures(results, drawings / "claims")
    if results.benchmark:
        performance.draw(results.benchmark["rows"], drawings / "ratios.svg")
    written = texts(results)
    for name, text in written.items():
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")
    style(folder / "_static")
    return len(written)


def texts(results=NONE):
    """{name: reStructuredText} of all pages."""
    held = {chapter.name: texts_of(chapter, results) for chapter in CHAPTERS}
    counts = {name: len(found) - 1 for name, found in held.items()}
    found = {"index": first_page(counts), "bibliography": bibliography()}
    return found | {name: text for pages in held.values() for name, text in pages.items()}


def texts_of(chapter, results):
    """The same of a chapter: the page that opens it, its modules, and what no module has."""
    further = FURTHER[chapter.name](results) if chapter.name in FURTHER else {}
    first = [name for name in further if "." not in name]  # those with a dot are contents of these
    own = {chapter.name: pages.chapter(chapter, first)}
    return own | {name: pages.page(name) for name in chapter.pages} | further


def style(folder):
    """The style sheet, and the font of formulas if it is there."""
    folder.mkdir()
    rules = Path(__file__).with_name("book.css").read_text(encoding="utf-8")
    if font := mathematics_font():
        shutil.copy(font, folder / "mathematics.ttf")
        rules = FONT + rules
    (folder / "book.css").write_text(rules, encoding="utf-8")


def mathematics_font():
    """STIX Two Math, where ziamath is installed; None elsewhere."""
    found = importlib.util.find_spec("ziamath")
    fonts = Path(found.origin).parent.glob("fonts/STIXTwoMath*.ttf") if found else ()
    return next(iter(fonts), None)


def first_page(counts):
    """The first page: what the book is, where to begin, its chapters, its notation, and how to cite it."""
    rows = [
        (
            prose.link(f"{c.name}.html", escape(c.title.partition(":")[0])),
            escape(c.title.partition(": ")[2]),
            str(counts[c.name] or "none yet"),
        )
        for c in CHAPTERS
    ]
    title, about, *rest = ebm_ref.__doc__.split("\n\n")
    begin = inspect.getdoc(front).partition("\n")[2].rpartition("\n\nSource:")[0]
    parts = [
        pages.heading("Energy-based learning", "="),
        pages.raw(pages.leading(title.partition(": ")[2].rstrip("."))),
        pages.raw(pages.header(about) + pages.figure_of("index", {"losses-training"})),
        pages.heading("Where to begin"),
        pages.raw(pages.with_choices(begin)),
        pages.heading("Chapters"),
        pages.raw(tables.table(("chapter", "what it is about", "pages"), rows)),
        pages.raw(pages.header("\n\n".join(rest))),
        pages.heading("How to cite"),
        pages.raw(cited()),
    ]
    return "".join(parts) + pages.toctree([*(c.name for c in CHAPTERS), "bibliography"])


def cited():
    """How the release is cited, and why with its version."""
    return (
        f"<p>{escape(front.reference())}  Please name the version: later ones have more pages.</p>"
        f'<div class="highlight"><pre tabindex="0">{escape(front.bibtex())}</pre></div>'
    )


def bibliography():
    """The sources, each with an anchor."""
    rows = "".join(
        f'<dt id="{prose.anchor(key)}">{escape(key)}</dt><dd>{prose.marked(entry)}</dd>'
        for key, entry in sorted(prose.bibliography().items(), key=lambda item: item[0].lower())
    )
    return pages.heading("Bibliography", "=") + pages.raw(f'<dl class="bibliography">{rows}</dl>')


def tidy(out):
    """Remove what only Sphinx needs."""
    shutil.rmtree(out / "_sources", ignore_errors=True)
    for name in (".buildinfo", "objects.inv", ".buildinfo.bak"):
        (out / name).unlink(missing_ok=True)
