r"""Listings: Python, highlighted, every name a link to where it is written.

    names       {name: address} of what a page imports and defines
    listing     source text as HTML
    bodies      the functions of a page, without record and imports

Source: Pygments' documentation, for lexer and formatter.
"""

import ast
import re
from functools import cache

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

import ebm_ref
from ebm_ref.cli.pages import source

NAME = re.compile(r'<span class="(n|nf|nc|fm)">(\w+)</span>(?!<span class="o">=</span>)')


@cache
def tree(page):
    """The syntax of a page."""
    return ast.parse(source(page))


@cache
def names(page):
    """{name: address}: imported pages and functions, and what the page itself defines."""
    found = {}
    for node in ast.walk(tree(page)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ebm_ref"):
            for alias in node.names:
                found[alias.asname or alias.name] = address(node.module, alias.name)
    for name in defined(page):
        found[name] = f"#{name}"
    return {name: where for name, where in found.items() if where}


def address(module, name):
    """Where an imported name is written."""
    page = f"{module}.{name}".removeprefix("ebm_ref.")
    if page in ebm_ref.READING_ORDER:
        return f"{page}.html"
    page = module.removeprefix("ebm_ref.")
    return f"{page}.html#{name}" if page in ebm_ref.READING_ORDER and name in shown(page) else ""


@cache
def defined(page):
    """Functions and classes of a page that its listings show."""
    return [node.name for node in body(page) if isinstance(node, ast.FunctionDef | ast.ClassDef)]


@cache
def shown(page):
    """What a page's listings have an anchor for."""
    return set(defined(page))


@cache
def body(page):
    """The statements of a page that are read as code: not its header, its imports and its records."""
    hidden = (ast.Import, ast.ImportFrom, ast.Expr)
    return [node for node in tree(page).body if not isinstance(node, hidden) and not is_record(node)]


@cache
def behind_the_record(page):
    """{name: "variants" or "samples"}: what only a page's records name, and for which of the two.

    >>> behind_the_record("criteria.ctc")["random_target"]
    'samples'
    """
    asked = mentioned(page)
    own = reached(page, {n for key in ("value", "gradients", "as_printed") for n in asked.get(key, ())})
    samples = {n for key in ("sample", "laws", "rules", "cases", "refuses") for n in asked.get(key, ())} - own
    found = dict.fromkeys(asked.get("variants", set()) - own, "variants") | dict.fromkeys(samples, "samples")
    before = None
    while before != found:
        before = dict(found)
        for name, by in callers(page).items():
            if by and by <= set(found) and name not in own:
                found.setdefault(name, "samples" if "samples" in {found[n] for n in by} else "variants")
    return {name: found[name] for name in callers(page) if name in found}


def reached(page, names):
    """Those names, and the functions of the page that they call."""
    found, before = set(names), None
    while before != found:
        before = set(found)
        found |= {name for name, by in callers(page).items() if by & found}
    return found


def mentioned(page):
    """{keyword: names} of all records of a page; what fills a table of mistakes belongs to the variants."""
    found = {}
    for record in filter(is_record, tree(page).body):
        for call in (n for n in ast.walk(record) if isinstance(n, ast.Call)):
            made = ast.unparse(call.func)
            if made in ("Mistake", "Convention"):
                found.setdefault("variants", set()).update(names_in(call))
            elif made in ("Formula", "replace"):
                for given in call.keywords:
                    found.setdefault(given.arg, set()).update(names_in(given.value))
    return found


def names_in(node):
    """The names that a piece of syntax mentions."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


@cache
def callers(page):
    """{function or constant: other functions and constants of the page that name it}."""
    named = {title: names_in(node) for node in body(page) for title in titles(node)}
    return {one: {other for other in named if other != one and one in named[other]} for one in named}


def titles(node):
    """What a statement defines."""
    targets = node.targets if isinstance(node, ast.Assign) else ()
    return {node.name} if hasattr(node, "name") else {n for t in targets for n in names_in(t)}


def is_record(node):
    """Whether a statement is a record, or fills a table of them."""
    value = getattr(node, "value", None)
    called = isinstance(value, ast.Call) and ast.unparse(value.func) in ("Formula", "replace", "partial")
    return isinstance(node, ast.Assign) and (
        called or "Case(" in ast.unparse(value) or "Mistake(" in ast.unparse(value)
    )


def bodies(page, only=None, but=()):
    """The source of functions of a page, those named or all but some; docstrings end at their first line."""
    text = source(page).splitlines()
    out, before = "", None
    for node in body(page):
        given = titles(node)
        if (only is None or given & set(only)) and not (given and given <= set(but)):
            together = isinstance(node, ast.Assign) and isinstance(before, ast.Assign)
            out += ("" if before is None else "\n" if together else "\n\n") + "\n".join(shortened(node, text))
            before = node
    return out


def shortened(node, text):
    """The lines of a statement, with the comment above it; a long docstring ends after its first line."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    while first > 1 and text[first - 2].startswith("#"):
        first -= 1
    lines = text[first - 1 : node.end_lineno]
    documented = isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node)
    if not documented or "\n" not in documented:
        return lines
    doc = node.body[0]
    start, end = doc.lineno - first, doc.end_lineno - first
    return [*lines[:start], lines[start].rstrip() + '"""', *lines[end + 1 :]]


def listing(text, known=None, define=()):
    """Source text as HTML: `known` names are links, the first definitions of those in `define` anchors."""
    html, anchors = highlight(text, PythonLexer(), HtmlFormatter(nowrap=True)), set(define)

    def linked(m):
        """A name, with an anchor where it is first defined, or as a link to where that is."""
        kind, name = m[1], m[2]
        if kind in ("nf", "nc", "fm") and name in anchors:
            anchors.remove(name)
            return f'<span class="{kind}" id="{name}">{name}</span>'
        where = (known or {}).get(name) if kind == "n" else None
        return f'<a class="n" href="{where}">{name}</a>' if where else m[0]

    return f'<div class="highlight"><pre tabindex="0">{NAME.sub(linked, html)}</pre></div>'
