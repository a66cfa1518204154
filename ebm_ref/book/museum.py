r"""The museum: every mistake and convention that a page knows, a hall for each chapter.

    mistake           what is computed, in place of the formula
    what one sees     its symptom
    seen in           who made it, where that is known

The exhibits are the variants of the records.  A name leads to its code on the page of the formula.

Source: each exhibit has its own.
"""

from html import escape

from ebm_ref.book import pages, prose, tables
from ebm_ref.book.chapters import CHAPTERS
from ebm_ref.cli.museum import NOT_ON_SHOW


def texts(results=None):
    """{name: text}: the museum's entrance, and a page for each hall; results show nothing here."""
    halls = {f"museum.{c.name}": c for c in CHAPTERS if exhibited(c)}
    return {"museum": entrance(halls)} | {name: hall(name, chapter) for name, chapter in halls.items()}


def exhibited(chapter):
    """{formula: its variants} of a chapter; a page that keeps some without a record stands for itself."""
    return {name: found for page in chapter.pages for name, found in tables.exhibits(page).items()}


def entrance(halls):
    """How many exhibits each hall has, and what is not on show."""
    rows = [
        (prose.link(f"{name}.html", escape(titled(c))), *map(str, counts(exhibited(c))))
        for name, c in halls.items()
    ]
    whole = {name: found for c in halls.values() for name, found in exhibited(c).items()}
    columns = ("hall", "formulas or pages", "mistakes", "conventions", "of which it is said who made them")
    absent = [(prose.marked(what), prose.marked(why)) for what, why in NOT_ON_SHOW.items()]
    not_on_show = tables.table(("what people also got wrong", "why no record holds it"), absent)
    parts = [pages.heading("The museum", "="), pages.raw(lead(whole) + tables.table(columns, rows, "counts"))]
    parts += [pages.heading("Not on show"), pages.raw(not_on_show)]
    return "".join(parts) + pages.toctree(halls)


def titled(chapter):
    """The title of a chapter up to its colon."""
    return chapter.title.partition(":")[0]


def counts(exhibits):
    """Formulas or pages, mistakes, conventions, and of how many exhibits it is said who made them."""
    shown = [v for found in exhibits.values() for v in found]
    mistakes = sum(v.kind == "mistake" for v in shown)
    return len(exhibits), mistakes, len(shown) - mistakes, sum(bool(v.seen_in) for v in shown)


def lead(exhibits):
    """How many there are."""
    _, mistakes, conventions, seen = counts(exhibits)
    return (
        f'<p class="lead">{mistakes} mistakes and {conventions} conventions; of {seen} it is said who made'
        " them.  Each leads to its code, beside the formula that it is not.</p>"
    )


def hall(name, chapter):
    """The exhibits of a chapter."""
    exhibits = exhibited(chapter)
    rows = [row for n, found in exhibits.items() for row in plates(n, found)]
    where = prose.link("museum.html", "The museum"), prose.link(f"{chapter.name}.html", "the chapter")
    return (
        pages.heading(f"Hall of {titled(chapter).lower()}", "=")
        + pages.raw(f'<p class="place">{" &#183; ".join(where)}</p>' + lead(exhibits))
        + pages.raw(tables.table(("formula", "what it computes", "what one sees"), rows, "museum"))
    )


def plates(name, exhibits):
    """The rows of a formula, or of a page; its name stands in the first."""
    page = prose.addresses()[name]
    for k, v in enumerate(exhibits):
        badge = f'<span class="badge {v.kind}">{v.kind}</span> ' if v.kind != "mistake" else ""
        exhibit = prose.link(f"{page}#{tables.variant_anchor(name, v.name)}", prose.marked(v.name))
        where = prose.link(page, tables.breakable(name)) if k == 0 else ""
        seen = v.seen_in and f'<span class="seen">Seen in {prose.cited(v.seen_in)}.</span>'
        yield where, badge + exhibit, "<br>".join(filter(None, [prose.marked(v.symptom), seen]))
