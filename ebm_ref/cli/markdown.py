r"""--markdown: the judge's report for an issue or a log that shows Markdown.

Source: GitHub Flavored Markdown, for tables.
"""

import numpy as np
from rich.text import Text

from ebm_ref.cli.check import grouped, notes, verdict_of


def markdown(report):
    """A table with a row for each function, then what there is to say of each."""
    dtypes = sorted({row.dtype for row in report.rows})
    head = ["formula", "function", *dtypes]
    lines = [
        f"**{_plain(report.version)}**, numpy {np.__version__}: verdict, worst error in units of the bound",
        "",
    ]
    if report.interrupted:
        lines += [f"**interrupted**: {report.asked}", ""]
    lines += [_row(head), _row(["---"] * len(head))]
    for (name, function), rows in grouped(report.rows):
        cells = {row.dtype: Text.from_markup(verdict_of(row)).plain.strip() for row in rows}
        lines.append(_row([f"`{name}`", f"`{function}`", *(cells.get(dtype, "") for dtype in dtypes)]))
    for (name, function), rows in grouped(report.rows):
        said = [(row.dtype, note) for row in rows for note in notes(row)]
        if said:
            lines += ["", f"`{name}`, `{function}`", ""]
        for dtype, (first, *rest) in said:
            lines += [f"* {dtype}: {_plain(first)}", *(f"  * {_plain(text)}" for text in rest)]
    if report.missing:
        lines += ["", f"no function for: {', '.join(report.missing)}"]
    return "\n".join(lines) + "\n"


def _row(cells):
    """A row of a table in Markdown."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _plain(text):
    """Text in which nothing is markup."""
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, "\\" + mark)
    return text
