r"""Fractions: what stands above a line and what below it.

    a b/c      b over c
    a b / c    a b over c, up to the next sign on either side
    s'J s/2    all of the product over a number
    d log Z/dx    the derivative of log Z

Source: the notation is that of `ebm_ref/__init__.py`.
"""

import re
from typing import NamedTuple

from ebm_ref.book import mathml

PRODUCT = ("factor", "number", "differential", "function", "big", "fraction", "dot")
SLASH = {  # on the line, a tight one and one with blanks around it
    "slash": mathml.operator("/", lspace="0em", rspace="0em"),
    "over": mathml.operator("/", lspace="0.17em", rspace="0.17em"),
}
BRACKET = r"<mo(?: [^>]*)?>"
ABOVE = tuple(kind for kind in PRODUCT if kind != "big")  # a sum is of the fraction, not in it


class Part(NamedTuple):
    """A part of a sequence: factor, number, differential, function, dot, operator, words, slash or over."""

    kind: str
    text: str  # markup, or the words


def fold(parts, flat=False):
    """Parts side by side as one element, with their fractions: first the tight ones, from left to right."""
    if flat:
        parts = [Part("dot", SLASH[p.kind]) if p.kind in SLASH else p for p in parts]
    for kind, above, below in (("slash", above_tight, below_tight), ("over", above_wide, below_wide)):
        while kind in (kinds := [p.kind for p in parts]):
            i = kinds.index(kind)
            a, b = above(parts, i), below(parts, i)
            parts = [*parts[:a], Part("fraction", over(parts[a:i], parts[i + 1 : b])), *parts[b:]]
    return mathml.row(spaced(parts) or ["<mrow></mrow>"])


def over(above, below):
    """A fraction of parts, whose line makes brackets around either side superfluous."""
    return mathml.fraction(
        *(without_brackets(mathml.row(spaced(x) or ["<mrow></mrow>"])) for x in (above, below))
    )


def spaced(parts):
    """Markup of parts, with a little room between factors, and around words."""
    markup = []
    for before, part in zip([None, *parts], parts, strict=False):
        kinds = {before and before.kind, part.kind}
        if kinds <= set(PRODUCT) - {"dot"} and not part.text.startswith("<mo lspace"):
            markup.append('<mspace width="0.17em"></mspace>')
        if before and "words" in kinds and not re.match("<mo>[,;:.!?]</mo>|’", part.text):
            markup.append('<mspace width="0.35em"></mspace>')
        markup.append(mathml.words(part.text) if part.kind == "words" else part.text)
    return markup


def above_tight(parts, i):
    """Where the part above a tight line begins."""
    a = max(i - 1, 0)
    if i + 1 < len(parts) and parts[i + 1].kind == "differential":
        starts = [k for k in range(a, -1, -1) if parts[k].kind == "differential"]
        within = starts and all(p.kind in PRODUCT for p in parts[starts[0] : i])
        return starts[0] if within else a
    if i + 1 < len(parts) and parts[i + 1].kind == "number" and parts[a].kind not in ("number", "fraction"):
        return start_of_product(parts, a)
    while a > 1 and parts[a - 1].kind == "dot":
        a -= 2
    return a


def start_of_product(parts, a):
    """Where the product begins that ends with part a; a function or a sum before it stays outside."""
    while a > 0 and parts[a - 1].kind in PRODUCT and parts[a - 1].kind not in ("function", "big"):
        a -= 1
    return a


def below_tight(parts, i):
    """Where the part below a tight line ends."""
    return min(i + 2, len(parts))


def above_wide(parts, i):
    """Where the product above a wide line begins."""
    a = i
    while a > 0 and (parts[a - 1].kind in ABOVE or (a == i and parts[a - 1].kind == "words")):
        a -= 1
    return a


def below_wide(parts, i):
    """Where the product below a wide line ends."""
    b = i + 1
    while b < len(parts) and (parts[b].kind in PRODUCT or (b == i + 1 and parts[b].kind == "words")):
        b += 1
    return b


def without_brackets(markup):
    """Without the brackets around the whole, which a line makes superfluous."""
    m = re.fullmatch(rf"<mrow>{BRACKET}\(</mo>(.*){BRACKET}\)</mo></mrow>", markup, re.DOTALL)
    return mathml.row([m[1]]) if m and balanced(m[1]) else markup


def balanced(markup):
    """Whether brackets within close within."""
    brackets = "".join(re.findall(rf"{BRACKET}([()])</mo>", markup))
    while "()" in brackets:
        brackets = brackets.replace("()", "")
    return not brackets
