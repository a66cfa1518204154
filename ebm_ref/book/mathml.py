r"""MathML: the few elements that formulas are set with.

    identifier, number, operator, words      what stands in a formula
    fraction, scripts, row                   how they are put together

Each returns markup, as text.  Only what every browser of today knows is used, MathML Core.

Source: W3C, MathML Core.
"""

from html import escape


def identifier(text, upright=False):
    """A letter in italics, or a name in upright letters.

    >>> identifier("x"), identifier("log")
    ('<mi>x</mi>', '<mi>log</mi>')
    """
    normal = ' mathvariant="normal"' if upright and len(text) == 1 else ""
    return f"<mi{normal}>{escape(text)}</mi>"


def number(text):
    """Digits."""
    return f"<mn>{escape(text)}</mn>"


def operator(text, **attributes):
    """An operator, a bracket, a comma."""
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<mo{given}>{escape(text)}</mo>"


def words(text):
    """Words between formulas."""
    return f"<mtext>{escape(text)}</mtext>"


def code(text):
    """A name of Python."""
    return f'<mtext class="code">{escape(text)}</mtext>'


def row(parts):
    """Parts side by side, as one element."""
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def fraction(above, below):
    """One above the other."""
    return f"<mfrac>{above}{below}</mfrac>"


def root(inside):
    """A square root."""
    return f"<msqrt>{inside}</msqrt>"


def scripts(base, below="", above="", limits=False):
    """A base with what stands below and above it: beside it, or under and over a sum or a minimum."""
    if below and above:
        tag = "munderover" if limits else "msubsup"
    elif below or above:
        tag = ("munder" if below else "mover") if limits else ("msub" if below else "msup")
    else:
        return base
    return f"<{tag}>{base}{below}{above}</{tag}>"


def math(inside, display=True):
    """A whole formula: with large sums and fractions, or with small ones, as within a line of text."""
    return f'<math displaystyle="{str(display).lower()}">{inside}</math>'
