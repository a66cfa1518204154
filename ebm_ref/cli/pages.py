r"""list, show, read: what there is, page by page.

A page's neighbours are those of READING_ORDER; its textbook definition is the naive expression from which
the golden vectors are made, read as text, so that multiprecision arithmetic need not be installed.
"""

import ast
import contextlib
import functools
import inspect
import re
import textwrap
from pathlib import Path

from rich.markup import escape

import ebm_ref
from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.aliases import ALIASES, meant_by, plainly
from ebm_ref.cli.text import Usage, known, near, plain, print_table, reflow, table

MACHINERY = (
    "catalogue",
    "cli.",
    "conformance.",
    "proof.",
)  # pages that name everything and explain the judge


def formula(name):
    """The record of that name, or a Usage that suggests the nearest ones, and pages that speak of it."""
    try:
        return FORMULAS[known(name, FORMULAS, "formula")]
    except Usage as problem:
        raise Usage("; ".join(filter(None, [str(problem), pointer(name)]))) from None


def pointer(name):
    """Where to read on what is no formula but a page, a word of pages, or a misspelt page; else ""."""
    last = lambda page: plainly(page.rpartition(".")[2])
    pages = [name] if name in ebm_ref.READING_ORDER else [p for p in explaining() if last(p) == last(name)]
    pages += [page for page in meant_by(name) if page in ebm_ref.READING_ORDER]
    if pages:
        return f"it is a page: `ebm-ref read {pages[0]}`"
    if pages := pages_that_say(name):
        return f"pages that say it: {', '.join(pages)} (`ebm-ref read {pages[0]}`)"
    close = [] if near(name) else near(name, explaining())
    return f"a page is spelt much the same: `ebm-ref read {close[0]}`" if close else ""


def explaining():
    """The pages but those of the machinery."""
    return [page for page in ebm_ref.READING_ORDER if not page.startswith(MACHINERY)]


def pages_that_say(words, most=4):
    """Pages where the words stand, those first where they do most often; space, _ and - are the same."""
    parts = [re.escape(part) for part in re.split(r"[\s_-]+", words) if part]
    said = re.compile("(?<![a-z])" + r"[\s_-]+".join(parts) + "(?![a-z])", re.IGNORECASE)
    counts = {page: len(said.findall(source(page))) for page in explaining() if parts}
    return sorted(filter(counts.get, counts), key=counts.get, reverse=True)[:most]


def source(page):
    """The text of a page."""
    return (Path(ebm_ref.__file__).parent / (page.replace(".", "/") + ".py")).read_text(encoding="utf-8")


def page_of(record):
    """The module in which a record's value is written."""
    return inspect.getmodule(record.value)


# list, show, read


def list_command(args, out):
    """A line for each formula: its name and its page's title; of a word also pages without a formula."""
    formulas = {name: title(page_of(record)) for name, record in FORMULAS.items()}
    words = plainly(" ".join(args.words))
    if not words:
        _print_titles("formula", formulas, out)
        return 0
    formulas = {name: text for name, text in formulas.items() if speaks_of(words, name, text)}
    pages = {page: text for page, text in without_formula().items() if speaks_of(words, page, text)}
    if not formulas and not pages:
        raise Usage(f"nothing is called so; {_guessed(words)}")
    if formulas:
        _print_titles("formula", formulas, out)
    if formulas and pages:
        out.print()
    if pages:
        _print_titles("page", pages, out)
    return 0


def _guessed(words):
    """What to do about words that nothing is called by: names spelt much the same, or pages that say them."""
    close = near(words)
    told = [f"did you mean {' or '.join(close)}?" if close else "", pointer(words)]
    return "; ".join(filter(None, told)) or "`ebm-ref list` shows all formulas"


def title(module):
    """The first line of a page."""
    return module.__doc__.splitlines()[0].rstrip(".")


def without_formula():
    """{page: title} of pages that explain something and have no record."""
    with_formula = {page_of(record).__name__.removeprefix("ebm_ref.") for record in FORMULAS.values()}
    pages = [page for page in explaining() if page not in with_formula and "." in page]
    return {page: ast.get_docstring(ast.parse(source(page))).splitlines()[0].rstrip(".") for page in pages}


def speaks_of(words, name, text):
    """Whether a name, the title of its page or one of its aliases has the words, each from its beginning."""
    aliases = [alias for alias, names in ALIASES.items() if name in names]
    own = plainly(name.replace(".", " "))
    return any(re.search(rf"\b{re.escape(words)}", plainly(said)) for said in (own, text, *aliases))


def _print_titles(what, titles, out):
    """A table of names and titles, which may be cut after a colon."""
    t = table(what, "page" if what == "formula" else "")
    room = max(16, out.width - max(map(len, titles)) - 2)
    for name, text in titles.items():
        text = text if len(text) <= room else text.partition(":")[0]
        t.add_row(name, escape(textwrap.shorten(text, room, placeholder=" ...")))
    print_table(out, t)


def show_command(args, out):
    """The page of a formula: header, signature, docstrings, laws, cases, variants."""
    spelt = plainly(args.name).replace(" ", "_")
    asked = spelt if spelt in FORMULAS else args.name
    name, *others = [asked] if asked in FORMULAS else [*meant_by(args.name), args.name]
    if name not in FORMULAS and _show_pages(args.name, out):
        return 0
    record = formula(name if name in FORMULAS else args.name)
    say = lambda text: out.print(reflow(text), markup=False, highlight=False)
    code = lambda text: out.print("\n" + folded(text), markup=False, highlight=False, soft_wrap=True)
    if others:
        also = f"; see also {', '.join(others[:-1])}" if others[1:] else ""
        say(f"{args.name} is {name} here{also}")
        say("\n")
    _show_formula(name, record, say, code)
    _show_functions(record, say)
    _show_cases(record, say)
    _show_variants(record, say)
    say("\n" + neighbours(page_of(record).__name__.removeprefix("ebm_ref.")))
    return 0


