r"""Prose: headers and docstrings as HTML.

    pieces      title, paragraphs, blocks of formulas and lists of a docstring, in order
    marked      a sentence: names of code, pages, threads, and keys of the bibliography become links

Source: the form of headers is this project's own.
"""

import re
from functools import cache
from html import escape
from pathlib import Path

import ebm_ref
from ebm_ref.book.chapters import CHAPTERS
from ebm_ref.book.inline import formulas_in
from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.pages import page_of

AUTHORS = r"[A-Z]\w+(?: et al\.|(?:,? (?:and )?[A-Z]\w+)+)? \(\d{4}\)"
JOURNAL = r"\bJ\. (?:[A-Z][a-z]*\.? )+(?=\d)"  # its letters are no formulas
THREAD = r"(?:https?://|(?:www\.)?github\.com/)[^\s,;)]+[^\s,;).:]"


def packaged(path):
    """The text of a file of the package."""
    return (Path(ebm_ref.__file__).parent / path).read_text(encoding="utf-8")


@cache
def addresses():
    """{name: file of the site}: formulas by their names, pages by module and path, chapters as `losses/`."""
    found = {}
    for page in reversed(ebm_ref.READING_ORDER):  # of two pages with one name the first is meant
        path = page.replace(".", "/") + ".py"
        for name in (path, path.rpartition("/")[2], page.rpartition(".")[2], page):
            found[name] = f"{page}.html"
    for chapter in CHAPTERS:
        found[f"{chapter.name}/"] = f"{chapter.name}.html"
    found |= {"museum/": "museum.html", "performance/": "performance.html"}
    for name, record in FORMULAS.items():
        found[name] = f"{page_of(record).__name__.removeprefix('ebm_ref.')}.html"
    return found


@cache
def bibliography():
    """{key: entry} of the list of sources in the README."""
    text = packaged("README.md").partition("\n## Bibliography")[2].partition("\n## ")[0]
    entries = re.findall(r"^\* ((?:\*\*[^*]+\*\*(?:, )?)+):? ?((?:.|\n(?!\*|\n))*)", text, re.MULTILINE)
    return {
        key: " ".join(entry.split()) for keys, entry in entries for key in re.findall(r"\*\*(.+?)\*\*", keys)
    }


def anchor(text):
    """A name as an anchor: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def link(address, text, kind=""):
    """A link, of a class where one is named; `text` is HTML."""
    return f'<a{kind and f" class={chr(34)}{kind}{chr(34)}"} href="{escape(address)}">{text}</a>'


def marked(text):
    """A sentence as HTML.

    >>> marked("see ctc_of_logits.py")
    'see <a href="criteria.ctc_of_logits.html">ctc_of_logits.py</a>'
    """
    pattern = rf"`[^`]+`|{THREAD}|(?<![\w/*])\*[^*\s][^*]*\*(?!\w)|[\w/]+\.py\b"
    out, end = [], 0
    for m in re.finditer(pattern, text):
        out += [formulas_in(text[end : m.start()]), special(m[0])]
        end = m.end()
    return "".join([*out, formulas_in(text[end:])])


def special(text):
    """A name of code, an address, an emphasis or a page, as HTML."""
    shown = escape(text.strip("`*"), quote=False)
    if text.startswith("`"):
        known = addresses().get(text.strip("`"))
        return link(known, f"<code>{shown}</code>") if known else f"<code>{shown}</code>"
    if text.startswith("*"):
        return f"<em>{shown}</em>"
    if text.endswith(".py") and "github.com" not in text:
        known = addresses().get(text) or addresses().get(text.removeprefix("ebm_ref/"))
        return link(known, shown) if known else shown
    return link(text if text.startswith("http") else f"https://{text}", shown)


def cited(text):
    """A source as HTML: keys of the bibliography, and authors with a year, are links to it.

    >>> cited("J. Phys. A 49")
    'J. Phys. A 49'
    >>> cited("LeCun et al. (2006)")
    '<a href="bibliography.html#lecun2006">LeCun et al. (2006)</a>'
    """
    keys = sorted(bibliography(), key=len, reverse=True)
    parts = re.split("(" + "|".join([*map(re.escape, keys), AUTHORS, JOURNAL]) + ")", text)
    return "".join(reference(part) for part in parts)


def reference(part):
    """A link where a part names an entry of the bibliography; a journal as it stands."""
    if re.fullmatch(JOURNAL.partition("(?=")[0], part):
        return part
    authors = re.fullmatch(AUTHORS, part)
    key = (re.split(r"[ -]", part)[0].lower() + part[-5:-1]) if authors else part
    return link(f"bibliography.html#{anchor(key)}", escape(part)) if key in bibliography() else marked(part)


def pieces(text):
    """(kind, lines) of a docstring: "text", "formulas" and "list", in order.

    >>> [kind for kind, _ in pieces("One idea.\\n\\n    E = x\\n\\nIt ends.")]
    ['text', 'formulas', 'text']
    """
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        kind, held = "", []
        for one in paragraph.splitlines():
            now = "formulas" if one.startswith("    ") else "list" if one.startswith("* ") else "text"
            if kind == "list" and one.startswith("  "):
                now = "list"
            if held and now != kind:
                yield kind, held
                held = []
            kind = now
            held.append(one)
        if held:
            yield kind, held


def items(lines):
    """The items of a list, each on one line."""
    return [" ".join(item.split()) for item in re.split(r"^\* ", "\n".join(lines), flags=re.MULTILINE)[1:]]
