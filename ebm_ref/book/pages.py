r"""Pages: a module's header, code and records as one page of the site, in reStructuredText.

    title, formulas, idea, source       from the header
    picture                             where figures.py draws one
    code                                as printed, then as it is accurate
    shapes, cases, mistakes, ...        from the records
    commands                            to run it, and to judge one's own

Source: docutils' documentation, for reStructuredText.
"""

import ast
import inspect
import re
import textwrap
from html import escape

from ebm_ref.book import blocks, listings, prose, tables
from ebm_ref.book.chapters import GROUPS, chapter_of
from ebm_ref.book.figures import figure_of
from ebm_ref.book.sessions import sessions
from ebm_ref.cli.aliases import ALIASES
from ebm_ref.cli.pages import naive_definition


def raw(html):
    """HTML as a directive."""
    return f".. raw:: html\n\n{textwrap.indent(html, '   ')}\n\n" if html else ""


def heading(text, line="-"):
    """A heading, what reStructuredText would read in it escaped; "=" underlines the title of a page."""
    text = re.sub(r"([*_|\\])", r"\\\1", text.replace("`", ""))
    return f"{text}\n{line * (len(text) + 1)}\n\n"


def title(page):
    """The title of a page's header."""
    return ast.get_docstring(listings.tree(page)).splitlines()[0].rstrip(".")


def short_title(page):
    """What stands in contents: the title up to its colon."""
    return title(page).partition(":")[0]


def sentence(text):
    """What stands behind the colon of a title, as a sentence."""
    return f"{prose.marked(text[:1].upper() + text[1:])}."


def header(text, names=()):
    """The text of a header below its title as HTML: paragraphs, formulas, lists, source."""
    out = []
    for kind, lines in prose.pieces(text):
        if kind == "formulas":
            out.append(linked(blocks.typeset(lines, names)))
        elif kind == "list":
            out.append(f"<ul>{''.join(f'<li>{prose.marked(item)}</li>' for item in prose.items(lines))}</ul>")
        elif len(lines) == 2 and set(lines[1]) == {"-"}:
            out.append(f'<h2 id="{prose.anchor(lines[0])}">{escape(lines[0])}</h2>')
        else:
            out.append(paragraph(" ".join(lines)))
    return "\n".join(out)


def paragraph(text):
    """A paragraph; that of the sources is set apart."""
    if text.startswith("Source:"):
        return f'<p class="source">{prose.cited(text)}</p>'
    return f"<p>{prose.marked(text)}</p>"


def linked(html):
    """Names of formulas and pages between code tags, as links."""

    def to_page(m):
        """A name in code as a link, if it is that of a page."""
        where = prose.addresses().get(m[1])
        return prose.link(where, m[0]) if where else m[0]

    html = re.sub(r"<code>([\w./]+)</code>", to_page, html)
    return re.sub(r"\b[\w/]+\.py\b(?=[^<>]*<)", lambda m: prose.special(m[0]), html)


def page(name):
    """A module as a page in reStructuredText."""
    doc = ast.get_docstring(listings.tree(name))
    records = tables.uses(name)
    rest = doc.partition("\n")[2]
    behind_colon = title(name).partition(": ")[2]
    parts = [heading(short_title(name), "="), index(name, records), raw(place(name, records))]
    parts += [raw(leading(behind_colon)), raw(header(rest, visible(name)))]
    if picture := figure_of(name, records):
        parts += [heading("In a picture"), raw(picture)]
    if held := tables.identities(name):
        parts += [heading("What holds"), raw(held)]
    parts += code(name, records)
    for text, content in sections(name, records):
        if content:
            parts += [heading(text), raw(content)]
    return "".join(parts)


def index(name, records):
    """Names by which the search finds the page first: its formulas, and what others call them."""
    others = [a for a, meant in ALIASES.items() if any(prose.addresses()[m] == f"{name}.html" for m in meant)]
    entries = "".join(f"   ! single: {entry}\n" for entry in (*records, *others))
    return f".. index::\n{entries}\n" if entries else ""


def visible(name):
    """Names that a header may use as Python: what the page defines, imports and assigns."""
    body = listings.tree(name).body
    assigned = [t.id for n in body if isinstance(n, ast.Assign) for t in n.targets if hasattr(t, "id")]
    classes = [n for n in body if isinstance(n, ast.ClassDef)]
    functions = [n.name for n in [*body, *(m for c in classes for m in c.body)] if hasattr(n, "name")]
    return {*listings.names(name), *assigned, *functions}


def place(name, records):
    """Where the page stands, and which formulas it holds."""
    chapter = chapter_of(name)
    formulas = " ".join(f"<code>{n}</code>" for n in records)
    where = prose.link(f"{chapter.name}.html", escape(chapter.title.partition(":")[0]))
    path = name.replace(".", "/") + ".py"
    stations = [
        where,
        f"<code>ebm_ref/{path}</code>",
        *([f"formula{'s' * (len(records) > 1)} {formulas}"] if records else []),
    ]
    return f'<p class="place">{" &#183; ".join(stations)}</p>'