def _show_pages(words, out):
    """Name the pages of what is a page, or no formula nor spelt like one; whether there are any."""
    told = "" if near(words) and words not in ebm_ref.READING_ORDER else pointer(words)
    if told:
        out.print(reflow(f"{words!r} is no formula; {told}"), markup=False, highlight=False)
    return bool(told)


def _show_formula(name, record, say, code):
    """How it is called, the page's header, and the definitions."""
    headline, _, header = inspect.cleandoc(page_of(record).__doc__).partition("\n")
    say(f"{headline}\n\n    {name}{inspect.signature(record.value)}\n    shapes {record.signature}\n{header}")
    say("\nThe definition, as the oracle computes it with hundreds of digits:")
    code(naive_definition(name))
    if record.as_printed:
        say("\nAs the paper prints it, before digits are taken care of:")
        code(inspect.getsource(record.as_printed).rstrip())


def _show_functions(record, say):
    """Docstrings of value and gradients, and laws."""
    say("\n" + inspect.getdoc(record.value).split("\n\n", 1)[1].split("\n>>>")[0].rstrip())
    for argument, gradient in record.gradients.items():
        say(f"\ngradient by {argument}: {inspect.getdoc(gradient)}")
    for law in record.laws:
        say(f"law: {law.__doc__.splitlines()[0]}")


def _show_cases(record, say):
    """What was worked by hand."""
    say("\nCases worked by hand")
    for case in record.cases:
        say(f"  {case.name}")
        say(f"      {plain(dict(case.inputs))}")
        say(f"      = {plain(case.value)}")
        for a, g in case.gradients.items():
            say(f"      gradient by {a}: {plain(g)}")
        if case.exposes:
            say(f"      exposes: {case.exposes}")


def _show_variants(record, say):
    """Mistakes, conventions and refusals."""
    if record.variants:
        say("\nWhat others compute under this name")
    for variant in record.variants:
        say(f"  {variant.kind}: {variant.name}")
        for what, text in (("seen in", variant.seen_in), ("symptom", variant.symptom)):
            if text:
                say(f"      {what}: {text}")
    if record.refuses:
        say("\nWhat it refuses, and the argument that the error names")
    for refusal, (_, argument) in record.refuses.items():
        say(f"  {refusal}: {argument}")


def folded(code, width=79):
    """Code, indented, in lines that a terminal holds: what follows a break stands further right."""
    lines = []
    for line in textwrap.indent(code, "    ").splitlines():
        deeper = " " * (len(line) - len(line.lstrip()) + 8)
        fold = {"subsequent_indent": deeper, "break_long_words": False, "break_on_hyphens": False}
        lines += textwrap.wrap(line, width, **fold) or [""]
    return "\n".join(lines)


def neighbours(page):
    """What stands before and after a page in the reading order."""
    order = ebm_ref.READING_ORDER
    i = order.index(page)
    sides = (
        ("before", order[i - 1] if i else "nothing"),
        ("next", order[i + 1] if order[i + 1 :] else "nothing"),
    )
    return "; ".join(f"{side}: {name}" for side, name in sides)


def naive_definition(name):
    """The naive expression of a formula and the functions of its file that it calls, as text."""
    for text, functions, naive in _naive_files():
        if value := naive.get(name):
            called = _called(value, functions, [])
            parts = [ast.get_source_segment(text, functions[f]) for f in functions if f in called]
            own = ast.get_source_segment(text, value).replace("\n    ", "\n")
            alone = [] if isinstance(value, ast.Name) else [f"definition = {own}"]
            return "\n\n".join(parts + alone)
    raise LookupError(f"{name} has no naive expression in proof/naive")


@functools.cache
def _naive_files():
    """Of each file of proof/naive its text, {name: function} and the table {formula: expression}."""
    found = []
    for path in sorted((Path(ebm_ref.__file__).parent / "proof" / "naive").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        body = ast.parse(text).body
        tables = (
            node.value for node in body if isinstance(node, ast.Assign) and node.targets[0].id == "NAIVE"
        )
        naive = next(tables, ast.Dict([], []))
        functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
        found.append((text, functions, {k.value: v for k, v in zip(naive.keys, naive.values, strict=True)}))
    return found


def _called(node, functions, found):
    """Names of the functions that an expression uses, and of those that they use."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in functions and part.id not in found:
            found.append(part.id)
            _called(functions[part.id], functions, found)
    return found


def read_command(args, out):
    """The source of all pages, of those of a folder, or of one, in reading order."""
    texts = []
    for page in pages_called(args.page):
        texts.append(f"{'=' * 79}\n{page}\n{neighbours(page)}\n{'=' * 79}\n\n{source(page)}")
    with out.pager() if out.is_terminal else contextlib.nullcontext():
        out.print("\n".join(texts), markup=False, highlight=False, soft_wrap=True)
    return 0


def pages_called(name):
    """Pages by a formula, a folder, a module or its path as the README has it; all of them without a name."""
    order = ebm_ref.READING_ORDER
    if not name:
        return order
    if name in FORMULAS:
        return [page_of(FORMULAS[name]).__name__.removeprefix("ebm_ref.")]
    name = name.removesuffix(".py").strip("/").replace("/", ".").removeprefix("ebm_ref.")
    short = {page.rpartition(".")[2]: page for page in order}
    within = [page for page in order if page.startswith(f"{name}.")]
    return within or [short.get(name) or known(name, order, "page")]
