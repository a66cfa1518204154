"""The book's formulas: nothing of a header's text is lost on its way to MathML."""

import ast
import re
import xml.etree.ElementTree as xml
from html import unescape

import pytest

import ebm_ref
from ebm_ref.book import blocks, inline, pages, prose
from ebm_ref.book.chapters import CHAPTERS
from ebm_ref.cli.pages import source

# what stands in the plain text for a sign on the page; written here anew, so that a slip shows
ASCII = {"∑": "sum", "∏": "prod", "∫": "int", "⊤": "'", "′": "'", "’": "'", "−": "-", "≤": "<=", "≥": ">="}
ASCII |= {"≠": "!=", "←": "<-", "→": "->", "⇒": "=>", "∼": "~", "∥": "||", "⟨": "<", "⟩": ">", "∞": "inf"}
LETTERS = (
    "alpha beta gamma delta eps zeta eta theta kappa lambda mu nu pi rho sigma tau phi chi omega Gamma Phi"
)
ASCII |= dict(zip("αβγδεζηθκλμνπρστφχωΓΦ", LETTERS.split(), strict=True))
SHAPE = r"[\s_^/(){}`.*·∗…\xa0]|sqrt"  # what becomes shape: scripts, lines, roots; dots and stars are one


def header_lines():
    """(page, names, line) of every indented line of every header, and of the chapters' openings."""
    for page in ebm_ref.READING_ORDER:
        text = ast.get_docstring(ast.parse(source(page)))
        yield from ((page, pages.visible(page), line) for line in formula_lines(text))
    for chapter in CHAPTERS:
        yield from ((chapter.opening, (), line) for line in formula_lines(chapter.text))


def formula_lines(text):
    return [line for kind, lines in prose.pieces(text) if kind == "formulas" for line in lines]


@pytest.fixture(scope="module")
def lines():
    """(page, line, its cells converted)."""
    return [(page, line, converted(line, names)) for page, names, line in header_lines()]


def plain(text):
    """A header's line without what becomes shape."""
    text = text.replace("epsilon", "eps").replace("infinity", "inf").replace("integral", "int")
    return re.sub(SHAPE, "", re.sub(r"\^T(?![A-Za-z])", "'", text))


def content(html):
    """The text of HTML, its signs written as headers have them."""
    text = unescape(re.sub(r"<[^>]*>", "", html))
    return re.sub(SHAPE, "", "".join(ASCII.get(c, c) for c in text))


def converted(line, names):
    return [blocks.cell(text, names) for text in blocks.cells(line)]


def test_no_character_of_a_header_is_lost(lines):
    lost = [
        (page, line, got)
        for page, line, cells in lines
        if (got := content("".join(c.left + c.html for c in cells))) != plain(line)
    ]
    assert not lost, "\n".join(map(str, lost))


def test_what_cannot_be_typeset_is_rare(lines):
    """Under 2 % of all lines keep the letters of a typewriter although they are not Python."""
    verbatim = [line for _, line, cells in lines if any(c.kind == "verbatim" for c in cells)]
    assert len(lines) > 1000
    assert len(verbatim) < 0.02 * len(lines), verbatim


def test_formulas_are_found_as_such(lines):
    """Where a header has a relation, the book has MathML."""
    equations = [c for _, _, cells in lines for c in cells if c.kind == "equation"]
    assert len(equations) > 1000
    assert all("<math" in c.html for c in equations)


@pytest.mark.parametrize("page", ["losses.hinge", "exact.blocks", "learning.descent"])
def test_markup_is_well_formed(page):
    text = ast.get_docstring(ast.parse(source(page)))
    xml.fromstring(f"<div>{blocks.typeset(formula_lines(text))}</div>")


def shape(node):
    """MathML as one line that says what is divided by what, and what stands below and above."""
    parts = [shape(child) for child in node]
    match node.tag:
        case "mfrac":
            return f"[{parts[0]}/{parts[1]}]"
        case "msub" | "munder":
            return f"{parts[0]}_[{parts[1]}]"
        case "msup" | "mover":
            return f"{parts[0]}^[{parts[1]}]"
        case "msubsup" | "munderover":
            return f"{parts[0]}_[{parts[1]}]^[{parts[2]}]"
        case "msqrt":
            return f"sqrt[{''.join(parts)}]"
        case _:
            return (node.text or "") + "".join(parts)