def code(name, records):
    """The textbook form where there is one, and the code."""
    printed = [r.as_printed.__name__ for r in records.values() if inspect.isfunction(r.as_printed)]
    printed = [one for one in printed if one in listings.defined(name)]
    elsewhere = {*printed, *listings.behind_the_record(name)}
    printed += [n for n, by in listings.callers(name).items() if by & set(printed) and by <= elsewhere]
    known = listings.names(name)
    parts = []
    if printed:
        parts = [
            heading("As the paper prints it"),
            raw(listings.listing(listings.bodies(name, only=printed), known, printed)),
        ]
    own = listings.bodies(name, but=(*printed, *listings.behind_the_record(name)))
    if own:
        parts.append(heading("The accurate code" if printed else "The code"))
        parts.append(raw(listings.listing(own, known, listings.defined(name))))
    return [*parts, raw(behind(name, "samples", "Samples, laws and rules of the record"))]


def sections(name, records):
    """(heading, HTML) of what the records say; with several, each under its own name."""

    def each(table):
        """The tables of all formulas."""
        found = {n: table(n, r) for n, r in records.items()}
        several = len(records) > 1
        return "".join(
            (f'<h3 class="formula"><code>{n}</code></h3>' if several else "") + html
            for n, html in found.items()
            if html
        )

    called = behind(name, "variants", "What these call")
    yield (
        "Shapes and domain",
        each(lambda n, r: signature(n, r) + tables.arguments(r) + tables.gradients(r) + tables.example(r)),
    )
    yield "Cases worked by hand", each(tables.cases)
    yield "Mistakes and conventions", mistakes(name) + called
    yield "What it refuses", each(lambda n, r: tables.refusals(r))
    yield "What it promises", each(lambda n, r: tables.laws(r))
    yield "What frameworks do under this name", each(lambda n, r: tables.frameworks(n))
    yield "Links to other formulas", each(lambda n, r: tables.links(n))
    yield "The definition, at any precision", each(lambda n, r: definition(n))
    yield "Try it", commands(name, records)


def mistakes(name):
    """What others compute under the names of a page's formulas."""
    found = tables.exhibits(name)
    several = len(tables.uses(name)) > 1
    return "".join(
        (f'<h3 class="formula"><code>{n}</code></h3>' if several else "") + tables.variants(n, held, name)
        for n, held in found.items()
    )


def behind(name, which, summary):
    """The functions that only the records call, folded away."""
    known, shown = listings.behind_the_record(name), tables.spelled_out(name)
    used = [function for function, kind in known.items() if kind == which and function not in shown]
    if not used:
        return ""
    code = listings.listing(listings.bodies(name, only=used), listings.names(name), used)
    return f"<details><summary>{summary}</summary>{code}</details>"


def signature(name, record):
    """The call, and its core shapes."""
    call = escape(f"{name}{inspect.signature(record.value)}")
    shapes = f"<span>shapes <code>{escape(record.signature)}</code></span>"
    return f'<p class="signature"><code>{call}</code> {shapes}</p>'


def definition(name):
    """The naive expression, as the oracle computes it."""
    try:
        return listings.listing(naive_definition(name))
    except LookupError:
        return ""


def commands(name, records):
    """How to run the page, and how to judge one's own function."""
    lines = [f"ebm-ref read {name}"]
    if name.startswith("samplers."):
        lines.append("ebm-ref check-sampler mymodule:step --target banana")
    for n in records:
        lines += [f"ebm-ref verify {n}", f"ebm-ref check mymodule:my_{n} --as {n}"]
    explained = {"read": "the source, in the pager", "verify": "every witness of it", "check": "judge yours"}
    explained["check-sampler"] = "judge your own step"
    rows = [(f"<code>{escape(line)}</code>", explained[line.split()[1]]) for line in lines]
    return tables.table(("command", "what it does"), rows, "commands")


def leading(text):
    """The sentence below a heading, in larger letters."""
    return text and f'<p class="lead">{sentence(text)}</p>'


def with_choices(text):
    """The text of an opening: its blocks are tables that say what to choose."""
    equation = '<table role="presentation"><tr><td class="left"'
    return re.sub(f'<div class="formulas">(?!{equation})', '<div class="formulas choices">', header(text))


def opening(text):
    """The title of a chapter and the text that opens it."""
    title, _, rest = text.partition("\n")
    first, _, about = title.rstrip(".").partition(": ")
    return "".join([heading(first, "="), raw(leading(about)), raw(with_choices(rest))])


def chapter(held, further=()):
    """The page that opens a chapter: its text, a gallery if there is one, and its pages.

    `further` names pages that no module has.
    """
    parts = [opening(held.text)]
    if gallery := figure_of(held.name, {}):
        parts += [heading("At a glance"), raw(f'<div class="gallery">{gallery}</div>')]
    if shown := sessions(held.name):
        parts += [heading("At the terminal"), raw(shown)]
    parts += [heading("Pages of this chapter"), raw(contents(held.pages))]
    return "".join(parts) + toctree([*further, *held.pages])


def contents(names):
    """Tables of pages; those of different packages each under their own heading."""
    grouped = {}
    for name in names:
        row = prose.link(f"{name}.html", prose.marked(short_title(name))), lead(name)
        grouped.setdefault(name.rpartition(".")[0], []).append(row)
    return "".join(
        (f"<h3>{GROUPS[package]}</h3>" if len(grouped) > 1 else "")
        + tables.table(("page", "what it is"), rows)
        for package, rows in grouped.items()
    )


def lead(name):
    """What stands behind the colon of a title."""
    return prose.marked(title(name).partition(": ")[2])


def toctree(names):
    """The pages that stand below this one in the contents."""
    lines = "\n".join(f"   {name}" for name in names)
    return f".. toctree::\n   :hidden:\n\n{lines}\n"
