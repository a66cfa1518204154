r"""Blocks: the indented lines of a header as a table of formulas, words and code.

    L(E, y) = E_y - F          a cell with a relation: its left side, and the rest
    where L > 0                words, with formulas between them
    step(x, g)                 Python, where the page itself defines the name

Two blanks or more begin a new cell, unless they align a relation.  What the parser cannot read, and drawings
such as `a --> b`, keep the letters of a typewriter.

Source: the notation is that of `ebm_ref/__init__.py`.
"""

import re
from html import escape
from typing import NamedTuple

from ebm_ref.book import mathml
from ebm_ref.book.parser import Parser, Unreadable, parts_of
from ebm_ref.book.tokens import RELATIONS, SIGNS

RELATION = "|".join(re.escape(r) for r in RELATIONS)
TALL = "|".join(re.escape(r) for r in (*RELATIONS, "+", "-"))


class Cell(NamedTuple):
    """A cell of a block: equation, line, code or verbatim; the last is what could not be read."""

    kind: str
    html: str
    left: str = ""  # of an equation


def cells(line):
    """The cells of a line: gaps of two blanks part them, unless within brackets or around a relation.

    >>> cells("L(E, y) = E_y - F,      F   = -log Z    a cost")
    ['L(E, y) = E_y - F,', 'F = -log Z', 'a cost']
    """
    depth, out = 0, ""
    for c in line.strip():
        depth += (c in "([{") - (c in ")]}")
        if not (c == " " and depth > 0 and out.endswith(" ")):
            out += c
    out = re.sub(rf"(?<=\s)({RELATION})\s{{2,}}(?=\S)", r"\1 ", out)
    out = re.sub(rf"\s{{2,}}(?=({RELATION})\s)", " ", out)
    out = re.sub(r"\s{2,}([+-])\s{2,}", r" \1 ", out)
    return [cell for cell in re.split(r"\s{2,}", re.sub(rf"^({TALL})\s+", r"\1 ", out)) if cell]


def cell(text, names=()):
    """A cell, converted; `names` are those that the page defines."""
    if is_code(text, names):
        return Cell("code", f"<code>{escape(text.strip('`'))}</code>")
    if re.search(r"--[(>]|\{\"", text):
        return Cell("verbatim", f"<code>{escape(text)}</code>")
    try:
        left, relation, right = split(text)
        if not relation:
            return Cell("line", line(text))
        sign = mathml.operator(SIGNS.get(relation, relation), form="infix")
        left_side = left.strip() and mathml.math(Parser(left).sequence())
        return Cell("equation", line(right, sign, "/d" in left), left_side)
    except Unreadable:
        return Cell("verbatim", f"<code>{escape(text)}</code>")


def is_code(text, names):
    """Python: a call of what the page defines or imports, or a list of such names."""
    called = re.match(r"([A-Za-z_.]+)\(", text)
    if re.search(r"[A-Za-z]{3,}\.[a-z]+\(", text) or (called and re.search(r"\(\w+_\w+_\w+, \w+\)", text)):
        return True
    if called and " = " not in text and (called[1] in names or called[1].partition(".")[0] in names):
        return True
    listed = re.split(r",\s*", text.rstrip(","))
    python = all(part in names and len(part) > 3 for part in listed)
    return python or ("lambda" in text and "lambda/" not in text and " y:" in text)


def split(text):
    """Left side, relation and right side, at the first relation outside of brackets."""
    depth = 0
    for m in re.finditer(rf"`[^`]*`|[(\[{{]|[)\]}}]|(?<=\s)(?:{RELATION})(?=\s)|^(?:{TALL})(?=\s)", text):
        if m[0] in "([{":
            depth += 1
        elif m[0] in ")]}":
            depth -= 1
        elif depth == 0 and not m[0].startswith("`") and reads_as_formula(text[: m.start()]):
            return text[: m.start()], m[0], text[m.end() :]
    return text, "", ""


def reads_as_formula(text):
    """Whether no words stand there: "where L > 0" is no left side, and a name by itself is one."""
    return all(kind == "math" for kind, _ in parts_of(text)) or bool(re.fullmatch(r"\w+\s+", text))


def line(text, sign="", of_derivative=False):
    """Words and formulas, as they come; `sign` is the relation before them."""
    runs = [*parts_of(text, of_derivative)]
    large = all(kind == "math" for kind, _ in runs)
    if not large:  # the first stays large behind a relation, those between words keep to the line
        runs[bool(sign) :] = [*parts_of(text, of_derivative, flat=True)][bool(sign) :]
    if sign and runs[0][0] == "math":
        runs[0] = ("math", f"<mrow>{sign}{runs[0][1]}</mrow>")
    elif sign:
        runs.insert(0, ("math", sign))
    marked = [shown(kind, run, large or (bool(sign) and k == 0)) for k, (kind, run) in enumerate(runs)]
    return re.sub(r" (?=<math[^>]*><mo>[,;:.?]</mo>|’)", "", " ".join(marked))


def shown(kind, run, large):
    """Words, a name or a formula as HTML."""
    if kind == "math":
        return mathml.math(run, large)
    return f"<code>{escape(run)}</code>" if kind == "code" else escape(run)


def typeset(lines, names=()):
    """A block of a header as an HTML table: one row a line, equations aligned at their relation."""
    margin = min(len(text) - len(text.lstrip()) for text in lines)
    rows = [[cell(c, names) for c in cells(text)] for text in lines]
    deeper = [len(text) - len(text.lstrip()) > margin for text in lines]
    most = max(map(len, rows))
    body = "".join(table_row(row, below, most) for row, below in zip(rows, deeper, strict=True))
    return f'<div class="formulas"><table role="presentation">{body}</table></div>'


def table_row(row, below, most):
    """A row of the table; a line that stands further in goes on with the right side above it."""
    columns = []
    for k, c in enumerate(row):
        last = ' colspan="{}"'.format(2 * (most - k) if c.kind != "equation" else 2 * (most - k) - 1)
        rest = last if k == len(row) - 1 else "" if c.kind == "equation" else ' colspan="2"'
        if c.kind == "equation":
            columns.append(f'<td class="left">{c.left}</td><td class="right"{rest}>{c.html}</td>')
        elif below and k == 0:
            span = f' colspan="{2 * most - 1}"' if k == len(row) - 1 else ""
            columns.append(f'<td></td><td class="right"{span}>{c.html}</td>')
        else:
            columns.append(f'<td class="{c.kind}"{rest}>{c.html}</td>')
    return f"<tr>{''.join(columns)}</tr>"
