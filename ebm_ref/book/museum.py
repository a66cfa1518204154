r"""The museum: every mistake and convention that a page knows.

    mistake           what is computed, in place of the formula
    what one sees     its symptom
    seen in           who made it, where that is known

The exhibits are the variants of the records.  A name leads to its code on the page of the formula.

Source: each exhibit has its own.
"""

from html import escape

from ebm_ref.book import prose, tables
from ebm_ref.book.chapters import CHAPTERS
from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.museum import NOT_ON_SHOW


def museum():
    """{hall: HTML}: a hall for each chapter that has exhibits, the last what is not on show."""
    halls = {chapter.title.partition(":")[0]: hall(chapter) for chapter in CHAPTERS}
    rows = [(prose.marked(what), prose.marked(why)) for what, why in NOT_ON_SHOW.items()]
    return {name: html for name, html in halls.items() if html} | {
        "Not on show": tables.table(("what people also got wrong", "why no record holds it"), rows)
    }


def hall(chapter):
    """The exhibits of a chapter as a table."""
    rows = [row for page in chapter.pages for name, r in tables.uses(page).items() for row in plates(name, r)]
    return tables.table(("formula", "what it computes", "what one sees"), rows, "museum") if rows else ""


def plates(name, record):
    """The rows of a formula; its name stands in the first."""
    page = prose.addresses()[name]
    for k, v in enumerate(record.variants):
        badge = f'<span class="badge {v.kind}">{v.kind}</span> ' if v.kind != "mistake" else ""
        exhibit = prose.link(f"{page}#{tables.variant_anchor(name, v.name)}", prose.marked(v.name))
        formula = prose.link(page, f"<code>{escape(name)}</code>") if k == 0 else ""
        seen = v.seen_in and f'<span class="seen">Seen in {prose.cited(v.seen_in)}.</span>'
        yield formula, badge + exhibit, "<br>".join(filter(None, [prose.marked(v.symptom), seen]))


def lead():
    """How many there are."""
    shown = [v for record in FORMULAS.values() for v in record.variants]
    mistakes, seen = sum(v.kind == "mistake" for v in shown), sum(bool(v.seen_in) for v in shown)
    return (
        f"{mistakes} mistakes and {len(shown) - mistakes} conventions; of {seen} it is said who made them."
        "  Each leads to its code, beside the formula that it is not."
    )
