r"""Tokens: a header's line of plain text, cut into what a formula is made of.

    beta  sum  log        Greek letters, big operators, functions
    dE  d2E  dlogJ        differentials
    log_softmax  `m`      names of Python
    words                 everything else of more than one letter, unless a script or a bracket follows

Source: the notation is that of `ebm_ref/__init__.py`.
"""

import re
from typing import NamedTuple

_LATIN = "alpha beta gamma delta epsilon eps zeta eta theta kappa lambda mu nu pi rho sigma tau phi chi omega"
GREEK = dict(zip(_LATIN.split(), "αβγδεεζηθκλμνπρστφχω", strict=True))
GREEK |= {"Gamma": "Γ", "Phi": "Φ", "infinity": "∞", "inf": "∞"}
SIGNS = {"<=": "≤", ">=": "≥", "!=": "≠", "<-": "←", "->": "→", "=>": "⇒", "~": "∼", "-": "−", "*": "·"}
SIGNS |= {"...": "…", "..": "…", "||": "∥"}
BIG = {"sum": "∑", "prod": "∏", "int": "∫", "integral": "∫"}
LIMITS = {"min", "max", "argmin", "argmax", "softmin", *BIG}  # what stands under them stands below
FUNCTIONS = LIMITS | set(
    "log exp sqrt tanh cosh sinh coth sin cos arctan sign det tr diag erfc log1p expm1 softmax var mean "
    "sigmoid softplus log1mexp xlogy xlog1py logsumexp pool agm round".split()
)
NAMES = set("lp sp sd KL ECE NLL ESS MCSE ED AR rhat corr const".split())
RELATIONS = ("=", "<-", "~", ">=", "<=", "->", "=>", "+=", "<", ">")
SMALL = set(
    "a is of in by to on at if or as an no it any the and all over then up do we so be its go up".split()
)

_NAME = r"(?!(?:{})_)[a-z][a-z0-9]{{2,}}(?:(?:_of)?_(?!(?:{}|max|min|data|model)\b)[a-z]{{3,}})+".format(
    "|".join([*LIMITS, "shrink", "mean"]), "|".join(GREEK)
)
TOKEN = re.compile(
    r"`[^`]*`"  # code
    r"|[a-z_]+(?:/[a-z_]+)*\.py"  # another page
    rf"|{_NAME}|[A-Z]{{3,}}(?:_[A-Z]{{3,}})+"
    r"|[A-Za-z]{2,}(?:-[A-Za-z]{2,})+|[A-Z]{2,}-[A-Za-z](?![A-Za-z])"  # min-sum, CD-k
    r"|d2(?=[A-Za-z])[A-Za-z]"  # d2E/dx2
    r"|u?int\d+|float\d+"
    r"|log1p|expm1|log1mexp|xlog1py|chi2|lvq2"
    r"|\.\.(?=[a-zA-Z(\d])"
    r"|\d+\.\d+(?:e-?\d+)?|\.\d+|\d+(?:e-?\d+)?"
    r"|\.\.\.|<=|>=|!=|<-(?=\s)|->|=>|\+=|\|\||//"
    r"|[A-Za-z]+\d?(?![A-Za-z0-9])|[A-Za-z]+|\S"
)


class Token(NamedTuple):
    text: str
    spaced: bool  # a blank stands before it


def tokens(text):
    """The tokens of a line, each with whether a blank stands before it.

    >>> [t.text for t in tokens("dL/dE_j = [j = y]")][:6]
    ['dL', '/', 'dE', '_', 'j', '=']
    """
    return [Token(m[0], m.start() > 0 and text[m.start() - 1].isspace()) for m in TOKEN.finditer(text)]


def is_name(text):
    """Whether it is Python rather than mathematics."""
    return (
        text.startswith("`")
        or text.endswith(".py")
        or bool(re.fullmatch(rf"{_NAME}|[A-Z]+(?:_[A-Z]{{3,}})+|u?int\d+|float\d+|lvq2", text))
    )


def is_differential(text, after_slash=False):
    """dE, d2E, dlogJ, and what stands below the line of a derivative.

    >>> [is_differential(t) for t in ("dE", "dmu", "do", "data", "dcos")]
    [True, True, False, False, True]
    """
    if not re.fullmatch(r"d2?[A-Za-z]+\d?", text) or text in SMALL:
        return False
    rest = re.sub("^d2?", "", text)
    known = rest.rstrip("2") in GREEK or rest in NAMES or rest in ("cos", "logJ") or text.startswith("d2")
    return known or len(rest) == 1 or (after_slash and (len(rest.rstrip("12")) == 1 or rest in GREEK))
