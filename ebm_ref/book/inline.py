r"""Inline: formulas within sentences, found and typeset.

    E_y, e^{-beta E}, dL/dW, [j = y]      formulas by their signs
    m, beta                               letters that stand alone, where they can be no word
    log Z, E_y - E_o, 0 < d               what joins them

Everything else stays as it is: a formula that is not found is read as plain text, but a word that is
taken for a formula would be a nuisance, so in doubt it is a word.  Fractions stay on the line, where they
would be too small to read, and would push the lines of a paragraph apart.

Source: the notation is that of `ebm_ref/__init__.py`.
"""

import re
from html import escape

from ebm_ref.book import mathml
from ebm_ref.book.parser import Unreadable, parts_of
from ebm_ref.book.tokens import FUNCTIONS, GREEK, NAMES, is_differential, is_name

JOINS = {"=", "<", ">", "<=", ">=", "!=", "+", "-", "*", "/", "->", "<-", "~", "|"}
WORDS = {"a", "A", "I", "inf", "infinity", "sign", "round", "mean", "sum", "product", "var", "pool", "trace"}
LETTER = rf"(?:{'|'.join(GREEK)})"
SIGNED = re.compile(
    r"[_^\[\]{}|]|^[A-Za-z]'?$|^-?[A-Za-z]{1,2}\d?[.(/!]|^d\w+/d\w+|^\(*-?(?:exp|log)\(|^\d+[a-z]$|^[A-Z]'[A-Za-z]$"
    rf"|^{LETTER}[(*]|^1/{LETTER}$"
)
RELATIONS = {"=", "<", ">", "<=", ">=", "!="}
SIGNS = {"<=": "≤", ">=": "≥", "!=": "≠"}  # what is no formula as a whole has signs, too
TIMES = re.compile(r"(?<=\b\d )x(?= \d)|(?<=\d\d )x(?= \d)|(?<=\b[dkmn] )x(?= [dkmn]\b)")
PLACES = {"Section", "Sections", "Table", "Theorem", "equation", "equations", "Chapter", "Appendix"}
LONGEST = 24  # tokens of one formula


def formulas_in(text):
    """A sentence as HTML, with its formulas typeset.

    >>> "<mi>m</mi>" in formulas_in("until it reaches the margin m.")
    True
    >>> formulas_in("a k-means step, e.g. in 3.2")
    'a k-means step, e.g. in 3.2'
    """
    parts = re.split(r"(\s+)", TIMES.sub("×", text))
    out, k = [], 0
    while k < len(parts):
        before = parts[k - 2] if k > 1 else ""
        found = longest(parts, k) if parts[k].strip() and before not in PLACES else None
        found = found or capital(parts[k], before, k + 1)
        if found:
            html, k = found
            out.append(html)
        else:
            out.append(SIGNS.get(parts[k]) or escape(parts[k], quote=False))
            k += 1
    return "".join(out)


def capital(token, before, end):
    """The letter A within a sentence, where it is no article, as HTML, and where the text goes on."""
    m = re.fullmatch(r"(\(?)A([,;.)]*)", token)
    if m and before and before[-1] not in ".:!?":
        return escape(m[1]) + mathml.math(mathml.identifier("A"), display=False) + m[2], end
    return None


def longest(parts, start):
    """The longest formula that begins there, as HTML, and where the text goes on; None if there is none."""
    end, depth = start, 0
    while end < len(parts) and end - start < 2 * LONGEST and kind(parts[end], depth > 0):
        depth += balance(parts[end])
        end += 2
    for stop in range(min(end, len(parts) + 1) - 1, start, -2):
        if html := typeset(parts[start:stop]):
            return html, stop
    return None


def kind(token, within=False):
    """ "strong" for what is a formula by itself, "weak" for what may belong to one, "" for a word."""
    core = token.strip("(),.;:?!") if len(token) > 1 else token
    runs = re.findall(r"[A-Za-z]+", core)
    if (
        not core
        or core in ("e.g", "i.e")
        or is_name(core)
        or any(not known(run, core, within) for run in runs)
    ):
        return ""
    if core in WORDS or core in JOINS or core in FUNCTIONS or not runs:
        return "strong" if re.search(r"[\[{|^]", core) and core not in JOINS else "weak"
    alone = core in GREEK or (is_differential(core) and core[1:] not in ("o", "a"))
    return "strong" if SIGNED.search(core) or alone or len(core) == 1 else "weak"


def known(run, core, within):
    """Whether letters in a row are of a formula, not a word."""
    if len(run) == 1 or run in GREEK or run in FUNCTIONS or run in NAMES or f"{run}_" in core:
        return True
    pair = len(run) == 2 and (within or re.search(r"[_^(\[{']", core))
    return bool(pair) or (is_differential(run) and run not in ("do", "da"))


def typeset(parts):
    """The HTML of a formula with the punctuation around it; "" if it is none."""
    text = "".join(parts)
    tokens = text.split()
    kinds = [kind(token, inside(tokens[:k])) for k, token in enumerate(tokens)]
    related = bool(RELATIONS & set(tokens[1:-1])) and any(re.fullmatch(r"[A-Za-z][.,]?", t) for t in tokens)
    if (
        not ("strong" in kinds or related)
        or tokens[0] in JOINS - {"-"}
        or tokens[-1] in JOINS | FUNCTIONS | WORDS
    ):
        return ""
    if tokens[0] in WORDS and not (len(tokens) > 1 and tokens[1] in JOINS):
        return ""
    if any(
        token[-1] in ",;:.?" and k + 1 < len(tokens) and not inside(tokens[: k + 1])
        for k, token in enumerate(tokens)
    ):
        return ""
    core = text.rstrip(".,;:?!")
    opened = len(re.match(r"\(*", core)[0]) - len(re.search(r"\)*$", core)[0])
    before = "(" * max(0, opened if balance(core) > 0 else 0)
    core = core[len(before) :]
    closed = max(0, -balance(core))
    after = core[len(core) - closed :] + text.rstrip()[len(text.rstrip(".,;:?!")) :]
    core = core[: len(core) - closed] if closed else core
    return marked_up(before, core, after)


def marked_up(before, core, after):
    """The markup, if all of it is a formula whose brackets close."""
    closes_early = any(balance(core[:k]) < 0 for k in range(len(core)))
    if balance(core) or closes_early or "'s" in core or (core.count("|") % 2 and " | " not in core):
        return ""
    try:
        runs = list(parts_of(core, flat=True))
    except Unreadable:
        return ""
    if [which for which, _ in runs] != ["math"]:
        return ""
    formula = escape(before) + mathml.math(runs[0][1], display=False) + escape(after)
    return f'<span class="whole">{formula}</span>' if before or after else formula


def balance(text):
    """Opening brackets less closing ones."""
    return sum(text.count(c) for c in "([{") - sum(text.count(c) for c in ")]}")


def inside(tokens):
    """Whether a bracket is open after these tokens."""
    return balance(" ".join(tokens)) > 0
