r"""Parser: a line of a header to MathML.

    sequence    words, operators and factors, side by side; fractions are folded afterwards
    factor      a letter, a number, a bracket, with its scripts, primes and arguments

A blank is information: x / y divides all that stands on either side, x/y only its neighbours, p(y | x) is a
condition, |x| a size, and W' x a transpose where x' by itself is the next state.

Source: the notation is that of `ebm_ref/__init__.py`.
"""

import re

from ebm_ref.book import mathml
from ebm_ref.book.fractions import Part, fold
from ebm_ref.book.tokens import (
    BIG,
    FUNCTIONS,
    GREEK,
    LIMITS,
    NAMES,
    SIGNS,
    SMALL,
    Token,
    is_differential,
    is_name,
    tokens,
)

CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
ANGLES = {"<": "⟨", ">": "⟩"}
TALL = ("<mfrac", "<munder", "<mover", "<msqrt", "largeop")
END = Token("", True)


class Unreadable(ValueError):
    """A line that is no formula of the notation."""


class Parser:
    """A reader of tokens, from left to right."""

    def __init__(self, text, right_side=False):
        self.tokens = tokens(text)
        self.place = 0
        self.bars = 0  # how many |...| are open
        self.small = 0  # how many scripts are open: fractions within them are written on the line
        self.right_side = right_side
        self.function_before = False

    def peek(self, ahead=0):
        """A token that is not taken yet; END where there is none."""
        k = self.place + ahead
        return self.tokens[k] if 0 <= k < len(self.tokens) else END

    def next(self):
        """Take the next token: its text."""
        if self.place >= len(self.tokens):
            raise Unreadable("it ends too early")
        self.place += 1
        return self.tokens[self.place - 1].text

    def tight(self):
        """The next token, if no blank stands before it."""
        t = self.peek()
        return "" if t.spaced else t.text

    # words

    def is_word(self, ahead=0):
        """Whether a word stands there, not a letter or a name of mathematics."""
        t, after = self.peek(ahead), self.peek(ahead + 1)
        w, tight = t.text, "" if after.spaced else after.text
        if is_name(w) or ("-" in w and len(w) > 3):
            return not w.startswith("`") and tight != "("
        if w in ("a", "A", "I", "s"):  # an article only before a word; a plural only after an apostrophe
            return w != "s" and after.spaced and len(after.text) > 2 and self.is_word(ahead + 1)
        if w in ("sum", "min", "max", "mean", "int", "product", "sign") and (
            after is END or after.text in OF
        ):
            return True
        if not w.isalpha() or len(w) < 2 or w in GREEK or w in FUNCTIONS or w in NAMES:
            return False
        if tight in tuple("_^[(/'") and not (tight == "'" and self.owns(ahead)):
            return False
        before = self.peek(ahead - 1)
        if (
            (w.isupper() and (len(w) < 3 or tight))
            or is_differential(w, before.text == "/")
            or (before.text in ("/", "_", "^") and not t.spaced)
        ):
            return False
        return len(w) > 2 or w in SMALL

    def owns(self, ahead):
        """Whether a word with an apostrophe stands there: a function's, the inputs'."""
        word, after = self.peek(ahead).text, self.peek(ahead + 2)
        return self.is_plural(ahead + 1) or (word.endswith("s") and len(word) > 4 and after.spaced)

    def is_plural(self, ahead=0):
        """Whether 's stands there: of a word, or of letters before a word."""
        quote, s, word = (self.peek(ahead + k) for k in range(3))
        joined = quote.text == "'" and s.text == "s" and not quote.spaced and not s.spaced
        owner = self.peek(ahead - 1).text
        return joined and (len(owner) > 2 or (word.spaced and len(word.text) > 2 and word.text.isalpha()))

    def words(self):
        """A run of words, with the commas between them."""
        run = [self.next()]
        while True:
            if self.is_plural():
                run[-1] += self.next() + self.next()
            elif self.tight() == "'" and self.peek(1).spaced and len(run[-1]) > 4:
                run[-1] += self.next()
            elif self.is_word():
                run.append(self.next())
            elif self.tight() in (",", ":", ";", ".") and self.peek(1).spaced:
                run[-1] += self.next()
            else:
                return Part("words", " ".join(run))

    # sequences

    def sequence(self, closer=""):
        """Parts up to a closing bracket, or to the end."""
        parts = []
        while self.peek() is not END and not self.closes(closer):
            t = self.peek().text
            parts.append(self.part(parts))
            self.function_before = t in FUNCTIONS
        return fold(parts, flat=self.small > 0)

    def closes(self, closer):
        """Whether the next token closes a bracket; a bar between blanks is "given"."""
        t = self.peek()
        return t.text == closer and not (closer == "|" and t.spaced and self.peek(1).spaced)

    def part(self, parts):
        """The next part of a sequence."""
        t = self.peek()
        if parts and self.is_plural():
            self.next(), self.next()
            return Part("words", "’s")
        if self.is_word():
            return self.words()
        if t.text == "/":
            self.next()
            return Part("over" if t.spaced and self.peek().spaced else "slash", "")
        if self.is_operator(t, parts):
            return self.sign()
        return Part(*self.factor())

    def is_operator(self, t, parts):
        """Whether it stands between factors."""
        if t.text == "<":
            return not self.opens_mean(parts)
        if t.text == "|":
            after_factor = parts and parts[-1].kind in FACTORS and not self.function_before
            after_factor = after_factor and self.peek(-1).text != "E"  # E|x|, the mean of a size
            return (t.spaced and self.peek(1).spaced) or bool(not t.spaced and after_factor and not self.bars)
        return t.text in SIGNS or t.text in set("+=>,;:.#!)]}") or t.text in ("//", "+=")

    def opens_mean(self, parts):
        """<x>, a mean: not a < b, nor i<j."""
        later = [t for t in self.tokens[self.place + 1 :] if t.text == ">"]
        bound = self.peek().spaced or not parts or parts[-1].kind == "operator"
        return bool(later) and bound and not self.peek(1).spaced and not later[0].spaced

    def sign(self):
        """The next token as a sign: an operator, a dot, a bar, a factorial."""
        text = self.next()
        if text == "|":
            return Part("operator", mathml.operator("|", lspace="0.2em", rspace="0.2em"))
        if text == "." and self.peek() is not END:
            return Part("dot", mathml.operator("·"))
        if text == "!":
            return Part("factor", mathml.operator("!", lspace="0", rspace="0"))
        return Part("operator", mathml.operator(SIGNS.get(text, text)))

    def group(self, closer):
        """What stands up to a closing bracket, and whether that was there: it may stand on the next line."""
        bars, self.bars = self.bars, 0
        inside = self.sequence(closer)
        self.bars = bars
        closed = self.peek() is not END
        if closed:
            self.next()
        return inside, closer if closed else ""

    def fenced(self, opening):
        """An opening bracket, what stands within, and the closing one: no taller than what they hold."""
        inside, closed = self.group(CLOSING[opening])
        tall = {} if any(tag in inside for tag in TALL) else {"stretchy": "false"}
        left = mathml.operator(ANGLES.get(opening, opening), **tall)
        return left, inside, mathml.operator(ANGLES.get(closed, closed), **tall) if closed else ""

    # factors

    def factor(self):
        """A factor with its scripts: its kind, and markup."""
        start = self.place
        t = self.next()
        limits = t in LIMITS
        before = self.tokens[start - 1].text if start else ""
        if t[0].isdigit() or (t[0] == "." and len(t) > 1):
            return "number" if self.tight() not in ("^", "_") else "factor", self.scripted(
                mathml.number(t), t, start
            )
        if t in CLOSING:
            return self.bracket(t, start)
        if t == "|":
            self.bars += 1
            inside = self.sequence("|")
            self.bars -= 1
            if self.peek() is END:
                raise Unreadable("| is missing")
            self.next()
            bar = mathml.operator("|", fence="true")
            return "factor", self.scripted(mathml.row([bar, inside, bar]), ")", start)
        if is_name(t):
            return "factor", self.scripted(mathml.code(t.strip("`")), t, start)
        if t == "sqrt" and self.tight() == "(":
            self.next()
            return "factor", self.scripted(mathml.root(self.group(")")[0]), ")", start)
        if is_differential(t, before == "/") or self.is_d_of_bracket(t):
            return "differential", self.differential(t, before, start)
        if t == "d" and (self.peek().text in FUNCTIONS or self.is_power_of_d()):
            return "differential", self.scripted(mathml.identifier("d", upright=True), t, start)
        base = mathml.operator(BIG[t], largeop="true", movablelimits="false") if t in BIG else self.letters(t)
        bare = t in FUNCTIONS and self.tight() not in ("(", "[")
        return (
            "big" if t in LIMITS - {"int", "integral"} else "function"
        ) if bare else "factor", self.scripted(base, t, start, limits)

    def bracket(self, opening, start):
        """A bracket: a mean, a set, an index of truth; the one around a fraction alone is left out."""
        left, inside, right = self.fenced(opening)
        alone = opening == "(" and re.fullmatch(r"<mfrac>((?!<mfrac>).)*</mfrac>", inside)
        if alone and self.tight() not in ("^", "'", "_"):
            return "factor", inside
        base = mathml.row([left, inside, right])
        return "factor", self.scripted(base, ")", start)

    def differential(self, t, before, start):
        """d of a letter, of a name, or of the bracket that follows; dx2 below d2E is dx squared."""
        if t == "d":
            d = mathml.identifier("d", upright=True)
            return mathml.row([d, self.factor()[1]])
        rest = re.sub("^d2?", "", t)
        d = mathml.identifier("d", upright=True)
        if t.startswith("d2"):
            d = mathml.scripts(d, above=mathml.number("2"))
        if before == "/" and rest.endswith("2") and self.second(start):
            return mathml.row([d, mathml.scripts(self.letters(rest[:-1]), above=mathml.number("2"))])
        return mathml.row([d, self.scripted(self.letters(rest), rest, start)])

    def is_d_of_bracket(self, t):
        """d|x - y|/dx and d(log a)/du, where |d| is the size of d, and d(i, j) a distance."""
        if t != "d" or self.tight() not in ("|", "("):
            return False
        rest = " ".join(t.text for t in self.tokens[self.place :])
        return not self.bars and bool(re.match(r"(\|[^|]*\|( _ \w+)?|\(((?! d).)*\)) / d", rest))

    def is_power_of_d(self):
        """d^2(log Z)/dK^2."""
        rest = " ".join(t.text for t in self.tokens[self.place :])
        return self.tight() == "^" and bool(re.match(r"\^ \d \([^)]*\) / d", rest))

    def second(self, start):
        """Whether the derivative whose lower half begins there is a second one."""
        return any(t.text.startswith("d2") for t in self.tokens[max(0, start - 4) : start])

    def letters(self, t):
        """A letter, a Greek one, a letter with a number, a name, or a product of letters."""
        if t in GREEK:
            return mathml.identifier(GREEK[t], upright=t[0].isupper())
        if t == "logJ":
            return mathml.row([mathml.identifier("log"), mathml.identifier("J")])
        if t == "chi2":
            return mathml.scripts(mathml.identifier("χ"), above=mathml.number("2"))
        if t in FUNCTIONS or t in NAMES or (t.isupper() and len(t) > 1) or (len(t) > 2 and t.isalpha()):
            return mathml.identifier(t, upright=True)
        if len(t) == 2 and t[1].isdigit():
            return mathml.scripts(mathml.identifier(t[0]), mathml.number(t[1]))
        if not t.isalpha():
            if t.isascii() and not t.isalnum() and t not in "^_'":
                return mathml.operator(t)
            raise Unreadable(f"{t} is not known")
        return mathml.row([mathml.identifier(c) for c in t])

    # scripts

    def scripted(self, base, t, start, limits=False):
        """A base with its subscripts, powers, primes and arguments."""
        below = above = ""
        while p := self.tight():
            if p == "_" and not below:
                self.next()
                below = self.script()
            elif p == "^":
                self.next()
                above += self.script()
            elif p == "'" and limits and below:  # min_j': the index is primed
                self.next()
                below = mathml.scripts(below, above=mathml.operator("′"))
            elif p == "'" and not self.is_plural():
                self.next()
                above += mathml.operator("⊤" if self.transposes(t, start) else "′")
            elif p == "*" and t.isalpha() and (self.peek(1).spaced or self.peek(1).text in (")", ",")):
                self.next()
                above += mathml.operator("∗")
            elif p in ("(", "[") and self.takes_arguments(t, p):
                base = mathml.scripts(base, below, above and f"<mrow>{above}</mrow>", limits)
                base, below, above, limits = self.called(base, self.next()), "", "", False
            else:
                break
        return mathml.scripts(base, below, above and f"<mrow>{above}</mrow>", limits)

    def takes_arguments(self, t, p):
        """f(x), E[f], and (f - g)(x): but 2(a + b) is a product, and so is sum(...)."""
        return (t[0].isalpha() and t not in BIG) or (t == ")" and p == "(") or t.startswith("`") or is_name(t)

    def called(self, base, opening):
        """A function with its argument in brackets."""
        return mathml.row([base, *self.fenced(opening)])

    def script(self):
        """What follows _ or ^."""
        self.small += 1
        inside = self.small_print(self.next())
        self.small -= 1
        return inside

    def small_print(self, t):
        """A subscript or a power that begins with t."""
        if t in ("{", "("):
            return self.group(CLOSING[t])[0]
        if t == "<":  # a sum over <ij>, neighbours
            return mathml.row(self.fenced(t))
        if t == "-":
            return mathml.row([mathml.operator("−"), self.script()])
        if t == "T" and self.tokens[self.place - 2].text == "^":
            return mathml.operator("⊤")
        base = mathml.number(t) if t[0].isdigit() else mathml.code(t) if is_name(t) else self.letters(t)
        if t[0].isdigit() and self.tight().isalpha() and len(self.tight()) == 1:
            return mathml.row([base, mathml.identifier(self.next())])
        return base

    def transposes(self, t, start):
        """Whether ' is a transpose: of a capital or a bracket, before a factor, or of the last factor."""
        after = self.peek()
        if after.text == "(" and not after.spaced and t.islower():
            return False
        if not after.spaced and re.match(r"[A-Za-z0-9]", after.text):
            return True
        if t == ")" or t[0].isupper() or t == "1" or (after.spaced and re.fullmatch("[A-Z]", after.text)):
            return True
        if len(t) > 2 and t not in GREEK:
            return after.spaced and after.text in ("(", "P")
        return self.follows_a_factor(start) or (self.right_side and start == 0 and after is END)

    def follows_a_factor(self, start):
        """Whether a factor stands before it, and a blank between."""
        before = self.peek(start - 1 - self.place).text if start else ""
        factor = (
            (len(before.rstrip("0123456789")) < 2 and before.isalnum())
            or before in GREEK
            or before in (")", "'")
        )
        return factor and self.tokens[start].spaced


FACTORS = ("factor", "number", "differential", "function", "big")
OF = ("of", "over", "to", "before", "along", ":", ",")


def parts_of(text, right_side=False, flat=False):
    """The words, formulas and names of a line, in order: ("words", text), ("math", markup), ("code", text).

    Fractions are written on the line if `flat`, as they are in scripts.

    >>> [kind for kind, _ in parts_of("E_y - E_o where L > 0, else 0")]
    ['math', 'words', 'math', 'words', 'math']
    """
    parser = Parser(text, right_side)
    parser.small = int(flat)
    runs, parts = [], []
    while parser.peek() is not END:
        if parser.peek().text.startswith("`"):
            parts.append(Part("code", parser.next().strip("`")))
            continue
        parts.append(parser.part(parts))
        parser.function_before = parser.tokens[parser.place - 1].text in FUNCTIONS
    for part in [*parts, Part("words", "")]:
        if part.kind not in ("words", "code"):
            runs.append(part)
            continue
        yield from [("math", fold(runs, flat))] if runs else []
        yield from [part] if part.text else []
        runs = []