SHAPES = {
    "1 / (1 + e^{-d})": "[1/1+e^[−d]]",
    "(1/beta) log(1 + e^{beta d})": "[1/β]log(1+e^[βd])",
    "e^{-beta E_j} / sum_i e^{-beta E_i}": "[e^[−βE_[j]]/∑_[i]e^[−βE_[i]]]",
    "- sum_{j<t} j / (1 + a j)": "−∑_[j<t][j/1+aj]",  # the sum is of the fraction, not in it
    "int f(x) dx / Z": "[∫f(x)dx/Z]",
    "s'J s/2": "[s^[⊤]Js/2]",
    "-r.z/sigma^2": "−[r·z/σ^[2]]",
    "n log(2 pi v_k)/2": "[nlog(2πv_[k])/2]",
    "2/(n(n-1)) sum_j k": "[2/n(n−1)]∑_[j]k",
    "dL/dE_j": "[dL/dE_[j]]",
    "d2E/dx2": "[d^[2]E/dx^[2]]",
    "dE/dx2": "[dE/dx_[2]]",
    "dL/dlp[t, k]": "[dL/dlp[t,k]]",
    "d log Z/dE_a(z)": "[dlogZ/dE_[a](z)]",
    "d log Z / d log w[h, m]": "[dlogZ/dlogw[h,m]]",
    "d(log a)/du": "[d(loga)/du]",
    "d(i, j) + 1": "d(i,j)+1",
    "d|x - y|_q/dx": "[d|x−y|_[q]/dx]",
    "|d| - delta/2": "|d|−[δ/2]",
    "E|s - s_p|^2/2": "[E|s−s_[p]|^[2]/2]",
    "q(x|x')/q(x'|x)": "[q(x|x^[′])/q(x^[′]|x)]",
    "W'(W z - y)": "W^[⊤](Wz−y)",
    "x r'": "xr^[⊤]",
    "E(x') - E(x)": "E(x^[′])−E(x)",
    "h'(nu/2)": "h^[′]([ν/2])",
    "(2 pi)^(n/2) / sqrt(det A)": "[(2π)^[n/2]/sqrt[detA]]",
    "argmin_{j != y} E_j": "argmin_[j≠y]E_[j]",
    "min_j' P[i, j']": "min_[j^[′]]P[i,j^[′]]",
    "<dE/dW>_data - <dE/dW>_model": "⟨[dE/dW]⟩_[data]−⟨[dE/dW]⟩_[model]",
    "sum_{i<j} J_{ij} s_i s_j": "∑_[i<j]J_[ij]s_[i]s_[j]",
    "(c - b).(2a - b - c) / (|a - b| + |a - c|)": "[(c−b)·(2a−b−c)/|a−b|+|a−c|]",
    "W - s m / (1 - b1^t) / (sqrt(v) + eps)": "W−[[sm/1−b_[1]^[t]]/sqrt[v]+ε]",
    "log t! + k": "logt!+k",
    "e^-t": "e^[−t]",
}


@pytest.mark.parametrize("text", SHAPES)
def test_what_is_divided_by_what(text):
    (kind, markup), *rest = blocks.parts_of(text)
    assert (kind, rest) == ("math", [])
    assert shape(xml.fromstring(markup)) == SHAPES[text]


SENTENCES = {  # a sentence, and the formulas that are found in it
    "until the gap E_o - E_y reaches the margin m.": ["E_o - E_y", "m"],
    "So L(aE, am) = a L(E, m): doubling the margin": ["L(aE, am) = a L(E, m)"],
    "a k-means step, e.g. in Section 3.2 (see below and I)": [],
    "A chain of A with B. A tree: A table": ["A", "B"],
    "tends to exp(-beta E)/Z, and a step of a = 1 has": ["exp(-beta E)/Z", "a = 1"],
    "Rabiner (1989), Section V-A, for the scaling": [],
    "Its rows sum to -1, and PyTorch 2.13 differs": [],
    "as beta grows (0 < d).": ["beta", "0 < d"],
    "with Y in {-1, +1}, plus |w|^2.": ["Y", "{-1, +1}", "|w|^2"],
}


def test_fractions_within_sentences_stay_on_the_line():
    assert "<mfrac" in blocks.typeset(["    D = E|s|^2/2"])
    html = inline.formulas_in("Wanted is D = E|s|^2/2, of which")
    assert "<math" in html
    assert "<mfrac" not in html
    html = blocks.typeset(["    a = 1    (1/k) / (1 - k/4): too wide"])
    assert "<mfrac" not in html


@pytest.mark.parametrize("text", SENTENCES)
def test_formulas_within_sentences(text):
    html = inline.formulas_in(text)
    found = [content(m) for m in re.findall(r"<math.*?</math>", html)]
    assert found == [plain(formula) for formula in SENTENCES[text]]
    assert content(html) == plain(text)
